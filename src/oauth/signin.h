/* signin.h - name and password, as both pages ask for them */
#pragma once

#include "identity/principal.h"
#include "oauth/form.h"
#include "oauth/page.h"

/* How the last try went; status 200 and no error before the first. */
struct signin_try {
    int status;
    struct str name;
    struct str error; /* a sentence for the person */
};

/* The two fields; the name may be filled in. */
void signin_fields(struct page *page, struct str name);

/* Whether the form's name and password are those of a person; if not, *out_try says so. Ten wrong
 * ones a minute of one name at one address, and no more are looked at. */
bool signin_check(struct call *call, const struct form *form, struct principal *out,
                  struct signin_try *out_try);
