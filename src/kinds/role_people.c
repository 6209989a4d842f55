/* Users, service principals and groups below /lazurite/v1. Whoever writes here can become anybody,
 * so it takes an Owner of the root, whatever a custom role says. */
#include "kinds/role_people.h"

#include "identity/access.h"
#include "identity/grant.h"
#include "identity/identity.h"
#include "identity/password.h"
#include "kinds/role.h"
#include "os/random.h"

#include <assert.h>

/* --- Whose row it is -----------------------------------------------------------------------------
 */

/* The kind of principal that a row is about, by the word in its template. */
static enum principal_kind kind_of(const struct call *call)
{
    struct str path = str_from(call->route->path);

    assert(str_starts(path, STR(PEOPLE_PATH)));
    path = str_slice(path, sizeof(PEOPLE_PATH) - 1, path.len);
    if (str_starts(path, STR("users")))
        return PRINCIPAL_USER;
    return str_starts(path, STR("groups")) ? PRINCIPAL_GROUP : PRINCIPAL_SERVICE;
}

/* A user is not found among groups. */
static int find(struct call *call, struct principal *out, struct error *err)
{
    struct engines *engines = call->face;
    struct str name = call_param(call, "name");

    if (principal_find(engines->identity, call->arena, name, out, err) == 0 &&
        out->kind == kind_of(call))
        return 0;
    return error_set(err, ERROR_NOT_FOUND, "", "There is nobody of this kind called '%.*s'.",
                     STR_ARG(str_slice(name, 0, 128)));
}

/* Asked in the handler too: the row's action could be in a custom role. */
static int check_owner(struct call *call, struct error *err)
{
    struct engines *engines = call->face;
    CLEANUP(access_release) struct access *access = NULL;
    struct access_who who = {.object_id = call->caller.object_id};

    if (call->caller.kind == CALLER_ADMIN)
        return 0;
    if (call->caller.kind == CALLER_USER &&
        access_get(engines->identity, &who, false, &access, err) > 0 &&
        access_owns(access, STR("")))
        return 0;
    return error_set(err, ERROR_FORBIDDEN, "", "Only an Owner of the root '/' changes people.");
}

/* --- Making --------------------------------------------------------------------------------------
 */

/* What a body asks for, checked before anything is made. */
struct people_wish {
    struct str name, display, password, scope;
    const struct role *role; /* NULL: none */
    bool make_password, make_secret;
};

/* Built-in roles only: making somebody with a custom one takes two steps. */
static int read_role(const struct json *body, struct people_wish *out, struct error *err)
{
    struct str role;

    if (people_text(body, "role", &role, err) < 0 ||
        people_text(body, "scope", &out->scope, err) < 0)
        return -1;
    if (role.len == 0)
        return out->scope.len == 0
                   ? 0
                   : error_set(err, ERROR_INVALID, "scope", "A scope is of no use without a role.");
    out->role = role_find(role);
    if (!out->role)
        return error_set(err, ERROR_INVALID, "role",
                         "There is no built-in role '%.*s'; give custom ones by role assignment.",
                         STR_ARG(str_slice(role, 0, 64)));
    if (out->scope.len > 0 && out->scope.ptr[0] != '/')
        return error_set(err, ERROR_INVALID, "scope", "A scope is '/' or an ARM id.");
    return 0;
}

/* All of it, before anything is made. */
static int read_wish(const struct json *body, enum principal_kind kind, struct people_wish *out,
                     struct error *err)
{
    const struct json *secret = json_get(body, STR("secret"));
    int64_t expires_us;

    *out = (struct people_wish){0};
    if (people_text(body, "name", &out->name, err) < 0 ||
        people_text(body, "displayName", &out->display, err) < 0 ||
        people_text(body, "password", &out->password, err) < 0 || read_role(body, out, err) < 0 ||
        people_expiry(body, &expires_us, err) < 0)
        return -1;
    if (!json_is_null(secret) && json_kind(secret) != JSON_BOOL)
        return error_set(err, ERROR_INVALID, "secret", "Expected true or false.");
    if (out->password.len > 0 && kind != PRINCIPAL_USER)
        return error_set(err, ERROR_INVALID, "password", "Only users have passwords.");
    if (out->password.len > 0 && out->password.len < PASSWORD_LEN_MIN)
        return error_set(err, ERROR_INVALID, "password", "A password has at least %d bytes.",
                         PASSWORD_LEN_MIN);
    out->make_password = kind == PRINCIPAL_USER && out->password.len == 0;
    out->make_secret = kind == PRINCIPAL_SERVICE && json_as_bool(secret, true);
    return 0;
}

