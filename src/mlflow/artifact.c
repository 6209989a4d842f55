/* artifact.c - files of runs and logged models: put, get, list, delete */
#include "content/content.h"
#include "http/text.h"
#include "mlflow/address.h"
#include "mlflow/place.h"
#include "mlflow/registry.h"
#include "mlflow/work.h"
#include "tracking/path.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LIST_PAGE 256
#define LIST_MAX 100000

/* --- Put: bytes flow into the content store, then the name is written. --------------------------
 */

struct upload {
    struct http_sink sink;
    struct content_writer *writer;
    struct ask ask;
    struct place place;
    struct content_object object;
};

/* From the socket into the content store, without a copy of the file in memory. */
static int upload_write(struct http_sink *sink, struct str bytes, struct error *err)
{
    return content_write(CONTAINER_OF(sink, struct upload, sink)->writer, bytes, err);
}

/* The client went away: what was written has no name and goes with the writer. */
static void upload_abandon(struct http_sink *sink)
{
    content_writer_free(&CONTAINER_OF(sink, struct upload, sink)->writer);
}

/* Whether files may come or go there: the same for both, since a job that may not write a file may
 * not remove it either. */
static int check_change(struct ask *ask, struct store_txn *txn, const struct place *place,
                        struct error *err)
{
    if (place->fixed)
        return error_set(err, ERROR_INVALID, "path",
                         "Files of a registered version cannot be changed.");
    if (place->run.run)
        return ask_may_write(ask, txn, &place->run, err);
    if (ask->call->caller.kind == CALLER_ATTEMPT)
        return error_set(err, ERROR_FORBIDDEN, "path",
                         "A job writes artifacts of its own run and of models of that run.");
    return 0;
}

/* Writes go to a run's own root by its own row; reading decides about falling through. */
struct http_sink *mlflow_artifact_open(struct call *call, struct error *err)
{
    struct upload *upload = arena_make(call->arena, struct upload);

    upload->sink = (struct http_sink){upload_write, upload_abandon};
    upload->ask = (struct ask){.mlflow = call->face, .call = call, .arena = call->arena};
    {
        CLEANUP(store_read_end) struct store_txn *txn = work_read(&upload->ask, err);
        if (!txn ||
            place_of(&upload->ask, txn, call_param(call, "path"), &upload->place, err) < 0 ||
            check_change(&upload->ask, txn, &upload->place, err) < 0)
            return NULL;
        if (upload->place.path.len == 0) { /* a root is no file */
            error_set(err, ERROR_INVALID, "path", "Invalid path");
            return NULL;
        }
    }
    upload->writer = content_writer_new(upload->ask.mlflow->engines->content, err);
    return upload->writer ? &upload->sink : NULL;
}

/* The name comes last, so a reader sees the old file or the whole new one. */
static int upload_apply(struct store_txn *txn, void *context, struct error *err)
{
    struct upload *upload = context;
    struct content_object object = upload->object;
    struct arena *arena = store_arena(txn);

    if (content_keep(txn, &object, err) < 0)
        return -1;
    struct json *meta = json_object(arena);
    json_set_str(arena, meta, "contentType", str_from(http_media_type(upload->place.path)));
    struct blob blob = {.container = upload->place.container,
                        .name = place_name(arena, &upload->place),
                        .object = object.object,
                        .meta = json_write(arena, meta)};
    return blob_put(txn, &blob, false, err);
}

/* MLflow answers an empty object. */
void mlflow_artifact_put(struct call *call)
{
    struct upload *upload = CONTAINER_OF(call->sink, struct upload, sink);
    struct error err = {0};
    int result = content_finish(upload->writer, &upload->object, &err);

    if (result == 0)
        result = store_write(upload->ask.mlflow->engines->store, upload_apply, upload, &err);
    content_writer_free(&upload->writer);
    if (result < 0)
        reply_error(call, &err);
    else
        reply_text(call, "application/json", STR("{}"));
}

/* --- Get
 * ------------------------------------------------------------------------------------------ */

