/* job_commands.c - job: submit, follow, end, look at, fetch. What takes long is done by stream.c
 * and download.c. */
#include "cli/change.h"
#include "cli/command.h"
#include "cli/document.h"
#include "cli/download.h"
#include "cli/fields.h"
#include "cli/listing.h"
#include "cli/progress.h"
#include "cli/resource.h"
#include "cli/session.h"
#include "cli/shape.h"
#include "cli/stream.h"
#include "http/text.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/random.h"
#include "yaml/yaml.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

static const char *const JOB_WORDS[] = {"command", "commandJob", NULL};
static const char *const JOB_LATER[] = {"sweep",      "pipeline",     "spark",
                                        "parallel",   "import",       "automl",
                                        "finetuning", "distillation", NULL};
static const struct document_family JOB_FAMILY = {"job", "type", JOB_WORDS, JOB_LATER};
static const char *const JOB_FLAGS[] = {"name", NULL};
static const char *const JOB_COLUMNS[] = {"name",    "Name",    "display_name",    "Display name",
                                          "type",    "Type",    "experiment_name", "Experiment",
                                          "status",  "Status",  "compute",         "Compute",
                                          "started", "Started", "duration",        "Duration",
                                          NULL};

static struct str job_id(struct cli *cli)
{
    return session_id(cli, "jobs", cli_text(cli, "name"));
}

/* lively_otter_4k2m9x1p7q: two words and a tail that makes it unique, all lower case. */
static struct str made_up_name(struct cli *cli)
{
    static const char *const FIRST[] = {"amber",  "brave", "calm",   "clever", "cosy",   "eager",
                                        "gentle", "happy", "honest", "jolly",  "keen",   "kind",
                                        "lively", "lucky", "mellow", "merry",  "modest", "nimble",
                                        "plucky", "proud", "quiet",  "quick",  "silver", "witty"};
    static const char *const SECOND[] = {
        "acorn", "anchor", "badger",  "beacon", "birch",  "breeze", "brook",  "candle",
        "cedar", "clover", "comet",   "falcon", "fern",   "finch",  "garden", "harbor",
        "heron", "island", "lantern", "maple",  "meadow", "otter",  "pebble", "river"};
    static const char TAIL[] = "0123456789bcdfghjklmnpqrstvwxyz";
    char tail[11] = {0};

    for (size_t i = 0; i < 10; i++)
        tail[i] = TAIL[random_below(sizeof TAIL - 1)];
    return arena_printf(cli->arena, "%s_%s_%s", FIRST[random_below(COUNT(FIRST))],
                        SECOND[random_below(COUNT(SECOND))], tail);
}

/* The address on standard error: the result stays a result. */
static int show_web(struct cli *cli, const struct json *job)
{
    struct str address = json_str_at(job, "services.Studio.endpoint");

    if (cli_has(cli, "web"))
        cli_note(cli, "Studio: %.*s", STR_ARG(address.len ? address : STR("not built yet")));
    return 0;
}

/* Validates the file without sending anything but questions. */
static int read_job(struct cli *cli, struct document *document, struct error *err)
{
    if (document_read(cli, &JOB_FAMILY, JOB_FLAGS, document, err) < 0)
        return -1;
    document_check(cli, document);
    return document->problems.errors ? document_report(cli, document, err) : 0;
}

/* The job as the server has it, for the next one to begin from. */
static int save_as(struct cli *cli, const struct json *job, struct error *err)
{
    struct str path = cli_text(cli, "save-as");

    assert(job);
    if (!path.len)
        return 0;
    CLEANUP(fd_close)
    int fd = open(arena_cstr(cli->arena, path), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0)
        return error_errno(err, errno, "'%.*s' cannot be written.", STR_ARG(path));
    return fd_write_all(fd, yaml_write(cli->arena, json_sorted(cli->arena, job), true), err);
}

/* Nothing is sent before the whole file was understood, and with --stream the log follows at
 * once. */
