/* jmespath_lex.c - The text of an expression as tokens, each with its column for the error. */
#include "cli/jmespath_private.h"

#include <assert.h>
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>

struct lexer {
    struct arena *arena;
    struct str text;
    size_t at;
    struct jmespath_token *tokens;
    size_t count;
    struct error *err;
};

/* The column travels as the target: whoever shows the expression marks it. */
int jmespath_fail(struct error *err, size_t column, const char *format, ...)
{
    char sentence[400], target[32];
    va_list args;

    va_start(args, format);
    vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    snprintf(target, sizeof target, "%zu", column);
    return error_set(err, ERROR_INVALID, target, "%s", sentence);
}

static char peek(const struct lexer *lexer, size_t ahead)
{
    return lexer->at + ahead < lexer->text.len ? lexer->text.ptr[lexer->at + ahead] : '\0';
}

/* Tokens are views of the text: nothing is copied until a value is made. */
static struct jmespath_token *add(struct lexer *lexer, enum jmespath_token_type type, size_t length)
{
    struct jmespath_token *token = &lexer->tokens[lexer->count++];

    token->type = type;
    token->column = lexer->at + 1;
    lexer->at += length;
    return token;
}

/* Finds the closing quote; a backslash guards the character after it. */
static int find_close(struct lexer *lexer, char quote, size_t *out_end)
{
    for (size_t i = lexer->at + 1; i < lexer->text.len; i++) {
        if (lexer->text.ptr[i] == '\\')
            i++;
        else if (lexer->text.ptr[i] == quote) {
            *out_end = i;
            return 0;
        }
    }
    return jmespath_fail(lexer->err, lexer->at + 1, "This %c has no partner.", quote);
}

/* The inside of a quoted text with `\QUOTE` made QUOTE. */
static struct str unguard(struct lexer *lexer, size_t end, char quote)
{
    struct str inside = str_slice(lexer->text, lexer->at + 1, end);
    char *copy = arena_alloc(lexer->arena, inside.len + 1);
    size_t len = 0;

    for (size_t i = 0; i < inside.len; i++) {
        if (inside.ptr[i] == '\\' && i + 1 < inside.len &&
            (inside.ptr[i + 1] == quote || (quote == '\'' && inside.ptr[i + 1] == '\\')))
            i++;
        copy[len++] = inside.ptr[i];
    }
    return (struct str){copy, len};
}

/* Between single quotes a backslash escapes a quote, and nothing else. */
static int lex_raw(struct lexer *lexer)
{
    size_t end = 0;

    if (find_close(lexer, '\'', &end) < 0)
        return -1;
    struct str text = unguard(lexer, end, '\'');
    add(lexer, TOKEN_LITERAL, end + 1 - lexer->at)->value = json_text(lexer->arena, text);
    return 0;
}

/* A quoted name is JSON text: it may hold anything. */
static int lex_quoted(struct lexer *lexer)
{
    size_t end = 0;
    struct error ignored;

    if (find_close(lexer, '"', &end) < 0)
        return -1;
    struct str raw = str_slice(lexer->text, lexer->at, end + 1);
    struct json *value = json_parse(lexer->arena, raw, &ignored);
    if (json_kind(value) != JSON_STRING)
        return jmespath_fail(lexer->err, lexer->at + 1, "This quoted name is no JSON string.");
    add(lexer, TOKEN_QUOTED, end + 1 - lexer->at)->text = json_as_str(value);
    return 0;
}

/* `…` holds JSON; old expressions leave the quotes of a string out. */
static int lex_literal(struct lexer *lexer)
{
    size_t end = 0;
    struct error ignored;

    if (find_close(lexer, '`', &end) < 0)
        return -1;
    struct str inside = str_trim(unguard(lexer, end, '`'));
    struct json *value = json_parse(lexer->arena, inside, &ignored);
    if (!value &&
        (!inside.len || inside.ptr[0] == '{' || inside.ptr[0] == '[' || inside.ptr[0] == '"'))
        return jmespath_fail(lexer->err, lexer->at + 1, "This literal is no JSON.");
    if (!value)
        value = json_text(lexer->arena, inside);
    add(lexer, TOKEN_LITERAL, end + 1 - lexer->at)->value = value;
    return 0;
}

