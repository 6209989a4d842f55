/* sas.h - signed addresses of the blob surface, ours and those of clients (security.md 3.5)
 *
 * A signature says which account, container, folder or blob may be used, how, and until when. Its
 * text has Azure's form, so that clients append it to a URL; the key of ours is derived from the
 * master key for each account, so one workspace's signature opens no other. A client that was given
 * the account's key of the day (account_key.h) or a delegation key may sign for itself, in the form
 * of its storage library.
 */
#pragma once

#include "base/arena.h"
#include "base/error.h"

struct vault;

#define SAS_LIFE_MAX_US (24 * 3600 * US_PER_S)

struct sas {
    struct str account;
    struct str container;   /* "": every container of the account */
    struct str blob;        /* exactly this one (sr=b); "": not bound to one */
    struct str folder;      /* what lies in this folder (sr=d) */
    struct str permissions; /* letters of sp */
    int64_t start_us, end_us;
    struct str delegator; /* object id of who lent their rights by a delegation key; "": nobody */
};

/* "sv=…&sr=c&sp=rl&st=…&se=…&spr=https&sig=…", for a container or one blob. */
struct str sas_make(struct vault *vault, struct arena *arena, const struct sas *sas);

/* Whether a raw query holds a signature at all. */
bool sas_present(struct str raw_query);

/* What a request asks for: the raw query with the signature, and the time. */
struct sas_ask {
    struct str query;
    int64_t now_us;
    struct str account, container, blob; /* "": the level above */
    struct str host;                     /* "localhost:10443", as the request names us */
    struct str first;  /* first piece of the path, for clients that take it for the account */
    struct str remote; /* address of the client; "": it came by the Unix socket */
};
/* Checks a signature and fills *out. An error's target is Azure's code for it. Errors:
 * ERROR_INVALID for a repeated or malformed parameter, ERROR_NOT_IMPLEMENTED for parameters that
 * narrow it in ways we do not build, ERROR_FORBIDDEN for a signature that does not fit, not yet or
 * no longer valid, or for another service, address or kind of resource. */
int sas_check(struct vault *vault, struct arena *arena, const struct sas_ask *ask, struct sas *out,
              struct error *err);
