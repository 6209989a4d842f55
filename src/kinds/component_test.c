/* Components: what each type cannot do without, what stays to the letter, and what is linked. */
#include "kinds/shelf_test.h"

#include "base/test.h"

#define VERSION "/components/train/versions/1"
#define SPEC "properties.componentSpec"
#define COMMAND                                                                                   \
    "{\"properties\":{\"componentSpec\":{\"name\":\"train\",\"type\":\"command\",\"command\":"    \
    "\"python main.py ${{inputs.d}} ${{outputs.o}}\",\"code\":\"azureml:c:1\",\"environment\":"   \
    "\"azureml:" SHELF_SCOPE "/environments/e/versions/1\",\"is_deterministic\":true,\"inputs\":" \
    "{\"d\":{\"type\":\"uri_folder\"}},\"outputs\":{\"o\":{\"type\":\"uri_folder\"}},"            \
    "\"_source\":\"YAML.COMPONENT\"}}}"

/* A specification in its place. */
static const char *spec(struct shelf *s, const char *members)
{
    return arena_printf(s->arena, "{\"properties\":{\"componentSpec\":{\"name\":\"n\",%s}}}",
                        members)
        .ptr;
}

/* What was sent comes back to the letter; what was left out is said. */
TEST(a_component_comes_back_with_what_it_left_out)
{
    CLEANUP(shelf_close) struct shelf *s = shelf_open();
    shelf_stock(s);
    struct fake_reply made = shelf_put(s, VERSION, COMMAND);

    CHECK_INT(201, made.status);
    CHECK_STR(SHELF_SCOPE VERSION, json_str_at(made.json, "id"));
    CHECK_STR("Succeeded", json_str_at(made.json, "properties.provisioningState"));
    struct json *sent = json_at(json_parse(s->arena, STR(COMMAND), NULL), SPEC);
    struct json *first = json_copy(s->arena, json_at(made.json, SPEC));
    struct json *got = json_at(shelf_get(s, VERSION).json, SPEC);
    CHECK(json_equal(first, got));
    got = first;
    CHECK(!json_bool_at(got, "inputs.d.optional", true));
    CHECK_INT(1, json_int_at(got, "resources.instance_count", 0));
    CHECK_STR("1", json_str_at(got, "version"));
    json_set_bool(s->arena, json_at(sent, "inputs.d"), "optional", false);
    json_set(s->arena, sent, STR("resources"), json_copy(s->arena, json_at(got, "resources")));
    json_set_str(s->arena, sent, "version", STR("1"));
    CHECK(json_equal(sent, got));
    CHECK_STR("2", json_str_at(shelf_get(s, "/components/train").json, "properties.nextVersion"));
    CHECK_STR("1", json_str_at(shelf_get(s, "/components/train").json, "properties.latestVersion"));
}

TEST(what_a_component_said_itself_stays)
{
    CLEANUP(shelf_close) struct shelf *s = shelf_open();
    shelf_stock(s);
    static const char SAID[] =
        "\"type\":\"command\",\"command\":\"ls\",\"environment\":\"azureml:e:1\",\"version\":"
        "\"seven\",\"is_deterministic\":false,\"inputs\":{\"a\":{\"type\":\"string\",\"optional\":"
        "true}},\"resources\":{\"instance_count\":3,\"instance_type\":\"big\"}";

    CHECK_INT(201, shelf_put(s, VERSION, spec(s, SAID)).status);
    struct json *got = json_at(shelf_get(s, VERSION).json, SPEC);
    CHECK_STR("seven", json_str_at(got, "version"));
    CHECK(json_bool_at(got, "inputs.a.optional", false));
    CHECK(!json_bool_at(got, "is_deterministic", true));
    CHECK_INT(3, json_int_at(got, "resources.instance_count", 0));
    CHECK_INT(201,
              shelf_put(s, "/components/p/versions/1", spec(s, "\"type\":\"pipeline\",\"jobs\":{}"))
                  .status);
    got = json_at(shelf_get(s, "/components/p/versions/1").json, SPEC);
    CHECK(!json_bool_at(got, "is_deterministic", true));
    CHECK(!json_at(got, "resources"));
}

