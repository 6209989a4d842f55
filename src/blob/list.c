#include "blob/internal.h"

#include "base/buf.h"
#include "job/finish.h"
#include "os/clock.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

/* GET of a container: its blobs by name, or, with a delimiter, one level of them. */

#define LIST_MAX 5000
#define LIST_XML_BYTES (16 * MIB)

struct listing {
    struct call *call;
    struct blob_target target;
    struct str prefix, delimiter;
    struct str shift; /* before each name: "container/" for clients that do not know it for one */
    bool metadata, copies;
    size_t limit;
    struct str after; /* where to go on */
    size_t count;
    bool more;
    bool jump; /* the walk ended at a folder; go on behind it */
    struct buf blobs;
};

/* Markers are hex, since names may hold what XML cannot. */
static int read_marker(struct arena *arena, struct str marker, struct str *out, struct error *err)
{
    char *bytes = arena_alloc(arena, marker.len + 1);
    size_t len = 0;

    *out = (struct str){0};
    if (marker.len == 0)
        return 0;
    if (sodium_hex2bin((unsigned char *)bytes, marker.len, marker.ptr, marker.len, NULL, &len,
                       NULL) != 0 ||
        len * 2 != marker.len)
        return error_set(err, ERROR_INVALID, "OutOfRangeInput",
                         "A marker is what NextMarker of a list of ours said.");
    *out = (struct str){bytes, len};
    return 0;
}

/* The reverse. */
static struct str write_marker(struct arena *arena, struct str name)
{
    char *text = arena_alloc(arena, name.len * 2 + 1);

    assert(name.len > 0);
    sodium_bin2hex(text, name.len * 2 + 1, (const unsigned char *)name.ptr, name.len);
    return str_from(text);
}

/* What clients may say of the content, under the names of lists. */
static void add_properties(struct listing *listing, const struct blob *blob,
                           const struct json *meta)
{
    struct buf *out = &listing->blobs;

    for (size_t i = 0; i < BLOB_PROPERTY_COUNT; i++) {
        const struct blob_property *one = &BLOB_PROPERTIES[i];
        struct str value = json_str_at(meta, one->key);
        if (value.len == 0 && str_eq(str_from(one->key), STR("contentType")))
            value = STR("application/octet-stream");
        if (value.len == 0 && str_eq(str_from(one->key), STR("contentMd5")))
            value = blob_md5_text(listing->call->arena, blob->md5);
        if (value.len > 0)
            blob_xml_element(out, one->header, value);
    }
}

/* Of a blob that was copied from another; a copy is done at once. */
static void add_copy(struct buf *out, const struct blob *blob, const struct json *meta)
{
    if (json_str_at(meta, "copyId").len == 0)
        return;
    blob_xml_element(out, "CopyId", json_str_at(meta, "copyId"));
    blob_xml_element(out, "CopyStatus", STR("success"));
    if (json_str_at(meta, "copySource").len > 0)
        blob_xml_element(out, "CopySource", json_str_at(meta, "copySource"));
    buf_printf(out, "<CopyProgress>%lld/%lld</CopyProgress>", (long long)blob->size,
               (long long)blob->size);
    blob_xml_element(out, "CopyCompletionTime", json_str_at(meta, "copyTime"));
}

/* As this client calls it. */
static void add_name(struct listing *listing, struct str name)
{
    struct arena *arena = listing->call->arena;

    blob_xml_name(arena, &listing->blobs,
                  arena_printf(arena, "%.*s%.*s", STR_ARG(listing->shift), STR_ARG(name)));
}

