/* plain.h - for kinds that are stored and checked, and need no engine
 *
 * Their hooks are these, or call these first. A kind whose engine comes later starts here.
 */
#pragma once

#include "kinds/fields.h"

#include "arm/kind.h"

/* For `prepare`: the body against its table; `tags` and `properties.properties` become objects,
 * since clients walk them; states that only the server says are dropped. */
int plain_prepare(struct arm_request *req, const struct fields_table *table, struct error *err);

/* For `show`: what is stored has succeeded. */
int plain_show(struct arm_request *req, struct store_txn *txn, const struct document *document,
               struct json *wire, struct error *err);

/* For `progress`: done at the first poll. */
int plain_progress(struct arm_request *req, struct store_txn *txn, const struct document *document,
                   struct error *err);

/* A whole number in a body, and what it may be. */
struct plain_range {
    const char *path;
    int64_t least, most;
};
/* Absent is fine. Errors: ERROR_INVALID with the path. */
int plain_ranges(const struct json *body, const struct plain_range *ranges, size_t count,
                 struct error *err);

/* Refuses an action by name: 501 with "What … is not built yet." in `sentence`. */
int plain_unbuilt(const char *target, const char *sentence, struct error *err);

/* POST …/publish of every versioned asset, and POST …/package of models. */
int plain_publish(struct arm_request *req, const struct document *document, struct arm_reply *out,
                  struct error *err);

/* A pair of random keys in the vault, under the kind's type. */
int plain_keys_make(struct arm_request *req, struct store_txn *txn, const struct document *document,
                    struct error *err);
int plain_keys_forget(struct arm_request *req, struct store_txn *txn,
                      const struct document *document, struct error *err);
/* Actions: the only ways by which keys leave and change. */
int plain_keys_list(struct arm_request *req, const struct document *document, struct arm_reply *out,
                    struct error *err);
int plain_keys_renew(struct arm_request *req, const struct document *document,
                     struct arm_reply *out, struct error *err);
