/* Rows of principals: made, found, listed, closed, gone. Chance is drawn before a write begins, for
 * what runs on the writer thread may run twice. Each change raises the generation: what was
 * remembered of anybody is then asked again. */
#include "identity/principal.h"

#include "identity/identity_private.h"
#include "identity/principal_private.h"
#include "os/clock.h"
#include "os/random.h"
#include "store/event.h"

#include <assert.h>

#define COLUMNS \
    "principal, kind, name, display, object_id, client_id, epoch_us, created_us, disabled"
#define NAME_MAX_BYTES 254
#define KEY_MAX_BYTES 2048 /* ids of resources are longer than names of people */

/* Texts are copied into the transaction's arena. */
static void read_row(struct sql *q, struct principal *out)
{
    *out = (struct principal){.number = sql_int(q, 0),
                              .kind = (enum principal_kind)sql_int(q, 1),
                              .name = sql_text(q, 2),
                              .display = sql_text(q, 3),
                              .object_id = sql_text(q, 4),
                              .client_id = sql_text(q, 5),
                              .epoch_us = sql_int(q, 6),
                              .created_us = sql_int(q, 7),
                              .disabled = sql_int(q, 8) != 0};
    assert(out->number > 0 && out->object_id.len > 0);
    if (out->display.len == 0)
        out->display = out->name;
}

/* Rows lie in the arena of their transaction and end with it. */
struct principal principal_keep(struct arena *arena, const struct principal *principal)
{
    struct principal kept = *principal;

    kept.name = arena_str(arena, principal->name);
    kept.display = arena_str(arena, principal->display);
    kept.object_id = arena_str(arena, principal->object_id);
    kept.client_id = arena_str(arena, principal->client_id);
    return kept;
}

/* People by their display name, all others by the id under which they come for tokens. */
struct maker principal_maker(struct arena *arena, const struct principal *principal)
{
    enum maker_kind kind = principal->kind == PRINCIPAL_MANAGED   ? MAKER_IDENTITY
                           : principal->kind == PRINCIPAL_SERVICE ? MAKER_APPLICATION
                                                                  : MAKER_USER;

    assert(kind == MAKER_USER || principal->client_id.len > 0);
    return (struct maker){
        kind, arena_str(arena, kind == MAKER_USER ? principal->display : principal->client_id)};
}

/* --- Names ---------------------------------------------------------------------------------------
 */

/* The form alone; whether somebody has it is another question. */
bool principal_is_guid(struct str text)
{
    if (text.len != 36)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        bool digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
        if (dash ? c != '-' : !digit)
            return false;
    }
    return true;
}

/* A colon ends the name in basic credentials, a slash ends it in a path; a GUID would be taken for
 * somebody's id, and three names are used by the server itself. */
static int check_name(struct str name, struct error *err)
{
    static const char *const TAKEN[] = {"admin", "local", "lazurite"};

    if (name.len == 0 || name.len > NAME_MAX_BYTES || str_trim(name).len != name.len)
        return error_set(err, ERROR_INVALID, "name",
                         "A name has 1 to %d bytes and no blanks at its ends.", NAME_MAX_BYTES);
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.ptr[i];
        if (c < ' ' || c == 127 || c == ':' || c == '/' || c == '\\' || c == '"')
            return error_set(err, ERROR_INVALID, "name",
                             "A name has no colon, slash, quote or control character.");
    }
    if (principal_is_guid(name))
        return error_set(err, ERROR_INVALID, "name", "A name must not look like a GUID.");
    for (size_t i = 0; i < COUNT(TAKEN); i++)
        if (str_eq_fold(name, str_from(TAKEN[i])))
            return error_set(err, ERROR_INVALID, "name",
                             "The name '%s' is the server's own; choose another.", TAKEN[i]);
    return 0;
}

/* --- Finding -------------------------------------------------------------------------------------
 */

/* The one row of a bound statement. 1 found, 0 none, -1 failed. */
static int one_row(struct sql *q, struct principal *out, struct error *err)
{
    bool found = sql_step(q) > 0;

    if (found)
        read_row(q, out);
    if (sql_end(q, err) < 0)
        return -1;
    return found;
}

