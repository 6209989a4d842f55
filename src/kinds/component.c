/* Components: the specification is YAML turned to JSON by the client, kept to the letter and given
 * back so; it is checked for what its type cannot do without, and for references that lead nowhere.
 */
#include "kinds/component.h"

#include "kinds/fields.h"
#include "kinds/filter.h"
#include "kinds/kinds.h"
#include "kinds/plain.h"

#include <assert.h>

/* The component as its YAML says it: snake case, and by far more than ARM describes. */
#define SPEC "properties.componentSpec"
/* The version that clients ask for when they were told none. */
#define DEFAULT_VERSION "azureml_default"

/* What a type of component cannot do without, and which of its members are references. */
struct component_type {
    const char *name;
    const char *texts[3];   /* members that are texts and not empty */
    const char *objects[2]; /* members that are objects */
    const char *inner;      /* the object that holds `code` and `environment`; "" itself */
    bool environment;       /* needs one there */
};

/* What each type needs to be of any use; the rest of its specification is kept as it came. */
static const struct component_type TYPES[] = {
    {"command", {"command"}, {0}, "", true},
    {"parallel", {0}, {"task"}, "task", false},
    {"pipeline", {0}, {"jobs"}, NULL, false},
    {"spark", {"code"}, {"entry"}, "", false},
    {"sweep", {"sampling_algorithm"}, {"search_space", "objective"}, "trial", false},
    {"automl", {"task"}, {0}, NULL, false},
    {"data_transfer", {"task"}, {0}, NULL, false},
    {"import", {0}, {"source"}, NULL, false},
    {"flow_parallel", {0}, {0}, "", false},
    {"promptflow_parallel", {0}, {0}, "", false},
};

/* The tasks of a data transfer. */
static const char *const TRANSFERS[] = {"copy_data", "import_data", "export_data"};

/* "properties.componentSpec.inputs.x" */
static const char *below(struct arm_request *req, const char *path, const char *member,
                         struct str name)
{
    assert(path && member);
    return arena_printf(req->arena, "%s.%s%s%.*s", path, member, name.len ? "." : "", STR_ARG(name))
        .ptr;
}

/* Types are few: a walk is quicker than a table. */
static const struct component_type *type_of(struct str name)
{
    for (size_t i = 0; i < COUNT(TYPES); i++)
        if (str_eq(str_from(TYPES[i].name), name))
            return &TYPES[i];
    return NULL;
}

/* The sentence names what there is, so that a slip is seen at once. */
static int unknown_type(const char *path, struct str name, struct error *err)
{
    struct str known = STR("command, pipeline, parallel, sweep, spark, automl, data_transfer, "
                           "import, flow_parallel");

    return error_set(err, ERROR_INVALID, path, "'%.*s' is no type of component; there are: %.*s.",
                     STR_ARG(name), STR_ARG(known));
}

/* Inputs and outputs are objects by name, each with its type. */
static int check_ports(struct arm_request *req, const char *path, const struct json *spec,
                       const char *group, struct error *err)
{
    struct json_iter it = json_iter(json_at(spec, group));

    if (!json_is_null(json_at(spec, group)) && json_kind(json_at(spec, group)) != JSON_OBJECT)
        return error_set(err, ERROR_INVALID, below(req, path, group, STR("")),
                         "Expected an object here.");
    while (json_next(&it)) {
        const char *at = below(req, path, group, it.key);
        if (json_kind(it.value) != JSON_OBJECT)
            return error_set(err, ERROR_INVALID, at, "Expected an object with a `type` here.");
        if (json_str_at(it.value, "type").len == 0)
            return error_set(err, ERROR_INVALID, arena_printf(req->arena, "%s.type", at).ptr,
                             "This field is required.");
    }
    return 0;
}

/* The members that its type cannot do without. */
static int check_members(struct arm_request *req, const char *path, const struct json *spec,
                         const struct component_type *type, struct error *err)
{
    for (size_t i = 0; i < COUNT(type->texts) && type->texts[i]; i++)
        if (str_trim(json_str_at(spec, type->texts[i])).len == 0)
            return error_set(err, ERROR_INVALID, below(req, path, type->texts[i], STR("")),
                             "A component of type %s needs this text.", type->name);
    for (size_t i = 0; i < COUNT(type->objects) && type->objects[i]; i++)
        if (json_kind(json_at(spec, type->objects[i])) != JSON_OBJECT)
            return error_set(err, ERROR_INVALID, below(req, path, type->objects[i], STR("")),
                             "A component of type %s needs this object.", type->name);
    if (str_eq(str_from(type->name), STR("data_transfer"))) {
        struct str task = json_str_at(spec, "task");
        for (size_t i = 0; i < COUNT(TRANSFERS); i++)
            if (str_eq(task, str_from(TRANSFERS[i])))
                return 0;
        return error_set(err, ERROR_INVALID, below(req, path, "task", STR("")),
                         "'%.*s' is none of: copy_data, import_data, export_data.", STR_ARG(task));
    }
    return 0;
}

