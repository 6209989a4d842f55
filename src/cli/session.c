/* session.c - The only file that talks to a server. Two clients at most: the session's own, and
 * one more host that it named, which never gets our credential. */
#include "cli/session.h"
#include "base/buf.h"
#include "cli/progress.h"
#include "cli/scope.h"
#include "cli/settings.h"
#include "cli/xml.h"
#include "http/text.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/random.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define API_VERSION "2024-10-01"
#define HEADERS_MAX 8
/* Replies that are kept; files flow past. */
#define REPLY_MAX_BYTES (512 * MIB)
#define POLL_FIRST_US (100 * US_PER_MS)
#define POLL_LAST_US US_PER_S
/* Rows of the data plane have versions of their own. */
struct version_row {
    struct str prefix;
    const char *version;
};

static const struct version_row VERSIONS[] = {
    {STR_INIT("/mferp/"), "2021-10-01-dataplanepreview"},
    {STR_INIT("/registrymanagement/"), "v1.0"},
    {STR_INIT("/genericasset/"), "2024-04-01-preview"},
};
#define RETRIES 3 /* of a request that a busy server refused */

struct cli_session {
    struct http_client *client;
    struct http_client *other; /* for one more host, a scoring address */
    struct str other_host;
    struct str host; /* "localhost:10443" */
    struct str bearer;
    const struct json *kept; /* what `login` kept for this server, until it is looked at */
    struct str folder;
    struct str ca_file; /* that was named when one signed in */
    bool local;         /* by the socket of the folder */
    struct scope scope;
};

static volatile sig_atomic_t interrupted;

/* The first Ctrl-C ends what waits; the second ends the program. */
static void on_interrupt(int signal)
{
    if (interrupted)
        _exit(130);
    interrupted = signal;
}

bool session_interrupted(void)
{
    assert(interrupted >= 0);
    return interrupted != 0;
}

/* Asked by the HTTP client while it waits. */
static bool is_interrupted(void *context)
{
    return interrupted != 0;
}

/* The same order as the server's: both find the same folder. */
struct str session_folder(const struct cli *cli)
{
    struct str given = cli_text(cli, "data-dir");
    const char *home = getenv("LAZURITE_HOME");

    assert(cli->arena);
    if (given.len)
        return given;
    if (home && home[0])
        return str_from(home);
    home = getenv("HOME");
    return arena_printf(cli->arena, "%s/.lazurite", home ? home : "");
}

struct str session_host(const struct cli *cli)
{
    return cli->session ? cli->session->host : STR("");
}

/* The folder's own authority, so that nobody has to switch checks off; for somebody else's server
 * LAZURITE_CA_FILE names theirs, now or when one signed in. */
static struct str ca_file_of(struct cli *cli, const struct cli_session *session)
{
    const char *given = getenv("LAZURITE_CA_FILE");

    if (given && given[0])
        return str_from(given);
    if (session && session->ca_file.len)
        return session->ca_file;
    struct str path = arena_printf(cli->arena, "%.*s/tls/bundle.pem", STR_ARG(session_folder(cli)));

    assert(cli->arena);
    return access(path.ptr, R_OK) == 0 ? path : STR("");
}

struct str session_ca_file(struct cli *cli)
{
    return ca_file_of(cli, cli->session);
}

/* The text of a file of the data folder as JSON; NULL when it is not there. */
static struct json *folder_json(struct cli *cli, struct str folder, const char *path)
{
    struct error ignored;
    struct str text;
    CLEANUP(fd_close) int dir = dir_open(arena_cstr(cli->arena, folder), &ignored);

    assert(path[0] != '/');
    if (dir < 0 || file_read(cli->arena, dir, path, MIB, &text, &ignored) < 0)
        return NULL;
    return json_parse(cli->arena, text, &ignored);
}

/* "localhost:PORT": the name that the server's own addresses carry. */
static struct str host_of_folder(struct cli *cli, struct str folder)
{
    const struct json *server = folder_json(cli, folder, "run/server.json");
    struct str endpoint = json_str_at(server, "endpoint");

