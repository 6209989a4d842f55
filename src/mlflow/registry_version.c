/* Versions of registered models: made from a source, described, moved between stages. */
#include "mlflow/address.h"
#include "mlflow/name.h"
#include "mlflow/registry_source.h"
#include "tracking/logged_model.h"

#include <assert.h>
#include <string.h>

#define MODEL_VERSIONS_TAG STR("mlflow.modelVersions")

/* The model and version that name and value of the work mean, in any transaction. */
static int find(struct work *work, struct store_txn *txn, struct registry_entry *out_model,
                struct registry_entry *out_version, struct error *err)
{
    int64_t scope;

    if (store_is_writer(txn) && work->ask->call->caller.kind == CALLER_ATTEMPT)
        return error_set(
            err, ERROR_FORBIDDEN, "name",
            "A job may register models of its runs; it may not change registered ones.");
    if (ask_scope_number(work->ask, txn, &scope, err) < 0)
        return -1;
    if (registry_model(txn, scope, work->name, out_model, err) < 0)
        return err && err->code == ERROR_NOT_FOUND
                   ? error_set(err, ERROR_NOT_FOUND, "version",
                               "Model Version (name=%.*s, version=%.*s) not found",
                               STR_ARG(work->name), STR_ARG(work->value))
                   : -1;
    return registry_version(txn, out_model, work->value, out_version, err);
}

/* By name and number. */
static int read_address(struct ask *ask, struct work *work, struct error *err)
{
    if (ask_text(ask, "name", ASK_REQUIRED, &work->name, err) < 0)
        return -1;
    return ask_text(ask, "version", ASK_REQUIRED, &work->value, err);
}

/* Written into the reply anew when the write runs twice. */
static int show_result(struct work *work, struct store_txn *txn, const struct registry_entry *model,
                       const struct registry_entry *version, struct error *err)
{
    buf_clear(&work->out->buf);
    out_begin(work->out, NULL, '{');
    out_begin(work->out, "model_version", '{');
    if (registry_show_version(txn, model, version, work->out, err) < 0)
        return -1;
    out_end(work->out, '}');
    out_end(work->out, '}');
    return 0;
}

/* By number; aliases have a route of their own. */
int mlflow_version_get(struct ask *ask, struct out *out, struct error *err)
{
    struct work work = {.ask = ask, .out = out};
    struct registry_entry model, version;

    if (read_address(ask, &work, err) < 0)
        return -1;
    CLEANUP(store_read_end) struct store_txn *txn = work_read(ask, err);
    if (!txn || find(&work, txn, &model, &version, err) < 0)
        return -1;
    return show_result(&work, txn, &model, &version, err);
}

/* The last piece of where a version's bytes lie; "" when they lie nowhere. */
static struct str version_folder(struct ask *ask, struct store_txn *txn,
                                 const struct registry_entry *version)
{
    struct error none = {0};
    struct asset_place place;
    struct scope scope;

    if (ask_scope(ask, txn, &scope, &none) < 0 ||
        asset_place(txn, &scope, json_str_at(version->properties, "modelUri"), &place, &none) < 0)
        return STR("model");
    return str_slice(place.prefix, (size_t)(str_find_last(place.prefix, '/') + 1),
                     place.prefix.len);
}

/* An address of ours is given back; other bytes are reached by the version's row, whatever store
 * they lie in. */
int mlflow_version_uri(struct ask *ask, struct out *out, struct error *err)
{
    struct work work = {.ask = ask};
    struct registry_entry model, version;

    if (read_address(ask, &work, err) < 0)
        return -1;
    CLEANUP(store_read_end) struct store_txn *txn = work_read(ask, err);
    if (!txn || find(&work, txn, &model, &version, err) < 0)
        return -1;
    struct str source = registry_extra(&version, "mlflow.source");
    struct str kept = json_str_at(version.properties, "modelUri");
    bool elsewhere = registry_source_elsewhere(kept);
    bool direct =
        model.prompt || (str_starts(source, STR("mlflow-artifacts:/")) && !address_is_azureml(ask));
    out_begin(out, NULL, '{');
    out_text(out, "artifact_uri",
             elsewhere ? kept
             : direct
                 ? source
                 : address_version(ask, version.document.doc, version_folder(ask, txn, &version)));
    out_end(out, '}');
    return 0;
}

