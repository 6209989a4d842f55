/* change.h - a resource changed as its owner sees it: read, edited by flags, written back whole
 *
 * --set, --add and --remove speak in the keys that `show` prints. Each kind says which of them have
 * a place in the body; an edit of any other is refused, never dropped.
 */
#pragma once

#include "cli/command.h"

/* A key that may be changed, and where its value goes in the body. */
struct change_key {
    const char *key;  /* "tags" */
    const char *path; /* "properties.tags" */
    bool texts;       /* a mapping of texts: what --set read as 1 or true is text in it */
};

/* What may change of a kind. */
struct change_rules {
    const char *word; /* "model", for sentences */
    struct json *(*shape)(struct cli *cli, const struct json *rest);
    const struct change_key *keys;
    size_t count;
};

/* The flags that edit, applied to what was shown. Errors: ERROR_INVALID, and the command's usage is
 * at fault. */
int change_edit(struct cli *cli, struct json *shown, struct error *err);

/* Edits the body by the flags. Errors: ERROR_INVALID naming a key that cannot be changed, or that
 * no flag changes anything. */
int change_body(struct cli *cli, const struct change_rules *rules, struct json *body,
                struct error *err);

/* Reads the resource, edits it, writes it and prints it. */
int change_resource(struct cli *cli, const struct change_rules *rules, struct str id,
                    struct error *err);

/* Hides a resource from lists, or shows it again; says so. */
int change_archived(struct cli *cli, struct str id, bool archived, struct error *err);
