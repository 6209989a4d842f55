/* own_commands.c - Commands of this program that az has not: they tend a server on this machine. */
#include "cli/account_commands.h"
#include "cli/command.h"
#include "cli/completion.h"
#include "cli/login.h"
#include "cli/progress.h"
#include "cli/rest_command.h"
#include "cli/session.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/process.h"

#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define STOP_WAIT_US (30 * US_PER_S)
#define STOP_LOOK_US (50 * US_PER_MS)

/* serve and its like are programs of their own; src/lazurite.c starts them before the command line
 * is asked. Here they are for help, completion and the nearest word. */
static int run_elsewhere(struct cli *cli, struct error *err)
{
    return error_set(err, ERROR_INTERNAL, "", "'%s' is started by the program itself.",
                     cli->arguments.command->name);
}

/* Of the program; the server says its own in `status`. */
static int run_version(struct cli *cli, struct error *err)
{
    struct json *out = json_object(cli->arena);

    if (!cli->format_given && !cli->query) {
        cli_say("lazurite %s\n", LAZURITE_VERSION);
        return 0;
    }
    json_set_str(cli->arena, out, "lazurite", STR(LAZURITE_VERSION));
    return cli_result(cli, out, err);
}

/* What one asks first when something does not work: is it there, and where. */
static int run_status(struct cli *cli, struct error *err)
{
    static const struct {
        const char *key, *head;
    } LINES[] = {{"version", "version"},
                 {"dataDir", "data folder"},
                 {"endpoint", "Azure ML"},
                 {"mlflowTrackingUri", "MLflow"},
                 {"scoringEndpoint", "scoring"},
                 {"anonymous", "no token"},
                 {"jobs", "jobs"}};
    struct json *status;
    int64_t started;

    cli->of_folder = true;
    if (session_open(cli, err) < 0 ||
        session_get(cli, STR("/lazurite/v1/status"), &status, err) < 0)
        return -1;
    if (cli->format_given || cli->query)
        return cli_result(cli, status, err);
    struct str since = json_str_at(status, "startedAt");
    struct str up = clock_parse_iso(since, &started)
                        ? progress_time(cli->arena, clock_now_us() - started)
                        : since;
    cli_say("%slazurite%s runs as process %lld for %.*s\n", cli->color_out ? "\033[1m" : "",
            cli->color_out ? "\033[0m" : "", (long long)json_int_at(status, "pid", 0), STR_ARG(up));
    for (size_t i = 0; i < COUNT(LINES); i++)
        if (json_str_at(status, LINES[i].key).len)
            cli_say("  %-12s %.*s\n", LINES[i].head, STR_ARG(json_str_at(status, LINES[i].key)));
    if (json_bool_at(status, "readOnly", false))
        cli_say("  the store is read only\n");
    return 0;
}

/* --- stop ---------------------------------------------------------------------------------------
 */

/* Written by the server while it runs; one that crashed leaves it behind. */
static struct json *folder_file(struct cli *cli, const char *path)
{
    struct error ignored;
    struct str text;
    CLEANUP(fd_close) int dir = dir_open(arena_cstr(cli->arena, session_folder(cli)), &ignored);

    if (dir < 0 || file_read(cli->arena, dir, path, MIB, &text, &ignored) < 0)
        return NULL;
    return json_parse(cli->arena, text, &ignored);
}

/* The process that a file of the folder names, if it is still that one. */
static bool living(const struct json *file, struct process_id *out)
{
    struct str boot = json_str_at(file, "bootId");

    *out = (struct process_id){.pid = (pid_t)json_int_at(file, "pid", 0),
                               .start_time = (uint64_t)json_int_at(file, "startTime", 0)};
    if (out->pid <= 0 || boot.len >= sizeof out->boot_id)
        return false;
    memcpy(out->boot_id, boot.ptr, boot.len);
    return process_alive(out);
}

/* Asked often: a person waits. */
static bool wait_gone(const struct process_id *id)
{
    int64_t end = clock_mono_us() + STOP_WAIT_US;

    while (process_alive(id)) {
        if (clock_mono_us() > end || session_interrupted())
            return false;
        clock_sleep_us(STOP_LOOK_US);
    }
    return true;
}

