#include "server/sandbox.h"

#include "os/process.h"

#include <assert.h>

/* Being installed is not enough: containers and some kernels forbid the namespaces. */
bool sandbox_works(void)
{
    static const char *const ARGV[] = {"bwrap",         "--ro-bind",     "/",         "/",
                                       "--dev",         "/dev",          "--proc",    "/proc",
                                       "--unshare-pid", "--unshare-ipc", "/bin/true", NULL};
    struct process_spec spec = {.argv = ARGV, .input = -1, .output = -1, .errors = -1};
    struct process_result result;
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);

    assert(ARGV[COUNT(ARGV) - 1] == NULL);
    if (process_run(arena, &spec, 64 * KIB, &result, NULL) < 0)
        return false;
    return !result.end.signaled && result.end.status == 0;
}
