/* parse.c - Events of the reader to JSON with places. Aliases are copied and counted, depth is
 * limited, keys stand once: no file of a mebibyte may cost more than its size suggests. */
#include "base/map.h"
#include "yaml/marks.h"

#include <assert.h>
#include <libfyaml.h>
#include <stdio.h>
#include <string.h>

struct anchor {
    struct json *value;
    bool open; /* still being built: an alias to it would contain itself */
};

/* One sequence or mapping that is open. */
struct level {
    struct json *container;
    struct anchor *anchor;
    struct str key;
    struct yaml_mark key_mark;
    bool has_key;
    struct json *merges; /* what `<<` named, applied when the mapping ends */
};

struct builder {
    struct arena *arena;
    struct yaml_marks *marks;
    struct map *anchors;
    struct level levels[YAML_DEPTH_MAX];
    size_t depth, nodes, documents;
    struct json *root;
    struct error *err;
};

/* The place goes into the target, "line:column", for whoever prints it. */
PRINTF(4, 5)
static int fail_at(struct builder *builder, enum error_code code, struct yaml_mark at,
                   const char *format, ...)
{
    char target[40], sentence[400];
    va_list args;

    va_start(args, format);
    vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    snprintf(target, sizeof target, "%u:%u", at.line, at.column);
    return error_set(builder->err, code, target, "%s", sentence);
}

/* The reader counts from zero, people from one. */
static struct yaml_mark mark_of(struct fy_token *token)
{
    const struct fy_mark *mark = token ? fy_token_start_mark(token) : NULL;

    if (!mark)
        return (struct yaml_mark){1, 1};
    return (struct yaml_mark){(unsigned)mark->line + 1, (unsigned)mark->column + 1};
}

/* Copied: the reader reuses its own memory. */
static struct str text_of(struct builder *builder, struct fy_token *token)
{
    size_t len = 0;
    const char *text = token ? fy_token_get_text(token, &len) : NULL;

    return arena_str(builder->arena, (struct str){text, text ? len : 0});
}

/* A file may name a node again and again: what it would grow to is counted, not its bytes. */
static int count_node(struct builder *builder, size_t added, struct yaml_mark at)
{
    assert(builder->arena);
    builder->nodes += added;
    if (builder->nodes > YAML_NODES_MAX)
        return fail_at(builder, ERROR_TOO_LARGE, at,
                       "The file holds more than %d values once its aliases are resolved.",
                       YAML_NODES_MAX);
    return 0;
}

/* A mapping's next scalar is a key unless one waits for its value. */
static bool wants_key(const struct builder *builder)
{
    assert(builder);
    if (!builder->depth)
        return false;
    const struct level *top = &builder->levels[builder->depth - 1];
    return json_kind(top->container) == JSON_OBJECT && !top->has_key;
}

/* Keys of the mapping itself win over merged ones, wherever the merge stands. */
static int add_merge(struct builder *builder, struct level *top, struct json *value,
                     struct yaml_mark at)
{
    bool fits = json_kind(value) == JSON_OBJECT;

    assert(top && value);
    if (json_kind(value) == JSON_ARRAY) {
        struct json_iter it = json_iter(value);
        fits = true;
        while (json_next(&it))
            fits &= json_kind(it.value) == JSON_OBJECT;
    }
    if (!fits)
        return fail_at(builder, ERROR_INVALID, at,
                       "A merge key << takes a mapping or a list of mappings.");
    if (!top->merges)
        top->merges = json_array(builder->arena);
    json_append(builder->arena, top->merges, value);
    return 0;
}

/* Hangs a finished or just opened value into what is open. */
static int place(struct builder *builder, struct json *value, struct yaml_mark at)
{
    struct yaml_mark key = at;

    if (!builder->depth) {
        builder->root = value;
        yaml_marks_add(builder->arena, builder->marks, value, at, key);
        return 0;
    }
    struct level *top = &builder->levels[builder->depth - 1];
    if (json_kind(top->container) == JSON_ARRAY) {
        json_append(builder->arena, top->container, value);
    } else {
        assert(top->has_key);
        key = top->key_mark;
        top->has_key = false;
        if (json_count(top->container) >= YAML_MEMBERS_MAX)
            return fail_at(builder, ERROR_TOO_LARGE, at, "A mapping holds more than %d keys.",
                           YAML_MEMBERS_MAX);
        json_set(builder->arena, top->container, top->key, value);
    }
    yaml_marks_add(builder->arena, builder->marks, value, at, key);
    return 0;
}

