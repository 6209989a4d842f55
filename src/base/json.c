/* The one file that knows the JSON library for values that change; mlflow/ reads unchanging
 * ones. */
#include "base/json.h"

#include "base/buf.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <yyjson.h>

/* A struct json is never defined: it is the library's value under a name of ours, so that nobody
 * outside this file sees the library. */
static yyjson_mut_val *as_val(const struct json *value)
{
    return (yyjson_mut_val *)value;
}

/* The way back. Both casts are nowhere else. */
static struct json *as_json(yyjson_mut_val *value)
{
    return (struct json *)value;
}

/* The library's memory is the arena's: nothing is freed, all dies with the request. */
static void *alc_malloc(void *ctx, size_t size)
{
    return arena_alloc(ctx, size);
}

/* Growing copies, since the arena gives nothing back. */
static void *alc_realloc(void *ctx, void *old, size_t old_size, size_t size)
{
    assert(old || !old_size);
    if (size <= old_size)
        return old;
    return memcpy(arena_alloc(ctx, size), old, old_size);
}

/* The library thinks it frees; the arena does, once, at the end. */
static void alc_free(void *, void *)
{
}

/* Made for each call: an arena is its context, and nothing else needs to be kept. */
static yyjson_alc alc_of(struct arena *arena)
{
    return (yyjson_alc){alc_malloc, alc_realloc, alc_free, arena};
}

/* One document for each arena makes all its values, kept in the arena's slot. The pools start
 * small, as most bodies have a few dozen values. */
static yyjson_mut_doc *doc_of(struct arena *arena)
{
    void **slot = arena_json_slot(arena);

    assert(arena);
    if (!*slot) {
        yyjson_alc alc = alc_of(arena);
        *slot = yyjson_mut_doc_new(&alc);
        assert(*slot);
        yyjson_mut_doc_set_val_pool_size(*slot, 32);
        yyjson_mut_doc_set_str_pool_size(*slot, 512);
    }
    return *slot;
}

/* A first pass that only counts brackets outside of strings: the parser recurses nowhere, but what
 * walks the values later does. */
static bool too_deep(struct str text)
{
    size_t depth = 0;
    bool inside = false;

    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (inside) {
            if (c == '\\')
                i++;
            else if (c == '"')
                inside = false;
        } else if (c == '"') {
            inside = true;
        } else if (c == '{' || c == '[') {
            if (++depth > JSON_DEPTH_MAX)
                return true;
        } else if ((c == '}' || c == ']') && depth > 0) {
            depth--;
        }
    }
    return false;
}

/* Line and column are counted from 1, as editors do. */
static int parse_error(struct str text, const yyjson_read_err *fault, struct error *err)
{
    size_t line = 1, column = 1;

    assert(fault->msg);
    for (size_t i = 0; i < fault->pos && i < text.len; i++) {
        column = text.ptr[i] == '\n' ? 1 : column + 1;
        line += text.ptr[i] == '\n';
    }
    return error_set(err, ERROR_INVALID, "", "The JSON is not valid at line %zu, column %zu: %s.",
                     line, column, fault->msg);
}

/* Parsed into values that do not change, then copied into the arena's document: the library's fast
 * reader makes only those. The copy costs less than the socket. */
struct json *json_parse(struct arena *arena, struct str text, struct error *err)
{
    yyjson_read_err fault = {0};
    yyjson_alc alc = alc_of(arena);

    assert(arena);
    if (too_deep(text)) {
        error_set(err, ERROR_INVALID, "", "The JSON is nested deeper than %d levels.",
                  JSON_DEPTH_MAX);
        return NULL;
    }
    yyjson_doc *doc = yyjson_read_opts((char *)text.ptr, text.len, 0, &alc, &fault);
    if (!doc) {
        parse_error(text, &fault, err);
        return NULL;
    }
    return as_json(yyjson_val_mut_copy(doc_of(arena), yyjson_doc_get_root(doc)));
}

