/* password.h - passwords that people choose: Argon2id, slowly and few at a time (decisions 26)
 *
 * A hash costs 64 MiB and a tenth of a second, so two run at once and a few more wait; beyond that
 * the caller is told to come back. What was right is remembered for five minutes, by a hash keyed
 * anew at each start, since MLflow sends its password with every request. Threads: any.
 */
#pragma once

#include "base/arena.h"

struct passwords;

#define PASSWORD_LEN_MIN 12
#define PASSWORD_LEN_MAX 1024

/* Owns: the caller. */
struct passwords *passwords_new(void);
/* For CLEANUP. */
void passwords_free(struct passwords **passwords);

/* A new salted hash. Errors: ERROR_INVALID for what is too short or too long; ERROR_UNAVAILABLE
 * when too many wait. */
int password_hash(struct passwords *passwords, struct arena *arena, struct str password,
                  struct str *out, struct error *err);
/* Whether the password has this hash; an empty hash costs as much time and is never right.
 * Errors: ERROR_UNAVAILABLE when too many wait. */
int password_check(struct passwords *passwords, struct str hash, struct str password,
                   bool *out_right, struct error *err);
/* A password nobody chose: 24 letters and digits without those that look alike. */
struct str password_random(struct arena *arena);

/* Who proved himself with this name and secret in the last five minutes: a principal's number, 0
 * for nobody. `generation` counts the changes of credentials: what was right before one of them
 * counts no more, also when its check and the change ran at the same time. */
int64_t password_remembered(struct passwords *passwords, struct str name, struct str secret,
                            uint64_t generation);
void password_remember(struct passwords *passwords, struct str name, struct str secret,
                       int64_t number, uint64_t generation);
