#include "asset/asset.h"

#include "base/test.h"
#include "content/content.h"
#include "os/fault.h"
#include "os/file.h"
#include "tracking/logged_model.h"
#include "tracking/tracking.h"

#include <errno.h>
#include <string.h>

static const struct scope SCOPE = {
    .number = 1,
    .subscription = STR_INIT("s1"),
    .group = STR_INIT("rg"),
    .name = STR_INIT("ws"),
    .guid = STR_INIT("0123abcd-0000-4000-8000-000000000001"),
};

TEST(containers_and_account_carry_the_guid)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct str upload = asset_upload_container(arena, &SCOPE), guid;

    CHECK_STR("azureml-0123abcd-0000-4000-8000-000000000001",
              asset_artifact_container(arena, &SCOPE));
    CHECK_STR("azureml-blobstore-0123abcd-0000-4000-8000-000000000001",
              asset_blob_container(arena, &SCOPE));
    CHECK_STR("lz0123abcd000040008000", asset_account(arena, &SCOPE));
    CHECK(upload.len <= 63);
    CHECK(asset_container_guid(upload, &guid));
    CHECK_STR("0123abcd-0000-4000-8000-000000000001", guid);
    CHECK(asset_container_guid(asset_artifact_container(arena, &SCOPE), &guid));
    CHECK(asset_container_guid(asset_blob_container(arena, &SCOPE), &guid));
    CHECK_STR("0123abcd-0000-4000-8000-000000000001", guid);
    CHECK(!str_eq(upload, asset_upload_container(arena, &SCOPE)));
}

TEST(other_containers_are_not_ours)
{
    static const char *const NAMES[] = {"",
                                        "azureml-",
                                        "azureml-blobstore-",
                                        "azureml-ws",
                                        "azureml-0123abcd-0000-4000-8000-00000000000",
                                        "azureml-0123abcd-0000-4000-8000-000000000001x",
                                        "azureml-0123ABCD-0000-4000-8000-000000000001",
                                        "x0123abcd-0000-4000-8000-000000000001"};
    struct str guid;

    for (size_t i = 0; i < COUNT(NAMES); i++)
        CHECK(!asset_container_guid(str_from(NAMES[i]), &guid));
}

/* --- With a store -------------------------------------------------------------------------------
 */

struct fixture {
    struct arena *arena;
    struct store *store;
    struct content *content;
    struct scope scope;
    int dir;
};

static int insert_scope(struct store_txn *txn, void *context, struct error *err)
{
    struct scope *scope = context;
    struct document datastore = {.type = STR("datastores"),
                                 .name = STR("workspaceblobstore"),
                                 .created_by = STR("t"),
                                 .system = STR("{}")};

    if (scope_insert(txn, scope, err) < 0 || experiment_make_default(txn, scope->number, err) < 0)
        return -1;
    datastore.scope = scope->number;
    datastore.body = arena_printf(store_arena(txn), "{\"properties\":{\"containerName\":\"%.*s\"}}",
                                  STR_ARG(asset_blob_container(store_arena(txn), scope)));
    if (document_insert(txn, &datastore, err) < 0)
        return -1;
    datastore.doc = 0;
    datastore.name = STR("far");
    datastore.body =
        STR("{\"properties\":{\"containerName\":\"c\",\"datastoreType\":\"AzureFile\"}}");
    return document_insert(txn, &datastore, err);
}

static struct fixture *fixture_open(void)
{
    struct arena *arena = arena_new(MIB);
    struct fixture *f = arena_make(arena, struct fixture);
    struct error err = {0};

    f->arena = arena;
    f->scope = SCOPE;
    f->scope.number = 0;
    f->scope.kind = SCOPE_WORKSPACE;
    f->dir = dir_open(test_folder(), &err);
    CHECK_OK(store_open("memory:", NULL, &f->store, &err), &err);
    f->content = content_open(f->dir, f->store, &err);
    CHECK(f->content);
    CHECK_OK(store_write(f->store, insert_scope, &f->scope, &err), &err);
    return f;
}

static void fixture_close(struct fixture **f)
{
    struct arena *arena = (*f)->arena;

    content_close(&(*f)->content);
    store_close(&(*f)->store);
    fd_close(&(*f)->dir);
    arena_free(&arena);
}

struct upload {
    struct content_object object;
    struct blob blob;
};

static int upload_apply(struct store_txn *txn, void *context, struct error *err)
{
    struct upload *upload = context;

    if (content_keep(txn, &upload->object, err) < 0)
        return -1;
    upload->blob.object = upload->object.object;
    return blob_put(txn, &upload->blob, false, err);
}

