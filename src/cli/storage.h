/* storage.h - a container of a datastore, and the signature that opens it
 *
 * The addresses and signatures are those that every storage client gets.
 */
#pragma once

#include "cli/command.h"

struct storage {
    struct str base; /* https://…/container */
    struct str sas;  /* the query that signs, without its question mark; "": one of this server,
                      * opened by who we are */
};

/* Asks the server for a signature of an hour. Errors: ERROR_NOT_FOUND, and ERROR_NOT_IMPLEMENTED
 * for a datastore that holds no blobs. */
int storage_open(struct cli *cli, struct str datastore, struct storage *out, struct error *err);

/* An asset of a registry, whose content lies in a container of its own. */
struct storage_asset {
    const char *type; /* "models" */
    struct str name, version;
    struct str uri; /* where it is, for reading; "" when it is about to be sent */
};

/* Asks the registry of the session for a container to send the asset's content to, or to read what
 * it has: then *out_prefix is the path of the content in it. out_prefix may be NULL for sending. */
int storage_open_registry(struct cli *cli, const struct storage_asset *asset, struct storage *out,
                          struct str *out_prefix, struct error *err);

/* The signed address of one blob; `more` is put before the signature: "comp=block&". */
struct str storage_url(struct arena *arena, const struct storage *storage, struct str path,
                       const char *more);
