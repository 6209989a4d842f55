/* flow.h - sign-ins under way: what a client asked for, until a person has answered it
 *
 * Kept in memory for minutes, found by 256 random bits, of a bounded number: a restart ends them,
 * and whoever waits starts again. Three kinds follow each other or stand alone:
 *
 *     FLOW_PAGE    the form that authorize shows; taken once, by the person's answer
 *     FLOW_CODE    the code that the client then brings; taken once, a second time is seen
 *     FLOW_DEVICE  a device that asks again and again until a person has typed its user code
 */
#pragma once

#include "base/arena.h"

struct flows;

enum flow_kind { FLOW_PAGE = 1, FLOW_CODE, FLOW_DEVICE };

/* What is remembered. Texts live in the arena of the call that gave them. */
struct flow {
    enum flow_kind kind;
    struct str client, scope;
    struct str redirect, state, nonce, challenge; /* not for devices */
    bool form_post;                               /* the answer goes out as a form, not a query */
    struct str person;                            /* who signed in: an object id … */
    int64_t signed_us;                            /* … and when; set by flows_add or flows_decide */
    struct str family;  /* of the refresh tokens: named before there are any */
    struct str address; /* of who began it */
};

/* Owns: the caller. */
struct flows *flows_new(void);
/* For CLEANUP. */
void flows_free(struct flows **flows);

/* Units. */
#define FLOW_PAGE_S 600
#define FLOW_CODE_S 300
#define FLOW_DEVICE_S 900
#define FLOW_DEVICE_INTERVAL_S 5

/* Remembers a copy; *out_key finds it again. When there are too many the oldest goes, of the same
 * address first: whoever begins many ends his own. */
void flows_add(struct flows *flows, struct arena *arena, const struct flow *flow,
               struct str *out_key);
/* A page that still waits; false when it is not there (any more). */
bool flows_page(struct flows *flows, struct arena *arena, struct str key, struct flow *out);
/* Takes a page; only one caller gets it. */
bool flows_take_page(struct flows *flows, struct arena *arena, struct str key, struct flow *out);

enum flow_code { CODE_UNKNOWN, CODE_TAKEN_NOW, CODE_TAKEN_BEFORE };
/* Takes a code; one that was taken before is told apart, its flow is filled as well. */
enum flow_code flows_take_code(struct flows *flows, struct arena *arena, struct str key,
                               struct flow *out);

/* The user code of a device flow, as people read it: "BCDF-GHJK". "" when unknown. */
struct str flows_user_code(struct flows *flows, struct arena *arena, struct str key);
/* A device that waits for this user code, written with or without dash, in any case. */
bool flows_device(struct flows *flows, struct arena *arena, struct str user_code, struct flow *out);
/* A person's answer; person "" refuses. False when nobody waits for it (any more). */
bool flows_decide(struct flows *flows, struct str user_code, struct str person);

enum flow_poll {
    POLL_UNKNOWN,
    POLL_PENDING,
    POLL_TOO_FAST,
    POLL_EXPIRED,
    POLL_REFUSED,
    POLL_GRANTED
};
/* The device asks. POLL_GRANTED is said once and fills *out; the flow is then gone. */
enum flow_poll flows_poll(struct flows *flows, struct arena *arena, struct str key,
                          struct flow *out);
