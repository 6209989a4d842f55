/* replica.c - the run folders of replicas: what is written into them, how their runners do, their
 * end */
#include "endpoint/internal.h"

#include "base/log.h"
#include "base/map.h"
#include "identity/assigned.h"
#include "identity/identity.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/random.h"

#include <assert.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A replica brings its model and code with it. */
#define TOKEN_US (30LL * 24 * 3600 * US_PER_S)
#define HARD_AFTER_US (20 * US_PER_S)  /* from SIGTERM until it is ended the hard way */
#define START_GRACE_US (10 * US_PER_S) /* a runner has this long to say who it is */
#define NAME_BYTES 9
#define RECORD_BYTES (64 * KIB)

/* A folder and what this process knows of it; the rest is in the folder. */
struct replica {
    struct replica *next;
    char name[NAME_BYTES + 1];
    int64_t started_us; /* by this process; 0: found */
    int64_t ended_us;   /* asked to end */
};

/* 32 random bits: names are never given twice within a folder's life, as far as anybody will see.
 * */
struct str replica_name(struct arena *arena)
{
    return arena_printf(arena, "d%s", random_hex(arena, 4).ptr);
}

/* Names become paths and are read from folders, so nothing but our own form passes. */
static bool is_replica_name(struct str name)
{
    if (name.len != NAME_BYTES || name.ptr[0] != 'd')
        return false;
    for (size_t i = 1; i < name.len; i++)
        if (!strchr("0123456789abcdef", name.ptr[i]))
            return false;
    return true;
}

/* The replica's run folder as the backend wants it told. */
static struct compute_start folder_of(const struct endpoints *endpoints, struct str name)
{
    assert(is_replica_name(name));
    return (struct compute_start){
        .dir = endpoints->options.dir, .dir_path = endpoints->options.dir_path, .attempt = name};
}

/* What this process knows of the folder; met for the first time, it is remembered. */
static struct replica *replica_of(struct endpoints *endpoints, struct str name)
{
    struct replica *replica;

    assert(is_replica_name(name));
    for (replica = endpoints->replicas; replica; replica = replica->next)
        if (str_eq(str_from(replica->name), name))
            return replica;
    replica = calloc(1, sizeof(*replica));
    if (!replica)
        abort();
    memcpy(replica->name, name.ptr, NAME_BYTES);
    replica->next = endpoints->replicas;
    endpoints->replicas = replica;
    return replica;
}

/* Tokens of replicas that are being started or serve are good; of others not. Requests ask on other
 * threads, hence the lock. */
static void set_alive(struct endpoints *endpoints, struct str name, bool alive)
{
    assert(is_replica_name(name));
    pthread_mutex_lock(&endpoints->lock);
    if (alive)
        map_set(endpoints->alive, name, endpoints);
    else
        map_remove(endpoints->alive, name);
    pthread_mutex_unlock(&endpoints->lock);
}

/* Asked by the guard for each call of a replica. */
int endpoints_attempt_alive(int64_t, struct str run, int, void *context)
{
    struct endpoints *endpoints = context;
    struct str prefix = STR("endpoint:");

    assert(context);
    if (!str_starts(run, prefix))
        return 0;
    pthread_mutex_lock(&endpoints->lock);
    int alive = map_get(endpoints->alive, str_slice(run, prefix.len, run.len)) != NULL;
    pthread_mutex_unlock(&endpoints->lock);
    return alive;
}

/* --- spec.json -----------------------------------------------------------------------------------
 */

/* What a scoring script makes is made by its endpoint's identity, as in Azure; an endpoint without
 * one is named itself. */
static struct maker maker_of_endpoint(struct endpoints *endpoints, struct arena *arena,
                                      const struct endpoint_view *endpoint)
{
    CLEANUP(store_read_end)
    struct store_txn *txn = store_read_begin(endpoints->options.store, NULL);
    struct str id = arena_printf(arena, "%.*s/onlineEndpoints/%.*s",
                                 STR_ARG(scope_arm_id(arena, &endpoint->scope)),
                                 STR_ARG(endpoint->document.name));
    struct principal who;

    assert(endpoint);
    if (!txn || assigned_find(txn, id, &who, NULL) < 0)
        return (struct maker){MAKER_IDENTITY, endpoint->document.name};
    return (struct maker){MAKER_IDENTITY, arena_str(arena, who.client_id)};
}

/* A token that is good for this replica alone, and only while a roll-out lists it: see
 * endpoints_attempt_alive. */
