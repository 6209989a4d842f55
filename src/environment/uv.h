/* uv.h - the tool that resolves and installs Python packages, called as a program */
#pragma once

#include "environment/environment.h"

/* The program, and how it is run. */
struct uv;

/* Finds uv: tools/bin/uv next to our executable, then PATH. Lives in the arena. Errors:
 * ERROR_NOT_FOUND with the line that installs it. */
int uv_find(struct arena *arena, const struct environment_folder *data,
            const struct environment_watch *watch, struct uv **out, struct error *err);

/* The interpreter of a version such as "3.11": /usr/bin first, then PATH. Errors: ERROR_NOT_FOUND.
 */
int uv_find_python(struct arena *arena, struct str version, struct str *out, struct error *err);

/* Resolves `folder`/requirements.in (and `folder`/constraints.txt when has_constraints) into
 * `folder`/requirements.lock, with hashes. Errors: ERROR_INVALID naming what has no solution;
 * ERROR_UNAVAILABLE when no index answers; ERROR_CANCELED. */
struct uv_compile {
    struct str folder; /* absolute */
    struct str python; /* version */
    bool has_constraints;
};
int uv_compile(struct uv *uv, struct arena *arena, const struct uv_compile *what,
               struct error *err);

/* Makes the virtual environment `target` and installs exactly what the lock file says. */
struct uv_build {
    struct str target;    /* absolute; must not exist */
    struct str lock_file; /* absolute */
    struct str python;    /* interpreter */
    bool system_site;     /* packages of the interpreter can be seen */
    bool compile;         /* to bytecode, since a sandboxed job cannot keep what it compiles */
};
int uv_build(struct uv *uv, struct arena *arena, const struct uv_build *what, struct error *err);

/* What uv said, as one error for people; pure. */
int uv_explain(struct arena *arena, struct str output, struct error *err);
