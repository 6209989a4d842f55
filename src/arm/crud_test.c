#include "arm/fake_exchange.h"
#include "arm/kind.h"
#include "base/test.h"
#include "os/fault.h"
#include "store/event.h"

#include <errno.h>
#include <string.h>

/* The generic part, with two kinds made for it: `things` with versions, and `engines` that take
 * time. */

static int thing_prepare(struct arm_request *req, struct error *err)
{
    if (json_bool_at(req->body, "properties.bad", false))
        return error_set(err, ERROR_INVALID, "properties.bad", "Bad.");
    json_set_bool(req->arena, json_at(req->body, "properties"), "prepared", true);
    return 0;
}

static int thing_check(struct arm_request *req, struct store_txn *, const struct document *before,
                       struct error *err)
{
    if (before && json_bool_at(req->body, "properties.refuse", false))
        return error_set(err, ERROR_CONFLICT, "", "Not now.");
    return 0;
}

static int thing_remove(struct arm_request *, struct store_txn *, const struct document *document,
                        struct error *err)
{
    if (str_eq(document->name, STR("kept")))
        return error_set(err, ERROR_CONFLICT, "", "It is kept.");
    return 0;
}

static int thing_ping(struct arm_request *req, const struct document *document,
                      struct arm_reply *out, struct error *)
{
    struct json *body = json_object(req->arena);

    json_set_str(req->arena, body, "pong", document ? document->name : STR("nothing"));
    json_set(req->arena, body, STR("got"), req->body ? req->body : json_null(req->arena));
    *out = (struct arm_reply){.status = 200, .body = body};
    return 0;
}

static const struct arm_action THING_ACTIONS[] = {
    {.name = "ping", .run = thing_ping},
    {.name = "early", .run = thing_ping, .without_document = true},
};

static const struct arm_kind thing_kind = {
    .type = "things",
    .wire = "Microsoft.MachineLearningServices/workspaces/things",
    .prepare = thing_prepare,
    .check = thing_check,
    .remove = thing_remove,
    .actions = THING_ACTIONS,
    .action_count = COUNT(THING_ACTIONS),
};

static const struct arm_kind thing_version_kind = {
    .type = "things/versions",
    .wire = "Microsoft.MachineLearningServices/workspaces/things/versions",
    .parent = &thing_kind,
    .makes_parent = true,
    .immutable = true,
};

/* Done when its body says so; failed when it says `broken`. */
static int engine_progress(struct arm_request *, struct store_txn *txn,
                           const struct document *document, struct error *err)
{
    struct json *body = json_parse(store_arena(txn), document->body, err);

    if (json_bool_at(body, "properties.broken", false))
        return error_set(err, ERROR_INVALID, "", "It broke.");
    return json_bool_at(body, "properties.done", false);
}

static const struct arm_kind engine_kind = {
    .type = "engines",
    .wire = "Microsoft.MachineLearningServices/workspaces/engines",
    .progress = engine_progress,
};

static const struct arm_kind workspace = {
    .type = "workspaces",
    .is_scope = SCOPE_WORKSPACE,
    .wire = "Microsoft.MachineLearningServices/workspaces",
};

static const struct arm_kind *const KINDS[] = {&thing_kind, &thing_version_kind, &engine_kind,
                                               &workspace};

struct fixture {
    struct engines engines;
    struct arm *arm;
    struct fake *fake;
    struct arena *arena;
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
    CHECK_OK(store_open("memory:", NULL, &f->engines.store, &err), &err);
    f->engines.domain = STR("lazurite.test");
    CHECK_OK(store_write(f->engines.store, insert_scope, NULL, &err), &err);
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

#define WS                                                                                        \
    "/subscriptions/s1/resourceGroups/rg/providers/Microsoft.MachineLearningServices/workspaces/" \
    "ws"

TEST(a_put_creates_then_updates_and_a_get_gives_it_back)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();
    struct fake_reply reply =
        fake_json(f->fake, "PUT", WS "/things/One?api-version=1", "{\"properties\":{\"a\":1}}");

