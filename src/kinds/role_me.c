/* What everybody may ask and change about himself. A token alone changes nothing: who stole one for
 * an hour must not be able to make it last. */
#include "identity/grant.h"
#include "identity/identity.h"
#include "kinds/role.h"
#include "kinds/role_people.h"

#include <assert.h>

struct listing {
    struct call *call;
    struct json *value;
};

/* By name, so that a person can read it. */
static int add(const struct grant *grant, void *context, struct error *)
{
    struct listing *listing = context;
    struct arena *arena = listing->call->arena;
    const struct role *role = role_find(grant->role);
    struct json *row = json_object(arena);

    json_set_str(arena, row, "role", role ? role->name : grant->role);
    json_set_str(arena, row, "scope", grant->scope);
    json_append(arena, listing->value, row);
    return 0;
}

/* The folder's owner is no row: his right is the kernel's word. */
static struct json *show_admin(struct call *call)
{
    struct arena *arena = call->arena;
    struct json *out = json_object(arena), *list = json_array(arena), *row = json_object(arena);

    json_set_str(arena, out, "name", call->caller.name);
    json_set_str(arena, out, "displayName", STR("owner of the data folder"));
    json_set_str(arena, out, "kind", STR("Admin"));
    json_set_str(arena, out, "objectId", call->caller.object_id);
    json_set_bool(arena, out, "disabled", false);
    json_set_str(arena, row, "role", STR("Owner"));
    json_set_str(arena, row, "scope", STR("/"));
    json_append(arena, list, row);
    json_set(arena, out, STR("assignments"), list);
    return out;
}

/* The row behind the caller. */
static int find_me(struct call *call, struct principal *out, struct error *err)
{
    struct engines *engines = call->face;

    if (call->caller.kind != CALLER_USER)
        return error_set(err, ERROR_CONFLICT, "",
                         "The owner of the data folder has no password and no personal token; make"
                         " a user.");
    return principal_find(engines->identity, call->arena, call->caller.object_id, out, err);
}

/* With what his groups give him. */
static int show_me(struct call *call, struct json **out, struct error *err)
{
    struct engines *engines = call->face;
    struct listing listing = {call, json_array(call->arena)};
    struct grant_query query = {.below = true, .with_groups = true};
    struct principal who;

    if (find_me(call, &who, err) < 0)
        return -1;
    query.principal = who.number;
    if (grant_list(engines->identity, &query, add, &listing, err) < 0)
        return -1;
    *out = people_show(call->arena, &who);
    json_set(call->arena, *out, STR("assignments"), listing.value);
    return 0;
}

/* Who the server takes the caller for: the first thing to ask when something is refused. */
static void get_run(struct call *call)
{
    struct error err = {0};
    struct json *body = NULL;
    int result = 0;

    if (call->caller.kind == CALLER_ADMIN)
        body = show_admin(call);
    else
        result = show_me(call, &body, &err);
    people_answer(call, result, 200, body, &err);
}

/* The password that counts now, besides the token. */
static int prove_again(struct call *call, const struct json *body, struct principal *out,
                       struct error *err)
{
    struct engines *engines = call->face;
    struct proof proof = {.kind = PROOF_PASSWORD};
    struct principal proven;
    struct error why = {0};

    if (find_me(call, out, err) < 0 || people_text(body, "current", &proof.text, err) < 0)
        return -1;
    proof.who = out->name;
    if (principal_prove(engines->identity, call->arena, &proof, &proven, &why) == 0)
        return 0;
    if (why.code == ERROR_UNAUTHENTICATED)
        return error_set(err, ERROR_FORBIDDEN, "current", "The current password is wrong.");
    if (err)
        *err = why;
    return -1;
}

/* Also with the same one again. */
static int change_password(struct call *call, struct error *err)
{
    struct engines *engines = call->face;
    struct json *body = people_body(call, err);
    struct principal who;
    struct str password;

    if (!body || prove_again(call, body, &who, err) < 0 ||
        people_text(body, "password", &password, err) < 0)
        return -1;
    return principal_set_password(engines->identity, call->caller.name, who.number, password, err);
}

/* The old password ends with the new one. */
static void password_run(struct call *call)
{
    struct error err = {0};

    assert(call->face);
    people_answer(call, change_password(call, &err), 200, NULL, &err);
}

/* For clients that know only passwords, such as MLflow. */
static void token_run(struct call *call)
{
    struct error err = {0};
    struct json *asked = people_body(call, &err), *body = json_object(call->arena);
    struct principal who;
    int result = asked ? prove_again(call, asked, &who, &err) : -1;

    if (result == 0)
        result = people_add_secret(call, who.number, "token", body, &err);
    people_answer(call, result, 201, body, &err);
}

#define ROW(verb, rest, what, handler)        \
    {.method = verb,                          \
     .path = PEOPLE_PATH rest,                \
     .permit = PERMIT_ACTION,                 \
     .action = what,                          \
     .body_limit = ROLE_BODY_BYTES,           \
     .listeners = LISTEN_TLS | LISTEN_SOCKET, \
     .run = handler,                          \
     .refuse = role_refuse}

static const struct route ROWS[] = {
    ROW("GET", "me", PEOPLE_ME_READ, get_run),
    ROW("POST", "me/password", PEOPLE_ME_WRITE, password_run),
    ROW("POST", "me/tokens", PEOPLE_ME_WRITE, token_run),
};

struct route_table role_me_routes(struct engines *engines)
{
    assert(engines);
    return (struct route_table){ROWS, COUNT(ROWS), engines};
}
