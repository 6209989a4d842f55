/* Files by MLflow's own routes. */
#include "mlflow/face_test.h"

#define FILES "/api/2.0/mlflow-artifacts/artifacts"

static void put(struct face *f, const char *path, struct str id)
{
    CHECK_INT(
        200,
        fake_send(f->fake, "PUT",
                  face_fill(f, arena_printf(f->arena, FILES "/0/$/artifacts/%s", path).ptr, id),
                  STR("some bytes"))
            .status);
}

static struct json *list(struct face *f, const char *path, struct str id)
{
    return json_get(
        face_get(f,
                 face_fill(f, arena_printf(f->arena, FILES "?path=0/$/artifacts%s", path).ptr, id)),
        STR("files"));
}

TEST(files_go_in_and_come_out)
{
    CLEANUP(face_close) struct face *f = face_open();
    struct str id = face_run(f, "0", "r");

    put(f, "deep/er/%C3%BC%20100%25.csv", id);
    struct fake_reply reply =
        fake_send(f->fake, "GET",
                  face_fill(f, FILES "/0/$/artifacts/deep/er/%C3%BC%20100%25.csv", id), STR(""));
    CHECK_INT(200, reply.status);
    CHECK_STR("some bytes", reply.body);
    CHECK_STR("nosniff", fake_reply_header(f->fake, "X-Content-Type-Options"));
    CHECK(str_starts(fake_reply_header(f->fake, "Content-Disposition"), STR("attachment")));
    fake_header(f->fake, "Range", "bytes=5-");
    reply =
        fake_send(f->fake, "GET",
                  face_fill(f, FILES "/0/$/artifacts/deep/er/%C3%BC%20100%25.csv", id), STR(""));
    CHECK_INT(206, reply.status);
    CHECK_STR("bytes", reply.body);
    fake_header(f->fake, "Range", "bytes=99-");
    CHECK_INT(416, fake_send(f->fake, "GET",
                             face_fill(f, FILES "/0/$/artifacts/deep/er/%C3%BC%20100%25.csv", id),
                             STR(""))
                       .status);
}

TEST(folders_are_listed_level_by_level)
{
    CLEANUP(face_close) struct face *f = face_open();
    struct str id = face_run(f, "0", "r");

    put(f, "a.txt", id);
    put(f, "deep/b.txt", id);
    put(f, "deep/er/c.txt", id);
    put(f, "deep-er/d.txt", id);
    CHECK_INT(3, json_count(list(f, "", id)));
    CHECK_INT(2, json_count(list(f, "/deep", id)));
    CHECK_INT(1, json_count(list(f, "/deep/er", id)));
    CHECK_INT(0, json_count(list(f, "/none", id)));
    struct json *all = face_get(f, face_fill(f, API "/artifacts/list?run_id=$", id));
    CHECK_STR(face_fill(f, "mlflow-artifacts:/0/$/artifacts", id), json_str_at(all, "root_uri"));
    CHECK_STR("a.txt", json_str_at(all, "files[0].path"));
    CHECK_INT(10, json_int_at(all, "files[0].file_size", 0));
    all = face_get(f, face_fill(f, API "/artifacts/list?run_id=$&path=deep/", id));
    CHECK_STR("deep/b.txt", json_str_at(all, "files[0].path"));
    CHECK(json_bool_at(all, "files[1].is_dir", false));
}

TEST(a_large_folder_is_one_entry)
{
    CLEANUP(face_close) struct face *f = face_open();
    struct str id = face_run(f, "0", "r");

    for (int i = 0; i < 300; i++) /* more than one page of blobs */
        put(f, arena_printf(f->arena, "big/f%03d", i).ptr, id);
    put(f, "z.txt", id);
    CHECK_INT(2, json_count(list(f, "", id)));
    CHECK_INT(300, json_count(list(f, "/big", id)));
}

