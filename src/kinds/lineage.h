/* lineage.h - what a resource was made from: references resolved in `prepare`, edges in `change`
 *
 * An edge goes from what was used to what uses it. Assets are named by their ARM id under the type
 * of their document ("data/versions"), jobs by their name under "job".
 */
#pragma once

#include "arm/kind.h"

/* One step of an answer: what it is to the thing asked about, of which kind, and its id. */
struct lineage_link {
    struct str role, kind, id;
};

/* Grows in the call's arena. */
struct lineage {
    struct lineage_link *links;
    size_t count, size;
};

/* A reference as it stands in a body. */
struct lineage_query {
    const char *path; /* of the field, the target of errors */
    const char *role; /* "environment", "code", … */
    const char *type; /* "environments": of references that name none, and the only one accepted */
    struct str text;
};

/* Resolves a reference and notes what it means; an empty text is no reference. What lies outside of
 * this server (https, a path) is left alone. Opens a reader of its own.
 * Errors: ERROR_NOT_FOUND and ERROR_INVALID at the query's path. */
int lineage_add(struct arm_request *req, struct lineage *lineage, const struct lineage_query *query,
                struct error *err);

/* In the write: the edges of what `prepare` noted. `id` is that of what was made. */
int lineage_store(struct arm_request *req, struct store_txn *txn, const struct lineage *lineage,
                  const struct lineage_link *made, struct error *err);

/* GET /lazurite/v1{WS}/lineage?id=…[&depth=n]: the edges around a resource, both ways. */
struct route_table lineage_routes(struct engines *engines);
