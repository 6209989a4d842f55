/* credentials.c - Two tables of what each kind of credentials holds. A row of a field says whether
 * it is a secret: those are written and never shown. */
#include "cli/credentials.h"
#include "cli/fields.h"
#include "yaml/schema.h"

#include <assert.h>

#define FIELDS_MAX 6

struct secret_field {
    const char *yaml, *rest;
    bool secret;
};

struct credential_kind {
    const char *word; /* in files of connections, and in what is shown */
    const char *rest; /* credentialsType or authType */
    const char *key;  /* key by which a datastore's file is known to mean this kind */
    struct secret_field fields[FIELDS_MAX];
};

static const struct credential_kind DATASTORE_KINDS[] = {
    {"account_key", "AccountKey", "account_key", {{"account_key", "secrets.key", true}}},
    {"sas", "Sas", "sas_token", {{"sas_token", "secrets.sasToken", true}}},
    {"service_principal",
     "ServicePrincipal",
     "client_secret",
     {{"tenant_id", "tenantId"},
      {"client_id", "clientId"},
      {"authority_url", "authorityUrl"},
      {"resource_url", "resourceUrl"},
      {"client_secret", "secrets.clientSecret", true}}},
    {"certificate",
     "Certificate",
     "thumbprint",
     {{"tenant_id", "tenantId"},
      {"client_id", "clientId"},
      {"authority_url", "authorityUrl"},
      {"resource_url", "resourceUrl"},
      {"thumbprint", "thumbprint"},
      {"certificate", "secrets.certificate", true}}},
    {"kerberos_keytab",
     "KerberosKeytab",
     "kerberos_keytab",
     {{"kerberos_realm", "kerberosRealm"},
      {"kerberos_kdc_address", "kerberosKdcAddress"},
      {"kerberos_principal", "kerberosPrincipal"},
      {"kerberos_keytab", "secrets.kerberosKeytab", true}}},
    {"kerberos_password",
     "KerberosPassword",
     "kerberos_password",
     {{"kerberos_realm", "kerberosRealm"},
      {"kerberos_kdc_address", "kerberosKdcAddress"},
      {"kerberos_principal", "kerberosPrincipal"},
      {"kerberos_password", "secrets.kerberosPassword", true}}},
    {"none", "None", "", {{0}}},
};

static const struct credential_kind CONNECTION_KINDS[] = {
    {"pat", "PAT", "", {{"pat", "pat", true}}},
    {"sas", "SAS", "", {{"sas_token", "sas", true}}},
    {"username_password",
     "UsernamePassword",
     "",
     {{"username", "username"}, {"password", "password", true}}},
    {"managed_identity",
     "ManagedIdentity",
     "",
     {{"client_id", "clientId"}, {"resource_id", "resourceId"}}},
    {"service_principal",
     "ServicePrincipal",
     "",
     {{"client_id", "clientId"},
      {"tenant_id", "tenantId"},
      {"client_secret", "clientSecret", true}}},
    {"access_key",
     "AccessKey",
     "",
     {{"access_key_id", "accessKeyId"}, {"secret_access_key", "secretAccessKey", true}}},
    {"api_key", "ApiKey", "", {{"key", "key", true}}},
    {"account_key", "AccountKey", "", {{"account_key", "key", true}}},
    {"aad", "AAD", "", {{0}}},
    {"none", "None", "", {{0}}},
};

/* The fields that stand in the file, under their names on the wire. */
static int write_fields(struct cli *cli, const struct credential_kind *kind,
                        const struct json *given, struct json *out, struct error *err)
{
    assert(kind && out);
    for (size_t i = 0; i < FIELDS_MAX && kind->fields[i].yaml; i++) {
        const struct json *value = json_get(given, str_from(kind->fields[i].yaml));
        if (!json_is_null(value) &&
            json_put(cli->arena, out, kind->fields[i].rest, json_copy(cli->arena, value), err) < 0)
            return -1;
    }
    return 0;
}

