#include "blob/internal.h"

#include "http/text.h"
#include "os/clock.h"

#include <assert.h>

/* If-Match and its kin: what a client takes for granted about a blob is looked at before the blob
 * is read or changed. */

bool blob_date_read(struct arena *arena, struct str text, int64_t *out_us)
{
    static const char MONTHS[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

    if (text.len != 29 || !str_ends(text, STR(" GMT")))
        return false;
    ssize_t month = str_find(str_from(MONTHS), str_slice(text, 8, 11));
    if (month < 0 || month % 3 != 0)
        return false;
    struct str iso = arena_printf(arena, "%.*s-%02zd-%.*sT%.*sZ", STR_ARG(str_slice(text, 12, 16)),
                                  month / 3 + 1, STR_ARG(str_slice(text, 5, 7)),
                                  STR_ARG(str_slice(text, 17, 25)));
    return clock_parse_iso(iso, out_us);
}

/* The four conditions, whatever their headers are called. */
struct conditions {
    struct str match, none, since, unmodified;
};

/* "*" or a list of etags, each in quotes or not. */
static bool names_etag(struct str list, const struct blob *blob)
{
    struct str piece;

    while (list.len > 0 && str_split(&list, ',', &piece)) {
        piece = str_trim(piece);
        if (str_starts(piece, STR("W/")))
            piece = str_slice(piece, 2, piece.len);
        if (str_starts(piece, STR("\"")) && str_ends(piece, STR("\"")) && piece.len > 1)
            piece = str_slice(piece, 1, piece.len - 1);
        if (str_eq(piece, STR("*")) || str_eq(piece, blob->etag))
            return true;
    }
    return false;
}

/* Times of HTTP have whole seconds, those of blobs more. */
static bool changed_after(const struct blob *blob, int64_t at_us)
{
    return blob->updated_us / US_PER_S > at_us / US_PER_S;
}

static int read_dates(struct arena *arena, const struct conditions *all, int64_t out_us[2],
                      struct error *err)
{
    if ((all->since.len > 0 && !blob_date_read(arena, all->since, &out_us[0])) ||
        (all->unmodified.len > 0 && !blob_date_read(arena, all->unmodified, &out_us[1])))
        return error_set(err, ERROR_INVALID, "InvalidHeaderValue",
                         "The date of a condition is not an HTTP date.");
    return 0;
}

/* *out_met: the blob may be written or read as it is; *out_unchanged: it is what the client has
 * already. An etag says more than a date: the date counts only without one. */
static int evaluate(struct arena *arena, const struct conditions *all, const struct blob *blob,
                    bool *out_unchanged, struct error *err)
{
    int64_t dates_us[2] = {0, 0};

    *out_unchanged = false;
    if (read_dates(arena, all, dates_us, err) < 0)
        return -1;
    if (!blob)
        return all->match.len > 0
                   ? error_set(err, ERROR_PRECONDITION, "ConditionNotMet", "There is no such blob.")
                   : 0;
    if ((all->match.len > 0 && !names_etag(all->match, blob)) ||
        (all->unmodified.len > 0 && changed_after(blob, dates_us[1])))
        return error_set(err, ERROR_PRECONDITION, "ConditionNotMet",
                         "The blob has changed: its etag is \"%.*s\".", STR_ARG(blob->etag));
    if (all->none.len > 0)
        *out_unchanged = names_etag(all->none, blob);
    else if (all->since.len > 0)
        *out_unchanged = !changed_after(blob, dates_us[0]);
    return 0;
}

static struct conditions conditions_of(const struct blob_ask *ask)
{
    return (struct conditions){
        blob_ask_header(ask, "If-Match"), blob_ask_header(ask, "If-None-Match"),
        blob_ask_header(ask, "If-Modified-Since"), blob_ask_header(ask, "If-Unmodified-Since")};
}

int blob_check_read(struct call *call, const struct blob *before, bool *out_unchanged,
                    struct error *err)
{
    const struct blob_ask ask = blob_ask_of(call);
    const struct conditions all = conditions_of(&ask);

    assert(before);
    return evaluate(call->arena, &all, before, out_unchanged, err);
}

/* "If-None-Match: *" asks for a new name, and has an error of its own. */
int blob_check_write(const struct blob_ask *ask, const struct blob *before, struct error *err)
{
    const struct conditions all = conditions_of(ask);
    bool unchanged;

    if (evaluate(ask->arena, &all, before, &unchanged, err) < 0)
        return -1;
    if (!unchanged)
        return 0;
    if (str_eq(str_trim(all.none), STR("*")))
        return error_set(err, ERROR_EXISTS, "BlobAlreadyExists",
                         "The specified blob already exists.");
    return error_set(err, ERROR_PRECONDITION, "ConditionNotMet",
                     "The blob is what the condition says it must not be.");
}

int blob_check_source(struct call *call, const struct blob *source, struct error *err)
{
    const struct conditions all = {http_header(call->ex, "x-ms-source-if-match"),
                                   http_header(call->ex, "x-ms-source-if-none-match"),
                                   http_header(call->ex, "x-ms-source-if-modified-since"),
                                   http_header(call->ex, "x-ms-source-if-unmodified-since")};
    bool unchanged;

    assert(source);
    if (evaluate(call->arena, &all, source, &unchanged, err) == 0 && !unchanged)
        return 0;
    if (err->code == ERROR_INVALID)
        return -1;
    return error_set(err, ERROR_PRECONDITION, "SourceConditionNotMet",
                     "The source of the copy is not what the condition says.");
}

/* Ignored, each of these would do something else than was asked. */
int blob_check_headers(const struct blob_ask *ask, struct error *err)
{
    static const struct {
        const char *name, *what;
    } REFUSED[] = {
        {"x-ms-if-tags", "Conditions on tags"},
        {"x-ms-source-if-tags", "Conditions on tags"},
        {"x-ms-tags", "Tags of blobs"},
        {"x-ms-encryption-key", "Keys of customers"},
        {"x-ms-encryption-scope", "Encryption scopes"},
        {"x-ms-immutability-policy-until-date", "Immutability policies"},
        {"x-ms-legal-hold", "Legal holds"},
        {"x-ms-structured-body", "Structured bodies"},
    };
    struct str value;

    for (size_t i = 0; i < COUNT(REFUSED); i++)
        if (blob_ask_header(ask, REFUSED[i].name).len > 0)
            return error_set(err, ERROR_NOT_IMPLEMENTED, "FeatureNotYetSupported",
                             "%s (%s) are not built.", REFUSED[i].what, REFUSED[i].name);
    if (blob_ask_header(ask, "x-ms-lease-id").len > 0)
        return error_set(err, ERROR_PRECONDITION, "LeaseNotPresentWithBlobOperation",
                         "There is currently no lease on the blob; leases are not built.");
    if ((http_query_get(ask->arena, ask->query, "snapshot", 0, &value) && value.len > 0) ||
        (http_query_get(ask->arena, ask->query, "versionid", 0, &value) && value.len > 0))
        return error_set(err, ERROR_NOT_IMPLEMENTED, "FeatureNotYetSupported",
                         "Snapshots and versions of blobs are not built.");
    return 0;
}
