/* Registered models. They are the documents that ARM shows as models, so what is changed here is
 * seen there at once; only aliases are rows of their own. */
#include "mlflow/registry.h"

#include "mlflow/name.h"
#include "os/clock.h"
#include "store/event.h"

#include <assert.h>
#include <string.h>

#define ALIAS_MAX 255

/* Prompts have events of their own, as they are no models to ARM. */
static int event_of(struct work *work, struct store_txn *txn, const struct registry_entry *model,
                    const char *what, struct error *err)
{
    struct event event = {
        .scope = model->document.scope,
        .type = arena_printf(store_arena(txn), "%s.%s", model->prompt ? "prompts" : "models", what),
        .subject_kind = model->document.type,
        .subject = model->document.name,
        .actor = work->ask->call->caller.name,
        .body = STR("{}")};

    return event_append(txn, &event, err);
}

/* The model that work->name means, in a write. Jobs may register, not rearrange. */
static int find(struct work *work, struct store_txn *txn, struct registry_entry *out,
                struct error *err)
{
    int64_t scope;

    if (store_is_writer(txn) && work->ask->call->caller.kind == CALLER_ATTEMPT)
        return error_set(
            err, ERROR_FORBIDDEN, "name",
            "A job may register models of its runs; it may not change registered ones.");
    if (ask_scope_number(work->ask, txn, &scope, err) < 0)
        return -1;
    return registry_model(txn, scope, work->name, out, err);
}

/* Written into the reply anew when the write runs twice. */
static int show_result(struct work *work, struct store_txn *txn, const struct registry_entry *model,
                       struct error *err)
{
    buf_clear(&work->out->buf);
    out_begin(work->out, NULL, '{');
    if (registry_show(txn, model, "registered_model", work->out, err) < 0)
        return -1;
    out_end(work->out, '}');
    return 0;
}

/* --- Creating ------------------------------------------------------------------------------------
 */

/* Models and prompts share one space of names; MLflow's sentences say which of them is there. */
static int name_taken(const struct registry_entry *held, bool prompt, struct error *err)
{
    static const char *const KINDS[] = {"registered model", "prompt"};

    assert(held);
    if (held->prompt == prompt)
        return error_set(err, ERROR_EXISTS, "name", "%s (name=%.*s) already exists.",
                         prompt ? "Prompt" : "Registered Model", STR_ARG(held->document.name));
    return error_set(err, ERROR_EXISTS, "name",
                     "Tried to create a %s with name '%.*s', but the name is already taken by a "
                     "%s. MLflow does not allow creating a model and a prompt with the same name.",
                     KINDS[prompt], STR_ARG(held->document.name), KINDS[held->prompt]);
}

/* Prompts differ by a tag alone, but are kept apart, so that ARM's lists of models stay lists of
 * models. */
static int create_apply(struct store_txn *txn, void *context, struct error *err)
{
    struct work *work = context;
    struct arena *arena = store_arena(txn);
    struct json *tags = work->detail, *properties = json_object(arena), *body = json_object(arena);
    const struct caller *caller = &work->ask->call->caller;
    struct maker maker = caller_maker(caller);
    struct registry_entry model;
    struct error none = {0};
    int64_t scope;

    if (ask_scope_number(work->ask, txn, &scope, err) < 0)
        return -1;
    bool prompt = str_eq(json_as_str(json_get(tags, REGISTRY_PROMPT_TAG)), STR("true"));
    if (registry_model(txn, scope, work->name, &model, &none) == 0)
        return name_taken(&model, prompt, err);
    if (none.code != ERROR_NOT_FOUND)
        return error_set(err, none.code, none.target, "%s", none.message);
    json_set_str(arena, properties, "description", work->value);
    json_set(arena, properties, STR("tags"), json_copy(arena, tags));
    json_set(arena, properties, STR("properties"), json_object(arena));
    json_set(arena, body, STR("properties"), properties);
    struct document document = {.scope = scope,
                                .type = prompt ? STR("prompts") : STR("models"),
                                .name = work->name,
                                .created_by = caller->name,
                                .body = json_write(arena, body),
                                .system = maker_stamp(arena, &maker, STR(""), clock_now_us())};
    if (document_insert(txn, &document, err) < 0 ||
        registry_read(txn, &document, &model, err) < 0 ||
        event_of(work, txn, &model, "created", err) < 0)
        return -1;
    return show_result(work, txn, &model, err);
}

/* Name and tags are checked before the write. */
int mlflow_registered_create(struct ask *ask, struct out *out, struct error *err)
{
    struct work work = {.ask = ask, .out = out};
    struct json *tags;

    if (ask_text(ask, "name", ASK_REQUIRED, &work.name, err) < 0 ||
        ask_text(ask, "description", ASK_OPTIONAL, &work.value, err) < 0 ||
        registry_read_tags(ask, &tags, err) < 0 || name_check_registered_model(work.name, err) < 0)
        return -1;
    work.detail = tags;
    return work_write(&work, create_apply, err);
}

