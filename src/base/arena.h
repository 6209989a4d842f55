/* arena.h - memory that dies together
 *
 * One arena per request, job step or command. Nothing in it is freed by hand. Sizes that a client
 * chooses are asked for first with `arena_fits`; a fixed-size allocation that fails aborts.
 */
#pragma once

#include "base/error.h"
#include "base/str.h"

#include <stdarg.h>

struct arena;

/* Owns: the caller; free with arena_free. Units: `budget_bytes` bounds what arena_fits grants. */
struct arena *arena_new(size_t budget_bytes);

/* Frees everything; NULL is fine. For CLEANUP. */
void arena_free(struct arena **arena);

/* Forgets everything in it, so that it can be used again; keeps a little of the memory. */
void arena_reset(struct arena *arena);

/* Zeroed, aligned for any type, never NULL (aborts when the system has no memory). */
void *arena_alloc(struct arena *arena, size_t size);
#define arena_new_array(arena, type, count) ((type *)arena_alloc_array(arena, count, sizeof(type)))
#define arena_make(arena, type) ((type *)arena_alloc(arena, sizeof(type)))

/* count * size bytes; aborts on overflow of the product. */
void *arena_alloc_array(struct arena *arena, size_t count, size_t size);

/* Whether `size` more bytes stay within the budget. Errors: ERROR_TOO_LARGE. */
int arena_fits(struct arena *arena, size_t size, struct error *err);

/* Bytes given out so far. */
size_t arena_used(const struct arena *arena);

/* Copies into the arena; each result is followed by a NUL that its length does not count. */
struct str arena_str(struct arena *arena, struct str s);
struct str arena_lower(struct arena *arena, struct str s);
PRINTF(2, 3) struct str arena_printf(struct arena *arena, const char *format, ...);
struct str arena_vprintf(struct arena *arena, const char *format, va_list args);

/* A NUL-terminated copy, on its way to a system call. */
char *arena_cstr(struct arena *arena, struct str s);

/* Room for one pointer that base/json.c keeps with the arena. */
void **arena_json_slot(struct arena *arena);
