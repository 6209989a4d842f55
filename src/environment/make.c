/* make.c - from the `environment` of spec.json to a folder that is ready
 *
 * envs/index/{key} names the lock that an environment resolved to; envs/{lock} is the environment,
 * ready when it has that name. Whoever comes first works under envs/{key}.lock, the others wait.
 */
#include "environment/environment.h"

#include "environment/uv.h"
#include "os/clock.h"
#include "os/file.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Some ten thousand hashes. */
#define LOCK_BYTES_MAX (4 * MIB)
#define LOCK_ID_BYTES 32
#define WAIT_US 50000
#define HOST_PYTHON "/usr/bin/python3"

/* One environment in the making, under the lock of its key. */
struct make {
    struct arena *arena;
    const struct environment_folder *data;
    const struct json *environment;
    const struct environment_watch *watch;
    struct str key;
    struct uv *uv;
};

/* States go to the job's log and page; nobody need listen. */
static void tell(const struct make *make, const char *state, const char *reason)
{
    assert(state && reason);
    if (make->watch->state)
        make->watch->state(state, reason, make->watch->context);
}

/* The Python of the host, with nothing installed: nothing has to be made for it. */
static bool on_host(const struct make *make)
{
    assert(make->environment);
    return !str_eq(json_str_at(make->environment, "kind"), STR("python"));
}

/* envs/{lock}, when it is ready. */
static bool find_ready(const struct make *make, struct str lock, struct str *out_path)
{
    struct str python = arena_printf(make->arena, "envs/%.*s/bin/python", STR_ARG(lock));

    if (!lock.len || str_find_char(lock, '/') >= 0)
        return false;
    assert(make->data->dir >= 0);
    if (!file_exists(make->data->dir, python.ptr))
        return false;
    *out_path = arena_printf(make->arena, "%s/envs/%.*s", make->data->path, STR_ARG(lock));
    return true;
}

/* The lock that this key resolved to before; "" when it never did. */
static struct str read_index(const struct make *make)
{
    struct str path = arena_printf(make->arena, "envs/index/%.*s", STR_ARG(make->key));
    struct str lock;

    assert(make->key.len);
    if (file_read(make->arena, make->data->dir, path.ptr, 256, &lock, NULL) < 0)
        return (struct str){0};
    return str_trim(lock);
}

/* Takes a lock file, waiting for whoever has it. */
static int take_lock(const struct make *make, const char *path, int *out_fd, struct error *err)
{
    bool told = false;
    int owner;

    for (;;) {
        struct error cause = {0};
        if (file_lock(make->data->dir, path, out_fd, &owner, &cause) == 0)
            return 0;
        if (cause.code != ERROR_CONFLICT) {
            *err = cause;
            return -1;
        }
        if (!told)
            tell(make, "waiting", "Another job is making this environment.");
        told = true;
        if (make->watch->cancel && make->watch->cancel(make->watch->context))
            return error_set(err, ERROR_CANCELED, "", "The environment is no longer wanted.");
        clock_sleep_us(WAIT_US);
    }
}

/* Every line of an array of texts, one a line. */
static void add_lines(struct buf *out, const struct json *lines)
{
    struct json_iter it = json_iter(lines);

    assert(out);
    while (json_next(&it))
        buf_printf(out, "%.*s\n", STR_ARG(json_as_str(it.value)));
}

/* One list of packages that is to become a lock. */
struct wish {
    struct str python;
    struct str requirements;
    struct str constraints; /* a lock that must hold as well; may be "" */
};

/* Resolves one list into the text of a lock. The folder is the key's own, so two environments may
 * be resolved at once; what a crash left in it is removed first. */
static int resolve(struct make *make, const struct wish *wish, struct str *out_lock,
                   struct error *err)
{
    struct arena *arena = make->arena;
    struct str folder = arena_printf(arena, "envs/%.*s.work", STR_ARG(make->key));
    struct uv_compile compile = {
        .folder = arena_printf(arena, "%s/%s", make->data->path, folder.ptr),
        .python = wish->python,
        .has_constraints = wish->constraints.len > 0,
    };

    assert(wish->requirements.len);
    tell(make, "locking", "The packages of the environment are being resolved.");
    if (dir_remove_tree(make->data->dir, folder.ptr, err) < 0)
        return -1;
    CLEANUP(fd_close) int dir = dir_open_at(make->data->dir, folder.ptr, 0700, err);
    if (dir < 0 || file_write_atomic(dir, "requirements.in", wish->requirements, 0600, err) < 0 ||
        file_write_atomic(dir, "constraints.txt", wish->constraints, 0600, err) < 0)
        return -1;
    int result = uv_compile(make->uv, arena, &compile, err);
    if (result == 0)
        result = file_read(arena, dir, "requirements.lock", LOCK_BYTES_MAX, out_lock, err);
    dir_remove_tree(make->data->dir, folder.ptr, NULL);
    return result;
}

/* The lock of the user's packages, then of those with what scoring adds on top. */
static int lock_all(struct make *make, struct str python, struct str *out_lock, struct error *err)
{
    CLEANUP(buf_free) struct buf text = buf_make(LOCK_BYTES_MAX);
    const struct json *overlay = json_at(make->environment, "overlay");
    struct str lock = json_str_at(make->environment, "lock");
    struct wish wish = {.python = python};

    assert(python.len);
    add_lines(&text, json_at(make->environment, "packages"));
    wish.requirements = arena_str(make->arena, buf_str(&text));
    if (!lock.len && text.len && resolve(make, &wish, &lock, err) < 0)
        return -1;
    if (json_count(overlay)) {
        wish.constraints = lock;
        buf_clear(&text);
        buf_add(&text, lock);
        buf_add_char(&text, '\n');
        add_lines(&text, overlay);
        if (buf_ok(&text, err) < 0)
            return -1;
        wish.requirements = arena_str(make->arena, buf_str(&text));
        if (resolve(make, &wish, &lock, err) < 0)
            return -1;
    }
    *out_lock = lock;
    return 0;
}

