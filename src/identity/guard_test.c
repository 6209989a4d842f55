#include "base/test.h"
#include "identity/guard.h"
#include "identity/identity.h"
#include "identity/identity_private.h"
#include "os/clock.h"
#include "os/file.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define NOW_US (1790000000LL * US_PER_S)
#define WS1 \
    "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/one"
#define WS2 \
    "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/two"
#define MLFLOW "Microsoft.MachineLearningServices/workspaces/experiments/runs/"

/* A data folder with keys, a store with two workspaces, and an identity over both. */
struct world {
    struct arena *arena;
    int dir;
    struct store *store;
    struct identity *identity;
    bool alive; /* what the asked attempt is */
    int asked;  /* how often */
    struct error err;
    struct str challenge;
    struct call call;
};

static int insert_scopes(struct store_txn *txn, void *context, struct error *err)
{
    static const struct str NAMES[] = {STR_INIT("one"), STR_INIT("two")};
    int64_t *numbers = context;

    for (size_t i = 0; i < 2; i++) {
        struct scope scope = {.kind = SCOPE_WORKSPACE,
                              .subscription = STR("s"),
                              .group = STR("g"),
                              .name = NAMES[i],
                              .guid = NAMES[i],
                              .data_key = STR("k")};
        if (scope_insert(txn, &scope, err) < 0)
            return -1;
        numbers[i] = scope.number;
    }
    return 0;
}

static int attempt_alive(int64_t scope, struct str run, int attempt, void *context)
{
    struct world *world = context;

    CHECK(scope > 0 && run.len > 0 && attempt > 0);
    world->asked++;
    return world->alive;
}

static void world_end(struct world *world)
{
    identity_close(&world->identity);
    store_close(&world->store);
    fd_close(&world->dir);
    arena_free(&world->arena);
    clock_test_end();
}

static struct world *world_new(struct world *world)
{
    static const struct str HOSTS[] = {STR_INIT("localhost:10443"), STR_INIT("127.0.0.1:10443")};
    int64_t scopes[2] = {0};

    *world = (struct world){.arena = arena_new(4 * MIB), .alive = true};
    clock_test_set(NOW_US);
    world->dir = dir_open(test_folder(), &world->err);
    /* The keys are kept from test to test, who the admin is and since when is not. */
    unlinkat(world->dir, "keys/identity.json", 0);
    CHECK_OK(store_open("memory:", NULL, &world->store, &world->err), &world->err);
    CHECK_OK(store_write(world->store, insert_scopes, scopes, &world->err), &world->err);
    CHECK(scopes[0] == 1 && scopes[1] == 2);
    struct identity_options options = {.dir = world->dir,
                                       .store = world->store,
                                       .domain = STR("lazurite.test"),
                                       .anonymous_same_user = true,
                                       .default_scope = scopes[0],
                                       .hosts = HOSTS,
                                       .host_count = COUNT(HOSTS)};
    world->identity = identity_open(&options, NULL, &world->err);
    CHECK(world->identity && identity_ready(world->identity));
    identity_on_attempt(world->identity, attempt_alive, world);
    return world;
}

static void run(struct call *call)
{
    assert_non_null(call);
}

static void refuse(struct call *call, const struct error *err)
{
    assert_true(call && err);
}

static const struct route PUBLIC = {"GET", "/healthz", PERMIT_PUBLIC, NULL, 0,
                                    0,     LISTEN_ALL, run,           NULL, refuse};
static const struct route LOCAL = {
    "GET", "/lazurite/v1/connect", PERMIT_LOCAL, NULL, 0, 0, LISTEN_ALL, run, NULL, refuse};
static const struct route ATTEMPT = {
    "POST", "/lazurite/v1/attempts/{a}/events", PERMIT_ATTEMPT, NULL, 0, 0, LISTEN_ALL, run, NULL,
    refuse};
static const struct route RUNS = {"POST",
                                  "/api/2.0/mlflow/runs/create",
                                  PERMIT_ACTION,
                                  MLFLOW "write",
                                  0,
                                  ROUTE_LOCAL_USER,
                                  LISTEN_ALL,
                                  run,
                                  NULL,
                                  refuse};
static const struct route ARM = {
    "GET",
    "/subscriptions/{s}/resourceGroups/{g}/providers/Microsoft.MachineLearningServices/workspaces/"
    "{w}/{rest*}",
    PERMIT_ACTION,
    NULL,
    0,
    ROUTE_FOLD,
    LISTEN_ALL,
    run,
    NULL,
    refuse};
