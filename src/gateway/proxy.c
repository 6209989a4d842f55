/* proxy.c - a scoring request's way: key, deployment, replica or queue, and back
 *
 * A request holds one place at a replica (`running`) and one use of its deployment (`users`) from
 * admission to its end, or a place in the queue instead of the former. The lock guards the counts;
 * it is never held while something is sent. A request is sent a second time only when the first
 * replica took nothing of it: models are not asked twice for one answer.
 */
#include "gateway/proxy.h"

#include "http/forward.h"
#include "http/limits.h"
#include "os/clock.h"
#include "os/random.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define ATTEMPTS_MAX 2 /* the second only when the first replica took nothing */

/* One request that passed the key check; lives in the exchange's arena. */
struct pass {
    struct list node; /* in the deployment's queue */
    struct http_exchange *ex;
    struct gateway *gateway;
    struct str endpoint; /* name in the path */
    struct str target;   /* what to ask the replica for */
    struct gateway_deployment *deployment;
    struct gateway_replica *replica;
    int64_t deadline_us; /* while it waits */
    int timeout_ms;      /* of the deployment as it was when it admitted the request */
    int attempts;
    struct str fallback; /* the deployment that was asked for and is not there */
};

/* Retry-After where trying again can help; one second, as the queue moves fast. */
void proxy_refuse(struct http_exchange *ex, int status, const char *code, const char *message)
{
    struct arena *arena = http_arena(ex);
    struct json *body = json_object(arena), *error = json_object(arena);

    assert(status >= 400);
    json_set_str(arena, error, "code", str_from(code));
    json_set_str(arena, error, "message", str_from(message));
    json_set(arena, body, STR("error"), error);
    if (status == 429 || status == 503)
        http_add_header(ex, "Retry-After", STR("1"));
    if (status == 401)
        http_add_header(ex, "WWW-Authenticate", STR("Bearer"));
    http_reply(ex, status, "application/json", json_write(arena, body));
}

/* --- The way back --------------------------------------------------------------------------------
 */

static void pass_forward(struct pass *pass);

/* Takes the next waiting request of a deployment that a replica has room for. The lock is held. */
static struct pass *queue_take(struct gateway_deployment *deployment)
{
    bool any;

    if (list_empty(&deployment->waiting))
        return NULL;
    struct gateway_replica *replica = routes_pick(deployment, NULL, &any);
    if (!replica)
        return NULL;
    struct pass *pass = CONTAINER_OF(list_pop(&deployment->waiting), struct pass, node);
    assert(deployment->waiting_count > 0);
    deployment->waiting_count--;
    replica->running++;
    pass->replica = replica;
    return pass;
}

/* Ends a request's use of the tree. The lock is held. */
static void pass_leave(struct pass *pass)
{
    assert(pass->deployment->users > 0);
    pass->deployment->users--;
    pass->deployment = NULL;
    pass->replica = NULL;
}

/* The client's answer when the replica gave none; a cut connection gets none, too. */
static void pass_refuse_end(struct http_exchange *ex, enum http_forward_end end)
{
    if (end == HTTP_FORWARD_TIMEOUT)
        proxy_refuse(ex, 408, "RequestTimeout", "The model did not answer within the time limit.");
    else if (end == HTTP_FORWARD_REFUSED)
        proxy_refuse(ex, 503, "ReplicaLost", "The replica stopped before it answered.");
}

/* Puts a request into its deployment's queue. The lock is held. */
static void queue_put(struct pass *pass)
{
    assert(list_empty(&pass->node) && pass->deployment->users > 0);
    pass->replica = NULL;
    pass->deadline_us = clock_mono_us() + pass->deployment->wait_us;
    list_push(&pass->deployment->waiting, &pass->node);
    pass->deployment->waiting_count++;
}

/* What becomes of a request that its replica did not take. */
enum again { AGAIN_NO, AGAIN_NOW, AGAIN_LATER };

/* A replica that took nothing is out until the watcher has seen it answer; the request goes to
 * another, or waits for the one that is being started again. */
static enum again pass_retry(struct pass *pass, enum http_forward_end end)
{
    bool any;

    assert(pass->deployment && pass->replica);
    if (end != HTTP_FORWARD_REFUSED)
        return AGAIN_NO;
    pass->replica->ready = false;
    pass->replica->next_probe_us = 0;
    if (pass->attempts >= ATTEMPTS_MAX)
        return AGAIN_NO;
    struct gateway_replica *other = routes_pick(pass->deployment, pass->replica, &any);
    if (other) {
        other->running++;
        pass->replica = other;
        return AGAIN_NOW;
    }
    if (!pass->deployment->wanted || pass->gateway->routes.closing ||
        pass->deployment->waiting_count >= pass->deployment->waiting_max)
        return AGAIN_NO;
    queue_put(pass);
    return AGAIN_LATER;
}

