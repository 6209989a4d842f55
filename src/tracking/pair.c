/* Params and tags. A key is a number (word.c), since a few hundred keys stand before millions of
 * values. A param is evidence of what ran and never changes once it is set; a tag is a note, which
 * may. */
#include "tracking/pair.h"
#include "tracking/tracking_private.h"

#include <assert.h>
#include <stdlib.h>

/* Counts characters, not bytes: a cut within one would leave text that no client can read. */
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

/* The order in which clients see them: the table has that of the keys' numbers. */
static int by_key(const void *a, const void *b)
{
    return str_cmp(((const struct pair *)a)->key, ((const struct pair *)b)->key);
}

/* One more at the end; what is outgrown stays in the arena until the transaction ends. */
static struct pair *pair_add(struct arena *arena, struct pairs *pairs, size_t *room)
{
    if (pairs->count == *room) {
        *room = *room * 2 + 8;
        struct pair *grown = arena_new_array(arena, struct pair, *room);
        for (size_t i = 0; i < pairs->count; i++)
            grown[i] = pairs->at[i];
        pairs->at = grown;
    }
    return &pairs->at[pairs->count++];
}

/* The rows of a statement that wants the owner. */
static int pairs_read(struct tracking *tracking, struct store_txn *txn, struct sql *q,
                      struct pairs *out, struct error *err)
{
    struct pairs pairs = {0};
    size_t room = 0;

