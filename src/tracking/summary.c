/* The state of all metrics of one owner in one row: latest, least and greatest value of each key.
 * Reading a run costs this row, however many points it has. */
#include "tracking/summary.h"

#include <math.h>

#define SUMMARY_INDEX_FROM 32 /* fewer entries are walked */

enum { SUMMARY_VERSION = 1 };

/* Which parts of an entry follow. */
enum {
    ENTRY_MIN = 1, /* min differs from last */
    ENTRY_MAX = 2, /* max differs from last */
    ENTRY_SOURCE = 4,
    ENTRY_NO_RANGE = 8, /* only NaN so far */
};

/* Without entries, as before the first point. */
struct summary summary_make(struct arena *arena)
{
    assert(arena);
    return (struct summary){.arena = arena};
}

/* NaN equals itself here, and 0 is not -0: what is read shall be what was written. */
static bool same_bits(double a, double b)
{
    return memcmp(&a, &b, sizeof a) == 0;
}

/* As it lies in memory: the database does not leave the machine's kind. */
static unsigned char *put_double(unsigned char *at, double value)
{
    memcpy(at, &value, sizeof value);
    return at + sizeof value;
}

/* Least and greatest are left out where they equal the last value, as with metrics that were logged
 * once. */
struct str summary_encode(struct arena *arena, const struct summary *summary)
{
    size_t entry_bytes = 1 + 5 * VARINT_BYTES_MAX + 3 * sizeof(double);
    unsigned char *start = arena_alloc(arena, 4 * VARINT_BYTES_MAX + summary->count * entry_bytes);
    unsigned char *at = start;
    struct summary_entry last = {0};

    *at++ = SUMMARY_VERSION;
    at = varint_put(at, summary->count);
    at = varint_put(at, summary->tail_rows);
    at = varint_put(at, summary->tail_points);
    for (size_t i = 0; i < summary->count; i++) {
        const struct summary_entry *entry = &summary->entries[i];
        bool ranged = !isnan(entry->min);
        unsigned flags = ranged ? (same_bits(entry->min, entry->last) ? 0 : ENTRY_MIN) |
                                      (same_bits(entry->max, entry->last) ? 0 : ENTRY_MAX)
                                : ENTRY_NO_RANGE;
        *at++ = (unsigned char)(flags | (entry->source ? ENTRY_SOURCE : 0));
        at = varint_put_signed(at, (uint64_t)entry->key - (uint64_t)last.key);
        at = varint_put(at, entry->n);
        at = varint_put_signed(at, (uint64_t)entry->at_ms - (uint64_t)last.at_ms);
        at = varint_put_signed(at, (uint64_t)entry->step - (uint64_t)last.step);
        if (entry->source)
            at = varint_put(at, (uint64_t)entry->source);
        at = put_double(at, entry->last);
        if (flags & ENTRY_MIN)
            at = put_double(at, entry->min);
        if (flags & ENTRY_MAX)
            at = put_double(at, entry->max);
        last = *entry;
    }
    return (struct str){(const char *)start, (size_t)(at - start)};
}

/* Numbers are differences to the entry before. */
static void entry_decode(struct varint_reader *bytes, const struct summary_entry *last,
                         struct summary_entry *out)
{
    unsigned char flags = 0;

    varint_get_bytes(bytes, &flags, 1);
    out->key = (int64_t)((uint64_t)last->key + varint_get_signed(bytes));
    out->n = varint_get(bytes);
    out->at_ms = (int64_t)((uint64_t)last->at_ms + varint_get_signed(bytes));
    out->step = (int64_t)((uint64_t)last->step + varint_get_signed(bytes));
    out->source = flags & ENTRY_SOURCE ? (int64_t)varint_get(bytes) : 0;
    varint_get_bytes(bytes, &out->last, sizeof(double));
    out->min = out->max = flags & ENTRY_NO_RANGE ? NAN : out->last;
    if (flags & ENTRY_MIN)
        varint_get_bytes(bytes, &out->min, sizeof(double));
    if (flags & ENTRY_MAX)
        varint_get_bytes(bytes, &out->max, sizeof(double));
}

/* A row that cannot be read is an error, never an empty summary: the next point would overwrite
 * it. */
int summary_decode(struct arena *arena, struct str data, struct summary *out, struct error *err)
{
    struct summary read = summary_make(arena);
    struct varint_reader bytes = varint_reader(data);
    struct summary_entry last = {0};

    if (data.len == 0) {
        *out = read;
        return 0;
    }
    uint64_t version = varint_get(&bytes);
    uint64_t count = varint_get(&bytes);
    read.tail_rows = varint_get(&bytes);
    read.tail_points = varint_get(&bytes);
    /* The shortest entry has 13 bytes, so a count that lies cannot make us allocate much. */
    if (bytes.bad || version != SUMMARY_VERSION || count > data.len / 13)
        return error_set(err, ERROR_CORRUPT, "summary", "A run's metric summary cannot be read.");
    read.size = count + count / 4 + 8;
    read.entries = arena_new_array(arena, struct summary_entry, read.size);
    for (; read.count < count && !bytes.bad; read.count++) {
        entry_decode(&bytes, &last, &read.entries[read.count]);
        last = read.entries[read.count];
    }
    if (bytes.bad || bytes.at != bytes.end)
        return error_set(err, ERROR_CORRUPT, "summary", "A run's metric summary cannot be read.");
    *out = read;
    return 0;
}

