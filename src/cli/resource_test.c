/* What kinds ask of a server and how they show its answers: one test a kind for what only it does,
 * and the rules that all share. */
#include "base/json.h"
#include "cli/fake_test.h"

#include <string.h>

#define FAKE                                                        \
    CLEANUP(arena_free) struct arena *arena = arena_new(256 * MIB); \
    CLEANUP(fake_stop) struct fake *fake = fake_start(arena)
#define HAS(part, text) CHECK(str_find(text, STR(part)) >= 0)
#define HAS_NOT(part, text) CHECK(str_find(text, STR(part)) < 0)
#define PROVIDER "providers/Microsoft.MachineLearningServices"
#define GROUP "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/default/" PROVIDER
#define WS GROUP "/workspaces/default"

/* "create -f FILE" of a group, with the file's text. */
static struct fake_run create(struct fake *fake, struct arena *arena, const char *group,
                              const char *text)
{
    const char *path = fake_file(fake, "one.yml", text);

    return fake_run(fake, arena_printf(arena, "%s create -f %s", group, path).ptr);
}

/* --- what all kinds share -----------------------------------------------------------------------
 */

TEST(an_update_writes_the_whole_body_with_what_changed)
{
    FAKE;
    fake_reply(fake, "GET", "/connections/c", 200,
               "{\"name\":\"c\",\"properties\":{\"category\":\"Git\",\"target\":\"a\",\"authType\":"
               "\"None\",\"kept\":7}}");
    fake_reply(fake, "POST", "/listsecrets", 200, "{\"properties\":{}}");
    fake_reply(fake, "PUT", "/connections/c", 200, "{\"name\":\"c\"}");
    CHECK_INT(0, fake_run(fake, "connection update -n c --set target=b -o none").code);
    HAS("PUT " WS "/connections/c?api-version=", fake_asked(fake));
    HAS("\"target\":\"b\"", fake_asked(fake));
    HAS("\"kept\":7", fake_asked(fake));
}

TEST(a_key_that_has_no_place_is_refused_and_those_that_have_are_named)
{
    FAKE;
    fake_reply(fake, "GET", "/batchEndpoints/e", 200, "{\"name\":\"e\",\"properties\":{}}");
    struct fake_run run = fake_run(fake, "batch-endpoint update -n e --set scoring_uri=x");

    CHECK_INT(2, run.code);
    HAS("'scoring_uri' of a batch endpoint cannot be changed", run.err);
    HAS("auth_mode", run.err);
    HAS_NOT("PUT", fake_asked(fake));
}

TEST(an_update_that_changes_nothing_is_a_wrong_line)
{
    FAKE;
    fake_reply(fake, "GET", "/datastores/d", 200,
               "{\"name\":\"d\",\"properties\":{\"description\":\"x\",\"credentials\":{"
               "\"credentialsType\":\"None\"}}}");
    CHECK_INT(2, fake_run(fake, "datastore update -n d --set description=x").code);
    CHECK_INT(2, fake_run(fake, "datastore update").code);
    HAS_NOT("PUT", fake_asked(fake));
}

TEST(removing_a_key_takes_it_out_of_the_body)
{
    FAKE;
    fake_reply(
        fake, "GET", "/schedules/s", 200,
        "{\"name\":\"s\",\"properties\":{\"description\":\"old\",\"trigger\":{\"triggerType\":"
        "\"Cron\",\"expression\":\"* * * * *\"},\"action\":{}}}");
    fake_reply(fake, "PUT", "/schedules/s", 200, "{}");
    CHECK_INT(0, fake_run(fake, "schedule update -n s --remove description -o none").code);
    HAS_NOT("old", fake_asked(fake));
}

