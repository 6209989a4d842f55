#include "arm/internal.h"

#include "os/clock.h"
#include "store/event.h"

#include <assert.h>

/* GET, PUT, PATCH and DELETE of one resource. A PUT runs in two halves: `prepare` with nothing
 * open, then `put_apply` on the writer thread, which may run it twice and therefore only reads
 * *req. */

int arm_get(struct arm_request *req, struct arm_reply *out, struct error *err)
{
    struct store_txn *txn = req->read;
    struct document document;

    assert(req->kind && txn);
    if (arm_find(req, txn, &document, err) < 0)
        return -1;
    struct json *wire = arm_wire(req, txn, &document, err);
    if (!wire)
        return -1;
    *out = (struct arm_reply){.status = 200, .body = wire};
    if (document.doc)
        out->etag = arm_etag(req->arena, &document);
    return 0;
}

/* Who made it and who changed it last; the maker stays. */
struct str arm_system_data(struct arm_request *req, const struct document *before)
{
    struct maker maker = caller_maker(&req->call->caller);

    assert(req->call);
    struct str old = before ? json_write(req->arena, arm_system_of(req->arena, before)) : STR("");
    return maker_stamp(req->arena, &maker, old, clock_now_us());
}

/* Followers learn of every change from the event stream, never from the tables. */
int arm_append_event(struct arm_request *req, struct store_txn *txn, const char *what,
                     struct str name, struct error *err)
{
    struct str type = str_from(req->kind->type), head = type, tail;

    assert(store_is_writer(txn));
    str_cut(type, '/', &head, &tail);
    struct event event = {
        .scope = req->scope.number,
        .type = arena_printf(req->arena, "%.*s.%s", STR_ARG(head), what),
        .subject_kind = type,
        .subject = req->kind->parent ? arena_printf(req->arena, "%.*s/%.*s",
                                                    STR_ARG(req->parent_name), STR_ARG(name))
                                     : name,
        .actor = req->actor,
        .correlation = http_header(req->call->ex, "x-ms-client-request-id"),
        .body = STR("{}"),
    };
    return event_append(txn, &event, err);
}

/* What a client sends back from a GET and never decides. */
static void drop_read_only(struct json *body)
{
    static const char *const TOP[] = {"id", "name", "type", "systemData", "etag"};

    assert(json_kind(body) == JSON_OBJECT);
    for (size_t i = 0; i < COUNT(TOP); i++)
        json_remove(body, str_from(TOP[i]));
    json_take(body, "properties.provisioningState");
}

/* A form or plain text is what another site's page could send (decisions 27). */
static int check_media(struct arm_request *req, struct error *err)
{
    struct str type = http_header(req->call->ex, "Content-Type");

    assert(req->call);
    if (str_starts_fold(type, STR("application/json")) ||
        str_starts_fold(type, STR("application/merge-patch+json")))
        return 0;
    return error_set(err, ERROR_MEDIA_TYPE, "Content-Type",
                     "A body is application/json, not '%.*s'.", STR_ARG(type));
}

struct put {
    struct arm_request *req;
    int64_t base_rev; /* PATCH: the revision that the body was merged into; else 0 */
    bool stale, found;
    bool changed; /* something was stored */
    enum arm_change change;
    struct document after;
    struct str operation;
    struct arm_identity identity;
};

/* PATCH: what is stored, merged with what came. */
static int merge_body(struct put *put, const struct json *patch, struct error *err)
{
    struct arm_request *req = put->req;
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(req->engines->store, err);
    struct document document;

    /* A second try, since the scope itself was deleted during the first. */
    if (req->scope.number == 0)
        return error_set(err, ERROR_NOT_FOUND, "", "'%.*s' is being deleted.", STR_ARG(req->name));
    if (!txn || arm_find(req, txn, &document, err) < 0)
        return -1;
    req->body = json_parse(req->arena, document.body, err);
    if (!req->body)
        return -1;
    /* Whoever changes a workspace sends all its tags: one that is left out is to go. */
    if (req->kind->is_scope && json_get(patch, STR("tags")))
        json_remove(req->body, STR("tags"));
    json_merge(req->arena, req->body, patch);
    req->patch = true;
    put->base_rev = document.rev;
    return 0;
}

/* What may have happened since the worker looked: the scope was made by somebody else, or retired.
 */
static int check_scope(struct arm_request *req, struct store_txn *txn, struct error *err)
{
    struct scope scope;

    assert(store_is_writer(txn));
    if (req->kind->is_scope) {
        const struct arm_target target = {req->kind->is_scope, req->scope.subscription,
                                          req->scope.group, .scope = req->name};
        req->scope.number = 0;
        if (arm_scope_find(req->arena, txn, &target, &req->scope, err) < 0)
            return err->code == ERROR_NOT_FOUND ? 0 : -1;
        return 0;
    }
    if (scope_by_number(txn, req->scope.number, &scope, err) < 0)
        return -1;
    if (scope.kind != SCOPE_RETIRED)
        return 0;
    return error_set(err, ERROR_NOT_FOUND, "", "'%.*s' is being deleted.",
                     STR_ARG(req->scope.name));
}

