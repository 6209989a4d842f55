/* credentials.h - the credentials of datastores and connections, between file and wire
 *
 * Which kind they are, the file of a datastore says by its keys and that of a connection by `type`.
 * Secrets go one way: what a server answers is shown without them.
 */
#pragma once

#include "cli/document.h"

/* Puts the file's credentials of a datastore into the body; none are "None". */
int credentials_of_datastore(struct cli *cli, struct document *document, struct json *body,
                             struct error *err);

/* Puts those of a connection into the body: authType and credentials. */
int credentials_of_connection(struct cli *cli, struct document *document, struct json *body,
                              struct error *err);

/* What may be shown: the type and whatever is no secret. */
void credentials_show_datastore(struct cli *cli, const struct json *rest, struct json *out);
void credentials_show_connection(struct cli *cli, const struct json *rest, struct json *out);
