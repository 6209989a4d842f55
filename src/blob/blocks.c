/* GET ?comp=blocklist: the blocks a blob was made of, and those that wait for a list. */
#include "blob/internal.h"

#include "base/buf.h"

#include <assert.h>

#define XML_BYTES (16 * MIB) /* 100 000 blocks */

static int add_block(struct str block_id, int64_t size, void *context, struct error *)
{
    struct buf *xml = context;

    buf_add(xml, STR("<Block>"));
    blob_xml_element(xml, "Name", block_id);
    buf_printf(xml, "<Size>%lld</Size></Block>", (long long)size);
    return 0;
}

/* One of the two lists under its name. */
static int add_list(struct store_txn *txn, const struct content_block_query *of, struct buf *xml,
                    struct error *err)
{
    const char *name = of->staged ? "UncommittedBlocks" : "CommittedBlocks";

    buf_printf(xml, "<%s>", name);
    int result = content_blocks_each(txn, of, add_block, xml, err);
    buf_printf(xml, "</%s>", name);
    return result;
}

/* A name that only has blocks that wait is told of, though it is no blob yet. */
static int find(struct call *call, struct store_txn *txn, const struct blob_target *target,
                bool has_staged, struct error *err)
{
    struct blob blob;
    bool unchanged;

    if (blob_get(txn, target->key, target->blob, &blob, err) < 0) {
        if (err->code != ERROR_NOT_FOUND)
            return -1;
        return has_staged ? 0
                          : error_set(err, ERROR_NOT_FOUND, "BlobNotFound",
                                      "The specified blob does not exist.");
    }
    if (blob_check_read(call, &blob, &unchanged, err) < 0)
        return -1;
    blob.meta = (struct str){0};
    blob_describe(call, &blob);
    http_add_header(call->ex, "x-ms-blob-content-length",
                    arena_printf(call->arena, "%lld", (long long)blob.size));
    return 0;
}

static int fill(struct call *call, const struct blob_target *target, struct buf *xml,
                struct error *err)
{
    struct engines *engines = call->face;
    const struct content_block_query of = {.container = target->key, .name = target->blob},
                                     waits = {target->key, target->blob, .staged = true};
    struct str type = call_query(call, "blocklisttype");
    bool all = str_eq_fold(type, STR("all")), staged = all || str_eq_fold(type, STR("uncommitted"));
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(engines->store, err);
    CLEANUP(buf_free) struct buf waiting = buf_make(XML_BYTES);

    if (!txn || add_list(txn, &waits, &waiting, err) < 0 ||
        find(call, txn, target, str_find(buf_str(&waiting), STR("<Block>")) >= 0, err) < 0)
        return -1;
    buf_add(xml, STR("<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>"));
    if ((all || !staged) && add_list(txn, &of, xml, err) < 0)
        return -1;
    if (staged)
        buf_add(xml, buf_str(&waiting));
    buf_add(xml, STR("</BlockList>"));
    return 0;
}

int blob_get_blocks(struct call *call, struct error *err)
{
    const struct blob_ask ask = blob_ask_of(call);
    struct buf xml = buf_make(XML_BYTES);
    struct blob_target target;

    assert(call->face);
    if (blob_open_target(call, "r", &target, err) < 0 || blob_check_headers(&ask, err) < 0 ||
        fill(call, &target, &xml, err) < 0) {
        buf_free(&xml);
        return -1;
    }
    blob_reply_xml(call, &xml);
    return 0;
}
