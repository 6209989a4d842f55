/* A signature says what it opens, for whom and until when; its key is derived, so nothing is stored
 * for it and nothing has to be taken back: it ends by itself within a day. */
#include "vault/sas.h"

#include "http/text.h"
#include "os/clock.h"
#include "vault/vault.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

#define VERSION "2021-08-06"
#define SKEW_US (15 * 60 * US_PER_S)

/* "2026-11-21T12:00:00Z": the form of the parameters, without the fraction. */
static struct str time_text(struct arena *arena, int64_t us)
{
    char text[CLOCK_ISO_BYTES];
    struct str iso = clock_iso(us, text);

    assert(iso.len >= 19);
    return arena_printf(arena, "%.*sZ", 19, iso.ptr);
}

struct fields {
    struct str sv, sr, sp, st, se, spr, sig;
};

/* Bound to everything that it says. */
static struct str sign(struct vault *vault, struct arena *arena, const struct fields *fields,
                       const struct sas *target)
{
    unsigned char mac[32];
    char text[sodium_base64_ENCODED_LEN(sizeof(mac), sodium_base64_VARIANT_ORIGINAL)];
    struct str what = arena_printf(arena, "%.*s\n%.*s\n%.*s\n%.*s\n%.*s\n%.*s\n%.*s\n%.*s\n%.*s",
                                   STR_ARG(fields->sv), STR_ARG(fields->sr), STR_ARG(fields->sp),
                                   STR_ARG(fields->st), STR_ARG(fields->se), STR_ARG(fields->spr),
                                   STR_ARG(target->account), STR_ARG(target->container),
                                   STR_ARG(str_eq(fields->sr, STR("b")) ? target->blob : STR("")));

    assert(vault && target->account.len > 0);
    vault_derive(vault, arena_printf(arena, "sas %.*s", STR_ARG(target->account)), what, mac);
    sodium_bin2base64(text, sizeof(text), mac, sizeof(mac), sodium_base64_VARIANT_ORIGINAL);
    return arena_str(arena, str_from(text));
}

struct str sas_make(struct vault *vault, struct arena *arena, const struct sas *sas)
{
    struct fields fields = {
        .sv = STR(VERSION),
        .sr = sas->blob.len ? STR("b") : STR("c"),
        .sp = sas->permissions,
        .st = time_text(arena, sas->start_us),
        .se = time_text(arena, sas->end_us),
        .spr = STR("https"),
    };

    assert(sas->container.len > 0 && sas->permissions.len > 0);
    assert(sas->end_us - sas->start_us <= SAS_LIFE_MAX_US);
    fields.sig = sign(vault, arena, &fields, sas);
    return arena_printf(arena, "sv=%.*s&sr=%.*s&sp=%.*s&st=%.*s&se=%.*s&spr=%.*s&sig=%.*s",
                        STR_ARG(fields.sv), STR_ARG(fields.sr), STR_ARG(fields.sp),
                        STR_ARG(http_encode(arena, fields.st, false)),
                        STR_ARG(http_encode(arena, fields.se, false)), STR_ARG(fields.spr),
                        STR_ARG(http_encode(arena, fields.sig, false)));
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
    if (field(arena, query, "sv", &out->sv, err) < 0 ||
        field(arena, query, "sr", &out->sr, err) < 0 ||
        field(arena, query, "sp", &out->sp, err) < 0 ||
        field(arena, query, "st", &out->st, err) < 0 ||
        field(arena, query, "se", &out->se, err) < 0 ||
        field(arena, query, "spr", &out->spr, err) < 0 ||
        field(arena, query, "sig", &out->sig, err) < 0)
        return -1;
    if (!str_eq(out->sr, STR("c")) && !str_eq(out->sr, STR("b")))
        return error_set(err, ERROR_INVALID, "sr", "sr is c or b in a signature of ours.");
    return 0;
}

/* The signature first: nothing it says counts before it fits. */
int sas_check(struct vault *vault, struct arena *arena, const struct sas_ask *ask, struct sas *out,
              struct error *err)
{
    struct fields fields;
    struct sas sas = {.account = ask->account, .container = ask->container, .blob = ask->blob};

    assert(vault && ask->account.len > 0);
    if (read_fields(arena, ask->query, &fields, err) < 0)
        return -1;
    if (!str_eq_secret(sign(vault, arena, &fields, &sas), fields.sig))
        return error_set(err, ERROR_FORBIDDEN, "sig",
                         "The signature does not fit what is asked for.");
    if (!clock_parse_iso(fields.se, &sas.end_us))
        return error_set(err, ERROR_FORBIDDEN, "se", "The signature has no end.");
    if (ask->now_us >= sas.end_us)
        return error_set(err, ERROR_FORBIDDEN, "se", "The signature ended at %.*s.",
                         STR_ARG(fields.se));
    if (fields.st.len > 0 &&
        (!clock_parse_iso(fields.st, &sas.start_us) || ask->now_us + SKEW_US < sas.start_us))
        return error_set(err, ERROR_FORBIDDEN, "st", "The signature is not valid before %.*s.",
                         STR_ARG(fields.st));
    if (str_eq(fields.sr, STR("c")))
        sas.blob = (struct str){0};
    sas.permissions = fields.sp;
    *out = sas;
    return 0;
}
