/* environment.h - from an environment version to a ready folder
 *
 * The server turns an environment version's properties into the `environment` of spec.json
 * (environment_describe); the runner makes the folder ready (environment_make). decisions 32, 52
 * and docs/adr: whoever runs first builds, under a file lock in envs/.
 */
#pragma once

#include "base/json.h"

/* Configuration key images.missing. */
enum images_missing { IMAGES_HOST, IMAGES_FAIL };

/* Reads `properties` of an environment version (image, condaFile, build) and writes the
 * `environment` object and notes of docs/run-folder.md. properties NULL: the host as it is.
 * Errors: ERROR_INVALID for a conda file that cannot be read, naming line and package; a conda
 * package that pip has not and no client for it, naming both; an image with IMAGES_FAIL. */
struct environment_describe {
    const struct json *properties;
    enum images_missing images_missing;
    const struct str *overlay; /* packages that scoring adds */
    size_t overlay_count;
};
int environment_describe(struct arena *arena, const struct environment_describe *what,
                         struct json **out_environment, struct json *out_notes, struct error *err);

/* The key under which an environment of spec.json is kept: hex SHA-256 of its normalized text. */
struct str environment_key(struct arena *arena, const struct json *environment);

/* How a build reports: state as in docs/run-folder.md, log lines of uv. */
struct environment_watch {
    void (*state)(const char *state, const char *reason, void *context);
    int log_fd;
    bool (*cancel)(void *context);
    void *context;
    /* bubblewrap and its options, put before each tool; what the tool may write is bound behind
     * them, then `--`. NULL: no sandbox. */
    const char *const *sandbox_prefix;
};
/* Makes the folder ready and gives its absolute path ("" for the host). Errors: ERROR_INVALID when
 * it cannot be solved, naming the package and what the index said; ERROR_UNAVAILABLE without
 * network; ERROR_NOT_FOUND for a Python that is not installed, naming it. */
struct environment_folder {
    int dir;          /* the open data folder … */
    const char *path; /* … and its absolute path */
};
/* How the making ended. `path` is empty for the host's own Python. */
struct environment_result {
    struct str path;
    struct error err;
};
int environment_make(struct arena *arena, const struct environment_folder *data,
                     const struct json *environment, const struct environment_watch *watch,
                     struct environment_result *out);
