#include "base/buf.h"
#include "base/test.h"
#include "identity/base64url.h"
#include "identity/identity_private.h"
#include "identity/token.h"
#include "identity/world_test.h"

#include "os/clock.h"
#include "store/event.h"
#include <stdio.h>

#include <stdio.h>
#include <string.h>

/* --- Rows ----------------------------------------------------------------------------------------
 */

static struct principal find(struct people_world *world, const char *key)
{
    struct principal found = {0};

    CHECK_OK(principal_find(world->identity, world->arena, str_from(key), &found, &world->err),
             &world->err);
    return found;
}

TEST(a_principal_is_found_by_name_object_id_and_client_id_in_any_case)
{
    CLEANUP(people_world_end) struct people_world world;
    struct identity *identity = people_world_new(&world)->identity;
    struct principal made = people_add(&world, PRINCIPAL_SERVICE, "CI-Deploy"), found;
    struct error err = {0};

    CHECK_INT(36, made.object_id.len);
    CHECK_INT(36, made.client_id.len);
    CHECK(!str_eq(made.object_id, made.client_id));
    CHECK_INT(made.number, find(&world, "ci-DEPLOY").number);
    CHECK_STR("CI-Deploy", find(&world, "ci-deploy").name);
    char upper[40] = "";
    for (size_t i = 0; i < 36; i++)
        upper[i] = (char)(made.client_id.ptr[i] >= 'a' ? made.client_id.ptr[i] - 32
                                                       : made.client_id.ptr[i]);
    CHECK_INT(made.number, find(&world, upper).number);
    CHECK_INT(made.number, find(&world, made.object_id.ptr).number);
    CHECK_ERROR(ERROR_NOT_FOUND,
                principal_find(identity, world.arena, STR("ci-deploy2"), &found, &err), &err);
    CHECK_ERROR(ERROR_NOT_FOUND, principal_find(identity, world.arena, STR(""), &found, &err),
                &err);
}

TEST(a_user_has_no_client_id_and_a_taken_name_is_refused)
{
    CLEANUP(people_world_end) struct people_world world;
    struct identity *identity = people_world_new(&world)->identity;
    struct principal ana = people_add(&world, PRINCIPAL_USER, "ana@lazurite.test"), other;
    struct error err = {0};

    CHECK_INT(0, ana.client_id.len);
    CHECK_ERROR(ERROR_CONFLICT,
                principal_create(identity, world.arena,
                                 &(struct principal_wish){.kind = PRINCIPAL_SERVICE,
                                                          .name = STR("ANA@lazurite.test"),
                                                          .actor = STR("admin")},
                                 &other, &err),
                &err);
    people_add(&world, PRINCIPAL_USER, "bea@lazurite.test");
}

TEST(names_that_would_be_taken_for_something_else_are_refused)
{
    static const char *const NAMES[] = {"",
                                        " ana",
                                        "ana ",
                                        "a:b",
                                        "a/b",
                                        "a\nb",
                                        "Admin",
                                        "local",
                                        "a\"b",
                                        "lazurite",
                                        "00000000-0000-0000-0000-00000000000c"};
    CLEANUP(people_world_end) struct people_world world;
    struct identity *identity = people_world_new(&world)->identity;
    struct principal made;
    struct error err = {0};
    char longest[256];

    for (size_t i = 0; i < COUNT(NAMES); i++)
        CHECK_ERROR(ERROR_INVALID,
                    principal_create(identity, world.arena,
                                     &(struct principal_wish){.kind = PRINCIPAL_USER,
                                                              .name = str_from(NAMES[i]),
                                                              .actor = STR("admin")},
                                     &made, &err),
                    &err);
    memset(longest, 'a', sizeof(longest));
    CHECK_ERROR(ERROR_INVALID,
                principal_create(identity, world.arena,
                                 &(struct principal_wish){.kind = PRINCIPAL_USER,
                                                          .name = (struct str){longest, 255},
                                                          .actor = STR("admin")},
                                 &made, &err),
                &err);
    CHECK_OK(principal_create(identity, world.arena,
                              &(struct principal_wish){.kind = PRINCIPAL_USER,
                                                       .name = (struct str){longest, 254},
                                                       .actor = STR("admin")},
                              &made, &err),
             &err);
}

