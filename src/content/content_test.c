#include "content/content.h"

#include "base/buf.h"
#include "base/test.h"
#include "os/clock.h"
#include "os/fault.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A folder, a store in memory and the content in them. */
struct bench {
    int dir;
    struct store *store;
    struct content *content;
    struct error err;
};

static void bench_end(struct bench *bench)
{
    content_close(&bench->content);
    store_close(&bench->store);
    fd_close(&bench->dir);
}

static struct bench bench_start(void)
{
    static int count;
    struct bench bench = {.dir = -1};
    char path[300];

    snprintf(path, sizeof(path), "%s/%d", test_folder(), count++);
    CHECK(mkdir(path, 0700) == 0);
    bench.dir = dir_open(path, &bench.err);
    CHECK_OK(store_open("memory:", NULL, &bench.store, &bench.err), &bench.err);
    bench.content = content_open(bench.dir, bench.store, &bench.err);
    CHECK(bench.content);
    return bench;
}

/* One write in a test: what to do with the values beside it. */
struct step {
    int (*run)(struct store_txn *txn, struct step *step, struct error *err);
    struct content_object object;
    struct blob blob;
    struct content_block block;
    struct content_block_list list;
    bool only_new;
};

static int step_apply(struct store_txn *txn, void *context, struct error *err)
{
    struct step *step = context;
    return step->run(txn, step, err);
}

static int step(struct bench *bench, struct step *step)
{
    return store_write(bench->store, step_apply, step, &bench->err);
}

static int keep(struct store_txn *txn, struct step *step, struct error *err)
{
    return content_keep(txn, &step->object, err);
}

static int keep_as_blob(struct store_txn *txn, struct step *step, struct error *err)
{
    if (content_keep(txn, &step->object, err) < 0)
        return -1;
    step->blob.object = step->object.object;
    return blob_put(txn, &step->blob, step->only_new, err);
}

static int remove_blob(struct store_txn *txn, struct step *step, struct error *err)
{
    return blob_delete(txn, step->blob.container, step->blob.name, err);
}

static int stage(struct store_txn *txn, struct step *step, struct error *err)
{
    return content_stage(txn, &step->block, &step->object, err);
}

static int commit(struct store_txn *txn, struct step *step, struct error *err)
{
    return content_commit_blocks(txn, &step->list, &step->object, err);
}

/* Writes bytes in pieces. The chunks' text goes when the writer does; single chunks need none. */
static struct content_object write_bytes(struct bench *bench, struct str bytes, size_t piece)
{
    CLEANUP(content_writer_free)
    struct content_writer *writer = content_writer_new(bench->content, &bench->err);
    struct content_object object;

    CHECK(writer);
    for (size_t at = 0; at < bytes.len; at += piece)
        CHECK_OK(content_write(writer, str_slice(bytes, at, at + piece), &bench->err), &bench->err);
    CHECK_OK(content_finish(writer, &object, &bench->err), &bench->err);
    object.chunks = (struct str){0};
    return object;
}

static struct blob put_blob(struct bench *bench, const char *name, struct str bytes)
{
    struct step put = {.run = keep_as_blob,
                       .object = write_bytes(bench, bytes, 7),
                       .blob = {.container = STR("c"), .name = str_from(name)}};

    CHECK_OK(step(bench, &put), &bench->err);
    return (struct blob){.object = put.blob.object,
                         .size = put.blob.size,
                         .created_us = put.blob.created_us,
                         .updated_us = put.blob.updated_us};
}

/* The whole of an object, at most `size` bytes. */
static ssize_t read_object(struct bench *bench, int64_t object, char *out, size_t size)
{
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(bench->store, &bench->err);
    CLEANUP(fd_close) int fd = content_open_object(bench->content, txn, object, &bench->err);

    return fd < 0 ? -1 : fd_read_all(fd, out, size, &bench->err);
}

static int64_t number(struct bench *bench, const char *text)
{
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(bench->store, &bench->err);
    struct sql *q = sql(txn, text, &bench->err);

    CHECK(q && sql_step(q) == 1);
    return sql_int(q, 0);
}

TEST(bytes_are_known_by_their_digests)
{
    CLEANUP(bench_end) struct bench bench = bench_start();
    char bytes[16] = "";
    struct step kept = {.run = keep, .object = write_bytes(&bench, STR("abc"), 2)};

    CHECK_STR("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
              str_from(kept.object.hash));
    CHECK_STR("900150983cd24fb0d6963f7d28e17f72", str_from(kept.object.md5));
    CHECK_INT(3, kept.object.size);
    CHECK_OK(step(&bench, &kept), &bench.err);
    CHECK_INT(3, read_object(&bench, kept.object.object, bytes, sizeof(bytes)));
    CHECK_STR("abc", str_from(bytes));
    struct stat status;
    CHECK(fstatat(bench.dir,
                  "content/ba/ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61"
                  "f20015ad",
                  &status, 0) == 0);
    CHECK_INT(0444, status.st_mode & 0777);
    CHECK_ERROR(ERROR_NOT_FOUND, -(read_object(&bench, 99, bytes, 1) < 0), &bench.err);
}

