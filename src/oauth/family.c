/* Checked and changed within one write, so that of two who bring the same token one wins. */
#include "oauth/family.h"

#include "base/json.h"
#include "identity/base64url.h"
#include "os/clock.h"
#include "os/random.h"
#include "store/event.h"

#include <assert.h>
#include <openssl/sha.h>
#include <string.h>

#define TOKEN_BYTES 32
#define TOKEN_TEXT_MAX 64
#define LIFE_US (90LL * 24 * 3600 * US_PER_S) /* since it was issued: a family in use goes on */
#define EXPIRED_AT_ONCE 100                   /* rows that one write removes */

/* What the write is told, and what it says. */
struct turn {
    const struct family *family;
    struct str old_hash, new_hash; /* old "": a new family */
    int64_t now_us;
    bool reused; /* the old one was used before: the family is gone */
    bool gone;
};

/* A random token is found by its hash; that a hash leaks opens nothing. */
static struct str hash_of(struct arena *arena, struct str token)
{
    unsigned char *hash = arena_alloc(arena, SHA256_DIGEST_LENGTH);

    assert(token.len > 0);
    SHA256((const unsigned char *)token.ptr, token.len, hash);
    return (struct str){(const char *)hash, SHA256_DIGEST_LENGTH};
}

/* Drawn before the write, which may run twice. */
static struct str make_token(struct arena *arena)
{
    unsigned char bytes[TOKEN_BYTES];

    random_bytes(bytes, sizeof(bytes));
    return base64url_encode(arena, (struct str){(const char *)bytes, sizeof(bytes)});
}

/* One sentence for all that is wrong with a token: which of it is nobody's business. */
static int refuse(struct error *err)
{
    return error_set(err, ERROR_INVALID, "invalid_grant",
                     "The refresh token is not valid (any more); sign in again.");
}

/* The next token of a family, or its first. */
static int insert(struct store_txn *txn, const struct turn *turn, struct error *err)
{
    struct sql *q = sql(txn,
                        "INSERT INTO refresh_token (hash, family, principal, client, wanted,"
                        " issued_us, expires_us, used) VALUES (?, ?, ?, ?, ?, ?, ?, 0)",
                        err);
    const struct family *family = turn->family;

    assert(family->name.len > 0 && family->person.len > 0);
    if (!q)
        return -1;
    sql_bind_blob(q, 1, turn->new_hash);
    sql_bind_text(q, 2, family->name);
    sql_bind_text(q, 3, family->person);
    sql_bind_text(q, 4, family->client);
    sql_bind_text(q, 5, family->scope);
    sql_bind_int(q, 6, turn->now_us);
    sql_bind_int(q, 7, turn->now_us + LIFE_US);
    return sql_run(q, err);
}

/* What has expired goes with the next that comes: there is no other need to look. */
static int remove_expired(struct store_txn *txn, int64_t now_us, struct error *err)
{
    struct sql *q = sql(txn,
                        "DELETE FROM refresh_token WHERE hash IN"
                        " (SELECT hash FROM refresh_token WHERE expires_us <= ? LIMIT ?)",
                        err);

    if (!q)
        return -1;
    sql_bind_int(q, 1, now_us);
    sql_bind_int(q, 2, EXPIRED_AT_ONCE);
    return sql_run(q, err);
}

/* With it goes whatever a thief and the owner hold. */
static int remove_family(struct store_txn *txn, struct str name, struct error *err)
{
    struct sql *q = sql(txn, "DELETE FROM refresh_token WHERE family = ?", err);

    assert(name.len > 0);
    if (!q)
        return -1;
    sql_bind_text(q, 1, name);
    return sql_run(q, err);
}

/* In the write, again: between the look and this another request may have used it. */
static int use_up(struct store_txn *txn, struct turn *turn, struct error *err)
{
    struct sql *q = sql(txn, "SELECT used FROM refresh_token WHERE hash = ?", err);

    if (!q)
        return -1;
    sql_bind_blob(q, 1, turn->old_hash);
    turn->gone = sql_step(q) <= 0;
    turn->reused = !turn->gone && sql_int(q, 0) != 0;
    if (sql_end(q, err) < 0)
        return -1;
    if (turn->gone)
        return 0;
    if (turn->reused)
        return remove_family(txn, turn->family->name, err);
    q = sql(txn, "UPDATE refresh_token SET used = 1 WHERE hash = ?", err);
    if (!q)
        return -1;
    sql_bind_blob(q, 1, turn->old_hash);
    return sql_run(q, err);
}

/* A sign-in, and a token that two had: for whoever follows what happens (decisions 13). */
static int tell(struct store_txn *txn, const char *type, const struct family *family,
                struct error *err)
{
    struct arena *arena = store_arena(txn);
    struct json *body = json_object(arena);
    struct event event = {.type = str_from(type),
                          .subject_kind = STR("principal"),
                          .subject = family->person,
                          .actor = family->person};

