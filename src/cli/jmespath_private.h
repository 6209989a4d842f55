/* jmespath_private.h - tokens and syntax tree, shared by the files of jmespath */
#pragma once

#include "cli/jmespath.h"

enum jmespath_token_type {
    TOKEN_END,
    TOKEN_NAME,
    TOKEN_QUOTED,
    TOKEN_LITERAL,
    TOKEN_RBRACKET,
    TOKEN_RPAREN,
    TOKEN_COMMA,
    TOKEN_RBRACE,
    TOKEN_NUMBER,
    TOKEN_CURRENT,
    TOKEN_EXPREF,
    TOKEN_COLON,
    TOKEN_PIPE,
    TOKEN_OR,
    TOKEN_AND,
    TOKEN_EQ,
    TOKEN_NE,
    TOKEN_LT,
    TOKEN_LE,
    TOKEN_GT,
    TOKEN_GE,
    TOKEN_FLATTEN,
    TOKEN_STAR,
    TOKEN_FILTER,
    TOKEN_DOT,
    TOKEN_NOT,
    TOKEN_LBRACE,
    TOKEN_LBRACKET,
    TOKEN_LPAREN,
    TOKEN_COUNT_
};

struct jmespath_token {
    enum jmespath_token_type type;
    size_t column;      /* from 1 */
    struct str text;    /* of a name */
    int64_t number;     /* of a number */
    struct json *value; /* of a literal */
};

/* Cuts a text into tokens, the last of type TOKEN_END. */
int jmespath_lex(struct arena *arena, struct str text, struct jmespath_token **out,
                 struct error *err);

/* An error at a column. */
PRINTF(3, 4) int jmespath_fail(struct error *err, size_t column, const char *format, ...);

enum jmespath_type {
    NODE_IDENTITY,
    NODE_FIELD,
    NODE_LITERAL,
    NODE_INDEX,
    NODE_SLICE,
    NODE_SUB,
    NODE_PIPE,
    NODE_OR,
    NODE_AND,
    NODE_NOT,
    NODE_COMPARE,
    NODE_PROJECTION,
    NODE_VALUES,
    NODE_FILTER,
    NODE_FLATTEN,
    NODE_LIST,
    NODE_HASH,
    NODE_FUNCTION,
    NODE_EXPREF,
};

struct jmespath {
    enum jmespath_type type;
    struct jmespath *left, *right; /* right: what a projection does to each element */
    struct jmespath *condition;    /* NODE_FILTER */
    enum jmespath_token_type compare;
    struct str name; /* field, or key of a hash member */
    struct json *literal;
    const struct jmespath_function *function;
    int64_t index, slice[3];
    bool has_slice[3];
    struct jmespath *items, *next; /* of list, hash, function */
};

/* Arguments of a call: a value or an expression each. */
struct jmespath_argument {
    const struct json *value;
    const struct jmespath *expression; /* of &…; then value is NULL */
};

struct jmespath_call {
    struct arena *arena;
    const struct jmespath_function *function;
    struct jmespath_argument *arguments;
    size_t count;
};

/* The types an argument may have, as bits. */
enum {
    TAKES_NULL = 1,
    TAKES_BOOL = 2,
    TAKES_NUMBER = 4,
    TAKES_STRING = 8,
    TAKES_ARRAY = 16,
    TAKES_OBJECT = 32,
    TAKES_EXPRESSION = 64,
    TAKES_ANY = 63,
};

struct jmespath_function {
    const char *name;
    size_t least, most; /* arguments; most SIZE_MAX: any number */
    unsigned takes[2];  /* by position; the last one counts for the rest */
    int (*run)(const struct jmespath_call *call, struct json **out, struct error *err);
};

/* NULL when there is none of that name. */
const struct jmespath_function *jmespath_function_find(struct str name);
/* All of them, for the nearest word. */
size_t jmespath_function_names(struct arena *arena, const struct str **out);

/* Evaluates one node. */
int jmespath_eval(struct arena *arena, const struct jmespath *node, const struct json *data,
                  struct json **out, struct error *err);
