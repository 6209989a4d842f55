/* collect.h - named outputs and artifacts, from the run folder into the blob surface
 *
 * Links are not followed, whatever they point to; they and other special files are named in the
 * event `output`.
 */
#pragma once

#include "runner/remote.h"

/* Makes results/ with a folder for each output that is one. */
int collect_prepare(struct attempt *attempt, struct error *err);

/* The path the command is to write this output to. */
struct str collect_path(const struct attempt *attempt, struct str name);

/* Uploads every named output, then work/outputs and work/logs as artifacts; an event each. What
 * cannot be uploaded is named as skipped with the reason; nothing here fails a job. The answer is
 * the sentence that names what was skipped (the first of it), empty when all was uploaded. */
struct str collect_all(struct attempt *attempt, struct remote *remote);
