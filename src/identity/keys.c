/* Two keys: the active one signs, both verify, so that the next can become the active one without
 * any token breaking. A key is an immutable struct behind an atomic pointer: readers take no lock.
 * Verifying is the costly half of every request that brings a token, so tokens that verified are
 * remembered. */
#include "identity/keys.h"

#include "identity/base64url.h"

#include "os/file.h"

#include <assert.h>
#include <fcntl.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEY_BITS 2048
#define KEY_FILE_BYTES (16 * KIB)
#define SIGNATURE_BYTES 512

/* One key; complete before it is published, then never changed. */
struct key {
    EVP_PKEY *pair;
    char id[33]; /* the first half of the SHA-256 of the modulus, hex */
};

enum { KEY_ACTIVE, KEY_NEXT, KEY_COUNT };
static const char *const FILES[KEY_COUNT] = {"keys/token-signing.pem", "keys/token-next.pem"};

/* What verified before is remembered by its hash, since a client sends its token with each request.
 */
#define SEEN_COUNT 256

struct keys {
    struct key *_Atomic key[KEY_COUNT];
    pthread_mutex_t lock; /* seen */
    unsigned char seen[SEEN_COUNT][SHA256_DIGEST_LENGTH];
};

/* --- One key -------------------------------------------------------------------------------------
 */

/* OpenSSL wipes the private half. */
static void key_free(struct key *key)
{
    if (!key)
        return;
    EVP_PKEY_free(key->pair);
    free(key);
}

/* For CLEANUP, as the next two. */
static void bio_free(BIO **bio)
{
    BIO_free(*bio);
}

/* A BIGNUM; NULL is fine. */
static void big_free(BIGNUM **number)
{
    BN_free(*number);
}

/* A digest; NULL is fine. */
static void digest_free(EVP_MD_CTX **digest)
{
    EVP_MD_CTX_free(*digest);
}

/* A public number of the pair as big-endian bytes; empty on failure. */
static struct str key_number(struct arena *arena, const EVP_PKEY *pair, const char *name)
{
    CLEANUP(big_free) BIGNUM *number = NULL;

    assert(pair && name);
    if (EVP_PKEY_get_bn_param(pair, name, &number) != 1)
        return STR("");
    size_t len = (size_t)BN_num_bytes(number);
    unsigned char *bytes = arena_alloc(arena, len + 1);
    BN_bn2bin(number, bytes);
    return (struct str){(const char *)bytes, len};
}

/* Wraps a pair; takes it over also on failure. */
static struct key *key_wrap(EVP_PKEY *pair, struct error *err)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(64 * KIB);
    unsigned char hash[SHA256_DIGEST_LENGTH];
    struct key *key = calloc(1, sizeof(*key));

    assert(pair);
    if (!key)
        abort();
    key->pair = pair;
    struct str modulus = key_number(arena, pair, OSSL_PKEY_PARAM_RSA_N);
    if (!EVP_PKEY_is_a(pair, "RSA") || EVP_PKEY_get_bits(pair) < KEY_BITS || modulus.len == 0) {
        key_free(key);
        error_set(err, ERROR_CORRUPT, "", "A token key is no RSA key of %d bits or more.",
                  KEY_BITS);
        return NULL;
    }
    SHA256((const unsigned char *)modulus.ptr, modulus.len, hash);
    for (size_t i = 0; i < 16; i++)
        snprintf(key->id + 2 * i, 3, "%02x", hash[i]);
    return key;
}

/* A key file that others can read is no secret any more, so it is refused, not used. */
static int check_mode(int dir, const char *path, struct error *err)
{
    struct stat status;
    CLEANUP(fd_close) int fd = file_open_nolinks(dir, path, O_RDONLY, 0, err);

    assert(dir >= 0);
    if (fd < 0)
        return -1;
    if (fstat(fd, &status) < 0)
        return error_set(err, ERROR_IO, "", "The file '%s' cannot be examined.", path);
    if ((status.st_mode & 077) || status.st_uid != geteuid())
        return error_set(err, ERROR_FORBIDDEN, "",
                         "The key file '%s' must belong to the server's user and have mode 0600.",
                         path);
    return 0;
}

