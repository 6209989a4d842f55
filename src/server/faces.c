#include "server/faces.h"

#include "blob/blob.h"
#include "dataplane/dataplane.h"
#include "dataplane/registry.h"
#include "kinds/batch.h"
#include "kinds/component.h"
#include "kinds/feature.h"
#include "kinds/hosted.h"
#include "kinds/index.h"
#include "kinds/job.h"
#include "kinds/kinds.h"
#include "kinds/lineage.h"
#include "kinds/location.h"
#include "kinds/online_deployment.h"
#include "kinds/online_endpoint.h"
#include "kinds/registry_data.h"
#include "kinds/role.h"
#include "kinds/storage_account.h"
#include "kinds/template.h"
#include "kinds/workspace_dependent.h"
#include "kinds/workspace_group.h"
#include "mlflow/mlflow.h"
#include "oauth/oauth.h"
#include "server/admin.h"

#include <assert.h>

/* clang-format off */
static const struct arm_kind *const KINDS[] = {
    &workspace_kind, &registry_kind,
    &datastore_kind,
    &code_kind, &code_version_kind,
    &data_kind, &data_version_kind,
    &model_kind, &model_version_kind,
    &environment_kind, &environment_version_kind,
    &compute_kind,
    &component_kind, &component_version_kind,
    &batch_endpoint_kind, &batch_deployment_kind,
    &featureset_kind, &featureset_version_kind, &feature_kind,
    &entity_kind, &entity_version_kind,
    &index_kind, &index_version_kind,
    &serverless_endpoint_kind, &marketplace_subscription_kind, &capability_host_kind,
    &connection_kind,
    &schedule_kind,
    &outbound_rule_kind, &outbound_dependency_kind,
    &private_endpoint_kind, &private_link_kind, &workspace_feature_kind,
    &job_kind,
    &online_endpoint_kind, &online_deployment_kind, &online_sku_kind,
};
/* clang-format on */

/* Every face in one table: two rows that shadow each other are found here, at the start. */
int faces_join(struct server *server, struct error *err)
{
    assert(server->engines.store && !server->router);
    const struct mlflow_options mlflow = {
        .engines = &server->engines,
        .default_scope = server->workspace.number,
    };

    server->kinds = KINDS;
    server->kind_count = COUNT(KINDS);
    server->arm = arm_new(KINDS, COUNT(KINDS), &server->engines);
    server->mlflow = mlflow_new(&mlflow);
    server->oauth = oauth_new(&server->engines);
    const struct route_table tables[] = {
        location_routes(&server->engines),
        admin_routes(server),
        arm_routes(server->arm),
        job_routes(&server->engines),
        blob_routes(&server->engines),
        mlflow_routes(server->mlflow),
        dataplane_routes(&server->engines),
        oauth_routes(server->oauth),
        batch_routes(&server->engines),
        lineage_routes(&server->engines),
        role_assignment_routes(&server->engines),
        role_definition_routes(&server->engines),
        role_people_routes(&server->engines),
        role_me_routes(&server->engines),
        index_routes(server->arm),
        datastore_routes(server->arm),
        registry_discovery_routes(&server->engines),
        registry_data_routes(server->arm),
        template_routes(server->arm),
        workspace_group_routes(server->arm),
        workspace_dependent_routes(server->arm),
        storage_account_routes(server->arm),
    };
    return router_new(tables, COUNT(tables), &server->router, err);
}
