/* Filling a struct error. Nothing here allocates: errors must work when nothing else does.
 * Sentences are for clients, so what does not fit is cut at a whole character, and nothing of ours
 * (addresses, secrets) may be formatted into one. */
#include "base/error.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* For logs and tests; no client sees them. */
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

/* A text that filled its room may have been cut inside a UTF-8 character; what is left of that is
 * dropped, since these texts end in JSON, which has no place for half a character. */
static void cut_whole(char *text, size_t size)
{
    size_t len = strlen(text), start = len;

    assert(size > 4);
    if (len + 1 < size)
        return;
    while (start > 0 && len - start < 4 && ((unsigned char)text[start - 1] & 0xc0) == 0x80)
        start--;
    if (start == 0)
        return;
    unsigned char lead = (unsigned char)text[start - 1];
    size_t need = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
    if (len - start + 1 < need)
        text[start - 1] = '\0';
}

/* Code and target; a hint of an earlier error is none of this one. */
static void error_fill(struct error *err, enum error_code code, const char *target)
{
    char copy[sizeof(err->target)]; /* the target may be the one in *err */

    assert(code > ERROR_NONE && code < ERROR_COUNT_);
    snprintf(copy, sizeof(copy), "%s", target ? target : "");
    cut_whole(copy, sizeof(copy));
    err->code = code;
    err->hint[0] = '\0';
    memcpy(err->target, copy, sizeof(copy));
}

/* Always -1, so that failing is one statement. A caller who does not want the reason gives NULL,
 * and then nothing is formatted. A text that is too long is cut, never refused. */
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
    cut_whole(message, sizeof(message));
    error_fill(err, code, target);
    memcpy(err->message, message, sizeof(message));
    return -1;
}

/* What a caller can act on has a code of its own; all else is trouble of the host. */
static enum error_code code_of(int number)
{
    assert(number >= 0);
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
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ENOBUFS:
    case EAGAIN: /* what others hold now they will give back */
        return ERROR_UNAVAILABLE;
    default:
        return ERROR_IO;
    }
}

/* For calls of the system: the sentence says what was tried, the system's word why it failed. Which
 * code the wire shows follows from the number. */
int error_errno(struct error *err, int number, const char *format, ...)
{
    va_list args;
    char sentence[sizeof(err->message) / 2];

    if (!err)
        return -1;
    va_start(args, format);
    vsnprintf(sentence, sizeof(sentence), format, args);
    va_end(args);
    cut_whole(sentence, sizeof(sentence));
    error_fill(err, code_of(number), "");
    snprintf(err->message, sizeof(err->message), "%s: %s.", sentence, strerror(number));
    return -1;
}

/* Adds what to do next. It comes after error_set, since only the outer caller knows where the user
 * stands. */
int error_hint(struct error *err, const char *format, ...)
{
    va_list args;

    assert(format);
    if (!err)
        return -1;
    va_start(args, format);
    vsnprintf(err->hint, sizeof(err->hint), format, args);
    va_end(args);
    cut_whole(err->hint, sizeof(err->hint));
    return -1;
}

/* For tests and logs; clients see names of arm/ and mlflow/. */
const char *error_name(enum error_code code)
{
    assert(code >= ERROR_NONE && code < ERROR_COUNT_);
    return NAMES[code];
}

/* err may be NULL, as everywhere. */
int error_pass(struct error *err, const struct error *why)
{
    assert(why->code != ERROR_NONE);
    if (err)
        *err = *why;
    return -1;
}
