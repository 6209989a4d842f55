#include "blob/fixture_test.h"

#include "base/buf.h"
#include "base/test.h"
#include "os/clock.h"
#include "vault/sas.h"

/* --- Putting and getting --------------------------------------------------------------------- */

TEST(a_blob_comes_back_under_both_addresses)
{
    CLEANUP(blob_fixture_close) struct blob_fixture *f = blob_fixture_open();

    CHECK_INT(201, blob_put_text(f, LONG "/a/b%25.txt", "hello"));
    CHECK_STR("XUFAKrxLKna5cZ2REBfFkg==", fake_reply_header(f->fake, "Content-MD5"));
    CHECK(fake_reply_header(f->fake, "ETag").len > 0);
    CHECK_INT(200, blob_get_text(f, BARE "/a/b%25.txt").status);
    CHECK_STR("hello", blob_get_text(f, LONG "/a/b%25.txt").body);
    CHECK_STR("BlockBlob", fake_reply_header(f->fake, "x-ms-blob-type"));
    CHECK_STR("nosniff", fake_reply_header(f->fake, "X-Content-Type-Options"));
    CHECK_INT(5, fake_send(f->fake, "HEAD", BARE "/a/b%25.txt", STR("")).length);
    CHECK_INT(404, blob_get_text(f, DATA "/a/b%25.txt").status);
    CHECK_STR("BlobNotFound", fake_reply_header(f->fake, "x-ms-error-code"));
}

TEST(containers_that_nobody_has_are_told_apart)
{
    CLEANUP(blob_fixture_close) struct blob_fixture *f = blob_fixture_open();

    CHECK_INT(404, blob_get_text(f, "/azureml-0123abcd-0000-4000-8000-000000000002/x").status);
    CHECK_STR("ContainerNotFound", fake_reply_header(f->fake, "x-ms-error-code"));
    CHECK_INT(404, blob_get_text(f, "/azureml-other/x").status);
    CHECK_INT(404,
              blob_get_text(f, "/lz99999999999999999999.blob.core.lazurite.test" BARE "/x").status);
    CHECK_INT(404, blob_put_text(f, "/lz0123abcd000040008000.blob.core.lazurite.test/mine/x", "y"));
}

TEST(a_range_is_a_part_and_an_empty_blob_has_none)
{
    CLEANUP(blob_fixture_close) struct blob_fixture *f = blob_fixture_open();

    blob_put_text(f, BARE "/x", "0123456789");
    blob_put_text(f, BARE "/empty", "");
    fake_header(f->fake, "x-ms-range", "bytes=2-4");
    CHECK_STR("234", blob_get_text(f, BARE "/x").body);
    CHECK_INT(206, blob_get_text(f, BARE "/x").status);
    CHECK_STR("bytes 2-4/10", fake_reply_header(f->fake, "Content-Range"));
    fake_header(f->fake, "x-ms-range", "bytes=0-33554431");
    CHECK_STR("0123456789", blob_get_text(f, BARE "/x").body);
    CHECK_INT(416, blob_get_text(f, BARE "/empty").status);
    CHECK_STR("InvalidRange", fake_reply_header(f->fake, "x-ms-error-code"));
    fake_header(f->fake, "x-ms-range", NULL);
    fake_header(f->fake, "Range", "bytes=8-");
    CHECK_STR("89", blob_get_text(f, BARE "/x").body);
    fake_header(f->fake, "Range", NULL);
    CHECK_INT(200, blob_get_text(f, BARE "/empty").status);
}

TEST(a_new_name_is_made_once_when_asked_so)
{
    CLEANUP(blob_fixture_close) struct blob_fixture *f = blob_fixture_open();

    fake_header(f->fake, "If-None-Match", "*");
    CHECK_INT(201, blob_put_text(f, BARE "/x", "1"));
    CHECK_INT(409, blob_put_text(f, BARE "/x", "2"));
    CHECK_STR("BlobAlreadyExists", fake_reply_header(f->fake, "x-ms-error-code"));
    fake_header(f->fake, "If-None-Match", NULL);
    CHECK_STR("1", blob_get_text(f, BARE "/x").body);
    CHECK_INT(201, blob_put_text(f, BARE "/x", "3"));
    CHECK_STR("3", blob_get_text(f, BARE "/x").body);
}

