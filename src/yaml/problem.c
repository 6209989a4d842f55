/* problem.c - What is wrong with a file, in its order, with the nearest word that would have been
 * right. */
#include "base/buf.h"
#include "yaml/schema.h"

#include <assert.h>
#include <ctype.h>
#include <stdarg.h>

/* Codes say how bad it is: a warning counts apart. */
struct yaml_problem *yaml_problem_add(struct yaml_problems *problems, struct yaml_place place,
                                      const char *code, const char *format, ...)
{
    struct yaml_problem *problem = arena_make(problems->arena, struct yaml_problem);
    va_list args;

    assert(code[0] == 'E' || code[0] == 'W');
    va_start(args, format);
    problem->message = arena_vprintf(problems->arena, format, args);
    va_end(args);
    problem->at = place.at;
    problem->path = arena_str(problems->arena, place.path);
    problem->code = code;
    problem->warning = code[0] == 'W';
    if (problem->warning)
        problems->warnings++;
    else
        problems->errors++;
    if (problems->last)
        problems->last->next = problem;
    else
        problems->first = problem;
    return problems->last = problem;
}

/* In the order of the file. */
static bool before(const struct yaml_problem *a, const struct yaml_problem *b)
{
    assert(a && b);
    if (a->at.line != b->at.line)
        return a->at.line < b->at.line;
    return a->at.column < b->at.column;
}

/* Insertion keeps the order of equals; a file has a handful of problems, its warnings included. */
void yaml_problems_sort(struct yaml_problems *problems)
{
    struct yaml_problem *rest = problems->first, *sorted = NULL;

    while (rest) {
        struct yaml_problem *one = rest, **link = &sorted;
        rest = rest->next;
        while (*link && !before(one, *link))
            link = &(*link)->next;
        one->next = *link;
        *link = one;
    }
    problems->first = problems->last = sorted;
    while (problems->last && problems->last->next)
        problems->last = problems->last->next;
}

/* As compilers print them, so that editors can jump there. */
struct str yaml_problems_text(const struct yaml_problems *problems, struct str file)
{
    CLEANUP(buf_free) struct buf out = buf_make(16 * MIB);

    assert(problems->arena);
    for (const struct yaml_problem *one = problems->first; one; one = one->next) {
        struct str where = arena_printf(problems->arena, "%.*s:%u:%u", STR_ARG(file), one->at.line,
                                        one->at.column);
        buf_printf(&out, "%.*s  %s  %s  %.*s\n", STR_ARG(where), one->warning ? "warn " : "error",
                   one->code, STR_ARG(one->message));
        if (one->fix.len)
            buf_printf(&out, "%*s  fix: %.*s\n", (int)where.len + 13, "", STR_ARG(one->fix));
    }
    return arena_str(problems->arena, buf_str(&out));
}

/* Case and underscores do not matter: azure_blob is AzureBlob. */
bool yaml_word_eq(struct str a, struct str b)
{
    size_t i = 0, k = 0;

    assert(a.ptr || !a.len);
    for (;;) {
        while (i < a.len && a.ptr[i] == '_')
            i++;
        while (k < b.len && b.ptr[k] == '_')
            k++;
        if (i == a.len || k == b.len)
            return i == a.len && k == b.len;
        if (tolower((unsigned char)a.ptr[i++]) != tolower((unsigned char)b.ptr[k++]))
            return false;
    }
}

/* Edits from a to b: insert, remove, change, swap of neighbours. Words longer than 40 are far. */
static size_t distance(struct str a, struct str b)
{
    size_t rows[3][42];

    if (a.len > 40 || b.len > 40)
        return 99;
    for (size_t k = 0; k <= b.len; k++)
        rows[0][k] = k;
    for (size_t i = 1; i <= a.len; i++) {
        size_t *now = rows[i % 3], *last = rows[(i + 2) % 3], *older = rows[(i + 1) % 3];
        now[0] = i;
        for (size_t k = 1; k <= b.len; k++) {
            char x = (char)tolower((unsigned char)a.ptr[i - 1]);
            char y = (char)tolower((unsigned char)b.ptr[k - 1]);
            size_t best = last[k - 1] + (x != y);
            best = last[k] + 1 < best ? last[k] + 1 : best;
            best = now[k - 1] + 1 < best ? now[k - 1] + 1 : best;
            if (i > 1 && k > 1 && a.ptr[i - 1] == b.ptr[k - 2] && a.ptr[i - 2] == b.ptr[k - 1] &&
                older[k - 2] + 1 < best)
                best = older[k - 2] + 1;
            now[k] = best;
        }
    }
    return rows[a.len % 3][b.len];
}

/* Nothing is offered that differs in more than a third of the word and a slip. */
struct str yaml_nearest(struct str word, const struct str *words, size_t count)
{
    struct str best = {0};
    size_t least = word.len / 3 + 2;

    assert(words || !count);
    for (size_t i = 0; i < count; i++) {
        size_t edits = yaml_word_eq(word, words[i]) ? 0 : distance(word, words[i]);
        /* conda for conda_file: a beginning is as near as one slip. */
        if (word.len > 2 && edits > 1 && str_starts(words[i], word))
            edits = 1;
        if (edits < least) {
            least = edits;
            best = words[i];
        }
    }
    return best;
}
