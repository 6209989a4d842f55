/* Lists of runs: children, a workspace's or an experiment's, filtered and page by page, newest
 * first. Each request looks at a bounded number of runs and says where to go on, so a filter that
 * matches nothing costs many short requests instead of one long one. */
#include "dataplane/filter.h"
#include "dataplane/internal.h"

#include "http/text.h"

#include <assert.h>

#define PAGE_DEFAULT 200
#define PAGE_MAX 1000
#define STRIDE 32       /* runs shown out of one snapshot */
#define LOOKED_MAX 1024 /* runs looked at for one page */

struct listing {
    struct dataplane_run *at;
    const struct dataplane_filter *filter;
    struct run_query query;
    size_t top; /* wanted */
    struct json *list;
    size_t count, looked, stride;
    bool full;
};

/* A continuation token is the position of the last run looked at: "{created}.{row}". */
static int read_token(struct str token, struct run_query *out, struct error *err)
{
    struct str us, row;

    if (token.len == 0 || (str_cut(token, '.', &us, &row) && str_to_int64(us, &out->before_us) &&
                           str_to_int64(row, &out->before_run)))
        return 0;
    return error_set(err, ERROR_INVALID, "continuationToken",
                     "A continuation token is what the page before said.");
}

static int read_top(struct str text, size_t *out, struct error *err)
{
    int64_t top = PAGE_DEFAULT;

    if (text.len > 0 && (!str_to_int64(text, &top) || top < 1))
        return error_set(err, ERROR_INVALID, "top", "'top' is a whole number from 1 on.");
    *out = top > PAGE_MAX ? PAGE_MAX : (size_t)top;
    return 0;
}

/* By the time of making, newest first when nothing is said; a field without a direction goes up. */
static int read_order(struct str order, struct run_query *out, struct error *err)
{
    static const char *const FIELDS[] = {"createdUtc",        "startTimeUtc", "created_utc",
                                         "runNumber",         "createdTime",  "createdTimeUtc",
                                         "properties/created"};
    struct str text = str_trim(order), field = text, direction = STR("asc");

    assert(out);
    str_cut(text, ' ', &field, &direction);
    direction = str_trim(direction);
    bool up = str_eq_fold(direction, STR("asc"));
    out->oldest = text.len > 0 && up;
    if (text.len == 0)
        return 0;
    for (size_t i = 0; i < COUNT(FIELDS); i++)
        if (str_eq_fold(field, str_from(FIELDS[i])) && (up || str_eq_fold(direction, STR("desc"))))
            return 0;
    return error_set(err, ERROR_NOT_IMPLEMENTED, "orderBy",
                     "Runs are ordered by createdUtc, asc or desc; the order '%.*s' is not built"
                     " yet.",
                     STR_ARG(str_slice(text, 0, 60)));
}

static int add_run(const struct run *run, void *context, struct error *err)
{
    struct listing *l = context;
    struct dataplane_run at = *l->at;

    if (l->count == l->top || l->looked == LOOKED_MAX) {
        l->full = true;
        return 0;
    }
    if (dataplane_take_run(&at, run, err) < 0)
        return -1;
    struct json *view = dataplane_run_view(&at, err);
    if (!view)
        return -1;
    l->looked++;
    l->stride++;
    l->query.before_us = run->created_us;
    l->query.before_run = run->run;
    if (dataplane_filter_match(l->filter, view)) {
        json_append(at.call->arena, l->list, view);
        l->count++;
    }
    return 0;
}

/* Between strides the snapshot is given back: a long list must not hold up the writer. */
static int walk(struct listing *l, struct error *err)
{
    l->query.limit = STRIDE;
    do {
        l->stride = 0;
        if (run_list(l->at->txn, &l->query, add_run, l, err) < 0)
            return -1;
        if (l->count == l->top || l->looked >= LOOKED_MAX)
            l->full = l->full || l->stride == STRIDE;
        if (!l->full && l->stride == STRIDE && dataplane_breathe(l->at, err) < 0)
            return -1;
    } while (!l->full && l->stride == STRIDE);
    return 0;
}

static struct json *page_view(struct listing *l, struct error *err)
{
    struct arena *arena = l->at->call->arena;
    struct json *body = json_object(arena);

    l->list = json_array(arena);
    l->query.scope = l->at->scope.number;
    if (walk(l, err) < 0)
        return NULL;
    json_set(arena, body, STR("value"), l->list);
    if (l->full)
        json_set_str(arena, body, "continuationToken",
                     arena_printf(arena, "%lld.%lld", (long long)l->query.before_us,
                                  (long long)l->query.before_run));
    return body;
}

/* What a GET asks by its query. Names come with and without '$'. */
static struct str option(const struct call *call, const char *dollar, const char *plain)
{
    struct str value = call_query(call, dollar);

    return value.len ? value : call_query(call, plain);
}

