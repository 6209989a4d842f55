#include "base/buf.h"
#include "base/test.h"
#include "identity/access.h"
#include "identity/grant.h"
#include "identity/identity_private.h"
#include "identity/world_test.h"
#include "os/clock.h"

#include <string.h>

#define GROUP "/subscriptions/s/resourceGroups/g"
#define ONE GROUP "/providers/Microsoft.MachineLearningServices/workspaces/one"
#define TWO GROUP "/providers/Microsoft.MachineLearningServices/workspaces/two"
#define ML "Microsoft.MachineLearningServices/workspaces/"
#define OWNER "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
#define READER "acdd72a7-3385-48ef-bd42-f606fba81ae7"
#define SCIENTIST "f6c7c914-8db3-469d-8ca1-694a8f32e121"
#define ID(digit) "00000000-0000-0000-0000-00000000000" digit

static int give(struct people_world *world, const char *id, struct str principal, const char *role,
                const char *scope)
{
    struct grant_wish wish = {.id = str_from(id),
                              .scope = str_from(scope),
                              .role = str_from(role),
                              .principal = principal,
                              .actor = STR("test")};
    struct grant out;

    world->err = (struct error){0};
    if (grant_put(world->identity, world->arena, &wish, &out, &world->err) == 0)
        return out.fresh ? 0 : 1;
    return -(int)world->err.code;
}

static bool may(struct people_world *world, const struct principal *who, const char *action,
                const char *scope)
{
    struct caller caller = {.kind = CALLER_USER, .object_id = who->object_id};

    return identity_may(world->identity, &caller, str_from(action), str_from(scope), &world->err) >
           0;
}

TEST(a_scope_stands_above_by_whole_segments)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);

    CHECK_STR("/a/b", grant_path(arena, STR("/A/b/")));
    CHECK_STR("", grant_path(arena, STR("/")));
    CHECK(grant_above(STR("/a"), STR("/a")));
    CHECK(grant_above(STR("/a"), STR("/a/b")));
    CHECK(grant_above(STR(""), STR("/a")));
    CHECK(grant_above(STR(""), STR("")));
    CHECK(!grant_above(STR("/a"), STR("/ab")));
    CHECK(!grant_above(STR("/a/b"), STR("/a")));
}

TEST(a_role_counts_at_its_scope_and_beneath_it)
{
    CLEANUP(people_world_end) struct people_world world;
    people_world_new(&world);
    struct principal ana = people_add(&world, PRINCIPAL_USER, "ana");

    CHECK(!may(&world, &ana, ML "read", ONE));
    CHECK_INT(0, give(&world, ID("1"), ana.object_id, READER, ONE "/"));
    CHECK(may(&world, &ana, ML "read", ONE));
    CHECK(may(&world, &ana, ML "jobs/read", ONE "/jobs/x"));
    CHECK(may(&world, &ana, ML "jobs/read",
              "/SUBSCRIPTIONS/S/resourcegroups/G/providers/microsoft.machinelearningservices/"
              "WORKSPACES/One/jobs/x"));
    CHECK(!may(&world, &ana, ML "jobs/write", ONE "/jobs/x"));
    CHECK(!may(&world, &ana, ML "read", ONE "2"));
    CHECK(!may(&world, &ana, ML "read", TWO));
    CHECK(!may(&world, &ana, "Microsoft.Resources/subscriptions/resourceGroups/read", GROUP));
    CHECK_INT(0, give(&world, ID("2"), ana.object_id, SCIENTIST, "/"));
    CHECK(may(&world, &ana, ML "jobs/write", TWO "/jobs/x"));
}

TEST(a_group_gives_its_roles_to_its_members_while_they_are)
{
    CLEANUP(people_world_end) struct people_world world;
    struct identity *identity = people_world_new(&world)->identity;
    struct principal ana = people_add(&world, PRINCIPAL_USER, "ana");
    struct principal team = people_add(&world, PRINCIPAL_GROUP, "team");
    struct error err = {0};

    CHECK_INT(0, give(&world, ID("1"), team.object_id, READER, ONE));
    CHECK(!may(&world, &ana, ML "read", ONE));
    CHECK_OK(principal_join(identity, STR("admin"), team.number, ana.number, &err), &err);
    CHECK(may(&world, &ana, ML "read", ONE));
    CHECK_OK(principal_leave(identity, STR("admin"), team.number, ana.number, &err), &err);
    CHECK(!may(&world, &ana, ML "read", ONE));
}

