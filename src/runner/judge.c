/* judge.c - how a command ended, in one word and one sentence */
#include "runner/work.h"

#include "os/clock.h"

#include <assert.h>
#include <ctype.h>
#include <signal.h>
#include <string.h>

#define SIGNAL_LAST 64
#define NOT_FOUND 127
#define NOT_EXECUTABLE 126
#define EXCEPTION_BYTES_MAX 300

/* "KILL" for 9. */
static const char *signal_name(int number)
{
    const char *name = sigabbrev_np(number);

    assert(number > 0);
    return name ? name : "unknown";
}

/* What bash complained about: the end of the last line that begins with "bash: ". */
static struct str complaint(struct str log)
{
    struct str line, found = {0};

    while (str_split(&log, '\n', &line))
        if (str_starts(line, STR("bash: ")) || str_starts(line, STR("/bin/bash: ")))
            found = line;
    ssize_t at = str_find(found, STR(": "));
    if (at < 0)
        return found;
    found = str_slice(found, (size_t)at + 2, found.len);
    at = str_starts(found, STR("line ")) ? str_find(found, STR(": ")) : -1;
    assert(at < (ssize_t)found.len);
    return str_trim(at < 0 ? found : str_slice(found, (size_t)at + 2, found.len));
}

/* A name such as "json.decoder.JSONDecodeError". */
static bool is_exception(struct str name)
{
    static const char *const ENDS[] = {"Error", "Exception", "Interrupt"};
    bool named = false;

    for (size_t i = 0; i < name.len; i++)
        if (!isalnum((unsigned char)name.ptr[i]) && name.ptr[i] != '_' && name.ptr[i] != '.')
            return false;
    for (size_t i = 0; i < COUNT(ENDS); i++)
        named = named || str_ends(name, str_from(ENDS[i]));
    return named;
}

/* As much of a line as an error's sentence takes, whole characters; "" when it is no text. */
static struct str readable(struct str line)
{
    size_t at = 0;

    while (at < line.len && at < EXCEPTION_BYTES_MAX) {
        uint32_t point;
        size_t bytes = str_utf8(str_slice(line, at, line.len), &point);
        if (bytes == 0 || point < ' ')
            return (struct str){0};
        at += bytes;
    }
    return str_slice(line, 0, at);
}

/* The last exception that Python left unhandled, in its own words; "" for none. */
static struct str exception(struct str log)
{
    struct str line, name, rest, found = {0};
    bool traced = false;

    assert(log.ptr || log.len == 0);
    while (str_split(&log, '\n', &line)) {
        traced = traced || str_starts(line, STR("Traceback (most recent call last):"));
        if (!str_cut(line, ':', &name, &rest))
            name = line;
        if (traced && is_exception(name))
            found = line;
    }
    return readable(str_trim(found));
}

/* Shells say 128 + n for a command that signal n ended. */
static int signal_of(const struct work_facts *facts)
{
    assert(facts->status >= 0);
    if (facts->signaled)
        return facts->status;
    return facts->status > 128 && facts->status <= 128 + SIGNAL_LAST ? facts->status - 128 : 0;
}

/* 126 and 127 are what shells say when there was nothing to run. */
static void judge_exit(struct arena *arena, const struct work_facts *facts, struct work_end *out)
{
    struct str said = complaint(facts->log_tail);
    struct str raised = facts->status ? exception(facts->log_tail) : (struct str){0};

    assert(!facts->signaled);
    out->kind = "exit";
    out->code = facts->status;
    out->reason = arena_printf(arena, "The command ended with exit code %d%s%.*s%s", facts->status,
                               raised.len ? ": " : "", STR_ARG(raised),
                               str_ends(raised, STR(".")) ? "" : ".");
    if (facts->status == NOT_EXECUTABLE && said.len)
        out->reason = arena_printf(arena, "The command could not be run: %.*s (exit code 126).",
                                   STR_ARG(said));
    if (facts->status != NOT_FOUND)
        return;
    out->kind = "notFound";
    out->reason = said.len ? arena_printf(arena, "The command was not found: %.*s.", STR_ARG(said))
                           : STR("A command was not found (exit code 127).");
}

/* Whose memory ended: the job's own limit, or the host. */
static struct str memory_reason(struct arena *arena, const struct work_facts *facts)
{
    assert(facts->oom_kills > 0);
    if (facts->memory_bytes <= 0)
        return STR("The command ran out of memory: the kernel ended a process of it.");
    return arena_printf(arena,
                        "The command ran out of memory: it may have %lld MiB (jobs.memory), and"
                        " the kernel ended a process of it.",
                        (long long)(facts->memory_bytes / MIB));
}

/* In the order of certainty: who was asked to stop, ran out of time or of memory is known; a
 * signal alone tells least. */
void work_judge(struct arena *arena, const struct work_facts *facts, struct work_end *out)
{
    int number = signal_of(facts);
    bool ended_well = !facts->signaled && facts->status == 0;

    assert(out);
    out->signal = number;
    out->code = facts->signaled ? 128 + number : facts->status;
    if (facts->timed_out) {
        out->kind = "timeout";
        out->reason = arena_printf(arena, "The command was ended after its time limit of %lld s.",
                                   (long long)facts->timeout_s);
    } else if (facts->asked) {
        out->kind = "canceled";
        out->reason = STR("The command was ended because somebody asked for it.");
    } else if (!ended_well && facts->oom_kills > 0) {
        out->kind = "memory";
        out->reason = memory_reason(arena, facts);
    } else if (number) {
        out->kind = "signal";
        out->reason = arena_printf(arena, "The command was ended by signal %d (%s).", number,
                                   signal_name(number));
    } else {
        judge_exit(arena, facts, out);
    }
}

/* What finish.c of the server reads, in the event as in exit.json. */
struct json *work_end_json(struct arena *arena, const struct work_end *end)
{
    struct json *record = json_object(arena);

    assert(end->kind);
    json_set_str(arena, record, "kind", str_from(end->kind));
    json_set_int(arena, record, "code", end->code);
    json_set_int(arena, record, "signal", end->signal);
    json_set_str(arena, record, "reason", end->reason);
    json_set_int(arena, record, "endedUs", clock_now_us());
    json_set_int(arena, record, "peakMemoryBytes", end->peak_memory_bytes);
    return record;
}