TEST(the_same_bytes_are_kept_once)
{
    CLEANUP(bench_end) struct bench bench = bench_start();
    struct blob a = put_blob(&bench, "a", STR("same bytes"));
    struct blob b = put_blob(&bench, "b", STR("same bytes"));

    CHECK_INT(a.object, b.object);
    CHECK_INT(1, number(&bench, "SELECT count(*) FROM object"));
    CHECK_INT(1, number(&bench, "SELECT refs FROM chunk"));
    CHECK_INT(10, b.size);
}

TEST(an_empty_object_can_be_read)
{
    CLEANUP(bench_end) struct bench bench = bench_start();
    struct step kept = {.run = keep, .object = write_bytes(&bench, STR(""), 1)};
    struct step none = {.run = commit, .list = {.container = STR("c"), .name = STR("n")}};
    char byte;

    CHECK_OK(step(&bench, &kept), &bench.err);
    CHECK_INT(0, read_object(&bench, kept.object.object, &byte, 1));
    CHECK_STR("d41d8cd98f00b204e9800998ecf8427e", str_from(kept.object.md5));
    CHECK_OK(step(&bench, &none), &bench.err);
    CHECK_INT(kept.object.object, none.object.object);
}

TEST(more_than_a_chunk_is_put_together_once)
{
    CLEANUP(bench_end) struct bench bench = bench_start();
    CLEANUP(content_writer_free)
    struct content_writer *writer = content_writer_new(bench.content, &bench.err);
    struct step kept = {.run = keep};
    size_t size = CONTENT_CHUNK_BYTES + 12345;
    char *bytes = malloc(size), *back = malloc(size + 1);

    CHECK(bytes && back);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (char)(i * 2654435761u >> 13);
    CHECK_OK(content_write(writer, (struct str){bytes, size}, &bench.err), &bench.err);
    CHECK_OK(content_finish(writer, &kept.object, &bench.err), &bench.err);
    CHECK_INT(129, kept.object.chunks.len);
    CHECK_OK(step(&bench, &kept), &bench.err);
    CHECK_INT(2, number(&bench, "SELECT sum(refs) FROM chunk"));
    CHECK_INT(size, number(&bench, "SELECT sum(size) FROM chunk"));
    CHECK_INT(size, read_object(&bench, kept.object.object, back, size + 1));
    CHECK(memcmp(bytes, back, size) == 0);
    char cached[100];
    snprintf(cached, sizeof(cached), "cache/objects/%s", kept.object.hash);
    CHECK(file_exists(bench.dir, cached));
    CHECK_INT(size, read_object(&bench, kept.object.object, back, size + 1));
    free(bytes);
    free(back);
}

TEST(a_chunk_missing_on_disk_is_called_damage)
{
    CLEANUP(bench_end) struct bench bench = bench_start();
    struct blob blob = put_blob(&bench, "a", STR("abc"));
    char byte;

    CHECK(unlinkat(bench.dir,
                   "content/ba/ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61"
                   "f20015ad",
                   0) == 0);
    CHECK_ERROR(ERROR_CORRUPT, -(read_object(&bench, blob.object, &byte, 1) < 0), &bench.err);
}

/* --- Blobs ---------------------------------------------------------------------------------- */

TEST(a_blob_is_replaced_and_every_change_has_an_etag)
{
    CLEANUP(bench_end) struct bench bench = bench_start();
    struct blob first = put_blob(&bench, "a", STR("one"));
    struct blob second = put_blob(&bench, "a", STR("two!"));
    struct step again = {.run = keep_as_blob,
                         .only_new = true,
                         .object = write_bytes(&bench, STR("three"), 9),
                         .blob = {.container = STR("c"), .name = STR("a")}};

    CHECK(second.updated_us > first.updated_us);
    CHECK_INT(first.created_us, second.created_us);
    CHECK_ERROR(ERROR_EXISTS, step(&bench, &again), &bench.err);
    struct store_txn *txn = store_read_begin(bench.store, &bench.err);
    struct blob found;
    CHECK_OK(blob_get(txn, STR("c"), STR("a"), &found, &bench.err), &bench.err);
    CHECK_INT(4, found.size);
    CHECK_INT(32, found.md5.len);
    CHECK_STR("{}", found.meta);
    CHECK_ERROR(ERROR_NOT_FOUND, blob_get(txn, STR("c"), STR("A"), &found, &bench.err), &bench.err);
    CHECK_ERROR(ERROR_NOT_FOUND, blob_get(txn, STR("d"), STR("a"), &found, &bench.err), &bench.err);
    store_read_end(&txn);
    struct step gone = {.run = remove_blob, .blob = {.container = STR("c"), .name = STR("a")}};
    CHECK_OK(step(&bench, &gone), &bench.err);
    CHECK_ERROR(ERROR_NOT_FOUND, step(&bench, &gone), &bench.err);
}

static int set_meta(struct store_txn *txn, struct step *step, struct error *err)
{
    struct str etag;
    struct blob before;

    if (blob_get(txn, step->blob.container, step->blob.name, &before, err) < 0 ||
        blob_set_meta(txn, &step->blob, err) < 0)
        return -1;
    etag = step->blob.etag;
    step->only_new = !str_eq(etag, before.etag) && step->blob.created_us == before.created_us &&
                     step->blob.size == before.size && str_eq(step->blob.meta, STR("{\"a\":1}"));
    return 0;
}

