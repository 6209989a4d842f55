/* job_definition.h - a job that is not run now: what schedules start, as the wire has it */
#pragma once

#include "cli/document.h"

/* The job at `path` of the document: azureml:NAME of one that ran, the path of a file, a mapping
 * with `job` and what is to be otherwise, or a whole job. *out is NULL when it has problems, which
 * are then in the document or reported. */
int job_definition(struct document *document, const char *path, struct json **out,
                   struct error *err);
