/* Lineage: edges written when things are made, and read from any end. */
#include "kinds/shelf_test.h"

#include "base/test.h"

#define LINEAGE "@/lazurite/v1" SHELF_SCOPE "/lineage"
#define DATA "{\"properties\":{\"dataUri\":\"azureml://datastores/workspaceblobstore/paths/d\"}}"

/* A job that uses code, an environment and a data asset by three spellings. */
static struct shelf *job_open(void)
{
    struct shelf *s = shelf_open();

    shelf_stock(s);
    shelf_blob(s, "d/a.csv", "1,2");
    CHECK_INT(201, shelf_put(s, "/data/d/versions/1", DATA).status);
    struct fake_reply made = shelf_put(
        s, "/jobs/train",
        "{\"properties\":{\"jobType\":\"Command\",\"command\":\"ls ${{inputs.d}}\",\"codeId\":"
        "\"" SHELF_SCOPE
        "/codes/c/versions/1\",\"environmentId\":\"azureml:e:1\",\"inputs\":{\"d\":"
        "{\"jobInputType\":\"uri_folder\",\"uri\":\"azureml:d@latest\"}}}}");
    CHECK_INT(201, made.status);
    return s;
}

/* Whether an edge is among those of a reply. */
static bool has(struct fake_reply reply, const char *from, const char *role, const char *to)
{
    struct json_iter it = json_iter(json_at(reply.json, "value"));

    while (json_next(&it))
        if (str_eq(json_str_at(it.value, "from.id"), str_from(from)) &&
            str_eq(json_str_at(it.value, "role"), str_from(role)) &&
            str_eq(json_str_at(it.value, "to.id"), str_from(to)))
            return true;
    return false;
}

TEST(a_job_is_linked_to_all_that_it_uses)
{
    CLEANUP(shelf_close) struct shelf *s = job_open();
    struct fake_reply edges = shelf_get(s, LINEAGE "?id=train");

    CHECK_INT(200, edges.status);
    CHECK(has(edges, SHELF_SCOPE "/codes/c/versions/1", "code", "train"));
    CHECK(has(edges, SHELF_SCOPE "/environments/e/versions/1", "environment", "train"));
    CHECK(has(edges, SHELF_SCOPE "/data/d/versions/1", "d", "train"));
}

TEST(data_tells_who_used_it)
{
    CLEANUP(shelf_close) struct shelf *s = job_open();
    struct fake_reply edges = shelf_get(s, LINEAGE "?id=" SHELF_SCOPE "/data/d/versions/1");

    CHECK_INT(1, json_count(json_at(edges.json, "value")));
    CHECK(has(edges, SHELF_SCOPE "/data/d/versions/1", "d", "train"));
    edges = shelf_get(s, LINEAGE "?depth=2&id=" SHELF_SCOPE "/data/d/versions/1");
    CHECK(has(edges, SHELF_SCOPE "/codes/c/versions/1", "code", "train"));
    edges = shelf_get(s, LINEAGE "?id=" SHELF_SCOPE "/jobs/train");
    CHECK(has(edges, SHELF_SCOPE "/codes/c/versions/1", "code", "train"));
}

TEST(a_model_of_a_job_is_linked_to_it)
{
    CLEANUP(shelf_close) struct shelf *s = job_open();

    shelf_blob(s, "azureml/train/m/model.bin", "bytes");
    CHECK_INT(201, shelf_put(s, "/models/made/versions/1",
                             "{\"properties\":{\"modelUri\":\"azureml://datastores/"
                             "workspaceblobstore/paths/azureml/train/m\",\"jobName\":\"train\"}}")
                       .status);
    CHECK(has(shelf_get(s, LINEAGE "?id=train"), "train", "output",
              SHELF_SCOPE "/models/made/versions/1"));
}

TEST(lineage_refuses_what_names_nothing)
{
    CLEANUP(shelf_close) struct shelf *s = job_open();

    CHECK_INT(400, shelf_get(s, LINEAGE).status);
    CHECK_INT(400, shelf_get(s, LINEAGE "?id=train&depth=0").status);
    CHECK_INT(400, shelf_get(s, LINEAGE "?id=train&depth=nine").status);
    CHECK_INT(400, shelf_get(s, LINEAGE "?id=" SHELF_SCOPE "/data/d").status);
    CHECK_INT(400, shelf_get(s, LINEAGE "?id=" SHELF_SCOPE "/jobs/").status);
    CHECK_INT(400, shelf_get(s, LINEAGE "?id=" SHELF_SCOPE "/data/d/versions/").status);
    CHECK_INT(404, shelf_get(s, LINEAGE "?id=" SHELF_SCOPE "/").status);
    CHECK_INT(404, shelf_get(s, LINEAGE "?id=" SHELF_OTHER "/data/d/versions/1").status);
    CHECK_INT(404, shelf_get(s, "@/lazurite/v1" SHELF_OTHER "/lineage?id=train").status);
    CHECK_INT(0, json_count(json_at(shelf_get(s, LINEAGE "?id=nobody").json, "value")));
}
