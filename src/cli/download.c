/* download.c - storage's listing or MLflow's, walked; every file streamed to a part and renamed */
#include "cli/download.h"
#include "cli/progress.h"
#include "cli/session.h"
#include "cli/storage.h"
#include "cli/xml.h"
#include "http/text.h"
#include "os/file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Folders of a model are walked by calling ourselves; a server that lies must not end our stack. */
#define DEPTH_MAX 32
#define MODELS_A_PAGE 100
#define PART_ENDING ".part"

/* Both forms of the address are in use: files name the short one, the server the long one. */
bool download_place(struct str uri, struct str *out_datastore, struct str *out_prefix)
{
    ssize_t at = str_find(uri, STR("datastores/"));
    struct str rest;

    assert(out_datastore && out_prefix);
    if (at < 0 || !str_cut(str_slice(uri, (size_t)at + 11, uri.len), '/', out_datastore, &rest))
        return false;
    *out_prefix = str_starts(rest, STR("paths/")) ? str_slice(rest, 6, rest.len) : rest;
    return true;
}

/* --- One file -------------------------------------------------------------------------------- */

/* Where bytes go, how many went, and why they stopped. */
struct sink {
    struct download *download;
    struct error failed;
    int fd;
};

/* Straight to the file: nothing of the content stays in memory. */
static int sink_take(struct str bytes, void *context)
{
    struct sink *sink = context;

    assert(sink->fd >= 0);
    if (fd_write_all(sink->fd, bytes, &sink->failed) < 0)
        return -1;
    sink->download->bytes += (int64_t)bytes.len;
    return 0;
}

/* A name that the server sent is a path beneath the folder, or nothing. */
static bool is_safe(struct str path)
{
    struct str rest = path, piece;

    while (str_split(&rest, '/', &piece))
        if (!piece.len || str_eq(piece, STR(".")) || str_eq(piece, STR("..")))
            return false;
    return path.len > 0 && !str_ends(path, STR("/")) && str_find_char(path, '\\') < 0;
}

/* The person's own folder, with its parents: links and ".." in it are their wish, and only names
 * from the server are kept beneath it. */
static int open_folder(struct cli *cli, struct str folder, struct error *err)
{
    char *path = arena_cstr(cli->arena, folder);

    assert(folder.len > 0);
    for (char *slash = strchr(path + 1, '/');; slash = strchr(slash + 1, '/')) {
        if (slash)
            *slash = '\0';
        if (mkdir(path, 0755) < 0 && errno != EEXIST) {
            error_errno(err, errno, "The folder '%s' cannot be made.", path);
            return -1;
        }
        if (!slash)
            return dir_open(path, err);
        *slash = '/';
    }
}

static struct str part_name(struct cli *cli, struct str path)
{
    assert(path.len > 0);
    return arena_printf(cli->arena, "%.*s" PART_ENDING, STR_ARG(path));
}

/* Under another name until it is whole: an interrupted download leaves no file that looks right. */
static int open_part(struct cli *cli, int dir, struct str path, struct error *err)
{
    ssize_t slash = str_find_last(path, '/');

    assert(dir >= 0);
    if (slash > 0 &&
        dir_make(dir, arena_cstr(cli->arena, str_slice(path, 0, (size_t)slash)), 0755, err) < 0)
        return -1;
    return file_open(dir, part_name(cli, path).ptr, O_WRONLY | O_CREAT | O_TRUNC, 0644, err);
}

/* Asks for the bytes; what went wrong with the file itself is said before what HTTP makes of it. */
static int stream_into(struct cli *cli, struct sink *sink, struct str url, struct error *err)
{
    struct session_request get = {
        .method = "GET", .url = url, .on_body = sink_take, .context = sink};
    struct http_response reply;

    assert(sink->fd >= 0);
    if (session_raw(cli, &get, &reply, err) < 0) {
        if (sink->failed.code != ERROR_NONE)
            *err = sink->failed;
        return -1;
    }
    return reply.status == 200 ? 0 : session_refused(cli, &reply, err);
}

/* Brings `url` to `path` beneath the download's folder; what did not become whole is removed. */
static int fetch(struct cli *cli, struct download *download, struct str url, struct str path,
                 struct error *err)
{
    if (!is_safe(path))
        return error_set(err, ERROR_INVALID, "", "The name '%.*s' cannot be a file here.",
                         STR_ARG(path));
    CLEANUP(fd_close) int dir = open_folder(cli, download->folder, err);
    CLEANUP(fd_close) int fd = dir < 0 ? -1 : open_part(cli, dir, path, err);
    if (fd < 0)
        return -1;
    struct sink sink = {.download = download, .fd = fd};
    int result = stream_into(cli, &sink, url, err);
    if (result == 0 &&
        renameat(dir, part_name(cli, path).ptr, dir, arena_cstr(cli->arena, path)) < 0)
        result = error_errno(err, errno, "'%.*s' cannot be written.", STR_ARG(path));
    if (result < 0) {
        unlinkat(dir, part_name(cli, path).ptr, 0);
        return -1;
    }
    download->files++;
    progress_line(cli, arena_printf(cli->arena, "Downloading  %zu files  %.*s", download->files,
                                    STR_ARG(progress_bytes(cli->arena, download->bytes))));
    assert(download->files > 0 && download->bytes >= 0);
    return 0;
}

