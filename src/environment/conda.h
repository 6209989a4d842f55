/* conda.h - a conda file read as a Python version and pip packages */
#pragma once

#include "base/json.h"

/* What of a conda file pip can do. */
struct conda {
    struct str python;     /* "3.11" */
    struct json *packages; /* array of pip requirements */
    struct json *notes;    /* array of sentences: which conda packages pip brings instead */
};

/* Errors: ERROR_INVALID with the line in the message; a package that pip has not is named together
 * with the client that could bring it. */
int conda_read(struct arena *arena, struct str text, struct conda *out, struct error *err);
