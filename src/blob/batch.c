/* A batch: many deletions in the body of one POST, each a small HTTP request that says for itself
 * who asks. What one of them may not do is told in its own part of the reply; the others go on. */
#include "blob/internal.h"

#include "base/buf.h"
#include "http/text.h"
#include "os/random.h"
#include "vault/sas.h"

#include <assert.h>

#define PARTS_MAX 256
#define HEADERS_MAX 64
#define BOUNDARY_MAX 70 /* RFC 2046 */
#define REPLY_BYTES (2 * MIB)

/* One request of the batch, and what came of it. */
struct part {
    struct call call;
    struct blob_ask ask;
    struct blob_target target;
    struct str id; /* Content-ID: how clients find the answer to each */
    bool open;     /* the caller may, the blob is looked for in the write */
    struct error err;
};

struct batch {
    struct call *call;
    struct blob_target target; /* the account, or one container of it */
    struct blob_ask ask;       /* of the batch as a whole */
    struct part *parts;
    size_t count;
};

/* --- Cutting the body apart ------------------------------------------------------------------ */

static int bad_body(struct error *err, const char *why)
{
    return error_set(err, ERROR_INVALID, "InvalidInput", "The batch cannot be read: %s.", why);
}

/* Up to the line's end, of either kind. */
static bool next_line(struct str *rest, struct str *out)
{
    assert(rest && out);
    if (rest->len == 0)
        return false;
    str_split(rest, '\n', out);
    if (str_ends(*out, STR("\r")))
        out->len--;
    return true;
}

/* The boundary of "multipart/mixed; boundary=…", quoted or not. */
static int read_boundary(struct call *call, struct str *out, struct error *err)
{
    struct str type = http_header(call->ex, "content-type"), piece, name, value;

    *out = (struct str){0};
    if (!str_starts_fold(type, STR("multipart/mixed")))
        return bad_body(err, "its type is not multipart/mixed");
    while (type.len > 0 && str_split(&type, ';', &piece)) {
        if (!str_cut(str_trim(piece), '=', &name, &value) || !str_eq_fold(name, STR("boundary")))
            continue;
        if (value.len > 1 && str_starts(value, STR("\"")) && str_ends(value, STR("\"")))
            value = str_slice(value, 1, value.len - 1);
        *out = value;
    }
    if (out->len == 0 || out->len > BOUNDARY_MAX)
        return bad_body(err, "its type names no boundary");
    return 0;
}

/* Whether the line is the boundary; *out_last: behind it nothing follows. */
static bool is_boundary(struct str line, struct str boundary, bool *out_last)
{
    assert(boundary.len > 0);
    line = str_trim(line);
    if (!str_starts(line, STR("--")) || !str_starts(str_slice(line, 2, line.len), boundary))
        return false;
    struct str tail = str_slice(line, 2 + boundary.len, line.len);
    *out_last = str_eq(tail, STR("--"));
    return *out_last || tail.len == 0;
}

/* The lines of a head, up to the empty one or the end. */
static int read_headers(struct arena *arena, struct str *rest, const struct http_header **out,
                        size_t *out_count, struct error *err)
{
    struct http_header *headers = arena_new_array(arena, struct http_header, HEADERS_MAX);
    struct str line;
    size_t count = 0;

    assert(out && out_count);
    while (next_line(rest, &line) && line.len > 0) {
        struct http_header *header = &headers[count];
        if (count == HEADERS_MAX)
            return bad_body(err, "a part has too many headers");
        if (!str_cut(line, ':', &header->name, &header->value) || header->name.len == 0)
            return bad_body(err, "a header has no colon");
        header->value = str_trim(header->value);
        count++;
    }
    *out = headers;
    *out_count = count;
    return 0;
}

/* "DELETE /container/blob?query HTTP/1.1". */
static int read_request_line(struct part *part, struct str line, struct error *err)
{
    struct str target, version;

    if (!str_cut(line, ' ', &part->ask.method, &target) ||
        !str_cut(target, ' ', &target, &version) || !str_starts(version, STR("HTTP/1.")) ||
        !str_starts(target, STR("/")))
        return bad_body(err, "a part does not begin with 'METHOD /path HTTP/1.1'");
    part->ask.path = target;
    str_cut(target, '?', &part->ask.path, &part->ask.query);
    return 0;
}