TEST(paths_that_leave_the_root_are_refused)
{
    CLEANUP(face_close) struct face *f = face_open();
    struct str id = face_run(f, "0", "r");
    const char *const bad[] = {"..%2fx", "%252e%252e/x",    "a%5cb",
                               "a//b",   "%2e%2e/%2e%2e/x", "a%00"};

    for (size_t i = 0; i < COUNT(bad); i++) {
        const char *path =
            face_fill(f, arena_printf(f->arena, FILES "/0/$/artifacts/%s", bad[i]).ptr, id);
        CHECK_INT(400, fake_send(f->fake, "GET", path, STR("")).status);
        CHECK_INT(400, fake_send(f->fake, "PUT", path, STR("x")).status);
    }
    CHECK_INT(400, fake_send(f->fake, "GET",
                             face_fill(f, API "/artifacts/list?run_id=$&path=../../x", id), STR(""))
                       .status);
    CHECK_INT(404, fake_send(f->fake, "GET", FILES "/0/none/artifacts/x", STR("")).status);
    CHECK_INT(404, fake_send(f->fake, "PUT", FILES "/elsewhere/x", STR("")).status);
}

TEST(a_folder_is_deleted_whole_and_its_neighbours_stay)
{
    CLEANUP(face_close) struct face *f = face_open();
    struct str id = face_run(f, "0", "r");
    const char *folder = face_fill(f, FILES "/0/$/artifacts/deep", id);

    put(f, "deep/a", id);
    put(f, "deep/er/b", id);
    put(f, "deeper/c", id);
    CHECK_INT(200, fake_send(f->fake, "DELETE", folder, STR("")).status);
    CHECK_INT(1, json_count(list(f, "", id)));
    CHECK_INT(404, fake_send(f->fake, "DELETE", folder, STR("")).status);
}

TEST(a_job_writes_into_its_own_run)
{
    CLEANUP(face_close) struct face *f = face_open();
    struct str own = face_run(f, "0", "own"), other = face_run(f, "0", "other");

    face_be_job(f, own);
    put(f, "a", own);
    CHECK_INT(
        403,
        fake_send(f->fake, "PUT", face_fill(f, FILES "/0/$/artifacts/a", other), STR("x")).status);
    CHECK_INT(403,
              fake_send(f->fake, "DELETE", face_fill(f, FILES "/0/$/artifacts/a", other), STR(""))
                  .status);
}

/* log_model without an active run names none: the client asks for no run to be begun. */
TEST(a_model_that_a_job_logs_without_a_run_is_of_its_run)
{
    CLEANUP(face_close) struct face *f = face_open();
    struct str own = face_run(f, "0", "own");

    struct json *made = face_ask(f, 200, "POST", API "/logged-models",
                                 "{\"experiment_id\":\"0\",\"name\":\"by-admin\"}");
    CHECK_STR("", json_str_at(made, "model.info.source_run_id"));
    struct str foreign = json_str_at(made, "model.info.model_id");
    face_be_job(f, own);
    made = face_ask(f, 200, "POST", API "/logged-models",
                    "{\"experiment_id\":\"0\",\"name\":\"model\"}");
    CHECK(str_eq(own, json_str_at(made, "model.info.source_run_id")));
    struct str id = json_str_at(made, "model.info.model_id");
    const char *file = face_fill(f, FILES "/0/models/$/artifacts/MLmodel", id);
    CHECK_INT(200, fake_send(f->fake, "PUT", file, STR("x")).status);
    file = face_fill(f, FILES "/0/models/$/artifacts/MLmodel", foreign);
    CHECK_INT(403, fake_send(f->fake, "PUT", file, STR("x")).status);
}

/* What a job may not write it may not remove, rename or finish either. */
TEST(a_job_leaves_the_models_of_others_alone)
{
    CLEANUP(face_close) struct face *f = face_open();
    struct str own = face_run(f, "0", "own");
    struct json *made = face_ask(f, 200, "POST", API "/logged-models",
                                 "{\"experiment_id\":\"0\",\"name\":\"by-admin\"}");
    struct str id = json_str_at(made, "model.info.model_id");
    const char *file = face_fill(f, FILES "/0/models/$/artifacts/MLmodel", id);
    const char *model = face_fill(f, API "/logged-models/$", id);
    const char *tags = face_fill(f, API "/logged-models/$/tags", id);
    const char *body = "{\"tags\":[{\"key\":\"k\",\"value\":\"v\"}]}";

    CHECK_INT(200, fake_send(f->fake, "PUT", file, STR("x")).status);
    face_be_job(f, own);
    CHECK_INT(403, fake_send(f->fake, "DELETE", file, STR("")).status);
    face_ask(f, 403, "PATCH", tags, body);
    face_ask(f, 403, "PATCH", model, "{\"status\":\"LOGGED_MODEL_READY\"}");
    face_ask(f, 403, "DELETE", model, "");
    face_be_job(f, STR(""));
    CHECK_INT(200, fake_send(f->fake, "GET", file, STR("")).status);
    face_ask(f, 200, "PATCH", tags, body);
    face_ask(f, 200, "DELETE", model, "");
    face_ask(f, 404, "GET", model, "");
    CHECK_INT(404, fake_send(f->fake, "GET", file, STR("")).status); /* its files went with it */
}

