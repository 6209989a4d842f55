/* Files of runs, logged models and uploads: lists, addresses, deletion, and whose they are. */
#include "dataplane/world_test.h"

#include "tracking/logged_model.h"

#define FILES "azureml-" GUID
#define RUN_FILES HISTORY "/experiments/Default/runs/calm_owl/artifacts"
#define ARTIFACT "/artifact/v2.0" WS "/artifacts"

static struct json *values(const struct json *page)
{
    return json_get(page, STR("value"));
}

/* A run with three files, beside another whose name begins alike. */
static void put_files(struct world *w)
{
    world_put_file(w, FILES, "ExperimentRun/dcid.calm_owl/a.txt");
    world_put_file(w, FILES, "ExperimentRun/dcid.calm_owl/deep/b c.txt");
    world_put_file(w, FILES, "ExperimentRun/dcid.calm_owl/deep/er/100%.csv");
    world_put_file(w, FILES, "ExperimentRun/dcid.calm_owl2/z.txt");
}

TEST(all_files_of_a_run_are_listed)
{
    CLEANUP(world_close) struct world *w = world_open();

    put_files(w);
    struct json *page = world_get(w, RUN_FILES);
    CHECK_INT(3, json_count(values(page)));
    CHECK_STR("a.txt", json_str_at(page, "value[0].path"));
    CHECK_STR("dcid.calm_owl", json_str_at(page, "value[0].container"));
    CHECK_STR("ExperimentRun/dcid.calm_owl/deep/b c.txt", json_str_at(page, "value[1].artifactId"));
    CHECK_INT(3, json_count(values(world_get(w, HISTORY "/runs/calm_owl/artifacts"))));
    CHECK_INT(3,
              json_count(values(world_get(w, HISTORY "/experimentids/0/runs/calm_owl/artifacts"))));
    CHECK_INT(2, json_count(values(world_get(w, RUN_FILES "/path?path=deep"))));
    CHECK_INT(2, json_count(values(world_get(w, RUN_FILES "/path?path=deep/"))));
    CHECK_INT(0, json_count(values(world_get(w, RUN_FILES "/path?path=dee"))));
    CHECK_INT(3, json_count(values(world_get(w, ARTIFACT "/ExperimentRun/dcid.calm_owl"))));
}

TEST(lists_come_in_pages)
{
    CLEANUP(world_close) struct world *w = world_open();

    for (int i = 0; i < 620; i++)
        world_put_file(w, FILES, arena_printf(w->arena, "ExperimentRun/dcid.kid/f %04d", i).ptr);
    struct json *page = world_get(w, HISTORY "/runs/kid/artifacts");
    CHECK_INT(500, json_count(values(page)));
    struct str link = json_str_at(page, "nextLink");
    page = world_get(w, str_slice(link, 23, link.len).ptr);
    CHECK_INT(120, json_count(values(page)));
    CHECK_STR("f 0500", json_str_at(page, "value[0].path"));
    CHECK(json_is_null(json_get(page, STR("nextLink"))));
}

TEST(a_file_has_an_address_that_opens_it_alone)
{
    CLEANUP(world_close) struct world *w = world_open();

    put_files(w);
    struct json *info = world_get(w, RUN_FILES "/contentinfo?path=deep/b%20c.txt");
    struct str uri = json_str_at(info, "contentUri");
    CHECK(str_find(uri, STR("/" FILES "/ExperimentRun/dcid.calm_owl/deep/b%20c.txt?sv=")) > 0);
    CHECK(str_find(uri, STR("&sr=b&sp=r&")) > 0);
    CHECK_STR("deep/b c.txt", json_str_at(info, "path"));
    CHECK_STR("a.txt", json_str_at(world_get(w, RUN_FILES "/metadata?path=a.txt"), "path"));
    struct json *page = world_get(w, RUN_FILES "/prefix/contentinfo?path=deep");
    CHECK_INT(2, json_count(values(page)));
    /* As the first SDK asks: the file stands behind the address. */
    info = world_get(w, ARTIFACT "/contentinfo/ExperimentRun/dcid.calm_owl/deep/b%20c.txt");
    CHECK_STR("deep/b c.txt", json_str_at(info, "path"));
    CHECK(json_str_at(info, "contentUri").len > 0);
    info = world_get(w, ARTIFACT "/metadata/ExperimentRun/dcid.calm_owl/a.txt");
    CHECK_STR("a.txt", json_str_at(info, "path"));
    page = world_get(w, ARTIFACT "/prefix/contentinfo/ExperimentRun/dcid.calm_owl/deep");
    CHECK_INT(2, json_count(values(page)));
    world_ask(w, 404, "GET", ARTIFACT "/contentinfo/ExperimentRun/dcid.calm_owl/none", "");
    world_ask(w, 404, "GET", ARTIFACT "/contentinfo/ExperimentRun/dcid.nobody/a.txt", "");
    CHECK(str_find(json_str_at(page, "value[1].contentUri"), STR("100%25.csv?")) > 0);
    CHECK_INT(204, fake_send(w->fake, "GET", RUN_FILES "/artifacturi?path=a.txt", STR("")).status);
    CHECK(str_find(fake_reply_header(w->fake, "Location"), STR("/a.txt?sv=")) > 0);
}