/* The file has no word for the kind: the key that only one kind has decides. */
int credentials_of_datastore(struct cli *cli, struct document *document, struct json *body,
                             struct error *err)
{
    const struct json *given = json_get(document->yaml.root, STR("credentials"));
    const struct credential_kind *kind = &DATASTORE_KINDS[COUNT(DATASTORE_KINDS) - 1];
    struct json *out = json_object(cli->arena);

    assert(body);
    for (size_t i = 0; i < COUNT(DATASTORE_KINDS); i++)
        if (json_get(given, str_from(DATASTORE_KINDS[i].key)))
            kind = &DATASTORE_KINDS[i];
    json_set_str(cli->arena, out, "credentialsType", str_from(kind->rest));
    if (write_fields(cli, kind, given, out, err) < 0)
        return -1;
    if (json_get(out, STR("secrets")) &&
        json_put(cli->arena, out, "secrets.secretsType",
                 json_text(cli->arena, str_from(kind->rest)), err) < 0)
        return -1;
    return json_put(cli->arena, body, "properties.credentials", out, err);
}

/* Without credentials the type is None, and the wire wants no member for them. */
int credentials_of_connection(struct cli *cli, struct document *document, struct json *body,
                              struct error *err)
{
    const struct json *given = json_get(document->yaml.root, STR("credentials"));
    struct str word = json_str_at(given, "type");
    const struct credential_kind *kind = &CONNECTION_KINDS[COUNT(CONNECTION_KINDS) - 1];
    struct json *out = json_object(cli->arena);

    assert(body);
    for (size_t i = 0; i < COUNT(CONNECTION_KINDS); i++)
        if (yaml_word_eq(word, str_from(CONNECTION_KINDS[i].word)))
            kind = &CONNECTION_KINDS[i];
    if (write_fields(cli, kind, given, out, err) < 0 ||
        json_put(cli->arena, body, "properties.authType",
                 json_text(cli->arena, str_from(kind->rest)), err) < 0)
        return -1;
    /* Without a secret there is no such member at all. */
    if (!json_count(out))
        return 0;
    return json_put(cli->arena, body, "properties.credentials", out, err);
}

/* With `secrets`, those that the server gave are shown: it gives them only to who asks by POST. */
static void show(struct cli *cli, const struct credential_kind *kind, const struct json *from,
                 struct json *out)
{
    struct json *shown = json_object(cli->arena);

    assert(kind->word);
    json_set_str(cli->arena, shown, "type", str_from(kind->word));
    for (size_t i = 0; i < FIELDS_MAX && kind->fields[i].yaml; i++) {
        const struct json *value = json_at(from, kind->fields[i].rest);
        if (!json_is_null(value))
            json_set(cli->arena, shown, str_from(kind->fields[i].yaml),
                     json_copy(cli->arena, value));
    }
    json_set(cli->arena, out, STR("credentials"), shown);
}

/* GETs have no secrets; those fields are simply not there to show. */
void credentials_show_datastore(struct cli *cli, const struct json *rest, struct json *out)
{
    const struct json *from = json_at(rest, "properties.credentials");
    struct str type = json_str_at(from, "credentialsType");

    assert(out);
    for (size_t i = 0; i < COUNT(DATASTORE_KINDS); i++)
        if (str_eq_fold(type, str_from(DATASTORE_KINDS[i].rest)))
            show(cli, &DATASTORE_KINDS[i], from, out);
}

/* The same for a reply with secrets: what the server gave, the caller asked for. */
void credentials_show_connection(struct cli *cli, const struct json *rest, struct json *out)
{
    struct str type = json_str_at(rest, "properties.authType");

    assert(out);
    for (size_t i = 0; i < COUNT(CONNECTION_KINDS); i++)
        if (str_eq_fold(type, str_from(CONNECTION_KINDS[i].rest)))
            show(cli, &CONNECTION_KINDS[i], json_at(rest, "properties.credentials"), out);
}
