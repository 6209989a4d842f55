/* Tokens for what runs here: an attempt of a job, or a replica, asks with the token it was started
 * with for the same rights under another audience. Its runner does so for the identity endpoint
 * that azure-identity looks for inside a job. What is given dies with the attempt, as all its
 * tokens do. */
#include "oauth/oauth_private.h"

#include "identity/identity.h"
#include "job/attempt.h"
#include "os/clock.h"
#include "tracking/tracking.h"

#include <assert.h>

/* As long as a managed identity's in Azure: clients keep them, and a job may outlive our restart.
 */
#define TOKEN_US (24LL * 3600 * US_PER_S)
#define REPLICA_PREFIX "endpoint:"

/* For a foreign attempt as for none: neither says whether the other is there. */
static int not_found(struct error *err)
{
    return error_set(err, ERROR_NOT_FOUND, "", "There is no such attempt.");
}

/* Whether the attempt in the path is the one whose token this is; the admin has no attempt. */
static int check_own(struct call *call, struct error *err)
{
    const struct oauth *oauth = call->face;
    const struct caller *caller = &call->caller;
    struct str name = call_param(call, "attempt");
    CLEANUP(store_read_end) struct store_txn *txn = NULL;
    struct run run;
    int64_t row;
    int number;

    if (caller->kind != CALLER_ATTEMPT)
        return not_found(err);
    assert(caller->run.len > 0);
    if (str_starts(caller->run, STR(REPLICA_PREFIX)))
        return str_eq(str_slice(caller->run, sizeof(REPLICA_PREFIX) - 1, caller->run.len), name)
                   ? 0
                   : not_found(err);
    if (!attempt_parse(name, &row, &number) || number != caller->attempt)
        return not_found(err);
    txn = store_read_begin(oauth->engines->store, err);
    if (!txn || run_by_row(txn, row, &run, err) < 0)
        return -1;
    return run.scope == caller->scope && str_eq_fold(run.run_id, caller->run) ? 0 : not_found(err);
}

/* There is one identity, the attempt's own; asking for another by name must not give this one. */
static int check_identity(const struct call *call, struct str identity, struct error *err)
{
    if (identity.len == 0 || str_eq_fold(identity, call->caller.object_id))
        return 0;
    return error_set(err, ERROR_INVALID, "identity",
                     "There is no identity '%.*s' here; leave it out, or use "
                     "DEFAULT_IDENTITY_CLIENT_ID.",
                     STR_ARG(str_slice(identity, 0, 128)));
}

/* The same claims as those of the token it was started with, but for audience and times. */
static int mint(struct call *call, struct str resource, int64_t expires_us, struct str *out,
                struct error *err)
{
    const struct oauth *oauth = call->face;
    const struct caller *caller = &call->caller;
    const struct token_claims claims = {.audience = resource,
                                        .subject = caller->run,
                                        .object_id = caller->object_id,
                                        .name = caller->name,
                                        .expires_us = expires_us,
                                        .scope = caller->scope,
                                        .run = caller->run,
                                        .attempt = caller->attempt};

    assert(resource.len > 0);
    if (!identity_audience_accepted(oauth->engines->identity, resource))
        return error_set(err, ERROR_INVALID, "resource",
                         "No tokens are given for the resource '%.*s'; '%.*s' is one that works.",
                         STR_ARG(str_slice(resource, 0, 128)),
                         STR_ARG(oauth->engines->arm_endpoint));
    return identity_mint(oauth->engines->identity, call->arena, &claims, out, err);
}

/* The same rights under another audience, never more: what the attempt may is in its own token. */
void oauth_attempt_token(struct call *call)
{
    struct arena *arena = call->arena;
    struct error err = {0};
    struct json *body = json_parse(arena, http_body(call->ex), &err), *answer = json_object(arena);
    struct str resource = json_str_at(body, "resource"), identity = json_str_at(body, "identity");
    struct str token;
    int64_t expires_us = (clock_now_us() / US_PER_S) * US_PER_S + TOKEN_US;

    if (body && resource.len == 0)
        error_set(&err, ERROR_INVALID, "resource", "The field 'resource' is required.");
    if (!body || resource.len == 0 || check_own(call, &err) < 0 ||
        check_identity(call, identity, &err) < 0 ||
        mint(call, resource, expires_us, &token, &err) < 0) {
        arm_refuse(call, &err);
        return;
    }
    json_set_str(arena, answer, "access_token", token);
    json_set_int(arena, answer, "expires_on", expires_us / US_PER_S);
    json_set_str(arena, answer, "resource", resource);
    json_set_str(arena, answer, "token_type", STR("Bearer"));
    oauth_reply(call, answer);
}
