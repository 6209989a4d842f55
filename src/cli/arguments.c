/* arguments.c - The words of the line, read by the rows of the tables. A wrong line is known
 * before anything is sent, and the error names the nearest word that would have been right. */
#include "cli/arguments.h"
#include "yaml/schema.h"

#include <assert.h>
#include <string.h>

const struct cli_flag cli_global_flags[] = {
    {"help", 'h', CLI_SWITCH, .help = "this text"},
    {"output", 'o', CLI_VALUE, .choices = "json|jsonc|yaml|yamlc|table|tsv|none",
     .help = "format of the result (default json)"},
    {"query", 0, CLI_VALUE, .help = "JMESPath expression applied to the result"},
    {"wide", 0, CLI_SWITCH, .help = "all columns of a table"},
    {"only-show-errors", 0, CLI_SWITCH, .help = "no warnings and notes"},
    {"verbose", 0, CLI_SWITCH, .help = "more about what happens, on standard error"},
    {"debug", 0, CLI_SWITCH, .help = "each request and its answer, on standard error"},
    {"error-format", 0, CLI_VALUE, .choices = "text|json",
     .help = "form of errors on standard error"},
    {"server", 0, CLI_VALUE, .help = "URL of the server (default: the socket of the data folder)"},
    {"data-dir", 0, CLI_VALUE, .help = "data folder (default: LAZURITE_HOME, then ~/.lazurite)"},
    {"token", 0, CLI_VALUE, .help = "bearer token for --server (default: LAZURITE_TOKEN)"},
    {"profile", 0, CLI_VALUE, .help = "named set of server, identity and defaults"},
    {"subscription", 0, CLI_VALUE, .help = "subscription id (default: the folder's)"},
    {"timeout", 0, CLI_NUMBER, .help = "seconds to wait for an answer (default 60)"},
    {"retries", 0, CLI_NUMBER, .help = "times a busy server is asked again (default 3)"},
    {"acquire-policy-token", 0, CLI_SWITCH, .help = "for scripts of az; changes nothing",
     .idle = "no policy of Azure is asked here"},
    {"change-reference", 0, CLI_VALUE, .help = "for scripts of az; changes nothing",
     .idle = "no policy of Azure is asked here"},
};
const size_t cli_global_count = COUNT(cli_global_flags);

static const struct cli_flag SCOPE_FLAGS[] = {
    {"resource-group", 'g', CLI_VALUE, .help = "resource group (default: the folder's)"},
    {"workspace-name", 'w', CLI_VALUE, .help = "workspace (default: the folder's)"},
};
static const struct cli_flag UPDATE_FLAGS[] = {
    {"add", 0, CLI_LIST, .help = "PATH KEY=VALUE…: append to a list"},
    {"remove", 0, CLI_LIST, .help = "PATH [INDEX]: remove a key or an element"},
};
static const struct cli_flag SET_FLAGS[] = {
    {"set", 0, CLI_LIST, .help = "PATH=VALUE…: change the document before it is checked"},
    {"force-string", 0, CLI_SWITCH, .help = "values of --set stay text"},
};
static const struct cli_flag WAIT_FLAGS[] = {
    {"no-wait", 0, CLI_SWITCH, .help = "return when the server has accepted"},
};
static const struct cli_flag ARCHIVE_FLAGS[] = {
    {"include-archived", 0, CLI_SWITCH, .help = "archived ones too"},
    {"archived-only", 0, CLI_SWITCH, .help = "only archived ones"},
};
static const struct cli_flag YES_FLAGS[] = {
    {"yes", 'y', CLI_SWITCH, .help = "do not ask"},
};

static const struct cli_flag GROUP_FLAGS[] = {
    {"resource-group", 'g', CLI_VALUE, .help = "resource group (default: the folder's)"},
};
static const struct cli_flag REGISTRY_FLAGS[] = {
    {"registry-name", 0, CLI_VALUE, .help = "in this registry, not in a workspace"},
};

#define SHARES 8
struct shared_flag {
    unsigned bit;
    const struct cli_flag *flags;
    size_t count;
};

static const struct shared_flag SHARED[SHARES] = {
    {CLI_UPDATE | CLI_SET, SET_FLAGS, COUNT(SET_FLAGS)},
    {CLI_UPDATE, UPDATE_FLAGS, COUNT(UPDATE_FLAGS)},
    {CLI_WAIT, WAIT_FLAGS, COUNT(WAIT_FLAGS)},
    {CLI_ARCHIVE, ARCHIVE_FLAGS, COUNT(ARCHIVE_FLAGS)},
    {CLI_YES, YES_FLAGS, COUNT(YES_FLAGS)},
    {CLI_REGISTRY, REGISTRY_FLAGS, COUNT(REGISTRY_FLAGS)},
    {CLI_GROUP, GROUP_FLAGS, COUNT(GROUP_FLAGS)},
    {CLI_SCOPE, SCOPE_FLAGS, COUNT(SCOPE_FLAGS)},
};

