#include "arm/internal.h"

#include "route/reference.h"
#include "yaml/yaml.h"

#include <assert.h>

/* Decisions 6: two clients may pick the same number. The second PUT is fine when it says the same,
 * may change what describes a version, and never what the version is. */

#define DIFF_BYTES 400 /* more differences than fit into a sentence are not told */

/* referencedUris is what some clients read out of the bytes and others do not: the path tells. */
static const char *const SOFT[] = {"description", "tags",           "properties",
                                   "isArchived",  "stage",          "flavors",
                                   "isAnonymous", "referencedUris", "autoDeleteSetting"};
static const char *const PATHS[] = {"dataUri", "modelUri", "codeUri"};

static bool among(const char *const *words, size_t count, struct str key)
{
    assert(count > 0);
    for (size_t i = 0; i < count; i++)
        if (str_eq(str_from(words[i]), key))
            return true;
    return false;
}

/* Clients leave out what they read back as null, {} or false. */
static bool nothing(const struct json *value)
{
    switch (json_kind(value)) {
    case JSON_NULL:
        return true;
    case JSON_BOOL:
        return !json_as_bool(value, false);
    case JSON_STRING:
        return json_as_str(value).len == 0;
    case JSON_ARRAY:
    case JSON_OBJECT:
        return json_count(value) == 0;
    case JSON_NUMBER:
        break;
    }
    return false;
}

/* Equal, or both as good as absent. */
static bool same(const struct json *a, const struct json *b)
{
    return (nothing(a) && nothing(b)) || json_equal(a, b);
}

/* One comparison: the hardest change so far, and the hard ones in words. */
struct compare {
    struct arena *arena;
    const struct scope *home; /* the workspace or registry of both; NULL: none */
    enum arm_change change;
    struct str diff;
};

/* The one spelling of a path in a datastore of the workspace at hand, which some clients name in
 * full; an address of anything else stays as it is. */
static struct str datastore_place(struct arena *arena, const struct scope *home, struct str uri)
{
    struct reference reference;

    if (!home || reference_parse(arena, uri, &reference, NULL) < 0 ||
        reference.kind != REFERENCE_DATASTORE || reference.registry.len > 0)
        return uri;
    if (reference.workspace.len > 0 && (!str_eq_fold(reference.workspace, home->name) ||
                                        !str_eq_fold(reference.group, home->group) ||
                                        !str_eq_fold(reference.subscription, home->subscription)))
        return uri;
    return reference_datastore(arena, reference.name, reference.path);
}

/* What is left of an address that is compared: of our own storage container and blob alone, since
 * clients reach one server under several names and ports and leave the account out; and no slash at
 * the end, which only some clients put behind a folder. */
static struct str place(const struct compare *compare, const struct json *value)
{
    struct str uri = json_as_str(value), rest = uri, host, piece, tail;

    if (str_ends(uri, STR("/")))
        rest = uri = str_slice(uri, 0, uri.len - 1);
    if (str_starts_fold(uri, STR("azureml:")))
        return datastore_place(compare->arena, compare->home, uri);
    if (!str_starts_fold(uri, STR("https://")) ||
        !str_cut(str_slice(uri, 8, uri.len), '/', &host, &rest))
        return uri;
    if (str_cut(rest, '/', &piece, &tail) && str_find(piece, STR(".blob.")) > 0)
        rest = tail;
    return str_starts(rest, STR("azureml-")) ? rest : uri;
}

static bool same_place(const struct compare *compare, const struct json *a, const struct json *b)
{
    struct str left = place(compare, a), right = place(compare, b);

    return left.len > 0 && str_eq(left, right);
}

/* A build is the folder of its Dockerfile and that file's name in it. */
static bool same_build(const struct compare *compare, const struct json *a, const struct json *b)
{
    assert(a || b);
    return same_place(compare, json_get(a, STR("contextUri")), json_get(b, STR("contextUri"))) &&
           same(json_get(a, STR("dockerfilePath")), json_get(b, STR("dockerfilePath")));
}

/* Packages are the same whoever wrote them down: clients print the file that they have read. */
static bool same_packages(struct arena *arena, const struct json *a, const struct json *b)
{
    struct yaml left, right;

    return json_kind(a) == JSON_STRING && json_kind(b) == JSON_STRING &&
           yaml_parse(arena, json_as_str(a), &left, NULL) == 0 &&
           yaml_parse(arena, json_as_str(b), &right, NULL) == 0 &&
           json_equal(left.root, right.root);
}

/* One value for a sentence, cut to what a person reads. */
static struct str shown(struct arena *arena, const struct json *value)
{
    struct str text = json_write(arena, value);

    size_t len = 77;

    if (text.len <= 80)
        return text;
    while (len > 0 && ((unsigned char)text.ptr[len] & 0xc0) == 0x80)
        len--; /* not inside a UTF-8 character */
    return arena_printf(arena, "%.*s...", (int)len, text.ptr);
}

/* The hardest change seen so far counts; hard ones are told by name. */
static void compare_field(struct compare *compare, struct str key, const struct json *before,
                          const struct json *after)
{
    enum arm_change change = ARM_CHANGE_HARD;

    assert(compare->arena);
    if (same(before, after) || (str_eq(key, STR("build")) && same_build(compare, before, after)) ||
        (str_eq(key, STR("condaFile")) && same_packages(compare->arena, before, after)) ||
        (among(PATHS, COUNT(PATHS), key) && same_place(compare, before, after)))
        return;
    if (among(SOFT, COUNT(SOFT), key))
        change = ARM_CHANGE_SOFT;
    else if (among(PATHS, COUNT(PATHS), key))
        change = ARM_CHANGE_PATH;
    else if (compare->diff.len < DIFF_BYTES)
        compare->diff = arena_printf(compare->arena, "%.*s%s%.*s is %.*s, not %.*s",
                                     STR_ARG(compare->diff), compare->diff.len ? "; " : "",
                                     STR_ARG(key), STR_ARG(shown(compare->arena, before)),
                                     STR_ARG(shown(compare->arena, after)));
    if (change > compare->change)
        compare->change = change;
}

enum arm_change arm_version_compare(struct arena *arena, const struct scope *home,
                                    const struct json *before, const struct json *after,
                                    struct str *out_diff)
{
    const struct json *old = json_at(before, "properties"), *new = json_at(after, "properties");
    struct compare compare = {.arena = arena, .home = home, .change = ARM_CHANGE_NONE};
    struct json_iter it = json_iter(old);

    assert(out_diff);
    while (json_next(&it))
        compare_field(&compare, it.key, it.value, json_get(new, it.key));
    it = json_iter(new);
    while (json_next(&it))
        if (!json_get(old, it.key))
            compare_field(&compare, it.key, NULL, it.value);
    *out_diff = compare.diff;
    return compare.change;
}

int arm_version_check(struct arm_request *req, const struct document *before, enum arm_change *out,
                      struct error *err)
{
    struct json *stored = json_parse(req->arena, before->body, err);
    struct str diff;

    assert(req->body);
    if (!stored)
        return -1;
    enum arm_change change = arm_version_compare(req->arena, &req->scope, stored, req->body, &diff);
    if (change == ARM_CHANGE_PATH)
        return error_set(err, ERROR_USER, "properties", "Asset paths cannot be updated.");
    if (change == ARM_CHANGE_HARD) {
        error_set(err, ERROR_CONFLICT, "properties",
                  "Version %.*s of %.*s exists and cannot change: %.*s.", STR_ARG(req->name),
                  STR_ARG(req->parent_name), STR_ARG(diff));
        return error_hint(err, "Give the change a new version.");
    }
    *out = change;
    return 0;
}
