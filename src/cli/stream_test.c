#include "base/test.h"
#include "cli/stream.h"

#include <string.h>

struct seen {
    struct arena *arena;
    struct str text;
    int stop_after;
};

static int remember(const struct stream_event *event, void *context)
{
    struct seen *seen = context;

    seen->text = arena_printf(seen->arena, "%.*s[%.*s|%.*s|%.*s]", STR_ARG(seen->text),
                              STR_ARG(event->id), STR_ARG(event->event), STR_ARG(event->data));
    return --seen->stop_after == 0 ? -1 : 0;
}

/* Feeds the text in pieces of `piece` bytes; what events came out. */
static struct str fed(struct arena *arena, const char *text, size_t piece)
{
    CLEANUP(buf_free) struct buf pending = buf_make(KIB), data = buf_make(KIB);
    struct seen seen = {arena, STR(""), -1};
    struct stream_parser parser = {&pending, &data, STR(""), STR(""), arena, remember, &seen};

    for (size_t at = 0; at < strlen(text); at += piece)
        CHECK_INT(0, stream_feed(&parser, str_slice(str_from(text), at, at + piece)));
    return seen.text;
}

static const char EVENTS[] = ": comment\nid: 1\nevent: log\ndata: a\ndata: b\n\nid: "
                             "2\r\ndata:c\r\n\r\n\nevent: end\ndata: {}\n\n";

TEST(events_come_whole_however_their_bytes_come)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(16 * MIB);

    for (size_t piece = 1; piece < sizeof EVENTS; piece++)
        CHECK_STR("[1|log|a\nb][2||c][2|end|{}]", fed(arena, EVENTS, piece));
}

TEST(an_event_without_its_end_waits)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    CHECK_STR("", fed(arena, "id: 1\ndata: x\n", 100));
}

TEST(a_listener_may_end_the_stream)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    CLEANUP(buf_free) struct buf pending = buf_make(KIB), data = buf_make(KIB);
    struct seen seen = {arena, STR(""), 1};
    struct stream_parser parser = {&pending, &data, STR(""), STR(""), arena, remember, &seen};

    CHECK_INT(-1, stream_feed(&parser, STR("data: x\n\ndata: y\n\n")));
    CHECK_STR("[||x]", seen.text);
}

TEST(a_line_past_the_cap_is_refused)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    CLEANUP(buf_free) struct buf pending = buf_make(64), data = buf_make(64);
    struct seen seen = {arena, STR(""), -1};
    struct stream_parser parser = {&pending, &data, STR(""), STR(""), arena, remember, &seen};
    char text[200];

    memset(text, 'x', sizeof text);
    CHECK_INT(-1, stream_feed(&parser, (struct str){text, sizeof text}));
}