/* --- Reading -------------------------------------------------------------------------------------
 */

/* With the newest version of each stage. */
int mlflow_registered_get(struct ask *ask, struct out *out, struct error *err)
{
    struct work work = {.ask = ask, .out = out};
    struct registry_entry model;

    if (ask_text(ask, "name", ASK_REQUIRED, &work.name, err) < 0)
        return -1;
    CLEANUP(store_read_end) struct store_txn *txn = work_read(ask, err);
    if (!txn || find(&work, txn, &model, err) < 0)
        return -1;
    return show_result(&work, txn, &model, err);
}

/* By stages, an idea that MLflow has given up and its clients have not. */
int mlflow_registered_latest(struct ask *ask, struct out *out, struct error *err)
{
    struct work work = {.ask = ask};
    struct registry_entry model;
    struct registry_latest latest = {.key = "model_versions"};

    if (ask_text(ask, "name", ASK_REQUIRED, &work.name, err) < 0 ||
        ask_texts(ask, "stages", &latest.stages, err) < 0)
        return -1;
    CLEANUP(store_read_end) struct store_txn *txn = work_read(ask, err);
    if (!txn || find(&work, txn, &model, err) < 0)
        return -1;
    out_begin(out, NULL, '{');
    if (registry_show_latest(txn, &model, &latest, out, err) < 0)
        return -1;
    out_end(out, '}');
    return 0;
}

/* --- Changing ------------------------------------------------------------------------------------
 */

/* Only the description: all else has routes of its own. */
static int update_apply(struct store_txn *txn, void *context, struct error *err)
{
    struct work *work = context;
    struct registry_entry model;

    if (find(work, txn, &model, err) < 0)
        return -1;
    json_set_str(store_arena(txn), model.properties, "description", work->value);
    if (registry_save(work, txn, &model, err) < 0 ||
        event_of(work, txn, &model, "updated", err) < 0)
        return -1;
    return show_result(work, txn, &model, err);
}

/* Without a description it becomes "", as in MLflow. */
int mlflow_registered_update(struct ask *ask, struct out *out, struct error *err)
{
    struct work work = {.ask = ask, .out = out};

    if (ask_text(ask, "name", ASK_REQUIRED, &work.name, err) < 0 ||
        ask_text(ask, "description", ASK_OPTIONAL, &work.value, err) < 0)
        return -1;
    return work_write(&work, update_apply, err);
}

/* Told plainly, and what to do instead. */
int mlflow_registered_rename(struct ask *ask, struct out *, struct error *err)
{
    assert(!ask->query);
    return error_set(
        err, ERROR_NOT_IMPLEMENTED, "new_name",
        "Registered models keep their name: jobs and endpoints refer to it. Register the "
        "version under the new name instead.");
}

/* Versions go first, with their aliases; the name is free again. */
static int delete_apply(struct store_txn *txn, void *context, struct error *err)
{
    struct work *work = context;
    struct registry_entry model;
    struct registry_list versions;

    if (find(work, txn, &model, err) < 0 || registry_versions(txn, &model, &versions, err) < 0)
        return -1;
    for (size_t i = 0; i < versions.count; i++)
        if (document_delete(txn, versions.at[i].document.doc, err) < 0)
            return -1;
    if (document_delete(txn, model.document.doc, err) < 0)
        return -1;
    return event_of(work, txn, &model, "deleted", err);
}

/* No stage in between: MLflow has none here. */
int mlflow_registered_delete(struct ask *ask, struct out *, struct error *err)
{
    struct work work = {.ask = ask};

    if (ask_text(ask, "name", ASK_REQUIRED, &work.name, err) < 0)
        return -1;
    return work_write(&work, delete_apply, err);
}

/* The key is in run_id's place, so that name and value stay what they are. */
static int tag_apply(struct store_txn *txn, void *context, struct error *err)
{
    struct work *work = context;
    struct arena *arena = store_arena(txn);
    struct registry_entry model;
    bool set = work->number == 1;

    if (find(work, txn, &model, err) < 0)
        return -1;
    struct json *tags = json_at(model.properties, "tags");
    if (json_kind(tags) != JSON_OBJECT)
        json_set(arena, model.properties, STR("tags"), tags = json_object(arena));
    if (set)
        json_set(arena, tags, work->run_id, json_text(arena, work->value));
    else
        json_remove(tags, work->run_id);
    return registry_save(work, txn, &model, err);
}

/* Limits are the registry's own, wider than those of runs. */
int mlflow_registered_set_tag(struct ask *ask, struct out *, struct error *err)
{
    struct work work = {.ask = ask, .number = 1};

    if (ask_text(ask, "name", ASK_REQUIRED, &work.name, err) < 0 ||
        ask_text(ask, "key", ASK_REQUIRED, &work.run_id, err) < 0 ||
        ask_text(ask, "value", ASK_OPTIONAL, &work.value, err) < 0 ||
        registry_check_tag(work.run_id, work.value, err) < 0)
        return -1;
    return work_write(&work, tag_apply, err);
}

