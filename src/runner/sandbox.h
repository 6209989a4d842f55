/* sandbox.h - the walls around user code: bubblewrap, as far as this host has it
 *
 * Inside there are own mount, pid and ipc namespaces, no capabilities, and of the data folder only
 * what belongs to the attempt. The rest of the host is as the server's user sees it.
 */
#pragma once

#include "runner/attempt.h"

/* An argument vector that grows in the attempt's arena; always ends with NULL. */
struct words {
    struct arena *arena;
    const char **list;
    size_t count, room;
};
struct words words_make(struct arena *arena);
void words_add(struct words *words, const char *word);

/* Tries whether bubblewrap works here; when not, *out_why says why. */
bool sandbox_try(const struct attempt *attempt, struct str *out_why);

/* The words before the user's command, `--` included: bubblewrap, and the change of the user id.
 * None without a sandbox. `status_fd` gets bubblewrap's reports. */
void sandbox_command(const struct attempt *attempt, int status_fd, struct words *out);

/* The words before a tool that builds an environment, without `--` (environment.h adds its own). */
void sandbox_build(const struct attempt *attempt, struct words *out);

/* What bubblewrap reported: the exit code, or -1 when the command had not ended. */
int sandbox_exit_code(const struct attempt *attempt);

#define SANDBOX_STATUS_FILE "sandbox.json"
