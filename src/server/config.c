/* One table names every key: its type, what it may be, its default as the file shows it, and the
 * words that explain it there. Reading, the new file and the error messages are all made from it,
 * so a key cannot be read and not documented. Values are put in place by small functions, since
 * they end in members of different types. */
#include "server/config.h"

#include "base/buf.h"
#include "os/file.h"

#include <assert.h>

#define FILE_BYTES (256 * KIB)

enum value_kind { VALUE_TEXT, VALUE_NUMBER, VALUE_FLAG, VALUE_LIST };
static const char *const KIND_NAMES[] = {"a text in quotes", "a whole number", "true or false",
                                         "a list of texts in brackets"};

struct value {
    enum value_kind kind;
    struct str text;
    int64_t number;
    bool flag;
    struct str *list;
    size_t count;
};

/* Puts a value of the right kind into the configuration; false when it does not fit. */
typedef bool config_take(struct config *config, const struct value *value);

/* --- What may be set -----------------------------------------------------------------------------
 */

static bool take_listen(struct config *config, const struct value *value)
{
    config->listen = value->text;
    return true;
}

static bool take_plain(struct config *config, const struct value *value)
{
    config->plain_listen = value->text;
    return true;
}

static bool take_scoring(struct config *config, const struct value *value)
{
    config->scoring_listen = value->text;
    return true;
}

static bool take_names(struct config *config, const struct value *value)
{
    if (value->count > CONFIG_NAMES_MAX)
        return false;
    for (size_t i = 0; i < value->count; i++)
        config->names[i] = value->list[i];
    config->name_count = value->count;
    return true;
}

/* Two labels at least: the audience of tokens is made of what follows the first dot. */
static bool take_domain(struct config *config, const struct value *value)
{
    struct str head, tail;

    config->domain = value->text;
    return str_cut(value->text, '.', &head, &tail) && head.len > 0 && tail.len > 0 &&
           str_find_char(value->text, '/') < 0;
}

/* At least two, so that one slow request never stops all others. */
static bool take_workers(struct config *config, const struct value *value)
{
    config->workers = value->number;
    return value->number >= 2 && value->number <= 256;
}

static bool take_anonymous(struct config *config, const struct value *value)
{
    config->anonymous = str_eq(value->text, STR("same-user"));
    return config->anonymous || str_eq(value->text, STR("off"));
}

static bool take_addresses(struct config *config, const struct value *value)
{
    config->storage_by_host = str_eq(value->text, STR("host"));
    return config->storage_by_host || str_eq(value->text, STR("path"));
}

static bool take_users(struct config *config, const struct value *value)
{
    config->separate_users = str_eq(value->text, STR("separate"));
    return config->separate_users || str_eq(value->text, STR("same-user"));
}

static bool take_allow_same(struct config *config, const struct value *value)
{
    config->allow_same_user = value->flag;
    return true;
}

/* Below 1000 are the system's own users. */
static bool take_uid_first(struct config *config, const struct value *value)
{
    config->uid_first = value->number;
    return value->number >= 1000 && value->number <= 2000000000;
}

static bool take_memory(struct config *config, const struct value *value)
{
    config->job_memory_bytes = value->number;
    return value->number == 0 || value->number >= (int64_t)(16 * MIB);
}

static bool take_missing(struct config *config, const struct value *value)
{
    config->images_missing = str_eq(value->text, STR("fail")) ? IMAGES_FAIL : IMAGES_HOST;
    return config->images_missing == IMAGES_FAIL || str_eq(value->text, STR("host"));
}

static bool take_level(struct config *config, const struct value *value)
{
    static const char *const LEVELS[] = {"debug", "info", "warn", "error"};

    for (size_t i = 0; i < COUNT(LEVELS); i++)
        if (str_eq(value->text, str_from(LEVELS[i]))) {
            config->log_level = (enum log_level)i;
            return true;
        }
    return false;
}

struct key {
    const char *table, *name;
    enum value_kind kind;
    config_take *take;
    const char *fits;     /* what it may be */
    const char *fallback; /* as written in the file */
    const char *help;     /* lines for the file */
};

