/* One table and one lock: a sign-in is a matter of people, not of thousands a second. */
#include "oauth/flow.h"

#include "base/list.h"
#include "base/map.h"
#include "os/clock.h"
#include "os/random.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#define FLOWS_MAX 1024
#define FLOWS_PER_ADDRESS 128
#define FLOW_BYTES (64 * KIB) /* of one flow's texts; the form that brought them was smaller */
#define KEY_BYTES 32
#define USER_CODE_LETTERS 8
#define SLOWER_US (5 * US_PER_S)

enum progress { WAITING, GRANTED, REFUSED, TAKEN };

struct entry {
    struct list by_age;
    struct arena *texts;
    struct flow flow;
    struct str key, user_code;
    enum progress progress;
    int64_t until_us, forget_us; /* on the monotonic clock */
    int64_t polled_us, interval_us;
};

struct flows {
    pthread_mutex_t lock;
    struct map *by_key, *by_user_code;
    struct list by_age; /* the oldest first */
};

/* --- The table -------------------------------------------------------------------------------- */

/* In memory alone: a sign-in that a restart interrupts is begun again. */
struct flows *flows_new(void)
{
    struct flows *flows = calloc(1, sizeof(*flows));

    if (!flows)
        abort();
    pthread_mutex_init(&flows->lock, NULL);
    flows->by_key = map_new();
    flows->by_user_code = map_new();
    list_init(&flows->by_age);
    return flows;
}

/* Out of all three, and gone. Locked. */
static void forget(struct flows *flows, struct entry *entry)
{
    struct arena *texts = entry->texts;

    assert(map_get(flows->by_key, entry->key) == entry);
    map_remove(flows->by_key, entry->key);
    if (entry->user_code.len > 0)
        map_remove(flows->by_user_code, entry->user_code);
    list_remove(&entry->by_age);
    arena_free(&texts);
}

/* Nobody asks any more. */
void flows_free(struct flows **flows)
{
    assert(flows);
    if (!*flows)
        return;
    while (!list_empty(&(*flows)->by_age))
        forget(*flows, CONTAINER_OF((*flows)->by_age.next, struct entry, by_age));
    map_free(&(*flows)->by_key);
    map_free(&(*flows)->by_user_code);
    pthread_mutex_destroy(&(*flows)->lock);
    free(*flows);
    *flows = NULL;
}

/* All texts of a flow into an arena. */
static struct flow copy(struct arena *arena, const struct flow *flow)
{
    struct flow made = *flow;
    struct str *const TEXTS[] = {&made.client, &made.scope,  &made.redirect,
                                 &made.state,  &made.nonce,  &made.challenge,
                                 &made.person, &made.family, &made.address};

    for (size_t i = 0; i < COUNT(TEXTS); i++)
        *TEXTS[i] = arena_str(arena, *TEXTS[i]);
    return made;
}

/* How long an answer is waited for. */
static int64_t life_us(enum flow_kind kind)
{
    static const int64_t SECONDS[] = {
        [FLOW_PAGE] = FLOW_PAGE_S, [FLOW_CODE] = FLOW_CODE_S, [FLOW_DEVICE] = FLOW_DEVICE_S};

    assert(kind >= FLOW_PAGE && kind <= FLOW_DEVICE);
    return SECONDS[kind] * US_PER_S;
}

/* Consonants only: no words, and no letter that looks like a digit. 2.5e10 of them. */
static struct str make_user_code(struct flows *flows, struct arena *arena)
{
    static const char LETTERS[] = "BCDFGHJKLMNPQRSTVWXZ";
    char *code = arena_alloc(arena, USER_CODE_LETTERS + 1);

    do
        for (size_t i = 0; i < USER_CODE_LETTERS; i++)
            code[i] = LETTERS[random_below(sizeof(LETTERS) - 1)];
    while (map_get(flows->by_user_code, (struct str){code, USER_CODE_LETTERS}));
    return (struct str){code, USER_CODE_LETTERS};
}

