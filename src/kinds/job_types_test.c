/* Bodies of every type of job: each fault by its field, each good one by what is missing here. */
#include "kinds/shelf_test.h"

#include "base/test.h"

#include <string.h>

#define JOB "/jobs/try"

static const char *job(struct shelf *s, const char *type, const char *members)
{
    return arena_printf(s->arena, "{\"properties\":{\"jobType\":\"%s\"%s%s}}", type,
                        members[0] ? "," : "", members)
        .ptr;
}

struct fault {
    const char *members;
    int status;
    const char *target;
};

/* Each body is refused so, and nothing is kept of any. */
static void check_faults(struct shelf *s, const char *type, const struct fault *faults,
                         size_t count)
{
    for (size_t i = 0; i < count; i++)
        shelf_refused(s, JOB, job(s, type, faults[i].members),
                      (struct shelf_refusal){faults[i].status, faults[i].target, NULL});
    CHECK_INT(404, shelf_get(s, JOB).status);
    CHECK_INT(0, json_count(json_at(shelf_get(s, "/jobs").json, "value")));
}

#define SPACE "\"searchSpace\":{\"lr\":[\"uniform\",[0.01,0.1]],\"k\":[\"choice\",[[1,2]]]}"
#define SAMPLING "\"samplingAlgorithm\":{\"samplingAlgorithmType\":\"random\"}"
#define GOAL "\"objective\":{\"goal\":\"maximize\",\"primaryMetric\":\"acc\"}"
#define TRIAL                                  \
    "\"trial\":{\"command\":\"python main.py " \
    "${{search_space.lr}}\",\"environmentId\":\"azureml:e:1\"}"
#define REST SAMPLING "," GOAL "," TRIAL

TEST(a_sweep_is_checked_and_then_said_to_be_missing)
{
    CLEANUP(shelf_close) struct shelf *s = shelf_open();
    static const struct fault FAULTS[] = {
        {"", 501, "properties.jobType"},
        {"\"searchSpace\":7", 400, "properties.searchSpace"},
        {"\"searchSpace\":{},\"trial\":{}", 501, "properties.jobType"},
        {"\"searchSpace\":{\"a\":7}," REST, 400, "properties.searchSpace.a"},
        {"\"searchSpace\":{\"a\":[\"dice\",[6]]}," REST, 400, "properties.searchSpace.a"},
        {"\"searchSpace\":{\"a\":[\"uniform\",[1]]}," REST, 400, "properties.searchSpace.a"},
        {"\"searchSpace\":{\"a\":[\"uniform\",[2,1]]}," REST, 400, "properties.searchSpace.a"},
        {"\"searchSpace\":{\"a\":[\"uniform\",[\"x\",1]]}," REST, 400, "properties.searchSpace.a"},
        {"\"searchSpace\":{\"a\":[\"choice\",[1]]}," REST, 400, "properties.searchSpace.a"},
        {"\"searchSpace\":{\"a\":[\"randint\",[4]]}," REST, 400, "properties.trial.command"},
        {SPACE ",\"samplingAlgorithm\":7", 400, "properties.samplingAlgorithm"},
        {SPACE ",\"samplingAlgorithm\":{\"samplingAlgorithmType\":\"Guess\"}," GOAL "," TRIAL, 400,
         "properties.samplingAlgorithm.samplingAlgorithmType"},
        {SPACE "," SAMPLING ",\"objective\":{\"goal\":\"Sideways\"}," TRIAL, 400,
         "properties.objective.goal"},
        {SPACE "," SAMPLING "," GOAL ",\"trial\":{\"command\":7}", 400, "properties.trial.command"},
        {SPACE "," REST ",\"limits\":{\"maxTotalTrials\":0}", 400,
         "properties.limits.maxTotalTrials"},
        {SPACE "," REST ",\"limits\":{\"trialTimeout\":\"1 hour\"}", 400,
         "properties.limits.trialTimeout"},
        {SPACE "," REST ",\"earlyTermination\":{\"evaluationInterval\":1}", 400,
         "properties.earlyTermination.policyType"},
        {SPACE "," REST, 501, "properties.jobType"},
    };

    check_faults(s, "Sweep", FAULTS, COUNT(FAULTS));
    shelf_refused(s, JOB, job(s, "sweep", SPACE "," REST),
                  (struct shelf_refusal){501, "properties.jobType", "Sweep"});
}

