#include "base/error.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const NAMES[ERROR_COUNT_] = {
    [ERROR_NONE] = "no error",
    [ERROR_INVALID] = "invalid",
    [ERROR_USER] = "user error",
    [ERROR_UNAUTHENTICATED] = "not authenticated",
    [ERROR_FORBIDDEN] = "forbidden",
    [ERROR_NOT_FOUND] = "not found",
    [ERROR_METHOD] = "method not allowed",
    [ERROR_EXISTS] = "exists already",
    [ERROR_CONFLICT] = "conflict",
    [ERROR_GONE] = "gone",
    [ERROR_PRECONDITION] = "precondition failed",
    [ERROR_TOO_LARGE] = "too large",
    [ERROR_MEDIA_TYPE] = "media type not supported",
    [ERROR_RANGE] = "range not satisfiable",
    [ERROR_MISDIRECTED] = "misdirected",
    [ERROR_TOO_MANY] = "too many requests",
    [ERROR_INTERNAL] = "internal error",
    [ERROR_NOT_IMPLEMENTED] = "not implemented",
    [ERROR_UNAVAILABLE] = "unavailable",
    [ERROR_TIMEOUT] = "timed out",
    [ERROR_STORAGE_FULL] = "storage full",
    [ERROR_IO] = "input or output failed",
    [ERROR_CORRUPT] = "corrupt",
    [ERROR_FENCED] = "fenced",
    [ERROR_CANCELED] = "canceled",
};

static void error_fill(struct error *err, enum error_code code, const char *target)
{
    err->code = code;
    err->hint[0] = '\0';
    snprintf(err->target, sizeof(err->target), "%s", target ? target : "");
}

int error_set(struct error *err, enum error_code code, const char *target, const char *format, ...)
{
    va_list args;
    char message[sizeof(err->message)]; /* the arguments may point into *err */

    assert(code > ERROR_NONE && code < ERROR_COUNT_);
    if (!err)
        return -1;
    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    error_fill(err, code, target);
    memcpy(err->message, message, sizeof(message));
    return -1;
}

static enum error_code code_of(int number)
{
    switch (number) {
    case ENOSPC:
    case EDQUOT:
        return ERROR_STORAGE_FULL;
    case ENOENT:
        return ERROR_NOT_FOUND;
    case EEXIST:
        return ERROR_EXISTS;
    case EACCES:
    case EPERM:
        return ERROR_FORBIDDEN;
    default:
        return ERROR_IO;
    }
}

int error_errno(struct error *err, int number, const char *format, ...)
{
    va_list args;
    char sentence[sizeof(err->message) / 2];

    if (!err)
        return -1;
    va_start(args, format);
    vsnprintf(sentence, sizeof(sentence), format, args);
    va_end(args);
    error_fill(err, code_of(number), "");
    snprintf(err->message, sizeof(err->message), "%s: %s.", sentence, strerror(number));
    return -1;
}

int error_hint(struct error *err, const char *format, ...)
{
    va_list args;

    if (!err)
        return -1;
    va_start(args, format);
    vsnprintf(err->hint, sizeof(err->hint), format, args);
    va_end(args);
    return -1;
}

const char *error_name(enum error_code code)
{
    assert(code >= ERROR_NONE && code < ERROR_COUNT_);
    return NAMES[code];
}
