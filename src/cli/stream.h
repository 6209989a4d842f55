/* stream.h - a job's log as it is written, by server-sent events */
#pragma once

#include "base/buf.h"
#include "cli/command.h"

/* Follows the job to its end: log lines to standard output, states and the summary to standard
 * error. Reconnects by cursor when the server restarts. exit_code is 1 when the job did not
 * complete, 130 after Ctrl-C. */
int stream_job(struct cli *cli, struct str name, struct error *err);

/* A reader of server-sent events. */
struct stream_event {
    struct str id, event, data;
};
struct stream_parser {
    struct buf *pending; /* bytes without a line end yet */
    struct buf *data;
    struct str id, event;
    struct arena *arena;
    int (*on_event)(const struct stream_event *event, void *context);
    void *context;
};
/* Takes bytes as they come. -1 when on_event does. */
int stream_feed(struct stream_parser *parser, struct str bytes);
