/* compute_commands.c - compute, datastore and workspace: resources that are mostly looked at. */
#include "cli/command.h"
#include "cli/confirm.h"
#include "cli/session.h"
#include "cli/shape.h"

#include <assert.h>

static const char *const COMPUTE_WORDS[] = {"amlcompute", "amlCompute", "computeinstance",
                                            "computeInstance", NULL};
static const char *const COMPUTE_LATER[] = {"virtualmachine", "kubernetes", "synapsespark", NULL};
static const struct document_family COMPUTE_FAMILY = {"compute", "type", COMPUTE_WORDS,
                                                      COMPUTE_LATER};
static const char *const COMPUTE_KEYS[] = {"name",
                                           "type",
                                           "size",
                                           "min-instances",
                                           "max-instances",
                                           "tier",
                                           "location",
                                           "description",
                                           "idle-time-before-scale-down",
                                           NULL};
static const char *const COMPUTE_COLUMNS[] = {"name",
                                              "Name",
                                              "type",
                                              "Type",
                                              "size",
                                              "Size",
                                              "provisioning_state",
                                              "State",
                                              "min_instances",
                                              "Min",
                                              "max_instances",
                                              "Max",
                                              "idle_time_before_scale_down",
                                              "Idle timeout",
                                              NULL};
static const char *const DATASTORE_COLUMNS[] = {"name",           "Name",   "type",       "Kind",
                                                "container_name", "Target", "is_default", "Default",
                                                "credentials",    "Auth",   NULL};
static const char *const WORKSPACE_COLUMNS[] = {
    "name",  "Name", "resourceGroup", "Group", "location", "Location", "provisioning_state",
    "State", NULL};

static struct str id_of(struct cli *cli, const char *type)
{
    assert(type);
    return session_id(cli, type, cli_text(cli, "name"));
}

/* Size and tier are kept as they are given: every size is a pool on this host. */
static int run_compute_create(struct cli *cli, struct error *err)
{
    struct document document;
    struct json *body, *reply;

    assert(cli->arena);
    if (document_read(cli, &COMPUTE_FAMILY, COMPUTE_KEYS, &document, err) < 0)
        return -1;
    document_check(cli, &document);
    if (document_report(cli, &document, err) < 0 || session_open(cli, err) < 0 ||
        shape_compute_body(cli, &document, &body, err) < 0)
        return -1;
    struct str id = session_id(cli, "computes", json_str_at(document.yaml.root, "name"));
    if (session_change(cli, &(struct session_write){"PUT", id, body, "Creating compute"}, &reply,
                       err) < 0)
        return document_blame(cli, &document, err);
    return cli_result(cli, shape_compute(cli, reply), err);
}

/* Scale limits and tags of a cluster: the whole body goes again, as the SDK does. */
static int run_compute_update(struct cli *cli, struct error *err)
{
    static const struct {
        const char *flag, *path;
    } LIMITS[] = {{"min-instances", "properties.properties.scaleSettings.minNodeCount"},
                  {"max-instances", "properties.properties.scaleSettings.maxNodeCount"}};
    struct json *body, *reply;

    assert(cli->arena);
    if (session_open(cli, err) < 0 || session_get(cli, id_of(cli, "computes"), &body, err) < 0)
        return -1;
    for (size_t i = 0; i < COUNT(LIMITS); i++)
        if (cli_has(cli, LIMITS[i].flag) &&
            json_put(cli->arena, body, LIMITS[i].path,
                     json_int(cli->arena, cli_number(cli, LIMITS[i].flag, 0)), err) < 0)
            return -1;
    int64_t idle = cli_number(cli, "idle-time-before-scale-down", -1);
    if (idle >= 0 &&
        json_put(
            cli->arena, body, "properties.properties.scaleSettings.nodeIdleTimeBeforeScaleDown",
            json_text(cli->arena, arena_printf(cli->arena, "PT%lldS", (long long)idle)), err) < 0)
        return -1;
    if (session_change(
            cli, &(struct session_write){"PUT", id_of(cli, "computes"), body, "Updating compute"},
            &reply, err) < 0)
        return -1;
    return cli_result(cli, shape_compute(cli, reply), err);
}

