/* component.h - steps: what a component's file, or an inline step of a pipeline, is on the wire
 *
 * The wire keeps a component as its file, as JSON: only what names something on this machine is
 * sent and replaced by an id. A step without a name is registered under the hash of what it says.
 */
#pragma once

#include "cli/document.h"

/* The body of the component at `path` of the document ("" is the whole). With problems in the
 * document *out is of no use. */
int component_body(struct document *document, const char *path, bool anonymous, struct json **out,
                   struct error *err);

/* The id of the component that stands at `path`: a reference, the path of a file, or inline. */
int component_reference(struct document *document, const char *path, struct str *out,
                        struct error *err);

/* The mapping of steps at `path`, as pipelines have it on the wire. */
int component_nodes(struct document *document, const char *path, struct json **out,
                    struct error *err);

/* The name of the file's kind for a component of that type; NULL for a type that there is not. */
const char *component_kind_named(struct str type);
