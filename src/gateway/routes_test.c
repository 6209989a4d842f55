#include "base/buf.h"
#include "base/test.h"
#include "gateway/routes.h"

#include <openssl/sha.h>
#include <stdio.h>

/* The SHA-256 of "open sesame" in hex. */
static struct str hash_of(struct arena *arena, const char *key)
{
    unsigned char hash[SHA256_DIGEST_LENGTH];
    CLEANUP(buf_free) struct buf hex = buf_make(KIB);

    SHA256((const unsigned char *)key, str_from(key).len, hash);
    for (size_t i = 0; i < sizeof(hash); i++)
        buf_printf(&hex, "%02x", hash[i]);
    return arena_str(arena, buf_str(&hex));
}

#define DEPLOYMENT(name, weight, replicas)                                        \
    "{\"name\":\"" name "\",\"weight\":" weight ",\"concurrency\":2,\"queue\":1," \
    "\"queueWaitMs\":100,\"timeoutMs\":1000,\"replicas\":[" replicas "]}"
#define ENDPOINT(name, deployments) \
    "{\"name\":\"" name "\",\"keys\":[],\"deployments\":[" deployments "]}"
#define ALL(endpoints) "{\"endpoints\":[" endpoints "]}"

static int apply(struct gateway_routes *routes, const char *text, struct error *err)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct error bad = {0};
    struct json *value = json_parse(arena, str_from(text), &bad);

    CHECK(value != NULL);
    return routes_apply(routes, value, err);
}

static struct gateway_replica *replica_at(struct gateway_deployment *deployment, size_t index)
{
    struct list *link = deployment->replicas.next;

    while (index--)
        link = link->next;
    CHECK(link != &deployment->replicas);
    return CONTAINER_OF(link, struct gateway_replica, node);
}

static size_t length(const struct list *list)
{
    size_t count = 0;

    for (const struct list *link = list->next; link != list; link = link->next)
        count++;
    return count;
}

TEST(traffic_follows_the_weights)
{
    struct gateway_routes routes;
    struct error err = {0};
    int blue = 0;

    routes_init(&routes);
    CHECK_OK(apply(&routes,
                   ALL(ENDPOINT("colours", DEPLOYMENT("blue", "90", "") "," DEPLOYMENT(
                                               "green", "10", "") "," DEPLOYMENT("red", "0", ""))),
                   &err),
             &err);
    const struct gateway_endpoint *endpoint = routes_endpoint(&routes, STR("COLOURS"));
    CHECK(endpoint != NULL);
    for (uint64_t chance = 0; chance < 1000; chance++) {
        struct str name = str_from(routes_by_weight(endpoint, chance)->name);
        blue += str_eq(name, STR("blue"));
        CHECK(!str_eq(name, STR("red")));
    }
    CHECK_INT(900, blue);
    CHECK_STR("green", str_from(routes_named(endpoint, STR("Green"))->name));
    CHECK(routes_named(endpoint, STR("gree")) == NULL);
    CHECK(routes_endpoint(&routes, STR("colour")) == NULL);
    routes_free(&routes);
}

TEST(without_weights_nobody_is_chosen)
{
    struct gateway_routes routes;
    struct error err = {0};

    routes_init(&routes);
    CHECK_OK(apply(&routes, ALL(ENDPOINT("e", DEPLOYMENT("blue", "0", ""))), &err), &err);
    CHECK(routes_by_weight(routes_endpoint(&routes, STR("e")), 7) == NULL);
    routes_free(&routes);
}

TEST(only_the_right_key_fits)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct gateway_routes routes;
    struct error err = {0};

    routes_init(&routes);
    struct str text =
        arena_printf(arena, ALL("{\"name\":\"e\",\"keys\":[\"%s\",\"%s\"],\"deployments\":[]}"),
                     hash_of(arena, "one").ptr, hash_of(arena, "two").ptr);
    CHECK_OK(apply(&routes, text.ptr, &err), &err);
    const struct gateway_endpoint *endpoint = routes_endpoint(&routes, STR("e"));
    CHECK(routes_key_fits(endpoint, STR("one")) && routes_key_fits(endpoint, STR("two")));
    CHECK(!routes_key_fits(endpoint, STR("three")) && !routes_key_fits(endpoint, (struct str){0}));
    /* A regenerated key is forgotten at once. */
    text = arena_printf(arena, ALL("{\"name\":\"e\",\"keys\":[\"%s\"],\"deployments\":[]}"),
                        hash_of(arena, "two").ptr);
    CHECK_OK(apply(&routes, text.ptr, &err), &err);
    CHECK(!routes_key_fits(endpoint, STR("one")) && routes_key_fits(endpoint, STR("two")));
    routes_free(&routes);
}

