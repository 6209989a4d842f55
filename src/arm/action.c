#include "arm/internal.h"

#include <assert.h>

/* POST …/{action}: what a kind can do besides being read and written. */

static const struct arm_action *action_of(const struct arm_kind *kind, struct str name)
{
    assert(kind->actions || kind->action_count == 0);
    for (size_t i = 0; i < kind->action_count; i++)
        if (str_eq_fold(str_from(kind->actions[i].name), name))
            return &kind->actions[i];
    return NULL;
}

/* The read ends before the action runs: actions open transactions of their own. */
static int find_kept(struct arm_request *req, struct document *out, struct error *err)
{
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(req->engines->store, err);
    struct document document;

    assert(req->name.len > 0);
    if (!txn || arm_find(req, txn, &document, err) < 0)
        return -1;
    *out = arm_keep(req->arena, &document);
    return 0;
}

/* A POST may come without a body; one that comes is JSON. */
static int read_body(struct arm_request *req, struct error *err)
{
    struct str text = http_body(req->call->ex);
    struct str type = http_header(req->call->ex, "Content-Type");

    assert(!req->body);
    if (str_trim(text).len == 0)
        return 0;
    if (!str_starts_fold(type, STR("application/json")))
        return error_set(err, ERROR_MEDIA_TYPE, "Content-Type",
                         "A body is application/json, not '%.*s'.", STR_ARG(type));
    req->body = json_parse(req->arena, text, err);
    return req->body ? 0 : -1;
}

/* Actions by name, in any case, on a resource or before it is there. */
int arm_act(struct arm_request *req, struct arm_reply *out, struct error *err)
{
    struct str name = call_param(req->call, "action");
    const struct arm_action *action = action_of(req->kind, name);
    struct document document;
    bool found;

    assert(name.len > 0);
    if (!action)
        return error_set(err, ERROR_NOT_FOUND, "", "%s have no action '%.*s'.", req->kind->type,
                         STR_ARG(name));
    if (read_body(req, err) < 0)
        return -1;
    found = find_kept(req, &document, err) == 0;
    if (!found && !(action->without_document && err->code == ERROR_NOT_FOUND))
        return -1;
    if (action->run(req, found ? &document : NULL, out, err) < 0)
        return -1;
    /* Clients of a 202 follow its Location: one that the kind left out is made here. */
    if (out->status != 202 || out->operation.len > 0)
        return 0;
    return arm_operation_start(req, found ? &document : NULL, &out->operation, err);
}
