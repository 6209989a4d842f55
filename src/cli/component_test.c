/* Components: what stays in the spec, what becomes an id, and how steps find their components. */
#include "base/json.h"
#include "cli/fake_test.h"

#include <string.h>

#define FAKE                                                        \
    CLEANUP(arena_free) struct arena *arena = arena_new(256 * MIB); \
    CLEANUP(fake_stop) struct fake *fake = fake_start(arena)
#define HAS(part, text) CHECK(str_find(text, STR(part)) >= 0)
#define HAS_NOT(part, text) CHECK(str_find(text, STR(part)) < 0)
#define WS                                                                        \
    "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/default/" \
    "providers/Microsoft.MachineLearningServices/workspaces/default"

static struct fake_run create(struct fake *fake, struct arena *arena, const char *group,
                              const char *text)
{
    const char *path = fake_file(fake, "one.yml", text);

    return fake_run(fake, arena_printf(arena, "%s create -f %s", group, path).ptr);
}

TEST(a_spec_is_the_file_with_ids_in_it)
{
    FAKE;
    fake_reply(fake, "GET", "/environments/e/versions/1", 200, "{}");
    fake_reply(fake, "PUT", "/components/c/versions/7", 201,
               "{\"id\":\"/x/components/c/versions/7\",\"name\":\"7\",\"properties\":{"
               "\"componentSpec\":{\"$schema\":\"s\",\"_source\":\"Y\",\"command\":\"x\",\"type\":"
               "\"command\"}}}");
    struct fake_run run = create(fake, arena, "component",
                                 "name: c\nversion: 7\ntype: command\ncommand: x ${{inputs.n}}\n"
                                 "environment: azureml:e:1\ntags: {k: v}\n"
                                 "inputs:\n  n: {type: integer, default: 3, min: 1}\n");

    CHECK_INT(0, run.code);
    HAS("\"environment\":\"azureml:" WS "/environments/e/versions/1\"", fake_asked(fake));
    HAS("\"n\":{\"type\":\"integer\",\"default\":\"3\",\"min\":\"1\"}", fake_asked(fake));
    HAS("\"version\":\"7\"", fake_asked(fake));
    HAS("\"isAnonymous\":false", fake_asked(fake));
    /* What the server adds of the wire is not shown. */
    HAS("\"command\": \"x\"", run.out);
    HAS_NOT("_source", run.out);
    HAS_NOT("$schema", run.out);
}

TEST(numbers_of_inputs_are_sent_as_the_sdk_prints_them)
{
    FAKE;
    fake_reply(fake, "GET", "/environments/e/versions/1", 200, "{}");
    fake_reply(fake, "PUT", "/components/c/versions/7", 201, "{\"name\":\"7\"}");
    struct fake_run run = create(fake, arena, "component",
                                 "name: c\nversion: 7\ntype: command\ncommand: x\n"
                                 "environment: azureml:e:1\ninputs:\n"
                                 "  a: {type: number, default: 1024, min: 0, max: 2.50}\n"
                                 "  b: {type: number, default: 1e-3}\n"
                                 "  c: {type: string, default: 1e-3}\n"
                                 "  d: {type: boolean, default: true}\n");

    CHECK_INT(0, run.code);
    HAS("\"a\":{\"type\":\"number\",\"default\":\"1024.0\",\"min\":\"0.0\",\"max\":\"2.5\"}",
        fake_asked(fake));
    HAS("\"b\":{\"type\":\"number\",\"default\":\"0.001\"}", fake_asked(fake));
    HAS("\"c\":{\"type\":\"string\",\"default\":\"1e-3\"}", fake_asked(fake));
    HAS("\"d\":{\"type\":\"boolean\",\"default\":\"True\"}", fake_asked(fake));
}

TEST(the_next_version_is_taken_when_none_is_given)
{
    FAKE;
    fake_reply(fake, "GET", "/environments/e/versions/1", 200, "{}");
    fake_reply(fake, "GET", "/components/c?", 200, "{\"properties\":{\"nextVersion\":\"4\"}}");
    fake_reply(fake, "PUT", "/components/c/versions/4", 201, "{}");
    CHECK_INT(0, create(fake, arena, "component",
                        "name: c\ntype: command\ncommand: x\nenvironment: azureml:e:1\n")
                     .code);
}

