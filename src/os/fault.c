/* Plans of failure; see fault.h. One relaxed load when there is none, as the points lie in hot
 * calls. A failpoint ends the process where it stands: what a crash leaves behind is tested by
 * crashing. */
#include "os/fault.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* As written in the environment of a program under test. */
static const char *const NAMES[FAULT_POINT_COUNT_] = {
    [FAULT_OPEN] = "open",     [FAULT_READ] = "read",     [FAULT_WRITE] = "write",
    [FAULT_FSYNC] = "fsync",   [FAULT_RENAME] = "rename", [FAULT_SPAWN] = "spawn",
    [FAULT_COMMIT] = "commit", [FAULT_STEP] = "step",
};

/* One plan per point. `armed` is the only thing production reads. */
static struct {
    atomic_uint armed; /* plans that are set */
    struct {
        atomic_uint nth, count;
        atomic_uint every; /* 0: once */
        atomic_int number;
    } plan[FAULT_POINT_COUNT_];
} faults;

/* Relaxed: a test sets its plan before it starts the threads that meet it. */
int fault_hit(enum fault_point point)
{
    assert(point < FAULT_POINT_COUNT_);
    if (!atomic_load_explicit(&faults.armed, memory_order_relaxed))
        return 0;
    unsigned nth = atomic_load(&faults.plan[point].nth);
    if (!nth)
        return 0;
    unsigned reached = atomic_fetch_add(&faults.plan[point].count, 1) + 1;
    unsigned every = atomic_load(&faults.plan[point].every);
    bool fails = reached == nth || (reached > nth && every && (reached - nth) % every == 0);
    return fails ? atomic_load(&faults.plan[point].number) : 0;
}

/* For tests alone. The counter starts anew, so that "the third write" is counted from the plan and
 * not from the start of the program. */
void fault_plan_every(enum fault_point point, unsigned nth, unsigned every, int number)
{
    assert(point < FAULT_POINT_COUNT_);
    bool was = atomic_load(&faults.plan[point].nth) != 0;

    atomic_store(&faults.plan[point].count, 0);
    atomic_store(&faults.plan[point].number, number);
    atomic_store(&faults.plan[point].every, every);
    atomic_store(&faults.plan[point].nth, nth);
    if (was && !nth)
        atomic_fetch_sub(&faults.armed, 1);
    else if (!was && nth)
        atomic_fetch_add(&faults.armed, 1);
}

/* The usual two kinds. */
void fault_plan(enum fault_point point, unsigned nth, int number, bool onwards)
{
    fault_plan_every(point, nth, onwards ? 1 : 0, number);
}

/* How often the point was passed: a test first counts, then fails each in turn. */
unsigned fault_count(enum fault_point point)
{
    assert(point < FAULT_POINT_COUNT_);
    return atomic_load(&faults.plan[point].count);
}

/* The number behind a name such as ENOSPC, 0 when there is none. */
static int errno_by_name(struct str name)
{
    for (int number = 1; number < 134; number++) {
        const char *known = strerrorname_np(number);
        if (known && str_eq(name, str_from(known)))
            return number;
    }
    return 0;
}

/* "3": once; "3+": from then on; "3+7": from then on each seventh. */
static bool read_calls(struct str text, int64_t *out_nth, int64_t *out_every)
{
    struct str every = {0};
    bool onwards = str_cut(text, '+', &text, &every);

    assert(out_nth && out_every);
    *out_every = onwards ? 1 : 0;
    return str_to_int64(text, out_nth) && *out_nth >= 1 && *out_nth <= INT32_MAX &&
           (every.len == 0 ||
            (str_to_int64(every, out_every) && *out_every >= 1 && *out_every <= INT32_MAX));
}

/* Sets one plan such as "write:3+:ENOSPC". */
static bool plan_from_text(struct str text)
{
    struct str name, rest, calls, number;
    int64_t nth, every;

    if (!str_cut(text, ':', &name, &rest) || !str_cut(rest, ':', &calls, &number))
        return false;
    int error = errno_by_name(number);
    if (!error || !read_calls(calls, &nth, &every))
        return false;
    for (int point = 0; point < FAULT_POINT_COUNT_; point++)
        if (str_eq(name, str_from(NAMES[point]))) {
            fault_plan_every((enum fault_point)point, (unsigned)nth, (unsigned)every, error);
            return true;
        }
    return false;
}

/* At the start of a program, before there are threads. */
void fault_from_environment(void)
{
    struct str rest = str_from(getenv("LAZURITE_FAULT"));
    struct str piece;

    if (!rest.len)
        return;
    while (str_split(&rest, ',', &piece))
        if (!plan_from_text(piece)) {
            /* A crash test whose fault never comes would pass for nothing. */
            fprintf(stderr, "LAZURITE_FAULT: cannot read '%.*s'; say POINT:N[+[M]]:ERRNO.\n",
                    STR_ARG(piece));
            abort();
        }
}

static const char *failpoint_wanted;

/* Read once: the environment may not be read while other threads change it. */
static void failpoint_read(void)
{
    failpoint_wanted = getenv("LAZURITE_FAILPOINT");
}

/* abort, not exit: nothing is flushed or cleaned up, as in a crash. */
void failpoint(const char *name)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    assert(name && *name);
    pthread_once(&once, failpoint_read);
    if (!failpoint_wanted || strcmp(failpoint_wanted, name) != 0)
        return;
    fprintf(stderr, "failpoint %s\n", name);
    abort();
}
