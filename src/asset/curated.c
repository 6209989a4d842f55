/* The environments we ship, for those surfaces that know assets but not the engine that makes
 * environments ready. */
#include "asset/asset.h"

#include "environment/curated.h"

#include <assert.h>

/* Kinds come this way, so that they need not know the engine of environments. */
struct json *asset_curated_environment(struct arena *arena, struct str name)
{
    assert(arena);
    return environment_curated(arena, name);
}

/* As asset_curated_environment. */
struct json *asset_curated_names(struct arena *arena)
{
    assert(arena);
    return environment_curated_names(arena);
}
