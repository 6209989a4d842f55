/* The member `identity` of resources that can have one: checked alike for all kinds. What is
 * system-assigned is a principal of the store, so that roles can be given to it; ids of
 * user-assigned identities are kept with what is known of them, for none of them lives here. */
#include "arm/internal.h"

#include "identity/assigned.h"
#include "identity/identity.h"
#include "os/random.h"

#include <assert.h>

#define WORD_SYSTEM "SystemAssigned"
#define WORD_USER "UserAssigned"

/* What `identity.type` says. */
struct wanted {
    bool system, user;
};

static int bad_type(struct str type, struct error *err)
{
    return error_set(
        err, ERROR_INVALID, "identity.type",
        "'%.*s' is no type of identity; expected None, SystemAssigned, UserAssigned or "
        "both with a comma between.",
        STR_ARG(str_slice(type, 0, 80)));
}

/* Words in any case, with or without a blank behind the comma; "None" only alone. */
static int read_type(struct str type, struct wanted *out, struct error *err)
{
    struct str rest = type, word;

    assert(out);
    *out = (struct wanted){0};
    if (str_eq_fold(str_trim(type), STR("None")))
        return 0;
    do {
        struct str tail = STR("");
        bool more = str_cut(rest, ',', &word, &tail);
        word = str_trim(more ? word : rest);
        if (str_eq_fold(word, STR(WORD_SYSTEM)))
            out->system = true;
        else if (str_eq_fold(word, STR(WORD_USER)))
            out->user = true;
        else
            return bad_type(type, err);
        rest = tail;
    } while (rest.len > 0);
    return 0;
}

/* As Azure spells it. */
static struct str type_word(const struct wanted *wanted)
{
    if (wanted->system)
        return wanted->user ? STR(WORD_SYSTEM "," WORD_USER) : STR(WORD_SYSTEM);
    return wanted->user ? STR(WORD_USER) : STR("None");
}

/* A map of ids; nulls mean "no more is said". */
static int check_users(struct arena *arena, const struct wanted *wanted, struct json *identity,
                       struct error *err)
{
    struct json *given = json_get(identity, STR("userAssignedIdentities"));
    struct json *users = json_object(arena);

    assert(wanted);
    if (!wanted->user) {
        json_remove(identity, STR("userAssignedIdentities"));
        return 0;
    }
    if (json_kind(given) != JSON_OBJECT || json_count(given) == 0)
        return error_set(err, ERROR_INVALID, "identity.userAssignedIdentities",
                         "An identity of type UserAssigned names at least one by its id.");
    struct json_iter it = json_iter(given);
    while (json_next(&it)) {
        bool none = json_is_null(it.value);
        if (!str_starts(it.key, STR("/")) || (!none && json_kind(it.value) != JSON_OBJECT))
            return error_set(err, ERROR_INVALID, "identity.userAssignedIdentities",
                             "'%.*s' is no id of an identity with an object behind it.",
                             STR_ARG(str_slice(it.key, 0, 200)));
        json_set(arena, users, it.key, none ? json_object(arena) : it.value);
    }
    json_set(arena, identity, STR("userAssignedIdentities"), users);
    return 0;
}

int arm_identity_prepare(struct arm_request *req, struct arm_identity *out, struct error *err)
{
    struct json *identity = json_get(req->body, STR("identity"));
    struct str type = json_str_at(identity, "type");
    struct wanted wanted;

    assert(req->kind && out);
    *out = (struct arm_identity){0};
    if (!req->kind->has_identity)
        return 0;
    *out = (struct arm_identity){.object_id = random_uuid(req->arena),
                                 .client_id = random_uuid(req->arena)};
    if (json_is_null(identity) || (json_kind(identity) == JSON_OBJECT && type.len == 0)) {
        json_remove(req->body, STR("identity"));
        return 0;
    }
    if (json_kind(identity) != JSON_OBJECT)
        return error_set(err, ERROR_INVALID, "identity", "An identity is an object with a type.");
    if (read_type(type, &wanted, err) < 0 || check_users(req->arena, &wanted, identity, err) < 0)
        return -1;
    json_remove(identity, STR("principalId"));
    json_remove(identity, STR("tenantId"));
    json_set_str(req->arena, identity, "type", type_word(&wanted));
    return 0;
}

