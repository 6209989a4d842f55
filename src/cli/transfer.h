/* transfer.h - local content into the server's storage, by signed addresses as the SDK does it */
#pragma once

#include "cli/command.h"
#include "yaml/schema.h"

/* Sends a folder or file as code, unless the server has the same bytes; the id of the code version.
 */
int transfer_code(struct cli *cli, struct str path, struct str *out_id, struct error *err);

/* What became of local content in a datastore. */
struct transfer_place {
    struct str datastore;
    struct str path; /* "LocalUpload/{hash}/{name}"; a folder's ends in a slash */
    struct str url;  /* the https address of that path */
    bool is_file;
};
int transfer_upload(struct cli *cli, struct str path, struct str datastore,
                    struct transfer_place *out, struct error *err);

/* The same into a registry, for the version of an asset that is about to be made. `asset` is of the
 * type "models" or "data". */
struct storage_asset;
int transfer_registry(struct cli *cli, struct str path, const struct storage_asset *asset,
                      struct transfer_place *out, struct error *err);
