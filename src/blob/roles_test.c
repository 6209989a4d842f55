/* Users on the storage surface: their roles at the workspace decide, also for keys they lend. */
#include "blob/fixture_test.h"

#include "base/test.h"
#include "identity/principal.h"
#include "os/clock.h"

#define SCIENTIST "AzureML Data Scientist"
#define OPERATOR "AzureML Compute Operator"
#define ABSENT "/azureml-0123abcd-0000-4000-8000-000000000002"
#define OTHER_ACCOUNT "/lz99999999999999999999.blob.core.lazurite.test"
#define LEND ROOT "?restype=service&comp=userdelegationkey"

/* What each role opens: a status for each thing that is asked. */
struct asked {
    const char *method, *target;
    int reader, scientist, manager, nobody;
};

static const struct asked ASKED[] = {
    {"GET", BARE "/x", 200, 200, 403, 404},
    {"HEAD", LONG "/x", 200, 200, 403, 404},
    {"GET", BARE "?restype=container&comp=list", 200, 200, 403, 404},
    {"GET", LONG "/x?comp=blocklist", 200, 200, 403, 404},
    {"GET", ROOT "?comp=list", 200, 200, 403, 404},
    {"GET", ROOT "?comp=properties&restype=service", 200, 200, 403, 404},
    {"GET", BARE "/none", 404, 404, 403, 404},
    {"GET", ROOT "/none/x", 404, 404, 403, 404},
    {"PUT", BARE "/y", 403, 201, 403, 404},
    {"PUT", BARE "/y?comp=block&blockid=MQ%3D%3D", 403, 201, 403, 404},
    {"PUT", BARE "/x?comp=metadata", 403, 200, 403, 404},
    {"PUT", ROOT "/fresh?restype=container", 403, 201, 403, 404},
    {"DELETE", ROOT "/fresh?restype=container", 403, 202, 403, 404},
    {"DELETE", BARE "/y", 403, 202, 403, 404},
    {"GET", ABSENT "/x", 404, 404, 404, 404},
    {"PUT", ABSENT "/x", 404, 404, 404, 404},
    {"GET", OTHER_ACCOUNT BARE "/x", 404, 404, 404, 404},
    {"GET", OTHER_ACCOUNT "/mine/x", 404, 404, 404, 404},
    {"GET", OTHER_ACCOUNT "?comp=list", 404, 404, 404, 404},
};

static int status_of(struct blob_fixture *f, const struct asked *asked)
{
    return fake_send(f->fake, asked->method, asked->target, STR("")).status;
}

TEST(roles_open_what_they_say_and_the_rest_is_refused)
{
    CLEANUP(blob_fixture_close) struct blob_fixture *f = blob_fixture_open();

    blob_with_people(f);
    struct str reader = blob_new_user(f, "Reader"), scientist = blob_new_user(f, SCIENTIST);
    struct str manager = blob_new_user(f, OPERATOR), nobody = blob_new_user(f, NULL);
    blob_put_text(f, BARE "/x", "1");
    for (size_t i = 0; i < COUNT(ASKED); i++) {
        blob_as_user(f, reader);
        CHECK_INT(ASKED[i].reader, status_of(f, &ASKED[i]));
        blob_as_user(f, manager);
        CHECK_INT(ASKED[i].manager, status_of(f, &ASKED[i]));
        blob_as_user(f, nobody);
        CHECK_INT(ASKED[i].nobody, status_of(f, &ASKED[i]));
        blob_as_user(f, scientist);
        CHECK_INT(ASKED[i].scientist, status_of(f, &ASKED[i]));
    }
}

/* A stranger is told of a container that is there what he is told of one that is not. */
TEST(to_strangers_a_workspace_is_not_there)
{
    CLEANUP(blob_fixture_close) struct blob_fixture *f = blob_fixture_open();

    blob_with_people(f);
    blob_put_text(f, BARE "/x", "1");
    blob_as_user(f, blob_new_user(f, NULL));
    CHECK_INT(404, blob_get_text(f, BARE "/x").status);
    CHECK_STR("ContainerNotFound", blob_code(f));
    struct str here = arena_str(f->arena, blob_get_text(f, LONG "?restype=container").body);
    struct str none = arena_str(f->arena, blob_get_text(f, ABSENT "?restype=container").body);
    CHECK_INT((long long)here.len, (long long)none.len);
    blob_as_user(f, STR("00000000-0000-0000-0000-0000000000ff")); /* nobody we know */
    CHECK_INT(404, blob_get_text(f, BARE "/x").status);
    CHECK_INT(404, blob_put_text(f, BARE "/x", "2"));
}

