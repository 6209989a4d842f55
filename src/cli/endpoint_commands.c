/* endpoint_commands.c - online-endpoint and online-deployment. Both are long operations on the
 * server; a deployment that does not come up is told together with where its logs are. */
#include "cli/change.h"
#include "cli/command.h"
#include "cli/confirm.h"
#include "cli/session.h"
#include "cli/shape.h"
#include "os/file.h"
#include "yaml/yaml.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define REQUEST_MAX (64 * MIB)

static const char *const ENDPOINT_WORDS[] = {"managed", "managedOnlineEndpoint", NULL};
static const struct document_family ENDPOINT_FAMILY = {"online endpoint", NULL, ENDPOINT_WORDS,
                                                       NULL};
static const char *const ENDPOINT_KEYS[] = {"name", "auth-mode", NULL};
static const char *const ENDPOINT_COLUMNS[] = {
    "name",  "Name",        "auth_mode",   "Auth", "traffic_text", "Traffic", "provisioning_state",
    "State", "scoring_uri", "Scoring URL", NULL};

static const char *const DEPLOYMENT_WORDS[] = {"managed", "managedOnlineDeployment", NULL};
static const char *const DEPLOYMENT_LATER[] = {"kubernetes", NULL};
static const struct document_family DEPLOYMENT_FAMILY = {"online deployment", "type",
                                                         DEPLOYMENT_WORDS, DEPLOYMENT_LATER};
static const char *const DEPLOYMENT_KEYS[] = {"name", "endpoint-name", NULL};
static const char *const DEPLOYMENT_COLUMNS[] = {"name",
                                                 "Name",
                                                 "model",
                                                 "Model",
                                                 "instance_count",
                                                 "Replicas",
                                                 "instance_type",
                                                 "Size",
                                                 "provisioning_state",
                                                 "State",
                                                 NULL};

static struct str endpoint_id(struct cli *cli, struct str name)
{
    assert(cli->session);
    return session_id(cli, "onlineEndpoints", name);
}

/* Beneath its endpoint: two endpoints may each have a deployment of one name. */
static struct str deployment_id(struct cli *cli, struct str endpoint, struct str name)
{
    assert(cli->session);
    return arena_printf(cli->arena, "%.*s/deployments/%.*s", STR_ARG(endpoint_id(cli, endpoint)),
                        STR_ARG(name));
}

/* The wire's traffic from KEY=VALUE words; a share must be 0 to 100. */
static int put_traffic(struct cli *cli, const char *flag, const char *path, struct json *body,
                       struct error *err)
{
    struct json *words, *shares = json_object(cli->arena);
    int64_t share;

    assert(flag && path && body);
    if (!cli_has(cli, flag))
        return 0;
    if (document_pairs(cli, flag, &words, err) < 0)
        return -1;
    struct json_iter it = json_iter(words);
    while (json_next(&it)) {
        if (!str_to_int64(json_as_str(it.value), &share) || share < 0 || share > 100) {
            cli->usage = true;
            return error_set(err, ERROR_INVALID, "",
                             "--%s: '%.*s' wants a share of 0 to 100, not '%.*s'.", flag,
                             STR_ARG(it.key), STR_ARG(json_as_str(it.value)));
        }
        if (share > 0)
            json_set(cli->arena, shares, it.key, json_int(cli->arena, share));
    }
    return json_put(cli->arena, body, path, shares, err);
}

/* What is printed is the endpoint after the operation, with its address. */
static int put_endpoint(struct cli *cli, struct str name, const struct json *body,
                        const char *phase, struct error *err)
{
    struct json *reply;

    assert(body && phase);
    if (session_change(cli, &(struct session_write){"PUT", endpoint_id(cli, name), body, phase},
                       &reply, err) < 0)
        return -1;
    return cli_result(cli, shape_endpoint(cli, reply), err);
}

/* The file of create and of update is one: update with a file replaces. */
static int read_endpoint(struct cli *cli, struct document *document, struct json **out_body,
                         struct error *err)
{
    assert(document && out_body);
    if (document_read(cli, &ENDPOINT_FAMILY, ENDPOINT_KEYS, document, err) < 0)
        return -1;
    document_check(cli, document);
    if (document_report(cli, document, err) < 0)
        return -1;
    return shape_endpoint_body(cli, document, out_body, err);
}