TEST(tags_of_the_line_join_and_an_empty_one_goes)
{
    FAKE;
    fake_reply(fake, "GET", "/registries/r", 200,
               "{\"name\":\"r\",\"location\":\"l\",\"tags\":{\"a\":\"1\",\"b\":\"2\"},"
               "\"properties\":{}}");
    fake_reply(fake, "PUT", "/registries/r", 200, "{}");
    CHECK_INT(0, fake_run(fake, "registry update -n r --tags a= c=3 -o none").code);
    HAS("\"tags\":{\"b\":\"2\",\"c\":\"3\"}", fake_asked(fake));
}

TEST(what_is_not_there_is_code_3_for_every_verb)
{
    FAKE;
    static const char *const LINES[] = {"datastore show -n x",
                                        "connection show -n x",
                                        "schedule enable -n x",
                                        "schedule trigger -n x",
                                        "workspace show -n x",
                                        "workspace diagnose -n x",
                                        "registry show -n x",
                                        "component show -n x -v 1",
                                        "component archive -n x",
                                        "compute stop -n x",
                                        "compute list-nodes -n x",
                                        "batch-endpoint show -n x",
                                        "batch-endpoint invoke -n x",
                                        "index show -n x -l latest",
                                        "feature-set show -n x -v 1",
                                        "serverless-endpoint get-credentials -n x",
                                        "capability-host show -n x",
                                        "data update -n x -v 1 --set tags.a=b",
                                        "environment restore -n x -v 1",
                                        "workspace outbound-rule show --rule x",
                                        "batch-deployment show -e x -n y",
                                        "user show -n x",
                                        "job list -p x",
                                        "job show-services -n x"};

    for (size_t i = 0; i < COUNT(LINES); i++) {
        struct fake_run run = fake_run(fake, LINES[i]);
        CHECK_INT(3, run.code);
        CHECK_STR("", run.out);
        HAS("Not there.", run.err);
    }
}

TEST(deletes_ask_where_az_asks_and_not_elsewhere)
{
    FAKE;
    static const char *const ASKING[] = {"connection delete -n x",     "compute detach -n x",
                                         "workspace delete -n x",      "registry delete -n x",
                                         "batch-endpoint delete -n x", "user delete -n x"};

    for (size_t i = 0; i < COUNT(ASKING); i++)
        CHECK_INT(1, fake_run(fake, ASKING[i]).code);
    CHECK_STR("", fake_asked(fake));
    fake_reply(fake, "DELETE", "/datastores/x", 200, "");
    CHECK_INT(0, fake_run(fake, "datastore delete -n x").code);
    fake_reply(fake, "DELETE", "/computes/x", 200, "");
    CHECK_INT(0, fake_run(fake, "compute detach -n x -y").code);
    HAS("?underlyingResourceAction=Detach&api-version", fake_asked(fake));
    fake_reply(fake, "DELETE", "/workspaces/x", 200, "");
    CHECK_INT(0, fake_run(fake, "workspace delete -n x -y --permanently-delete").code);
    HAS("/workspaces/x?forceToPurge=true", fake_asked(fake));
}

TEST(what_is_not_built_says_so_and_asks_nothing)
{
    FAKE;
    static const char *const LINES[] = {"datastore mount --path azureml:x",
                                        "compute connect-ssh -n x",
                                        "model package -n m -v 1 -f x",
                                        "data import -f x",
                                        "data list-materialization-status -p x",
                                        "feature-set backfill -n x -v 1",
                                        "job connect-ssh x"};

    for (size_t i = 0; i < COUNT(LINES); i++) {
        struct fake_run run = fake_run(fake, LINES[i]);
        CHECK_INT(1, run.code);
        HAS("error  NotImplemented", run.err);
    }
    CHECK_STR("", fake_asked(fake));
}

