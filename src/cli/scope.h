/* scope.h - which subscription, group, workspace or registry a command is about, and the paths of
 * what stands in them
 *
 * A flag wins over the person's configuration, that over the project file of the Azure tools
 * (config.json here or in a folder above), that over what the first start of a server makes. Paths
 * begin with a slash and are percent-encoded where they hold names.
 */
#pragma once

#include "cli/command.h"

struct scope {
    struct str subscription, group, workspace;
    struct str registry; /* path of the registry that takes the workspace's place; "" for none */
};

/* Reads it from everywhere. Errors: ERROR_INVALID for --registry-name beside --workspace-name. */
int scope_read(struct cli *cli, struct scope *out, struct error *err);

/* Whether the command may be about a registry, and this one is. */
bool scope_is_registry(const struct cli *cli);

/* "/subscriptions/S/resourceGroups/G/providers/…", where workspaces and registries stand. */
#define SCOPE_PROVIDER "providers/Microsoft.MachineLearningServices"
struct str scope_path(struct arena *arena, const struct scope *scope);