/* Values belong to the arena and to no parent until they are put somewhere. */
struct json *json_object(struct arena *arena)
{
    return as_json(yyjson_mut_obj(doc_of(arena)));
}

/* As json_object. */
struct json *json_array(struct arena *arena)
{
    return as_json(yyjson_mut_arr(doc_of(arena)));
}

/* The bytes are copied, so that a piece of a request's buffer may be given. */
struct json *json_text(struct arena *arena, struct str s)
{
    assert(s.ptr || !s.len);
    return as_json(yyjson_mut_strncpy(doc_of(arena), s.ptr ? s.ptr : "", s.len));
}

/* The library tells signed from unsigned numbers; what is not negative is unsigned, as when
 * parsed. */
struct json *json_int(struct arena *arena, int64_t number)
{
    return as_json(number < 0 ? yyjson_mut_sint(doc_of(arena), number)
                              : yyjson_mut_uint(doc_of(arena), (uint64_t)number));
}

/* Infinity and NaN have no JSON: json_write shows them as null, and callers who must tell them
 * (metrics) write words. */
struct json *json_double(struct arena *arena, double number)
{
    return as_json(yyjson_mut_real(doc_of(arena), number));
}

/* As json_object. */
struct json *json_bool(struct arena *arena, bool flag)
{
    return as_json(yyjson_mut_bool(doc_of(arena), flag));
}

/* A value, not the lack of one: PATCH tells a null from a key that is not there. */
struct json *json_null(struct arena *arena)
{
    return as_json(yyjson_mut_null(doc_of(arena)));
}

/* Deep. A value has one place in one tree; to show it twice it must be copied. */
struct json *json_copy(struct arena *arena, const struct json *value)
{
    return value ? as_json(yyjson_mut_val_mut_copy(doc_of(arena), as_val(value))) : NULL;
}

/* The library tells three kinds of numbers apart; callers who care ask json_is_integer. */
enum json_kind json_kind(const struct json *value)
{
    switch (yyjson_mut_get_type(as_val(value))) {
    case YYJSON_TYPE_BOOL:
        return JSON_BOOL;
    case YYJSON_TYPE_NUM:
        return JSON_NUMBER;
    case YYJSON_TYPE_STR:
        return JSON_STRING;
    case YYJSON_TYPE_ARR:
        return JSON_ARRAY;
    case YYJSON_TYPE_OBJ:
        return JSON_OBJECT;
    default:
        return JSON_NULL;
    }
}

/* True for no value as well: a field that is not given and one that is null are the same to most
 * readers. Who must tell them apart asks for the value's address. */
bool json_is_null(const struct json *value)
{
    return json_kind(value) == JSON_NULL;
}

/* 1.0 is not one: the wire's whole numbers are written without a point. */
bool json_is_integer(const struct json *value)
{
    return yyjson_mut_is_int(as_val(value));
}

/* NULL for anything that is not an object, so that paths need no checks on the way. */
struct json *json_get(const struct json *object, struct str key)
{
    assert(key.ptr || !key.len);
    return as_json(yyjson_mut_obj_getn(as_val(object), key.ptr, key.len));
}

/* ARM ignores the case of property names; the exact spelling wins over another. */
struct json *json_get_fold(const struct json *object, struct str key)
{
    struct json *exact = json_get(object, key);
    struct json_iter it = json_iter(object);

    if (exact || json_kind(object) != JSON_OBJECT)
        return exact;
    while (json_next(&it))
        if (str_eq_fold(it.key, key))
            return it.value;
    return NULL;
}

/* Takes one step off a path: a key, or a position when *out_index is not -1. False at its end or
 * when the path is malformed. */