/* Finds container and resource; a missing container is fine when a version's PUT makes it. */
static int find_before(struct put *put, struct store_txn *txn, struct document *out,
                       struct error *err)
{
    struct arm_request *req = put->req;
    const struct arm_kind *kind = req->kind;

    assert(store_is_writer(txn));
    put->found = false;
    if (check_scope(req, txn, err) < 0)
        return -1;
    if (req->scope.number == 0)
        return 0;
    if (arm_find_parent(req, txn, err) < 0 && !(kind->makes_parent && err->code == ERROR_NOT_FOUND))
        return -1;
    if (kind->parent && req->parent.doc == 0)
        return 0;
    struct document_key key = {req->scope.number, str_from(kind->type), req->parent.doc, req->name};
    put->found = document_get(txn, &key, out, err) == 0;
    return put->found || err->code == ERROR_NOT_FOUND ? 0 : -1;
}

/* Names are checked when made, not when read (decisions 2). */
static int check_names(const struct arm_request *req, struct error *err)
{
    if (req->kind->is_scope)
        return arm_scope_name_check(req->name, err);
    bool orphan = req->kind->parent && req->parent.doc == 0;

    if (orphan && name_check(req->kind->parent->names, req->parent_name, "name", err) < 0)
        return -1;
    return name_check(req->kind->names, req->name, "name", err);
}

/* Reads only. Errors: what etags, names, the rules of versions and the kind refuse. */
static int put_check(struct put *put, struct store_txn *txn, struct document *before,
                     struct error *err)
{
    struct arm_request *req = put->req;
    const struct arm_kind *kind = req->kind;

    put->stale = false;
    put->change = ARM_CHANGE_SOFT;
    if (find_before(put, txn, before, err) < 0)
        return -1;
    const struct document *present = put->found ? before : NULL;
    put->stale = put->base_rev > 0 && (!present || present->rev != put->base_rev);
    if (put->stale)
        return error_set(err, ERROR_CONFLICT, "", "The resource changed meanwhile.");
    if (arm_etag_check(req, present, err) < 0 || (!present && check_names(req, err) < 0))
        return -1;
    if (present && kind->immutable && arm_version_check(req, present, &put->change, err) < 0)
        return -1;
    return kind->check ? kind->check(req, txn, present, err) : 0;
}

/* A container that comes with its first version. */
static int make_parent(struct arm_request *req, struct store_txn *txn, struct error *err)
{
    struct document parent = {
        .scope = req->scope.number,
        .type = str_from(req->kind->parent->type),
        .name = req->parent_name,
        .created_by = req->actor,
        .body = STR("{\"properties\":{\"description\":null,\"tags\":{},\"properties\":{}}}"),
        .system = arm_system_data(req, NULL),
    };

    assert(req->kind->parent && req->parent.doc == 0);
    if (document_insert(txn, &parent, err) < 0)
        return -1;
    req->parent = arm_keep(req->arena, &parent);
    return 0;
}

/* Inserts or updates; names keep their first spelling, the maker his name. */
static int store_document(struct put *put, struct store_txn *txn, const struct document *before,
                          struct document *out, struct error *err)
{
    struct arm_request *req = put->req;

    assert(json_kind(req->body) == JSON_OBJECT);
    if (!before && req->kind->make_scope && req->kind->make_scope(req, txn, err) < 0)
        return -1;
    *out = before ? *before
                  : (struct document){.scope = req->scope.number,
                                      .type = str_from(req->kind->type),
                                      .name = req->name,
                                      .created_by = req->actor};
    out->body = json_write(req->arena, req->body);
    out->system = arm_system_data(req, before);
    out->archived = json_bool_at(req->body, "properties.isArchived", false);
    if (before)
        return document_update(txn, out, err);
    if (req->kind->makes_parent && req->parent.doc == 0 && make_parent(req, txn, err) < 0)
        return -1;
    out->parent = req->parent.doc;
    if (document_insert(txn, out, err) < 0)
        return -1;
    if (!req->kind->makes_parent)
        return 0;
    return document_saw_version(txn, req->parent.doc, req->name, err);
}

/* Kinds with progress of their own, and all that clients put into registries. */
bool arm_takes_time(const struct arm_request *req)
{
    return req->kind->progress || req->scope.kind == SCOPE_REGISTRY;
}

