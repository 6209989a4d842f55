/* base64url.c - RFC 4648, 5: the letters of tokens and keys, without padding */
#include "identity/base64url.h"

#include <assert.h>

static const char LETTERS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* Six bits a letter; what is left over is filled with zeros. */
struct str base64url_encode(struct arena *arena, struct str bytes)
{
    char *text = arena_new_array(arena, char, bytes.len * 4 / 3 + 4);
    size_t len = 0;
    uint32_t held = 0;
    unsigned bits = 0;

    assert(bytes.ptr || !bytes.len);
    for (size_t i = 0; i < bytes.len; i++) {
        held = held << 8 | (unsigned char)bytes.ptr[i];
        for (bits += 8; bits >= 6; bits -= 6)
            text[len++] = LETTERS[held >> (bits - 6) & 63];
    }
    if (bits > 0)
        text[len++] = LETTERS[held << (6 - bits) & 63];
    assert(len <= bytes.len * 4 / 3 + 2);
    return (struct str){text, len};
}

/* -1 for what is no letter, `=` among it. */
static int letter_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

/* Bits that encode nothing must be zero, so that a token has one spelling only. */
bool base64url_decode(struct str text, unsigned char *out, size_t *out_len)
{
    uint32_t held = 0;
    unsigned bits = 0;
    size_t len = 0;

    assert(out && out_len);
    /* One letter more than full groups is six bits, less than any byte. */
    if (text.len % 4 == 1)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        int value = letter_value(text.ptr[i]);
        if (value < 0)
            return false;
        held = held << 6 | (uint32_t)value;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            out[len++] = (unsigned char)(held >> bits);
        }
    }
    if (bits > 0 && (held & ((1u << bits) - 1)))
        return false;
    *out_len = len;
    return true;
}
