/* Any path is matched or refused; what a handler would get holds no slash and no dot segment. */
#include "route/route.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void run(struct call *call)
{
    if (!call)
        abort();
}

static void refuse(struct call *call, const struct error *err)
{
    if (!call || !err)
        abort();
}

#define ROW(method, path, flags) \
    {method, path, PERMIT_PUBLIC, NULL, 0, flags, LISTEN_ALL, run, NULL, refuse}

static const struct route ROWS[] = {
    ROW("GET", "/", 0),
    ROW("GET", "/api/runs/get", 0),
    ROW("GET", "/api/runs/{run}", 0),
    ROW("POST", "/api/{version}/{path*}", 0),
    ROW("GET", "/subscriptions/{s}/workspaces/{w}/{type}/{name}", ROUTE_FOLD),
    ROW("GET", "/azureml-{guid}/{blob*}", 0),
    ROW("GET", "/{account}.blob.{suffix}/{container}/{blob*}", 0),
};

static struct router *our_router(void)
{
    static struct router *router;
    struct route_table table = {ROWS, COUNT(ROWS), NULL};

    if (!router && router_new(&table, 1, &router, NULL) < 0)
        abort();
    return router;
}

/* A rest may hold slashes, but no piece of it may climb. */
static void check_value(struct str value)
{
    struct str rest = value, piece;

    while (str_split(&rest, '/', &piece))
        if (str_eq(piece, STR(".")) || str_eq(piece, STR("..")))
            abort();
    if (str_find_char(value, '\\') >= 0 || str_find_char(value, '\0') >= 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(4 * MIB);
    struct call call = {.arena = arena};
    struct route_ask ask = {STR_INIT("GET"), {(const char *)bytes, size}, LISTEN_TLS};
    struct str allow = STR("");
    struct error err = {0};

    if (router_find(our_router(), &ask, &call, &allow, &err) < 0) {
        if (err.message[0] == '\0' || (err.code == ERROR_METHOD) != (allow.len > 0))
            abort();
        return 0;
    }
    for (size_t i = 0; i < call.param_count; i++) {
        check_value(call.params[i].value);
        if (call.params[i].name.len == 0)
            abort();
    }
    return 0;
}
