/* Signing in with a browser: the client sends it here with a question, a person answers on our
 * page, and the browser carries a code to where the client waits (RFC 6749, 4.1 with PKCE). */
#include "oauth/oauth_private.h"

#include "http/text.h"
#include "identity/identity.h"
#include "oauth/page.h"
#include "oauth/redirect.h"
#include "oauth/signin.h"
#include "os/random.h"

#include <assert.h>

#define CHALLENGE_LEN 43 /* base64url of a SHA-256 */
#define TEXT_BYTES 2048  /* of state and nonce, which only pass through */

/* A question that cannot even be answered: its address is not to be trusted, so the person is told.
 */
static void show_error(struct call *call, int status, const char *sentence)
{
    struct page page = page_make("Sign-in is not possible");

    assert(status >= 400);
    page_error(&page, str_from(sentence));
    page_say(&page, "Close this window and start again from the program that sent you here.");
    page_reply(call, status, &page);
    buf_free(&page.body);
}

/* One field of the answer; an empty one is left out. */
struct answer_field {
    const char *name;
    struct str value;
};

/* As a form that sends itself, since a code in an address would stay in the browser's history. */
static void answer_by_form(struct call *call, const struct flow *flow,
                           const struct answer_field *fields, size_t count)
{
    struct page page = page_make("Back to the program");
    struct str origin;

    if (!redirect_is_loopback(flow->redirect, &origin))
        assert(false);
    page.form_target = origin;
    page.submits = true;
    buf_add(&page.body, STR("<form method=\"post\" data-submit action=\""));
    page_text(&page.body, flow->redirect);
    buf_add(&page.body, STR("\">\n"));
    for (size_t i = 0; i < count; i++)
        if (fields[i].value.len > 0)
            page_hidden(&page, fields[i].name, fields[i].value);
    buf_add(&page.body, STR("<button>Go on</button>\n</form>\n"));
    page_reply(call, 200, &page);
    buf_free(&page.body);
}

/* Each value is encoded, so that no state of a client can add parameters of its own. */
static void answer_by_query(struct call *call, const struct flow *flow,
                            const struct answer_field *fields, size_t count)
{
    struct buf url = buf_make(FORM_BYTES);
    char separator = '?';

    buf_add(&url, flow->redirect);
    for (size_t i = 0; i < count; i++) {
        if (fields[i].value.len == 0)
            continue;
        struct str value = http_encode(call->arena, fields[i].value, false);
        buf_printf(&url, "%c%s=%.*s", separator, fields[i].name, STR_ARG(value));
        separator = '&';
    }
    assert(!url.failed);
    http_add_header(call->ex, "Location", buf_str(&url));
    http_add_header(call->ex, "Cache-Control", STR("no-store"));
    http_add_header(call->ex, "Referrer-Policy", STR("no-referrer"));
    http_reply(call->ex, 302, "text/plain", STR(""));
    buf_free(&url);
}

/* The client's state goes with every answer: it knows by it which question is answered. */
static void answer_client(struct call *call, const struct flow *flow, struct str code,
                          const struct error *why)
{
    const struct answer_field fields[] = {
        {"code", code},
        {"error", why ? str_from(why->target) : STR("")},
        {"error_description", why ? str_from(why->message) : STR("")},
        {"state", flow->state},
    };

    assert((code.len > 0) != (why != NULL));
    if (flow->form_post)
        answer_by_form(call, flow, fields, COUNT(fields));
    else
        answer_by_query(call, flow, fields, COUNT(fields));
}

/* Who asks, and where the answer goes; while these are in doubt nothing is sent anywhere. */
static const char *check_client(const struct form *query, struct flow *out)
{
    struct str origin;

    out->client = form_get(query, "client_id");
    out->redirect = form_get(query, "redirect_uri");
    if (oauth_public_client(out->client).len == 0)
        return "The client_id is none that people can sign in with here.";
    if (!redirect_is_loopback(out->redirect, &origin))
        return "The redirect_uri must be http://localhost with a port: answers go to a program on "
               "your own machine only.";
    return NULL;
}

/* All else; what is wrong is told to the client. */
static int check_question(struct oauth *oauth, const struct form *query, struct flow *out,
                          struct error *err)
{
    struct str mode = form_get(query, "response_mode");
    struct wish wish;

    out->state = form_get(query, "state");
    out->nonce = form_get(query, "nonce");
    out->challenge = form_get(query, "code_challenge");
    out->form_post = str_eq(mode, STR("form_post"));
    if (out->state.len > TEXT_BYTES || out->nonce.len > TEXT_BYTES)
        return error_set(err, ERROR_INVALID, "invalid_request", "state or nonce is too long.");
    if (!str_eq(form_get(query, "response_type"), STR("code")))
        return error_set(err, ERROR_INVALID, "unsupported_response_type",
                         "The response_type must be 'code'.");
    if (mode.len > 0 && !out->form_post && !str_eq(mode, STR("query")))
        return error_set(err, ERROR_INVALID, "invalid_request",
                         "The response_mode must be 'query' or 'form_post'.");
    if (out->challenge.len != CHALLENGE_LEN ||
        !str_eq(form_get(query, "code_challenge_method"), STR("S256")))
        return error_set(err, ERROR_INVALID, "invalid_request",
                         "A code_challenge with the method S256 is required.");
    if (str_eq(form_get(query, "prompt"), STR("none")))
        return error_set(err, ERROR_INVALID, "login_required",
                         "Nobody is signed in here; a person has to be asked.");
    if (oauth_wish(oauth, form_get(query, "scope"), &wish, err) < 0)
        return -1;
    assert(wish.audience.len > 0);
    out->scope = wish.scope;
    return 0;
}

