/* Names in containers. A blob points to an object; replacing or deleting it leaves the object to
 * collection. */
#include "content/content_private.h"

#include "os/clock.h"

#include <assert.h>

#define COLUMNS \
    "b.container, b.name, b.object, o.size, o.md5, b.etag, b.meta, b.created_us, b.updated_us"
#define FROM " FROM blob b JOIN object o ON o.object = b.object"

/* In the order of COLUMNS. */
static void blob_read(struct sql *q, struct blob *out)
{
    *out = (struct blob){
        .container = sql_text(q, 0),
        .name = sql_text(q, 1),
        .object = sql_int(q, 2),
        .size = sql_int(q, 3),
        .md5 = sql_text(q, 4),
        .etag = sql_text(q, 5),
        .meta = sql_text(q, 6),
        .created_us = sql_int(q, 7),
        .updated_us = sql_int(q, 8),
    };
}

/* 1 found, 0 not there, -1 with *err. */
static int blob_find(struct store_txn *txn, struct str container, struct str name, struct blob *out,
                     struct error *err)
{
    struct sql *q = sql(txn, "SELECT " COLUMNS FROM " WHERE b.container = ? AND b.name = ?", err);

    if (!q)
        return -1;
    assert(container.len);
    sql_bind_text(q, 1, container);
    sql_bind_text(q, 2, name);
    bool found = sql_step(q) > 0;
    if (found)
        blob_read(q, out);
    return sql_end(q, err) < 0 ? -1 : found;
}

/* The row only: whether the bytes may be seen was decided by who asked. */
int blob_get(struct store_txn *txn, struct str container, struct str name, struct blob *out,
             struct error *err)
{
    int found = blob_find(txn, container, name, out, err);

    if (found < 0)
        return -1;
    if (found)
        return 0;
    return error_set(err, ERROR_NOT_FOUND, arena_cstr(store_arena(txn), name),
                     "The blob '%.*s' does not exist.", STR_ARG(name));
}

/* Every change has a time of its own, so that the time can be the etag. */
static void blob_stamp(struct store_txn *txn, struct blob *blob, int64_t before_us)
{
    int64_t now_us = clock_now_us();

    assert(before_us >= 0);
    blob->updated_us = now_us > before_us ? now_us : before_us + 1;
    blob->etag = arena_printf(store_arena(txn), "0x%016llX", (unsigned long long)blob->updated_us);
}

/* The size and md5 of the object, which must be there. */
static int blob_learn(struct store_txn *txn, struct blob *blob, struct error *err)
{
    struct content_object object;

    if (content_object_get(txn, blob->object, &object, err) < 0)
        return -1;
    blob->size = object.size;
    blob->md5 = arena_str(store_arena(txn), str_from(object.md5));
    return 0;
}

/* A new etag with each change, also with one that stores the same bytes: clients compare it. */
int blob_put(struct store_txn *txn, struct blob *blob, bool only_new, struct error *err)
{
    struct blob before = {0}, new = *blob;
    int found = blob_find(txn, new.container, new.name, &before, err);

    assert(new.object > 0 && new.container.len &&new.name.len);
    if (found < 0 || blob_learn(txn, &new, err) < 0)
        return -1;
    if (found && only_new)
        return error_set(err, ERROR_EXISTS, arena_cstr(store_arena(txn), new.name),
                         "The blob '%.*s' exists already.", STR_ARG(new.name));
    if (!new.of_blocks && block_forget(txn, new.container, new.name, err) < 0)
        return -1;
    blob_stamp(txn, &new, before.updated_us);
    new.created_us = found ? before.created_us : new.updated_us;
    if (!new.meta.len)
        new.meta = STR("{}");
    struct sql *q = sql(txn,
                        "INSERT INTO blob (container, name, object, etag, meta, created_us,"
                        " updated_us) VALUES (?, ?, ?, ?, ?, ?, ?)"
                        " ON CONFLICT (container, name) DO UPDATE SET"
                        " object = excluded.object, etag = excluded.etag,"
                        " meta = excluded.meta, updated_us = excluded.updated_us",
                        err);
    if (!q)
        return -1;
    sql_bind_text(q, 1, new.container);
    sql_bind_text(q, 2, new.name);
    sql_bind_int(q, 3, new.object);
    sql_bind_text(q, 4, new.etag);
    sql_bind_text(q, 5, new.meta);
    sql_bind_int(q, 6, new.created_us);
    sql_bind_int(q, 7, new.updated_us);
    if (sql_run(q, err) < 0)
        return -1;
    *blob = new;
    return 0;
}

