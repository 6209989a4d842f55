/* Batch endpoints and deployments as resources: defaults, references, states, what is not built. */
#include "kinds/shelf_test.h"

#include "base/test.h"

#define EP "/batchEndpoints/night"
#define DP EP "/deployments/first"
#define MFERP "@/mferp/managementfrontend" SHELF_SCOPE
#define ENDPOINT "{\"location\":\"local\",\"properties\":{\"authMode\":\"aadToken\"}}"
#define MODEL \
    "\"model\":{\"referenceType\":\"Id\",\"assetId\":\"" SHELF_SCOPE "/models/m/versions/1\"}"

static const char *deployment(struct shelf *s, const char *members)
{
    return arena_printf(s->arena, "{\"location\":\"local\",\"properties\":{%s}}", members).ptr;
}

static struct shelf *endpoint_open(void)
{
    struct shelf *s = shelf_open();

    shelf_stock(s);
    CHECK_INT(201, shelf_put(s, EP, ENDPOINT).status);
    return s;
}

TEST(a_batch_endpoint_always_has_defaults_and_an_address)
{
    CLEANUP(shelf_close) struct shelf *s = endpoint_open();
    struct fake_reply got = shelf_get(s, EP);

    CHECK_STR("AADToken", json_str_at(got.json, "properties.authMode"));
    CHECK(json_kind(json_at(got.json, "properties.defaults")) == JSON_OBJECT);
    CHECK_STR("https://localhost:10443" SHELF_SCOPE EP "/jobs",
              json_str_at(got.json, "properties.scoringUri"));
    CHECK_STR("Succeeded", json_str_at(got.json, "properties.provisioningState"));
    CHECK_INT(201, shelf_put(s, "/batchEndpoints/bare", "{\"properties\":{}}").status);
    CHECK(fake_reply_header(s->fake, "Azure-AsyncOperation").len > 0);
    CHECK_STR("local", json_str_at(shelf_get(s, "/batchEndpoints/bare").json, "location"));
}

TEST(a_batch_endpoint_refuses_what_it_cannot_be)
{
    CLEANUP(shelf_close) struct shelf *s = endpoint_open();

    shelf_refused(s, "/batchEndpoints/k", "{\"properties\":{\"authMode\":\"Key\"}}",
                  (struct shelf_refusal){501, "properties.authMode", "Key"});
    shelf_refused(s, "/batchEndpoints/k", "{\"properties\":{\"authMode\":\"Nose\"}}",
                  (struct shelf_refusal){400, "properties.authMode", "none of"});
    shelf_refused(s, "/batchEndpoints/k", "{\"properties\":{\"defaults\":[]}}",
                  (struct shelf_refusal){400, "properties.defaults", NULL});
    shelf_refused(s, EP, "{\"properties\":{\"defaults\":{\"deploymentName\":\"no\"}}}",
                  (struct shelf_refusal){400, "properties.defaults.deploymentName", "'no'"});
    shelf_refused(s, "/batchEndpoints/1x", ENDPOINT, (struct shelf_refusal){400, "name", NULL});
    CHECK_INT(404, shelf_get(s, "/batchEndpoints/k").status);
}

TEST(a_batch_deployment_gets_what_the_service_fills_in)
{
    CLEANUP(shelf_close) struct shelf *s = endpoint_open();
    struct fake_reply made = shelf_put(s, DP, deployment(s, MODEL ",\"compute\":\"cluster\""));

    CHECK_INT(201, made.status);
    CHECK_STR("AppendRow", json_str_at(made.json, "properties.outputAction"));
    CHECK_STR("predictions.csv", json_str_at(made.json, "properties.outputFileName"));
    CHECK_INT(10, json_int_at(made.json, "properties.miniBatchSize", 0));
    CHECK_INT(-1, json_int_at(made.json, "properties.errorThreshold", 0));
    CHECK_INT(3, json_int_at(made.json, "properties.retrySettings.maxRetries", 0));
    CHECK_STR("Succeeded", json_str_at(made.json, "properties.provisioningState"));
    CHECK_INT(1, shelf_edges(s, SHELF_SCOPE "/models/m/versions/1", SHELF_SCOPE DP));
    CHECK_INT(1, json_count(json_at(shelf_get(s, EP "/deployments").json, "value")));
}

