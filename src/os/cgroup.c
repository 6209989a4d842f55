/* Control groups of version 2, and of version 1 where the host still has those. What a host refuses
 * is told as a sentence and is never an error: a job without a limit is better than none, and the
 * whole tree of its processes is ended in other ways as well. */
#include "os/cgroup.h"

#include "os/clock.h"
#include "os/file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Where every distribution mounts it. */
#define CGROUP_ROOT "/sys/fs/cgroup"
#define KILL_TRIES 200
#define KILL_PAUSE_US 10000

/* Reads a small file; "" when it is not there. */
static struct str read_text(struct arena *arena, const char *path)
{
    char text[4096];
    CLEANUP(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof(text));

    assert(path[0] == '/');
    return got > 0 ? arena_str(arena, (struct str){text, (size_t)got}) : (struct str){0};
}

/* Writes into a control file; false when the host refuses. */
static bool write_text(const char *folder, const char *file, const char *text)
{
    char path[4096];

    assert(folder && file);
    if (snprintf(path, sizeof(path), "%s/%s", folder, file) >= (int)sizeof(path))
        return false;
    CLEANUP(fd_close) int fd = open(path, O_WRONLY | O_CLOEXEC);
    return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
}

/* A control file that the kernel or a controller lacks simply is not there. */
static bool has_file(const char *folder, const char *file)
{
    char path[4096];

    assert(folder && file);
    return snprintf(path, sizeof(path), "%s/%s", folder, file) < (int)sizeof(path) &&
           access(path, F_OK) == 0;
}

/* Our own path in the hierarchy of `controller` ("" is version 2), from /proc/self/cgroup. */
static struct str own_path(struct arena *arena, struct str controller)
{
    struct str rest = read_text(arena, "/proc/self/cgroup");
    struct str line, number, tail, controllers, path, one;

    assert(controller.ptr);
    while (str_split(&rest, '\n', &line)) {
        if (!str_cut(line, ':', &number, &tail) || !str_cut(tail, ':', &controllers, &path))
            continue;
        if (!controller.len && !controllers.len && str_eq(number, STR("0")))
            return path;
        while (controllers.len && str_split(&controllers, ',', &one))
            if (controller.len && str_eq(one, controller))
                return path;
    }
    return (struct str){0};
}

/* Makes `name` beneath our own group in the hierarchy mounted at `mount`; NULL when that fails. */
static char *make_beneath(struct arena *arena, const char *mount, struct str own, const char *name)
{
    if (!has_file(mount, "cgroup.procs"))
        return NULL;
    assert(*name);
    struct str base = arena_printf(arena, "%s%.*s", mount, STR_ARG(own));
    /* In a container the path may be the host's, which is not to be seen from in here. */
    if (str_eq(own, STR("/")) || access(base.ptr, F_OK) < 0)
        base = str_from(mount);
    struct str folder = arena_printf(arena, "%s/lazurite-%s", base.ptr, name);
    if (mkdir(folder.ptr, 0755) < 0 && errno != EEXIST)
        return NULL;
    return arena_cstr(arena, folder);
}

/* Gives children of the group above `folder` the controllers, as far as the kernel lets us. */
static void enable_controllers(struct arena *arena, const char *folder)
{
    char *parent = arena_cstr(arena, str_from(folder));
    char *slash = strrchr(parent, '/');

    assert(slash);
    *slash = '\0';
    write_text(parent, "cgroup.subtree_control", "+memory");
    write_text(parent, "cgroup.subtree_control", "+pids");
}

/* Version 2, alone or beside version 1. */
static void make_unified(struct arena *arena, const char *name, struct cgroup *group)
{
    bool alone = access(CGROUP_ROOT "/cgroup.controllers", F_OK) == 0;
    const char *mount = alone ? CGROUP_ROOT : CGROUP_ROOT "/unified";
    char *folder = make_beneath(arena, mount, own_path(arena, STR("")), name);

    assert(!group->folder[CGROUP_UNIFIED]);
    group->folder[CGROUP_UNIFIED] = folder;
    if (!folder || !alone)
        return;
    enable_controllers(arena, folder);
    if (has_file(folder, "memory.max"))
        group->folder[CGROUP_MEMORY] = folder;
    if (has_file(folder, "pids.max"))
        group->folder[CGROUP_PIDS] = folder;
}

/* Sentences for `status`: what the host does not let us do, each after the other. */
static void note(struct arena *arena, struct cgroup *group, const char *sentence)
{
    assert(*sentence);
    group->notes = arena_printf(arena, "%.*s%s%s", STR_ARG(group->notes),
                                group->notes.len ? " " : "", sentence);
}

/* Version 2 first, then the names of version 1. Swap is shut off, or the memory limit would only
 * move the job to the disk. */
static void set_limits(struct arena *arena, const struct cgroup_limits *limits,
                       struct cgroup *group)
{
    const char *memory = group->folder[CGROUP_MEMORY], *pids = group->folder[CGROUP_PIDS];
    struct str bytes = arena_printf(arena, "%lld", (long long)limits->memory_bytes);
    struct str count = arena_printf(arena, "%lld", (long long)limits->processes);

    assert(limits->memory_bytes >= 0 && limits->processes >= 0);
    if (limits->memory_bytes) {
        bool set = memory && (write_text(memory, "memory.max", bytes.ptr) ||
                              write_text(memory, "memory.limit_in_bytes", bytes.ptr));
        if (set && !write_text(memory, "memory.swap.max", "0"))
            write_text(memory, "memory.memsw.limit_in_bytes", bytes.ptr);
        if (!set)
            note(arena, group, "This host lets no memory limit be set.");
    }
    if (limits->processes && !(pids && write_text(pids, "pids.max", count.ptr)))
        note(arena, group, "This host lets no limit on processes be set.");
}

