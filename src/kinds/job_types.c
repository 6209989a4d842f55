/* What each type of job must say. All types are checked alike, also those
 * without an engine: a wrong body is told as wrong before it is told what is not built. */
#include "kinds/job_types.h"

#include "kinds/fields.h"
#include "kinds/job_space.h"
#include "kinds/plain.h"

#include <assert.h>

typedef int job_type_check(struct arm_request *req, struct error *err);

/* A type of job: its table, what the table cannot say, and what is missing here. */
struct job_type {
    const char *name;
    const struct fields_table *fields;
    job_type_check *check;
    const char *missing; /* NULL: there is an engine */
};

/* --- Inputs and outputs ---------------------------------------------------------------------- */

static const char *const INPUT_TYPES[] = {"literal",      "uri_file",     "uri_folder",   "mltable",
                                          "custom_model", "mlflow_model", "triton_model", NULL};
/* In the spelling of the wire; the clients' own words are translated by them. */
static const char *const INPUT_MODES[] = {"ReadOnlyMount", "ReadWriteMount", "Download", "Direct",
                                          "EvalMount",     "EvalDownload",   NULL};
static const char *const OUTPUT_TYPES[] = {
    "uri_file", "uri_folder", "mltable", "custom_model", "mlflow_model", "triton_model", NULL};
static const char *const OUTPUT_MODES[] = {"ReadWriteMount", "Upload", "Direct", NULL};

/* Of each input of a job, whatever the job's type. */
static const struct field INPUT[] = {
    {"jobInputType", FIELD_WORD, true, INPUT_TYPES},
    {"mode", FIELD_WORD, false, INPUT_MODES},
    {"uri", FIELD_TEXT, false, NULL},
    {"description", FIELD_TEXT, false, NULL},
    {"pathOnCompute", FIELD_TEXT, false, NULL},
};
/* Of each output, likewise. */
static const struct field OUTPUT[] = {
    {"jobOutputType", FIELD_WORD, true, OUTPUT_TYPES},
    {"mode", FIELD_WORD, false, OUTPUT_MODES},
    {"uri", FIELD_TEXT, false, NULL},
    {"description", FIELD_TEXT, false, NULL},
    {"assetName", FIELD_TEXT, false, NULL},
    {"assetVersion", FIELD_TEXT, false, NULL},
    {"pathOnCompute", FIELD_TEXT, false, NULL},
    {"autoDeleteSetting", FIELD_OBJECT, false, NULL},
};

/* A command sees text: what came as a number or a truth is written as JSON writes it. */
static int take_literal(struct arm_request *req, struct json *input, const char *at,
                        struct error *err)
{
    const struct json *value = json_get(input, STR("value"));

    switch (json_kind(value)) {
    case JSON_STRING:
        return 0;
    case JSON_NUMBER:
    case JSON_BOOL:
        json_set_str(req->arena, input, "value", json_write(req->arena, value));
        return 0;
    case JSON_NULL:
    case JSON_ARRAY:
    case JSON_OBJECT:
        break;
    }
    return error_set(err, ERROR_INVALID, arena_printf(req->arena, "%s.value", at).ptr,
                     "A literal needs a text, a number, true or false as its value.");
}

/* One binding against its table; the error's target is put behind the binding's own path. */
static int check_binding(struct arm_request *req, struct json *binding, const char *at, bool input,
                         struct error *err)
{
    const struct fields_table table = {input ? INPUT : OUTPUT,
                                       input ? COUNT(INPUT) : COUNT(OUTPUT)};
    struct error cause = {0};

    if (json_kind(binding) != JSON_OBJECT)
        return error_set(err, ERROR_INVALID, at, "Expected an object here.");
    if (fields_check(req->arena, binding, &table, &cause) < 0)
        return error_set(err, cause.code, arena_printf(req->arena, "%s.%s", at, cause.target).ptr,
                         "%s", cause.message);
    if (!input)
        return 0;
    if (str_eq(json_str_at(binding, "jobInputType"), STR("literal")))
        return take_literal(req, binding, at, err);
    return json_str_at(binding, "uri").len
               ? 0
               : error_set(err, ERROR_INVALID, arena_printf(req->arena, "%s.uri", at).ptr,
                           "This field is required.");
}