TEST(metadata_changes_the_etag_and_nothing_else)
{
    CLEANUP(bench_end) struct bench bench = bench_start();
    struct step meta = {
        .run = set_meta,
        .blob = {.container = STR("c"), .name = STR("a"), .meta = STR("{\"a\":1}")}};

    CHECK_ERROR(ERROR_NOT_FOUND, step(&bench, &meta), &bench.err);
    put_blob(&bench, "a", STR("one"));
    CHECK_OK(step(&bench, &meta), &bench.err);
    CHECK(meta.only_new); /* all as expected */
}

static int take_name(const struct blob *blob, void *context, struct error *)
{
    buf_printf(context, "%.*s,", STR_ARG(blob->name));
    return 0;
}

static void check_list(struct bench *bench, const char *expected, struct blob_query query)
{
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(bench->store, &bench->err);
    CLEANUP(buf_free) struct buf names = buf_make(MIB);

    CHECK_OK(blob_list(txn, &query, take_name, &names, &bench->err), &bench->err);
    CHECK_STR(expected, buf_str(&names));
}

TEST(blobs_are_listed_by_bytes_of_their_names)
{
    CLEANUP(bench_end) struct bench bench = bench_start();
    const char *names[] = {"p/b", "p/a", "p", "p0", "q", "P", "p/\xc3\xa4", "p/a/x"};

    for (size_t i = 0; i < COUNT(names); i++)
        put_blob(&bench, names[i], str_from(names[i]));
    check_list(&bench, "P,p,p/a,p/a/x,p/b,p/\xc3\xa4,p0,q,",
               (struct blob_query){.container = STR("c"), .limit = 99});
    check_list(&bench, "p/a,p/a/x,p/b,p/\xc3\xa4,",
               (struct blob_query){.container = STR("c"), .prefix = STR("p/"), .limit = 99});
    check_list(&bench, "p/a/x,p/b,",
               (struct blob_query){
                   .container = STR("c"), .prefix = STR("p/"), .after = STR("p/a"), .limit = 2});
    check_list(&bench, "", (struct blob_query){.container = STR("d"), .limit = 9});
    check_list(&bench, "", (struct blob_query){.container = STR("c"), .limit = 0});
}

TEST(long_lists_go_over_pages)
{
    CLEANUP(bench_end) struct bench bench = bench_start();
    CLEANUP(buf_free) struct buf expected = buf_make(MIB);
    char name[16];

    for (int i = 0; i < 130; i++) {
        snprintf(name, sizeof(name), "n%03d", i);
        put_blob(&bench, name, STR("x"));
        buf_printf(&expected, "%s,", name);
    }
    check_list(&bench, expected.ptr, (struct blob_query){.container = STR("c"), .limit = 5000});
    check_list(&bench, expected.ptr, (struct blob_query){.container = STR("c"), .limit = 130});
}

/* --- Blocks --------------------------------------------------------------------------------- */

static void stage_block(struct bench *bench, const char *id, struct str bytes)
{
    struct step staged = {.run = stage,
                          .object = write_bytes(bench, bytes, 100),
                          .block = {STR("c"), STR("n"), str_from(id)}};

    CHECK_OK(step(bench, &staged), &bench->err);
}

TEST(blocks_are_joined_in_the_order_of_the_list)
{
    CLEANUP(bench_end) struct bench bench = bench_start();
    struct content_pick ids[] = {
        {.block_id = STR_INIT("2")}, {.block_id = STR_INIT("1")}, {.block_id = STR_INIT("2")}};
    struct step list = {.run = commit, .list = {STR("c"), STR("n"), ids, COUNT(ids)}};
    char bytes[32] = "";

    stage_block(&bench, "1", STR("one "));
    stage_block(&bench, "2", STR("old "));
    stage_block(&bench, "2", STR("two "));
    stage_block(&bench, "3", STR("unused"));
    CHECK_INT(3, number(&bench, "SELECT count(*) FROM staged"));
    CHECK_OK(step(&bench, &list), &bench.err);
    CHECK_INT(12, list.object.size);
    CHECK_INT(12, read_object(&bench, list.object.object, bytes, sizeof(bytes)));
    CHECK_STR("two one two ", str_from(bytes));
    CHECK_INT(0, number(&bench, "SELECT count(*) FROM staged"));
    CHECK_INT(3, number(&bench, "SELECT sum(refs) FROM chunk"));
    ids[0].from = CONTENT_STAGED; /* none waits any more */
    CHECK_ERROR(ERROR_INVALID, step(&bench, &list), &bench.err);
    CHECK_STR("2", str_from(bench.err.target));
}

/* The SHA-256 of the whole of an object, "" while nobody knows it. */
static struct str sha256_of(struct bench *bench, struct arena *arena, int64_t object)
{
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(bench->store, &bench->err);
    struct sql *q = sql(txn, "SELECT sha256 FROM object WHERE object = ?", &bench->err);

    sql_bind_int(q, 1, object);
    CHECK(sql_step(q) == 1);
    return arena_str(arena, sql_text(q, 0));
}