/* The etag moves with it: a client that read before the change must not overwrite it by If-
 * Match. */
int blob_set_meta(struct store_txn *txn, struct blob *blob, struct error *err)
{
    struct blob now;

    if (blob_get(txn, blob->container, blob->name, &now, err) < 0)
        return -1;
    now.meta = blob->meta.len ? blob->meta : STR("{}");
    blob_stamp(txn, &now, now.updated_us);
    struct sql *q = sql(txn,
                        "UPDATE blob SET meta = ?, etag = ?, updated_us = ?"
                        " WHERE container = ? AND name = ?",
                        err);
    if (!q)
        return -1;
    sql_bind_text(q, 1, now.meta);
    sql_bind_text(q, 2, now.etag);
    sql_bind_int(q, 3, now.updated_us);
    sql_bind_text(q, 4, now.container);
    sql_bind_text(q, 5, now.name);
    if (sql_run(q, err) < 0)
        return -1;
    *blob = now;
    return 0;
}

/* Only the name goes; bytes that nothing names any more are collected a day later. */
int blob_delete(struct store_txn *txn, struct str container, struct str name, struct error *err)
{
    struct sql *q;

    assert(container.len);
    if (block_forget(txn, container, name, err) < 0)
        return -1;
    q = sql(txn, "DELETE FROM blob WHERE container = ? AND name = ?", err);
    if (!q)
        return -1;
    sql_bind_text(q, 1, container);
    sql_bind_text(q, 2, name);
    if (sql_run(q, err) < 0)
        return -1;
    if (sql_changes(txn) == 1)
        return 0;
    return error_set(err, ERROR_NOT_FOUND, arena_cstr(store_arena(txn), name),
                     "The blob '%.*s' does not exist.", STR_ARG(name));
}

/* Rows read before any is shown, since a visitor may ask the store as well. */
#define PAGE 64

/* Names are compared by bytes. *out_count stops at the first name without the prefix. 1 when
 * another page may hold more, 0 when none can. */
static int blob_page(struct store_txn *txn, const struct blob_query *query, struct blob *out,
                     size_t *out_count, struct error *err)
{
    struct sql *q = sql(txn,
                        "SELECT " COLUMNS FROM " WHERE b.container = ? AND b.name >= ? AND"
                        " b.name > ? ORDER BY b.name LIMIT ?",
                        err);
    size_t count = 0;
    bool inside = true;

    if (!q)
        return -1;
    sql_bind_text(q, 1, query->container);
    sql_bind_text(q, 2, query->prefix);
    sql_bind_text(q, 3, query->after);
    sql_bind_int(q, 4, (int64_t)query->limit);
    while (inside && sql_step(q) > 0) {
        inside = str_starts(sql_peek(q, 1), query->prefix);
        if (inside)
            blob_read(q, &out[count++]);
    }
    assert(count <= query->limit);
    if (sql_end(q, err) < 0)
        return -1;
    *out_count = count;
    return inside && count == query->limit;
}

/* A page is read before any of it is shown: a visitor may list blobs itself. */
int blob_list(struct store_txn *txn, const struct blob_query *query, blob_each *each, void *context,
              struct error *err)
{
    struct blob *page = arena_new_array(store_arena(txn), struct blob, PAGE);
    struct blob_query part = *query;
    size_t left = query->limit, count;
    int more = left > 0;

    assert(each && query->container.len);
    while (more) {
        part.limit = left < PAGE ? left : PAGE;
        more = blob_page(txn, &part, page, &count, err);
        if (more < 0)
            return -1;
        for (size_t i = 0; i < count; i++)
            if (each(&page[i], context, err) < 0)
                return -1;
        if (count)
            part.after = page[count - 1].name;
        left -= count;
        more = more && left;
    }
    return 0;
}