static int note(const struct principal *principal, void *context, struct error *err)
{
    struct buf *names = context;

    CHECK(err && principal->number > 0);
    buf_printf(names, "%.*s ", STR_ARG(principal->name));
    return 0;
}

TEST(lists_hold_one_kind_by_name)
{
    CLEANUP(people_world_end) struct people_world world;
    struct identity *identity = people_world_new(&world)->identity;
    CLEANUP(buf_free) struct buf names = buf_make(KIB);
    struct error err = {0};

    people_add(&world, PRINCIPAL_USER, "zoe");
    people_add(&world, PRINCIPAL_SERVICE, "ci");
    people_add(&world, PRINCIPAL_USER, "Ana");
    CHECK_OK(principal_list(identity, PRINCIPAL_USER, note, &names, &err), &err);
    CHECK_STR("Ana zoe ", buf_str(&names));
}

TEST(a_group_has_users_and_services_but_no_groups)
{
    CLEANUP(people_world_end) struct people_world world;
    struct identity *identity = people_world_new(&world)->identity;
    struct principal team = people_add(&world, PRINCIPAL_GROUP, "team");
    struct principal other = people_add(&world, PRINCIPAL_GROUP, "others");
    struct principal ana = people_add(&world, PRINCIPAL_USER, "ana");
    struct principal ci = people_add(&world, PRINCIPAL_SERVICE, "ci");
    CLEANUP(buf_free) struct buf names = buf_make(KIB);
    struct error err = {0};

    CHECK_OK(principal_join(identity, STR("admin"), team.number, ci.number, &err), &err);
    CHECK_OK(principal_join(identity, STR("admin"), team.number, ana.number, &err), &err);
    CHECK_OK(principal_join(identity, STR("admin"), team.number, ana.number, &err), &err);
    CHECK_ERROR(ERROR_INVALID,
                principal_join(identity, STR("admin"), team.number, other.number, &err), &err);
    CHECK_ERROR(ERROR_INVALID, principal_join(identity, STR("admin"), ana.number, ci.number, &err),
                &err);
    CHECK_OK(principal_members(identity, team.number, note, &names, &err), &err);
    CHECK_STR("ana ci ", buf_str(&names));
    CHECK_OK(principal_leave(identity, STR("admin"), team.number, ana.number, &err), &err);
    buf_clear(&names);
    CHECK_OK(principal_members(identity, team.number, note, &names, &err), &err);
    CHECK_STR("ci ", buf_str(&names));
}

TEST(deleting_takes_credentials_and_memberships_along)
{
    CLEANUP(people_world_end) struct people_world world;
    struct identity *identity = people_world_new(&world)->identity;
    struct principal team = people_add(&world, PRINCIPAL_GROUP, "team");
    struct principal ci = people_add(&world, PRINCIPAL_SERVICE, "ci"), found;
    CLEANUP(buf_free) struct buf names = buf_make(KIB);
    struct error err = {0};
    struct str secret;

    CHECK_OK(principal_join(identity, STR("admin"), team.number, ci.number, &err), &err);
    secret = people_secret(&world, ci.number, 0);
    CHECK_OK(principal_delete(identity, STR("admin"), ci.number, &err), &err);
    CHECK_ERROR(ERROR_NOT_FOUND, principal_find(identity, world.arena, STR("ci"), &found, &err),
                &err);
    CHECK_OK(principal_members(identity, team.number, note, &names, &err), &err);
    CHECK_STR("", buf_str(&names));
    /* One of the same name and, in this database, of the same number has nothing of the old. */
    people_add(&world, PRINCIPAL_SERVICE, "ci");
    struct proof proof = {.kind = PROOF_SECRET, .who = STR("ci"), .text = secret};
    CHECK_ERROR(ERROR_UNAUTHENTICATED, principal_prove(identity, world.arena, &proof, &found, &err),
                &err);
    CHECK_ERROR(ERROR_NOT_FOUND, principal_delete(identity, STR("admin"), 4711, &err), &err);
}

