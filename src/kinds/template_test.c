#include "kinds/template_expr.h"

#include "base/test.h"
#include "content/content.h"
#include "kinds/kinds.h"
#include "kinds/space_test.h"
#include "kinds/template.h"
#include "os/file.h"
#include "vault/vault.h"

#include <string.h>

/* Expressions of ARM templates, and what deployments make of them. */

static struct template template_of(struct arena *arena)
{
    return (struct template){
        .arena = arena,
        .parameters = json_parse(arena,
                                 STR("{\"name\":\"ws\",\"on\":true,\"off\":\"false\",\"list\":[1,"
                                     "\"b\"],\"object\":{\"In\":{\"x\":[\"y\"]}},\"empty\":\"\"}"),
                                 NULL),
        .variables = json_parse(arena,
                                STR("{\"twice\":\"[concat(parameters('name'), variables('one'))]\","
                                    "\"one\":\"1\",\"round\":\"[variables('turn')]\","
                                    "\"turn\":\"[variables('round')]\",\"deep\":{\"a\":"
                                    "\"[variables('one')]\"}}"),
                                NULL),
        .subscription = STR("s1"),
        .group = STR("rg"),
        .location = STR("local"),
        .tenant = STR("t1"),
        .deployment = STR("dep"),
    };
}

TEST(expressions_give_what_azure_gives)
{
    static const struct {
        const char *text, *want;
    } CASES[] = {
        {"plain", "\"plain\""},
        {"[[literal]", "\"[literal]\""},
        {"[parameters('name')]", "\"ws\""},
        {"[ parameters( 'NAME' ) ]", "\"ws\""},
        {"[variables('twice')]", "\"ws1\""},
        {"[variables('deep').a]", "\"1\""},
        {"[concat('a', 'it''s', 3)]", "\"ait's3\""},
        {"[concat(parameters('list'), createArray('c'))]", "[1,\"b\",\"c\"]"},
        {"[if(parameters('on'), 'yes', parameters('nothing'))]", "\"yes\""},
        {"[if(equals(parameters('name'), 'WS'), 1, 2)]", "1"},
        {"[and(false(), parameters('nothing'))]", "false"},
        {"[and(true(), parameters('on'))]", "true"},
        {"[or(true(), parameters('nothing'))]", "true"},
        {"[or(false(), false())]", "false"},
        {"[not(empty(parameters('empty')))]", "false"},
        {"[empty(null())]", "true"},
        {"[json('null')]", "null"},
        {"[json('{\"a\":1}').a]", "1"},
        {"[parameters('object').in.x[0]]", "\"y\""},
        {"[parameters('object')['In']['x']]", "[\"y\"]"},
        {"[parameters('list')[1]]", "\"b\""},
        {"[toLower('AbC')]", "\"abc\""},
        {"[toUpper('AbC')]", "\"ABC\""},
        {"[trim(' a ')]", "\"a\""},
        {"[format('{0}-{1}', 'a', 2)]", "\"a-2\""},
        {"[replace('a.b.c', '.', '-')]", "\"a-b-c\""},
        {"[substring('abcdef', 2, 3)]", "\"cde\""},
        {"[substring('abc', 1)]", "\"bc\""},
        {"[startsWith('abc', 'AB')]", "true"},
        {"[contains(parameters('list'), 'b')]", "true"},
        {"[contains(parameters('object'), 'in')]", "true"},
        {"[contains('abc', 'd')]", "false"},
        {"[bool('true')]", "true"},
        {"[int('12')]", "12"},
        {"[-5]", "-5"},
        {"[coalesce(null(), 'a')]", "\"a\""},
        {"[createObject('a', 1, 'b', createArray())]", "{\"a\":1,\"b\":[]}"},
        {"[union(createObject('a', 1), createObject('a', 2, 'b', 3))]", "{\"a\":2,\"b\":3}"},
        {"[length('abc')]", "3"},
        {"[length(parameters('list'))]", "2"},
        {"[string(parameters('list'))]", "\"[1,\\\"b\\\"]\""},
        {"[array('a')]", "[\"a\"]"},
        {"[subscription().subscriptionId]", "\"s1\""},
        {"[tenant().tenantId]", "\"t1\""},
        {"[reference('/x/userAssignedIdentities/i', '1').clientId]", "\"\""},
        {"[resourceGroup().location]", "\"local\""},
        {"[deployment().name]", "\"dep\""},
        {"[resourceId('Microsoft.KeyVault/vaults', 'kv')]",
         "\"/subscriptions/s1/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/kv\""},
        {"[resourceId('g2', 'A/b/c', 'x', 'y')]",
         "\"/subscriptions/s1/resourceGroups/g2/providers/A/b/x/c/y\""},
        {"[resourceId('s2', 'g2', 'A/b', 'x')]",
         "\"/subscriptions/s2/resourceGroups/g2/providers/A/b/x\""},
        {"[equals(uniqueString('a', 'b'), uniqueString('a', 'b'))]", "true"},
        {"[equals(uniqueString('a'), uniqueString('b'))]", "false"},
        {"[length(uniqueString('a'))]", "13"},
        {"[length(guid('a'))]", "36"},
    };
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct template t = template_of(arena);

    for (size_t i = 0; i < COUNT(CASES); i++) {
        struct error err = {0};
        struct json *value = template_text(&t, str_from(CASES[i].text), &err);
        if (!value)
            test_check_str(CASES[i].text, str_from(err.message), __FILE__, __LINE__);
        CHECK_STR(CASES[i].want, json_write(arena, value));
    }
}