/* The end of one try. Whose place is free goes to the first that waits. */
static void pass_done(struct http_exchange *ex, enum http_forward_end end, int status,
                      void *context)
{
    struct pass *pass = context;
    struct gateway *gateway = pass->gateway;
    struct gateway_deployment *deployment = pass->deployment;

    pthread_mutex_lock(&gateway->routes.lock);
    assert(pass->replica && pass->replica->running > 0);
    pass->replica->running--;
    enum again again = pass_retry(pass, end);
    if (again == AGAIN_NO) {
        if (end == HTTP_FORWARD_DONE && status < 500)
            deployment->answered++;
        else
            deployment->failed++;
    }
    struct pass *next = queue_take(deployment);
    if (again == AGAIN_NO)
        pass_leave(pass);
    routes_sweep(&gateway->routes);
    pthread_mutex_unlock(&gateway->routes.lock);
    if (again == AGAIN_NOW)
        pass_forward(pass);
    else if (again == AGAIN_NO)
        pass_refuse_end(ex, end);
    if (next)
        pass_forward(next);
}

/* --- The way there -------------------------------------------------------------------------------
 */

/* The replica has a place for this request already; the lock is not held. */
static void pass_forward(struct pass *pass)
{
    static const char *const DROP[] = {"authorization", "cookie", "azureml-model-deployment", NULL};
    const struct http_header reply[] = {
        {STR("azureml-model-deployment"), str_from(pass->deployment->name)},
        {STR("x-lazurite-fallback"), pass->fallback},
    };

    assert(pass->replica && pass->deployment);
    pass->attempts++;
    http_forward_start(pass->ex, &(struct http_forward){
                                     .upstream.unix_path = pass->replica->socket,
                                     .target = pass->target,
                                     .drop = DROP,
                                     .reply_headers = reply,
                                     .reply_header_count = pass->fallback.len ? 2 : 1,
                                     .timeout_ms = pass->timeout_ms,
                                     .done = pass_done,
                                     .context = pass,
                                 });
}

/* What became of a request that wants a replica. */
enum admission {
    ADMIT_NOW,
    ADMIT_LATER,
    ADMIT_NOBODY,
    ADMIT_FULL,
    ADMIT_CLOSING,
    ADMIT_GONE,
    ADMIT_NO_TRAFFIC
};

/* The deployment by header, else by weight. The lock is held. */
static struct gateway_deployment *pass_choose(struct pass *pass, struct gateway_endpoint *endpoint)
{
    struct str named = http_header(pass->ex, "azureml-model-deployment");
    struct gateway_deployment *deployment = named.len ? routes_named(endpoint, named) : NULL;

    assert(endpoint);
    if (deployment)
        return deployment;
    /* As the service: a name that is not there is no error, but ours tells that it happened. */
    if (named.len) {
        endpoint->fallbacks++;
        pass->fallback = arena_printf(http_arena(pass->ex), "no deployment '%.*s'; by traffic",
                                      (int)(named.len < 64 ? named.len : 64), named.ptr);
    }
    return routes_by_weight(endpoint, random_below(UINT64_MAX));
}

/* Takes a place at a replica or in the queue. The lock is held. */
static enum admission pass_admit(struct pass *pass)
{
    struct gateway_endpoint *endpoint = routes_endpoint(&pass->gateway->routes, pass->endpoint);
    struct gateway_deployment *deployment = endpoint ? pass_choose(pass, endpoint) : NULL;
    bool any = false;

    assert(!pass->replica && !pass->deployment);
    if (!deployment)
        return endpoint ? ADMIT_NO_TRAFFIC : ADMIT_GONE;
    if (list_empty(&deployment->replicas)) {
        deployment->refused++;
        return ADMIT_NOBODY;
    }
    /* Those that wait go first; one whose replicas are all away waits for them to come back. */
    pass->replica = list_empty(&deployment->waiting) ? routes_pick(deployment, NULL, &any) : NULL;
    if (!pass->replica && deployment->waiting_count >= deployment->waiting_max) {
        deployment->refused++;
        return ADMIT_FULL;
    }
    if (!pass->replica && pass->gateway->routes.closing) {
        deployment->refused++;
        return ADMIT_CLOSING;
    }
    pass->deployment = deployment;
    pass->timeout_ms = deployment->timeout_ms;
    deployment->users++;
    if (pass->replica) {
        pass->replica->running++;
        return ADMIT_NOW;
    }
    queue_put(pass);
    return ADMIT_LATER;
}