    if (str_starts(endpoint, STR("https://")))
        return str_slice(endpoint, 8, endpoint.len);
    return STR("localhost:10443");
}

/* The socket is the credential: only the folder's owner can open it. */
static int open_folder(struct cli *cli, struct cli_session *session, struct error *err)
{
    struct http_address address = {0};

    assert(session);
    session->local = true;
    session->folder = session_folder(cli);
    session->host = host_of_folder(cli, session->folder);
    address.unix_path =
        arena_printf(cli->arena, "%.*s/run/lazurite.sock", STR_ARG(session->folder));
    address.host_header = session->host;
    if (access(address.unix_path.ptr, F_OK) != 0) {
        error_set(err, ERROR_UNAVAILABLE, address.unix_path.ptr,
                  "No server runs in this data folder.");
        return error_hint(err, "lazurite serve --data-dir %.*s", STR_ARG(session->folder));
    }
    session->client = http_client_new(&address);
    return 0;
}

/* A token of the line wins over one of the environment, that over the one that `login` kept. */
static int open_url(struct cli *cli, struct cli_session *session, struct str url, struct error *err)
{
    struct http_address address;
    const char *token = getenv("LAZURITE_TOKEN");

    assert(url.len > 0);
    if (http_address_parse(cli->arena, url, &address, err) < 0)
        return -1;
    session->folder = session_folder(cli);
    struct settings_sign_in kept = settings_signed_in(cli, session->folder);
    if (str_eq(kept.server, url))
        session->ca_file = kept.ca_file;
    address.ca_file = ca_file_of(cli, session);
    session->bearer = cli_has(cli, "token") ? cli_text(cli, "token") : str_from(token);
    ssize_t scheme = str_find(url, STR("://"));
    session->host = str_slice(url, scheme < 0 ? 0 : (size_t)scheme + 3, url.len);
    while (str_ends(session->host, STR("/")))
        session->host.len--;
    session->client = http_client_new(&address);
    if (!session->bearer.len)
        session->kept = settings_token(cli, session->host);
    return 0;
}

/* What opens the session: an address of the line or the environment; the folder when it is named;
 * where one is signed in; the folder when a server runs in it; else the address of the
 * configuration. "" is the folder. */
static struct str choose_server(struct cli *cli)
{
    struct str url = cli_text(cli, "server"), folder = session_folder(cli);
    bool named = cli_has(cli, "data-dir");

    assert(cli->arena);
    if (!url.len && !named)
        url = str_from(getenv("LAZURITE_SERVER"));
    if (!url.len && !named && !cli->of_folder)
        url = settings_signed_in(cli, folder).server;
    if (url.len || named)
        return url;
    url = settings_value(cli, "defaults", "server");
    struct str socket = arena_printf(cli->arena, "%.*s/run/lazurite.sock", STR_ARG(folder));
    return settings_profile(cli).len || access(socket.ptr, F_OK) != 0 ? url : STR("");
}

