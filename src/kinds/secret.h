/* secret.h - what a body holds and must not keep
 *
 * A kind takes its secrets out of a body before anything is stored, seals them in the write of the
 * document and gives them back by an action alone. One slot of the vault a document holds them all,
 * as one JSON object.
 */
#pragma once

#include "arm/kind.h"

/* Moves the members at `paths` out of req->body into a new object, each under its path with the
 * dots as they are. What is null counts as not given. Never NULL. */
struct json *secret_take(struct arm_request *req, const char *const *paths, size_t count);
/* The opposite: puts an object of paths into a body, for the action that may show them. */
void secret_put_back(struct arena *arena, struct json *body, const struct json *secrets);

/* In the write, for a document that is stored: seals the object. What is sealed already and not
 * named in it stays when the body came by PATCH, and goes with a PUT. An empty object changes
 * nothing. */
int secret_store(struct arm_request *req, struct store_txn *txn, const struct document *document,
                 const struct json *secrets, struct error *err);
/* What was sealed. Errors: ERROR_NOT_FOUND when nothing was. */
int secret_open(struct arm_request *req, struct store_txn *txn, const struct document *document,
                struct json **out, struct error *err);
/* In the write: all of a document's secrets go. */
int secret_forget(struct arm_request *req, struct store_txn *txn, const struct document *document,
                  struct error *err);
