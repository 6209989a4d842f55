/* routes.c - the tree of endpoints, deployments and replicas
 *
 * New routes are taken over by marking: everything is unwanted, what the list names is wanted again
 * and keeps its state (who is ready, who is busy), the rest leaves. What leaves while requests use
 * it moves to the lists of the leaving; routes_sweep frees it when the last one is done.
 */
#include "gateway/routes.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Wider than what plan.c of endpoint/ lets through: these only keep arithmetic from overflowing. */
#define WAIT_MS_MAX 600000
#define TIMEOUT_MS_MAX 3600000
#define CONCURRENCY_MAX 10000

/* An empty tree. */
void routes_init(struct gateway_routes *routes)
{
    *routes = (struct gateway_routes){0};
    pthread_mutex_init(&routes->lock, NULL);
    list_init(&routes->endpoints);
    list_init(&routes->leaving);
    list_init(&routes->leaving_replicas);
}

/* Its process, if we started one, goes on; only our handle ends. */
static void replica_free(struct gateway_replica *replica)
{
    assert(replica->running == 0 && replica->pins == 0);
    list_remove(&replica->node);
    if (replica->child.pidfd >= 0)
        process_close(&replica->child);
    free(replica);
}

/* Its replicas went to the leaving ones before. */
static void deployment_free(struct gateway_deployment *deployment)
{
    assert(deployment->users == 0 && list_empty(&deployment->replicas));
    list_remove(&deployment->node);
    free(deployment);
}

/* --- Checking what serve sent --------------------------------------------------------------------
 */

/* A small number at `key`, within its bounds. */
static int check_number(const struct json *object, const char *key, int64_t low, int64_t high,
                        struct error *err)
{
    int64_t number = json_int_at(object, key, low - 1);

    assert(low <= high);
    if (number < low || number > high)
        return error_set(err, ERROR_INVALID, key, "'%s' must be %lld to %lld.", key, (long long)low,
                         (long long)high);
    return 0;
}

/* Replica names become paths, so nothing but the form we give them is taken. */
static int check_replica(const struct json *value, struct error *err)
{
    struct str name = json_as_str(value);
    bool right = name.len == 9 && name.ptr[0] == 'd';

    for (size_t i = 1; right && i < name.len; i++)
        right = strchr("0123456789abcdef", name.ptr[i]) != NULL;
    if (!right)
        return error_set(err, ERROR_INVALID, "replicas", "A replica is named d and 8 hex digits.");
    return 0;
}

/* The bound is that of the name's array in the tree. */
static int check_name(const struct json *object, struct error *err)
{
    struct str name = json_str_at(object, "name");

    if (!name.len || name.len > 63)
        return error_set(err, ERROR_INVALID, "name", "A name of 1 to 63 bytes is required.");
    return 0;
}

/* Numbers first: a deployment of 0 requests at once would hold every request for ever. */
static int check_deployment(const struct json *value, struct error *err)
{
    struct json_iter it = json_iter(json_at(value, "replicas"));

    if (check_name(value, err) < 0 || check_number(value, "weight", 0, 100, err) < 0 ||
        check_number(value, "concurrency", 1, CONCURRENCY_MAX, err) < 0 ||
        check_number(value, "queue", 0, CONCURRENCY_MAX, err) < 0 ||
        check_number(value, "queueWaitMs", 0, WAIT_MS_MAX, err) < 0 ||
        check_number(value, "timeoutMs", 1, TIMEOUT_MS_MAX, err) < 0)
        return -1;
    while (json_next(&it))
        if (check_replica(it.value, err) < 0)
            return -1;
    return 0;
}

/* Lower-case hex of exactly `size` bytes; -1 for anything else. */
static int hex_read(struct str text, unsigned char *out, size_t size)
{
    static const char DIGITS[] = "0123456789abcdef";

    if (text.len != size * 2)
        return -1;
    for (size_t i = 0; i < text.len; i++) {
        const char *digit = memchr(DIGITS, text.ptr[i], 16);
        if (!digit)
            return -1;
        out[i / 2] = (unsigned char)((i % 2 ? out[i / 2] << 4 : 0) | (digit - DIGITS));
    }
    return 0;
}