static const struct route GROUP = {"GET",
                                   "/subscriptions/{s}/resourceGroups/{g}",
                                   PERMIT_ACTION,
                                   "Microsoft.Resources/subscriptions/resourceGroups/read",
                                   0,
                                   ROUTE_FOLD,
                                   LISTEN_ALL,
                                   run,
                                   NULL,
                                   refuse};
static const struct route RUNS_OF = {"POST",
                                     "/mlflow/v1.0/subscriptions/{s}/resourceGroups/{g}/providers/"
                                     "Microsoft.MachineLearningServices/workspaces/{w}/api/2.0/"
                                     "mlflow/runs/create",
                                     PERMIT_ACTION,
                                     MLFLOW "write",
                                     0,
                                     ROUTE_LOCAL_USER,
                                     LISTEN_ALL,
                                     run,
                                     NULL,
                                     refuse};
static const struct route BLOB = {"GET",
                                  "/azureml-{guid}/{blob*}",
                                  PERMIT_ACTION,
                                  MLFLOW "read",
                                  0,
                                  ROUTE_SAS,
                                  LISTEN_ALL,
                                  run,
                                  NULL,
                                  refuse};

/* A request over TLS from nobody; tests add what they are about. */
static struct guard_ask over_tls(const char *method, const char *path)
{
    return (struct guard_ask){.listener = LISTEN_TLS,
                              .peer = {.tls = true, .uid = (uid_t)-1},
                              .method = str_from(method),
                              .path = str_from(path),
                              .host = STR("localhost:10443")};
}

static struct guard_ask with_token(struct guard_ask ask, struct world *world, struct str token)
{
    ask.authorization = arena_printf(world->arena, "Bearer %.*s", STR_ARG(token));
    ask.authorization_count = 1;
    return ask;
}

static struct str admin_token(struct world *world)
{
    struct str token;
    int64_t expires_us;

    CHECK_OK(identity_admin_token(world->identity, world->arena, &token, &expires_us, &world->err),
             &world->err);
    CHECK_INT(NOW_US + 12 * 3600 * US_PER_S, expires_us);
    return token;
}

static struct str attempt_token(struct world *world, int64_t scope)
{
    struct str token;
    struct token_claims claims = {.subject = STR("calm_owl"),
                                  .object_id = STR("o"),
                                  .name = STR("job calm_owl"),
                                  .expires_us = NOW_US + 3600 * US_PER_S,
                                  .scope = scope,
                                  .run = STR("calm_owl"),
                                  .attempt = 1,
                                  .maker = {MAKER_APPLICATION, STR("the-client-id")}};

    CHECK_OK(identity_mint(world->identity, world->arena, &claims, &token, &world->err),
             &world->err);
    return token;
}

/* 0 for a caller that may, else the error's code. */
static enum error_code decide(struct world *world, const struct route *route, struct guard_ask ask)
{
    world->call = (struct call){.arena = world->arena, .route = route};
    world->err = (struct error){0};
    if (guard_decide(world->identity, &ask, &world->call, &world->challenge, &world->err) == 0)
        return ERROR_NONE;
    CHECK(world->err.message[0] != '\0');
    return world->err.code;
}

