#include "server/surface.h"

#include <assert.h>

struct listing {
    struct arena *arena;
    struct json *rows;
};

/* As the description spells it. */
static const char *permit_name(enum permit permit)
{
    static const char *const NAMES[] = {[PERMIT_PUBLIC] = "public",
                                        [PERMIT_LOCAL] = "local",
                                        [PERMIT_ATTEMPT] = "attempt",
                                        [PERMIT_ACTION] = "action"};

    assert(permit >= PERMIT_PUBLIC && permit <= PERMIT_ACTION);
    return NAMES[permit];
}

/* The doors a row stands behind, by the names of the configuration. */
static struct json *listener_names(struct arena *arena, unsigned listeners)
{
    static const struct {
        unsigned bit;
        const char *name;
    } DOORS[] = {{LISTEN_TLS, "tls"}, {LISTEN_PLAIN, "plain"}, {LISTEN_SOCKET, "socket"}};
    struct json *names = json_array(arena);

    for (size_t i = 0; i < COUNT(DOORS); i++)
        if (listeners & DOORS[i].bit)
            json_append(arena, names, json_text(arena, str_from(DOORS[i].name)));
    return names;
}

/* One route, with all that decides who may come through it. */
static int add_row(const struct route *route, void *context)
{
    struct listing *listing = context;
    struct arena *arena = listing->arena;
    struct json *row = json_object(arena);

    json_set_str(arena, row, "method", str_from(route->method));
    json_set_str(arena, row, "path", str_from(route->path));
    json_set_str(arena, row, "permit", str_from(permit_name(route->permit)));
    if (route->action)
        json_set_str(arena, row, "action", str_from(route->action));
    json_set_int(arena, row, "bodyLimit", (int64_t)route->body_limit);
    json_set(arena, row, STR("listeners"), listener_names(arena, route->listeners));
    json_append(arena, listing->rows, row);
    return 0;
}

/* What ARM knows of a kind, for whoever generates clients from it. */
static struct json *kind_json(struct arena *arena, const struct arm_kind *kind)
{
    struct json *out = json_object(arena), *actions = json_array(arena);

    json_set_str(arena, out, "type", str_from(kind->type));
    json_set_str(arena, out, "wire", str_from(kind->wire));
    if (kind->parent)
        json_set_str(arena, out, "parent", str_from(kind->parent->type));
    json_set_bool(arena, out, "inRegistry", arm_type_in_registry(str_from(kind->type)));
    for (size_t i = 0; i < kind->action_count; i++)
        json_append(arena, actions, json_text(arena, str_from(kind->actions[i].name)));
    json_set(arena, out, STR("actions"), actions);
    return out;
}

/* Made from the tables that the server runs by, so that it cannot say anything else. */
struct json *surface_json(struct arena *arena, const struct server *server)
{
    struct json *out = json_object(arena), *kinds = json_array(arena);
    struct listing listing = {arena, json_array(arena)};

    assert(server->router);
    router_each(server->router, add_row, &listing);
    for (size_t i = 0; i < server->kind_count; i++)
        json_append(arena, kinds, kind_json(arena, server->kinds[i]));
    json_set(arena, out, STR("rows"), listing.rows);
    json_set(arena, out, STR("kinds"), kinds);
    return out;
}
