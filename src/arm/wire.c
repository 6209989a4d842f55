#include "arm/internal.h"

#include "os/clock.h"

#include <assert.h>

/* From a document to what a client reads, and from a path to its document. */

/* "versions" of "data/versions". */
static struct str last_word(struct str type)
{
    ptrdiff_t slash = str_find_last(type, '/');

    assert(type.len > 0);
    return str_slice(type, (size_t)(slash + 1), type.len);
}

/* "registry" or "workspace", for sentences. */
static const char *scope_word(const struct arm_request *req)
{
    return req->scope.kind == SCOPE_REGISTRY ? "registry" : "workspace";
}

/* "environments" as one of them, "featurestoreEntities" too. */
static struct str singular(struct arena *arena, struct str word)
{
    assert(word.len > 0);
    if (str_ends(word, STR("ies")))
        return arena_printf(arena, "%.*sy", STR_ARG(str_slice(word, 0, word.len - 3)));
    return str_ends(word, STR("s")) ? str_slice(word, 0, word.len - 1) : word;
}

/* A container by name; "in workspace 'w'" when it is missing. */
static int find_container(struct arm_request *req, struct store_txn *txn,
                          const struct document_key *key, struct document *out, struct error *err)
{
    assert(key->name.len > 0);
    if (document_get(txn, key, out, err) == 0)
        return 0;
    if (err->code != ERROR_NOT_FOUND)
        return -1;
    return error_set(err, ERROR_NOT_FOUND, arena_cstr(req->arena, key->type),
                     "There is no %.*s '%.*s' in %s '%.*s'.",
                     STR_ARG(singular(req->arena, last_word(key->type))), STR_ARG(key->name),
                     scope_word(req), STR_ARG(req->scope.name));
}

/* The container, and its own, for kinds that have one and paths that name one. */
int arm_find_parent(struct arm_request *req, struct store_txn *txn, struct error *err)
{
    const struct arm_kind *parent = req->kind->parent;
    struct document found;
    struct document_key key = {.scope = req->scope.number};

    assert(req->kind);
    req->parent = (struct document){0};
    if (!parent || req->parent_name.len == 0)
        return 0;
    if (parent->parent) {
        key.type = str_from(parent->parent->type);
        key.name = req->grand_name;
        if (find_container(req, txn, &key, &found, err) < 0)
            return -1;
        key.parent = found.doc;
    }
    key.type = str_from(parent->type);
    key.name = req->parent_name;
    if (find_container(req, txn, &key, &found, err) < 0)
        return -1;
    req->parent = arm_keep(req->arena, &found);
    return 0;
}

/* The sentence names what was looked for and where. */
static int not_found(struct arm_request *req, struct error *err)
{
    struct str word = singular(req->arena, last_word(str_from(req->kind->type)));

    assert(err->code == ERROR_NOT_FOUND);
    if (req->kind->parent)
        return error_set(err, ERROR_NOT_FOUND, req->kind->type,
                         "There is no %.*s '%.*s' of '%.*s'.", STR_ARG(word), STR_ARG(req->name),
                         STR_ARG(req->parent_name));
    return error_set(err, ERROR_NOT_FOUND, req->kind->type, "There is no %.*s '%.*s' in %s '%.*s'.",
                     STR_ARG(word), STR_ARG(req->name), scope_word(req), STR_ARG(req->scope.name));
}

int arm_find(struct arm_request *req, struct store_txn *txn, struct document *out,
             struct error *err)
{
    assert(req->name.len > 0);
    if (arm_find_parent(req, txn, err) < 0)
        return -1;
    struct document_key key = {req->scope.number, str_from(req->kind->type), req->parent.doc,
                               req->name};
    if (document_get(txn, &key, out, err) == 0)
        return 0;
    if (err->code != ERROR_NOT_FOUND)
        return -1;
    if (req->kind->find && req->kind->find(req, txn, out, err) == 0)
        return 0;
    return err->code == ERROR_NOT_FOUND ? not_found(req, err) : -1;
}