/* A missing one is no mistake here, unlike with runs. */
int mlflow_registered_delete_tag(struct ask *ask, struct out *, struct error *err)
{
    struct work work = {.ask = ask};

    if (ask_text(ask, "name", ASK_REQUIRED, &work.name, err) < 0 ||
        ask_text(ask, "key", ASK_REQUIRED, &work.run_id, err) < 0)
        return -1;
    return work_write(&work, tag_apply, err);
}

/* --- Aliases are labels ------------------------------------------------------------------------
 */

/* As Python's \w and the dash; letters of other scripts count. */
static bool word_characters(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
              c == '_' || c == '-' || (unsigned char)c >= 0x80))
            return false;
    }
    return text.len > 0;
}

/* What could be taken for a version, or for the newest, is reserved. */
static int check_alias(struct str alias, struct error *err)
{
    int64_t number;

    if (!word_characters(alias) || name_check_length("alias", alias, ALIAS_MAX, NULL) < 0)
        return error_set(err, ERROR_INVALID, "alias",
                         "Registered model alias name '%.*s' is not valid: it takes up to %d "
                         "alphanumerics, underscores (_) and dashes (-).",
                         STR_ARG(str_slice(alias, 0, 100)), ALIAS_MAX);
    if (str_eq_fold(alias, STR("latest")))
        return error_set(err, ERROR_INVALID, "alias",
                         "'latest' alias name (case insensitive) is reserved.");
    if ((alias.ptr[0] == 'v' || alias.ptr[0] == 'V') &&
        str_to_int64(str_slice(alias, 1, alias.len), &number))
        return error_set(err, ERROR_INVALID, "alias", "Version alias name '%.*s' is reserved.",
                         STR_ARG(alias));
    return 0;
}

/* One statement moves it: between two versions it is never gone. */
static int alias_apply(struct store_txn *txn, void *context, struct error *err)
{
    struct work *work = context;
    struct registry_entry model, version;
    struct error none = {0};

    if (find(work, txn, &model, err) < 0)
        return -1;
    if (work->number == 0) { /* a missing alias is fine */
        if (document_set_label(txn, model.document.doc, work->run_id, 0, &none) < 0 &&
            none.code != ERROR_NOT_FOUND)
            return error_set(err, none.code, none.target, "%s", none.message);
        return 0;
    }
    if (registry_version(txn, &model, work->value, &version, err) < 0)
        return -1;
    return document_set_label(txn, model.document.doc, work->run_id, version.document.doc, err);
}

/* For a version that is there. */
int mlflow_alias_set(struct ask *ask, struct out *, struct error *err)
{
    struct work work = {.ask = ask, .number = 1};

    if (ask_text(ask, "name", ASK_REQUIRED, &work.name, err) < 0 ||
        ask_text(ask, "alias", ASK_REQUIRED, &work.run_id, err) < 0 ||
        ask_text(ask, "version", ASK_REQUIRED, &work.value, err) < 0 ||
        check_alias(work.run_id, err) < 0)
        return -1;
    return work_write(&work, alias_apply, err);
}

/* Deleting twice is fine. */
int mlflow_alias_delete(struct ask *ask, struct out *, struct error *err)
{
    struct work work = {.ask = ask};

    if (ask_text(ask, "name", ASK_REQUIRED, &work.name, err) < 0 ||
        ask_text(ask, "alias", ASK_REQUIRED, &work.run_id, err) < 0)
        return -1;
    return work_write(&work, alias_apply, err);
}

/* Through the alias to its version; a missing one is a bad request, as MLflow answers. */
int mlflow_alias_get(struct ask *ask, struct out *out, struct error *err)
{
    struct work work = {.ask = ask};
    struct registry_entry model, version;
    struct document document;
    struct error none = {0};

    if (ask_text(ask, "name", ASK_REQUIRED, &work.name, err) < 0 ||
        ask_text(ask, "alias", ASK_REQUIRED, &work.value, err) < 0)
        return -1;
    CLEANUP(store_read_end) struct store_txn *txn = work_read(ask, err);
    if (!txn || find(&work, txn, &model, err) < 0)
        return -1;
    int found =
        str_eq_fold(work.value, STR("latest"))
            ? document_latest(txn, model.document.scope, model.document.doc, &document, &none)
            : document_by_label(txn, model.document.doc, work.value, &document, &none);
    if (found < 0)
        return error_set(err, none.code == ERROR_NOT_FOUND ? ERROR_INVALID : none.code, "alias",
                         "Registered model alias %.*s not found.", STR_ARG(work.value));
    if (registry_read(txn, &document, &version, err) < 0)
        return -1;
    out_begin(out, NULL, '{');
    out_begin(out, "model_version", '{');
    if (registry_show_version(txn, &model, &version, out, err) < 0)
        return -1;
    out_end(out, '}');
    out_end(out, '}');
    return 0;
}