static void put_blob(struct fixture *f, struct str container, const char *name)
{
    struct error err = {0};
    CLEANUP(content_writer_free)
    struct content_writer *writer = content_writer_new(f->content, &err);
    struct upload upload = {
        .blob = {.container = container, .name = str_from(name), .meta = STR("{}")}};

    CHECK(writer);
    CHECK_OK(content_write(writer, STR("x"), &err), &err);
    CHECK_OK(content_finish(writer, &upload.object, &err), &err);
    CHECK_OK(store_write(f->store, upload_apply, &upload, &err), &err);
}

struct registration {
    struct asset_new fresh;
    struct asset made;
    struct arena *arena;
};

static int register_apply(struct store_txn *txn, void *context, struct error *err)
{
    struct registration *r = context;

    if (asset_register(txn, &r->fresh, &r->made, err) < 0)
        return -1;
    r->made.id = arena_str(r->arena, r->made.id);
    r->made.version_name = arena_str(r->arena, r->made.version_name);
    return 0;
}

/* The new version's id, or the error's name. */
static struct str add(struct fixture *f, const char *type, const char *name, const char *version,
                      const char *properties)
{
    struct registration r = {.fresh = {.scope = &f->scope,
                                       .type = str_from(type),
                                       .name = str_from(name),
                                       .version = str_from(version),
                                       .actor = STR("t")},
                             .arena = f->arena};
    struct error err = {0};

    r.fresh.properties = json_parse(f->arena, str_from(properties), &err);
    CHECK(r.fresh.properties);
    if (store_write(f->store, register_apply, &r, &err) < 0)
        return str_from(error_name(err.code));
    return r.made.version_name;
}

/* "type name version" or "error: sentence". */
static struct str resolve(struct fixture *f, const char *type, const char *text)
{
    struct error err = {0};
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(f->store, &err);
    struct asset_query query = {&f->scope, str_from(type), str_from(text)};
    struct asset asset;

    CHECK(txn);
    if (asset_resolve(txn, &query, &asset, &err) < 0)
        return arena_printf(f->arena, "%s: %s", error_name(err.code), err.message);
    return arena_printf(f->arena, "%.*s %.*s %.*s", STR_ARG(asset.type), STR_ARG(asset.name),
                        STR_ARG(asset.version_name));
}

/* "blob|data:prefix" with "!" behind a single file, or "error: sentence". */
static struct str place(struct fixture *f, bool target, const char *uri)
{
    struct error err = {0};
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(f->store, &err);
    struct asset_place at;

    CHECK(txn);
    int result = target ? asset_target(txn, &f->scope, str_from(uri), &at, &err)
                        : asset_place(txn, &f->scope, str_from(uri), &at, &err);
    if (result < 0)
        return arena_printf(f->arena, "%s: %s", error_name(err.code), err.message);
    bool artifacts = str_eq(at.container, asset_artifact_container(f->arena, &f->scope));
    return arena_printf(f->arena, "%s:%.*s%s", artifacts ? "artifacts" : "data", STR_ARG(at.prefix),
                        at.single ? "!" : "");
}

TEST(versions_are_numbered_and_names_checked)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();

    CHECK_STR("1", add(f, "data", "iris", "", "{\"dataUri\":\"https://x/y\"}"));
    CHECK_STR("2", add(f, "data", "Iris", "", "{\"dataUri\":\"https://x/y\"}"));
    CHECK_STR("7", add(f, "data", "iris", "7", "{\"dataUri\":\"https://x/y\"}"));
    CHECK_STR("8", add(f, "data", "iris", "", "{\"dataUri\":\"https://x/y\"}"));
    CHECK_STR("exists already", add(f, "data", "iris", "7", "{\"dataUri\":\"https://x/z\"}"));
    CHECK_STR("invalid", add(f, "data", "a/b", "", "{}"));
    CHECK_STR("invalid", add(f, "data", "ok", "a/b", "{}"));
    CHECK_STR("1", add(f, "models", "mod\xc3\xa8le 1", "", "{}"));
}

