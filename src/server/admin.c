/* The server's own rows: whether it answers, how clients get to it, how it is, and its end. */
#include "server/admin.h"

#include "os/clock.h"
#include "server/housekeeping.h"
#include "server/surface.h"

#include <assert.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define SMALL_BODY (64 * KIB)

/* Says only ok: who asks is unknown, and what is wrong is not theirs to read. */
static void healthz(struct call *call)
{
    assert(call->ex);
    http_reply(call->ex, 200, "text/plain", STR("ok"));
}

/* The addresses that connect and status share; the endpoint has no final slash, as the metadata
 * spells it. */
static void set_addresses(struct arena *arena, const struct server *server, struct json *out)
{
    const struct engines *engines = &server->engines;

    assert(out);
    json_set_str(arena, out, "endpoint", engines->arm_endpoint);
    json_set_str(arena, out, "subscription", server->workspace.subscription);
    json_set_str(arena, out, "resourceGroup", server->workspace.group);
    json_set_str(arena, out, "workspace", server->workspace.name);
    json_set_str(arena, out, "caFile",
                 arena_printf(arena, "%.*s/tls/bundle.pem", STR_ARG(server->folder.path)));
    json_set_str(arena, out, "mlflowTrackingUri", engines->plain_endpoint);
    json_set_str(arena, out, "scoringEndpoint", engines->scoring_endpoint);
}

/* Everything a client needs, and a token that is good for half a day; never kept by a cache. */
static void connect_run(struct call *call)
{
    struct server *server = call->face;
    struct json *body = json_object(call->arena);
    struct str token;
    int64_t expires_us;
    char expires[CLOCK_ISO_BYTES];
    struct error err = {0};

    assert(server->engines.identity);
    if (identity_admin_token(server->engines.identity, call->arena, &token, &expires_us, &err) <
        0) {
        arm_refuse(call, &err);
        return;
    }
    set_addresses(call->arena, server, body);
    json_set_str(call->arena, body, "tenant", identity_tenant(server->engines.identity));
    json_set_str(call->arena, body, "audience", identity_audience(server->engines.identity));
    json_set_str(call->arena, body, "token", token);
    json_set_str(call->arena, body, "expiresOn", clock_iso(expires_us, expires));
    http_add_header(call->ex, "Cache-Control", STR("no-store"));
    arm_reply(call, 200, body);
}

/* How jobs are kept from the server's own files, in words a person can act on. */
static struct str isolation_text(const struct server *server)
{
    if (server->config.separate_users)
        return STR("separate: each attempt runs as a user of its own");
    if (server->sandbox)
        return STR("same-user: jobs run as the server's user in a sandbox without keys, state and "
                   "content");
    return STR("same-user without sandbox: jobs are as strong as you; bubblewrap is "
               "missing or this system forbids it");
}

/* Why writes are refused, and what the hourly round gave back. */
static void set_health(struct arena *arena, const struct server *server, struct json *out)
{
    struct error trouble = {0};
    char last[CLOCK_ISO_BYTES];

    json_set_bool(arena, out, "readOnly", store_read_only(server->engines.store));
    store_trouble(server->engines.store, &trouble);
    if (trouble.code != ERROR_NONE)
        json_set_str(arena, out, "trouble", str_from(trouble.message));
    if (!server->housekeeping)
        return;
    struct housekeeping_report report = housekeeping_report(server->housekeeping);
    json_set_int(arena, out, "bytesCollected", report.bytes);
    if (report.last_us > 0)
        json_set_str(arena, out, "lastCollectedAt", clock_iso(report.last_us, last));
}

/* For people: what runs, where, and every weakness of the set-up in words. */
static void status_run(struct call *call)
{
    const struct server *server = call->face;
    struct json *body = json_object(call->arena);
    char started[CLOCK_ISO_BYTES];

    assert(server->engines.store);
    set_addresses(call->arena, server, body);
    json_set_str(call->arena, body, "version", STR(LAZURITE_VERSION));
    json_set_int(call->arena, body, "pid", getpid());
    json_set_str(call->arena, body, "dataDir", server->folder.path);
    json_set_str(call->arena, body, "startedAt", clock_iso(server->started_us, started));
    json_set_bool(call->arena, body, "keysReady", identity_ready(server->engines.identity));
    set_health(call->arena, server, body);
    json_set_str(call->arena, body, "anonymous",
                 server->config.anonymous
                     ? STR("same-user: MLflow on the plain port takes our own user without a token")
                     : STR("off"));
    json_set_str(call->arena, body, "jobs", isolation_text(server));
    arm_reply(call, 200, body);
}

/* What the server answers to: api/openapi.json is made of it. */
static void routes_run(struct call *call)
{
    const struct server *server = call->face;

    assert(server->router);
    arm_reply(call, 200, surface_json(call->arena, server));
}

/* {"replicas": true}: the gateway and its replicas end too. The reply goes out before the end
 * begins, because requests under way are finished first. */
static void stop_run(struct call *call)
{
    struct server *server = call->face;
    struct error err = {0};
    struct json *body = json_object(call->arena);
    uint64_t one = 1;

    assert(call->face);
    if (http_body(call->ex).len > 0)
        body = json_parse(call->arena, http_body(call->ex), &err);
    if (!body) {
        arm_refuse(call, &err);
        return;
    }
    server->stop_replicas = json_bool_at(body, "replicas", false);
    arm_reply(call, 202, json_object(call->arena));
    if (write(server->stop_fd, &one, sizeof(one)) != (ssize_t)sizeof(one))
        LOG(LOG_WARN, "server.stop_lost");
}

/* For a token that got away: every one given out so far is worthless afterwards. */
static void revoke_run(struct call *call)
{
    struct server *server = call->face;
    struct error err = {0};

    assert(server->engines.identity);
    if (identity_revoke_admin(server->engines.identity, &err) < 0)
        arm_refuse(call, &err);
    else
        arm_reply(call, 200, json_object(call->arena));
}

static const struct route ROUTES[] = {
    {"GET", "/healthz", PERMIT_PUBLIC, NULL, 0, ROUTE_ON_LOOP, LISTEN_ALL, healthz, NULL,
     arm_refuse},
    {"GET", "/lazurite/v1/connect", PERMIT_LOCAL, NULL, 0, 0, LISTEN_TLS | LISTEN_SOCKET,
     connect_run, NULL, arm_refuse},
    {"GET", "/lazurite/v1/status", PERMIT_LOCAL, NULL, 0, 0, LISTEN_TLS | LISTEN_SOCKET, status_run,
     NULL, arm_refuse},
    {"GET", "/lazurite/v1/routes", PERMIT_LOCAL, NULL, 0, 0, LISTEN_TLS | LISTEN_SOCKET, routes_run,
     NULL, arm_refuse},
    {"POST", "/lazurite/v1/stop", PERMIT_LOCAL, NULL, SMALL_BODY, 0, LISTEN_TLS | LISTEN_SOCKET,
     stop_run, NULL, arm_refuse},
    {"POST", "/lazurite/v1/revokeTokens", PERMIT_LOCAL, NULL, SMALL_BODY, 0,
     LISTEN_TLS | LISTEN_SOCKET, revoke_run, NULL, arm_refuse},
};

/* The server's own rows; all for its owner. */
struct route_table admin_routes(struct server *server)
{
    assert(server);
    return (struct route_table){ROUTES, COUNT(ROUTES), server};
}