/* What nobody will ask about any more; and the oldest, when there is no room. Locked. */
static void make_room(struct flows *flows, struct str address, int64_t now_us)
{
    struct list *at = flows->by_age.next;
    struct entry *oldest = NULL;
    size_t same = 0;

    while (at != &flows->by_age) {
        struct entry *entry = CONTAINER_OF(at, struct entry, by_age);
        at = at->next;
        if (now_us >= entry->forget_us) {
            forget(flows, entry);
        } else if (str_eq(entry->flow.address, address)) {
            oldest = oldest ? oldest : entry;
            same++;
        }
    }
    if (same >= FLOWS_PER_ADDRESS)
        forget(flows, oldest);
    while (map_count(flows->by_key) >= FLOWS_MAX)
        forget(flows, CONTAINER_OF(flows->by_age.next, struct entry, by_age));
}

/* The key is random and given once; what a person types is shorter, and held back by the
 * throttle. */
void flows_add(struct flows *flows, struct arena *arena, const struct flow *flow,
               struct str *out_key)
{
    struct arena *texts = arena_new(FLOW_BYTES);
    struct entry *entry = arena_make(texts, struct entry);
    int64_t now_us = clock_mono_us();

    assert(flows && flow && out_key);
    entry->texts = texts;
    entry->flow = copy(texts, flow);
    entry->flow.signed_us = clock_now_us();
    entry->key = random_hex(texts, KEY_BYTES);
    entry->until_us = now_us + life_us(flow->kind);
    /* What has ended is still told apart from what never was, as long again. */
    entry->forget_us = entry->until_us + life_us(flow->kind);
    entry->interval_us = FLOW_DEVICE_INTERVAL_S * US_PER_S;
    *out_key = arena_str(arena, entry->key);
    pthread_mutex_lock(&flows->lock);
    make_room(flows, flow->address, now_us);
    if (flow->kind == FLOW_DEVICE) {
        entry->user_code = make_user_code(flows, texts);
        map_set(flows->by_user_code, entry->user_code, entry);
    }
    map_set(flows->by_key, entry->key, entry);
    list_push(&flows->by_age, &entry->by_age);
    pthread_mutex_unlock(&flows->lock);
}

/* Found by its key and of that kind, expired or not; else NULL. Locked. */
static struct entry *find(struct flows *flows, struct str key, enum flow_kind kind)
{
    struct entry *entry = map_get(flows->by_key, key);

    return entry && entry->flow.kind == kind ? entry : NULL;
}

/* --- Pages and codes -------------------------------------------------------------------------- */

/* With `take` the page is gone afterwards. */
static bool read_page(struct flows *flows, struct arena *arena, struct str key, bool take,
                      struct flow *out)
{
    pthread_mutex_lock(&flows->lock);
    struct entry *entry = find(flows, key, FLOW_PAGE);
    bool there = entry && clock_mono_us() < entry->until_us;
    if (there)
        *out = copy(arena, &entry->flow);
    if (there && take)
        forget(flows, entry);
    pthread_mutex_unlock(&flows->lock);
    return there;
}

/* Looked at, so that a wrong password can be tried again. */
bool flows_page(struct flows *flows, struct arena *arena, struct str key, struct flow *out)
{
    assert(flows && out);
    return read_page(flows, arena, key, false, out);
}

/* Taken by the first who proves himself. */
bool flows_take_page(struct flows *flows, struct arena *arena, struct str key, struct flow *out)
{
    assert(flows && out);
    return read_page(flows, arena, key, true, out);
}

/* A code that comes a second time is told with its flow, since then all that came of it must end
 * (RFC 6749, 4.1.2). */
enum flow_code flows_take_code(struct flows *flows, struct arena *arena, struct str key,
                               struct flow *out)
{
    enum flow_code result = CODE_UNKNOWN;

    assert(flows && out);
    pthread_mutex_lock(&flows->lock);
    struct entry *entry = find(flows, key, FLOW_CODE);
    if (entry && (entry->progress == TAKEN || clock_mono_us() < entry->until_us)) {
        result = entry->progress == TAKEN ? CODE_TAKEN_BEFORE : CODE_TAKEN_NOW;
        entry->progress = TAKEN;
        *out = copy(arena, &entry->flow);
    }
    pthread_mutex_unlock(&flows->lock);
    return result;
}