/* Creating twice is an update: a script can be run again. */
static int run_create(struct cli *cli, struct error *err)
{
    struct document document;
    struct json *body, *now, *traffic;

    if (read_endpoint(cli, &document, &body, err) < 0 || session_open(cli, err) < 0)
        return -1;
    struct str name = json_str_at(document.yaml.root, "name");
    /* Create is create or update: an endpoint that serves keeps its traffic unless the file says.
     */
    if (!json_get(document.yaml.root, STR("traffic"))) {
        if (session_get(cli, endpoint_id(cli, name), &now, err) == 0 &&
            (traffic = json_at(now, "properties.traffic")))
            json_put(cli->arena, body, "properties.traffic", json_copy(cli->arena, traffic), err);
        else if (!cli->missing && err->code != ERROR_NONE)
            return -1;
        cli->missing = false;
        cli->wire_code = STR("");
    }
    return put_endpoint(cli, name, body, "Creating endpoint", err);
}

static const struct change_key ENDPOINT_CHANGES[] = {{"auth_mode", "properties.authMode"},
                                                     {"description", "properties.description"},
                                                     {"tags", "tags", true},
                                                     {"traffic", "properties.traffic"}};
static const struct change_rules ENDPOINT_RULES = {"endpoint", shape_endpoint, ENDPOINT_CHANGES,
                                                   COUNT(ENDPOINT_CHANGES)};
static const struct change_key DEPLOYMENT_CHANGES[] = {
    {"instance_count", "sku.capacity"},
    {"description", "properties.description"},
    {"environment_variables", "properties.environmentVariables", true},
    {"tags", "tags", true}};
static const struct change_rules DEPLOYMENT_RULES = {"deployment", shape_deployment,
                                                     DEPLOYMENT_CHANGES, COUNT(DEPLOYMENT_CHANGES)};

static bool has_edits(const struct cli *cli)
{
    return cli_has(cli, "set") || cli_has(cli, "add") || cli_has(cli, "remove");
}

/* A file replaces the endpoint; flags alone change what is there. */
static int run_update(struct cli *cli, struct error *err)
{
    struct document document = {0};
    struct json *now, *body;
    struct str name = cli_text(cli, "name");

    assert(cli->arena);
    if (cli_has(cli, "file")) {
        if (read_endpoint(cli, &document, &body, err) < 0)
            return -1;
        name = json_str_at(document.yaml.root, "name");
    }
    if (!name.len) {
        cli->usage = true;
        return error_set(err, ERROR_INVALID, "", "--name or --file is missing: which endpoint?");
    }
    if (session_open(cli, err) < 0 || session_get(cli, endpoint_id(cli, name), &now, err) < 0)
        return -1;
    if (!cli_has(cli, "file")) {
        body = now;
        if ((has_edits(cli) || !cli_has(cli, "traffic")) &&
            change_body(cli, &ENDPOINT_RULES, body, err) < 0)
            return -1;
    }
    if (put_traffic(cli, "traffic", "properties.traffic", body, err) < 0)
        return -1;
    return put_endpoint(cli, name, body, "Updating endpoint", err);
}

/* With the traffic, which is what people look for. */
static int run_show(struct cli *cli, struct error *err)
{
    struct json *reply;

    if (session_open(cli, err) < 0 ||
        session_get(cli, endpoint_id(cli, cli_text(cli, "name")), &reply, err) < 0)
        return -1;
    return cli_result(cli, shape_endpoint(cli, reply), err);
}

/* The table shows the split as one would type it: blue=90 green=10. */
static int run_list(struct cli *cli, struct error *err)
{
    struct json *all;

    assert(cli->arena);
    if (session_open(cli, err) < 0 ||
        session_list(
            cli, arena_printf(cli->arena, "%.*s/onlineEndpoints", STR_ARG(session_workspace(cli))),
            0, &all, err) < 0)
        return -1;
    struct json *shown = shape_all(cli, all, shape_endpoint);
    struct json_iter it = json_iter(shown);
    while (cli->format == CLI_TABLE && json_next(&it)) {
        struct str text = STR("");
        struct json_iter shares = json_iter(json_get(it.value, STR("traffic")));
        while (json_next(&shares))
            text =
                arena_printf(cli->arena, "%.*s%s%.*s=%lld", STR_ARG(text), shares.index ? " " : "",
                             STR_ARG(shares.key), (long long)json_as_int(shares.value, 0));
        json_set_str(cli->arena, it.value, "traffic_text", text);
    }
    cli->columns = ENDPOINT_COLUMNS;
    return cli_result(cli, shown, err);
}

