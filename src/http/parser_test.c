/* The parser alone: what it cuts a head into, and chunks cut at every byte. */
#include "base/buf.h"
#include "base/test.h"
#include "http/limits.h"
#include "http/parser.h"

#include <string.h>

static int read_request(struct arena *arena, struct http_parser *parser, struct str bytes,
                        struct http_head *out)
{
    struct http_refusal why = {0};

    return parser_read_request(parser, arena, bytes, out, &why) == 0 ? 200 : why.status;
}

TEST(parser_cuts_a_head_into_its_parts)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct http_parser parser;
    struct http_head head;

    CHECK_INT(200, read_request(arena, &parser,
                                STR("PUT /a/b%20c?x=1&y=?/ HTTP/1.1\r\nHost: h:1\r\nA:b\r\n"
                                    "C: \t d e \t\r\nContent-Length: 12\r\nExpect: 100-Continue\r\n"
                                    "Connection: x, Close\r\n\r\n"),
                                &head));
    CHECK_STR("PUT", head.method);
    CHECK_STR("/a/b%20c?x=1&y=?/", head.target);
    CHECK_STR("/a/b%20c", head.path);
    CHECK_STR("x=1&y=?/", head.query);
    CHECK_INT(6, head.header_count);
    CHECK_STR("b", parser_header(head.headers, 6, STR("a"))->value);
    CHECK_STR("d e", parser_header(head.headers, 6, STR("c"))->value);
    CHECK(!parser_header(head.headers, 6, STR("b")));
    CHECK_INT(12, head.content_length);
    CHECK(head.has_length && !head.chunked && head.close && head.expect_continue);
    CHECK_INT(200, read_request(arena, &parser, STR("GET / HTTP/1.1\r\nHost: h\r\n\r\n"), &head));
    CHECK_INT(0, head.content_length);
    CHECK_STR("", head.query);
    CHECK(!head.has_length && !head.chunked && !head.close && !head.expect_continue);
}

TEST(parser_notes_doubled_and_encoded_slashes_but_nothing_that_climbs)
{
    static const char *const ODD[] = {"//a", "/a//b", "/a%2fb", "/a%2F", "/a//"};
    static const char *const BAD[] = {"/..%2fa", "/a%2F..", "/a%2f.%2fb", "/a%2f%2e%2E/b", "/a%5c"};
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct http_parser parser;
    struct http_head head;

    for (size_t i = 0; i < COUNT(ODD); i++) {
        struct str text = arena_printf(arena, "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", ODD[i]);
        CHECK_INT(200, read_request(arena, &parser, text, &head));
        CHECK(head.odd_path);
        CHECK_STR(ODD[i], head.path);
    }
    for (size_t i = 0; i < COUNT(BAD); i++) {
        struct str text = arena_printf(arena, "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", BAD[i]);
        CHECK_INT(400, read_request(arena, &parser, text, &head));
    }
    CHECK_INT(200, read_request(arena, &parser, STR("GET /a/ HTTP/1.1\r\nHost: h\r\n\r\n"), &head));
    CHECK(!head.odd_path);
}

TEST(parser_leaves_its_results_alone_when_it_refuses)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct http_head head = {.status = 77};
    struct http_parser parser;

    CHECK_INT(400, read_request(arena, &parser, STR("GET / HTTP/1.1\r\n\r\n"), &head));
    CHECK_INT(77, head.status);
    CHECK(!head.headers);
}

TEST(parser_finds_the_end_wherever_the_bytes_are_cut)
{
    struct str head = STR("GET / HTTP/1.1\r\nHost: h\r\n\r\nGET / HTTP/1.1\r\n");
    struct http_refusal why;
    ssize_t whole = 27;

    for (size_t first = 0; first <= head.len; first++) {
        size_t scanned = 0;
        ssize_t len = parser_find_head(str_slice(head, 0, first), &scanned, &why);
        CHECK_INT((ssize_t)first >= whole ? whole : 0, len);
        if (len == 0)
            CHECK_INT(whole, parser_find_head(head, &scanned, &why));
    }
    size_t scanned = 0;
    CHECK_INT(-1, parser_find_head(STR("GET / HTTP/1.1\n"), &scanned, &why));
    CHECK_INT(400, why.status);
    CHECK_INT(-1, parser_find_head(STR("\r\n"), &scanned, &why));
}

