/* marks.c - Where each value stands in the text, by its address: JSON itself has no room for it. */
#include "yaml/marks.h"

#include <assert.h>
#include <string.h>

struct entry {
    const struct json *value;
    struct yaml_mark at, key;
};

/* Open addressing; `size` is a power of two and at most three quarters are in use. */
struct yaml_marks {
    struct entry *entries;
    size_t size, used;
};

/* Beside the values, not in them: most values are never asked for their place. */
struct yaml_marks *yaml_marks_new(struct arena *arena)
{
    struct yaml_marks *marks = arena_make(arena, struct yaml_marks);

    assert(arena);
    marks->size = 64;
    marks->entries = arena_new_array(arena, struct entry, marks->size);
    return marks;
}

/* Values are known by their address: they do not move while the document lives. */
static struct entry *slot_of(const struct yaml_marks *marks, const struct json *value)
{
    assert(marks->used < marks->size);
    uint64_t hash = (uint64_t)(uintptr_t)value * 0x9E3779B97F4A7C15u;
    size_t at = (size_t)(hash >> 32) & (marks->size - 1);

    while (marks->entries[at].value && marks->entries[at].value != value)
        at = (at + 1) & (marks->size - 1);
    return &marks->entries[at];
}

/* Room doubles, and every mark finds its place anew. */
static void grow(struct arena *arena, struct yaml_marks *marks)
{
    struct yaml_marks larger = {.size = marks->size * 2, .used = marks->used};

    larger.entries = arena_new_array(arena, struct entry, larger.size);
    for (size_t i = 0; i < marks->size; i++)
        if (marks->entries[i].value)
            *slot_of(&larger, marks->entries[i].value) = marks->entries[i];
    *marks = larger;
}

/* Grown by doubling, so that a large file costs a few moves. */
void yaml_marks_add(struct arena *arena, struct yaml_marks *marks, const struct json *value,
                    struct yaml_mark at, struct yaml_mark key)
{
    assert(value);
    if (marks->used * 4 >= marks->size * 3)
        grow(arena, marks);
    struct entry *entry = slot_of(marks, value);
    if (!entry->value)
        marks->used++;
    *entry = (struct entry){value, at, key};
}

/* Nowhere for what a flag made: such a value has no line. */
struct yaml_mark yaml_mark(const struct yaml *yaml, const struct json *value)
{
    if (!yaml->marks || !value)
        return (struct yaml_mark){0};
    return slot_of(yaml->marks, value)->at;
}

/* A problem of a missing value stands at its key. */
struct yaml_mark yaml_key_mark(const struct yaml *yaml, const struct json *value)
{
    if (!yaml->marks || !value)
        return (struct yaml_mark){0};
    return slot_of(yaml->marks, value)->key;
}
