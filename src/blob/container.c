/* Containers. Two are made with every workspace, and one for each upload of code: those are there
 * by their names alone. Clients may make more; each is a document of its workspace, whose body is
 * the metadata. */
#include "blob/internal.h"

#include "base/buf.h"
#include "os/clock.h"

#include <assert.h>

#define SWEEP_BLOBS 500
#define NAME_MIN 3
#define NAME_MAX 63
#define DELETING "deleting"

/* Lower-case letters, digits and single hyphens, as the service has it. */
static int check_name(struct str name, struct error *err)
{
    bool good = name.len >= NAME_MIN && name.len <= NAME_MAX;
    char before = '-';

    for (size_t i = 0; good && i < name.len; i++) {
        char c = name.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        good = letter || (c == '-' && before != '-' && i + 1 < name.len);
        before = c;
    }
    if (good && str_starts(name, STR("azureml-")))
        return error_set(err, ERROR_INVALID, "InvalidResourceName",
                         "Names that begin with 'azureml-' are those of containers that the server "
                         "makes.");
    if (good)
        return 0;
    return error_set(err, ERROR_INVALID, "InvalidResourceName",
                     "A container has a name of 3 to 63 lower-case letters, digits and single "
                     "hyphens, not '%.*s'.",
                     STR_ARG(str_slice(name, 0, 100)));
}

static struct document_key key_of(const struct blob_target *target)
{
    assert(target->scope.number > 0);
    return (struct document_key){target->scope.number, STR(BLOB_CONTAINERS), 0, target->container};
}

static bool is_deleting(struct arena *arena, const struct document *document)
{
    return json_bool_at(json_parse(arena, document->body, NULL), DELETING, false);
}

int blob_container_find(struct store_txn *txn, const struct blob_target *target,
                        struct document *out, struct error *err)
{
    const struct document_key key = key_of(target);

    if (document_get(txn, &key, out, err) < 0)
        return err->code != ERROR_NOT_FOUND
                   ? -1
                   : error_set(err, ERROR_NOT_FOUND, "ContainerNotFound",
                               "The specified container does not exist: '%.*s'.",
                               STR_ARG(target->container));
    if (is_deleting(store_arena(txn), out))
        return error_set(err, ERROR_CONFLICT, "ContainerBeingDeleted",
                         "The container '%.*s' is being deleted.", STR_ARG(target->container));
    return 0;
}

/* --- Writes ---------------------------------------------------------------------------------- */

struct change {
    struct call *call;
    struct blob_target target;
    struct str body; /* {"meta": {…}} */
    struct document after;
    bool more; /* a sweep is not done */
};

/* A document that outlives the transaction. */
static void keep(struct change *change, const struct document *document)
{
    change->after = (struct document){.rev = document->rev,
                                      .created_us = document->created_us,
                                      .updated_us = document->updated_us};
}

static int create_apply(struct store_txn *txn, void *context, struct error *err)
{
    struct change *change = context;
    struct document document = {.scope = change->target.scope.number,
                                .type = STR(BLOB_CONTAINERS),
                                .name = change->target.container,
                                .created_by = change->call->caller.name,
                                .body = change->body,
                                .system = STR("{}")};

    assert(store_is_writer(txn));
    if (document_insert(txn, &document, err) < 0)
        return err->code != ERROR_EXISTS ? -1
                                         : error_set(err, ERROR_EXISTS, "ContainerAlreadyExists",
                                                     "The specified container already exists.");
    keep(change, &document);
    return 0;
}

/* Containers of ours have no document until somebody says something of them. */
static int metadata_apply(struct store_txn *txn, void *context, struct error *err)
{
    struct change *change = context;
    const struct document_key key = key_of(&change->target);
    struct document document;

    if (change->target.ours && document_get(txn, &key, &document, NULL) < 0)
        return create_apply(txn, context, err);
    if (blob_container_find(txn, &change->target, &document, err) < 0)
        return -1;
    document.body = change->body;
    if (document_update(txn, &document, err) < 0)
        return -1;
    keep(change, &document);
    return 0;
}

/* From here on nothing is put into it or found in it. */
static int retire_apply(struct store_txn *txn, void *context, struct error *err)
{
    struct change *change = context;
    const struct document_key key = key_of(&change->target);
    struct document document;

    if (document_get(txn, &key, &document, err) < 0)
        return blob_container_find(txn, &change->target, &document, err);
    document.body = STR("{\"" DELETING "\":true,\"meta\":{}}");
    return document_update(txn, &document, err);
}