/* --- Secrets and passwords -----------------------------------------------------------------------
 */

static int prove(struct people_world *world, enum proof_kind kind, const char *who, struct str text)
{
    struct proof proof = {
        .kind = kind, .who = str_from(who), .text = text, .audience = STR(WORLD_ENDPOINT)};
    struct principal out = {.number = -7};

    world->err = (struct error){0};
    if (principal_prove(world->identity, world->arena, &proof, &out, &world->err) == 0) {
        CHECK(out.number > 0);
        return 0;
    }
    CHECK_INT(-7, out.number);
    return (int)world->err.code;
}

/* One of 64 would, if nobody looked: that none of 420 does by chance happens once in 700 runs. */
TEST(no_secret_looks_like_a_flag)
{
    CLEANUP(people_world_end) struct people_world world;
    char name[16];

    people_world_new(&world);
    for (int i = 0; i < 7; i++) {
        snprintf(name, sizeof(name), "ci-%d", i);
        struct principal ci = people_add(&world, PRINCIPAL_SERVICE, name);
        for (int k = 0; k < 60; k++)
            CHECK(people_secret(&world, ci.number, 0).ptr[0] != '-');
    }
}

TEST(a_secret_proves_its_principal_only_until_it_expires)
{
    CLEANUP(people_world_end) struct people_world world;
    struct identity *identity = people_world_new(&world)->identity;
    struct principal ci = people_add(&world, PRINCIPAL_SERVICE, "ci");
    struct error err = {0};
    struct str secret, other;
    struct secret_made made;

    people_add(&world, PRINCIPAL_SERVICE, "cd");
    secret = people_secret(&world, ci.number, WORLD_NOW_US + 60 * US_PER_S);
    other = people_secret(&world, ci.number, 0);
    CHECK_INT(43, secret.len);
    CHECK_INT(0, prove(&world, PROOF_SECRET, "ci", secret));
    CHECK_INT(0, prove(&world, PROOF_SECRET, ci.client_id.ptr, secret));
    CHECK_INT(ERROR_UNAUTHENTICATED, prove(&world, PROOF_SECRET, "cd", secret));
    CHECK_INT(ERROR_UNAUTHENTICATED,
              prove(&world, PROOF_SECRET, "ci", str_slice(secret, 0, secret.len - 1)));
    CHECK_INT(ERROR_UNAUTHENTICATED, prove(&world, PROOF_SECRET, "ci", STR("")));
    CHECK_INT(ERROR_UNAUTHENTICATED, prove(&world, PROOF_PASSWORD, "ci", secret));
    clock_test_advance(61 * US_PER_S);
    CHECK_INT(ERROR_UNAUTHENTICATED, prove(&world, PROOF_SECRET, "ci", secret));
    CHECK_INT(0, prove(&world, PROOF_SECRET, "ci", other));
    CHECK_ERROR(ERROR_INVALID,
                principal_add_secret(identity, world.arena,
                                     &(struct secret_wish){.number = ci.number,
                                                           .expires_us = WORLD_NOW_US,
                                                           .actor = STR("admin")},
                                     &made, &err),
                &err);
}

TEST(what_can_be_wrong_has_one_sentence)
{
    CLEANUP(people_world_end) struct people_world world;
    struct identity *identity = people_world_new(&world)->identity;
    struct principal ci = people_add(&world, PRINCIPAL_SERVICE, "ci");
    struct error err = {0};
    struct str secret;
    char first[512];

    secret = people_secret(&world, ci.number, 0);
    prove(&world, PROOF_SECRET, "ci", STR("wrong"));
    memcpy(first, world.err.message, sizeof(first));
    prove(&world, PROOF_SECRET, "nobody", secret);
    CHECK_STR(first, str_from(world.err.message));
    prove(&world, PROOF_PASSWORD, "nobody", secret);
    CHECK_STR(first, str_from(world.err.message));
    CHECK_OK(principal_disable(identity, STR("admin"), ci.number, true, &err), &err);
    prove(&world, PROOF_SECRET, "ci", secret);
    CHECK_STR(first, str_from(world.err.message));
    CHECK_OK(principal_disable(identity, STR("admin"), ci.number, false, &err), &err);
    CHECK_INT(0, prove(&world, PROOF_SECRET, "ci", secret));
}

