/* Every row of every table: what holds for one command holds for all, also for those to come. */
#include "cli/arguments.h"
#include "cli/completion.h"
#include "cli/fake_test.h"
#include "cli/resource.h"
#include "yaml/schema.h"

#include <stdio.h>
#include <string.h>

/* Runs the check for each command, hidden ones too. */
static void each_command(void (*check)(const struct cli_group *group,
                                       const struct cli_command *command))
{
    for (size_t g = 0; g < cli_group_count; g++)
        for (size_t i = 0; i < cli_groups[g]->count; i++)
            check(cli_groups[g], &cli_groups[g]->commands[i]);
    for (size_t i = 0; i < own_group.count; i++)
        check(&own_group, &own_group.commands[i]);
}

struct seen {
    const struct cli_flag *flags[96];
    size_t count;
    const char *command;
};

static void no_twins(const struct cli_flag *flag, const char *section, void *context)
{
    struct seen *seen = context;
    /* `connect --token` prints one: there is no other to sign in with there. */
    bool hides = !strcmp(section, "Global flags") && !strcmp(flag->name, "token");

    for (size_t i = 0; i < seen->count; i++) {
        if ((!hides && !strcmp(seen->flags[i]->name, flag->name)) ||
            (flag->letter && seen->flags[i]->letter == flag->letter))
            fprintf(stderr, "%s: --%s and --%s\n", seen->command, seen->flags[i]->name, flag->name);
        CHECK(hides || strcmp(seen->flags[i]->name, flag->name) != 0);
        CHECK(!flag->letter || seen->flags[i]->letter != flag->letter);
    }
    CHECK(seen->count < COUNT(seen->flags));
    seen->flags[seen->count++] = flag;
    CHECK(flag->help && flag->help[0]);
}

static void check_flags(const struct cli_group *group, const struct cli_command *command)
{
    struct seen seen = {.command = command->name};

    arguments_each(command, no_twins, &seen);
}

TEST(no_command_has_two_flags_of_one_name_or_letter)
{
    each_command(check_flags);
}

/* An example must be a line of the group that names its own command. */
static void check_examples(const struct cli_group *group, const struct cli_command *command)
{
    char wanted[120];

    snprintf(wanted, sizeof wanted, "%s%s%s", group->name, group->name[0] ? " " : "",
             command->name);
    CHECK(command->run != NULL);
    CHECK(command->help && strlen(command->help) < 80);
    CHECK(command->examples[0] != NULL);
    bool named = false;
    for (size_t i = 0; i < COUNT(command->examples); i++)
        named |= command->examples[i] && strstr(command->examples[i], wanted);
    CHECK(named || group == &job_group || group == &own_group);
    CHECK(!command->positional || arguments_find(command, str_from(command->positional), 0));
}

TEST(each_command_has_words_and_an_example_of_itself)
{
    each_command(check_examples);
}

/* What a row of a kind names must be there: a file's kind, a path of the wire, a flag of a key. */
static void check_kind(const struct cli_group *group, const struct cli_command *command)
{
    const struct resource_kind *kind = command->kind;

    if (!kind)
        return;
    CHECK(kind->word && kind->type && kind->rows);
    for (const char *const *word = kind->family.words; word && word[0]; word += 2)
        CHECK(yaml_kind_find(str_from(word[1])) != NULL);
    for (const char *const *column = kind->columns; column && column[0]; column += 2)
        CHECK(column[1] != NULL);
    for (size_t i = 0; i < kind->row_count; i++)
        CHECK(kind->rows[i].yaml[0] && kind->rows[i].rest[0]);
    if (kind->name_flag)
        CHECK(arguments_find(command, str_from(kind->name_flag), 0) ||
              command->run == resource_list);
}

TEST(each_kind_names_what_there_is)
{
    each_command(check_kind);
}

static void check_lines(const struct cli_group *group, const struct cli_command *command)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(64 * MIB);
    struct cli_arguments arguments;
    struct error err = {0};
    char *argv[8] = {"lazurite"};
    struct str rest = str_from(group->name), word;
    int argc = 1;

    while (str_split(&rest, ' ', &word))
        if (word.len)
            argv[argc++] = arena_cstr(arena, word);
    argv[argc++] = (char *)command->name;
    argv[argc] = "--help";
    CHECK_OK(arguments_parse(arena, argc + 1, argv, &arguments, &err), &err);
    CHECK(arguments.group == group && arguments.command == command && arguments.help);
    argv[argc] = "--there-is-no-such-flag";
    CHECK_INT(-1, arguments_parse(arena, argc + 1, argv, &arguments, &err));
    CHECK_INT(ERROR_INVALID, err.code);
}

TEST(each_command_is_found_and_refuses_an_unknown_flag)
{
    each_command(check_lines);
}

TEST(a_group_of_two_words_wins_over_the_one_of_its_first)
{
    char *two[] = {"workspace", "outbound-rule", "list"}, *one[] = {"workspace", "list"};
    char *none[] = {"workspaces", "list"};
    size_t taken;

    CHECK(arguments_group(two, 3, &taken) == &outbound_rule_group && taken == 2);
    CHECK(arguments_group(one, 2, &taken) == &workspace_group && taken == 1);
    CHECK(arguments_group(none, 2, &taken) == &own_group && taken == 0);
    CHECK(arguments_group(two, 0, &taken) == &own_group && taken == 0);
}

TEST(a_required_flag_that_is_missing_is_named_before_any_request)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(64 * MIB);
    CLEANUP(fake_stop) struct fake *fake = fake_start(arena);
    static const char *const LINES[] = {"connection create",
                                        "schedule trigger",
                                        "batch-deployment show -n x",
                                        "model share -n m -v 1",
                                        "workspace outbound-rule set",
                                        "role assign --role Reader",
                                        "component show"};

    for (size_t i = 0; i < COUNT(LINES); i++) {
        struct fake_run run = fake_run(fake, LINES[i]);
        CHECK_INT(2, run.code);
        CHECK(str_find(run.err, STR("is missing")) > 0);
    }
    CHECK_STR("", fake_asked(fake));
}
