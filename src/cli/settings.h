/* settings.h - what the person keeps between two runs: defaults, named profiles, tokens
 *
 * One folder, LAZURITE_CONFIG_DIR or ~/.config/lazurite, mode 0700. config.json holds sections of
 * texts ("defaults": {"group": …}) and "profiles"; tokens.json, mode 0600, a token for each server.
 * A file that is broken is an error where it is written and nothing where it is read: a wrong
 * default must not stand in the way of mending it.
 */
#pragma once

#include "cli/command.h"

/* The folder. */
struct str settings_folder(const struct cli *cli);

/* The whole of config.json; an empty object when there is none. */
struct json *settings_read(struct cli *cli);
/* Writes it back, whole. Errors: ERROR_IO, ERROR_INVALID. */
int settings_write(struct cli *cli, const struct json *config, struct error *err);

/* --profile or LAZURITE_PROFILE; "" for none. */
struct str settings_profile(const struct cli *cli);

/* "defaults" and "group": of the profile in use, else of everybody; "" when neither has it. */
struct str settings_value(struct cli *cli, const char *section, const char *key);

/* Where values are written: the whole, or the profile in use, made as needed. */
struct json *settings_place(struct cli *cli, struct json *config);

/* Where one is signed in: an address, and the authority that was named for it. */
struct settings_sign_in {
    struct str server, ca_file; /* "": none */
};
/* By the profile in use, else by the data folder: another folder is another home. */
struct settings_sign_in settings_signed_in(struct cli *cli, struct str folder);
/* Kept among the tokens, so that whoever forgets those forgets this. */
int settings_sign_in(struct cli *cli, struct str folder, const struct settings_sign_in *place,
                     struct error *err);

/* The token kept for a server ("host:port"), an object as settings_keep got it; NULL when none. */
struct json *settings_token(struct cli *cli, struct str server);
/* Keeps a token (NULL forgets it). With server "" all are forgotten. */
int settings_keep(struct cli *cli, struct str server, struct json *token, struct error *err);
