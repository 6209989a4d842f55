/* snapshot.h - a file or folder as it will be sent: its files in order, and one hash over all */
#pragma once

#include "cli/command.h"

struct snapshot_file {
    struct str path; /* relative, as it is named at the server */
    int64_t size;
};

struct snapshot {
    int dir;         /* open; the files lie beneath it */
    struct str name; /* of the folder or file itself */
    bool is_file;
    struct snapshot_file *files;
    size_t count;
    int64_t bytes;
    size_t ignored;  /* left out by the ignore files */
    struct str hash; /* hex SHA-256 of code, the same as the Python client's */
};

/* Walks `path`. With `rules` the ignore files of the folder and of those above it hold. Owns: the
 * caller closes it. Errors: ERROR_NOT_FOUND, ERROR_FORBIDDEN, ERROR_INVALID for an empty folder. */
int snapshot_take(struct cli *cli, struct str path, bool rules, struct snapshot *out,
                  struct error *err);
/* The name of an upload's folder: hex SHA-256 by the Python client's other rule, which it has for
 * all but code. Reads every file once more. */
int snapshot_upload_hash(struct cli *cli, const struct snapshot *snapshot, struct str *out,
                         struct error *err);
void snapshot_close(struct snapshot *snapshot);
