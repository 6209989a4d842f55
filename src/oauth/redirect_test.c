/* Answers go to the person's own machine and nowhere else. */
#include "oauth/redirect.h"

#include "base/test.h"

TEST(addresses_of_this_machine_are_taken)
{
    static const struct {
        const char *uri, *origin;
    } GOOD[] = {
        {"http://localhost:8400", "http://localhost:8400"},
        {"http://localhost:8400/", "http://localhost:8400"},
        {"http://localhost", "http://localhost"},
        {"http://127.0.0.1:1/a/b-c_d.e~f", "http://127.0.0.1:1"},
        {"http://[::1]:65535/", "http://[::1]:65535"},
    };

    for (size_t i = 0; i < COUNT(GOOD); i++) {
        struct str origin;
        CHECK(redirect_is_loopback(str_from(GOOD[i].uri), &origin));
        CHECK_STR(GOOD[i].origin, origin);
    }
}

TEST(all_others_are_refused)
{
    static const char *const BAD[] = {
        "",
        "localhost:8400",
        "https://localhost:8400",
        "http://localhost.evil.test:8400",
        "http://localhost@evil.test",
        "http://localhost:80@evil.test/",
        "http://localhost:8400?x=y",
        "http://localhost:8400/#f",
        "http://localhost:8400/a b",
        "http://localhost:8400/\"><script>",
        "http://localhost:8400/%0d%0aLocation:",
        "http://localhost:0",
        "http://localhost:65536",
        "http://localhost:+80",
        "http://localhost:",
        "http://localhost:8400\\evil.test",
        "http://127.0.0.1.evil.test/",
        "http://127.0.0.10/",
        "HTTP://LOCALHOST:8400",
        "http://example.org:8400",
        "urn:ietf:wg:oauth:2.0:oob",
    };

    for (size_t i = 0; i < COUNT(BAD); i++) {
        struct str origin = STR("untouched");
        CHECK(!redirect_is_loopback(str_from(BAD[i]), &origin));
        CHECK_STR("untouched", origin);
    }
}
