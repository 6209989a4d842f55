/* job_definition.c - Where a schedule's job comes from. Whatever the form, it ends as one document
 * of its own, which is made into a body as any job is. */
#include "cli/job_definition.h"
#include "cli/assets.h"
#include "cli/component.h"
#include "cli/fields.h"
#include "cli/session.h"
#include "cli/shape.h"

#include <assert.h>
#include <string.h>

/* A pipeline's settings name computes and datastores as files do, and by id on the wire. */
static int put_settings(struct document *document, struct json *properties, struct error *err)
{
    struct cli *cli = document->cli;
    const struct json *root = document->yaml.root;
    struct json *settings = json_object(cli->arena);
    struct json_iter it = json_iter(json_get(root, STR("settings")));

    while (json_next(&it))
        json_set(cli->arena, settings, it.key, json_copy(cli->arena, it.value));
    struct str compute = json_str_at(settings, "default_compute");
    struct str store = json_str_at(settings, "default_datastore");
    compute = assets_compute(cli, compute.len ? compute : json_str_at(root, "compute"));
    if (compute.len)
        json_set_str(cli->arena, settings, "default_compute", compute);
    if (str_starts(store, STR("azureml:")))
        store = str_slice(store, 8, store.len);
    if (store.len && !str_starts(store, STR("/")))
        json_set_str(cli->arena, settings, "default_datastore",
                     session_id(cli, "datastores", store));
    json_set_str(cli->arena, settings, "_source", STR("YAML.JOB"));
    return json_put(cli->arena, properties, "settings", settings, err);
}

/* A pipeline is not checked by a table of its own yet: its steps are, one by one. */
static int pipeline_properties(struct document *document, struct json **out, struct error *err)
{
    static const struct field_row ROWS[] = {
        {"display_name", "properties.displayName", FIELD_SAME},
        {"experiment_name", "properties.experimentName", FIELD_SAME},
        {"description", "properties.description", FIELD_SAME},
        {"tags", "properties.tags", FIELD_TEXTS},
        {"properties", "properties.properties", FIELD_TEXTS},
        {"identity.type", "properties.identity.identityType", FIELD_WORD},
    };
    struct cli *cli = document->cli;
    struct json *nodes, *body = json_parse(cli->arena,
                                           STR("{\"properties\":{\"jobType\":\"Pipeline\","
                                               "\"isArchived\":false,\"tags\":{},"
                                               "\"properties\":{}}}"),
                                           err);

    assert(body);
    fields_to_rest(cli->arena, ROWS, COUNT(ROWS), document->yaml.root, body);
    if (component_nodes(document, "jobs", &nodes, err) < 0 ||
        shape_job_ends(cli, document, body, err) < 0)
        return -1;
    *out = json_get(body, STR("properties"));
    json_set(cli->arena, *out, STR("jobs"), nodes);
    return put_settings(document, *out, err);
}

/* By its type, as `job create` would. */
static int make(struct document *job, struct json **out, struct error *err)
{
    struct cli *cli = job->cli;
    struct str type = json_str_at(job->yaml.root, "type");
    struct json *body = NULL;

    assert(json_kind(job->yaml.root) == JSON_OBJECT);
    if (str_eq_fold(type, STR("pipeline")) || json_get(job->yaml.root, STR("jobs"))) {
        if (pipeline_properties(job, out, err) < 0)
            return -1;
    } else if (!type.len || str_eq_fold(type, STR("command"))) {
        job->kind = yaml_kind_find(STR("commandJob"));
        document_check(cli, job);
        if (job->problems.errors)
            return document_report(cli, job, err);
        if (shape_job_body(cli, job, STR(""), &body, err) < 0)
            return -1;
        *out = json_get(body, STR("properties"));
    } else {
        yaml_problem_add(&job->problems, document_place(job, "type"), "E1002",
                         "jobs of type '%.*s' are not built yet; nothing of it runs",
                         STR_ARG(type));
    }
    return document_report(cli, job, err);
}

/* A job that ran is started again as it was. */
static int of_job(struct document *document, const char *path, struct str text, struct json **out,
                  struct error *err)
{
    struct cli *cli = document->cli;
    struct str id = str_starts(text, STR("azureml:")) ? str_slice(text, 8, text.len) : text;
    struct json *made = json_object(cli->arena);

    assert(path[0]);
    if (!str_starts(id, STR("/")))
        id = session_id(cli, "jobs", id);
    if (session_get(cli, id, NULL, err) < 0)
        return -1;
    json_set_str(cli->arena, made, "jobType", STR("Pipeline"));
    json_set_str(cli->arena, made, "sourceJobId", id);
    json_set_str(cli->arena, made, "experimentName", STR(""));
    json_set_bool(cli->arena, made, "isArchived", false);
    *out = made;
    return 0;
}

/* The named file, with what the schedule wants otherwise laid over it. */
static int of_file(struct document *document, struct str file, const struct json *over,
                   struct json **out, struct error *err)
{
    struct document job;

    assert(file.len > 0);
    if (document_open(document, file, "commandJob", &job, err) < 0)
        return -1;
    if (over) {
        struct json *changes = json_copy(document->cli->arena, over);
        json_remove(changes, STR("job"));
        json_merge(document->cli->arena, job.yaml.root, changes);
    }
    return make(&job, out, err);
}

/* Whichever way it is named, the schedule holds the job itself: a later change of the file is
 * not seen. */
int job_definition(struct document *document, const char *path, struct json **out,
                   struct error *err)
{
    const struct json *value = document_at(document, path);
    struct str text = json_as_str(value), job = json_str_at(value, "job");

    assert(value);
    *out = NULL;
    if (json_kind(value) != JSON_OBJECT && str_starts(text, STR("azureml:")))
        return of_job(document, path, text, out, err);
    if (json_kind(value) != JSON_OBJECT)
        return of_file(document, text, NULL, out, err);
    if (str_starts(job, STR("azureml:")))
        return of_job(document, path, job, out, err);
    if (job.len)
        return of_file(document, job, value, out, err);
    /* A whole job in place: a document of its own, with the places of this one. */
    struct document own = *document;
    own.yaml.root = (struct json *)value;
    own.problems = (struct yaml_problems){.arena = document->cli->arena};
    return make(&own, out, err);
}