/* Every ${{inputs.x}} and ${{outputs.y}} of a command is declared. */
static int check_command(struct arm_request *req, const char *path, const struct json *spec,
                         struct error *err)
{
    struct str rest = json_str_at(spec, "command");
    const char *at = below(req, path, "command", STR(""));

    assert(rest.len > 0);
    for (ssize_t begin; (begin = str_find(rest, STR("${{"))) >= 0;) {
        rest = str_slice(rest, (size_t)begin + 3, rest.len);
        ssize_t end = str_find(rest, STR("}}"));
        if (end < 0)
            return error_set(err, ERROR_INVALID, at, "A '${{' is never closed by '}}'.");
        struct str target = str_trim(str_slice(rest, 0, (size_t)end)), group, name;
        bool known = str_cut(target, '.', &group, &name) &&
                     (str_eq(group, STR("inputs")) || str_eq(group, STR("outputs")));
        rest = str_slice(rest, (size_t)end + 2, rest.len);
        /* Groups of parameters are spelled inputs.group.member: the group is what is declared. */
        if (known)
            str_cut(name, '.', &name, &(struct str){0});
        if (known && !json_get(json_get(spec, group), name))
            return error_set(err, ERROR_INVALID, at,
                             "The command uses '${{%.*s}}', but the component has no such %s.",
                             STR_ARG(target), group.ptr[0] == 'i' ? "input" : "output");
    }
    return 0;
}

/* `code` and `environment` as texts; an environment may be written in line. */
static int check_references(struct arm_request *req, const char *path, const struct json *holder,
                            struct lineage *lineage, struct error *err)
{
    const struct json *code = json_at(holder, "code"),
                      *environment = json_at(holder, "environment");
    const struct lineage_query queries[] = {
        {below(req, path, "code", STR("")), "code", "codes", json_str_at(holder, "code")},
        {below(req, path, "environment", STR("")), "environment", "environments",
         json_str_at(holder, "environment")},
    };

    assert(lineage);
    if (!json_is_null(code) && json_kind(code) != JSON_STRING)
        return error_set(err, ERROR_INVALID, queries[0].path, "Expected the id of code here.");
    if (!json_is_null(environment) && json_kind(environment) != JSON_STRING &&
        (json_kind(environment) != JSON_OBJECT || json_count(environment) == 0))
        return error_set(err, ERROR_INVALID, queries[1].path,
                         "Expected the id of an environment here, or one written in line.");
    for (size_t i = 0; i < COUNT(queries); i++)
        if (lineage_add(req, lineage, &queries[i], err) < 0)
            return -1;
    return 0;
}

/* The nodes of a pipeline: objects, each with a type or a component. */
static int check_nodes(struct arm_request *req, const char *path, const struct json *spec,
                       struct lineage *lineage, struct error *err)
{
    struct json_iter it = json_iter(json_at(spec, "jobs"));

    while (json_next(&it)) {
        const char *at = below(req, path, "jobs", it.key);
        struct str id = json_str_at(it.value, "componentId");
        if (id.len == 0)
            id = json_str_at(it.value, "component");
        if (json_kind(it.value) != JSON_OBJECT ||
            (id.len == 0 && json_str_at(it.value, "type").len == 0))
            return error_set(err, ERROR_INVALID, at,
                             "A node is an object with a `type` or a `componentId`.");
        const struct lineage_query query = {at, "component", "components", id};
        if (lineage_add(req, lineage, &query, err) < 0)
            return -1;
    }
    return 0;
}

/* From the outside inwards: its type, its ports, its members, what it refers to. */
int component_check(struct arm_request *req, const char *path, const struct json *spec,
                    struct lineage *lineage, struct error *err)
{
    struct str name = json_str_at(spec, "type");
    const struct component_type *type = type_of(name);