/* Once, by whoever needs it first: commands that ask nothing open nothing. */
int session_open(struct cli *cli, struct error *err)
{
    assert(cli->arena);
    if (cli->session)
        return 0;
    struct cli_session *session = arena_make(cli->arena, struct cli_session);
    if (scope_read(cli, &session->scope, err) < 0)
        return -1;
    struct str url = choose_server(cli);
    if ((url.len ? open_url(cli, session, url, err) : open_folder(cli, session, err)) < 0)
        return -1;
    struct sigaction action = {.sa_handler = on_interrupt};
    sigaction(SIGINT, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    cli->session = session;
    if (session->kept && !session->bearer.len && cli->renew &&
        cli->renew(cli, session->kept, &session->bearer, err) < 0)
        return -1;
    return scope_is_registry(cli) ? session_registry(cli, cli_text(cli, "registry-name"),
                                                     &session->scope.registry, err)
                                  : 0;
}

const struct scope *session_scope(const struct cli *cli)
{
    assert(cli->session);
    return &cli->session->scope;
}

/* Registries are found by name alone; which group they stand in the server knows. */
int session_registry(struct cli *cli, struct str name, struct str *out, struct error *err)
{
    struct json *found;
    struct str encoded = http_encode(cli->arena, name, false);
    struct str path = arena_printf(cli->arena, "/registrymanagement/v1.0/registries/%.*s/discovery",
                                   STR_ARG(encoded));

    assert(cli->session);
    if (session_get(cli, path, &found, err) < 0)
        return -1;
    struct scope scope = {.subscription = json_str_at(found, "subscriptionId"),
                          .group = json_str_at(found, "resourceGroup")};
    *out = arena_printf(cli->arena, "/mferp/managementfrontend%.*s/registries/%.*s",
                        STR_ARG(scope_path(cli->arena, &scope)), STR_ARG(encoded));
    return 0;
}

struct str session_subscription(struct cli *cli)
{
    return arena_printf(cli->arena, "/subscriptions/%.*s",
                        STR_ARG(session_scope(cli)->subscription));
}

struct str session_provider(struct cli *cli)
{
    return arena_printf(cli->arena, "%.*s/" SCOPE_PROVIDER, STR_ARG(session_subscription(cli)));
}

/* Beside workspaces: where they and registries stand. */
struct str session_group(struct cli *cli)
{
    return scope_path(cli->arena, session_scope(cli));
}

/* What assets are asked beneath: every asset command works on a registry by this alone. */
struct str session_workspace(struct cli *cli)
{
    const struct scope *scope = session_scope(cli);

    if (scope->registry.len)
        return scope->registry;
    return arena_printf(cli->arena, "%.*s/workspaces/%.*s", STR_ARG(session_group(cli)),
                        STR_ARG(http_encode(cli->arena, scope->workspace, false)));
}

/* Names may hold a slash or a blank; a path may not. */
struct str session_id(struct cli *cli, const char *type, struct str name)
{
    assert(type[0] != '/');
    return arena_printf(cli->arena, "%.*s/%s/%.*s", STR_ARG(session_workspace(cli)), type,
                        STR_ARG(http_encode(cli->arena, name, false)));
}

struct str session_version_id(struct cli *cli, const char *type, struct str name,
                              struct str version)
{
    return arena_printf(cli->arena, "%.*s/versions/%.*s", STR_ARG(session_id(cli, type, name)),
                        STR_ARG(http_encode(cli->arena, version, false)));
}

bool session_is_local(const struct cli *cli)
{
    assert(cli->session);
    return cli->session->local;
}

struct str session_bearer(const struct cli *cli)
{
    assert(cli->session);
    return cli->session->bearer;
}

void session_set_bearer(struct cli *cli, struct str token)
{
    assert(cli->session && token.len > 0);
    cli->session->bearer = token;
}

/* Both connections; what was in memory goes with the run. */
void session_close(struct cli_session **session)
{
    assert(session);
    if (!*session)
        return;
    http_client_free(&(*session)->client);
    http_client_free(&(*session)->other);
    *session = NULL;
}

/* How an address is reached. */
struct way {
    struct http_client *client;
    struct str target; /* what of the address goes into the request line */
    bool own;          /* the session's server, not one that it named */
};

/* One more host is kept connected: the scoring address that is asked again and again. */
static int way_elsewhere(struct cli *cli, struct str base, struct str host, struct way *way,
                         struct error *err)
{
    struct cli_session *session = cli->session;
    struct http_address address;

    assert(session && host.len > 0);
    way->own = false;
    if (!session->other || !str_eq(session->other_host, host)) {
        if (http_address_parse(cli->arena, base, &address, err) < 0)
            return -1;
        address.ca_file = session_ca_file(cli);
        http_client_free(&session->other);
        session->other = http_client_new(&address);
        session->other_host = arena_str(cli->arena, host);
    }
    way->client = session->other;
    return 0;
}

/* Whether a host is a storage account of the session's server, "lz….blob.core.DOMAIN" with its
 * port. Such a name need not be known to this machine: the server takes it in the path as well. */
static bool is_account(const struct cli_session *session, struct str host)
{
    struct str ours, theirs, name;

    return str_starts(host, STR("lz")) && str_find_char(host, '.') == 22 &&
           str_starts(str_slice(host, 22, host.len), STR(".blob.core.")) &&
           str_cut(session->host, ':', &name, &ours) && str_cut(host, ':', &name, &theirs) &&
           str_eq(ours, theirs);
}

/* Paths and absolute addresses of the session's own host go by its one connection. */
static int find_way(struct cli *cli, struct str url, struct way *out, struct error *err)
{
    struct cli_session *session = cli->session;
    struct str rest, host, path;

    assert(session);
    if (!url.len)
        return error_set(err, ERROR_INVALID, "", "There is no address to ask.");
    *out = (struct way){session->client, url, true};
    if (str_starts(url, STR("/")))
        return 0;
    ssize_t scheme = str_find(url, STR("://"));
    rest = str_slice(url, scheme < 0 ? 0 : (size_t)scheme + 3, url.len);
    if (!str_cut(rest, '/', &host, &path)) {
        host = rest;
        path = STR("");
    }
    if (!host.len)
        return error_set(err, ERROR_INVALID, "", "'%.*s' names no host.", STR_ARG(url));
    out->target = arena_printf(cli->arena, "/%.*s", STR_ARG(path));
    if (str_eq_fold(host, session->host))
        return 0;
    if (is_account(session, host)) {
        str_cut(host, ':', &rest, &path);
        out->target = arena_printf(cli->arena, "/%.*s%.*s", STR_ARG(rest), STR_ARG(out->target));
        return 0;
    }
    struct str base = str_slice(url, 0, (size_t)(host.ptr - url.ptr) + host.len);
    return way_elsewhere(cli, base, host, out, err);
}

/* By host and port: another server on this machine is another server. */
bool session_owns(const struct cli *cli, struct str url)
{
    ssize_t scheme = str_find(url, STR("://"));
    struct str rest = str_slice(url, scheme < 0 ? 0 : (size_t)scheme + 3, url.len), host, path;

    assert(cli->session);
    return scheme > 0 && str_cut(rest, '/', &host, &path) &&
           (str_eq_fold(host, cli->session->host) || is_account(cli->session, host));
}

/* What --debug prints of an address: never a signature. */
static struct str masked(struct cli *cli, struct str target)
{
    ssize_t signature = str_find(target, STR("sig="));

    if (signature < 0)
        return target;
    return arena_printf(cli->arena, "%.*s***", (int)signature + 4, target.ptr);
}

/* Everything that goes with the request but its body. A signature in the address is the credential;
 * no other goes with it, nor to another host. */
static size_t make_headers(struct cli *cli, const struct session_request *request,
                           const struct way *way, struct http_header headers[HEADERS_MAX])
{
    struct str bearer = cli->session->bearer;
    size_t count = 0;

    assert(request->header_count + 2 <= HEADERS_MAX);
    for (; count < request->header_count; count++)
        headers[count] = request->headers[count];
    if (request->content_type)
        headers[count++] =
            (struct http_header){STR("Content-Type"), str_from(request->content_type)};
    if (way->own && bearer.len && str_find(way->target, STR("sig=")) < 0)
        headers[count++] = (struct http_header){
            STR("Authorization"), arena_printf(cli->arena, "Bearer %.*s", STR_ARG(bearer))};
    return count;
}

/* A shell that waits gets a tenth of a second, everything else what was asked for. */
static struct http_call call_of(const struct cli *cli, const struct session_request *request)
{
    int timeout_ms =
        request->timeout_ms ? request->timeout_ms : (int)cli_number(cli, "timeout", 60) * 1000;

    assert(request->method && (!request->has_body_fd || !request->body.len));
    if (cli->hurry_ms)
        timeout_ms = cli->hurry_ms;
    return (struct http_call){.method = request->method,
                              .body = request->body,
                              .body_fd = request->body_fd,
                              .has_body_fd = request->has_body_fd,
                              .body_offset = request->body_offset,
                              .body_length = request->body_length,
                              .timeout_ms = timeout_ms,
                              .reply_limit = REPLY_MAX_BYTES,
                              .on_body = request->on_body,
                              .context = request->context,
                              .cancel = is_interrupted};
}

/* Seconds that a busy server asks for, or a pause that doubles, each with some chance in it so that
 * many clients do not come back at once. */
static int64_t pause_us(const struct http_response *reply, int64_t attempt)
{
    int64_t seconds;
    int64_t base = US_PER_S / 4 << (attempt < 6 ? attempt : 6);

    if (str_to_int64(http_response_header(reply, "Retry-After"), &seconds) && seconds >= 0)
        base = (seconds < 60 ? seconds : 60) * US_PER_S;
    return base + (int64_t)random_below((uint32_t)(base / 4 + 1));
}

/* A server that is busy or starting has done nothing yet: what was sent may be sent again, unless
 * its bytes flow from or to somewhere. */
static bool is_busy(const struct session_request *request, const struct http_response *reply)
{
    assert(reply->status >= 100);
    return (reply->status == 429 || reply->status == 503) && !request->on_body &&
           !request->has_body_fd;
}

/* One try. */
static int send_once(struct cli *cli, const struct session_request *request, const struct way *way,
                     struct http_response *out, struct error *err)
{
    struct http_header headers[HEADERS_MAX];
    struct http_call call = call_of(cli, request);

    call.target = way->target;
    call.headers = headers;
    call.header_count = make_headers(cli, request, way, headers);
    int64_t begun = clock_mono_us();
    int result = http_client_send(way->client, cli->arena, &call, out, err);
    if (cli->debug)
        fprintf(stderr, "%s %.*s %d %lld us\n", request->method, STR_ARG(masked(cli, call.target)),
                result < 0 ? 0 : out->status, (long long)(clock_mono_us() - begun));
    assert(result == 0 || result == -1);
    return result;
}

/* Every request of every command goes through here: credentials, masks, retries and Ctrl-C are
 * one thing. */
int session_raw(struct cli *cli, const struct session_request *request, struct http_response *out,
                struct error *err)
{
    struct way way = {0};
    int result;

    if (session_open(cli, err) < 0 || find_way(cli, request->url, &way, err) < 0)
        return -1;
    int64_t tries = cli->hurry_ms ? 0 : cli_number(cli, "retries", RETRIES);
    for (int64_t attempt = 0;; attempt++) {
        result = send_once(cli, request, &way, out, err);
        if (result < 0 || !is_busy(request, out) || attempt >= tries || session_interrupted())
            break;
        clock_sleep_us(pause_us(out, attempt));
    }
    if (result < 0 && session_interrupted())
        cli->interrupted = true;
    if (result < 0 && err->code == ERROR_UNAVAILABLE && way.own && !cli->session->bearer.len)
        error_hint(err, "lazurite serve --data-dir %.*s", STR_ARG(cli->session->folder));
    return result;
}

/* Which of our errors a status is: exit codes follow from them. */
static enum error_code code_of_status(int status)
{
    static const struct {
        int status;
        enum error_code code;
    } CODES[] = {{400, ERROR_INVALID},
                 {401, ERROR_UNAUTHENTICATED},
                 {403, ERROR_FORBIDDEN},
                 {404, ERROR_NOT_FOUND},
                 {405, ERROR_METHOD},
                 {409, ERROR_CONFLICT},
                 {410, ERROR_GONE},
                 {412, ERROR_PRECONDITION},
                 {413, ERROR_TOO_LARGE},
                 {415, ERROR_MEDIA_TYPE},
                 {421, ERROR_MISDIRECTED},
                 {429, ERROR_TOO_MANY},
                 {501, ERROR_NOT_IMPLEMENTED},
                 {503, ERROR_UNAVAILABLE},
                 {504, ERROR_TIMEOUT},
                 {507, ERROR_STORAGE_FULL}};

    for (size_t i = 0; i < COUNT(CODES); i++)
        if (CODES[i].status == status)
            return CODES[i].code;
    return ERROR_INTERNAL;
}

/* Several faces, several forms of an error; whichever came, four parts are made of it. */
int session_refused(struct cli *cli, const struct http_response *reply, struct error *err)
{
    struct error ignored;
    const struct json *body = json_parse(cli->arena, reply->body, &ignored);
    struct str code = json_str_at(body, "error.code"), message = json_str_at(body, "error.message");
    struct str target = json_str_at(body, "error.target"), hint = json_str_at(body, "error.hint");

    assert(reply->status >= 300 || reply->status < 200);
    if (!code.len)
        code = json_str_at(body, "error_code");
    if (!code.len)
        code = xml_text(reply->body, STR("Code"));
    if (!message.len)
        message = json_str_at(body, "message");
    if (!message.len)
        message = xml_text(reply->body, STR("Message"));
    cli->wire_code = arena_str(cli->arena, code);
    cli->missing = reply->status == 404;
    error_set(err, code_of_status(reply->status), arena_cstr(cli->arena, str_slice(target, 0, 120)),
              "%.*s", STR_ARG(message.len ? message : str_from(http_reason(reply->status))));
    return hint.len ? error_hint(err, "%.*s", STR_ARG(hint)) : -1;
}

/* Our own routes have no api-version, registries have that of the data plane; addresses that the
 * server gave have theirs. */
static struct str with_version(struct cli *cli, struct str path)
{
    assert(path.len > 0);
    if (str_find(path, STR("api-version=")) >= 0 || str_find(path, STR("/lazurite/v1")) >= 0)
        return path;
    const char *version = API_VERSION;
    for (size_t i = 0; i < COUNT(VERSIONS); i++)
        if (str_starts(path, VERSIONS[i].prefix))
            version = VERSIONS[i].version;
    return arena_printf(cli->arena, "%.*s%sapi-version=%s", STR_ARG(path),
                        str_find_char(path, '?') < 0 ? "?" : "&", version);
}

/* Any status but success is an error. */
static int send_json(struct cli *cli, const struct session_write *write, struct http_response *out,
                     struct error *err)
{
    struct session_request request = {.method = write->method,
                                      .url = with_version(cli, write->path)};

    assert(write->method && write->path.len > 0);
    if (write->body) {
        request.body = json_write(cli->arena, write->body);
        request.content_type = "application/json";
    }
    if (session_raw(cli, &request, out, err) < 0)
        return -1;
    return out->status >= 200 && out->status < 300 ? 0 : session_refused(cli, out, err);
}

/* An empty reply is no JSON and no error. */
static int body_of(struct cli *cli, const struct http_response *reply, struct json **out,
                   struct error *err)
{
    assert(reply->status >= 200);
    if (!out)
        return 0;
    *out = NULL;
    if (!str_trim(reply->body).len)
        return 0;
    *out = json_parse(cli->arena, reply->body, err);
    return *out ? 0 : -1;
}

/* A request whose success has a body or none. */
static int call(struct cli *cli, const struct session_write *write, struct json **out,
                struct error *err)
{
    struct http_response reply;

    if (session_open(cli, err) < 0 || send_json(cli, write, &reply, err) < 0)
        return -1;
    assert(reply.status >= 200 && reply.status < 300);
    return body_of(cli, &reply, out, err);
}

int session_delete(struct cli *cli, struct str path, struct json **out, struct error *err)
{
    assert(path.len > 0);
    return call(cli, &(struct session_write){"DELETE", path, NULL, NULL}, out, err);
}

int session_get(struct cli *cli, struct str path, struct json **out, struct error *err)
{
    assert(path.len > 0);
    return call(cli, &(struct session_write){"GET", path, NULL, NULL}, out, err);
}

int session_put(struct cli *cli, struct str path, const struct json *body, struct json **out,
                struct error *err)
{
    assert(body);
    return call(cli, &(struct session_write){"PUT", path, body, NULL}, out, err);
}

int session_post(struct cli *cli, struct str path, const struct json *body, struct json **out,
                 struct error *err)
{
    assert(path.len > 0);
    return call(cli, &(struct session_write){"POST", path, body, NULL}, out, err);
}

/* One look at a long operation: 1 done, 0 not yet. */
static int poll_operation(struct cli *cli, struct str url, bool by_status, struct error *err)
{
    struct http_response reply;
    struct json *body;

    if (send_json(cli, &(struct session_write){"GET", url, NULL, NULL}, &reply, err) < 0)
        return -1;
    if (!by_status)
        return reply.status != 202;
    if (body_of(cli, &reply, &body, err) < 0)
        return -1;
    struct str status = json_str_at(body, "status");
    if (str_eq_fold(status, STR("Succeeded")))
        return 1;
    if (!str_eq_fold(status, STR("Failed")) && !str_eq_fold(status, STR("Canceled")))
        return 0;
    struct str code = json_str_at(body, "error.code"), message = json_str_at(body, "error.message");
    cli->wire_code = code;
    struct str target = json_str_at(body, "error.target");
    return error_set(err, ERROR_CONFLICT, arena_cstr(cli->arena, str_slice(target, 0, 120)), "%.*s",
                     STR_ARG(message.len ? message : STR("The operation failed.")));
}

/* Asks often at first: most operations here are done at once. 1 when there was one, else 0. */
static int wait_operation(struct cli *cli, const struct http_response *reply, const char *phase,
                          struct error *err)
{
    struct str status_url = http_response_header(reply, "Azure-AsyncOperation");
    struct str location = http_response_header(reply, "Location");
    struct str url = arena_str(cli->arena, status_url.len ? status_url : location);
    struct progress progress = progress_begin(cli, phase);
    int64_t pause_us = POLL_FIRST_US;
    int waits = url.len && (status_url.len || reply->status == 202), done = !waits;

    assert(reply && phase);
    while (!done) {
        clock_sleep_us(pause_us);
        pause_us = pause_us * 3 / 2 < POLL_LAST_US ? pause_us * 3 / 2 : POLL_LAST_US;
        if (session_interrupted()) {
            cli->interrupted = true;
            progress_end(&progress, "interrupted; it goes on");
            return error_set(err, ERROR_CANCELED, "", "Interrupted; the server goes on.");
        }
        done = poll_operation(cli, url, status_url.len > 0, err);
        progress_tick(&progress);
    }
    progress_end(&progress, done < 0 ? "failed" : NULL);
    return done < 0 ? -1 : waits;
}

/* Operations that are done at once cost no second request. */
int session_change(struct cli *cli, const struct session_write *write, struct json **out,
                   struct error *err)
{
    struct http_response reply;

    assert(write->phase);
    if (session_open(cli, err) < 0 || send_json(cli, write, &reply, err) < 0 ||
        body_of(cli, &reply, out, err) < 0)
        return -1;
    if (cli_has(cli, "no-wait"))
        return 0;
    int waited = wait_operation(cli, &reply, write->phase, err);
    /* What a PUT or PATCH made is shown as it is after the operation. */
    bool makes = !strcmp(write->method, "PUT") || !strcmp(write->method, "PATCH");
    if (waited <= 0 || !out || !makes)
        return waited < 0 ? -1 : 0;
    return session_get(cli, write->path, out, err);
}

/* For lists that are needed whole; those that are printed flow by listing.c. */
int session_list(struct cli *cli, struct str path, size_t most, struct json **out,
                 struct error *err)
{
    struct json *all = json_array(cli->arena), *page;
    struct str next = path;

    assert(path.len > 0);
    while (next.len && (!most || json_count(all) < most)) {
        if (session_get(cli, next, &page, err) < 0)
            return -1;
        struct json_iter it = json_iter(json_get(page, STR("value")));
        while (json_next(&it) && (!most || json_count(all) < most))
            json_append(cli->arena, all, json_copy(cli->arena, it.value));
        next = json_str_at(page, "nextLink");
    }
    *out = all;
    return 0;
}
