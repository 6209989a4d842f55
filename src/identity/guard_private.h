/* guard_private.h - between the files of the guard */
#pragma once

#include "identity/guard.h"
#include "identity/identity_private.h"

struct access;

/* Every 401 says how to get a token, in a line that can be pasted. */
int guard_unauthenticated(struct error *err, const char *why);

/* guard_caller.c: fills call->caller or says why nobody is there; *out_challenge as guard_decide.
 */
int guard_find_caller(struct identity *identity, const struct guard_ask *ask, struct call *call,
                      struct str *out_challenge, struct error *err);
/* Whether finding the caller would have to leave memory. */
bool guard_caller_needs_worker(struct identity *identity, const struct guard_ask *ask,
                               const struct call *call);
/* By what a caller of CALLER_USER is found again. */
struct access_who guard_who(const struct caller *caller);

/* guard_place.c: where a request belongs, by the literals of its row's template. */
enum place_kind {
    PLACE_ROOT,  /* above all subscriptions */
    PLACE_ABOVE, /* a subscription or a group */
    PLACE_SCOPE, /* in a workspace or a registry */
    PLACE_BLOB   /* in the storage of a workspace that blob/ will find */
};
struct guard_place {
    enum place_kind kind;
    struct str path;  /* as grant_path makes it */
    struct str base;  /* PLACE_SCOPE: that of the workspace or registry; PLACE_ABOVE: that of the
                         subscription or group; else "" */
    struct str shown; /* the path as the client spelled it, for messages */
    bool bare_mlflow; /* the default workspace, since the row names none */
};
/* 1 found, 0 when memory does not know and `cached_only` forbids to look, -1 failed.
 * Errors: ERROR_NOT_FOUND for a registry that is not there. */
struct place_ask {
    const struct call *call;
    struct str path; /* of the request */
    bool cached_only;
};
int guard_place(struct identity *identity, const struct place_ask *ask, struct guard_place *out,
                struct error *err);