TEST(a_secret_is_not_in_the_database_and_never_shown_again)
{
    CLEANUP(people_world_end) struct people_world world;
    people_world_new(&world);
    struct principal ci = people_add(&world, PRINCIPAL_SERVICE, "ci");
    struct error err = {0};
    struct str secret;

    secret = people_secret(&world, ci.number, 0);
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(world.store, &err);
    struct sql *q = sql(txn,
                        "SELECT COUNT(*) FROM credential WHERE instr(hash, ?1) > 0 OR"
                        " instr(data, ?1) > 0 OR instr(label, ?1) > 0 OR length(hash) <> 32",
                        &err);
    CHECK(q);
    sql_bind_text(q, 1, secret);
    CHECK_INT(1, sql_step(q));
    CHECK_INT(0, sql_int(q, 0));
    CHECK_OK(sql_end(q, &err), &err);
}

TEST(a_password_is_long_hashed_and_one_at_a_time)
{
    CLEANUP(people_world_end) struct people_world world;
    struct identity *identity = people_world_new(&world)->identity;
    struct principal ana = people_add(&world, PRINCIPAL_USER, "ana@lazurite.test");
    struct principal ci = people_add(&world, PRINCIPAL_SERVICE, "ci");
    struct error err = {0};

    CHECK_ERROR(
        ERROR_INVALID,
        principal_set_password(identity, STR("admin"), ana.number, STR("elevenbytes"), &err), &err);
    CHECK_ERROR(
        ERROR_INVALID,
        principal_set_password(identity, STR("admin"), ci.number, STR("long enough, but"), &err),
        &err);
    CHECK_OK(principal_set_password(identity, STR("admin"), ana.number, STR("correct horse"), &err),
             &err);
    CHECK_INT(0, prove(&world, PROOF_PASSWORD, "ANA@lazurite.test", STR("correct horse")));
    CHECK_INT(ERROR_UNAUTHENTICATED,
              prove(&world, PROOF_PASSWORD, "ana@lazurite.test", STR("correct horsf")));
    CHECK_INT(ERROR_UNAUTHENTICATED,
              prove(&world, PROOF_SECRET, "ana@lazurite.test", STR("correct horse")));
    CHECK_OK(
        principal_set_password(identity, STR("admin"), ana.number, STR("battery staple"), &err),
        &err);
    CHECK_INT(0, prove(&world, PROOF_PASSWORD, "ana@lazurite.test", STR("battery staple")));
    CHECK_INT(ERROR_UNAUTHENTICATED,
              prove(&world, PROOF_PASSWORD, "ana@lazurite.test", STR("correct horse")));
}

TEST(ten_failures_a_minute_close_a_name_even_for_the_right_secret)
{
    CLEANUP(people_world_end) struct people_world world;
    people_world_new(&world);
    struct principal ci = people_add(&world, PRINCIPAL_SERVICE, "ci");
    struct principal cd = people_add(&world, PRINCIPAL_SERVICE, "cd");
    struct str secret, other;

    secret = people_secret(&world, ci.number, 0);
    other = people_secret(&world, cd.number, 0);
    for (int i = 0; i < 10; i++)
        CHECK_INT(ERROR_UNAUTHENTICATED,
                  prove(&world, PROOF_SECRET, i % 2 ? "ci" : "CI", STR("wrong")));
    CHECK_INT(ERROR_TOO_MANY, prove(&world, PROOF_SECRET, "ci", secret));
    CHECK_INT(0, prove(&world, PROOF_SECRET, "cd", other));
    for (int i = 0; i < 10; i++)
        CHECK_INT(ERROR_UNAUTHENTICATED, prove(&world, PROOF_SECRET, "nobody", STR("wrong")));
    CHECK_INT(ERROR_TOO_MANY, prove(&world, PROOF_SECRET, "nobody", STR("wrong")));
    clock_test_advance(61 * US_PER_S);
    CHECK_INT(0, prove(&world, PROOF_SECRET, "ci", secret));
}

