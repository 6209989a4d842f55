/* The words of MLflow's filter language. Names are looser than those of SQL (dashes, slashes, any
 * character in backticks), since metrics are called "val/loss" and "f1-score". */
#include "tracking/filter_token.h"

#include "base/buf.h"

#include <assert.h>
#include <string.h>

/* Of names without quotes. */
static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* ASCII alone: other digits are parts of names. */
static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* What separates tokens. */
static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Past the closing quote of the one at `at`; the length of the text when there is none. */
static size_t quoted_end(struct str text, size_t at)
{
    ssize_t close = str_find_char(str_slice(text, at + 1, text.len), text.ptr[at]);

    return close < 0 ? text.len : at + 2 + (size_t)close;
}

/* An identifier: words joined by dots, of which the last may be quoted. */
static size_t identifier_end(struct str text)
{
    size_t at = 0;

    if (text.ptr[0] == '`')
        at = quoted_end(text, 0);
    while (at < text.len) {
        char c = text.ptr[at];
        if (is_letter(c) || is_digit(c) || c == '.' || c == '/' || c == '-')
            at++;
        else if ((c == '`' || c == '"') && at > 0 && text.ptr[at - 1] == '.')
            at = quoted_end(text, at);
        else if ((unsigned char)c >= 0x80)
            at++;
        else
            break;
    }
    return at;
}

/* Past the digits that begin at `at`. */
static size_t digits_end(struct str text, size_t at)
{
    while (at < text.len && is_digit(text.ptr[at]))
        at++;
    return at;
}

/* A sign at `at` is passed over. */
static size_t sign_end(struct str text, size_t at)
{
    return at < text.len && (text.ptr[at] == '-' || text.ptr[at] == '+') ? at + 1 : at;
}

/* "-1.5e+3": an "e" counts only when digits follow, else it begins the next token. */
static size_t number_end(struct str text)
{
    size_t at = digits_end(text, sign_end(text, 0));

    if (at < text.len && text.ptr[at] == '.')
        at = digits_end(text, at + 1);
    if (at == text.len || (text.ptr[at] != 'e' && text.ptr[at] != 'E'))
        return at;
    size_t exponent = sign_end(text, at + 1), end = digits_end(text, exponent);
    return end > exponent ? end : at;
}

/* A sign or a dot counts only before a digit. */
static bool starts_number(struct str text)
{
    char next = text.len > 1 ? text.ptr[1] : 0;

    return is_digit(text.ptr[0]) || (text.ptr[0] == '.' && is_digit(next)) ||
           ((text.ptr[0] == '-' || text.ptr[0] == '+') && (is_digit(next) || next == '.'));
}

/* A character that stands for itself, or begins an operator. */
static enum filter_token_kind punctuation(char c)
{
    switch (c) {
    case '(':
        return TOKEN_OPEN;
    case ')':
        return TOKEN_CLOSE;
    case ',':
        return TOKEN_COMMA;
    case '=':
    case '<':
    case '>':
    case '!':
        return TOKEN_OPERATOR;
    default:
        return TOKEN_OTHER;
    }
}

/* Never fails: what is no token is TOKEN_OTHER, and the parser says why it does not fit. */
struct filter_token filter_token(struct str *rest)
{
    struct filter_token token = {TOKEN_END, {0}};
    size_t end = 0;

    while (end < rest->len && is_blank(rest->ptr[end]))
        end++;
    *rest = str_slice(*rest, end, rest->len);
    if (rest->len == 0)
        return token;
    char c = rest->ptr[0];
    if (is_letter(c) || c == '`' || (unsigned char)c >= 0x80) {
        token.kind = TOKEN_IDENTIFIER;
        end = identifier_end(*rest);
    } else if (c == '\'' || c == '"') {
        token.kind = TOKEN_STRING;
        end = quoted_end(*rest, 0);
    } else if (starts_number(*rest)) {
        token.kind = TOKEN_NUMBER;
        end = number_end(*rest);
    } else {
        token.kind = punctuation(c);
        end = token.kind == TOKEN_OPERATOR && rest->len > 1 && rest->ptr[1] == '=' ? 2 : 1;
    }
    assert(end > 0 && end <= rest->len);
    token.text = str_slice(*rest, 0, end);
    *rest = str_slice(*rest, end, rest->len);
    return token;
}

