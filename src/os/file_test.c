#include "os/file.h"

#include "base/test.h"
#include "os/fault.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* A new folder of its own for each test. */
static int fresh_folder(void)
{
    static int number;
    char name[32];
    struct error err = {0};
    CLEANUP(fd_close) int base = dir_open(test_folder(), &err);

    snprintf(name, sizeof(name), "file-%d", ++number);
    int dir = dir_open_at(base, name, 0700, &err);
    CHECK(dir >= 0);
    return dir;
}

static void put(int dir, const char *path, const char *text)
{
    struct error err = {0};

    CHECK_OK(file_write_atomic(dir, path, str_from(text), 0644, &err), &err);
}

TEST(folders_are_made_with_their_parents)
{
    CLEANUP(fd_close) int dir = fresh_folder();
    struct error err = {0};

    CHECK_OK(dir_make(dir, "a/b/c", 0700, &err), &err);
    CHECK_OK(dir_make(dir, "a/b/c", 0700, &err), &err);
    CHECK_OK(dir_make(dir, "a/b/", 0700, &err), &err);
    CHECK(file_exists(dir, "a/b/c"));
    CHECK(!file_exists(dir, "a/x"));
    put(dir, "file", "x");
    CHECK(dir_make(dir, "file/sub", 0700, &err) < 0);
    CHECK(dir_make(dir, "file", 0700, &err) < 0);
    CHECK(dir_open_at(dir, "missing", 0, &err) < 0);
    CHECK_INT(ERROR_NOT_FOUND, err.code);
}

TEST(paths_cannot_leave_the_folder)
{
    CLEANUP(fd_close) int dir = fresh_folder();
    struct error err = {0};

    CHECK_INT(0, symlinkat("/etc/passwd", dir, "absolute"));
    CHECK_INT(0, symlinkat("../..", dir, "up"));
    CHECK(file_open(dir, "../x", O_RDONLY, 0, &err) < 0);
    CHECK(file_open(dir, "/etc/passwd", O_RDONLY, 0, &err) < 0);
    CHECK(file_open(dir, "absolute", O_RDONLY, 0, &err) < 0);
    CHECK(file_open(dir, "up/tmp", O_RDONLY, 0, &err) < 0);
    CHECK(dir_make(dir, "../made-outside", 0700, &err) < 0);
    CHECK(dir_make(dir, "up/made-outside", 0700, &err) < 0);
    CHECK(file_write_atomic(dir, "up/written-outside", STR("x"), 0600, &err) < 0);
}

TEST(links_inside_are_followed_unless_refused)
{
    CLEANUP(fd_close) int dir = fresh_folder();
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct error err = {0};
    struct str text;

    put(dir, "target", "content");
    CHECK_INT(0, symlinkat("target", dir, "link"));
    CHECK_OK(file_read(arena, dir, "link", 100, &text, &err), &err);
    CHECK_STR("content", text);
    CHECK(file_open_nolinks(dir, "link", O_RDONLY, 0, &err) < 0);
    CHECK_INT(ERROR_FORBIDDEN, err.code);
    CLEANUP(fd_close) int fd = file_open_nolinks(dir, "target", O_RDONLY, 0, &err);
    CHECK(fd >= 0);
    CHECK_INT(FD_CLOEXEC, fcntl(fd, F_GETFD));
}

TEST(reading_has_a_limit)
{
    CLEANUP(fd_close) int dir = fresh_folder();
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct error err = {0};
    struct str text = STR("before");

    put(dir, "ten", "0123456789");
    CHECK_OK(file_read(arena, dir, "ten", 10, &text, &err), &err);
    CHECK_STR("0123456789", text);
    CHECK_ERROR(ERROR_TOO_LARGE, file_read(arena, dir, "ten", 9, &text, &err), &err);
    CHECK_ERROR(ERROR_NOT_FOUND, file_read(arena, dir, "none", 9, &text, &err), &err);
    CHECK_STR("0123456789", text);
    put(dir, "empty", "");
    CHECK_OK(file_read(arena, dir, "empty", 10, &text, &err), &err);
    CHECK_INT(0, text.len);
}

TEST(files_without_a_size_are_read_whole)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct error err = {0};
    CLEANUP(fd_close) int proc = dir_open("/proc/self", &err);
    struct str text;

    CHECK_OK(file_read(arena, proc, "status", 64 * KIB, &text, &err), &err);
    CHECK(str_find(text, STR("Pid:")) >= 0);
    CHECK_ERROR(ERROR_TOO_LARGE, file_read(arena, proc, "status", 10, &text, &err), &err);
}

TEST(an_atomic_write_replaces_and_sets_the_mode)
{
    CLEANUP(fd_close) int dir = fresh_folder();
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct error err = {0};
    struct stat status;
    struct str text;

    put(dir, "f", "old");
    CHECK_OK(file_write_atomic(dir, "f", STR("new"), 0600, &err), &err);
    CHECK_OK(file_read(arena, dir, "f", 100, &text, &err), &err);
    CHECK_STR("new", text);
    CHECK_INT(0, fstatat(dir, "f", &status, 0));
    CHECK_INT(0600, status.st_mode & 0777);
}

