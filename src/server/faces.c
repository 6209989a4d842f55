#include "server/faces.h"

#include "blob/blob.h"
#include "dataplane/dataplane.h"
#include "kinds/job.h"
#include "kinds/kinds.h"
#include "kinds/online_deployment.h"
#include "kinds/online_endpoint.h"
#include "mlflow/mlflow.h"
#include "oauth/oauth.h"
#include "server/admin.h"

#include <assert.h>

/* clang-format off */
static const struct arm_kind *const KINDS[] = {
    &workspace_kind,
    &datastore_kind,
    &code_kind, &code_version_kind,
    &data_kind, &data_version_kind,
    &model_kind, &model_version_kind,
    &environment_kind, &environment_version_kind,
    &compute_kind,
    &connection_kind,
    &schedule_kind,
    &job_kind,
    &online_endpoint_kind, &online_deployment_kind,
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

    server->arm = arm_new(KINDS, COUNT(KINDS), &server->engines);
    server->mlflow = mlflow_new(&mlflow);
    const struct route_table tables[] = {
        admin_routes(server),           arm_routes(server->arm),
        job_routes(&server->engines),   blob_routes(&server->engines),
        mlflow_routes(server->mlflow),  dataplane_routes(&server->engines),
        oauth_routes(&server->engines),
    };
    return router_new(tables, COUNT(tables), &server->router, err);
}