/* One statement for three columns: a name cannot be a GUID, so they never collide. */
int principal_by_key(struct store_txn *txn, struct str key, struct principal *out,
                     struct error *err)
{
    struct str lower = arena_lower(store_arena(txn), str_slice(key, 0, KEY_MAX_BYTES));
    struct sql *q = sql(txn,
                        "SELECT " COLUMNS " FROM principal"
                        " WHERE name_key = ?1 OR object_id = ?1 OR client_id = ?1",
                        err);

    if (!q)
        return -1;
    sql_bind_text(q, 1, lower);
    int found = one_row(q, out, err);
    if (found != 0)
        return found < 0 ? -1 : 0;
    return error_set(err, ERROR_NOT_FOUND, "", "There is no principal '%.*s'.",
                     STR_ARG(str_slice(key, 0, 128)));
}

/* For what hangs on the row. */
int principal_by_number(struct store_txn *txn, int64_t number, struct principal *out,
                        struct error *err)
{
    struct sql *q = sql(txn, "SELECT " COLUMNS " FROM principal WHERE principal = ?", err);

    if (!q)
        return -1;
    sql_bind_int(q, 1, number);
    int found = one_row(q, out, err);
    if (found != 0)
        return found < 0 ? -1 : 0;
    return error_set(err, ERROR_NOT_FOUND, "", "This principal is not there any more.");
}

/* In a transaction of its own. */
int principal_find(struct identity *identity, struct arena *arena, struct str key,
                   struct principal *out, struct error *err)
{
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(identity->store, err);
    struct principal found;

    assert(out);
    if (!txn || principal_by_key(txn, key, &found, err) < 0)
        return -1;
    *out = principal_keep(arena, &found);
    return 0;
}

/* Rows of a bound statement, one after another: `each` opens no statement of its own. */
static int walk(struct sql *q, principal_each *each, void *context, struct error *err)
{
    struct principal row;
    int result = 0;

    while (result == 0 && sql_step(q) > 0) {
        read_row(q, &row);
        result = each(&row, context, err);
    }
    if (result < 0) {
        sql_end(q, NULL);
        return -1;
    }
    return sql_end(q, err);
}

/* By name in lower case. */
int principal_list(struct identity *identity, enum principal_kind kind, principal_each *each,
                   void *context, struct error *err)
{
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(identity->store, err);
    struct sql *q =
        txn ? sql(txn, "SELECT " COLUMNS " FROM principal WHERE kind = ? ORDER BY name_key", err)
            : NULL;

    assert(each);
    if (!q)
        return -1;
    sql_bind_int(q, 1, kind);
    return walk(q, each, context, err);
}

/* Of a group; empty for what is none. */
int principal_members(struct identity *identity, int64_t team, principal_each *each, void *context,
                      struct error *err)
{
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(identity->store, err);
    struct sql *q = txn ? sql(txn,
                              "SELECT " COLUMNS " FROM principal WHERE principal IN"
                              " (SELECT member FROM member WHERE team = ?) ORDER BY name_key",
                              err)
                        : NULL;

    assert(each);
    if (!q)
        return -1;
    sql_bind_int(q, 1, team);
    return walk(q, each, context, err);
}

/* --- Changing ------------------------------------------------------------------------------------
 */

/* Every change of who may what goes through here. */
int principal_write(struct identity *identity, store_apply *apply, void *context, struct error *err)
{
    int result = store_write(identity->store, apply, context, err);

    /* Also after a failure: a commit whose fate is unknown may have happened. */
    atomic_fetch_add(&identity->generation, 1);
    return result;
}

/* In the write itself: what was rolled back happened to nobody. */
int principal_event(struct store_txn *txn, const char *type, const struct principal *who,
                    struct str actor, struct error *err)
{
    struct event event = {.type = str_from(type),
                          .subject_kind = STR("principal"),
                          .subject = who->object_id,
                          .actor = actor,
                          .body = STR("{}")};

    assert(who->object_id.len > 0 && actor.len > 0);
    return event_append(txn, &event, err);
}

/* A row about to be written, and by whom. */
struct making {
    struct principal made;
    struct str actor;
};

/* The display name is kept only where it says more than the name. */
int principal_insert(struct store_txn *txn, struct principal *made, struct str actor,
                     struct error *err)
{
    struct arena *arena = store_arena(txn);
    struct principal other;
    struct error none = {0};
    bool named = made->display.len > 0 && !str_eq(made->display, made->name);