static int spec_token(struct endpoints *endpoints, struct arena *arena,
                      const struct replica_order *order, struct str *out, struct error *err)
{
    struct str run = arena_printf(arena, "endpoint:%.*s", STR_ARG(order->name));
    const struct token_claims claims = {
        .audience = identity_audience(endpoints->options.identity),
        .subject = run,
        .object_id = order->endpoint->scope.guid,
        .name = run,
        .expires_us = clock_now_us() + TOKEN_US,
        .scope = order->endpoint->scope.number,
        .run = run,
        .attempt = 1,
        .maker = maker_of_endpoint(endpoints, arena, order->endpoint),
    };

    assert(order->endpoint->scope.number > 0);
    if (!identity_ready(endpoints->options.identity))
        return error_set(err, ERROR_UNAVAILABLE, "", "The server's keys are still being made.");
    return identity_mint(endpoints->options.identity, arena, &claims, out, err);
}

/* An option and its value. */
static void argv_add(struct arena *arena, struct json *argv, const char *name, struct str value)
{
    assert(name[0]);
    assert(argv);
    json_append(arena, argv, json_text(arena, str_from(name)));
    json_append(arena, argv, json_text(arena, value));
}

/* The command the runner starts; {folder} and {environment} are its to fill in. */
static struct json *spec_argv(struct arena *arena, const struct json *plan)
{
    struct json *argv = json_array(arena);
    struct str script = json_str_at(plan, "script");

    assert(json_str_at(plan, "engine").len > 0);
    json_append(arena, argv, json_text(arena, process_self(arena)));
    argv_add(arena, argv, "score", STR("{folder}"));
    argv_add(arena, argv, "--engine", json_str_at(plan, "engine"));
    argv_add(arena, argv, "--environment", STR("{environment}"));
    if (script.len)
        argv_add(arena, argv, "--script", script);
    return argv;
}

/* As which user, and behind which walls (decisions 29). */
static struct json *spec_isolation(const struct endpoints *endpoints, struct arena *arena,
                                   struct str name)
{
    struct json *isolation = json_object(arena);
    uint64_t number = strtoull(arena_cstr(arena, str_slice(name, 1, name.len)), NULL, 16);

    assert(is_replica_name(name));
    json_set_str(arena, isolation, "mode",
                 endpoints->options.separate_users ? STR("separate") : STR("same-user"));
    /* Beside the user ids of jobs, which are the first ten thousand. */
    json_set_int(arena, isolation, "uid",
                 endpoints->options.separate_users
                     ? (int64_t)endpoints->options.uid_first + 10000 + (int64_t)(number % 10000)
                     : 0);
    json_set_bool(arena, isolation, "sandbox", endpoints->options.sandbox);
    return isolation;
}

/* The members that come straight from the plan. */
static void spec_from_plan(struct arena *arena, struct json *spec, const struct json *plan)
{
    static const char *const SAME[] = {"environment", "notes", "code", "variables"};
    struct json *inputs = json_object(arena);

    for (size_t i = 0; i < COUNT(SAME); i++)
        if (json_at(plan, SAME[i]))
            json_set(arena, spec, str_from(SAME[i]), json_copy(arena, json_at(plan, SAME[i])));
    if (json_at(plan, "model"))
        json_set(arena, inputs, STR("model"), json_copy(arena, json_at(plan, "model")));
    json_set(arena, spec, STR("inputs"), inputs);
    json_set(arena, spec, STR("outputs"), json_object(arena));
    json_set(arena, spec, STR("limits"), json_object(arena));
    json_set(arena, spec, STR("argv"), spec_argv(arena, plan));
}

/* All the runner needs: it asks us for bytes, never for what to do. */
static struct json *spec_make(struct endpoints *endpoints, struct arena *arena,
                              const struct replica_order *order, struct error *err)
{
    const struct rollout *rollout = order->rollout;
    struct json *spec = json_object(arena), *server = json_object(arena);
    struct str token;

    if (spec_token(endpoints, arena, order, &token, err) < 0)
        return NULL;
    json_set_int(arena, spec, "version", 1);
    json_set_str(arena, spec, "kind", STR("replica"));
    json_set_str(arena, spec, "attempt", order->name);
    json_set_str(
        arena, spec, "name",
        arena_printf(arena, "%.*s/%.*s", STR_ARG(rollout->endpoint), STR_ARG(rollout->name)));
    json_set_int(arena, spec, "number", 1);
    json_set_str(arena, spec, "dataDir", str_from(endpoints->options.dir_path));
    json_set_str(arena, spec, "token", token);
    json_set_str(arena, server, "socket", endpoints->server_socket);
    json_set_str(arena, server, "host", endpoints->server_host);
    json_set(arena, spec, STR("server"), server);
    json_set(arena, spec, STR("isolation"), spec_isolation(endpoints, arena, order->name));
    spec_from_plan(arena, spec, json_at(rollout->body, "plan"));
    return spec;
}