static bool path_step(struct str *path, struct str *out_key, int64_t *out_index)
{
    size_t end = 0;

    if (path->len == 0)
        return false;
    *out_index = -1;
    if (path->ptr[0] == '[') {
        ssize_t close = str_find_char(*path, ']');
        if (close < 0 || !str_to_int64(str_slice(*path, 1, (size_t)close), out_index) ||
            *out_index < 0)
            return false;
        end = (size_t)close + 1;
    } else {
        while (end < path->len && path->ptr[end] != '.' && path->ptr[end] != '[')
            end++;
        *out_key = str_slice(*path, 0, end);
    }
    if (end < path->len && path->ptr[end] == '.')
        end++;
    *path = str_slice(*path, end, path->len);
    return true;
}

/* NULL for a malformed path, too: it is a bug of ours that shows as "not there", as the texts are
 * literals. */
struct json *json_at(const struct json *value, const char *path)
{
    struct str rest = str_from(path);
    struct str key;
    int64_t index;

    assert(path);
    while (value && rest.len > 0) {
        if (!path_step(&rest, &key, &index))
            return NULL;
        if (index >= 0)
            value = as_json(yyjson_mut_arr_get(as_val(value), (size_t)index));
        else
            value = json_get(value, key);
    }
    return (struct json *)value;
}

/* An empty string when it is none, so that a wrong type reads as not given where a field is
 * optional; required ones are checked by their kind before. */
struct str json_as_str(const struct json *value)
{
    const char *text = yyjson_mut_get_str(as_val(value));
    return (struct str){text, text ? yyjson_mut_get_len(as_val(value)) : 0};
}

/* A number past int64_t is not bent into one: the fallback shows that it was not understood. */
int64_t json_as_int(const struct json *value, int64_t fallback)
{
    if (yyjson_mut_is_uint(as_val(value))) {
        uint64_t number = yyjson_mut_get_uint(as_val(value));
        return number <= INT64_MAX ? (int64_t)number : fallback;
    }
    return yyjson_mut_is_sint(as_val(value)) ? yyjson_mut_get_sint(as_val(value)) : fallback;
}

/* Whole numbers count as well. */
double json_as_double(const struct json *value, double fallback)
{
    return yyjson_mut_is_num(as_val(value)) ? yyjson_mut_get_num(as_val(value)) : fallback;
}

/* Only the two words count: 1 and "true" are what the fallback says. */
bool json_as_bool(const struct json *value, bool fallback)
{
    return yyjson_mut_is_bool(as_val(value)) ? yyjson_mut_get_bool(as_val(value)) : fallback;
}

/* The path and the reading in one, for the many fields that are optional texts. */
struct str json_str_at(const struct json *value, const char *path)
{
    return json_as_str(json_at(value, path));
}

/* As json_str_at, for whole numbers; a fraction gives the fallback. */
int64_t json_int_at(const struct json *value, const char *path, int64_t fallback)
{
    return json_as_int(json_at(value, path), fallback);
}

/* As json_str_at, for numbers. */
double json_double_at(const struct json *value, const char *path, double fallback)
{
    return json_as_double(json_at(value, path), fallback);
}

/* As json_str_at, for the two words. */
bool json_bool_at(const struct json *value, const char *path, bool fallback)
{
    return json_as_bool(json_at(value, path), fallback);
}

/* Of an object or an array; everything else has none, so loops over it end at once. */
size_t json_count(const struct json *value)
{
    return json_kind(value) == JSON_OBJECT ? yyjson_mut_obj_size(as_val(value))
                                           : yyjson_mut_arr_size(as_val(value));
}

/* The index starts before the first member, so that json_next can step before it looks. */
struct json_iter json_iter(const struct json *value)
{
    return (struct json_iter){.container_ = value, .index = SIZE_MAX};
}

/* Objects and arrays alike: the key is empty in an array. What is walked may not grow meanwhile. */
bool json_next(struct json_iter *it)
{
    yyjson_mut_val *container = as_val(it->container_);
    bool object = yyjson_mut_is_obj(container);

    assert(it);
    if (it->index + 1 >= json_count(it->container_))
        return false;
    it->index++;
    /* yyjson keeps a ring whose `uni.ptr` is the last element (or last key). */
    yyjson_mut_val *at = it->position_ ? as_val(it->position_)->next
                         : object      ? ((yyjson_mut_val *)container->uni.ptr)->next->next
                                       : ((yyjson_mut_val *)container->uni.ptr)->next;
    if (object) {
        it->key = json_as_str(as_json(at));
        it->value = as_json(at->next);
        it->position_ = it->value;
    } else {
        it->value = it->position_ = as_json(at);
    }
    return true;
}

