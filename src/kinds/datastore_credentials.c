/* By what a datastore elsewhere lets us in: which members each type has, and which of them is the
 * secret. */
#include "kinds/datastore.h"

#include "kinds/fields.h"

#include <assert.h>

/* What remains there says the type alone. */
#define CREDENTIALS "properties.credentials"

/* `secret`: the member of secrets without which there is nothing to seal. */
struct credentials_type {
    const char *type;
    const char *secret;
    const struct fields_table *table;
};

/* As the clients spell them; "None" is no row, as nothing comes with it. */
static const struct credentials_type TYPES[] = {
    {"AccountKey", "key", &fields_credentials_key},
    {"Sas", "sasToken", &fields_credentials_sas},
    {"ServicePrincipal", "clientSecret", &fields_credentials_principal},
    {"Certificate", "certificate", &fields_credentials_certificate},
    {"KerberosKeytab", "kerberosKeytab", &fields_credentials_keytab},
    {"KerberosPassword", "kerberosPassword", &fields_credentials_kerberos},
};

/* NULL for None and for nothing at all, which need no secret. */
static const struct credentials_type *type_of(struct str name)
{
    for (size_t i = 0; i < COUNT(TYPES); i++)
        if (str_eq(name, str_from(TYPES[i].type)))
            return &TYPES[i];
    return NULL;
}

/* The kind asks for it to say which member is missing. */
const char *datastore_secret_name(struct str credentials_type)
{
    const struct credentials_type *type = type_of(credentials_type);

    return type ? type->secret : NULL;
}

/* What may be shown is listed; a client that puts a key beside `secrets` shall not read it back. */
static void drop_unknown(struct arm_request *req)
{
    static const char *const KEPT[] = {
        "credentialsType",    "clientId",          "tenantId",
        "authorityUrl",       "resourceUrl",       "thumbprint",
        "kerberosKdcAddress", "kerberosPrincipal", "kerberosRealm",
    };
    struct json *before = json_at(req->body, CREDENTIALS), *after = json_object(req->arena);

    assert(before);
    for (size_t i = 0; i < COUNT(KEPT); i++) {
        struct json *value = json_get(before, str_from(KEPT[i]));
        if (!json_is_null(value))
            json_set(req->arena, after, str_from(KEPT[i]), json_copy(req->arena, value));
    }
    json_put(req->arena, req->body, CREDENTIALS, after, NULL);
}

/* A body without credentials is one of type None. */
int datastore_credentials(struct arm_request *req, struct json **out_secrets, struct error *err)
{
    struct str name = json_str_at(req->body, CREDENTIALS ".credentialsType");
    const struct credentials_type *type = type_of(name);

    assert(out_secrets);
    if (type && fields_check(req->arena, req->body, type->table, err) < 0)
        return -1;
    struct json *secrets = json_take(req->body, CREDENTIALS ".secrets");
    bool came = type && json_str_at(secrets, type->secret).len > 0;
    if (name.len == 0 && json_put(req->arena, req->body, CREDENTIALS ".credentialsType",
                                  json_text(req->arena, STR("None")), err) < 0)
        return -1;
    drop_unknown(req);
    if (came)
        json_set_str(req->arena, secrets, "secretsType", name);
    *out_secrets = came ? secrets : NULL;
    return 0;
}