/* Which environment a lock makes: its text, its Python and what it stands on. */
static struct str lock_id(const struct make *make, struct str python, struct str lock)
{
    struct json *identity = json_object(make->arena);

    assert(python.len);
    json_set_str(make->arena, identity, "python", python);
    json_set_str(make->arena, identity, "lock", lock);
    json_set_bool(make->arena, identity, "systemSite", on_host(make));
    return str_slice(environment_key(make->arena, identity), 0, LOCK_ID_BYTES);
}

/* Builds envs/{id}.tmp and gives it its name. */
static int build(struct make *make, struct str id, struct str python, struct str lock,
                 struct error *err)
{
    struct arena *arena = make->arena;
    int dir = make->data->dir;
    struct str temporary = arena_printf(arena, "envs/%.*s.tmp", STR_ARG(id));
    struct str lock_file = arena_printf(arena, "%s/requirements.lock", temporary.ptr);
    struct uv_build what = {
        .target = arena_printf(arena, "%s/%s", make->data->path, temporary.ptr),
        .lock_file = arena_printf(arena, "%s/%s", make->data->path, lock_file.ptr),
        .python = python,
        .system_site = on_host(make),
        /* What we ship serves many jobs, each of which would wait 2 s more; a list of one user's
         * own is ready sooner without. */
        .compile = json_str_at(make->environment, "lock").len > 0,
    };

    assert(id.len == LOCK_ID_BYTES);
    tell(make, "building", "The packages of the environment are being installed.");
    if (dir_remove_tree(dir, temporary.ptr, err) < 0 ||
        dir_make(dir, temporary.ptr, 0755, err) < 0 ||
        file_write_atomic(dir, lock_file.ptr, lock, 0644, err) < 0)
        return -1;
    if (uv_build(make->uv, arena, &what, err) < 0) {
        dir_remove_tree(dir, temporary.ptr, NULL);
        return -1;
    }
    CLEANUP(fd_close) int envs = dir_open_at(dir, "envs", 0, err);
    if (envs < 0)
        return -1;
    syncfs(envs); /* the name promises that every file is whole, also after a power cut */
    if (renameat(dir, temporary.ptr, dir, arena_printf(arena, "envs/%.*s", STR_ARG(id)).ptr) < 0)
        return error_errno(err, errno, "The environment cannot be put in place");
    return dir_sync(envs, err);
}

/* Under the key's lock: resolves, builds unless it is there, and remembers. */
static int make_ready(struct make *make, struct str *out_path, struct error *err)
{
    CLEANUP(fd_close) int lock_fd = -1;
    struct str version = on_host(make) ? STR("3.11") : json_str_at(make->environment, "python");
    struct str python = STR(HOST_PYTHON), lock;

    assert(version.len);
    if (uv_find(make->arena, make->data, make->watch, &make->uv, err) < 0 ||
        (!on_host(make) && uv_find_python(make->arena, version, &python, err) < 0) ||
        dir_make(make->data->dir, "cache/uv", 0700, err) < 0 ||
        lock_all(make, version, &lock, err) < 0)
        return -1;
    struct str id = lock_id(make, python, lock);
    struct str lock_path = arena_printf(make->arena, "envs/%.*s.lock", STR_ARG(id));
    /* Two lists may resolve to one lock. */
    if (take_lock(make, lock_path.ptr, &lock_fd, err) < 0)
        return -1;
    if (!find_ready(make, id, out_path)) {
        if (build(make, id, python, lock, err) < 0)
            return -1;
        if (!find_ready(make, id, out_path))
            return error_set(err, ERROR_INTERNAL, "",
                             "The environment was built without an interpreter.");
    }
    struct str index = arena_printf(make->arena, "envs/index/%.*s", STR_ARG(make->key));
    return file_write_atomic(make->data->dir, index.ptr, id, 0600, err);
}

/* One for all who want it: it is looked for, then the lock of its key is taken, then it is looked
 * for again, as the one before may have made it. */
int environment_make(struct arena *arena, const struct environment_folder *data,
                     const struct json *environment, const struct environment_watch *watch,
                     struct environment_result *out)
{
    struct make make = {.arena = arena, .data = data, .environment = environment, .watch = watch};
    CLEANUP(fd_close) int lock_fd = -1;

    assert(out && data->path && data->path[0] == '/');
    *out = (struct environment_result){0};
    if (on_host(&make) && !json_count(json_at(environment, "overlay")))
        return 0;
    make.key = environment_key(arena, environment);
    if (find_ready(&make, read_index(&make), &out->path)) {
        tell(&make, "cached", "The environment is there from before.");
        return 0;
    }
    struct str lock_path = arena_printf(arena, "envs/%.*s.lock", STR_ARG(make.key));
    if (dir_make(data->dir, "envs/index", 0700, &out->err) < 0 ||
        take_lock(&make, lock_path.ptr, &lock_fd, &out->err) < 0)
        return -1;
    /* Whoever had the lock may have made it. */
    if (!find_ready(&make, read_index(&make), &out->path) &&
        make_ready(&make, &out->path, &out->err) < 0)
        return -1;
    tell(&make, "ready", "The environment is ready.");
    return 0;
}