/* Its own flags first, then those it shares, then everybody's: the order of --help. */
void arguments_each(const struct cli_command *command,
                    void (*visit)(const struct cli_flag *flag, const char *section, void *context),
                    void *context)
{
    assert(command && visit);
    for (size_t i = 0; i < command->flag_count; i++)
        visit(&command->flags[i], "Flags", context);
    for (size_t s = 0; s < SHARES; s++)
        for (size_t i = 0; (command->shares & SHARED[s].bit) && i < SHARED[s].count; i++)
            visit(&SHARED[s].flags[i], "Flags", context);
    for (size_t i = 0; i < cli_global_count; i++)
        visit(&cli_global_flags[i], "Global flags", context);
}

struct search {
    struct str name;
    char letter;
    const struct cli_flag *found;
};

/* Keeps the first flag that fits; letters and names are looked for alike. */
static void match(const struct cli_flag *flag, const char *section, void *context)
{
    struct search *search = context;

    assert(flag->name);
    if (search->found)
        return;
    if (search->letter ? flag->letter == search->letter
                       : str_eq(search->name, str_from(flag->name)))
        search->found = flag;
}

/* A flag of the command by its name or its letter; NULL when it has none. */
const struct cli_flag *arguments_find(const struct cli_command *command, struct str name,
                                      char letter)
{
    struct search search = {name, letter, NULL};

    arguments_each(command, match, &search);
    return search.found;
}

struct names {
    struct str words[64];
    size_t count;
};

/* All names, for the nearest word. */
static void collect(const struct cli_flag *flag, const char *section, void *context)
{
    struct names *names = context;

    assert(flag->name);
    if (names->count < COUNT(names->words))
        names->words[names->count++] = str_from(flag->name);
}

/* Says which flag was likely meant; a typing error must not cost a look at --help. */
static int unknown_flag(const struct cli_arguments *arguments, struct str word, struct error *err)
{
    struct names names = {0};
    struct str bare = word;

    assert(arguments->command);
    while (bare.len && bare.ptr[0] == '-')
        bare = str_slice(bare, 1, bare.len);
    arguments_each(arguments->command, collect, &names);
    struct str near = yaml_nearest(bare, names.words, names.count);
    error_set(err, ERROR_INVALID, "", "There is no flag '%.*s' in 'lazurite %s%s%s'.",
              STR_ARG(word), arguments->group->name, arguments->group->name[0] ? " " : "",
              arguments->command->name);
    return near.len ? error_hint(err, "Did you mean --%.*s?", STR_ARG(near)) : -1;
}

/* Choices are compared in any case, as az does. */
static bool fits_choice(const struct cli_flag *flag, struct str value)
{
    struct str rest = str_from(flag->choices), one;

    assert(flag->name);
    while (str_split(&rest, '|', &one))
        if (str_eq_fold(one, value))
            return true;
    return false;
}

/* What the row says a value must be is checked before anything is sent. */
static int check_value(const struct cli_flag *flag, struct str value, struct error *err)
{
    int64_t number;

    assert(flag->name);
    if (flag->required && !value.len)
        return error_set(err, ERROR_INVALID, "", "--%s has an empty value.", flag->name);
    if (flag->choices && !fits_choice(flag, value))
        return error_set(err, ERROR_INVALID, "", "--%s is '%.*s'; expected one of %s.", flag->name,
                         STR_ARG(value), flag->choices);
    if (flag->takes == CLI_NUMBER && (!str_to_int64(value, &number) || number < 0))
        return error_set(err, ERROR_INVALID, "", "--%s is '%.*s'; expected a whole number.",
                         flag->name, STR_ARG(value));
    return 0;
}

/* Words still to read. */
struct words {
    char **argv;
    int at, count;
};

/* "-" alone is standard input, and -1 is a number: neither is a flag. */
static bool is_flag_word(struct str word)
{
    assert(word.ptr || !word.len);
    return word.len > 1 && word.ptr[0] == '-' && !(word.ptr[1] >= '0' && word.ptr[1] <= '9');
}

/* A flag that is given twice has one entry: the last value counts, lists grow. */
static struct cli_given *remember(struct cli_arguments *arguments, const struct cli_flag *flag)
{
    for (size_t i = 0; i < arguments->count; i++)
        if (arguments->given[i].flag == flag)
            return &arguments->given[i];
    assert(arguments->count < COUNT(arguments->given));
    struct cli_given *given = &arguments->given[arguments->count++];
    given->flag = flag;
    return given;
}

