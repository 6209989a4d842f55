/* The filter language of run history, a small piece of OData: read once into a tree, then matched
 * against the JSON that would be answered, so that what is shown and what is compared agree. */
#include "dataplane/filter.h"

#include <assert.h>

#define FILTER_BYTES_MAX 2000
#define DEPTH_MAX 16

enum op { OP_EQ, OP_NE, OP_GT, OP_GE, OP_LT, OP_LE, OP_COUNT_ };
static const char *const OPS[OP_COUNT_] = {"eq", "ne", "gt", "ge", "lt", "le"};

enum node_kind { NODE_COMPARE, NODE_AND, NODE_OR, NODE_NOT };

struct dataplane_filter {
    enum node_kind kind;
    const struct dataplane_filter *left, *right; /* of AND, OR; NOT has a left one */
    struct str field, key;                       /* "tags", "team"; key empty for plain fields */
    enum op op;
    struct str text; /* the literal, unquoted */
    bool null, number;
    double value;
};

struct reader {
    struct arena *arena;
    struct str text;
    size_t at;
    int depth;
};

/* Where it is and what would have been right: filters are written by people. */
static int wrong(const struct reader *r, const char *expected, struct error *err)
{
    return error_set(err, ERROR_INVALID, "filter",
                     "The filter is not understood at '%.*s': %s is expected.",
                     STR_ARG(str_slice(r->text, r->at, r->at + 40)), expected);
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '-' || c == ':' || c == '+';
}

static void skip_blanks(struct reader *r)
{
    while (r->at < r->text.len && (r->text.ptr[r->at] == ' ' || r->text.ptr[r->at] == '\t'))
        r->at++;
}

static bool take_char(struct reader *r, char c)
{
    skip_blanks(r);
    if (r->at == r->text.len || r->text.ptr[r->at] != c)
        return false;
    r->at++;
    return true;
}

/* The next word, without taking it. */
static struct str peek_word(struct reader *r)
{
    size_t end;

    skip_blanks(r);
    for (end = r->at; end < r->text.len && is_word(r->text.ptr[end]);)
        end++;
    return str_slice(r->text, r->at, end);
}

/* A whole word: 'and' is not the head of 'android'. */
static bool take_word(struct reader *r, const char *word)
{
    struct str next = peek_word(r);

    if (!str_eq_fold(next, str_from(word)))
        return false;
    r->at += next.len;
    return true;
}

/* A text in quotes; a quote in it is doubled. */
static int read_quoted(struct reader *r, struct str *out, struct error *err)
{
    char *copy = arena_alloc(r->arena, r->text.len + 1);
    size_t len = 0;

    assert(r->text.ptr[r->at - 1] == '\'');
    for (; r->at < r->text.len; r->at++) {
        if (r->text.ptr[r->at] == '\'' &&
            (r->at + 1 == r->text.len || r->text.ptr[r->at + 1] != '\'')) {
            r->at++;
            *out = (struct str){copy, len};
            return 0;
        }
        if (r->text.ptr[r->at] == '\'')
            r->at++;
        copy[len++] = r->text.ptr[r->at];
    }
    return wrong(r, "a closing quote", err);
}

static int read_literal(struct reader *r, struct dataplane_filter *node, struct error *err)
{
    if (take_char(r, '\''))
        return read_quoted(r, &node->text, err);
    struct str word = peek_word(r);
    if (word.len == 0)
        return wrong(r, "a value", err);
    r->at += word.len;
    node->text = word;
    node->null = str_eq_fold(word, STR("null"));
    node->number = str_to_double(word, &node->value);
    return 0;
}

/* What may be compared, in the spelling of the view. */
static bool known_field(struct dataplane_filter *node)
{
    static const char *const PLAIN[] = {"runId",      "status",       "displayName", "description",
                                        "runType",    "experimentId", "parentRunId", "rootRunId",
                                        "createdUtc", "startTimeUtc", "endTimeUtc",  "hidden",
                                        "target",     "runNumber",    "revision",    "duration"};
    static const char *const KEYED[] = {"tags", "properties", "createdBy"};

    if (node->key.len == 0 && str_eq_fold(node->field, STR("name")))
        node->field = STR("displayName");
    for (size_t i = 0; i < COUNT(PLAIN) && node->key.len == 0; i++)
        if (str_eq_fold(node->field, str_from(PLAIN[i]))) {
            node->field = str_from(PLAIN[i]);
            return true;
        }
    for (size_t i = 0; i < COUNT(KEYED) && node->key.len > 0; i++)
        if (str_eq_fold(node->field, str_from(KEYED[i]))) {
            node->field = str_from(KEYED[i]);
            return true;
        }
    return false;
}

static int read_compare(struct reader *r, const struct dataplane_filter **out, struct error *err)
{
    struct dataplane_filter *node = arena_make(r->arena, struct dataplane_filter);

    node->field = peek_word(r);
    r->at += node->field.len;
    if (take_char(r, '/')) {
        node->key = peek_word(r);
        r->at += node->key.len;
    }
    if (!known_field(node))
        return error_set(err, ERROR_INVALID, "filter",
                         "The filter names '%.*s'; runs are found by status, runId, displayName, "
                         "runType, experimentId, parentRunId, times, tags/KEY and properties/KEY.",
                         STR_ARG(str_slice(node->field, 0, 60)));
    for (node->op = OP_EQ; node->op < OP_COUNT_; node->op++)
        if (take_word(r, OPS[node->op]))
            break;
    if (node->op == OP_COUNT_)
        return wrong(r, "eq, ne, gt, ge, lt or le", err);
    *out = node;
    return read_literal(r, node, err);
}

