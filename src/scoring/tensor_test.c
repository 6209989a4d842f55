#include "base/test.h"
#include "scoring/tensor.h"

#include <math.h>

#define PORT(n, t, r, ...)                                                 \
    {                                                                      \
        .name = STR_INIT(n), .type = t, .rank = r, .dims = { __VA_ARGS__ } \
    }

static const struct tensor_port MATRIX = PORT("x", TENSOR_FLOAT, 2, TENSOR_FREE, 3);
static const struct tensor_port COLUMNS[] = {
    PORT("age", TENSOR_INT64, 2, TENSOR_FREE, 1),
    PORT("name", TENSOR_STRING, 2, TENSOR_FREE, 1),
    PORT("weight", TENSOR_DOUBLE, 1, TENSOR_FREE),
};

/* Reads `text` into `out` for the given ports; the arena lives as long as the caller's. */
static int read_text(struct arena *arena, const char *text, const struct tensor_port *ports,
                     size_t count, struct tensor *out, struct error *err)
{
    struct error bad = {0};
    struct json *value = json_parse(arena, str_from(text), &bad);

    CHECK(value != NULL);
    const struct tensor_ports all = {ports, count};
    return tensor_read_inputs(arena, value, &all, out, err);
}

static void check_refused(const struct tensor_port *ports, size_t count, const char *text,
                          const char *target, const char *message)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct tensor out[4] = {0};
    struct error err = {0};

    CHECK_ERROR(ERROR_INVALID, read_text(arena, text, ports, count, out, &err), &err);
    CHECK_STR(target, str_from(err.target));
    CHECK_STR(message, str_from(err.message));
}

TEST(rows_fill_a_matrix)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct tensor x = {0};
    struct error err = {0};

    CHECK_OK(read_text(arena, "[[1, 2.5, 3], [4, 5, null]]", &MATRIX, 1, &x, &err), &err);
    CHECK_INT(2, x.rank);
    CHECK_INT(2, x.dims[0]);
    CHECK_INT(3, x.dims[1]);
    const float *data = x.data;
    CHECK(data[1] == 2.5f && data[4] == 5.0f && isnan(data[5]));
}

TEST(the_split_form_fills_the_same_matrix)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct tensor x = {0};
    struct error err = {0};

    CHECK_OK(read_text(arena, "{\"columns\":[\"a\",\"b\",\"c\"],\"index\":[0],\"data\":[[1,2,3]]}",
                       &MATRIX, 1, &x, &err),
             &err);
    CHECK_INT(1, x.dims[0]);
    CHECK(((const float *)x.data)[2] == 3.0f);
}

TEST(a_row_of_another_width_names_the_input)
{
    check_refused(&MATRIX, 1, "[[1,2]]", "x", "Input 'x' takes rows of 3 values, got 2.");
    check_refused(&MATRIX, 1, "[[1,2,3],[1,2,3,4]]", "x",
                  "Input 'x' takes rows of 3 values, got 4.");
    check_refused(&MATRIX, 1, "{\"columns\":[\"a\"],\"data\":[[1]]}", "x",
                  "Input 'x' takes rows of 3 values, got 1.");
}

TEST(a_value_of_another_type_names_the_input)
{
    check_refused(&MATRIX, 1, "[[1,2,\"tall\"]]", "x",
                  "Input 'x' takes float values, but element 2 is a text.");
    check_refused(&MATRIX, 1, "[[1,2,[3]]]", "x",
                  "Input 'x' takes float values, but element 2 is a list.");
    check_refused(&MATRIX, 1, "[[1,2,1e39]]", "x",
                  "Input 'x' takes float values; element 2 is too large for one.");
    check_refused(&MATRIX, 1, "[1,2,3]", "x", "Input 'x' takes lists nested 2 deep, got 1.");
}

TEST(no_input_data_says_what_is_taken)
{
    check_refused(
        &MATRIX, 1, "3", "input_data",
        "The body needs \"input_data\": a list of rows, or an object with \"columns\" and "
        "\"data\".");
    check_refused(&MATRIX, 1, "{}", "x", "Input 'x' is missing.");
    check_refused(&MATRIX, 1, "{\"x\":[[1,2,3]],\"y\":1}", "y", "The model has no input 'y'.");
}

