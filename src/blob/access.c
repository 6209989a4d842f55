#include "blob/internal.h"

#include "asset/asset.h"
#include "os/clock.h"
#include "vault/sas.h"

#include <assert.h>
#include <stdio.h>

/* Which container a path names, and who may do what in it. */

/* "azureml-…" of the bare form is a template's literal; the long form gives it whole. */
static struct str container_of(struct call *call)
{
    struct str container = call_param(call, "container");

    if (call_param(call, "account").len > 0)
        return container;
    return arena_printf(call->arena, "azureml-%.*s", STR_ARG(container));
}

/* Reads the path; the account of the bare form follows from the container. */
static int read_path(struct call *call, struct blob_target *out, struct error *err)
{
    struct str guid, account = call_param(call, "account");

    assert(call->arena);
    out->container = container_of(call);
    out->blob = call_param(call, "blob");
    if (!asset_container_guid(out->container, &guid))
        return error_set(err, ERROR_NOT_FOUND, "ContainerNotFound", "There is no container '%.*s'.",
                         STR_ARG(out->container));
    out->scope = (struct scope){.guid = guid};
    out->account = asset_account(call->arena, &out->scope);
    if (account.len > 0 && !str_eq(account, out->account))
        return error_set(err, ERROR_NOT_FOUND, "ContainerNotFound",
                         "There is no container '%.*s' in account '%.*s'.", STR_ARG(out->container),
                         STR_ARG(account));
    return 0;
}

/* A signature in the query: what it says is what the caller may. */
static int check_query(struct call *call, struct vault *vault, const struct blob_target *target,
                       struct caller *out, struct error *err)
{
    struct sas sas;
    struct sas_ask ask = {.query = http_query(call->ex),
                          .now_us = clock_now_us(),
                          .account = target->account,
                          .container = target->container,
                          .blob = target->blob,
                          .host = http_header(call->ex, "host")};

    assert(vault);
    if (sas_check(vault, call->arena, &ask, &sas, err) < 0) {
        const char *code = err->code == ERROR_INVALID     ? "InvalidQueryParameterValue"
                           : err->code == ERROR_FORBIDDEN ? "AuthenticationFailed"
                                                          : "FeatureNotYetSupported";
        snprintf(err->target, sizeof(err->target), "%s", code);
        return -1;
    }
    *out = (struct caller){.kind = CALLER_SAS,
                           .name = STR("sas"),
                           .container = target->container,
                           .prefix = sas.blob,
                           .permissions = sas.permissions,
                           .blob_only = sas.blob.len > 0};
    return 0;
}

/* Whoever holds the account's key may all that a signature could say. */
static int check_key(struct call *call, struct vault *vault, const struct blob_target *target,
                     struct caller *out, struct error *err)
{
    if (blob_shared_key_check(call, vault, target->account, err) < 0)
        return -1;
    *out = (struct caller){.kind = CALLER_SAS,
                           .name = STR("account key"),
                           .container = target->container,
                           .permissions = STR("racwdl")};
    return 0;
}

int blob_check_sas(struct call *call, struct caller *out, void *context, struct error *err)
{
    const struct http_peer *peer = http_peer(call->ex);
    struct engines *engines = context;
    struct blob_target target = {0};

    assert(engines->vault);
    if (read_path(call, &target, err) < 0)
        return -1;
    if (!peer->tls && !peer->unix_socket)
        return error_set(err, ERROR_FORBIDDEN, "AuthenticationFailed",
                         "Signatures are taken over https only.");
    if (http_header(call->ex, "authorization").len > 0)
        return check_key(call, engines->vault, &target, out, err);
    return check_query(call, engines->vault, &target, out, err);
}

bool blob_sas_allows(const struct caller *caller, const struct blob_target *target, char right)
{
    assert(caller->kind == CALLER_SAS);
    if (!str_eq(caller->container, target->container))
        return false;
    if (caller->blob_only && !str_eq(caller->prefix, target->blob))
        return false;
    return str_find_char(caller->permissions, right) >= 0;
}

/* Whole path pieces: "a/b" is not beneath "a/b2". */
static bool beneath(struct str name, struct str prefix)
{
    return str_starts(name, prefix) &&
           (name.len == prefix.len || str_ends(prefix, STR("/")) || name.ptr[prefix.len] == '/');
}

/* Outputs that the job declared, wherever they lead; its document holds them resolved. */
static bool is_declared_output(struct store_txn *txn, const struct caller *caller,
                               const struct blob_target *target)
{
    struct document_key key = {target->scope.number, STR("jobs"), 0, caller->run};
    struct document job;

    assert(caller->run.len > 0);
    if (document_get(txn, &key, &job, NULL) < 0)
        return false;
    struct json *body = json_parse(store_arena(txn), job.body, NULL);
    struct json_iter it = json_iter(json_at(body, "resolved.outputs"));
    while (json_next(&it)) {
        struct str prefix = json_str_at(it.value, "prefix");
        if (prefix.len > 0 && str_eq(json_str_at(it.value, "container"), target->container) &&
            beneath(target->blob, prefix))
            return true;
    }
    return false;
}

/* An attempt reads its workspace and writes its own artifacts and outputs. */
static bool attempt_allows(struct store_txn *txn, const struct caller *caller,
                           const struct blob_target *target, char right)
{
    struct arena *arena = store_arena(txn);

    assert(caller->kind == CALLER_ATTEMPT);
    if (caller->scope != target->scope.number)
        return false;
    if (right == 'r' || right == 'l')
        return true;
    if (str_eq(target->container, asset_artifact_container(arena, &target->scope)) &&
        beneath(target->blob, asset_run_prefix(arena, caller->run)))
        return true;
    return is_declared_output(txn, caller, target);
}

/* Roles of users are not built; until then they open nothing here. */
static bool allows(struct store_txn *txn, const struct caller *caller,
                   const struct blob_target *target, char right)
{
    assert(right);
    switch (caller->kind) {
    case CALLER_ADMIN:
        return true;
    case CALLER_SAS:
        return blob_sas_allows(caller, target, right) ||
               (right == 'w' && blob_sas_allows(caller, target, 'c'));
    case CALLER_ATTEMPT:
        return attempt_allows(txn, caller, target, right);
    case CALLER_LOCAL:
    case CALLER_USER:
    case CALLER_NOBODY:
        break;
    }
    return false;
}

/* Everything a handler needs to know about the path, and that the caller may. */
int blob_open_target(struct call *call, char right, struct blob_target *out, struct error *err)
{
    struct engines *engines = call->face;
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(engines->store, err);
    struct blob_target target = {0};
    struct scope scope;

    assert(call->face);
    if (!txn || read_path(call, &target, err) < 0)
        return -1;
    if (scope_by_guid(txn, target.scope.guid, &scope, err) < 0)
        return err->code != ERROR_NOT_FOUND
                   ? -1
                   : error_set(err, ERROR_NOT_FOUND, "ContainerNotFound",
                               "There is no container '%.*s'.", STR_ARG(target.container));
    target.scope.number = scope.number;
    target.scope.created_us = scope.created_us;
    if (!allows(txn, &call->caller, &target, right)) {
        const char *code = call->caller.kind == CALLER_SAS ? "AuthorizationPermissionMismatch"
                                                           : "AuthorizationFailure";
        return error_set(err, ERROR_FORBIDDEN, code, "'%.*s' may not do this (%c) here.",
                         STR_ARG(call->caller.name), right);
    }
    *out = target;
    return 0;
}
