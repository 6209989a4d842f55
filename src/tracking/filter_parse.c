#include "tracking/filter.h"

#include "tracking/filter_token.h"

#include <assert.h>

#define FILTER_CLAUSES_MAX 100
#define FILTER_LIST_MAX 1000

#define ENTITY(name) (1u << FILTER_##name)

static const struct filter_attribute RUN_FIELDS[] = {
    {"run_id", FIELD_RUN_ID, false, true, false},
    {"run_name", FIELD_NAME, false, false, false},
    {"user_id", FIELD_USER, false, false, false},
    {"status", FIELD_STATUS, false, false, false},
    {"artifact_uri", FIELD_ARTIFACT_URI, false, false, false},
    {"start_time", FIELD_START, true, false, false},
    {"end_time", FIELD_END, true, false, false},
    {"run name", FIELD_NAME, false, false, false},
    {"Run name", FIELD_NAME, false, false, false},
    {"Run Name", FIELD_NAME, false, false, false},
    {"created", FIELD_START, true, false, false},
    {"Created", FIELD_START, true, false, false},
    {NULL, 0, false, false, false},
};
const struct filter_grammar filter_runs = {
    RUN_FIELDS, ENTITY(ATTRIBUTE) | ENTITY(METRIC) | ENTITY(PARAM) | ENTITY(TAG) | ENTITY(DATASET),
    "['metric', 'parameter', 'tag', 'attribute', 'dataset']", true, false};

static const struct filter_attribute EXPERIMENT_FIELDS[] = {
    {"name", FIELD_NAME, false, false, false},
    {"experiment_id", FIELD_EXPERIMENT_ID, false, true, false},
    {"creation_time", FIELD_CREATED, true, false, false},
    {"last_update_time", FIELD_UPDATED, true, false, false},
    {NULL, 0, false, false, false},
};
const struct filter_grammar filter_experiments = {
    EXPERIMENT_FIELDS, ENTITY(ATTRIBUTE) | ENTITY(TAG), "['tag', 'attribute']", true, false};

static const struct filter_attribute REGISTERED_FIELDS[] = {
    {"name", FIELD_NAME, false, true, false},
    {"timestamp", FIELD_UPDATED, true, false, false},
    {"last_updated_timestamp", FIELD_UPDATED, true, false, false},
    {"creation_timestamp", FIELD_CREATED, true, false, false},
    {NULL, 0, false, false, false},
};
const struct filter_grammar filter_registered_models = {
    REGISTERED_FIELDS, ENTITY(ATTRIBUTE) | ENTITY(TAG), "['attribute', 'tag']", true, false};

static const struct filter_attribute VERSION_FIELDS[] = {
    {"name", FIELD_NAME, false, true, false},
    {"version_number", FIELD_VERSION, true, false, false},
    {"run_id", FIELD_RUN_ID, false, true, false},
    {"source_path", FIELD_SOURCE, false, false, false},
    {"last_updated_timestamp", FIELD_UPDATED, true, false, false},
    {"creation_timestamp", FIELD_CREATED, true, false, false},
    {NULL, 0, false, false, false},
};
const struct filter_grammar filter_model_versions = {
    VERSION_FIELDS, ENTITY(ATTRIBUTE) | ENTITY(TAG), "['attribute', 'tag']", true, false};

static const struct filter_attribute LOGGED_FIELDS[] = {
    {"name", FIELD_NAME, false, true, false},
    {"model_id", FIELD_MODEL_ID, false, true, false},
    {"model_type", FIELD_MODEL_TYPE, false, true, false},
    {"status", FIELD_STATUS, false, true, false},
    {"source_run_id", FIELD_RUN_ID, false, true, false},
    {"experiment_id", FIELD_EXPERIMENT_ID, false, true, false},
    {"creation_timestamp", FIELD_CREATED, true, false, false},
    {"creation_time", FIELD_CREATED, true, false, false},
    {"last_updated_timestamp", FIELD_UPDATED, true, false, false},
    {"last_updated_time", FIELD_UPDATED, true, false, false},
    {NULL, 0, false, false, false},
};
const struct filter_grammar filter_logged_models = {
    LOGGED_FIELDS, ENTITY(ATTRIBUTE) | ENTITY(METRIC) | ENTITY(PARAM) | ENTITY(TAG),
    "['attributes', 'metrics', 'params', 'tags']", false, true};

