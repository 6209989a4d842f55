#include "cli/transfer.h"
#include "cli/progress.h"
#include "cli/session.h"
#include "cli/snapshot.h"
#include "http/text.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/random.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define BLOCK_FROM_BYTES (64L * 1024 * 1024)
#define BLOCK_BYTES (8L * 1024 * 1024)
#define HASH_VERSION "202208"

/* A container and the signature that opens it. */
struct store {
    struct str base; /* https://…/container */
    struct str sas;  /* "": one of this server, opened by who we are */
};

static struct str blob_url(struct cli *cli, const struct store *store, struct str path,
                           const char *more)
{
    return arena_printf(cli->arena, "%.*s/%.*s?%s%.*s", STR_ARG(store->base),
                        STR_ARG(http_encode(cli->arena, path, true)), more, STR_ARG(store->sas));
}

static int open_store(struct cli *cli, struct str datastore, struct store *out, struct error *err)
{
    struct str id = session_id(cli, "datastores", datastore);
    struct json *shown, *secrets, *ask = json_object(cli->arena);
    struct str ask_path = arena_printf(cli->arena, "%.*s/listSecrets", STR_ARG(id));

    json_set_bool(cli->arena, ask, "expirableSecret", true);
    json_set_int(cli->arena, ask, "expireAfterHours", 1);
    if (session_call(cli, "GET", id, NULL, &shown, err) < 0 ||
        session_call(cli, "POST", ask_path, ask, &secrets, err) < 0)
        return -1;
    struct str type = json_str_at(shown, "properties.datastoreType");
    struct str sas = json_str_at(secrets, "sasToken");
    struct str protocol = json_str_at(shown, "properties.protocol");
    out->base = arena_printf(cli->arena, "%.*s://%.*s.blob.%.*s/%.*s",
                             STR_ARG(protocol.len ? protocol : STR("https")),
                             STR_ARG(json_str_at(shown, "properties.accountName")),
                             STR_ARG(json_str_at(shown, "properties.endpoint")),
                             STR_ARG(json_str_at(shown, "properties.containerName")));
    /* With an account key there is no need to sign: on our server we are known anyway. */
    if (!str_eq(type, STR("AzureBlob")) || (!sas.len && !session_owns(cli, out->base)))
        return error_set(err, ERROR_NOT_IMPLEMENTED, "",
                         "Datastore '%.*s' is of type %.*s; only blob stores with a "
                         "signature can be read and written.",
                         STR_ARG(datastore), STR_ARG(type));
    if (str_starts(sas, STR("?")))
        sas = str_slice(sas, 1, sas.len);
    out->sas = sas;
    return 0;
}

static int send_request(struct cli *cli, const struct session_request *request, int *out_status,
                        struct error *err)
{
    struct http_response reply;

    if (session_raw(cli, request, &reply, err) < 0)
        return -1;
    *out_status = reply.status;
    /* 409: somebody sent the same bytes to the same place before. */
    if (reply.status < 300 || reply.status == 409)
        return 0;
    return session_refused(cli, &reply, err);
}

/* Past 64 MiB a blob goes in blocks, then their list. */
static int send_blocks(struct cli *cli, const struct store *store, const struct snapshot_file *file,
                       struct str path, int fd, struct error *err)
{
    struct str list = STR("<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>");
    int status;

