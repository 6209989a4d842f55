/* transfer.c - sends what the server has not: whole files, or blocks of large ones */
#include "cli/transfer.h"
#include "base/buf.h"
#include "cli/progress.h"
#include "cli/session.h"
#include "cli/snapshot.h"
#include "cli/storage.h"
#include "http/text.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/random.h"

#include <assert.h>
#include <fcntl.h>

#define BLOCK_FROM_BYTES (64L * 1024 * 1024)
#define BLOCK_BYTES (8L * 1024 * 1024)
/* 50 000 blocks, the most that a blob may have, in the list that names them. */
#define BLOCK_LIST_BYTES (2 * MIB)
#define HASH_VERSION "202208"

/* One upload on its way. */
struct sending {
    struct cli *cli;
    const struct storage *storage;
    const struct snapshot *snapshot;
    struct str prefix; /* before every name: "…/name/", or "" for a file alone */
    size_t files;
    int64_t sent, begun_us;
};

/* Storage answers 409 to bytes that are there: that is what was wanted. */
static int send_request(struct cli *cli, const struct session_request *request, struct error *err)
{
    struct http_response reply;

    assert(request->method && request->url.len > 0);
    if (session_raw(cli, request, &reply, err) < 0)
        return -1;
    /* 409: somebody sent the same bytes to the same place before. */
    if (reply.status < 300 || reply.status == 409)
        return 0;
    return session_refused(cli, &reply, err);
}

/* A folder's file is named below the prefix, which ends in a slash. */
static struct str remote_path(const struct sending *sending, const struct snapshot_file *file)
{
    assert(file->path.len > 0);
    return arena_printf(sending->cli->arena, "%.*s%.*s", STR_ARG(sending->prefix),
                        STR_ARG(file->path));
}

static struct str remote_url(const struct sending *sending, const struct snapshot_file *file,
                             const char *more)
{
    assert(more);
    return storage_url(sending->cli->arena, sending->storage, remote_path(sending, file), more);
}

/* One line that is redrawn; plain logs get the last one only. */
static void say_sent(const struct sending *sending)
{
    const struct snapshot *snapshot = sending->snapshot;
    struct arena *arena = sending->cli->arena;
    int64_t took_us = clock_mono_us() - sending->begun_us + 1;

    assert(sending->sent <= snapshot->bytes && sending->files <= snapshot->count);
    /* A line that nobody sees is not made: there may be a million files. */
    if (!sending->cli->terminal_err)
        return;
    progress_line(sending->cli,
                  arena_printf(arena, "Uploading %.*s  %zu of %zu files  %.*s of %.*s  %.*s/s",
                               STR_ARG(snapshot->name), sending->files, snapshot->count,
                               STR_ARG(progress_bytes(arena, sending->sent)),
                               STR_ARG(progress_bytes(arena, snapshot->bytes)),
                               STR_ARG(progress_bytes(arena, sending->sent * US_PER_S / took_us))));
}

/* Past 64 MiB a blob goes in blocks, read from the file as they leave, then their list. */
static int send_blocks(struct sending *sending, const struct snapshot_file *file, int fd,
                       struct error *err)
{
    CLEANUP(buf_free) struct buf list = buf_make(BLOCK_LIST_BYTES);

    assert(fd >= 0 && file->size > BLOCK_FROM_BYTES);
    buf_add(&list, STR("<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>"));
    for (int64_t at = 0, number = 0; at < file->size; at += BLOCK_BYTES, number++) {
        /* Eight digits are base64 too, and every id has the same length, as it must. */
        struct str query =
            arena_printf(sending->cli->arena, "comp=block&blockid=%08lld&", (long long)number);
        struct session_request put = {.method = "PUT",
                                      .url = remote_url(sending, file, query.ptr),
                                      .has_body_fd = true,
                                      .body_fd = fd,
                                      .body_offset = at,
                                      .body_length = file->size - at < BLOCK_BYTES ? file->size - at
                                                                                   : BLOCK_BYTES};
        if (send_request(sending->cli, &put, err) < 0)
            return -1;
        buf_printf(&list, "<Latest>%08lld</Latest>", (long long)number);
        sending->sent += put.body_length;
        say_sent(sending);
    }
    buf_add(&list, STR("</BlockList>"));
    struct session_request commit = {.method = "PUT",
                                     .url = remote_url(sending, file, "comp=blocklist&"),
                                     .body = buf_str(&list),
                                     .content_type = "application/xml"};
    return buf_ok(&list, err) < 0 ? -1 : send_request(sending->cli, &commit, err);
}

