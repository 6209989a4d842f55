/* write.c - JSON as YAML that reads back as the same: quotes only where they are needed. */
#include "base/buf.h"
#include "yaml/yaml.h"

#include <assert.h>
#include <ctype.h>
#include <string.h>

#define WRITE_CAP (256 * MIB)
#define KEY_SHORT_BYTES 120
#define BYTE_ORDER_MARK STR("\xEF\xBB\xBF")

struct writer {
    struct arena *arena;
    struct buf out;
};

/* For CLEANUP. */
static void free_writer(struct writer *writer)
{
    buf_free(&writer->out);
}

/* Two blanks a level, as people write it. */
static void indent(struct writer *writer, int level)
{
    assert(level >= 0);
    for (int i = 0; i < level; i++)
        buf_add(&writer->out, STR("  "));
}

/* Controls; a byte order mark, which would be skipped; and the odd line ends of Unicode, which are
 * ends for some. */
static bool has_odd_bytes(struct str text)
{
    static const struct str ODD[] = {STR_INIT("\xEF\xBB\xBF"), STR_INIT("\xC2\x85"),
                                     STR_INIT("\xE2\x80\xA8"), STR_INIT("\xE2\x80\xA9")};

    for (size_t i = 0; i < COUNT(ODD); i++)
        if (str_find(text, ODD[i]) >= 0)
            return true;
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] < 0x20 || text.ptr[i] == 0x7F)
            return true;
    return false;
}

/* Whether the text reads back as the same text without quotes. */
static bool is_plain(struct writer *writer, struct str text)
{
    static const char INDICATORS[] = "-?:,[]{}#&*!|>'\"%@`= ~<";

    if (!text.len || has_odd_bytes(text))
        return false;
    unsigned char first = (unsigned char)text.ptr[0], last = (unsigned char)text.ptr[text.len - 1];
    if (strchr(INDICATORS, first) || isspace(last) || str_find(text, STR(" #")) >= 0 ||
        json_kind(yaml_scalar(writer->arena, text)) != JSON_STRING)
        return false;
    /* What a date or a sexagesimal number begins with is quoted for other readers' sake. */
    if (isdigit(first) || first == '+' || first == '.')
        return str_find_char(text, ':') < 0 && str_find_char(text, '-') < 0 &&
               str_find_char(text, 'e') < 0;
    return last != ':' && str_find(text, STR(": ")) < 0;
}

/* A literal block keeps line ends; it cannot hold controls or begin with a blank. */
static bool is_block(struct str text)
{
    assert(text.ptr || !text.len);
    if (str_find_char(text, '\n') < 0 || text.ptr[0] == ' ' || text.ptr[0] == '\n')
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.ptr[i] < 0x20 && text.ptr[i] != '\n')
            return false;
        if (str_starts(str_slice(text, i, text.len), BYTE_ORDER_MARK))
            return false;
        if (text.ptr[i] == '\n' && i > 0 && text.ptr[i - 1] == ' ')
            return false;
    }
    return true;
}

/* The sign behind the bar says what becomes of line ends at the end: the text comes back whole. */
static void write_block(struct writer *writer, struct str text, int level)
{
    bool ended = text.ptr[text.len - 1] == '\n';
    bool kept = ended && text.len > 1 && text.ptr[text.len - 2] == '\n';
    struct str rest = ended ? str_slice(text, 0, text.len - 1) : text, line;

    assert(text.len > 0);
    buf_add(&writer->out, kept ? STR("|+") : ended ? STR("|") : STR("|-"));
    while (str_split(&rest, '\n', &line)) {
        buf_add_char(&writer->out, '\n');
        if (line.len) {
            indent(writer, level);
            buf_add(&writer->out, line);
        }
    }
}

/* JSON's escapes are YAML's; a byte order mark, which readers drop, gets one too. */
static void write_escaped(struct writer *writer, struct str text)
{
    struct str rest = json_write(writer->arena, json_text(writer->arena, text));
    ssize_t mark;

    while ((mark = str_find(rest, BYTE_ORDER_MARK)) >= 0) {
        buf_printf(&writer->out, "%.*s\\uFEFF", (int)mark, rest.ptr);
        rest = str_slice(rest, (size_t)mark + BYTE_ORDER_MARK.len, rest.len);
    }
    buf_add(&writer->out, rest);
}

