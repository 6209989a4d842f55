/* role_people.h - between the files of people */
#pragma once

#include "identity/principal.h"
#include "kinds/role_wire.h"

#define PEOPLE_PATH "/lazurite/v1/"
#define PEOPLE_READ ROLE_PROVIDER "/principals/read"
#define PEOPLE_WRITE ROLE_PROVIDER "/principals/write"
#define PEOPLE_DELETE ROLE_PROVIDER "/principals/delete"
/* Rows below /me: whoever has proven who he is (identity/guard.c). */
#define PEOPLE_ME_READ ROLE_PROVIDER "/me/read"
#define PEOPLE_ME_WRITE ROLE_PROVIDER "/me/write"

/* docs/identity.md: PRINCIPAL and CREDENTIAL. */
struct json *people_show(struct arena *arena, const struct principal *who);
struct json *people_show_credential(struct arena *arena, const struct credential *credential);
/* `key` as a time, or null for never. */
void people_set_time(struct arena *arena, struct json *object, const char *key, int64_t at_us);

/* Answers with what was made or what went wrong. A secret is in `body`: nothing keeps it. */
void people_answer(struct call *call, int result, int status, const struct json *body,
                   const struct error *err);
/* The body as an object, an empty one when there is none. Errors: ERROR_INVALID. */
struct json *people_body(struct call *call, struct error *err);
/* A text field; "" when absent. Errors: ERROR_INVALID for another kind of value. */
int people_text(const struct json *body, const char *key, struct str *out, struct error *err);
/* expiresInDays, 365 when absent, as a point in time. Errors: ERROR_INVALID. */
int people_expiry(const struct json *body, int64_t *out_us, struct error *err);

/* A new random secret with label and expiry from the body; fields `name`, id and expiresOn go into
 * `out`. */
int people_add_secret(struct call *call, int64_t number, const char *name, struct json *out,
                      struct error *err);
