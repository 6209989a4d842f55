/* fields.c - One table row a field: the key of the file, the path of the wire, and the form that
 * the value has on each side. Both directions are read from the same row. */
#include "cli/fields.h"
#include "base/buf.h"
#include "os/clock.h"
#include "yaml/schema.h"

#include <assert.h>
#include <ctype.h>

/* Words whose wire spelling does not follow from the rule. */
struct word_row {
    struct str yaml, rest;
};

static const struct word_row WORDS[] = {
    {STR_INIT("ro_mount"), STR_INIT("ReadOnlyMount")},
    {STR_INIT("rw_mount"), STR_INIT("ReadWriteMount")},
    {STR_INIT("mount"), STR_INIT("ReadWriteMount")},
    {STR_INIT("aml_token"), STR_INIT("AMLToken")},
    {STR_INIT("aad_token"), STR_INIT("AADToken")},
    {STR_INIT("user_identity"), STR_INIT("UserIdentity")},
    {STR_INIT("pytorch"), STR_INIT("PyTorch")},
    {STR_INIT("tensorflow"), STR_INIT("TensorFlow")},
};

/* min_instances is minInstances on the wire. */
struct str fields_camel(struct arena *arena, struct str snake)
{
    char *out = arena_alloc(arena, snake.len + 1);
    size_t len = 0;

    assert(arena);
    for (size_t i = 0; i < snake.len; i++) {
        if (snake.ptr[i] == '_' && i > 0 && i + 1 < snake.len) {
            i++;
            out[len++] = (char)toupper((unsigned char)snake.ptr[i]);
        } else {
            out[len++] = snake.ptr[i];
        }
    }
    return (struct str){out, len};
}

/* A run of capitals is one word: enableSSO, AMLToken. */
struct str fields_snake(struct arena *arena, struct str camel)
{
    char *out = arena_alloc(arena, camel.len * 2 + 1);
    size_t len = 0;

    assert(arena);
    for (size_t i = 0; i < camel.len; i++) {
        unsigned char c = (unsigned char)camel.ptr[i];
        bool starts = isupper(c) && i > 0 &&
                      (!isupper((unsigned char)camel.ptr[i - 1]) ||
                       (i + 1 < camel.len && islower((unsigned char)camel.ptr[i + 1])));
        if (starts && camel.ptr[i - 1] != '_')
            out[len++] = '_';
        out[len++] = (char)tolower(c);
    }
    return (struct str){out, len};
}

/* Words of the wire begin with a capital; those that follow no rule stand in a table. */
struct str fields_pascal(struct arena *arena, struct str word)
{
    assert(arena);
    for (size_t i = 0; i < COUNT(WORDS); i++)
        if (yaml_word_eq(word, WORDS[i].yaml))
            return WORDS[i].rest;
    struct str camel = fields_camel(arena, word);
    if (!camel.len)
        return camel;
    return arena_printf(arena, "%c%.*s", toupper((unsigned char)camel.ptr[0]),
                        STR_ARG(str_slice(camel, 1, camel.len)));
}

/* The way back of fields_pascal: first the words of no rule. */
static struct str word_of_pascal(struct arena *arena, struct str word)
{
    assert(arena);
    for (size_t i = 0; i < COUNT(WORDS); i++)
        if (str_eq_fold(word, WORDS[i].rest))
            return WORDS[i].yaml;
    return fields_snake(arena, word);
}

/* The shortest form that says the same: what the server echoes is compared as text. */
struct str fields_duration(struct arena *arena, int64_t ms)
{
    CLEANUP(buf_free) struct buf out = buf_make(80);
    long long hours = ms / 3600000, minutes = ms / 60000 % 60, seconds = ms / 1000 % 60,
              rest = ms % 1000;

    assert(ms >= 0);
    buf_add(&out, STR("PT"));
    if (hours)
        buf_printf(&out, "%lldH", hours);
    if (minutes)
        buf_printf(&out, "%lldM", minutes);
    if (rest)
        buf_printf(&out, "%lld.%03lldS", seconds, rest);
    else if (seconds || !(hours || minutes))
        buf_printf(&out, "%lldS", seconds);
    return arena_str(arena, buf_str(&out));
}

/* PT1H30M and P1DT2S; -1 for what is none. */
int64_t fields_duration_ms(struct str text)
{
    int64_t us;

    assert(text.ptr || !text.len);
    return clock_parse_duration(text, &us) ? us / US_PER_MS : -1;
}

/* A flag is always text; a file may hold a number. */
int64_t fields_integer(const struct json *value, int64_t fallback)
{
    int64_t number;

    if (json_kind(value) == JSON_STRING)
        return str_to_int64(json_as_str(value), &number) ? number : fallback;
    return json_as_int(value, fallback);
}

/* All spellings that YAML 1.1 has for true: the Azure tools take them. */
bool fields_truth(const struct json *value)
{
    static const char *const TRUE_WORDS[] = {"true", "yes", "on", "1", "t"};
    struct str text = json_as_str(value);

    for (size_t i = 0; i < COUNT(TRUE_WORDS); i++)
        if (str_eq_fold(text, str_from(TRUE_WORDS[i])))
            return true;
    return json_as_bool(value, false);
}

/* Maps of the wire hold texts only: 1 and true are written as a person wrote them. */
static struct json *texts(struct arena *arena, const struct json *map)
{
    struct json *out = json_object(arena);
    struct json_iter it = json_iter(map);