/* --- A prefix of a datastore ------------------------------------------------------------------ */

/* What is left of a blob's name below the prefix; its last part when the prefix is the name. */
static struct str local_path(struct str name, struct str prefix)
{
    struct str path = str_slice(name, prefix.len, name.len);

    assert(str_starts(name, prefix));
    if (!path.len)
        path = str_slice(name, (size_t)(str_find_last(name, '/') + 1), name.len);
    while (str_starts(path, STR("/")))
        path = str_slice(path, 1, path.len);
    return path;
}

/* One page of the listing. Folders that storage clients mark as such hold no bytes. */
static int fetch_page(struct cli *cli, const struct storage *storage, struct download *download,
                      struct str xml, struct error *err)
{
    struct str rest = xml, blob, name;

    assert(storage->base.len > 0);
    while (xml_next(&rest, STR("Blob"), &blob)) {
        struct str inside = blob;
        bool folder = str_find(blob, STR("<hdi_isfolder>true")) >= 0;
        if (folder || !xml_next(&inside, STR("Name"), &name))
            continue;
        name = xml_plain(cli->arena, name);
        /* A prefix "model" also lists "model-2/…", which is not asked for. */
        struct str below = str_slice(name, download->prefix.len, name.len);
        if (!str_starts(name, download->prefix) ||
            (below.len && download->prefix.len && !str_ends(download->prefix, STR("/")) &&
             !str_starts(below, STR("/"))))
            continue;
        if (fetch(cli, download, storage_url(cli->arena, storage, name, ""),
                  local_path(name, download->prefix), err) < 0)
            return -1;
    }
    return 0;
}

/* A marker per page, as storage gives them: a folder may have more files than one reply. */
int download_prefix(struct cli *cli, struct download *download, struct error *err)
{
    struct str marker = STR("");
    struct storage storage;

    assert((download->storage || download->datastore.len > 0) && download->folder.len > 0);
    if (session_open(cli, err) < 0)
        return -1;
    if (download->storage)
        storage = *download->storage;
    else if (storage_open(cli, download->datastore, &storage, err) < 0)
        return -1;
    CLEANUP(fd_close) int made = open_folder(cli, download->folder, err);
    if (made < 0)
        return -1;
    do {
        struct session_request list = {.method = "GET"};
        struct http_response reply;
        list.url = arena_printf(
            cli->arena,
            "%.*s?restype=container&comp=list&include=metadata&prefix=%.*s&marker=%.*s&%.*s",
            STR_ARG(storage.base), STR_ARG(http_encode(cli->arena, download->prefix, false)),
            STR_ARG(http_encode(cli->arena, marker, false)), STR_ARG(storage.sas));
        if (session_raw(cli, &list, &reply, err) < 0)
            return -1;
        if (reply.status != 200)
            return session_refused(cli, &reply, err);
        if (fetch_page(cli, &storage, download, reply.body, err) < 0)
            return -1;
        struct str rest = reply.body;
        marker = STR("");
        xml_next(&rest, STR("NextMarker"), &marker);
    } while (marker.len);
    progress_clear(cli);
    return 0;
}

/* --- Models of a run, as MLflow tells them -----------------------------------------------------
 */

/* "/mlflow/v2.0{workspace}/api/2.0/{rest}": the face that Azure gives its MLflow clients. */
static struct str mlflow_path(struct cli *cli, const char *rest)
{
    assert(rest[0] != '/');
    return arena_printf(cli->arena, "/mlflow/v2.0%.*s/api/2.0/%s", STR_ARG(session_workspace(cli)),
                        rest);
}

/* One folder of a model: `root` is its artifact root, `path` the folder beneath it, "" at first. */
struct branch {
    struct str root, path;
    int depth;
};

static int fetch_branch(struct cli *cli, const struct branch *branch, struct download *download,
                        struct error *err);

/* Folders are entered, files fetched; names are checked where they become paths. */
static int fetch_entry(struct cli *cli, const struct branch *branch, const struct json *entry,
                       struct download *download, struct error *err)
{
    struct str name = json_str_at(entry, "path");
    struct str path = branch->path.len ? arena_printf(cli->arena, "%.*s/%.*s",
                                                      STR_ARG(branch->path), STR_ARG(name))
                                       : name;
    struct branch below = {branch->root, path, branch->depth + 1};

