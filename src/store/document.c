/* Resources as rows. Names are found by their ASCII lower case and shown as first spelled; a change
 * names the revision it was made from, so that two writers cannot overwrite each other unseen. */
#include "store/document.h"

#include "os/clock.h"

#include <assert.h>
#include <string.h>

#define COLUMNS                                                                                \
    "d.doc, d.scope, d.type, d.parent, d.name, d.rev, d.archived, d.created_us, d.updated_us," \
    " d.created_by, d.next_version, d.body, d.system"

/* In the order of COLUMNS; texts are copied into the transaction's arena. */
static void document_read(struct sql *q, struct document *out)
{
    *out = (struct document){
        .doc = sql_int(q, 0),
        .scope = sql_int(q, 1),
        .type = sql_text(q, 2),
        .parent = sql_int(q, 3),
        .name = sql_text(q, 4),
        .rev = sql_int(q, 5),
        .archived = sql_int(q, 6) != 0,
        .created_us = sql_int(q, 7),
        .updated_us = sql_int(q, 8),
        .created_by = sql_text(q, 9),
        .next_version = sql_int(q, 10),
        .body = sql_text(q, 11),
        .system = sql_text(q, 12),
    };
}

/* The target of an error: a name as a C string, cut to its room. */
static const char *document_target(struct store_txn *txn, struct str name)
{
    assert(name.ptr || !name.len);
    return arena_cstr(store_arena(txn), name);
}

/* The one row of a bound statement; `name` is what a client would call the missing one,
 * empty when nobody outside knows its number. */
static int document_one(struct store_txn *txn, struct sql *q, struct str name, struct document *out,
                        struct error *err)
{
    bool found = sql_step(q) > 0;

    if (found)
        document_read(q, out);
    if (sql_end(q, err) < 0)
        return -1;
    if (found)
        return 0;
    if (!name.len) /* who asks by number held it before: it went meanwhile */
        return error_set(err, ERROR_NOT_FOUND, "", "It was deleted in the meantime.");
    return error_set(err, ERROR_NOT_FOUND, document_target(txn, name), "'%.*s' was not found.",
                     STR_ARG(name));
}

/* Scope first: what a client names is looked for within one. */
int document_get(struct store_txn *txn, const struct document_key *key, struct document *out,
                 struct error *err)
{
    struct sql *q = sql(txn,
                        "SELECT " COLUMNS " FROM document d WHERE d.scope = ? AND d.type = ?"
                        " AND d.parent = ? AND d.name_key = ?",
                        err);

    if (!q)
        return -1;
    assert(key->scope);
    sql_bind_int(q, 1, key->scope);
    sql_bind_text(q, 2, key->type);
    sql_bind_int(q, 3, key->parent);
    sql_bind_text(q, 4, arena_lower(store_arena(txn), key->name));
    return document_one(txn, q, key->name, out, err);
}

/* For who holds a number of an earlier look-up; a number is never given again. */
int document_by_id(struct store_txn *txn, int64_t doc, struct document *out, struct error *err)
{
    struct sql *q = sql(txn, "SELECT " COLUMNS " FROM document d WHERE d.doc = ?", err);

    if (!q)
        return -1;
    sql_bind_int(q, 1, doc);
    return document_one(txn, q, (struct str){0}, out, err);
}

/* All columns of a new row but doc and rev. */
static void document_bind_new(struct sql *q, struct store_txn *txn, const struct document *d)
{
    sql_bind_int(q, 1, d->scope);
    sql_bind_text(q, 2, d->type);
    sql_bind_int(q, 3, d->parent);
    sql_bind_text(q, 4, d->name);
    sql_bind_text(q, 5, arena_lower(store_arena(txn), d->name));
    sql_bind_int(q, 6, d->archived);
    sql_bind_int(q, 7, d->created_us);
    sql_bind_int(q, 8, d->updated_us);
    sql_bind_text(q, 9, d->created_by);
    sql_bind_int(q, 10, d->next_version);
    sql_bind_text(q, 11, d->body);
    sql_bind_text(q, 12, d->system);
}

