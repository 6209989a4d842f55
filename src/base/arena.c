/* Chunks that double up to a limit. Only the newest is filled; what an older one has left is given
 * up, which costs less than looking for room. */
#include "base/arena.h"

#include <assert.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Most requests fit into the first; the largest keeps what a full chunk gives up small. */
#define FIRST_CHUNK_BYTES (4 * KIB)
#define LARGEST_CHUNK_BYTES (256 * KIB)
#define KEPT_CHUNK_BYTES (32 * KIB) /* what a reset may keep */

/* Bytes on the stack for a text that is being made. */
#define SMALL_TEXT 256

/* Its bytes follow, aligned for anything. */
struct chunk {
    struct chunk *next;
    size_t used;
    size_t size;
    alignas(max_align_t) unsigned char bytes[];
};

struct arena {
    /* A large piece of its own lies second, so that the chunk being filled stays first. */
    struct chunk *chunks; /* the newest first; only it is filled */
    size_t budget_bytes;
    /* What was given out, not what was taken from the system: the budget is about the client's
     * demand, and must not depend on how chunks happen to fill. */
    size_t used_bytes;
    /* The one document that makes all JSON of this arena; base/json.c's, opaque here. */
    void *json_slot;
};

/* Takes no memory for content yet: many arenas of short requests never need any. */
struct arena *arena_new(size_t budget_bytes)
{
    struct arena *arena = calloc(1, sizeof(*arena));
    if (!arena)
        abort();
    arena->budget_bytes = budget_bytes;
    return arena;
}

/* Takes NULL inside, as every CLEANUP does, and leaves NULL behind. */
void arena_free(struct arena **arena)
{
    assert(arena);
    if (!*arena)
        return;
    struct chunk *chunk = (*arena)->chunks;
    while (chunk) {
        struct chunk *next = chunk->next;
        free(chunk);
        chunk = next;
    }
    free(*arena);
    *arena = NULL;
}

/* A little is kept, because the next request of the same connection usually needs as much. Not
 * zeroed here: arena_alloc does that for what it gives out. */
void arena_reset(struct arena *arena)
{
    struct chunk *kept = NULL;

    assert(arena);
    while (arena->chunks) {
        struct chunk *chunk = arena->chunks;
        arena->chunks = chunk->next;
        if (!kept && chunk->size <= KEPT_CHUNK_BYTES)
            kept = chunk;
        else
            free(chunk);
    }
    if (kept) {
        kept->next = NULL;
        kept->used = 0;
    }
    arena->chunks = kept;
    arena->used_bytes = 0;
    arena->json_slot = NULL;
}

/* Larger requests than a chunk get one of their own, put behind the one being filled. */
static struct chunk *chunk_add(struct arena *arena, size_t size)
{
    size_t usual = arena->chunks ? arena->chunks->size * 2 : FIRST_CHUNK_BYTES;
    bool own;

    if (usual > LARGEST_CHUNK_BYTES)
        usual = LARGEST_CHUNK_BYTES;
    own = size > usual / 2 && arena->chunks;
    size_t room = own || size > usual ? size : usual;
    if (room > PTRDIFF_MAX - sizeof(struct chunk)) /* no object can be that large */
        abort();
    struct chunk *chunk = malloc(sizeof(*chunk) + room);
    if (!chunk)
        abort();
    *chunk = (struct chunk){.size = room};
    if (own) {
        chunk->next = arena->chunks->next;
        arena->chunks->next = chunk;
    } else {
        chunk->next = arena->chunks;
        arena->chunks = chunk;
    }
    return chunk;
}

/* Not zeroed. The only place where memory is given out, so the only one that counts it. */
static void *arena_take(struct arena *arena, size_t size)
{
    size_t rounded = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);

    assert(arena);
    if (rounded < size)
        abort();
    struct chunk *chunk = arena->chunks;
    if (!chunk || chunk->size - chunk->used < rounded)
        chunk = chunk_add(arena, rounded);
    void *memory = chunk->bytes + chunk->used;
    chunk->used += rounded;
    arena->used_bytes += rounded;
    return memory;
}

/* Whoever forgets to fill a field finds zero there, never what an earlier request left. */
void *arena_alloc(struct arena *arena, size_t size)
{
    assert(arena);
    return memset(arena_take(arena, size), 0, size);
}

/* A product that wraps round would give a small piece for a large array. */
void *arena_alloc_array(struct arena *arena, size_t count, size_t size)
{
    size_t total;

    assert(size > 0);
    if (__builtin_mul_overflow(count, size, &total))
        abort();
    return arena_alloc(arena, total);
}

/* Asked before an allocation whose size a client chose. Others are small and bounded by the
 * code. */
int arena_fits(struct arena *arena, size_t size, struct error *err)
{
    assert(arena);
    if (arena->used_bytes <= arena->budget_bytes && size <= arena->budget_bytes - arena->used_bytes)
        return 0;
    return error_set(err, ERROR_TOO_LARGE, "",
                     "The request needs more memory than one request may use (%zu MiB).",
                     arena->budget_bytes / MIB);
}

/* For limits that a caller sets below the budget, and for tests that nothing is lost. */
size_t arena_used(const struct arena *arena)
{
    return arena->used_bytes;
}

/* A copy that outlives its source, with the NUL of arena_cstr behind it: `.ptr` may go to the
 * system. */
struct str arena_str(struct arena *arena, struct str s)
{
    return (struct str){arena_cstr(arena, s), s.len};
}

/* ASCII only. Keys of the store are made by it, so it may never follow a locale: rows that were
 * written under one would not be found under another. */
struct str arena_lower(struct arena *arena, struct str s)
{
    char *copy = arena_cstr(arena, s);

    assert(arena);
    for (size_t i = 0; i < s.len; i++)
        if (copy[i] >= 'A' && copy[i] <= 'Z')
            copy[i] = (char)(copy[i] - 'A' + 'a');
    return (struct str){copy, s.len};
}

/* The one that copies; an empty string has an address too, since NULL means "not given" to many
 * callers. */
char *arena_cstr(struct arena *arena, struct str s)
{
    assert(arena);
    assert(s.ptr || !s.len);
    char *copy = arena_take(arena, s.len + 1);
    if (s.len)
        memcpy(copy, s.ptr, s.len);
    copy[s.len] = '\0';
    return copy;
}

/* Most texts are short: formatted once and copied. Longer ones are formatted again, since their
 * length was not known before. */
struct str arena_vprintf(struct arena *arena, const char *format, va_list args)
{
    char small[SMALL_TEXT];
    va_list again;

    assert(format);
    va_copy(again, args);
    int len = vsnprintf(small, sizeof(small), format, again);
    va_end(again);
    if (len < 0)
        abort();
    char *text = arena_take(arena, (size_t)len + 1);
    if ((size_t)len < sizeof(small))
        memcpy(text, small, (size_t)len + 1);
    else
        vsnprintf(text, (size_t)len + 1, format, args);
    return (struct str){text, (size_t)len};
}

/* The usual way to a text whose length is not known; nothing is cut off. */
struct str arena_printf(struct arena *arena, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    struct str text = arena_vprintf(arena, format, args);
    va_end(args);
    return text;
}

/* Where json.c keeps its document, so that values of one request share pools. */
void **arena_json_slot(struct arena *arena)
{
    assert(arena);
    return &arena->json_slot;
}
