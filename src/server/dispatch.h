/* dispatch.h - one way in for every request: match, guard, handler (decisions 45)
 *
 * The handler of a row cannot be reached otherwise. What is decided on the IO thread comes from
 * memory; what needs a disk, and sinks, go to a worker first.
 */
#pragma once

#include "http/server.h"
#include "identity/identity.h"
#include "os/pool.h"

struct dispatch;

/* Owns: the caller. Until dispatch_serve every request is answered 503. */
struct dispatch *dispatch_new(struct pool *pool);
void dispatch_free(struct dispatch **dispatch);

/* Requests whose Host is "{account}" and this suffix (".blob.core.…") are for the path
 * "/{account}{suffix}/…". Before dispatch_serve. */
void dispatch_storage(struct dispatch *dispatch, struct str suffix);

/* From now on requests are answered; router and identity outlive the server's last request. */
void dispatch_serve(struct dispatch *dispatch, struct router *router, struct identity *identity);

/* What http/ asks; *out is filled with `dispatch` as its context. */
void dispatch_app(struct dispatch *dispatch, struct http_app *out);
