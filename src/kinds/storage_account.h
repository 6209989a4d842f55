/* storage_account.h - the storage accounts of workspaces, for clients of Microsoft.Storage */
#pragma once

#include "arm/kind.h"

/* As ARM shows the account of a workspace: where its blobs are for this client. Lives in the call's
 * arena. */
struct json *storage_account_wire(struct call *call, const struct scope *scope);

/* GET …/providers/Microsoft.Storage/storageAccounts of a subscription or a group and POST
 * …/{account}/listKeys. One of them is shown by workspace_dependent.c, as all that workspaces name
 * is. */
struct route_table storage_account_routes(struct arm *arm);
