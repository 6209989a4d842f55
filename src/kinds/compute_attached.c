/* Computes that lie elsewhere: a workspace may know them, with their secrets sealed, but nothing of
 * them can be reached from here, which is what they say of themselves. */
#include "kinds/compute.h"

#include "kinds/fields.h"
#include "kinds/secret.h"

#include <assert.h>

/* ARM nests the properties of a compute twice. */
#define INNER "properties.properties."
#define ACCOUNT INNER "administratorAccount"

/* What is attached from elsewhere: its fields are checked, its secrets sealed, and it never runs
 * anything here. */
struct attached_type {
    const char *type;
    const struct fields_table *table;
    const char *secrets[2]; /* paths; NULL: none */
};

/* With the paths of their secrets, which leave the body before it is stored. */
static const struct attached_type TYPES[] = {
    {"Kubernetes",
     &fields_compute_kubernetes,
     {INNER "relayConnectionString", INNER "serviceBusConnectionString"}},
    {"VirtualMachine", &fields_compute_machine, {ACCOUNT ".password", ACCOUNT ".privateKeyData"}},
    {"HDInsight", &fields_compute_machine, {ACCOUNT ".password", ACCOUNT ".privateKeyData"}},
    {"AKS", &fields_compute_aks, {INNER "sslConfiguration.key", NULL}},
    {"Databricks", &fields_compute_databricks, {INNER "databricksAccessToken", NULL}},
    {"DataLakeAnalytics", &fields_compute_lake, {NULL, NULL}},
    {"SynapseSpark", &fields_compute_resource, {NULL, NULL}},
    {"DataFactory", &fields_compute_other, {NULL, NULL}},
};

/* The row of a type, or NULL for what is not attached. prepare has put the word into its spelling.
 * */
static const struct attached_type *type_of(struct str name)
{
    for (size_t i = 0; i < COUNT(TYPES); i++)
        if (str_eq(name, str_from(TYPES[i].type)))
            return &TYPES[i];
    return NULL;
}

/* Everything that is neither a cluster nor an instance of this host. */
bool compute_is_attached(struct str type)
{
    return type_of(type) != NULL;
}

/* Paths that are not used are at the end. */
static size_t secret_count(const struct attached_type *type)
{
    size_t count = 0;

    while (count < COUNT(type->secrets) && type->secrets[count])
        count++;
    return count;
}

/* An id is checked for its form alone: what it names is in a cloud that we do not ask. */
static int check_resource(const struct json *body, struct error *err)
{
    struct str id = json_str_at(body, "properties.resourceId");

    if (id.len == 0 || str_starts_fold(id, STR("/subscriptions/")))
        return 0;
    return error_set(err, ERROR_INVALID, "properties.resourceId",
                     "'%.*s' is no resource id; one begins with /subscriptions/.", STR_ARG(id));
}

/* A machine without a port is reached by SSH's own. */
static int check_port(const struct json *body, struct error *err)
{
    int64_t port = json_int_at(body, INNER "sshPort", 22);

    if (port > 0 && port < 65536)
        return 0;
    return error_set(err, ERROR_INVALID, INNER "sshPort", "A port is a number from 1 to 65535.");
}

/* The form is checked in full, the thing itself not at all: a cloud would have to be asked for it.
 * */
int compute_attached_prepare(struct arm_request *req, struct json **out_secrets, struct error *err)
{
    const struct attached_type *type = type_of(json_str_at(req->body, "properties.computeType"));

    assert(type && out_secrets);
    if (fields_check(req->arena, req->body, type->table, err) < 0 ||
        check_resource(req->body, err) < 0 || check_port(req->body, err) < 0)
        return -1;
    *out_secrets = secret_take(req, type->secrets, secret_count(type));
    return 0;
}

/* It is stored, and that is all: who looks at it reads why no job can go there. */
void compute_attached_show(struct arm_request *req, struct json *properties)
{
    struct json *errors = json_array(req->arena), *entry = json_object(req->arena);
    struct json *error = json_object(req->arena);
    struct str type = json_str_at(properties, "computeType");

    json_set_str(req->arena, error, "code", STR("ComputeNotReachable"));
    json_set_str(req->arena, error, "message",
                 arena_printf(req->arena,
                              "This server knows the %.*s compute by name only and cannot reach "
                              "it; jobs that name it are refused.",
                              STR_ARG(type)));
    json_set(req->arena, entry, STR("error"), error);
    json_append(req->arena, errors, entry);
    json_set(req->arena, properties, STR("provisioningErrors"), errors);
    json_set_bool(req->arena, properties, "isAttachedCompute", true);
    if (json_kind(json_get(properties, STR("properties"))) != JSON_OBJECT)
        json_set(req->arena, properties, STR("properties"), json_object(req->arena));
}

/* The keys of one type, out of the stored body with its secrets put back. */
static struct json *keys_of(struct arm_request *req, const struct json *body, struct str type)
{
    struct json *keys = json_object(req->arena);
    struct json *value = NULL;

    json_set_str(req->arena, keys, "computeType", type);
    if (str_eq(type, STR("AKS"))) {
        json_set_null(req->arena, keys, "userKubeConfig"); /* a cluster has them, we do not */
        json_set_null(req->arena, keys, "adminKubeConfig");
        json_set_null(req->arena, keys, "imagePullSecretName");
    } else if (str_eq(type, STR("Databricks"))) {
        value = json_at(body, INNER "databricksAccessToken");
        json_set(req->arena, keys, STR("databricksAccessToken"),
                 value ? json_copy(req->arena, value) : json_null(req->arena));
    } else if (str_eq(type, STR("VirtualMachine")) || str_eq(type, STR("HDInsight"))) {
        value = json_at(body, ACCOUNT);
        json_set(req->arena, keys, STR("administratorAccount"),
                 value ? json_copy(req->arena, value) : json_null(req->arena));
    } else {
        return NULL;
    }
    return keys;
}

/* The one way by which they leave the server. */
int compute_list_keys(struct arm_request *req, const struct document *document,
                      struct arm_reply *out, struct error *err)
{
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(req->engines->store, err);
    struct json *body = json_parse(req->arena, document->body, err), *secrets = NULL;
    struct error missing = {0};

    if (!txn || !body)
        return -1;
    struct str type = json_str_at(body, "properties.computeType");
    if (document->doc && secret_open(req, txn, document, &secrets, &missing) < 0 &&
        missing.code != ERROR_NOT_FOUND) {
        *err = missing;
        return -1;
    }
    secret_put_back(req->arena, body, secrets);
    struct json *keys = keys_of(req, body, type);
    if (!keys)
        return error_set(err, ERROR_INVALID, "", "Computes of type %.*s have no keys.",
                         STR_ARG(type));
    *out = (struct arm_reply){.status = 200, .body = keys};
    return 0;
}
