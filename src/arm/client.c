/* Which release asks: one wire cannot suit all of them, see ADR 4 and docs/azure-ai-ml.md. */
#include "arm/kind.h"

#include <assert.h>

int arm_sdk_minor(const struct call *call)
{
    static const char PRODUCT[] = "azure-ai-ml/1.";
    struct str agent = http_header(call->ex, "User-Agent"), minor, rest;
    ssize_t at = str_find(agent, str_from(PRODUCT));
    int64_t number;

    assert(call->ex);
    if (at < 0)
        return ARM_SDK_NONE;
    minor = str_slice(agent, (size_t)at + sizeof(PRODUCT) - 1, agent.len);
    str_cut(minor, '.', &minor, &rest);
    return str_to_int64(minor, &number) && number >= 0 && number < ARM_SDK_NONE ? (int)number
                                                                                : ARM_SDK_NONE;
}
