/* The identity endpoint by its own listener: three forms, one key, and nobody else. */
#include "runner/managed.h"

#include "base/test.h"
#include "http/client.h"
#include "os/clock.h"
#include "os/file.h"
#include "runner/attempt.h"
#include "runner/fake_server.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define RESOURCE "resource=https%3A%2F%2Flocalhost%3A10443"

struct world {
    struct arena *arena;
    struct fake_server server;
    struct attempt attempt;
    struct json *variables;
};

static void close_world(struct world *w)
{
    managed_end(&w->attempt.managed);
    journal_free(&w->attempt.journal);
    fd_close(&w->attempt.folder);
    fake_server_free(&w->server);
    arena_free(&w->arena);
}

/* An attempt with a server to ask, its endpoint started. */
static void open_world(struct world *w, const char *name)
{
    struct error err = {0};
    CLEANUP(fd_close) int base = dir_open(test_folder(), &err);

    *w = (struct world){.arena = arena_new(16 * MIB)};
    struct str socket = arena_printf(w->arena, "/tmp/lz-managed-%d.sock", (int)getpid());
    unlink(socket.ptr);
    fake_server_start(&w->server, socket.ptr);
    w->attempt = (struct attempt){.arena = w->arena, .name = STR("12-1")};
    w->attempt.folder = dir_open_at(base, name, 0700, &err);
    w->attempt.spec = json_parse(
        w->arena,
        arena_printf(w->arena,
                     "{\"token\":\"t\",\"server\":{\"socket\":\"%.*s\",\"host\":\"localhost:1\"},"
                     "\"variables\":{\"AZUREML_WORKSPACE_ID\":\"guid\"}}",
                     STR_ARG(socket)),
        &err);
    w->attempt.journal = journal_open(w->attempt.folder, &err);
    CHECK_OK(w->attempt.journal && w->attempt.spec ? 0 : -1, &err);
    w->attempt.managed = managed_start(&w->attempt);
    CHECK(w->attempt.managed);
    w->variables = json_object(w->arena);
    managed_variables(&w->attempt, w->variables);
}

/* A variable's value. */
static struct str variable(struct world *w, const char *name)
{
    return json_str_at(w->variables, name);
}

struct reply {
    int status;
    struct json *body;
};

/* Asks at an address, as a client library does. */
static struct reply ask(struct world *w, struct str url, const struct http_header *headers,
                        size_t count)
{
    struct http_address address;
    struct http_response response;
    struct error err = {0};
    ssize_t slash = str_find(str_slice(url, 7, url.len), STR("/"));

    CHECK_OK(http_address_parse(w->arena, str_slice(url, 0, (size_t)slash + 7), &address, &err),
             &err);
    CLEANUP(http_client_free) struct http_client *client = http_client_new(&address);
    const struct http_call call = {.method = "GET",
                                   .target = str_slice(url, (size_t)slash + 7, url.len),
                                   .headers = headers,
                                   .header_count = count,
                                   .timeout_ms = 20000};
    CHECK_OK(http_client_send(client, w->arena, &call, &response, &err), &err);
    return (struct reply){response.status,
                          json_parse(w->arena, arena_str(w->arena, response.body), NULL)};
}

/* By the form of App Service, with a query. */
static struct reply ask_app(struct world *w, const char *query)
{
    const struct http_header headers[] = {
        {STR("X-IDENTITY-HEADER"), variable(w, "IDENTITY_HEADER")}};
    struct str url =
        arena_printf(w->arena, "%.*s?%s", STR_ARG(variable(w, "IDENTITY_ENDPOINT")), query);

    return ask(w, url, headers, 1);
}

TEST(the_form_of_app_service)
{
    CLEANUP(close_world) struct world w;
    open_world(&w, "app");
    struct reply reply = ask_app(&w, "api-version=2019-08-01&" RESOURCE);

    CHECK_INT(200, reply.status);
    CHECK_STR("/lazurite/v1/attempts/12-1/token|https://localhost:10443|",
              json_str_at(reply.body, "access_token"));
    CHECK_STR("4000000000", json_str_at(reply.body, "expires_on"));
    CHECK_STR("https://localhost:10443", json_str_at(reply.body, "resource"));
    CHECK_STR("Bearer", json_str_at(reply.body, "token_type"));
    CHECK_INT(64, variable(&w, "IDENTITY_HEADER").len);
    CHECK_STR("guid", variable(&w, "DEFAULT_IDENTITY_CLIENT_ID"));
}