    CHECK_INT(201, reply.status);
    CHECK_STR(WS "/things/One", json_str_at(reply.json, "id"));
    CHECK_STR("One", json_str_at(reply.json, "name"));
    CHECK_STR("Microsoft.MachineLearningServices/workspaces/things",
              json_str_at(reply.json, "type"));
    CHECK_STR("admin", json_str_at(reply.json, "systemData.createdBy"));
    CHECK(json_bool_at(reply.json, "properties.prepared", false));
    reply = fake_json(f->fake, "PUT", WS "/things/one", "{\"properties\":{\"a\":2}}");
    CHECK_INT(200, reply.status);
    reply = fake_send(f->fake, "GET", WS "/Things/ONE", STR(""));
    CHECK_INT(200, reply.status);
    CHECK_STR("One", json_str_at(reply.json, "name"));
    CHECK_INT(2, json_int_at(reply.json, "properties.a", 0));
    CHECK(json_str_at(reply.json, "systemData.lastModifiedAt").len > 0);
}

TEST(system_data_says_what_kind_of_principal_made_and_changed_it)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();
    struct caller program = {
        .kind = CALLER_USER, .name = STR("ci"), .maker = {MAKER_APPLICATION, STR("its-client-id")}};
    struct caller machine = {
        .kind = CALLER_USER, .name = STR("ws"), .maker = {MAKER_IDENTITY, STR("its-identity")}};

    fake_caller(f->fake, &program);
    struct fake_reply reply = fake_json(f->fake, "PUT", WS "/things/One", "{\"properties\":{}}");
    CHECK_STR("its-client-id", json_str_at(reply.json, "systemData.createdBy"));
    CHECK_STR("Application", json_str_at(reply.json, "systemData.createdByType"));
    fake_caller(f->fake, &machine);
    reply = fake_json(f->fake, "PATCH", WS "/things/One", "{\"properties\":{\"a\":2}}");
    CHECK_STR("its-client-id", json_str_at(reply.json, "systemData.createdBy"));
    CHECK_STR("Application", json_str_at(reply.json, "systemData.createdByType"));
    CHECK_STR("its-identity", json_str_at(reply.json, "systemData.lastModifiedBy"));
    CHECK_STR("ManagedIdentity", json_str_at(reply.json, "systemData.lastModifiedByType"));
}

TEST(paths_match_in_any_case_and_head_asks_whether)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();

    fake_json(f->fake, "PUT", WS "/things/One", "{\"properties\":{}}");
    CHECK_INT(204, fake_send(f->fake, "HEAD",
                             "/Subscriptions/S1/resourcegroups/RG/Providers/"
                             "microsoft.machinelearningservices/Workspaces/WS/things/one",
                             STR(""))
                       .status);
    CHECK_INT(404, fake_send(f->fake, "HEAD", WS "/things/two", STR("")).status);
}

TEST(what_is_missing_is_told_apart)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();
    struct fake_reply reply = fake_send(f->fake, "GET", WS "/things/none", STR(""));

    CHECK_INT(404, reply.status);
    CHECK_STR("ResourceNotFound", json_str_at(reply.json, "error.code"));
    CHECK_STR("There is no thing 'none' in workspace 'ws'.",
              json_str_at(reply.json, "error.message"));
    CHECK_INT(404, fake_send(f->fake, "GET", WS "/thnigs/none", STR("")).status);
    CHECK_INT(501, fake_send(f->fake, "GET", WS "/schedules/none", STR("")).status);
    CHECK_INT(501, fake_send(f->fake, "GET", WS "/schedules", STR("")).status);
    CHECK_INT(404, fake_send(f->fake, "GET",
                             "/subscriptions/s1/resourceGroups/rg/providers/"
                             "Microsoft.MachineLearningServices/workspaces/other/things/none",
                             STR(""))
                       .status);
}

TEST(a_bad_body_is_refused_and_stores_nothing)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();

    CHECK_INT(400, fake_json(f->fake, "PUT", WS "/things/x", "{").status);
    CHECK_INT(400, fake_json(f->fake, "PUT", WS "/things/x", "[]").status);
    CHECK_INT(400, fake_json(f->fake, "PUT", WS "/things/x", "{}").status);
    CHECK_INT(400,
              fake_json(f->fake, "PUT", WS "/things/x", "{\"properties\":{\"bad\":true}}").status);
    CHECK_INT(415, fake_send(f->fake, "PUT", WS "/things/x", STR("{\"properties\":{}}")).status);
    CHECK_INT(400, fake_json(f->fake, "PUT", WS "/things/-x", "{\"properties\":{}}").status);
    CHECK_INT(404, fake_send(f->fake, "GET", WS "/things/x", STR("")).status);
}