TEST(the_ready_replica_with_the_least_to_do_is_picked)
{
    struct gateway_routes routes;
    struct error err = {0};
    bool any;

    routes_init(&routes);
    CHECK_OK(apply(&routes,
                   ALL(ENDPOINT(
                       "e", DEPLOYMENT("b", "100", "\"d00000001\",\"d00000002\",\"d00000003\""))),
                   &err),
             &err);
    struct gateway_deployment *b = routes_named(routes_endpoint(&routes, STR("e")), STR("b"));
    CHECK(routes_pick(b, NULL, &any) == NULL && !any);
    struct gateway_replica *first = replica_at(b, 0), *second = replica_at(b, 1);
    first->ready = second->ready = true;
    first->running = 1;
    CHECK(routes_pick(b, NULL, &any) == second && any);
    CHECK(routes_pick(b, second, &any) == first);
    first->running = second->running = 2;
    CHECK(routes_pick(b, NULL, &any) == NULL && any);
    first->running = second->running = 0;
    CHECK_STR("runs/d00000001/r.sock", str_from(first->socket));
    routes_free(&routes);
}

TEST(what_stays_keeps_its_state_and_what_goes_waits_for_its_requests)
{
    struct gateway_routes routes;
    struct error err = {0};

    routes_init(&routes);
    CHECK_OK(apply(&routes,
                   ALL(ENDPOINT(
                       "e", DEPLOYMENT("b", "100", "\"d00000001\",\"d00000002\"") "," DEPLOYMENT(
                                "g", "0", "\"d00000003\""))),
                   &err),
             &err);
    struct gateway_deployment *b = routes_named(routes_endpoint(&routes, STR("e")), STR("b"));
    struct gateway_deployment *g = routes_named(routes_endpoint(&routes, STR("e")), STR("g"));
    struct gateway_replica *stays = replica_at(b, 0), *goes = replica_at(b, 1);
    stays->ready = goes->ready = true;
    goes->running = 1;
    g->users = 1;
    CHECK_OK(apply(&routes, ALL(ENDPOINT("e", DEPLOYMENT("b", "50", "\"d00000001\""))), &err),
             &err);
    CHECK(routes_named(routes_endpoint(&routes, STR("e")), STR("b")) == b);
    CHECK(replica_at(b, 0) == stays && stays->ready && length(&b->replicas) == 1);
    CHECK_INT(50, b->weight);
    CHECK_INT(1, length(&routes.leaving));
    CHECK_INT(1, length(&routes.leaving_replicas));
    CHECK(!goes->ready);
    goes->running = 0;
    g->users = 0;
    routes_sweep(&routes);
    CHECK(list_empty(&routes.leaving) && list_empty(&routes.leaving_replicas));
    CHECK_OK(apply(&routes, ALL(""), &err), &err);
    CHECK(routes_endpoint(&routes, STR("e")) == NULL);
    routes_free(&routes);
}

TEST(routes_that_cannot_be_right_change_nothing)
{
    static const char *const BAD[] = {
        "{}",
        ALL("{\"keys\":[]}"),
        ALL("{\"name\":\"e\",\"keys\":[\"zz\"]}"),
        ALL("{\"name\":\"e\",\"keys\":[\"\",\"\",\"\",\"\",\"\"]}"),
        ALL(ENDPOINT("e", DEPLOYMENT("b", "101", ""))),
        ALL(ENDPOINT("e", DEPLOYMENT("b", "-1", ""))),
        ALL(ENDPOINT("e", DEPLOYMENT("b", "1", "\"../../run\""))),
        ALL(ENDPOINT("e", DEPLOYMENT("b", "1", "\"d0000000G\""))),
        ALL(ENDPOINT("e", DEPLOYMENT("b", "1", "7"))),
        ALL(ENDPOINT("e", "{\"name\":\"b\",\"weight\":1}")),
        ALL(ENDPOINT("1234567890123456789012345678901234567890123456789012345678901234", "")),
    };
    struct gateway_routes routes;
    struct error err = {0};

    routes_init(&routes);
    CHECK_OK(apply(&routes, ALL(ENDPOINT("kept", DEPLOYMENT("b", "100", ""))), &err), &err);
    for (size_t i = 0; i < COUNT(BAD); i++) {
        CHECK_ERROR(ERROR_INVALID, apply(&routes, BAD[i], &err), &err);
        CHECK(routes_endpoint(&routes, STR("kept")) != NULL);
        CHECK(routes_endpoint(&routes, STR("e")) == NULL);
    }
    routes_free(&routes);
}

TEST(the_status_shows_every_replica)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct gateway_routes routes;
    struct error err = {0};

    routes_init(&routes);
    CHECK_OK(apply(&routes, ALL(ENDPOINT("e", DEPLOYMENT("b", "100", "\"d00000001\""))), &err),
             &err);
    struct json *status = routes_status(&routes, arena);
    CHECK_STR("d00000001", json_str_at(status, "[0].deployments[0].replicas[0].name"));
    CHECK(!json_bool_at(status, "[0].deployments[0].replicas[0].ready", true));
    CHECK_INT(100, json_int_at(status, "[0].deployments[0].weight", 0));
    routes_free(&routes);
}