/* 1 read, 0 not there, -1 failed. */
static int key_read(int dir, const char *path, struct key **out, struct error *err)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct str text;

    assert(dir >= 0 && out);
    if (!file_exists(dir, path))
        return 0;
    if (check_mode(dir, path, err) < 0 ||
        file_read(arena, dir, path, KEY_FILE_BYTES, &text, err) < 0)
        return -1;
    CLEANUP(bio_free) BIO *bio = BIO_new_mem_buf(text.ptr, (int)text.len);
    EVP_PKEY *pair = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, "") : NULL;
    if (!pair)
        return error_set(err, ERROR_CORRUPT, "", "The key file '%s' cannot be read.", path);
    *out = key_wrap(pair, err);
    return *out ? 1 : -1;
}

/* Unencrypted on purpose: the file is 0600 in a folder that only the server's user opens, and
 * the server starts without anybody there to type. The copy in memory is wiped. */
static int key_write(int dir, const char *path, const struct key *key, struct error *err)
{
    CLEANUP(bio_free) BIO *bio = BIO_new(BIO_s_mem());
    char *bytes = NULL;

    assert(key);
    if (!bio || PEM_write_bio_PrivateKey(bio, key->pair, NULL, NULL, 0, NULL, NULL) != 1)
        return error_set(err, ERROR_INTERNAL, "", "A token key cannot be written.");
    long len = BIO_get_mem_data(bio, &bytes);
    int result = file_write_atomic(dir, path, (struct str){bytes, (size_t)len}, 0600, err);
    OPENSSL_cleanse(bytes, (size_t)len);
    return result;
}

/* --- The set -------------------------------------------------------------------------------------
 */

/* What is not there yet is made later, off the start's path: looking for primes takes its time. */
struct keys *keys_load(int dir, bool *out_complete, struct error *err)
{
    struct keys *keys = calloc(1, sizeof(*keys));
    bool complete = true;

    assert(out_complete);
    if (!keys)
        abort();
    pthread_mutex_init(&keys->lock, NULL);
    for (size_t i = 0; i < KEY_COUNT; i++) {
        struct key *key = NULL;
        int read = key_read(dir, FILES[i], &key, err);
        if (read < 0) {
            keys_free(&keys);
            return NULL;
        }
        complete &= read > 0;
        atomic_store(&keys->key[i], key);
    }
    *out_complete = complete;
    return keys;
}

/* A key is on disk before it is in use: what it signs must verify after a crash too. */
int keys_make(struct keys *keys, int dir, struct error *err)
{
    CLEANUP(fd_close) int folder = dir_open_at(dir, "keys", 0700, err);

    assert(keys);
    if (folder < 0)
        return -1;
    for (size_t i = 0; i < KEY_COUNT; i++) {
        if (atomic_load(&keys->key[i]))
            continue;
        EVP_PKEY *pair = EVP_RSA_gen(KEY_BITS);
        if (!pair)
            return error_set(err, ERROR_INTERNAL, "", "A token key cannot be made.");
        struct key *key = key_wrap(pair, err);
        if (!key)
            return -1;
        if (key_write(dir, FILES[i], key, err) < 0) {
            key_free(key);
            return -1;
        }
        atomic_store(&keys->key[i], key);
    }
    return 0;
}

/* With the identity; nobody verifies any more. */
void keys_free(struct keys **keys)
{
    assert(keys);
    if (!*keys)
        return;
    for (size_t i = 0; i < KEY_COUNT; i++)
        key_free(atomic_load(&(*keys)->key[i]));
    pthread_mutex_destroy(&(*keys)->lock);
    free(*keys);
    *keys = NULL;
}

/* The first key alone signs; the other is published before it does, so that clients know it. */
bool keys_ready(struct keys *keys)
{
    assert(keys);
    return atomic_load(&keys->key[KEY_ACTIVE]) != NULL;
}

/* "" until there is one. */
struct str keys_active_id(struct keys *keys)
{
    assert(keys);
    const struct key *key = atomic_load(&keys->key[KEY_ACTIVE]);
    return key ? str_from(key->id) : STR("");
}

/* The key is read once: another thread may put a new one in place meanwhile. */
int keys_sign(struct keys *keys, struct arena *arena, struct str text, struct str *out,
              struct error *err)
{
    const struct key *key = atomic_load(&keys->key[KEY_ACTIVE]);
    CLEANUP(digest_free) EVP_MD_CTX *digest = EVP_MD_CTX_new();
    unsigned char signature[SIGNATURE_BYTES];
    size_t len = sizeof(signature);