static void add_blob(struct listing *listing, const struct blob *blob)
{
    struct arena *arena = listing->call->arena;
    struct json *meta = json_parse(arena, blob->meta.len ? blob->meta : STR("{}"), NULL);
    struct str type = json_str_at(meta, "type"), tier = json_str_at(meta, "tier");
    struct buf *out = &listing->blobs;
    char text[CLOCK_ISO_BYTES];

    assert(blob->name.len > 0);
    buf_add(out, STR("<Blob>"));
    add_name(listing, blob->name);
    buf_add(out, STR("<Properties>"));
    blob_xml_element(out, "Creation-Time", clock_http_date(blob->created_us, text));
    blob_xml_element(out, "Last-Modified", clock_http_date(blob->updated_us, text));
    blob_xml_element(out, "Etag", blob->etag);
    buf_printf(out, "<Content-Length>%lld</Content-Length>", (long long)blob->size);
    add_properties(listing, blob, meta);
    blob_xml_element(out, "BlobType", type.len ? type : STR("BlockBlob"));
    if (type.len == 0)
        blob_xml_element(out, "AccessTier", tier.len ? tier : STR("Hot"));
    if (type.len == 0 && tier.len == 0)
        buf_add(out, STR("<AccessTierInferred>true</AccessTierInferred>"));
    buf_add(out, STR("<LeaseStatus>unlocked</LeaseStatus><LeaseState>available</LeaseState>"
                     "<ServerEncrypted>false</ServerEncrypted>"));
    if (listing->copies)
        add_copy(out, blob, meta);
    buf_add(out, STR("</Properties>"));
    if (listing->metadata)
        blob_xml_metadata(arena, out, meta);
    buf_add(out, STR("</Blob>"));
}

/* "a/b/" of "a/b/c" when the list stops at the delimiter behind its prefix; else "". */
static struct str folder_of(const struct listing *listing, struct str name)
{
    struct str rest = str_slice(name, listing->prefix.len, name.len);
    ssize_t at = listing->delimiter.len ? str_find(rest, listing->delimiter) : -1;

    assert(str_starts(name, listing->prefix));
    if (at < 0)
        return (struct str){0};
    return str_slice(name, 0, listing->prefix.len + (size_t)at + listing->delimiter.len);
}

/* One blob, or the folder it lies in: then the walk jumps behind that. */
static int add_one(const struct blob *blob, void *context, struct error *)
{
    struct listing *listing = context;
    struct arena *arena = listing->call->arena;

    assert(listing->count <= listing->limit);
    if (listing->count == listing->limit) {
        listing->more = true;
        return -1;
    }
    struct str folder = folder_of(listing, blob->name);
    listing->count++;
    if (folder.len == 0) {
        listing->after = arena_str(arena, blob->name);
        add_blob(listing, blob);
        return 0;
    }
    buf_add(&listing->blobs, STR("<BlobPrefix>"));
    add_name(listing, folder);
    buf_add(&listing->blobs, STR("</BlobPrefix>"));
    /* No name begins with 0xff: what follows lies behind the whole folder. */
    listing->after = arena_printf(arena, "%.*s\xff", STR_ARG(folder));
    listing->jump = true;
    return -1;
}

/* Logs of a job that runs come behind all rows, on the last page: they have none themselves. Lists
 * by folders (with a delimiter) show rows only. */
static int add_growing(struct listing *listing, struct store_txn *txn, struct error *err)
{
    struct engines *engines = listing->call->face;
    struct blob_growing logs[JOB_LOG_COUNT];

    assert(!listing->more);
    if (listing->delimiter.len > 0 || listing->count + JOB_LOG_COUNT > listing->limit)
        return 0;
    size_t count = blob_growing_list(engines, txn, &listing->target, listing->prefix, logs);
    for (size_t i = 0; i < count; i++)
        if (add_one(&logs[i].blob, listing, err) < 0)
            return -1;
    return 0;
}

/* A walk for each folder, so a folder of a million costs one step. */
static int walk(struct listing *listing, struct error *err)
{
    struct engines *engines = listing->call->face;
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(engines->store, err);

    assert(listing->limit > 0);
    if (!txn)
        return -1;
    do {
        struct blob_query query = {.container = listing->target.key,
                                   .prefix = listing->prefix,
                                   .after = listing->after,
                                   .limit = listing->limit + 1};
        listing->jump = false;
        if (blob_list(txn, &query, add_one, listing, err) < 0 && !listing->jump && !listing->more)
            return -1;
    } while (listing->jump);
    if (!listing->more && add_growing(listing, txn, err) < 0)
        return -1;
    return buf_ok(&listing->blobs, err);
}

