/* The face and its rows. */
#include "oauth/oauth_private.h"

#include "http/text.h"
#include "oauth/page.h"

#include <assert.h>
#include <stdlib.h>

/* What is remembered here is memory of this process alone. */
struct oauth *oauth_new(struct engines *engines)
{
    struct oauth *oauth = calloc(1, sizeof(*oauth));

    assert(engines);
    if (!oauth)
        abort();
    oauth->engines = engines;
    oauth->flows = flows_new();
    oauth->throttle = throttle_new();
    return oauth;
}

/* For CLEANUP. */
void oauth_free(struct oauth **oauth)
{
    assert(oauth);
    if (!*oauth)
        return;
    flows_free(&(*oauth)->flows);
    throttle_free(&(*oauth)->throttle);
    free(*oauth);
    *oauth = NULL;
}

#define OPEN(method, path, run) \
    {method, path, PERMIT_PUBLIC, NULL, FORM_BYTES, 0, LISTEN_ALL, run, NULL, oauth_refuse}

static const struct route ROUTES[] = {
    OPEN("GET", "/{tenant}/v2.0/.well-known/openid-configuration", oauth_configuration),
    OPEN("GET", "/{tenant}/.well-known/openid-configuration", oauth_configuration),
    OPEN("GET", "/{tenant}/discovery/v2.0/keys", oauth_keys),
    OPEN("GET", "/{tenant}/discovery/keys", oauth_keys),
    OPEN("GET", "/common/discovery/instance", oauth_instance),
    OPEN("POST", "/{tenant}/oauth2/v2.0/token", oauth_token),
    OPEN("POST", "/{tenant}/oauth2/token", oauth_token),
    OPEN("POST", "/{tenant}/oauth2/v2.0/devicecode", oauth_device_code),
    OPEN("GET", "/{tenant}/oauth2/deviceauth", oauth_device_page),
    OPEN("POST", "/{tenant}/oauth2/deviceauth", oauth_device_answer),
    OPEN("GET", "/{tenant}/oauth2/v2.0/authorize", oauth_authorize),
    OPEN("POST", "/{tenant}/oauth2/v2.0/signin", oauth_sign_in),
    OPEN("GET", "/{tenant}/oauth2/v2.0/logout", oauth_log_out),
    OPEN("GET", "/{tenant}/oauth2/logout", oauth_log_out),
    OPEN("GET", "/oauth2/" PAGE_SCRIPT, page_script),
    OPEN("GET", "/oauth2/" PAGE_STYLE, page_style),
    {"POST", "/lazurite/v1/attempts/{attempt}/token", PERMIT_ATTEMPT, NULL, 4 * KIB, 0,
     LISTEN_SOCKET | LISTEN_TLS, oauth_attempt_token, NULL, arm_refuse},
};

/* The face is the context of each route. */
struct route_table oauth_routes(struct oauth *oauth)
{
    assert(oauth && oauth->engines);
    return (struct route_table){ROUTES, COUNT(ROUTES), oauth};
}
