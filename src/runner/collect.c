/* Outputs and artifacts on their way out. What a command left is a stranger's: links are not
 * followed, and what is no file is skipped and named, so that people hear of it. */
#include "runner/collect.h"

#include "base/buf.h"
#include "os/file.h"

#include <assert.h>
#include <fcntl.h>
#include <unistd.h>

#define SKIPPED_MAX 100 /* names in one event */
#define NAMED_MAX 8     /* names in the reason that people read first */

/* One upload of a tree. */
struct collecting {
    struct attempt *attempt;
    struct remote *remote;
    struct str container, prefix; /* prefix without final slash */
    int folder;
    int64_t bytes, files, skipped_count;
    struct json *skipped;
};

/* Counted always, named up to a limit: a job may leave a million links. */
static void skip(struct collecting *c, struct str path, const char *reason)
{
    struct arena *arena = c->attempt->arena;

    assert(*reason);
    if (c->skipped_count++ < SKIPPED_MAX)
        json_append(arena, c->skipped,
                    json_text(arena, arena_printf(arena, "%.*s (%s)", STR_ARG(path), reason)));
}

/* Uploads one regular file under `name`. */
static void put_file(struct collecting *c, int dir, struct str path, struct str name)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct remote_place place = {c->container, name};
    struct error err = {0};
    struct stat status;
    CLEANUP(fd_close)
    int fd = file_open_nolinks(dir, arena_cstr(arena, path), O_RDONLY | O_NONBLOCK, 0, &err);

    assert(name.len);
    if (fd < 0 || fstat(fd, &status) < 0) {
        skip(c, path, err.code ? err.message : "it cannot be read");
        return;
    }
    if (!S_ISREG(status.st_mode)) { /* it was replaced since the walk saw it */
        skip(c, path, "no regular file");
        return;
    }
    if (remote_put(c->remote, &place, fd, status.st_size, &err) < 0) {
        skip(c, path, err.message);
        return;
    }
    c->bytes += status.st_size;
    c->files++;
}

/* A file that cannot be sent is named and passed over; the others still go. */
static int visit(const struct dir_entry *entry, void *context, struct error *err)
{
    struct collecting *c = context;

    assert(entry->path.len && (!err || err->code == ERROR_NONE));
    if (S_ISDIR(entry->status.st_mode))
        return 0;
    if (S_ISLNK(entry->status.st_mode)) {
        skip(c, entry->path, "a link");
        return 0;
    }
    if (!S_ISREG(entry->status.st_mode)) {
        skip(c, entry->path, "no regular file");
        return 0;
    }
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct str name =
        c->prefix.len ? arena_printf(arena, "%.*s/%.*s", STR_ARG(c->prefix), STR_ARG(entry->path))
                      : entry->path;
    put_file(c, c->folder, entry->path, name);
    return 0;
}

/* Everything below a path of the run folder. */
static void collect_folder(struct collecting *c, const char *path)
{
    struct error err = {0};
    CLEANUP(fd_close)
    int folder = file_open_nolinks(c->attempt->folder, path, O_RDONLY | O_DIRECTORY, 0, &err);

    assert(*path);
    if (folder < 0) {
        if (err.code != ERROR_NOT_FOUND)
            skip(c, str_from(path), "no folder");
        return;
    }
    c->folder = folder;
    if (dir_walk(folder, visit, c, &err) < 0)
        skip(c, str_from(path), err.message);
    c->folder = -1;
}

/* Once for each output, with what was left out and why. */
static void tell(struct collecting *c, struct str name)
{
    struct arena *arena = c->attempt->arena;
    struct json *more = json_object(arena);

    assert(name.len);
    json_set_str(arena, more, "name", name);
    json_set_int(arena, more, "bytes", c->bytes);
    json_set_int(arena, more, "files", c->files);
    json_set(arena, more, STR("skipped"), c->skipped);
    struct json_iter it = json_iter(c->skipped);
    while (json_next(&it))
        journal_line(c->attempt->journal, "output '%.*s': skipped %.*s", STR_ARG(name),
                     STR_ARG(json_as_str(it.value)));
    struct str reason = arena_printf(arena, "Output '%.*s': %lld files with %lld bytes%s.",
                                     STR_ARG(name), (long long)c->files, (long long)c->bytes,
                                     c->skipped_count ? ", some were skipped" : "");
    journal_event(c->attempt->journal, "output", more, reason.ptr);
}

