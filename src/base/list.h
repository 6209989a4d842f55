/* list.h - a ring of nodes that live inside their owners */
#pragma once

#include "base/base.h"

struct list {
    struct list *next;
    struct list *prev;
};

/* A list head, or a node outside of any list, points to itself. */
static inline void list_init(struct list *list)
{
    list->next = list->prev = list;
}

static inline bool list_empty(const struct list *list)
{
    return list->next == list;
}

/* Puts `node` at the end of the list. */
static inline void list_push(struct list *list, struct list *node)
{
    node->prev = list->prev;
    node->next = list;
    list->prev->next = node;
    list->prev = node;
}

/* Takes a node out; it then stands alone, and may be taken out again. */
static inline void list_remove(struct list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_init(node);
}

/* Takes the first node out, NULL when there is none. */
static inline struct list *list_pop(struct list *list)
{
    struct list *first = list->next;
    if (first == list)
        return NULL;
    list_remove(first);
    return first;
}
