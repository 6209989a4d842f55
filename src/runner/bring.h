/* bring.h - code and inputs from the blob surface into the run folder */
#pragma once

#include "runner/remote.h"

struct bring_count {
    int64_t bytes, files;
};

/* Brings the code into work/ and every input into inputs/{name}. Errors name the input. */
int bring_all(struct attempt *attempt, struct remote *remote, struct bring_count *out,
              struct error *err);

/* The path an input has for the command: of its file, of its folder, or the URI (mode direct); a
 * literal's text. "" when there is no such input. */
struct str bring_value(const struct attempt *attempt, struct str name);

/* Opens the folder of one input. */
int bring_open(const struct attempt *attempt, struct str name, struct error *err);
