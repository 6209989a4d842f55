/* login.c - Tokens from the server's token service. What comes back is kept with the time of its
 * end and, where it can be renewed, with what renews it; a secret that was typed is not kept. */
#include "cli/login.h"
#include "base/buf.h"
#include "cli/scope.h"
#include "cli/session.h"
#include "cli/settings.h"
#include "http/text.h"
#include "os/clock.h"

#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

/* The public client that Azure's own tools sign people in with. */
#define PUBLIC_CLIENT "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
#define HOME_TENANT "adfs"
#define SOON_S 60 /* a token that ends within this is renewed */

/* A form on its way to the token service. */
struct form {
    struct arena *arena;
    struct str text;
};

/* Empty values are left out: a form has no way to say none. */
static void add(struct form *form, const char *key, struct str value)
{
    assert(key[0]);
    if (!value.len)
        return;
    form->text =
        arena_printf(form->arena, "%.*s%s%s=%.*s", STR_ARG(form->text), form->text.len ? "&" : "",
                     key, STR_ARG(http_encode(form->arena, value, false)));
}

/* Ours is called adfs for all clients that want no tenant. */
static struct str tenant_given(const struct cli *cli)
{
    struct str tenant = cli_text(cli, "tenant");

    return tenant.len ? tenant : STR(HOME_TENANT);
}

/* The audience of the server is its own address. */
static struct str scope_of(struct cli *cli)
{
    struct str scope = cli_text(cli, "scope");

    assert(cli->session);
    if (scope.len)
        return scope;
    return arena_printf(cli->arena, "https://%.*s/.default", STR_ARG(session_host(cli)));
}

/* What the token service answered: JSON, of any status. */
struct token_reply {
    int status;
    struct json *body;
};

/* Posts a form. Only what is no JSON is an error here: refusals have codes that callers read. */
static int post_form(struct cli *cli, const struct form *form, struct str path,
                     struct token_reply *out, struct error *err)
{
    struct session_request post = {.method = "POST",
                                   .url = path,
                                   .body = form->text,
                                   .content_type = "application/x-www-form-urlencoded"};
    struct http_response reply;

    assert(path.len > 0);
    if (session_raw(cli, &post, &reply, err) < 0)
        return -1;
    *out = (struct token_reply){reply.status, json_parse(cli->arena, reply.body, err)};
    return out->body ? 0 : -1;
}

/* The service's own words for what was wrong. */
static int refused(struct cli *cli, const struct json *reply, struct error *err)
{
    struct str text = json_str_at(reply, "error_description");
    struct str code = json_str_at(reply, "error");

    assert(reply);
    cli->wire_code = code.len ? code : STR("invalid_request");
    return error_set(err, ERROR_UNAUTHENTICATED, "", "%.*s",
                     STR_ARG(text.len ? text : STR("The sign-in was refused.")));
}

static struct str token_path(struct cli *cli, struct str tenant)
{
    return arena_printf(cli->arena, "/%.*s/oauth2/v2.0/token",
                        STR_ARG(http_encode(cli->arena, tenant, false)));
}

/* What is kept of a token, for the next run. */
static struct json *to_keep(struct cli *cli, const struct json *reply, struct str tenant,
                            struct str name, const char *kind)
{
    struct json *kept = json_object(cli->arena);
    int64_t lasts = json_int_at(reply, "expires_in", 0);

    if (!lasts)
        str_to_int64(json_str_at(reply, "expires_in"), &lasts);
    json_set_str(cli->arena, kept, "access_token", json_str_at(reply, "access_token"));
    struct str refresh = json_str_at(reply, "refresh_token");
    if (refresh.len)
        json_set_str(cli->arena, kept, "refresh_token", refresh);
    json_set_int(cli->arena, kept, "expires_on", clock_now_us() / US_PER_S + lasts);
    json_set_str(cli->arena, kept, "tenant", tenant);
    json_set_str(cli->arena, kept, "name", name);
    json_set_str(cli->arena, kept, "kind", str_from(kind));
    return kept;
}

