/* Custom roles are documents: their body is the `properties` of the wire. They belong to no
 * workspace, so they stand under a number that no scope has. */
#include "identity/grant_private.h"

#include "identity/identity_private.h"
#include "identity/principal_private.h"
#include "os/clock.h"
#include "store/document.h"
#include "store/event.h"

#include <assert.h>

#define TYPE "roleDefinitions"
#define ROLE_SCOPE (-1)
#define ROLES_MAX 512

/* Where the document of a role stands. */
static struct document_key key_of(struct arena *arena, struct str id)
{
    return (struct document_key){
        .scope = ROLE_SCOPE, .type = STR(TYPE), .name = arena_lower(arena, id)};
}

/* A body that was stored was checked, and is checked again by the same reader. */
static int from_document(struct arena *arena, const struct document *document, struct role *out,
                         struct error *err)
{
    struct json *body = json_parse(arena, document->body, err);

    if (!body || role_read(arena, body, out, err) < 0)
        return -1;
    out->id = arena_lower(arena, document->name);
    return 0;
}

/* Names are no ids here: who is called "Owner" may be anybody's custom role. */
int grant_role_in(struct store_txn *txn, struct arena *arena, struct str id, struct role *out,
                  struct error *err)
{
    const struct role *built_in = principal_is_guid(id) ? role_find(id) : NULL;
    struct document_key key = key_of(arena, id);
    struct document document;
    struct error none = {0};

    assert(out);
    if (built_in) {
        *out = *built_in;
        return 0;
    }
    if (document_get(txn, &key, &document, &none) == 0)
        return from_document(arena, &document, out, err);
    if (none.code == ERROR_NOT_FOUND)
        return error_set(err, ERROR_NOT_FOUND, "RoleDefinitionDoesNotExist",
                         "The role definition '%.*s' does not exist.",
                         STR_ARG(str_slice(id, 0, 64)));
    return error_pass(err, &none);
}

/* In a transaction of its own. */
int grant_role(struct identity *identity, struct arena *arena, struct str id, struct role *out,
               struct error *err)
{
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(identity->store, err);

    return txn ? grant_role_in(txn, arena, id, out, err) : -1;
}

/* --- Writing -------------------------------------------------------------------------------------
 */

struct role_writing {
    const struct role *role;
    struct str body, actor;
    bool created;
};

/* A second role of one name would make `--role NAME` mean either. */
struct name_search {
    struct str name, id;
    bool taken;
};

/* Names are unique by fold, as people read them. */
static int look_for_name(const struct document *document, void *context, struct error *)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct name_search *search = context;
    struct json *body = json_parse(arena, document->body, NULL);

    search->taken |= !str_eq_fold(document->name, search->id) &&
                     str_eq_fold(json_str_at(body, "roleName"), search->name);
    return 0;
}

/* Custom roles are few: a walk is enough. */
static int check_role_name(struct store_txn *txn, const struct role *role, struct error *err)
{
    struct name_search search = {.name = role->name, .id = role->id};
    struct document_query query = {
        .scope = ROLE_SCOPE, .type = STR(TYPE), .view = VIEW_ALL, .limit = ROLES_MAX};

    if (document_list(txn, &query, look_for_name, &search, err) < 0)
        return -1;
    if (search.taken)
        return error_set(err, ERROR_EXISTS, "RoleDefinitionWithSameNameExists",
                         "A custom role with the name '%.*s' already exists; choose another.",
                         STR_ARG(role->name));
    return 0;
}

/* For the audit. */
static int role_event(struct store_txn *txn, const char *type, struct str id, struct str actor,
                      struct error *err)
{
    struct event event = {.type = str_from(type),
                          .subject_kind = STR("roleDefinition"),
                          .subject = id,
                          .actor = actor,
                          .body = STR("{}")};

    return event_append(txn, &event, err);
}