#define WORLD(name)                          \
    CLEANUP(world_end) struct world name##_; \
    struct world *name = world_new(&name##_)

TEST(a_foreign_host_is_misdirected_even_on_public_rows_and_with_a_token)
{
    WORLD(w);
    static const char *const FOREIGN[] = {"evil.test", "localhost", "localhost:1", "",
                                          "localhost:10443.x"};

    for (size_t i = 0; i < COUNT(FOREIGN); i++) {
        struct guard_ask ask = over_tls("GET", "/healthz");
        ask.host = str_from(FOREIGN[i]);
        CHECK_INT(ERROR_MISDIRECTED, decide(w, &PUBLIC, ask));
        CHECK_INT(ERROR_MISDIRECTED, decide(w, &LOCAL, with_token(ask, w, admin_token(w))));
    }
    CHECK_INT(ERROR_NONE, decide(w, &PUBLIC, over_tls("GET", "/healthz")));
}

TEST(nobody_gets_a_challenge_and_the_line_to_export)
{
    WORLD(w);
    const struct route *const rows[] = {&LOCAL, &ATTEMPT, &RUNS, &ARM};

    /* Storage's clients take the address from the text between '=' and the next blank. */
    CHECK_INT(ERROR_UNAUTHENTICATED, decide(w, &BLOB, over_tls("GET", WS1)));
    CHECK_STR("Bearer authorization_uri=https://localhost:10443/adfs "
              "resource_id=https://storage.azure.com",
              w->challenge);
    for (size_t i = 0; i < COUNT(rows); i++) {
        CHECK_INT(ERROR_UNAUTHENTICATED, decide(w, rows[i], over_tls("GET", WS1)));
        CHECK(str_starts(w->challenge, STR("Bearer authorization_uri=\"https://localhost:10443/")));
        CHECK(strstr(w->err.hint, "export MLFLOW_TRACKING_TOKEN=") != NULL);
        CHECK_INT(CALLER_NOBODY, w->call.caller.kind);
    }
}

TEST(the_admins_token_opens_every_row_on_every_listener)
{
    WORLD(w);
    const struct route *const rows[] = {&PUBLIC, &LOCAL, &ATTEMPT, &RUNS, &ARM, &BLOB};
    struct str token = admin_token(w);

    for (size_t i = 0; i < COUNT(rows); i++)
        CHECK_INT(ERROR_NONE,
                  decide(w, rows[i], with_token(over_tls("PUT", WS2 "/computes/c"), w, token)));
    CHECK_INT(ERROR_NONE,
              decide(w, &ARM, with_token(over_tls("PUT", WS2 "/computes/c"), w, token)));
    CHECK_INT(CALLER_ADMIN, w->call.caller.kind);
    CHECK_STR("admin", w->call.caller.name);
    CHECK_STR("Microsoft.MachineLearningServices/workspaces/computes/write", w->call.action);
}

TEST(the_admins_token_expires_after_twelve_hours)
{
    WORLD(w);
    struct str token = admin_token(w);

    clock_test_advance(12 * 3600 * US_PER_S - 1);
    CHECK_INT(ERROR_NONE, decide(w, &LOCAL, with_token(over_tls("GET", "/x"), w, token)));
    clock_test_advance(1);
    CHECK_INT(ERROR_UNAUTHENTICATED,
              decide(w, &LOCAL, with_token(over_tls("GET", "/x"), w, token)));
}

TEST(a_revoked_token_is_refused_with_claims_and_a_new_one_is_taken)
{
    WORLD(w);
    struct str token = admin_token(w);

    CHECK_OK(identity_revoke_admin(w->identity, &w->err), &w->err);
    CHECK_INT(ERROR_UNAUTHENTICATED,
              decide(w, &LOCAL, with_token(over_tls("GET", "/x"), w, token)));
    CHECK(str_starts(w->challenge, STR("Bearer error=\"insufficient_claims\", claims=\"")));
    clock_test_advance(US_PER_S);
    struct str renewed;
    int64_t expires_us;
    CHECK_OK(identity_admin_token(w->identity, w->arena, &renewed, &expires_us, &w->err), &w->err);
    CHECK_INT(ERROR_NONE, decide(w, &LOCAL, with_token(over_tls("GET", "/x"), w, renewed)));
}

TEST(audiences_are_the_list_of_the_decisions_with_or_without_a_slash)
{
    WORLD(w);
    static const struct {
        const char *audience;
        bool taken;
    } CASES[] = {
        {"https://ml.azure.test", true},        {"https://ml.azure.test/", true},
        {"https://ml.azure.com/", true},        {"https://management.azure.com", true},
        {"https://storage.azure.com/", true},   {"https://vault.azure.net", true},
        {"https://localhost:10443", true},      {"https://localhost:10443/", true},
        {"https://ml.azure.test//", false},     {"https://ml.azure.example", false},
        {"http://localhost:10443", false},      {"localhost:10443", false},
        {"https://graph.microsoft.com", false},
    };

    CHECK_STR("https://ml.azure.test", identity_audience(w->identity));
    for (size_t i = 0; i < COUNT(CASES); i++) {
        struct str token;
        struct token_claims claims = {.audience = str_from(CASES[i].audience),
                                      .subject = w->identity->admin_id,
                                      .object_id = w->identity->admin_id,
                                      .name = STR("admin"),
                                      .expires_us = NOW_US + US_PER_S};
        CHECK_OK(identity_mint(w->identity, w->arena, &claims, &token, &w->err), &w->err);
        CHECK_INT(CASES[i].taken ? ERROR_NONE : ERROR_UNAUTHENTICATED,
                  decide(w, &LOCAL, with_token(over_tls("GET", "/x"), w, token)));
    }
}

TEST(a_token_of_an_unknown_person_is_refused)
{
    WORLD(w);
    struct str token;
    struct token_claims claims = {.subject = STR("x"),
                                  .object_id = STR("x"),
                                  .name = STR("admin"),
                                  .expires_us = NOW_US + US_PER_S};

    CHECK_OK(identity_mint(w->identity, w->arena, &claims, &token, &w->err), &w->err);
    CHECK_INT(ERROR_UNAUTHENTICATED,
              decide(w, &LOCAL, with_token(over_tls("GET", "/x"), w, token)));
}

TEST(the_folders_owner_on_the_socket_is_admin_and_others_are_nobody)
{
    WORLD(w);
    struct guard_ask ask = {.listener = LISTEN_SOCKET,
                            .peer = {.unix_socket = true, .uid = geteuid()},
                            .method = STR("GET"),
                            .path = STR("/x"),
                            .host = STR("localhost:10443")};

    CHECK_INT(ERROR_NONE, decide(w, &LOCAL, ask));
    CHECK_INT(CALLER_ADMIN, w->call.caller.kind);
    ask.peer.uid = geteuid() + 1;
    CHECK_INT(ERROR_UNAUTHENTICATED, decide(w, &LOCAL, ask));
}

TEST(a_credential_in_the_request_counts_even_for_the_sockets_owner)
{
    WORLD(w);
    struct guard_ask ask = {.listener = LISTEN_SOCKET,
                            .peer = {.unix_socket = true, .uid = geteuid()},
                            .method = STR("GET"),
                            .path = STR("/x"),
                            .host = STR("localhost:10443")};

    CHECK_INT(ERROR_FORBIDDEN, decide(w, &LOCAL, with_token(ask, w, attempt_token(w, 1))));
    CHECK_INT(ERROR_UNAUTHENTICATED, decide(w, &LOCAL, with_token(ask, w, STR("rubbish"))));
}

TEST(odd_authorization_headers_are_refused)
{
    WORLD(w);
    static const char *const ODD[] = {"Basic YWRtaW46YWRtaW4=", "SharedKey a:b", "Bearer", "",
                                      "Bearer  "};

    for (size_t i = 0; i < COUNT(ODD); i++) {
        struct guard_ask ask = over_tls("GET", "/x");
        ask.authorization = str_from(ODD[i]);
        ask.authorization_count = 1;
        CHECK_INT(ERROR_UNAUTHENTICATED, decide(w, &LOCAL, ask));
    }
    struct guard_ask twice = with_token(over_tls("GET", "/x"), w, admin_token(w));
    twice.authorization_count = 2;
    CHECK_INT(ERROR_UNAUTHENTICATED, decide(w, &LOCAL, twice));
}

/* --- Attempts ------------------------------------------------------------------------------------
 */

TEST(an_attempt_reaches_its_rows_and_reads_its_workspace)
{
    WORLD(w);
    struct str token = attempt_token(w, 1);

    CHECK_INT(ERROR_NONE, decide(w, &ATTEMPT, with_token(over_tls("POST", "/x"), w, token)));
    CHECK_INT(CALLER_ATTEMPT, w->call.caller.kind);
    CHECK_STR("calm_owl", w->call.caller.run);
    CHECK_INT(1, w->call.caller.scope);
    CHECK_INT(MAKER_APPLICATION, caller_maker(&w->call.caller).kind); /* who sent the job */
    CHECK_STR("the-client-id", caller_maker(&w->call.caller).name);
    CHECK_INT(
        ERROR_NONE,
        decide(w, &RUNS, with_token(over_tls("POST", "/api/2.0/mlflow/runs/create"), w, token)));
    CHECK_INT(ERROR_NONE, decide(w, &ARM, with_token(over_tls("GET", WS1 "/data/iris"), w, token)));
    CHECK_INT(ERROR_NONE, decide(w, &BLOB, with_token(over_tls("GET", "/azureml-0/x"), w, token)));
}

TEST(an_attempt_writes_nothing_by_arm_and_is_no_admin)
{
    WORLD(w);
    struct str token = attempt_token(w, 1);

    CHECK_INT(ERROR_FORBIDDEN,
              decide(w, &ARM, with_token(over_tls("PUT", WS1 "/jobs/x"), w, token)));
    CHECK_INT(
        ERROR_FORBIDDEN,
        decide(w, &ARM, with_token(over_tls("POST", WS1 "/datastores/d/listSecrets"), w, token)));
    CHECK_INT(ERROR_FORBIDDEN, decide(w, &LOCAL, with_token(over_tls("GET", "/x"), w, token)));
}

/* A row that folds is read-only for jobs, unless it says that its handler asks whose run it is. */
TEST(an_attempt_writes_by_rows_made_for_jobs_and_in_its_workspace_only)
{
    WORLD(w);
#define HISTORY_ROW(bits)                                                             \
    {.method = "POST",                                                                \
     .path = "/history/v1.0/subscriptions/{s}/resourceGroups/{g}/providers/"          \
             "Microsoft.MachineLearningServices/workspaces/{w}/runs/{run}/x",         \
     .permit = PERMIT_ACTION,                                                         \
     .action = "Microsoft.MachineLearningServices/workspaces/experiments/runs/write", \
     .flags = (bits),                                                                 \
     .listeners = LISTEN_ALL,                                                         \
     .run = run,                                                                      \
     .refuse = refuse}
    static const struct route OF_JOBS = HISTORY_ROW(ROUTE_FOLD | ROUTE_ATTEMPT);
    static const struct route OF_PEOPLE = HISTORY_ROW(ROUTE_FOLD);
    struct str token = attempt_token(w, 1), foreign = attempt_token(w, 2);
    struct guard_ask mine = with_token(over_tls("POST", "/history/v1.0" WS1 "/runs/a/x"), w, token);
    struct guard_ask other =
        with_token(over_tls("POST", "/history/v1.0" WS2 "/runs/a/x"), w, token);
    struct guard_ask from =
        with_token(over_tls("POST", "/history/v1.0" WS1 "/runs/a/x"), w, foreign);

    CHECK_INT(ERROR_NONE, decide(w, &OF_JOBS, mine));
    CHECK_INT(CALLER_ATTEMPT, w->call.caller.kind);
    CHECK_INT(ERROR_FORBIDDEN, decide(w, &OF_PEOPLE, mine));
    CHECK_INT(ERROR_NOT_FOUND, decide(w, &OF_JOBS, other));
    CHECK_INT(ERROR_NOT_FOUND, decide(w, &OF_JOBS, from));
#undef HISTORY_ROW
}

TEST(an_attempt_does_not_see_another_workspace)
{
    WORLD(w);
    struct str first = attempt_token(w, 1), second = attempt_token(w, 2);

    CHECK_INT(ERROR_NOT_FOUND,
              decide(w, &ARM, with_token(over_tls("GET", WS2 "/data/x"), w, first)));
    CHECK_INT(ERROR_NOT_FOUND,
              decide(w, &ARM, with_token(over_tls("GET", WS1 "/data/x"), w, second)));
    CHECK_INT(ERROR_NOT_FOUND,
              decide(w, &GROUP,
                     with_token(over_tls("GET", "/subscriptions/s/resourceGroups/g"), w, first)));
    /* The bare MLflow root is the default workspace, which is not the second's. */
    CHECK_INT(
        ERROR_NOT_FOUND,
        decide(w, &RUNS, with_token(over_tls("POST", "/api/2.0/mlflow/runs/create"), w, second)));
    CHECK_INT(ERROR_NONE,
              decide(w, &RUNS_OF,
                     with_token(over_tls("POST", "/mlflow/v1.0" WS2 "/api/2.0/mlflow/runs/create"),
                                w, second)));
}

TEST(the_workspace_is_compared_in_any_case)
{
    WORLD(w);
    struct str token = attempt_token(w, 1);

    CHECK_INT(ERROR_NONE,
              decide(w, &ARM,
                     with_token(over_tls("GET",
                                         "/Subscriptions/S/resourcegroups/G/providers/"
                                         "microsoft.machinelearningservices/Workspaces/ONE/data/x"),
                                w, token)));
}

TEST(an_attempts_token_dies_with_it_within_five_seconds)
{
    WORLD(w);
    struct guard_ask ask = with_token(over_tls("POST", "/x"), w, attempt_token(w, 1));

    CHECK_INT(ERROR_NONE, decide(w, &ATTEMPT, ask));
    CHECK_INT(ERROR_NONE, decide(w, &ATTEMPT, ask));
    CHECK_INT(1, w->asked);
    w->alive = false;
    clock_test_advance(5 * US_PER_S);
    CHECK_INT(ERROR_UNAUTHENTICATED, decide(w, &ATTEMPT, ask));
    CHECK_INT(2, w->asked);
}

/* --- The local user of rule 23 -------------------------------------------------------------------
 */

/* A connection from ourselves, as the plain listener sees it. */
struct loopback {
    int listener, client, server;
    struct guard_ask ask;
};

static void loopback_end(struct loopback *loopback)
{
    fd_close(&loopback->client);
    fd_close(&loopback->server);
    fd_close(&loopback->listener);
}

static void loopback_new(struct world *world, struct loopback *out)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);

    out->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK_INT(0, bind(out->listener, (struct sockaddr *)&at, len));
    CHECK_INT(0, listen(out->listener, 1));
    CHECK_INT(0, getsockname(out->listener, (struct sockaddr *)&at, &len));
    out->client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK_INT(0, connect(out->client, (struct sockaddr *)&at, len));
    out->server = accept(out->listener, NULL, NULL);
    out->ask = (struct guard_ask){.listener = LISTEN_PLAIN,
                                  .peer = {.uid = (uid_t)-1},
                                  .method = STR("POST"),
                                  .path = STR("/api/2.0/mlflow/runs/create")};
    out->ask.host = arena_printf(world->arena, "127.0.0.1:%d", ntohs(at.sin_port));
    len = sizeof(out->ask.peer.local);
    CHECK_INT(0, getsockname(out->server, (struct sockaddr *)&out->ask.peer.local, &len));
    len = sizeof(out->ask.peer.remote);
    CHECK_INT(0, getpeername(out->server, (struct sockaddr *)&out->ask.peer.remote, &len));
}

