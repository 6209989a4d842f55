/* Addresses that replies carry. One server is reached as localhost, by its name, through the
 * socket; an address is only of use to the client that it was made for, so all are made from its
 * Host header. */
#include "arm/internal.h"

#include "asset/asset.h"

#include <assert.h>

/* HTTP/1.1 demands a Host; the fallback is for those who ask by 1.0. */
struct str arm_host(const struct call *call)
{
    struct str host = http_header(call->ex, "Host");

    assert(call->ex);
    return host.len ? host : STR("localhost");
}

struct str arm_base_url(const struct call *call)
{
    const struct http_peer *peer = http_peer(call->ex);

    assert(peer);
    /* The socket stands for the TLS listener: the CLI says its host and port. */
    bool secure = peer->tls || peer->unix_socket;
    return arena_printf(call->arena, "%s://%.*s", secure ? "https" : "http",
                        STR_ARG(arm_host(call)));
}

struct str arm_storage_suffix(const struct call *call, const struct engines *engines)
{
    assert(engines->domain.len > 0);
    if (engines->storage_by_host && engines->storage_suffix.len > 0)
        return engines->storage_suffix;
    return arena_printf(call->arena, "core.%.*s", STR_ARG(engines->domain));
}

struct str arm_account_name(const struct call *call, const struct engines *engines,
                            const struct scope *scope)
{
    assert(scope->guid.len > 0);
    if (engines->storage_by_host)
        return asset_account(call->arena, scope);
    return arena_printf(call->arena, "%.*s/%.*s", STR_ARG(arm_host(call)),
                        STR_ARG(asset_account(call->arena, scope)));
}

struct str arm_container_url(const struct call *call, const struct engines *engines,
                             const struct scope *scope, struct str container)
{
    assert(container.len > 0);
    return arena_printf(call->arena, "https://%.*s.blob.%.*s/%.*s",
                        STR_ARG(arm_account_name(call, engines, scope)),
                        STR_ARG(arm_storage_suffix(call, engines)), STR_ARG(container));
}
