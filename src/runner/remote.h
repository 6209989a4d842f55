/* remote.h - the runner's calls to the server, by attempt token over the Unix socket */
#pragma once

#include "http/client.h"
#include "runner/attempt.h"

struct remote;

/* Does not connect yet. Owns: the caller. */
struct remote *remote_new(const struct attempt *attempt);
void remote_free(struct remote **remote);

/* One call. Any status is success; ERROR_UNAVAILABLE and ERROR_TIMEOUT when the server is away. */
int remote_send(struct remote *remote, struct arena *arena, struct http_call *call,
                struct http_response *out, struct error *err);

/* Blobs. These try again, slower and slower, while the server is away or says 429 or 5xx, and end
 * with ERROR_CANCELED when the attempt is asked to stop or its folder is gone; only remote_put goes
 * on, since outputs are what a stopped attempt still owes. ERROR_NOT_FOUND for 404, else ERROR_IO
 * with what the server said.
 *
 * A name has no leading slash; a listing calls back for each below it; a size of -1 is unknown. */
typedef int remote_blob(struct str name, int64_t size, void *context, struct error *err);
struct remote_visit {
    remote_blob *each;
    void *context;
};
struct remote_place {
    struct str container, name;
};
int remote_list(struct remote *remote, const struct remote_place *place, remote_blob *each,
                void *context, struct error *err);
/* Writes a blob's bytes to fd. */
int remote_get(struct remote *remote, const struct remote_place *place, int fd, struct error *err);
/* Makes a blob of the `size` first bytes of fd. */
int remote_put(struct remote *remote, const struct remote_place *place, int fd, int64_t size,
               struct error *err);

/* Reads one page of a blob listing; "" or the marker of the next page. Pure, for tests. */
int remote_read_listing(struct arena *arena, struct str xml, const struct remote_visit *visit,
                        struct str *out_marker, struct error *err);