TEST(the_form_of_azure_ml)
{
    CLEANUP(close_world) struct world w;
    open_world(&w, "aml");
    const struct http_header headers[] = {{STR("secret"), variable(&w, "MSI_SECRET")}};
    struct str url = arena_printf(w.arena, "%.*s?api-version=2017-09-01&clientid=me&%s",
                                  STR_ARG(variable(&w, "MSI_ENDPOINT")), RESOURCE);
    struct reply reply = ask(&w, url, headers, 1);

    CHECK_INT(200, reply.status);
    CHECK_STR("/lazurite/v1/attempts/12-1/token|https://localhost:10443|me",
              json_str_at(reply.body, "access_token"));
    CHECK_STR("4000000000", json_str_at(reply.body, "expires_on"));
}

TEST(the_form_of_imds)
{
    CLEANUP(close_world) struct world w;
    open_world(&w, "imds");
    const struct http_header headers[] = {{STR("Metadata"), STR("true")}};
    struct str url =
        arena_printf(w.arena, "%.*s/metadata/identity/oauth2/token?api-version=2018-02-01&%s",
                     STR_ARG(variable(&w, "AZURE_POD_IDENTITY_AUTHORITY_HOST")), RESOURCE);
    struct reply reply = ask(&w, url, headers, 1);

    CHECK_INT(200, reply.status);
    CHECK(json_str_at(reply.body, "access_token").len > 0);
    CHECK(json_str_at(reply.body, "expires_in").len > 0);
    reply = ask(&w, url, NULL, 0);
    CHECK_INT(400, reply.status);
    CHECK_STR("invalid_request", json_str_at(reply.body, "error"));
}

TEST(an_answer_is_kept_for_the_same_question_only)
{
    CLEANUP(close_world) struct world w;
    open_world(&w, "kept");

    for (int i = 0; i < 3; i++)
        CHECK_INT(200, ask_app(&w, "api-version=2019-08-01&" RESOURCE).status);
    CHECK_INT(1, w.server.tokens);
    CHECK_INT(200, ask_app(&w, "api-version=2019-08-01&resource=other").status);
    CHECK_INT(200, ask_app(&w, "api-version=2019-08-01&client_id=x&" RESOURCE).status);
    CHECK_INT(3, w.server.tokens);
    /* What was given once is given again while the server is away. */
    fake_server_stop(&w.server);
    CHECK_INT(200, ask_app(&w, "api-version=2019-08-01&" RESOURCE).status);
}

TEST(without_the_key_there_is_nothing)
{
    CLEANUP(close_world) struct world w;
    open_world(&w, "key");
    struct str url = arena_printf(w.arena, "%.*s?api-version=2019-08-01&%s",
                                  STR_ARG(variable(&w, "IDENTITY_ENDPOINT")), RESOURCE);
    struct str key = variable(&w, "IDENTITY_HEADER");
    const struct http_header wrong[] = {{STR("X-IDENTITY-HEADER"), STR("x")}};
    const struct http_header other[] = {{STR("secret"), key}};
    const struct http_header foreign[] = {{STR("X-IDENTITY-HEADER"), key},
                                          {STR("Origin"), STR("http://evil.test")}};

    CHECK_INT(401, ask(&w, url, NULL, 0).status);
    CHECK_INT(401, ask(&w, url, wrong, 1).status);
    CHECK_INT(401, ask(&w, url, other, 1).status);
    CHECK_INT(403, ask(&w, url, foreign, 2).status);
    struct str base = arena_str(w.arena, url);
    struct str root = str_slice(base, 0, (size_t)str_find(base, STR("/token")));
    static const char *const PATHS[] = {
        "/", "/metadata/identity/oauth2/token?api-version=2018-02-01&" RESOURCE,
        "/token/x?api-version=2019-08-01&" RESOURCE};
    for (size_t i = 0; i < COUNT(PATHS); i++)
        CHECK_INT(
            404,
            ask(&w, arena_printf(w.arena, "%.*s%s", STR_ARG(root), PATHS[i]), other, 1).status);
    /* By another name it could be another site's page. */
    struct str named =
        arena_printf(w.arena, "http://localhost%.*s",
                     STR_ARG(str_slice(url, sizeof("http://127.0.0.1") - 1, url.len)));
    CHECK_INT(403, ask(&w, named, wrong, 1).status);
    CHECK_INT(0, w.server.tokens);
}

