/* sas_token.h - a signature that a client may take for an account's key
 *
 * azure-ai-ml signs addresses of log files with whatever `listSecrets` answered, also when that was
 * a signature; releases before 1.33 know no other answer. So that those work, a signature can be
 * made again from the hour of its making, and what Python's base64 makes of its text counts as a
 * key that opens what the signature itself opens, and not longer. The signature's text is built so
 * that Python always reads it to the same point, behind its 256 secret bits (ADR 4).
 */
#pragma once

#include "vault/account_key.h"
#include "vault/sas.h"

/* A signature for a container with all rights in it, for 24 hours from the beginning of this hour:
 * the same text for whoever asks within the hour. */
struct str sas_token(struct vault *vault, struct arena *arena, struct str account,
                     struct str container, int64_t now_us);

/* The bytes that Python's b64decode makes of such a text. The text is one of sas_make. */
#define SAS_TOKEN_KEY_BYTES 59
void sas_token_key(struct str token, unsigned char out[SAS_TOKEN_KEY_BYTES]);

/* Whether a token of the container that still counts, taken for a key, made the signature. */
bool sas_token_signed(struct vault *vault, struct arena *arena, struct str container,
                      const struct account_signature *ask);
