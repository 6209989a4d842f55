/* Which waiting job gets a node: a function of what is known, without a clock or a store, so that
 * its tests are tables. In order of submission for each pool; one that must wait is told behind
 * whom. */
#include "job/place.h"

#include <assert.h>

/* Names of pools are ARM's: any case. */
static const struct place_pool *pool_find(const struct place_input *input, struct str name,
                                          size_t *out_at)
{
    assert(out_at);
    for (size_t i = 0; i < input->pool_count; i++) {
        if (str_eq_fold(input->pools[i].name, name)) {
            *out_at = i;
            return &input->pools[i];
        }
    }
    return NULL;
}

/* "2 jobs before it on cpu-cluster (1 node, busy with calm_owl and 3 more)" */
static struct str waiting_reason(struct arena *arena, const struct place_pool *pool, int before)
{
    struct str more = {0};

    assert(before >= 0);
    if (pool->busy > 1)
        more = arena_printf(arena, " and %d more", pool->busy - 1);
    struct str holder = pool->busy > 0 ? arena_printf(arena, ", busy with %.*s%.*s",
                                                      STR_ARG(pool->busy_with[0]), STR_ARG(more))
                                       : (struct str){0};
    if (before == 0)
        return arena_printf(arena, "Next in line on %.*s (%d node%s%.*s).", STR_ARG(pool->name),
                            pool->slots, pool->slots == 1 ? "" : "s", STR_ARG(holder));
    return arena_printf(arena, "%d job%s before it on %.*s (%d node%s%.*s).", before,
                        before == 1 ? "" : "s", STR_ARG(pool->name), pool->slots,
                        pool->slots == 1 ? "" : "s", STR_ARG(holder));
}

/* First come, first served in each pool: a job waits behind every earlier one of its pool, so
 * that none starves. */
struct place_decision *place_decide(struct arena *arena, const struct place_input *input)
{
    struct place_decision *decisions =
        arena_new_array(arena, struct place_decision, input->job_count);
    int *taken = arena_new_array(arena, int, input->pool_count);
    int *waiting = arena_new_array(arena, int, input->pool_count);

    assert(input);
    for (size_t i = 0; i < input->job_count; i++) {
        size_t at = 0;
        const struct place_pool *pool = pool_find(input, input->jobs[i].pool, &at);
        if (!pool || pool->slots <= 0) {
            decisions[i].reason = arena_printf(
                arena, "Its compute '%.*s' does not exist any more; create it, or cancel the job.",
                STR_ARG(input->jobs[i].pool));
            continue;
        }
        if (pool->stopped) {
            decisions[i].reason = arena_printf(
                arena, "Its compute instance '%.*s' is stopped; start it, or cancel the job.",
                STR_ARG(pool->name));
            continue;
        }
        decisions[i].before = waiting[at];
        if (pool->busy + taken[at] < pool->slots && waiting[at] == 0) {
            taken[at]++;
            decisions[i].start = true;
            decisions[i].reason = arena_printf(arena, "Placed on %.*s.", STR_ARG(pool->name));
        } else {
            decisions[i].reason = waiting_reason(arena, pool, waiting[at]);
            waiting[at]++;
        }
    }
    return decisions;
}
