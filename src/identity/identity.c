/* What an identity is: the tenant and the admin, made once per folder and kept in
 * keys/identity.json; two signing keys; and the hooks by which the owners of attempts and
 * signatures are asked. */
#include "identity/identity.h"

#include "identity/identity_private.h"
#include "identity/limit.h"
#include "identity/password.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/pool.h"
#include "os/random.h"

#include <assert.h>
#include <stdlib.h>
#include <unistd.h>

#define SELF_FILE "keys/identity.json"
#define FAILURES_A_MINUTE 10 /* of one name at one address */
#define ADMIN_TOKEN_US (12 * 3600 * US_PER_S)

/* Where the keys are made when some are missing: a task of its own, so that `ready` need not wait.
 */
struct key_making {
    struct pool_task task;
    struct identity *identity;
};

/* "https://ml.azure." and what follows the second dot of the metadata's portal, which is
 * "https://portal.{domain}/": the way azure-ai-ml makes it. */
static struct str audience_of(struct arena *arena, struct str domain)
{
    struct str first, rest;

    assert(domain.len > 0);
    if (!str_cut(domain, '.', &first, &rest))
        rest = STR("");
    return arena_printf(arena, "https://ml.azure.%.*s", STR_ARG(rest));
}

/* Written whole and synced: an epoch that was lost would bring revoked tokens back. */
static int write_self(struct identity *identity, struct error *err)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(64 * KIB);
    struct json *self = json_object(arena);
    CLEANUP(fd_close) int folder = dir_open_at(identity->dir, "keys", 0700, err);

    assert(identity->tenant.len > 0);
    if (folder < 0)
        return -1;
    json_set_str(arena, self, "tenant", identity->tenant);
    json_set_str(arena, self, "adminId", identity->admin_id);
    json_set_int(arena, self, "adminEpochUs", atomic_load(&identity->admin_epoch_us));
    return file_write_atomic(identity->dir, SELF_FILE, json_write_pretty(arena, self), 0600, err);
}

/* Tenant and admin are made once and stay for the life of the folder, since tokens and
 * systemData name them. */
static int identity_read_self(struct identity *identity, struct error *err)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(64 * KIB);
    struct str text;

    assert(identity->arena);
    if (!file_exists(identity->dir, SELF_FILE)) {
        identity->tenant = random_uuid(identity->arena);
        identity->admin_id = random_uuid(identity->arena);
        return write_self(identity, err);
    }
    if (file_read(arena, identity->dir, SELF_FILE, 16 * KIB, &text, err) < 0)
        return -1;
    struct json *self = json_parse(arena, text, err);
    if (!self)
        return -1;
    identity->tenant = arena_str(identity->arena, json_str_at(self, "tenant"));
    identity->admin_id = arena_str(identity->arena, json_str_at(self, "adminId"));
    atomic_store(&identity->admin_epoch_us, json_int_at(self, "adminEpochUs", 0));
    if (identity->tenant.len == 0 || identity->admin_id.len == 0)
        return error_set(err, ERROR_CORRUPT, "", "The file '%s' names no tenant or no admin.",
                         SELF_FILE);
    return 0;
}

/* On a worker, after `ready`: an RSA key takes 60 to 250 ms. */
static void make_keys(struct pool_task *task)
{
    struct key_making *maker = CONTAINER_OF(task, struct key_making, task);
    struct identity *identity = maker->identity;

    assert(identity->keys);
    free(maker);
    /* Without keys every token is answered 503; the next start tries again. */
    keys_make(identity->keys, identity->dir, NULL);
    pthread_mutex_lock(&identity->lock);
    identity->making = false;
    pthread_cond_broadcast(&identity->made);
    pthread_mutex_unlock(&identity->lock);
}

/* Without a pool (tests, tools) the keys are made here and now. */
static void start_maker(struct identity *identity)
{
    struct key_making *maker = calloc(1, sizeof(*maker));

    assert(identity->keys);
    if (!maker)
        abort();
    maker->identity = identity;
    maker->task.run = make_keys;
    identity->making = true;
    if (identity->pool)
        pool_run(identity->pool, &maker->task);
    else
        make_keys(&maker->task);
}

