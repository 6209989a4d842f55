/* The built-in roles, as Azure lists them (security.md 5). */
#include "identity/role.h"

#include <assert.h>

#define ML "Microsoft.MachineLearningServices/"
#define WORKSPACES ML "workspaces/"
#define LIST(array) {array, COUNT(array)}

static const struct str EVERYTHING[] = {STR_INIT("*")};
static const struct str EVERYWHERE[] = {STR_INIT("/")};
static const struct str READING[] = {STR_INIT("*/read")};
static const struct str NOT_CONTRIBUTOR[] = {
    STR_INIT("Microsoft.Authorization/*/Delete"),
    STR_INIT("Microsoft.Authorization/*/Write"),
    STR_INIT("Microsoft.Authorization/elevateAccess/Action"),
};
static const struct str SCIENCE[] = {
    STR_INIT(WORKSPACES "*/read"),
    STR_INIT(WORKSPACES "*/action"),
    STR_INIT(WORKSPACES "*/delete"),
    STR_INIT(WORKSPACES "*/write"),
};
static const struct str NOT_SCIENCE[] = {
    STR_INIT(WORKSPACES "delete"),
    STR_INIT(WORKSPACES "write"),
    STR_INIT(WORKSPACES "computes/*/write"),
    STR_INIT(WORKSPACES "computes/*/delete"),
    STR_INIT(WORKSPACES "computes/listKeys/action"),
    STR_INIT(WORKSPACES "listKeys/action"),
    STR_INIT(WORKSPACES "hubs/write"),
    STR_INIT(WORKSPACES "hubs/delete"),
    STR_INIT(WORKSPACES "featurestores/write"),
    STR_INIT(WORKSPACES "featurestores/delete"),
};
static const struct str COMPUTES[] = {
    STR_INIT(WORKSPACES "computes/*"),
    STR_INIT(WORKSPACES "notebooks/vm/*"),
};
static const struct str REGISTRY[] = {
    STR_INIT(ML "registries/read"),
    STR_INIT(ML "registries/assets/*"),
};

static const struct role_permission OWNER[] = {{.actions = LIST(EVERYTHING)}};
static const struct role_permission CONTRIBUTOR[] = {
    {.actions = LIST(EVERYTHING), .not_actions = LIST(NOT_CONTRIBUTOR)}};
static const struct role_permission READER[] = {{.actions = LIST(READING)}};
static const struct role_permission SCIENTIST[] = {
    {.actions = LIST(SCIENCE), .not_actions = LIST(NOT_SCIENCE)}};
static const struct role_permission OPERATOR[] = {{.actions = LIST(COMPUTES)}};
static const struct role_permission REGISTRY_USER[] = {{.actions = LIST(REGISTRY)}};

#define ROLE(guid, title, words, rights) \
    {.id = STR_INIT(guid),               \
     .name = STR_INIT(title),            \
     .description = STR_INIT(words),     \
     .built_in = true,                   \
     .permissions = rights,              \
     .permission_count = COUNT(rights),  \
     .assignable = LIST(EVERYWHERE)}

static const struct role ROLES[] = {
    ROLE(ROLE_OWNER, "Owner", "Everything, roles included.", OWNER),
    ROLE("b24988ac-6180-42a0-ab88-20f7382dd24c", "Contributor", "Everything but people and roles.",
         CONTRIBUTOR),
    ROLE("acdd72a7-3385-48ef-bd42-f606fba81ae7", "Reader", "Reads everything but secrets.", READER),
    ROLE("f6c7c914-8db3-469d-8ca1-694a8f32e121", "AzureML Data Scientist",
         "All work in a workspace, but makes no compute and changes no workspace.", SCIENTIST),
    ROLE("e503ece1-11d0-4e8e-8e2c-7a6c3bf38815", "AzureML Compute Operator",
         "Makes, changes and removes computes.", OPERATOR),
    ROLE("1823dd4f-9b8c-4ab6-ab4e-7397a3684615", "AzureML Registry User",
         "Works with the assets of a registry.", REGISTRY_USER),
};

/* The table itself; nobody changes it. */
const struct role *role_built_in(size_t *out_count)
{
    assert(out_count);
    *out_count = COUNT(ROLES);
    return ROLES;
}

/* Names and GUIDs cannot be mistaken for each other. */
const struct role *role_find(struct str id_or_name)
{
    for (size_t i = 0; i < COUNT(ROLES); i++)
        if (str_eq_fold(ROLES[i].id, id_or_name) || str_eq_fold(ROLES[i].name, id_or_name))
            return &ROLES[i];
    return NULL;
}

/* What `local` and attempts may (decisions 23 and 25). */
bool role_data_scientist_may(struct str action)
{
    const struct role *role = role_find(STR("AzureML Data Scientist"));

    assert(role);
    return role_allows(role, action);
}
