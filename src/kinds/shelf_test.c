#include "kinds/shelf_test.h"

#include "asset/asset.h"
#include "base/test.h"
#include "content/content.h"
#include "job/job.h"
#include "kinds/batch.h"
#include "kinds/component.h"
#include "kinds/feature.h"
#include "kinds/hosted.h"
#include "kinds/index.h"
#include "kinds/job.h"
#include "kinds/kinds.h"
#include "kinds/lineage.h"
#include "os/file.h"
#include "vault/vault.h"

#include <sys/stat.h>

static const struct arm_kind *const KINDS[] = {
    &workspace_kind,
    &datastore_kind,
    &code_kind,
    &code_version_kind,
    &data_kind,
    &data_version_kind,
    &environment_kind,
    &environment_version_kind,
    &model_kind,
    &model_version_kind,
    &compute_kind,
    &job_kind,
    &component_kind,
    &component_version_kind,
    &batch_endpoint_kind,
    &batch_deployment_kind,
    &featureset_kind,
    &featureset_version_kind,
    &feature_kind,
    &entity_kind,
    &entity_version_kind,
    &index_kind,
    &index_version_kind,
    &serverless_endpoint_kind,
    &marketplace_subscription_kind,
    &capability_host_kind,
};

struct shelf *shelf_open(void)
{
    struct arena *arena = arena_new(MIB);
    struct shelf *shelf = arena_make(arena, struct shelf);
    struct error err = {0};
    static int count; /* rows count from 1 in each store, so its folder is its own, too */
    char *path = arena_cstr(arena, arena_printf(arena, "%s/shelf-%d", test_folder(), count++));

    shelf->arena = arena;
    CHECK_INT(0, mkdir(path, 0700));
    shelf->dir = shelf->engines.dir = dir_open(path, &err);
    CHECK_OK(store_open("memory:", NULL, &shelf->engines.store, &err), &err);
    shelf->engines.vault = vault_open(shelf->dir, &err);
    shelf->engines.content = content_open(shelf->dir, shelf->engines.store, &err);
    shelf->engines.domain = STR("lazurite.test");
    CHECK(shelf->engines.vault && shelf->engines.content);
    CHECK_OK(workspace_make_default(&shelf->engines, arena, &shelf->scope, &err), &err);
    const struct jobs_options options = {.store = shelf->engines.store,
                                         .content = shelf->engines.content,
                                         .dir = shelf->dir,
                                         .dir_path = path};
    shelf->engines.jobs = jobs_new(&options);
    jobs_set_endpoints(shelf->engines.jobs, STR("https://localhost:10443"), STR("localhost:10443"));
    shelf->arm = arm_new(KINDS, COUNT(KINDS), &shelf->engines);
    const struct route_table tables[] = {arm_routes(shelf->arm), batch_routes(&shelf->engines),
                                         lineage_routes(&shelf->engines), index_routes(shelf->arm)};
    shelf->fake = fake_new(tables, COUNT(tables));
    return shelf;
}

void shelf_close(struct shelf **shelf)
{
    struct arena *arena = (*shelf)->arena;

    fake_free(&(*shelf)->fake);
    arm_free(&(*shelf)->arm);
    jobs_free(&(*shelf)->engines.jobs);
    content_close(&(*shelf)->engines.content);
    store_close(&(*shelf)->engines.store);
    vault_close(&(*shelf)->engines.vault);
    fd_close(&(*shelf)->dir);
    arena_free(&arena);
}

static const char *target_of(struct shelf *shelf, const char *path)
{
    return path[0] == '@' ? path + 1 : arena_printf(shelf->arena, SHELF_SCOPE "%s", path).ptr;
}

struct fake_reply shelf_get(struct shelf *shelf, const char *path)
{
    return fake_send(shelf->fake, "GET", target_of(shelf, path), STR(""));
}

struct fake_reply shelf_put(struct shelf *shelf, const char *path, const char *body)
{
    return fake_json(shelf->fake, "PUT", target_of(shelf, path), body);
}

struct fake_reply shelf_post(struct shelf *shelf, const char *path, const char *body)
{
    return fake_json(shelf->fake, "POST", target_of(shelf, path), body);
}

struct fake_reply shelf_delete(struct shelf *shelf, const char *path)
{
    return fake_send(shelf->fake, "DELETE", target_of(shelf, path), STR(""));
}

void shelf_refused(struct shelf *shelf, const char *path, const char *body,
                   struct shelf_refusal wanted)
{
    struct fake_reply reply = shelf_put(shelf, path, body);

    CHECK_INT(wanted.status, reply.status);
    CHECK_STR(wanted.target, json_str_at(reply.json, "error.target"));
    if (wanted.words)
        CHECK(str_find(json_str_at(reply.json, "error.message"), str_from(wanted.words)) >= 0);
}

void shelf_stock(struct shelf *shelf)
{
    static const char *const STOCK[][2] = {
        {"/environments/e/versions/1", "{\"properties\":{\"image\":\"python\"}}"},
        {"/codes/c/versions/1",
         "{\"properties\":{\"codeUri\":\"azureml://datastores/workspaceblobstore/paths/src\"}}"},
        {"/models/m/versions/1",
         "{\"properties\":{\"modelUri\":\"azureml://datastores/workspaceblobstore/paths/m\"}}"},
        {"/computes/cluster",
         "{\"location\":\"local\",\"properties\":{\"computeType\":\"AmlCompute\",\"properties\":"
         "{\"vmSize\":\"Standard_DS3_v2\",\"scaleSettings\":{\"minNodeCount\":0,"
         "\"maxNodeCount\":1}}}}"},
    };

    shelf_blob(shelf, "m/model.bin", "bytes");
    shelf_blob(shelf, "src/main.py", "print()");
    for (size_t i = 0; i < COUNT(STOCK); i++)
        CHECK_INT(201, shelf_put(shelf, STOCK[i][0], STOCK[i][1]).status);
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

void shelf_blob(struct shelf *shelf, const char *name, const char *text)
{
    struct error err = {0};
    CLEANUP(content_writer_free)
    struct content_writer *writer = content_writer_new(shelf->engines.content, &err);
    struct upload upload = {.blob = {.container = asset_blob_container(shelf->arena, &shelf->scope),
                                     .name = str_from(name),
                                     .meta = STR("{}")}};

    CHECK(writer);
    CHECK_OK(content_write(writer, str_from(text), &err), &err);
    CHECK_OK(content_finish(writer, &upload.object, &err), &err);
    CHECK_OK(store_write(shelf->engines.store, upload_apply, &upload, &err), &err);
}

int64_t shelf_edges(struct shelf *shelf, const char *from_id, const char *to_id)
{
    struct error err = {0};
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(shelf->engines.store, &err);
    struct sql *q = sql(txn, "SELECT COUNT(*) FROM edge WHERE from_id = ? AND to_id = ?", &err);

    CHECK(q);
    sql_bind_text(q, 1, str_from(from_id));
    sql_bind_text(q, 2, str_from(to_id));
    CHECK_INT(1, sql_step(q));
    int64_t rows = sql_int(q, 0);
    CHECK_OK(sql_end(q, &err), &err);
    return rows;
}
