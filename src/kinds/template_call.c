/* The functions of template expressions. */
#include "kinds/template_expr.h"

#include <assert.h>
#include <stdio.h>

typedef struct json *function(struct template *t, const struct template_call *call,
                              struct error *err);

static struct json *fail(const struct template_call *call, struct error *err, const char *what)
{
    error_set(err, ERROR_INVALID, "template", "The function %.*s() of the template %s.",
              STR_ARG(call->name), what);
    return NULL;
}

/* A value where texts are joined: texts as they are, the rest as JSON. */
static struct str as_text(struct template *t, const struct json *value)
{
    return json_kind(value) == JSON_STRING ? json_as_str(value) : json_write(t->arena, value);
}

static struct str argument(const struct template_call *call, size_t at)
{
    return at < call->count ? json_as_str(call->arguments[at]) : (struct str){0};
}

/* --- What the deployment was given -------------------------------------------------------------
 */

static struct json *f_parameters(struct template *t, const struct template_call *call,
                                 struct error *err)
{
    struct json *value = json_get_fold(t->parameters, argument(call, 0));

    return value ? value : fail(call, err, "names a parameter that has neither value nor default");
}

static struct json *f_variables(struct template *t, const struct template_call *call,
                                struct error *err)
{
    struct json *value = json_get_fold(t->variables, argument(call, 0));

    if (!value)
        return fail(call, err, "names a variable that is not there");
    if (t->depth >= TEMPLATE_DEPTH_MAX)
        return fail(call, err, "goes round in a circle");
    return template_value(t, value, err);
}

static struct json *f_subscription(struct template *t, const struct template_call *, struct error *)
{
    struct json *out = json_object(t->arena);

    json_set_str(t->arena, out, "id",
                 arena_printf(t->arena, "/subscriptions/%.*s", STR_ARG(t->subscription)));
    json_set_str(t->arena, out, "subscriptionId", t->subscription);
    json_set_str(t->arena, out, "tenantId", t->tenant);
    json_set_str(t->arena, out, "displayName", STR("Lazurite"));
    return out;
}

static struct json *f_tenant(struct template *t, const struct template_call *, struct error *)
{
    struct json *out = json_object(t->arena);

    json_set_str(t->arena, out, "tenantId", t->tenant);
    return out;
}

static struct json *f_resource_group(struct template *t, const struct template_call *,
                                     struct error *)
{
    struct json *out = json_object(t->arena);

    json_set_str(t->arena, out, "id",
                 arena_printf(t->arena, "/subscriptions/%.*s/resourceGroups/%.*s",
                              STR_ARG(t->subscription), STR_ARG(t->group)));
    json_set_str(t->arena, out, "name", t->group);
    json_set_str(t->arena, out, "location", t->location);
    return out;
}

static struct json *f_deployment(struct template *t, const struct template_call *, struct error *)
{
    struct json *out = json_object(t->arena);

    json_set_str(t->arena, out, "name", t->deployment);
    return out;
}

/* [subscription, [group,]] "Provider/type/type", one name for each type. */
static struct json *f_resource_id(struct template *t, const struct template_call *call,
                                  struct error *err)
{
    struct str words[2] = {t->subscription, t->group}, type, piece, path;
    size_t at = 0, given = 0;

    while (at < call->count && str_find_char(argument(call, at), '/') < 0)
        at++;
    if (at >= call->count || at > 2)
        return fail(call, err, "needs a type such as Provider/type");
    for (given = 0; given < at; given++)
        words[2 - at + given] = argument(call, given);
    type = argument(call, at++);
    str_split(&type, '/', &piece);
    path = arena_printf(t->arena, "/subscriptions/%.*s/resourceGroups/%.*s/providers/%.*s",
                        STR_ARG(words[0]), STR_ARG(words[1]), STR_ARG(piece));
    while (type.len > 0 && str_split(&type, '/', &piece)) {
        if (at >= call->count)
            return fail(call, err, "has fewer names than types");
        struct str name = as_text(t, call->arguments[at++]);
        path =
            arena_printf(t->arena, "%.*s/%.*s/%.*s", STR_ARG(path), STR_ARG(piece), STR_ARG(name));
    }
    return json_text(t->arena, path);
}

/* What a running resource says of itself: of an identity nothing, since tokens are the server's
 * own; of all others it is not built. */
static struct json *f_reference(struct template *t, const struct template_call *call,
                                struct error *err)
{
    struct json *out = json_object(t->arena);

