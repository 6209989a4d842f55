/* Lists in pages. A token is the position of the last row shown, so a page costs the same wherever
 * it is and rows that come meanwhile neither repeat nor hide others. */
#include "arm/internal.h"

#include "http/text.h"

#include <assert.h>
#include <string.h>

/* Archived things are left out unless asked for. Schedules are switched off instead of archived;
 * their own words for it are taken as the same. */
static int read_view(struct str text, enum document_view *out, struct error *err)
{
    /* The Python client sends registries the name of its constant. */
    static const struct {
        struct str word;
        enum document_view view;
    } WORDS[] = {
        {STR_INIT(""), VIEW_ACTIVE},
        {STR_INIT("ActiveOnly"), VIEW_ACTIVE},
        {STR_INIT("EnabledOnly"), VIEW_ACTIVE},
        {STR_INIT("ListViewType.ACTIVE_ONLY"), VIEW_ACTIVE},
        {STR_INIT("ArchivedOnly"), VIEW_ARCHIVED},
        {STR_INIT("DisabledOnly"), VIEW_ARCHIVED},
        {STR_INIT("ListViewType.ARCHIVED_ONLY"), VIEW_ARCHIVED},
        {STR_INIT("All"), VIEW_ALL},
        {STR_INIT("ListViewType.ALL"), VIEW_ALL},
    };

    assert(out);
    for (size_t i = 0; i < COUNT(WORDS); i++)
        if (str_eq_fold(text, WORDS[i].word)) {
            *out = WORDS[i].view;
            return 0;
        }
    return error_set(err, ERROR_INVALID, "listViewType",
                     "listViewType is ActiveOnly, ArchivedOnly or All, not '%.*s'.", STR_ARG(text));
}

/* Services spell the same thing in several ways; without a direction a list goes up, as OData says.
 */
int arm_page_order(const struct call *call, enum document_order *out, struct error *err)
{
    static const struct {
        struct str word;
        enum document_order order;
    } WORDS[] = {
        {STR_INIT(""), ORDER_NEWEST},
        {STR_INIT("createdtime desc"), ORDER_NEWEST},
        {STR_INIT("createdtime+desc"), ORDER_NEWEST},
        {STR_INIT("CreatedTimeDesc"), ORDER_NEWEST},
        {STR_INIT("CreatedAtDesc"), ORDER_NEWEST},
        {STR_INIT("createdtime"), ORDER_OLDEST},
        {STR_INIT("createdtime asc"), ORDER_OLDEST},
        {STR_INIT("createdtime+asc"), ORDER_OLDEST},
        {STR_INIT("CreatedTimeAsc"), ORDER_OLDEST},
        {STR_INIT("CreatedAtAsc"), ORDER_OLDEST},
        {STR_INIT("modifiedtime desc"), ORDER_CHANGED_LAST},
        {STR_INIT("modifiedtime+desc"), ORDER_CHANGED_LAST},
        {STR_INIT("UpdatedAtDesc"), ORDER_CHANGED_LAST},
        {STR_INIT("modifiedtime"), ORDER_CHANGED_FIRST},
        {STR_INIT("modifiedtime asc"), ORDER_CHANGED_FIRST},
        {STR_INIT("modifiedtime+asc"), ORDER_CHANGED_FIRST},
        {STR_INIT("UpdatedAtAsc"), ORDER_CHANGED_FIRST},
    };
    struct str text = str_trim(call_query(call, "$orderBy"));

    assert(out);
    for (size_t i = 0; i < COUNT(WORDS); i++)
        if (str_eq_fold(text, WORDS[i].word)) {
            *out = WORDS[i].order;
            return 0;
        }
    return error_set(err, ERROR_NOT_IMPLEMENTED, "$orderBy",
                     "Lists are ordered by 'createdtime' or 'modifiedtime', 'asc' or 'desc'; '%.*s'"
                     " is not built yet.",
                     STR_ARG(str_slice(text, 0, 80)));
}

int arm_page_newest(enum document_order order, struct error *err)
{
    if (order == ORDER_NEWEST)
        return 0;
    return error_set(err, ERROR_NOT_IMPLEMENTED, "$orderBy",
                     "This list is ordered by 'createdtime desc' alone.");
}

/* Clients may ask for more than a page holds; they get a page. */
static int read_limit(struct str text, size_t *out, struct error *err)
{
    int64_t count = ARM_PAGE_DEFAULT;

    assert(out);
    if (text.len > 0 && (!str_to_int64(text, &count) || count < 1))
        return error_set(err, ERROR_INVALID, "$top", "$top is a number from 1 on, not '%.*s'.",
                         STR_ARG(text));
    *out = count > ARM_PAGE_MAX ? ARM_PAGE_MAX : (size_t)count;
    return 0;
}

/* "{microseconds}.{document}": the position of the last row shown. */
bool arm_page_token_read(struct str token, int64_t *out_us, int64_t *out_doc)
{
    struct str head, tail;
    int64_t us, doc;

    assert(out_us && out_doc);
    if (!str_cut(token, '.', &head, &tail) || !str_to_int64(head, &us) ||
        !str_to_int64(tail, &doc) || us < 0 || doc < 0)
        return false;
    *out_us = us;
    *out_doc = doc;
    return true;
}

struct str arm_page_token(struct arena *arena, const struct document *last,
                          enum document_order order)
{
    return arena_printf(arena, "%lld.%lld", (long long)document_position(last, order),
                        (long long)last->doc);
}

/* The first of several spellings that a client used. */
static struct str any_query(const struct call *call, const char *const *names, size_t count)
{
    struct str value = STR("");

    assert(count > 0);
    for (size_t i = 0; i < count && value.len == 0; i++)
        value = call_query(call, names[i]);
    return value;
}

/* Azure's own lists spell the same thing in several ways. */
int arm_page_read(const struct call *call, struct document_query *query, struct error *err)
{
    static const char *const SIZE[] = {"$top", "count", "pageSize", "$maxpagesize", "maxpagesize"};
    struct str skip = call_query(call, "$skip");

    assert(call && query);
    if (read_view(call_query(call, "listViewType"), &query->view, err) < 0 ||
        arm_page_order(call, &query->order, err) < 0 ||
        read_limit(any_query(call, SIZE, COUNT(SIZE)), &query->limit, err) < 0)
        return -1;
    if (skip.len > 0 && !arm_page_token_read(skip, &query->before_us, &query->before_doc))
        return error_set(err, ERROR_INVALID, "$skip",
                         "$skip is what a nextLink of ours holds, not '%.*s'.", STR_ARG(skip));
    return 0;
}

/* What the client asked stays as it wrote it; only the token is ours. */
struct str arm_page_query(struct arena *arena, struct str query, struct str token)
{
    char *kept = arena_alloc(arena, query.len + 2);
    struct str piece;
    size_t len = 0;

    assert(token.len > 0);
    while (query.len > 0 && str_split(&query, '&', &piece)) {
        if (piece.len == 0 || str_starts_fold(piece, STR("$skip=")) ||
            str_starts_fold(piece, STR("%24skip=")))
            continue;
        memcpy(kept + len, piece.ptr, piece.len);
        len += piece.len;
        kept[len++] = '&';
    }
    return arena_printf(arena, "%.*s$skip=%.*s", (int)len, kept,
                        STR_ARG(http_encode(arena, token, false)));
}
