#include "base/test.h"
#include "cli/xml.h"

TEST(elements_come_one_after_the_other)
{
    struct str rest = STR("<A><Name>x</Name><Name></Name><Name>z</Name></A>"), name;

    CHECK(xml_next(&rest, STR("Name"), &name));
    CHECK_STR("x", name);
    CHECK(xml_next(&rest, STR("Name"), &name));
    CHECK_STR("", name);
    CHECK(xml_next(&rest, STR("Name"), &name));
    CHECK_STR("z", name);
    CHECK(!xml_next(&rest, STR("Name"), &name));
    CHECK_STR("z", name);
    CHECK_STR("</A>", rest);
}

TEST(an_element_that_does_not_end_is_none)
{
    struct str rest = STR("<Name>half"), name = STR("before");

    CHECK(!xml_next(&rest, STR("Name"), &name));
    CHECK_STR("before", name);
    CHECK_STR("<Name>half", rest);
    CHECK(!xml_next(&rest, STR("Nam"), &name));
}

TEST(the_first_text_or_nothing)
{
    CHECK_STR("Gone", xml_text(STR("<?xml?><Error><Code>Gone</Code></Error>"), STR("Code")));
    CHECK_STR("", xml_text(STR("{\"error\":1}"), STR("Code")));
    CHECK_STR("", xml_text(STR(""), STR("Code")));
}

TEST(entities_are_read_once)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);

    CHECK_STR("a&b<c>\"d\"'", xml_plain(arena, STR("a&amp;b&lt;c&gt;&quot;d&quot;&apos;")));
    CHECK_STR("&lt;", xml_plain(arena, STR("&amp;lt;")));
    CHECK_STR("&other; &", xml_plain(arena, STR("&other; &")));
    CHECK_STR("", xml_plain(arena, STR("")));
}
