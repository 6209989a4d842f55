/* plain_keys.c - primary and secondary key of a resource that is merely stored
 *
 * They are random, sealed for their workspace and owner, and leave the vault by listKeys alone.
 */
#include "kinds/plain.h"

#include "os/random.h"
#include "vault/vault.h"

#include <assert.h>

/* 256 bits, as the service's own. */
#define KEY_BYTES 32
#define KEY_COUNT 2

static const struct str SLOTS[KEY_COUNT] = {STR_INIT("primary"), STR_INIT("secondary")};
static const char *const WIRE[KEY_COUNT] = {"primaryKey", "secondaryKey"};

/* The kind's type keeps owners of different kinds apart. */
static struct vault_slot slot_of(const struct arm_request *req, const struct document *document,
                                 size_t which)
{
    assert(which < KEY_COUNT && document->doc > 0);
    return (struct vault_slot){.scope = &req->scope,
                               .owner_kind = str_from(req->kind->type),
                               .owner = document->doc,
                               .slot = SLOTS[which]};
}

/* A new key over whatever the slot holds. */
static int key_write(struct arm_request *req, struct store_txn *txn, const struct vault_slot *slot,
                     struct error *err)
{
    assert(store_is_writer(txn));
    return vault_put(req->engines->vault, txn, slot, random_hex(req->arena, KEY_BYTES), err);
}

/* A PUT of what has keys leaves them as they are: clients hold them. */
int plain_keys_make(struct arm_request *req, struct store_txn *txn, const struct document *document,
                    struct error *err)
{
    for (size_t which = 0; which < KEY_COUNT; which++) {
        struct vault_slot slot = slot_of(req, document, which);
        struct error cause = {0};
        struct str key;
        if (vault_open_secret(req->engines->vault, txn, &slot, &key, &cause) == 0)
            continue;
        if (cause.code != ERROR_NOT_FOUND) {
            *err = cause;
            return -1;
        }
        if (key_write(req, txn, &slot, err) < 0)
            return -1;
    }
    return 0;
}

/* With the document, in the same write. */
int plain_keys_forget(struct arm_request *req, struct store_txn *txn,
                      const struct document *document, struct error *err)
{
    struct vault_slot slot = slot_of(req, document, 0);

    assert(store_is_writer(txn));
    slot.slot = (struct str){0}; /* all of them */
    return vault_forget(txn, &slot, err);
}

/* Both keys of one snapshot. */
int plain_keys_list(struct arm_request *req, const struct document *document, struct arm_reply *out,
                    struct error *err)
{
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(req->engines->store, err);
    struct json *body = json_object(req->arena);

    assert(document->doc > 0);
    for (size_t which = 0; txn && which < KEY_COUNT; which++) {
        struct vault_slot slot = slot_of(req, document, which);
        struct str key;
        if (vault_open_secret(req->engines->vault, txn, &slot, &key, err) < 0)
            return -1;
        /* The snapshot's texts end with it. */
        json_set_str(req->arena, body, WIRE[which], arena_str(req->arena, key));
    }
    if (!txn)
        return -1;
    *out = (struct arm_reply){.status = 200, .body = body};
    return 0;
}

/* One key at a time, so that clients can move to the other one meanwhile. */
struct renew {
    struct arm_request *req;
    struct vault_slot slot;
};

/* On the writer thread, so two renewals come one after the other. */
static int renew_apply(struct store_txn *txn, void *context, struct error *err)
{
    const struct renew *renew = context;

    return key_write(renew->req, txn, &renew->slot, err);
}

/* keyValue is the current key, as the SDK sends it: a new random one is made all the same. */
int plain_keys_renew(struct arm_request *req, const struct document *document,
                     struct arm_reply *out, struct error *err)
{
    struct str type = json_str_at(req->body, "keyType");
    bool primary = str_eq_fold(type, STR("Primary"));
    struct renew renew = {.req = req};

    assert(document->doc > 0);
    if (!primary && !str_eq_fold(type, STR("Secondary")))
        return error_set(err, ERROR_INVALID, "keyType", "This field must be Primary or Secondary.");
    renew.slot = slot_of(req, document, primary ? 0 : 1);
    if (store_write(req->engines->store, renew_apply, &renew, err) < 0)
        return -1;
    *out = (struct arm_reply){.status = 202};
    return 0;
}