static int read_any(struct reader *r, const struct dataplane_filter **out, struct error *err);

static int read_one(struct reader *r, const struct dataplane_filter **out, struct error *err)
{
    if (r->depth++ == DEPTH_MAX)
        return wrong(r, "a filter of less depth", err);
    if (take_word(r, "not")) {
        struct dataplane_filter *node = arena_make(r->arena, struct dataplane_filter);
        node->kind = NODE_NOT;
        *out = node;
        if (read_one(r, &node->left, err) < 0)
            return -1;
    } else if (take_char(r, '(')) {
        if (read_any(r, out, err) < 0)
            return -1;
        if (!take_char(r, ')'))
            return wrong(r, "')'", err);
    } else if (read_compare(r, out, err) < 0) {
        return -1;
    }
    r->depth--;
    return 0;
}

/* NOT has its only side on the left. */
static const struct dataplane_filter *join(struct arena *arena, enum node_kind kind,
                                           const struct dataplane_filter *left,
                                           const struct dataplane_filter *right)
{
    struct dataplane_filter *node = arena_make(arena, struct dataplane_filter);

    *node = (struct dataplane_filter){.kind = kind, .left = left, .right = right};
    return node;
}

/* `and` binds more tightly than `or`. */
static int read_all(struct reader *r, const struct dataplane_filter **out, struct error *err)
{
    const struct dataplane_filter *left, *right;

    if (read_one(r, &left, err) < 0)
        return -1;
    while (take_word(r, "and")) {
        if (read_one(r, &right, err) < 0)
            return -1;
        left = join(r->arena, NODE_AND, left, right);
    }
    *out = left;
    return 0;
}

static int read_any(struct reader *r, const struct dataplane_filter **out, struct error *err)
{
    const struct dataplane_filter *left, *right;

    if (read_all(r, &left, err) < 0)
        return -1;
    while (take_word(r, "or")) {
        if (read_all(r, &right, err) < 0)
            return -1;
        left = join(r->arena, NODE_OR, left, right);
    }
    *out = left;
    return 0;
}

int dataplane_filter_parse(struct arena *arena, struct str text,
                           const struct dataplane_filter **out, struct error *err)
{
    struct reader r = {.arena = arena, .text = str_trim(text)};
    const struct dataplane_filter *read;

    if (r.text.len == 0) {
        *out = NULL;
        return 0;
    }
    if (r.text.len > FILTER_BYTES_MAX)
        return error_set(err, ERROR_INVALID, "filter", "A filter has at most %d bytes.",
                         FILTER_BYTES_MAX);
    if (read_any(&r, &read, err) < 0)
        return -1;
    skip_blanks(&r);
    if (r.at < r.text.len)
        return wrong(&r, "and, or or the end", err);
    *out = read;
    return 0;
}

/* --- Matching -----------------------------------------------------------------------------------
 */

/* Times end in Z, which stands behind the point of a fraction although nothing is less. */
static struct str comparable(struct str text)
{
    return str_ends(text, STR("Z")) && text.len > 10 && text.ptr[4] == '-'
               ? str_slice(text, 0, text.len - 1)
               : text;
}

/* `order` is the run's value against the filter's, as of strcmp. */
static bool holds(enum op op, int order)
{
    switch (op) {
    case OP_EQ:
        return order == 0;
    case OP_NE:
        return order != 0;
    case OP_GT:
        return order > 0;
    case OP_GE:
        return order >= 0;
    case OP_LT:
        return order < 0;
    case OP_LE:
        return order <= 0;
    case OP_COUNT_:
        break;
    }
    return false;
}

/* What is absent is null: unlike every text, and neither before nor behind one. */
static bool match_compare(const struct dataplane_filter *f, const struct json *view)
{
    const struct json *value = json_get(view, f->field);

    if (f->key.len > 0)
        value = json_get(value, f->key);
    if (json_is_null(value) || f->null)
        return f->op == OP_EQ   ? json_is_null(value) && f->null
               : f->op == OP_NE ? json_is_null(value) != f->null
                                : false;
    if (json_kind(value) == JSON_BOOL)
        return holds(f->op,
                     (int)json_as_bool(value, false) - (int)str_eq_fold(f->text, STR("true")));
    if (json_kind(value) == JSON_NUMBER) {
        double have = json_as_double(value, 0);
        return f->number && holds(f->op, (have > f->value) - (have < f->value));
    }
    return holds(f->op, str_cmp(comparable(json_as_str(value)), comparable(f->text)));
}

/* No filter lets everything through. */
bool dataplane_filter_match(const struct dataplane_filter *filter, const struct json *view)
{
    if (!filter)
        return true;
    switch (filter->kind) {
    case NODE_COMPARE:
        return match_compare(filter, view);
    case NODE_AND:
        return dataplane_filter_match(filter->left, view) &&
               dataplane_filter_match(filter->right, view);
    case NODE_OR:
        return dataplane_filter_match(filter->left, view) ||
               dataplane_filter_match(filter->right, view);
    case NODE_NOT:
        return !dataplane_filter_match(filter->left, view);
    }
    return false;
}