/* Older releases of the SDK take nothing but 202 for what takes time in a registry, and that needs
 * an operation to follow even when nothing changed. Here they do not say their own name, but that
 * of a library that later releases have no more. */
static bool wants_202(const struct arm_request *req)
{
    struct str agent = http_header(req->call->ex, "User-Agent");

    assert(req->kind);
    return !req->kind->is_scope && req->scope.kind == SCOPE_REGISTRY && arm_takes_time(req) &&
           str_eq(call_query(req->call, "api-version"), STR("2021-10-01-dataplanepreview")) &&
           str_find(agent, STR("mgmt-machinelearningservices/")) >= 0;
}

/* On the writer thread, perhaps twice: everything it gives is set anew. */
static int put_apply(struct store_txn *txn, void *context, struct error *err)
{
    struct put *put = context;
    struct arm_request *req = put->req;
    struct document before, after;

    assert(store_is_writer(txn));
    put->changed = false;
    put->operation = STR("");
    if (put_check(put, txn, &before, err) < 0)
        return -1;
    if (put->found && put->change == ARM_CHANGE_NONE) {
        if (wants_202(req) && arm_operation_insert(txn, req, &before, &put->operation, err) < 0)
            return -1;
        put->after = arm_keep(req->arena, &before);
        return 0;
    }
    arm_identity_merge(req, put->found ? &before : NULL);
    if (store_document(put, txn, put->found ? &before : NULL, &after, err) < 0 ||
        arm_identity_change(req, txn, &put->identity, err) < 0)
        return -1;
    if (req->kind->change && req->kind->change(req, txn, &after, err) < 0)
        return -1;
    if (arm_takes_time(req) && arm_operation_insert(txn, req, &after, &put->operation, err) < 0)
        return -1;
    put->changed = true;
    put->after = arm_keep(req->arena, &after);
    return arm_append_event(req, txn, put->found ? "updated" : "created", after.name, err);
}

/* What a PUT answers. */
static int put_status(const struct put *put)
{
    const struct arm_request *req = put->req;

    assert(req->kind);
    if (wants_202(req))
        return 202;
    if (put->found)
        return 200;
    return req->kind->made_status ? req->kind->made_status : 201;
}

/* The reply shows what a GET would: live fields included. */
static int put_reply(struct put *put, struct arm_reply *out, struct error *err)
{
    struct arm_request *req = put->req;
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(req->engines->store, err);

    assert(put->after.body.len > 0);
    if (!txn)
        return -1;
    struct json *wire = arm_wire(req, txn, &put->after, err);
    if (!wire)
        return -1;
    *out = (struct arm_reply){.status = put_status(put),
                              .body = wire,
                              .operation = put->operation,
                              .etag = arm_etag(req->arena, &put->after)};
    return 0;
}

/* One try of a PUT or PATCH; a PATCH whose base changed meanwhile is stale and tried again. */
static int put_once(struct put *put, const struct json *body, bool patch, struct error *err)
{
    struct arm_request *req = put->req;

    assert(body);
    put->base_rev = 0;
    req->body = json_copy(req->arena, body);
    if (patch && merge_body(put, body, err) < 0)
        return -1;
    drop_read_only(req->body);
    if (json_kind(json_at(req->body, "properties")) != JSON_OBJECT)
        return error_set(err, ERROR_INVALID, "properties", "A body has an object `properties`.");
    if ((req->kind->prepare && req->kind->prepare(req, err) < 0) ||
        arm_identity_prepare(req, &put->identity, err) < 0)
        return -1;
    return store_write(req->engines->store, put_apply, put, err);
}

int arm_put_body(struct arm_request *req, const struct json *body, bool patch,
                 struct arm_reply *out, struct error *err)
{
    struct put put = {.req = req};
    int result, tries = 0;

    assert(req->name.len > 0);
    if (json_kind(body) != JSON_OBJECT)
        return error_set(err, ERROR_INVALID, "", "A body is a JSON object.");
    if (arm_scope_writable(req, err) < 0)
        return -1;
    do
        result = put_once(&put, body, patch, err);
    while (result < 0 && put.stale && ++tries < 3);
    if (result < 0)
        return -1;
    arm_identity_changed(req);
    if (put.changed && req->kind->after)
        req->kind->after(req, &put.after, false);
    return put_reply(&put, out, err);
}

/* PUT and PATCH, whatever the kind. */
int arm_put(struct arm_request *req, struct arm_reply *out, struct error *err)
{
    bool patch = str_eq(http_method(req->call->ex), STR("PATCH"));

    assert(req->call);
    if (check_media(req, err) < 0)
        return -1;
    struct json *body = json_parse(req->arena, http_body(req->call->ex), err);
    return body ? arm_put_body(req, body, patch, out, err) : -1;
}