/* The library links values into a ring by a pointer inside each: one that stands somewhere already
 * would tear the other ring apart, so a copy of it goes in. Fresh ones have no neighbour. */
static yyjson_mut_val *to_link(struct arena *arena, struct json *value)
{
    assert(arena && value);
    return as_val(as_val(value)->next ? json_copy(arena, value) : value);
}

/* Keeps the place of a member that is replaced; the wire shows members in that order. */
void json_set(struct arena *arena, struct json *object, struct str key, struct json *value)
{
    assert(json_kind(object) == JSON_OBJECT && value);
    yyjson_mut_val *name = as_val(json_text(arena, key));
    if (yyjson_mut_obj_getn(as_val(object), key.ptr, key.len))
        yyjson_mut_obj_replace(as_val(object), name, to_link(arena, value));
    else
        yyjson_mut_obj_add(as_val(object), name, to_link(arena, value));
}

/* Each json_set_… replaces: an object never gets one key twice, which some readers would take the
 * first of and others the last. */
void json_set_str(struct arena *arena, struct json *object, const char *key, struct str text)
{
    json_set(arena, object, str_from(key), json_text(arena, text));
}

/* As json_set_str. */
void json_set_int(struct arena *arena, struct json *object, const char *key, int64_t number)
{
    json_set(arena, object, str_from(key), json_int(arena, number));
}

/* As json_set_str. */
void json_set_double(struct arena *arena, struct json *object, const char *key, double number)
{
    json_set(arena, object, str_from(key), json_double(arena, number));
}

/* As json_set_str. */
void json_set_bool(struct arena *arena, struct json *object, const char *key, bool flag)
{
    json_set(arena, object, str_from(key), json_bool(arena, flag));
}

/* As json_set_str; shown as null, where leaving a key out would mean "unchanged". */
void json_set_null(struct arena *arena, struct json *object, const char *key)
{
    json_set(arena, object, str_from(key), json_null(arena));
}

/* Makes the objects on the way. What stands there and is no object is an error: it came from a
 * client, and overwriting it would hide what he sent. */
int json_put(struct arena *arena, struct json *root, const char *path, struct json *value,
             struct error *err)
{
    struct str rest = str_from(path);
    struct str key = {0};
    int64_t index;
    struct json *at = root;

    assert(path && *path);
    assert(value);
    while (path_step(&rest, &key, &index)) {
        bool last = rest.len == 0;
        if (index >= 0) {
            struct json *element = json_kind(at) == JSON_ARRAY
                                       ? as_json(yyjson_mut_arr_get(as_val(at), (size_t)index))
                                       : NULL;
            if (!element)
                return error_set(err, ERROR_INVALID, path, "There is no element %lld here.",
                                 (long long)index);
            if (last)
                yyjson_mut_arr_replace(as_val(at), (size_t)index, to_link(arena, value));
            at = element;
            continue;
        }
        if (json_kind(at) != JSON_OBJECT)
            return error_set(err, ERROR_INVALID, path,
                             "'%.*s' lies in something that is no object.", STR_ARG(key));
        if (last)
            json_set(arena, at, key, value);
        else if (!json_get(at, key))
            json_set(arena, at, key, json_object(arena));
        at = json_get(at, key);
    }
    return rest.len == 0 ? 0 : error_set(err, ERROR_INVALID, path, "This is not a valid path.");
}

/* The value must be without a place: see json_copy. */
void json_append(struct arena *arena, struct json *array, struct json *value)
{
    assert(json_kind(array) == JSON_ARRAY && value);
    yyjson_mut_arr_append(as_val(array), to_link(arena, value));
}

