#include "blob/internal.h"

#include "base/buf.h"
#include "http/text.h"

#include <assert.h>
#include <string.h>

/* The little XML that the surface speaks. No document type, no entities but the five. */

/* Whatever the text holds, the document stays one that parsers take. */
void blob_xml_text(struct buf *out, struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        switch (text.ptr[i]) {
        case '&':
            buf_add(out, STR("&amp;"));
            break;
        case '<':
            buf_add(out, STR("&lt;"));
            break;
        case '>':
            buf_add(out, STR("&gt;"));
            break;
        case '"':
            buf_add(out, STR("&quot;"));
            break;
        default:
            /* Control characters have no place in XML 1.0, escaped or not. */
            if ((unsigned char)text.ptr[i] >= 0x20 || text.ptr[i] == '\t' || text.ptr[i] == '\n')
                buf_add_char(out, text.ptr[i]);
            else
                buf_add(out, STR("\xef\xbf\xbd"));
        }
    }
}

/* Names of elements are ours; what lies in them is the client's. */
void blob_xml_element(struct buf *out, const char *name, struct str text)
{
    assert(name[0]);
    buf_printf(out, "<%s>", name);
    blob_xml_text(out, text);
    buf_printf(out, "</%s>", name);
}

/* Names hold any UTF-8; what XML 1.0 cannot say is told percent-encoded, as an attribute says. */
void blob_xml_name(struct arena *arena, struct buf *out, struct str name)
{
    bool odd = false;

    for (size_t i = 0; i < name.len; i++)
        odd |= (unsigned char)name.ptr[i] < 0x20;
    odd |= str_find(name, STR("\xef\xbf\xbe")) >= 0 || str_find(name, STR("\xef\xbf\xbf")) >= 0;
    if (!odd) {
        blob_xml_element(out, "Name", name);
        return;
    }
    buf_add(out, STR("<Name Encoded=\"true\">"));
    blob_xml_text(out, http_encode(arena, name, true));
    buf_add(out, STR("</Name>"));
}

/* Names of metadata are identifiers, so they can be elements. */
void blob_xml_metadata(struct arena *arena, struct buf *out, const struct json *meta)
{
    struct json_iter it = json_iter(json_get(meta, STR("meta")));

    buf_add(out, STR("<Metadata>"));
    while (json_next(&it))
        blob_xml_element(out, arena_cstr(arena, it.key), json_as_str(it.value));
    buf_add(out, STR("</Metadata>"));
}

/* --- Reading --------------------------------------------------------------------------------- */

/* No parser: the two bodies that are read so have a handful of flat elements. */
struct str blob_xml_find(struct str xml, const char *name)
{
    struct str rest = xml;
    size_t len = str_from(name).len;

    assert(len > 0);
    for (ssize_t at; (at = str_find(rest, str_from(name))) >= 0;) {
        size_t end = (size_t)at + len;
        bool opens = at > 0 && rest.ptr[at - 1] == '<' && end < rest.len && rest.ptr[end] == '>';
        rest = str_slice(rest, end, rest.len);
        ssize_t close = opens ? str_find_char(rest, '<') : -1;
        if (close >= 0)
            return str_trim(str_slice(rest, 1, (size_t)close));
    }
    return (struct str){0};
}

/* One code for every fault of the document. */
static int bad_list(struct error *err, const char *why)
{
    return error_set(err, ERROR_INVALID, "InvalidXmlDocument", "The block list is not valid: %s.",
                     why);
}

/* Skips blanks, declarations and comments; then takes one tag, without its angle brackets. */
static bool next_tag(struct str *rest, struct str *out)
{
    assert(rest && out);
    for (;;) {
        *rest = str_trim(*rest);
        ssize_t end = str_find(*rest, STR(">"));
        if (rest->len < 2 || rest->ptr[0] != '<' || end < 0)
            return false;
        *out = str_slice(*rest, 1, (size_t)end);
        *rest = str_slice(*rest, (size_t)end + 1, rest->len);
        if (!str_starts(*out, STR("?")))
            return true;
    }
}