/* Credentials and role of somebody who was just made. */
static int equip(struct call *call, const struct principal *who, struct people_wish *wish,
                 struct json *out, struct error *err)
{
    struct engines *engines = call->face;
    struct identity *identity = engines->identity;
    struct grant grant;

    if (wish->make_password)
        wish->password = password_random(call->arena);
    if (wish->password.len > 0 &&
        principal_set_password(identity, call->caller.name, who->number, wish->password, err) < 0)
        return -1;
    if (wish->make_password)
        json_set_str(call->arena, out, "password", wish->password);
    if (wish->make_secret && people_add_secret(call, who->number, "secret", out, err) < 0)
        return -1;
    if (!wish->role)
        return 0;
    struct grant_wish give = {.id = random_uuid(call->arena),
                              .scope = wish->scope,
                              .role = wish->role->id,
                              .principal = who->object_id,
                              .actor = call->caller.name};
    return grant_put(identity, call->arena, &give, &grant, err);
}

/* Several writes in a row; when one fails, what was made goes again. */
static int make(struct call *call, struct json **out, struct error *err)
{
    struct engines *engines = call->face;
    enum principal_kind kind = kind_of(call);
    struct json *body = people_body(call, err);
    struct people_wish wish;
    struct principal who;

    if (!body || check_owner(call, err) < 0 || read_wish(body, kind, &wish, err) < 0)
        return -1;
    struct principal_wish made = {.kind = kind, .name = wish.name, .actor = call->caller.name};
    if (principal_create(engines->identity, call->arena, &made, &who, err) < 0)
        return -1;
    if (wish.display.len > 0)
        who.display = wish.display;
    *out = people_show(call->arena, &who);
    if ((wish.display.len == 0 || principal_set_display(engines->identity, call->caller.name,
                                                        who.number, wish.display, err) == 0) &&
        equip(call, &who, &wish, *out, err) == 0) {
        json_set_str(call->arena, *out, "tenantId", identity_tenant(engines->identity));
        return 0;
    }
    /* Half of somebody is nobody. */
    principal_delete(engines->identity, call->caller.name, who.number, NULL);
    return -1;
}

/* Secrets are in this reply and nowhere else. */
static void create_run(struct call *call)
{
    struct error err = {0};
    struct json *body = NULL;
    int result = make(call, &body, &err);

    people_answer(call, result, 201, body, &err);
}

/* --- Reading -------------------------------------------------------------------------------------
 */

struct listing {
    struct arena *arena;
    struct json *value;
};

/* Into the list of the reply. */
static int add(const struct principal *who, void *context, struct error *)
{
    struct listing *listing = context;

    json_append(listing->arena, listing->value, people_show(listing->arena, who));
    return 0;
}

/* The same for credentials. */
static int add_credential(const struct credential *credential, void *context, struct error *)
{
    struct listing *listing = context;

    json_append(listing->arena, listing->value, people_show_credential(listing->arena, credential));
    return 0;
}

/* {"value": […]}, as ARM has its lists. */
static struct json *as_list(struct listing *listing)
{
    struct json *body = json_object(listing->arena);

    json_set(listing->arena, body, STR("value"), listing->value);
    return body;
}

/* All of a kind. */
static void list_run(struct call *call)
{
    struct engines *engines = call->face;
    struct listing listing = {call->arena, json_array(call->arena)};
    struct error err = {0};
    int result = principal_list(engines->identity, kind_of(call), add, &listing, &err);

    people_answer(call, result, 200, as_list(&listing), &err);
}

/* One, by any of its names. */
static void get_run(struct call *call)
{
    struct error err = {0};
    struct principal who = {0};
    int result = find(call, &who, &err);

    people_answer(call, result, 200, result < 0 ? NULL : people_show(call->arena, &who), &err);
}

/* What was given out, without what it is. */
static void credentials_run(struct call *call)
{
    struct engines *engines = call->face;
    struct listing listing = {call->arena, json_array(call->arena)};
    struct error err = {0};
    struct principal who;
    int result = find(call, &who, &err);

    if (result == 0)
        result =
            principal_credentials(engines->identity, who.number, add_credential, &listing, &err);
    people_answer(call, result, 200, as_list(&listing), &err);
}

/* Of one group. */
static void members_run(struct call *call)
{
    struct engines *engines = call->face;
    struct listing listing = {call->arena, json_array(call->arena)};
    struct error err = {0};
    struct principal team;
    int result = find(call, &team, &err);

    if (result == 0)
        result = principal_members(engines->identity, team.number, add, &listing, &err);
    people_answer(call, result, 200, as_list(&listing), &err);
}