/* No keys are fine: nobody is let in then. */
static int check_endpoint(const struct json *value, struct error *err)
{
    struct json_iter keys = json_iter(json_at(value, "keys"));
    struct json_iter deployments = json_iter(json_at(value, "deployments"));
    unsigned char hash[ROUTES_HASH_BYTES];

    if (check_name(value, err) < 0)
        return -1;
    if (json_count(json_at(value, "keys")) > ROUTES_KEYS_MAX)
        return error_set(err, ERROR_INVALID, "keys", "An endpoint has at most %d keys.",
                         ROUTES_KEYS_MAX);
    while (json_next(&keys))
        if (hex_read(json_as_str(keys.value), hash, sizeof(hash)) < 0)
            return error_set(err, ERROR_INVALID, "keys", "A key is given as its SHA-256 in hex.");
    while (json_next(&deployments))
        if (check_deployment(deployments.value, err) < 0)
            return -1;
    return 0;
}

/* --- Taking it over: find or make each, then drop what was not named -----------------------------
 */

/* Names were checked to fit. */
static void name_set(char *out, size_t size, struct str name)
{
    assert(name.len < size);
    memcpy(out, name.ptr, name.len);
    out[name.len] = 0;
}

/* A replica that is known keeps what is known of it; a new one is not ready before it answered. */
static void apply_replica(struct gateway_deployment *deployment, struct str name)
{
    struct gateway_replica *replica;

    assert(name.len == 9);
    ROUTES_EACH(struct gateway_replica, replica, &deployment->replicas)
    if (str_eq(str_from(replica->name), name)) {
        replica->wanted = true;
        return;
    }
    replica = calloc(1, sizeof(*replica));
    if (!replica)
        abort();
    name_set(replica->name, sizeof(replica->name), name);
    replica->wanted = true;
    replica->child.pidfd = -1;
    snprintf(replica->socket, sizeof(replica->socket), "runs/%s/r.sock", replica->name);
    list_init(&replica->node);
    list_push(&deployment->replicas, &replica->node);
}

/* Finds the deployment or adds one at the end. */
static struct gateway_deployment *deployment_make(struct gateway_endpoint *endpoint,
                                                  struct str name)
{
    struct gateway_deployment *deployment = routes_named(endpoint, name);

    assert(name.len > 0);
    if (deployment)
        return deployment;
    deployment = calloc(1, sizeof(*deployment));
    if (!deployment)
        abort();
    name_set(deployment->name, sizeof(deployment->name), name);
    list_init(&deployment->node);
    list_init(&deployment->replicas);
    list_init(&deployment->waiting);
    list_push(&endpoint->deployments, &deployment->node);
    return deployment;
}

/* New limits hold for requests from now on; those that wait keep the deadline they were given. */
static void apply_deployment(struct gateway_endpoint *endpoint, const struct json *value)
{
    struct gateway_deployment *deployment = deployment_make(endpoint, json_str_at(value, "name"));
    struct json_iter it = json_iter(json_at(value, "replicas"));

    assert(json_int_at(value, "concurrency", 0) > 0 && json_int_at(value, "timeoutMs", 0) > 0);
    deployment->wanted = true;
    deployment->weight = (int)json_int_at(value, "weight", 0);
    deployment->concurrency = (unsigned)json_int_at(value, "concurrency", 1);
    deployment->waiting_max = (unsigned)json_int_at(value, "queue", 0);
    deployment->wait_us = json_int_at(value, "queueWaitMs", 0) * US_PER_MS;
    deployment->timeout_ms = (int)json_int_at(value, "timeoutMs", 1);
    while (json_next(&it))
        apply_replica(deployment, json_as_str(it.value));
}

/* Keys are replaced whole, so one that was taken away is gone with this call. */
static void apply_endpoint(struct gateway_routes *routes, const struct json *value)
{
    struct str name = json_str_at(value, "name");
    struct gateway_endpoint *endpoint = routes_endpoint(routes, name);
    struct json_iter keys = json_iter(json_at(value, "keys"));
    struct json_iter deployments = json_iter(json_at(value, "deployments"));

    if (!endpoint) {
        endpoint = calloc(1, sizeof(*endpoint));
        if (!endpoint)
            abort();
        name_set(endpoint->name, sizeof(endpoint->name), name);
        list_init(&endpoint->node);
        list_init(&endpoint->deployments);
        list_push(&routes->endpoints, &endpoint->node);
    }
    endpoint->wanted = true;
    endpoint->key_count = 0;
    while (json_next(&keys)) {
        assert(endpoint->key_count < ROUTES_KEYS_MAX); /* check_endpoint counted them */
        hex_read(json_as_str(keys.value), endpoint->keys[endpoint->key_count++], ROUTES_HASH_BYTES);
    }
    while (json_next(&deployments))
        apply_deployment(endpoint, deployments.value);
}