/* --- Life ----------------------------------------------------------------------------------------
 */

/* May be called again after any failure or crash: what is there is not made twice. */
int replica_ensure(struct endpoints *endpoints, struct arena *arena,
                   const struct replica_order *order, struct error *err)
{
    struct str name = order->name;
    struct compute_start folder = folder_of(endpoints, name);
    struct str path = arena_printf(arena, "runs/%.*s/spec.json", STR_ARG(name));
    struct replica *replica = replica_of(endpoints, name);
    struct process_id runner;

    /* Before the runner starts: its first call may come before this function returns. */
    set_alive(endpoints, name, true);
    /* runner.json also stands there when an earlier process of ours started it. */
    if (replica->started_us || compute_read_runner(&folder, &runner, NULL) > 0)
        return 0;
    if (!file_exists(endpoints->options.dir, path.ptr)) {
        struct json *spec = spec_make(endpoints, arena, order, err);
        if (!spec || compute_make_folder(&folder, spec, err) < 0)
            return -1;
    }
    if (endpoints->backend->start(&folder, &runner, err) < 0)
        return -1;
    replica->started_us = clock_mono_us();
    LOG(LOG_INFO, "replica.started", LOG_STR("replica", name),
        LOG_STR("endpoint", order->rollout->endpoint), LOG_STR("deployment", order->rollout->name),
        LOG_INT("runner", runner.pid));
    return 0;
}

/* One of the replica's small JSON files; NULL when it is not there or not whole. */
static struct json *record_read(struct endpoints *endpoints, struct arena *arena, struct str name,
                                const char *file)
{
    struct str path = arena_printf(arena, "runs/%.*s/%s", STR_ARG(name), file), text;

    if (file_read(arena, endpoints->options.dir, path.ptr, RECORD_BYTES, &text, NULL) < 0)
        return NULL;
    return json_parse(arena, text, NULL);
}

/* What went wrong: the scoring program's own sentence is nearer to the cause than the runner's. */
static struct str failure_reason(const struct json *score, const struct json *exit)
{
    struct str reason = json_str_at(score, "reason");

    assert(exit);
    bool prepared = !str_eq(json_str_at(exit, "kind"), STR("prepare"));

    if (prepared && reason.len && str_eq(json_str_at(score, "state"), STR("failed")))
        return reason;
    reason = json_str_at(exit, "reason");
    return reason.len ? reason : STR("The replica ended before it was ready.");
}

/* A runner that died without a word (kill -9, a crash of ours) leaves no exit.json. */
static bool runner_gone(struct endpoints *endpoints, struct str name)
{
    struct compute_start folder = folder_of(endpoints, name);
    const struct replica *replica = replica_of(endpoints, name);
    struct process_id runner;

    if (compute_read_runner(&folder, &runner, NULL) > 0)
        return !endpoints->backend->alive(&runner);
    return replica->started_us && clock_mono_us() - replica->started_us > START_GRACE_US;
}

/* exit.json is the runner's last word and weighs most, then what the scoring program says of
 * itself. */
enum replica_state replica_look(struct endpoints *endpoints, struct arena *arena, struct str name,
                                struct str *out_reason)
{
    const struct json *score = record_read(endpoints, arena, name, "score.json");
    const struct json *exit = record_read(endpoints, arena, name, "exit.json");
    struct str state = json_str_at(score, "state");

    *out_reason = STR("The replica is being prepared.");
    if (exit) {
        *out_reason = failure_reason(score, exit);
        return REPLICA_FAILED;
    }
    if (str_eq(state, STR("failed"))) {
        *out_reason = json_str_at(score, "reason");
        return REPLICA_FAILED;
    }
    if (runner_gone(endpoints, name)) {
        *out_reason = STR("The replica's runner ended without a word.");
        return REPLICA_FAILED;
    }
    if (str_eq(state, STR("ready")))
        return REPLICA_READY;
    if (str_eq(state, STR("starting")))
        *out_reason = STR("The model is being loaded.");
    return REPLICA_PENDING;
}

