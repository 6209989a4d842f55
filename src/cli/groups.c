/* groups.c - The groups in the order in which help lists them. */
#include "cli/command.h"

/* The order is that of the overview. */
const struct cli_group *const cli_groups[] = {
    &job_group,       &data_group,      &environment_group,     &model_group,
    &compute_group,   &datastore_group, &online_endpoint_group, &online_deployment_group,
    &workspace_group,
};
const size_t cli_group_count = COUNT(cli_groups);