/* A client that sends back what it read has said what it had left out before. */
TEST(what_was_left_out_may_be_said_later)
{
    CLEANUP(shelf_close) struct shelf *s = shelf_open();
    shelf_stock(s);
    CHECK_INT(201, shelf_put(s, VERSION, COMMAND).status);
    struct json *read = json_copy(s->arena, shelf_get(s, VERSION).json);
    char *whole = arena_cstr(s->arena, json_write(s->arena, read));

    CHECK_INT(200, shelf_put(s, VERSION, whole).status);
    CHECK_INT(200, shelf_put(s, VERSION, COMMAND).status);
    json_put(s->arena, read, SPEC ".resources.instance_count", json_int(s->arena, 2), NULL);
    shelf_refused(s, VERSION, arena_cstr(s->arena, json_write(s->arena, read)),
                  (struct shelf_refusal){409, SPEC ".resources", "resources"});
}

TEST(a_component_without_a_version_is_the_newest_by_its_label)
{
    CLEANUP(shelf_close) struct shelf *s = shelf_open();
    static const char NODE[] = "\"type\":\"pipeline\",\"jobs\":{\"a\":{\"componentId\":\"%s/"
                               "components/train/labels/%s\"}}";
    const char *empty = spec(s, "\"type\":\"pipeline\",\"jobs\":{}");

    CHECK_INT(201, shelf_put(s, VERSION, empty).status);
    CHECK_INT(201, shelf_put(s, "/components/train/versions/b", empty).status);
    struct fake_reply got = shelf_get(s, "/components/train/versions/azureml_default");
    CHECK_INT(200, got.status);
    CHECK_STR(SHELF_SCOPE "/components/train/labels/default", json_str_at(got.json, "id"));
    CHECK_STR("b", json_str_at(got.json, "name"));
    CHECK_STR("b", json_str_at(got.json, SPEC ".version"));
    const char *node = spec(s, arena_printf(s->arena, NODE, SHELF_SCOPE, "default").ptr);
    CHECK_INT(201, shelf_put(s, "/components/outer/versions/1", node).status);
    CHECK_INT(1, shelf_edges(s, SHELF_SCOPE "/components/train/versions/b",
                             SHELF_SCOPE "/components/outer/versions/1"));
    node = spec(s, arena_printf(s->arena, NODE, SHELF_SCOPE, "best").ptr);
    shelf_refused(s, "/components/outer/versions/2", node,
                  (struct shelf_refusal){404, SPEC ".jobs.a", "best"});
}

TEST(a_component_is_made_from_no_job_that_is_not_there)
{
    CLEANUP(shelf_close) struct shelf *s = shelf_open();
    shelf_stock(s);
    static const char JOB[] =
        "{\"properties\":{\"jobType\":\"Command\",\"command\":\"true\",\"environmentId\":"
        "\"azureml:e:1\",\"computeId\":\"" SHELF_SCOPE "/computes/cluster\"}}";
    const char *from =
        spec(s, "\"type\":\"pipeline\",\"jobs\":{},\"sourceJobId\":\"" SHELF_SCOPE "/jobs/j\"");

    shelf_refused(s, VERSION, from, (struct shelf_refusal){404, SPEC ".sourceJobId", "'j'"});
    CHECK_INT(201, shelf_put(s, "/jobs/j", JOB).status);
    shelf_refused(s, VERSION, from, (struct shelf_refusal){400, SPEC ".sourceJobId", "Command"});
}

TEST(a_component_is_linked_to_what_it_refers_to)
{
    CLEANUP(shelf_close) struct shelf *s = shelf_open();
    shelf_stock(s);
    CHECK_INT(201, shelf_put(s, VERSION, COMMAND).status);

    CHECK_INT(1, shelf_edges(s, SHELF_SCOPE "/codes/c/versions/1", SHELF_SCOPE VERSION));
    CHECK_INT(1, shelf_edges(s, SHELF_SCOPE "/environments/e/versions/1", SHELF_SCOPE VERSION));
    CHECK_INT(200, shelf_put(s, VERSION, COMMAND).status);
    CHECK_INT(1, shelf_edges(s, SHELF_SCOPE "/codes/c/versions/1", SHELF_SCOPE VERSION));
}

