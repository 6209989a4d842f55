/* Single runs: as they are, with what the SDK asks beside them, and many at once by their names. */
#include "dataplane/internal.h"

#include <assert.h>

#define BATCH_MAX 1000
#define STRIDE 32 /* runs shown out of one snapshot */

void dataplane_get_run(struct call *call)
{
    dataplane_answer_run(call, call_param(call, "run"), dataplane_run_view);
}

/* Services of a job (a notebook, a shell) are refused when it is submitted, so there are none. */
static struct json *services_view(struct dataplane_run *at, struct error *)
{
    struct json *body = json_object(at->call->arena);

    json_set(at->call->arena, body, STR("instances"), json_object(at->call->arena));
    return body;
}

void dataplane_list_services(struct call *call)
{
    dataplane_answer_run(call, call_param(call, "run"), services_view);
}

/* Metrics are kept before their POST is answered, so there is nothing to wait for. */
static struct json *waited_view(struct dataplane_run *at, struct error *)
{
    return json_object(at->call->arena);
}

void dataplane_wait_metrics(struct call *call)
{
    dataplane_answer_run(call, call_param(call, "run"), waited_view);
}

/* The run, and what was submitted when that is asked for. */
static struct json *data_view(struct dataplane_run *at, const struct json *ask, struct error *err)
{
    struct arena *arena = at->call->arena;
    struct json *body = json_object(arena), *view = dataplane_run_view(at, err);

    if (!view)
        return NULL;
    json_set(arena, body, STR("runMetadata"), view);
    json_set_null(arena, body, "runDefinition");
    json_set(arena, body, STR("jobSpecification"),
             json_bool_at(ask, "selectJobSpecification", false) && at->properties
                 ? json_copy(arena, at->properties)
                 : json_null(arena));
    return body;
}

/* The view of rundata reads its body again: it is small, and the frame hands over no context. */
static struct json *asked_view(struct dataplane_run *at, struct error *err)
{
    struct json *ask = dataplane_body(at->call, err);

    return ask ? data_view(at, ask, err) : NULL;
}

void dataplane_run_data(struct call *call)
{
    struct error err = {0};
    struct json *body = dataplane_body(call, &err);

    assert(call->arena);
    if (!body)
        arm_refuse(call, &err);
    else
        dataplane_answer_run(call, json_str_at(body, "runId"), asked_view);
}

/* One run's name that leads nowhere, as the other answers' errors say it. */
static void add_missing(struct arena *arena, struct json *errors, struct str key, struct str name)
{
    struct json *outer = json_object(arena), *inner = json_object(arena);

    json_set_str(arena, inner, "code", STR("NotFound"));
    json_set_str(arena, inner, "message",
                 arena_printf(arena, "There is no run '%.*s'.", STR_ARG(str_slice(name, 0, 200))));
    json_set(arena, outer, STR("error"), inner);
    json_set(arena, errors, key, outer);
}

/* A bound for each request: one snapshot is not held for ever. */
static int batch_count(const struct json *list, const char *what, enum json_kind kind,
                       struct error *err)
{
    if (json_kind(list) == kind && json_count(list) <= BATCH_MAX)
        return 0;
    return error_set(err, ERROR_INVALID, what, "'%s' holds at most %d runs.", what, BATCH_MAX);
}

/* "requests": {key: {"runId", …}}. Those that are there and those that are not stand apart. */
static struct json *batch_view(struct dataplane_run *at, struct error *err)
{
    struct arena *arena = at->call->arena;
    struct json *ask = dataplane_body(at->call, err), *body = json_object(arena);
    struct json *good = json_object(arena), *bad = json_object(arena);
    struct json *requests = ask ? json_get(ask, STR("requests")) : NULL;
    struct json_iter it = json_iter(requests);

    if (!ask || batch_count(requests, "requests", JSON_OBJECT, err) < 0)
        return NULL;
    while (json_next(&it)) {
        struct str name = json_str_at(it.value, "runId");
        if (it.index % STRIDE == STRIDE - 1 && dataplane_breathe(at, err) < 0)
            return NULL;
        if (dataplane_find_run(at, name, NULL) < 0) {
            add_missing(arena, bad, it.key, name);
            continue;
        }
        struct json *view = data_view(at, it.value, err);
        if (!view)
            return NULL;
        json_set(arena, good, it.key, view);
    }
    json_set(arena, body, STR("successfulResults"), good);
    json_set(arena, body, STR("failedResults"), bad);
    return body;
}

void dataplane_batch_run_data(struct call *call)
{
    dataplane_answer(call, batch_view);
}

/* "runIds": [name, …] */
static struct json *by_ids_view(struct dataplane_run *at, struct error *err)
{
    struct arena *arena = at->call->arena;
    struct json *ask = dataplane_body(at->call, err), *body = json_object(arena);
    struct json *runs = json_object(arena), *errors = json_object(arena);
    struct json *names = ask ? json_get(ask, STR("runIds")) : NULL;
    struct json_iter it = json_iter(names);

    if (!ask || batch_count(names, "runIds", JSON_ARRAY, err) < 0)
        return NULL;
    while (json_next(&it)) {
        struct str name = json_as_str(it.value);
        if (it.index % STRIDE == STRIDE - 1 && dataplane_breathe(at, err) < 0)
            return NULL;
        if (dataplane_find_run(at, name, NULL) < 0) {
            add_missing(arena, errors, name, name);
            continue;
        }
        struct json *view = dataplane_run_view(at, err);
        if (!view)
            return NULL;
        json_set(arena, runs, name, view);
    }
    json_set(arena, body, STR("runs"), runs);
    json_set(arena, body, STR("errors"), errors);
    return body;
}

void dataplane_runs_by_ids(struct call *call)
{
    dataplane_answer(call, by_ids_view);
}
