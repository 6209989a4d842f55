/* Batches: many deletions in one request, each with an answer of its own. */
#include "base/test.h"
#include "blob/fixture_test.h"
#include "os/clock.h"
#include "vault/sas.h"

#include <string.h>

#define BOX ROOT "/box"
#define BATCH "?restype=container&comp=batch"
#define OF_BOX BOX BATCH
#define OF_ACCOUNT ROOT "/?comp=batch"

/* One part: the head of a request. */
static struct str part(struct blob_fixture *f, const char *id, const char *head)
{
    return arena_printf(f->arena,
                        "--cut\r\nContent-Type: application/http\r\n"
                        "Content-Transfer-Encoding: binary\r\nContent-ID: %s\r\n\r\n%s\r\n\r\n",
                        id, head);
}

static struct fake_reply post(struct blob_fixture *f, const char *target, struct str body)
{
    fake_header(f->fake, "Content-Type", "multipart/mixed; boundary=cut");
    struct fake_reply reply = fake_send(f->fake, "POST", target, body);
    fake_header(f->fake, "Content-Type", NULL);
    return reply;
}

/* Two parts and the end. */
static struct fake_reply send_two(struct blob_fixture *f, const char *target, const char *first,
                                  const char *second)
{
    return post(f, target,
                arena_printf(f->arena, "%.*s%.*s--cut--\r\n", STR_ARG(part(f, "0", first)),
                             STR_ARG(part(f, "1", second))));
}

static struct fake_reply send_one(struct blob_fixture *f, const char *target, const char *head)
{
    return post(f, target, arena_printf(f->arena, "%.*s--cut--\r\n", STR_ARG(part(f, "0", head))));
}

static int status_of(struct blob_fixture *f, const char *target)
{
    return fake_send(f->fake, "HEAD", target, STR("")).status;
}

/* A container with the blobs a, b and "c d". */
static struct blob_fixture *open_box(void)
{
    struct blob_fixture *f = blob_fixture_open();

    CHECK_INT(201, blob_put_text(f, BOX "?restype=container", ""));
    CHECK_INT(201, blob_put_text(f, BOX "/a", "1"));
    CHECK_INT(201, blob_put_text(f, BOX "/b", "2"));
    CHECK_INT(201, blob_put_text(f, BOX "/c%20d", "3"));
    return f;
}

TEST(each_part_is_answered_as_if_it_had_been_alone)
{
    CLEANUP(blob_fixture_close) struct blob_fixture *f = open_box();
    struct fake_reply reply = send_two(f, OF_BOX, "DELETE /box/c%20d HTTP/1.1\r\nContent-Length: 0",
                                       "DELETE /box/none HTTP/1.1");

    CHECK_INT(202, reply.status);
    CHECK(str_starts(reply.body, STR("--batchresponse_")));
    CHECK(blob_holds(reply.body, "Content-ID: 0\r\n\r\nHTTP/1.1 202 Accepted\r\n"));
    CHECK(blob_holds(reply.body, "Content-ID: 1\r\n\r\nHTTP/1.1 404 Not Found\r\n"));
    CHECK(blob_holds(reply.body, "x-ms-error-code: BlobNotFound\r\n"));
    CHECK(blob_holds(reply.body, "<Code>BlobNotFound</Code>"));
    CHECK_INT(404, status_of(f, BOX "/c%20d"));
    CHECK_INT(200, status_of(f, BOX "/a"));
}

TEST(a_batch_of_the_account_reaches_its_containers_by_either_path)
{
    CLEANUP(blob_fixture_close) struct blob_fixture *f = open_box();

    blob_put_text(f, BARE "/x", "1");
    CHECK_INT(
        202,
        send_two(f, OF_ACCOUNT, "DELETE " BOX "/a HTTP/1.1", "DELETE " BARE "/x HTTP/1.1").status);
    CHECK_INT(404, status_of(f, BOX "/a"));
    CHECK_INT(404, status_of(f, BARE "/x"));
    CHECK(blob_holds(send_one(f, OF_BOX, "DELETE /" ACCOUNT "/box/c%20d? HTTP/1.1").body,
                     "HTTP/1.1 202"));
    CHECK_INT(404, status_of(f, BOX "/c%20d"));
    /* One of another container, another account, or another workspace's containers. */
    struct fake_reply reply = send_two(f, OF_BOX, "DELETE " BARE "/x HTTP/1.1",
                                       "DELETE /lzother.blob.core.x/box/b HTTP/1.1");
    CHECK_INT(202, reply.status);
    CHECK(!blob_holds(reply.body, "HTTP/1.1 202"));
    CHECK(blob_holds(
        send_one(f, OF_ACCOUNT, "DELETE /azureml-99999999-0000-4000-8000-000000000001/x HTTP/1.1")
            .body,
        "HTTP/1.1 404"));
    CHECK_INT(200, status_of(f, BOX "/b"));
}

TEST(conditions_and_snapshots_are_those_of_the_part)
{
    CLEANUP(blob_fixture_close) struct blob_fixture *f = open_box();
    struct fake_reply reply = send_two(f, OF_BOX, "DELETE /box/a HTTP/1.1\r\nIf-Match: \"0x1\"",
                                       "DELETE /box/b HTTP/1.1\r\nx-ms-delete-snapshots: only");

    CHECK(blob_holds(reply.body, "HTTP/1.1 412"));
    CHECK(blob_holds(reply.body, "HTTP/1.1 202"));
    CHECK_INT(200, status_of(f, BOX "/a"));
    CHECK_INT(200, status_of(f, BOX "/b"));
    reply = send_two(f, OF_BOX, "DELETE /box/a?snapshot=2026 HTTP/1.1",
                     "PUT /box/b?comp=tier HTTP/1.1\r\nx-ms-access-tier: Cool");
    CHECK(!blob_holds(reply.body, "HTTP/1.1 202"));
    CHECK(blob_holds(reply.body, "HTTP/1.1 501"));
    CHECK_INT(200, status_of(f, BOX "/a"));
}

