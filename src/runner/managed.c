/* The endpoint is HTTP without TLS on loopback, as clients demand it. Whoever knows the key may
 * ask: the command and what it starts. A browser cannot, since it can send neither the headers nor
 * the Host. */
#include "runner/managed.h"

#include "http/text.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/random.h"
#include "runner/remote.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#define RECORD "identity.json"
#define KEY_BYTES 32
#define WORKERS 2
#define ANSWER_BYTES (64 * KIB)
#define AWAY_US (8 * US_PER_S) /* a server that restarts is waited for */
#define PAUSE_US (200 * US_PER_MS)
#define KEPT 8
#define FRESH_S 3600 /* an answer that is good for longer is given again */
#define HOST "127.0.0.1:%u"
#define TOKEN_PATH "/token"
#define MSI_PATH "/msi/token"
#define IMDS_PATH "/metadata/identity/oauth2/token"

/* The ways to ask; they differ in where the key is and in how errors look. */
enum form { FORM_APP_SERVICE, FORM_MACHINE_LEARNING, FORM_IMDS };

/* What was given, by the resource and the identity it was asked for. */
struct kept {
    struct arena *texts;
    struct str wanted;
    struct str token;
    int64_t expires_s;
};

struct managed {
    struct arena *arena;
    struct str key;
    struct str attempt;
    _Atomic uint16_t port; /* known while requests come already: from the record, or when bound */
    atomic_bool ending;    /* nobody waits for a server any more */
    struct pool *pool;
    struct http_app app;
    struct http_server *server;
    pthread_mutex_t lock; /* over what follows: the connection is one */
    struct remote *remote;
    struct kept kept[KEPT];
    size_t next_kept;
};

/* One question. */
struct question {
    struct managed *managed;
    enum form form;
    struct str resource, identity;
};

/* --- Answers ---------------------------------------------------------------------------------- */

/* IMDS says errors as OAuth does, the others in Azure's older way. */
static void refuse(struct http_exchange *ex, enum form form, int status, const char *sentence)
{
    struct arena *arena = http_arena(ex);
    struct json *body = json_object(arena);

    assert(status >= 400);
    if (form == FORM_IMDS) {
        json_set_str(arena, body, "error",
                     status == 503 ? STR("temporarily_unavailable") : STR("invalid_request"));
        json_set_str(arena, body, "error_description", str_from(sentence));
    } else {
        json_set_int(arena, body, "statusCode", status);
        json_set_str(arena, body, "message", str_from(sentence));
    }
    http_add_header(ex, "Cache-Control", STR("no-store"));
    http_reply(ex, status, "application/json", json_write(arena, body));
}

/* Numbers as text, as all of Azure's endpoints write them. */
static void give(struct http_exchange *ex, const struct question *question, const struct kept *kept)
{
    struct arena *arena = http_arena(ex);
    struct json *body = json_object(arena);
    int64_t left_s = kept->expires_s - clock_now_us() / US_PER_S;

    assert(kept->token.len > 0);
    json_set_str(arena, body, "access_token", kept->token);
    json_set_str(arena, body, "expires_on",
                 arena_printf(arena, "%lld", (long long)kept->expires_s));
    json_set_str(arena, body, "expires_in", arena_printf(arena, "%lld", (long long)left_s));
    json_set_str(arena, body, "resource", question->resource);
    json_set_str(arena, body, "token_type", STR("Bearer"));
    http_add_header(ex, "Cache-Control", STR("no-store"));
    http_reply(ex, 200, "application/json", json_write(arena, body));
}

/* --- Asking the server ------------------------------------------------------------------------ */

/* Both parts, so that an answer for one identity is never given to another. */
static struct str wanted(struct arena *arena, const struct question *question)
{
    return arena_printf(arena, "%.*s %.*s", STR_ARG(question->resource),
                        STR_ARG(question->identity));
}

/* A copy, since the next answer may take its place. Locked. */
static bool find_kept(struct managed *managed, struct arena *arena, struct str what,
                      struct kept *out)
{
    int64_t now_s = clock_now_us() / US_PER_S;