TEST(what_came_in_blocks_is_known_by_its_bytes_after_a_while)
{
    CLEANUP(bench_end) struct bench bench = bench_start();
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct content_pick two[] = {{.block_id = STR_INIT("1")}, {.block_id = STR_INIT("2")}};
    struct content_pick three[] = {
        {.block_id = STR_INIT("3")}, {.block_id = STR_INIT("4")}, {.block_id = STR_INIT("5")}};
    struct step first = {.run = commit, .list = {STR("c"), STR("n"), two, COUNT(two)}};
    struct step other = {.run = commit, .list = {STR("c"), STR("n"), three, COUNT(three)}};
    size_t done = 9;

    stage_block(&bench, "1", STR("one "));
    stage_block(&bench, "2", STR("two"));
    CHECK_OK(step(&bench, &first), &bench.err);
    stage_block(&bench, "3", STR("on"));
    stage_block(&bench, "4", STR("e t"));
    stage_block(&bench, "5", STR("wo"));
    CHECK_OK(step(&bench, &other), &bench.err);
    struct blob whole = put_blob(&bench, "whole", STR("one two"));
    CHECK_INT(0, sha256_of(&bench, arena, first.object.object).len);
    CHECK_OK(content_complete(bench.content, &done, &bench.err), &bench.err);
    CHECK_INT(2, done);
    struct str known = sha256_of(&bench, arena, first.object.object);
    CHECK_INT(64, known.len);
    CHECK(str_eq(known, sha256_of(&bench, arena, other.object.object)));
    CHECK(str_eq(known, sha256_of(&bench, arena, whole.object)));
    CHECK_OK(content_complete(bench.content, &done, &bench.err), &bench.err);
    CHECK_INT(0, done); /* once is enough */
}

static int commit_as_blob(struct store_txn *txn, struct step *step, struct error *err)
{
    if (content_commit_blocks(txn, &step->list, &step->object, err) < 0)
        return -1;
    step->blob.object = step->object.object;
    return blob_put(txn, &step->blob, false, err);
}

struct seen {
    char text[64];
};

static int see_block(struct str block_id, int64_t size, void *context, struct error *)
{
    struct seen *seen = context;
    size_t len = strlen(seen->text);

    snprintf(seen->text + len, sizeof(seen->text) - len, "%.*s=%lld ", STR_ARG(block_id),
             (long long)size);
    return 0;
}

static struct str blocks(struct bench *bench, bool staged, struct seen *out)
{
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(bench->store, &bench->err);
    const struct content_block_query of = {
        .container = STR("c"), .name = STR("n"), .staged = staged};

    *out = (struct seen){0};
    CHECK_OK(content_blocks_each(txn, &of, see_block, out, &bench->err), &bench->err);
    return str_from(out->text);
}

TEST(a_blob_knows_its_blocks_and_is_built_upon)
{
    CLEANUP(bench_end) struct bench bench = bench_start();
    struct content_pick picks[] = {{.block_id = STR_INIT("1")}, {.block_id = STR_INIT("2")}};
    struct step list = {.run = commit_as_blob,
                        .list = {STR("c"), STR("n"), picks, COUNT(picks)},
                        .blob = {.container = STR("c"), .name = STR("n"), .of_blocks = true}};
    struct seen seen;
    char bytes[32] = "";

    stage_block(&bench, "1", STR("one "));
    stage_block(&bench, "2", STR("two "));
    CHECK_STR("1=4 2=4 ", blocks(&bench, true, &seen));
    CHECK_OK(step(&bench, &list), &bench.err);
    CHECK_STR("", blocks(&bench, true, &seen));
    CHECK_STR("1=4 2=4 ", blocks(&bench, false, &seen));
    /* A newer block of the same id waits; both can be named. */
    stage_block(&bench, "2", STR("zwei "));
    picks[0] = (struct content_pick){STR("2"), CONTENT_COMMITTED};
    picks[1] = (struct content_pick){STR("2"), CONTENT_LATEST};
    CHECK_OK(step(&bench, &list), &bench.err);
    CHECK_INT(9, read_object(&bench, list.object.object, bytes, sizeof(bytes)));
    CHECK_STR("two zwei ", str_from(bytes));
    CHECK_STR("2=4 2=5 ", blocks(&bench, false, &seen));
    picks[0].block_id = STR("1"); /* gone with the list that did not name it */
    CHECK_ERROR(ERROR_INVALID, step(&bench, &list), &bench.err);
    CHECK_STR("2=4 2=5 ", blocks(&bench, false, &seen));
    put_blob(&bench, "n", STR("whole"));
    CHECK_STR("", blocks(&bench, false, &seen));
}

TEST(a_deleted_blob_forgets_its_blocks)
{
    CLEANUP(bench_end) struct bench bench = bench_start();
    struct content_pick pick = {.block_id = STR_INIT("1")};
    struct step list = {.run = commit_as_blob,
                        .list = {STR("c"), STR("n"), &pick, 1},
                        .blob = {.container = STR("c"), .name = STR("n"), .of_blocks = true}};
    struct seen seen;

    stage_block(&bench, "1", STR("one "));
    CHECK_OK(step(&bench, &list), &bench.err);
    list.run = remove_blob;
    CHECK_OK(step(&bench, &list), &bench.err);
    CHECK_STR("", blocks(&bench, false, &seen));
    CHECK_INT(0, number(&bench, "SELECT count(*) FROM committed"));
}

static int join(struct store_txn *txn, struct step *step, struct error *err)
{
    return content_join(txn, step->blob.object, &step->object, &step->object, err);
}

