/* report.c - An error in four parts: code, sentence, where, what next; or the same as JSON. */
#include "cli/report.h"
#include "base/buf.h"

#include <assert.h>
#include <stdio.h>

/* What an error of our own is called; the server's keep their names. */
static const char *const CODES[ERROR_COUNT_] = {
    [ERROR_NONE] = "Error",
    [ERROR_INVALID] = "InvalidInput",
    [ERROR_USER] = "UserError",
    [ERROR_UNAUTHENTICATED] = "Unauthenticated",
    [ERROR_FORBIDDEN] = "Forbidden",
    [ERROR_NOT_FOUND] = "NotFound",
    [ERROR_METHOD] = "MethodNotAllowed",
    [ERROR_EXISTS] = "AlreadyExists",
    [ERROR_CONFLICT] = "Conflict",
    [ERROR_GONE] = "Gone",
    [ERROR_PRECONDITION] = "PreconditionFailed",
    [ERROR_TOO_LARGE] = "TooLarge",
    [ERROR_MEDIA_TYPE] = "UnsupportedMediaType",
    [ERROR_RANGE] = "InvalidRange",
    [ERROR_MISDIRECTED] = "WrongHost",
    [ERROR_TOO_MANY] = "TooManyRequests",
    [ERROR_INTERNAL] = "InternalError",
    [ERROR_NOT_IMPLEMENTED] = "NotImplemented",
    [ERROR_UNAVAILABLE] = "Unavailable",
    [ERROR_TIMEOUT] = "Timeout",
    [ERROR_STORAGE_FULL] = "StorageFull",
    [ERROR_IO] = "InputOutput",
    [ERROR_CORRUPT] = "Corrupt",
    [ERROR_FENCED] = "Fenced",
    [ERROR_CANCELED] = "Interrupted",
};

/* The server's own name for it when it had one: people search for that. */
static struct str code_of(const struct cli *cli, const struct error *err)
{
    assert(err->code < ERROR_COUNT_);
    if (cli->wire_code.len)
        return cli->wire_code;
    return cli->usage ? STR("Usage") : str_from(CODES[err->code]);
}

/* What to do: the error's own hint, else the server's. */
static struct str next_of(const struct cli *cli, const struct error *err)
{
    assert(err);
    if (err->hint[0])
        return str_from(err->hint);
    return cli->wire_next;
}

/* The envelope of the server, so that a script has one form to read. */
static struct str as_json(const struct cli *cli, const struct error *err)
{
    struct json *outer = json_object(cli->arena), *error = json_object(cli->arena);

    assert(err);
    json_set_str(cli->arena, error, "code", code_of(cli, err));
    json_set_str(cli->arena, error, "message", str_from(err->message));
    json_set_str(cli->arena, error, "target", str_from(err->target));
    json_set_str(cli->arena, error, "next", next_of(cli, err));
    json_set(cli->arena, outer, STR("error"), error);
    return arena_printf(cli->arena, "%.*s\n", STR_ARG(json_write(cli->arena, outer)));
}

/* Code, sentence, where, next: a line each, the last two only when there is one. */
struct str report_text(const struct cli *cli, const struct error *err)
{
    CLEANUP(buf_free) struct buf out = buf_make(64 * KIB);
    struct str code = code_of(cli, err), next = next_of(cli, err);

    assert(err);
    if (cli->json_errors)
        return as_json(cli, err);
    buf_printf(&out, "%serror%s  %.*s  %s\n", cli->color_err ? "\033[31m" : "",
               cli->color_err ? "\033[0m" : "", STR_ARG(code), err->message);
    if (err->target[0])
        buf_printf(&out, "       where: %s\n", err->target);
    if (next.len)
        buf_printf(&out, "       next:  %.*s\n", STR_ARG(next));
    return arena_str(cli->arena, buf_str(&out));
}

/* The exit code: 2 for the line, 3 for what is not there, 130 for Ctrl-C, 1 for the rest. */
int report_error(const struct cli *cli, const struct error *err)
{
    struct str text = report_text(cli, err);

    assert(err);
    if (cli->interrupted)
        return 130;
    fwrite(text.ptr, 1, text.len, stderr);
    if (cli->usage)
        return 2;
    return cli->missing ? 3 : 1;
}