TEST(our_own_user_works_with_mlflow_on_the_plain_listener)
{
    WORLD(w);
    CLEANUP(loopback_end) struct loopback l;
    loopback_new(w, &l);

    CHECK_INT(ERROR_NONE, decide(w, &RUNS, l.ask));
    CHECK_INT(CALLER_LOCAL, w->call.caller.kind);
    CHECK_STR("local", w->call.caller.name);
    CHECK_INT(1, w->call.caller.scope);
    l.ask.path = STR("/mlflow/v1.0" WS2 "/api/2.0/mlflow/runs/create");
    CHECK_INT(ERROR_NOT_FOUND, decide(w, &RUNS_OF, l.ask));
}

TEST(the_local_user_has_no_other_rows_and_no_other_listener)
{
    WORLD(w);
    CLEANUP(loopback_end) struct loopback l;
    loopback_new(w, &l);
    const struct route *const rows[] = {&LOCAL, &ATTEMPT, &ARM, &BLOB};

    for (size_t i = 0; i < COUNT(rows); i++)
        CHECK_INT(ERROR_UNAUTHENTICATED, decide(w, rows[i], l.ask));
    l.ask.listener = LISTEN_TLS;
    l.ask.host = STR("localhost:10443");
    CHECK_INT(ERROR_UNAUTHENTICATED, decide(w, &RUNS, l.ask));
}

