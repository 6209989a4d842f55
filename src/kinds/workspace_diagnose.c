/* What a workspace needs to work, looked at rather than remembered. Lists that stay empty are of
 * things that this server has not: networks, locks, registries of images. */
#include "kinds/workspace.h"

#include "os/file.h"

#include <assert.h>

#define DISK_LOW_BYTES (1024 * (int64_t)MIB)

struct diagnosis {
    struct arm_request *req;
    struct json *value;
};

/* Adds {code, level, message} to one of the lists. */
static void add(struct diagnosis *diagnosis, const char *list, const char *level, const char *code,
                struct str message)
{
    struct arena *arena = diagnosis->req->arena;
    struct json *one = json_object(arena);

    assert(message.len > 0);
    json_set_str(arena, one, "code", str_from(code));
    json_set_str(arena, one, "level", str_from(level));
    json_set_str(arena, one, "message", message);
    json_append(arena, json_get(diagnosis->value, str_from(list)), one);
}

/* A store that refuses writes says why. */
static void look_at_store(struct diagnosis *diagnosis)
{
    struct error trouble = {0};

    store_trouble(diagnosis->req->engines->store, &trouble);
    if (trouble.code != ERROR_NONE)
        add(diagnosis, "otherResults", "Error", "StoreReadOnly", str_from(trouble.message));
}

/* Room for bytes of jobs and uploads. */
static void look_at_disk(struct diagnosis *diagnosis)
{
    struct arena *arena = diagnosis->req->arena;
    int64_t left = dir_free_bytes(diagnosis->req->engines->dir);

    assert(diagnosis->value);
    if (left < 0)
        add(diagnosis, "storageAccountResults", "Error", "StorageUnreadable",
            STR("The data folder cannot be looked at."));
    else if (left < DISK_LOW_BYTES)
        add(diagnosis, "storageAccountResults", "Warning", "StorageLow",
            arena_printf(arena, "%lld MiB are left for data, models and logs.",
                         (long long)(left / MIB)));
}

/* Jobs run without bubblewrap, but see everything that the server's user sees. */
static void look_at_sandbox(struct diagnosis *diagnosis)
{
    if (!diagnosis->req->engines->sandbox)
        add(diagnosis, "otherResults", "Warning", "SandboxMissing",
            STR("bubblewrap does not work here, so jobs are as strong as the server's own user."));
}

int workspace_diagnose(struct arm_request *req, const struct document *, struct arm_reply *out,
                       struct error *)
{
    static const char *const LISTS[] = {
        "userDefinedRouteResults",  "networkSecurityRuleResults", "resourceLockResults",
        "dnsResolutionResults",     "storageAccountResults",      "keyVaultResults",
        "containerRegistryResults", "applicationInsightsResults", "otherResults"};
    struct json *body = json_object(req->arena);
    struct diagnosis diagnosis = {.req = req, .value = json_object(req->arena)};

    assert(req->scope.number > 0);
    for (size_t i = 0; i < COUNT(LISTS); i++)
        json_set(req->arena, diagnosis.value, str_from(LISTS[i]), json_array(req->arena));
    look_at_store(&diagnosis);
    look_at_disk(&diagnosis);
    look_at_sandbox(&diagnosis);
    json_set(req->arena, body, STR("value"), diagnosis.value);
    *out = (struct arm_reply){.status = 200, .body = body};
    return 0;
}
