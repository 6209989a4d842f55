/* logs.c - what getLogs shows, in the order a person reads it: states, warnings, preparation,
 * output */
#include "endpoint/internal.h"

#include "os/file.h"

#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* Of all replicas together: a client shows it on a terminal. */
#define SHOWN_BYTES (4 * MIB)
#define TAIL_BYTES (512 * KIB) /* of one file, whatever the lines */
#define TAIL_DEFAULT 50        /* as the service's own default; --lines of the CLI */
#define TAIL_MAX 10000

/* The last `lines` lines of a file beneath a replica's folder. */
static void logs_tail(struct endpoints *endpoints, struct buf *out, struct str replica,
                      const char *file, size_t lines)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(4 * MIB);
    struct str path = arena_printf(arena, "runs/%.*s/%s", STR_ARG(replica), file);
    /* The folder is the replica's own: a link there must not lead to files of ours. */
    CLEANUP(fd_close)
    int fd = file_open_nolinks(endpoints->options.dir, path.ptr, O_RDONLY, 0, NULL);
    char *text = arena_alloc(arena, TAIL_BYTES);

    if (fd < 0)
        return;
    assert(lines > 0);
    /* Only the end is read, however much a replica wrote: its first line may then be half a line.
     */
    off_t size = lseek(fd, 0, SEEK_END);
    lseek(fd, size > (off_t)TAIL_BYTES ? size - (off_t)TAIL_BYTES : 0, SEEK_SET);
    ssize_t count = fd_read_all(fd, text, TAIL_BYTES, NULL);
    struct str all = {text, count > 0 ? (size_t)count : 0};
    size_t from = all.len, seen = 0;
    while (from > 0 && seen <= lines) {
        if (all.ptr[from - 1] == '\n' && from < all.len && ++seen == lines)
            break;
        from--;
    }
    if (from == all.len)
        return;
    buf_printf(out, "--- %.*s/%s\n", STR_ARG(replica), file);
    buf_add(out, str_slice(all, from, all.len));
    if (all.ptr[all.len - 1] != '\n')
        buf_add_char(out, '\n');
}

/* Each instance by name, then the files in the order in which they were written. */
static void logs_replicas(struct endpoints *endpoints, struct arena *arena, struct buf *out,
                          const struct json *names, size_t tail)
{
    static const char *const FILES[] = {"system_logs/lifecycle.log", "system_logs/environment.log",
                                        "user_logs/std_log.txt"};
    struct json_iter it = json_iter(names);

    assert(tail <= TAIL_MAX);
    while (json_next(&it)) {
        struct str reason, name = json_as_str(it.value);
        enum replica_state state = replica_look(endpoints, arena, name, &reason);
        buf_printf(out, "%.*s: %s\n", STR_ARG(name),
                   state == REPLICA_READY    ? "Ready"
                   : state == REPLICA_FAILED ? "Failed"
                                             : "Starting");
        for (size_t i = 0; i < COUNT(FILES); i++)
            logs_tail(endpoints, out, name, FILES[i], tail);
    }
}

/* The roll-out's document, copied out of its snapshot. */
static struct json *logs_rollout(struct endpoints *endpoints, struct arena *arena,
                                 const struct document *deployment, struct error *err)
{
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(endpoints->options.store, err);
    const struct document_key key = {deployment->scope, ROLLOUT_TYPE, deployment->doc,
                                     ROLLOUT_NAME};
    struct document document;

    assert(deployment->doc > 0);
    if (!txn || document_get(txn, &key, &document, err) < 0)
        return NULL;
    return json_parse(arena, document.body, err);
}

/* Replicas that failed come first: whoever asks for logs wants to know why. */
int deployment_logs(struct endpoints *endpoints, struct arena *arena,
                    const struct logs_query *query, struct str *out, struct error *err)
{
    static const char *const GROUPS[] = {"failed", "serving", "next"};
    CLEANUP(buf_free) struct buf text = buf_make(SHOWN_BYTES);
    struct json *body = logs_rollout(endpoints, arena, query->deployment, err);

    if (!body)
        return -1;
    assert(json_kind(body) == JSON_OBJECT);
    size_t asked = query->tail ? query->tail : TAIL_DEFAULT;
    size_t tail = asked > TAIL_MAX ? TAIL_MAX : asked;
    buf_printf(&text, "Instance status:\nDeployment: %.*s\n", STR_ARG(json_str_at(body, "state")));
    if (json_str_at(body, "reason").len)
        buf_printf(&text, "Reason: %.*s\n", STR_ARG(json_str_at(body, "reason")));
    struct json_iter warnings = json_iter(json_at(body, "plan.warnings"));
    while (json_next(&warnings))
        buf_printf(&text, "Warning: %.*s\n", STR_ARG(json_as_str(warnings.value)));
    for (size_t i = 0; i < COUNT(GROUPS); i++)
        logs_replicas(endpoints, arena, &text, json_at(body, GROUPS[i]), tail);
    *out = arena_str(arena, buf_str(&text));
    return 0;
}