    for (int64_t at = 0, number = 0; at < file->size; at += BLOCK_BYTES, number++) {
        /* Base64 of eight digits: every id has the same length, as it must. */
        struct str id = arena_printf(cli->arena, "%08lld", (long long)number);
        struct str query = arena_printf(cli->arena, "comp=block&blockid=%.*s&", STR_ARG(id));
        struct session_request put = {.method = "PUT",
                                      .url = blob_url(cli, store, path, query.ptr)};
        char *bytes = arena_alloc(cli->arena, BLOCK_BYTES);
        ssize_t got = fd_read_all(fd, bytes, BLOCK_BYTES, err);
        if (got < 0)
            return -1;
        put.body = (struct str){bytes, (size_t)got};
        if (send_request(cli, &put, &status, err) < 0)
            return -1;
        list = arena_printf(cli->arena, "%.*s<Latest>%.*s</Latest>", STR_ARG(list), STR_ARG(id));
    }
    struct session_request commit = {.method = "PUT",
                                     .url = blob_url(cli, store, path, "comp=blocklist&"),
                                     .content_type = "application/xml"};
    commit.body = arena_printf(cli->arena, "%.*s</BlockList>", STR_ARG(list));
    return send_request(cli, &commit, &status, err);
}

static int send_file(struct cli *cli, const struct store *store, const struct snapshot *snapshot,
                     const struct snapshot_file *file, struct str path, struct error *err)
{
    CLEANUP(fd_close)
    int fd = file_open(snapshot->dir, arena_cstr(cli->arena, file->path), O_RDONLY, 0, err);
    struct session_request put = {.method = "PUT",
                                  .url = blob_url(cli, store, path, ""),
                                  .content_type = "application/octet-stream"};
    int status;

    if (fd < 0)
        return -1;
    if (file->size > BLOCK_FROM_BYTES)
        return send_blocks(cli, store, file, path, fd, err);
    put.headers[put.header_count++] = (struct http_header){STR("x-ms-blob-type"), STR("BlockBlob")};
    put.headers[put.header_count++] = (struct http_header){STR("If-None-Match"), STR("*")};
    put.body_fd = fd;
    put.has_body_fd = true;
    put.body_length = file->size;
    return send_request(cli, &put, &status, err);
}

/* The mark of a whole upload hangs at its first file. */
static int mark_whole(struct cli *cli, const struct store *store, struct str path, struct str name,
                      struct error *err)
{
    struct session_request put = {.method = "PUT",
                                  .url = blob_url(cli, store, path, "comp=metadata&")};
    int status;

    put.headers[put.header_count++] =
        (struct http_header){STR("x-ms-meta-upload_status"), STR("completed")};
    put.headers[put.header_count++] = (struct http_header){STR("x-ms-meta-name"), name};
    put.headers[put.header_count++] = (struct http_header){STR("x-ms-meta-version"), STR("1")};
    return send_request(cli, &put, &status, err);
}

static bool is_whole(struct cli *cli, const struct store *store, struct str path)
{
    struct session_request head = {.method = "HEAD", .url = blob_url(cli, store, path, "")};
    struct http_response reply;
    struct error ignored;

    if (session_raw(cli, &head, &reply, &ignored) < 0 || reply.status != 200)
        return false;
    return str_eq(http_response_header(&reply, "x-ms-meta-upload_status"), STR("completed"));
}

/* "{prefix}{path}" for a folder's file, the prefix being "…/name/"; a file alone keeps its name. */
static struct str remote_path(struct cli *cli, struct str prefix, const struct snapshot_file *file)
{
    return arena_printf(cli->arena, "%.*s%.*s", STR_ARG(prefix), STR_ARG(file->path));
}

static int send_all(struct cli *cli, const struct store *store, const struct snapshot *snapshot,
                    struct str prefix, struct error *err)
{
    int64_t begun_us = clock_mono_us(), sent = 0;

