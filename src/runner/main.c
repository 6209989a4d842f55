/* `lazurite runner FOLDER`: from start to exit.json. Everything that lasts stands in the folder, so
 * a runner may die at any point and the next one goes on. */
#include "runner/runner.h"

#include "os/file.h"
#include "os/process.h"
#include "runner/attempt.h"
#include "runner/collect.h"
#include "runner/delivery.h"
#include "runner/managed.h"
#include "runner/prepare.h"
#include "runner/work.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define SPEC_BYTES_MAX (8 * MIB)
#define ARENA_BYTES (1 * GIB)

/* What the signal handler reaches. */
static struct stop stop = {.fd = -1};

/* Called by a signal handler: nothing here may lock or allocate. */
void stop_ask(struct stop *asked)
{
    uint64_t one = 1;
    int before = errno;

    atomic_store(&asked->asked, true);
    if (write(asked->fd, &one, sizeof(one)) < 0) {
        /* The counter is full: then it is readable, which is all that is wanted. */
    }
    errno = before;
}

/* Only what a signal handler may do: a flag and a byte. */
static void on_signal(int)
{
    stop_ask(&stop);
}

/* SIGHUP is ignored, so that a job outlives the terminal and the server it was started from. */
static int install_stop(struct error *err)
{
    struct sigaction action = {.sa_handler = on_signal};
    struct sigaction ignore = {.sa_handler = SIG_IGN};

    stop.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (stop.fd < 0)
        return error_errno(err, errno, "The runner cannot listen for signals");
    assert(!atomic_load(&stop.asked));
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGPIPE, &ignore, NULL);
    sigaction(SIGHUP, &ignore, NULL);
    return 0;
}

/* Reads spec.json and opens the two folders. */
static int open_attempt(struct attempt *attempt, const char *path, struct error *err)
{
    CLEANUP(arena_free) struct arena *scratch = arena_new(MIB);
    char *absolute = realpath(path, NULL);
    struct str text;

    attempt->folder_path = arena_str(attempt->arena, str_from(absolute ? absolute : path));
    free(absolute);
    attempt->folder = dir_open(attempt->folder_path.ptr, err);
    if (attempt->folder < 0 ||
        file_read(attempt->arena, attempt->folder, "spec.json", SPEC_BYTES_MAX, &text, err) < 0)
        return -1;
    attempt->spec = json_parse(attempt->arena, text, err);
    if (!attempt->spec)
        return -1;
    attempt->name = json_str_at(attempt->spec, "attempt");
    attempt->data_path = json_str_at(attempt->spec, "dataDir");
    attempt->replica = str_eq(json_str_at(attempt->spec, "kind"), STR("replica"));
    if (json_int_at(attempt->spec, "version", 0) != 1 || !attempt->name.len ||
        str_find_char(attempt->name, '/') >= 0 || attempt->data_path.len < 2 ||
        attempt->data_path.ptr[0] != '/')
        return error_set(err, ERROR_INVALID, "",
                         "This is not the spec.json of a runner of this version.");
    attempt->data = dir_open(arena_cstr(scratch, attempt->data_path), err);
    assert(attempt->folder_path.len);
    return attempt->data < 0 ? -1 : 0;
}

/* 1 this is the runner now, 0 another one lives, -1 error. */
static int take_over(struct attempt *attempt, int *out_lock, struct error *err)
{
    struct json *record = json_object(attempt->arena);
    struct process_id self;
    int owner;
    struct error cause = {0};

    if (file_lock(attempt->folder, "runner.lock", out_lock, &owner, &cause) < 0) {
        *err = cause;
        return cause.code == ERROR_CONFLICT ? 0 : -1;
    }
    if (process_identify(getpid(), &self, err) < 0)
        return -1;
    assert(self.pid == getpid());
    json_set_int(attempt->arena, record, "pid", self.pid);
    json_set_int(attempt->arena, record, "startTime", (int64_t)self.start_time);
    json_set_str(attempt->arena, record, "bootId", str_from(self.boot_id));
    if (file_write_atomic(attempt->folder, "runner.json", json_write(attempt->arena, record), 0600,
                          err) < 0 ||
        dir_make(attempt->folder, "user_logs", 0755, err) < 0)
        return -1;
    return 1;
}

/* A replica that ended is started again from the beginning, with the inputs it has. */
static void forget_ended_replica(struct attempt *attempt)
{
    static const char *const RECORDS[] = {"process.json", "exit.json", "events.jsonl", "r.sock",
                                          "score.json"};
    struct process_id id = {0};
    struct str text;

    assert(attempt->replica);
    if (file_read(attempt->arena, attempt->folder, "process.json", 64 * KIB, &text, NULL) == 0) {
        struct json *record = json_parse(attempt->arena, text, NULL);
        id.pid = (pid_t)json_int_at(record, "pid", 0);
        id.start_time = (uint64_t)json_int_at(record, "startTime", 0);
        snprintf(id.boot_id, sizeof(id.boot_id), "%.*s", STR_ARG(json_str_at(record, "bootId")));
        if (process_alive(&id))
            return;
    }
    for (size_t i = 0; i < COUNT(RECORDS); i++)
        dir_remove_tree(attempt->folder, RECORDS[i], NULL);
}

