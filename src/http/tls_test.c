/* The authority: what is made, kept, renewed and refused. */
#include "http/harness_test.h"

#include "http/tls_private.h"
#include "os/clock.h"
#include "os/file.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DAY_US (86400 * US_PER_S)

static int folder(const char *name)
{
    CLEANUP(fd_close) int root = dir_open(test_folder(), NULL);
    struct error err = {0};
    int dir = dir_open_at(root, name, 0700, &err);

    CHECK_OK(dir >= 0 ? 0 : -1, &err);
    return dir;
}

static struct str content(struct arena *arena, int dir, const char *path)
{
    struct error err = {0};
    struct str text;

    CHECK_OK(file_read(arena, dir, path, 8 * MIB, &text, &err), &err);
    return text;
}

static void prepare(int dir, const struct str *names, size_t count)
{
    struct error err = {0};
    CHECK_OK(http_tls_prepare(dir, names, count, &err), &err);
}

static X509 *certificate_of(struct str pem)
{
    BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
    X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);

    BIO_free(bio);
    CHECK(certificate);
    return certificate;
}

static const struct str NAMES[] = {STR_INIT("localhost"), STR_INIT("127.0.0.1"), STR_INIT("::1"),
                                   STR_INIT("*.blob.core.lazurite.test"),
                                   STR_INIT("ml.example.org")};

TEST(tls_makes_what_is_missing_and_nothing_twice)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(64 * MIB);
    CLEANUP(fd_close) int dir = folder("twice");
    struct stat status;

    prepare(dir, NAMES, COUNT(NAMES));
    struct str ca = content(arena, dir, "ca.pem"), server = content(arena, dir, "server.pem");
    struct str bundle = content(arena, dir, "bundle.pem");
    CHECK(str_ends(bundle, ca));
    CHECK_INT(0, fstatat(dir, "ca.key", &status, 0));
    CHECK_INT(0600, status.st_mode & 0777);
    CHECK_INT(0, fstatat(dir, "server.key", &status, 0));
    CHECK_INT(0600, status.st_mode & 0777);
    prepare(dir, NAMES, COUNT(NAMES));
    CHECK(str_eq(ca, content(arena, dir, "ca.pem")));
    CHECK(str_eq(server, content(arena, dir, "server.pem")));
    /* The bundle comes back when it was lost. */
    CHECK_INT(0, unlinkat(dir, "bundle.pem", 0));
    prepare(dir, NAMES, COUNT(NAMES));
    CHECK(str_eq(bundle, content(arena, dir, "bundle.pem")));
}

TEST(tls_certificate_covers_its_names_and_no_others)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(64 * MIB);
    CLEANUP(fd_close) int dir = folder("names");

    prepare(dir, NAMES, COUNT(NAMES));
    X509 *server = certificate_of(content(arena, dir, "server.pem"));
    CHECK_INT(1, X509_check_host(server, "localhost", 0, 0, NULL));
    CHECK_INT(1, X509_check_host(server, "lzabc.blob.core.lazurite.test", 0, 0, NULL));
    CHECK_INT(1, X509_check_host(server, "ml.example.org", 0, 0, NULL));
    CHECK_INT(1, X509_check_ip_asc(server, "127.0.0.1", 0));
    CHECK_INT(1, X509_check_ip_asc(server, "::1", 0));
    CHECK_INT(0, X509_check_host(server, "example.org", 0, 0, NULL));
    CHECK_INT(0, X509_check_ip_asc(server, "10.0.0.1", 0));
    CHECK(!(X509_get_extension_flags(server) & EXFLAG_CA));
    X509_free(server);
    X509 *ca = certificate_of(content(arena, dir, "ca.pem"));
    CHECK(X509_get_extension_flags(ca) & EXFLAG_CA);
    CHECK(X509_get_ext_by_NID(ca, NID_name_constraints, -1) >= 0);
    X509_free(ca);
}

