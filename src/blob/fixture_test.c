#include "blob/fixture_test.h"

#include "base/test.h"
#include "os/file.h"
#include "vault/vault.h"

#define JOB_BODY                                                                        \
    "{\"properties\":{},\"resolved\":{\"outputs\":{\"parts\":{\"container\":\"azureml-" \
    "blobstore-" GUID "\",\"prefix\":\"azureml/calm_owl/parts\"}}}}"

static int insert_scope(struct store_txn *txn, void *, struct error *err)
{
    struct scope scope = {.kind = SCOPE_WORKSPACE,
                          .subscription = STR("s"),
                          .group = STR("g"),
                          .name = STR("w"),
                          .guid = STR(GUID)};
    struct document job = {.type = STR("jobs"),
                           .name = STR("calm_owl"),
                           .created_by = STR("t"),
                           .system = STR("{}"),
                           .body = STR(JOB_BODY)};

    if (scope_insert(txn, &scope, err) < 0)
        return -1;
    job.scope = scope.number;
    return document_insert(txn, &job, err);
}

struct blob_fixture *blob_fixture_open(void)
{
    struct arena *arena = arena_new(MIB);
    struct blob_fixture *f = arena_make(arena, struct blob_fixture);
    struct error err = {0};

    f->arena = arena;
    f->dir = dir_open(test_folder(), &err);
    CHECK_OK(store_open("memory:", NULL, &f->engines.store, &err), &err);
    f->engines.vault = vault_open(f->dir, &err);
    f->engines.content = content_open(f->dir, f->engines.store, &err);
    CHECK(f->engines.vault && f->engines.content);
    CHECK_OK(store_write(f->engines.store, insert_scope, NULL, &err), &err);
    struct route_table table = blob_routes(&f->engines);
    f->fake = fake_new(&table, 1);
    fake_header(f->fake, "x-ms-blob-type", "BlockBlob");
    return f;
}

void blob_fixture_close(struct blob_fixture **f)
{
    struct arena *arena = (*f)->arena;

    fake_free(&(*f)->fake);
    content_close(&(*f)->engines.content);
    store_close(&(*f)->engines.store);
    vault_close(&(*f)->engines.vault);
    fd_close(&(*f)->dir);
    arena_free(&arena);
}

int blob_put_text(struct blob_fixture *f, const char *target, const char *text)
{
    return fake_send(f->fake, "PUT", target, str_from(text)).status;
}

struct fake_reply blob_get_text(struct blob_fixture *f, const char *target)
{
    return fake_send(f->fake, "GET", target, STR(""));
}

bool blob_holds(struct str text, const char *part)
{
    return str_find(text, str_from(part)) >= 0;
}

int blob_put_with(struct blob_fixture *f, const char *target, const char *header, const char *value)
{
    fake_header(f->fake, header, value);
    int status = blob_put_text(f, target, "");
    fake_header(f->fake, header, NULL);
    return status;
}

void blob_as_sas(struct blob_fixture *f, const char *container, const char *permissions)
{
    const struct caller caller = {.kind = CALLER_SAS,
                                  .name = STR("sas"),
                                  .container = str_from(container),
                                  .permissions = str_from(permissions)};

    fake_caller(f->fake, &caller);
}

struct str blob_code(struct blob_fixture *f)
{
    return fake_reply_header(f->fake, "x-ms-error-code");
}
