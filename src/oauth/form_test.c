/* The form parser: what clients send is read, and nothing that could be read in two ways. */
#include "oauth/form.h"

#include "base/test.h"

#include <stdio.h>
#include <string.h>

/* Reads or fails the test. */
static struct form read_form(struct arena *arena, const char *text)
{
    struct form form;
    struct error err = {0};

    CHECK_OK(form_read(arena, str_from(text), &form, &err), &err);
    return form;
}

TEST(a_form_as_the_sdk_sends_it)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct form form = read_form(
        arena, "client_id=2222&grant_type=client_credentials&client_info=1&client_secret=a%2Bb+c%3D"
               "&scope=https%3A%2F%2Flocalhost%3A10443%2F.default");

    CHECK_INT(5, form.count);
    CHECK_STR("2222", form_get(&form, "client_id"));
    CHECK_STR("a+b c=", form_get(&form, "client_secret"));
    CHECK_STR("https://localhost:10443/.default", form_get(&form, "scope"));
    CHECK_STR("", form_get(&form, "Scope"));
}

TEST(an_equals_sign_in_a_value_belongs_to_it)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct form form = read_form(arena, "state=a=b==&flag&empty=&");

    CHECK_INT(3, form.count);
    CHECK_STR("a=b==", form_get(&form, "state"));
    CHECK_STR("", form_get(&form, "flag"));
    CHECK_STR("", form_get(&form, "empty"));
}

TEST(nothing_at_all_is_an_empty_form)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);

    CHECK_INT(0, read_form(arena, "").count);
    CHECK_INT(0, read_form(arena, "&&").count);
}

TEST(what_could_be_read_in_two_ways_is_refused)
{
    static const char *const BAD[] = {
        "scope=a&scope=b", "scope=a&%73cope=b", "scope=%",  "scope=%4", "scope=%zz",
        "a=%00b",          "scope=%ff%fe",      "a=%c0%80", "%80=a",
    };
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);

    for (size_t i = 0; i < COUNT(BAD); i++) {
        struct form form = {.count = 7};
        struct error err = {0};
        CHECK_ERROR(ERROR_INVALID, form_read(arena, str_from(BAD[i]), &form, &err), &err);
        CHECK_STR("invalid_request", str_from(err.target));
        CHECK_INT(7, form.count);
    }
}

TEST(the_number_of_fields_and_of_bytes_is_bounded)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(4 * MIB);
    char many[1024] = "", *at = many;
    struct form form;
    struct error err = {0};

    for (int i = 0; i <= FORM_FIELDS_MAX; i++)
        at += snprintf(at, (size_t)(many + sizeof(many) - at), "f%d=1&", i);
    CHECK_ERROR(ERROR_INVALID, form_read(arena, str_from(many), &form, &err), &err);
    *strrchr(many, 'f') = '\0';
    CHECK_OK(form_read(arena, str_from(many), &form, &err), &err);
    CHECK_INT(FORM_FIELDS_MAX, form.count);
    char *long_text = arena_alloc(arena, FORM_BYTES + 1);
    memset(long_text, 'a', FORM_BYTES + 1);
    CHECK_ERROR(ERROR_INVALID,
                form_read(arena, (struct str){long_text, FORM_BYTES + 1}, &form, &err), &err);
}

TEST(the_type_is_a_form_with_or_without_parameters_and_nothing_else)
{
    CHECK(form_is_type(STR("application/x-www-form-urlencoded")));
    CHECK(form_is_type(STR("Application/X-WWW-Form-Urlencoded; charset=UTF-8")));
    CHECK(!form_is_type(STR("application/json")));
    CHECK(!form_is_type(STR("application/x-www-form-urlencodedx")));
    CHECK(!form_is_type(STR("multipart/form-data; boundary=x")));
    CHECK(!form_is_type(STR("")));
}
