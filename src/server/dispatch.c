/* A request is matched and its caller decided on while only its head has come, so that a body
 * nobody may send is never read. What memory cannot answer goes to a worker, and http/ holds the
 * body back meanwhile.
 *
 *     head → match → guard → plan (limit, sink, thread) → body → handler
 *
 * Each way out before the handler is a refusal in the words of the face whose row is nearest. */
#include "server/dispatch.h"

#include "arm/kind.h"
#include "os/random.h"
#include "store/store.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

struct dispatch {
    struct pool *pool;
    struct router *router;
    struct identity *identity;
    struct str storage; /* ".blob.core.lazurite.test": hosts that end so are storage accounts */
    atomic_bool serving;
    char run[25];                /* the first 24 characters of the names of this run's requests */
    _Atomic uint64_t last_named; /* the rest of them: a number */
};

/* A request that was put off to a worker; lives in its own arena. */
struct deferred {
    struct pool_task task;
    struct dispatch *dispatch;
    struct call *call;
};

/* Answers 503 until it is told what to serve. */
struct dispatch *dispatch_new(struct pool *pool)
{
    struct dispatch *dispatch = calloc(1, sizeof(*dispatch));

    assert(pool);
    if (!dispatch)
        abort();
    dispatch->pool = pool;
    CLEANUP(arena_free) struct arena *arena = arena_new(4 * KIB);
    snprintf(dispatch->run, sizeof(dispatch->run), "%s", random_uuid(arena).ptr);
    return dispatch;
}

/* The http server was stopped before, so no call is under way. */
void dispatch_free(struct dispatch **dispatch)
{
    assert(dispatch);
    free(*dispatch);
    *dispatch = NULL;
}

/* Host names of accounts end with it. */
void dispatch_storage(struct dispatch *dispatch, struct str suffix)
{
    assert(str_starts(suffix, STR(".blob.")));
    dispatch->storage = suffix;
}

/* From here on calls are let through; what they reach must be there. */
void dispatch_serve(struct dispatch *dispatch, struct router *router, struct identity *identity)
{
    assert(router && identity);
    dispatch->router = router;
    dispatch->identity = identity;
    atomic_store(&dispatch->serving, true);
}

/* In the words of the face at hand, or ARM's when the address is nobody's. */
static void refuse(struct call *call, const struct error *err)
{
    assert(err->code != ERROR_NONE);
    if (call->route)
        call->route->refuse(call, err);
    else
        arm_refuse(call, err);
}

/* From here on the row's handler owns the call. */
static void run_call(struct http_exchange *ex, void *context)
{
    struct call *call = context;

    const char *path = call->route->path;

    assert(call->ex == ex);
    store_label(path); /* the call may be gone when its handler returns */
    call->route->run(call);
    store_label(NULL);
}

/* What http/ is to do with the body of a call that may go on. */
static struct http_plan plan_for(struct call *call)
{
    assert(call->route);
    return (struct http_plan){
        .body_limit = call->route->body_limit,
        .where = call->route->flags & ROUTE_ON_LOOP ? HTTP_ON_LOOP : HTTP_ON_WORKER,
        .sink = call->sink,
        .run = run_call,
        .context = call,
    };
}

/* The guard, and the declared length against the row's limit: a client that says beforehand that it
 * will send too much is told in its face's own words. */
static int admit(struct dispatch *dispatch, struct call *call, struct error *err)
{
    assert(call->route);
    if (identity_guard(dispatch->identity, call, err) < 0)
        return -1;
    int64_t length = http_content_length(call->ex);
    if (length > 0 && (uint64_t)length > call->route->body_limit)
        return error_set(err, ERROR_TOO_LARGE, "",
                         "The body has %lld bytes; at most %zu are taken here.", (long long)length,
                         call->route->body_limit);
    return 0;
}

/* On a worker: what the IO thread could not decide without waiting, and the making of sinks. */
static void decide_later(struct pool_task *task)
{
    struct deferred *deferred = CONTAINER_OF(task, struct deferred, task);
    struct call *call = deferred->call;
    struct error err = {0};

    if (admit(deferred->dispatch, call, &err) < 0) {
        refuse(call, &err);
        return;
    }
    if (call->route->flags & ROUTE_STREAM_IN) {
        call->sink = call->route->open(call, &err);
        if (!call->sink) {
            refuse(call, &err);
            return;
        }
    }
    struct http_plan plan = plan_for(call);
    http_proceed(call->ex, &plan);
}

/* The task lies in the request's own arena, which lives until the reply is sent. */
static enum http_verdict defer(struct dispatch *dispatch, struct call *call)
{
    struct deferred *deferred = arena_make(call->arena, struct deferred);

    assert(call->route);
    *deferred = (struct deferred){.task.run = decide_later, .dispatch = dispatch, .call = call};
    pool_run(dispatch->pool, &deferred->task);
    return HTTP_DEFERRED;
}

/* Which listener of the table a connection came in by. */
static unsigned listener_of(const struct http_exchange *ex)
{
    int tag = http_peer(ex)->tag;

    assert(tag == LISTEN_TLS || tag == LISTEN_PLAIN || tag == LISTEN_SOCKET);
    return (unsigned)tag;
}

/* "{account}.blob.{suffix}", without its port. */
static bool is_storage_host(const struct dispatch *dispatch, struct str host)
{
    return dispatch->storage.len > 0 && str_ends(host, dispatch->storage) &&
           str_find_char(host, '.') == (ssize_t)(host.len - dispatch->storage.len);
}

/* Storage clients name the account by the host or by the first piece of the path; the table knows
 * the second form, so the first is matched as if it were that. */
