/* Snapshots are counted, so that a decision never waits for a reader of the database and never
 * looks at what another thread throws away. */
#include "identity/access.h"

#include "identity/grant.h"
#include "identity/identity_private.h"
#include "identity/principal_private.h"
#include "os/clock.h"

#include <assert.h>
#include <stdlib.h>

#define ACCESS_US (5 * US_PER_S)
#define ACCESS_SLOTS 64
#define GRANTS_MAX 2048

struct access_grant {
    struct str path;
    const struct role *role; /* built-in, or the next one */
    struct role *custom;
};

struct access {
    atomic_uint users;
    struct arena *arena;
    struct principal who;
    struct access_grant *grants;
    size_t count;
    int64_t read_us;
    uint64_t generation;
};

struct accesses {
    pthread_mutex_t lock;
    struct access *slots[ACCESS_SLOTS];
};

/* Empty; the first request of anybody reads his rights. */
struct accesses *accesses_new(void)
{
    struct accesses *accesses = calloc(1, sizeof(*accesses));

    if (!accesses)
        abort();
    pthread_mutex_init(&accesses->lock, NULL);
    return accesses;
}

/* The cache gives back its shares; nobody else has one any more. */
void accesses_free(struct accesses **accesses)
{
    assert(accesses);
    if (!*accesses)
        return;
    for (size_t i = 0; i < ACCESS_SLOTS; i++)
        access_release(&(*accesses)->slots[i]);
    pthread_mutex_destroy(&(*accesses)->lock);
    free(*accesses);
    *accesses = NULL;
}

/* The last one to let go frees it, so nobody needs a lock to look at one. */
void access_release(struct access **access)
{
    struct access *held = *access;

    *access = NULL;
    if (!held || atomic_fetch_sub(&held->users, 1) > 1)
        return;
    struct arena *arena = held->arena;
    arena_free(&arena);
}

/* --- Reading -------------------------------------------------------------------------------------
 */

/* Collects assignments; a custom role is read once for each that names it. */
struct gathering {
    struct identity *identity;
    struct access *access;
    size_t room;
};

/* An assignment whose role cannot be read gives nothing. */
static int gather(const struct grant *grant, void *context, struct error *err)
{
    struct gathering *gathering = context;
    struct access *access = gathering->access;

    if (access->count == gathering->room)
        return error_set(err, ERROR_INVALID, "", "More than %d role assignments for one principal.",
                         GRANTS_MAX);
    struct access_grant *last = &access->grants[access->count++];
    last->path = arena_str(access->arena, grant->scope_path);
    last->role = role_find(grant->role);
    if (!last->role) {
        last->custom = arena_make(access->arena, struct role);
        last->custom->id = arena_str(access->arena, grant->role);
        last->role = last->custom;
    }
    return 0;
}

/* Custom roles are read after the walk, which holds a statement of its own. One that was deleted
 * gives nothing; one that cannot be read is no reason to take rights away for five seconds. */
static int read_custom(struct identity *identity, struct access *access, struct error *err)
{
    for (size_t i = 0; i < access->count; i++) {
        struct role *role = access->grants[i].custom, read;
        struct error why = {0};
        if (!role)
            continue;
        if (grant_role(identity, access->arena, role->id, &read, &why) == 0)
            *role = read;
        else if (why.code != ERROR_NOT_FOUND)
            return error_pass(err, &why);
    }
    return 0;
}

/* Who it is, in a transaction that is over before the assignments are walked. */
static int read_principal(struct identity *identity, const struct access_who *who,
                          struct access *access, struct error *err)
{
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(identity->store, err);
    struct principal found;

    if (!txn)
        return -1;
    if ((who->object_id.len > 0 ? principal_by_key(txn, who->object_id, &found, err)
                                : principal_by_number(txn, who->number, &found, err)) < 0)
        return -1;
    access->who = principal_keep(access->arena, &found);
    return 0;
}

/* The generation first: what changes while this is read makes it stale at once. */
static struct access *read_access(struct identity *identity, const struct access_who *who,
                                  struct error *err)
{
    struct arena *arena = arena_new(4 * MIB);
    CLEANUP(access_release) struct access *access = arena_make(arena, struct access);
    struct gathering gathering = {identity, access, GRANTS_MAX};

