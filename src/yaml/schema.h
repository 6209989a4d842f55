/* schema.h - what may stand in the files that people write, as tables, and the check against them
 *
 * The tables come from api/yaml by tools/gen/yaml_tables.py. One check reports every problem of a
 * file. Codes: E10xx no YAML or no such kind, E11xx keys and types, E12xx references and names,
 * E13xx expressions; W21xx and W22xx are warnings.
 */
#pragma once

#include "yaml/yaml.h"

enum yaml_type {
    YAML_STRING,
    YAML_VERSION,
    YAML_INTEGER,
    YAML_NUMBER,
    YAML_BOOLEAN,
    YAML_ANY,
    YAML_ENUM,
    YAML_MAP,
    YAML_LIST,
    YAML_ONE_OF,
    YAML_REF,
    YAML_LOCAL_PATH,
    YAML_URL,
    YAML_GIT_URL,
    YAML_REGISTRY_REF,
    YAML_FEED_REF,
    YAML_ASSET_REF,
    YAML_RESOURCE_REF,
};

struct yaml_shape {
    enum yaml_type type;
    const char *const *values; /* YAML_ENUM */
    size_t value_count;
    const struct yaml_shape *const *of; /* alternatives, or the one item of a list or map */
    size_t of_count;
    const struct yaml_def *def; /* YAML_REF */
    const char *what;           /* asset or resource type, or the pattern of a text */
    bool exact;                 /* YAML_ENUM: case counts */
    bool name_only;             /* YAML_ASSET_REF: no version needed */
};

struct yaml_field {
    const char *name;
    const struct yaml_shape *shape;
    bool required, read_only, nullable, bindable;
    const char *meaning;
};

/* Fields are sorted by name. */
struct yaml_def {
    const char *name;
    const struct yaml_field *fields;
    size_t field_count;
    bool keeps_unknown;
};

struct yaml_kind {
    const char *name, *family;
    const struct yaml_def *def;
};

extern const struct yaml_kind yaml_kinds[];
extern const size_t yaml_kind_count;

/* One finding in a file. `fix` is the nearest thing that would be right; may be empty. */
struct yaml_problem {
    struct yaml_mark at;
    bool warning;
    const char *code;
    struct str path; /* of the value, as in json.h */
    struct str message;
    struct str fix;
    struct yaml_problem *next;
};

struct yaml_problems {
    struct arena *arena;
    struct yaml_problem *first, *last;
    size_t errors, warnings;
};

/* What a new problem is about. */
struct yaml_place {
    struct yaml_mark at;
    struct str path;
};

/* Adds a finding; a code that begins with W is a warning. The fix may be set in the result. */
PRINTF(4, 5)
struct yaml_problem *yaml_problem_add(struct yaml_problems *problems, struct yaml_place place,
                                      const char *code, const char *format, ...);

/* Puts them into the order of lines. */
void yaml_problems_sort(struct yaml_problems *problems);

/* "train.yml:7:3  error  E1101  …" and a line with the fix, for each. */
struct str yaml_problems_text(const struct yaml_problems *problems, struct str file);

/* The kind of that name; NULL when there is none. */
const struct yaml_kind *yaml_kind_find(struct str name);

/* Checks a whole file. Server-set keys (read only) are taken out of it with a warning. */
void yaml_check(const struct yaml *yaml, const struct yaml_kind *kind,
                struct yaml_problems *problems);

/* Whether a text is one of a shape's values, in the spelling rules of the Azure tools: any case and
 * with or without underscores. */
bool yaml_word_eq(struct str a, struct str b);

/* The nearest of `count` words, or "" when none is near. */
struct str yaml_nearest(struct str word, const struct str *words, size_t count);

/* Walks the ${{ … }} of a text: the first from *position on; false at the end. *out_target is the
 * trimmed inside. */
bool yaml_expression_next(struct str text, size_t *position, struct str *out_target);

/* Checks what the expressions of a command job name (E1301) and which inputs nobody reads (W2101).
 */
void yaml_check_command(const struct yaml *yaml, struct yaml_problems *problems);