/* Reading one filter. */
struct reading {
    struct arena *arena;
    const struct filter_grammar *grammar;
    struct str rest;
    struct filter_token token; /* the next one */
    struct error *err;
};

/* The token at hand is the one that is looked at; nothing is read twice. */
static void advance(struct reading *reading)
{
    reading->token = filter_token(&reading->rest);
}

/* Key words are read in any case. */
static bool at_word(const struct reading *reading, const char *word)
{
    return reading->token.kind == TOKEN_IDENTIFIER &&
           str_eq_fold(reading->token.text, str_from(word));
}

/* MLflow's sentence, with all that was not understood. */
static int refuse_clause(struct reading *reading)
{
    return error_set(reading->err, ERROR_INVALID, "filter",
                     "Invalid clause(s) in filter string: '%.*s'", STR_ARG(reading->token.text));
}

/* The same where something ended too early. */
static int refuse_count(struct reading *reading, int found)
{
    return error_set(reading->err, ERROR_INVALID, "filter",
                     "Invalid comparison clause. Expected 3 tokens found %d", found);
}

struct operator_row {
    const char *text;
    enum filter_op op;
};

static const struct operator_row OPERATORS[] = {
    {"=", FILTER_EQ},      {"!=", FILTER_NE},       {"<", FILTER_LT},
    {"<=", FILTER_LE},     {">", FILTER_GT},        {">=", FILTER_GE},
    {"LIKE", FILTER_LIKE}, {"ILIKE", FILTER_ILIKE}, {"IN", FILTER_IN},
};

/* `NOT IN`, `IS NULL`, `IS NOT NULL`: operators of several words. */
static int read_words(struct reading *reading, enum filter_op *out)
{
    if (at_word(reading, "NOT")) {
        advance(reading);
        if (!at_word(reading, "IN"))
            return refuse_clause(reading);
        *out = FILTER_NOT_IN;
    } else {
        assert(at_word(reading, "IS"));
        advance(reading);
        *out = FILTER_IS_NULL;
        if (at_word(reading, "NOT")) {
            *out = FILTER_IS_NOT_NULL;
            advance(reading);
        }
        if (!at_word(reading, "NULL"))
            return refuse_clause(reading);
    }
    advance(reading);
    return 0;
}

/* Two words may be one operator: IS NOT NULL, NOT IN. */
static int read_operator(struct reading *reading, enum filter_op *out, struct str *out_text)
{
    *out_text = reading->token.text;
    if (at_word(reading, "NOT") || at_word(reading, "IS"))
        return read_words(reading, out);
    if (reading->token.kind == TOKEN_END)
        return refuse_count(reading, 1);
    if (reading->token.kind != TOKEN_OPERATOR && reading->token.kind != TOKEN_IDENTIFIER)
        return refuse_clause(reading);
    for (size_t i = 0; i < COUNT(OPERATORS); i++)
        if (str_eq_fold(reading->token.text, str_from(OPERATORS[i].text))) {
            *out = OPERATORS[i].op;
            advance(reading);
            return 0;
        }
    return error_set(reading->err, ERROR_INVALID, "filter",
                     "Invalid comparator '%.*s' not one of '{'=', '!=', '<', '<=', '>', '>=', "
                     "'LIKE', 'ILIKE', 'IN', 'NOT IN'}'",
                     STR_ARG(reading->token.text));
}

/* As messages call them. */
static const char *entity_name(enum filter_entity entity)
{
    static const char *const NAMES[FILTER_ENTITY_COUNT_] = {
        [FILTER_ATTRIBUTE] = "attributes",
        [FILTER_METRIC] = "metric",
        [FILTER_PARAM] = "parameter",
        [FILTER_TAG] = "tag",
        [FILTER_DATASET] = "dataset attributes",
    };
    assert(entity < FILTER_ENTITY_COUNT_);
    return NAMES[entity];
}

/* What an operator asks of the side on its left. */
enum comparison { COMPARE_EQUAL, COMPARE_ORDER, COMPARE_LIKE, COMPARE_LIST, COMPARE_NULL };

