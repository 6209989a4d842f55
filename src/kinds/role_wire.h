/* role_wire.h - between the files of roles */
#pragma once

#include "arm/kind.h"
#include "identity/role.h"

#define ROLE_PROVIDER "Microsoft.Authorization"
#define ROLE_BODY_BYTES (256 * KIB)

/* The scopes that rows of roles hang on, each as text of a template. */
#define ROLE_SCOPE_ROOT ""
#define ROLE_SCOPE_SUBSCRIPTION "/subscriptions/{subscription}"
#define ROLE_SCOPE_GROUP ROLE_SCOPE_SUBSCRIPTION "/resourceGroups/{group}"
#define ROLE_SCOPE_ML ROLE_SCOPE_GROUP "/providers/Microsoft.MachineLearningServices"
#define ROLE_SCOPE_WORKSPACE ROLE_SCOPE_ML "/workspaces/{workspace}"
#define ROLE_SCOPE_REGISTRY ROLE_SCOPE_ML "/registries/{registry}"
#define ROLE_SCOPE_ITEM ROLE_SCOPE_WORKSPACE "/{type}/{name}"
#define ROLE_SCOPE_CHILD ROLE_SCOPE_ITEM "/{child}/{version}"
#define ROLE_SCOPE_OTHER ROLE_SCOPE_GROUP "/providers/{provider}/{type}/{name}"

/* A macro that takes a scope, for each of them. */
#define ROLE_EVERY_SCOPE(macro)                                                          \
    macro(ROLE_SCOPE_ROOT), macro(ROLE_SCOPE_SUBSCRIPTION), macro(ROLE_SCOPE_GROUP),     \
        macro(ROLE_SCOPE_WORKSPACE), macro(ROLE_SCOPE_REGISTRY), macro(ROLE_SCOPE_ITEM), \
        macro(ROLE_SCOPE_CHILD), macro(ROLE_SCOPE_OTHER)

/* The rows of one kind of resource on every scope; its file has list_run, get_run, put_run and
 * delete_run. */
#define ROLE_ROW(verb, scope, type, rest, what, handler)      \
    {.method = verb,                                          \
     .path = scope "/providers/" ROLE_PROVIDER "/" type rest, \
     .permit = PERMIT_ACTION,                                 \
     .action = ROLE_PROVIDER "/" type "/" what,               \
     .body_limit = ROLE_BODY_BYTES,                           \
     .flags = ROUTE_FOLD,                                     \
     .listeners = LISTEN_ALL,                                 \
     .run = handler,                                          \
     .refuse = role_refuse}
#define ROLE_ROWS(scope, type)                                   \
    ROLE_ROW("GET", scope, type, "", "read", list_run),          \
        ROLE_ROW("GET", scope, type, "/{id}", "read", get_run),  \
        ROLE_ROW("HEAD", scope, type, "/{id}", "read", get_run), \
        ROLE_ROW("PUT", scope, type, "/{id}", "write", put_run), \
        ROLE_ROW("DELETE", scope, type, "/{id}", "delete", delete_run)

/* Errors whose target is one of Azure's codes are answered with it; else as ARM does. */
void role_refuse(struct call *call, const struct error *err);

/* The scope that the path names, as the client spelled it; "" for the root. Errors: ERROR_NOT_FOUND
 * for a workspace or registry that is not there. */
int role_scope(struct call *call, struct str *out, struct error *err);
/* "{scope}/providers/Microsoft.Authorization/{type}/{id}". */
struct str role_resource_id(struct arena *arena, struct str scope, const char *type, struct str id);
/* The same for a role, which stands below the subscription of the scope it is seen from. */
struct str role_definition_id(struct arena *arena, struct str scope, struct str id);

/* The body as an object. Errors: ERROR_INVALID. */
struct json *role_body(struct call *call, struct error *err);

/* $filter: the terms that clients send, joined by `and`. */
struct role_filter {
    bool at_scope;
    struct str principal;   /* principalId eq '…' */
    struct str assigned_to; /* assignedTo('…'): groups count too */
    struct str role_name;   /* roleName eq '…' */
    struct str type;        /* type eq 'BuiltInRole' */
};
/* Errors: ERROR_INVALID naming the term that is not understood. */
int role_filter_read(struct call *call, struct role_filter *out, struct error *err);

/* Whether the caller may give this role there: who is Owner may, everybody else only what he holds
 * himself. Errors: ERROR_FORBIDDEN. */
int role_may_give(struct call *call, const struct role *role, struct str scope, struct error *err);
