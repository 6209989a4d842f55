/* The fields of a request, with the leniency of MLflow's protobuf: numbers as text, text as numbers
 * never, unknown fields passed over. What is wrong is told in MLflow's own sentences, since its
 * clients show them to people. */
#include "mlflow/ask.h"

#include "http/text.h"
#include "tracking/run.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* yyjson's memory is the request's, so nothing has to be freed on any way out. */
static void *alc_malloc(void *arena, size_t size)
{
    return arena_alloc(arena, size);
}

/* Old memory stays in the arena: bodies are read once and are bounded. */
static void *alc_realloc(void *arena, void *old, size_t old_size, size_t size)
{
    if (size <= old_size)
        return old;
    return memcpy(arena_alloc(arena, size), old, old_size);
}

/* The arena's end frees all. */
static void alc_free(void *, void *)
{
}

/* NULL for what is no JSON. */
static yyjson_val *parse(struct arena *arena, struct str text)
{
    const yyjson_alc alc = {alc_malloc, alc_realloc, alc_free, arena};
    yyjson_doc *doc = text.len ? yyjson_read_opts((char *)text.ptr, text.len, 0, &alc, NULL) : NULL;

    return doc ? yyjson_doc_get_root(doc) : NULL;
}

/* By length: texts may hold NUL. */
static struct str value_str(yyjson_val *value)
{
    return (struct str){yyjson_get_str(value), yyjson_get_len(value)};
}

/* With or without parameters, as "application/json; charset=utf-8". */
static bool is_json(struct str type)
{
    struct str head, rest;

    return str_eq_fold(str_trim(str_cut(type, ';', &head, &rest) ? head : type),
                       STR("application/json"));
}

/* An empty body is an empty object, as some clients send it to routes without fields. */
int ask_read(struct call *call, struct ask *out, struct error *err)
{
    struct str method = http_method(call->ex);
    struct ask ask = {.mlflow = call->face, .call = call, .arena = call->arena};

    ask.query = str_eq(method, STR("GET")) || str_eq(method, STR("HEAD"));
    /* Deleting a thing that the path names needs no body. */
    bool bodiless = str_eq(method, STR("DELETE")) && http_body(call->ex).len == 0;
    if (!ask.query && !bodiless) {
        if (!is_json(http_header(call->ex, "content-type")))
            return error_set(err, ERROR_INVALID, "",
                             "Bad Request. Content-Type must be one of ['application/json'].");
        ask.body = parse(call->arena, http_body(call->ex));
        /* Very old clients send a JSON text inside a JSON string. */
        if (yyjson_is_str(ask.body))
            ask.body = parse(call->arena, value_str(ask.body));
        /* No body at all is an empty one: what is required then says that it is missing. */
        if (!yyjson_is_obj(ask.body) && http_body(call->ex).len > 0)
            return error_set(err, ERROR_INVALID, "",
                             "Invalid value for the request body: it is not a JSON object.");
    }
    *out = ask;
    return 0;
}

/* MLflow's sentence for what is not there. */
int ask_missing(const char *name, struct error *err)
{
    return error_set(err, ERROR_INVALID, name,
                     "Missing value for required parameter '%s'. See the API docs for more "
                     "information about request parameters.",
                     name);
}

/* What Python would call the value's type. */
static const char *type_name(yyjson_val *value)
{
    if (yyjson_is_bool(value))
        return "bool";
    if (yyjson_is_int(value))
        return "int";
    if (yyjson_is_real(value))
        return "float";
    if (yyjson_is_str(value))
        return "str";
    return yyjson_is_arr(value) ? "list" : yyjson_is_obj(value) ? "dict" : "NoneType";
}

