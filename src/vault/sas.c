/* A signature says what it opens, for whom and until when; its key is derived, so nothing is stored
 * for it and nothing has to be taken back: it ends by itself within a day. */
#include "vault/sas.h"

#include "http/text.h"
#include "os/clock.h"
#include "vault/sas_private.h"
#include "vault/vault.h"

#include <arpa/inet.h>
#include <assert.h>
#include <sodium.h>
#include <string.h>

/* Of those we make: every client in use reads it, and it signs all that ours say. */
#define VERSION "2021-08-06"
#define VERSION_BYTES 10
#define SKEW_US (15 * 60 * US_PER_S)

/* "2026-11-21T12:00:00Z": the form of the parameters, without the fraction. */
static struct str time_text(struct arena *arena, int64_t us)
{
    char text[CLOCK_ISO_BYTES];
    struct str iso = clock_iso(us, text);

    assert(iso.len >= 19);
    return arena_printf(arena, "%.*sZ", 19, iso.ptr);
}

/* Bound to everything that it says. */
static struct str sign(struct vault *vault, struct arena *arena, const struct sas_fields *fields,
                       const struct sas *target)
{
    unsigned char mac[32];
    char text[2 * sizeof(mac) + 1];
    const struct str *f = fields->at;
    struct str what =
        arena_printf(arena, "%.*s\n%.*s\n%.*s\n%.*s\n%.*s\n%.*s\n%.*s\n%.*s\n%.*s", STR_ARG(f[SV]),
                     STR_ARG(f[SR]), STR_ARG(f[SP]), STR_ARG(f[ST]), STR_ARG(f[SE]),
                     STR_ARG(f[SPR]), STR_ARG(target->account), STR_ARG(target->container),
                     STR_ARG(str_eq(f[SR], STR("b")) ? target->blob : STR("")));

    assert(vault && target->account.len > 0);
    vault_derive(vault, arena_printf(arena, "sas %.*s", STR_ARG(target->account)), what, mac);
    sodium_bin2hex(text, sizeof(text), mac, sizeof(mac));
    return arena_str(arena, str_from(text));
}

/* The fields in the order in which they are signed; encoding is done last, since what is signed is
 * not encoded. */
struct str sas_make(struct vault *vault, struct arena *arena, const struct sas *sas)
{
    struct sas_fields fields = {.at = {
                                    [SV] = STR(VERSION),
                                    [SR] = sas->blob.len ? STR("b") : STR("c"),
                                    [SP] = sas->permissions,
                                    [ST] = time_text(arena, sas->start_us),
                                    [SE] = time_text(arena, sas->end_us),
                                    [SPR] = STR("https"),
                                }};
    const struct str *f = fields.at;

    assert(sas->container.len > 0 && sas->permissions.len > 0);
    assert(sas->end_us - sas->start_us <= SAS_LIFE_MAX_US);
    struct str sig = sign(vault, arena, &fields, sas);
    /* The order matters to clients that take the whole for a key, see sas_token.h. */
    return arena_printf(arena, "sv=%.*s&sig=%.*s&sr=%.*s&sp=%.*s&st=%.*s&se=%.*s&spr=%.*s",
                        STR_ARG(f[SV]), STR_ARG(sig), STR_ARG(f[SR]), STR_ARG(f[SP]),
                        STR_ARG(http_encode(arena, f[ST], false)),
                        STR_ARG(http_encode(arena, f[SE], false)), STR_ARG(f[SPR]));
}

/* Before anything is verified: it only decides which way a request is asked for proof. */
bool sas_present(struct str raw_query)
{
    struct str piece;

    while (raw_query.len > 0 && str_split(&raw_query, '&', &piece))
        if (str_starts(piece, STR("sig=")))
            return true;
    return false;
}

/* --- What a signature says ------------------------------------------------------------------- */

/* Letters that each may be there, in any order. */
static bool only_of(struct str text, const char *letters)
{
    for (size_t i = 0; i < text.len; i++)
        if (!strchr(letters, text.ptr[i]))
            return false;
    return text.len > 0;
}

/* Ends with NULL. */
static bool one_of(struct str text, const char *const *words)
{
    for (; *words; words++)
        if (str_eq(text, str_from(*words)))
            return true;
    return false;
}

/* For an account: services and types of resources, and no resource by name. For all others: what
 * kind of resource it opens. NULL when that is said well. */
static const char *wrong_resource(const struct str *f)
{
    static const char *const RESOURCES[] = {"c", "b", "d", "bs", "bv", NULL};
    bool account = f[SS].len > 0 || f[SRT].len > 0;

    if (account && !only_of(f[SS], "bqtf"))
        return "ss";
    if (account && !only_of(f[SRT], "sco"))
        return "srt";
    if (account ? f[SR].len > 0 : !one_of(f[SR], RESOURCES))
        return "sr";
    return str_eq(f[SR], STR("d")) == (f[SDD].len == 0) ? "sdd" : NULL;
}