static int run_create(struct cli *cli, struct error *err)
{
    struct document document;
    struct json *body = NULL, *reply;

    if (read_job(cli, &document, err) < 0 || session_open(cli, err) < 0)
        return -1;
    struct str name = json_str_at(document.yaml.root, "name");
    if (!name.len)
        name = made_up_name(cli);
    if (shape_job_body(cli, &document, name, &body, err) < 0 ||
        document_report(cli, &document, err) < 0)
        return -1;
    if (session_put(cli, session_id(cli, "jobs", name), body, &reply, err) < 0)
        return document_blame(cli, &document, err);
    struct json *shown = shape_job(cli, reply);
    show_web(cli, shown);
    if (save_as(cli, shown, err) < 0)
        return -1;
    if (cli_has(cli, "stream") && stream_job(cli, name, err) < 0)
        return -1;
    if (cli_has(cli, "stream")) {
        if (session_get(cli, session_id(cli, "jobs", name), &reply, err) < 0)
            return -1;
        shown = shape_job(cli, reply);
        /* What was streamed already ends in a summary; the object would only follow it. */
        if (!cli->format_given && !cli->query)
            return 0;
    }
    return cli_result(cli, shown, err);
}

/* Needs no server: names in the file are looked at, not looked up. */
static int run_validate(struct cli *cli, struct error *err)
{
    struct document document;
    struct json *out = json_object(cli->arena);

    if (read_job(cli, &document, err) < 0 || document_report(cli, &document, err) < 0)
        return -1;
    json_set_str(cli->arena, out, "result", STR("Succeeded"));
    json_set_str(cli->arena, out, "file", document.file);
    return cli_result(cli, out, err);
}

/* As a file would say it, with its state. */
static int run_show(struct cli *cli, struct error *err)
{
    struct json *reply;

    if (session_open(cli, err) < 0 || session_get(cli, job_id(cli), &reply, err) < 0)
        return -1;
    struct json *shown = shape_job(cli, reply);
    show_web(cli, shown);
    return cli_result(cli, shown, err);
}

/* What a list shows beside the job's own fields. */
static void add_times(struct cli *cli, struct json *job)
{
    struct str begun = json_str_at(job, "properties.StartTimeUtc"),
               ended = json_str_at(job, "properties.EndTimeUtc");
    int64_t from, to;

    struct str compute = json_str_at(job, "compute");
    if (str_starts(compute, STR("azureml:")))
        json_set_str(cli->arena, job, "compute", str_slice(compute, 8, compute.len));
    if (!begun.len)
        begun = json_str_at(job, "creation_context.created_at");
    if (!clock_parse_iso(begun, &from))
        return;
    json_set_str(cli->arena, job, "started",
                 arena_printf(cli->arena, "%.*s %.*s", STR_ARG(str_slice(begun, 5, 10)),
                              STR_ARG(str_slice(begun, 11, 16))));
    if (clock_parse_iso(ended, &to) && to >= from)
        json_set_str(cli->arena, job, "duration", progress_time(cli->arena, to - from));
}

/* A step of a pipeline or a trial of a sweep, as run history tells it. */
static struct json *shape_child(struct cli *cli, const struct json *rest)
{
    static const struct field_row ROWS[] = {
        {"name", "runId", FIELD_SAME},
        {"display_name", "displayName", FIELD_SAME},
        {"status", "status", FIELD_SAME},
        {"parent_job_name", "parentRunId", FIELD_SAME},
        {"start_time", "startTimeUtc", FIELD_SAME},
        {"end_time", "endTimeUtc", FIELD_SAME},
        {"tags", "tags", FIELD_SAME},
        {"properties", "properties", FIELD_SAME},
    };
    struct json *out = json_object(cli->arena);
    int64_t from, to;

    fields_to_yaml(cli->arena, ROWS, COUNT(ROWS), rest, out);
    json_set_bool(cli->arena, out, "reused",
                  json_get(json_get(rest, STR("properties")), STR("azureml.isreused")) != NULL);
    if (cli->format == CLI_TABLE && clock_parse_iso(json_str_at(out, "start_time"), &from) &&
        clock_parse_iso(json_str_at(out, "end_time"), &to) && to >= from)
        json_set_str(cli->arena, out, "duration", progress_time(cli->arena, to - from));
    return out;
}