/* Values are checked as they are read, so that the error names the flag that they were typed
 * behind. */
static int add_value(struct arena *arena, struct cli_given *given, struct str value,
                     struct error *err)
{
    assert(given->flag);
    if (check_value(given->flag, value, err) < 0)
        return -1;
    struct str *longer = arena_new_array(arena, struct str, given->count + 1);
    if (given->count)
        memcpy(longer, given->values, given->count * sizeof *longer);
    /* Lists grow, a flag given twice keeps its last value. */
    if (given->flag->takes != CLI_LIST)
        given->count = 0;
    longer[given->count++] = value;
    given->values = longer;
    return 0;
}

/* "--flag value", "--flag=value", "-f value" and "-fvalue" are one. */
static int read_flag(struct arena *arena, struct cli_arguments *arguments, struct words *words,
                     struct error *err)
{
    struct str word = str_from(words->argv[words->at++]), name = word, value = {0};
    bool attached = false;
    const struct cli_flag *flag;

    assert(arguments->command);
    if (str_starts(word, STR("--"))) {
        attached = str_cut(word, '=', &name, &value);
        flag = arguments_find(arguments->command, str_slice(name, 2, name.len), 0);
    } else {
        flag = arguments_find(arguments->command, STR(""), word.ptr[1]);
        attached = word.len > 2;
        value = str_slice(word, word.len > 2 && word.ptr[2] == '=' ? 3 : 2, word.len);
    }
    if (!flag || (flag->takes == CLI_SWITCH && attached))
        return unknown_flag(arguments, word, err);
    struct cli_given *given = remember(arguments, flag);
    if (flag->takes == CLI_SWITCH)
        return 0;
    if (attached)
        return add_value(arena, given, value, err);
    if (words->at >= words->count || is_flag_word(str_from(words->argv[words->at])))
        return error_set(err, ERROR_INVALID, "", "--%s wants a value.", flag->name);
    do {
        if (add_value(arena, given, str_from(words->argv[words->at++]), err) < 0)
            return -1;
    } while (flag->takes == CLI_LIST && words->at < words->count &&
             !is_flag_word(str_from(words->argv[words->at])));
    return 0;
}

/* A word without a dash goes to the flag that the command names for it. */
static int read_bare(struct arena *arena, struct cli_arguments *arguments, struct words *words,
                     struct error *err)
{
    struct str word = str_from(words->argv[words->at]);
    const char *positional = arguments->command->positional;
    const struct cli_flag *flag =
        positional ? arguments_find(arguments->command, str_from(positional), 0) : NULL;

    assert(arguments->command);
    if (!flag)
        return error_set(err, ERROR_INVALID, "",
                         "'%.*s' stands alone; a flag is expected before it.", STR_ARG(word));
    words->at++;
    return add_value(arena, remember(arguments, flag), word, err);
}

/* Only a command's own flags can be required; shared ones all have a default. */
static int check_required(const struct cli_arguments *arguments, struct error *err)
{
    assert(arguments->command);
    for (size_t i = 0; i < arguments->command->flag_count; i++) {
        const struct cli_flag *flag = &arguments->command->flags[i];
        bool given = false;
        for (size_t k = 0; k < arguments->count; k++)
            given |= arguments->given[k].flag == flag;
        if (flag->required && !given) {
            error_set(err, ERROR_INVALID, "", "--%s is missing: %s.", flag->name, flag->help);
            return error_hint(err, "lazurite %s%s%s --help", arguments->group->name,
                              arguments->group->name[0] ? " " : "", arguments->command->name);
        }
    }
    return 0;
}

/* Names are exact: a prefix that fits today would mean something else with the next command. */
static const struct cli_command *command_in(const struct cli_group *group, struct str name)
{
    assert(group->commands);
    for (size_t i = 0; i < group->count; i++)
        if (str_eq(name, str_from(group->commands[i].name)))
            return &group->commands[i];
    return NULL;
}

/* The nearest command; where no group was named, the nearest group too: "jobs" means job. */
static int unknown_word(const struct cli_group *group, struct str word, struct error *err)
{
    struct names names = {0};

    for (size_t i = 0; i < group->count && names.count < COUNT(names.words); i++)
        names.words[names.count++] = str_from(group->commands[i].name);
    for (size_t i = 0; !group->name[0] && i < cli_group_count && names.count < COUNT(names.words);
         i++)
        names.words[names.count++] = str_from(cli_groups[i]->name);
    struct str near = yaml_nearest(word, names.words, names.count);
    error_set(err, ERROR_INVALID, "", "There is no command '%s%s%.*s'.", group->name,
              group->name[0] ? " " : "", STR_ARG(word));
    if (near.len)
        return error_hint(err, "Did you mean 'lazurite %s%s%.*s'?", group->name,
                          group->name[0] ? " " : "", STR_ARG(near));
    return error_hint(err, "lazurite %s%s--help", group->name, group->name[0] ? " " : "");
}

