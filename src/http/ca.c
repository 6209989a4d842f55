/* The authority that every data folder makes for itself, and the certificate of its server.
 *
 * Nobody can sign for "localhost" but we ourselves. The authority may speak for loopback and for
 * the names it was made with only, so that a person who trusts it does not trust it with the rest
 * of the internet. Both keys are P-256, quick to make at the first start. What is there and good
 * is kept: a new authority would have to be trusted again by every client.
 */
#include "http/tls_private.h"

#include "os/clock.h"
#include "os/file.h"
#include "os/random.h"

#include <arpa/inet.h>
#include <assert.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

/* Ten years: nobody should have to trust a new root while the first machine still stands. */
#define CA_DAYS 3653
#define SERVER_DAYS 397
#define RENEW_DAYS 30
#define DAY_S 86400L
#define PEM_LIMIT_BYTES (64 * KIB)
#define ROOTS_LIMIT_BYTES (8 * MIB)

/* Where systems keep the roots they trust, in the form of one file. */
static const char *const ROOTS[] = {
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
};

/* A certificate with its key. */
struct pair {
    X509 *certificate;
    EVP_PKEY *key;
};

/* For CLEANUP; the library's functions take NULL. */
static void pair_free(struct pair *pair)
{
    X509_free(pair->certificate);
    EVP_PKEY_free(pair->key);
    *pair = (struct pair){0};
}

/* Both are needed to make either. */
struct pairs {
    struct pair ca, server;
};

/* The root's and the server's together, as they are made. */
static void pairs_free(struct pairs *pairs)
{
    pair_free(&pairs->ca);
    pair_free(&pairs->server);
}

/* OpenSSL's reason is for the operator's log: it names no secret. */
static int failed(struct error *err, const char *what)
{
    char reason[128];

    assert(what);
    tls_reason(reason, sizeof(reason));
    return error_set(err, ERROR_INTERNAL, "", "%s could not be made (%s).", what, reason);
}

/* --- Files ----------------------------------------------------------------------------------- */

/* Leaves *out empty when there is none. Errors: ERROR_CORRUPT when the two do not fit. */
static int pair_read(int dir, const char *pem_path, const char *key_path, struct pair *out,
                     struct error *err)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct str pem, key;

    assert(pem_path && key_path);
    if (!file_exists(dir, pem_path) || !file_exists(dir, key_path))
        return 0;
    if (file_read(arena, dir, pem_path, PEM_LIMIT_BYTES, &pem, err) < 0 ||
        file_read(arena, dir, key_path, PEM_LIMIT_BYTES, &key, err) < 0)
        return -1;
    BIO *pem_bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
    BIO *key_bio = BIO_new_mem_buf(key.ptr, (int)key.len);
    CLEANUP(pair_free)
    struct pair pair = {
        .certificate = PEM_read_bio_X509(pem_bio, NULL, NULL, NULL),
        .key = PEM_read_bio_PrivateKey(key_bio, NULL, NULL, NULL),
    };
    BIO_free(pem_bio);
    BIO_free(key_bio);
    if (!pair.certificate || !pair.key || X509_check_private_key(pair.certificate, pair.key) != 1) {
        ERR_clear_error();
        return error_set(err, ERROR_CORRUPT, pem_path, "%s and %s do not belong together.",
                         pem_path, key_path);
    }
    *out = pair;
    pair = (struct pair){0};
    return 0;
}

/* Atomically, since a server may be reading: half a key would be refused, and half a certificate as
 * well. */
static int write_bio(int dir, const char *path, BIO *bio, mode_t mode, struct error *err)
{
    char *bytes;
    long len = BIO_get_mem_data(bio, &bytes);

    assert(len > 0);
    return file_write_atomic(dir, path, (struct str){bytes, (size_t)len}, mode, err);
}