TEST(problems_of_a_file_name_line_column_and_the_nearest_key)
{
    FAKE;
    static const struct {
        const char *group, *text, *problem;
    } CASES[] = {
        {"datastore", "name: d\ntype: azure_blob\naccount_nam: a\ncontainer_name: c\n",
         ":3:1  error"},
        {"connection", "name: c\ntype: gti\ntarget: x\n", ":2:7  error"},
        {"schedule", "name: s\ntrigger: {type: cron, expresion: x}\ncreate_job: a.yml\n", ":2:23"},
        {"component", "name: c\ntype: command\ncomand: x\nenvironment: azureml:e:1\n", ":3:1"},
        {"workspace", "name: w\nlocaton: x\n", ":2:1"},
        {"batch-deployment", "name: b\nendpoint_name: e\ntype: modle\n", ":3:7"},
        {"compute", "name: c\ntype: amlcompute\nmin_instances: many\n", ":3:16"},
    };

    for (size_t i = 0; i < COUNT(CASES); i++) {
        struct fake_run run = create(fake, arena, CASES[i].group, CASES[i].text);
        CHECK_INT(1, run.code);
        CHECK(str_find(run.err, str_from(CASES[i].problem)) > 0);
    }
    CHECK_STR("", fake_asked(fake));
}

/* --- datastores and connections -----------------------------------------------------------------
 */

TEST(credentials_of_a_datastore_follow_from_their_keys)
{
    FAKE;
#define BLOB "type: azure_blob\ncontainer_name: c\n"
    static const struct {
        const char *text, *sent;
    } CASES[] = {
        {BLOB "credentials: {account_key: a2V5}",
         "\"credentials\":{\"credentialsType\":\"AccountKey\",\"secrets\":{\"key\":\"a2V5\","
         "\"secretsType\":\"AccountKey\"}}"},
        {BLOB "credentials: {sas_token: s}",
         "\"credentialsType\":\"Sas\",\"secrets\":{\"sasToken\":\"s\",\"secretsType\":\"Sas\"}"},
        {"type: azure_data_lake_gen2\nfilesystem: f\n"
         "credentials: {tenant_id: t, client_id: c, client_secret: p}",
         "\"credentialsType\":\"ServicePrincipal\",\"tenantId\":\"t\",\"clientId\":\"c\","
         "\"secrets\""
         ":{\"clientSecret\":\"p\",\"secretsType\":\"ServicePrincipal\"}"},
        {BLOB "description: none", "\"credentials\":{\"credentialsType\":\"None\"}"},
    };

    for (size_t i = 0; i < COUNT(CASES); i++) {
        fake_reply(fake, "PUT", "/datastores/d", 201, "{\"name\":\"d\"}");
        struct str text = arena_printf(arena, "name: d\naccount_name: a\n%s\n", CASES[i].text);
        CHECK_INT(0, create(fake, arena, "datastore", text.ptr).code);
        CHECK(str_find(fake_asked(fake), str_from(CASES[i].sent)) > 0);
    }
    HAS("\"datastoreType\":\"AzureBlob\"", fake_asked(fake));
    HAS("\"datastoreType\":\"AzureDataLakeGen2\"", fake_asked(fake));
}

TEST(a_datastore_keeps_its_secrets_when_something_else_changes)
{
    FAKE;
    fake_reply(fake, "GET", "/datastores/d", 200,
               "{\"name\":\"d\",\"properties\":{\"datastoreType\":\"AzureBlob\",\"credentials\":{"
               "\"credentialsType\":\"AccountKey\"}}}");
    fake_reply(fake, "POST", "/listSecrets", 200, "{\"secretsType\":\"AccountKey\",\"key\":\"k\"}");
    fake_reply(fake, "PUT", "/datastores/d", 200, "{\"name\":\"d\",\"properties\":{}}");
    struct fake_run run = fake_run(fake, "datastore update -n d --set description=x");

    CHECK_INT(0, run.code);
    HAS("\"key\":\"k\"", fake_asked(fake));
    HAS_NOT("\"k\"", run.out);
}