/* Works on a copy: the caller's is untouched when the name is taken. */
int document_insert(struct store_txn *txn, struct document *document, struct error *err)
{
    struct document new = *document;
    struct sql *q = sql(txn,
                        "INSERT INTO document (scope, type, parent, name, name_key, rev,"
                        " archived, created_us, updated_us, created_by, next_version, body,"
                        " system) VALUES (?, ?, ?, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?)"
                        " RETURNING doc",
                        err);

    if (!q)
        return -1;
    assert(new.scope &&new.type.len &&new.name.len);
    if (!new.created_us)
        new.created_us = clock_now_us();
    if (!new.updated_us)
        new.updated_us = new.created_us;
    if (!new.next_version)
        new.next_version = 1;
    new.rev = 1;
    document_bind_new(q, txn, &new);
    if (sql_step(q) > 0)
        new.doc = sql_int(q, 0);
    struct error why = {0};
    if (sql_end(q, &why) == 0) {
        *document = new;
        return 0;
    }
    if (why.code == ERROR_EXISTS)
        return error_set(err, ERROR_EXISTS, document_target(txn, new.name),
                         "'%.*s' exists already.", STR_ARG(new.name));
    return error_pass(err, &why);
}

/* `next_version` may only rise: the counter may have moved since the document was read. */
int document_update(struct store_txn *txn, struct document *document, struct error *err)
{
    int64_t now_us = clock_now_us();
    struct sql *q = sql(txn,
                        "UPDATE document SET body = ?, system = ?, archived = ?,"
                        " next_version = CASE WHEN next_version < ? THEN ? ELSE next_version"
                        " END, rev = rev + 1, updated_us = ? WHERE doc = ? AND rev = ?",
                        err);

    if (!q)
        return -1;
    assert(document->doc > 0 && document->rev > 0);
    sql_bind_text(q, 1, document->body);
    sql_bind_text(q, 2, document->system);
    sql_bind_int(q, 3, document->archived);
    sql_bind_int(q, 4, document->next_version);
    sql_bind_int(q, 5, document->next_version);
    sql_bind_int(q, 6, now_us);
    sql_bind_int(q, 7, document->doc);
    sql_bind_int(q, 8, document->rev);
    if (sql_run(q, err) < 0)
        return -1;
    if (sql_changes(txn) != 1)
        return error_set(err, ERROR_CONFLICT, document_target(txn, document->name),
                         "'%.*s' was changed by another request meanwhile.",
                         STR_ARG(document->name));
    document->rev++;
    document->updated_us = now_us;
    return 0;
}

/* Runs a statement with one number bound once or twice. */
static int document_run(struct store_txn *txn, const char *text, int64_t number, struct error *err)
{
    struct sql *q = sql(txn, text, err);

    if (!q)
        return -1;
    assert(strchr(text, '?'));
    sql_bind_int(q, 1, number);
    if (strchr(strchr(text, '?') + 1, '?'))
        sql_bind_int(q, 2, number);
    return sql_run(q, err);
}

/* Checks before it changes, as every write must: the children first. */
int document_delete(struct store_txn *txn, int64_t doc, struct error *err)
{
    struct sql *q =
        sql(txn, "SELECT doc FROM document WHERE parent = ? AND parent > 0 LIMIT 1", err);

    if (!q)
        return -1;
    assert(doc > 0);
    sql_bind_int(q, 1, doc);
    bool children = sql_step(q) > 0;
    if (sql_end(q, err) < 0)
        return -1;
    if (children)
        return error_set(err, ERROR_CONFLICT, "", "It still contains other resources.");
    if (document_run(txn, "DELETE FROM attr WHERE doc = ?", doc, err) < 0 ||
        document_run(txn, "DELETE FROM label WHERE parent = ? OR version_doc = ?", doc, err) < 0 ||
        document_run(txn, "DELETE FROM document WHERE doc = ?", doc, err) < 0)
        return -1;
    return sql_changes(txn) == 1 ? 0 : error_set(err, ERROR_NOT_FOUND, "", "It is not there.");
}