TEST(paths_that_leave_the_run_are_refused)
{
    CLEANUP(world_close) struct world *w = world_open();
    const char *const bad[] = {"..%2Fdcid.calm_owl2%2Fz.txt",
                               "%252e%252e/x",
                               "a//b",
                               "/a.txt",
                               "deep/../a.txt",
                               "a%5Cb",
                               "a%00b"};

    put_files(w);
    for (size_t i = 0; i < COUNT(bad); i++)
        world_ask(w, 400, "GET",
                  arena_printf(w->arena, RUN_FILES "/contentinfo?path=%s", bad[i]).ptr, "");
    world_ask(w, 400, "GET", RUN_FILES "/contentinfo", "");
    world_ask(w, 404, "GET", RUN_FILES "/contentinfo?path=none", "");
    world_ask(w, 404, "GET", RUN_FILES "/contentinfo?path=deep", "");
    world_ask(w, 400, "GET", RUN_FILES "?continuationToken=../x", "");
}

TEST(addresses_for_writing_are_given_many_at_once)
{
    CLEANUP(world_close) struct world *w = world_open();

    put_files(w);
    struct json *body = world_ask(w, 200, "POST", RUN_FILES "/batch/metadata",
                                  "{\"paths\":[{\"path\":\"new/x.bin\"},{\"path\":\"a.txt\"},"
                                  "{\"path\":\"../x\"},{}]}");
    struct json *info = json_get(body, STR("artifactContentInformation"));
    CHECK_INT(1, json_count(info));
    struct str uri = json_str_at(json_get(info, STR("new/x.bin")), "contentUri");
    CHECK(str_find(uri, STR("&sr=b&sp=rcw&")) > 0);
    struct json *errors = json_get(body, STR("errors"));
    CHECK_INT(3, json_count(errors));
    struct str message = json_str_at(json_get(errors, STR("a.txt")), "error.message");
    CHECK_STR("Resource Conflict: ArtifactId ExperimentRun/dcid.calm_owl/a.txt already exists.",
              message);
    CHECK_INT(3,
              json_count(values(world_get(w, RUN_FILES)))); /* nothing is made before its bytes */
    world_ask(w, 400, "POST", RUN_FILES "/batch/metadata", "{\"paths\":\"x\"}");
    world_ask(w, 400, "POST", RUN_FILES "/batch/metadata", "{}");
    body = world_ask(w, 200, "POST", ARTIFACT "/batch/metadata/ExperimentRun/dcid.calm_owl",
                     "{\"paths\":[{\"path\":\"outputs/old.txt\"}]}");
    CHECK(json_str_at(
              json_get(json_get(body, STR("artifactContentInformation")), STR("outputs/old.txt")),
              "contentUri")
              .len > 0);
    world_ask(w, 404, "POST", HISTORY "/experimentids/0/runs/none/artifacts/batch/metadata",
              "{\"paths\":[]}");
}