    if (principal_by_key(txn, made->name, &other, &none) == 0)
        return error_set(err, ERROR_CONFLICT, "name", "The name '%.*s' is taken.",
                         STR_ARG(made->name));
    struct sql *q = sql(txn,
                        "INSERT INTO principal (kind, name, name_key, display, object_id,"
                        " client_id, epoch_us, disabled, created_us)"
                        " VALUES (?, ?, ?, ?, ?, ?, 0, 0, ?) RETURNING principal",
                        err);
    if (!q)
        return -1;
    sql_bind_int(q, 1, made->kind);
    sql_bind_text(q, 2, made->name);
    sql_bind_text(q, 3, arena_lower(arena, made->name));
    sql_bind_text(q, 4, named ? made->display : STR(""));
    sql_bind_text(q, 5, made->object_id);
    sql_bind_text_or_null(q, 6, made->client_id);
    sql_bind_int(q, 7, made->created_us);
    if (sql_step(q) > 0)
        made->number = sql_int(q, 0);
    if (sql_end(q, err) < 0)
        return -1;
    assert(made->number > 0);
    return principal_event(txn, "principal.created", made, actor, err);
}

/* On the writer thread. */
static int insert(struct store_txn *txn, void *context, struct error *err)
{
    struct making *making = context;

    return principal_insert(txn, &making->made, making->actor, err);
}

/* GUIDs are drawn before the write; the row decides whether the name was free. */
int principal_create(struct identity *identity, struct arena *arena,
                     const struct principal_wish *wish, struct principal *out, struct error *err)
{
    struct making making = {.made = {.kind = wish->kind,
                                     .name = arena_str(arena, wish->name),
                                     .object_id = random_uuid(arena),
                                     .created_us = clock_now_us()},
                            .actor = wish->actor};

    assert(wish->kind >= PRINCIPAL_USER && wish->kind <= PRINCIPAL_GROUP);
    if (check_name(wish->name, err) < 0)
        return -1;
    making.made.display = making.made.name;
    if (wish->kind == PRINCIPAL_SERVICE)
        making.made.client_id = random_uuid(arena);
    if (principal_write(identity, insert, &making, err) < 0)
        return -1;
    *out = making.made;
    return 0;
}

/* One statement about one row: `text` has the number as its last parameter. */
struct change {
    const char *type; /* of the event */
    const char *text;
    int64_t number;
    int64_t value;
    struct str words; /* NULL: the value counts */
    struct str actor;
};

/* The row must be there; the statement says which column. */
static int apply_change(struct store_txn *txn, void *context, struct error *err)
{
    const struct change *change = context;
    struct principal who;

    if (principal_by_number(txn, change->number, &who, err) < 0)
        return -1;
    struct sql *q = sql(txn, change->text, err);
    if (!q)
        return -1;
    if (change->words.ptr)
        sql_bind_text(q, 1, change->words);
    else
        sql_bind_int(q, 1, change->value);
    sql_bind_int(q, 2, change->number);
    if (sql_run(q, err) < 0)
        return -1;
    return principal_event(txn, change->type, &who, change->actor, err);
}

/* Tokens carry whole seconds: those of the running second are revoked too. */
int principal_revoke(struct identity *identity, struct str actor, int64_t number, struct error *err)
{
    struct change change = {.type = "principal.revoked",
                            .text = "UPDATE principal SET epoch_us = ? WHERE principal = ?",
                            .number = number,
                            .actor = actor,
                            .value = (clock_now_us() / US_PER_S + 1) * US_PER_S};

    return principal_write(identity, apply_change, &change, err);
}

/* Credentials stay, so that enabling gives all of it back. */
int principal_disable(struct identity *identity, struct str actor, int64_t number, bool disabled,
                      struct error *err)
{
    struct change change = {.type = disabled ? "principal.disabled" : "principal.enabled",
                            .text = "UPDATE principal SET disabled = ? WHERE principal = ?",
                            .number = number,
                            .actor = actor,
                            .value = disabled};

    return principal_write(identity, apply_change, &change, err);
}