TEST(a_reference_finds_its_version)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();

    add(f, "environments", "e", "1", "{\"image\":\"i\"}");
    add(f, "environments", "e", "3", "{\"image\":\"i\"}");
    CHECK_STR("environments e 1", resolve(f, "environments", "azureml:e:1"));
    CHECK_STR("environments e 3", resolve(f, "environments", "azureml:E@latest"));
    CHECK_STR("environments e 3",
              resolve(f, "",
                      "/subscriptions/s1/resourceGroups/RG/providers/"
                      "Microsoft.MachineLearningServices/workspaces/ws/environments/e/versions/3"));
    CHECK_STR("environments sklearn-1.5 1",
              resolve(f, "environments",
                      "azureml://registries/azureml/environments/sklearn-1.5/labels/latest"));
    CHECK_STR("environments sklearn-1.5 1",
              resolve(f, "environments", "azureml:AzureML-sklearn-1.5@latest"));
}

TEST(a_reference_that_finds_nothing_says_what_there_is)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();

    add(f, "environments", "e", "3", "{\"image\":\"i\"}");
    CHECK_STR("not found: environment 'e' has no version 4 (latest is 3).",
              resolve(f, "environments", "azureml:e:4"));
    CHECK_STR("not found: environment 'e' has no label prod (latest is 3).",
              resolve(f, "environments", "azureml:e@prod"));
    CHECK_STR("not found: There is no environment 'f' in workspace 'ws'.",
              resolve(f, "environments", "azureml:f:1"));
    CHECK_STR("invalid: Which version of environment 'e'?",
              resolve(f, "environments", "azureml:e"));
    CHECK_STR("not found: There is no registry 'mine' here.",
              resolve(f, "environments", "azureml://registries/mine/environments/e/versions/1"));
    CHECK_STR(
        "not found: There is no environment 'e' in workspace 'ws'.",
        resolve(f, "environments",
                "/subscriptions/s1/resourceGroups/rg/providers/"
                "Microsoft.MachineLearningServices/workspaces/other/environments/e/versions/3"));
    CHECK_STR("invalid: 'azureml://datastores/d/paths/p' does not name a versioned asset.",
              resolve(f, "environments", "azureml://datastores/d/paths/p"));
}

TEST(a_uri_leads_to_a_file_or_a_folder)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();
    struct str data = asset_blob_container(f->arena, &f->scope);
    struct str artifacts = asset_artifact_container(f->arena, &f->scope);

    put_blob(f, data, "up/iris.csv");
    put_blob(f, artifacts, "ExperimentRun/dcid.calm_owl/model/MLmodel");
    CHECK_STR("data:up/iris.csv!",
              place(f, false, "azureml://datastores/workspaceblobstore/paths/up/iris.csv"));
    CHECK_STR("data:up", place(f, false, "azureml://datastores/workspaceblobstore/paths/up/"));
    CHECK_STR("data:up", place(f, false,
                               "https://localhost:1/lz0123abcd000040008000.blob.core.lazurite.test/"
                               "azureml-blobstore-0123abcd-0000-4000-8000-000000000001/up?sig=x"));
    CHECK_STR(
        "data:up",
        place(f, false, "https://h/azureml-blobstore-0123abcd-0000-4000-8000-000000000001/up/"));
    CHECK_STR("artifacts:ExperimentRun/dcid.calm_owl/model",
              place(f, false, "runs:/calm_owl/model"));
    CHECK_STR("artifacts:ExperimentRun/dcid.calm_owl/model",
              place(f, false, "azureml://jobs/calm_owl/outputs/artifacts/paths/model/"));
    add(f, "data", "iris", "1",
        "{\"dataUri\":\"azureml://datastores/workspaceblobstore/paths/up/iris.csv\"}");
    CHECK_STR("data:up/iris.csv!", place(f, false, "azureml:iris:1"));
}

/* A container of a client with what stands for it, as the storage surface keeps them. */
static int insert_container(struct store_txn *txn, void *context, struct error *err)
{
    const struct scope *scope = context;
    static const char *const ROWS[][3] = {
        {ASSET_CONTAINERS, "made", "{\"meta\":{}}"},
        {ASSET_CONTAINERS, "going", "{\"deleting\":true,\"meta\":{}}"},
        {"datastores", "mine",
         "{\"properties\":{\"containerName\":\"made\",\"datastoreType\":\"AzureBlob\","
         "\"accountName\":\"localhost:1/lz0123abcd000040008000\"}}"},
        {"datastores", "gone",
         "{\"properties\":{\"containerName\":\"going\",\"datastoreType\":\"AzureBlob\","
         "\"accountName\":\"lz0123abcd000040008000\"}}"},
        {"datastores", "foreign",
         "{\"properties\":{\"containerName\":\"made\",\"datastoreType\":\"AzureBlob\","
         "\"accountName\":\"lz99999999999999999999\"}}"},
    };

    for (size_t i = 0; i < COUNT(ROWS); i++) {
        struct document row = {.scope = scope->number,
                               .type = str_from(ROWS[i][0]),
                               .name = str_from(ROWS[i][1]),
                               .body = str_from(ROWS[i][2]),
                               .created_by = STR("t"),
                               .system = STR("{}")};
        if (document_insert(txn, &row, err) < 0)
            return -1;
    }
    return 0;
}

