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

/* With --registry-name: asks the server where the registry is. The session must be open. */
int scope_find_registry(struct cli *cli, struct scope *scope, struct error *err);

/* The path of any registry as its assets are asked for, by its name. */
int scope_registry_path(struct cli *cli, struct str name, struct str *out, struct error *err);

/* "/subscriptions/S", with the provider behind it, and with the resource group between both. */
struct str scope_subscription(struct cli *cli);
struct str scope_provider(struct cli *cli);
struct str scope_group(struct cli *cli);