/* The head of the part, then the head of the request in it; a deletion has no body. */
static int read_part(struct batch *batch, struct str text, struct error *err)
{
    struct part *part = &batch->parts[batch->count++];
    struct blob_ask outer = {.arena = batch->call->arena};
    struct str line;

    assert(batch->call);
    part->ask = (struct blob_ask){.arena = outer.arena, .host = batch->ask.host};
    if (read_headers(outer.arena, &text, &outer.headers, &outer.header_count, err) < 0)
        return -1;
    part->id = blob_ask_header(&outer, "content-id");
    if (!next_line(&text, &line))
        return bad_body(err, "a part is empty");
    if (read_request_line(part, line, err) < 0)
        return -1;
    return read_headers(outer.arena, &text, &part->ask.headers, &part->ask.header_count, err);
}

/* What stands between two boundaries is a part. */
static int read_parts(struct batch *batch, struct str boundary, struct error *err)
{
    struct str rest = http_body(batch->call->ex), line, text = {0};
    bool begun = false, last = false;

    assert(boundary.len > 0);
    batch->parts = arena_new_array(batch->call->arena, struct part, PARTS_MAX);
    while (!last && next_line(&rest, &line)) {
        if (!is_boundary(line, boundary, &last))
            continue;
        if (begun && batch->count == PARTS_MAX)
            return error_set(err, ERROR_INVALID, "ExceedsMaxBatchRequestCount",
                             "A batch has at most %d parts.", PARTS_MAX);
        if (begun && read_part(batch, str_slice(text, 0, (size_t)(line.ptr - text.ptr)), err) < 0)
            return -1;
        begun = true;
        text = rest;
    }
    if (!last)
        return bad_body(err, "its last boundary is missing");
    return batch->count > 0 ? 0 : bad_body(err, "it has no part");
}

/* --- Who may --------------------------------------------------------------------------------- */

/* Takes the account off a path, when it begins with one: "account.blob.suffix", or the bare name,
 * which is what storage libraries write into batches where the path names the account. */
static int cut_account(const struct batch *batch, struct part *part, struct str *out_rest,
                       struct error *err)
{
    struct str path = str_slice(part->ask.path, 1, part->ask.path.len);
    struct str first = blob_first_piece(part->ask.path), account = first, rest = path;

    part->ask.first = first.len > 0 ? first : batch->ask.first;
    *out_rest = path;
    str_cut(path, '/', &account, &rest);
    if (first.len > 0)
        str_cut(first, '.', &account, &first);
    else if (batch->ask.first.len == 0 || !str_eq(account, batch->target.account))
        return 0;
    *out_rest = rest;
    return str_eq(account, batch->target.account) ? 0
                                                  : bad_body(err, "a part is for another account");
}

/* What stands behind the account in a part's path, and a call as if for that alone. */
static int read_names(const struct batch *batch, struct part *part, struct error *err)
{
    struct str rest, container, blob;

    if (cut_account(batch, part, &rest, err) < 0)
        return -1;
    if (!str_cut(rest, '/', &container, &blob) ||
        http_decode(part->ask.arena, container, &container, err) < 0 ||
        http_decode(part->ask.arena, blob, &blob, err) < 0 || container.len == 0 || blob.len == 0)
        return bad_body(err, "a part names no blob");
    if (batch->target.container.len > 0 && !str_eq(container, batch->target.container))
        return bad_body(err, "a part is for another container");
    part->call = *batch->call;
    part->call.param_count = 3;
    part->call.params[0] = (struct route_param){STR("account"), batch->target.account, {0}};
    part->call.params[1] = (struct route_param){STR("container"), container, {0}};
    part->call.params[2] = (struct route_param){STR("blob"), blob, {0}};
    part->target = (struct blob_target){
        .account = batch->target.account, .container = container, .blob = blob};
    return 0;
}

/* Each part has a credential of its own; a token must be that of the batch, which was looked at
 * already. One without any is what whoever sent the batch asks for. */
static int read_caller(const struct batch *batch, struct part *part, struct error *err)
{
    struct str own = blob_ask_header(&part->ask, "authorization");

    if (str_starts_fold(own, STR("SharedKey")) || (own.len == 0 && sas_present(part->ask.query)))
        return blob_check_signed(&part->call, &part->ask, &part->target, &part->call.caller, err);
    if (own.len == 0 || str_eq(own, blob_ask_header(&batch->ask, "authorization")))
        return 0;
    return error_set(err, ERROR_FORBIDDEN, "AuthenticationFailed",
                     "A part of a batch is signed, or carries the token of the batch.");
}