    while (sql_step(q) > 0) {
        struct pair *pair = pair_add(store_arena(txn), &pairs, &room);
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

/* In the order of their keys. */
int params_read(struct tracking *tracking, struct store_txn *txn, int64_t owner, struct pairs *out,
                struct error *err)
{
    struct sql *q = sql(txn, "SELECT key, value FROM param WHERE run = ?", err);

    if (!q)
        return -1;
    sql_bind_int(q, 1, owner);
    return pairs_read(tracking, txn, q, out, err);
}

/* The same. */
int tags_read(struct tracking *tracking, struct store_txn *txn, int64_t owner, struct pairs *out,
              struct error *err)
{
    struct sql *q = sql(txn, "SELECT key, value FROM tag WHERE run = ?", err);

    if (!q)
        return -1;
    sql_bind_int(q, 1, owner);
    return pairs_read(tracking, txn, q, out, err);
}

/* By the whole primary key, so it costs the same however many an owner has. */
int pair_get(struct store_txn *txn, const struct pair_key *key, struct pair_value *out,
             struct error *err)
{
    struct sql *q = key->kind == PAIR_PARAM
                        ? sql(txn, "SELECT value FROM param WHERE run = ? AND key = ?", err)
                        : sql(txn, "SELECT value FROM tag WHERE run = ? AND key = ?", err);

    if (!q)
        return -1;
    sql_bind_int(q, 1, key->owner);
    sql_bind_int(q, 2, key->word);
    bool found = sql_step(q) > 0;
    struct str value = found ? sql_text(q, 0) : STR("");
    if (sql_end(q, err) < 0)
        return -1;
    *out = (struct pair_value){found, value};
    return 0;
}

/* A key that nobody ever used has no number, and so no value. */
int tag_get(struct tracking *tracking, struct store_txn *txn, const struct tag_key *tag,
            struct pair_value *out, struct error *err)
{
    struct pair_key at = {.kind = PAIR_TAG, .owner = tag->owner};

    if (word_find(tracking->words, txn, tag->key, &at.word, err) < 0)
        return -1;
    if (at.word)
        return pair_get(txn, &at, out, err);
    *out = (struct pair_value){0};
    return 0;
}

/* MLflow's own sentence: its clients look into it to tell this from other mistakes. */
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

/* All are looked at before any is written, so that a batch is set as a whole or not at all. The
 * same value again is no change: clients repeat a request whose answer they lost. */
int params_check(struct tracking *tracking, struct store_txn *txn, const struct pair_owner *owner,
                 const struct pairs *params, struct error *err)
{
    for (size_t i = 0; i < params->count; i++) {
        const struct pair *param = &params->at[i];
        struct pair_key key = {.kind = PAIR_PARAM, .owner = owner->owner};
        struct pair_value held;
        for (size_t other = 0; other < i; other++)
            if (str_eq(params->at[other].key, param->key) &&
                !str_eq(params->at[other].value, param->value))
                return param_conflict(owner, param, params->at[other].value, err);
        if (word_find(tracking->words, txn, param->key, &key.word, err) < 0)
            return -1;
        if (key.word == 0)
            continue;
        if (pair_get(txn, &key, &held, err) < 0)
            return -1;
        if (held.found && !str_eq(held.text, pair_cut(param->value, PARAM_VALUE_MAX)))
            return param_conflict(owner, param, held.text, err);
    }
    return 0;
}

/* Where pairs go; without `words` the table of words is asked each time. */
struct setting {
    struct words *words;
    const struct pair_owner *owner;
    enum pair_kind kind;
};

/* A param that came meanwhile wins over ours: the check was before, in the same write. */
static int pair_set(struct store_txn *txn, const struct setting *to, const struct pair *pair,
                    struct error *err)
{
    int64_t word;

    if (word_make(to->words, txn, pair->key, &word, err) < 0)
        return -1;
    struct sql *q = to->kind == PAIR_PARAM
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
    sql_bind_int(q, 1, to->owner->owner);
    sql_bind_int(q, 2, word);
    sql_bind_int(q, 3, to->owner->scope);
    sql_bind_text(q, 4, pair->value);
    return sql_run(q, err);
}

/* Cut as they are stored, so that what is read later is what params_check compares with. */
static int pairs_set(struct store_txn *txn, const struct setting *to, const struct pairs *pairs,
                     struct error *err)
{
    size_t max = to->kind == PAIR_PARAM ? PARAM_VALUE_MAX : TAG_VALUE_MAX;

    assert(store_is_writer(txn) && to->owner->owner != 0);
    for (size_t i = 0; i < pairs->count; i++) {
        struct pair pair = {pairs->at[i].key, pair_cut(pairs->at[i].value, max)};
        if (pair_set(txn, to, &pair, err) < 0)
            return -1;
    }
    return 0;
}

/* Of a run, or of a logged model by its negative row. */
int params_set(struct tracking *tracking, struct store_txn *txn, const struct pair_owner *owner,
               const struct pairs *params, struct error *err)
{
    return pairs_set(txn, &(struct setting){tracking->words, owner, PAIR_PARAM}, params, err);
}

/* The same. */
int tags_set(struct tracking *tracking, struct store_txn *txn, const struct pair_owner *owner,
             const struct pairs *tags, struct error *err)
{
    return pairs_set(txn, &(struct setting){tracking->words, owner, PAIR_TAG}, tags, err);
}

/* Of nothing is no error here; who minds asks for sql_changes. */
static int tag_remove(struct store_txn *txn, int64_t owner, int64_t word, struct error *err)
{
    struct sql *q = sql(txn, "DELETE FROM tag WHERE run = ? AND key = ?", err);

    if (!q)
        return -1;
    sql_bind_int(q, 1, owner);
    sql_bind_int(q, 2, word);
    return sql_run(q, err);
}

/* That there was none is told with MLflow's sentence. */
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

    return pair_set(txn, &(struct setting){NULL, &owner, PAIR_TAG}, &pair, err);
}

/* For faces without struct tracking too; a missing tag is as good as a deleted one. */
int run_delete_tag(struct store_txn *txn, const struct run *run, struct str key, struct error *err)
{
    int64_t word;

    assert(store_is_writer(txn) && run->run > 0);
    if (word_find(NULL, txn, key, &word, err) < 0)
        return -1;
    return word ? tag_remove(txn, run->run, word, err) : 0;
}

/* ARM's PUT says all tags there shall be, but knows none of those that MLflow keeps for itself:
 * what begins with "mlflow." stays unless it is named. */
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

/* As the object that ARM shows. */
int run_tags(struct store_txn *txn, const struct run *run, struct json *out_object,
             struct error *err)
{
    struct tracking none = {0};
    struct pairs tags;

    if (tags_read(&none, txn, run->run, &tags, err) < 0)
        return -1;
    for (size_t i = 0; i < tags.count; i++)
        json_set(store_arena(txn), out_object, tags.at[i].key,
                 json_text(store_arena(txn), tags.at[i].value));
    return 0;
}