static int add(void *context, struct str bytes)
{
    buf_add(context, bytes);
    return 0;
}

static int never(void *, struct str)
{
    return -1;
}

TEST(parser_decodes_chunks_cut_at_every_byte)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    CLEANUP(buf_free) struct buf body = buf_make(KIB);
    struct str request = STR("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
    struct str bytes = STR("3\r\nabc\r\n0000b\r\n0123456789\n\r\n0\r\n\r\nGET");
    struct http_parser parser;
    struct http_head head;

    for (size_t cut = 0; cut <= bytes.len; cut++) {
        CHECK_INT(200, read_request(arena, &parser, request, &head));
        CHECK(head.chunked && head.content_length == -1);
        buf_clear(&body);
        ssize_t first = parser_read_chunks(&parser, str_slice(bytes, 0, cut), add, &body);
        CHECK(first >= 0);
        ssize_t second = 0;
        if (!parser.ended) {
            CHECK_INT((ssize_t)cut, first);
            second = parser_read_chunks(&parser, str_slice(bytes, cut, bytes.len), add, &body);
        }
        CHECK(parser.ended);
        CHECK_INT((ssize_t)bytes.len - 3, first + second);
        CHECK_STR("abc0123456789\n", buf_str(&body));
    }
    CHECK_INT(200, read_request(arena, &parser, request, &head));
    CHECK_INT(-1, parser_read_chunks(&parser, bytes, never, NULL));
    CHECK(parser.refused);
}

static int read_response(struct arena *arena, const char *text, struct http_head *out)
{
    struct http_refusal why = {0};
    struct http_parser parser;

    return parser_read_response(&parser, arena, str_from(text), out, &why) == 0 ? 0 : why.status;
}

TEST(parser_reads_replies)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct http_head head;

    CHECK_INT(0,
              read_response(arena, "HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\n", &head));
    CHECK_INT(404, head.status);
    CHECK_INT(3, head.content_length);
    CHECK(!head.close);
    CHECK_INT(0,
              read_response(arena, "HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n", &head));
    CHECK(head.chunked && !head.close);
    CHECK_INT(0, read_response(arena, "HTTP/1.0 200 OK\r\n\r\n", &head));
    CHECK_INT(-1, head.content_length);
    CHECK(head.close);
    /* Statuses without a body have none, whatever their heads say. */
    static const char *const BODILESS[] = {"101", "204", "304"};
    for (size_t i = 0; i < COUNT(BODILESS); i++) {
        struct str text =
            arena_printf(arena, "HTTP/1.1 %s x\r\nTransfer-Encoding: chunked\r\n\r\n", BODILESS[i]);
        CHECK_INT(0, read_response(arena, text.ptr, &head));
        CHECK(!head.chunked && !head.close);
        CHECK_INT(0, head.content_length);
    }
    CHECK_INT(502, read_response(arena, "HTTP/2 200 OK\r\n\r\n", &head));
    CHECK_INT(502, read_response(arena, "HTTP/1.1 20 OK\r\n\r\n", &head));
    CHECK_INT(502, read_response(arena, "HTTP/1.1 2000 OK\r\n\r\n", &head));
    CHECK_INT(400, read_response(arena, "HTTP/1.1 200 OK\r\nA : b\r\n\r\n", &head));
}

TEST(parser_knows_tokens_of_lists)
{
    CHECK(parser_has_token(STR("close"), STR("close")));
    CHECK(parser_has_token(STR("keep-alive,  CLOSE ,x"), STR("close")));
    CHECK(!parser_has_token(STR("closed, not close"), STR("close")));
    CHECK(!parser_has_token(STR(""), STR("close")));
}
