/* Heads and chunks. What is refused, and what only looks odd, is in the tables of server_test.c.
 *
 * Strictness is the point: whatever two programs could read in two ways is refused, so that what a
 * guard has seen is what a handler gets.
 */
#include "http/parser.h"

#include "http/limits.h"

#include <assert.h>
#include <string.h>

/* What a byte may be part of: RFC 9110 section 5.6.2 (token) and 5.5 (field values), RFC 3986
 * sections 3.3 and 3.4 (path, query). A table, since a chain of comparisons would be asked for each
 * byte of each head. `[` and `]` are let through in paths: clients send them unencoded. */
enum { TOKEN = 1, PATH = 2, QUERY = 4, VALUE = 8, NAME_CHARS = TOKEN | PATH | QUERY | VALUE };

/* What each byte may be part of: one look-up instead of a row of questions, in the loop that sees
 * every byte of a head. */
static const unsigned char CLASSES[256] = {
    ['\t'] = VALUE,
    [' '] = VALUE,
    ['!'] = NAME_CHARS,
    ['"'] = VALUE,
    ['#'] = TOKEN | VALUE,
    ['$' ... '\''] = NAME_CHARS,
    ['(' ... ')'] = PATH | QUERY | VALUE,
    ['*' ... '+'] = NAME_CHARS,
    [','] = PATH | QUERY | VALUE,
    ['-' ... '.'] = NAME_CHARS,
    ['/'] = PATH | QUERY | VALUE,
    ['0' ... '9'] = NAME_CHARS,
    [':' ... ';'] = PATH | QUERY | VALUE,
    ['<'] = VALUE,
    ['='] = PATH | QUERY | VALUE,
    ['>'] = VALUE,
    ['?'] = QUERY | VALUE,
    ['@'] = PATH | QUERY | VALUE,
    ['A' ... 'Z'] = NAME_CHARS,
    ['['] = PATH | QUERY | VALUE,
    ['\\'] = VALUE,
    [']'] = PATH | QUERY | VALUE,
    ['^'] = TOKEN | VALUE,
    ['_'] = NAME_CHARS,
    ['`'] = TOKEN | VALUE,
    ['a' ... 'z'] = NAME_CHARS,
    ['{'] = VALUE,
    ['|'] = TOKEN | VALUE,
    ['}'] = VALUE,
    ['~'] = NAME_CHARS,
    [0x80 ... 0xff] = VALUE,
};

/* Always -1, so that a caller can return it. */
static int refuse(struct http_refusal *out_why, int status, const char *sentence)
{
    assert(status >= 400 && sentence);
    *out_why = (struct http_refusal){status, sentence};
    return -1;
}

/* Without a branch per byte: heads are the hottest loop of the server. */
static bool all_in(struct str text, unsigned char class)
{
    unsigned char common = class;

    assert(class != 0);
    for (size_t i = 0; i < text.len; i++)
        common &= CLASSES[(unsigned char)text.ptr[i]];
    return common == class;
}

/* Looks at each line end once, however the bytes dribble in. */
ssize_t parser_find_head(struct str bytes, size_t *scanned, struct http_refusal *out_why)
{
    size_t at = *scanned;

    assert(at <= bytes.len);
    /* What does not begin like a method is no HTTP (a TLS hello, say): no need to wait for more. */
    if (bytes.len && !(CLASSES[(unsigned char)bytes.ptr[0]] & TOKEN))
        return refuse(out_why, 400, "The request does not begin with a method.");
    while (at < bytes.len) {
        const char *end = memchr(bytes.ptr + at, '\n', bytes.len - at);
        if (!end)
            break;
        size_t line_end = (size_t)(end - bytes.ptr);
        if (line_end == 0 || bytes.ptr[line_end - 1] != '\r')
            return refuse(out_why, 400, "A line of the head does not end in CR LF.");
        if (line_end + 1 > HTTP_HEAD_BYTES)
            return refuse(out_why, 431, "The head of the request is too long.");
        at = line_end + 1;
        if (line_end >= 3 && bytes.ptr[line_end - 2] == '\n')
            return (ssize_t)at;
    }
    *scanned = at;
    if (bytes.len > HTTP_HEAD_BYTES)
        return refuse(out_why, 431, "The head of the request is too long.");
    return 0;
}

