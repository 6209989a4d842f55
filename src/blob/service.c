/* The account itself: its containers, what kind of account it is, and keys that lend the rights of
 * whoever asks for one. */
#include "blob/internal.h"

#include "asset/asset.h"
#include "base/buf.h"
#include "identity/identity.h"
#include "os/clock.h"
#include "vault/account_key.h"

#include <assert.h>
#include <stdlib.h>

#define XML_BYTES (16 * MIB)
#define LIST_MAX 5000
#define PAGE 256
#define DELEGATION_MAX_US (7 * 24 * 3600 * US_PER_S)

/* --- Containers ------------------------------------------------------------------------------ */

struct entry {
    struct str name;
    struct json *meta;
    int64_t updated_us;
};

struct entries {
    struct arena *arena;
    struct entry *at;
    size_t count, size;
    int64_t before_us, before_doc; /* where the next page of documents goes on */
    size_t read;
};

/* Doubling: an account that somebody filled with containers costs its length. */
static void add_entry(struct entries *entries, const struct entry *entry)
{
    if (entries->count == entries->size) {
        size_t size = entries->size ? entries->size * 2 : 64;
        struct entry *more = arena_new_array(entries->arena, struct entry, size);
        for (size_t i = 0; i < entries->count; i++)
            more[i] = entries->at[i];
        entries->at = more;
        entries->size = size;
    }
    entries->at[entries->count++] = *entry;
}

/* The two of the workspace may have a document, too: it takes the place of what stands for them. */
static int note_document(const struct document *document, void *context, struct error *)
{
    struct entries *entries = context;
    struct json *body = json_parse(entries->arena, document->body, NULL);
    struct entry entry = {arena_str(entries->arena, document->name), body, document->updated_us};

    entries->read++;
    entries->before_us = document->created_us;
    entries->before_doc = document->doc;
    if (json_bool_at(body, "deleting", false))
        return 0;
    for (size_t i = 0; i < entries->count; i++)
        if (str_eq(entries->at[i].name, entry.name)) {
            entries->at[i] = entry;
            return 0;
        }
    add_entry(entries, &entry);
    return 0;
}

/* By bytes, as markers and pages compare. */
static int by_name(const void *left, const void *right)
{
    const struct entry *a = left, *b = right;

    return str_cmp(a->name, b->name);
}

/* All of them in order; an account has some, not thousands. */
static int gather(struct call *call, const struct blob_target *target, struct entries *out,
                  struct error *err)
{
    struct engines *engines = call->face;
    struct document_query query = {.scope = target->scope.number,
                                   .type = STR(BLOB_CONTAINERS),
                                   .view = VIEW_ALL,
                                   .limit = PAGE};
    const struct str ours[] = {asset_artifact_container(call->arena, &target->scope),
                               asset_blob_container(call->arena, &target->scope)};
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(engines->store, err);

    *out = (struct entries){.arena = call->arena};
    if (!txn)
        return -1;
    for (size_t i = 0; i < COUNT(ours); i++)
        add_entry(out, &(struct entry){.name = ours[i], .updated_us = target->scope.created_us});
    do {
        out->read = 0;
        if (document_list(txn, &query, note_document, out, err) < 0)
            return -1;
        query.before_us = out->before_us;
        query.before_doc = out->before_doc;
    } while (out->read == PAGE);
    qsort(out->at, out->count, sizeof(*out->at), by_name);
    return 0;
}

/* Leases and holds are not built: what stands here says that nothing is held. */
static void add_container(struct call *call, struct buf *xml, const struct entry *entry)
{
    char text[CLOCK_ISO_BYTES];

    buf_add(xml, STR("<Container>"));
    blob_xml_element(xml, "Name", entry->name);
    buf_add(xml, STR("<Properties>"));
    blob_xml_element(xml, "Last-Modified", clock_http_date(entry->updated_us, text));
    buf_printf(xml, "<Etag>\"0x%llX\"</Etag>", (unsigned long long)entry->updated_us + 1);
    buf_add(xml, STR("<LeaseStatus>unlocked</LeaseStatus><LeaseState>available</LeaseState>"
                     "<HasImmutabilityPolicy>false</HasImmutabilityPolicy>"
                     "<HasLegalHold>false</HasLegalHold></Properties>"));
    if (str_find(call_query(call, "include"), STR("metadata")) >= 0)
        blob_xml_metadata(call->arena, xml, entry->meta);
    buf_add(xml, STR("</Container>"));
}