/* Its deployments go with it: the question names the endpoint alone. */
static int run_delete(struct cli *cli, struct error *err)
{
    struct str name = cli_text(cli, "name");

    assert(cli->arena);
    if (confirm_delete(cli, "endpoint", name, err) < 0 || session_open(cli, err) < 0)
        return -1;
    return session_change(
        cli, &(struct session_write){"DELETE", endpoint_id(cli, name), NULL, "Deleting endpoint"},
        NULL, err);
}

/* Keys or a token, as the endpoint is set up: callers need not know. */
static int keys_of(struct cli *cli, struct str name, struct json **out, struct error *err)
{
    struct json *endpoint;

    if (session_get(cli, endpoint_id(cli, name), &endpoint, err) < 0)
        return -1;
    bool keyed = str_eq_fold(json_str_at(endpoint, "properties.authMode"), STR("Key"));
    struct str path = arena_printf(cli->arena, "%.*s/%s", STR_ARG(endpoint_id(cli, name)),
                                   keyed ? "listKeys" : "token");
    return session_post(cli, path, NULL, out, err);
}

/* The new key is there when the call returns; it is read, not shown, so that none stays in a log.
 */
static int run_regenerate(struct cli *cli, struct error *err)
{
    struct json *ask = json_object(cli->arena);
    struct str name = cli_text(cli, "name"), which = cli_text(cli, "key-type");

    if (confirm_ask(cli, "Replace the key of endpoint", name, err) < 0 ||
        session_open(cli, err) < 0)
        return -1;
    assert(name.len > 0 && which.len > 0);
    json_set_str(cli->arena, ask, "keyType",
                 str_eq_fold(which, STR("secondary")) ? STR("Secondary") : STR("Primary"));
    struct str path =
        arena_printf(cli->arena, "%.*s/regenerateKeys", STR_ARG(endpoint_id(cli, name)));
    if (session_change(cli, &(struct session_write){"POST", path, ask, "Replacing the key"}, NULL,
                       err) < 0)
        return -1;
    cli_note(cli, "The %.*s key of %.*s is new; the old one opens nothing.", STR_ARG(which),
             STR_ARG(name));
    return 0;
}

/* The one command that prints secrets of an endpoint: nothing else asks for them. */
static int run_credentials(struct cli *cli, struct error *err)
{
    struct json *keys;

    if (session_open(cli, err) < 0 || keys_of(cli, cli_text(cli, "name"), &keys, err) < 0)
        return -1;
    return cli_result(cli, keys, err);
}

/* The whole body is read before it is sent: its length must be known. */
static int read_request(struct cli *cli, struct str *out, struct error *err)
{
    struct str path = cli_text(cli, "request-file");
    bool is_stdin = str_eq(path, STR("-"));
    CLEANUP(fd_close)
    int fd =
        is_stdin ? dup(STDIN_FILENO) : open(arena_cstr(cli->arena, path), O_RDONLY | O_CLOEXEC);
    struct buf body = buf_make(REQUEST_MAX);
    ssize_t got;

    assert(out);
    if (fd < 0)
        return error_errno(err, errno, "The request file '%.*s' cannot be read", STR_ARG(path));
    do {
        char *room = buf_reserve(&body, 64 * KIB);
        got = room ? fd_read_all(fd, room, 64 * KIB, err) : 0;
        if (got > 0)
            buf_grew(&body, (size_t)got);
    } while (got > 0);
    int result = got < 0 ? -1 : buf_ok(&body, err);
    *out = arena_str(cli->arena, buf_str(&body));
    buf_free(&body);
    return result;
}