/* The key first: a certificate without its key would look whole. */
static int pair_write(int dir, const struct pair *pair, const char *pem_path, const char *key_path,
                      struct error *err)
{
    BIO *pem = BIO_new(BIO_s_mem()), *key = BIO_new(BIO_s_mem());
    int result = -1;

    assert(pair->certificate && pair->key);
    if (!pem || !key)
        abort();
    if (PEM_write_bio_X509(pem, pair->certificate) != 1 ||
        PEM_write_bio_PrivateKey(key, pair->key, NULL, NULL, 0, NULL, NULL) != 1)
        failed(err, "A certificate");
    else if (write_bio(dir, key_path, key, 0600, err) == 0)
        result = write_bio(dir, pem_path, pem, 0644, err);
    BIO_free(pem);
    BIO_free(key);
    return result;
}

/* --- Certificates ---------------------------------------------------------------------------- */

/* By name and text, in the form of OpenSSL's configuration files. */
static int add_extension(X509 *certificate, X509 *issuer, int kind, const char *value)
{
    X509V3_CTX context;

    assert(certificate && issuer && value);
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, kind, value);
    int added = extension && X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
    return added ? 0 : -1;
}

/* Addresses go into another kind of alternative name than host names (RFC 5280 section 4.2.1.6); a
 * verifier that is given an address looks at no other. */
static bool is_address(struct str name)
{
    char text[64], binary[16];

    assert(name.len > 0);
    if (name.len >= sizeof(text))
        return false;
    snprintf(text, sizeof(text), "%.*s", STR_ARG(name));
    return inet_pton(AF_INET, text, binary) == 1 || inet_pton(AF_INET6, text, binary) == 1;
}

/* The names a certificate is for, as OpenSSL writes alternative names. */
static struct str name_list(struct arena *arena, const struct str *names, size_t count)
{
    struct str list = {"", 0};

    for (size_t i = 0; i < count; i++)
        list = arena_printf(arena, "%.*s%s%s:%.*s", STR_ARG(list), i ? "," : "",
                            is_address(names[i]) ? "IP" : "DNS", STR_ARG(names[i]));
    return list;
}

/* RFC 5280 section 4.2.1.10. The authority may speak for loopback and for the names it was made
 * with, so that trusting it costs nobody the rest of the internet. A leading "*." covers the
 * folder of names behind it. */
static struct str constraint_list(struct arena *arena, const struct str *names, size_t count)
{
    struct str list = STR("critical,permitted;DNS:localhost,permitted;IP:127.0.0.0/255.0.0.0,"
                          "permitted;IP:::1/ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");

    for (size_t i = 0; i < count; i++) {
        struct str name = names[i];
        if (is_address(name)) {
            bool six = str_find_char(name, ':') >= 0;
            list =
                arena_printf(arena, "%.*s,permitted;IP:%.*s/%s", STR_ARG(list), STR_ARG(name),
                             six ? "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" : "255.255.255.255");
            continue;
        }
        if (str_starts(name, STR("*.")))
            name = str_slice(name, 2, name.len);
        list = arena_printf(arena, "%.*s,permitted;DNS:%.*s", STR_ARG(list), STR_ARG(name));
    }
    return list;
}

/* A certificate with a fresh key, a random number and a name; neither extended nor signed. P-256:
 * every client takes it, and a handshake costs the server less than RSA's. */
static int pair_start(struct pair *pair, const char *name, int days)
{
    unsigned char serial[16];
    time_t now = (time_t)(clock_now_us() / US_PER_S);
    X509 *certificate = pair->certificate = X509_new();

    assert(days > 0);
    pair->key = EVP_EC_gen("P-256");
    if (!certificate || !pair->key)
        return -1;
    random_bytes(serial, sizeof(serial));
    serial[0] = (serial[0] & 0x7f) | 0x40; /* positive, and of full length */
    BIGNUM *number = BN_bin2bn(serial, sizeof(serial), NULL);
    bool done = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) &&
                X509_set_version(certificate, X509_VERSION_3) == 1 &&
                X509_set_pubkey(certificate, pair->key) == 1 &&
                X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
                                           (const unsigned char *)name, -1, -1, 0) == 1;
    BN_free(number);
    /* An hour back, for clients whose clock is slow. */
    time_t from = now - 3600, until = now + days * DAY_S;
    done = done && ASN1_TIME_set(X509_getm_notBefore(certificate), from) &&
           ASN1_TIME_set(X509_getm_notAfter(certificate), until);
    return done ? 0 : -1;
}

