#include "base/test.h"
#include "route/reference.h"

#include <string.h>

/* Parses one text; the result's strs are compared as
 * "kind|workspace|registry|type|name|version|label| output|path" so that a case is one line. */
static struct str parsed(struct arena *arena, const char *text)
{
    static const char *const KINDS[] = {"asset",    "datastore", "job",  "run",
                                        "model-id", "url",       "local"};
    struct reference r;
    struct error err = {0};

    if (reference_parse(arena, str_from(text), &r, &err) < 0) {
        CHECK_INT(ERROR_INVALID, err.code);
        return STR("invalid");
    }
    return arena_printf(arena, "%s|%.*s|%.*s|%.*s|%.*s|%.*s|%.*s|%.*s|%.*s", KINDS[r.kind],
                        STR_ARG(r.workspace), STR_ARG(r.registry), STR_ARG(r.type), STR_ARG(r.name),
                        STR_ARG(r.version), STR_ARG(r.label), STR_ARG(r.output), STR_ARG(r.path));
}

static void check(const char *expected, const char *text)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    CHECK_STR(expected, parsed(arena, text));
}

TEST(short_forms)
{
    check("asset||||iris|3|||", "azureml:iris:3");
    check("asset||||iris||latest||", "azureml:iris@latest");
    check("asset||||cpu-cluster||||", "azureml:cpu-cluster");
    check("invalid", "azureml:");
    check("invalid", "azureml::3");
    check("invalid", "azureml:iris:");
    check("invalid", "azureml:iris@");
    check("invalid", "azureml:a:1:2");
    check("invalid", "azureml:a/b:1");
}

TEST(arm_ids_in_any_case)
{
    check("asset|w||data|iris|1|||", "/subscriptions/s/resourceGroups/g/providers/"
                                     "Microsoft.MachineLearningServices/workspaces/w/"
                                     "data/iris/versions/1");
    check("asset|W||environments|e||latest||",
          "azureml:/SUBSCRIPTIONS/s/resourcegroups/g/providers/microsoft.machinelearningservices/"
          "Workspaces/W/environments/e/labels/latest");
    check("asset|w||computes|local||||", "/subscriptions/s/resourceGroups/g/providers/"
                                         "Microsoft.MachineLearningServices/workspaces/w/"
                                         "computes/local");
    check("asset||r|models|m|2|||", "/subscriptions/s/resourceGroups/g/providers/"
                                    "Microsoft.MachineLearningServices/registries/r/"
                                    "models/m/versions/2");
    check("asset|w||workspaces|w||||", "/subscriptions/s/resourceGroups/g/providers/"
                                       "Microsoft.MachineLearningServices/workspaces/w");
}

TEST(arm_ids_keep_subscription_and_group)
{
    struct reference r;
    struct error err = {0};
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);

    CHECK_OK(reference_parse(
                 arena, STR("azureml://subscriptions/S1/resourcegroups/G1/workspaces/w/data/d"), &r,
                 &err),
             &err);
    CHECK_STR("S1", r.subscription);
    CHECK_STR("G1", r.group);
}

TEST(arm_ids_that_are_cut_or_odd_are_refused)
{
    check("invalid", "/subscriptions/s");
    check("invalid",
          "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/workspaces/w/data/d");
    check("invalid", "/subscriptions//resourceGroups/g/workspaces/w/data/d");
    check("invalid", "azureml:/subscriptions/s/resourceGroups/g/workspaces/w/data");
    check("invalid", "azureml:/subscriptions/s/resourceGroups/g/workspaces/w/data/d/versions");
    check("invalid", "azureml:/subscriptions/s/resourceGroups/g/workspaces/w/data/d/versions/1/x");
    check("invalid", "azureml:/subscriptions/s/resourceGroups/g/workspaces/w/data/d/other/1");
}

TEST(datastore_paths)
{
    check("datastore|||datastores|blob||||a/b.csv", "azureml://datastores/blob/paths/a/b.csv");
    check("datastore|||datastores|blob||||", "azureml://datastores/blob/paths/");
    check("datastore|||datastores|blob||||", "azureml://datastores/blob");
    check("datastore|||datastores|blob||||a/", "azureml://datastores/blob/paths/a/");
    check("datastore|||datastores|workspaceartifactstore||||ExperimentRun/dcid.x",
          "azureml://datastores/workspaceartifactstore/ExperimentRun/dcid.x");
    check("datastore|w||datastores|blob||||100%.csv",
          "azureml://subscriptions/s/resourcegroups/g/workspaces/w/datastores/blob/paths/100%.csv");
}