/* The gateway takes an unknown deployment's name for none: here it is asked for first. */
static int check_deployment(struct cli *cli, struct str endpoint, struct str deployment,
                            struct error *err)
{
    if (!deployment.len)
        return 0;
    return session_get(cli, deployment_id(cli, endpoint, deployment), NULL, err);
}

/* The replica's own error is in its logs; without a name it may have been any of them. */
static int hint_at_logs(struct str endpoint, struct str deployment, struct error *err)
{
    if (deployment.len)
        return error_hint(err, "lazurite online-deployment get-logs -e %.*s -n %.*s",
                          STR_ARG(endpoint), STR_ARG(deployment));
    return error_hint(err, "lazurite online-deployment list -e %.*s -o table", STR_ARG(endpoint));
}

/* The key is asked for and never shown; the reply is printed as it came. */
static int run_invoke(struct cli *cli, struct error *err)
{
    struct str name = cli_text(cli, "name"), deployment = cli_text(cli, "deployment-name"), body;
    struct session_request post = {.method = "POST", .content_type = "application/json"};
    struct http_response reply;
    struct json *endpoint, *keys;

    assert(cli->arena);
    if (read_request(cli, &body, err) < 0 || session_open(cli, err) < 0 ||
        session_get(cli, endpoint_id(cli, name), &endpoint, err) < 0 ||
        check_deployment(cli, name, deployment, err) < 0 || keys_of(cli, name, &keys, err) < 0)
        return -1;
    struct str key = json_str_at(keys, "primaryKey");
    if (!key.len)
        key = json_str_at(keys, "accessToken");
    post.url = json_str_at(endpoint, "properties.scoringUri");
    if (!post.url.len)
        return error_set(err, ERROR_UNAVAILABLE, "", "Endpoint '%.*s' has no scoring address yet.",
                         STR_ARG(name));
    post.body = body;
    post.headers[post.header_count++] = (struct http_header){
        STR("Authorization"), arena_printf(cli->arena, "Bearer %.*s", STR_ARG(key))};
    if (deployment.len)
        post.headers[post.header_count++] =
            (struct http_header){STR("azureml-model-deployment"), deployment};
    if (session_raw(cli, &post, &reply, err) < 0)
        return -1;
    if (reply.status < 200 || reply.status > 299) {
        cli_say("%.*s\n", STR_ARG(str_trim(reply.body)));
        session_refused(cli, &reply, err);
        cli->missing = false;
        return hint_at_logs(name, deployment, err);
    }
    cli_write(reply.body);
    if (!str_ends(reply.body, STR("\n")))
        cli_write(STR("\n"));
    return 0;
}

/* --- deployments --------------------------------------------------------------------------------
 */

/* One PUT of the endpoint with the one deployment at a hundred. */
static int all_traffic(struct cli *cli, struct str endpoint, struct str deployment,
                       struct error *err)
{
    struct json *body, *traffic = json_object(cli->arena);

    if (session_get(cli, endpoint_id(cli, endpoint), &body, err) < 0)
        return -1;
    json_set(cli->arena, traffic, deployment, json_int(cli->arena, 100));
    if (json_put(cli->arena, body, "properties.traffic", traffic, err) < 0)
        return -1;
    return session_change(
        cli, &(struct session_write){"PUT", endpoint_id(cli, endpoint), body, "Shifting traffic"},
        NULL, err);
}

/* A replica that did not come up left its reason in the logs; one that was refused has none. */
static void hint_if_made(struct cli *cli, struct str endpoint, struct str name, struct error *err)
{
    struct error ignored;
    struct str code = cli->wire_code;
    bool missing = cli->missing;

    if (cli->interrupted || err->hint[0])
        return;
    if (session_get(cli, deployment_id(cli, endpoint, name), NULL, &ignored) == 0)
        hint_at_logs(endpoint, name, err);
    cli->wire_code = code;
    cli->missing = missing;
}

/* The error of a replica that does not come up names where its logs are. */
static int put_deployment(struct cli *cli, struct document *document, bool create,
                          struct error *err)
{
    struct str name = json_str_at(document->yaml.root, "name");
    struct str endpoint = json_str_at(document->yaml.root, "endpoint_name");
    struct json *body, *reply;