/* --- In the write --------------------------------------------------------------------------------
 */

/* Clients send the ids alone; what was known of one stays. */
static void keep_known(struct arena *arena, struct json *identity, const struct json *old)
{
    static const char *const KNOWN[] = {"principalId", "clientId"};
    struct json_iter it = json_iter(json_get(identity, STR("userAssignedIdentities")));
    const struct json *before = json_at(old, "identity.userAssignedIdentities");

    assert(json_kind(identity) == JSON_OBJECT);
    while (json_next(&it))
        for (size_t i = 0; i < COUNT(KNOWN); i++) {
            struct str known = json_str_at(json_get(before, it.key), KNOWN[i]);
            if (known.len > 0 && json_str_at(it.value, KNOWN[i]).len == 0)
                json_set_str(arena, it.value, KNOWN[i], known);
        }
}

/* A body that says nothing changes nothing; workspaces and registries always have one. */
void arm_identity_merge(struct arm_request *req, const struct document *before)
{
    struct json *identity = json_get(req->body, STR("identity"));
    struct json *old =
        before && req->kind->has_identity ? json_parse(req->arena, before->body, NULL) : NULL;

    assert(req->body);
    if (!req->kind->has_identity)
        return;
    if (identity) {
        keep_known(req->arena, identity, old);
        return;
    }
    identity = json_get(old, STR("identity"));
    if (!identity && req->kind->is_scope) {
        identity = json_object(req->arena);
        json_set_str(req->arena, identity, "type", STR(WORD_SYSTEM));
    }
    if (identity)
        json_set(req->arena, req->body, STR("identity"), identity);
}

/* "ws" of the workspace itself, "ws/computes/cpu" of what lies in it. */
static struct str display_of(const struct arm_request *req)
{
    if (req->kind->is_scope)
        return req->scope.name;
    return arena_printf(req->arena, "%.*s/%s/%.*s", STR_ARG(req->scope.name), req->kind->type,
                        STR_ARG(req->name));
}

int arm_identity_change(struct arm_request *req, struct store_txn *txn,
                        const struct arm_identity *fresh, struct error *err)
{
    struct str type = json_str_at(req->body, "identity.type");
    struct wanted wanted = {0};

    assert(store_is_writer(txn));
    if (!req->kind->has_identity)
        return 0;
    if (type.len > 0 && read_type(type, &wanted, err) < 0)
        return -1;
    struct assigned_wish wish = {.id = arm_id(req, STR(""), req->name),
                                 .display = display_of(req),
                                 .object_id = fresh->object_id,
                                 .client_id = fresh->client_id,
                                 .actor = req->actor};
    /* What lies below has principals of its own. */
    if (!wanted.system)
        return assigned_drop(txn, wish.id, false, req->actor, err);
    return assigned_ensure(txn, &wish, err);
}

int arm_identity_remove(struct arm_request *req, struct store_txn *txn, struct str name,
                        struct error *err)
{
    if (!req->kind->has_identity)
        return 0;
    return assigned_drop(txn, arm_id(req, STR(""), name), true, req->actor, err);
}

/* --- Shown ---------------------------------------------------------------------------------------
 */

int arm_identity_show(struct arm_request *req, struct store_txn *txn, struct json *wire,
                      struct error *err)
{
    struct json *identity = json_get(wire, STR("identity"));
    struct wanted wanted;
    struct principal who;
    struct error none = {0};

    assert(txn && wire);
    if (!req->kind->has_identity || json_kind(identity) != JSON_OBJECT ||
        read_type(json_str_at(identity, "type"), &wanted, NULL) < 0 || !wanted.system)
        return 0;
    if (assigned_find(txn, json_str_at(wire, "id"), &who, &none) < 0)
        return none.code == ERROR_NOT_FOUND
                   ? 0
                   : error_set(err, none.code, none.target, "%s", none.message);
    json_set_str(req->arena, identity, "principalId", arena_str(req->arena, who.object_id));
    if (req->engines->identity)
        json_set_str(req->arena, identity, "tenantId", identity_tenant(req->engines->identity));
    return 0;
}

void arm_identity_changed(const struct arm_request *req)
{
    if (req->kind->has_identity && req->engines->identity)
        assigned_changed(req->engines->identity);
}
