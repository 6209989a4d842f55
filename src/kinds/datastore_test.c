#include "kinds/datastore.h"

#include "base/test.h"
#include "kinds/resource_test.h"

/* A body by its type's own members and its credentials. */
static const char *body_of(struct world *w, const char *members, const char *credentials)
{
    return arena_printf(w->arena, "{\"properties\":{%s,\"credentials\":%s}}", members, credentials)
        .ptr;
}

#define BLOB "\"datastoreType\":\"AzureBlob\",\"accountName\":\"a\",\"containerName\":\"c\""
#define NONE "{\"credentialsType\":\"None\"}"

/* The names of a list, joined by blanks. */
static const char *names(struct world *w, const char *query)
{
    struct fake_reply reply = world_get(w, arena_printf(w->arena, WS "/datastores?%s", query).ptr);
    struct json_iter it = json_iter(json_at(reply.json, "value"));
    struct str all = STR("");

    CHECK_INT(200, reply.status);
    while (json_next(&it))
        all = arena_printf(w->arena, "%.*s%s%.*s", STR_ARG(all), all.len ? " " : "",
                           STR_ARG(json_str_at(it.value, "name")));
    return arena_cstr(w->arena, all);
}

static void put(struct world *w, const char *name, const char *body, int status)
{
    struct str target = arena_printf(w->arena, WS "/datastores/%s", name);

    CHECK_INT(status, world_put(w, target.ptr, body).status);
}

TEST(every_type_is_kept_and_gives_its_secret_back_by_list_secrets_alone)
{
    static const struct {
        const char *members, *credentials, *type, *member, *secret;
    } CASES[] = {
        {BLOB, "{\"credentialsType\":\"AccountKey\",\"secrets\":{\"key\":\"s-1\"}}", "AccountKey",
         "key", "s-1"},
        {BLOB, "{\"credentialsType\":\"Sas\",\"secrets\":{\"sasToken\":\"s-2\"}}", "Sas",
         "sasToken", "s-2"},
        {"\"datastoreType\":\"AzureFile\",\"accountName\":\"a\",\"fileShareName\":\"f\"",
         "{\"credentialsType\":\"sas\",\"secrets\":{\"secretsType\":\"Sas\",\"sasToken\":\"s-3\"}}",
         "Sas", "sasToken", "s-3"},
        {"\"datastoreType\":\"AzureDataLakeGen1\",\"storeName\":\"s\"",
         "{\"credentialsType\":\"ServicePrincipal\",\"clientId\":\"i\",\"tenantId\":\"t\","
         "\"secrets\":{\"clientSecret\":\"s-4\"}}",
         "ServicePrincipal", "clientSecret", "s-4"},
        {"\"datastoreType\":\"AzureDataLakeGen2\",\"accountName\":\"a\",\"filesystem\":\"f\"",
         "{\"credentialsType\":\"Certificate\",\"clientId\":\"i\",\"tenantId\":\"t\","
         "\"thumbprint\":\"p\",\"secrets\":{\"certificate\":\"s-5\"}}",
         "Certificate", "certificate", "s-5"},
        {"\"datastoreType\":\"Hdfs\",\"nameNodeAddress\":\"n\"",
         "{\"credentialsType\":\"KerberosPassword\",\"kerberosKdcAddress\":\"k\","
         "\"kerberosPrincipal\":\"p\",\"kerberosRealm\":\"r\","
         "\"secrets\":{\"kerberosPassword\":\"s-6\"}}",
         "KerberosPassword", "kerberosPassword", "s-6"},
        {"\"datastoreType\":\"Hdfs\",\"nameNodeAddress\":\"n\"",
         "{\"credentialsType\":\"KerberosKeytab\",\"kerberosKdcAddress\":\"k\","
         "\"kerberosPrincipal\":\"p\",\"kerberosRealm\":\"r\","
         "\"secrets\":{\"kerberosKeytab\":\"s-7\"}}",
         "KerberosKeytab", "kerberosKeytab", "s-7"},
    };
    CLEANUP(world_close) struct world *w = world_open();

    for (size_t i = 0; i < COUNT(CASES); i++) {
        struct fake_reply reply =
            world_put(w, WS "/datastores/one", body_of(w, CASES[i].members, CASES[i].credentials));
        CHECK_INT(201, reply.status);
        CHECK(str_find(reply.body, str_from(CASES[i].secret)) < 0);
        CHECK_STR(CASES[i].type, json_str_at(reply.json, "properties.credentials.credentialsType"));
        CHECK(!world_stored(w, CASES[i].secret));
        reply = world_post(w, WS "/datastores/one/listSecrets", "{}");
        CHECK_INT(200, reply.status);
        CHECK_STR(CASES[i].type, json_str_at(reply.json, "secretsType"));
        CHECK_STR(CASES[i].secret, json_str_at(reply.json, CASES[i].member));
        CHECK_INT(200, world_delete(w, WS "/datastores/one").status);
    }
}

