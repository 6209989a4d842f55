/* assets.h - what a file names or holds inline, made into what the wire wants: ids and addresses
 *
 * Problems (no such version, no such path) are added to the document with their place; the result
 * is then "". Only a broken connection is an error.
 */
#pragma once

#include "cli/document.h"

/* "azureml:n:v", "azureml:n@latest", "azureml:n", a full id or a registry address as an id. `type`
 * is the wire's: "environments". */
int assets_reference(struct document *document, const char *type, const char *path, struct str *out,
                     struct error *err);

/* The same for a text that stands in no file. Errors: ERROR_NOT_FOUND. */
int assets_id(struct cli *cli, const char *type, struct str reference, struct str *out,
              struct error *err);

/* "azureml:NAME" or NAME; "" for serverless and local, which are the pool of this host. */
struct str assets_compute(struct cli *cli, struct str text);

/* A local folder is sent as code; an id stays. */
int assets_code(struct cli *cli, struct document *document, const char *path, struct str *out,
                struct error *err);

/* An inline environment or model is registered under the hash of what it says; a reference becomes
 * an id. */
int assets_environment(struct cli *cli, struct document *document, const char *path,
                       struct str *out, struct error *err);
int assets_model(struct cli *cli, struct document *document, const char *path, struct str *out,
                 struct error *err);

/* Local content is sent to a datastore, other addresses stay. With `full`, the address names the
 * workspace. *out_is_file tells about local content only. */
struct assets_content {
    const char *path;     /* in the document */
    struct str datastore; /* "" for the default */
    bool full;
    struct str uri;      /* out */
    bool local, is_file; /* out */
};
int assets_content(struct cli *cli, struct document *document, struct assets_content *content,
                   struct error *err);

/* 32 hex digits of what a body says, whatever the order of its keys. */
struct str assets_hash(struct cli *cli, const struct json *body);

/* The wire's body of an environment. */
int assets_environment_body(struct document *document, const char *path, bool anonymous,
                            struct json **out, struct error *err);
int assets_model_body(struct document *document, const char *path, bool anonymous,
                      struct json **out, struct error *err);

/* The next free version of an asset: "1" when there is none. */
int assets_next_version(struct cli *cli, const char *type, struct str name, struct str *out,
                        struct error *err);
/* The newest version; ERROR_NOT_FOUND when there is none. */
int assets_latest(struct cli *cli, const char *type, struct str name, struct str *out,
                  struct error *err);
