/* file.h - files and folders, always beneath a folder that is open
 *
 * Paths are relative, are resolved with RESOLVE_BENEATH and never follow a symbolic link that
 * leaves the folder; with `_nolinks` no link at all. A folder handle is a plain descriptor, so that
 * it can be handed to openat-style calls; CLEANUP(fd_close) closes it.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"

#include <sys/stat.h>

/* Closes unless negative and sets -1. For CLEANUP. */
void fd_close(int *fd);

/* Opens a folder by any path. -1 with *err set. */
int dir_open(const char *path, struct error *err);
/* Opens a folder beneath `dir`; with mode not 0 it is made (and its parents) when missing. */
int dir_open_at(int dir, const char *path, mode_t mode, struct error *err);
/* Makes a folder and its parents beneath `dir`; fine when it is there. */
int dir_make(int dir, const char *path, mode_t mode, struct error *err);
/* Removes a file or a whole tree beneath `dir`, not following links; fine when it is not there. */
int dir_remove_tree(int dir, const char *path, struct error *err);
/* Syncs the folder itself, so that a rename in it survives a power cut. */
int dir_sync(int dir, struct error *err);

/* openat2 beneath `dir`; O_CLOEXEC is added. The descriptor, or -1 with *err set. */
int file_open(int dir, const char *path, int flags, mode_t mode, struct error *err);
int file_open_nolinks(int dir, const char *path, int flags, mode_t mode, struct error *err);

/* The whole file, at most `limit` bytes. Errors: ERROR_NOT_FOUND, ERROR_TOO_LARGE, ERROR_IO. */
int file_read(struct arena *arena, int dir, const char *path, size_t limit, struct str *out,
              struct error *err);

/* Puts bytes under a name so that after a crash the old or the new content is there, whole:
 * temporary file, sync, rename, sync of the folder. */
int file_write_atomic(int dir, const char *path, struct str bytes, mode_t mode, struct error *err);

/* Writes all bytes; syncs. */
int fd_write_all(int fd, struct str bytes, struct error *err);
int fd_sync(int fd, struct error *err);
/* Asks the kernel to begin writing a part to the disk, so that a later sync waits for less.
 * Promises nothing. */
void fd_flush_begin(int fd, int64_t offset, int64_t length);
/* Reads until `size` bytes or the end; the count. */
ssize_t fd_read_all(int fd, void *out, size_t size, struct error *err);

/* Is there something under this name (links are not followed). */
bool file_exists(int dir, const char *path);

/* One entry of a walk; `path` is relative to the folder the walk began at. */
struct dir_entry {
    struct str path;
    struct stat status;
};
/* Visits everything beneath `dir` in name order, folders before what is in them, links as links.
 * A visitor that returns -1 ends the walk; 1 on a folder skips its content. */
typedef int dir_visit(const struct dir_entry *entry, void *context, struct error *err);
int dir_walk(int dir, dir_visit *visit, void *context, struct error *err);

/* Takes an exclusive lock on the file (made when missing), held until the descriptor is closed.
 * Errors: ERROR_CONFLICT when another process holds it; *out_owner_pid is then its pid or 0. */
int file_lock(int dir, const char *path, int *out_fd, int *out_owner_pid, struct error *err);

/* Bytes free for us on the file system of `dir`, or -1. */
int64_t dir_free_bytes(int dir);