    assert(json_kind(spec) == JSON_OBJECT);
    if (!type)
        return unknown_type(below(req, path, "type", STR("")), name, err);
    if (check_ports(req, path, spec, "inputs", err) < 0 ||
        check_ports(req, path, spec, "outputs", err) < 0 ||
        check_members(req, path, spec, type, err) < 0)
        return -1;
    if (str_eq(name, STR("command")) && check_command(req, path, spec, err) < 0)
        return -1;
    if (type->environment && json_is_null(json_at(spec, "environment")))
        return error_set(err, ERROR_INVALID, below(req, path, "environment", STR("")),
                         "A component of type %s needs an environment.", type->name);
    if (type->inner) {
        const struct json *holder = type->inner[0] ? json_at(spec, type->inner) : spec;
        const char *at = type->inner[0] ? below(req, path, type->inner, STR("")) : path;
        if (check_references(req, at, holder, lineage, err) < 0)
            return -1;
    }
    return str_eq(name, STR("pipeline")) ? check_nodes(req, path, spec, lineage, err) : 0;
}

/* --- The kinds ------------------------------------------------------------------------------- */

/* A container has words only; what it holds are its versions. */
static int component_prepare(struct arm_request *req, struct error *err)
{
    assert(req->body);
    if (fields_check(req->arena, req->body, &fields_component, err) < 0)
        return -1;
    fields_asset_defaults(req->arena, req->body);
    return 0;
}

/* A version that is there keeps its specification, under the words that came. */
static int keep_stored(struct arm_request *req, struct error *err)
{
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(req->engines->store, err);
    struct document_key key = {req->scope.number, STR("components"), 0, req->parent_name};
    struct document container, version;
    struct error missing = {0};

    if (!txn)
        return -1;
    if (document_get(txn, &key, &container, &missing) == 0) {
        key =
            (struct document_key){key.scope, STR("components/versions"), container.doc, req->name};
        if (document_get(txn, &key, &version, &missing) == 0) {
            struct json *body = json_parse(req->arena, version.body, err);
            if (!body)
                return -1;
            const struct json *stored = json_at(body, SPEC), *wanted = json_at(req->body, SPEC);
            /* What is another component is refused by `check`, where nothing can come between. */
            if (component_differs(req, txn, stored, wanted).len)
                return 0;
            return json_put(req->arena, req->body, SPEC,
                            component_describe(req->arena, stored, wanted), err);
        }
    }
    if (missing.code == ERROR_NOT_FOUND)
        return 0;
    *err = missing;
    return -1;
}

/* A pipeline component may be asked for by the job that it is to be made from. Jobs of that kind
 * are not run here yet, so that it can only be told what is wrong with the one it names. */
static int check_source_job(struct arm_request *req, const struct json *spec, struct error *err)
{
    static const char FIELD[] = SPEC ".sourceJobId";
    struct str id = json_str_at(spec, "sourceJobId"), jobs = STR("/jobs/");
    struct document job;

    if (id.len == 0)
        id = json_str_at(spec, "source_job_id");
    if (id.len == 0)
        return 0;
    ssize_t at = str_find(id, jobs);
    struct str name = at < 0 ? id : str_slice(id, (size_t)at + jobs.len, id.len);
    struct document_key key = {req->scope.number, STR("jobs"), 0, name};
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(req->engines->store, err);
    if (!txn)
        return -1;
    if (document_get(txn, &key, &job, err) < 0)
        return err->code != ERROR_NOT_FOUND
                   ? -1
                   : error_set(err, ERROR_NOT_FOUND, FIELD, "There is no job '%.*s' here.",
                               STR_ARG(name));
    struct json *body = json_parse(req->arena, job.body, err);
    if (!body)
        return -1;
    struct str type = json_str_at(body, "properties.jobType");
    if (str_eq_fold(type, STR("Pipeline")))
        return plain_unbuilt(FIELD, "Making a component from a pipeline job", err);
    return error_set(err, ERROR_INVALID, FIELD,
                     "Job '%.*s' is of type %.*s; a component is made from a pipeline job.",
                     STR_ARG(name), STR_ARG(type));
}

