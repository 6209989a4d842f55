/* from_model.h - the environment that an MLflow model asks for, read as data (decisions 52)
 *
 * Only a runner reads model files; the server passes {"kind": "python", "fromModel": INPUT} on.
 */
#pragma once

#include "base/json.h"

/* Turns an environment with `fromModel` into one with `python` and `packages`, other members kept.
 * `dir` is the open folder of that input. Beside the nearest MLmodel are read: requirements.txt,
 * else conda.yaml for the packages; python_env.yaml, else conda.yaml for the Python. Errors:
 * ERROR_INVALID when there is no MLmodel or no list, or for a line that is no plain requirement
 * (options, paths), naming it. */
int environment_from_model(struct arena *arena, int dir, const struct json *environment,
                           struct json **out, struct error *err);