/* In one request up to the size where storage wants blocks. */
static int send_file(struct sending *sending, const struct snapshot_file *file, struct error *err)
{
    CLEANUP(fd_close)
    int fd = file_open(sending->snapshot->dir, arena_cstr(sending->cli->arena, file->path),
                       O_RDONLY, 0, err);
    struct session_request put = {.method = "PUT",
                                  .url = remote_url(sending, file, ""),
                                  .content_type = "application/octet-stream"};

    if (fd < 0)
        return -1;
    if (file->size > BLOCK_FROM_BYTES)
        return send_blocks(sending, file, fd, err);
    put.headers[put.header_count++] = (struct http_header){STR("x-ms-blob-type"), STR("BlockBlob")};
    put.headers[put.header_count++] = (struct http_header){STR("If-None-Match"), STR("*")};
    put.body_fd = fd;
    put.has_body_fd = true;
    put.body_length = file->size;
    assert(put.body_length <= BLOCK_FROM_BYTES);
    if (send_request(sending->cli, &put, err) < 0)
        return -1;
    sending->sent += file->size;
    return 0;
}

/* The mark of a whole upload hangs at its first file. */
static int mark_whole(const struct sending *sending, struct error *err)
{
    const struct snapshot *snapshot = sending->snapshot;
    struct session_request put = {
        .method = "PUT", .url = remote_url(sending, &snapshot->files[0], "comp=metadata&")};

    assert(sending->files == snapshot->count);
    put.headers[put.header_count++] =
        (struct http_header){STR("x-ms-meta-upload_status"), STR("completed")};
    put.headers[put.header_count++] = (struct http_header){
        STR("x-ms-meta-name"), http_encode(sending->cli->arena, snapshot->name, false)};
    put.headers[put.header_count++] = (struct http_header){STR("x-ms-meta-version"), STR("1")};
    return send_request(sending->cli, &put, err);
}

/* The mark is written last: a torn upload has none, and is sent again. */
static bool is_whole(const struct sending *sending)
{
    struct session_request head = {.method = "HEAD",
                                   .url = remote_url(sending, &sending->snapshot->files[0], "")};
    struct http_response reply;
    struct error ignored;

    assert(sending->snapshot->count > 0);
    if (session_raw(sending->cli, &head, &reply, &ignored) < 0 || reply.status != 200)
        return false;
    return str_eq(http_response_header(&reply, "x-ms-meta-upload_status"), STR("completed"));
}

/* What is said at the end to those who watch. */
static void say_whole(const struct sending *sending)
{
    const struct snapshot *snapshot = sending->snapshot;
    struct cli *cli = sending->cli;
    struct str ignored = STR("");

    assert(sending->sent == snapshot->bytes);
    progress_clear(cli);
    if (!cli->verbose && !cli->terminal_err)
        return;
    if (snapshot->ignored)
        ignored = arena_printf(cli->arena, " (%zu left out by ignore files)", snapshot->ignored);
    cli_note(cli, "Uploaded %.*s: %zu file%s, %.*s%.*s", STR_ARG(snapshot->name), snapshot->count,
             snapshot->count == 1 ? "" : "s", STR_ARG(progress_bytes(cli->arena, snapshot->bytes)),
             STR_ARG(ignored));
}

/* In the order of names; the mark follows the last byte. */
static int send_all(struct sending *sending, struct error *err)
{
    const struct snapshot *snapshot = sending->snapshot;

    assert(snapshot->count > 0);
    sending->begun_us = clock_mono_us();
    for (size_t i = 0; i < snapshot->count; i++) {
        say_sent(sending);
        if (send_file(sending, &snapshot->files[i], err) < 0)
            return -1;
        sending->files++;
    }
    say_whole(sending);
    return mark_whole(sending, err);
}

