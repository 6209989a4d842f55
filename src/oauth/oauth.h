/* oauth.h - the token service's addresses: metadata and keys today, tokens later */
#pragma once

#include "arm/kind.h"

/* Rows below /{tenant}/: openid-configuration and keys; the token routes answer 501. */
struct route_table oauth_routes(struct engines *engines);
