/* What a log line looks like, read back from a pipe that stands in for standard error. */
#include "base/log.h"
#include "base/test.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static char said[32 * KIB];

/* Runs `speak` with standard error led into `said`; the count of bytes. */
static size_t overheard(void (*speak)(void))
{
    int ends[2], before = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10);
    size_t len = 0;

    CHECK_INT(0, pipe2(ends, O_CLOEXEC));
    CHECK(fcntl(ends[1], F_SETPIPE_SZ, 64 * KIB) > 0); /* nobody reads meanwhile */
    CHECK_INT(STDERR_FILENO, dup2(ends[1], STDERR_FILENO));
    close(ends[1]);
    speak();
    CHECK_INT(STDERR_FILENO, dup2(before, STDERR_FILENO));
    close(before);
    for (ssize_t got; (got = read(ends[0], said + len, sizeof(said) - 1 - len)) > 0;)
        len += (size_t)got;
    close(ends[0]);
    said[len] = '\0';
    return len;
}

static void speak_fields(void)
{
    LOG(LOG_INFO, "job.started", LOG_TEXT("job", "calm_owl"), LOG_INT("pid", -12),
        LOG_DOUBLE("load", 0.25), LOG_HIDDEN("key"), LOG_STR("none", ((struct str){NULL, 0})));
}

TEST(a_line_has_time_level_event_and_fields)
{
    overheard(speak_fields);
    CHECK_INT('T', said[10]);
    CHECK_INT('.', said[19]);
    CHECK_STR("Z info job.started job=calm_owl pid=-12 load=0.25 key=*** none=\"\"\n",
              str_from(said + 23));
}

static void speak_forged(void)
{
    LOG(LOG_WARN, "x", LOG_TEXT("name", "a\n2026 error forged \"b\" \x1b[31m\x7f\\"));
}

TEST(a_value_cannot_make_a_line_of_its_own)
{
    size_t len = overheard(speak_forged);

    CHECK(memchr(said, '\n', len) == said + len - 1);
    CHECK_STR(" name=\"a\\x0a2026 error forged \\\"b\\\" \\x1b[31m\\x7f\\\\\"\n",
              str_from(strstr(said, " name=")));
}

static char long_text[3000];

static void speak_long(void)
{
    memset(long_text, 'v', sizeof(long_text) - 1);
    LOG(LOG_ERROR, "x", LOG_TEXT("a", long_text), LOG_TEXT("b", long_text),
        LOG_TEXT("c", long_text), LOG_TEXT("d", long_text), LOG_TEXT("e", long_text),
        LOG_TEXT("f", long_text), LOG_TEXT("g", long_text), LOG_TEXT("h", long_text),
        LOG_TEXT("i", long_text));
}

TEST(a_line_is_cut_but_ends)
{
    size_t len = overheard(speak_long);

    CHECK(len <= 8 * KIB && len > 7 * KIB);
    CHECK(memchr(said, '\n', len) == said + len - 1);
    CHECK_INT(1024, strspn(strstr(said, " a=") + 3, "v")); /* no field takes the whole line */
}

static void speak_quietly(void)
{
    struct error err = {0};

    log_set_level(LOG_ERROR);
    LOG(LOG_DEBUG, "no");
    LOG(LOG_WARN, "no");
    error_set(&err, ERROR_NOT_FOUND, "a/b", "It is gone.");
    log_error("yes", &err);
    log_set_level(LOG_INFO);
    LOG(LOG_DEBUG, "no");
}

TEST(below_the_level_nothing_is_said)
{
    overheard(speak_quietly);
    CHECK_STR("Z error yes code=\"not found\" target=a/b message=\"It is gone.\"\n",
              str_from(said + 23));
}
