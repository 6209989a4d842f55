/* progress.c - What a person sees who waits. Nothing of it is written where nobody looks. */
#include "cli/progress.h"
#include "os/clock.h"

#include <assert.h>
#include <stdio.h>

/* What ends sooner is not worth a line. */
#define WORTH_US (500 * US_PER_MS)

struct progress progress_begin(const struct cli *cli, const char *phase)
{
    assert(cli);
    return (struct progress){.cli = cli, .phase = phase, .begun_us = clock_mono_us()};
}

/* As precise as a person cares: tenths below ten seconds, no seconds above an hour. */
struct str progress_time(struct arena *arena, int64_t us)
{
    assert(us >= 0);
    if (us < 10 * US_PER_S)
        return arena_printf(arena, "%.1f s", (double)us / US_PER_S);
    if (us < 60 * US_PER_S)
        return arena_printf(arena, "%lld s", (long long)(us / US_PER_S));
    long long minutes = us / US_PER_S / 60, seconds = us / US_PER_S % 60;
    if (minutes < 60)
        return arena_printf(arena, "%lld m %lld s", minutes, seconds);
    return arena_printf(arena, "%lld h %lld m", minutes / 60, minutes % 60);
}

/* Powers of 1024, with the unit that says so. */
struct str progress_bytes(struct arena *arena, int64_t bytes)
{
    static const char *const UNITS[] = {"KiB", "MiB", "GiB", "TiB"};
    double amount = (double)bytes / 1024;
    size_t unit = 0;

    assert(bytes >= 0);
    if (bytes < 1024)
        return arena_printf(arena, "%lld B", (long long)bytes);
    while (amount >= 1024 && unit + 1 < COUNT(UNITS)) {
        amount /= 1024;
        unit++;
    }
    return arena_printf(arena, "%.1f %s", amount, UNITS[unit]);
}

static bool shows(const struct progress *progress)
{
    assert(progress->cli);
    return progress->phase && !progress->cli->quiet;
}

/* At most once a second, and only where somebody looks. */
void progress_tick(struct progress *progress)
{
    int64_t seconds = (clock_mono_us() - progress->begun_us) / US_PER_S;

    assert(progress->cli);
    if (!shows(progress) || !progress->cli->terminal_err || seconds == progress->shown_s)
        return;
    progress->shown_s = seconds;
    progress->open = true;
    fprintf(stderr, "\r\033[K%s … %lld s", progress->phase, (long long)seconds);
    fflush(stderr);
}

/* What took no time is not worth a line; what failed always is. */
void progress_end(struct progress *progress, const char *words)
{
    int64_t took = clock_mono_us() - progress->begun_us;

    assert(progress->cli);
    if (!shows(progress) || (took < WORTH_US && !words && !progress->open))
        return;
    if (progress->open)
        fputs("\r\033[K", stderr);
    if (words)
        fprintf(stderr, "%s … %s\n", progress->phase, words);
    else
        fprintf(stderr, "%s … %.1f s\n", progress->phase, (double)took / US_PER_S);
}

/* Plain logs get none of it: they would hold a thousand lines of the same. */
void progress_line(const struct cli *cli, struct str text)
{
    assert(text.len > 0);
    if (cli->quiet || !cli->terminal_err)
        return;
    fprintf(stderr, "\r\033[K%.*s", STR_ARG(text));
    fflush(stderr);
}

/* Before anything else is written to the terminal. */
void progress_clear(const struct cli *cli)
{
    assert(cli);
    if (!cli->quiet && cli->terminal_err)
        fputs("\r\033[K", stderr);
}