/* Names in order, from the marker on, which is the first name of the next page. */
static void write_list(struct call *call, const struct entries *entries, size_t limit,
                       struct buf *xml)
{
    struct str prefix = call_query(call, "prefix"), marker = call_query(call, "marker");
    struct str next = {0};
    size_t shown = 0;

    buf_add(xml, STR("<?xml version=\"1.0\" encoding=\"utf-8\"?>"
                     "<EnumerationResults ServiceEndpoint=\"https://"));
    blob_xml_text(xml, arm_host(call));
    buf_add(xml, STR("/\">"));
    blob_xml_element(xml, "Prefix", prefix);
    buf_printf(xml, "<MaxResults>%zu</MaxResults><Containers>", limit);
    for (size_t i = 0; i < entries->count && next.len == 0; i++) {
        const struct entry *entry = &entries->at[i];
        if (!str_starts(entry->name, prefix) || str_cmp(entry->name, marker) < 0)
            continue;
        if (shown == limit)
            next = entry->name;
        else
            add_container(call, xml, entry);
        shown++;
    }
    buf_add(xml, STR("</Containers>"));
    blob_xml_element(xml, "NextMarker", next);
    buf_add(xml, STR("</EnumerationResults>"));
}

/* Asked of the whole account: a signature for one container does not list the others. */
static int list_containers(struct call *call, struct error *err)
{
    struct str max = call_query(call, "maxresults");
    struct buf xml = buf_make(XML_BYTES);
    struct blob_target target;
    struct entries entries;
    int64_t limit = LIST_MAX;

    if (max.len > 0 && (!str_to_int64(max, &limit) || limit < 1))
        return error_set(err, ERROR_INVALID, "OutOfRangeQueryParameterValue",
                         "maxresults is a number from 1 on.");
    if (blob_open_account(call, "l", &target, err) < 0 || gather(call, &target, &entries, err) < 0)
        return -1;
    write_list(call, &entries, limit > LIST_MAX ? LIST_MAX : (size_t)limit, &xml);
    blob_reply_xml(call, &xml);
    return 0;
}

/* --- What it is ------------------------------------------------------------------------------ */

/* Asked by clients before anything else, with whatever right they hold. */
int blob_account_info(struct call *call, struct error *err)
{
    struct blob_target target;

    if (blob_open_account(call, "rwcdla", &target, err) < 0)
        return -1;
    http_add_header(call->ex, "x-ms-sku-name", STR("Standard_LRS"));
    http_add_header(call->ex, "x-ms-account-kind", STR("StorageV2"));
    http_add_header(call->ex, "x-ms-is-hns-enabled", STR("false"));
    blob_reply(call, 200);
    return 0;
}

/* Nothing of it can be changed: no analytics, no cross-origin rules, no soft delete. */
static int show_properties(struct call *call, struct error *err)
{
    struct buf xml = buf_make(4 * KIB);
    struct blob_target target;

    if (blob_open_account(call, "r", &target, err) < 0)
        return -1;
    buf_add(&xml, STR("<?xml version=\"1.0\" encoding=\"utf-8\"?><StorageServiceProperties>"
                      "<Logging><Version>1.0</Version><Read>false</Read><Write>false</Write>"
                      "<Delete>false</Delete><RetentionPolicy><Enabled>false</Enabled>"
                      "</RetentionPolicy></Logging><HourMetrics><Version>1.0</Version>"
                      "<Enabled>false</Enabled><RetentionPolicy><Enabled>false</Enabled>"
                      "</RetentionPolicy></HourMetrics><MinuteMetrics><Version>1.0</Version>"
                      "<Enabled>false</Enabled><RetentionPolicy><Enabled>false</Enabled>"
                      "</RetentionPolicy></MinuteMetrics><Cors /><DeleteRetentionPolicy>"
                      "<Enabled>false</Enabled></DeleteRetentionPolicy><StaticWebsite>"
                      "<Enabled>false</Enabled></StaticWebsite></StorageServiceProperties>"));
    blob_reply_xml(call, &xml);
    return 0;
}

/* --- Delegation keys ------------------------------------------------------------------------- */

