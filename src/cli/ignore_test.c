#include "base/test.h"
#include "cli/ignore.h"

#include <stdlib.h>
#include <string.h>

static void glob(bool expected, const char *pattern, const char *text)
{
    if (ignore_glob(str_from(pattern), str_from(text)) != expected)
        fail_msg("'%s' %s '%s'", pattern, expected ? "should match" : "should not match", text);
}

TEST(globs_stay_within_a_piece_unless_doubled)
{
    glob(true, "*.py", "a.py");
    glob(false, "*.py", "a/b.py");
    glob(true, "**/b.py", "a/b.py");
    glob(true, "**/b.py", "b.py");
    glob(true, "a/**", "a/b/c");
    glob(true, "a/**/d", "a/b/c/d");
    glob(true, "a/**/d", "a/d");
    glob(false, "a/*/d", "a/b/c/d");
    glob(true, "?at", "cat");
    glob(false, "?at", "at");
    glob(true, "[a-c]x", "bx");
    glob(false, "[!a-c]x", "bx");
    glob(true, "\\*x", "*x");
    glob(false, "\\*x", "ax");
    glob(true, "", "");
    glob(false, "", "a");
}

TEST(a_hostile_pattern_ends)
{
    char pattern[200], text[2000];

    for (int i = 0; i < 60; i++)
        memcpy(pattern + 2 * i, "*a", 3);
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    text[sizeof text - 2] = 'b';
    glob(false, pattern, text);
    glob(false, "**/**/**/**/**/**/x", text);
}

TEST(rules_follow_gitignore)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct ignore *ignore = ignore_new(arena);

    ignore_add(arena, ignore, STR("# comment\n\n*.log\n!keep.log\nbuild/\n/top.txt\ndocs/*.md\n"),
               STR(""));
    CHECK(ignore_matches(ignore, STR("a.log"), false));
    CHECK(ignore_matches(ignore, STR("deep/a.log"), false));
    CHECK(!ignore_matches(ignore, STR("keep.log"), false));
    CHECK(ignore_matches(ignore, STR("build"), true));
    CHECK(!ignore_matches(ignore, STR("build"), false));
    CHECK(ignore_matches(ignore, STR("x/build"), true));
    CHECK(ignore_matches(ignore, STR("top.txt"), false));
    CHECK(!ignore_matches(ignore, STR("x/top.txt"), false));
    CHECK(ignore_matches(ignore, STR("docs/a.md"), false));
    CHECK(!ignore_matches(ignore, STR("docs/x/a.md"), false));
    CHECK(!ignore_matches(ignore, STR("train.py"), false));
}

TEST(caches_and_the_repository_stay_at_home_always)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct ignore *ignore = ignore_new(arena);

    CHECK(ignore_matches(ignore, STR(".git"), true));
    CHECK(ignore_matches(ignore, STR("pkg/__pycache__"), true));
    CHECK(ignore_matches(ignore, STR("pkg/a.pyc"), false));
    CHECK(!ignore_matches(ignore, STR("pkg/a.py"), false));
}

TEST(rules_from_above_see_the_whole_path)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct ignore *ignore = ignore_new(arena);

    ignore_add(arena, ignore, STR("/jobs/src/data\n*.tmp\n"), STR("jobs/src"));
    CHECK(ignore_matches(ignore, STR("data"), true));
    CHECK(!ignore_matches(ignore, STR("x/data"), true));
    CHECK(ignore_matches(ignore, STR("x/a.tmp"), false));
}
