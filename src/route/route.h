/* route.h - one table for every face: what is asked, who may, how much, and who answers
 *
 * A face exports rows with its context; server/dispatch.c joins them, server/ never adds a check of
 * its own. A row without a permission fails the table test and the start.
 *
 * Templates: "/api/2.0/mlflow/runs/get", "/subscriptions/{subscription}/…/{type}/{name}"; a last
 * piece "{path*}" takes the rest (at least one piece, which may be empty), slashes included. A
 * piece may mix text and parameters: "azureml-{guid}", "{account}.blob.{suffix}". Where several
 * templates fit, text wins over a mixed piece, that over a parameter, that over a rest. Literal
 * pieces are compared without ASCII case when ROUTE_FOLD is set. A piece is percent-decoded once,
 * before matching; dot segments never reach a handler, encoded slashes only inside of a rest.
 */
#pragma once

#include "http/server.h"
#include "store/maker.h"

/* Who may call a row. There is no default: a row without one does not start. */
enum permit {
    PERMIT_PUBLIC = 1, /* anybody: a written permission */
    PERMIT_LOCAL,      /* the folder's owner over the Unix socket, or an admin's token */
    PERMIT_ATTEMPT,    /* the runner of an attempt, with its token; or an admin */
    PERMIT_ACTION,     /* whoever's role allows the action at the scope */
};

/* What is unusual about a row. */
enum route_flags {
    ROUTE_FOLD = 1,       /* literals match in any case: ARM */
    ROUTE_STREAM_IN = 2,  /* the handler gives a sink in `open` and run is called at the end */
    ROUTE_ON_LOOP = 4,    /* run is called on the IO thread: hot calls that never block */
    ROUTE_LOCAL_USER = 8, /* answers without a token as decisions 23 allows: MLflow rows only */
    ROUTE_SAS = 16,       /* blob rows: a signature in the query is a credential */
    ROUTE_FILTERED = 64, /* a list that leaves out what its caller may not see: whoever has any role
                            at, above or beneath its path may ask */
    ROUTE_ATTEMPT = 32,  /* a job's own token may write here although the row folds; the handler
                            asks whose run it is */
};

/* Which listeners carry a row (decisions 22). */
enum route_listener { LISTEN_TLS = 1, LISTEN_PLAIN = 2, LISTEN_SOCKET = 4, LISTEN_ALL = 7 };

struct call;

/* One row: what is called, who may, how much he may send, and who answers. */
struct route {
    const char *method;
    const char *path;
    enum permit permit;
    const char *action; /* Azure's string; NULL for ARM rows: made from type path and verb */
    size_t body_limit;  /* bytes */
    unsigned flags;
    unsigned listeners; /* enum route_listener */
    void (*run)(struct call *call);
    /* ROUTE_STREAM_IN: makes the sink once the caller is known and allowed, on a worker. */
    struct http_sink *(*open)(struct call *call, struct error *err);
    /* Answers an error in this face's envelope; dispatch calls it for 401, 403, 404, 413 …  */
    void (*refuse)(struct call *call, const struct error *err);
};

/* The rows of one face. */
struct route_table {
    const struct route *rows;
    size_t count;
    void *face; /* handed to the handlers as call->face */
};

/* Who asks; filled by identity/guard.c, plain data so that every layer may read it. */
enum caller_kind {
    CALLER_NOBODY,
    CALLER_ADMIN,
    CALLER_LOCAL,
    CALLER_USER,
    CALLER_ATTEMPT,
    CALLER_SAS
};
/* Who calls, once he has proved it; handlers decide by it and write it down. */
struct caller {
    enum caller_kind kind;
    struct str name;      /* shown in systemData and events: "admin", "local", a user's name */
    struct str object_id; /* a stable GUID */
    struct maker maker;   /* as systemData names him; by caller_maker alone */
    int64_t scope;        /* ATTEMPT, LOCAL: the only workspace; 0: any */
    struct str run;       /* ATTEMPT: the job's name */
    int attempt;          /* ATTEMPT: its number */
    struct str container, prefix, permissions; /* SAS: what it opens, and the letters of sp */
    bool blob_only;                            /* SAS: sr=b, `prefix` is the exact name */
};

/* In whose name he makes and changes things: an attempt in that of who sent its job. */
struct maker caller_maker(const struct caller *caller);

#define ROUTE_PARAMS_MAX 10
struct route_param {
    struct str name;
    struct str value; /* decoded */
    struct str raw;
};

/* One request on its way through a face. Lives in the exchange's arena. */
struct call {
    struct http_exchange *ex;
    struct arena *arena;
    const struct route *route;
    void *face;
    struct caller caller;
    struct route_param params[ROUTE_PARAMS_MAX];
    size_t param_count;
    struct str action; /* the action that was allowed */
    struct http_sink *sink;
};

/* A parameter of the path, decoded; "" when the template has none of that name. */
struct str call_param(const struct call *call, const char *name);
/* A query parameter, decoded, name in any case; "" when absent. */
struct str call_query(const struct call *call, const char *name);

struct router;

/* Joins tables into a tree. Errors: ERROR_INVALID naming the row that lacks a permission, a handler
 * or a refusal, or that another row shadows. */
int router_new(const struct route_table *tables, size_t count, struct router **out,
               struct error *err);
void router_free(struct router **router);

/* Every row of a router, in no order that means anything: what a description of the surface is made
 * of. Ends early when `each` gives not 0, and gives that. */
typedef int route_each(const struct route *route, void *context);
int router_each(const struct router *router, route_each *each, void *context);

/* Finds the row for a method and a raw path; fills route, face and params of *call.
 * Errors: ERROR_NOT_FOUND; ERROR_METHOD (the path is known: *out_allow lists its methods);
 * ERROR_INVALID for bad escapes, dot segments, doubled slashes. call->route is then the row nearest
 * to the path, so that the refusal can speak its face's language, or NULL. */
int router_match(const struct router *router, struct call *call, unsigned listener,
                 struct str *out_allow, struct error *err);

/* The same for a request that is no exchange; call needs only its arena. */
struct route_ask {
    struct str method;
    struct str path;
    unsigned listener;
};
int router_find(const struct router *router, const struct route_ask *ask, struct call *call,
                struct str *out_allow, struct error *err);