/* A key that stands twice would hide the first one: refused. */
static int take_key(struct builder *builder, struct str key, struct yaml_mark at)
{
    struct level *top = &builder->levels[builder->depth - 1];

    assert(builder->depth > 0);
    if (json_get(top->container, key)) {
        struct yaml_mark first =
            yaml_key_mark(&(struct yaml){.marks = builder->marks}, json_get(top->container, key));
        return fail_at(builder, ERROR_INVALID, at,
                       "The key '%.*s' stands here twice; first in line %u.", STR_ARG(key),
                       first.line);
    }
    top->key = key;
    top->key_mark = at;
    top->has_key = true;
    return 0;
}

/* Known by name from here on; one that is defined twice is the later one. */
static struct anchor *open_anchor(struct builder *builder, struct fy_token *token,
                                  struct json *value)
{
    assert(value);
    if (!token)
        return NULL;
    struct anchor *anchor = arena_make(builder->arena, struct anchor);
    anchor->value = value;
    anchor->open = true;
    map_set(builder->anchors, text_of(builder, token), anchor);
    return anchor;
}

/* A merge key's value is kept apart until its mapping ends, because nearer keys win. */
static bool is_merge(const struct builder *builder)
{
    if (!builder->depth)
        return false;
    const struct level *top = &builder->levels[builder->depth - 1];
    return json_kind(top->container) == JSON_OBJECT && top->has_key && str_eq(top->key, STR("<<"));
}

/* A whole value goes to the key that waits, to the list, or is the document. */
static int finish(struct builder *builder, struct json *value, struct yaml_mark at)
{
    assert(value);
    if (!is_merge(builder))
        return place(builder, value, at);
    struct level *top = &builder->levels[builder->depth - 1];
    top->has_key = false;
    yaml_marks_add(builder->arena, builder->marks, value, at, top->key_mark);
    return add_merge(builder, top, value, at);
}

/* Quoted texts stay texts; plain ones mean what the tables say. */
static int on_scalar(struct builder *builder, struct fy_event *event)
{
    struct fy_token *token = event->scalar.value;
    struct yaml_mark at = mark_of(token);
    struct str text = text_of(builder, token);
    bool plain = !token || fy_token_scalar_style(token) == FYSS_PLAIN;
    bool typed = event->scalar.tag != NULL; /* !!str and friends: taken as text */

    assert(event);
    if (count_node(builder, 1, at) < 0)
        return -1;
    if (wants_key(builder))
        return take_key(builder, text, at);
    struct json *value =
        plain && !typed ? yaml_scalar(builder->arena, text) : json_text(builder->arena, text);
    struct anchor *anchor = open_anchor(builder, event->scalar.anchor, value);
    if (anchor)
        anchor->open = false;
    return finish(builder, value, at);
}

/* Depth is limited here, before memory is. */
static int on_open(struct builder *builder, struct fy_token *token, struct fy_token *anchor,
                   struct json *container)
{
    struct yaml_mark at = mark_of(token);

    assert(container);
    if (count_node(builder, 1, at) < 0)
        return -1;
    if (wants_key(builder))
        return fail_at(builder, ERROR_INVALID, at, "A key must be text, not a list or a mapping.");
    if (builder->depth == YAML_DEPTH_MAX)
        return fail_at(builder, ERROR_TOO_LARGE, at, "The file nests deeper than %d levels.",
                       YAML_DEPTH_MAX);
    struct level level = {.container = container,
                          .anchor = open_anchor(builder, anchor, container)};
    /* The value of << is hung in when it ends. */
    if (!is_merge(builder) && place(builder, container, at) < 0)
        return -1;
    builder->levels[builder->depth++] = level;
    return 0;
}

/* Values of a subtree and its depth; stops early past the bound. */
static size_t measure(const struct json *value, size_t depth, size_t *deepest)
{
    size_t count = 1;

    if (depth > *deepest)
        *deepest = depth;
    if (json_kind(value) != JSON_ARRAY && json_kind(value) != JSON_OBJECT)
        return count;
    struct json_iter it = json_iter(value);
    while (count <= YAML_NODES_MAX && json_next(&it))
        count += measure(it.value, depth + 1, deepest);
    return count;
}

/* Marks of an alias' copies: all stand where the alias stands. */
static void mark_copies(struct builder *builder, const struct json *value, struct yaml_mark at)
{
    if (json_kind(value) != JSON_ARRAY && json_kind(value) != JSON_OBJECT)
        return;
    struct json_iter it = json_iter(value);
    while (json_next(&it)) {
        yaml_marks_add(builder->arena, builder->marks, it.value, at, at);
        mark_copies(builder, it.value, at);
    }
}

/* Takes over the members of one merged mapping that the level does not have yet. */
static int take_members(struct builder *builder, struct level *level, const struct json *from,
                        struct yaml_mark at)
{
    struct json_iter members = json_iter(from);
    size_t deepest = 0;

