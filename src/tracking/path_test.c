#include "base/test.h"
#include "tracking/path.h"

#include <string.h>

TEST(artifact_paths_stay_below_their_root)
{
    const char *const bad[] = {"../x",  "a/../b", "/a",     "a//b", "a/",    "a\\b",
                               "c:/x",  "a/./b",  "a\nb",   ".",    "..",    "/",
                               "a/b/.", "a/..",   "\x7f.t", "//",   "a/ /.."};
    struct error err = {0};

    for (size_t i = 0; i < COUNT(bad); i++)
        CHECK_ERROR(ERROR_INVALID, path_check(str_from(bad[i]), &err), &err);
    CHECK_ERROR(ERROR_INVALID, path_check((struct str){"a\0b", 3}, &err), &err);
    CHECK_STR("Invalid path", str_from(err.message));
    CHECK_STR("path", str_from(err.target));
}

TEST(names_people_use_are_fine)
{
    const char *const good[] = {"",
                                "a",
                                "a/b c/100%.csv",
                                "...",
                                "..a",
                                "a..",
                                "50%/x",
                                "%",
                                "model;v",
                                "%zz",
                                "gr\xc3\xb6/\xe2\x82\xac.txt",
                                "a%20b",
                                "x/%4",
                                "C"};
    struct error err = {0};

    for (size_t i = 0; i < COUNT(good); i++)
        CHECK_OK(path_check(str_from(good[i]), &err), &err);
}

/* A client that escaped twice sends these after our one decoding. */
TEST(what_a_second_decoding_would_turn_into_dots_is_refused)
{
    const char *const bad[] = {"%2e%2e/x", "a/%2E%2E", "a%2fb", "a%2Fb", "a%5cb", "x%00", "%252e"};
    struct error err = {0};

    for (size_t i = 0; i < COUNT(bad); i++)
        CHECK_ERROR(ERROR_INVALID, path_check(str_from(bad[i]), &err), &err);
}

TEST(a_path_has_a_length)
{
    char text[1025];
    struct error err = {0};

    memset(text, 'x', sizeof text);
    CHECK_OK(path_check((struct str){text, 1024}, &err), &err);
    CHECK_ERROR(ERROR_INVALID, path_check((struct str){text, 1025}, &err), &err);
}
