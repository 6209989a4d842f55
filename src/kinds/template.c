/* Deployments on the wire. One is kept in the scope that it made first, and goes with it. */
#include "kinds/template.h"

#include "identity/identity.h"
#include "kinds/template_deploy.h"
#include "os/clock.h"
#include "os/random.h"

#include <assert.h>

#define TYPE STR("deployments")
#define BODY_BYTES (4 * MIB)

struct finding {
    struct call *call;
    struct store_txn *txn;
    struct document *documents; /* those found */
    size_t count, size;
};

/* Whether a scope is one of the group that the path names. */
static bool in_group(const struct call *call, const struct scope *scope)
{
    return scope->kind != SCOPE_RETIRED &&
           str_eq_fold(scope->subscription, call_param(call, "subscription")) &&
           str_eq_fold(scope->group, call_param(call, "group"));
}

/* Deployments of a group lie in its scopes, which are few. */
static int look_in_scope(const struct scope *scope, void *context)
{
    struct finding *finding = context;
    struct call *call = finding->call;
    struct document_key key = {scope->number, TYPE, 0, call_param(call, "deployment")};
    struct document document;
    struct error none;

    if (!in_group(call, scope) || document_get(finding->txn, &key, &document, &none) < 0)
        return 0;
    finding->documents[0] = arm_keep(call->arena, &document);
    finding->count = 1;
    return -1;
}

static int find(struct call *call, struct document *out, struct error *err)
{
    struct engines *engines = arm_engines(call->face);
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(engines->store, err);
    struct finding finding = {.call = call, .txn = txn, .documents = out, .size = 1};

    if (!txn || scope_each(txn, look_in_scope, &finding, err) < 0)
        return -1;
    if (finding.count > 0)
        return 0;
    return error_set(err, ERROR_NOT_FOUND, "", "Deployment '%.*s' could not be found.",
                     STR_ARG(str_slice(call_param(call, "deployment"), 0, 80)));
}

static struct str deployment_id(struct call *call, struct str name)
{
    return arena_printf(call->arena,
                        "/subscriptions/%.*s/resourceGroups/%.*s/providers/Microsoft.Resources/"
                        "deployments/%.*s",
                        STR_ARG(call_param(call, "subscription")),
                        STR_ARG(call_param(call, "group")), STR_ARG(name));
}

/* Without its operations, which have an address of their own. */
static struct json *show(struct call *call, const struct document *document)
{
    struct json *wire = json_object(call->arena);
    struct json *body = json_parse(call->arena, document->body, NULL);

    json_set_str(call->arena, wire, "id", deployment_id(call, document->name));
    json_set_str(call->arena, wire, "name", document->name);
    json_set_str(call->arena, wire, "type", STR("Microsoft.Resources/deployments"));
    json_set(call->arena, wire, STR("properties"), json_get(body, STR("properties")));
    return wire;
}

/* "string" as Azure shows it: "String"; "" for what is kept to itself (securestring, secureobject)
 * and for what is no type. */
static struct str output_type(struct str type)
{
    static const char *const TYPES[] = {"String", "Int", "Bool", "Object", "Array"};

    for (size_t i = 0; i < COUNT(TYPES); i++)
        if (str_eq_fold(type, str_from(TYPES[i])))
            return str_from(TYPES[i]);
    return STR("");
}

/* One output, unless its condition says no or it needs a running resource (`reference`): that can
 * be asked for by its own address. */
static int add_output(struct template *t, const struct json_iter *it, struct json *out,
                      struct error *err)
{
    struct str type = output_type(json_str_at(it->value, "type"));
    const struct json *condition = json_get(it->value, STR("condition"));
    const struct json *written = json_get(it->value, STR("value"));
    struct json *output = json_object(t->arena), *value = NULL;
    struct error cause = {0};

    assert(json_kind(out) == JSON_OBJECT);
    if (type.len == 0 || !written)
        return 0;
    const struct json *wanted = condition ? template_value(t, condition, &cause) : NULL;
    if (cause.code == ERROR_NONE && !json_as_bool(wanted, !condition))
        return 0;
    if (cause.code == ERROR_NONE)
        value = template_value(t, written, &cause);
    if (cause.code != ERROR_NONE && cause.code != ERROR_NOT_IMPLEMENTED) {
        *err = cause;
        return -1;
    }
    if (!value)
        return 0;
    json_set_str(t->arena, output, "type", type);
    json_set(t->arena, output, STR("value"), value);
    json_set(t->arena, out, it->key, output);
    return 0;
}

/* What the template tells its caller. Errors: those of its expressions. */
static struct json *outputs_of(struct deploy *deploy, const struct json *template,
                               struct error *err)
{
    struct json *outputs = json_object(deploy->t.arena);
    struct json_iter it = json_iter(json_get(template, STR("outputs")));

