/* Workspaces and registries as paths name them, and the lists of both. */
#include "arm/internal.h"

#include "identity/access.h"
#include "identity/grant.h"

#include <assert.h>

/* By subscription, group and name. A registry is found by its name alone, which is unique; a path
 * that says another group for it names nothing. */
int arm_scope_find(struct arena *arena, struct store_txn *txn, const struct arm_target *target,
                   struct scope *out, struct error *err)
{
    bool registry = target->scope_kind == SCOPE_REGISTRY;
    struct str none = {0};
    struct scope scope;

    assert(txn);
    const struct scope_name name = {registry ? none : target->subscription,
                                    registry ? none : target->group, target->scope};
    int result = scope_find(txn, &name, &scope, err);
    bool elsewhere = result == 0 && registry &&
                     (!str_eq_fold(scope.subscription, target->subscription) ||
                      !str_eq_fold(scope.group, target->group));
    if (result < 0 && err->code != ERROR_NOT_FOUND)
        return -1;
    if (result < 0 || elsewhere)
        return error_set(err, ERROR_NOT_FOUND, "",
                         "The Resource '" ARM_PROVIDER "/%s/%.*s' under resource group '%.*s' was "
                         "not found.",
                         registry ? "registries" : "workspaces", STR_ARG(target->scope),
                         STR_ARG(target->group));
    *out = arm_keep_scope(arena, &scope);
    return 0;
}

struct arm_target arm_target_of(const struct call *call)
{
    struct str registry = call_param(call, "registry");
    struct arm_target target = {
        .scope_kind = registry.len > 0 ? SCOPE_REGISTRY : SCOPE_WORKSPACE,
        .subscription = call_param(call, "subscription"),
        .group = call_param(call, "group"),
        .scope = registry.len > 0 ? registry : call_param(call, "workspace"),
    };

    assert(call);
    return target;
}

int arm_scope(struct call *call, struct store *store, struct scope *out, struct error *err)
{
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(store, err);
    struct arm_target target = arm_target_of(call);

    assert(out);
    return txn ? arm_scope_find(call->arena, txn, &target, out, err) : -1;
}

bool arm_scope_is_builtin(const struct scope *scope)
{
    assert(scope);
    return scope->kind == SCOPE_REGISTRY && str_eq_fold(scope->name, STR("azureml"));
}

int arm_scope_writable(const struct arm_request *req, struct error *err)
{
    if (!arm_scope_is_builtin(&req->scope))
        return 0;
    return error_set(err, ERROR_CONFLICT, "",
                     "The registry '%.*s' comes with the server and cannot be changed.",
                     STR_ARG(req->scope.name));
}

#define SCOPE_NAME_MIN 2
#define SCOPE_NAME_MAX 33

/* As Azure takes them: they become part of host names and of container names elsewhere. */
int arm_scope_name_check(struct str name, struct error *err)
{
    bool fine = name.len >= SCOPE_NAME_MIN && name.len <= SCOPE_NAME_MAX;

    for (size_t i = 0; i < name.len && fine; i++) {
        char c = name.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        fine = letter || (i > 0 && (c == '-' || c == '_'));
    }
    if (fine)
        return 0;
    return error_set(err, ERROR_INVALID, "name",
                     "The name has %d to %d letters, digits, - or _ and begins with a letter or "
                     "digit, unlike '%.*s'.",
                     SCOPE_NAME_MIN, SCOPE_NAME_MAX, STR_ARG(str_slice(name, 0, 80)));
}

/* --- Lists of a subscription or a resource group -----------------------------------------------
 */

struct walk {
    struct arm_request *req;
    struct str subscription, group;
    int64_t after; /* the number of the last scope of the page before */
    struct scope *scopes;
    size_t count, size; /* size: one more than the page, which tells whether there is another */
    const struct access *access; /* the caller's roles; NULL: he may see all */
    const struct arm_kind *kind; /* NULL: of every kind that is a scope */
    const struct wanted *wanted;
};

