/* Everything before the command begins: all that can still fail without it having done anything.
 * Each step leaves an event, so that people see where an attempt is and a second runner goes on. */
#include "runner/prepare.h"

#include "environment/environment.h"
#include "environment/from_model.h"
#include "os/file.h"
#include "runner/bring.h"
#include "runner/collect.h"
#include "runner/sandbox.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define BUNDLE_BYTES_MAX (16 * MIB)
#define INPUTS_DONE "system_logs/inputs.done"
#define HOST_PYTHON "/usr/bin/python3"

/* What stands between the command and the host is said first, whatever it is. */
void prepare_walls(struct attempt *attempt)
{
    struct str why = {0};

    assert(attempt->journal);
    attempt->sandboxed = sandbox_try(attempt, &why);
    if (attempt->sandboxed)
        journal_line(attempt->journal,
                     "isolation: own mount, process and ipc namespaces, no capabilities (%.*s)",
                     STR_ARG(json_str_at(attempt->spec, "isolation.mode")));
    else
        journal_line(attempt->journal,
                     "isolation: none, the command can do what the server's user can, since "
                     "bubblewrap is not "
                     "used: %.*s",
                     STR_ARG(why));
}

/* What was ignored in the job stands first in its log (decisions 34). */
static void tell_notes(struct attempt *attempt)
{
    struct json_iter it = json_iter(json_at(attempt->spec, "notes"));

    assert(attempt->journal);
    while (json_next(&it))
        journal_line(attempt->journal, "note: %.*s", STR_ARG(json_as_str(it.value)));
}

/* bin/ in which `python` is the host's, for environments that bring none. */
static void make_host_bin(struct attempt *attempt)
{
    static const char *const NAMES[] = {"python", "python3"};
    CLEANUP(fd_close) int bin = dir_open_at(attempt->folder, "bin", 0755, NULL);

    assert(attempt->folder >= 0);
    for (size_t i = 0; bin >= 0 && i < COUNT(NAMES); i++)
        if (symlinkat(HOST_PYTHON, bin, NAMES[i]) < 0 && errno != EEXIST)
            journal_line(attempt->journal, "bin/%s cannot be made: %s", NAMES[i], strerror(errno));
}

/* The certificates to trust, since the job cannot see the server's own folder. */
static void copy_bundle(struct attempt *attempt)
{
    struct str text;
    struct error err = {0};

    assert(attempt->data >= 0);
    if (file_read(attempt->arena, attempt->data, "tls/bundle.pem", BUNDLE_BYTES_MAX, &text, &err) <
            0 ||
        file_write_atomic(attempt->folder, "bundle.pem", text, 0644, &err) < 0)
        journal_line(attempt->journal, "certificates: %s", err.message);
}

/* Everything of the work belongs to the user it runs as. */
static int own_entry(const struct dir_entry *entry, void *context, struct error *err)
{
    struct attempt *attempt = context;
    uid_t uid = (uid_t)json_int_at(attempt->spec, "isolation.uid", 0);
    struct str top = entry->path;

    assert(uid > 0);
    str_cut(entry->path, '/', &top, &(struct str){0});
    if (!str_eq(top, STR("work")) && !str_eq(top, STR("results")) && !str_eq(top, STR("inputs")) &&
        !str_eq(top, STR("home")) && !str_eq(top, STR("packages")))
        return S_ISDIR(entry->status.st_mode);
    if (fchownat(attempt->folder, arena_cstr(attempt->arena, entry->path), uid, uid,
                 AT_SYMLINK_NOFOLLOW) < 0)
        return error_errno(err, errno, "The files of the job cannot be given to user %u",
                           (unsigned)uid);
    return 0;
}

/* Refused rather than run as somebody else than was promised. */
static int separate_user(struct attempt *attempt, struct error *err)
{
    if (!str_eq(json_str_at(attempt->spec, "isolation.mode"), STR("separate")))
        return 0;
    if (!attempt->sandboxed)
        return error_set(err, ERROR_UNAVAILABLE, "",
                         "Jobs are to run as users of their own, and that needs "
                         "bubblewrap, which does not work here.");
    assert(json_int_at(attempt->spec, "isolation.uid", 0) > 0);
    if (dir_make(attempt->folder, "home", 0700, err) < 0 || fchmod(attempt->folder, 0711) < 0)
        return error_errno(err, errno, "The job's folder cannot be opened to its user");
    return dir_walk(attempt->folder, own_entry, attempt, err);
}

/* --- The environment ----------------------------------------------------------------------------
 */

