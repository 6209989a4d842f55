/* PKWARE's APPNOTE 6.3, sections 4.3.7 and 4.3.12, with the method "stored". Sums stand before the
 * bytes they are of, so each file is read twice; its date is always the first that the form knows.
 */
#include "cli/archive.h"
#include "base/buf.h"
#include "os/file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define PIECE (64 * KIB)
#define FILES_MAX 65535
#define BYTES_MAX (4 * GIB - MIB) /* less the directory at the end */
#define LOCAL_HEADER 0x04034b50u
#define CENTRAL_HEADER 0x02014b50u
#define CENTRAL_END 0x06054b50u
#define VERSION 20
#define NAMES_ARE_UTF8 0x0800
#define FIRST_DAY 0x0021 /* 1980-01-01 */

/* One file of the archive. */
struct entry {
    struct str name;
    uint32_t sum, size, offset;
};

static void put16(struct buf *out, unsigned value)
{
    const char bytes[2] = {(char)(value & 0xff), (char)(value >> 8 & 0xff)};

    buf_add(out, (struct str){bytes, sizeof bytes});
}

static void put32(struct buf *out, uint32_t value)
{
    put16(out, value & 0xffff);
    put16(out, value >> 16);
}

/* The polynomial of IEEE 802.3, from its low end. */
static uint32_t add_sum(uint32_t sum, const unsigned char *bytes, size_t size)
{
    assert(bytes);
    sum = ~sum;
    for (size_t i = 0; i < size; i++) {
        sum ^= bytes[i];
        for (int bit = 0; bit < 8; bit++)
            sum = sum >> 1 ^ (sum & 1 ? 0xedb88320u : 0);
    }
    return ~sum;
}

static int write_all(int fd, const char *bytes, size_t size, struct error *err)
{
    assert(fd >= 0);
    while (size > 0) {
        ssize_t done = write(fd, bytes, size);
        if (done < 0 && errno != EINTR)
            return error_errno(err, errno, "A temporary file cannot be written");
        if (done > 0) {
            bytes += done;
            size -= (size_t)done;
        }
    }
    return 0;
}

int archive_copy(struct cli *cli, int from, int to, struct error *err)
{
    char *piece = arena_alloc(cli->arena, PIECE);
    ssize_t got;

    assert(from >= 0 && to >= 0);
    while ((got = fd_read_all(from, piece, PIECE, err)) > 0)
        if (write_all(to, piece, (size_t)got, err) < 0)
            return -1;
    return got < 0 ? -1 : 0;
}

/* The size is counted, too: a file may have grown since the walk. */
static int read_sum(int fd, char *piece, struct entry *entry, struct error *err)
{
    ssize_t got;

    assert(entry);
    entry->sum = entry->size = 0;
    while ((got = fd_read_all(fd, piece, PIECE, err)) > 0) {
        entry->sum = add_sum(entry->sum, (const unsigned char *)piece, (size_t)got);
        entry->size += (uint32_t)got;
    }
    return got < 0 ? -1 : 0;
}

/* What the two headers of a file have in common. */
static void put_common(struct buf *out, const struct entry *entry)
{
    put16(out, VERSION);
    put16(out, NAMES_ARE_UTF8);
    put16(out, 0); /* stored */
    put16(out, 0); /* midnight */
    put16(out, FIRST_DAY);
    put32(out, entry->sum);
    put32(out, entry->size);
    put32(out, entry->size);
    put16(out, (unsigned)entry->name.len);
    put16(out, 0); /* no extra field */
}

/* Header, name, bytes. */
static int write_entry(struct cli *cli, int from, struct entry *entry, int to, struct error *err)
{
    CLEANUP(buf_free) struct buf head = buf_make(MIB);
    char *piece = arena_alloc(cli->arena, PIECE);

    assert(entry->name.len > 0);
    if (read_sum(from, piece, entry, err) < 0)
        return -1;
    put32(&head, LOCAL_HEADER);
    put_common(&head, entry);
    buf_add(&head, entry->name);
    if (lseek(from, 0, SEEK_SET) < 0)
        return error_errno(err, errno, "'%.*s' cannot be read", STR_ARG(entry->name));
    if (write_all(to, head.ptr, head.len, err) < 0)
        return -1;
    return archive_copy(cli, from, to, err);
}

/* Where everything is, at the end: readers begin there. */
static int write_directory(const struct entry *entries, size_t count, uint32_t offset, int to,
                           struct error *err)
{
    CLEANUP(buf_free) struct buf out = buf_make(256 * MIB);

    assert(to >= 0);
    for (size_t i = 0; i < count; i++) {
        put32(&out, CENTRAL_HEADER);
        put16(&out, VERSION); /* made by */
        put_common(&out, &entries[i]);
        put16(&out, 0); /* no comment */
        put16(&out, 0); /* on the first disk */
        put16(&out, 0);
        put32(&out, 0);
        put32(&out, entries[i].offset);
        buf_add(&out, entries[i].name);
    }
    uint32_t size = (uint32_t)out.len;
    put32(&out, CENTRAL_END);
    put16(&out, 0);
    put16(&out, 0);
    put16(&out, (unsigned)count);
    put16(&out, (unsigned)count);
    put32(&out, size);
    put32(&out, offset);
    put16(&out, 0);
    return write_all(to, out.ptr, out.len, err);
}

int archive_write(struct cli *cli, const struct snapshot *folder, int fd, struct error *err)
{
    struct entry *entries = arena_new_array(cli->arena, struct entry, folder->count + 1);

    assert(!folder->is_file && fd >= 0);
    if (folder->count > FILES_MAX || folder->bytes > (int64_t)BYTES_MAX)
        return error_set(err, ERROR_TOO_LARGE, "additional_includes",
                         "'%.*s' is too large for an archive: at most %d files and 4 GiB.",
                         STR_ARG(folder->name), FILES_MAX);
    for (size_t i = 0; i < folder->count; i++) {
        struct entry *entry = &entries[i];
        struct str path = folder->files[i].path;
        off_t at = lseek(fd, 0, SEEK_CUR);
        entry->name = arena_printf(cli->arena, "%.*s/%.*s", STR_ARG(folder->name), STR_ARG(path));
        entry->offset = (uint32_t)at;
        CLEANUP(fd_close)
        int from = file_open(folder->dir, arena_cstr(cli->arena, path), O_RDONLY, 0, err);
        if (at < 0 || from < 0 || write_entry(cli, from, entry, fd, err) < 0)
            return -1;
    }
    return write_directory(entries, folder->count, (uint32_t)lseek(fd, 0, SEEK_CUR), fd, err);
}