/* Which kinds of values an operator can have. */
static enum comparison comparison_of(enum filter_op op)
{
    switch (op) {
    case FILTER_EQ:
    case FILTER_NE:
        return COMPARE_EQUAL;
    case FILTER_LIKE:
    case FILTER_ILIKE:
        return COMPARE_LIKE;
    case FILTER_IN:
    case FILTER_NOT_IN:
        return COMPARE_LIST;
    case FILTER_IS_NULL:
    case FILTER_IS_NOT_NULL:
        return COMPARE_NULL;
    default:
        return COMPARE_ORDER;
    }
}

/* Params and tags are found by keys of the user's, everything else by ours. */
static bool is_keyed(const struct filter_clause *clause)
{
    return clause->entity == FILTER_TAG || clause->entity == FILTER_PARAM;
}

/* Lists are for the few attributes that say so; the logged models of 3.x take them for their params
 * and tags too. */
static bool takes_list(const struct reading *reading, const struct filter_clause *clause,
                       const struct filter_name *name)
{
    if (name->attribute && name->attribute->list)
        return true;
    return is_keyed(clause) && reading->grammar->bare_keys_only_plural;
}

/* Whether the operator fits what stands on the left. */
static bool operator_fits(const struct reading *reading, const struct filter_clause *clause,
                          const struct filter_name *name)
{
    switch (comparison_of(clause->op)) {
    case COMPARE_EQUAL:
        return true;
    case COMPARE_ORDER:
        return clause->numeric;
    case COMPARE_LIKE:
        return !clause->numeric;
    case COMPARE_LIST:
        return takes_list(reading, clause, name);
    case COMPARE_NULL:
        return is_keyed(clause) && reading->grammar->tag_null;
    }
    return false;
}

/* The sentences are MLflow's: its clients' tests and users know them. */
static int check_operator(struct reading *reading, const struct filter_clause *clause,
                          const struct filter_name *name, struct str text)
{
    enum comparison comparison = comparison_of(clause->op);

    if (operator_fits(reading, clause, name))
        return 0;
    if (comparison == COMPARE_NULL)
        return error_set(reading->err, ERROR_INVALID, "filter",
                         "IS NULL / IS NOT NULL is only supported for tags and params, not for "
                         "'%s' '%.*s'",
                         entity_name(clause->entity), STR_ARG(name->key));
    if (comparison == COMPARE_LIST && name->attribute && !clause->numeric)
        return error_set(reading->err, ERROR_INVALID, "filter",
                         "Only ['%s'] attributes support comparison with a list of quoted string "
                         "values.",
                         reading->grammar == &filter_runs ? "run_id" : "name");
    return error_set(reading->err, ERROR_INVALID, "filter",
                     "Invalid comparator '%.*s' not one of '%s'", STR_ARG(text),
                     clause->numeric ? "{'=', '!=', '<', '<=', '>', '>='}"
                                     : "{'=', '!=', 'LIKE', 'ILIKE', 'IS NULL', 'IS NOT NULL'}");
}

/* At most FILTER_LIST_MAX values, quoted, in round brackets. */
static int read_list(struct reading *reading, struct filter_clause *clause)
{
    struct str list[FILTER_LIST_MAX];
    size_t count = 0;

    if (reading->token.kind != TOKEN_OPEN)
        return error_set(reading->err, ERROR_INVALID, "filter",
                         "While parsing a list in the query, expected a list of quoted string "
                         "values. Got value %.*s",
                         STR_ARG(reading->token.text));
    do {
        advance(reading);
        if (count > 0 && reading->token.kind == TOKEN_CLOSE)
            break; /* ('a',) is how Python writes a list of one */
        if (reading->token.kind != TOKEN_STRING || count == FILTER_LIST_MAX)
            return error_set(reading->err, ERROR_INVALID, "filter",
                             "While parsing a list in the query, expected string value, "
                             "punctuation, or whitespace, but got different type in list: %.*s",
                             STR_ARG(reading->token.text));
        list[count++] = arena_str(reading->arena, filter_unquote(reading->token.text, "'\""));
        advance(reading);
    } while (reading->token.kind == TOKEN_COMMA);
    if (reading->token.kind != TOKEN_CLOSE)
        return refuse_clause(reading);
    advance(reading);
    clause->list = arena_new_array(reading->arena, struct str, count);
    for (size_t i = 0; i < count; i++)
        clause->list[i] = list[i];
    clause->list_count = count;
    return 0;
}

