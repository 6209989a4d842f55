/* job_types.h - the bodies of all types of jobs, checked field by field
 *
 * What has an engine goes on to it; of the others a body at fault is told which field, and a good
 * one what is missing here. Nothing of them is stored.
 */
#pragma once

#include "arm/kind.h"

/* A new job's body. 0: a Command job whose members have the types they must have; literals that
 * came as numbers or true are texts now. Errors: ERROR_INVALID and ERROR_NOT_FOUND with the field,
 * ERROR_NOT_IMPLEMENTED naming what is not built. */
int job_types_check(struct arm_request *req, struct error *err);
