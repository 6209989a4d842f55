/* fault.h - the seam where tests make the n-th call fail
 *
 * Every wrapper in os/ that a disk or a kernel can refuse asks fault_hit first. In production no
 * plan is set and the question costs one relaxed load. The environment variable LAZURITE_FAULT
 * ("write:3:ENOSPC", "fsync:1+:EIO", "step:300+7:EIO", several joined by commas; + means from then
 * on, +7 each seventh from then on) sets plans for a whole process, so that crash tests can break a
 * real server.
 */
#pragma once

#include "base/str.h"

enum fault_point {
    FAULT_OPEN,
    FAULT_READ,
    FAULT_WRITE,
    FAULT_FSYNC,
    FAULT_RENAME,
    FAULT_SPAWN,
    FAULT_COMMIT, /* the store's COMMIT statement */
    FAULT_STEP,   /* a statement of the store */
    FAULT_POINT_COUNT_
};

/* 0, or the errno with which this call is to fail. */
int fault_hit(enum fault_point point);

/* The call number `nth` (from 1) of this point fails with `number`; with `onwards` all later ones
 * do too. nth 0 takes the plan back. Resets the point's counter. */
void fault_plan(enum fault_point point, unsigned nth, int number, bool onwards);

/* The call number `nth` and each `every`-th after it; 0: that one alone. */
void fault_plan_every(enum fault_point point, unsigned nth, unsigned every, int number);

/* How often the point was reached since its plan was set. */
unsigned fault_count(enum fault_point point);

/* Reads LAZURITE_FAULT; a plan that cannot be read aborts the program with a sentence. */
void fault_from_environment(void);

/* A named place where a crash test may kill the process: LAZURITE_FAILPOINT=name aborts there. */
void failpoint(const char *name);