    if (str_find(arena_lower(t->arena, argument(call, 0)), STR("/userassignedidentities/")) < 0) {
        error_set(err, ERROR_NOT_IMPLEMENTED, "template",
                  "The function reference() of template expressions is built for identities only, "
                  "not for '%.*s'.",
                  STR_ARG(str_slice(argument(call, 0), 0, 200)));
        return NULL;
    }
    json_set_str(t->arena, out, "clientId", STR(""));
    json_set_str(t->arena, out, "principalId", STR(""));
    json_set_str(t->arena, out, "tenantId", t->tenant);
    return out;
}

/* --- Texts -------------------------------------------------------------------------------------
 */

static struct json *concat_arrays(struct template *t, const struct template_call *call)
{
    struct json *out = json_array(t->arena);

    for (size_t i = 0; i < call->count; i++) {
        struct json_iter it = json_iter(call->arguments[i]);
        while (json_next(&it))
            json_append(t->arena, out, it.value);
    }
    return out;
}

static struct json *f_concat(struct template *t, const struct template_call *call,
                             struct error *err)
{
    struct str text = STR("");

    if (call->count > 0 && json_kind(call->arguments[0]) == JSON_ARRAY)
        return concat_arrays(t, call);
    for (size_t i = 0; i < call->count; i++) {
        text = arena_printf(t->arena, "%.*s%.*s", STR_ARG(text),
                            STR_ARG(as_text(t, call->arguments[i])));
        if (text.len > TEMPLATE_TEXT_MAX)
            return fail(call, err, "makes too long a text");
    }
    return json_text(t->arena, text);
}

/* "{0}-{1}": positions only. */
static struct json *f_format(struct template *t, const struct template_call *call,
                             struct error *err)
{
    struct str rest = argument(call, 0), out = STR("");

    while (rest.len > 0) {
        ssize_t open = str_find_char(rest, '{'), close = str_find_char(rest, '}');
        int64_t at = 0;
        if (open < 0)
            break;
        bool fine = close > open &&
                    str_to_int64(str_slice(rest, (size_t)open + 1, (size_t)close), &at) &&
                    at >= 0 && (size_t)at + 1 < call->count;
        if (!fine)
            return fail(call, err, "has a place that no argument fills");
        out = arena_printf(t->arena, "%.*s%.*s%.*s", STR_ARG(out), (int)open, rest.ptr,
                           STR_ARG(as_text(t, call->arguments[at + 1])));
        if (out.len > TEMPLATE_TEXT_MAX)
            return fail(call, err, "makes too long a text");
        rest = str_slice(rest, (size_t)close + 1, rest.len);
    }
    return json_text(t->arena, arena_printf(t->arena, "%.*s%.*s", STR_ARG(out), STR_ARG(rest)));
}

static struct json *f_to_lower(struct template *t, const struct template_call *call, struct error *)
{
    return json_text(t->arena, arena_lower(t->arena, argument(call, 0)));
}

static struct json *f_to_upper(struct template *t, const struct template_call *call, struct error *)
{
    struct str text = arena_str(t->arena, argument(call, 0));
    char *bytes = (char *)text.ptr;

    for (size_t i = 0; i < text.len; i++)
        if (bytes[i] >= 'a' && bytes[i] <= 'z')
            bytes[i] = (char)(bytes[i] - 'a' + 'A');
    return json_text(t->arena, text);
}

static struct json *f_trim(struct template *t, const struct template_call *call, struct error *)
{
    return json_text(t->arena, str_trim(argument(call, 0)));
}

static struct json *f_string(struct template *t, const struct template_call *call, struct error *)
{
    return json_text(t->arena, as_text(t, call->arguments[0]));
}

static struct json *f_replace(struct template *t, const struct template_call *call,
                              struct error *err)
{
    struct str rest = argument(call, 0), old = argument(call, 1), out = STR("");
    ssize_t at;

    if (old.len == 0)
        return fail(call, err, "replaces nothing");
    while ((at = str_find(rest, old)) >= 0) {
        out = arena_printf(t->arena, "%.*s%.*s%.*s", STR_ARG(out), (int)at, rest.ptr,
                           STR_ARG(argument(call, 2)));
        if (out.len > TEMPLATE_TEXT_MAX)
            return fail(call, err, "makes too long a text");
        rest = str_slice(rest, (size_t)at + old.len, rest.len);
    }
    return json_text(t->arena, arena_printf(t->arena, "%.*s%.*s", STR_ARG(out), STR_ARG(rest)));
}

static struct json *f_substring(struct template *t, const struct template_call *call,
                                struct error *err)
{
    struct str text = argument(call, 0);
    int64_t from = call->count > 1 ? json_as_int(call->arguments[1], -1) : 0;
    int64_t left = (int64_t)text.len - from;
    int64_t len = call->count > 2 ? json_as_int(call->arguments[2], -1) : left;

    if (from < 0 || len < 0 || left < 0 || len > left)
        return fail(call, err, "reaches beyond its text");
    return json_text(t->arena, str_slice(text, (size_t)from, (size_t)(from + len)));
}