TEST(two_objects_are_joined_without_reading_either)
{
    CLEANUP(bench_end) struct bench bench = bench_start();
    struct blob first = put_blob(&bench, "a", STR("first, "));
    struct blob none = put_blob(&bench, "b", STR(""));
    struct step both = {.run = join, .object = write_bytes(&bench, STR("second"), 3)};
    struct content_object second = both.object;
    char bytes[32] = "";

    both.blob.object = first.object;
    CHECK_OK(step(&bench, &both), &bench.err);
    CHECK_INT(13, both.object.size);
    CHECK_INT(13, read_object(&bench, both.object.object, bytes, sizeof(bytes)));
    CHECK_STR("first, second", str_from(bytes));
    /* Nothing in front: the object is the second one. */
    both = (struct step){.run = join, .object = second, .blob.object = none.object};
    CHECK_OK(step(&bench, &both), &bench.err);
    CHECK_STR(second.hash, str_from(both.object.hash));
    both = (struct step){.run = join, .object = second, .blob.object = 999};
    CHECK_ERROR(ERROR_NOT_FOUND, step(&bench, &both), &bench.err);
}

TEST(a_missing_block_changes_nothing)
{
    CLEANUP(bench_end) struct bench bench = bench_start();
    struct content_pick ids[] = {{.block_id = STR_INIT("1")}, {.block_id = STR_INIT("9")}};
    struct step list = {.run = commit, .list = {STR("c"), STR("n"), ids, COUNT(ids)}};

    stage_block(&bench, "1", STR("one "));
    CHECK_ERROR(ERROR_INVALID, step(&bench, &list), &bench.err);
    CHECK_INT(1, number(&bench, "SELECT count(*) FROM staged"));
    list.list.count = 1;
    CHECK_OK(step(&bench, &list), &bench.err);
    CHECK(list.object.md5[0] == '\0'); /* nobody read the whole */
}

/* --- Logs ----------------------------------------------------------------------------------- */

TEST(a_log_takes_only_what_comes_next)
{
    CLEANUP(bench_end) struct bench bench = bench_start();
    struct str key = STR("12-1/user_logs/std_log.txt");
    char bytes[32] = "";

    CHECK_INT(-1, content_log_size(bench.content, key));
    CHECK_INT(1, content_log_append(bench.content, key, 0, STR("hello "), &bench.err));
    CHECK_INT(0, content_log_append(bench.content, key, 0, STR("hello "), &bench.err));
    CHECK_INT(0, content_log_append(bench.content, key, 2, STR("llo"), &bench.err));
    CHECK_ERROR(ERROR_RANGE, content_log_append(bench.content, key, 7, STR("x"), &bench.err),
                &bench.err);
    CHECK(strstr(bench.err.message, " 6."));
    CHECK_INT(1, content_log_append(bench.content, key, 3, STR("lo world"), &bench.err));
    CHECK_INT(11, content_log_size(bench.content, key));
    CLEANUP(fd_close) int fd = content_log_open(bench.content, key, &bench.err);
    CHECK_INT(11, fd_read_all(fd, bytes, sizeof(bytes), &bench.err));
    CHECK_STR("hello world", str_from(bytes));
}

TEST(a_sealed_log_is_an_object)
{
    CLEANUP(bench_end) struct bench bench = bench_start();
    struct str key = STR("1/log");
    struct step kept = {.run = keep};
    char bytes[8] = "";

    CHECK_ERROR(ERROR_NOT_FOUND, content_log_seal(bench.content, key, &kept.object, &bench.err),
                &bench.err);
    CHECK_INT(1, content_log_append(bench.content, key, 0, STR("abc"), &bench.err));
    CHECK_OK(content_log_seal(bench.content, key, &kept.object, &bench.err), &bench.err);
    CHECK_OK(content_log_seal(bench.content, key, &kept.object, &bench.err), &bench.err);
    CHECK_OK(step(&bench, &kept), &bench.err);
    content_log_drop(bench.content, key);
    CHECK_INT(-1, content_log_size(bench.content, key));
    CHECK_INT(3, read_object(&bench, kept.object.object, bytes, sizeof(bytes)));
    CHECK_STR("abc", str_from(bytes));
}

TEST(a_key_is_never_a_path)
{
    CLEANUP(bench_end) struct bench bench = bench_start();

    CHECK_INT(1, content_log_append(bench.content, STR("../../x"), 0, STR("a"), &bench.err));
    CHECK_INT(1, content_log_append(bench.content, STR(".."), 0, STR("b"), &bench.err));
    CHECK(!file_exists(bench.dir, "x"));
    CHECK(file_exists(bench.dir, "content/open/%2E.%2F..%2Fx"));
    CHECK_ERROR(ERROR_INVALID, content_log_append(bench.content, STR(""), 0, STR("a"), &bench.err),
                &bench.err);
    char big[300];
    memset(big, 'x', sizeof(big));
    CHECK_ERROR(
        ERROR_INVALID,
        content_log_append(bench.content, (struct str){big, sizeof(big)}, 0, STR("a"), &bench.err),
        &bench.err);
}

/* --- Collection ----------------------------------------------------------------------------- */

/* Every file under content/ becomes `hours` old; rows age by the test clock. */
static int age_file(const struct dir_entry *entry, void *context, struct error *)
{
    struct bench *bench = context;
    struct timespec old[2] = {{.tv_sec = clock_now_us() / US_PER_S - 30 * 3600},
                              {.tv_sec = clock_now_us() / US_PER_S - 30 * 3600}};
    char path[4096];

    snprintf(path, sizeof(path), "content/%.*s", STR_ARG(entry->path));
    if (S_ISREG(entry->status.st_mode))
        CHECK(utimensat(bench->dir, path, old, 0) == 0);
    return 0;
}

