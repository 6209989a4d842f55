/* jmespath_parse.c - Tokens to a tree, by binding powers: what binds tighter is deeper. Depth is
 * limited. */
#include "cli/jmespath_private.h"
#include "yaml/schema.h"

#include <assert.h>

/* Top-down operator precedence: each token binds what stands left of it with a power; a projection
 * ends before what binds less than PROJECTION_STOP. */
#define PROJECTION_STOP 10

static const int POWER[TOKEN_COUNT_] = {
    [TOKEN_PIPE] = 1,    [TOKEN_OR] = 2,      [TOKEN_AND] = 3,     [TOKEN_EQ] = 5,
    [TOKEN_NE] = 5,      [TOKEN_LT] = 5,      [TOKEN_LE] = 5,      [TOKEN_GT] = 5,
    [TOKEN_GE] = 5,      [TOKEN_FLATTEN] = 9, [TOKEN_STAR] = 20,   [TOKEN_FILTER] = 21,
    [TOKEN_DOT] = 40,    [TOKEN_NOT] = 45,    [TOKEN_LBRACE] = 50, [TOKEN_LBRACKET] = 55,
    [TOKEN_LPAREN] = 60,
};

static const char *const NAMES[TOKEN_COUNT_] = {
    [TOKEN_END] = "the end",       [TOKEN_NAME] = "a name",  [TOKEN_QUOTED] = "a quoted name",
    [TOKEN_LITERAL] = "a literal", [TOKEN_RBRACKET] = "']'", [TOKEN_RPAREN] = "')'",
    [TOKEN_COMMA] = "','",         [TOKEN_RBRACE] = "'}'",   [TOKEN_NUMBER] = "a number",
    [TOKEN_CURRENT] = "'@'",       [TOKEN_EXPREF] = "'&'",   [TOKEN_COLON] = "':'",
    [TOKEN_PIPE] = "'|'",          [TOKEN_OR] = "'||'",      [TOKEN_AND] = "'&&'",
    [TOKEN_EQ] = "'=='",           [TOKEN_NE] = "'!='",      [TOKEN_LT] = "'<'",
    [TOKEN_LE] = "'<='",           [TOKEN_GT] = "'>'",       [TOKEN_GE] = "'>='",
    [TOKEN_FLATTEN] = "'[]'",      [TOKEN_STAR] = "'*'",     [TOKEN_FILTER] = "'[?'",
    [TOKEN_DOT] = "'.'",           [TOKEN_NOT] = "'!'",      [TOKEN_LBRACE] = "'{'",
    [TOKEN_LBRACKET] = "'['",      [TOKEN_LPAREN] = "'('",
};

struct parser {
    struct arena *arena;
    const struct jmespath_token *at;
    int depth;
    struct error *err;
};

/* NULL after an error, everywhere below. */
static struct jmespath *expression(struct parser *parser, int power);

/* Names what stands there and what was wanted: the column alone explains little. */
static struct jmespath *unexpected(struct parser *parser, const char *wanted)
{
    jmespath_fail(parser->err, parser->at->column, "%s stands where %s is expected.",
                  NAMES[parser->at->type], wanted);
    return NULL;
}

/* Nodes live as long as the run: nothing of a tree is freed by hand. */
static struct jmespath *make(struct parser *parser, enum jmespath_type type, struct jmespath *left,
                             struct jmespath *right)
{
    struct jmespath *node = arena_make(parser->arena, struct jmespath);

    node->type = type;
    node->left = left;
    node->right = right;
    return node;
}

/* Takes the token when it is the right one, and complains when not. */
static bool expect(struct parser *parser, enum jmespath_token_type type)
{
    if (parser->at->type != type)
        return unexpected(parser, NAMES[type]) != NULL;
    parser->at++;
    return true;
}

/* [a, b] and f(a, b): expressions up to the closing token. */
static bool items(struct parser *parser, struct jmespath *node, enum jmespath_token_type close)
{
    struct jmespath **link = &node->items;

    if (close == TOKEN_RPAREN && parser->at->type == close) {
        parser->at++;
        return true;
    }
    for (;;) {
        if (!(*link = expression(parser, 0)))
            return false;
        /* The node itself may be shared by nobody, so its link is free. */
        link = &(*link)->next;
        if (parser->at->type != TOKEN_COMMA)
            return expect(parser, close);
        parser->at++;
    }
}

