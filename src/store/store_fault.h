/* store_fault.h - an engine around another that fails on request; tests only
 *
 * "fault:sqlite:/path" and "fault:memory:" open the inner engine; a plan says which call of the
 * writer goes wrong, and how. So the writer's three ends of a commit can be had on any engine.
 */
#pragma once

#include <stdbool.h>

enum store_fault {
    STORE_FAULT_NONE,
    STORE_FAULT_STEP,         /* a statement fails, the transaction stands */
    STORE_FAULT_LEFT,         /* a statement fails and the engine leaves the transaction */
    STORE_FAULT_COMMIT,       /* COMMIT fails: nothing is stored */
    STORE_FAULT_UNKNOWN_KEPT, /* COMMIT's end is unknown; it is stored */
    STORE_FAULT_UNKNOWN_LOST, /* COMMIT's end is unknown; it is not stored */
    STORE_FAULT_REOPEN,       /* the writer's connection cannot be opened again */
};

/* The call number `nth` (from 1) of the kind that `what` names fails, with `onwards` all later ones
 * too. NONE, or nth 0, takes the plan back. Threads: set it while the writer is quiet. */
void store_fault_plan(enum store_fault what, unsigned nth, bool onwards);

/* Whether the plan has been met since it was set. */
bool store_fault_met(void);