/* A new token for an old one's right to ask for more. */
static int renew(struct cli *cli, const struct json *old, struct str *out, struct error *err)
{
    struct form form = {cli->arena, STR("")};
    struct str tenant = json_str_at(old, "tenant");
    struct token_reply reply;
    struct error ignored;

    add(&form, "grant_type", STR("refresh_token"));
    add(&form, "client_id", STR(PUBLIC_CLIENT));
    add(&form, "refresh_token", json_str_at(old, "refresh_token"));
    add(&form, "scope", arena_printf(cli->arena, "%.*s offline_access", STR_ARG(scope_of(cli))));
    if (post_form(cli, &form, token_path(cli, tenant), &reply, err) < 0)
        return -1;
    if (reply.status != 200)
        return refused(cli, reply.body, err);
    struct json *kept = to_keep(cli, reply.body, tenant, json_str_at(old, "name"), "user");
    if (!json_str_at(kept, "refresh_token").len)
        json_set_str(cli->arena, kept, "refresh_token", json_str_at(old, "refresh_token"));
    /* A folder that cannot be written costs a renewal each time, not the command. */
    settings_keep(cli, session_host(cli), kept, &ignored);
    *out = json_str_at(kept, "access_token");
    return 0;
}

/* A minute before its end a token is as good as ended: the next request may take that long. */
int login_bearer(struct cli *cli, const struct json *kept, struct str *out, struct error *err)
{
    int64_t left_s = json_int_at(kept, "expires_on", 0) - clock_now_us() / US_PER_S;

    assert(cli->session && kept);
    *out = json_str_at(kept, "access_token");
    if (left_s > SOON_S)
        return 0;
    *out = STR("");
    if (json_str_at(kept, "refresh_token").len && renew(cli, kept, out, err) == 0)
        return 0;
    error_set(err, ERROR_UNAUTHENTICATED, "", "The sign-in to %.*s has ended.",
              STR_ARG(session_host(cli)));
    return error_hint(err, "lazurite login --server https://%.*s", STR_ARG(session_host(cli)));
}

/* --- the ways to sign in ------------------------------------------------------------------------
 */

/* A secret that stands in a file keeps out of the list of processes: @FILE. */
static int read_secret(struct cli *cli, struct str *out, struct error *err)
{
    struct str given = cli_text(cli, "password");
    char line[4096];

    if (!str_starts(given, STR("@"))) {
        *out = given;
        return 0;
    }
    FILE *file = fopen(arena_cstr(cli->arena, str_slice(given, 1, given.len)), "re");
    if (!file)
        return error_set(err, ERROR_NOT_FOUND, "--password", "The file '%.*s' cannot be read.",
                         STR_ARG(str_slice(given, 1, given.len)));
    bool read = fgets(line, sizeof line, file) != NULL;
    fclose(file);
    *out = arena_str(cli->arena, str_trim(str_from(read ? line : "")));
    return 0;
}

/* Signs in as a service principal: by its secret, or by a token of another issuer. */
static int by_principal(struct cli *cli, struct json **out, struct error *err)
{
    struct form form = {cli->arena, STR("")};
    struct str name = cli_text(cli, "username"), secret, token = cli_text(cli, "federated-token");
    struct token_reply reply;

    if (!name.len || (!cli_text(cli, "password").len && !token.len)) {
        cli->usage = true;
        return error_set(err, ERROR_INVALID, "",
                         "--service-principal needs --username, and --password or "
                         "--federated-token.");
    }
    if (read_secret(cli, &secret, err) < 0)
        return -1;
    add(&form, "grant_type", STR("client_credentials"));
    add(&form, "client_id", name);
    if (token.len) {
        add(&form, "client_assertion_type",
            STR("urn:ietf:params:oauth:client-assertion-type:jwt-bearer"));
        add(&form, "client_assertion", token);
    } else {
        add(&form, "client_secret", secret);
    }
    add(&form, "scope", scope_of(cli));
    if (post_form(cli, &form, token_path(cli, tenant_given(cli)), &reply, err) < 0)
        return -1;
    if (reply.status != 200)
        return refused(cli, reply.body, err);
    *out = to_keep(cli, reply.body, tenant_given(cli), name, "servicePrincipal");
    return 0;
}

/* One question whether the person has entered the code: 1 yes, 0 not yet. */
static int poll_code(struct cli *cli, struct str code, struct json **out, struct error *err)
{
    struct form form = {cli->arena, STR("")};
    struct token_reply reply;

    add(&form, "grant_type", STR("urn:ietf:params:oauth:grant-type:device_code"));
    add(&form, "client_id", STR(PUBLIC_CLIENT));
    add(&form, "device_code", code);
    if (post_form(cli, &form, token_path(cli, tenant_given(cli)), &reply, err) < 0)
        return -1;
    struct str state = json_str_at(reply.body, "error");
    if (reply.status == 200)
        *out = reply.body;
    else if (!str_eq(state, STR("authorization_pending")) && !str_eq(state, STR("slow_down")))
        return refused(cli, reply.body, err);
    return reply.status == 200;
}