/* How an earlier runner saw it end; then only collecting and telling are left. */
static bool find_end(struct attempt *attempt, struct work_end *out)
{
    static const char *const KINDS[] = {"exit",     "signal",   "memory", "timeout",
                                        "canceled", "notFound", "lost"};
    struct json *ended = journal_find(attempt->journal, attempt->arena, "ended");
    struct str kind = json_str_at(ended, "kind");

    assert(out);
    for (size_t i = 0; i < COUNT(KINDS); i++)
        if (str_eq(kind, str_from(KINDS[i]))) {
            *out =
                (struct work_end){.kind = KINDS[i],
                                  .code = (int)json_int_at(ended, "code", 0),
                                  .signal = (int)json_int_at(ended, "signal", 0),
                                  .reason = json_str_at(ended, "reason"),
                                  .peak_memory_bytes = json_int_at(ended, "peakMemoryBytes", -1)};
            return true;
        }
    return false;
}

/* Prepares and runs; whatever goes wrong becomes an end with a reason. */
static struct work_end run(struct attempt *attempt, struct remote *remote)
{
    struct work_end end = {.kind = "prepare", .peak_memory_bytes = -1};
    struct error err = {0};
    bool begun = journal_has(attempt->journal, "starting");

    if (find_end(attempt, &end))
        return end;
    if (begun)
        prepare_walls(attempt);
    if ((!begun && prepare(attempt, remote, &err) < 0) || work_attend(attempt, &end, &err) < 0) {
        if (err.code == ERROR_CANCELED || atomic_load(&attempt->stop->asked))
            end.kind = "canceled";
        end.reason = err.hint[0] ? arena_printf(attempt->arena, "%s %s", err.message, err.hint)
                                 : arena_str(attempt->arena, str_from(err.message));
        return end;
    }
    assert(end.kind && end.reason.len);
    journal_event(attempt->journal, "ended", work_end_json(attempt->arena, &end), end.reason.ptr);
    return end;
}

/* How it ended stays the first sentence. */
static void add_to_reason(struct attempt *attempt, struct str more, struct work_end *end)
{
    assert(end->kind);
    if (more.len)
        end->reason =
            arena_printf(attempt->arena, "%.*s %.*s", STR_ARG(end->reason), STR_ARG(more));
}

/* exit.json, then the event that says the same. */
static void finish(struct attempt *attempt, const struct work_end *end)
{
    struct json *record = work_end_json(attempt->arena, end);
    struct error err = {0};

    assert(end->kind);
    if (file_write_atomic(attempt->folder, "exit.json", json_write(attempt->arena, record), 0600,
                          &err) < 0)
        journal_line(attempt->journal, "exit.json: %s", err.message);
    if (!journal_has(attempt->journal, "finished"))
        journal_event(attempt->journal, "finished", record,
                      arena_cstr(attempt->arena, end->reason));
}

/* Each step leaves its mark in the journal, so a runner that takes over begins behind the last
 * one. */
static int run_attempt(struct attempt *attempt, struct error *err)
{
    CLEANUP(journal_free) struct journal *journal = NULL;
    CLEANUP(remote_free) struct remote *remote = NULL;

    if (attempt->replica)
        forget_ended_replica(attempt);
    journal = journal_open(attempt->folder, err);
    if (!journal)
        return -1;
    attempt->journal = journal;
    if (!attempt->replica)
        attempt->delivery = delivery_start(attempt);
    if (json_str_at(attempt->spec, "server.socket").len && json_str_at(attempt->spec, "token").len)
        remote = remote_new(attempt);
    if (!journal_has(journal, "finished")) {
        attempt->managed = managed_start(attempt);
        struct work_end end = run(attempt, remote);
        managed_end(&attempt->managed); /* tokens are for the command */
        if (!attempt->replica && remote && strcmp(end.kind, "prepare") != 0)
            add_to_reason(attempt, collect_all(attempt, remote), &end);
        finish(attempt, &end);
    }
    assert(journal_has(journal, "finished"));
    delivery_finish(&attempt->delivery);
    return 0;
}

/* The exit status says whether the folder could be worked with; how the job ended stands in it. */
int runner_main(int argc, char **argv)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(ARENA_BYTES);
    CLEANUP(fd_close) int lock = -1;
    struct attempt attempt = {.arena = arena, .folder = -1, .data = -1, .stop = &stop};
    struct error err = {0};
    int result = 1;

    assert(argc >= 1);
    if (argc != 2) {
        fprintf(stderr, "usage: lazurite runner FOLDER\n");
        return 2;
    }
    if (install_stop(&err) == 0 && open_attempt(&attempt, argv[1], &err) == 0) {
        int mine = take_over(&attempt, &lock, &err);
        if (mine == 0 || (mine > 0 && run_attempt(&attempt, &err) == 0))
            result = 0;
    }
    if (err.code != ERROR_NONE)
        fprintf(stderr, "%s\n", err.message);
    fd_close(&attempt.folder);
    fd_close(&attempt.data);
    fd_close(&stop.fd);
    return result;
}