/* --- Versions ------------------------------------------------------------------------------- */

/* The counter moves in the statement that reads it: two writers never get the same number. */
int document_next_version(struct store_txn *txn, int64_t container, int64_t *out, struct error *err)
{
    struct sql *q = sql(txn,
                        "UPDATE document SET next_version = next_version + 1 WHERE doc = ?"
                        " RETURNING next_version",
                        err);

    if (!q)
        return -1;
    sql_bind_int(q, 1, container);
    int64_t next = sql_step(q) > 0 ? sql_int(q, 0) : 0;
    if (sql_end(q, err) < 0)
        return -1;
    if (!next)
        return error_set(err, ERROR_NOT_FOUND, "", "The container is not there.");
    assert(next > 1);
    *out = next - 1;
    return 0;
}

/* A number that a client chose moves the counter, too, so that ours never meets it. */
int document_saw_version(struct store_txn *txn, int64_t container, struct str version,
                         struct error *err)
{
    int64_t number;

    if (!str_to_int64(version, &number) || number < 1 || number == INT64_MAX)
        return 0; /* text of the client's own; the counter does not mind */
    struct sql *q = sql(txn,
                        "UPDATE document SET next_version = ? WHERE doc = ? AND"
                        " next_version < ?",
                        err);
    if (!q)
        return -1;
    sql_bind_int(q, 1, number + 1);
    sql_bind_int(q, 2, container);
    sql_bind_int(q, 3, number + 1);
    return sql_run(q, err);
}

/* Not stored anywhere: the newest child that is not archived. */
int document_latest(struct store_txn *txn, int64_t scope, int64_t container, struct document *out,
                    struct error *err)
{
    struct sql *q = sql(txn,
                        "SELECT " COLUMNS " FROM document d WHERE d.parent = ? AND"
                        " d.parent > 0 AND d.archived = 0 AND d.scope = ?"
                        " ORDER BY d.created_us DESC, d.doc DESC LIMIT 1",
                        err);

    if (!q)
        return -1;
    assert(scope && container > 0);
    sql_bind_int(q, 1, container);
    sql_bind_int(q, 2, scope);
    return document_one(txn, q, STR("latest"), out, err);
}

/* --- Lists ---------------------------------------------------------------------------------- */

/* Rows read before any is shown: see document_list. */
#define PAGE 64
#define HEAD "SELECT " COLUMNS " FROM document d"
#define PLACE " d.scope = ? AND d.type = ? AND d.parent = ?"
#define ARCHIVED " AND d.archived = ?"
#define DOWN(column) \
    " AND (" column ", d.doc) < (?, ?) ORDER BY " column " DESC, d.doc DESC LIMIT ?"
#define UP(column) " AND (" column ", d.doc) > (?, ?) ORDER BY " column ", d.doc LIMIT ?"
#define WITH_ATTR \
    " JOIN attr a ON a.doc = d.doc WHERE a.scope = ? AND a.field = ? AND a.text = ? AND"
#define ORDERS(head)                                      \
    {                                                     \
        [ORDER_NEWEST] = head DOWN("d.created_us"),       \
        [ORDER_OLDEST] = head UP("d.created_us"),         \
        [ORDER_CHANGED_LAST] = head DOWN("d.updated_us"), \
        [ORDER_CHANGED_FIRST] = head UP("d.updated_us"),  \
    }

/* A text for each question rather than one with conditions that are always true: each is led by
 * its index. */
