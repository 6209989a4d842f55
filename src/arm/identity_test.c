/* The member `identity`, on a kind made for it. */
#include "arm/fake_exchange.h"
#include "arm/kind.h"
#include "base/test.h"
#include "identity/identity.h"
#include "identity/principal.h"
#include "os/file.h"

#define WS                                                                                        \
    "/subscriptions/s1/resourceGroups/rg/providers/Microsoft.MachineLearningServices/workspaces/" \
    "ws"
#define BODY(identity) "{\"identity\":" identity ",\"properties\":{}}"
#define SYSTEM BODY("{\"type\":\"SystemAssigned\"}")

static const struct arm_kind box_kind = {
    .type = "boxes",
    .wire = "Microsoft.MachineLearningServices/workspaces/boxes",
    .has_identity = true,
};
static const struct arm_kind plain_kind = {
    .type = "plains",
    .wire = "Microsoft.MachineLearningServices/workspaces/plains",
};
static const struct arm_kind workspace = {
    .type = "workspaces",
    .is_scope = SCOPE_WORKSPACE,
    .has_identity = true,
    .wire = "Microsoft.MachineLearningServices/workspaces",
};
static const struct arm_kind *const KINDS[] = {&box_kind, &plain_kind, &workspace};

struct fixture {
    struct arena *arena;
    struct engines engines;
    struct arm *arm;
    struct fake *fake;
    int dir;
};

static int insert_scope(struct store_txn *txn, void *, struct error *err)
{
    struct scope scope = {.kind = SCOPE_WORKSPACE,
                          .subscription = STR("s1"),
                          .group = STR("rg"),
                          .name = STR("ws"),
                          .guid = STR("0123abcd-0000-4000-8000-000000000001")};
    struct document document = {.type = STR("workspaces"),
                                .name = STR("ws"),
                                .created_by = STR("t"),
                                .body = STR("{\"properties\":{}}"),
                                .system = STR("{}")};

    if (scope_insert(txn, &scope, err) < 0)
        return -1;
    document.scope = scope.number;
    return document_insert(txn, &document, err);
}

static struct fixture *fixture_open(void)
{
    struct arena *arena = arena_new(MIB);
    struct fixture *f = arena_make(arena, struct fixture);
    struct error err = {0};

    f->arena = arena;
    f->dir = dir_open(test_folder(), &err);
    CHECK_OK(store_open("memory:", NULL, &f->engines.store, &err), &err);
    CHECK_OK(store_write(f->engines.store, insert_scope, NULL, &err), &err);
    const struct identity_options options = {
        .dir = f->dir, .store = f->engines.store, .domain = STR("lazurite.test")};
    f->engines.identity = identity_open(&options, NULL, &err);
    assert_non_null(f->engines.identity);
    f->arm = arm_new(KINDS, COUNT(KINDS), &f->engines);
    struct route_table table = arm_routes(f->arm);
    f->fake = fake_new(&table, 1);
    return f;
}

static void fixture_close(struct fixture **f)
{
    struct arena *arena = (*f)->arena;

    fake_free(&(*f)->fake);
    arm_free(&(*f)->arm);
    identity_close(&(*f)->engines.identity);
    store_close(&(*f)->engines.store);
    fd_close(&(*f)->dir);
    arena_free(&arena);
}

/* What a reply says its principal is, in the fixture's memory. */
static struct str principal_of(struct fixture *f, const struct fake_reply *reply)
{
    return arena_str(f->arena, json_str_at(reply->json, "identity.principalId"));
}

static bool is_known(struct fixture *f, struct str object_id)
{
    struct principal who;
    struct error err = {0};

    return principal_find(f->engines.identity, f->arena, object_id, &who, &err) == 0 &&
           who.kind == PRINCIPAL_MANAGED && str_eq(who.object_id, object_id);
}

TEST(a_system_assigned_identity_is_a_principal_of_the_store)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();
    struct fake_reply reply = fake_json(f->fake, "PUT", WS "/boxes/One", SYSTEM);
    struct principal who;
    struct error err = {0};

    CHECK_INT(201, reply.status);
    CHECK_STR("SystemAssigned", json_str_at(reply.json, "identity.type"));
    CHECK(
        str_eq(identity_tenant(f->engines.identity), json_str_at(reply.json, "identity.tenantId")));
    struct str id = principal_of(f, &reply);
    CHECK(is_known(f, id));
    CHECK_OK(principal_find(f->engines.identity, f->arena, id, &who, &err), &err);
    CHECK_STR("ws/boxes/One", who.display);
    /* What a GET showed comes back in a PUT and changes nothing. */
    reply = fake_json(f->fake, "PUT", WS "/boxes/one",
                      BODY("{\"type\":\"systemassigned\",\"principalId\":\"forged\","
                           "\"tenantId\":\"forged\"}"));
    CHECK_INT(200, reply.status);
    CHECK(str_eq(id, principal_of(f, &reply)));
    reply = fake_json(f->fake, "PATCH", WS "/boxes/One", "{\"properties\":{\"a\":1}}");
    CHECK(str_eq(id, principal_of(f, &reply)));
    reply = fake_json(f->fake, "PUT", WS "/boxes/One", "{\"properties\":{}}");
    CHECK(str_eq(id, principal_of(f, &reply))); /* nothing said, nothing changed */
}