/* MLflow's sentence, with the path as it was asked for. */
static int missing_file(const struct place *place, struct error *err)
{
    return error_set(err, ERROR_NOT_FOUND, "path", "No such artifact: '%.*s'",
                     STR_ARG(place->path));
}

/* The blob of a place; below a run also that of its logged model. */
static int find_blob(struct ask *ask, struct store_txn *txn, struct place *place, struct blob *out,
                     struct error *err)
{
    struct error none = {0};

    if (place->path.len &&
        blob_get(txn, place->container, place_name(ask->arena, place), out, &none) == 0)
        return 0;
    if (none.code != ERROR_NONE && none.code != ERROR_NOT_FOUND)
        return error_set(err, none.code, none.target, "%s", none.message);
    struct place through = *place;
    if (place_fall_through(ask, txn, &through) && through.path.len &&
        blob_get(txn, through.container, place_name(ask->arena, &through), out, &none) == 0)
        return 0;
    return store_txn_check(txn, err) < 0 ? -1 : missing_file(place, err);
}

/* A file that is open for sending. */
struct opened {
    struct str path;
    int fd;
    int64_t size;
    struct str etag;
};

/* How a request says which file it wants. */
typedef int locator(struct ask *ask, struct store_txn *txn, struct place *out, struct error *err);

/* Where a run has no such file, its logged model may (decisions 11). */
static int open_file(struct ask *ask, locator *locate, struct opened *out, struct error *err)
{
    struct content_object object;
    struct place place;
    struct blob blob;

    {
        CLEANUP(store_read_end) struct store_txn *txn = work_read(ask, err);
        if (!txn || locate(ask, txn, &place, err) < 0 ||
            find_blob(ask, txn, &place, &blob, err) < 0 ||
            content_object_get(txn, blob.object, &object, err) < 0)
            return -1;
        object.chunks = arena_str(ask->arena, object.chunks);
        out->path = arena_str(ask->arena, place.path);
        out->size = blob.size;
        out->etag = arena_printf(ask->arena, "\"%.*s\"", STR_ARG(blob.etag));
    }
    out->fd = content_open_chunks(ask->mlflow->engines->content, &object, err);
    return out->fd < 0 ? -1 : 0;
}

/* attachment; filename*=UTF-8''… takes every name. */
static void add_headers(struct call *call, const struct opened *file)
{
    ssize_t slash = str_find_last(file->path, '/');
    struct str name = str_slice(file->path, (size_t)(slash + 1), file->path.len);

    http_add_header(call->ex, "Content-Disposition",
                    arena_printf(call->arena, "attachment; filename*=UTF-8''%.*s",
                                 STR_ARG(http_encode(call->arena, name, false))));
    http_add_header(call->ex, "X-Content-Type-Options", STR("nosniff"));
    http_add_header(call->ex, "Accept-Ranges", STR("bytes"));
    http_add_header(call->ex, "ETag", file->etag);
}

/* Ranges, since clients fetch large models in parts. */
static void send_file(struct call *call, locator *locate)
{
    struct ask ask = {.mlflow = call->face, .call = call, .arena = call->arena, .query = true};
    struct opened file;
    struct error err = {0};
    int64_t offset = 0, length = 0;

    assert(locate);
    if (open_file(&ask, locate, &file, &err) < 0) {
        reply_error(call, &err);
        return;
    }
    int ranged = http_range(http_header(call->ex, "range"), file.size, &offset, &length);
    add_headers(call, &file);
    if (ranged < 0) {
        close(file.fd);
        http_add_header(call->ex, "Content-Range",
                        arena_printf(call->arena, "bytes */%lld", (long long)file.size));
        error_set(&err, ERROR_RANGE, "range", "The range lies outside of the file.");
        reply_error(call, &err);
        return;
    }
    if (ranged > 0)
        http_add_header(call->ex, "Content-Range",
                        arena_printf(call->arena, "bytes %lld-%lld/%lld", (long long)offset,
                                     (long long)(offset + length - 1), (long long)file.size));
    else
        length = file.size;
    http_reply_file(call->ex, ranged > 0 ? 206 : 200, http_media_type(file.path),
                    &(struct http_part){file.fd, offset, length});
}

