/* base64url.h - bytes as the letters that JSON web tokens are made of (RFC 4648, 5) */
#pragma once

#include "base/arena.h"

/* base64url without padding. Decoding: false for anything else; `out` holds text.len bytes. */
struct str base64url_encode(struct arena *arena, struct str bytes);
bool base64url_decode(struct str text, unsigned char *out, size_t *out_len);
