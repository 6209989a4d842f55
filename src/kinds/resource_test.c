#include "kinds/resource_test.h"

#include "base/test.h"
#include "kinds/kinds.h"
#include "kinds/location.h"
#include "os/file.h"
#include "vault/vault.h"

static const struct arm_kind *const KINDS[] = {
    &workspace_kind,           &datastore_kind,        &compute_kind,
    &connection_kind,          &schedule_kind,         &outbound_rule_kind,
    &outbound_dependency_kind, &private_endpoint_kind, &private_link_kind};

/* Everything of a server that these kinds use. */
struct world *world_open(void)
{
    struct arena *arena = arena_new(MIB);
    struct world *world = arena_make(arena, struct world);
    struct error err = {0};

    world->arena = arena;
    world->dir = dir_open(test_folder(), &err);
    CHECK_OK(store_open("memory:", NULL, &world->engines.store, &err), &err);
    world->engines.vault = vault_open(world->dir, &err);
    world->engines.domain = STR("lazurite.test");
    CHECK(world->engines.vault);
    CHECK_OK(workspace_make_default(&world->engines, arena, &world->scope, &err), &err);
    world->arm = arm_new(KINDS, COUNT(KINDS), &world->engines);
    const struct route_table tables[] = {arm_routes(world->arm), location_routes(&world->engines),
                                         datastore_routes(world->arm)};
    world->fake = fake_new(tables, COUNT(tables));
    return world;
}

void world_close(struct world **world)
{
    struct arena *arena = (*world)->arena;

    fake_free(&(*world)->fake);
    arm_free(&(*world)->arm);
    store_close(&(*world)->engines.store);
    vault_close(&(*world)->engines.vault);
    fd_close(&(*world)->dir);
    arena_free(&arena);
}

struct fake_reply world_get(struct world *world, const char *target)
{
    return fake_send(world->fake, "GET", target, STR(""));
}

struct fake_reply world_delete(struct world *world, const char *target)
{
    return fake_send(world->fake, "DELETE", target, STR(""));
}

struct fake_reply world_put(struct world *world, const char *target, const char *body)
{
    return fake_json(world->fake, "PUT", target, body);
}

struct fake_reply world_post(struct world *world, const char *target, const char *body)
{
    return fake_json(world->fake, "POST", target, body);
}

struct str world_target(struct fake_reply reply)
{
    return json_str_at(reply.json, "error.target");
}

bool world_stored(struct world *world, const char *text)
{
    struct error err = {0};
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(world->engines.store, &err);
    struct sql *q = sql(txn, "SELECT COUNT(*) FROM document WHERE instr(body, ?) > 0", &err);

    CHECK(q);
    sql_bind_text(q, 1, str_from(text));
    CHECK_INT(1, sql_step(q));
    int64_t rows = sql_int(q, 0);
    CHECK_OK(sql_end(q, &err), &err);
    return rows > 0;
}
