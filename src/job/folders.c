/* Folders are looked for by the rows while there are rows, and by their names afterwards. */
#include "job/folders.h"

#include "job/attempt.h"
#include "os/file.h"

#include <assert.h>
#include <dirent.h>

#define STEP 32

struct found {
    int64_t run;
    int number;
};

static int remove_folder(struct arena *arena, int dir, const struct found *attempt,
                         struct error *err)
{
    struct str name = attempt_name(arena, attempt->run, attempt->number);

    return dir_remove_tree(dir, arena_cstr(arena, arena_printf(arena, "runs/%.*s", STR_ARG(name))),
                           err);
}

/* --- By rows -------------------------------------------------------------------------------------
 */

/* The next attempts of the workspace behind the mark; runs that are being deleted have the negative
 * of its number. */
static int next_attempts(struct store *store, const struct job_folders *at, struct found *out,
                         size_t *out_count, struct error *err)
{
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(store, err);
    struct sql *q = txn ? sql(txn,
                              "SELECT attempt.run, attempt.attempt FROM run JOIN attempt"
                              " ON attempt.run = run.run WHERE run.scope IN (?1, -?1) AND"
                              " (run.run > ?2 OR (run.run = ?2 AND attempt.attempt > ?3))"
                              " ORDER BY attempt.run, attempt.attempt LIMIT ?4",
                              err)
                        : NULL;

    assert(out && out_count);
    *out_count = 0;
    if (!q)
        return -1;
    sql_bind_int(q, 1, at->scope);
    sql_bind_int(q, 2, at->run);
    sql_bind_int(q, 3, at->number);
    sql_bind_int(q, 4, STEP);
    while (*out_count < STEP && sql_step(q) > 0)
        out[(*out_count)++] = (struct found){sql_int(q, 0), (int)sql_int(q, 1)};
    return sql_end(q, err);
}

/* No snapshot is held while trees are removed. */
int job_folders_drop(struct store *store, int dir, struct job_folders *at, struct error *err)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct found attempts[STEP];
    size_t count = 0;

    assert(at->scope > 0 && dir >= 0);
    if (next_attempts(store, at, attempts, &count, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (remove_folder(arena, dir, &attempts[i], err) < 0)
            return -1;
        at->run = attempts[i].run;
        at->number = attempts[i].number;
    }
    at->done = count < STEP;
    return 0;
}

/* --- By names ------------------------------------------------------------------------------------
 */

/* Whether the row is there; true when in doubt. */
static bool is_recorded(struct store *store, const struct found *found)
{
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(store, NULL);
    struct attempt attempt;
    struct error err = {0};

    assert(found);
    return !txn || attempt_get(txn, found->run, found->number, &attempt, &err) == 0 ||
           err.code != ERROR_NOT_FOUND;
}

/* The row is looked for after the folder was seen, and an attempt is recorded before its folder is
 * made: a young one is never taken for an orphan. */
int job_folders_sweep(struct store *store, int dir, struct error *err)
{
    CLEANUP(fd_close) int runs = dir_open_at(dir, "runs", 0700, err);
    struct error first = {0}, failed;
    struct dirent *entry;
    DIR *list = runs < 0 ? NULL : fdopendir(runs);

    assert(dir >= 0);
    if (!list)
        return runs < 0 ? -1 : error_set(err, ERROR_IO, "runs", "The folder cannot be read.");
    runs = -1; /* the list's */
    while (!store_winds_down(store) && (entry = readdir(list))) {
        CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
        struct found found;
        if (attempt_parse(str_from(entry->d_name), &found.run, &found.number) &&
            !is_recorded(store, &found) && remove_folder(arena, dir, &found, &failed) < 0 &&
            first.code == ERROR_NONE)
            first = failed; /* one that resists does not keep the others */
    }
    closedir(list);
    if (first.code == ERROR_NONE)
        return 0;
    if (err)
        *err = first;
    return -1;
}