TEST(a_pipeline_is_checked_and_then_said_to_be_missing)
{
    CLEANUP(shelf_close) struct shelf *s = shelf_open();
    static const struct fault FAULTS[] = {
        {"", 501, "properties.jobType"},
        {"\"jobs\":[]", 400, "properties.jobs"},
        {"\"jobs\":{\"a\":\"b\"}", 400, "properties.jobs.a"},
        {"\"jobs\":{\"a\":{\"name\":\"a\"}}", 400, "properties.jobs.a"},
        {"\"jobs\":{\"a\":{\"type\":\"command\"}},\"settings\":7", 400, "properties.settings"},
        {"\"jobs\":{\"a\":{\"type\":\"command\"}},\"inputs\":{\"i\":{\"jobInputType\":"
         "\"uri_folder\"}}",
         400, "properties.inputs.i.uri"},
        {"\"jobs\":{\"a\":{\"type\":\"command\"}},\"outputs\":{\"o\":{\"jobOutputType\":\"hat\"}}",
         400, "properties.outputs.o.jobOutputType"},
        {"\"jobs\":{\"a\":{\"type\":\"command\",\"componentId\":\"x\"}}", 501,
         "properties.jobType"},
    };

    check_faults(s, "Pipeline", FAULTS, COUNT(FAULTS));
}

TEST(automated_training_is_checked_and_then_said_to_be_missing)
{
    CLEANUP(shelf_close) struct shelf *s = shelf_open();
    static const struct fault FAULTS[] = {
        {"", 501, "properties.jobType"},
        {"\"taskDetails\":7", 400, "properties.taskDetails"},
        {"\"taskDetails\":{\"taskType\":\"Poetry\"}", 400, "properties.taskDetails.taskType"},
        {"\"taskDetails\":{\"taskType\":\"Classification\"}", 501, "properties.jobType"},
        {"\"taskDetails\":{\"trainingData\":[]}", 400, "properties.taskDetails.trainingData"},
        {"\"taskDetails\":{\"taskType\":\"Regression\",\"trainingData\":{},\"targetColumnName\":"
         "\"y\",\"limitSettings\":{\"maxTrials\":0}}",
         400, "properties.taskDetails.limitSettings.maxTrials"},
        {"\"taskDetails\":{\"taskType\":\"TextNER\",\"trainingData\":{}}", 501,
         "properties.jobType"},
    };

    check_faults(s, "AutoML", FAULTS, COUNT(FAULTS));
}

TEST(a_spark_job_is_checked_and_then_said_to_be_missing)
{
    CLEANUP(shelf_close) struct shelf *s = shelf_open();
    static const struct fault FAULTS[] = {
        {"", 501, "properties.jobType"},
        {"\"codeId\":7", 400, "properties.codeId"},
        {"\"codeId\":\"c\",\"entry\":{\"sparkJobEntryType\":\"SparkJobPythonEntry\"}", 400,
         "properties.entry.file"},
        {"\"codeId\":\"c\",\"entry\":{\"sparkJobEntryType\":\"SparkJobScalaEntry\",\"file\":\"a\"}",
         400, "properties.entry.className"},
        {"\"codeId\":\"c\",\"entry\":{\"sparkJobEntryType\":\"SparkJobPythonEntry\",\"file\":"
         "\"a\"},\"jars\":\"a.jar\"",
         400, "properties.jars"},
        {"\"codeId\":\"c\",\"entry\":{\"sparkJobEntryType\":\"SparkJobPythonEntry\",\"file\":"
         "\"a\"}",
         501, "properties.jobType"},
    };

    check_faults(s, "Spark", FAULTS, COUNT(FAULTS));
}

