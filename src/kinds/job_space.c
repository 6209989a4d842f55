/* The search space of a sweep: each parameter's distribution and the template that uses it. A wrong
 * one would fail in each of its trials, so it fails here. */
#include "kinds/job_space.h"

#include <assert.h>

/* A parameter is ["uniform", [0.01, 0.1]]: a distribution and its arguments. */
struct distribution {
    const char *name;
    size_t arguments;
    bool bounded; /* the first two are a least and a most */
};

/* How many numbers each takes, and whether the first must lie below the second. */
static const struct distribution DISTRIBUTIONS[] = {
    {"choice", 1, false},     {"uniform", 2, true},  {"quniform", 3, true}, {"loguniform", 2, true},
    {"qloguniform", 3, true}, {"normal", 2, false},  {"qnormal", 3, false}, {"lognormal", 2, false},
    {"qlognormal", 3, false}, {"randint", 1, false},
};

/* Names come from YAML and are compared without case. */
static const struct distribution *distribution_of(struct str name)
{
    for (size_t i = 0; i < COUNT(DISTRIBUTIONS); i++)
        if (str_eq_fold(str_from(DISTRIBUTIONS[i].name), name))
            return &DISTRIBUTIONS[i];
    return NULL;
}

/* The member of a list, or NULL beyond its end. */
static const struct json *member(const struct json *list, size_t at)
{
    struct json_iter it = json_iter(list);

    for (size_t i = 0; json_next(&it); i++)
        if (i == at)
            return it.value;
    return NULL;
}

/* choice has a list of values, all others have numbers. */
static int check_arguments(const char *at, const struct distribution *distribution,
                           const struct json *arguments, struct error *err)
{
    const struct json *first = member(arguments, 0), *second = member(arguments, 1);

    assert(distribution);
    if (json_kind(arguments) != JSON_ARRAY || json_count(arguments) != distribution->arguments)
        return error_set(err, ERROR_INVALID, at, "%s takes %zu argument%s.", distribution->name,
                         distribution->arguments, distribution->arguments == 1 ? "" : "s");
    if (str_eq(str_from(distribution->name), STR("choice")))
        return json_kind(first) == JSON_ARRAY && json_count(first) > 0
                   ? 0
                   : error_set(err, ERROR_INVALID, at, "choice takes a list of values.");
    struct json_iter it = json_iter(arguments);
    while (json_next(&it))
        if (json_kind(it.value) != JSON_NUMBER)
            return error_set(err, ERROR_INVALID, at, "%s takes numbers.", distribution->name);
    if (distribution->bounded && json_as_double(first, 0) >= json_as_double(second, 0))
        return error_set(err, ERROR_INVALID, at, "The least value of %s must be below the most.",
                         distribution->name);
    return 0;
}

/* The distribution decides which arguments there are. */
static int check_parameter(const char *at, const struct json *parameter, struct error *err)
{
    struct str name = json_as_str(member(parameter, 0));
    const struct distribution *distribution = distribution_of(name);

    assert(at);
    if (json_kind(parameter) != JSON_ARRAY || json_count(parameter) != 2)
        return error_set(err, ERROR_INVALID, at,
                         "A parameter is a distribution and its arguments: "
                         "[\"uniform\", [0.1, 0.9]].");
    if (!distribution)
        return error_set(err, ERROR_INVALID, at, "'%.*s' is no distribution.", STR_ARG(name));
    return check_arguments(at, distribution, member(parameter, 1), err);
}

/* Every ${{search_space.x}} of the trial's command is a parameter. */
static int check_command(const struct json *body, struct error *err)
{
    struct str rest = json_str_at(body, "properties.trial.command");
    const struct str prefix = STR("search_space.");

    assert(json_kind(body) == JSON_OBJECT);
    for (ssize_t at; (at = str_find(rest, STR("${{"))) >= 0;) {
        rest = str_slice(rest, (size_t)at + 3, rest.len);
        ssize_t end = str_find(rest, STR("}}"));
        if (end < 0)
            return error_set(err, ERROR_INVALID, "properties.trial.command",
                             "A '${{' is never closed by '}}'.");
        struct str target = str_trim(str_slice(rest, 0, (size_t)end));
        rest = str_slice(rest, (size_t)end + 2, rest.len);
        if (str_starts(target, prefix) && !json_get(json_at(body, "properties.searchSpace"),
                                                    str_slice(target, prefix.len, target.len)))
            return error_set(err, ERROR_INVALID, "properties.trial.command",
                             "The command uses '${{%.*s}}', but the search space has no such "
                             "parameter.",
                             STR_ARG(target));
    }
    return 0;
}

/* A space without parameters is told by the engine, when there is one. */
int job_space_check(struct arm_request *req, struct error *err)
{
    const struct json *space = json_at(req->body, "properties.searchSpace");
    struct json_iter it = json_iter(space);

    assert(json_kind(req->body) == JSON_OBJECT);
    while (json_next(&it))
        if (check_parameter(
                arena_printf(req->arena, "properties.searchSpace.%.*s", STR_ARG(it.key)).ptr,
                it.value, err) < 0)
            return -1;
    return check_command(req->body, err);
}