TEST(a_second_put_of_a_component_may_change_what_describes_it)
{
    CLEANUP(shelf_close) struct shelf *s = shelf_open();
    static const char ONE[] = "{\"properties\":{\"componentSpec\":{\"name\":\"n\",\"type\":"
                              "\"pipeline\",\"jobs\":{}}}}";
    static const char TAGGED[] = "{\"properties\":{\"tags\":{\"a\":\"b\"},\"componentSpec\":"
                                 "{\"name\":\"n\",\"type\":\"pipeline\",\"jobs\":{}}}}";
    static const char OTHER[] =
        "{\"properties\":{\"componentSpec\":{\"name\":\"n\",\"type\":\"pipeline\",\"jobs\":"
        "{\"a\":{\"type\":\"command\"}}}}}";

    CHECK_INT(201, shelf_put(s, VERSION, ONE).status);
    CHECK_INT(200, shelf_put(s, VERSION, TAGGED).status);
    CHECK_STR("b", json_str_at(shelf_get(s, VERSION).json, "properties.tags.a"));
    shelf_refused(s, VERSION, OTHER,
                  (struct shelf_refusal){409, "properties.componentSpec.jobs", "jobs"});
    CHECK_INT(0, json_count(json_at(shelf_get(s, VERSION).json, "properties.componentSpec.jobs")));
}

TEST(a_component_that_was_read_may_be_sent_back)
{
    CLEANUP(shelf_close) struct shelf *s = shelf_open();
    static const char READ[] =
        "{\"properties\":{\"description\":\"later\",\"componentSpec\":{\"name\":\"n\",\"type\":"
        "\"pipeline\",\"jobs\":{},\"id\":\"azureml:x\",\"creation_context\":{\"created_by\":\"me\"}"
        ","
        "\"_source\":\"REMOTE.WORKSPACE.COMPONENT\",\"description\":\"later\"}}}";

    CHECK_INT(201, shelf_put(s, VERSION, spec(s, "\"type\":\"pipeline\",\"jobs\":{}")).status);
    CHECK_INT(200, shelf_put(s, VERSION, READ).status);
    struct fake_reply got = shelf_get(s, VERSION);
    CHECK_STR("later", json_str_at(got.json, "properties.componentSpec.description"));
    CHECK(!json_at(got.json, "properties.componentSpec.creation_context"));
    CHECK(!json_at(got.json, "properties.componentSpec._source"));
}

TEST(code_uploaded_twice_is_the_same_code)
{
    CLEANUP(shelf_close) struct shelf *s = shelf_open();
    static const char BODY[] =
        "{\"properties\":{\"componentSpec\":{\"name\":\"n\",\"type\":\"command\",\"command\":"
        "\"ls\",\"environment\":\"azureml:e:1\",\"code\":\"azureml:%s:1\"}}}";

    shelf_stock(s);
    for (const char *const *name = (const char *const[]){"a", "b", "other", NULL}; *name; name++)
        CHECK_INT(201, shelf_put(s, arena_printf(s->arena, "/codes/%s/versions/1", *name).ptr,
                                 arena_printf(s->arena,
                                              "{\"properties\":{\"codeUri\":\"azureml://datastores/"
                                              "workspaceblobstore/paths/src\",\"properties\":{"
                                              "\"hash_sha256\":\"%s\"}}}",
                                              (*name)[0] == 'o' ? "dead" : "beef")
                                     .ptr)
                           .status);
    CHECK_INT(201, shelf_put(s, VERSION, arena_printf(s->arena, BODY, "a").ptr).status);
    CHECK_INT(200, shelf_put(s, VERSION, arena_printf(s->arena, BODY, "b").ptr).status);
    CHECK_STR("azureml:a:1",
              json_str_at(shelf_get(s, VERSION).json, "properties.componentSpec.code"));
    shelf_refused(s, VERSION, arena_printf(s->arena, BODY, "other").ptr,
                  (struct shelf_refusal){409, "properties.componentSpec.code", "code"});
}