static const struct key KEYS[] = {
    {"server", "listen", VALUE_TEXT, take_listen, "HOST:PORT", "\"127.0.0.1:10443\"",
     "# TLS: every face but scoring. Port 0 picks one; run/server.json tells which.\n"},
    {"server", "plain_listen", VALUE_TEXT, take_plain, "HOST:PORT on loopback",
     "\"127.0.0.1:5000\"",
     "# HTTP on loopback, for MLflow and browsers that know no private CA.\n"},
    {"server", "scoring_listen", VALUE_TEXT, take_scoring, "HOST:PORT", "\"127.0.0.1:10444\"",
     "# TLS: the scoring port of the gateway.\n"},
    {"server", "names", VALUE_LIST, take_names, "at most 16 names", "[]",
     "# More DNS names or addresses that clients use for this server: they are put into its\n"
     "# certificate, and a request with another Host is refused.\n"},
    {"server", "domain", VALUE_TEXT, take_domain, "a domain of two or more labels",
     "\"lazurite.test\"",
     "# The domain of the cloud metadata: portal.DOMAIN, core.DOMAIN. Tokens are for\n"
     "# https://ml.azure. and what follows its first dot.\n"},
    {"server", "workers", VALUE_NUMBER, take_workers, "2 to 256", "16",
     "# Threads that answer requests.\n"},
    {"auth", "anonymous", VALUE_TEXT, take_anonymous, "\"same-user\" or \"off\"", "\"same-user\"",
     "# Who may use MLflow on the plain port without a token: processes of the folder's own user, "
     "or\n"
     "# nobody. Off as soon as a listener leaves loopback.\n"},
    {"storage", "addresses", VALUE_TEXT, take_addresses, "\"path\" or \"host\"", "\"path\"",
     "# Storage accounts as clients are told of them: by path, "
     "https://HOST/ACCOUNT.blob.core.DOMAIN/…, "
     "which\n"
     "# needs no DNS; or by host, https://ACCOUNT.blob.core.DOMAIN:PORT/…, whose names must lead "
     "here.\n"
     "# Both are answered, whichever is told.\n"},
    {"jobs", "users", VALUE_TEXT, take_users, "\"same-user\" or \"separate\"", "\"same-user\"",
     "# Jobs run as the server's user, or each attempt as a user of its own (server started as "
     "root).\n"},
    {"jobs", "uid_first", VALUE_NUMBER, take_uid_first, "1000 to 2000000000", "200000",
     "# With \"separate\": the first user id.\n"},
    {"jobs", "memory", VALUE_NUMBER, take_memory, "0, or 16777216 and more", "0",
     "# Bytes of memory that one job may use, where control groups work; 0: all there is.\n"},
    {"jobs", "allow_same_user", VALUE_FLAG, take_allow_same, "true or false", "false",
     "# Jobs as the server's user although a listener leaves loopback. Named at every start.\n"},
    {"images", "missing", VALUE_TEXT, take_missing, "\"host\" or \"fail\"", "\"host\"",
     "# An image that cannot be had: run on the host with the environment's packages, or fail.\n"},
    {"log", "level", VALUE_TEXT, take_level, "debug, info, warn or error", "\"info\"",
     "# Lines below this level are not written.\n"},
};

/* The same values stand in the file's text, which a test compares. */
struct config config_default(void)
{
    return (struct config){.listen = STR_INIT("127.0.0.1:10443"),
                           .plain_listen = STR_INIT("127.0.0.1:5000"),
                           .scoring_listen = STR_INIT("127.0.0.1:10444"),
                           .domain = STR_INIT("lazurite.test"),
                           .workers = 16,
                           .anonymous = true,
                           .uid_first = 200000,
                           .images_missing = IMAGES_HOST,
                           .log_level = LOG_INFO};
}

/* Every key commented out at its default, so the file of an old version does not pin its
 * defaults. */
struct str config_template(struct arena *arena)
{
    struct str text =
        STR("# Configuration of this Lazurite folder. A line that is commented out shows "
            "the default.\n");
    const char *table = "";

    assert(arena);
    for (size_t i = 0; i < COUNT(KEYS); i++) {
        if (!str_eq(str_from(table), str_from(KEYS[i].table))) {
            table = KEYS[i].table;
            text = arena_printf(arena, "%.*s\n[%s]\n", STR_ARG(text), table);
        }
        text = arena_printf(arena, "%.*s%s# %s = %s\n", STR_ARG(text), KEYS[i].help, KEYS[i].name,
                            KEYS[i].fallback);
    }
    return text;
}

