/* filter.h - the little query language of MLflow searches, read and applied
 *
 * A filter is comparisons joined by AND; what may be compared with what is a struct filter_grammar,
 * one per kind of thing searched. Reading is pure: text in, clauses out, sentences for the client
 * when it is not understood. Values are fetched by whoever searches.
 */
#pragma once

#include "base/arena.h"

enum filter_entity {
    FILTER_ATTRIBUTE,
    FILTER_METRIC,
    FILTER_PARAM,
    FILTER_TAG,
    FILTER_DATASET,
    FILTER_ENTITY_COUNT_
};

enum filter_op {
    FILTER_EQ,
    FILTER_NE,
    FILTER_LT,
    FILTER_LE,
    FILTER_GT,
    FILTER_GE,
    FILTER_LIKE,
    FILTER_ILIKE,
    FILTER_IN,
    FILTER_NOT_IN,
    FILTER_IS_NULL,
    FILTER_IS_NOT_NULL,
    FILTER_OP_COUNT_
};

/* A thing's own field. Several names may give the same id. */
struct filter_attribute {
    const char *name; /* NULL ends the list */
    int id;
    bool number;
    bool list;     /* IN is allowed */
    bool no_order; /* cannot be sorted by */
};

struct filter_grammar {
    const struct filter_attribute *attributes;
    unsigned entities;          /* 1 << enum filter_entity */
    const char *entity_names;   /* for the message: "['metric', 'parameter', …]" */
    bool tag_null;              /* tags and params take IS [NOT] NULL */
    bool bare_keys_only_plural; /* logged models: only the plural entity names */
};

extern const struct filter_grammar filter_runs, filter_experiments, filter_registered_models,
    filter_model_versions, filter_logged_models;

/* Ids of attributes; each grammar uses some. */
enum filter_field {
    FIELD_RUN_ID = 1,
    FIELD_NAME,
    FIELD_USER,
    FIELD_STATUS,
    FIELD_ARTIFACT_URI,
    FIELD_START,
    FIELD_END,
    FIELD_EXPERIMENT_ID,
    FIELD_CREATED,
    FIELD_UPDATED,
    FIELD_VERSION,
    FIELD_SOURCE,
    FIELD_MODEL_ID,
    FIELD_MODEL_TYPE,
    FIELD_DIGEST,
    FIELD_CONTEXT,
    FIELD_LIFECYCLE
};

struct filter_clause {
    enum filter_entity entity;
    int field;      /* attributes and datasets: enum filter_field */
    struct str key; /* metrics, params, tags */
    enum filter_op op;
    bool numeric;
    double number;
    struct str text;
    struct str *list;
    size_t list_count;
};

struct filter {
    struct filter_clause *clauses;
    size_t count;
};

/* Reads a filter; empty text gives no clauses. Errors: ERROR_INVALID with MLflow's sentences. */
int filter_parse(struct arena *arena, const struct filter_grammar *grammar, struct str text,
                 struct filter *out, struct error *err);

/* What a thing has to show for one clause. */
struct filter_value {
    bool present;
    double number;
    struct str text;
};
bool filter_match(const struct filter_clause *clause, const struct filter_value *value);

/* One piece of an order: `metrics.loss DESC`. */
struct order_clause {
    enum filter_entity entity;
    int field;
    struct str key;
    bool numeric;
    bool descending;
};
int order_parse(struct arena *arena, const struct filter_grammar *grammar, struct str text,
                struct order_clause *out, struct error *err);

/* Present values first, then NaN, then missing, whatever the direction; else < 0, 0, > 0. */
int order_compare(const struct order_clause *clause, const struct filter_value *a,
                  const struct filter_value *b);
