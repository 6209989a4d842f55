/* stream.c - A job's events, over as many connections as it takes. The cursor of the last event
 * that was shown is where the next connection begins. */
#include "cli/stream.h"
#include "cli/progress.h"
#include "cli/session.h"
#include "http/text.h"
#include "os/clock.h"

#include <assert.h>
#include <stdio.h>

#define LINE_CAP (8 * MIB)
#define RETRY_FIRST_US (200 * US_PER_MS)
#define RETRY_LAST_US (3 * US_PER_S)
#define GIVE_UP_US (20 * US_PER_S)
#define SILENCE_MS (24 * 3600 * 1000)

/* Bytes come in pieces of any size; an event is told when its empty line is there. */
int stream_feed(struct stream_parser *parser, struct str bytes)
{
    assert(parser->on_event);
    buf_add(parser->pending, bytes);
    for (;;) {
        struct str text = buf_str(parser->pending), name, value;
        ssize_t end = str_find_char(text, '\n');
        if (end < 0)
            return buf_ok(parser->pending, NULL);
        struct str line = str_slice(text, 0, (size_t)end);
        if (str_ends(line, STR("\r")))
            line.len--;
        if (!line.len) {
            struct stream_event event = {parser->id, parser->event, buf_str(parser->data)};
            bool has_data = event.data.len > 0;
            if (str_ends(event.data, STR("\n")))
                event.data.len--;
            int result = has_data ? parser->on_event(&event, parser->context) : 0;
            buf_clear(parser->data);
            parser->event = STR("");
            if (result < 0)
                return -1;
        } else if (str_cut(line, ':', &name, &value)) {
            if (str_starts(value, STR(" ")))
                value = str_slice(value, 1, value.len);
            if (str_eq(name, STR("id")))
                parser->id = arena_str(parser->arena, value);
            else if (str_eq(name, STR("event")))
                parser->event = arena_str(parser->arena, value);
            else if (str_eq(name, STR("data")))
                buf_printf(parser->data, "%.*s\n", STR_ARG(value));
        }
        buf_consume(parser->pending, (size_t)end + 1);
    }
}

/* What one stream remembers over its connections. */
struct follow {
    struct cli *cli;
    struct str cursor; /* of the last event that was shown */
    struct str status, reason;
    struct str last_file;
    struct str name;
    bool greeted, told_lost;
    struct json *end; /* data of the final event */
    bool mid_line;    /* the log's last byte was no line end */
    int64_t begun_us;
};

/* Once for each state and reason; the server may tell them again after a break. */
static void say_state(struct follow *follow, const struct json *data)
{
    struct cli *cli = follow->cli;
    struct str status = json_str_at(data, "status"), reason = json_str_at(data, "reason");

    assert(follow->cli);
    if (str_eq(status, follow->status) && str_eq(reason, follow->reason))
        return;
    follow->status = arena_str(cli->arena, status);
    follow->reason = arena_str(cli->arena, reason);
    if (follow->mid_line)
        cli_write(STR("\n"));
    follow->mid_line = false;
    fflush(stdout);
    cli_note(cli, "%s%.*s%s%s%.*s", cli->color_err ? "\033[36m" : "", STR_ARG(status),
             cli->color_err ? "\033[0m" : "", reason.len ? "  " : "", STR_ARG(reason));
}

/* The user's log goes to standard output as it is; what the system says is for those who ask. */
static void say_log(struct follow *follow, const struct json *data)
{
    struct cli *cli = follow->cli;
    struct str file = json_str_at(data, "file"), text = json_str_at(data, "text");
    bool system = str_starts(file, STR("system_logs/"));

    if (system && !cli->verbose)
        return;
    if (system) {
        cli_note(cli, "%.*s", STR_ARG(str_trim(text)));
        return;
    }
    if (follow->last_file.len && !str_eq(follow->last_file, file))
        cli_note(cli, "--- %.*s", STR_ARG(file));
    if (!str_eq(follow->last_file, file))
        follow->last_file = arena_str(cli->arena, file);
    cli_write(text);
    fflush(stdout);
    follow->mid_line = text.len && text.ptr[text.len - 1] != '\n';
}

/* Each event has memory of its own: a log of a day must not grow us. */
static int on_event(const struct stream_event *event, void *context)
{
    struct follow *follow = context;
    struct error ignored;
    CLEANUP(arena_free) struct arena *scratch = arena_new(64 * MIB);
    const struct json *data = json_parse(scratch, event->data, &ignored);

    assert(event);
    if (!follow->greeted)
        cli_note(follow->cli, "Job %.*s", STR_ARG(follow->name));
    follow->greeted = true;
    if (str_eq(event->event, STR("log")))
        say_log(follow, data);
    else if (str_eq(event->event, STR("state")))
        say_state(follow, data);
    else if (str_eq(event->event, STR("end")))
        follow->end = json_copy(follow->cli->arena, data);
    if (event->id.len && !str_eq(event->id, follow->cursor))
        follow->cursor = event->id;
    return 0;
}

static int take_bytes(struct str bytes, void *context)
{
    assert(context);
    return stream_feed(context, bytes);
}

