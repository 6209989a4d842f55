/* A strict reading: what does not look exactly like one of ours is not guessed at. */
#include "oauth/redirect.h"

#include <assert.h>

#define URI_BYTES 512

/* "" or ":" and a number from 1 to 65535. */
static bool is_port(struct str text)
{
    int64_t port;

    if (text.len == 0)
        return true;
    return text.ptr[0] == ':' && text.len > 1 && text.ptr[1] >= '0' && text.ptr[1] <= '9' &&
           str_to_int64(str_slice(text, 1, text.len), &port) && port >= 1 && port <= 65535;
}

/* Without query and fragment: ours are added behind it. */
static bool is_path(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '/' || c == '-' || c == '_' || c == '.' || c == '~';
        if (!plain)
            return false;
    }
    return text.len == 0 || text.ptr[0] == '/';
}

/* Only this machine, where the person's own program listens; the port is its to choose (RFC 8252,
 * 7.3). */
bool redirect_is_loopback(struct str uri, struct str *out_origin)
{
    static const char *const HOSTS[] = {"http://localhost", "http://127.0.0.1", "http://[::1]"};

    assert(out_origin);
    if (uri.len > URI_BYTES)
        return false;
    for (size_t i = 0; i < COUNT(HOSTS); i++) {
        struct str host = str_from(HOSTS[i]);
        if (!str_starts(uri, host))
            continue;
        struct str rest = str_slice(uri, host.len, uri.len);
        ssize_t slash = str_find_char(rest, '/');
        size_t port_end = slash < 0 ? rest.len : (size_t)slash;
        if (!is_port(str_slice(rest, 0, port_end)) || !is_path(str_slice(rest, port_end, rest.len)))
            return false;
        *out_origin = str_slice(uri, 0, host.len + port_end);
        return true;
    }
    return false;
}
