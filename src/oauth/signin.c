/* The one place where a person's password is looked at. */
#include "oauth/signin.h"

#include "oauth/oauth_private.h"

#include <assert.h>

/* The same on both pages, so that people know what they look at. */
void signin_fields(struct page *page, struct str name)
{
    const struct page_field who = {"username", "Name", "text", "username", name};
    const struct page_field password = {"password", "Password", "password", "current-password",
                                        STR("")};

    assert(page);
    page_field(page, &who);
    page_field(page, &password);
}

/* 1 the person, 0 not, -1 something broke or was too often. */
static int prove(struct call *call, const struct form *form, struct principal *out,
                 struct error *err)
{
    struct oauth *oauth = call->face;
    const struct proof proof = {.kind = PROOF_PASSWORD,
                                .who = form_get(form, "username"),
                                .text = form_get(form, "password"),
                                .address = oauth_address(call)};

    assert(oauth->engines->identity);
    if (proof.who.len == 0 || proof.text.len == 0)
        return 0;
    if (throttle_ask(oauth->throttle, proof.who, proof.address, err) < 0)
        return -1;
    if (principal_prove(oauth->engines->identity, call->arena, &proof, out, err) == 0 &&
        out->kind == PRINCIPAL_USER)
        return 1;
    if (err->code != ERROR_NONE && err->code != ERROR_UNAUTHENTICATED)
        return -1;
    throttle_fail(oauth->throttle, proof.who, proof.address);
    return 0;
}

/* An unknown name and a wrong password have one sentence; the name is shown again, the password
 * never. */
bool signin_check(struct call *call, const struct form *form, struct principal *out,
                  struct signin_try *out_try)
{
    struct error err = {0};
    int known = prove(call, form, out, &err);

    assert(out_try);
    if (known > 0)
        return true;
    *out_try = (struct signin_try){.status = 401,
                                   .name = form_get(form, "username"),
                                   .error = STR("Name or password is wrong.")};
    if (known < 0 && err.code == ERROR_TOO_MANY) {
        out_try->status = 429;
        out_try->error = STR("Too many wrong tries; wait a minute.");
        http_add_header(call->ex, "Retry-After", STR("60"));
    } else if (known < 0) {
        out_try->status = 503;
        out_try->error = STR("The server cannot answer just now; try again.");
    }
    return false;
}