static int match(struct dispatch *dispatch, struct call *call, struct str *out_allow,
                 struct error *err)
{
    struct str host = http_header(call->ex, "host"), path = http_path(call->ex), port;
    struct route_ask ask = {.method = http_method(call->ex), .listener = listener_of(call->ex)};

    str_cut(host, ':', &host, &port);
    if (!is_storage_host(dispatch, host))
        return router_match(dispatch->router, call, ask.listener, out_allow, err);
    ask.path = arena_printf(call->arena, "/%.*s%.*s", STR_ARG(host),
                            STR_ARG(str_eq(path, STR("/")) ? STR("") : path));
    return router_find(dispatch->router, &ask, call, out_allow, err);
}

/* Names that clients of ARM write into their logs and errors: ours for the request, theirs for what
 * it belongs to, and theirs for the request when they ask for it. Storage has names of its own. */
static void name_request(struct dispatch *dispatch, struct call *call)
{
    struct str related = http_header(call->ex, "x-ms-correlation-request-id");

    assert(call->ex);
    if (call->route && !(call->route->flags & ROUTE_FOLD))
        return;
    /* Chance once for a run of the server and a number after it: no question to the kernel each. */
    uint64_t number = atomic_fetch_add(&dispatch->last_named, 1) + 1;
    struct str own = arena_printf(call->arena, "%s%012llx", dispatch->run,
                                  (unsigned long long)(number & 0xffffffffffff));
    http_add_header(call->ex, "x-ms-request-id", own);
    http_add_header(call->ex, "x-ms-correlation-request-id", related.len > 0 ? related : own);
    if (str_eq_fold(http_header(call->ex, "x-ms-return-client-request-id"), STR("true")))
        http_add_header(call->ex, "x-ms-client-request-id",
                        http_header(call->ex, "x-ms-client-request-id"));
}

/* On the IO thread, with the head whole and the body still to come: nothing here may wait. */
static enum http_verdict dispatch_head(struct http_exchange *ex, struct http_plan *plan,
                                       void *context)
{
    struct dispatch *dispatch = context;
    struct call *call = arena_make(http_arena(ex), struct call);
    struct str allow = STR("");
    struct error err = {0};

    call->ex = ex;
    call->arena = http_arena(ex);
    assert(call->arena && dispatch);
    if (!atomic_load(&dispatch->serving)) {
        error_set(&err, ERROR_UNAVAILABLE, "", "The server is starting; try again.");
        http_add_header(ex, "Retry-After", STR("1"));
        refuse(call, &err);
        return HTTP_REPLIED;
    }
    bool known = match(dispatch, call, &allow, &err) == 0;
    name_request(dispatch, call);
    if (!known) {
        if (allow.len > 0)
            http_add_header(ex, "Allow", allow);
        refuse(call, &err);
        return HTTP_REPLIED;
    }
    if ((call->route->flags & ROUTE_STREAM_IN) || identity_needs_worker(dispatch->identity, call))
        return defer(dispatch, call);
    if (admit(dispatch, call, &err) < 0) {
        refuse(call, &err);
        return HTTP_REPLIED;
    }
    *plan = plan_for(call);
    return HTTP_GO;
}

/* "/{scope}/providers/Microsoft.Authorization/…" with a scope that begins with a slash, as the
 * libraries for Java, JavaScript and Go write it: their templates hold the first one, too. */
static bool is_scoped(struct str path)
{
    struct str rest = str_slice(path, 2, path.len), piece, before = {0};
    bool roles = false;

    assert(path.len > 0 && path.ptr[0] == '/');
    if (!str_starts(path, STR("//")))
        return false;
    for (bool first = true; str_split(&rest, '/', &piece); first = false, before = piece) {
        if (piece.len == 0 || (first && !str_eq_fold(piece, STR("subscriptions")) &&
                               !str_eq_fold(piece, STR("providers"))))
            return false;
        roles |= str_eq_fold(before, STR("providers")) &&
                 str_eq_fold(piece, STR("Microsoft.Authorization"));
    }
    return roles;
}

/* Clients that ask for roles put a scope behind a slash of their own; several of blobs encode the
 * slashes of a name. Nothing else is repaired (security 3.1). The guard and the handlers see what
 * is given here. */
static struct str dispatch_odd_path(struct http_exchange *ex, void *context)
{
    const struct dispatch *dispatch = context;
    struct str path = http_path(ex), host = http_header(ex, "host"), port, first;
    struct str rest = str_slice(path, 1, path.len);

    if (is_scoped(path))
        return rest;
    str_cut(host, ':', &host, &port);
    str_split(&rest, '/', &first);
    bool blob = is_storage_host(dispatch, host) || str_find(first, STR(".blob.")) > 0 ||
                str_starts(first, STR("azureml-"));
    return blob && str_find(path, STR("//")) < 0 ? path : (struct str){0};
}

/* Replies that the parser or a limit gives by itself: nothing is known of a face then. */
static struct str dispatch_refusal(struct arena *arena, int status, const char *sentence,
                                   void *context)
{
    struct json *body = json_object(arena), *inner = json_object(arena);

    assert(context);
    struct str code = status == 413   ? STR("RequestEntityTooLarge")
                      : status == 503 ? STR("ServiceUnavailable")
                      : status >= 500 ? STR("InternalServerError")
                                      : STR("BadRequest");
    json_set_str(arena, inner, "code", code);
    json_set_str(arena, inner, "message", str_from(sentence));
    json_set(arena, body, STR("error"), inner);
    return json_write(arena, body);
}

/* What the http server asks; valid before there is a router, since listeners come first. */
void dispatch_app(struct dispatch *dispatch, struct http_app *out)
{
    assert(dispatch && out);
    *out = (struct http_app){.head = dispatch_head,
                             .context = dispatch,
                             .refusal = dispatch_refusal,
                             .odd_path = dispatch_odd_path};
}