static struct json *f_starts_with(struct template *t, const struct template_call *call,
                                  struct error *)
{
    return json_bool(t->arena, str_starts_fold(argument(call, 0), argument(call, 1)));
}

/* FNV-1a, of which two make enough digits: names have to differ, not to keep a secret. */
static uint64_t fold(struct str text, uint64_t hash)
{
    for (size_t i = 0; i < text.len; i++)
        hash = (hash ^ (unsigned char)text.ptr[i]) * 0x100000001b3;
    return hash;
}

/* The same text for the same arguments, as long as templates expect it. */
static struct json *digest(struct template *t, const struct template_call *call, bool guid)
{
    struct str text = STR("");
    char hex[33];

    for (size_t i = 0; i < call->count; i++)
        text = arena_printf(t->arena, "%.*s|%.*s", STR_ARG(text),
                            STR_ARG(as_text(t, call->arguments[i])));
    snprintf(hex, sizeof(hex), "%016llx%016llx", (unsigned long long)fold(text, 0xcbf29ce484222325),
             (unsigned long long)fold(text, 0x84222325cbf29ce4));
    if (guid)
        return json_text(t->arena, arena_printf(t->arena, "%.8s-%.4s-5%.3s-a%.3s-%.12s", hex,
                                                hex + 8, hex + 12, hex + 15, hex + 18));
    for (size_t i = 0; i < 13; i++) /* 13 letters and digits */
        hex[i] = (char)('a' + (hex[i] >= 'a' ? hex[i] - 'a' + 10 : hex[i] - '0'));
    return json_text(t->arena, arena_str(t->arena, (struct str){hex, 13}));
}

static struct json *f_unique(struct template *t, const struct template_call *call, struct error *)
{
    return digest(t, call, false);
}

static struct json *f_guid(struct template *t, const struct template_call *call, struct error *)
{
    return digest(t, call, true);
}

/* --- Truth -------------------------------------------------------------------------------------
 */

static struct json *f_if(struct template *, const struct template_call *call, struct error *err)
{
    if (call->count != 3)
        return fail(call, err, "takes a condition and two values");
    return call->arguments[json_as_bool(call->arguments[0], false) ? 1 : 2];
}

/* Arguments behind the deciding one were filled with its value. */
static struct json *f_last_truth(struct template *, const struct template_call *call,
                                 struct error *)
{
    return call->arguments[call->count - 1];
}

static struct json *f_not(struct template *t, const struct template_call *call, struct error *)
{
    return json_bool(t->arena, !json_as_bool(call->arguments[0], false));
}

static struct json *f_equals(struct template *t, const struct template_call *call,
                             struct error *err)
{
    if (call->count != 2)
        return fail(call, err, "takes two values");
    if (json_kind(call->arguments[0]) == JSON_STRING)
        return json_bool(t->arena, json_kind(call->arguments[1]) == JSON_STRING &&
                                       str_eq_fold(argument(call, 0), argument(call, 1)));
    return json_bool(t->arena, json_equal(call->arguments[0], call->arguments[1]));
}

static struct json *f_empty(struct template *t, const struct template_call *call, struct error *)
{
    const struct json *value = call->arguments[0];
    bool text = json_kind(value) == JSON_STRING;

    return json_bool(t->arena, json_is_null(value) ||
                                   (text ? json_as_str(value).len == 0 : json_count(value) == 0));
}

static struct json *f_contains(struct template *t, const struct template_call *call,
                               struct error *err)
{
    struct json_iter it;
    bool found = false;

    if (call->count != 2)
        return fail(call, err, "takes two values");
    if (json_kind(call->arguments[0]) == JSON_OBJECT)
        found = json_get_fold(call->arguments[0], argument(call, 1)) != NULL;
    else if (json_kind(call->arguments[0]) == JSON_STRING)
        found = str_find(argument(call, 0), argument(call, 1)) >= 0;
    it = json_iter(call->arguments[0]);
    while (json_kind(call->arguments[0]) == JSON_ARRAY && json_next(&it))
        found = found || json_equal(it.value, call->arguments[1]);
    return json_bool(t->arena, found);
}

static struct json *f_bool(struct template *t, const struct template_call *call, struct error *)
{
    struct json *value = call->arguments[0];

    return json_bool(t->arena, json_as_bool(value, json_as_int(value, 0) != 0) ||
                                   str_eq_fold(json_as_str(value), STR("true")));
}

static struct json *f_coalesce(struct template *t, const struct template_call *call, struct error *)
{
    for (size_t i = 0; i < call->count; i++)
        if (!json_is_null(call->arguments[i]))
            return call->arguments[i];
    return json_null(t->arena);
}

