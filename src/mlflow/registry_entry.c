/* Rows of the registry with their bodies parsed, and what is asked of them. */
#include "mlflow/name.h"
#include "mlflow/registry.h"
#include "os/clock.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define REGISTRY_PAGE 1000
#define TAG_VALUE_LIMIT 100000

/* The parsed body stays with its row, so that a change writes the same one back. */
int registry_read(struct store_txn *txn, const struct document *document,
                  struct registry_entry *out, struct error *err)
{
    struct registry_entry entry = {.document = *document};

    entry.body = json_parse(store_arena(txn), document->body, err);
    entry.properties = json_at(entry.body, "properties");
    entry.prompt = str_starts(document->type, STR("prompts"));
    if (json_kind(entry.properties) != JSON_OBJECT)
        return error_set(err, ERROR_CORRUPT, "body", "The model '%.*s' cannot be read.",
                         STR_ARG(document->name));
    *out = entry;
    return 0;
}

/* A model or, where there is none, a prompt: one space of names. */
int registry_model(struct store_txn *txn, int64_t scope, struct str name,
                   struct registry_entry *out, struct error *err)
{
    static const char *const TYPES[] = {"models", "prompts"};
    struct document document;

    for (size_t i = 0; i < COUNT(TYPES); i++) {
        const struct document_key key = {scope, str_from(TYPES[i]), 0, name};
        struct error none = {0};
        if (document_get(txn, &key, &document, &none) == 0)
            return registry_read(txn, &document, out, err);
        if (none.code != ERROR_NOT_FOUND)
            return error_set(err, none.code, none.target, "%s", none.message);
    }
    return error_set(err, ERROR_NOT_FOUND, "name", "Registered Model with name=%.*s not found",
                     STR_ARG(str_slice(name, 0, 256)));
}

/* Numbers as text; ARM may have made others, which are found, too. */
int registry_version(struct store_txn *txn, const struct registry_entry *model, struct str version,
                     struct registry_entry *out, struct error *err)
{
    const struct document_key key = {
        model->document.scope, model->prompt ? STR("prompts/versions") : STR("models/versions"),
        model->document.doc, version};
    struct error none = {0};
    struct document document;

    if (document_get(txn, &key, &document, &none) == 0)
        return registry_read(txn, &document, out, err);
    if (none.code != ERROR_NOT_FOUND)
        return error_set(err, none.code, none.target, "%s", none.message);
    int64_t number;
    if (!str_to_int64(version, &number))
        return error_set(err, ERROR_INVALID, "version",
                         "Parameter 'version' must be an integer, got '%.*s'.",
                         STR_ARG(str_slice(version, 0, 100)));
    return error_set(err, ERROR_NOT_FOUND, "version",
                     "Model Version (name=%.*s, version=%.*s) not found",
                     STR_ARG(model->document.name), STR_ARG(str_slice(version, 0, 100)));
}

/* The revision guards against a write in between. */
int registry_save(const struct work *work, struct store_txn *txn, struct registry_entry *entry,
                  struct error *err)
{
    struct arena *arena = store_arena(txn);
    struct maker maker = caller_maker(&work->ask->call->caller);

    assert(store_is_writer(txn));
    entry->document.body = json_write(arena, entry->body);
    entry->document.system = maker_stamp(arena, &maker, entry->document.system, clock_now_us());
    return document_update(txn, &entry->document, err);
}

/* Rows on their way into a list. */
struct gathering {
    struct store_txn *txn;
    struct registry_list list;
    size_t size;
    struct document last;
};

/* Sorted later: rows come by their creation. */
static int gather(const struct document *document, void *context, struct error *err)
{
    struct gathering *gathering = context;
    struct registry_list *list = &gathering->list;

    if (list->count == gathering->size) {
        size_t size = gathering->size * 2 + 16;
        struct registry_entry *grown =
            arena_new_array(store_arena(gathering->txn), struct registry_entry, size);
        if (list->count)
            memcpy(grown, list->at, list->count * sizeof *grown);
        list->at = grown;
        gathering->size = size;
    }
    gathering->last = *document;
    return registry_read(gathering->txn, document, &list->at[list->count++], err);
}

