/* A table of open addresses; see Knuth, The Art of Computer Programming 6.4, algorithms L and R.
 * Its hash starts from chance, since keys are names that clients choose. No lock: whoever shares a
 * map has one. */
#include "base/map.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* Open addressing with linear probing; at most three quarters full. A removed slot keeps a mark. */
struct slot {
    /* Kept, so that growing need not hash again and most unequal keys are told apart without
     * looking at them. */
    uint64_t hash;
    char *key; /* NULL: free, unless `removed` */
    size_t len;
    void *value;
    bool removed;
};

/* Slots, and how full they are. */
struct map {
    struct slot *slots;
    size_t size; /* a power of two */
    size_t count;
    /* Marks count as full when it is decided to grow: a table of marks alone would make each look-
     * up walk all of it. */
    size_t marked; /* in use or removed */
};

static uint64_t seed;

/* Names come from clients: with a known hash they could choose names that all fall into one
 * slot. Early at boot there may be no chance to be had; then a constant must do. */
__attribute__((constructor)) static void seed_hash(void)
{
    if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != sizeof(seed))
        seed = 0x9e3779b97f4a7c15ULL;
}

/* FNV-1a from a secret start, stirred at the end (Fowler, Noll, Vo; finalizer of MurmurHash3). */
uint64_t map_hash(struct str key)
{
    uint64_t hash = 0xcbf29ce484222325ULL ^ seed;

    for (size_t i = 0; i < key.len; i++)
        hash = (hash ^ (unsigned char)key.ptr[i]) * 0x100000001b3ULL;
    hash ^= hash >> 33;
    hash *= 0xff51afd7ed558ccdULL;
    return hash ^ (hash >> 33);
}

/* A power of two from the start, since positions are found by a mask. */
struct map *map_new(void)
{
    struct map *map = calloc(1, sizeof(*map));
    if (!map)
        abort();
    map->size = 16;
    map->slots = calloc(map->size, sizeof(*map->slots));
    if (!map->slots)
        abort();
    return map;
}

/* Keys are copies of the map's own; the values belong to whoever put them in. */
void map_free(struct map **map)
{
    assert(map);
    if (!*map)
        return;
    for (size_t i = 0; i < (*map)->size; i++)
        free((*map)->slots[i].key);
    free((*map)->slots);
    free(*map);
    *map = NULL;
}

/* The slot that holds the key, or the first one where it could go. */
static struct slot *find(const struct map *map, struct str key, uint64_t hash)
{
    struct slot *vacant = NULL;

    for (size_t i = hash & (map->size - 1);; i = (i + 1) & (map->size - 1)) {
        struct slot *slot = &map->slots[i];
        if (!slot->key) {
            if (!vacant)
                vacant = slot;
            if (!slot->removed)
                return vacant;
        } else if (slot->hash == hash && str_eq((struct str){slot->key, slot->len}, key)) {
            return slot;
        }
    }
}

/* NULL for what is not there; a map that holds NULL is of no use here. */
void *map_get(const struct map *map, struct str key)
{
    assert(key.ptr || !key.len);
    assert(map);
    struct slot *slot = find(map, key, map_hash(key));
    return slot->key ? slot->value : NULL;
}

/* Into twice the size, or into the same when it is full of marks rather than of keys. */
static void rehash(struct map *map)
{
    struct slot *old = map->slots;
    size_t old_size = map->size;

    assert(map->count <= map->marked);
    if (map->count * 2 >= map->size)
        map->size *= 2;
    map->slots = calloc(map->size, sizeof(*map->slots));
    if (!map->slots)
        abort();
    for (size_t i = 0; i < old_size; i++)
        if (old[i].key)
            *find(map, (struct str){old[i].key, old[i].len}, old[i].hash) = old[i];
    map->marked = map->count;
    free(old);
}

/* The value before, so that its owner can free it; NULL when the key is new. */
void *map_set(struct map *map, struct str key, void *value)
{
    uint64_t hash = map_hash(key);

    assert(key.ptr || !key.len);
    assert(map);
    if ((map->marked + 1) * 4 > map->size * 3)
        rehash(map);
    struct slot *slot = find(map, key, hash);
    if (slot->key) {
        void *before = slot->value;
        slot->value = value;
        return before;
    }
    if (!slot->removed)
        map->marked++;
    *slot = (struct slot){.hash = hash, .key = malloc(key.len + 1), .len = key.len, .value = value};
    if (!slot->key)
        abort();
    if (key.len)
        memcpy(slot->key, key.ptr, key.len);
    slot->key[key.len] = '\0';
    map->count++;
    return NULL;
}

/* Leaves a mark, since keys that were put behind this slot must still be found. */
void *map_remove(struct map *map, struct str key)
{
    assert(map && map->count <= map->marked);
    struct slot *slot = find(map, key, map_hash(key));
    if (!slot->key)
        return NULL;
    void *value = slot->value;
    free(slot->key);
    *slot = (struct slot){.removed = true};
    map->count--;
    return value;
}

/* Keys, not marks. */
size_t map_count(const struct map *map)
{
    assert(map->count <= map->size);
    return map->count;
}

/* In no order, and not the same in two runs: who shows a map to anybody sorts first. The entry just
 * given may be removed, others may not be added. */
bool map_next(const struct map *map, size_t *cursor, struct str *out_key, void **out_value)
{
    assert(cursor && out_key && out_value);
    while (*cursor < map->size) {
        const struct slot *slot = &map->slots[(*cursor)++];
        if (!slot->key)
            continue;
        *out_key = (struct str){slot->key, slot->len};
        *out_value = slot->value;
        return true;
    }
    return false;
}
