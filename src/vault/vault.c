/* Master key → data key of a workspace → secret. A row of the database alone opens nothing, and
 * neither does the key file alone; a row moved to another owner or slot does not open at all. */
#include "vault/vault.h"

#include "os/file.h"
#include "os/random.h"

#include <assert.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

/* Sealed bytes are base64 text of: layout (1), key version (1), nonce (24), ciphertext, tag (16).
 */
#define LAYOUT 1
#define KEY_VERSION 1
#define KEY_BYTES crypto_aead_xchacha20poly1305_ietf_KEYBYTES
#define NONCE_BYTES crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG_BYTES crypto_aead_xchacha20poly1305_ietf_ABYTES
#define HEAD_BYTES (2 + NONCE_BYTES)
#define SECRET_BYTES_MAX (64 * KIB)

static_assert(KEY_BYTES == 32, "master.key holds 32 bytes");

/* The master key alone; data keys are opened for each use. */
struct vault {
    unsigned char *master; /* guarded memory: not swapped, not in a core dump */
};

/* --- The master key -------------------------------------------------------------------------- */

/* Written whole or not at all: half a key would lock everything in. */
static int make_master(int keys, unsigned char *out, struct error *err)
{
    assert(keys >= 0);
    random_bytes(out, KEY_BYTES);
    return file_write_atomic(keys, "master.key", (struct str){(char *)out, KEY_BYTES}, 0400, err);
}

/* A file of another length or that others may read is refused, never replaced: it may be the only
 * key to what is stored. */
static int read_master(int keys, unsigned char *out, struct error *err)
{
    CLEANUP(fd_close) int fd = file_open_nolinks(keys, "master.key", O_RDONLY, 0, err);
    struct stat status;

    if (fd < 0)
        return -1;
    if (fstat(fd, &status) < 0 || (status.st_mode & 0077) || status.st_size != (off_t)KEY_BYTES) {
        error_set(err, ERROR_CORRUPT, "keys/master.key",
                  "keys/master.key must be a file of 32 bytes that only its owner can read.");
        return error_hint(err, "Restore it from a backup; a new one cannot open what is stored.");
    }
    return fd_read_all(fd, out, KEY_BYTES, err) == (ssize_t)KEY_BYTES ? 0 : -1;
}

/* A folder without a key is a new one; its key is made here, once. */
struct vault *vault_open(int dir, struct error *err)
{
    CLEANUP(fd_close) int keys = dir_open_at(dir, "keys", 0700, err);
    struct vault *vault;

    assert(dir >= 0);
    if (keys < 0)
        return NULL;
    if (sodium_init() < 0) {
        error_set(err, ERROR_INTERNAL, "", "The cryptography library does not start.");
        return NULL;
    }
    vault = calloc(1, sizeof(*vault));
    if (!vault)
        abort();
    vault->master = sodium_malloc(KEY_BYTES);
    if (!vault->master)
        abort();
    int result = file_exists(keys, "master.key") ? read_master(keys, vault->master, err)
                                                 : make_master(keys, vault->master, err);
    if (result < 0)
        vault_close(&vault);
    return vault;
}

/* The key is overwritten before its memory is given back. */
void vault_close(struct vault **vault)
{
    assert(vault);
    if (!*vault)
        return;
    sodium_free((*vault)->master);
    free(*vault);
    *vault = NULL;
}

/* --- Sealing --------------------------------------------------------------------------------- */

/* For rows that are text: the wrapped data key stands in one of them. */
static struct str to_base64(struct arena *arena, const unsigned char *bytes, size_t len)
{
    size_t size = sodium_base64_encoded_len(len, sodium_base64_VARIANT_ORIGINAL);
    char *text = arena_alloc(arena, size);

    sodium_bin2base64(text, size, bytes, len, sodium_base64_VARIANT_ORIGINAL);
    return str_from(text);
}

/* Fresh nonce each time: the same secret sealed twice looks different. */
static int seal(struct arena *arena, const unsigned char key[KEY_BYTES], struct str bound,
                struct str secret, struct str *out)
{
    size_t size = HEAD_BYTES + secret.len + TAG_BYTES;
    unsigned char *bytes = arena_alloc(arena, size);
    unsigned long long sealed = 0;

