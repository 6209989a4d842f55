/* The registry `azureml`, which every folder has, and what lies in it: the environments we ship, as
 * documents like any other, so that they are listed, found and resolved like any other. */
#include "kinds/workspace.h"

#include "asset/asset.h"

#include <assert.h>

struct shipping {
    struct arena *arena;
    int64_t scope;
    const struct json *environments; /* an array of {name, version, properties} */
};

/* Finds a row or makes it. */
static int ensure(struct store_txn *txn, const struct document *wanted, struct document *out,
                  struct error *err)
{
    struct document_key key = {wanted->scope, wanted->type, wanted->parent, wanted->name};

    if (document_get(txn, &key, out, err) == 0)
        return 0;
    if (err->code != ERROR_NOT_FOUND)
        return -1;
    *out = *wanted;
    return document_insert(txn, out, err);
}

/* On the writer thread: what this version of the server ships beside what earlier ones did, for
 * jobs may name those. */
static int ship(struct store_txn *txn, void *context, struct error *err)
{
    const struct shipping *shipping = context;
    struct json_iter it = json_iter(shipping->environments);

    assert(store_is_writer(txn));
    while (json_next(&it)) {
        struct json *body = json_object(shipping->arena);
        struct document container = {.scope = shipping->scope,
                                     .type = STR("environments"),
                                     .name = json_str_at(it.value, "name"),
                                     .created_by = STR("lazurite"),
                                     .system = STR("{}"),
                                     .body = STR("{\"properties\":{\"description\":null,"
                                                 "\"tags\":{},\"properties\":{}}}")};
        struct document version = {.scope = shipping->scope,
                                   .type = STR("environments/versions"),
                                   .name = json_str_at(it.value, "version"),
                                   .created_by = STR("lazurite"),
                                   .system = STR("{}")};
        struct document found;
        json_set(shipping->arena, body, STR("properties"), json_get(it.value, STR("properties")));
        version.body = json_write(shipping->arena, body);
        if (ensure(txn, &container, &found, err) < 0)
            return -1;
        version.parent = found.doc;
        if (ensure(txn, &version, &found, err) < 0 ||
            document_saw_version(txn, version.parent, version.name, err) < 0)
            return -1;
    }
    return 0;
}

/* Whether the version is there, as after the first start of this version of the server. */
static bool shipped(struct store_txn *txn, int64_t scope, const struct json *environment)
{
    struct document container, version;
    struct error none;
    struct document_key key = {scope, STR("environments"), 0, json_str_at(environment, "name")};

    assert(scope > 0);
    if (document_get(txn, &key, &container, &none) < 0)
        return false;
    key = (struct document_key){scope, STR("environments/versions"), container.doc,
                                json_str_at(environment, "version")};
    return document_get(txn, &key, &version, &none) == 0;
}

/* The specifications are read before the write, and nothing is written when nothing is new. */
static int ship_environments(struct engines *engines, struct arena *arena, int64_t scope,
                             struct error *err)
{
    struct json *environments = json_array(arena);
    struct json_iter it = json_iter(asset_curated_names(arena));
    struct shipping shipping = {.arena = arena, .scope = scope, .environments = environments};
    struct store_txn *txn = store_read_begin(engines->store, err);

    assert(scope > 0);
    if (!txn)
        return -1;
    while (json_next(&it)) {
        struct json *one = asset_curated_environment(arena, json_as_str(it.value));
        if (one && !shipped(txn, scope, one))
            json_append(arena, environments, one);
    }
    store_read_end(&txn);
    if (json_count(environments) == 0)
        return 0;
    return store_write(engines->store, ship, &shipping, err);
}

int registry_make_builtin(struct engines *engines, struct arena *arena, struct scope *out,
                          struct error *err)
{
    struct scope_making making = {
        .arena = arena,
        .type = STR("registries"),
        .body = STR("{\"properties\":{\"description\":\"Curated environments\"},\"tags\":{}}"),
        .fresh = {.kind = SCOPE_REGISTRY, .name = STR("azureml")}};

    assert(out);
    if (workspace_make_builtin(engines, &making, err) < 0)
        return -1;
    *out = making.made;
    return ship_environments(engines, arena, out->number, err);
}
