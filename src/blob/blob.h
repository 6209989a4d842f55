/* blob.h - the storage surface that SDKs, CLI and runners upload to and download from
 *
 * A subset of Azure Blob: `/{account}.blob.{suffix}/{container}/{blob}` and, for containers that we
 * made, `/{container}/{blob}`. By a signature, by the account's key of the day, or by bearer
 * (security.md 3.5).
 */
#pragma once

#include "arm/kind.h"

/* The rows of the surface. */
struct route_table blob_routes(struct engines *engines);

/* For identity_on_sas: a signature or a shared key; `engines` is the context. Fills a CALLER_SAS.
 */
int blob_check_sas(struct call *call, struct caller *out, void *engines, struct error *err);