/* The kind of a scope; NULL when the list is not about it. */
static const struct arm_kind *kind_of(const struct walk *walk, const struct scope *scope)
{
    const char *type = scope->kind == SCOPE_REGISTRY ? "registries" : "workspaces";

    if (walk->kind)
        return scope->kind == walk->kind->is_scope ? walk->kind : NULL;
    return scope->kind == SCOPE_RETIRED ? NULL : arm_kind_of(walk->req->arm, str_from(type));
}

/* --- What a list of resources is narrowed to ------------------------------------------------- */

/* "" is any. */
struct wanted {
    struct str type, name, group, location, tag, tag_value;
};

/* Where a word of $filter is kept; NULL for words that are not known. */
static struct str *place_of(struct wanted *wanted, struct str word)
{
    assert(wanted);
    if (str_eq_fold(word, STR("resourceType")))
        return &wanted->type;
    if (str_eq_fold(word, STR("name")))
        return &wanted->name;
    if (str_eq_fold(word, STR("resourceGroup")))
        return &wanted->group;
    if (str_eq_fold(word, STR("location")))
        return &wanted->location;
    if (str_eq_fold(word, STR("tagName")))
        return &wanted->tag;
    return str_eq_fold(word, STR("tagValue")) ? &wanted->tag_value : NULL;
}

/* One "WORD eq 'VALUE'". */
static bool read_term(struct str term, struct wanted *out)
{
    ssize_t at = str_find(term, STR(" eq '"));
    struct str *place = at > 0 ? place_of(out, str_trim(str_slice(term, 0, (size_t)at))) : NULL;

    assert(out);
    if (!place || term.ptr[term.len - 1] != '\'' || term.len < (size_t)at + 6)
        return false;
    *place = str_slice(term, (size_t)at + 5, term.len - 1);
    return place->len > 0 && str_find_char(*place, '\'') < 0;
}

/* Terms joined by " and ", as the libraries write them. */
static int read_wanted(const struct call *call, struct wanted *out, struct error *err)
{
    struct str rest = str_trim(call_query(call, "$filter"));

    assert(out);
    *out = (struct wanted){0};
    while (rest.len > 0) {
        ssize_t end = str_find(rest, STR(" and "));
        struct str term = end < 0 ? rest : str_slice(rest, 0, (size_t)end);
        if (!read_term(str_trim(term), out))
            return error_set(err, ERROR_INVALID, "$filter",
                             "$filter joins resourceType, name, resourceGroup, location, tagName "
                             "and tagValue, each eq '…', by and; not '%.*s'.",
                             STR_ARG(str_slice(term, 0, 80)));
        rest = end < 0 ? (struct str){0} : str_slice(rest, (size_t)end + 5, rest.len);
    }
    return 0;
}

static bool fits(struct str wanted, struct str is)
{
    return wanted.len == 0 || str_eq_fold(wanted, is);
}

/* A resource as it is wanted. */
static bool resource_wanted(const struct walk *walk, const struct scope *scope,
                            const struct json *wire)
{
    const struct wanted *wanted = walk->wanted;
    const struct json *tag = json_get(json_get(wire, STR("tags")), wanted->tag);

    return fits(wanted->type, json_str_at(wire, "type")) && fits(wanted->name, scope->name) &&
           fits(wanted->group, scope->group) &&
           fits(wanted->location, json_str_at(wire, "location")) &&
           (wanted->tag.len == 0 || (tag && fits(wanted->tag_value, json_as_str(tag))));
}

/* What all resources have; the rest is told by their own address. */
static struct json *as_resource(struct arena *arena, const struct json *wire)
{
    static const char *const KEYS[] = {"id",       "name", "type", "kind",
                                       "location", "tags", "sku",  "identity"};
    struct json *resource = json_object(arena);

    assert(json_kind(wire) == JSON_OBJECT);
    for (size_t i = 0; i < COUNT(KEYS); i++) {
        struct json *value = json_get(wire, str_from(KEYS[i]));
        if (value)
            json_set(arena, resource, str_from(KEYS[i]), json_copy(arena, value));
    }
    return resource;
}

/* The roles by which a list is filtered, read before its transaction begins. */
static int open_access(const struct arm_request *req, struct access **out, struct error *err)
{
    struct access_who who = {.object_id = req->call->caller.object_id};

    assert(out);
    if (req->call->caller.kind != CALLER_USER)
        return 0;
    return access_get(req->engines->identity, &who, false, out, err) < 0 ? -1 : 0;
}

