/* Signing in for a device without a browser (RFC 8628): it shows a short code, a person types that
 * on our page, and the device, which asks all the time, gets its tokens. */
#include "oauth/oauth_private.h"

#include "oauth/signin.h"
#include "os/random.h"

#include <assert.h>

/* Who tries user codes is counted under this name. */
#define DEVICE_PAGE STR("device page")

/* A device code is worth a sign-in, so only clients that people know may ask for one. */
static int read_request(struct call *call, struct flow *out, struct error *err)
{
    struct form form;
    struct wish wish;

    *out = (struct flow){.kind = FLOW_DEVICE, .address = oauth_address(call)};
    if (oauth_form(call, &form, err) < 0)
        return -1;
    out->client = form_get(&form, "client_id");
    if (oauth_public_client(out->client).len == 0)
        return error_set(err, ERROR_INVALID, "unauthorized_client",
                         "People cannot sign in with the client '%.*s'.",
                         STR_ARG(str_slice(out->client, 0, 64)));
    if (oauth_wish(call->face, form_get(&form, "scope"), &wish, err) < 0)
        return -1;
    assert(wish.audience.len > 0);
    out->scope = wish.scope;
    out->family = random_uuid(call->arena);
    return 0;
}

/* The message is what azure-identity prints; both spellings of the address are in use. */
void oauth_device_code(struct call *call)
{
    struct oauth *oauth = call->face;
    struct arena *arena = call->arena;
    struct json *body = json_object(arena);
    struct str tenant, key;
    struct flow flow;
    struct error err = {0};

    if (!oauth_tenant(call, &tenant))
        return;
    if (read_request(call, &flow, &err) < 0) {
        oauth_refuse(call, &err);
        return;
    }
    flows_add(oauth->flows, arena, &flow, &key);
    struct str code = flows_user_code(oauth->flows, arena, key);
    struct str page = oauth_url(call, tenant, "oauth2/deviceauth");
    assert(code.len > 0);
    json_set_str(arena, body, "device_code", key);
    json_set_str(arena, body, "user_code", code);
    json_set_str(arena, body, "verification_uri", page);
    json_set_str(arena, body, "verification_url", page);
    json_set_int(arena, body, "expires_in", FLOW_DEVICE_S);
    json_set_int(arena, body, "interval", FLOW_DEVICE_INTERVAL_S);
    json_set_str(arena, body, "message",
                 arena_printf(arena,
                              "To sign in, use a web browser to open the page %.*s and enter the "
                              "code %.*s to authenticate.",
                              STR_ARG(page), STR_ARG(code)));
    oauth_reply(call, body);
}

/* One page for all: the code, name and password. */
static void show_form(struct call *call, struct str code, const struct signin_try *before)
{
    struct page page = page_make("Sign in a device");
    const struct page_field field = {"user_code", "Code", "text", "one-time-code", code};

    page_say(&page, "Type the code that the device or the command line shows. Go on only if you "
                    "started this yourself: whoever showed you the code gets your rights.");
    if (before->error.len > 0)
        page_error(&page, before->error);
    buf_add(&page.body, STR("<form method=\"post\">\n"));
    page_field(&page, &field);
    signin_fields(&page, before->name);
    buf_add(&page.body,
            STR("<button name=\"answer\" value=\"signin\">Sign in</button>\n"
                "<button class=\"quiet\" name=\"answer\" value=\"refuse\" formnovalidate>"
                "This was not me</button>\n</form>\n"));
    assert(before->status >= 200);
    page_reply(call, before->status, &page);
    buf_free(&page.body);
}

/* The last page that a person sees; nothing on it can be sent. */
static void show_end(struct call *call, const char *title, const char *sentence)
{
    struct page page = page_make(title);

    assert(sentence[0]);
    page_say(&page, sentence);
    page_reply(call, 200, &page);
    buf_free(&page.body);
}

/* The code is typed, not part of the address: a link with a code in it is how people are
 * tricked. */
void oauth_device_page(struct call *call)
{
    const struct signin_try first = {.status = 200};
    struct str tenant;

    assert(call->face);
    if (oauth_tenant(call, &tenant))
        show_form(call, STR(""), &first);
}

/* A code that nobody waits for; trying codes is held back like trying passwords. */
static void refuse_code(struct call *call, const struct form *form)
{
    struct oauth *oauth = call->face;
    struct signin_try tried = {.status = 400,
                               .name = form_get(form, "username"),
                               .error = STR("There is no such code, or it has expired.")};

    assert(oauth->throttle);
    throttle_fail(oauth->throttle, DEVICE_PAGE, oauth_address(call));
    show_form(call, STR(""), &tried);
}

/* The answer itself; refusing needs no password, since it gives nothing. */
static void decide(struct call *call, const struct form *form)
{
    struct oauth *oauth = call->face;
    struct str code = form_get(form, "user_code");
    struct signin_try tried;
    struct principal who;
    struct flow flow;

    assert(oauth->flows);
    if (!flows_device(oauth->flows, call->arena, code, &flow)) {
        refuse_code(call, form);
        return;
    }
    bool refuse = str_eq(form_get(form, "answer"), STR("refuse"));
    if (!refuse && !signin_check(call, form, &who, &tried)) {
        show_form(call, code, &tried);
        return;
    }
    if (!flows_decide(oauth->flows, code, refuse ? STR("") : who.object_id)) {
        refuse_code(call, form);
        return;
    }
    if (refuse)
        show_end(call, "Refused", "The device was told that it may not sign in.");
    else
        show_end(call, "Signed in", "The device is signed in; you may close this window.");
}

/* What cannot be read shows the form again, with the sentence above it. */
void oauth_device_answer(struct call *call)
{
    struct oauth *oauth = call->face;
    struct signin_try tried = {.status = 400};
    struct str tenant;
    struct form form;
    struct error err = {0};

    assert(oauth->throttle);
    if (!oauth_tenant(call, &tenant))
        return;
    if (page_own_form(call, &err) < 0 || oauth_form(call, &form, &err) < 0 ||
        throttle_ask(oauth->throttle, DEVICE_PAGE, oauth_address(call), &err) < 0) {
        tried.status = err.code == ERROR_TOO_MANY ? 429 : err.code == ERROR_FORBIDDEN ? 403 : 400;
        tried.error = arena_str(call->arena, str_from(err.message));
        show_form(call, STR(""), &tried);
        return;
    }
    decide(call, &form);
}
