/* Any text is a filter and an order, or is refused with a sentence; what was read can be applied.
 */
#include "tracking/filter.h"

#include <math.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static const struct filter_grammar *const GRAMMARS[] = {
    &filter_runs, &filter_experiments, &filter_registered_models, &filter_model_versions,
    &filter_logged_models};

/* Every clause answers for every kind of value, and IS NULL is the opposite of IS NOT NULL. */
static void apply(const struct filter *filter)
{
    const struct filter_value values[] = {
        {false, 0, {0}}, {true, 0.5, STR("some text")}, {true, NAN, STR("")}};

    for (size_t i = 0; i < filter->count; i++)
        for (size_t v = 0; v < COUNT(values); v++) {
            const struct filter_clause *clause = &filter->clauses[i];
            bool match = filter_match(clause, &values[v]);
            if (match && !values[v].present && clause->op != FILTER_IS_NULL)
                abort();
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct str text = {(const char *)bytes, size};

    for (size_t i = 0; i < COUNT(GRAMMARS); i++) {
        CLEANUP(arena_free) struct arena *arena = arena_new(4 * MIB);
        struct filter filter;
        struct order_clause order;
        struct error err = {0};
        if (filter_parse(arena, GRAMMARS[i], text, &filter, &err) == 0)
            apply(&filter);
        else if (err.code != ERROR_INVALID || err.message[0] == '\0')
            abort();
        if (order_parse(arena, GRAMMARS[i], text, &order, &err) == 0 && order.key.len > size)
            abort();
    }
    return 0;
}
