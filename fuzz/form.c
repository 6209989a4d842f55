/* A form is refused or means one thing: no name twice, all of it text, and written again from what
 * was read it reads the same. What comes of a scope or a redirect_uri never goes beyond what was
 * sent. */
#include "oauth/form.h"

#include "base/buf.h"
#include "http/text.h"
#include "oauth/redirect.h"
#include "oauth/wish.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* Both must hold the same fields in the same order. */
static void check_same(const struct form *a, const struct form *b)
{
    if (a->count != b->count)
        abort();
    for (size_t i = 0; i < a->count; i++)
        if (!str_eq(a->fields[i].name, b->fields[i].name) ||
            !str_eq(a->fields[i].value, b->fields[i].value))
            abort();
}

static void check_form(struct arena *arena, const struct form *form)
{
    CLEANUP(buf_free) struct buf text = buf_make(4 * FORM_BYTES);
    struct form again;
    struct error err = {0};

    for (size_t i = 0; i < form->count; i++) {
        struct str name = form->fields[i].name, encoded = http_encode(arena, name, false);
        struct str value = http_encode(arena, form->fields[i].value, false);
        buf_printf(&text, "&%.*s=%.*s", STR_ARG(encoded), STR_ARG(value));
        for (size_t j = 0; j < i; j++)
            if (str_eq(form->fields[j].name, name))
                abort();
    }
    if (text.failed || text.len > FORM_BYTES)
        return; /* escapes are longer than what they stand for */
    if (form_read(arena, buf_str(&text), &again, &err) < 0)
        abort();
    check_same(form, &again);
}

/* The audience is a piece of the scope; an origin the start of the address. */
static void check_texts(struct str text)
{
    struct wish wish;
    struct str origin;
    struct error err = {0};

    if (wish_read(text, &wish, &err) == 0) {
        if (wish.audience.len > 0 && str_find(text, wish.audience) < 0)
            abort();
    } else if (!str_eq(str_from(err.target), STR("invalid_scope"))) {
        abort();
    }
    if (redirect_is_loopback(text, &origin) &&
        (!str_starts(text, origin) || !str_starts(origin, STR("http://"))))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(16 * MIB);
    struct str text = {(const char *)bytes, size};
    struct form form = {.count = 7};
    struct error err = {0};

    check_texts(text);
    if (form_read(arena, text, &form, &err) == 0)
        check_form(arena, &form);
    else if (form.count != 7 || !err.message[0])
        abort();
    return 0;
}