/* What the host refuses is noted, never an error: a job without limits is better than no job. */
void cgroup_make(struct arena *arena, const char *name, const struct cgroup_limits *limits,
                 struct cgroup *out)
{
    struct cgroup group = {0};
    size_t count = 0;

    assert(name && *name && !strchr(name, '/'));
    make_unified(arena, name, &group);
    if (!group.folder[CGROUP_MEMORY])
        group.folder[CGROUP_MEMORY] =
            make_beneath(arena, CGROUP_ROOT "/memory", own_path(arena, STR("memory")), name);
    if (!group.folder[CGROUP_PIDS])
        group.folder[CGROUP_PIDS] =
            make_beneath(arena, CGROUP_ROOT "/pids", own_path(arena, STR("pids")), name);
    const char **procs = arena_new_array(arena, const char *, CGROUP_USE_COUNT_ + 1);
    for (int use = 0; use < CGROUP_USE_COUNT_; use++) {
        if (!group.folder[use] || (use && group.folder[use] == group.folder[CGROUP_UNIFIED]))
            continue;
        procs[count++] = arena_printf(arena, "%s/cgroup.procs", group.folder[use]).ptr;
    }
    group.procs = count ? procs : NULL;
    if (!count)
        note(arena, &group, "This host lets no control group be made.");
    else if (!group.folder[CGROUP_MEMORY])
        note(arena, &group, "Memory is not counted: the memory controller is not ours.");
    set_limits(arena, limits, &group);
    *out = group;
}

/* Sends SIGKILL to all members; their number, -1 when the list cannot be read. */
static int kill_members(const char *folder, int signal)
{
    char path[4096], line[32];
    int count = 0;

    snprintf(path, sizeof(path), "%s/cgroup.procs", folder);
    FILE *file = fopen(path, "re");
    if (!file)
        return -1;
    while (fgets(line, sizeof(line), file)) {
        int64_t pid;
        if (!str_to_int64(str_trim(str_from(line)), &pid) || pid <= 1)
            continue;
        assert(pid != getpid());
        if (signal)
            kill((pid_t)pid, signal);
        count++;
    }
    fclose(file);
    return count;
}

/* The folder whose member list is complete: children cannot leave any of them by forking. */
static const char *any_folder(const struct cgroup *group)
{
    assert(group);
    for (int use = 0; use < CGROUP_USE_COUNT_; use++)
        if (group->folder[use])
            return group->folder[use];
    return NULL;
}

/* Again and again, since a member may fork between being listed and being killed. */
void cgroup_kill(const struct cgroup *group)
{
    const char *folder = any_folder(group);

    if (!folder)
        return;
    assert(folder[0] == '/');
    write_text(folder, "cgroup.kill",
               "1"); /* all at once where the kernel has it; else one by one */
    for (int i = 0; i < KILL_TRIES && kill_members(folder, SIGKILL) > 0; i++)
        clock_sleep_us(KILL_PAUSE_US);
}

/* Processes that are still in the group, to tell an end from a stop. -1 when it cannot be read. */
int cgroup_count(const struct cgroup *group)
{
    const char *folder = any_folder(group);

    assert(group);
    return folder ? kill_members(folder, 0) : -1;
}

/* The number in a control file, or behind `key` in a file of "key number" lines. */
static int64_t read_number(const char *folder, const char *file, const char *key)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(64 * KIB);
    struct str rest, line, name, value;
    int64_t number;

    assert(folder && file);
    rest = read_text(arena, arena_printf(arena, "%s/%s", folder, file).ptr);
    if (!key)
        return str_to_int64(str_trim(rest), &number) ? number : -1;
    while (str_split(&rest, '\n', &line))
        if (str_cut(line, ' ', &name, &value) && str_eq(name, str_from(key)) &&
            str_to_int64(str_trim(value), &number))
            return number;
    return -1;
}

/* The kernel's own high-water mark, so that nobody has to sample. */
int64_t cgroup_peak_bytes(const struct cgroup *group)
{
    const char *folder = group->folder[CGROUP_MEMORY];

    if (!folder)
        return -1;
    int64_t peak = read_number(folder, "memory.peak", NULL);
    assert(peak >= -1);
    return peak >= 0 ? peak : read_number(folder, "memory.max_usage_in_bytes", NULL);
}

/* Tells a job that wanted too much memory from one that was killed by somebody. */
int64_t cgroup_oom_kills(const struct cgroup *group)
{
    const char *folder = group->folder[CGROUP_MEMORY];

    if (!folder)
        return -1;
    int64_t kills = read_number(folder, "memory.events", "oom_kill");
    assert(kills >= -1);
    return kills >= 0 ? kills : read_number(folder, "memory.oom_control", "oom_kill");
}

/* Several controllers may share one folder: it is removed once. */
void cgroup_remove(const struct cgroup *group)
{
    assert(group);
    for (int use = 0; use < CGROUP_USE_COUNT_; use++) {
        bool again = false;
        for (int other = 0; other < use; other++)
            again = again || (group->folder[use] && group->folder[use] == group->folder[other]);
        if (group->folder[use] && !again)
            rmdir(group->folder[use]);
    }
}
