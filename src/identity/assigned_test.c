/* Principals of resources. */
#include "base/test.h"
#include "identity/assigned.h"
#include "identity/grant.h"
#include "identity/guard.h"
#include "identity/identity_private.h"
#include "identity/world_test.h"
#include "os/random.h"

#define WS \
    "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces"
#define ONE WS "/one"
#define ENDPOINT ONE "/onlineEndpoints/ep"

/* One write of a test. */
struct step {
    struct people_world *world;
    const char *id;
    bool drop, below;
    struct str object_id, client_id;
};

static int step_apply(struct store_txn *txn, void *context, struct error *err)
{
    struct step *step = context;
    struct assigned_wish wish = {.id = str_from(step->id),
                                 .display = STR("one"),
                                 .object_id = step->object_id,
                                 .client_id = step->client_id,
                                 .actor = STR("test")};

    if (step->drop)
        return assigned_drop(txn, wish.id, step->below, STR("test"), err);
    return assigned_ensure(txn, &wish, err);
}

static void ensure(struct people_world *w, const char *id)
{
    struct step step = {.world = w,
                        .id = id,
                        .object_id = random_uuid(w->arena),
                        .client_id = random_uuid(w->arena)};

    CHECK_OK(store_write(w->store, step_apply, &step, &w->err), &w->err);
    assigned_changed(w->identity);
}

static void drop(struct people_world *w, const char *id, bool below)
{
    struct step step = {.world = w, .id = id, .drop = true, .below = below};

    CHECK_OK(store_write(w->store, step_apply, &step, &w->err), &w->err);
    assigned_changed(w->identity);
}

/* Its object id, or "" when there is none. */
static struct str object_of(struct people_world *w, const char *id)
{
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(w->store, &w->err);
    struct principal who;
    struct error none = {0};

    if (assigned_find(txn, str_from(id), &who, &none) < 0) {
        CHECK_INT(ERROR_NOT_FOUND, none.code);
        return STR("");
    }
    CHECK_INT(PRINCIPAL_MANAGED, who.kind);
    return arena_str(w->arena, who.object_id);
}

TEST(a_resource_keeps_its_principal_until_it_goes_and_then_gets_another)
{
    struct people_world w;

    people_world_new(&w);
    ensure(&w, ENDPOINT);
    struct str first = object_of(&w, ENDPOINT);
    CHECK(first.len == 36);
    ensure(&w, ENDPOINT);
    CHECK(str_eq(first, object_of(&w, WS "/ONE/onlineEndpoints/EP"))); /* in any case */
    drop(&w, ENDPOINT, false);
    CHECK_INT(0, object_of(&w, ENDPOINT).len);
    drop(&w, ENDPOINT, false);
    ensure(&w, ENDPOINT);
    CHECK(!str_eq(first, object_of(&w, ENDPOINT)));
    people_world_end(&w);
}

TEST(what_lies_below_goes_only_when_asked_and_neighbours_stay)
{
    struct people_world w;

    people_world_new(&w);
    ensure(&w, ONE);
    ensure(&w, ENDPOINT);
    ensure(&w, WS "/one2");
    ensure(&w, WS "/one-b/computes/c");
    drop(&w, ONE, false);
    CHECK_INT(0, object_of(&w, ONE).len);
    CHECK(object_of(&w, ENDPOINT).len > 0);
    ensure(&w, ONE);
    drop(&w, ONE, true);
    CHECK_INT(0, object_of(&w, ONE).len);
    CHECK_INT(0, object_of(&w, ENDPOINT).len);
    CHECK(object_of(&w, WS "/one2").len > 0);
    CHECK(object_of(&w, WS "/one-b/computes/c").len > 0);
    people_world_end(&w);
}

static int count_grant(const struct grant *, void *context, struct error *)
{
    ++*(int *)context;
    return 0;
}

TEST(roles_are_given_to_it_and_go_with_it)
{
    struct people_world w;
    struct grant_wish wish = {.id = STR("00000000-0000-0000-0000-000000000001"),
                              .scope = STR(ONE),
                              .role = role_find(STR("Reader"))->id,
                              .actor = STR("test")};
    struct grant made;
    struct principal who;
    int count = 0;

    people_world_new(&w);
    ensure(&w, ENDPOINT);
    wish.principal = object_of(&w, ENDPOINT);
    CHECK_OK(grant_put(w.identity, w.arena, &wish, &made, &w.err), &w.err);
    CHECK_OK(principal_find(w.identity, w.arena, wish.principal, &who, &w.err), &w.err);
    CHECK_STR("one", who.display);
    struct secret_wish secret = {.number = who.number, .actor = STR("test")};
    struct secret_made none;
    CHECK_ERROR(ERROR_INVALID, principal_add_secret(w.identity, w.arena, &secret, &none, &w.err),
                &w.err);
    drop(&w, ONE, true);
    struct grant_query all = {.scope = STR("/"), .below = true};
    CHECK_OK(grant_list(w.identity, &all, count_grant, &count, &w.err), &w.err);
    CHECK_INT(0, count);
    people_world_end(&w);
}

static void answer(struct call *call)
{
    assert_non_null(call);
}

static void refuse(struct call *call, const struct error *err)
{
    assert_true(call && err);
}

TEST(what_it_makes_is_made_by_a_managed_identity)
{
    static const struct route ME = {.method = "GET",
                                    .path = "/lazurite/v1/me",
                                    .permit = PERMIT_ACTION,
                                    .action = "Microsoft.Authorization/me/read",
                                    .listeners = LISTEN_ALL,
                                    .run = answer,
                                    .refuse = refuse};
    struct people_world w;
    struct principal who;
    struct access_token token;
    struct str challenge;

    people_world_new(&w);
    ensure(&w, ENDPOINT);
    CHECK_OK(principal_find(w.identity, w.arena, object_of(&w, ENDPOINT), &who, &w.err), &w.err);
    struct access_ask ask = {.principal = &who, .audience = STR("https://management.azure.com")};
    CHECK_OK(principal_access_token(w.identity, w.arena, &ask, &token, &w.err), &w.err);
    struct guard_ask request = {.listener = LISTEN_TLS,
                                .peer = {.tls = true, .uid = (uid_t)-1},
                                .method = STR("GET"),
                                .path = STR("/lazurite/v1/me"),
                                .host = STR("localhost:10443"),
                                .authorization =
                                    arena_printf(w.arena, "Bearer %.*s", STR_ARG(token.text)),
                                .authorization_count = 1};
    struct call call = {.arena = w.arena, .route = &ME};
    CHECK_OK(guard_decide(w.identity, &request, &call, &challenge, &w.err), &w.err);
    CHECK_INT(MAKER_IDENTITY, call.caller.maker.kind);
    CHECK(str_eq(who.client_id, call.caller.maker.name));
    drop(&w, ENDPOINT, false);
    CHECK_ERROR(ERROR_UNAUTHENTICATED,
                guard_decide(w.identity, &request, &call, &challenge, &w.err), &w.err);
    people_world_end(&w);
}