    for (size_t i = 0; i < KEPT; i++) {
        const struct kept *kept = &managed->kept[i];
        if (!kept->texts || !str_eq(kept->wanted, what) || kept->expires_s - now_s < FRESH_S)
            continue;
        *out = (struct kept){.token = arena_str(arena, kept->token), .expires_s = kept->expires_s};
        return true;
    }
    return false;
}

/* In place of the oldest. Locked. */
static void keep(struct managed *managed, struct str what, const struct kept *answer)
{
    struct kept *slot = &managed->kept[managed->next_kept++ % KEPT];

    assert(answer->token.len > 0);
    arena_free(&slot->texts);
    struct arena *texts = arena_new(ANSWER_BYTES);
    *slot = (struct kept){.texts = texts,
                          .wanted = arena_str(texts, what),
                          .token = arena_str(texts, answer->token),
                          .expires_s = answer->expires_s};
}

/* For a call under way: a server that hangs must not hold up the end of the attempt. */
static bool is_ending(void *context)
{
    struct managed *managed = context;

    return atomic_load(&managed->ending);
}

/* One call, or what was kept of an earlier one. The status; 0 while the server is away. */
static int ask_server(struct managed *managed, struct arena *arena, const struct question *question,
                      struct kept *out)
{
    static const struct http_header HEADERS[] = {
        {STR_INIT("Content-Type"), STR_INIT("application/json")}};
    struct json *body = json_object(arena);
    struct str what = wanted(arena, question);
    struct http_response reply = {0};
    int status = 0;

    json_set_str(arena, body, "resource", question->resource);
    json_set_str(arena, body, "identity", question->identity);
    struct http_call call = {
        .method = "POST",
        .target =
            arena_printf(arena, "/lazurite/v1/attempts/%.*s/token", STR_ARG(managed->attempt)),
        .headers = HEADERS,
        .header_count = COUNT(HEADERS),
        .body = json_write(arena, body),
        .timeout_ms = 10000,
        .reply_limit = ANSWER_BYTES,
        .cancel = is_ending,
        .context = managed,
    };
    pthread_mutex_lock(&managed->lock);
    if (find_kept(managed, arena, what, out))
        status = 200;
    else if (remote_send(managed->remote, arena, &call, &reply, NULL) == 0)
        status = reply.status;
    struct json *answer = reply.status == 200 ? json_parse(arena, reply.body, NULL) : NULL;
    if (answer) {
        *out = (struct kept){.token = json_str_at(answer, "access_token"),
                             .expires_s = json_int_at(answer, "expires_on", 0)};
        if (out->token.len > 0)
            keep(managed, what, out);
    }
    pthread_mutex_unlock(&managed->lock);
    return status == 200 && out->token.len == 0 ? 502 : status;
}

/* On a worker. A server that is just being started again is waited for, since half of the clients
 * take any failure here for the last word. */
static void answer(struct http_exchange *ex, void *context)
{
    const struct question *question = context;
    struct arena *arena = http_arena(ex);
    int64_t until_us = clock_mono_us() + AWAY_US;
    struct kept got = {0};
    int status;

    assert(question->managed);
    for (;;) {
        status = ask_server(question->managed, arena, question, &got);
        bool later = status == 0 || status == 429 || status >= 500;
        if (!later || clock_mono_us() >= until_us || atomic_load(&question->managed->ending))
            break;
        clock_sleep_us(PAUSE_US);
    }
    if (status == 200)
        give(ex, question, &got);
    else if (status >= 400 && status < 500 && status != 429)
        refuse(ex, question->form, 400,
               status == 400 ? "There are no tokens for this resource or this identity: leave the "
                               "identity out, and ask for an audience of this server."
                             : "There is no identity: the attempt has ended.");
    else
        refuse(ex, question->form, 503, "The server is away; ask again.");
}

/* --- Questions -------------------------------------------------------------------------------- */

/* The form by the path; false when it is none. The key of IMDS is in the path, because its clients
 * send no secret. */
static bool read_form(const struct managed *managed, struct http_exchange *ex, enum form *out,
                      struct str *out_key)
{
    struct str path = http_path(ex);