TEST(etags_hold_a_download_to_one_content)
{
    CLEANUP(blob_fixture_close) struct blob_fixture *f = blob_fixture_open();

    blob_put_text(f, BARE "/x", "1");
    blob_get_text(f, BARE "/x");
    char *etag = arena_cstr(f->arena, fake_reply_header(f->fake, "ETag"));
    fake_header(f->fake, "If-Match", etag);
    CHECK_INT(200, blob_get_text(f, BARE "/x").status);
    CHECK_INT(201, blob_put_text(f, BARE "/x", "2"));
    CHECK_INT(412, blob_get_text(f, BARE "/x").status);
    CHECK_INT(412, blob_put_text(f, BARE "/x", "3"));
    fake_header(f->fake, "If-Match", NULL);
    CHECK_STR("2", blob_get_text(f, BARE "/x").body);
    etag = arena_cstr(f->arena, fake_reply_header(f->fake, "ETag"));
    fake_header(f->fake, "If-None-Match", etag);
    CHECK_INT(304, blob_get_text(f, BARE "/x").status);
}

TEST(a_digest_that_differs_leaves_the_old_blob)
{
    CLEANUP(blob_fixture_close) struct blob_fixture *f = blob_fixture_open();

    blob_put_text(f, BARE "/x", "old");
    fake_header(f->fake, "Content-MD5", "XUFAKrxLKna5cZ2REBfFkg==");
    CHECK_INT(400, blob_put_text(f, BARE "/x", "hellO"));
    CHECK_STR("Md5Mismatch", fake_reply_header(f->fake, "x-ms-error-code"));
    CHECK_STR("old", blob_get_text(f, BARE "/x").body);
    CHECK_INT(201, blob_put_text(f, BARE "/x", "hello"));
    fake_header(f->fake, "Content-MD5", NULL);
    fake_header(f->fake, "x-ms-content-crc64", "AAAAAAAAAAA=");
    CHECK_INT(400, blob_put_text(f, BARE "/x", "123456789"));
    CHECK_STR("Crc64Mismatch", fake_reply_header(f->fake, "x-ms-error-code"));
    struct str crc = blob_crc64_text(f->arena, 0xae8b14860a799888ULL);
    fake_header(f->fake, "x-ms-content-crc64", crc.ptr);
    CHECK_INT(201, blob_put_text(f, BARE "/x", "123456789"));
}

TEST(metadata_is_kept_and_replaced_as_a_whole)
{
    CLEANUP(blob_fixture_close) struct blob_fixture *f = blob_fixture_open();

    fake_header(f->fake, "Content-Type", "text/csv");
    blob_put_text(f, BARE "/x", "1");
    fake_header(f->fake, "Content-Type", NULL);
    fake_header(f->fake, "x-ms-meta-Upload_Status", "completed");
    CHECK_INT(200, blob_put_text(f, BARE "/x?comp=metadata", ""));
    CHECK_INT(404, blob_put_text(f, BARE "/none?comp=metadata", ""));
    fake_header(f->fake, "x-ms-meta-Upload_Status", NULL);
    CHECK_INT(200, fake_send(f->fake, "HEAD", BARE "/x", STR("")).status);
    CHECK_STR("completed", fake_reply_header(f->fake, "x-ms-meta-upload_status"));
    CHECK_INT(200, blob_put_text(f, BARE "/x?comp=metadata", ""));
    fake_send(f->fake, "HEAD", BARE "/x", STR(""));
    CHECK_STR("", fake_reply_header(f->fake, "x-ms-meta-upload_status"));
    CHECK_INT(202, fake_send(f->fake, "DELETE", BARE "/x", STR("")).status);
    CHECK_INT(404, fake_send(f->fake, "DELETE", BARE "/x", STR("")).status);
}

