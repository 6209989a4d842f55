/* fields.h - what a body must look like, as a table; errors name the field and what is expected */
#pragma once

#include "base/json.h"

enum field_type {
    FIELD_TEXT,
    FIELD_BOOL,
    FIELD_NUMBER,
    FIELD_OBJECT,
    FIELD_TEXTS, /* an object whose values are texts, as tags are */
    FIELD_WORD,  /* one of `words`, in any case */
};

struct field {
    const char *path; /* "properties.dataUri" */
    enum field_type type;
    bool required;    /* there and, for texts, not empty */
    const char *const *words; /* FIELD_WORD: ends with NULL; the first spelling is kept */
};

/* null counts as absent. Words are put into the table's spelling.
 * Errors: ERROR_INVALID with the path as target. */
int fields_check(struct arena *arena, struct json *body, const struct field *fields, size_t count,
                 struct error *err);

/* Sets a text when there is none. */
void fields_default(struct arena *arena, struct json *body, const char *path, const char *text);
/* Makes properties.tags and properties.properties objects when they are missing: clients walk them. */
void fields_asset_defaults(struct arena *arena, struct json *body);

/* Rows that every versioned asset has. */
#define FIELDS_OF_ASSETS                                                                           \
    {"properties.description", FIELD_TEXT, false, NULL},                                           \
    {"properties.tags", FIELD_TEXTS, false, NULL},                                                 \
    {"properties.properties", FIELD_OBJECT, false, NULL},                                          \
    {"properties.isArchived", FIELD_BOOL, false, NULL},                                            \
    {"properties.isAnonymous", FIELD_BOOL, false, NULL}
