/* What changes blobs besides their bytes: conditions, properties, lists that build on the blob,
 * copies, appends. */
#include "base/test.h"
#include "blob/fixture_test.h"
#include "os/clock.h"

static int with(struct blob_fixture *f, const char *header, const char *value, const char *target)
{
    return blob_put_with(f, target, header, value);
}

static int head_with(struct blob_fixture *f, const char *header, const char *value)
{
    fake_header(f->fake, header, value);
    int status = fake_send(f->fake, "HEAD", BARE "/x", STR("")).status;
    fake_header(f->fake, header, NULL);
    return status;
}

TEST(dates_and_etags_hold_reads_and_writes)
{
    static const char OLD[] = "Sat, 01 Jan 2000 00:00:00 GMT";
    static const char LATE[] = "Fri, 01 Jan 2100 00:00:00 GMT";
    CLEANUP(blob_fixture_close) struct blob_fixture *f = blob_fixture_open();

    blob_put_text(f, BARE "/x", "1");
    CHECK_INT(304, head_with(f, "If-Modified-Since", LATE));
    CHECK_STR("ConditionNotMet", blob_code(f));
    CHECK_INT(200, head_with(f, "If-Modified-Since", OLD));
    CHECK_INT(412, head_with(f, "If-Unmodified-Since", OLD));
    CHECK_INT(200, head_with(f, "If-Unmodified-Since", LATE));
    CHECK_INT(400, head_with(f, "If-Modified-Since", "2026-01-01"));
    CHECK_INT(304, head_with(f, "If-None-Match", "*"));
    CHECK_INT(412, head_with(f, "If-Match", "\"0x1\", \"0x2\""));
    CHECK_INT(200, head_with(f, "If-Match", "*"));
    CHECK_INT(412, with(f, "If-Modified-Since", LATE, BARE "/x"));
    CHECK_INT(409, with(f, "If-None-Match", "*", BARE "/x"));
    CHECK_INT(412, with(f, "If-Match", "*", BARE "/none"));
    CHECK_STR("ConditionNotMet", blob_code(f));
    CHECK_INT(412, with(f, "If-Match", "\"0x1\"", BARE "/x?comp=metadata"));
    CHECK_INT(201, with(f, "If-None-Match", "\"0x1\"", BARE "/x"));
}

TEST(headers_that_nothing_obeys_are_refused)
{
    static const char *const REFUSED[] = {"x-ms-if-tags", "x-ms-tags", "x-ms-encryption-key",
                                          "x-ms-legal-hold", "x-ms-structured-body"};
    CLEANUP(blob_fixture_close) struct blob_fixture *f = blob_fixture_open();

    for (size_t i = 0; i < COUNT(REFUSED); i++)
        CHECK_INT(501, with(f, REFUSED[i], "1", BARE "/x"));
    CHECK_INT(412, with(f, "x-ms-lease-id", "1", BARE "/x"));
    CHECK_INT(501, blob_get_text(f, BARE "/x?snapshot=2026").status);
    CHECK_INT(404, blob_get_text(f, BARE "/x").status);
}

TEST(properties_are_set_together_and_told_to_those_who_sign)
{
    const struct caller link = {.kind = CALLER_SAS, .name = STR("sas"), .permissions = STR("r")};
    CLEANUP(blob_fixture_close) struct blob_fixture *f = blob_fixture_open();

    fake_header(f->fake, "x-ms-blob-content-type", "text/html");
    fake_header(f->fake, "x-ms-blob-content-language", "de");
    blob_put_text(f, BARE "/x", "<p>");
    fake_header(f->fake, "x-ms-blob-content-type", NULL);
    fake_header(f->fake, "x-ms-blob-content-language", NULL);
    blob_get_text(f, BARE "/x");
    CHECK_STR("de", fake_reply_header(f->fake, "Content-Language"));
    CHECK_INT(200, with(f, "x-ms-blob-cache-control", "no-store", BARE "/x?comp=properties"));
    blob_get_text(f, BARE "/x");
    CHECK_STR("", fake_reply_header(f->fake, "Content-Language"));
    CHECK_STR("no-store", fake_reply_header(f->fake, "Cache-Control"));
    /* Whoever follows a link gets a file, whatever the signature says. */
    fake_caller(f->fake, &link);
    blob_get_text(f, BARE "/x?rscd=inline&rscl=fr&rscc=a%0d%0ab:c");
    CHECK_STR("attachment", fake_reply_header(f->fake, "Content-Disposition"));
    CHECK_STR("fr", fake_reply_header(f->fake, "Content-Language"));
    CHECK_STR("a  b:c", fake_reply_header(f->fake, "Cache-Control"));
}