/* [a, b]: a list of what each gives. */
static struct jmespath *multi_list(struct parser *parser)
{
    struct jmespath *node = make(parser, NODE_LIST, NULL, NULL);

    return items(parser, node, TOKEN_RBRACKET) ? node : NULL;
}

/* {k: a}: an object whose keys keep the order they were typed in. */
static struct jmespath *multi_hash(struct parser *parser)
{
    struct jmespath *node = make(parser, NODE_HASH, NULL, NULL), **link = &node->items;

    for (;;) {
        if (parser->at->type != TOKEN_NAME && parser->at->type != TOKEN_QUOTED)
            return unexpected(parser, "a key");
        struct str name = (parser->at++)->text;
        if (!expect(parser, TOKEN_COLON))
            return NULL;
        struct jmespath *value = expression(parser, 0);
        if (!value)
            return NULL;
        *link = make(parser, NODE_SUB, value, NULL);
        (*link)->name = name;
        link = &(*link)->next;
        if (parser->at->type != TOKEN_COMMA)
            return expect(parser, TOKEN_RBRACE) ? node : NULL;
        parser->at++;
    }
}

/* What may follow a dot: a name, a list, an object or a star. */
static struct jmespath *dot_right(struct parser *parser, int power)
{
    switch (parser->at->type) {
    case TOKEN_NAME:
    case TOKEN_QUOTED:
    case TOKEN_STAR:
        return expression(parser, power);
    case TOKEN_LBRACKET:
        parser->at++;
        return multi_list(parser);
    case TOKEN_LBRACE:
        parser->at++;
        return multi_hash(parser);
    default:
        return unexpected(parser, "a name, '*', '[' or '{'");
    }
}

/* What a projection does to each of its elements. */
static struct jmespath *projected(struct parser *parser, int power)
{
    if (POWER[parser->at->type] < PROJECTION_STOP)
        return make(parser, NODE_IDENTITY, NULL, NULL);
    if (parser->at->type == TOKEN_LBRACKET || parser->at->type == TOKEN_FILTER)
        return expression(parser, power);
    if (parser->at->type == TOKEN_DOT) {
        parser->at++;
        return dot_right(parser, power);
    }
    return unexpected(parser, "'.', '[' or the end");
}

/* The right side of a projection ends where something binds weaker. */
static struct jmespath *project(struct parser *parser, enum jmespath_type type,
                                struct jmespath *left, int power)
{
    struct jmespath *right = projected(parser, power);

    return right ? make(parser, type, left, right) : NULL;
}

/* After '[': a position, or start:stop:step. */
static struct jmespath *index_or_slice(struct parser *parser, struct jmespath *left)
{
    struct jmespath *node = make(parser, NODE_INDEX, left, NULL);
    int part = 0;

    if (parser->at->type == TOKEN_NUMBER && parser->at[1].type != TOKEN_COLON) {
        node->index = (parser->at++)->number;
        return expect(parser, TOKEN_RBRACKET) ? node : NULL;
    }
    node->type = NODE_SLICE;
    while (parser->at->type != TOKEN_RBRACKET) {
        if (parser->at->type == TOKEN_COLON) {
            if (++part > 2)
                return unexpected(parser, "']'");
        } else if (parser->at->type == TOKEN_NUMBER && !node->has_slice[part]) {
            node->slice[part] = parser->at->number;
            node->has_slice[part] = true;
        } else {
            return unexpected(parser, "':' or ']'");
        }
        parser->at++;
    }
    if (node->has_slice[2] && node->slice[2] == 0) {
        jmespath_fail(parser->err, parser->at->column, "A slice cannot step by 0.");
        return NULL;
    }
    parser->at++;
    return project(parser, NODE_PROJECTION, node, POWER[TOKEN_STAR]);
}

/* [?condition]: a projection of what the condition lets through. */
static struct jmespath *filter(struct parser *parser, struct jmespath *left)
{
    struct jmespath *condition = expression(parser, 0);

    if (!condition || !expect(parser, TOKEN_RBRACKET))
        return NULL;
    struct jmespath *right = parser->at->type == TOKEN_FLATTEN
                                 ? make(parser, NODE_IDENTITY, NULL, NULL)
                                 : projected(parser, POWER[TOKEN_FILTER]);
    if (!right)
        return NULL;
    struct jmespath *node = make(parser, NODE_FILTER, left, right);
    node->condition = condition;
    return node;
}

