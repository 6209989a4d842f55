/* ignore.c - .amlignore and .gitignore: which files stay at home. Rules are read from above
 * downward, and the last one that fits decides. */
#include "cli/ignore.h"

#include <assert.h>

struct rule {
    struct str pattern;
    struct str base; /* the root's path seen from the folder of the rule; "" at the root */
    bool negated, folders_only, anchored;
};

struct ignore {
    struct arena *arena;
    struct rule *rules;
    size_t count, size;
};

static const char ALWAYS[] = ".git/\n__pycache__/\n.ipynb_checkpoints/\n*.pyc\n.amlignore\n";

/* No rule: nothing is left out. */
struct ignore *ignore_new(struct arena *arena)
{
    struct ignore *ignore = arena_make(arena, struct ignore);

    assert(arena);
    ignore->arena = arena;
    ignore_add(arena, ignore, str_from(ALWAYS), STR(""));
    return ignore;
}

/* Room doubles; rules keep their order, since the last that fits wins. */
static struct rule *add_rule(struct ignore *ignore)
{
    assert(ignore->arena);
    if (ignore->count == ignore->size) {
        ignore->size = ignore->size ? ignore->size * 2 : 16;
        struct rule *larger = arena_new_array(ignore->arena, struct rule, ignore->size);
        for (size_t i = 0; i < ignore->count; i++)
            larger[i] = ignore->rules[i];
        ignore->rules = larger;
    }
    return &ignore->rules[ignore->count++];
}

/* Lines of git's form: comments, !, a slash that anchors, a slash at the end for folders. */
void ignore_add(struct arena *arena, struct ignore *ignore, struct str text, struct str base)
{
    struct str rest = text, line;

    assert(ignore);
    while (str_split(&rest, '\n', &line)) {
        struct rule rule = {.base = base};
        while (line.len && (line.ptr[line.len - 1] == '\r' ||
                            (line.ptr[line.len - 1] == ' ' && !str_ends(line, STR("\\ ")))))
            line.len--;
        if (!line.len || line.ptr[0] == '#')
            continue;
        if (line.ptr[0] == '!') {
            rule.negated = true;
            line = str_slice(line, 1, line.len);
        }
        if (str_ends(line, STR("/"))) {
            rule.folders_only = true;
            line.len--;
        }
        rule.anchored = str_find_char(line, '/') >= 0;
        if (str_starts(line, STR("/")))
            line = str_slice(line, 1, line.len);
        rule.pattern = arena_str(arena, line);
        if (line.len)
            *add_rule(ignore) = rule;
    }
}

/* [abc], [a-z], [!x]; *pattern stands after the '['. */
static bool match_class(struct str *pattern, char c)
{
    bool negated = pattern->len && (pattern->ptr[0] == '!' || pattern->ptr[0] == '^'), hit = false;
    size_t i = negated ? 1 : 0, first = i;

    for (; i < pattern->len && (pattern->ptr[i] != ']' || i == first); i++) {
        if (i + 2 < pattern->len && pattern->ptr[i + 1] == '-' && pattern->ptr[i + 2] != ']') {
            hit |= c >= pattern->ptr[i] && c <= pattern->ptr[i + 2];
            i += 2;
        } else {
            hit |= c == pattern->ptr[i];
        }
    }
    *pattern = str_slice(*pattern, i < pattern->len ? i + 1 : i, pattern->len);
    return hit != negated && c != '/';
}

/* Whether one character of the text is what stands first in *pattern, which is then cut off. */
static bool match_one(struct str *pattern, char c)
{
    char p = pattern->ptr[0];

    assert(pattern->len > 0);
    *pattern = str_slice(*pattern, 1, pattern->len);
    if (p == '?')
        return c != '/';
    if (p == '[')
        return match_class(pattern, c);
    if (p == '\\' && pattern->len) {
        p = pattern->ptr[0];
        *pattern = str_slice(*pattern, 1, pattern->len);
    }
    return p == c;
}

/* Where a star stood, and from where it may take one more character. */
struct star {
    struct str pattern, text; /* what follows the star, and what it has not taken yet */
    bool set;
};

/* Both stars of one match: "*" stays in its folder, "**" does not. */
struct stars {
    struct star near, deep;
};

/* Passes over a star at the head of the pattern and remembers it. */
static bool take_star(struct stars *stars, struct str *pattern, struct str text)
{
    bool deep = str_starts(*pattern, STR("**"));

    assert(pattern->ptr || !pattern->len);
    if (!str_starts(*pattern, STR("*")))
        return false;
    *pattern = str_slice(*pattern, deep ? 2 : 1, pattern->len);
    if (deep && str_starts(*pattern, STR("/")))
        *pattern = str_slice(*pattern, 1, pattern->len);
    if (deep)
        stars->near.set = false;
    *(deep ? &stars->deep : &stars->near) = (struct star){*pattern, text, true};
    return true;
}

/* Lets the nearest star that can take one more character; false when none can. */
static bool step_back(struct stars *stars, struct str *pattern, struct str *text)
{
    struct star *star = &stars->near;

    assert(!star->set || star->pattern.ptr || !star->pattern.len);
    if (!star->set || !star->text.len || star->text.ptr[0] == '/') {
        star->set = false;
        star = &stars->deep;
    }
    if (!star->set || !star->text.len)
        return false;
    star->text = str_slice(star->text, 1, star->text.len);
    *pattern = star->pattern;
    *text = star->text;
    return true;
}

/* Backtracks to the last star only, and to the last double star when that fails: linear patterns
 * stay cheap, and no pattern is exponential. */
bool ignore_glob(struct str pattern, struct str text)
{
    struct stars stars = {0};

    assert(pattern.ptr || !pattern.len);
    while (text.len || pattern.len) {
        if (take_star(&stars, &pattern, text))
            continue;
        if (text.len && pattern.len && match_one(&pattern, text.ptr[0])) {
            text = str_slice(text, 1, text.len);
            continue;
        }
        if (!step_back(&stars, &pattern, &text))
            return false;
    }
    return true;
}

/* A rule without a slash fits a name at any depth. */
static bool rule_matches(const struct rule *rule, struct str path, struct arena *arena)
{
    struct str seen = path;

    assert(path.len > 0);
    if (!rule->anchored) {
        ssize_t slash = str_find_last(path, '/');
        return ignore_glob(rule->pattern, str_slice(path, (size_t)(slash + 1), path.len));
    }
    if (rule->base.len)
        seen = arena_printf(arena, "%.*s/%.*s", STR_ARG(rule->base), STR_ARG(path));
    return ignore_glob(rule->pattern, seen);
}

/* The last rule that fits decides: a later line may take back an earlier one. */
bool ignore_matches(const struct ignore *ignore, struct str path, bool is_folder)
{
    bool ignored = false;

    assert(path.len > 0);
    for (size_t i = 0; i < ignore->count; i++) {
        const struct rule *rule = &ignore->rules[i];
        if ((!rule->folders_only || is_folder) && rule_matches(rule, path, ignore->arena))
            ignored = !rule->negated;
    }
    return ignored;
}
