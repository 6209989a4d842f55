/* check.c - A document against its kind. Problems are gathered, not thrown: a person mends a file
 * in one go. A union is tried member by member without telling; the likeliest one then tells. */
#include "base/buf.h"
#include "yaml/schema.h"

#include <assert.h>
#include <regex.h>
#include <string.h>

/* One walk. A dry walk counts into problems of its own, to find the alternative that fits best. */
struct check {
    const struct yaml *yaml;
    struct yaml_problems *problems;
    struct arena *arena;
    bool dry;
    struct rewrite *rewrites;
};

/* A value of --set that is a number and is wanted as text; done after the walk. */
struct rewrite {
    struct json *container;
    struct str key;
    struct str text;
    struct rewrite *next;
};

/* The value under test and how to say where it is. */
struct subject {
    struct json *value;
    struct str path;
    struct yaml_mark key, at;
    struct json *container; /* the mapping it stands in, and under which key */
    struct str name;
};

static void check_value(struct check *check, const struct yaml_shape *shape,
                        const struct subject *it);
static void check_def(struct check *check, const struct yaml_def *def, const struct subject *it);

/* Where the value begins, for the message. */
static struct yaml_place at_value(const struct subject *it)
{
    assert(it);
    return (struct yaml_place){it->at, it->path};
}

/* A value that --set made has no place of its own; its parent's is the nearest. */
static struct subject child(const struct check *check, const struct subject *parent, struct str key,
                            struct json *value)
{
    struct subject made = {.value = value, .container = parent->value, .name = key};

    assert(key.ptr || !key.len);
    made.path = parent->path.len
                    ? arena_printf(check->arena, "%.*s.%.*s", STR_ARG(parent->path), STR_ARG(key))
                    : key;
    made.at = yaml_mark(check->yaml, value);
    made.key = yaml_key_mark(check->yaml, value);
    if (!made.at.line)
        made.at = parent->at;
    if (!made.key.line)
        made.key = made.at;
    return made;
}

/* What a person reads after "is". */
static struct str found(const struct check *check, const struct json *value)
{
    assert(check->arena);
    switch (json_kind(value)) {
    case JSON_NULL:
        return STR("nothing");
    case JSON_BOOL:
        return json_as_bool(value, false) ? STR("true") : STR("false");
    case JSON_NUMBER:
        return arena_printf(check->arena, "the number %.*s",
                            STR_ARG(yaml_literal_text(check->arena, value)));
    case JSON_STRING: {
        struct str text = json_as_str(value);
        return arena_printf(check->arena, "'%.*s'%s", STR_ARG(str_slice(text, 0, 60)),
                            text.len > 60 ? "…" : "");
    }
    case JSON_ARRAY:
        return STR("a list");
    case JSON_OBJECT:
        return STR("a mapping");
    }
    return STR("");
}

/* As the table has them: the first is what most people want. */
static struct str join_values(struct arena *arena, const struct yaml_shape *shape)
{
    CLEANUP(buf_free) struct buf out = buf_make(64 * KIB);

    assert(shape->value_count > 0);
    for (size_t i = 0; i < shape->value_count; i++)
        buf_printf(&out, "%s%s", i ? ", " : "", shape->values[i]);
    return arena_str(arena, buf_str(&out));
}

/* What a person reads after "expected". */
static struct str wanted(const struct check *check, const struct yaml_shape *shape)
{
    static const char *const NAMES[] = {
        [YAML_STRING] = "text",
        [YAML_VERSION] = "a version",
        [YAML_INTEGER] = "a whole number",
        [YAML_NUMBER] = "a number",
        [YAML_BOOLEAN] = "true or false",
        [YAML_ANY] = "anything",
        [YAML_MAP] = "a mapping",
        [YAML_LIST] = "a list",
        [YAML_REF] = "a mapping",
        [YAML_LOCAL_PATH] = "a local path",
        [YAML_URL] = "a web address",
        [YAML_GIT_URL] = "git+URL",
        [YAML_REGISTRY_REF] = "azureml://registries/…",
        [YAML_FEED_REF] = "azureml://feeds/…",
        [YAML_ASSET_REF] = "azureml:NAME:VERSION",
        [YAML_RESOURCE_REF] = "azureml:NAME",
    };

