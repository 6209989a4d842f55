/* fields.h - what a body must look like, as a table; errors name the field and what is expected
 *
 * The tables are made of api/arm/ by tools/gen/arm_tables.py.
 */
#pragma once

#include "base/json.h"

/* Only as strict as the service: numbers that come as texts are refused there, too. */
enum field_type {
    FIELD_TEXT,
    FIELD_BOOL,
    FIELD_NUMBER,
    FIELD_OBJECT,
    FIELD_TEXTS, /* an object of texts, as tags are; numbers, true and false become texts */
    FIELD_WORD,  /* one of `words`, in any case */
    FIELD_LIST,
    FIELD_INTEGER,
    FIELD_DURATION, /* a text like PT1H30M */
};

/* One row of a table that says what a body may hold; what no row names is kept as it is. */
struct field {
    const char *path; /* "properties.dataUri" */
    enum field_type type;
    bool required;            /* there and, for texts, not empty */
    const char *const *words; /* FIELD_WORD: ends with NULL; the first spelling is kept */
};

/* Tables are constants, so that a test can go over all of them. */
struct fields_table {
    const struct field *fields;
    size_t count;
};

/* One for each member of api/arm/. */
extern const struct fields_table fields_workspace, fields_registry, fields_compute;
extern const struct fields_table fields_datastore, fields_datastore_blob, fields_datastore_file,
    fields_datastore_lake1, fields_datastore_lake2, fields_datastore_onelake, fields_datastore_hdfs;
extern const struct fields_table fields_credentials_key, fields_credentials_sas,
    fields_credentials_principal, fields_credentials_certificate, fields_credentials_keytab,
    fields_credentials_kerberos;
extern const struct fields_table fields_compute_instance, fields_compute_kubernetes,
    fields_compute_machine, fields_compute_resource, fields_compute_databricks, fields_compute_lake,
    fields_compute_aks, fields_compute_other;
extern const struct fields_table fields_outbound_rule, fields_outbound_fqdn,
    fields_outbound_endpoint, fields_outbound_tag;
extern const struct fields_table fields_connection;
extern const struct fields_table fields_schedule, fields_schedule_job, fields_schedule_monitor,
    fields_schedule_import, fields_schedule_batch;
extern const struct fields_table fields_code, fields_code_version;
extern const struct fields_table fields_data, fields_data_version;
extern const struct fields_table fields_environment, fields_environment_version;
extern const struct fields_table fields_model, fields_model_version;
extern const struct fields_table fields_component, fields_component_version;
extern const struct fields_table fields_batch_endpoint, fields_batch_deployment;
extern const struct fields_table fields_featureset, fields_featureset_version, fields_entity,
    fields_entity_version;
extern const struct fields_table fields_serverless_endpoint, fields_marketplace_subscription,
    fields_capability_host;
extern const struct fields_table fields_index, fields_index_version;
extern const struct fields_table fields_job_command, fields_job_sweep, fields_job_pipeline,
    fields_job_automl, fields_job_spark, fields_job_finetuning, fields_job_distillation,
    fields_job_labeling;

/* null counts as absent. Words are put into the table's spelling, numbers among texts become text.
 * Errors: ERROR_INVALID with the path as target. */
int fields_check(struct arena *arena, struct json *body, const struct fields_table *table,
                 struct error *err);

/* One object of texts, as FIELD_TEXTS of a table. Errors: ERROR_INVALID with the path as target. */
int fields_texts(struct arena *arena, struct json *body, const char *path, struct error *err);

/* Sets a text when there is none. */
void fields_default(struct arena *arena, struct json *body, const char *path, const char *text);
/* Makes properties.tags and properties.properties objects when they are missing: clients walk them.
 */
void fields_asset_defaults(struct arena *arena, struct json *body);