/* "startFrom" names the first blob of a list, itself included, and the walk goes on behind a name:
 * so what lies just before it. No name holds 0xff, so nothing lies between the two. */
static struct str before(struct arena *arena, struct str name)
{
    struct str copy = arena_printf(arena, "%.*s\xff", STR_ARG(name));

    if (name.len == 0)
        return name;
    ((char *)copy.ptr)[name.len - 1]--;
    return copy;
}

/* Query parameters of a list; prefix and delimiter may be any text. */
static int read_query(struct listing *listing, struct error *err)
{
    struct call *call = listing->call;
    struct str max = call_query(call, "maxresults"), include = call_query(call, "include");
    struct str start = before(call->arena, call_query(call, "startfrom"));
    int64_t limit = LIST_MAX;

    if (max.len > 0 && (!str_to_int64(max, &limit) || limit < 1))
        return error_set(err, ERROR_INVALID, "OutOfRangeQueryParameterValue",
                         "maxresults is a number from 1 on.");
    listing->limit = limit > LIST_MAX ? LIST_MAX : (size_t)limit;
    listing->prefix = call_query(call, "prefix");
    if (blob_container_in_prefix(call).len > 0) {
        listing->shift = arena_printf(call->arena, "%.*s/", STR_ARG(listing->target.container));
        listing->prefix = str_slice(listing->prefix, listing->shift.len, listing->prefix.len);
    }
    listing->delimiter = call_query(call, "delimiter");
    listing->metadata = str_find(include, STR("metadata")) >= 0;
    listing->copies = str_find(include, STR("copy")) >= 0;
    if (read_marker(call->arena, call_query(call, "marker"), &listing->after, err) < 0)
        return -1;
    if (str_cmp(listing->after, start) < 0)
        listing->after = start;
    return 0;
}

/* Lists say whose they are: the address of the account, as this client reaches it. */
static void add_head(const struct listing *listing, struct buf *head)
{
    struct call *call = listing->call;
    struct str first = blob_first_piece(http_path(call->ex));

    buf_add(head, STR("<?xml version=\"1.0\" encoding=\"utf-8\"?>"
                      "<EnumerationResults ServiceEndpoint=\"https://"));
    blob_xml_text(head, arm_host(call));
    buf_add(head, STR("/"));
    blob_xml_text(head, first);
    buf_printf(head, "%s\" ContainerName=\"", first.len ? "/" : "");
    blob_xml_text(head, listing->shift.len ? STR("") : listing->target.container);
    buf_add(head, STR("\">"));
    blob_xml_element(head, "Prefix", call_query(call, "prefix"));
    if (call_query(call, "marker").len)
        blob_xml_element(head, "Marker", call_query(call, "marker"));
    if (listing->delimiter.len)
        blob_xml_element(head, "Delimiter", listing->delimiter);
    buf_printf(head, "<MaxResults>%zu</MaxResults><Blobs>", listing->limit);
}

/* The XML is put together at the end: head, blobs, marker. */
int blob_list_blobs(struct call *call, struct error *err)
{
    struct listing listing = {.call = call, .blobs = buf_make(LIST_XML_BYTES)};
    struct buf xml = buf_make(LIST_XML_BYTES + MIB);
    int result = -1;

    if (blob_open_target(call, "l", &listing.target, err) == 0 && read_query(&listing, err) == 0)
        result = walk(&listing, err);
    if (result == 0) {
        add_head(&listing, &xml);
        buf_add(&xml, buf_str(&listing.blobs));
        buf_add(&xml, STR("</Blobs>"));
        blob_xml_element(&xml, "NextMarker",
                         listing.more ? write_marker(call->arena, listing.after) : STR(""));
        buf_add(&xml, STR("</EnumerationResults>"));
        blob_reply_xml(call, &xml);
    }
    buf_free(&listing.blobs);
    buf_free(&xml);
    return result;
}
