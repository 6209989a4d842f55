#include "base/test.h"
#include "os/file.h"
#include "server/config.h"

#include <string.h>
#include <sys/stat.h>

/* Reads a text over the defaults; the sentence of the error, or "". */
static struct str outcome(struct arena *arena, const char *text, struct config *out)
{
    struct error err = {0};

    *out = config_default();
    if (config_read(arena, str_from(text), out, &err) == 0)
        return STR("");
    CHECK_INT(ERROR_INVALID, err.code);
    return arena_str(arena, str_from(err.message));
}

static void refused(const char *expected, const char *text)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct config config;
    CHECK_STR(expected, outcome(arena, text, &config));
    CHECK_STR("127.0.0.1:10443", config.listen); /* nothing of a bad file is taken */
}

TEST(every_key_can_be_set)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct config c;

    CHECK_STR("", outcome(arena,
                          "# a comment\n[server]\nlisten = \"127.0.0.1:1\" # why\n"
                          "plain_listen='127.0.0.1:2'\nscoring_listen = \"127.0.0.1:3\"\n"
                          "names = [\"a.test\", 'b.test',]\ndomain = \"x.example\"\nworkers = 4\n"
                          "[auth]\nanonymous = \"off\"\n[jobs]\nusers = \"separate\"\n"
                          "uid_first = 70000\nallow_same_user = true\n\n[ images ]\n"
                          "missing = \"fail\"\n[log]\nlevel = \"warn\"",
                          &c));
    CHECK_STR("127.0.0.1:1", c.listen);
    CHECK_STR("127.0.0.1:2", c.plain_listen);
    CHECK_STR("127.0.0.1:3", c.scoring_listen);
    CHECK_INT(2, c.name_count);
    CHECK_STR("b.test", c.names[1]);
    CHECK_STR("x.example", c.domain);
    CHECK_INT(4, c.workers);
    CHECK(!c.anonymous && c.separate_users && c.allow_same_user);
    CHECK_INT(70000, c.uid_first);
    CHECK_INT(IMAGES_FAIL, c.images_missing);
    CHECK_INT(LOG_WARN, c.log_level);
}

TEST(an_empty_file_is_all_defaults)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct config c;

    CHECK_STR("", outcome(arena, "", &c));
    CHECK(c.anonymous && !c.separate_users);
    CHECK_INT(16, c.workers);
    CHECK_STR("lazurite.test", c.domain);
}

TEST(the_line_of_a_mistake_is_named)
{
    refused("lazurite.toml line 2: there is no key 'liste' in [server].",
            "[server]\nliste = \"x\"\n");
    refused("lazurite.toml line 1: there is no table [servers].", "[servers]\n");
    refused("lazurite.toml line 3: server.workers must be 2 to 256.", "[server]\n\nworkers = 1\n");
    refused("lazurite.toml line 2: server.workers must be a whole number.",
            "[server]\nworkers = \"8\"\n");
    refused("lazurite.toml line 2: auth.anonymous must be \"same-user\" or \"off\".",
            "[auth]\nanonymous = \"on\"\n");
    refused("lazurite.toml line 1: expected KEY = VALUE or [TABLE].", "server\n");
    refused("lazurite.toml line 1: there is no key 'x' in [].", "x = 1");
}

TEST(values_that_are_none_are_refused)
{
    refused("lazurite.toml line 2: the text is not closed by \".", "[log]\nlevel = \"info\n");
    refused("lazurite.toml line 2: unknown escape in a text.", "[log]\nlevel = \"\\x\"\n");
    refused("lazurite.toml line 2: there is more behind the value.",
            "[log]\nlevel = \"info\" info\n");
    refused("lazurite.toml line 2: 'yes' is no value.", "[jobs]\nallow_same_user = yes\n");
    refused("lazurite.toml line 2: expected ',' or ']' in a list.",
            "[server]\nnames = [\"a\" \"b\"]\n");
    refused("lazurite.toml line 2: expected a text in quotes.", "[server]\nnames = [1]\n");
    refused("lazurite.toml line 2: server.domain must be a domain of two or more labels.",
            "[server]\ndomain = \"test\"\n");
    refused("lazurite.toml line 1: expected [TABLE].", "[log\n");
}

