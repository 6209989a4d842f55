/* Two addresses for the same thing: by account, as clients build it from a datastore, and bare,
 * which is what they make of it when they cut the first piece off (decisions 21). */
#include "blob/internal.h"

#define ACTION "Microsoft.MachineLearningServices/workspaces/metadata/artifacts/"
#define ACCOUNT "/{account}.blob.{suffix}"
#define LONG ACCOUNT "/{container}"
#define BARE "/azureml-{container}"

#define ROW(verb, template, what, handler)    \
    {.method = verb,                          \
     .path = template,                        \
     .permit = PERMIT_ACTION,                 \
     .action = ACTION what,                   \
     .flags = ROUTE_SAS,                      \
     .listeners = LISTEN_TLS | LISTEN_SOCKET, \
     .run = handler,                          \
     .refuse = blob_refuse}
#define BODY_ROW(verb, template, what, handler) \
    {.method = verb,                            \
     .path = template,                          \
     .permit = PERMIT_ACTION,                   \
     .action = ACTION what,                     \
     .body_limit = MIB,                         \
     .flags = ROUTE_SAS,                        \
     .listeners = LISTEN_TLS | LISTEN_SOCKET,   \
     .run = handler,                            \
     .refuse = blob_refuse}
/* An account has no name behind it, or an empty one. */
#define ACCOUNT_ROWS(template)                                \
    ROW("GET", template, "read", blob_get_service),           \
        ROW("HEAD", template, "read", blob_get_service),      \
        BODY_ROW("PUT", template, "write", blob_put_service), \
        BODY_ROW("POST", template, "write", blob_post_service)
#define PUT_ROW(template)                     \
    {.method = "PUT",                         \
     .path = template,                        \
     .permit = PERMIT_ACTION,                 \
     .action = ACTION "write",                \
     .body_limit = BLOB_BODY_BYTES,           \
     .flags = ROUTE_SAS | ROUTE_STREAM_IN,    \
     .listeners = LISTEN_TLS | LISTEN_SOCKET, \
     .run = blob_put_run,                     \
     .open = blob_put_open,                   \
     .refuse = blob_refuse}

static const struct route ROWS[] = {
    ACCOUNT_ROWS(ACCOUNT),
    ACCOUNT_ROWS(ACCOUNT "/{none*}"),
    ROW("GET", LONG, "read", blob_get_container),
    ROW("HEAD", LONG, "read", blob_get_container),
    BODY_ROW("PUT", LONG, "write", blob_put_container),
    BODY_ROW("POST", LONG, "write", blob_post_container),
    ROW("DELETE", LONG, "delete", blob_delete_container),
    ROW("GET", LONG "/{blob*}", "read", blob_get_item),
    ROW("HEAD", LONG "/{blob*}", "read", blob_get_item),
    ROW("DELETE", LONG "/{blob*}", "delete", blob_delete_item),
    PUT_ROW(LONG "/{blob*}"),
    ROW("GET", BARE, "read", blob_get_container),
    ROW("HEAD", BARE, "read", blob_get_container),
    ROW("GET", BARE "/{blob*}", "read", blob_get_item),
    ROW("HEAD", BARE "/{blob*}", "read", blob_get_item),
    ROW("DELETE", BARE "/{blob*}", "delete", blob_delete_item),
    PUT_ROW(BARE "/{blob*}"),
};

struct route_table blob_routes(struct engines *engines)
{
    return (struct route_table){.rows = ROWS, .count = COUNT(ROWS), .face = engines};
}