#define RESOLVE "/datastore/v1.0" WS "/datastores/"
#define AT "azureStorageSection."

TEST(address_and_credentials_come_in_one_answer_to_those_who_prepare_data)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct json *own = world_get(w, RESOLVE "workspaceblobstore").json;

    CHECK_STR("AzureBlob", json_str_at(own, "dataStoreType"));
    CHECK(str_starts(json_str_at(own, AT "containerName"), STR("azureml-blobstore-")));
    CHECK_STR("core.lazurite.test", json_str_at(own, AT "endpoint"));
    CHECK_STR("https", json_str_at(own, AT "protocol"));
    CHECK_STR("Sas", json_str_at(own, AT "credentialType"));
    CHECK(str_find(json_str_at(own, AT "sasToken"), STR("sig=")) >= 0);
    own = world_get(w, RESOLVE "WorkspaceArtifactStore").json;
    CHECK_STR("Sas", json_str_at(own, AT "credentialType"));
    CHECK(str_find(json_str_at(own, AT "credential"), STR("sig=")) >= 0);
    put(w, "d",
        body_of(w, BLOB, "{\"credentialsType\":\"AccountKey\",\"secrets\":{\"key\":\"s\"}}"), 201);
    own = world_get(w, RESOLVE "d").json;
    CHECK_STR("a", json_str_at(own, AT "accountName"));
    CHECK_STR("c", json_str_at(own, AT "containerName"));
    CHECK_STR("s", json_str_at(own, AT "credential"));
    put(w, "lake",
        body_of(
            w, "\"datastoreType\":\"AzureDataLakeGen2\",\"accountName\":\"a\",\"filesystem\":\"f\"",
            "{\"credentialsType\":\"ServicePrincipal\",\"clientId\":\"i\",\"tenantId\":\"t\","
            "\"secrets\":{\"clientSecret\":\"s-4\"}}"),
        201);
    own = world_get(w, RESOLVE "lake").json;
    CHECK_STR("f", json_str_at(own, AT "containerName"));
    CHECK_STR("s-4", json_str_at(own, AT "clientCredentials.clientSecret"));
    CHECK_STR("i", json_str_at(own, AT "clientCredentials.clientId"));
    put(w, "open", body_of(w, BLOB, NONE), 201);
    CHECK_STR("None", json_str_at(world_get(w, RESOLVE "open").json, AT "credentialType"));
}

TEST(what_cannot_be_prepared_from_is_refused)
{
    CLEANUP(world_close) struct world *w = world_open();

    CHECK_INT(404, world_get(w, RESOLVE "none").status);
    CHECK_INT(404,
              world_get(w, "/datastore/v1.0" RG "/elsewhere/datastores/workspaceblobstore").status);
    put(w, "h",
        body_of(w, "\"datastoreType\":\"Hdfs\",\"nameNodeAddress\":\"n\"",
                "{\"credentialsType\":\"KerberosPassword\",\"kerberosKdcAddress\":\"k\","
                "\"kerberosPrincipal\":\"p\",\"kerberosRealm\":\"r\","
                "\"secrets\":{\"kerberosPassword\":\"s-6\"}}"),
        201);
    CHECK_INT(501, world_get(w, RESOLVE "h").status);
    CHECK_INT(405, world_post(w, RESOLVE "h", "{}").status);
}