TEST(a_range_comes_with_its_digest_when_asked_for)
{
    CLEANUP(blob_fixture_close) struct blob_fixture *f = blob_fixture_open();

    blob_put_text(f, BARE "/x", "say hello");
    fake_header(f->fake, "x-ms-range-get-content-md5", "true");
    CHECK_INT(400, blob_get_text(f, BARE "/x").status);
    fake_header(f->fake, "x-ms-range", "bytes=4-8");
    CHECK_STR("hello", blob_get_text(f, BARE "/x").body);
    CHECK_STR("XUFAKrxLKna5cZ2REBfFkg==", fake_reply_header(f->fake, "Content-MD5"));
    fake_header(f->fake, "x-ms-range-get-content-md5", NULL);
    fake_header(f->fake, "x-ms-range-get-content-crc64", "true");
    blob_get_text(f, BARE "/x");
    CHECK(fake_reply_header(f->fake, "x-ms-content-crc64").len == 12);
}

/* --- Blocks ---------------------------------------------------------------------------------- */

#define LIST BARE "/x?comp=blocklist"

TEST(a_block_list_names_what_the_blob_has)
{
    CLEANUP(blob_fixture_close) struct blob_fixture *f = blob_fixture_open();

    CHECK_INT(404, blob_get_text(f, LIST).status);
    blob_put_text(f, BARE "/x?comp=block&blockid=QQ==", "aaa");
    struct str xml = blob_get_text(f, LIST "&blocklisttype=all").body;
    CHECK(blob_holds(xml, "<CommittedBlocks></CommittedBlocks><UncommittedBlocks><Block>"
                          "<Name>QQ==</Name><Size>3</Size></Block></UncommittedBlocks>"));
    CHECK_INT(201, blob_put_text(f, LIST, "<BlockList><Latest>QQ==</Latest></BlockList>"));
    CHECK(blob_holds(blob_get_text(f, LIST).body, "<Name>QQ==</Name>"));
    CHECK(!blob_holds(blob_get_text(f, LIST "&blocklisttype=uncommitted").body, "QQ=="));
    CHECK_INT(201, blob_put_text(f, LIST,
                                 "<BlockList><Committed>QQ==</Committed><Committed>QQ==</Committed>"
                                 "</BlockList>"));
    CHECK_STR("aaaaaa", blob_get_text(f, BARE "/x").body);
    CHECK_INT(400,
              blob_put_text(f, LIST, "<BlockList><Uncommitted>QQ==</Uncommitted></BlockList>"));
    CHECK_STR("InvalidBlockList", blob_code(f));
    fake_header(f->fake, "Content-MD5", "XUFAKrxLKna5cZ2REBfFkg==");
    CHECK_INT(400, blob_put_text(f, LIST, "<BlockList></BlockList>"));
    CHECK_STR("Md5Mismatch", blob_code(f));
}

/* --- Copies ---------------------------------------------------------------------------------- */

#define COPY(from) "x-ms-copy-source", "https://localhost:10443" from

TEST(a_copy_is_one_more_name_for_the_bytes)
{
    CLEANUP(blob_fixture_close) struct blob_fixture *f = blob_fixture_open();

    fake_header(f->fake, "x-ms-meta-k", "v");
    blob_put_text(f, LONG "/a%20b", "bytes");
    fake_header(f->fake, "x-ms-meta-k", NULL);
    fake_header(f->fake, "x-ms-blob-type", NULL);
    CHECK_INT(202, with(f, COPY(LONG "/a%20b"), BARE "/to"));
    CHECK_STR("success", fake_reply_header(f->fake, "x-ms-copy-status"));
    CHECK_STR("bytes", blob_get_text(f, BARE "/to").body);
    CHECK_STR("v", fake_reply_header(f->fake, "x-ms-meta-k"));
    CHECK_STR("success", fake_reply_header(f->fake, "x-ms-copy-status"));
    /* Whence, without what opened it. */
    CHECK_INT(202, with(f, COPY(LONG "/a%20b?x=secret"), BARE "/to"));
    blob_get_text(f, BARE "/to");
    CHECK_STR("https://localhost:10443" LONG "/a%20b",
              fake_reply_header(f->fake, "x-ms-copy-source"));
    struct str list = blob_get_text(f, BARE "?restype=container&comp=list&include=copy").body;
    CHECK(blob_holds(list, "<CopySource>https://localhost:10443" LONG "/a%20b</CopySource>"));
    CHECK(blob_holds(list, "<CopyStatus>success</CopyStatus>"));
    CHECK(!blob_holds(blob_get_text(f, BARE "?restype=container&comp=list").body, "<CopyId>"));
    CHECK_INT(202, with(f, COPY(BARE "/a%20b"), DATA "/other"));
    CHECK_INT(404, with(f, COPY(BARE "/none"), BARE "/to"));
    CHECK_STR("bytes", blob_get_text(f, BARE "/to").body);
}