TEST(expressions_that_mean_nothing_are_refused)
{
    static const struct {
        const char *text;
        enum error_code code;
    } CASES[] = {
        {"[]", ERROR_INVALID},
        {"[a]", ERROR_INVALID},
        {"[concat('a'", ERROR_NONE}, /* no expression without its end: a text */
        {"[concat('a']", ERROR_INVALID},
        {"[concat('a)]", ERROR_INVALID},
        {"[concat('a') 'b']", ERROR_INVALID},
        {"[parameters('nothing')]", ERROR_INVALID},
        {"[variables('nothing')]", ERROR_INVALID},
        {"[variables('round')]", ERROR_INVALID},
        {"[parameters('list')[7]]", ERROR_INVALID},
        {"[parameters('list')[-1]]", ERROR_INVALID},
        {"[parameters('name').x]", ERROR_INVALID},
        {"[if(true())]", ERROR_INVALID},
        {"[equals('a')]", ERROR_INVALID},
        {"[not()]", ERROR_INVALID},
        {"[resourceId('a', 'b')]", ERROR_INVALID},
        {"[resourceId('A/b/c', 'x')]", ERROR_INVALID},
        {"[format('{1}', 'a')]", ERROR_INVALID},
        {"[format('{x}', 'a')]", ERROR_INVALID},
        {"[format('}{', 'a')]", ERROR_INVALID},
        {"[substring('a', 2)]", ERROR_INVALID},
        {"[substring('a', 0, 5)]", ERROR_INVALID},
        {"[replace('a', '', 'b')]", ERROR_INVALID},
        {"[createObject('a')]", ERROR_INVALID},
        {"[json('{')]", ERROR_INVALID},
        {"[int('x')]", ERROR_INVALID},
        {"[99999999999999999999]", ERROR_INVALID},
        {"[reference('x').y]", ERROR_NOT_IMPLEMENTED},
        {"[listKeys('x', '1')]", ERROR_NOT_IMPLEMENTED},
    };
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);

    for (size_t i = 0; i < COUNT(CASES); i++) {
        struct template t = template_of(arena);
        struct error err = {0};
        template_text(&t, str_from(CASES[i].text), &err);
        if (err.code != CASES[i].code)
            test_check_str(CASES[i].text, str_from(err.message), __FILE__, __LINE__);
    }
}

