/* world_test.h - the engine on a store in memory, with a backend that starts nothing: tests play
 * the runner */
#pragma once

#include "job/step.h"

#include "base/test.h"
#include "content/content.h"
#include "identity/identity.h"
#include "job/finish.h"
#include "job/queue.h"
#include "job/spec.h"
#include "job/start.h"
#include "job/watch.h"
#include "os/clock.h"
#include "os/file.h"

struct world {
    struct arena *arena;
    struct pool *pool;
    struct store *store;
    struct content *content;
    struct identity *identity;
    struct jobs *jobs;
    struct scope scope;
    int dir;
    char path[300];
    int starts;        /* runners that the backend was asked for */
    bool runner_alive; /* what the backend says of all of them */
};

/* One at a time; the backend has no other way to find it. */
void world_open(struct world *w);
void world_close(struct world *w);

/* Submits as kinds/job.c does; -1 with the error of prepare. */
int world_submit(struct world *w, const char *name, const char *properties, struct error *err);

/* The run's row as it is now; its reason in the world's arena. */
struct run world_run(struct world *w, const char *name);

/* Tells the first attempt's events, as its runner would. */
struct watch_answer world_report(struct world *w, int64_t run, const char *events);

/* One round of the engine's thread, which must go well. */
void world_turn(struct world *w);

#define HELLO "{\"jobType\":\"Command\",\"command\":\"echo hello\"}"
