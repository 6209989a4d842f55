/* ignore.h - which files of a folder stay at home, by the rules of .gitignore */
#pragma once

#include "base/arena.h"

struct ignore;

/* No rules but those that always hold (.git, caches of Python and notebooks). */
struct ignore *ignore_new(struct arena *arena);

/* Adds the lines of one ignore file. `base` is the snapshot's root seen from the file's folder: ""
 * when it lies in the root, "a/b" when it lies two folders above. Later rules win. */
void ignore_add(struct arena *arena, struct ignore *ignore, struct str text, struct str base);

/* Whether a path (relative to the root, no slash at its end) is left out. */
bool ignore_matches(const struct ignore *ignore, struct str path, bool is_folder);

/* One pattern against one text: * ? [a-z] within a piece, ** over pieces. */
bool ignore_glob(struct str pattern, struct str text);