    while (json_next(&it))
        if (add_output(&deploy->t, &it, outputs, err) < 0)
            return NULL;
    return outputs;
}

/* What GET shows from now on. */
static struct json *body_of(struct deploy *deploy, struct json *outputs, int64_t begun_us)
{
    struct arena *arena = deploy->t.arena;
    struct json *body = json_object(arena), *properties = json_object(arena);
    struct json *resources = json_array(arena);
    struct json_iter it = json_iter(deploy->made);
    int64_t now = clock_now_us();
    char text[CLOCK_ISO_BYTES];

    while (json_next(&it)) {
        struct json *one = json_object(arena);
        json_set(arena, one, STR("id"), it.value);
        json_append(arena, resources, one);
    }
    json_set_str(arena, properties, "provisioningState", STR("Succeeded"));
    json_set_str(arena, properties, "mode", STR("Incremental"));
    json_set_str(arena, properties, "timestamp", clock_iso(now, text));
    json_set_str(arena, properties, "duration",
                 arena_printf(arena, "PT%.3fS", (double)(now - begun_us) / US_PER_S));
    json_set_str(arena, properties, "correlationId", random_uuid(arena));
    json_set(arena, properties, STR("outputs"), outputs);
    json_set(arena, properties, STR("outputResources"), resources);
    json_set(arena, body, STR("properties"), properties);
    json_set(arena, body, STR("operations"), deploy->operations);
    return body;
}

struct keeping {
    struct document document;
    bool again;
};

/* A deployment of the same name takes the place of the one before. */
static int keep_apply(struct store_txn *txn, void *context, struct error *err)
{
    struct keeping *keeping = context;
    struct document fresh = keeping->document, before;
    struct document_key key = {fresh.scope, TYPE, 0, fresh.name};

    assert(store_is_writer(txn));
    if (document_get(txn, &key, &before, err) == 0) {
        before.body = fresh.body;
        return document_update(txn, &before, err);
    }
    return err->code == ERROR_NOT_FOUND ? document_insert(txn, &fresh, err) : -1;
}

static int deploy_call(struct call *call, struct document *out, struct error *err)
{
    struct engines *engines = arm_engines(call->face);
    struct json *body = json_parse(call->arena, http_body(call->ex), err);
    int64_t begun = clock_now_us();
    struct deploy deploy = {
        .arm = call->face,
        .call = call,
        .operations = json_array(call->arena),
        .made = json_array(call->arena),
        .t = {.arena = call->arena,
              .subscription = call_param(call, "subscription"),
              .group = call_param(call, "group"),
              .location = STR(WORKSPACE_LOCATION),
              .deployment = call_param(call, "deployment")},
    };

    if (!body || name_check(NAME_ASSET, deploy.t.deployment, "deployment", err) < 0)
        return -1;
    if (engines->identity)
        deploy.t.tenant = identity_tenant(engines->identity);
    if (template_deploy(&deploy, json_get(body, STR("properties")), err) < 0)
        return -1;
    struct json *outputs = outputs_of(&deploy, json_at(body, "properties.template"), err);
    if (!outputs)
        return -1;
    struct keeping keeping = {
        .document = {.scope = deploy.scope.number,
                     .type = TYPE,
                     .name = deploy.t.deployment,
                     .created_by = call->caller.name,
                     .system = STR("{}"),
                     .body = json_write(call->arena, body_of(&deploy, outputs, begun))}};
    *out = keeping.document;
    return store_write(engines->store, keep_apply, &keeping, err);
}

/* All is done when the reply goes out; the address of the operation is what clients poll. */
static void serve_put(struct call *call)
{
    struct document document = {0};
    struct error err = {0};

    assert(call->face);
    if (deploy_call(call, &document, &err) < 0) {
        arm_refuse(call, &err);
        return;
    }
    http_add_header(
        call->ex, "Azure-AsyncOperation",
        arena_printf(call->arena, "%.*s%.*s/operationStatuses/%.*s?api-version=2020-06-01",
                     STR_ARG(arm_base_url(call)), STR_ARG(deployment_id(call, document.name)),
                     STR_ARG(random_hex(call->arena, 8))));
    http_add_header(call->ex, "Retry-After", STR("1"));
    arm_reply(call, 201, show(call, &document));
}

static void serve_get(struct call *call)
{
    struct document document;
    struct error err = {0};

    if (find(call, &document, &err) < 0)
        arm_refuse(call, &err);
    else
        arm_reply(call, 200, show(call, &document));
}

static void serve_head(struct call *call)
{
    struct document document;
    struct error err = {0};

    if (find(call, &document, &err) < 0)
        arm_refuse(call, &err);
    else
        arm_reply(call, 204, NULL);
}

/* --- All of a group -------------------------------------------------------------------------- */

#define SHOWN_MAX 800 /* as many as Azure keeps of a group */

