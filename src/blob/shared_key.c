/* Requests, and parts of batches, that a client signs with the account's key: what it signed is put
 * together again from the request as it came, so whatever was changed on the way no longer fits. */
#include "blob/internal.h"

#include "http/text.h"
#include "os/clock.h"
#include "vault/account_key.h"

#include <assert.h>
#include <ctype.h>
#include <stdlib.h>

#define SKEW_US (15 * 60 * US_PER_S)
#define QUERY_MAX 64

/* The headers that are signed by place. Date is there only when x-ms-date is not. */
static const char *const SIGNED[] = {
    "content-encoding",
    "content-language",
    "content-length",
    "content-md5",
    "content-type",
    "date",
    "if-modified-since",
    "if-match",
    "if-none-match",
    "if-unmodified-since",
    "range",
};

struct pair {
    struct str name, value;
};

/* Header and query names are signed in lower case. */
static struct str lower(struct arena *arena, struct str text)
{
    struct str copy = arena_str(arena, text);
    char *out = (char *)copy.ptr;

    for (size_t i = 0; i < copy.len; i++)
        out[i] = (char)tolower((unsigned char)out[i]);
    return copy;
}

/* Punctuation, then digits, then letters; the hyphen counts for nothing at first. */
static int weight(char c)
{
    static const char ORDER[] = "!#$%&*.^_`|~+0123456789abcdefghijklmnopqrstuvwxyz";
    ssize_t at = str_find_char(str_from(ORDER), c);

    return at < 0 ? 0 : (int)at + 1;
}

/* The next character that counts; '\0' behind the last. */
static char next_heavy(struct str *rest)
{
    while (rest->len > 0 && rest->ptr[0] == '-')
        *rest = str_slice(*rest, 1, rest->len);
    if (rest->len == 0)
        return '\0';
    char c = rest->ptr[0];
    *rest = str_slice(*rest, 1, rest->len);
    return c;
}

/* The storage service sorts header names as words of a dictionary: without their hyphens, and only
 * where that leaves a tie does the name with the earlier hyphen come later. */
static int compare_headers(const void *left, const void *right)
{
    struct str a = ((const struct pair *)left)->name, b = ((const struct pair *)right)->name;
    struct str rest_a = a, rest_b = b;

    for (;;) {
        char x = next_heavy(&rest_a), y = next_heavy(&rest_b);
        if (weight(x) != weight(y))
            return weight(x) - weight(y);
        if (x == '\0' && y == '\0')
            break;
    }
    for (size_t i = 0; i < a.len && i < b.len; i++)
        if ((a.ptr[i] == '-') != (b.ptr[i] == '-'))
            return a.ptr[i] == '-' ? 1 : -1;
    return (int)a.len - (int)b.len;
}

/* Names first, then values, each by its bytes. */
static int compare_query(const void *left, const void *right)
{
    const struct pair *a = left, *b = right;
    int names = str_cmp(a->name, b->name);

    return names ? names : str_cmp(a->value, b->value);
}

/* Verb and the headers that have a place of their own. */
static struct str text_start(const struct blob_ask *ask)
{
    struct str text = arena_printf(ask->arena, "%.*s\n", STR_ARG(ask->method));
    bool dated = blob_ask_header(ask, "x-ms-date").len > 0;

    for (size_t i = 0; i < COUNT(SIGNED); i++) {
        struct str value = blob_ask_header(ask, SIGNED[i]);
        bool left_out =
            (str_eq(str_from(SIGNED[i]), STR("date")) && dated) ||
            (str_eq(str_from(SIGNED[i]), STR("content-length")) && str_eq(value, STR("0")));
        text = arena_printf(ask->arena, "%.*s%.*s\n", STR_ARG(text),
                            STR_ARG(left_out ? STR("") : value));
    }
    return text;
}

/* Line ends go and tabs are blanks: a header may have been folded on its way. */
static struct str unfold(struct arena *arena, struct str value)
{
    struct str trimmed = str_trim(value), copy = arena_str(arena, trimmed);
    char *to = (char *)copy.ptr;
    size_t len = 0;

    for (size_t i = 0; i < trimmed.len; i++) {
        char c = trimmed.ptr[i] == '\t' ? ' ' : trimmed.ptr[i];
        if (c != '\r' && c != '\n')
            to[len++] = c;
    }
    return (struct str){copy.ptr, len};
}

/* "x-ms-…:value" of each such header, in the service's order. */
static struct str text_headers(const struct blob_ask *ask)
{
    struct pair *pairs = arena_new_array(ask->arena, struct pair, ask->header_count + 1);
    size_t used = 0;
    struct str text = {0};

    for (size_t i = 0; i < ask->header_count; i++)
        if (str_starts_fold(ask->headers[i].name, STR("x-ms-")))
            pairs[used++] = (struct pair){lower(ask->arena, ask->headers[i].name),
                                          unfold(ask->arena, ask->headers[i].value)};
    qsort(pairs, used, sizeof(*pairs), compare_headers);
    for (size_t i = 0; i < used; i++)
        text = arena_printf(ask->arena, "%.*s%.*s:%.*s\n", STR_ARG(text), STR_ARG(pairs[i].name),
                            STR_ARG(pairs[i].value));
    return text;
}