/* The page with name and password; again, with what was wrong, after a bad try. */
static void show_form(struct call *call, const struct flow *flow, struct str key,
                      const struct signin_try *before)
{
    struct page page = page_make("Sign in to Lazurite");
    struct str origin;

    if (!redirect_is_loopback(flow->redirect, &origin))
        assert(false);
    page.form_target = origin;
    buf_add(&page.body, STR("<p>You were sent here by "));
    page_text(&page.body, oauth_public_client(flow->client));
    buf_add(&page.body, STR(" on your machine.</p>\n"));
    if (before->error.len > 0)
        page_error(&page, before->error);
    buf_add(&page.body, STR("<form method=\"post\" action=\"/"));
    page_text(&page.body, call_param(call, "tenant"));
    buf_add(&page.body, STR("/oauth2/v2.0/signin\">\n"));
    page_hidden(&page, "transaction", key);
    signin_fields(&page, before->name);
    buf_add(&page.body,
            STR("<button name=\"answer\" value=\"signin\">Sign in</button>\n"
                "<button class=\"quiet\" name=\"answer\" value=\"cancel\" formnovalidate>Cancel"
                "</button>\n</form>\n"));
    page_reply(call, before->status, &page);
    buf_free(&page.body);
}

/* Until client and redirect are known to be good, mistakes are shown and never sent on: else this
 * would be a way to send people anywhere. */
void oauth_authorize(struct call *call)
{
    struct oauth *oauth = call->face;
    struct flow flow = {.kind = FLOW_PAGE, .address = oauth_address(call)};
    struct str tenant, key;
    struct form query;
    struct error err = {0};

    assert(oauth->flows);
    if (!oauth_tenant(call, &tenant))
        return;
    if (form_read(call->arena, http_query(call->ex), &query, &err) < 0) {
        show_error(call, 400, err.message);
        return;
    }
    const char *wrong = check_client(&query, &flow);
    if (wrong) {
        show_error(call, 400, wrong);
        return;
    }
    if (check_question(oauth, &query, &flow, &err) < 0) {
        answer_client(call, &flow, STR(""), &err);
        return;
    }
    flows_add(oauth->flows, call->arena, &flow, &key);
    const struct signin_try first = {.status = 200, .name = form_get(&query, "login_hint")};
    show_form(call, &flow, key, &first);
}

/* A code for the client, once the person is known. */
static void send_code(struct call *call, const struct flow *asked, const struct principal *who)
{
    struct oauth *oauth = call->face;
    struct flow flow = *asked;
    struct str code;

    assert(who->object_id.len > 0);
    flow.kind = FLOW_CODE;
    flow.person = who->object_id;
    flow.family = random_uuid(call->arena);
    flows_add(oauth->flows, call->arena, &flow, &code);
    answer_client(call, &flow, code, NULL);
}

/* Takes the page at the end: of two answers to one page only the first counts. */
static void finish(struct call *call, struct str key, const struct principal *who)
{
    struct oauth *oauth = call->face;
    struct flow flow;
    struct error refused = {0};

    if (!flows_take_page(oauth->flows, call->arena, key, &flow)) {
        show_error(call, 400, "This page has been answered already, or waited too long.");
        return;
    }
    if (who) {
        send_code(call, &flow, who);
        return;
    }
    error_set(&refused, ERROR_FORBIDDEN, "access_denied", "The person canceled the sign-in.");
    answer_client(call, &flow, STR(""), &refused);
}

/* The page's key is taken with the first right password, so a form is good once. */
void oauth_sign_in(struct call *call)
{
    struct oauth *oauth = call->face;
    struct principal who;
    struct str tenant, key;
    struct form form;
    struct flow flow;
    struct error err = {0};

    assert(oauth->flows);
    if (!oauth_tenant(call, &tenant))
        return;
    if (page_own_form(call, &err) < 0 || oauth_form(call, &form, &err) < 0) {
        show_error(call, err.code == ERROR_FORBIDDEN ? 403 : 400, err.message);
        return;
    }
    key = form_get(&form, "transaction");
    if (!flows_page(oauth->flows, call->arena, key, &flow)) {
        show_error(call, 400, "This page has been answered already, or waited too long.");
        return;
    }
    if (str_eq(form_get(&form, "answer"), STR("cancel"))) {
        finish(call, key, NULL);
        return;
    }
    struct signin_try tried = {0};
    if (signin_check(call, &form, &who, &tried))
        finish(call, key, &who);
    else
        show_form(call, &flow, key, &tried);
}

/* Nobody stays signed in at these pages, so there is nothing to end but the program's own session,
 * which it has ended when it sends its person here; he is sent back to it, if it is on his machine.
 */
void oauth_log_out(struct call *call)
{
    struct str to = call_query(call, "post_logout_redirect_uri");
    struct str state = call_query(call, "state"), tenant, origin;

    if (!oauth_tenant(call, &tenant))
        return;
    if (to.len > 0 && state.len <= TEXT_BYTES && redirect_is_loopback(to, &origin)) {
        const struct flow flow = {.redirect = to};
        const struct answer_field fields[] = {{"state", state}};
        answer_by_query(call, &flow, fields, COUNT(fields));
        return;
    }
    struct page page = page_make("Signed out");
    page_say(&page, "You are signed out. This window can be closed.");
    page_reply(call, 200, &page);
    buf_free(&page.body);
}