/* Whether there was one: some callers answer 404 on it. */
bool json_remove(struct json *object, struct str key)
{
    assert(key.ptr || !key.len);
    return yyjson_mut_obj_remove_keyn(as_val(object), key.ptr, key.len) != NULL;
}

/* The member is unlinked, not freed: the caller may put it elsewhere in the same arena. */
struct json *json_take(struct json *root, const char *path)
{
    struct str whole = str_from(path);
    ssize_t dot = str_find_last(whole, '.');
    struct str parent = str_slice(whole, 0, dot < 0 ? 0 : (size_t)dot);
    struct str key = str_slice(whole, dot < 0 ? 0 : (size_t)dot + 1, whole.len);
    char text[256];

    assert(root && path);
    if (parent.len >= sizeof(text))
        return NULL;
    memcpy(text, whole.ptr, parent.len);
    text[parent.len] = '\0';
    struct json *object = json_at(root, text);
    if (json_kind(object) != JSON_OBJECT)
        return NULL;
    yyjson_mut_val *taken = yyjson_mut_obj_remove_keyn(as_val(object), key.ptr, key.len);
    if (taken)
        taken->next = NULL; /* it has no neighbours any more, see to_link */
    return as_json(taken);
}

/* Recursion is bounded by JSON_DEPTH_MAX, as both sides were parsed or built by us. */
void json_merge(struct arena *arena, struct json *target, const struct json *patch)
{
    struct json_iter it = json_iter(patch);

    assert(json_kind(target) == JSON_OBJECT);
    while (json_next(&it)) {
        struct json *present = json_get(target, it.key);
        if (json_is_null(it.value)) {
            json_remove(target, it.key);
        } else if (json_kind(it.value) != JSON_OBJECT) {
            json_set(arena, target, it.key, json_copy(arena, it.value));
        } else {
            if (json_kind(present) != JSON_OBJECT) {
                present = json_object(arena);
                json_set(arena, target, it.key, present);
            }
            json_merge(arena, present, it.value);
        }
    }
}

/* For comparing objects whatever the order of their keys. */
struct member {
    struct str key;
    struct json *value;
    size_t index;
};

/* Members of the same key keep their order, so that any two runs agree. */
static int by_key(const void *a, const void *b)
{
    const struct member *left = a, *right = b;
    int order = str_cmp(left->key, right->key);

    return order ? order : left->index < right->index ? -1 : left->index > right->index;
}

/* Fills `out`, which holds json_count(object), in the order of the keys. */
static void sort_members(const struct json *object, struct member *out)
{
    struct json_iter it = json_iter(object);

    assert(json_kind(object) == JSON_OBJECT);
    while (json_next(&it))
        out[it.index] = (struct member){it.key, it.value, it.index};
    qsort(out, json_count(object), sizeof(*out), by_key);
}

/* By sorting both: a client chooses how many members there are, and looking each one up would cost
 * the square of their number. The counts are equal. */
static bool members_equal(const struct json *a, const struct json *b)
{
    size_t count = json_count(a);
    struct member *left = calloc(2 * count + 1, sizeof(*left)), *right = left + count;
    bool equal = true;

    if (!left)
        abort();
    assert(count == json_count(b));
    sort_members(a, left);
    sort_members(b, right);
    for (size_t i = 0; i < count && equal; i++)
        equal = str_eq(left[i].key, right[i].key) && json_equal(left[i].value, right[i].value);
    free(left);
    return equal;
}

/* The counts are equal. */
static bool elements_equal(const struct json *a, const struct json *b)
{
    struct json_iter left = json_iter(a), right = json_iter(b);

    assert(json_count(a) == json_count(b));
    while (json_next(&left) && json_next(&right))
        if (!json_equal(left.value, right.value))
            return false;
    return true;
}

