/* connection.h - the categories of connections that Azure knows */
#pragma once

#include "base/str.h"

/* A category outside of this list is kept as it was written: clients know more with each release.
 */
struct connection_category {
    const char *name;  /* Azure's spelling */
    const char *group; /* "Azure", "AzureAI", "Database", "NoSQL", "File", … */
    bool data;         /* lists leave it out unless asked for all */
};

/* In any case; NULL when unknown. */
const struct connection_category *connection_category_find(struct str name);
