#include "kinds/workspace.h"

#include "asset/asset.h"
#include "base/test.h"
#include "content/content.h"
#include "kinds/registry_data.h"
#include "kinds/space_test.h"
#include "kinds/template.h"
#include "kinds/workspace_dependent.h"
#include "kinds/workspace_group.h"
#include "os/file.h"
#include "tracking/tracking.h"
#include "vault/vault.h"

#include <string.h>

/* Workspaces and registries come, change and go, with all that lies in them. */

#define SUB "/subscriptions/00000000-0000-0000-0000-000000000001"
#define PROVIDER "/providers/Microsoft.MachineLearningServices"
#define RG SUB "/resourceGroups/default" PROVIDER
#define TWO RG "/workspaces/two"
#define REG RG "/registries/shared"
#define FRONT "/mferp/managementfrontend"
#define PLAIN "{\"location\":\"local\",\"properties\":{}}"

static int drop(struct fixture *f, const char *path)
{
    return fake_send(f->fake, "DELETE", path, STR("")).status;
}

/* The path of an address that a reply's header holds. */
static const char *header_path(struct fixture *f, const char *name)
{
    struct str url = fake_reply_header(f->fake, name);
    ssize_t at = str_find(url, STR("/subscriptions"));

    CHECK(at > 0);
    return arena_cstr(f->arena, str_slice(url, (size_t)at, url.len));
}

TEST(a_fresh_workspace_is_as_usable_as_the_first)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();
    struct fake_reply reply =
        fixture_put(f, TWO,
                    "{\"location\":\"local\",\"tags\":{\"k\":\"v\"},\"identity\":{"
                    "\"type\":\"SystemAssigned\"},\"properties\":{\"friendlyName\":"
                    "\"Second\",\"storageAccount\":\"/x\",\"discoveryUrl\":\"evil\"}}");

    CHECK_INT(200, reply.status);
    CHECK_STR(TWO, json_str_at(reply.json, "id"));
    CHECK_STR("Default", json_str_at(reply.json, "kind"));
    CHECK_STR("v", json_str_at(reply.json, "tags.k"));
    CHECK_STR("Second", json_str_at(reply.json, "properties.friendlyName"));
    CHECK_STR("/x", json_str_at(reply.json, "properties.storageAccount"));
    CHECK(str_ends(json_str_at(reply.json, "properties.discoveryUrl"), STR("/discovery")));
    CHECK(str_ends(json_str_at(reply.json, "properties.mlFlowTrackingUri"), STR(TWO)));
    CHECK_STR("Succeeded", json_str_at(reply.json, "properties.provisioningState"));
    reply = fixture_get(f, TWO "/datastores?isDefault=true");
    CHECK_STR("workspaceblobstore", json_str_at(reply.json, "value[0].name"));
    CHECK_INT(2, json_count(json_at(fixture_get(f, TWO "/datastores").json, "value")));
    /* Neither its keys nor its account are another's. */
    struct fake_reply keys = fake_send(f->fake, "POST", TWO "/listKeys", STR(""));
    struct str key = arena_str(f->arena, json_str_at(keys.json, "userStorageKey"));
    keys = fake_send(f->fake, "POST", RG "/workspaces/default/listKeys", STR(""));
    CHECK(key.len > 0 && !str_eq(key, json_str_at(keys.json, "userStorageKey")));
}

TEST(a_workspace_shows_what_azures_clients_read_of_it)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();
    struct fake_reply reply = fixture_get(f, RG "/workspaces/default");

    CHECK_INT(0, json_int_at(reply.json, "properties.privateLinkCount", -1));
    CHECK(json_kind(json_at(reply.json, "properties.privateEndpointConnections")) == JSON_ARRAY);
    CHECK(json_kind(json_at(reply.json, "properties.storageHnsEnabled")) == JSON_BOOL);
    CHECK(json_str_at(reply.json, "properties.creationTime").len > 0);
}

