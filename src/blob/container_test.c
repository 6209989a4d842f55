/* Containers of clients, and the account above them. */
#include "base/test.h"
#include "blob/fixture_test.h"
#include "os/clock.h"
#include "vault/account_key.h"

#define BOX ROOT "/my-box"

static int make(struct blob_fixture *f, const char *path)
{
    return fake_send(f->fake, "PUT", arena_printf(f->arena, "%s?restype=container", path).ptr,
                     STR(""))
        .status;
}

static int status_of(struct blob_fixture *f, const char *method, const char *target)
{
    return fake_send(f->fake, method, target, STR("")).status;
}

TEST(a_container_is_made_once_and_holds_blobs)
{
    CLEANUP(blob_fixture_close) struct blob_fixture *f = blob_fixture_open();

    CHECK_INT(404, blob_put_text(f, BOX "/x", "1"));
    CHECK_STR("ContainerNotFound", blob_code(f));
    CHECK_INT(404, status_of(f, "HEAD", BOX "?restype=container"));
    CHECK_INT(201, make(f, BOX));
    CHECK_INT(409, make(f, BOX));
    CHECK_STR("ContainerAlreadyExists", blob_code(f));
    CHECK_INT(201, blob_put_text(f, BOX "/x", "1"));
    CHECK_STR("1", blob_get_text(f, BOX "/x").body);
    CHECK(blob_holds(blob_get_text(f, BOX "?restype=container&comp=list").body, "<Name>x</Name>"));
    CHECK_INT(404, blob_get_text(f, BARE "/x").status);
    CHECK_INT(200, status_of(f, "HEAD", BOX "?restype=container"));
}

TEST(a_deleted_container_takes_its_blobs_along)
{
    CLEANUP(blob_fixture_close) struct blob_fixture *f = blob_fixture_open();

    make(f, BOX);
    for (int i = 0; i < 1203; i++) /* over two rounds of the sweep */
        CHECK_INT(201, blob_put_text(f, arena_printf(f->arena, BOX "/%04d", i).ptr, ""));
    CHECK_INT(202, status_of(f, "DELETE", BOX "?restype=container"));
    CHECK_INT(404, status_of(f, "DELETE", BOX "?restype=container"));
    CHECK_INT(404, blob_get_text(f, BOX "/0001").status);
    make(f, BOX);
    CHECK_STR(
        "", blob_get_text(f, BOX "?restype=container&comp=list").status == 200 &&
                    blob_holds(blob_get_text(f, BOX "?restype=container&comp=list").body, "<Name>")
                ? STR("blobs came back")
                : STR(""));
}

TEST(names_follow_the_rule_and_ours_are_kept)
{
    static const char *const BAD[] = {"ab", "-abc", "abc-", "a--b", "Abc", "a_b", "azureml-mine"};
    CLEANUP(blob_fixture_close) struct blob_fixture *f = blob_fixture_open();

    for (size_t i = 0; i < COUNT(BAD); i++) {
        CHECK_INT(400, make(f, arena_printf(f->arena, ROOT "/%s", BAD[i]).ptr));
        CHECK_STR("InvalidResourceName", blob_code(f));
    }
    CHECK_INT(409, make(f, LONG));
    CHECK_INT(403, status_of(f, "DELETE", LONG "?restype=container"));
    CHECK_STR("InsufficientAccountPermissions", blob_code(f));
    /* One of another workspace is nobody's here. */
    CHECK_INT(404, make(f, ROOT "/azureml-0123abcd-0000-4000-8000-000000000002"));
}

TEST(metadata_of_a_container_comes_back_in_its_spelling)
{
    CLEANUP(blob_fixture_close) struct blob_fixture *f = blob_fixture_open();

    make(f, BOX);
    CHECK_INT(200, blob_put_with(f, BOX "?restype=container&comp=metadata", "x-ms-meta-Team", "a"));
    CHECK_INT(200, status_of(f, "GET", BOX "?restype=container"));
    CHECK_STR("a", fake_reply_header(f->fake, "x-ms-meta-Team"));
    CHECK(blob_holds(blob_get_text(f, ROOT "?comp=list&include=metadata").body,
                     "<Metadata><Team>a</Team></Metadata>"));
    CHECK_INT(400, blob_put_with(f, BOX "?restype=container&comp=metadata", "x-ms-meta-a-b", "1"));
    CHECK_STR("InvalidMetadata", blob_code(f));
    /* Ours can be described, too. */
    CHECK_INT(200, blob_put_with(f, LONG "?restype=container&comp=metadata", "x-ms-meta-k", "v"));
    CHECK_INT(200, status_of(f, "HEAD", LONG "?restype=container"));
    CHECK_STR("v", fake_reply_header(f->fake, "x-ms-meta-k"));
}

TEST(public_access_and_policies_are_not_to_be_had)
{
    CLEANUP(blob_fixture_close) struct blob_fixture *f = blob_fixture_open();

    CHECK_INT(409, blob_put_with(f, BOX "?restype=container", "x-ms-blob-public-access", "blob"));
    CHECK_STR("PublicAccessNotPermitted", blob_code(f));
    make(f, BOX);
    CHECK_INT(200, blob_put_text(f, BOX "?restype=container&comp=acl",
                                 "<SignedIdentifiers></SignedIdentifiers>"));
    CHECK(fake_reply_header(f->fake, "ETag").len > 0);
    CHECK_INT(501, blob_put_text(f, BOX "?restype=container&comp=acl",
                                 "<SignedIdentifiers><SignedIdentifier><Id>x</Id>"
                                 "</SignedIdentifier></SignedIdentifiers>"));
    CHECK(blob_holds(blob_get_text(f, BOX "?restype=container&comp=acl").body,
                     "<SignedIdentifiers />"));
    CHECK_INT(501, blob_put_text(f, BOX "?restype=container&comp=lease", ""));
    CHECK_INT(501, status_of(f, "POST", BOX "?restype=container&comp=query"));
}

