/* What the store can do, as ratios to the disk it stands on: `bench_store [FOLDER] [SECONDS]`.
 *
 * Each line is a name, the figure and its ratio to one writer that syncs once per write. */
#include "store/store.h"
#include "os/clock.h"
#include "store/document.h"
#include "store/event.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SYNCS 2000
#define THREADS 16
#define IN_FLIGHT 64

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

/* Half of the syncs after overwriting a page take less than this. */
static double sync_p50_us(const char *folder)
{
    static int64_t times[SYNCS];
    char path[512], page[4096] = "";

    snprintf(path, sizeof(path), "%s/sync", folder);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        exit(1);
    for (size_t i = 0; i < SYNCS; i++) {
        int64_t start_us = clock_mono_us();
        if (pwrite(fd, page, sizeof(page), (off_t)(i % 512) * 4096) < 0 || fdatasync(fd) < 0)
            exit(1);
        times[i] = clock_mono_us() - start_us;
    }
    close(fd);
    unlink(path);
    qsort(times, SYNCS, sizeof(times[0]), compare);
    return (double)times[SYNCS / 2];
}

static _Atomic int64_t number;

/* A row of points, as one log-metric call leaves it. */
static int append_tail(struct store_txn *txn, void *, struct error *err)
{
    static const char points[40];
    struct sql *q = sql(txn, "INSERT INTO tail (run, n, data) VALUES (?, 1, ?)", err);

    if (!q)
        return -1;
    sql_bind_int(q, 1, atomic_fetch_add(&number, 1) % 64);
    sql_bind_blob(q, 2, (struct str){points, sizeof(points)});
    return sql_run(q, err);
}

/* A document and its event, as one PUT leaves them. */
static int put_document(struct store_txn *txn, void *, struct error *err)
{
    static const char body[600];
    struct str name =
        arena_printf(store_arena(txn), "n%lld", (long long)atomic_fetch_add(&number, 1));
    struct document document = {.scope = 1,
                                .type = STR("data"),
                                .name = name,
                                .body = {body, sizeof(body)},
                                .system = STR("{}")};
    struct event event = {.scope = 1, .type = STR("data.created"), .subject = name};

    return document_insert(txn, &document, err) < 0 ? -1 : event_append(txn, &event, err);
}

struct load {
    struct store *store;
    store_apply *apply;
    int64_t until_us;
    atomic_llong done;
    atomic_int running;
};

static void *wait_for_each(void *context)
{
    struct load *load = context;
    struct error err;

    while (clock_mono_us() < load->until_us) {
        if (store_write(load->store, load->apply, NULL, &err) < 0)
            abort();
        atomic_fetch_add(&load->done, 1);
    }
    return NULL;
}

static double with_threads(struct load *load, size_t threads, double seconds)
{
    pthread_t ids[THREADS];

    atomic_store(&load->done, 0);
    load->until_us = clock_mono_us() + (int64_t)(seconds * US_PER_S);
    for (size_t i = 0; i < threads; i++)
        pthread_create(&ids[i], NULL, wait_for_each, load);
    for (size_t i = 0; i < threads; i++)
        pthread_join(ids[i], NULL);
    return (double)atomic_load(&load->done) / seconds;
}

struct flight {
    struct store_job job;
    struct load *load;
};

static void again(struct store_job *job, int result, const struct error *)
{
    struct flight *flight = CONTAINER_OF(job, struct flight, job);

    if (result < 0)
        abort();
    atomic_fetch_add(&flight->load->done, 1);
    if (clock_mono_us() < flight->load->until_us)
        store_write_later(flight->load->store, &flight->job);
    else
        atomic_fetch_sub(&flight->load->running, 1);
}

/* Without threads that wait: what the writer itself can do. */
static double with_completions(struct load *load, double seconds)
{
    static struct flight flights[IN_FLIGHT];

    atomic_store(&load->done, 0);
    atomic_store(&load->running, IN_FLIGHT);
    load->until_us = clock_mono_us() + (int64_t)(seconds * US_PER_S);
    for (size_t i = 0; i < IN_FLIGHT; i++) {
        flights[i] = (struct flight){{.apply = load->apply, .done = again}, load};
        store_write_later(load->store, &flights[i].job);
    }
    while (atomic_load(&load->running))
        usleep(1000);
    return (double)atomic_load(&load->done) / seconds;
}

int main(int argc, char **argv)
{
    const char *folder = argc > 1 ? argv[1] : ".";
    double seconds = argc > 2 ? strtod(argv[2], NULL) : 2;
    char url[512], path[512];
    struct load load = {.apply = append_tail};
    struct error err = {0};

    double sync_us = sync_p50_us(folder), syncs = 1e6 / sync_us;
    printf("fdatasync p50                %10.0f us\n", sync_us);
    snprintf(url, sizeof(url), "sqlite:%s/bench.db", folder);
    if (store_open(url, NULL, &load.store, &err) < 0) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    double one = with_threads(&load, 1, seconds);
    double many = with_threads(&load, THREADS, seconds);
    double later = with_completions(&load, seconds);
    load.apply = put_document;
    double documents = with_threads(&load, THREADS, seconds);
    store_close(&load.store);
    printf("tail rows, 1 caller          %10.0f /s  %6.2f of one sync each\n", one, one / syncs);
    printf("tail rows, %d callers        %10.0f /s  %6.2f\n", THREADS, many, many / syncs);
    printf("tail rows, %d in flight      %10.0f /s  %6.2f\n", IN_FLIGHT, later, later / syncs);
    printf("documents, %d callers        %10.0f /s  %6.2f\n", THREADS, documents,
           documents / syncs);
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof(path), "%s/bench.db%s", folder,
                 (const char *[]){"", "-wal", "-shm"}[i]);
        unlink(path);
    }
    return 0;
}
