/* Files through openat2, so that no path can leave the folder it is meant to be in, whatever links
 * a job or a client put there. What must survive a crash is written beside, synced, renamed, and
 * the folder synced after it, in this order. */
#include "os/file.h"

#include "os/fault.h"
#include "os/random.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The kernel's own limit. */
#define PATH_BYTES 4096

/* Close errors are not looked at: what must be on the disk was synced before. */
void fd_close(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* The one door to openat2. A result of -1 leaves the reason in errno. */
static int open_beneath(int dir, const char *path, int flags, mode_t mode, uint64_t resolve)
{
    struct open_how how = {
        .flags = (uint64_t)(flags | O_CLOEXEC),
        .mode = flags & O_CREAT ? mode : 0,
        .resolve = resolve | RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
    };
    int number = fault_hit(FAULT_OPEN);
    long fd;

    assert(path); /* "" is what the kernel calls it: not there */
    if (number) {
        errno = number;
        return -1;
    }
    do /* EAGAIN: something on the way was renamed meanwhile, so the kernel could not be sure. */
        fd = syscall(SYS_openat2, dir, path, &how, sizeof(how));
    while (fd < 0 && (errno == EINTR || errno == EAGAIN));
    return (int)fd;
}

/* The root of a tree: the one place where a path is taken as it is, links and all. All else is
 * opened beneath such a descriptor and cannot leave it. */
int dir_open(const char *path, struct error *err)
{
    int number = fault_hit(FAULT_OPEN);
    int fd = number ? -1 : open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    assert(*path);
    if (fd < 0)
        return error_errno(err, number ? number : errno, "The folder '%s' cannot be opened", path);
    return fd;
}

/* Made with its parents when a mode is given. */
int dir_open_at(int dir, const char *path, mode_t mode, struct error *err)
{
    int fd = open_beneath(dir, path, O_RDONLY | O_DIRECTORY, 0, 0);

    if (fd < 0 && errno == ENOENT && mode) {
        if (dir_make(dir, path, mode, err) < 0)
            return -1;
        fd = open_beneath(dir, path, O_RDONLY | O_DIRECTORY, 0, 0);
    }
    if (fd < 0)
        return error_errno(err, errno, "The folder '%s' cannot be opened", path);
    assert(fd >= 0);
    return fd;
}

/* Splits "a/b/c" into an open descriptor of "a/b" and the name "c". -1 leaves errno. */
static int open_parent(int dir, const char *path, const char **out_name)
{
    char parent[PATH_BYTES];
    const char *slash = strrchr(path, '/');

    if (!slash) {
        *out_name = path;
        return open_beneath(dir, ".", O_RDONLY | O_DIRECTORY, 0, 0);
    }
    if ((size_t)(slash - path) >= sizeof(parent) || slash == path || !slash[1]) {
        errno = slash == path || !slash[1] ? EINVAL : ENAMETOOLONG;
        return -1;
    }
    memcpy(parent, path, (size_t)(slash - path));
    parent[slash - path] = '\0';
    *out_name = slash + 1;
    assert(**out_name);
    return open_beneath(dir, parent, O_RDONLY | O_DIRECTORY, 0, 0);
}

/* Makes one folder whose parents are there; fine when it is a folder already. -1 leaves errno. */
static int make_one(int dir, const char *path, mode_t mode)
{
    const char *name;
    CLEANUP(fd_close) int parent = open_parent(dir, path, &name);

    if (parent < 0)
        return -1;
    assert(name);
    if (mkdirat(parent, name, mode) == 0)
        return 0;
    if (errno != EEXIST)
        return -1;
    CLEANUP(fd_close) int there = open_beneath(dir, path, O_PATH | O_DIRECTORY, 0, 0);
    return there < 0 ? -1 : 0;
}

/* Step by step, so that each is resolved beneath `dir`. */
int dir_make(int dir, const char *path, mode_t mode, struct error *err)
{
    char prefix[PATH_BYTES];
    size_t len = strlen(path);

    assert(mode);
    while (len && path[len - 1] == '/')
        len--;
    if (!len || len >= sizeof(prefix))
        return error_errno(err, len ? ENAMETOOLONG : EINVAL, "The folder '%s' cannot be made",
                           path);
    for (size_t end = 1; end <= len; end++) {
        if (end < len && path[end] != '/')
            continue;
        memcpy(prefix, path, end);
        prefix[end] = '\0';
        if (make_one(dir, prefix, mode) < 0)
            return error_errno(err, errno, "The folder '%s' cannot be made", prefix);
    }
    return 0;
}

/* A name that was made or renamed is durable only after its folder was synced. */
int dir_sync(int dir, struct error *err)
{
    int number = fault_hit(FAULT_FSYNC);

    assert(dir >= 0);
    if (!number && fsync(dir) < 0)
        number = errno;
    return number ? error_errno(err, number, "A folder cannot be synced") : 0;
}

/* Links are followed as long as they stay beneath `dir`. */
int file_open(int dir, const char *path, int flags, mode_t mode, struct error *err)
{
    int fd = open_beneath(dir, path, flags, mode, 0);

    if (fd < 0)
        return error_errno(err, errno, "'%s' cannot be opened", path);
    assert(dir >= 0);
    return fd;
}

/* For folders that jobs write in: a link there may have been put to lead us astray. */
int file_open_nolinks(int dir, const char *path, int flags, mode_t mode, struct error *err)
{
    int fd = open_beneath(dir, path, flags, mode, RESOLVE_NO_SYMLINKS);

    if (fd < 0 && errno == ELOOP)
        return error_set(err, ERROR_FORBIDDEN, "", "'%s' is or crosses a symbolic link.", path);
    if (fd < 0)
        return error_errno(err, errno, "'%s' cannot be opened", path);
    assert(dir >= 0);
    return fd;
}

/* Short reads are no end; only 0 is. */
ssize_t fd_read_all(int fd, void *out, size_t size, struct error *err)
{
    size_t done = 0;

    assert(out || !size);
    while (done < size) {
        int number = fault_hit(FAULT_READ);
        ssize_t got = number ? -1 : read(fd, (char *)out + done, size - done);
        if (got < 0) {
            number = number ? number : errno;
            if (number == EINTR)
                continue;
            return error_errno(err, number, "A file cannot be read");
        }
        if (got == 0)
            break;
        done += (size_t)got;
    }
    return (ssize_t)done;
}

/* Short writes happen on a nearly full disk: the next call then says why. */
int fd_write_all(int fd, struct str bytes, struct error *err)
{
    size_t done = 0;

    assert(bytes.ptr || !bytes.len);
    while (done < bytes.len) {
        int number = fault_hit(FAULT_WRITE);
        ssize_t put = number ? -1 : write(fd, bytes.ptr + done, bytes.len - done);
        if (put < 0) {
            number = number ? number : errno;
            if (number == EINTR)
                continue;
            return error_errno(err, number, "A file cannot be written");
        }
        done += (size_t)put;
    }
    return 0;
}

/* Also waits a little when the disk has more to do than it can, which is as well. */
void fd_flush_begin(int fd, int64_t offset, int64_t length)
{
    assert(fd >= 0 && offset >= 0 && length >= 0);
    sync_file_range(fd, offset, length, SYNC_FILE_RANGE_WRITE);
}

/* The data and what is needed to read it; times of access may be lost. */
int fd_sync(int fd, struct error *err)
{
    int number = fault_hit(FAULT_FSYNC);

    assert(fd >= 0);
    if (!number && fdatasync(fd) < 0)
        number = errno;
    return number ? error_errno(err, number, "A file cannot be synced") : 0;
}

/* Reads what has no size beforehand, such as files of /proc. */
static int read_unsized(struct arena *arena, int fd, size_t limit, struct str *out,
                        struct error *err)
{
    CLEANUP(buf_free) struct buf bytes = buf_make(limit + 1);

    for (;;) {
        size_t room = limit + 1 - bytes.len;
        size_t step = room < 64 * KIB ? room : 64 * KIB;
        char *to = step ? buf_reserve(&bytes, step) : NULL;
        ssize_t got = to ? fd_read_all(fd, to, step, err) : 0;
        if (got < 0)
            return -1;
        buf_grew(&bytes, (size_t)got);
        assert(bytes.len <= limit + 1);
        if ((size_t)got < step || !step)
            break;
    }
    if (bytes.len > limit)
        return error_set(err, ERROR_TOO_LARGE, "", "The file has more than %zu bytes.", limit);
    *out = arena_str(arena, buf_str(&bytes));
    return 0;
}

/* The limit is asked before anything is read, and again while it is: a file of /proc says 0 for its
 * size, and others may grow meanwhile. */
int file_read(struct arena *arena, int dir, const char *path, size_t limit, struct str *out,
              struct error *err)
{
    CLEANUP(fd_close) int fd = file_open(dir, path, O_RDONLY, 0, err);
    struct stat status;

    if (fd < 0)
        return -1;
    if (fstat(fd, &status) < 0)
        return error_errno(err, errno, "'%s' cannot be looked at", path);
    if (S_ISREG(status.st_mode) && (uint64_t)status.st_size > limit)
        return error_set(err, ERROR_TOO_LARGE, "", "'%s' has more than %zu bytes.", path, limit);
    if (!S_ISREG(status.st_mode) || !status.st_size)
        return read_unsized(arena, fd, limit, out, err);
    if (arena_fits(arena, (size_t)status.st_size + 1, err) < 0)
        return -1;
    char *bytes = arena_alloc(arena, (size_t)status.st_size + 1);
    ssize_t got = fd_read_all(fd, bytes, (size_t)status.st_size, err);
    if (got < 0)
        return -1;
    assert(got <= status.st_size);
    bytes[got] = '\0';
    *out = (struct str){bytes, (size_t)got};
    return 0;
}

/* Renames within one folder, then syncs it. */
static int rename_synced(int parent, const char *from, const char *to, struct error *err)
{
    int number = fault_hit(FAULT_RENAME);

    assert(parent >= 0);
    if (!number && renameat(parent, from, parent, to) < 0)
        number = errno;
    if (number)
        return error_errno(err, number, "'%s' cannot be renamed", to);
    return dir_sync(parent, err);
}

/* The temporary file lies in the same folder: a rename works within one file system only. */
int file_write_atomic(int dir, const char *path, struct str bytes, mode_t mode, struct error *err)
{
    char temporary[32];
    const char *name;
    uint64_t chance;
    CLEANUP(fd_close) int parent = open_parent(dir, path, &name);

    if (parent < 0)
        return error_errno(err, errno, "'%s' cannot be written", path);
    random_bytes(&chance, sizeof(chance));
    snprintf(temporary, sizeof(temporary), ".tmp-%016llx", (unsigned long long)chance);
    CLEANUP(fd_close) int fd = file_open(parent, temporary, O_WRONLY | O_CREAT | O_EXCL, mode, err);
    if (fd < 0)
        return -1;
    /* Past the umask: who may read it is the caller's decision alone. */
    if (fchmod(fd, mode) < 0 || fd_write_all(fd, bytes, err) < 0 || fd_sync(fd, err) < 0 ||
        rename_synced(parent, temporary, name, err) < 0) {
        unlinkat(parent, temporary, 0);
        assert(!err || err->code != ERROR_NONE);
        return -1;
    }
    return 0;
}

/* A link counts as itself, wherever it leads. What is there may be gone at the next moment, so
 * nobody decides about safety by it. */
bool file_exists(int dir, const char *path)
{
    const char *name;
    struct stat status;
    CLEANUP(fd_close) int parent = open_parent(dir, path, &name);

    if (parent < 0)
        return false;
    assert(name && *name);
    return fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

/* The pid that a lock's owner left in the file; 0 when there is none yet. */
static int read_owner(int fd)
{
    char text[24];
    int64_t pid;
    ssize_t got = pread(fd, text, sizeof(text), 0);

    assert(fd >= 0);
    if (got <= 0 || !str_to_int64(str_trim((struct str){text, (size_t)got}), &pid) || pid < 0 ||
        pid > INT32_MAX)
        return 0;
    return (int)pid;
}

/* The pid is for the sentence only; the lock is the kernel's and ends with its holder. */
int file_lock(int dir, const char *path, int *out_fd, int *out_owner_pid, struct error *err)
{
    CLEANUP(fd_close) int fd = file_open(dir, path, O_RDWR | O_CREAT, 0600, err);
    char text[24];

    if (fd < 0)
        return -1;
    /* flock, not fcntl: its lock goes with the descriptor, not with any close of the same file. */
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK)
            return error_errno(err, errno, "'%s' cannot be locked", path);
        if (out_owner_pid)
            *out_owner_pid = read_owner(fd);
        return error_set(err, ERROR_CONFLICT, "", "Process %d holds '%s'.", read_owner(fd), path);
    }
    int len = snprintf(text, sizeof(text), "%d\n", (int)getpid());
    assert(len > 0 && (size_t)len < sizeof(text));
    if (ftruncate(fd, 0) < 0 || pwrite(fd, text, (size_t)len, 0) != len)
        return error_errno(err, errno, "'%s' cannot be written", path);
    *out_fd = fd;
    fd = -1;
    return 0;
}

/* What root alone may use does not count. */
int64_t dir_free_bytes(int dir)
{
    struct statvfs status;

    assert(dir >= 0);
    if (fstatvfs(dir, &status) < 0)
        return -1;
    return (int64_t)(status.f_bavail * status.f_frsize);
}