/* Two whole numbers are compared as such: as doubles, large neighbours would be the same. */
static bool numbers_equal(const struct json *a, const struct json *b)
{
    assert(json_kind(a) == JSON_NUMBER && json_kind(b) == JSON_NUMBER);
    if (json_is_integer(a) && json_is_integer(b))
        return yyjson_mut_equals(as_val(a), as_val(b));
    return json_as_double(a, 0) == json_as_double(b, 0);
}

/* By content: the order of keys does not matter, and 1 is 1.0. Kinds ask whether a PUT changes
 * anything by it. */
bool json_equal(const struct json *a, const struct json *b)
{
    enum json_kind kind = json_kind(a);

    if (kind != json_kind(b))
        return false;
    switch (kind) {
    case JSON_NULL:
        return true;
    case JSON_BOOL:
        return json_as_bool(a, false) == json_as_bool(b, false);
    case JSON_NUMBER:
        return numbers_equal(a, b);
    case JSON_STRING:
        return str_eq(json_as_str(a), json_as_str(b));
    case JSON_ARRAY:
        return json_count(a) == json_count(b) && elements_equal(a, b);
    case JSON_OBJECT:
        return json_count(a) == json_count(b) && members_equal(a, b);
    }
    return false;
}

/* For hashing and comparing texts: the same value gives the same bytes. */
struct json *json_sorted(struct arena *arena, const struct json *value)
{
    enum json_kind kind = json_kind(value);
    struct json_iter it = json_iter(value);
    size_t count = json_count(value);

    assert(arena);
    if (kind == JSON_ARRAY) {
        struct json *array = json_array(arena);
        while (json_next(&it))
            json_append(arena, array, json_sorted(arena, it.value));
        return array;
    }
    if (kind != JSON_OBJECT)
        return json_copy(arena, value);
    struct json *object = json_object(arena);
    struct member *members = arena_new_array(arena, struct member, count);
    sort_members(value, members);
    for (size_t i = 0; i < count; i++)
        yyjson_mut_obj_add(as_val(object), as_val(json_text(arena, members[i].key)),
                           as_val(json_sorted(arena, members[i].value)));
    return object;
}

/* Bytes that are no UTF-8 stand only in strings; a reader would refuse the whole text for one of
 * them, so U+FFFD stands for each, as browsers do it. */
static struct str mend_utf8(struct arena *arena, struct str text)
{
    CLEANUP(buf_free) struct buf mended = buf_make(3 * text.len + 1);

    while (text.len > 0) {
        uint32_t point;
        size_t bytes = str_utf8(text, &point);
        buf_add(&mended, bytes ? str_slice(text, 0, bytes) : STR("\xef\xbf\xbd"));
        text = str_slice(text, bytes ? bytes : 1, text.len);
    }
    return buf_ok(&mended, NULL) < 0 ? STR("null") : arena_str(arena, buf_str(&mended));
}

/* JSON has no word for NaN and the infinities: null stands for them, so that one such number does
 * not cost the whole text. */
static struct str write_as(struct arena *arena, const struct json *value, yyjson_write_flag flags)
{
    yyjson_alc alc = alc_of(arena);
    size_t len = 0;

    assert(arena);
    if (!value)
        return STR("null");
    flags |= YYJSON_WRITE_INF_AND_NAN_AS_NULL;
    char *text = yyjson_mut_val_write_opts(as_val(value), flags, &alc, &len, NULL);
    if (text)
        return (struct str){text, len};
    flags |= YYJSON_WRITE_ALLOW_INVALID_UNICODE;
    text = yyjson_mut_val_write_opts(as_val(value), flags, &alc, &len, NULL);
    return text ? mend_utf8(arena, (struct str){text, len}) : STR("null");
}

/* On one line, as it goes over the wire and into rows. */
struct str json_write(struct arena *arena, const struct json *value)
{
    return write_as(arena, value, YYJSON_WRITE_NOFLAG);
}

/* For people: the CLI, and documents of the support bundle. */
struct str json_write_pretty(struct arena *arena, const struct json *value)
{
    return write_as(arena, value, YYJSON_WRITE_PRETTY_TWO_SPACES);
}