static struct sql *document_list_sql(struct store_txn *txn, const struct document_query *query,
                                     struct error *err)
{
    static const char *const TEXTS[2][2][DOCUMENT_ORDERS] = {
        {ORDERS(HEAD " WHERE" PLACE), ORDERS(HEAD " WHERE" PLACE ARCHIVED)},
        {ORDERS(HEAD WITH_ATTR PLACE), ORDERS(HEAD WITH_ATTR PLACE ARCHIVED)},
    };

    assert(query->order < DOCUMENT_ORDERS);
    return sql(txn, TEXTS[query->field != NULL][query->view != VIEW_ALL][query->order], err);
}

static bool goes_up(enum document_order order)
{
    return order == ORDER_OLDEST || order == ORDER_CHANGED_FIRST;
}

int64_t document_position(const struct document *document, enum document_order order)
{
    assert(document->created_us >= 0);
    return order == ORDER_NEWEST || order == ORDER_OLDEST ? document->created_us
                                                          : document->updated_us;
}

/* At most PAGE documents after the position in the query. */
static int document_page(struct store_txn *txn, const struct document_query *query,
                         struct document *out, size_t *out_count, struct error *err)
{
    struct sql *q = document_list_sql(txn, query, err);
    bool start = !query->before_us && !query->before_doc;
    int64_t edge = goes_up(query->order) ? -1 : INT64_MAX;
    size_t count = 0;
    int at = 1;

    if (!q)
        return -1;
    assert(query->limit <= PAGE);
    if (query->field) {
        sql_bind_int(q, at++, query->scope);
        sql_bind_text(q, at++, str_from(query->field));
        sql_bind_text(q, at++, query->text);
    }
    sql_bind_int(q, at++, query->scope);
    sql_bind_text(q, at++, query->type);
    sql_bind_int(q, at++, query->parent);
    if (query->view != VIEW_ALL)
        sql_bind_int(q, at++, query->view == VIEW_ARCHIVED);
    sql_bind_int(q, at++, start ? edge : query->before_us);
    sql_bind_int(q, at++, start ? edge : query->before_doc);
    sql_bind_int(q, at, (int64_t)query->limit);
    while (sql_step(q) > 0)
        document_read(q, &out[count++]);
    *out_count = count;
    return sql_end(q, err);
}

/* Rows are read a page at a time before any is shown: a visitor may list documents itself. */
int document_list(struct store_txn *txn, const struct document_query *query, document_each *each,
                  void *context, struct error *err)
{
    struct document *page = arena_new_array(store_arena(txn), struct document, PAGE);
    struct document_query part = *query;
    size_t left = query->limit, count;

    assert(query->scope && each);
    do {
        part.limit = left < PAGE ? left : PAGE;
        if (document_page(txn, &part, page, &count, err) < 0)
            return -1;
        for (size_t i = 0; i < count; i++)
            if (each(&page[i], context, err) < 0)
                return -1;
        if (count) {
            part.before_us = document_position(&page[count - 1], query->order);
            part.before_doc = page[count - 1].doc;
        }
        left -= count;
    } while (left && count == part.limit);
    return 0;
}

/* --- Attributes and labels ------------------------------------------------------------------ */

/* The upsert of one field, with both values still NULL. */
static struct sql *document_attr(struct store_txn *txn, const struct document *document,
                                 const char *field, struct error *err)
{
    struct sql *q = sql(txn,
                        "INSERT INTO attr (scope, field, text, num, doc) VALUES"
                        " (?, ?, ?, ?, ?) ON CONFLICT (doc, field) DO UPDATE SET"
                        " text = excluded.text, num = excluded.num",
                        err);

    if (!q)
        return NULL;
    assert(document->doc && document->scope);
    sql_bind_int(q, 1, document->scope);
    sql_bind_text(q, 2, str_from(field));
    sql_bind_null(q, 3);
    sql_bind_null(q, 4);
    sql_bind_int(q, 5, document->doc);
    return q;
}

/* An empty text is a value like any other; only a text without an address removes the row. */
int document_set_text(struct store_txn *txn, const struct document *document, const char *field,
                      struct str text, struct error *err)
{
    struct sql *q;

