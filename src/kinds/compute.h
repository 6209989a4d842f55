/* compute.h - between the files about computes, and the sizes for whoever lists them
 *
 * A document of type `computes` keeps, beside what the wire shows, a member `power` of a compute
 * instance: {"state":"Running","operation":"Create","at":…}. job/ reads it too.
 */
#pragma once

#include "arm/kind.h"

/* --- compute_size.c ----------------------------------------------------------------------------
 */

/* A size that clients may ask for, with what the service says of it; whether the host has as much
 * is not asked. */
struct compute_size {
    const char *name, *family;
    int cores;
    double memory_gb;
    int gpus;
    int disk_mb; /* of the temporary disk */
};

/* All sizes in a table, and how many there are. */
const struct compute_size *compute_sizes(size_t *out_count);
/* What this host itself has; `name` and `family` are literals. */
struct compute_size compute_host(void);
/* One as clients read it. */
struct json *compute_size_wire(struct arena *arena, const struct compute_size *size);

/* --- compute_instance.c ------------------------------------------------------------------------
 */

/* Checks a compute instance's body; carries on the power state of the one that is there. */
int compute_instance_prepare(struct arm_request *req, struct error *err);
/* In the write: nobody switched it meanwhile. Errors: ERROR_CONFLICT. */
int compute_instance_check(struct arm_request *req, const struct document *before,
                           struct error *err);
/* Its live fields. `inner` is properties.properties. */
void compute_instance_show(struct arm_request *req, const struct document *document,
                           const struct json *power, struct json *inner);
/* Actions. */
int compute_start(struct arm_request *req, const struct document *document, struct arm_reply *out,
                  struct error *err);
int compute_stop(struct arm_request *req, const struct document *document, struct arm_reply *out,
                 struct error *err);
int compute_restart(struct arm_request *req, const struct document *document, struct arm_reply *out,
                    struct error *err);
int compute_resize(struct arm_request *req, const struct document *document, struct arm_reply *out,
                   struct error *err);
int compute_resize_sizes(struct arm_request *req, const struct document *document,
                         struct arm_reply *out, struct error *err);
int compute_idle_shutdown(struct arm_request *req, const struct document *document,
                          struct arm_reply *out, struct error *err);
int compute_custom_services(struct arm_request *req, const struct document *document,
                            struct arm_reply *out, struct error *err);
int compute_sso(struct arm_request *req, const struct document *document, struct arm_reply *out,
                struct error *err);

/* --- compute_attached.c ------------------------------------------------------------------------
 */

/* Whether a type is one that lies elsewhere and is only attached. */
bool compute_is_attached(struct str type);
/* Checks its body and takes its secrets out of it. */
int compute_attached_prepare(struct arm_request *req, struct json **out_secrets, struct error *err);
/* Says that it cannot be reached from here. */
void compute_attached_show(struct arm_request *req, struct json *properties);
int compute_list_keys(struct arm_request *req, const struct document *document,
                      struct arm_reply *out, struct error *err);

/* --- compute_nodes.c ---------------------------------------------------------------------------
 */

/* Jobs that hold a place of a pool now; `name` as the job engine spells it, in lower case. */
int compute_busy(struct store_txn *txn, int64_t scope, struct str name, int64_t *out,
                 struct error *err);
/* Node counts of a cluster: one that works for each running job, at least minNodeCount. */
int compute_nodes_show(struct arm_request *req, struct store_txn *txn,
                       const struct document *document, struct json *inner, struct error *err);
int compute_list_nodes(struct arm_request *req, const struct document *document,
                       struct arm_reply *out, struct error *err);
