/* resource.c - What all kinds of resources share on the command line. The rows of a kind say how
 * its file looks on the wire; everything else here is the same for all. */
#include "cli/resource.h"
#include "cli/assets.h"
#include "cli/change.h"
#include "cli/confirm.h"
#include "cli/listing.h"
#include "cli/scope.h"
#include "cli/session.h"
#include "cli/shape.h"
#include "http/text.h"
#include "yaml/yaml.h"

#include <assert.h>
#include <string.h>

static const struct resource_kind *kind_of(const struct cli *cli)
{
    assert(cli->arguments.command && cli->arguments.command->kind);
    return cli->arguments.command->kind;
}

/* The text of the flag that names one. */
static struct str name_given(const struct cli *cli)
{
    const struct resource_kind *kind = kind_of(cli);

    return cli_text(cli, kind->name_flag ? kind->name_flag : "name");
}

/* The place decides the path; a parent stands between. */
struct str resource_collection(struct cli *cli, const struct resource_kind *kind)
{
    struct str base =
        kind->place == RESOURCE_IN_GROUP ? session_group(cli) : session_workspace(cli);

    assert(cli->session);
    if (kind->parent) {
        struct str of = http_encode(cli->arena, cli_text(cli, "endpoint-name"), false);
        base = arena_printf(cli->arena, "%.*s/%s/%.*s", STR_ARG(base), kind->parent, STR_ARG(of));
    }
    return arena_printf(cli->arena, "%.*s/%s", STR_ARG(base), kind->type);
}

/* Names are encoded: one may hold what a path may not. */
struct str resource_id(struct cli *cli, const struct resource_kind *kind, struct str name)
{
    assert(name.len > 0);
    return arena_printf(cli->arena, "%.*s/%.*s", STR_ARG(resource_collection(cli, kind)),
                        STR_ARG(http_encode(cli->arena, name, false)));
}

/* Versions are texts, and may hold anything as well. */
static struct str version_id(struct cli *cli, struct str name, struct str version)
{
    assert(version.len > 0);
    return arena_printf(cli->arena, "%.*s/versions/%.*s",
                        STR_ARG(resource_id(cli, kind_of(cli), name)),
                        STR_ARG(http_encode(cli->arena, version, false)));
}

/* Without a version the container is meant: its latest is shown, or all of it archived. */
struct str resource_named(struct cli *cli)
{
    struct str version = kind_of(cli)->versioned ? cli_text(cli, "version") : STR("");

    if (version.len)
        return version_id(cli, name_given(cli), version);
    return resource_id(cli, kind_of(cli), name_given(cli));
}

/* latest is asked for by the client, as the SDK does: the wire has no such version. */
int resource_find(struct cli *cli, struct str *out, struct error *err)
{
    bool labeled = kind_of(cli)->versioned && cli_text(cli, "label").len > 0;
    struct str version;

    if (session_open(cli, err) < 0)
        return -1;
    if (labeled && cli_text(cli, "version").len) {
        cli->usage = true;
        return error_set(err, ERROR_INVALID, "", "--version and --label exclude each other.");
    }
    if (labeled && assets_latest(cli, kind_of(cli)->type, name_given(cli), &version, err) < 0)
        return -1;
    *out = labeled ? version_id(cli, name_given(cli), version) : resource_named(cli);
    return 0;
}

/* The piece of an id behind "/word/". */
static struct str piece_after(struct str id, const char *word)
{
    struct str rest = id, piece;

    assert(word[0]);
    while (str_split(&rest, '/', &piece))
        if (str_eq_fold(piece, str_from(word)) && str_split(&rest, '/', &piece))
            return piece;
    return STR("");
}

/* Rows first, then what the id says, then the hook: each may correct what came before. */
struct json *resource_shape(struct cli *cli, const struct json *rest)
{
    const struct resource_kind *kind = kind_of(cli);
    struct json *out = shape_common(cli, rest, kind->rows, kind->row_count);
    struct str id = json_str_at(rest, "id");

    assert(kind->rows);
    if (kind->shown_count)
        fields_to_yaml(cli->arena, kind->shown, kind->shown_count, rest, out);
    struct str endpoint = kind->parent ? piece_after(id, kind->parent) : STR("");
    if (endpoint.len)
        json_set_str(cli->arena, out, "endpoint_name", endpoint);
    struct str version = kind->versioned ? piece_after(id, "versions") : STR("");
    if (version.len) {
        json_set_str(cli->arena, out, "name", piece_after(id, kind->type));
        json_set_str(cli->arena, out, "version", version);
    } else if (kind->versioned) {
        json_set_str(cli->arena, out, "latest version",
                     json_str_at(rest, "properties.latestVersion"));
    }
    if (kind->show)
        kind->show(cli, rest, out);
    return out;
}

