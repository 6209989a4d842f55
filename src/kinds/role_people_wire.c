/* Fields in and out of the rows of people. */
#include "kinds/role_people.h"

#include "os/clock.h"

#include <assert.h>

#define DAYS_DEFAULT 365
#define DAYS_MAX 3650
#define US_PER_DAY (86400LL * US_PER_S)

/* Null is never. */
void people_set_time(struct arena *arena, struct json *object, const char *key, int64_t at_us)
{
    char text[CLOCK_ISO_BYTES];

    if (at_us == 0)
        json_set_null(arena, object, key);
    else
        json_set_str(arena, object, key, clock_iso(at_us, text));
}

/* A group has no client id, a user neither. */
struct json *people_show(struct arena *arena, const struct principal *who)
{
    static const char *const KINDS[] = {[PRINCIPAL_USER] = "User",
                                        [PRINCIPAL_SERVICE] = "ServicePrincipal",
                                        [PRINCIPAL_GROUP] = "Group",
                                        [PRINCIPAL_MANAGED] = "ManagedIdentity"};
    struct json *out = json_object(arena);

    assert(who->kind >= PRINCIPAL_USER && who->kind <= PRINCIPAL_MANAGED);
    json_set_str(arena, out, "name", who->name);
    json_set_str(arena, out, "displayName", who->display);
    json_set_str(arena, out, "kind", str_from(KINDS[who->kind]));
    json_set_str(arena, out, "objectId", who->object_id);
    if (who->client_id.len > 0)
        json_set_str(arena, out, "clientId", who->client_id);
    json_set_bool(arena, out, "disabled", who->disabled);
    people_set_time(arena, out, "createdOn", who->created_us);
    return out;
}

/* Nothing that proves anything. */
struct json *people_show_credential(struct arena *arena, const struct credential *credential)
{
    static const char *const KINDS[] = {[CREDENTIAL_SECRET] = "Secret",
                                        [CREDENTIAL_PASSWORD] = "Password",
                                        [CREDENTIAL_CERTIFICATE] = "Certificate",
                                        [CREDENTIAL_FEDERATION] = "Federation"};
    struct json *out = json_object(arena);

    assert(credential->kind >= CREDENTIAL_SECRET && credential->kind <= CREDENTIAL_FEDERATION);
    json_set_str(arena, out, "id", credential->id);
    json_set_str(arena, out, "kind", str_from(KINDS[credential->kind]));
    json_set_str(arena, out, "label", credential->label);
    people_set_time(arena, out, "createdOn", credential->created_us);
    people_set_time(arena, out, "expiresOn", credential->expires_us);
    if (credential->thumbprint.len > 0)
        json_set_str(arena, out, "thumbprint", credential->thumbprint);
    if (credential->kind == CREDENTIAL_FEDERATION) {
        json_set_str(arena, out, "issuer", credential->federation.issuer);
        json_set_str(arena, out, "subject", credential->federation.subject);
        json_set_str(arena, out, "audience", credential->federation.audience);
    }
    return out;
}

/* Some of these replies hold a secret, so no cache may keep any of them. */
void people_answer(struct call *call, int result, int status, const struct json *body,
                   const struct error *err)
{
    if (result < 0) {
        role_refuse(call, err);
        return;
    }
    http_add_header(call->ex, "Cache-Control", STR("no-store"));
    arm_reply(call, status, body ? body : json_object(call->arena));
}

/* Most of these requests need none. */
struct json *people_body(struct call *call, struct error *err)
{
    if (http_body(call->ex).len == 0)
        return json_object(call->arena);
    return role_body(call, err);
}

/* A number in the place of a name is a mistake, not a name. */
int people_text(const struct json *body, const char *key, struct str *out, struct error *err)
{
    const struct json *value = json_get(body, str_from(key));

    if (!json_is_null(value) && json_kind(value) != JSON_STRING)
        return error_set(err, ERROR_INVALID, key, "Expected a text.");
    *out = json_as_str(value);
    return 0;
}

/* A year unless it is said otherwise: what never expires is never looked at. */
int people_expiry(const struct json *body, int64_t *out_us, struct error *err)
{
    const struct json *value = json_get(body, STR("expiresInDays"));
    int64_t days = json_as_int(value, DAYS_DEFAULT);

    if ((!json_is_null(value) && !json_is_integer(value)) || days < 1 || days > DAYS_MAX)
        return error_set(err, ERROR_INVALID, "expiresInDays", "Expected 1 to %d days.", DAYS_MAX);
    *out_us = clock_now_us() + days * US_PER_DAY;
    return 0;
}

/* Label and expiry from the body of the request. */
int people_add_secret(struct call *call, int64_t number, const char *name, struct json *out,
                      struct error *err)
{
    struct engines *engines = call->face;
    struct json *body = people_body(call, err);
    struct secret_wish wish = {.number = number, .actor = call->caller.name};
    struct secret_made made;

    if (!body || people_text(body, "label", &wish.label, err) < 0 ||
        people_expiry(body, &wish.expires_us, err) < 0 ||
        principal_add_secret(engines->identity, call->arena, &wish, &made, err) < 0)
        return -1;
    json_set_str(call->arena, out, name, made.secret);
    json_set_str(call->arena, out, "id", made.shown.id);
    people_set_time(call->arena, out, "expiresOn", made.shown.expires_us);
    return 0;
}
