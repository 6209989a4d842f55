/* A job's life as one stream of server-sent events: state, logs, end. A cursor in each event lets a
 * client go on where its connection broke, without losing or repeating a byte. */
#include "kinds/job_stream.h"

#include "arm/kind.h"
#include "base/buf.h"
#include "content/content.h"
#include "http/text.h"
#include "job/attempt.h"
#include "job/finish.h"
#include "job/job.h"
#include "job/watcher.h"
#include "os/file.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Of one log at a time, so that a loud one does not silence the other. */
#define PIECE_BYTES (16 * KIB)
#define PENDING_BYTES (256 * KIB)

/* One log file of the job, read from where the cursor stands. */
struct stream_log {
    bool wanted;
    int fd; /* -1: not there yet */
    int64_t offset;
};

/* One open stream. It lives until its peer goes or the job is over, and belongs to the loop's
 * thread but for `watcher`. */
struct job_stream {
    struct http_source source;
    struct job_watcher watcher;
    struct http_exchange *ex;
    struct engines *engines;
    struct buf pending; /* events made and not yet taken by the peer */
    int64_t run;
    int attempt;
    bool final; /* the run has ended; send `end` when the logs are through */
    bool ended;
    enum run_status status;
    char reason[512];
    struct stream_log logs[JOB_LOG_COUNT];
};

/* Whether the second byte may follow the first: no overlong form, no half of a surrogate pair,
 * nothing past U+10FFFF (RFC 3629, section 4). Readers that are strict stop at any of these. */
static bool may_follow(unsigned char first, unsigned char second)
{
    unsigned char low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    unsigned char high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;

    return second >= low && second <= high;
}

/* Length of the UTF-8 sequence that begins here, 0 when it is none; needs `more` when cut off. */
static size_t sequence(const unsigned char *at, size_t left, bool *more)
{
    assert(left > 0);
    size_t want = at[0] < 0x80                    ? 1
                  : at[0] >= 0xc2 && at[0] < 0xe0 ? 2
                  : at[0] >= 0xe0 && at[0] < 0xf0 ? 3
                  : at[0] >= 0xf0 && at[0] < 0xf5 ? 4
                                                  : 0;
    for (size_t i = 1; i < want; i++) {
        if (i == left) {
            *more = true;
            return 0;
        }
        if ((at[i] & 0xc0) != 0x80 || (i == 1 && !may_follow(at[0], at[1])))
            return 0;
    }
    return want;
}

/* Copies text, bytes that are no UTF-8 becoming U+FFFD; stops before a sequence cut off at the end.
 * Returns how many bytes of the input are done. */
static size_t clean(struct buf *out, const unsigned char *bytes, size_t len, bool last)
{
    size_t at = 0;

    assert(at <= len);
    while (at < len) {
        bool more = false;
        size_t count = sequence(bytes + at, len - at, &more);
        if (more && !last)
            break;
        if (count)
            buf_add_bytes(out, bytes + at, count);
        else
            buf_add(out, STR("\xef\xbf\xbd"));
        at += count ? count : 1;
    }
    return at;
}

/* The cursor: offsets of all files, joined by commas. */
static struct str cursor_text(const struct job_stream *s, char *out, size_t size)
{
    int len = 0;

    assert(size >= 3 * 21);
    for (size_t i = 0; i < JOB_LOG_COUNT; i++)
        len += snprintf(out + len, size - (size_t)len, "%s%lld", i ? "," : "",
                        (long long)s->logs[i].offset);
    return (struct str){out, (size_t)len};
}

/* The cursor stands behind the event: a client that comes back with it misses nothing and
 * repeats nothing. */
static void add_event(struct job_stream *s, const char *name, struct arena *arena,
                      const struct json *data)
{
    char cursor[96];

    assert(name);
    http_event(&s->pending, cursor_text(s, cursor, sizeof(cursor)), str_from(name),
               json_write(arena, data));
}

/* The same shape for a state on the way and for the end, so that a client needs one reader. */
static void add_state(struct job_stream *s, const char *event, enum run_status status,
                      struct str reason)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct json *data = json_object(arena);

    assert(status > 0);
    json_set_str(arena, data, "status", str_from(run_status_name(status)));
    json_set_str(arena, data, "reason", reason);
    add_event(s, event, arena, data);
}

/* A log that was not there when the stream began may have come since. */
static void open_log(struct job_stream *s, size_t at)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(64 * KIB);

    assert(at < JOB_LOG_COUNT);
    /* A job that waits for its turn has no attempt yet, and one canceled by then never has. */
    if (s->attempt == 0)
        return;
    struct str key = finish_log_key(arena, s->run, s->attempt, JOB_LOGS[at]);
    s->logs[at].fd = content_log_open(s->engines->content, key, NULL);
}