/* Those that run; the count says whether it is worth asking again. */
static int cancel_jobs(struct cli *cli, size_t *out_count, struct error *err)
{
    struct json *jobs;

    *out_count = 0;
    if (session_list(
            cli,
            arena_printf(cli->arena, "%.*s/jobs?listViewType=All", STR_ARG(session_workspace(cli))),
            0, &jobs, err) < 0)
        return -1;
    struct json_iter it = json_iter(jobs);
    while (json_next(&it)) {
        struct str status = json_str_at(it.value, "properties.status"),
                   name = json_str_at(it.value, "name");
        if (str_eq(status, STR("Completed")) || str_eq(status, STR("Failed")) ||
            str_eq(status, STR("Canceled")))
            continue;
        /* Runs that MLflow made by hand have no process of ours: nothing to end. */
        if (json_get(json_at(it.value, "properties.properties"), STR("lazurite.origin")))
            continue;
        struct error ignored;
        struct str path =
            arena_printf(cli->arena, "%.*s/cancel", STR_ARG(session_id(cli, "jobs", name)));
        *out_count += session_post(cli, path, NULL, NULL, &ignored) == 0;
    }
    return 0;
}

/* Jobs end by their runners, which need the server to deliver to: they get a moment before it goes.
 */
static int end_jobs(struct cli *cli, struct error *err)
{
    int64_t end = clock_mono_us() + STOP_WAIT_US;
    size_t count;

    if (cancel_jobs(cli, &count, err) < 0)
        return -1;
    if (count)
        cli_note(cli, "Canceling %zu job%s", count, count == 1 ? "" : "s");
    while (count && clock_mono_us() < end && !session_interrupted()) {
        clock_sleep_us(4 * STOP_LOOK_US);
        if (cancel_jobs(cli, &count, err) < 0)
            return -1;
    }
    return 0;
}

/* Asked politely first: it finishes what it has accepted. */
static int end_server(struct cli *cli, const struct process_id *server, struct error *err)
{
    struct json *ask = json_object(cli->arena);
    struct error ignored;

    cli->of_folder = true;
    if (session_open(cli, err) < 0)
        return -1;
    if (cli_has(cli, "jobs") && end_jobs(cli, err) < 0)
        return -1;
    json_set_bool(cli->arena, ask, "replicas", true);
    /* A server that does not answer is ended by its signal. */
    if (session_post(cli, STR("/lazurite/v1/stop"), ask, NULL, &ignored) < 0)
        kill(server->pid, SIGTERM);
    if (!wait_gone(server))
        return error_set(err, ERROR_TIMEOUT, "",
                         "The server, process %d, has not ended within 30 seconds.",
                         (int)server->pid);
    return 0;
}

/* The gateway outlives its server; without one nobody else ends it. */
static bool end_gateway(struct cli *cli)
{
    struct process_id gateway;

    if (!living(folder_file(cli, "run/gateway.json"), &gateway))
        return false;
    kill(gateway.pid, SIGTERM);
    return wait_gone(&gateway);
}

/* Nothing to stop is a success: afterwards nothing runs. */
static int run_stop(struct cli *cli, struct error *err)
{
    struct process_id server;
    bool ran = living(folder_file(cli, "run/server.json"), &server);

    if (ran && end_server(cli, &server, err) < 0)
        return -1;
    bool gateway = end_gateway(cli);
    if (!ran && !gateway) {
        cli_note(cli, "Nothing runs in %.*s", STR_ARG(session_folder(cli)));
        return 0;
    }
    cli_note(cli, "Stopped.");
    return 0;
}

/* --- connect ------------------------------------------------------------------------------------
 */

/* Where the SDK finds out about us: it takes the entry whose address is a part of this one. */
static struct str metadata_url(struct cli *cli, const struct json *connect)
{
    return arena_printf(cli->arena, "%.*s/metadata/endpoints?api-version=2019-05-01",
                        STR_ARG(json_str_at(connect, "endpoint")));
}

/* Each shell has its own words for it. */
static void say_export(struct cli *cli, const char *name, struct str value)
{
    struct str shell = cli_text(cli, "shell");

    if (str_eq_fold(shell, STR("fish")))
        cli_say("set -gx %s '%.*s'\n", name, STR_ARG(value));
    else if (str_eq_fold(shell, STR("powershell")))
        cli_say("$env:%s = '%.*s'\n", name, STR_ARG(value));
    else
        cli_say("export %s='%.*s'\n", name, STR_ARG(value));
}

/* Shell lines only, so that `eval "$(lazurite connect --shell bash)"` works. */
static void say_exports(struct cli *cli, const struct json *connect)
{
    assert(json_kind(connect) == JSON_OBJECT);
    say_export(cli, "ARM_CLOUD_METADATA_URL", metadata_url(cli, connect));
    say_export(cli, "REQUESTS_CA_BUNDLE", json_str_at(connect, "caFile"));
    say_export(cli, "SSL_CERT_FILE", json_str_at(connect, "caFile"));
    say_export(cli, "MLFLOW_TRACKING_URI", json_str_at(connect, "mlflowTrackingUri"));
    say_export(cli, "AZURE_SUBSCRIPTION_ID", json_str_at(connect, "subscription"));
}

static void say_head(const struct cli *cli, const char *text)
{
    cli_say("%s%s%s\n", cli->color_out ? "\033[1m" : "", text, cli->color_out ? "\033[0m" : "");
}

