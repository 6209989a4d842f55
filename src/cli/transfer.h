/* transfer.h - content to and from the server's storage, by signed addresses as the SDK does it */
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

/* Everything under a prefix of a datastore into a local folder. `strip`: how much of each name is
 * cut off. Counts files and bytes. */
struct transfer_fetch {
    struct str datastore, prefix, folder;
    size_t files;
    int64_t bytes;
};
int transfer_download(struct cli *cli, struct transfer_fetch *fetch, struct error *err);
