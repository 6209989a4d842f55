#include "asset/asset.h"

#include "os/clock.h"
#include "route/name.h"
#include "store/event.h"

#include <assert.h>

/* A new version made by the server itself: container and document as a client's PUT leaves them. */

/* As arm/ writes it for what clients make, so that both look alike. */
static struct str system_data(struct arena *arena, const struct asset_new *fresh)
{
    struct maker maker = fresh->maker;

    if (maker.name.len == 0)
        maker.name = fresh->actor;
    return maker_stamp(arena, &maker, STR(""), clock_now_us());
}

/* Found, or made by the first version as ARM does it. */
static int ensure_container(struct store_txn *txn, const struct asset_new *fresh,
                            struct document *out, struct error *err)
{
    struct document_key key = {fresh->scope->number, fresh->type, 0, fresh->name};

    assert(store_is_writer(txn));
    if (document_get(txn, &key, out, err) == 0)
        return 0;
    if (err->code != ERROR_NOT_FOUND)
        return -1;
    *out = (struct document){
        .scope = fresh->scope->number,
        .type = fresh->type,
        .name = fresh->name,
        .created_by = fresh->actor,
        .body = STR("{\"properties\":{\"description\":null,\"tags\":{},\"properties\":{}}}"),
        .system = system_data(store_arena(txn), fresh),
    };
    return document_insert(txn, out, err);
}

/* A text the caller chose, or the next number. */
static int insert_version(struct store_txn *txn, const struct asset_new *fresh,
                          const struct document *container, struct document *out, struct error *err)
{
    struct arena *arena = store_arena(txn);
    struct json *body = json_object(arena);
    int64_t number;

    assert(container->doc > 0);
    *out = (struct document){
        .scope = fresh->scope->number,
        .type = arena_printf(arena, "%.*s/versions", STR_ARG(fresh->type)),
        .parent = container->doc,
        .name = fresh->version,
        .created_by = fresh->actor,
        .system = system_data(arena, fresh),
    };
    json_set(arena, body, STR("properties"), json_copy(arena, fresh->properties));
    out->body = json_write(arena, body);
    if (fresh->version.len > 0)
        return document_insert(txn, out, err) < 0
                   ? -1
                   : document_saw_version(txn, container->doc, fresh->version, err);
    if (document_next_version(txn, container->doc, &number, err) < 0)
        return -1;
    out->name = arena_printf(arena, "%lld", (long long)number);
    return document_insert(txn, out, err);
}

/* In the transaction of the job's end: its state and its assets are one. */
int asset_register(struct store_txn *txn, const struct asset_new *new_version, struct asset *out,
                   struct error *err)
{
    const struct asset_new *fresh = new_version;
    struct arena *arena = store_arena(txn);
    bool model = str_eq(fresh->type, STR("models"));
    struct document container, version;

    assert(fresh->scope && fresh->properties && store_is_writer(txn));
    if (name_check(model ? NAME_MLFLOW_MODEL : NAME_ASSET, fresh->name, "name", err) < 0 ||
        (fresh->version.len && name_check(NAME_ASSET, fresh->version, "version", err) < 0))
        return -1;
    if (ensure_container(txn, fresh, &container, err) < 0 ||
        insert_version(txn, fresh, &container, &version, err) < 0)
        return -1;
    struct event event = {
        .scope = fresh->scope->number,
        .type = arena_printf(arena, "%.*s.created", STR_ARG(fresh->type)),
        .subject_kind = version.type,
        .subject = arena_printf(arena, "%.*s/%.*s", STR_ARG(container.name), STR_ARG(version.name)),
        .actor = fresh->actor,
        .body = STR("{}"),
    };
    if (event_append(txn, &event, err) < 0)
        return -1;
    *out = (struct asset){.version = version,
                          .type = fresh->type,
                          .name = container.name,
                          .version_name = version.name};
    out->id = arena_printf(arena, "%.*s/%.*s/%.*s/versions/%.*s",
                           STR_ARG(scope_arm_id(arena, fresh->scope)), STR_ARG(fresh->type),
                           STR_ARG(container.name), STR_ARG(version.name));
    return 0;
}

/* Lineage is asked in both directions; the pair is the key, so once is enough. */
int asset_link(struct store_txn *txn, const struct asset_edge *edge, struct error *err)
{
    struct sql *q = sql(txn,
                        "INSERT INTO edge (scope, from_kind, from_id, role, to_kind, to_id) "
                        "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                        err);

    assert(edge->scope > 0 && edge->from_id.len > 0 && edge->to_id.len > 0);
    if (!q)
        return -1;
    sql_bind_int(q, 1, edge->scope);
    sql_bind_text(q, 2, edge->from_kind);
    sql_bind_text(q, 3, edge->from_id);
    sql_bind_text(q, 4, edge->role);
    sql_bind_text(q, 5, edge->to_kind);
    sql_bind_text(q, 6, edge->to_id);
    return sql_run(q, err);
}
