/* marks.h - the place of each value, by its address; private to yaml/ */
#pragma once

#include "yaml/yaml.h"

/* An empty table in the arena. */
struct yaml_marks *yaml_marks_new(struct arena *arena);

/* Remembers where a value and its key stood. */
void yaml_marks_add(struct arena *arena, struct yaml_marks *marks, const struct json *value,
                    struct yaml_mark at, struct yaml_mark key);