/* Whoever tries again finds the next gateway. */
static void refuse_closing(struct http_exchange *ex)
{
    proxy_refuse(ex, 503, "Stopping", "The gateway ends; ask again.");
}

/* On the IO thread, the body whole. */
static void pass_run(struct http_exchange *ex, void *context)
{
    struct pass *pass = context;

    assert(pass->ex == ex);
    pthread_mutex_lock(&pass->gateway->routes.lock);
    enum admission admission = pass_admit(pass);
    pthread_mutex_unlock(&pass->gateway->routes.lock);
    switch (admission) {
    case ADMIT_NOW:
        pass_forward(pass);
        break;
    case ADMIT_LATER:
        break;
    case ADMIT_NOBODY:
        proxy_refuse(ex, 503, "NoReplica", "The deployment has no replicas yet.");
        break;
    case ADMIT_FULL:
        proxy_refuse(ex, 429, "TooManyRequests", "Too many requests wait for this deployment.");
        break;
    case ADMIT_CLOSING:
        refuse_closing(ex);
        break;
    case ADMIT_GONE:
        proxy_refuse(ex, 404, "NotFound", "There is no such endpoint.");
        break;
    case ADMIT_NO_TRAFFIC:
        proxy_refuse(
            ex, 404, "NoTraffic",
            "No deployment of this endpoint gets traffic; set it, or name one by the header "
            "azureml-model-deployment.");
        break;
    }
}

/* --- The queue -----------------------------------------------------------------------------------
 */

/* Moves what has waited too long (everything when `all`) to `expired`. The lock is held. */
static void queue_expire(struct gateway_deployment *deployment, int64_t now_us, bool all,
                         struct list *expired)
{
    struct pass *pass;

    ROUTES_EACH(struct pass, pass, &deployment->waiting)
    if (all || pass->deadline_us <= now_us) {
        assert(deployment->waiting_count > 0 && !pass->replica);
        list_remove(&pass->node);
        list_push(expired, &pass->node);
        deployment->waiting_count--;
        deployment->refused++;
        pass_leave(pass);
    }
}

/* The refusals are sent after the lock is let go. */
void proxy_expire(struct gateway *gateway, int64_t now_us)
{
    struct gateway_endpoint *endpoint;
    struct gateway_deployment *deployment;
    struct list expired, *node;

    assert(now_us > 0);
    list_init(&expired);
    pthread_mutex_lock(&gateway->routes.lock);
    ROUTES_EACH(struct gateway_endpoint, endpoint, &gateway->routes.endpoints)
    ROUTES_EACH(struct gateway_deployment, deployment, &endpoint->deployments)
    queue_expire(deployment, now_us, false, &expired);
    ROUTES_EACH(struct gateway_deployment, deployment, &gateway->routes.leaving)
    queue_expire(deployment, now_us, true, &expired);
    routes_sweep(&gateway->routes);
    pthread_mutex_unlock(&gateway->routes.lock);
    while ((node = list_pop(&expired)))
        proxy_refuse(CONTAINER_OF(node, struct pass, node)->ex, 503, "QueueTimeout",
                     "The request waited too long for a replica.");
}

/* Under the same lock as admission: nobody slips into a queue that was just emptied. */
void proxy_close(struct gateway *gateway)
{
    struct gateway_endpoint *endpoint;
    struct gateway_deployment *deployment;
    struct list refused, *node;

    assert(gateway);
    list_init(&refused);
    pthread_mutex_lock(&gateway->routes.lock);
    gateway->routes.closing = true;
    ROUTES_EACH(struct gateway_endpoint, endpoint, &gateway->routes.endpoints)
    ROUTES_EACH(struct gateway_deployment, deployment, &endpoint->deployments)
    queue_expire(deployment, 0, true, &refused);
    ROUTES_EACH(struct gateway_deployment, deployment, &gateway->routes.leaving)
    queue_expire(deployment, 0, true, &refused);
    routes_sweep(&gateway->routes);
    pthread_mutex_unlock(&gateway->routes.lock);
    while ((node = list_pop(&refused)))
        refuse_closing(CONTAINER_OF(node, struct pass, node)->ex);
}

/* Places are taken under the lock, requests sent without it. */
void proxy_serve_waiting(struct gateway *gateway)
{
    struct gateway_endpoint *endpoint;
    struct gateway_deployment *deployment;
    struct list taken, *node;
    struct pass *pass;

    list_init(&taken);
    pthread_mutex_lock(&gateway->routes.lock);
    ROUTES_EACH(struct gateway_endpoint, endpoint, &gateway->routes.endpoints)
    ROUTES_EACH(struct gateway_deployment, deployment, &endpoint->deployments)
    while ((pass = queue_take(deployment)))
        list_push(&taken, &pass->node);
    pthread_mutex_unlock(&gateway->routes.lock);
    while ((node = list_pop(&taken)))
        pass_forward(CONTAINER_OF(node, struct pass, node));
}

