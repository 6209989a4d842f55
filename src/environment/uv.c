/* Running uv, a program, and making its words an error that people understand. It runs inside a
 * sandbox where there is one, since building a package runs code of the package's. */
#include "environment/uv.h"

#include "os/file.h"
#include "os/process.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Of what uv says, to be explained when it fails: the end of it. */
#define OUTPUT_KEPT_BYTES (64 * KIB)
#define ARGV_MAX 64
#define POLL_MS 100
#define WORDS_MAX 400 /* of an explanation */

struct uv {
    const struct environment_watch *watch; /* who is told, and who may cancel */
    struct str program;                    /* absolute path */
    struct str data_path;                  /* absolute path of the data folder */
};

/* Version managers put programs into PATH that are no interpreter but look for one. */
static bool is_python(struct arena *arena, struct str program)
{
    const char *argv[] = {program.ptr, "-c", "", NULL};
    struct process_spec spec = {.argv = argv, .input = -1};
    struct process_result said;
    struct error none = {0};

    assert(program.len);
    return process_run(arena, &spec, 64 * KIB, &said, &none) == 0 && !said.end.signaled &&
           said.end.status == 0;
}

/* An executable file of that name in PATH that `good`, unless NULL, finds good; "" for none. */
static struct str find_in_path(struct arena *arena, const char *name,
                               bool (*good)(struct arena *arena, struct str program))
{
    struct str rest = str_from(getenv("PATH"));
    struct str folder;

    assert(*name);
    while (rest.len && str_split(&rest, ':', &folder)) {
        if (!folder.len || folder.ptr[0] != '/')
            continue;
        struct str path = arena_printf(arena, "%.*s/%s", STR_ARG(folder), name);
        if (access(path.ptr, X_OK) == 0 && (!good || good(arena, path)))
            return path;
    }
    return (struct str){0};
}

/* The same file by a path without links to folders: the sandbox cannot put it anywhere else. */
static struct str real_path(struct arena *arena, struct str program)
{
    ssize_t slash = str_find_last(program, '/');
    struct str name = str_slice(program, (size_t)slash, program.len);

    assert(slash >= 0);
    char *folder = realpath(arena_cstr(arena, str_slice(program, 0, (size_t)slash)), NULL);
    if (!folder)
        return program;
    struct str real = arena_printf(arena, "%s%.*s", folder, STR_ARG(name));
    free(folder);
    return real;
}

/* That of our own folder first: its version is the one that was tested. */
int uv_find(struct arena *arena, const struct environment_folder *data,
            const struct environment_watch *watch, struct uv **out, struct error *err)
{
    struct str self = process_self(arena);
    struct str folder = str_slice(self, 0, (size_t)str_find_last(self, '/'));
    struct str program = arena_printf(arena, "%.*s/tools/bin/uv", STR_ARG(folder));

    assert(data->path && watch);
    if (access(program.ptr, X_OK) < 0)
        program = find_in_path(arena, "uv", NULL);
    if (!program.len) {
        error_set(err, ERROR_NOT_FOUND, "",
                  "Environments are made with uv, and there is no uv on this host.");
        return error_hint(
            err,
            "Run ./quickstart, or: python3 -m venv build/tools && build/tools/bin/pip install uv");
    }
    *out = arena_make(arena, struct uv);
    **out = (struct uv){
        .watch = watch, .program = real_path(arena, program), .data_path = str_from(data->path)};
    return 0;
}

/* The host's own by its full path first: a virtual environment that the server was started from
 * must not become the jobs'. */
int uv_find_python(struct arena *arena, struct str version, struct str *out, struct error *err)
{
    struct str name = arena_printf(arena, "python%.*s", STR_ARG(version));
    struct str path = arena_printf(arena, "/usr/bin/%s", name.ptr);

    assert(version.len);
    if (str_find_char(version, '/') >= 0)
        return error_set(err, ERROR_INVALID, "python", "'%.*s' is no Python version.",
                         STR_ARG(version));
    if (access(path.ptr, X_OK) < 0)
        path = find_in_path(arena, name.ptr, is_python);
    if (!path.len) {
        error_set(err, ERROR_NOT_FOUND, "python",
                  "Python %.*s is not installed on this host (no %s).", STR_ARG(version), name.ptr);
        return error_hint(err, "Install it, or ask for python=3.11 in the conda file.");
    }
    *out = path;
    return 0;
}

/* An argument vector with room; the assert is a bug of ours, not of a user. */
struct line {
    const char *argv[ARGV_MAX];
    size_t count;
};

/* A line is bounded: the longest command has fewer words. */
static void add(struct line *line, const char *word)
{
    assert(line->count + 1 < ARGV_MAX);
    line->argv[line->count++] = word;
}

