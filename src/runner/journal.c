/* events.jsonl: what this attempt has done, so that a runner after a crash goes on from there. */
#include "runner/journal.h"

#include "os/clock.h"
#include "os/file.h"

#include <assert.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>

#define JOURNAL_BYTES_MAX (16 * MIB)
#define LINE_BYTES_MAX 2048

struct journal {
    pthread_mutex_t lock;
    struct arena *arena;
    struct json *events; /* array; number n is at n - 1 */
    int events_fd, lines_fd;
    void (*wake)(void *context);
    void *context;
};

/* Takes over what an earlier runner wrote; a last line that was cut off is dropped. */
static void read_before(struct journal *journal, int folder)
{
    struct str rest, line;

    assert(json_count(journal->events) == 0);
    if (file_read(journal->arena, folder, "events.jsonl", JOURNAL_BYTES_MAX, &rest, NULL) < 0)
        return;
    while (str_split(&rest, '\n', &line)) {
        struct json *event = line.len ? json_parse(journal->arena, line, NULL) : NULL;
        if (json_int_at(event, "seq", 0) == (int64_t)json_count(journal->events) + 1)
            json_append(journal->arena, journal->events, event);
    }
}

/* Goes on behind the last whole line: a crash may have cut one off. */
struct journal *journal_open(int folder, struct error *err)
{
    if (dir_make(folder, "system_logs", 0755, err) < 0)
        return NULL;
    CLEANUP(fd_close)
    int events = file_open(folder, "events.jsonl", O_WRONLY | O_CREAT | O_APPEND, 0600, err);
    if (events < 0)
        return NULL;
    CLEANUP(fd_close)
    int lines =
        file_open(folder, "system_logs/lifecycle.log", O_WRONLY | O_CREAT | O_APPEND, 0644, err);
    if (lines < 0)
        return NULL;
    struct journal *journal = calloc(1, sizeof(*journal));
    if (!journal)
        abort();
    pthread_mutex_init(&journal->lock, NULL);
    journal->arena = arena_new(2 * JOURNAL_BYTES_MAX);
    journal->events = json_array(journal->arena);
    read_before(journal, folder);
    journal->events_fd = events;
    journal->lines_fd = lines;
    events = lines = -1;
    assert(journal->events_fd >= 0);
    return journal;
}

/* Both files are on disk by then; only memory goes. */
void journal_free(struct journal **journal)
{
    struct journal *ending = *journal;

    if (!ending)
        return;
    *journal = NULL;
    fd_close(&ending->events_fd);
    fd_close(&ending->lines_fd);
    arena_free(&ending->arena);
    pthread_mutex_destroy(&ending->lock);
    assert(!ending->events || !ending->arena);
    free(ending);
}

/* With the lock held: one line with the time before it. */
static void write_line(struct journal *journal, struct str text)
{
    char time[CLOCK_ISO_BYTES];
    CLEANUP(buf_free) struct buf line = buf_make(2 * LINE_BYTES_MAX);

    assert(journal->lines_fd >= 0);
    buf_add(&line, clock_iso(clock_now_us(), time));
    buf_add_char(&line, ' ');
    buf_add(&line, str_slice(text, 0, LINE_BYTES_MAX));
    buf_add_char(&line, '\n');
    fd_write_all(journal->lines_fd, buf_str(&line), NULL);
}

/* Members of ours stand first; `more` cannot take their place. */
static struct json *make_event(struct journal *journal, const char *name, const struct json *more,
                               const char *reason)
{
    struct arena *arena = journal->arena;
    struct json *event = json_object(arena);
    struct json_iter it = json_iter(more);

    assert(*name);
    json_set_int(arena, event, "seq", (int64_t)json_count(journal->events) + 1);
    json_set_int(arena, event, "atUs", clock_now_us());
    json_set_str(arena, event, "event", str_from(name));
    json_set_str(arena, event, "reason", str_from(reason));
    while (json_next(&it))
        if (!json_get(event, it.key))
            json_set(arena, event, it.key, json_copy(arena, it.value));
    return event;
}