    while (json_next(&members)) {
        if (json_get(level->container, members.key))
            continue;
        if (json_count(level->container) >= YAML_MEMBERS_MAX)
            return fail_at(builder, ERROR_TOO_LARGE, at, "A mapping holds more than %d keys.",
                           YAML_MEMBERS_MAX);
        if (count_node(builder, measure(members.value, 1, &deepest), at) < 0)
            return -1;
        struct json *copy = json_copy(builder->arena, members.value);
        json_set(builder->arena, level->container, members.key, copy);
        yaml_marks_add(builder->arena, builder->marks, copy, at, at);
        mark_copies(builder, copy, at);
    }
    return 0;
}

/* Each merge is a mapping or a list of mappings; earlier ones win. */
static int apply_merges(struct builder *builder, struct level *level)
{
    struct json_iter merges = json_iter(level->merges);

    while (json_next(&merges)) {
        if (json_kind(merges.value) == JSON_OBJECT) {
            if (take_members(builder, level, merges.value, level->key_mark) < 0)
                return -1;
            continue;
        }
        struct json_iter list = json_iter(merges.value);
        while (json_next(&list))
            if (take_members(builder, level, list.value, level->key_mark) < 0)
                return -1;
    }
    return 0;
}

/* A level ends and its value goes to the one above. */
static int on_close(struct builder *builder)
{
    assert(builder->depth > 0);
    struct level *level = &builder->levels[--builder->depth];
    if (level->anchor)
        level->anchor->open = false;
    if (level->merges && apply_merges(builder, level) < 0)
        return -1;
    if (is_merge(builder)) {
        struct yaml_mark at = builder->levels[builder->depth - 1].key_mark;
        return finish(builder, level->container, at);
    }
    return 0;
}

/* Aliases become copies; their growth and depth are counted like text. */
static int on_alias(struct builder *builder, struct fy_event *event)
{
    struct yaml_mark at = mark_of(event->alias.anchor);
    struct str name = text_of(builder, event->alias.anchor);
    struct anchor *anchor = map_get(builder->anchors, name);
    size_t deepest = 0;

    assert(event);
    if (!anchor)
        return fail_at(builder, ERROR_INVALID, at, "No anchor '&%.*s' stands before this alias.",
                       STR_ARG(name));
    if (anchor->open)
        return fail_at(builder, ERROR_INVALID, at,
                       "The alias '*%.*s' stands inside its own anchor, which has no end.",
                       STR_ARG(name));
    if (count_node(builder, measure(anchor->value, 1, &deepest), at) < 0)
        return -1;
    if (builder->depth + deepest > YAML_DEPTH_MAX)
        return fail_at(builder, ERROR_TOO_LARGE, at, "The file nests deeper than %d levels.",
                       YAML_DEPTH_MAX);
    if (wants_key(builder)) {
        if (json_kind(anchor->value) != JSON_STRING)
            return fail_at(builder, ERROR_INVALID, at, "A key must be text.");
        return take_key(builder, json_as_str(anchor->value), at);
    }
    struct json *copy = json_copy(builder->arena, anchor->value);
    mark_copies(builder, copy, at);
    return finish(builder, copy, at);
}

/* One case an event; bounds are checked where values are made. */
static int on_event(struct builder *builder, struct fy_event *event)
{
    assert(event);
    switch (event->type) {
    case FYET_DOCUMENT_START:
        if (builder->documents++ > 0)
            return fail_at(builder, ERROR_INVALID, mark_of(event->document_start.document_start),
                           "The file holds more than one document.");
        return 0;
    case FYET_SCALAR:
        return on_scalar(builder, event);
    case FYET_ALIAS:
        return on_alias(builder, event);
    case FYET_SEQUENCE_START:
        return on_open(builder, event->sequence_start.sequence_start, event->sequence_start.anchor,
                       json_array(builder->arena));
    case FYET_MAPPING_START:
        return on_open(builder, event->mapping_start.mapping_start, event->mapping_start.anchor,
                       json_object(builder->arena));
    case FYET_SEQUENCE_END:
    case FYET_MAPPING_END:
        return on_close(builder);
    default:
        return 0;
    }
}

/* The reader's first complaint, as a sentence with its place. */
static int syntax_error(struct builder *builder, struct fy_diag *diag)
{
    void *cursor = NULL;
    struct fy_diag_error *first = fy_diag_errors_iterate(diag, &cursor);
    struct yaml_mark at = {1, 1};

    if (!first)
        return fail_at(builder, ERROR_INVALID, at, "This is not YAML.");
    if (first->line > 0)
        at = (struct yaml_mark){(unsigned)first->line,
                                first->column > 0 ? (unsigned)first->column : 1};
    return fail_at(builder, ERROR_INVALID, at, "This is not YAML: %s.", first->msg);
}

