/* The frame of handlers that only read: one snapshot, one reply. */
#include "dataplane/internal.h"

#include <assert.h>

static void reply(struct call *call, const struct json *body, const struct error *err)
{
    if (body)
        arm_reply(call, 200, body);
    else
        arm_refuse(call, err);
}

void dataplane_answer_run(struct call *call, struct str name, dataplane_view *make)
{
    struct engines *engines = call->face;
    struct error err = {0};
    struct dataplane_run at = {
        .call = call, .engines = engines, .txn = store_read_begin(engines->store, &err)};
    struct json *body = NULL;

    assert(make);
    if (at.txn && dataplane_find_run(&at, name, &err) == 0)
        body = make(&at, &err);
    /* A view may take what it could not read for missing. */
    if (at.txn && store_txn_check(at.txn, &err) < 0)
        body = NULL;
    store_read_end(&at.txn);
    reply(call, body, &err);
}

void dataplane_answer(struct call *call, dataplane_view *make)
{
    struct engines *engines = call->face;
    struct error err = {0};
    struct dataplane_run at = {
        .call = call, .engines = engines, .txn = store_read_begin(engines->store, &err)};
    struct json *body = NULL;

    assert(make);
    if (at.txn && dataplane_scope(call, at.txn, &at.scope, &err) == 0)
        body = make(&at, &err);
    /* A view may take what it could not read for missing. */
    if (at.txn && store_txn_check(at.txn, &err) < 0)
        body = NULL;
    store_read_end(&at.txn);
    reply(call, body, &err);
}

int dataplane_breathe(struct dataplane_run *at, struct error *err)
{
    assert(at->txn);
    at->properties = at->resolved = NULL;
    if (store_txn_check(at->txn, err) < 0)
        return -1;
    store_read_end(&at->txn);
    at->txn = store_read_begin(at->engines->store, err);
    return at->txn ? dataplane_scope(at->call, at->txn, &at->scope, err) : -1;
}

struct json *dataplane_body(const struct call *call, struct error *err)
{
    struct str text = http_body(call->ex);

    if (text.len == 0)
        return json_object(call->arena);
    struct json *body = json_parse(call->arena, text, err);
    if (body && json_kind(body) != JSON_OBJECT) {
        error_set(err, ERROR_INVALID, "", "The body is a JSON object.");
        return NULL;
    }
    return body;
}
