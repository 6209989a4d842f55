/* identity_private.h - what an identity holds; only src/identity includes this */
#pragma once

#include "identity/token.h"
#include "route/route.h"
#include "store/store.h"

#include <pthread.h>
#include <stdatomic.h>

struct pool;
struct limit;
struct passwords;
struct accesses;

/* A workspace in the words of a path, kept so that the loop need not ask the store. */
#define SCOPE_CACHE 16
struct scope_words {
    int64_t scope;
    int64_t read_us;
    struct str subscription, group, name;
    struct arena *texts; /* of a slot of the cache: what the three point into */
};

#define ATTEMPT_CACHE 64
struct attempt_answer {
    int64_t scope;
    char run[256];
    int attempt;
    int64_t asked_us;
    bool alive;
};

/* Whose a loopback connection is: asked once, since a socket does not change hands. */
#define PEER_CACHE 512
struct peer_answer {
    uint64_t connection;
    uid_t user;
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
    uid_t owner; /* of the data folder */
    bool anonymous;
    int64_t default_scope;
    struct str domain, audience, tenant, admin_id;
    _Atomic int64_t admin_epoch_us;
    struct host_list *_Atomic hosts;
    int (*ask_attempt)(int64_t scope, struct str run, int attempt, void *context);
    void *ask_attempt_context;
    int (*check_sas)(struct call *call, struct caller *out, void *context, struct error *err);
    void *check_sas_context;
    struct limit *limit;
    struct passwords *passwords;
    struct accesses *accesses;
    _Atomic uint64_t generation; /* of principals, credentials, roles and grants */
    pthread_mutex_t lock;        /* the caches, and waiting for the keys' maker */
    pthread_cond_t made;
    bool making;
    struct scope_words scopes[SCOPE_CACHE];
    struct attempt_answer attempts[ATTEMPT_CACHE];
    struct peer_answer peers[PEER_CACHE];
};

/* access.c: the snapshots of who may what, empty at first; freed when nobody holds one. */
struct accesses *accesses_new(void);
void accesses_free(struct accesses **accesses);

/* identity.c: the `iss` of every token: our first name and the tenant. */
struct str identity_issuer(struct identity *identity, struct arena *arena);
/* Waits for a maker of keys under way; not for the IO thread. */
void identity_wait_keys(struct identity *identity);

/* guard.c: what is not allowed across workspaces looks like what is not there. Always -1. */
int guard_nothing_here(struct error *err);
/* guard_cache.c: the words of a workspace, by its number. Errors: ERROR_NOT_FOUND, or why the store
 * cannot say. guard_scope_cached never asks the store: false when it would have to. */
int guard_scope_words(struct identity *identity, struct arena *arena, int64_t scope,
                      struct scope_words *out, struct error *err);
bool guard_scope_cached(struct identity *identity, struct arena *arena, int64_t scope,
                        struct scope_words *out);
/* What the caches hold on to; with the identity. */
void guard_cache_free(struct identity *identity);
/* Whether the attempt of a token still runs; -1 when that cannot be told: by the store, or without
 * asking it, with `cached_only`. */
int guard_attempt_alive(struct identity *identity, const struct token *token, bool cached_only);
/* The user at the other end of a loopback connection. Errors: those of peer_user. */
struct http_peer;
int guard_peer_user(struct identity *identity, const struct http_peer *peer, uid_t *out,
                    struct error *err);