/* Two variables and a credential: the SDK asks for a token again when the old one is about to end.
 */
static void say_sdk(struct cli *cli, const struct json *connect)
{
    struct str url = metadata_url(cli, connect), ca = json_str_at(connect, "caFile");
    struct str group = json_str_at(connect, "resourceGroup"),
               workspace = json_str_at(connect, "workspace"),
               subscription = json_str_at(connect, "subscription");

    say_head(cli, "Azure ML SDK");
    cli_say("  export ARM_CLOUD_METADATA_URL='%.*s'\n"
            "  export REQUESTS_CA_BUNDLE='%.*s'\n\n",
            STR_ARG(url), STR_ARG(ca));
    cli_say("  import subprocess, time\n"
            "  from azure.core.credentials import AccessToken\n"
            "  from azure.ai.ml import MLClient\n\n"
            "  class Token:\n"
            "      def get_token(self, *scopes, **options):\n"
            "          text = subprocess.check_output([\"lazurite\", \"connect\", \"--token\",\n"
            "                                          \"--data-dir\", \"%.*s\"], "
            "text=True).strip()\n"
            "          return AccessToken(text, int(time.time()) + 3600)\n\n"
            "  client = MLClient(Token(), '%.*s', '%.*s', '%.*s')\n\n",
            STR_ARG(session_folder(cli)), STR_ARG(subscription), STR_ARG(group),
            STR_ARG(workspace));
}

/* What each client needs, ready to copy. */
static void say_lines(struct cli *cli, const struct json *connect)
{
    struct str ca = json_str_at(connect, "caFile"), endpoint = json_str_at(connect, "endpoint");
    struct str group = json_str_at(connect, "resourceGroup"),
               workspace = json_str_at(connect, "workspace");
    struct str subscription = json_str_at(connect, "subscription"),
               mlflow = json_str_at(connect, "mlflowTrackingUri");

    say_head(cli, "MLflow, on this machine (no token needed)");
    cli_say("  export MLFLOW_TRACKING_URI='%.*s'\n\n", STR_ARG(mlflow));
    say_sdk(cli, connect);
    say_head(cli, "curl");
    cli_say(
        "  curl --cacert '%.*s' -H \"Authorization: Bearer $(lazurite connect --token)\" \\\n"
        "    "
        "'%.*s/subscriptions/%.*s/resourceGroups/%.*s/providers/Microsoft.MachineLearningServices/"
        "workspaces/%.*s/jobs?api-version=2024-10-01'\n",
        STR_ARG(ca), STR_ARG(endpoint), STR_ARG(subscription), STR_ARG(group), STR_ARG(workspace));
}

/* For people by default, for programs by -o, for a shell by --shell. */
static int run_connect(struct cli *cli, struct error *err)
{
    struct json *connect;

    cli->of_folder = true;
    if (session_open(cli, err) < 0 ||
        session_get(cli, STR("/lazurite/v1/connect"), &connect, err) < 0)
        return -1;
    if (cli_has(cli, "token")) {
        cli_say("%.*s\n", STR_ARG(json_str_at(connect, "token")));
        return 0;
    }
    if (cli->format_given || cli->query)
        return cli_result(cli, connect, err);
    if (cli_has(cli, "shell"))
        say_exports(cli, connect);
    else
        say_lines(cli, connect);
    return 0;
}

/* Text for a shell to evaluate, never JSON. */
static int run_completion(struct cli *cli, struct error *err)
{
    assert(cli->arena);
    cli_write(completion_script(cli->arena, cli_text(cli, "shell")));
    return 0;
}

static const struct cli_flag SERVE_FLAGS[] = {
    {"listen", 0, CLI_VALUE, .fallback = "127.0.0.1:10443",
     .help = "TLS: every face but scoring; port 0 picks one"},
    {"plain-listen", 0, CLI_VALUE, .fallback = "127.0.0.1:5000",
     .help = "HTTP on loopback for MLflow and browser"},
    {"scoring-listen", 0, CLI_VALUE, .fallback = "127.0.0.1:10444", .help = "TLS of the gateway"},
};
static const struct cli_flag STOP_FLAGS[] = {
    {"jobs", 0, CLI_SWITCH, .help = "cancel the jobs that run, too"},
};
static const struct cli_flag CONNECT_FLAGS[] = {
    {"shell", 0, CLI_VALUE, .choices = "bash|zsh|fish|powershell",
     .help = "lines for a shell to evaluate"},
    {"token", 0, CLI_SWITCH, .help = "the token alone"},
};
static const struct cli_flag COMPLETION_FLAGS[] = {
    {"shell", 0, CLI_VALUE, true, .choices = "bash|zsh|fish", .help = "bash, zsh or fish"},
};