/* Whole numbers only: fractions are literals between backquotes. */
static int lex_number(struct lexer *lexer)
{
    size_t length = 1;
    int64_t number;

    while (isdigit((unsigned char)peek(lexer, length)))
        length++;
    struct str digits = str_slice(lexer->text, lexer->at, lexer->at + length);
    if (!str_to_int64(digits, &number) || number > INT32_MAX || number < -INT32_MAX)
        return jmespath_fail(lexer->err, lexer->at + 1, "'%.*s' is no position.", STR_ARG(digits));
    add(lexer, TOKEN_NUMBER, length)->number = number;
    return 0;
}

/* Letters, digits and underscores; all else must be quoted. */
static void lex_name(struct lexer *lexer)
{
    size_t length = 1;

    while (isalnum((unsigned char)peek(lexer, length)) || peek(lexer, length) == '_')
        length++;
    struct str name = str_slice(lexer->text, lexer->at, lexer->at + length);
    add(lexer, TOKEN_NAME, length)->text = name;
}

/* The longest sign wins: == before =. */
static bool lex_pair(struct lexer *lexer)
{
    static const struct {
        char text[3];
        enum jmespath_token_type type;
    } PAIRS[] = {{"[?", TOKEN_FILTER}, {"[]", TOKEN_FLATTEN}, {"||", TOKEN_OR}, {"&&", TOKEN_AND},
                 {"==", TOKEN_EQ},     {"!=", TOKEN_NE},      {"<=", TOKEN_LE}, {">=", TOKEN_GE}};

    for (size_t i = 0; i < COUNT(PAIRS); i++)
        if (peek(lexer, 0) == PAIRS[i].text[0] && peek(lexer, 1) == PAIRS[i].text[1]) {
            add(lexer, PAIRS[i].type, 2);
            return true;
        }
    return false;
}

/* One character, one token. */
static bool lex_single(struct lexer *lexer)
{
    static const struct {
        char text;
        enum jmespath_token_type type;
    } SINGLES[] = {
        {'.', TOKEN_DOT},    {'*', TOKEN_STAR},   {'[', TOKEN_LBRACKET}, {']', TOKEN_RBRACKET},
        {'{', TOKEN_LBRACE}, {'}', TOKEN_RBRACE}, {'(', TOKEN_LPAREN},   {')', TOKEN_RPAREN},
        {',', TOKEN_COMMA},  {':', TOKEN_COLON},  {'@', TOKEN_CURRENT},  {'&', TOKEN_EXPREF},
        {'|', TOKEN_PIPE},   {'!', TOKEN_NOT},    {'<', TOKEN_LT},       {'>', TOKEN_GT}};

    for (size_t i = 0; i < COUNT(SINGLES); i++)
        if (peek(lexer, 0) == SINGLES[i].text) {
            add(lexer, SINGLES[i].type, 1);
            return true;
        }
    return false;
}

/* What a token is, its first character says. */
static int lex_one(struct lexer *lexer)
{
    char c = peek(lexer, 0);

    if (c == '\'')
        return lex_raw(lexer);
    if (c == '"')
        return lex_quoted(lexer);
    if (c == '`')
        return lex_literal(lexer);
    if (isdigit((unsigned char)c) || (c == '-' && isdigit((unsigned char)peek(lexer, 1))))
        return lex_number(lexer);
    if (isalpha((unsigned char)c) || c == '_') {
        lex_name(lexer);
        return 0;
    }
    if (lex_pair(lexer) || lex_single(lexer))
        return 0;
    if (c == '=')
        return jmespath_fail(lexer->err, lexer->at + 1, "'=' compares nothing; write ==.");
    return jmespath_fail(lexer->err, lexer->at + 1, "'%c' means nothing here.", c);
}

/* To the end of the text: a wrong character is found wherever it stands. */
int jmespath_lex(struct arena *arena, struct str text, struct jmespath_token **out,
                 struct error *err)
{
    struct lexer lexer = {.arena = arena, .text = text, .err = err};

    assert(text.len <= JMESPATH_TEXT_MAX);
    lexer.tokens = arena_new_array(arena, struct jmespath_token, text.len + 1);
    while (lexer.at < text.len) {
        if (isspace((unsigned char)peek(&lexer, 0)))
            lexer.at++;
        else if (lex_one(&lexer) < 0)
            return -1;
    }
    add(&lexer, TOKEN_END, 0);
    *out = lexer.tokens;
    return 0;
}
