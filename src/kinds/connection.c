/* Connections: where something outside is and by what it lets us in. They are kept for the clients
 * that ask for them; this server itself goes nowhere with them. Secrets are sealed and leave by
 * listsecrets alone. */
#include "kinds/connection.h"

#include "kinds/fields.h"
#include "kinds/kinds.h"
#include "kinds/secret.h"
#include "os/clock.h"

#include <assert.h>

/* Never stored with the body. */
#define CREDENTIALS "properties.credentials"

/* What a way of logging in cannot do without; NULL: nothing. Either of two spellings will do. */
struct connection_auth {
    const char *type, *secret, *or_secret;
};

/* By which of its credentials a connection is useless without, and which it may have besides. */
static const struct connection_auth AUTHS[] = {
    {"PAT", "pat", NULL},
    {"UsernamePassword", "password", "securityToken"},
    {"SAS", "sas", NULL},
    {"AccountKey", "key", "sas"}, /* the Python client calls an account key `sas` */
    {"ServicePrincipal", "clientSecret", NULL},
    {"AccessKey", "secretAccessKey", NULL},
    {"ApiKey", "key", NULL},
    {"CustomKeys", "keys", NULL},
};

/* From prepare to change: what was taken out of the body is sealed in the write. */
struct prepared {
    struct json *secrets;
    bool retyped; /* set by check: the secrets of the way before are of no use any more */
};

/* Members of credentials that say who, not by what: shown by a GET. What is in no list is taken
 * for a secret. */
static bool is_public(struct str member)
{
    static const char *const PUBLIC[] = {"clientId", "resourceId",  "tenantId",
                                         "username", "accessKeyId", "authUrl"};

    assert(member.ptr);
    for (size_t i = 0; i < COUNT(PUBLIC); i++)
        if (str_eq(member, str_from(PUBLIC[i])))
            return true;
    return false;
}

/* Secrets are texts; only CustomKeys holds an object of them. */
static int check_secret(struct str name, const struct json *value, struct error *err)
{
    struct json_iter it = json_iter(value);

    assert(name.ptr);
    if (!str_eq(name, STR("keys")) && json_kind(value) != JSON_STRING)
        return error_set(err, ERROR_INVALID, CREDENTIALS, "Expected a text in '%.*s'.",
                         STR_ARG(name));
    if (!str_eq(name, STR("keys")))
        return 0;
    if (json_kind(value) != JSON_OBJECT)
        return error_set(err, ERROR_INVALID, CREDENTIALS ".keys", "Expected an object of texts.");
    while (json_next(&it))
        if (json_kind(it.value) != JSON_STRING)
            return error_set(err, ERROR_INVALID, CREDENTIALS ".keys", "Key '%.*s' is no text.",
                             STR_ARG(it.key));
    return 0;
}

/* Parts credentials into what may be shown and what is sealed. */
static int part_credentials(struct arm_request *req, struct json *secrets, struct error *err)
{
    struct json *shown = json_object(req->arena);
    struct json *credentials = json_at(req->body, CREDENTIALS);
    struct json_iter it = json_iter(credentials);

    assert(secrets);
    while (json_next(&it)) {
        if (json_is_null(it.value))
            continue;
        if (!is_public(it.key) && check_secret(it.key, it.value, err) < 0)
            return -1;
        json_set(req->arena, is_public(it.key) ? shown : secrets, arena_str(req->arena, it.key),
                 json_copy(req->arena, it.value));
    }
    json_take(req->body, CREDENTIALS);
    return json_count(shown) ? json_put(req->arena, req->body, CREDENTIALS, shown, err) : 0;
}

/* A known category is stored in Azure's spelling. */
static int check_words(struct arm_request *req, struct error *err)
{
    struct str category = json_str_at(req->body, "properties.category");
    struct str expiry = json_str_at(req->body, "properties.expiryTime");
    const struct connection_category *known = connection_category_find(category);
    int64_t ignored;

    assert(category.len > 0);
    if (category.len > 64)
        return error_set(err, ERROR_INVALID, "properties.category",
                         "A category has at most 64 characters.");
    if (expiry.len && !clock_parse_iso(expiry, &ignored))
        return error_set(err, ERROR_INVALID, "properties.expiryTime",
                         "'%.*s' is no time; write it like 2027-01-31T12:00:00Z.", STR_ARG(expiry));
    if (!known)
        return 0;
    return json_put(req->arena, req->body, "properties.category",
                    json_text(req->arena, str_from(known->name)), err);
}

