/* cgroup.h - a control group for one attempt: limits, whole-tree kill, facts about memory
 *
 * Hosts differ: version 2, version 1, both, none, or all read-only. Whatever is missing is no error
 * but a fact, said in `notes`, so that the log of a job can name it. Groups are made beneath our
 * own, so an outer limit still holds.
 */
#pragma once

#include "base/arena.h"

enum cgroup_use { CGROUP_UNIFIED, CGROUP_MEMORY, CGROUP_PIDS, CGROUP_USE_COUNT_ };

struct cgroup {
    char *folder[CGROUP_USE_COUNT_]; /* absolute; NULL when the host has it not. CGROUP_MEMORY and
                                      * CGROUP_PIDS may be the same folder as CGROUP_UNIFIED */
    const char **procs; /* for process_spec.cgroups; NULL when there is no group at all */
    struct str notes;   /* what is missing, a sentence each; "" when nothing is */
};

struct cgroup_limits {
    int64_t memory_bytes; /* 0: none */
    int64_t processes;    /* 0: none */
};

/* Makes the group `name`, or finds it again after a crash. */
void cgroup_make(struct arena *arena, const char *name, const struct cgroup_limits *limits,
                 struct cgroup *out);

/* Kills every process in it; returns when none is left, or after two seconds. */
void cgroup_kill(const struct cgroup *group);

/* Processes in it, -1 when unknown. */
int cgroup_count(const struct cgroup *group);

/* The most memory it ever used, and how many of its processes the kernel killed for want of memory;
 * -1 when the host does not say. */
int64_t cgroup_peak_bytes(const struct cgroup *group);
int64_t cgroup_oom_kills(const struct cgroup *group);

/* Removes the empty group. */
void cgroup_remove(const struct cgroup *group);