/* By the address that clients of the proxy make of an artifact URI. */
static int locate_address(struct ask *ask, struct store_txn *txn, struct place *out,
                          struct error *err)
{
    return place_of(ask, txn, call_param(ask->call, "path"), out, err);
}

void mlflow_artifact_get(struct call *call)
{
    send_file(call, locate_address);
}

/* By run, as links of MLflow's user interface say it. */
static int locate_run_file(struct ask *ask, struct store_txn *txn, struct place *out,
                           struct error *err)
{
    struct place_at at;

    assert(txn && out);
    if (ask_run_id(ask, &at.root, err) < 0 ||
        ask_text(ask, "path", ASK_REQUIRED, &at.path, err) < 0)
        return -1;
    return place_of_run(ask, txn, &at, out, err);
}

void mlflow_artifact_get_run(struct call *call)
{
    send_file(call, locate_run_file);
}

/* By logged model. */
static int locate_model_file(struct ask *ask, struct store_txn *txn, struct place *out,
                             struct error *err)
{
    struct place_at at = {.root = call_param(ask->call, "model_id")};

    assert(txn && out);
    if (ask_text(ask, "artifact_file_path", ASK_REQUIRED, &at.path, err) < 0)
        return -1;
    return place_of_model(ask, txn, &at, out, err);
}

void mlflow_artifact_get_model(struct call *call)
{
    send_file(call, locate_model_file);
}

/* By registered version, whatever store its bytes lie in. */
static int locate_version_file(struct ask *ask, struct store_txn *txn, struct place *out,
                               struct error *err)
{
    struct registry_entry model, version;
    struct str name, number, path;
    int64_t scope;

    assert(txn && out);
    if (ask_text(ask, "name", ASK_REQUIRED, &name, err) < 0 ||
        ask_text(ask, "version", ASK_REQUIRED, &number, err) < 0 ||
        ask_text(ask, "path", ASK_REQUIRED, &path, err) < 0 || path_check(path, err) < 0 ||
        ask_scope_number(ask, txn, &scope, err) < 0 ||
        registry_model(txn, scope, name, &model, err) < 0 ||
        registry_version(txn, &model, number, &version, err) < 0)
        return -1;
    struct str address = arena_printf(ask->arena, "versions/%lld/%.*s",
                                      (long long)version.document.doc, STR_ARG(path));
    return place_of(ask, txn, address, out, err);
}

void mlflow_artifact_get_version(struct call *call)
{
    send_file(call, locate_version_file);
}

/* --- List
 * ----------------------------------------------------------------------------------------- */

struct entry {
    struct str name;
    bool folder;
    int64_t size;
};

/* The children of one folder, gathered from names in order. */
struct listing {
    struct arena *arena;
    struct str prefix; /* with the final slash */
    struct entry *entries;
    size_t count, size;
    struct str last; /* the last name seen */
    size_t seen;     /* in this page */
};

/* The name alone is kept; the blob's row is gone with its page. */
static void listing_add(struct listing *listing, struct entry entry)
{
    if (listing->count == listing->size) {
        size_t size = listing->size * 2 + 64;
        struct entry *grown = arena_new_array(listing->arena, struct entry, size);
        if (listing->count)
            memcpy(grown, listing->entries, listing->count * sizeof *grown);
        listing->entries = grown;
        listing->size = size;
    }
    entry.name = arena_str(listing->arena, entry.name);
    listing->entries[listing->count++] = entry;
}

/* Names are sorted, so that all of a folder stand together and its entry is made once. */
static int listing_take(const struct blob *blob, void *context, struct error *)
{
    struct listing *listing = context;
    struct str rest = str_slice(blob->name, listing->prefix.len, blob->name.len), head, tail;
    bool folder = str_cut(rest, '/', &head, &tail);
    const struct entry *last = listing->count ? &listing->entries[listing->count - 1] : NULL;

    listing->seen++;
    listing->last = arena_str(listing->arena, blob->name);
    if (folder && last && last->folder && str_eq(last->name, head))
        return 0;
    listing_add(listing, (struct entry){folder ? head : rest, folder, folder ? 0 : blob->size});
    return 0;
}

