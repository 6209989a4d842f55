/* Numbers for the keys of metrics, params and tags. Look-ups take no lock: a table is only added
 * to, and one that is outgrown stays until the end, since somebody may be walking it. What is in
 * memory is committed, so that a replayed transaction cannot have left a number behind that no row
 * has. */
#include "tracking/word.h"

#include "base/map.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define WORD_TABLE_FROM 1024
#define WORD_PAGE 1024
#define WORD_PAGES 4096 /* numbers above 4 M stay in the database only */
#define WORD_MEMORY_BYTES (256 * MIB)

struct word {
    int64_t id;
    uint64_t hash;
    struct str text;
};

struct word_table {
    size_t mask;
    _Atomic(const struct word *) slots[];
};

struct word_page {
    _Atomic(const struct word *) at[WORD_PAGE];
};

/* Old tables stay where they are until the end: a reader may be walking one. */
struct words {
    pthread_mutex_t lock; /* for adding */
    struct arena *arena;
    size_t count;
    _Atomic(struct word_table *) table;
    _Atomic(struct word_page *) pages[WORD_PAGES];
};

/* Ends at the first free slot, for nothing is ever removed. */
static const struct word *table_find(struct word_table *table, struct str text, uint64_t hash)
{
    for (size_t slot = hash & table->mask;; slot = (slot + 1) & table->mask) {
        const struct word *word = atomic_load_explicit(&table->slots[slot], memory_order_acquire);
        if (!word || (word->hash == hash && str_eq(word->text, text)))
            return word;
    }
}

/* Under the lock; the release makes the whole word visible with its slot. */
static void table_put(struct word_table *table, const struct word *word)
{
    size_t slot = word->hash & table->mask;

    while (atomic_load_explicit(&table->slots[slot], memory_order_relaxed))
        slot = (slot + 1) & table->mask;
    atomic_store_explicit(&table->slots[slot], word, memory_order_release);
}

/* A power of two, so that a mask finds the slot. */
static struct word_table *table_new(struct arena *arena, size_t size)
{
    assert((size & (size - 1)) == 0);
    struct word_table *table = arena_alloc(arena, sizeof *table + size * sizeof table->slots[0]);
    table->mask = size - 1;
    return table;
}

/* Half full at most, which keeps walks short. */
static struct word_table *table_grown(struct words *words, struct word_table *old)
{
    if ((words->count + 1) * 2 <= old->mask)
        return old;
    struct word_table *table = table_new(words->arena, (old->mask + 1) * 2);
    for (size_t slot = 0; slot <= old->mask; slot++) {
        const struct word *word = atomic_load_explicit(&old->slots[slot], memory_order_relaxed);
        if (word)
            table_put(table, word);
    }
    return table;
}

/* Keeps a word that is committed for sure. */
static void word_remember(struct words *words, int64_t id, struct str text)
{
    uint64_t hash = map_hash(text);

    assert(id > 0);
    pthread_mutex_lock(&words->lock);
    struct word_table *table = atomic_load(&words->table);
    if (id < (int64_t)WORD_PAGE * WORD_PAGES && arena_used(words->arena) < WORD_MEMORY_BYTES &&
        !table_find(table, text, hash)) {
        struct word *word = arena_make(words->arena, struct word);
        *word = (struct word){id, hash, arena_str(words->arena, text)};
        struct word_page *page = atomic_load(&words->pages[id / WORD_PAGE]);
        if (!page) {
            page = arena_make(words->arena, struct word_page);
            atomic_store_explicit(&words->pages[id / WORD_PAGE], page, memory_order_release);
        }
        atomic_store_explicit(&page->at[id % WORD_PAGE], word, memory_order_release);
        table = table_grown(words, table);
        table_put(table, word);
        atomic_store_explicit(&words->table, table, memory_order_release);
        words->count++;
    }
    pthread_mutex_unlock(&words->lock);
}

/* All of them: a few thousand in a database of years. */
static int words_load(struct words *words, struct store *store, struct error *err)
{
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(store, err);
    struct sql *q = txn ? sql(txn, "SELECT id, text FROM word ORDER BY id", err) : NULL;

    if (!q)
        return -1;
    while (sql_step(q) > 0)
        word_remember(words, sql_int(q, 0), sql_peek(q, 1));
    return sql_end(q, err);
}