/* Not isxdigit: that one asks the locale. */
static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* "%XX" at the start of text: the byte, or -1. */
static int escaped_byte(struct str text)
{
    assert(text.len > 0 && text.ptr[0] == '%');
    if (text.len < 3 || !is_hex(text.ptr[1]) || !is_hex(text.ptr[2]))
        return -1;
    int high = text.ptr[1] <= '9' ? text.ptr[1] - '0' : (text.ptr[1] | 0x20) - 'a' + 10;
    int low = text.ptr[2] <= '9' ? text.ptr[2] - '0' : (text.ptr[2] | 0x20) - 'a' + 10;
    return high << 4 | low;
}

/* One segment between slashes, its escapes included. An encoded slash ends a piece that may not be
 * dots either: whoever decodes it later must not climb. */
static int check_segment(struct str segment, bool *out_slashed, struct http_refusal *out_why)
{
    size_t chars = 0, dots = 0;

    for (size_t i = 0; i <= segment.len; i++) {
        int c = i < segment.len ? (unsigned char)segment.ptr[i] : '/';
        if (c == '%') {
            c = escaped_byte(str_slice(segment, i, segment.len));
            if (c < 0)
                return refuse(out_why, 400, "The path holds an invalid percent escape.");
            if (c == '\\' || c == '\0')
                return refuse(out_why, 400, "The path holds an encoded backslash or NUL.");
            *out_slashed |= c == '/';
            i += 2;
        }
        if (c == '/' && dots == chars && (dots == 1 || dots == 2))
            return refuse(out_why, 400, "The path holds a dot segment.");
        chars = c == '/' ? 0 : chars + 1;
        dots = c == '/' ? 0 : dots + (c == '.');
    }
    return 0;
}

/* Checked as it was received: nobody decodes it before, nobody cleans it up. Doubled and encoded
 * slashes are noted, since some clients send them: the app says whether it knows the address. */
static int check_path(struct str path, bool *out_odd, struct http_refusal *out_why)
{
    struct str rest, segment;

    assert(out_why);
    if (path.len == 0 || path.ptr[0] != '/')
        return refuse(out_why, 400, "The target is not a path.");
    if (!all_in(path, PATH))
        return refuse(out_why, 400, "The path holds a character that must be encoded.");
    rest = str_slice(path, 1, path.len);
    while (str_split(&rest, '/', &segment)) {
        *out_odd |= segment.len == 0 && rest.ptr;
        if (check_segment(segment, out_odd, out_why) < 0)
            return -1;
    }
    return 0;
}

/* Decoding a parameter later cannot fail, nor end a C string early. */
static int check_query(struct str query, struct http_refusal *out_why)
{
    assert(out_why);
    if (!all_in(query, QUERY))
        return refuse(out_why, 400, "The query holds a character that must be encoded.");
    for (size_t i = 0; i < query.len; i++)
        if (query.ptr[i] == '%' && escaped_byte(str_slice(query, i, query.len)) <= 0)
            return refuse(out_why, 400, "The query holds an invalid percent escape.");
    return 0;
}

/* METHOD SP target SP HTTP/1.1, nothing else: RFC 9112 section 3, without the leniencies of its
 * section 2.2. The absolute form is for proxies, and we are none. */
static int read_request_line(struct str line, struct http_head *head, struct http_refusal *out_why)
{
    struct str rest, version;

    assert(head->target.len == 0);
    if (!str_cut(line, ' ', &head->method, &rest) || !str_cut(rest, ' ', &head->target, &version))
        return refuse(out_why, 400, "The request line is not whole.");
    if (head->method.len == 0 || !all_in(head->method, TOKEN))
        return refuse(out_why, 400, "The method is no word.");
    if (head->target.len > HTTP_TARGET_BYTES)
        return refuse(out_why, 414, "The address is too long.");
    if (!str_eq(version, STR("HTTP/1.1")))
        return str_starts(version, STR("HTTP/"))
                   ? refuse(out_why, 505, "Only HTTP/1.1 is spoken here.")
                   : refuse(out_why, 400, "The request line does not end in a version.");
    head->path = head->target;
    head->query = (struct str){"", 0};
    str_cut(head->target, '?', &head->path, &head->query);
    if (check_path(head->path, &head->odd_path, out_why) < 0)
        return -1;
    return check_query(head->query, out_why);
}