/* How many of the words the name of a group takes: 0 when it is another. A name has one or two. */
static size_t words_of_group(const struct cli_group *group, char *const *words, size_t count)
{
    struct str first, second, name = str_from(group->name);

    assert(group->name);
    if (!str_cut(name, ' ', &first, &second))
        return count > 0 && str_eq(name, str_from(words[0])) ? 1 : 0;
    return count > 1 && str_eq(first, str_from(words[0])) && str_eq(second, str_from(words[1])) ? 2
                                                                                                : 0;
}

const struct cli_group *arguments_group(char *const *words, size_t count, size_t *out_taken)
{
    const struct cli_group *found = &own_group;

    assert(out_taken);
    *out_taken = 0;
    for (size_t i = 0; i < cli_group_count; i++) {
        size_t taken = words_of_group(cli_groups[i], words, count);
        if (taken > *out_taken) {
            found = cli_groups[i];
            *out_taken = taken;
        }
    }
    return found;
}

/* Takes the words that name the command; `ml` before them is dropped. */
static int find_command(struct words *words, struct cli_arguments *out, struct error *err)
{
    assert(out);
    if (words->at < words->count && !strcmp(words->argv[words->at], "ml"))
        words->at++;
    out->group = &own_group;
    if (words->at >= words->count || is_flag_word(str_from(words->argv[words->at])))
        return 0;
    size_t taken;
    out->group =
        arguments_group(words->argv + words->at, (size_t)(words->count - words->at), &taken);
    words->at += (int)taken;
    if (words->at >= words->count || is_flag_word(str_from(words->argv[words->at])))
        return 0;
    struct str verb = str_from(words->argv[words->at]);
    out->command = command_in(out->group, verb);
    if (!out->command)
        return unknown_word(out->group, verb, err);
    words->at++;
    return 0;
}

/* Help wins over every error of the line, wherever it stands: who asks for it needs it. */
int arguments_parse(struct arena *arena, int argc, char **argv, struct cli_arguments *out,
                    struct error *err)
{
    struct words words = {argv, 1, argc};

    assert(argc >= 1 && argv[0]);
    *out = (struct cli_arguments){0};
    if (find_command(&words, out, err) < 0)
        return -1;
    for (int i = words.at; i < argc; i++)
        out->help |= !strcmp(argv[i], "--help") || !strcmp(argv[i], "-h");
    if (!out->command && (out->help || words.at >= argc))
        return 0;
    if (!out->command)
        return error_set(err, ERROR_INVALID, "", "A command is expected before '%s'.",
                         argv[words.at]);
    if (out->help)
        return 0;
    while (words.at < argc)
        if ((is_flag_word(str_from(argv[words.at])) ? read_flag(arena, out, &words, err)
                                                    : read_bare(arena, out, &words, err)) < 0)
            return -1;
    return check_required(out, err);
}

/* By name, not by row: handlers do not know which table a flag came from. */
static const struct cli_given *given_flag(const struct cli *cli, const char *flag)
{
    assert(flag[0]);
    for (size_t i = 0; i < cli->arguments.count; i++)
        if (!strcmp(cli->arguments.given[i].flag->name, flag))
            return &cli->arguments.given[i];
    return NULL;
}

/* The last value counts, as it does for every program that people script. */
struct str cli_text(const struct cli *cli, const char *flag)
{
    const struct cli_given *given = given_flag(cli, flag);

    assert(flag[0]);
    if (given && given->count)
        return given->values[given->count - 1];
    const struct cli_command *command = cli->arguments.command;
    const struct cli_flag *row = command ? arguments_find(command, str_from(flag), 0) : NULL;
    return row && row->fallback ? str_from(row->fallback) : STR("");
}

bool cli_has(const struct cli *cli, const char *flag)
{
    return given_flag(cli, flag) != NULL;
}

/* Numbers were checked when they were read. */
int64_t cli_number(const struct cli *cli, const char *flag, int64_t fallback)
{
    int64_t number;

    assert(flag[0]);
    return str_to_int64(cli_text(cli, flag), &number) ? number : fallback;
}

/* Never NULL, so that callers need not ask twice. */
const struct cli_given *cli_words(const struct cli *cli, const char *flag)
{
    static const struct cli_given NONE = {0};
    const struct cli_given *given = given_flag(cli, flag);

    assert(flag[0]);
    return given ? given : &NONE;
}
