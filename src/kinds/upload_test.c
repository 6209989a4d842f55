/* What happens to bytes when the versions that name them are deleted. */
#include "base/test.h"
#include "content/content.h"
#include "kinds/kinds.h"
#include "kinds/shelf_test.h"

#include <stdio.h>

#define STORE "azureml://datastores/workspaceblobstore/paths/"

static int64_t blobs_named(struct shelf *shelf, const char *name)
{
    struct error err = {0};
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(shelf->engines.store, &err);
    struct sql *q = sql(txn, "SELECT COUNT(*) FROM blob WHERE name = ?", &err);

    CHECK(q);
    sql_bind_text(q, 1, str_from(name));
    CHECK(sql_step(q) > 0);
    int64_t count = sql_int(q, 0);
    CHECK_OK(sql_end(q, &err), &err);
    return count;
}

static void put_data(struct shelf *shelf, const char *path, const char *uri)
{
    char body[300];

    snprintf(body, sizeof(body),
             "{\"properties\":{\"dataType\":\"uri_file\",\"dataUri\":\"" STORE "%s\"}}", uri);
    CHECK_INT(201, shelf_put(shelf, path, body).status);
}

TEST(bytes_of_an_upload_go_with_the_last_version_that_names_them)
{
    CLEANUP(shelf_close) struct shelf *shelf = shelf_open();

    shelf_blob(shelf, "LocalUpload/aa/x.csv", "1,2");
    put_data(shelf, "/data/one/versions/1", "LocalUpload/aa/x.csv");
    put_data(shelf, "/data/two/versions/1", "LocalUpload/aa/x.csv");
    CHECK_INT(200, shelf_delete(shelf, "/data/one/versions/1").status);
    CHECK_INT(1, blobs_named(shelf, "LocalUpload/aa/x.csv"));
    CHECK_INT(200, shelf_delete(shelf, "/data/two").status);
    CHECK_INT(0, blobs_named(shelf, "LocalUpload/aa/x.csv"));
}

TEST(bytes_at_a_path_of_the_users_stay)
{
    CLEANUP(shelf_close) struct shelf *shelf = shelf_open();

    shelf_blob(shelf, "mine/x.csv", "1,2");
    put_data(shelf, "/data/one/versions/1", "mine/x.csv");
    CHECK_INT(200, shelf_delete(shelf, "/data/one/versions/1").status);
    CHECK_INT(1, blobs_named(shelf, "mine/x.csv"));
}

TEST(the_same_upload_as_a_model_keeps_its_bytes)
{
    CLEANUP(shelf_close) struct shelf *shelf = shelf_open();

    shelf_blob(shelf, "LocalUpload/bb/w.bin", "weights");
    put_data(shelf, "/data/one/versions/1", "LocalUpload/bb/w.bin");
    CHECK_INT(201, shelf_put(shelf, "/models/m/versions/1",
                             "{\"properties\":{\"modelType\":\"custom_model\",\"modelUri\":\"" STORE
                             "LocalUpload/bb/w.bin\"}}")
                       .status);
    CHECK_INT(200, shelf_delete(shelf, "/data/one").status);
    CHECK_INT(1, blobs_named(shelf, "LocalUpload/bb/w.bin"));
    CHECK_INT(200, shelf_delete(shelf, "/models/m/versions/1").status);
    CHECK_INT(0, blobs_named(shelf, "LocalUpload/bb/w.bin"));
}