/* HTTP/1.x SP three digits SP reason. */
static int read_status_line(struct str line, struct http_head *head, struct http_refusal *out_why)
{
    int64_t status;

    assert(head->status == 0);
    if (!str_starts(line, STR("HTTP/1.")) || line.len < 12 || line.ptr[8] != ' ' ||
        (line.len > 12 && line.ptr[12] != ' ') || !all_in(line, VALUE) ||
        !str_to_int64(str_slice(line, 9, 12), &status) || status < 100 || status > 999)
        return refuse(out_why, 502, "The reply does not begin with a status line.");
    head->status = (int)status;
    head->close = line.ptr[7] == '0';
    return 0;
}

/* A name, a colon, a value without the blanks around it. */
static int read_header(struct str line, struct http_header *out, struct http_refusal *out_why)
{
    assert(line.len > 0);
    if (line.len && (line.ptr[0] == ' ' || line.ptr[0] == '\t'))
        return refuse(out_why, 400, "A header is folded over two lines.");
    if (!str_cut(line, ':', &out->name, &out->value))
        return refuse(out_why, 400, "A header has no colon.");
    if (out->name.len == 0 || !all_in(out->name, TOKEN))
        return refuse(out_why, 400, "A header name holds a character that it must not.");
    if (!all_in(out->value, VALUE))
        return refuse(out_why, 400, "A header value holds a control character.");
    out->value = str_trim(out->value);
    return 0;
}

/* A list of words with commas, in any case (RFC 9110 section 5.6.1). "close" must not be found in
 * "closed". */
bool parser_has_token(struct str value, struct str token)
{
    struct str rest = value, piece;

    assert(token.len > 0);
    while (str_split(&rest, ',', &piece))
        if (str_eq_fold(str_trim(piece), token))
            return true;
    return false;
}

/* Plain digits that fit 63 bits; str_to_int64 would take a sign. */
static bool read_length(struct str value, int64_t *out)
{
    assert(out);
    return value.len && value.ptr[0] >= '0' && value.ptr[0] <= '9' && str_to_int64(value, out);
}

/* The headers that say how long the message is and what becomes of the connection. RFC 9112 section
 * 6.3 lets a receiver repair some of what is refused here; each repair is a way for two programs to
 * disagree about where a request ends. The length of the name is looked at first, because nearly
 * all headers are none of these. */
static int read_framing(const struct http_header *header, struct http_head *head,
                        struct http_refusal *out_why)
{
    assert(header->name.len > 0);
    switch (header->name.len) {
    case 14:
        if (!str_eq_fold(header->name, STR("content-length")))
            return 0;
        if (head->has_length)
            return refuse(out_why, 400, "There are two Content-Length headers.");
        if (!read_length(header->value, &head->content_length))
            return refuse(out_why, 400, "Content-Length is no number.");
        head->has_length = true;
        return 0;
    case 17:
        if (!str_eq_fold(header->name, STR("transfer-encoding")))
            return 0;
        if (head->chunked || !str_eq(header->value, STR("chunked")))
            return refuse(out_why, 400, "Transfer-Encoding is not exactly chunked.");
        head->chunked = true;
        return 0;
    case 10:
        if (str_eq_fold(header->name, STR("connection")) &&
            parser_has_token(header->value, STR("close")))
            head->close = true;
        return 0;
    default:
        return 0;
    }
}

/* Host (RFC 9112 section 3.2: exactly one) and Expect (RFC 9110 section 10.1.1); headers by which
 * only a proxy of ours could vouch for somebody are dropped. */
