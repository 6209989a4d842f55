/* Names under which bytes are kept. The GUID of the workspace is part of each, so a container tells
 * whose it is without a look-up, and no two workspaces can meet in one. */
#include "asset/asset.h"

#include "os/random.h"

#include <assert.h>

#define GUID_LEN 36

struct str asset_artifact_container(struct arena *arena, const struct scope *scope)
{
    assert(scope->guid.len == GUID_LEN);
    return arena_printf(arena, "azureml-%.*s", STR_ARG(scope->guid));
}

struct str asset_blob_container(struct arena *arena, const struct scope *scope)
{
    assert(scope->guid.len == GUID_LEN);
    return arena_printf(arena, "azureml-blobstore-%.*s", STR_ARG(scope->guid));
}

/* A container for each upload: its signature opens nothing else. */
struct str asset_upload_container(struct arena *arena, const struct scope *scope)
{
    assert(scope->guid.len == GUID_LEN);
    return arena_printf(arena, "azureml-%.*s-%.*s", STR_ARG(scope->guid),
                        STR_ARG(random_hex(arena, 8)));
}

struct str asset_run_prefix(struct arena *arena, struct str run)
{
    assert(run.len > 0);
    return arena_printf(arena, "ExperimentRun/dcid.%.*s", STR_ARG(run));
}

struct str asset_account(struct arena *arena, const struct scope *scope)
{
    struct str account = arena_str(arena, STR("lz00000000000000000000"));
    char *out = (char *)account.ptr + 2;
    size_t count = 0;

    assert(scope->guid.len == GUID_LEN);
    for (size_t i = 0; i < scope->guid.len && count < 20; i++)
        if (scope->guid.ptr[i] != '-')
            out[count++] = scope->guid.ptr[i];
    return account;
}

static bool is_guid(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
        if (dash ? c != '-' : !hex)
            return false;
    }
    return text.len == GUID_LEN;
}

/* "azureml-{guid}", "azureml-blobstore-{guid}", or an upload's with a tail. */
bool asset_container_guid(struct str container, struct str *out_guid)
{
    struct str rest = container;

    assert(out_guid);
    if (str_starts(rest, STR("azureml-blobstore-")))
        rest = str_slice(rest, 18, rest.len);
    else if (str_starts(rest, STR("azureml-")))
        rest = str_slice(rest, 8, rest.len);
    else
        return false;
    struct str guid = str_slice(rest, 0, GUID_LEN);
    struct str tail = str_slice(rest, GUID_LEN, rest.len);
    if (!is_guid(guid) || (tail.len > 0 && (tail.len != 17 || tail.ptr[0] != '-')))
        return false;
    *out_guid = guid;
    return true;
}

bool asset_is_account(struct str account)
{
    if (account.len != 22 || !str_starts(account, STR("lz")))
        return false;
    for (size_t i = 2; i < account.len; i++)
        if (!((account.ptr[i] >= '0' && account.ptr[i] <= '9') ||
              (account.ptr[i] >= 'a' && account.ptr[i] <= 'f')))
            return false;
    return true;
}

/* The account holds the head of the GUID without its hyphens, and registries have no account. */
int asset_account_scope(struct store_txn *txn, struct str account, struct scope *out,
                        struct error *err)
{
    if (asset_is_account(account)) {
        const char *hex = account.ptr + 2;
        struct str head =
            arena_printf(store_arena(txn), "%.8s-%.4s-%.4s-%.4s", hex, hex + 8, hex + 12, hex + 16);
        if (scope_by_guid_head(txn, head, out, err) == 0)
            return 0;
        if (err->code != ERROR_NOT_FOUND)
            return -1;
    }
    return error_set(err, ERROR_NOT_FOUND, "", "There is no storage account '%.*s'.",
                     STR_ARG(account));
}

struct str asset_container_key(struct arena *arena, const struct scope *scope, struct str container)
{
    struct str guid;

    if (asset_container_guid(container, &guid))
        return container;
    return arena_printf(arena, "%.*s/%.*s", STR_ARG(asset_account(arena, scope)),
                        STR_ARG(container));
}

struct str asset_datastore_root(struct arena *arena, const struct scope *scope, struct str name)
{
    assert(name.len > 0);
    return arena_printf(arena,
                        "azureml://subscriptions/%.*s/resourcegroups/%.*s/workspaces/%.*s/"
                        "datastores/%.*s/paths/",
                        STR_ARG(scope->subscription), STR_ARG(scope->group), STR_ARG(scope->name),
                        STR_ARG(name));
}

/* The SDK can download from these only. */
struct str asset_uri(struct arena *arena, const struct scope *scope,
                     const struct asset_place *place)
{
    bool artifacts = str_eq(place->container, asset_artifact_container(arena, scope));
    struct str root = place->root;

    assert(place->container.len > 0);
    if (root.len == 0)
        root = asset_datastore_root(
            arena, scope, artifacts ? STR("workspaceartifactstore") : STR("workspaceblobstore"));
    return arena_printf(arena, "%.*s%.*s", STR_ARG(root), STR_ARG(place->prefix));
}