/* --- Changing ------------------------------------------------------------------------------------
 */

/* Who is changed, once it is clear that the caller may. */
static int open_change(struct call *call, struct principal *out, struct error *err)
{
    return check_owner(call, err) < 0 || find(call, out, err) < 0 ? -1 : 0;
}

/* With credentials, memberships and assignments. */
static void delete_run(struct call *call)
{
    struct engines *engines = call->face;
    struct error err = {0};
    struct principal who;
    int result = open_change(call, &who, &err);

    if (result == 0)
        result = principal_delete(engines->identity, call->caller.name, who.number, &err);
    people_answer(call, result, 200, NULL, &err);
}

/* One that is made here is shown once. */
static int set_password(struct call *call, struct json *out, struct error *err)
{
    struct engines *engines = call->face;
    struct json *body = people_body(call, err);
    struct principal who;
    struct str password;

    if (!body || open_change(call, &who, err) < 0 ||
        people_text(body, "password", &password, err) < 0)
        return -1;
    bool made = json_is_null(json_get(body, STR("password")));
    if (made)
        password = password_random(call->arena);
    if (principal_set_password(engines->identity, call->caller.name, who.number, password, err) < 0)
        return -1;
    if (made)
        json_set_str(call->arena, out, "password", password);
    return 0;
}

/* By an Owner for somebody who forgot his. */
static void password_run(struct call *call)
{
    struct error err = {0};
    struct json *body = json_object(call->arena);
    int result = set_password(call, body, &err);

    people_answer(call, result, 200, body, &err);
}

/* Users call theirs a token. */
static void secret_run(struct call *call)
{
    struct error err = {0};
    struct json *body = json_object(call->arena);
    const char *name = kind_of(call) == PRINCIPAL_USER ? "token" : "secret";
    struct principal who;
    int result = open_change(call, &who, &err);

    if (result == 0)
        result = people_add_secret(call, who.number, name, body, &err);
    people_answer(call, result, 201, body, &err);
}

/* The newest credential of a principal: the one that was just added. */
static int keep_last(const struct credential *credential, void *context, struct error *)
{
    struct listing *listing = context;

    listing->value = people_show_credential(listing->arena, credential);
    return 0;
}

/* Text with one certificate. */
static int add_certificate(struct call *call, const struct principal *who, const struct json *body,
                           struct error *err)
{
    struct engines *engines = call->face;
    struct str pem;

    if (people_text(body, "pem", &pem, err) < 0)
        return -1;
    return principal_add_certificate(engines->identity, call->caller.name, who->number, pem, err);
}

/* Another issuer's word, in the words that its tokens will have. */
static int add_federation(struct call *call, const struct principal *who, const struct json *body,
                          struct error *err)
{
    struct engines *engines = call->face;
    const struct json *jwks = json_get(body, STR("jwks"));
    struct principal_federation federation;

    if (people_text(body, "issuer", &federation.issuer, err) < 0 ||
        people_text(body, "subject", &federation.subject, err) < 0 ||
        people_text(body, "audience", &federation.audience, err) < 0)
        return -1;
    if (json_kind(jwks) != JSON_OBJECT)
        return error_set(err, ERROR_INVALID, "jwks",
                         "Expected the issuer's key set: {\"keys\": […]}.");
    federation.jwks = json_write(call->arena, jwks);
    return principal_add_federation(engines->identity, call->caller.name, who->number, &federation,
                                    err);
}

typedef int people_adder(struct call *call, const struct principal *who, const struct json *body,
                         struct error *err);

/* Adds, then shows the newest. */
static void add_by(struct call *call, people_adder *adder)
{
    struct engines *engines = call->face;
    struct listing listing = {call->arena, NULL};
    struct error err = {0};
    struct json *body = people_body(call, &err);
    struct principal who;
    int result = body ? open_change(call, &who, &err) : -1;

    if (result == 0)
        result = adder(call, &who, body, &err);
    if (result == 0)
        result = principal_credentials(engines->identity, who.number, keep_last, &listing, &err);
    people_answer(call, result, 201, listing.value, &err);
}

/* Service principals only. */
static void certificate_run(struct call *call)
{
    add_by(call, add_certificate);
}

/* The same. */
static void federation_run(struct call *call)
{
    add_by(call, add_federation);
}

