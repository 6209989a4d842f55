/* config.h - lazurite.toml: what a person may set, with a default for everything
 *
 * The file is a subset of TOML: tables, texts, whole numbers, true and false, lists of texts on one
 * line, comments. An unknown key, a wrong type and a value out of range are errors with their line.
 */
#pragma once

#include "base/arena.h"
#include "base/log.h"
#include "environment/environment.h"

#define CONFIG_FILE "lazurite.toml"
#define CONFIG_NAMES_MAX 16

struct config {
    struct str listen, plain_listen, scoring_listen; /* HOST:PORT */
    struct str names[CONFIG_NAMES_MAX]; /* more names that clients use for this server */
    size_t name_count;
    struct str domain;
    bool storage_by_host; /* storage.addresses = "host" */
    int64_t workers;
    bool anonymous;      /* auth.anonymous = "same-user" */
    bool separate_users; /* jobs.users = "separate" */
    bool allow_same_user;
    int64_t uid_first;
    int64_t job_memory_bytes; /* jobs.memory; 0: no limit */
    enum images_missing images_missing;
    enum log_level log_level;
};

/* The defaults. */
struct config config_default(void);

/* Reads a text over the defaults in *config; strs live in `arena`. Errors: ERROR_INVALID with the
 * line. */
int config_read(struct arena *arena, struct str text, struct config *config, struct error *err);

/* Reads the file of a data folder; makes it, every key documented, when it is missing. */
int config_load(struct arena *arena, int dir, struct config *config, struct error *err);

/* The text of a new file: each key with what it means and its default, commented out. */
struct str config_template(struct arena *arena);

/* "HOST:PORT" or "[v6]:PORT" apart. Errors: ERROR_INVALID with `target`. */
struct config_address {
    struct str host;
    uint16_t port;
};
int config_address_read(struct str text, const char *target, struct config_address *out,
                        struct error *err);
/* Whether a host can be reached from this machine only. */
bool config_is_loopback(struct str host);
