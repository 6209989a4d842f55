/* folder.c - the run folder as the server sees it: it writes spec.json and reads what a runner left
 */
#include "compute/compute.h"

#include "os/file.h"

#include <assert.h>
#include <stdio.h>

/* A spec with some thousand inputs. */
#define RECORD_BYTES_MAX (4 * MIB)

/* "runs/{attempt}/{file}". */
static const char *path_of(struct arena *arena, const struct compute_start *start, const char *file)
{
    assert(start->attempt.len && str_find_char(start->attempt, '/') < 0);
    return arena_printf(arena, "runs/%.*s/%s", STR_ARG(start->attempt), file).ptr;
}

/* After a crash it is made again: the same spec is fine, another one only while no runner has
 * read it. */
int compute_make_folder(const struct compute_start *start, const struct json *spec,
                        struct error *err)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(64 * MIB);
    struct str text = json_write(arena, spec);
    struct str before;
    const char *path = path_of(arena, start, "spec.json");

    assert(json_kind(spec) == JSON_OBJECT);
    CLEANUP(fd_close) int runs = dir_open_at(start->dir, "runs", 0700, err);
    if (runs < 0 || dir_make(start->dir, path_of(arena, start, ""), 0700, err) < 0)
        return -1;
    if (file_read(arena, start->dir, path, RECORD_BYTES_MAX, &before, NULL) == 0) {
        if (str_eq(before, text))
            return 0;
        if (file_exists(start->dir, path_of(arena, start, "runner.json")))
            return error_set(err, ERROR_CONFLICT, "",
                             "Attempt '%.*s' was started with another spec.",
                             STR_ARG(start->attempt));
    }
    if (file_write_atomic(start->dir, path, text, 0600, err) < 0)
        return -1;
    return dir_sync(runs, err);
}

/* Reads one of the runner's records. 1 there, 0 not yet, -1 unreadable. */
static int read_record(struct arena *arena, const struct compute_start *start, const char *file,
                       struct json **out, struct error *err)
{
    struct error cause = {0};
    struct str text;

    assert(file);
    if (file_read(arena, start->dir, path_of(arena, start, file), RECORD_BYTES_MAX, &text, &cause) <
        0) {
        if (cause.code == ERROR_NOT_FOUND)
            return 0;
        if (err)
            *err = cause;
        return -1;
    }
    struct json *value = json_parse(arena, text, &cause);
    if (json_kind(value) != JSON_OBJECT)
        return error_set(err, ERROR_CORRUPT, "", "The runner's file '%s' cannot be read.", file);
    *out = value;
    return 1;
}

/* Its being there is the end of an attempt: the runner writes it whole, last, and by a rename. */
int compute_read_exit(struct arena *arena, const struct compute_start *start, struct json **out,
                      struct error *err)
{
    assert(out);
    return read_record(arena, start, "exit.json", out, err);
}

/* Who the runner is, for a server that started after it. Not there yet is no error: the runner may
 * not have come that far. */
int compute_read_runner(const struct compute_start *start, struct process_id *out,
                        struct error *err)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct json *record = NULL;
    int there = read_record(arena, start, "runner.json", &record, err);

    assert(out);
    if (there <= 0)
        return there;
    struct process_id id = {
        .pid = (pid_t)json_int_at(record, "pid", 0),
        .start_time = (uint64_t)json_int_at(record, "startTime", 0),
    };
    snprintf(id.boot_id, sizeof(id.boot_id), "%.*s", STR_ARG(json_str_at(record, "bootId")));
    if (id.pid <= 0)
        return error_set(err, ERROR_CORRUPT, "", "The runner's file names no process.");
    *out = id;
    return 1;
}