/* The rows that the SDK asks for: a child is a run before it is a job. */
static int list_children(struct cli *cli, struct str parent, size_t most, struct error *err)
{
    static const char *const COLUMNS[] = {"display_name", "Step",   "status",   "Status",
                                          "reused",       "Reused", "duration", "Duration",
                                          "name",         "Job",    NULL};

    if (session_get(cli, session_id(cli, "jobs", parent), NULL, err) < 0)
        return -1;
    struct str path = arena_printf(cli->arena, "/history/v1.0%.*s/runs/%.*s/children",
                                   STR_ARG(session_workspace(cli)),
                                   STR_ARG(http_encode(cli->arena, parent, false)));
    struct listing listing = {path, most, shape_child, COLUMNS, NULL};
    return listing_print(cli, &listing, err);
}

/* What runs beside the job and can be reached: by node. */
static int run_services(struct cli *cli, struct error *err)
{
    struct json *reply;

    if (session_open(cli, err) < 0 || session_get(cli, job_id(cli), NULL, err) < 0)
        return -1;
    struct str path = arena_printf(cli->arena, "/history/v1.0%.*s/runs/%.*s/serviceinstances/%lld",
                                   STR_ARG(session_workspace(cli)),
                                   STR_ARG(http_encode(cli->arena, cli_text(cli, "name"), false)),
                                   (long long)cli_number(cli, "node-index", 0));
    if (session_get(cli, path, &reply, err) < 0)
        return -1;
    struct json *instances = json_get(reply, STR("instances"));
    return cli_result(cli, instances ? instances : json_object(cli->arena), err);
}

/* One row of the list; a table shows times beside the job's own fields. */
static struct json *shape_row(struct cli *cli, const struct json *rest)
{
    struct json *shown = shape_job(cli, rest);

    if (cli->format == CLI_TABLE && !cli->query)
        add_times(cli, shown);
    return shown;
}

/* Newest first, fifty: what one looks for is nearly always among them. */
static int run_list(struct cli *cli, struct error *err)
{
    size_t most = cli_has(cli, "all-results") ? 0 : (size_t)cli_number(cli, "max-results", 50);
    struct str parent = cli_text(cli, "parent-job-name");

    if (session_open(cli, err) < 0)
        return -1;
    if (parent.len)
        return list_children(cli, parent, most, err);
    struct str path = arena_printf(cli->arena, "%.*s/jobs", STR_ARG(session_workspace(cli)));
    struct listing listing = {listing_view(cli, path), most, shape_row, JOB_COLUMNS, NULL};
    return listing_print(cli, &listing, err);
}

static int run_stream(struct cli *cli, struct error *err)
{
    return session_open(cli, err) < 0 ? -1 : stream_job(cli, cli_text(cli, "name"), err);
}

/* Of a job that has ended it is a success: it does not run, as was asked. */
static int run_cancel(struct cli *cli, struct error *err)
{
    if (session_open(cli, err) < 0)
        return -1;
    struct str path = arena_printf(cli->arena, "%.*s/cancel", STR_ARG(job_id(cli)));
    if (session_change(cli, &(struct session_write){"POST", path, NULL, "Canceling"}, NULL, err) <
        0)
        return -1;
    cli_note(cli, "Asked %.*s to stop.", STR_ARG(cli_text(cli, "name")));
    return 0;
}

/* One address into `folder`, counted on. */
static int fetch(struct cli *cli, struct str uri, struct str folder, struct download *sum,
                 struct error *err)
{
    assert(folder.len > 0);
    sum->folder = folder;
    if (!download_place(uri, &sum->datastore, &sum->prefix))
        return error_set(err, ERROR_NOT_IMPLEMENTED, "", "The address '%.*s' cannot be downloaded.",
                         STR_ARG(uri));
    if (!str_ends(sum->prefix, STR("/")))
        sum->prefix = arena_printf(cli->arena, "%.*s/", STR_ARG(sum->prefix));
    return download_prefix(cli, sum, err);
}

/* The run's own folder, and the models it logged beside it, go to artifacts/. */
static int fetch_artifacts(struct cli *cli, struct str folder, struct download *sum,
                           struct error *err)
{
    struct str name = cli_text(cli, "name");
    struct str uri = arena_printf(
        cli->arena, "azureml://datastores/workspaceartifactstore/ExperimentRun/dcid.%.*s",
        STR_ARG(name));