TEST(expressions_cannot_eat_the_memory)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct template t = template_of(arena);
    struct json *variables = json_object(arena);
    struct str text = STR("[concat('a', 'a')]");
    struct error err = {0};

    /* Each variable doubles the one before: 2^30 characters at the last. */
    for (int i = 0; i < 30; i++) {
        struct str name = arena_printf(arena, "v%d", i);
        json_set_str(arena, variables, name.ptr, text);
        text = arena_printf(arena, "[concat(variables('v%d'), variables('v%d'))]", i, i);
    }
    t.variables = variables;
    CHECK(!template_text(&t, text, &err));
    CHECK_INT(ERROR_INVALID, err.code);
    struct str deep = STR("1");
    for (int i = 0; i < 200; i++)
        deep = arena_printf(arena, "string(%.*s)", STR_ARG(deep));
    t = template_of(arena);
    CHECK(!template_text(&t, arena_printf(arena, "[%.*s]", STR_ARG(deep)), &err));
    CHECK_INT(ERROR_INVALID, err.code);
}

/* --- Deployments -------------------------------------------------------------------------------
 */

#define GROUP "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/fresh"
#define DEPLOYMENT GROUP "/providers/Microsoft.Resources/deployments/dep1"
#define WS GROUP "/providers/Microsoft.MachineLearningServices/workspaces/"

static struct fake_reply deploy(struct fixture *f, const char *resources)
{
    struct str body = arena_printf(
        f->arena,
        "{\"properties\":{\"mode\":\"incremental\",\"parameters\":{\"workspaceName\":{\"value\":"
        "\"wsnew\"},\"gone\":{\"value\":null}},\"template\":{\"parameters\":{\"workspaceName\":{"
        "\"type\":\"string\"},\"gone\":{},\"kind\":{\"defaultValue\":\"Default\"},\"where\":{"
        "\"defaultValue\":\"[resourceGroup().location]\"}},\"variables\":{\"no\":false},"
        "\"resources\":%s}}}",
        resources);

    return fake_json(f->fake, "PUT", DEPLOYMENT "?api-version=2020-06-01", body.ptr);
}

#define WORKSPACE                                                                              \
    "{\"type\":\"Microsoft.MachineLearningServices/workspaces\",\"name\":"                     \
    "\"[parameters('workspaceName')]\",\"location\":\"[parameters('where')]\",\"kind\":"       \
    "\"[parameters('kind')]\",\"properties\":{\"friendlyName\":\"[concat('a ', 'friend')]\","  \
    "\"description\":\"[parameters('gone')]\",\"keyVault\":\"[resourceId('Microsoft.KeyVault/" \
    "vaults', 'kv')]\"}"

TEST(a_template_makes_a_workspace_and_what_lies_in_it)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();
    struct fake_reply reply =
        deploy(f, "[{\"type\":\"Microsoft.MachineLearningServices/workspaces/data/versions\","
                  "\"name\":\"wsnew/d/1\",\"properties\":{\"dataUri\":\"https://e.example/d\"}},"
                  "{\"type\":\"Microsoft.Storage/storageAccounts\",\"name\":\"sa\"},"
                  "{\"condition\":\"[variables('no')]\",\"type\":\"Microsoft.KeyVault/vaults\","
                  "\"name\":\"kv\"}," WORKSPACE ",\"resources\":[{\"type\":\"data/versions\","
                  "\"name\":\"e/2\",\"properties\":{\"dataUri\":\"https://e.example/e\"}}]}]");

    CHECK_INT(201, reply.status);
    CHECK_STR(DEPLOYMENT, json_str_at(reply.json, "id"));
    CHECK_STR("Succeeded", json_str_at(reply.json, "properties.provisioningState"));
    CHECK_STR(WS "wsnew", json_str_at(reply.json, "properties.outputResources[0].id"));
    CHECK(fake_reply_header(f->fake, "Azure-AsyncOperation").len > 0);
    reply = fake_send(f->fake, "GET", WS "wsnew", STR(""));
    CHECK_STR("a friend", json_str_at(reply.json, "properties.friendlyName"));
    CHECK_STR("local", json_str_at(reply.json, "location"));
    CHECK_STR(GROUP "/providers/Microsoft.KeyVault/vaults/kv",
              json_str_at(reply.json, "properties.keyVault"));
    CHECK_INT(200, fake_send(f->fake, "GET", WS "wsnew/data/d/versions/1", STR("")).status);
    CHECK_INT(200, fake_send(f->fake, "GET", WS "wsnew/data/e/versions/2", STR("")).status);
}

