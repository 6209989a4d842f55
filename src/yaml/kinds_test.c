/* The tables of every kind of file: a good one has no problem, a bad one is told where. */
#include "base/test.h"
#include "yaml/schema.h"

#include <stdio.h>
#include <string.h>

#define ARENA CLEANUP(arena_free) struct arena *arena = arena_new(64 * MIB)

/* All problems of a text as one, warnings too. */
static struct str problems_of(struct arena *arena, const char *kind, const char *text)
{
    struct yaml_problems problems = {.arena = arena};
    struct error err = {0};
    struct yaml yaml;

    CHECK(yaml_kind_find(str_from(kind)) != NULL);
    CHECK_OK(yaml_parse(arena, str_from(text), &yaml, &err), &err);
    yaml_check(&yaml, yaml_kind_find(str_from(kind)), &problems);
    yaml_problems_sort(&problems);
    return yaml_problems_text(&problems, STR("f"));
}

struct file_case {
    const char *kind, *text, *problem; /* "" for none, else a part of what is told */
};

static void each(const struct file_case *cases, size_t count)
{
    ARENA;

    for (size_t i = 0; i < count; i++) {
        struct str told = problems_of(arena, cases[i].kind, cases[i].text);
        bool good =
            cases[i].problem[0] ? str_find(told, str_from(cases[i].problem)) >= 0 : !told.len;
        if (!good)
            fprintf(stderr, "%s: %s\n%.*s", cases[i].kind, cases[i].text, STR_ARG(told));
        CHECK(good);
    }
}

#define BLOB "name: d\ntype: azure_blob\naccount_name: a\ncontainer_name: c\n"
#define DEPLOYMENT "name: d\nendpoint_name: e\ntype: model\ncompute: azureml:c\n"
#define CRON "name: s\ntrigger: {type: cron, expression: 0 1 * * *}\n"
#define COMPONENT "name: c\ntype: command\ncommand: x\nenvironment: azureml:e:1\n"

TEST(files_of_the_published_form_have_no_problem)
{
    static const struct file_case CASES[] = {
        {"azureBlob", BLOB "credentials: {account_key: k}\n", ""},
        {"azureBlob", BLOB "credentials: {sas_token: s}\nprotocol: https\n", ""},
        {"azureFile", "name: f\ntype: azure_file\naccount_name: a\nfile_share_name: s\n", ""},
        {"azureDataLakeGen1", "name: l\ntype: azure_data_lake_gen1\nstore_name: s\n", ""},
        {"azureDataLakeGen2",
         "name: l\ntype: azure_data_lake_gen2\naccount_name: a\nfilesystem: f\n"
         "credentials: {tenant_id: t, client_id: c, client_secret: s}\n",
         ""},
        {"connection", "name: c\ntype: git\ntarget: t\ncredentials: {type: pat, pat: x}\n", ""},
        {"connection",
         "name: c\ntype: python_feed\ntarget: t\ncredentials: {type: "
         "username_password, username: u, password: p}\n",
         ""},
        {"workspace",
         "name: w\nlocation: l\nhbi_workspace: false\npublic_network_access: Enabled\n", ""},
        {"hub", "name: h\nkind: hub\n", ""},
        {"project", "name: p\nkind: project\nhub_id: h\n", ""},
        {"registry", "name: r\nlocation: l\nreplication_locations: [{location: l}]\n", ""},
        {"commandComponent",
         COMPONENT "version: 2\ninputs: {n: {type: integer, default: 1, min: 0}}\n", ""},
        {"commandComponent",
         "name: compare_2_models\ntype: command\ncommand: x\nenvironment: azureml:e:1\n", ""},
        {"pipelineComponent",
         "name: p\ntype: pipeline\njobs:\n  a: {type: command, component: azureml:c:1, outputs: "
         "{o: }}\n",
         ""},
        {"pipelineComponent",
         "name: p\ntype: pipeline\njobs:\n  a: {type: command, component: "
         "azureml:c:1}\n",
         ""},
        {"jobSchedule", CRON "create_job: ./job.yml\n", ""},
        {"jobSchedule", CRON "create_job: {type: pipeline, job: ./p.yml, inputs: {n: 1}}\n", ""},
        {"jobSchedule",
         "name: s\ntrigger: {type: recurrence, frequency: week, interval: 1, schedule: "
         "{week_days: [monday], hours: [6, 18], minutes: 30}}\ncreate_job: j.yml\n",
         ""},
        {"batchEndpoint", "name: e\nauth_mode: aad_token\n", ""},
        {"modelBatchDeployment",
         DEPLOYMENT "settings: {mini_batch_size: 2, output_action: append_row}\n", ""},
        {"pipelineComponentBatchDeployment",
         "name: d\nendpoint_name: e\ntype: pipeline\ncomponent: "
         "azureml:c:1\n",
         ""},
        {"kubernetesCompute", "name: k\ntype: kubernetes\nresource_id: /x\n", ""},
        {"virtualMachineCompute",
         "name: v\ntype: virtualmachine\nresource_id: /x\nssh_settings: "
         "{admin_username: u, ssh_port: 22}\n",
         ""},
        {"featureStoreEntity",
         "name: e\nversion: \"1\"\nindex_columns: [{name: id, type: string}]\n", ""},
        {"index", "name: i\npath: ./index\n", ""},
        {"serverlessEndpoint", "name: s\nmodel_id: azureml://r\n", ""},
        {"marketplaceSubscription", "name: m\nmodel_id: azureml://r\n", ""},
        {"capabilityHost", "name: h\nstorage_connections: [a]\n", ""},
    };

    each(CASES, COUNT(CASES));
}

