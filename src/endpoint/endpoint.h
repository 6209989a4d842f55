/* endpoint.h - online endpoints and their deployments, from documents to replicas that answer
 *
 * The documents say what is wanted. A thread of its own compares that with what runs: it makes the
 * replicas' run folders, starts their runners, waits until they answer, and tells the gateway who
 * may call whom. A deployment's progress is a child document of type "rollouts" named "current", so
 * it survives a restart; a replica is a run folder `runs/d{8 hex}` whose socket is `r.sock` in it.
 *
 * The gateway and the replicas outlive this process; endpoints_start finds them again.
 */
#pragma once

#include "base/json.h"
#include "environment/environment.h"
#include "store/document.h"
#include "store/scope.h"

struct endpoints;
struct content;
struct identity;
struct vault;

/* What the engine works with; nothing in it is the engine's to free. */
struct endpoints_options {
    struct store *store;
    struct vault *vault;
    struct identity *identity;
    int dir;              /* the data folder … */
    const char *dir_path; /* … and its absolute path */
    struct str listen;    /* --scoring-listen, "127.0.0.1:10444" */
    enum images_missing images_missing;
    bool separate_users; /* decisions 29 */
    unsigned uid_first;
    bool sandbox; /* bubblewrap works */
};

/* Starts nothing yet; the strs must outlive it. Owns: the caller. */
struct endpoints *endpoints_new(const struct endpoints_options *options);

/* What replicas are told about the server: its socket's absolute path and "localhost:10443". */
void endpoints_set_server(struct endpoints *endpoints, struct str socket, struct str host);

/* Finds or starts the gateway, then rolls out on a thread of its own. Errors: ERROR_CONFLICT when
 * the scoring port is taken, ERROR_UNAVAILABLE when the gateway does not come up. */
int endpoints_start(struct endpoints *endpoints, struct error *err);

/* The port the gateway listens on; 0 before endpoints_start. */
uint16_t endpoints_port(const struct endpoints *endpoints);

/* Compares wanted and running again, soon. From store_on_event and the kinds. Threads: any. */
void endpoints_wake(struct endpoints *endpoints);

/* Waits until everything committed before is in force at the gateway, at most a second or two: so
 * that who set the traffic or changed a key can call at once. */
void endpoints_sync(struct endpoints *endpoints);

/* Ends gateway and replicas too (`lazurite stop`); the next endpoints_start brings them back. */
int endpoints_stop(struct endpoints *endpoints, struct error *err);

/* Ends the thread; gateway and replicas go on. For CLEANUP. */
void endpoints_free(struct endpoints **endpoints);

/* Whether the token of a replica is still good: its run is "endpoint:d{8 hex}". For
 * identity_on_attempt, next to job_attempt_alive. */
int endpoints_attempt_alive(int64_t scope, struct str run, int attempt, void *endpoints);

/* --- Keys (keys.c): two per endpoint, sealed in the vault ----------------------------------------
 */

/* Two, so that one can be replaced while clients use the other. */
enum endpoint_key { ENDPOINT_KEY_PRIMARY, ENDPOINT_KEY_SECONDARY, ENDPOINT_KEY_COUNT_ };

/* Inside a write, after the endpoint's document was stored: keys, unless it has some. */
int endpoint_make_keys(struct endpoints *endpoints, struct store_txn *txn,
                       const struct scope *scope, const struct document *endpoint,
                       struct error *err);

/* Gives both keys. Owns: strs live in the arena. */
int endpoint_keys(struct endpoints *endpoints, struct arena *arena, const struct document *endpoint,
                  struct str out[ENDPOINT_KEY_COUNT_], struct error *err);

/* Replaces one key by a new random one; the gateway forgets the old one at once. */
int endpoint_new_key(struct endpoints *endpoints, const struct document *endpoint,
                     enum endpoint_key which, struct error *err);

/* Inside a write: the endpoint's keys go with it. */
int endpoint_forget(struct store_txn *txn, const struct document *endpoint, struct error *err);

/* Whether an endpoint of that name exists in another workspace: scoring addresses carry no
 * workspace. Errors: ERROR_EXISTS. */
int endpoint_name_free(struct store_txn *txn, int64_t scope, struct str name, struct error *err);

/* --- Deployments ---------------------------------------------------------------------------------
 */

/* What a client asked for, references still in its spelling. */
struct deployment_request {
    const struct scope *scope;
    struct str endpoint, name;
    struct json *properties; /* of the wire */
    int64_t instances;       /* sku.capacity */
};

/* plan.c: on a worker, nothing open: resolves model, code and environment and decides what serves
 * it: a script, an MLflow model without one, or one .onnx file natively (decisions 57). The plan is
 * all that a roll-out needs. Errors name the JSON path. */
int deployment_plan(struct endpoints *endpoints, struct arena *arena,
                    const struct deployment_request *request, struct json **out_plan,
                    struct error *err);

/* deployment.c: in the write, after the deployment's document was stored: remembers the plan and
 * starts a roll-out when it differs from what serves. */
int deployment_insert(struct store_txn *txn, const struct document *deployment,
                      const struct json *plan, struct error *err);

/* In the write, before the document goes. The thread then ends its replicas. */
int deployment_forget(struct store_txn *txn, const struct document *deployment, struct error *err);

/* In a read: provisioningState into the wire's properties. */
int deployment_show(struct store_txn *txn, struct arena *arena, const struct document *deployment,
                    struct json *properties, struct error *err);

/* In a read: 0 still rolling out, 1 done, -1 failed with the reason. */
int deployment_progress(struct store_txn *txn, const struct document *deployment,
                        struct error *err);

/* For GET of the logs of all replicas, whatever their state. */
struct logs_query {
    const struct document *deployment;
    size_t tail; /* lines of each file; 0: the service's own default */
};

/* logs.c: what getLogs shows: the state of each instance, warnings, how it was prepared, and the
 * last lines of what the replicas wrote. */
int deployment_logs(struct endpoints *endpoints, struct arena *arena,
                    const struct logs_query *query, struct str *out, struct error *err);
