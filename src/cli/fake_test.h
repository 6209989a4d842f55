/* fake_test.h - a server of scripted replies on the socket of a data folder, for tests
 *
 * A thread answers one request after the other. What it was asked is kept as text. Commands run in
 * this process, by the same main function as the program, with their streams caught.
 */
#pragma once

#include "base/test.h"

struct fake;

/* A folder of its own with run/lazurite.sock in it. For CLEANUP. */
struct fake *fake_start(struct arena *arena);
void fake_stop(struct fake **fake);

/* The next request of this method whose target holds `part` gets this reply; then the one after.
 * `head` is more header lines, each with its line end. What no reply is left for gets 404. */
void fake_reply(struct fake *fake, const char *method, const char *part, int status,
                const char *body);
void fake_reply_with(struct fake *fake, const char *method, const char *part, const char *head,
                     const char *body);
/* As fake_reply with 200, but the connection breaks after `sent` bytes of the body. */
void fake_break(struct fake *fake, const char *method, const char *part, const char *body,
                size_t sent);

/* Every request so far, a line each: "PUT /path?query {body}". */
struct str fake_asked(struct fake *fake);

/* Runs "job list -o table" on the fake's folder; the exit code and both streams. Words are split at
 * blanks. */
struct fake_run {
    int code;
    struct str out, err;
};
struct fake_run fake_run(struct fake *fake, const char *line);

/* A folder for files of the test. */
const char *fake_folder(const struct fake *fake);
/* Writes a file in it; the path. */
const char *fake_file(struct fake *fake, const char *name, const char *text);
/* Reads one; NULL bytes when there is none. */
struct str fake_read(struct fake *fake, const char *name);
