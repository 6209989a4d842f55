/* The tree has a node per piece of a template. At each node literal pieces are tried first, then
 * pieces that mix text and parameters, then plain parameters, then a rest. The first node that ends
 * the path and has rows on the caller's listener decides; if its rows lack the method, that is the
 * answer (405), so a wide row of one face never takes what another face knows. */
#include "route/route.h"

#include "base/buf.h"
#include "http/text.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* The longest template has half as many. */
#define ROUTE_PIECES_MAX 48
#define ROUTE_NAME_BYTES 4096

/* In the order in which they are tried: the most particular first. */
enum node_kind { NODE_LITERAL, NODE_FOLDED, NODE_MIXED, NODE_PARAM, NODE_REST };

/* Several at one node: one for each verb and listener. */
struct row {
    const struct route *route;
    void *face;
    struct row *next;
};

/* A piece of the templates that begin alike. */
struct node {
    enum node_kind kind;
    struct str text;    /* the piece of the template */
    struct node *first; /* children, most particular first */
    struct node *next;  /* sibling */
    struct row *rows;
    struct row *any; /* a row at or beneath this node: its face speaks for refusals */
};

/* Never changes after it is made, so any thread may look. */
struct router {
    struct arena *arena;
    struct node root;
};

/* --- Building ------------------------------------------------------------------------------------
 */

/* Names the row: it is somebody's new line that is wrong. */
static int row_error(const struct route *route, const char *what, struct error *err)
{
    assert(what);
    return error_set(err, ERROR_INVALID, route->path ? route->path : "", "The route %s %s %s.",
                     route->method ? route->method : "?", route->path ? route->path : "?", what);
}

/* Methods no row may have (TRACE, CONNECT, OPTIONS) are not in the list and never match. */
static bool method_known(const char *method)
{
    static const char *const METHODS[] = {"GET", "HEAD", "PUT", "POST", "PATCH", "DELETE"};

    for (size_t i = 0; method && i < COUNT(METHODS); i++)
        if (strcmp(method, METHODS[i]) == 0)
            return true;
    return false;
}

/* How often. */
static size_t count_char(struct str s, char c)
{
    size_t count = 0;

    for (size_t i = 0; i < s.len; i++)
        count += s.ptr[i] == c;
    return count;
}

/* What a row asks of its caller (security.md rule 1: a permission is written, never a default). */
static const char *check_permission(const struct route *route)
{
    assert(route);
    if (route->permit < PERMIT_PUBLIC || route->permit > PERMIT_ACTION)
        return "has no permission";
    if (route->permit == PERMIT_ACTION && !route->action && !(route->flags & ROUTE_FOLD))
        return "has no action";
    if ((route->flags & ROUTE_LOCAL_USER) && !(route->listeners & LISTEN_PLAIN))
        return "is for the local user but not on the plain listener";
    return NULL;
}

/* Where it is carried, and how its body comes. */
static const char *check_carriage(const struct route *route)
{
    assert(route->run && route->refuse);
    if (!(route->listeners & LISTEN_ALL) || (route->listeners & ~(unsigned)LISTEN_ALL))
        return "has no listener";
    if ((route->flags & ROUTE_STREAM_IN) && (!route->open || (route->flags & ROUTE_ON_LOOP)))
        return "takes a stream but cannot open a sink";
    return NULL;
}

/* Everything a row must say before anything is served. */
static int check_row(const struct route *route, struct error *err)
{
    const char *wrong = NULL;

    assert(route);
    if (!method_known(route->method))
        wrong = "has no known method";
    else if (!route->path || route->path[0] != '/')
        wrong = "has no path that begins with '/'";
    else if (!route->run || !route->refuse)
        wrong = "has no handler or no refusal";
    else if (count_char(str_from(route->path), '{') > ROUTE_PARAMS_MAX)
        wrong = "has too many parameters";
    else if (!(wrong = check_permission(route)))
        wrong = check_carriage(route);
    return wrong ? row_error(route, wrong, err) : 0;
}

/* "{path*}" */
static bool is_rest(struct str piece)
{
    return str_starts(piece, STR("{")) && str_ends(piece, STR("*}"));
}

