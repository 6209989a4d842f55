/* Words for bubblewrap. */
#include "runner/sandbox.h"

#include "os/file.h"
#include "os/process.h"

#include <assert.h>
#include <string.h>

#define OUTPUT_BYTES_MAX (4 * KIB)

/* Never empty of its end. */
struct words words_make(struct arena *arena)
{
    struct words words = {.arena = arena, .room = 64};

    assert(arena);
    words.list = arena_new_array(arena, const char *, words.room);
    return words;
}

/* Always followed by NULL, as exec wants it. */
void words_add(struct words *words, const char *word)
{
    assert(word);
    if (words->count + 2 > words->room) {
        const char **grown = arena_new_array(words->arena, const char *, 2 * words->room);
        memcpy(grown, words->list, words->count * sizeof(*grown));
        words->list = grown;
        words->room *= 2;
    }
    words->list[words->count++] = word;
    words->list[words->count] = NULL;
}

/* A list that ends with NULL. */
static void add_all(struct words *words, const char *const *list)
{
    assert(list);
    for (; *list; list++)
        words_add(words, *list);
}

/* Under its own path: what the command prints can be found from outside. */
static void add_bind(struct words *words, const char *kind, struct str path)
{
    assert(path.len && path.ptr[0] == '/');
    const char *text = arena_cstr(words->arena, path);
    words_add(words, kind);
    words_add(words, text);
    words_add(words, text);
}

/* Namespaces, and the data folder covered by an empty one. */
static void add_walls(const struct attempt *attempt, const char *root_bind, struct words *out)
{
    const char *const HEAD[] = {"bwrap",
                                root_bind,
                                "/",
                                "/",
                                "--dev-bind",
                                "/dev",
                                "/dev",
                                "--proc",
                                "/proc",
                                "--ro-bind-try",
                                "/sys",
                                "/sys",
                                "--unshare-pid",
                                "--unshare-ipc",
                                "--cap-drop",
                                "ALL",
                                "--tmpfs",
                                NULL};

    assert(attempt->data_path.len > 1);
    add_all(out, HEAD);
    words_add(out, arena_cstr(out->arena, attempt->data_path));
}

/* The folder above one that is bound. Bubblewrap makes it for its own user only, unless it is told
 * to before; a command with another user id could not pass. */
static void add_parent(struct words *words, struct str path)
{
    ssize_t slash = str_find_last(path, '/');

    assert(slash > 0);
    words_add(words, "--dir");
    words_add(words, arena_cstr(words->arena, str_slice(path, 0, (size_t)slash)));
}

/* 0 stands for our own user. */
static uint32_t user_id(const struct attempt *attempt)
{
    bool separate = str_eq(json_str_at(attempt->spec, "isolation.mode"), STR("separate"));

    assert(attempt->spec);
    return separate ? (uint32_t)json_int_at(attempt->spec, "isolation.uid", 0) : 0;
}

/* Asked by doing: whether namespaces may be made depends on more settings than one could read. */
bool sandbox_try(const struct attempt *attempt, struct str *out_why)
{
    struct words words = words_make(attempt->arena);
    struct process_result result;
    struct error err = {0};

    if (!json_bool_at(attempt->spec, "isolation.sandbox", false)) {
        *out_why = STR("it is not asked for");
        return false;
    }
    add_walls(attempt, "--bind", &words);
    words_add(&words, "--");
    words_add(&words, "/bin/true");
    struct process_spec spec = {.argv = words.list, .input = -1};
    assert(words.count > 2);
    if (process_run(attempt->arena, &spec, OUTPUT_BYTES_MAX, &result, &err) < 0) {
        *out_why = arena_str(attempt->arena, str_from(err.message));
        return false;
    }
    *out_why = str_trim(result.text);
    return !result.end.signaled && result.end.status == 0;
}

/* The order matters: a later bind covers an earlier one. */
void sandbox_command(const struct attempt *attempt, int status_fd, struct words *out)
{
    static const char *const OWN[] = {"work", "results", "inputs", "home", "packages"};
    uint32_t uid = user_id(attempt);

    if (!attempt->sandboxed)
        return;
    add_walls(attempt, "--bind", out);
    add_parent(out, attempt->folder_path);
    add_bind(out, attempt->replica ? "--bind" : "--ro-bind", attempt->folder_path);
    for (size_t i = 0; i < COUNT(OWN); i++)
        if (file_exists(attempt->folder, OWN[i]))
            add_bind(out, "--bind",
                     arena_printf(out->arena, "%.*s/%s", STR_ARG(attempt->folder_path), OWN[i]));
    if (attempt->environment_path.len) {
        add_parent(out, attempt->environment_path);
        add_bind(out, "--ro-bind", attempt->environment_path);
    }
    words_add(out, "--json-status-fd");
    words_add(out, arena_printf(out->arena, "%d", status_fd).ptr);
    words_add(out, "--chdir");
    words_add(out, arena_printf(out->arena, "%.*s/work", STR_ARG(attempt->folder_path)).ptr);
    if (uid) {
        static const char *const CHANGE[] = {"--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID",
                                             NULL};
        add_all(out, CHANGE);
    }
    words_add(out, "--");
    if (uid) { /* leaving user id 0 drops the two capabilities as well */
        const char *const CHANGE[] = {"setpriv", arena_printf(out->arena, "--reuid=%u", uid).ptr,
                                      arena_printf(out->arena, "--regid=%u", uid).ptr,
                                      "--clear-groups", NULL};
        add_all(out, CHANGE);
    }
    assert(out->count > 0);
}

/* A build reads the host and writes its own folder alone; no data of any job is in sight. */
void sandbox_build(const struct attempt *attempt, struct words *out)
{
    static const char *const MORE[] = {"--bind", "/tmp", "/tmp", "--die-with-parent", NULL};

    if (!attempt->sandboxed)
        return;
    /* /tmp before the data folder is covered: that may lie in it. */
    add_walls(attempt, "--ro-bind", out);
    size_t cover = out->count - 2;
    const char *covered = out->list[out->count - 1];
    assert(!strcmp(out->list[cover], "--tmpfs"));
    out->count = cover;
    add_all(out, MORE);
    words_add(out, "--tmpfs");
    words_add(out, covered);
}

/* Bubblewrap tells the command's end apart from its own. */
int sandbox_exit_code(const struct attempt *attempt)
{
    struct str rest, line;
    int code = -1;

    if (file_read(attempt->arena, attempt->folder, SANDBOX_STATUS_FILE, 64 * KIB, &rest, NULL) < 0)
        return -1;
    while (str_split(&rest, '\n', &line)) {
        struct json *report = line.len ? json_parse(attempt->arena, line, NULL) : NULL;
        if (json_is_integer(json_at(report, "exit-code")))
            code = (int)json_int_at(report, "exit-code", -1);
    }
    assert(code >= -1);
    return code;
}