static void age_files(struct bench *bench)
{
    CLEANUP(fd_close) int dir = dir_open_at(bench->dir, "content", 0, &bench->err);

    CHECK_OK(dir_walk(dir, age_file, bench, &bench->err), &bench->err);
}

static struct content_collected collect(struct bench *bench)
{
    struct content_collected done = {0};

    CHECK_OK(content_collect(bench->content, &done, &bench->err), &bench->err);
    return done;
}

static void collect_story(struct bench *bench)
{
    char bytes[16];
    struct blob kept = put_blob(bench, "kept", STR("kept"));
    struct step gone = {.run = remove_blob, .blob = {.container = STR("c"), .name = STR("gone")}};

    put_blob(bench, "gone", STR("gone!"));
    CHECK_OK(step(bench, &gone), &bench->err);
    write_bytes(bench, STR("never kept"), 9);
    stage_block(bench, "1", STR("staged"));
    struct content_collected done = collect(bench);
    CHECK_INT(0, done.objects + done.chunks + done.files + done.blocks);

    clock_test_advance(30 * 3600 * US_PER_S);
    age_files(bench);
    done = collect(bench);
    CHECK_INT(1, done.objects);
    CHECK_INT(1, done.chunks);
    CHECK_INT(1, done.files); /* "never kept"; the empty chunk stays, though it has no row here */
    CHECK_INT(15, done.bytes);
    CHECK_INT(0, done.blocks);
    CHECK_INT(4, read_object(bench, kept.object, bytes, sizeof(bytes)));

    clock_test_advance(7 * 24 * 3600 * US_PER_S);
    done = collect(bench);
    CHECK_INT(1, done.blocks);
    CHECK_INT(1, done.chunks);
    CHECK_INT(1, number(bench, "SELECT count(*) FROM chunk"));
    CHECK_INT(4, read_object(bench, kept.object, bytes, sizeof(bytes)));
}

TEST(what_nothing_names_goes_after_a_day)
{
    CLEANUP(bench_end) struct bench bench = bench_start();

    clock_test_set(clock_now_us()); /* files are stamped by the real clock */
    collect_story(&bench);
    clock_test_end();
}

TEST(a_collection_ends_early_when_the_server_ends)
{
    CLEANUP(bench_end) struct bench bench = bench_start();

    clock_test_set(clock_now_us());
    write_bytes(&bench, STR("never kept"), 9);
    clock_test_advance(30 * 3600 * US_PER_S);
    age_files(&bench);
    store_wind_down(bench.store);
    CHECK_INT(0, collect(&bench).files);
    clock_test_end();
}

TEST(a_chunk_found_again_is_safe_from_collection)
{
    CLEANUP(bench_end) struct bench bench = bench_start();
    struct blob blob = put_blob(&bench, "a", STR("again"));
    struct step gone = {.run = remove_blob, .blob = {.container = STR("c"), .name = STR("a")}};
    char bytes[8] = "";

    CHECK_OK(step(&bench, &gone), &bench.err);
    age_files(&bench);
    /* The bytes come once more: the file is touched, its row not yet. */
    struct step kept = {.run = keep_as_blob,
                        .object = write_bytes(&bench, STR("again"), 9),
                        .blob = {.container = STR("c"), .name = STR("b")}};
    clock_test_set(clock_now_us() + 20 * 3600 * US_PER_S);
    collect(&bench);
    clock_test_end();
    CHECK_OK(step(&bench, &kept), &bench.err);
    CHECK_INT(blob.object, kept.object.object);
    CHECK_INT(5, read_object(&bench, kept.object.object, bytes, sizeof(bytes)));
}

/* --- Faults --------------------------------------------------------------------------------- */

/* Everything that writes, once; -1 when any of it failed. */
static int story(struct bench *bench, unsigned char salt)
{
    CLEANUP(content_writer_free)
    struct content_writer *writer = content_writer_new(bench->content, &bench->err);
    char bytes[300 * 1024];
    struct step put = {.run = keep_as_blob, .blob = {.container = STR("c"), .name = STR("a")}};

    memset(bytes, salt, sizeof(bytes));
    if (content_write(writer, (struct str){bytes, sizeof(bytes)}, &bench->err) < 0 ||
        content_finish(writer, &put.object, &bench->err) < 0 || step(bench, &put) < 0)
        return -1;
    return 0;
}

/* After any failure: either the old blob or the new one, whole, and no temporary file. */
static void check_whole(struct bench *bench, int first, int second)
{
    static char bytes[300 * 1024];
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(bench->store, &bench->err);
    struct blob blob;

    if (blob_get(txn, STR("c"), STR("a"), &blob, &bench->err) == 0) {
        CLEANUP(fd_close)
        int fd = content_open_object(bench->content, txn, blob.object, &bench->err);
        CHECK_INT(sizeof(bytes), fd_read_all(fd, bytes, sizeof(bytes), &bench->err));
        CHECK(bytes[0] == first || bytes[0] == second);
        for (size_t i = 1; i < sizeof(bytes); i++)
            if (bytes[i] != bytes[0])
                CHECK(false);
    } else {
        CHECK_INT(-1, first);
    }
    CLEANUP(fd_close) int tmp = dir_open_at(bench->dir, "content/tmp", 0, &bench->err);
    CHECK(unlinkat(bench->dir, "content/tmp", AT_REMOVEDIR) == 0);
    CHECK(mkdirat(bench->dir, "content/tmp", 0700) == 0);
}

