/* Opening goes from the engines up to the faces, then the listeners, then what starts processes:
 *
 *     store vault content tracking · workspace · identity tls · jobs endpoints · arm mlflow ·
 * router tls, plain and Unix listeners · the gateway · the scheduler · run/server.json
 *
 * Nothing is answered before everything that a handler can reach is there; closing goes backwards.
 */
#include "server/wire.h"

#include "blob/blob.h"
#include "content/content.h"
#include "endpoint/endpoint.h"
#include "identity/grant.h"
#include "job/folders.h"
#include "job/job.h"
#include "kinds/kinds.h"
#include "mlflow/mlflow.h"
#include "oauth/oauth.h"
#include "os/clock.h"
#include "os/file.h"
#include "server/faces.h"
#include "server/housekeeping.h"
#include "server/sandbox.h"
#include "tracking/tracking.h"
#include "vault/vault.h"

#include <assert.h>
#include <unistd.h>

/* Requests under way are finished for this long; streams end then, and clients resume them. */
#define STOP_GRACE_MS 10000

#define HTTPS_PORT 443

/* Not in the first minutes, which belong to whoever waits for `ready`; then every hour. */
#define HOUSEKEEPING_FIRST_US (5 * 60 * US_PER_S)
#define HOUSEKEEPING_EVERY_US (3600 * US_PER_S)

/* In the order of their layers; the default workspace is made at the first start and found at
 * every later one. */
static int open_engines(struct server *server, struct error *err)
{
    struct engines *engines = &server->engines;
    struct str url =
        arena_printf(server->arena, "sqlite:%.*s/state/lazurite.db", STR_ARG(server->folder.path));

    assert(server->folder.dir >= 0);
    engines->dir = server->folder.dir;
    engines->domain = server->config.domain;
    if (store_open(url.ptr, NULL, &engines->store, err) < 0)
        return -1;
    engines->vault = vault_open(engines->dir, err);
    if (!engines->vault)
        return -1;
    engines->content = content_open(engines->dir, engines->store, err);
    if (!engines->content)
        return -1;
    engines->tracking = tracking_open(engines->store, err);
    if (!engines->tracking)
        return -1;
    struct scope registry;
    if (workspace_make_default(engines, server->arena, &server->workspace, err) < 0)
        return -1;
    return registry_make_builtin(engines, server->arena, &registry, err);
}

/* The hosts are told later, once the ports are known. */
static int open_identity(struct server *server, struct error *err)
{
    struct identity_options options = {
        .dir = server->folder.dir,
        .store = server->engines.store,
        .domain = server->config.domain,
        .anonymous_same_user = server->config.anonymous,
        .default_scope = server->workspace.number,
    };

    assert(options.default_scope > 0);
    server->engines.identity = identity_open(&options, server->pool, err);
    return server->engines.identity ? 0 : -1;
}

/* Addresses were read before: one that cannot be read counts as far away. */
static bool reaches_out(struct str text)
{
    struct config_address address;

    return config_address_read(text, "", &address, NULL) < 0 || !config_is_loopback(address.host);
}

/* A listener that others can reach needs somebody who may administer from afar, and jobs that are
 * not as strong as the server (decisions 23 and 29). The plain one stays at home: it has no TLS. */
static int check_reach(struct server *server, struct error *err)
{
    struct config *config = &server->config;
    bool tls_away = reaches_out(config->listen), scoring_away = reaches_out(config->scoring_listen);
    bool owner = false;

    if (reaches_out(config->plain_listen)) {
        error_set(err, ERROR_FORBIDDEN, "--plain-listen",
                  "--plain-listen %.*s would leave this machine without TLS.",
                  STR_ARG(config->plain_listen));
        return error_hint(err, "Let clients use the TLS listener; it serves MLflow too.");
    }
    if (!tls_away && !scoring_away)
        return 0;
    if (grant_has_owner(server->engines.identity, &owner, err) < 0)
        return -1;
    if (!owner) {
        error_set(
            err, ERROR_FORBIDDEN, tls_away ? "--listen" : "--scoring-listen",
            "%.*s would leave this machine, which needs an administrator with a credential of "
            "their own; there is none yet.",
            STR_ARG(tls_away ? config->listen : config->scoring_listen));
        return error_hint(err, "Start on loopback and make one: lazurite user create --name NAME "
                               "--role Owner");
    }
    if (!config->separate_users && !config->allow_same_user) {
        error_set(err, ERROR_FORBIDDEN, "jobs.users",
                  "A listener leaves this machine while jobs run as the server's own user.");
        return error_hint(err, "Set jobs.users = \"separate\" (server started as root), or "
                               "jobs.allow_same_user = true, in lazurite.toml.");
    }
    if (!config->separate_users)
        LOG(LOG_WARN, "server.same_user_jobs", LOG_TEXT("listen", "leaves loopback"));
    config->anonymous = false;
    identity_close_door(server->engines.identity);
    return 0;
}

