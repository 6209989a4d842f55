/* What clients sign, by version: the fields of a signature in the order that the service fixed for
 * that version. Each layout holds from its version on until a later one of its kind follows. */
#include "vault/sas_private.h"

#include "http/text.h"
#include "vault/account_key.h"
#include "vault/sas_token.h"

#include <assert.h>

#define NAMES_MAX 5

/* In the order of enum sas_field. */
static const char *const NAMES[SAS_FIELDS] = {
    "sv",    "sr",      "sp",     "st",   "se",   "spr",      "sig",   "sip",
    "sdd",   "ss",      "srt",    "rscc", "rscd", "rsce",     "rscl",  "rsct",
    "skoid", "sktid",   "skt",    "ske",  "sks",  "skv",      "saoid", "suoid",
    "scid",  "skdutid", "sduoid", "si",   "ses",  "snapshot", "srh",   "srq"};

/* As in the query. */
const char *sas_field_name(enum sas_field field)
{
    assert(field < SAS_FIELDS);
    return NAMES[field];
}

/* One parameter, in any case, at most once. */
static int field_read(struct arena *arena, struct str query, const char *name, struct str *out,
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
        return error_set(err, ERROR_INVALID, "InvalidQueryParameterValue",
                         "The signature says '%s' twice.", name);
    *out = (struct str){0};
    if (found.len && http_decode(arena, found, out, err) < 0)
        return error_set(err, ERROR_INVALID, "InvalidQueryParameterValue",
                         "The parameter '%s' of the signature holds a bad percent escape.", name);
    return 0;
}

/* Parameters are read from the raw query: what was signed is what was sent. */
int sas_fields_read(struct arena *arena, struct str query, struct sas_fields *out,
                    struct error *err)
{
    for (size_t i = 0; i < SAS_FIELDS; i++)
        if (field_read(arena, query, NAMES[i], &out->at[i], err) < 0)
            return -1;
    return 0;
}

/* The folder that the signature opens, by its depth: deeper names are in it, shorter ones are
 * not. */
struct str sas_folder(const struct sas_fields *fields, struct str blob)
{
    int64_t depth;
    size_t end = 0;

    if (!str_to_int64(fields->at[SDD], &depth) || depth < 1)
        return (struct str){0};
    for (; end <= blob.len; end++)
        if ((end == blob.len || blob.ptr[end] == '/') && --depth == 0)
            return str_slice(blob, 0, end);
    return (struct str){0};
}

/* --- Layouts --------------------------------------------------------------------------------- */

/* Three families, told apart by the fields that a signature has. */
enum layout_kind { LAYOUT_SERVICE, LAYOUT_DELEGATED, LAYOUT_ACCOUNT };

#define HEAD SP, ST, SE, SAS_RESOURCE
#define KEY SKOID, SKTID, SKT, SKE, SKS, SKV
#define REPLY RSCC, RSCD, RSCE, RSCL, RSCT

static const unsigned char SERVICE_2015[] = {HEAD, SI, SIP, SPR, SV, REPLY};
static const unsigned char SERVICE_2018[] = {HEAD, SI, SIP, SPR, SV, SR, SNAPSHOT, REPLY};
static const unsigned char SERVICE_2020[] = {HEAD, SI, SIP, SPR, SV, SR, SNAPSHOT, SES, REPLY};
static const unsigned char DELEGATED_2018[] = {HEAD, KEY, SIP, SPR, SV, SR, SNAPSHOT, REPLY};
static const unsigned char DELEGATED_2020_02[] = {HEAD, KEY, SAOID, SUOID,    SCID, SIP,
                                                  SPR,  SV,  SR,    SNAPSHOT, REPLY};
static const unsigned char DELEGATED_2020_12[] = {HEAD, KEY, SAOID, SUOID,    SCID, SIP,
                                                  SPR,  SV,  SR,    SNAPSHOT, SES,  REPLY};
static const unsigned char DELEGATED_2025_07[] = {
    HEAD, KEY, SAOID, SUOID, SCID, SKDUTID, SDUOID, SIP, SPR, SV, SR, SNAPSHOT, SES, REPLY};
