#include "blob/internal.h"

#include "asset/asset.h"
#include "http/text.h"
#include "identity/identity.h"
#include "os/clock.h"
#include "vault/sas.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <string.h>

/* Which container a path names, and who may do what in it. */

#define EMULATOR "devstoreaccount1"

/* --- The path -------------------------------------------------------------------------------- */

/* "azureml-…" of the bare form is a template's literal; the long form gives it whole, or in the
 * prefix of a list. */
static struct str container_of(struct call *call)
{
    struct str container = call_param(call, "container");

    if (container.len == 0)
        return blob_container_in_prefix(call);
    if (call_param(call, "account").len > 0)
        return container;
    return arena_printf(call->arena, "azureml-%.*s", STR_ARG(container));
}

static int no_container(struct str container, struct error *err)
{
    return error_set(err, ERROR_NOT_FOUND, "ContainerNotFound",
                     "The specified container does not exist: '%.*s'.", STR_ARG(container));
}

/* An account is found by its name alone; the emulator's is known to clients, and is not ours. */
static int read_account(struct blob_target *out, struct error *err)
{
    if (str_eq(out->account, STR(EMULATOR)))
        return error_set(err, ERROR_FORBIDDEN, "AuthenticationFailed",
                         "'%s' is the account of a storage emulator with a key that everybody has; "
                         "use the account of a workspace (lz…).",
                         EMULATOR);
    if (!asset_is_account(out->account))
        return error_set(err, ERROR_NOT_FOUND, "ResourceNotFound",
                         "There is no storage account '%.*s'.", STR_ARG(out->account));
    return 0;
}

/* Of three pieces that the path or a copy's source names: the account of the bare form follows from
 * the container, and a container of ours tells its workspace. */
static int read_names(struct arena *arena, struct blob_target *out, struct error *err)
{
    struct scope scope = {0};

    assert(out->account.len > 0 || out->container.len > 0);
    out->ours = asset_container_guid(out->container, &scope.guid);
    if (out->account.len == 0) {
        if (!out->ours)
            return no_container(out->container, err);
        out->account = asset_account(arena, &scope);
    }
    if (read_account(out, err) < 0)
        return -1;
    if (out->ours && !str_eq(out->account, asset_account(arena, &scope)))
        return no_container(out->container, err);
    out->scope.guid = scope.guid;
    out->key = out->ours ? out->container
                         : arena_printf(arena, "%.*s/%.*s", STR_ARG(out->account),
                                        STR_ARG(out->container));
    return 0;
}

static int read_path(struct call *call, struct blob_target *out, struct error *err)
{
    assert(call->arena);
    *out = (struct blob_target){.account = call_param(call, "account"),
                                .container = container_of(call),
                                .blob = call_param(call, "blob")};
    return read_names(call->arena, out, err);
}

struct str blob_first_piece(struct str path)
{
    struct str first;

    if (path.len == 0)
        return (struct str){0};
    path = str_slice(path, 1, path.len);
    first = path;
    str_split(&path, '/', &first);
    return str_find(first, STR(".blob.")) > 0 ? first : (struct str){0};
}

/* --- Who signed ------------------------------------------------------------------------------ */

/* As text; "" for the Unix socket. */
static struct str remote_of(struct call *call)
{
    const struct http_peer *peer = http_peer(call->ex);
    char text[INET6_ADDRSTRLEN] = "";

    if (peer->remote.ss_family == AF_INET)
        inet_ntop(AF_INET, &((const struct sockaddr_in *)&peer->remote)->sin_addr, text,
                  sizeof(text));
    if (peer->remote.ss_family == AF_INET6)
        inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)&peer->remote)->sin6_addr, text,
                  sizeof(text));
    return arena_str(call->arena, str_from(text));
}

/* What a signature in a query is asked for. */
static struct sas_ask sas_ask_of(struct call *call, const struct blob_ask *ask,
                                 const struct blob_target *target)
{
    assert(ask && target);
    return (struct sas_ask){.query = ask->query,
                            .now_us = clock_now_us(),
                            .account = target->account,
                            .container = target->container,
                            .blob = target->blob,
                            .host = ask->host,
                            .first = ask->first,
                            .remote = remote_of(call)};
}

