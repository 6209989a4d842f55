/* A signature says what it opens, for whom and until when; its key is derived, so nothing is stored
 * for it and nothing has to be taken back: it ends by itself within a day. */
#include "vault/sas.h"

#include "http/text.h"
#include "os/clock.h"
#include "vault/account_key.h"
#include "vault/vault.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

#define VERSION "2021-08-06"
#define CLIENT_VERSION_MIN "2020-12-06" /* older ones sign another text */
#define SKEW_US (15 * 60 * US_PER_S)

/* "2026-11-21T12:00:00Z": the form of the parameters, without the fraction. */
static struct str time_text(struct arena *arena, int64_t us)
{
    char text[CLOCK_ISO_BYTES];
    struct str iso = clock_iso(us, text);

    assert(iso.len >= 19);
    return arena_printf(arena, "%.*sZ", 19, iso.ptr);
}

/* The parameters a signature may have. Those from SI on narrow it in ways we do not build. */
enum field {
    SV,
    SR,
    SP,
    ST,
    SE,
    SPR,
    SIG,
    SI,
    SIP,
    SES,
    RSCC,
    RSCD,
    RSCE,
    RSCL,
    RSCT,
    FIELD_COUNT
};
static const char *const FIELD_NAMES[FIELD_COUNT] = {"sv",   "sr",   "sp",   "st",   "se",
                                                     "spr",  "sig",  "si",   "sip",  "ses",
                                                     "rscc", "rscd", "rsce", "rscl", "rsct"};

struct fields {
    struct str at[FIELD_COUNT];
};

/* Bound to everything that it says. */
static struct str sign(struct vault *vault, struct arena *arena, const struct fields *fields,
                       const struct sas *target)
{
    unsigned char mac[32];
    char text[sodium_base64_ENCODED_LEN(sizeof(mac), sodium_base64_VARIANT_ORIGINAL)];
    const struct str *f = fields->at;
    struct str what =
        arena_printf(arena, "%.*s\n%.*s\n%.*s\n%.*s\n%.*s\n%.*s\n%.*s\n%.*s\n%.*s", STR_ARG(f[SV]),
                     STR_ARG(f[SR]), STR_ARG(f[SP]), STR_ARG(f[ST]), STR_ARG(f[SE]),
                     STR_ARG(f[SPR]), STR_ARG(target->account), STR_ARG(target->container),
                     STR_ARG(str_eq(f[SR], STR("b")) ? target->blob : STR("")));

    assert(vault && target->account.len > 0);
    vault_derive(vault, arena_printf(arena, "sas %.*s", STR_ARG(target->account)), what, mac);
    sodium_bin2base64(text, sizeof(text), mac, sizeof(mac), sodium_base64_VARIANT_ORIGINAL);
    return arena_str(arena, str_from(text));
}

struct str sas_make(struct vault *vault, struct arena *arena, const struct sas *sas)
{
    struct fields fields = {.at = {
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
    return arena_printf(arena, "sv=%.*s&sr=%.*s&sp=%.*s&st=%.*s&se=%.*s&spr=%.*s&sig=%.*s",
                        STR_ARG(f[SV]), STR_ARG(f[SR]), STR_ARG(f[SP]),
                        STR_ARG(http_encode(arena, f[ST], false)),
                        STR_ARG(http_encode(arena, f[SE], false)), STR_ARG(f[SPR]),
                        STR_ARG(http_encode(arena, sig, false)));
}

bool sas_present(struct str raw_query)
{
    struct str piece;

    while (raw_query.len > 0 && str_split(&raw_query, '&', &piece))
        if (str_starts(piece, STR("sig=")))
            return true;
    return false;
}

/* One parameter, spelled exactly so, at most once. */
static int field(struct arena *arena, struct str query, const char *name, struct str *out,
                 struct error *err)
{
    struct str piece, key, value, found = {0};
    size_t count = 0;