/* The URI that a place is told by. */
static struct str uri_of(struct fixture *f, const char *uri)
{
    struct error err = {0};
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(f->store, &err);
    struct asset_place at;

    CHECK_OK(asset_place(txn, &f->scope, str_from(uri), &at, &err), &err);
    CHECK_STR("lz0123abcd000040008000/made", at.container);
    return asset_uri(f->arena, &f->scope, &at);
}

TEST(a_container_that_a_client_made_is_a_place_too)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();
    static const char *const ADDRESSES[] = {
        "azureml://datastores/mine/paths/in/a.csv",
        "https://localhost:1/lz0123abcd000040008000.blob.core.lazurite.test/made/in/a.csv?sig=x",
        "https://lz0123abcd000040008000.blob.core.lazurite.test:1/made/in/a.csv",
        "https://lz0123abcd000040008000.blob.core.lazurite.test:1/made/in/%61.csv"};
    static const char *const ELSEWHERE[] = {
        "azureml://datastores/gone/paths/in/a.csv",
        "azureml://datastores/foreign/paths/in/a.csv",
        "https://lz0123abcd000040008000.blob.core.lazurite.test/going/in/a.csv",
        "https://lz0123abcd000040008000.blob.core.lazurite.test/none/in/a.csv",
        "https://lz99999999999999999999.blob.core.lazurite.test/made/in/a.csv",
        "https://localhost:1/made/in/a.csv",
        "http://localhost:1/made/in/a.csv"};
    struct error err = {0};

    CHECK_OK(store_write(f->store, insert_container, &f->scope, &err), &err);
    put_blob(f, STR("lz0123abcd000040008000/made"), "in/a.csv");
    for (size_t i = 0; i < COUNT(ADDRESSES); i++)
        CHECK_STR("data:in/a.csv!", place(f, false, ADDRESSES[i]));
    for (size_t i = 0; i < COUNT(ELSEWHERE); i++)
        CHECK(str_starts(place(f, false, ELSEWHERE[i]), STR("not implemented: ")));
    CHECK_STR("not found: There is nothing at 'azureml://datastores/mine/paths/no'.",
              place(f, false, "azureml://datastores/mine/paths/no"));
    CHECK_STR("azureml://subscriptions/s1/resourcegroups/rg/workspaces/ws/datastores/mine/paths/"
              "in/a.csv",
              uri_of(f, ADDRESSES[0]));
    CHECK_STR("https://lz0123abcd000040008000.blob.core.lazurite.test:1/made/in/a.csv",
              uri_of(f, ADDRESSES[2]));
    CHECK_STR("https://lz0123abcd000040008000.blob.core.lazurite.test:1/made/",
              uri_of(f, "https://lz0123abcd000040008000.blob.core.lazurite.test:1/made"));
}

/* An account is found by the index of GUIDs, and is nobody's when the workspace is gone. */
TEST(an_account_leads_to_its_workspace)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();
    static const char *const OTHERS[] = {"lz0123abcd000040008001", "lz0123abcd00004000800",
                                         "lz0123ABCD000040008000", "lz", ""};
    struct error err = {0};
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(f->store, &err);
    struct scope scope = {0};

    CHECK_OK(asset_account_scope(txn, STR("lz0123abcd000040008000"), &scope, &err), &err);
    CHECK_INT(f->scope.number, scope.number);
    for (size_t i = 0; i < COUNT(OTHERS); i++)
        CHECK_ERROR(ERROR_NOT_FOUND, asset_account_scope(txn, str_from(OTHERS[i]), &scope, &err),
                    &err);
}