/* All that can be known before the write. */
static int open_part(const struct batch *batch, struct part *part, struct error *err)
{
    struct str comp;

    assert(!part->open);
    if (read_names(batch, part, err) < 0 || read_caller(batch, part, err) < 0)
        return -1;
    if (!str_eq(part->ask.method, STR("DELETE")) ||
        http_query_get(part->ask.arena, part->ask.query, "comp", 0, &comp))
        return error_set(err, ERROR_NOT_IMPLEMENTED, "FeatureNotYetSupported",
                         "Parts of a batch delete blobs; '%.*s' is not built.",
                         STR_ARG(str_slice(part->ask.method, 0, 16)));
    if (blob_open_target(&part->call, "d", &part->target, err) < 0 ||
        blob_check_headers(&part->ask, err) < 0)
        return -1;
    part->open = true;
    return 0;
}

/* On the writer thread; may run again, so what came of a part is forgotten first. */
static int delete_apply(struct store_txn *txn, void *context, struct error *err)
{
    struct batch *batch = context;

    assert(store_is_writer(txn));
    for (size_t i = 0; i < batch->count; i++) {
        struct part *part = &batch->parts[i];
        if (!part->open)
            continue;
        part->err = (struct error){0};
        if (blob_remove(txn, &part->ask, &part->target, &part->err) == 0)
            continue;
        switch (part->err.code) {
        case ERROR_NOT_FOUND:
        case ERROR_PRECONDITION:
        case ERROR_EXISTS:
        case ERROR_INVALID:
            break;
        default: /* of the engine: nothing of the batch happened */
            *err = part->err;
            return -1;
        }
    }
    return 0;
}

/* --- The reply ------------------------------------------------------------------------------- */

/* As if the part had been a request of its own. */
static void add_reply(struct buf *out, const struct part *part)
{
    struct arena *arena = part->ask.arena;
    struct blob_refusal refusal = {.status = 202};

    if (part->err.code != ERROR_NONE)
        refusal = blob_refusal_of(arena, &part->err);
    buf_add(out, STR("Content-Type: application/http\r\n"));
    if (part->id.len > 0)
        buf_printf(out, "Content-ID: %.*s\r\n", STR_ARG(part->id));
    buf_printf(out, "\r\nHTTP/1.1 %d %s\r\n", refusal.status, http_reason(refusal.status));
    buf_printf(out, "x-ms-request-id: %.*s\r\nx-ms-version: " BLOB_VERSION "\r\n",
               STR_ARG(random_uuid(arena)));
    if (refusal.xml.len == 0) {
        buf_add(out, STR("x-ms-delete-type-permanent: true\r\n\r\n"));
        return;
    }
    buf_printf(out, "x-ms-error-code: %.*s\r\nContent-Length: %zu\r\n", STR_ARG(refusal.code),
               refusal.xml.len);
    buf_add(out, STR("Content-Type: application/xml\r\n\r\n"));
    buf_add(out, refusal.xml);
    buf_add(out, STR("\r\n"));
}

static int reply(const struct batch *batch, struct error *err)
{
    struct call *call = batch->call;
    CLEANUP(buf_free) struct buf out = buf_make(REPLY_BYTES);
    struct str mark =
        arena_printf(call->arena, "batchresponse_%.*s", STR_ARG(random_uuid(call->arena)));

    assert(batch->call);
    for (size_t i = 0; i < batch->count; i++) {
        buf_printf(&out, "--%.*s\r\n", STR_ARG(mark));
        add_reply(&out, &batch->parts[i]);
    }
    buf_printf(&out, "--%.*s--\r\n", STR_ARG(mark));
    if (buf_ok(&out, err) < 0)
        return -1;
    blob_headers(call);
    http_reply(call->ex, 202,
               arena_printf(call->arena, "multipart/mixed; boundary=%.*s", STR_ARG(mark)).ptr,
               arena_str(call->arena, buf_str(&out)));
    return 0;
}

int blob_batch(struct call *call, struct error *err)
{
    struct engines *engines = call->face;
    struct batch batch = {.call = call, .ask = blob_ask_of(call)};
    struct str boundary;
    bool any = false;

    assert(call->face);
    if ((call_param(call, "container").len > 0
             ? blob_open_target(call, "d", &batch.target, err)
             : blob_open_account(call, "d", &batch.target, err)) < 0 ||
        read_boundary(call, &boundary, err) < 0 || read_parts(&batch, boundary, err) < 0)
        return -1;
    for (size_t i = 0; i < batch.count; i++)
        if (open_part(&batch, &batch.parts[i], &batch.parts[i].err) == 0)
            any = true;
    if (any && store_write(engines->store, delete_apply, &batch, err) < 0)
        return -1;
    return reply(&batch, err);
}
