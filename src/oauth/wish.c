/* Scopes are compared and cut, never normalized. */
#include "oauth/wish.h"

#include <assert.h>

#define SCOPE_BYTES (2 * KIB)

/* msal adds these to each request of a person; they ask for no audience. */
static bool is_openid(struct str scope)
{
    static const char *const OPENID[] = {"openid", "profile", "offline_access", "email"};

    for (size_t i = 0; i < COUNT(OPENID); i++)
        if (str_eq(scope, str_from(OPENID[i])))
            return true;
    return false;
}

/* "https://x/.default" is all of https://x; "https://x/name" one permission of it. Both are cut at
 * the last slash, which leaves the second of two. */
static int audience_of(struct str scope, struct str *out, struct error *err)
{
    ssize_t slash = str_find_last(scope, '/');

    assert(scope.len > 0 && out);
    if (slash < 1 || (size_t)slash + 1 == scope.len)
        return error_set(err, ERROR_INVALID, "invalid_scope",
                         "The scope '%.*s' names no audience; it looks like "
                         "'https://management.azure.com/.default'.",
                         STR_ARG(str_slice(scope, 0, 128)));
    *out = str_slice(scope, 0, (size_t)slash);
    return 0;
}

/* One audience a token: scopes of two are refused, as Azure does. */
int wish_read(struct str scope, struct wish *out, struct error *err)
{
    struct wish wish = {.scope = scope};
    struct str rest = scope, piece, audience;

    assert(out);
    if (scope.len > SCOPE_BYTES)
        return error_set(err, ERROR_INVALID, "invalid_scope", "The scope is too long.");
    while (str_split(&rest, ' ', &piece)) {
        if (piece.len == 0 || is_openid(piece))
            continue;
        if (audience_of(piece, &audience, err) < 0)
            return -1;
        if (wish.audience.len > 0 && !str_eq(wish.audience, audience))
            return error_set(err, ERROR_INVALID, "invalid_scope",
                             "A token is for one audience; the scope names several.");
        wish.audience = audience;
    }
    *out = wish;
    return 0;
}