TEST(secrets_of_a_connection_are_asked_for_only_on_demand)
{
    FAKE;
    static const char SHOWN[] = "{\"name\":\"c\",\"properties\":{\"category\":\"PythonFeed\","
                                "\"authType\":\"UsernamePassword\",\"target\":\"t\"}}";
    fake_reply(fake, "GET", "/connections/c", 200, SHOWN);
    CHECK_STR("python_feed\tusername_password\n",
              fake_run(fake, "connection show -n c -o tsv --query [[type,credentials.type]]").out);
    HAS_NOT("POST", fake_asked(fake));
    fake_reply(fake, "POST", "/connections/c/listsecrets", 200,
               "{\"name\":\"c\",\"properties\":{\"authType\":\"UsernamePassword\",\"credentials\":{"
               "\"username\":\"u\",\"password\":\"p\"}}}");
    CHECK_STR("p\n",
              fake_run(fake, "connection show -n c -p -o tsv --query credentials.password").out);
}

TEST(a_connection_has_the_category_of_its_type)
{
    FAKE;
    static const struct {
        const char *type, *category;
    } CASES[] = {{"git", "Git"},
                 {"s3", "S3"},
                 {"snowflake", "Snowflake"},
                 {"azure_sql_db", "AzureSqlDb"},
                 {"custom", "CustomKeys"},
                 {"azure_data_lake_gen2", "ADLSGen2"}};

    for (size_t i = 0; i < COUNT(CASES); i++) {
        fake_reply(fake, "PUT", "/connections/c", 200, "{}");
        struct str text = arena_printf(
            arena,
            "name: c\ntype: %s\ntarget: t\ncredentials: {type: access_key, access_key_id: i,"
            " secret_access_key: s}\n",
            CASES[i].type);
        CHECK_INT(0, create(fake, arena, "connection", text.ptr).code);
        struct str sent = arena_printf(arena,
                                       "\"category\":\"%s\",\"authType\":\"AccessKey\","
                                       "\"credentials\":{\"accessKeyId\":\"i\","
                                       "\"secretAccessKey\":\"s\"}",
                                       CASES[i].category);
        CHECK(str_find(fake_asked(fake), sent) > 0);
    }
}

TEST(a_list_of_connections_leaves_other_types_out)
{
    FAKE;
    fake_reply(
        fake, "GET", "/connections?", 200,
        "{\"value\":[{\"name\":\"a\",\"properties\":{\"category\":\"Git\",\"authType\":"
        "\"PAT\",\"target\":\"x\"}},{\"name\":\"b\",\"properties\":{\"category\":\"S3\"}}]}");
    CHECK_STR("Name  Kind  Target  Auth\n"
              "----  ----  ------  ----\n"
              "a     git   x       pat\n",
              fake_run(fake, "connection list -t git -o table").out);
}

/* --- workspaces ---------------------------------------------------------------------------------
 */

TEST(a_workspace_stands_in_the_group)
{
    FAKE;
    fake_reply(fake, "PUT", "/workspaces/lab", 201, "{\"name\":\"lab\"}");
    CHECK_INT(0, fake_run(fake, "workspace create -n lab -g team -l west --description d "
                                "--public-network-access disabled -o none")
                     .code);
    HAS("/resourceGroups/team/" PROVIDER "/workspaces/lab?", fake_asked(fake));
    HAS("\"location\":\"west\"", fake_asked(fake));
    HAS("\"publicNetworkAccess\":\"Disabled\"", fake_asked(fake));
    HAS("\"identity\":{\"type\":\"SystemAssigned\"}", fake_asked(fake));
}

TEST(a_workspace_is_patched_with_what_changes_alone)
{
    FAKE;
    fake_reply(fake, "GET", "/workspaces/lab", 200,
               "{\"name\":\"lab\",\"tags\":{\"a\":\"1\"},\"properties\":{\"description\":\"d\"}}");
    fake_reply(fake, "PATCH", "/workspaces/lab", 200, "{\"name\":\"lab\"}");
    CHECK_INT(0, fake_run(fake, "workspace update -n lab --description new -o none").code);
    HAS("{\"properties\":{\"description\":\"new\"}}\n", fake_asked(fake));
}