TEST(blocks_become_a_blob_in_the_order_of_their_list)
{
    CLEANUP(blob_fixture_close) struct blob_fixture *f = blob_fixture_open();

    blob_put_text(f, BARE "/x", "old");
    fake_header(f->fake, "x-ms-blob-type", NULL);
    CHECK_INT(400, blob_put_text(f, BARE "/x?comp=block&blockid=%21%21", "no list could name it"));
    CHECK_INT(201, blob_put_text(f, BARE "/x?comp=block&blockid=QQ%3D%3D", "world"));
    CHECK_INT(201, blob_put_text(f, BARE "/x?comp=block&blockid=Qg%3D%3D", "hello "));
    CHECK_STR("old", blob_get_text(f, BARE "/x").body);
    CHECK_INT(400,
              blob_put_text(f, BARE "/x?comp=blocklist",
                            "<BlockList><Latest>Qg==</Latest><Latest>Qw==</Latest></BlockList>"));
    CHECK_STR("InvalidBlockList", fake_reply_header(f->fake, "x-ms-error-code"));
    CHECK_STR("old", blob_get_text(f, BARE "/x").body);
    CHECK_INT(
        201,
        blob_put_text(f, BARE "/x?comp=blocklist",
                      "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<BlockList><Latest>Qg==</Latest>"
                      "<Latest>QQ==</Latest></BlockList>"));
    CHECK_STR("hello world", blob_get_text(f, BARE "/x").body);
    CHECK_INT(400, blob_put_text(f, BARE "/x?comp=block", "z"));
    CHECK_INT(400, blob_put_text(f, BARE "/y", "no type"));
    CHECK_INT(404, blob_put_text(f, BARE "/y?comp=appendblock", "z"));
    CHECK_INT(501, blob_put_text(f, BARE "/x?comp=undelete", ""));
    CHECK_INT(409, blob_put_text(f, BARE "/x?comp=copy&copyid=1", ""));
    CHECK_STR("NoPendingCopyOperation", blob_code(f));
}

/* --- Lists ----------------------------------------------------------------------------------- */

TEST(a_list_stops_at_the_delimiter_and_escapes_names)
{
    CLEANUP(blob_fixture_close) struct blob_fixture *f = blob_fixture_open();

    blob_put_text(f, BARE "/p/a%26b%3C.txt", "1");
    blob_put_text(f, BARE "/p/sub/1", "1");
    blob_put_text(f, BARE "/p/sub/2", "1");
    blob_put_text(f, BARE "/p/z", "1");
    blob_put_text(f, BARE "/q", "1");
    struct str xml =
        blob_get_text(f, BARE "?restype=container&comp=list&prefix=p%2F&delimiter=%2F").body;
    CHECK(blob_holds(xml, "<Name>p/a&amp;b&lt;.txt</Name>"));
    CHECK(blob_holds(xml, "<BlobPrefix><Name>p/sub/</Name></BlobPrefix>"));
    CHECK(!blob_holds(xml, "p/sub/1"));
    CHECK(blob_holds(xml, "<Name>p/z</Name>"));
    CHECK(!blob_holds(xml, "<Name>q</Name>"));
    CHECK(blob_holds(xml, "<NextMarker></NextMarker>"));
    xml = blob_get_text(f, LONG "?restype=container&comp=list&prefix=p/").body;
    CHECK(blob_holds(xml, "<Name>p/sub/1</Name>") && blob_holds(xml, "<Name>p/sub/2</Name>"));
    CHECK(blob_holds(xml, "<Content-Length>1</Content-Length>"));
}

/* All names of a paged list, joined; checks that each page is within its bound. */
static struct str all_names(struct blob_fixture *f, const char *query)
{
    struct str names = {0}, marker = {0};

    for (int page = 0; page < 20; page++) {
        struct str target =
            arena_printf(f->arena, BARE "?restype=container&comp=list&maxresults=2%s&marker=%.*s",
                         query, STR_ARG(marker));
        struct str xml = blob_get_text(f, target.ptr).body;
        ssize_t at;
        while ((at = str_find(xml, STR("<Name>"))) >= 0) {
            xml = str_slice(xml, (size_t)at + 6, xml.len);
            names = arena_printf(f->arena, "%.*s%.*s ", STR_ARG(names),
                                 (int)str_find_char(xml, '<'), xml.ptr);
        }
        at = str_find(xml, STR("<NextMarker>"));
        xml = str_slice(xml, (size_t)at + 12, xml.len);
        marker = arena_str(f->arena, str_slice(xml, 0, (size_t)str_find_char(xml, '<')));
        if (marker.len == 0)
            return names;
    }
    return STR("no end");
}