/* Each row takes the right that reading it alone would take. */
static bool may_see(const struct walk *walk, const struct scope *scope)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(64 * KIB);

    assert(scope->number > 0);
    return !walk->access ||
           access_allows(walk->access, arena_printf(arena, "%s/read", kind_of(walk, scope)->wire),
                         grant_path(arena, scope_arm_id(arena, scope)));
}

/* Keeps the scopes that the path names, up to a page. */
static int walk_one(const struct scope *scope, void *context)
{
    struct walk *walk = context;

    assert(walk->req);
    if (scope->number <= walk->after || !kind_of(walk, scope) ||
        !str_eq_fold(scope->subscription, walk->subscription) ||
        (walk->group.len > 0 && !str_eq_fold(scope->group, walk->group)) || !may_see(walk, scope))
        return 0;
    if (walk->count == walk->size)
        return -1;
    walk->scopes[walk->count++] = arm_keep_scope(walk->req->arena, scope);
    return 0;
}

/* Whether ?kind=hub,project leaves this one in. */
static bool kind_wanted(const struct arm_request *req, const struct json *wire)
{
    struct str wanted = call_query(req->call, "kind"), one;
    struct str kind = json_str_at(wire, "kind");

    assert(wire);
    if (wanted.len == 0)
        return true;
    while (wanted.len > 0 && str_split(&wanted, ',', &one))
        if (str_eq_fold(str_trim(one), kind))
            return true;
    return false;
}

static int show_scopes(struct arm_request *req, struct store_txn *txn, const struct walk *walk,
                       struct json *value, struct error *err)
{
    struct document document;

    assert(walk->count <= walk->size);
    for (size_t i = 0; i < walk->count && i + 1 < walk->size; i++) {
        req->scope = walk->scopes[i];
        req->name = req->scope.name;
        req->kind = kind_of(walk, &req->scope);
        if (arm_find(req, txn, &document, err) < 0)
            return -1;
        struct json *wire = arm_wire(req, txn, &document, err);
        if (!wire)
            return -1;
        if (walk->kind ? kind_wanted(req, wire) : resource_wanted(walk, &req->scope, wire))
            json_append(req->arena, value, walk->kind ? wire : as_resource(req->arena, wire));
    }
    return 0;
}

/* In the order of their making; the token is the number of the last one shown. Without a kind, all
 * that are a scope are shown, each as no more than a resource. */
int arm_list_scopes(struct arm_request *req, struct arm_reply *out, struct error *err)
{
    CLEANUP(store_read_end) struct store_txn *txn = NULL;
    CLEANUP(access_release) struct access *access = NULL;
    struct json *page = json_object(req->arena), *value = json_array(req->arena);
    struct document_query query = {0};
    struct wanted wanted = {0};
    struct walk walk = {.req = req,
                        .kind = req->kind,
                        .wanted = &wanted,
                        .subscription = call_param(req->call, "subscription"),
                        .group = call_param(req->call, "group")};

    assert(!req->kind || req->kind->is_scope);
    if (!req->kind && read_wanted(req->call, &wanted, err) < 0)
        return -1;
    if (arm_page_read(req->call, &query, err) < 0 || arm_page_newest(query.order, err) < 0 ||
        open_access(req, &access, err) < 0)
        return -1;
    walk.access = access;
    walk.after = query.before_doc;
    walk.size = query.limit + 1;
    walk.scopes = arena_new_array(req->arena, struct scope, walk.size);
    txn = store_read_begin(req->engines->store, err);
    if (!txn || scope_each(txn, walk_one, &walk, err) < 0 ||
        show_scopes(req, txn, &walk, value, err) < 0)
        return -1;
    json_set(req->arena, page, STR("value"), value);
    if (walk.count == walk.size) {
        struct document last = {.doc = walk.scopes[walk.count - 2].number};
        arm_link_next(req, page, &last);
    }
    *out = (struct arm_reply){.status = 200, .body = page};
    return 0;
}
