/* No query that was made up opens anything, however it is written; one of ours does, and not with
 * anything before or after it that changes what it says. */
#include "vault/sas.h"
#include "os/file.h"
#include "vault/vault.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

#define NOW_US (1700000000LL * US_PER_S)

/* One vault for all inputs, its folder removed while it is open. */
static struct vault *vault_once(void)
{
    static struct vault *vault;
    char path[] = "/tmp/lazurite-fuzz-XXXXXX";
    struct error err = {0};

    if (vault)
        return vault;
    if (!mkdtemp(path))
        abort();
    CLEANUP(fd_close) int dir = dir_open(path, &err);
    vault = dir < 0 ? NULL : vault_open(dir, &err);
    if (!vault)
        abort();
    CLEANUP(fd_close) int parent = dir_open("/tmp", &err);
    dir_remove_tree(parent, path + strlen("/tmp/"), &err);
    return vault;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(8 * MIB);
    struct vault *vault = vault_once();
    struct str text = {(const char *)bytes, size};
    struct sas_ask ask = {.query = text,
                          .now_us = NOW_US,
                          .account = STR("lz0123"),
                          .container = STR("azureml-x"),
                          .blob = STR("a/b"),
                          .host = STR("localhost:10443")};
    struct sas out = {.account = STR("untouched")};
    struct error err = {0};

    sas_present(text);
    if (sas_check(vault, arena, &ask, &out, &err) == 0 || err.code == ERROR_NONE || !err.message[0])
        abort();
    const struct sas mine = {.account = ask.account,
                             .container = ask.container,
                             .permissions = STR("r"),
                             .start_us = NOW_US - US_PER_S,
                             .end_us = NOW_US + 60 * US_PER_S};
    struct str good = sas_make(vault, arena, &mine);
    /* Behind our own query, separated: it may add what does not matter, never a right. */
    ask.query = arena_printf(arena, "%.*s&%.*s", STR_ARG(good), STR_ARG(text));
    if (sas_check(vault, arena, &ask, &out, &err) == 0 && strcmp(out.permissions.ptr, "r") != 0 &&
        !str_eq(out.permissions, STR("r")))
        abort();
    return 0;
}
