/* name.h - which names may be made (decisions 2); names are checked when created, not when read */
#pragma once

#include "base/error.h"

/* Which characters and how many: each family of names has the service's own rule. */
enum name_rule { NAME_ASSET, NAME_JOB, NAME_ENDPOINT, NAME_MLFLOW_MODEL, NAME_EXPERIMENT };

/* Errors: ERROR_INVALID with `target`, saying the rule. */
int name_check(enum name_rule rule, struct str name, const char *target, struct error *err);
