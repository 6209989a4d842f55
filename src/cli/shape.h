/* shape.h - resources as people see them: the keys of the YAML files, made from the wire's replies,
 * and the wire's bodies, made from the files
 */
#pragma once

#include "cli/document.h"

/* What `show` and `list` print of one resource. */
struct json *shape_job(struct cli *cli, const struct json *rest);
struct json *shape_endpoint(struct cli *cli, const struct json *rest);
struct json *shape_deployment(struct cli *cli, const struct json *rest);

/* Each element of a list. */
struct json *shape_all(struct cli *cli, const struct json *list,
                       struct json *(*one)(struct cli *cli, const struct json *rest));

/* The wire's bodies; content is sent and inline things are registered on the way. Problems go to
 * the document; *out is then of no use. */
int shape_job_body(struct cli *cli, struct document *document, struct str name, struct json **out,
                   struct error *err);
/* The inputs and outputs of a job's file alone, into properties.inputs and properties.outputs. */
int shape_job_ends(struct cli *cli, struct document *document, struct json *body,
                   struct error *err);
int shape_data_body(struct cli *cli, struct document *document, struct json **out,
                    struct error *err);
int shape_endpoint_body(struct cli *cli, struct document *document, struct json **out,
                        struct error *err);
int shape_deployment_body(struct cli *cli, struct document *document, struct json **out,
                          struct error *err);

/* shape.c: what all kinds share. */
struct field_row;
struct json *shape_common(struct cli *cli, const struct json *rest, const struct field_row *rows,
                          size_t count);