/* For CLEANUP. */
static void free_parser(struct fy_parser **parser)
{
    assert(parser);
    if (*parser)
        fy_parser_destroy(*parser);
}

/* For CLEANUP. */
static void free_diag(struct fy_diag **diag)
{
    assert(diag);
    if (*diag)
        fy_diag_destroy(*diag);
}

/* The reader's own errors are turned into ours, with their place. */
static int run_parser(struct builder *builder, struct str text)
{
    assert(builder->arena);
    /* The grammar is 1.2's, where only \n and \r end lines; what scalars mean is ours. */
    struct fy_diag_cfg diag_cfg = {.level = FYET_ERROR, .module_mask = ~0u};
    CLEANUP(free_diag) struct fy_diag *diag = fy_diag_create(&diag_cfg);
    struct fy_parse_cfg cfg = {
        .flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG | FYPCF_JSON_NONE | FYPCF_DEFAULT_VERSION_1_2 |
                 FYPCF_ALLOW_DUPLICATE_KEYS | FYPCF_DISABLE_MMAP_OPT,
        .diag = diag,
    };
    CLEANUP(free_parser) struct fy_parser *parser = diag ? fy_parser_create(&cfg) : NULL;
    struct fy_event *event;

    if (!parser)
        return error_set(builder->err, ERROR_INTERNAL, "", "No memory for a YAML reader.");
    fy_diag_set_collect_errors(diag, true);
    if (fy_parser_set_string(parser, text.ptr, text.len) < 0)
        return syntax_error(builder, diag);
    while ((event = fy_parser_parse(parser))) {
        int result = on_event(builder, event);
        fy_parser_event_free(parser, event);
        if (result < 0)
            return -1;
    }
    return fy_parser_get_stream_error(parser) ? syntax_error(builder, diag) : 0;
}

/* The bytes of one UTF-8 character by its first, 0 when none begins so. */
static size_t sequence_length(unsigned char first)
{
    if (first < 0x80)
        return 1;
    if (first < 0xC2 || first >= 0xF5)
        return 0;
    return first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
}

/* Longer spellings than needed, the halves of surrogates, and what lies past U+10FFFF. */
static bool is_forbidden(unsigned char first, unsigned char second)
{
    switch (first) {
    case 0xE0:
        return second < 0xA0;
    case 0xED:
        return second >= 0xA0;
    case 0xF0:
        return second < 0x90;
    case 0xF4:
        return second >= 0x90;
    default:
        return false;
    }
}

/* The length of the whole, allowed character at the head of the text, or 0. */
static size_t character_length(struct str text)
{
    unsigned char first = (unsigned char)text.ptr[0];
    size_t length = sequence_length(first);

    assert(text.len > 0);
    if (!length || length > text.len)
        return 0;
    if (length == 1)
        return (first >= 0x20 && first != 0x7F) || first == '\t' || first == '\n' || first == '\r';
    for (size_t i = 1; i < length; i++)
        if (((unsigned char)text.ptr[i] & 0xC0) != 0x80)
            return 0;
    return is_forbidden(first, (unsigned char)text.ptr[1]) ? 0 : length;
}

/* The reader takes bytes as they come; what is no UTF-8 text is refused before it sees them. */
static bool is_text(struct str text, struct yaml_mark *out_at)
{
    *out_at = (struct yaml_mark){1, 1};
    for (size_t i = 0; i < text.len; out_at->column++) {
        size_t length = character_length(str_slice(text, i, text.len));
        if (!length)
            return false;
        if (text.ptr[i] == '\n') {
            out_at->line++;
            out_at->column = 0;
        }
        i += length;
    }
    return true;
}

/* One document: a second one in the text is an error, not silence. */
int yaml_parse(struct arena *arena, struct str text, struct yaml *out, struct error *err)
{
    CLEANUP(map_free) struct map *anchors = map_new();
    struct builder *builder = arena_make(arena, struct builder);
    struct yaml_mark at;

    assert(arena && out);
    if (text.len > YAML_TEXT_MAX)
        return error_set(err, ERROR_TOO_LARGE, "1:1", "A YAML file may have at most %lu bytes.",
                         YAML_TEXT_MAX);
    builder->arena = arena;
    builder->marks = yaml_marks_new(arena);
    builder->anchors = anchors;
    builder->err = err;
    if (str_starts(text, STR("\xEF\xBB\xBF")))
        text = str_slice(text, 3, text.len);
    if (!is_text(text, &at))
        return fail_at(builder, ERROR_INVALID, at, "This byte is no UTF-8 text.");
    if (run_parser(builder, text) < 0)
        return -1;
    if (!builder->root)
        builder->root = json_null(arena);
    *out = (struct yaml){builder->root, builder->marks};
    return 0;
}