/* Whether braces come in pairs, one parameter never right after another: "{a}{b}" could be cut in
 * many ways. *out_params is how many there are. */
static bool piece_braces(struct str piece, size_t *out_params)
{
    bool open = false, adjacent = false;
    size_t params = 0;

    assert(out_params);
    for (size_t i = 0; i < piece.len; i++) {
        char c = piece.ptr[i];
        if ((c == '{' && (open || adjacent)) || (c == '}' && !open))
            return false;
        adjacent = c == '}';
        if (c == '{' || adjacent)
            open = !adjacent;
        params += c == '{';
    }
    *out_params = params;
    return !open;
}

/* How a piece of a template matches; whether it is well-formed. */
static bool piece_kind(struct str piece, bool fold, enum node_kind *out)
{
    size_t params;

    assert(out);
    if (!piece.len || !piece_braces(piece, &params))
        return false;
    bool whole = params == 1 && piece.ptr[0] == '{' && piece.ptr[piece.len - 1] == '}';
    if (params == 0)
        *out = fold ? NODE_FOLDED : NODE_LITERAL;
    else if (!whole)
        *out = NODE_MIXED;
    else
        *out = is_rest(piece) ? NODE_REST : NODE_PARAM;
    return !whole || piece.len > 2; /* "{}" has no name */
}

/* Whether two pieces of a kind match the same texts: the names of parameters do not count. */
static bool same_shape(enum node_kind kind, struct str a, struct str b)
{
    size_t i = 0, j = 0;

    assert(a.len > 0 && b.len > 0);
    if (kind == NODE_PARAM || kind == NODE_REST)
        return true;
    if (kind == NODE_FOLDED)
        return str_eq_fold(a, b);
    if (kind == NODE_LITERAL)
        return str_eq(a, b);
    for (; i < a.len && j < b.len && a.ptr[i] == b.ptr[j]; i++, j++) {
        if (a.ptr[i] != '{')
            continue;
        while (a.ptr[i] != '}')
            i++;
        while (b.ptr[j] != '}')
            j++;
    }
    return i == a.len && j == b.len;
}

/* The child for a piece; made when missing, in order of kind, longer mixed pieces first. */
static struct node *child_for(struct router *router, struct node *parent, enum node_kind kind,
                              struct str piece)
{
    struct node **at = &parent->first;

    assert(kind <= NODE_REST);
    for (struct node *child = parent->first; child; child = child->next)
        if (child->kind == kind && same_shape(kind, child->text, piece))
            return child;
    while (*at && ((*at)->kind < kind ||
                   ((*at)->kind == kind && kind == NODE_MIXED && (*at)->text.len >= piece.len)))
        at = &(*at)->next;
    struct node *made = arena_make(router->arena, struct node);
    made->kind = kind;
    made->text = piece;
    made->next = *at;
    *at = made;
    return made;
}

/* Walks the row's template into the tree. A second row for the same method, shape and listener
 * would never be reached, or hide the first: that is an error. */
static int add_row(struct router *router, const struct route *route, void *face, struct error *err)
{
    struct str rest = str_from(route->path + 1), piece;
    struct node *node = &router->root;
    struct row *row = arena_make(router->arena, struct row);
    enum node_kind kind = NODE_LITERAL;

    assert(router && route);
    *row = (struct row){.route = route, .face = face};
    if (check_row(route, err) < 0)
        return -1;
    for (size_t count = 0; rest.len > 0 && str_split(&rest, '/', &piece); count++) {
        if (kind == NODE_REST || count == ROUTE_PIECES_MAX ||
            !piece_kind(piece, route->flags & ROUTE_FOLD, &kind))
            return row_error(route, "has a template that cannot be read", err);
        node = child_for(router, node, kind, piece);
        node->any = node->any ? node->any : row;
    }
    for (struct row *other = node->rows; other; other = other->next)
        if (strcmp(other->route->method, route->method) == 0 &&
            (other->route->listeners & route->listeners))
            return row_error(route, "is there twice", err);
    row->next = node->rows;
    node->rows = row;
    return 0;
}