/* Fails only when the database does. */
struct words *words_open(struct store *store, struct error *err)
{
    CLEANUP(words_close) struct words *words = calloc(1, sizeof *words);

    if (!words)
        abort();
    pthread_mutex_init(&words->lock, NULL);
    words->arena = arena_new(WORD_MEMORY_BYTES);
    atomic_store(&words->table, table_new(words->arena, WORD_TABLE_FROM));
    if (words_load(words, store, err) < 0)
        return NULL;
    struct words *result = words;
    words = NULL;
    return result;
}

/* Nobody asks any more. */
void words_close(struct words **words)
{
    if (!*words)
        return;
    arena_free(&(*words)->arena);
    pthread_mutex_destroy(&(*words)->lock);
    free(*words);
    *words = NULL;
}

/* Words this transaction made; numbers rise, so all of them are at least `first`. */
struct word_made {
    int64_t first;
};

/* The store wants a function with a transaction's state. */
static int word_flush(struct store_txn *, void *, struct error *)
{
    return 0; /* the state alone is wanted */
}

/* NULL also for words that did not fit in memory any more. */
static const struct word *word_cached(struct words *words, struct str text)
{
    struct word_table *table = atomic_load_explicit(&words->table, memory_order_acquire);

    return table_find(table, text, map_hash(text));
}

/* A word that this very transaction made is not kept in memory yet: the transaction may fail. */
int word_find(struct words *words, struct store_txn *txn, struct str text, int64_t *out,
              struct error *err)
{
    const struct word *word = words ? word_cached(words, text) : NULL;
    int64_t id = word ? word->id : 0;

    if (id == 0) {
        struct sql *q = sql(txn, "SELECT id FROM word WHERE text = ?", err);
        if (!q)
            return -1;
        sql_bind_text(q, 1, text);
        if (sql_step(q) > 0)
            id = sql_int(q, 0);
        if (sql_end(q, err) < 0)
            return -1;
        bool settled = true;
        if (store_is_writer(txn)) {
            struct word_made *made = store_flush_state(txn, word_flush, sizeof *made);
            settled = made->first == 0 || id < made->first;
        }
        if (words && id > 0 && settled)
            word_remember(words, id, text);
    }
    *out = id;
    return 0;
}

/* Two transactions cannot make the same word: there is one writer. */
int word_make(struct words *words, struct store_txn *txn, struct str text, int64_t *out,
              struct error *err)
{
    assert(store_is_writer(txn));
    if (word_find(words, txn, text, out, err) < 0)
        return -1;
    if (*out > 0)
        return 0;
    struct sql *q = sql(txn, "INSERT INTO word (text) VALUES (?) RETURNING id", err);
    if (!q)
        return -1;
    sql_bind_text(q, 1, text);
    if (sql_step(q) > 0)
        *out = sql_int(q, 0);
    if (sql_end(q, err) < 0)
        return -1;
    struct word_made *made = store_flush_state(txn, word_flush, sizeof *made);
    if (made->first == 0)
        made->first = *out;
    return 0;
}

/* By page and place, without a look into the database for words that are in memory. */
int word_text(struct words *words, struct store_txn *txn, int64_t id, struct str *out,
              struct error *err)
{
    if (words && id > 0 && id < (int64_t)WORD_PAGE * WORD_PAGES) {
        struct word_page *page =
            atomic_load_explicit(&words->pages[id / WORD_PAGE], memory_order_acquire);
        const struct word *word =
            page ? atomic_load_explicit(&page->at[id % WORD_PAGE], memory_order_acquire) : NULL;
        if (word) {
            *out = word->text;
            return 0;
        }
    }
    struct sql *q = sql(txn, "SELECT text FROM word WHERE id = ?", err);
    if (!q)
        return -1;
    sql_bind_int(q, 1, id);
    bool found = sql_step(q) > 0;
    struct str text = found ? sql_text(q, 0) : STR("");
    if (sql_end(q, err) < 0)
        return -1;
    if (!found)
        return error_set(err, ERROR_CORRUPT, "word", "Word %lld is missing.", (long long)id);
    if (words && !store_is_writer(txn))
        word_remember(words, id, text);
    *out = text;
    return 0;
}
