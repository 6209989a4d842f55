/* internal.h - between the files of blob/ */
#pragma once

#include "asset/asset.h"
#include "blob/blob.h"
#include "content/content.h"
#include "store/scope.h"

#define BLOB_VERSION "2021-08-06"
#define BLOB_XML_BYTES (4 * MIB) /* a block list: 50 000 ids */
#define BLOB_BODY_BYTES (5 * GIB)
#define BLOB_BLOCKS_MAX 50000
#define BLOB_DIGEST_BYTES (4 * MIB) /* of a range, when asked for */

/* What of a request decides who asks and on which conditions: the request itself, or one part of a
 * batch, which is a request in the body of another. */
struct blob_ask {
    struct arena *arena;
    struct str method, path, query; /* as they came */
    struct str host;                /* "host:port" of the request */
    struct str first;               /* of its path, where that names the account; else "" */
    const struct http_header *headers;
    size_t header_count;
};
/* Of a whole request; borrows all from it. */
struct blob_ask blob_ask_of(const struct call *call);
/* "" when absent; names in any case. */
struct str blob_ask_header(const struct blob_ask *ask, const char *name);

/* What a path names, found and open to the caller. "" stands for the level above. */
struct blob_target {
    struct str account, container, blob;
    struct str key; /* the container in the content store */
    bool ours;      /* a container that the server made; others are clients' own */
    struct scope scope;
};

/* access.c: reads the path and asks whether the caller may do one of the things that `rights`
 * (letters of sp: "r", "wc" …) says. Errors: ERROR_NOT_FOUND for containers that nobody has,
 * ERROR_FORBIDDEN. */
int blob_open_target(struct call *call, const char *rights, struct blob_target *out,
                     struct error *err);
/* The same without asking whether the container is there. */
int blob_open_account(struct call *call, const char *rights, struct blob_target *out,
                      struct error *err);
/* Whether a SAS that was checked opens this; other callers' rights are decided before. */
bool blob_sas_allows(const struct caller *caller, const struct blob_target *target,
                     const char *rights);
/* Another blob of the same account, as the source of a copy: `url` is ours, with a signature of its
 * own or open to the caller. Errors: ERROR_FORBIDDEN, ERROR_INVALID, ERROR_NOT_IMPLEMENTED for
 * other accounts. */
int blob_open_source(struct call *call, const struct blob_target *target, struct str url,
                     struct blob_target *out, struct error *err);

/* The container of a list whose address ends with the account. A client that knows no
 * accounts in paths takes the account for the container, and the container for the first folder of
 * its names. "" for all other requests. */
struct str blob_container_in_prefix(const struct call *call);

/* access.c: who asks by what the ask itself carries: a signature in its query, or one in its
 * header. Errors: ERROR_FORBIDDEN. */
int blob_check_signed(struct call *call, const struct blob_ask *ask,
                      const struct blob_target *target, struct caller *out, struct error *err);

/* shared_key.c: checks the ask's "SharedKey account:signature" against the account.
 * Errors: ERROR_FORBIDDEN. */
int blob_shared_key_check(const struct blob_ask *ask, struct vault *vault, struct str account,
                          struct error *err);
/* First piece of a path, as clients take it for the account; "" when the host names it. */
struct str blob_first_piece(struct str path);

/* container.c: containers of clients are documents of their workspace */
#define BLOB_CONTAINERS ASSET_CONTAINERS
/* Errors: ERROR_NOT_FOUND; ERROR_CONFLICT while it is being deleted. */
int blob_container_find(struct store_txn *txn, const struct blob_target *target,
                        struct document *out, struct error *err);

/* condition.c: If-Match and its kin. `before` is NULL when there is no blob. When reading, what did
 * not change is told by *out_unchanged, else it is an error. Errors: ERROR_PRECONDITION,
 * ERROR_EXISTS, ERROR_INVALID, ERROR_NOT_IMPLEMENTED. */
int blob_check_read(struct call *call, const struct blob *before, bool *out_unchanged,
                    struct error *err);
int blob_check_write(const struct blob_ask *ask, const struct blob *before, struct error *err);
int blob_check_source(struct call *call, const struct blob *source, struct error *err);
/* "Sat, 21 Nov 2026 12:00:00 GMT". */
bool blob_date_read(struct arena *arena, struct str text, int64_t *out_us);
/* Refuses headers that would change what a request means and that nothing here obeys: leases, tag
 * conditions, keys of customers. */
int blob_check_headers(const struct blob_ask *ask, struct error *err);

/* growing.c: the log of a job that still runs is a blob already, though no row names it. */
struct blob_growing {
    struct blob blob; /* object 0; etag and size of this moment */
    struct str key;   /* of the content store's log */
};
/* Errors: ERROR_NOT_FOUND. */
int blob_growing_get(struct engines *engines, struct store_txn *txn,
                     const struct blob_target *target, struct blob_growing *out, struct error *err);
/* Those whose names begin with prefix, at most JOB_LOG_COUNT; target->blob is not looked at. How
 * many there are. */
