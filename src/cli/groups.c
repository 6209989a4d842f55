/* groups.c - The groups in the order in which help lists them. */
#include "cli/command.h"

/* The order is that of the overview: work, what it needs, what holds it, who there is. */
const struct cli_group *const cli_groups[] = {
    &job_group,
    &data_group,
    &environment_group,
    &model_group,
    &component_group,
    &schedule_group,
    &online_endpoint_group,
    &online_deployment_group,
    &batch_endpoint_group,
    &batch_deployment_group,
    &compute_group,
    &datastore_group,
    &connection_group,
    &workspace_group,
    &outbound_rule_group,
    &registry_group,
    &index_group,
    &feature_store_group,
    &feature_store_entity_group,
    &feature_set_group,
    &serverless_endpoint_group,
    &marketplace_subscription_group,
    &capability_host_group,
    &account_group,
    &config_group,
    &user_group,
    &service_principal_group,
    &role_group,
    &token_group,
};
const size_t cli_group_count = COUNT(cli_groups);