TEST(a_part_does_what_its_own_credential_may)
{
    CLEANUP(blob_fixture_close) struct blob_fixture *f = open_box();
    struct sas sas = {.account = STR(ACCOUNT),
                      .container = STR("box"),
                      .permissions = STR("d"),
                      .start_us = clock_now_us() - 60 * US_PER_S,
                      .end_us = clock_now_us() + 60 * US_PER_S};
    struct str query = sas_make(f->engines.vault, f->arena, &sas);
    const char *good = arena_printf(f->arena, "DELETE /box/a?%.*s HTTP/1.1", STR_ARG(query)).ptr;
    sas.permissions = STR("rw");
    query = sas_make(f->engines.vault, f->arena, &sas);
    const char *bad = arena_printf(f->arena, "DELETE /box/b?%.*s HTTP/1.1", STR_ARG(query)).ptr;
    struct fake_reply reply = send_two(f, OF_BOX, good, bad);

    CHECK(blob_holds(reply.body, "Content-ID: 0\r\n\r\nHTTP/1.1 202"));
    CHECK(blob_holds(reply.body, "Content-ID: 1\r\n\r\nHTTP/1.1 403"));
    reply = send_two(f, OF_BOX, "DELETE /box/b HTTP/1.1\r\nAuthorization: Bearer another",
                     "DELETE /box/b HTTP/1.1\r\nAuthorization: SharedKey " ACCOUNT ":c2ln");
    CHECK(!blob_holds(reply.body, "HTTP/1.1 202"));
    CHECK_INT(200, status_of(f, BOX "/b"));
}

TEST(who_may_not_delete_has_no_batch)
{
    CLEANUP(blob_fixture_close) struct blob_fixture *f = open_box();

    blob_as_sas(f, "box", "rwcl");
    CHECK_INT(403, send_one(f, OF_BOX, "DELETE /box/a HTTP/1.1").status);
    blob_as_sas(f, "other", "d");
    CHECK_INT(403, send_one(f, OF_BOX, "DELETE /box/a HTTP/1.1").status);
    blob_with_people(f);
    blob_as_user(f, blob_new_user(f, "Reader"));
    CHECK_INT(403, send_one(f, OF_BOX, "DELETE /box/a HTTP/1.1").status);
    blob_as_user(f, blob_new_user(f, NULL));
    CHECK_INT(404, send_one(f, OF_BOX, "DELETE /box/a HTTP/1.1").status);
    blob_as_user(f, blob_new_user(f, "AzureML Data Scientist"));
    CHECK(blob_holds(send_one(f, OF_BOX, "DELETE /box/a HTTP/1.1").body, "HTTP/1.1 202"));
}

TEST(what_is_no_batch_is_refused_whole)
{
    CLEANUP(blob_fixture_close) struct blob_fixture *f = open_box();
    static const char *const BODIES[] = {
        "",
        "--cut--\r\n",
        "--cut\r\n--cut--\r\n",
        "--cut\r\nContent-ID: 0\r\n\r\nDELETE /box/a HTTP/1.1\r\n\r\n",
        "--cut\r\nContent-ID: 0\r\n\r\nDELETE\r\n\r\n--cut--\r\n",
        "--cut\r\nContent-ID: 0\r\n\r\nDELETE box/a HTTP/1.1\r\n\r\n--cut--\r\n",
        "--cut\r\nno header\r\n\r\nDELETE /box/a HTTP/1.1\r\n\r\n--cut--\r\n",
    };

    for (size_t i = 0; i < COUNT(BODIES); i++)
        CHECK_INT(400, post(f, OF_BOX, str_from(BODIES[i])).status);
    CHECK_INT(400, fake_send(f->fake, "POST", OF_BOX, STR("x")).status);
    CHECK_INT(200, status_of(f, BOX "/a"));
    /* A part that names nothing is a part that failed; line ends may be short. */
    CHECK(blob_holds(send_two(f, OF_BOX, "DELETE /box HTTP/1.1", "DELETE / HTTP/1.1").body,
                     "HTTP/1.1 400"));
    CHECK_INT(202, post(f, OF_BOX, STR("--cut\n\nDELETE /box/a HTTP/1.1\n\n--cut--")).status);
    CHECK_INT(404, status_of(f, BOX "/a"));
    CHECK_INT(404, send_one(f, ROOT "/none" BATCH, "DELETE /none/a HTTP/1.1").status);
}

TEST(a_batch_has_at_most_256_parts)
{
    CLEANUP(blob_fixture_close) struct blob_fixture *f = open_box();
    struct str body = STR(""), one = part(f, "7", "DELETE /box/none HTTP/1.1");

    for (int i = 0; i < 256; i++)
        body = arena_printf(f->arena, "%.*s%.*s", STR_ARG(body), STR_ARG(one));
    CHECK_INT(202, post(f, OF_BOX, arena_printf(f->arena, "%.*s--cut--", STR_ARG(body))).status);
    CHECK_INT(
        400, post(f, OF_BOX, arena_printf(f->arena, "%.*s%.*s--cut--", STR_ARG(body), STR_ARG(one)))
                 .status);
    CHECK_STR("ExceedsMaxBatchRequestCount", blob_code(f));
}
