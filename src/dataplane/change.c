/* PATCH of a run: what people write about it. Name, tags and the archive are the run's own;
 * description and properties lie in the job's document, so ARM shows the same. */
#include "dataplane/internal.h"

#include "store/document.h"
#include "store/event.h"

#include <assert.h>

struct patch {
    struct call *call;
    const struct json *body;
};

/* Tags that are sent are set; the others stay. */
static int set_tags(struct store_txn *txn, const struct run *run, const struct json *tags,
                    struct error *err)
{
    struct json_iter it = json_iter(tags);

    while (json_next(&it))
        if (run_set_tag(txn, run, it.key, json_as_str(it.value), err) < 0)
            return -1;
    return 0;
}

/* A run of MLflow has no document; its description is the tag by which MLflow shows it. Properties
 * it has none of its own: only the one that is shown may come back. */
static int patch_mlflow_run(struct store_txn *txn, const struct run *run, const struct json *body,
                            struct error *err)
{
    struct json_iter it = json_iter(json_get(body, STR("properties")));
    struct json *description = json_get(body, STR("description"));

    while (json_next(&it))
        if (!str_eq(it.key, STR("lazurite.origin")) ||
            !str_eq(json_as_str(it.value), STR("mlflow")))
            return error_set(err, ERROR_NOT_IMPLEMENTED, "properties",
                             "The run '%.*s' was made by MLflow; it has tags, no properties.",
                             STR_ARG(run->run_id));
    if (json_kind(description) != JSON_STRING)
        return 0;
    return run_set_tag(txn, run, STR("mlflow.note.content"), json_as_str(description), err);
}

/* Merges description and properties into the document. */
static int patch_document(struct store_txn *txn, const struct run *run, const struct json *body,
                          struct error *err)
{
    struct arena *arena = store_arena(txn);
    struct json *description = json_get(body, STR("description"));
    struct json *properties = json_get(body, STR("properties"));
    struct document document;

    if (document_by_id(txn, run->doc, &document, err) < 0)
        return -1;
    struct json *stored = json_parse(arena, document.body, err);
    if (!stored)
        return -1;
    if (json_kind(description) == JSON_STRING &&
        json_put(arena, stored, "properties.description", json_copy(arena, description), err) < 0)
        return -1;
    if (json_kind(properties) == JSON_OBJECT) {
        struct json *held = json_at(stored, "properties.properties");
        if (json_kind(held) != JSON_OBJECT) {
            held = json_object(arena);
            if (json_put(arena, stored, "properties.properties", held, err) < 0)
                return -1;
        }
        json_merge(arena, held, properties);
    }
    document.body = json_write(arena, stored);
    document.archived = run->archived;
    return document_update(txn, &document, err);
}

static int tell(struct store_txn *txn, const struct patch *patch, const struct run *run,
                struct error *err)
{
    struct event event = {.scope = run->scope,
                          .type = STR("jobs.updated"),
                          .subject_kind = STR("jobs"),
                          .subject = run->run_id,
                          .actor = patch->call->caller.name,
                          .body = STR("{}")};

    return event_append(txn, &event, err);
}

/* On the writer thread. All that may refuse comes before what changes. */
static int patch_apply(struct store_txn *txn, void *context, struct error *err)
{
    struct patch *patch = context;
    struct str name = json_str_at(patch->body, "displayName");
    struct str run_id = call_param(patch->call, "run");
    struct json *hidden = json_get(patch->body, STR("hidden"));
    struct scope scope;
    struct run run;

    assert(store_is_writer(txn));
    if (plane_scope(patch->call, txn, &scope, err) < 0)
        return -1;
    if (run_get(txn, scope.number, run_id, &run, err) < 0)
        return error_set(err, ERROR_NOT_FOUND, "run", "There is no run '%.*s'.", STR_ARG(run_id));
    if (name.len > 0)
        run.name = name;
    if (json_kind(hidden) == JSON_BOOL)
        run.archived = json_as_bool(hidden, false);
    if (run.doc == 0 ? patch_mlflow_run(txn, &run, patch->body, err) < 0
                     : patch_document(txn, &run, patch->body, err) < 0)
        return -1;
    if (set_tags(txn, &run, json_get(patch->body, STR("tags")), err) < 0 ||
        run_update(txn, &run, err) < 0)
        return -1;
    return tell(txn, patch, &run, err);
}

/* Kinds of values, before anything is stored. */
static int check_body(const struct json *body, struct error *err)
{
    static const struct {
        const char *key;
        enum json_kind kind;
        const char *expected;
    } FIELDS[] = {{"displayName", JSON_STRING, "a text"},
                  {"description", JSON_STRING, "a text"},
                  {"hidden", JSON_BOOL, "true or false"},
                  {"tags", JSON_OBJECT, "an object of texts"},
                  {"properties", JSON_OBJECT, "an object of texts"}};

    if (json_kind(body) != JSON_OBJECT)
        return error_set(err, ERROR_INVALID, "", "The body is a JSON object.");
    for (size_t i = 0; i < COUNT(FIELDS); i++) {
        struct json *value = json_get(body, str_from(FIELDS[i].key));
        if (!json_is_null(value) && json_kind(value) != FIELDS[i].kind)
            return error_set(err, ERROR_INVALID, FIELDS[i].key, "'%s' is %s.", FIELDS[i].key,
                             FIELDS[i].expected);
        struct json_iter it = json_iter(FIELDS[i].kind == JSON_OBJECT ? value : NULL);
        while (json_next(&it))
            if (json_kind(it.value) != JSON_STRING)
                return error_set(err, ERROR_INVALID, FIELDS[i].key, "'%s' is %s; '%.*s' is none.",
                                 FIELDS[i].key, FIELDS[i].expected, STR_ARG(it.key));
    }
    return 0;
}

void plane_patch_run(struct call *call)
{
    struct engines *engines = call->face;
    struct error err = {0};
    struct json *body = json_parse(call->arena, http_body(call->ex), &err);
    struct patch patch = {.call = call, .body = body};

    assert(engines->store);
    if (!body || check_body(body, &err) < 0 ||
        store_write(engines->store, patch_apply, &patch, &err) < 0)
        arm_refuse(call, &err);
    else
        plane_get_run(call);
}
