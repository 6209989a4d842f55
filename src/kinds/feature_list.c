/* feature_list.c - the features of a feature set, read from the FeatureSetSpec.yaml it points to
 *
 * They have no documents of their own: the specification is what says them, and it never changes
 * for a version.
 */
#include "kinds/feature.h"

#include "asset/asset.h"
#include "content/content.h"
#include "os/file.h"
#include "yaml/yaml.h"

#include <assert.h>
#include <stdio.h>

/* Beneath the folder that the version names. */
#define SPEC_FILE "FeatureSetSpec.yaml"

/* The text of the specification, from where the client has uploaded it. */
static int read_text(struct arm_request *req, struct store_txn *txn, struct str path,
                     struct str *out, struct error *err)
{
    struct asset_place place;
    struct blob blob;

    assert(req->engines->content);
    if (asset_place(txn, &req->scope, path, &place, err) < 0) {
        snprintf(err->target, sizeof(err->target), "properties.specification.path");
        return -1;
    }
    struct str name = arena_printf(req->arena, "%.*s/" SPEC_FILE, STR_ARG(place.prefix));
    if (blob_get(txn, place.container, name, &blob, err) < 0)
        return err->code != ERROR_NOT_FOUND
                   ? -1
                   : error_set(err, ERROR_NOT_FOUND, "properties.specification.path",
                               "There is no " SPEC_FILE " at '%.*s'.", STR_ARG(path));
    CLEANUP(fd_close)
    int fd = content_open_object(req->engines->content, txn, blob.object, err);
    char *text = arena_alloc(req->arena, YAML_TEXT_MAX + 1);
    ssize_t size = fd < 0 ? -1 : fd_read_all(fd, text, YAML_TEXT_MAX + 1, err);
    if (size < 0)
        return -1;
    if ((size_t)size > YAML_TEXT_MAX)
        return error_set(err, ERROR_TOO_LARGE, "properties.specification.path",
                         SPEC_FILE " is longer than %zu bytes.", (size_t)YAML_TEXT_MAX);
    *out = (struct str){text, (size_t)size};
    return 0;
}

/* The list `features` of the specification of the version at hand. */
static int read_features(struct arm_request *req, struct store_txn *txn, struct json **out,
                         struct error *err)
{
    struct json *body = NULL;
    struct error cause = {0};
    struct yaml yaml;
    struct str text;

    if (req->parent.doc == 0)
        return error_set(err, ERROR_NOT_FOUND, "featuresets",
                         "There is no feature set version %.*s.", STR_ARG(req->parent_name));
    body = json_parse(req->arena, req->parent.body, err);
    if (!body ||
        read_text(req, txn, json_str_at(body, "properties.specification.path"), &text, err) < 0)
        return -1;
    if (yaml_parse(req->arena, text, &yaml, &cause) < 0)
        return error_set(err, ERROR_INVALID, SPEC_FILE, "%s of " SPEC_FILE ": %s", cause.target,
                         cause.message);
    *out = json_get(yaml.root, STR("features"));
    return 0;
}

/* "long" of the specification is "Long" of the wire; an unknown word stays as it is. */
static struct str type_word(struct str type)
{
    static const char *const WORDS[] = {"String", "Integer", "Long",     "Float",
                                        "Double", "Binary",  "Datetime", "Boolean"};

    for (size_t i = 0; i < COUNT(WORDS); i++)
        if (str_eq_fold(str_from(WORDS[i]), type))
            return str_from(WORDS[i]);
    return type;
}

/* A document made up from one feature. */
static struct document document_of(struct arm_request *req, const struct json *feature)
{
    struct json *body = json_object(req->arena), *properties = json_object(req->arena);
    const struct json *tags = json_get(feature, STR("tags"));

    assert(req->parent.doc > 0);
    json_set_str(req->arena, properties, "featureName", json_str_at(feature, "name"));
    json_set_str(req->arena, properties, "dataType", type_word(json_str_at(feature, "type")));
    json_set_str(req->arena, properties, "description", json_str_at(feature, "description"));
    json_set(req->arena, properties, STR("tags"),
             json_kind(tags) == JSON_OBJECT ? json_copy(req->arena, tags)
                                            : json_object(req->arena));
    json_set(req->arena, properties, STR("properties"), json_object(req->arena));
    json_set(req->arena, body, STR("properties"), properties);
    return (struct document){.scope = req->scope.number,
                             .type = STR("featuresets/versions/features"),
                             .parent = req->parent.doc,
                             .name = arena_str(req->arena, json_str_at(feature, "name")),
                             .created_us = req->parent.created_us,
                             .body = json_write(req->arena, body),
                             .system = STR("{}")};
}

/* By name in any case, as all names of ARM are found. */
static int feature_find(struct arm_request *req, struct store_txn *txn, struct document *out,
                        struct error *err)
{
    struct json *features = NULL;

    if (read_features(req, txn, &features, err) < 0)
        return -1;
    struct json_iter it = json_iter(features);
    while (json_next(&it))
        if (str_eq_fold(json_str_at(it.value, "name"), req->name)) {
            *out = document_of(req, it.value);
            return 0;
        }
    return error_set(err, ERROR_NOT_FOUND, "features", "There is no feature '%.*s'.",
                     STR_ARG(req->name));
}

/* All in one page: a specification of a mebibyte names few thousands. */
static int feature_list(struct arm_request *req, struct store_txn *txn,
                        const struct document_query *page, const struct document_sink *to,
                        struct error *err)
{
    struct str name = call_query(req->call, "featureName");
    struct json *features = NULL;

    assert(page->limit > 0);
    if (read_features(req, txn, &features, err) < 0)
        return -1;
    struct json_iter it = json_iter(features);
    for (size_t left = page->limit; left > 0 && json_next(&it);) {
        struct document feature = document_of(req, it.value);
        if (feature.name.len == 0 || (name.len && !str_eq_fold(name, feature.name)))
            continue;
        left--;
        if (to->each(&feature, to->context, err) < 0)
            return -1;
    }
    return 0;
}

/* The specification is where features are made. */
static int feature_prepare(struct arm_request *, struct error *err)
{
    return error_set(err, ERROR_METHOD, "features",
                     "Features come from the specification of a feature set and cannot be put.");
}

const struct arm_kind feature_kind = {
    .type = "featuresets/versions/features",
    .wire = "Microsoft.MachineLearningServices/workspaces/featuresets/versions/features",
    .parent = &featureset_version_kind,
    .prepare = feature_prepare,
    .find = feature_find,
    .list = feature_list,
    .newest_only = true,
};
