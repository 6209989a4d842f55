#include "tracking/path.h"

#include <assert.h>

#define PATH_BYTES_MAX 1024

/* What must not hide behind a second decoding: a dot, both slashes, NUL, and the percent sign that
 * would hide them once more. */
static bool escape_hides(struct str path)
{
    static const char *const ESCAPES[] = {"%2e", "%2f", "%5c", "%00", "%25"};

    assert(path.ptr || path.len == 0);
    for (size_t at = 0; at + 3 <= path.len; at++)
        for (size_t i = 0; path.ptr[at] == '%' && i < COUNT(ESCAPES); i++)
            if (str_eq_fold(str_slice(path, at, at + 3), str_from(ESCAPES[i])))
                return true;
    return false;
}

/* Names that a file system would take for something else. */
static bool piece_is_bad(struct str piece)
{
    return piece.len == 0 || str_eq(piece, STR(".")) || str_eq(piece, STR(".."));
}

/* Before any path is joined to a root: what passes here stays beneath it. */
int path_check(struct str path, struct error *err)
{
    struct str rest = path, piece;
    bool bad = path.len > PATH_BYTES_MAX || str_find_char(path, '\\') >= 0 ||
               (path.len > 1 && path.ptr[1] == ':') || escape_hides(path);

    for (size_t i = 0; i < path.len && !bad; i++)
        bad = (unsigned char)path.ptr[i] < 0x20 || path.ptr[i] == 0x7f;
    while (!bad && rest.len > 0 && str_split(&rest, '/', &piece))
        bad = piece_is_bad(piece);
    if (!bad && path.len > 0 && path.ptr[path.len - 1] == '/')
        bad = true;
    return bad ? error_set(err, ERROR_INVALID, "path", "Invalid path") : 0;
}