static int count_entries(const struct dir_entry *entry, void *context, struct error *err)
{
    *(int *)context += entry->path.len > 0;
    return 0;
}

/* Every call that a disk can refuse fails in turn; the old content must stay, and nothing else. */
TEST(a_failed_atomic_write_leaves_the_old_file_and_no_other)
{
    static const struct {
        enum fault_point point;
        int number;
        enum error_code code;
    } CASES[] = {
        {FAULT_OPEN, EACCES, ERROR_FORBIDDEN},
        {FAULT_WRITE, ENOSPC, ERROR_STORAGE_FULL},
        {FAULT_FSYNC, EIO, ERROR_IO},
        {FAULT_RENAME, EIO, ERROR_IO},
    };
    CLEANUP(fd_close) int dir = fresh_folder();
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct error err = {0};
    struct str text;

    put(dir, "f", "old");
    for (size_t i = 0; i < COUNT(CASES); i++) {
        int count = 0;
        fault_plan(CASES[i].point, 1, CASES[i].number, false);
        CHECK_ERROR(CASES[i].code, file_write_atomic(dir, "f", STR("new"), 0600, &err), &err);
        fault_plan(CASES[i].point, 0, 0, false);
        CHECK_OK(file_read(arena, dir, "f", 100, &text, &err), &err);
        CHECK_STR("old", text);
        CHECK_OK(dir_walk(dir, count_entries, &count, &err), &err);
        CHECK_INT(1, count);
    }
}

TEST(a_read_fault_is_an_error)
{
    CLEANUP(fd_close) int dir = fresh_folder();
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct error err = {0};
    struct str text;

    put(dir, "f", "content");
    fault_plan(FAULT_READ, 1, EIO, false);
    CHECK_ERROR(ERROR_IO, file_read(arena, dir, "f", 100, &text, &err), &err);
    fault_plan(FAULT_READ, 1, EINTR, false); /* this one is tried again */
    CHECK_OK(file_read(arena, dir, "f", 100, &text, &err), &err);
    fault_plan(FAULT_READ, 0, 0, false);
}

static int note_path(const struct dir_entry *entry, void *context, struct error *err)
{
    struct buf *seen = context;

    buf_printf(seen, "%.*s%s ", STR_ARG(entry->path), S_ISLNK(entry->status.st_mode) ? "@" : "");
    if (str_eq(entry->path, STR("skip")))
        return 1;
    return str_eq(entry->path, STR("stop")) ? error_set(err, ERROR_CANCELED, "", "Stopped.") : 0;
}

TEST(a_walk_is_sorted_and_shows_links_as_links)
{
    CLEANUP(fd_close) int dir = fresh_folder();
    CLEANUP(buf_free) struct buf seen = buf_make(KIB);
    struct error err = {0};

    CHECK_OK(dir_make(dir, "b/c", 0700, &err), &err);
    CHECK_OK(dir_make(dir, "skip/inner", 0700, &err), &err);
    put(dir, "b/z", "");
    put(dir, "a", "");
    CHECK_INT(0, symlinkat("/", dir, "link"));
    CHECK_OK(dir_walk(dir, note_path, &seen, &err), &err);
    CHECK_STR("a b b/c b/z link@ skip ", buf_str(&seen));
    put(dir, "stop", "");
    CHECK_ERROR(ERROR_CANCELED, dir_walk(dir, note_path, &seen, &err), &err);
}

TEST(a_tree_is_removed_and_what_it_links_to_is_not)
{
    CLEANUP(fd_close) int dir = fresh_folder();
    struct error err = {0};

    CHECK_OK(dir_make(dir, "keep", 0700, &err), &err);
    put(dir, "keep/me", "x");
    CHECK_OK(dir_make(dir, "t/locked/deep", 0700, &err), &err);
    put(dir, "t/locked/deep/f", "x");
    CHECK_INT(0, symlinkat("../keep", dir, "t/link"));
    CHECK_INT(0, fchmodat(dir, "t/locked", 0, 0));
    CHECK_OK(dir_remove_tree(dir, "t", &err), &err);
    CHECK(!file_exists(dir, "t"));
    CHECK(file_exists(dir, "keep/me"));
    CHECK_OK(dir_remove_tree(dir, "t", &err), &err);
    CHECK_OK(dir_remove_tree(dir, "no/such", &err), &err);
    CHECK_OK(dir_remove_tree(dir, "keep/me", &err), &err);
    CHECK(!file_exists(dir, "keep/me"));
}

