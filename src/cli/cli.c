/* cli.c - One run: parse, weigh the flags, call the handler, print its one result or the error.
 * Results go to standard output, all else to standard error. */
#include "cli/cli.h"
#include "cli/arguments.h"
#include "cli/completion.h"
#include "cli/help.h"
#include "cli/jmespath.h"
#include "cli/login.h"
#include "cli/output.h"
#include "cli/report.h"
#include "cli/session.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CLI_BUDGET_BYTES (1 * GIB)

/* Standard output holds results only, in the order they are made. */
void cli_write(struct str text)
{
    assert(text.ptr || !text.len);
    fwrite(text.ptr ? text.ptr : "", 1, text.len, stdout);
}

/* For results that are text by nature, such as lines for a shell to evaluate. */
void cli_say(const char *format, ...)
{
    va_list args;

    assert(format);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
}

/* Standard error: a script that reads the result never sees it. */
void cli_note(const struct cli *cli, const char *format, ...)
{
    va_list args;

    assert(format);
    if (cli->quiet)
        return;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

/* For what a person would want to know and a script may ignore. */
void cli_warn(const struct cli *cli, const char *format, ...)
{
    va_list args;

    assert(format);
    if (cli->quiet)
        return;
    fputs(cli->color_err ? "\033[33mwarning\033[0m  " : "warning  ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

/* Default columns of a list, unless --wide or LAZURITE_TABLE=az ask for all. */
static const char *const *default_columns(const struct cli *cli)
{
    const char *rule = getenv("LAZURITE_TABLE");

    return cli->wide || (rule && !strcmp(rule, "az")) ? NULL : cli->columns;
}

/* A query that finds nothing prints null, as az does. */
int cli_result(struct cli *cli, const struct json *value, struct error *err)
{
    struct json *shown = (struct json *)value;
    struct output_options options = {cli->format, cli->color_out, cli->query != NULL,
                                     default_columns(cli)};
    struct str text;

    assert(cli->arena);
    if (cli->query && jmespath_search(cli->arena, cli->query, value, &shown, err) < 0)
        return -1;
    if (output_write(cli->arena, shown ? shown : json_null(cli->arena), &options, &text, err) < 0)
        return -1;
    cli_write(text);
    return 0;
}

/* Choices were checked before: an unknown name cannot come here. */
static enum cli_format format_named(struct str name)
{
    static const struct {
        const char *name;
        enum cli_format format;
    } FORMATS[] = {{"json", CLI_JSON},   {"jsonc", CLI_JSONC}, {"yaml", CLI_YAML},
                   {"yamlc", CLI_YAMLC}, {"table", CLI_TABLE}, {"tsv", CLI_TSV},
                   {"none", CLI_NONE}};

    assert(name.ptr || !name.len);
    for (size_t i = 0; i < COUNT(FORMATS); i++)
        if (str_eq_fold(name, str_from(FORMATS[i].name)))
            return FORMATS[i].format;
    return CLI_JSON;
}

/* NO_COLOR and a dumb terminal are respected; a pipe never gets colors. */
static bool wants_color(int descriptor)
{
    const char *none = getenv("NO_COLOR"), *term = getenv("TERM");

    assert(descriptor >= 0);
    return isatty(descriptor) && !(none && none[0]) && !(term && !strcmp(term, "dumb"));
}

/* The place of an error is marked under the expression. */
static int read_query(struct cli *cli, struct error *err)
{
    struct str text = cli_text(cli, "query");

    assert(cli->arena);
    if (!cli_has(cli, "query"))
        return 0;
    if (jmespath_parse(cli->arena, text, &cli->query, err) == 0)
        return 0;
    /* The place is shown under the expression. */
    int64_t column = 1;
    str_to_int64(str_from(err->target), &column);
    struct error shown = *err;
    error_set(err, ERROR_INVALID, "", "--query does not parse: %s", shown.message);
    snprintf(err->target, sizeof err->target, "--query, column %lld", (long long)column);
    if (text.len < 100 && str_find_char(text, '\n') < 0)
        snprintf(err->hint, sizeof err->hint, "%.*s\n              %*s^", STR_ARG(text),
                 (int)column - 1, "");
    return -1;
}

/* Flags that every command takes, read even where the line is wrong: the error has its form by
 * them. */
static void read_globals(struct cli *cli)
{
    assert(cli->arena);
    cli->quiet = cli_has(cli, "only-show-errors");
    cli->debug = cli_has(cli, "debug");
    cli->verbose = cli->debug || cli_has(cli, "verbose");
    cli->wide = cli_has(cli, "wide");
    cli->json_errors = str_eq_fold(cli_text(cli, "error-format"), STR("json"));
    cli->format_given = cli_has(cli, "output");
    cli->format = format_named(cli_text(cli, "output"));
}

/* No flag is taken in silence when it does nothing. */
static int weigh_flags(struct cli *cli, struct error *err)
{
    const struct cli_arguments *arguments = &cli->arguments;

    assert(arguments->command);
    for (size_t i = 0; i < arguments->count; i++) {
        const struct cli_flag *flag = arguments->given[i].flag;
        if (flag->later) {
            struct str name = arena_printf(cli->arena, "--%s", flag->name);
            return error_set(err, ERROR_NOT_IMPLEMENTED, name.ptr, "--%s is not built yet: %s.",
                             flag->name, flag->later);
        }
        if (flag->idle)
            cli_warn(cli, "--%s changes nothing: %s.", flag->name, flag->idle);
    }
    return 0;
}

/* Parses, then weighs, then runs: nothing is sent for a line that is wrong. */
static int run(struct cli *cli, int argc, char **argv, struct error *err)
{
    struct cli_arguments *arguments = &cli->arguments;

    assert(argc >= 1);
    cli->usage = true;
    int parsed = arguments_parse(cli->arena, argc, argv, arguments, err);
    read_globals(cli);
    if (parsed < 0)
        return -1;
    if (arguments->help || !arguments->command) {
        bool asked = arguments->help || argc == 1;
        cli_write(help_text(cli->arena, arguments, cli->color_out));
        cli->exit_code = asked ? 0 : 2;
        return 0;
    }
    if (read_query(cli, err) < 0)
        return -1;
    cli->usage = false;
    if (weigh_flags(cli, err) < 0)
        return -1;
    return arguments->command->run(cli, err);
}

/* The one entry: whatever happens below, streams are flushed and the exit code is one of the
 * documented. */
int cli_main(int argc, char **argv)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(CLI_BUDGET_BYTES);
    struct cli *cli = arena_make(arena, struct cli);
    struct error err = {0};

    assert(argc >= 1);
    cli->arena = arena;
    cli->renew = login_bearer;
    if (argc > 1 && !strcmp(argv[1], "__complete")) {
        cli_write(completion_words(arena, argv + 2, (size_t)argc - 2));
        return 0;
    }
    cli->color_out = wants_color(STDOUT_FILENO);
    cli->color_err = wants_color(STDERR_FILENO);
    cli->terminal_err = isatty(STDERR_FILENO);
    cli->terminal_in = isatty(STDIN_FILENO);
    int code = run(cli, argc, argv, &err) < 0 ? report_error(cli, &err) : cli->exit_code;
    session_close(&cli->session);
    if (fflush(stdout) != 0 && code == 0)
        code = 1;
    return code;
}