/* --- Values ------------------------------------------------------------------------------------
 */

static struct json *f_json(struct template *t, const struct template_call *call, struct error *err)
{
    struct json *value = json_parse(t->arena, argument(call, 0), NULL);

    return value ? value : fail(call, err, "was given a text that is not JSON");
}

static struct json *f_int(struct template *t, const struct template_call *call, struct error *err)
{
    int64_t number;

    if (json_kind(call->arguments[0]) == JSON_NUMBER)
        return call->arguments[0];
    if (!str_to_int64(argument(call, 0), &number))
        return fail(call, err, "was given no number");
    return json_int(t->arena, number);
}

static struct json *f_array(struct template *t, const struct template_call *call, struct error *)
{
    struct json *out = json_array(t->arena);

    if (call->count == 1 && json_kind(call->arguments[0]) == JSON_ARRAY &&
        str_eq_fold(call->name, STR("array")))
        return call->arguments[0];
    for (size_t i = 0; i < call->count; i++)
        json_append(t->arena, out, call->arguments[i]);
    return out;
}

static struct json *f_create_object(struct template *t, const struct template_call *call,
                                    struct error *err)
{
    struct json *out = json_object(t->arena);

    if (call->count % 2 != 0)
        return fail(call, err, "takes keys and values in pairs");
    for (size_t i = 0; i + 1 < call->count; i += 2)
        json_set(t->arena, out, argument(call, i), call->arguments[i + 1]);
    return out;
}

static struct json *f_union(struct template *t, const struct template_call *call, struct error *)
{
    struct json *out = json_object(t->arena);

    if (json_kind(call->arguments[0]) == JSON_ARRAY)
        return concat_arrays(t, call);
    for (size_t i = 0; i < call->count; i++)
        json_merge(t->arena, out, call->arguments[i]);
    return out;
}

static struct json *f_length(struct template *t, const struct template_call *call, struct error *)
{
    bool text = json_kind(call->arguments[0]) == JSON_STRING;

    return json_int(t->arena,
                    (int64_t)(text ? argument(call, 0).len : json_count(call->arguments[0])));
}

static struct json *f_true(struct template *t, const struct template_call *, struct error *)
{
    return json_bool(t->arena, true);
}

static struct json *f_false(struct template *t, const struct template_call *, struct error *)
{
    return json_bool(t->arena, false);
}

static struct json *f_null(struct template *t, const struct template_call *, struct error *)
{
    return json_null(t->arena);
}

static const struct {
    const char *name;
    function *run;
    size_t least; /* arguments */
} FUNCTIONS[] = {
    {"parameters", f_parameters, 1},
    {"variables", f_variables, 1},
    {"concat", f_concat, 0},
    {"if", f_if, 3},
    {"equals", f_equals, 2},
    {"not", f_not, 1},
    {"and", f_last_truth, 1},
    {"or", f_last_truth, 1},
    {"empty", f_empty, 1},
    {"resourceId", f_resource_id, 2},
    {"subscription", f_subscription, 0},
    {"resourceGroup", f_resource_group, 0},
    {"tenant", f_tenant, 0},
    {"deployment", f_deployment, 0},
    {"reference", f_reference, 1},
    {"toLower", f_to_lower, 1},
    {"toUpper", f_to_upper, 1},
    {"trim", f_trim, 1},
    {"string", f_string, 1},
    {"format", f_format, 1},
    {"replace", f_replace, 3},
    {"substring", f_substring, 2},
    {"startsWith", f_starts_with, 2},
    {"uniqueString", f_unique, 1},
    {"guid", f_guid, 1},
    {"contains", f_contains, 2},
    {"bool", f_bool, 1},
    {"int", f_int, 1},
    {"json", f_json, 1},
    {"coalesce", f_coalesce, 1},
    {"array", f_array, 1},
    {"createArray", f_array, 0},
    {"createObject", f_create_object, 0},
    {"union", f_union, 1},
    {"length", f_length, 1},
    {"true", f_true, 0},
    {"false", f_false, 0},
    {"null", f_null, 0},
};

struct json *template_call(struct template *t, const struct template_call *call, struct error *err)
{
    assert(call->count < TEMPLATE_ARGUMENTS_MAX);
    for (size_t i = 0; i < COUNT(FUNCTIONS); i++) {
        if (!str_eq_fold(call->name, str_from(FUNCTIONS[i].name)))
            continue;
        if (call->count < FUNCTIONS[i].least)
            return fail(call, err, "has too few arguments");
        return FUNCTIONS[i].run(t, call, err);
    }
    error_set(err, ERROR_NOT_IMPLEMENTED, "template",
              "The function %.*s() of template expressions is not built yet.",
              STR_ARG(str_slice(call->name, 0, 60)));
    return NULL;
}