TEST(a_uri_that_leads_nowhere_says_why)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();

    CHECK_STR("not found: There is nothing at 'azureml://datastores/workspaceblobstore/paths/no'.",
              place(f, false, "azureml://datastores/workspaceblobstore/paths/no"));
    CHECK_STR("not found: There is no datastore 'x' in workspace 'ws'.",
              place(f, false, "azureml://datastores/x/paths/no"));
    CHECK_STR("not implemented: Datastore 'far' (AzureFile) lies outside this server; reading and "
              "writing it is not built yet.",
              place(f, false, "azureml://datastores/far/paths/no"));
    CHECK_STR(
        "not implemented: 'https://example.test/iris.csv' lies outside this server; reading it "
        "is not built yet.",
        place(f, false, "https://example.test/iris.csv"));
    CHECK_STR("not found: There is no job 'none' in workspace 'ws'.",
              place(f, false, "azureml://jobs/none/outputs/x"));
    CHECK(str_starts(place(f, false, "azureml://datastores/workspaceblobstore/paths/a/../b"),
                     STR("invalid: ")));
    CHECK(str_starts(place(f, false, "./local"), STR("invalid: ")));
    add(f, "data", "loop", "1", "{\"dataUri\":\"azureml:loop:1\"}");
    CHECK_STR("invalid: 'azureml:loop:1' leads in a circle.", place(f, false, "azureml:loop:1"));
}

static int insert_logged_model(struct store_txn *txn, void *context, struct error *err)
{
    const struct scope *scope = context;
    struct run run = {.scope = scope->number,
                      .run_id = STR("Calm"),
                      .kind = RUN_MLFLOW,
                      .status = RUN_COMPLETED,
                      .user = STR("t")};

    if (run_insert(txn, &run, err) < 0)
        return -1;
    struct logged_model model = {.scope = scope->number,
                                 .model_id = STR("m-1"),
                                 .run = run.run,
                                 .name = STR("model"),
                                 .status = LOGGED_MODEL_READY};
    return logged_model_insert(txn, &model, err);
}

TEST(a_path_that_a_run_has_not_may_be_its_logged_model)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();
    struct str artifacts = asset_artifact_container(f->arena, &f->scope);
    struct str prefix = logged_model_prefix(f->arena, STR("m-1"));
    struct error err = {0};

    CHECK_OK(store_write(f->store, insert_logged_model, &f->scope, &err), &err);
    put_blob(f, artifacts, "ExperimentRun/dcid.Calm/own.txt");
    put_blob(f, artifacts, arena_printf(f->arena, "%.*s/MLmodel", STR_ARG(prefix)).ptr);
    CHECK_STR("artifacts:ExperimentRun/dcid.Calm/own.txt!", place(f, false, "runs:/calm/own.txt"));
    CHECK_STR(arena_printf(f->arena, "artifacts:%.*s", STR_ARG(prefix)).ptr,
              place(f, false, "runs:/calm/model"));
    CHECK_STR(arena_printf(f->arena, "artifacts:%.*s/MLmodel!", STR_ARG(prefix)).ptr,
              place(f, false, "runs:/Calm/model/MLmodel"));
    CHECK_STR(arena_printf(f->arena, "artifacts:%.*s", STR_ARG(prefix)).ptr,
              place(f, false, "models:/m-1"));
    CHECK(str_starts(place(f, false, "runs:/calm/other"), STR("not found: ")));
}

TEST(a_target_need_not_be_there)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();

    CHECK_STR("data:out/here",
              place(f, true, "azureml://datastores/workspaceblobstore/paths/out/here/"));
}

TEST(an_address_by_datastore_is_the_long_form)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct asset_place at = {.container = asset_blob_container(arena, &SCOPE),
                             .prefix = STR("a/b")};

    CHECK_STR("azureml://subscriptions/s1/resourcegroups/rg/workspaces/ws/datastores/"
              "workspaceblobstore/paths/a/b",
              asset_uri(arena, &SCOPE, &at));
}

/* --- Corners of references -------------------------------------------------------------------- */

TEST(every_spelling_of_a_reference_finds_the_same_version)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();
    static const char *const SPELLINGS[] = {
        "azureml:iris:2",
        "azureml:IRIS:2",
        "azureml:iris@latest",
        "azureml:iris@LATEST",
        ("/subscriptions/s1/resourceGroups/rg/providers/Microsoft.MachineLearningServices/"
         "workspaces/ws/data/iris/versions/2"),
        ("/SUBSCRIPTIONS/S1/resourcegroups/RG/providers/microsoft.machinelearningservices/"
         "workspaces/WS/data/Iris/versions/2"),
        ("azureml:/subscriptions/s1/resourceGroups/rg/providers/Microsoft.MachineLearningServices/"
         "workspaces/ws/data/iris/versions/2"),
    };

    add(f, "data", "iris", "1", "{\"dataUri\":\"https://h/a\"}");
    add(f, "data", "iris", "2", "{\"dataUri\":\"https://h/b\"}");
    for (size_t i = 0; i < COUNT(SPELLINGS); i++)
        CHECK_STR("data iris 2", resolve(f, "data", SPELLINGS[i]));
    CHECK_STR("data iris 1", resolve(f, "data", "azureml:iris:1"));
}