TEST(the_plain_listener_wants_a_loopback_host_with_its_port)
{
    WORLD(w);
    CLEANUP(loopback_end) struct loopback l;
    loopback_new(w, &l);
    struct str port = str_slice(l.ask.host, 10, l.ask.host.len);
    static const struct {
        const char *name;
        bool taken;
    } CASES[] = {
        {"localhost:", true},  {"LOCALHOST:", true},   {"[::1]:", true},      {"127.0.0.1:", true},
        {"127.0.0.2:", false}, {"localhost.:", false}, {"evil.test:", false}, {"", false}};

    for (size_t i = 0; i < COUNT(CASES); i++) {
        l.ask.host = arena_printf(w->arena, "%s%.*s", CASES[i].name, STR_ARG(port));
        CHECK_INT(CASES[i].taken ? ERROR_NONE : ERROR_MISDIRECTED, decide(w, &RUNS, l.ask));
    }
    l.ask.host = STR("localhost:1");
    CHECK_INT(ERROR_MISDIRECTED, decide(w, &RUNS, l.ask));
    l.ask.host = STR("localhost");
    CHECK_INT(ERROR_MISDIRECTED, decide(w, &RUNS, l.ask));
}

TEST(pages_of_other_sites_are_not_the_local_user)
{
    WORLD(w);
    CLEANUP(loopback_end) struct loopback l;
    loopback_new(w, &l);
    static const char *const SITES[] = {"cross-site", "same-site", "Same-Origin", "x"};

    for (size_t i = 0; i < COUNT(SITES); i++) {
        l.ask.fetch_site = str_from(SITES[i]);
        CHECK_INT(ERROR_UNAUTHENTICATED, decide(w, &RUNS, l.ask));
    }
    l.ask.fetch_site = STR("same-origin");
    l.ask.origin = arena_printf(w->arena, "http://%.*s", STR_ARG(l.ask.host));
    CHECK_INT(ERROR_NONE, decide(w, &RUNS, l.ask));
    static const char *const ORIGINS[] = {"null", "http://evil.test", "https://127.0.0.1",
                                          "http://"};
    for (size_t i = 0; i < COUNT(ORIGINS); i++) {
        l.ask.origin = str_from(ORIGINS[i]);
        CHECK_INT(ERROR_UNAUTHENTICATED, decide(w, &RUNS, l.ask));
    }
}