/* Plain when it reads back as itself, a block when it has lines, else quoted. */
static void write_string(struct writer *writer, struct str text, int level)
{
    bool control = str_find(text, BYTE_ORDER_MARK) >= 0 || str_find_char(text, '\'') >= 0;

    assert(level >= 0);
    if (is_plain(writer, text)) {
        buf_add(&writer->out, text);
        return;
    }
    if (is_block(text)) {
        write_block(writer, text, level);
        return;
    }
    for (size_t i = 0; i < text.len; i++)
        control |= (unsigned char)text.ptr[i] < 0x20 || text.ptr[i] == 0x7F;
    if (control) {
        write_escaped(writer, text);
        return;
    }
    buf_printf(&writer->out, "'%.*s'", STR_ARG(text));
}

/* Python's 5e+29 would be text in YAML 1.1, which wants a point. */
static void write_number(struct writer *writer, struct str text)
{
    ssize_t exponent = str_find_char(text, 'e');

    if (exponent < 0 || str_find_char(text, '.') >= 0) {
        buf_add(&writer->out, text);
        return;
    }
    buf_printf(&writer->out, "%.*s.0%.*s", (int)exponent, text.ptr,
               STR_ARG(str_slice(text, (size_t)exponent, text.len)));
}

/* Plain where that reads back as the same, else quoted. */
static void write_scalar(struct writer *writer, const struct json *value, int level)
{
    assert(level >= 0);
    switch (json_kind(value)) {
    case JSON_NULL:
        buf_add(&writer->out, STR("null"));
        break;
    case JSON_BOOL:
        buf_add(&writer->out, json_as_bool(value, false) ? STR("true") : STR("false"));
        break;
    case JSON_NUMBER:
        write_number(writer, yaml_literal_text(writer->arena, value));
        break;
    case JSON_STRING:
        write_string(writer, json_as_str(value), level);
        break;
    case JSON_ARRAY:
        buf_add(&writer->out, STR("[]"));
        break;
    case JSON_OBJECT:
        buf_add(&writer->out, STR("{}"));
        break;
    }
}

/* What goes on lines of its own below its key. */
static bool is_block_value(const struct json *value)
{
    enum json_kind kind = json_kind(value);

    return (kind == JSON_ARRAY || kind == JSON_OBJECT) && json_count(value) > 0;
}

static void write_value(struct writer *writer, const struct json *value, int level,
                        bool inline_first);

/* A key stands on one line; a long one must say so before. */
static void write_key(struct writer *writer, struct str key, int level)
{
    bool is_long = key.len > KEY_SHORT_BYTES;

    if (is_long)
        buf_add(&writer->out, STR("? "));
    if (is_plain(writer, key))
        buf_add(&writer->out, key);
    else
        write_escaped(writer, key);
    if (is_long) {
        buf_add_char(&writer->out, '\n');
        indent(writer, level);
    }
    buf_add_char(&writer->out, ':');
}

/* Mappings and lists begin on the next line, empty ones on the same. */
static void write_member(struct writer *writer, const struct json_iter *it, int level)
{
    assert(it->value);
    write_key(writer, it->key, level);
    if (!is_block_value(it->value)) {
        buf_add_char(&writer->out, ' ');
        write_scalar(writer, it->value, level + 1);
        buf_add_char(&writer->out, '\n');
        return;
    }
    buf_add_char(&writer->out, '\n');
    /* Lists stand under their key without indent, as PyYAML writes them. */
    write_value(writer, it->value, json_kind(it->value) == JSON_ARRAY ? level : level + 1, false);
}

/* inline_first: the first line continues after "- ". */
static void write_value(struct writer *writer, const struct json *value, int level,
                        bool inline_first)
{
    assert(level <= 2 * JSON_DEPTH_MAX);
    struct json_iter it = json_iter(value);

    while (json_next(&it)) {
        if (!inline_first || it.index > 0)
            indent(writer, level);
        if (json_kind(value) == JSON_OBJECT) {
            write_member(writer, &it, level);
            continue;
        }
        buf_add(&writer->out, STR("- "));
        if (is_block_value(it.value)) {
            write_value(writer, it.value, level + 1, true);
        } else {
            write_scalar(writer, it.value, level + 1);
            buf_add_char(&writer->out, '\n');
        }
    }
}

/* What is written parses back to the same value: the tests hold it to that. */
struct str yaml_write(struct arena *arena, const struct json *value, bool sorted)
{
    CLEANUP(free_writer) struct writer writer = {.arena = arena, .out = buf_make(WRITE_CAP)};
    const struct json *shown = sorted && is_block_value(value) ? json_sorted(arena, value) : value;

    assert(arena);
    if (is_block_value(shown)) {
        write_value(&writer, shown, 0, false);
    } else {
        write_scalar(&writer, shown, 1);
        buf_add_char(&writer.out, '\n');
    }
    return arena_str(arena, buf_str(&writer.out));
}