static const struct cli_flag LOGIN_FLAGS[] = {
    {"service-principal", 0, CLI_SWITCH, .help = "as a program, not as a person"},
    {"username", 'u', CLI_VALUE, .help = "client id of the service principal"},
    {"password", 'p', CLI_VALUE, .help = "its secret, or @FILE that holds it"},
    {"tenant", 't', CLI_VALUE, .help = "tenant (default: the server's own)"},
    {"federated-token", 0, CLI_VALUE, .help = "token of an issuer that the principal trusts"},
    {"identity", 'i', CLI_SWITCH, .help = "as the identity of the job that this runs in"},
    {"use-device-code", 0, CLI_SWITCH, .help = "by a code that is entered in a browser"},
    {"scope", 0, CLI_VALUE, .help = "audience (default: the server's address)"},
};
static const struct cli_flag CONFIGURE_FLAGS[] = {
    {"defaults", 'd', CLI_LIST, .help = "group=… workspace=…; an empty value takes it away"},
    {"list-defaults", 'l', CLI_SWITCH, .help = "print them"},
};
static const struct cli_flag REST_FLAGS[] = {
    {"method", 'm', CLI_VALUE, .fallback = "get",
     .choices = "get|put|post|patch|delete|head|options", .help = "of the request"},
    {"url", 0, CLI_VALUE, .help = "path, or address; {subscriptionId} is filled in"},
    {"uri", 'u', CLI_VALUE, .help = "the same"},
    {"body", 'b', CLI_VALUE, .help = "text, @FILE or @- for standard input"},
    {"headers", 0, CLI_LIST, .help = "KEY=VALUE…"},
    {"uri-parameters", 0, CLI_LIST, .help = "KEY=VALUE…, encoded behind the address"},
    {"resource", 0, CLI_VALUE, .help = "for scripts of az; changes nothing",
     .idle = "the server has one audience, its own address"},
    {"skip-authorization-header", 0, CLI_SWITCH, .help = "for scripts of az; changes nothing",
     .idle = "other hosts never get the token"},
    {"output-file", 0, CLI_VALUE, .help = "write the reply there"},
};

static const struct cli_command COMMANDS[] = {
    {"serve", "start the server in the foreground", SERVE_FLAGS, COUNT(SERVE_FLAGS), 0,
     run_elsewhere, .text = true,
     .examples = {"lazurite serve", "lazurite serve --data-dir /srv/ml --listen 127.0.0.1:0"}},
    {"status", "whether the server of the data folder runs, and where", NULL, 0, 0, run_status,
     .text = true, .examples = {"lazurite status", "lazurite status -o json --query pid"}},
    {"stop", "end the server, the gateway and its replicas", STOP_FLAGS, COUNT(STOP_FLAGS),
     CLI_SCOPE, run_stop, .text = true, .examples = {"lazurite stop", "lazurite stop --jobs"}},
    {"connect", "the lines that point SDK, MLflow and curl at this server", CONNECT_FLAGS,
     COUNT(CONNECT_FLAGS), 0, run_connect, .text = true,
     .examples = {"lazurite connect", "eval \"$(lazurite connect --shell bash)\""}},
    {"login", "sign in; the folder's owner needs none", LOGIN_FLAGS, COUNT(LOGIN_FLAGS), 0,
     login_run,
     .examples = {"lazurite login --server https://ml.example.org:10443 --use-device-code",
                  "lazurite login --service-principal -u ci -p @secret.txt"}},
    {"logout", "forget every token", NULL, 0, 0, login_run_out, .text = true,
     .examples = {"lazurite logout", "lazurite logout --only-show-errors"}},
    {"configure", "set defaults", CONFIGURE_FLAGS, COUNT(CONFIGURE_FLAGS), 0, account_run_configure,
     .examples = {"lazurite configure --defaults group=team workspace=lab",
                  "lazurite configure --list-defaults"}},
    {"rest", "any request, as one is signed in", REST_FLAGS, COUNT(REST_FLAGS), 0, rest_run,
     .examples = {"lazurite rest --url /subscriptions?api-version=2022-12-01",
                  "lazurite rest -m put --url /PATH --body @body.json"}},
    {"completion", "the completion script of a shell", COMPLETION_FLAGS, COUNT(COMPLETION_FLAGS), 0,
     run_completion, .positional = "shell", .text = true,
     .examples = {"source <(lazurite completion bash)",
                  "lazurite completion fish > ~/.config/fish/completions/lazurite.fish"}},
    {"version", "the program's version", NULL, 0, 0, run_version, .text = true,
     .examples = {"lazurite version", "lazurite version -o json"}},
};

const struct cli_group own_group = {"", "", COMMANDS, COUNT(COMMANDS)};
