#include "arm/internal.h"

#include "os/clock.h"
#include "os/random.h"

#include <assert.h>

/* A long-running operation is a document of type `operations` that points to what it is about, so
 * it survives a restart. It holds no state: whoever polls asks the kind how far the resource is. */

#define TYPE STR("operations")
#define KEEP_US (7 * 24 * 3600 * US_PER_S)

/* Old ones go a few at a time, whenever a new one comes. */
static int forget_old(struct store_txn *txn, int64_t scope, struct error *err)
{
    int64_t old[8];
    size_t count = 0;
    struct sql *q = sql(txn,
                        "SELECT doc FROM document WHERE scope = ? AND type = 'operations' AND "
                        "parent = 0 AND created_us < ? LIMIT 8",
                        err);

    assert(scope > 0);
    if (!q)
        return -1;
    sql_bind_int(q, 1, scope);
    sql_bind_int(q, 2, clock_now_us() - KEEP_US);
    while (count < COUNT(old) && sql_step(q) > 0)
        old[count++] = sql_int(q, 0);
    if (sql_end(q, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (document_delete(txn, old[i], err) < 0)
            return -1;
    return 0;
}

/* In the transaction of the change: a client never gets an address that leads nowhere. */
int arm_operation_insert(struct store_txn *txn, struct arm_request *req,
                         const struct document *document, struct str *out_id, struct error *err)
{
    struct json *body = json_object(req->arena);
    struct document operation = {
        .scope = req->scope.number,
        .type = TYPE,
        .name = random_uuid(req->arena),
        .created_by = req->actor,
    };

    assert(req->scope.number > 0);
    json_set_str(req->arena, body, "kind", str_from(req->kind->type));
    json_set_int(req->arena, body, "doc", document ? document->doc : 0);
    operation.body = json_write(req->arena, body);
    if (forget_old(txn, req->scope.number, err) < 0 || document_insert(txn, &operation, err) < 0)
        return -1;
    *out_id = operation.name;
    return 0;
}

struct start {
    struct arm_request *req;
    const struct document *document;
    struct str id;
};

static int start_apply(struct store_txn *txn, void *context, struct error *err)
{
    struct start *start = context;

    return arm_operation_insert(txn, start->req, start->document, &start->id, err);
}

int arm_operation_start(struct arm_request *req, const struct document *document,
                        struct str *out_id, struct error *err)
{
    struct start start = {.req = req, .document = document};

    assert(req->engines->store);
    if (store_write(req->engines->store, start_apply, &start, err) < 0)
        return -1;
    *out_id = start.id;
    return 0;
}

static void add_address(struct arm_request *req, const char *header, const char *type,
                        struct str id)
{
    struct str workspace = scope_arm_id(req->arena, &req->scope);
    struct str version = call_query(req->call, "api-version");

    assert(id.len > 0);
    if (version.len == 0)
        version = STR("2025-01-01-preview");
    http_add_header(req->call->ex, header,
                    arena_printf(req->arena, "%.*s%.*s/%s/%.*s?api-version=%.*s",
                                 STR_ARG(arm_base_url(req->call)), STR_ARG(workspace), type,
                                 STR_ARG(id), STR_ARG(version)));
}

/* A PUT is followed by its status, a DELETE by its result, as Azure's own pollers expect. A POST
 * has both: Terraform's library cannot read a result without a body, such as that of a start. */
void arm_operation_headers(struct arm_request *req, int status, struct str id)
{
    bool result = status == 202;

    if (result)
        add_address(req, "Location", "operationResults", id);
    if (!result || str_eq(http_method(req->call->ex), STR("POST")))
        add_address(req, "Azure-AsyncOperation", "operations", id);
    /* 0 would count as absent, and the clients then wait 30 s. */
    http_add_header(req->call->ex, "Retry-After", STR("1"));
}

/* 0 under way, 1 done, -1 failed with *err. */
static int progress(struct arm_request *req, struct store_txn *txn,
                    const struct document *operation, struct error *err)
{
    struct json *body = json_parse(req->arena, operation->body, err);
    struct document target;

    assert(operation->body.len > 0);
    if (!body)
        return -1;
    req->kind = arm_kind_of(req->arm, json_str_at(body, "kind"));
    int64_t doc = json_int_at(body, "doc", 0);
    if (doc == 0 || !req->kind || !req->kind->progress)
        return 1;
    if (document_by_id(txn, doc, &target, err) < 0)
        return -1;
    req->name = target.name;
    if (target.parent && document_by_id(txn, target.parent, &req->parent, err) < 0)
        return -1;
    req->parent_name = req->parent.name;
    return req->kind->progress(req, txn, &target, err);
}

static struct json *status_body(struct arm_request *req, const struct document *operation,
                                int state, const struct error *err)
{
    static const char *const NAMES[] = {"Failed", "InProgress", "Succeeded"};
    struct json *body = json_object(req->arena);
    char text[CLOCK_ISO_BYTES];

    assert(state >= -1 && state <= 1);
    json_set_str(req->arena, body, "id", http_path(req->call->ex));
    json_set_str(req->arena, body, "name", operation->name);
    json_set_str(req->arena, body, "status", str_from(NAMES[state + 1]));
    json_set_str(req->arena, body, "startTime", clock_iso(operation->created_us, text));
    if (state < 0)
        json_set(req->arena, body, STR("error"), arm_error_object(req->arena, err));
    return body;
}

/* GET of an operation: as a status, or as the result that Location promised. */
int arm_operation_get(struct arm_request *req, struct arm_reply *out, struct error *err)
{
    struct store_txn *txn = req->read;
    bool result = str_eq_fold(call_param(req->call, "type"), STR("operationResults"));
    struct document_key key = {req->scope.number, TYPE, 0, call_param(req->call, "name")};
    struct document found;

    assert(req->scope.number > 0 && txn);
    if (document_get(txn, &key, &found, err) < 0)
        return err->code != ERROR_NOT_FOUND
                   ? -1
                   : error_set(err, ERROR_NOT_FOUND, "operations", "There is no operation '%.*s'.",
                               STR_ARG(key.name));
    struct error failure = {0};
    struct document operation = arm_keep(req->arena, &found);
    int state = progress(req, txn, &operation, &failure);
    if (state == 0)
        http_add_header(req->call->ex, "Retry-After", STR("1"));
    if (!result) {
        *out = (struct arm_reply){200, status_body(req, &operation, state, &failure), {0}};
        return 0;
    }
    if (state < 0) {
        *err = failure;
        return -1;
    }
    *out = (struct arm_reply){.status = state ? 204 : 202};
    return 0;
}