    assert(arena);
    while (json_next(&it))
        json_set(arena, out, it.key, json_text(arena, yaml_literal_text(arena, it.value)));
    return out;
}

/* Maps that people fill keep their keys: tags, properties and the like. */
static bool keeps_keys(struct str key)
{
    assert(key.ptr || !key.len);
    return str_eq(key, STR("tags")) || str_eq(key, STR("properties")) ||
           str_eq(key, STR("environmentVariables"));
}

/* Keys at every depth, except below those whose keys are the user's own. */
static struct json *rename_tree(struct arena *arena, const struct json *value, bool to_rest)
{
    struct json_iter it = json_iter(value);
    struct json *out;

    assert(arena);
    if (json_kind(value) == JSON_ARRAY) {
        out = json_array(arena);
        while (json_next(&it))
            json_append(arena, out, rename_tree(arena, it.value, to_rest));
        return out;
    }
    if (json_kind(value) != JSON_OBJECT)
        return json_copy(arena, value);
    out = json_object(arena);
    while (json_next(&it)) {
        struct str key = to_rest ? fields_camel(arena, it.key) : fields_snake(arena, it.key);
        json_set(arena, out, key,
                 keeps_keys(it.key) ? json_copy(arena, it.value)
                                    : rename_tree(arena, it.value, to_rest));
    }
    return out;
}

static int64_t unit_ms(enum field_form form)
{
    return form == FIELD_MILLIS ? 1 : form == FIELD_SECONDS ? 1000 : 60000;
}

/* One case a form; references are made elsewhere, since they need the server. */
static struct json *to_rest(struct arena *arena, enum field_form form, const struct json *value)
{
    assert(arena);
    switch (form) {
    case FIELD_TEXTS:
        return texts(arena, value);
    case FIELD_INTEGER:
        return json_int(arena, fields_integer(value, 0));
    case FIELD_TRUTH:
        return json_bool(arena, fields_truth(value));
    case FIELD_WORD:
        return json_text(arena, fields_pascal(arena, json_as_str(value)));
    case FIELD_LOWER:
        return json_text(arena, arena_lower(arena, json_as_str(value)));
    case FIELD_MILLIS:
    case FIELD_SECONDS:
    case FIELD_MINUTES:
        return json_text(arena, fields_duration(arena, fields_integer(value, 0) * unit_ms(form)));
    case FIELD_TREE:
        return rename_tree(arena, value, true);
    case FIELD_COMPUTE:
    case FIELD_ASSET:
        return NULL;
    case FIELD_SAME:
        break;
    }
    return json_copy(arena, value);
}

/* ".../computes/cpu" as azureml:cpu, ".../data/iris/versions/1" as azureml:iris:1. */
static struct json *short_reference(struct arena *arena, const struct json *value, bool versioned)
{
    struct str id = json_as_str(value), name, version = {0};

    assert(arena);
    if (!str_starts_fold(id, STR("/subscriptions/")))
        return json_copy(arena, value);
    ssize_t at = str_find(id, STR("/versions/"));
    if (versioned && at > 0) {
        version = str_slice(id, (size_t)at + 10, id.len);
        id = str_slice(id, 0, (size_t)at);
    }
    ssize_t slash = str_find_last(id, '/');
    name = str_slice(id, (size_t)slash + 1, id.len);
    return json_text(arena, arena_printf(arena, "azureml:%.*s%s%.*s", STR_ARG(name),
                                         version.len ? ":" : "", STR_ARG(version)));
}

/* What is no duration or word is shown as it came: better odd than lost. */
static struct json *to_yaml(struct arena *arena, enum field_form form, const struct json *value)
{
    int64_t ms;

    assert(arena);
    switch (form) {
    case FIELD_WORD:
        return json_text(arena, word_of_pascal(arena, json_as_str(value)));
    case FIELD_LOWER:
        return json_text(arena, arena_lower(arena, json_as_str(value)));
    case FIELD_MILLIS:
    case FIELD_SECONDS:
    case FIELD_MINUTES:
        ms = fields_duration_ms(json_as_str(value));
        return ms < 0 ? json_copy(arena, value) : json_int(arena, ms / unit_ms(form));
    case FIELD_TREE:
        return rename_tree(arena, value, false);
    case FIELD_COMPUTE:
    case FIELD_ASSET:
        return short_reference(arena, value, form == FIELD_ASSET);
    default:
        return json_copy(arena, value);
    }
}

/* What the file does not say is not sent: the server's defaults are the server's. */
void fields_to_rest(struct arena *arena, const struct field_row *rows, size_t count,
                    const struct json *yaml, struct json *rest)
{
    struct error ignored;

    assert(rows && rest);
    for (size_t i = 0; i < count; i++) {
        const struct json *value = json_at(yaml, rows[i].yaml);
        struct json *made = json_is_null(value) ? NULL : to_rest(arena, rows[i].form, value);
        if (made)
            json_put(arena, rest, rows[i].rest, made, &ignored);
    }
}

/* What the server has not is not shown as null. */
void fields_to_yaml(struct arena *arena, const struct field_row *rows, size_t count,
                    const struct json *rest, struct json *yaml)
{
    struct error ignored;

    assert(rows && yaml);
    for (size_t i = 0; i < count; i++) {
        const struct json *value = json_at(rest, rows[i].rest);
        if (!json_is_null(value))
            json_put(arena, yaml, rows[i].yaml, to_yaml(arena, rows[i].form, value), &ignored);
    }
}
