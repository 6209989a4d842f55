/* put.h - a PUT on its way: write.c takes its body, change.c makes the change */
#pragma once

#include "base/buf.h"
#include "blob/internal.h"

enum put_kind {
    PUT_BLOB, /* a whole blob; of type AppendBlob an empty one */
    PUT_BLOCK,
    PUT_LIST,
    PUT_METADATA,
    PUT_PROPERTIES,
    PUT_TIER,
    PUT_COPY,
    PUT_APPEND, /* a block behind what is there */
};

struct put {
    struct http_sink sink;
    struct call *call;
    enum put_kind kind;
    struct blob_target target;
    struct content_writer *writer; /* of the kinds that bring bytes */
    struct buf xml;                /* PUT_LIST */
    struct blob_crc *crc_tables;   /* NULL: the client says no CRC */
    uint64_t crc;
    struct content_object object;
    struct str block_id;
    struct content_pick *picks;
    size_t pick_count;
    bool only_new;
    bool fetches;              /* the bytes of a block come from another blob */
    struct blob_target source; /* PUT_COPY, and where blocks come from */
    struct str copy_id;
    struct str meta;     /* what the request says of the blob */
    struct blob blob;    /* afterwards: etag and times, for the reply */
    int64_t append_from; /* PUT_APPEND: where the block lies, and how many there are by now */
    int64_t appended;
};

/* fetch.c: writes the bytes of the source, or the part that x-ms-source-range says, to the writer.
 * Errors: ERROR_NOT_FOUND, ERROR_PRECONDITION, ERROR_RANGE, ERROR_INVALID, those of content. */
int blob_fetch(struct put *put, struct error *err);

/* For store_write; the context is the struct put. */
store_apply blob_put_apply;
