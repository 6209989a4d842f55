/* keys.h - the RSA keys that sign our tokens: one active, one next; keys/token-*.pem (0600) */
#pragma once

#include "base/json.h"

struct keys;

/* Reads the keys beneath the data folder; nothing is made. *out_complete is false when a key is
 * missing. Errors: ERROR_FORBIDDEN when a file can be read by others, ERROR_CORRUPT. */
struct keys *keys_load(int dir, bool *out_complete, struct error *err);

/* Makes what is missing: 60 to 250 ms a key. Threads: one at a time. */
int keys_make(struct keys *keys, int dir, struct error *err);
void keys_free(struct keys **keys);

/* Whether the active key is there. Threads: any. */
bool keys_ready(struct keys *keys);

/* Signs with the active key by RS256; the signature in base64url. Errors: ERROR_UNAVAILABLE before
 * keys_ready. */
int keys_sign(struct keys *keys, struct arena *arena, struct str text, struct str *out,
              struct error *err);
/* The `kid` of the active key; "" before keys_ready. */
struct str keys_active_id(struct keys *keys);
/* Whether the signature (base64url) is that of the key with this id. An unknown id is false. */
bool keys_verify(struct keys *keys, struct str id, struct str text, struct str signature);

/* The public halves as a JWKS document. */
struct json *keys_jwks(struct keys *keys, struct arena *arena);