/* --- Creating ------------------------------------------------------------------------------------
 */

struct fresh {
    struct registry_source source;
    struct json *tags;
    struct str description, run_link;
};

/* What ARM has a field for goes there; the rest under names of MLflow's own. */
static struct json *version_properties(struct arena *arena, const struct fresh *fresh)
{
    struct json *properties = json_object(arena), *extra = json_object(arena);

    json_set_str(arena, extra, "mlflow.source", fresh->source.text);
    if (fresh->run_link.len)
        json_set_str(arena, extra, "mlflow.runLink", fresh->run_link);
    if (fresh->source.model_id.len)
        json_set_str(arena, extra, "mlflow.modelId", fresh->source.model_id);
    json_set_str(arena, properties, "modelUri", fresh->source.uri);
    json_set_str(arena, properties, "modelType",
                 fresh->source.mlflow ? STR("mlflow_model") : STR("custom_model"));
    json_set_str(arena, properties, "description", fresh->description);
    json_set(arena, properties, STR("tags"), json_copy(arena, fresh->tags));
    json_set(arena, properties, STR("properties"), extra);
    json_set(arena, properties, STR("flavors"), json_object(arena));
    json_set_bool(arena, properties, "isAnonymous", false);
    json_set_bool(arena, properties, "isArchived", false);
    if (fresh->source.run_id.len)
        json_set_str(arena, properties, "jobName", fresh->source.run_id);
    return properties;
}

/* For lineage: which job a version came from. */
static int link_run(struct store_txn *txn, const struct fresh *fresh, const struct asset *asset,
                    int64_t scope, struct error *err)
{
    const struct asset_edge edge = {.scope = scope,
                                    .from_kind = STR("job"),
                                    .from_id = fresh->source.run_id,
                                    .role = STR("output"),
                                    .to_kind = STR("models/versions"),
                                    .to_id = asset->id};

    return fresh->source.run_id.len ? asset_link(txn, &edge, err) : 0;
}

/* As Python writes a list of objects, which is how clients that know the tag compare it. */
static struct str versions_text(struct arena *arena, const struct json *list)
{
    struct json_iter it = json_iter(list);
    struct str text = STR("[");

    while (json_next(&it)) {
        struct str name = json_write(arena, json_at(it.value, "name"));
        text = arena_printf(arena, "%.*s%s{\"name\": %.*s, \"version\": %lld}", STR_ARG(text),
                            text.len > 1 ? ", " : "", STR_ARG(name),
                            (long long)json_as_int(json_at(it.value, "version"), 0));
    }
    return arena_printf(arena, "%.*s]", STR_ARG(text));
}

/* A logged model tells under which names it was registered, in a tag that MLflow's clients and its
 * user interface read. One that is not there any more has nobody to tell. */
static int tag_logged_model(struct work *work, struct store_txn *txn, struct str model_id,
                            const struct registry_entry *version, struct error *err)
{
    struct tracking *tracking = work->ask->mlflow->engines->tracking;
    struct arena *arena = store_arena(txn);
    struct logged_model model;
    struct pair_value held;
    struct error lost = {0};
    int64_t number = 0;

    assert(store_is_writer(txn));
    if (model_id.len == 0 ||
        logged_model_get(txn, version->document.scope, model_id, &model, &lost) < 0)
        return lost.code && lost.code != ERROR_NOT_FOUND
                   ? error_set(err, lost.code, lost.target, "%s", lost.message)
                   : 0;
    const struct pair_owner owner = logged_model_owner(&model);
    if (tag_get(tracking, txn, &(struct tag_key){owner.owner, MODEL_VERSIONS_TAG}, &held, err) < 0)
        return -1;
    struct json *list = held.found ? json_parse(arena, held.text, NULL) : NULL;
    struct json *entry = json_object(arena);
    if (json_kind(list) != JSON_ARRAY)
        list = json_array(arena);
    str_to_int64(version->document.name, &number);
    json_set_str(arena, entry, "name", work->name);
    json_set_int(arena, entry, "version", number);
    json_append(arena, list, entry);
    struct pair tag = {MODEL_VERSIONS_TAG, versions_text(arena, list)};
    return tags_set(tracking, txn, &owner, &(struct pairs){&tag, 1}, err);
}