    assert(family->person.len > 0);
    json_set_str(arena, body, "client", family->client);
    json_set_str(arena, body, "family", family->name);
    event.body = json_write(arena, body);
    return event_append(txn, &event, err);
}

/* A reuse is a change to be kept, so it is no failure here but an outcome. */
static int apply_turn(struct store_txn *txn, void *context, struct error *err)
{
    struct turn *turn = context;

    turn->gone = turn->reused = false;
    if (turn->old_hash.len > 0 && use_up(txn, turn, err) < 0)
        return -1;
    if (turn->reused)
        return tell(txn, "principal.tokenReused", turn->family, err);
    if (turn->gone)
        return 0;
    if (turn->old_hash.len == 0 && tell(txn, "principal.signedIn", turn->family, err) < 0)
        return -1;
    return insert(txn, turn, err) < 0 ? -1 : remove_expired(txn, turn->now_us, err);
}

/* A sign-out: that there is nothing left to remove is fine. */
static int apply_end(struct store_txn *txn, void *context, struct error *err)
{
    return remove_family(txn, *(const struct str *)context, err);
}

/* A family begins with a sign-in, and its name is the caller's, so that it stands in the code
 * too. */
int family_issue(struct store *store, struct arena *arena, const struct family *family,
                 struct str *out_token, struct error *err)
{
    struct str token = make_token(arena);
    struct turn turn = {
        .family = family, .new_hash = hash_of(arena, token), .now_us = clock_now_us()};

    assert(store && out_token);
    if (store_write(store, apply_turn, &turn, err) < 0)
        return -1;
    *out_token = token;
    return 0;
}

/* On this server at once; access tokens live on for their hour. */
int family_end(struct store *store, struct str name, struct error *err)
{
    assert(store && name.len > 0);
    return store_write(store, apply_end, &name, err);
}

/* A token's row, as it was read. */
struct row {
    struct family family;
    int64_t expires_us;
    bool used;
};

/* 1 found and still good for its time, 0 not, -1 failed. Texts outlive the transaction. */
static int read_row(struct store_txn *txn, struct arena *arena, struct str hash, struct row *out,
                    struct error *err)
{
    struct sql *q = sql(txn,
                        "SELECT family, principal, client, wanted, issued_us, expires_us, used"
                        " FROM refresh_token WHERE hash = ?",
                        err);

    if (!q)
        return -1;
    sql_bind_blob(q, 1, hash);
    int row = sql_step(q);
    if (row > 0) {
        out->family = (struct family){.name = arena_str(arena, sql_peek(q, 0)),
                                      .person = arena_str(arena, sql_peek(q, 1)),
                                      .client = arena_str(arena, sql_peek(q, 2)),
                                      .scope = arena_str(arena, sql_peek(q, 3)),
                                      .issued_us = sql_int(q, 4)};
        out->expires_us = sql_int(q, 5);
        out->used = sql_int(q, 6) != 0;
    }
    if (sql_end(q, err) < 0)
        return -1;
    return row > 0 && out->expires_us > clock_now_us();
}

/* One sentence for all that is wrong, before and after the table is asked. */
int family_find(struct store *store, struct arena *arena, const struct family_key *key,
                struct family *out, struct error *err)
{
    CLEANUP(store_read_end) struct store_txn *txn = NULL;
    struct str token = key->token;
    struct row found;

    assert(store && out);
    if (token.len == 0 || token.len > TOKEN_TEXT_MAX)
        return refuse(err);
    txn = store_read_begin(store, err);
    if (!txn)
        return -1;
    int row = read_row(txn, arena, hash_of(arena, token), &found, err);
    store_read_end(&txn);
    if (row < 0)
        return -1;
    if (row == 0 || !str_eq_fold(found.family.client, key->client))
        return refuse(err);
    if (found.used) /* which ends the family, and is told */
        return family_rotate(store, arena, &found.family, &token, err);
    *out = found.family;
    return 0;
}

/* The next token is drawn before the write, which may run twice. */
int family_rotate(struct store *store, struct arena *arena, const struct family *family,
                  struct str *io_token, struct error *err)
{
    struct str next = make_token(arena);
    struct turn turn = {.family = family,
                        .old_hash = hash_of(arena, *io_token),
                        .new_hash = hash_of(arena, next),
                        .now_us = clock_now_us()};

    assert(store && io_token->len > 0);
    if (store_write(store, apply_turn, &turn, err) < 0)
        return -1;
    if (turn.gone || turn.reused)
        return refuse(err);
    *io_token = next;
    return 0;
}