/* Its name holds chance, so that trust stores can tell two of ours apart. */
static int ca_make(const struct str *names, size_t count, struct pair *out, struct error *err)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    CLEANUP(pair_free) struct pair pair = {0};
    struct str name = arena_printf(arena, "Lazurite authority %s", random_hex(arena, 4).ptr);
    struct str constraints = constraint_list(arena, names, count);

    assert(count > 0);
    if (pair_start(&pair, name.ptr, CA_DAYS) < 0)
        return failed(err, "The certificate authority");
    X509 *certificate = pair.certificate;
    X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
    if (add_extension(certificate, certificate, NID_basic_constraints,
                      "critical,CA:TRUE,pathlen:0") < 0 ||
        add_extension(certificate, certificate, NID_key_usage, "critical,keyCertSign,cRLSign") <
            0 ||
        add_extension(certificate, certificate, NID_subject_key_identifier, "hash") < 0 ||
        add_extension(certificate, certificate, NID_authority_key_identifier, "keyid:always") < 0 ||
        add_extension(certificate, certificate, NID_name_constraints, constraints.ptr) < 0 ||
        X509_sign(certificate, pair.key, EVP_sha256()) == 0)
        return failed(err, "The certificate authority");
    *out = pair;
    pair = (struct pair){0};
    return 0;
}

/* Strict verifiers want each of these extensions, the authority's key id among them: Python from
 * 3.13 on verifies with X509_V_FLAG_X509_STRICT. The name in the subject is for people only. */
static int server_make(const struct pair *ca, const struct str *names, size_t count,
                       struct pair *out, struct error *err)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    CLEANUP(pair_free) struct pair pair = {0};
    struct str list = name_list(arena, names, count);

    assert(ca->certificate && ca->key);
    if (pair_start(&pair, "Lazurite server", SERVER_DAYS) < 0)
        return failed(err, "The server's certificate");
    X509 *certificate = pair.certificate, *issuer = ca->certificate;
    X509_set_issuer_name(certificate, X509_get_subject_name(issuer));
    if (add_extension(certificate, issuer, NID_basic_constraints, "critical,CA:FALSE") < 0 ||
        add_extension(certificate, issuer, NID_key_usage, "critical,digitalSignature") < 0 ||
        add_extension(certificate, issuer, NID_ext_key_usage, "serverAuth") < 0 ||
        add_extension(certificate, issuer, NID_subject_key_identifier, "hash") < 0 ||
        add_extension(certificate, issuer, NID_authority_key_identifier, "keyid:always") < 0 ||
        add_extension(certificate, issuer, NID_subject_alt_name, list.ptr) < 0 ||
        X509_sign(certificate, ca->key, EVP_sha256()) == 0)
        return failed(err, "The server's certificate");
    *out = pair;
    pair = (struct pair){0};
    return 0;
}

/* --- What is good enough --------------------------------------------------------------------- */

/* Whether a client that asks for this name would be content. */
static bool covers(X509 *certificate, struct str name)
{
    char text[256];

    assert(certificate);
    if (name.len >= sizeof(text))
        return false;
    snprintf(text, sizeof(text), "%.*s", STR_ARG(name));
    if (is_address(name))
        return X509_check_ip_asc(certificate, text, 0) == 1;
    /* A wildcard is looked for as a name that only it can cover. */
    if (text[0] == '*')
        text[0] = 'x';
    return X509_check_host(certificate, text, 0, 0, NULL) == 1;
}

