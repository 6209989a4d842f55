/* help.c - Help is printed from the rows that parse: what it says is what is taken. */
#include "cli/help.h"
#include "base/buf.h"
#include "cli/arguments.h"
#include "cli/output.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define PAGE_COLUMNS 80
#define ROW_COLUMN 29
#define FLAG_COLUMN 32
#define USAGE_COLUMN 6 /* where a usage that is too long goes on */

struct page {
    struct arena *arena;
    struct buf out;
    bool color;
    const char *section;
};

/* Sections are what the eye looks for; color only marks them. */
static void heading(struct page *page, const char *text)
{
    assert(text[0]);
    buf_printf(&page->out, "\n%s%s%s\n", page->color ? "\033[1m" : "", text,
               page->color ? "\033[0m" : "");
}

/* What stands right of a column, broken between words (behind a bar where there is no blank) so
 * that no line is wider than a terminal of 80 columns. */
static void wrapped(struct page *page, struct str text, size_t column)
{
    size_t width = PAGE_COLUMNS - column;

    assert(column < PAGE_COLUMNS);
    while (output_width(text) > width) {
        size_t space = 0, bar = 0;
        for (size_t i = 1; i < text.len && output_width(str_slice(text, 0, i)) <= width; i++) {
            if (text.ptr[i] == ' ')
                space = i;
            if (text.ptr[i - 1] == '|')
                bar = i;
        }
        size_t end = space ? space : bar;
        if (!end)
            break;
        buf_printf(&page->out, "%.*s\n%*s", (int)end, text.ptr, (int)column, "");
        text = str_slice(text, text.ptr[end] == ' ' ? end + 1 : end, text.len);
    }
    buf_printf(&page->out, "%.*s\n", STR_ARG(text));
}

/* Left of the column, or on a line of its own when it is wider. */
static void left_of(struct page *page, const char *left, size_t column)
{
    size_t width = output_width(str_from(left));

    assert(left[0]);
    buf_printf(&page->out, "  %s", left);
    if (width + 3 > column)
        buf_printf(&page->out, "\n%*s", (int)column, "");
    else
        buf_printf(&page->out, "%*s", (int)(column - width - 2), "");
}

/* A name too long for its column gets a line of its own, so that none is cut. */
static void row(struct page *page, const char *left, const char *right)
{
    assert(left && right);
    left_of(page, left, ROW_COLUMN);
    wrapped(page, str_from(right), ROW_COLUMN);
}

/* "-f, --file VALUE"; what it takes is written in capitals after its last word. */
static void flag_row(const struct cli_flag *flag, const char *section, void *context)
{
    struct page *page = context;
    char left[80], letter[8] = "    ";

    assert(flag->help);
    if (page->section != section) {
        page->section = section;
        heading(page, section);
    }
    if (flag->letter)
        snprintf(letter, sizeof letter, "-%c, ", flag->letter);
    static const char *const VALUES[] = {
        [CLI_VALUE] = " TEXT", [CLI_NUMBER] = " N", [CLI_SWITCH] = "", [CLI_LIST] = " TEXT…"};
    snprintf(left, sizeof left, "%s--%s%s", letter, flag->name, VALUES[flag->takes]);
    struct str right =
        arena_printf(page->arena, "%s%s%s%s%s%s%s", flag->required ? "required: " : "", flag->help,
                     flag->choices ? "; one of " : "", flag->choices ? flag->choices : "",
                     flag->fallback ? " (default " : "", flag->fallback ? flag->fallback : "",
                     flag->fallback ? ")" : "");
    left_of(page, left, FLAG_COLUMN);
    wrapped(page, right, FLAG_COLUMN);
}

/* "-f FILE", or "--endpoint-name ENDPOINT-NAME" for a flag without a letter. */
static void required_flag(struct buf *out, const struct cli_flag *flag)
{
    assert(flag->required);
    if (flag->letter)
        buf_printf(out, " -%c ", flag->letter);
    else
        buf_printf(out, " --%s ", flag->name);
    for (const char *c = flag->name; *c; c++)
        buf_add_char(out, (char)toupper((unsigned char)*c));
}

/* The line as it is typed, with what it must have. */
static void usage(struct page *page, const struct cli_group *group,
                  const struct cli_command *command)
{
    CLEANUP(buf_free) struct buf line = buf_make(4 * KIB);

    buf_printf(&line, "lazurite %s%s%s", group->name, group->name[0] ? " " : "", command->name);
    if (command->positional)
        buf_add(&line, STR(" NAME"));
    for (size_t i = 0; i < command->flag_count; i++)
        if (command->flags[i].required &&
            (!command->positional || strcmp(command->positional, command->flags[i].name)))
            required_flag(&line, &command->flags[i]);
    buf_add(&line, STR(" [flags]"));
    heading(page, "Usage");
    buf_add(&page->out, STR("  "));
    wrapped(page, buf_str(&line), USAGE_COLUMN);
}

/* Usage, flags in their sections, examples: what one reads from top to bottom. */
static void command_page(struct page *page, const struct cli_group *group,
                         const struct cli_command *command)
{
    const char *space = group->name[0] ? " " : "";

    assert(command->help);
    wrapped(page,
            arena_printf(page->arena, "lazurite %s%s%s: %s", group->name, space, command->name,
                         command->help),
            0);
    usage(page, group, command);
    arguments_each(command, flag_row, page);
    heading(page, "Examples");
    for (size_t i = 0; i < COUNT(command->examples); i++)
        if (command->examples[i])
            buf_printf(&page->out, "  %s\n", command->examples[i]);
}

/* In the order of the table: it was chosen for people. */
static void command_rows(struct page *page, const struct cli_group *group)
{
    assert(group->count > 0);
    for (size_t i = 0; i < group->count; i++)
        if (!group->commands[i].hidden)
            row(page, group->commands[i].name, group->commands[i].help);
}

/* What there is, in one page: details are a word away. */
static void overview(struct page *page)
{
    assert(page->arena);
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

/* Of a command, a group or everything: as far as the line went. */
struct str help_text(struct arena *arena, const struct cli_arguments *arguments, bool color)
{
    struct page page = {.arena = arena, .out = buf_make(256 * KIB), .color = color};

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
