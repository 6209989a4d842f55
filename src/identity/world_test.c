#include "identity/world_test.h"

#include "os/clock.h"
#include "os/file.h"
#include "store/scope.h"

#include <unistd.h>

static int insert_scopes(struct store_txn *txn, void *context, struct error *err)
{
    static const struct str NAMES[] = {STR_INIT("one"), STR_INIT("two")};
    int64_t *numbers = context;

    for (size_t i = 0; i < COUNT(NAMES); i++) {
        struct scope scope = {.kind = SCOPE_WORKSPACE,
                              .subscription = STR("s"),
                              .group = STR("g"),
                              .name = NAMES[i],
                              .guid = NAMES[i],
                              .data_key = STR("k")};
        if (scope_insert(txn, &scope, err) < 0)
            return -1;
        numbers[i] = scope.number;
    }
    return 0;
}

struct people_world *people_world_new(struct people_world *world)
{
    static const struct str HOSTS[] = {STR_INIT("localhost:10443"), STR_INIT("127.0.0.1:10443")};
    int64_t scopes[2] = {0};

    *world = (struct people_world){.arena = arena_new(4 * MIB)};
    clock_test_set(WORLD_NOW_US);
    world->dir = dir_open(test_folder(), &world->err);
    /* The keys are kept from test to test, who the admin is and since when is not. */
    unlinkat(world->dir, "keys/identity.json", 0);
    CHECK_OK(store_open("memory:", NULL, &world->store, &world->err), &world->err);
    CHECK_OK(store_write(world->store, insert_scopes, scopes, &world->err), &world->err);
    CHECK(scopes[0] == 1 && scopes[1] == 2);
    struct identity_options options = {.dir = world->dir,
                                       .store = world->store,
                                       .domain = STR("lazurite.test"),
                                       .anonymous_same_user = true,
                                       .default_scope = scopes[0],
                                       .hosts = HOSTS,
                                       .host_count = COUNT(HOSTS)};
    world->identity = identity_open(&options, NULL, &world->err);
    CHECK(world->identity && identity_ready(world->identity));
    return world;
}

void people_world_end(struct people_world *world)
{
    identity_close(&world->identity);
    store_close(&world->store);
    fd_close(&world->dir);
    arena_free(&world->arena);
    clock_test_end();
}

struct principal people_add(struct people_world *world, enum principal_kind kind, const char *name)
{
    struct principal made;

    CHECK_OK(principal_create(world->identity, world->arena,
                              &(struct principal_wish){
                                  .kind = kind, .name = str_from(name), .actor = STR("admin")},
                              &made, &world->err),
             &world->err);
    return made;
}

struct str people_secret(struct people_world *world, int64_t number, int64_t expires_us)
{
    struct secret_wish wish = {.number = number, .expires_us = expires_us, .actor = STR("admin")};
    struct secret_made made = {0};

    CHECK_OK(principal_add_secret(world->identity, world->arena, &wish, &made, &world->err),
             &world->err);
    return made.secret;
}
