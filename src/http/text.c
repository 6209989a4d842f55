/* The small grammars of HTTP. Pure functions, fuzzed by fuzz/http_text.c.
 *
 * None of them guesses: a text that is not of the grammar is said to be none, and the caller
 * decides what that means (400 for a path, "no range" for a Range header).
 */
#include "http/text.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Its value, or -1: RFC 3986 section 2.1 takes both cases. */
static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Decodes into `to`, which has room for text.len bytes; the length, or -1. */
static ssize_t decode_into(struct str text, bool plus_is_blank, char *to)
{
    size_t len = 0;

    assert(to);
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '%') {
            if (text.len - i < 3)
                return -1;
            int high = hex_value(text.ptr[i + 1]), low = hex_value(text.ptr[i + 2]);
            if (high < 0 || low < 0 || (high == 0 && low == 0))
                return -1;
            c = (char)(high << 4 | low);
            i += 2;
        } else if (c == '\0') {
            return -1;
        } else if (c == '+' && plus_is_blank) {
            c = ' ';
        }
        to[len++] = c;
    }
    return (ssize_t)len;
}

/* Decoded text is never longer, so a copy has room. */
static bool decode_text(struct arena *arena, struct str text, bool plus_is_blank, struct str *out)
{
    char *to = arena_cstr(arena, text);
    ssize_t len = decode_into(text, plus_is_blank, to);

    assert(out);
    if (len < 0)
        return false;
    to[len] = '\0';
    *out = (struct str){to, (size_t)len};
    return true;
}

/* Once: whoever decodes twice finds slashes that nobody checked. */
int http_decode(struct arena *arena, struct str text, struct str *out, struct error *err)
{
    if (!decode_text(arena, text, false, out))
        return error_set(err, ERROR_INVALID, "", "The address holds an invalid percent escape.");
    return 0;
}

/* The characters that mean themselves everywhere in an address. */
static bool unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

/* Three bytes for one at most; upper case, as RFC 3986 section 2.1 asks of whoever writes. */
struct str http_encode(struct arena *arena, struct str text, bool keep_slash)
{
    static const char DIGITS[] = "0123456789ABCDEF";
    char *to = arena_new_array(arena, char, text.len * 3 + 1);
    size_t len = 0;

    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (unreserved((char)c) || (c == '/' && keep_slash)) {
            to[len++] = (char)c;
        } else {
            to[len++] = '%';
            to[len++] = DIGITS[c >> 4];
            to[len++] = DIGITS[c & 15];
        }
    }
    assert(len <= text.len * 3);
    return (struct str){to, len};
}

/* Parameters are looked up in the raw query, and only what matches is decoded: a handler asks for
 * two or three of them, and an attacker may send hundreds. Names match in any case, as ARM's do. */
bool http_query_get(struct arena *arena, struct str query, const char *name, size_t nth,
                    struct str *out)
{
    struct str wanted = str_from(name), rest = query, piece;

    assert(name && name[0]);
    while (str_split(&rest, '&', &piece)) {
        struct str key = piece, value = {"", 0};
        str_cut(piece, '=', &key, &value);
        /* Names are short words; one that is longer than ours even encoded thrice cannot match. */
        if (key.len > wanted.len * 3 || key.len < wanted.len)
            continue;
        if (!decode_text(arena, key, true, &key) || !str_eq_fold(key, wanted))
            continue;
        if (nth-- > 0)
            continue;
        return decode_text(arena, value, true, out);
    }
    return false;
}

/* Digits only; an empty text is -1 and any other -2. What overflows is as large as can be: a range
 * that begins there is behind every file, and one that ends there means "to the end". */
static int64_t range_number(struct str digits)
{
    int64_t number = 0;

    if (digits.len == 0)
        return -1;
    for (size_t i = 0; i < digits.len; i++) {
        if (digits.ptr[i] < '0' || digits.ptr[i] > '9')
            return -2;
        if (number > (INT64_MAX - 9) / 10)
            number = INT64_MAX / 10 - 9;
        number = number * 10 + (digits.ptr[i] - '0');
    }
    return number;
}

/* "a-b", "a-" or "-n" behind the unit; -1 stands for what is missing. */
static bool read_bounds(struct str set, int64_t *out_from, int64_t *out_to)
{
    struct str first, last;

    if (!str_cut(set, '-', &first, &last))
        return false;
    int64_t from = range_number(first), to = range_number(last);
    if (from == -2 || to == -2 || (from == -1 && to == -1))
        return false;
    if (from != -1 && to != -1 && to < from)
        return false;
    *out_from = from;
    *out_to = to;
    return true;
}

/* RFC 9110 section 14.1.2, one range only. Several in one header would need a multipart reply,
 * which no client of ours asks for; they are ignored, as section 14.2 allows, and so is another
 * unit. */
