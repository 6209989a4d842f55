#include "tracking/pair.h"
#include "tracking/tracking_private.h"

#include <assert.h>
#include <stdlib.h>

struct str pair_cut(struct str text, size_t max)
{
    size_t characters = 0;

    if (text.len <= max)
        return text;
    for (size_t at = 0; at < text.len; at++) {
        if (((unsigned char)text.ptr[at] & 0xc0) == 0x80)
            continue;
        if (characters++ == max)
            return str_slice(text, 0, at);
    }
    return text;
}

static int by_key(const void *a, const void *b)
{
    return str_cmp(((const struct pair *)a)->key, ((const struct pair *)b)->key);
}

int pairs_read(struct tracking *tracking, struct store_txn *txn, enum pair_kind kind, int64_t owner,
               struct pairs *out, struct error *err)
{
    struct sql *q = kind == PAIR_PARAM ? sql(txn, "SELECT key, value FROM param WHERE run = ?", err)
                                       : sql(txn, "SELECT key, value FROM tag WHERE run = ?", err);
    struct pairs pairs = {0};
    size_t size = 0;

    if (!q)
        return -1;
    sql_bind_int(q, 1, owner);
    while (sql_step(q) > 0) {
        if (pairs.count == size) {
            size = size * 2 + 8;
            struct pair *grown = arena_new_array(store_arena(txn), struct pair, size);
            for (size_t i = 0; i < pairs.count; i++)
                grown[i] = pairs.at[i];
            pairs.at = grown;
        }
        struct pair *pair = &pairs.at[pairs.count++];
        if (word_text(tracking->words, txn, sql_int(q, 0), &pair->key, err) < 0)
            return -1;
        pair->value = sql_text(q, 1);
    }
    if (sql_end(q, err) < 0)
        return -1;
    if (pairs.count > 1)
        qsort(pairs.at, pairs.count, sizeof *pairs.at, by_key);
    *out = pairs;
    return 0;
}

int pair_get(struct store_txn *txn, enum pair_kind kind, int64_t owner, int64_t word,
             struct str *out, bool *out_found, struct error *err)
{
    struct sql *q = kind == PAIR_PARAM
                        ? sql(txn, "SELECT value FROM param WHERE run = ? AND key = ?", err)
                        : sql(txn, "SELECT value FROM tag WHERE run = ? AND key = ?", err);

    if (!q)
        return -1;
    sql_bind_int(q, 1, owner);
    sql_bind_int(q, 2, word);
    bool found = sql_step(q) > 0;
    struct str value = found ? sql_text(q, 0) : STR("");
    if (sql_end(q, err) < 0)
        return -1;
    *out = value;
    *out_found = found;
    return 0;
}

int tag_get(struct tracking *tracking, struct store_txn *txn, int64_t owner, struct str key,
            struct str *out, bool *out_found, struct error *err)
{
    int64_t word;

    *out_found = false;
    if (word_find(tracking->words, txn, key, &word, err) < 0)
        return -1;
    return word ? pair_get(txn, PAIR_TAG, owner, word, out, out_found, err) : 0;
}

static int param_conflict(const struct pair_owner *owner, const struct pair *param,
                          struct str value, struct error *err)
{
    return error_set(err, ERROR_INVALID, "params",
                     "Changing param values is not allowed. Param with key='%.*s' was already "
                     "logged with value='%.*s' for run ID='%.*s'. Attempted logging new value "
                     "'%.*s'.",
                     STR_ARG(param->key), STR_ARG(str_slice(value, 0, 100)), STR_ARG(owner->name),
                     STR_ARG(str_slice(param->value, 0, 100)));
}

int params_check(struct tracking *tracking, struct store_txn *txn, const struct pair_owner *owner,
                 const struct pairs *params, struct error *err)
{
    for (size_t i = 0; i < params->count; i++) {
        const struct pair *param = &params->at[i];
        struct str value;
        int64_t word;
        bool found;
        for (size_t other = 0; other < i; other++)
            if (str_eq(params->at[other].key, param->key) &&
                !str_eq(params->at[other].value, param->value))
                return param_conflict(owner, param, params->at[other].value, err);
        if (word_find(tracking->words, txn, param->key, &word, err) < 0)
            return -1;
        if (word == 0)
            continue;
        if (pair_get(txn, PAIR_PARAM, owner->owner, word, &value, &found, err) < 0)
            return -1;
        if (found && !str_eq(value, pair_cut(param->value, PARAM_VALUE_MAX)))
            return param_conflict(owner, param, value, err);
    }
    return 0;
}