static int count_each(const struct credential *credential, void *context, struct error *err)
{
    struct credential *out = context;

    assert_true(!err || err->code == ERROR_NONE);
    CHECK(credential->id.len == 36 && credential->created_us == WORLD_NOW_US);
    if (out->id.len == 0)
        *out = *credential;
    out->expires_us++;
    return 0;
}

TEST(a_credential_can_be_dropped_by_its_owner_alone)
{
    CLEANUP(people_world_end) struct people_world world;
    struct identity *identity = people_world_new(&world)->identity;
    struct principal ci = people_add(&world, PRINCIPAL_SERVICE, "ci");
    struct principal cd = people_add(&world, PRINCIPAL_SERVICE, "cd");
    struct secret_wish wish = {.actor = STR("admin"), .number = ci.number, .label = STR("nightly")};
    struct credential shown = {0};
    struct secret_made made;
    struct error err = {0};

    CHECK_OK(principal_add_secret(identity, world.arena, &wish, &made, &err), &err);
    CHECK_OK(principal_credentials(identity, ci.number, count_each, &shown, &err), &err);
    CHECK_INT(1, shown.expires_us);
    CHECK_ERROR(ERROR_NOT_FOUND,
                principal_drop_credential(identity, STR("admin"), cd.number, made.shown.id, &err),
                &err);
    CHECK_INT(0, prove(&world, PROOF_SECRET, "ci", made.secret));
    CHECK_OK(principal_drop_credential(identity, STR("admin"), ci.number, made.shown.id, &err),
             &err);
    CHECK_INT(ERROR_UNAUTHENTICATED, prove(&world, PROOF_SECRET, "ci", made.secret));
    CHECK_ERROR(ERROR_NOT_FOUND,
                principal_drop_credential(identity, STR("admin"), ci.number, made.shown.id, &err),
                &err);
}

/* --- Tokens --------------------------------------------------------------------------------------
 */

/* The claims of a token of ours, its signature checked. */
static struct json *claims_of(struct people_world *world, struct str text)
{
    struct token_check check = {world->identity->keys, identity_tenant(world->identity),
                                clock_now_us()};
    struct str head, rest, body = {0}, signature;
    struct token token;
    unsigned char *bytes = arena_alloc(world->arena, text.len);
    size_t len = 0;

    CHECK_OK(token_read(&check, world->arena, text, &token, &world->err), &world->err);
    CHECK(str_cut(text, '.', &head, &rest) && str_cut(rest, '.', &body, &signature));
    CHECK(base64url_decode(body, bytes, &len));
    struct json *claims =
        json_parse(world->arena, (struct str){(const char *)bytes, len}, &world->err);
    CHECK(claims);
    return claims;
}

