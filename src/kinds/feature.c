#include "kinds/feature.h"

#include "kinds/filter.h"
#include "kinds/kinds.h"
#include "kinds/lineage.h"
#include "kinds/plain.h"
#include "route/reference.h"

#include <assert.h>

/* Feature sets say which columns a computation gives, entities by which columns they are looked up.
 * Both are versioned; a version's settings may change, what it is made of may not. */

/* --- Entities -------------------------------------------------------------------------------- */

/* A container has words only; what it holds are its versions. */
static int entity_prepare(struct arm_request *req, struct error *err)
{
    if (fields_check(req->arena, req->body, &fields_entity, err) < 0)
        return -1;
    fields_asset_defaults(req->arena, req->body);
    return 0;
}

/* One index column: a name and a type of the service's words. */
static int check_column(struct arm_request *req, struct json *column, size_t at, struct error *err)
{
    static const char *const WORDS[] = {"String", "Integer",  "Long",    "Float", "Double",
                                        "Binary", "Datetime", "Boolean", NULL};
    static const struct field FIELDS[] = {
        {"columnName", FIELD_TEXT, true, NULL},
        {"dataType", FIELD_WORD, true, WORDS},
    };
    struct error cause = {0};

    if (json_kind(column) != JSON_OBJECT)
        return error_set(err, ERROR_INVALID, "properties.indexColumns",
                         "Member %zu is no object with columnName and dataType.", at);
    if (fields_check(req->arena, column, &(struct fields_table){FIELDS, COUNT(FIELDS)}, &cause) ==
        0)
        return 0;
    return error_set(
        err, cause.code,
        arena_printf(req->arena, "properties.indexColumns.%zu.%s", at, cause.target).ptr, "%s",
        cause.message);
}

/* Feature sets are joined by these columns, so an entity without one is of no use. */
static int entity_version_prepare(struct arm_request *req, struct error *err)
{
    size_t at = 0;

    assert(req->name.len > 0);
    if (fields_check(req->arena, req->body, &fields_entity_version, err) < 0)
        return -1;
    struct json_iter it = json_iter(json_at(req->body, "properties.indexColumns"));
    while (json_next(&it))
        if (check_column(req, it.value, at++, err) < 0)
            return -1;
    if (at == 0)
        return error_set(err, ERROR_INVALID, "properties.indexColumns",
                         "An entity has one index column at least.");
    fields_asset_defaults(req->arena, req->body);
    return 0;
}

const struct arm_kind entity_kind = {
    .type = "featurestoreEntities",
    .wire = "Microsoft.MachineLearningServices/workspaces/featurestoreEntities",
    .prepare = entity_prepare,
    .show = plain_show,
    .list = filter_list,
    .progress = plain_progress,
};

const struct arm_kind entity_version_kind = {
    .type = "featurestoreEntities/versions",
    .wire = "Microsoft.MachineLearningServices/workspaces/featurestoreEntities/versions",
    .parent = &entity_kind,
    .makes_parent = true,
    .immutable = true,
    .prepare = entity_version_prepare,
    .show = plain_show,
    .list = filter_list,
    .progress = plain_progress,
};

/* --- Feature sets ---------------------------------------------------------------------------- */

/* As for entities: words only. */
static int featureset_prepare(struct arm_request *req, struct error *err)
{
    if (fields_check(req->arena, req->body, &fields_featureset, err) < 0)
        return -1;
    fields_asset_defaults(req->arena, req->body);
    return 0;
}

/* "azureml:account:1" or "account:1": an entity of this workspace that is there. */
static int check_entity(struct arm_request *req, struct store_txn *txn, struct str text,
                        struct error *err)
{
    struct document_key key = {.scope = req->scope.number, .type = STR("featurestoreEntities")};
    struct str spelled = str_find_char(text, '/') < 0 && !str_starts(text, STR("azureml:"))
                             ? arena_printf(req->arena, "azureml:%.*s", STR_ARG(text))
                             : text;
    struct reference reference;
    struct document entity, version;