/* NaN counts as 0 but greater, as MLflow's SQL store sorts (is_nan, value). */
int summary_compare_values(double a, double b)
{
    double left = isnan(a) ? 0 : a;
    double right = isnan(b) ? 0 : b;

    if (left != right)
        return left < right ? -1 : 1;
    return (isnan(a) ? 1 : 0) - (isnan(b) ? 1 : 0);
}

/* The latest is that of the greatest step, then time, then value: MLflow's own rule. */
static bool later(const struct tail_point *point, const struct summary_entry *entry)
{
    if (point->step != entry->step)
        return point->step > entry->step;
    if (point->at_ms != entry->at_ms)
        return point->at_ms > entry->at_ms;
    return summary_compare_values(point->value, entry->last) > 0;
}

/* Models keep one entry for each source, runs one for all. */
static bool matches(const struct summary *summary, size_t at, int64_t key, int64_t source)
{
    const struct summary_entry *entry = &summary->entries[at];
    return entry->key == key && (!summary->by_source || entry->source == source);
}

/* Multiplied, for numbers of keys are small and close together. */
static size_t slot_of(const struct summary *summary, int64_t key, int64_t source)
{
    uint64_t mixed = (uint64_t)key * 0x9e3779b97f4a7c15u;
    if (summary->by_source)
        mixed ^= (uint64_t)source * 0xc2b2ae3d27d4eb4fu;
    return (size_t)(mixed >> 20) & (summary->index_size_ - 1);
}

/* Linear probing; positions are kept plus one, so that 0 is free. */
static void index_add(struct summary *summary, size_t position)
{
    const struct summary_entry *entry = &summary->entries[position];
    size_t slot = slot_of(summary, entry->key, entry->source);

    while (summary->index_[slot])
        slot = (slot + 1) & (summary->index_size_ - 1);
    summary->index_[slot] = (uint32_t)position + 1;
}

/* Only for owners of many keys, at the first look-up. */
static void index_build(struct summary *summary)
{
    size_t size = 64;

    while (size < summary->count * 4)
        size *= 2;
    summary->index_ = arena_new_array(summary->arena, uint32_t, size);
    summary->index_size_ = size;
    for (size_t i = 0; i < summary->count; i++)
        index_add(summary, i);
}

/* The position of an entry, or summary->count. */
static size_t position_of(struct summary *summary, int64_t key, int64_t source)
{
    if (summary->next_ < summary->count && matches(summary, summary->next_, key, source))
        return summary->next_;
    if (summary->count < SUMMARY_INDEX_FROM) {
        for (size_t i = 0; i < summary->count; i++)
            if (matches(summary, i, key, source))
                return i;
        return summary->count;
    }
    if (!summary->index_ || summary->index_size_ < summary->count * 2)
        index_build(summary);
    for (size_t slot = slot_of(summary, key, source);;
         slot = (slot + 1) & (summary->index_size_ - 1)) {
        uint32_t found = summary->index_[slot];
        if (!found)
            return summary->count;
        if (matches(summary, found - 1, key, source))
            return found - 1;
    }
}

/* The index follows, when there is one. */
static void entry_add(struct summary *summary, const struct tail_point *point)
{
    if (summary->count == summary->size) {
        size_t size = summary->size * 2 + 8;
        struct summary_entry *entries = arena_new_array(summary->arena, struct summary_entry, size);
        if (summary->count)
            memcpy(entries, summary->entries, summary->count * sizeof *entries);
        summary->entries = entries;
        summary->size = size;
    }
    summary->entries[summary->count++] = (struct summary_entry){.key = point->key,
                                                                .source = point->source,
                                                                .n = 1,
                                                                .at_ms = point->at_ms,
                                                                .step = point->step,
                                                                .last = point->value,
                                                                .min = point->value,
                                                                .max = point->value};
    if (summary->index_)
        index_add(summary, summary->count - 1);
}

/* Called in the order of keys as they came the last time, so the entry is mostly the next one. */
void summary_fold(struct summary *summary, const struct tail_point *point)
{
    size_t at = position_of(summary, point->key, point->source);

    assert(at <= summary->count && !isinf(point->value));
    if (at == summary->count) {
        entry_add(summary, point);
    } else {
        struct summary_entry *entry = &summary->entries[at];
        entry->n++;
        if (isnan(entry->min) || point->value < entry->min)
            entry->min = point->value;
        if (isnan(entry->max) || point->value > entry->max)
            entry->max = point->value;
        if (later(point, entry)) {
            entry->at_ms = point->at_ms;
            entry->step = point->step;
            entry->last = point->value;
            entry->source = point->source;
        }
    }
    summary->next_ = at + 1;
}

/* For searches; the first entry speaks for a model that has several. */
const struct summary_entry *summary_find(const struct summary *summary, int64_t key)
{
    for (size_t i = 0; i < summary->count; i++)
        if (summary->entries[i].key == key)
            return &summary->entries[i];
    return NULL;
}