TEST(what_is_missing_is_named)
{
    static const struct file_case CASES[] = {
        {"azureBlob", "name: d\ntype: azure_blob\naccount_name: a\n",
         "E1102  'container_name' is missing"},
        {"connection", "name: c\ntarget: t\n", "E1102  'type' is missing"},
        {"project", "name: p\nkind: project\n", "E1102  'hub_id' is missing"},
        {"jobSchedule", "trigger: {type: cron, expression: x}\ncreate_job: j.yml\n",
         "E1102  'name' is missing"},
        {"jobSchedule", "name: s\ntrigger: {type: cron}\ncreate_job: j.yml\n",
         "f:2:10  error  E1102  'expression' is missing"},
        {"modelBatchDeployment", "name: d\nendpoint_name: e\ntype: model\n",
         "'compute' is missing"},
        {"virtualMachineCompute", "name: v\ntype: virtualmachine\n", "'resource_id' is missing"},
        {"capabilityHost", "description: x\n", "'name' is missing"},
    };

    each(CASES, COUNT(CASES));
}

TEST(typing_errors_are_told_with_place_and_nearest_word)
{
    static const struct file_case CASES[] = {
        {"commandComponent",
         "name: 2_models\ntype: command\ncommand: x\nenvironment: azureml:e:1\n",
         "f:1:7  error  E1202  'name' is '2_models'"},
        {"commandComponent", COMPONENT "inputs: {n: }\noutputs: {o: 5}\n", "outputs.o"},
        {"pipelineComponent",
         "name: p\ntype: pipeline\njobs:\n  a: {type: command, component: azureml:c:1, inputs: "
         "{i: }}\n",
         "'jobs.a.inputs.i' is nothing"},
        {"azureBlob", BLOB "credential: {account_key: k}\n",
         "f:5:1  error  E1101  unknown key 'credential'"},
        {"azureBlob", BLOB "credential: {account_key: k}\n", "fix: credentials"},
        {"azureBlob", BLOB "credentials: {acount_key: k}\n",
         "f:5:15  error  E1101  unknown key 'acount_key'"},
        {"connection", "name: c\ntype: gti\ntarget: t\n", "f:2:7  error  E1104"},
        {"connection", "name: c\ntype: gti\ntarget: t\n", "fix: git"},
        {"connection", "name: c\ntype: git\ntarget: t\ncredentials: {type: pta, pat: x}\n",
         "fix: pat"},
        {"workspace", "name: w\nlocatoin: l\n", "fix: location"},
        {"workspace", "name: w\npublic_network_access: enable\n", "f:2:24  error  E1104"},
        {"commandComponent", COMPONENT "inputs:\n  n: {type: intger}\n", "f:6:13  error  E1104"},
        {"commandComponent", COMPONENT "is_determinstic: true\n", "fix: is_deterministic"},
        {"jobSchedule",
         "name: s\ntrigger: {type: recurrence, frequency: dayly, interval: 1}\n"
         "create_job: j.yml\n",
         "fix: day"},
        {"jobSchedule", "name: s\ntrigger: {type: corn, expression: x}\ncreate_job: j.yml\n",
         "fix: cron"},
        {"jobSchedule", CRON "creat_job: j.yml\n", "fix: create_job"},
        {"modelBatchDeployment", DEPLOYMENT "settings: {mini_batch_siz: 2}\n",
         "fix: mini_batch_size"},
        {"modelBatchDeployment", DEPLOYMENT "settings: {mini_batch_size: many}\n",
         "E1103  'settings.mini_batch_size' is 'many'; expected a whole number"},
        {"pipelineComponent", "name: p\ntype: pipeline\njobs:\n  a: {type: command, componen: x}\n",
         "f:4:"},
        {"pipelineComponent", "name: p\ntype: pipeline\njobs:\n  a: {type: comand, component: x}\n",
         "fix: command"},
        {"amlCompute", "name: c\ntype: amlcompute\nmin_instances: few\n", "f:3:16  error  E1103"},
        {"computeInstance",
         "name: i\ntype: computeinstance\nschedules:\n  compute_start_stop:\n  - "
         "{action: pause, trigger: {type: cron, expression: x}}\n",
         "f:5:14"},
        {"serverlessEndpoint", "name: s\nmodelid: x\n", "fix: model_id"},
    };

    each(CASES, COUNT(CASES));
}

