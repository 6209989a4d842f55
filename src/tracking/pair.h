/* pair.h - params and tags: keys with texts, of runs and logged models
 *
 * An owner is a run's row, or the negative row of a logged model. Params are written once, tags are
 * overwritten.
 */
#pragma once

#include "tracking/tracking.h"

#define PARAM_VALUE_MAX 6000 /* characters; more is cut, as MLflow does by default */
#define TAG_VALUE_MAX 8000

struct pair {
    struct str key;
    struct str value;
};
struct pairs {
    struct pair *at;
    size_t count;
};

/* Who owns what is written. */
struct pair_owner {
    int64_t scope;
    int64_t owner;
    struct str name; /* for messages: the run's id */
};

/* All of an owner, by key. */
int params_read(struct tracking *tracking, struct store_txn *txn, int64_t owner, struct pairs *out,
                struct error *err);
int tags_read(struct tracking *tracking, struct store_txn *txn, int64_t owner, struct pairs *out,
              struct error *err);

/* Which value: by the number of its key (word.h), as searches know it. */
struct pair_key {
    enum pair_kind { PAIR_PARAM, PAIR_TAG } kind;
    int64_t owner;
    int64_t word;
};
/* What was found: that there is no value is no error. */
struct pair_value {
    bool found;
    struct str text;
};
int pair_get(struct store_txn *txn, const struct pair_key *key, struct pair_value *out,
             struct error *err);

/* Inside a write, before anything was changed: whether params may be set. Errors: ERROR_INVALID
 * with MLflow's sentence when one has another value already. */
int params_check(struct tracking *tracking, struct store_txn *txn, const struct pair_owner *owner,
                 const struct pairs *params, struct error *err);
/* Inside a write, after the check: a param that is there stays as it is, a tag takes the new value.
 * Texts longer than a value may be are cut. */
int params_set(struct tracking *tracking, struct store_txn *txn, const struct pair_owner *owner,
               const struct pairs *params, struct error *err);
int tags_set(struct tracking *tracking, struct store_txn *txn, const struct pair_owner *owner,
             const struct pairs *tags, struct error *err);
/* One tag by its key. */
struct tag_key {
    int64_t owner;
    struct str key;
};
int tag_get(struct tracking *tracking, struct store_txn *txn, const struct tag_key *tag,
            struct pair_value *out, struct error *err);
/* Errors: ERROR_NOT_FOUND when there is no such tag. */
int tag_delete(struct tracking *tracking, struct store_txn *txn, const struct pair_owner *owner,
               struct str key, struct error *err);

/* The first `max` characters of UTF-8 text. */
struct str pair_cut(struct str text, size_t max);