    assert(arena && out);
    if (!key)
        return error_set(err, ERROR_UNAVAILABLE, "", "The signing keys are being made; try again.");
    if (!digest || EVP_DigestSignInit(digest, NULL, EVP_sha256(), NULL, key->pair) != 1 ||
        EVP_DigestSign(digest, signature, &len, (const unsigned char *)text.ptr, text.len) != 1)
        return error_set(err, ERROR_INTERNAL, "", "A token cannot be signed.");
    *out = base64url_encode(arena, (struct str){(const char *)signature, len});
    return 0;
}

/* The real check, some 30 us. */
static bool verify_with(const struct key *key, struct str text, struct str signature)
{
    unsigned char bytes[SIGNATURE_BYTES + 3];
    size_t len = 0;
    CLEANUP(digest_free) EVP_MD_CTX *digest = EVP_MD_CTX_new();

    assert(digest && signature.len <= SIGNATURE_BYTES * 4 / 3);
    return base64url_decode(signature, bytes, &len) &&
           EVP_DigestVerifyInit(digest, NULL, EVP_sha256(), NULL, key->pair) == 1 &&
           EVP_DigestVerify(digest, bytes, len, (const unsigned char *)text.ptr, text.len) == 1;
}

/* Both parts go in, so that a known text with another signature is not known. */
static void hash_token(struct str text, struct str signature,
                       unsigned char out[SHA256_DIGEST_LENGTH])
{
    CLEANUP(digest_free) EVP_MD_CTX *digest = EVP_MD_CTX_new();
    bool made = digest && EVP_DigestInit_ex(digest, EVP_sha256(), NULL) == 1 &&
                EVP_DigestUpdate(digest, text.ptr, text.len) == 1 &&
                EVP_DigestUpdate(digest, ".", 1) == 1 &&
                EVP_DigestUpdate(digest, signature.ptr, signature.len) == 1 &&
                EVP_DigestFinal_ex(digest, out, NULL) == 1;

    assert(out);
    if (!made)
        abort();
}

/* Whether this hash was noted before; with `note` it is now. */
static bool hash_seen(struct keys *keys, const unsigned char *hash, bool note)
{
    unsigned char *slot = keys->seen[hash[0]];

    static_assert(SEEN_COUNT == 256, "one byte picks the slot");
    pthread_mutex_lock(&keys->lock);
    bool seen = memcmp(slot, hash, SHA256_DIGEST_LENGTH) == 0;
    if (note)
        memcpy(slot, hash, SHA256_DIGEST_LENGTH);
    pthread_mutex_unlock(&keys->lock);
    return seen;
}

/* Only a signature that verified is remembered, and by a hash of all of it, so remembering opens
 * nothing. */
bool keys_verify(struct keys *keys, struct str id, struct str text, struct str signature)
{
    unsigned char hash[SHA256_DIGEST_LENGTH];

    assert(keys);
    if (signature.len == 0 || signature.len > SIGNATURE_BYTES * 4 / 3)
        return false;
    for (size_t i = 0; i < KEY_COUNT; i++) {
        const struct key *key = atomic_load(&keys->key[i]);
        if (!key || !str_eq(str_from(key->id), id))
            continue;
        hash_token(text, signature, hash);
        if (hash_seen(keys, hash, false))
            return true;
        if (!verify_with(key, text, signature))
            return false;
        hash_seen(keys, hash, true);
        return true;
    }
    return false;
}

/* Only modulus and exponent are asked of a key here; there is no way for more to get out. */
struct json *keys_jwks(struct keys *keys, struct arena *arena)
{
    struct json *list = json_array(arena), *document = json_object(arena);

    assert(arena);
    for (size_t i = 0; i < KEY_COUNT; i++) {
        const struct key *key = atomic_load(&keys->key[i]);
        if (!key)
            continue;
        struct str n = key_number(arena, key->pair, OSSL_PKEY_PARAM_RSA_N);
        struct str e = key_number(arena, key->pair, OSSL_PKEY_PARAM_RSA_E);
        struct json *entry = json_object(arena);
        json_set_str(arena, entry, "kty", STR("RSA"));
        json_set_str(arena, entry, "use", STR("sig"));
        json_set_str(arena, entry, "alg", STR("RS256"));
        json_set_str(arena, entry, "kid", str_from(key->id));
        json_set_str(arena, entry, "n", base64url_encode(arena, n));
        json_set_str(arena, entry, "e", base64url_encode(arena, e));
        json_append(arena, list, entry);
    }
    json_set(arena, document, STR("keys"), list);
    return document;
}
