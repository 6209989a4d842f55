/* map.h - from text to pointer, a hash table
 *
 * Keys are copied, values are the caller's. Not locked. Hashing is keyed per process.
 */
#pragma once

#include "base/str.h"

struct map;

/* Owns: the caller. */
struct map *map_new(void);

/* Frees the table, not the values. For CLEANUP. */
void map_free(struct map **map);

/* The value, or NULL. */
void *map_get(const struct map *map, struct str key);

/* Sets or replaces; returns the value that was there, or NULL. */
void *map_set(struct map *map, struct str key, void *value);

/* Takes a key out; returns its value, or NULL. */
void *map_remove(struct map *map, struct str key);

/* How many keys. */
size_t map_count(const struct map *map);

/* Walks all entries in no order; start with *cursor = 0. The map must not change meanwhile. */
bool map_next(const struct map *map, size_t *cursor, struct str *out_key, void **out_value);

/* A 64-bit hash of bytes, keyed per process. */
uint64_t map_hash(struct str key);
