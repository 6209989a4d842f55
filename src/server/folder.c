/* A data folder is trusted as far as its owner: what lies in it was written by us or by somebody
 * who could be us anyway. So everything rests on two checks made here, whose the folder is and who
 * may write to it, and on one lock. Paths are resolved once; afterwards files are opened beneath
 * the descriptor. */
#include "server/folder.h"

#include "base/log.h"
#include "identity/peer.h"
#include "os/clock.h"
#include "os/file.h"

#include <assert.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SERVER_FILE "run/server.json"
#define LOCK_FILE "run/lock"
/* sun_path less the longest name we bind or connect beneath the folder, "/runs/d01234567/r.sock".
 */
#define PATH_MAX_BYTES 84

/* A flag wins over the environment, that over the home folder. */
static struct str folder_path(struct arena *arena, struct str flag)
{
    const char *home = getenv("LAZURITE_HOME"), *user = getenv("HOME");

    assert(arena);
    if (flag.len > 0)
        return flag;
    if (home && *home)
        return str_from(home);
    return arena_printf(arena, "%s/.lazurite", user ? user : "/root");
}

/* Ours, and writable by nobody else: what lies in it is trusted. */
static int check_owner(int dir, const char *path, struct error *err)
{
    struct stat status;

    if (fstat(dir, &status) < 0)
        return error_errno(err, errno, "The folder '%s' cannot be examined", path);
    if (status.st_uid != geteuid())
        return error_set(err, ERROR_FORBIDDEN, "",
                         "The data folder '%s' belongs to user %u, not to us.", path,
                         (unsigned)status.st_uid);
    if (status.st_mode & 022) {
        error_set(err, ERROR_FORBIDDEN, "", "The data folder '%s' can be written by others.", path);
        return error_hint(err, "chmod go-w '%s'", path);
    }
    return 0;
}

/* Made at every start, so that a part that somebody removed comes back. */
static int make_parts(int dir, struct error *err)
{
    static const char *const PRIVATE[] = {"state", "content", "cache",   "runs",
                                          "keys",  "run",     "backups", "envs"};

    assert(dir >= 0);
    for (size_t i = 0; i < COUNT(PRIVATE); i++)
        if (dir_make(dir, PRIVATE[i], 0700, err) < 0)
            return -1;
    /* Everybody may read the certificates; the keys beside them are 0600. */
    return dir_make(dir, "tls", 0755, err);
}

/* The path is resolved once, here; everything later is opened beneath the descriptor. */
int folder_open(struct arena *arena, struct str flag, struct folder *out, struct error *err)
{
    struct folder opened = {.dir = -1, .lock = -1};
    char *path = arena_cstr(arena, folder_path(arena, flag)), real[PATH_MAX];

    assert(out);
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return error_errno(err, errno, "The data folder '%s' cannot be made", path);
    if (!realpath(path, real))
        return error_errno(err, errno, "The data folder '%s' cannot be found", path);
    opened.path = arena_str(arena, str_from(real));
    if (opened.path.len > PATH_MAX_BYTES)
        return error_set(err, ERROR_INVALID, "",
                         "The path of the data folder '%s' has %zu bytes; sockets in it allow %d.",
                         real, opened.path.len, PATH_MAX_BYTES);
    opened.dir = dir_open(real, err);
    if (opened.dir < 0)
        return -1;
    if (check_owner(opened.dir, real, err) < 0 || make_parts(opened.dir, err) < 0) {
        folder_close(&opened);
        return -1;
    }
    *out = opened;
    return 0;
}

/* The lock is the kernel's, so a server that was killed leaves none behind. */
int folder_lock(struct folder *folder, struct error *err)
{
    struct error why = {0};
    int owner = 0;

    assert(folder->dir >= 0 && folder->lock < 0);
    if (file_lock(folder->dir, LOCK_FILE, &folder->lock, &owner, &why) == 0)
        return 0;
    if (why.code != ERROR_CONFLICT) {
        *err = why;
        return -1;
    }
    error_set(err, ERROR_CONFLICT, "", "The data folder '%.*s' is served by process %d.",
              STR_ARG(folder->path), owner);
    return error_hint(err, "lazurite stop --data-dir '%.*s'", STR_ARG(folder->path));
}

/* The lock goes with the file. */
void folder_close(struct folder *folder)
{
    assert(folder);
    fd_close(&folder->lock);
    fd_close(&folder->dir);
}

/* 0 when the listener is not there. */
static uint16_t port_at(const struct json *server, const char *path)
{
    assert(path);
    int64_t port = json_int_at(server, path, 0);
    return port > 0 && port <= UINT16_MAX ? (uint16_t)port : 0;
}

/* A file that cannot be read is as good as none: the ports are then picked anew. */
struct folder_ports folder_read_ports(struct arena *arena, const struct folder *folder)
{
    struct str text;

    assert(folder->dir >= 0);
    if (file_read(arena, folder->dir, SERVER_FILE, 64 * KIB, &text, NULL) < 0)
        return (struct folder_ports){0};
    struct json *server = json_parse(arena, text, NULL);
    return (struct folder_ports){.tls = port_at(server, "ports.tls"),
                                 .plain = port_at(server, "ports.plain"),
                                 .scoring = port_at(server, "ports.scoring")};
}

