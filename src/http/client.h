/* client.h - a blocking HTTP/1.1 client for the CLI, the runner and the servers' own errands
 *
 * One connection, kept alive between calls, opened again when the server closed it. Only addresses
 * that we were configured with; fetching what a client of ours names is not its work.
 */
#pragma once

#include "base/arena.h"
#include "http/server.h"

struct http_client;

struct http_address {
    struct str unix_path; /* a Unix socket; else … */
    struct str host;      /* … a host name or address, */
    uint16_t port;
    bool tls;
    struct str ca_file;     /* PEM bundle; "" = system's */
    struct str host_header; /* "" = host:port */
};

/* Reads "http://host:port", "https://…" or "unix:/path". Errors: ERROR_INVALID. */
int http_address_parse(struct arena *arena, struct str url, struct http_address *out,
                       struct error *err);

/* Does not connect yet. Owns: the caller; strs are copied. */
struct http_client *http_client_new(const struct http_address *address);
void http_client_free(struct http_client **client);

struct http_call {
    const char *method;
    struct str target; /* path and query, encoded */
    const struct http_header *headers;
    size_t header_count;
    struct str body; /* sent whole, or … */
    int body_fd;     /* … body_length bytes of a file from body_offset, when has_body_fd */
    bool has_body_fd;
    int64_t body_offset, body_length;
    int timeout_ms;     /* without any byte moving; 0 = 60 s */
    size_t reply_limit; /* bytes of reply kept; 0 = 64 MiB */
    /* When set, the body of a 2xx reply goes here instead; -1 ends the call with ERROR_CANCELED. */
    int (*on_body)(struct str bytes, void *context);
    void *context;
    /* Asked at least every 250 ms while waiting; true ends the call with ERROR_CANCELED. */
    bool (*cancel)(void *context);
};

struct http_response {
    int status;
    struct http_header *headers;
    size_t header_count;
    struct str body;
};

/* Sends one request and reads its reply into `arena`. Any status is success here.
 * Errors: ERROR_UNAVAILABLE when nobody listens or the connection broke (a request that may be
 * repeated was tried once more), ERROR_TIMEOUT, ERROR_TOO_LARGE, ERROR_INVALID for a reply that is
 * no HTTP, ERROR_FORBIDDEN for a certificate that is not trusted. */
int http_client_send(struct http_client *client, struct arena *arena, const struct http_call *call,
                     struct http_response *out, struct error *err);

/* A reply header by name in any case; "" when absent. */
struct str http_response_header(const struct http_response *response, const char *name);