/* One connection: 0 when it ended in whatever way, -1 when it will not get better. */
static int connect_once(struct follow *follow, struct str name, struct error *err)
{
    struct cli *cli = follow->cli;
    CLEANUP(buf_free) struct buf pending = buf_make(LINE_CAP), data = buf_make(LINE_CAP);
    struct stream_parser parser = {&pending, &data, STR(""), STR(""), cli->arena, on_event, follow};
    struct session_request get = {
        .method = "GET", .on_body = take_bytes, .context = &parser, .timeout_ms = SILENCE_MS};
    struct http_response reply;

    get.url = arena_printf(cli->arena, "/lazurite/v1%.*s/stream?cursor=%.*s",
                           STR_ARG(session_id(cli, "jobs", name)),
                           STR_ARG(http_encode(cli->arena, follow->cursor, false)));
    if (session_raw(cli, &get, &reply, err) < 0)
        return session_interrupted() ? -1 : 0;
    if (reply.status == 503 || reply.status == 200)
        return 0;
    return session_refused(cli, &reply, err);
}

/* Watching ends, the job does not: both ways on are said. */
static int interrupted(struct follow *follow, struct str name, struct error *err)
{
    struct cli *cli = follow->cli;

    cli->interrupted = true;
    if (follow->mid_line)
        cli_write(STR("\n"));
    fflush(stdout);
    fprintf(stderr,
            "\nStopped watching; job %.*s goes on.\n  resume: lazurite job stream -n %.*s\n"
            "  cancel: lazurite job cancel -n %.*s\n",
            STR_ARG(name), STR_ARG(name), STR_ARG(name));
    return error_set(err, ERROR_CANCELED, "", "Interrupted.");
}

/* What one scrolls down for: state, time, reason, and what to do next. */
static void summarize(struct follow *follow, struct str name)
{
    struct cli *cli = follow->cli;
    struct str status = json_str_at(follow->end, "status"),
               reason = json_str_at(follow->end, "reason");
    bool good = str_eq(status, STR("Completed"));
    const char *color = !cli->color_err ? "" : good ? "\033[32m" : "\033[31m";

    assert(follow->end);
    if (follow->mid_line)
        cli_write(STR("\n"));
    fflush(stdout);
    cli_note(cli, "\nExecution Summary");
    cli_note(cli, "  Job      %.*s", STR_ARG(name));
    cli_note(cli, "  State    %s%.*s%s", color, STR_ARG(status), cli->color_err ? "\033[0m" : "");
    cli_note(cli, "  Watched  %.*s",
             STR_ARG(progress_time(cli->arena, clock_mono_us() - follow->begun_us)));
    if (reason.len)
        cli_note(cli, "  Reason   %.*s", STR_ARG(reason));
    if (!good)
        cli_note(cli, "  Next     lazurite job why -n %.*s", STR_ARG(name));
    cli->exit_code = good ? 0 : 1;
}

/* Since when nothing was heard, and how long to wait before the next try. */
struct silence {
    int64_t since_us, pause_us;
};

/* The server went away: it comes back with the same jobs, and the cursor says where we are. One
 * that has crashed does not, and somebody has to be told. */
static int wait_for_server(struct follow *follow, struct silence *silence, bool heard,
                           struct error *err)
{
    struct cli *cli = follow->cli;

    if (heard || !silence->since_us) {
        /* A break that is mended at once is not worth a word. */
        *silence = (struct silence){clock_mono_us(), RETRY_FIRST_US};
    } else if (clock_mono_us() - silence->since_us > GIVE_UP_US) {
        error_set(err, ERROR_UNAVAILABLE, "",
                  "The server went away and has not come back for %d seconds; the job goes on.",
                  (int)(GIVE_UP_US / US_PER_S));
        return error_hint(err, "lazurite serve, then lazurite job stream -n %.*s",
                          STR_ARG(follow->name));
    } else if (!follow->told_lost && silence->pause_us > RETRY_FIRST_US * 2) {
        follow->told_lost = true;
        cli_note(cli, "The server went away; waiting for it to come back.");
    }
    clock_sleep_us(silence->pause_us);
    silence->pause_us =
        silence->pause_us * 2 < RETRY_LAST_US ? silence->pause_us * 2 : RETRY_LAST_US;
    return 0;
}

/* As many connections as it takes; the cursor makes each begin where the last one ended. */
int stream_job(struct cli *cli, struct str name, struct error *err)
{
    struct follow *follow = arena_make(cli->arena, struct follow);
    struct silence silence = {0};

    assert(cli->session);
    follow->cli = cli;
    follow->begun_us = clock_mono_us();
    follow->name = name;
    while (!follow->end) {
        struct str before = follow->cursor;
        int result = connect_once(follow, name, err);
        if (session_interrupted())
            return interrupted(follow, name, err);
        if (result < 0)
            return -1;
        if (follow->end)
            break;
        if (wait_for_server(follow, &silence, !str_eq(before, follow->cursor), err) < 0)
            return -1;
        if (session_interrupted())
            return interrupted(follow, name, err);
    }
    summarize(follow, name);
    return 0;
}
