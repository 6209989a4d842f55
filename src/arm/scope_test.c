#include "arm/fake_exchange.h"
#include "arm/kind.h"
#include "base/test.h"
#include "os/random.h"

#include <pthread.h>
#include <string.h>

/* Workspaces and registries as scopes of the same kinds, and kinds three levels deep. */

static int make_scope(struct arm_request *req, struct store_txn *txn, struct error *err)
{
    struct scope scope = {.kind = req->kind->is_scope,
                          .subscription = req->scope.subscription,
                          .group = req->scope.group,
                          .name = req->name,
                          .guid = *(struct str *)req->prepared};

    if (scope_insert(txn, &scope, err) < 0)
        return -1;
    req->scope = scope;
    return 0;
}

static int prepare_scope(struct arm_request *req, struct error *)
{
    struct str *guid = arena_make(req->arena, struct str);

    *guid = random_uuid(req->arena);
    req->prepared = guid;
    return 0;
}

static int unmake(struct arm_request *, struct arm_reply *out, struct error *)
{
    *out = (struct arm_reply){.status = 200};
    return 0;
}

static const struct arm_kind workspace = {.type = "workspaces",
                                          .wire = "Microsoft.MachineLearningServices/workspaces",
                                          .is_scope = SCOPE_WORKSPACE,
                                          .made_status = 200,
                                          .prepare = prepare_scope,
                                          .make_scope = make_scope,
                                          .unmake_scope = unmake};
static const struct arm_kind registry = {.type = "registries",
                                         .wire = "Microsoft.MachineLearningServices/registries",
                                         .is_scope = SCOPE_REGISTRY,
                                         .prepare = prepare_scope,
                                         .make_scope = make_scope,
                                         .unmake_scope = unmake};
static const struct arm_kind model = {
    .type = "models", .wire = "Microsoft.MachineLearningServices/workspaces/models"};
static const struct arm_kind version = {
    .type = "models/versions",
    .wire = "Microsoft.MachineLearningServices/workspaces/models/versions",
    .parent = &model,
    .makes_parent = true,
    .immutable = true};
static const struct arm_kind set = {.type = "sets", .wire = "x/sets"};
static const struct arm_kind set_version = {
    .type = "sets/versions", .wire = "x/sets/versions", .parent = &set, .makes_parent = true};
static const struct arm_kind feature = {
    .type = "sets/versions/features", .wire = "x/features", .parent = &set_version};

static const struct arm_kind *const KINDS[] = {&workspace, &registry,    &model,  &version,
                                               &set,       &set_version, &feature};

struct fixture {
    struct engines engines;
    struct arm *arm;
    struct fake *fake;
    struct arena *arena;
};

static struct fixture *fixture_open(void)
{
    struct arena *arena = arena_new(MIB);
    struct fixture *f = arena_make(arena, struct fixture);
    struct error err = {0};

    f->arena = arena;
    CHECK_OK(store_open("memory:", NULL, &f->engines.store, &err), &err);
    f->engines.domain = STR("lazurite.test");
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
    store_close(&(*f)->engines.store);
    arena_free(&arena);
}

#define SUB "/subscriptions/s1"
#define PROVIDER "/providers/Microsoft.MachineLearningServices"
#define RG SUB "/resourceGroups/rg" PROVIDER
#define WS RG "/workspaces/ws"
#define REG RG "/registries/shared"
#define FRONT "/mferp/managementfrontend"
#define BODY "{\"properties\":{\"a\":1}}"

static int put(struct fixture *f, const char *path)
{
    return fake_json(f->fake, "PUT", path, BODY).status;
}

static int get(struct fixture *f, const char *path)
{
    return fake_send(f->fake, "GET", path, STR("")).status;
}

TEST(a_workspace_is_made_by_its_put_and_found_in_any_case)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();

    CHECK_INT(404, get(f, WS));
    struct fake_reply reply = fake_json(f->fake, "PUT", RG "/workspaces/Ws", BODY);
    CHECK_INT(200, reply.status);
    CHECK_STR(RG "/workspaces/Ws", json_str_at(reply.json, "id"));
    CHECK_STR("Ws", json_str_at(reply.json, "name"));
    CHECK_INT(200, put(f, WS)); /* again: an update of the same one */
    reply = fake_send(f->fake, "GET", WS, STR(""));
    CHECK_STR("Ws", json_str_at(reply.json, "name"));
    CHECK_INT(200, fake_json(f->fake, "PATCH", WS, "{\"tags\":{\"k\":\"v\"}}").status);
    CHECK_INT(404, fake_json(f->fake, "PATCH", RG "/workspaces/none", BODY).status);
}