    assert(shape);
    if (shape->type == YAML_ENUM)
        return arena_printf(check->arena, "%s%.*s", shape->value_count > 1 ? "one of " : "",
                            STR_ARG(join_values(check->arena, shape)));
    if (shape->type != YAML_ONE_OF)
        return str_from(NAMES[shape->type]);
    CLEANUP(buf_free) struct buf out = buf_make(4 * KIB);
    for (size_t i = 0; i < shape->of_count; i++) {
        struct str one = wanted(check, shape->of[i]);
        if (str_find(buf_str(&out), one) < 0 && one.len)
            buf_printf(&out, "%s%.*s", out.len ? ", " : "", STR_ARG(one));
    }
    return arena_str(check->arena, buf_str(&out));
}

/* Says what stands there and what is expected, and the nearest word of a choice. */
static void wrong_type(struct check *check, const struct yaml_shape *shape,
                       const struct subject *it)
{
    assert(shape && it);
    yaml_problem_add(check->problems, at_value(it), "E1103", "'%.*s' is %.*s; expected %.*s",
                     STR_ARG(it->path), STR_ARG(found(check, it->value)),
                     STR_ARG(wanted(check, shape)));
}

/* Text that reads as a number: the command line has no other way to write one. */
static bool is_number_text(struct str text, bool whole)
{
    int64_t number;
    double real;

    assert(text.ptr || !text.len);
    return str_to_int64(text, &number) || (!whole && str_to_double(text, &real));
}

/* What the Azure tools read as a truth; YAML itself knows fewer. */
static bool is_truth_text(struct str text)
{
    static const char *const TRUTHS[] = {"true", "false", "yes", "no", "on",
                                         "off",  "1",     "0",   "t",  "f"};

    for (size_t i = 0; i < COUNT(TRUTHS); i++)
        if (str_eq_fold(text, str_from(TRUTHS[i])))
            return true;
    return false;
}

#define PATTERN_BYTES 200 /* the longest of the description has 40 */

/* Patterns are written for Python, whose \d the C library does not know between brackets, the only
 * place where they have it. */
static void pattern_of(const char *pattern, char out[PATTERN_BYTES])
{
    size_t length = 0;

    assert(2 * strlen(pattern) < PATTERN_BYTES);
    for (const char *at = pattern; *at; at++) {
        bool digit = at[0] == '\\' && at[1] == 'd';
        memcpy(out + length, digit ? "0-9" : at, digit ? 3 : 1);
        length += digit ? 3 : 1;
        at += digit;
    }
    out[length] = '\0';
}

/* The few patterns that the description of the format names. */
static bool matches_pattern(const char *pattern, struct str text)
{
    char copy[300], plain[PATTERN_BYTES];
    regex_t regex;

    assert(pattern[0]);
    if (text.len >= sizeof copy)
        return false;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    pattern_of(pattern, plain);
    if (regcomp(&regex, plain, REG_EXTENDED | REG_NOSUB) != 0)
        return true;
    bool matches = regexec(&regex, copy, 0, NULL, 0) == 0;
    regfree(&regex);
    return matches;
}

/* azureml:NAME, NAME:VERSION, NAME@LABEL, a full id, or an address of a store or job. */
static bool is_asset_reference(const struct yaml_shape *shape, struct str text)
{
    struct str rest = str_slice(text, 8, text.len), name = rest, version;

    assert(shape);
    if (!str_starts(text, STR("azureml:")))
        return shape->type == YAML_RESOURCE_REF && str_starts_fold(text, STR("/subscriptions/"));
    if (str_starts(rest, STR("//")) || str_starts_fold(rest, STR("/subscriptions/")))
        return true;
    if (str_cut(rest, ':', &name, &version) || str_cut(rest, '@', &name, &version))
        return name.len > 0 && version.len > 0 && str_find_char(name, '/') < 0;
    return rest.len > 0 && (shape->name_only || shape->type == YAML_RESOURCE_REF);
}

/* In the spelling that the format allows: some words are exact. */
static bool fits_enum(const struct yaml_shape *shape, struct str text)
{
    assert(shape->value_count > 0);
    for (size_t i = 0; i < shape->value_count; i++) {
        struct str value = str_from(shape->values[i]);
        if (shape->exact ? str_eq(text, value) : yaml_word_eq(text, value))
            return true;
    }
    return false;
}

