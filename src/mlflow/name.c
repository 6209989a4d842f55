/* What MLflow calls a valid name. Its own clients check some of it; others must be told here in the
 * same words. */
#include "mlflow/name.h"

#include "base/buf.h"
#include "os/random.h"

#include <assert.h>
#include <string.h>

#define KEY_MAX 250
#define EXPERIMENT_MAX 500
#define MODEL_MAX 256

/* MLflow counts characters, not bytes. */
static size_t characters(struct str text)
{
    size_t count = 0;

    for (size_t i = 0; i < text.len; i++)
        count += ((unsigned char)text.ptr[i] & 0xc0) != 0x80;
    return count;
}

/* MLflow's sentence, with what is too long. */
int name_check_length(const char *what, struct str text, size_t limit, struct error *err)
{
    if (text.len <= limit || characters(text) <= limit)
        return 0;
    return error_set(err, ERROR_INVALID, what, "'%s' exceeds the maximum length of %zu characters",
                     what, limit);
}

/* Letters, digits, and what MLflow's pattern allows besides. */
static bool key_character(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           c == '-' || c == '.' || c == ':' || c == '/' || c == ' ' || (unsigned char)c >= 0x80;
}

/* The path that a name would become, as POSIX joins and cleans paths. */
static struct str normal_path(struct buf *out, struct str name)
{
    struct str rest = name, piece;
    bool absolute = name.len > 0 && name.ptr[0] == '/';
    size_t floor = absolute ? 1 : 0;

    if (absolute)
        buf_add_char(out, '/');
    while (rest.len > 0 && str_split(&rest, '/', &piece)) {
        if (piece.len == 0 || str_eq(piece, STR(".")))
            continue;
        struct str so_far = buf_str(out);
        if (str_eq(piece, STR("..")) && so_far.len > floor && !str_ends(so_far, STR(".."))) {
            ssize_t slash = str_find_last(so_far, '/');
            out->len = slash < (ssize_t)floor ? floor : (size_t)slash;
            continue;
        }
        if (out->len > floor)
            buf_add_char(out, '/');
        buf_add(out, piece);
    }
    return out->len ? buf_str(out) : STR(".");
}

/* Keys become paths in other stores, so none may climb or begin with a slash. */
int name_check_key(const char *path, const char *what, struct str key, struct error *err)
{
    struct str shown = str_slice(key, 0, 150);

    for (size_t i = 0; i < key.len; i++)
        if (!key_character(key.ptr[i]))
            return error_set(err, ERROR_INVALID, path,
                             "Invalid value '%.*s' for parameter '%s' supplied: Names may only "
                             "contain alphanumerics, underscores (_), dashes (-), periods (.), "
                             "spaces ( ), colon(:) and slashes (/).",
                             STR_ARG(shown), path);
    CLEANUP(buf_free) struct buf buf = buf_make(key.len + 16);
    struct str normal = normal_path(&buf, key);
    if (!str_eq(normal, key) || str_eq(normal, STR(".")) || str_starts(normal, STR("..")) ||
        str_starts(normal, STR("/")))
        return error_set(
            err, ERROR_INVALID, path,
            "Invalid value '%.*s' for parameter '%s' supplied: Names may be treated as "
            "files in certain cases, and must not resolve to other names when treated "
            "as such. This name would resolve to '%.*s'",
            STR_ARG(shown), path, STR_ARG(str_slice(normal, 0, 100)));
    return name_check_length(what, key, KEY_MAX, err);
}

/* Not empty; anything else is a name. */
int name_check_experiment(struct str name, struct error *err)
{
    if (name.len == 0)
        return error_set(err, ERROR_INVALID, "name", "Invalid experiment name: ''");
    if (characters(name) > EXPERIMENT_MAX)
        return error_set(err, ERROR_INVALID, "name",
                         "'name' exceeds the maximum length of %d characters", EXPERIMENT_MAX);
    return 0;
}

/* Without what addresses need: slashes, colons, dots, quotes, percent signs. */
int name_check_logged_model(struct str name, struct error *err)
{
    bool good = name.len > 0 && characters(name) <= MODEL_MAX;

    for (size_t i = 0; i < name.len && good; i++)
        good = !memchr("/:.%\"'", name.ptr[i], 6) && (unsigned char)name.ptr[i] >= 0x20;
    if (good)
        return 0;
    return error_set(err, ERROR_INVALID, "name",
                     "Invalid model name ('%.*s') provided. Model name must be a non-empty string "
                     "and cannot contain the following characters: ('/', ':', '.', '%%', '\"', "
                     "\"'\")",
                     STR_ARG(str_slice(name, 0, 200)));
}

/* Looser than for logged ones: names that ARM knows must be found here, too. */
int name_check_registered_model(struct str name, struct error *err)
{
    bool good = name.len > 0 && name.len <= MODEL_MAX;

    for (size_t i = 0; i < name.len && good; i++)
        good = name.ptr[i] != '/' && name.ptr[i] != ':' && (unsigned char)name.ptr[i] >= 0x20 &&
               name.ptr[i] != 0x7f;
    if (good)
        return 0;
    if (name.len == 0)
        return error_set(err, ERROR_INVALID, "name", "Registered model name cannot be empty.");
    return error_set(err, ERROR_INVALID, "name",
                     "Invalid model name: '%.*s'. Model names are at most %d bytes of text without "
                     "'/' and ':'.",
                     STR_ARG(str_slice(name, 0, 200)), MODEL_MAX);
}

/* Three parts, so that people can tell runs apart by ear. */
struct str name_for_run(struct arena *arena)
{
    static const char *const HOW[] = {
        "able",   "amber",  "bold",   "brave", "bright", "brisk", "calm",   "clear",
        "clever", "cosy",   "crisp",  "eager", "early",  "fair",  "fine",   "fleet",
        "fond",   "frank",  "gentle", "glad",  "grand",  "happy", "hardy",  "keen",
        "kind",   "lively", "loyal",  "lucid", "merry",  "mild",  "neat",   "noble",
        "open",   "plain",  "proud",  "quick", "quiet",  "rapid", "ready",  "rich",
        "robust", "sharp",  "silent", "smart", "snowy",  "solid", "steady", "still",
        "sunny",  "swift",  "tidy",   "vivid", "warm",   "wise",  "witty",  "young"};
    static const char *const WHO[] = {
        "ant",   "auk",   "badger", "bat",   "bear",  "bee",  "bison", "boar",   "bream", "carp",
        "cat",   "colt",  "crab",   "crane", "crow",  "deer", "dove",  "duck",   "eel",   "elk",
        "ewe",   "finch", "fox",    "frog",  "gnat",  "goat", "goose", "grouse", "gull",  "hare",
        "hawk",  "heron", "horse",  "ibis",  "jay",   "kite", "lamb",  "lark",   "lynx",  "mole",
        "moose", "moth",  "mouse",  "newt",  "otter", "owl",  "perch", "pike",   "quail", "rook",
        "seal",  "shrew", "snail",  "stoat", "stork", "swan", "tern",  "trout",  "vole",  "wren"};

    assert(arena);
    return arena_printf(arena, "%s-%s-%d", HOW[random_below(COUNT(HOW))],
                        WHO[random_below(COUNT(WHO))], (int)random_below(1000));
}