    assert(document->yaml.root);
    if (shape_deployment_body(cli, document, &body, err) < 0 ||
        document_report(cli, document, err) < 0)
        return -1;
    struct str id = deployment_id(cli, endpoint, name);
    const char *phase = arena_printf(cli->arena, "%s deployment %.*s",
                                     create ? "Creating" : "Updating", STR_ARG(name))
                            .ptr;
    if (session_change(cli, &(struct session_write){"PUT", id, body, phase}, &reply, err) < 0) {
        hint_if_made(cli, endpoint, name, err);
        return document_blame(cli, document, err);
    }
    if (cli_has(cli, "all-traffic") && all_traffic(cli, endpoint, name, err) < 0)
        return -1;
    return cli_result(cli, shape_deployment(cli, reply), err);
}

/* Whether the deployment is there; an endpoint that is not is an error of its own. */
static int is_there(struct cli *cli, struct document *document, bool *out, struct error *err)
{
    struct str endpoint = json_str_at(document->yaml.root, "endpoint_name");
    struct str id = deployment_id(cli, endpoint, json_str_at(document->yaml.root, "name"));

    assert(document->yaml.root);
    if (session_get(cli, endpoint_id(cli, endpoint), NULL, err) < 0)
        return -1;
    *out = session_get(cli, id, NULL, err) == 0;
    if (!*out && !cli->missing)
        return -1;
    cli->missing = false;
    cli->wire_code = STR("");
    return 0;
}

/* Whether it is there is asked early: create and update differ only in that. */
static int read_deployment(struct cli *cli, struct document *document, bool *out_there,
                           struct error *err)
{
    assert(document && out_there);
    if (document_read(cli, &DEPLOYMENT_FAMILY, DEPLOYMENT_KEYS, document, err) < 0)
        return -1;
    document_check(cli, document);
    if (document->problems.errors)
        return document_report(cli, document, err);
    return session_open(cli, err) < 0 ? -1 : is_there(cli, document, out_there, err);
}

/* Create does not replace: a deployment that serves is changed on purpose, by update. */
static int run_deployment_create(struct cli *cli, struct error *err)
{
    struct document document;
    bool there;

    assert(cli->arena);
    if (read_deployment(cli, &document, &there, err) < 0)
        return -1;
    if (there) {
        struct str name = json_str_at(document.yaml.root, "name");
        error_set(err, ERROR_EXISTS, "", "Deployment '%.*s' exists already.", STR_ARG(name));
        return error_hint(err, "lazurite online-deployment update -f %.*s", STR_ARG(document.file));
    }
    return put_deployment(cli, &document, true, err);
}

/* Without a file the deployment is changed as it is: its instances and tags by --set. */
static int update_in_place(struct cli *cli, struct error *err)
{
    struct str endpoint = cli_text(cli, "endpoint-name"), name = cli_text(cli, "name");
    struct json *body, *reply;

    assert(cli->session);
    if (!endpoint.len || !name.len) {
        cli->usage = true;
        return error_set(err, ERROR_INVALID, "",
                         "--file, or --name and --endpoint-name are missing.");
    }
    struct str id = deployment_id(cli, endpoint, name);
    if (session_get(cli, id, &body, err) < 0)
        return -1;
    if (change_body(cli, &DEPLOYMENT_RULES, body, err) < 0)
        return -1;
    if (session_change(cli, &(struct session_write){"PUT", id, body, "Updating deployment"}, &reply,
                       err) < 0)
        return -1;
    return cli_result(cli, shape_deployment(cli, reply), err);
}

/* A file says all, flags only what changes. */
static int run_deployment_update(struct cli *cli, struct error *err)
{
    struct document document;
    bool there;

    assert(cli->arena);
    if (!cli_has(cli, "file"))
        return session_open(cli, err) < 0 ? -1 : update_in_place(cli, err);
    if (read_deployment(cli, &document, &there, err) < 0)
        return -1;
    if (!there) {
        cli->missing = true;
        return error_set(err, ERROR_NOT_FOUND, "", "There is no deployment '%.*s' to update.",
                         STR_ARG(json_str_at(document.yaml.root, "name")));
    }
    return put_deployment(cli, &document, false, err);
}

