/* guard.h - the guard's decision, apart from sockets: what identity_guard asks and tests ask too */
#pragma once

#include "identity/identity.h"
#include "identity/token.h"

#include <pthread.h>
#include <stdatomic.h>

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

/* A workspace in the words of a path, kept so that the loop need not ask the store. */
#define SCOPE_CACHE 16
struct scope_words {
    int64_t scope;
    int64_t read_us;
    struct str subscription, group, name;
};

#define ATTEMPT_CACHE 64
struct attempt_answer {
    int64_t scope;
    char run[256];
    int attempt;
    int64_t asked_us;
    bool alive;
};

struct host_list {
    struct arena *arena;
    struct str *hosts;
    size_t count;
    struct host_list *older; /* readers may still look at it: freed with the identity */
};

struct identity {
    struct keys *keys;
    struct store *store;
    struct pool *pool;
    struct arena *arena; /* texts that live as long as this */
    int dir;
    uid_t owner;         /* of the data folder */
    bool anonymous;
    int64_t default_scope;
    struct str domain, audience, tenant, admin_id;
    _Atomic int64_t admin_epoch_us;
    struct host_list *_Atomic hosts;
    identity_attempt_alive *ask_attempt;
    void *ask_attempt_context;
    identity_check_sas *check_sas;
    void *check_sas_context;
    pthread_mutex_t lock; /* the two caches, and waiting for the keys' maker */
    pthread_cond_t made;
    bool making;
    struct scope_words scopes[SCOPE_CACHE];
    struct attempt_answer attempts[ATTEMPT_CACHE];
};

/* cache.c: the words of a workspace, by its number. False when it is not there. With `cached_only`
 * also when the store would have to be asked. */
bool guard_scope_words(struct identity *identity, struct arena *arena, int64_t scope,
                       bool cached_only, struct scope_words *out);
/* Whether the attempt of a token still runs; -1 not known without asking, with `cached_only`. */
int guard_attempt_alive(struct identity *identity, const struct token *token, bool cached_only);

/* keys/identity.json: who the tenant and the admin are, and since when tokens count. */
int identity_read_self(struct identity *identity, struct error *err);