TEST(paths_that_climb_are_refused)
{
    check("invalid", "azureml://datastores/blob/paths/../x");
    check("invalid", "azureml://datastores/blob/paths/a/./x");
    check("invalid", "azureml://datastores/blob/paths/a//x");
    check("invalid", "azureml://datastores/blob/paths//x");
    check("invalid", "azureml://datastores/blob/paths/a\\b");
    check("invalid", "azureml://jobs/j/outputs/o/paths/a/..");
    check("invalid", "runs:/r/../x");
}

TEST(jobs_and_their_outputs)
{
    check("job|||jobs|calm_owl||||", "azureml://jobs/calm_owl");
    check("job|||jobs|calm_owl|||parts|", "azureml://jobs/calm_owl/outputs/parts");
    check("job|||jobs|calm_owl|||artifacts|outputs/model",
          "azureml://jobs/calm_owl/outputs/artifacts/paths/outputs/model");
    check("invalid", "azureml://jobs/");
    check("invalid", "azureml://jobs/j/inputs/x");
    check("invalid", "azureml://jobs/j/outputs/o/x/y");
}

TEST(registries_locations_and_feeds)
{
    check("asset||azureml|environments|sklearn-1.5||latest||",
          "azureml://registries/azureml/environments/sklearn-1.5/labels/latest");
    check("asset||azureml|models|m|1|||", "azureml://feeds/azureml/models/m/versions/1");
    check("asset|0a1b||data|d|2|||", "azureml://locations/local/workspaces/0a1b/data/d/versions/2");
    check("invalid", "azureml://locations/local/data/d/versions/2");
    check("invalid", "azureml://nowhere/x");
    check("invalid", "azureml://");
}

TEST(runs_and_models_of_mlflow)
{
    check("run||||calm_owl||||model", "runs:/calm_owl/model");
    check("run||||calm_owl||||", "runs:/calm_owl");
    check("asset|||models|iris|3|||", "models:/iris/3");
    check("asset|||models|iris||latest||", "models:/iris/latest");
    check("asset|||models|iris||champion||", "models:/iris@champion");
    check("asset|||models|a b@c||x||", "models:/a b@c@x");
    check("model-id|||models|m-0123||||", "models:/m-0123");
    check("invalid", "models:/iris");
    check("invalid", "models:/iris/");
    check("invalid", "models:/iris/1/2");
    check("invalid", "runs:/");
}

TEST(queries_and_fragments_are_refused)
{
    check("invalid", "runs:/r/model?x=1");
    check("invalid", "models:/iris/1#x");
    check("invalid", "azureml://datastores/blob/paths/a?x");
    check("invalid", "azureml://datastores/blob/paths/a#x");
}

TEST(addresses_and_local_paths_are_told_apart)
{
    check("url||||||||https://example.org/a?b", "https://example.org/a?b");
    check("url||||||||git+https://example.org/r", "git+https://example.org/r");
    check("url||||||||WASBS://c@a/x", "WASBS://c@a/x");
    check("local||||||||./data/x.csv", "./data/x.csv");
    check("local||||||||../x", "../x");
    check("local||||||||/abs/x", "file:///abs/x");
    check("local||||||||x", "file:x");
    check("local||||||||a:b", "a:b");
    check("invalid", "odd://x");
    check("invalid", "file:");
}

TEST(empty_long_and_control_texts_are_refused)
{
    static char room[5000];

    memset(room, 'a', sizeof(room) - 1);
    check("invalid", "");
    check("invalid", room);
    check("invalid", "azureml:a\nb:1");
}

TEST(a_refused_text_leaves_the_result_untouched)
{
    struct reference r = {.kind = REFERENCE_LOCAL, .name = STR_INIT("before")};
    struct error err = {0};
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);

    CHECK_ERROR(ERROR_INVALID, reference_parse(arena, STR("azureml://jobs/j/x"), &r, &err), &err);
    CHECK_STR("before", r.name);
    CHECK(strstr(err.message, "jobs/JOB/outputs") != NULL);
}

TEST(datastore_uris_are_read_back)
{
    struct reference r;
    struct error err = {0};
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct str uri = reference_datastore(arena, STR("blob"), STR("a/b"));

    CHECK_STR("azureml://datastores/blob/paths/a/b", uri);
    CHECK_OK(reference_parse(arena, uri, &r, &err), &err);
    CHECK_STR("a/b", r.path);
}