TEST(columns_feed_their_ports_in_any_order)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct tensor out[3] = {0};
    struct error err = {0};
    static const char *const FORMS[] = {
        "{\"columns\":[\"weight\",\"name\",\"age\"],\"data\":[[1.5,\"ann\",31],[2,\"bo\",4.0]]}",
        "[{\"weight\":1.5,\"name\":\"ann\",\"age\":31},{\"age\":4,\"name\":\"bo\",\"weight\":2}]",
        "[[31,\"ann\",1.5],[4,\"bo\",2]]",
        "{\"age\":[31,4],\"name\":[[\"ann\"],[\"bo\"]],\"weight\":[1.5,2]}",
    };

    for (size_t i = 0; i < COUNT(FORMS); i++) {
        CHECK_OK(read_text(arena, FORMS[i], COLUMNS, 3, out, &err), &err);
        CHECK_INT(31, ((const int64_t *)out[0].data)[0]);
        CHECK_INT(4, ((const int64_t *)out[0].data)[1]);
        CHECK_INT(2, out[0].rank);
        CHECK_INT(1, out[0].dims[1]);
        CHECK_STR("bo", ((const struct str *)out[1].data)[1]);
        CHECK_INT(1, out[2].rank);
        CHECK(((const double *)out[2].data)[0] == 1.5);
    }
}

TEST(columns_that_are_missing_or_unknown_are_named)
{
    check_refused(COLUMNS, 3, "{\"columns\":[\"age\",\"name\"],\"data\":[[1,\"a\"]]}", "weight",
                  "Input 'weight' is missing.");
    check_refused(COLUMNS, 3, "[{\"age\":1,\"nam\":\"a\",\"weight\":1}]", "nam",
                  "The model has no input 'nam'.");
    check_refused(COLUMNS, 3, "[[1,\"a\",1],[1,\"a\"]]", "input_data",
                  "Row 1 of input_data has 2 values, expected 3.");
    check_refused(COLUMNS, 3, "[[1,\"a\",1],7]", "input_data",
                  "Row 1 is a number instead of a list.");
    check_refused(COLUMNS, 3,
                  "[{\"age\":1,\"name\":\"a\",\"weight\":1},{\"age\":1,\"x\":1,\"y\":1}]", "name",
                  "Row 1 has no value for input 'name'.");
}

TEST(integers_are_not_cut_or_wrapped)
{
    static const struct tensor_port BYTE = PORT("b", TENSOR_UINT8, 1, TENSOR_FREE);

    check_refused(&BYTE, 1, "[256]", "b",
                  "Input 'b' takes uint8 values; element 0 is out of its range.");
    check_refused(&BYTE, 1, "[1,-1]", "b",
                  "Input 'b' takes uint8 values; element 1 is out of its range.");
    check_refused(&BYTE, 1, "[2.5]", "b",
                  "Input 'b' takes uint8 values; element 0 is no whole number.");
    check_refused(&BYTE, 1, "[true]", "b",
                  "Input 'b' takes uint8 values, but element 0 is a boolean.");
    static const struct tensor_port LONG = PORT("l", TENSOR_INT64, 1, TENSOR_FREE);
    static const char *const BEYOND[] = {"[9223372036854775808]", "[18446744073709551615]"};
    for (size_t i = 0; i < COUNT(BEYOND); i++)
        check_refused(&LONG, 1, BEYOND[i], "l",
                      "Input 'l' takes int64 values; element 0 is out of its range.");
}

TEST(fixed_rows_and_scalars_are_held_to)
{
    static const struct tensor_port ONE = PORT("x", TENSOR_FLOAT, 2, 1, 2);
    static const struct tensor_port PAIR[] = {PORT("s", TENSOR_FLOAT, 0, 0),
                                              PORT("t", TENSOR_FLOAT, 1, TENSOR_FREE)};

    check_refused(&ONE, 1, "[[1,2],[3,4]]", "x", "Input 'x' takes exactly 1 rows, got 2.");
    check_refused(PAIR, 2, "[[1,2],[3,4]]", "s", "Input 's' takes a single value, got 2 rows.");
}