TEST(a_reference_of_another_type_or_none_is_told_apart)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();
    static const char *const BAD[] = {
        "", ":", "azureml:", "azureml::1", "azureml:a b:1", "azureml:iris@", "@latest"};

    add(f, "data", "iris", "1", "{\"dataUri\":\"https://h/a\"}");
    for (size_t i = 0; i < COUNT(BAD); i++) {
        struct str said = resolve(f, "data", BAD[i]);
        CHECK(str_starts(said, STR("invalid: ")) || str_starts(said, STR("not found: ")));
    }
    CHECK(
        str_starts(resolve(f, "models",
                           "/subscriptions/s1/resourceGroups/rg/providers/"
                           "Microsoft.MachineLearningServices/workspaces/ws/data/iris/versions/1"),
                   STR("invalid: ")));
    CHECK_STR("not found: There is no model 'iris' in workspace 'ws'.",
              resolve(f, "models", "azureml:iris:1"));
}

TEST(paths_are_cleaned_and_never_leave_their_place)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();
    struct str data = asset_blob_container(f->arena, &f->scope);
    static const struct {
        const char *path, *wanted;
    } CASES[] = {
        {"up/a", "data:up/a!"},
        {"/up//a", "invalid: "},
        {"./up/./a", "invalid: "},
        {"up/a/", "data:up/a!"},
        {"up", "data:up"},
        {"", "data:"},
        {"...", "not found: "},
        {"up/..", "invalid: "},
        {"../up/a", "invalid: "},
        {"up/../../x", "invalid: "},
        {"up/a/more", "not found: "},
        {"u", "not found: "},
    };

    put_blob(f, data, "up/a");
    for (size_t i = 0; i < COUNT(CASES); i++) {
        struct str uri = arena_printf(f->arena, "azureml://datastores/workspaceblobstore/paths/%s",
                                      CASES[i].path);
        struct str got = place(f, false, uri.ptr);
        if (!str_starts(got, str_from(CASES[i].wanted)))
            CHECK_STR(CASES[i].wanted, got);
        if (str_starts(str_from(CASES[i].wanted), STR("data:")))
            CHECK_STR(CASES[i].wanted, place(f, false, uri.ptr));
    }
}

/* How long a path is is the client's choice: it may not cost the square of its pieces. */
TEST(a_path_of_very_many_pieces_costs_its_length)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();
    CLEANUP(arena_free) struct arena *arena = arena_new(SIZE_MAX);
    size_t head = STR("azureml://datastores/workspaceblobstore/paths/").len, count = 20000;
    char *uri = arena_alloc(arena, head + 2 * count + 1);
    struct error err = {0};
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(f->store, &err);
    struct asset_place at;

    memcpy(uri, "azureml://datastores/workspaceblobstore/paths/", head);
    for (size_t i = 0; i < count; i++)
        memcpy(uri + head + 2 * i, "a/", 2);
    size_t before = arena_used(store_arena(txn));
    int result = asset_target(txn, &f->scope, str_from(uri), &at, &err);
    CHECK(result < 0 || at.prefix.len == 2 * count - 1); /* a limit on its length is fine, too */
    CHECK(arena_used(store_arena(txn)) - before < MIB);
}

TEST(a_registration_that_fails_anywhere_leaves_nothing)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();
    bool met = true;
    unsigned nth = 1;

    for (; met && nth < 200; nth++) {
        struct str name = arena_printf(f->arena, "asset%u", nth);
        struct str reference = arena_printf(f->arena, "azureml:%.*s@latest", STR_ARG(name));
        fault_plan(FAULT_STEP, nth, EIO, false);
        struct str made = add(f, "data", name.ptr, "", "{\"dataUri\":\"https://h/a\"}");
        met = fault_count(FAULT_STEP) >= nth;
        fault_plan(FAULT_STEP, 0, 0, false);
        struct str found = resolve(f, "data", reference.ptr);
        if (str_eq(made, STR("1")))
            CHECK(str_ends(found, STR(" 1")));
        else
            CHECK(str_starts(found, STR("not found: There is no data asset")));
    }
    CHECK(nth > 3 && nth < 200);
}
