/* rest_command.c - A request as it is typed. Only the server of the session gets our credential: an
 * address of another host goes without. */
#include "cli/rest_command.h"
#include "base/buf.h"
#include "cli/scope.h"
#include "cli/session.h"
#include "http/text.h"
#include "os/file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define BODY_MAX (64 * MIB)

/* --body TEXT, @FILE, or @- for standard input. */
static int read_body(struct cli *cli, struct str *out, struct error *err)
{
    struct str given = cli_text(cli, "body");
    CLEANUP(buf_free) struct buf text = buf_make(BODY_MAX);
    ssize_t got;

    *out = given;
    if (!str_starts(given, STR("@")))
        return 0;
    struct str path = str_slice(given, 1, given.len);
    CLEANUP(fd_close)
    int fd = str_eq(path, STR("-")) ? dup(STDIN_FILENO)
                                    : open(arena_cstr(cli->arena, path), O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_errno(err, errno, "The file '%.*s' cannot be read", STR_ARG(path));
    do {
        char *room = buf_reserve(&text, 64 * KIB);
        got = room ? fd_read_all(fd, room, 64 * KIB, err) : 0;
        if (got > 0)
            buf_grew(&text, (size_t)got);
    } while (got > 0);
    *out = arena_str(cli->arena, buf_str(&text));
    return got < 0 ? -1 : buf_ok(&text, err);
}

/* Our headers of the request beside those of the session. Words are KEY=VALUE or one JSON object.
 */
static int read_headers(struct cli *cli, struct session_request *request, struct error *err)
{
    const struct cli_given *words = cli_words(cli, "headers");
    struct str key, value;

    for (size_t i = 0; i < words->count; i++) {
        if (!str_cut(words->values[i], '=', &key, &value) || !key.len ||
            request->header_count == COUNT(request->headers)) {
            cli->usage = true;
            return error_set(err, ERROR_INVALID, "", "--headers wants at most %zu KEY=VALUE.",
                             COUNT(request->headers));
        }
        if (str_eq_fold(key, STR("content-type")))
            request->content_type = arena_cstr(cli->arena, value);
        else
            request->headers[request->header_count++] = (struct http_header){key, value};
    }
    return 0;
}

/* {subscriptionId} stands for the session's; parameters are encoded behind the address. */
static int read_url(struct cli *cli, struct str *out, struct error *err)
{
    static const char HOLE[] = "{subscriptionId}";
    struct str url = cli_text(cli, cli_has(cli, "uri") ? "uri" : "url"), key, value;
    const struct cli_given *words = cli_words(cli, "uri-parameters");
    ssize_t hole = str_find(url, STR("{subscriptionId}"));

    if (!url.len) {
        cli->usage = true;
        return error_set(err, ERROR_INVALID, "", "--url is missing: which address?");
    }
    if (hole >= 0)
        url = arena_printf(cli->arena, "%.*s%.*s%.*s", (int)hole, url.ptr,
                           STR_ARG(session_scope(cli)->subscription),
                           STR_ARG(str_slice(url, (size_t)hole + sizeof HOLE - 1, url.len)));
    for (size_t i = 0; i < words->count; i++) {
        if (!str_cut(words->values[i], '=', &key, &value)) {
            cli->usage = true;
            return error_set(err, ERROR_INVALID, "", "--uri-parameters wants KEY=VALUE.");
        }
        url = arena_printf(cli->arena, "%.*s%s%.*s=%.*s", STR_ARG(url),
                           str_find_char(url, '?') < 0 ? "?" : "&",
                           STR_ARG(http_encode(cli->arena, key, false)),
                           STR_ARG(http_encode(cli->arena, value, false)));
    }
    *out = url;
    return 0;
}

/* JSON is printed as every result is; anything else as it came. */
static int print_reply(struct cli *cli, const struct http_response *reply, struct error *err)
{
    struct str path = cli_text(cli, "output-file");
    struct error ignored;
    struct json *value = json_parse(cli->arena, reply->body, &ignored);

    if (path.len) {
        CLEANUP(fd_close)
        int fd = open(arena_cstr(cli->arena, path), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        return fd < 0 ? error_errno(err, errno, "'%.*s' cannot be written", STR_ARG(path))
                      : fd_write_all(fd, reply->body, err);
    }
    if (value)
        return cli_result(cli, value, err);
    cli_write(reply->body);
    return 0;
}

/* What it sends is what was typed: no api-version is added, none of the checks of files is made. */
int rest_run(struct cli *cli, struct error *err)
{
    struct session_request request = {0};
    struct http_response reply;

    request.method = arena_cstr(cli->arena, cli_text(cli, "method"));
    for (char *c = (char *)request.method; *c; c++)
        *c = *c >= 'a' && *c <= 'z' ? (char)(*c - 32) : *c;
    if (session_open(cli, err) < 0 || read_url(cli, &request.url, err) < 0 ||
        read_headers(cli, &request, err) < 0 || read_body(cli, &request.body, err) < 0)
        return -1;
    if (request.body.len && !request.content_type)
        request.content_type = "application/json";
    if (session_raw(cli, &request, &reply, err) < 0)
        return -1;
    if (reply.status < 200 || reply.status > 299)
        return session_refused(cli, &reply, err);
    return print_reply(cli, &reply, err);
}
