#include "base/test.h"
#include "cli/arguments.h"
#include "cli/completion.h"
#include "cli/help.h"

#include <string.h>

#define ARENA CLEANUP(arena_free) struct arena *arena = arena_new(16 * MIB)

/* Splits a line at blanks, as a shell would. */
static int parse(struct arena *arena, const char *line, struct cli *cli, struct error *err)
{
    char *argv[32] = {arena_cstr(arena, STR("lazurite"))};
    struct str rest = str_from(line), word;
    int argc = 1;

    while (rest.len && str_split(&rest, ' ', &word))
        argv[argc++] = arena_cstr(arena, word);
    cli->arena = arena;
    return arguments_parse(arena, argc, argv, &cli->arguments, err);
}

static void accepts(const char *line, const char *flag, const char *expected)
{
    ARENA;
    struct cli cli = {0};
    struct error err = {0};

    CHECK_OK(parse(arena, line, &cli, &err), &err);
    CHECK_STR(expected, cli_text(&cli, flag));
}

static void refuses(const char *line, const char *words, const char *hint)
{
    ARENA;
    struct cli cli = {0};
    struct error err = {0};

    CHECK_ERROR(ERROR_INVALID, parse(arena, line, &cli, &err), &err);
    if (!strstr(err.message, words))
        fail_msg("'%s' does not say '%s'", err.message, words);
    if (!strstr(err.hint, hint))
        fail_msg("the hint '%s' does not say '%s'", err.hint, hint);
}

TEST(flags_are_read_in_every_spelling)
{
    accepts("job show -n x", "name", "x");
    accepts("job show --name x", "name", "x");
    accepts("job show --name=x", "name", "x");
    accepts("job show -n=x", "name", "x");
    accepts("job show -nx", "name", "x");
    accepts("ml job show -n x", "name", "x");
    accepts("job show x", "name", "x");
    accepts("job show -n x -n y", "name", "y");
    accepts("job list -r 3 -o TABLE", "output", "TABLE");
    accepts("job list", "max-results", "50");
    accepts("job create -f -", "file", "-");
}

TEST(list_flags_take_words_up_to_the_next_flag)
{
    ARENA;
    struct cli cli = {0};
    struct error err = {0};

    CHECK_OK(parse(arena, "job create --set a=1 b=2 --set c=-3 -f x.yml", &cli, &err), &err);
    const struct cli_given *sets = cli_words(&cli, "set");
    CHECK_INT(3, sets->count);
    CHECK_STR("c=-3", sets->values[2]);
    CHECK_STR("x.yml", cli_text(&cli, "file"));
    CHECK_INT(0, cli_words(&cli, "add")->count);
}

TEST(wrong_lines_are_refused_with_the_nearest_word)
{
    refuses("job lst", "no command 'job lst'", "job list");
    refuses("jobb", "no command 'jobb'", "'lazurite job'");
    refuses("job list --max-reslts 3", "no flag '--max-reslts'", "--max-results");
    refuses("job show", "--name is missing", "--help");
    refuses("job list -r three", "expected a whole number", "");
    refuses("job list -o tabel", "expected one of", "");
    refuses("job list stray", "stands alone", "");
    refuses("job create -f", "wants a value", "");
    refuses("job create -f --stream", "wants a value", "");
    refuses("job list --wide=1", "no flag", "");
    refuses("--what", "A command is expected", "");
}

TEST(help_needs_no_required_flag)
{
    ARENA;
    struct cli cli = {0};
    struct error err = {0};

    CHECK_OK(parse(arena, "job show --help", &cli, &err), &err);
    CHECK(cli.arguments.help);
    CHECK_OK(parse(arena, "job -h", &cli, &err), &err);
    CHECK(cli.arguments.help && !cli.arguments.command);
}

static void each_command(void (*visit)(const struct cli_group *group,
                                       const struct cli_command *command))
{
    for (size_t g = 0; g <= cli_group_count; g++) {
        const struct cli_group *group = g < cli_group_count ? cli_groups[g] : &own_group;
        for (size_t i = 0; i < group->count; i++)
            visit(group, &group->commands[i]);
    }
}

static void check_command(const struct cli_group *group, const struct cli_command *command)
{
    ARENA;
    struct cli_arguments arguments = {.group = group, .command = command, .help = true};
    struct str text = help_text(arena, &arguments, false);

    CHECK(command->run != NULL);
    CHECK(str_find(text, str_from(command->help)) >= 0);
    CHECK(command->examples[0] && command->examples[1]);
    CHECK(str_find(text, str_from(command->examples[1])) >= 0);
    CHECK(str_find(text, STR("--output")) >= 0);
    for (size_t i = 0; i < command->flag_count; i++) {
        CHECK(command->flags[i].help != NULL);
        for (size_t k = 0; k < i; k++) {
            CHECK(strcmp(command->flags[i].name, command->flags[k].name) != 0);
            CHECK(!command->flags[i].letter ||
                  command->flags[i].letter != command->flags[k].letter);
        }
    }
}

TEST(every_command_has_help_with_two_examples_and_no_flag_twice)
{
    each_command(check_command);
}

TEST(help_of_the_program_names_every_group)
{
    ARENA;
    struct cli_arguments arguments = {.group = &own_group};
    struct str text = help_text(arena, &arguments, false);

    for (size_t i = 0; i < cli_group_count; i++)
        CHECK(str_find(text, str_from(cli_groups[i]->name)) >= 0);
    CHECK(str_find_char(text, '\033') < 0);
    CHECK(str_find_char(help_text(arena, &arguments, true), '\033') >= 0);
}

static struct str completes(struct arena *arena, const char *line)
{
    char *words[16];
    struct str rest = str_from(line), word;
    size_t count = 0;

    while (str_split(&rest, ' ', &word))
        words[count++] = arena_cstr(arena, word);
    return completion_words(arena, words, count);
}

TEST(completion_offers_what_may_follow)
{
    ARENA;
    CHECK(str_find(completes(arena, "jo"), STR("job\n")) >= 0);
    CHECK(str_find(completes(arena, "jo"), STR("connect\n")) >= 0);
    CHECK(str_find(completes(arena, "job "), STR("stream\n")) >= 0);
    CHECK(str_find(completes(arena, "job list -"), STR("--max-results\n")) >= 0);
    CHECK_STR("json\njsonc\nyaml\nyamlc\ntable\ntsv\nnone\n", completes(arena, "job list -o "));
    CHECK_STR("", completes(arena, "nothing here -"));
    CHECK(str_find(completion_script(arena, STR("bash")), STR("complete ")) >= 0);
    CHECK(str_find(completion_script(arena, STR("zsh")), STR("#compdef")) >= 0);
    CHECK(str_find(completion_script(arena, STR("fish")), STR("complete -c")) >= 0);
}
