/* role.h - role assignments and role definitions below every scope, and the people they are given
 * to
 *
 * Azure's own rows of Microsoft.Authorization, and ours below /lazurite/v1 for users, service
 * principals and groups (docs/identity.md).
 */
#pragma once

#include "arm/kind.h"

/* The rows; the engines outlive their last request. */
struct route_table role_assignment_routes(struct engines *engines);
struct route_table role_definition_routes(struct engines *engines);
struct route_table role_people_routes(struct engines *engines);
/* The rows below /lazurite/v1/me, for whoever has proven who he is. */
struct route_table role_me_routes(struct engines *engines);
