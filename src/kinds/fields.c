/* Bodies against tables. What a table does not name is kept as it came: Azure's clients send more
 * than any one server uses, and read it back. */
#include "kinds/fields.h"

#include "os/clock.h"

#include <assert.h>

/* For sentences: "This field must be …". */
static const char *const WANTED[] = {
    [FIELD_TEXT] = "a text",
    [FIELD_BOOL] = "true or false",
    [FIELD_NUMBER] = "a number",
    [FIELD_OBJECT] = "an object",
    [FIELD_TEXTS] = "an object of texts",
    [FIELD_WORD] = "a word",
    [FIELD_LIST] = "a list",
    [FIELD_INTEGER] = "a whole number",
    [FIELD_DURATION] = "a duration like PT1H30M",
};

/* tags and their like: null takes one away, numbers and true are taken for their text. */
static bool all_texts(const struct json *value)
{
    struct json_iter it = json_iter(value);

    if (json_kind(value) != JSON_OBJECT)
        return false;
    while (json_next(&it))
        if (json_kind(it.value) == JSON_OBJECT || json_kind(it.value) == JSON_ARRAY)
            return false;
    return true;
}

/* What people write in YAML as `cuda: 11.7` comes as a number; it is read back as a text. */
int fields_texts(struct arena *arena, struct json *body, const char *path, struct error *err)
{
    const struct json *value = json_at(body, path);
    struct json *texts = json_object(arena);
    struct json_iter it = json_iter(value);
    bool changed = false;

    assert(path);
    if (!all_texts(value))
        return error_set(err, ERROR_INVALID, path, "Expected %s here.", WANTED[FIELD_TEXTS]);
    while (json_next(&it)) {
        bool plain = json_kind(it.value) == JSON_NUMBER || json_kind(it.value) == JSON_BOOL;
        changed = changed || plain;
        json_set(arena, texts, it.key,
                 plain ? json_text(arena, json_write(arena, it.value))
                       : json_copy(arena, it.value));
    }
    return changed ? json_put(arena, body, path, texts, err) : 0;
}

/* Whether a value is of a field's type. */
static bool fits(const struct json *value, enum field_type type)
{
    int64_t us;

    switch (type) {
    case FIELD_TEXT:
    case FIELD_WORD:
        return json_kind(value) == JSON_STRING;
    case FIELD_BOOL:
        return json_kind(value) == JSON_BOOL;
    case FIELD_NUMBER:
        return json_kind(value) == JSON_NUMBER;
    case FIELD_OBJECT:
        return json_kind(value) == JSON_OBJECT;
    case FIELD_TEXTS:
        return all_texts(value);
    case FIELD_LIST:
        return json_kind(value) == JSON_ARRAY;
    case FIELD_INTEGER:
        return json_is_integer(value);
    case FIELD_DURATION:
        return clock_parse_duration(json_as_str(value), &us);
    }
    return false;
}

/* Clients spell words in their own case; one spelling is stored. */
static int take_word(struct arena *arena, struct json *body, const struct field *field,
                     struct error *err)
{
    struct str word = json_str_at(body, field->path), known = {0};

    assert(field->words);
    for (size_t i = 0; field->words[i]; i++) {
        if (str_eq_fold(word, str_from(field->words[i])))
            return json_put(arena, body, field->path, json_text(arena, str_from(field->words[i])),
                            err);
        known = arena_printf(arena, "%.*s%s%s", STR_ARG(known), i ? ", " : "", field->words[i]);
    }
    return error_set(err, ERROR_INVALID, field->path, "'%.*s' is none of: %.*s.", STR_ARG(word),
                     STR_ARG(known));
}

/* The first field at fault is told; a body has few. */
int fields_check(struct arena *arena, struct json *body, const struct fields_table *table,
                 struct error *err)
{
    assert(table->count > 0);
    for (size_t i = 0; i < table->count; i++) {
        const struct field *field = &table->fields[i];
        const struct json *value = json_at(body, field->path);
        bool empty =
            json_is_null(value) || (json_kind(value) == JSON_STRING && json_as_str(value).len == 0);

        assert(field->path && field->type < COUNT(WANTED));
        if (field->required && empty)
            return error_set(err, ERROR_INVALID, field->path, "This field is required.");
        if (json_is_null(value))
            continue;
        if (!fits(value, field->type))
            return error_set(err, ERROR_INVALID, field->path, "Expected %s here.",
                             WANTED[field->type]);
        if (field->type == FIELD_WORD && take_word(arena, body, field, err) < 0)
            return -1;
        if (field->type == FIELD_TEXTS && fields_texts(arena, body, field->path, err) < 0)
            return -1;
    }
    return 0;
}

/* What the client said stays, whatever it is. */
void fields_default(struct arena *arena, struct json *body, const char *path, const char *text)
{
    assert(path && text);
    if (json_is_null(json_at(body, path)))
        json_put(arena, body, path, json_text(arena, str_from(text)), NULL);
}

/* Clients walk tags and properties without asking whether there are any. */
void fields_asset_defaults(struct arena *arena, struct json *body)
{
    struct json *properties = json_at(body, "properties");

    assert(json_kind(properties) == JSON_OBJECT);
    if (json_is_null(json_get(properties, STR("tags"))))
        json_set(arena, properties, STR("tags"), json_object(arena));
    if (json_is_null(json_get(properties, STR("properties"))))
        json_set(arena, properties, STR("properties"), json_object(arena));
}
