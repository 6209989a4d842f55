#include "arm/fake_exchange.h"
#include "arm/kind.h"
#include "base/test.h"

/* Answers the minor release that was seen. */
static void tell_minor(struct call *call)
{
    struct json *body = json_object(call->arena);

    json_set_int(call->arena, body, "minor", arm_sdk_minor(call));
    http_reply(call->ex, 200, "application/json", json_write(call->arena, body));
}

static const struct route ROWS[] = {
    {"GET", "/minor", PERMIT_PUBLIC, NULL, 0, 0, LISTEN_ALL, tell_minor, NULL, arm_refuse},
};

TEST(the_release_of_the_sdk_is_read_from_its_agent)
{
    static const struct {
        const char *agent;
        int64_t minor;
    } CASES[] = {
        {"azure-ai-ml/1.35.2 azsdk-python-arm_ml_service/1.0.0b1 Python/3.11.7 (Linux)", 35},
        {"azure-ai-ml/1.29.0 azsdk-python-mgmt-machinelearningservices/0.1.0", 29},
        {"azure-ai-ml/1.4.0", 4},
        {"azsdk-python-storage-blob/12.27.1 Python/3.11.7 (Linux)", ARM_SDK_NONE},
        {"azure-ai-ml/2.0.0", ARM_SDK_NONE},
        {"azure-ai-ml/1.", ARM_SDK_NONE},
        {"azure-ai-ml/1.x.0", ARM_SDK_NONE},
        {"azure-ai-ml/1.-3.0", ARM_SDK_NONE},
        {"azure-ai-ml/1.99999999999999999999.0", ARM_SDK_NONE},
        {NULL, ARM_SDK_NONE},
    };
    const struct route_table table = {ROWS, COUNT(ROWS), NULL};
    CLEANUP(fake_free) struct fake *fake = fake_new(&table, 1);

    for (size_t i = 0; i < COUNT(CASES); i++) {
        fake_header(fake, "User-Agent", CASES[i].agent);
        struct fake_reply reply = fake_json(fake, "GET", "/minor", "");
        CHECK_INT(200, reply.status);
        CHECK_INT(CASES[i].minor, json_int_at(reply.json, "minor", -1));
    }
}