TEST(another_user_or_a_closed_peer_is_not_the_local_user)
{
    WORLD(w);
    CLEANUP(loopback_end) struct loopback l;
    loopback_new(w, &l);

    w->identity->owner = geteuid() + 1;
    CHECK_INT(ERROR_UNAUTHENTICATED, decide(w, &RUNS, l.ask));
    w->identity->owner = geteuid();
    CHECK_INT(ERROR_NONE, decide(w, &RUNS, l.ask));
    fd_close(&l.client);
    CHECK_INT(ERROR_UNAUTHENTICATED, decide(w, &RUNS, l.ask));
}

/* Nothing is known of the peer then, so nobody is told to sign in. */
TEST(a_host_without_descriptors_says_later)
{
    WORLD(w);
    CLEANUP(loopback_end) struct loopback l;
    loopback_new(w, &l);
    struct rlimit before;

    CHECK(getrlimit(RLIMIT_NOFILE, &before) == 0);
    const struct rlimit none = {.rlim_cur = 0, .rlim_max = before.rlim_max};
    CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
    enum error_code code = decide(w, &RUNS, l.ask);
    CHECK(setrlimit(RLIMIT_NOFILE, &before) == 0);
    CHECK_INT(ERROR_UNAVAILABLE, code);
    CHECK_INT(ERROR_NONE, decide(w, &RUNS, l.ask));
}

