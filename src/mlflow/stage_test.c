/* Registered versions through their life: stages, aliases, tags, and what deletion takes along. */
#include "mlflow/face_test.h"

#include <stdio.h>

/* A model with so many versions out of one run's files. */
static void make(struct face *f, const char *name, int versions)
{
    struct str run = face_run(f, "0", "r");
    const char *file =
        face_fill(f, "/api/2.0/mlflow-artifacts/artifacts/0/$/artifacts/m/MLmodel", run);

    CHECK_INT(200, fake_send(f->fake, "PUT", file, STR("x")).status);
    face_ask(f, 200, "POST", API "/registered-models/create",
             face_fill(f, "{\"name\":\"$\"}", str_from(name)));
    for (int i = 0; i < versions; i++)
        face_ask(f, 200, "POST", API "/model-versions/create",
                 arena_printf(f->arena, "{\"name\":\"%s\",\"source\":\"runs:/%.*s/m\"}", name,
                              STR_ARG(run))
                     .ptr);
}

/* Moves a version of "m"; the reply's stage. */
static struct str move(struct face *f, int version, const char *stage, bool archive)
{
    struct json *moved =
        face_ask(f, 200, "POST", API "/model-versions/transition-stage",
                 arena_printf(f->arena,
                              "{\"name\":\"m\",\"version\":\"%d\",\"stage\":\"%s\","
                              "\"archive_existing_versions\":%s}",
                              version, stage, archive ? "true" : "false")
                     .ptr);

    return json_str_at(moved, "model_version.current_stage");
}

static struct str stage_of(struct face *f, int version)
{
    const char *path =
        arena_printf(f->arena, API "/model-versions/get?name=m&version=%d", version).ptr;

    return json_str_at(face_get(f, path), "model_version.current_stage");
}

TEST(a_version_moves_between_stages_and_may_push_others_out)
{
    CLEANUP(face_close) struct face *f = face_open();

    make(f, "m", 3);
    CHECK_STR("None", stage_of(f, 1));
    CHECK_STR("Production", move(f, 1, "production", false)); /* in any case */
    CHECK_STR("Production", move(f, 2, "Production", false)); /* two may be there */
    CHECK_STR("Production", stage_of(f, 1));
    CHECK_STR("Staging", move(f, 3, "Staging", true));
    CHECK_STR("Production", stage_of(f, 1)); /* another stage is left alone */
    CHECK_STR("Production", move(f, 3, "Production", true));
    CHECK_STR("Archived", stage_of(f, 1));
    CHECK_STR("Archived", stage_of(f, 2));
    CHECK_STR("None", move(f, 3, "None", false));
}

TEST(stages_that_make_no_sense_are_told)
{
    CLEANUP(face_close) struct face *f = face_open();
    const char *const path = API "/model-versions/transition-stage";

    make(f, "m", 1);
    face_refuses(f, path, "{\"name\":\"m\",\"version\":\"1\",\"stage\":\"Best\"}",
                 "INVALID_PARAMETER_VALUE", "Invalid Model Version stage");
    face_refuses(f, path, "{\"name\":\"m\",\"version\":\"1\"}", "INVALID_PARAMETER_VALUE",
                 "Missing value");
    face_refuses(f, path,
                 "{\"name\":\"m\",\"version\":\"1\",\"stage\":\"Archived\","
                 "\"archive_existing_versions\":true}",
                 "INVALID_PARAMETER_VALUE", "not an Active stage");
    face_refuses(f, path, "{\"name\":\"m\",\"version\":\"9\",\"stage\":\"Staging\"}",
                 "RESOURCE_DOES_NOT_EXIST", "");
    CHECK_STR("None", stage_of(f, 1));
}

TEST(the_latest_of_each_stage_is_the_newest_in_it)
{
    CLEANUP(face_close) struct face *f = face_open();
    const char *const path = API "/registered-models/get-latest-versions";
    struct json *found;

    make(f, "m", 4);
    move(f, 1, "Staging", false);
    move(f, 2, "Staging", false);
    found = face_ask(f, 200, "POST", path, "{\"name\":\"m\"}");
    CHECK_INT(2, json_count(json_get(found, STR("model_versions"))));
    CHECK_STR("4", json_str_at(found, "model_versions[0].version"));
    CHECK_STR("2", json_str_at(found, "model_versions[1].version"));
    found = face_ask(f, 200, "POST", path, "{\"name\":\"m\",\"stages\":[\"staging\"]}");
    CHECK_INT(1, json_count(json_get(found, STR("model_versions"))));
    found = face_ask(f, 200, "POST", path, "{\"name\":\"m\",\"stages\":[\"Production\"]}");
    CHECK(!json_get(found, STR("model_versions"))); /* an empty list is left out */
}

static void set_alias(struct face *f, const char *alias, int version)
{
    face_ask(f, 200, "POST", API "/registered-models/alias",
             arena_printf(f->arena, "{\"name\":\"m\",\"alias\":\"%s\",\"version\":\"%d\"}", alias,
                          version)
                 .ptr);
}

