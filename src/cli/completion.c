/* completion.c - Words for a shell. The scripts ask the program itself, so that they never grow
 * old. */
#include "cli/completion.h"
#include "base/buf.h"
#include "cli/arguments.h"
#include "cli/completion_values.h"

#include <assert.h>
#include <string.h>

/* Scripts ask the binary, which answers from its tables in a few milliseconds and without a
 * request. */
/* The program says ":files" or ":yaml" where the shell itself knows better. Errors of ours never
 * reach the line that is being typed. */
static const char BASH[] =
    "_lazurite() {\n"
    "    local cur=\"${COMP_WORDS[COMP_CWORD]}\" found\n"
    "    found=\"$(lazurite __complete \"${COMP_WORDS[@]:1:COMP_CWORD}\" 2>/dev/null)\"\n"
    "    case $found in\n"
    "    :files) compopt -o default; COMPREPLY=() ;;\n"
    "    :yaml)\n"
    "        compopt -o filenames -o plusdirs\n"
    "        COMPREPLY=($(compgen -f -X '!*.y*ml' -- \"$cur\") "
    "$(compgen -f -X '!*.json' -- \"$cur\"))\n"
    "        ;;\n"
    "    *)\n"
    "        local word\n"
    "        COMPREPLY=()\n"
    "        while IFS= read -r word; do\n"
    "            [[ $word && $word == \"$cur\"* ]] && COMPREPLY+=(\"$word\")\n"
    "        done <<<\"$found\"\n"
    "        [[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace\n"
    "        ;;\n"
    "    esac\n"
    "}\n"
    "complete -F _lazurite lazurite\n";
static const char ZSH[] =
    "#compdef lazurite\n"
    "_lazurite() {\n"
    "    local -a found\n"
    "    found=(${(f)\"$(lazurite __complete ${words[2,CURRENT]} 2>/dev/null)\"})\n"
    "    case $found[1] in\n"
    "    :files) _files ;;\n"
    "    :yaml) _files -g '*.(yml|yaml|json)' ;;\n"
    "    *=) compadd -S '' -a found ;;\n"
    "    *) compadd -a found ;;\n"
    "    esac\n"
    "}\n"
    "compdef _lazurite lazurite\n";
static const char FISH[] = "function __lazurite_complete\n"
                           "    set -l typed (commandline -opc) (commandline -ct)\n"
                           "    set -l found (lazurite __complete $typed[2..-1] 2>/dev/null)\n"
                           "    switch \"$found[1]\"\n"
                           "        case ':files'\n"
                           "            __fish_complete_path (commandline -ct)\n"
                           "        case ':yaml'\n"
                           "            __fish_complete_suffix .yml\n"
                           "            __fish_complete_suffix .yaml\n"
                           "            __fish_complete_suffix .json\n"
                           "        case '*'\n"
                           "            printf '%s\\n' $found\n"
                           "    end\n"
                           "end\n"
                           "complete -c lazurite -f -a '(__lazurite_complete)'\n";

/* Each is short and never changes with the tables: it only passes words on. */
struct str completion_script(struct arena *arena, struct str shell)
{
    assert(shell.len > 0);
    if (str_eq_fold(shell, STR("zsh")))
        return str_from(ZSH);
    return str_eq_fold(shell, STR("fish")) ? str_from(FISH) : str_from(BASH);
}

/* As they stand in the row, one a line. */
static void add_choices(struct buf *out, const struct cli_flag *flag)
{
    for (const char *c = flag->choices; c && *c; c++)
        buf_add_char(out, *c == '|' ? '\n' : *c);
    if (flag->choices)
        buf_add_char(out, '\n');
}

static void add_flag(const struct cli_flag *flag, const char *section, void *context)
{
    assert(flag->name);
    buf_printf(context, "--%s\n", flag->name);
}

/* Hidden commands work, and are not offered. */
static void add_commands(struct buf *out, const struct cli_group *group)
{
    assert(group->commands);
    for (size_t i = 0; i < group->count; i++)
        if (!group->commands[i].hidden)
            buf_printf(out, "%s\n", group->commands[i].name);
}

/* Flags whose value is a path of this machine: the shell completes it. */
static const char *const PATH_FLAGS[] = {
    "build-context",         "conda-file",           "data-dir",
    "dockerfile-path",       "download-path",        "input",
    "mount-point",           "output-file",          "path",
    "private-key-file-path", "request-file",         "save-as",
    "specification",         "ssh-private-key-file",
};

