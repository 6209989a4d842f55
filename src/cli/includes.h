/* includes.h - additional_includes: files from beside the code folder that go into its snapshot
 *
 * Each stands at the snapshot's root under its own name, a folder with all that is in it. What ends
 * with .zip and is not there itself is made of the folder of the name before it, as the Python
 * client does.
 */
#pragma once

#include "cli/command.h"

struct includes {
    struct str code;         /* the code folder; "": none */
    const struct str *paths; /* what comes beside it */
    size_t count;
};

/* Whether such a path can be included: it is there, or is an archive of a folder that is. */
bool includes_there(struct cli *cli, struct str path);

/* Copies code and includes into a new temporary folder, less what ignore files leave out. Owns: the
 * caller removes it. Errors: ERROR_EXISTS when two are of one name, ERROR_IO, ERROR_TOO_LARGE for
 * an archive that would need more than the old form holds. */
int includes_merge(struct cli *cli, const struct includes *includes, struct str *out_folder,
                   struct error *err);
/* Removes it; "" is fine. */
void includes_remove(struct cli *cli, struct str folder);
