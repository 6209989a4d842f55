/* edit.h - --set, --add and --remove on a document */
#pragma once

#include "base/json.h"

/* "a.b[0].c[name=x].d": objects are made on the way, positions and matches must be there. */
int edit_set(struct arena *arena, struct json *root, struct str assignment, bool force_text,
             struct error *err);

/* Appends to the list at the first word (made when missing): one object of the KEY=VALUE words, or
 * a plain value each. */
int edit_add(struct arena *arena, struct json *root, const struct str *words, size_t count,
             struct error *err);

/* Removes the key or element at PATH, or the element PATH[INDEX]. */
int edit_remove(struct arena *arena, struct json *root, const struct str *words, size_t count,
                struct error *err);