static void fail_each(enum fault_point point, int with)
{
    for (unsigned nth = 1; nth < 40; nth++) {
        CLEANUP(bench_end) struct bench bench = bench_start();
        unsigned char salt = (unsigned char)(nth + 1);
        CHECK_OK(story(&bench, 1), &bench.err);
        fault_plan(point, nth, with, false);
        int result = story(&bench, salt);
        bool met = fault_count(point) >= nth;
        fault_plan(point, 0, 0, false);
        check_whole(&bench, result < 0 ? 1 : salt, result < 0 ? 1 : salt);
        if (!met)
            return;
    }
    CHECK(false); /* the story never ends */
}

TEST(whichever_system_call_fails_a_blob_is_old_or_new)
{
    fail_each(FAULT_OPEN, EMFILE);
    fail_each(FAULT_WRITE, ENOSPC);
    fail_each(FAULT_FSYNC, EIO);
    fail_each(FAULT_RENAME, EIO);
    fail_each(FAULT_STEP, EIO);
    fail_each(FAULT_COMMIT, EIO);
}

/* --- Properties and threads ------------------------------------------------------------------ */

/* However bytes are cut on their way in, they are the same object. */
TEST(the_pieces_of_a_write_do_not_show)
{
    CLEANUP(bench_end) struct bench bench = bench_start();
    static const size_t SIZES[] = {
        0, 1, 2, 63, 64, 65, 4095, 4096, 256 * KIB - 1, 256 * KIB, 256 * KIB + 1, 700 * KIB};
    static const size_t PIECES[] = {1 * KIB, 7 * KIB + 1, 256 * KIB, 256 * KIB + 1, MIB};
    char *bytes = malloc(700 * KIB);

    CHECK(bytes);
    for (size_t i = 0; i < 700 * KIB; i++)
        bytes[i] = (char)(i * 2654435761u >> 13);
    for (size_t i = 0; i < COUNT(SIZES); i++) {
        struct str whole = {bytes, SIZES[i]};
        struct content_object first = write_bytes(&bench, whole, SIZES[i] + 1);
        CHECK_INT((int64_t)SIZES[i], first.size);
        for (size_t at = 0; at < COUNT(PIECES); at++) {
            struct content_object other = write_bytes(&bench, whole, PIECES[at]);
            CHECK_STR(first.hash, str_from(other.hash));
            CHECK_STR(first.md5, str_from(other.md5));
            CHECK_INT(first.size, other.size);
        }
    }
    free(bytes);
}

struct sender {
    struct bench *bench;
    unsigned number;
    unsigned failed;
};

#define LOG_BYTES 20000

static char log_byte(size_t at)
{
    return (char)('a' + at * 7 % 26);
}

/* Sends the log from where the file ends, at times from before it or too far on, as a sender does
 * that was cut off. */
static void *send_log(void *context)
{
    struct sender *sender = context;
    struct str key = STR("1-1/user_logs/std_log.txt");
    uint64_t chance = sender->number + 1;
    char bytes[300];
    int64_t size;

    while ((size = content_log_size(sender->bench->content, key)) < LOG_BYTES) {
        struct error err = {0};
        chance = chance * 6364136223846793005u + 1442695040888963407u;
        int64_t from = (size < 0 ? 0 : size) + (int64_t)(chance >> 33) % 200 - 150;
        from = from < 0 ? 0 : from > LOG_BYTES ? LOG_BYTES : from;
        size_t len =
            (size_t)(LOG_BYTES - from) < sizeof(bytes) ? (size_t)(LOG_BYTES - from) : sizeof(bytes);
        for (size_t i = 0; i < len; i++)
            bytes[i] = log_byte((size_t)from + i);
        int taken =
            content_log_append(sender->bench->content, key, from, (struct str){bytes, len}, &err);
        sender->failed += taken < 0 && err.code != ERROR_RANGE;
    }
    return NULL;
}

TEST(a_log_sent_by_several_at_once_has_every_byte_once)
{
    CLEANUP(bench_end) struct bench bench = bench_start();
    struct sender senders[4];
    pthread_t threads[COUNT(senders)];
    char *back = malloc(LOG_BYTES + 1);

    for (unsigned i = 0; i < COUNT(senders); i++) {
        senders[i] = (struct sender){.bench = &bench, .number = i};
        CHECK_INT(0, pthread_create(&threads[i], NULL, send_log, &senders[i]));
    }
    for (size_t i = 0; i < COUNT(senders); i++) {
        pthread_join(threads[i], NULL);
        CHECK_INT(0, senders[i].failed);
    }
    CLEANUP(fd_close)
    int fd = content_log_open(bench.content, STR("1-1/user_logs/std_log.txt"), &bench.err);
    CHECK_INT(LOG_BYTES, fd_read_all(fd, back, LOG_BYTES + 1, &bench.err));
    for (size_t i = 0; i < LOG_BYTES; i++)
        CHECK_INT(log_byte(i), back[i]);
    free(back);
}