    if (fetch(cli, uri, arena_printf(cli->arena, "%.*s/artifacts", STR_ARG(folder)), sum, err) < 0)
        return -1;
    return download_models(cli, name, sum, err);
}

/* Named outputs go to named-outputs/NAME/. One that was asked for by name must be there. */
static int fetch_outputs(struct cli *cli, const struct json *job, struct str folder,
                         struct download *sum, struct error *err)
{
    struct str wanted = cli_text(cli, "output-name");
    struct json_iter it = json_iter(json_at(job, "properties.outputs"));
    bool all = cli_has(cli, "all"), found = !wanted.len;

    assert(folder.len > 0);
    while (json_next(&it)) {
        bool own = str_eq(it.key, STR("default"));
        found |= str_eq(it.key, wanted);
        if (own || !(all || str_eq(it.key, wanted)))
            continue;
        struct str to =
            arena_printf(cli->arena, "%.*s/named-outputs/%.*s", STR_ARG(folder), STR_ARG(it.key));
        if (fetch(cli, json_str_at(it.value, "uri"), to, sum, err) < 0)
            return -1;
    }
    if (!found)
        return error_set(err, ERROR_INVALID, "--output-name", "The job has no output '%.*s'.",
                         STR_ARG(wanted));
    if (wanted.len && !all && !str_eq(wanted, STR("default")))
        return 0;
    return fetch_artifacts(cli, folder, sum, err);
}

/* States in which nothing more is written. */
static bool is_final(struct str status)
{
    static const char *const FINAL[] = {"Completed", "Failed", "Canceled", "NotResponding",
                                        "Paused"};

    for (size_t i = 0; i < COUNT(FINAL); i++)
        if (str_eq_fold(status, str_from(FINAL[i])))
            return true;
    return false;
}

/* Only of a job that has ended: half an output would look like a whole one. */
static int run_download(struct cli *cli, struct error *err)
{
    struct str name = cli_text(cli, "name"), base = cli_text(cli, "download-path");
    struct download sum = {0};
    struct json *job;

    if (session_open(cli, err) < 0 || session_get(cli, job_id(cli), &job, err) < 0)
        return -1;
    struct str status = json_str_at(job, "properties.status");
    if (!is_final(status)) {
        error_set(err, ERROR_CONFLICT, "",
                  "Job '%.*s' is %.*s; its outputs are there when it has ended.", STR_ARG(name),
                  STR_ARG(status));
        return error_hint(err, "lazurite job stream -n %.*s", STR_ARG(name));
    }
    struct str folder =
        arena_printf(cli->arena, "%.*s/%.*s", STR_ARG(base.len ? base : STR(".")), STR_ARG(name));
    if (fetch_outputs(cli, job, folder, &sum, err) < 0)
        return -1;
    cli_note(cli, "Downloaded %zu file%s, %.*s, to %.*s", sum.files, sum.files == 1 ? "" : "s",
             STR_ARG(progress_bytes(cli->arena, sum.bytes)), STR_ARG(folder));
    return 0;
}

static const struct change_key JOB_CHANGES[] = {{"display_name", "properties.displayName"},
                                                {"description", "properties.description"},
                                                {"tags", "properties.tags", true},
                                                {"properties", "properties.properties", true}};
static const struct change_rules JOB_RULES = {"job", shape_job, JOB_CHANGES, COUNT(JOB_CHANGES)};

static int run_update(struct cli *cli, struct error *err)
{
    return session_open(cli, err) < 0 ? -1 : change_resource(cli, &JOB_RULES, job_id(cli), err);
}

static int run_archive(struct cli *cli, struct error *err)
{
    return session_open(cli, err) < 0 ? -1 : change_archived(cli, job_id(cli), true, err);
}

static int run_restore(struct cli *cli, struct error *err)
{
    return session_open(cli, err) < 0 ? -1 : change_archived(cli, job_id(cli), false, err);
}