TEST(a_connection_is_asked_about_once_and_another_one_anew)
{
    WORLD(w);
    CLEANUP(loopback_end) struct loopback l;
    loopback_new(w, &l);

    l.ask.peer.number = 7;
    CHECK_INT(ERROR_NONE, decide(w, &RUNS, l.ask));
    fd_close(&l.client);
    CHECK_INT(ERROR_NONE, decide(w, &RUNS, l.ask)); /* what it sent before it hung up */
    l.ask.peer.number = 7 + PEER_CACHE;
    CHECK_INT(ERROR_UNAUTHENTICATED, decide(w, &RUNS, l.ask));
}

TEST(without_anonymous_the_plain_listener_asks_for_a_token_too)
{
    WORLD(w);
    CLEANUP(loopback_end) struct loopback l;
    loopback_new(w, &l);

    w->identity->anonymous = false;
    CHECK_INT(ERROR_UNAUTHENTICATED, decide(w, &RUNS, l.ask));
    CHECK_INT(ERROR_NONE, decide(w, &RUNS, with_token(l.ask, w, admin_token(w))));
    CHECK_INT(CALLER_ADMIN, w->call.caller.kind);
}

/* --- Signatures ----------------------------------------------------------------------------------
 */

static int take_sas(struct call *call, struct caller *out, void *context, struct error *err)
{
    bool *good = context;

    CHECK(call->route == &BLOB);
    if (!*good)
        return error_set(err, ERROR_FORBIDDEN, "", "The signature does not match.");
    *out =
        (struct caller){.kind = CALLER_SAS, .container = STR("azureml-0"), .permissions = STR("r")};
    return 0;
}

TEST(a_signature_is_asked_of_its_owner_on_blob_rows_only)
{
    WORLD(w);
    bool good = true;
    struct guard_ask ask = over_tls("GET", "/azureml-0/x");

    ask.signed_query = true;
    CHECK_INT(ERROR_UNAUTHENTICATED, decide(w, &BLOB, ask)); /* nobody checks yet */
    identity_on_sas(w->identity, take_sas, &good);
    CHECK_INT(ERROR_NONE, decide(w, &BLOB, ask));
    CHECK_INT(CALLER_SAS, w->call.caller.kind);
    CHECK_INT(ERROR_UNAUTHENTICATED, decide(w, &ARM, ask));
    good = false;
    CHECK_INT(ERROR_FORBIDDEN, decide(w, &BLOB, ask));
}

TEST(a_shared_key_is_asked_of_the_same_owner_and_opens_blob_rows_only)
{
    WORLD(w);
    bool good = true;
    struct guard_ask ask = over_tls("GET", "/azureml-0/x");

    ask.authorization = STR("SharedKey lz0:c2ln");
    ask.authorization_count = 1;
    CHECK_INT(ERROR_UNAUTHENTICATED, decide(w, &BLOB, ask)); /* nobody checks yet */
    identity_on_sas(w->identity, take_sas, &good);
    CHECK_INT(ERROR_NONE, decide(w, &BLOB, ask));
    CHECK_INT(CALLER_SAS, w->call.caller.kind);
    CHECK_INT(ERROR_UNAUTHENTICATED, decide(w, &ARM, ask));
    good = false;
    CHECK_INT(ERROR_FORBIDDEN, decide(w, &BLOB, ask));
    ask.peer.unix_socket = true; /* nor does the socket's owner help a wrong one */
    CHECK_INT(ERROR_FORBIDDEN, decide(w, &BLOB, ask));
}

