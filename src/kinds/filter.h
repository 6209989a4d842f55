/* filter.h - what a list's query narrows it to: tags, properties, names, stages
 *
 * Rows are read in their order and tested one by one, so a page is full or the list is at its end.
 */
#pragma once

#include "arm/kind.h"

/* The query of a list, read once. Texts point into the call's. */
struct filter {
    struct str tags, properties; /* "a,b=1": each there, with that value when one is given */
    struct str name, version, description, stage, created_by; /* exactly */
    struct str job_type;
    struct str hidden; /* this name is never listed */
};

/* From the query of a request; every spelling that Azure's lists know. */
struct filter filter_read(const struct call *call);
/* Whether nothing is narrowed. */
bool filter_empty(const struct filter *filter);
/* Whether a resource stays: `properties` of its body, its tags when they live elsewhere (NULL: in
 * the properties). */
bool filter_fits(const struct filter *filter, const struct document *document,
                 const struct json *properties, const struct json *tags);

/* For `list` of kinds that have documents: document_list over what the query leaves. A
 * container that is not there is 404. */
int filter_list(struct arm_request *req, struct store_txn *txn, const struct document_query *page,
                const struct document_sink *to, struct error *err);