static int read_request_header(const struct http_header *header, struct http_head *head,
                               bool *has_host, bool *out_keep, struct http_refusal *out_why)
{
    struct str name = header->name;

    assert(header->name.len > 0);
    *out_keep = !str_starts_fold(name, STR("x-forwarded-")) &&
                !str_starts_fold(name, STR("x-ms-client-principal")) &&
                !str_eq_fold(name, STR("x-remote-user")) && !str_eq_fold(name, STR("x-real-ip")) &&
                !str_eq_fold(name, STR("forwarded"));
    if (str_eq_fold(name, STR("host"))) {
        if (*has_host)
            return refuse(out_why, 400, "There are two Host headers.");
        *has_host = true;
        for (size_t i = 0; i < header->value.len; i++) {
            unsigned char c = (unsigned char)header->value.ptr[i];
            if (CLASSES[c] != NAME_CHARS && c != ':' && c != '[' && c != ']')
                return refuse(out_why, 400, "The Host header is no host.");
        }
        if (header->value.len == 0)
            return refuse(out_why, 400, "The Host header is empty.");
    } else if (str_eq_fold(name, STR("expect"))) {
        if (!str_eq_fold(header->value, STR("100-continue")))
            return refuse(out_why, 417, "Only 100-continue can be expected.");
        head->expect_continue = true;
    }
    return 0;
}

/* The line from *at on, without its CR LF; *at moves behind it. Bytes end in CR LF CR LF. */
static struct str next_line(struct str bytes, size_t *at)
{
    const char *end = memchr(bytes.ptr + *at, '\n', bytes.len - *at);
    size_t from = *at;

    assert(end && end > bytes.ptr);
    *at = (size_t)(end - bytes.ptr) + 1;
    return str_slice(bytes, from, *at - 2);
}

/* The lines behind the first. The list is built on the stack first: its length is known only at the
 * end. Whether it is a request is told by its method, which replies do not have. */
static int read_headers(struct arena *arena, struct str bytes, struct http_head *head,
                        struct http_refusal *out_why)
{
    struct http_header fields[HTTP_HEADER_COUNT];
    size_t count = 0, lines = 0, at = 0;
    bool has_host = false, keep = true, request = head->method.len > 0;

    assert(request == (head->status == 0));
    for (struct str line = next_line(bytes, &at); line.len; line = next_line(bytes, &at)) {
        if (++lines > HTTP_HEADER_COUNT)
            return refuse(out_why, 431, "There are too many headers.");
        if (read_header(line, &fields[count], out_why) < 0 ||
            read_framing(&fields[count], head, out_why) < 0)
            return -1;
        if (request && read_request_header(&fields[count], head, &has_host, &keep, out_why) < 0)
            return -1;
        count += keep;
    }
    if (request && !has_host)
        return refuse(out_why, 400, "There is no Host header.");
    if (head->chunked && head->has_length)
        return refuse(out_why, 400, "There are both Content-Length and Transfer-Encoding.");
    head->headers = arena_new_array(arena, struct http_header, count + 1);
    memcpy(head->headers, fields, count * sizeof(fields[0]));
    head->header_count = count;
    return 0;
}

/* llhttp counts to 64 bits without a sign, our lengths have one: what is larger than both halves of
 * it would come out negative. */
static int on_chunk_header(llhttp_t *llhttp)
{
    assert(llhttp->data);
    return llhttp->content_length > INT64_MAX ? -1 : 0;
}

/* Bytes of a body only come while somebody takes them. */
static int on_body(llhttp_t *llhttp, const char *at, size_t length)
{
    struct http_parser *parser = llhttp->data;

    assert(parser);
    if (!parser->take)
        return -1;
    parser->refused = parser->take(parser->context, (struct str){at, length}) < 0;
    return parser->refused ? -1 : 0;
}

/* Chunk extensions and trailers have no use here and have let requests be smuggled elsewhere. */
static int on_extension(llhttp_t *, const char *, size_t)
{
    return -1;
}

/* A header after the last chunk is a trailer. */
static int on_field(llhttp_t *llhttp, const char *, size_t)
{
    const struct http_parser *parser = llhttp->data;

    assert(parser);
    return parser->take ? -1 : 0;
}

