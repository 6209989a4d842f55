/* The small grammars. */
#include "base/test.h"
#include "http/text.h"

TEST(text_decodes_once)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct error err = {0};
    struct str out;

    CHECK_OK(http_decode(arena, STR("a%20b%2Fc%2f%25zz+%c3%A9"), &out, &err), &err);
    CHECK_STR("a b/c/%zz+\xc3\xa9", out);
    CHECK_OK(http_decode(arena, STR("%2541"), &out, &err), &err);
    CHECK_STR("%41", out);
    CHECK_OK(http_decode(arena, STR(""), &out, &err), &err);
    CHECK_STR("", out);
    static const struct str BAD[] = {STR_INIT("%"),   STR_INIT("%2"),  STR_INIT("a%zz"),
                                     STR_INIT("%00"), STR_INIT("%-1"), STR_INIT("a\0b")};
    for (size_t i = 0; i < COUNT(BAD); i++) {
        out = STR("untouched");
        CHECK_ERROR(ERROR_INVALID, http_decode(arena, BAD[i], &out, &err), &err);
        CHECK_STR("untouched", out);
    }
}

TEST(text_encodes_what_decoding_gives_back)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct error err = {0};
    char all[255];
    struct str out;

    for (int i = 0; i < 255; i++)
        all[i] = (char)(i + 1);
    struct str encoded = http_encode(arena, (struct str){all, sizeof(all)}, false);
    CHECK_OK(http_decode(arena, encoded, &out, &err), &err);
    CHECK(str_eq(out, (struct str){all, sizeof(all)}));
    CHECK_STR("a%20b%2Fc~_-.", http_encode(arena, STR("a b/c~_-."), false));
    CHECK_STR("a%20b/c%25%3B", http_encode(arena, STR("a b/c%;"), true));
    CHECK_STR("", http_encode(arena, STR(""), true));
}

TEST(text_finds_parameters)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct str query =
        STR("a=1&B=two%20words&a=3&empty=&flag&c=x+y&%61pi-version=2023&bad=%zz&a=4=5");
    struct str out = STR("untouched");

    CHECK(http_query_get(arena, query, "a", 0, &out));
    CHECK_STR("1", out);
    CHECK(http_query_get(arena, query, "A", 1, &out));
    CHECK_STR("3", out);
    CHECK(http_query_get(arena, query, "a", 2, &out));
    CHECK_STR("4=5", out);
    CHECK(http_query_get(arena, query, "b", 0, &out));
    CHECK_STR("two words", out);
    CHECK(http_query_get(arena, query, "c", 0, &out));
    CHECK_STR("x y", out);
    CHECK(http_query_get(arena, query, "empty", 0, &out));
    CHECK_STR("", out);
    CHECK(http_query_get(arena, query, "flag", 0, &out));
    CHECK_STR("", out);
    CHECK(http_query_get(arena, query, "api-version", 0, &out));
    CHECK_STR("2023", out);
    CHECK(!http_query_get(arena, query, "a", 3, &out));
    CHECK(!http_query_get(arena, query, "bad", 0, &out));
    CHECK(!http_query_get(arena, query, "missing", 0, &out));
    CHECK(!http_query_get(arena, STR(""), "a", 0, &out));
    CHECK_STR("2023", out);
}

static const struct {
    const char *header;
    int64_t size;
    int result;
    int64_t offset, length;
} RANGES[] = {
    {"bytes=0-0", 10, 1, 0, 1},
    {"bytes=0-9", 10, 1, 0, 10},
    {"bytes=3-", 10, 1, 3, 7},
    {"bytes=3-100", 10, 1, 3, 7},
    {"bytes=-3", 10, 1, 7, 3},
    {"bytes=-30", 10, 1, 0, 10},
    {"Bytes=9-9", 10, 1, 9, 1},
    {"bytes=0-99999999999999999999", 10, 1, 0, 10},
    {"bytes=10-", 10, -1, 0, 0},
    {"bytes=10-11", 10, -1, 0, 0},
    {"bytes=99999999999999999999-", 10, -1, 0, 0},
    {"bytes=-0", 10, -1, 0, 0},
    {"bytes=0-0", 0, -1, 0, 0},
    {"bytes=-1", 0, -1, 0, 0},
    {"", 10, 0, 0, 0},
    {"bytes=", 10, 0, 0, 0},
    {"bytes=-", 10, 0, 0, 0},
    {"bytes=5-3", 10, 0, 0, 0},
    {"bytes=0-1,3-4", 10, 0, 0, 0},
    {"bytes=a-b", 10, 0, 0, 0},
    {"bytes=+1-2", 10, 0, 0, 0},
    {"items=0-1", 10, 0, 0, 0},
};

TEST(text_reads_ranges)
{
    for (size_t i = 0; i < COUNT(RANGES); i++) {
        int64_t offset = 0, length = 0;
        int result = http_range(str_from(RANGES[i].header), RANGES[i].size, &offset, &length);
        if (result != RANGES[i].result || offset != RANGES[i].offset || length != RANGES[i].length)
            fail_msg("row %zu, %s: %d %lld %lld", i, RANGES[i].header, result, (long long)offset,
                     (long long)length);
    }
}

static const char *event(struct buf *buf, const char *id, const char *name, const char *data)
{
    buf_clear(buf);
    http_event(buf, str_from(id), str_from(name), str_from(data));
    return buf_str(buf).ptr;
}

TEST(text_writes_events)
{
    CLEANUP(buf_free) struct buf buf = buf_make(KIB);

    CHECK_STR("id: 7\nevent: state\ndata: {}\n\n", str_from(event(&buf, "7", "state", "{}")));
    CHECK_STR("data: a\ndata: b\n\n", str_from(event(&buf, "", "", "a\nb")));
    CHECK_STR("data: a\ndata: \n\n", str_from(event(&buf, "", "", "a\n")));
    CHECK_STR("data: a\ndata: b\n\n", str_from(event(&buf, "", "", "a\r\nb")));
    /* A lone carriage return would end the line at the reader's. */
    CHECK_STR("data: a\ndata: id: 9\n\n", str_from(event(&buf, "", "", "a\rid: 9")));
    CHECK_STR("data: \n\n", str_from(event(&buf, "", "", "")));
}

TEST(text_names_statuses_and_types)
{
    CHECK_STR("OK", str_from(http_reason(200)));
    CHECK_STR("Misdirected Request", str_from(http_reason(421)));
    CHECK_STR("Status", str_from(http_reason(299)));
    CHECK_STR("application/json", str_from(http_media_type(STR("a/b.JSON"))));
    CHECK_STR("text/html; charset=utf-8", str_from(http_media_type(STR("x.tar.html"))));
    CHECK_STR("application/octet-stream", str_from(http_media_type(STR("model.pkl"))));
    CHECK_STR("application/octet-stream", str_from(http_media_type(STR("json"))));
    CHECK_STR("application/octet-stream", str_from(http_media_type(STR(""))));
}