TEST(a_copy_stays_within_the_account_and_its_rights)
{
    static const char *const FOREIGN[] = {
        "https://example.com/azureml-x/a",
        "http://localhost:10443" BARE "/a",
        "https://localhost:10443",
        "https://localhost:10443/lz99999999999999999999.blob.core.lazurite.test/box/a",
        "https://localhost:10443/azureml-0123abcd-0000-4000-8000-000000000002/a",
        "file:///etc/passwd",
    };
    CLEANUP(blob_fixture_close) struct blob_fixture *f = blob_fixture_open();

    blob_put_text(f, BARE "/a", "1");
    for (size_t i = 0; i < COUNT(FOREIGN); i++)
        CHECK(with(f, "x-ms-copy-source", FOREIGN[i], BARE "/to") >= 400);
    blob_as_sas(f, "azureml-blobstore-" GUID, "racwdl");
    CHECK_INT(403, with(f, COPY(BARE "/a"), DATA "/stolen"));
    CHECK_STR("CannotVerifyCopySource", blob_code(f));
    blob_as_sas(f, "azureml-" GUID, "cw");
    CHECK_INT(403, with(f, COPY(BARE "/a"), BARE "/to")); /* may not read */
    blob_as_sas(f, "azureml-" GUID, "rc");
    CHECK_INT(201, with(f, COPY(BARE "/a"), BARE "/to"));
    CHECK_INT(409, with(f, COPY(BARE "/a"), BARE "/to")); /* to create is not to write */
}

TEST(the_snapshots_alone_are_none_and_the_blob_stays)
{
    CLEANUP(blob_fixture_close) struct blob_fixture *f = blob_fixture_open();

    blob_put_text(f, BARE "/x", "1");
    fake_header(f->fake, "x-ms-delete-snapshots", "only");
    CHECK_INT(202, fake_send(f->fake, "DELETE", BARE "/x", STR("")).status);
    CHECK_INT(404, fake_send(f->fake, "DELETE", BARE "/none", STR("")).status);
    fake_header(f->fake, "x-ms-delete-snapshots", "all");
    CHECK_INT(400, fake_send(f->fake, "DELETE", BARE "/x", STR("")).status);
    CHECK_STR("1", blob_get_text(f, BARE "/x").body);
    fake_header(f->fake, "x-ms-delete-snapshots", "include");
    CHECK_INT(202, fake_send(f->fake, "DELETE", BARE "/x", STR("")).status);
    CHECK_INT(404, blob_get_text(f, BARE "/x").status);
}

TEST(a_source_has_conditions_of_its_own)
{
    CLEANUP(blob_fixture_close) struct blob_fixture *f = blob_fixture_open();

    blob_put_text(f, BARE "/a", "1");
    fake_header(f->fake, "x-ms-source-if-match", "\"0x1\"");
    CHECK_INT(412, with(f, COPY(BARE "/a"), BARE "/to"));
    CHECK_STR("SourceConditionNotMet", blob_code(f));
    fake_header(f->fake, "x-ms-source-if-match", "*");
    CHECK_INT(201, with(f, COPY(BARE "/a"), BARE "/to"));
}