TEST(each_type_of_component_names_what_it_misses)
{
    CLEANUP(shelf_close) struct shelf *s = shelf_open();
    static const struct {
        const char *members, *target;
    } CASES[] = {
        {"\"type\":\"dance\"", "properties.componentSpec.type"},
        {"\"version\":\"1\"", "properties.componentSpec.type"},
        {"\"type\":\"command\"", "properties.componentSpec.command"},
        {"\"type\":\"command\",\"command\":\"ls\"", "properties.componentSpec.environment"},
        {"\"type\":\"command\",\"command\":\"ls ${{inputs.x}}\",\"environment\":\"\"",
         "properties.componentSpec.command"},
        {"\"type\":\"command\",\"command\":\"ls ${{inputs.x\",\"environment\":\"\"",
         "properties.componentSpec.command"},
        {"\"type\":\"pipeline\"", "properties.componentSpec.jobs"},
        {"\"type\":\"pipeline\",\"jobs\":{\"a\":7}", "properties.componentSpec.jobs.a"},
        {"\"type\":\"pipeline\",\"jobs\":{\"a\":{}}", "properties.componentSpec.jobs.a"},
        {"\"type\":\"parallel\"", "properties.componentSpec.task"},
        {"\"type\":\"spark\",\"entry\":{}", "properties.componentSpec.code"},
        {"\"type\":\"data_transfer\",\"task\":\"swim\"", "properties.componentSpec.task"},
        {"\"type\":\"import\"", "properties.componentSpec.source"},
        {"\"type\":\"command\",\"command\":\"ls\",\"environment\":5", SPEC ".environment"},
        {"\"type\":\"command\",\"command\":\"ls\",\"environment\":{}", SPEC ".environment"},
        {"\"type\":\"command\",\"command\":\"ls\",\"environment\":{\"image\":\"x\"},\"code\":[]",
         SPEC ".code"},
        {"\"type\":\"pipeline\",\"jobs\":{},\"resources\":2", SPEC ".resources"},
        {"\"type\":\"pipeline\",\"jobs\":{},\"distribution\":[]", SPEC ".distribution"},
        {"\"type\":\"pipeline\",\"jobs\":{},\"distribution\":{\"type\":1}",
         SPEC ".distribution.type"},
        {"\"type\":\"pipeline\",\"jobs\":{},\"limits\":\"PT1H\"", SPEC ".limits"},
        {"\"type\":\"pipeline\",\"jobs\":{},\"inputs\":[]", "properties.componentSpec.inputs"},
        {"\"type\":\"pipeline\",\"jobs\":{},\"inputs\":{\"x\":1}",
         "properties.componentSpec.inputs.x"},
        {"\"type\":\"pipeline\",\"jobs\":{},\"outputs\":{\"x\":{}}",
         "properties.componentSpec.outputs.x.type"},
    };

    for (size_t i = 0; i < COUNT(CASES); i++)
        shelf_refused(s, VERSION, spec(s, CASES[i].members),
                      (struct shelf_refusal){400, CASES[i].target, NULL});
    shelf_refused(s, VERSION, "{\"properties\":{}}",
                  (struct shelf_refusal){400, "properties.componentSpec", NULL});
    shelf_refused(s, VERSION, "{\"properties\":{\"componentSpec\":{\"type\":\"pipeline\"}}}",
                  (struct shelf_refusal){400, "properties.componentSpec.name", NULL});
    CHECK_INT(404, shelf_get(s, "/components/train").status);
}

TEST(a_component_of_any_other_type_is_kept)
{
    CLEANUP(shelf_close) struct shelf *s = shelf_open();
    static const char *const GOOD[] = {
        "\"type\":\"parallel\",\"task\":{\"type\":\"run_function\",\"environment\":{\"image\":"
        "\"x\"}}",
        "\"type\":\"sweep\",\"search_space\":{},\"objective\":{},\"sampling_algorithm\":"
        "\"random\"",
        "\"type\":\"automl\",\"task\":\"regression\"",
        "\"type\":\"data_transfer\",\"task\":\"copy_data\"",
        "\"type\":\"import\",\"source\":{}",
    };

    for (size_t i = 0; i < COUNT(GOOD); i++)
        CHECK_INT(201, shelf_put(s, arena_printf(s->arena, "/components/n/versions/%zu", i).ptr,
                                 spec(s, GOOD[i]))
                           .status);
}