TEST(texts_know_escapes_in_double_quotes_only)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct config c;

    CHECK_STR("", outcome(arena, "[server]\nnames = [\"a\\\"b\\\\\", 'c\\n']\n", &c));
    CHECK_STR("a\"b\\", c.names[0]);
    CHECK_STR("c\\n", c.names[1]);
}

TEST(the_file_is_made_with_every_key_and_reads_as_the_defaults)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct error err = {0};
    struct config made = config_default(), read = config_default();
    struct stat status;
    CLEANUP(fd_close) int dir = dir_open(test_folder(), &err);

    CHECK_OK(config_load(arena, dir, &made, &err), &err);
    CHECK_INT(0, fstatat(dir, CONFIG_FILE, &status, 0));
    CHECK_INT(0600, status.st_mode & 0777);
    CHECK_OK(config_load(arena, dir, &read, &err), &err);
    CHECK(str_eq(made.listen, read.listen) && read.workers == 16);
}

/* Each default in the file, without its comment mark, is what config_default gives. */
TEST(accounts_are_told_by_path_or_by_host)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct config config;

    CHECK_STR("", outcome(arena, "[storage]\naddresses = \"host\"\n", &config));
    CHECK(config.storage_by_host);
    CHECK_STR("", outcome(arena, "[storage]\naddresses = \"path\"\n", &config));
    CHECK(!config.storage_by_host && !config_default().storage_by_host);
    CHECK(outcome(arena, "[storage]\naddresses = \"both\"\n", &config).len > 0);
}

TEST(the_defaults_shown_in_the_file_are_the_defaults)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct str rest = config_template(arena), line, text = STR("");
    struct config shown, real = config_default();

    while (str_split(&rest, '\n', &line)) {
        struct str value = str_slice(line, 2, line.len);
        if (str_starts(line, STR("# ")) && str_find(value, STR(" = ")) > 0)
            line = value;
        text = arena_printf(arena, "%.*s%.*s\n", STR_ARG(text), STR_ARG(line));
    }
    CHECK_STR("", outcome(arena, arena_cstr(arena, text), &shown));
    CHECK(str_eq(shown.listen, real.listen) && str_eq(shown.plain_listen, real.plain_listen));
    CHECK(str_eq(shown.scoring_listen, real.scoring_listen) && str_eq(shown.domain, real.domain));
    CHECK(shown.workers == real.workers && shown.uid_first == real.uid_first);
    CHECK(shown.anonymous == real.anonymous && shown.separate_users == real.separate_users);
    CHECK(shown.images_missing == real.images_missing && shown.log_level == real.log_level);
}

static void address(const char *text, const char *host, int port)
{
    struct config_address out;
    struct error err = {0};

    if (port < 0) {
        CHECK_ERROR(ERROR_INVALID, config_address_read(str_from(text), "--listen", &out, &err),
                    &err);
        CHECK(strstr(err.message, "--listen") != NULL);
        return;
    }
    CHECK_OK(config_address_read(str_from(text), "--listen", &out, &err), &err);
    CHECK_STR(host, out.host);
    CHECK_INT(port, out.port);
}

TEST(addresses_are_host_and_port)
{
    address("127.0.0.1:0", "127.0.0.1", 0);
    address("localhost:65535", "localhost", 65535);
    address("[::1]:443", "::1", 443);
    address("::1:443", "", -1);
    address("127.0.0.1", "", -1);
    address("127.0.0.1:", "", -1);
    address(":80", "", -1);
    address("127.0.0.1:65536", "", -1);
    address("127.0.0.1:-1", "", -1);
    address("", "", -1);
}

TEST(loopback_is_known)
{
    CHECK(config_is_loopback(STR("127.0.0.1")));
    CHECK(config_is_loopback(STR("127.1.2.3")));
    CHECK(config_is_loopback(STR("::1")));
    CHECK(config_is_loopback(STR("LocalHost")));
    CHECK(!config_is_loopback(STR("0.0.0.0")));
    CHECK(!config_is_loopback(STR("10.0.0.1")));
    CHECK(!config_is_loopback(STR("::")));
}