TEST(tls_renews_before_the_end_and_keeps_the_authority)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(64 * MIB);
    CLEANUP(fd_close) int dir = folder("renew");

    clock_test_set(1800000000LL * US_PER_S);
    prepare(dir, NAMES, COUNT(NAMES));
    struct str ca = content(arena, dir, "ca.pem"), first = content(arena, dir, "server.pem");
    clock_test_advance(366 * DAY_US);
    prepare(dir, NAMES, COUNT(NAMES));
    CHECK(str_eq(first, content(arena, dir, "server.pem")));
    clock_test_advance(2 * DAY_US);
    prepare(dir, NAMES, COUNT(NAMES));
    CHECK(!str_eq(first, content(arena, dir, "server.pem")));
    CHECK(str_eq(ca, content(arena, dir, "ca.pem")));
    /* The authority itself ends one day. */
    clock_test_advance(3650 * DAY_US);
    prepare(dir, NAMES, COUNT(NAMES));
    CHECK(!str_eq(ca, content(arena, dir, "ca.pem")));
    CHECK(str_ends(content(arena, dir, "bundle.pem"), content(arena, dir, "ca.pem")));
    clock_test_end();
}

TEST(tls_takes_a_new_name)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(64 * MIB);
    CLEANUP(fd_close) int dir = folder("new-name");
    struct str more[] = {NAMES[0], NAMES[1], STR("127.0.0.2"), STR("deep.ml.example.org")};

    prepare(dir, NAMES, COUNT(NAMES));
    struct str ca = content(arena, dir, "ca.pem"), first = content(arena, dir, "server.pem");
    /* One that the authority may speak for already: it stays. */
    prepare(dir, more, COUNT(more));
    CHECK(str_eq(ca, content(arena, dir, "ca.pem")));
    CHECK(!str_eq(first, content(arena, dir, "server.pem")));
    /* One that it may not: there must be another. */
    more[2] = STR("10.1.2.3");
    more[3] = STR("other.example.com");
    prepare(dir, more, COUNT(more));
    CHECK(!str_eq(ca, content(arena, dir, "ca.pem")));
    X509 *server = certificate_of(content(arena, dir, "server.pem"));
    CHECK_INT(1, X509_check_host(server, "other.example.com", 0, 0, NULL));
    CHECK_INT(1, X509_check_ip_asc(server, "10.1.2.3", 0));
    X509_free(server);
}

TEST(tls_says_what_is_damaged)
{
    CLEANUP(fd_close) int dir = folder("damaged");
    struct error err = {0};

    prepare(dir, NAMES, COUNT(NAMES));
    CHECK_OK(file_write_atomic(dir, "ca.key", STR("no key"), 0600, &err), &err);
    CHECK_ERROR(ERROR_CORRUPT, http_tls_prepare(dir, NAMES, COUNT(NAMES), &err), &err);
    CHECK(strstr(err.message, "ca.key"));
    CHECK_OK(file_write_atomic(dir, "server.key", STR("no key"), 0600, &err), &err);
    CHECK(!http_tls_open(dir, &err));
    CHECK_INT(ERROR_CORRUPT, err.code);
    CHECK_INT(0, unlinkat(dir, "server.key", 0));
    CHECK(!http_tls_open(dir, &err));
    CHECK_INT(ERROR_NOT_FOUND, err.code);
    CHECK(!tls_client_context(STR("/nowhere/at/all.pem"), &err));
    CHECK_INT(ERROR_NOT_FOUND, err.code);
}

static void hello(struct http_exchange *ex, void *)
{
    http_reply(ex, 200, "text/plain", STR("hello"));
}

static enum http_verdict routes(struct http_exchange *, struct http_plan *plan, void *)
{
    return harness_go(plan, HTTP_ON_LOOP, hello, NULL);
}

/* A handshake with these protocols offered; "" when it fails, else what was agreed on. */
static struct str negotiate(struct arena *arena, uint16_t port, const char *alpn, int version)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL *ssl;
    const unsigned char *agreed = NULL;
    unsigned int agreed_len = 0;
    int fd = raw_connect(port);
    struct str result = {"", 0};

    SSL_CTX_set_security_level(context, 0);
    if (version)
        SSL_CTX_set_max_proto_version(context, version);
    if (alpn)
        SSL_CTX_set_alpn_protos(context, (const unsigned char *)alpn, (unsigned)strlen(alpn));
    ssl = SSL_new(context);
    SSL_set_fd(ssl, fd);
    if (SSL_connect(ssl) == 1) {
        SSL_get0_alpn_selected(ssl, &agreed, &agreed_len);
        result = arena_printf(arena, "%s %.*s", SSL_get_version(ssl), (int)agreed_len,
                              agreed ? (const char *)agreed : "");
    }
    SSL_free(ssl);
    SSL_CTX_free(context);
    close(fd);
    return result;
}