/* What is null was taken away by the client; `default` is our own output, shown and sent back. */
static int check_bindings(struct arm_request *req, const char *group, struct error *err)
{
    const char *path = arena_printf(req->arena, "properties.%s", group).ptr;
    struct json_iter it = json_iter(json_at(req->body, path));
    bool input = group[0] == 'i';

    while (json_next(&it)) {
        const char *at = arena_printf(req->arena, "%s.%.*s", path, STR_ARG(it.key)).ptr;
        if (json_is_null(it.value) || (!input && str_eq(it.key, STR("default"))))
            continue;
        if (check_binding(req, it.value, at, input, err) < 0)
            return -1;
    }
    return 0;
}

/* --- What tables cannot say ------------------------------------------------------------------ */

/* Numbers that make no sense below one. */
static int check_counts(struct arm_request *req, const char *prefix, struct error *err)
{
    static const char *const COUNTS[] = {"resources.instanceCount",
                                         "distribution.processCountPerInstance",
                                         "distribution.workerCount"};

    for (size_t i = 0; i < COUNT(COUNTS); i++) {
        const struct plain_range range = {arena_printf(req->arena, "%s.%s", prefix, COUNTS[i]).ptr,
                                          1, 100000};
        if (plain_ranges(req->body, &range, 1, err) < 0)
            return -1;
    }
    return 0;
}

/* A distribution says which one it is. */
static int check_distribution(struct arm_request *req, const char *path, struct error *err)
{
    const struct json *distribution = json_at(req->body, path);

    if (json_count(distribution) == 0 || json_str_at(distribution, "distributionType").len)
        return 0;
    return error_set(err, ERROR_INVALID, arena_printf(req->arena, "%s.distributionType", path).ptr,
                     "This field is required.");
}

/* Secrets for the job would have to reach it; an engine that does not know them leaves it without.
 */
static int check_command(struct arm_request *req, struct error *err)
{
    if (check_counts(req, "properties", err) < 0 ||
        check_distribution(req, "properties.distribution", err) < 0)
        return -1;
    if (json_count(json_at(req->body, "properties.secretsConfiguration")) > 0)
        return plain_unbuilt("properties.secretsConfiguration", "Giving secrets to a job", err);
    return 0;
}

/* Limits, how early a trial may end, the trial, and the space it is taken from. */
static int check_sweep(struct arm_request *req, struct error *err)
{
    static const struct plain_range RANGES[] = {
        {"properties.limits.maxTotalTrials", 1, 1000},
        {"properties.limits.maxConcurrentTrials", 1, 1000},
        {"properties.earlyTermination.delayEvaluation", 0, INT32_MAX},
        {"properties.earlyTermination.evaluationInterval", 0, INT32_MAX},
        {"properties.earlyTermination.truncationPercentage", 1, 99},
    };

    if (plain_ranges(req->body, RANGES, COUNT(RANGES), err) < 0 ||
        check_counts(req, "properties.trial", err) < 0 ||
        check_distribution(req, "properties.trial.distribution", err) < 0 ||
        job_space_check(req, err) < 0)
        return -1;
    const struct json *early = json_at(req->body, "properties.earlyTermination");
    if (json_count(early) > 0 && json_str_at(early, "policyType").len == 0)
        return error_set(err, ERROR_INVALID, "properties.earlyTermination.policyType",
                         "This field is required.");
    return 0;
}

