/* MD5 beside the writing: the same digest as in one piece, whatever the pieces. */
#include "content/content_private.h"

#include "base/test.h"
#include "os/file.h"

#include <openssl/evp.h>
#include <stdlib.h>

#define LONG_BYTES (40 * MIB) /* past where the thread begins, and within one chunk */

static char *pattern(size_t size)
{
    char *bytes = malloc(size);

    CHECK(bytes);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (char)((i * 2654435761u) >> 11);
    return bytes;
}

/* The digest as OpenSSL gives it in one call. */
static void md5_of(struct str bytes, char out[33])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;

    CHECK(EVP_Digest(bytes.ptr, bytes.len, digest, &size, EVP_md5(), NULL));
    content_hex(digest, size, out);
}

TEST(a_lane_gives_the_digest_of_all_its_pieces)
{
    static const size_t SIZES[] = {0, 1, MIB - 1, MIB, MIB + 1, 5 * MIB + 77};
    static const size_t PIECES[] = {64 * KIB, 64 * KIB + 1, MIB, 3 * MIB};
    char *bytes = pattern(6 * MIB), want[33], have[33];
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size;

    for (size_t i = 0; i < COUNT(SIZES) * COUNT(PIECES); i++) {
        struct str rest = {bytes, SIZES[i / COUNT(PIECES)]};
        md5_of(rest, want);
        EVP_MD_CTX *md5 = EVP_MD_CTX_new();
        CHECK(md5 && EVP_DigestInit_ex(md5, EVP_md5(), NULL));
        struct lane *lane = lane_new(md5);
        CHECK(lane);
        while (rest.len > 0) {
            struct str piece = str_slice(rest, 0, PIECES[i % COUNT(PIECES)]);
            lane_add(lane, piece);
            rest = str_slice(rest, piece.len, rest.len);
        }
        CHECK(lane_end(&lane));
        CHECK(!lane && lane_end(&lane)); /* twice is no harm */
        CHECK(EVP_DigestFinal_ex(md5, digest, &size));
        content_hex(digest, size, have);
        CHECK_STR(want, str_from(have));
        EVP_MD_CTX_free(md5);
    }
    free(bytes);
}

/* What is hashed here at first and beside us later is one digest; a writer that is dropped midway
 * leaves neither thread nor memory, which the sanitizers see. */
TEST(a_large_upload_has_the_digest_of_its_bytes)
{
    CLEANUP(store_close) struct store *store = NULL;
    CLEANUP(content_close) struct content *content = NULL;
    CLEANUP(fd_close) int dir = -1;
    struct error err = {0};
    char *bytes = pattern(LONG_BYTES), want[33];

    dir = dir_open(test_folder(), &err);
    CHECK_OK(store_open("memory:", NULL, &store, &err), &err);
    content = content_open(dir, store, &err);
    CHECK(content);
    md5_of((struct str){bytes, LONG_BYTES}, want);
    for (int finished = 0; finished < 2; finished++) {
        struct str rest = {bytes, LONG_BYTES};
        struct content_object object;
        CLEANUP(content_writer_free)
        struct content_writer *writer = content_writer_new(content, &err);
        CHECK(writer);
        while (rest.len > 0) {
            struct str piece = str_slice(rest, 0, 100 * KIB + 3);
            CHECK_OK(content_write(writer, piece, &err), &err);
            rest = str_slice(rest, piece.len, rest.len);
        }
        if (!finished)
            continue;
        CHECK_OK(content_finish(writer, &object, &err), &err);
        CHECK_STR(want, str_from(object.md5));
        CHECK_INT(LONG_BYTES, object.size);
    }
    free(bytes);
}
