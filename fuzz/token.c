/* Any text is refused as a token, and any claims under our own signature are read or refused: never
 * more than what they say. */
#include "identity/token.h"
#include "identity/base64url.h"
#include "os/file.h"

#include <stdlib.h>

#define NOW_US (1790000000LL * US_PER_S)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* Made once: an RSA key takes a while. */
static struct keys *our_keys(void)
{
    static struct keys *keys;
    char path[] = "/tmp/fuzz-token-XXXXXX";
    bool complete;

    if (keys)
        return keys;
    if (!mkdtemp(path))
        abort();
    CLEANUP(fd_close) int root = dir_open("/tmp", NULL);
    CLEANUP(fd_close) int dir = dir_open(path, NULL);
    keys = keys_load(dir, &complete, NULL);
    if (!keys || keys_make(keys, dir, NULL) < 0)
        abort();
    dir_remove_tree(root, path + 5, NULL);
    return keys;
}

static struct str signed_claims(struct arena *arena, struct str claims)
{
    struct str signature;
    struct str header = arena_printf(arena, "{\"alg\":\"RS256\",\"kid\":\"%.*s\"}",
                                     STR_ARG(keys_active_id(our_keys())));
    struct str text = arena_printf(arena, "%.*s.%.*s", STR_ARG(base64url_encode(arena, header)),
                                   STR_ARG(base64url_encode(arena, claims)));

    if (keys_sign(our_keys(), arena, text, &signature, NULL) < 0)
        abort();
    return arena_printf(arena, "%.*s.%.*s", STR_ARG(text), STR_ARG(signature));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(4 * MIB);
    struct str text = {(const char *)bytes, size};
    struct token_check check = {our_keys(), STR_INIT("t"), NOW_US};
    struct token token;
    struct error err = {0};

    if (token_read(&check, arena, text, &token, &err) == 0 || err.code != ERROR_UNAUTHENTICATED)
        abort();
    if (size > 4096 || token_read(&check, arena, signed_claims(arena, text), &token, &err) < 0)
        return 0;
    if (token.expires_us <= NOW_US || !str_eq(token.tenant, STR("t")))
        abort();
    if (token.kind == TOKEN_ATTEMPT &&
        (token.scope <= 0 || token.attempt <= 0 || token.run.len == 0))
        abort();
    return 0;
}