/* Stages are the person's own words; these are Azure's. */
#define STAGES "Development\nProduction\nArchived\n"

/* By the name of the flag: the tables do not say what a text means. */
static bool is_path(const struct cli_flag *flag)
{
    for (size_t i = 0; i < COUNT(PATH_FLAGS); i++)
        if (!strcmp(flag->name, PATH_FLAGS[i]))
            return true;
    return false;
}

/* The flag whose value the last word begins, if any. */
static const struct cli_flag *waiting_flag(const struct cli_command *command, const char *before)
{
    const struct cli_flag *flag = NULL;

    if (before[0] == '-' && before[1] == '-')
        flag = arguments_find(command, str_from(before + 2), 0);
    else if (before[0] == '-' && before[1] && !before[2])
        flag = arguments_find(command, STR(""), before[1]);
    return flag && flag->takes != CLI_SWITCH ? flag : NULL;
}

/* A list goes on until the next flag: its values may follow at any distance. */
static const struct cli_flag *open_flag(const struct cli_command *command, char *const *words,
                                        size_t count)
{
    assert(count >= 2);
    for (size_t i = count - 1; i-- > 0;) {
        if (words[i][0] != '-')
            continue;
        const struct cli_flag *flag = waiting_flag(command, words[i]);
        return flag && (i == count - 2 || flag->takes == CLI_LIST) ? flag : NULL;
    }
    return NULL;
}

/* What may stand as the value of a flag. */
static void add_values(struct arena *arena, const struct cli_flag *flag, char *const *words,
                       size_t count, struct buf *out)
{
    assert(flag->name);
    if (flag->choices)
        add_choices(out, flag);
    else if (!strcmp(flag->name, "file"))
        buf_add(out, STR(":yaml\n"));
    else if (is_path(flag))
        buf_add(out, STR(":files\n"));
    else if (!strcmp(flag->name, "stage"))
        buf_add(out, STR(STAGES));
    else
        completion_values(arena, flag, words, count - 1, out);
}

/* The first word: any group's first word, and the commands without a group. */
static void add_first_words(struct buf *out)
{
    for (size_t i = 0; i < cli_group_count; i++)
        if (!strchr(cli_groups[i]->name, ' '))
            buf_printf(out, "%s\n", cli_groups[i]->name);
    add_commands(out, &own_group);
}

/* Commands of the group, and the second word of groups whose first it is. */
static void add_second_words(struct buf *out, const struct cli_group *group)
{
    size_t len = strlen(group->name);

    assert(len > 0);
    add_commands(out, group);
    for (size_t i = 0; i < cli_group_count; i++)
        if (!strncmp(cli_groups[i]->name, group->name, len) && cli_groups[i]->name[len] == ' ')
            buf_printf(out, "%s\n", cli_groups[i]->name + len + 1);
}

static const struct cli_command *find_command(const struct cli_group *group, const char *word)
{
    for (size_t i = 0; i < group->count; i++)
        if (!strcmp(word, group->commands[i].name))
            return &group->commands[i];
    return NULL;
}

/* Behind the name of a command: a value where a flag waits for one, else its flags. */
static void add_rest(struct arena *arena, const struct cli_command *command, char *const *words,
                     size_t count, struct buf *out)
{
    const struct cli_flag *flag = open_flag(command, words, count);
    bool dashed = words[count - 1][0] == '-';
    bool bare = !dashed && words[count - 2][0] != '-' && !strcmp(words[count - 2], command->name);

    if (!flag && bare && command->positional)
        flag = arguments_find(command, str_from(command->positional), 0);
    if (flag && !dashed)
        add_values(arena, flag, words, count, out);
    else
        arguments_each(command, add_flag, out);
}

/* The words before the last decide what the last may be: group, command, flag, value. */
struct str completion_words(struct arena *arena, char *const *words, size_t count)
{
    CLEANUP(buf_free) struct buf out = buf_make(MIB);
    size_t at = count > 1 && !strcmp(words[0], "ml") ? 1 : 0, taken = 0;

    if (count <= at + 1) {
        add_first_words(&out);
        return arena_str(arena, buf_str(&out));
    }
    const struct cli_group *group = arguments_group(words + at, count - at - 1, &taken);
    at += taken;
    if (taken && count == at + 1) {
        add_second_words(&out, group);
        return arena_str(arena, buf_str(&out));
    }
    const struct cli_command *command = find_command(group, words[at]);
    if (command && count >= at + 2)
        add_rest(arena, command, words, count, &out);
    return arena_str(arena, buf_str(&out));
}
