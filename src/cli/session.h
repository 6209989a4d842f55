/* session.h - one conversation with one server
 *
 * By default over the Unix socket of the data folder, where the folder's owner needs no token; with
 * --server over TLS with a bearer token. The same REST as every other client speaks. Absolute
 * addresses of the server's own host go by the same way.
 */
#pragma once

#include "cli/command.h"
#include "http/client.h"

/* Where the data folder is: --data-dir, LAZURITE_HOME, ~/.lazurite. */
struct str session_folder(const struct cli *cli);

/* Opens the session when there is none. Errors: ERROR_UNAVAILABLE naming what to start. */
int session_open(struct cli *cli, struct error *err);
void session_close(struct cli_session **session);

/* Which subscription, group and workspace it is about. */
struct scope;
const struct scope *session_scope(const struct cli *cli);

/* "/subscriptions/S", with the provider behind it, and with the resource group between both. */
struct str session_subscription(struct cli *cli);
struct str session_provider(struct cli *cli);
struct str session_group(struct cli *cli);

/* The path of a registry as its assets are asked for, by its name. Errors: ERROR_NOT_FOUND. */
int session_registry(struct cli *cli, struct str name, struct str *out, struct error *err);

/* "/subscriptions/S/resourceGroups/G/providers/Microsoft.MachineLearningServices/workspaces/W";
 * with
 * --registry-name the path of the registry. */
struct str session_workspace(struct cli *cli);
/* The id of something in the workspace: "{workspace}/{type}/{name}", name percent-encoded. */
struct str session_id(struct cli *cli, const char *type, struct str name);
struct str session_version_id(struct cli *cli, const char *type, struct str name,
                              struct str version);

/* A request whose reply of any status is wanted as it is. */
struct session_request {
    const char *method;
    struct str url; /* a path, or an absolute address */
    struct str body;
    const char *content_type;
    struct http_header headers[4]; /* more of them */
    size_t header_count;
    int body_fd;
    bool has_body_fd;
    int64_t body_offset, body_length;
    int timeout_ms;
    int (*on_body)(struct str bytes, void *context);
    void *context;
};
int session_raw(struct cli *cli, const struct session_request *request, struct http_response *out,
                struct error *err);

/* Whether an absolute address is the server's own: it is then opened by who we are. */
bool session_owns(const struct cli *cli, struct str url);

/* Turns a reply that is no success into an error: the server's code, sentence and target. */
int session_refused(struct cli *cli, const struct http_response *reply, struct error *err);

/* JSON calls. `path` gets an api-version when it has none. *out is NULL for an empty reply; out may
 * be NULL, and so may the body of a POST. Anything but 2xx is an error. */
int session_get(struct cli *cli, struct str path, struct json **out, struct error *err);
int session_put(struct cli *cli, struct str path, const struct json *body, struct json **out,
                struct error *err);
int session_post(struct cli *cli, struct str path, const struct json *body, struct json **out,
                 struct error *err);
int session_delete(struct cli *cli, struct str path, struct json **out, struct error *err);

/* A change that may take its time. */
struct session_write {
    const char *method;
    struct str path;
    const struct json *body; /* NULL: none */
    const char *phase;       /* "Creating endpoint" */
};

/* Sends it, then waits for the long operation the reply names, saying the phase with its time on
 * standard error. *out is the resource as it then is, for PUT; else what the reply said. With
 * --no-wait the reply itself. */
int session_change(struct cli *cli, const struct session_write *write, struct json **out,
                   struct error *err);

/* All pages of a list, at most `most` elements (0: all). */
int session_list(struct cli *cli, struct str path, size_t most, struct json **out,
                 struct error *err);

/* True when the person pressed Ctrl-C. */
bool session_interrupted(void);

/* Whether it goes by the socket of the data folder, where no token is needed; what else it carries;
 * and a new one, from a sign-in. */
bool session_is_local(const struct cli *cli);
struct str session_bearer(const struct cli *cli);
void session_set_bearer(struct cli *cli, struct str token);

/* The address people see, "https://localhost:10443", and the folder's CA bundle ("" when unknown).
 */
struct str session_host(const struct cli *cli);
struct str session_ca_file(struct cli *cli);