/* What it says is what the caller may. */
static int check_query(struct vault *vault, struct arena *arena, const struct sas_ask *ask,
                       struct caller *out, struct error *err)
{
    struct sas sas;

    assert(vault);
    if (sas_check(vault, arena, ask, &sas, err) < 0)
        return -1;
    *out = (struct caller){.kind = CALLER_SAS,
                           .name = STR("sas"),
                           .container = sas.container,
                           .prefix = sas.blob.len ? sas.blob : sas.folder,
                           .permissions = sas.permissions,
                           .object_id = sas.delegator,
                           .blob_only = sas.blob.len > 0};
    return 0;
}

/* Whoever holds the account's key may all that a signature could say. */
static int check_key(const struct blob_ask *ask, struct vault *vault,
                     const struct blob_target *target, struct caller *out, struct error *err)
{
    if (blob_shared_key_check(ask, vault, target->account, err) < 0)
        return -1;
    *out = (struct caller){
        .kind = CALLER_SAS, .name = STR("account key"), .permissions = STR("racwdl")};
    return 0;
}

int blob_check_signed(struct call *call, const struct blob_ask *ask,
                      const struct blob_target *target, struct caller *out, struct error *err)
{
    struct engines *engines = call->face;

    assert(engines->vault);
    if (blob_ask_header(ask, "authorization").len > 0)
        return check_key(ask, engines->vault, target, out, err);
    const struct sas_ask signature = sas_ask_of(call, ask, target);
    return check_query(engines->vault, call->arena, &signature, out, err);
}

int blob_check_sas(struct call *call, struct caller *out, void *engines, struct error *err)
{
    const struct http_peer *peer = http_peer(call->ex);
    struct blob_target target;

    assert(engines && call->face == engines);
    if (read_path(call, &target, err) < 0)
        return -1;
    if (!peer->tls && !peer->unix_socket)
        return error_set(err, ERROR_FORBIDDEN, "AuthorizationProtocolMismatch",
                         "Signatures are taken over https only.");
    const struct blob_ask ask = blob_ask_of(call);
    return blob_check_signed(call, &ask, &target, out, err);
}

/* --- May they -------------------------------------------------------------------------------- */

/* Whole path pieces: "a/b" is not beneath "a/b2". */
static bool beneath(struct str name, struct str prefix)
{
    return str_starts(name, prefix) &&
           (name.len == prefix.len || str_ends(prefix, STR("/")) || name.ptr[prefix.len] == '/');
}

/* Whether one of two sets of letters is in the other. */
static bool any_of(struct str letters, const char *rights)
{
    for (size_t i = 0; i < letters.len; i++)
        if (strchr(rights, letters.ptr[i]))
            return true;
    return false;
}

/* A container "" is the whole account. */
bool blob_sas_allows(const struct caller *caller, const struct blob_target *target,
                     const char *rights)
{
    assert(caller->kind == CALLER_SAS);
    if (caller->container.len > 0 && !str_eq(caller->container, target->container))
        return false;
    if (caller->blob_only && !str_eq(caller->prefix, target->blob))
        return false;
    if (caller->prefix.len > 0 && !beneath(target->blob, caller->prefix))
        return false;
    return any_of(caller->permissions, rights);
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
        if (prefix.len > 0 && str_eq(json_str_at(it.value, "container"), target->key) &&
            beneath(target->blob, prefix))
            return true;
    }
    return false;
}

/* An attempt reads its workspace and what registries share, and writes its own artifacts and
 * outputs. */
static bool attempt_allows(struct store_txn *txn, const struct caller *caller,
                           const struct blob_target *target, const char *rights)
{
    struct arena *arena = store_arena(txn);

    assert(caller->kind == CALLER_ATTEMPT);
    if (target->scope.kind == SCOPE_REGISTRY)
        return !strpbrk(rights, "acwd");
    if (caller->scope != target->scope.number)
        return false;
    if (strpbrk(rights, "rl"))
        return true;
    if (target->blob.len == 0)
        return false;
    if (str_eq(target->container, asset_artifact_container(arena, &target->scope)) &&
        beneath(target->blob, asset_run_prefix(arena, caller->run)))
        return true;
    return is_declared_output(txn, caller, target);
}