/* The whole is of one kind: for the account, for a delegation, or for a container and what is in
 * it. Errors name the parameter. */
static int check_form(const struct sas_fields *fields, struct error *err)
{
    static const char *const PROTOCOLS[] = {"https", "https,http", "http,https", NULL};
    const struct str *f = fields->at;
    const char *wrong = wrong_resource(f);

    if (f[SV].len != VERSION_BYTES || f[SV].ptr[4] != '-' || f[SV].ptr[7] != '-')
        wrong = "sv"; /* first of all: the version says what the others mean */
    else if (!wrong && f[SPR].len > 0 && !one_of(f[SPR], PROTOCOLS))
        wrong = "spr";
    if (wrong)
        return error_set(err, ERROR_INVALID, "InvalidQueryParameterValue",
                         "The parameter '%s' of the signature is missing or not valid.", wrong);
    return 0;
}

/* What would narrow it in ways that are not built is refused, never ignored. */
static int check_built(const struct sas_fields *fields, struct error *err)
{
    const struct str *f = fields->at;

    if (f[SI].len > 0)
        return error_set(err, ERROR_NOT_IMPLEMENTED, "FeatureNotYetSupported",
                         "Stored access policies (si) are not built; sign with sp and se.");
    if (str_eq(f[SR], STR("bs")) || str_eq(f[SR], STR("bv")))
        return error_set(err, ERROR_NOT_IMPLEMENTED, "FeatureNotYetSupported",
                         "Signatures for snapshots and versions (sr=%.*s) are not built.",
                         STR_ARG(f[SR]));
    for (size_t i = SI; i < SAS_FIELDS; i++)
        if (f[i].len > 0)
            return error_set(err, ERROR_NOT_IMPLEMENTED, "FeatureNotYetSupported",
                             "Signatures with '%s' are not built.", sas_field_name(i));
    return 0;
}

/* A date alone, minutes or seconds: the three forms that the service takes. */
static bool read_time(struct arena *arena, struct str text, int64_t *out_us)
{
    if (text.len == 10)
        text = arena_printf(arena, "%.*sT00:00:00Z", STR_ARG(text));
    else if (text.len == 17 && text.ptr[16] == 'Z')
        text = arena_printf(arena, "%.*s:00Z", STR_ARG(str_slice(text, 0, 16)));
    return clock_parse_iso(text, out_us);
}

/* One end of its life. */
static int check_time(struct arena *arena, const struct sas_fields *fields, int64_t now_us,
                      struct sas *sas, struct error *err)
{
    struct str start = fields->at[ST], end = fields->at[SE];

    if (!read_time(arena, end, &sas->end_us))
        return error_set(err, ERROR_FORBIDDEN, "AuthenticationFailed",
                         "The signature has no end (se) that can be read.");
    if (now_us >= sas->end_us)
        return error_set(err, ERROR_FORBIDDEN, "AuthenticationFailed",
                         "The signature ended at %.*s.", STR_ARG(end));
    if (start.len == 0)
        return 0;
    if (!read_time(arena, start, &sas->start_us))
        return error_set(err, ERROR_FORBIDDEN, "AuthenticationFailed",
                         "The start of the signature (st) cannot be read.");
    if (now_us + SKEW_US < sas->start_us)
        return error_set(err, ERROR_FORBIDDEN, "AuthenticationFailed",
                         "The signature is not valid before %.*s.", STR_ARG(start));
    return 0;
}

/* Sixteen bytes, those of IPv4 in the form that IPv6 gives them. */
static bool read_address(struct str text, unsigned char out[16])
{
    static const unsigned char MAPPED[12] = {[10] = 0xff, [11] = 0xff};
    char copy[INET6_ADDRSTRLEN];

    if (text.len >= sizeof(copy))
        return false;
    memcpy(copy, text.ptr ? text.ptr : "", text.len);
    copy[text.len] = '\0';
    memcpy(out, MAPPED, sizeof(MAPPED));
    return inet_pton(AF_INET, copy, out + 12) == 1 || inet_pton(AF_INET6, copy, out) == 1;
}

