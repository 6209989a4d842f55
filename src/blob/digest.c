/* What clients send along to have their bytes checked: MD5, which the content store computes as it
 * writes, and CRC-64, which is computed only for those who send one. */
#include "blob/internal.h"

#include <assert.h>
#include <endian.h>
#include <openssl/evp.h>
#include <sodium.h>
#include <string.h>

/* CRC-64 with the reflected polynomial of x-ms-content-crc64. */
#define POLYNOMIAL 0x9a6c9329ac4bc9b5ULL
#define SLICES 8

/* slice[i][b]: what byte b becomes when i zero bytes follow it, so that eight bytes are taken in
 * one step. */
struct blob_crc {
    uint64_t slice[SLICES][256];
};

/* What eight shifts make of one byte. */
static uint64_t of_byte(uint64_t crc)
{
    for (int bit = 0; bit < 8; bit++)
        crc = crc & 1 ? (crc >> 1) ^ POLYNOMIAL : crc >> 1;
    return crc;
}

/* 16 KiB and some microseconds for each request that asks for a CRC: no global to make once. */
struct blob_crc *blob_crc_new(struct arena *arena)
{
    struct blob_crc *crc = arena_make(arena, struct blob_crc);

    for (size_t i = 0; i < 256; i++)
        crc->slice[0][i] = of_byte(i);
    for (size_t slice = 1; slice < SLICES; slice++)
        for (size_t i = 0; i < 256; i++) {
            uint64_t before = crc->slice[slice - 1][i];
            crc->slice[slice][i] = crc->slice[0][before & 0xff] ^ (before >> 8);
        }
    return crc;
}

uint64_t blob_crc64(const struct blob_crc *tables, uint64_t crc, struct str bytes)
{
    const uint64_t(*slice)[256] = tables->slice;
    const unsigned char *at = (const unsigned char *)bytes.ptr;
    size_t left = bytes.len;

    assert(at || left == 0);
    crc = ~crc;
    for (; left >= SLICES; left -= SLICES, at += SLICES) {
        uint64_t word;
        memcpy(&word, at, sizeof(word));
        crc ^= le64toh(word);
        crc = slice[7][crc & 0xff] ^ slice[6][(crc >> 8) & 0xff] ^ slice[5][(crc >> 16) & 0xff] ^
              slice[4][(crc >> 24) & 0xff] ^ slice[3][(crc >> 32) & 0xff] ^
              slice[2][(crc >> 40) & 0xff] ^ slice[1][(crc >> 48) & 0xff] ^ slice[0][crc >> 56];
    }
    for (; left > 0; left--, at++)
        crc = slice[0][(crc ^ *at) & 0xff] ^ (crc >> 8);
    return ~crc;
}

/* Headers carry digests in base64 with padding. */
static struct str base64(struct arena *arena, const unsigned char *bytes, size_t len)
{
    size_t size = sodium_base64_encoded_len(len, sodium_base64_VARIANT_ORIGINAL);
    char *text = arena_alloc(arena, size);

    assert(len > 0);
    sodium_bin2base64(text, size, bytes, len, sodium_base64_VARIANT_ORIGINAL);
    return str_from(text);
}

struct str blob_crc64_text(struct arena *arena, uint64_t crc)
{
    unsigned char bytes[8];

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (unsigned char)(crc >> (8 * i));
    return base64(arena, bytes, sizeof(bytes));
}

/* From hex, as the content store keeps it; anything else gives nothing. */
struct str blob_md5_text(struct arena *arena, struct str hex)
{
    unsigned char bytes[16];
    size_t len = 0;

    assert(arena);
    if (sodium_hex2bin(bytes, sizeof(bytes), hex.ptr ? hex.ptr : "", hex.len, NULL, &len, NULL) !=
            0 ||
        len != sizeof(bytes))
        return (struct str){0};
    return base64(arena, bytes, sizeof(bytes));
}

struct str blob_md5_of(struct arena *arena, struct str bytes)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    int done = EVP_Digest(bytes.ptr, bytes.len, digest, &size, EVP_md5(), NULL);

    assert(done == 1 && size == 16);
    return base64(arena, digest, size);
}
