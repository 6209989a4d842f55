/* access.h - what one principal may, remembered for at most five seconds
 *
 * A snapshot of a principal with all its assignments, its groups' too, and their roles. It never
 * changes; whoever got it gives it back. The snapshots in memory are asked anew when they are five
 * seconds old or when anything about people, roles or assignments was changed.
 */
#pragma once

#include "identity/principal.h"

struct access;

/* Of whom: an object id, or a number when it is empty. */
struct access_who {
    struct str object_id;
    int64_t number;
};
/* 1 with *out, 0 when memory does not know and `cached_only` forbids to look, -1 failed. Errors:
 * ERROR_NOT_FOUND for nobody we know. */
int access_get(struct identity *identity, const struct access_who *who, bool cached_only,
               struct access **out, struct error *err);
/* Gives it back; NULL is fine. For CLEANUP. */
void access_release(struct access **access);

/* Who it is of; texts live as long as the snapshot. */
const struct principal *access_principal(const struct access *access);
/* Whether a role at this path or above allows the action. Paths as grant_path makes them. */
bool access_allows(const struct access *access, struct str action, struct str path);
/* Whether it has anything at, above or beneath this path. */
bool access_touches(const struct access *access, struct str path);
/* Whether it is Owner of this path. */
bool access_owns(const struct access *access, struct str path);
/* Whether it holds at this path all that a role gives. */
struct role;
bool access_covers(const struct access *access, const struct role *role, struct str path);