TEST(a_patch_changes_what_it_names_and_the_kind_stays)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();
    struct fake_reply reply;

    CHECK_INT(
        200,
        fixture_put(f, TWO, "{\"kind\":\"hub\",\"properties\":{\"friendlyName\":\"a\"}}").status);
    reply = fake_json(f->fake, "PATCH", TWO, "{\"properties\":{\"description\":\"d\"}}");
    CHECK_INT(200, reply.status);
    CHECK_STR("a", json_str_at(reply.json, "properties.friendlyName"));
    CHECK_STR("d", json_str_at(reply.json, "properties.description"));
    CHECK_STR("Hub", json_str_at(reply.json, "kind"));
    reply =
        fake_json(f->fake, "PATCH", TWO,
                  "{\"properties\":{\"publicNetworkAccess\":\"PublicNetworkAccessType.ENABLED\"}}");
    CHECK_STR("Enabled", json_str_at(reply.json, "properties.publicNetworkAccess"));
    reply = fake_json(f->fake, "PATCH", TWO,
                      "{\"properties\":{\"networkAcls\":{\"defaultAction\":\"Deny\",\"ipRules\":["
                      "{\"value\":\"10.1.2.0/24\"}]},\"ipAllowlist\":[\"10.9.9.9\"]}}");
    CHECK_STR("Deny", json_str_at(reply.json, "properties.networkAcls.defaultAction"));
    CHECK_STR("10.1.2.0/24", json_str_at(reply.json, "properties.networkAcls.ipRules[0].value"));
    CHECK_STR("10.9.9.9", json_str_at(reply.json, "properties.ipAllowlist[0]"));
    CHECK_INT(400, fixture_put(f, TWO, "{\"kind\":\"Default\",\"properties\":{}}").status);
    CHECK_STR("Hub", json_str_at(fixture_put(f, TWO, PLAIN).json, "kind"));
}

TEST(bodies_that_are_no_workspace_are_refused_with_their_field)
{
    static const struct {
        const char *body, *target;
        int status;
    } BAD[] = {
        {"{\"kind\":\"Castle\",\"properties\":{}}", "kind", 400},
        {"{\"tags\":{\"a\":{}},\"properties\":{}}", "tags", 400},
        {"{\"properties\":{\"description\":[]}}", "properties.description", 400},
        {"{\"identity\":\"me\",\"properties\":{}}", "identity", 400},
        {"{\"kind\":\"Project\",\"properties\":{}}", "properties.hubResourceId", 400},
        {"{\"kind\":\"Project\",\"properties\":{\"hubResourceId\":\"" TWO "\"}}",
         "properties.hubResourceId", 400},
        {"{\"properties\":{\"managedNetwork\":{\"isolationMode\":\"AllowInternetOutbound\"}}}",
         "properties.managedNetwork.isolationMode", 501},
        {"[]", NULL, 400},
        {"{", NULL, 400},
    };
    CLEANUP(fixture_close) struct fixture *f = fixture_open();

    for (size_t i = 0; i < COUNT(BAD); i++) {
        struct fake_reply reply = fixture_put(f, TWO, BAD[i].body);
        CHECK_INT(BAD[i].status, reply.status);
        if (BAD[i].target)
            CHECK_STR(BAD[i].target, json_str_at(reply.json, "error.target"));
    }
    CHECK_INT(404, fixture_get(f, TWO).status);
    CHECK_INT(404,
              fixture_put(f, "/subscriptions/s9/resourceGroups/g" PROVIDER "/workspaces/ww", PLAIN)
                  .status);
}

TEST(a_project_hangs_on_its_hub)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();
    struct fake_reply reply;

    CHECK_INT(200, fixture_put(f, TWO, "{\"kind\":\"Hub\",\"properties\":{}}").status);
    reply = fixture_put(f, RG "/workspaces/proj",
                        "{\"kind\":\"project\",\"properties\":{\"hubResourceId\":\"" RG
                        "/workspaces/TWO\"}}");
    CHECK_INT(200, reply.status);
    CHECK_STR(TWO, json_str_at(reply.json, "properties.hubResourceId"));
    CHECK_STR(RG "/workspaces/proj",
              json_str_at(fixture_get(f, TWO).json, "properties.associatedWorkspaces[0]"));
    CHECK_INT(409, drop(f, TWO));
    CHECK_INT(400, fixture_put(f, RG "/workspaces/other",
                               "{\"kind\":\"Project\",\"properties\":{\"hubResourceId\":\"" RG
                               "/workspaces/default\"}}")
                       .status);
    /* The data plane's way to the same. */
    reply = fixture_put(f, "/rp/workspaces" TWO "/join/joined", "{\"location\":\"local\"}");
    CHECK_INT(200, reply.status);
    CHECK_STR(TWO, json_str_at(reply.json, "properties.hubResourceId"));
    CHECK_INT(404, fixture_put(f, "/rp/workspaces" RG "/workspaces/none/join/j2", PLAIN).status);
    CHECK_INT(202, drop(f, RG "/workspaces/proj"));
    CHECK_INT(202, drop(f, RG "/workspaces/joined"));
    CHECK_INT(202, drop(f, TWO));
}

