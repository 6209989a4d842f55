/* document.c - A file as a command sees it: text, then flags over it, then --set, then the check
 * against its kind. Errors that the server finds later are led back to the line they came from. */
#include "cli/document.h"
#include "base/buf.h"
#include "cli/arguments.h"
#include "cli/edit.h"
#include "cli/fields.h"
#include "os/file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* At most what a file may have, and one byte more to know that it is too long. */
static int read_stdin(struct cli *cli, struct str *out, struct error *err)
{
    char *text = arena_alloc(cli->arena, YAML_TEXT_MAX + 1);
    ssize_t got = fd_read_all(STDIN_FILENO, text, YAML_TEXT_MAX + 1, err);

    if (got < 0)
        return -1;
    *out = (struct str){text, (size_t)got};
    return 0;
}

/* A pipe is read like a file: `<(…)` of a shell is one. */
static int read_file(struct cli *cli, struct str path, struct str *out, struct error *err)
{
    char *cpath = arena_cstr(cli->arena, path);
    CLEANUP(fd_close) int fd = open(cpath, O_RDONLY | O_CLOEXEC);
    struct stat status;

    if (fd < 0 || fstat(fd, &status) < 0) {
        error_errno(err, errno, "The file '%s' cannot be read", cpath);
        return error_hint(err, "Paths begin at the current folder.");
    }
    if (!S_ISREG(status.st_mode) && !S_ISFIFO(status.st_mode) && !S_ISCHR(status.st_mode))
        return error_set(err, ERROR_INVALID, cpath, "This is no file.");
    char *text = arena_alloc(cli->arena, YAML_TEXT_MAX + 1);
    ssize_t got = fd_read_all(fd, text, YAML_TEXT_MAX + 1, err);
    if (got < 0)
        return -1;
    *out = (struct str){text, (size_t)got};
    return 0;
}

/* Paths in a file begin at the file, wherever the command was called. */
static struct str folder_of(struct cli *cli, struct str path)
{
    ssize_t slash = str_find_last(path, '/');

    if (slash < 0)
        return STR(".");
    return arena_str(cli->arena, str_slice(path, 0, slash ? (size_t)slash : 1));
}

/* A reader's error as a problem of the file, so that all look alike. */
static void syntax_problem(struct document *document, const struct error *err)
{
    struct yaml_place place = {{1, 1}, STR("")};
    struct str line, column;
    int64_t number;

    assert(err->message[0]);
    if (str_cut(str_from(err->target), ':', &line, &column)) {
        if (str_to_int64(line, &number))
            place.at.line = (unsigned)number;
        if (str_to_int64(column, &number))
            place.at.column = (unsigned)number;
    }
    yaml_problem_add(&document->problems, place, "E1001", "%s", err->message);
}

/* Text of a file to values; what is no YAML is told as a problem of the file. */
static int parse_text(struct cli *cli, struct document *document, struct str text,
                      struct error *err)
{
    assert(document->file.len > 0);
    if (yaml_parse(cli->arena, text, &document->yaml, err) == 0)
        return 0;
    syntax_problem(document, err);
    return document_report(cli, document, err);
}

/* No file is an empty mapping: flags alone can describe small things. */
static int read_text(struct cli *cli, struct document *document, struct error *err)
{
    struct str path = cli_text(cli, "file"), text;

    assert(document->problems.arena);
    if (!cli_has(cli, "file")) {
        document->file = STR("<command line>");
        document->folder = STR(".");
        document->yaml.root = json_object(cli->arena);
        return 0;
    }
    bool is_stdin = str_eq(path, STR("-"));
    document->file = is_stdin ? STR("<stdin>") : path;
    document->folder = is_stdin ? STR(".") : folder_of(cli, path);
    if ((is_stdin ? read_stdin(cli, &text, err) : read_file(cli, path, &text, err)) < 0)
        return -1;
    return parse_text(cli, document, text, err);
}

