/* wish.h - what a scope or a resource asks for: the audience of the token
 *
 * `aud` is the scope without its final "/.default", byte for byte: azure-ai-ml decodes the token
 * and compares, and "https://ml.azure.com//.default" must give "https://ml.azure.com/".
 */
#pragma once

#include "base/arena.h"

/* The text of a form or a flow, and what it comes to. */
struct wish {
    struct str scope;    /* as it was sent */
    struct str audience; /* "" when only OpenID's own scopes were named */
};

/* Reads a list of scopes: OpenID's own (openid, profile, offline_access, email) and those of one
 * audience. Which audiences are taken is not looked at. Errors: ERROR_INVALID with target
 * "invalid_scope". The audience points into `scope`. */
int wish_read(struct str scope, struct wish *out, struct error *err);
