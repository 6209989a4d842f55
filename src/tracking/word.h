/* word.h - numbers for the keys of metrics, params and tags
 *
 * A dictionary in the database with a copy in memory that only grows. Looking up takes no lock, so
 * the IO threads and readers may do it. A word made inside a transaction reaches the memory only
 * once a later transaction finds it in the table, since its own may still be rolled back.
 */
#pragma once

#include "store/store.h"

struct words;

/* Loads what is there. Owns: the caller; the store outlives it. */
struct words *words_open(struct store *store, struct error *err);
void words_close(struct words **words);

/* The number of a word, 0 when there is none (or, outside the writer, not yet). */
int word_find(struct words *words, struct store_txn *txn, struct str text, int64_t *out,
              struct error *err);
/* The same inside a write; makes it when missing. */
int word_make(struct words *words, struct store_txn *txn, struct str text, int64_t *out,
              struct error *err);
/* The text of a number; lives as long as `words` or the transaction's arena. Errors: ERROR_CORRUPT.
 */
int word_text(struct words *words, struct store_txn *txn, int64_t id, struct str *out,
              struct error *err);