/* By pages, for a read of all rows at once would be as large as the table. */
static int gather_all(struct gathering *gathering, int64_t scope, const char *type, int64_t parent,
                      struct error *err)
{
    struct document_query query = {.scope = scope,
                                   .type = str_from(type),
                                   .parent = parent,
                                   .view = VIEW_ALL,
                                   .limit = REGISTRY_PAGE};
    size_t before;

    do {
        before = gathering->list.count;
        if (document_list(gathering->txn, &query, gather, gathering, err) < 0)
            return -1;
        query.before_us = gathering->last.created_us;
        query.before_doc = gathering->last.doc;
    } while (gathering->list.count - before == REGISTRY_PAGE);
    return 0;
}

/* Of a name that is no number: 0, behind all that are. */
static int64_t version_number(const struct registry_entry *version)
{
    int64_t number;

    return str_to_int64(version->document.name, &number) ? number : 0;
}

/* By number, not by text: 10 is newer than 9. */
static int newest_first(const void *a, const void *b)
{
    int64_t left = version_number(a), right = version_number(b);

    return (left < right) - (left > right);
}

/* Archived ones too: MLflow knows no such state. */
int registry_versions(struct store_txn *txn, const struct registry_entry *model,
                      struct registry_list *out, struct error *err)
{
    struct gathering gathering = {.txn = txn};

    if (gather_all(&gathering, model->document.scope,
                   model->prompt ? "prompts/versions" : "models/versions", model->document.doc,
                   err) < 0)
        return -1;
    if (gathering.list.count > 1)
        qsort(gathering.list.at, gathering.list.count, sizeof *gathering.list.at, newest_first);
    *out = gathering.list;
    return 0;
}

/* Models and prompts; whoever asks tells them apart. */
int registry_models(struct store_txn *txn, int64_t scope, struct registry_list *out,
                    struct error *err)
{
    struct gathering gathering = {.txn = txn};

    if (gather_all(&gathering, scope, "models", 0, err) < 0 ||
        gather_all(&gathering, scope, "prompts", 0, err) < 0)
        return -1;
    *out = gathering.list;
    return 0;
}

/* What ARM has no field for. */
struct str registry_extra(const struct registry_entry *entry, const char *name)
{
    return json_as_str(json_get(json_at(entry->properties, "properties"), str_from(name)));
}

/* Tags of ARM and MLflow are the same. */
struct str registry_tag(const struct registry_entry *entry, struct str key, bool *out_found)
{
    struct json *value = json_get(json_at(entry->properties, "tags"), key);

    *out_found = json_kind(value) == JSON_STRING;
    return json_as_str(value);
}

/* ARM's stage, which is MLflow's by the same words. */
struct str registry_stage(const struct registry_entry *version)
{
    struct str stage = json_str_at(version->properties, "stage");

    return stage.len ? stage : STR("None");
}

/* The limits of the registry. */
int registry_check_tag(struct str key, struct str value, struct error *err)
{
    if (key.len == 0)
        return error_set(err, ERROR_INVALID, "key", "Missing value for required parameter 'key'.");
    if (name_check_key("key", "key", key, err) < 0)
        return -1;
    return name_check_length("value", value, TAG_VALUE_LIMIT, err);
}

/* As the object that ARM keeps. */
int registry_read_tags(struct ask *ask, struct json **out, struct error *err)
{
    struct json *tags = json_object(ask->arena);
    yyjson_val *list, *item;
    yyjson_arr_iter it;

    *out = tags;
    if (ask_objects(ask, "tags", &list, err) < 0)
        return -1;
    if (!list)
        return 0;
    yyjson_arr_iter_init(list, &it);
    while ((item = yyjson_arr_iter_next(&it))) {
        struct str key, value;
        if (ask_value_need_text(ask, item, "key", &key, err) < 0 ||
            ask_value_text(ask, item, "value", &value, err) < 0 ||
            registry_check_tag(key, value, err) < 0)
            return -1;
        json_set(ask->arena, tags, key, json_text(ask->arena, value));
    }
    return 0;
}
