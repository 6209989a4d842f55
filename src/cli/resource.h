/* resource.h - kinds of resources as rows: what a file's keys are on the wire, where the kind
 * stands, and the handlers that all such kinds share
 *
 * A kind costs one row here, its flags, and what no row can say in two hooks. Its commands name the
 * kind (`.kind`) and one of the handlers below.
 */
#pragma once

#include "cli/document.h"
#include "cli/fields.h"

enum resource_place {
    RESOURCE_IN_WORKSPACE, /* or, with CLI_REGISTRY and --registry-name, in a registry */
    RESOURCE_IN_GROUP,     /* beside workspaces */
};

struct resource_kind {
    const char *word; /* "datastore", for sentences */
    const char *type; /* collection on the wire: "datastores" */
    enum resource_place place;
    const char *parent; /* collection of what it stands in, which --endpoint-name names; or NULL */
    const char *name_flag; /* flag that names it; NULL: "name" */
    bool versioned;
    bool patches; /* an update sends what changes, not the whole */

    struct document_family family;
    /* Flags that stand for keys of the file: "size", or "identity-type=identity.type". */
    const char *const *keys;

    const struct field_row *rows; /* keys that a person writes, both ways */
    size_t row_count;
    const struct field_row *shown; /* keys that only the server fills */
    size_t shown_count;
    const char *defaults; /* the body before any key: JSON text */

    /* What no row says, of the body and of what is shown; NULL: nothing. */
    int (*finish)(struct cli *cli, struct document *document, struct json *body, struct error *err);
    const char *const *finish_keys; /* keys that `finish` reads, NULL at the end; or NULL */
    void (*show)(struct cli *cli, const struct json *rest, struct json *out);
    /* Before an update writes the body back: puts in what a GET left out. NULL: nothing. */
    int (*complete)(struct cli *cli, struct str id, struct json *body, struct error *err);

    const char *const *columns; /* of a table: path, head, …, NULL */
};

/* The id of one, and the collection it stands in. The session must be open. */
struct str resource_id(struct cli *cli, const struct resource_kind *kind, struct str name);
struct str resource_collection(struct cli *cli, const struct resource_kind *kind);

/* The id that the flags of this command name, a version included. */
struct str resource_named(struct cli *cli);
/* The same where --label may stand for the version: the server is asked for it. */
int resource_find(struct cli *cli, struct str *out, struct error *err);

/* One as people see it. The kind is the command's. */
struct json *resource_shape(struct cli *cli, const struct json *rest);

/* The file and the flags as a body. The document's problems have been reported. */
int resource_body(struct cli *cli, struct document *document, struct json **out, struct error *err);

/* Handlers: the command's kind says of what. */
int resource_create(struct cli *cli, struct error *err);
int resource_show(struct cli *cli, struct error *err);
int resource_list(struct cli *cli, struct error *err);
int resource_update(struct cli *cli, struct error *err);
int resource_delete(struct cli *cli, struct error *err); /* .action: the query */
int resource_archive(struct cli *cli, struct error *err);
int resource_restore(struct cli *cli, struct error *err);
/* POST {id}/{.action}; prints the reply when there is one. */
int resource_action(struct cli *cli, struct error *err);
/* The same for one whose body is not empty. */
int resource_post(struct cli *cli, const struct json *body, struct error *err);
/* Refuses with 501's sentence: .help of the command says what it would do. */
int resource_not_built(struct cli *cli, struct error *err);

/* Flags that most kinds have. */
#define RESOURCE_FILE {"file", 'f', CLI_VALUE, .help = "the YAML file; - reads standard input"}
#define RESOURCE_NEEDS_FILE \
    {"file", 'f', CLI_VALUE, true, .help = "the YAML file; - reads standard input"}
#define RESOURCE_NAME(what) {"name", 'n', CLI_VALUE, true, .help = "name of the " what}
#define RESOURCE_ANY_NAME(what) {"name", 'n', CLI_VALUE, .help = "name of the " what}
#define RESOURCE_VERSION {"version", 'v', CLI_VALUE, true, .help = "its version"}
#define RESOURCE_MOST {"max-results", 'r', CLI_NUMBER, .help = "at most so many"}
#define RESOURCE_TAGS {"tags", 0, CLI_LIST, .help = "KEY=VALUE…; an empty value removes one"}
#define RESOURCE_TEXT(flag, letter, text) {flag, letter, CLI_VALUE, .help = text}

/* A row of a command whose examples follow from its name. */
#define RESOURCE_ROW(verb, words, flag_rows, share, handler, subject, group, line) \
    {verb,                                                                         \
     words,                                                                        \
     flag_rows,                                                                    \
     COUNT(flag_rows),                                                             \
     share,                                                                        \
     handler,                                                                      \
     .kind = &(subject),                                                           \
     .examples = {"lazurite " group " " verb line, "lazurite " group " " verb " -h"}}