TEST(a_copy_needs_the_right_to_read_and_to_write)
{
    CLEANUP(blob_fixture_close) struct blob_fixture *f = blob_fixture_open();

    blob_with_people(f);
    blob_put_text(f, BARE "/x", "1");
    blob_as_user(f, blob_new_user(f, "Reader"));
    CHECK_INT(403, blob_put_with(f, BARE "/copy", "x-ms-copy-source", "https://h" LONG "/x"));
    blob_as_user(f, blob_new_user(f, SCIENTIST));
    CHECK_INT(201, blob_put_with(f, BARE "/copy", "x-ms-copy-source", "https://h" LONG "/x"));
    CHECK_STR("1", blob_get_text(f, BARE "/copy").body);
}

/* --- Keys that are lent ------------------------------------------------------------------------
 */

static int lend(struct blob_fixture *f)
{
    char start[CLOCK_ISO_BYTES], end[CLOCK_ISO_BYTES];
    int64_t now = clock_now_us();
    struct str body = arena_printf(
        f->arena, "<KeyInfo><Start>%.*s</Start><Expiry>%.*s</Expiry></KeyInfo>",
        STR_ARG(clock_iso(now, start)), STR_ARG(clock_iso(now + 3600 * US_PER_S, end)));

    return fake_send(f->fake, "POST", LEND, body).status;
}

/* As the guard leaves it when a signature by a lent key fits. */
static void as_lent(struct blob_fixture *f, struct str lender, const char *permissions)
{
    const struct caller caller = {.kind = CALLER_SAS,
                                  .name = STR("sas"),
                                  .object_id = lender,
                                  .permissions = str_from(permissions)};

    fake_caller(f->fake, &caller);
}

TEST(whoever_may_look_may_lend)
{
    CLEANUP(blob_fixture_close) struct blob_fixture *f = blob_fixture_open();

    blob_with_people(f);
    struct str reader = blob_new_user(f, "Reader");
    blob_as_user(f, reader);
    CHECK_INT(200, lend(f));
    CHECK(blob_holds(fake_send(f->fake, "POST", LEND, STR("<KeyInfo/>")).body, "KeyInfo"));
    blob_as_user(f, blob_new_user(f, OPERATOR));
    CHECK_INT(403, lend(f));
    blob_as_user(f, blob_new_user(f, NULL));
    CHECK_INT(404, lend(f));
    as_lent(f, reader, "racwdl");
    CHECK_INT(403, lend(f));
}

TEST(a_lent_key_opens_what_its_lender_may)
{
    CLEANUP(blob_fixture_close) struct blob_fixture *f = blob_fixture_open();

    blob_with_people(f);
    blob_put_text(f, BARE "/x", "1");
    struct str reader = blob_new_user(f, "Reader"), scientist = blob_new_user(f, SCIENTIST);
    as_lent(f, reader, "racwdl");
    CHECK_INT(200, blob_get_text(f, BARE "/x").status);
    CHECK_INT(403, blob_put_text(f, BARE "/x", "2"));
    CHECK_STR("AuthorizationPermissionMismatch", blob_code(f));
    CHECK_INT(403, fake_send(f->fake, "DELETE", BARE "/x", STR("")).status);
    as_lent(f, scientist, "r"); /* nor more than the signature says */
    CHECK_INT(200, blob_get_text(f, BARE "/x").status);
    CHECK_INT(403, blob_put_text(f, BARE "/x", "2"));
    as_lent(f, scientist, "w");
    CHECK_INT(201, blob_put_text(f, BARE "/x", "2"));
    as_lent(f, blob_new_user(f, NULL), "racwdl");
    CHECK_INT(403, blob_get_text(f, BARE "/x").status);
}

TEST(a_key_ends_with_its_lender)
{
    CLEANUP(blob_fixture_close) struct blob_fixture *f = blob_fixture_open();
    struct principal who;
    struct error err = {0};

    blob_with_people(f);
    blob_put_text(f, BARE "/x", "1");
    struct str scientist = blob_new_user(f, SCIENTIST);
    as_lent(f, scientist, "racwdl");
    CHECK_INT(200, blob_get_text(f, BARE "/x").status);
    CHECK_OK(principal_find(f->engines.identity, f->arena, scientist, &who, &err), &err);
    CHECK_OK(principal_disable(f->engines.identity, STR("t"), who.number, true, &err), &err);
    CHECK_INT(403, blob_get_text(f, BARE "/x").status);
}