TEST(one_lake_needs_no_secret_and_has_none)
{
    CLEANUP(world_close) struct world *w = world_open();
    const char *body =
        body_of(w,
                "\"datastoreType\":\"OneLake\",\"oneLakeWorkspaceName\":\"w\","
                "\"artifact\":{\"artifactName\":\"l\",\"artifactType\":\"LakeHouse\"}",
                NONE);

    CHECK_INT(201, world_put(w, WS "/datastores/lake", body).status);
    struct fake_reply reply = world_get(w, WS "/datastores/lake");
    CHECK_STR("l", json_str_at(reply.json, "properties.artifact.artifactName"));
    CHECK_INT(400, world_post(w, WS "/datastores/lake/listSecrets", "{}").status);
}

TEST(a_key_beside_the_secrets_is_neither_kept_nor_shown)
{
    CLEANUP(world_close) struct world *w = world_open();
    const char *body = body_of(w, BLOB,
                               "{\"credentialsType\":\"AccountKey\",\"key\":\"out-of-place\","
                               "\"secrets\":{\"key\":\"k\"}}");

    CHECK_INT(201, world_put(w, WS "/datastores/d", body).status);
    CHECK(!world_stored(w, "out-of-place"));
}

TEST(what_is_wrong_with_a_datastore_is_said_by_its_field)
{
    static const struct {
        const char *members, *credentials, *target;
    } CASES[] = {
        {BLOB, "{\"credentialsType\":\"Magic\"}", "properties.credentials.credentialsType"},
        {BLOB, "{\"credentialsType\":\"AccountKey\"}", "properties.credentials.secrets"},
        {BLOB, "{\"credentialsType\":\"Sas\",\"secrets\":{\"key\":\"k\"}}",
         "properties.credentials.secrets"},
        {BLOB, "{\"credentialsType\":\"Sas\",\"secrets\":[]}", "properties.credentials.secrets"},
        {BLOB, "{\"credentialsType\":\"ServicePrincipal\",\"secrets\":{\"clientSecret\":\"k\"}}",
         "properties.credentials.clientId"},
        {BLOB, "7", "properties.credentials"},
        {BLOB ",\"isDefault\":\"yes\"", NONE, "properties.isDefault"},
        {"\"datastoreType\":\"OneLake\",\"oneLakeWorkspaceName\":\"w\"", NONE,
         "properties.artifact"},
        {"\"datastoreType\":\"Hdfs\"", NONE, "properties.nameNodeAddress"},
        {"\"datastoreType\":\"AzureDataLakeGen2\",\"accountName\":\"a\"", NONE,
         "properties.filesystem"},
    };
    CLEANUP(world_close) struct world *w = world_open();

    for (size_t i = 0; i < COUNT(CASES); i++) {
        struct fake_reply reply =
            world_put(w, WS "/datastores/bad", body_of(w, CASES[i].members, CASES[i].credentials));
        CHECK_INT(400, reply.status);
        CHECK_STR(CASES[i].target, world_target(reply));
    }
    CHECK_INT(404, world_get(w, WS "/datastores/bad").status);
}

TEST(a_put_without_the_secret_keeps_it_while_the_type_is_the_same)
{
    CLEANUP(world_close) struct world *w = world_open();
    const char *key = "{\"credentialsType\":\"AccountKey\",\"secrets\":{\"key\":\"k-1\"}}";

    put(w, "d", body_of(w, BLOB, key), 201);
    put(w, "d", body_of(w, BLOB, "{\"credentialsType\":\"AccountKey\"}"), 200);
    CHECK_STR("k-1", json_str_at(world_post(w, WS "/datastores/d/listSecrets", "{}").json, "key"));
    put(w, "d", body_of(w, BLOB, "{\"credentialsType\":\"Sas\"}"), 400);
    put(w, "d", body_of(w, BLOB, NONE), 200);
    CHECK_INT(400, world_post(w, WS "/datastores/d/listSecrets", "{}").status);
}