TEST(a_check_that_refuses_leaves_no_trace)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();

    fake_json(f->fake, "PUT", WS "/things/x", "{\"properties\":{\"a\":1}}");
    CHECK_INT(
        409, fake_json(f->fake, "PUT", WS "/things/x", "{\"properties\":{\"a\":2,\"refuse\":true}}")
                 .status);
    CHECK_INT(
        1, json_int_at(fake_send(f->fake, "GET", WS "/things/x", STR("")).json, "properties.a", 0));
}

TEST(a_patch_is_merged_into_what_is_stored)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();
    struct fake_reply reply;

    CHECK_INT(404, fake_json(f->fake, "PATCH", WS "/things/x", "{\"tags\":{}}").status);
    fake_json(f->fake, "PUT", WS "/things/x",
              "{\"tags\":{\"a\":\"1\",\"b\":\"2\"},\"properties\":{\"keep\":7}}");
    reply = fake_json(f->fake, "PATCH", WS "/things/x", "{\"tags\":{\"a\":null,\"c\":\"3\"}}");
    CHECK_INT(200, reply.status);
    CHECK_STR("{\"b\":\"2\",\"c\":\"3\"}",
              json_write(f->arena, json_copy(f->arena, json_at(reply.json, "tags"))));
    CHECK_INT(7, json_int_at(reply.json, "properties.keep", 0));
}

TEST(etags_guard_writes)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();

    fake_header(f->fake, "If-Match", "*");
    CHECK_INT(412, fake_json(f->fake, "PUT", WS "/things/x", "{\"properties\":{}}").status);
    fake_header(f->fake, "If-Match", NULL);
    fake_header(f->fake, "If-None-Match", "*");
    CHECK_INT(201, fake_json(f->fake, "PUT", WS "/things/x", "{\"properties\":{}}").status);
    CHECK_INT(412, fake_json(f->fake, "PUT", WS "/things/x", "{\"properties\":{}}").status);
    fake_header(f->fake, "If-None-Match", NULL);
    fake_send(f->fake, "GET", WS "/things/x", STR(""));
    char *etag = arena_cstr(f->arena, fake_reply_header(f->fake, "ETag"));
    fake_header(f->fake, "If-Match", etag);
    CHECK_INT(200, fake_json(f->fake, "PUT", WS "/things/x", "{\"properties\":{\"a\":1}}").status);
    CHECK_INT(412, fake_json(f->fake, "PUT", WS "/things/x", "{\"properties\":{\"a\":2}}").status);
    CHECK_INT(412, fake_send(f->fake, "DELETE", WS "/things/x", STR("")).status);
    fake_header(f->fake, "If-Match", NULL);
    CHECK_INT(200, fake_send(f->fake, "DELETE", WS "/things/x", STR("")).status);
}

TEST(a_delete_is_done_once_and_then_says_nothing_was_there)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();

    CHECK_INT(204, fake_send(f->fake, "DELETE", WS "/things/x", STR("")).status);
    fake_json(f->fake, "PUT", WS "/things/kept", "{\"properties\":{}}");
    fake_json(f->fake, "PUT", WS "/things/x/versions/1", "{\"properties\":{}}");
    fake_json(f->fake, "PUT", WS "/things/x/versions/2", "{\"properties\":{}}");
    CHECK_INT(200, fake_send(f->fake, "DELETE", WS "/things/x", STR("")).status);
    CHECK_INT(404, fake_send(f->fake, "GET", WS "/things/x/versions/1", STR("")).status);
    CHECK_INT(404, fake_send(f->fake, "GET", WS "/things/x", STR("")).status);
    CHECK_INT(409, fake_send(f->fake, "DELETE", WS "/things/kept", STR("")).status);
    CHECK_INT(200, fake_send(f->fake, "GET", WS "/things/kept", STR("")).status);
}

