/* filter_token.h - the words of a filter; used by filter_parse.c and order.c only */
#pragma once

#include "tracking/filter.h"

enum filter_token_kind {
    TOKEN_END,
    TOKEN_IDENTIFIER,
    TOKEN_STRING,
    TOKEN_NUMBER,
    TOKEN_OPERATOR,
    TOKEN_OPEN,
    TOKEN_CLOSE,
    TOKEN_COMMA,
    TOKEN_OTHER
};

struct filter_token {
    enum filter_token_kind kind;
    struct str text; /* as written, quotes included */
};

/* Cuts the next token off *rest. */
struct filter_token filter_token(struct str *rest);

/* Splits an identifier into entity, field and key by a grammar. */
struct filter_name {
    enum filter_entity entity;
    const struct filter_attribute *attribute; /* attributes and datasets */
    struct str key;
};
int filter_name(const struct filter_grammar *grammar, struct str text, struct filter_name *out,
                struct error *err);

/* Without one pair of the given quotes round it. */
struct str filter_unquote(struct str text, const char *quotes);
