/* SQLite's own file system with two of its calls looked at first, so that tests can fail a write or
 * a sync in the middle of the library. Without a plan nothing is changed. */
#include "store/sqlite_vfs.h"

#include "base/base.h"
#include "os/fault.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <sqlite3.h>

#define KINDS 4 /* of file methods: databases lock, logs do not */

/* A table of file methods, and a copy of it in which writing and syncing ask for faults first. An
 * open file is given the copy; its own struct stays exactly what SQLite's code expects. */
struct vfs_methods {
    const sqlite3_io_methods *usual;
    sqlite3_io_methods patched;
};

static struct {
    pthread_once_t once;
    pthread_mutex_t lock;
    sqlite3_vfs *usual;
    sqlite3_vfs ours;
    struct vfs_methods methods[KINDS];
} vfs = {.once = PTHREAD_ONCE_INIT, .lock = PTHREAD_MUTEX_INITIALIZER};

/* The methods that the file had before ours were laid over it. */
static const sqlite3_io_methods *vfs_usual(const sqlite3_file *file)
{
    return CONTAINER_OF(file->pMethods, struct vfs_methods, patched)->usual;
}

/* A planned fault first; then what would have happened without us. */
static int vfs_write(sqlite3_file *file, const void *bytes, int size, sqlite3_int64 offset)
{
    int number = fault_hit(FAULT_WRITE);

    if (number)
        return number == ENOSPC || number == EDQUOT ? SQLITE_FULL : SQLITE_IOERR_WRITE;
    return vfs_usual(file)->xWrite(file, bytes, size, offset);
}

/* The last moment at which a disk can say no: a commit is not durable when this fails. */
static int vfs_sync(sqlite3_file *file, int flags)
{
    return fault_hit(FAULT_FSYNC) ? SQLITE_IOERR_FSYNC : vfs_usual(file)->xSync(file, flags);
}

/* Ours are laid over the methods of each file that is opened, since the library asks the file and
 * not the file system for them. */
static int vfs_open(sqlite3_vfs *, const char *name, sqlite3_file *file, int flags, int *out_flags)
{
    int rc = vfs.usual->xOpen(vfs.usual, name, file, flags, out_flags);

    size_t at = 0;

    if (rc != SQLITE_OK || !file->pMethods)
        return rc;
    pthread_mutex_lock(&vfs.lock);
    while (at < KINDS && vfs.methods[at].usual && vfs.methods[at].usual != file->pMethods)
        at++;
    assert(at < KINDS);
    if (!vfs.methods[at].usual) {
        vfs.methods[at] = (struct vfs_methods){file->pMethods, *file->pMethods};
        vfs.methods[at].patched.xWrite = vfs_write;
        vfs.methods[at].patched.xSync = vfs_sync;
    }
    file->pMethods = &vfs.methods[at].patched;
    pthread_mutex_unlock(&vfs.lock);
    return rc;
}

/* Once in a process: the library keeps it until the end. */
static void vfs_register(void)
{
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); /* its counter is a lock per allocation */
    vfs.usual = sqlite3_vfs_find("unix");
    assert(vfs.usual);
    vfs.ours = *vfs.usual;
    vfs.ours.zName = "lazurite";
    vfs.ours.xOpen = vfs_open;
    if (sqlite3_vfs_register(&vfs.ours, 0) != SQLITE_OK)
        vfs.ours.zName = "";
}

/* Registers at its first use, so that a program without a store pays nothing. */
const char *sqlite_vfs_name(void)
{
    pthread_once(&vfs.once, vfs_register);
    return vfs.ours.zName;
}