    for (size_t i = 0; i < snapshot->count; i++) {
        const struct snapshot_file *file = &snapshot->files[i];
        int64_t took_us = clock_mono_us() - begun_us + 1;
        progress_line(
            cli, arena_printf(cli->arena, "Uploading %.*s  %zu of %zu files  %.*s of %.*s  %.*s/s",
                              STR_ARG(snapshot->name), i, snapshot->count,
                              STR_ARG(progress_bytes(cli->arena, sent)),
                              STR_ARG(progress_bytes(cli->arena, snapshot->bytes)),
                              STR_ARG(progress_bytes(cli->arena, sent * US_PER_S / took_us))));
        if (send_file(cli, store, snapshot, file, remote_path(cli, prefix, file), err) < 0)
            return -1;
        sent += file->size;
    }
    progress_clear(cli);
    if (cli->verbose || cli->terminal_err)
        cli_note(
            cli, "Uploaded %.*s: %zu file%s, %.*s%s", STR_ARG(snapshot->name), snapshot->count,
            snapshot->count == 1 ? "" : "s", STR_ARG(progress_bytes(cli->arena, snapshot->bytes)),
            snapshot->ignored
                ? arena_printf(cli->arena, " (%zu left out by ignore files)", snapshot->ignored).ptr
                : "");
    return mark_whole(cli, store, remote_path(cli, prefix, &snapshot->files[0]), snapshot->name,
                      err);
}

static void say_known(struct cli *cli, const struct snapshot *snapshot)
{
    if (cli->verbose || cli->terminal_err)
        cli_note(cli, "%.*s: 0 of %zu file%s to send", STR_ARG(snapshot->name), snapshot->count,
                 snapshot->count == 1 ? "" : "s");
}

/* Asks for a place, sends, and makes the version. */
static int new_code(struct cli *cli, const struct snapshot *snapshot, struct str id,
                    struct error *err)
{
    struct json *ask = json_object(cli->arena), *place, *body = json_object(cli->arena);
    struct str ask_path = arena_printf(cli->arena, "%.*s/startPendingUpload", STR_ARG(id)), query;
    struct str prefix =
        snapshot->is_file ? STR("") : arena_printf(cli->arena, "%.*s/", STR_ARG(snapshot->name));
    struct store store;
    struct error ignored;

    json_set_str(cli->arena, ask, "pendingUploadType", STR("TemporaryBlobReference"));
    if (session_call(cli, "POST", ask_path, ask, &place, err) < 0)
        return -1;
    store.base = json_str_at(place, "blobReferenceForConsumption.blobUri");
    struct str signed_url = json_str_at(place, "blobReferenceForConsumption.credential.sasUri");
    if (!str_cut(signed_url, '?', &query, &store.sas))
        return error_set(err, ERROR_INTERNAL, "",
                         "The server gave no signed address to upload to.");
    if (send_all(cli, &store, snapshot, prefix, err) < 0)
        return -1;
    struct str uri =
        arena_printf(cli->arena, "%.*s/%.*s", STR_ARG(store.base), STR_ARG(snapshot->name));
    json_put(cli->arena, body, "properties.codeUri", json_text(cli->arena, uri), &ignored);
    json_put(cli->arena, body, "properties.isAnonymous", json_bool(cli->arena, true), &ignored);
    json_put(cli->arena, body, "properties.properties.hash_sha256",
             json_text(cli->arena, snapshot->hash), &ignored);
    json_put(cli->arena, body, "properties.properties.hash_version",
             json_text(cli->arena, STR(HASH_VERSION)), &ignored);
    return session_call(cli, "PUT", id, body, NULL, err);
}

int transfer_code(struct cli *cli, struct str path, struct str *out_id, struct error *err)
{
    CLEANUP(snapshot_close) struct snapshot snapshot = {.dir = -1};
    struct str name = random_uuid(cli->arena);
    struct json *known;

    if (session_open(cli, err) < 0 || snapshot_take(cli, path, true, &snapshot, err) < 0)
        return -1;
    struct str look = arena_printf(cli->arena, "%.*s/versions?hash=%.*s&hashVersion=" HASH_VERSION,
                                   STR_ARG(session_id(cli, "codes", name)), STR_ARG(snapshot.hash));
    if (session_call(cli, "GET", look, NULL, &known, err) < 0)
        return -1;
    struct str id = json_str_at(known, "value[0].id");
    if (id.len) {
        say_known(cli, &snapshot);
        *out_id = id;
        return 0;
    }
    id = session_version_id(cli, "codes", name, STR("1"));
    if (new_code(cli, &snapshot, id, err) < 0)
        return -1;
    *out_id = id;
    return 0;
}