/* The whole table or nothing. */
int router_new(const struct route_table *tables, size_t count, struct router **out,
               struct error *err)
{
    struct router *router = calloc(1, sizeof(*router));

    assert(out);
    if (!router)
        abort();
    router->arena = arena_new(16 * MIB);
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < tables[i].count; j++)
            if (add_row(router, &tables[i].rows[j], tables[i].face, err) < 0) {
                router_free(&router);
                return -1;
            }
    *out = router;
    return 0;
}

/* All of the tree lies in one arena. */
void router_free(struct router **router)
{
    assert(router);
    if (!*router)
        return;
    arena_free(&(*router)->arena);
    free(*router);
    *router = NULL;
}

/* As deep as a template has pieces. */
static int node_each(const struct node *node, route_each *each, void *context)
{
    int result = 0;

    for (const struct row *row = node->rows; row && result == 0; row = row->next)
        result = each(row->route, context);
    for (const struct node *child = node->first; child && result == 0; child = child->next)
        result = node_each(child, each, context);
    return result;
}

/* In the order of the tree: for descriptions and for checks that no two rows are one. */
int router_each(const struct router *router, route_each *each, void *context)
{
    assert(router && each);
    return node_each(&router->root, each, context);
}

/* --- Matching ------------------------------------------------------------------------------------
 */

/* Both forms: literals are compared decoded, a rest is handed on raw. */
struct piece {
    struct str raw, decoded;
    bool slashed; /* held an encoded slash: only a rest may take it */
};

/* One path on its way down; trying again costs nothing, as nothing is copied. */
struct walk {
    struct piece pieces[ROUTE_PIECES_MAX];
    size_t count;
    unsigned listener;
    const struct node *path[ROUTE_PIECES_MAX + 1]; /* the nodes taken so far */
    const struct node *end;
    const struct node *nearest;
    size_t nearest_depth;
};

/* Whether a decoded piece, or a part of it between slashes that were encoded, climbs or is empty:
 * only at the end of a path may it be that. */
static bool is_odd(struct str decoded, bool last)
{
    struct str part;

    while (str_split(&decoded, '/', &part)) {
        bool end = last && !decoded.ptr;
        if (str_eq(part, STR(".")) || str_eq(part, STR("..")) || (part.len == 0 && !end))
            return true;
    }
    return false;
}

/* Splits and decodes the path once. An empty piece is allowed as the last one only. */
static int split_path(struct arena *arena, struct str path, struct walk *walk, struct error *err)
{
    struct str rest, piece;

    assert(walk);
    if (path.len == 0 || path.ptr[0] != '/' || path.len > ROUTE_NAME_BYTES * 2)
        return error_set(err, ERROR_INVALID, "", "The path must begin with '/'.");
    rest = str_slice(path, 1, path.len);
    if (rest.len == 0)
        return 0;
    while (str_split(&rest, '/', &piece)) {
        struct str decoded;
        bool last = piece.ptr + piece.len == path.ptr + path.len;
        if (walk->count == ROUTE_PIECES_MAX)
            return error_set(err, ERROR_NOT_FOUND, "", "The path has more than %d pieces.",
                             ROUTE_PIECES_MAX);
        if (http_decode(arena, piece, &decoded, err) < 0)
            return -1;
        if (str_find_char(decoded, '\\') >= 0)
            return error_set(err, ERROR_INVALID, "", "The path holds an encoded '\\'.");
        if (is_odd(decoded, last))
            return error_set(err, ERROR_INVALID, "", "The path holds an empty, '.' or '..' piece.");
        walk->pieces[walk->count++] = (struct piece){
            .raw = piece, .decoded = decoded, .slashed = str_find_char(decoded, '/') >= 0};
    }
    return 0;
}

/* The text before the next '{' of a mixed template, and what follows its '}'. */
static struct str literal_run(struct str *template)
{
    ssize_t open = str_find_char(*template, '{');
    struct str literal = open < 0 ? *template : str_slice(*template, 0, (size_t)open);

    *template = str_slice(*template, literal.len, template->len);
    return literal;
}

