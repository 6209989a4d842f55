/* Environments that come with the program: a folder each, with a record, the list of packages
 * and its lock. They are read when they are asked for, so that a new one is a new folder and no
 * code. */
#include "environment/curated.h"

#include "os/file.h"
#include "os/process.h"

#include <assert.h>
#include <string.h>
#include <unistd.h>

#define RECORD_BYTES_MAX (4 * MIB)

/* Opens the folder with our environments: beside the executable of a checkout or an installation,
 * else where this source file lies, for programs in other build folders. -1 when there is none. */
static int open_environments(struct arena *arena)
{
    struct str self = process_self(arena);
    struct str folder = str_slice(self, 0, (size_t)str_find_last(self, '/'));
    struct str source = STR(__FILE__);
    struct str above = str_slice(source, 0, (size_t)str_find_last(source, '/'));
    struct str places[] = {
        arena_printf(arena, "%.*s/../python/environments", STR_ARG(folder)),
        arena_printf(arena, "%.*s/../share/lazurite/environments", STR_ARG(folder)),
        /* The compiler was told a path that is absolute, or relative to the build folder. */
        source.ptr[0] == '/' ? arena_printf(arena, "%.*s/../../python/environments", STR_ARG(above))
                             : arena_printf(arena, "%.*s/%.*s/../../python/environments",
                                            STR_ARG(folder), STR_ARG(above)),
    };

    assert(self.ptr[0] == '/');
    for (size_t i = 0; i < COUNT(places); i++) {
        int fd = dir_open(places[i].ptr, NULL);
        if (fd >= 0)
            return fd;
    }
    return -1;
}

/* Reads environment.json of the environment with that name or alias. NULL when there is none. */
static struct json *read_record(struct arena *arena, struct str name, int *out_folder)
{
    CLEANUP(fd_close) int all = open_environments(arena);
    struct str plain = arena_lower(arena, name);
    struct str text;

    if (all < 0 || !name.len || str_find_char(name, '/') >= 0 || name.ptr[0] == '.')
        return NULL;
    if (str_starts(plain, STR("azureml-")))
        plain = str_slice(plain, strlen("azureml-"), plain.len);
    assert(str_find_char(plain, '/') < 0);
    CLEANUP(fd_close) int folder = dir_open_at(all, arena_cstr(arena, plain), 0, NULL);
    if (folder < 0 ||
        file_read(arena, folder, "environment.json", RECORD_BYTES_MAX, &text, NULL) < 0)
        return NULL;
    struct json *record = json_parse(arena, text, NULL);
    bool found = str_eq_fold(json_str_at(record, "name"), name);
    struct json_iter it = json_iter(json_at(record, "aliases"));
    while (json_next(&it))
        found = found || str_eq_fold(json_as_str(it.value), name);
    if (!found)
        return NULL;
    *out_folder = folder;
    folder = -1;
    return record;
}

/* The packages a person wrote, as the conda file that would ask for them. */
static struct str conda_file(struct arena *arena, const struct json *record,
                             struct str requirements)
{
    struct str python = json_str_at(record, "python");
    CLEANUP(buf_free) struct buf text = buf_make(RECORD_BYTES_MAX);
    struct str line;

    assert(python.len);
    buf_printf(&text, "dependencies:\n- python=%.*s\n- pip\n- pip:\n", STR_ARG(python));
    while (str_split(&requirements, '\n', &line)) {
        line = str_trim(line);
        if (line.len && line.ptr[0] != '#')
            buf_printf(&text, "  - %.*s\n", STR_ARG(line));
    }
    return arena_str(arena, buf_str(&text));
}

/* As a resource would be stored, so that kinds show it like any other. NULL when there is none of
 * that name, as for a folder that cannot be read. */
struct json *environment_curated(struct arena *arena, struct str name)
{
    CLEANUP(fd_close) int folder = -1;
    struct json *record = read_record(arena, name, &folder);
    struct str requirements;

    if (!record ||
        file_read(arena, folder, "requirements.in", RECORD_BYTES_MAX, &requirements, NULL) < 0)
        return NULL;
    assert(folder >= 0);
    struct json *out = json_object(arena);
    struct json *properties = json_object(arena);
    struct json *marks = json_object(arena);
    json_set_str(arena, out, "name", json_str_at(record, "name"));
    json_set_str(arena, out, "version", json_str_at(record, "version"));
    json_set(arena, out, STR("properties"), properties);
    json_set_str(arena, properties, "description", json_str_at(record, "description"));
    json_set(arena, properties, STR("tags"), json_object(arena));
    json_set(arena, properties, STR("properties"), marks);
    json_set_str(arena, marks, "lazurite.curated", json_str_at(record, "name"));
    json_set_bool(arena, properties, "isArchived", false);
    json_set_bool(arena, properties, "isAnonymous", false);
    json_set_str(arena, properties, "environmentType", STR("Curated"));
    json_set_str(arena, properties, "osType", STR("Linux"));
    json_set_str(arena, properties, "condaFile", conda_file(arena, record, requirements));
    return out;
}

/* Names in the making. */
struct listing {
    struct arena *arena;
    struct json *names;
};

/* Folders at the top; what is in them is not looked at. */
static int note_folder(const struct dir_entry *entry, void *context, struct error *)
{
    struct listing *listing = context;

    if (S_ISDIR(entry->status.st_mode))
        json_append(listing->arena, listing->names, json_text(listing->arena, entry->path));
    return 1;
}

/* In no order. None when the program was installed without them. */
struct json *environment_curated_names(struct arena *arena)
{
    CLEANUP(fd_close) int all = open_environments(arena);
    struct listing listing = {.arena = arena, .names = json_array(arena)};

    assert(arena);
    if (all >= 0)
        dir_walk(all, note_folder, &listing, NULL);
    return listing.names;
}

/* With its lock the environment is the same on every host; nothing is resolved. */
int environment_curated_lock(struct arena *arena, struct str name, struct str *out_lock,
                             struct str *out_python, struct error *err)
{
    CLEANUP(fd_close) int folder = -1;
    struct json *record = read_record(arena, name, &folder);
    struct str lock;

    if (!record)
        return error_set(err, ERROR_NOT_FOUND, "", "There is no curated environment '%.*s'.",
                         STR_ARG(name));
    assert(folder >= 0);
    if (file_read(arena, folder, "requirements.lock", RECORD_BYTES_MAX, &lock, err) < 0)
        return -1;
    *out_lock = lock;
    *out_python = json_str_at(record, "python");
    return 0;
}