/* Paths in it begin at its own folder, as they would if it had been given itself. */
int document_open(const struct document *from, struct str path, const char *kind,
                  struct document *out, struct error *err)
{
    struct cli *cli = from->cli;
    struct str text, file = document_path(cli, from, path);

    assert(kind);
    *out = (struct document){.cli = cli, .problems = {.arena = cli->arena}, .file = file};
    out->folder = folder_of(cli, file);
    out->kind = yaml_kind_find(str_from(kind));
    if (read_file(cli, file, &text, err) < 0 || parse_text(cli, out, text, err) < 0)
        return -1;
    if (json_kind(out->yaml.root) == JSON_OBJECT)
        return 0;
    yaml_problem_add(&out->problems, document_place(out, ""), "E1103", "the file holds no mapping");
    return document_report(cli, out, err);
}

/* What a flag says, as a value: a switch is true, a list of words an array of texts. */
static struct json *flag_value(struct cli *cli, const char *flag)
{
    const struct cli_flag *row = arguments_find(cli->arguments.command, str_from(flag), 0);
    const struct cli_given *words = cli_words(cli, flag);

    assert(row);
    if (row->takes == CLI_SWITCH)
        return json_bool(cli->arena, true);
    if (row->takes != CLI_LIST)
        return json_text(cli->arena, cli_text(cli, flag));
    struct json *list = json_array(cli->arena);
    for (size_t i = 0; i < words->count; i++)
        json_append(cli->arena, list, json_text(cli->arena, words->values[i]));
    return list;
}

/* A flag of the command line wins over the file: it came later. "FLAG=PATH" puts it elsewhere than
 * under its own name. */
static int take_flag(struct cli *cli, struct json *root, const char *rule, struct error *err)
{
    struct str flag = str_from(rule), path = {0};

    assert(rule[0]);
    if (!str_cut(str_from(rule), '=', &flag, &path)) {
        char *key = arena_cstr(cli->arena, flag);
        for (char *c = key; *c; c++)
            *c = *c == '-' ? '_' : *c;
        path = str_from(key);
    }
    char *name = arena_cstr(cli->arena, flag);
    if (!cli_has(cli, name))
        return 0;
    return json_put(cli->arena, root, arena_cstr(cli->arena, path), flag_value(cli, name), err);
}

/* Tags of the line join those that are there; an empty value takes one away. */
static int take_tags(struct cli *cli, struct json *root, struct error *err)
{
    struct json *given, *tags = json_get(root, STR("tags"));

    if (!cli_has(cli, "tags"))
        return 0;
    if (document_pairs(cli, "tags", &given, err) < 0)
        return -1;
    if (json_kind(tags) != JSON_OBJECT) {
        tags = json_object(cli->arena);
        json_set(cli->arena, root, STR("tags"), tags);
    }
    struct json_iter it = json_iter(given);
    while (json_next(&it)) {
        json_remove(tags, it.key);
        if (json_as_str(it.value).len)
            json_set(cli->arena, tags, it.key, json_copy(cli->arena, it.value));
    }
    return 0;
}

/* One order for files and for updates: keys first, then tags, so that --tags adds to what a file
 * has. */
int document_flags(struct cli *cli, struct json *root, const char *const *flags, struct error *err)
{
    assert(json_kind(root) == JSON_OBJECT);
    for (; flags && *flags; flags++)
        if (take_flag(cli, root, *flags, err) < 0)
            return -1;
    return take_tags(cli, root, err);
}