/* MLflow's sentence for a value of another type, with what was sent. */
static int wrong(struct ask *ask, const char *name, yyjson_val *value, struct error *err)
{
    const yyjson_alc alc = {alc_malloc, alc_realloc, alc_free, ask->arena};
    size_t length = 0;
    char *text = yyjson_val_write_opts(value, 0, &alc, &length, NULL);

    return error_set(err, ERROR_INVALID, name,
                     "Invalid value %.*s for parameter '%s' supplied:  Hint: Value was of type "
                     "'%s'. See the API docs for more information about request parameters.",
                     (int)(length > 200 ? 200 : length), text ? text : "", name, type_name(value));
}

/* null counts as not sent, as protobuf has it. */
static yyjson_val *field(yyjson_val *object, const char *name)
{
    yyjson_val *value = object ? yyjson_obj_get(object, name) : NULL;

    return yyjson_is_null(value) ? NULL : value;
}

/* "" is what protobuf makes of a text that was not sent, so MLflow cannot tell them apart. */
bool ask_value_given(yyjson_val *object, const char *name)
{
    yyjson_val *value = field(object, name);

    return value && (!yyjson_is_str(value) || yyjson_get_len(value) > 0);
}

/* Text alone: MLflow takes no number for a name either. */
int ask_value_text(struct ask *ask, yyjson_val *object, const char *name, struct str *out,
                   struct error *err)
{
    yyjson_val *value = field(object, name);

    if (!value) {
        *out = STR("");
        return 0;
    }
    if (!yyjson_is_str(value))
        return wrong(ask, name, value, err);
    *out = value_str(value);
    return 0;
}

/* "" is a value: only what was not sent is missing. */
int ask_value_need_text(struct ask *ask, yyjson_val *object, const char *name, struct str *out,
                        struct error *err)
{
    return field(object, name) ? ask_value_text(ask, object, name, out, err)
                               : ask_missing(name, err);
}

/* Protobuf's JSON writes 64-bit numbers as text, and clients of other languages send 3.0 for 3. */
int ask_value_int(struct ask *ask, yyjson_val *object, const char *name, int64_t *io,
                  struct error *err)
{
    yyjson_val *value = field(object, name);

    if (!value)
        return 0;
    if (yyjson_is_sint(value) || (yyjson_is_uint(value) && yyjson_get_uint(value) <= INT64_MAX)) {
        *io = yyjson_get_sint(value);
        return 0;
    }
    double real = yyjson_is_real(value) ? yyjson_get_real(value) : 0.5;
    if (real == floor(real) && fabs(real) < 9e18) {
        *io = (int64_t)real;
        return 0;
    }
    if (yyjson_is_str(value) && str_to_int64(value_str(value), io))
        return 0;
    return wrong(ask, name, value, err);
}

/* 0 is a value, as above. */
int ask_value_need_int(struct ask *ask, yyjson_val *object, const char *name, int64_t *io,
                       struct error *err)
{
    return field(object, name) ? ask_value_int(ask, object, name, io, err) : ask_missing(name, err);
}

/* JSON has no word for them, so clients send NaN and the infinities as text. */
int ask_value_double(struct ask *ask, yyjson_val *object, const char *name, double *out,
                     struct error *err)
{
    yyjson_val *value = field(object, name);
    struct str text = yyjson_is_str(value) ? value_str(value) : STR("");

    if (!value)
        return ask_missing(name, err);
    if (yyjson_is_num(value))
        *out = yyjson_get_num(value);
    else if (str_eq(text, STR("NaN")))
        *out = NAN;
    else if (str_eq(text, STR("Infinity")))
        *out = INFINITY;
    else if (str_eq(text, STR("-Infinity")))
        *out = -INFINITY;
    else if (!str_to_double(text, out))
        return wrong(ask, name, value, err);
    return 0;
}

/* The nth of that name, since lists are sent as repeated fields. */
static bool query_get(struct ask *ask, const char *name, size_t nth, struct str *out)
{
    return http_query_get(ask->arena, http_query(ask->call->ex), name, nth, out);
}

/* Sent as "" is sent. */
bool ask_has(struct ask *ask, const char *name)
{
    struct str value;

    return ask->query ? query_get(ask, name, 0, &value) : field(ask->body, name) != NULL;
}