/* --- The identity's own file ---------------------------------------------------------------------
 */

TEST(tenant_admin_and_epoch_outlive_a_restart)
{
    WORLD(w);
    struct str token = admin_token(w);
    struct identity_options options = {
        .dir = w->dir, .store = w->store, .domain = STR("lazurite.test"), .default_scope = 1};

    CLEANUP(identity_close) struct identity *again = identity_open(&options, NULL, &w->err);
    CHECK(again != NULL);
    CHECK(str_eq(identity_tenant(again), identity_tenant(w->identity)));
    identity_close(&w->identity);
    w->identity = again;
    again = NULL;
    CHECK_INT(ERROR_MISDIRECTED, decide(w, &LOCAL, with_token(over_tls("GET", "/x"), w, token)));
    static const struct str HOST[] = {STR_INIT("localhost:10443")};
    identity_set_hosts(w->identity, HOST, 1);
    CHECK_INT(ERROR_NONE, decide(w, &LOCAL, with_token(over_tls("GET", "/x"), w, token)));
}

TEST(a_broken_identity_file_is_named)
{
    WORLD(w);
    struct identity_options options = {
        .dir = -1, .store = w->store, .domain = STR("lazurite.test")};
    CLEANUP(fd_close) int dir = dir_open_at(w->dir, "broken", 0700, &w->err);
    CLEANUP(fd_close) int keys = dir_open_at(dir, "keys", 0700, &w->err);

    CHECK_OK(file_write_atomic(dir, "keys/identity.json", STR("{}"), 0600, &w->err), &w->err);
    options.dir = dir;
    CHECK(identity_open(&options, NULL, &w->err) == NULL);
    CHECK_INT(ERROR_CORRUPT, w->err.code);
    CHECK(strstr(w->err.message, "keys/identity.json") != NULL);
}

TEST(a_token_needs_a_future_and_an_attempt_its_number)
{
    WORLD(w);
    struct str token;
    struct token_claims claims = {.subject = STR("x"), .object_id = STR("x"), .expires_us = NOW_US};

    CHECK_ERROR(ERROR_INVALID, identity_mint(w->identity, w->arena, &claims, &token, &w->err),
                &w->err);
    claims.expires_us = NOW_US + US_PER_S;
    claims.run = STR("calm_owl");
    CHECK_ERROR(ERROR_INVALID, identity_mint(w->identity, w->arena, &claims, &token, &w->err),
                &w->err);
}

struct many {
    int64_t first;
    int count;
};

static int insert_many(struct store_txn *txn, void *context, struct error *err)
{
    struct many *many = context;

    for (int i = 0; i < many->count; i++) {
        struct str name = arena_printf(store_arena(txn), "ws%d", i);
        struct scope scope = {.kind = SCOPE_WORKSPACE,
                              .subscription = STR("s"),
                              .group = STR("g"),
                              .name = name,
                              .guid = name,
                              .data_key = STR("k")};
        if (scope_insert(txn, &scope, err) < 0)
            return -1;
        if (i == 0)
            many->first = scope.number;
    }
    return 0;
}

TEST(more_workspaces_than_the_cache_holds_keep_their_own_words)
{
    WORLD(w);
    struct many many = {.count = 3 * SCOPE_CACHE};
    struct scope_words words;
    char name[20];

    CHECK_OK(store_write(w->store, insert_many, &many, &w->err), &w->err);
    CHECK(!guard_scope_cached(w->identity, w->arena, many.first, &words));
    size_t before = arena_used(w->identity->arena);
    for (int i = 0; i < 5 * many.count; i++) {
        clock_test_set(NOW_US + i);
        snprintf(name, sizeof(name), "ws%d", i % many.count);
        CHECK_OK(
            guard_scope_words(w->identity, w->arena, many.first + i % many.count, &words, &w->err),
            &w->err);
        CHECK_STR(name, words.name);
        CHECK_STR("g", words.group);
        /* What was just read is there without asking again. */
        CHECK(guard_scope_cached(w->identity, w->arena, many.first + i % many.count, &words));
        CHECK_STR(name, words.name);
    }
    /* However long a server runs. */
    CHECK_INT(before, arena_used(w->identity->arena));
    CHECK_ERROR(ERROR_NOT_FOUND,
                guard_scope_words(w->identity, w->arena, many.first + many.count, &words, &w->err),
                &w->err);
    CHECK_ERROR(ERROR_NOT_FOUND, guard_scope_words(w->identity, w->arena, 0, &words, &w->err),
                &w->err);
}