    if (reference_parse(req->arena, spelled, &reference, err) < 0 ||
        reference.kind != REFERENCE_ASSET)
        return error_set(err, ERROR_INVALID, "properties.entities",
                         "'%.*s' is no entity; write azureml:NAME:VERSION.", STR_ARG(text));
    key.name = reference.name;
    if (document_get(txn, &key, &entity, err) == 0) {
        key = (struct document_key){key.scope, STR("featurestoreEntities/versions"), entity.doc,
                                    reference.version};
        if (document_get(txn, &key, &version, err) == 0)
            return 0;
    }
    return err->code != ERROR_NOT_FOUND
               ? -1
               : error_set(err, ERROR_NOT_FOUND, "properties.entities",
                           "There is no feature store entity '%.*s'.", STR_ARG(text));
}

/* Read before the write: entities are versions, which never change once they are there. */
static int check_entities(struct arm_request *req, struct error *err)
{
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(req->engines->store, err);
    struct json_iter it = json_iter(json_at(req->body, "properties.entities"));

    assert(req->scope.number > 0);
    if (!txn)
        return -1;
    while (json_next(&it)) {
        if (json_kind(it.value) != JSON_STRING)
            return error_set(err, ERROR_INVALID, "properties.entities",
                             "Every member of this list is the id of an entity.");
        if (check_entity(req, txn, json_as_str(it.value), err) < 0)
            return -1;
    }
    return 0;
}

/* A schedule would run something: refused until there is an engine. A store type alone only says
 * where results would go. */
static int featureset_version_prepare(struct arm_request *req, struct error *err)
{
    struct reference reference;

    assert(req->name.len > 0);
    if (fields_check(req->arena, req->body, &fields_featureset_version, err) < 0)
        return -1;
    struct str path = json_str_at(req->body, "properties.specification.path");
    if (reference_parse(req->arena, path, &reference, err) < 0 || reference.kind == REFERENCE_LOCAL)
        return error_set(err, ERROR_INVALID, "properties.specification.path",
                         "'%.*s' is no address of a specification: https or "
                         "azureml://datastores/….",
                         STR_ARG(path));
    if (!json_is_null(json_at(req->body, "properties.materializationSettings.schedule")))
        return plain_unbuilt("properties.materializationSettings.schedule",
                             "Materialization by a schedule", err);
    if (check_entities(req, err) < 0)
        return -1;
    fields_asset_defaults(req->arena, req->body);
    return 0;
}

/* Entities and specification are what a version is; how it is materialized may change. */
static int featureset_version_check(struct arm_request *req, struct store_txn *,
                                    const struct document *before, struct error *err)
{
    static const char *const FIXED[] = {"properties.entities", "properties.specification.path"};
    struct json *stored = before ? json_parse(req->arena, before->body, err) : NULL;

    if (!before)
        return 0;
    if (!stored)
        return -1;
    for (size_t i = 0; i < COUNT(FIXED); i++)
        if (!json_equal(json_at(stored, FIXED[i]), json_at(req->body, FIXED[i]))) {
            error_set(err, ERROR_CONFLICT, FIXED[i],
                      "Version %.*s of %.*s exists and this member of it cannot change.",
                      STR_ARG(req->name), STR_ARG(req->parent_name));
            return error_hint(err, "Give the change a new version.");
        }
    return 0;
}

/* A job on Spark at the service; refused by name until there is an engine. */
static int featureset_backfill(struct arm_request *, const struct document *document,
                               struct arm_reply *, struct error *err)
{
    assert(document);
    (void)document;
    return plain_unbuilt("backfill", "Materialization of feature sets", err);
}

/* Backfilling names itself: it answers that nothing here does it. */
static const struct arm_action ACTIONS[] = {
    {.name = "backfill", .run = featureset_backfill},
    {.name = "startPendingUpload", .run = upload_start, .without_document = true},
};

const struct arm_kind featureset_kind = {
    .type = "featuresets",
    .wire = "Microsoft.MachineLearningServices/workspaces/featuresets",
    .prepare = featureset_prepare,
    .show = plain_show,
    .list = filter_list,
    .progress = plain_progress,
};

const struct arm_kind featureset_version_kind = {
    .type = "featuresets/versions",
    .wire = "Microsoft.MachineLearningServices/workspaces/featuresets/versions",
    .parent = &featureset_kind,
    .makes_parent = true,
    .prepare = featureset_version_prepare,
    .check = featureset_version_check,
    .show = plain_show,
    .list = filter_list,
    .progress = plain_progress,
    .actions = ACTIONS,
    .action_count = COUNT(ACTIONS),
};
