/* What kinds without an engine share: they are stored, checked by a table and shown with a true
 * state. An action that has no engine answers 501 and names it. */
#include "kinds/plain.h"

#include <assert.h>

/* Nobody walks null: an absent object becomes an empty one. */
static void need_object(struct arm_request *req, struct json *in, const char *key)
{
    assert(json_kind(in) == JSON_OBJECT);
    if (json_is_null(json_get(in, str_from(key))))
        json_set(req->arena, in, str_from(key), json_object(req->arena));
}

/* What is not in the table is kept: clients read back what they sent. */
int plain_prepare(struct arm_request *req, const struct fields_table *table, struct error *err)
{
    struct json *properties = json_at(req->body, "properties");

    assert(json_kind(properties) == JSON_OBJECT);
    if (fields_check(req->arena, req->body, table, err) < 0)
        return -1;
    need_object(req, req->body, "tags");
    need_object(req, properties, "properties");
    json_remove(properties, STR("provisioningState"));
    return 0;
}

/* There is nothing that could still be under way. */
int plain_show(struct arm_request *req, struct store_txn *, const struct document *,
               struct json *wire, struct error *)
{
    assert(wire);
    json_set_str(req->arena, json_at(wire, "properties"), "provisioningState", STR("Succeeded"));
    return 0;
}

/* The operation is over when its first poll comes. */
int plain_progress(struct arm_request *, struct store_txn *, const struct document *,
                   struct error *)
{
    return 1;
}

/* The first number out of range is told, with both bounds. */
int plain_ranges(const struct json *body, const struct plain_range *ranges, size_t count,
                 struct error *err)
{
    assert(ranges || count == 0);
    for (size_t i = 0; i < count; i++) {
        const struct json *value = json_at(body, ranges[i].path);
        int64_t number = json_as_int(value, ranges[i].least);
        if (json_is_null(value) || (number >= ranges[i].least && number <= ranges[i].most))
            continue;
        return error_set(err, ERROR_INVALID, ranges[i].path,
                         "%lld is out of range; from %lld to %lld is possible.", (long long)number,
                         (long long)ranges[i].least, (long long)ranges[i].most);
    }
    return 0;
}

/* One form of sentence, so that users know it again. */
int plain_unbuilt(const char *target, const char *sentence, struct error *err)
{
    assert(target && sentence);
    return error_set(err, ERROR_NOT_IMPLEMENTED, target, "%s is not built yet.", sentence);
}

/* The asset is looked for first: what is not there is 404, not 501. */
int plain_publish(struct arm_request *, const struct document *document, struct arm_reply *,
                  struct error *err)
{
    assert(document);
    (void)document;
    plain_unbuilt("publish", "Publishing an asset from a workspace to a registry", err);
    return error_hint(err, "Create it in the registry itself.");
}
