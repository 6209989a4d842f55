/* archive.h - a folder as one .zip file, stored as it is: what every unpacker reads */
#pragma once

#include "cli/snapshot.h"

/* The files of a folder below its name. The same files give the same bytes. Errors: ERROR_TOO_LARGE
 * above 65 535 files or 4 GiB, ERROR_IO. */
int archive_write(struct cli *cli, const struct snapshot *folder, int fd, struct error *err);

/* All of one descriptor into another. */
int archive_copy(struct cli *cli, int from, int to, struct error *err);