TEST(workspaces_are_listed_for_the_subscription_or_the_group)
{
    FAKE;
    static const char LIST[] = "{\"value\":[{\"name\":\"a\",\"kind\":\"Default\"},{\"name\":\"h\","
                               "\"kind\":\"Hub\"}]}";
    fake_reply(fake, "GET", "/workspaces?", 200, LIST);
    CHECK_STR("a\nh\n", fake_run(fake, "workspace list -o tsv --query [].name").out);
    fake_reply(fake, "GET", "/workspaces?", 200, LIST);
    CHECK_STR(
        "h\n",
        fake_run(fake, "workspace list -g g --filtered-kinds hub -o tsv --query [].name").out);
    HAS("000001/" PROVIDER "/workspaces?", fake_asked(fake));
    HAS("/resourceGroups/g/" PROVIDER "/workspaces?", fake_asked(fake));
}

TEST(a_rule_of_each_type_needs_its_own_flags)
{
    FAKE;
    struct fake_run run =
        fake_run(fake, "workspace outbound-rule set --rule r --type service_tag --service-tag T");
    CHECK_INT(2, run.code);
    HAS("needs --protocol", run.err);
    fake_reply(fake, "PUT", "/outboundRules/r", 200, "{\"name\":\"r\"}");
    CHECK_INT(0, fake_run(fake, "workspace outbound-rule set --rule r --type fqdn --destination "
                                "a.b -o none")
                     .code);
    HAS("{\"properties\":{\"type\":\"FQDN\",\"category\":\"UserDefined\",\"destination\":\"a.b\"}}",
        fake_asked(fake));
}

TEST(a_registry_has_its_own_region_once)
{
    FAKE;
    fake_reply(fake, "PUT", "/registries/r", 201, "{}");
    CHECK_INT(0, create(fake, arena, "registry",
                        "name: r\nlocation: east\nreplication_locations:\n- location: east\n"
                        "- location: west\n")
                     .code);
    HAS("\"regionDetails\":[{\"location\":\"east\",\"acrDetails\":[],\"storageAccountDetails\":[]},"
        "{\"location\":\"west\"",
        fake_asked(fake));
}

/* --- computes -----------------------------------------------------------------------------------
 */

TEST(the_defaults_of_a_type_come_under_what_the_file_says)
{
    FAKE;
    fake_reply(fake, "PUT", "/computes/c", 201, "{}");
    CHECK_INT(0, fake_run(fake, "compute create -n c -t amlcompute --max-instances 2 "
                                "--tier low_priority -o none")
                     .code);
    HAS("\"vmSize\":\"STANDARD_DS3_V2\"", fake_asked(fake));
    HAS("\"scaleSettings\":{\"minNodeCount\":0,\"maxNodeCount\":2", fake_asked(fake));
    HAS("\"vmPriority\":\"LowPriority\"", fake_asked(fake));
}

TEST(an_instance_takes_schedules_scripts_and_a_key)
{
    FAKE;
    fake_file(fake, "setup.sh", "echo hi\n");
    fake_reply(fake, "PUT", "/computes/i", 201, "{}");
    CHECK_INT(
        0, create(fake, arena, "compute",
                  "name: i\ntype: computeinstance\nidle_time_before_shutdown_minutes: 30\n"
                  "ssh_settings: {ssh_key_value: ssh-rsa x}\nssh_public_access_enabled: true\n"
                  "schedules:\n  compute_start_stop:\n  - action: stop\n    trigger: {type: cron,"
                  " expression: 0 1 * * *, time_zone: UTC}\n"
                  "setup_scripts:\n  startup_script: {path: setup.sh, timeout_minutes: 5}\n")
               .code);
    HAS("\"idleTimeBeforeShutdown\":\"PT30M\"", fake_asked(fake));
    HAS("\"scriptData\":\"ZWNobyBoaQo=\",\"timeout\":\"5m\"", fake_asked(fake));
    HAS("\"action\":\"Stop\",\"cron\":{\"expression\":\"0 1 * * *\",\"timeZone\":\"UTC\"},"
        "\"triggerType\":\"Cron\"",
        fake_asked(fake));
    HAS("\"adminPublicKey\":\"ssh-rsa x\",\"sshPublicAccess\":\"Enabled\"", fake_asked(fake));
}