TEST(diagnosis_says_what_is_wrong_and_nothing_else)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();
    struct fake_reply reply =
        fake_json(f->fake, "POST", RG "/workspaces/default/diagnose", "{\"value\":{}}");

    CHECK_INT(200, reply.status);
    CHECK_INT(0, json_count(json_at(reply.json, "value.otherResults")));
    f->engines.sandbox = false;
    reply = fake_json(f->fake, "POST", RG "/workspaces/default/diagnose", "{\"value\":{}}");
    CHECK_STR("SandboxMissing", json_str_at(reply.json, "value.otherResults[0].code"));
    CHECK_STR("Warning", json_str_at(reply.json, "value.otherResults[0].level"));
    CHECK_INT(404, fake_json(f->fake, "POST", TWO "/diagnose", "{}").status);
}

TEST(what_is_not_built_says_so)
{
    static const char *const NOTEBOOKS[] = {"listNotebookKeys", "listNotebookAccessToken",
                                            "prepareNotebook"};
    CLEANUP(fixture_close) struct fixture *f = fixture_open();

    for (size_t i = 0; i < COUNT(NOTEBOOKS); i++) {
        struct str path = arena_printf(f->arena, RG "/workspaces/default/%s", NOTEBOOKS[i]);
        CHECK_INT(501, fake_send(f->fake, "POST", path.ptr, STR("")).status);
    }
    struct fake_reply reply =
        fake_json(f->fake, "POST", RG "/workspaces/default/provisionManagedNetwork",
                  "{\"includeSpark\":true}");
    CHECK_INT(200, reply.status);
    CHECK_STR("Inactive", json_str_at(reply.json, "status"));
    CHECK_INT(200, fake_send(f->fake, "POST", RG "/workspaces/default/resyncKeys", STR("")).status);
    CHECK_INT(404, fake_send(f->fake, "POST", RG "/workspaces/default/explode", STR("")).status);
}

/* --- The end -----------------------------------------------------------------------------------
 */

/* Rows of each table that a scope may own. */
struct census {
    struct str tables[64];
    int64_t rows[64];
    size_t count;
    struct arena *arena;
};

static void count_rows(struct fixture *f, struct census *out)
{
    struct error err = {0};
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(f->engines.store, &err);

    *out = (struct census){.arena = f->arena};
    struct sql *q = sql(txn,
                        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE "
                        "'sqlite_%' ORDER BY name",
                        &err);
    while (sql_step(q) > 0)
        out->tables[out->count++] = arena_str(f->arena, sql_text(q, 0));
    CHECK_OK(sql_end(q, &err), &err);
    CHECK(out->count > 20 && out->count < COUNT(out->tables));
    for (size_t i = 0; i < out->count; i++) {
        /* Statements are known by the address of their text, so each has its own. */
        struct str text =
            arena_printf(f->arena, "SELECT count(*) FROM \"%.*s\"", STR_ARG(out->tables[i]));
        q = sql(txn, text.ptr, &err);
        CHECK(q && sql_step(q) > 0);
        out->rows[i] = sql_int(q, 0);
        CHECK_OK(sql_end(q, &err), &err);
    }
}

static int64_t rows_of(const struct census *census, const char *table)
{
    for (size_t i = 0; i < census->count; i++)
        if (str_eq(census->tables[i], str_from(table)))
            return census->rows[i];
    CHECK(false);
    return -1;
}

