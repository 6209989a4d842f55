/* Kinds by type, ids by kind, and copies of what a transaction's arena holds. */
#include "arm/internal.h"

#include <assert.h>
#include <string.h>

/* Types that Azure's clients ask for and that wait for their engines: 501 instead of 404, so that
 * a reader knows it was no spelling mistake. */
static const char *const UNBUILT[] = {
    "batchEndpoints",
    "capabilityHosts",
    "components",
    "connections",
    "datasets",
    "deleteConfiguration",
    "diagnose",
    "endpoints",
    "featuresets",
    "featurestoreEntities",
    "hubs",
    "inferencePools",
    "labelingJobs",
    "linkedServices",
    "linkedWorkspaces",
    "managedNetworks",
    "marketplaceSubscriptions",
    "notebooks",
    "outboundNetworkDependenciesEndpoints",
    "outboundRules",
    "privateEndpointConnections",
    "privateLinkResources",
    "raiBlocklists",
    "schedules",
    "serverlessEndpoints",
    "services",
    "virtualClusters",
};

/* Kinds are few: a walk is quicker than a table. */
const struct arm_kind *arm_kind_of(const struct arm *arm, struct str type)
{
    assert(arm->kind_count > 0);
    for (size_t i = 0; i < arm->kind_count; i++)
        if (str_eq_fold(str_from(arm->kinds[i]->type), type))
            return arm->kinds[i];
    return NULL;
}

const struct arm_kind *arm_kind_child(const struct arm *arm, const struct arm_kind *kind)
{
    assert(arm && kind);
    for (size_t i = 0; i < arm->kind_count; i++)
        if (arm->kinds[i]->parent == kind)
            return arm->kinds[i];
    return NULL;
}

/* Only the first word of a type path counts. */
bool arm_type_unbuilt(struct str type)
{
    struct str head = type, tail;

    assert(type.ptr || type.len == 0);
    str_cut(type, '/', &head, &tail);
    for (size_t i = 0; i < COUNT(UNBUILT); i++)
        if (str_eq_fold(str_from(UNBUILT[i]), head))
            return true;
    return false;
}

/* Types whose resources are shared through registries. */
bool arm_type_in_registry(struct str type)
{
    static const char *const TYPES[] = {"codes", "components", "data", "environments", "models"};
    struct str head = type, tail;

    assert(type.len > 0);
    str_cut(type, '/', &head, &tail);
    for (size_t i = 0; i < COUNT(TYPES); i++)
        if (str_eq_fold(str_from(TYPES[i]), head))
            return true;
    return str_eq_fold(type, STR("registries"));
}

static size_t append(char *to, size_t len, struct str piece)
{
    to[len++] = '/';
    if (piece.len > 0)
        memcpy(to + len, piece.ptr, piece.len);
    return len + piece.len;
}

/* Names stand behind their types, one for each: "a/b" with x, y is "a/x/b/y". By hand, since every
 * reply has an id and a list a thousand. */
static struct str interleave(struct arena *arena, struct str type, const struct str names[3])
{
    size_t room = 2 * type.len + 8, len = 0;
    struct str word;

    for (size_t i = 0; i < 3; i++)
        room += names[i].len;
    char *path = arena_alloc(arena, room);
    for (size_t i = 0; type.len > 0 && str_split(&type, '/', &word); i++) {
        assert(i < 3);
        len = append(path, append(path, len, word), names[i]);
    }
    assert(len < room);
    return (struct str){path, len};
}

struct str arm_id(const struct arm_request *req, struct str parent_name, struct str name)
{
    struct arena *arena = req->arena;
    const struct arm_kind *kind = req->kind;
    bool deep = kind->parent && kind->parent->parent;
    struct str names[3] = {kind->parent ? parent_name : name, name};

    assert(kind->type && req->scope.number > 0);
    if (deep) {
        names[0] = req->grand_name;
        names[1] = parent_name;
        names[2] = name;
    }
    if (kind->is_scope)
        return scope_arm_id(arena, &req->scope);
    struct str path = interleave(arena, str_from(kind->type), names);
    if (req->scope.kind == SCOPE_REGISTRY && kind->parent)
        return arena_printf(arena, "azureml://registries/%.*s%.*s", STR_ARG(req->scope.name),
                            STR_ARG(path));
    return arena_printf(arena, "%.*s%.*s", STR_ARG(scope_arm_id(arena, &req->scope)),
                        STR_ARG(path));
}

struct scope arm_keep_scope(struct arena *arena, const struct scope *scope)
{
    struct scope kept = *scope;

    assert(arena && scope);
    kept.subscription = arena_str(arena, scope->subscription);
    kept.group = arena_str(arena, scope->group);
    kept.name = arena_str(arena, scope->name);
    kept.guid = arena_str(arena, scope->guid);
    kept.data_key = arena_str(arena, scope->data_key);
    return kept;
}

struct document arm_keep(struct arena *arena, const struct document *document)
{
    struct document kept = *document;

    assert(arena && document);
    kept.type = arena_str(arena, document->type);
    kept.name = arena_str(arena, document->name);
    kept.created_by = arena_str(arena, document->created_by);
    kept.body = arena_str(arena, document->body);
    kept.system = arena_str(arena, document->system);
    return kept;
}
