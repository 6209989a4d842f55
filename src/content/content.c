/* Opening the folders. What a stopped server left in tmp/ is named by nothing and goes. Everything
 * else may stay as a crash left it: the order in which chunks are written makes that harmless, and
 * collection removes what was left over. */
#include "content/content_private.h"

#include "os/file.h"

#include <assert.h>
#include <stdlib.h>

/* An empty object has this one chunk; it is made at the start, since a block list of nothing is
 * committed where no file may be written. */
static int content_make_empty(struct content *content, struct error *err)
{
    CLEANUP(content_writer_free) struct content_writer *writer = content_writer_new(content, err);
    struct content_object empty;

    return writer ? content_finish(writer, &empty, err) : -1;
}

/* Made when they are not there, so an empty data folder and one from a backup without content/tmp
 * both open. */
static int content_open_folders(struct content *content, int dir, struct error *err)
{
    content->chunks = dir_open_at(dir, "content", 0700, err);
    if (content->chunks < 0)
        return -1;
    if (dir_remove_tree(content->chunks, "tmp", err) < 0)
        return -1;
    content->tmp = dir_open_at(content->chunks, "tmp", 0700, err);
    content->open = content->tmp < 0 ? -1 : dir_open_at(content->chunks, "open", 0700, err);
    content->cache = content->open < 0 ? -1 : dir_open_at(dir, "cache/objects", 0700, err);
    return content->cache < 0 ? -1 : dir_sync(content->chunks, err);
}

/* Nothing is read but the folder of temporary files: a store of a million chunks opens at once. */
struct content *content_open(int dir, struct store *store, struct error *err)
{
    CLEANUP(content_close) struct content *content = calloc(1, sizeof(*content));

    if (!content)
        abort();
    assert(dir >= 0 && store);
    content->store = store;
    content->chunks = content->open = content->tmp = content->cache = -1;
    content->sealed = map_new();
    pthread_mutex_init(&content->touch, NULL);
    pthread_mutex_init(&content->sealed_lock, NULL);
    for (size_t i = 0; i < CONTENT_LOG_LOCKS; i++)
        pthread_mutex_init(&content->logs[i], NULL);
    if (content_open_folders(content, dir, err) < 0 || content_make_empty(content, err) < 0)
        return NULL;
    struct content *opened = content;
    content = NULL;
    return opened;
}

/* For who has the engine and needs a transaction on the rows it keeps. */
struct store *content_store(const struct content *content)
{
    assert(content && content->store);
    return content->store;
}

/* The store is not ours to close. */
void content_close(struct content **out)
{
    struct content *content = *out;
    size_t cursor = 0;
    struct str key;
    void *chunks;

    if (!content)
        return;
    assert(content->sealed);
    *out = NULL;
    while (map_next(content->sealed, &cursor, &key, &chunks))
        free(chunks);
    map_free(&content->sealed);
    fd_close(&content->chunks);
    fd_close(&content->tmp);
    fd_close(&content->open);
    fd_close(&content->cache);
    pthread_mutex_destroy(&content->touch);
    pthread_mutex_destroy(&content->sealed_lock);
    for (size_t i = 0; i < CONTENT_LOG_LOCKS; i++)
        pthread_mutex_destroy(&content->logs[i]);
    free(content);
}

/* Lower case, as in the names of files. */
void content_hex(const unsigned char *bytes, size_t size, char *out)
{
    static const char DIGITS[] = "0123456789abcdef";

    assert(bytes && out);
    for (size_t i = 0; i < size; i++) {
        *out++ = DIGITS[bytes[i] >> 4];
        *out++ = DIGITS[bytes[i] & 15];
    }
    *out = '\0';
}