TEST(a_workspace_keeps_just_the_tags_of_a_patch)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();

    CHECK_INT(200, put(f, WS));
    CHECK_INT(200, fake_json(f->fake, "PATCH", WS, "{\"tags\":{\"a\":\"1\",\"b\":\"2\"}}").status);
    fake_json(f->fake, "PATCH", WS, "{\"tags\":{\"b\":\"3\",\"c\":null}}");
    struct json *tags = json_at(fake_send(f->fake, "GET", WS, STR("")).json, "tags");
    CHECK_INT(1, json_count(tags));
    CHECK_STR("3", json_str_at(tags, "b"));
    /* What says nothing of tags leaves them. */
    fake_json(f->fake, "PATCH", WS, "{\"properties\":{\"description\":\"d\"}}");
    tags = json_at(fake_send(f->fake, "GET", WS, STR("")).json, "tags");
    CHECK_STR("3", json_str_at(tags, "b"));
}

TEST(names_of_scopes_are_checked_when_they_are_made)
{
    static const char *const BAD[] = {"a",     "-ab",     "a.b",
                                      "a%20b", "%C3%A4b", "a123456789012345678901234567890123"};
    CLEANUP(fixture_close) struct fixture *f = fixture_open();

    for (size_t i = 0; i < COUNT(BAD); i++) {
        struct str path = arena_printf(f->arena, RG "/workspaces/%s", BAD[i]);
        CHECK_INT(400, put(f, path.ptr));
        CHECK_INT(404, get(f, path.ptr));
    }
    CHECK_INT(200, put(f, RG "/workspaces/a_b-3"));
}

TEST(a_registry_is_unique_by_name_and_only_where_it_is)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();

    CHECK_INT(201, put(f, REG));
    CHECK_INT(409, put(f, SUB "/resourceGroups/other" PROVIDER "/registries/SHARED"));
    CHECK_INT(404, get(f, SUB "/resourceGroups/other" PROVIDER "/registries/shared"));
    CHECK_INT(404, get(f, RG "/workspaces/shared"));
    CHECK_INT(200, put(f, RG "/workspaces/shared")); /* a workspace may be called so */
    CHECK_STR(REG, json_str_at(fake_send(f->fake, "GET", REG, STR("")).json, "id"));
}

TEST(assets_of_a_registry_have_ids_of_their_own_and_take_time)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();
    struct fake_reply reply;

    CHECK_INT(201, put(f, REG));
    reply = fake_json(f->fake, "PUT", FRONT REG "/models/m/versions/1", BODY);
    CHECK_INT(201, reply.status);
    CHECK_STR("azureml://registries/shared/models/m/versions/1", json_str_at(reply.json, "id"));
    CHECK_STR("Microsoft.MachineLearningServices/registries/models/versions",
              json_str_at(reply.json, "type"));
    struct str url = fake_reply_header(f->fake, "Azure-AsyncOperation");
    ssize_t at = str_find(url, STR("/subscriptions"));
    CHECK(at > 0);
    reply = fake_send(f->fake, "GET", arena_cstr(f->arena, str_slice(url, (size_t)at, url.len)),
                      STR(""));
    CHECK_STR("Succeeded", json_str_at(reply.json, "status"));
    /* What older releases of the SDK take is 202 with a Location. */
    fake_header(f->fake, "User-Agent", "azsdk-python-mgmt-machinelearningservices/0.1.0");
    CHECK_INT(200, put(f, REG "/models/m/versions/1"));
    CHECK_INT(202, fake_json(f->fake, "PUT",
                             FRONT REG "/models/m/versions/1?api-version="
                                       "2021-10-01-dataplanepreview",
                             BODY)
                       .status);
    CHECK(str_find(fake_reply_header(f->fake, "Location"), STR("/operationResults/")) > 0);
    fake_header(f->fake, "User-Agent", NULL);
    /* By the front end and by ARM it is the same thing. */
    CHECK_INT(200, get(f, REG "/models/m/versions/1"));
    CHECK_STR(REG "/models/m",
              json_str_at(fake_send(f->fake, "GET", REG "/models/m", STR("")).json, "id"));
    CHECK_INT(202, fake_send(f->fake, "DELETE", REG "/models/m/versions/1", STR("")).status);
    CHECK(fake_reply_header(f->fake, "Location").len > 0);
    CHECK_INT(404, get(f, REG "/models/m/versions/1"));
}