    assert(branch->depth <= DEPTH_MAX);
    if (json_bool_at(entry, "is_dir", false))
        return fetch_branch(cli, &below, download, err);
    struct str whole =
        arena_printf(cli->arena, "mlflow-artifacts/artifacts/%.*s/%.*s", STR_ARG(branch->root),
                     STR_ARG(http_encode(cli->arena, path, true)));
    return fetch(cli, download, mlflow_path(cli, whole.ptr), path, err);
}

/* Depth first, so that a folder is whole before the next begins. */
static int fetch_branch(struct cli *cli, const struct branch *branch, struct download *download,
                        struct error *err)
{
    struct str at = branch->path.len ? arena_printf(cli->arena, "%.*s/%.*s", STR_ARG(branch->root),
                                                    STR_ARG(branch->path))
                                     : branch->root;
    struct str query = arena_printf(cli->arena, "mlflow-artifacts/artifacts?path=%.*s",
                                    STR_ARG(http_encode(cli->arena, at, false)));
    struct json *list;

    assert(branch->root.len > 0);
    if (branch->depth > DEPTH_MAX)
        return error_set(err, ERROR_INVALID, "", "'%.*s' lies deeper than %d folders.", STR_ARG(at),
                         DEPTH_MAX);
    if (session_get(cli, mlflow_path(cli, query.ptr), &list, err) < 0)
        return -1;
    struct json_iter it = json_iter(json_get(list, STR("files")));
    while (json_next(&it))
        if (fetch_entry(cli, branch, it.value, download, err) < 0)
            return -1;
    return 0;
}

/* "mlflow-artifacts:/3/models/m-1/artifacts" without its scheme; elsewhere is not ours to read. */
static int fetch_model(struct cli *cli, const struct json *model, struct download *download,
                       struct error *err)
{
    struct str name = json_str_at(model, "info.name"),
               uri = json_str_at(model, "info.artifact_uri");
    struct str base = download->folder, scheme = STR("mlflow-artifacts:/");
    struct branch branch = {0};

    assert(base.len > 0);
    if (!str_starts(uri, scheme) || !is_safe(name))
        return error_set(err, ERROR_NOT_IMPLEMENTED, "",
                         "The model '%.*s' at '%.*s' cannot be downloaded.", STR_ARG(name),
                         STR_ARG(uri));
    branch.root = str_slice(uri, scheme.len, uri.len);
    download->folder = arena_printf(cli->arena, "%.*s/%.*s", STR_ARG(base), STR_ARG(name));
    int result = fetch_branch(cli, &branch, download, err);
    download->folder = base;
    return result;
}

/* Models of one name: the run's paths mean the newest, which the list names first. */
static bool is_shadowed(const struct json *models, const struct json_iter *at)
{
    struct json_iter it = json_iter(models);

    assert(at->index < json_count(models));
    while (json_next(&it) && it.index < at->index)
        if (str_eq(json_str_at(it.value, "info.name"), json_str_at(at->value, "info.name")))
            return true;
    return false;
}

/* By the run that logged them: their own folders lie beside the run. */
static int find_models(struct cli *cli, struct str run, struct json **out, struct error *err)
{
    struct json *ask = json_object(cli->arena), *ids = json_array(cli->arena), *shown, *page;
    struct json *all = json_array(cli->arena);
    struct str query = arena_printf(cli->arena, "mlflow/runs/get?run_id=%.*s",
                                    STR_ARG(http_encode(cli->arena, run, false)));

    assert(run.len > 0);
    if (session_get(cli, mlflow_path(cli, query.ptr), &shown, err) < 0)
        return -1;
    json_append(cli->arena, ids,
                json_text(cli->arena, json_str_at(shown, "run.info.experiment_id")));
    json_set(cli->arena, ask, STR("experiment_ids"), ids);
    json_set_int(cli->arena, ask, "max_results", MODELS_A_PAGE);
    json_set_str(cli->arena, ask, "filter",
                 arena_printf(cli->arena, "source_run_id = '%.*s'", STR_ARG(run)));
    do {
        if (session_post(cli, mlflow_path(cli, "mlflow/logged-models/search"), ask, &page, err) < 0)
            return -1;
        struct json_iter it = json_iter(json_get(page, STR("models")));
        while (json_next(&it))
            json_append(cli->arena, all, json_copy(cli->arena, it.value));
        json_set_str(cli->arena, ask, "page_token", json_str_at(page, "next_page_token"));
    } while (json_str_at(page, "next_page_token").len);
    *out = all;
    return 0;
}

/* A run may have logged a name twice; what people mean is the last. */
int download_models(struct cli *cli, struct str run, struct download *download, struct error *err)
{
    struct json *models;

    assert(download->folder.len > 0);
    if (session_open(cli, err) < 0 || find_models(cli, run, &models, err) < 0)
        return -1;
    struct json_iter it = json_iter(models);
    while (json_next(&it))
        if (!is_shadowed(models, &it) && fetch_model(cli, it.value, download, err) < 0)
            return -1;
    progress_clear(cli);
    return 0;
}