TEST(a_block_may_be_a_part_of_another_blob)
{
    static const char ALL[] =
        "<BlockList><Latest>QQ==</Latest><Latest>Qg==</Latest><Latest>Qw==</Latest></BlockList>";
    CLEANUP(blob_fixture_close) struct blob_fixture *f = blob_fixture_open();

    blob_put_text(f, BARE "/a%20b", "0123456789");
    fake_header(f->fake, "x-ms-blob-type", NULL);
    fake_header(f->fake, "x-ms-copy-source", "https://localhost:10443" LONG "/a%20b");
    fake_header(f->fake, "x-ms-source-range", "bytes=2-4");
    CHECK_INT(201, blob_put_text(f, BARE "/to?comp=block&blockid=QQ==", ""));
    fake_header(f->fake, "x-ms-source-range", "bytes=8-");
    fake_header(f->fake, "x-ms-source-content-md5", "AAAAAAAAAAAAAAAAAAAAAA==");
    CHECK_INT(400, blob_put_text(f, BARE "/to?comp=block&blockid=Qg==", ""));
    CHECK_STR("Md5Mismatch", blob_code(f));
    fake_header(f->fake, "x-ms-source-content-md5", NULL);
    CHECK_INT(201, blob_put_text(f, BARE "/to?comp=block&blockid=Qg==", ""));
    fake_header(f->fake, "x-ms-source-range", NULL);
    CHECK_INT(201, blob_put_text(f, BARE "/to?comp=block&blockid=Qw==", ""));
    CHECK_INT(400, blob_put_text(f, BARE "/to?comp=block&blockid=Qw==", "and a body"));
    CHECK_INT(400, blob_put_text(f, BARE "/to?comp=metadata", ""));
    fake_header(f->fake, "x-ms-copy-source", NULL);
    CHECK_INT(201, blob_put_text(f, BARE "/to?comp=blocklist", ALL));
    CHECK_STR("234890123456789", blob_get_text(f, BARE "/to").body);
}

TEST(a_block_comes_from_where_the_caller_may_read)
{
    static const struct {
        const char *range;
        int status;
    } RANGES[] = {{"bytes=3-", 416},  {"bytes=2-1", 400}, {"bytes=-1", 400},
                  {"bytes=a-b", 400}, {"0-1", 400},       {"bytes=0-99", 201}};
    static const char BLOCK[] = BARE "/to?comp=block&blockid=QQ==";
    CLEANUP(blob_fixture_close) struct blob_fixture *f = blob_fixture_open();

    blob_put_text(f, BARE "/a", "123");
    fake_header(f->fake, "x-ms-blob-type", NULL);
    fake_header(f->fake, "x-ms-copy-source", "https://localhost:10443" LONG "/a");
    for (size_t i = 0; i < COUNT(RANGES); i++) {
        fake_header(f->fake, "x-ms-source-range", RANGES[i].range);
        CHECK_INT(RANGES[i].status, blob_put_text(f, BLOCK, ""));
    }
    fake_header(f->fake, "x-ms-source-range", NULL);
    fake_header(f->fake, "x-ms-source-if-match", "\"0x1\"");
    CHECK_INT(412, blob_put_text(f, BLOCK, ""));
    fake_header(f->fake, "x-ms-source-if-match", NULL);
    blob_as_sas(f, "azureml-" GUID, "cw");
    CHECK_INT(403, blob_put_text(f, BLOCK, ""));
    blob_as_sas(f, "azureml-" GUID, "rcw");
    CHECK_INT(201, blob_put_text(f, BLOCK, ""));
    fake_header(f->fake, "x-ms-copy-source", "https://localhost:10443" LONG "/none");
    CHECK_INT(404, blob_put_text(f, BLOCK, ""));
    fake_header(f->fake, "x-ms-copy-source", "https://example.com/azureml-x/a");
    CHECK(blob_put_text(f, BLOCK, "") >= 400);
}

/* --- Tiers ----------------------------------------------------------------------------------- */

static struct str tier_of(struct blob_fixture *f, const char *target)
{
    CHECK_INT(200, fake_send(f->fake, "HEAD", target, STR("")).status);
    return fake_reply_header(f->fake, "x-ms-access-tier");
}

TEST(a_block_blob_has_the_tier_that_was_said)
{
    CLEANUP(blob_fixture_close) struct blob_fixture *f = blob_fixture_open();

    blob_put_text(f, BARE "/a", "1");
    CHECK_STR("Hot", tier_of(f, BARE "/a"));
    CHECK_STR("true", fake_reply_header(f->fake, "x-ms-access-tier-inferred"));
    CHECK_INT(200, with(f, "x-ms-access-tier", "cool", BARE "/a?comp=tier"));
    CHECK_STR("Cool", tier_of(f, BARE "/a"));
    CHECK_INT(0, fake_reply_header(f->fake, "x-ms-access-tier-inferred").len);
    CHECK_INT(200, with(f, "x-ms-meta-k", "v", BARE "/a?comp=metadata"));
    CHECK_STR("Cool", tier_of(f, BARE "/a"));
    struct str list = blob_get_text(f, BARE "?restype=container&comp=list").body;
    CHECK(blob_holds(list, "<AccessTier>Cool</AccessTier><Lease"));
    CHECK_INT(201, with(f, "x-ms-access-tier", "Cold", BARE "/b"));
    CHECK_STR("Cold", tier_of(f, BARE "/b"));
    fake_header(f->fake, "x-ms-blob-type", NULL);
    CHECK_INT(202, with(f, COPY(BARE "/a"), BARE "/c"));
    CHECK_STR("Hot", tier_of(f, BARE "/c"));
}

