/* The template says which piece of a path is a word and which a name, so a blob or a model that is
 * called "subscriptions" is never taken for one. What is compared is decoded once, by piece. */
#include "identity/guard_private.h"

#include "http/text.h"
#include "identity/grant.h"
#include "store/scope.h"

#include <assert.h>

#define PIECES_MAX 64

/* The pieces of template and path, side by side; the path's are decoded. */
struct place_walk {
    struct str words[PIECES_MAX]; /* of the template; "" beneath a rest */
    struct str names[PIECES_MAX];
    size_t count;
};

/* Words are compared as ARM compares them, also in templates that do not fold: the router has
 * decided already. */
static bool is_word(struct str piece, const char *word)
{
    return str_eq_fold(piece, str_from(word));
}

/* "{name}". */
static bool is_param(struct str piece)
{
    return str_starts(piece, STR("{"));
}

/* False for a path that cannot be decoded, which the router would have refused. */
static bool walk_pieces(const struct place_ask *ask, struct place_walk *out)
{
    struct arena *arena = ask->call->arena;
    struct str words = str_from(ask->call->route->path), names = ask->path, word, name;
    bool rest = false;

    out->count = 0;
    while (out->count < PIECES_MAX && str_split(&names, '/', &name)) {
        rest |= !str_split(&words, '/', &word);
        rest |= !rest && str_ends(word, STR("*}"));
        if (http_decode(arena, name, &name, NULL) < 0)
            return false;
        out->words[out->count] = rest ? STR("") : word;
        out->names[out->count++] = name;
    }
    return true;
}

/* Where a word of the template stands, followed by a parameter; count when it does not. */
static size_t find_word(const struct place_walk *walk, const char *word, size_t from)
{
    for (size_t i = from; i < walk->count; i++)
        if (is_word(walk->words[i], word))
            return i;
    return walk->count;
}

/* Pieces [from, to) of the path as one. */
static struct str join(struct arena *arena, const struct place_walk *walk, size_t from, size_t to)
{
    struct str path = STR("");

    for (size_t i = from; i < to; i++)
        if (walk->names[i].len > 0)
            path = arena_printf(arena, "%.*s/%.*s", STR_ARG(path), STR_ARG(walk->names[i]));
    return path;
}

/* The piece behind "workspaces" or "registries" of our provider; `start` when there is none. */
static size_t base_end(const struct place_walk *walk, size_t start)
{
    for (size_t i = start; i + 2 < walk->count; i++)
        if (is_word(walk->words[i], "Microsoft.MachineLearningServices") &&
            (is_word(walk->words[i + 1], "workspaces") ||
             is_word(walk->words[i + 1], "registries")) &&
            is_param(walk->words[i + 2]))
            return i + 3;
    return start;
}

/* The path of an ARM id that stands in the template from `start` on. */
static void place_in_arm(struct arena *arena, const struct place_walk *walk, size_t start,
                         struct guard_place *out)
{
    size_t end = base_end(walk, start);

    out->shown = join(arena, walk, start, walk->count);
    out->path = grant_path(arena, out->shown);
    out->kind = end > start ? PLACE_SCOPE : PLACE_ABOVE;
    if (end == start) {
        end = find_word(walk, "providers", start);
        if (end == walk->count) /* what lies in the group or subscription before it */
            end = find_word(walk, "resources", start);
    }
    out->base = grant_path(arena, join(arena, walk, start, end));
}

/* A workspace that the row does not name. */
static int place_in_default(struct identity *identity, const struct place_ask *ask,
                            struct guard_place *out, struct error *err)
{
    struct arena *arena = ask->call->arena;
    struct scope_words words;
    struct scope scope = {.kind = SCOPE_WORKSPACE, .number = identity->default_scope};

    if (ask->cached_only && !guard_scope_cached(identity, arena, identity->default_scope, &words))
        return 0;
    if (!ask->cached_only &&
        guard_scope_words(identity, arena, identity->default_scope, &words, err) < 0)
        return -1;
    scope.subscription = words.subscription;
    scope.group = words.group;
    scope.name = words.name;
    out->kind = PLACE_SCOPE;
    out->shown = scope_arm_id(arena, &scope);
    out->path = grant_path(arena, out->shown);
    out->base = out->path;
    out->bare_mlflow = true;
    return 1;
}

/* A registry by its name alone, which no other of this server has. */
static int place_in_registry(struct identity *identity, const struct place_ask *ask,
                             struct str name, struct guard_place *out, struct error *err)
{
    struct arena *arena = ask->call->arena;
    struct scope scope;

    if (ask->cached_only || !identity->store)
        return 0;
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(identity->store, err);
    if (!txn)
        return -1;
    if (scope_find(txn, &(struct scope_name){.name = name}, &scope, err) < 0)
        return err->code == ERROR_NOT_FOUND
                   ? error_set(err, ERROR_NOT_FOUND, "", "There is no registry '%.*s'.",
                               STR_ARG(str_slice(name, 0, 128)))
                   : -1;
    out->kind = PLACE_SCOPE;
    out->shown = scope_arm_id(arena, &scope);
    out->path = grant_path(arena, out->shown);
    out->base = out->path;
    return 1;
}

/* A row without any of the words is about the server itself. */
int guard_place(struct identity *identity, const struct place_ask *ask, struct guard_place *out,
                struct error *err)
{
    struct place_walk walk;
    const struct route *route = ask->call->route;

    assert(route && out);
    *out = (struct guard_place){
        .kind = PLACE_ROOT, .path = STR(""), .base = STR(""), .shown = STR("/")};
    if (route->flags & ROUTE_SAS) {
        out->kind = PLACE_BLOB;
        return 1;
    }
    if (!walk_pieces(ask, &walk))
        return error_set(err, ERROR_INVALID, "", "The path holds a bad escape.");
    size_t start = find_word(&walk, "subscriptions", 0);
    if (start < walk.count) {
        place_in_arm(ask->call->arena, &walk, start, out);
        return 1;
    }
    size_t registry = find_word(&walk, "registries", 0);
    if (registry + 1 < walk.count && is_param(walk.words[registry + 1]))
        return place_in_registry(identity, ask, walk.names[registry + 1], out, err);
    if (route->flags & ROUTE_LOCAL_USER)
        return place_in_default(identity, ask, out, err);
    return 1;
}
