/* keys.c - the two keys of an endpoint: sealed in the vault, known to the gateway only by hash
 *
 * A key leaves the vault to answer listKeys and to be hashed; nothing else ever holds it in clear,
 * neither a document nor the gateway's memory.
 */
#include "endpoint/internal.h"

#include "base/buf.h"
#include "os/random.h"
#include "vault/vault.h"

#include <assert.h>
#include <openssl/sha.h>

#define KEY_BYTES 32 /* random: compared by SHA-256, no slow hash is needed (decisions 26) */

/* Names of their slots in the vault. */
static const struct str SLOTS[ENDPOINT_KEY_COUNT_] = {
    [ENDPOINT_KEY_PRIMARY] = STR_INIT("primary"),
    [ENDPOINT_KEY_SECONDARY] = STR_INIT("secondary"),
};

/* Where a key lies in the vault; sealed for its workspace and its endpoint, it opens nowhere else.
 * */
static struct vault_slot key_slot(const struct scope *scope, int64_t endpoint,
                                  enum endpoint_key which)
{
    assert(which < ENDPOINT_KEY_COUNT_ && endpoint > 0);
    return (struct vault_slot){
        .scope = scope, .owner_kind = ENDPOINT_TYPE, .owner = endpoint, .slot = SLOTS[which]};
}

/* A new random key over whatever the slot holds. */
static int key_write(struct vault *vault, struct store_txn *txn, const struct vault_slot *slot,
                     struct error *err)
{
    assert(store_is_writer(txn));
    return vault_put(vault, txn, slot, random_hex(store_arena(txn), KEY_BYTES), err);
}

/* Each key by itself: a crash between the two leaves one, and the next PUT makes the other. */
int endpoint_make_keys(struct endpoints *endpoints, struct store_txn *txn,
                       const struct scope *scope, const struct document *endpoint,
                       struct error *err)
{
    assert(store_is_writer(txn));
    for (int which = 0; which < ENDPOINT_KEY_COUNT_; which++) {
        struct vault_slot slot = key_slot(scope, endpoint->doc, (enum endpoint_key)which);
        struct error cause = {0};
        struct str key;
        if (vault_open_secret(endpoints->options.vault, txn, &slot, &key, &cause) == 0)
            continue;
        /* A vault that cannot be read is no reason for a new key: clients hold the old one. */
        if (cause.code != ERROR_NOT_FOUND) {
            *err = cause;
            return -1;
        }
        if (key_write(endpoints->options.vault, txn, &slot, err) < 0)
            return -1;
    }
    return 0;
}

/* The keys of the slots' owner, in the order of SLOTS. Owns: the transaction. */
static int keys_read(struct vault *vault, struct store_txn *txn, const struct vault_slot *owner,
                     struct str out[ENDPOINT_KEY_COUNT_], struct error *err)
{
    struct vault_slot slot = *owner;

    for (int which = 0; which < ENDPOINT_KEY_COUNT_; which++) {
        slot.slot = SLOTS[which];
        if (vault_open_secret(vault, txn, &slot, &out[which], err) < 0)
            return -1;
        assert(out[which].len > 0);
    }
    return 0;
}

/* The copies are the caller's: what the snapshot holds goes with it. */
int endpoint_keys(struct endpoints *endpoints, struct arena *arena, const struct document *endpoint,
                  struct str out[ENDPOINT_KEY_COUNT_], struct error *err)
{
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(endpoints->options.store, err);
    struct str keys[ENDPOINT_KEY_COUNT_];
    struct scope scope;

    assert(endpoint->doc > 0);
    if (!txn || scope_by_number(txn, endpoint->scope, &scope, err) < 0)
        return -1;
    const struct vault_slot owner = key_slot(&scope, endpoint->doc, ENDPOINT_KEY_PRIMARY);
    if (keys_read(endpoints->options.vault, txn, &owner, keys, err) < 0)
        return -1;
    for (int which = 0; which < ENDPOINT_KEY_COUNT_; which++)
        out[which] = arena_str(arena, keys[which]);
    return 0;
}

/* For the write. */
struct new_key {
    struct vault *vault;
    int64_t scope, endpoint;
    enum endpoint_key which;
};

/* On the writer thread. The scope is read again: its data key may have been renewed meanwhile. */
static int new_key_apply(struct store_txn *txn, void *context, struct error *err)
{
    const struct new_key *new_key = context;
    struct scope scope;

    if (scope_by_number(txn, new_key->scope, &scope, err) < 0)
        return -1;
    struct vault_slot slot = key_slot(&scope, new_key->endpoint, new_key->which);
    return key_write(new_key->vault, txn, &slot, err);
}

/* One key at a time, so that clients can move to the other one meanwhile. */
int endpoint_new_key(struct endpoints *endpoints, const struct document *endpoint,
                     enum endpoint_key which, struct error *err)
{
    struct new_key new_key = {endpoints->options.vault, endpoint->scope, endpoint->doc, which};

    assert(which < ENDPOINT_KEY_COUNT_);
    if (store_write(endpoints->options.store, new_key_apply, &new_key, err) < 0)
        return -1;
    /* Who regenerates a key wants the old one dead when the call returns. */
    endpoints_sync(endpoints);
    return 0;
}

/* With the endpoint, in its transaction: an endpoint of that name made later has other keys. */
int endpoint_forget(struct store_txn *txn, const struct document *endpoint, struct error *err)
{
    struct scope scope;

    assert(store_is_writer(txn));
    if (scope_by_number(txn, endpoint->scope, &scope, err) < 0)
        return -1;
    struct vault_slot all = {.scope = &scope, .owner_kind = ENDPOINT_TYPE, .owner = endpoint->doc};
    return vault_forget(txn, &all, err);
}

/* The gateway compares hashes, so that neither its memory nor its state file opens an endpoint. */
struct json *keys_hashes(struct endpoints *endpoints, struct arena *arena, struct store_txn *txn,
                         const struct endpoint_view *endpoint, struct error *err)
{
    struct json *list = json_array(arena);
    struct str keys[ENDPOINT_KEY_COUNT_];
    const struct vault_slot owner =
        key_slot(&endpoint->scope, endpoint->document.doc, ENDPOINT_KEY_PRIMARY);

    if (keys_read(endpoints->options.vault, txn, &owner, keys, err) < 0)
        return NULL;
    for (int which = 0; which < ENDPOINT_KEY_COUNT_; which++) {
        unsigned char hash[SHA256_DIGEST_LENGTH];
        CLEANUP(buf_free) struct buf hex = buf_make(KIB);
        SHA256((const unsigned char *)keys[which].ptr, keys[which].len, hash);
        for (size_t i = 0; i < sizeof(hash); i++)
            buf_printf(&hex, "%02x", hash[i]);
        json_append(arena, list, json_text(arena, buf_str(&hex)));
    }
    return list;
}