int transfer_upload(struct cli *cli, struct str path, struct str datastore,
                    struct transfer_place *out, struct error *err)
{
    CLEANUP(snapshot_close) struct snapshot snapshot = {.dir = -1};
    struct store store;

    if (session_open(cli, err) < 0 || snapshot_take(cli, path, false, &snapshot, err) < 0 ||
        open_store(cli, datastore, &store, err) < 0)
        return -1;
    struct str folder = arena_printf(cli->arena, "LocalUpload/%.*s/", STR_ARG(snapshot.hash));
    struct str prefix = snapshot.is_file ? folder
                                         : arena_printf(cli->arena, "%.*s%.*s/", STR_ARG(folder),
                                                        STR_ARG(snapshot.name));
    if (is_whole(cli, &store, remote_path(cli, prefix, &snapshot.files[0])))
        say_known(cli, &snapshot);
    else if (send_all(cli, &store, &snapshot, prefix, err) < 0)
        return -1;
    *out = (struct transfer_place){.datastore = datastore, .is_file = snapshot.is_file};
    out->path = snapshot.is_file ? remote_path(cli, prefix, &snapshot.files[0]) : prefix;
    out->url = arena_printf(cli->arena, "%.*s/%.*s", STR_ARG(store.base),
                            STR_ARG(http_encode(cli->arena, out->path, true)));
    return 0;
}

/* The five entities of XML, in place of what they stand for. */
static struct str xml_plain(struct cli *cli, struct str text)
{
    static const struct {
        struct str entity;
        char plain;
    } ENTITIES[] = {{STR_INIT("&amp;"), '&'},
                    {STR_INIT("&lt;"), '<'},
                    {STR_INIT("&gt;"), '>'},
                    {STR_INIT("&quot;"), '"'},
                    {STR_INIT("&apos;"), '\''}};
    char *out = arena_alloc(cli->arena, text.len + 1);
    size_t len = 0;

    for (size_t i = 0; i < text.len;) {
        size_t k = 0;
        struct str rest = str_slice(text, i, text.len);
        while (k < COUNT(ENTITIES) && !str_starts(rest, ENTITIES[k].entity))
            k++;
        out[len++] = k < COUNT(ENTITIES) ? ENTITIES[k].plain : text.ptr[i];
        i += k < COUNT(ENTITIES) ? ENTITIES[k].entity.len : 1;
    }
    return (struct str){out, len};
}

static bool next_element(struct str *rest, struct str open, struct str close, struct str *out)
{
    ssize_t begin = str_find(*rest, open);

    if (begin < 0)
        return false;
    struct str inside = str_slice(*rest, (size_t)begin + open.len, rest->len);
    ssize_t end = str_find(inside, close);
    if (end < 0)
        return false;
    *out = str_slice(inside, 0, (size_t)end);
    *rest = str_slice(inside, (size_t)end + close.len, inside.len);
    return true;
}

static int take_bytes(struct str bytes, void *context)
{
    return fd_write_all(*(int *)context, bytes, NULL);
}

/* A name that the server sent is a path beneath the folder, or nothing. */
static bool is_safe(struct str path)
{
    struct str rest = path, piece;

    while (str_split(&rest, '/', &piece))
        if (!piece.len || str_eq(piece, STR(".")) || str_eq(piece, STR("..")))
            return false;
    return path.len > 0 && str_find_char(path, '\\') < 0;
}

static int fetch_one(struct cli *cli, const struct store *store, struct transfer_fetch *fetch,
                     struct str name, struct error *err)
{
    struct str path = str_slice(name, fetch->prefix.len, name.len);

