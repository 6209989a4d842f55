/* guard.h - the guard's decision, apart from sockets: what identity_guard asks and tests ask too */
#pragma once

#include "route/route.h"

struct identity;

/* What a request says about its sender, read from the exchange. */
struct guard_ask {
    unsigned listener; /* enum route_listener: the listener's tag */
    struct http_peer peer;
    struct str method, path;
    struct str host, origin, fetch_site;
    struct str authorization;
    size_t authorization_count;
    bool signed_query; /* the query holds a signature */
};

/* Decides; fills call->caller and call->action. *out_challenge is the value for WWW-Authenticate
 * behind a 401, "" otherwise. The rest as identity_guard. */
int guard_decide(struct identity *identity, const struct guard_ask *ask, struct call *call,
                 struct str *out_challenge, struct error *err);
