/* document.h - one row per resource: a JSON body under (scope, type, parent, name)
 *
 * Names are kept as first spelled and found in any ASCII case. `body` is the wire's `properties`
 * and siblings as the kind stores them; `system` is the wire's systemData.
 */
#pragma once

#include "store/store.h"

struct document {
    int64_t doc;
    int64_t scope;
    struct str type; /* "data", "data/versions", "jobs", … as in decisions 2 */
    int64_t parent;  /* doc of the container, 0 when none */
    struct str name;
    int64_t rev; /* rises with every change; the etag */
    bool archived;
    int64_t created_us, updated_us;
    struct str created_by;
    int64_t next_version;
    struct str body;
    struct str system;
};

/* Where a document stands. */
struct document_key {
    int64_t scope;
    struct str type;
    int64_t parent;
    struct str name;
};

/* By name in any case. Errors: ERROR_NOT_FOUND, its target the name. */
int document_get(struct store_txn *txn, const struct document_key *key, struct document *out,
                 struct error *err);
int document_by_id(struct store_txn *txn, int64_t doc, struct document *out, struct error *err);

/* Inserts; doc, rev = 1 and the times (unless set) are given. Errors: ERROR_EXISTS. */
int document_insert(struct store_txn *txn, struct document *document, struct error *err);

/* Writes body, system, archived and next_version of a document read before; rev rises by one.
 * Errors: ERROR_CONFLICT when its rev is no longer the one read. */
int document_update(struct store_txn *txn, struct document *document, struct error *err);

/* Removes the row with its attributes and labels; children must be gone before. */
int document_delete(struct store_txn *txn, int64_t doc, struct error *err);

/* The next whole-number version of a container; moves its counter, which never falls. */
int document_next_version(struct store_txn *txn, int64_t container, int64_t *out,
                          struct error *err);
/* Tells the counter that a client chose this text as a version. */
int document_saw_version(struct store_txn *txn, int64_t container, struct str version,
                         struct error *err);

enum document_view { VIEW_ACTIVE, VIEW_ARCHIVED, VIEW_ALL };

/* By the time of making or of the last change; equal times by the row. */
enum document_order { ORDER_NEWEST, ORDER_OLDEST, ORDER_CHANGED_LAST, ORDER_CHANGED_FIRST };
#define DOCUMENT_ORDERS 4

/* A page, newest first unless `order` says otherwise. */
struct document_query {
    int64_t scope;
    struct str type;
    int64_t parent;
    enum document_view view;
    enum document_order order;
    int64_t before_us, before_doc; /* position after which to go on; 0 from the start */
    const char *field;             /* only documents whose attribute … */
    struct str text;               /* … has this text; NULL: no condition */
    size_t limit;
};
/* The `before_us` of a page that goes on after this document. */
int64_t document_position(const struct document *document, enum document_order order);
typedef int document_each(const struct document *document, void *context, struct error *err);
int document_list(struct store_txn *txn, const struct document_query *query, document_each *each,
                  void *context, struct error *err);

/* Who takes the documents of a list, and what he is told with each: how a list is handed on from
 * one that sifts to one that walks. */
struct document_sink {
    document_each *each;
    void *context;
};

/* The newest unarchived child of a container. Errors: ERROR_NOT_FOUND. */
int document_latest(struct store_txn *txn, int64_t scope, int64_t container, struct document *out,
                    struct error *err);

/* Declared fields (at most eight a kind), for look-up. Setting replaces; NULL text removes. */
int document_set_text(struct store_txn *txn, const struct document *document, const char *field,
                      struct str text, struct error *err);
int document_set_number(struct store_txn *txn, const struct document *document, const char *field,
                        double number, struct error *err);

/* Labels of a container (also MLflow aliases). Version 0 removes. Errors: ERROR_NOT_FOUND. */
int document_set_label(struct store_txn *txn, int64_t container, struct str label,
                       int64_t version_doc, struct error *err);
int document_by_label(struct store_txn *txn, int64_t container, struct str label,
                      struct document *out, struct error *err);
/* All labels of a container by key, in the spelling last set; -1 from each ends the walk. */
typedef int document_each_label(struct str label, int64_t version_doc, void *context,
                                struct error *err);
int document_labels(struct store_txn *txn, int64_t container, document_each_label *each,
                    void *context, struct error *err);
