/* JSON as MLflow writes it, straight into a buffer: lists of a million points are not worth a tree.
 * Each value ends with a comma, which the end of its object takes away again. */
#include "mlflow/out.h"

#include <assert.h>
#include <math.h>
#include <string.h>
#include <yyjson.h>

/* Bounded, so that no search fills the memory. */
struct out out_make(void)
{
    return (struct out){buf_make(OUT_BYTES_MAX)};
}

/* For CLEANUP. */
void out_free(struct out *out)
{
    buf_free(&out->buf);
}

/* Length of the UTF-8 character at `at`, 0 when there is none. */
static size_t character(struct str text, size_t at)
{
    unsigned char first = (unsigned char)text.ptr[at];
    size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;

    if (first < 0xc2 || first > 0xf4 || at + length > text.len)
        return 0;
    for (size_t i = 1; i < length; i++)
        if (((unsigned char)text.ptr[at + i] & 0xc0) != 0x80)
            return 0;
    return length;
}

/* What JSON must not hold as it is. */
static void add_escape(struct buf *buf, unsigned char c)
{
    switch (c) {
    case '"':
        buf_add(buf, STR("\\\""));
        break;
    case '\\':
        buf_add(buf, STR("\\\\"));
        break;
    case '\n':
        buf_add(buf, STR("\\n"));
        break;
    default:
        buf_printf(buf, "\\u%04x", c);
    }
}

/* Bytes that are no UTF-8 become the replacement character: a reply is JSON whatever was logged. */
static void add_string(struct buf *buf, struct str text)
{
    size_t from = 0, at = 0;

    buf_add_char(buf, '"');
    while (at < text.len) {
        unsigned char c = (unsigned char)text.ptr[at];
        size_t length = c >= 0x80 ? character(text, at) : 1;
        if (c >= 0x20 && c != '"' && c != '\\' && length > 0) {
            at += length;
            continue;
        }
        buf_add(buf, str_slice(text, from, at));
        if (c >= 0x80)
            buf_add(buf,
                    STR("\xef\xbf\xbd")); /* bytes that are no text: a question came with them */
        else
            add_escape(buf, c);
        from = ++at;
    }
    buf_add(buf, str_slice(text, from, text.len));
    buf_add_char(buf, '"');
}

/* None within a list. */
static void add_key(struct out *out, const char *key)
{
    if (!key)
        return;
    buf_add_char(&out->buf, '"');
    buf_add(&out->buf, str_from(key));
    buf_add(&out->buf, STR("\":"));
}

/* An object or a list. */
void out_begin(struct out *out, const char *key, char bracket)
{
    assert(bracket == '{' || bracket == '[');
    add_key(out, key);
    buf_add_char(&out->buf, bracket);
}

/* Takes the last comma along. */
void out_end(struct out *out, char bracket)
{
    struct buf *buf = &out->buf;

    assert(bracket == '}' || bracket == ']');
    if (buf->len > 0 && buf->ptr[buf->len - 1] == ',')
        buf->len--;
    buf_add_char(buf, bracket);
    buf_add_char(buf, ',');
}

/* Escaped. */
void out_text(struct out *out, const char *key, struct str value)
{
    add_key(out, key);
    add_string(&out->buf, value);
    buf_add_char(&out->buf, ',');
}

/* By hand: this is most of what a history consists of. */
void out_int(struct out *out, const char *key, int64_t value)
{
    char digits[24];
    size_t at = sizeof digits;
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;

    add_key(out, key);
    digits[--at] = ',';
    do
        digits[--at] = (char)('0' + rest % 10);
    while (rest /= 10);
    if (value < 0)
        digits[--at] = '-';
    buf_add_bytes(&out->buf, digits + at, sizeof digits - at);
}

/* yyjson gives the shortest text that reads back as the same number. */
static void add_double(struct buf *buf, double value)
{
    char memory[512];
    yyjson_alc alc;
    yyjson_val number;
    size_t length = 0;

    memset(&number, 0, sizeof number);
    unsafe_yyjson_set_real(&number, value);
    bool ready = yyjson_alc_pool_init(&alc, memory, sizeof memory);
    char *text = ready ? yyjson_val_write_opts(&number, 0, &alc, &length, NULL) : NULL;
    assert(text);
    buf_add_bytes(buf, text, length);
}

/* Texts for what JSON has no numbers for, as protobuf's JSON has it. */
void out_double(struct out *out, const char *key, double value)
{
    add_key(out, key);
    if (isnan(value))
        buf_add(&out->buf, STR("\"NaN\""));
    else if (isinf(value))
        buf_add(&out->buf, value > 0 ? STR("\"Infinity\"") : STR("\"-Infinity\""));
    else
        add_double(&out->buf, value);
    buf_add_char(&out->buf, ',');
}

/* Small letters. */
void out_bool(struct out *out, const char *key, bool value)
{
    add_key(out, key);
    buf_add(&out->buf, value ? STR("true,") : STR("false,"));
}

/* Params and tags. */
void out_pair(struct out *out, struct str key, struct str value)
{
    out_begin(out, NULL, '{');
    out_text(out, "key", key);
    out_text(out, "value", value);
    out_end(out, '}');
}

/* Without the comma behind the whole. */
struct str out_str(struct out *out)
{
    struct str text = buf_str(&out->buf);

    return text.len > 0 && text.ptr[text.len - 1] == ',' ? str_slice(text, 0, text.len - 1) : text;
}