/* The sandbox, then what the tool may write in it: its own folder and the cache. */
static void begin(struct uv *uv, struct arena *arena, struct str writable, struct line *line)
{
    const char *const *prefix = uv->watch->sandbox_prefix;
    struct str tools = str_slice(uv->program, 0, (size_t)str_find_last(uv->program, '/'));
    const char *cache = getenv("UV_CACHE_DIR");
    const char *binds[] = {writable.ptr,
                           cache ? cache
                                 : arena_printf(arena, "%.*s/cache", STR_ARG(uv->data_path)).ptr};

    if (prefix) {
        for (; *prefix; prefix++)
            add(line, *prefix);
        for (size_t i = 0; i < COUNT(binds); i++) {
            add(line, "--bind");
            add(line, binds[i]);
            add(line, binds[i]);
        }
        add(line, "--ro-bind"); /* it may lie in a folder that the sandbox hides */
        add(line, arena_cstr(arena, tools));
        add(line, arena_cstr(arena, tools));
        add(line, "--");
    }
    add(line, uv->program.ptr);
    assert(line->count > 0);
}

/* The environment of the tools: nothing of the job, no token. */
static const char *const *tool_environment(struct uv *uv, struct arena *arena)
{
    size_t count = 0, used = 0;

    for (char **at = environ; *at; at++)
        count++;
    const char **out = arena_new_array(arena, const char *, count + 8);
    for (char **at = environ; *at; at++)
        if (strncmp(*at, "LAZURITE_", 9) && strncmp(*at, "MLFLOW_", 7) &&
            strncmp(*at, "AZUREML_", 8) && strncmp(*at, "VIRTUAL_ENV=", 12) &&
            strncmp(*at, "PYTHON", 6))
            out[used++] = *at;
    if (!getenv("UV_CACHE_DIR"))
        out[used++] = arena_printf(arena, "UV_CACHE_DIR=%.*s/cache/uv", STR_ARG(uv->data_path)).ptr;
    out[used++] = "UV_PYTHON_DOWNLOADS=never";
    out[used++] = "UV_NO_PROGRESS=1";
    out[used++] = "NO_COLOR=1";
    assert(used < count + 8);
    out[used] = NULL;
    return out;
}

/* Passes on what a tool writes, keeps the last of it, and ends it when nobody waits any more. */
static int follow(struct uv *uv, struct process *process, int from, struct buf *kept,
                  struct error *err)
{
    char piece[8 * KIB];

    assert(process->pidfd >= 0);
    for (;;) {
        struct pollfd ready = {.fd = from, .events = POLLIN};
        if (uv->watch->cancel && uv->watch->cancel(uv->watch->context)) {
            process_signal_group(process->id.pid, SIGKILL, NULL);
            return error_set(err, ERROR_CANCELED, "", "The environment is no longer wanted.");
        }
        if (poll(&ready, 1, POLL_MS) <= 0)
            continue;
        ssize_t got = read(from, piece, sizeof(piece));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return 0;
        if (uv->watch->log_fd >= 0) /* a full disk must not hide why the build failed */
            fd_write_all(uv->watch->log_fd, (struct str){piece, (size_t)got}, NULL);
        if (kept->len + (size_t)got > OUTPUT_KEPT_BYTES)
            buf_consume(kept, kept->len / 2);
        buf_add_bytes(kept, piece, (size_t)got);
    }
}

/* Bounded output: the tool talks much, its last lines say why. */
static int run(struct uv *uv, struct arena *arena, struct line *line, struct error *err)
{
    CLEANUP(buf_free) struct buf kept = buf_make(2 * OUTPUT_KEPT_BYTES);
    CLEANUP(process_close) struct process process = {.pidfd = -1};
    CLEANUP(fd_close) int from = -1;
    CLEANUP(fd_close) int to = -1;
    struct process_end end;
    int fds[2];

    assert(line->count < ARGV_MAX);
    line->argv[line->count] = NULL;
    if (pipe2(fds, O_CLOEXEC) < 0)
        return error_errno(err, errno, "uv cannot be started");
    from = fds[0];
    to = fds[1];
    struct process_spec spec = {.argv = line->argv,
                                .envp = tool_environment(uv, arena),
                                .cwd = "/",
                                .input = -1,
                                .output = to,
                                .errors = to,
                                .die_with_parent = true};
    if (process_start(&spec, &process, err) < 0)
        return -1;
    fd_close(&to);
    int followed = follow(uv, &process, from, &kept, err);
    if (process_wait(&process, -1, &end, followed < 0 ? NULL : err) < 0 || followed < 0)
        return -1;
    if (end.signaled)
        return error_set(err, ERROR_UNAVAILABLE, "", "uv was ended by signal %d.", end.status);
    return end.status ? uv_explain(arena, buf_str(&kept), err) : 0;
}