/* One row of everything that hangs on a scope or on a run of it. */
static int fill_apply(struct store_txn *txn, void *context, struct error *err)
{
    static const char *const ROWS[] = {
        "INSERT INTO run (run, scope, run_id, run_key, experiment, kind, status, created_us, "
        "archived, rev) VALUES (7001, ?, 'r', 'r', 0, 1, 9, 1, 0, 1)",
        "INSERT INTO logged_model (model, scope, model_id, experiment, name, status, created_us, "
        "updated_us) VALUES (7001, ?, 'm-1', 0, 'm', 1, 1, 1)",
        "INSERT INTO attempt (run, attempt, token, state) VALUES (7001, 1, 1, 1)",
        /* a run and a model that are being deleted by themselves */
        "INSERT INTO run (run, scope, run_id, run_key, experiment, kind, status, created_us, "
        "archived, rev) VALUES (7002, -?, '7002', '7002', 0, 1, 9, 1, 0, 1)",
        "INSERT INTO logged_model (model, scope, model_id, experiment, name, status, created_us, "
        "updated_us) VALUES (7002, -?, 'm-2', 0, 'm', 1, 1, 1)",
        "INSERT INTO attempt (run, attempt, token, state) VALUES (7002, 1, 1, 1)",
        "INSERT INTO param VALUES (7001, 1, 1, 'v')",
        "INSERT INTO param VALUES (-7001, 1, 1, 'v')",
        "INSERT INTO tag VALUES (7001, 1, 1, 'v')",
        "INSERT INTO tag VALUES (-7001, 1, 1, 'v')",
        "INSERT INTO tail (run, n, data) VALUES (7001, 1, x'00')",
        "INSERT INTO summary VALUES (7001, 1, 1, x'00')",
        "INSERT INTO block (run, key, at_min, at_max, n, data) VALUES (7001, 1, 1, 1, 1, x'00')",
        "INSERT INTO run_input VALUES (7001, 'k', 'r', NULL)",
        "INSERT INTO run_output VALUES (7001, 'k', 'r', NULL)",
        "INSERT INTO metric_column VALUES (?, 0, 1, 0, 1, x'00')",
        "INSERT INTO dataset (scope, experiment, name, digest) VALUES (?, 0, 'n', 'd')",
        "INSERT INTO experiment_tag VALUES (?, 0, 'k', 'v')",
        "INSERT INTO secret VALUES (?, 'k', 1, 's', 1, x'00')",
        "INSERT INTO edge VALUES (?, 'a', 'b', 'c', 'd', 'e')",
        "INSERT INTO doomed (scope, kind, owner, container, prefix, at_us) VALUES (?, 1, 1, '', "
        "'', "
        "1)",
        "INSERT INTO document (scope, type, parent, name, name_key, rev, archived, created_us, "
        "updated_us, created_by, next_version, body, system) VALUES (?, 'storage/containers', 0, "
        "'made', 'made', 1, 0, 1, 1, 't', 1, '{}', '{}')",
    };
    const struct scope *scope = context;
    struct arena *arena = store_arena(txn);

    for (size_t i = 0; i < COUNT(ROWS); i++) {
        struct sql *q = sql(txn, ROWS[i], err);
        if (!q)
            return -1;
        if (strchr(ROWS[i], '?'))
            sql_bind_int(q, 1, scope->number);
        if (sql_run(q, err) < 0)
            return -1;
    }
    const struct str containers[] = {
        asset_artifact_container(arena, scope), asset_blob_container(arena, scope),
        asset_upload_container(arena, scope), asset_container_key(arena, scope, STR("made"))};
    for (size_t i = 0; i < COUNT(containers); i++) {
        struct sql *q = sql(txn, "INSERT INTO blob VALUES (?, 'n', 1, 'e', '{}', 1, 1)", err);
        sql_bind_text(q, 1, containers[i]);
        if (sql_run(q, err) < 0)
            return -1;
        q = sql(txn, "INSERT INTO staged VALUES (?, 'n', 'b', 'c', 1, 1)", err);
        sql_bind_text(q, 1, containers[i]);
        if (sql_run(q, err) < 0)
            return -1;
        q = sql(txn, "INSERT INTO committed VALUES (?, 'n', 1, 'b', 'c', 1)", err);
        sql_bind_text(q, 1, containers[i]);
        if (sql_run(q, err) < 0)
            return -1;
    }
    return 0;
}

static void find_scope(struct fixture *f, const char *name, struct scope *out)
{
    struct error err = {0};
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(f->engines.store, &err);
    struct scope scope;

    const struct scope_name words = {STR(WORKSPACE_SUBSCRIPTION), STR("default"), str_from(name)};

    CHECK_OK(scope_find(txn, &words, &scope, &err), &err);
    *out = scope;
    out->guid = arena_str(f->arena, scope.guid);
}

