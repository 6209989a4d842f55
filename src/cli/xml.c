/* xml.c - see xml.h */
#include "cli/xml.h"

#include <assert.h>
#include <stdio.h>

#define TAG_MAX 40

/* Enough of XML for what storage answers: no attributes, no mixed content. */
bool xml_next(struct str *rest, struct str tag, struct str *out)
{
    char open[TAG_MAX + 4], close[TAG_MAX + 4];

    assert(tag.len > 0 && tag.len <= TAG_MAX);
    snprintf(open, sizeof open, "<%.*s>", STR_ARG(tag));
    snprintf(close, sizeof close, "</%.*s>", STR_ARG(tag));
    ssize_t begin = str_find(*rest, str_from(open));
    if (begin < 0)
        return false;
    struct str inside = str_slice(*rest, (size_t)begin + tag.len + 2, rest->len);
    ssize_t end = str_find(inside, str_from(close));
    if (end < 0)
        return false;
    *out = str_slice(inside, 0, (size_t)end);
    *rest = str_slice(inside, (size_t)end + tag.len + 3, inside.len);
    return true;
}

/* The first element of that name, wherever it stands. */
struct str xml_text(struct str xml, struct str tag)
{
    struct str text;

    assert(tag.len > 0);
    return xml_next(&xml, tag, &text) ? text : STR("");
}

/* The five entities that storage writes. */
struct str xml_plain(struct arena *arena, struct str text)
{
    static const struct {
        struct str entity;
        char plain;
    } ENTITIES[] = {{STR_INIT("&amp;"), '&'},
                    {STR_INIT("&lt;"), '<'},
                    {STR_INIT("&gt;"), '>'},
                    {STR_INIT("&quot;"), '"'},
                    {STR_INIT("&apos;"), '\''}};
    char *out = arena_alloc(arena, text.len + 1);
    size_t len = 0;

    assert(out);
    for (size_t i = 0; i < text.len;) {
        size_t k = 0;
        struct str rest = str_slice(text, i, text.len);
        while (k < COUNT(ENTITIES) && !str_starts(rest, ENTITIES[k].entity))
            k++;
        out[len++] = k < COUNT(ENTITIES) ? ENTITIES[k].plain : text.ptr[i];
        i += k < COUNT(ENTITIES) ? ENTITIES[k].entity.len : 1;
    }
    return (struct str){out, len};
}