static int pair_set(struct tracking *tracking, struct store_txn *txn,
                    const struct pair_owner *owner, enum pair_kind kind, const struct pair *pair,
                    struct error *err)
{
    int64_t word;

    if (word_make(tracking ? tracking->words : NULL, txn, pair->key, &word, err) < 0)
        return -1;
    struct sql *q = kind == PAIR_PARAM
                        ? sql(txn,
                              "INSERT INTO param (run, key, scope, value) VALUES (?, ?, ?, ?)"
                              " ON CONFLICT (run, key) DO NOTHING",
                              err)
                        : sql(txn,
                              "INSERT INTO tag (run, key, scope, value) VALUES (?, ?, ?, ?)"
                              " ON CONFLICT (run, key) DO UPDATE SET value = excluded.value",
                              err);
    if (!q)
        return -1;
    sql_bind_int(q, 1, owner->owner);
    sql_bind_int(q, 2, word);
    sql_bind_int(q, 3, owner->scope);
    sql_bind_text(q, 4, pair->value);
    return sql_run(q, err);
}

int pairs_set(struct tracking *tracking, struct store_txn *txn, const struct pair_owner *owner,
              enum pair_kind kind, const struct pairs *pairs, struct error *err)
{
    assert(store_is_writer(txn) && owner->owner != 0);
    for (size_t i = 0; i < pairs->count; i++) {
        struct pair pair = pairs->at[i];
        pair.value = pair_cut(pair.value, kind == PAIR_PARAM ? PARAM_VALUE_MAX : TAG_VALUE_MAX);
        if (pair_set(tracking, txn, owner, kind, &pair, err) < 0)
            return -1;
    }
    return 0;
}

static int tag_remove(struct store_txn *txn, int64_t owner, int64_t word, struct error *err)
{
    struct sql *q = sql(txn, "DELETE FROM tag WHERE run = ? AND key = ?", err);

    if (!q)
        return -1;
    sql_bind_int(q, 1, owner);
    sql_bind_int(q, 2, word);
    return sql_run(q, err);
}

int tag_delete(struct tracking *tracking, struct store_txn *txn, const struct pair_owner *owner,
               struct str key, struct error *err)
{
    int64_t word;
    int64_t changes = 0;

    if (word_find(tracking->words, txn, key, &word, err) < 0)
        return -1;
    if (word > 0) {
        if (tag_remove(txn, owner->owner, word, err) < 0)
            return -1;
        changes = sql_changes(txn);
    }
    if (changes == 0)
        return error_set(err, ERROR_NOT_FOUND, "key", "No tag with name: %.*s in run with id %.*s",
                         STR_ARG(key), STR_ARG(owner->name));
    return 0;
}

/* Faces that know no struct tracking: words then come from the table. */
int run_set_tag(struct store_txn *txn, const struct run *run, struct str key, struct str value,
                struct error *err)
{
    struct pair pair = {key, pair_cut(value, TAG_VALUE_MAX)};
    struct pair_owner owner = {run->scope, run->run, run->run_id};

    return pair_set(NULL, txn, &owner, PAIR_TAG, &pair, err);
}

int run_delete_tag(struct store_txn *txn, const struct run *run, struct str key, struct error *err)
{
    int64_t word;

    assert(store_is_writer(txn) && run->run > 0);
    if (word_find(NULL, txn, key, &word, err) < 0)
        return -1;
    return word ? tag_remove(txn, run->run, word, err) : 0;
}

int run_replace_tags(struct store_txn *txn, const struct run *run, const struct json *tags,
                     struct error *err)
{
    struct json *held = json_object(store_arena(txn));
    struct json_iter it;

    assert(store_is_writer(txn));
    if (run_tags(txn, run, held, err) < 0)
        return -1;
    it = json_iter(held);
    while (json_next(&it))
        if (!json_get(tags, it.key) && !str_starts(it.key, STR("mlflow.")) &&
            run_delete_tag(txn, run, it.key, err) < 0)
            return -1;
    it = json_iter(tags);
    while (json_next(&it))
        if (run_set_tag(txn, run, it.key, json_as_str(it.value), err) < 0)
            return -1;
    return 0;
}

int run_tags(struct store_txn *txn, const struct run *run, struct json *out_object,
             struct error *err)
{
    struct tracking none = {0};
    struct pairs tags;

    if (pairs_read(&none, txn, PAIR_TAG, run->run, &tags, err) < 0)
        return -1;
    for (size_t i = 0; i < tags.count; i++)
        json_set(store_arena(txn), out_object, tags.at[i].key,
                 json_text(store_arena(txn), tags.at[i].value));
    return 0;
}