/* Only quotes that match: half a pair is part of the text, and refused by whoever needs the
 * whole. */
struct str filter_unquote(struct str text, const char *quotes)
{
    if (text.len >= 2 && text.ptr[0] == text.ptr[text.len - 1] && strchr(quotes, text.ptr[0]) &&
        text.ptr[0])
        return str_slice(text, 1, text.len - 1);
    return text;
}

struct entity_row {
    const char *word;
    enum filter_entity entity;
    bool plural;
};

static const struct entity_row ENTITIES[] = {
    {"attribute", FILTER_ATTRIBUTE, false},
    {"attributes", FILTER_ATTRIBUTE, true},
    {"attr", FILTER_ATTRIBUTE, false},
    {"run", FILTER_ATTRIBUTE, false},
    {"metric", FILTER_METRIC, false},
    {"metrics", FILTER_METRIC, true},
    {"param", FILTER_PARAM, false},
    {"params", FILTER_PARAM, true},
    {"parameter", FILTER_PARAM, false},
    {"parameters", FILTER_PARAM, false},
    {"tag", FILTER_TAG, false},
    {"tags", FILTER_TAG, true},
    {"dataset", FILTER_DATASET, false},
    {"datasets", FILTER_DATASET, false},
};

/* Searches of models know plural names alone, as MLflow's. */
static int entity_of(const struct filter_grammar *grammar, struct str word, enum filter_entity *out,
                     struct error *err)
{
    struct str bare = filter_unquote(word, "`");

    for (size_t i = 0; i < COUNT(ENTITIES); i++)
        if (str_eq(bare, str_from(ENTITIES[i].word)) &&
            grammar->entities & (1u << ENTITIES[i].entity) &&
            (ENTITIES[i].plural || !grammar->bare_keys_only_plural)) {
            *out = ENTITIES[i].entity;
            return 0;
        }
    return error_set(err, ERROR_INVALID, "filter",
                     "Invalid entity type '%.*s'. Valid values are %s", STR_ARG(bare),
                     grammar->entity_names);
}

/* "{'name', 'status'}": the valid keys, as the message lists them. */
static void attribute_names(const struct filter_attribute *attributes, struct buf *out)
{
    for (size_t i = 0; attributes[i].name; i++)
        buf_printf(out, "%s'%s'", i ? ", " : "{", attributes[i].name);
    buf_add(out, STR("}"));
}

static const struct filter_attribute DATASET_FIELDS[] = {
    {"name", FIELD_NAME, false, true, false},
    {"digest", FIELD_DIGEST, false, true, false},
    {"context", FIELD_CONTEXT, false, true, false},
    {NULL, 0, false, false, false},
};

/* Without a prefix it is an attribute; a quoted name with a dot in it is one, too. */
int filter_name(const struct filter_grammar *grammar, struct str text, struct filter_name *out,
                struct error *err)
{
    struct filter_name name = {.entity = FILTER_ATTRIBUTE, .key = text};
    struct str entity;
    bool split = text.len > 0 && text.ptr[0] != '"' && str_cut(text, '.', &entity, &name.key);

    assert(grammar->attributes);
    if (split && entity_of(grammar, entity, &name.entity, err) < 0)
        return -1;
    name.key = filter_unquote(filter_unquote(name.key, "'\""), "`");
    if (name.entity != FILTER_ATTRIBUTE && name.entity != FILTER_DATASET) {
        *out = name;
        return 0;
    }
    bool dataset = name.entity == FILTER_DATASET;
    const struct filter_attribute *attributes = dataset ? DATASET_FIELDS : grammar->attributes;
    for (size_t i = 0; attributes[i].name && !name.attribute; i++)
        if (str_eq(name.key, str_from(attributes[i].name)))
            name.attribute = &attributes[i];
    if (!name.attribute) {
        CLEANUP(buf_free) struct buf names = buf_make(400);
        attribute_names(attributes, &names);
        return error_set(
            err, ERROR_INVALID, "filter", "Invalid %s key '%.*s' specified. Valid keys are '%.*s'",
            dataset ? "dataset" : "attribute", STR_ARG(name.key), STR_ARG(buf_str(&names)));
    }
    *out = name;
    return 0;
}