/* A deployment of one workspace whose template has these outputs. */
static struct fake_reply deploy_outputs(struct fixture *f, const char *outputs)
{
    struct str body = arena_printf(
        f->arena,
        "{\"properties\":{\"mode\":\"Incremental\",\"template\":{\"variables\":{\"n\":3},"
        "\"resources\":[{\"type\":\"Microsoft.MachineLearningServices/workspaces\",\"name\":"
        "\"wsout\",\"location\":\"local\"}],\"outputs\":%s}}}",
        outputs);

    return fake_json(f->fake, "PUT", DEPLOYMENT "?api-version=2020-06-01", body.ptr);
}

TEST(a_template_tells_its_outputs)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();
    struct fake_reply reply = deploy_outputs(
        f, "{\"name\":{\"type\":\"string\",\"value\":\"[concat('a', '-', 'b')]\"},"
           "\"n\":{\"type\":\"int\",\"value\":\"[variables('n')]\"},"
           "\"no\":{\"type\":\"string\",\"condition\":false,\"value\":\"[nonsense()]\"},"
           "\"secret\":{\"type\":\"secureString\",\"value\":\"hidden\"},"
           "\"later\":{\"type\":\"string\",\"value\":\"[reference('x').y]\"},"
           "\"empty\":{\"type\":\"string\"}}");

    CHECK_INT(201, reply.status);
    CHECK_STR("{\"name\":{\"type\":\"String\",\"value\":\"a-b\"},"
              "\"n\":{\"type\":\"Int\",\"value\":3}}",
              json_write(f->arena, json_at(reply.json, "properties.outputs")));
    reply = fake_send(f->fake, "GET", DEPLOYMENT, STR(""));
    CHECK_STR("a-b", json_str_at(reply.json, "properties.outputs.name.value"));
    reply = deploy_outputs(f, "{\"x\":{\"type\":\"string\",\"value\":\"[variables('none')]\"}}");
    CHECK_INT(400, reply.status);
}

TEST(a_deployment_is_followed_by_either_of_its_paths)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();

    CHECK_INT(404, fake_send(f->fake, "GET", DEPLOYMENT, STR("")).status);
    CHECK_INT(404, fake_send(f->fake, "HEAD", DEPLOYMENT, STR("")).status);
    CHECK_INT(201,
              deploy(f,
                     "[{\"type\":\"Microsoft.Storage/storageAccounts\",\"name\":\"sa\"}," WORKSPACE
                     "}]")
                  .status);
    CHECK_INT(200, fake_send(f->fake, "GET", DEPLOYMENT, STR("")).status);
    CHECK_INT(204, fake_send(f->fake, "HEAD", DEPLOYMENT, STR("")).status);
    CHECK_STR(
        "Succeeded",
        json_str_at(fake_send(f->fake, "GET", DEPLOYMENT "/operationStatuses/1", STR("")).json,
                    "status"));
    struct fake_reply reply =
        fake_send(f->fake, "GET", GROUP "/deployments/dep1/operations", STR(""));
    CHECK_INT(2, json_count(json_at(reply.json, "value")));
    CHECK_STR("Microsoft.Storage/storageAccounts",
              json_str_at(reply.json, "value[0].properties.targetResource.resourceType"));
    CHECK_STR(WS "wsnew", json_str_at(reply.json, "value[1].properties.targetResource.id"));
    /* Again: an update, and one deployment of the name. */
    CHECK_INT(201, deploy(f, "[" WORKSPACE "}]").status);
    reply = fake_send(f->fake, "GET", DEPLOYMENT "/operations", STR(""));
    CHECK_INT(1, json_count(json_at(reply.json, "value")));
}