TEST(the_containers_of_an_account_are_listed_in_pages)
{
    CLEANUP(blob_fixture_close) struct blob_fixture *f = blob_fixture_open();

    make(f, ROOT "/zeta");
    make(f, ROOT "/alpha");
    struct str xml = blob_get_text(f, ROOT "?comp=list").body;
    CHECK(str_find(xml, STR("alpha")) < str_find(xml, STR("azureml-" GUID)));
    CHECK(str_find(xml, STR("azureml-" GUID)) < str_find(xml, STR("azureml-blobstore-" GUID)));
    CHECK(str_find(xml, STR("azureml-blobstore-" GUID)) < str_find(xml, STR("zeta")));
    xml = blob_get_text(f, ROOT "/?comp=list&maxresults=1").body;
    CHECK(blob_holds(xml, "<Name>alpha</Name>") &&
          blob_holds(xml, "<NextMarker>azureml-" GUID "</NextMarker>"));
    xml = blob_get_text(f, ROOT "?comp=list&prefix=z").body;
    CHECK(blob_holds(xml, "zeta") && !blob_holds(xml, "alpha"));
    CHECK_INT(400, blob_get_text(f, ROOT "?comp=list&maxresults=none").status);
    CHECK_INT(404,
              blob_get_text(f, "/lz99999999999999999999.blob.core.lazurite.test?comp=list").status);
    CHECK_INT(403, blob_get_text(f, "/devstoreaccount1.blob.core.lazurite.test?comp=list").status);
}

TEST(what_the_account_is_can_be_asked_anywhere)
{
    static const char *const ASKED[] = {ROOT "?restype=account&comp=properties",
                                        LONG "?restype=account&comp=properties",
                                        LONG "/x?restype=account&comp=properties"};
    CLEANUP(blob_fixture_close) struct blob_fixture *f = blob_fixture_open();

    for (size_t i = 0; i < COUNT(ASKED); i++) {
        CHECK_INT(200, status_of(f, "HEAD", ASKED[i]));
        CHECK_STR("StorageV2", fake_reply_header(f->fake, "x-ms-account-kind"));
    }
    CHECK(blob_holds(blob_get_text(f, ROOT "?restype=service&comp=properties").body,
                     "<StorageServiceProperties>"));
    CHECK_INT(501, blob_get_text(f, ROOT "?restype=service&comp=stats").status);
    CHECK_INT(501, blob_put_text(f, ROOT "?restype=service&comp=properties", ""));
}

TEST(a_signature_for_one_container_makes_and_ends_none)
{
    CLEANUP(blob_fixture_close) struct blob_fixture *f = blob_fixture_open();

    make(f, BOX);
    blob_as_sas(f, "my-box", "racwdl");
    CHECK_INT(403, status_of(f, "DELETE", BOX "?restype=container"));
    CHECK_INT(403, make(f, ROOT "/other"));
    CHECK_INT(403, blob_get_text(f, ROOT "?comp=list").status);
    CHECK_INT(200, blob_get_text(f, BOX "?restype=container&comp=list").status);
    CHECK_INT(403, blob_get_text(f, LONG "?restype=container&comp=list").status);
    blob_as_sas(f, "", "racwdl"); /* of the account */
    CHECK_INT(201, make(f, ROOT "/other"));
    CHECK_INT(202, status_of(f, "DELETE", BOX "?restype=container"));
    blob_as_sas(f, "", "r");
    CHECK_INT(403, blob_get_text(f, ROOT "?comp=list").status);
    CHECK_INT(403, make(f, ROOT "/third"));
    CHECK_STR("AuthorizationPermissionMismatch", blob_code(f));
}

/* --- Delegation ------------------------------------------------------------------------------ */

#define LEND ROOT "?restype=service&comp=userdelegationkey"

static struct fake_reply lend(struct blob_fixture *f, int64_t from_us, int64_t until_us)
{
    char start[CLOCK_ISO_BYTES], end[CLOCK_ISO_BYTES];
    struct str body =
        arena_printf(f->arena, "<KeyInfo><Start>%.*s</Start><Expiry>%.*s</Expiry></KeyInfo>",
                     STR_ARG(clock_iso(from_us, start)), STR_ARG(clock_iso(until_us, end)));

    return fake_send(f->fake, "POST", LEND, body);
}

TEST(a_delegation_key_is_an_admins_and_lives_a_week_at_most)
{
    CLEANUP(blob_fixture_close) struct blob_fixture *f = blob_fixture_open();
    int64_t now = clock_now_us(), hour = 3600 * US_PER_S;

    struct fake_reply reply = lend(f, now, now + hour);
    CHECK_INT(200, reply.status);
    CHECK(blob_holds(reply.body, "<SignedService>b</SignedService>"));
    CHECK(blob_xml_find(reply.body, "Value").len == 44);
    CHECK_INT(400, lend(f, now, now + 8 * 24 * hour).status);
    CHECK_INT(400, lend(f, now, now - hour).status);
    CHECK_INT(400, lend(f, now + 2 * hour, now + hour).status);
    CHECK_INT(400, fake_send(f->fake, "POST", LEND, STR("<KeyInfo/>")).status);
    CHECK_INT(400, fake_send(f->fake, "POST", LEND, STR("<!DOCTYPE a><Start>x</Start>")).status);
    blob_as_sas(f, "", "racwdl");
    CHECK_INT(403, lend(f, now, now + hour).status);
}
