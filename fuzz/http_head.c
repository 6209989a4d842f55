/* Any bytes are a request, or are refused; what was taken keeps the promises that others rely on.
 */
#include "http/limits.h"
#include "http/parser.h"
#include "http/text.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void no_controls(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        must((c >= 0x20 || c == '\t') && c != 0x7f);
    }
}

/* No segment of the path may mean another place once it is decoded; doubled and encoded slashes are
 * told, and between encoded ones nothing climbs either. */
static void check_path(struct arena *arena, struct str path, bool odd)
{
    struct str rest = str_slice(path, 1, path.len), segment, plain, part;

    must(path.len > 0 && path.ptr[0] == '/');
    while (str_split(&rest, '/', &segment)) {
        must(http_decode(arena, segment, &plain, NULL) == 0);
        must(odd || str_find_char(plain, '/') < 0);
        must(str_find_char(plain, '\\') < 0 && memchr(plain.ptr, '\0', plain.len) == NULL);
        must(odd || segment.len > 0 || !rest.ptr);
        while (str_split(&plain, '/', &part))
            must(!str_eq(part, STR(".")) && !str_eq(part, STR("..")));
    }
}

static void check_request(struct arena *arena, const struct http_head *head)
{
    size_t hosts = 0, lengths = 0;

    must(head->header_count <= HTTP_HEADER_COUNT && head->target.len <= HTTP_TARGET_BYTES);
    must(head->content_length >= -1 && (head->content_length == -1) == head->chunked);
    must(!(head->chunked && head->has_length));
    check_path(arena, head->path, head->odd_path);
    no_controls(head->target);
    for (size_t i = 0; i < head->header_count; i++) {
        must(head->headers[i].name.len > 0);
        no_controls(head->headers[i].name);
        no_controls(head->headers[i].value);
        hosts += str_eq_fold(head->headers[i].name, STR("host"));
        lengths += str_eq_fold(head->headers[i].name, STR("content-length"));
    }
    must(hosts == 1 && lengths == head->has_length);
}

static int count(void *context, struct str bytes)
{
    *(size_t *)context += bytes.len;
    return 0;
}

/* The same bytes decode to the same, wherever they are cut. */
static void check_chunks(struct http_parser *parser, struct str bytes)
{
    struct http_parser again = *parser;
    size_t whole = 0, cut = 0, used = 0;

    again.llhttp.data = &again;
    ssize_t all = parser_read_chunks(parser, bytes, count, &whole);
    while (used < bytes.len && !again.ended) {
        ssize_t one = parser_read_chunks(&again, str_slice(bytes, used, used + 1), count, &cut);
        if (one < 0) {
            must(all < 0);
            return;
        }
        used += (size_t)one;
    }
    must(all >= 0 && used == (size_t)all && whole == cut && again.ended == parser->ended);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(4 * MIB);
    struct str bytes = {(const char *)data, size};
    struct http_refusal why = {0};
    struct http_parser parser;
    struct http_head head;
    size_t scanned = 0;
    ssize_t len = parser_find_head(bytes, &scanned, &why);

    if (len <= 0) {
        must(len == 0 || why.status >= 400);
        return 0;
    }
    must((size_t)len <= size && (size_t)len <= HTTP_HEAD_BYTES);
    struct str text = arena_str(arena, str_slice(bytes, 0, (size_t)len));
    if (parser_read_request(&parser, arena, text, &head, &why) == 0) {
        check_request(arena, &head);
        if (head.chunked)
            check_chunks(&parser, str_slice(bytes, (size_t)len, size));
    } else {
        must(why.status >= 400 && why.status <= 505 && why.sentence);
    }
    if (parser_read_response(&parser, arena, text, &head, &why) == 0 && head.chunked)
        check_chunks(&parser, str_slice(bytes, (size_t)len, size));
    return 0;
}
