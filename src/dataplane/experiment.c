/* Experiments in run history's words: found, listed, made, described, archived and deleted. What
 * MLflow calls its deleted stage is archived here (decisions 7); DELETE is for good. */
#include "dataplane/internal.h"

#include "asset/doom.h"
#include "os/clock.h"
#include "store/event.h"
#include "tracking/pair.h"

#include <assert.h>

#define DESCRIPTION STR("mlflow.note.content")
#define PAGE_DEFAULT 200
#define PAGE_MAX 1000

/* --- As they are
 * ---------------------------------------------------------------------------------- */

/* MLflow keeps the description as a tag; here it is a field and no tag. */
static struct json *view_of(const struct dataplane_run *at, const struct experiment *experiment,
                            struct error *err)
{
    struct arena *arena = at->call->arena;
    struct json *view = json_object(arena), *tags = json_object(arena);
    struct str description = {0};
    struct pairs pairs;

    assert(experiment->scope > 0);
    if (experiment_tags(at->txn, experiment->scope, experiment->id, &pairs, err) < 0)
        return NULL;
    for (size_t i = 0; i < pairs.count; i++) {
        if (str_eq(pairs.at[i].key, DESCRIPTION))
            description = pairs.at[i].value;
        else
            json_set(arena, tags, pairs.at[i].key, json_text(arena, pairs.at[i].value));
    }
    json_set_str(arena, view, "experimentId",
                 arena_printf(arena, "%lld", (long long)experiment->id));
    json_set_str(arena, view, "name", experiment->name);
    json_set_str(arena, view, "description", description);
    dataplane_set_time(arena, view, "createdUtc", experiment->created_us);
    dataplane_set_time(arena, view, "archivedTime", experiment->deleted_us);
    json_set(arena, view, STR("tags"), tags);
    json_set_bool(arena, view, "retainForLifetimeOfWorkspace", false);
    json_set_str(arena, view, "artifactLocation", experiment->location);
    return view;
}

static struct json *one_view(struct dataplane_run *at, struct error *err)
{
    struct experiment experiment;

    if (dataplane_find_experiment(at->call, at->txn, at->scope.number, &experiment, err) < 0)
        return NULL;
    return view_of(at, &experiment, err);
}

void dataplane_get_experiment(struct call *call)
{
    dataplane_answer(call, one_view);
}

/* --- Lists
 * ---------------------------------------------------------------------------------------- */

struct wanted {
    struct dataplane_run *at;
    bool active, archived;
    struct str name; /* "": any */
    int64_t skip;    /* how many of the order were shown before */
    size_t top;
    struct json *list;
    int64_t seen;
    bool more;
};

/* Experiments are few: skipping those that were shown costs less than an index. */
static int add_experiment(const struct experiment *experiment, void *context, struct error *err)
{
    struct wanted *w = context;

    if (w->more || !(experiment->deleted_us ? w->archived : w->active) ||
        (w->name.len > 0 && !str_eq(w->name, experiment->name)))
        return 0;
    if (w->seen++ < w->skip)
        return 0;
    if (json_count(w->list) == w->top) {
        w->more = true;
        return 0;
    }
    struct json *view = view_of(w->at, experiment, err);
    if (!view)
        return -1;
    json_append(w->at->call->arena, w->list, view);
    return 0;
}

/* "Default" means the active ones, as for people who archived some. */
static int read_view(struct str type, struct wanted *out, struct error *err)
{
    out->archived = str_eq_fold(type, STR("All")) || str_eq_fold(type, STR("ArchivedOnly"));
    out->active = !str_eq_fold(type, STR("ArchivedOnly"));
    if (out->archived || type.len == 0 || str_eq_fold(type, STR("Default")) ||
        str_eq_fold(type, STR("ActiveOnly")))
        return 0;
    return error_set(err, ERROR_INVALID, "viewType",
                     "'%.*s' is no view; Default, All, ActiveOnly and ArchivedOnly are.",
                     STR_ARG(str_slice(type, 0, 60)));
}

/* The one filter that clients send: name eq 'x'. */
static int read_filter(struct arena *arena, struct str text, struct wanted *out, struct error *err)
{
    struct str rest = str_trim(text);

    if (rest.len == 0)
        return 0;
    if (!str_starts_fold(rest, STR("name eq '")) || !str_ends(rest, STR("'")) || rest.len < 11)
        return error_set(err, ERROR_INVALID, "filter",
                         "Experiments are filtered by: name eq 'NAME'.");
    out->name = arena_str(arena, str_slice(rest, 9, rest.len - 1));
    return 0;
}

/* All of it is checked before the first row is read. */
static int read_query(struct wanted *w, const struct json *ask, struct error *err)
{
    struct str token = json_str_at(ask, "continuationToken");
    int64_t top = json_int_at(ask, "top", PAGE_DEFAULT);

    if (read_view(json_str_at(ask, "viewType"), w, err) < 0 ||
        read_filter(w->at->call->arena, json_str_at(ask, "filter"), w, err) < 0)
        return -1;
    if (token.len > 0 && (!str_to_int64(token, &w->skip) || w->skip < 0))
        return error_set(err, ERROR_INVALID, "continuationToken",
                         "A continuation token is what the page before said.");
    if (top < 1)
        return error_set(err, ERROR_INVALID, "top", "'top' is a whole number from 1 on.");
    w->top = top > PAGE_MAX ? PAGE_MAX : (size_t)top;
    return 0;
}