TEST(a_machine_and_a_cluster_are_attached_by_id)
{
    FAKE;
    fake_reply(fake, "PUT", "/computes/v", 201, "{}");
    CHECK_INT(0,
              fake_run(fake, "compute attach -n v -t virtualmachine --resource-id /subscriptions/s "
                             "--admin-username u --admin-password p --ssh-port 2222 -o none")
                  .code);
    HAS("\"resourceId\":\"/subscriptions/s\"", fake_asked(fake));
    HAS("\"sshPort\":2222,\"administratorAccount\":{\"username\":\"u\",\"password\":\"p\"}",
        fake_asked(fake));
    fake_reply(fake, "PUT", "/computes/k", 201, "{}");
    CHECK_INT(0, fake_run(fake, "compute attach -n k -t kubernetes --resource-id /subscriptions/s "
                                "-o none")
                     .code);
    HAS("\"computeType\":\"Kubernetes\",\"properties\":{\"namespace\":\"default\"}",
        fake_asked(fake));
}

TEST(a_script_that_is_not_there_is_a_problem_of_its_line)
{
    FAKE;
    struct fake_run run = create(
        fake, arena, "compute",
        "name: i\ntype: computeinstance\nsetup_scripts:\n  startup_script:\n    path: no.sh\n");
    CHECK_INT(1, run.code);
    HAS(":5:11  error  E1204", run.err);
    CHECK_STR("", fake_asked(fake));
}

TEST(tables_of_computes_nodes_sizes_and_usage)
{
    FAKE;
    fake_reply(fake, "GET", "/computes?", 200,
               "{\"value\":[{\"name\":\"c\",\"properties\":{\"computeType\":\"AmlCompute\","
               "\"provisioningState\":\"Succeeded\",\"properties\":{\"vmSize\":\"S\","
               "\"currentNodeCount\":3,\"nodeStateCounts\":{\"runningNodeCount\":2},"
               "\"scaleSettings\":{\"maxNodeCount\":4}}}}]}");
    CHECK_STR("Name  Type        Size  State      Nodes  Idle timeout\n"
              "----  ----------  ----  ---------  -----  ------------\n"
              "c     amlcompute  S     Succeeded  2/1/4\n",
              fake_run(fake, "compute list -o table").out);
    fake_reply(fake, "POST", "/computes/c/listNodes", 200,
               "{\"nodes\":[{\"nodeId\":\"n\",\"nodeState\":\"idle\",\"port\":22}]}");
    CHECK_STR("Node  State  Address  Port  Job\n"
              "----  -----  -------  ----  ---\n"
              "n     idle            22\n",
              fake_run(fake, "compute list-nodes -n c -o table").out);
    fake_reply(
        fake, "GET", "/locations/local/vmSizes", 200,
        "{\"value\":[{\"name\":\"a\",\"vCPUs\":2,\"supportedComputeTypes\":[\"AmlCompute\"]},"
        "{\"name\":\"b\",\"supportedComputeTypes\":[\"ComputeInstance\"]}]}");
    CHECK_STR("a\n", fake_run(fake, "compute list-sizes -t amlcompute -o tsv --query [].name").out);
    fake_reply(
        fake, "GET", "/locations/x/usages", 200,
        "{\"value\":[{\"name\":{\"localizedValue\":\"Cores\"},\"currentValue\":1,\"limit\":4,"
        "\"unit\":\"Count\"}]}");
    HAS("Cores  1     4      Count\n", fake_run(fake, "compute list-usage -l x -o table").out);
}

/* --- schedules ----------------------------------------------------------------------------------
 */

