/* json.h - JSON values in an arena, over yyjson
 *
 * Values are mutable and live as long as their arena. A `path` is keys joined by dots, positions in
 * brackets: "properties.inputs", "value[0].name"; keys that hold dots are reached with json_get.
 * Readers give the fallback (or the empty str, or NULL) for what is absent or of another type.
 */
#pragma once

#include "base/arena.h"

#define JSON_DEPTH_MAX 64

enum json_kind { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

struct json;

/* Parses one strict JSON text of at most JSON_DEPTH_MAX levels. The bytes are copied.
 * Errors: ERROR_INVALID with line and column. NULL on failure. */
struct json *json_parse(struct arena *arena, struct str text, struct error *err);

/* New values. Strings are copied into the arena. */
struct json *json_object(struct arena *arena);
struct json *json_array(struct arena *arena);
struct json *json_text(struct arena *arena, struct str s);
struct json *json_int(struct arena *arena, int64_t number);
struct json *json_double(struct arena *arena, double number);
struct json *json_bool(struct arena *arena, bool flag);
struct json *json_null(struct arena *arena);
struct json *json_copy(struct arena *arena, const struct json *value);

/* What it is. NULL counts as JSON_NULL. */
enum json_kind json_kind(const struct json *value);
bool json_is_null(const struct json *value);
bool json_is_integer(const struct json *value);

/* The value at a path or under one key, NULL when absent. */
struct json *json_at(const struct json *value, const char *path);
struct json *json_get(const struct json *object, struct str key);
/* As json_get; the key is compared without ASCII case. */
struct json *json_get_fold(const struct json *object, struct str key);

/* Typed readers at a path ("" is the value itself). */
struct str json_str_at(const struct json *value, const char *path);
int64_t json_int_at(const struct json *value, const char *path, int64_t fallback);
double json_double_at(const struct json *value, const char *path, double fallback);
bool json_bool_at(const struct json *value, const char *path, bool fallback);

/* Typed readers of the value itself. */
struct str json_as_str(const struct json *value);
int64_t json_as_int(const struct json *value, int64_t fallback);
double json_as_double(const struct json *value, double fallback);
bool json_as_bool(const struct json *value, bool fallback);

/* Members of an object or elements of an array; 0 for anything else. */
size_t json_count(const struct json *value);

/* Walks an object or array in order:
 *     struct json_iter it = json_iter(value);
 *     while (json_next(&it)) use(it.key, it.value);
 * The value must not be changed meanwhile. it.key is empty in arrays. */
struct json_iter {
    struct str key;
    struct json *value;
    struct json *position_;
    const struct json *container_;
    size_t index; /* of the current member, from 0 */
};
struct json_iter json_iter(const struct json *value);
bool json_next(struct json_iter *it);

/* Sets or replaces a member; `value` must come from the same arena or one that lives longer. One
 * that is a member or element already stays where it is, and a copy goes in. */
void json_set(struct arena *arena, struct json *object, struct str key, struct json *value);
void json_set_str(struct arena *arena, struct json *object, const char *key, struct str text);
void json_set_int(struct arena *arena, struct json *object, const char *key, int64_t number);
void json_set_double(struct arena *arena, struct json *object, const char *key, double number);
void json_set_bool(struct arena *arena, struct json *object, const char *key, bool flag);
void json_set_null(struct arena *arena, struct json *object, const char *key);

/* Sets at a path, making missing objects on the way. Errors: ERROR_INVALID when a step is no
 * object. */
int json_put(struct arena *arena, struct json *root, const char *path, struct json *value,
             struct error *err);

/* Appends to an array. */
void json_append(struct arena *arena, struct json *array, struct json *value);

/* Removes the member at a path and returns it, or NULL. */
struct json *json_take(struct json *root, const char *path);
/* Removes one member by its key; whether there was one. */
bool json_remove(struct json *object, struct str key);

/* RFC 7396: members of `patch` replace, null removes. */
void json_merge(struct arena *arena, struct json *target, const struct json *patch);

/* Deep equality; the order of members does not matter, 1 and 1.0 are equal. */
bool json_equal(const struct json *a, const struct json *b);

/* A copy whose members are sorted by key, at every depth. */
struct json *json_sorted(struct arena *arena, const struct json *value);

/* As text: compact, or with two spaces of indent and no final line end. NaN and the infinities are
 * written as null. */
struct str json_write(struct arena *arena, const struct json *value);
struct str json_write_pretty(struct arena *arena, const struct json *value);
