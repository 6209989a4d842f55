/* journal.h - what happened: events.jsonl for the server, lifecycle.log for people
 *
 * Every event is on disk before it is spoken of. A runner that takes over reads the file and goes
 * on with the next number.
 */
#pragma once

#include "base/json.h"

struct journal;

/* Opens both files in the run folder. Owns: the caller. NULL with *err set. */
struct journal *journal_open(int folder, struct error *err);
void journal_free(struct journal **journal);

/* Appends an event and its line in lifecycle.log; `more` may be NULL, its members are added.
 * A disk that is full costs the file, not the event: it is still sent. Threads: any. */
void journal_event(struct journal *journal, const char *event, const struct json *more,
                   const char *reason);

/* Appends a line to lifecycle.log. */
PRINTF(2, 3) void journal_line(struct journal *journal, const char *format, ...);

/* The event of that name, written by us or by a runner before us: a copy, or NULL. */
struct json *journal_find(struct journal *journal, struct arena *arena, const char *event);
bool journal_has(struct journal *journal, const char *event);

/* The number of the newest event, 0 before the first. */
int64_t journal_last(struct journal *journal);

/* {"events": […]} from number `from` on, at most `limit` of them; the number of the last one, or 0
 * when there is none. Threads: any. */
int64_t journal_read(struct journal *journal, struct arena *arena, int64_t from, int64_t limit,
                     struct str *out);

/* Called after each event, from the thread that wrote it. */
void journal_on_event(struct journal *journal, void (*wake)(void *context), void *context);