/* The number is drawn inside the write, so two who register at once get two. */
static int create_apply(struct store_txn *txn, void *context, struct error *err)
{
    struct work *work = context;
    const struct fresh *fresh = work->detail;
    struct registry_entry model, version;
    struct scope scope;
    struct asset asset;

    if (ask_scope(work->ask, txn, &scope, err) < 0 ||
        registry_model(txn, scope.number, work->name, &model, err) < 0)
        return -1;
    const struct asset_new new_version = {.scope = &scope,
                                          .type = model.prompt ? STR("prompts") : STR("models"),
                                          .name = model.document.name,
                                          .properties = version_properties(store_arena(txn), fresh),
                                          .actor = work->ask->call->caller.name,
                                          .maker = caller_maker(&work->ask->call->caller)};
    if (asset_register(txn, &new_version, &asset, err) < 0 ||
        link_run(txn, fresh, &asset, scope.number, err) < 0 ||
        registry_read(txn, &asset.version, &version, err) < 0 ||
        tag_logged_model(work, txn, fresh->source.model_id, &version, err) < 0)
        return -1;
    /* Making the version moved the container's counter and revision. */
    if (registry_model(txn, scope.number, work->name, &model, err) < 0 ||
        registry_save(work, txn, &model, err) < 0)
        return -1;
    return show_result(work, txn, &model, &version, err);
}

/* The source is resolved before the write, which then only stores what it means. */
int mlflow_version_create(struct ask *ask, struct out *out, struct error *err)
{
    struct fresh fresh = {0};
    struct work work = {.ask = ask, .out = out, .detail = &fresh};
    struct registry_entry model;
    int64_t scope;

    if (ask_text(ask, "name", ASK_REQUIRED, &work.name, err) < 0 ||
        ask_text(ask, "source", ASK_REQUIRED, &fresh.source.text, err) < 0 ||
        ask_text(ask, "run_id", ASK_OPTIONAL, &fresh.source.run_id, err) < 0 ||
        ask_text(ask, "model_id", ASK_OPTIONAL, &fresh.source.model_id, err) < 0 ||
        ask_text(ask, "description", ASK_OPTIONAL, &fresh.description, err) < 0 ||
        ask_text(ask, "run_link", ASK_OPTIONAL, &fresh.run_link, err) < 0 ||
        registry_read_tags(ask, &fresh.tags, err) < 0)
        return -1;
    {
        CLEANUP(store_read_end) struct store_txn *txn = work_read(ask, err);
        if (!txn || ask_scope_number(ask, txn, &scope, err) < 0 ||
            registry_model(txn, scope, work.name, &model, err) < 0)
            return -1;
        fresh.source.prompt = model.prompt;
        if (registry_source(ask, txn, &fresh.source, err) < 0)
            return -1;
    }
    return work_write(&work, create_apply, err);
}

/* --- Changing ------------------------------------------------------------------------------------
 */

/* What is to change; the address is in the work. */
struct change {
    enum { CHANGE_TEXT, CHANGE_TAG, CHANGE_NO_TAG, CHANGE_STAGE } kind;
    struct str key, value;
    bool archive_others;
};

/* Others of the same active stage become Archived. */
static int archive_others(struct work *work, struct store_txn *txn,
                          const struct registry_entry *model, const struct registry_entry *version,
                          struct error *err)
{
    struct str stage = ((const struct change *)work->detail)->value;
    struct registry_list all;

    if (registry_versions(txn, model, &all, err) < 0)
        return -1;
    for (size_t i = 0; i < all.count; i++) {
        struct registry_entry *other = &all.at[i];
        if (other->document.doc == version->document.doc || !str_eq(registry_stage(other), stage))
            continue;
        json_set_str(store_arena(txn), other->properties, "stage", STR("Archived"));
        if (registry_save(work, txn, other, err) < 0)
            return -1;
    }
    return 0;
}