/* From the query or the body, whichever the method has. */
int ask_text(struct ask *ask, const char *name, enum ask_need need, struct str *out,
             struct error *err)
{
    if (!ask->query) {
        if (ask_value_text(ask, ask->body, name, out, err) < 0)
            return -1;
    } else if (!query_get(ask, name, 0, out)) {
        *out = STR("");
    }
    return need == ASK_REQUIRED && out->len == 0 ? ask_missing(name, err) : 0;
}

/* In the query all is text, so the type that is told is that. */
static int wrong_text(const char *name, struct str value, struct error *err)
{
    return error_set(err, ERROR_INVALID, name,
                     "Invalid value %.*s for parameter '%s' supplied:  Hint: Value was of type "
                     "'str'. See the API docs for more information about request parameters.",
                     STR_ARG(str_slice(value, 0, 200)), name);
}

/* From the query it is text anyway. */
int ask_int(struct ask *ask, const char *name, enum ask_need need, int64_t *io, struct error *err)
{
    struct str text;

    if (!ask->query)
        return need == ASK_REQUIRED ? ask_value_need_int(ask, ask->body, name, io, err)
                                    : ask_value_int(ask, ask->body, name, io, err);
    if (!query_get(ask, name, 0, &text))
        return need == ASK_REQUIRED ? ask_missing(name, err) : 0;
    return str_to_int64(text, io) ? 0 : wrong_text(name, text, err);
}

/* A body has booleans; in a query they are words, which Python writes with capitals. */
int ask_bool(struct ask *ask, const char *name, bool *io, struct error *err)
{
    struct str text;
    yyjson_val *value = ask->query ? NULL : field(ask->body, name);

    if (value) {
        if (!yyjson_is_bool(value))
            return wrong(ask, name, value, err);
        *io = yyjson_get_bool(value);
        return 0;
    }
    if (!ask->query || !query_get(ask, name, 0, &text))
        return 0;
    *io = str_eq_fold(text, STR("true"));
    if (!*io && !str_eq_fold(text, STR("false")))
        return error_set(err, ERROR_INVALID, name,
                         "Invalid boolean value: %.*s, must be 'true' or 'false'.", STR_ARG(text));
    return 0;
}

/* The only fields that no query can hold. */
int ask_objects(struct ask *ask, const char *name, yyjson_val **out, struct error *err)
{
    yyjson_val *list = ask->query ? NULL : field(ask->body, name);
    yyjson_val *item;
    yyjson_arr_iter it;

    *out = NULL;
    if (!list)
        return 0;
    if (!yyjson_is_arr(list))
        return wrong(ask, name, list, err);
    yyjson_arr_iter_init(list, &it);
    while ((item = yyjson_arr_iter_next(&it)))
        if (!yyjson_is_obj(item))
            return wrong(ask, name, list, err);
    *out = list;
    return 0;
}

/* One text in place of a list is refused, as MLflow's schema does. */
static int body_texts(struct ask *ask, const char *name, struct ask_texts *out, struct error *err)
{
    yyjson_val *list = field(ask->body, name);
    yyjson_val *item;
    yyjson_arr_iter it;

    if (!list)
        return 0;
    if (!yyjson_is_arr(list))
        return wrong(ask, name, list, err);
    out->at = arena_new_array(ask->arena, struct str, yyjson_arr_size(list) + 1);
    yyjson_arr_iter_init(list, &it);
    while ((item = yyjson_arr_iter_next(&it))) {
        if (!yyjson_is_str(item))
            return wrong(ask, name, list, err);
        out->at[out->count++] = value_str(item);
    }
    return 0;
}

/* Lists in a query are the same name several times. */
int ask_texts(struct ask *ask, const char *name, struct ask_texts *out, struct error *err)
{
    struct str value;

    *out = (struct ask_texts){0};
    if (!ask->query)
        return body_texts(ask, name, out, err);
    size_t count = 0;
    while (query_get(ask, name, count, &value))
        count++;
    out->at = arena_new_array(ask->arena, struct str, count + 1);
    for (; out->count < count; out->count++)
        query_get(ask, name, out->count, &out->at[out->count]);
    return 0;
}