TEST(a_reference_that_leads_nowhere_is_told_by_its_field)
{
    CLEANUP(shelf_close) struct shelf *s = shelf_open();
    shelf_stock(s);
    static const struct {
        const char *members, *target;
        int status;
    } CASES[] = {
        {"\"type\":\"command\",\"command\":\"ls\",\"environment\":\"azureml:no:1\"",
         "properties.componentSpec.environment", 404},
        {"\"type\":\"command\",\"command\":\"ls\",\"environment\":\"azureml:e:1\",\"code\":"
         "\"azureml:" SHELF_SCOPE "/codes/no/versions/1\"",
         "properties.componentSpec.code", 404},
        {"\"type\":\"command\",\"command\":\"ls\",\"environment\":"
         "\"azureml:" SHELF_OTHER "/environments/e/versions/1\"",
         "properties.componentSpec.environment", 404},
        {"\"type\":\"command\",\"command\":\"ls\",\"environment\":"
         "\"azureml:" SHELF_SCOPE "/models/m/versions/1\"",
         "properties.componentSpec.environment", 400},
        {"\"type\":\"pipeline\",\"jobs\":{\"a\":{\"componentId\":"
         "\"" SHELF_SCOPE "/components/no/versions/1\"}}",
         "properties.componentSpec.jobs.a", 404},
        {"\"type\":\"parallel\",\"task\":{\"environment\":\"azureml:no:1\"}",
         "properties.componentSpec.task.environment", 404},
    };

    for (size_t i = 0; i < COUNT(CASES); i++)
        shelf_refused(s, VERSION, spec(s, CASES[i].members),
                      (struct shelf_refusal){CASES[i].status, CASES[i].target, NULL});
}

TEST(anonymous_components_are_kept_and_not_listed)
{
    CLEANUP(shelf_close) struct shelf *s = shelf_open();
    static const char BODY[] =
        "{\"properties\":{\"isAnonymous\":true,\"componentSpec\":{\"name\":\"azureml_anonymous\","
        "\"type\":\"pipeline\",\"jobs\":{}}}}";
    static const char GUID[] =
        "/components/azureml_anonymous/versions/38a57c29-6195-2f95-b1ce-7d3457148f0c";

    CHECK_INT(201, shelf_put(s, GUID, BODY).status);
    CHECK_INT(200, shelf_put(s, GUID, BODY).status);
    CHECK_INT(201, shelf_put(s, VERSION, BODY).status);
    struct fake_reply list = shelf_get(s, "/components?listViewType=ActiveOnly");
    CHECK_INT(1, json_count(json_at(list.json, "value")));
    CHECK_STR("train", json_str_at(list.json, "value[0].name"));
    CHECK_INT(200, shelf_get(s, GUID).status);
}

TEST(components_are_archived_listed_and_deleted)
{
    CLEANUP(shelf_close) struct shelf *s = shelf_open();
    static const char BODY[] = "{\"properties\":{\"isArchived\":%s,\"componentSpec\":{\"name\":"
                               "\"n\",\"type\":\"pipeline\",\"jobs\":{}}}}";
    const char *live = arena_printf(s->arena, BODY, "false").ptr;
    const char *gone = arena_printf(s->arena, BODY, "true").ptr;

    CHECK_INT(201, shelf_put(s, "/components/n/versions/1", live).status);
    CHECK_INT(201, shelf_put(s, "/components/n/versions/b", live).status);
    CHECK_INT(200, shelf_put(s, "/components/n/versions/b", gone).status);
    CHECK_STR("1", json_str_at(shelf_get(s, "/components/n").json, "properties.latestVersion"));
    struct fake_reply list =
        shelf_get(s, "/components/n/versions?$orderBy=createdtime%20desc&$top=1");
    CHECK_STR("1", json_str_at(list.json, "value[0].name"));
    CHECK_INT(
        1, json_count(json_at(shelf_get(s, "/components/n/versions?listViewType=ArchivedOnly").json,
                              "value")));
    CHECK_INT(200, shelf_delete(s, "/components/n/versions/1").status);
    CHECK_INT(204, shelf_delete(s, "/components/n/versions/1").status);
    CHECK_INT(200, shelf_delete(s, "/components/n").status);
    CHECK_INT(404, shelf_get(s, "/components/n/versions/b").status);
    CHECK_INT(404, shelf_get(s, "/components/n/versions").status);
}

TEST(a_component_is_published_by_nobody_yet)
{
    CLEANUP(shelf_close) struct shelf *s = shelf_open();

    CHECK_INT(404, shelf_post(s, VERSION "/publish", "{}").status);
    CHECK_INT(201, shelf_put(s, VERSION, spec(s, "\"type\":\"pipeline\",\"jobs\":{}")).status);
    CHECK_INT(501, shelf_post(s, VERSION "/publish", "{}").status);
    CHECK_INT(404, shelf_get(s, "@" SHELF_OTHER VERSION).status);
}