/* --- create -------------------------------------------------------------------------------------
 */

/* Defaults first, rows over them, then the hook: it sees what is there. */
int resource_body(struct cli *cli, struct document *document, struct json **out, struct error *err)
{
    const struct resource_kind *kind = kind_of(cli);
    struct json *body =
        json_parse(cli->arena, str_from(kind->defaults ? kind->defaults : "{}"), err);

    assert(body);
    fields_to_rest(cli->arena, kind->rows, kind->row_count, document->yaml.root, body);
    if (kind->finish && kind->finish(cli, document, body, err) < 0)
        return -1;
    *out = body;
    return document_report(cli, document, err);
}

/* The file and its flags, checked; what stands in an endpoint is told by the file too. */
static int read_document(struct cli *cli, struct document *document, struct error *err)
{
    const struct resource_kind *kind = kind_of(cli);

    if (document_read(cli, &kind->family, kind->keys, document, err) < 0)
        return -1;
    document_check(cli, document);
    if (document->problems.errors)
        return document_report(cli, document, err);
    struct str name = json_str_at(document->yaml.root, "name");
    if (!name.len) {
        yaml_problem_add(&document->problems, document_place(document, ""), "E1102",
                         "'name' is missing in a %s", kind->word);
        return document_report(cli, document, err);
    }
    return session_open(cli, err);
}

/* Where what the file describes goes. */
static int document_id(struct cli *cli, const struct document *document, struct str *out,
                       struct error *err)
{
    const struct resource_kind *kind = kind_of(cli);
    const struct json *root = document->yaml.root;
    struct str name = json_str_at(root, "name");
    struct str version = yaml_literal_text(cli->arena, json_get(root, STR("version")));

    assert(name.len > 0);
    if (kind->parent) {
        struct str parent = json_str_at(root, "endpoint_name");
        struct str base = session_workspace(cli);
        *out = arena_printf(cli->arena, "%.*s/%s/%.*s/%s/%.*s", STR_ARG(base), kind->parent,
                            STR_ARG(http_encode(cli->arena, parent, false)), kind->type,
                            STR_ARG(http_encode(cli->arena, name, false)));
        return 0;
    }
    *out = resource_id(cli, kind, name);
    if (!kind->versioned)
        return 0;
    if (!version.len && assets_next_version(cli, kind->type, name, &version, err) < 0)
        return -1;
    *out = version_id(cli, name, version);
    return 0;
}

/* Sends and prints; with --no-wait there may be nothing to print yet. */
static int write_and_print(struct cli *cli, const struct session_write *write, struct error *err)
{
    struct json *reply = NULL;

    assert(write->body);
    if (session_change(cli, write, &reply, err) < 0)
        return -1;
    return reply ? cli_result(cli, resource_shape(cli, reply), err) : 0;
}

static const char *phase_of(struct cli *cli, const char *verb)
{
    return arena_printf(cli->arena, "%s %s", verb, kind_of(cli)->word).ptr;
}

/* Create is create or update: the whole body goes, whatever was there. */
static int put_document(struct cli *cli, const char *verb, struct error *err)
{
    struct document document;
    struct json *body;
    struct str id;

    if (read_document(cli, &document, err) < 0 || resource_body(cli, &document, &body, err) < 0 ||
        document_id(cli, &document, &id, err) < 0)
        return -1;
    struct session_write write = {"PUT", id, body, phase_of(cli, verb)};
    if (write_and_print(cli, &write, err) < 0)
        return document_blame(cli, &document, err);
    return 0;
}

int resource_create(struct cli *cli, struct error *err)
{
    return put_document(cli, "Creating", err);
}

/* --- show and list ------------------------------------------------------------------------------
 */

/* One GET, and the kind's rows backwards. */
int resource_show(struct cli *cli, struct error *err)
{
    struct json *reply;
    struct str id;

    if (resource_find(cli, &id, err) < 0 || session_get(cli, id, &reply, err) < 0)
        return -1;
    return cli_result(cli, resource_shape(cli, reply), err);
}