/* Makes one `log` event out of what a file has new. */
static bool add_log(struct job_stream *s, size_t at)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    CLEANUP(buf_free) struct buf text = buf_make(4 * PIECE_BYTES);
    struct stream_log *log = &s->logs[at];
    unsigned char piece[PIECE_BYTES];
    struct json *data;

    assert(at < JOB_LOG_COUNT);
    if (log->fd < 0)
        open_log(s, at);
    ssize_t count = log->fd < 0 ? 0 : pread(log->fd, piece, sizeof(piece), log->offset);
    if (count <= 0)
        return false;
    size_t done = clean(&text, piece, (size_t)count, s->final && (size_t)count < sizeof(piece));
    if (done == 0)
        return false;
    data = json_object(arena);
    json_set_str(arena, data, "file", JOB_LOGS[at]);
    json_set_int(arena, data, "offset", log->offset);
    json_set_str(arena, data, "text", buf_str(&text));
    log->offset += (int64_t)done;
    add_event(s, "log", arena, data);
    return true;
}

/* States first, then bytes of the logs, then the end. */
static void refill(struct job_stream *s)
{
    static_assert(PENDING_BYTES / 2 > 6 * PIECE_BYTES + 4 * KIB, "one more piece always fits");
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct str reason;
    bool more = true;

    assert(s->engines);
    if (job_watch_state(jobs_watchers(s->engines->jobs), &s->watcher, arena, &s->status, &reason)) {
        snprintf(s->reason, sizeof(s->reason), "%.*s", STR_ARG(reason));
        if (s->attempt == 0)
            s->attempt = 1;
        s->final = run_status_final(s->status);
        add_state(s, "state", s->status, reason);
    }
    while (more && s->pending.len < PENDING_BYTES / 2) {
        more = false;
        /* Asked before each piece: one of nothing but controls grows sixfold as JSON, and what is
         * past the cap would be lost with its offset moved on. */
        for (size_t i = 0; i < JOB_LOG_COUNT && s->pending.len < PENDING_BYTES / 2; i++)
            more |= s->logs[i].wanted && add_log(s, i);
    }
    if (s->final && !more && !s->ended) {
        add_state(s, "end", s->status, str_from(s->reason));
        s->ended = true;
    }
}

/* On the loop's thread: it never waits, the watcher wakes it. */
static ssize_t stream_read(struct http_source *source, void *out, size_t size)
{
    struct job_stream *s = CONTAINER_OF(source, struct job_stream, source);

    if (s->pending.len == 0 && !s->ended)
        refill(s);
    if (s->pending.len == 0)
        return s->ended ? 0 : HTTP_SOURCE_WAIT;
    size_t count = s->pending.len < size ? s->pending.len : size;
    memcpy(out, s->pending.ptr, count);
    buf_consume(&s->pending, count);
    return (ssize_t)count;
}

/* The watcher first: after it nobody wakes an exchange that is gone. */
static void stream_close(struct http_source *source)
{
    struct job_stream *s = CONTAINER_OF(source, struct job_stream, source);

    assert(s->watcher.run > 0);
    job_watch_end(jobs_watchers(s->engines->jobs), &s->watcher);
    for (size_t i = 0; i < JOB_LOG_COUNT; i++)
        fd_close(&s->logs[i].fd);
    buf_free(&s->pending);
    free(s);
}

/* From whichever thread tells of a change: the loop's thread then looks itself. */
static void stream_wake(struct job_watcher *watcher)
{
    http_wake(CONTAINER_OF(watcher, struct job_stream, watcher)->ex);
}

/* Without a word only what the command itself said. */
static bool is_wanted(struct str logs, size_t at)
{
    static const char *const NAMES[JOB_LOG_COUNT] = {"std", "system", "build"};

    assert(at < JOB_LOG_COUNT);
    if (logs.len == 0)
        return at == 0;
    return str_eq(logs, STR("all")) || str_eq(logs, str_from(NAMES[at]));
}

/* Fewer numbers than files will do: a log that an older server did not know begins at its start. */
static int read_cursor(struct job_stream *s, struct str cursor, struct error *err)
{
    struct str rest = cursor, piece;
    size_t at = 0;

    assert(s);
    while (cursor.len && str_split(&rest, ',', &piece)) {
        if (at == JOB_LOG_COUNT || !str_to_int64(piece, &s->logs[at].offset) ||
            s->logs[at].offset < 0)
            return error_set(err, ERROR_INVALID, "cursor",
                             "This is not a cursor of a job's stream.");
        at++;
    }
    return 0;
}