/* By its id. */
static void drop_run(struct call *call)
{
    struct engines *engines = call->face;
    struct error err = {0};
    struct principal who;
    int result = open_change(call, &who, &err);

    if (result == 0)
        result = principal_drop_credential(engines->identity, call->caller.name, who.number,
                                           call_param(call, "id"), &err);
    people_answer(call, result, 200, NULL, &err);
}

/* Tokens end; credentials stay. */
static void revoke_run(struct call *call)
{
    struct engines *engines = call->face;
    struct error err = {0};
    struct principal who;
    int result = open_change(call, &who, &err);

    if (result == 0)
        result = principal_revoke(engines->identity, call->caller.name, who.number, &err);
    people_answer(call, result, 200, NULL, &err);
}

/* Shows how it is now. */
static void disable(struct call *call, bool disabled)
{
    struct engines *engines = call->face;
    struct error err = {0};
    struct principal who = {0};
    int result = open_change(call, &who, &err);

    if (result == 0)
        result =
            principal_disable(engines->identity, call->caller.name, who.number, disabled, &err);
    who.disabled = disabled;
    people_answer(call, result, 200, result < 0 ? NULL : people_show(call->arena, &who), &err);
}

/* At once, on every face. */
static void disable_run(struct call *call)
{
    disable(call, true);
}

/* With all he had. */
static void enable_run(struct call *call)
{
    disable(call, false);
}

typedef int people_mover(struct identity *identity, struct str actor, int64_t team, int64_t member,
                         struct error *err);

/* Into a group or out of it. */
static void move(struct call *call, people_mover *mover)
{
    struct engines *engines = call->face;
    struct error err = {0};
    struct principal team, member;
    int result = open_change(call, &team, &err);

    if (result == 0)
        result = principal_find(engines->identity, call->arena, call_param(call, "member"), &member,
                                &err);
    if (result == 0)
        result = mover(engines->identity, call->caller.name, team.number, member.number, &err);
    people_answer(call, result, 200, NULL, &err);
}

/* Twice is once. */
static void join_run(struct call *call)
{
    move(call, principal_join);
}

/* The rights of the group go with it. */
static void leave_run(struct call *call)
{
    move(call, principal_leave);
}

/* --- Rows ----------------------------------------------------------------------------------------
 */

#define ROW(verb, rest, what, handler)        \
    {.method = verb,                          \
     .path = PEOPLE_PATH rest,                \
     .permit = PERMIT_ACTION,                 \
     .action = what,                          \
     .body_limit = ROLE_BODY_BYTES,           \
     .listeners = LISTEN_TLS | LISTEN_SOCKET, \
     .run = handler,                          \
     .refuse = role_refuse}
#define KIND(word)                                                                        \
    ROW("GET", word, PEOPLE_READ, list_run), ROW("POST", word, PEOPLE_WRITE, create_run), \
        ROW("GET", word "/{name}", PEOPLE_READ, get_run),                                 \
        ROW("DELETE", word "/{name}", PEOPLE_DELETE, delete_run)
#define PROVING(word)                                                                 \
    KIND(word), ROW("GET", word "/{name}/credentials", PEOPLE_READ, credentials_run), \
        ROW("DELETE", word "/{name}/credentials/{id}", PEOPLE_WRITE, drop_run),       \
        ROW("POST", word "/{name}/revoke", PEOPLE_WRITE, revoke_run),                 \
        ROW("POST", word "/{name}/disable", PEOPLE_WRITE, disable_run),               \
        ROW("POST", word "/{name}/enable", PEOPLE_WRITE, enable_run)

static const struct route ROWS[] = {
    PROVING("users"),
    ROW("POST", "users/{name}/password", PEOPLE_WRITE, password_run),
    ROW("POST", "users/{name}/tokens", PEOPLE_WRITE, secret_run),
    PROVING("servicePrincipals"),
    ROW("POST", "servicePrincipals/{name}/secrets", PEOPLE_WRITE, secret_run),
    ROW("POST", "servicePrincipals/{name}/certificates", PEOPLE_WRITE, certificate_run),
    ROW("POST", "servicePrincipals/{name}/federations", PEOPLE_WRITE, federation_run),
    KIND("groups"),
    ROW("GET", "groups/{name}/members", PEOPLE_READ, members_run),
    ROW("PUT", "groups/{name}/members/{member}", PEOPLE_WRITE, join_run),
    ROW("DELETE", "groups/{name}/members/{member}", PEOPLE_WRITE, leave_run),
};

/* For server/faces.c. */
struct route_table role_people_routes(struct engines *engines)
{
    assert(engines);
    return (struct route_table){ROWS, COUNT(ROWS), engines};
}
