/* listing.h - lists of any length: a page at a time, each row written before the next page is asked
 *
 * Memory does not grow with the list where the format allows it: a table and a query need every row
 * first. On a terminal the count so far stands on standard error.
 */
#pragma once

#include "cli/command.h"

struct listing {
    struct str path; /* of the first page */
    size_t most;     /* rows; 0: all */
    /* One element as people see it; NULL leaves it out. Its memory ends with the page. */
    struct json *(*shape)(struct cli *cli, const struct json *rest);
    const char *const *columns; /* default columns of a table */
    const char *items;          /* member of a page that holds the elements; NULL: "value" */
};

/* Asks for the pages and prints the rows, in the format that was asked for. */
int listing_print(struct cli *cli, const struct listing *listing, struct error *err);

/* Adds the "listViewType=…" that --include-archived and --archived-only ask for. */
struct str listing_view(struct cli *cli, struct str path);

/* --max-results, or 0. */
size_t listing_most(const struct cli *cli);