TEST(an_assignment_is_made_once_and_never_changed)
{
    CLEANUP(people_world_end) struct people_world world;
    people_world_new(&world);
    struct principal ana = people_add(&world, PRINCIPAL_USER, "ana");
    struct principal bea = people_add(&world, PRINCIPAL_USER, "bea");

    CHECK_INT(0, give(&world, ID("a"), ana.object_id, READER, ONE));
    CHECK_INT(1, give(&world, "00000000-0000-0000-0000-00000000000A", ana.object_id, READER, ONE));
    CHECK_INT(-ERROR_EXISTS, give(&world, ID("a"), bea.object_id, READER, ONE));
    CHECK_STR("RoleAssignmentUpdateNotPermitted", str_from(world.err.target));
    CHECK_INT(-ERROR_EXISTS, give(&world, ID("a"), ana.object_id, READER, TWO));
    CHECK_INT(-ERROR_EXISTS, give(&world, ID("b"), ana.object_id, READER, ONE));
    CHECK_STR("RoleAssignmentExists", str_from(world.err.target));
}

TEST(an_assignment_needs_a_guid_somebody_and_a_role)
{
    CLEANUP(people_world_end) struct people_world world;
    people_world_new(&world);
    struct principal ci = people_add(&world, PRINCIPAL_SERVICE, "ci");

    CHECK_INT(-ERROR_INVALID, give(&world, "one", ci.object_id, READER, ONE));
    CHECK_INT(-ERROR_NOT_FOUND, give(&world, ID("1"), STR("ci"), READER, ONE));
    CHECK_STR("PrincipalNotFound", str_from(world.err.target));
    /* A client id is no object id, though it finds the same principal elsewhere. */
    CHECK_INT(-ERROR_NOT_FOUND, give(&world, ID("1"), ci.client_id, READER, ONE));
    CHECK_INT(-ERROR_NOT_FOUND, give(&world, ID("1"), ci.object_id, "Reader", ONE));
    CHECK_STR("RoleDefinitionDoesNotExist", str_from(world.err.target));
    CHECK_INT(-ERROR_NOT_FOUND, give(&world, ID("1"), ci.object_id, ID("7"), ONE));
}

static int note(const struct grant *grant, void *context, struct error *err)
{
    struct buf *ids = context;

    CHECK(err && grant->who.object_id.len == 36);
    buf_add(ids, str_slice(grant->id, 35, 36));
    return 0;
}

static void check_list(struct people_world *world, const char *expected,
                       const struct grant_query *query)
{
    CLEANUP(buf_free) struct buf ids = buf_make(KIB);

    CHECK_OK(grant_list(world->identity, query, note, &ids, &world->err), &world->err);
    CHECK_STR(expected, buf_str(&ids));
}

TEST(a_list_shows_what_counts_at_a_scope_and_on_demand_what_lies_beneath)
{
    CLEANUP(people_world_end) struct people_world world;
    people_world_new(&world);
    struct principal ana = people_add(&world, PRINCIPAL_USER, "ana");
    struct principal bea = people_add(&world, PRINCIPAL_USER, "bea");

    CHECK_INT(0, give(&world, ID("1"), ana.object_id, READER, "/"));
    CHECK_INT(0, give(&world, ID("2"), ana.object_id, READER, GROUP));
    CHECK_INT(0, give(&world, ID("3"), ana.object_id, READER, ONE));
    CHECK_INT(0, give(&world, ID("4"), bea.object_id, READER, ONE));
    CHECK_INT(0, give(&world, ID("5"), ana.object_id, READER, TWO));
    check_list(&world, "1234", &(struct grant_query){.scope = STR(ONE)});
    check_list(&world, "12", &(struct grant_query){.scope = STR(GROUP)});
    check_list(&world, "12345", &(struct grant_query){.scope = STR(GROUP), .below = true});
    check_list(&world, "4",
               &(struct grant_query){.scope = STR(GROUP), .below = true, .principal = bea.number});
    check_list(&world, "1", &(struct grant_query){.scope = STR("")});
}

