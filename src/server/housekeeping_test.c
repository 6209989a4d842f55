/* The thread does rounds, gives bytes back, and ends at once when it is told to. */
#include "server/housekeeping.h"

#include "base/test.h"
#include "content/content.h"
#include "os/clock.h"
#include "os/file.h"
#include "store/store.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct house {
    int dir;
    struct store *store;
    struct content *content;
    struct error err;
};

static void house_open(struct house *house, const char *name)
{
    char path[300];

    snprintf(path, sizeof(path), "%s/%s", test_folder(), name);
    CHECK(mkdir(path, 0700) == 0);
    house->dir = dir_open(path, &house->err);
    CHECK_OK(store_open("memory:", NULL, &house->store, &house->err), &house->err);
    house->content = content_open(house->dir, house->store, &house->err);
    CHECK(house->content);
}

static void house_close(struct house *house)
{
    content_close(&house->content);
    store_close(&house->store);
    fd_close(&house->dir);
}

/* A file in the content folder that no row names, three days old: what a crash between file and
 * row leaves. */
static void leave_orphan(struct house *house, const char *path)
{
    const struct timespec old[2] = {{.tv_sec = time(NULL) - 3 * 24 * 3600},
                                    {.tv_sec = time(NULL) - 3 * 24 * 3600}};

    mkdirat(house->dir, "content/ab", 0700);
    int fd = openat(house->dir, path, O_CREAT | O_WRONLY | O_CLOEXEC, 0444);
    CHECK(fd >= 0);
    CHECK(write(fd, "left behind", 11) == 11);
    CHECK(futimens(fd, old) == 0);
    close(fd);
}

/* Rounds go by real time; ten seconds are far more than one needs. */
static void await_rounds(struct housekeeping *housekeeping, int64_t rounds)
{
    int64_t until = clock_mono_us() + 10 * US_PER_S;

    while (housekeeping_report(housekeeping).rounds < rounds && clock_mono_us() < until)
        clock_sleep_us(5000);
    CHECK(housekeeping_report(housekeeping).rounds >= rounds);
}

TEST(rounds_go_on_and_give_bytes_back)
{
    static const char PATH[] =
        "content/ab/ab00000000000000000000000000000000000000000000000000000000000000";
    struct house house = {.dir = -1};

    house_open(&house, "rounds");
    leave_orphan(&house, PATH);
    struct housekeeping *housekeeping = housekeeping_start(house.content, 1000, 1000);
    await_rounds(housekeeping, 3);
    struct housekeeping_report report = housekeeping_report(housekeeping);
    CHECK(report.last_us > 0);
    CHECK_INT(11, report.bytes);
    CHECK(faccessat(house.dir, PATH, F_OK, 0) < 0);
    housekeeping_stop(&housekeeping);
    CHECK(!housekeeping);
    house_close(&house);
}

static int doom_nothing(struct store_txn *txn, void *, struct error *err)
{
    struct sql *q = sql(txn,
                        "INSERT INTO doomed (scope, kind, owner, container, prefix, at_us)"
                        " VALUES (1, 4, 0, 'c', 'p', 0)",
                        err);

    return q ? sql_run(q, err) : -1;
}

static int64_t doomed_left(struct store *store)
{
    struct error err = {0};
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(store, &err);
    struct sql *q = sql(txn, "SELECT COUNT(*) FROM doomed", &err);

    CHECK(q && sql_step(q) > 0);
    int64_t left = sql_int(q, 0);
    CHECK_OK(sql_end(q, &err), &err);
    return left;
}

TEST(what_deletions_left_is_done)
{
    struct house house = {.dir = -1};
    struct error err = {0};

    house_open(&house, "doomed");
    struct store *store = content_store(house.content);
    CHECK_OK(store_write(store, doom_nothing, NULL, &err), &err);
    CHECK_INT(1, doomed_left(store));
    struct housekeeping *housekeeping = housekeeping_start(house.content, 1000, 1000);
    await_rounds(housekeeping, 2);
    CHECK_INT(0, doomed_left(store));
    housekeeping_stop(&housekeeping);
    house_close(&house);
}

TEST(the_end_does_not_wait_for_the_hour)
{
    struct house house = {.dir = -1};
    int64_t begun;

    house_open(&house, "end");
    begun = clock_mono_us();
    struct housekeeping *housekeeping =
        housekeeping_start(house.content, 3600 * US_PER_S, 3600 * US_PER_S);
    CHECK_INT(0, housekeeping_report(housekeeping).rounds);
    housekeeping_stop(&housekeeping);
    CHECK(clock_mono_us() - begun < 600 * US_PER_S);
    housekeeping_stop(&housekeeping); /* twice is once */
    house_close(&house);
}
