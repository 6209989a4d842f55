#include "asset/asset.h"

#include "base/test.h"

static const struct scope SCOPE = {
    .number = 1,
    .subscription = STR_INIT("s1"),
    .group = STR_INIT("rg"),
    .name = STR_INIT("ws"),
    .guid = STR_INIT("0123abcd-0000-4000-8000-000000000001"),
};

TEST(containers_and_account_carry_the_guid)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct str upload = asset_upload_container(arena, &SCOPE), guid;

    CHECK_STR("azureml-0123abcd-0000-4000-8000-000000000001", asset_artifact_container(arena, &SCOPE));
    CHECK_STR("azureml-blobstore-0123abcd-0000-4000-8000-000000000001",
              asset_blob_container(arena, &SCOPE));
    CHECK_STR("lz0123abcd000040008000", asset_account(arena, &SCOPE));
    CHECK(upload.len <= 63);
    CHECK(asset_container_guid(upload, &guid));
    CHECK_STR("0123abcd-0000-4000-8000-000000000001", guid);
    CHECK(asset_container_guid(asset_artifact_container(arena, &SCOPE), &guid));
    CHECK(asset_container_guid(asset_blob_container(arena, &SCOPE), &guid));
    CHECK_STR("0123abcd-0000-4000-8000-000000000001", guid);
    CHECK(!str_eq(upload, asset_upload_container(arena, &SCOPE)));
}

TEST(other_containers_are_not_ours)
{
    static const char *const NAMES[] = {"", "azureml-", "azureml-blobstore-", "azureml-ws",
                                        "azureml-0123abcd-0000-4000-8000-00000000000",
                                        "azureml-0123abcd-0000-4000-8000-000000000001x",
                                        "azureml-0123ABCD-0000-4000-8000-000000000001",
                                        "x0123abcd-0000-4000-8000-000000000001"};
    struct str guid;

    for (size_t i = 0; i < COUNT(NAMES); i++)
        CHECK(!asset_container_guid(str_from(NAMES[i]), &guid));
}
