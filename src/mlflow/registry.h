/* registry.h - registered models, their versions and aliases: the ARM documents `models` (decisions
 * 12)
 *
 * What ARM has no field for is kept in a version's own `properties` ("mlflow.source", …). Prompts
 * are the same documents under the type `prompts`, so that ARM's lists of models do not show them.
 */
#pragma once

#include "mlflow/work.h"
#include "store/document.h"

#define REGISTRY_PROMPT_TAG STR("mlflow.prompt.is_prompt")

/* A model or a version: the row and its parsed body. */
struct registry_entry {
    struct document document;
    struct json *body;
    struct json *properties; /* body.properties */
    bool prompt;
};

/* Finds by name in any case. Errors: ERROR_NOT_FOUND with MLflow's sentences; ERROR_INVALID for a
 * version that is not there and no number either. */
int registry_model(struct store_txn *txn, int64_t scope, struct str name,
                   struct registry_entry *out, struct error *err);
int registry_version(struct store_txn *txn, const struct registry_entry *model, struct str version,
                     struct registry_entry *out, struct error *err);
/* Reads a row's body. Errors: ERROR_CORRUPT. */
int registry_read(struct store_txn *txn, const struct document *document,
                  struct registry_entry *out, struct error *err);

/* Inside a write: puts the body back; the row's time moves, and its last changer is who asks. */
int registry_save(const struct work *work, struct store_txn *txn, struct registry_entry *entry,
                  struct error *err);

/* All versions of a model, newest number first. */
struct registry_list {
    struct registry_entry *at;
    size_t count;
};
int registry_versions(struct store_txn *txn, const struct registry_entry *model,
                      struct registry_list *out, struct error *err);
/* All models and prompts of a workspace. */
int registry_models(struct store_txn *txn, int64_t scope, struct registry_list *out,
                    struct error *err);

/* A text of properties.properties. */
struct str registry_extra(const struct registry_entry *entry, const char *name);
/* A tag; *out_found tells. */
struct str registry_tag(const struct registry_entry *entry, struct str key, bool *out_found);
/* The stage, "None" when it has none. */
struct str registry_stage(const struct registry_entry *version);

/* registry_show.c: as MLflow writes them, an object under `key`. */
int registry_show(struct store_txn *txn, const struct registry_entry *model, const char *key,
                  struct out *out, struct error *err);
/* The members of a version alone. */
int registry_show_version(struct store_txn *txn, const struct registry_entry *model,
                          const struct registry_entry *version, struct out *out, struct error *err);
/* The newest version of each stage asked for, a list that is left out when it is empty. */
struct registry_latest {
    const char *key;
    struct ask_texts stages; /* none: of each there is */
};
int registry_show_latest(struct store_txn *txn, const struct registry_entry *model,
                         const struct registry_latest *latest, struct out *out, struct error *err);

/* Tags of a request, checked by the registry's limits, into a JSON object. */
int registry_read_tags(struct ask *ask, struct json **out, struct error *err);
int registry_check_tag(struct str key, struct str value, struct error *err);