    bytes[0] = LAYOUT;
    bytes[1] = KEY_VERSION;
    random_bytes(bytes + 2, NONCE_BYTES);
    crypto_aead_xchacha20poly1305_ietf_encrypt(
        bytes + HEAD_BYTES, &sealed, (const unsigned char *)secret.ptr, secret.len,
        (const unsigned char *)bound.ptr, bound.len, NULL, bytes + 2, key);
    assert(sealed == secret.len + TAG_BYTES);
    *out = to_base64(arena, bytes, size);
    return 0;
}

/* -1 for anything that was not sealed so, without saying what is wrong with it. */
static int unseal(struct arena *arena, const unsigned char key[KEY_BYTES], struct str bound,
                  struct str sealed, struct str *out)
{
    unsigned char *bytes = arena_alloc(arena, sealed.len + 1);
    unsigned long long plain_len = 0;
    size_t len = 0;

    assert(out);
    if (sodium_base642bin(bytes, sealed.len + 1, sealed.ptr, sealed.len, NULL, &len, NULL,
                          sodium_base64_VARIANT_ORIGINAL) != 0 ||
        len < HEAD_BYTES + TAG_BYTES || bytes[0] != LAYOUT || bytes[1] != KEY_VERSION)
        return -1;
    unsigned char *plain = arena_alloc(arena, len);
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(
            plain, &plain_len, NULL, bytes + HEAD_BYTES, len - HEAD_BYTES,
            (const unsigned char *)bound.ptr, bound.len, bytes + 2, key) != 0)
        return -1;
    *out = (struct str){(char *)plain, (size_t)plain_len};
    return 0;
}

/* Sealed by the master key at once; it is never in the clear outside this function. */
int vault_new_data_key(struct vault *vault, struct arena *arena, struct str *out, struct error *)
{
    unsigned char key[KEY_BYTES];

    assert(vault && vault->master);
    random_bytes(key, sizeof(key));
    int result =
        seal(arena, vault->master, STR("data key"), (struct str){(char *)key, sizeof(key)}, out);
    sodium_memzero(key, sizeof(key));
    return result;
}

/* The data key of the slot's scope, unwrapped. The caller wipes it. */
static int data_key(struct vault *vault, struct arena *arena, const struct vault_slot *slot,
                    unsigned char out[KEY_BYTES], struct error *err)
{
    struct str key;

    assert(vault && vault->master && slot->scope);
    if (unseal(arena, vault->master, STR("data key"), slot->scope->data_key, &key) < 0 ||
        key.len != KEY_BYTES)
        return error_set(err, ERROR_CORRUPT, "data_key",
                         "The data key of workspace '%.*s' does not open with keys/master.key.",
                         STR_ARG(slot->scope->name));
    memcpy(out, key.ptr, KEY_BYTES);
    sodium_memzero((char *)key.ptr, key.len);
    return 0;
}

/* What a sealed secret is bound to, so that a row cannot be moved to another owner or slot. */
static struct str binding(struct arena *arena, const struct vault_slot *slot)
{
    assert(slot->scope);
    return arena_printf(arena, "secret\n%.*s\n%lld\n%.*s\n%lld\n%d", STR_ARG(slot->owner_kind),
                        (long long)slot->owner, STR_ARG(slot->slot), (long long)slot->scope->number,
                        KEY_VERSION);
}

/* --- Rows ------------------------------------------------------------------------------------ */

/* The order of the primary key, the same in all three statements. */
static void bind_slot(struct sql *q, const struct vault_slot *slot)
{
    sql_bind_int(q, 1, slot->scope->number);
    sql_bind_text(q, 2, slot->owner_kind);
    sql_bind_int(q, 3, slot->owner);
    sql_bind_text(q, 4, slot->slot);
}