/* Hashes are asked for, so that what is installed is what was resolved, whatever the index gives by
 * then. */
int uv_compile(struct uv *uv, struct arena *arena, const struct uv_compile *what, struct error *err)
{
    struct line line = {.count = 0};

    assert(what->folder.len && what->python.len);
    begin(uv, arena, what->folder, &line);
    add(&line, "pip");
    add(&line, "compile");
    add(&line, "--generate-hashes");
    add(&line, "--no-annotate");
    add(&line, "--no-header");
    add(&line, "--emit-index-url"); /* what the user's own index gave must be found again */
    add(&line, "--quiet");
    add(&line, "--python-version");
    add(&line, arena_cstr(arena, what->python));
    if (what->has_constraints) {
        add(&line, "--constraints");
        add(&line, arena_printf(arena, "%.*s/constraints.txt", STR_ARG(what->folder)).ptr);
    }
    add(&line, arena_printf(arena, "%.*s/requirements.in", STR_ARG(what->folder)).ptr);
    add(&line, "-o");
    add(&line, arena_printf(arena, "%.*s/requirements.lock", STR_ARG(what->folder)).ptr);
    return run(uv, arena, &line, err);
}

/* Only from the lock: two builds of one key give the same. */
int uv_build(struct uv *uv, struct arena *arena, const struct uv_build *what, struct error *err)
{
    struct line venv = {.count = 0}, sync = {.count = 0};

    assert(what->target.len && what->lock_file.len);
    begin(uv, arena, what->target, &venv);
    add(&venv, "venv");
    add(&venv, "--quiet");
    add(&venv, "--relocatable"); /* it is renamed when it is ready */
    add(&venv, "--allow-existing");
    add(&venv, "--python");
    add(&venv, arena_cstr(arena, what->python));
    if (what->system_site)
        add(&venv, "--system-site-packages");
    add(&venv, arena_cstr(arena, what->target));
    if (run(uv, arena, &venv, err) < 0)
        return -1;
    begin(uv, arena, what->target, &sync);
    add(&sync, "pip");
    add(&sync, "sync");
    add(&sync, "--require-hashes");
    if (what->compile)
        add(&sync, "--compile-bytecode");
    add(&sync, "--link-mode");
    add(&sync, "hardlink");
    add(&sync, "--python");
    add(&sync, arena_printf(arena, "%.*s/bin/python", STR_ARG(what->target)).ptr);
    add(&sync, arena_cstr(arena, what->lock_file));
    return run(uv, arena, &sync, err);
}

/* One line of words out of uv's drawing of a tree of causes. */
static struct str flatten(struct arena *arena, struct str text)
{
    CLEANUP(buf_free) struct buf out = buf_make(8 * KIB);
    bool blank = true;

    assert(text.ptr || !text.len);
    for (size_t i = 0; i < text.len && out.len < WORDS_MAX; i++) {
        char c = text.ptr[i];
        if ((unsigned char)c > 126 ||
            (unsigned char)c <= ' ') { /* arrows and box lines are not ASCII */
            if (!blank)
                buf_add_char(&out, ' ');
            blank = true;
            continue;
        }
        buf_add_char(&out, c);
        blank = false;
    }
    return str_trim(arena_str(arena, buf_str(&out)));
}

/* One sentence out of a page: people read it in the job's state. */
int uv_explain(struct arena *arena, struct str output, struct error *err)
{
    static const char *const OFFLINE[] = {"error sending request", "dns error", "Failed to fetch",
                                          "Network connectivity is disabled",
                                          "Request failed after"};
    struct str text = flatten(arena, output);
    ssize_t because = str_find(text, STR("Because "));

    assert(output.ptr || output.len == 0);
    for (size_t i = 0; i < COUNT(OFFLINE); i++)
        if (str_find(text, str_from(OFFLINE[i])) >= 0) {
            error_set(err, ERROR_UNAVAILABLE, "", "The package index cannot be reached: %.*s",
                      STR_ARG(text));
            return error_hint(err, "Check the network, or UV_INDEX_URL when a mirror is used.");
        }
    if (because >= 0)
        return error_set(err, ERROR_INVALID, "", "The packages cannot be installed together: %.*s",
                         STR_ARG(str_slice(text, (size_t)because, text.len)));
    return error_set(err, ERROR_INVALID, "", "uv refused the packages: %.*s", STR_ARG(text));
}