TEST(a_schedule_of_a_command_job_holds_the_job_as_it_would_be_sent)
{
    FAKE;
    fake_file(fake, "job.yml",
              "command: echo ${{inputs.n}}\nenvironment: azureml:e:1\ninputs: {n: 1}\n"
              "experiment_name: x\n");
    fake_reply(fake, "GET", "/environments/e/versions/1", 200, "{}");
    fake_reply(fake, "PUT", "/schedules/s", 201, "{}");
    CHECK_INT(
        0, create(fake, arena, "schedule",
                  "name: s\ntrigger: {type: recurrence, frequency: day, interval: 2, schedule:"
                  " {hours: 3, minutes: [0, 30]}}\ncreate_job: {job: ./job.yml, inputs: {n: 5}}\n")
               .code);
    HAS("\"triggerType\":\"Recurrence\"", fake_asked(fake));
    HAS("\"frequency\":\"day\",\"interval\":2", fake_asked(fake));
    HAS("\"schedule\":{\"hours\":[3],\"minutes\":[0,30]}", fake_asked(fake));
    HAS("\"actionType\":\"CreateJob\"", fake_asked(fake));
    HAS("\"n\":{\"jobInputType\":\"literal\",\"value\":\"5\"}", fake_asked(fake));
}

TEST(a_schedule_of_a_job_that_ran_names_it)
{
    FAKE;
    fake_reply(fake, "GET", "/jobs/old", 200, "{}");
    fake_reply(fake, "PUT", "/schedules/s", 201, "{}");
    CHECK_INT(0, create(fake, arena, "schedule",
                        "name: s\ntrigger: {type: cron, expression: 0 1 * * *}\n"
                        "create_job: azureml:old\n")
                     .code);
    HAS("\"sourceJobId\":\"" WS "/jobs/old\"", fake_asked(fake));
    HAS("\"timeZone\":\"UTC\"", fake_asked(fake));
}

TEST(on_and_off_change_one_truth_of_the_whole)
{
    FAKE;
    fake_reply(fake, "GET", "/schedules/s", 200, "{\"properties\":{\"a\":1,\"isEnabled\":true}}");
    fake_reply(fake, "PUT", "/schedules/s", 200, "{}");
    CHECK_INT(0, fake_run(fake, "schedule disable -n s").code);
    HAS("{\"properties\":{\"a\":1,\"isEnabled\":false}}", fake_asked(fake));
}

TEST(lists_of_schedules_hide_those_that_pause)
{
    FAKE;
    for (int i = 0; i < 3; i++)
        fake_reply(fake, "GET", "/schedules?", 200, "{\"value\":[]}");
    CHECK_STR("[]\n", fake_run(fake, "schedule list").out);
    fake_run(fake, "schedule list --include-disabled");
    fake_run(fake, "schedule list --disabled-only");
    HAS("listViewType=EnabledOnly", fake_asked(fake));
    HAS("listViewType=All", fake_asked(fake));
    HAS("listViewType=DisabledOnly", fake_asked(fake));
}

TEST(the_table_of_schedules_says_when)
{
    FAKE;
    fake_reply(
        fake, "GET", "/schedules?", 200,
        "{\"value\":[{\"name\":\"a\",\"properties\":{\"isEnabled\":true,\"trigger\":{"
        "\"triggerType\":\"Recurrence\",\"frequency\":\"week\",\"interval\":2}}},{\"name\":\"b\","
        "\"properties\":{\"isEnabled\":false,\"trigger\":{\"triggerType\":\"Cron\","
        "\"expression\":\"0 1 * * *\"}}}]}");
    CHECK_STR("Name  Trigger         Enabled  Last  Next\n"
              "----  --------------  -------  ----  ----\n"
              "a     every 2 weeks   True\n"
              "b     cron 0 1 * * *  False\n",
              fake_run(fake, "schedule list -o table").out);
}

/* --- batch, features, hosted --------------------------------------------------------------------
 */

