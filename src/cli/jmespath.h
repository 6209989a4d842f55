/* jmespath.h - the query language of --query, whole: grammar and all standard functions
 *
 * An expression is parsed before any request is made; what is wrong then is a usage error.
 * Functions and their numbers of arguments are checked at that time too.
 */
#pragma once

#include "base/json.h"

struct jmespath;

#define JMESPATH_TEXT_MAX (64 * KIB)
#define JMESPATH_DEPTH_MAX 100

/* Parses. Errors: ERROR_INVALID, its target the column (from 1) as decimal text. */
int jmespath_parse(struct arena *arena, struct str text, struct jmespath **out, struct error *err);

/* Evaluates against data. The result may share values with `data` and must not be changed.
 * Errors: ERROR_INVALID when a function meets a type it does not take. */
int jmespath_search(struct arena *arena, const struct jmespath *expression, const struct json *data,
                    struct json **out, struct error *err);