/* What has no scheme is a file beside the document. */
static bool is_local_path(struct str text)
{
    return text.len > 0 && !str_starts(text, STR("azureml:")) && !str_starts(text, STR("git+")) &&
           str_find(text, STR("://")) < 0;
}

/* What an address of this type begins with. */
static bool fits_address(const struct yaml_shape *shape, struct str text)
{
    switch (shape->type) {
    case YAML_URL:
        return str_starts_fold(text, STR("http://")) || str_starts_fold(text, STR("https://"));
    case YAML_GIT_URL:
        return str_starts(text, STR("git+"));
    case YAML_REGISTRY_REF:
        return str_starts(text, STR("azureml://registries/"));
    case YAML_FEED_REF:
        return str_starts(text, STR("azureml://feeds/"));
    case YAML_ASSET_REF:
    case YAML_RESOURCE_REF:
        return is_asset_reference(shape, text);
    default:
        return false;
    }
}

/* A text may stand for a number or a truth: --set has no other way to write one. */
static bool fits_text(const struct yaml_shape *shape, struct str text)
{
    assert(text.ptr || !text.len);
    switch (shape->type) {
    case YAML_STRING:
        return !shape->what || matches_pattern(shape->what, text);
    case YAML_VERSION:
        return text.len > 0;
    case YAML_INTEGER:
        return is_number_text(text, true);
    case YAML_NUMBER:
        return is_number_text(text, false);
    case YAML_BOOLEAN:
        return is_truth_text(text);
    case YAML_ENUM:
        return fits_enum(shape, text);
    case YAML_LOCAL_PATH:
        return is_local_path(text);
    default:
        return fits_address(shape, text);
    }
}

/* Whether a scalar may stand for a shape that is no mapping, list or union. */
static bool fits_scalar(const struct yaml_shape *shape, const struct json *value)
{
    assert(shape);
    switch (json_kind(value)) {
    case JSON_STRING:
        return shape->type == YAML_ANY || fits_text(shape, json_as_str(value));
    case JSON_NUMBER:
        return shape->type == YAML_ANY || shape->type == YAML_NUMBER ||
               shape->type == YAML_VERSION ||
               (shape->type == YAML_INTEGER && json_is_integer(value));
    case JSON_BOOL:
        return shape->type == YAML_ANY || shape->type == YAML_BOOLEAN;
    default:
        return shape->type == YAML_ANY;
    }
}

/* Of the words that may stand there: the fix of a typing error. */
static struct str nearest_value(struct check *check, const struct yaml_shape *shape,
                                struct str text)
{
    struct str *words = arena_new_array(check->arena, struct str, shape->value_count);

    assert(shape->value_count > 0);
    for (size_t i = 0; i < shape->value_count; i++)
        words[i] = str_from(shape->values[i]);
    return yaml_nearest(text, words, shape->value_count);
}

/* The command line has no quotes to tell 1 from "1": what it set may be text, if text is wanted. */
static bool takes_as_text(struct check *check, const struct yaml_shape *shape,
                          const struct subject *it)
{
    enum json_kind kind = json_kind(it->value);

    assert(shape && it);
    if (shape->type != YAML_STRING || shape->what || (kind != JSON_NUMBER && kind != JSON_BOOL) ||
        yaml_mark(check->yaml, it->value).line || json_kind(it->container) != JSON_OBJECT)
        return false;
    if (!check->dry) {
        struct rewrite *rewrite = arena_make(check->arena, struct rewrite);
        *rewrite = (struct rewrite){it->container, it->name,
                                    yaml_literal_text(check->arena, it->value), check->rewrites};
        check->rewrites = rewrite;
    }
    return true;
}