/* The token is a count, since experiments are shown in the order of their ids. */
static struct json *query_view(struct dataplane_run *at, struct error *err)
{
    struct arena *arena = at->call->arena;
    struct json *ask = dataplane_body(at->call, err), *body = json_object(arena);
    struct wanted wanted = {.at = at, .list = json_array(arena)};

    if (!ask || read_query(&wanted, ask, err) < 0 ||
        experiment_each(at->txn, at->scope.number, add_experiment, &wanted, err) < 0)
        return NULL;
    json_set(arena, body, STR("value"), wanted.list);
    if (wanted.more)
        json_set_str(arena, body, "continuationToken",
                     arena_printf(arena, "%lld", (long long)(wanted.seen - 1)));
    return body;
}

void dataplane_query_experiments(struct call *call)
{
    dataplane_answer(call, query_view);
}

/* --- Changes
 * -------------------------------------------------------------------------------------- */

struct changing {
    struct call *call;
    const struct json *body;
};

/* In the write, so that what was found is what is changed. */
static int find(struct store_txn *txn, const struct call *call, struct experiment *out,
                struct error *err)
{
    struct scope scope;

    if (dataplane_scope(call, txn, &scope, err) < 0)
        return -1;
    return dataplane_find_experiment(call, txn, scope.number, out, err) < 0 ? -1 : 0;
}

/* Audited as every change of the workspace is. */
static int tell(struct store_txn *txn, const struct call *call, const struct experiment *experiment,
                const char *what, struct error *err)
{
    struct arena *arena = store_arena(txn);
    struct event event = {.scope = experiment->scope,
                          .type = str_from(what),
                          .subject_kind = STR("experiments"),
                          .subject = arena_printf(arena, "%lld", (long long)experiment->id),
                          .actor = call->caller.name,
                          .body = STR("{}")};

    return event_append(txn, &event, err);
}

/* Making one that is there gives it back, as clients that raced expect. */
static int create_apply(struct store_txn *txn, void *context, struct error *err)
{
    const struct changing *c = context;
    struct experiment made = {.name = call_param(c->call, "experiment"), .location = STR("")};
    struct experiment there;
    struct scope scope;

    if (dataplane_scope(c->call, txn, &scope, err) < 0)
        return -1;
    if (experiment_by_name(txn, scope.number, made.name, &there, NULL) == 0) {
        if (!there.deleted_us)
            return 0;
        return error_set(err, ERROR_CONFLICT, "name",
                         "The experiment '%.*s' is archived; restore it or choose another name.",
                         STR_ARG(made.name));
    }
    made.scope = scope.number;
    if (experiment_make_default(txn, scope.number, err) < 0 ||
        experiment_insert(txn, &made, err) < 0)
        return -1;
    return tell(txn, c->call, &made, "experiments.created", err);
}

void dataplane_create_experiment(struct call *call)
{
    struct engines *engines = call->face;
    struct str name = call_param(call, "experiment");
    struct changing changing = {.call = call};
    struct error err = {0};

    if (name.len == 0 || name.len > EXPERIMENT_NAME_MAX)
        error_set(&err, ERROR_INVALID, "name", "The name of an experiment has 1 to %d bytes.",
                  EXPERIMENT_NAME_MAX);
    if (err.code == ERROR_NONE && store_write(engines->store, create_apply, &changing, &err) == 0)
        dataplane_get_experiment(call);
    else
        arm_refuse(call, &err);
}

/* Archiving is a stage; each of the two is refused where it changes nothing only by MLflow, whose
 * clients tell the cases apart. */
static int archive(struct store_txn *txn, struct experiment *experiment, const struct json *flag,
                   struct error *err)
{
    if (json_kind(flag) != JSON_BOOL)
        return 0;
    bool wanted = json_as_bool(flag, false);
    if (wanted == (experiment->deleted_us != 0))
        return 0;
    return wanted ? experiment_delete(txn, experiment, err)
                  : experiment_restore(txn, experiment, err);
}

/* null takes a tag away; one that was not there is no error, or a retry would fail. */
static int set_tags(struct store_txn *txn, const struct experiment *experiment,
                    const struct json *tags, struct error *err)
{
    struct json_iter it = json_iter(tags);

    while (json_next(&it)) {
        if (!json_is_null(it.value)) {
            if (experiment_set_tag(txn, experiment, it.key, json_as_str(it.value), err) < 0)
                return -1;
        } else if (experiment_delete_tag(txn, experiment, it.key, err) < 0 &&
                   err->code != ERROR_NOT_FOUND) {
            return -1;
        }
    }
    return 0;
}

