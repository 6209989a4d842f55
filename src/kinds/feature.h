/* feature.h - feature sets and the entities they belong to, as versioned resources */
#pragma once

#include "arm/kind.h"

extern const struct arm_kind featureset_kind, featureset_version_kind;
extern const struct arm_kind entity_kind, entity_version_kind;
extern const struct arm_kind feature_kind; /* featuresets/versions/features, only read */
