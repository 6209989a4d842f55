#include "blob/fixture_test.h"

#include "base/test.h"
#include "identity/grant.h"
#include "identity/identity.h"
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
    identity_close(&(*f)->engines.identity);
    content_close(&(*f)->engines.content);
    store_close(&(*f)->engines.store);
    vault_close(&(*f)->engines.vault);
    fd_close(&(*f)->dir);
    arena_free(&arena);
}

void blob_with_people(struct blob_fixture *f)
{
    struct error err = {0};
    const struct identity_options options = {.dir = f->dir,
                                             .store = f->engines.store,
                                             .domain = STR("lazurite.test"),
                                             .default_scope = 1};

    f->engines.identity = identity_open(&options, NULL, &err);
    CHECK(f->engines.identity && identity_ready(f->engines.identity));
}

struct str blob_new_user(struct blob_fixture *f, const char *role)
{
    struct identity *identity = f->engines.identity;
    int number = (int)(arena_used(f->arena) % 1000000);
    struct principal_wish user = {.kind = PRINCIPAL_USER,
                                  .name = arena_printf(f->arena, "u%d@lazurite.test", number),
                                  .actor = STR("t")};
    struct principal made;
    struct grant grant;
    struct error err = {0};

    CHECK_OK(principal_create(identity, f->arena, &user, &made, &err), &err);
    struct grant_wish wish = {.id = arena_printf(f->arena, "00000000-0000-0000-0000-%012d", number),
                              .scope = STR("/subscriptions/s/resourceGroups/g/providers/"
                                           "Microsoft.MachineLearningServices/workspaces/w"),
                              .principal = made.object_id,
                              .actor = STR("t")};
    if (role) {
        wish.role = role_find(str_from(role))->id;
        CHECK_OK(grant_put(identity, f->arena, &wish, &grant, &err), &err);
    }
    return made.object_id;
}

void blob_as_user(struct blob_fixture *f, struct str object_id)
{
    const struct caller caller = {.kind = CALLER_USER, .name = STR("ana"), .object_id = object_id};

    fake_caller(f->fake, &caller);
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