TEST(the_other_types_are_known_and_missing)
{
    CLEANUP(shelf_close) struct shelf *s = shelf_open();
    static const struct fault TUNING[] = {
        {"", 501, "properties.jobType"},
        {"\"fineTuningDetails\":{\"modelProvider\":\"Custom\",\"taskType\":\"ChatCompletion\","
         "\"model\":7}",
         400, "properties.fineTuningDetails.model"},
        {"\"fineTuningDetails\":{\"modelProvider\":\"Custom\",\"taskType\":\"ChatCompletion\","
         "\"model\":{},\"trainingData\":{}}",
         501, "properties.jobType"},
    };
    static const struct fault OTHER[] = {{"", 501, "properties.jobType"}};
    static const struct fault UNKNOWN[] = {{"", 400, "properties.jobType"}};

    check_faults(s, "FineTuning", TUNING, COUNT(TUNING));
    check_faults(s, "Distillation", OTHER, COUNT(OTHER));
    check_faults(s, "Labeling", OTHER, COUNT(OTHER));
    check_faults(s, "Nap", UNKNOWN, COUNT(UNKNOWN));
    check_faults(s, "", UNKNOWN, COUNT(UNKNOWN));
}

TEST(a_command_job_tells_the_field_at_fault)
{
    CLEANUP(shelf_close) struct shelf *s = shelf_open();
    static const struct fault FAULTS[] = {
        {"", 400, "properties.command"},
        {"\"command\":7", 400, "properties.command"},
        {"\"command\":\"ls\",\"displayName\":7", 400, "properties.displayName"},
        {"\"command\":\"ls\",\"tags\":{\"a\":[1]}", 400, "properties.tags"},
        {"\"command\":\"ls\",\"notificationSetting\":{\"emailOn\":\"JobFailed\"}", 400,
         "properties.notificationSetting.emailOn"},
        {"\"command\":\"ls\",\"limits\":{\"timeout\":\"soon\"}", 400, "properties.limits.timeout"},
        {"\"command\":\"ls\",\"limits\":{\"timeout\":60}", 400, "properties.limits.timeout"},
        {"\"command\":\"ls\",\"inputs\":{\"a\":7}", 400, "properties.inputs.a"},
        {"\"command\":\"ls\",\"inputs\":{\"a\":{}}", 400, "properties.inputs.a.jobInputType"},
        {"\"command\":\"ls\",\"inputs\":{\"a\":{\"jobInputType\":\"literal\"}}", 400,
         "properties.inputs.a.value"},
        {"\"command\":\"ls\",\"inputs\":{\"a\":{\"jobInputType\":\"literal\",\"value\":[1]}}", 400,
         "properties.inputs.a.value"},
        {"\"command\":\"ls\",\"inputs\":{\"a\":{\"jobInputType\":\"uri_file\",\"uri\":\"https://a/"
         "b\",\"mode\":\"Fax\"}}",
         400, "properties.inputs.a.mode"},
        {"\"command\":\"ls\",\"outputs\":{\"a\":{}}", 400, "properties.outputs.a.jobOutputType"},
        {"\"command\":\"ls\",\"outputs\":{\"a\":{\"jobOutputType\":\"uri_file\",\"mode\":"
         "\"Download\"}}",
         400, "properties.outputs.a.mode"},
        {"\"command\":\"ls\",\"resources\":{\"instanceCount\":0}", 400,
         "properties.resources.instanceCount"},
        {"\"command\":\"ls\",\"resources\":{\"instanceCount\":2}", 501,
         "properties.resources.instanceCount"},
        {"\"command\":\"ls\",\"distribution\":{\"processCountPerInstance\":2}", 400,
         "properties.distribution.distributionType"},
        {"\"command\":\"ls\",\"distribution\":{\"distributionType\":\"PyTorch\"}", 501,
         "properties.distribution"},
        {"\"command\":\"ls\",\"identity\":{\"identityType\":\"UserIdentity\"}", 501,
         "properties.identity"},
        {"\"command\":\"ls\",\"identity\":{\"identityType\":\"Mine\"}", 400,
         "properties.identity.identityType"},
        {"\"command\":\"ls\",\"services\":{\"j\":{\"jobServiceType\":\"SSH\"}}", 501,
         "properties.services"},
        {"\"command\":\"ls\",\"queueSettings\":{\"jobTier\":\"Golden\"}", 400,
         "properties.queueSettings.jobTier"},
        {"\"command\":\"ls\",\"secretsConfiguration\":{\"a\":{}}", 501,
         "properties.secretsConfiguration"},
        {"\"command\":\"ls\",\"parentJobName\":\"nobody\"", 404, "properties.parentJobName"},
    };

    check_faults(s, "Command", FAULTS, COUNT(FAULTS));
}

