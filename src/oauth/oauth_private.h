/* oauth_private.h - what the files of oauth/ share: the face, replies in OAuth's words, one request
 * for a token. An error's target is OAuth's name for it ("invalid_grant"); without one the code
 * decides. */
#pragma once

#include "oauth/family.h"
#include "oauth/flow.h"
#include "oauth/form.h"
#include "oauth/oauth.h"
#include "oauth/throttle.h"
#include "oauth/wish.h"

#include "identity/principal.h"

struct oauth {
    struct engines *engines;
    struct flows *flows;
    struct throttle *throttle;
};

/* --- reply.c --------------------------------------------------------------------------------- */

/* RFC 6749, 5.2: {"error", "error_description"}; every row's `refuse`. */
void oauth_refuse(struct call *call, const struct error *err);
/* 200 with a body that nobody may keep. */
void oauth_reply(struct call *call, const struct json *body);
/* Our own GUID or `adfs`, as the path spells it. False: refused already, with 404. */
bool oauth_tenant(struct call *call, struct str *out);
/* "https://host:port/{tenant}/{rest}", by the name under which this client reaches us. */
struct str oauth_url(const struct call *call, struct str tenant, const char *rest);
/* The peer, without its port. */
struct str oauth_address(const struct call *call);
/* What a public client is called on pages; "" for any other. */
struct str oauth_public_client(struct str client);
/* Reads the body as a form, and refuses secrets that stand in the query. */
int oauth_form(struct call *call, struct form *out, struct error *err);
/* A scope whose audience is one of ours. Errors: ERROR_INVALID, "invalid_scope". */
int oauth_wish(struct oauth *oauth, struct str scope, struct wish *out, struct error *err);

/* --- metadata.c ------------------------------------------------------------------------------- */

void oauth_configuration(struct call *call);
void oauth_keys(struct call *call);
void oauth_instance(struct call *call);

/* --- token.c ---------------------------------------------------------------------------------- */

/* One request at the token endpoint. */
struct ask {
    struct call *call;
    struct oauth *oauth;
    struct form form;
    struct str client;   /* client_id */
    struct str resource; /* of version 1 of the protocol, which names an audience; else "" */
    struct str endpoint; /* the token endpoint's address: the audience of assertions */
};

/* What a grant comes to. */
struct gift {
    struct principal who;
    struct wish wish;
    struct str refresh; /* people only: the refresh token */
    struct str nonce;   /* of the authorize request */
    bool person;        /* gets an id token */
};

typedef int grant(struct ask *ask, struct gift *out, struct error *err);

/* grant_client.c: programs, by secret, certificate or another issuer's token. */
grant grant_client;
/* grant_person.c: people, after they have signed in. */
grant grant_code, grant_device, grant_refresh;

/* What the form asks for. Without one, `before` counts (the scope of an earlier request). */
int ask_wish(struct ask *ask, struct str before, struct wish *out, struct error *err);

void oauth_token(struct call *call);

/* --- attempt.c: what runs here asks for its own rights under another audience -------------------
 */

void oauth_attempt_token(struct call *call);

/* --- device.c, authorize.c -------------------------------------------------------------------- */

void oauth_device_code(struct call *call);
void oauth_device_page(struct call *call);
void oauth_device_answer(struct call *call);
void oauth_authorize(struct call *call);
void oauth_sign_in(struct call *call);
void oauth_log_out(struct call *call);
