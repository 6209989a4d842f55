/* What a client reads when something went wrong, and the one place that knows statuses. Clients
 * look at the status, then at error.code; a person reads message, target and the hint. */
#include "arm/internal.h"

#include <assert.h>

/* The one place where our error codes become ARM's. */
struct wire_error {
    int status;
    const char *code;
};

static const struct wire_error WIRE[ERROR_COUNT_] = {
    [ERROR_INVALID] = {400, "ValidationError"},
    [ERROR_USER] = {400, "UserError"},
    [ERROR_UNAUTHENTICATED] = {401, "AuthenticationFailed"},
    [ERROR_FORBIDDEN] = {403, "AuthorizationFailed"},
    [ERROR_NOT_FOUND] = {404, "ResourceNotFound"},
    [ERROR_METHOD] = {405, "MethodNotAllowed"},
    [ERROR_EXISTS] = {409, "ResourceExists"},
    [ERROR_CONFLICT] = {409, "Conflict"},
    [ERROR_GONE] = {410, "Gone"},
    [ERROR_PRECONDITION] = {412, "PreconditionFailed"},
    [ERROR_TOO_LARGE] = {413, "RequestEntityTooLarge"},
    [ERROR_MEDIA_TYPE] = {415, "UnsupportedMediaType"},
    [ERROR_RANGE] = {416, "InvalidRange"},
    [ERROR_MISDIRECTED] = {421, "MisdirectedRequest"},
    [ERROR_TOO_MANY] = {429, "TooManyRequests"},
    [ERROR_INTERNAL] = {500, "InternalServerError"},
    [ERROR_NOT_IMPLEMENTED] = {501, "NotImplemented"},
    [ERROR_UNAVAILABLE] = {503, "ServiceUnavailable"},
    [ERROR_TIMEOUT] = {504, "GatewayTimeout"},
    [ERROR_STORAGE_FULL] = {507, "InsufficientStorage"},
    [ERROR_IO] = {500, "InternalServerError"},
    [ERROR_CORRUPT] = {500, "InternalServerError"},
    [ERROR_FENCED] = {503, "ServiceUnavailable"},
    [ERROR_CANCELED] = {503, "ServiceUnavailable"},
};

int arm_status(enum error_code code)
{
    assert(code >= ERROR_NONE && code < ERROR_COUNT_);
    return WIRE[code].status ? WIRE[code].status : 500;
}

/* Things that have a code of their own when they are not there: clients look for it. */
static const char *own_code(const struct error *err)
{
    static const char *const CODES[] = {"ResourceGroupNotFound", "SubscriptionNotFound"};

    for (size_t i = 0; i < COUNT(CODES); i++)
        if (err->code == ERROR_NOT_FOUND && str_eq(str_from(err->target), str_from(CODES[i])))
            return CODES[i];
    return NULL;
}

/* As Azure writes it; what to do next goes where its clients print it from. */
struct json *arm_error_object(struct arena *arena, const struct error *err)
{
    struct json *error = json_object(arena);
    struct json *notes = json_array(arena);
    const char *own = own_code(err), *code = own ? own : WIRE[err->code].code;

    assert(err->code > ERROR_NONE && err->code < ERROR_COUNT_);
    json_set_str(arena, error, "code", str_from(code ? code : "InternalServerError"));
    json_set_str(arena, error, "message", str_from(err->message));
    if (err->target[0] && !own)
        json_set_str(arena, error, "target", str_from(err->target));
    else
        json_set_null(arena, error, "target");
    json_set(arena, error, STR("details"), json_array(arena));
    if (err->hint[0]) {
        struct json *hint = json_object(arena), *info = json_object(arena);
        json_set_str(arena, info, "text", str_from(err->hint));
        json_set_str(arena, hint, "type", STR("Hint"));
        json_set(arena, hint, STR("info"), info);
        json_append(arena, notes, hint);
    }
    json_set(arena, error, STR("additionalInfo"), notes);
    return error;
}

struct json *arm_error_body(struct arena *arena, const struct error *err)
{
    struct json *body = json_object(arena);

    json_set(arena, body, STR("error"), arm_error_object(arena, err));
    return body;
}

void arm_reply(struct call *call, int status, const struct json *body)
{
    assert(status >= 200 && status < 600);
    if (!body)
        http_reply(call->ex, status, NULL, (struct str){0});
    else
        http_reply(call->ex, status, "application/json; charset=utf-8",
                   json_write(call->arena, body));
}

/* Every row of ARM refuses by this. */
void arm_refuse(struct call *call, const struct error *err)
{
    int status = arm_status(err->code);

    assert(err->code != ERROR_NONE);
    if (status == 429 || status == 503)
        http_add_header(call->ex, "Retry-After", STR("1"));
    arm_reply(call, status, arm_error_body(call->arena, err));
}