TEST(a_job_writes_files_of_its_own_run)
{
    CLEANUP(world_close) struct world *w = world_open();
    const char *body = "{\"paths\":[{\"path\":\"x\"}]}";

    world_add_run(w, "stranger", 0);
    world_be_job(w);
    world_ask(w, 200, "POST", RUN_FILES "/batch/metadata", body);
    world_ask(w, 200, "POST", HISTORY "/runs/kid/artifacts/batch/metadata", body);
    world_ask(w, 403, "POST", HISTORY "/runs/stranger/artifacts/batch/metadata", body);
    world_ask(w, 403, "POST", ARTIFACT "/ExperimentRun/dcid.stranger/batch/metadata", body);
    struct json *refusal =
        world_ask(w, 403, "POST", ARTIFACT "/LocalUpload/u1/batch/metadata", body);
    CHECK(str_find(json_str_at(refusal, "error.message"), STR("of its own run")) > 0);
}

TEST(uploads_have_a_root_of_their_own)
{
    CLEANUP(world_close) struct world *w = world_open();

    world_put_file(w, FILES, "LocalUpload/u1/model/MLmodel");
    CHECK_INT(1, json_count(values(world_get(w, ARTIFACT "/LocalUpload/u1"))));
    struct json *info = world_get(w, ARTIFACT "/LocalUpload/u1/contentinfo?path=model/MLmodel");
    CHECK(str_find(json_str_at(info, "contentUri"), STR("/LocalUpload/u1/model/MLmodel?")) > 0);
    struct json *body = world_ask(w, 200, "POST", ARTIFACT "/LocalUpload/u2/batch/metadata",
                                  "{\"paths\":[{\"path\":\"m/x\"}]}");
    CHECK_INT(1, json_count(json_get(body, STR("artifactContentInformation"))));
    CHECK_INT(0, json_count(values(world_get(w, ARTIFACT "/LocalUpload/u9"))));
    CHECK_INT(0,
              json_count(values(world_get(w, "/artifact/v2.0" WS2 "/artifacts/LocalUpload/u1"))));
}

static int insert_model(struct store_txn *txn, void *context, struct error *err)
{
    struct world *w = context;
    struct logged_model model = {.scope = w->scope.number,
                                 .model_id = STR("m-0123"),
                                 .run = w->job.run,
                                 .name = STR("net"),
                                 .status = LOGGED_MODEL_READY};

    return logged_model_insert(txn, &model, err);
}

TEST(logged_models_are_found_as_runs_and_below_them)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct error err = {0};

    CHECK_OK(store_write(w->engines.store, insert_model, w, &err), &err);
    world_put_file(w, FILES, "LoggedModels/m-0123/MLmodel");
    CHECK_INT(1, json_count(values(world_get(w, HISTORY "/experiments/0/runs/m-0123/artifacts"))));
    CHECK_INT(1, json_count(values(world_get(w, ARTIFACT "/LoggedModels/m-0123"))));
    struct json *info = world_get(w, RUN_FILES "/contentinfo?path=net/MLmodel");
    CHECK(str_find(json_str_at(info, "contentUri"), STR("/LoggedModels/m-0123/MLmodel?")) > 0);
    world_ask(w, 404, "GET", ARTIFACT "/LoggedModels/m-none", "");
    world_be_job(w);
    world_ask(w, 200, "POST", HISTORY "/experiments/0/runs/m-0123/artifacts/batch/metadata",
              "{\"paths\":[{\"path\":\"x\"}]}");
}

struct registered {
    struct world *w;
    struct document version;
};

static int insert_version(struct store_txn *txn, void *context, struct error *err)
{
    struct registered *r = context;
    struct document model = {.scope = r->w->scope.number,
                             .type = STR("models"),
                             .name = STR("m"),
                             .created_by = STR("t"),
                             .system = STR("{}"),
                             .body = STR("{}")};

    if (document_insert(txn, &model, err) < 0)
        return -1;
    r->version = (struct document){
        .scope = r->w->scope.number,
        .type = STR("models/versions"),
        .parent = model.doc,
        .name = STR("1"),
        .created_by = STR("t"),
        .system = STR("{}"),
        .body = STR("{\"properties\":{\"modelUri\":\"azureml://datastores/workspaceblobstore/paths/"
                    "up/load/net\"}}")};
    return document_insert(txn, &r->version, err);
}