/* The query, sorted, decoded once. Errors: ERROR_FORBIDDEN for more than anybody needs. */
static int text_query(const struct blob_ask *ask, struct str *out, struct error *err)
{
    struct pair pairs[QUERY_MAX];
    struct str rest = ask->query, piece, text = {0};
    size_t count = 0;

    while (rest.len > 0 && str_split(&rest, '&', &piece)) {
        struct pair *pair = &pairs[count];
        if (piece.len == 0)
            continue;
        if (count == QUERY_MAX)
            return error_set(err, ERROR_FORBIDDEN, "AuthenticationFailed",
                             "There are more than %d query parameters.", QUERY_MAX);
        *pair = (struct pair){.name = piece};
        str_cut(piece, '=', &pair->name, &pair->value);
        if (http_decode(ask->arena, pair->name, &pair->name, err) < 0 ||
            http_decode(ask->arena, pair->value, &pair->value, err) < 0)
            return -1;
        pair->name = lower(ask->arena, pair->name);
        count++;
    }
    qsort(pairs, count, sizeof(*pairs), compare_query);
    /* A name that is there twice has one line, its values behind each other. */
    for (size_t i = 0; i < count; i++) {
        bool again = i > 0 && str_eq(pairs[i].name, pairs[i - 1].name);
        text = again ? arena_printf(ask->arena, "%.*s,%.*s", STR_ARG(text), STR_ARG(pairs[i].value))
                     : arena_printf(ask->arena, "%.*s\n%.*s:%.*s", STR_ARG(text),
                                    STR_ARG(pairs[i].name), STR_ARG(pairs[i].value));
    }
    *out = text;
    return 0;
}

/* An old request that somebody kept opens nothing: fifteen minutes either way. */
static int check_date(const struct blob_ask *ask, int64_t now_us, struct error *err)
{
    struct str text = blob_ask_header(ask, "x-ms-date");
    int64_t at;

    if (text.len == 0)
        text = blob_ask_header(ask, "date");
    if (!blob_date_read(ask->arena, text, &at))
        return error_set(err, ERROR_FORBIDDEN, "AuthenticationFailed",
                         "A signed request says its date in x-ms-date.");
    if (at < now_us - SKEW_US || at > now_us + SKEW_US)
        return error_set(err, ERROR_FORBIDDEN, "AuthenticationFailed",
                         "The request was signed at '%.*s': over 15 minutes from now.",
                         STR_ARG(text));
    return 0;
}

/* The account may be named alone, behind our host, or by the first piece of the path, which is what
 * storage libraries make of an address on localhost. */
static bool names_account(const struct blob_ask *ask, struct str name, struct str account)
{
    struct str host = ask->host;

    return str_eq(name, account) ||
           str_eq(name, arena_printf(ask->arena, "%.*s/%.*s", STR_ARG(host), STR_ARG(account))) ||
           (name.len > 0 && str_eq(name, ask->first));
}

/* The one scheme there is; its shorter brother signs too little of a request. */
static int read_header(const struct blob_ask *ask, struct str *out_name, struct str *out_signature,
                       struct error *err)
{
    struct str header = blob_ask_header(ask, "authorization");

    if (str_starts_fold(header, STR("SharedKeyLite ")))
        return error_set(err, ERROR_FORBIDDEN, "AuthenticationFailed",
                         "SharedKeyLite is not taken; sign with SharedKey.");
    if (!str_starts_fold(header, STR("SharedKey ")) ||
        !str_cut(str_trim(str_slice(header, 10, header.len)), ':', out_name, out_signature))
        return error_set(err, ERROR_FORBIDDEN, "AuthenticationFailed",
                         "Authorization is 'SharedKey account:signature'.");
    return 0;
}

/* The key of yesterday counts as well, or clients that began before midnight would fail in the
 * middle. */
int blob_shared_key_check(const struct blob_ask *ask, struct vault *vault, struct str account,
                          struct error *err)
{
    struct str name, signature, query;
    int64_t now = clock_now_us();

    assert(vault && account.len > 0);
    if (read_header(ask, &name, &signature, err) < 0)
        return -1;
    if (!names_account(ask, name, account))
        return error_set(err, ERROR_FORBIDDEN, "AuthenticationFailed",
                         "The request is signed for account '%.*s' and sent to '%.*s'.",
                         STR_ARG(str_slice(name, 0, 128)), STR_ARG(account));
    if (check_date(ask, now, err) < 0 || text_query(ask, &query, err) < 0)
        return -1;
    struct account_signature signed_text = {
        .account = account,
        .text = arena_printf(ask->arena, "%.*s%.*s/%.*s%.*s%.*s", STR_ARG(text_start(ask)),
                             STR_ARG(text_headers(ask)), STR_ARG(name), STR_ARG(ask->path),
                             STR_ARG(query)),
        .signature = signature,
        .now_us = now};
    if (account_key_signed(vault, ask->arena, &signed_text))
        return 0;
    return error_set(err, ERROR_FORBIDDEN, "AuthenticationFailed",
                     "The signature does not fit the request.");
}