/* A code to enter elsewhere: for machines without a browser, and for those with one. */
static int by_device_code(struct cli *cli, struct json **out, struct error *err)
{
    struct form form = {cli->arena, STR("")};
    struct token_reply answer;
    struct json *token = NULL;
    int done = 0;

    add(&form, "client_id", STR(PUBLIC_CLIENT));
    add(&form, "scope", arena_printf(cli->arena, "%.*s offline_access", STR_ARG(scope_of(cli))));
    struct str path = arena_printf(cli->arena, "/%.*s/oauth2/v2.0/devicecode",
                                   STR_ARG(http_encode(cli->arena, tenant_given(cli), false)));
    if (post_form(cli, &form, path, &answer, err) < 0)
        return -1;
    const struct json *asked = answer.body;
    if (answer.status != 200)
        return refused(cli, asked, err);
    /* Never dropped: without it there is no way to sign in. */
    fprintf(stderr, "%.*s\n", STR_ARG(json_str_at(asked, "message")));
    int64_t pause_s = json_int_at(asked, "interval", 5);
    int64_t end_us = clock_mono_us() + json_int_at(asked, "expires_in", 900) * US_PER_S;
    while (!done) {
        if (clock_mono_us() > end_us || session_interrupted())
            return error_set(err, ERROR_TIMEOUT, "", "The code was not entered in time.");
        clock_sleep_us((pause_s > 0 ? pause_s : 1) * US_PER_S);
        done = poll_code(cli, json_str_at(asked, "device_code"), &token, err);
        if (done < 0)
            return -1;
    }
    *out = to_keep(cli, token, tenant_given(cli), STR(""), "user");
    return 0;
}

/* The endpoint that the environment of a job names: who runs the job is who is signed in. */
static int by_identity(struct cli *cli, struct json **out, struct error *err)
{
    const char *endpoint = getenv("IDENTITY_ENDPOINT"), *secret = getenv("IDENTITY_HEADER");
    const char *old = getenv("MSI_ENDPOINT"), *old_secret = getenv("MSI_SECRET");
    bool modern = endpoint && endpoint[0];
    struct session_request get = {.method = "GET"};
    struct http_response reply;

    if (!modern && !(old && old[0]))
        return error_set(err, ERROR_NOT_FOUND, "IDENTITY_ENDPOINT",
                         "There is no identity here: --identity works inside a job.");
    get.url = arena_printf(
        cli->arena, "%s?api-version=%s&resource=%.*s", modern ? endpoint : old,
        modern ? "2019-08-01" : "2017-09-01",
        STR_ARG(http_encode(cli->arena,
                            arena_printf(cli->arena, "https://%.*s", STR_ARG(session_host(cli))),
                            false)));
    get.headers[get.header_count++] = (struct http_header){
        modern ? STR("X-IDENTITY-HEADER") : STR("secret"), str_from(modern ? secret : old_secret)};
    if (session_raw(cli, &get, &reply, err) < 0)
        return -1;
    struct json *token = json_parse(cli->arena, reply.body, err);
    if (!token || reply.status != 200)
        return token ? refused(cli, token, err) : -1;
    *out = to_keep(cli, token, STR(HOME_TENANT), cli_text(cli, "username"), "managedIdentity");
    int64_t end_s;
    if (str_to_int64(json_str_at(token, "expires_on"), &end_s))
        json_set_int(cli->arena, *out, "expires_on", end_s);
    return 0;
}

/* What the server says of itself to its admin; others know the tenant that signed them in. */
static void server_of(struct cli *cli, struct str *out_endpoint, struct str *out_tenant)
{
    const struct json *kept = settings_token(cli, session_host(cli));
    struct error ignored;
    struct json *connect = NULL;

    if (session_get(cli, STR("/lazurite/v1/connect"), &connect, &ignored) < 0) {
        cli->wire_code = STR("");
        cli->missing = false;
    }
    *out_endpoint = json_str_at(connect, "endpoint");
    *out_tenant = json_str_at(connect, "tenant");
    if (!out_endpoint->len)
        *out_endpoint = arena_printf(cli->arena, "https://%.*s", STR_ARG(session_host(cli)));
    if (!out_tenant->len)
        *out_tenant = json_str_at(kept, "tenant");
}