/* Nothing of the specification is rewritten: clients hash what they get back. */
static int component_version_prepare(struct arm_request *req, struct error *err)
{
    struct lineage *lineage = arena_make(req->arena, struct lineage);

    assert(req->name.len > 0);
    req->prepared = lineage;
    if (fields_check(req->arena, req->body, &fields_component_version, err) < 0)
        return -1;
    if (component_check(req, SPEC, json_at(req->body, SPEC), lineage, err) < 0 ||
        check_source_job(req, json_at(req->body, SPEC), err) < 0)
        return -1;
    fields_asset_defaults(req->arena, req->body);
    return keep_stored(req, err);
}

/* Decisions 6, for what a component is: another one needs another version. */
static int component_version_check(struct arm_request *req, struct store_txn *txn,
                                   const struct document *before, struct error *err)
{
    struct json *stored = before ? json_parse(req->arena, before->body, err) : NULL;

    assert(store_is_writer(txn));
    if (!before)
        return 0;
    if (!stored)
        return -1;
    struct str member =
        component_differs(req, txn, json_at(stored, SPEC), json_at(req->body, SPEC));
    if (member.len == 0)
        return 0;
    error_set(err, ERROR_CONFLICT, arena_printf(req->arena, SPEC ".%.*s", STR_ARG(member)).ptr,
              "Version %.*s of component '%.*s' exists and cannot change: its %.*s is another.",
              STR_ARG(req->name), STR_ARG(req->parent_name), STR_ARG(member));
    return error_hint(err, "Give the change a new version.");
}

/* "…/components/n" of "…/components/n/versions/1". */
static struct str above_version(struct str id)
{
    struct str versions = str_slice(id, 0, (size_t)str_find_last(id, '/'));

    assert(str_ends(versions, STR("/versions")));
    return str_slice(versions, 0, (size_t)str_find_last(versions, '/'));
}

/* Its state, and whether it is archived. A specification is shown with its version, by which
 * clients know what they made when they left that to the server. What was asked for without one
 * keeps an address that follows the newest: pipelines made with it take what is newest then. */
static int component_version_show(struct arm_request *req, struct store_txn *txn,
                                  const struct document *document, struct json *wire,
                                  struct error *err)
{
    struct str container = above_version(json_str_at(wire, "id"));
    struct json *spec = json_at(wire, SPEC);

    assert(document->name.len > 0);
    json_set_bool(req->arena, json_at(wire, "properties"), "isArchived", document->archived);
    if (str_eq(req->name, STR(DEFAULT_VERSION)))
        json_set_str(req->arena, wire, "id",
                     arena_printf(req->arena, "%.*s/labels/default", STR_ARG(container)));
    if (json_kind(spec) == JSON_OBJECT) {
        component_complete(req->arena, spec);
        if (json_is_null(json_get(spec, STR("version"))))
            json_set_str(req->arena, spec, "version", document->name);
    }
    return plain_show(req, txn, document, wire, err);
}

/* Edges of a second PUT are the same edges: storing them again does nothing. */
static int component_version_change(struct arm_request *req, struct store_txn *txn,
                                    const struct document *after, struct error *err)
{
    const struct lineage_link made = {.kind = str_from(req->kind->type), .id = req->id};

    assert(after->doc > 0);
    return lineage_store(req, txn, req->prepared, &made, err);
}

/* Clients that are told no version ask for one of this name: the newest is meant. */
static int find_default(struct arm_request *req, struct store_txn *txn, struct document *out,
                        struct error *err)
{
    assert(req->parent.doc > 0);
    if (!str_eq(req->name, STR(DEFAULT_VERSION)))
        return error_set(err, ERROR_NOT_FOUND, "", "There is no version of that name.");
    return document_latest(txn, req->scope.number, req->parent.doc, out, err);
}

/* The upload begins before the version exists. */
static const struct arm_action ACTIONS[] = {
    {.name = "publish", .run = plain_publish},
    {.name = "startPendingUpload", .run = upload_start, .without_document = true},
};

const struct arm_kind component_kind = {
    .type = "components",
    .wire = "Microsoft.MachineLearningServices/workspaces/components",
    .prepare = component_prepare,
    .list = filter_list,
};

const struct arm_kind component_version_kind = {
    .type = "components/versions",
    .wire = "Microsoft.MachineLearningServices/workspaces/components/versions",
    .parent = &component_kind,
    .makes_parent = true,
    .prepare = component_version_prepare,
    .check = component_version_check,
    .change = component_version_change,
    .show = component_version_show,
    .find = find_default,
    .list = filter_list,
    .actions = ACTIONS,
    .action_count = COUNT(ACTIONS),
};