TEST(a_deleted_workspace_leaves_no_row_in_any_table)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();
    struct census before, full, after;
    struct scope scope;
    struct error err = {0};

    count_rows(f, &before);
    CHECK_INT(200, fixture_put(f, TWO, PLAIN).status);
    CHECK_INT(201, fixture_put(f, TWO "/data/d/versions/1",
                               "{\"properties\":{\"dataUri\":\"https://e.example/x\"}}")
                       .status);
    CHECK_INT(201,
              fixture_put(f, TWO "/codes/c/versions/1",
                          "{\"properties\":{\"codeUri\":\"https://e.example/x\",\"properties\":{"
                          "\"hash_sha256\":\"ab\"}}}")
                  .status);
    find_scope(f, "two", &scope);
    CHECK_OK(store_write(f->engines.store, fill_apply, &scope, &err), &err);
    CHECK_OK(dir_make(f->dir, "runs/7001-1/work", 0700, &err), &err);
    CHECK_OK(dir_make(f->dir, "runs/7002-1", 0700, &err), &err);
    CHECK_OK(dir_make(f->dir, "runs/7003-1", 0700, &err), &err); /* another's */
    count_rows(f, &full);
    CHECK_INT(202, drop(f, TWO));
    CHECK(!file_exists(f->dir, "runs/7001-1") && !file_exists(f->dir, "runs/7002-1"));
    CHECK(file_exists(f->dir, "runs/7003-1"));
    CHECK_INT(204, fixture_get(f, header_path(f, "Location")).status);
    count_rows(f, &after);
    for (size_t i = 0; i < before.count; i++) {
        bool event = str_eq(before.tables[i], STR("event"));
        bool meta = str_eq(before.tables[i], STR("meta"));
        if (!meta)
            /* The tombstone, and the life of its principal. */
            CHECK_INT(before.rows[i] + (event ? 3 : 0), after.rows[i]);
    }
    /* The test would see nothing if nothing had been there. */
    CHECK_INT(rows_of(&before, "blob") + 4, rows_of(&full, "blob"));
    CHECK_INT(rows_of(&before, "committed") + 4, rows_of(&full, "committed"));
    CHECK_INT(rows_of(&before, "param") + 2, rows_of(&full, "param"));
    CHECK(rows_of(&full, "document") > rows_of(&before, "document") + 6);
    CHECK_INT(rows_of(&before, "principal") + 1, rows_of(&full, "principal"));
}

/* A table that learns of scopes later is to be removed from as well. */
TEST(every_table_with_a_scope_is_emptied)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();
    struct scope scope;
    struct census full, before;
    struct error err = {0};

    count_rows(f, &before);
    CHECK_INT(200, fixture_put(f, TWO, PLAIN).status);
    CHECK_INT(201,
              fixture_put(f, TWO "/codes/c/versions/1",
                          "{\"properties\":{\"codeUri\":\"https://e.example/x\",\"properties\":{"
                          "\"hash_sha256\":\"ab\"}}}")
                  .status);
    find_scope(f, "two", &scope);
    CHECK_OK(store_write(f->engines.store, fill_apply, &scope, &err), &err);
    count_rows(f, &full);
    for (size_t i = 0; i < full.count; i++) {
        CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(f->engines.store, &err);
        struct str text = arena_printf(
            f->arena,
            "SELECT count(*) FROM pragma_table_info('%.*s') WHERE name IN ('scope', 'run')",
            STR_ARG(full.tables[i]));
        struct sql *q = sql(txn, text.ptr, &err);
        CHECK(q && sql_step(q) > 0);
        bool owned = sql_int(q, 0) > 0;
        CHECK_OK(sql_end(q, &err), &err);
        if (owned && full.rows[i] == before.rows[i])
            test_check_str("a table that fill_apply fills", full.tables[i], __FILE__, __LINE__);
    }
}

TEST(the_name_is_free_at_once_and_nothing_comes_back)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();
    struct scope first, second;

    CHECK_INT(200, fixture_put(f, TWO, "{\"properties\":{\"description\":\"old\"}}").status);
    find_scope(f, "two", &first);
    CHECK_INT(400, drop(f, TWO "?forceToPurge=perhaps"));
    CHECK_INT(202, drop(f, TWO "?forceToPurge=true"));
    CHECK_INT(404, fixture_get(f, TWO).status);
    CHECK_INT(404, fixture_get(f, TWO "/datastores").status);
    CHECK_INT(204, drop(f, TWO));
    CHECK_INT(200, fixture_put(f, TWO, PLAIN).status);
    find_scope(f, "two", &second);
    CHECK(!str_eq(first.guid, second.guid));
    CHECK_STR("", json_str_at(fixture_get(f, TWO).json, "properties.description"));
}