/* Insert or update, with the revision moving on. */
static int write_role(struct store_txn *txn, void *context, struct error *err)
{
    struct role_writing *writing = context;
    struct document_key key = key_of(store_arena(txn), writing->role->id);
    struct document document;
    struct error none = {0};

    if (check_role_name(txn, writing->role, err) < 0)
        return -1;
    writing->created = document_get(txn, &key, &document, &none) < 0;
    if (writing->created && none.code != ERROR_NOT_FOUND)
        return error_pass(err, &none);
    if (writing->created)
        document = (struct document){.scope = ROLE_SCOPE,
                                     .type = STR(TYPE),
                                     .name = key.name,
                                     .created_by = writing->actor,
                                     .system = STR("{}")};
    document.body = writing->body;
    if ((writing->created ? document_insert(txn, &document, err)
                          : document_update(txn, &document, err)) < 0)
        return -1;
    return role_event(txn, "role.defined", key.name, writing->actor, err);
}

/* A role that somebody has changes for him at once, since snapshots are dropped. */
int grant_role_put(struct identity *identity, const struct role *role, struct str actor,
                   bool *out_created, struct error *err)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct role_writing writing = {
        .role = role, .body = json_write(arena, role_show(arena, role)), .actor = actor};

    assert(out_created && !role->built_in);
    if (!principal_is_guid(role->id) || role_find(role->id))
        return error_set(err, ERROR_INVALID, "InvalidRoleDefinitionId",
                         "A custom role's id is a GUID of its own.");
    if (principal_write(identity, write_role, &writing, err) < 0)
        return -1;
    *out_created = writing.created;
    return 0;
}

/* How often it was given. */
static int count_grants(struct store_txn *txn, struct str id, int64_t *out, struct error *err)
{
    struct sql *q = sql(txn, "SELECT COUNT(*) FROM \"grant\" WHERE role = ?", err);

    if (!q)
        return -1;
    sql_bind_text(q, 1, id);
    *out = sql_step(q) > 0 ? sql_int(q, 0) : 0;
    return sql_end(q, err);
}

/* A role that is given cannot go: what would its assignments mean? */
static int remove_role(struct store_txn *txn, void *context, struct error *err)
{
    const struct str *id = context;
    struct document_key key = key_of(store_arena(txn), *id);
    struct document document;
    int64_t count = 0;

    if (document_get(txn, &key, &document, err) < 0 || count_grants(txn, key.name, &count, err) < 0)
        return -1;
    if (count > 0)
        return error_set(err, ERROR_CONFLICT, "RoleDefinitionHasAssignments",
                         "The role is given %lld times; remove those role assignments first.",
                         (long long)count);
    if (document_delete(txn, document.doc, err) < 0)
        return -1;
    return role_event(txn, "role.undefined", key.name, STR("identity"), err);
}

/* Built-in ones are no rows. */
int grant_role_delete(struct identity *identity, struct str id, struct error *err)
{
    if (role_find(id))
        return error_set(err, ERROR_INVALID, "InvalidRoleDefinitionId",
                         "A built-in role cannot be removed.");
    return principal_write(identity, remove_role, &id, err);
}

/* --- Listing -------------------------------------------------------------------------------------
 */

struct role_walk {
    grant_each_role *each;
    void *context;
};

/* Each in an arena of its own: a list of many costs as much as one. */
static int show_document(const struct document *document, void *context, struct error *err)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    const struct role_walk *walk = context;
    struct role role;

    if (from_document(arena, document, &role, err) < 0)
        return -1;
    return walk->each(&role, walk->context, err);
}

/* The built-in ones are role_built_in's. */
int grant_roles(struct identity *identity, grant_each_role *each, void *context, struct error *err)
{
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(identity->store, err);
    struct document_query query = {
        .scope = ROLE_SCOPE, .type = STR(TYPE), .view = VIEW_ALL, .limit = ROLES_MAX};
    struct role_walk walk = {each, context};

    assert(each);
    return txn ? document_list(txn, &query, show_document, &walk, err) : -1;
}