/* Ids go into paths and messages, so they are what job names are, too. */
static bool run_id_is_plain(struct str id)
{
    for (size_t i = 0; i < id.len; i++) {
        char c = id.ptr[i];
        bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!plain && (i == 0 || (c != '_' && c != '-')))
            return false;
    }
    return id.len <= 256;
}

/* Old clients call it run_uuid. */
int ask_run_id(struct ask *ask, struct str *out, struct error *err)
{
    if (ask_text(ask, "run_id", ASK_OPTIONAL, out, err) < 0)
        return -1;
    if (out->len == 0 && ask_text(ask, "run_uuid", ASK_OPTIONAL, out, err) < 0)
        return -1;
    if (out->len == 0)
        return ask_missing("run_id", err);
    if (!run_id_is_plain(*out))
        return error_set(err, ERROR_INVALID, "run_id",
                         "Invalid value '%.*s' for parameter 'run_id' supplied.",
                         STR_ARG(str_slice(*out, 0, 200)));
    return 0;
}

/* Whole numbers alone: ours are, and MLflow's own store has no others. */
int ask_parse_experiment_id(struct str text, int64_t *out, struct error *err)
{
    if (str_to_int64(text, out))
        return 0;
    return error_set(err, ERROR_INVALID, "experiment_id",
                     "Invalid experiment ID '%.*s'. Experiment ID must be a valid integer.",
                     STR_ARG(str_slice(text, 0, 200)));
}

/* As a number it is taken, too, though MLflow's clients send text. */
int ask_experiment_id(struct ask *ask, enum ask_need need, int64_t *io, struct error *err)
{
    struct str text;
    yyjson_val *value = ask->query ? NULL : field(ask->body, "experiment_id");

    if (yyjson_is_int(value))
        return ask_value_int(ask, ask->body, "experiment_id", io, err);
    if (ask_text(ask, "experiment_id", need, &text, err) < 0)
        return -1;
    return text.len == 0 && need == ASK_OPTIONAL ? 0 : ask_parse_experiment_id(text, io, err);
}

/* Without a workspace in the path it is the default one. */
int ask_scope(struct ask *ask, struct store_txn *txn, struct scope *out, struct error *err)
{
    const struct call *call = ask->call;

    const struct scope_name name = {call_param(call, "subscription"), call_param(call, "group"),
                                    call_param(call, "workspace")};

    if (name.name.len > 0)
        return scope_find(txn, &name, out, err);
    return scope_by_number(txn, ask->mlflow->default_scope, out, err);
}

/* Writes of a training loop come here, so the table is asked only when the path names a
 * workspace. */
int ask_scope_number(struct ask *ask, struct store_txn *txn, int64_t *out, struct error *err)
{
    struct scope scope;

    if (call_param(ask->call, "workspace").len == 0) {
        *out = ask->mlflow->default_scope;
        return 0;
    }
    if (ask_scope(ask, txn, &scope, err) < 0)
        return -1;
    *out = scope.number;
    return 0;
}

/* Users and admins were asked about by the guard; what an attempt may depends on the run. */
int ask_may_write(struct ask *ask, struct store_txn *txn, const struct run *run, struct error *err)
{
    const struct caller *caller = &ask->call->caller;
    const struct run_key own = {caller->scope, caller->run};
    bool within = true;

    assert(caller->kind != CALLER_NOBODY);
    if (caller->kind == CALLER_ATTEMPT && run_within(txn, run, &own, &within, err) < 0)
        return -1;
    if (!within)
        return error_set(err, ERROR_FORBIDDEN, "run_id",
                         "The job '%.*s' may write its own run and what is below it, not '%.*s'.",
                         STR_ARG(caller->run), STR_ARG(run->run_id));
    return 0;
}
