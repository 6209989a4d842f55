/* From the words of a path to a request: which scope, which kind, which names. */
#include "arm/internal.h"

#include <assert.h>

/* "data", "data/versions", "featuresets/versions/features": as far as the path goes. */
static struct str type_path(struct arena *arena, const struct arm_words *words)
{
    struct str type = words->type;

    assert(words->child.len == 0 || words->name.len > 0);
    if (words->child.len > 0)
        type = arena_printf(arena, "%.*s/%.*s", STR_ARG(type), STR_ARG(words->child));
    if (words->grandchild.len > 0)
        type = arena_printf(arena, "%.*s/%.*s", STR_ARG(type), STR_ARG(words->grandchild));
    return type;
}

/* Only some kinds lie in a registry, and a scope is no member of one. */
static bool fits(const struct arm_request *req, struct str type, bool itself)
{
    const struct arm_kind *kind = req->kind;

    assert(kind);
    if (itself)
        return kind->is_scope == req->scope.kind;
    return !kind->is_scope && (req->scope.kind != SCOPE_REGISTRY || arm_type_in_registry(type));
}

/* Names by depth: the last is the resource's own, the one before its container's. */
static void take_names(struct arm_request *req, const struct arm_words *words)
{
    if (words->grandchild.len > 0) {
        req->grand_name = words->name;
        req->parent_name = words->version;
        req->name = words->item;
    } else if (words->child.len > 0) {
        req->parent_name = words->name;
        req->name = words->version;
    } else {
        req->name = words->name;
    }
}

int arm_open_kind(struct arm_request *req, const struct arm_words *words, struct error *err)
{
    bool registry = req->scope.kind == SCOPE_REGISTRY;
    bool itself = words->type.len == 0;
    struct str type =
        itself ? (registry ? STR("registries") : STR("workspaces")) : type_path(req->arena, words);

    assert(req->arm);
    req->kind = arm_kind_of(req->arm, type);
    if (req->kind && !fits(req, type, itself))
        req->kind = NULL; /* "…/workspaces/a/workspaces/b" */
    else if (!req->kind && arm_type_unbuilt(type))
        return error_set(err, ERROR_NOT_IMPLEMENTED, "type",
                         "%.*s are part of Azure Machine Learning and not built here yet.",
                         STR_ARG(type));
    if (!req->kind)
        return error_set(err, ERROR_NOT_FOUND, "type", "There is no resource type '%.*s' in a %s.",
                         STR_ARG(type), registry ? "registry" : "workspace");
    if (itself)
        req->name = req->scope.name;
    else
        take_names(req, words);
    if (req->name.len > 0 && req->scope.number > 0)
        req->id = arm_id(req, req->parent_name, req->name);
    return 0;
}

/* A scope that is not there yet is fine when it is itself what will be made. */
int arm_request_open(struct arm *arm, struct call *call, const struct arm_target *target,
                     struct arm_request *out, struct error *err)
{
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(arm->engines->store, err);
    struct arm_words words = {.type = target->type,
                              .name = target->name,
                              .child = target->child,
                              .version = target->version};

    *out = (struct arm_request){.arena = call->arena,
                                .engines = arm->engines,
                                .call = call,
                                .actor = call->caller.name,
                                .arm = arm};
    assert(target->scope.len > 0);
    if (!txn)
        return -1;
    if (arm_scope_find(call->arena, txn, target, &out->scope, err) < 0) {
        if (err->code != ERROR_NOT_FOUND || target->type.len > 0)
            return -1;
        out->scope = (struct scope){.kind = target->scope_kind,
                                    .subscription = target->subscription,
                                    .group = target->group,
                                    .name = target->scope};
    }
    return arm_open_kind(out, &words, err);
}

int arm_request_put(struct arm_request *req, const struct json *body, struct arm_reply *out,
                    struct error *err)
{
    assert(req->kind && body);
    return arm_put_body(req, body, false, out, err);
}

int arm_request_patch(struct arm_request *req, const struct json *patch, struct arm_reply *out,
                      struct error *err)
{
    assert(req->kind && patch);
    return arm_put_body(req, patch, true, out, err);
}

int arm_request_get(struct arm_request *req, struct arm_reply *out, struct error *err)
{
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(req->engines->store, err);

    assert(req->kind);
    if (!txn)
        return -1;
    if (req->scope.number > 0) {
        req->read = txn;
        int result = arm_get(req, out, err);
        req->read = NULL;
        return result;
    }
    return error_set(err, ERROR_NOT_FOUND, "", "There is no '%.*s' in resource group '%.*s'.",
                     STR_ARG(req->scope.name), STR_ARG(req->scope.group));
}

int arm_request_delete(struct arm_request *req, struct arm_reply *out, struct error *err)
{
    assert(req->kind && req->scope.number > 0);
    return arm_delete(req, out, err);
}