/* Which of the two owners of attempts is asked: replicas' runs are called "endpoint:…". */
static int attempt_alive(int64_t scope, struct str run, int attempt, void *context)
{
    const struct engines *engines = context;

    assert(context);
    if (str_starts(run, STR("endpoint:")))
        return endpoints_attempt_alive(scope, run, attempt, engines->endpoints);
    return job_attempt_alive(scope, run, attempt, engines->jobs);
}

/* On the writer thread after each commit with events, so both only note that there is something
 * to do. */
static void wake_lives(int64_t, void *context)
{
    const struct engines *engines = context;

    assert(engines->jobs && engines->endpoints);
    jobs_wake(engines->jobs);
    endpoints_wake(engines->endpoints);
}

/* Everybody's writes wait for the longest: which row to look at. */
static void tell_slow(const char *what, int64_t us)
{
    LOG(LOG_WARN, "store.slow", LOG_TEXT("route", what), LOG_INT("ms", us / US_PER_MS));
}

/* Jobs and endpoints are made here and started once the addresses are known. */
static void make_lives(struct server *server)
{
    struct engines *engines = &server->engines;
    const struct config *config = &server->config;
    const struct jobs_options jobs = {
        .memory_bytes = config->job_memory_bytes,
        .store = engines->store,
        .content = engines->content,
        .identity = engines->identity,
        .dir = server->folder.dir,
        .dir_path = server->folder.path.ptr,
        .images_missing = config->images_missing,
        .separate_users = config->separate_users,
        .uid_first = (unsigned)config->uid_first,
        .sandbox = server->sandbox,
    };
    const struct endpoints_options endpoints = {
        .store = engines->store,
        .vault = engines->vault,
        .identity = engines->identity,
        .dir = server->folder.dir,
        .dir_path = server->folder.path.ptr,
        .listen = config->scoring_listen,
        .images_missing = config->images_missing,
        .separate_users = config->separate_users,
        .uid_first = (unsigned)config->uid_first,
        .sandbox = server->sandbox,
    };

    assert(server->engines.store && server->engines.identity);
    engines->jobs = jobs_new(&jobs);
    engines->endpoints = endpoints_new(&endpoints);
    identity_on_attempt(engines->identity, attempt_alive, engines);
    identity_on_sas(engines->identity, blob_check_sas, engines);
    store_on_event(engines->store, wake_lives, engines);
    store_on_slow(engines->store, tell_slow);
}

/* The names our certificate is for. */
#define TLS_NAMES_MAX (CONFIG_NAMES_MAX + 5)
/* All names by which clients may come; a certificate must bear each. */
static size_t tls_names(const struct config *config, struct arena *arena,
                        struct str out[TLS_NAMES_MAX])
{
    size_t count = 0;

    out[count++] = STR("localhost");
    out[count++] = STR("127.0.0.1");
    out[count++] = STR("::1");
    /* A wildcard covers one label: accounts lie two below the first. */
    out[count++] = arena_printf(arena, "*.%.*s", STR_ARG(config->domain));
    out[count++] = arena_printf(arena, "*.blob.core.%.*s", STR_ARG(config->domain));
    for (size_t i = 0; i < config->name_count; i++)
        out[count++] = config->names[i];
    return count;
}

/* Names that were added since the last start are put into a new certificate, as is one that would
 * not live much longer. */
static int prepare_tls(const struct config *config, int dir, struct error *err)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct str names[TLS_NAMES_MAX];
    size_t count = tls_names(config, arena, names);

    assert(dir >= 0);
    return http_tls_prepare(dir, names, count, err);
}

/* The server's own authority, unless the folder has a certificate from elsewhere. */
static int open_tls(struct server *server, struct error *err)
{
    CLEANUP(fd_close) int dir = dir_open_at(server->folder.dir, "tls", 0755, err);

    if (dir < 0 || prepare_tls(&server->config, dir, err) < 0)
        return -1;
    server->tls = http_tls_open(dir, err);
    return server->tls ? 0 : -1;
}

/* A server that runs for a year renews its certificate on the way; it and the gateway take the new
 * one by themselves. */
static void renew_tls(void *context)
{
    const struct server *server = context;
    struct error err = {0};
    CLEANUP(fd_close) int dir = dir_open_at(server->folder.dir, "tls", 0755, &err);

    if (dir < 0 || prepare_tls(&server->config, dir, &err) < 0)
        log_error("tls.renew", &err);
}