/* Both `--tags a=1 b=2` and `--tags "a=1 b=2"` are typed, and az takes both. */
int document_pairs(struct cli *cli, const char *flag, struct json **out, struct error *err)
{
    const struct cli_given *words = cli_words(cli, flag);
    struct json *map = json_object(cli->arena);
    struct str key, value, rest, word;

    assert(flag[0]);
    for (size_t i = 0; i < words->count; i++) {
        rest = words->values[i];
        /* --traffic "a=90 b=10" is one word with two pairs. */
        while (str_split(&rest, ' ', &word)) {
            if (!word.len)
                continue;
            if (!str_cut(word, '=', &key, &value) || !key.len)
                return error_set(err, ERROR_INVALID, "", "--%s wants KEY=VALUE, not '%.*s'.", flag,
                                 STR_ARG(word));
            json_set(cli->arena, map, key, json_text(cli->arena, value));
        }
    }
    *out = map;
    return 0;
}

/* Keys by name, tags, then --set in the order it was given. */
static int apply_flags(struct cli *cli, struct document *document, const char *const *flags,
                       struct error *err)
{
    const struct cli_given *sets = cli_words(cli, "set");

    assert(document->yaml.root);
    if (document_flags(cli, document->yaml.root, flags, err) < 0)
        return -1;
    for (size_t i = 0; i < sets->count; i++)
        if (edit_set(cli->arena, document->yaml.root, sets->values[i], cli_has(cli, "force-string"),
                     err) < 0) {
            cli->usage = true;
            return -1;
        }
    return 0;
}

/* The kind by the family's key, or a problem. */
static void choose_kind(struct document *document, const struct document_family *family)
{
    const char *const *words = family->words;
    const struct json *value =
        family->key ? json_get(document->yaml.root, str_from(family->key)) : NULL;
    struct str text = json_as_str(value), known[16];
    size_t count = 0;

    document->kind = yaml_kind_find(str_from(words[1]));
    assert(document->kind);
    for (const char *const *one = words; family->by_presence && one[0]; one += 2)
        if (json_get(document->yaml.root, str_from(one[0])))
            document->kind = yaml_kind_find(str_from(one[1]));
    if (json_kind(value) != JSON_STRING)
        return;
    for (; words[0]; words += 2) {
        known[count++] = str_from(words[0]);
        if (yaml_word_eq(text, str_from(words[0]))) {
            document->kind = yaml_kind_find(str_from(words[1]));
            return;
        }
    }
    for (const char *const *later = family->later; later && *later; later++)
        if (yaml_word_eq(text, str_from(*later))) {
            yaml_problem_add(&document->problems, document_place(document, family->key), "E1002",
                             "%s type '%.*s' is not built yet; nothing of it runs", family->name,
                             STR_ARG(text));
            document->kind = NULL;
            return;
        }
    struct yaml_problem *problem =
        yaml_problem_add(&document->problems, document_place(document, family->key), "E1002",
                         "there is no %s type '%.*s'", family->name, STR_ARG(text));
    problem->fix = yaml_nearest(text, known, count);
    document->kind = NULL;
}

/* The kind is known at the end: until then only what every file has is looked at. */
int document_read(struct cli *cli, const struct document_family *family, const char *const *flags,
                  struct document *out, struct error *err)
{
    assert(family->words && family->words[0]);
    *out = (struct document){.cli = cli, .problems = {.arena = cli->arena}};
    if (read_text(cli, out, err) < 0)
        return -1;
    if (json_kind(out->yaml.root) != JSON_OBJECT) {
        yaml_problem_add(&out->problems, document_place(out, ""), "E1103",
                         "the file holds no mapping; expected the keys of a %s", family->name);
        return document_report(cli, out, err);
    }
    if (apply_flags(cli, out, flags, err) < 0)
        return -1;
    choose_kind(out, family);
    return out->kind ? 0 : document_report(cli, out, err);
}

/* Keys whose engine is not built yet and that are harmless when ignored (decisions 34). */
struct ignored_row {
    const char *kind, *path, *why;
};