/* What the role of a user must cover, at the workspace that the account belongs to. */
static struct str action_for(const char *rights)
{
#define ARTIFACTS "Microsoft.MachineLearningServices/workspaces/metadata/artifacts/"
    if (strpbrk(rights, "rl"))
        return STR(ARTIFACTS "read");
    return strchr(rights, 'd') ? STR(ARTIFACTS "delete") : STR(ARTIFACTS "write");
#undef ARTIFACTS
}

/* Whose roles decide: a user's own, or those of who lent the key that a signature was made with. A
 * signature never opens more than its lender may by now. */
static bool by_roles(const struct caller *caller, struct caller *out)
{
    bool lent = caller->kind == CALLER_SAS && caller->object_id.len > 0;

    *out =
        (struct caller){.kind = CALLER_USER, .name = caller->name, .object_id = caller->object_id};
    return lent || caller->kind == CALLER_USER;
}

static int forbidden(const struct caller *caller, const char *rights, struct error *err)
{
    const char *code =
        caller->kind == CALLER_SAS ? "AuthorizationPermissionMismatch" : "AuthorizationFailure";

    return error_set(err, ERROR_FORBIDDEN, code, "'%.*s' may not do this (%s) here.",
                     STR_ARG(caller->name), rights);
}

/* What roles say of it. Opens a transaction of its own: never inside another. A user who has
 * nothing in the workspace is told what he would be told if there were none. */
static int check_roles(struct call *call, const struct caller *caller,
                       const struct blob_target *target, const char *rights, struct error *err)
{
    struct engines *engines = call->face;
    struct str scope = scope_arm_id(call->arena, &target->scope);
    struct caller who;

    if (!by_roles(caller, &who))
        return 0;
    if (!engines->identity)
        return forbidden(caller, rights, err);
    int may = identity_may(engines->identity, &who, action_for(rights), scope, err);
    if (may)
        return may > 0 ? 0 : -1;
    int sees = caller->kind == CALLER_USER ? identity_sees(engines->identity, &who, scope, err) : 1;
    if (sees < 0)
        return -1;
    if (!sees)
        return no_container(target->container, err);
    return forbidden(caller, rights, err);
}

/* Users are asked for when the transaction is over. */
static bool allows(struct store_txn *txn, const struct caller *caller,
                   const struct blob_target *target, const char *rights)
{
    assert(rights[0]);
    switch (caller->kind) {
    case CALLER_ADMIN:
    case CALLER_USER:
        return true;
    case CALLER_SAS:
        return blob_sas_allows(caller, target, rights);
    case CALLER_ATTEMPT:
        return attempt_allows(txn, caller, target, rights);
    case CALLER_LOCAL:
    case CALLER_NOBODY:
        break;
    }
    return false;
}

static struct scope keep_scope(struct arena *arena, const struct scope *scope)
{
    return (struct scope){.number = scope->number,
                          .kind = scope->kind,
                          .subscription = arena_str(arena, scope->subscription),
                          .group = arena_str(arena, scope->group),
                          .name = arena_str(arena, scope->name),
                          .guid = arena_str(arena, scope->guid),
                          .created_us = scope->created_us};
}

/* The workspace behind the names, and whether this caller may. */
static int find_scope(struct store_txn *txn, struct call *call, struct blob_target *target,
                      const char *rights, struct error *err)
{
    struct scope scope;
    int found = target->ours ? scope_by_guid(txn, target->scope.guid, &scope, err)
                             : asset_account_scope(txn, target->account, &scope, err);

    if (found < 0)
        return err->code == ERROR_NOT_FOUND ? no_container(target->container, err) : -1;
    target->scope = keep_scope(call->arena, &scope);
    if (call->caller.kind == CALLER_ATTEMPT && scope.kind != SCOPE_REGISTRY &&
        scope.number != call->caller.scope)
        return no_container(target->container, err); /* as far as any other address */
    if (allows(txn, &call->caller, target, rights))
        return 0;
    return store_txn_check(txn, err) < 0 ? -1 : forbidden(&call->caller, rights, err);
}

/* Within one transaction: the workspace, and the container when it has to be there. */
static int open_names(struct call *call, const char *rights, bool container,
                      struct blob_target *target, struct error *err)
{
    struct engines *engines = call->face;
    struct document document;
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(engines->store, err);