struct sweep {
    struct arena *arena;
    struct str names[SWEEP_BLOBS];
    size_t count;
};

static int sweep_note(const struct blob *blob, void *context, struct error *)
{
    struct sweep *sweep = context;

    assert(sweep->count < SWEEP_BLOBS);
    sweep->names[sweep->count++] = arena_str(sweep->arena, blob->name);
    return 0;
}

/* Some blobs, and the container itself when there were no more: a write is never long. */
static int sweep_apply(struct store_txn *txn, void *context, struct error *err)
{
    struct change *change = context;
    struct sweep *sweep = arena_make(store_arena(txn), struct sweep);
    const struct document_key key = key_of(&change->target);
    const struct blob_query query = {.container = change->target.key, .limit = SWEEP_BLOBS};
    struct document document;

    *sweep = (struct sweep){.arena = store_arena(txn)};
    if (blob_list(txn, &query, sweep_note, sweep, err) < 0)
        return -1;
    for (size_t i = 0; i < sweep->count; i++)
        if (blob_delete(txn, change->target.key, sweep->names[i], err) < 0)
            return -1;
    change->more = sweep->count == SWEEP_BLOBS;
    if (change->more)
        return 0;
    return document_get(txn, &key, &document, err) < 0 ? -1
                                                       : document_delete(txn, document.doc, err);
}

/* --- Handlers -------------------------------------------------------------------------------- */

static void describe(struct call *call, const struct document *document)
{
    char text[CLOCK_ISO_BYTES];

    http_add_header(
        call->ex, "ETag",
        arena_printf(call->arena, "\"0x%llX\"", (unsigned long long)document->updated_us + 1));
    http_add_header(call->ex, "Last-Modified", clock_http_date(document->updated_us, text));
}

/* An account's signature or key, or an admin: one for this container alone may not make or end
 * it. */
static int open_whole(struct call *call, const char *rights, struct change *out, struct error *err)
{
    *out = (struct change){.call = call};
    if (blob_open_account(call, rights, &out->target, err) < 0)
        return -1;
    if (call->caller.kind == CALLER_SAS && call->caller.container.len > 0)
        return error_set(err, ERROR_FORBIDDEN, "AuthorizationPermissionMismatch",
                         "A container is made and deleted with the account's key or a signature "
                         "for the account.");
    return 0;
}

static int create(struct call *call, struct error *err)
{
    struct engines *engines = call->face;
    struct change change;

    if (open_whole(call, "cw", &change, err) < 0)
        return -1;
    if (change.target.ours)
        return error_set(err, ERROR_EXISTS, "ContainerAlreadyExists",
                         "The specified container already exists.");
    if (http_header(call->ex, "x-ms-blob-public-access").len > 0)
        return error_set(err, ERROR_CONFLICT, "PublicAccessNotPermitted",
                         "Public access is not permitted on this storage account.");
    if (check_name(change.target.container, err) < 0 ||
        blob_meta_container(call, &change.body, err) < 0 ||
        store_write(engines->store, create_apply, &change, err) < 0)
        return -1;
    describe(call, &change.after);
    blob_reply(call, 201);
    return 0;
}

static int set_metadata(struct call *call, struct error *err)
{
    const struct blob_ask ask = blob_ask_of(call);
    struct engines *engines = call->face;
    struct change change = {.call = call};

    if (blob_open_target(call, "w", &change.target, err) < 0 || blob_check_headers(&ask, err) < 0 ||
        blob_meta_container(call, &change.body, err) < 0 ||
        store_write(engines->store, metadata_apply, &change, err) < 0)
        return -1;
    describe(call, &change.after);
    blob_reply(call, 200);
    return 0;
}

/* The document of a container, or what stands for it. */
static int load(struct call *call, const struct blob_target *target, struct json **out_meta,
                struct document *out, struct error *err)
{
    struct engines *engines = call->face;
    const struct document_key key = key_of(target);
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(engines->store, err);
    struct document document = {.updated_us = target->scope.created_us};

    if (!txn || (document_get(txn, &key, &document, err) < 0 && !target->ours))
        return -1;
    *out_meta = json_parse(call->arena, document.body.len ? document.body : STR("{}"), NULL);
    *out = (struct document){.updated_us = document.updated_us};
    return 0;
}

/* Access lists hold stored policies and public access, and we have neither: an empty one is what
 * there is already. */
