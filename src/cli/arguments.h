/* arguments.h - from words to a command and its flags */
#pragma once

#include "cli/command.h"

/* Finds the command and reads its flags. Errors: ERROR_INVALID, its hint the nearest word. What was
 * found until then is in *out. */
int arguments_parse(struct arena *arena, int argc, char **argv, struct cli_arguments *out,
                    struct error *err);

/* The group that the first words name, of one word or two; own_group, and none taken, when they
 * name no group. */
const struct cli_group *arguments_group(char *const *words, size_t count, size_t *out_taken);

/* The flag of that name among a command's own, its shared and the global ones. */
const struct cli_flag *arguments_find(const struct cli_command *command, struct str name,
                                      char letter);

/* Calls visit for each flag a command takes, in the order of help: own, shared, global. */
void arguments_each(const struct cli_command *command,
                    void (*visit)(const struct cli_flag *flag, const char *section, void *context),
                    void *context);