/* What people must hear even if they never open a log: "Skipped in outputs: a (a link), …". */
static void note_skipped(const struct collecting *c, struct buf *sentence, size_t *named)
{
    struct json_iter it = json_iter(c->skipped);

    assert(json_count(c->skipped) <= SKIPPED_MAX);
    while (json_next(&it) && (*named)++ < NAMED_MAX)
        buf_printf(sentence, "%s%.*s",
                   sentence->len ? ", " : "Skipped in outputs: ", STR_ARG(json_as_str(it.value)));
}

/* The last full stop, and where the rest is named. */
static struct str skipped_sentence(struct arena *arena, const struct buf *sentence, size_t named)
{
    assert(sentence->len || !named);
    if (!sentence->len)
        return (struct str){0};
    return arena_printf(arena, "%.*s%s.", (int)sentence->len, sentence->ptr,
                        named > NAMED_MAX ? ", and more, named in system_logs/lifecycle.log" : "");
}

/* A final slash of the prefix is dropped, since names bring their own. */
static struct collecting begin(struct attempt *attempt, struct remote *remote,
                               const struct json *place)
{
    struct str prefix = json_str_at(place, "prefix");

    assert(place);
    while (str_ends(prefix, STR("/")))
        prefix.len--;
    return (struct collecting){
        .attempt = attempt,
        .remote = remote,
        .container = json_str_at(place, "container"),
        .prefix = prefix,
        .folder = -1,
        .skipped = json_array(attempt->arena),
    };
}

/* Where the command finds the folder of an output. */
struct str collect_path(const struct attempt *attempt, struct str name)
{
    assert(name.len);
    return arena_printf(attempt->arena, "%.*s/results/%.*s", STR_ARG(attempt->folder_path),
                        STR_ARG(name));
}

/* Either the server said so, or the type does. */
static bool is_single(const struct json *output)
{
    assert(output);
    return json_bool_at(output, "single", false) ||
           str_eq_fold(json_str_at(output, "type"), STR("uri_file"));
}

/* A command expects folders of outputs to be there; a file it makes itself. */
int collect_prepare(struct attempt *attempt, struct error *err)
{
    struct json_iter it = json_iter(json_at(attempt->spec, "outputs"));

    assert(attempt->folder >= 0);
    if (dir_make(attempt->folder, "results", 0755, err) < 0)
        return -1;
    while (json_next(&it)) {
        struct str path = arena_printf(attempt->arena, "results/%.*s", STR_ARG(it.key));
        if (!is_single(it.value) && dir_make(attempt->folder, path.ptr, 0755, err) < 0)
            return -1;
    }
    return 0;
}

/* A file output: exactly one blob. */
static void collect_single(struct collecting *c, struct str path)
{
    struct stat status;
    char *name = arena_cstr(c->attempt->arena, path);

    assert(c->prefix.len);
    if (fstatat(c->attempt->folder, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return; /* the command did not write it */
    if (!S_ISREG(status.st_mode)) {
        skip(c, path, S_ISLNK(status.st_mode) ? "a link" : "no regular file");
        return;
    }
    put_file(c, c->attempt->folder, path, c->prefix);
}

/* Also after a failed command: what it wrote is often how one finds out why. */
struct str collect_all(struct attempt *attempt, struct remote *remote)
{
    CLEANUP(buf_free) struct buf sentence = buf_make(64 * KIB);
    size_t named = 0;
    struct json_iter it = json_iter(json_at(attempt->spec, "outputs"));
    const struct json *artifacts = json_at(attempt->spec, "artifacts");

    assert(remote);
    while (json_next(&it)) {
        struct collecting c = begin(attempt, remote, it.value);
        struct str path = arena_printf(attempt->arena, "results/%.*s", STR_ARG(it.key));
        if (is_single(it.value))
            collect_single(&c, path);
        else
            collect_folder(&c, path.ptr);
        tell(&c, it.key);
        note_skipped(&c, &sentence, &named);
    }
    if (!json_str_at(artifacts, "container").len)
        return skipped_sentence(attempt->arena, &sentence, named);
    struct collecting all = begin(attempt, remote, artifacts);
    struct str prefix = all.prefix;
    static const char *const FOLDERS[] = {"outputs", "logs"};
    for (size_t i = 0; i < COUNT(FOLDERS); i++) {
        all.prefix = arena_printf(attempt->arena, "%.*s/%s", STR_ARG(prefix), FOLDERS[i]);
        collect_folder(&all, arena_printf(attempt->arena, "work/%s", FOLDERS[i]).ptr);
    }
    if (all.files || all.skipped_count)
        tell(&all, STR("default"));
    note_skipped(&all, &sentence, &named);
    return skipped_sentence(attempt->arena, &sentence, named);
}