    if (!path.len) {
        ssize_t slash = str_find_last(name, '/');
        path = str_slice(name, (size_t)(slash + 1), name.len);
    }
    while (str_starts(path, STR("/")))
        path = str_slice(path, 1, path.len);
    if (!is_safe(path))
        return error_set(err, ERROR_INVALID, "", "The name '%.*s' cannot be a file here.",
                         STR_ARG(path));
    CLEANUP(fd_close) int dir = dir_open(arena_cstr(cli->arena, fetch->folder), err);
    ssize_t slash = str_find_last(path, '/');
    if (dir < 0 ||
        (slash > 0 &&
         dir_make(dir, arena_cstr(cli->arena, str_slice(path, 0, (size_t)slash)), 0755, err) < 0))
        return -1;
    CLEANUP(fd_close)
    int fd = file_open(dir, arena_cstr(cli->arena, path), O_WRONLY | O_CREAT | O_TRUNC, 0644, err);
    if (fd < 0)
        return -1;
    struct session_request get = {.method = "GET",
                                  .url = blob_url(cli, store, name, ""),
                                  .on_body = take_bytes,
                                  .context = &fd};
    struct http_response reply;
    if (session_raw(cli, &get, &reply, err) < 0)
        return -1;
    if (reply.status != 200 && reply.status != 206)
        return session_refused(cli, &reply, err);
    struct stat status;
    if (fstat(fd, &status) == 0)
        fetch->bytes += status.st_size;
    fetch->files++;
    progress_line(cli, arena_printf(cli->arena, "Downloading  %zu files  %.*s", fetch->files,
                                    STR_ARG(progress_bytes(cli->arena, fetch->bytes))));
    assert(fetch->files > 0);
    return 0;
}

static int fetch_page(struct cli *cli, const struct store *store, struct transfer_fetch *fetch,
                      struct str xml, struct error *err)
{
    struct str rest = xml, blob, name;

    while (next_element(&rest, STR("<Blob>"), STR("</Blob>"), &blob)) {
        struct str inside = blob;
        bool folder = str_find(blob, STR("<hdi_isfolder>true")) >= 0;
        if (next_element(&inside, STR("<Name>"), STR("</Name>"), &name) && !folder &&
            fetch_one(cli, store, fetch, xml_plain(cli, name), err) < 0)
            return -1;
    }
    return 0;
}

int transfer_download(struct cli *cli, struct transfer_fetch *fetch, struct error *err)
{
    struct str marker = STR("");
    struct store store;

    if (session_open(cli, err) < 0 || open_store(cli, fetch->datastore, &store, err) < 0)
        return -1;
    CLEANUP(fd_close) int here = dir_open(str_starts(fetch->folder, STR("/")) ? "/" : ".", err);
    struct str relative = fetch->folder;
    while (str_starts(relative, STR("/")))
        relative = str_slice(relative, 1, relative.len);
    if (here < 0 || dir_make(here, arena_cstr(cli->arena, relative), 0755, err) < 0)
        return -1;
    do {
        struct session_request list = {.method = "GET"};
        struct http_response reply;
        list.url = arena_printf(
            cli->arena,
            "%.*s?restype=container&comp=list&include=metadata&prefix=%.*s&marker=%.*s&%.*s",
            STR_ARG(store.base), STR_ARG(http_encode(cli->arena, fetch->prefix, false)),
            STR_ARG(http_encode(cli->arena, marker, false)), STR_ARG(store.sas));
        if (session_raw(cli, &list, &reply, err) < 0)
            return -1;
        if (reply.status != 200)
            return session_refused(cli, &reply, err);
        if (fetch_page(cli, &store, fetch, reply.body, err) < 0)
            return -1;
        struct str rest = reply.body;
        marker = STR("");
        next_element(&rest, STR("<NextMarker>"), STR("</NextMarker>"), &marker);
    } while (marker.len);
    progress_clear(cli);
    return 0;
}