/* By both names: a deployment is nothing without its endpoint. */
static int run_deployment_show(struct cli *cli, struct error *err)
{
    struct json *reply;

    if (session_open(cli, err) < 0 ||
        session_get(cli, deployment_id(cli, cli_text(cli, "endpoint-name"), cli_text(cli, "name")),
                    &reply, err) < 0)
        return -1;
    return cli_result(cli, shape_deployment(cli, reply), err);
}

/* Of one endpoint, as az has it: there is no list over all. */
static int run_deployment_list(struct cli *cli, struct error *err)
{
    struct json *all;

    if (session_open(cli, err) < 0)
        return -1;
    struct str path = arena_printf(cli->arena, "%.*s/deployments",
                                   STR_ARG(endpoint_id(cli, cli_text(cli, "endpoint-name"))));
    if (session_list(cli, path, 0, &all, err) < 0)
        return -1;
    cli->columns = DEPLOYMENT_COLUMNS;
    return cli_result(cli, shape_all(cli, all, shape_deployment), err);
}

/* Traffic that it still gets is the server's to refuse. */
static int run_deployment_delete(struct cli *cli, struct error *err)
{
    struct str name = cli_text(cli, "name");

    if (confirm_delete(cli, "deployment", name, err) < 0 || session_open(cli, err) < 0)
        return -1;
    return session_change(
        cli,
        &(struct session_write){"DELETE", deployment_id(cli, cli_text(cli, "endpoint-name"), name),
                                NULL, "Deleting deployment"},
        NULL, err);
}

/* Text is text; only -o makes it JSON. */
static int run_deployment_logs(struct cli *cli, struct error *err)
{
    struct json *ask = json_object(cli->arena), *reply;
    struct str container = cli_text(cli, "container");

    assert(cli->arena);
    if (session_open(cli, err) < 0)
        return -1;
    json_set_int(cli->arena, ask, "tail", cli_number(cli, "lines", 5000));
    if (container.len)
        json_set_str(cli->arena, ask, "containerType",
                     str_eq_fold(container, STR("storage-initializer")) ? STR("StorageInitializer")
                                                                        : STR("InferenceServer"));
    struct str id = deployment_id(cli, cli_text(cli, "endpoint-name"), cli_text(cli, "name"));
    if (session_post(cli, arena_printf(cli->arena, "%.*s/getLogs", STR_ARG(id)), ask, &reply, err) <
        0)
        return -1;
    struct str content = json_str_at(reply, "content");
    if (cli->format_given || cli->query)
        return cli_result(cli, json_text(cli->arena, content), err);
    cli_write(content);
    if (content.len && !str_ends(content, STR("\n")))
        cli_write(STR("\n"));
    return 0;
}

#define FILE_FLAG {"file", 'f', CLI_VALUE, .help = "the YAML file; - reads standard input"}
#define LOCAL_FLAG                                    \
    {"local", 0, CLI_SWITCH, .help = "not built yet", \
     .later = "the server of the data folder is on this machine anyway"}
#define ENDPOINT_NAME {"name", 'n', CLI_VALUE, true, .help = "name of the endpoint"}
#define OF_ENDPOINT {"endpoint-name", 'e', CLI_VALUE, true, .help = "name of the endpoint"}
#define DEPLOYMENT_NAME {"name", 'n', CLI_VALUE, true, .help = "name of the deployment"}
#define WEB_FLAG                                                         \
    {"web", 0, CLI_SWITCH, .help = "for scripts of az; changes nothing", \
     .idle = "the studio is not built yet"}