/* Time of day, phase, how long, why: what one reads a timeline for. */
static struct str phase_line(struct cli *cli, const struct json *phase)
{
    int64_t begun = json_int_at(phase, "startedUs", 0), ended = json_int_at(phase, "endedUs", 0);
    char iso[CLOCK_ISO_BYTES];
    struct str time = begun > 0 ? str_slice(clock_iso(begun, iso), 11, 19) : STR("");
    struct str took = ended > begun ? progress_time(cli->arena, ended - begun) : STR("");

    return arena_printf(cli->arena, "  %-8.*s  %-14.*s  %8.*s  %.*s\n", STR_ARG(time),
                        STR_ARG(json_str_at(phase, "phase")), STR_ARG(took),
                        STR_ARG(json_str_at(phase, "cause")));
}

/* Text for people; -o gives the same as data. */
static int run_why(struct cli *cli, struct error *err)
{
    struct json *why;

    if (session_open(cli, err) < 0)
        return -1;
    struct str path = arena_printf(cli->arena, "/lazurite/v1%.*s/why", STR_ARG(job_id(cli)));
    if (session_get(cli, path, &why, err) < 0)
        return -1;
    if (cli->format_given || cli->query)
        return cli_result(cli, why, err);
    struct str reason = json_str_at(why, "reason"), next = json_str_at(why, "next");
    cli_say("%s%.*s%s is %.*s%s%.*s\n", cli->color_out ? "\033[1m" : "",
            STR_ARG(json_str_at(why, "name")), cli->color_out ? "\033[0m" : "",
            STR_ARG(json_str_at(why, "status")), reason.len ? ": " : "", STR_ARG(reason));
    struct json_iter it = json_iter(json_get(why, STR("timeline")));
    while (json_next(&it))
        cli_write(phase_line(cli, it.value));
    if (next.len)
        cli_say("next: %.*s\n", STR_ARG(next));
    return 0;
}

#define NAME_FLAG {"name", 'n', CLI_VALUE, true, .help = "the job"}

static const struct cli_flag CREATE_FLAGS[] = {
    {"file", 'f', CLI_VALUE, true, .help = "the YAML file; - reads standard input"},
    {"name", 'n', CLI_VALUE, .help = "name of the job (default: made up)"},
    {"stream", 's', CLI_SWITCH, .help = "follow the log until the job ends"},
    {"save-as", 'a', CLI_VALUE, .help = "write the job that was made to this file, as YAML"},
    {"skip-validation", 0, CLI_SWITCH, .help = "for scripts of az; changes nothing",
     .idle = "the checks are quick and stay"},
    {"web", 'e', CLI_SWITCH, .help = "print the studio's address"},
};
static const struct cli_flag VALIDATE_FLAGS[] = {
    {"file", 'f', CLI_VALUE, true, .help = "the YAML file; - reads standard input"},
    {"name", 'n', CLI_VALUE, .help = "name of the job"},
};
static const struct cli_flag SHOW_FLAGS[] = {
    NAME_FLAG,
    {"web", 'e', CLI_SWITCH, .help = "print the studio's address"},
};
static const struct cli_flag NAME_FLAGS[] = {NAME_FLAG};
static const struct cli_flag LIST_FLAGS[] = {
    {"max-results", 'r', CLI_NUMBER, .fallback = "50", .help = "at most so many, newest first"},
    {"all-results", 0, CLI_SWITCH, .help = "all of them"},
    {"parent-job-name", 'p', CLI_VALUE, .help = "steps and trials of this one"},
};
static const struct cli_flag SERVICE_FLAGS[] = {
    NAME_FLAG,
    {"node-index", 'i', CLI_NUMBER, .fallback = "0", .help = "which of its nodes"},
};
static const struct cli_flag SSH_FLAGS[] = {
    NAME_FLAG,
    {"node-index", 'i', CLI_NUMBER, .fallback = "0", .help = "which of its nodes"},
    {"private-key-file-path", 'f', CLI_VALUE, .help = "private key for SSH"},
};
static const struct cli_flag DOWNLOAD_FLAGS[] = {
    NAME_FLAG,
    {"all", 0, CLI_SWITCH, .help = "named outputs too"},
    {"download-path", 'p', CLI_VALUE, .fallback = ".",
     .help = "folder; one named after the job is made in it"},
    {"output-name", 0, CLI_VALUE, .help = "only this output"},
};