    if (!txn || find_scope(txn, call, target, rights, err) < 0)
        return -1;
    return container && !target->ours ? blob_container_find(txn, target, &document, err) : 0;
}

static int open_path(struct call *call, const char *rights, bool container, struct blob_target *out,
                     struct error *err)
{
    struct blob_target target;
    struct error why = {0};

    assert(call->face);
    if (read_path(call, &target, err) < 0)
        return -1;
    int result = open_names(call, rights, container, &target, &why);
    /* Before what was found is told: whoever may not look does not learn which containers there
     * are. */
    if (target.scope.number > 0 && check_roles(call, &call->caller, &target, rights, err) < 0)
        return -1;
    if (result < 0) {
        *err = why;
        return -1;
    }
    *out = target;
    return 0;
}

int blob_open_account(struct call *call, const char *rights, struct blob_target *out,
                      struct error *err)
{
    return open_path(call, rights, false, out, err);
}

/* Everything a handler needs to know about the path, and that the caller may. */
int blob_open_target(struct call *call, const char *rights, struct blob_target *out,
                     struct error *err)
{
    return open_path(call, rights, true, out, err);
}

/* --- Sources of copies ----------------------------------------------------------------------- */

/* "https://host[/account.blob.suffix]/container/blob?query" apart. */
static int read_source(struct call *call, struct str url, struct blob_target *out,
                       struct str *out_query, struct error *err)
{
    struct str rest, host, first, name, path = url;

    *out_query = (struct str){0};
    *out = (struct blob_target){0};
    str_cut(url, '?', &path, out_query);
    if (!str_starts_fold(path, STR("https://")))
        return error_set(err, ERROR_INVALID, "InvalidHeaderValue",
                         "x-ms-copy-source is the https address of a blob.");
    rest = str_slice(path, 8, path.len);
    if (!str_cut(rest, '/', &host, &rest) || !str_cut(rest, '/', &first, &name))
        return error_set(err, ERROR_INVALID, "InvalidHeaderValue",
                         "x-ms-copy-source names no blob.");
    ssize_t dot = str_find(host, STR(".blob."));
    if (dot > 0) {
        out->account = str_slice(host, 0, (size_t)dot);
    } else if ((dot = str_find(first, STR(".blob."))) > 0) {
        out->account = str_slice(first, 0, (size_t)dot);
        rest = name;
        if (!str_cut(rest, '/', &first, &name))
            return error_set(err, ERROR_INVALID, "InvalidHeaderValue",
                             "x-ms-copy-source names no blob.");
    }
    return http_decode(call->arena, first, &out->container, err) < 0 ||
                   http_decode(call->arena, name, &out->blob, err) < 0
               ? -1
               : 0;
}

/* A copy stays within the account: bytes are never fetched for a client (security.md 3.5). */
int blob_open_source(struct call *call, const struct blob_target *target, struct str url,
                     struct blob_target *out, struct error *err)
{
    struct engines *engines = call->face;
    struct blob_target source;
    struct document document;
    struct caller caller = call->caller;
    struct str query;

    if (read_source(call, url, &source, &query, err) < 0)
        return -1;
    if (read_names(call->arena, &source, NULL) < 0 || !str_eq(source.account, target->account))
        return error_set(err, ERROR_NOT_IMPLEMENTED, "CannotVerifyCopySource",
                         "Blobs are copied within one account of this server only.");
    struct blob_ask ask = blob_ask_of(call);
    ask.query = query;
    const struct sas_ask signature = sas_ask_of(call, &ask, &source);
    if (sas_present(query) &&
        check_query(engines->vault, call->arena, &signature, &caller, err) < 0)
        return -1;
    source.scope = target->scope;
    if (check_roles(call, &caller, &source, "r", err) < 0)
        return -1;
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(engines->store, err);
    if (!txn)
        return -1;
    if (!allows(txn, &caller, &source, "r"))
        return store_txn_check(txn, err) < 0
                   ? -1
                   : error_set(err, ERROR_FORBIDDEN, "CannotVerifyCopySource",
                               "The source of the copy is not open to '%.*s'.",
                               STR_ARG(caller.name));
    if (!source.ours && blob_container_find(txn, &source, &document, err) < 0)
        return -1;
    *out = source;
    return 0;
}