size_t blob_growing_list(struct engines *engines, struct store_txn *txn,
                         const struct blob_target *target, struct str prefix,
                         struct blob_growing *out);

/* reply.c. What a refusal says: its status, the code clients are told (an error's target, when that
 * is a word) and the XML for people. */
struct blob_refusal {
    int status;
    struct str code, xml;
};
struct blob_refusal blob_refusal_of(struct arena *arena, const struct error *err);
void blob_refuse(struct call *call, const struct error *err);
/* Headers that every reply carries. */
void blob_headers(struct call *call);
/* ETag, Last-Modified, creation time, type and metadata of a blob. */
void blob_describe(struct call *call, const struct blob *blob);
/* A reply without a body. */
void blob_reply(struct call *call, int status);
/* A reply of XML; takes what `xml` holds. */
struct buf;
void blob_reply_xml(struct call *call, struct buf *xml);

/* xml.c */
void blob_xml_text(struct buf *out, struct str text);
/* An element with its escaped text. */
void blob_xml_element(struct buf *out, const char *name, struct str text);
/* <Name>, percent-encoded and saying so when XML cannot hold it. */
void blob_xml_name(struct arena *arena, struct buf *out, struct str name);
/* Metadata of {"meta": {…}} as <Metadata>. */
struct json;
void blob_xml_metadata(struct arena *arena, struct buf *out, const struct json *meta);
/* The blocks of a list in order; their container and name are not set. Errors: ERROR_INVALID. */
int blob_xml_blocks(struct arena *arena, struct str xml, struct content_pick **out,
                    size_t *out_count, struct error *err);
/* The text of the first element of that name, "" when there is none: for bodies of a few fields. */
struct str blob_xml_find(struct str xml, const char *name);

/* Whether a block may have this id: base64 of at most 64 bytes, as the list can name it later. */
bool blob_xml_is_id(struct str text);

/* meta.c: {"type", "tier", "contentType", "contentMd5", …, "meta":{…}} from the headers of a
 * request. Errors: ERROR_INVALID for names that metadata may not have. */
int blob_meta_read(struct call *call, struct str *out, struct error *err);
/* An earlier meta with the metadata of this request in place of its own. */
int blob_meta_replace(struct call *call, struct str before, struct str *out, struct error *err);
/* The same with the content headers of this request; the metadata stays. */
struct str blob_meta_properties(struct call *call, struct str before);
/* The same in the tier that this request says. Errors: ERROR_INVALID, ERROR_NOT_IMPLEMENTED. */
int blob_meta_retier(struct call *call, struct str before, struct str *out, struct error *err);
/* {"meta": {…}} alone, of a container. */
int blob_meta_container(struct call *call, struct str *out, struct error *err);
/* The metadata of a meta as headers of the reply. */
void blob_meta_show(struct call *call, const struct json *meta);
/* What clients may say of the content: as we keep it, in a request, in a reply and in lists, and in
 * a signature (NULL: nowhere). */
struct blob_property {
    const char *key, *request, *header, *override;
};
extern const struct blob_property BLOB_PROPERTIES[];
extern const size_t BLOB_PROPERTY_COUNT;

/* digest.c */
struct blob_crc; /* tables, made for each request that needs them */
struct blob_crc *blob_crc_new(struct arena *arena);
uint64_t blob_crc64(const struct blob_crc *tables, uint64_t crc, struct str bytes);
/* Base64 of the eight bytes, lowest first, as the header carries it. */
struct str blob_crc64_text(struct arena *arena, uint64_t crc);
/* Base64 of an MD5 in hex; "" for "". */
struct str blob_md5_text(struct arena *arena, struct str hex);
/* Base64 of the MD5 of bytes. */
struct str blob_md5_of(struct arena *arena, struct str bytes);

/* read.c: the blob goes, if the ask's conditions let it. On the writer thread; changes nothing when
 * it refuses. Errors: ERROR_NOT_FOUND, ERROR_PRECONDITION, ERROR_INVALID. */
int blob_remove(struct store_txn *txn, const struct blob_ask *ask, const struct blob_target *target,
                struct error *err);
/* batch.c: up to 256 deletions in one request, of an account or of one container. */
int blob_batch(struct call *call, struct error *err);

/* read.c, list.c, container.c, service.c, blocks.c, write.c: handlers */
void blob_get_item(struct call *call);
void blob_delete_item(struct call *call);
int blob_list_blobs(struct call *call, struct error *err);
void blob_get_container(struct call *call);
void blob_put_container(struct call *call);
void blob_post_container(struct call *call);
void blob_delete_container(struct call *call);
void blob_get_service(struct call *call);
void blob_put_service(struct call *call);
void blob_post_service(struct call *call);
/* What an account is, which any of its addresses may be asked (restype=account). */
int blob_account_info(struct call *call, struct error *err);
int blob_get_blocks(struct call *call, struct error *err);
struct http_sink *blob_put_open(struct call *call, struct error *err);
void blob_put_run(struct call *call);
