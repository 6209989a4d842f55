/* Contexts of OpenSSL for both sides: TLS 1.2 or later, HTTP/1.1 only. The server's certificate is
 * looked at again while it runs, so that a renewed one needs no restart. */
#include "http/tls_private.h"

#include "os/clock.h"
#include "os/file.h"

#include <assert.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>

/* A chain of ours has two certificates; a bundle of an office may have some dozens. */
#define PEM_LIMIT_BYTES (64 * KIB)
#define LOOK_EVERY_US (5 * US_PER_S) /* for new files, when somebody connects */

/* The last complaint is the most exact; the others are forgotten with it. */
void tls_reason(char *out, size_t size)
{
    unsigned long number = ERR_peek_last_error();
    const char *reason = number ? ERR_reason_error_string(number) : NULL;

    assert(size > 0);
    struct buf text = buf_make(size - 1);
    buf_add(&text, str_from(reason));
    snprintf(out, size, "%.*s", STR_ARG(buf_str(&text)));
    buf_free(&text);
    ERR_clear_error();
}

/* RFC 7301 section 3.2. Only what we speak is agreed to; a client that offers only others gets an
 * alert. */
static int on_alpn(SSL *, const unsigned char **out, unsigned char *out_len,
                   const unsigned char *in, unsigned int in_len, void *)
{
    static const unsigned char OURS[] = "\x08http/1.1";

    if (SSL_select_next_proto((unsigned char **)out, out_len, OURS, sizeof(OURS) - 1, in, in_len) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    return SSL_TLSEXT_ERR_OK;
}

/* Records are written as they come, from wherever they lie, and idle connections keep no buffers:
 * the 34 KB of each would be most of what an idle connection costs. Renegotiation would let a
 * client make us work for nothing, compression would tell lengths of secrets (RFC 7525 section
 * 3.3). An end without close_notify is taken for an end: heads and chunks say themselves whether
 * all came. */
static void set_modes(SSL_CTX *context)
{
    assert(context);
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                     SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_read_ahead(context, 1);
}

/* Read by us and not by OpenSSL, so that the paths stay beneath the folder. */
static int use_pair(SSL_CTX *context, int dir, struct error *err)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct str pem, key;

    assert(dir >= 0);
    if (file_read(arena, dir, "server.pem", PEM_LIMIT_BYTES, &pem, err) < 0 ||
        file_read(arena, dir, "server.key", PEM_LIMIT_BYTES, &key, err) < 0)
        return -1;
    BIO *pem_bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
    BIO *key_bio = BIO_new_mem_buf(key.ptr, (int)key.len);
    X509 *certificate = PEM_read_bio_X509(pem_bio, NULL, NULL, NULL);
    EVP_PKEY *private = PEM_read_bio_PrivateKey(key_bio, NULL, NULL, NULL);
    bool fits = certificate && private && SSL_CTX_use_certificate(context, certificate) == 1 &&
                SSL_CTX_use_PrivateKey(context, private) == 1 &&
                SSL_CTX_check_private_key(context) == 1;
    X509_free(certificate);
    EVP_PKEY_free(private);
    BIO_free(pem_bio);
    BIO_free(key_bio);
    ERR_clear_error();
    if (!fits)
        return error_set(err, ERROR_CORRUPT, "server.pem",
                         "The server's certificate and key cannot be used together.");
    return 0;
}

/* What a file was when it was read: a new one differs in at least one of these. */
struct version {
    ino_t inode;
    off_t size;
    struct timespec changed;
};

/* A server's certificate and what tells that there is a newer one. */
struct http_tls {
    int dir;
    pthread_mutex_t lock; /* all below */
    SSL_CTX *context;
    struct version version; /* of server.pem */
    int64_t looked_us;      /* monotonic */
};

/* A link in the place of the file counts as another file, and is not followed. */
static bool version_of(int dir, struct version *out)
{
    struct stat status;

    if (fstatat(dir, "server.pem", &status, AT_SYMLINK_NOFOLLOW) < 0)
        return false;
    *out = (struct version){status.st_ino, status.st_size, status.st_mtim};
    return true;
}

/* The inode tells a rename over it from a change in it; both are new certificates. */
static bool same_version(const struct version *a, const struct version *b)
{
    return a->inode == b->inode && a->size == b->size && a->changed.tv_sec == b->changed.tv_sec &&
           a->changed.tv_nsec == b->changed.tv_nsec;
}

/* Tickets carry all that a resumed session needs: no cache in memory. NULL with an error. */
static SSL_CTX *server_context(int dir, struct error *err)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());

    assert(dir >= 0);
    if (!context)
        abort();
    set_modes(context);
    SSL_CTX_set_alpn_select_cb(context, on_alpn, NULL);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(context, 1);
    if (use_pair(context, dir, err) == 0)
        return context;
    SSL_CTX_free(context);
    return NULL;
}

/* Fails when the pair does not fit at the start: a server without a certificate would only refuse
 * later. */
struct http_tls *http_tls_open(int dir, struct error *err)
{
    struct version version = {0};
    bool there = version_of(dir, &version); /* before it is read: a later one is then seen */
    SSL_CTX *context = server_context(dir, err);
    struct http_tls *tls;

    if (!context)
        return NULL;
    assert(there);
    tls = calloc(1, sizeof(*tls));
    if (!tls)
        abort();
    tls->dir = fcntl(dir, F_DUPFD_CLOEXEC, 0);
    tls->context = context;
    tls->version = version;
    tls->looked_us = clock_mono_us();
    pthread_mutex_init(&tls->lock, NULL);
    return tls;
}

/* The key is written before the certificate, so a pair may not fit for a moment: what is in use
 * stays, and it is looked again. */
static void look_again(struct http_tls *tls)
{
    struct version version;

    tls->looked_us = clock_mono_us();
    if (tls->dir < 0 || !version_of(tls->dir, &version) || same_version(&version, &tls->version))
        return;
    SSL_CTX *context = server_context(tls->dir, NULL);
    if (!context)
        return;
    SSL_CTX_free(tls->context); /* connections that use it hold it */
    tls->context = context;
    tls->version = version;
}

/* Counted up for the caller under the lock, since the next look may replace it at once. */
SSL_CTX *tls_context(struct http_tls *tls)
{
    pthread_mutex_lock(&tls->lock);
    if (clock_mono_us() - tls->looked_us >= LOOK_EVERY_US)
        look_again(tls);
    SSL_CTX *context = tls->context;
    SSL_CTX_up_ref(context);
    pthread_mutex_unlock(&tls->lock);
    return context;
}

/* Connections that are still open hold their context themselves. */
void http_tls_free(struct http_tls **tls)
{
    if (!*tls)
        return;
    SSL_CTX_free((*tls)->context);
    fd_close(&(*tls)->dir);
    pthread_mutex_destroy(&(*tls)->lock);
    free(*tls);
    *tls = NULL;
}

/* A file of our own replaces the system's roots, it does not add to them. */
SSL_CTX *tls_client_context(struct str ca_file, struct error *err)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    int loaded;

    assert(ca_file.len == 0 || ca_file.ptr);
    if (!context)
        abort();
    set_modes(context);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_alpn_protos(context, (const unsigned char *)"\x08http/1.1", 9);
    if (ca_file.len)
        loaded = SSL_CTX_load_verify_file(context, ca_file.ptr);
    else
        loaded = SSL_CTX_set_default_verify_paths(context);
    ERR_clear_error();
    if (loaded == 1)
        return context;
    SSL_CTX_free(context);
    error_set(err, ERROR_NOT_FOUND, "", "The file of trusted certificates cannot be read.");
    return NULL;
}