/* Written before it is sent: what the server has heard is never lost here. */
void journal_event(struct journal *journal, const char *name, const struct json *more,
                   const char *reason)
{
    pthread_mutex_lock(&journal->lock);
    struct json *event = make_event(journal, name, more, reason);
    struct str text = json_write(journal->arena, event);
    CLEANUP(buf_free) struct buf line = buf_make(JOURNAL_BYTES_MAX);
    buf_add(&line, text);
    buf_add_char(&line, '\n');
    if (fd_write_all(journal->events_fd, buf_str(&line), NULL) == 0)
        fd_sync(journal->events_fd, NULL);
    json_append(journal->arena, journal->events, event);
    buf_clear(&line);
    buf_printf(&line, "%s: %s", name, reason);
    write_line(journal, buf_str(&line));
    void (*wake)(void *context) = journal->wake;
    void *context = journal->context;
    pthread_mutex_unlock(&journal->lock);
    assert(text.len);
    if (wake)
        wake(context);
}

/* For people, in system_logs/lifecycle.log. */
void journal_line(struct journal *journal, const char *format, ...)
{
    CLEANUP(buf_free) struct buf text = buf_make(4 * LINE_BYTES_MAX);
    CLEANUP(arena_free) struct arena *arena = arena_new(64 * KIB);
    va_list args;

    va_start(args, format);
    struct str line = arena_vprintf(arena, format, args);
    va_end(args);
    assert(line.ptr);
    pthread_mutex_lock(&journal->lock);
    write_line(journal, line);
    pthread_mutex_unlock(&journal->lock);
}

/* A copy, since another thread may add to the journal at any time. */
struct json *journal_find(struct journal *journal, struct arena *arena, const char *event)
{
    struct json *found = NULL;

    assert(*event);
    pthread_mutex_lock(&journal->lock);
    struct json_iter it = json_iter(journal->events);
    while (!found && json_next(&it))
        if (str_eq(json_str_at(it.value, "event"), str_from(event)))
            found = json_copy(arena, it.value);
    pthread_mutex_unlock(&journal->lock);
    return found;
}

/* By it a new runner knows what an earlier one did. */
bool journal_has(struct journal *journal, const char *event)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(JOURNAL_BYTES_MAX);

    return journal_find(journal, arena, event) != NULL;
}

/* Numbers begin with 1 and have no gaps. */
int64_t journal_last(struct journal *journal)
{
    pthread_mutex_lock(&journal->lock);
    int64_t last = (int64_t)json_count(journal->events);
    pthread_mutex_unlock(&journal->lock);
    assert(last >= 0);
    return last;
}

/* Numbered by place, so that the server knows which it has already. */
int64_t journal_read(struct journal *journal, struct arena *arena, int64_t from, int64_t limit,
                     struct str *out)
{
    struct json *body = json_object(arena), *events = json_array(arena);
    int64_t last = 0;

    assert(from >= 1 && limit >= 1);
    pthread_mutex_lock(&journal->lock);
    struct json_iter it = json_iter(journal->events);
    while (json_next(&it)) {
        int64_t number = (int64_t)it.index + 1;
        if (number < from || number >= from + limit)
            continue;
        json_append(arena, events, json_copy(arena, it.value));
        last = number;
    }
    pthread_mutex_unlock(&journal->lock);
    if (last) {
        json_set(arena, body, STR("events"), events);
        *out = json_write(arena, body);
    }
    return last;
}

/* One follower: delivery, which sleeps otherwise. */
void journal_on_event(struct journal *journal, void (*wake)(void *context), void *context)
{
    pthread_mutex_lock(&journal->lock);
    assert(!journal->wake || !wake);
    journal->wake = wake;
    journal->context = context;
    pthread_mutex_unlock(&journal->lock);
}
