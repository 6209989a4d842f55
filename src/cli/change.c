/* change.c - see change.h */
#include "cli/change.h"
#include "cli/edit.h"
#include "cli/session.h"
#include "yaml/yaml.h"

#include <assert.h>

/* In the order set, add, remove: what is added in a line may be changed in the same line only by
 * hand. */
int change_edit(struct cli *cli, struct json *shown, struct error *err)
{
    const struct cli_given *sets = cli_words(cli, "set"), *adds = cli_words(cli, "add");
    const struct cli_given *removes = cli_words(cli, "remove");
    bool text = cli_has(cli, "force-string");

    assert(json_kind(shown) == JSON_OBJECT);
    /* What fails from here on was written on the command line. */
    cli->usage = true;
    for (size_t i = 0; i < sets->count; i++)
        if (edit_set(cli->arena, shown, sets->values[i], text, err) < 0)
            return -1;
    if (adds->count && edit_add(cli->arena, shown, adds->values, adds->count, err) < 0)
        return -1;
    if (removes->count && edit_remove(cli->arena, shown, removes->values, removes->count, err) < 0)
        return -1;
    cli->usage = false;
    return 0;
}

/* Keys are compared whole: `tags.a` is an edit within tags, and the row is that of tags. */
static const struct change_key *find_key(const struct change_rules *rules, struct str key)
{
    assert(key.len > 0);
    for (size_t i = 0; i < rules->count; i++)
        if (str_eq(key, str_from(rules->keys[i].key)))
            return &rules->keys[i];
    return NULL;
}

/* "description, tags": what an answer to a wrong key lists. */
static struct str key_list(struct arena *arena, const struct change_rules *rules)
{
    struct str text = STR("");

    assert(rules->count > 0);
    for (size_t i = 0; i < rules->count; i++)
        text = arena_printf(arena, "%.*s%s%s", STR_ARG(text), i ? ", " : "", rules->keys[i].key);
    return text;
}

/* A mapping with its scalars as texts; anything else is the server's to refuse. */
static struct json *as_texts(struct arena *arena, const struct json *value)
{
    struct json *out = json_object(arena);
    struct json_iter it = json_iter(value);

    if (json_kind(value) != JSON_OBJECT)
        return json_copy(arena, value);
    while (json_next(&it))
        json_set(arena, out, it.key, json_text(arena, yaml_literal_text(arena, it.value)));
    assert(json_count(out) == json_count(value));
    return out;
}

/* Puts one edited value where it belongs; NULL was removed. */
static int put_value(struct cli *cli, const struct change_rules *rules, struct json *body,
                     const struct json_iter *at, struct error *err)
{
    const struct change_key *key = find_key(rules, at->key);

    assert(body);
    if (!key) {
        cli->usage = true;
        return error_set(err, ERROR_INVALID, "",
                         "'%.*s' of a %s cannot be changed; these can: %.*s.", STR_ARG(at->key),
                         rules->word, STR_ARG(key_list(cli->arena, rules)));
    }
    if (!at->value) {
        json_take(body, key->path);
        return 0;
    }
    struct json *value =
        key->texts ? as_texts(cli->arena, at->value) : json_copy(cli->arena, at->value);
    return json_put(cli->arena, body, key->path, value, err);
}

/* What is shown is edited and compared key by key, so that only what differs is written. */
int change_body(struct cli *cli, const struct change_rules *rules, struct json *body,
                struct error *err)
{
    struct json *before = rules->shape(cli, body), *after = json_copy(cli->arena, before);
    struct json_iter it = json_iter(before);
    size_t changes = 0;

    assert(json_kind(before) == JSON_OBJECT);
    if (change_edit(cli, after, err) < 0)
        return -1;
    while (json_next(&it)) {
        struct json_iter gone = {.key = it.key};
        if (json_get(after, it.key))
            continue;
        changes++;
        if (put_value(cli, rules, body, &gone, err) < 0)
            return -1;
    }
    it = json_iter(after);
    while (json_next(&it)) {
        if (json_equal(it.value, json_get(before, it.key)))
            continue;
        changes++;
        if (put_value(cli, rules, body, &it, err) < 0)
            return -1;
    }
    if (changes)
        return 0;
    cli->usage = true;
    return error_set(err, ERROR_INVALID, "", "Nothing is changed; give --set, --add or --remove.");
}

/* The whole goes back as it came but for the change: what we do not show is not lost. */
int change_resource(struct cli *cli, const struct change_rules *rules, struct str id,
                    struct error *err)
{
    struct json *body, *reply;

    assert(id.len > 0);
    if (session_get(cli, id, &body, err) < 0 || change_body(cli, rules, body, err) < 0 ||
        session_put(cli, id, body, &reply, err) < 0)
        return -1;
    return cli_result(cli, rules->shape(cli, reply), err);
}

/* Hiding is a property like others on the wire; there is no verb for it. */
int change_archived(struct cli *cli, struct str id, bool archived, struct error *err)
{
    struct json *body;

    assert(id.len > 0);
    if (session_get(cli, id, &body, err) < 0 ||
        json_put(cli->arena, body, "properties.isArchived", json_bool(cli->arena, archived), err) <
            0 ||
        session_put(cli, id, body, NULL, err) < 0)
        return -1;
    cli_note(cli, archived ? "Archived; lists show it with --include-archived." : "Restored.");
    return 0;
}