TEST(lists_are_paged_newest_first_by_links_that_work)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();
    char target[] = WS "/things/n0";
    struct str link;
    size_t pages = 1;

    for (char c = '0'; c < '7'; c++) {
        target[sizeof(target) - 2] = c;
        fake_json(f->fake, "PUT", target, "{\"properties\":{}}");
    }
    struct fake_reply reply = fake_send(f->fake, "GET", WS "/things?api-version=1&$top=3", STR(""));
    CHECK_INT(3, json_count(json_at(reply.json, "value")));
    CHECK_STR("n6", json_str_at(reply.json, "value[0].name"));
    while ((link = json_str_at(reply.json, "nextLink")).len > 0) {
        CHECK(str_starts(link, STR("https://localhost:10443" WS "/things?api-version=1&")));
        char *next = arena_cstr(f->arena, str_slice(link, 23, link.len));
        reply = fake_send(f->fake, "GET", next, STR(""));
        pages++;
    }
    CHECK_INT(3, pages);
    CHECK_INT(1, json_count(json_at(reply.json, "value")));
    CHECK_STR("n0", json_str_at(reply.json, "value[0].name"));
    CHECK_INT(400, fake_send(f->fake, "GET", WS "/things?$skip=x", STR("")).status);
    CHECK_INT(400, fake_send(f->fake, "GET", WS "/things?$top=0", STR("")).status);
    CHECK_INT(400, fake_send(f->fake, "GET", WS "/things?listViewType=Some", STR("")).status);
}

/* The names of all pages of a list, with a blank behind each. */
static struct str names_of(struct fixture *f, const char *query)
{
    struct str names = STR(""), link = STR("");
    const char *target = arena_printf(f->arena, WS "/things?%s&$top=2", query).ptr;

    do {
        struct fake_reply reply = fake_send(f->fake, "GET", target, STR(""));
        CHECK_INT(200, reply.status);
        struct json_iter it = json_iter(json_get(reply.json, STR("value")));
        while (json_next(&it))
            names = arena_printf(f->arena, "%.*s%.*s ", STR_ARG(names),
                                 STR_ARG(json_str_at(it.value, "name")));
        link = json_str_at(reply.json, "nextLink");
        if (link.len > 0)
            target = arena_cstr(f->arena, str_slice(link, 23, link.len));
    } while (link.len > 0);
    return names;
}

TEST(lists_go_up_and_down_by_both_times)
{
    static const struct {
        const char *query, *names;
    } CASES[] = {
        {"$orderBy=createdtime%20desc", "n4 n3 n2 n1 n0 "},
        {"$orderBy=createdtime%20asc", "n0 n1 n2 n3 n4 "},
        {"$orderBy=createdtime+asc", "n0 n1 n2 n3 n4 "},
        {"$orderBy=createdtime", "n0 n1 n2 n3 n4 "},
        {"$orderBy=CreatedAtAsc", "n0 n1 n2 n3 n4 "},
        {"$orderBy=modifiedtime%20desc", "n1 n4 n3 n2 n0 "},
        {"$orderBy=UpdatedAtAsc", "n0 n2 n3 n4 n1 "},
        {"$orderBy=modifiedtime%20asc&listViewType=All", "n0 n2 n3 n4 n1 "},
    };
    CLEANUP(fixture_close) struct fixture *f = fixture_open();
    char target[] = WS "/things/n0";

    for (char c = '0'; c < '5'; c++) {
        target[sizeof(target) - 2] = c;
        fake_json(f->fake, "PUT", target, "{\"properties\":{}}");
    }
    fake_json(f->fake, "PATCH", WS "/things/n1", "{\"properties\":{\"a\":1}}");
    for (size_t i = 0; i < COUNT(CASES); i++)
        CHECK_STR(CASES[i].names, names_of(f, CASES[i].query));
}

