#include "kinds/space_test.h"

#include "asset/asset.h"
#include "base/test.h"
#include "content/content.h"
#include "kinds/registry_data.h"
#include "kinds/storage_account.h"
#include "kinds/template.h"
#include "kinds/workspace.h"
#include "kinds/workspace_dependent.h"
#include "kinds/workspace_group.h"
#include "os/file.h"
#include "vault/vault.h"

static const struct arm_kind *const KINDS[] = {
    &workspace_kind,           &registry_kind, &datastore_kind,     &code_kind,
    &code_version_kind,        &data_kind,     &data_version_kind,  &environment_kind,
    &environment_version_kind, &model_kind,    &model_version_kind, &compute_kind,
};

struct fixture *fixture_open(void)
{
    struct arena *arena = arena_new(MIB);
    struct fixture *f = arena_make(arena, struct fixture);
    struct error err = {0};
    struct scope registry;

    f->arena = arena;
    f->dir = f->engines.dir = dir_open(test_folder(), &err);
    CHECK_OK(store_open("memory:", NULL, &f->engines.store, &err), &err);
    f->engines.vault = vault_open(f->dir, &err);
    f->engines.content = content_open(f->dir, f->engines.store, &err);
    f->engines.domain = STR("lazurite.test");
    f->engines.sandbox = true;
    CHECK_OK(workspace_make_default(&f->engines, arena, &f->scope, &err), &err);
    CHECK_OK(registry_make_builtin(&f->engines, arena, &registry, &err), &err);
    f->arm = arm_new(KINDS, COUNT(KINDS), &f->engines);
    const struct route_table tables[] = {arm_routes(f->arm),
                                         template_routes(f->arm),
                                         workspace_group_routes(f->arm),
                                         workspace_dependent_routes(f->arm),
                                         registry_data_routes(f->arm),
                                         storage_account_routes(f->arm)};
    f->fake = fake_new(tables, COUNT(tables));
    return f;
}

void fixture_close(struct fixture **f)
{
    struct arena *arena = (*f)->arena;

    fake_free(&(*f)->fake);
    arm_free(&(*f)->arm);
    content_close(&(*f)->engines.content);
    vault_close(&(*f)->engines.vault);
    store_close(&(*f)->engines.store);
    fd_close(&(*f)->dir);
    arena_free(&arena);
}

struct fake_reply fixture_put(struct fixture *f, const char *path, const char *body)
{
    return fake_json(f->fake, "PUT", path, body);
}

struct fake_reply fixture_get(struct fixture *f, const char *path)
{
    return fake_send(f->fake, "GET", path, STR(""));
}
