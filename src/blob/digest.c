/* What clients send along to have their bytes checked: MD5, which the content store computes as it
 * writes, and CRC-64, which is computed only for those who send one. */
#include "blob/internal.h"

#include <assert.h>
#include <sodium.h>

/* CRC-64 with the reflected polynomial of x-ms-content-crc64. */
#define POLYNOMIAL 0x9a6c9329ac4bc9b5ULL

/* What eight shifts make of one byte. */
static uint64_t of_byte(uint64_t crc)
{
    for (int bit = 0; bit < 8; bit++)
        crc = crc & 1 ? (crc >> 1) ^ POLYNOMIAL : crc >> 1;
    return crc;
}

uint64_t blob_crc64(uint64_t crc, struct str bytes)
{
    uint64_t table[256];

    assert(bytes.ptr || bytes.len == 0);
    /* Made for each piece of a body: nothing beside 64 KiB, and no global to make once. */
    for (size_t i = 0; i < 256; i++)
        table[i] = of_byte(i);
    crc = ~crc;
    for (size_t i = 0; i < bytes.len; i++)
        crc = table[(crc ^ (unsigned char)bytes.ptr[i]) & 0xff] ^ (crc >> 8);
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
