/* form.h - the bodies that token requests come in: application/x-www-form-urlencoded, read once
 *
 * Nothing is guessed: a name twice, a bad escape or text that is no UTF-8 refuses the whole form,
 * since two readers of such a form could read two different things.
 */
#pragma once

#include "base/arena.h"

#define FORM_BYTES (64 * KIB)
#define FORM_FIELDS_MAX 64

struct form_field {
    struct str name, value; /* decoded */
};

struct form {
    struct form_field fields[FORM_FIELDS_MAX];
    size_t count;
};

/* Reads a form or a query. Errors: ERROR_INVALID with target "invalid_request", naming the field.
 * The texts live in `arena`. */
int form_read(struct arena *arena, struct str bytes, struct form *out, struct error *err);

/* A field's value; "" when it is absent or empty, which are the same (RFC 6749, 3.1). */
struct str form_get(const struct form *form, const char *name);

/* Whether a Content-Type says form, parameters aside. */
bool form_is_type(struct str content_type);
