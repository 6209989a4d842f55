/* help.h - what --help prints, from the tables */
#pragma once

#include "cli/command.h"

/* The program, one group, or one command, by what `arguments` names. */
struct str help_text(struct arena *arena, const struct cli_arguments *arguments, bool color);