TEST(the_last_owner_of_the_root_stays)
{
    CLEANUP(people_world_end) struct people_world world;
    struct identity *identity = people_world_new(&world)->identity;
    struct principal ana = people_add(&world, PRINCIPAL_USER, "ana");
    struct principal bea = people_add(&world, PRINCIPAL_USER, "bea");
    struct error err = {0};
    struct grant grant;
    bool has = true;

    CHECK_OK(grant_has_owner(identity, &has, &err), &err);
    CHECK(!has);
    CHECK_INT(0, give(&world, ID("1"), ana.object_id, OWNER, "/"));
    CHECK_OK(grant_has_owner(identity, &has, &err), &err);
    CHECK(has);
    CHECK_OK(
        grant_get(identity, world.arena, &(struct grant_key){STR("/"), STR(ID("1"))}, &grant, &err),
        &err);
    CHECK_ERROR(ERROR_CONFLICT, grant_delete(identity, &grant, STR("x"), false, &err), &err);
    CHECK_ERROR(ERROR_CONFLICT, principal_delete(identity, STR("admin"), ana.number, &err), &err);
    CHECK_INT(0, give(&world, ID("2"), bea.object_id, OWNER, "/"));
    /* One who cannot sign in is no other Owner. */
    CHECK_OK(principal_disable(identity, STR("admin"), bea.number, true, &err), &err);
    CHECK_ERROR(ERROR_CONFLICT, grant_delete(identity, &grant, STR("x"), false, &err), &err);
    CHECK_OK(principal_disable(identity, STR("admin"), bea.number, false, &err), &err);
    CHECK_OK(grant_delete(identity, &grant, STR("x"), false, &err), &err);
    CHECK_OK(principal_delete(identity, STR("admin"), ana.number, &err), &err);
    /* The folder's owner can do without. */
    CHECK_OK(
        grant_get(identity, world.arena, &(struct grant_key){STR(""), STR(ID("2"))}, &grant, &err),
        &err);
    CHECK_OK(grant_delete(identity, &grant, STR("x"), true, &err), &err);
    CHECK(!may(&world, &bea, ML "read", ONE));
}

TEST(an_assignment_is_found_at_its_own_scope_alone)
{
    CLEANUP(people_world_end) struct people_world world;
    struct identity *identity = people_world_new(&world)->identity;
    struct principal ana = people_add(&world, PRINCIPAL_USER, "ana");
    struct error err = {0};
    struct grant grant;

    CHECK_INT(0, give(&world, ID("1"), ana.object_id, READER, ONE));
    CHECK_OK(
        grant_get(identity, world.arena, &(struct grant_key){STR(ONE), STR(ID("1"))}, &grant, &err),
        &err);
    CHECK_STR(ONE, grant.scope);
    CHECK_STR("test", grant.created_by);
    CHECK_INT(WORLD_NOW_US, grant.created_us);
    CHECK_ERROR(
        ERROR_NOT_FOUND,
        grant_get(identity, world.arena, &(struct grant_key){STR(TWO), STR(ID("1"))}, &grant, &err),
        &err);
    CHECK_ERROR(ERROR_NOT_FOUND,
                grant_get(identity, world.arena, &(struct grant_key){STR(GROUP), STR(ID("1"))},
                          &grant, &err),
                &err);
}

static int forget(struct store_txn *txn, void *context, struct error *err)
{
    CHECK(!context);
    return grant_forget_scope(txn, STR(ONE), err);
}

TEST(a_scope_that_goes_takes_its_assignments_along_and_no_others)
{
    CLEANUP(people_world_end) struct people_world world;
    people_world_new(&world);
    struct principal ana = people_add(&world, PRINCIPAL_USER, "ana");

    CHECK_INT(0, give(&world, ID("1"), ana.object_id, READER, ONE));
    CHECK_INT(0, give(&world, ID("2"), ana.object_id, READER, ONE "/jobs/j"));
    CHECK_INT(0, give(&world, ID("3"), ana.object_id, READER, ONE "2"));
    CHECK_INT(0, give(&world, ID("4"), ana.object_id, READER, ONE "-b/jobs/j"));
    CHECK_INT(0, give(&world, ID("5"), ana.object_id, READER, GROUP));
    CHECK_OK(store_write(world.store, forget, NULL, &world.err), &world.err);
    check_list(&world, "543", &(struct grant_query){.below = true});
}

/* --- Custom roles --------------------------------------------------------------------------------
 */

static int define(struct people_world *world, const char *id, const char *name, const char *actions)
{
    struct str text = arena_printf(world->arena,
                                   "{\"roleName\":\"%s\",\"assignableScopes\":[\"" GROUP
                                   "\"],\"permissions\":[{\"actions\":[%s]}]}",
                                   name, actions);
    struct json *json = json_parse(world->arena, text, &world->err);
    struct role role;
    bool created = false;

    CHECK(json);
    CHECK_OK(role_read(world->arena, json, &role, &world->err), &world->err);
    role.id = str_from(id);
    if (grant_role_put(world->identity, &role, STR("test"), &created, &world->err) == 0)
        return created ? 0 : 1;
    return -(int)world->err.code;
}

