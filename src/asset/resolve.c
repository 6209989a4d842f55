#include "asset/asset.h"

#include <assert.h>

/* From what a client wrote to the row of a version. */

/* The type in ids, and the word for sentences. */
struct resolve_type {
    struct str type;
    const char *one;
};

static const struct resolve_type TYPES[] = {
    {STR_INIT("environments"), "environment"},
    {STR_INIT("data"), "data asset"},
    {STR_INIT("models"), "model"},
    {STR_INIT("codes"), "code asset"},
    {STR_INIT("components"), "component"},
};

/* "environments" as one of them; NULL for what is no versioned asset. */
static const char *one_of(struct str type, struct str *out_type)
{
    for (size_t i = 0; i < COUNT(TYPES); i++)
        if (str_eq_fold(TYPES[i].type, type)) {
            *out_type = TYPES[i].type;
            return TYPES[i].one;
        }
    return NULL;
}

/* One reference on its way to a version. */
struct look {
    struct store_txn *txn;
    const struct scope *scope;
    struct reference reference;
    struct str type;
    const char *one;
};

/* What we ship, in the shape of a version; it has no row. */
static int curated(const struct look *look, struct str name, struct asset *out, struct error *err)
{
    struct arena *arena = store_arena(look->txn);
    struct str version = look->reference.version;
    struct json *found = asset_curated_environment(arena, name);
    struct json *body = json_object(arena);

    assert(look->scope);
    if (!found || (version.len && !str_eq(version, json_str_at(found, "version"))))
        return error_set(err, ERROR_NOT_FOUND, "", "There is no curated environment '%.*s'%s%.*s.",
                         STR_ARG(name), version.len ? " version " : "", STR_ARG(version));
    name = json_str_at(found, "name");
    version = json_str_at(found, "version");
    json_set(arena, body, STR("properties"), json_get(found, STR("properties")));
    *out =
        (struct asset){.type = look->type, .name = name, .version_name = version, .curated = true};
    out->version = (struct document){.scope = look->scope->number,
                                     .type = STR("environments/versions"),
                                     .name = version,
                                     .body = json_write(arena, body)};
    out->id = arena_printf(arena, "azureml://registries/azureml/environments/%.*s/versions/%.*s",
                           STR_ARG(name), STR_ARG(version));
    return 0;
}

/* The built-in registry answers curated environments and nothing else. */
static int in_builtin(const struct look *look, struct asset *out, struct error *err)
{
    const struct reference *r = &look->reference;

    assert(look->reference.registry.len > 0);
    if (!str_eq(look->type, STR("environments")))
        return error_set(err, ERROR_NOT_FOUND, "",
                         "The built-in registry 'azureml' holds environments, no %s '%.*s'.",
                         look->one, STR_ARG(r->name));
    return curated(look, r->name, out, err);
}

/* Names of another workspace are not looked for, and not told apart from missing ones. Ids of the
 * form azureml://locations/… name a workspace by its GUID. */
static bool elsewhere(const struct look *look)
{
    const struct reference *r = &look->reference;

    return (r->subscription.len && !str_eq_fold(r->subscription, look->scope->subscription)) ||
           (r->group.len && !str_eq_fold(r->group, look->scope->group)) ||
           (r->workspace.len && !str_eq_fold(r->workspace, look->scope->name) &&
            !str_eq_fold(r->workspace, look->scope->guid));
}

/* Says which version there is instead: most misses are old numbers. */
static int no_version(const struct look *look, const struct document *container, struct error *err)
{
    const struct reference *r = &look->reference;
    struct document latest;
    struct error ignored;
    struct str asked = r->label.len ? r->label : r->version;

    assert(!err || err->code == ERROR_NOT_FOUND);
    if (document_latest(look->txn, look->scope->number, container->doc, &latest, &ignored) == 0)
        return error_set(err, ERROR_NOT_FOUND, "", "%s '%.*s' has no %s %.*s (latest is %.*s).",
                         look->one, STR_ARG(container->name), r->label.len ? "label" : "version",
                         STR_ARG(asked), STR_ARG(latest.name));
    return error_set(err, ERROR_NOT_FOUND, "",
                     "%s '%.*s' has no %s %.*s and no other that is not "
                     "archived.",
                     look->one, STR_ARG(container->name), r->label.len ? "label" : "version",
                     STR_ARG(asked));
}

/* Whether a label that nobody gave means the newest version: components are also asked for by the
 * label of the one that is taken when none is named. */
static bool means_newest(const struct look *look)
{
    return str_eq_fold(look->reference.label, STR("latest")) ||
           (str_eq(look->type, STR("components")) &&
            str_eq_fold(look->reference.label, STR("default")));
}

/* By number or text, by label, or the newest for `latest`. */
static int find_version(const struct look *look, const struct document *container,
                        struct document *out, struct error *err)
{
    const struct reference *r = &look->reference;
    struct arena *arena = store_arena(look->txn);
    int result;