/* After this the body holds nothing that may not be shown, and prepared all that is to be sealed.
 * */
static int connection_prepare(struct arm_request *req, struct error *err)
{
    struct prepared *prepared = arena_make(req->arena, struct prepared);

    assert(req->name.len > 0);
    req->prepared = prepared;
    prepared->secrets = json_object(req->arena);
    if (fields_check(req->arena, req->body, &fields_connection, err) < 0 ||
        check_words(req, err) < 0 || part_credentials(req, prepared->secrets, err) < 0)
        return -1;
    /* Said by the server. */
    json_take(req->body, "properties.group");
    json_take(req->body, "properties.createdByWorkspaceArmId");
    return 0;
}

/* The row of AUTHS for a way that needs a secret, or NULL. */
static const struct connection_auth *auth_of(struct str type)
{
    for (size_t i = 0; i < COUNT(AUTHS); i++)
        if (str_eq(type, str_from(AUTHS[i].type)))
            return &AUTHS[i];
    return NULL;
}

/* Clients send back what a GET gave them, without the secret: one that is sealed already counts, as
 * long as the way to log in is the same. */
static int connection_check(struct arm_request *req, struct store_txn *,
                            const struct document *before, struct error *err)
{
    struct prepared *prepared = req->prepared;
    struct str type = json_str_at(req->body, "properties.authType");
    const struct connection_auth *auth = auth_of(type);
    struct json *stored = before ? json_parse(req->arena, before->body, err) : NULL;

    assert(prepared);
    if (before && !stored)
        return -1;
    prepared->retyped = stored && !str_eq(type, json_str_at(stored, "properties.authType"));
    if (!auth || json_get(prepared->secrets, str_from(auth->secret)) ||
        (auth->or_secret && json_get(prepared->secrets, str_from(auth->or_secret))) ||
        (stored && !prepared->retyped))
        return 0;
    return error_set(err, ERROR_INVALID, CREDENTIALS, "A connection of type %s needs '%s' here.",
                     auth->type, auth->secret);
}

/* Secrets of another way to log in are forgotten before the new ones come: they open nothing any
 * more. */
static int connection_change(struct arm_request *req, struct store_txn *txn,
                             const struct document *after, struct error *err)
{
    const struct prepared *prepared = req->prepared;

    assert(prepared);
    if (prepared->retyped && secret_forget(req, txn, after, err) < 0)
        return -1;
    return secret_store(req, txn, after, prepared->secrets, err);
}

/* Nothing stays sealed that nobody can ask for. */
static int connection_remove(struct arm_request *req, struct store_txn *txn,
                             const struct document *document, struct error *err)
{
    return secret_forget(req, txn, document, err);
}

/* What the server knows beside the body. */
static int connection_show(struct arm_request *req, struct store_txn *, const struct document *,
                           struct json *wire, struct error *)
{
    struct json *properties = json_at(wire, "properties");
    struct str category = json_str_at(properties, "category");
    const struct connection_category *known = connection_category_find(category);

    assert(properties);
    json_set_str(req->arena, properties, "group",
                 known ? str_from(known->group) : STR("ServicesAndApps"));
    json_set_str(req->arena, properties, "createdByWorkspaceArmId",
                 scope_arm_id(req->arena, &req->scope));
    if (!json_get(properties, STR("isSharedToAll")))
        json_set_bool(req->arena, properties, "isSharedToAll", false);
    if (json_is_null(json_get(properties, STR("metadata"))))
        json_set(req->arena, properties, STR("metadata"), json_object(req->arena));
    return 0;
}

/* --- Lists ----------------------------------------------------------------------------------- */

/* The list's question, and how far the page is. */
struct filter {
    struct arena *arena;
    struct str category, target; /* empty: any */
    bool data;                   /* data connections too */
    const struct document_sink *to;
    size_t wanted, given, seen;
    int64_t last_us, last_doc;
};

