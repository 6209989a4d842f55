/* The SDK picks the entry whose resourceManager is a part of the URL it asked, and asks again for
 * each look-up: so the answer is public, quick, and spelled as the client's own address. */
#include "dataplane/internal.h"

#include "identity/identity.h"

#include <assert.h>
#include <sys/socket.h>

/* The address the client used when that is the TLS one, else ours. */
static struct str base_url(const struct call *call)
{
    const struct engines *engines = call->face;

    if (http_peer(call->ex)->tls)
        return arena_printf(call->arena, "https://%.*s", STR_ARG(http_header(call->ex, "host")));
    return engines->arm_endpoint;
}

/* Sets `before`, the domain, `after`. */
static void set_name(struct call *call, struct json *object, const char *key, const char *before,
                     const char *after)
{
    const struct engines *engines = call->face;

    assert(engines->domain.len > 0);
    json_set_str(call->arena, object, key,
                 arena_printf(call->arena, "%s.%.*s%s", before, STR_ARG(engines->domain), after));
}

/* Where people sign in. The azureml-mlflow plugin keeps what follows "https://" and parses it
 * again, when "localhost:10443" reads as a scheme of its own; an address in digits does not. */
static struct str login_url(const struct call *call)
{
    struct str base = base_url(call), name = STR("https://localhost:");
    sa_family_t family = http_peer(call->ex)->local.ss_family;

    if (!str_starts(base, name) || (family != AF_INET && family != AF_INET6))
        return base;
    return arena_printf(call->arena, "https://%s:%.*s", family == AF_INET ? "127.0.0.1" : "[::1]",
                        STR_ARG(str_slice(base, name.len, base.len)));
}

/* Where tokens would come from, and for whom they may be; `adfs` spares msal its instance
 * discovery. */
static struct json *authentication(struct call *call)
{
    const struct engines *engines = call->face;
    struct json *object = json_object(call->arena), *audiences = json_array(call->arena);

    assert(engines->identity);
    json_append(call->arena, audiences, json_text(call->arena, base_url(call)));
    json_append(call->arena, audiences,
                json_text(call->arena, identity_audience(engines->identity)));
    json_set_str(call->arena, object, "loginEndpoint", login_url(call));
    json_set(call->arena, object, STR("audiences"), audiences);
    json_set_str(call->arena, object, "tenant", STR("adfs"));
    json_set_str(call->arena, object, "identityProvider", STR("ADFS"));
    return object;
}

/* One cloud: the one that was asked. The suffix of storage begins with `core.` because the
 * storage library finds the account name by splitting the host at `.blob.core.`. */
void dataplane_metadata(struct call *call)
{
    struct arena *arena = call->arena;
    struct json *list = json_array(arena), *cloud = json_object(arena),
                *suffixes = json_object(arena);

    assert(call->face);
    json_set_str(arena, cloud, "name", STR("Lazurite"));
    json_set_str(arena, cloud, "resourceManager", base_url(call));
    set_name(call, cloud, "portal", "https://portal", "/");
    json_set(arena, cloud, STR("authentication"), authentication(call));
    json_set_str(arena, suffixes, "storage", arm_storage_suffix(call, call->face));
    set_name(call, suffixes, "keyVaultDns", "vault", "");
    set_name(call, suffixes, "acrLoginServer", "registry", "");
    json_set(arena, cloud, STR("suffixes"), suffixes);
    /* Terraform takes no cloud without a directory of people; asking there leads back here. */
    json_set_str(arena, cloud, "microsoftGraphResourceId", base_url(call));
    /* From this version on the asked cloud stands alone, as the Azure CLI reads it. */
    if (str_cmp(call_query(call, "api-version"), STR("2022-09-01")) >= 0) {
        arm_reply(call, 200, cloud);
        return;
    }
    json_append(arena, list, cloud);
    arm_reply(call, 200, list);
}

/* discoveryUrl of a workspace: where the data plane is. The service has a host for each of these,
 * and the SDK of the first version ends when one that it knows has none. */
void dataplane_discovery(struct call *call)
{
    static const char *const SERVICES[] = {"api",        "experimentation", "history",
                                           "hyperdrive", "modelmanagement", "pipelines",
                                           "studio"};
    struct json *body = json_object(call->arena);

    assert(call->face);
    for (size_t i = 0; i < COUNT(SERVICES); i++)
        json_set_str(call->arena, body, SERVICES[i], base_url(call));
    arm_reply(call, 200, body);
}