TEST(a_list_in_pages_misses_nothing)
{
    CLEANUP(blob_fixture_close) struct blob_fixture *f = blob_fixture_open();
    static const char *const NAMES[] = {"/a", "/b/1", "/b/2", "/b/3", "/c", "/d/1", "/e"};

    for (size_t i = 0; i < COUNT(NAMES); i++)
        blob_put_text(f, arena_printf(f->arena, BARE "%s", NAMES[i]).ptr, "x");
    CHECK_STR("a b/1 b/2 b/3 c d/1 e ", all_names(f, ""));
    CHECK_STR("a b/ c d/ e ", all_names(f, "&delimiter=/"));
    CHECK_STR("b/1 b/2 b/3 ", all_names(f, "&prefix=b/"));
    /* A first name, itself included, on whatever page. */
    CHECK_STR("b/2 b/3 c d/1 e ", all_names(f, "&startFrom=b/2"));
    CHECK_STR("b/2 b/3 c d/1 e ", all_names(f, "&startFrom=b/10"));
    CHECK_STR("b/2 b/3 ", all_names(f, "&prefix=b/&startFrom=b/2"));
    CHECK_STR("b/1 b/2 b/3 ", all_names(f, "&prefix=b/&startFrom=a"));
    CHECK_STR("b/ c d/ e ", all_names(f, "&delimiter=/&startFrom=b/3"));
    CHECK_STR("c d/ e ", all_names(f, "&delimiter=/&startFrom=b/4"));
    CHECK_STR("", all_names(f, "&startFrom=f"));
    CHECK_INT(400, blob_get_text(f, BARE "?restype=container&comp=list&marker=zz").status);
    CHECK_INT(400, blob_get_text(f, BARE "?restype=container&comp=list&maxresults=0").status);
    CHECK_INT(200, blob_get_text(f, BARE "?restype=container").status);
}

/* The library that prepares data cuts an address at its first slash: what it takes for the
 * container is the account, and its folders begin with the container. */
TEST(a_list_of_the_account_is_that_of_the_container_in_its_prefix)
{
    CLEANUP(blob_fixture_close) struct blob_fixture *f = blob_fixture_open();
    static const char LIST[] = ROOT "?restype=container&comp=list&delimiter=/&prefix=";
    const char *container = &BARE[1];

    blob_put_text(f, BARE "/a", "1");
    blob_put_text(f, BARE "/d/b", "2");
    struct str body =
        blob_get_text(f, arena_printf(f->arena, "%s%s%%2F", LIST, container).ptr).body;
    CHECK(blob_holds(body, "<Name>azureml-" GUID "/a</Name>"));
    CHECK(blob_holds(body, "<BlobPrefix><Name>azureml-" GUID "/d/</Name></BlobPrefix>"));
    CHECK(blob_holds(body, "<Prefix>azureml-" GUID "/</Prefix>"));
    body = blob_get_text(f, arena_printf(f->arena, "%s%s/d/", LIST, container).ptr).body;
    CHECK(blob_holds(body, "<Name>azureml-" GUID "/d/b</Name>"));
    CHECK(!blob_holds(body, "/a</Name>"));
    CHECK_INT(404, blob_get_text(f, arena_printf(f->arena, "%snone/", LIST).ptr).status);
    blob_as_sas(f, container, "l");
    CHECK_INT(200, blob_get_text(f, arena_printf(f->arena, "%s%s/", LIST, container).ptr).status);
    blob_as_sas(f, "another", "l");
    CHECK_INT(403, blob_get_text(f, arena_printf(f->arena, "%s%s/", LIST, container).ptr).status);
}

TEST(a_list_gives_metadata_when_asked)
{
    CLEANUP(blob_fixture_close) struct blob_fixture *f = blob_fixture_open();

    fake_header(f->fake, "x-ms-meta-hdi_isfolder", "true");
    blob_put_text(f, BARE "/folder", "");
    fake_header(f->fake, "x-ms-meta-hdi_isfolder", NULL);
    CHECK(blob_holds(blob_get_text(f, BARE "?restype=container&comp=list&include=metadata").body,
                     "<Metadata><hdi_isfolder>true</hdi_isfolder></Metadata>"));
    CHECK(!blob_holds(blob_get_text(f, BARE "?restype=container&comp=list").body, "hdi_isfolder"));
}

/* --- Who may --------------------------------------------------------------------------------- */

static void as_attempt(struct blob_fixture *f, int64_t scope, const char *run)
{
    struct caller caller = {.kind = CALLER_ATTEMPT,
                            .name = str_from(run),
                            .scope = scope,
                            .run = str_from(run),
                            .attempt = 1};

    fake_caller(f->fake, &caller);
}

