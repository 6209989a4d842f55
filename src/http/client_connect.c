/* Addresses, and how the client reaches them: a Unix socket, TCP, TLS on top.
 *
 * The name of a server is checked against its certificate during the handshake. Only the
 * authority that the caller names is trusted, or the system's when it names none.
 */
#include "http/client_private.h"

#include "http/tls_private.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* --- Addresses ------------------------------------------------------------------------------- */

/* "host", "host:port", "[v6]:port". */
static int read_authority(struct arena *arena, struct str text, struct http_address *out,
                          struct error *err)
{
    struct str host = text, port = {"", 0};
    int64_t number = out->tls ? 443 : 80;

    assert(out->host.len == 0);
    if (text.len && text.ptr[0] == '[') {
        ssize_t end = str_find_char(text, ']');
        if (end < 0)
            return error_set(err, ERROR_INVALID, "", "The address has no closing bracket.");
        host = str_slice(text, 1, (size_t)end);
        struct str rest = str_slice(text, (size_t)end + 1, text.len);
        if (rest.len && rest.ptr[0] != ':')
            return error_set(err, ERROR_INVALID, "", "The address has no port after its bracket.");
        port = str_slice(rest, 1, rest.len);
    } else {
        str_cut(text, ':', &host, &port);
    }
    if (port.len && (!str_to_int64(port, &number) || number < 1 || number > 65535))
        return error_set(err, ERROR_INVALID, "", "The port %.*s is no port.", STR_ARG(port));
    if (host.len == 0)
        return error_set(err, ERROR_INVALID, "", "The address has no host.");
    out->host = arena_str(arena, host);
    out->port = (uint16_t)number;
    return 0;
}

/* A path behind the authority is left to the caller, who may want it as a prefix. */
int http_address_parse(struct arena *arena, struct str url, struct http_address *out,
                       struct error *err)
{
    struct http_address address = {0};
    struct str rest;

    assert(out);
    if (str_starts(url, STR("unix:"))) {
        rest = str_slice(url, 5, url.len);
        if (rest.len == 0)
            return error_set(err, ERROR_INVALID, "", "The address has no path of a socket.");
        address.unix_path = arena_str(arena, rest);
        address.host_header = STR("localhost");
        *out = address;
        return 0;
    }
    if (str_starts_fold(url, STR("https://"))) {
        address.tls = true;
        rest = str_slice(url, 8, url.len);
    } else if (str_starts_fold(url, STR("http://"))) {
        rest = str_slice(url, 7, url.len);
    } else {
        return error_set(err, ERROR_INVALID, "", "%.*s is no http, https or unix address.",
                         STR_ARG(url));
    }
    ssize_t slash = str_find_char(rest, '/');
    if (slash >= 0)
        rest = str_slice(rest, 0, (size_t)slash);
    if (read_authority(arena, rest, &address, err) < 0)
        return -1;
    *out = address;
    return 0;
}

/* The name is for sentences, the host header for the server; both are fixed here. */
struct http_client *http_client_new(const struct http_address *address)
{
    struct http_client *client = calloc(1, sizeof(*client));
    bool six = str_find_char(address->host, ':') >= 0;

    assert(address->unix_path.len || address->host.len);
    if (!client)
        abort();
    client->arena = arena_new(MIB);
    client->address = *address;
    client->address.unix_path = arena_str(client->arena, address->unix_path);
    client->address.host = arena_str(client->arena, address->host);
    client->address.ca_file = arena_str(client->arena, address->ca_file);
    client->transport.fd = -1;
    if (address->unix_path.len)
        snprintf(client->name, sizeof(client->name), "The server");
    else
        snprintf(client->name, sizeof(client->name), "%s%.*s%s:%u", six ? "[" : "",
                 STR_ARG(address->host), six ? "]" : "", address->port);
    if (address->host_header.len)
        snprintf(client->host_header, sizeof(client->host_header), "%.*s",
                 STR_ARG(address->host_header));
    else
        snprintf(client->host_header, sizeof(client->host_header), "%s",
                 address->unix_path.len ? "localhost" : client->name);
    return client;
}

/* The connection is closed without a word: an idle one owes nothing. */
void http_client_free(struct http_client **client)
{
    if (!*client)
        return;
    transport_close(&(*client)->transport);
    SSL_CTX_free((*client)->context);
    arena_free(&(*client)->arena);
    free(*client);
    *client = NULL;
}

/* --- Sockets --------------------------------------------------------------------------------- */

/* Nobody listens, or the network says no. */
static int refused(struct http_client *client, int number, struct error *err)
{
    assert(number != 0);
    return error_set(err, ERROR_UNAVAILABLE, "", "%s cannot be reached: %s.", client->name,
                     strerror(number));
}