/* Headers and query parameters that the request must have: we take signatures without any. */
static const unsigned char DELEGATED_2026[] = {
    HEAD, KEY, SAOID, SUOID,    SCID, SKDUTID,     SDUOID,      SIP,
    SPR,  SV,  SR,    SNAPSHOT, SES,  SAS_NOTHING, SAS_NOTHING, REPLY};
/* This text, alone of all, ends in a line end. */
static const unsigned char ACCOUNT_2015[] = {SAS_ACCOUNT, SP,  SS,  SRT, ST,
                                             SE,          SIP, SPR, SV,  SAS_NOTHING};
static const unsigned char ACCOUNT_2020[] = {SAS_ACCOUNT, SP,  SS, SRT, ST,         SE,
                                             SIP,         SPR, SV, SES, SAS_NOTHING};

#define LAYOUT(kind, since, before, fields) {kind, since, before, fields, sizeof(fields)}

/* Libraries of 2026 differ in whether they sign the two empty lines: both are taken. */
static const struct layout {
    enum layout_kind kind;
    const char *since, *before;
    const unsigned char *fields;
    size_t count;
} LAYOUTS[] = {
    LAYOUT(LAYOUT_SERVICE, "2015-04-05", "2018-11-09", SERVICE_2015),
    LAYOUT(LAYOUT_SERVICE, "2018-11-09", "2020-12-06", SERVICE_2018),
    LAYOUT(LAYOUT_SERVICE, "2020-12-06", "9999", SERVICE_2020),
    LAYOUT(LAYOUT_DELEGATED, "2018-11-09", "2020-02-10", DELEGATED_2018),
    LAYOUT(LAYOUT_DELEGATED, "2020-02-10", "2020-12-06", DELEGATED_2020_02),
    LAYOUT(LAYOUT_DELEGATED, "2020-12-06", "2025-07-05", DELEGATED_2020_12),
    LAYOUT(LAYOUT_DELEGATED, "2025-07-05", "9999", DELEGATED_2025_07),
    LAYOUT(LAYOUT_DELEGATED, "2026-02-06", "9999", DELEGATED_2026),
    LAYOUT(LAYOUT_ACCOUNT, "2015-04-05", "2020-12-06", ACCOUNT_2015),
    LAYOUT(LAYOUT_ACCOUNT, "2020-12-06", "9999", ACCOUNT_2020),
};

/* A signature says itself what it was signed as; the layout follows from that and the version. */
static enum layout_kind kind_of(const struct sas_fields *fields)
{
    if (fields->at[SKOID].len > 0)
        return LAYOUT_DELEGATED;
    return fields->at[SS].len > 0 ? LAYOUT_ACCOUNT : LAYOUT_SERVICE;
}

/* "/blob/account/container/blob", as far as the signature is bound. */
static struct str resource_of(struct arena *arena, const struct sas_fields *fields,
                              const struct sas_ask *ask, struct str account)
{
    struct str sr = fields->at[SR], name = {0};

    if (str_eq(sr, STR("b")))
        name = ask->blob;
    if (str_eq(sr, STR("d")))
        name = sas_folder(fields, ask->blob);
    return arena_printf(arena, "/blob/%.*s/%.*s%s%.*s", STR_ARG(account), STR_ARG(ask->container),
                        name.len ? "/" : "", STR_ARG(name));
}

/* The fields of a layout, a line each. */
static struct str text_of(struct arena *arena, const struct layout *layout,
                          const struct sas_fields *fields, const struct str special[2])
{
    struct str text = {0};

    assert(layout->count > 0);
    for (size_t i = 0; i < layout->count; i++) {
        unsigned field = layout->fields[i];
        struct str value = {0};
        if (field < SAS_FIELDS)
            value = fields->at[field];
        else if (field != SAS_NOTHING)
            value = special[field - SAS_ACCOUNT];
        text = arena_printf(arena, "%.*s%s%.*s", STR_ARG(text), i ? "\n" : "", STR_ARG(value));
    }
    return text;
}