TEST(a_custom_role_counts_at_once_and_changes_at_once)
{
    CLEANUP(people_world_end) struct people_world world;
    struct identity *identity = people_world_new(&world)->identity;
    struct principal ana = people_add(&world, PRINCIPAL_USER, "ana");
    struct error err = {0};
    struct grant grant;

    CHECK_INT(0, define(&world, ID("d"), "Runner", "\"" ML "jobs/*\""));
    CHECK_INT(0, give(&world, ID("1"), ana.object_id, ID("d"), ONE));
    CHECK(may(&world, &ana, ML "jobs/write", ONE));
    CHECK(!may(&world, &ana, ML "data/read", ONE));
    CHECK_INT(1, define(&world, ID("d"), "Runner", "\"" ML "data/*\""));
    CHECK(!may(&world, &ana, ML "jobs/write", ONE));
    CHECK(may(&world, &ana, ML "data/read", ONE));
    CHECK_ERROR(ERROR_CONFLICT, grant_role_delete(identity, STR(ID("d")), &err), &err);
    CHECK_OK(
        grant_get(identity, world.arena, &(struct grant_key){STR(ONE), STR(ID("1"))}, &grant, &err),
        &err);
    CHECK_OK(grant_delete(identity, &grant, STR("x"), false, &err), &err);
    CHECK_OK(grant_role_delete(identity, STR(ID("d")), &err), &err);
    CHECK_ERROR(ERROR_NOT_FOUND, grant_role_delete(identity, STR(ID("d")), &err), &err);
}

TEST(a_custom_role_has_its_name_and_its_scopes)
{
    CLEANUP(people_world_end) struct people_world world;
    struct identity *identity = people_world_new(&world)->identity;
    struct principal ana = people_add(&world, PRINCIPAL_USER, "ana");
    struct error err = {0};

    CHECK_INT(0, define(&world, ID("d"), "Runner", "\"*/read\""));
    CHECK_INT(-ERROR_EXISTS, define(&world, ID("e"), "runner", "\"*/read\""));
    CHECK_INT(-ERROR_INVALID, define(&world, OWNER, "Mine", "\"*/read\""));
    CHECK_INT(-ERROR_INVALID, define(&world, "mine", "Mine", "\"*/read\""));
    CHECK_INT(-ERROR_INVALID, give(&world, ID("1"), ana.object_id, ID("d"), "/"));
    CHECK_INT(-ERROR_INVALID, give(&world, ID("1"), ana.object_id, ID("d"), "/subscriptions/s"));
    CHECK_INT(0, give(&world, ID("1"), ana.object_id, ID("d"), ONE));
    CHECK_ERROR(ERROR_INVALID, grant_role_delete(identity, STR(READER), &err), &err);
}

/* --- What is remembered --------------------------------------------------------------------------
 */

TEST(a_snapshot_is_asked_again_after_five_seconds_or_a_change)
{
    CLEANUP(people_world_end) struct people_world world;
    struct identity *identity = people_world_new(&world)->identity;
    struct principal ana = people_add(&world, PRINCIPAL_USER, "ana");
    struct access_who who = {.object_id = ana.object_id};
    CLEANUP(access_release) struct access *first = NULL, *second = NULL;

    CHECK_INT(0, access_get(identity, &who, true, &second, &world.err));
    CHECK_INT(1, access_get(identity, &who, false, &first, &world.err));
    CHECK_INT(1, access_get(identity, &who, true, &second, &world.err));
    CHECK(first == second);
    access_release(&second);
    clock_test_advance(5 * US_PER_S);
    CHECK_INT(0, access_get(identity, &who, true, &second, &world.err));
    access_release(&first);
    CHECK_INT(1, access_get(identity, &who, false, &first, &world.err));
    CHECK_INT(0, give(&world, ID("1"), ana.object_id, READER, ONE));
    CHECK_INT(0, access_get(identity, &who, true, &second, &world.err));
    /* Who holds an old one may still look at it. */
    CHECK(!access_touches(first, STR("/subscriptions/s")));
    CHECK_STR("ana", access_principal(first)->name);
}

TEST(more_people_than_slots_push_each_other_out)
{
    CLEANUP(people_world_end) struct people_world world;
    struct identity *identity = people_world_new(&world)->identity;
    struct principal people[70];

    for (size_t i = 0; i < COUNT(people); i++)
        people[i] =
            people_add(&world, PRINCIPAL_USER, arena_printf(world.arena, "user-%zu", i).ptr);
    for (size_t round = 0; round < 2; round++)
        for (size_t i = 0; i < COUNT(people); i++) {
            CLEANUP(access_release) struct access *access = NULL;
            struct access_who who = {.number = people[i].number};
            clock_test_advance(1);
            CHECK_INT(1, access_get(identity, &who, false, &access, &world.err));
            CHECK(str_eq(people[i].name, access_principal(access)->name));
        }
}