TEST(an_alias_goes_with_its_version_and_never_comes_back)
{
    CLEANUP(face_close) struct face *f = face_open();
    const char *const asked = API "/registered-models/alias?name=m&alias=Best";

    make(f, "m", 2);
    set_alias(f, "best", 2);
    set_alias(f, "safe", 1);
    CHECK_STR("2", json_str_at(face_get(f, asked), "model_version.version"));
    face_ask(f, 200, "DELETE", API "/model-versions/delete", "{\"name\":\"m\",\"version\":\"2\"}");
    face_ask(f, 400, "GET", asked, "");
    struct json *model = face_get(f, API "/registered-models/get?name=m");
    CHECK_INT(1, json_count(json_at(model, "registered_model.aliases")));
    CHECK_STR("safe", json_str_at(model, "registered_model.aliases[0].alias"));
    face_ask(f, 200, "DELETE", API "/registered-models/delete", "{\"name\":\"m\"}");
    face_ask(f, 404, "GET", API "/model-versions/get?name=m&version=1", "");
    make(f, "m", 1); /* the name again, and nothing of the old one */
    face_ask(f, 400, "GET", API "/registered-models/alias?name=m&alias=safe", "");
    model = face_get(f, API "/registered-models/get?name=m");
    CHECK(!json_at(model, "registered_model.aliases"));
    CHECK_STR("1", json_str_at(model, "registered_model.latest_versions[0].version"));
}

TEST(names_that_mean_something_else_are_no_aliases)
{
    CLEANUP(face_close) struct face *f = face_open();
    static const char *const BAD[] = {"latest", "LATEST", "v1", "V22", "a b", "a/b", ""};

    make(f, "m", 1);
    for (size_t i = 0; i < COUNT(BAD); i++)
        face_refuses(
            f, API "/registered-models/alias",
            face_fill(f, "{\"name\":\"m\",\"alias\":\"$\",\"version\":\"1\"}", str_from(BAD[i])),
            "INVALID_PARAMETER_VALUE", "");
    face_refuses(f, API "/registered-models/alias",
                 "{\"name\":\"m\",\"alias\":\"a\",\"version\":\"7\"}", "RESOURCE_DOES_NOT_EXIST",
                 "");
    set_alias(f, "v1beta", 1); /* begins like a version, but is none */
}

TEST(tags_of_a_version_are_its_own)
{
    CLEANUP(face_close) struct face *f = face_open();

    make(f, "m", 2);
    face_ask(f, 200, "POST", API "/model-versions/set-tag",
             "{\"name\":\"m\",\"version\":\"1\",\"key\":\"k\",\"value\":\"\"}");
    struct json *one = face_get(f, API "/model-versions/get?name=m&version=1");
    struct json *two = face_get(f, API "/model-versions/get?name=m&version=2");
    CHECK_STR("k", json_str_at(one, "model_version.tags[0].key"));
    CHECK(!json_at(two, "model_version.tags"));
    for (int twice = 0; twice < 2; twice++) /* a missing one is no mistake, as in MLflow */
        face_ask(f, 200, "DELETE", API "/model-versions/delete-tag",
                 "{\"name\":\"m\",\"version\":\"1\",\"key\":\"k\"}");
    one = face_get(f, API "/model-versions/get?name=m&version=1");
    CHECK(!json_at(one, "model_version.tags"));
    face_refuses(f, API "/model-versions/set-tag",
                 "{\"name\":\"m\",\"version\":\"1\",\"value\":\"v\"}", "INVALID_PARAMETER_VALUE",
                 "Missing value");
}

TEST(models_are_found_by_page_after_page_and_beyond_the_last_is_nothing)
{
    CLEANUP(face_close) struct face *f = face_open();
    struct json *page;

    make(f, "m", 3);
    page = face_get(f, API "/model-versions/search?max_results=2&order_by=version_number%20ASC");
    CHECK_INT(2, json_count(json_get(page, STR("model_versions"))));
    CHECK_STR("1", json_str_at(page, "model_versions[0].version"));
    page = face_get(f, face_fill(f,
                                 API "/model-versions/search?max_results=2&"
                                     "order_by=version_number%20ASC&page_token=$",
                                 json_str_at(page, "next_page_token")));
    CHECK_INT(1, json_count(json_get(page, STR("model_versions"))));
    CHECK_STR("3", json_str_at(page, "model_versions[0].version"));
    CHECK(!json_get(page, STR("next_page_token")));
    page = face_get(f, API "/model-versions/search?page_token=ffff.0");
    CHECK(!json_get(page, STR("model_versions")));
    CHECK(!json_get(page, STR("next_page_token")));
    face_ask(f, 400, "GET", API "/model-versions/search?page_token=ffffffffffffffff.0", "");
}