TEST(no_rows_make_an_empty_tensor)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    CLEANUP(buf_free) struct buf out = buf_make(KIB);
    struct tensor x = {0};
    struct error err = {0};

    CHECK_OK(read_text(arena, "[]", &MATRIX, 1, &x, &err), &err);
    CHECK_INT(0, x.count);
    CHECK_INT(3, x.dims[1]);
    tensor_write(&out, &x);
    CHECK_STR("[]", buf_str(&out));
}

TEST(an_input_past_the_budget_is_too_large)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(64);
    struct tensor x = {0};
    struct error err = {0};

    CHECK_ERROR(ERROR_TOO_LARGE, read_text(arena, "[[1,2,3],[1,2,3]]", &MATRIX, 1, &x, &err), &err);
}

TEST(deep_ranks_are_read_and_written_back)
{
    static const struct tensor_port CUBE = PORT("c", TENSOR_INT32, 3, TENSOR_FREE, 2, TENSOR_FREE);
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    CLEANUP(buf_free) struct buf out = buf_make(KIB);
    struct tensor c = {0};
    struct error err = {0};

    CHECK_OK(read_text(arena, "[[[1,2,3],[4,5,-6]]]", &CUBE, 1, &c, &err), &err);
    tensor_write(&out, &c);
    CHECK_STR("[[[1,2,3],[4,5,-6]]]", buf_str(&out));
    check_refused(&CUBE, 1, "[[[1,2],[3]]]", "c",
                  "The rows of input 'c' differ in length: 2 and 1 values.");
}

TEST(numbers_are_written_short_and_exact)
{
    CLEANUP(buf_free) struct buf out = buf_make(KIB);
    float reals[] = {0.1f, 2.0f, -1.5f, INFINITY, 16777217.0f, 1e-30f};
    double doubles[] = {0.1, 1.0 / 3.0};
    struct str texts[] = {STR("a\"b\\\n")};

    tensor_write(&out, &(struct tensor){TENSOR_FLOAT, 2, {6, 1}, 6, reals});
    CHECK_STR("[0.1,2.0,-1.5,null,16777216.0,1e-30]", buf_str(&out));
    buf_clear(&out);
    tensor_write(&out, &(struct tensor){TENSOR_DOUBLE, 1, {2}, 2, doubles});
    CHECK_STR("[0.1,0.3333333333333333]", buf_str(&out));
    buf_clear(&out);
    tensor_write(&out, &(struct tensor){TENSOR_STRING, 1, {1}, 1, texts});
    CHECK_STR("[\"a\\\"b\\\\\\u000a\"]", buf_str(&out));
}

TEST(every_integer_type_writes_its_extremes)
{
    CLEANUP(buf_free) struct buf out = buf_make(KIB);
    int8_t i8 = INT8_MIN;
    int16_t i16 = INT16_MIN;
    int64_t i64 = INT64_MIN;
    uint8_t u8 = UINT8_MAX;
    uint16_t u16 = UINT16_MAX;
    uint32_t u32 = UINT32_MAX;
    uint64_t u64 = UINT64_MAX;
    bool yes = true;
    const struct tensor all[] = {
        {TENSOR_INT8, 0, {0}, 1, &i8},    {TENSOR_INT16, 0, {0}, 1, &i16},
        {TENSOR_INT64, 0, {0}, 1, &i64},  {TENSOR_UINT8, 0, {0}, 1, &u8},
        {TENSOR_UINT16, 0, {0}, 1, &u16}, {TENSOR_UINT32, 0, {0}, 1, &u32},
        {TENSOR_UINT64, 0, {0}, 1, &u64}, {TENSOR_BOOL, 0, {0}, 1, &yes},
    };

    for (size_t i = 0; i < COUNT(all); i++) {
        tensor_write(&out, &all[i]);
        buf_add_char(&out, ' ');
    }
    CHECK_STR("-128 -32768 -9223372036854775808 255 65535 4294967295 18446744073709551615 true ",
              buf_str(&out));
}
