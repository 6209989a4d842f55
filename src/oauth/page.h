/* page.h - the few pages of the token service: HTML without inline script or style, for people
 *
 * Each says in its policy where its forms may go; what a client sent is escaped before it is shown.
 */
#pragma once

#include "base/buf.h"
#include "route/route.h"

#define PAGE_SCRIPT "signin.js"
#define PAGE_STYLE "signin.css"

/* Adds text of others to a page: in elements and in quoted attributes. */
void page_text(struct buf *page, struct str text);

/* A page under way. */
struct page {
    const char *title;
    struct buf body;
    struct str form_target; /* another origin that a form of it goes to; "": only ours */
    bool submits;           /* its form is sent by the script, without a click */
};

/* An empty page; free its body. */
struct page page_make(const char *title);
/* A paragraph of our own words, which may hold markup; one of an error. */
void page_say(struct page *page, const char *markup);
void page_error(struct page *page, struct str text);
/* `<input type="hidden">`. */
void page_hidden(struct page *page, const char *name, struct str value);
/* A field with its label. `kind` is "text" or "password", `fill` what browsers may put in. */
struct page_field {
    const char *name, *label, *kind, *fill;
    struct str value;
};
void page_field(struct page *page, const struct page_field *field);
/* Sends it with the headers that all pages have. */
void page_reply(struct call *call, int status, const struct page *page);

/* Whether a form that came was sent by a page of ours: an Origin or Sec-Fetch-Site that says
 * otherwise is refused. Errors: ERROR_FORBIDDEN. */
int page_own_form(const struct call *call, struct error *err);

/* The script and the style. */
void page_script(struct call *call);
void page_style(struct call *call);