/* Page by page; what lies deep inside a folder is jumped over. */
static int listing_read(struct store_txn *txn, const struct place *place, struct listing *listing,
                        struct error *err)
{
    struct str name = place_name(listing->arena, place);
    struct blob_query query = {.container = place->container, .limit = LIST_PAGE};

    listing->prefix = arena_printf(listing->arena, "%.*s/", STR_ARG(name));
    query.prefix = listing->prefix;
    do {
        listing->seen = 0;
        if (blob_list(txn, &query, listing_take, listing, err) < 0)
            return -1;
        query.after = listing->last;
        const struct entry *last = listing->count ? &listing->entries[listing->count - 1] : NULL;
        /* The greatest character: behind all of the folder, before its next sibling. */
        if (last && last->folder)
            query.after = arena_printf(listing->arena, "%.*s%.*s/\xf4\x8f\xbf\xbf",
                                       STR_ARG(listing->prefix), STR_ARG(last->name));
    } while (listing->seen == LIST_PAGE && listing->count < LIST_MAX);
    return 0;
}

/* Writes files with `base` before their names. */
static void listing_show(const struct listing *listing, struct str base, struct out *out)
{
    if (listing->count == 0)
        return;
    out_begin(out, "files", '[');
    for (size_t i = 0; i < listing->count; i++) {
        const struct entry *entry = &listing->entries[i];
        out_begin(out, NULL, '{');
        out_text(out, "path",
                 base.len ? arena_printf(listing->arena, "%.*s/%.*s", STR_ARG(base),
                                         STR_ARG(entry->name))
                          : entry->name);
        out_bool(out, "is_dir", entry->folder);
        if (entry->size > 0)
            out_int(out, "file_size", entry->size);
        out_end(out, '}');
    }
    out_end(out, ']');
}

/* An empty folder of a run may be a logged model's. */
static int list_place(struct ask *ask, struct store_txn *txn, const struct place *place,
                      struct listing *out, struct error *err)
{
    struct place through = *place;

    *out = (struct listing){.arena = ask->arena};
    if (listing_read(txn, place, out, err) < 0)
        return -1;
    if (out->count > 0 || !place_fall_through(ask, txn, &through))
        return store_txn_check(txn, err);
    return listing_read(txn, &through, out, err);
}

/* A final slash is the folder itself. */
static int read_path(struct ask *ask, const char *name, struct str *out, struct error *err)
{
    if (ask_text(ask, name, ASK_OPTIONAL, out, err) < 0)
        return -1;
    if (str_ends(*out, STR("/")) && out->len > 1)
        out->len--;
    if (str_eq(*out, STR(".")))
        *out = STR("");
    return 0;
}

/* By address, for clients of the proxy. */
int mlflow_artifact_list(struct ask *ask, struct out *out, struct error *err)
{
    struct error none = {0};
    struct listing listing;
    struct place place;
    struct str path;

    if (read_path(ask, "path", &path, err) < 0)
        return -1;
    CLEANUP(store_read_end) struct store_txn *txn = work_read(ask, err);
    if (!txn)
        return -1;
    if (place_of(ask, txn, path, &place, &none) < 0) {
        if (none.code == ERROR_NOT_FOUND)
            return 0; /* an unknown folder is an empty one */
        return error_set(err, none.code, none.target, "%s", none.message);
    }
    if (list_place(ask, txn, &place, &listing, err) < 0)
        return -1;
    out_begin(out, NULL, '{');
    listing_show(&listing, STR(""), out);
    out_end(out, '}');
    return 0;
}