/* Whoever owns the folder is the admin: the kernel says who that is, no file of ours. */
static int identity_read_owner(int dir, uid_t *out, struct error *err)
{
    struct stat status;

    assert(out);
    if (fstat(dir, &status) < 0)
        return error_set(err, ERROR_IO, "", "The data folder cannot be examined.");
    *out = status.st_uid;
    return 0;
}

/* The maker starts last, when everything it touches is there. */
struct identity *identity_open(const struct identity_options *options, struct pool *pool,
                               struct error *err)
{
    CLEANUP(identity_close) struct identity *identity = calloc(1, sizeof(*identity));
    bool complete;

    if (!identity)
        abort();
    assert(options->domain.len > 0);
    pthread_mutex_init(&identity->lock, NULL);
    pthread_cond_init(&identity->made, NULL);
    identity->arena = arena_new(16 * MIB);
    identity->store = options->store;
    identity->pool = pool;
    identity->dir = options->dir;
    identity->anonymous = options->anonymous_same_user;
    identity->default_scope = options->default_scope;
    identity->limit = limit_new(FAILURES_A_MINUTE);
    identity->passwords = passwords_new();
    identity->accesses = accesses_new();
    identity->domain = arena_str(identity->arena, options->domain);
    identity->audience = audience_of(identity->arena, options->domain);
    identity_set_hosts(identity, options->hosts, options->host_count);
    if (identity_read_owner(options->dir, &identity->owner, err) < 0 ||
        identity_read_self(identity, err) < 0)
        return NULL;
    identity->keys = keys_load(options->dir, &complete, err);
    if (!identity->keys)
        return NULL;
    if (!complete)
        start_maker(identity);
    struct identity *opened = identity;
    identity = NULL;
    return opened;
}

/* Waits for a maker under way, which works on this very struct. */
void identity_close(struct identity **identity)
{
    assert(identity);
    if (!*identity)
        return;
    pthread_mutex_lock(&(*identity)->lock);
    while ((*identity)->making)
        pthread_cond_wait(&(*identity)->made, &(*identity)->lock);
    pthread_mutex_unlock(&(*identity)->lock);
    keys_free(&(*identity)->keys);
    struct host_list *list = atomic_load(&(*identity)->hosts);
    while (list) {
        struct host_list *older = list->older;
        struct arena *arena = list->arena;
        arena_free(&arena);
        list = older;
    }
    guard_cache_free(*identity);
    limit_free(&(*identity)->limit);
    passwords_free(&(*identity)->passwords);
    accesses_free(&(*identity)->accesses);
    arena_free(&(*identity)->arena);
    pthread_cond_destroy(&(*identity)->made);
    pthread_mutex_destroy(&(*identity)->lock);
    free(*identity);
    *identity = NULL;
}

/* False while the keys of a new folder are being made. */
bool identity_ready(struct identity *identity)
{
    assert(identity);
    return keys_ready(identity->keys);
}

/* From then on whoever shows no credential is nobody, on this machine too. */
void identity_close_door(struct identity *identity)
{
    assert(identity);
    identity->anonymous = false;
}

/* Readers hold no lock: the old list stays until the end. */
void identity_set_hosts(struct identity *identity, const struct str *hosts, size_t count)
{
    struct arena *arena = arena_new(MIB);
    struct host_list *list = arena_make(arena, struct host_list);

    assert(count == 0 || hosts);
    list->arena = arena;
    list->hosts = arena_new_array(arena, struct str, count + 1);
    list->count = count;
    for (size_t i = 0; i < count; i++)
        list->hosts[i] = arena_str(arena, hosts[i]);
    list->older = atomic_load(&identity->hosts);
    atomic_store(&identity->hosts, list);
}

/* Told once, before anything is served. */
void identity_on_attempt(struct identity *identity, identity_attempt_alive *ask, void *context)
{
    assert(identity);
    identity->ask_attempt = ask;
    identity->ask_attempt_context = context;
}