/* Times of signatures have whole seconds and the form that the request gave them. */
static int read_life(struct str body, struct account_delegation *out, struct error *err)
{
    int64_t start, end, now = clock_now_us();

    out->start = blob_xml_find(body, "Start");
    out->end = blob_xml_find(body, "Expiry");
    if (str_find(body, STR("<!")) >= 0 || !clock_parse_iso(out->start, &start) ||
        !clock_parse_iso(out->end, &end))
        return error_set(err, ERROR_INVALID, "InvalidXmlDocument",
                         "The body is <KeyInfo><Start>…</Start><Expiry>…</Expiry></KeyInfo>.");
    if (end <= start || end <= now || end > now + DELEGATION_MAX_US)
        return error_set(err, ERROR_INVALID, "InvalidXmlNodeValue",
                         "A delegation key ends after it begins, and within seven days.");
    return 0;
}

/* Whoever may look may lend: what a signature of the key opens is asked of the lender's roles when
 * it is shown (access.c), so a Reader's signature writes nothing whatever it says. */
static int lend(struct call *call, struct error *err)
{
    struct engines *engines = call->face;
    struct account_delegation about = {.service = STR("b"), .version = STR("2021-08-06")};
    struct buf xml = buf_make(8 * KIB);
    struct blob_target target;

    if (call->caller.kind != CALLER_ADMIN && call->caller.kind != CALLER_USER)
        return error_set(err, ERROR_FORBIDDEN, "AuthorizationFailure",
                         "A delegation key is given for the token of a user or a service "
                         "principal, not for a key, a signature or a job's token.");
    if (blob_open_account(call, "rwl", &target, err) < 0 ||
        read_life(http_body(call->ex), &about, err) < 0)
        return -1;
    about.object_id = call->caller.object_id;
    about.tenant = engines->identity ? identity_tenant(engines->identity) : STR("");
    struct str key = account_delegation_key(engines->vault, call->arena, target.account,
                                            account_delegation_text(call->arena, &about));
    buf_add(&xml, STR("<?xml version=\"1.0\" encoding=\"utf-8\"?><UserDelegationKey>"));
    blob_xml_element(&xml, "SignedOid", about.object_id);
    blob_xml_element(&xml, "SignedTid", about.tenant);
    blob_xml_element(&xml, "SignedStart", about.start);
    blob_xml_element(&xml, "SignedExpiry", about.end);
    blob_xml_element(&xml, "SignedService", about.service);
    blob_xml_element(&xml, "SignedVersion", about.version);
    blob_xml_element(&xml, "Value", key);
    buf_add(&xml, STR("</UserDelegationKey>"));
    blob_reply_xml(call, &xml);
    return 0;
}

/* --- Handlers -------------------------------------------------------------------------------- */

/* By name, so that whoever reads the log knows what was missing. */
static int refuse_comp(struct call *call, struct error *err)
{
    return error_set(err, ERROR_NOT_IMPLEMENTED, "", "'comp=%.*s' of an account is not built yet.",
                     STR_ARG(str_slice(call_query(call, "comp"), 0, 100)));
}

/* HEAD and GET alike; the path of an account has no names behind it. */
void blob_get_service(struct call *call)
{
    struct str comp = call_query(call, "comp"), type = call_query(call, "restype");
    struct error err = {0};
    int result;

    assert(call->face);
    if (str_eq_fold(type, STR("account")))
        result = blob_account_info(call, &err);
    else if (blob_container_in_prefix(call).len > 0)
        result = blob_list_blobs(call, &err);
    else if (str_eq_fold(comp, STR("list")))
        result = list_containers(call, &err);
    else if (str_eq_fold(comp, STR("properties")))
        result = show_properties(call, &err);
    else
        result = refuse_comp(call, &err);
    if (result < 0)
        blob_refuse(call, &err);
}

/* Properties of the service cannot be changed: there are none to change. */
void blob_put_service(struct call *call)
{
    struct error err = {0};

    refuse_comp(call, &err);
    blob_refuse(call, &err);
}

/* Of what is posted to an account the lending of keys and batches are built. */
void blob_post_service(struct call *call)
{
    struct str comp = call_query(call, "comp");
    struct error err = {0};
    int result;

    if (str_eq_fold(comp, STR("userdelegationkey")))
        result = lend(call, &err);
    else if (str_eq_fold(comp, STR("batch")))
        result = blob_batch(call, &err);
    else
        result = refuse_comp(call, &err);
    if (result < 0)
        blob_refuse(call, &err);
}
