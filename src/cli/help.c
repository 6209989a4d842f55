#include "cli/help.h"
#include "base/buf.h"
#include "cli/arguments.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

struct page {
    struct buf out;
    bool color;
    const char *section;
};

static void heading(struct page *page, const char *text)
{
    buf_printf(&page->out, "\n%s%s%s\n", page->color ? "\033[1m" : "", text,
               page->color ? "\033[0m" : "");
}

static void row(struct page *page, const char *left, const char *right)
{
    buf_printf(&page->out, "  %-26s %s\n", left, right);
}

/* "-f, --file VALUE"; what it takes is written in capitals after its last word. */
static void flag_row(const struct cli_flag *flag, const char *section, void *context)
{
    struct page *page = context;
    char left[80], letter[8] = "    ";

    if (page->section != section) {
        page->section = section;
        heading(page, section);
    }
    if (flag->letter)
        snprintf(letter, sizeof letter, "-%c, ", flag->letter);
    static const char *const VALUES[] = {
        [CLI_VALUE] = " TEXT", [CLI_NUMBER] = " N", [CLI_SWITCH] = "", [CLI_LIST] = " TEXT…"};
    snprintf(left, sizeof left, "%s--%s%s", letter, flag->name, VALUES[flag->takes]);
    buf_printf(&page->out, "  %-*s %s%s", 29 + (flag->takes == CLI_LIST ? 2 : 0), left,
               flag->required ? "required: " : "", flag->help);
    if (flag->choices)
        buf_printf(&page->out, "; one of %s", flag->choices);
    if (flag->fallback)
        buf_printf(&page->out, " (default %s)", flag->fallback);
    buf_add_char(&page->out, '\n');
}

/* "-f FILE", or "--endpoint-name ENDPOINT-NAME" for a flag without a letter. */
static void required_flag(struct page *page, const struct cli_flag *flag)
{
    if (flag->letter)
        buf_printf(&page->out, " -%c ", flag->letter);
    else
        buf_printf(&page->out, " --%s ", flag->name);
    for (const char *c = flag->name; *c; c++)
        buf_add_char(&page->out, (char)toupper((unsigned char)*c));
}

static void command_page(struct page *page, const struct cli_group *group,
                         const struct cli_command *command)
{
    const char *space = group->name[0] ? " " : "";

    buf_printf(&page->out, "lazurite %s%s%s: %s\n", group->name, space, command->name,
               command->help);
    heading(page, "Usage");
    buf_printf(&page->out, "  lazurite %s%s%s", group->name, space, command->name);
    if (command->positional)
        buf_printf(&page->out, " %s", "NAME");
    for (size_t i = 0; i < command->flag_count; i++)
        if (command->flags[i].required &&
            (!command->positional || strcmp(command->positional, command->flags[i].name)))
            required_flag(page, &command->flags[i]);
    buf_add(&page->out, STR(" [flags]\n"));
    arguments_each(command, flag_row, page);
    heading(page, "Examples");
    for (size_t i = 0; i < COUNT(command->examples); i++)
        if (command->examples[i])
            buf_printf(&page->out, "  %s\n", command->examples[i]);
}

static void command_rows(struct page *page, const struct cli_group *group)
{
    for (size_t i = 0; i < group->count; i++)
        if (!group->commands[i].hidden)
            row(page, group->commands[i].name, group->commands[i].help);
}

static void overview(struct page *page)
{
    buf_add(&page->out, STR("lazurite: Azure Machine Learning that you run yourself\n"));
    heading(page, "Usage");
    buf_add(&page->out, STR("  lazurite GROUP COMMAND [flags]\n  lazurite COMMAND [flags]\n"));
    heading(page, "Groups (as in `az ml`)");
    for (size_t i = 0; i < cli_group_count; i++)
        row(page, cli_groups[i]->name, cli_groups[i]->help);
    heading(page, "Commands");
    command_rows(page, &own_group);
    heading(page, "Examples");
    buf_add(&page->out, STR("  lazurite serve\n  lazurite job create -f job.yml --stream\n"));
    buf_add(
        &page->out,
        STR("\nlazurite GROUP COMMAND --help says more; --output and --query work everywhere.\n"));
}

struct str help_text(struct arena *arena, const struct cli_arguments *arguments, bool color)
{
    struct page page = {.out = buf_make(256 * KIB), .color = color};

    assert(arguments->group);
    if (arguments->command) {
        command_page(&page, arguments->group, arguments->command);
    } else if (arguments->group->name[0]) {
        buf_printf(&page.out, "lazurite %s: %s\n", arguments->group->name, arguments->group->help);
        heading(&page, "Commands");
        command_rows(&page, arguments->group);
        buf_printf(&page.out, "\nlazurite %s COMMAND --help says more.\n", arguments->group->name);
    } else {
        overview(&page);
    }
    struct str text = arena_str(arena, buf_str(&page.out));
    buf_free(&page.out);
    return text;
}
