#include "base/test.h"
#include "identity/keys.h"

#include "identity/base64url.h"
#include "os/file.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A folder of this test with keys in it. */
static struct keys *fresh(const char *name, int *out_dir)
{
    struct error err = {0};
    bool complete = true;
    CLEANUP(fd_close) int root = dir_open(test_folder(), &err);

    CHECK(root >= 0);
    *out_dir = dir_open_at(root, name, 0700, &err);
    struct keys *keys = keys_load(*out_dir, &complete, &err);
    CHECK(keys != NULL);
    CHECK(!complete && !keys_ready(keys));
    CHECK_OK(keys_make(keys, *out_dir, &err), &err);
    return keys;
}

TEST(base64url_goes_both_ways_without_padding)
{
    static const char *const PAIRS[][2] = {
        {"", ""}, {"f", "Zg"}, {"fo", "Zm8"}, {"foo", "Zm9v"}, {"\xff\xfe\xfd", "__79"}};
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);

    for (size_t i = 0; i < COUNT(PAIRS); i++) {
        unsigned char bytes[16];
        size_t len = 99;
        CHECK_STR(PAIRS[i][1], base64url_encode(arena, str_from(PAIRS[i][0])));
        CHECK(base64url_decode(str_from(PAIRS[i][1]), bytes, &len));
        CHECK_STR(PAIRS[i][0], ((struct str){(const char *)bytes, len}));
    }
}

TEST(base64url_has_one_spelling)
{
    static const char *const BAD[] = {"Z", "Zh", "Zm9", "Zg==", "Zm+v", "Zm/v", "Zm 9", "Zm9v\n"};
    unsigned char bytes[16];
    size_t len;

    for (size_t i = 0; i < COUNT(BAD); i++)
        CHECK(!base64url_decode(str_from(BAD[i]), bytes, &len));
}

TEST(a_signature_verifies_for_its_text_and_key_only)
{
    int dir = -1;
    struct error err = {0};
    struct str signature;
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    CLEANUP(keys_free) struct keys *keys = fresh("verify", &dir);
    struct str id = keys_active_id(keys);

    CHECK_INT(32, id.len);
    CHECK_OK(keys_sign(keys, arena, STR("a.b"), &signature, &err), &err);
    for (int twice = 0; twice < 2; twice++)
        CHECK(keys_verify(keys, id, STR("a.b"), signature));
    CHECK(!keys_verify(keys, id, STR("a.c"), signature));
    CHECK(!keys_verify(keys, STR("00112233445566778899aabbccddeeff"), STR("a.b"), signature));
    CHECK(!keys_verify(keys, STR(""), STR("a.b"), signature));
    CHECK(!keys_verify(keys, id, STR("a.b"), STR("")));
    CHECK(!keys_verify(keys, id, STR("a.b"), str_slice(signature, 0, signature.len - 2)));
    fd_close(&dir);
}

TEST(keys_are_read_back_and_files_are_ours_alone)
{
    int dir = -1;
    bool complete = false;
    struct error err = {0};
    struct stat status;
    struct str signature;
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    CLEANUP(keys_free) struct keys *made = fresh("again", &dir);

    CHECK_INT(0, fstatat(dir, "keys/token-signing.pem", &status, 0));
    CHECK_INT(0600, status.st_mode & 0777);
    CHECK_INT(0, fstatat(dir, "keys", &status, 0));
    CHECK_INT(0700, status.st_mode & 0777);
    CHECK_OK(keys_sign(made, arena, STR("text"), &signature, &err), &err);
    CLEANUP(keys_free) struct keys *read = keys_load(dir, &complete, &err);
    CHECK(read && complete && keys_ready(read));
    CHECK(keys_verify(read, keys_active_id(made), STR("text"), signature));
    fd_close(&dir);
}

TEST(a_key_file_that_others_can_read_is_refused)
{
    int dir = -1;
    bool complete;
    struct error err = {0};
    CLEANUP(keys_free) struct keys *made = fresh("open", &dir);

    CHECK_INT(0, fchmodat(dir, "keys/token-next.pem", 0644, 0));
    CHECK(keys_load(dir, &complete, &err) == NULL);
    CHECK_INT(ERROR_FORBIDDEN, err.code);
    CHECK(strstr(err.message, "token-next.pem") != NULL);
    fd_close(&dir);
}

TEST(a_key_file_that_is_no_key_is_named)
{
    int dir = -1;
    bool complete;
    struct error err = {0};
    CLEANUP(keys_free) struct keys *made = fresh("broken", &dir);

    CHECK_OK(file_write_atomic(dir, "keys/token-signing.pem", STR("no key"), 0600, &err), &err);
    CHECK(keys_load(dir, &complete, &err) == NULL);
    CHECK_INT(ERROR_CORRUPT, err.code);
    fd_close(&dir);
}

TEST(nothing_is_signed_before_there_is_a_key)
{
    bool complete;
    struct error err = {0};
    struct str signature;
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    CLEANUP(fd_close) int root = dir_open(test_folder(), &err);
    CLEANUP(fd_close) int dir = dir_open_at(root, "none", 0700, &err);
    CLEANUP(keys_free) struct keys *keys = keys_load(dir, &complete, &err);

    CHECK_STR("", keys_active_id(keys));
    CHECK_ERROR(ERROR_UNAVAILABLE, keys_sign(keys, arena, STR("a"), &signature, &err), &err);
    CHECK_INT(0, json_count(json_at(keys_jwks(keys, arena), "keys")));
}

TEST(the_jwks_shows_both_keys_and_nothing_private)
{
    int dir = -1;
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    CLEANUP(keys_free) struct keys *keys = fresh("jwks", &dir);
    struct json *list = json_at(keys_jwks(keys, arena), "keys");

    CHECK_INT(2, json_count(list));
    CHECK_STR("RSA", json_str_at(list, "[0].kty"));
    CHECK_STR("AQAB", json_str_at(list, "[0].e"));
    CHECK_INT(342, json_str_at(list, "[0].n").len);
    CHECK(str_eq(keys_active_id(keys), json_str_at(list, "[0].kid")));
    CHECK(json_at(list, "[0].d") == NULL);
    fd_close(&dir);
}