/* Who the caller is, as az shows an account. */
static int account(struct cli *cli, struct json **out, struct error *err)
{
    struct json *me, *shown = json_object(cli->arena), *user = json_object(cli->arena);
    struct str endpoint, tenant;

    if (session_get(cli, STR("/lazurite/v1/me"), &me, err) < 0)
        return -1;
    struct str kind = json_str_at(me, "kind");
    server_of(cli, &endpoint, &tenant);
    json_set_str(cli->arena, user, "name", json_str_at(me, "name"));
    json_set_str(cli->arena, user, "type",
                 str_eq(kind, STR("ServicePrincipal")) ? STR("servicePrincipal") : STR("user"));
    json_set_str(cli->arena, shown, "environmentName", STR("Lazurite"));
    json_set_str(cli->arena, shown, "homeTenantId", tenant);
    json_set_str(cli->arena, shown, "id", session_scope(cli)->subscription);
    json_set_bool(cli->arena, shown, "isDefault", true);
    json_set(cli->arena, shown, STR("managedByTenants"), json_array(cli->arena));
    json_set_str(cli->arena, shown, "name", STR("Lazurite"));
    json_set_str(cli->arena, shown, "server", endpoint);
    json_set_str(cli->arena, shown, "state", STR("Enabled"));
    json_set_str(cli->arena, shown, "tenantId", tenant);
    json_set(cli->arena, shown, STR("user"), user);
    *out = shown;
    return 0;
}

/* az prints the accounts that the sign-in opened: a list of one here. */
static int print_accounts(struct cli *cli, struct error *err)
{
    struct json *one, *all = json_array(cli->arena);

    if (account(cli, &one, err) < 0)
        return -1;
    json_append(cli->arena, all, one);
    return cli_result(cli, all, err);
}

/* The address is remembered: the next command goes where this one signed in, until one signs out. A
 * path that is not whole means nothing to a command that runs elsewhere. */
static int remember_server(struct cli *cli, struct error *err)
{
    const char *ca_file = getenv("LAZURITE_CA_FILE");
    struct settings_sign_in place = {.server = cli_text(cli, "server")};

    if (!place.server.len)
        place.server = str_from(getenv("LAZURITE_SERVER"));
    if (!place.server.len)
        return 0;
    if (ca_file && ca_file[0])
        place.ca_file = str_from(realpath(ca_file, arena_alloc(cli->arena, PATH_MAX)));
    return settings_sign_in(cli, session_folder(cli), &place, err);
}

/* Which way is chosen by flags; without any, the socket if there is one. */
int login_run(struct cli *cli, struct error *err)
{
    struct json *kept = NULL;
    int result;

    /* The kept token is about to be replaced: it is not looked at. */
    cli->renew = NULL;
    if (session_open(cli, err) < 0)
        return -1;
    if (cli_has(cli, "identity"))
        result = by_identity(cli, &kept, err);
    else if (cli_has(cli, "service-principal"))
        result = by_principal(cli, &kept, err);
    else if (cli_has(cli, "use-device-code") || !session_is_local(cli))
        result = by_device_code(cli, &kept, err);
    else
        /* The folder's owner is known by the socket: there is nothing to keep. */
        return print_accounts(cli, err);
    if (result < 0 || settings_keep(cli, session_host(cli), kept, err) < 0 ||
        remember_server(cli, err) < 0)
        return -1;
    session_set_bearer(cli, json_str_at(kept, "access_token"));
    return print_accounts(cli, err);
}

/* Of all servers: who signs out wants no key left behind, and no address that would go on without.
 */
int login_run_out(struct cli *cli, struct error *err)
{
    /* Everything that was kept goes: nobody asks a second time which of them was meant. */
    if (settings_keep(cli, STR(""), NULL, err) < 0)
        return -1;
    cli_note(cli, "Signed out; no token and no address is kept.");
    return 0;
}

/* Asks the server: what the token says may have been taken back. */
int login_run_show(struct cli *cli, struct error *err)
{
    struct json *shown;

    if (session_open(cli, err) < 0 || account(cli, &shown, err) < 0)
        return -1;
    return cli_result(cli, shown, err);
}

int login_run_list(struct cli *cli, struct error *err)
{
    return session_open(cli, err) < 0 ? -1 : print_accounts(cli, err);
}

/* The token that requests of this session carry; over the socket one is asked for. */
int login_run_token(struct cli *cli, struct error *err)
{
    struct json *connect, *out = json_object(cli->arena);
    struct str token, endpoint, tenant;

    if (session_open(cli, err) < 0)
        return -1;
    token = session_bearer(cli);
    if (!token.len) {
        if (session_get(cli, STR("/lazurite/v1/connect"), &connect, err) < 0)
            return -1;
        token = json_str_at(connect, "token");
    }
    server_of(cli, &endpoint, &tenant);
    json_set_str(cli->arena, out, "accessToken", token);
    json_set_str(cli->arena, out, "subscription", session_scope(cli)->subscription);
    json_set_str(cli->arena, out, "tenant", tenant);
    json_set_str(cli->arena, out, "tokenType", STR("Bearer"));
    return cli_result(cli, out, err);
}
