/* spec.h - a command job's body, checked, with every reference resolved */
#pragma once

#include "job/job.h"

/* What submitting needs to know of a body that was checked. */
struct job_spec {
    struct str name;
    struct str display_name;
    struct str experiment;
    struct str pool;       /* key of the compute, lower case */
    struct json *resolved; /* what spec.json is made from; stored beside the wire body */
};

/* Reads wire properties. Opens a reader of its own. Errors name the JSON path. */
int spec_read(struct jobs *jobs, struct arena *arena, const struct job_submit *submit,
              struct job_spec *out, struct error *err);

/* The whole spec.json of one attempt: `resolved` plus names, token, variables and isolation. */
struct spec_attempt {
    const struct scope *scope;
    const struct run *run;
    struct str experiment;
    const struct json *resolved;
    int number;
    struct str token;
    int64_t token_expires_us;
};
struct json *spec_write(struct jobs *jobs, struct arena *arena, const struct spec_attempt *attempt);