/* Matches "azureml-{guid}" or "{account}.blob.{suffix}"; a parameter takes the least it can, but at
 * least one byte, the last one all that is left. With `call` the parameters are noted. */
static bool mixed_match(struct str template, const struct piece *piece, struct call *call)
{
    struct str text = piece->decoded;
    struct str literal = literal_run(&template);

    if (!str_starts(text, literal))
        return false;
    text = str_slice(text, literal.len, text.len);
    while (template.len > 0) {
        ssize_t close = str_find_char(template, '}');
        assert(close > 0);
        struct str name = str_slice(template, 1, (size_t)close);
        template = str_slice(template, (size_t)close + 1, template.len);
        literal = literal_run(&template);
        bool last = template.len == 0;
        ssize_t at = literal.len == 0 ? (ssize_t)text.len
                     : last           ? (ssize_t)text.len - (ssize_t)literal.len
                                      : str_find(str_slice(text, 1, text.len), literal) + 1;
        if (at < 1 || !str_starts(str_slice(text, (size_t)at, text.len), literal))
            return false;
        struct str value = str_slice(text, 0, (size_t)at);
        if (str_eq(value, STR(".")) || str_eq(value, STR("..")))
            return false;
        if (call && call->param_count < ROUTE_PARAMS_MAX)
            call->params[call->param_count++] = (struct route_param){name, value, value};
        text = str_slice(text, (size_t)at + literal.len, text.len);
    }
    return text.len == 0;
}

/* Decoded text is compared, since that is what handlers get. */
static bool node_matches(const struct node *node, const struct piece *piece)
{
    assert(node && piece);
    if (piece->slashed && node->kind != NODE_REST)
        return false;
    switch (node->kind) {
    case NODE_LITERAL:
        return str_eq(piece->decoded, node->text);
    case NODE_FOLDED:
        return str_eq_fold(piece->decoded, node->text);
    case NODE_MIXED:
        return mixed_match(node->text, piece, NULL);
    case NODE_PARAM:
        return piece->decoded.len > 0;
    case NODE_REST:
        return true;
    }
    return false;
}

/* Whether a node ends any path for those who come by this listener; to others it is not there. */
static bool on_listener(const struct node *node, unsigned listener)
{
    assert(listener);
    for (const struct row *row = node->rows; row; row = row->next)
        if (row->route->listeners & listener)
            return true;
    return false;
}

/* Depth first; the first end with rows on this listener wins. The depth is that of the template, so
 * recursion is bounded by ROUTE_PIECES_MAX. */
static bool descend(struct walk *walk, const struct node *node, size_t depth)
{
    assert(walk && node);
    walk->path[depth] = node;
    if (depth > walk->nearest_depth && node->kind < NODE_PARAM) {
        walk->nearest = node;
        walk->nearest_depth = depth;
    }
    if (depth == walk->count || node->kind == NODE_REST) {
        if (!on_listener(node, walk->listener))
            return false;
        walk->end = node;
        return true;
    }
    for (const struct node *child = node->first; child; child = child->next)
        if (node_matches(child, &walk->pieces[depth]) && descend(walk, child, depth + 1))
            return true;
    return false;
}

/* Templates have no more parameters than a call has room for: check_row counted. */
static void note_param(struct call *call, struct str name, struct str value, struct str raw)
{
    assert(call->param_count < ROUTE_PARAMS_MAX);
    call->params[call->param_count++] =
        (struct route_param){.name = name, .value = value, .raw = raw};
}

/* Fills the parameters under the names that the row's own template gives them. */
static void fill_params(const struct walk *walk, struct str path, struct call *call)
{
    struct str rest = str_from(call->route->path + 1), name;

    assert(walk && call);
    for (size_t i = 0; rest.len > 0 && str_split(&rest, '/', &name); i++) {
        const struct piece *piece = &walk->pieces[i];
        const struct node *node = walk->path[i + 1];
        if (node->kind == NODE_PARAM)
            note_param(call, str_slice(name, 1, name.len - 1), piece->decoded, piece->raw);
        if (node->kind == NODE_MIXED)
            mixed_match(name, piece, call);
        if (node->kind != NODE_REST)
            continue;
        struct buf all = buf_make(ROUTE_NAME_BYTES * 4);
        for (size_t j = i; j < walk->count; j++) {
            buf_add(&all, walk->pieces[j].decoded);
            if (j + 1 < walk->count)
                buf_add_char(&all, '/');
        }
        struct str raw = str_slice(path, (size_t)(piece->raw.ptr - path.ptr), path.len);
        note_param(call, str_slice(name, 1, name.len - 2), arena_str(call->arena, buf_str(&all)),
                   raw);
        buf_free(&all);
    }
}