/* Written when the server answers, kept after its end: the next start takes the ports again. */
int folder_write_server(struct arena *arena, const struct folder *folder,
                        const struct folder_ports *ports, struct error *err)
{
    struct json *server = json_object(arena), *numbers = json_object(arena);
    struct process_id self;
    char now[CLOCK_ISO_BYTES];

    assert(ports);
    if (process_identify(getpid(), &self, err) < 0)
        return -1;
    json_set_int(arena, numbers, "tls", ports->tls);
    json_set_int(arena, numbers, "plain", ports->plain);
    json_set_int(arena, numbers, "scoring", ports->scoring);
    json_set_int(arena, server, "pid", self.pid);
    json_set_int(arena, server, "startTime", (int64_t)self.start_time);
    json_set_str(arena, server, "bootId", str_from(self.boot_id));
    json_set_str(arena, server, "version", STR(LAZURITE_VERSION));
    json_set_str(arena, server, "startedAt", clock_iso(clock_now_us(), now));
    json_set_str(arena, server, "socket", STR("run/lazurite.sock"));
    json_set_str(arena, server, "endpoint",
                 arena_printf(arena, "https://localhost:%u", ports->tls));
    json_set_str(arena, server, "mlflowTrackingUri",
                 arena_printf(arena, "http://127.0.0.1:%u", ports->plain));
    json_set_str(arena, server, "scoring",
                 arena_printf(arena, "https://localhost:%u", ports->scoring));
    json_set(arena, server, STR("ports"), numbers);
    return file_write_atomic(folder->dir, SERVER_FILE, json_write_pretty(arena, server), 0600, err);
}

/* --- Whose port is it ----------------------------------------------------------------------------
 */

/* 1 when the process holds the socket, 0 when not, -1 when we may not look. */
static int holds_socket(const char *pid, const char *wanted)
{
    char path[64], link[64];
    const struct dirent *entry;

    snprintf(path, sizeof(path), "/proc/%.20s/fd", pid);
    DIR *fds = opendir(path);
    if (!fds)
        return errno == EACCES || errno == EPERM ? -1 : 0;
    int found = 0;
    while (!found && (entry = readdir(fds))) {
        ssize_t len = readlinkat(dirfd(fds), entry->d_name, link, sizeof(link) - 1);
        if (len <= 0)
            continue;
        link[len] = '\0';
        found = strcmp(link, wanted) == 0;
    }
    closedir(fds);
    return found;
}

/* "12 (lazurite serve)": the number and the first two words of the command line. */
static struct str process_words(struct arena *arena, const char *pid)
{
    char path[64], words[256];

    snprintf(path, sizeof(path), "/proc/%.20s/cmdline", pid);
    FILE *file = fopen(path, "re");
    size_t len = file ? fread(words, 1, sizeof(words) - 1, file) : 0;
    if (file)
        fclose(file);
    words[len] = '\0';
    const char *name = strrchr(words, '/') ? strrchr(words, '/') + 1 : words;
    size_t first = strlen(words) + 1;
    return arena_printf(arena, "%s (%s%s%s)", pid, name, first < len ? " " : "",
                        first < len ? words + first : "");
}

/* Processes that hold the socket; when we may look into none of those that do, the servers like us
 * into which we may not look (they hide their descriptors, as we do). */
static struct str socket_holders(struct arena *arena, uint32_t inode)
{
    struct str holders = STR(""), hidden = STR("");
    const struct dirent *entry;
    char wanted[64];
    DIR *all = opendir("/proc");

    snprintf(wanted, sizeof(wanted), "socket:[%u]", inode);
    while (all && (entry = readdir(all))) {
        if (!isdigit((unsigned char)entry->d_name[0]))
            continue;
        int holds = holds_socket(entry->d_name, wanted);
        struct str words = holds ? process_words(arena, entry->d_name) : STR("");
        struct str *list = holds > 0 ? &holders : &hidden;
        if (holds < 0 && str_find(words, STR("(lazurite")) < 0)
            continue;
        if (holds)
            *list = arena_printf(arena, "%.*s%s%.*s", STR_ARG(*list), list->len > 0 ? ", " : "",
                                 STR_ARG(words));
    }
    if (all)
        closedir(all);
    return holders.len > 0 ? holders : hidden;
}

/* By asking the kernel for the socket, then looking which process has it open. */
void folder_blame_port(uint16_t port, struct error *err)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    uint32_t inode = port ? peer_listener_inode(port) : 0;
    struct str holders = inode ? socket_holders(arena, inode) : STR("");

    assert(err);
    if (holders.len > 0)
        error_set(err, ERROR_CONFLICT, "", "Port %u is taken by process %.*s.", port,
                  STR_ARG(holders));
    else
        error_set(err, ERROR_CONFLICT, "", "Port %u is taken by another process.", port);
    error_hint(err, "Stop it, or choose another port; port 0 picks a free one.");
}