/* Every change moves the model's time too, by which clients sort. */
static int change_apply(struct store_txn *txn, void *context, struct error *err)
{
    struct work *work = context;
    const struct change *change = work->detail;
    struct arena *arena = store_arena(txn);
    struct registry_entry model, version;

    if (find(work, txn, &model, &version, err) < 0)
        return -1;
    struct json *tags = json_at(version.properties, "tags");
    if (json_kind(tags) != JSON_OBJECT)
        json_set(arena, version.properties, STR("tags"), tags = json_object(arena));
    if (change->kind == CHANGE_TEXT)
        json_set_str(arena, version.properties, "description", change->value);
    else if (change->kind == CHANGE_TAG)
        json_set(arena, tags, change->key, json_text(arena, change->value));
    else if (change->kind == CHANGE_NO_TAG)
        json_remove(tags, change->key);
    else
        json_set_str(arena, version.properties, "stage", change->value);
    if (change->archive_others && archive_others(work, txn, &model, &version, err) < 0)
        return -1;
    if (registry_save(work, txn, &version, err) < 0 || registry_save(work, txn, &model, err) < 0)
        return -1;
    return work->out ? show_result(work, txn, &model, &version, err) : 0;
}

/* The description alone. */
int mlflow_version_update(struct ask *ask, struct out *out, struct error *err)
{
    struct change change = {.kind = CHANGE_TEXT};
    struct work work = {.ask = ask, .out = out, .detail = &change};

    if (read_address(ask, &work, err) < 0 ||
        ask_text(ask, "description", ASK_OPTIONAL, &change.value, err) < 0)
        return -1;
    return work_write(&work, change_apply, err);
}

/* The reply is empty, as MLflow's. */
int mlflow_version_set_tag(struct ask *ask, struct out *, struct error *err)
{
    struct change change = {.kind = CHANGE_TAG};
    struct work work = {.ask = ask, .detail = &change};

    if (read_address(ask, &work, err) < 0 ||
        ask_text(ask, "key", ASK_REQUIRED, &change.key, err) < 0 ||
        ask_text(ask, "value", ASK_OPTIONAL, &change.value, err) < 0 ||
        registry_check_tag(change.key, change.value, err) < 0)
        return -1;
    return work_write(&work, change_apply, err);
}

/* A missing one is no mistake. */
int mlflow_version_delete_tag(struct ask *ask, struct out *, struct error *err)
{
    struct change change = {.kind = CHANGE_NO_TAG};
    struct work work = {.ask = ask, .detail = &change};

    if (read_address(ask, &work, err) < 0 ||
        ask_text(ask, "key", ASK_REQUIRED, &change.key, err) < 0)
        return -1;
    return work_write(&work, change_apply, err);
}

/* Stages are four words; only Staging and Production push others out. */
int mlflow_version_stage(struct ask *ask, struct out *out, struct error *err)
{
    static const char *const STAGES[] = {"None", "Staging", "Production", "Archived"};
    struct change change = {.kind = CHANGE_STAGE};
    struct work work = {.ask = ask, .out = out, .detail = &change};
    struct str stage;
    size_t at = 0;

    if (read_address(ask, &work, err) < 0 ||
        ask_text(ask, "stage", ASK_REQUIRED, &stage, err) < 0 ||
        ask_bool(ask, "archive_existing_versions", &change.archive_others, err) < 0)
        return -1;
    while (at < COUNT(STAGES) && !str_eq_fold(stage, str_from(STAGES[at])))
        at++;
    if (at == COUNT(STAGES))
        return error_set(err, ERROR_INVALID, "stage",
                         "Invalid Model Version stage: %.*s. Value must be one of None, Staging, "
                         "Production, Archived.",
                         STR_ARG(str_slice(stage, 0, 100)));
    change.value = str_from(STAGES[at]);
    if (change.archive_others && (at == 0 || at == 3))
        return error_set(err, ERROR_INVALID, "stage",
                         "Model version transition cannot archive existing model versions because "
                         "'%s' is not an Active stage. Valid stages are Staging, Production",
                         STAGES[at]);
    return work_write(&work, change_apply, err);
}

/* Its aliases go with the row; its number is not given again. */
static int delete_apply(struct store_txn *txn, void *context, struct error *err)
{
    struct work *work = context;
    struct registry_entry model, version;

    if (find(work, txn, &model, &version, err) < 0 ||
        document_delete(txn, version.document.doc, err) < 0)
        return -1;
    return registry_save(work, txn, &model, err);
}

/* In any stage. */
int mlflow_version_delete(struct ask *ask, struct out *, struct error *err)
{
    struct work work = {.ask = ask};

    if (read_address(ask, &work, err) < 0)
        return -1;
    return work_write(&work, delete_apply, err);
}