/* --- At the door ---------------------------------------------------------------------------------
 */

/* Cuts "/endpoints/{name}/{rest}" apart; `rest` without its slash. */
static bool proxy_path(struct str path, struct str *out_name, struct str *out_rest)
{
    struct str begin = STR("/endpoints/");

    if (!str_starts(path, begin))
        return false;
    struct str tail = str_slice(path, begin.len, path.len);
    if (!str_cut(tail, '/', out_name, out_rest))
        return false;
    return out_name->len > 0;
}

/* The key of "Authorization: Bearer KEY". */
static struct str proxy_key(const struct http_exchange *ex)
{
    struct str header = http_header(ex, "authorization");

    if (!str_starts_fold(header, STR("Bearer ")))
        return (struct str){0};
    return str_trim(str_slice(header, 7, header.len));
}

/* 200 when the key opens the endpoint, 401, or 404 for a name that is not there. */
static int proxy_allowed(struct gateway *gateway, struct str name, struct str key)
{
    int status;

    assert(name.len > 0);
    /* Without a key nothing is told, not even which names there are. */
    if (!key.len)
        return 401;
    pthread_mutex_lock(&gateway->routes.lock);
    const struct gateway_endpoint *endpoint = routes_endpoint(&gateway->routes, name);
    status = !endpoint ? 404 : routes_key_fits(endpoint, key) ? 200 : 401;
    pthread_mutex_unlock(&gateway->routes.lock);
    return status;
}

/* Whether anything behind the endpoint can answer now. */
static bool proxy_healthy(struct gateway *gateway, struct str name)
{
    struct gateway_deployment *deployment;
    bool healthy = false, any;

    pthread_mutex_lock(&gateway->routes.lock);
    const struct gateway_endpoint *endpoint = routes_endpoint(&gateway->routes, name);
    if (endpoint)
        ROUTES_EACH(struct gateway_deployment, deployment, &endpoint->deployments)
        {
            routes_pick(deployment, NULL, &any);
            healthy |= any;
        }
    pthread_mutex_unlock(&gateway->routes.lock);
    return healthy;
}

/* From here on the body is read; nothing is admitted before it is whole, so that a slow client
 * holds no place. */
static enum http_verdict proxy_plan(struct http_exchange *ex, struct http_plan *plan,
                                    struct gateway *gateway, struct str name, struct str rest)
{
    struct arena *arena = http_arena(ex);
    struct pass *pass = arena_make(arena, struct pass);
    struct str query = http_query(ex);

    assert(name.len > 0 && rest.len > 0);
    list_init(&pass->node);
    pass->ex = ex;
    pass->gateway = gateway;
    pass->endpoint = name;
    pass->target =
        arena_printf(arena, "/%.*s%s%.*s", STR_ARG(rest), query.len ? "?" : "", STR_ARG(query));
    *plan = (struct http_plan){.body_limit = HTTP_BODY_WHOLE_BYTES,
                               .where = HTTP_ON_LOOP,
                               .run = pass_run,
                               .context = pass};
    return HTTP_GO;
}

/* The key is checked before anything is read or told, a path that is not there included. */
enum http_verdict proxy_head(struct http_exchange *ex, struct http_plan *plan,
                             struct gateway *gateway)
{
    struct str name, rest;

    if (str_eq(http_path(ex), STR("/healthz"))) {
        http_reply(ex, 200, "text/plain", STR("ok"));
        return HTTP_REPLIED;
    }
    if (!proxy_path(http_path(ex), &name, &rest)) {
        proxy_refuse(ex, 404, "NotFound", "There is no such path.");
        return HTTP_REPLIED;
    }
    int status = proxy_allowed(gateway, name, proxy_key(ex));
    if (status == 401)
        proxy_refuse(ex, 401, "Unauthorized",
                     "A key of this endpoint is needed: Authorization: Bearer KEY.");
    else if (status == 404)
        proxy_refuse(ex, 404, "NotFound", "There is no such endpoint.");
    else if (str_eq(rest, STR("score")) || str_eq(rest, STR("swagger.json")))
        return proxy_plan(ex, plan, gateway, name, rest);
    else if (rest.len)
        proxy_refuse(ex, 404, "NotFound", "There is no such path.");
    else if (proxy_healthy(gateway, name))
        http_reply(ex, 200, "text/plain", STR("Healthy"));
    else
        proxy_refuse(ex, 503, "NoReplica", "No replica of this endpoint is ready.");
    return HTTP_REPLIED;
}
