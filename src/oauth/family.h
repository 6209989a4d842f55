/* family.h - refresh tokens: each good once, all of one sign-in a family
 *
 * Kept as SHA-256 in the table refresh_token. Using one gives the next; using one a second time
 * means that two hold it, and then the whole family is gone and the person signs in again.
 */
#pragma once

#include "store/store.h"

struct family {
    struct str name;   /* a GUID */
    struct str person; /* an object id */
    struct str client;
    struct str scope;  /* of the last request, for a refresh that names none */
    int64_t issued_us; /* of the token that was used: compared with the person's epoch */
};

/* A token as a client brings it. */
struct family_key {
    struct str token;
    struct str client; /* who brings it: another's token is none */
};

/* A new token of a family. The text is given once. */
int family_issue(struct store *store, struct arena *arena, const struct family *family,
                 struct str *out_token, struct error *err);

/* Looks a token up without using it. Errors: ERROR_INVALID with target "invalid_grant" for one that
 * is unknown, expired or of another client; one that was used before ends its family. */
int family_find(struct store *store, struct arena *arena, const struct family_key *key,
                struct family *out, struct error *err);

/* Uses the token up and gives the next in its place, both or neither. Errors: as family_find. */
int family_rotate(struct store *store, struct arena *arena, const struct family *family,
                  struct str *io_token, struct error *err);

/* No token of it is good any more. */
int family_end(struct store *store, struct str name, struct error *err);