TEST(tls_speaks_new_versions_and_one_protocol)
{
    CLEANUP(harness_stop) struct harness harness;
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);

    harness_start(&harness, routes, NULL);
    harness_add_tls(&harness);
    uint16_t port = harness.tls_port;
    CHECK_STR("TLSv1.3 http/1.1", negotiate(arena, port, "\x02h2\x08http/1.1", 0));
    CHECK_STR("TLSv1.2 http/1.1", negotiate(arena, port, "\x08http/1.1", TLS1_2_VERSION));
    CHECK_STR("TLSv1.3 ", negotiate(arena, port, NULL, 0));
    CHECK_STR("", negotiate(arena, port, "\x02h2", 0));
    CHECK_STR("", negotiate(arena, port, NULL, TLS1_1_VERSION));
    /* Plain HTTP on the TLS port is no handshake: the connection ends. */
    int fd = raw_connect(port);
    raw_send(fd, STR("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
    CHECK_INT(0, raw_count(raw_read(arena, fd, NULL), "HTTP/1.1"));
    close(fd);
}

/* The serial number of what new connections are shown. */
static struct str shown(struct arena *arena, struct http_tls *tls)
{
    SSL_CTX *context = tls_context(tls);
    BIGNUM *serial =
        ASN1_INTEGER_to_BN(X509_get0_serialNumber(SSL_CTX_get0_certificate(context)), NULL);
    char *text = BN_bn2hex(serial);
    struct str copy = arena_str(arena, str_from(text));

    OPENSSL_free(text);
    BN_free(serial);
    SSL_CTX_free(context);
    return copy;
}

TEST(tls_takes_files_that_are_replaced_while_it_runs)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    CLEANUP(fd_close) int dir = folder("replaced");
    struct error err = {0};

    clock_test_set(1795262400000000LL);
    prepare(dir, NAMES, 1);
    CLEANUP(http_tls_free) struct http_tls *tls = http_tls_open(dir, &err);
    CHECK(tls);
    struct str first = shown(arena, tls);
    prepare(dir, NAMES, 2); /* a name more: another certificate */
    CHECK_STR(first.ptr, shown(arena, tls));
    clock_test_advance(6 * US_PER_S);
    struct str second = shown(arena, tls);
    CHECK(!str_eq(first, second));
    /* A pair that does not fit is passed over, and taken when it does. */
    struct str key = arena_str(arena, content(arena, dir, "server.key"));
    CHECK_OK(file_write_atomic(dir, "server.key", STR("no key"), 0600, &err), &err);
    struct str pem = arena_str(arena, content(arena, dir, "server.pem"));
    CHECK_OK(file_write_atomic(dir, "server.pem", pem, 0644, &err), &err);
    clock_test_advance(6 * US_PER_S);
    CHECK_STR(second.ptr, shown(arena, tls));
    CHECK_OK(file_write_atomic(dir, "server.key", key, 0600, &err), &err);
    clock_test_advance(6 * US_PER_S);
    CHECK_STR(second.ptr, shown(arena, tls));
    clock_test_end();
}

TEST(tls_that_is_near_its_end_is_renewed_and_taken)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    CLEANUP(fd_close) int dir = folder("near");
    struct error err = {0};

    clock_test_set(1795262400000000LL);
    prepare(dir, NAMES, 1);
    CLEANUP(http_tls_free) struct http_tls *tls = http_tls_open(dir, &err);
    struct str first = shown(arena, tls);
    clock_test_advance(300 * DAY_US);
    prepare(dir, NAMES, 1);
    CHECK_STR(first.ptr, shown(arena, tls));
    clock_test_advance(70 * DAY_US);
    prepare(dir, NAMES, 1);
    CHECK(!str_eq(first, shown(arena, tls)));
    clock_test_end();
}