TEST(a_batch_deployment_names_the_reference_at_fault)
{
    CLEANUP(shelf_close) struct shelf *s = endpoint_open();
    static const struct {
        const char *members;
        int status;
        const char *target;
    } CASES[] = {
        {"", 400, "properties.model"},
        {"\"model\":{}", 400, "properties.model.assetId"},
        {"\"model\":{\"referenceType\":\"Wave\"}", 400, "properties.model.referenceType"},
        {"\"model\":{\"referenceType\":\"DataPath\"}", 400, "properties.model.path"},
        {"\"model\":{\"referenceType\":\"OutputPath\"}", 400, "properties.model.jobId"},
        {"\"model\":{\"assetId\":\"azureml:no:1\"}", 404, "properties.model.assetId"},
        {"\"model\":{\"assetId\":\"" SHELF_OTHER "/models/m/versions/1\"}", 404,
         "properties.model.assetId"},
        {MODEL ",\"compute\":\"" SHELF_SCOPE "/computes/no\"", 404, "properties.compute"},
        {MODEL ",\"environmentId\":\"azureml:no:1\"", 404, "properties.environmentId"},
        {MODEL ",\"codeConfiguration\":{\"codeId\":\"azureml:c:1\"}", 400,
         "properties.codeConfiguration.scoringScript"},
        {MODEL ",\"codeConfiguration\":{\"codeId\":\"azureml:no:1\",\"scoringScript\":\"s.py\"}",
         404, "properties.codeConfiguration.codeId"},
        {MODEL ",\"miniBatchSize\":0", 400, "properties.miniBatchSize"},
        {MODEL ",\"miniBatchSize\":1.5", 400, "properties.miniBatchSize"},
        {MODEL ",\"errorThreshold\":-2", 400, "properties.errorThreshold"},
        {MODEL ",\"resources\":{\"instanceCount\":0}", 400, "properties.resources.instanceCount"},
        {MODEL ",\"retrySettings\":{\"timeout\":\"soon\"}", 400,
         "properties.retrySettings.timeout"},
        {MODEL ",\"outputAction\":\"Shout\"", 400, "properties.outputAction"},
        {"\"deploymentConfiguration\":{\"deploymentConfigurationType\":\"PipelineComponent\"}", 400,
         "properties.deploymentConfiguration.componentId.assetId"},
    };

    for (size_t i = 0; i < COUNT(CASES); i++)
        shelf_refused(s, DP, deployment(s, CASES[i].members),
                      (struct shelf_refusal){CASES[i].status, CASES[i].target, NULL});
    CHECK_INT(404, shelf_put(s, "/batchEndpoints/no/deployments/d", deployment(s, MODEL)).status);
    CHECK_INT(404, shelf_get(s, DP).status);
}

TEST(a_batch_deployment_of_a_pipeline_component_needs_no_model)
{
    CLEANUP(shelf_close) struct shelf *s = endpoint_open();

    CHECK_INT(201, shelf_put(s, "/components/p/versions/1",
                             "{\"properties\":{\"componentSpec\":{\"name\":\"p\",\"type\":"
                             "\"pipeline\",\"jobs\":{}}}}")
                       .status);
    CHECK_INT(201, shelf_put(s, DP,
                             deployment(s, "\"deploymentConfiguration\":{"
                                           "\"deploymentConfigurationType\":\"PipelineComponent\","
                                           "\"componentId\":{\"referenceType\":\"Id\","
                                           "\"assetId\":\"azureml:p:1\"}}"))
                       .status);
    CHECK_INT(1, shelf_edges(s, SHELF_SCOPE "/components/p/versions/1", SHELF_SCOPE DP));
}

TEST(the_default_deployment_goes_with_the_deployment)
{
    CLEANUP(shelf_close) struct shelf *s = endpoint_open();

    CHECK_INT(201, shelf_put(s, DP, deployment(s, MODEL)).status);
    CHECK_INT(200, shelf_put(s, EP,
                             "{\"properties\":{\"defaults\":{\"deploymentName\":"
                             "\"first\"}}}")
                       .status);
    CHECK_STR("first", json_str_at(shelf_get(s, EP).json, "properties.defaults.deploymentName"));
    CHECK_INT(202, shelf_delete(s, DP).status);
    CHECK_STR("", json_str_at(shelf_get(s, EP).json, "properties.defaults.deploymentName"));
    CHECK_INT(201, shelf_put(s, DP, deployment(s, MODEL)).status);
    CHECK_INT(202, shelf_delete(s, EP).status);
    CHECK_INT(404, shelf_get(s, DP).status);
    CHECK_INT(204, shelf_delete(s, EP).status);
}

TEST(a_patch_of_a_batch_endpoint_changes_what_it_names)
{
    CLEANUP(shelf_close) struct shelf *s = endpoint_open();
    struct fake_reply reply =
        fake_json(s->fake, "PATCH", SHELF_SCOPE EP, "{\"tags\":{\"owner\":\"me\"}}");

    CHECK_INT(200, reply.status);
    CHECK_STR("me", json_str_at(shelf_get(s, EP).json, "tags.owner"));
    CHECK_STR("AADToken", json_str_at(shelf_get(s, EP).json, "properties.authMode"));
}

TEST(batch_inference_says_that_it_is_not_built)
{
    CLEANUP(shelf_close) struct shelf *s = endpoint_open();
    struct fake_reply reply = shelf_post(s, EP "/jobs", "{\"properties\":{}}");

    CHECK_INT(501, reply.status);
    CHECK(str_find(json_str_at(reply.json, "error.message"), STR("Batch inference")) >= 0);
    CHECK_INT(404, shelf_post(s, "/batchEndpoints/no/jobs", "{}").status);
    CHECK_INT(400, shelf_post(s, EP "/listkeys", "").status);
}

TEST(a_batch_endpoint_has_no_jobs_and_says_so)
{
    CLEANUP(shelf_close) struct shelf *s = endpoint_open();
    struct fake_reply list = shelf_get(s, MFERP EP "/jobs?api-version=x");

    CHECK_INT(200, list.status);
    CHECK_INT(0, json_count(json_at(list.json, "value")));
    CHECK(json_kind(json_at(list.json, "value")) == JSON_ARRAY);
    CHECK_INT(404, shelf_get(s, MFERP "/batchEndpoints/no/jobs").status);
    CHECK_INT(404, shelf_get(s, MFERP DP "/jobs").status);
    CHECK_INT(201, shelf_put(s, DP, deployment(s, MODEL)).status);
    CHECK_INT(200, shelf_get(s, MFERP DP "/jobs").status);
    CHECK_INT(404, shelf_get(s, "@/mferp/managementfrontend" SHELF_OTHER EP "/jobs").status);
}
