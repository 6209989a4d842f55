/* One slot of the vault per document: whoever reads a row of `document` finds no secret in it. A
 * PUT without secrets keeps the old ones, as clients send back what a GET showed them. */
#include "kinds/secret.h"

#include "vault/vault.h"

#include <assert.h>

/* All of a document's secrets in one slot: they change together. */
#define SLOT STR("credentials")

/* The kind's type keeps two documents apart that were given the same number in different stores. */
static struct vault_slot slot_of(const struct arm_request *req, const struct document *document)
{
    assert(document->doc > 0);
    return (struct vault_slot){.scope = &req->scope,
                               .owner_kind = str_from(req->kind->type),
                               .owner = document->doc,
                               .slot = SLOT};
}

/* Taken out even when it is null, so that no empty member tells which secrets there could be. */
struct json *secret_take(struct arm_request *req, const char *const *paths, size_t count)
{
    struct json *taken = json_object(req->arena);

    assert(paths || count == 0);
    for (size_t i = 0; i < count; i++) {
        struct json *value = json_take(req->body, paths[i]);
        if (!json_is_null(value))
            json_set(req->arena, taken, str_from(paths[i]), value);
    }
    return taken;
}

/* The vault keeps paths, so a secret goes back to where it came from. */
void secret_put_back(struct arena *arena, struct json *body, const struct json *secrets)
{
    struct json_iter it = json_iter(secrets);

    assert(json_kind(body) == JSON_OBJECT);
    while (json_next(&it))
        json_put(arena, body, arena_cstr(arena, it.key), json_copy(arena, it.value), NULL);
}

/* Whoever calls this is about to show it: an action, never a GET. */
int secret_open(struct arm_request *req, struct store_txn *txn, const struct document *document,
                struct json **out, struct error *err)
{
    struct vault_slot slot = slot_of(req, document);
    struct str text;

    assert(out);
    if (vault_open_secret(req->engines->vault, txn, &slot, &text, err) < 0)
        return -1;
    struct json *secrets = json_parse(req->arena, text, err);
    if (!secrets)
        return -1;
    *out = secrets;
    return 0;
}

/* A PATCH of one secret leaves the others as they are, as it does with every other member. */
static int merged(struct arm_request *req, struct store_txn *txn, const struct document *document,
                  struct json **secrets, struct error *err)
{
    struct json *before = NULL;
    struct error missing = {0};

    assert(*secrets);
    if (!req->patch)
        return 0;
    if (secret_open(req, txn, document, &before, &missing) < 0) {
        if (missing.code == ERROR_NOT_FOUND)
            return 0;
        *err = missing;
        return -1;
    }
    json_merge(req->arena, before, *secrets);
    *secrets = before;
    return 0;
}

/* Sealed anew as a whole: one slot, one nonce, no half of an update. */
int secret_store(struct arm_request *req, struct store_txn *txn, const struct document *document,
                 const struct json *secrets, struct error *err)
{
    struct vault_slot slot = slot_of(req, document);
    struct json *all = json_copy(req->arena, secrets);

    assert(store_is_writer(txn));
    if (json_count(secrets) == 0)
        return 0;
    if (merged(req, txn, document, &all, err) < 0)
        return -1;
    return vault_put(req->engines->vault, txn, &slot, json_write(req->arena, all), err);
}

/* With the document, in its transaction. */
int secret_forget(struct arm_request *req, struct store_txn *txn, const struct document *document,
                  struct error *err)
{
    struct vault_slot slot = slot_of(req, document);

    assert(store_is_writer(txn));
    return vault_forget(txn, &slot, err);
}
