/* Refresh tokens: good once, a family ends as a whole, nothing readable in the store. */
#include "oauth/family.h"

#include "base/test.h"
#include "os/clock.h"

struct world {
    struct arena *arena;
    struct store *store;
    struct family family;
};

static struct world open_world(void)
{
    struct world w = {.arena = arena_new(16 * MIB),
                      .family = {.name = STR("11111111-0000-0000-0000-000000000001"),
                                 .person = STR("ana"),
                                 .client = STR("client"),
                                 .scope = STR("https://a.test/.default")}};
    struct error err = {0};

    CHECK_OK(store_open("memory:", &(struct store_options){0}, &w.store, &err), &err);
    return w;
}

static void close_world(struct world *w)
{
    clock_test_end();
    store_close(&w->store);
    arena_free(&w->arena);
}

static struct str issue(struct world *w)
{
    struct str token;
    struct error err = {0};

    CHECK_OK(family_issue(w->store, w->arena, &w->family, &token, &err), &err);
    CHECK_INT(43, token.len);
    return token;
}

/* What a refresh does: look, then use up. */
static int use(struct world *w, struct str token, struct str *out, struct error *err)
{
    struct family found;

    if (family_find(w->store, w->arena, &(struct family_key){token, STR("client")}, &found, err) <
        0)
        return -1;
    CHECK_STR("ana", found.person);
    *out = token;
    return family_rotate(w->store, w->arena, &found, out, err);
}

/* How many rows hold something. */
static int64_t count(struct world *w, const char *text)
{
    struct error err = {0};
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(w->store, &err);
    struct sql *q = sql(txn, text, &err);

    CHECK(q && sql_step(q) > 0);
    int64_t number = sql_int(q, 0);
    CHECK_OK(sql_end(q, &err), &err);
    return number;
}

TEST(each_use_gives_the_next)
{
    CLEANUP(close_world) struct world w = open_world();
    struct str token = issue(&w), next, third;
    struct error err = {0};

    CHECK_OK(use(&w, token, &next, &err), &err);
    CHECK(!str_eq(token, next));
    CHECK_OK(use(&w, next, &third, &err), &err);
    CHECK_INT(3, count(&w, "SELECT count(*) FROM refresh_token"));
    CHECK_INT(1, count(&w, "SELECT count(*) FROM refresh_token WHERE used = 0"));
}

TEST(a_second_use_ends_the_family)
{
    CLEANUP(close_world) struct world w = open_world();
    struct str token = issue(&w), next, never;
    struct error err = {0};

    CHECK_OK(use(&w, token, &next, &err), &err);
    CHECK_ERROR(ERROR_INVALID, use(&w, token, &never, &err), &err);
    CHECK_STR("invalid_grant", str_from(err.target));
    CHECK_ERROR(ERROR_INVALID, use(&w, next, &never, &err), &err);
    CHECK_INT(0, count(&w, "SELECT count(*) FROM refresh_token"));
    CHECK_INT(1, count(&w, "SELECT count(*) FROM event WHERE type = 'principal.signedIn'"));
    CHECK_INT(1, count(&w, "SELECT count(*) FROM event WHERE type = 'principal.tokenReused'"));
}

TEST(two_who_looked_at_once_do_not_both_win)
{
    CLEANUP(close_world) struct world w = open_world();
    struct str token = issue(&w), first = token, second = token;
    struct family found;
    struct error err = {0};

    CHECK_OK(
        family_find(w.store, w.arena, &(struct family_key){token, STR("client")}, &found, &err),
        &err);
    CHECK_OK(family_rotate(w.store, w.arena, &found, &first, &err), &err);
    CHECK_ERROR(ERROR_INVALID, family_rotate(w.store, w.arena, &found, &second, &err), &err);
    CHECK_ERROR(ERROR_INVALID, use(&w, first, &second, &err), &err);
    CHECK_INT(1, count(&w, "SELECT count(*) FROM event WHERE type = 'principal.tokenReused'"));
}

TEST(another_client_cannot_use_it_and_does_no_harm)
{
    CLEANUP(close_world) struct world w = open_world();
    struct str token = issue(&w), next;
    struct family found;
    struct error err = {0};

    CHECK_ERROR(
        ERROR_INVALID,
        family_find(w.store, w.arena, &(struct family_key){token, STR("other")}, &found, &err),
        &err);
    CHECK_OK(use(&w, token, &next, &err), &err);
}

TEST(one_that_was_never_given_is_refused)
{
    static const char *const MADE_UP[] = {"", "x", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"};
    CLEANUP(close_world) struct world w = open_world();
    struct str next;

    issue(&w);
    for (size_t i = 0; i < COUNT(MADE_UP); i++) {
        struct error err = {0};
        CHECK_ERROR(ERROR_INVALID, use(&w, str_from(MADE_UP[i]), &next, &err), &err);
        CHECK_STR("invalid_grant", str_from(err.target));
    }
}

TEST(it_ends_after_ninety_days_and_its_row_goes)
{
    CLEANUP(close_world) struct world w = open_world();
    struct str next;
    struct error err = {0};

    clock_test_set(1700000000LL * US_PER_S);
    struct str token = issue(&w);
    clock_test_advance(90LL * 24 * 3600 * US_PER_S);
    CHECK_ERROR(ERROR_INVALID, use(&w, token, &next, &err), &err);
    issue(&w);
    CHECK_INT(1, count(&w, "SELECT count(*) FROM refresh_token"));
}

TEST(an_ended_family_is_gone)
{
    CLEANUP(close_world) struct world w = open_world();
    struct str token = issue(&w), next;
    struct error err = {0};

    CHECK_OK(family_end(w.store, w.family.name, &err), &err);
    CHECK_ERROR(ERROR_INVALID, use(&w, token, &next, &err), &err);
}