/* By run, with the root that clients put before the paths. */
int mlflow_artifact_list_run(struct ask *ask, struct out *out, struct error *err)
{
    struct place_at at;
    struct str location;
    struct listing listing;
    struct place place;

    if (ask_run_id(ask, &at.root, err) < 0 || read_path(ask, "path", &at.path, err) < 0)
        return -1;
    CLEANUP(store_read_end) struct store_txn *txn = work_read(ask, err);
    if (!txn || place_of_run(ask, txn, &at, &place, err) < 0 ||
        work_location(txn, &place.run, &location, err) < 0 ||
        list_place(ask, txn, &place, &listing, err) < 0)
        return -1;
    out_begin(out, NULL, '{');
    out_text(out, "root_uri", address_run(ask, &place.run, location));
    listing_show(&listing, at.path, out);
    out_end(out, '}');
    return 0;
}

/* MLflow 3 has a route of its own for models. */
int mlflow_artifact_list_model(struct ask *ask, struct out *out, struct error *err)
{
    struct place_at at = {.root = call_param(ask->call, "model_id")};
    struct logged_model model;
    struct listing listing;
    struct place place;

    if (read_path(ask, "artifact_directory_path", &at.path, err) < 0)
        return -1;
    CLEANUP(store_read_end) struct store_txn *txn = work_read(ask, err);
    if (!txn || place_of_model(ask, txn, &at, &place, err) < 0 ||
        logged_model_get(txn, place.scope, at.root, &model, err) < 0 ||
        list_place(ask, txn, &place, &listing, err) < 0)
        return -1;
    out_begin(out, NULL, '{');
    out_text(out, "root_uri", address_model(ask, &model));
    listing_show(&listing, at.path, out);
    out_end(out, '}');
    return 0;
}

/* --- Delete: a file, or a folder in slices ---------------------------------------------------- */

struct doomed {
    struct str names[LIST_PAGE];
    size_t count;
};

/* Names are taken first: deleting within a walk would move it. */
static int doom(const struct blob *blob, void *context, struct error *)
{
    struct doomed *doomed = context;

    doomed->names[doomed->count++] = blob->name;
    return 0;
}

/* One slice a write, so that a folder of a million files does not hold up all others. */
static int delete_apply(struct store_txn *txn, void *context, struct error *err)
{
    struct work *work = context;
    const struct place *place = work->detail;
    struct arena *arena = store_arena(txn);
    struct doomed *doomed = arena_make(arena, struct doomed);
    struct str name = place_name(arena, place);
    struct blob blob;

    work->number = 0;
    if (place->path.len && blob_get(txn, place->container, name, &blob, NULL) == 0) {
        work->number = 1;
        return blob_delete(txn, place->container, name, err);
    }
    struct blob_query query = {.container = place->container,
                               .prefix = arena_printf(arena, "%.*s/", STR_ARG(name)),
                               .limit = LIST_PAGE};
    if (blob_list(txn, &query, doom, doomed, err) < 0)
        return -1;
    for (size_t i = 0; i < doomed->count; i++)
        if (blob_delete(txn, place->container, doomed->names[i], err) < 0)
            return -1;
    work->number = (int64_t)doomed->count;
    return 0;
}

/* Deleting what is not there is 404, as MLflow's proxy answers. */
int mlflow_artifact_delete(struct ask *ask, struct out *, struct error *err)
{
    struct place place;
    struct work work = {.ask = ask, .detail = &place};
    bool any = false;

    {
        CLEANUP(store_read_end) struct store_txn *txn = work_read(ask, err);
        if (!txn || place_of(ask, txn, call_param(ask->call, "path"), &place, err) < 0 ||
            check_change(ask, txn, &place, err) < 0)
            return -1;
    }
    do {
        if (work_write(&work, delete_apply, err) < 0)
            return -1;
        any = any || work.number > 0;
    } while (work.number == LIST_PAGE);
    return any ? 0 : missing_file(&place, err);
}

/* A plain 501 makes clients fall back to one piece. */
int mlflow_artifact_no_parts(struct ask *, struct out *, struct error *err)
{
    return error_set(
        err, ERROR_NOT_IMPLEMENTED, "",
        "Files are taken and given in one piece here; use PUT and GET of the artifact.");
}