    if (str_eq(path, STR(TOKEN_PATH))) {
        *out = FORM_APP_SERVICE;
        *out_key = http_header(ex, "X-IDENTITY-HEADER");
        return true;
    }
    if (str_eq(path, STR(MSI_PATH))) {
        *out = FORM_MACHINE_LEARNING;
        *out_key = http_header(ex, "secret");
        return true;
    }
    if (path.len != 1 + managed->key.len + sizeof(IMDS_PATH) - 1 || !str_ends(path, STR(IMDS_PATH)))
        return false;
    *out = FORM_IMDS;
    *out_key = str_slice(path, 1, 1 + managed->key.len);
    return true;
}

/* One parameter that may be there once; "" when it is not. */
static struct str parameter(struct http_exchange *ex, const char *name)
{
    struct str value;

    return http_query_get(http_arena(ex), http_query(ex), name, 0, &value) ? value : STR("");
}

/* Which identity is asked for, by whatever it is called in this form; "" the only one there is. */
static struct str identity_asked(struct http_exchange *ex)
{
    static const char *const NAMES[] = {"client_id",    "clientid",  "object_id",
                                        "principal_id", "mi_res_id", "msi_res_id"};

    for (size_t i = 0; i < COUNT(NAMES); i++) {
        struct str value = parameter(ex, NAMES[i]);
        if (value.len > 0)
            return value;
    }
    return STR("");
}

/* What speaks against a question; NULL when nothing does. */
static const char *check(struct http_exchange *ex, const struct question *question, int *out_status)
{
    *out_status = 400;
    if (parameter(ex, "api-version").len == 0)
        return "The parameter 'api-version' is required.";
    if (question->resource.len == 0)
        return "The parameter 'resource' is required.";
    if (question->form == FORM_IMDS && !str_eq_fold(http_header(ex, "Metadata"), STR("true")))
        return "The header 'Metadata: true' is required.";
    assert(question->managed);
    return NULL;
}

/* A request that another host's page or a proxy made is none of the command's. */
static bool is_ours(const struct managed *managed, struct http_exchange *ex)
{
    struct str host = arena_printf(http_arena(ex), HOST, atomic_load(&managed->port));

    return str_eq(http_header(ex, "Host"), host) && !http_has_header(ex, "Origin");
}

/* On the IO thread: everything but the asking. */
static enum http_verdict on_head(struct http_exchange *ex, struct http_plan *plan, void *context)
{
    struct managed *managed = context;
    struct question *question = arena_make(http_arena(ex), struct question);
    struct str key;
    int status;

    question->managed = managed;
    if (!is_ours(managed, ex)) {
        refuse(ex, FORM_APP_SERVICE, 403, "This endpoint is for the command of one job.");
        return HTTP_REPLIED;
    }
    if (!read_form(managed, ex, &question->form, &key) || !str_eq(http_method(ex), STR("GET"))) {
        refuse(ex, FORM_APP_SERVICE, 404, "There is nothing at this address.");
        return HTTP_REPLIED;
    }
    if (!str_eq_secret(key, managed->key)) {
        refuse(ex, question->form, 401, "The key is not that of this attempt.");
        return HTTP_REPLIED;
    }
    question->resource = parameter(ex, "resource");
    question->identity = identity_asked(ex);
    const char *wrong = check(ex, question, &status);
    if (wrong) {
        refuse(ex, question->form, status, wrong);
        return HTTP_REPLIED;
    }
    *plan = (struct http_plan){.where = HTTP_ON_WORKER, .run = answer, .context = question};
    return HTTP_GO;
}

/* --- Life ------------------------------------------------------------------------------------- */

/* The port and the key of a runner before this one. */
static void read_record(struct attempt *attempt, struct managed *managed)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct str text;

    if (file_read(arena, attempt->folder, RECORD, 64 * KIB, &text, NULL) < 0)
        return;
    struct json *record = json_parse(arena, text, NULL);
    struct str key = json_str_at(record, "key");
    int64_t port = json_int_at(record, "port", 0);
    if (key.len == 2 * KEY_BYTES && port > 0 && port <= UINT16_MAX) {
        managed->key = arena_str(managed->arena, key);
        atomic_store(&managed->port, (uint16_t)port);
    }
}

