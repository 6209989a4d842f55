/* Tokens for what runs here: its own rights, any audience of ours, and nobody else's attempt. */
#include "oauth/world_test.h"

#include "job/attempt.h"
#include "os/clock.h"
#include "tracking/tracking.h"

#define RESOURCE "{\"resource\":\"https://ml.azure.com/\"}"

/* Makes the run of a job. */
static int insert_run(struct store_txn *txn, void *context, struct error *err)
{
    return run_insert(txn, context, err);
}

/* The attempt 2 of a job in workspace 7, as the guard would have found it. */
static struct str add_job(struct world *w)
{
    struct run run = {.scope = 7,
                      .run_id = STR("calm_owl"),
                      .kind = RUN_COMMAND,
                      .status = RUN_RUNNING,
                      .name = STR("calm_owl")};
    struct error err = {0};

    CHECK_OK(store_write(w->engines.store, insert_run, &run, &err), &err);
    w->caller = (struct caller){.kind = CALLER_ATTEMPT,
                                .name = STR("calm_owl"),
                                .object_id = STR("guid-of-the-workspace"),
                                .scope = 7,
                                .run = STR("calm_owl"),
                                .attempt = 2};
    return attempt_name(w->arena, run.run, 2);
}

static struct reply ask(struct world *w, struct str attempt, const char *body)
{
    struct str target =
        arena_printf(w->arena, "/lazurite/v1/attempts/%.*s/token", STR_ARG(attempt));

    return world_send(w, &(struct question){"POST", target.ptr, body, "application/json", NULL});
}

TEST(an_attempt_gets_its_own_rights_for_another_audience)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct reply reply = ask(w, add_job(w), RESOURCE);

    CHECK_INT(200, reply.status);
    CHECK_STR("https://ml.azure.com/", json_str_at(reply.body, "resource"));
    struct json *claims = world_claims(w, json_str_at(reply.body, "access_token"));
    CHECK_STR("https://ml.azure.com/", json_str_at(claims, "aud"));
    CHECK_STR("attempt", json_str_at(claims, "lazurite.kind"));
    CHECK_STR("calm_owl", json_str_at(claims, "lazurite.run"));
    CHECK_INT(2, json_int_at(claims, "lazurite.attempt", 0));
    CHECK_INT(7, json_int_at(claims, "lazurite.scope", 0));
    CHECK_STR("guid-of-the-workspace", json_str_at(claims, "oid"));
    CHECK_INT(json_int_at(claims, "exp", 0), json_int_at(reply.body, "expires_on", -1));
}

TEST(a_replica_too)
{
    CLEANUP(world_close) struct world *w = world_open();

    w->caller = (struct caller){.kind = CALLER_ATTEMPT,
                                .name = STR("endpoint:d0000001"),
                                .object_id = STR("guid"),
                                .scope = 7,
                                .run = STR("endpoint:d0000001"),
                                .attempt = 1};
    CHECK_INT(200, ask(w, STR("d0000001"), RESOURCE).status);
    CHECK_INT(404, ask(w, STR("d0000002"), RESOURCE).status);
    CHECK_INT(404, ask(w, STR("1-1"), RESOURCE).status);
}

TEST(nobody_gets_another_attempts_token)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct str own = add_job(w);
    struct caller caller = w->caller;

    CHECK_INT(404, ask(w, STR("999-2"), RESOURCE).status);
    CHECK_INT(404, ask(w, STR("nonsense"), RESOURCE).status);
    w->caller.attempt = 1;
    CHECK_INT(404, ask(w, own, RESOURCE).status);
    w->caller = caller;
    w->caller.scope = 8;
    CHECK_INT(404, ask(w, own, RESOURCE).status);
    w->caller = caller;
    w->caller.run = STR("other_owl");
    CHECK_INT(404, ask(w, own, RESOURCE).status);
    /* The admin is no attempt, and has a token of his own. */
    w->caller = (struct caller){.kind = CALLER_ADMIN, .name = STR("admin")};
    CHECK_INT(404, ask(w, own, RESOURCE).status);
}

TEST(audience_and_identity_must_be_ours)
{
    static const char *const BAD[] = {
        "",
        "[]",
        "{}",
        "{\"resource\":7}",
        "{\"resource\":\"https://graph.microsoft.com\"}",
        "{\"resource\":\"https://ml.azure.com\",\"identity\":\"another\"}"};
    CLEANUP(world_close) struct world *w = world_open();
    struct str own = add_job(w);

    for (size_t i = 0; i < COUNT(BAD); i++) {
        struct reply reply = ask(w, own, BAD[i]);
        CHECK_INT(400, reply.status);
        CHECK(json_str_at(reply.body, "error.message").len > 0);
    }
    CHECK_INT(200, ask(w, own,
                       "{\"resource\":\"https://ml.azure.com\","
                       "\"identity\":\"GUID-of-the-workspace\"}")
                       .status);
}