static struct jmespath *flatten(struct parser *parser, struct jmespath *left)
{
    return project(parser, NODE_PROJECTION, make(parser, NODE_FLATTEN, left, NULL),
                   POWER[TOKEN_FLATTEN]);
}

/* Name and number of arguments are checked here, before there is any data. */
static struct jmespath *call(struct parser *parser, const struct jmespath_token *name)
{
    const struct jmespath_function *function = jmespath_function_find(name->text);
    struct jmespath *node = make(parser, NODE_FUNCTION, NULL, NULL);
    size_t count = 0;

    if (!function) {
        const struct str *names;
        size_t known = jmespath_function_names(parser->arena, &names);
        struct str near = yaml_nearest(name->text, names, known);
        jmespath_fail(parser->err, name->column, "There is no function '%.*s'%s%.*s.",
                      STR_ARG(name->text), near.len ? "; nearest: " : "", STR_ARG(near));
        return NULL;
    }
    if (!items(parser, node, TOKEN_RPAREN))
        return NULL;
    for (const struct jmespath *one = node->items; one; one = one->next)
        count++;
    if (count < function->least || count > function->most) {
        jmespath_fail(parser->err, name->column, "%s() takes %s%zu argument%s, not %zu.",
                      function->name, function->most != function->least ? "at least " : "",
                      function->least, function->least == 1 ? "" : "s", count);
        return NULL;
    }
    node->function = function;
    return node;
}

/* A bracket without a left side is about the current value. */
static struct jmespath *bracket_first(struct parser *parser)
{
    struct jmespath *identity = make(parser, NODE_IDENTITY, NULL, NULL);

    if (parser->at->type == TOKEN_NUMBER || parser->at->type == TOKEN_COLON)
        return index_or_slice(parser, identity);
    if (parser->at->type == TOKEN_STAR && parser->at[1].type == TOKEN_RBRACKET) {
        parser->at += 2;
        return project(parser, NODE_PROJECTION, identity, POWER[TOKEN_STAR]);
    }
    return multi_list(parser);
}

/* What takes one expression after it: (…), !… and &…. */
static struct jmespath *before_one(struct parser *parser, enum jmespath_token_type type)
{
    struct jmespath *inner = expression(parser, type == TOKEN_NOT ? POWER[TOKEN_NOT] : 0);

    assert(type == TOKEN_LPAREN || type == TOKEN_NOT || type == TOKEN_EXPREF);
    if (!inner)
        return NULL;
    if (type == TOKEN_NOT)
        return make(parser, NODE_NOT, inner, NULL);
    if (type == TOKEN_EXPREF)
        return make(parser, NODE_EXPREF, inner, NULL);
    if (!expect(parser, TOKEN_RPAREN))
        return NULL;
    /* A pipe into the identity ends a projection, as parentheses do. */
    return make(parser, NODE_PIPE, inner, make(parser, NODE_IDENTITY, NULL, NULL));
}

/* What a token means when nothing stands left of it. */
static struct jmespath *prefix(struct parser *parser)
{
    const struct jmespath_token *token = parser->at++;
    struct jmespath *node = make(parser, NODE_IDENTITY, NULL, NULL);

    assert(node);
    switch (token->type) {
    case TOKEN_LITERAL:
        node->type = NODE_LITERAL;
        node->literal = token->value;
        return node;
    case TOKEN_NAME:
        if (parser->at->type == TOKEN_LPAREN) {
            parser->at++;
            return call(parser, token);
        }
        [[fallthrough]];
    case TOKEN_QUOTED:
        node->type = NODE_FIELD;
        node->name = token->text;
        return node;
    case TOKEN_STAR:
        return project(parser, NODE_VALUES, node, POWER[TOKEN_STAR]);
    case TOKEN_FILTER:
        return filter(parser, node);
    case TOKEN_LBRACE:
        return multi_hash(parser);
    case TOKEN_FLATTEN:
        return flatten(parser, node);
    case TOKEN_LPAREN:
    case TOKEN_NOT:
    case TOKEN_EXPREF:
        return before_one(parser, token->type);
    case TOKEN_LBRACKET:
        return bracket_first(parser);
    case TOKEN_CURRENT:
        return node;
    default:
        parser->at--;
        return unexpected(parser, "an expression");
    }
}