/* Each state is an event, since building one may take minutes. */
static void tell_environment(const char *state, const char *reason, void *context)
{
    struct attempt *attempt = context;
    struct json *more = json_object(attempt->arena);

    assert(*state);
    json_set_str(attempt->arena, more, "state", str_from(state));
    journal_event(attempt->journal, "environment", more, reason);
}

/* Building ends soon after a job was canceled. */
static bool is_asked(void *context)
{
    const struct attempt *attempt = context;

    assert(attempt->stop);
    return atomic_load(&attempt->stop->asked);
}

/* With `fromModel` the environment is what the model's own files ask for. */
static int read_environment(struct attempt *attempt, const struct json **out, struct error *err)
{
    const struct json *environment = json_at(attempt->spec, "environment");
    struct str input = json_str_at(environment, "fromModel");
    struct json *made;

    *out = environment;
    if (!input.len)
        return 0;
    CLEANUP(fd_close) int folder = bring_open(attempt, input, err);
    if (folder < 0 || environment_from_model(attempt->arena, folder, environment, &made, err) < 0)
        return -1;
    assert(made);
    *out = made;
    return 0;
}

/* The log of the build is a file of the job, where people look first. */
static int make_environment(struct attempt *attempt, struct error *err)
{
    struct words sandbox = words_make(attempt->arena);
    struct environment_folder data = {.dir = attempt->data,
                                      .path = arena_cstr(attempt->arena, attempt->data_path)};
    struct environment_result result;
    const struct json *environment;
    CLEANUP(fd_close)
    int log = file_open(attempt->folder, "system_logs/environment.log",
                        O_WRONLY | O_CREAT | O_APPEND, 0644, err);

    if (log < 0 || read_environment(attempt, &environment, err) < 0)
        return -1;
    sandbox_build(attempt, &sandbox);
    struct environment_watch watch = {
        .state = tell_environment,
        .log_fd = log,
        .cancel = is_asked,
        .context = attempt,
        .sandbox_prefix = sandbox.count ? sandbox.list : NULL,
    };
    if (environment_make(attempt->arena, &data, environment, &watch, &result) < 0) {
        *err = result.err;
        return -1;
    }
    assert(!result.path.len || result.path.ptr[0] == '/');
    attempt->environment_path = result.path;
    if (!result.path.len)
        make_host_bin(attempt);
    return 0;
}

/* --- Code and inputs ----------------------------------------------------------------------------
 */

/* A mark on disk says that all are there: a runner that takes over must not overwrite what the
 * command has changed. */
static int bring_inputs(struct attempt *attempt, struct remote *remote, struct error *err)
{
    struct json *more = json_object(attempt->arena);
    struct bring_count count = {0};

    assert(attempt->folder >= 0);
    if (dir_make(attempt->folder, "work", 0755, err) < 0 ||
        dir_make(attempt->folder, "inputs", 0755, err) < 0)
        return -1;
    if (file_exists(attempt->folder, INPUTS_DONE))
        return 0;
    if (remote && bring_all(attempt, remote, &count, err) < 0)
        return -1;
    if (file_write_atomic(attempt->folder, INPUTS_DONE, STR(""), 0600, err) < 0)
        return -1;
    json_set_int(attempt->arena, more, "bytes", count.bytes);
    json_set_int(attempt->arena, more, "files", count.files);
    struct str reason =
        arena_printf(attempt->arena, "Code and inputs are in place: %lld files with %lld bytes.",
                     (long long)count.files, (long long)count.bytes);
    journal_event(attempt->journal, "inputs", more, reason.ptr);
    return 0;
}

/* Everything that can fail without the command having begun. */
int prepare(struct attempt *attempt, struct remote *remote, struct error *err)
{
    /* A model that names its own environment must be here before it. */
    bool model_first = json_str_at(attempt->spec, "environment.fromModel").len > 0;

    prepare_walls(attempt);
    tell_notes(attempt);
    journal_event(attempt->journal, "preparing", NULL,
                  "Environment, code and inputs are being prepared.");
    if (model_first && bring_inputs(attempt, remote, err) < 0)
        return -1;
    if (make_environment(attempt, err) < 0)
        return -1;
    if (!model_first && bring_inputs(attempt, remote, err) < 0)
        return -1;
    if (collect_prepare(attempt, err) < 0 ||
        (!attempt->replica && dir_make(attempt->folder, "packages", 0755, err) < 0) ||
        dir_make(attempt->folder, "work/outputs", 0755, err) < 0 ||
        dir_make(attempt->folder, "work/logs", 0755, err) < 0)
        return -1;
    copy_bundle(attempt);
    if (is_asked(attempt))
        return error_set(err, ERROR_CANCELED, "", "The attempt was asked to stop.");
    assert(err->code == ERROR_NONE);
    return separate_user(attempt, err);
}