static int set_acl(struct call *call, struct error *err)
{
    struct blob_target target;
    struct document document;
    struct json *meta;

    if (blob_open_target(call, "w", &target, err) < 0 ||
        load(call, &target, &meta, &document, err) < 0)
        return -1;
    if (http_header(call->ex, "x-ms-blob-public-access").len > 0)
        return error_set(err, ERROR_CONFLICT, "PublicAccessNotPermitted",
                         "Public access is not permitted on this storage account.");
    if (str_find(http_body(call->ex), STR("<SignedIdentifier>")) >= 0)
        return error_set(err, ERROR_NOT_IMPLEMENTED, "",
                         "Stored access policies are not built; sign with sp and se.");
    describe(call, &document);
    blob_reply(call, 200);
    return 0;
}

static int remove_container(struct call *call, struct error *err)
{
    const struct blob_ask ask = blob_ask_of(call);
    struct engines *engines = call->face;
    struct change change;

    if (open_whole(call, "d", &change, err) < 0 || blob_check_headers(&ask, err) < 0)
        return -1;
    if (change.target.ours)
        return error_set(err, ERROR_FORBIDDEN, "InsufficientAccountPermissions",
                         "The container '%.*s' belongs to the workspace and goes with it.",
                         STR_ARG(change.target.container));
    if (store_write(engines->store, retire_apply, &change, err) < 0)
        return -1;
    do
        if (store_write(engines->store, sweep_apply, &change, err) < 0)
            return -1;
    while (change.more);
    blob_reply(call, 202);
    return 0;
}

static int refuse_comp(struct call *call, struct error *err)
{
    return error_set(err, ERROR_NOT_IMPLEMENTED, "", "'comp=%.*s' of a container is not built yet.",
                     STR_ARG(str_slice(call_query(call, "comp"), 0, 100)));
}

void blob_put_container(struct call *call)
{
    struct str comp = call_query(call, "comp");
    struct error err = {0};
    int result;

    assert(call->face);
    if (comp.len == 0)
        result = create(call, &err);
    else if (str_eq_fold(comp, STR("metadata")))
        result = set_metadata(call, &err);
    else if (str_eq_fold(comp, STR("acl")))
        result = set_acl(call, &err);
    else
        result = refuse_comp(call, &err);
    if (result < 0)
        blob_refuse(call, &err);
}

void blob_delete_container(struct call *call)
{
    struct error err = {0};

    if (remove_container(call, &err) < 0)
        blob_refuse(call, &err);
}

void blob_post_container(struct call *call)
{
    struct error err = {0};
    int result = str_eq_fold(call_query(call, "comp"), STR("batch")) ? blob_batch(call, &err)
                                                                     : refuse_comp(call, &err);

    if (result < 0)
        blob_refuse(call, &err);
}

static int show(struct call *call, struct error *err)
{
    struct blob_target target;
    struct document document;
    struct json *meta;

    if (blob_open_target(call, "rl", &target, err) < 0 ||
        load(call, &target, &meta, &document, err) < 0)
        return -1;
    describe(call, &document);
    blob_meta_show(call, meta);
    http_add_header(call->ex, "x-ms-lease-status", STR("unlocked"));
    http_add_header(call->ex, "x-ms-lease-state", STR("available"));
    http_add_header(call->ex, "x-ms-has-immutability-policy", STR("false"));
    http_add_header(call->ex, "x-ms-has-legal-hold", STR("false"));
    if (!str_eq_fold(call_query(call, "comp"), STR("acl"))) {
        blob_reply(call, 200);
        return 0;
    }
    struct buf xml = buf_make(KIB);
    buf_add(&xml, STR("<?xml version=\"1.0\" encoding=\"utf-8\"?><SignedIdentifiers />"));
    blob_reply_xml(call, &xml);
    return 0;
}

/* A list, or the container's own properties. */
void blob_get_container(struct call *call)
{
    struct error err = {0};
    struct str comp = call_query(call, "comp");
    int result;

    assert(call->face);
    if (str_eq_fold(call_query(call, "restype"), STR("account")))
        result = blob_account_info(call, &err);
    else if (str_eq_fold(comp, STR("list")))
        result = blob_list_blobs(call, &err);
    else if (comp.len == 0 || str_eq_fold(comp, STR("metadata")) || str_eq_fold(comp, STR("acl")))
        result = show(call, &err);
    else
        result = refuse_comp(call, &err);
    if (result < 0)
        blob_refuse(call, &err);
}
