/* progress.h - one line per phase of what takes its time, on standard error */
#pragma once

#include "cli/command.h"

struct progress {
    const struct cli *cli;
    const char *phase;
    int64_t begun_us;
    int64_t shown_s;
    bool open; /* a line without its end stands on the terminal */
};

/* Says what begins; on a terminal the line is redrawn by progress_tick each second. */
struct progress progress_begin(const struct cli *cli, const char *phase);
void progress_tick(struct progress *progress);

/* Ends the line with the time it took, or with `words`. Nothing is said of what was instant. */
void progress_end(struct progress *progress, const char *words);

/* "1.5 s", "2 m 10 s", "812 B", "4.2 MiB". */
struct str progress_time(struct arena *arena, int64_t us);
struct str progress_bytes(struct arena *arena, int64_t bytes);

/* A line of its own that replaces the one before on a terminal; plain lines elsewhere are left out.
 */
void progress_line(const struct cli *cli, struct str text);
void progress_clear(const struct cli *cli);
