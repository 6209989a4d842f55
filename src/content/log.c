/* Logs that still grow. The size of the file is the next offset wanted: it alone says what arrived,
 * so that a sender that resends after a crash of either side does no harm. Appends are not synced;
 * what a power cut takes, the sender is asked for again. */
#include "content/content_private.h"

#include "base/buf.h"
#include "os/file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What a file system takes for a name. */
#define NAME_CAP_BYTES 250
#define SEAL_BYTES (256 * KIB)

/* A key as one file name: all but letters, digits, '-' and '_' (and '.' inside) as %XX. */
static int log_name(struct str key, struct buf *out, struct error *err)
{
    *out = buf_make(NAME_CAP_BYTES);
    for (size_t i = 0; i < key.len; i++) {
        unsigned char c = (unsigned char)key.ptr[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '-' || c == '_' || (c == '.' && i > 0);
        if (plain)
            buf_add_char(out, (char)c);
        else
            buf_printf(out, "%%%02X", c);
    }
    if (!key.len || buf_ok(out, NULL) < 0) {
        buf_free(out);
        return error_set(err, ERROR_INVALID, "", "'%.*s' cannot name a log.", STR_ARG(key));
    }
    return 0;
}

/* A handful of locks for all logs: two that share one only wait a little. */
static pthread_mutex_t *log_lock(struct content *content, struct str key)
{
    return &content->logs[map_hash(key) % CONTENT_LOG_LOCKS];
}

/* Links are refused: the folder is ours alone, so one in it is somebody's work. */
static int log_open(struct content *content, struct str key, int flags, struct error *err)
{
    CLEANUP(buf_free) struct buf name = {0};

    if (log_name(key, &name, err) < 0)
        return -1;
    return file_open_nolinks(content->open, name.ptr, flags, 0600, err);
}

/* With the lock held. */
static int log_append(struct content *content, struct str key, int64_t offset, struct str bytes,
                      struct error *err)
{
    CLEANUP(fd_close) int fd = log_open(content, key, O_WRONLY | O_CREAT, err);
    struct stat status;

    assert(offset >= 0);
    if (fd < 0)
        return -1;
    if (fstat(fd, &status) < 0)
        return error_errno(err, errno, "A log cannot be looked at");
    if (offset > status.st_size)
        return error_set(err, ERROR_RANGE, "offset", "The next offset wanted is %lld.",
                         (long long)status.st_size);
    if (offset + (int64_t)bytes.len <= status.st_size)
        return 0;
    /* A part may have arrived before; after a write that stopped halfway, too. */
    if (lseek(fd, status.st_size, SEEK_SET) < 0)
        return error_errno(err, errno, "A log cannot be written");
    bytes = str_slice(bytes, (size_t)(status.st_size - offset), bytes.len);
    return fd_write_all(fd, bytes, err) < 0 ? -1 : 1;
}

/* The lock is held over looking at the size and writing: two senders of one log cannot
 * interleave. */
int content_log_append(struct content *content, struct str key, int64_t offset, struct str bytes,
                       struct error *err)
{
    pthread_mutex_t *lock = log_lock(content, key);

    if (offset < 0)
        return error_set(err, ERROR_INVALID, "offset", "An offset is not negative.");
    pthread_mutex_lock(lock);
    int taken = log_append(content, key, offset, bytes, err);
    pthread_mutex_unlock(lock);
    return taken;
}

/* -1 when there is none; 0 is a log that nothing was written to yet. */
int64_t content_log_size(struct content *content, struct str key)
{
    CLEANUP(buf_free) struct buf name = {0};
    struct stat status;

    if (log_name(key, &name, NULL) < 0 ||
        fstatat(content->open, name.ptr, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return -1;
    return status.st_size;
}

/* For reading, while the runner goes on writing: what is read is a beginning, and never wrong. */
int content_log_open(struct content *content, struct str key, struct error *err)
{
    return log_open(content, key, O_RDONLY, err);
}

/* Remembers the list of chunks for as long as the log is there. */
static struct str log_remember(struct content *content, struct str key, struct str chunks)
{
    char *text = strndup(chunks.ptr, chunks.len);

    assert(chunks.len);
    if (!text)
        abort();
    pthread_mutex_lock(&content->sealed_lock);
    free(map_set(content->sealed, key, text));
    pthread_mutex_unlock(&content->sealed_lock);
    return (struct str){text, chunks.len};
}

/* The log stays: it is dropped after the commit that names the object. */
int content_log_seal(struct content *content, struct str key, struct content_object *out,
                     struct error *err)
{
    CLEANUP(content_writer_free) struct content_writer *writer = NULL;
    CLEANUP(fd_close) int fd = content_log_open(content, key, err);
    CLEANUP(buf_free) struct buf bytes = buf_make(SEAL_BYTES);
    ssize_t got;

    if (fd < 0)
        return -1;
    writer = content_writer_new(content, err);
    if (!writer)
        return -1;
    char *room = buf_reserve(&bytes, SEAL_BYTES);
    assert(room);
    while ((got = fd_read_all(fd, room, SEAL_BYTES, err)) > 0)
        if (content_write(writer, (struct str){room, (size_t)got}, err) < 0)
            return -1;
    if (got < 0 || content_finish(writer, out, err) < 0)
        return -1;
    out->chunks = log_remember(content, key, out->chunks);
    return 0;
}

/* When its bytes are an object. Readers that have it open go on to its end. */
void content_log_drop(struct content *content, struct str key)
{
    CLEANUP(buf_free) struct buf name = {0};
    pthread_mutex_t *lock = log_lock(content, key);

    if (log_name(key, &name, NULL) < 0)
        return;
    pthread_mutex_lock(lock);
    unlinkat(content->open, name.ptr, 0);
    pthread_mutex_unlock(lock);
    pthread_mutex_lock(&content->sealed_lock);
    free(map_remove(content->sealed, key));
    pthread_mutex_unlock(&content->sealed_lock);
}