TEST(literals_may_come_as_numbers_and_truths)
{
    CLEANUP(shelf_close) struct shelf *s = shelf_open();
    struct fake_reply made = shelf_put(
        s, JOB,
        job(s, "command",
            "\"command\":\"echo ${{inputs.n}} ${{inputs.t}} ${{inputs.s}}\",\"queueSettings\":"
            "{\"jobTier\":\"standard\"},\"inputs\":{\"n\":{\"jobInputType\":\"Literal\",\"value\":"
            "0.5},\"t\":{\"jobInputType\":\"literal\",\"value\":true},\"s\":{\"jobInputType\":"
            "\"literal\",\"value\":\"x y\"}}"));

    CHECK_INT(201, made.status);
    CHECK_STR("Command", json_str_at(made.json, "properties.jobType"));
    CHECK_STR("0.5", json_str_at(made.json, "properties.inputs.n.value"));
    CHECK_STR("true", json_str_at(made.json, "properties.inputs.t.value"));
    CHECK_STR("x y", json_str_at(made.json, "properties.inputs.s.value"));
}

TEST(a_job_that_is_there_changes_only_its_words)
{
    CLEANUP(shelf_close) struct shelf *s = shelf_open();

    CHECK_INT(201, shelf_put(s, JOB, job(s, "Command", "\"command\":\"ls\"")).status);
    CHECK_INT(200, shelf_put(s, JOB,
                             job(s, "Command",
                                 "\"displayName\":\"new\",\"tags\":{\"a\":"
                                 "\"b\"}"))
                       .status);
    struct fake_reply got = shelf_get(s, JOB);
    CHECK_STR("new", json_str_at(got.json, "properties.displayName"));
    CHECK_STR("ls", json_str_at(got.json, "properties.command"));
    shelf_refused(s, JOB, job(s, "Command", "\"command\":\"rm\""),
                  (struct shelf_refusal){409, "properties.command", "another"});
    shelf_refused(s, JOB, job(s, "Sweep", ""),
                  (struct shelf_refusal){409, "properties.jobType", NULL});
    shelf_refused(s, JOB, job(s, "Command", "\"tags\":7"),
                  (struct shelf_refusal){400, "properties.tags", NULL});
}

TEST(lists_of_jobs_are_narrowed_by_what_is_asked)
{
    CLEANUP(shelf_close) struct shelf *s = shelf_open();

    for (int i = 0; i < 5; i++)
        CHECK_INT(201, shelf_put(s, arena_printf(s->arena, "/jobs/j%d", i).ptr,
                                 job(s, "Command",
                                     arena_printf(s->arena,
                                                  "\"command\":\"ls\",\"tags\":{\"n\":\"%d\"%s},"
                                                  "\"properties\":{\"p\":\"%d\"}",
                                                  i, i % 2 ? ",\"odd\":\"\"" : "", i)
                                         .ptr))
                           .status);
    CHECK_INT(2, json_count(json_at(shelf_get(s, "/jobs?tag=odd").json, "value")));
    CHECK_INT(1, json_count(json_at(shelf_get(s, "/jobs?tag=n%3D3").json, "value")));
    CHECK_INT(1, json_count(json_at(shelf_get(s, "/jobs?properties=p=2").json, "value")));
    CHECK_INT(5, json_count(json_at(shelf_get(s, "/jobs?jobType=command").json, "value")));
    CHECK_INT(0, json_count(json_at(shelf_get(s, "/jobs?jobType=Sweep").json, "value")));
    CHECK_INT(0, json_count(json_at(shelf_get(s, "/jobs?scheduled=true").json, "value")));
    struct fake_reply page = shelf_get(s, "/jobs?tag=odd&$top=1");
    CHECK_STR("j3", json_str_at(page.json, "value[0].name"));
    struct str link = json_str_at(page.json, "nextLink");
    CHECK(link.len > 0);
    page = shelf_get(
        s, arena_printf(s->arena, "@%s", link.ptr + strlen("https://localhost:10443")).ptr);
    CHECK_STR("j1", json_str_at(page.json, "value[0].name"));
}