TEST(deployments_of_a_group_are_listed_and_removed_without_what_they_made)
{
    static const char LIST[] = GROUP "/providers/Microsoft.Resources/deployments";
    CLEANUP(fixture_close) struct fixture *f = fixture_open();

    CHECK_INT(0, json_count(json_at(fake_send(f->fake, "GET", LIST, STR("")).json, "value")));
    CHECK_INT(204, fake_send(f->fake, "DELETE", DEPLOYMENT, STR("")).status);
    CHECK_INT(201, deploy(f, "[" WORKSPACE "}]").status);
    struct fake_reply reply = fake_send(f->fake, "GET", LIST, STR(""));
    CHECK_INT(1, json_count(json_at(reply.json, "value")));
    reply = fake_send(f->fake, "GET", GROUP "/providers/Microsoft.Resources/deployments/", STR(""));
    CHECK_INT(1, json_count(json_at(reply.json, "value")));
    CHECK_STR(DEPLOYMENT, json_str_at(reply.json, "value[0].id"));
    CHECK(!json_at(reply.json, "value[0].operations"));
    CHECK_INT(204, fake_send(f->fake, "DELETE", DEPLOYMENT, STR("")).status);
    CHECK_INT(404, fake_send(f->fake, "GET", DEPLOYMENT, STR("")).status);
    CHECK_INT(200, fake_send(f->fake, "GET", WS "wsnew", STR("")).status);
}

TEST(templates_that_cannot_be_done_make_nothing)
{
    static const struct {
        const char *resources;
        int status;
    } BAD[] = {
        {"[]", 501},
        {"[{\"type\":\"Microsoft.Storage/storageAccounts\",\"name\":\"sa\"}]", 501},
        {"[{\"name\":\"x\"}]", 400},
        {"[{\"type\":\"Microsoft.MachineLearningServices/workspaces\",\"name\":\"a/b\"}]", 400},
        {"[{\"type\":\"Microsoft.MachineLearningServices/virtual\",\"name\":\"a\"}]", 400},
        {"[{\"type\":\"Microsoft.MachineLearningServices/workspaces\",\"name\":\"[foo()]\"}]", 501},
        {"[{\"type\":\"Microsoft.MachineLearningServices/workspaces\",\"name\":\"w w\"}]", 400},
        {"[{\"type\":\"Microsoft.MachineLearningServices/"
         "workspaces\",\"name\":\"ww\",\"copy\":{}}]",
         501},
        {"[{\"type\":\"Microsoft.MachineLearningServices/workspaces\",\"name\":\"ww\",\"kind\":"
         "\"Castle\"}]",
         400},
        {"[{\"type\":\"Microsoft.MachineLearningServices/workspaces/data\",\"name\":\"none/d\"}]",
         404},
    };
    CLEANUP(fixture_close) struct fixture *f = fixture_open();

    for (size_t i = 0; i < COUNT(BAD); i++) {
        CHECK_INT(BAD[i].status, deploy(f, BAD[i].resources).status);
        CHECK_INT(404, fake_send(f->fake, "GET", DEPLOYMENT, STR("")).status);
    }
    CHECK_INT(400, fake_json(f->fake, "PUT", DEPLOYMENT, "{}").status);
    CHECK_INT(400, fake_json(f->fake, "PUT", DEPLOYMENT, "[").status);
    CHECK_INT(400, fake_json(f->fake, "PUT", DEPLOYMENT,
                             "{\"properties\":{\"templateLink\":{\"uri\":\"https://e\"}}}")
                       .status);
    CHECK_INT(400,
              fake_json(f->fake, "PUT", DEPLOYMENT,
                        "{\"properties\":{\"parameters\":{\"x\":{\"value\":1}},\"template\":{}}}")
                  .status);
    CHECK_INT(
        0, json_count(json_at(
               fake_send(f->fake, "GET",
                         GROUP "/providers/Microsoft.MachineLearningServices/workspaces", STR(""))
                   .json,
               "value")));
}
