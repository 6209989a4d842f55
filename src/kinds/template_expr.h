/* template_expr.h - the expressions of ARM templates: "[concat(parameters('name'), '-ws')]"
 *
 * A text in brackets is an expression, one that begins with "[[" the text behind the first bracket.
 * Functions are those that templates of workspaces use; what would need a running resource
 * (`reference`, `listKeys`) or a secret is refused by its name.
 */
#pragma once

#include "base/json.h"

#define TEMPLATE_DEPTH_MAX 48                 /* calls within calls, variables of variables */
#define TEMPLATE_STEPS_MAX 100000             /* evaluations of one deployment */
#define TEMPLATE_TEXT_MAX ((size_t)MIB)       /* one text that functions make */
#define TEMPLATE_BYTES_MAX (64 * (size_t)MIB) /* all of them together */

struct template
{
    struct arena *arena;
    const struct json *parameters; /* name → value, defaults filled in */
    const struct json *variables;  /* name → value as written; may hold expressions */
    struct str subscription, group, location, tenant;
    struct str deployment; /* its name */
    int depth;
    int steps;
};

/* A value with every expression in it replaced; NULL with ERROR_INVALID that quotes the expression,
 * or ERROR_NOT_IMPLEMENTED naming a function that is not built. */
struct json *template_value(struct template *t, const struct json *value, struct error *err);
/* The same for one text. */
struct json *template_text(struct template *t, struct str text, struct error *err);

/* --- template_call.c: the functions ------------------------------------------------------------
 */

#define TEMPLATE_ARGUMENTS_MAX 64

/* A call whose arguments are values already. */
struct template_call {
    struct str name;
    struct json *arguments[TEMPLATE_ARGUMENTS_MAX];
    size_t count;
};

/* Errors: ERROR_INVALID for arguments that do not fit, ERROR_NOT_IMPLEMENTED for a name that is not
 * known. */
struct json *template_call(struct template *t, const struct template_call *call, struct error *err);