TEST(a_version_makes_its_container_and_counts)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();
    struct fake_reply reply;

    CHECK_INT(404, fake_send(f->fake, "GET", WS "/things/v/versions", STR("")).status);
    CHECK_INT(201, fake_json(f->fake, "PUT", WS "/things/v/versions/1",
                             "{\"properties\":{\"dataUri\":\"a\"}}")
                       .status);
    reply = fake_send(f->fake, "GET", WS "/things/v", STR(""));
    CHECK_STR("2", json_str_at(reply.json, "properties.nextVersion"));
    CHECK_STR("1", json_str_at(reply.json, "properties.latestVersion"));
    CHECK_INT(201, fake_json(f->fake, "PUT", WS "/things/v/versions/7",
                             "{\"properties\":{\"dataUri\":\"b\"}}")
                       .status);
    CHECK_INT(201, fake_json(f->fake, "PUT", WS "/things/v/versions/beta",
                             "{\"properties\":{\"dataUri\":\"c\"}}")
                       .status);
    reply = fake_send(f->fake, "GET", WS "/things/v", STR(""));
    CHECK_STR("8", json_str_at(reply.json, "properties.nextVersion"));
    CHECK_STR("beta", json_str_at(reply.json, "properties.latestVersion"));
    reply = fake_send(f->fake, "GET", WS "/things/v/versions?$orderBy=createdtime%20desc&$top=1",
                      STR(""));
    CHECK_STR("beta", json_str_at(reply.json, "value[0].name"));
    CHECK_STR(WS "/things/v/versions/beta", json_str_at(reply.json, "value[0].id"));
    CHECK_INT(200, fake_send(f->fake, "DELETE", WS "/things/v/versions/7", STR("")).status);
    reply = fake_send(f->fake, "GET", WS "/things/v", STR(""));
    CHECK_STR("8", json_str_at(reply.json, "properties.nextVersion"));
}

TEST(a_second_put_of_a_version_follows_the_rules)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();
    const char *v1 = WS "/things/v/versions/1";
    struct fake_reply reply;

    fake_json(f->fake, "PUT", v1, "{\"properties\":{\"dataUri\":\"a\",\"image\":\"x\"}}");
    CHECK_INT(200,
              fake_json(f->fake, "PUT", v1, "{\"properties\":{\"dataUri\":\"a\",\"image\":\"x\"}}")
                  .status);
    reply = fake_json(f->fake, "PUT", v1, "{\"properties\":{\"dataUri\":\"b\",\"image\":\"x\"}}");
    CHECK_INT(400, reply.status);
    CHECK_STR("UserError", json_str_at(reply.json, "error.code"));
    CHECK_STR("Asset paths cannot be updated.", json_str_at(reply.json, "error.message"));
    reply = fake_json(f->fake, "PUT", v1, "{\"properties\":{\"dataUri\":\"a\",\"image\":\"y\"}}");
    CHECK_INT(409, reply.status);
    CHECK_STR("Version 1 of v exists and cannot change: image is \"x\", not \"y\".",
              json_str_at(reply.json, "error.message"));
    reply = fake_json(f->fake, "PUT", v1,
                      "{\"properties\":{\"dataUri\":\"a\",\"image\":\"x\",\"tags\":{\"t\":\"1\"},"
                      "\"isArchived\":true,\"provisioningState\":\"Succeeded\"}}");
    CHECK_INT(200, reply.status);
    CHECK_STR("1", json_str_at(reply.json, "properties.tags.t"));
    CHECK_INT(0, json_count(json_at(
                     fake_send(f->fake, "GET", WS "/things/v/versions", STR("")).json, "value")));
    CHECK_INT(
        1, json_count(json_at(
               fake_send(f->fake, "GET", WS "/things/v/versions?listViewType=ArchivedOnly", STR(""))
                   .json,
               "value")));
}

TEST(actions_run_by_name_and_some_before_there_is_anything)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();

    fake_json(f->fake, "PUT", WS "/things/x", "{\"properties\":{}}");
    struct fake_reply reply = fake_json(f->fake, "POST", WS "/things/x/PING", "{\"q\":1}");
    CHECK_INT(200, reply.status);
    CHECK_STR("x", json_str_at(reply.json, "pong"));
    CHECK_INT(1, json_int_at(reply.json, "got.q", 0));
    CHECK_INT(404, fake_send(f->fake, "POST", WS "/things/none/ping", STR("")).status);
    CHECK_INT(200, fake_send(f->fake, "POST", WS "/things/none/early", STR("")).status);
    CHECK_INT(404, fake_send(f->fake, "POST", WS "/things/x/pong", STR("")).status);
}