/* At the start, so that what an earlier process left is either wanted by a document or ended. */
void replica_find_all(struct endpoints *endpoints)
{
    CLEANUP(fd_close) int runs = dir_open_at(endpoints->options.dir, "runs", 0700, NULL);
    struct dirent *entry;
    DIR *dir;

    if (runs < 0 || !(dir = fdopendir(runs)))
        return;
    while ((entry = readdir(dir)))
        if (is_replica_name(str_from(entry->d_name)))
            replica_of(endpoints, str_from(entry->d_name));
    closedir(dir); /* closes runs, too */
    runs = -1;
}

/* --- The end -------------------------------------------------------------------------------------
 */

/* Whether the list of names holds this one. */
static bool listed(const struct json *names, struct str name)
{
    struct json_iter it = json_iter(names);

    assert(name.len == NAME_BYTES);
    while (json_next(&it))
        if (str_eq(json_as_str(it.value), name))
            return true;
    return false;
}

/* Whether a roll-out lists the replica; *out_keep: only its folder is wanted, for the logs. */
static bool wanted_by(const struct endpoint_view *all, struct str name, bool *out_keep)
{
    *out_keep = false;
    for (const struct endpoint_view *endpoint = all; endpoint; endpoint = endpoint->sibling)
        for (const struct rollout *rollout = endpoint->rollouts; rollout;
             rollout = rollout->sibling) {
            if (listed(json_at(rollout->body, "serving"), name) ||
                listed(json_at(rollout->body, "next"), name))
                return true;
            *out_keep |= listed(json_at(rollout->body, "failed"), name);
        }
    return false;
}

/* True when its processes are gone. Asked at every turn: the first time it is asked to end, after
 * HARD_AFTER_US it is ended. */
static bool replica_end(struct endpoints *endpoints, struct replica *replica)
{
    struct compute_start folder = folder_of(endpoints, str_from(replica->name));
    struct process_id runner;
    int64_t now_us = clock_mono_us();
    struct error err = {0};

    assert(is_replica_name(str_from(replica->name)));
    if (compute_read_runner(&folder, &runner, NULL) <= 0)
        return !replica->started_us || now_us - replica->started_us > START_GRACE_US;
    if (!endpoints->backend->alive(&runner)) {
        /* What a killed runner left behind ends with it. */
        if (!replica->ended_us && endpoints->backend->stop(&folder, &runner, true, &err) < 0)
            log_error("replica.stop", &err);
        replica->ended_us = now_us;
        return true;
    }
    bool hard = replica->ended_us && now_us - replica->ended_us > HARD_AFTER_US;
    if (!replica->ended_us || hard) {
        if (endpoints->backend->stop(&folder, &runner, hard, &err) < 0)
            log_error("replica.stop", &err);
        if (!replica->ended_us)
            replica->ended_us = now_us;
    }
    return false;
}

/* A folder that cannot be removed is tried again: replica_find_all meets it at the next start. */
static void replica_remove(struct endpoints *endpoints, struct arena *arena,
                           const struct replica *replica)
{
    struct str path = arena_printf(arena, "runs/%s", replica->name);
    struct error err = {0};

    assert(replica->name[0] == 'd');
    if (dir_remove_tree(endpoints->options.dir, path.ptr, &err) < 0)
        log_error("replica.remove", &err);
    LOG(LOG_INFO, "replica.removed", LOG_TEXT("replica", replica->name));
}

/* Called after the gateway was told the routes, so that nothing is ended that it still uses. */
bool replica_reap(struct endpoints *endpoints, struct arena *arena, const struct endpoint_view *all)
{
    bool more = false, keep;

    for (struct replica **at = &endpoints->replicas; *at;) {
        struct replica *replica = *at;
        struct str name = str_from(replica->name);
        if (wanted_by(all, name, &keep)) {
            set_alive(endpoints, name, true);
            at = &replica->next;
            continue;
        }
        set_alive(endpoints, name, false);
        bool gone = replica_end(endpoints, replica);
        more |= !gone;
        if (!gone || keep) {
            at = &replica->next;
            continue;
        }
        replica_remove(endpoints, arena, replica);
        *at = replica->next;
        free(replica);
    }
    return more;
}

/* Forgets them; their processes go on. */
void replica_free_all(struct endpoints *endpoints)
{
    while (endpoints->replicas) {
        struct replica *replica = endpoints->replicas;
        endpoints->replicas = replica->next;
        free(replica);
    }
    assert(!endpoints->replicas);
}