TEST(an_attempt_writes_its_own_places_only)
{
    CLEANUP(blob_fixture_close) struct blob_fixture *f = blob_fixture_open();

    blob_put_text(f, BARE "/other", "1");
    as_attempt(f, 1, "calm_owl");
    CHECK_INT(200, blob_get_text(f, BARE "/other").status);
    CHECK_INT(201, blob_put_text(f, BARE "/ExperimentRun/dcid.calm_owl/outputs/x", "1"));
    CHECK_INT(403, blob_put_text(f, BARE "/ExperimentRun/dcid.calm_owl2/outputs/x", "1"));
    CHECK_INT(403, blob_put_text(f, BARE "/other", "2"));
    CHECK_INT(403, fake_send(f->fake, "DELETE", BARE "/other", STR("")).status);
    CHECK_INT(201, blob_put_text(f, DATA "/azureml/calm_owl/parts/x", "1"));
    CHECK_INT(403, blob_put_text(f, DATA "/azureml/calm_owl/partsx", "1"));
    CHECK_INT(403, blob_put_text(f, DATA "/azureml/calm_owl/else/x", "1"));
    as_attempt(f, 2, "calm_owl"); /* elsewhere it looks as if there were nothing */
    CHECK_INT(404, blob_get_text(f, BARE "/other").status);
    CHECK_STR("ContainerNotFound", blob_code(f));
    CHECK_INT(404, blob_put_text(f, BARE "/ExperimentRun/dcid.calm_owl/x", "1"));
}

TEST(a_signature_gives_what_it_says)
{
    CLEANUP(blob_fixture_close) struct blob_fixture *f = blob_fixture_open();
    struct caller caller = {.kind = CALLER_SAS,
                            .name = STR("sas"),
                            .container = STR("azureml-" GUID),
                            .permissions = STR("rc")};

    blob_put_text(f, BARE "/x", "1");
    fake_caller(f->fake, &caller);
    CHECK_INT(200, blob_get_text(f, BARE "/x").status);
    CHECK_INT(201, blob_put_text(f, BARE "/new", "1"));
    CHECK_INT(409, blob_put_text(f, BARE "/x", "2"));
    CHECK_INT(403, blob_get_text(f, BARE "?restype=container&comp=list").status);
    CHECK_STR("AuthorizationPermissionMismatch", fake_reply_header(f->fake, "x-ms-error-code"));
    CHECK_INT(403, fake_send(f->fake, "DELETE", BARE "/x", STR("")).status);
    CHECK_INT(403, blob_get_text(f, DATA "/x").status);
    caller.blob_only = true;
    caller.prefix = STR("x");
    fake_caller(f->fake, &caller);
    CHECK_INT(200, blob_get_text(f, BARE "/x").status);
    CHECK_INT(403, blob_get_text(f, BARE "/new").status);
    caller.kind = CALLER_LOCAL;
    fake_caller(f->fake, &caller);
    CHECK_INT(403, blob_get_text(f, BARE "/x").status);
}

static struct blob_fixture *checked; /* the handler below has only the call */
static int check_result;
static struct caller check_caller;
static struct error check_error;

static void run_check(struct call *call)
{
    check_error = (struct error){0};
    check_result = blob_check_sas(call, &check_caller, &checked->engines, &check_error);
    http_reply(call->ex, 200, NULL, STR(""));
}

static const struct route CHECK_ROWS[] = {
    {.method = "GET",
     .path = "/azureml-{container}/{blob*}",
     .permit = PERMIT_PUBLIC,
     .listeners = LISTEN_ALL,
     .run = run_check,
     .refuse = blob_refuse},
    {.method = "GET",
     .path = "/{account}.blob.{suffix}/{container}/{blob*}",
     .permit = PERMIT_PUBLIC,
     .listeners = LISTEN_ALL,
     .run = run_check,
     .refuse = blob_refuse},
};

