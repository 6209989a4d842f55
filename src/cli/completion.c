/* completion.c - Words for a shell. The scripts ask the program itself, so that they never grow
 * old. */
#include "cli/completion.h"
#include "base/buf.h"
#include "cli/arguments.h"

#include <assert.h>
#include <string.h>

/* Scripts ask the binary, which answers from its tables in a few milliseconds and without a
 * request. */
static const char BASH[] =
    "_lazurite() {\n"
    "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
    "    case $prev in\n"
    "    -f|--file|-r|--request-file|-p|--path|--download-path|--data-dir)\n"
    "        COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n"
    "    esac\n"
    "    COMPREPLY=($(compgen -W \"$(lazurite __complete \"${COMP_WORDS[@]:1:COMP_CWORD}\" "
    "2>/dev/null)\" -- \"$cur\"))\n"
    "}\n"
    "complete -o default -F _lazurite lazurite\n";
static const char ZSH[] =
    "#compdef lazurite\n"
    "_lazurite() {\n"
    "    case ${words[CURRENT-1]} in\n"
    "    -f|--file|-r|--request-file|-p|--path|--download-path|--data-dir) _files; return ;;\n"
    "    esac\n"
    "    local -a found\n"
    "    found=(${(f)\"$(lazurite __complete ${words[2,CURRENT]} 2>/dev/null)\"})\n"
    "    compadd -a found\n"
    "}\n"
    "compdef _lazurite lazurite\n";
static const char FISH[] =
    "complete -c lazurite -f -a '(set -l t (commandline -opc) (commandline -ct); "
    "lazurite __complete $t[2..-1] 2>/dev/null)'\n"
    "complete -c lazurite -s f -l file -r -F\n";

struct str completion_script(struct arena *arena, struct str shell)
{
    assert(shell.len > 0);
    if (str_eq_fold(shell, STR("zsh")))
        return str_from(ZSH);
    return str_eq_fold(shell, STR("fish")) ? str_from(FISH) : str_from(BASH);
}

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

static void add_commands(struct buf *out, const struct cli_group *group)
{
    assert(group->commands);
    for (size_t i = 0; i < group->count; i++)
        if (!group->commands[i].hidden)
            buf_printf(out, "%s\n", group->commands[i].name);
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

struct str completion_words(struct arena *arena, char *const *words, size_t count)
{
    CLEANUP(buf_free) struct buf out = buf_make(MIB);
    const struct cli_group *group = &own_group;
    const struct cli_command *command = NULL;
    size_t at = count > 1 && !strcmp(words[0], "ml") ? 1 : 0;

    if (count <= at + 1) {
        for (size_t i = 0; i < cli_group_count; i++)
            buf_printf(&out, "%s\n", cli_groups[i]->name);
        add_commands(&out, &own_group);
        return arena_str(arena, buf_str(&out));
    }
    for (size_t i = 0; i < cli_group_count; i++)
        if (!strcmp(words[at], cli_groups[i]->name))
            group = cli_groups[i];
    at += group->name[0] ? 1 : 0;
    if (group->name[0] && count == at + 1) {
        add_commands(&out, group);
        return arena_str(arena, buf_str(&out));
    }
    for (size_t i = 0; i < group->count; i++)
        if (!strcmp(words[at], group->commands[i].name))
            command = &group->commands[i];
    if (!command)
        return STR("");
    assert(count >= 2);
    const struct cli_flag *flag = waiting_flag(command, words[count - 2]);
    if (flag)
        add_choices(&out, flag);
    else
        arguments_each(command, add_flag, &out);
    return arena_str(arena, buf_str(&out));
}