int http_range(struct str header, int64_t size, int64_t *out_offset, int64_t *out_length)
{
    int64_t from, to;

    assert(size >= 0);
    if (!str_starts_fold(header, STR("bytes=")) ||
        !read_bounds(str_slice(header, 6, header.len), &from, &to))
        return 0;
    if (from == -1) {
        if (to == 0 || size == 0)
            return -1;
        from = to < size ? size - to : 0;
        to = size - 1;
    }
    if (from >= size)
        return -1;
    if (to == -1 || to >= size)
        to = size - 1;
    assert(from >= 0 && from <= to);
    *out_offset = from;
    *out_length = to - from + 1;
    return 1;
}

/* A line of an event must not hold a line end, or it would become two fields. */
static void event_field(struct buf *out, const char *name, struct str value)
{
    buf_add(out, str_from(name));
    buf_add(out, STR(": "));
    buf_add(out, value);
    buf_add_char(out, '\n');
}

/* The format of the HTML standard, section 9.2.6: `id`, `event`, then a `data` field a line, and an
 * empty line that makes the reader dispatch it. */
void http_event(struct buf *out, struct str id, struct str event, struct str data)
{
    struct str rest = data, line;

    assert(str_find_char(id, '\n') < 0 && str_find_char(event, '\n') < 0);
    if (id.len)
        event_field(out, "id", id);
    if (event.len)
        event_field(out, "event", event);
    while (str_split(&rest, '\n', &line)) {
        /* A carriage return ends a line for the reader of events, too. */
        struct str part;
        if (line.len && line.ptr[line.len - 1] == '\r')
            line.len--;
        while (str_split(&line, '\r', &part))
            event_field(out, "data", part);
    }
    buf_add_char(out, '\n');
}

/* RFC 9110 section 15 and RFC 6585. Clients show the words to people and must not read them. */
struct reason_row {
    int status;
    const char *reason;
};

/* Clients read the number; people read these. */
static const struct reason_row REASONS[] = {
    {100, "Continue"},
    {101, "Switching Protocols"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {206, "Partial Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {424, "Failed Dependency"},
    {426, "Upgrade Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {507, "Insufficient Storage"},
};

/* A status that is not listed is still a reply. */
const char *http_reason(int status)
{
    assert(status >= 100);
    for (size_t i = 0; i < COUNT(REASONS); i++)
        if (REASONS[i].status == status)
            return REASONS[i].reason;
    return "Status";
}

/* What a browser may be told about files that users put there. Text comes as UTF-8, since nothing
 * else is known about it; whatever is not here is bytes, which browsers save and do not show. */
struct type_row {
    struct str ending;
    const char *type;
};

/* By the end of a name, for artifacts shown in a browser; what is not here is bytes. */
static const struct type_row TYPES[] = {
    {STR_INIT(".json"), "application/json"},
    {STR_INIT(".txt"), "text/plain; charset=utf-8"},
    {STR_INIT(".log"), "text/plain; charset=utf-8"},
    {STR_INIT(".md"), "text/plain; charset=utf-8"},
    {STR_INIT(".csv"), "text/csv"},
    {STR_INIT(".yaml"), "text/plain; charset=utf-8"},
    {STR_INIT(".yml"), "text/plain; charset=utf-8"},
    {STR_INIT(".html"), "text/html; charset=utf-8"},
    {STR_INIT(".css"), "text/css; charset=utf-8"},
    {STR_INIT(".js"), "text/javascript; charset=utf-8"},
    {STR_INIT(".svg"), "image/svg+xml"},
    {STR_INIT(".png"), "image/png"},
    {STR_INIT(".jpg"), "image/jpeg"},
    {STR_INIT(".jpeg"), "image/jpeg"},
    {STR_INIT(".gif"), "image/gif"},
    {STR_INIT(".webp"), "image/webp"},
    {STR_INIT(".ico"), "image/vnd.microsoft.icon"},
    {STR_INIT(".woff2"), "font/woff2"},
    {STR_INIT(".pdf"), "application/pdf"},
    {STR_INIT(".xml"), "application/xml"},
    {STR_INIT(".zip"), "application/zip"},
};

/* By ending only: what users upload is never looked into. */
const char *http_media_type(struct str name)
{
    ssize_t dot = str_find_last(name, '.');

    assert(name.ptr || name.len == 0);
    if (dot >= 0) {
        struct str ending = str_slice(name, (size_t)dot, name.len);
        for (size_t i = 0; i < COUNT(TYPES); i++)
            if (str_eq_fold(ending, TYPES[i].ending))
                return TYPES[i].type;
    }
    return "application/octet-stream";
}