/* The first half of marking. The lock is held, as for all of this section. */
static void routes_unwant(struct gateway_routes *routes)
{
    struct gateway_endpoint *endpoint;
    struct gateway_deployment *deployment;
    struct gateway_replica *replica;

    ROUTES_EACH(struct gateway_endpoint, endpoint, &routes->endpoints)
    {
        endpoint->wanted = false;
        ROUTES_EACH(struct gateway_deployment, deployment, &endpoint->deployments)
        {
            deployment->wanted = false;
            ROUTES_EACH(struct gateway_replica, replica, &deployment->replicas)
            replica->wanted = false;
        }
    }
}

/* Takes a deployment's unwanted replicas out of the tree; all of them when it goes itself. */
static void drop_replicas(struct gateway_routes *routes, struct gateway_deployment *deployment)
{
    struct gateway_replica *replica;

    assert(routes);
    ROUTES_EACH(struct gateway_replica, replica, &deployment->replicas)
    if (!replica->wanted || !deployment->wanted) {
        replica->wanted = replica->ready = false;
        list_remove(&replica->node);
        list_push(&routes->leaving_replicas, &replica->node);
    }
}

/* The second half: what nobody named goes. Nobody can find it any more, requests may still hold it.
 */
static void routes_drop(struct gateway_routes *routes)
{
    struct gateway_endpoint *endpoint;
    struct gateway_deployment *deployment;

    ROUTES_EACH(struct gateway_endpoint, endpoint, &routes->endpoints)
    {
        ROUTES_EACH(struct gateway_deployment, deployment, &endpoint->deployments)
        {
            drop_replicas(routes, deployment);
            if (!deployment->wanted) {
                list_remove(&deployment->node);
                list_push(&routes->leaving, &deployment->node);
            }
        }
        /* Requests hold deployments, never endpoints: those can go at once. */
        if (!endpoint->wanted) {
            assert(list_empty(&endpoint->deployments));
            list_remove(&endpoint->node);
            free(endpoint);
        }
    }
}

/* Called whenever a request or a look has ended. */
void routes_sweep(struct gateway_routes *routes)
{
    struct gateway_deployment *deployment;
    struct gateway_replica *replica;

    ROUTES_EACH(struct gateway_replica, replica, &routes->leaving_replicas)
    if (replica->running == 0 && replica->pins == 0)
        replica_free(replica);
    ROUTES_EACH(struct gateway_deployment, deployment, &routes->leaving)
    if (deployment->users == 0)
        deployment_free(deployment);
}

/* Everything before anything: half a list is never in force. */
int routes_check(const struct json *wanted, struct error *err)
{
    const struct json *endpoints = json_at(wanted, "endpoints");
    struct json_iter it = json_iter(endpoints);

    if (json_kind(endpoints) != JSON_ARRAY)
        return error_set(err, ERROR_INVALID, "endpoints", "A list of endpoints is required.");
    while (json_next(&it))
        if (check_endpoint(it.value, err) < 0)
            return -1;
    return 0;
}

/* Checked as a whole before the lock: half a table would send requests astray. What is no longer
 * wanted leaves when its last request has ended. */
int routes_apply(struct gateway_routes *routes, const struct json *wanted, struct error *err)
{
    struct json_iter it = json_iter(json_at(wanted, "endpoints"));

    if (routes_check(wanted, err) < 0)
        return -1;
    pthread_mutex_lock(&routes->lock);
    routes_unwant(routes);
    while (json_next(&it))
        apply_endpoint(routes, it.value);
    routes_drop(routes);
    routes_sweep(routes);
    pthread_mutex_unlock(&routes->lock);
    return 0;
}

/* By the same way as a table that wants nothing, so that there is one way out for a replica. */
void routes_free(struct gateway_routes *routes)
{
    pthread_mutex_lock(&routes->lock);
    routes_unwant(routes);
    routes_drop(routes);
    routes_sweep(routes);
    assert(list_empty(&routes->leaving) && list_empty(&routes->leaving_replicas));
    pthread_mutex_unlock(&routes->lock);
    pthread_mutex_destroy(&routes->lock);
}

/* --- Asking --------------------------------------------------------------------------------------
 */

/* With the lock held, as are all from here on: what is given may go with the next table. */
struct gateway_endpoint *routes_endpoint(const struct gateway_routes *routes, struct str name)
{
    struct gateway_endpoint *endpoint;

    ROUTES_EACH(struct gateway_endpoint, endpoint, &routes->endpoints)
    if (str_eq_fold(str_from(endpoint->name), name))
        return endpoint;
    return NULL;
}