TEST(parts_and_presigned_addresses_are_not_built)
{
    CLEANUP(face_close) struct face *f = face_open();
    struct str id = face_run(f, "0", "r");

    face_ask(f, 501, "POST",
             face_fill(f, "/api/2.0/mlflow-artifacts/mpu/create/0/$/artifacts/x", id), "{}");
    face_ask(f, 501, "GET", face_fill(f, "/api/2.0/mlflow-artifacts/presigned/0/$/artifacts/x", id),
             "");
}

/* Links of MLflow's user interface name the file in the query. */
TEST(links_by_run_model_and_version_give_the_file)
{
    CLEANUP(face_close) struct face *f = face_open();
    struct str id = face_run(f, "0", "r");
    const char *const links[] = {
        face_fill(f, "/get-artifact?run_uuid=$&path=m%2Fa.txt", id),
        face_fill(f, "/get-artifact?run_id=$&path=m/a.txt", id),
        "/model-versions/get-artifact?name=reg&version=1&path=a.txt",
    };

    put(f, "m/a.txt", id);
    face_ask(f, 200, "POST", API "/registered-models/create", "{\"name\":\"reg\"}");
    face_ask(f, 200, "POST", API "/model-versions/create",
             face_fill(f, "{\"name\":\"reg\",\"source\":\"runs:/$/m\",\"run_id\":\"$\"}", id));
    for (size_t i = 0; i < COUNT(links); i++) {
        struct fake_reply reply = fake_send(f->fake, "GET", links[i], STR(""));
        CHECK_INT(200, reply.status);
        CHECK_STR("some bytes", reply.body);
        CHECK_STR("nosniff", fake_reply_header(f->fake, "X-Content-Type-Options"));
        CHECK_STR("attachment; filename*=UTF-8''a.txt",
                  fake_reply_header(f->fake, "Content-Disposition"));
    }
    struct json *made = face_ask(f, 200, "POST", API "/logged-models", "{\"experiment_id\":\"0\"}");
    struct str model = json_str_at(made, "model.info.model_id");
    CHECK_INT(200,
              fake_send(f->fake, "PUT", face_fill(f, FILES "/0/models/$/artifacts/MLmodel", model),
                        STR("flavors: {}"))
                  .status);
    const char *file =
        face_fill(f, API "/logged-models/$/artifacts/files?artifact_file_path=MLmodel", model);
    CHECK_STR("flavors: {}", fake_send(f->fake, "GET", file, STR("")).body);
}

TEST(links_to_what_is_not_there_or_elsewhere_are_refused)
{
    CLEANUP(face_close) struct face *f = face_open();
    struct str id = face_run(f, "0", "r");
    const char *const climbing[] = {
        face_fill(f, "/get-artifact?run_id=$&path=../path", id),
        face_fill(f, "/get-artifact?run_id=$&path=%2Fetc/passwd", id),
        "/model-versions/get-artifact?name=model&version=1&path=../path",
        API "/artifacts/list?run_id=r&path=../path",
    };

    put(f, "a.txt", id);
    for (size_t i = 0; i < COUNT(climbing); i++)
        CHECK_STR("Invalid path", json_str_at(face_ask(f, 400, "GET", climbing[i], ""), "message"));
    face_ask(f, 404, "GET", face_fill(f, "/get-artifact?run_id=$&path=b.txt", id), "");
    face_ask(f, 400, "GET", face_fill(f, "/get-artifact?run_id=$", id), "");
    face_ask(f, 400, "GET", "/get-artifact?path=a.txt", "");
    face_ask(f, 404, "GET", face_fill(f, SECOND "/get-artifact?run_id=$&path=a.txt", id), "");
    face_ask(f, 404, "GET", "/model-versions/get-artifact?name=none&version=1&path=a", "");
    face_ask(f, 404, "GET", API "/logged-models/m-none/artifacts/files?artifact_file_path=a", "");
}