static int insert_run(struct store_txn *txn, void *context, struct error *err)
{
    const struct scope *scope = context;
    struct sql *q = sql(txn,
                        "INSERT INTO run (scope, run_id, run_key, experiment, kind, status, "
                        "created_us, archived, rev) VALUES (?, 'calm_owl', 'calm_owl', 0, 2, 6, 1, "
                        "0, 1)",
                        err);

    sql_bind_int(q, 1, scope->number);
    return sql_run(q, err);
}

TEST(a_workspace_with_running_jobs_stays)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();
    struct scope scope;
    struct error err = {0};

    CHECK_INT(200, fixture_put(f, TWO, PLAIN).status);
    find_scope(f, "two", &scope);
    CHECK_OK(store_write(f->engines.store, insert_run, &scope, &err), &err);
    struct fake_reply reply = fake_send(f->fake, "DELETE", TWO, STR(""));
    CHECK_INT(409, reply.status);
    CHECK(str_find(json_str_at(reply.json, "error.message"), STR("calm_owl")) > 0);
    CHECK_INT(200, fixture_get(f, TWO).status);
}

TEST(what_every_folder_has_cannot_be_deleted)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();

    CHECK_INT(409, drop(f, RG "/workspaces/default"));
    CHECK_INT(409, drop(f, RG "/registries/azureml"));
    CHECK_INT(409, fixture_put(f, RG "/registries/azureml", PLAIN).status);
    CHECK_INT(200, fixture_get(f, RG "/workspaces/default").status);
}

static int retire(struct store_txn *txn, void *context, struct error *err)
{
    return scope_retire(txn, ((struct scope *)context)->number, err);
}

TEST(what_a_dying_server_left_is_removed_at_the_next_start)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();
    struct census before, after;
    struct scope scope;
    struct error err = {0};

    count_rows(f, &before);
    CHECK_INT(200, fixture_put(f, TWO, PLAIN).status);
    find_scope(f, "two", &scope);
    CHECK_OK(store_write(f->engines.store, fill_apply, &scope, &err), &err);
    CHECK_OK(store_write(f->engines.store, retire, &scope, &err), &err);
    struct str poll = arena_printf(f->arena, SUB PROVIDER "/locations/local/scopeDeletions/%.*s",
                                   STR_ARG(scope.guid));
    atomic_bool stop = true;
    CHECK_OK(workspace_purge_retired(&f->engines, &stop, &err), &err);
    count_rows(f, &after);
    CHECK(rows_of(&before, "scope") < rows_of(&after, "scope"));
    stop = false;
    CHECK_OK(workspace_purge_retired(&f->engines, &stop, &err), &err);
    CHECK_INT(204, fixture_get(f, poll.ptr).status);
    count_rows(f, &after);
    CHECK_INT(rows_of(&before, "document"), rows_of(&after, "document"));
    CHECK_INT(rows_of(&before, "scope"), rows_of(&after, "scope"));
    CHECK_INT(rows_of(&before, "run"), rows_of(&after, "run"));
}

TEST(who_asks_whether_a_workspace_is_gone_does_what_is_left)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();
    struct census before, after;
    struct scope scope;
    struct error err = {0};

    count_rows(f, &before);
    CHECK_INT(200, fixture_put(f, TWO, PLAIN).status);
    find_scope(f, "two", &scope);
    CHECK_OK(store_write(f->engines.store, retire, &scope, &err), &err);
    struct str poll = arena_printf(f->arena, SUB PROVIDER "/locations/local/scopeDeletions/%.*s",
                                   STR_ARG(scope.guid));
    CHECK_INT(204, fixture_get(f, poll.ptr).status);
    count_rows(f, &after);
    CHECK_INT(rows_of(&before, "scope"), rows_of(&after, "scope"));
    CHECK_INT(rows_of(&before, "document"), rows_of(&after, "document"));
    CHECK_INT(204, fixture_get(f, poll.ptr).status);
}