TEST(validate_sends_nothing)
{
    FAKE;
    const char *good = fake_file(fake, "g.yml",
                                 "name: c\ntype: command\ncommand: x\n"
                                 "environment: azureml:e:1\n");
    struct fake_run run = fake_run(fake, arena_printf(arena, "component validate -f %s", good).ptr);

    CHECK_INT(0, run.code);
    HAS("Succeeded", run.out);
    CHECK_STR("", fake_asked(fake));
}

TEST(a_component_of_no_type_that_there_is_names_the_nearest)
{
    FAKE;
    struct fake_run run = create(fake, arena, "component", "name: c\ntype: comand\ncommand: x\n");
    CHECK_INT(1, run.code);
    HAS(":2:7  error  E1002  there is no component type 'comand'", run.err);
    HAS("fix: command", run.err);
}

#define PIPELINE                                                                                \
    "type: pipeline\nexperiment_name: x\ncompute: azureml:cpu\ninputs: {raw: {type: uri_file, " \
    "path: azureml://datastores/s/paths/f}, note: hi}\noutputs: {done: {type: uri_folder}}\n"   \
    "jobs:\n"                                                                                   \
    "  prep:\n    command: cp ${{inputs.i}} ${{outputs.o}}\n    environment: azureml:e:1\n"     \
    "    inputs: {i: \"${{parent.inputs.raw}}\", n: 2, s: \"${{parent.inputs.note}}\"}\n"       \
    "    outputs: {o: {type: uri_folder}}\n"                                                    \
    "  train:\n    type: command\n    component: azureml:t:2\n    compute: azureml:gpu\n"       \
    "    inputs: {d: \"${{parent.jobs.prep.outputs.o}}\"}\n"                                    \
    "    outputs: {m: \"${{parent.outputs.done}}\"}\n"

TEST(steps_of_a_pipeline_are_components_and_ends)
{
    FAKE;
    fake_file(fake, "pipe.yml", PIPELINE);
    fake_reply(fake, "GET", "/environments/e/versions/1", 200, "{}");
    fake_reply(fake, "PUT", "/components/azureml_anonymous/versions/", 201, "{}");
    fake_reply(fake, "GET", "/components/t/versions/2", 200, "{}");
    fake_reply(fake, "PUT", "/schedules/s", 201, "{}");
    CHECK_INT(0, create(fake, arena, "schedule",
                        "name: s\ntrigger: {type: cron, expression: \"* * * * *\"}\n"
                        "create_job: ./pipe.yml\n")
                     .code);
    struct str asked = fake_asked(fake);

    /* The inline step: its component has inputs by type, by value or by what they are bound to. */
    HAS("\"inputs\":{\"i\":{\"type\":\"uri_file\"},\"n\":{\"type\":\"integer\"},\"s\":{\"type\":"
        "\"string\"}},\"outputs\":{\"o\":{\"type\":\"uri_folder\"}}",
        asked);
    HAS("\"i\":{\"job_input_type\":\"literal\",\"value\":\"${{parent.inputs.raw}}\"}", asked);
    HAS("\"n\":{\"job_input_type\":\"literal\",\"value\":\"2\"}", asked);
    HAS("\"componentId\":\"" WS "/components/t/versions/2\"", asked);
    HAS("\"computeId\":\"" WS "/computes/gpu\"", asked);
    HAS("\"m\":{\"value\":\"${{parent.outputs.done}}\",\"type\":\"literal\"}", asked);
    HAS("\"default_compute\":\"" WS "/computes/cpu\"", asked);
    HAS("\"raw\":{\"jobInputType\":\"uri_file\",\"uri\":\"azureml://datastores/s/paths/f\"}",
        asked);
}

/* The version of an anonymous component, as the second PUT named it. */
static struct str guid_of(struct str asked)
{
    ssize_t at = str_find(asked, STR("azureml_anonymous/versions/"));

    CHECK(at > 0);
    return str_slice(asked, (size_t)at + 27, (size_t)at + 27 + 36);
}

TEST(the_same_step_is_the_same_component)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(256 * MIB);
    struct str guids[2];

    for (int i = 0; i < 2; i++) {
        CLEANUP(fake_stop) struct fake *fake = fake_start(arena);
        fake_file(fake, "pipe.yml", PIPELINE);
        fake_reply(fake, "GET", "/environments/e/versions/1", 200, "{}");
        fake_reply(fake, "PUT", "/components/azureml_anonymous/versions/", 201, "{}");
        fake_reply(fake, "GET", "/components/t/versions/2", 200, "{}");
        fake_reply(fake, "PUT", "/schedules/s", 201, "{}");
        create(fake, arena, "schedule",
               "name: s\ntrigger: {type: cron, expression: \"* * * * *\"}\ncreate_job: pipe.yml\n");
        guids[i] = guid_of(fake_asked(fake));
    }
    CHECK(str_eq(guids[0], guids[1]));
    CHECK(guids[0].ptr[8] == '-' && guids[0].ptr[23] == '-');
}