static int run_compute_delete(struct cli *cli, struct error *err)
{
    if (confirm_delete(cli, "compute", cli_text(cli, "name"), err) < 0 ||
        session_open(cli, err) < 0)
        return -1;
    struct str path = arena_printf(cli->arena, "%.*s?underlyingResourceAction=Delete",
                                   STR_ARG(id_of(cli, "computes")));
    return session_change(cli, &(struct session_write){"DELETE", path, NULL, "Deleting compute"},
                          NULL, err);
}

static int show(struct cli *cli, struct str id,
                struct json *(*shape)(struct cli *cli, const struct json *rest), struct error *err)
{
    struct json *reply;

    assert(id.len > 0);
    if (session_get(cli, id, &reply, err) < 0)
        return -1;
    return cli_result(cli, shape(cli, reply), err);
}

static int run_compute_show(struct cli *cli, struct error *err)
{
    return session_open(cli, err) < 0 ? -1 : show(cli, id_of(cli, "computes"), shape_compute, err);
}

static int run_datastore_show(struct cli *cli, struct error *err)
{
    return session_open(cli, err) < 0 ? -1
                                      : show(cli, id_of(cli, "datastores"), shape_datastore, err);
}

/* The session's own unless another one is named. */
static int run_workspace_show(struct cli *cli, struct error *err)
{
    assert(cli->arena);
    if (session_open(cli, err) < 0)
        return -1;
    struct str id = session_workspace(cli), name = cli_text(cli, "name");
    if (name.len) {
        ssize_t slash = str_find_last(id, '/');
        id = arena_printf(cli->arena, "%.*s/%.*s", (int)slash, id.ptr, STR_ARG(name));
    }
    return show(cli, id, shape_workspace, err);
}

static int list(struct cli *cli, struct str path,
                struct json *(*shape)(struct cli *cli, const struct json *rest), struct error *err)
{
    struct json *all;

    assert(path.len > 0 && shape);
    if (session_list(cli, path, (size_t)cli_number(cli, "max-results", 0), &all, err) < 0)
        return -1;
    return cli_result(cli, shape_all(cli, all, shape), err);
}

/* The wire has no filter by type; lists of computes are short. */
static int run_compute_list(struct cli *cli, struct error *err)
{
    struct str type = cli_text(cli, "type");
    struct json *all, *kept = json_array(cli->arena);

    assert(cli->arena);
    if (session_open(cli, err) < 0)
        return -1;
    struct str path = arena_printf(cli->arena, "%.*s/computes", STR_ARG(session_workspace(cli)));
    if (session_list(cli, path, (size_t)cli_number(cli, "max-results", 0), &all, err) < 0)
        return -1;
    struct json *shown = shape_all(cli, all, shape_compute);
    struct json_iter it = json_iter(shown);
    while (json_next(&it))
        if (!type.len || str_eq_fold(type, json_str_at(it.value, "type")))
            json_append(cli->arena, kept, json_copy(cli->arena, it.value));
    cli->columns = COMPUTE_COLUMNS;
    return cli_result(cli, kept, err);
}

static int run_datastore_list(struct cli *cli, struct error *err)
{
    if (session_open(cli, err) < 0)
        return -1;
    cli->columns = DATASTORE_COLUMNS;
    return list(cli, arena_printf(cli->arena, "%.*s/datastores", STR_ARG(session_workspace(cli))),
                shape_datastore, err);
}

static int run_workspace_list(struct cli *cli, struct error *err)
{
    if (session_open(cli, err) < 0)
        return -1;
    struct str id = session_workspace(cli);
    cli->columns = WORKSPACE_COLUMNS;
    return list(cli, str_slice(id, 0, (size_t)str_find_last(id, '/')), shape_workspace, err);
}

#define NAME(what) {"name", 'n', CLI_VALUE, true, .help = "name of the " what}
#define MOST {"max-results", 'r', CLI_NUMBER, .help = "at most so many"}
#define LIMIT_FLAGS                                                   \
    {"min-instances", 0, CLI_NUMBER, .help = "nodes kept when idle"}, \
        {"max-instances", 0, CLI_NUMBER, .help = "nodes at most"},    \
        {"idle-time-before-scale-down", 'd', CLI_NUMBER, .help = "seconds without work"}

