/* Sockets that may have TLS on them, read and written without waiting.
 *
 * OpenSSL is given a socket by a BIO of ours: its own would raise SIGPIPE, which a library must
 * not ask its program to ignore.
 */
#include "http/transport.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Small parts are joined into one record, so that head and body leave in one packet. */
#define RECORD_BYTES (16 * KIB)

/* As write, but a peer that is gone raises no signal. */
static int bio_write(BIO *bio, const char *bytes, int size)
{
    int fd = (int)(intptr_t)BIO_get_data(bio);
    ssize_t n = send(fd, bytes, (size_t)size, MSG_NOSIGNAL);

    assert(bytes && size > 0);
    BIO_clear_retry_flags(bio);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        BIO_set_retry_write(bio);
    return (int)n;
}

/* As read, telling OpenSSL when to come again. */
static int bio_read(BIO *bio, char *out, int size)
{
    int fd = (int)(intptr_t)BIO_get_data(bio);
    ssize_t n = recv(fd, out, (size_t)size, 0);

    assert(out && size > 0);
    BIO_clear_retry_flags(bio);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        BIO_set_retry_read(bio);
    return (int)n;
}

/* OpenSSL flushes after each flight; nothing is held back here. */
static long bio_control(BIO *, int command, long, void *)
{
    return command == BIO_CTRL_FLUSH || command == BIO_CTRL_DUP;
}

/* Made by whoever comes first; two that come at once agree on one. It lives as long as we do. */
static BIO_METHOD *bio_method(void)
{
    static _Atomic(BIO_METHOD *) shared;
    BIO_METHOD *method = atomic_load(&shared), *first = NULL;

    if (method)
        return method;
    method = BIO_meth_new(BIO_TYPE_SOURCE_SINK | BIO_get_new_index(), "socket without signals");
    assert(method);
    BIO_meth_set_write(method, bio_write);
    BIO_meth_set_read(method, bio_read);
    BIO_meth_set_ctrl(method, bio_control);
    if (atomic_compare_exchange_strong(&shared, &first, method))
        return method;
    BIO_meth_free(method);
    return first;
}

/* A BIO of our own reads and writes the descriptor, since the library's would raise SIGPIPE. */
int transport_start_tls(struct transport *transport, SSL_CTX *context, struct error *err)
{
    assert(transport->fd >= 0 && !transport->ssl);
    SSL *ssl = SSL_new(context);
    BIO *bio = BIO_new(bio_method());
    if (!ssl || !bio) {
        SSL_free(ssl);
        BIO_free(bio);
        return error_set(err, ERROR_INTERNAL, "", "TLS could not be started.");
    }
    BIO_set_data(bio, (void *)(intptr_t)transport->fd);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl, bio, bio);
    transport->ssl = ssl;
    return 0;
}

/* Errors of another connection may lie in the thread's queue: it is emptied first. */
int transport_handshake(struct transport *transport, bool *out_write)
{
    assert(transport->ssl);
    ERR_clear_error();
    int result = SSL_do_handshake(transport->ssl);
    if (result == 1)
        return 1;
    int why = SSL_get_error(transport->ssl, result);
    if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)
        return TRANSPORT_BROKEN;
    *out_write = why == SSL_ERROR_WANT_WRITE;
    return TRANSPORT_AGAIN;
}

/* A read may want to write and the other way round only in handshakes, which are over. */
static ssize_t tls_read(SSL *ssl, void *out, size_t size)
{
    size_t n;

    assert(ssl && out);
    ERR_clear_error();
    if (SSL_read_ex(ssl, out, size, &n) == 1)
        return (ssize_t)n;
    switch (SSL_get_error(ssl, 0)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return TRANSPORT_AGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    default:
        return TRANSPORT_BROKEN;
    }
}

/* 0 is the end, as with the system; nothing-yet and broken are told apart from it by negative
 * words. */
ssize_t transport_read(struct transport *transport, void *out, size_t size)
{
    assert(size > 0);
    if (transport->ssl)
        return tls_read(transport->ssl, out, size);
    for (;;) {
        ssize_t n = recv(transport->fd, out, size, 0);
        if (n >= 0)
            return n;
        if (errno != EINTR)
            return errno == EAGAIN ? TRANSPORT_AGAIN : TRANSPORT_BROKEN;
    }
}

/* What is tried again after a full socket starts with the same bytes, wherever they lie by then. */
static ssize_t tls_write(SSL *ssl, const struct iovec *parts, int count)
{
    char joint[RECORD_BYTES];
    const void *bytes = parts[0].iov_base;
    size_t size = parts[0].iov_len, n;

    assert(ssl && size > 0);
    if (count > 1 && size < sizeof(joint)) {
        size = 0;
        for (int i = 0; i < count && size < sizeof(joint); i++) {
            size_t room = sizeof(joint) - size;
            size_t part = parts[i].iov_len < room ? parts[i].iov_len : room;
            if (part)
                memcpy(joint + size, parts[i].iov_base, part);
            size += part;
        }
        bytes = joint;
    }
    ERR_clear_error();
    if (SSL_write_ex(ssl, bytes, size, &n) == 1)
        return (ssize_t)n;
    switch (SSL_get_error(ssl, 0)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return TRANSPORT_AGAIN;
    default:
        return TRANSPORT_BROKEN;
    }
}

/* Some or all of it; the rest is the caller's to keep. A peer that is gone is a result, not a
 * signal. */
ssize_t transport_write(struct transport *transport, const struct iovec *parts, int count)
{
    assert(count > 0 && parts[0].iov_len > 0);
    if (transport->ssl)
        return tls_write(transport->ssl, parts, count);
    struct msghdr message = {.msg_iov = (struct iovec *)parts, .msg_iovlen = (size_t)count};
    for (;;) {
        ssize_t n = sendmsg(transport->fd, &message, MSG_NOSIGNAL);
        if (n >= 0)
            return n;
        if (errno != EINTR)
            return errno == EAGAIN ? TRANSPORT_AGAIN : TRANSPORT_BROKEN;
    }
}

/* Bytes that OpenSSL has read ahead. */
bool transport_has_more(const struct transport *transport)
{
    return transport->ssl && SSL_has_pending(transport->ssl);
}

/* Before the handshake's end there is nobody to say good-bye to. */
void transport_shutdown(struct transport *transport)
{
    assert(transport->fd >= 0);
    if (transport->ssl && SSL_is_init_finished(transport->ssl)) {
        ERR_clear_error();
        SSL_shutdown(transport->ssl);
    }
    shutdown(transport->fd, SHUT_WR);
}

/* Without waiting for the peer's goodbye: what was to be said has been written. */
void transport_close(struct transport *transport)
{
    SSL_free(transport->ssl);
    transport->ssl = NULL;
    if (transport->fd >= 0)
        close(transport->fd);
    transport->fd = -1;
}

/* Not blocking, not inherited, and small answers go out at once. */
void transport_prepare(int fd, bool tcp)
{
    int one = 1;

    assert(fd >= 0);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    if (tcp)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}