/* --- Devices ---------------------------------------------------------------------------------- */

/* In two groups, as people read it aloud. */
struct str flows_user_code(struct flows *flows, struct arena *arena, struct str key)
{
    struct str code = STR("");

    assert(flows);
    pthread_mutex_lock(&flows->lock);
    const struct entry *entry = find(flows, key, FLOW_DEVICE);
    if (entry)
        code = arena_printf(arena, "%.*s-%.*s", USER_CODE_LETTERS / 2, entry->user_code.ptr,
                            USER_CODE_LETTERS / 2, entry->user_code.ptr + USER_CODE_LETTERS / 2);
    pthread_mutex_unlock(&flows->lock);
    return code;
}

/* By what a person typed: dashes, blanks and case do not matter. Only one that waits. Locked. */
static struct entry *find_typed(struct flows *flows, struct str typed)
{
    char code[USER_CODE_LETTERS];
    size_t count = 0;

    for (size_t i = 0; i < typed.len; i++) {
        char c = typed.ptr[i];
        if (c == '-' || c == ' ')
            continue;
        if (count == USER_CODE_LETTERS)
            return NULL;
        code[count++] = c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
    }
    struct entry *entry = map_get(flows->by_user_code, (struct str){code, count});
    if (!entry || entry->progress != WAITING || clock_mono_us() >= entry->until_us)
        return NULL;
    return entry;
}

/* What a person is about to allow, shown before he is asked. */
bool flows_device(struct flows *flows, struct arena *arena, struct str user_code, struct flow *out)
{
    assert(flows && out);
    pthread_mutex_lock(&flows->lock);
    const struct entry *entry = find_typed(flows, user_code);
    if (entry)
        *out = copy(arena, &entry->flow);
    pthread_mutex_unlock(&flows->lock);
    return entry != NULL;
}

/* Once: a code that was answered waits no longer. */
bool flows_decide(struct flows *flows, struct str user_code, struct str person)
{
    assert(flows);
    pthread_mutex_lock(&flows->lock);
    struct entry *entry = find_typed(flows, user_code);
    if (entry) {
        entry->progress = person.len > 0 ? GRANTED : REFUSED;
        entry->flow.person = arena_str(entry->texts, person);
        entry->flow.signed_us = clock_now_us();
    }
    pthread_mutex_unlock(&flows->lock);
    return entry != NULL;
}

/* Where a device's flow is. Asking before its time makes the interval longer (RFC 8628, 3.5), but
 * keeps nothing from who was signed in: msal for Go asks every five seconds whatever it is told,
 * and would be told to slow down until the code expired. Locked. */
static enum flow_poll poll_entry(struct entry *entry, int64_t now_us)
{
    assert(entry->flow.kind == FLOW_DEVICE);
    if (now_us >= entry->until_us)
        return POLL_EXPIRED;
    if (entry->progress == REFUSED)
        return POLL_REFUSED;
    if (entry->progress == GRANTED)
        return POLL_GRANTED;
    /* Half a second of slack: a client's timer and its way here are not exact. */
    bool early =
        entry->polled_us > 0 && now_us - entry->polled_us < entry->interval_us - 500 * US_PER_MS;
    entry->polled_us = now_us;
    if (early) {
        entry->interval_us += SLOWER_US;
        return POLL_TOO_FAST;
    }
    return POLL_PENDING;
}

/* The answer is given out once; then the flow is gone. */
enum flow_poll flows_poll(struct flows *flows, struct arena *arena, struct str key,
                          struct flow *out)
{
    enum flow_poll result = POLL_UNKNOWN;

    assert(flows && out);
    pthread_mutex_lock(&flows->lock);
    struct entry *entry = find(flows, key, FLOW_DEVICE);
    if (entry) {
        result = poll_entry(entry, clock_mono_us());
        *out = copy(arena, &entry->flow);
    }
    if (result == POLL_GRANTED)
        forget(flows, entry);
    pthread_mutex_unlock(&flows->lock);
    return result;
}