/* The error says what kind of thing is expected, and where a reference is meant, how one looks. */
static void check_scalar(struct check *check, const struct yaml_shape *shape,
                         const struct subject *it)
{
    assert(shape && it);
    if (fits_scalar(shape, it->value) || takes_as_text(check, shape, it))
        return;
    if (json_kind(it->value) != JSON_STRING) {
        wrong_type(check, shape, it);
        return;
    }
    struct str text = json_as_str(it->value);
    struct yaml_problem *problem;
    if (shape->type == YAML_ENUM) {
        problem = yaml_problem_add(check->problems, at_value(it), "E1104",
                                   "'%.*s' is %.*s; expected %.*s", STR_ARG(it->path),
                                   STR_ARG(found(check, it->value)), STR_ARG(wanted(check, shape)));
        problem->fix = nearest_value(check, shape, text);
    } else if (shape->type == YAML_ASSET_REF || shape->type == YAML_RESOURCE_REF) {
        yaml_problem_add(check->problems, at_value(it), "E1201",
                         "'%.*s' is %.*s, which names no %s; expected azureml:NAME%s",
                         STR_ARG(it->path), STR_ARG(found(check, it->value)),
                         shape->what ? shape->what : "asset",
                         shape->type == YAML_ASSET_REF ? ":VERSION or azureml:NAME@latest" : "");
    } else if (shape->type == YAML_STRING && shape->what) {
        yaml_problem_add(check->problems, at_value(it), "E1202", "'%.*s' is %.*s; it must match %s",
                         STR_ARG(it->path), STR_ARG(found(check, it->value)), shape->what);
    } else {
        wrong_type(check, shape, it);
    }
}

/* Each element by the one shape of the list. */
static void check_list(struct check *check, const struct yaml_shape *shape,
                       const struct subject *it)
{
    assert(shape && it);
    if (json_kind(it->value) != JSON_ARRAY) {
        wrong_type(check, shape, it);
        return;
    }
    struct json_iter items = json_iter(it->value);
    while (json_next(&items)) {
        struct subject item = child(check, it, STR(""), items.value);
        item.path = arena_printf(check->arena, "%.*s[%zu]", STR_ARG(it->path), items.index);
        check_value(check, shape->of[0], &item);
    }
}

/* `out:` alone is an output with nothing special about it, also where an output may be a text. */
static bool may_be_nothing(const struct yaml_shape *shape)
{
    assert(shape);
    if (shape->type == YAML_REF)
        return true;
    for (size_t i = 0; shape->type == YAML_ONE_OF && i < shape->of_count; i++)
        if (shape->of[i]->type == YAML_REF && !strcmp(shape->of[i]->def->name, "Output"))
            return true;
    return false;
}

/* Keys are the user's own; values have one shape. */
static void check_map(struct check *check, const struct yaml_shape *shape, const struct subject *it)
{
    assert(shape && it);
    if (json_kind(it->value) != JSON_OBJECT) {
        wrong_type(check, shape, it);
        return;
    }
    struct json_iter members = json_iter(it->value);
    while (json_next(&members)) {
        struct subject member = child(check, it, members.key, members.value);
        if (json_is_null(members.value) && may_be_nothing(shape->of[0]))
            continue;
        check_value(check, shape->of[0], &member);
    }
}

/* How many problems a member of a union would have, without telling them. */
static size_t dry_errors(const struct check *check, const struct yaml_shape *shape,
                         const struct subject *it)
{
    struct yaml_problems own = {.arena = check->arena};
    struct check dry = {check->yaml, &own, check->arena, true, NULL};

    assert(shape && it);
    check_value(&dry, shape, it);
    return own.errors;
}

/* Few enough to walk; sorted for people, not for searching. */
static const struct yaml_field *find_field(const struct yaml_def *def, struct str name)
{
    assert(def->fields || !def->field_count);
    for (size_t i = 0; i < def->field_count; i++)
        if (str_eq(name, str_from(def->fields[i].name)))
            return &def->fields[i];
    return NULL;
}

/* The values of `type` over all alternatives of a union; 0 when none has such a key. */
static size_t union_types(const struct yaml_shape *shape, struct str *out, size_t most)
{
    size_t count = 0;

    for (size_t i = 0; i < shape->of_count; i++) {
        const struct yaml_def *def = shape->of[i]->type == YAML_REF ? shape->of[i]->def : NULL;
        const struct yaml_field *field = def ? find_field(def, STR("type")) : NULL;
        if (shape->of[i]->type == YAML_MAP || shape->of[i]->type == YAML_ANY)
            return 0;
        for (size_t k = 0; field && k < field->shape->value_count && count < most; k++)
            out[count++] = str_from(field->shape->values[k]);
    }
    return count;
}

