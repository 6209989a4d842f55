/* guard_cache.c - what the guard learned in the last 5 s, so that the IO thread need not ask a
 * disk. */
#include "identity/identity_private.h"

#include "identity/peer.h"
#include "os/clock.h"
#include "store/scope.h"

#include <assert.h>
#include <string.h>

#define CACHE_US (5 * US_PER_S)

/* A slot for this scope: its own, a free one, or the oldest. Under the lock. */
static struct scope_words *scope_slot(struct identity *identity, int64_t scope)
{
    struct scope_words *oldest = &identity->scopes[0];

    assert(scope > 0);
    for (size_t i = 0; i < SCOPE_CACHE; i++) {
        struct scope_words *slot = &identity->scopes[i];
        if (slot->scope == scope)
            return slot;
        if (slot->read_us < oldest->read_us)
            oldest = slot;
    }
    return oldest;
}

/* Copies out under the lock, since another thread may reuse the slot at any time. */
bool guard_scope_cached(struct identity *identity, struct arena *arena, int64_t scope,
                        struct scope_words *out)
{
    assert(identity && out);
    if (scope <= 0)
        return false;
    pthread_mutex_lock(&identity->lock);
    const struct scope_words *slot = scope_slot(identity, scope);
    bool found = slot->scope == scope;
    if (found)
        *out = (struct scope_words){.scope = scope,
                                    .subscription = arena_str(arena, slot->subscription),
                                    .group = arena_str(arena, slot->group),
                                    .name = arena_str(arena, slot->name)};
    pthread_mutex_unlock(&identity->lock);
    return found;
}

/* Each slot has its own memory: where more workspaces are asked for than there are slots, the words
 * of those pushed out would otherwise pile up for as long as the server runs. */
static void scope_keep(struct identity *identity, const struct scope *scope)
{
    struct arena *texts = arena_new(4 * KIB);

    assert(scope->number > 0);
    pthread_mutex_lock(&identity->lock);
    struct scope_words *slot = scope_slot(identity, scope->number);
    arena_free(&slot->texts);
    *slot = (struct scope_words){.scope = scope->number,
                                 .read_us = clock_mono_us(),
                                 .subscription = arena_str(texts, scope->subscription),
                                 .group = arena_str(texts, scope->group),
                                 .name = arena_str(texts, scope->name),
                                 .texts = texts};
    pthread_mutex_unlock(&identity->lock);
}

/* Nobody asks any more. */
void guard_cache_free(struct identity *identity)
{
    assert(identity);
    for (size_t i = 0; i < SCOPE_CACHE; i++)
        arena_free(&identity->scopes[i].texts);
}

/* A workspace's number is never given to another, and its names do not change, so what was read
 * once stays right; that it was deleted is for the handler to find. A store that fails is no
 * workspace that is gone: who hears "not found" may make it anew. */
int guard_scope_words(struct identity *identity, struct arena *arena, int64_t scope,
                      struct scope_words *out, struct error *err)
{
    struct scope found;

    struct error why = {0};

    if (guard_scope_cached(identity, arena, scope, out))
        return 0;
    if (scope <= 0 || !identity->store)
        return guard_nothing_here(err);
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(identity->store, err);
    if (!txn)
        return -1;
    if (scope_by_number(txn, scope, &found, &why) < 0)
        return why.code == ERROR_NOT_FOUND ? guard_nothing_here(err) : error_pass(err, &why);
    scope_keep(identity, &found);
    *out = (struct scope_words){.scope = scope,
                                .subscription = arena_str(arena, found.subscription),
                                .group = arena_str(arena, found.group),
                                .name = arena_str(arena, found.name)};
    return 0;
}

/* A fixed slot for each attempt: two that share one push each other out, and are asked again. */
static struct attempt_answer *attempt_slot(struct identity *identity, const struct token *token)
{
    size_t at = 0;

    assert(token->run.len > 0);
    for (size_t i = 0; i < token->run.len; i++)
        at = at * 31 + (unsigned char)token->run.ptr[i];
    return &identity
                ->attempts[(at + (size_t)token->attempt + (size_t)token->scope) % ATTEMPT_CACHE];
}

/* The question may take a transaction, so it is asked without the lock; two threads that ask at
 * once both get the truth. */
int guard_attempt_alive(struct identity *identity, const struct token *token, bool cached_only)
{
    int64_t now_us = clock_mono_us();
    int answer = -1;

    assert(identity && token);
    if (!identity->ask_attempt || token->run.len >= sizeof(identity->attempts[0].run))
        return 0;
    pthread_mutex_lock(&identity->lock);
    struct attempt_answer *slot = attempt_slot(identity, token);
    if (slot->scope == token->scope && slot->attempt == token->attempt &&
        str_eq(str_from(slot->run), token->run) && now_us - slot->asked_us < CACHE_US)
        answer = slot->alive;
    pthread_mutex_unlock(&identity->lock);
    if (answer >= 0 || cached_only)
        return answer;
    int alive = identity->ask_attempt(token->scope, token->run, token->attempt,
                                      identity->ask_attempt_context);
    if (alive < 0)
        return -1;
    pthread_mutex_lock(&identity->lock);
    *slot = (struct attempt_answer){
        .scope = token->scope, .attempt = token->attempt, .asked_us = now_us, .alive = alive};
    memcpy(slot->run, token->run.ptr, token->run.len);
    pthread_mutex_unlock(&identity->lock);
    return alive;
}

/* A connection's number is never given again, so an answer holds as long as the connection. Number
 * 0 (a test's) is asked each time. */
int guard_peer_user(struct identity *identity, const struct http_peer *peer, uid_t *out,
                    struct error *err)
{
    struct peer_answer *slot = &identity->peers[peer->number % PEER_CACHE];
    bool known;
    uid_t user;

    assert(!peer->unix_socket); /* there the kernel says it with the connection */
    pthread_mutex_lock(&identity->lock);
    known = peer->number > 0 && slot->connection == peer->number;
    user = slot->user;
    pthread_mutex_unlock(&identity->lock);
    if (!known) {
        if (peer_user(&peer->local, &peer->remote, &user, err) < 0)
            return -1;
        pthread_mutex_lock(&identity->lock);
        *slot = (struct peer_answer){.connection = peer->number, .user = user};
        pthread_mutex_unlock(&identity->lock);
    }
    *out = user;
    return 0;
}
