/* From scope to audience, byte for byte. */
#include "oauth/wish.h"

#include "base/test.h"

#include <string.h>

TEST(the_audience_is_the_scope_without_its_ending)
{
    static const struct {
        const char *scope, *audience;
    } CASES[] = {
        {"https://ml.azure.com/.default", "https://ml.azure.com"},
        {"https://ml.azure.com//.default", "https://ml.azure.com/"},
        {"https://localhost:10443/.default", "https://localhost:10443"},
        {"HTTPS://ML.azure.com/.default", "HTTPS://ML.azure.com"},
        {"https://management.azure.com/user_impersonation", "https://management.azure.com"},
        {"openid profile offline_access https://ml.azure.com/.default", "https://ml.azure.com"},
        {"https://ml.azure.com/.default offline_access  openid", "https://ml.azure.com"},
        {"https://x.test/a https://x.test/b", "https://x.test"},
        {"openid profile", ""},
        {"", ""},
    };

    for (size_t i = 0; i < COUNT(CASES); i++) {
        struct wish wish;
        struct error err = {0};
        CHECK_OK(wish_read(str_from(CASES[i].scope), &wish, &err), &err);
        CHECK_STR(CASES[i].audience, wish.audience);
        CHECK_STR(CASES[i].scope, wish.scope);
    }
}

TEST(two_audiences_or_none_at_all_are_refused)
{
    static const char *const BAD[] = {
        "https://a.test/.default https://b.test/.default",
        "https://a.test/.default https://a.test//.default",
        "nothing",
        "https://a.test/",
        "/.default",
    };
    char big[4096];

    for (size_t i = 0; i < COUNT(BAD); i++) {
        struct wish wish = {.audience = STR("untouched")};
        struct error err = {0};
        CHECK_ERROR(ERROR_INVALID, wish_read(str_from(BAD[i]), &wish, &err), &err);
        CHECK_STR("invalid_scope", str_from(err.target));
        CHECK_STR("untouched", wish.audience);
    }
    memset(big, 'a', sizeof(big));
    struct wish wish;
    struct error err = {0};
    CHECK_ERROR(ERROR_INVALID, wish_read((struct str){big, sizeof(big)}, &wish, &err), &err);
}