    atomic_init(&access->users, 1);
    access->arena = arena;
    access->generation = atomic_load(&identity->generation);
    access->read_us = clock_mono_us();
    if (read_principal(identity, who, access, err) < 0)
        return NULL;
    access->grants = arena_new_array(arena, struct access_grant, GRANTS_MAX);
    struct grant_query query = {
        .below = true, .principal = access->who.number, .with_groups = true};
    if (grant_list(identity, &query, gather, &gathering, err) < 0)
        return NULL;
    if (read_custom(identity, access, err) < 0)
        return NULL;
    struct access *read = access;
    access = NULL;
    return read;
}

/* --- Remembering ---------------------------------------------------------------------------------
 */

/* Tokens bring an object id, remembered passwords a number. */
static bool is_of(const struct access *access, const struct access_who *who)
{
    return who->object_id.len > 0 ? str_eq_fold(access->who.object_id, who->object_id)
                                  : access->who.number == who->number;
}

/* One that still counts, with a share of the caller's; NULL when there is none. */
static struct access *remembered(struct identity *identity, const struct access_who *who)
{
    struct accesses *accesses = identity->accesses;
    uint64_t generation = atomic_load(&identity->generation);
    int64_t now_us = clock_mono_us();
    struct access *found = NULL;

    pthread_mutex_lock(&accesses->lock);
    for (size_t i = 0; i < ACCESS_SLOTS && !found; i++) {
        struct access *access = accesses->slots[i];
        if (access && access->generation == generation && now_us - access->read_us < ACCESS_US &&
            is_of(access, who))
            found = access;
    }
    if (found)
        atomic_fetch_add(&found->users, 1);
    pthread_mutex_unlock(&accesses->lock);
    return found;
}

/* In the place of an older one of the same, an empty one, or the oldest. */
static void remember(struct accesses *accesses, struct access *access)
{
    struct access_who who = {.number = access->who.number};
    struct access *out = NULL;
    size_t place = 0;

    atomic_fetch_add(&access->users, 1);
    pthread_mutex_lock(&accesses->lock);
    for (size_t i = 0; i < ACCESS_SLOTS; i++) {
        const struct access *slot = accesses->slots[i], *best = accesses->slots[place];
        if (!slot || is_of(slot, &who)) {
            place = i;
            break;
        }
        if (slot->read_us < best->read_us)
            place = i;
    }
    out = accesses->slots[place];
    accesses->slots[place] = access;
    pthread_mutex_unlock(&accesses->lock);
    access_release(&out);
}

/* Reading takes no lock: two threads that miss at once both read, and both are right. */
int access_get(struct identity *identity, const struct access_who *who, bool cached_only,
               struct access **out, struct error *err)
{
    assert(out && (who->object_id.len > 0 || who->number > 0));
    *out = remembered(identity, who);
    if (*out)
        return 1;
    if (cached_only)
        return 0;
    *out = read_access(identity, who, err);
    if (!*out)
        return -1;
    remember(identity->accesses, *out);
    return 1;
}

/* --- Asking --------------------------------------------------------------------------------------
 */

/* Part of the snapshot. */
const struct principal *access_principal(const struct access *access)
{
    assert(access);
    return &access->who;
}

/* Any one assignment is enough; roles never take from each other. */
bool access_allows(const struct access *access, struct str action, struct str path)
{
    assert(access);
    for (size_t i = 0; i < access->count; i++)
        if (grant_above(access->grants[i].path, path) &&
            role_allows(access->grants[i].role, action))
            return true;
    return false;
}

/* What decides between 403 and 404: whether the caller knows the place at all. */
bool access_touches(const struct access *access, struct str path)
{
    assert(access);
    for (size_t i = 0; i < access->count; i++)
        if (grant_above(access->grants[i].path, path) || grant_above(path, access->grants[i].path))
            return true;
    return false;
}

/* By the role itself, not by what it allows: a custom role with a star is no Owner. */
bool access_owns(const struct access *access, struct str path)
{
    assert(access);
    for (size_t i = 0; i < access->count; i++)
        if (grant_above(access->grants[i].path, path) &&
            str_eq(access->grants[i].role->id, STR(ROLE_OWNER)))
            return true;
    return false;
}

/* All that counts at this path together. */
bool access_covers(const struct access *access, const struct role *role, struct str path)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    const struct role **held = arena_new_array(arena, const struct role *, access->count + 1);
    size_t count = 0;

    assert(role);
    for (size_t i = 0; i < access->count; i++)
        if (grant_above(access->grants[i].path, path))
            held[count++] = access->grants[i].role;
    return role_covers(held, count, role);
}