/* `type` names none of the alternatives: all of their names are what could stand there. */
static bool wrong_union_type(struct check *check, const struct yaml_shape *shape,
                             const struct subject *type)
{
    CLEANUP(buf_free) struct buf names = buf_make(4 * KIB);
    struct str words[32];
    size_t count = union_types(shape, words, COUNT(words));

    if (!count || json_kind(type->value) != JSON_STRING)
        return false;
    for (size_t i = 0; i < count; i++)
        buf_printf(&names, "%s%.*s", i ? ", " : "", STR_ARG(words[i]));
    struct yaml_problem *problem = yaml_problem_add(
        check->problems, at_value(type), "E1104", "'%.*s' is %.*s; expected one of %.*s",
        STR_ARG(type->path), STR_ARG(found(check, type->value)), STR_ARG(buf_str(&names)));
    problem->fix = yaml_nearest(json_as_str(type->value), words, count);
    return true;
}

/* Whether the `type` that stands in a mapping is one of this alternative. */
static bool is_named(const struct check *check, const struct yaml_shape *one,
                     const struct subject *it)
{
    struct json *type = json_get(it->value, STR("type"));
    const struct yaml_field *field =
        one->type == YAML_REF && type ? find_field(one->def, STR("type")) : NULL;

    if (!field)
        return false;
    struct subject discriminator = child(check, it, STR("type"), type);
    return dry_errors(check, field->shape, &discriminator) == 0;
}

/* A mapping among alternatives: those of its `type` when one is named, of them what fits best. Only
 * they are walked: unions stand within unions, and all of all would never end. */
static void check_mapping_union(struct check *check, const struct yaml_shape *shape,
                                const struct subject *it)
{
    const struct yaml_shape *best = NULL;
    struct json *type = json_get(it->value, STR("type"));
    size_t least = SIZE_MAX, named = 0;

    for (size_t i = 0; i < shape->of_count; i++) {
        if (!is_named(check, shape->of[i], it))
            continue;
        best = shape->of[i];
        named++;
    }
    struct subject word = child(check, it, STR("type"), type);
    if (type && !named && wrong_union_type(check, shape, &word))
        return;
    for (size_t i = 0; named != 1 && i < shape->of_count; i++) {
        if (named && !is_named(check, shape->of[i], it))
            continue;
        size_t errors = dry_errors(check, shape->of[i], it);
        if (errors < least) {
            least = errors;
            best = shape->of[i];
        }
    }
    assert(best);
    check_value(check, best, it);
}

/* The member that fits; else the one that the value was likely meant for tells its problems. */
static void check_union(struct check *check, const struct yaml_shape *shape,
                        const struct subject *it)
{
    const struct yaml_shape *reference = NULL;

    assert(shape->of_count > 0);
    if (json_kind(it->value) == JSON_OBJECT) {
        bool takes_mapping = false;
        for (size_t i = 0; i < shape->of_count; i++)
            takes_mapping |= shape->of[i]->type == YAML_REF || shape->of[i]->type == YAML_MAP ||
                             shape->of[i]->type == YAML_ANY || shape->of[i]->type == YAML_ONE_OF;
        if (takes_mapping)
            check_mapping_union(check, shape, it);
        else
            wrong_type(check, shape, it);
        return;
    }
    for (size_t i = 0; i < shape->of_count; i++) {
        if (dry_errors(check, shape->of[i], it) == 0)
            return;
        if (shape->of[i]->type == YAML_ASSET_REF || shape->of[i]->type == YAML_RESOURCE_REF)
            reference = shape->of[i];
    }
    if (reference && str_starts(json_as_str(it->value), STR("azureml:")))
        check_scalar(check, reference, it);
    else
        wrong_type(check, shape, it);
}

/* One case a shape; unions and definitions come back here for their parts. */
static void check_value(struct check *check, const struct yaml_shape *shape,
                        const struct subject *it)
{
    assert(shape && it);
    switch (shape->type) {
    case YAML_ANY:
        return;
    case YAML_REF:
        check_def(check, shape->def, it);
        return;
    case YAML_MAP:
        check_map(check, shape, it);
        return;
    case YAML_LIST:
        check_list(check, shape, it);
        return;
    case YAML_ONE_OF:
        check_union(check, shape, it);
        return;
    default:
        check_scalar(check, shape, it);
    }
}

/* Never accepted in silence; the nearest key is offered. */
static void unknown_key(struct check *check, const struct yaml_def *def, const struct subject *it,
                        struct str key)
{
    struct str *words = arena_new_array(check->arena, struct str, def->field_count);
    size_t count = 0;