/* Readable by the owner alone: the key is worth the job's rights. */
static int write_record(struct attempt *attempt, const struct managed *managed, struct error *err)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct json *record = json_object(arena);

    assert(atomic_load(&managed->port) > 0);
    json_set_int(arena, record, "port", atomic_load(&managed->port));
    json_set_str(arena, record, "key", managed->key);
    return file_write_atomic(attempt->folder, RECORD, json_write(arena, record), 0600, err);
}

/* Loopback only; a port of an earlier runner is asked for again, whose command may be asking at
 * this very moment. A new port nobody knows before the command is told. */
static int listen_on(struct managed *managed, struct error *err)
{
    const struct http_listener listener = {.host = "127.0.0.1",
                                           .port = atomic_load(&managed->port)};
    uint16_t port;

    managed->pool = pool_new(WORKERS);
    managed->app = (struct http_app){.head = on_head, .context = managed};
    managed->server = http_server_new(managed->pool, &managed->app, 1, err);
    if (!managed->server || http_server_listen(managed->server, &listener, &port, err) < 0)
        return -1;
    atomic_store(&managed->port, port);
    return 0;
}

/* The command's variables hold port and key, so a runner that takes over needs the same. */
struct managed *managed_start(struct attempt *attempt)
{
    CLEANUP(managed_end) struct managed *managed = NULL;
    struct error err = {0};

    assert(attempt->journal);
    if (!json_str_at(attempt->spec, "server.socket").len ||
        !json_str_at(attempt->spec, "token").len)
        return NULL;
    managed = calloc(1, sizeof(*managed));
    if (!managed)
        abort();
    managed->arena = arena_new(MIB);
    pthread_mutex_init(&managed->lock, NULL);
    managed->attempt = attempt->name;
    managed->key = random_hex(managed->arena, KEY_BYTES);
    read_record(attempt, managed);
    managed->remote = remote_new(attempt);
    if (listen_on(managed, &err) < 0 || write_record(attempt, managed, &err) < 0) {
        journal_line(attempt->journal, "identity endpoint: none, %s", err.message);
        return NULL;
    }
    struct managed *started = managed;
    managed = NULL;
    return started;
}

/* Requests that wait for the server are told to end, those in the middle of a call too. */
void managed_end(struct managed **managed)
{
    struct managed *ending = *managed;

    if (!ending)
        return;
    *managed = NULL;
    atomic_store(&ending->ending, true);
    http_server_free(&ending->server);
    pool_free(&ending->pool);
    remote_free(&ending->remote);
    for (size_t i = 0; i < KEPT; i++)
        arena_free(&ending->kept[i].texts);
    pthread_mutex_destroy(&ending->lock);
    arena_free(&ending->arena);
    free(ending);
}

/* Nothing for a job without an endpoint: the clients then say clearly that there is no identity. */
void managed_variables(const struct attempt *attempt, struct json *variables)
{
    const struct managed *managed = attempt->managed;
    struct str identity = json_str_at(attempt->spec, "variables.AZUREML_WORKSPACE_ID");
    struct arena *arena = attempt->arena;

    assert(variables);
    if (!managed)
        return;
    struct str base = arena_printf(arena, "http://" HOST, atomic_load(&managed->port));
    json_set_str(arena, variables, "IDENTITY_ENDPOINT",
                 arena_printf(arena, "%.*s" TOKEN_PATH, STR_ARG(base)));
    json_set_str(arena, variables, "IDENTITY_HEADER", managed->key);
    json_set_str(arena, variables, "MSI_ENDPOINT",
                 arena_printf(arena, "%.*s" MSI_PATH, STR_ARG(base)));
    json_set_str(arena, variables, "MSI_SECRET", managed->key);
    json_set_str(arena, variables, "AZURE_POD_IDENTITY_AUTHORITY_HOST",
                 arena_printf(arena, "%.*s/%.*s", STR_ARG(base), STR_ARG(managed->key)));
    /* Scripts made for Azure ML name the compute's identity by this. */
    if (identity.len > 0)
        json_set_str(arena, variables, "DEFAULT_IDENTITY_CLIENT_ID", identity);
}
