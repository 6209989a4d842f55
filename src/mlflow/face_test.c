#include "mlflow/face_test.h"

#include "content/content.h"
#include "os/file.h"
#include "store/document.h"
#include "vault/vault.h"

#include <stdio.h>

#define GUID "0123abcd-0000-4000-8000-00000000000"

static int insert_scope(struct store_txn *txn, struct scope *scope, struct error *err)
{
    struct document store = {.type = STR("datastores"),
                             .name = STR("workspaceartifactstore"),
                             .created_by = STR("t"),
                             .system = STR("{}")};

    if (scope_insert(txn, scope, err) < 0 || experiment_make_default(txn, scope->number, err) < 0)
        return -1;
    store.scope = scope->number;
    store.body =
        arena_printf(store_arena(txn), "{\"properties\":{\"containerName\":\"azureml-%.*s\"}}",
                     STR_ARG(scope->guid));
    return document_insert(txn, &store, err);
}

static int insert_scopes(struct store_txn *txn, void *context, struct error *err)
{
    struct face *face = context;

    face->scope = (struct scope){.kind = SCOPE_WORKSPACE,
                                 .subscription = STR("s"),
                                 .group = STR("g"),
                                 .name = STR("w"),
                                 .guid = STR(GUID "1")};
    face->second = face->scope;
    face->second.name = STR("w2");
    face->second.guid = STR(GUID "2");
    return insert_scope(txn, &face->scope, err) < 0 ? -1 : insert_scope(txn, &face->second, err);
}

struct face *face_open(void)
{
    struct arena *arena = arena_new(64 * MIB);
    struct face *face = arena_make(arena, struct face);
    struct error err = {0};

    face->arena = arena;
    face->dir = dir_open(test_folder(), &err);
    CHECK_OK(store_open("memory:", NULL, &face->engines.store, &err), &err);
    face->engines.vault = vault_open(face->dir, &err);
    face->engines.content = content_open(face->dir, face->engines.store, &err);
    face->engines.tracking = tracking_open(face->engines.store, &err);
    face->engines.domain = STR("lazurite.test");
    CHECK(face->engines.vault && face->engines.content && face->engines.tracking);
    CHECK_OK(store_write(face->engines.store, insert_scopes, face, &err), &err);
    face->mlflow = mlflow_new(
        &(struct mlflow_options){.engines = &face->engines, .default_scope = face->scope.number});
    struct route_table table = mlflow_routes(face->mlflow);
    face->fake = fake_new(&table, 1);
    return face;
}

void face_close(struct face **face)
{
    struct arena *arena = (*face)->arena;

    fake_free(&(*face)->fake);
    mlflow_free(&(*face)->mlflow);
    tracking_close(&(*face)->engines.tracking);
    content_close(&(*face)->engines.content);
    vault_close(&(*face)->engines.vault);
    store_close(&(*face)->engines.store);
    fd_close(&(*face)->dir);
    arena_free(&arena);
}

struct json *face_ask(struct face *face, int status, const char *method, const char *path,
                      const char *body)
{
    struct fake_reply reply = fake_json(face->fake, method, path, body);

    if (reply.status != status)
        printf("%s %s: %.*s\n", method, path, STR_ARG(reply.body));
    CHECK_INT(status, reply.status);
    return reply.json ? json_copy(face->arena, reply.json) : NULL;
}

struct json *face_get(struct face *face, const char *path)
{
    return face_ask(face, 200, "GET", path, "");
}

void face_refuses(struct face *face, const char *path, const char *body, const char *code,
                  const char *sentence)
{
    struct fake_reply reply = fake_json(face->fake, "POST", path, body);
    struct str message = json_str_at(reply.json, "message");

    if (reply.status / 100 != 4 || str_find(message, str_from(sentence)) < 0)
        printf("%s %s: %d %.*s\n", path, body, reply.status, STR_ARG(reply.body));
    CHECK_INT(4, reply.status / 100);
    CHECK_STR(code, json_str_at(reply.json, "error_code"));
    CHECK(str_find(message, str_from(sentence)) >= 0);
}

struct str face_run(struct face *face, const char *experiment, const char *name)
{
    struct json *made = face_ask(face, 200, "POST", API "/runs/create",
                                 arena_printf(face->arena,
                                              "{\"experiment_id\":\"%s\",\"run_name\":\"%s\","
                                              "\"start_time\":1}",
                                              experiment, name)
                                     .ptr);

    return json_str_at(made, "run.info.run_id");
}

const char *face_fill(struct face *face, const char *text, struct str value)
{
    struct str rest = str_from(text), head, tail, all = STR("");

    while (str_cut(rest, '$', &head, &tail)) {
        all =
            arena_printf(face->arena, "%.*s%.*s%.*s", STR_ARG(all), STR_ARG(head), STR_ARG(value));
        rest = tail;
    }
    return arena_printf(face->arena, "%.*s%.*s", STR_ARG(all), STR_ARG(rest)).ptr;
}

void face_be_job(struct face *face, struct str run)
{
    struct caller caller = {.kind = run.len ? CALLER_ATTEMPT : CALLER_ADMIN,
                            .name = run.len ? run : STR("admin"),
                            .scope = run.len ? face->scope.number : 0,
                            .run = run,
                            .attempt = run.len > 0};

    fake_caller(face->fake, &caller);
}