TEST(a_lock_keeps_a_second_process_out_and_names_the_first)
{
    CLEANUP(fd_close) int dir = fresh_folder();
    CLEANUP(fd_close) int lock = -1;
    CLEANUP(fd_close) int second = -1;
    struct error err = {0};
    int owner = -1;

    CHECK_OK(file_lock(dir, "lock", &lock, &owner, &err), &err);
    /* flock is per open file, so a second open in this process stands for another one. */
    CHECK_ERROR(ERROR_CONFLICT, file_lock(dir, "lock", &second, &owner, &err), &err);
    CHECK_INT(getpid(), owner);
    fd_close(&lock);
    CHECK_OK(file_lock(dir, "lock", &second, &owner, &err), &err);
}

TEST(free_bytes_are_known)
{
    CLEANUP(fd_close) int dir = fresh_folder();

    CHECK(dir_free_bytes(dir) > 0);
}

/* Whichever call fails, and whenever: a file is the old one or the new one, and nothing else lies
 * about. A sync of the folder comes after the rename, so the new one may be there though it failed.
 */
TEST(whichever_call_of_an_atomic_write_fails_the_file_is_whole)
{
    static const enum fault_point POINTS[] = {FAULT_OPEN, FAULT_WRITE, FAULT_FSYNC, FAULT_RENAME};
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);

    for (size_t i = 0; i < COUNT(POINTS); i++) {
        bool met = true;
        unsigned nth = 1;
        for (; met && nth < 20; nth++) {
            CLEANUP(fd_close) int dir = fresh_folder();
            struct error err = {0};
            struct str text;
            int count = 0;
            put(dir, "f", "old");
            fault_plan(POINTS[i], nth, EIO, false);
            int result = file_write_atomic(dir, "f", STR("new"), 0600, &err);
            met = fault_count(POINTS[i]) >= nth;
            fault_plan(POINTS[i], 0, 0, false);
            CHECK_OK(file_read(arena, dir, "f", 100, &text, &err), &err);
            CHECK(str_eq(text, STR("new")) || (result < 0 && str_eq(text, STR("old"))));
            CHECK_OK(dir_walk(dir, count_entries, &count, &err), &err);
            CHECK_INT(1, count);
        }
        CHECK(nth > 2 && nth < 20); /* it was met, and in the end no more */
    }
}

TEST(short_and_interrupted_writes_are_gone_on_with)
{
    CLEANUP(fd_close) int dir = fresh_folder();
    CLEANUP(arena_free) struct arena *arena = arena_new(4 * MIB);
    struct error err = {0};
    CLEANUP(fd_close) int fd = file_open(dir, "f", O_RDWR | O_CREAT, 0600, &err);
    size_t size = MIB + 7;
    char *bytes = arena_alloc(arena, size), *back = arena_alloc(arena, size + 1);

    for (size_t i = 0; i < size; i++)
        bytes[i] = (char)(i * 31);
    fault_plan(FAULT_WRITE, 1, EINTR, false);
    CHECK_OK(fd_write_all(fd, (struct str){bytes, size}, &err), &err);
    fault_plan(FAULT_WRITE, 0, 0, false);
    CHECK_INT(0, lseek(fd, 0, SEEK_SET));
    CHECK_INT((ssize_t)size, fd_read_all(fd, back, size + 1, &err)); /* the end comes first */
    CHECK_INT(0, memcmp(bytes, back, size));
    CHECK_OK(fd_write_all(fd, (struct str){NULL, 0}, &err), &err);
    CHECK_INT(0, fd_read_all(fd, NULL, 0, &err));
}

TEST(odd_paths_are_refused_without_a_trace)
{
    static const char *const BAD[] = {"", "/", "/etc/x", "../x", "a/../../x", "a/"};
    CLEANUP(fd_close) int dir = fresh_folder();
    struct error err = {0};
    char longest[5000];

    for (size_t i = 0; i < COUNT(BAD); i++) {
        CHECK_INT(-1, file_write_atomic(dir, BAD[i], STR("x"), 0600, &err));
        CHECK(!*BAD[i] || !file_exists(dir, BAD[i]));
    }
    memset(longest, 'x', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    CHECK_INT(-1, file_write_atomic(dir, longest, STR("x"), 0600, &err));
    CHECK_INT(-1, dir_make(dir, longest, 0700, &err));
    int count = 0;
    CHECK_OK(dir_walk(dir, count_entries, &count, &err), &err);
    CHECK_INT(0, count);
}

TEST(folders_nested_too_deep_are_an_error_not_a_crash)
{
    CLEANUP(fd_close) int dir = fresh_folder();
    CLEANUP(fd_close) int at = dup(dir);
    struct error err = {0};
    int count = 0;

    for (int depth = 0; depth < 300; depth++) {
        CHECK_INT(0, mkdirat(at, "d", 0700));
        int next = openat(at, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        CHECK(next >= 0);
        close(at);
        at = next;
    }
    CHECK_ERROR(ERROR_TOO_LARGE, dir_walk(dir, count_entries, &count, &err), &err);
    CHECK_ERROR(ERROR_TOO_LARGE, dir_remove_tree(dir, "d", &err), &err);
}