TEST(a_step_names_the_file_of_its_component_and_problems_are_of_that_file)
{
    FAKE;
    fake_file(fake, "bad.yml", "type: command\ncomand: x\nenvironment: azureml:e:1\n");
    fake_file(fake, "pipe.yml", "type: pipeline\njobs:\n  a:\n    component: ./bad.yml\n");
    struct fake_run run = create(fake, arena, "schedule",
                                 "name: s\ntrigger: {type: cron, expression: \"* * * * *\"}\n"
                                 "create_job: pipe.yml\n");

    CHECK_INT(1, run.code);
    HAS("bad.yml:2:1  error  E1101  unknown key 'comand'", run.err);
    HAS_NOT("PUT", fake_asked(fake));
}

TEST(steps_that_cannot_run_are_named_not_sent)
{
    FAKE;
    fake_file(fake, "pipe.yml", "type: pipeline\njobs:\n  a:\n    type: sweep\n    trial: x.yml\n");
    struct fake_run run = create(fake, arena, "schedule",
                                 "name: s\ntrigger: {type: cron, expression: \"* * * * *\"}\n"
                                 "create_job: pipe.yml\n");

    CHECK_INT(1, run.code);
    HAS("steps of type 'sweep' are not built yet", run.err);
    HAS_NOT("PUT", fake_asked(fake));
}

TEST(a_pipeline_behind_a_batch_endpoint_is_a_component)
{
    FAKE;
    fake_reply(fake, "GET", "/components/p/versions/1", 200, "{}");
    fake_reply(fake, "PUT", "/batchEndpoints/e/deployments/d", 201, "{}");
    CHECK_INT(0, create(fake, arena, "batch-deployment",
                        "name: d\nendpoint_name: e\ntype: pipeline\ncomponent: azureml:p:1\n"
                        "settings: {default_compute: cpu, continue_on_step_failure: false}\n")
                     .code);
    HAS("\"deploymentConfiguration\":{\"deploymentConfigurationType\":\"PipelineComponent\","
        "\"componentId\":{\"referenceType\":\"Id\",\"assetId\":\"" WS "/components/p/versions/1\"}",
        fake_asked(fake));
    HAS("\"continue_on_step_failure\":\"False\"", fake_asked(fake));
}

TEST(the_spec_comes_down_as_a_file)
{
    FAKE;
    fake_reply(fake, "GET", "/components/c/versions/1", 200,
               "{\"properties\":{\"componentSpec\":{\"name\":\"c\",\"command\":\"x\"}}}");
    CHECK_INT(
        0,
        fake_run(fake,
                 arena_printf(arena, "component download -n c -v 1 -p %s", fake_folder(fake)).ptr)
            .code);
    CHECK_STR("name: c\ncommand: x\n", fake_read(fake, "c.yml"));
}

TEST(an_asset_is_shared_by_the_address_of_its_workspace)
{
    FAKE;
    fake_reply(fake, "GET", "/models/m/versions/1", 200, "{}");
    fake_reply(fake, "GET", "/workspaces/default?", 200,
               "{\"location\":\"local\",\"properties\":{\"workspaceId\":\"W\"}}");
    fake_reply(fake, "GET", "/registries/r/discovery", 200,
               "{\"resourceGroup\":\"g\",\"subscriptionId\":\"s\"}");
    fake_reply(fake, "POST", "/registries/r/import", 200, "{}");
    fake_reply(fake, "GET", "/registries/r/models/n/versions/2", 200, "{\"name\":\"2\"}");
    CHECK_INT(0, fake_run(fake, "model share -n m -v 1 --registry-name r --share-with-name n "
                                "--share-with-version 2 -o none")
                     .code);
    HAS("{\"properties\":{\"referenceType\":\"Id\",\"destinationName\":\"n\","
        "\"destinationVersion\":"
        "\"2\",\"sourceAssetId\":\"azureml://locations/local/workspaces/W/models/m/versions/1\"}}",
        fake_asked(fake));
}
