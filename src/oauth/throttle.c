/* Two counts of identity/limit.h: what one client may fail at an address, and what the address may
 * fail with whatever clients. */
#include "oauth/throttle.h"

#include "identity/limit.h"

#include <assert.h>
#include <stdlib.h>

#define CLIENT_FAILURES 10
#define ADDRESS_FAILURES 100

struct throttle {
    struct limit *clients, *addresses;
};

struct throttle *throttle_new(void)
{
    struct throttle *throttle = calloc(1, sizeof(*throttle));

    if (!throttle)
        abort();
    throttle->clients = limit_new(CLIENT_FAILURES);
    throttle->addresses = limit_new(ADDRESS_FAILURES);
    return throttle;
}

/* For CLEANUP. */
void throttle_free(struct throttle **throttle)
{
    assert(throttle);
    if (!*throttle)
        return;
    limit_free(&(*throttle)->clients);
    limit_free(&(*throttle)->addresses);
    free(*throttle);
    *throttle = NULL;
}

/* Before the proof is looked at, so that a throttled one learns nothing from the answer. */
int throttle_ask(struct throttle *throttle, struct str client, struct str address,
                 struct error *err)
{
    assert(throttle);
    if (!limit_reached(throttle->clients, client, address) &&
        !limit_reached(throttle->addresses, STR(""), address))
        return 0;
    return error_set(err, ERROR_TOO_MANY, "",
                     "Too many failed attempts from this address; wait a minute.");
}

/* Counted for the name and for the address as a whole: trying many names is held back, too. */
void throttle_fail(struct throttle *throttle, struct str client, struct str address)
{
    assert(throttle);
    limit_failed(throttle->clients, client, address);
    limit_failed(throttle->addresses, STR(""), address);
}
