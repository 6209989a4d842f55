/* document.h - the YAML file of a command, read, changed by flags and checked */
#pragma once

#include "cli/command.h"
#include "yaml/schema.h"

struct document {
    struct cli *cli; /* the run that reads it */
    struct yaml yaml;
    struct str file;   /* as it was given; "<stdin>" for - */
    struct str folder; /* relative paths of the file begin here */
    const struct yaml_kind *kind;
    struct yaml_problems problems;
};

/* What a family of kinds is chosen by. */
struct document_family {
    const char *name;         /* "job", for sentences */
    const char *key;          /* "type"; NULL: there is one kind */
    const char *const *words; /* value, kind, …, NULL; the first is taken when the key is absent */
    const char *const *later; /* values that exist in az and are not built yet, NULL at the end */
    bool by_presence;         /* words are keys: the one that stands there chooses */
};

/* Reads --file (none: an empty mapping), lets flags of the same name as a key and --set change it,
 * chooses the kind. `flags` are the keys that flags override, NULL at the end; a dash in a flag is
 * an underscore in the key. Errors: ERROR_INVALID; where the file itself is wrong its problems have
 * been printed. */
int document_read(struct cli *cli, const struct document_family *family, const char *const *flags,
                  struct document *out, struct error *err);

/* Puts the flags that were given over the keys they stand for: "size", or "identity-type=a.b" for
 * one that stands elsewhere; then --tags. */
int document_flags(struct cli *cli, struct json *root, const char *const *flags, struct error *err);

/* Checks the whole document against its kind. Afterwards more problems may be added. */
void document_check(struct cli *cli, struct document *document);

/* Prints all problems; an error when one of them is. */
int document_report(struct cli *cli, struct document *document, struct error *err);

/* Reads another file that this one names, as one of the kind, with flags left aside. Its problems
 * are its own: document_report tells them under its name. Errors: ERROR_INVALID when it has some.
 */
int document_open(const struct document *from, struct str path, const char *kind,
                  struct document *out, struct error *err);

/* The value at a path; a step that has dots in its name stands in braces: "inputs.{a.b}.path". */
struct json *document_at(const struct document *document, const char *path);

/* Where the value at a path stands, for a problem. */
struct yaml_place document_place(const struct document *document, const char *path);

/* Turns the target of a server's error, "properties.computeId", into the place in the file that it
 * came from, when there is one. Always -1. */
int document_blame(struct cli *cli, const struct document *document, struct error *err);

/* A path in the file as one that the program can open. "file:" is taken off. */
struct str document_path(struct cli *cli, const struct document *document, struct str path);

/* KEY=VALUE words as a mapping of texts. */
int document_pairs(struct cli *cli, const char *flag, struct json **out, struct error *err);
