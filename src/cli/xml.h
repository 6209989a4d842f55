/* xml.h - the little of XML that storage answers in: elements by name, and the five entities
 *
 * No parser: storage writes flat, plain elements, and what we do not look for is passed over.
 */
#pragma once

#include "base/arena.h"

/* What stands between the next <tag> and its </tag>; *rest goes on behind it. False, and both as
 * they were, when there is none. */
bool xml_next(struct str *rest, struct str tag, struct str *out);

/* The text of the first such element, or "". */
struct str xml_text(struct str xml, struct str tag);

/* Text of an element with the five entities replaced by what they stand for. */
struct str xml_plain(struct arena *arena, struct str text);