/* "a" or "a-b", both ends counted in. Whoever came by the socket is this machine. */
static int check_address(const struct sas_fields *fields, struct str remote, struct error *err)
{
    struct str range = fields->at[SIP], from = range, until = range;
    unsigned char low[16], high[16], at[16];

    if (range.len == 0)
        return 0;
    str_cut(range, '-', &from, &until);
    if (!read_address(from, low) || !read_address(until, high))
        return error_set(err, ERROR_INVALID, "InvalidQueryParameterValue",
                         "The addresses of the signature (sip=%.*s) cannot be read.",
                         STR_ARG(range));
    if (!read_address(remote.len ? remote : STR("127.0.0.1"), at) || memcmp(at, low, 16) < 0 ||
        memcmp(at, high, 16) > 0)
        return error_set(err, ERROR_FORBIDDEN, "AuthorizationSourceIPMismatch",
                         "The signature is for clients at %.*s only.", STR_ARG(range));
    return 0;
}

/* An account's signature says which services and which levels it opens. */
static int check_levels(const struct sas_fields *fields, const struct sas_ask *ask,
                        struct error *err)
{
    char level = ask->blob.len ? 'o' : ask->container.len ? 'c' : 's';

    if (fields->at[SS].len == 0)
        return 0;
    if (str_find_char(fields->at[SS], 'b') < 0)
        return error_set(err, ERROR_FORBIDDEN, "AuthorizationServiceMismatch",
                         "The signature is not for blobs (ss=%.*s).", STR_ARG(fields->at[SS]));
    if (str_find_char(fields->at[SRT], level) < 0)
        return error_set(err, ERROR_FORBIDDEN, "AuthorizationResourceTypeMismatch",
                         "The signature is for resource types '%.*s'; this needs '%c'.",
                         STR_ARG(fields->at[SRT]), level);
    return 0;
}

/* A delegation key has a life of its own and is for one service. */
static int check_delegation(struct arena *arena, const struct sas_fields *fields, int64_t now_us,
                            struct error *err)
{
    const struct str *f = fields->at;
    int64_t start, end;

    if (f[SKOID].len == 0)
        return 0;
    if (!str_eq(f[SKS], STR("b")) || !read_time(arena, f[SKT], &start) ||
        !read_time(arena, f[SKE], &end) || now_us >= end || now_us + SKEW_US < start)
        return error_set(err, ERROR_FORBIDDEN, "AuthenticationFailed",
                         "The delegation key of the signature is not for blobs, or not for now.");
    if (f[SUOID].len > 0 || f[SDUOID].len > 0)
        return error_set(err, ERROR_NOT_IMPLEMENTED, "FeatureNotYetSupported",
                         "Signatures for one other user (suoid, sduoid) are not built.");
    return 0;
}

/* What is left once it fits: what it opens. */
static struct sas opened(const struct sas_fields *fields, const struct sas_ask *ask)
{
    const struct str *f = fields->at;
    struct sas sas = {.account = ask->account, .permissions = f[SP], .delegator = f[SKOID]};

    if (f[SS].len == 0)
        sas.container = ask->container;
    if (str_eq(f[SR], STR("b")))
        sas.blob = ask->blob;
    if (str_eq(f[SR], STR("d")))
        sas.folder = sas_folder(fields, ask->blob);
    return sas;
}

/* A signature for something in a container needs that something to be asked for. */
static bool reaches(const struct sas_fields *fields, const struct sas *sas)
{
    struct str sr = fields->at[SR];

    if (sr.len == 0)
        return true;
    return sas->container.len > 0 && (!str_eq(sr, STR("b")) || sas->blob.len > 0) &&
           (!str_eq(sr, STR("d")) || sas->folder.len > 0);
}

/* The signature first: nothing it says counts before it fits. */
int sas_check(struct vault *vault, struct arena *arena, const struct sas_ask *ask, struct sas *out,
              struct error *err)
{
    struct sas_fields fields;
    const struct sas bound = {
        .account = ask->account, .container = ask->container, .blob = ask->blob};

    assert(vault && ask->account.len > 0);
    if (sas_fields_read(arena, ask->query, &fields, err) < 0 || check_form(&fields, err) < 0 ||
        check_built(&fields, err) < 0)
        return -1;
    struct sas sas = opened(&fields, ask);
    bool ours = fields.at[SS].len == 0 && fields.at[SKOID].len == 0 &&
                str_eq_secret(sign(vault, arena, &fields, &bound), fields.at[SIG]);
    if (!reaches(&fields, &sas) || (!ours && !sas_client_signed(vault, arena, &fields, ask)))
        return error_set(err, ERROR_FORBIDDEN, "AuthenticationFailed",
                         "The signature does not fit what is asked for.");
    if (check_time(arena, &fields, ask->now_us, &sas, err) < 0 ||
        check_delegation(arena, &fields, ask->now_us, err) < 0 ||
        check_address(&fields, ask->remote, err) < 0 || check_levels(&fields, ask, err) < 0)
        return -1;
    *out = sas;
    return 0;
}