    assert(document->doc > 0);
    if (!text.ptr) {
        q = sql(txn, "DELETE FROM attr WHERE doc = ? AND field = ?", err);
        if (!q)
            return -1;
        sql_bind_int(q, 1, document->doc);
        sql_bind_text(q, 2, str_from(field));
        return sql_run(q, err);
    }
    q = document_attr(txn, document, field, err);
    if (!q)
        return -1;
    sql_bind_text(q, 3, text);
    return sql_run(q, err);
}

/* Beside the text of the same field: a query asks for one or the other, and what it does not ask
 * for stays NULL. */
int document_set_number(struct store_txn *txn, const struct document *document, const char *field,
                        double number, struct error *err)
{
    struct sql *q = document_attr(txn, document, field, err);

    assert(document->doc > 0);
    if (!q)
        return -1;
    sql_bind_double(q, 4, number);
    return sql_run(q, err);
}

/* The same words for a label that cannot be removed and one that cannot be found. */
static int document_no_label(struct store_txn *txn, struct str label, struct error *err)
{
    return error_set(err, ERROR_NOT_FOUND, document_target(txn, label),
                     "The label '%.*s' was not found.", STR_ARG(label));
}

/* One row for each spelling of a name: a label that is set again in another case moves, and is
 * shown as last spelled. */
int document_set_label(struct store_txn *txn, int64_t container, struct str label,
                       int64_t version_doc, struct error *err)
{
    struct str key = arena_lower(store_arena(txn), label);
    struct sql *q =
        version_doc
            ? sql(txn,
                  "INSERT INTO label (parent, label_key, label, version_doc) VALUES (?, ?, ?, ?)"
                  " ON CONFLICT (parent, label_key) DO UPDATE SET label = excluded.label,"
                  " version_doc = excluded.version_doc",
                  err)
            : sql(txn, "DELETE FROM label WHERE parent = ? AND label_key = ?", err);

    if (!q)
        return -1;
    assert(container > 0 && version_doc >= 0);
    sql_bind_int(q, 1, container);
    sql_bind_text(q, 2, key);
    if (version_doc) {
        sql_bind_text(q, 3, label);
        sql_bind_int(q, 4, version_doc);
    }
    if (sql_run(q, err) < 0)
        return -1;
    return sql_changes(txn) ? 0 : document_no_label(txn, label, err);
}

/* One join instead of two look-ups, so that both rows are of one moment. */
int document_by_label(struct store_txn *txn, int64_t container, struct str label,
                      struct document *out, struct error *err)
{
    struct sql *q = sql(txn,
                        "SELECT " COLUMNS " FROM label l JOIN document d"
                        " ON d.doc = l.version_doc WHERE l.parent = ? AND l.label_key = ?",
                        err);

    if (!q)
        return -1;
    sql_bind_int(q, 1, container);
    sql_bind_text(q, 2, arena_lower(store_arena(txn), label));
    return document_one(txn, q, label, out, err);
}

/* A statement per step: the visitor may change labels itself. */
int document_labels(struct store_txn *txn, int64_t container, document_each_label *each,
                    void *context, struct error *err)
{
    struct str key = STR(""), label;
    int64_t version_doc;
    bool found;

    assert(each && container > 0);
    do {
        struct sql *q = sql(txn,
                            "SELECT label_key, label, version_doc FROM label WHERE parent = ?"
                            " AND label_key > ? ORDER BY label_key LIMIT 1",
                            err);
        if (!q)
            return -1;
        sql_bind_int(q, 1, container);
        sql_bind_text(q, 2, key);
        found = sql_step(q) > 0;
        if (found) {
            key = sql_text(q, 0);
            label = sql_text(q, 1);
            version_doc = sql_int(q, 2);
        }
        if (sql_end(q, err) < 0 || (found && each(label, version_doc, context, err) < 0))
            return -1;
    } while (found);
    return 0;
}
