/* managed.h - the identity endpoint of one attempt: what azure-identity looks for inside a job
 *
 * A listener on a loopback port that only this attempt is told of, in the three forms of Azure (App
 * Service, Azure ML, IMDS; security.md 4.3), each with the same 256 random bits as the key. Behind
 * it the runner asks the server, by the attempt's own token, for the same rights under the audience
 * that was asked for; what it gives dies with the attempt.
 */
#pragma once

#include "base/json.h"

struct attempt;
struct managed;

/* Listens. Where another runner was before, on its port and with its key, since the command knows
 * those. NULL when there is no server to ask or no port to have, which a line of lifecycle.log
 * says: a job that needs no token runs anyway. Owns: the caller. */
struct managed *managed_start(struct attempt *attempt);
/* For CLEANUP. */
void managed_end(struct managed **managed);

/* Adds the variables by which clients find it: IDENTITY_ENDPOINT and IDENTITY_HEADER, MSI_ENDPOINT
 * and MSI_SECRET, AZURE_POD_IDENTITY_AUTHORITY_HOST. Nothing without an endpoint. */
void managed_variables(const struct attempt *attempt, struct json *variables);