    for (size_t i = 0; i < def->field_count; i++)
        if (!def->fields[i].read_only)
            words[count++] = str_from(def->fields[i].name);
    struct yaml_problem *problem =
        yaml_problem_add(check->problems, (struct yaml_place){it->key, it->path}, "E1101",
                         "unknown key '%.*s' in %s", STR_ARG(key), def->name);
    problem->fix = yaml_nearest(key, words, count);
}

/* An empty value is a missing one, except where nothing is allowed. */
static void check_field(struct check *check, const struct yaml_field *field,
                        const struct subject *it)
{
    struct str text = json_as_str(it->value);

    assert(field->shape);
    if (json_is_null(it->value) && !field->nullable && field->shape->type != YAML_ANY) {
        yaml_problem_add(check->problems, (struct yaml_place){it->key, it->path}, "E1105",
                         "'%.*s' has no value; expected %.*s", STR_ARG(it->path),
                         STR_ARG(wanted(check, field->shape)));
        return;
    }
    if (json_is_null(it->value) || (field->bindable && str_starts(text, STR("${{"))))
        return;
    check_value(check, field->shape, it);
}

/* One member of a mapping: checked, warned of, or not known at all. */
static void check_member(struct check *check, const struct yaml_def *def, const struct subject *it,
                         const struct json_iter *at)
{
    const struct yaml_field *field = find_field(def, at->key);
    struct subject member = child(check, it, at->key, at->value);
    bool is_schema = it->path.len == 0 && str_eq(at->key, STR("$schema"));

    assert(at->value);
    if (field && !field->read_only)
        check_field(check, field, &member);
    else if (field && !check->dry)
        yaml_problem_add(check->problems, (struct yaml_place){member.key, member.path}, "W2102",
                         "'%.*s' is set by the server; what stands here is dropped",
                         STR_ARG(member.path));
    else if (!field && !def->keeps_unknown && !is_schema)
        unknown_key(check, def, &member, at->key);
}

/* Fields that must be there are; fields of the server are taken away. */
static void check_fields(struct check *check, const struct yaml_def *def, const struct subject *it)
{
    assert(json_kind(it->value) == JSON_OBJECT);
    for (size_t i = 0; i < def->field_count; i++) {
        const struct yaml_field *field = &def->fields[i];
        if (field->required && !json_get(it->value, str_from(field->name)))
            yaml_problem_add(check->problems, at_value(it), "E1102", "'%s' is missing in %s: %s",
                             field->name, def->name, field->meaning);
        if (field->read_only && !check->dry)
            json_remove(it->value, str_from(field->name));
    }
}

/* A mapping by its table: what stands there, then what does not. */
static void check_def(struct check *check, const struct yaml_def *def, const struct subject *it)
{
    assert(def && def->name);
    if (json_kind(it->value) != JSON_OBJECT) {
        yaml_problem_add(check->problems, at_value(it), "E1103",
                         "%s%.*s%s is %.*s; expected a mapping (%s)",
                         it->path.len ? "'" : "the file", STR_ARG(it->path),
                         it->path.len ? "'" : "", STR_ARG(found(check, it->value)), def->name);
        return;
    }
    struct json_iter members = json_iter(it->value);
    while (json_next(&members))
        check_member(check, def, it, &members);
    check_fields(check, def, it);
}

/* By the name that commands use; tables are made at build time. */
const struct yaml_kind *yaml_kind_find(struct str name)
{
    assert(yaml_kind_count > 0);
    for (size_t i = 0; i < yaml_kind_count; i++)
        if (str_eq(name, str_from(yaml_kinds[i].name)))
            return &yaml_kinds[i];
    return NULL;
}

/* Everything that is wrong, in one walk; numbers that are texts are rewritten at its end. */
void yaml_check(const struct yaml *yaml, const struct yaml_kind *kind,
                struct yaml_problems *problems)
{
    struct check check = {yaml, problems, problems->arena, false, NULL};
    struct subject whole = {.value = yaml->root, .at = yaml_mark(yaml, yaml->root)};

    assert(kind);
    if (!whole.at.line)
        whole.at = (struct yaml_mark){1, 1};
    whole.key = whole.at;
    check_def(&check, kind->def, &whole);
    for (const struct rewrite *one = check.rewrites; one; one = one->next)
        json_set(check.arena, one->container, one->key, json_text(check.arena, one->text));
}