/* Hashes, so that no key lies in this process's memory. */
bool routes_key_fits(const struct gateway_endpoint *endpoint, struct str key)
{
    unsigned char hash[SHA256_DIGEST_LENGTH];
    int fits = 0;

    assert(endpoint->key_count <= ROUTES_KEYS_MAX);
    SHA256((const unsigned char *)(key.ptr ? key.ptr : ""), key.len, hash);
    /* All are compared, so that time does not tell which one is close. */
    for (size_t i = 0; i < endpoint->key_count; i++)
        fits |= CRYPTO_memcmp(hash, endpoint->keys[i], sizeof(hash)) == 0;
    return fits;
}

/* For the header that chooses a deployment by its name, past all weights. */
struct gateway_deployment *routes_named(const struct gateway_endpoint *endpoint, struct str name)
{
    struct gateway_deployment *deployment;

    ROUTES_EACH(struct gateway_deployment, deployment, &endpoint->deployments)
    if (str_eq_fold(str_from(deployment->name), name))
        return deployment;
    return NULL;
}

/* NULL when no traffic is given to any: the endpoint then answers so. */
struct gateway_deployment *routes_by_weight(const struct gateway_endpoint *endpoint,
                                            uint64_t chance)
{
    struct gateway_deployment *deployment;
    uint64_t total = 0;

    ROUTES_EACH(struct gateway_deployment, deployment, &endpoint->deployments)
    total += (uint64_t)deployment->weight;
    if (total == 0)
        return NULL;
    /* `chance` is 64 bits wide and weights sum up to hundreds: the bias of % does not show. */
    chance %= total;
    ROUTES_EACH(struct gateway_deployment, deployment, &endpoint->deployments)
    {
        if (chance < (uint64_t)deployment->weight)
            return deployment;
        chance -= (uint64_t)deployment->weight;
    }
    return NULL;
}

/* The least busy one. `out_any` tells "all are busy", for which one waits, from "none is ready". */
struct gateway_replica *routes_pick(const struct gateway_deployment *deployment,
                                    const struct gateway_replica *except, bool *out_any)
{
    struct gateway_replica *replica, *best = NULL;
    bool any = false;

    ROUTES_EACH(struct gateway_replica, replica, &deployment->replicas)
    {
        if (!replica->ready || replica == except)
            continue;
        any = true;
        if (replica->running < deployment->concurrency &&
            (!best || replica->running < best->running))
            best = replica;
    }
    *out_any = any;
    return best;
}

/* --- Telling -------------------------------------------------------------------------------------
 */

/* Figures since the start of the gateway, for metrics and for rollouts that wait for a drain. */
static struct json *status_deployment(struct arena *arena,
                                      const struct gateway_deployment *deployment)
{
    struct json *value = json_object(arena), *replicas = json_array(arena);
    struct gateway_replica *replica;

    json_set_str(arena, value, "name", str_from(deployment->name));
    json_set_int(arena, value, "weight", deployment->weight);
    json_set_int(arena, value, "waiting", deployment->waiting_count);
    json_set_int(arena, value, "answered", (int64_t)deployment->answered);
    json_set_int(arena, value, "failed", (int64_t)deployment->failed);
    json_set_int(arena, value, "refused", (int64_t)deployment->refused);
    ROUTES_EACH(struct gateway_replica, replica, &deployment->replicas)
    {
        struct json *one = json_object(arena);
        json_set_str(arena, one, "name", str_from(replica->name));
        json_set_bool(arena, one, "ready", replica->ready);
        json_set_int(arena, one, "running", replica->running);
        json_set_int(arena, one, "restarts", replica->restarts);
        json_append(arena, replicas, one);
    }
    json_set(arena, value, STR("replicas"), replicas);
    return value;
}

/* A picture of one moment: the lock is held over all of it. */
struct json *routes_status(struct gateway_routes *routes, struct arena *arena)
{
    struct json *all = json_array(arena);
    struct gateway_endpoint *endpoint;
    struct gateway_deployment *deployment;

    pthread_mutex_lock(&routes->lock);
    ROUTES_EACH(struct gateway_endpoint, endpoint, &routes->endpoints)
    {
        struct json *value = json_object(arena), *deployments = json_array(arena);
        json_set_str(arena, value, "name", str_from(endpoint->name));
        json_set_int(arena, value, "fallbacks", (int64_t)endpoint->fallbacks);
        ROUTES_EACH(struct gateway_deployment, deployment, &endpoint->deployments)
        json_append(arena, deployments, status_deployment(arena, deployment));
        json_set(arena, value, STR("deployments"), deployments);
        json_append(arena, all, value);
    }
    pthread_mutex_unlock(&routes->lock);
    return all;
}
