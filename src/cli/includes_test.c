/* additional_includes: what ends up in the snapshot, and where. */
#include "base/test.h"
#include "cli/archive.h"
#include "cli/includes.h"
#include "os/file.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* A folder with code, a library beside it, and a file. */
struct place {
    struct arena *arena;
    struct cli cli;
    struct str root;
    int dir;
};

static void put(struct place *p, const char *path, const char *text)
{
    struct error err = {0};
    char folder[200];

    snprintf(folder, sizeof(folder), "%s", path);
    *strrchr(folder, '/') = '\0';
    CHECK_OK(dir_make(p->dir, folder, 0700, &err), &err);
    CHECK_OK(file_write_atomic(p->dir, path, str_from(text), 0600, &err), &err);
}

static struct place place_open(const char *name)
{
    struct place p = {.arena = arena_new(64 * MIB)};
    struct error err = {0};

    p.cli = (struct cli){.arena = p.arena, .quiet = true};
    p.root = arena_printf(p.arena, "%s/%s", test_folder(), name);
    CHECK_INT(0, mkdir(p.root.ptr, 0700));
    p.dir = dir_open(p.root.ptr, &err);
    put(&p, "code/train.py", "train");
    put(&p, "code/skipped.tmp", "x");
    put(&p, "code/.amlignore", "*.tmp\n");
    put(&p, "lib/helper/__init__.py", "helper");
    put(&p, "lib/helper/deep/more.py", "more");
    put(&p, "lib/one.txt", "one");
    return p;
}

static void place_close(struct place *p)
{
    fd_close(&p->dir);
    arena_free(&p->arena);
}

static struct str path_of(struct place *p, const char *name)
{
    return arena_printf(p->arena, "%.*s/%s", STR_ARG(p->root), name);
}

/* The text of a file of the merged folder; "" when it is not there. */
static struct str text_of(struct place *p, struct str folder, const char *name)
{
    struct error err = {0};
    struct str text = STR("");
    CLEANUP(fd_close) int dir = dir_open(folder.ptr, &err);

    file_read(p->arena, dir, name, MIB, &text, &err);
    return text;
}

TEST(code_and_what_is_included_lie_side_by_side)
{
    CLEANUP(place_close) struct place p = place_open("merge");
    struct str paths[] = {path_of(&p, "lib/helper"), path_of(&p, "lib/one.txt")}, folder;
    struct includes includes = {path_of(&p, "code"), paths, COUNT(paths)};
    struct error err = {0};

    CHECK_OK(includes_merge(&p.cli, &includes, &folder, &err), &err);
    CHECK_STR("train", text_of(&p, folder, "train.py"));
    CHECK_STR("helper", text_of(&p, folder, "helper/__init__.py"));
    CHECK_STR("more", text_of(&p, folder, "helper/deep/more.py"));
    CHECK_STR("one", text_of(&p, folder, "one.txt"));
    CHECK_INT(0, text_of(&p, folder, "skipped.tmp").len); /* its ignore file counts */
    includes_remove(&p.cli, folder);
    CHECK(!includes_there(&p.cli, folder));
}

TEST(without_code_the_includes_are_the_snapshot)
{
    CLEANUP(place_close) struct place p = place_open("alone");
    struct str path = path_of(&p, "lib/one.txt"), folder;
    struct includes includes = {STR(""), &path, 1};
    struct error err = {0};

    CHECK_OK(includes_merge(&p.cli, &includes, &folder, &err), &err);
    CHECK_STR("one", text_of(&p, folder, "one.txt"));
    includes_remove(&p.cli, folder);
}

TEST(two_of_one_name_are_refused)
{
    CLEANUP(place_close) struct place p = place_open("twice");
    struct str path, folder = STR("");
    struct includes includes = {path_of(&p, "code"), &path, 1};
    struct error err = {0};

    put(&p, "other/train.py", "another");
    path = path_of(&p, "other/train.py");
    CHECK_ERROR(ERROR_EXISTS, includes_merge(&p.cli, &includes, &folder, &err), &err);
    CHECK(strstr(err.message, "'train.py'"));
    CHECK_INT(0, folder.len);
}

TEST(an_archive_is_made_of_the_folder_of_its_name)
{
    CLEANUP(place_close) struct place p = place_open("zip");
    struct str path = path_of(&p, "lib/helper.zip"), folder, again;
    struct includes includes = {path_of(&p, "code"), &path, 1};
    struct error err = {0};

    CHECK(includes_there(&p.cli, path));
    CHECK(!includes_there(&p.cli, path_of(&p, "lib/none.zip")));
    CHECK_OK(includes_merge(&p.cli, &includes, &folder, &err), &err);
    struct str zip = text_of(&p, folder, "helper.zip");
    CHECK(str_starts(zip, STR("PK\x03\x04")));
    CHECK(str_find(zip, STR("helper/__init__.pyhelper")) > 0); /* stored as it is */
    /* The sums of both by CRC-32, and two entries in the directory at the end. */
    CHECK(str_find(zip, STR("\xb0\x7b\x37\x87")) > 0);
    CHECK(str_find(zip, STR("\x7c\xf2\x52\x8b")) > 0);
    struct str end = str_slice(zip, zip.len - 22, zip.len);
    CHECK(str_starts(end, STR("PK\x05\x06")) && end.ptr[10] == 2);
    CHECK_OK(includes_merge(&p.cli, &includes, &again, &err), &err);
    CHECK(str_eq(zip, text_of(&p, again, "helper.zip"))); /* the same bytes each time */
    includes_remove(&p.cli, folder);
    includes_remove(&p.cli, again);
}