/* 88 characters are base64 of the 64 bytes that an id may have. */
bool blob_xml_is_id(struct str text)
{
    assert(text.ptr || !text.len);
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '+' || c == '/' || c == '='))
            return false;
    }
    return text.len > 0 && text.len <= 88;
}

/* Which block an element means. */
static bool read_from(struct str tag, enum content_from *out)
{
    static const struct {
        const char *tag;
        enum content_from from;
    } FROM[] = {{"Latest", CONTENT_LATEST},
                {"Uncommitted", CONTENT_STAGED},
                {"Committed", CONTENT_COMMITTED}};

    for (size_t i = 0; i < COUNT(FROM); i++)
        if (str_eq(tag, str_from(FROM[i].tag))) {
            *out = FROM[i].from;
            return true;
        }
    return false;
}

/* One "<Latest>id</Latest>" whose opening tag was read. */
static int read_block(struct str *rest, struct str tag, struct content_pick *out, struct error *err)
{
    ssize_t end = str_find_char(*rest, '<');
    struct str close;

    assert(out);
    if (!read_from(tag, &out->from))
        return bad_list(err, "an element that is none of Latest, Uncommitted, Committed");
    if (end < 0)
        return bad_list(err, "it breaks off");
    out->block_id = str_trim(str_slice(*rest, 0, (size_t)end));
    *rest = str_slice(*rest, (size_t)end, rest->len);
    if (!next_tag(rest, &close) || close.len != tag.len + 1 || close.ptr[0] != '/' ||
        !str_eq(str_slice(close, 1, close.len), tag))
        return bad_list(err, "an element is not closed");
    return blob_xml_is_id(out->block_id)
               ? 0
               : error_set(err, ERROR_INVALID, "InvalidBlockId", "A block id is base64.");
}

/* The opening tag, with what a schema may add to it: "BlockList", "BlockList xmlns=…", either
 * closed at once by a slash. */
static bool read_root(struct str *rest, bool *out_open)
{
    struct str tag, word, tail;

    if (str_starts(*rest, STR("\xef\xbb\xbf")))
        *rest = str_slice(*rest, 3, rest->len);
    if (!next_tag(rest, &tag))
        return false;
    *out_open = !str_ends(tag, STR("/"));
    if (!*out_open)
        tag = str_slice(tag, 0, tag.len - 1);
    word = tag;
    str_cut(tag, ' ', &word, &tail);
    return str_eq(str_trim(word), STR("BlockList"));
}

/* Opening tag, blocks, closing tag, and nothing behind it. */
int blob_xml_blocks(struct arena *arena, struct str xml, struct content_pick **out,
                    size_t *out_count, struct error *err)
{
    struct str rest = xml, tag;
    size_t count = 0, size = 64;
    struct content_pick *picks = arena_new_array(arena, struct content_pick, size);
    bool open;

    assert(out && out_count);
    if (!read_root(&rest, &open))
        return bad_list(err, "it does not begin with BlockList");
    while (open) {
        if (!next_tag(&rest, &tag))
            return bad_list(err, "it breaks off");
        if (str_eq(tag, STR("/BlockList")))
            break;
        if (count == BLOB_BLOCKS_MAX)
            return error_set(err, ERROR_INVALID, "BlockListTooLong",
                             "A blob has at most %d blocks.", BLOB_BLOCKS_MAX);
        if (count == size) {
            struct content_pick *more = arena_new_array(arena, struct content_pick, size * 2);
            memcpy(more, picks, count * sizeof(*picks));
            picks = more;
            size *= 2;
        }
        if (read_block(&rest, tag, &picks[count], err) < 0)
            return -1;
        count++;
    }
    if (str_trim(rest).len > 0)
        return bad_list(err, "something follows it");
    *out = picks;
    *out_count = count;
    return 0;
}