/* Names never change, since tokens and events hold them; this one may. */
int principal_set_display(struct identity *identity, struct str actor, int64_t number,
                          struct str display, struct error *err)
{
    struct change change = {.type = "principal.changed",
                            .text = "UPDATE principal SET display = ? WHERE principal = ?",
                            .number = number,
                            .actor = actor,
                            .words = display.ptr ? display : STR("")};

    if (display.len > NAME_MAX_BYTES)
        return error_set(err, ERROR_INVALID, "displayName", "A display name has at most %d bytes.",
                         NAME_MAX_BYTES);
    return principal_write(identity, apply_change, &change, err);
}

struct leaving {
    int64_t number;
    struct str actor;
};

/* What hangs on a row goes before it. */
int principal_remove(struct store_txn *txn, const struct principal *who, struct str actor,
                     struct error *err)
{
    static const char *const TEXTS[] = {
        "DELETE FROM credential WHERE principal = ?", "DELETE FROM \"grant\" WHERE principal = ?",
        "DELETE FROM member WHERE member = ?", "DELETE FROM member WHERE team = ?",
        "DELETE FROM principal WHERE principal = ?"};

    assert(store_is_writer(txn) && who->number > 0);
    for (size_t i = 0; i < COUNT(TEXTS); i++) {
        struct sql *q = sql(txn, TEXTS[i], err);
        if (!q)
            return -1;
        sql_bind_int(q, 1, who->number);
        if (sql_run(q, err) < 0)
            return -1;
    }
    return principal_event(txn, "principal.deleted", who, actor, err);
}

/* Somebody must be left who can give roles. */
static int remove_row(struct store_txn *txn, void *context, struct error *err)
{
    const struct leaving *leaving = context;
    struct principal who;
    bool last = false;

    if (principal_by_number(txn, leaving->number, &who, err) < 0 ||
        grant_is_last_owner(txn, leaving->number, &last, err) < 0)
        return -1;
    if (last)
        return error_set(err, ERROR_CONFLICT, "",
                         "'%.*s' is the last Owner of the root; make another one first.",
                         STR_ARG(who.name));
    return principal_remove(txn, &who, leaving->actor, err);
}

/* Its object id is never given again, so old tokens name nobody. */
int principal_delete(struct identity *identity, struct str actor, int64_t number, struct error *err)
{
    struct leaving leaving = {number, actor};

    assert(number > 0);
    return principal_write(identity, remove_row, &leaving, err);
}

/* --- Groups --------------------------------------------------------------------------------------
 */

struct membership {
    const char *text;
    const char *type;
    int64_t team, member;
    struct str actor;
};

/* Looked up inside the write: either may have gone meanwhile. */
static int apply_membership(struct store_txn *txn, void *context, struct error *err)
{
    const struct membership *change = context;
    struct principal team, member;

    if (principal_by_number(txn, change->team, &team, err) < 0 ||
        principal_by_number(txn, change->member, &member, err) < 0)
        return -1;
    if (team.kind != PRINCIPAL_GROUP || member.kind == PRINCIPAL_GROUP)
        return error_set(err, ERROR_INVALID, "",
                         "Members of a group are users and service principals, not groups.");
    struct sql *q = sql(txn, change->text, err);
    if (!q)
        return -1;
    sql_bind_int(q, 1, change->team);
    sql_bind_int(q, 2, change->member);
    if (sql_run(q, err) < 0)
        return -1;
    return principal_event(txn, change->type, &member, change->actor, err);
}

/* Twice is once. */
int principal_join(struct identity *identity, struct str actor, int64_t team, int64_t member,
                   struct error *err)
{
    struct membership change = {
        "INSERT INTO member (team, member) VALUES (?, ?) ON CONFLICT DO NOTHING",
        "principal.joined", team, member, actor};

    assert(team > 0 && member > 0);
    return principal_write(identity, apply_membership, &change, err);
}

/* Whoever is no member stays none. */
int principal_leave(struct identity *identity, struct str actor, int64_t team, int64_t member,
                    struct error *err)
{
    struct membership change = {"DELETE FROM member WHERE team = ? AND member = ?",
                                "principal.left", team, member, actor};

    assert(team > 0 && member > 0);
    return principal_write(identity, apply_membership, &change, err);
}
