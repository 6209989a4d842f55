#include "base/test.h"
#include "route/route.h"

#include <stdio.h>
#include <string.h>

static void run(struct call *call)
{
    assert_non_null(call);
}

static void refuse(struct call *call, const struct error *err)
{
    assert_non_null(call);
    assert_non_null(err);
}

#define ROW_AS(m, p, who, what, where) \
    {.method = m,                      \
     .path = p,                        \
     .permit = who,                    \
     .flags = what,                    \
     .listeners = where,               \
     .run = run,                       \
     .refuse = refuse}
#define ROW(m, p) ROW_AS(m, p, PERMIT_PUBLIC, 0, LISTEN_ALL)

static const struct route ROWS[] = {
    ROW("GET", "/"),
    ROW("GET", "/healthz"),
    ROW("GET", "/api/runs/get"),
    ROW_AS("POST", "/api/runs/create", PERMIT_PUBLIC, 0, LISTEN_PLAIN | LISTEN_TLS),
    ROW("GET", "/api/runs/{run}"),
    ROW("GET", "/files/{path*}"),
    ROW("GET", "/files/{run}/meta"),
    ROW_AS("GET", "/subscriptions/{s}/workspaces/{w}/{type}", PERMIT_PUBLIC, ROUTE_FOLD,
           LISTEN_ALL),
    ROW_AS("PUT", "/subscriptions/{sub}/workspaces/{ws}/{kind}/{name}", PERMIT_PUBLIC, ROUTE_FOLD,
           LISTEN_ALL),
    ROW_AS("DELETE", "/subscriptions/{s}/workspaces/{w}/{type}/{name}", PERMIT_PUBLIC, ROUTE_FOLD,
           LISTEN_ALL),
    ROW("GET", "/azureml-{guid}/{blob*}"),
    ROW("GET", "/azureml-blobstore-{guid}/{blob*}"),
    ROW_AS("GET", "/{account}.blob.{suffix}/{container}/{blob*}", PERMIT_PUBLIC, 0, LISTEN_TLS),
};

/* "METHOD path" asked on a listener, answered as "template name=value,…" or the error's name. */
static struct str ask(struct arena *arena, unsigned listener, const char *method, const char *path)
{
    struct route_table table = {.rows = ROWS, .count = COUNT(ROWS)};
    CLEANUP(router_free) struct router *router = NULL;
    struct call call = {.arena = arena};
    struct str allow = STR("");
    struct error err = {0};
    struct route_ask question = {str_from(method), str_from(path), listener};

    CHECK_OK(router_new(&table, 1, &router, &err), &err);
    if (router_find(router, &question, &call, &allow, &err) < 0)
        return arena_printf(arena, "%s near %s%s%.*s", error_name(err.code),
                            call.route ? call.route->path : "none", allow.len ? " allow " : "",
                            STR_ARG(allow));
    struct str text = str_from(call.route->path);
    for (size_t i = 0; i < call.param_count; i++)
        text = arena_printf(arena, "%.*s %.*s=%.*s", STR_ARG(text), STR_ARG(call.params[i].name),
                            STR_ARG(call.params[i].value));
    return text;
}

static void check(const char *expected, const char *method, const char *path)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    CHECK_STR(expected, ask(arena, LISTEN_TLS, method, path));
}

TEST(text_wins_over_a_parameter)
{
    check("/api/runs/get", "GET", "/api/runs/get");
    check("/api/runs/{run} run=got", "GET", "/api/runs/got");
    check("/healthz", "GET", "/healthz");
    check("/", "GET", "/");
}

TEST(a_parameter_is_decoded_once)
{
    check("/api/runs/{run} run=a b", "GET", "/api/runs/a%20b");
    check("/api/runs/{run} run=a%20b", "GET", "/api/runs/a%2520b");
    check("/files/{path*} path=a/100%.csv", "GET", "/files/a/100%25.csv");
}

TEST(a_rest_takes_all_pieces_and_a_more_particular_row_wins)
{
    check("/files/{path*} path=a/b/c", "GET", "/files/a/b/c");
    check("/files/{path*} path=a/", "GET", "/files/a/");
    check("/files/{path*} path=", "GET", "/files/");
    check("/files/{run}/meta run=r1", "GET", "/files/r1/meta");
    check("/files/{path*} path=r1/meta/x", "GET", "/files/r1/meta/x");
}

TEST(arm_words_match_in_any_case_and_names_keep_theirs)
{
    check("/subscriptions/{s}/workspaces/{w}/{type} s=S w=W type=Data", "GET",
          "/SUBSCRIPTIONS/S/Workspaces/W/Data");
    check("not found near none", "GET", "/API/runs/get");
}

