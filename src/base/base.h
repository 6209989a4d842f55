/* base.h - the few macros that every file may use */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Runs `f(&variable)` when the variable leaves scope. By custom f takes a T **, does nothing for
 * NULL and leaves NULL behind, so that ownership is handed on by setting the variable to NULL. */
#define CLEANUP(f) __attribute__((cleanup(f)))

#define PRINTF(text, first) __attribute__((format(printf, text, first)))
#define MUST_USE __attribute__((warn_unused_result))

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define KIB (1024UL)
#define MIB (1024UL * 1024UL)
#define GIB (1024UL * 1024UL * 1024UL)

#define US_PER_MS 1000LL
#define US_PER_S 1000000LL

/* The struct that holds `member` at address `pointer`. */
#define CONTAINER_OF(pointer, type, member) ((type *)((char *)(pointer) - offsetof(type, member)))
