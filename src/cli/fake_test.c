#include "cli/fake_test.h"
#include "cli/cli.h"
#include "os/file.h"

#include <assert.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define REPLIES_MAX 128
#define REQUEST_MAX (4 * MIB)

struct reply {
    const char *method, *part, *head, *body;
    int status;
    ssize_t sent; /* bytes of the body that leave before the line breaks, or -1 */
    bool used;
};

struct fake {
    struct arena *arena;
    char folder[200];
    int listener;
    pthread_t thread;
    pthread_mutex_t lock;
    struct reply replies[REPLIES_MAX];
    size_t count;
    struct buf asked;
    bool stopped;
};

static struct reply *find_reply(struct fake *fake, struct str method, struct str target)
{
    for (size_t i = 0; i < fake->count; i++) {
        struct reply *reply = &fake->replies[i];
        if (!reply->used && str_eq(method, str_from(reply->method)) &&
            str_find(target, str_from(reply->part)) >= 0) {
            reply->used = true;
            return reply;
        }
    }
    return NULL;
}

/* Reads a head and as much body as it says; false when the client is gone. */
static bool read_request(int fd, struct buf *in, struct str *out_line, struct str *out_body)
{
    for (;;) {
        struct str text = buf_str(in);
        ssize_t end = str_find(text, STR("\r\n\r\n"));
        if (end >= 0) {
            ssize_t at = str_find(text, STR("ontent-Length: "));
            size_t length = at >= 0 && at < end ? strtoul(text.ptr + at + 15, NULL, 10) : 0;
            if (text.len >= (size_t)end + 4 + length) {
                *out_line = str_slice(text, 0, (size_t)str_find(text, STR("\r\n")));
                *out_body = str_slice(text, (size_t)end + 4, (size_t)end + 4 + length);
                return true;
            }
        }
        char *into = buf_reserve(in, 64 * KIB);
        ssize_t got = into ? read(fd, into, 64 * KIB) : -1;
        if (got <= 0)
            return false;
        buf_grew(in, (size_t)got);
    }
}

static void answer(struct fake *fake, int fd)
{
    CLEANUP(buf_free) struct buf in = buf_make(REQUEST_MAX), out = buf_make(REQUEST_MAX);
    struct str line, body, method, target, rest;
    static const struct reply MISSING = {
        .status = 404,
        .head = "",
        .body = "{\"error\":{\"code\":\"ResourceNotFound\",\"message\":\"Not there.\"}}",
        .sent = -1};

    if (!read_request(fd, &in, &line, &body))
        return;
    str_cut(line, ' ', &method, &rest);
    str_cut(rest, ' ', &target, &rest);
    pthread_mutex_lock(&fake->lock);
    const struct reply *reply = find_reply(fake, method, target);
    bool is_text = body.len < 4096 && !memchr(body.ptr, 0, body.len);
    buf_printf(&fake->asked, "%.*s %.*s", STR_ARG(method), STR_ARG(target));
    if (body.len && is_text)
        buf_printf(&fake->asked, " %.*s", STR_ARG(body));
    buf_add_char(&fake->asked, '\n');
    pthread_mutex_unlock(&fake->lock);
    if (!reply)
        reply = &MISSING;
    size_t length = strlen(reply->body), sent = reply->sent < 0 ? length : (size_t)reply->sent;
    buf_printf(&out, "HTTP/1.1 %d X\r\nContent-Length: %zu\r\nConnection: close\r\n%s\r\n",
               reply->status, length, reply->head);
    if (!str_eq(method, STR("HEAD")))
        buf_add(&out, (struct str){reply->body, sent});
    struct str bytes = buf_str(&out);
    while (bytes.len) {
        ssize_t n = send(fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);
        if (n <= 0)
            return;
        bytes = str_slice(bytes, (size_t)n, bytes.len);
    }
}

static void *serve(void *context)
{
    struct fake *fake = context;

    for (;;) {
        int fd = accept4(fake->listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0 || __atomic_load_n(&fake->stopped, __ATOMIC_ACQUIRE)) {
            fd_close(&fd);
            return NULL;
        }
        answer(fake, fd);
        close(fd);
    }
}

struct fake *fake_start(struct arena *arena)
{
    static int number;
    struct fake *fake = arena_make(arena, struct fake);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char run[240];

    fake->arena = arena;
    fake->asked = buf_make(REQUEST_MAX);
    snprintf(fake->folder, sizeof fake->folder, "%s/%d", test_folder(), number++);
    snprintf(run, sizeof run, "%s/run", fake->folder);
    CHECK_INT(0, mkdir(fake->folder, 0700));
    /* Nothing of the person who runs the tests, and nothing of the test before. */
    CHECK_INT(0, setenv("LAZURITE_CONFIG_DIR", fake->folder, 1));
    CHECK_INT(0, mkdir(run, 0700));
    fake->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int length = snprintf(address.sun_path, sizeof address.sun_path, "%s/lazurite.sock", run);
    CHECK(length > 0 && (size_t)length < sizeof address.sun_path);
    CHECK_INT(0, bind(fake->listener, (struct sockaddr *)&address, sizeof address));
    CHECK_INT(0, listen(fake->listener, 8));
    pthread_mutex_init(&fake->lock, NULL);
    CHECK_INT(0, pthread_create(&fake->thread, NULL, serve, fake));
    return fake;
}

