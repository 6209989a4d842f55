/* identity.h - principals, tokens, and the guard that every face asks
 *
 * The folder's owner (admin) over the Unix socket or by the token of `connect`; users and service
 * principals by token, on MLflow rows also by basic credentials (principal.h), with the rights of
 * their role assignments (grant.h); `local` on the plain listener for MLflow rows (decisions 23);
 * attempts by their tokens; signatures, which blob/ verifies.
 */
#pragma once

#include "route/route.h"
#include "store/scope.h"

struct identity;

struct identity_options {
    int dir; /* the data folder: keys/ */
    struct store *store;
    struct str domain;        /* "lazurite.test" */
    bool anonymous_same_user; /* decisions 23; off as soon as a listener leaves loopback */
    int64_t default_scope;    /* what `local` may use */
    const struct str *hosts;  /* Host values that are ours, host:port as clients send it */
    size_t host_count;
};

/* Loads the signing keys, or makes them on `pool` (NULL: here); then identity_ready is true. Owns:
 * the caller. */
struct identity *identity_open(const struct identity_options *options, struct pool *pool,
                               struct error *err);
void identity_close(struct identity **identity);
bool identity_ready(struct identity *identity);
/* From now on nobody is let in without a token, whatever the options said; before requests are
 * answered. */
void identity_close_door(struct identity *identity);

/* The Host header's list can change once ports are known. */
void identity_set_hosts(struct identity *identity, const struct str *hosts, size_t count);

/* Asks the owner of attempts whether one still runs (decisions 25): 1, 0, or -1 when the store
 * cannot say. Answers are kept <= 5 s. */
typedef int identity_attempt_alive(int64_t scope, struct str run, int attempt, void *context);
void identity_on_attempt(struct identity *identity, identity_attempt_alive *ask, void *context);

/* Checks a SAS or a shared key for ROUTE_SAS rows; set by blob/. 0 and a filled caller, or -1. */
typedef int identity_check_sas(struct call *call, struct caller *out, void *context,
                               struct error *err);
void identity_on_sas(struct identity *identity, identity_check_sas *check, void *context);

/* Decides whether this matched call may go on; fills call->caller and call->action.
 * Errors: ERROR_UNAUTHENTICATED (with the line to export as hint), ERROR_FORBIDDEN,
 * ERROR_MISDIRECTED, ERROR_NOT_FOUND across workspaces, ERROR_UNAVAILABLE while the keys are made.
 * Never blocks on disk for what it decided in the last 5 s. */
int identity_guard(struct identity *identity, struct call *call, struct error *err);

/* Whether the caller's role assignments allow an action at a scope (an ARM id), for faces that
 * learn only while they answer where a request belongs: blobs, lists that leave out what the caller
 * may not see, ids in bodies. Admins may everything; of attempts, signatures and the local user it
 * says no. 1, 0, or -1 when the store cannot say. Opens a transaction when it does not remember:
 * not for the IO thread. */
int identity_may(struct identity *identity, const struct caller *caller, struct str action,
                 struct str scope, struct error *err);
/* Whether the caller has any role at, above or beneath a scope: to everybody else it looks as if it
 * were not there. As identity_may. */
int identity_sees(struct identity *identity, const struct caller *caller, struct str scope,
                  struct error *err);

/* Whether identity_guard would have to leave the IO thread for this call (a cache miss). */
bool identity_needs_worker(struct identity *identity, const struct call *call);

/* An RS256 JWT. Waits while the first keys are being made; not for the IO thread. Errors:
 * ERROR_INVALID for claims that make no sense, ERROR_UNAVAILABLE when there are no keys. */
struct token_claims {
    struct str audience;
    struct str subject, object_id, name;
    int64_t expires_us; /* wall clock */
    int64_t scope;      /* attempts only, else 0 */
    struct str run;
    int attempt;
    struct maker maker; /* attempts: in whose name they make things */
};
int identity_mint(struct identity *identity, struct arena *arena, const struct token_claims *claims,
                  struct str *out, struct error *err);

/* The audience `connect` uses and every face accepts (decisions 24). */
struct str identity_audience(struct identity *identity);
/* Whether tokens for this audience are taken, and so may be asked for: our own addresses, the
 * audience above and Azure's own, each with or without one final slash. */
bool identity_audience_accepted(struct identity *identity, struct str audience);
/* The token of `connect`: the admin's, 12 h. */
int identity_admin_token(struct identity *identity, struct arena *arena, struct str *out,
                         int64_t *out_expires_us, struct error *err);
/* Public keys as a JWKS document. */
struct json;
struct json *identity_jwks(struct identity *identity, struct arena *arena);

/* Our tenant's GUID, the `tid` of every token. */
struct str identity_tenant(struct identity *identity);
/* From the next second on, every token that the admin has so far is refused. */
int identity_revoke_admin(struct identity *identity, struct error *err);