TEST(an_unknown_container_of_a_registry_has_no_versions)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();
    struct fake_reply reply;

    CHECK_INT(201, put(f, REG));
    CHECK_INT(200, put(f, WS));
    reply =
        fake_send(f->fake, "GET",
                  FRONT REG "/models/none/versions?$orderBy=createdtime%20desc&$top=1", STR(""));
    CHECK_INT(200, reply.status);
    CHECK_INT(0, json_count(json_at(reply.json, "value")));
    CHECK_INT(404, get(f, WS "/models/none/versions"));
    CHECK_INT(404, get(f, FRONT RG "/registries/none/models/none/versions"));
}

TEST(only_what_is_shared_lies_in_a_registry)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();

    CHECK_INT(201, put(f, REG));
    CHECK_INT(200, put(f, WS));
    CHECK_INT(404, put(f, REG "/sets/s"));
    CHECK_INT(404, put(f, REG "/registries/r"));
    CHECK_INT(404, put(f, WS "/workspaces/w"));
    CHECK_INT(404, put(f, WS "/registries/r"));
}

TEST(nothing_of_one_scope_is_seen_in_another)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();

    CHECK_INT(200, put(f, WS));
    CHECK_INT(200, put(f, RG "/workspaces/two"));
    CHECK_INT(201, put(f, REG));
    CHECK_INT(201, put(f, WS "/models/m/versions/1"));
    CHECK_INT(404, get(f, RG "/workspaces/two/models/m"));
    CHECK_INT(404, get(f, RG "/workspaces/two/models/m/versions/1"));
    CHECK_INT(404, get(f, REG "/models/m/versions/1"));
    CHECK_INT(204, fake_send(f->fake, "DELETE", RG "/workspaces/two/models/m", STR("")).status);
    CHECK_INT(200, get(f, WS "/models/m"));
    CHECK_INT(201, put(f, RG "/workspaces/two/models/m/versions/1"));
}

TEST(a_third_level_hangs_on_the_second)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();
    struct fake_reply reply;

    CHECK_INT(200, put(f, WS));
    CHECK_INT(404, put(f, WS "/sets/s/versions/1/features/f"));
    CHECK_INT(201, put(f, WS "/sets/s/versions/1"));
    reply = fake_json(f->fake, "PUT", WS "/sets/S/versions/1/features/f", BODY);
    CHECK_INT(201, reply.status);
    CHECK_INT(200, get(f, WS "/sets/s/versions/1/features/F"));
    CHECK_INT(404, get(f, WS "/sets/s/versions/2/features/f"));
    CHECK_INT(404, get(f, WS "/sets/t/versions/1/features/f"));
    reply = fake_send(f->fake, "GET", WS "/sets/s/versions/1/features", STR(""));
    CHECK_INT(1, json_count(json_at(reply.json, "value")));
    CHECK_STR(WS "/sets/s/versions/1/features/f", json_str_at(reply.json, "value[0].id"));
    /* It goes with what it hangs on. */
    CHECK_INT(200, fake_send(f->fake, "DELETE", WS "/sets/s", STR("")).status);
    CHECK_INT(201, put(f, WS "/sets/s/versions/1"));
    CHECK_INT(404, get(f, WS "/sets/s/versions/1/features/f"));
}

TEST(scopes_are_listed_in_pages_and_by_kind)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();
    size_t seen = 0;

    for (int i = 0; i < 7; i++) {
        struct str path = arena_printf(f->arena, RG "/workspaces/w%d", i);
        CHECK_INT(200, fake_json(f->fake, "PUT", path.ptr,
                                 i % 2 ? "{\"properties\":{},\"kind\":\"Hub\"}" : BODY)
                           .status);
    }
    CHECK_INT(201, put(f, REG));
    struct str next = STR(SUB PROVIDER "/workspaces?$top=3");
    for (int pages = 0; next.len > 0; pages++) {
        CHECK(pages < 3);
        struct fake_reply reply = fake_send(f->fake, "GET", arena_cstr(f->arena, next), STR(""));
        seen += json_count(json_at(reply.json, "value"));
        next = arena_str(f->arena, json_str_at(reply.json, "nextLink"));
        next = str_slice(next, (size_t)(next.len ? str_find(next, STR("/subscriptions")) : 0),
                         next.len);
    }
    CHECK_INT(7, seen);
    struct fake_reply hubs = fake_send(f->fake, "GET", RG "/workspaces?kind=hub,project", STR(""));
    CHECK_INT(3, json_count(json_at(hubs.json, "value")));
    hubs = fake_send(f->fake, "GET", SUB PROVIDER "/registries", STR(""));
    CHECK_STR("shared", json_str_at(hubs.json, "value[0].name"));
    CHECK_INT(400, get(f, RG "/workspaces?$skip=nonsense"));
}