/* nextVersion and latestVersion, which clients read before they choose a number. */
static int show_container(struct arm_request *req, struct store_txn *txn,
                          const struct document *document, struct json *properties)
{
    struct document latest;
    struct error ignored;
    int64_t next = document->next_version > 0 ? document->next_version : 1;

    assert(json_kind(properties) == JSON_OBJECT);
    json_set_str(req->arena, properties, "nextVersion",
                 arena_printf(req->arena, "%lld", (long long)next));
    if (document_latest(txn, document->scope, document->doc, &latest, &ignored) == 0)
        json_set_str(req->arena, properties, "latestVersion", latest.name);
    else
        json_set_null(req->arena, properties, "latestVersion");
    json_set_bool(req->arena, properties, "isArchived", document->archived);
    return 0;
}

/* What Azure says of every version, whoever made it. */
static void show_version(struct arena *arena, const struct document *document,
                         struct json *properties)
{
    assert(json_kind(properties) == JSON_OBJECT);
    json_set_bool(arena, properties, "isArchived", document->archived);
    if (json_is_null(json_get(properties, STR("isAnonymous"))))
        json_set_bool(arena, properties, "isAnonymous", false);
}

/* The name of the container; lists over several containers look each up. */
static int parent_name(struct arm_request *req, struct store_txn *txn,
                       const struct document *document, struct str *out, struct error *err)
{
    struct document parent;

    *out = (struct str){0};
    if (!req->kind->parent)
        return 0;
    if (document->parent == req->parent.doc) {
        *out = req->parent.doc ? req->parent.name : req->parent_name;
        return 0;
    }
    if (document_by_id(txn, document->parent, &parent, err) < 0)
        return -1;
    *out = parent.name;
    return 0;
}

/* "Microsoft…/workspaces/models/versions", in a registry "Microsoft…/registries/models/versions".
 */
static struct str wire_type(const struct arm_request *req)
{
    struct str wire = str_from(req->kind->wire);
    struct str prefix = STR(ARM_PROVIDER "/workspaces/");

    assert(wire.len > 0);
    if (req->scope.kind != SCOPE_REGISTRY || !str_starts(wire, prefix))
        return wire;
    return arena_printf(req->arena, ARM_PROVIDER "/registries/%.*s",
                        STR_ARG(str_slice(wire, prefix.len, wire.len)));
}

/* What no request made says so by its row alone: what the server is born with, runs of MLflow. */
struct json *arm_system_of(struct arena *arena, const struct document *document)
{
    struct json *system = document->system.len ? json_parse(arena, document->system, NULL) : NULL;
    struct maker maker = {str_eq(document->created_by, STR("lazurite")) ? MAKER_APPLICATION
                                                                        : MAKER_USER,
                          document->created_by};
    char text[CLOCK_ISO_BYTES];

    assert(document);
    if (json_count(system) > 0 || document->created_us <= 0)
        return system ? system : json_object(arena);
    system = json_parse(arena, maker_stamp(arena, &maker, STR(""), document->created_us), NULL);
    if (document->updated_us > 0)
        json_set_str(arena, system, "lastModifiedAt",
                     arena_str(arena, clock_iso(document->updated_us, text)));
    return system;
}

/* Stored body, id, name, type and systemData, then what the kind knows to be live. */
struct json *arm_wire(struct arm_request *req, struct store_txn *txn,
                      const struct document *document, struct error *err)
{
    const struct arm_kind *kind = req->kind;
    struct json *body = json_parse(req->arena, document->body, err);
    struct json *wire = json_object(req->arena);
    struct str container;

    assert(req->kind && req->arm);
    if (!body || parent_name(req, txn, document, &container, err) < 0)
        return NULL;
    json_set_str(req->arena, wire, "id", arm_id(req, container, document->name));
    json_set_str(req->arena, wire, "name", document->name);
    json_set_str(req->arena, wire, "type", wire_type(req));
    json_merge(req->arena, wire, body);
    json_set(req->arena, wire, STR("systemData"), arm_system_of(req->arena, document));
    struct json *properties = json_at(wire, "properties");
    if (json_kind(properties) != JSON_OBJECT) {
        properties = json_object(req->arena);
        json_set(req->arena, wire, STR("properties"), properties);
    }
    const struct arm_kind *child = arm_kind_child(req->arm, kind);
    if (child && child->makes_parent)
        show_container(req, txn, document, properties);
    else if (kind->immutable)
        show_version(req->arena, document, properties);
    if (arm_identity_show(req, txn, wire, err) < 0 ||
        (kind->show && kind->show(req, txn, document, wire, err) < 0))
        return NULL;
    return wire;
}