/* By our clock, which tests move; OpenSSL's own would not obey. */
static bool expires_soon(X509 *certificate)
{
    assert(certificate);
    time_t soon = (time_t)(clock_now_us() / US_PER_S) + RENEW_DAYS * DAY_S;
    return X509_cmp_time(X509_get0_notAfter(certificate), &soon) <= 0;
}

/* Whether a client that trusts the authority would take the certificate. */
static bool verifies(const struct pair *ca, const struct pair *server)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *context = X509_STORE_CTX_new();

    assert(ca->certificate && server->certificate);
    if (!store || !context)
        abort();
    X509_STORE_add_cert(store, ca->certificate);
    X509_STORE_CTX_init(context, store, server->certificate, NULL);
    X509_STORE_CTX_set_time(context, 0, (time_t)(clock_now_us() / US_PER_S));
    bool good = X509_verify_cert(context) == 1;
    X509_STORE_CTX_free(context);
    X509_STORE_free(store);
    ERR_clear_error();
    return good;
}

/* Nothing has to be made. */
static bool server_is_good(const struct pair *ca, const struct pair *server,
                           const struct str *names, size_t count)
{
    assert(count > 0);
    if (!ca->certificate || !server->certificate || expires_soon(ca->certificate) ||
        expires_soon(server->certificate) || !verifies(ca, server))
        return false;
    for (size_t i = 0; i < count; i++)
        if (!covers(server->certificate, names[i]))
            return false;
    return true;
}

/* System roots and our authority in one file: a client that is given only ours trusts nobody else.
 */
static int write_bundle(int dir, struct error *err)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(2 * ROOTS_LIMIT_BYTES);
    CLEANUP(fd_close) int root = dir_open("/", err);
    struct str ours, roots = {"", 0};

    if (root < 0 || file_read(arena, dir, "ca.pem", PEM_LIMIT_BYTES, &ours, err) < 0)
        return -1;
    for (size_t i = 0; i < COUNT(ROOTS) && roots.len == 0; i++)
        if (file_read(arena, root, ROOTS[i] + 1, ROOTS_LIMIT_BYTES, &roots, NULL) < 0)
            roots = (struct str){"", 0};
    struct str bundle = arena_printf(arena, "%.*s%.*s", STR_ARG(roots), STR_ARG(ours));
    return file_write_atomic(dir, "bundle.pem", bundle, 0644, err);
}

/* A new server certificate, by the authority that is there if that may speak for all the names and
 * lives on, else by a new one, which is written. */
static int pairs_renew(int dir, struct pairs *pairs, const struct str *names, size_t count,
                       struct error *err)
{
    struct pair *ca = &pairs->ca, *server = &pairs->server;
    bool lives = ca->certificate && !expires_soon(ca->certificate);

    pair_free(server);
    if (lives && server_make(ca, names, count, server, err) < 0)
        return -1;
    if (lives && verifies(ca, server))
        return 0;
    pair_free(ca);
    pair_free(server);
    if (ca_make(names, count, ca, err) < 0 || server_make(ca, names, count, server, err) < 0)
        return -1;
    return pair_write(dir, ca, "ca.pem", "ca.key", err);
}

/* Usually all is there, and only looked at. */
int http_tls_prepare(int dir, const struct str *names, size_t count, struct error *err)
{
    CLEANUP(pairs_free) struct pairs pairs = {0};

    assert(count > 0);
    if (pair_read(dir, "ca.pem", "ca.key", &pairs.ca, err) < 0 ||
        pair_read(dir, "server.pem", "server.key", &pairs.server, err) < 0)
        return -1;
    if (server_is_good(&pairs.ca, &pairs.server, names, count))
        return file_exists(dir, "bundle.pem") ? 0 : write_bundle(dir, err);
    if (pairs_renew(dir, &pairs, names, count, err) < 0 ||
        pair_write(dir, &pairs.server, "server.pem", "server.key", err) < 0)
        return -1;
    return write_bundle(dir, err);
}
