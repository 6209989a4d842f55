/* command.h - what the user's command is told: its text with values put in, and its environment */
#pragma once

#include "runner/attempt.h"

/* Puts values for ${{inputs.x}} and ${{outputs.y}}; blanks inside the braces are fine. What has no
 * value stays as it is. */
struct str command_text(const struct attempt *attempt);

/* Puts the run folder for {folder} and the environment for {environment}. */
struct str command_replace(const struct attempt *attempt, struct str text);

/* "NAME=value" and a NULL: little of ours, the paths of this attempt, what the spec says, in that
 * order, later ones win. */
const char *const *command_environment(const struct attempt *attempt);
