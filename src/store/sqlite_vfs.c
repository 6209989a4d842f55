#include "store/sqlite_vfs.h"

#include "os/fault.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <sqlite3.h>

/* The usual file methods, and a copy of them in which writing and syncing ask for faults first. The
 * table of an open file is swapped, so its own struct stays exactly what SQLite's code expects. */
static struct {
    pthread_once_t once;
    pthread_mutex_t lock;
    sqlite3_vfs *usual;
    sqlite3_vfs ours;
    const sqlite3_io_methods *methods;
    sqlite3_io_methods patched;
} vfs = {.once = PTHREAD_ONCE_INIT, .lock = PTHREAD_MUTEX_INITIALIZER};

static int vfs_write(sqlite3_file *file, const void *bytes, int size, sqlite3_int64 offset)
{
    int number = fault_hit(FAULT_WRITE);

    if (number)
        return number == ENOSPC || number == EDQUOT ? SQLITE_FULL : SQLITE_IOERR_WRITE;
    return vfs.methods->xWrite(file, bytes, size, offset);
}

static int vfs_sync(sqlite3_file *file, int flags)
{
    return fault_hit(FAULT_FSYNC) ? SQLITE_IOERR_FSYNC : vfs.methods->xSync(file, flags);
}

static int vfs_open(sqlite3_vfs *, const char *name, sqlite3_file *file, int flags, int *out_flags)
{
    int rc = vfs.usual->xOpen(vfs.usual, name, file, flags, out_flags);

    if (rc != SQLITE_OK || !file->pMethods)
        return rc;
    pthread_mutex_lock(&vfs.lock);
    if (!vfs.methods) {
        vfs.patched = *file->pMethods;
        vfs.patched.xWrite = vfs_write;
        vfs.patched.xSync = vfs_sync;
        vfs.methods = file->pMethods;
    }
    /* A file with other methods (another way of locking) stays as it is, without faults. */
    if (file->pMethods == vfs.methods)
        file->pMethods = &vfs.patched;
    pthread_mutex_unlock(&vfs.lock);
    return rc;
}

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

const char *sqlite_vfs_name(void)
{
    pthread_once(&vfs.once, vfs_register);
    return vfs.ours.zName;
}