/* HEAD is answered by the row for GET when it has none of its own: http/ leaves the body out. */
static const struct row *row_for(const struct node *node, unsigned listener, struct str method)
{
    const struct row *as_get = NULL;

    assert(node);
    for (const struct row *row = node->rows; row; row = row->next) {
        if (!(row->route->listeners & listener))
            continue;
        if (str_eq(str_from(row->route->method), method))
            return row;
        if (strcmp(row->route->method, "GET") == 0 && str_eq(method, STR("HEAD")))
            as_get = row;
    }
    return as_get;
}

/* "GET, PUT": what the node's rows on this listener take. */
static struct str allowed(struct arena *arena, const struct node *node, unsigned listener)
{
    struct str list = STR("");

    for (const struct row *row = node->rows; row; row = row->next)
        if (row->route->listeners & listener)
            list = arena_printf(arena, "%s%s%.*s", row->route->method, list.len > 0 ? ", " : "",
                                STR_ARG(list));
    return list;
}

/* The face whose words a refusal uses; of nobody when the path is near to none. */
static void take_face(struct call *call, const struct row *row)
{
    assert(call);
    call->route = row ? row->route : NULL;
    call->face = row ? row->face : NULL;
}

/* Whether a piece hid a slash: no name of ours holds one, so nothing can be there. */
static bool is_slashed(const struct walk *walk)
{
    for (size_t i = 0; i < walk->count; i++)
        if (walk->pieces[i].slashed)
            return true;
    return false;
}

/* Azure's libraries end some addresses of ARM in a slash, which says nothing there. Elsewhere it
 * may be part of a name. */
static bool find_end(struct walk *walk, const struct node *root)
{
    if (descend(walk, root, 0))
        return true;
    if (walk->count < 2 || walk->pieces[walk->count - 1].raw.len > 0)
        return false;
    walk->count--;
    return descend(walk, root, 0) && (walk->end->rows->route->flags & ROUTE_FOLD);
}

/* The path is cut and decoded once; matching then compares whole pieces. */
int router_find(const struct router *router, const struct route_ask *ask, struct call *call,
                struct str *out_allow, struct error *err)
{
    struct walk walk;

    assert(router && call && call->arena);
    walk.count = walk.nearest_depth = 0;
    walk.end = walk.nearest = NULL;
    walk.listener = ask->listener;
    call->param_count = 0;
    int split = split_path(call->arena, ask->path, &walk, err);
    bool found = find_end(&walk, &router->root);
    take_face(call, walk.nearest ? walk.nearest->any : NULL);
    if (split < 0)
        return -1;
    if (!found && is_slashed(&walk))
        return error_set(err, ERROR_INVALID, "", "The path holds an encoded '/'.");
    if (!found)
        return error_set(err, ERROR_NOT_FOUND, "", "There is nothing at this address.");
    const struct row *row = row_for(walk.end, ask->listener, ask->method);
    if (!row) {
        take_face(call, walk.end->rows);
        *out_allow = allowed(call->arena, walk.end, ask->listener);
        return error_set(err, ERROR_METHOD, "", "The method is not allowed here; allowed: %.*s.",
                         STR_ARG(*out_allow));
    }
    take_face(call, row);
    fill_params(&walk, ask->path, call);
    return 0;
}

/* For an exchange: what is asked lies in it. */
int router_match(const struct router *router, struct call *call, unsigned listener,
                 struct str *out_allow, struct error *err)
{
    struct route_ask ask = {
        .method = http_method(call->ex), .path = http_path(call->ex), .listener = listener};

    assert(call->ex);
    return router_find(router, &ask, call, out_allow, err);
}
