#include "mlflow/handler.h"
#include "mlflow/reply.h"

#include <assert.h>

/* Clients ask before they send spans and large files; the version is the newest whose tracking
 * calls are answered here. Spans are not taken yet, so it stays below the first version that sends
 * them. */
#define MLFLOW_VERSION "3.1.4"

/* For load balancers, without a credential. */
void mlflow_health(struct call *call)
{
    reply_text(call, "text/plain", STR("OK"));
}

/* Clients choose by it which routes they may ask. */
void mlflow_version(struct call *call)
{
    reply_text(call, "text/plain", STR(MLFLOW_VERSION));
}

/* MLflow 3 asks what kind of store there is. */
int mlflow_server_info(struct ask *ask, struct out *out, struct error *)
{
    assert(ask->query);
    out_begin(out, NULL, '{');
    out_text(out, "store_type", STR("SqlStore"));
    out_bool(out, "workspaces_enabled", false);
    out_bool(out, "trace_archival_enabled", false);
    out_bool(out, "multipart_uploads_enabled", false);
    out_bool(out, "multipart_downloads_enabled", false);
    out_bool(out, "presigned_upload_run_id_supported", false);
    out_bool(out, "presigned_upload_model_id_supported", false);
    out_begin(out, "features_enabled", '{');
    out_bool(out, "gateway", false);
    out_end(out, '}');
    out_end(out, '}');
    return 0;
}
