/* maker.h - who makes or changes a document, as its systemData says it
 *
 * Azure names people by their display names, programs and managed identities by their client ids,
 * and says which of the three it was.
 */
#pragma once

#include "base/arena.h"

enum maker_kind { MAKER_USER, MAKER_APPLICATION, MAKER_IDENTITY };

/* Plain data; the text lives as long as the request or token it came from. */
struct maker {
    enum maker_kind kind;
    struct str name; /* "": nobody is known */
};

/* "User", "Application", "ManagedIdentity". */
struct str maker_word(enum maker_kind kind);
/* The kind of such a word, in any case; people when it is none. */
enum maker_kind maker_kind_of(struct str word);

/* The text of document.system after a change by `maker` at `now_us`: who made it stays as `before`
 * says; "" (or what is no object) makes it new. Owns: `arena`. */
struct str maker_stamp(struct arena *arena, const struct maker *maker, struct str before,
                       int64_t now_us);
/* Who made the document with this `system`; name "" when it does not say. Owns: `arena`. */
struct maker maker_of(struct arena *arena, struct str system);
