#include "vault/vault.h"

#include "base/test.h"
#include "os/file.h"

#include <sys/stat.h>

static struct scope scope_for_test(struct vault *vault, struct arena *arena)
{
    struct error err = {0};
    struct scope scope = {.number = 1, .name = STR("default")};

    CHECK_OK(vault_new_data_key(vault, arena, &scope.data_key, &err), &err);
    return scope;
}

static struct vault_slot slot_of(const struct scope *scope, struct str name)
{
    return (struct vault_slot){
        .scope = scope, .owner_kind = STR("datastores"), .owner = 7, .slot = name};
}

struct row {
    struct vault *vault;
    const struct vault_slot *slot;
    struct str secret;
};

static int put_row(struct store_txn *txn, void *context, struct error *err)
{
    const struct row *row = context;

    return vault_put(row->vault, txn, row->slot, row->secret, err);
}

/* What a hand in the database could do: the sealed bytes of one slot under the name of another. */
static int move_row(struct store_txn *txn, void *, struct error *err)
{
    struct sql *q = sql(txn, "UPDATE secret SET slot = 'secondary' WHERE slot = 'primary'", err);

    return q ? sql_run(q, err) : -1;
}

/* Whether the secret can be read in the row. */
static bool lies_open(struct store *store, struct str secret)
{
    struct error err = {0};
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(store, &err);
    struct sql *q = sql(txn, "SELECT sealed FROM secret", &err);
    bool open = false;
    size_t rows = 0;

    CHECK(q);
    for (; sql_step(q) > 0; rows++)
        open = open || str_find(sql_peek(q, 0), secret) >= 0;
    CHECK_OK(sql_end(q, &err), &err);
    CHECK(rows > 0);
    return open;
}

static int forget_row(struct store_txn *txn, void *context, struct error *err)
{
    return vault_forget(txn, context, err);
}

/* What the slot holds, or the name of the error. */
static const char *open_slot(struct vault *vault, struct store *store, struct arena *arena,
                             const struct vault_slot *slot)
{
    struct error err = {0};
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(store, &err);
    struct str secret = {0};

    CHECK(txn);
    if (vault_open_secret(vault, txn, slot, &secret, &err) < 0)
        return error_name(err.code);
    return arena_cstr(arena, secret);
}

struct fixture {
    struct arena *arena;
    struct vault *vault;
    struct store *store;
    struct scope scope;
};

static struct fixture fixture_open(void)
{
    struct fixture f = {.arena = arena_new(MIB)};
    struct error err = {0};
    CLEANUP(fd_close) int dir = dir_open(test_folder(), &err);

    f.vault = vault_open(dir, &err);
    CHECK(f.vault);
    CHECK_OK(store_open("memory:", NULL, &f.store, &err), &err);
    f.scope = scope_for_test(f.vault, f.arena);
    return f;
}

static void fixture_close(struct fixture *f)
{
    store_close(&f->store);
    vault_close(&f->vault);
    arena_free(&f->arena);
}

static void keep(struct fixture *f, const struct vault_slot *slot, const char *secret)
{
    struct row row = {f->vault, slot, str_from(secret)};
    struct error err = {0};

    CHECK_OK(store_write(f->store, put_row, &row, &err), &err);
    CHECK(!lies_open(f->store, row.secret));
}

TEST(a_secret_comes_back_and_can_be_replaced_and_forgotten)
{
    CLEANUP(fixture_close) struct fixture f = fixture_open();
    struct vault_slot slot = slot_of(&f.scope, STR("primary"));
    struct error err = {0};

    CHECK_STR("not found", str_from(open_slot(f.vault, f.store, f.arena, &slot)));
    keep(&f, &slot, "opensesame");
    CHECK_STR("opensesame", str_from(open_slot(f.vault, f.store, f.arena, &slot)));
    keep(&f, &slot, "another");
    CHECK_STR("another", str_from(open_slot(f.vault, f.store, f.arena, &slot)));
    CHECK_OK(store_write(f.store, forget_row, &slot, &err), &err);
    CHECK_STR("not found", str_from(open_slot(f.vault, f.store, f.arena, &slot)));
}

TEST(a_sealed_row_moved_to_another_slot_does_not_open)
{
    CLEANUP(fixture_close) struct fixture f = fixture_open();
    struct vault_slot slot = slot_of(&f.scope, STR("primary"));
    struct vault_slot other = slot_of(&f.scope, STR("secondary"));
    struct error err = {0};

    keep(&f, &slot, "opensesame");
    CHECK_OK(store_write(f.store, move_row, NULL, &err), &err);
    CHECK_STR("corrupt", str_from(open_slot(f.vault, f.store, f.arena, &other)));
}

TEST(a_secret_over_the_limit_is_refused_and_the_old_one_stays)
{
    CLEANUP(fixture_close) struct fixture f = fixture_open();
    struct vault_slot slot = slot_of(&f.scope, STR("primary"));
    struct row row = {f.vault, &slot, {arena_alloc(f.arena, 65 * KIB), 65 * KIB}};
    struct error err = {0};

    keep(&f, &slot, "opensesame");
    CHECK_ERROR(ERROR_TOO_LARGE, store_write(f.store, put_row, &row, &err), &err);
    CHECK_STR("opensesame", str_from(open_slot(f.vault, f.store, f.arena, &slot)));
}

TEST(an_empty_slot_forgets_all_of_the_owner)
{
    CLEANUP(fixture_close) struct fixture f = fixture_open();
    struct vault_slot first = slot_of(&f.scope, STR("a")), second = slot_of(&f.scope, STR("b"));
    struct vault_slot all = slot_of(&f.scope, STR(""));
    struct error err = {0};

    keep(&f, &first, "the first secret");
    keep(&f, &second, "the second secret");
    CHECK_OK(store_write(f.store, forget_row, &all, &err), &err);
    CHECK_STR("not found", str_from(open_slot(f.vault, f.store, f.arena, &first)));
    CHECK_STR("not found", str_from(open_slot(f.vault, f.store, f.arena, &second)));
}

TEST(the_master_key_is_kept_private_and_read_again)
{
    struct error err = {0};
    CLEANUP(fd_close) int dir = dir_open(test_folder(), &err);
    CLEANUP(vault_close) struct vault *first = vault_open(dir, &err);
    CLEANUP(vault_close) struct vault *second = vault_open(dir, &err);
    unsigned char a[32], b[32], c[32];
    struct stat status;

    CHECK(first && second);
    vault_derive(first, STR("purpose"), STR("text"), a);
    vault_derive(second, STR("purpose"), STR("text"), b);
    vault_derive(second, STR("another"), STR("text"), c);
    assert_memory_equal(a, b, sizeof(a));
    assert_memory_not_equal(a, c, sizeof(a));
    CHECK_INT(0, fstatat(dir, "keys/master.key", &status, 0));
    CHECK_INT(0400, status.st_mode & 0777);
}

TEST(a_master_key_of_another_length_is_refused_and_kept)
{
    struct error err = {0};
    CLEANUP(fd_close) int top = dir_open(test_folder(), &err);
    CLEANUP(fd_close) int dir = dir_open_at(top, "short", 0700, &err);
    CLEANUP(fd_close) int keys = dir_open_at(dir, "keys", 0700, &err);
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct str text = {0};

    CHECK_OK(file_write_atomic(keys, "master.key", STR("short"), 0400, &err), &err);
    CHECK(!vault_open(dir, &err));
    CHECK_INT(ERROR_CORRUPT, err.code);
    CHECK_OK(file_read(arena, keys, "master.key", 100, &text, &err), &err);
    CHECK_STR("short", text);
}
