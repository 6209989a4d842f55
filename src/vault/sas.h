/* sas.h - signed addresses of the blob surface, ours and those of clients (security.md 3.5)
 *
 * A signature says which account and container (or one blob) may be used, how, and until when. Its
 * text has Azure's form, so that clients append it to a URL; its key is derived from the master key
 * for each account, so one workspace's signature opens no other. A client that was given the
 * account's key of the day (account_key.h) may sign for itself, in the form of its storage library.
 */
#pragma once

#include "base/arena.h"
#include "base/error.h"

struct vault;

#define SAS_LIFE_MAX_US (24 * 3600 * US_PER_S)

struct sas {
    struct str account;
    struct str container;
    struct str blob;        /* "" : the whole container (sr=c) */
    struct str permissions; /* letters of "racwdl" in this order */
    int64_t start_us, end_us;
};

/* "sv=…&sr=c&sp=rl&st=…&se=…&spr=https&sig=…". */
struct str sas_make(struct vault *vault, struct arena *arena, const struct sas *sas);

/* Whether a raw query holds a signature at all. */
bool sas_present(struct str raw_query);

/* What a request asks for: the raw query with the signature, and the time. */
struct sas_ask {
    struct str query;
    int64_t now_us;
    struct str account, container, blob;
    struct str host; /* "localhost:10443", as the request names us */
};
/* Checks a signature; *out is filled: out->blob is empty for sr=c. Errors: ERROR_INVALID for a
 * repeated or malformed parameter, ERROR_NOT_IMPLEMENTED for parameters that narrow it in ways we
 * do not build, ERROR_FORBIDDEN for a signature that does not fit, not yet or no longer valid. */
int sas_check(struct vault *vault, struct arena *arena, const struct sas_ask *ask, struct sas *out,
              struct error *err);