/* Names of a versioned kind, or with -n the versions of one. */
int resource_list(struct cli *cli, struct error *err)
{
    const struct resource_kind *kind = kind_of(cli);

    if (session_open(cli, err) < 0)
        return -1;
    bool versions = kind->versioned && name_given(cli).len > 0;
    struct str path = versions ? arena_printf(cli->arena, "%.*s/versions",
                                              STR_ARG(resource_id(cli, kind, name_given(cli))))
                               : resource_collection(cli, kind);
    if (cli->arguments.command->shares & CLI_ARCHIVE)
        path = listing_view(cli, path);
    struct listing listing = {path, listing_most(cli), resource_shape, kind->columns, NULL};
    return listing_print(cli, &listing, err);
}

/* --- update -------------------------------------------------------------------------------------
 */

/* Whether a row's key is this top-level one, or lies below it. */
static bool row_is_of(const struct field_row *row, struct str key)
{
    struct str path = str_from(row->yaml);

    assert(key.len > 0);
    return str_starts(path, key) && (path.len == key.len || path.ptr[key.len] == '.');
}

/* Writes the rows of one key into the body, or takes them out of it when the key is gone. */
static bool write_key(struct cli *cli, struct str key, const struct json *after, struct json *body)
{
    const struct resource_kind *kind = kind_of(cli);
    bool found = false;

    assert(json_kind(after) == JSON_OBJECT);
    for (size_t i = 0; i < kind->row_count; i++) {
        if (!row_is_of(&kind->rows[i], key))
            continue;
        found = true;
        json_take(body, kind->rows[i].rest);
        fields_to_rest(cli->arena, &kind->rows[i], 1, after, body);
    }
    return found;
}

/* Whether the body's part of this key is made by the kind's hook. */
static bool is_finished(const struct resource_kind *kind, struct str key)
{
    for (const char *const *one = kind->finish_keys; one && *one; one++)
        if (str_eq(key, str_from(*one)))
            return true;
    return false;
}

/* The hook sees what was edited as if a file had said it. */
static int finish_edited(struct cli *cli, struct json *after, struct json *body, struct error *err)
{
    struct document document = {.cli = cli,
                                .yaml.root = after,
                                .file = STR("<command line>"),
                                .folder = STR("."),
                                .problems = {.arena = cli->arena}};

    assert(kind_of(cli)->finish);
    if (kind_of(cli)->finish(cli, &document, body, err) < 0)
        return -1;
    return document_report(cli, &document, err);
}

/* Says what can be changed: the next try should be the last. */
static int not_changeable(struct cli *cli, struct str key, struct error *err)
{
    struct str text = STR("");
    const struct resource_kind *kind = kind_of(cli);

    for (size_t i = 0; i < kind->row_count; i++)
        if (!strchr(kind->rows[i].yaml, '.'))
            text = arena_printf(cli->arena, "%.*s%s%s", STR_ARG(text), text.len ? ", " : "",
                                kind->rows[i].yaml);
    cli->usage = true;
    return error_set(err, ERROR_INVALID, "", "'%.*s' of a %s cannot be changed; these can: %.*s.",
                     STR_ARG(key), kind->word, STR_ARG(text));
}

/* Every key that the edit changed or took away, into the body. The count, or -1. */
static int write_changes(struct cli *cli, const struct json *before, struct json *after,
                         struct json *body, struct error *err)
{
    const struct json *const sides[] = {before, after};
    bool finishes = false;
    int changes = 0;

    for (size_t side = 0; side < COUNT(sides); side++) {
        struct json_iter it = json_iter(sides[side]);
        while (json_next(&it)) {
            const struct json *other = json_get(sides[1 - side], it.key);
            /* Keys on both sides are looked at once. */
            if (side == 0 ? other != NULL : json_equal(it.value, other))
                continue;
            bool finished = is_finished(kind_of(cli), it.key);
            if (!write_key(cli, it.key, after, body) && !finished)
                return not_changeable(cli, it.key, err);
            finishes |= finished;
            changes++;
        }
    }
    if (finishes && finish_edited(cli, after, body, err) < 0)
        return -1;
    return changes;
}

/* --set and its like, and the flags that stand for keys. */
static int edit(struct cli *cli, struct json *after, struct error *err)
{
    return document_flags(cli, after, kind_of(cli)->keys, err) < 0 ? -1
                                                                   : change_edit(cli, after, err);
}

