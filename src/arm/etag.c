/* Etags are document and revision. They guard writes (412); reads are never answered with 304,
 * since what a kind shows live changes without a revision. */
#include "arm/internal.h"

#include <assert.h>

/* Document and revision: it changes with every write and never comes back. */
struct str arm_etag(struct arena *arena, const struct document *document)
{
    assert(document->rev >= 0);
    return arena_printf(arena, "\"%llx-%llx\"", (unsigned long long)document->doc,
                        (unsigned long long)document->rev);
}

/* A weak tag is as good: the bodies of one revision differ in live fields only. */
bool arm_etag_among(struct str list, struct str etag)
{
    struct str piece;

    assert(etag.len > 0);
    while (str_split(&list, ',', &piece)) {
        piece = str_trim(piece);
        if (str_eq(piece, STR("*")))
            return true;
        if (str_starts(piece, STR("W/")))
            piece = str_slice(piece, 2, piece.len);
        if (str_eq(piece, etag))
            return true;
    }
    return false;
}

/* If-Match wants what the client saw; If-None-Match: * wants nothing there. */
int arm_etag_check(struct arm_request *req, const struct document *present, struct error *err)
{
    struct str match = http_header(req->call->ex, "If-Match");
    struct str none = http_header(req->call->ex, "If-None-Match");
    struct str etag = present ? arm_etag(req->arena, present) : STR("-");

    assert(req->call);
    if (match.len > 0 && (!present || !arm_etag_among(match, etag)))
        return error_set(err, ERROR_PRECONDITION, "If-Match",
                         present ? "The resource has changed: its etag is %.*s."
                                 : "There is no such resource to match (%.*s).",
                         STR_ARG(etag));
    if (none.len > 0 && present && arm_etag_among(none, etag))
        return error_set(err, ERROR_PRECONDITION, "If-None-Match",
                         "The resource exists already with etag %.*s.", STR_ARG(etag));
    return 0;
}
