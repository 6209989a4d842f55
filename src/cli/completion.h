/* completion.h - completion scripts, made from the tables */
#pragma once

#include "cli/command.h"

/* The script for bash, zsh or fish. */
struct str completion_script(struct arena *arena, struct str shell);

/* What may follow the words typed so far, the last of them unfinished: one word a line. */
struct str completion_words(struct arena *arena, char *const *words, size_t count);