/* The same few contents by several threads at once, each as a blob of its own. */
static void *put_same(void *context)
{
    struct sender *sender = context;

    for (unsigned i = 0; i < 20; i++) {
        struct error err = {0};
        char name[32], text[32];
        CLEANUP(content_writer_free)
        struct content_writer *writer = content_writer_new(sender->bench->content, &err);
        struct step put = {.run = keep_as_blob, .blob = {.container = STR("c")}};
        snprintf(text, sizeof(text), "content %u", i % 5);
        snprintf(name, sizeof(name), "%u-%02u", sender->number, i);
        put.blob.name = str_from(name);
        if (!writer || content_write(writer, str_from(text), &err) < 0 ||
            content_finish(writer, &put.object, &err) < 0 ||
            store_write(sender->bench->store, step_apply, &put, &err) < 0)
            sender->failed++;
    }
    return NULL;
}

TEST(content_that_several_bring_at_once_is_kept_once)
{
    CLEANUP(bench_end) struct bench bench = bench_start();
    struct sender senders[4];
    pthread_t threads[COUNT(senders)];
    int64_t objects = number(&bench, "SELECT count(*) FROM object");

    for (unsigned i = 0; i < COUNT(senders); i++) {
        senders[i] = (struct sender){.bench = &bench, .number = i};
        CHECK_INT(0, pthread_create(&threads[i], NULL, put_same, &senders[i]));
    }
    for (size_t i = 0; i < COUNT(senders); i++) {
        pthread_join(threads[i], NULL);
        CHECK_INT(0, senders[i].failed);
    }
    CHECK_INT(80, number(&bench, "SELECT count(*) FROM blob"));
    CHECK_INT(objects + 5, number(&bench, "SELECT count(*) FROM object"));
    /* Each content is counted as often as objects name it, whoever came first. */
    CHECK_INT(0, number(&bench, "SELECT count(*) FROM chunk WHERE refs < 1 AND size > 0"));
}

/* The bytes of an object from `offset` on, as its parts give them. */
static struct str read_parts(struct bench *bench, const struct content_object *object,
                             int64_t offset, char out[64])
{
    CLEANUP(content_parts_free)
    struct content_parts *parts = content_parts_open(bench->content, object, offset, &bench->err);
    int64_t at, length;
    size_t used = 0;

    CHECK(parts);
    for (;;) {
        CLEANUP(fd_close) int fd = content_parts_next(parts, &at, &length, &bench->err);
        if (fd < 0)
            break;
        CHECK_INT(length, pread(fd, out + used, (size_t)length, at));
        used += (size_t)length;
    }
    CHECK_INT(ERROR_NOT_FOUND, bench->err.code);
    bench->err = (struct error){0};
    return (struct str){out, used};
}

TEST(an_object_is_read_in_parts_where_it_lies)
{
    CLEANUP(bench_end) struct bench bench = bench_start();
    struct content_pick ids[] = {{.block_id = STR_INIT("1")}, {.block_id = STR_INIT("2")}};
    struct step list = {.run = commit, .list = {STR("c"), STR("n"), ids, COUNT(ids)}};
    struct content_object object;
    char bytes[64];

    stage_block(&bench, "1", STR("0123"));
    stage_block(&bench, "2", STR("45678"));
    CHECK_OK(step(&bench, &list), &bench.err);
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(bench.store, &bench.err);
    CHECK_OK(content_object_get(txn, list.object.object, &object, &bench.err), &bench.err);
    for (int64_t at = 0; at <= 9; at++)
        CHECK_STR(arena_printf(store_arena(txn), "%.*s", (int)(9 - at), &"012345678"[at]).ptr,
                  read_parts(&bench, &object, at, bytes));
    /* The same when it was put together before. */
    int fd = content_open_chunks(bench.content, &object, &bench.err);
    CHECK(fd >= 0);
    fd_close(&fd);
    CHECK_STR("345678", read_parts(&bench, &object, 3, bytes));
}

TEST(a_part_that_is_missing_is_called_damage)
{
    CLEANUP(bench_end) struct bench bench = bench_start();
    struct content_object object = {.size = 8};
    int64_t offset, length;

    memset(object.hash, 'a', sizeof(object.hash) - 1);
    CLEANUP(content_parts_free)
    struct content_parts *parts = content_parts_open(bench.content, &object, 0, &bench.err);
    CHECK(parts);
    CHECK_ERROR(ERROR_CORRUPT, content_parts_next(parts, &offset, &length, &bench.err), &bench.err);
    CHECK(!content_parts_open(bench.content, &object, 4, &bench.err));
    CHECK_INT(ERROR_CORRUPT, bench.err.code);
}

TEST(nobody_pays_for_a_digest_that_nobody_asked_for)
{
    CLEANUP(bench_end) struct bench bench = bench_start();
    CLEANUP(content_writer_free)
    struct content_writer *writer = content_writer_new(bench.content, &bench.err);
    struct content_object object;

    content_writer_skip_md5(writer);
    CHECK_OK(content_write(writer, STR("bytes"), &bench.err), &bench.err);
    CHECK_OK(content_finish(writer, &object, &bench.err), &bench.err);
    CHECK_STR("", str_from(object.md5));
    CHECK_INT(64, strlen(object.hash));
}