static const struct ignored_row IGNORED[] = {
    {"managedOnlineDeployment", "data_collector", "requests and replies are not collected yet"},
    {"managedOnlineDeployment", "app_insights_enabled", "request telemetry is not kept yet"},
    {"managedOnlineDeployment", "egress_public_network_access",
     "replicas keep the network of this host"},
    {"managedOnlineDeployment", "scale_settings", "instance_count decides"},
    {"managedOnlineEndpoint", "mirror_traffic", "requests are not mirrored yet"},
    {"commandJob", "queue_settings", "all jobs have one queue"},
    {"amlCompute", "ssh_settings", "nodes are this host"},
    {"amlCompute", "network_settings", "nodes are this host"},
};

/* What is harmless to leave out is left out, but never without a word. */
static void warn_ignored(struct document *document)
{
    assert(document->kind);
    for (size_t i = 0; i < COUNT(IGNORED); i++) {
        const struct json *value = json_at(document->yaml.root, IGNORED[i].path);
        bool off = json_kind(value) == JSON_BOOL && !json_as_bool(value, true);
        if (json_is_null(value) || off || strcmp(IGNORED[i].kind, document->kind->name) != 0)
            continue;
        struct yaml_place place = {yaml_key_mark(&document->yaml, value),
                                   str_from(IGNORED[i].path)};
        yaml_problem_add(&document->problems, place, "W2201",
                         "'%s' is stored and has no effect: %s", IGNORED[i].path, IGNORED[i].why);
    }
}

/* Once, before the first request: what is wrong in a file is told in one go. */
void document_check(struct cli *cli, struct document *document)
{
    assert(document->kind);
    yaml_check(&document->yaml, document->kind, &document->problems);
    if (!strcmp(document->kind->name, "commandJob"))
        yaml_check_command(&document->yaml, &document->problems);
    warn_ignored(document);
}

/* The findings as data, for --error-format json. */
static struct json *problems_json(struct cli *cli, const struct document *document)
{
    struct json *all = json_array(cli->arena);

    for (const struct yaml_problem *one = document->problems.first; one; one = one->next) {
        struct json *row = json_object(cli->arena);
        json_set_str(cli->arena, row, "file", document->file);
        json_set_int(cli->arena, row, "line", one->at.line);
        json_set_int(cli->arena, row, "column", one->at.column);
        json_set_str(cli->arena, row, "code", str_from(one->code));
        json_set_str(cli->arena, row, "message", one->message);
        json_set_str(cli->arena, row, "fix", one->fix);
        json_append(cli->arena, all, row);
    }
    return all;
}

/* Whether all that is wrong is that something named is not there: that has an exit code of its own.
 */
static bool only_missing(const struct yaml_problems *problems)
{
    bool missing = problems->errors > 0;

    for (const struct yaml_problem *one = problems->first; one; one = one->next)
        missing &= one->warning || !strcmp(one->code, "E1203");
    return missing;
}

/* All at once: a person mends a file in one go, not in ten. */
int document_report(struct cli *cli, struct document *document, struct error *err)
{
    struct yaml_problems *problems = &document->problems;
    struct str text;

    assert(document);
    yaml_problems_sort(problems);
    if (cli->json_errors && problems->first)
        text = arena_printf(cli->arena, "%.*s\n",
                            STR_ARG(json_write(cli->arena, problems_json(cli, document))));
    else
        text = yaml_problems_text(problems, document->file);
    if (!cli->quiet || problems->errors)
        fwrite(text.ptr ? text.ptr : "", 1, text.len, stderr);
    size_t errors = problems->errors;
    if (only_missing(problems))
        cli->missing = true;
    problems->first = problems->last = NULL;
    problems->warnings = 0;
    if (!errors)
        return 0;
    cli->wire_code = STR("ValidationError");
    return error_set(err, ERROR_INVALID, arena_cstr(cli->arena, str_slice(document->file, 0, 120)),
                     "%zu problem%s; nothing was sent.", errors, errors == 1 ? "" : "s");
}

/* Steps end at dots; one in braces is a name that has dots itself. */
struct json *document_at(const struct document *document, const char *path)
{
    struct str rest = str_from(path);
    struct json *at = document->yaml.root;