/* Left to right among equals. */
static struct jmespath *binary(struct parser *parser, enum jmespath_type type,
                               struct jmespath *left, enum jmespath_token_type token)
{
    struct jmespath *right = expression(parser, POWER[token]);

    if (!right)
        return NULL;
    struct jmespath *node = make(parser, type, left, right);
    node->compare = token;
    return node;
}

/* A star after a dot projects the values of an object. */
static struct jmespath *after_dot(struct parser *parser, struct jmespath *left)
{
    if (parser->at->type == TOKEN_STAR) {
        parser->at++;
        return project(parser, NODE_VALUES, left, POWER[TOKEN_DOT]);
    }
    struct jmespath *right = dot_right(parser, POWER[TOKEN_DOT]);
    return right ? make(parser, NODE_SUB, left, right) : NULL;
}

/* An index, a slice, a star, a filter, or nothing: flatten. */
static struct jmespath *after_bracket(struct parser *parser, struct jmespath *left)
{
    if (parser->at->type == TOKEN_NUMBER || parser->at->type == TOKEN_COLON)
        return index_or_slice(parser, left);
    if (!expect(parser, TOKEN_STAR) || !expect(parser, TOKEN_RBRACKET))
        return NULL;
    return project(parser, NODE_PROJECTION, left, POWER[TOKEN_STAR]);
}

/* What a token means behind `left`. */
static struct jmespath *infix(struct parser *parser, struct jmespath *left)
{
    enum jmespath_token_type type = (parser->at++)->type;

    switch (type) {
    case TOKEN_DOT:
        return after_dot(parser, left);
    case TOKEN_PIPE:
        return binary(parser, NODE_PIPE, left, type);
    case TOKEN_OR:
        return binary(parser, NODE_OR, left, type);
    case TOKEN_AND:
        return binary(parser, NODE_AND, left, type);
    case TOKEN_EQ:
    case TOKEN_NE:
    case TOKEN_LT:
    case TOKEN_LE:
    case TOKEN_GT:
    case TOKEN_GE:
        return binary(parser, NODE_COMPARE, left, type);
    case TOKEN_FILTER:
        return filter(parser, left);
    case TOKEN_FLATTEN:
        return flatten(parser, left);
    case TOKEN_LBRACKET:
        return after_bracket(parser, left);
    default:
        parser->at--;
        return unexpected(parser, "an operator or the end");
    }
}

/* Precedence climbing: `power` is how strongly the left neighbour binds. */
static struct jmespath *expression(struct parser *parser, int power)
{
    if (parser->depth >= JMESPATH_DEPTH_MAX) {
        jmespath_fail(parser->err, parser->at->column,
                      "The expression nests deeper than %d levels.", JMESPATH_DEPTH_MAX);
        return NULL;
    }
    parser->depth++;
    struct jmespath *node = prefix(parser);
    /* A chain like a.b.c… nests to the left as deep as it is long. */
    for (int links = 0; node && power < POWER[parser->at->type]; links++) {
        if (links >= JMESPATH_DEPTH_MAX) {
            jmespath_fail(parser->err, parser->at->column, "The expression has more than %d steps.",
                          JMESPATH_DEPTH_MAX);
            node = NULL;
        } else {
            node = infix(parser, node);
        }
    }
    parser->depth--;
    return node;
}

/* All of the text must be the expression: what is left over is an error. */
int jmespath_parse(struct arena *arena, struct str text, struct jmespath **out, struct error *err)
{
    struct parser parser = {.arena = arena, .err = err};
    struct jmespath_token *tokens;

    assert(out);
    if (text.len > JMESPATH_TEXT_MAX)
        return jmespath_fail(err, 1, "An expression may have at most %lu bytes.",
                             JMESPATH_TEXT_MAX);
    if (jmespath_lex(arena, text, &tokens, err) < 0)
        return -1;
    parser.at = tokens;
    struct jmespath *node = expression(&parser, 0);
    if (!node)
        return -1;
    if (parser.at->type != TOKEN_END) {
        unexpected(&parser, "the end");
        return -1;
    }
    *out = node;
    return 0;
}