TEST(an_operation_is_followed_to_its_end)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();
    struct fake_reply reply = fake_json(f->fake, "PUT", WS "/engines/e?api-version=5",
                                        "{\"properties\":{\"done\":false}}");
    struct str url = fake_reply_header(f->fake, "Azure-AsyncOperation");

    CHECK_INT(201, reply.status);
    CHECK_STR("1", fake_reply_header(f->fake, "Retry-After"));
    CHECK(str_starts(url, STR("https://localhost:10443" WS "/operations/")));
    CHECK(str_ends(url, STR("?api-version=5")));
    char *path = arena_cstr(f->arena, str_slice(url, 23, url.len));
    CHECK_STR("InProgress", json_str_at(fake_send(f->fake, "GET", path, STR("")).json, "status"));
    fake_json(f->fake, "PUT", WS "/engines/e", "{\"properties\":{\"done\":true}}");
    CHECK_STR("Succeeded", json_str_at(fake_send(f->fake, "GET", path, STR("")).json, "status"));
    fake_json(f->fake, "PUT", WS "/engines/e", "{\"properties\":{\"broken\":true}}");
    reply = fake_send(f->fake, "GET", path, STR(""));
    CHECK_STR("Failed", json_str_at(reply.json, "status"));
    CHECK_STR("It broke.", json_str_at(reply.json, "error.message"));
    CHECK_INT(202, fake_send(f->fake, "DELETE", WS "/engines/e", STR("")).status);
    url = fake_reply_header(f->fake, "Location");
    path = arena_cstr(f->arena, str_slice(url, 23, url.len));
    CHECK_INT(204, fake_send(f->fake, "GET", path, STR("")).status);
    CHECK_INT(404, fake_send(f->fake, "GET", WS "/operations/none", STR("")).status);
}

TEST(workspaces_are_listed_by_subscription_and_group)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();
    struct fake_reply reply = fake_send(
        f->fake, "GET", "/subscriptions/S1/providers/Microsoft.MachineLearningServices/workspaces",
        STR(""));

    CHECK_INT(1, json_count(json_at(reply.json, "value")));
    CHECK_STR(WS, json_str_at(reply.json, "value[0].id"));
    reply = fake_send(
        f->fake, "GET",
        "/subscriptions/s1/resourceGroups/other/providers/Microsoft.MachineLearningServices/"
        "workspaces",
        STR(""));
    CHECK_INT(0, json_count(json_at(reply.json, "value")));
    CHECK_INT(200, fake_send(f->fake, "GET", WS, STR("")).status);
}

struct seen {
    struct str types;
    struct arena *arena;
};

static int note_event(const struct event *event, void *context, struct error *)
{
    struct seen *seen = context;

    seen->types = arena_printf(seen->arena, "%.*s%.*s(%.*s) ", STR_ARG(seen->types),
                               STR_ARG(event->type), STR_ARG(event->subject));
    return 0;
}

TEST(writes_leave_events_and_no_change_leaves_none)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();
    struct seen seen = {.arena = f->arena};
    struct event_range range = {.limit = 100};
    struct error err = {0};

    fake_json(f->fake, "PUT", WS "/things/x/versions/1", "{\"properties\":{}}");
    fake_json(f->fake, "PUT", WS "/things/x/versions/1", "{\"properties\":{}}");
    fake_json(f->fake, "PUT", WS "/things/x", "{\"properties\":{}}");
    fake_send(f->fake, "DELETE", WS "/things/x", STR(""));
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(f->engines.store, &err);
    CHECK(txn);
    CHECK_OK(event_read(txn, &range, note_event, &seen, &err), &err);
    CHECK_STR("things.created(x/1) things.updated(x) things.deleted(x) ", seen.types);
}

/* --- Faults --------------------------------------------------------------------------------------
 */

/* One PUT of a version with the n-th statement failing; whether the fault was reached. */
static bool put_with_fault(struct fixture *f, enum fault_point point, unsigned nth)
{
    struct fake_reply reply;

    fault_plan(point, nth, EIO, false);
    reply = fake_json(f->fake, "PUT", WS "/things/x/versions/1", "{\"properties\":{\"a\":1}}");
    bool reached = fault_count(point) >= nth;
    fault_plan(point, 0, 0, false);
    bool there = fake_send(f->fake, "GET", WS "/things/x/versions/1", STR("")).status == 200;
    bool container = fake_send(f->fake, "GET", WS "/things/x", STR("")).status == 200;
    CHECK_INT(there, container);
    if (reply.status == 201)
        CHECK(there);
    else
        CHECK(reply.status >= 500);
    return reached;
}

