#include "endpoint/fixture_test.h"

#include "identity/assigned.h"
#include "identity/identity.h"
#include "os/file.h"
#include "vault/vault.h"

#include <stdio.h>
#include <unistd.h>

struct fixture_backend backend;

void write_record(struct str replica, const char *file, const char *text)
{
    char path[100];
    struct error err = {0};

    snprintf(path, sizeof(path), "runs/%.*s/%s", STR_ARG(replica), file);
    CHECK_OK(file_write_atomic(backend.dir, path, str_from(text), 0600, &err), &err);
}

static int fake_start(const struct compute_start *start, struct process_id *out, struct error *err)
{
    char path[100];

    if (backend.refuse)
        return error_set(err, ERROR_INTERNAL, "", "No process can be started.");
    snprintf(path, sizeof(path), "runs/%.*s/runner.json", STR_ARG(start->attempt));
    if (file_write_atomic(backend.dir, path, STR("{\"pid\":1,\"startTime\":1,\"bootId\":\"b\"}"),
                          0600, err) < 0)
        return -1;
    backend.starts++;
    *out = (struct process_id){.pid = 1};
    return 0;
}

static bool fake_alive(const struct process_id *)
{
    return backend.alive;
}

static int fake_stop(const struct compute_start *, const struct process_id *, bool, struct error *)
{
    backend.stops++;
    backend.alive = false;
    return 0;
}

static const struct compute_backend FAKE = {"fake", fake_start, fake_alive, fake_stop};

static int make_documents(struct store_txn *txn, void *context, struct error *err)
{
    struct world *w = context;

    w->scope.subscription = STR("s");
    w->scope.group = STR("g");
    w->scope.name = STR("w");
    w->scope.guid = STR("0123abcd-0000-4000-8000-000000000001");
    w->scope.kind = SCOPE_WORKSPACE;
    if (scope_insert(txn, &w->scope, err) < 0)
        return -1;
    w->endpoint = (struct document){.scope = w->scope.number,
                                    .type = ENDPOINT_TYPE,
                                    .name = STR("ep"),
                                    .body = STR("{\"properties\":{\"traffic\":{\"BLUE\":100}}}")};
    const struct assigned_wish identity = {
        .id = arena_printf(store_arena(txn), "%.*s/onlineEndpoints/ep",
                           STR_ARG(scope_arm_id(store_arena(txn), &w->scope))),
        .display = STR("w/onlineEndpoints/ep"),
        .object_id = STR("aaaaaaaa-0000-4000-8000-000000000001"),
        .client_id = STR("aaaaaaaa-0000-4000-8000-000000000002"),
        .actor = STR("test")};
    if (assigned_ensure(txn, &identity, err) < 0 || document_insert(txn, &w->endpoint, err) < 0 ||
        endpoint_make_keys(w->endpoints, txn, &w->scope, &w->endpoint, err) < 0)
        return -1;
    w->deployment = (struct document){.scope = w->scope.number,
                                      .type = DEPLOYMENT_TYPE,
                                      .parent = w->endpoint.doc,
                                      .name = STR("blue"),
                                      .body = STR("{}")};
    return document_insert(txn, &w->deployment, err);
}

static int insert_plan(struct store_txn *txn, void *context, struct error *err)
{
    struct world *w = context;

    return deployment_insert(txn, &w->deployment, w->plan, err);
}

void roll(struct world *w, const char *plan)
{
    struct error err = {0};

    w->plan = json_parse(w->arena, str_from(plan), &err);
    CHECK(w->plan);
    CHECK_OK(store_write(w->store, insert_plan, w, &err), &err);
}

struct world *world_open_on(const char *url)
{
    struct arena *arena = arena_new(16 * MIB);
    struct world *w = arena_make(arena, struct world);
    struct error err = {0};

    w->arena = arena;
    backend.dir = dir_open(test_folder(), &err);
    backend.starts = backend.stops = 0;
    backend.alive = true;
    backend.refuse = false;
    CHECK_OK(dir_remove_tree(backend.dir, "runs", &err), &err);
    CHECK_OK(store_open(url, NULL, &w->store, &err), &err);
    w->vault = vault_open(backend.dir, &err);
    const struct identity_options identity = {
        .dir = backend.dir, .store = w->store, .domain = STR("lazurite.test")};
    w->identity = identity_open(&identity, NULL, &err);
    CHECK(w->vault && w->identity);
    w->endpoints = endpoints_new(&(struct endpoints_options){.store = w->store,
                                                             .vault = w->vault,
                                                             .identity = w->identity,
                                                             .dir = backend.dir,
                                                             .dir_path = test_folder(),
                                                             .sandbox = true});
    w->endpoints->backend = &FAKE;
    endpoints_set_server(w->endpoints, STR("/s/run/lazurite.sock"), STR("localhost:10443"));
    CHECK_OK(vault_new_data_key(w->vault, w->arena, &w->scope.data_key, &err), &err);
    CHECK_OK(store_write(w->store, make_documents, w, &err), &err);
    return w;
}

struct world *world_open(void)
{
    return world_open_on("memory:");
}

void world_close(struct world **w)
{
    struct arena *arena = (*w)->arena;

    endpoints_free(&(*w)->endpoints);
    identity_close(&(*w)->identity);
    store_close(&(*w)->store);
    vault_close(&(*w)->vault);
    fd_close(&backend.dir);
    arena_free(&arena);
}

struct endpoint_view *look(struct world *w)
{
    struct endpoint_view *all = NULL;
    struct error err = {0};

    CHECK_OK(rollout_read_all(w->endpoints, w->arena, &all, &err), &err);
    CHECK(all && !all->sibling);
    return all;
}

struct rollout *step(struct world *w, bool *out_more)
{
    struct endpoint_view *all = look(w);
    bool more = rollout_step(w->endpoints, w->arena, all, all->rollouts);

    if (out_more)
        *out_more = more;
    return look(w)->rollouts;
}

struct str name_at(const struct rollout *rollout, const char *path)
{
    struct str name = json_str_at(rollout->body, path);

    CHECK_INT(9, name.len);
    return name;
}

struct rollout *bring_up(struct world *w)
{
    struct rollout *rollout = step(w, NULL);

    write_record(name_at(rollout, "next[0]"), "score.json", "{\"state\":\"ready\"}");
    write_record(name_at(rollout, "next[1]"), "score.json", "{\"state\":\"ready\"}");
    return step(w, NULL);
}