TEST(a_batch_deployment_has_its_settings_where_the_wire_has_them)
{
    FAKE;
    fake_reply(fake, "GET", "/models/m/versions/1", 200, "{}");
    fake_reply(fake, "PUT", "/batchEndpoints/e/deployments/d", 201, "{}");
    CHECK_INT(
        0, create(fake, arena, "batch-deployment",
                  "name: d\nendpoint_name: e\ntype: model\nmodel: azureml:m:1\n"
                  "compute: azureml:cpu\nsettings:\n  mini_batch_size: 2\n"
                  "  output_action: append_row\n  retry_settings: {max_retries: 2, timeout: 60}\n")
               .code);
    HAS("\"model\":{\"referenceType\":\"Id\",\"assetId\":\"" WS "/models/m/versions/1\"}",
        fake_asked(fake));
    HAS("\"miniBatchSize\":2,\"outputAction\":\"AppendRow\"", fake_asked(fake));
    HAS("\"retrySettings\":{\"maxRetries\":2,\"timeout\":\"PT1M\"}", fake_asked(fake));
    HAS("\"compute\":\"" WS "/computes/cpu\"", fake_asked(fake));
}

TEST(a_batch_job_is_started_at_the_scoring_address)
{
    FAKE;
    fake_reply(fake, "GET", "/batchEndpoints/e?", 200,
               "{\"properties\":{\"scoringUri\":\"https://localhost:10443/batch/e/jobs\"}}");
    fake_reply(fake, "GET", "/deployments/d", 200, "{}");
    fake_reply(fake, "POST", "/batch/e/jobs", 201, "{\"name\":\"j\"}");
    CHECK_STR("j\n",
              fake_run(fake, "batch-endpoint invoke -n e -d d --input azureml://datastores/s/"
                             "paths/x --input-type uri_file --query name -o tsv")
                  .out);
    HAS("\"inputData\":{\"UriFile\":{\"jobInputType\":\"UriFile\",\"uri\":"
        "\"azureml://datastores/s/paths/x\"}}",
        fake_asked(fake));
}

TEST(an_entity_has_columns_by_the_names_of_the_wire)
{
    FAKE;
    fake_reply(
        fake, "PUT", "/featurestoreEntities/a/versions/1", 201,
        "{\"id\":\"/x/featurestoreEntities/a/versions/1\",\"properties\":{\"indexColumns\":[{"
        "\"columnName\":\"id\",\"dataType\":\"String\"}]}}");
    const char *file = fake_file(fake, "e.yml",
                                 "name: a\nversion: \"1\"\nindex_columns:\n"
                                 "- {name: id, type: string}\n");
    struct fake_run run =
        fake_run(fake, arena_printf(arena,
                                    "feature-store-entity create -f %s --feature-store-name fs "
                                    "--query index_columns[0].type -o tsv",
                                    file)
                           .ptr);

    CHECK_STR("string\n", run.out);
    HAS("/workspaces/fs/featurestoreEntities/a/versions/1", fake_asked(fake));
    HAS("\"indexColumns\":[{\"columnName\":\"id\",\"dataType\":\"String\"}]", fake_asked(fake));
}

TEST(hosted_kinds_cost_a_row)
{
    FAKE;
    fake_reply(fake, "PUT", "/serverlessEndpoints/p", 201, "{}");
    CHECK_INT(0,
              create(fake, arena, "serverless-endpoint", "name: p\nmodel_id: azureml://r\n").code);
    HAS("\"modelSettings\":{\"modelId\":\"azureml://r\"}", fake_asked(fake));
    fake_reply(fake, "POST", "/serverlessEndpoints/p/regenerateKeys", 200,
               "{\"primaryKey\":\"k\"}");
    HAS("\"k\"",
        fake_run(fake, "serverless-endpoint regenerate-keys -n p --key-type secondary").out);
    HAS("{\"keyType\":\"Secondary\"}", fake_asked(fake));
    fake_reply(fake, "PUT", "/capabilityHosts/h", 201, "{}");
    CHECK_INT(0, fake_run(fake, "capability-host create -n h -s one two -o none").code);
    HAS("\"storageConnections\":[\"one\",\"two\"]", fake_asked(fake));
}