static int read_options(struct listing *l, struct error *err)
{
    const struct call *call = l->at->call;

    if (dataplane_filter_parse(call->arena, option(call, "$filter", "filter"), &l->filter, err) <
            0 ||
        read_top(option(call, "$top", "top"), &l->top, err) < 0 ||
        read_order(option(call, "$orderby", "orderBy"), &l->query, err) < 0)
        return -1;
    return read_token(option(call, "$continuationtoken", "continuationToken"), &l->query, err);
}

/* The address of the next page: the same question from another position. */
static void set_next_link(const struct call *call, struct json *body)
{
    static const char *const KEPT[] = {"$filter", "filter", "$top", "top", "$orderby", "orderBy"};
    struct str token = json_str_at(body, "continuationToken");

    if (token.len == 0)
        return;
    struct str link =
        arena_printf(call->arena, "%.*s%.*s?continuationToken=%.*s", STR_ARG(arm_base_url(call)),
                     STR_ARG(http_path(call->ex)), STR_ARG(token));
    for (size_t i = 0; i < COUNT(KEPT); i++) {
        struct str value = call_query(call, KEPT[i]);
        if (value.len > 0)
            link = arena_printf(call->arena, "%.*s&%s=%.*s", STR_ARG(link), KEPT[i],
                                STR_ARG(http_encode(call->arena, value, false)));
    }
    json_set_str(call->arena, body, "nextLink", link);
}

static struct json *children_view(struct dataplane_run *at, struct error *err)
{
    struct listing l = {.at = at, .query = {.parent = at->run.run, .all = true}};

    if (read_options(&l, err) < 0)
        return NULL;
    struct json *body = page_view(&l, err);
    if (body)
        set_next_link(at->call, body);
    return body;
}

void dataplane_list_children(struct call *call)
{
    dataplane_answer_run(call, call_param(call, "run"), children_view);
}

/* Runs of the workspace, or of the experiment that the path names. */
static int take_experiment(struct listing *l, struct error *err)
{
    struct dataplane_run *at = l->at;
    struct experiment experiment;

    int given = dataplane_find_experiment(at->call, at->txn, at->scope.number, &experiment, err);
    if (given < 0)
        return -1;
    l->query.by_experiment = given > 0;
    if (given)
        l->query.experiment = experiment.id;
    return 0;
}

static struct json *list_view(struct dataplane_run *at, struct error *err)
{
    struct listing l = {.at = at, .query = {.all = true}};

    if (read_options(&l, err) < 0 || take_experiment(&l, err) < 0)
        return NULL;
    struct json *body = page_view(&l, err);
    if (body)
        set_next_link(at->call, body);
    return body;
}

void dataplane_list_runs(struct call *call)
{
    dataplane_answer(call, list_view);
}

/* Runs that went to one compute: a filter like any other. */
static struct json *compute_view(struct dataplane_run *at, struct error *err)
{
    struct listing l = {.at = at, .query = {.all = true}};
    struct arena *arena = at->call->arena;
    struct str compute = call_param(at->call, "compute");
    struct str id = scope_arm_id(arena, &at->scope);

    if (read_options(&l, err) < 0)
        return NULL;
    if (str_find_char(compute, '\'') >= 0 || l.filter) {
        error_set(err, ERROR_INVALID, "compute", "Runs of a compute take no further filter.");
        return NULL;
    }
    struct str text = arena_printf(
        arena, "target eq '%.*s' or target eq '%.*s/computes/%.*s' or target eq 'azureml:%.*s'",
        STR_ARG(compute), STR_ARG(id), STR_ARG(compute), STR_ARG(compute));
    if (dataplane_filter_parse(arena, text, &l.filter, err) < 0)
        return NULL;
    struct json *body = page_view(&l, err);
    if (body)
        set_next_link(at->call, body);
    return body;
}

void dataplane_compute_runs(struct call *call)
{
    dataplane_answer(call, compute_view);
}

/* What a POST asks by its body. */
static struct json *query_view(struct dataplane_run *at, struct error *err)
{
    struct listing l = {.at = at, .query = {.all = true}, .top = PAGE_DEFAULT};
    struct json *ask = dataplane_body(at->call, err);
    struct json *top = ask ? json_get(ask, STR("top")) : NULL;

    assert(at->scope.number > 0);
    if (!ask ||
        dataplane_filter_parse(at->call->arena, json_str_at(ask, "filter"), &l.filter, err) < 0 ||
        read_order(json_str_at(ask, "orderBy"), &l.query, err) < 0 ||
        read_token(json_str_at(ask, "continuationToken"), &l.query, err) < 0 ||
        (!json_is_null(top) &&
         read_top(json_is_integer(top) ? json_write(at->call->arena, top) : STR("x"), &l.top, err) <
             0) ||
        take_experiment(&l, err) < 0)
        return NULL;
    return page_view(&l, err);
}

void dataplane_query_runs(struct call *call)
{
    dataplane_answer(call, query_view);
}