static const struct cli_command COMMANDS[] = {
    {"create", "submit a job from YAML", CREATE_FLAGS, COUNT(CREATE_FLAGS), CLI_SCOPE | CLI_SET,
     run_create,
     .examples = {"lazurite job create -f job.yml --stream",
                  "lazurite job create -f job.yml --set inputs.lr=0.1 -n second-try"}},
    {"validate", "check the YAML without submitting", VALIDATE_FLAGS, COUNT(VALIDATE_FLAGS),
     CLI_SCOPE | CLI_SET, run_validate,
     .examples = {"lazurite job validate -f job.yml", "cat job.yml | lazurite job validate -f -"}},
    {"show", "one job", SHOW_FLAGS, COUNT(SHOW_FLAGS), CLI_SCOPE, run_show, .positional = "name",
     .examples = {"lazurite job show -n calm_owl",
                  "lazurite job show -n calm_owl --query status -o tsv"}},
    {"list", "jobs, newest first", LIST_FLAGS, COUNT(LIST_FLAGS), CLI_SCOPE | CLI_ARCHIVE, run_list,
     .examples = {"lazurite job list -o table",
                  "lazurite job list --query \"[?status=='Failed'].name\" -o tsv"}},
    {"connect-ssh", "a shell in a node's container", SSH_FLAGS, COUNT(SSH_FLAGS), CLI_SCOPE,
     resource_not_built, .positional = "name",
     .examples = {"lazurite job connect-ssh -n calm_owl",
                  "lazurite job connect-ssh calm_owl -i 1"}},
    {"show-services", "what runs beside it and can be reached", SERVICE_FLAGS, COUNT(SERVICE_FLAGS),
     CLI_SCOPE, run_services, .positional = "name",
     .examples = {"lazurite job show-services -n calm_owl",
                  "lazurite job show-services calm_owl -i 1"}},
    {"stream", "follow the job's logs until it ends", NAME_FLAGS, COUNT(NAME_FLAGS), CLI_SCOPE,
     run_stream, .positional = "name", .text = true,
     .examples = {"lazurite job stream -n calm_owl", "lazurite job stream calm_owl > log.txt"}},
    {"cancel", "ask a running job to stop", NAME_FLAGS, COUNT(NAME_FLAGS), CLI_SCOPE | CLI_WAIT,
     run_cancel, .positional = "name", .text = true,
     .examples = {"lazurite job cancel -n calm_owl", "lazurite job cancel -n calm_owl --no-wait"}},
    {"download", "fetch logs and outputs", DOWNLOAD_FLAGS, COUNT(DOWNLOAD_FLAGS), CLI_SCOPE,
     run_download, .positional = "name", .text = true,
     .examples = {"lazurite job download -n calm_owl --all",
                  "lazurite job download -n calm_owl --output-name model -p /tmp"}},
    {"update", "name, description and tags of a job", NAME_FLAGS, COUNT(NAME_FLAGS),
     CLI_SCOPE | CLI_UPDATE, run_update,
     .examples = {"lazurite job update -n calm_owl --set tags.kept=yes",
                  "lazurite job update -n calm_owl --set display_name=\"first try\""}},
    {"archive", "hide from lists", NAME_FLAGS, COUNT(NAME_FLAGS), CLI_SCOPE, run_archive,
     .positional = "name", .text = true,
     .examples = {"lazurite job archive -n calm_owl",
                  "lazurite job list --archived-only -o table"}},
    {"restore", "show in lists again", NAME_FLAGS, COUNT(NAME_FLAGS), CLI_SCOPE, run_restore,
     .positional = "name", .text = true,
     .examples = {"lazurite job restore -n calm_owl", "lazurite job restore calm_owl"}},
    {"why", "why it waits, was slow, or failed", NAME_FLAGS, COUNT(NAME_FLAGS), CLI_SCOPE, run_why,
     .positional = "name", .text = true,
     .examples = {"lazurite job why calm_owl", "lazurite job why calm_owl -o json --query reason"}},
};

const struct cli_group job_group = {"job", "submit, follow and end jobs", COMMANDS,
                                    COUNT(COMMANDS)};
