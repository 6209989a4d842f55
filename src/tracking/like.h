/* like.h - LIKE patterns over UTF-8: `%` any run of characters, `_` exactly one */
#pragma once

#include "base/str.h"

/* Whether the whole text fits the pattern. With `fold` ASCII case does not matter. Runs in
 * O(text * pattern) at worst, without recursion. */
bool like_match(struct str pattern, struct str text, bool fold);
