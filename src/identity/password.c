/* The dear hash has a gate before it: without one, sixteen workers would hash sixteen passwords of
 * a stranger in a gigabyte of memory. */
#include "identity/password.h"

#include "os/clock.h"
#include "os/random.h"

#include <assert.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define GATE_WIDTH 2
#define GATE_QUEUE 6
#define REMEMBER_US (300 * US_PER_S)
#define REMEMBER_SLOTS 128
#define MARK_BYTES 32

/* What was right: the keyed hash of name and secret. */
struct password_seen {
    unsigned char mark[MARK_BYTES];
    int64_t number;
    int64_t until_us;
    uint64_t generation;
};

struct passwords {
    pthread_mutex_t lock;
    pthread_cond_t freed;
    unsigned inside, waiting;
    unsigned char key[MARK_BYTES];
    struct password_seen seen[REMEMBER_SLOTS];
};

/* The key is of this boot: what is in memory proves nothing elsewhere. */
struct passwords *passwords_new(void)
{
    struct passwords *passwords = calloc(1, sizeof(*passwords));

    if (!passwords || sodium_init() < 0)
        abort();
    pthread_mutex_init(&passwords->lock, NULL);
    pthread_cond_init(&passwords->freed, NULL);
    random_bytes(passwords->key, sizeof(passwords->key));
    return passwords;
}

/* The key is wiped. */
void passwords_free(struct passwords **passwords)
{
    assert(passwords);
    if (!*passwords)
        return;
    sodium_memzero(*passwords, offsetof(struct passwords, seen));
    pthread_cond_destroy(&(*passwords)->freed);
    pthread_mutex_destroy(&(*passwords)->lock);
    free(*passwords);
    *passwords = NULL;
}

/* A short queue: workers that wait here answer nobody else. */
static int gate_enter(struct passwords *passwords, struct error *err)
{
    int result = 0;

    pthread_mutex_lock(&passwords->lock);
    if (passwords->inside == GATE_WIDTH && passwords->waiting == GATE_QUEUE) {
        result = error_set(err, ERROR_UNAVAILABLE, "",
                           "Too many passwords are being checked; try again in a second.");
    } else {
        passwords->waiting++;
        while (passwords->inside == GATE_WIDTH)
            pthread_cond_wait(&passwords->freed, &passwords->lock);
        passwords->waiting--;
        passwords->inside++;
    }
    pthread_mutex_unlock(&passwords->lock);
    return result;
}

/* Lets one of those who wait in. */
static void gate_leave(struct passwords *passwords)
{
    pthread_mutex_lock(&passwords->lock);
    assert(passwords->inside > 0);
    passwords->inside--;
    pthread_cond_signal(&passwords->freed);
    pthread_mutex_unlock(&passwords->lock);
}

/* The cost is libsodium's for people who wait for an answer: 64 MiB. */
int password_hash(struct passwords *passwords, struct arena *arena, struct str password,
                  struct str *out, struct error *err)
{
    char hash[crypto_pwhash_STRBYTES];

    assert(out);
    if (password.len < PASSWORD_LEN_MIN || password.len > PASSWORD_LEN_MAX)
        return error_set(err, ERROR_INVALID, "password", "A password has %d to %d bytes.",
                         PASSWORD_LEN_MIN, PASSWORD_LEN_MAX);
    if (gate_enter(passwords, err) < 0)
        return -1;
    int made =
        crypto_pwhash_str_alg(hash, password.ptr, password.len, crypto_pwhash_OPSLIMIT_INTERACTIVE,
                              crypto_pwhash_MEMLIMIT_INTERACTIVE, crypto_pwhash_ALG_ARGON2ID13);
    gate_leave(passwords);
    if (made < 0)
        return error_set(err, ERROR_UNAVAILABLE, "", "There is no memory to hash a password.");
    *out = arena_str(arena, str_from(hash));
    return 0;
}

/* The hash of a text that nobody knows, for names that do not exist: the time is the same. */
static const char NOBODY[] = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$"
                             "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/* An empty hash takes the same way as any other. */
int password_check(struct passwords *passwords, struct str hash, struct str password,
                   bool *out_right, struct error *err)
{
    char text[crypto_pwhash_STRBYTES] = "";

    assert(out_right && hash.len < sizeof(text));
    if (password.len > PASSWORD_LEN_MAX) {
        *out_right = false;
        return 0;
    }
    if (hash.len > 0)
        memcpy(text, hash.ptr, hash.len);
    else
        memcpy(text, NOBODY, sizeof(NOBODY));
    if (gate_enter(passwords, err) < 0)
        return -1;
    *out_right = crypto_pwhash_str_verify(text, password.ptr, password.len) == 0 && hash.len > 0;
    gate_leave(passwords);
    return 0;
}

/* 135 bits, to be typed once. */
struct str password_random(struct arena *arena)
{
    static const char LETTERS[] = "abcdefghijkmnpqrstuvwxyzACDEFGHJKLMNPQRTUVWXY34679";
    char *text = arena_new_array(arena, char, 25);

    for (size_t i = 0; i < 24; i++)
        text[i] = LETTERS[random_below(sizeof(LETTERS) - 1)];
    return (struct str){text, 24};
}

/* --- What was right lately -----------------------------------------------------------------------
 */

/* The lengths go in too, so that no two pairs of texts make one. */
static void mark_of(const struct passwords *passwords, struct str name, struct str secret,
                    unsigned char out[MARK_BYTES])
{
    crypto_generichash_state state;
    uint64_t lengths[2] = {name.len, secret.len};

    crypto_generichash_init(&state, passwords->key, sizeof(passwords->key), MARK_BYTES);
    crypto_generichash_update(&state, (const unsigned char *)lengths, sizeof(lengths));
    crypto_generichash_update(&state, (const unsigned char *)name.ptr, name.len);
    crypto_generichash_update(&state, (const unsigned char *)secret.ptr, secret.len);
    crypto_generichash_final(&state, out, MARK_BYTES);
}

/* The mark is a keyed hash, so its first bytes are as good a place as any. */
static struct password_seen *seen_slot(struct passwords *passwords,
                                       const unsigned char mark[MARK_BYTES])
{
    return &passwords->seen[(mark[0] | (size_t)mark[1] << 8) % REMEMBER_SLOTS];
}

/* Compared in constant time, though a keyed hash would not need it. */
int64_t password_remembered(struct passwords *passwords, struct str name, struct str secret,
                            uint64_t generation)
{
    unsigned char mark[MARK_BYTES];
    int64_t number = 0;

    assert(passwords);
    mark_of(passwords, name, secret, mark);
    pthread_mutex_lock(&passwords->lock);
    const struct password_seen *slot = seen_slot(passwords, mark);
    if (slot->until_us > clock_mono_us() && slot->generation == generation &&
        sodium_memcmp(slot->mark, mark, MARK_BYTES) == 0)
        number = slot->number;
    pthread_mutex_unlock(&passwords->lock);
    return number;
}

/* The generation is the one from before the credential was read. */
void password_remember(struct passwords *passwords, struct str name, struct str secret,
                       int64_t number, uint64_t generation)
{
    struct password_seen seen = {
        .number = number, .until_us = clock_mono_us() + REMEMBER_US, .generation = generation};

    assert(number > 0);
    mark_of(passwords, name, secret, seen.mark);
    pthread_mutex_lock(&passwords->lock);
    *seen_slot(passwords, seen.mark) = seen;
    pthread_mutex_unlock(&passwords->lock);
}
