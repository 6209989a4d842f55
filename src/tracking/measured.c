#include "tracking/measured.h"

#include <assert.h>

/* Whether an entry was measured on one of the datasets asked for. */
static int entry_meant(const struct measured *measured, int64_t number, bool *out,
                       struct error *err)
{
    struct metric_source source = {0};

    assert(measured && out);
    *out = measured->on_count == 0;
    if (*out || number == 0)
        return 0;
    if (metric_source(measured->txn, number, &source, err) < 0)
        return -1;
    for (size_t i = 0; i < measured->on_count && !*out; i++) {
        const struct measured_on *on = &measured->on[i];
        *out = str_eq(on->name, source.dataset_name) &&
               (on->digest.len == 0 || str_eq(on->digest, source.dataset_digest));
    }
    return 0;
}

/* A clause against one number. */
static bool number_fits(const struct filter_clause *clause, double number)
{
    return filter_match(clause, &(struct filter_value){.present = true, .number = number});
}

/* What the ends and the last value decide: whether any fits, or none can, or the history has to be
 * asked, which is so for `=` between both ends alone. */
enum verdict { VERDICT_FITS, VERDICT_NONE, VERDICT_ASK };

/* A value that fits an order lies at one of the ends, if anywhere. */
static enum verdict entry_verdict(const struct filter_clause *clause,
                                  const struct summary_entry *entry)
{
    if (number_fits(clause, entry->last) || number_fits(clause, entry->min) ||
        number_fits(clause, entry->max))
        return VERDICT_FITS;
    if (clause->op != FILTER_EQ || entry->n <= 2 || clause->number < entry->min ||
        clause->number > entry->max)
        return VERDICT_NONE;
    return VERDICT_ASK;
}

/* All points of an entry, one by one. */
static int history_match(const struct measured *measured, const struct summary_entry *entry,
                         const struct filter_clause *clause, bool *out, struct error *err)
{
    CLEANUP(points_free) struct points points = {0};
    const struct metric_range range = {.owner = measured->owner, .key = entry->key};

    assert(measured && out);
    if (metric_history(measured->txn, &range, &points, err) < 0)
        return -1;
    for (size_t i = 0; i < points.count && !*out; i++)
        *out = points.at[i].source == entry->source && number_fits(clause, points.at[i].value);
    return 0;
}

/* Any value counts, not the last alone: a model is measured at many steps. */
int measured_match(const struct measured *measured, int64_t key, const struct filter_clause *clause,
                   bool *out, struct error *err)
{
    assert(clause->numeric);
    *out = false;
    for (size_t i = 0; i < measured->summary->count && !*out; i++) {
        const struct summary_entry *entry = &measured->summary->entries[i];
        bool meant;
        if (entry->key != key)
            continue;
        if (entry_meant(measured, entry->source, &meant, err) < 0)
            return -1;
        if (!meant)
            continue;
        enum verdict verdict = entry_verdict(clause, entry);
        *out = verdict == VERDICT_FITS;
        if (verdict == VERDICT_ASK && history_match(measured, entry, clause, out, err) < 0)
            return -1;
    }
    return 0;
}

/* Unlike a run's, a model's last value goes by time before step: its steps are those of the run
 * that measured it, and several may have. */
int measured_latest(const struct measured *measured, int64_t key, struct filter_value *out,
                    struct error *err)
{
    const struct summary_entry *best = NULL;

    assert(out);
    for (size_t i = 0; i < measured->summary->count; i++) {
        const struct summary_entry *entry = &measured->summary->entries[i];
        bool meant = false;
        if (entry->key == key && entry_meant(measured, entry->source, &meant, err) < 0)
            return -1;
        if (meant && (!best || entry->at_ms > best->at_ms ||
                      (entry->at_ms == best->at_ms && entry->step > best->step)))
            best = entry;
    }
    *out = (struct filter_value){.present = best != NULL, .number = best ? best->last : 0};
    return 0;
}

/* Of any key. */
int measured_any(const struct measured *measured, bool *out, struct error *err)
{
    assert(out);
    *out = false;
    for (size_t i = 0; i < measured->summary->count && !*out; i++)
        if (entry_meant(measured, measured->summary->entries[i].source, out, err) < 0)
            return -1;
    return 0;
}