/* The same for signatures; without one they are refused. */
void identity_on_sas(struct identity *identity, identity_check_sas *check, void *context)
{
    assert(identity);
    identity->check_sas = check;
    identity->check_sas_context = context;
}

/* Who wants a token within the first moments of a new folder waits for the key instead of failing:
 * the maker was queued before anybody could ask. */
void identity_wait_keys(struct identity *identity)
{
    pthread_mutex_lock(&identity->lock);
    while (identity->making && !keys_ready(identity->keys))
        pthread_cond_wait(&identity->made, &identity->lock);
    pthread_mutex_unlock(&identity->lock);
}

/* As Azure's, with our tenant: clients compare it with what discovery says. */
struct str identity_issuer(struct identity *identity, struct arena *arena)
{
    const struct host_list *hosts = atomic_load(&identity->hosts);
    struct str host = hosts && hosts->count > 0 ? hosts->hosts[0] : STR("localhost");

    assert(identity->tenant.len > 0);
    return arena_printf(arena, "https://%.*s/%.*s/v2.0", STR_ARG(host), STR_ARG(identity->tenant));
}

/* For the admin and for attempts; principals have principal_access_token. */
int identity_mint(struct identity *identity, struct arena *arena, const struct token_claims *claims,
                  struct str *out, struct error *err)
{
    struct token token = {.kind = claims->run.len > 0 ? TOKEN_ATTEMPT : TOKEN_ADMIN,
                          .audience =
                              claims->audience.len > 0 ? claims->audience : identity->audience,
                          .issuer = identity_issuer(identity, arena),
                          .tenant = identity->tenant,
                          .subject = claims->subject,
                          .object_id = claims->object_id,
                          .name = claims->name,
                          .issued_us = clock_now_us(),
                          .expires_us = claims->expires_us,
                          .scope = claims->scope,
                          .run = claims->run,
                          .attempt = claims->attempt,
                          .maker = claims->maker};

    assert(arena && claims && out);
    if (token.expires_us <= token.issued_us)
        return error_set(err, ERROR_INVALID, "", "A token cannot expire before it begins.");
    if (token.kind == TOKEN_ATTEMPT && (token.scope <= 0 || token.attempt <= 0))
        return error_set(err, ERROR_INVALID, "",
                         "An attempt's token needs its workspace and number.");
    identity_wait_keys(identity);
    return token_sign(identity->keys, arena, &token, out, err);
}

/* What tokens of ours must be for. */
struct str identity_audience(struct identity *identity)
{
    assert(identity->audience.len > 0);
    return identity->audience;
}

/* Our own GUID, made with the folder. */
struct str identity_tenant(struct identity *identity)
{
    assert(identity->tenant.len > 0);
    return identity->tenant;
}

/* Hours, not days: it opens everything, and a new one is a call over the socket away. */
int identity_admin_token(struct identity *identity, struct arena *arena, struct str *out,
                         int64_t *out_expires_us, struct error *err)
{
    int64_t expires_us = clock_now_us() + ADMIN_TOKEN_US;
    struct token_claims claims = {.subject = identity->admin_id,
                                  .object_id = identity->admin_id,
                                  .name = STR("admin"),
                                  .expires_us = expires_us};

    assert(out && out_expires_us);
    if (identity_mint(identity, arena, &claims, out, err) < 0)
        return -1;
    *out_expires_us = expires_us / US_PER_S * US_PER_S;
    return 0;
}

/* By time, not by list: what was minted before the epoch is refused, and so nothing needs
 * remembering. */
int identity_revoke_admin(struct identity *identity, struct error *err)
{
    assert(identity);
    /* Tokens carry whole seconds: those of the running second are revoked too. */
    atomic_store(&identity->admin_epoch_us, (clock_now_us() / US_PER_S + 1) * US_PER_S);
    return write_self(identity, err);
}

/* Public halves only, see keys_jwks. */
struct json *identity_jwks(struct identity *identity, struct arena *arena)
{
    assert(identity->keys);
    return keys_jwks(identity->keys, arena);
}