    assert(container->doc > 0);
    if (r->version.len) {
        struct document_key key = {
            .scope = look->scope->number,
            .type = arena_printf(arena, "%.*s/versions", STR_ARG(look->type)),
            .parent = container->doc,
            .name = r->version,
        };
        result = document_get(look->txn, &key, out, err);
    } else {
        result = document_by_label(look->txn, container->doc, r->label, out, err);
        if (result < 0 && err->code == ERROR_NOT_FOUND && means_newest(look))
            result = document_latest(look->txn, look->scope->number, container->doc, out, err);
    }
    return result < 0 && err->code == ERROR_NOT_FOUND ? no_version(look, container, err) : result;
}

/* Guessing the latest would make a job depend on the moment; it has to be asked for by its
 * label. */
static int which_version(const struct look *look, struct error *err)
{
    const struct reference *r = &look->reference;

    error_set(err, ERROR_INVALID, "", "Which version of %s '%.*s'?", look->one, STR_ARG(r->name));
    return error_hint(err, "Write azureml:%.*s:VERSION or azureml:%.*s@latest.", STR_ARG(r->name),
                      STR_ARG(r->name));
}

/* A registry of this server: its assets are there for every workspace. */
static int in_registry(const struct look *asked, struct asset *out, struct error *err)
{
    struct look look = *asked;
    const struct reference *r = &look.reference;
    struct arena *arena = store_arena(look.txn);
    struct document container, version;
    struct scope registry;

    assert(r->registry.len > 0);
    if (str_eq_fold(r->registry, STR("azureml")))
        return in_builtin(asked, out, err);
    if (scope_find(look.txn, &(struct scope_name){.name = r->registry}, &registry, err) < 0)
        return err->code != ERROR_NOT_FOUND
                   ? -1
                   : error_set(err, ERROR_NOT_FOUND, "", "There is no registry '%.*s' here.",
                               STR_ARG(r->registry));
    if (r->version.len == 0 && r->label.len == 0)
        return which_version(&look, err);
    look.scope = &registry;
    struct document_key key = {registry.number, look.type, 0, r->name};
    if (document_get(look.txn, &key, &container, err) < 0)
        return err->code != ERROR_NOT_FOUND
                   ? -1
                   : error_set(err, ERROR_NOT_FOUND, "",
                               "There is no %s '%.*s' in registry '%.*s'.", look.one,
                               STR_ARG(r->name), STR_ARG(registry.name));
    if (find_version(&look, &container, &version, err) < 0)
        return -1;
    *out = (struct asset){.version = version,
                          .type = look.type,
                          .name = container.name,
                          .version_name = version.name};
    out->id = arena_printf(arena, "azureml://registries/%.*s/%.*s/%.*s/versions/%.*s",
                           STR_ARG(registry.name), STR_ARG(look.type), STR_ARG(container.name),
                           STR_ARG(version.name));
    return 0;
}

/* Container, then version; curated names stand in for environments that nobody made. */
static int in_workspace(const struct look *look, struct asset *out, struct error *err)
{
    const struct reference *r = &look->reference;
    struct arena *arena = store_arena(look->txn);
    struct document_key key = {look->scope->number, look->type, 0, r->name};
    struct document container, version;

    assert(look->one);
    if (r->version.len == 0 && r->label.len == 0)
        return which_version(look, err);
    if (elsewhere(look) || document_get(look->txn, &key, &container, err) < 0) {
        if (!elsewhere(look) && err->code != ERROR_NOT_FOUND)
            return -1;
        if (str_starts_fold(r->name, STR("AzureML-")) && str_eq(look->type, STR("environments")) &&
            curated(look, r->name, out, err) == 0)
            return 0;
        return error_set(err, ERROR_NOT_FOUND, "", "There is no %s '%.*s' in workspace '%.*s'.",
                         look->one, STR_ARG(r->name), STR_ARG(look->scope->name));
    }
    if (find_version(look, &container, &version, err) < 0)
        return -1;
    *out = (struct asset){.version = version,
                          .type = look->type,
                          .name = container.name,
                          .version_name = version.name};
    out->id = arena_printf(arena, "%.*s/%.*s/%.*s/versions/%.*s",
                           STR_ARG(scope_arm_id(arena, look->scope)), STR_ARG(look->type),
                           STR_ARG(container.name), STR_ARG(version.name));
    return 0;
}

/* First what it says, then what it may be: an error names the kind that was needed. */
int asset_resolve(struct store_txn *txn, const struct asset_query *query, struct asset *out,
                  struct error *err)
{
    struct look look = {.txn = txn, .scope = query->scope};

    assert(txn && query->scope && out);
    if (reference_parse(store_arena(txn), query->text, &look.reference, err) < 0)
        return -1;
    struct str written = look.reference.type.len ? look.reference.type : query->type;
    look.one = one_of(written, &look.type);
    if (look.reference.kind != REFERENCE_ASSET || !look.one)
        return error_set(err, ERROR_INVALID, "", "'%.*s' does not name a versioned asset.",
                         STR_ARG(query->text));
    if (query->type.len && !str_eq_fold(query->type, look.type))
        return error_set(err, ERROR_INVALID, "", "'%.*s' is a %s; what is needed here is of %.*s.",
                         STR_ARG(query->text), look.one, STR_ARG(query->type));
    return look.reference.registry.len ? in_registry(&look, out, err)
                                       : in_workspace(&look, out, err);
}
