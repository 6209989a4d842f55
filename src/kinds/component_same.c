/* component_same.c - whether two specifications are the same component
 *
 * A version never changes what it does. Clients that send back what they read add to it: their id,
 * who made it, where it came from; people change how it is described. Code that was uploaded twice
 * has two names and one content.
 */
#include "kinds/component.h"

#include "asset/asset.h"

#include <assert.h>

/* Members that describe a component, or that clients add to what they have read. */
static const char *const WORDS[] = {"name",           "version",     "id",
                                    "display_name",   "description", "tags",
                                    "$schema",        "_source",     "creation_context",
                                    "latest_version", "is_anonymous"};

/* Whether a member says something about a component, not what it does. */
static bool is_word(struct str key)
{
    for (size_t i = 0; i < COUNT(WORDS); i++)
        if (str_eq(str_from(WORDS[i]), key))
            return true;
    return false;
}

/* The hash of a code version's content; empty when it has none or is not there. */
static struct str hash_of(struct arm_request *req, struct store_txn *txn, struct str text)
{
    const struct asset_query query = {.scope = &req->scope, .type = STR("codes"), .text = text};
    struct error ignored;
    struct asset asset;

    assert(text.len > 0);
    if (asset_resolve(txn, &query, &asset, &ignored) < 0)
        return (struct str){0};
    struct json *body = json_parse(req->arena, asset.version.body, NULL);
    return json_str_at(body, "properties.properties.hash_sha256");
}

/* What nobody said has the value that a run would take it for: an input that must be given, one
 * machine, and results that may be used again unless the component is a pipeline. */
void component_complete(struct arena *arena, struct json *spec)
{
    struct str type = json_str_at(spec, "type");
    struct json_iter it = json_iter(json_get(spec, STR("inputs")));

    assert(json_kind(spec) == JSON_OBJECT);
    while (json_next(&it))
        if (json_kind(it.value) == JSON_OBJECT && json_is_null(json_get(it.value, STR("optional"))))
            json_set_bool(arena, it.value, "optional", false);
    if (json_is_null(json_get(spec, STR("is_deterministic"))))
        json_set_bool(arena, spec, "is_deterministic", !str_eq(type, STR("pipeline")));
    if (!str_eq(type, STR("command")))
        return;
    if (json_is_null(json_get(spec, STR("resources"))))
        json_set(arena, spec, STR("resources"), json_object(arena));
    struct json *resources = json_get(spec, STR("resources"));
    if (json_kind(resources) == JSON_OBJECT &&
        json_is_null(json_get(resources, STR("instance_count"))))
        json_set_int(arena, resources, "instance_count", 1);
}

/* A copy with nothing left unsaid, in which code is named by its content. */
static struct json *settle(struct arm_request *req, struct store_txn *txn, const struct json *spec)
{
    static const char *const CODES[] = {"code", "task.code", "trial.code"};
    struct json *copy = json_copy(req->arena, spec);

    assert(json_kind(copy) == JSON_OBJECT);
    component_complete(req->arena, copy);
    for (size_t i = 0; i < COUNT(CODES); i++) {
        struct str text = json_str_at(copy, CODES[i]);
        struct str hash = text.len ? hash_of(req, txn, text) : text;
        if (hash.len)
            json_put(req->arena, copy, CODES[i], json_text(req->arena, hash), NULL);
    }
    return copy;
}

/* Absent, null and empty are one. */
static bool nothing(const struct json *value)
{
    enum json_kind kind = json_kind(value);

    return kind == JSON_NULL || ((kind == JSON_OBJECT || kind == JSON_ARRAY) && !json_count(value));
}

/* The first member of `a` that `b` has otherwise; empty: none. */
static struct str differs(const struct json *a, const struct json *b)
{
    struct json_iter it = json_iter(a);

    while (json_next(&it)) {
        const struct json *other = json_get(b, it.key);
        if (is_word(it.key) || (nothing(it.value) && nothing(other)))
            continue;
        if (!other || !json_equal(it.value, other))
            return it.key;
    }
    return (struct str){0};
}

/* Both ways, since a member that only the stored one has is a difference, too. The name of the
 * first one found, for the sentence; empty when they say the same. */
struct str component_differs(struct arm_request *req, struct store_txn *txn,
                             const struct json *stored, const struct json *wanted)
{
    const struct json *a = settle(req, txn, stored), *b = settle(req, txn, wanted);
    struct str key = differs(a, b);

    return key.len ? key : differs(b, a);
}

/* What the version does stays as it was first put, to the letter. */
struct json *component_describe(struct arena *arena, const struct json *stored,
                                const struct json *wanted)
{
    static const char *const SAID[] = {"display_name", "description", "tags"};
    struct json *spec = json_copy(arena, stored);

    assert(json_kind(spec) == JSON_OBJECT);
    for (size_t i = 0; i < COUNT(SAID); i++) {
        struct json *value = json_get(wanted, str_from(SAID[i]));
        if (value)
            json_set(arena, spec, str_from(SAID[i]), json_copy(arena, value));
    }
    return spec;
}
