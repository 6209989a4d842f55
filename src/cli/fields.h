/* fields.h - one table per kind says how the keys of a file become the members of the wire, and
 * back */
#pragma once

#include "base/json.h"

enum field_form {
    FIELD_SAME,    /* as it is */
    FIELD_TEXTS,   /* a map whose values are text on the wire: True, 0.25 */
    FIELD_INTEGER, /* a whole number, perhaps written as text */
    FIELD_TRUTH,   /* true or false, perhaps written as text */
    FIELD_WORD,    /* ro_mount ↔ ReadOnlyMount */
    FIELD_LOWER,   /* a word that stays, in lower case */
    FIELD_MILLIS,
    FIELD_SECONDS,
    FIELD_MINUTES, /* a number ↔ an ISO 8601 duration */
    FIELD_TREE,    /* a mapping whose keys change from snake_case to camelCase, all the way down */
    FIELD_COMPUTE, /* read only: an id becomes azureml:NAME */
    FIELD_ASSET,   /* read only: an id becomes azureml:NAME:VERSION */
};

struct field_row {
    const char *yaml; /* a path, as in json.h */
    const char *rest;
    enum field_form form;
};

/* Takes over what is there. Paths that a row names are made as needed. */
void fields_to_rest(struct arena *arena, const struct field_row *rows, size_t count,
                    const struct json *yaml, struct json *rest);
void fields_to_yaml(struct arena *arena, const struct field_row *rows, size_t count,
                    const struct json *rest, struct json *yaml);

/* snake_case ↔ camelCase of one word, and PascalCase words of enumerations. */
struct str fields_camel(struct arena *arena, struct str snake);
struct str fields_snake(struct arena *arena, struct str camel);
struct str fields_pascal(struct arena *arena, struct str word);

/* "PT1M40S" from milliseconds, and back; -1 for what is none. */
struct str fields_duration(struct arena *arena, int64_t ms);
int64_t fields_duration_ms(struct str text);

/* A whole number or truth that may be written as text. */
int64_t fields_integer(const struct json *value, int64_t fallback);
bool fields_truth(const struct json *value);