TEST(signatures_are_checked_over_the_raw_query)
{
    CLEANUP(blob_fixture_close) struct blob_fixture *f = blob_fixture_open();
    struct route_table table = {CHECK_ROWS, COUNT(CHECK_ROWS), &f->engines};
    CLEANUP(fake_free) struct fake *fake = fake_new(&table, 1);
    struct sas sas = {.account = STR("lz0123abcd000040008000"),
                      .container = STR("azureml-" GUID),
                      .permissions = STR("r"),
                      .start_us = clock_now_us(),
                      .end_us = clock_now_us() + 60 * US_PER_S};

    checked = f;
    struct str query = sas_make(f->engines.vault, f->arena, &sas);
    fake_send(fake, "GET", arena_printf(f->arena, BARE "/x?%.*s", STR_ARG(query)).ptr, STR(""));
    CHECK_OK(check_result, &check_error);
    CHECK_INT(CALLER_SAS, check_caller.kind);
    fake_send(fake, "GET", arena_printf(f->arena, LONG "/x?%.*s", STR_ARG(query)).ptr, STR(""));
    CHECK_OK(check_result, &check_error);
    fake_send(fake, "GET", arena_printf(f->arena, DATA "/x?%.*s", STR_ARG(query)).ptr, STR(""));
    CHECK_INT(-1, check_result);
    CHECK_STR("AuthenticationFailed", str_from(check_error.target));
    fake_listener(fake, LISTEN_PLAIN);
    fake_send(fake, "GET", arena_printf(f->arena, BARE "/x?%.*s", STR_ARG(query)).ptr, STR(""));
    CHECK_INT(-1, check_result);
}

/* --- Small parts ----------------------------------------------------------------------------- */

TEST(xml_text_is_escaped)
{
    CLEANUP(buf_free) struct buf out = buf_make(KIB);

    blob_xml_element(&out, "Name", STR("a<b>&\"c\"\x01"));
    CHECK_STR("<Name>a&lt;b&gt;&amp;&quot;c&quot;\xef\xbf\xbd</Name>", buf_str(&out));
}

TEST(block_lists_that_are_none_are_refused)
{
    static const char *const BAD[] = {
        "",
        "<BlockList>",
        "<BlockList><></BlockList>",
        "<>",
        "<BlockList><Latest>QQ==</BlockList>",
        "<BlockList><Latest>QQ==</Latest>",
        "<BlockList><Latest>Q Q</Latest></BlockList>",
        "<BlockList><Latest></Latest></BlockList>",
        "<BlockList><Other>QQ==</Other></BlockList>",
        "<!DOCTYPE x [<!ENTITY a \"b\">]><BlockList></BlockList>",
        "<BlockList><Latest>&a;</Latest></BlockList>",
        "<BlockList></BlockList><BlockList></BlockList>",
        "<Wrong></Wrong>",
    };
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct error err = {0};
    struct content_pick *ids;
    size_t count;

    for (size_t i = 0; i < COUNT(BAD); i++)
        CHECK_ERROR(ERROR_INVALID, blob_xml_blocks(arena, str_from(BAD[i]), &ids, &count, &err),
                    &err);
    CHECK_OK(blob_xml_blocks(arena, STR("<BlockList />"), &ids, &count, &err), &err);
    CHECK_INT(0, count);
    CHECK_OK(
        blob_xml_blocks(arena,
                        STR("<BlockList>\n <Latest>QQ==</Latest>\n <Uncommitted>Qg==</Uncommitted>"
                            "\n</BlockList>\n"),
                        &ids, &count, &err),
        &err);
    CHECK_INT(2, count);
    CHECK_STR("Qg==", ids[1].block_id);
    CHECK_INT(CONTENT_LATEST, ids[0].from);
    CHECK_INT(CONTENT_STAGED, ids[1].from);
}

TEST(the_crc_is_the_known_one_and_goes_on_in_pieces)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    const struct blob_crc *tables = blob_crc_new(arena);
    char bytes[1000];

    CHECK(blob_crc64(tables, 0, STR("123456789")) == 0xae8b14860a799888ULL);
    CHECK(blob_crc64(tables, 0, STR("")) == 0);
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)(i * 7);
    uint64_t whole = blob_crc64(tables, 0, (struct str){bytes, sizeof(bytes)});
    /* However it is cut, eight bytes at a time or one. */
    for (size_t cut = 0; cut <= sizeof(bytes); cut += 13) {
        uint64_t part = blob_crc64(tables, 0, (struct str){bytes, cut});
        CHECK(blob_crc64(tables, part, (struct str){bytes + cut, sizeof(bytes) - cut}) == whole);
    }
}
