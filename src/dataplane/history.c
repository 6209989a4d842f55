/* Run history: the same runs that ARM shows as jobs and MLflow as runs, in the words that the SDK
 * reads when it follows, downloads or changes a job. */
#include "dataplane/internal.h"

#include "os/clock.h"
#include "store/document.h"

#include <assert.h>

int plane_scope(const struct call *call, struct store_txn *txn, struct scope *out,
                struct error *err)
{
    return scope_find(txn, call_param(call, "subscription"), call_param(call, "group"),
                      call_param(call, "workspace"), out, err);
}

/* The document of a job beside its run. */
static int read_document(struct plane_run *at, struct error *err)
{
    struct document document;

    at->properties = at->resolved = NULL;
    if (at->run.doc == 0)
        return 0;
    if (document_by_id(at->txn, at->run.doc, &document, err) < 0)
        return -1;
    struct json *body = json_parse(store_arena(at->txn), document.body, err);
    if (!body)
        return -1;
    at->properties = json_get(body, STR("properties"));
    at->resolved = json_get(body, STR("resolved"));
    return 0;
}

int plane_find_run(struct plane_run *at, struct str name, struct error *err)
{
    assert(at->txn);
    if (plane_scope(at->call, at->txn, &at->scope, err) < 0)
        return -1;
    if (name.len == 0 || run_get(at->txn, at->scope.number, name, &at->run, err) < 0)
        return error_set(err, ERROR_NOT_FOUND, "run", "There is no run '%.*s'.", STR_ARG(name));
    return read_document(at, err);
}

static void set_time(struct arena *arena, struct json *object, const char *key, int64_t us)
{
    char text[CLOCK_ISO_BYTES];

    if (us)
        json_set_str(arena, object, key, clock_iso(us, text));
    else
        json_set_null(arena, object, key);
}

/* "00:01:05", from its start to its end, or to now. */
static struct str duration(struct arena *arena, const struct run *run)
{
    int64_t end = run->end_us ? run->end_us : clock_now_us();
    int64_t seconds = run->start_us && end > run->start_us ? (end - run->start_us) / US_PER_S : 0;

    return arena_printf(arena, "%02lld:%02lld:%02lld", (long long)(seconds / 3600),
                        (long long)(seconds / 60 % 60), (long long)(seconds % 60));
}

/* What a job wrote under a name; the id is what batchGetResolvedUris is asked with. */
static struct json *outputs_of(struct plane_run *at)
{
    static const struct {
        const char *type, *shown;
    } MODELS[] = {{"custom_model", "CustomModel"},
                  {"mlflow_model", "MLFlowModel"},
                  {"triton_model", "TritonModel"}};
    struct arena *arena = at->call->arena;
    struct json *outputs = json_object(arena);
    struct json_iter it = json_iter(json_get(at->resolved, STR("outputs")));

    while (json_next(&it)) {
        struct json *output = json_object(arena);
        struct str type = json_str_at(it.value, "type");
        for (size_t i = 0; i < COUNT(MODELS); i++)
            if (str_eq(type, str_from(MODELS[i].type)))
                type = str_from(MODELS[i].shown);
        json_set_str(arena, output, "assetId",
                     arena_printf(arena, "azureml://jobs/%.*s/outputs/%.*s",
                                  STR_ARG(at->run.run_id), STR_ARG(it.key)));
        json_set_str(arena, output, "type", type);
        json_set(arena, outputs, it.key, output);
    }
    return outputs;
}

/* Who it belongs to and what it hangs on. */
static int set_relations(struct plane_run *at, struct json *view, struct error *err)
{
    struct arena *arena = at->call->arena;
    struct json *user = json_object(arena);
    struct run parent = at->run, root = at->run;

    assert(at->run.run > 0);
    if ((at->run.parent && run_by_row(at->txn, at->run.parent, &parent, err) < 0) ||
        (at->run.root && run_by_row(at->txn, at->run.root, &root, err) < 0))
        return -1;
    json_set_str(arena, view, "runId", at->run.run_id);
    json_set_str(arena, view, "rootRunId", root.run_id);
    if (at->run.parent)
        json_set_str(arena, view, "parentRunId", parent.run_id);
    else
        json_set_null(arena, view, "parentRunId");
    json_set_str(arena, view, "experimentId",
                 arena_printf(arena, "%lld", (long long)at->run.experiment));
    json_set_str(arena, user, "userName", at->run.user);
    json_set(arena, view, STR("createdBy"), user);
    return 0;
}

static void set_times(struct plane_run *at, struct json *view)
{
    struct arena *arena = at->call->arena;

    set_time(arena, view, "createdUtc", at->run.created_us);
    set_time(arena, view, "startTimeUtc", at->run.start_us);
    set_time(arena, view, "endTimeUtc", at->run.end_us);
    json_set_str(arena, view, "duration", duration(arena, &at->run));
}

struct json *plane_run_view(struct plane_run *at, struct error *err)
{
    struct arena *arena = at->call->arena;
    struct json *view = json_object(arena), *tags = json_object(arena);
    struct json *properties = json_get(at->properties, STR("properties"));

