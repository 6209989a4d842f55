/* download.h - what the server keeps, brought into a local folder
 *
 * Content flows from the socket to the file: what a file holds is never in memory, however large.
 * A file has its name only when it is whole.
 */
#pragma once

#include "cli/command.h"

struct storage;

/* Names beneath a prefix of a datastore, and the local folder for them. `files` and `bytes` count
 * on, so that several calls may report one sum. */
struct download {
    struct str datastore, prefix, folder;
    const struct storage *storage; /* where the prefix is, when no datastore is named; or NULL */
    size_t files;
    int64_t bytes;
};

/* Splits an address that names a datastore: "…/datastores/NAME/paths/PATH", or the older form
 * without "paths". False, and the strings as they were, for any other address. */
bool download_place(struct str uri, struct str *out_datastore, struct str *out_prefix);

/* Everything under the prefix, page by page. Errors: ERROR_INVALID for a name that would leave the
 * folder; nothing of it is then written. */
int download_prefix(struct cli *cli, struct download *download, struct error *err);

/* The models that a run logged, each into a folder of its name: MLflow 3 keeps them beside the
 * run's own files, MLflow 2 among them, and both come down alike. The newest of a name wins. */
int download_models(struct cli *cli, struct str run, struct download *download, struct error *err);