void fake_stop(struct fake **fake)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int knock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    /* A last connection wakes the thread. */
    __atomic_store_n(&(*fake)->stopped, true, __ATOMIC_RELEASE);
    snprintf(address.sun_path, sizeof address.sun_path, "%s/run/lazurite.sock", (*fake)->folder);
    CHECK_INT(0, connect(knock, (struct sockaddr *)&address, sizeof address));
    pthread_join((*fake)->thread, NULL);
    close(knock);
    close((*fake)->listener);
    pthread_mutex_destroy(&(*fake)->lock);
    buf_free(&(*fake)->asked);
}

static void add_reply(struct fake *fake, const struct reply *reply)
{
    pthread_mutex_lock(&fake->lock);
    assert(fake->count < REPLIES_MAX);
    fake->replies[fake->count++] = *reply;
    pthread_mutex_unlock(&fake->lock);
}

void fake_reply(struct fake *fake, const char *method, const char *part, int status,
                const char *body)
{
    add_reply(fake, &(struct reply){method, part, "", body, status, -1, false});
}

void fake_reply_with(struct fake *fake, const char *method, const char *part, const char *head,
                     const char *body)
{
    bool later = strstr(head, "Azure-AsyncOperation") || strstr(head, "Location");

    add_reply(fake, &(struct reply){method, part, head, body, later ? 202 : 200, -1, false});
}

void fake_break(struct fake *fake, const char *method, const char *part, const char *body,
                size_t sent)
{
    add_reply(fake, &(struct reply){method, part, "", body, 200, (ssize_t)sent, false});
}

struct str fake_asked(struct fake *fake)
{
    pthread_mutex_lock(&fake->lock);
    struct str text = arena_str(fake->arena, buf_str(&fake->asked));
    pthread_mutex_unlock(&fake->lock);
    return text;
}

/* Lets a stream of ours go into a file; the descriptor that it had. */
static int redirect(struct fake *fake, FILE *stream, const char *name)
{
    struct str path = arena_printf(fake->arena, "%s/%s", fake->folder, name);
    int kept = dup(fileno(stream));
    int fd = open(path.ptr, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    CHECK(kept >= 0 && fd >= 0);
    fflush(stream);
    CHECK(dup2(fd, fileno(stream)) >= 0);
    close(fd);
    return kept;
}

static void take_back(FILE *stream, int kept)
{
    fflush(stream);
    dup2(kept, fileno(stream));
    close(kept);
}

struct fake_run fake_run(struct fake *fake, const char *line)
{
    struct str rest = str_from(line), word;
    char *argv[64] = {arena_cstr(fake->arena, STR("lazurite"))};
    struct fake_run run;
    int argc = 1;

    while (str_split(&rest, ' ', &word))
        if (word.len && argc < 60)
            argv[argc++] = arena_cstr(fake->arena, word);
    argv[argc++] = arena_cstr(fake->arena, STR("--data-dir"));
    argv[argc++] = fake->folder;
    int out = redirect(fake, stdout, "stdout"), err = redirect(fake, stderr, "stderr");
    run.code = cli_main(argc, argv);
    take_back(stdout, out);
    take_back(stderr, err);
    run.out = fake_read(fake, "stdout");
    run.err = fake_read(fake, "stderr");
    return run;
}

const char *fake_folder(const struct fake *fake)
{
    return fake->folder;
}

const char *fake_file(struct fake *fake, const char *name, const char *text)
{
    struct error err = {0};
    CLEANUP(fd_close) int dir = dir_open(fake->folder, &err);
    ssize_t slash = str_find_last(str_from(name), '/');

    if (slash > 0)
        CHECK_OK(dir_make(dir, arena_cstr(fake->arena, str_slice(str_from(name), 0, (size_t)slash)),
                          0755, &err),
                 &err);
    CHECK_OK(file_write_atomic(dir, name, str_from(text), 0644, &err), &err);
    return arena_printf(fake->arena, "%s/%s", fake->folder, name).ptr;
}

struct str fake_read(struct fake *fake, const char *name)
{
    struct error err = {0};
    struct str text = {0};
    CLEANUP(fd_close) int dir = dir_open(fake->folder, &err);

    if (file_read(fake->arena, dir, name, 16 * MIB, &text, &err) < 0)
        return (struct str){0};
    return text;
}
