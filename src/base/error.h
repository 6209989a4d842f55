/* error.h - what went wrong, for whom
 *
 * A function that can fail returns 0 or -1 and fills a struct error: a code, a target and one
 * sentence for the client, and sometimes what to do next. Faces map codes to their statuses
 * (arm/reply.c, mlflow/reply.c, blob/reply.c); nothing else knows HTTP.
 */
#pragma once

#include "base/base.h"
#include "base/str.h"

enum error_code {
    ERROR_NONE = 0,
    ERROR_INVALID,         /* the request says something impossible: 400 */
    ERROR_USER,            /* 400 with the code UserError (asset paths cannot be updated, …) */
    ERROR_UNAUTHENTICATED, /* 401 */
    ERROR_FORBIDDEN,       /* 403 */
    ERROR_NOT_FOUND,       /* 404 */
    ERROR_METHOD,          /* 405 */
    ERROR_EXISTS,          /* 409: the name is taken */
    ERROR_CONFLICT,        /* 409: the state does not allow it */
    ERROR_GONE,            /* 410 */
    ERROR_PRECONDITION,    /* 412: If-Match or If-None-Match */
    ERROR_TOO_LARGE,       /* 413 */
    ERROR_MEDIA_TYPE,      /* 415 */
    ERROR_RANGE,           /* 416 */
    ERROR_MISDIRECTED,     /* 421: a Host we do not serve */
    ERROR_TOO_MANY,        /* 429 */
    ERROR_INTERNAL,        /* 500: our bug */
    ERROR_NOT_IMPLEMENTED, /* 501: known, not built yet */
    ERROR_UNAVAILABLE,     /* 503: try again; store busy, shutting down, commit unknown */
    ERROR_TIMEOUT,         /* 504 */
    ERROR_STORAGE_FULL,    /* 507: no space, quota */
    ERROR_IO,              /* a system call failed; 500 */
    ERROR_CORRUPT,         /* stored bytes are not what they should be; 500 */
    ERROR_FENCED,          /* a lease was lost; never reaches a client */
    ERROR_CANCELED,        /* the caller went away or asked to stop */
    ERROR_COUNT_
};

struct error {
    enum error_code code;
    char target[128];  /* JSON path or resource id at fault; "" when none */
    char message[512]; /* one sentence for the client; no secrets, no paths of the server */
    char hint[256];    /* what to do next; "" when obvious */
};

/* Fills *err, unless it is NULL. Always -1, so that a caller can `return error_set(…)`. */
PRINTF(4, 5)
int error_set(struct error *err, enum error_code code, const char *target, const char *format, ...);

/* As error_set, with the meaning of an errno put behind the sentence: ERROR_STORAGE_FULL for
 * ENOSPC and EDQUOT, ERROR_NOT_FOUND for ENOENT, ERROR_EXISTS for EEXIST, ERROR_FORBIDDEN for
 * EACCES and EPERM, else ERROR_IO. */
PRINTF(3, 4) int error_errno(struct error *err, int number, const char *format, ...);

/* Says what to do next; may follow error_set. Always -1. */
PRINTF(2, 3) int error_hint(struct error *err, const char *format, ...);

/* Hands on an error that was looked at first. Always -1. */
int error_pass(struct error *err, const struct error *why);

/* The code's short English name: "not found". */
const char *error_name(enum error_code code);
