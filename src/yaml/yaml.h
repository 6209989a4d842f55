/* yaml.h - YAML text to JSON values that know where they stood
 *
 * One document becomes struct json; anchors, aliases and merge keys are resolved. Plain scalars
 * mean what they mean to the Azure tools (YAML 1.1: `yes` is true, `1e3` is text, dates stay text).
 * Bounds: YAML_TEXT_MAX bytes, YAML_DEPTH_MAX levels, YAML_NODES_MAX values after aliases.
 */
#pragma once

#include "base/json.h"

#define YAML_TEXT_MAX (1 * MIB)
#define YAML_DEPTH_MAX 64
#define YAML_NODES_MAX 100000
#define YAML_MEMBERS_MAX 10000 /* of one mapping */

/* Lines and columns count from 1; line 0 is "nowhere": a value that no file holds. */
struct yaml_mark {
    unsigned line, column;
};

struct yaml {
    struct json *root;
    struct yaml_marks *marks;
};

/* Parses one document; an empty text is null. Both results live in the arena.
 * Errors: ERROR_INVALID, its target "LINE:COLUMN"; ERROR_TOO_LARGE past a bound. */
int yaml_parse(struct arena *arena, struct str text, struct yaml *out, struct error *err);

/* Where a value begins, and where the key before it does (its own place when it has none). */
struct yaml_mark yaml_mark(const struct yaml *yaml, const struct json *value);
struct yaml_mark yaml_key_mark(const struct yaml *yaml, const struct json *value);

/* As block YAML with a final line end. `sorted`: members in key order. */
struct str yaml_write(struct arena *arena, const struct json *value, bool sorted);

/* What a plain scalar means: null, a truth value, a number or text. */
struct json *yaml_scalar(struct arena *arena, struct str text);

/* How the Azure client prints a literal: True, 0.25, 1e+16, text as it is; "" for null. */
struct str yaml_literal_text(struct arena *arena, const struct json *value);
