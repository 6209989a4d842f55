/* folders.h - the end of run folders: `runs/{run}-{attempt}` goes with its job
 *
 * They hold copies of code, inputs and outputs, so deleting a job or a workspace for good removes
 * them. Numbers of runs are given again once the greatest is gone: folders go before the rows.
 */
#pragma once

#include "store/store.h"

/* Where a walk over a workspace's attempts stands; begins with all but the scope zero. */
struct job_folders {
    int64_t scope;
    int64_t run; /* the last one done */
    int number;
    bool done; /* there are no more */
};
/* Removes the folders of the next few attempts of a workspace, whose jobs must have ended.
 * `dir`: the data folder. Errors: ERROR_IO and what the store says; it may be tried again. */
int job_folders_drop(struct store *store, int dir, struct job_folders *at, struct error *err);

/* Removes every folder of an attempt that no row tells of: what deleted jobs left. Threads: any;
 * not for the IO thread. */
int job_folders_sweep(struct store *store, int dir, struct error *err);