TEST(a_tier_that_nothing_keeps_is_refused)
{
    CLEANUP(blob_fixture_close) struct blob_fixture *f = blob_fixture_open();

    blob_put_text(f, BARE "/a", "1");
    CHECK_INT(400, blob_put_text(f, BARE "/a?comp=tier", ""));
    CHECK_INT(501, with(f, "x-ms-access-tier", "Archive", BARE "/a?comp=tier"));
    CHECK_INT(501, with(f, "x-ms-access-tier", "Archive", BARE "/new"));
    CHECK_INT(400, with(f, "x-ms-access-tier", "Warm", BARE "/a?comp=tier"));
    CHECK_INT(404, with(f, "x-ms-access-tier", "Cool", BARE "/none?comp=tier"));
    blob_as_sas(f, "azureml-" GUID, "rc");
    CHECK_INT(403, with(f, "x-ms-access-tier", "Cool", BARE "/a?comp=tier"));
}

/* --- Appends --------------------------------------------------------------------------------- */

TEST(an_append_blob_takes_blocks_where_they_belong)
{
    CLEANUP(blob_fixture_close) struct blob_fixture *f = blob_fixture_open();

    fake_header(f->fake, "x-ms-blob-type", "AppendBlob");
    CHECK_INT(201, blob_put_text(f, BARE "/log", ""));
    fake_header(f->fake, "x-ms-blob-type", NULL);
    CHECK_INT(201, blob_put_text(f, BARE "/log?comp=appendblock", "one "));
    CHECK_STR("0", fake_reply_header(f->fake, "x-ms-blob-append-offset"));
    CHECK_INT(201, blob_put_text(f, BARE "/log?comp=appendblock", "two"));
    CHECK_STR("4", fake_reply_header(f->fake, "x-ms-blob-append-offset"));
    CHECK_STR("2", fake_reply_header(f->fake, "x-ms-blob-committed-block-count"));
    CHECK_STR("one two", blob_get_text(f, BARE "/log").body);
    CHECK_STR("AppendBlob", fake_reply_header(f->fake, "x-ms-blob-type"));
    fake_header(f->fake, "x-ms-blob-condition-appendpos", "4");
    CHECK_INT(412, blob_put_text(f, BARE "/log?comp=appendblock", "x"));
    fake_header(f->fake, "x-ms-blob-condition-appendpos", "7");
    fake_header(f->fake, "x-ms-blob-condition-maxsize", "7");
    CHECK_INT(412, blob_put_text(f, BARE "/log?comp=appendblock", "x"));
    CHECK_STR("MaxBlobSizeConditionNotMet", blob_code(f));
    fake_header(f->fake, "x-ms-blob-condition-maxsize", "many");
    CHECK_INT(400, blob_put_text(f, BARE "/log?comp=appendblock", "x"));
    CHECK_STR("one two", blob_get_text(f, BARE "/log").body);
}

TEST(types_of_blobs_do_not_mix)
{
    CLEANUP(blob_fixture_close) struct blob_fixture *f = blob_fixture_open();

    blob_put_text(f, BARE "/block", "1");
    CHECK_INT(409, blob_put_text(f, BARE "/block?comp=appendblock", "x"));
    CHECK_STR("InvalidBlobType", blob_code(f));
    fake_header(f->fake, "x-ms-blob-type", "AppendBlob");
    blob_put_text(f, BARE "/log", "");
    CHECK_INT(409, blob_put_text(f, BARE "/log?comp=blocklist", "<BlockList></BlockList>"));
    fake_header(f->fake, "x-ms-blob-type", "PageBlob");
    CHECK_INT(501, blob_put_text(f, BARE "/page", ""));
    fake_header(f->fake, "x-ms-blob-type", "Blob");
    CHECK_INT(400, blob_put_text(f, BARE "/page", ""));
}