/* Connects one address; the descriptor is the transport's, also when it fails. */
static int connect_to(struct http_client *client, const struct http_call *call,
                      const struct sockaddr *address, socklen_t size, struct error *err)
{
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), number = 0;
    socklen_t number_size = sizeof(number);

    assert(client->connect_until_us > 0);
    if (fd < 0)
        return refused(client, errno, err);
    transport_close(&client->transport);
    client->transport.fd = fd;
    transport_prepare(fd, address->sa_family != AF_UNIX);
    if (connect(fd, address, size) == 0)
        return 0;
    if (errno != EINPROGRESS)
        return refused(client, errno, err);
    if (client_wait(client, call, POLLOUT, client->connect_until_us, err) < 0)
        return -1;
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &number, &number_size);
    return number ? refused(client, number, err) : 0;
}

/* The path is copied without its NUL: sun_path is zeroed and one byte longer. */
static int connect_unix(struct http_client *client, const struct http_call *call, struct error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct str path = client->address.unix_path;

    assert(path.len > 0);
    if (path.len >= sizeof(address.sun_path))
        return error_set(err, ERROR_INVALID, "", "The path of the socket is too long.");
    memcpy(address.sun_path, path.ptr, path.len);
    return connect_to(client, call, (struct sockaddr *)&address, sizeof(address), err);
}

/* Tries every address of the name in turn, as one of them may be the wrong family. */
static int connect_tcp(struct http_client *client, const struct http_call *call, struct error *err)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *found;
    char port[8];
    int result = -1;

    assert(client->address.port > 0);
    snprintf(port, sizeof(port), "%u", client->address.port);
    if (getaddrinfo(client->address.host.ptr, port, &hints, &found) != 0)
        return error_set(err, ERROR_UNAVAILABLE, "", "%s is not known here.", client->name);
    for (struct addrinfo *at = found; at && result < 0; at = at->ai_next) {
        result = connect_to(client, call, at->ai_addr, at->ai_addrlen, err);
        if (result < 0 && err->code == ERROR_CANCELED)
            break;
    }
    freeaddrinfo(found);
    return result;
}

/* --- TLS ------------------------------------------------------------------------------------- */

/* Names are checked by OpenSSL during the handshake (RFC 9525); an address must be in the
 * certificate, too, and is not sent as a server name, which may only be a host (RFC 6066 section
 * 3). */
static int start_tls(struct http_client *client, struct error *err)
{
    const char *host = client->address.host.ptr;
    unsigned char binary[16];
    bool address = inet_pton(AF_INET, host, binary) == 1 || inet_pton(AF_INET6, host, binary) == 1;

    assert(client->address.tls);
    if (!client->context && !(client->context = tls_client_context(client->address.ca_file, err)))
        return -1;
    if (transport_start_tls(&client->transport, client->context, err) < 0)
        return -1;
    SSL *ssl = client->transport.ssl;
    SSL_set_connect_state(ssl);
    int set = address ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host)
                      : SSL_set1_host(ssl, host);
    if (set != 1 || (!address && SSL_set_tlsext_host_name(ssl, host) != 1))
        return error_set(err, ERROR_INVALID, "", "%s is no name for TLS.", client->name);
    return 0;
}

/* A certificate that is not trusted is told apart from a server that is broken. */
static int handshake_failed(struct http_client *client, struct error *err)
{
    long verdict = SSL_get_verify_result(client->transport.ssl);

    assert(client->transport.ssl);
    if (verdict != X509_V_OK) {
        error_set(err, ERROR_FORBIDDEN, "", "The certificate of %s is not trusted: %s.",
                  client->name, X509_verify_cert_error_string(verdict));
        return error_hint(err, "Name the file with that server's authority, its tls/bundle.pem: "
                               "export LAZURITE_CA_FILE=…");
    }
    ERR_clear_error();
    return error_set(err, ERROR_UNAVAILABLE, "", "%s does not speak TLS with us.", client->name);
}

/* Socket, then handshake, both until until_us; what is half made is the transport's to close. */
int client_connect(struct http_client *client, const struct http_call *call, int64_t until_us,
                   struct error *err)
{
    int connected, step;

    assert(client->transport.fd < 0);
    client->connect_until_us = until_us;
    if (client->address.unix_path.len)
        connected = connect_unix(client, call, err);
    else
        connected = connect_tcp(client, call, err);
    if (connected < 0 || !client->address.tls)
        return connected;
    if (start_tls(client, err) < 0)
        return -1;
    for (;;) {
        bool write = false;
        step = transport_handshake(&client->transport, &write);
        if (step == 1)
            return 0;
        if (step == TRANSPORT_BROKEN)
            return handshake_failed(client, err);
        if (client_wait(client, call, write ? POLLOUT : POLLIN, until_us, err) < 0)
            return -1;
    }
}