TEST(a_put_that_breaks_anywhere_leaves_all_or_nothing)
{
    static const enum fault_point POINTS[] = {FAULT_STEP, FAULT_COMMIT};

    for (size_t i = 0; i < COUNT(POINTS); i++) {
        bool reached = true;
        unsigned nth = 1;
        for (; reached && nth < 100; nth++) {
            CLEANUP(fixture_close) struct fixture *f = fixture_open();
            reached = put_with_fault(f, POINTS[i], nth);
        }
        CHECK(!reached && nth > 2); /* it failed somewhere, and in the end nowhere */
    }
}

/* --- Corners of the wire --------------------------------------------------------------------- */

TEST(pages_of_any_size_show_everything_once_while_rows_come_and_go)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();
    char target[] = WS "/things/n00";

    for (int i = 0; i < 23; i++) {
        target[sizeof(target) - 3] = (char)('0' + i / 10);
        target[sizeof(target) - 2] = (char)('0' + i % 10);
        CHECK_INT(201, fake_json(f->fake, "PUT", target, "{\"properties\":{}}").status);
    }
    for (int top = 1; top <= 25; top++) {
        unsigned seen[23] = {0};
        char *next = arena_cstr(f->arena, arena_printf(f->arena, WS "/things?$top=%d", top));
        for (int page = 0; next && page < 30; page++) {
            struct fake_reply reply = fake_send(f->fake, "GET", next, STR(""));
            struct json_iter it = json_iter(json_at(reply.json, "value"));
            int64_t number = -1;
            while (json_next(&it)) {
                struct str name = json_str_at(it.value, "name");
                CHECK(str_to_int64(str_slice(name, 1, name.len), &number));
                if (number < 23) /* what came meanwhile stands before the first page */
                    seen[number]++;
            }
            CHECK(json_count(json_at(reply.json, "value")) <= (size_t)top);
            struct str link = json_str_at(reply.json, "nextLink");
            next = link.len ? arena_cstr(f->arena, str_slice(link, 23, link.len)) : NULL;
            fake_json(f->fake, "PUT", WS "/things/n99", "{\"properties\":{}}");
            fake_send(f->fake, "DELETE", WS "/things/n99", STR(""));
        }
        for (size_t i = 0; i < COUNT(seen); i++)
            CHECK_INT(1, seen[i]);
    }
}

TEST(odd_queries_of_lists_are_refused_with_their_name)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();
    static const struct {
        const char *query, *target;
        int status;
    } CASES[] = {
        {"$top=-1", "$top", 400},
        {"$top=abc", "$top", 400},
        {"$top=1.5", "$top", 400},
        {"$top=99999999999999999999", "$top", 400},
        {"$skip=1.2.3", "$skip", 400},
        {"$skip=-1.5", "$skip", 400},
        {"listViewType=", NULL, 200},
        {"listViewType=archivedonly", NULL, 200},
        {"$orderBy=name", "$orderBy", 501},
        {"$top=1000000", NULL, 200},
        {"%24top=5", NULL, 200},
        {"unknown=1&unknown=2", NULL, 200},
    };

    for (size_t i = 0; i < COUNT(CASES); i++) {
        struct str target = arena_printf(f->arena, WS "/things?%s", CASES[i].query);
        struct fake_reply reply = fake_send(f->fake, "GET", target.ptr, STR(""));
        CHECK_INT(CASES[i].status, reply.status);
        if (CASES[i].target)
            CHECK_STR(CASES[i].target, json_str_at(reply.json, "error.target"));
        else
            CHECK_INT(0, json_count(json_at(reply.json, "value")));
    }
}

TEST(what_is_archived_hides_from_lists_and_comes_back)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();
    const char *v1 = WS "/things/v/versions/1", *list = WS "/things/v/versions?listViewType=";
    static const struct {
        const char *view;
        size_t active, archived; /* how many it shows before and after */
    } VIEWS[] = {{"ActiveOnly", 1, 0}, {"ArchivedOnly", 0, 1}, {"All", 1, 1}};

    for (int round = 0; round < 2; round++) {
        bool archived = round == 1;
        CHECK(fake_json(f->fake, "PUT", v1,
                        archived ? "{\"properties\":{\"dataUri\":\"a\",\"isArchived\":true}}"
                                 : "{\"properties\":{\"dataUri\":\"a\"}}")
                  .status <= 201);
        for (size_t i = 0; i < COUNT(VIEWS); i++) {
            struct str target = arena_printf(f->arena, "%s%s", list, VIEWS[i].view);
            struct fake_reply reply = fake_send(f->fake, "GET", target.ptr, STR(""));
            CHECK_INT(archived ? VIEWS[i].archived : VIEWS[i].active,
                      json_count(json_at(reply.json, "value")));
        }
        struct fake_reply reply = fake_send(f->fake, "GET", WS "/things/v", STR(""));
        CHECK_STR(archived ? "" : "1", json_str_at(reply.json, "properties.latestVersion"));
    }
    /* Restored by saying so, and read by name all the while. */
    CHECK_INT(200, fake_send(f->fake, "GET", v1, STR("")).status);
    struct fake_reply reply =
        fake_json(f->fake, "PUT", v1, "{\"properties\":{\"dataUri\":\"a\",\"isArchived\":false}}");
    CHECK(!json_bool_at(reply.json, "properties.isArchived", true));
    reply = fake_send(f->fake, "GET", WS "/things/v", STR(""));
    CHECK_STR("1", json_str_at(reply.json, "properties.latestVersion"));
}