static const struct cli_flag COMPUTE_CREATE[] = {
    {"file", 'f', CLI_VALUE, .help = "the YAML file; - reads standard input"},
    {"name", 'n', CLI_VALUE, .help = "name of the compute"},
    {"type", 't', CLI_VALUE, .choices = "amlcompute|computeinstance",
     .help = "cluster or instance"},
    {"size", 0, CLI_VALUE, .help = "machine size; any name is a pool on this host"},
    {"tier", 0, CLI_VALUE, .choices = "dedicated|low_priority", .help = "kind of nodes"},
    {"location", 'l', CLI_VALUE, .help = "region"},
    {"description", 0, CLI_VALUE, .help = "what it is for"},
    {"tags", 0, CLI_LIST, .help = "KEY=VALUE…"},
    LIMIT_FLAGS,
};
static const struct cli_flag COMPUTE_UPDATE[] = {NAME("compute"), LIMIT_FLAGS};
static const struct cli_flag COMPUTE_NAME[] = {NAME("compute")};
static const struct cli_flag COMPUTE_LIST[] = {MOST,
                                               {"type", 0, CLI_VALUE, .help = "only this type"}};
static const struct cli_flag DATASTORE_NAME[] = {NAME("datastore")};
static const struct cli_flag LIST_FLAGS[] = {MOST};
static const struct cli_flag WORKSPACE_NAME[] = {
    {"name", 'n', CLI_VALUE, .help = "name of the workspace"}};

static const struct cli_command COMPUTE_COMMANDS[] = {
    {"create", "a cluster or an instance", COMPUTE_CREATE, COUNT(COMPUTE_CREATE),
     CLI_SCOPE | CLI_SET | CLI_WAIT, run_compute_create,
     .examples = {"lazurite compute create -f cluster.yml",
                  "lazurite compute create -n cpu -t amlcompute --max-instances 4"}},
    {"delete", "remove", COMPUTE_NAME, COUNT(COMPUTE_NAME), CLI_SCOPE | CLI_WAIT | CLI_YES,
     run_compute_delete, .text = true,
     .examples = {"lazurite compute delete -n cpu", "lazurite compute delete -n cpu -y --no-wait"}},
    {"list", "all targets", COMPUTE_LIST, COUNT(COMPUTE_LIST), CLI_SCOPE, run_compute_list,
     .examples = {"lazurite compute list -o table",
                  "lazurite compute list --type amlcompute --query [].name"}},
    {"show", "one target", COMPUTE_NAME, COUNT(COMPUTE_NAME), CLI_SCOPE, run_compute_show,
     .examples = {"lazurite compute show -n cpu",
                  "lazurite compute show -n cpu --query max_instances"}},
    {"update", "scale limits and idle time", COMPUTE_UPDATE, COUNT(COMPUTE_UPDATE),
     CLI_SCOPE | CLI_WAIT, run_compute_update,
     .examples = {"lazurite compute update -n cpu --max-instances 8",
                  "lazurite compute update -n cpu --min-instances 0 -d 60"}},
};
static const struct cli_command DATASTORE_COMMANDS[] = {
    {"list", "all of them", LIST_FLAGS, COUNT(LIST_FLAGS), CLI_SCOPE, run_datastore_list,
     .examples = {"lazurite datastore list -o table",
                  "lazurite datastore list --query \"[?is_default].name\" -o tsv"}},
    {"show", "one; secrets are never shown", DATASTORE_NAME, COUNT(DATASTORE_NAME), CLI_SCOPE,
     run_datastore_show,
     .examples = {"lazurite datastore show -n workspaceblobstore",
                  "lazurite datastore show -n workspaceblobstore -o yaml"}},
};
static const struct cli_command WORKSPACE_COMMANDS[] = {
    {"list", "all visible", LIST_FLAGS, COUNT(LIST_FLAGS), CLI_SCOPE, run_workspace_list,
     .examples = {"lazurite workspace list -o table",
                  "lazurite workspace list --query [].name -o tsv"}},
    {"show", "one workspace", WORKSPACE_NAME, COUNT(WORKSPACE_NAME), CLI_SCOPE, run_workspace_show,
     .examples = {"lazurite workspace show", "lazurite workspace show -n default -o yaml"}},
};

const struct cli_group compute_group = {"compute", "where jobs run", COMPUTE_COMMANDS,
                                        COUNT(COMPUTE_COMMANDS)};
const struct cli_group datastore_group = {"datastore", "named places of content",
                                          DATASTORE_COMMANDS, COUNT(DATASTORE_COMMANDS)};
const struct cli_group workspace_group = {"workspace", "what holds everything else",
                                          WORKSPACE_COMMANDS, COUNT(WORKSPACE_COMMANDS)};
