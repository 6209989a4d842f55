/* Pages: plain HTML, one script of one line's worth, one style. */
#include "oauth/page.h"

#include <assert.h>

#define PAGE_BYTES (256 * KIB)

static const char SCRIPT[] = "const form = document.querySelector('form[data-submit]');\n"
                             "if (form) form.submit();\n";

static const char STYLE[] =
    "body { font: 16px/1.5 system-ui, sans-serif; margin: 0; color: #1c2330; background: #f3f5f9; "
    "}\n"
    "main { max-width: 24rem; margin: 12vh auto; padding: 2rem; background: #fff;"
    " border-radius: .5rem; box-shadow: 0 1px 8px #0002; }\n"
    "h1 { font-size: 1.3rem; margin: 0 0 1rem; }\n"
    "label { display: block; margin: .8rem 0; }\n"
    "input { display: block; width: 100%; box-sizing: border-box; font: inherit; padding: .45rem;"
    " margin-top: .2rem; border: 1px solid #8a93a6; border-radius: .25rem; }\n"
    "button { font: inherit; padding: .45rem 1.2rem; border: 1px solid #2350a9; border-radius:"
    " .25rem; background: #2b5fc7; color: #fff; margin: .8rem .5rem 0 0; }\n"
    "button.quiet { background: #fff; color: #2350a9; }\n"
    "[role=alert] { color: #a01919; }\n"
    "@media (prefers-color-scheme: dark) { body { color: #e7eaf0; background: #12151c; }"
    " main { background: #1d222c; } input { background: #12151c; color: inherit; }"
    " button.quiet { background: #1d222c; color: #9dbcf7; } [role=alert] { color: #ff9a9a; } }\n";

/* All five letters that could end a text or a value, wherever it stands. */
void page_text(struct buf *page, struct str text)
{
    assert(page);
    for (size_t i = 0; i < text.len; i++)
        switch (text.ptr[i]) {
        case '&':
            buf_add(page, STR("&amp;"));
            break;
        case '<':
            buf_add(page, STR("&lt;"));
            break;
        case '>':
            buf_add(page, STR("&gt;"));
            break;
        case '"':
            buf_add(page, STR("&quot;"));
            break;
        case '\'':
            buf_add(page, STR("&#39;"));
            break;
        default:
            buf_add_char(page, text.ptr[i]);
        }
}

/* The title is ours, never a client's. */
struct page page_make(const char *title)
{
    assert(title[0]);
    return (struct page){.title = title, .body = buf_make(PAGE_BYTES)};
}

/* Markup of ours; what others chose goes through page_text. */
void page_say(struct page *page, const char *markup)
{
    buf_printf(&page->body, "<p>%s</p>\n", markup);
}

/* Read aloud at once by screen readers. */
void page_error(struct page *page, struct str text)
{
    buf_add(&page->body, STR("<p role=\"alert\">"));
    page_text(&page->body, text);
    buf_add(&page->body, STR("</p>\n"));
}

/* The value may be anybody's, so it is escaped. */
void page_hidden(struct page *page, const char *name, struct str value)
{
    buf_printf(&page->body, "<input type=\"hidden\" name=\"%s\" value=\"", name);
    page_text(&page->body, value);
    buf_add(&page->body, STR("\">\n"));
}

/* With what password managers look for. */
void page_field(struct page *page, const struct page_field *field)
{
    assert(field->name && field->label && field->kind && field->fill);
    buf_printf(&page->body, "<label>%s<input type=\"%s\" autocomplete=\"%s\" name=\"%s\" value=\"",
               field->label, field->kind, field->fill, field->name);
    page_text(&page->body, field->value);
    buf_add(&page->body, STR("\" autocapitalize=\"off\" spellcheck=\"false\" required></label>\n"));
}

/* Nothing may be loaded but our script and style, nothing may frame the page, and its forms go
 * nowhere but to us and to where the client waits. */
static void add_headers(struct call *call, const struct page *page)
{
    http_add_header(
        call->ex, "Content-Security-Policy",
        arena_printf(call->arena,
                     "default-src 'none'; script-src 'self'; style-src 'self'; form-action 'self'"
                     "%s%.*s; frame-ancestors 'none'; base-uri 'none'",
                     page->form_target.len > 0 ? " " : "", STR_ARG(page->form_target)));
    http_add_header(call->ex, "X-Content-Type-Options", STR("nosniff"));
    http_add_header(call->ex, "X-Frame-Options", STR("DENY"));
    /* Our own posts keep their Origin; nobody else learns the address with its state. */
    http_add_header(call->ex, "Referrer-Policy", STR("same-origin"));
    http_add_header(call->ex, "Cache-Control", STR("no-store"));
}

/* The title is in the window and on the page. */
void page_reply(struct call *call, int status, const struct page *page)
{
    struct buf html = buf_make(PAGE_BYTES + 4 * KIB);

    assert(!page->body.failed);
    buf_printf(&html,
               "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
               "<meta name=\"viewport\" content=\"width=device-width\">\n<title>%s</title>\n"
               "<link rel=\"stylesheet\" href=\"/oauth2/" PAGE_STYLE "\">\n%s</head>\n<body>\n"
               "<main>\n<h1>%s</h1>\n",
               page->title,
               page->submits ? "<script src=\"/oauth2/" PAGE_SCRIPT "\" defer></script>\n" : "",
               page->title);
    buf_add(&html, buf_str(&page->body));
    buf_add(&html, STR("</main>\n</body>\n</html>\n"));
    add_headers(call, page);
    http_reply(call->ex, status, "text/html; charset=utf-8",
               arena_str(call->arena, buf_str(&html)));
    buf_free(&html);
}

/* A browser says where a form comes from, and no page can make it lie; clients that are no browsers
 * say nothing. */
int page_own_form(const struct call *call, struct error *err)
{
    struct str site = http_header(call->ex, "Sec-Fetch-Site");
    struct str origin = http_header(call->ex, "Origin"), host = http_header(call->ex, "Host");
    struct str scheme = http_peer(call->ex)->tls ? STR("https://") : STR("http://");
    bool own = (site.len == 0 || str_eq(site, STR("same-origin"))) &&
               (origin.len == 0 || (str_starts_fold(origin, scheme) &&
                                    str_eq_fold(str_slice(origin, scheme.len, origin.len), host)));

    return own ? 0
               : error_set(err, ERROR_FORBIDDEN, "access_denied",
                           "The form was not sent by a page of this server.");
}

/* They change with the program only. */
static void reply_static(struct call *call, const char *type, struct str text)
{
    assert(text.len > 0);
    http_add_header(call->ex, "X-Content-Type-Options", STR("nosniff"));
    http_add_header(call->ex, "Cache-Control", STR("max-age=3600"));
    http_reply(call->ex, 200, type, text);
}

/* From an address of its own, since the policy allows nothing inline. */
void page_script(struct call *call)
{
    reply_static(call, "text/javascript; charset=utf-8", str_from(SCRIPT));
}

/* The same. */
void page_style(struct call *call)
{
    reply_static(call, "text/css; charset=utf-8", str_from(STYLE));
}