TEST(a_condition_on_what_is_not_there_is_not_met)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();
    const char *one = WS "/things/one", *body = "{\"properties\":{}}";

    fake_header(f->fake, "If-Match", "*");
    CHECK_INT(412, fake_json(f->fake, "PUT", one, body).status);
    CHECK_INT(204, fake_send(f->fake, "DELETE", one, STR("")).status);
    fake_header(f->fake, "If-Match", NULL);
    fake_header(f->fake, "If-None-Match", "*");
    CHECK_INT(201, fake_json(f->fake, "PUT", one, body).status);
    CHECK_INT(412, fake_json(f->fake, "PUT", one, body).status);
    fake_header(f->fake, "If-None-Match", NULL);
    fake_send(f->fake, "GET", one, STR(""));
    char *etag = arena_cstr(f->arena, fake_reply_header(f->fake, "ETag"));
    fake_header(f->fake, "If-Match", etag);
    CHECK_INT(200, fake_json(f->fake, "PUT", one, body).status);
    CHECK_INT(412, fake_send(f->fake, "DELETE", one, STR("")).status); /* that was the old one */
    fake_header(f->fake, "If-Match", "*");
    CHECK_INT(200, fake_send(f->fake, "DELETE", one, STR("")).status);
}

TEST(bodies_that_are_no_resource_are_refused)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();
    static const char *const BAD[] = {"",
                                      "null",
                                      "[]",
                                      "\"x\"",
                                      "{",
                                      "{}",
                                      "{\"properties\":1}",
                                      "{\"properties\":null}",
                                      "{\"properties\":[]}"};

    for (size_t i = 0; i < COUNT(BAD); i++)
        CHECK_INT(400, fake_json(f->fake, "PUT", WS "/things/one", BAD[i]).status);
    static const char *const TYPES[] = {"text/plain", "application/x-www-form-urlencoded",
                                        "multipart/form-data; boundary=x"};
    for (size_t i = 0; i < COUNT(TYPES); i++) {
        fake_header(f->fake, "Content-Type", TYPES[i]);
        CHECK_INT(415,
                  fake_send(f->fake, "PUT", WS "/things/one", STR("{\"properties\":{}}")).status);
    }
    fake_header(f->fake, "Content-Type", NULL);
    CHECK_INT(415, fake_send(f->fake, "PUT", WS "/things/one", STR("{\"properties\":{}}")).status);
    CHECK_INT(404, fake_send(f->fake, "GET", WS "/things/one", STR("")).status);
}

TEST(what_only_the_server_says_cannot_be_sent)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();
    struct fake_reply reply = fake_json(
        f->fake, "PUT", WS "/things/one",
        "{\"id\":\"/other\",\"name\":\"two\",\"type\":\"x\",\"etag\":\"y\",\"systemData\":"
        "{\"createdBy\":\"me\"},\"properties\":{\"provisioningState\":\"Failed\",\"a\":1}}");

    CHECK_INT(201, reply.status);
    CHECK_STR(WS "/things/one", json_str_at(reply.json, "id"));
    CHECK_STR("one", json_str_at(reply.json, "name"));
    CHECK_STR("admin", json_str_at(reply.json, "systemData.createdBy"));
    CHECK_STR("", json_str_at(reply.json, "properties.provisioningState"));
    CHECK_INT(1, json_int_at(reply.json, "properties.a", 0));
}
