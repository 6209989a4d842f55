/* A digest on a thread of its own, for uploads that are large enough to be worth one: MD5 takes
 * longer than the hash and the writing together, so it runs beside them instead of after. Bytes
 * change hands by whole buffers, since waking a thread for each piece that the network brings would
 * cost as much as is won. */
#include "content/content_private.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define LANE_BYTES MIB /* of one buffer; there are two */

/* Two buffers: the caller fills one while the thread hashes the other. */
struct lane {
    EVP_MD_CTX *digest; /* the caller's; touched by the thread alone until lane_end */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t moved; /* a buffer was handed over or is done */
    char *filling, *hashing;
    size_t filled;
    size_t given; /* bytes in `hashing` that wait or are being hashed; 0: it is free */
    bool ending, failed;
};

/* Hashes what it is given until there is nothing left and nothing will come. */
static void *lane_run(void *context)
{
    struct lane *lane = context;

    pthread_mutex_lock(&lane->lock);
    for (;;) {
        while (lane->given == 0 && !lane->ending)
            pthread_cond_wait(&lane->moved, &lane->lock);
        if (lane->given == 0)
            break;
        size_t size = lane->given;
        pthread_mutex_unlock(&lane->lock);
        bool good = EVP_DigestUpdate(lane->digest, lane->hashing, size) > 0;
        pthread_mutex_lock(&lane->lock);
        lane->failed |= !good;
        lane->given = 0;
        pthread_cond_signal(&lane->moved);
    }
    pthread_mutex_unlock(&lane->lock);
    return NULL;
}

/* Without a thread the caller hashes for himself, as for small uploads. */
struct lane *lane_new(EVP_MD_CTX *digest)
{
    struct lane *lane = calloc(1, sizeof(*lane));

    assert(digest);
    if (!lane || !(lane->filling = malloc(LANE_BYTES)) || !(lane->hashing = malloc(LANE_BYTES)))
        abort();
    lane->digest = digest;
    pthread_mutex_init(&lane->lock, NULL);
    pthread_cond_init(&lane->moved, NULL);
    if (pthread_create(&lane->thread, NULL, lane_run, lane) == 0)
        return lane;
    free(lane->filling);
    free(lane->hashing);
    free(lane);
    return NULL;
}

/* Waits for the buffer before, so at most two are on their way. */
static void lane_hand_over(struct lane *lane)
{
    char *full = lane->filling;

    pthread_mutex_lock(&lane->lock);
    while (lane->given > 0)
        pthread_cond_wait(&lane->moved, &lane->lock);
    lane->filling = lane->hashing;
    lane->hashing = full;
    lane->given = lane->filled;
    pthread_cond_signal(&lane->moved);
    pthread_mutex_unlock(&lane->lock);
    lane->filled = 0;
}

void lane_add(struct lane *lane, struct str bytes)
{
    while (bytes.len > 0) {
        struct str piece = str_slice(bytes, 0, LANE_BYTES - lane->filled);
        memcpy(lane->filling + lane->filled, piece.ptr, piece.len);
        lane->filled += piece.len;
        if (lane->filled == LANE_BYTES)
            lane_hand_over(lane);
        bytes = str_slice(bytes, piece.len, bytes.len);
    }
}

bool lane_end(struct lane **out)
{
    struct lane *lane = *out;
    bool good = true;

    if (!lane)
        return good;
    if (lane->filled > 0)
        lane_hand_over(lane);
    pthread_mutex_lock(&lane->lock);
    lane->ending = true;
    pthread_cond_signal(&lane->moved);
    pthread_mutex_unlock(&lane->lock);
    pthread_join(lane->thread, NULL);
    good = !lane->failed;
    pthread_cond_destroy(&lane->moved);
    pthread_mutex_destroy(&lane->lock);
    free(lane->filling);
    free(lane->hashing);
    free(lane);
    *out = NULL;
    return good;
}