TEST(a_service_principals_token_says_what_the_sdk_reads)
{
    CLEANUP(people_world_end) struct people_world world;
    struct identity *identity = people_world_new(&world)->identity;
    struct principal ci = people_add(&world, PRINCIPAL_SERVICE, "ci");
    struct error err = {0};
    struct access_token token;

    CHECK_OK(principal_access_token(
                 identity, world.arena,
                 &(struct access_ask){.principal = &ci, .audience = STR("https://ml.azure.com/")},
                 &token, &err),
             &err);
    struct json *claims = claims_of(&world, token.text);
    CHECK_STR("https://ml.azure.com/", json_str_at(claims, "aud"));
    CHECK(str_eq(identity_tenant(identity), json_str_at(claims, "tid")));
    CHECK(str_eq(ci.object_id, json_str_at(claims, "oid")));
    CHECK(str_eq(ci.object_id, json_str_at(claims, "sub")));
    CHECK(str_eq(ci.client_id, json_str_at(claims, "appid")));
    CHECK(str_eq(ci.client_id, json_str_at(claims, "azp")));
    CHECK_STR("app", json_str_at(claims, "idtyp"));
    CHECK_INT(0, json_str_at(claims, "upn").len);
    CHECK_INT(0, json_str_at(claims, "preferred_username").len);
    CHECK_INT(WORLD_NOW_US / US_PER_S + 3600, json_int_at(claims, "exp", 0));
    CHECK_INT(token.expires_us, json_int_at(claims, "exp", 0) * US_PER_S);
    CHECK(json_is_null(json_at(claims, "xms_cc")));
    CHECK(json_str_at(claims, "jti").len == 36);
}

TEST(a_users_token_has_the_sign_in_name_and_cae_when_it_was_asked)
{
    CLEANUP(people_world_end) struct people_world world;
    struct identity *identity = people_world_new(&world)->identity;
    struct principal ana = people_add(&world, PRINCIPAL_USER, "ana@lazurite.test");
    struct error err = {0};
    struct access_token token;

    CHECK_OK(principal_set_display(identity, STR("admin"), ana.number, STR("Ana María"), &err),
             &err);
    ana = find(&world, "ana@lazurite.test");
    struct access_ask ask = {.principal = &ana,
                             .audience = STR("https://management.azure.com"),
                             .client_id = STR("client-1"),
                             .cae = true};
    CHECK_OK(principal_access_token(identity, world.arena, &ask, &token, &err), &err);
    struct json *claims = claims_of(&world, token.text);
    CHECK_STR("ana@lazurite.test", json_str_at(claims, "upn"));
    CHECK_STR("ana@lazurite.test", json_str_at(claims, "preferred_username"));
    CHECK_STR("Ana María", json_str_at(claims, "name"));
    CHECK_STR("client-1", json_str_at(claims, "appid"));
    CHECK_STR("cp1", json_str_at(claims, "xms_cc[0]"));
}

TEST(nobody_gets_a_token_without_an_audience_or_while_disabled)
{
    CLEANUP(people_world_end) struct people_world world;
    struct identity *identity = people_world_new(&world)->identity;
    struct principal ana = people_add(&world, PRINCIPAL_USER, "ana");
    struct principal team = people_add(&world, PRINCIPAL_GROUP, "team");
    struct error err = {0};
    struct access_token token;

    CHECK_ERROR(ERROR_INVALID,
                principal_access_token(identity, world.arena,
                                       &(struct access_ask){.principal = &ana, .audience = STR("")},
                                       &token, &err),
                &err);
    CHECK_ERROR(ERROR_INVALID,
                principal_access_token(
                    identity, world.arena,
                    &(struct access_ask){.principal = &team, .audience = STR("x")}, &token, &err),
                &err);
    ana.disabled = true;
    CHECK_ERROR(ERROR_INVALID,
                principal_access_token(
                    identity, world.arena,
                    &(struct access_ask){.principal = &ana, .audience = STR("x")}, &token, &err),
                &err);
}

