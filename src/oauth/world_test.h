/* world_test.h - the token service over a real listener, with one person and one program */
#pragma once

#include "base/test.h"
#include "http/client.h"
#include "identity/identity.h"
#include "identity/principal.h"
#include "oauth/oauth.h"

#define WORLD_AUDIENCE "https://localhost:10443"
#define WORLD_SCOPE WORLD_AUDIENCE "/.default"
#define WORLD_FORM "application/x-www-form-urlencoded"
#define WORLD_PASSWORD "correct horse battery"
/* A verifier and its challenge, those of RFC 7636, appendix B. */
#define WORLD_VERIFIER "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
#define WORLD_CHALLENGE "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"

struct world {
    struct arena *arena;
    struct engines engines;
    struct oauth *oauth;
    struct router *router;
    struct pool *pool;
    struct http_server *server;
    struct http_app app;
    int dir;
    struct caller caller;     /* whom the guard would have found: nobody */
    struct principal ana, ci; /* a person, a service principal … */
    struct str secret;        /* … and its secret */
};

/* The clock stands still. For CLEANUP with world_close. */
struct world *world_open(void);
/* A client secret or token of a principal, that never expires. */
struct str world_secret(struct world *w, int64_t number);
void world_close(struct world **world);

/* One answer: text and, when it is some, JSON. */
struct reply {
    int status;
    struct str text;
    struct json *body;
    struct http_response response;
};

/* What is sent; a NULL type sends none. */
struct question {
    const char *method, *target, *body, *type;
    const char *origin; /* the header; NULL: none */
};
struct reply world_send(struct world *world, const struct question *question);
/* A form to POST, printf-like; a page to GET. */
PRINTF(3, 4)
struct reply world_post(struct world *world, const char *target, const char *format, ...);
struct reply world_get(struct world *world, const char *target);

/* The value of a hidden or filled-in field of a page; "" when there is none. */
struct str world_field(struct world *world, struct str page, const char *name);
/* The claims of a token of ours. */
struct json *world_claims(struct world *world, struct str token);
/* An error of OAuth with this status and name, and a sentence. */
void world_check_error(struct reply reply, int status, const char *name);