TEST(each_row_names_its_own_parameters)
{
    check("/subscriptions/{sub}/workspaces/{ws}/{kind}/{name} sub=1 ws=2 kind=3 name=4", "PUT",
          "/subscriptions/1/workspaces/2/3/4");
    check("/subscriptions/{s}/workspaces/{w}/{type}/{name} s=1 w=2 type=3 name=4", "DELETE",
          "/subscriptions/1/workspaces/2/3/4");
}

TEST(mixed_pieces_match_by_their_text)
{
    check("/azureml-{guid}/{blob*} guid=0a blob=x/y", "GET", "/azureml-0a/x/y");
    check("/azureml-blobstore-{guid}/{blob*} guid=0a blob=x", "GET", "/azureml-blobstore-0a/x");
    check("/{account}.blob.{suffix}/{container}/{blob*} account=lz1 suffix=core.test container=c "
          "blob=b",
          "GET", "/lz1.blob.core.test/c/b");
    check("not found near none", "GET", "/azureml-/x");
    check("not found near none", "GET", "/.blob.core/c/b");
    check("not found near none", "GET", "/azureml-../x");
    check("not found near none", "GET", "/a.blob../c/b");
}

TEST(a_known_path_with_another_method_is_405_and_says_which)
{
    check("method not allowed near /api/runs/get allow GET", "POST", "/api/runs/get");
    check(
        "method not allowed near /subscriptions/{s}/workspaces/{w}/{type}/{name} allow PUT, DELETE",
        "GET", "/subscriptions/1/workspaces/2/3/4");
}

TEST(head_is_answered_by_the_row_for_get)
{
    check("/healthz", "HEAD", "/healthz");
    check("method not allowed near /api/runs/create allow POST", "HEAD", "/api/runs/create");
}

TEST(a_slash_at_the_end_says_nothing_in_addresses_that_fold)
{
    check("/subscriptions/{s}/workspaces/{w}/{type} s=1 w=2 type=jobs", "GET",
          "/subscriptions/1/workspaces/2/jobs/");
    check("not found near /api/runs/get", "GET", "/api/runs/get/");
    check("/files/{path*} path=a/", "GET", "/files/a/");
}

TEST(a_row_is_not_there_on_another_listener)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);

    CHECK_STR("/api/runs/create", ask(arena, LISTEN_PLAIN, "POST", "/api/runs/create"));
    /* The wider row for GET decides there. */
    CHECK_STR("method not allowed near /api/runs/{run} allow GET",
              ask(arena, LISTEN_SOCKET, "POST", "/api/runs/create"));
    CHECK_STR("not found near /{account}.blob.{suffix}/{container}/{blob*}",
              ask(arena, LISTEN_PLAIN, "GET", "/a.blob.b/c/d"));
}

TEST(an_unknown_path_gets_the_face_nearest_to_it)
{
    check("not found near /api/runs/get", "GET", "/api/runs/get/x");
    check("not found near /api/runs/get", "GET", "/api/nothing");
    check("not found near none", "GET", "/nothing/at/all");
}

TEST(paths_that_climb_or_hide_slashes_are_refused)
{
    check("invalid near /api/runs/get", "GET", "/api/../runs");
    check("invalid near /api/runs/get", "GET", "/api/%2e%2e/runs");
    check("invalid near /api/runs/get", "GET", "/api/a%2Fb");
    check("invalid near /api/runs/get", "GET", "/api/a%5cb");
    check("invalid near /api/runs/get", "GET", "/api//runs");
    check("invalid near /api/runs/get", "GET", "/api/%zz");
    check("invalid near /api/runs/get", "GET", "/api/%00");
    check("invalid near none", "GET", "healthz");
}

TEST(a_rest_takes_encoded_slashes_and_nothing_that_climbs)
{
    check("/files/{path*} path=a/b/c", "GET", "/files/a%2Fb/c");
    check("/azureml-{guid}/{blob*} guid=0a blob=x/y z", "GET", "/azureml-0a/x%2fy%20z");
    check("/files/{path*} path=a/b/", "GET", "/files/a%2Fb%2F");
    check("invalid near none", "GET", "/azureml-0a%2Fx");
    check("invalid near /files/{path*}", "GET", "/files/%2Fetc");
    check("invalid near /files/{path*}", "GET", "/files/a%2F/b");
    check("invalid near /files/{path*}", "GET", "/files/a%2F%2Fb");
    check("invalid near /files/{path*}", "GET", "/files/a%2F..%2Fb");
    check("invalid near /files/{path*}", "GET", "/files/%2e%2e%2Fb");
    check("invalid near /files/{path*}", "GET", "/files/a%2F%5cb");
}

