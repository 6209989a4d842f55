/* internal.h - between the files of blob/ */
#pragma once

#include "blob/blob.h"
#include "content/content.h"
#include "store/scope.h"

#define BLOB_VERSION "2021-08-06"
#define BLOB_XML_BYTES (4 * MIB) /* a block list: 50 000 ids */
#define BLOB_BODY_BYTES (5 * GIB)
#define BLOB_BLOCKS_MAX 50000

/* What a path names, found and open to the caller. */
struct blob_target {
    struct str account, container, blob;
    struct scope scope;
};

/* access.c: reads the path and asks whether the caller may do what `right` (a letter of "rwcdl")
 * says. Errors: ERROR_NOT_FOUND for containers that nobody has, ERROR_FORBIDDEN. */
int blob_open_target(struct call *call, char right, struct blob_target *out, struct error *err);
/* Whether a SAS that was checked opens this; other callers' rights are decided before. */
bool blob_sas_allows(const struct caller *caller, const struct blob_target *target, char right);

/* shared_key.c: checks the request's "SharedKey account:signature" against the account.
 * Errors: ERROR_FORBIDDEN. */
int blob_shared_key_check(struct call *call, struct vault *vault, struct str account,
                          struct error *err);

/* growing.c: the log of a job that still runs is a blob already, though no row names it. */
struct blob_growing {
    struct blob blob; /* object 0; etag and size of this moment */
    struct str key;   /* of the content store's log */
};
/* Errors: ERROR_NOT_FOUND. */
int blob_growing_get(struct engines *engines, struct store_txn *txn,
                     const struct blob_target *target, struct blob_growing *out, struct error *err);
/* Those whose names begin with prefix; target->blob is not looked at. */
int blob_growing_each(struct engines *engines, struct store_txn *txn,
                      const struct blob_target *target, struct str prefix, blob_each *each,
                      void *context, struct error *err);

/* reply.c. An error's target, when it is a word, is the code clients are told. */
void blob_refuse(struct call *call, const struct error *err);
/* Headers that every reply carries. */
void blob_headers(struct call *call);
/* ETag, Last-Modified, creation time, type and metadata of a blob. */
void blob_describe(struct call *call, const struct blob *blob);
/* A reply without a body. */
void blob_reply(struct call *call, int status);

/* xml.c */
struct buf;
void blob_xml_text(struct buf *out, struct str text);
/* An element with its escaped text. */
void blob_xml_element(struct buf *out, const char *name, struct str text);
/* The ids of a block list in order. Errors: ERROR_INVALID; ERROR_NOT_IMPLEMENTED for what names
 * blocks of an earlier list. */
int blob_xml_blocks(struct arena *arena, struct str xml, struct str **out, size_t *out_count,
                    struct error *err);

/* Whether a block may have this id: base64 of at most 64 bytes, as the list can name it later. */
bool blob_xml_is_id(struct str text);

/* meta.c: {"contentType", "contentMd5", "meta":{…}} from the headers of a request. */
struct str blob_meta_read(struct call *call);
/* An earlier meta with the metadata of this request in place of its own. */
struct str blob_meta_replace(struct call *call, struct str before);

/* digest.c */
uint64_t blob_crc64(uint64_t crc, struct str bytes);
/* Base64 of the eight bytes, lowest first, as the header carries it. */
struct str blob_crc64_text(struct arena *arena, uint64_t crc);
/* Base64 of an MD5 in hex; "" for "". */
struct str blob_md5_text(struct arena *arena, struct str hex);

/* read.c, list.c, write.c: handlers */
void blob_get_item(struct call *call);
void blob_get_container(struct call *call);
void blob_delete_item(struct call *call);
struct http_sink *blob_put_open(struct call *call, struct error *err);
void blob_put_run(struct call *call);