/* What is looked at once an hour, beside the bytes. */
static void keep_house(void *context)
{
    const struct server *server = context;
    struct error err = {0};

    renew_tls(context);
    if (job_folders_sweep(server->engines.store, server->folder.dir, &err) < 0)
        log_error("housekeeping.folders", &err);
}

/* Nothing listens yet: a server that cannot open its store never takes a port. */
int wire_open(struct server *server, struct error *err)
{
    assert(server->folder.lock >= 0);
    server->started_us = clock_now_us();
    server->pool = pool_new((unsigned)server->config.workers);
    server->sandbox = server->engines.sandbox = sandbox_works();
    if (open_engines(server, err) < 0 || open_identity(server, err) < 0 ||
        check_reach(server, err) < 0 || open_tls(server, err) < 0)
        return -1;
    make_lives(server);
    server->dispatch = dispatch_new(server->pool);
    dispatch_app(server->dispatch, &server->app);
    server->http = http_server_new(server->pool, &server->app, 0, err);
    if (!server->http)
        return -1;
    return faces_join(server, err);
}

/* What one TCP listener is to be. */
struct door {
    int tag;
    const char *flag;
    struct str text;      /* HOST:PORT */
    struct http_tls *tls; /* NULL: plain */
    uint16_t earlier;     /* the port it had last time */
};

/* Opens one TCP listener. Port 0 takes the port of the last time again when it is free: running
 * jobs hold it (decisions 54). */
static int open_door(struct server *server, const struct door *door, uint16_t *out_port,
                     struct error *err)
{
    struct http_listener listener = {.tag = door->tag, .tls = door->tls};
    struct config_address address;
    struct error why = {0};

    assert(server->http && door->text.len > 0);
    if (config_address_read(door->text, door->flag, &address, err) < 0)
        return -1;
    listener.host = arena_cstr(server->arena, address.host);
    listener.port = address.port ? address.port : door->earlier;
    int result = http_server_listen(server->http, &listener, out_port, &why);
    if (result < 0 && address.port == 0 && door->earlier != 0) {
        listener.port = 0;
        result = http_server_listen(server->http, &listener, out_port, &why);
    }
    if (result < 0) {
        if (why.code == ERROR_CONFLICT)
            folder_blame_port(listener.port, &why);
        *err = why;
    }
    return result;
}

/* The plain listener never leaves loopback; the socket is the owner's alone. */
static int open_listeners(struct server *server, struct error *err)
{
    struct folder_ports earlier = folder_read_ports(server->arena, &server->folder);
    const struct door tls = {LISTEN_TLS, "--listen", server->config.listen, server->tls,
                             earlier.tls};
    const struct door plain = {LISTEN_PLAIN, "--plain-listen", server->config.plain_listen, NULL,
                               earlier.plain};
    struct http_listener local = {
        .tag = LISTEN_SOCKET, .unix_dir = server->folder.dir, .unix_path = "run/lazurite.sock"};
    uint16_t none;

    assert(server->tls);
    if (open_door(server, &tls, &server->ports.tls, err) < 0 ||
        open_door(server, &plain, &server->ports.plain, err) < 0)
        return -1;
    return http_server_listen(server->http, &local, &none, err);
}

/* Every Host that is ours: loopback's names and those of the configuration, with the TLS port. */
static void tell_hosts(struct server *server)
{
    struct str hosts[2 * (CONFIG_NAMES_MAX + 4)];
    struct str accounts =
        arena_printf(server->arena, "*.blob.core.%.*s", STR_ARG(server->config.domain));
    size_t count = 0;
    static const char *const LOOPBACK[] = {"localhost", "127.0.0.1", "[::1]"};

    assert(server->ports.tls > 0);
    for (size_t i = 0; i < COUNT(LOOPBACK); i++)
        hosts[count++] = arena_printf(server->arena, "%s:%u", LOOPBACK[i], server->ports.tls);
    for (size_t i = 0; i < server->config.name_count; i++)
        hosts[count++] = arena_printf(server->arena, "%.*s:%u", STR_ARG(server->config.names[i]),
                                      server->ports.tls);
    hosts[count++] = arena_printf(server->arena, "%.*s:%u", STR_ARG(accounts), server->ports.tls);
    /* Clients leave out the port that https has by itself. */
    for (size_t i = 0, all = count; server->ports.tls == HTTPS_PORT && i < all; i++)
        hosts[count++] = str_slice(hosts[i], 0, (size_t)str_find_last(hosts[i], ':'));
    identity_set_hosts(server->engines.identity, hosts, count);
}