/* --- Reading -------------------------------------------------------------------------------------
 */

struct reader {
    struct arena *arena;
    int line;
    struct str table;
};

/* Errors name the line: the file is edited by hand. */
PRINTF(3, 4)
static int wrong(const struct reader *reader, struct error *err, const char *format, ...)
{
    va_list args;

    assert(format);
    va_start(args, format);
    struct str text = arena_vprintf(reader->arena, format, args);
    va_end(args);
    return error_set(err, ERROR_INVALID, CONFIG_FILE, "%s line %d: %.*s.", CONFIG_FILE,
                     reader->line, STR_ARG(text));
}

/* What \X stands for in a text, or 0. */
static char escaped(char c)
{
    static const char FROM[] = "\"\\nrt", TO[] = "\"\\\n\r\t";
    ssize_t at = str_find_char(str_from(FROM), c);

    return at < 0 ? 0 : TO[at];
}

/* A text in double quotes (with escapes) or single ones (as it is), cut off the front of *rest. */
static int read_text(const struct reader *reader, struct str *rest, struct str *out,
                     struct error *err)
{
    char quote = rest->len > 0 ? rest->ptr[0] : 0, *to;
    size_t len = 0, i = 1;

    if (quote != '"' && quote != '\'')
        return wrong(reader, err, "expected a text in quotes");
    to = arena_new_array(reader->arena, char, rest->len + 1);
    for (; i < rest->len && rest->ptr[i] != quote; i++) {
        char c = rest->ptr[i];
        if (c == '\\' && quote == '"') {
            c = i + 1 < rest->len ? escaped(rest->ptr[++i]) : 0;
            if (!c)
                return wrong(reader, err, "unknown escape in a text");
        }
        to[len++] = c;
    }
    if (i >= rest->len)
        return wrong(reader, err, "the text is not closed by %c", quote);
    *out = (struct str){to, len};
    *rest = str_trim(str_slice(*rest, i + 1, rest->len));
    return 0;
}

/* "[\"a\", \"b\"]" on one line; a comma may end it. */
static int read_list(const struct reader *reader, struct str *rest, struct value *out,
                     struct error *err)
{
    *out = (struct value){.kind = VALUE_LIST,
                          .list = arena_new_array(reader->arena, struct str, rest->len)};
    *rest = str_trim(str_slice(*rest, 1, rest->len));
    while (!str_starts(*rest, STR("]"))) {
        if (read_text(reader, rest, &out->list[out->count++], err) < 0)
            return -1;
        if (str_starts(*rest, STR(",")))
            *rest = str_trim(str_slice(*rest, 1, rest->len));
        else if (!str_starts(*rest, STR("]")))
            return wrong(reader, err, "expected ',' or ']' in a list");
    }
    *rest = str_trim(str_slice(*rest, 1, rest->len));
    return 0;
}

/* The part of a line before its comment; used for values that are no texts. */
static struct str before_comment(struct str line)
{
    ssize_t at = str_find_char(line, '#');
    return str_trim(at < 0 ? line : str_slice(line, 0, (size_t)at));
}

/* A value is told by its first character; a comment may follow it, anything else may not. */
static int read_value(const struct reader *reader, struct str rest, struct value *out,
                      struct error *err)
{
    assert(out);
    *out = (struct value){0};
    if (str_starts(rest, STR("["))) {
        if (read_list(reader, &rest, out, err) < 0)
            return -1;
    } else if (str_starts(rest, STR("\"")) || str_starts(rest, STR("'"))) {
        out->kind = VALUE_TEXT;
        if (read_text(reader, &rest, &out->text, err) < 0)
            return -1;
    } else {
        struct str word = before_comment(rest);
        rest = STR("");
        out->kind = VALUE_FLAG;
        out->flag = str_eq(word, STR("true"));
        if (!out->flag && !str_eq(word, STR("false"))) {
            out->kind = VALUE_NUMBER;
            if (!str_to_int64(word, &out->number))
                return wrong(reader, err, "'%.*s' is no value", STR_ARG(str_slice(word, 0, 60)));
        }
    }
    if (before_comment(rest).len > 0)
        return wrong(reader, err, "there is more behind the value");
    return 0;
}