TEST(its_principal_goes_with_it)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();
    struct fake_reply reply = fake_json(f->fake, "PUT", WS "/boxes/One", SYSTEM);
    struct str first = principal_of(f, &reply);

    reply = fake_json(f->fake, "PUT", WS "/boxes/Two", SYSTEM);
    struct str second = principal_of(f, &reply);
    CHECK(!str_eq(first, second));
    CHECK_INT(200, fake_send(f->fake, "DELETE", WS "/boxes/One", STR("")).status);
    CHECK(!is_known(f, first) && is_known(f, second));
    reply = fake_json(f->fake, "PUT", WS "/boxes/One", SYSTEM);
    CHECK(!str_eq(first, principal_of(f, &reply)));
    reply = fake_json(f->fake, "PATCH", WS "/boxes/Two", "{\"identity\":{\"type\":\"None\"}}");
    CHECK_INT(200, reply.status);
    CHECK(!json_at(reply.json, "identity.principalId"));
    CHECK(!is_known(f, second));
}

TEST(user_assigned_identities_keep_what_is_known_of_them)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();
    const char *path = "identity.userAssignedIdentities./ids/a.clientId";
    struct fake_reply reply = fake_json(
        f->fake, "PUT", WS "/boxes/One",
        BODY("{\"type\":\"UserAssigned\",\"userAssignedIdentities\":{\"/ids/a\":{\"clientId\":"
             "\"c\",\"principalId\":\"p\"},\"/ids/b\":null}}"));
    struct json *users;

    CHECK_INT(201, reply.status);
    CHECK(!json_at(reply.json, "identity.principalId"));
    CHECK_STR("c", json_str_at(reply.json, path));
    reply = fake_json(f->fake, "PUT", WS "/boxes/One",
                      BODY("{\"type\":\"UserAssigned, SystemAssigned\",\"userAssignedIdentities\":"
                           "{\"/ids/a\":{},\"/ids/c\":{}}}"));
    CHECK_INT(200, reply.status);
    CHECK_STR("SystemAssigned,UserAssigned", json_str_at(reply.json, "identity.type"));
    CHECK(is_known(f, principal_of(f, &reply)));
    users = json_at(reply.json, "identity.userAssignedIdentities");
    CHECK_INT(2, json_count(users));
    CHECK_STR("c", json_str_at(reply.json, path));
    CHECK_STR("p", json_str_at(json_get(users, STR("/ids/a")), "principalId"));
    CHECK_INT(0, json_count(json_get(users, STR("/ids/c"))));
}

TEST(an_identity_that_is_none_is_refused)
{
    static const char *const BAD[] = {
        BODY("\"SystemAssigned\""),
        BODY("[]"),
        BODY("{\"type\":\"Everybody\"}"),
        BODY("{\"type\":\"None,SystemAssigned\"}"),
        BODY("{\"type\":\"UserAssigned\"}"),
        BODY("{\"type\":\"UserAssigned\",\"userAssignedIdentities\":{}}"),
        BODY("{\"type\":\"UserAssigned\",\"userAssignedIdentities\":[\"/a\"]}"),
        BODY("{\"type\":\"UserAssigned\",\"userAssignedIdentities\":{\"a\":{}}}"),
        BODY("{\"type\":\"UserAssigned\",\"userAssignedIdentities\":{\"/a\":1}}"),
    };
    CLEANUP(fixture_close) struct fixture *f = fixture_open();

    for (size_t i = 0; i < COUNT(BAD); i++) {
        struct fake_reply reply = fake_json(f->fake, "PUT", WS "/boxes/One", BAD[i]);
        CHECK_INT(400, reply.status);
        CHECK(str_starts(json_str_at(reply.json, "error.target"), STR("identity")));
    }
    CHECK_INT(404, fake_send(f->fake, "GET", WS "/boxes/One", STR("")).status);
    /* Where nothing is said, and for kinds that have none, there is none. */
    CHECK(!json_at(fake_json(f->fake, "PUT", WS "/boxes/One", BODY("null")).json, "identity"));
    struct fake_reply reply = fake_json(f->fake, "PUT", WS "/plains/One", SYSTEM);
    CHECK(!json_at(reply.json, "identity.principalId"));
}

TEST(a_workspace_always_has_an_identity)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();
    struct fake_reply reply = fake_json(f->fake, "PATCH", WS, "{\"properties\":{}}");

    CHECK_INT(200, reply.status);
    CHECK_STR("SystemAssigned", json_str_at(reply.json, "identity.type"));
    CHECK(is_known(f, principal_of(f, &reply)));
}