/* Whether the query asks for this one. */
static bool is_wanted(const struct filter *filter, const struct document *document)
{
    struct json *body = json_parse(filter->arena, document->body, NULL);
    struct str category = json_str_at(body, "properties.category");
    const struct connection_category *known = connection_category_find(category);

    assert(document->doc > 0);
    return (filter->data || !known || !known->data) &&
           (!filter->category.len || str_eq_fold(filter->category, category)) &&
           (!filter->target.len || str_eq(filter->target, json_str_at(body, "properties.target")));
}

/* A row that is left out still moves the position on. */
static int filter_one(const struct document *document, void *context, struct error *err)
{
    struct filter *filter = context;

    assert(filter->to);
    filter->seen++;
    filter->last_us = document->created_us;
    filter->last_doc = document->doc;
    if (filter->given == filter->wanted || !is_wanted(filter, document))
        return 0;
    filter->given++;
    return filter->to->each(document, filter->to->context, err);
}

/* Pages are filled up: one row more than a page has would be missed otherwise. */
static int connection_list(struct arm_request *req, struct store_txn *txn,
                           const struct document_query *page, const struct document_sink *to,
                           struct error *err)
{
    struct document_query query = *page;
    struct filter filter = {.arena = req->arena,
                            .category = call_query(req->call, "category"),
                            .target = call_query(req->call, "target"),
                            .data = str_eq_fold(call_query(req->call, "includeAll"), STR("true")),
                            .to = to,
                            .wanted = page->limit};

    assert(page->limit > 0);
    /* Whoever names a data category wants to see it. */
    filter.data = filter.data || filter.category.len > 0;
    do {
        filter.seen = 0;
        if (document_list(txn, &query, filter_one, &filter, err) < 0)
            return -1;
        query.before_us = filter.last_us;
        query.before_doc = filter.last_doc;
    } while (filter.seen == query.limit && filter.given < filter.wanted);
    return 0;
}

/* --- Actions --------------------------------------------------------------------------------- */

/* The connection as a GET shows it, with its secrets. */
static int list_secrets(struct arm_request *req, const struct document *document,
                        struct arm_reply *out, struct error *err)
{
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(req->engines->store, err);
    struct json *wire = json_parse(req->arena, document->body, err);
    struct json *secrets = NULL;
    struct error missing = {0};

    assert(document->doc > 0);
    if (!txn || !wire)
        return -1;
    if (secret_open(req, txn, document, &secrets, &missing) < 0 &&
        missing.code != ERROR_NOT_FOUND) {
        *err = missing;
        return -1;
    }
    json_set_str(req->arena, wire, "id", req->id);
    json_set_str(req->arena, wire, "name", document->name);
    json_set_str(req->arena, wire, "type", str_from(req->kind->wire));
    if (json_kind(json_at(wire, CREDENTIALS)) != JSON_OBJECT)
        json_put(req->arena, wire, CREDENTIALS, json_object(req->arena), NULL);
    struct json_iter it = json_iter(secrets);
    while (json_next(&it))
        json_set(req->arena, json_at(wire, CREDENTIALS), it.key, json_copy(req->arena, it.value));
    connection_show(req, txn, document, wire, err);
    *out = (struct arm_reply){.status = 200, .body = wire};
    return 0;
}

/* A reply that everything is well would be a lie: nothing was tried. */
static int test_connection(struct arm_request *, const struct document *, struct arm_reply *,
                           struct error *err)
{
    return error_set(err, ERROR_NOT_IMPLEMENTED, "testconnection",
                     "Trying a connection out is not built yet: this server calls nobody.");
}

/* In lower case, as clients of connections write them. */
static const struct arm_action ACTIONS[] = {
    {.name = "listsecrets", .run = list_secrets},
    {.name = "testconnection", .run = test_connection, .without_document = true},
};

const struct arm_kind connection_kind = {
    .type = "connections",
    .wire = "Microsoft.MachineLearningServices/workspaces/connections",
    .prepare = connection_prepare,
    .check = connection_check,
    .change = connection_change,
    .remove = connection_remove,
    .show = connection_show,
    .list = connection_list,
    .newest_only = true,
    .actions = ACTIONS,
    .action_count = COUNT(ACTIONS),
    .made_status = 200, /* the clients know no other */
};