static const struct cli_flag CREATE_FLAGS[] = {
    FILE_FLAG,
    LOCAL_FLAG,
    WEB_FLAG,
    {"name", 'n', CLI_VALUE, .help = "name of the endpoint"},
    {"auth-mode", 0, CLI_VALUE, .choices = "key|aml_token|aad_token",
     .help = "how callers prove who they are"},
};
static const struct cli_flag UPDATE_FLAGS[] = {
    FILE_FLAG,
    LOCAL_FLAG,
    WEB_FLAG,
    {"name", 'n', CLI_VALUE, .help = "name of the endpoint"},
    {"traffic", 'r', CLI_LIST, .help = "\"blue=90 green=10\": shares by deployment"},
    {"mirror-traffic", 0, CLI_LIST, .help = "not built yet", .later = "requests are not mirrored"},
};
static const struct cli_flag SHOW_FLAGS[] = {ENDPOINT_NAME, LOCAL_FLAG, WEB_FLAG};
static const struct cli_flag LIST_FLAGS[] = {LOCAL_FLAG};
static const struct cli_flag KEY_FLAGS[] = {ENDPOINT_NAME};
static const struct cli_flag REGENERATE_FLAGS[] = {
    ENDPOINT_NAME,
    {"key-type", 0, CLI_VALUE, .fallback = "primary", .choices = "primary|secondary",
     .help = "which"},
};
static const struct cli_flag INVOKE_FLAGS[] = {
    ENDPOINT_NAME,
    LOCAL_FLAG,
    {"request-file", 'r', CLI_VALUE, true, .help = "the body; - reads standard input"},
    {"deployment-name", 'd', CLI_VALUE, .help = "this deployment, whatever the traffic"},
};

static const struct cli_command ENDPOINT_COMMANDS[] = {
    {"create", "an endpoint with a scoring address", CREATE_FLAGS, COUNT(CREATE_FLAGS),
     CLI_SCOPE | CLI_SET | CLI_WAIT, run_create,
     .examples = {"lazurite online-endpoint create -f endpoint.yml",
                  "lazurite online-endpoint create -n mine --auth-mode key"}},
    {"update", "traffic, auth mode, tags", UPDATE_FLAGS, COUNT(UPDATE_FLAGS),
     CLI_SCOPE | CLI_UPDATE | CLI_WAIT, run_update,
     .examples = {"lazurite online-endpoint update -n mine --traffic \"blue=90 green=10\"",
                  "lazurite online-endpoint update -n mine --set tags.team=vision"}},
    {"show", "one, with its traffic", SHOW_FLAGS, COUNT(SHOW_FLAGS), CLI_SCOPE, run_show,
     .examples = {"lazurite online-endpoint show -n mine",
                  "lazurite online-endpoint show -n mine --query scoring_uri -o tsv"}},
    {"list", "all of them", LIST_FLAGS, COUNT(LIST_FLAGS), CLI_SCOPE, run_list,
     .examples = {"lazurite online-endpoint list -o table",
                  "lazurite online-endpoint list --query [].name -o tsv"}},
    {"delete", "remove with its deployments", KEY_FLAGS, COUNT(KEY_FLAGS),
     CLI_SCOPE | CLI_WAIT | CLI_YES, run_delete, .text = true,
     .examples = {"lazurite online-endpoint delete -n mine",
                  "lazurite online-endpoint delete -n mine -y --no-wait"}},
    {"get-credentials", "keys or a token", KEY_FLAGS, COUNT(KEY_FLAGS), CLI_SCOPE, run_credentials,
     .examples = {"lazurite online-endpoint get-credentials -n mine",
                  "lazurite online-endpoint get-credentials -n mine --query primaryKey -o tsv"}},
    {"regenerate-keys", "replace a key at once", REGENERATE_FLAGS, COUNT(REGENERATE_FLAGS),
     CLI_SCOPE | CLI_WAIT | CLI_YES, run_regenerate, .text = true,
     .examples = {"lazurite online-endpoint regenerate-keys -n mine",
                  "lazurite online-endpoint regenerate-keys -n mine --key-type secondary -y"}},
    {"invoke", "send one request, print the reply", INVOKE_FLAGS, COUNT(INVOKE_FLAGS), CLI_SCOPE,
     run_invoke, .text = true,
     .examples =
         {"lazurite online-endpoint invoke -n mine -r request.json",
          "echo '{\"data\": [[1, 2]]}' | lazurite online-endpoint invoke -n mine -d blue -r -"}},
};

#define CHECK_FLAGS                                                                         \
    {"skip-script-validation", 0, CLI_SWITCH, .help = "for scripts of az; changes nothing", \
     .idle = "the script is only tried in its replica"},                                    \
        {"local-enable-gpu", 0, CLI_SWITCH, .help = "not built yet",                        \
         .later = "deployments run on the server"},                                         \
        {"vscode-debug", 0, CLI_SWITCH, .help = "not built yet",                            \
         .later = "no debugger is attached to replicas"}

