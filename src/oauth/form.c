/* Forms: cut at the ampersands, decoded once, compared byte for byte. */
#include "oauth/form.h"

#include "http/text.h"

#include <assert.h>

#define NAME_SHOWN 64 /* bytes of a name that go into an error's sentence */

/* A value that is not text could look different to whoever shows it. */
static bool is_text(struct str s)
{
    uint32_t point;

    for (size_t at = 0; at < s.len;) {
        size_t length = str_utf8(str_slice(s, at, s.len), &point);
        if (length == 0 || point == 0)
            return false;
        at += length;
    }
    return true;
}

/* In forms a plus is a blank; it must become one before the escapes do, so that %2B stays a plus.
 */
static int decode(struct arena *arena, struct str raw, struct str *out, struct error *err)
{
    char *spaced = arena_cstr(arena, raw);

    assert(out);
    for (size_t i = 0; i < raw.len; i++)
        if (spaced[i] == '+')
            spaced[i] = ' ';
    struct str text;
    if (http_decode(arena, (struct str){spaced, raw.len}, &text, NULL) < 0 || !is_text(text))
        return error_set(err, ERROR_INVALID, "invalid_request",
                         "The form has a bad escape or text that is not UTF-8.");
    *out = text;
    return 0;
}

/* One name=value; a name alone has an empty value. */
static int read_field(struct arena *arena, struct str piece, struct form *form, struct error *err)
{
    struct str name = piece, value = STR("");
    struct form_field field;

    str_cut(piece, '=', &name, &value);
    if (form->count == FORM_FIELDS_MAX)
        return error_set(err, ERROR_INVALID, "invalid_request", "The form has more than %d fields.",
                         FORM_FIELDS_MAX);
    if (decode(arena, name, &field.name, err) < 0 || decode(arena, value, &field.value, err) < 0)
        return -1;
    for (size_t i = 0; i < form->count; i++)
        if (str_eq(form->fields[i].name, field.name))
            return error_set(err, ERROR_INVALID, "invalid_request",
                             "The field '%.*s' is there more than once.",
                             STR_ARG(str_slice(field.name, 0, NAME_SHOWN)));
    assert(form->count < FORM_FIELDS_MAX);
    form->fields[form->count++] = field;
    return 0;
}

/* An empty piece (a final ampersand) says nothing and is passed over. */
int form_read(struct arena *arena, struct str bytes, struct form *out, struct error *err)
{
    struct form form = {.count = 0};
    struct str rest = bytes, piece;

    assert(arena && out);
    if (bytes.len > FORM_BYTES)
        return error_set(err, ERROR_INVALID, "invalid_request", "The form is too long.");
    while (str_split(&rest, '&', &piece))
        if (piece.len > 0 && read_field(arena, piece, &form, err) < 0)
            return -1;
    *out = form;
    return 0;
}

/* What was not sent is "", which no grant takes for a value. */
struct str form_get(const struct form *form, const char *name)
{
    struct str wanted = str_from(name);

    assert(form && wanted.len > 0);
    for (size_t i = 0; i < form->count; i++)
        if (str_eq(form->fields[i].name, wanted))
            return form->fields[i].value;
    return STR("");
}

/* "application/x-www-form-urlencoded; charset=utf-8" is one, too. */
bool form_is_type(struct str content_type)
{
    struct str type = content_type, parameters;

    str_cut(content_type, ';', &type, &parameters);
    return str_eq_fold(str_trim(type), STR("application/x-www-form-urlencoded"));
}