/* A union within unions tells of the one alternative that was meant, not of all of them. */
TEST(one_wrong_key_is_one_problem)
{
    ARENA;
    static const char *const TEXTS[] = {
        "name: p\ntype: pipeline\njobs:\n  a:\n    type: command\n    component: azureml:c:1\n"
        "    inputs: [1]\n",
        "name: p\ntype: pipeline\njobs:\n  a:\n    type: command\n    command: x\n"
        "    environment: azureml:e:1\n    limits: {timeot: 3}\n",
    };

    for (size_t i = 0; i < COUNT(TEXTS); i++) {
        struct str told = problems_of(arena, "pipelineComponent", TEXTS[i]), line;
        size_t errors = 0;
        while (str_split(&told, '\n', &line))
            errors += str_find(line, STR("  error  ")) >= 0;
        if (errors != 1)
            fprintf(stderr, "%s", TEXTS[i]);
        CHECK_INT(1, (int)errors);
    }
}

/* Unions stand within unions: a file of many steps must not cost more than its length. */
TEST(many_steps_are_checked_in_no_time)
{
    ARENA;
    struct str text = STR("name: p\ntype: pipeline\njobs:\n");

    for (int i = 0; i < 100; i++)
        text = arena_printf(arena,
                            "%.*s  s%d:\n    command: x\n    environment: {image: y}\n"
                            "    inputs: {a: {type: uri_file, path: z}, b: 1}\n",
                            STR_ARG(text), i);
    CHECK_STR("", problems_of(arena, "pipelineComponent", text.ptr));
}

TEST(keys_of_the_server_are_warned_of_in_new_kinds_too)
{
    static const struct file_case CASES[] = {
        {"jobSchedule", CRON "create_job: j.yml\nis_enabled: true\n",
         "f:4:1  warn   W2102  'is_enabled'"},
        {"registry", "name: r\nlocation: l\ndiscovery_url: x\n", "W2102  'discovery_url'"},
        {"serverlessEndpoint", "name: s\nmodel_id: m\nscoring_uri: x\n", "W2102"},
    };

    each(CASES, COUNT(CASES));
}