/* Nodes are free objects in snake_case; each says what it runs. */
static int check_pipeline(struct arm_request *req, struct error *err)
{
    struct json_iter it = json_iter(json_at(req->body, "properties.jobs"));

    while (json_next(&it)) {
        const char *at = arena_printf(req->arena, "properties.jobs.%.*s", STR_ARG(it.key)).ptr;
        if (json_kind(it.value) != JSON_OBJECT)
            return error_set(err, ERROR_INVALID, at, "Expected an object here.");
        if (json_str_at(it.value, "componentId").len == 0 && json_str_at(it.value, "type").len == 0)
            return error_set(err, ERROR_INVALID, at, "A node has a `type` or a `componentId`.");
    }
    return 0;
}

/* Settings of each task are many; those that bound the work are checked. */
static int check_automl(struct arm_request *req, struct error *err)
{
    static const struct plain_range RANGES[] = {
        {"properties.taskDetails.limitSettings.maxTrials", 1, 100000},
        {"properties.taskDetails.limitSettings.maxConcurrentTrials", 1, 100000},
    };

    return plain_ranges(req->body, RANGES, COUNT(RANGES), err);
}

/* Python names a file, Scala a class. */
static int check_spark(struct arm_request *req, struct error *err)
{
    const struct json *entry = json_at(req->body, "properties.entry");
    struct str type = json_str_at(entry, "sparkJobEntryType");
    bool python = str_eq(type, STR("SparkJobPythonEntry"));

    if (type.len == 0 || json_str_at(entry, python ? "file" : "className").len > 0)
        return 0;
    return error_set(err, ERROR_INVALID,
                     python ? "properties.entry.file" : "properties.entry.className",
                     "This field is required.");
}

/* What an engine will need of the types that have none is not asked for yet: whoever learns that
 * sweeps are missing does not care for a goal that is missing, too. */
static const struct job_type TYPES[] = {
    {"Command", &fields_job_command, check_command, NULL},
    {"Sweep", &fields_job_sweep, check_sweep, "Jobs of type Sweep: the search for parameters"},
    {"Pipeline", &fields_job_pipeline, check_pipeline,
     "Jobs of type Pipeline: running components one after another"},
    {"AutoML", &fields_job_automl, check_automl, "Jobs of type AutoML: automated training"},
    {"Spark", &fields_job_spark, check_spark, "Jobs of type Spark: running on Spark"},
    {"FineTuning", &fields_job_finetuning, NULL, "Jobs of type FineTuning: fine-tuning of models"},
    {"Distillation", &fields_job_distillation, NULL,
     "Jobs of type Distillation: distillation of models"},
    {"Labeling", &fields_job_labeling, NULL, "Jobs of type Labeling: labeling of data by people"},
};

/* The spelling of the table is stored: readers compare it. */
static const struct job_type *type_of(struct arm_request *req, struct str name)
{
    for (size_t i = 0; i < COUNT(TYPES); i++)
        if (str_eq_fold(str_from(TYPES[i].name), name)) {
            json_set_str(req->arena, json_at(req->body, "properties"), "jobType",
                         str_from(TYPES[i].name));
            return &TYPES[i];
        }
    return NULL;
}

/* The type decides which table counts. */
int job_types_check(struct arm_request *req, struct error *err)
{
    struct str name = json_str_at(req->body, "properties.jobType");
    const struct job_type *type = type_of(req, name);

    assert(json_kind(req->body) == JSON_OBJECT);
    if (name.len == 0)
        return error_set(err, ERROR_INVALID, "properties.jobType", "This field is required.");
    if (!type)
        return error_set(err, ERROR_INVALID, "properties.jobType", "Unknown job type '%.*s'.",
                         STR_ARG(name));
    if (fields_check(req->arena, req->body, type->fields, err) < 0 ||
        check_bindings(req, "inputs", err) < 0 || check_bindings(req, "outputs", err) < 0)
        return -1;
    if (type->check && type->check(req, err) < 0)
        return -1;
    return type->missing ? plain_unbuilt("properties.jobType", type->missing, err) : 0;
}
