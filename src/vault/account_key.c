/* Nothing is stored for a key: it is derived again from the day, so two days of keys are all that
 * ever count, and no list of them can leak. */
#include "vault/account_key.h"

#include "vault/vault.h"

#include <assert.h>
#include <sodium.h>

/* Of UTC: which day it is must not depend on where the server stands. */
#define DAY_US (24 * 3600 * US_PER_S)
#define DAYS_HONOURED 2
#define KEY_BYTES 32

/* The day is part of the text: keys end by themselves, and the day before counts for clients around
 * midnight. */
static void derive(struct vault *vault, struct arena *arena, struct str account, int64_t day,
                   unsigned char out[KEY_BYTES])
{
    assert(account.len > 0);
    vault_derive(vault, arena_printf(arena, "account key %.*s", STR_ARG(account)),
                 arena_printf(arena, "%lld", (long long)day), out);
}

/* With padding, as clients decode it. */
static struct str base64(struct arena *arena, const unsigned char bytes[KEY_BYTES])
{
    char text[sodium_base64_ENCODED_LEN(KEY_BYTES, sodium_base64_VARIANT_ORIGINAL)];

    sodium_bin2base64(text, sizeof(text), bytes, KEY_BYTES, sodium_base64_VARIANT_ORIGINAL);
    return arena_str(arena, str_from(text));
}

/* A day's key counts on the next, too, so that nobody is cut off at midnight. */
struct str account_key(struct vault *vault, struct arena *arena, struct str account, int64_t now_us)
{
    unsigned char key[KEY_BYTES];

    assert(vault && now_us > 0);
    derive(vault, arena, account, now_us / DAY_US, key);
    struct str text = base64(arena, key);
    sodium_memzero(key, sizeof(key));
    return text;
}

/* In constant time: how long it takes tells nothing of how much of a guess was right. */
static bool signed_by(struct arena *arena, const unsigned char key[KEY_BYTES],
                      const struct account_signature *ask)
{
    unsigned char mac[crypto_auth_hmacsha256_BYTES];
    crypto_auth_hmacsha256_state state;

    crypto_auth_hmacsha256_init(&state, key, KEY_BYTES);
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)ask->text.ptr, ask->text.len);
    crypto_auth_hmacsha256_final(&state, mac);
    return str_eq_secret(base64(arena, mac), ask->signature);
}

/* Every day is tried, also after a hit. */
bool account_key_signed(struct vault *vault, struct arena *arena,
                        const struct account_signature *ask)
{
    bool fits = false;

    assert(vault && ask->now_us > 0);
    for (int64_t back = 0; back < DAYS_HONOURED; back++) {
        unsigned char key[KEY_BYTES];
        derive(vault, arena, ask->account, ask->now_us / DAY_US - back, key);
        fits |= signed_by(arena, key, ask);
        sodium_memzero(key, sizeof(key));
    }
    return fits;
}

/* --- Delegation ------------------------------------------------------------------------------ */

/* What the key depends on, in one order: who signs must give exactly what was told when it was
 * handed out. */
struct str account_delegation_text(struct arena *arena, const struct account_delegation *about)
{
    return arena_printf(arena, "%.*s\n%.*s\n%.*s\n%.*s\n%.*s\n%.*s", STR_ARG(about->object_id),
                        STR_ARG(about->tenant), STR_ARG(about->start), STR_ARG(about->end),
                        STR_ARG(about->service), STR_ARG(about->version));
}

/* Another purpose than daily keys, so that neither can stand for the other. */
static void derive_delegation(struct vault *vault, struct arena *arena, struct str account,
                              struct str text, unsigned char out[KEY_BYTES])
{
    assert(account.len > 0 && text.len > 0);
    vault_derive(vault, arena_printf(arena, "delegation key %.*s", STR_ARG(account)), text, out);
}

/* Derived anew each time: it holds as long as its text says, and nobody keeps it. */
struct str account_delegation_key(struct vault *vault, struct arena *arena, struct str account,
                                  struct str text)
{
    unsigned char key[KEY_BYTES];

    derive_delegation(vault, arena, account, text, key);
    struct str out = base64(arena, key);
    sodium_memzero(key, sizeof(key));
    return out;
}

/* In constant time: whoever guesses learns nothing from how long it takes. */
bool account_delegation_signed(struct vault *vault, struct arena *arena,
                               const struct account_signature *ask, struct str text)
{
    unsigned char key[KEY_BYTES];

    derive_delegation(vault, arena, ask->account, text, key);
    bool fits = signed_by(arena, key, ask);
    sodium_memzero(key, sizeof(key));
    return fits;
}