static int patch_apply(struct store_txn *txn, void *context, struct error *err)
{
    const struct changing *c = context;
    struct str name = json_str_at(c->body, "name");
    struct json *description = json_get(c->body, STR("description"));
    struct json *flag = json_get(c->body, STR("archive"));
    struct experiment experiment;

    if (find(txn, c->call, &experiment, err) < 0)
        return -1;
    /* Restored first and archived last: what is archived takes no other change. */
    if (!json_as_bool(flag, true) && archive(txn, &experiment, flag, err) < 0)
        return -1;
    if (name.len > 0 && experiment_rename(txn, &experiment, name, err) < 0)
        return -1;
    if (json_kind(description) == JSON_STRING &&
        experiment_set_tag(txn, &experiment, DESCRIPTION, json_as_str(description), err) < 0)
        return -1;
    if (set_tags(txn, &experiment, json_get(c->body, STR("tags")), err) < 0 ||
        (json_as_bool(flag, false) && archive(txn, &experiment, flag, err) < 0))
        return -1;
    return tell(txn, c->call, &experiment, "experiments.updated", err);
}

static int check_patch(const struct json *body, struct error *err)
{
    static const struct {
        const char *key;
        enum json_kind kind;
        const char *expected;
    } FIELDS[] = {{"name", JSON_STRING, "a text"},
                  {"description", JSON_STRING, "a text"},
                  {"archive", JSON_BOOL, "true or false"},
                  {"tags", JSON_OBJECT, "an object of texts"}};
    struct json_iter it = json_iter(json_get(body, STR("tags")));

    for (size_t i = 0; i < COUNT(FIELDS); i++) {
        struct json *value = json_get(body, str_from(FIELDS[i].key));
        if (!json_is_null(value) && json_kind(value) != FIELDS[i].kind)
            return error_set(err, ERROR_INVALID, FIELDS[i].key, "'%s' is %s.", FIELDS[i].key,
                             FIELDS[i].expected);
    }
    while (json_next(&it))
        if (json_kind(it.value) != JSON_STRING && !json_is_null(it.value))
            return error_set(err, ERROR_INVALID, "tags", "The tag '%.*s' is no text.",
                             STR_ARG(it.key));
    if (json_str_at(body, "name").len > EXPERIMENT_NAME_MAX)
        return error_set(err, ERROR_INVALID, "name", "A name has at most %d bytes.",
                         EXPERIMENT_NAME_MAX);
    return 0;
}

void dataplane_patch_experiment(struct call *call)
{
    struct engines *engines = call->face;
    struct error err = {0};
    struct changing changing = {.call = call, .body = dataplane_body(call, &err)};

    if (!changing.body || check_patch(changing.body, &err) < 0 ||
        store_write(engines->store, patch_apply, &changing, &err) < 0)
        arm_refuse(call, &err);
    else
        dataplane_get_experiment(call);
}

/* Each key for itself; one that is not there is told. */
static int delete_tags_apply(struct store_txn *txn, void *context, struct error *err)
{
    const struct changing *c = context;
    struct json_iter it = json_iter(json_get(c->body, STR("tags")));
    struct experiment experiment;
    struct error none = {0};

    if (find(txn, c->call, &experiment, err) < 0)
        return -1;
    while (json_next(&it))
        if (experiment_delete_tag(txn, &experiment, json_as_str(it.value), &none) < 0 &&
            none.code != ERROR_NOT_FOUND)
            return error_set(err, none.code, none.target, "%s", none.message);
    return tell(txn, c->call, &experiment, "experiments.updated", err);
}

void dataplane_delete_experiment_tags(struct call *call)
{
    struct engines *engines = call->face;
    struct error err = {0};
    struct changing changing = {.call = call, .body = dataplane_body(call, &err)};
    struct json *body = json_object(call->arena);

    if (changing.body && json_kind(json_get(changing.body, STR("tags"))) != JSON_ARRAY)
        error_set(&err, ERROR_INVALID, "tags", "'tags' is a list of texts.");
    if (err.code != ERROR_NONE ||
        store_write(engines->store, delete_tags_apply, &changing, &err) < 0) {
        arm_refuse(call, &err);
        return;
    }
    json_set(call->arena, body, STR("errors"), json_object(call->arena));
    arm_reply(call, 200, body);
}

/* --- For good
 * ------------------------------------------------------------------------------------- */

static int delete_apply(struct store_txn *txn, void *context, struct error *err)
{
    const struct changing *c = context;
    struct experiment experiment;
    struct scope scope;

    if (find(txn, c->call, &experiment, err) < 0 ||
        scope_by_number(txn, experiment.scope, &scope, err) < 0 ||
        doom_experiment(txn, &scope, experiment.id, err) < 0)
        return -1;
    return tell(txn, c->call, &experiment, "experiments.deleted", err);
}

void dataplane_delete_experiment(struct call *call)
{
    struct engines *engines = call->face;
    struct changing changing = {.call = call};
    struct error err = {0};

    if (store_write(engines->store, delete_apply, &changing, &err) < 0) {
        arm_refuse(call, &err);
        return;
    }
    http_reply(call->ex, 200, "application/json", STR("{}"));
    /* What fails here is done by the hourly round. */
    doom_sweep(engines->store, NULL);
}