/* Read, edited as it is shown, compared, written: the server sees only what differs. */
static int update_in_place(struct cli *cli, struct error *err)
{
    const struct resource_kind *kind = kind_of(cli);
    struct json *now, *body;

    if (!name_given(cli).len) {
        cli->usage = true;
        return error_set(err, ERROR_INVALID, "", "--name or --file is missing: which %s?",
                         kind->word);
    }
    struct str id;
    if (resource_find(cli, &id, err) < 0 || session_get(cli, id, &now, err) < 0)
        return -1;
    struct json *before = resource_shape(cli, now), *after = json_copy(cli->arena, before);
    body = kind->patches ? json_object(cli->arena) : json_copy(cli->arena, now);
    if (kind->complete && kind->complete(cli, id, body, err) < 0)
        return -1;
    if (edit(cli, after, err) < 0)
        return -1;
    int changes = write_changes(cli, before, after, body, err);
    if (changes < 0)
        return -1;
    if (!changes) {
        cli->usage = true;
        return error_set(err, ERROR_INVALID, "",
                         "Nothing is changed; give --set or a flag of what shall be otherwise.");
    }
    struct session_write write = {kind->patches ? "PATCH" : "PUT", id, body,
                                  phase_of(cli, "Updating")};
    return write_and_print(cli, &write, err);
}

/* A file replaces what is there, which must be there; flags alone change it. */
int resource_update(struct cli *cli, struct error *err)
{
    struct document document;
    struct json *body;
    struct str id;

    if (!cli_has(cli, "file"))
        return session_open(cli, err) < 0 ? -1 : update_in_place(cli, err);
    if (read_document(cli, &document, err) < 0 || resource_body(cli, &document, &body, err) < 0 ||
        document_id(cli, &document, &id, err) < 0 || session_get(cli, id, NULL, err) < 0)
        return -1;
    struct session_write write = {kind_of(cli)->patches ? "PATCH" : "PUT", id, body,
                                  phase_of(cli, "Updating")};
    if (write_and_print(cli, &write, err) < 0)
        return document_blame(cli, &document, err);
    return 0;
}

/* --- the rest -----------------------------------------------------------------------------------
 */

/* Commands that az lets ask are those with -y. */
int resource_delete(struct cli *cli, struct error *err)
{
    const struct cli_command *command = cli->arguments.command;
    struct str name = name_given(cli);

    assert(command->run);
    if ((command->shares & CLI_YES) && confirm_delete(cli, kind_of(cli)->word, name, err) < 0)
        return -1;
    if (session_open(cli, err) < 0)
        return -1;
    struct str path = resource_named(cli);
    if (command->action)
        path = arena_printf(cli->arena, "%.*s?%s", STR_ARG(path), command->action);
    return session_change(
        cli, &(struct session_write){"DELETE", path, NULL, phase_of(cli, "Deleting")}, NULL, err);
}

/* az asks before it hides some kinds: those commands have -y. Hiding takes nothing away, so that it
 * is only asked where a person can answer. */
static int set_archived(struct cli *cli, bool archived, struct error *err)
{
    struct str id;

    assert(kind_of(cli)->type);
    return resource_find(cli, &id, err) < 0 ? -1 : change_archived(cli, id, archived, err);
}

int resource_archive(struct cli *cli, struct error *err)
{
    return set_archived(cli, true, err);
}

int resource_restore(struct cli *cli, struct error *err)
{
    return set_archived(cli, false, err);
}

/* What the reply holds is the result; an empty one prints nothing. */
int resource_post(struct cli *cli, const struct json *body, struct error *err)
{
    const struct cli_command *command = cli->arguments.command;
    struct json *reply = NULL;

    assert(command->action);
    if (session_open(cli, err) < 0)
        return -1;
    struct str path =
        arena_printf(cli->arena, "%.*s/%s", STR_ARG(resource_named(cli)), command->action);
    const char *phase = arena_printf(cli->arena, "%s %s", command->name, kind_of(cli)->word).ptr;
    if (session_change(cli, &(struct session_write){"POST", path, body, phase}, &reply, err) < 0)
        return -1;
    return reply && json_count(reply) ? cli_result(cli, reply, err) : 0;
}

int resource_action(struct cli *cli, struct error *err)
{
    return resource_post(cli, NULL, err);
}

/* Said in full: a command that did nothing in silence would be found out too late. */
int resource_not_built(struct cli *cli, struct error *err)
{
    const struct cli_command *command = cli->arguments.command;

    assert(command->help);
    cli->wire_code = STR("NotImplemented");
    return error_set(err, ERROR_NOT_IMPLEMENTED, "", "'lazurite %s %s' is not built yet: %s.",
                     cli->arguments.group->name, command->name, command->help);
}
