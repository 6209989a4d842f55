/* template_call.h - between template_expr.c and template_call.c */
#pragma once

#include "kinds/template_expr.h"

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