/* The words of a delegation key, as blob/ was asked for it. */
static struct str delegation_of(struct arena *arena, const struct sas_fields *fields)
{
    const struct str *f = fields->at;

    return account_delegation_text(arena, &(struct account_delegation){.object_id = f[SKOID],
                                                                       .tenant = f[SKTID],
                                                                       .start = f[SKT],
                                                                       .end = f[SKE],
                                                                       .service = f[SKS],
                                                                       .version = f[SKV]});
}

/* Whose key is tried. */
enum sas_key { KEY_OF_ACCOUNT, KEY_OF_DELEGATION, KEY_OF_TOKEN };

struct sas_try {
    struct vault *vault;
    struct arena *arena;
    const struct sas_fields *fields;
    const struct sas_ask *ask;
};

/* One text against one kind of key. */
static bool key_fits(const struct sas_try *try, enum sas_key key, struct str text)
{
    const struct account_signature signature = {.account = try->ask->account,
                                                .text = text,
                                                .signature = try->fields->at[SIG],
                                                .now_us = try->ask->now_us};

    switch (key) {
    case KEY_OF_DELEGATION:
        return account_delegation_signed(try->vault, try->arena, &signature,
                                         delegation_of(try->arena, try->fields));
    case KEY_OF_TOKEN:
        return sas_token_signed(try->vault, try->arena, try->ask->container, &signature);
    default:
        return account_key_signed(try->vault, try->arena, &signature);
    }
}

/* Clients name the account as the datastore told them: alone, behind the host they reach, or by the
 * first piece of the path. The library for Go takes addresses apart as though the account were in
 * the host: with an account's key it signs that first piece as a container, before ours; with a
 * delegation key it takes the host up to its first dot for the account. */
static void account_names(struct arena *arena, const struct sas_ask *ask, struct str out[NAMES_MAX])
{
    struct str label = ask->host, rest;

    str_cut(ask->host, '.', &label, &rest);
    out[0] = ask->account;
    out[1] = arena_printf(arena, "%.*s/%.*s", STR_ARG(ask->host), STR_ARG(ask->account));
    out[2] = ask->first;
    out[3] = arena_printf(arena, "%.*s/%.*s", STR_ARG(ask->account), STR_ARG(ask->first));
    out[4] = label;
}

/* Every form of the account's name is tried, so that the time tells nothing. */
static bool signed_with(const struct sas_try *try, enum sas_key key)
{
    const struct sas_ask *ask = try->ask;
    struct arena *arena = try->arena;
    struct str names[NAMES_MAX];
    struct str version = try->fields->at[SV];
    bool fits = false;

    account_names(arena, ask, names);
    for (size_t i = 0; i < COUNT(LAYOUTS); i++) {
        const struct layout *layout = &LAYOUTS[i];
        if (layout->kind != kind_of(try->fields) || str_cmp(version, str_from(layout->since)) < 0 ||
            str_cmp(version, str_from(layout->before)) >= 0)
            continue;
        for (size_t j = 0; j < NAMES_MAX; j++) {
            const struct str special[2] = {names[j],
                                           resource_of(arena, try->fields, ask, names[j])};
            fits |= key_fits(try, key, text_of(arena, layout, try->fields, special));
        }
    }
    return fits;
}

/* Tokens that serve as keys (sas_token.h) are a day's worth of derivations: asked when no key of
 * the account did it. */
bool sas_client_signed(struct vault *vault, struct arena *arena, const struct sas_fields *fields,
                       const struct sas_ask *ask)
{
    const struct sas_try try = {vault, arena, fields, ask};

    if (kind_of(fields) == LAYOUT_DELEGATED)
        return signed_with(&try, KEY_OF_DELEGATION);
    return signed_with(&try, KEY_OF_ACCOUNT) ||
           (kind_of(fields) == LAYOUT_SERVICE && signed_with(&try, KEY_OF_TOKEN));
}