static const struct cli_flag DEPLOYMENT_CREATE[] = {
    {"file", 'f', CLI_VALUE, true, .help = "the YAML file; - reads standard input"},
    LOCAL_FLAG,
    WEB_FLAG,
    CHECK_FLAGS,
    {"name", 'n', CLI_VALUE, .help = "name of the deployment"},
    {"endpoint-name", 'e', CLI_VALUE, .help = "name of the endpoint"},
    {"all-traffic", 0, CLI_SWITCH, .help = "give it all traffic once it serves"},
};
static const struct cli_flag DEPLOYMENT_UPDATE[] = {
    FILE_FLAG,
    LOCAL_FLAG,
    WEB_FLAG,
    CHECK_FLAGS,
    {"name", 'n', CLI_VALUE, .help = "name of the deployment"},
    {"endpoint-name", 'e', CLI_VALUE, .help = "name of the endpoint"},
};
static const struct cli_flag DEPLOYMENT_SHOW[] = {OF_ENDPOINT, DEPLOYMENT_NAME, LOCAL_FLAG,
                                                  WEB_FLAG};
static const struct cli_flag DEPLOYMENT_LIST[] = {OF_ENDPOINT, LOCAL_FLAG};
static const struct cli_flag DEPLOYMENT_LOGS[] = {
    OF_ENDPOINT,
    DEPLOYMENT_NAME,
    LOCAL_FLAG,
    {"lines", 'l', CLI_NUMBER, .fallback = "5000", .help = "from the end"},
    {"container", 'c', CLI_VALUE, .choices = "inference-server|storage-initializer",
     .help = "which log"},
};

static const struct cli_command DEPLOYMENT_COMMANDS[] = {
    {"create", "put a model behind an endpoint", DEPLOYMENT_CREATE, COUNT(DEPLOYMENT_CREATE),
     CLI_SCOPE | CLI_SET | CLI_WAIT, run_deployment_create,
     .examples = {"lazurite online-deployment create -f blue.yml --all-traffic",
                  "lazurite online-deployment create -f blue.yml -e mine -n blue --no-wait"}},
    {"update", "scale, model, environment", DEPLOYMENT_UPDATE, COUNT(DEPLOYMENT_UPDATE),
     CLI_SCOPE | CLI_UPDATE | CLI_WAIT, run_deployment_update,
     .examples = {"lazurite online-deployment update -f blue.yml",
                  "lazurite online-deployment update -e mine -n blue --set instance_count=2"}},
    {"show", "one deployment", DEPLOYMENT_SHOW, COUNT(DEPLOYMENT_SHOW), CLI_SCOPE,
     run_deployment_show,
     .examples = {"lazurite online-deployment show -e mine -n blue",
                  "lazurite online-deployment show -e mine -n blue -o yaml"}},
    {"list", "of one endpoint", DEPLOYMENT_LIST, COUNT(DEPLOYMENT_LIST), CLI_SCOPE,
     run_deployment_list,
     .examples = {"lazurite online-deployment list -e mine -o table",
                  "lazurite online-deployment list -e mine --query [].name -o tsv"}},
    {"delete", "remove", DEPLOYMENT_SHOW, COUNT(DEPLOYMENT_SHOW), CLI_SCOPE | CLI_WAIT | CLI_YES,
     run_deployment_delete, .text = true,
     .examples = {"lazurite online-deployment delete -e mine -n blue",
                  "lazurite online-deployment delete -e mine -n blue -y"}},
    {"get-logs", "what its replicas wrote", DEPLOYMENT_LOGS, COUNT(DEPLOYMENT_LOGS), CLI_SCOPE,
     run_deployment_logs, .text = true,
     .examples = {"lazurite online-deployment get-logs -e mine -n blue",
                  "lazurite online-deployment get-logs -e mine -n blue -l 50"}},
};

const struct cli_group online_endpoint_group = {"online-endpoint", "addresses that answer",
                                                ENDPOINT_COMMANDS, COUNT(ENDPOINT_COMMANDS)};
const struct cli_group online_deployment_group = {"online-deployment", "models behind an endpoint",
                                                  DEPLOYMENT_COMMANDS, COUNT(DEPLOYMENT_COMMANDS)};
