/* client_private.h - the client's two halves: connecting, and one request with its reply */
#pragma once

#include "http/client.h"
#include "http/transport.h"

/* One connection to one server, kept between calls. */
struct http_client {
    struct arena *arena; /* holds the address */
    struct http_address address;
    char name[300]; /* of the server, for sentences */
    char host_header[300];
    SSL_CTX *context;           /* made with the first TLS connection */
    struct transport transport; /* fd -1: not connected */
    int64_t connect_until_us;   /* while connecting */
    bool fresh;                 /* the connection was made for this call */
};

/* Connects, with the TLS handshake. Errors: as http_client_send. */
int client_connect(struct http_client *client, const struct http_call *call, int64_t until_us,
                   struct error *err);

/* Waits for events of the socket. Errors: ERROR_TIMEOUT, ERROR_CANCELED. */
int client_wait(struct http_client *client, const struct http_call *call, short events,
                int64_t until_us, struct error *err);