/* Stops before the next request, which starts with a fresh head. */
static int on_message_complete(llhttp_t *llhttp)
{
    struct http_parser *parser = llhttp->data;

    assert(parser);
    parser->ended = true;
    return parser->take ? HPE_PAUSED : 0;
}

/* For bodies alone: heads are read by ourselves. A field can only be a trailer then. */
static const llhttp_settings_t SETTINGS = {
    .on_chunk_header = on_chunk_header,
    .on_body = on_body,
    .on_chunk_extension_name = on_extension,
    .on_chunk_extension_value = on_extension,
    .on_header_field = on_field,
    .on_message_complete = on_message_complete,
};

/* The second reader. It also is then where the chunks begin. */
static bool llhttp_agrees(struct http_parser *parser, llhttp_type_t type, struct str bytes)
{
    assert(bytes.len > 0);
    parser->take = NULL;
    parser->ended = parser->refused = false;
    llhttp_init(&parser->llhttp, type, &SETTINGS);
    parser->llhttp.data = parser;
    llhttp_errno_t end = llhttp_execute(&parser->llhttp, bytes.ptr, bytes.len);
    return end == HPE_OK || end == HPE_PAUSED_UPGRADE;
}

/* Our scanner first, whose sentences say what is wrong. */
int parser_read_request(struct http_parser *parser, struct arena *arena, struct str bytes,
                        struct http_head *out, struct http_refusal *out_why)
{
    struct http_head head = {0};
    size_t at = 0;

    assert(bytes.len >= 4 && str_ends(bytes, STR("\r\n\r\n")));
    if (read_request_line(next_line(bytes, &at), &head, out_why) < 0 ||
        read_headers(arena, str_slice(bytes, at, bytes.len), &head, out_why) < 0)
        return -1;
    if (!llhttp_agrees(parser, HTTP_REQUEST, bytes))
        return refuse(out_why, 400, "The request is not well-formed HTTP.");
    if (head.chunked && parser->llhttp.upgrade)
        return refuse(out_why, 400, "An upgrade cannot have a chunked body.");
    if (head.chunked)
        head.content_length = -1;
    *out = head;
    return 0;
}

/* Replies come from servers that we started or were told of; they are read as strictly. */
int parser_read_response(struct http_parser *parser, struct arena *arena, struct str bytes,
                         struct http_head *out, struct http_refusal *out_why)
{
    struct http_head head = {0};
    size_t at = 0;

    assert(bytes.len >= 4 && str_ends(bytes, STR("\r\n\r\n")));
    if (read_status_line(next_line(bytes, &at), &head, out_why) < 0 ||
        read_headers(arena, str_slice(bytes, at, bytes.len), &head, out_why) < 0)
        return -1;
    if (!llhttp_agrees(parser, HTTP_RESPONSE, bytes))
        return refuse(out_why, 502, "The reply is not well-formed HTTP.");
    bool bodiless = head.status < 200 || head.status == 204 || head.status == 304;
    if (bodiless) {
        /* Whatever such a head says about a body, none follows. */
        head.chunked = head.has_length = false;
        head.content_length = 0;
    } else if (!head.has_length) {
        head.content_length = -1;
        head.close = head.close || !head.chunked;
    }
    *out = head;
    return 0;
}

/* All sizes in it are the peer's; no memory depends on them. */
ssize_t parser_read_chunks(struct http_parser *parser, struct str bytes,
                           int (*take)(void *context, struct str bytes), void *context)
{
    assert(take && !parser->ended);
    parser->take = take;
    parser->context = context;
    llhttp_errno_t end = llhttp_execute(&parser->llhttp, bytes.ptr, bytes.len);
    if (end == HPE_OK)
        return (ssize_t)bytes.len;
    if (end == HPE_PAUSED && parser->ended)
        return llhttp_get_error_pos(&parser->llhttp) - bytes.ptr;
    return -1;
}

/* The first of that name; where two are a danger, reading the head has refused them. */
const struct http_header *parser_header(const struct http_header *headers, size_t count,
                                        struct str name)
{
    assert(name.len > 0);
    for (size_t i = 0; i < count; i++)
        if (str_eq_fold(headers[i].name, name))
            return &headers[i];
    return NULL;
}
