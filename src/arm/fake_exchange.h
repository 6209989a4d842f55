/* fake_exchange.h - for unit tests: requests without a network
 *
 * fake_exchange_test.c stands in for http/'s exchange: a test links it before http and drives the
 * real handlers through a real router and a store of its own, and waits for those that answer from
 * a completion. It knows no guard; the caller is given.
 */
#pragma once

#include "base/json.h"
#include "route/route.h"

struct fake;

/* Owns: the caller. Tables live as long as it. */
struct fake *fake_new(const struct route_table *tables, size_t count);
void fake_free(struct fake **fake);

/* Who asks from now on; an admin at first. */
void fake_caller(struct fake *fake, const struct caller *caller);
/* A header that every further request carries; value NULL takes it back. */
void fake_header(struct fake *fake, const char *name, const char *value);
/* Requests come by TLS (the default), plain TCP or the Unix socket. */
void fake_listener(struct fake *fake, enum route_listener listener);

/* One request and its reply; valid until the next. `target` is a path with its query. */
struct fake_reply {
    int status;
    struct str body;
    struct json *json; /* the body when it is JSON */
    int64_t length;    /* as a HEAD tells it */
};
struct fake_reply fake_send(struct fake *fake, const char *method, const char *target,
                            struct str body);
/* The same with a JSON body. */
struct fake_reply fake_json(struct fake *fake, const char *method, const char *target,
                            const char *body);
/* A header of the last reply, "" when it has none. */
struct str fake_reply_header(struct fake *fake, const char *name);