/* A key is looked up within its table; one that is not there is an error, never ignored. */
static int read_key(const struct reader *reader, struct str line, struct config *config,
                    struct error *err)
{
    struct str name, rest;
    struct value value;

    assert(config);
    if (!str_cut(line, '=', &name, &rest))
        return wrong(reader, err, "expected KEY = VALUE or [TABLE]");
    name = str_trim(name);
    for (size_t i = 0; i < COUNT(KEYS); i++) {
        const struct key *key = &KEYS[i];
        if (!str_eq(reader->table, str_from(key->table)) || !str_eq(name, str_from(key->name)))
            continue;
        if (read_value(reader, str_trim(rest), &value, err) < 0)
            return -1;
        if (value.kind != key->kind)
            return wrong(reader, err, "%s.%s must be %s", key->table, key->name,
                         KIND_NAMES[key->kind]);
        if (!key->take(config, &value))
            return wrong(reader, err, "%s.%s must be %s", key->table, key->name, key->fits);
        return 0;
    }
    return wrong(reader, err, "there is no key '%.*s' in [%.*s]", STR_ARG(str_slice(name, 0, 60)),
                 STR_ARG(reader->table));
}

/* Tables are only those that have keys. */
static int read_table(struct reader *reader, struct str line, struct error *err)
{
    struct str text = before_comment(line);

    assert(str_starts(line, STR("[")));
    if (!str_ends(text, STR("]")))
        return wrong(reader, err, "expected [TABLE]");
    struct str name = str_trim(str_slice(text, 1, text.len - 1));
    for (size_t i = 0; i < COUNT(KEYS); i++)
        if (str_eq(name, str_from(KEYS[i].table))) {
            reader->table = name;
            return 0;
        }
    return wrong(reader, err, "there is no table [%.*s]", STR_ARG(str_slice(name, 0, 60)));
}

/* Into a copy: a mistake in the last line takes nothing of the first. */
int config_read(struct arena *arena, struct str text, struct config *config, struct error *err)
{
    struct reader reader = {.arena = arena};
    struct config read = *config;
    struct str rest = text, line;

    assert(config);
    while (str_split(&rest, '\n', &line)) {
        int result = 0;
        reader.line++;
        line = str_trim(line);
        if (str_starts(line, STR("[")))
            result = read_table(&reader, line, err);
        else if (line.len > 0 && line.ptr[0] != '#')
            result = read_key(&reader, line, &read, err);
        if (result < 0)
            return -1;
    }
    *config = read;
    return 0;
}

int config_load(struct arena *arena, int dir, struct config *config, struct error *err)
{
    struct str text;

    assert(dir >= 0);
    if (!file_exists(dir, CONFIG_FILE))
        return file_write_atomic(dir, CONFIG_FILE, config_template(arena), 0600, err);
    if (file_read(arena, dir, CONFIG_FILE, FILE_BYTES, &text, err) < 0)
        return -1;
    return config_read(arena, text, config, err);
}

/* The last colon parts host and port; an IPv6 address stands in brackets, as in URLs. */
int config_address_read(struct str text, const char *target, struct config_address *out,
                        struct error *err)
{
    ssize_t colon = str_find_last(text, ':');
    struct str host = colon > 0 ? str_slice(text, 0, (size_t)colon) : STR("");
    int64_t port = -1;

    assert(out);
    if (str_starts(host, STR("[")) && str_ends(host, STR("]")))
        host = str_slice(host, 1, host.len - 1);
    else if (str_find_char(host, ':') >= 0)
        host = STR("");
    if (host.len == 0 || !str_to_int64(str_slice(text, (size_t)colon + 1, text.len), &port) ||
        port < 0 || port > UINT16_MAX)
        return error_set(err, ERROR_INVALID, target, "%s: '%.*s' is not HOST:PORT.", target,
                         STR_ARG(text));
    *out = (struct config_address){.host = host, .port = (uint16_t)port};
    return 0;
}

/* By name, not by resolving: what `localhost` means to a resolver is not ours to trust. */
bool config_is_loopback(struct str host)
{
    return str_eq_fold(host, STR("localhost")) || str_eq(host, STR("::1")) ||
           str_starts(host, STR("127."));
}