    if (set_relations(at, view, err) < 0 || run_tags(at->txn, &at->run, tags, err) < 0)
        return NULL;
    json_set_int(arena, view, "runNumber", at->run.run);
    json_set_str(arena, view, "status", str_from(run_status_name(at->run.status)));
    set_times(at, view);
    json_set_str(arena, view, "displayName", at->run.name);
    json_set_str(arena, view, "dataContainerId",
                 arena_printf(arena, "dcid.%.*s", STR_ARG(at->run.run_id)));
    json_set_str(arena, view, "description", json_str_at(at->properties, "description"));
    json_set_bool(arena, view, "hidden", at->run.archived || at->run.deleted_us != 0);
    json_set_str(arena, view, "runType",
                 at->run.doc ? STR("azureml.commandjob") : STR("azureml.mlflowrun"));
    json_set_int(arena, view, "revision", at->run.rev);
    json_set(arena, view, STR("properties"),
             json_kind(properties) == JSON_OBJECT ? json_copy(arena, properties)
                                                  : json_object(arena));
    json_set(arena, view, STR("tags"), tags);
    json_set(arena, view, STR("outputs"), outputs_of(at));
    /* Copied, since the view outlives the transaction that it was read in. */
    return json_copy(arena, view);
}

/* Opens a read and finds the run, then answers with what `make` says. */
static void answer(struct call *call, struct str name,
                   struct json *(*make)(struct plane_run *, struct error *))
{
    struct engines *engines = call->face;
    struct error err = {0};
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(engines->store, &err);
    struct plane_run at = {.call = call, .engines = engines, .txn = txn};
    struct json *body = NULL;

    if (txn && plane_find_run(&at, name, &err) == 0)
        body = make(&at, &err);
    if (body)
        arm_reply(call, 200, body);
    else
        arm_refuse(call, &err);
}

void plane_get_run(struct call *call)
{
    answer(call, call_param(call, "run"), plane_run_view);
}

/* Services of a job (a notebook, a shell) are refused when it is submitted, so there are none. */
static struct json *services_view(struct plane_run *at, struct error *)
{
    struct json *body = json_object(at->call->arena);

    json_set(at->call->arena, body, STR("instances"), json_object(at->call->arena));
    return body;
}

void plane_list_services(struct call *call)
{
    answer(call, call_param(call, "run"), services_view);
}

static struct json *data_view(struct plane_run *at, struct error *err)
{
    struct json *body = json_object(at->call->arena), *view = plane_run_view(at, err);

    if (!view)
        return NULL;
    json_set(at->call->arena, body, STR("runMetadata"), view);
    return body;
}

/* POST rundata: the run is named in the body. */
void plane_run_data(struct call *call)
{
    struct error err = {0};
    struct json *body = json_parse(call->arena, http_body(call->ex), &err);

    if (!body)
        arm_refuse(call, &err);
    else
        answer(call, json_str_at(body, "runId"), data_view);
}

#define CHILDREN_PAGE 200

struct children {
    struct plane_run *parent;
    struct json *list;
    struct run last;
    size_t count;
};

static int add_child(const struct run *run, void *context, struct error *err)
{
    struct children *children = context;
    struct plane_run at = *children->parent;

    at.run = *run;
    if (read_document(&at, err) < 0)
        return -1;
    struct json *view = plane_run_view(&at, err);
    if (!view)
        return -1;
    json_append(at.call->arena, children->list, view);
    children->last = *run;
    children->count++;
    return 0;
}

/* "…/children?continuationToken={created}.{row}" of the page behind a full one. */
static struct str next_link(const struct children *children)
{
    const struct call *call = children->parent->call;

    return arena_printf(call->arena, "%.*s%.*s?continuationToken=%lld.%lld",
                        STR_ARG(arm_base_url(call)), STR_ARG(http_path(call->ex)),
                        (long long)children->last.created_us, (long long)children->last.run);
}

static struct json *children_view(struct plane_run *at, struct error *err)
{
    struct arena *arena = at->call->arena;
    struct children children = {.parent = at, .list = json_array(arena)};
    struct run_query query = {
        .scope = at->scope.number, .parent = at->run.run, .all = true, .limit = CHILDREN_PAGE};
    struct str token = call_query(at->call, "continuationToken"), us, row;
    struct json *body = json_object(arena);

    if (token.len > 0 && (!str_cut(token, '.', &us, &row) || !str_to_int64(us, &query.before_us) ||
                          !str_to_int64(row, &query.before_run))) {
        error_set(err, ERROR_INVALID, "continuationToken",
                  "A continuation token is what the nextLink of a page said.");
        return NULL;
    }
    if (run_list(at->txn, &query, add_child, &children, err) < 0)
        return NULL;
    json_set(arena, body, STR("value"), children.list);
    if (children.count == CHILDREN_PAGE)
        json_set_str(arena, body, "nextLink", next_link(&children));
    return body;
}

void plane_list_children(struct call *call)
{
    answer(call, call_param(call, "run"), children_view);
}
