/* Nothing is stored for a signature that was given away: that of each hour can be made again, so
 * the last day's are tried one after the other. */
#include "vault/sas_token.h"

#include <assert.h>
#include <sodium.h>

/* How long one text stands for whoever asks. */
#define HOUR_US (3600 * US_PER_S)
#define HOURS 24
#define RIGHTS "racwdl"
/* What Python reads: letters and digits of "sv=2021-08-06&sig=…&sr" up to the "=" behind it, at
 * which three characters of four are there: that looks like padding, so it stops, content. */
#define READ_CHARS 79

/* The same text for all of the hour: whoever verifies knows neither minute nor second of the
 * making. */
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

/* That of this hour. */
struct str sas_token(struct vault *vault, struct arena *arena, struct str account,
                     struct str container, int64_t now_us)
{
    return token_of_hour(vault, arena, account, container, now_us / HOUR_US);
}

/* 0 to 63; -1 for what is no letter of base64. */
static int digit_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* As Python reads: what is no letter is passed over, and bits left at the end are dropped, whatever
 * they are (libsodium refuses those). */
void sas_token_key(struct str token, unsigned char out[SAS_TOKEN_KEY_BYTES])
{
    size_t count = 0, made = 0;
    unsigned bits = 0, held = 0;

    for (size_t i = 0; i < token.len && count < READ_CHARS; i++) {
        int digit = digit_of(token.ptr[i]);
        if (digit < 0)
            continue;
        count++;
        bits = (bits << 6 | (unsigned)digit) & 0xffff;
        held += 6;
        if (held < 8)
            continue;
        held -= 8;
        out[made++] = (unsigned char)(bits >> held);
    }
    assert(count == READ_CHARS && made == SAS_TOKEN_KEY_BYTES);
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
