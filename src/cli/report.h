/* report.h - an error as a person or a program reads it on standard error: code, sentence, where,
 * next */
#pragma once

#include "cli/command.h"

/* Writes the four parts; the exit code that belongs to them. */
int report_error(const struct cli *cli, const struct error *err);

/* The text alone, for tests. */
struct str report_text(const struct cli *cli, const struct error *err);
