/* command.h - commands as rows of tables, and what a handler gets
 *
 * A row drives parsing, help, completion and the nearest word. Handlers make one result, with
 * cli_result, or write text themselves; progress and warnings go to standard error.
 */
#pragma once

#include "base/json.h"

struct cli;
struct cli_session;

enum cli_takes {
    CLI_VALUE,
    CLI_NUMBER,
    CLI_SWITCH,
    CLI_LIST, /* one or more words */
};

struct cli_flag {
    const char *name; /* without dashes: "file" */
    char letter;      /* 'f', or 0 */
    enum cli_takes takes;
    bool required;
    const char *fallback; /* value when not given; NULL: none */
    const char *choices;  /* "a|b|c", any case; NULL: any */
    const char *help;
    const char *later; /* refused with this sentence, since what it asks for is not built yet */
    const char *idle;  /* taken with this warning, since it changes nothing here */
};

/* Flags that many commands share. */
enum cli_shares {
    CLI_SCOPE = 1,     /* -g -w */
    CLI_UPDATE = 2,    /* --set --add --remove --force-string */
    CLI_WAIT = 4,      /* --no-wait */
    CLI_ARCHIVE = 8,   /* --include-archived --archived-only */
    CLI_YES = 16,      /* -y */
    CLI_SET = 32,      /* --set --force-string */
    CLI_REGISTRY = 64, /* --registry-name in place of -w: assets that registries hold too */
    CLI_GROUP = 128,   /* -g alone: what stands beside a workspace */
};

struct resource_kind;

struct cli_command {
    const char *name;
    const char *help; /* what it does, a phrase */
    const struct cli_flag *flags;
    size_t flag_count;
    unsigned shares;
    int (*run)(struct cli *cli, struct error *err);
    const char *positional; /* name of the flag that a bare word fills; NULL: none */
    bool text;              /* prints text unless -o is given */
    bool hidden;            /* not in lists */
    /* What the shared handlers of resource.h act on, and the last segment of a POST's path. */
    const struct resource_kind *kind;
    const char *action;
    const char *examples[2];
};

struct cli_group {
    const char *name; /* "" for the commands without a group */
    const char *help;
    const struct cli_command *commands;
    size_t count;
};

extern const struct cli_group *const cli_groups[];
extern const size_t cli_group_count;

/* The flags that every command takes; for help and completion. */
extern const struct cli_flag cli_global_flags[];
extern const size_t cli_global_count;

/* One flag as it was given. */
struct cli_given {
    const struct cli_flag *flag;
    struct str *values;
    size_t count;
};

struct cli_arguments {
    const struct cli_group *group;
    const struct cli_command *command; /* NULL: help of the group, or of everything */
    struct cli_given given[64];
    size_t count;
    bool help;
};

enum cli_format { CLI_JSON, CLI_JSONC, CLI_YAML, CLI_YAMLC, CLI_TABLE, CLI_TSV, CLI_NONE };

/* One run of the program. */
struct cli {
    struct arena *arena;
    struct cli_arguments arguments;
    enum cli_format format;
    bool format_given;      /* -o was there */
    struct jmespath *query; /* NULL: none */
    bool quiet, verbose, debug, json_errors, wide;
    bool color_out, color_err, terminal_err, terminal_in;
    struct cli_session *session; /* opened by the first that needs it */
    int exit_code;               /* when a handler succeeded but its subject did not */
    /* What the server called its error, for the report. */
    struct str wire_code, wire_next;
    bool missing, usage, interrupted;
    bool of_folder; /* about the data folder, whatever server one is signed in to */
    int hurry_ms;   /* a shell waits: a request has this long, and no second try; 0: as usual */
    /* Makes a bearer of a kept token; NULL where none is wanted, as by a sign-in. */
    int (*renew)(struct cli *cli, const struct json *kept, struct str *out, struct error *err);
    const struct json *extra;   /* what the shape of a list looks up; else NULL */
    const char *const *columns; /* default columns of a list; NULL-ended pairs of path and head */
};

/* The text of a flag, or its fallback, or "". */
struct str cli_text(const struct cli *cli, const char *flag);
bool cli_has(const struct cli *cli, const char *flag);
int64_t cli_number(const struct cli *cli, const char *flag, int64_t fallback);
/* All words of a list flag. */
const struct cli_given *cli_words(const struct cli *cli, const char *flag);

/* Prints the command's one result in the chosen format, after --query. */
int cli_result(struct cli *cli, const struct json *value, struct error *err);

/* A line on standard error unless --only-show-errors; `note` is plain, `warn` says "warning:". */
PRINTF(2, 3) void cli_note(const struct cli *cli, const char *format, ...);
PRINTF(2, 3) void cli_warn(const struct cli *cli, const char *format, ...);

/* Text on standard output. */
PRINTF(1, 2) void cli_say(const char *format, ...);
void cli_write(struct str text);

/* The groups, each in the file of its name. */
extern const struct cli_group account_group, batch_deployment_group, batch_endpoint_group,
    capability_host_group, component_group, compute_group, config_group, connection_group,
    data_group, datastore_group, environment_group, feature_set_group, feature_store_entity_group,
    feature_store_group, index_group, job_group, marketplace_subscription_group, model_group,
    online_deployment_group, online_endpoint_group, outbound_rule_group, own_group, registry_group,
    role_group, schedule_group, serverless_endpoint_group, service_principal_group, token_group,
    user_group, workspace_group;
