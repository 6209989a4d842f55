/* space_test.h - for unit tests: a data folder with the default workspace, the built-in registry
 * and every face above them, and requests to it */
#pragma once

#include "arm/fake_exchange.h"
#include "arm/kind.h"

struct fixture {
    struct arena *arena;
    struct engines engines;
    struct scope scope; /* of the default workspace */
    struct arm *arm;
    struct fake *fake;
    int dir;
};

/* Owns: the caller. */
struct fixture *fixture_open(void);
/* For CLEANUP. */
void fixture_close(struct fixture **f);

/* Requests by whole paths. */
struct fake_reply fixture_put(struct fixture *f, const char *path, const char *body);
struct fake_reply fixture_get(struct fixture *f, const char *path);
