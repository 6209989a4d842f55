/* The tree of processes below one, as /proc shows it at one moment. It is the way to end what a
 * program started where control groups are not ours to make. */
#include "os/process.h"

#include <assert.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One process of the picture. */
struct member {
    pid_t pid, parent;
    int depth; /* generations below the root; -1 while unknown */
};

/* The parent out of /proc/PID/stat, 0 when the process is gone. */
static pid_t parent_of(pid_t pid)
{
    char path[40], text[512];
    char state;
    int parent = 0;

    assert(pid > 0);
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    size_t got = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    text[got] = '\0';
    const char *bracket = strrchr(text, ')'); /* the name before it may hold anything */
    return bracket && sscanf(bracket + 1, " %c %d", &state, &parent) == 2 ? (pid_t)parent : 0;
}

/* All processes of the host; their count. The caller frees. */
static size_t list_processes(struct member **out)
{
    DIR *proc = opendir("/proc");
    struct member *list = NULL;
    size_t count = 0, room = 0;
    struct dirent *entry;

    assert(out);
    while (proc && (entry = readdir(proc))) {
        int64_t pid;
        if (!str_to_int64(str_from(entry->d_name), &pid) || pid <= 0)
            continue;
        if (count == room) {
            room = room ? 2 * room : 256;
            list = realloc(list, room * sizeof(*list));
            if (!list)
                abort();
        }
        list[count++] =
            (struct member){.pid = (pid_t)pid, .parent = parent_of((pid_t)pid), .depth = -1};
    }
    if (proc)
        closedir(proc);
    *out = list;
    return count;
}

/* One more generation gets its depth; whether there was any. */
static bool deepen(struct member *list, size_t count, int depth)
{
    bool found = false;

    assert(depth >= 0);
    for (size_t i = 0; i < count; i++) {
        if (list[i].depth != depth)
            continue;
        for (size_t j = 0; j < count; j++)
            if (list[j].depth < 0 && list[j].parent == list[i].pid) {
                list[j].depth = depth + 1;
                found = true;
            }
    }
    return found;
}

/* From one picture of /proc: who forks while it is taken may be missed, so whoever ends a tree
 * calls again. Generations are filled one after the other, since a child may be listed before its
 * parent. */
unsigned process_signal_descendants(pid_t root, unsigned skip, int signal)
{
    struct member *list;
    size_t count = list_processes(&list);
    unsigned signaled = 0;

    assert(root > 1);
    for (size_t i = 0; i < count; i++)
        if (list[i].pid == root)
            list[i].depth = 0;
    for (int depth = 0; deepen(list, count, depth); depth++)
        ;
    for (size_t i = 0; i < count; i++)
        if (list[i].depth >= (int)skip)
            signaled += kill(list[i].pid, signal) == 0;
    free(list);
    return signaled;
}
