/* Models and versions as MLflow writes them, out of the documents that ARM keeps. */
#include "mlflow/registry.h"

#include <assert.h>

/* Left out when there are none. */
static void show_tags(const struct registry_entry *entry, struct out *out)
{
    struct json *tags = json_at(entry->properties, "tags");
    struct json_iter it = json_iter(tags);

    if (json_count(tags) == 0)
        return;
    out_begin(out, "tags", '[');
    while (json_next(&it))
        out_pair(out, it.key, json_as_str(it.value));
    out_end(out, ']');
}

/* In milliseconds; a row knows microseconds. */
static void show_times(const struct registry_entry *entry, struct out *out)
{
    out_int(out, "creation_timestamp", entry->document.created_us / US_PER_MS);
    out_int(out, "last_updated_timestamp", entry->document.updated_us / US_PER_MS);
}

/* Aliases of a model, or (with version_doc) those of one version. */
struct aliases {
    struct store_txn *txn;
    struct out *out;
    int64_t version_doc;
    bool any;
};

/* Of a model: pairs of alias and version; of a version: the names alone. */
static int show_alias(struct str label, int64_t version_doc, void *context, struct error *err)
{
    struct aliases *aliases = context;
    struct document version;

    if (aliases->version_doc && aliases->version_doc != version_doc)
        return 0;
    if (!aliases->any)
        out_begin(aliases->out, "aliases", '[');
    aliases->any = true;
    if (aliases->version_doc) {
        out_text(aliases->out, NULL, label);
        return 0;
    }
    if (document_by_id(aliases->txn, version_doc, &version, err) < 0)
        return -1;
    out_begin(aliases->out, NULL, '{');
    out_text(aliases->out, "alias", label);
    out_text(aliases->out, "version", version.name);
    out_end(aliases->out, '}');
    return 0;
}

/* By one walk over the labels of the model. */
static int show_aliases(struct store_txn *txn, const struct registry_entry *model,
                        int64_t version_doc, struct out *out, struct error *err)
{
    struct aliases aliases = {txn, out, version_doc, false};

    if (document_labels(txn, model->document.doc, show_alias, &aliases, err) < 0)
        return -1;
    if (aliases.any)
        out_end(out, ']');
    return 0;
}

/* Versions that ARM made have no source of MLflow's: theirs is the address that ARM keeps. */
int registry_show_version(struct store_txn *txn, const struct registry_entry *model,
                          const struct registry_entry *version, struct out *out, struct error *err)
{
    struct str source = registry_extra(version, "mlflow.source");
    struct str description = json_str_at(version->properties, "description");

    assert(version->document.parent == model->document.doc);
    out_text(out, "name", model->document.name);
    out_text(out, "version", version->document.name);
    show_times(version, out);
    out_text(out, "current_stage", registry_stage(version));
    out_text(out, "description", description);
    out_text(out, "source", source.len ? source : json_str_at(version->properties, "modelUri"));
    out_text(out, "run_id", json_str_at(version->properties, "jobName"));
    out_text(out, "status", STR("READY"));
    out_text(out, "run_link", registry_extra(version, "mlflow.runLink"));
    if (registry_extra(version, "mlflow.modelId").len)
        out_text(out, "model_id", registry_extra(version, "mlflow.modelId"));
    show_tags(version, out);
    return show_aliases(txn, model, version->document.doc, out, err);
}

/* In any case; an empty list wants all. */
static bool wanted(const struct ask_texts *stages, struct str stage)
{
    for (size_t i = 0; i < stages->count; i++)
        if (str_eq_fold(stages->at[i], stage))
            return true;
    return stages->count == 0;
}

/* Versions come newest first, so the first of a stage is its newest. */
int registry_show_latest(struct store_txn *txn, const struct registry_entry *model,
                         const struct registry_latest *latest, struct out *out, struct error *err)
{
    struct registry_list versions;
    bool any = false;

    if (registry_versions(txn, model, &versions, err) < 0)
        return -1;
    for (size_t i = 0; i < versions.count; i++) {
        struct str stage = registry_stage(&versions.at[i]);
        bool newest = wanted(&latest->stages, stage);
        for (size_t newer = 0; newer < i && newest; newer++)
            newest = !str_eq(registry_stage(&versions.at[newer]), stage);
        if (!newest)
            continue;
        if (!any)
            out_begin(out, latest->key, '[');
        any = true;
        out_begin(out, NULL, '{');
        if (registry_show_version(txn, model, &versions.at[i], out, err) < 0)
            return -1;
        out_end(out, '}');
    }
    if (any)
        out_end(out, ']');
    return 0;
}

/* With the newest version of each stage, which clients print. */
int registry_show(struct store_txn *txn, const struct registry_entry *model, const char *key,
                  struct out *out, struct error *err)
{
    const struct registry_latest latest = {.key = "latest_versions"};

    out_begin(out, key, '{');
    out_text(out, "name", model->document.name);
    show_times(model, out);
    out_text(out, "description", json_str_at(model->properties, "description"));
    show_tags(model, out);
    if (show_aliases(txn, model, 0, out, err) < 0 ||
        registry_show_latest(txn, model, &latest, out, err) < 0)
        return -1;
    out_end(out, '}');
    return 0;
}
