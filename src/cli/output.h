/* output.h - the one result of a command, in the format that was asked for */
#pragma once

#include "cli/command.h"

/* Writes the value as it goes to standard output, its final line end included.
 * Errors: ERROR_INVALID when a table has no column to show. */
struct output_options {
    enum cli_format format;
    bool color;                 /* jsonc and yamlc */
    bool queried;               /* --query set the order of columns */
    const char *const *columns; /* default columns of a list: path, head, …, NULL; or NULL */
};
int output_write(struct arena *arena, const struct json *value,
                 const struct output_options *options, struct str *out, struct error *err);

/* table.c: the format `table`. */
int table_write(struct arena *arena, const struct json *value, const struct output_options *options,
                struct str *out, struct error *err);

/* Columns that one line of text takes on a terminal. */
size_t output_width(struct str text);
