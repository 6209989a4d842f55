#include "blob/internal.h"

#include "base/buf.h"

#include <assert.h>

/* The little XML that the surface speaks. No document type, no entities but the five. */

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

void blob_xml_element(struct buf *out, const char *name, struct str text)
{
    assert(name[0]);
    buf_printf(out, "<%s>", name);
    blob_xml_text(out, text);
    buf_printf(out, "</%s>", name);
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

/* One "<Latest>id</Latest>" whose opening tag was read. */
static int read_block(struct str *rest, struct str tag, struct str *out, struct error *err)
{
    ssize_t end = str_find_char(*rest, '<');
    struct str close;

    assert(out);
    if (str_eq(tag, STR("Committed")))
        return error_set(err, ERROR_NOT_IMPLEMENTED, "FeatureNotYetSupported",
                         "Lists that name committed blocks are not built yet; upload them again.");
    if (!str_eq(tag, STR("Latest")) && !str_eq(tag, STR("Uncommitted")))
        return bad_list(err, "an element that is none of Latest, Uncommitted, Committed");
    if (end < 0)
        return bad_list(err, "it breaks off");
    *out = str_trim(str_slice(*rest, 0, (size_t)end));
    *rest = str_slice(*rest, (size_t)end, rest->len);
    if (!next_tag(rest, &close) || close.len != tag.len + 1 || close.ptr[0] != '/' ||
        !str_eq(str_slice(close, 1, close.len), tag))
        return bad_list(err, "an element is not closed");
    return blob_xml_is_id(*out)
               ? 0
               : error_set(err, ERROR_INVALID, "InvalidBlockId", "A block id is base64.");
}

/* Opening tag, blocks, closing tag, and nothing behind it. */
int blob_xml_blocks(struct arena *arena, struct str xml, struct str **out, size_t *out_count,
                    struct error *err)
{
    struct str rest = xml, tag;
    size_t count = 0, size = 64;
    struct str *ids = arena_new_array(arena, struct str, size);

    assert(out && out_count);
    if (str_starts(rest, STR("\xef\xbb\xbf")))
        rest = str_slice(rest, 3, rest.len);
    if (!next_tag(&rest, &tag) ||
        !(str_eq(tag, STR("BlockList")) || str_eq(tag, STR("BlockList/")) ||
          str_eq(tag, STR("BlockList /"))))
        return bad_list(err, "it does not begin with BlockList");
    bool open = tag.ptr[tag.len - 1] != '/';
    while (open) {
        if (!next_tag(&rest, &tag))
            return bad_list(err, "it breaks off");
        if (str_eq(tag, STR("/BlockList")))
            break;
        if (count == BLOB_BLOCKS_MAX)
            return error_set(err, ERROR_INVALID, "BlockListTooLong",
                             "A blob has at most %d blocks.", BLOB_BLOCKS_MAX);
        if (count == size) {
            struct str *more = arena_new_array(arena, struct str, size * 2);
            for (size_t i = 0; i < count; i++)
                more[i] = ids[i];
            ids = more;
            size *= 2;
        }
        if (read_block(&rest, tag, &ids[count], err) < 0)
            return -1;
        count++;
    }
    if (str_trim(rest).len > 0)
        return bad_list(err, "something follows it");
    *out = ids;
    *out_count = count;
    return 0;
}