TEST(exactly_one_datastore_is_the_default)
{
    CLEANUP(world_close) struct world *w = world_open();

    CHECK_STR("workspaceblobstore", str_from(names(w, "isDefault=true")));
    struct json *born = world_get(w, WS "/datastores/workspaceblobstore").json;
    CHECK_STR("default", json_str_at(born, "properties.resourceGroup"));
    CHECK(json_str_at(born, "systemData.createdAt").len > 0);
    put(w, "a", body_of(w, BLOB ",\"isDefault\":true", NONE), 201);
    CHECK_STR("a", str_from(names(w, "isDefault=true")));
    put(w, "b", body_of(w, BLOB ",\"isDefault\":true", NONE), 201);
    CHECK_STR("b", str_from(names(w, "isDefault=true&count=30")));
    CHECK(!json_bool_at(world_get(w, WS "/datastores/a").json, "properties.isDefault", true));
    CHECK(!json_bool_at(world_get(w, WS "/datastores/workspaceblobstore").json,
                        "properties.isDefault", true));
    CHECK(json_bool_at(world_get(w, WS "/datastores/B").json, "properties.isDefault", false));
    /* A PUT that says nothing about it leaves it as it is. */
    put(w, "b", body_of(w, BLOB ",\"description\":\"x\"", NONE), 200);
    put(w, "a", body_of(w, BLOB ",\"isDefault\":false", NONE), 200);
    CHECK_STR("b", str_from(names(w, "isDefault=true")));
    CHECK_INT(409, world_delete(w, WS "/datastores/b").status);
    put(w, "b", body_of(w, BLOB ",\"isDefault\":false", NONE), 200);
    CHECK_STR("workspaceblobstore", str_from(names(w, "isDefault=true")));
    CHECK_INT(200, world_delete(w, WS "/datastores/b").status);
}

TEST(of_a_built_in_datastore_only_words_and_being_the_default_change)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct fake_reply reply = world_get(w, WS "/datastores/workspaceblobstore");
    struct json *body = json_parse(w->arena, reply.body, NULL);

    put(w, "a", body_of(w, BLOB ",\"isDefault\":true", NONE), 201);
    json_put(w->arena, body, "properties.description", json_text(w->arena, STR("ours")), NULL);
    json_put(w->arena, body, "properties.isDefault", json_bool(w->arena, true), NULL);
    put(w, "workspaceblobstore", json_write(w->arena, body).ptr, 200);
    CHECK_STR("workspaceblobstore", str_from(names(w, "isDefault=true")));
    reply = world_get(w, WS "/datastores/workspaceblobstore");
    CHECK_STR("ours", json_str_at(reply.json, "properties.description"));
    CHECK_INT(200, world_post(w, WS "/datastores/workspaceblobstore/listSecrets", "{}").status);
    put(w, "workspaceblobstore", body_of(w, BLOB, NONE), 409);
}

TEST(lists_are_searched_ordered_and_paged)
{
    CLEANUP(world_close) struct world *w = world_open();

    put(w, "beta", body_of(w, BLOB, NONE), 201);
    put(w, "Alpha", body_of(w, BLOB, NONE), 201);
    CHECK_STR("beta", str_from(names(w, "names=beta")));
    CHECK_STR("Alpha beta", str_from(names(w, "names=alpha,beta,none")));
    CHECK_STR("workspaceartifactstore workspaceblobstore",
              str_from(names(w, "searchText=WORKspace")));
    CHECK_STR("Alpha beta workspaceartifactstore workspaceblobstore",
              str_from(names(w, "orderBy=name&orderByAsc=true")));
    CHECK_STR("workspaceblobstore workspaceartifactstore beta Alpha",
              str_from(names(w, "orderBy=name&orderByAsc=false")));
    CHECK_STR("workspaceblobstore workspaceartifactstore beta Alpha",
              str_from(names(w, "orderByAsc=true")));
    struct fake_reply reply = world_get(w, WS "/datastores?orderBy=name&orderByAsc=true&count=3");
    CHECK_INT(3, json_count(json_at(reply.json, "value")));
    struct str next = json_str_at(reply.json, "nextLink");
    CHECK(next.len > STR("https://localhost:10443").len);
    next = str_slice(next, STR("https://localhost:10443").len, next.len);
    reply = world_get(w, arena_cstr(w->arena, next));
    CHECK_INT(1, json_count(json_at(reply.json, "value")));
    CHECK_STR("workspaceblobstore", json_str_at(reply.json, "value[0].name"));
    CHECK_INT(400, world_get(w, WS "/datastores?orderBy=colour").status);
    CHECK_INT(404, world_get(w, RG "/other/datastores").status);
}