/* Ports are known from here on, and with them every address that is told to anybody. */
int wire_listen(struct server *server, struct error *err)
{
    struct engines *engines = &server->engines;

    assert(server->router);
    if (open_listeners(server, err) < 0)
        return -1;
    engines->arm_endpoint = arena_printf(server->arena, "https://localhost:%u", server->ports.tls);
    engines->plain_endpoint =
        arena_printf(server->arena, "http://127.0.0.1:%u", server->ports.plain);
    engines->storage_by_host = server->config.storage_by_host;
    engines->storage_suffix =
        server->ports.tls == HTTPS_PORT
            ? arena_printf(server->arena, "core.%.*s", STR_ARG(server->config.domain))
            : arena_printf(server->arena, "core.%.*s:%u", STR_ARG(server->config.domain),
                           server->ports.tls);
    tell_hosts(server);
    return 0;
}

/* What a server that died left of deleted workspaces: long, perhaps, and nothing waits for it. */
static void *purge_retired(void *context)
{
    struct server *server = context;
    struct error err = {0};

    if (workspace_purge_retired(&server->engines, &server->purge_stop, &err) < 0)
        log_error("workspace.purge", &err);
    return NULL;
}

/* In the background: what an earlier server left is nobody's wait. */
static void start_purge(struct server *server)
{
    assert(!server->purging);
    server->purging = pthread_create(&server->purge, NULL, purge_retired, server) == 0;
}

/* It ends after the step under way. */
static void stop_purge(struct server *server)
{
    atomic_store(&server->purge_stop, true);
    if (server->purging)
        pthread_join(server->purge, NULL);
    server->purging = false;
}

/* Requests are answered as soon as all that handlers read is written: the gateway's address, too,
 * which needs nothing of us. Runners ask back, so they come after; those of an earlier server are
 * told 503 until then, and ask again. */
int wire_start(struct server *server, struct error *err)
{
    struct engines *engines = &server->engines;
    struct str host = arena_printf(server->arena, "localhost:%u", server->ports.tls);
    struct str socket =
        arena_printf(server->arena, "%.*s/run/lazurite.sock", STR_ARG(server->folder.path));

    assert(engines->arm_endpoint.len > 0);
    dispatch_storage(server->dispatch, arena_printf(server->arena, ".blob.core.%.*s",
                                                    STR_ARG(server->config.domain)));
    jobs_set_endpoints(engines->jobs, engines->arm_endpoint, host);
    endpoints_set_server(engines->endpoints, socket, host);
    if (endpoints_start(engines->endpoints, err) < 0)
        return -1;
    server->ports.scoring = endpoints_port(engines->endpoints);
    engines->scoring_endpoint =
        arena_printf(server->arena, "https://localhost:%u", server->ports.scoring);
    server->housekeeping =
        housekeeping_start(engines->content, HOUSEKEEPING_FIRST_US, HOUSEKEEPING_EVERY_US);
    housekeeping_add(server->housekeeping, keep_house, server);
    dispatch_serve(server->dispatch, server->router, engines->identity);
    if (jobs_start(engines->jobs, err) < 0)
        return -1;
    start_purge(server);
    return folder_write_server(server->arena, &server->folder, &server->ports, err);
}

/* Scheduling ends first, then the threads behind it; runners, gateway and replicas go on unless a
 * stop was asked for that ends the gateway too. */
static void end_lives(struct server *server)
{
    struct engines *engines = &server->engines;
    struct error err = {0};

    assert(server);
    if (engines->store)
        store_on_event(engines->store, NULL, engines);
    if (engines->endpoints && server->stop_replicas && endpoints_stop(engines->endpoints, &err) < 0)
        log_error("server.stop_gateway", &err);
    jobs_free(&engines->jobs);
    endpoints_free(&engines->endpoints);
}

/* Opposite to the order of opening. What was never opened is NULL and passed over, so this also
 * ends a start that failed half-way. */
void wire_close(struct server *server)
{
    struct engines *engines = &server->engines;

    assert(server->arena);
    if (engines->store)
        store_wind_down(engines->store);
    if (server->http)
        http_server_stop(server->http, STOP_GRACE_MS);
    http_server_free(&server->http);
    stop_purge(server);
    housekeeping_stop(&server->housekeeping);
    end_lives(server);
    dispatch_free(&server->dispatch);
    router_free(&server->router);
    arm_free(&server->arm);
    mlflow_free(&server->mlflow);
    oauth_free(&server->oauth);
    identity_close(&engines->identity);
    tracking_close(&engines->tracking);
    content_close(&engines->content);
    vault_close(&engines->vault);
    store_close(&engines->store);
    pool_free(&server->pool);
    http_tls_free(&server->tls);
    folder_close(&server->folder);
}