/* A sealed secret in its row, in place of the one before. */
static int store_sealed(struct store_txn *txn, const struct vault_slot *slot, struct str sealed,
                        struct error *err)
{
    struct sql *q =
        sql(txn,
            "INSERT INTO secret (scope, owner_kind, owner, slot, key_version, sealed) "
            "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (scope, owner_kind, owner, slot) "
            "DO UPDATE SET key_version = excluded.key_version, sealed = excluded.sealed",
            err);

    assert(slot->owner > 0 && slot->slot.len > 0);
    if (!q)
        return -1;
    bind_slot(q, slot);
    sql_bind_int(q, 5, KEY_VERSION);
    sql_bind_text(q, 6, sealed);
    return sql_run(q, err);
}

/* The data key is open only as long as the sealing takes. */
int vault_put(struct vault *vault, struct store_txn *txn, const struct vault_slot *slot,
              struct str secret, struct error *err)
{
    struct arena *arena = store_arena(txn);
    unsigned char key[KEY_BYTES];
    struct str sealed;

    assert(store_is_writer(txn));
    if (secret.len > SECRET_BYTES_MAX)
        return error_set(err, ERROR_TOO_LARGE, "", "A secret has at most %lu bytes.",
                         SECRET_BYTES_MAX);
    if (data_key(vault, arena, slot, key, err) < 0)
        return -1;
    int result = seal(arena, key, binding(arena, slot), secret, &sealed);
    sodium_memzero(key, sizeof(key));
    return result < 0 ? -1 : store_sealed(txn, slot, sealed, err);
}

/* Found in the reader's snapshot, opened in its arena. */
int vault_open_secret(struct vault *vault, struct store_txn *txn, const struct vault_slot *slot,
                      struct str *out, struct error *err)
{
    struct arena *arena = store_arena(txn);
    struct str sealed = {0};
    unsigned char key[KEY_BYTES];
    struct sql *q =
        sql(txn,
            "SELECT sealed FROM secret WHERE scope = ? AND owner_kind = ? AND owner = ? "
            "AND slot = ?",
            err);

    assert(slot->scope);
    if (!q)
        return -1;
    bind_slot(q, slot);
    bool found = sql_step(q) > 0;
    if (found)
        sealed = sql_text(q, 0);
    if (sql_end(q, err) < 0)
        return -1;
    if (!found)
        return error_set(err, ERROR_NOT_FOUND, "", "There is no secret '%.*s' here.",
                         STR_ARG(slot->slot));
    if (data_key(vault, arena, slot, key, err) < 0)
        return -1;
    int result = unseal(arena, key, binding(arena, slot), sealed, out);
    sodium_memzero(key, sizeof(key));
    return result == 0 ? 0
                       : error_set(err, ERROR_CORRUPT, "", "The secret '%.*s' does not open.",
                                   STR_ARG(slot->slot));
}

/* An empty slot means all of the owner's. */
int vault_forget(struct store_txn *txn, const struct vault_slot *slot, struct error *err)
{
    struct sql *q = sql(txn,
                        "DELETE FROM secret WHERE scope = ? AND owner_kind = ? AND owner = ? "
                        "AND (slot = ? OR ? = '')",
                        err);

    assert(slot->scope && slot->owner > 0);
    if (!q)
        return -1;
    bind_slot(q, slot);
    sql_bind_text(q, 5, slot->slot);
    return sql_run(q, err);
}

/* A key for each purpose first, so that one purpose's values tell nothing of another's. */
void vault_derive(struct vault *vault, struct str purpose, struct str text, unsigned char out[32])
{
    unsigned char key[crypto_auth_hmacsha256_BYTES];
    crypto_auth_hmacsha256_state state;

    assert(vault && vault->master && purpose.len > 0);
    crypto_auth_hmacsha256_init(&state, vault->master, KEY_BYTES);
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)purpose.ptr, purpose.len);
    crypto_auth_hmacsha256_final(&state, key);
    crypto_auth_hmacsha256_init(&state, key, sizeof(key));
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)text.ptr, text.len);
    crypto_auth_hmacsha256_final(&state, out);
    sodium_memzero(key, sizeof(key));
}