/* MLflow has another sentence for each kind of what it compares. */
static int refuse_value(struct reading *reading, const struct filter_clause *clause, struct str key)
{
    struct str value = reading->token.text;

    if (reading->token.kind == TOKEN_END)
        return refuse_count(reading, 2);
    if (clause->entity == FILTER_METRIC)
        return error_set(reading->err, ERROR_INVALID, "filter",
                         "Expected numeric value type for metric. Found %.*s", STR_ARG(value));
    if (clause->numeric)
        return error_set(reading->err, ERROR_INVALID, "filter",
                         "Expected numeric value type for numeric attribute: %.*s. Found %.*s",
                         STR_ARG(key), STR_ARG(value));
    if (reading->token.kind == TOKEN_IDENTIFIER)
        return error_set(reading->err, ERROR_INVALID, "filter",
                         "Parameter value is either not quoted or unidentified quote types used "
                         "for string value %.*s. Use either single or double quotes.",
                         STR_ARG(value));
    if (clause->entity == FILTER_PARAM || clause->entity == FILTER_TAG)
        return error_set(reading->err, ERROR_INVALID, "filter",
                         "Expected a quoted string value for %s (e.g. 'my-value'). Got value %.*s",
                         entity_name(clause->entity), STR_ARG(value));
    return error_set(reading->err, ERROR_INVALID, "filter",
                     "Expected a quoted string value for %s. Got value %.*s",
                     entity_name(clause->entity), STR_ARG(value));
}

/* Numbers stand bare and texts in quotes: 'acc > "1"' is told rather than guessed. */
static int read_value(struct reading *reading, struct filter_clause *clause, struct str key)
{
    struct str text = reading->token.text;

    if (clause->op == FILTER_IS_NULL || clause->op == FILTER_IS_NOT_NULL)
        return 0;
    if (clause->op == FILTER_IN || clause->op == FILTER_NOT_IN)
        return read_list(reading, clause);
    if (clause->numeric) {
        if (reading->token.kind != TOKEN_NUMBER || !str_to_double(text, &clause->number))
            return refuse_value(reading, clause, key);
    } else {
        if (reading->token.kind != TOKEN_STRING || text.len < 2 ||
            text.ptr[text.len - 1] != text.ptr[0])
            return refuse_value(reading, clause, key);
        clause->text = arena_str(reading->arena, filter_unquote(text, "'\""));
    }
    advance(reading);
    return 0;
}

/* Name, operator, value; each is checked before the next is read, so that the first mistake is the
 * one that is told. */
static int read_clause(struct reading *reading, struct filter_clause *out)
{
    struct filter_clause clause = {0};
    struct filter_name name;
    struct str operator;

    if (reading->token.kind != TOKEN_IDENTIFIER &&
        !(reading->token.kind == TOKEN_STRING && reading->token.text.ptr[0] == '"'))
        return refuse_clause(reading);
    if (filter_name(reading->grammar, reading->token.text, &name, reading->err) < 0)
        return -1;
    clause.entity = name.entity;
    clause.field = name.attribute ? name.attribute->id : 0;
    clause.key = arena_str(reading->arena, name.key);
    clause.numeric = name.attribute ? name.attribute->number : name.entity == FILTER_METRIC;
    advance(reading);
    if (read_operator(reading, &clause.op, &operator) < 0 ||
        check_operator(reading, &clause, &name, operator) < 0 ||
        read_value(reading, &clause, name.key) < 0)
        return -1;
    *out = clause;
    return 0;
}

/* AND alone joins clauses: MLflow's grammar has neither OR nor brackets. */
int filter_parse(struct arena *arena, const struct filter_grammar *grammar, struct str text,
                 struct filter *out, struct error *err)
{
    struct reading reading = {arena, grammar, text, {0}, err};
    struct filter filter = {arena_new_array(arena, struct filter_clause, FILTER_CLAUSES_MAX), 0};

    advance(&reading);
    while (reading.token.kind != TOKEN_END) {
        if (filter.count > 0) {
            if (!at_word(&reading, "AND"))
                return refuse_clause(&reading);
            advance(&reading);
        }
        if (filter.count == FILTER_CLAUSES_MAX)
            return error_set(err, ERROR_INVALID, "filter", "A filter may have at most %d clauses.",
                             FILTER_CLAUSES_MAX);
        if (read_clause(&reading, &filter.clauses[filter.count]) < 0)
            return -1;
        filter.count++;
    }
    *out = filter;
    return 0;
}
