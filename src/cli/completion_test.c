/* What a shell is offered: words of the tables, values of the server, and never an error. */
#include "cli/completion.h"
#include "cli/fake_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAKE                                                        \
    CLEANUP(arena_free) struct arena *arena = arena_new(256 * MIB); \
    CLEANUP(fake_stop) struct fake *fake = fake_start(arena);       \
    CHECK_INT(0, setenv("LAZURITE_HOME", fake_folder(fake), 1))

/* The words offered for a line whose last word is unfinished; "_" is an empty one. */
static struct str offered(struct arena *arena, const char *line)
{
    struct str rest = str_from(line), word;
    char *words[32];
    size_t count = 0;

    while (str_split(&rest, ' ', &word))
        words[count++] = arena_cstr(arena, str_eq(word, STR("_")) ? STR("") : word);
    return completion_words(arena, words, count);
}

static bool offers(struct arena *arena, const char *line, const char *word)
{
    struct str all = offered(arena, line), one;

    while (str_split(&all, '\n', &one))
        if (str_eq(one, str_from(word)))
            return true;
    return false;
}

TEST(words_of_the_tables_are_offered_without_a_request)
{
    FAKE;
    CHECK(offers(arena, "_", "workspace"));
    CHECK(offers(arena, "_", "login"));
    CHECK(!offers(arena, "_", "workspace outbound-rule"));
    CHECK(offers(arena, "ml _", "job"));
    CHECK(offers(arena, "workspace _", "outbound-rule"));
    CHECK(offers(arena, "workspace _", "list-keys"));
    CHECK(offers(arena, "workspace outbound-rule _", "set"));
    CHECK(!offers(arena, "workspace outbound-rule _", "list-keys"));
    CHECK(offers(arena, "job create -", "--stream"));
    CHECK(offers(arena, "compute create -t _", "computeinstance"));
    CHECK(offers(arena, "job list -o _", "table"));
    CHECK(offers(arena, "completion _", "fish"));
    CHECK_STR("Development\nProduction\nArchived\n", offered(arena, "model list -s _"));
    CHECK_STR(":yaml\n", offered(arena, "job create -f _"));
    CHECK_STR(":files\n", offered(arena, "model download -n m -v 1 -p _"));
    CHECK_STR("", offered(arena, "nonsense words here"));
    CHECK_STR("", fake_asked(fake));
}

TEST(names_and_versions_come_from_the_server)
{
    FAKE;
    fake_reply(fake, "GET", "/workspaces/lab/models?", 200,
               "{\"value\":[{\"name\":\"m1\"},{\"name\":\"m2\"}]}");
    CHECK_STR("m1\nm2\n", offered(arena, "model show -w lab -n _"));
    fake_reply(fake, "GET", "/models/m1/versions?", 200, "{\"value\":[{\"name\":\"3\"}]}");
    CHECK_STR("3\n", offered(arena, "model show -n m1 -v _"));
    fake_reply(fake, "GET", "/computes?", 200, "{\"value\":[{\"name\":\"cpu\"}]}");
    CHECK_STR("cpu\n", offered(arena, "compute stop -n _"));
    fake_reply(fake, "GET", "/jobs?", 200, "{\"value\":[{\"name\":\"j\"}]}");
    CHECK_STR("j\n", offered(arena, "job stream _"));
    fake_reply(fake, "GET", "/onlineEndpoints/e/deployments", 200,
               "{\"value\":[{\"name\":\"blue\"}]}");
    CHECK_STR("blue\n", offered(arena, "online-endpoint invoke -n e -d _"));
    fake_reply(fake, "GET", "/vmSizes", 200, "{\"value\":[{\"name\":\"S1\"}]}");
    CHECK_STR("S1\n", offered(arena, "compute create --size _"));
    fake_reply(fake, "GET", "/users?", 200, "{\"value\":[]}");
    fake_reply(fake, "GET", "/lazurite/v1/users", 200, "{\"value\":[{\"name\":\"ana\"}]}");
    CHECK_STR("ana\n", offered(arena, "user show -n _"));
}

TEST(a_group_is_read_from_the_ids_of_workspaces)
{
    FAKE;
    fake_reply(fake, "GET", "/workspaces?", 200,
               "{\"value\":[{\"id\":\"/subscriptions/s/resourceGroups/team/x\",\"name\":\"w\"}]}");
    CHECK_STR("team\n", offered(arena, "job list -g _"));
}

TEST(an_answer_is_kept_for_some_seconds)
{
    FAKE;
    fake_reply(fake, "GET", "/computes?", 200, "{\"value\":[{\"name\":\"cpu\"}]}");
    CHECK_STR("cpu\n", offered(arena, "compute show -n _"));
    struct str asked = fake_asked(fake);
    CHECK_STR("cpu\n", offered(arena, "compute show -n c"));
    CHECK_STR(asked.ptr, fake_asked(fake));
    fake_file(fake, "completion.json", "no json");
    CHECK_STR("", offered(arena, "compute show -n _"));
}

TEST(a_failure_is_silence)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(64 * MIB);

    CHECK_INT(0, setenv("LAZURITE_HOME", "/nonexistent", 1));
    CHECK_STR("", offered(arena, "model show -n _"));
    CHECK_STR("", offered(arena, "model show --nonsense -n _"));
}

TEST(paths_of_the_file_complete_what_set_changes)
{
    FAKE;
    const char *file =
        fake_file(fake, "j.yml", "command: x\nlimits: {timeout: 3}\ninputs: {a: 1}\n");
    struct str line = arena_printf(arena, "job create -f %s --set _", file);

    CHECK_STR("command=\nlimits.timeout=\ninputs.a=\n", offered(arena, line.ptr));
    line = arena_printf(arena, "job create -f %s --set command=y _", file);
    CHECK(str_find(offered(arena, line.ptr), STR("inputs.a=")) >= 0);
}

/* The script of each shell asks the program and knows its two signs. */
TEST(each_shell_has_a_script)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(64 * MIB);
    static const char *const SHELLS[] = {"bash", "zsh", "fish"};

    for (size_t i = 0; i < COUNT(SHELLS); i++) {
        struct str script = completion_script(arena, str_from(SHELLS[i]));
        CHECK(str_find(script, STR("lazurite __complete")) > 0);
        CHECK(str_find(script, STR(":files")) > 0 && str_find(script, STR(":yaml")) > 0);
        CHECK(str_find(script, STR("2>/dev/null")) > 0);
    }
}