    assert(path);
    if (!strchr(path, '{'))
        return json_at(at, path);
    while (at && rest.len) {
        bool braced = rest.ptr[0] == '{';
        ssize_t end = str_find_char(rest, braced ? '}' : '.');
        size_t len = end < 0 ? rest.len : (size_t)end;
        at = json_get(at, str_slice(rest, braced ? 1 : 0, len));
        rest = str_slice(rest, braced ? len + 1 : len, rest.len);
        rest = str_slice(rest, str_starts(rest, STR(".")) ? 1 : 0, rest.len);
    }
    return at;
}

/* The nearest thing that stands in the file: a missing key is told at its mapping. */
struct yaml_place document_place(const struct document *document, const char *path)
{
    const struct json *value = document_at(document, path);
    struct yaml_place place = {yaml_mark(&document->yaml, value), str_from(path)};

    assert(path);
    if (!place.at.line)
        place.at = yaml_mark(&document->yaml, document->yaml.root);
    if (!place.at.line)
        place.at = (struct yaml_mark){1, 1};
    return place;
}

/* Members of the wire whose key in a file has another name. */
struct other_name {
    struct str rest, yaml;
};

static const struct other_name OTHER_NAMES[] = {
    {STR_INIT("computeId"), STR_INIT("compute")},
    {STR_INIT("codeId"), STR_INIT("code")},
    {STR_INIT("environmentId"), STR_INIT("environment")},
    {STR_INIT("dataUri"), STR_INIT("path")},
    {STR_INIT("modelUri"), STR_INIT("path")},
    {STR_INIT("uri"), STR_INIT("path")},
    {STR_INIT("dataType"), STR_INIT("type")},
    {STR_INIT("modelType"), STR_INIT("type")},
    {STR_INIT("jobInputType"), STR_INIT("type")},
    {STR_INIT("jobOutputType"), STR_INIT("type")},
    {STR_INIT("requestTimeout"), STR_INIT("request_timeout_ms")},
};

/* The server speaks of properties, the person wrote keys. */
int document_blame(struct cli *cli, const struct document *document, struct error *err)
{
    struct str rest = str_from(err->target), piece, path = STR("");

    assert(err->code != ERROR_NONE);
    if (!str_starts(rest, STR("properties.")))
        return -1;
    rest = arena_str(cli->arena, str_slice(rest, 11, rest.len));
    while (str_split(&rest, '.', &piece)) {
        struct str key = fields_snake(cli->arena, piece);
        for (size_t i = 0; i < COUNT(OTHER_NAMES); i++)
            if (str_eq(piece, OTHER_NAMES[i].rest))
                key = OTHER_NAMES[i].yaml;
        struct str longer = arena_printf(cli->arena, "%.*s%s%.*s", STR_ARG(path),
                                         path.len ? "." : "", STR_ARG(key));
        /* A member that the file does not have was made from its nearest parent. */
        if (!json_at(document->yaml.root, longer.ptr))
            break;
        path = longer;
    }
    const struct json *value = path.len ? json_at(document->yaml.root, path.ptr) : NULL;
    struct yaml_mark at = yaml_key_mark(&document->yaml, value);
    if (at.line)
        snprintf(err->target, sizeof err->target, "%.*s:%u:%u",
                 STR_ARG(str_slice(document->file, 0, 90)), at.line, at.column);
    return -1;
}

/* Where the file stands, not where the command was called: a file can be moved with what it
 * names. */
struct str document_path(struct cli *cli, const struct document *document, struct str path)
{
    assert(document->folder.len > 0);
    if (str_starts(path, STR("file://")))
        path = str_slice(path, 7, path.len);
    else if (str_starts(path, STR("file:")))
        path = str_slice(path, 5, path.len);
    if (str_starts(path, STR("/")) || str_eq(document->folder, STR(".")))
        return arena_str(cli->arena, path);
    return arena_printf(cli->arena, "%.*s/%.*s", STR_ARG(document->folder), STR_ARG(path));
}
