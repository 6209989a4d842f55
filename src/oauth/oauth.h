/* oauth.h - the token service: metadata, grants, and the pages where people sign in
 *
 * What unmodified azure-identity, msal and their kin speak (security.md 4.1): below /{tenant}/, our
 * own GUID or `adfs`, the name that msal asks without instance discovery. These rows are public;
 * what they give depends on what is proved in them. And the row by which what runs here asks for
 * tokens.
 */
#pragma once

#include "arm/kind.h"

struct oauth;

/* The face with its sign-ins under way. Owns: the caller; `engines` outlives it. */
struct oauth *oauth_new(struct engines *engines);
/* For CLEANUP. No request is under way any more. */
void oauth_free(struct oauth **oauth);

/* The rows; they live as long as the face. */
struct route_table oauth_routes(struct oauth *oauth);

/* Programs that people sign in with: the Azure SDK and CLI, and our own. They hold no secret. */
#define OAUTH_CLIENT_SDK "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
#define OAUTH_CLIENT_OWN "7f6d3a52-2a4e-4c0b-9f3e-5d1c8e0b64a1"