TEST(a_registered_version_is_read_by_its_row_and_never_written)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct registered r = {.w = w};
    struct error err = {0};

    CHECK_OK(store_write(w->engines.store, insert_version, &r, &err), &err);
    world_put_file(w, "azureml-blobstore-" GUID, "up/load/net/MLmodel");
    struct str root =
        arena_printf(w->arena, ARTIFACT "/ModelVersion/%lld", (long long)r.version.doc);
    struct json *page = world_get(w, root.ptr);
    CHECK_STR("net/MLmodel", json_str_at(page, "value[0].path"));
    struct json *info = world_get(
        w, arena_printf(w->arena, "%.*s/contentinfo?path=net/MLmodel", STR_ARG(root)).ptr);
    CHECK(str_find(json_str_at(info, "contentUri"),
                   STR("/azureml-blobstore-" GUID "/up/load/net/MLmodel?")) > 0);
    world_ask(w, 404, "GET",
              arena_printf(w->arena, "%.*s/contentinfo?path=other/MLmodel", STR_ARG(root)).ptr, "");
    world_ask(w, 400, "POST", arena_printf(w->arena, "%.*s/batch/metadata", STR_ARG(root)).ptr,
              "{\"paths\":[{\"path\":\"net/x\"}]}");
    world_ask(w, 404, "GET", ARTIFACT "/ModelVersion/999", "");
    world_ask(w, 404, "GET", ARTIFACT "/ModelVersion/x", "");
    world_ask(w, 404, "GET",
              arena_printf(w->arena, "/artifact/v2.0" WS2 "/artifacts/ModelVersion/%lld",
                           (long long)r.version.doc)
                  .ptr,
              "");
}

TEST(a_file_of_a_datastore_becomes_an_artifact)
{
    CLEANUP(world_close) struct world *w = world_open();

    world_put_file(w, "azureml-blobstore-" GUID, "in/x.csv");
    struct json *made = world_ask(
        w, 200, "POST", ARTIFACT "/register",
        "{\"origin\":\"ExperimentRun\",\"container\":\"dcid.kid\",\"path\":\"data/x.csv\","
        "\"dataPath\":{\"dataStoreName\":\"workspaceblobstore\",\"relativePath\":\"in/x.csv\"}}");
    CHECK_STR("ExperimentRun/dcid.kid/data/x.csv", json_str_at(made, "artifactId"));
    CHECK_INT(1, json_count(values(world_get(w, HISTORY "/runs/kid/artifacts"))));
    world_ask(w, 409, "POST", ARTIFACT "/metadata",
              "{\"origin\":\"ExperimentRun\",\"container\":\"dcid.kid\",\"path\":\"data/x.csv\","
              "\"dataPath\":{\"dataStoreName\":\"workspaceblobstore\",\"relativePath\":"
              "\"in/x.csv\"}}");
    world_ask(
        w, 404, "POST", ARTIFACT "/register",
        "{\"origin\":\"ExperimentRun\",\"container\":\"dcid.kid\",\"path\":\"y\",\"dataPath\":"
        "{\"dataStoreName\":\"workspaceblobstore\",\"relativePath\":\"none\"}}");
    world_ask(w, 400, "POST", ARTIFACT "/register",
              "{\"origin\":\"ExperimentRun\",\"container\":\"dcid.kid\",\"path\":\"y\"}");
    world_ask(w, 400, "POST", ARTIFACT "/register", "{}");
}

TEST(a_file_is_deleted_once)
{
    CLEANUP(world_close) struct world *w = world_open();
    const char *path = ARTIFACT "/ExperimentRun/dcid.calm_owl/metadata?path=a.txt";

    put_files(w);
    world_ask(w, 200, "DELETE", path, "");
    world_ask(w, 404, "DELETE", path, "");
    CHECK_INT(2, json_count(values(world_get(w, RUN_FILES))));
    world_ask(w, 400, "DELETE", ARTIFACT "/ExperimentRun/dcid.calm_owl/metadata", "");
    world_ask(w, 404, "GET", "/artifact/v2.0" WS2 "/artifacts/ExperimentRun/dcid.calm_owl", "");
}