struct showing {
    struct call *call;
    struct store_txn *txn;
    struct json *value;
    struct error *err;
    bool failed;
};

static int show_one(const struct document *document, void *context, struct error *err)
{
    struct showing *showing = context;
    struct document kept = arm_keep(showing->call->arena, document);

    if (json_count(showing->value) < SHOWN_MAX)
        json_append(showing->call->arena, showing->value, show(showing->call, &kept));
    return 0;
}

static int show_in_scope(const struct scope *scope, void *context)
{
    struct showing *showing = context;
    struct document_query query = {.scope = scope->number, .type = TYPE, .limit = SHOWN_MAX};

    assert(context);
    if (!in_group(showing->call, scope))
        return 0;
    showing->failed = document_list(showing->txn, &query, show_one, showing, showing->err) < 0;
    return showing->failed ? -1 : 0;
}

/* The newest first within each workspace. */
static void serve_list(struct call *call)
{
    struct error err = {0};
    CLEANUP(store_read_end)
    struct store_txn *txn = store_read_begin(arm_engines(call->face)->store, &err);
    struct json *page = json_object(call->arena);
    struct showing showing = {
        .call = call, .txn = txn, .value = json_array(call->arena), .err = &err};

    if (!txn || scope_each(txn, show_in_scope, &showing, &err) < 0 || showing.failed) {
        arm_refuse(call, &err);
        return;
    }
    json_set(call->arena, page, STR("value"), showing.value);
    arm_reply(call, 200, page);
}

static int remove_apply(struct store_txn *txn, void *context, struct error *err)
{
    const struct document *document = context;

    assert(store_is_writer(txn));
    return document_delete(txn, document->doc, err);
}

/* The record alone: what was deployed stays. */
static void serve_delete(struct call *call)
{
    struct document document;
    struct error err = {0};

    if (find(call, &document, &err) < 0) {
        if (err.code == ERROR_NOT_FOUND)
            arm_reply(call, 204, NULL);
        else
            arm_refuse(call, &err);
        return;
    }
    if (store_write(arm_engines(call->face)->store, remove_apply, &document, &err) < 0)
        arm_refuse(call, &err);
    else
        arm_reply(call, 204, NULL);
}

static void serve_status(struct call *call)
{
    struct json *body = json_object(call->arena);
    struct document document;
    struct error err = {0};

    if (find(call, &document, &err) < 0) {
        arm_refuse(call, &err);
        return;
    }
    json_set_str(call->arena, body, "status", STR("Succeeded"));
    arm_reply(call, 200, body);
}

static void serve_operations(struct call *call)
{
    struct json *page = json_object(call->arena);
    struct document document;
    struct error err = {0};

    if (find(call, &document, &err) < 0) {
        arm_refuse(call, &err);
        return;
    }
    struct json *body = json_parse(call->arena, document.body, NULL);
    struct json_iter it = json_iter(json_get(body, STR("operations")));
    while (json_next(&it))
        json_set_str(call->arena, it.value, "id",
                     arena_printf(call->arena, "%.*s/operations/%.*s",
                                  STR_ARG(deployment_id(call, document.name)),
                                  STR_ARG(json_str_at(it.value, "operationId"))));
    json_set(call->arena, page, STR("value"), json_get(body, STR("operations")));
    arm_reply(call, 200, page);
}

#define ACTION "Microsoft.Resources/deployments/"
#define ROW(verb, template, what, handler) \
    {.method = verb,                       \
     .path = template,                     \
     .permit = PERMIT_ACTION,              \
     .action = ACTION what,                \
     .body_limit = BODY_BYTES,             \
     .flags = ROUTE_FOLD,                  \
     .listeners = LISTEN_ALL,              \
     .run = handler,                       \
     .refuse = arm_refuse}

/* The client library that the SDK carries leaves the provider out of some paths. */
#define GROUP "/subscriptions/{subscription}/resourceGroups/{group}"
#define LONG GROUP "/providers/Microsoft.Resources/deployments/{deployment}"
#define SHORT GROUP "/deployments/{deployment}"
#define ROWS_OF(path)                                                                       \
    ROW("PUT", path, "write", serve_put), ROW("GET", path, "read", serve_get),              \
        ROW("HEAD", path, "read", serve_head), ROW("DELETE", path, "delete", serve_delete), \
        ROW("GET", path "/operations", "operations/read", serve_operations),                \
        ROW("GET", path "/operationStatuses/{operation}", "operationstatuses/read", serve_status)

static const struct route ROWS[] = {
    ROWS_OF(LONG), ROWS_OF(SHORT),
    ROW("GET", GROUP "/providers/Microsoft.Resources/deployments", "read", serve_list)};

struct route_table template_routes(struct arm *arm)
{
    assert(arm);
    return (struct route_table){.rows = ROWS, .count = COUNT(ROWS), .face = arm};
}