TEST(what_is_missing_or_refused_is_said_in_each_forms_words)
{
    CLEANUP(close_world) struct world w;
    open_world(&w, "wrong");
    struct reply reply = ask_app(&w, RESOURCE);

    CHECK_INT(400, reply.status);
    CHECK_INT(400, json_int_at(reply.body, "statusCode", 0));
    CHECK(json_str_at(reply.body, "message").len > 0);
    CHECK_INT(400, ask_app(&w, "api-version=2019-08-01").status);
    CHECK_INT(400, ask_app(&w, "api-version=2019-08-01&resource=refused").status);
    atomic_store(&w.server.refuse, 401);
    reply = ask_app(&w, "api-version=2019-08-01&" RESOURCE);
    CHECK_INT(400, reply.status);
    CHECK(str_find(json_str_at(reply.body, "message"), STR("ended")) > 0);
}

TEST(the_next_runner_takes_over_port_and_key)
{
    CLEANUP(close_world) struct world w;
    open_world(&w, "next");
    struct str endpoint = variable(&w, "IDENTITY_ENDPOINT"), key = variable(&w, "IDENTITY_HEADER");

    managed_end(&w.attempt.managed);
    w.attempt.managed = managed_start(&w.attempt);
    CHECK(w.attempt.managed);
    w.variables = json_object(w.arena);
    managed_variables(&w.attempt, w.variables);
    CHECK(str_eq(endpoint, variable(&w, "IDENTITY_ENDPOINT")));
    CHECK(str_eq(key, variable(&w, "IDENTITY_HEADER")));
    CHECK_INT(200, ask_app(&w, "api-version=2019-08-01&" RESOURCE).status);
}

/* A question from a thread of its own; its answer is nobody's matter. */
static void *ask_on(void *context)
{
    struct world *w = context;
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct http_response response;
    struct http_address address;
    struct str url = variable(w, "IDENTITY_ENDPOINT");
    const struct http_header key[] = {{STR("X-IDENTITY-HEADER"), variable(w, "IDENTITY_HEADER")}};
    const struct http_call call = {.method = "GET",
                                   .target = STR("/token?api-version=2019-08-01&" RESOURCE),
                                   .headers = key,
                                   .header_count = 1,
                                   .timeout_ms = 30000};

    if (http_address_parse(arena, str_slice(url, 0, url.len - 6), &address, NULL) < 0)
        return NULL;
    CLEANUP(http_client_free) struct http_client *client = http_client_new(&address);
    http_client_send(client, arena, &call, &response, NULL);
    return NULL;
}

/* One that takes connections and says nothing. */
static int hanging_server(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    unlink(path);
    CHECK(bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 && listen(fd, 8) == 0);
    return fd;
}

TEST(a_server_that_hangs_does_not_hold_up_the_end)
{
    CLEANUP(close_world) struct world w;
    open_world(&w, "hangs");
    pthread_t asking[2];

    fake_server_stop(&w.server);
    CLEANUP(fd_close) int hanging = hanging_server(w.server.path);
    for (size_t i = 0; i < COUNT(asking); i++)
        CHECK(pthread_create(&asking[i], NULL, ask_on, &w) == 0);
    struct pollfd asked = {.fd = hanging, .events = POLLIN};
    CHECK_INT(1, poll(&asked, 1, 10000));
    int64_t begun_us = clock_mono_us();
    managed_end(&w.attempt.managed);
    CHECK(clock_mono_us() - begun_us < 3 * US_PER_S);
    for (size_t i = 0; i < COUNT(asking); i++)
        pthread_join(asking[i], NULL);
}

TEST(two_attempts_have_two_keys)
{
    CLEANUP(close_world) struct world w;
    open_world(&w, "first");
    char key[65];
    snprintf(key, sizeof(key), "%.*s", STR_ARG(variable(&w, "IDENTITY_HEADER")));
    close_world(&w);
    open_world(&w, "second");

    CHECK(variable(&w, "IDENTITY_HEADER").len > 0);
    CHECK(!str_eq(str_from(key), variable(&w, "IDENTITY_HEADER")));
}

TEST(without_a_server_there_is_no_endpoint_and_no_variable)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct error err = {0};
    CLEANUP(fd_close) int base = dir_open(test_folder(), &err);
    CLEANUP(journal_free) struct journal *journal = journal_open(base, &err);
    struct attempt attempt = {
        .arena = arena, .spec = json_object(arena), .folder = base, .journal = journal};
    struct json *variables = json_object(arena);

    CHECK(!managed_start(&attempt));
    managed_variables(&attempt, variables);
    CHECK_INT(0, json_count(variables));
}
