/* listing.c - One page lives in an arena of its own. While it is looked at, that arena takes the
 * place of the run's, so that whatever a shape makes goes with the page. */
#include "cli/listing.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/session.h"

#include <assert.h>

#define PAGE_BUDGET_BYTES (512 * MIB)

/* One list on its way out. */
struct rows {
    struct cli *cli;
    const struct listing *listing;
    struct arena *run; /* what lives as long as the run */
    struct json *kept; /* rows of a format that needs them all; else NULL */
    size_t count;
    bool open; /* the bracket of a JSON list is written */
};

/* Formats whose rows do not depend on one another, and no query that wants to see them all. */
static bool flows(const struct cli *cli)
{
    assert(cli->arena);
    return !cli->query && cli->format != CLI_TABLE && cli->format != CLI_NONE &&
           !(cli->color_out && (cli->format == CLI_JSONC || cli->format == CLI_YAMLC));
}

/* A list of these rows as text, without the brackets that the whole has once. */
static int write_rows(struct rows *rows, const struct json *page, struct error *err)
{
    struct cli *cli = rows->cli;
    struct output_options options = {.format = cli->format};
    bool json = cli->format == CLI_JSON || cli->format == CLI_JSONC;
    struct str text;

    if (!json_count(page))
        return 0;
    if (output_write(cli->arena, page, &options, &text, err) < 0)
        return -1;
    if (json) {
        assert(text.len > 4);
        /* "[\n" before and "\n]\n" behind. */
        cli_write(rows->open ? STR(",\n") : STR("[\n"));
        text = str_slice(text, 2, text.len - 3);
    }
    cli_write(text);
    rows->open = true;
    return 0;
}

static bool is_full(const struct rows *rows)
{
    return rows->listing->most && rows->count >= rows->listing->most;
}

/* Shapes what a page holds, up to the most; kept rows are copied to where they outlive it. */
static int take_page(struct rows *rows, const struct json *page, struct error *err)
{
    struct cli *cli = rows->cli;
    const char *items = rows->listing->items ? rows->listing->items : "value";
    struct json *shaped = json_array(cli->arena);
    struct json_iter it = json_iter(json_get(page, str_from(items)));

    while (!is_full(rows) && json_next(&it)) {
        struct json *row = rows->listing->shape(cli, it.value);
        if (!row)
            continue;
        rows->count++;
        if (rows->kept)
            json_append(rows->run, rows->kept, json_copy(rows->run, row));
        else
            json_append(cli->arena, shaped, row);
    }
    return rows->kept ? 0 : write_rows(rows, shaped, err);
}

/* Asks for one page in memory of its own. *next is the address of the one after it, or "". */
static int one_page(struct rows *rows, struct str *next, struct error *err)
{
    struct cli *cli = rows->cli;
    CLEANUP(arena_free) struct arena *scratch = arena_new(PAGE_BUDGET_BYTES);
    struct json *page = NULL;

    assert(next->len > 0);
    cli->arena = scratch;
    int result = session_get(cli, *next, &page, err);
    if (result == 0)
        result = take_page(rows, page, err);
    cli->arena = rows->run;
    /* What an error report reads must not go with the page. */
    cli->wire_code = arena_str(rows->run, cli->wire_code);
    *next = result < 0 ? STR("") : arena_str(rows->run, json_str_at(page, "nextLink"));
    return result;
}

/* What follows the last row. */
static int finish(struct rows *rows, struct error *err)
{
    struct cli *cli = rows->cli;

    if (rows->kept)
        return cli_result(cli, rows->kept, err);
    if (cli->format == CLI_JSON || cli->format == CLI_JSONC)
        cli_write(rows->open ? STR("\n]\n") : STR("[]\n"));
    else if (!rows->open && cli->format != CLI_TSV)
        return cli_result(cli, json_array(cli->arena), err);
    return 0;
}

/* Asks while it prints: the first rows are there before the last page. */
int listing_print(struct cli *cli, const struct listing *listing, struct error *err)
{
    struct rows rows = {.cli = cli, .listing = listing, .run = cli->arena};
    struct str next = listing->path;

    assert(listing->shape && listing->path.len > 0);
    if (session_open(cli, err) < 0)
        return -1;
    if (!flows(cli))
        rows.kept = json_array(cli->arena);
    cli->columns = listing->columns;
    while (next.len && !is_full(&rows)) {
        if (one_page(&rows, &next, err) < 0)
            return -1;
        if (next.len && cli->terminal_err)
            progress_line(cli, arena_printf(cli->arena, "%zu rows", rows.count));
    }
    progress_clear(cli);
    return finish(&rows, err);
}

/* Archived ones are hidden unless asked for: the wire's own words for it. */
struct str listing_view(struct cli *cli, struct str path)
{
    const char *view = cli_has(cli, "archived-only")      ? "ArchivedOnly"
                       : cli_has(cli, "include-archived") ? "All"
                                                          : "ActiveOnly";

    return arena_printf(cli->arena, "%.*s%clistViewType=%s", STR_ARG(path),
                        str_find_char(path, '?') < 0 ? '?' : '&', view);
}

size_t listing_most(const struct cli *cli)
{
    return (size_t)cli_number(cli, "max-results", 0);
}