TEST(an_id_token_repeats_the_nonce_and_opens_nothing)
{
    CLEANUP(people_world_end) struct people_world world;
    struct identity *identity = people_world_new(&world)->identity;
    struct principal ana = people_add(&world, PRINCIPAL_USER, "ana@lazurite.test");
    struct id_claims claims = {
        .principal = &ana, .client_id = STR("client-1"), .nonce = STR("n-0nce")};
    struct token_check check = {world.identity->keys, identity_tenant(identity), WORLD_NOW_US};
    struct str text, head, rest, body, signature;
    struct token token;
    struct error err = {0};
    unsigned char bytes[2048];
    size_t len = 0;

    CHECK_OK(principal_id_token(identity, world.arena, &claims, &text, &err), &err);
    CHECK(str_cut(text, '.', &head, &rest) && str_cut(rest, '.', &body, &signature));
    CHECK(body.len < sizeof(bytes) && base64url_decode(body, bytes, &len));
    struct json *said = json_parse(world.arena, (struct str){(const char *)bytes, len}, &err);
    CHECK_STR("client-1", json_str_at(said, "aud"));
    CHECK_STR("n-0nce", json_str_at(said, "nonce"));
    CHECK_STR("ana@lazurite.test", json_str_at(said, "preferred_username"));
    CHECK(str_eq(identity_tenant(identity), json_str_at(said, "tid")));
    CHECK_ERROR(ERROR_UNAUTHENTICATED, token_read(&check, world.arena, text, &token, &err), &err);
}

TEST(a_token_made_in_the_second_of_a_revocation_is_younger_than_it)
{
    CLEANUP(people_world_end) struct people_world world;
    struct identity *identity = people_world_new(&world)->identity;
    struct principal ana = people_add(&world, PRINCIPAL_USER, "ana");
    struct error err = {0};
    struct access_token token;

    CHECK_OK(principal_revoke(identity, STR("admin"), ana.number, &err), &err);
    ana = find(&world, "ana");
    CHECK_INT(WORLD_NOW_US + US_PER_S, ana.epoch_us);
    CHECK_OK(principal_access_token(identity, world.arena,
                                    &(struct access_ask){.principal = &ana, .audience = STR("x")},
                                    &token, &err),
             &err);
    CHECK_INT(ana.epoch_us / US_PER_S, json_int_at(claims_of(&world, token.text), "iat", 0));
}

static int64_t last_event(struct people_world *world)
{
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(world->store, &world->err);

    CHECK(txn);
    return event_last(txn);
}

/* Each event's type and actor, one a line. */
static int note_actor(const struct event *event, void *context, struct error *)
{
    buf_printf(context, "%.*s by %.*s\n", STR_ARG(event->type), STR_ARG(event->actor));
    return 0;
}

TEST(an_event_names_who_changed_somebody)
{
    CLEANUP(people_world_end) struct people_world world;
    struct identity *identity = people_world_new(&world)->identity;
    struct principal ana = people_add(&world, PRINCIPAL_USER, "ana");
    struct principal team = people_add(&world, PRINCIPAL_GROUP, "team");
    CLEANUP(buf_free) struct buf seen = buf_make(KIB);
    struct event_range range = {.after = last_event(&world), .limit = 10};
    struct error err = {0};
    struct str bea = STR("bea");

    CHECK_OK(principal_set_password(identity, bea, ana.number, STR("correct horse"), &err), &err);
    CHECK_OK(principal_join(identity, bea, team.number, ana.number, &err), &err);
    CHECK_OK(principal_leave(identity, STR("carl"), team.number, ana.number, &err), &err);
    CHECK_OK(principal_disable(identity, bea, ana.number, true, &err), &err);
    CHECK_OK(principal_delete(identity, STR("carl"), ana.number, &err), &err);
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(world.store, &err);
    CHECK_OK(event_read(txn, &range, note_actor, &seen, &err), &err);
    CHECK_STR("credential.created by bea\n"
              "principal.joined by bea\n"
              "principal.left by carl\n"
              "principal.disabled by bea\n"
              "principal.deleted by carl\n",
              buf_str(&seen));
}

TEST(changes_of_people_are_events)
{
    CLEANUP(people_world_end) struct people_world world;
    struct identity *identity = people_world_new(&world)->identity;
    struct error err = {0};
    struct principal ana = people_add(&world, PRINCIPAL_USER, "ana");
    int64_t first = last_event(&world);

    CHECK(first > 0);
    CHECK_OK(principal_revoke(identity, STR("admin"), ana.number, &err), &err);
    CHECK_OK(principal_delete(identity, STR("admin"), ana.number, &err), &err);
    CHECK_INT(first + 2, last_event(&world));
}