TEST(all_that_stands_by_itself_is_a_list_of_resources)
{
    static const struct {
        const char *filter;
        size_t count;
    } FILTERS[] = {
        {"", 3},
        {"?$filter=resourceType%20eq%20'microsoft.machinelearningservices/registries'", 1},
        {"?$filter=name%20eq%20'HUB'", 1},
        {"?$filter=resourceGroup%20eq%20'none'", 0},
        {"?$filter=tagName%20eq%20'a'%20and%20tagValue%20eq%20'b'", 1},
        {"?$filter=tagName%20eq%20'a'%20and%20tagValue%20eq%20'c'", 0},
    };
    static const char *const BAD[] = {"colour%20eq%20'red'", "name%20ne%20'x'", "name%20eq%20'x",
                                      "name%20eq%20x", "name%20eq%20'x'%20and%20"};
    CLEANUP(fixture_close) struct fixture *f = fixture_open();

    CHECK_INT(200, put(f, WS));
    CHECK_INT(200, fake_json(f->fake, "PUT", RG "/workspaces/hub",
                             "{\"properties\":{},\"kind\":\"Hub\",\"tags\":{\"a\":\"b\"}}")
                       .status);
    CHECK_INT(201, put(f, REG));
    for (size_t i = 0; i < COUNT(FILTERS); i++) {
        struct str path = arena_printf(f->arena, SUB "/resources%s", FILTERS[i].filter);
        struct fake_reply reply = fake_send(f->fake, "GET", path.ptr, STR(""));
        CHECK_INT(200, reply.status);
        CHECK_INT(FILTERS[i].count, json_count(json_at(reply.json, "value")));
    }
    for (size_t i = 0; i < COUNT(BAD); i++)
        CHECK_INT(400, get(f, arena_printf(f->arena, SUB "/resources?$filter=%s", BAD[i]).ptr));
    struct fake_reply reply =
        fake_send(f->fake, "GET", SUB "/resourceGroups/RG/resources?$top=2", STR(""));
    CHECK_STR(WS, json_str_at(reply.json, "value[0].id"));
    CHECK_STR("Hub", json_str_at(reply.json, "value[1].kind"));
    CHECK(!json_at(reply.json, "value[0].properties"));
    CHECK(json_str_at(reply.json, "nextLink").len > 0);
    reply = fake_send(f->fake, "GET", SUB "/resourceGroups/other/resources", STR(""));
    CHECK_INT(0, json_count(json_at(reply.json, "value")));
}

TEST(the_spellings_of_views_that_clients_send_are_known)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();

    CHECK_INT(201, put(f, REG));
    CHECK_INT(201, put(f, REG "/models/m/versions/1"));
    CHECK_INT(200, get(f, REG "/models?listViewType=ListViewType.ACTIVE_ONLY"));
    CHECK_INT(200, get(f, REG "/models?listViewType=ListViewType.ALL"));
    CHECK_INT(200, get(f, REG "/models?listViewType=archivedonly"));
    CHECK_INT(200, get(f, REG "/models?listViewType=EnabledOnly"));
    CHECK_INT(400, get(f, REG "/models?listViewType=ListViewType.SOME"));
}

static int retire(struct store_txn *txn, void *context, struct error *err)
{
    const struct scope_name name = {STR("s1"), STR("rg"), *(struct str *)context};
    struct scope scope;

    if (scope_find(txn, &name, &scope, err) < 0)
        return -1;
    return scope_retire(txn, scope.number, err);
}

TEST(a_retired_scope_is_gone_and_its_name_is_free)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();
    struct str name = STR("ws");
    struct error err = {0};

    CHECK_INT(200, put(f, WS));
    CHECK_INT(201, put(f, WS "/models/m/versions/1"));
    CHECK_OK(store_write(f->engines.store, retire, &name, &err), &err);
    CHECK_INT(404, get(f, WS));
    CHECK_INT(404, get(f, WS "/models/m/versions/1"));
    CHECK_INT(
        0, json_count(json_at(fake_send(f->fake, "GET", RG "/workspaces", STR("")).json, "value")));
    CHECK_INT(200, put(f, WS));
    CHECK_INT(404, get(f, WS "/models/m/versions/1"));
}