/* Opens what there is: the growing log of the attempt, or the artifact it became. */
static void open_logs(struct job_stream *s, struct store_txn *txn, const struct scope *scope,
                      const struct run *run)
{
    struct arena *arena = store_arena(txn);

    assert(run->run > 0);
    for (size_t i = 0; i < JOB_LOG_COUNT; i++) {
        struct blob blob;
        if (!s->logs[i].wanted)
            continue;
        open_log(s, i);
        if (s->logs[i].fd >= 0)
            continue;
        struct str name =
            arena_printf(arena, "%.*s/%.*s", STR_ARG(asset_run_prefix(arena, run->run_id)),
                         STR_ARG(JOB_LOGS[i]));
        if (blob_get(txn, asset_artifact_container(arena, scope), name, &blob, NULL) == 0)
            s->logs[i].fd = content_open_object(s->engines->content, txn, blob.object, NULL);
    }
}

/* In the workspace of the address: a job of another one is not there. */
static int find_run(struct call *call, struct store_txn *txn, struct scope *out_scope,
                    struct run *out_run, struct error *err)
{
    const struct scope_name workspace = {call_param(call, "subscription"),
                                         call_param(call, "group"), call_param(call, "workspace")};

    assert(out_scope && out_run);
    if (scope_find(txn, &workspace, out_scope, err) < 0)
        return -1;
    struct str name = call_param(call, "name");
    if (run_get(txn, out_scope->number, name, out_run, err) == 0)
        return 0;
    if (err->code != ERROR_NOT_FOUND) /* a store in trouble does not make the job disappear */
        return -1;
    return error_set(err, ERROR_NOT_FOUND, name.ptr, "There is no job '%.*s'.", STR_ARG(name));
}

/* Everything it needs is copied or counted: the call's arena may go before the stream does. */
static struct job_stream *stream_new(struct call *call, const struct run *run)
{
    struct job_stream *s = calloc(1, sizeof(*s));
    struct str logs = call_query(call, "logs");

    assert(run->run > 0);
    if (!s)
        abort();
    *s = (struct job_stream){.source = {stream_read, stream_close},
                             .watcher = {.run = run->run, .wake = stream_wake},
                             .ex = call->ex,
                             .engines = call->face,
                             .pending = buf_make(PENDING_BYTES),
                             .run = run->run};
    for (size_t i = 0; i < JOB_LOG_COUNT; i++) {
        s->logs[i].fd = -1;
        s->logs[i].wanted = is_wanted(logs, i);
    }
    return s;
}

/* A client that comes back with a cursor gets the state again and the logs from where it stood. */
void job_stream_run(struct call *call)
{
    struct engines *engines = call->face;
    CLEANUP(store_read_end) struct store_txn *txn = NULL;
    struct job_stream *s = NULL;
    struct attempt attempt;
    struct error err = {0};
    struct scope scope;
    struct run run;

    assert(call->ex);
    txn = store_read_begin(engines->store, &err);
    if (!txn || find_run(call, txn, &scope, &run, &err) < 0) {
        arm_refuse(call, &err);
        return;
    }
    s = stream_new(call, &run);
    /* Looking begins before the state is read, so that no change falls between. */
    job_watch_begin(jobs_watchers(engines->jobs), &s->watcher);
    store_read_end(&txn);
    txn = store_read_begin(engines->store, &err);
    /* Found anew: what was read before died with its transaction. */
    if (!txn || find_run(call, txn, &scope, &run, &err) < 0 ||
        read_cursor(s, call_query(call, "cursor"), &err) < 0) {
        stream_close(&s->source);
        arm_refuse(call, &err);
        return;
    }
    if (attempt_last(txn, run.run, &attempt, NULL) == 0)
        s->attempt = attempt.number;
    s->status = run.status;
    s->final = run_status_final(run.status);
    snprintf(s->reason, sizeof(s->reason), "%.*s", STR_ARG(run.reason));
    add_state(s, "state", run.status, run.reason);
    open_logs(s, txn, &scope, &run);
    http_add_header(call->ex, "Cache-Control", STR("no-store"));
    http_reply_source(call->ex, 200, "text/event-stream", -1, &s->source);
}

/* In one snapshot, so that the reason fits the state that is shown with it. */
void job_why_run(struct call *call)
{
    struct engines *engines = call->face;
    CLEANUP(store_read_end) struct store_txn *txn = NULL;
    struct json *out = json_object(call->arena);
    struct error err = {0};
    struct scope scope;
    struct run run;

    assert(call->ex);
    txn = store_read_begin(engines->store, &err);
    if (!txn || find_run(call, txn, &scope, &run, &err) < 0 ||
        job_why(engines->jobs, txn, &run, out, &err) < 0) {
        arm_refuse(call, &err);
        return;
    }
    arm_reply(call, 200, out);
}