static enum error_code table_error(const struct route *rows, size_t count, char *out, size_t size)
{
    struct route_table table = {.rows = rows, .count = count};
    CLEANUP(router_free) struct router *router = NULL;
    struct error err = {0};

    if (router_new(&table, 1, &router, &err) == 0)
        return ERROR_NONE;
    snprintf(out, size, "%s", err.message);
    return err.code;
}

TEST(a_row_without_a_permission_does_not_start)
{
    char message[512];
    struct route row = ROW("GET", "/x");

    row.permit = 0;
    CHECK_INT(ERROR_INVALID, table_error(&row, 1, message, sizeof(message)));
    CHECK(strstr(message, "GET /x has no permission") != NULL);
}

TEST(an_incomplete_row_does_not_start)
{
    char message[512];
    struct route rows[] = {
        ROW("GET", "/x"),
        ROW("GET", "/x"),
        ROW("GET", "/x"),
        ROW("LOCK", "/x"),
        ROW("GET", "x"),
        ROW("GET", "/{a"),
        ROW("GET", "/{a*}/b"),
        ROW("GET", "/{}"),
        ROW("GET", "/a//b"),
        ROW("GET", "/{a}{b}"),
        ROW_AS("GET", "/x", PERMIT_PUBLIC, ROUTE_STREAM_IN, LISTEN_ALL),
        ROW_AS("GET", "/x", PERMIT_ACTION, 0, LISTEN_ALL),
        ROW_AS("GET", "/x", PERMIT_PUBLIC, 0, 0),
        ROW_AS("GET", "/x", PERMIT_PUBLIC, ROUTE_LOCAL_USER, LISTEN_TLS),
        ROW("GET", "/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}/{j}/{k}"),
    };

    rows[0].run = NULL;
    rows[1].refuse = NULL;
    rows[2].method = NULL;
    for (size_t i = 0; i < COUNT(rows); i++)
        CHECK_INT(ERROR_INVALID, table_error(&rows[i], 1, message, sizeof(message)));
}

TEST(a_row_that_another_hides_does_not_start)
{
    char message[512];
    const struct route same[] = {ROW("GET", "/x/{a}"), ROW("GET", "/x/{b}")};
    const struct route apart[] = {ROW_AS("GET", "/x/{a}", PERMIT_PUBLIC, 0, LISTEN_TLS),
                                  ROW_AS("GET", "/x/{b}", PERMIT_PUBLIC, 0, LISTEN_PLAIN)};

    CHECK_INT(ERROR_INVALID, table_error(same, 2, message, sizeof(message)));
    CHECK(strstr(message, "is there twice") != NULL);
    CHECK_INT(ERROR_NONE, table_error(apart, 2, message, sizeof(message)));
}

TEST(the_face_travels_with_its_rows)
{
    int first = 1, second = 2;
    const struct route a[] = {ROW("GET", "/a")}, b[] = {ROW("GET", "/b")};
    const struct route_table tables[] = {{a, 1, &first}, {b, 1, &second}};
    CLEANUP(router_free) struct router *router = NULL;
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct call call = {.arena = arena};
    struct str allow;
    struct error err = {0};
    struct route_ask question = {STR("GET"), STR("/b"), LISTEN_TLS};

    CHECK_OK(router_new(tables, 2, &router, &err), &err);
    CHECK_OK(router_find(router, &question, &call, &allow, &err), &err);
    CHECK(call.face == &second);
    CHECK(call.route->run == run && call.route->refuse == refuse);
}

/* Counts rows; stops at the one whose path is `stop`. */
struct tally {
    size_t rows;
    const char *stop;
};

static int count_row(const struct route *route, void *context)
{
    struct tally *tally = context;

    tally->rows++;
    return tally->stop && strcmp(route->path, tally->stop) == 0 ? 7 : 0;
}

TEST(every_row_is_listed_once_and_a_listing_can_end_early)
{
    struct route_table table = {.rows = ROWS, .count = COUNT(ROWS)};
    CLEANUP(router_free) struct router *router = NULL;
    struct tally tally = {0};
    struct error err = {0};

    CHECK_OK(router_new(&table, 1, &router, &err), &err);
    CHECK_INT(0, router_each(router, count_row, &tally));
    CHECK_INT(COUNT(ROWS), tally.rows);
    tally = (struct tally){.stop = "/api/runs/create"};
    CHECK_INT(7, router_each(router, count_row, &tally));
    CHECK(tally.rows < COUNT(ROWS));
}