/* Said to those who watch: silence would look like a hang. */
static void say_known(struct cli *cli, const struct snapshot *snapshot)
{
    assert(snapshot->count > 0);
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
    struct storage storage;
    struct error ignored;

    json_set_str(cli->arena, ask, "pendingUploadType", STR("TemporaryBlobReference"));
    if (session_post(cli, ask_path, ask, &place, err) < 0)
        return -1;
    storage.base = json_str_at(place, "blobReferenceForConsumption.blobUri");
    struct str signed_url = json_str_at(place, "blobReferenceForConsumption.credential.sasUri");
    if (!str_cut(signed_url, '?', &query, &storage.sas))
        return error_set(err, ERROR_INTERNAL, "",
                         "The server gave no signed address to upload to.");
    struct sending sending = {
        .cli = cli, .storage = &storage, .snapshot = snapshot, .prefix = prefix};
    if (send_all(&sending, err) < 0)
        return -1;
    struct str uri =
        arena_printf(cli->arena, "%.*s/%.*s", STR_ARG(storage.base), STR_ARG(snapshot->name));
    json_put(cli->arena, body, "properties.codeUri", json_text(cli->arena, uri), &ignored);
    json_put(cli->arena, body, "properties.isAnonymous", json_bool(cli->arena, true), &ignored);
    json_put(cli->arena, body, "properties.properties.hash_sha256",
             json_text(cli->arena, snapshot->hash), &ignored);
    json_put(cli->arena, body, "properties.properties.hash_version",
             json_text(cli->arena, STR(HASH_VERSION)), &ignored);
    return session_put(cli, id, body, NULL, err);
}

/* The server is asked for the hash first: code that did not change is not sent. */
int transfer_code(struct cli *cli, struct str path, struct str *out_id, struct error *err)
{
    CLEANUP(snapshot_close) struct snapshot snapshot = {.dir = -1};
    struct str name = random_uuid(cli->arena);
    struct json *known;

    assert(out_id);
    if (session_open(cli, err) < 0 || snapshot_take(cli, path, true, &snapshot, err) < 0)
        return -1;
    struct str look = arena_printf(cli->arena, "%.*s/versions?hash=%.*s&hashVersion=" HASH_VERSION,
                                   STR_ARG(session_id(cli, "codes", name)), STR_ARG(snapshot.hash));
    if (session_get(cli, look, &known, err) < 0)
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

/* Sends what is not there and says where it then is. */
static int send_unless_known(struct sending *sending, struct transfer_place *out, struct error *err)
{
    const struct snapshot *snapshot = sending->snapshot;
    struct cli *cli = sending->cli;

    if (is_whole(sending))
        say_known(cli, snapshot);
    else if (send_all(sending, err) < 0)
        return -1;
    out->is_file = snapshot->is_file;
    out->path = snapshot->is_file ? remote_path(sending, &snapshot->files[0]) : sending->prefix;
    out->url = arena_printf(cli->arena, "%.*s/%.*s", STR_ARG(sending->storage->base),
                            STR_ARG(http_encode(cli->arena, out->path, true)));
    return 0;
}

/* Under the hash of the content: the same bytes are one place, whoever sends them. */
int transfer_upload(struct cli *cli, struct str path, struct str datastore,
                    struct transfer_place *out, struct error *err)
{
    CLEANUP(snapshot_close) struct snapshot snapshot = {.dir = -1};
    struct storage storage;
    struct str hash;

    assert(datastore.len > 0);
    if (session_open(cli, err) < 0 || snapshot_take(cli, path, false, &snapshot, err) < 0 ||
        snapshot_upload_hash(cli, &snapshot, &hash, err) < 0 ||
        storage_open(cli, datastore, &storage, err) < 0)
        return -1;
    struct str folder = arena_printf(cli->arena, "LocalUpload/%.*s/", STR_ARG(hash));
    struct str prefix = snapshot.is_file ? folder
                                         : arena_printf(cli->arena, "%.*s%.*s/", STR_ARG(folder),
                                                        STR_ARG(snapshot.name));
    struct sending sending = {
        .cli = cli, .storage = &storage, .snapshot = &snapshot, .prefix = prefix};
    *out = (struct transfer_place){.datastore = datastore};
    return send_unless_known(&sending, out, err);
}

/* A container for this asset alone, which the registry made and signed. */
int transfer_registry(struct cli *cli, struct str path, const struct storage_asset *asset,
                      struct transfer_place *out, struct error *err)
{
    CLEANUP(snapshot_close) struct snapshot snapshot = {.dir = -1};
    struct storage storage;

    assert(asset->type);
    if (snapshot_take(cli, path, false, &snapshot, err) < 0 ||
        storage_open_registry(cli, asset, &storage, NULL, err) < 0)
        return -1;
    struct str prefix =
        snapshot.is_file ? STR("") : arena_printf(cli->arena, "%.*s/", STR_ARG(snapshot.name));
    struct sending sending = {
        .cli = cli, .storage = &storage, .snapshot = &snapshot, .prefix = prefix};
    *out = (struct transfer_place){0};
    return send_unless_known(&sending, out, err);
}
