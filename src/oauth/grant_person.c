/* What follows a person's sign-in: the code of a browser, the answer to a device, and then refresh
 * tokens. What the person was when he signed in is asked again each time: he may have been
 * disabled, or all he holds revoked, since. */
#include "oauth/oauth_private.h"

#include "identity/base64url.h"

#include <assert.h>
#include <openssl/sha.h>

#define VERIFIER_MIN 43 /* RFC 7636, 4.1 */
#define VERIFIER_MAX 128

/* One sentence for all that is wrong with a code. */
static int refuse_code(struct error *err)
{
    return error_set(err, ERROR_INVALID, "invalid_grant",
                     "The code is not valid (any more), or not for this client; sign in again.");
}

/* Public clients are told apart by name only; others have no people. */
static int check_client(struct ask *ask, struct error *err)
{
    if (oauth_public_client(ask->client).len > 0)
        return 0;
    return error_set(err, ERROR_INVALID, "unauthorized_client",
                     "People cannot sign in with the client '%.*s'.",
                     STR_ARG(str_slice(ask->client, 0, 64)));
}

/* Who signed in, if he still may. `since_us` is when what he holds was made. */
static int find_person(struct ask *ask, struct str object_id, int64_t since_us,
                       struct principal *out, struct error *err)
{
    struct principal who;
    struct error why = {0};

    assert(object_id.len > 0);
    if (principal_find(ask->oauth->engines->identity, ask->call->arena, object_id, &who, &why) <
        0) {
        if (why.code == ERROR_NOT_FOUND)
            return refuse_code(err);
        *err = why;
        return -1;
    }
    if (who.kind != PRINCIPAL_USER || who.disabled || since_us < who.epoch_us)
        return error_set(err, ERROR_INVALID, "invalid_grant",
                         "The sign-in was revoked; sign in again.");
    *out = who;
    return 0;
}

/* S256 only: base64url(sha256(verifier)) must be what authorize was told. */
static bool verifier_fits(struct arena *arena, struct str verifier, struct str challenge)
{
    unsigned char hash[SHA256_DIGEST_LENGTH];

    assert(challenge.len > 0);
    if (verifier.len < VERIFIER_MIN || verifier.len > VERIFIER_MAX)
        return false;
    SHA256((const unsigned char *)verifier.ptr, verifier.len, hash);
    return str_eq_secret(base64url_encode(arena, (struct str){(const char *)hash, sizeof(hash)}),
                         challenge);
}

/* The first refresh token of a sign-in. */
static int begin_family(struct ask *ask, const struct flow *flow, struct gift *gift,
                        struct error *err)
{
    const struct family family = {.name = flow->family,
                                  .person = gift->who.object_id,
                                  .client = ask->client,
                                  .scope = gift->wish.scope};

    assert(flow->family.len > 0);
    return family_issue(ask->oauth->engines->store, ask->call->arena, &family, &gift->refresh, err);
}

/* A code is spent by the first who brings it, also when he brings the wrong verifier; whoever
 * brings it again ends what came of it (RFC 6749, 4.1.2). */
int grant_code(struct ask *ask, struct gift *out, struct error *err)
{
    struct arena *arena = ask->call->arena;
    struct gift gift = {.person = true};
    struct flow flow;

    if (check_client(ask, err) < 0)
        return -1;
    enum flow_code taken =
        flows_take_code(ask->oauth->flows, arena, form_get(&ask->form, "code"), &flow);
    if (taken == CODE_TAKEN_BEFORE && family_end(ask->oauth->engines->store, flow.family, err) < 0)
        return -1;
    if (taken != CODE_TAKEN_NOW || !str_eq_fold(flow.client, ask->client) ||
        !str_eq(flow.redirect, form_get(&ask->form, "redirect_uri")))
        return refuse_code(err);
    if (!verifier_fits(arena, form_get(&ask->form, "code_verifier"), flow.challenge))
        return error_set(err, ERROR_INVALID, "invalid_grant",
                         "The code_verifier does not fit the code_challenge.");
    assert(flow.person.len > 0);
    if (ask_wish(ask, flow.scope, &gift.wish, err) < 0 ||
        find_person(ask, flow.person, flow.signed_us, &gift.who, err) < 0 ||
        begin_family(ask, &flow, &gift, err) < 0)
        return -1;
    gift.nonce = flow.nonce;
    *out = gift;
    return 0;
}

/* Where the flow of a device is, as an error of RFC 8628, 3.5. */
static int refuse_poll(enum flow_poll poll, struct error *err)
{
    assert(poll != POLL_GRANTED);
    switch (poll) {
    case POLL_PENDING:
        return error_set(err, ERROR_INVALID, "authorization_pending",
                         "Nobody has entered the code yet.");
    case POLL_TOO_FAST:
        return error_set(err, ERROR_INVALID, "slow_down",
                         "Ask less often: wait %d seconds longer than before.",
                         FLOW_DEVICE_INTERVAL_S);
    case POLL_EXPIRED:
        return error_set(err, ERROR_INVALID, "expired_token",
                         "Nobody has entered the code in time; ask for a new one.");
    case POLL_REFUSED:
        return error_set(err, ERROR_INVALID, "access_denied", "The sign-in was refused.");
    case POLL_UNKNOWN:
    case POLL_GRANTED:
        break;
    }
    return error_set(err, ERROR_INVALID, "invalid_grant", "The device code is not valid.");
}

/* The scope is that of the device request: clients send none here. */
int grant_device(struct ask *ask, struct gift *out, struct error *err)
{
    struct arena *arena = ask->call->arena;
    struct str code = form_get(&ask->form, "device_code");
    struct gift gift = {.person = true};
    struct flow flow;

    if (check_client(ask, err) < 0)
        return -1;
    if (code.len == 0)
        code = form_get(&ask->form, "code");
    enum flow_poll poll = flows_poll(ask->oauth->flows, arena, code, &flow);
    if (poll != POLL_GRANTED)
        return refuse_poll(poll, err);
    if (!str_eq_fold(flow.client, ask->client))
        return refuse_code(err);
    assert(flow.person.len > 0);
    if (ask_wish(ask, flow.scope, &gift.wish, err) < 0 ||
        find_person(ask, flow.person, flow.signed_us, &gift.who, err) < 0 ||
        begin_family(ask, &flow, &gift, err) < 0)
        return -1;
    *out = gift;
    return 0;
}

/* One refresh token serves every audience; the next one takes its place. */
int grant_refresh(struct ask *ask, struct gift *out, struct error *err)
{
    struct family_key key = {form_get(&ask->form, "refresh_token"), ask->client};
    struct store *store = ask->oauth->engines->store;
    struct arena *arena = ask->call->arena;
    struct gift gift = {.person = true};
    struct family family;

    assert(store);
    if (check_client(ask, err) < 0)
        return -1;
    if (family_find(store, arena, &key, &family, err) < 0 ||
        ask_wish(ask, family.scope, &gift.wish, err) < 0 ||
        find_person(ask, family.person, family.issued_us, &gift.who, err) < 0)
        return -1;
    family.scope = gift.wish.scope;
    gift.refresh = key.token;
    if (family_rotate(store, arena, &family, &gift.refresh, err) < 0)
        return -1;
    *out = gift;
    return 0;
}