    assert(name[0]);
    while (query.len > 0 && str_split(&query, '&', &piece)) {
        if (!str_cut(piece, '=', &key, &value) || !str_eq_fold(key, str_from(name)))
            continue;
        found = value;
        count++;
    }
    if (count > 1)
        return error_set(err, ERROR_INVALID, name, "The signature says '%s' twice.", name);
    *out = (struct str){0};
    return found.len ? http_decode(arena, found, out, err) : 0;
}

/* Parameters are read from the raw query: what was signed is what was sent. */
static int read_fields(struct arena *arena, struct str query, struct fields *out, struct error *err)
{
    for (size_t i = 0; i < FIELD_COUNT; i++)
        if (field(arena, query, FIELD_NAMES[i], &out->at[i], err) < 0)
            return -1;
    if (!str_eq(out->at[SR], STR("c")) && !str_eq(out->at[SR], STR("b")))
        return error_set(err, ERROR_INVALID, "sr",
                         "A signature here is for a container (sr=c) or "
                         "a blob (sr=b).");
    for (size_t i = SI; i < FIELD_COUNT; i++)
        if (out->at[i].len > 0)
            return error_set(err, ERROR_NOT_IMPLEMENTED, "",
                             "Signatures with '%s' are not built yet.", FIELD_NAMES[i]);
    return 0;
}

/* What a client signs with the account's key, since version 2020-12-06. The fields between the
 * resource and the version (identifier, address), and the six behind the snapshot, are empty:
 * others were refused. */
static struct str client_text(struct arena *arena, const struct fields *fields, struct str account,
                              const struct sas_ask *ask)
{
    const struct str *f = fields->at;
    bool blob = str_eq(f[SR], STR("b"));

    return arena_printf(arena,
                        "%.*s\n%.*s\n%.*s\n/blob/%.*s/%.*s%s%.*s\n\n\n%.*s\n%.*s\n%.*s"
                        "\n\n\n\n\n\n\n",
                        STR_ARG(f[SP]), STR_ARG(f[ST]), STR_ARG(f[SE]), STR_ARG(account),
                        STR_ARG(ask->container), blob ? "/" : "",
                        STR_ARG(blob ? ask->blob : STR("")), STR_ARG(f[SPR]), STR_ARG(f[SV]),
                        STR_ARG(f[SR]));
}

/* Clients name the account as the datastore told them: alone, or behind the host they reach. */
static bool client_signed(struct vault *vault, struct arena *arena, const struct fields *fields,
                          const struct sas_ask *ask)
{
    struct account_signature signature = {
        .account = ask->account, .signature = fields->at[SIG], .now_us = ask->now_us};
    struct str names[] = {
        ask->account, arena_printf(arena, "%.*s/%.*s", STR_ARG(ask->host), STR_ARG(ask->account))};
    bool fits = false;

    if (str_cmp(fields->at[SV], STR(CLIENT_VERSION_MIN)) < 0)
        return false;
    for (size_t i = 0; i < COUNT(names); i++) {
        signature.text = client_text(arena, fields, names[i], ask);
        fits |= account_key_signed(vault, arena, &signature);
    }
    return fits;
}

/* The signature first: nothing it says counts before it fits. */
int sas_check(struct vault *vault, struct arena *arena, const struct sas_ask *ask, struct sas *out,
              struct error *err)
{
    struct fields fields;
    const struct str *f = fields.at;
    struct sas sas = {.account = ask->account, .container = ask->container, .blob = ask->blob};

    assert(vault && ask->account.len > 0);
    if (read_fields(arena, ask->query, &fields, err) < 0)
        return -1;
    if (!str_eq_secret(sign(vault, arena, &fields, &sas), f[SIG]) &&
        !client_signed(vault, arena, &fields, ask))
        return error_set(err, ERROR_FORBIDDEN, "sig",
                         "The signature does not fit what is asked for.");
    if (!clock_parse_iso(f[SE], &sas.end_us))
        return error_set(err, ERROR_FORBIDDEN, "se", "The signature has no end.");
    if (ask->now_us >= sas.end_us)
        return error_set(err, ERROR_FORBIDDEN, "se", "The signature ended at %.*s.",
                         STR_ARG(f[SE]));
    if (f[ST].len > 0 &&
        (!clock_parse_iso(f[ST], &sas.start_us) || ask->now_us + SKEW_US < sas.start_us))
        return error_set(err, ERROR_FORBIDDEN, "st", "The signature is not valid before %.*s.",
                         STR_ARG(f[ST]));
    if (str_eq(f[SR], STR("c")))
        sas.blob = (struct str){0};
    sas.permissions = f[SP];
    *out = sas;
    return 0;
}
