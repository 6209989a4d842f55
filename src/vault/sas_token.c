#include "vault/sas_token.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

#define HOUR_US (3600 * US_PER_S)
#define HOURS 24
#define RIGHTS "racwdl"
/* What Python reads: letters and digits of "sv=2021-08-06&sig=…&sr" up to the "=" behind it, at
 * which three characters of four are there: that looks like padding, so it stops, content. */
#define READ_CHARS 79

static struct str token_of_hour(struct vault *vault, struct arena *arena, struct str account,
                                struct str container, int64_t hour)
{
    const struct sas sas = {.account = account,
                            .container = container,
                            .permissions = STR(RIGHTS),
                            .start_us = hour * HOUR_US,
                            .end_us = (hour + HOURS) * HOUR_US};

    assert(hour > 0);
    return sas_make(vault, arena, &sas);
}

struct str sas_token(struct vault *vault, struct arena *arena, struct str account,
                     struct str container, int64_t now_us)
{
    return token_of_hour(vault, arena, account, container, now_us / HOUR_US);
}

/* What is no letter of base64 is passed over, as Python does. */
void sas_token_key(struct str token, unsigned char out[SAS_TOKEN_KEY_BYTES])
{
    char read[READ_CHARS + 2];
    size_t count = 0, made = 0;

    for (size_t i = 0; i < token.len && count < READ_CHARS; i++) {
        char c = token.ptr[i];
        if ((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
            c == '+' || c == '/')
            read[count++] = c;
    }
    assert(count == READ_CHARS);
    read[count] = '=';
    int result = sodium_base642bin(out, SAS_TOKEN_KEY_BYTES, read, count + 1, NULL, &made, NULL,
                                   sodium_base64_VARIANT_ORIGINAL);
    assert(result == 0 && made == SAS_TOKEN_KEY_BYTES);
    (void)result;
    sodium_memzero(read, sizeof(read));
}

/* Every hour is tried, also after a hit: how long it takes tells nothing. */
bool sas_token_signed(struct vault *vault, struct arena *arena, struct str container,
                      const struct account_signature *ask)
{
    int64_t hour = ask->now_us / HOUR_US;
    bool fits = false;

    assert(vault && ask->now_us > 0);
    if (container.len == 0)
        return false;
    for (int64_t back = 0; back < HOURS; back++) {
        unsigned char key[SAS_TOKEN_KEY_BYTES], mac[crypto_auth_hmacsha256_BYTES];
        char text[sodium_base64_ENCODED_LEN(sizeof(mac), sodium_base64_VARIANT_ORIGINAL)];
        crypto_auth_hmacsha256_state state;
        sas_token_key(token_of_hour(vault, arena, ask->account, container, hour - back), key);
        crypto_auth_hmacsha256_init(&state, key, sizeof(key));
        crypto_auth_hmacsha256_update(&state, (const unsigned char *)ask->text.ptr, ask->text.len);
        crypto_auth_hmacsha256_final(&state, mac);
        sodium_bin2base64(text, sizeof(text), mac, sizeof(mac), sodium_base64_VARIANT_ORIGINAL);
        fits |= str_eq_secret(str_from(text), ask->signature);
        sodium_memzero(key, sizeof(key));
    }
    return fits;
}
