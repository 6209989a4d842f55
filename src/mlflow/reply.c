/* Replies and refusals in MLflow's form. Its clients try again on 429 and 503 alone, so those
 * statuses mean that and nothing else. */
#include "mlflow/reply.h"

#include <assert.h>

struct wire_row {
    int status;
    const char *code;
};

static const struct wire_row WIRE[ERROR_COUNT_] = {
    [ERROR_INVALID] = {400, "INVALID_PARAMETER_VALUE"},
    [ERROR_USER] = {400, "INVALID_PARAMETER_VALUE"},
    [ERROR_UNAUTHENTICATED] = {401, "UNAUTHENTICATED"},
    [ERROR_FORBIDDEN] = {403, "PERMISSION_DENIED"},
    [ERROR_NOT_FOUND] = {404, "RESOURCE_DOES_NOT_EXIST"},
    [ERROR_METHOD] = {405, "ENDPOINT_NOT_FOUND"},
    [ERROR_EXISTS] = {400, "RESOURCE_ALREADY_EXISTS"},
    [ERROR_CONFLICT] = {409, "RESOURCE_CONFLICT"},
    [ERROR_GONE] = {404, "RESOURCE_DOES_NOT_EXIST"},
    [ERROR_PRECONDITION] = {409, "RESOURCE_CONFLICT"},
    [ERROR_TOO_LARGE] = {413, "INVALID_PARAMETER_VALUE"},
    [ERROR_MEDIA_TYPE] = {400, "INVALID_PARAMETER_VALUE"},
    [ERROR_RANGE] = {416, "INVALID_PARAMETER_VALUE"},
    [ERROR_MISDIRECTED] = {421, "BAD_REQUEST"},
    [ERROR_TOO_MANY] = {429, "REQUEST_LIMIT_EXCEEDED"},
    [ERROR_NOT_IMPLEMENTED] = {501, "NOT_IMPLEMENTED"},
    [ERROR_UNAVAILABLE] = {503, "TEMPORARILY_UNAVAILABLE"},
    [ERROR_TIMEOUT] = {504, "DEADLINE_EXCEEDED"},
    [ERROR_STORAGE_FULL] = {507, "RESOURCE_EXHAUSTED"}, /* not 429: trying again would not help */
};

/* Too long an answer is told as such: half of one would be read as all. */
void reply_json(struct call *call, struct out *out)
{
    struct str text = out_str(out);
    struct error err = {0};

    if (buf_ok(&out->buf, &err) < 0 || arena_fits(call->arena, text.len, &err) < 0) {
        error_set(&err, ERROR_INVALID, "max_results", "The answer is too long; ask for pages.");
        reply_error(call, &err);
        return;
    }
    http_reply(call->ex, 200, "application/json",
               text.len ? arena_str(call->arena, text) : STR("{}"));
}

/* For routes that answer one fixed word. */
void reply_text(struct call *call, const char *content_type, struct str text)
{
    http_reply(call->ex, 200, content_type, text);
}

/* MLflow's form of errors; 503 tells when to come again. */
static void reply_wire(struct call *call, int status, const char *code, const struct error *err)
{
    CLEANUP(out_free) struct out out = out_make();

    out_begin(&out, NULL, '{');
    out_text(&out, "error_code", str_from(code));
    out_text(&out, "message",
             err->hint[0] ? arena_printf(call->arena, "%s %s", err->message, err->hint)
                          : str_from(err->message));
    out_end(&out, '}');
    if (status == 503)
        http_add_header(call->ex, "Retry-After", STR("1"));
    http_reply(call->ex, status, "application/json", arena_str(call->arena, out_str(&out)));
}

/* A code without a row here is a mistake of ours, and says so. */
void reply_error(struct call *call, const struct error *err)
{
    bool known = err->code < ERROR_COUNT_ && WIRE[err->code].code;

    assert(err->code != ERROR_NONE);
    reply_wire(call, known ? WIRE[err->code].status : 500,
               known ? WIRE[err->code].code : "INTERNAL_ERROR", err);
}

/* For the router and the guard. */
void reply_refuse(struct call *call, const struct error *err)
{
    /* What a handler misses has a target; an address that nobody answers has none. */
    if (err->code == ERROR_NOT_FOUND && err->target[0] == '\0')
        reply_wire(call, 404, "ENDPOINT_NOT_FOUND", err);
    else
        reply_error(call, err);
}
