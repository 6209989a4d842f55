#include "base/buf.h"
#include "base/test.h"
#include "store/document.h"
#include "store/event.h"
#include "store/lease.h"
#include "store/scope.h"

#include "os/clock.h"

#include <stdio.h>
#include <string.h>

/* A test's write: a function of its own type, so that each says only what it does. */
struct step {
    int (*run)(struct store_txn *txn, struct error *err);
};

static int step_apply(struct store_txn *txn, void *context, struct error *err)
{
    return ((struct step *)context)->run(txn, err);
}

#define WRITE(store, f, err) store_write(store, step_apply, &(struct step){f}, err)

static int insert(struct store_txn *txn, const char *type, int64_t parent, const char *name,
                  struct document *out, struct error *err)
{
    struct document document = {
        .scope = 7,
        .type = str_from(type),
        .parent = parent,
        .name = str_from(name),
        .created_by = STR("me"),
        .body = STR("{}"),
        .system = STR("{}"),
    };

    if (document_insert(txn, &document, err) < 0)
        return -1;
    *out = document;
    return 0;
}

static int life(struct store_txn *txn, struct error *err)
{
    struct document made = {0}, found, stale;
    struct document_key key = {.scope = 7, .type = STR("data"), .name = STR("IRIS")};

    CHECK_OK(insert(txn, "data", 0, "Iris", &made, err), err);
    CHECK_INT(1, made.rev);
    CHECK(made.created_us > 0 && made.updated_us == made.created_us);
    CHECK_ERROR(ERROR_EXISTS, insert(txn, "data", 0, "iRIS", &found, err), err);
    CHECK_OK(document_get(txn, &key, &found, err), err);
    CHECK_STR("Iris", found.name);
    CHECK_STR("me", found.created_by);
    stale = found;
    found.body = STR("{\"a\":1}");
    found.archived = true;
    CHECK_OK(document_update(txn, &found, err), err);
    CHECK_INT(2, found.rev);
    CHECK_ERROR(ERROR_CONFLICT, document_update(txn, &stale, err), err);
    CHECK_OK(document_by_id(txn, made.doc, &found, err), err);
    CHECK_STR("{\"a\":1}", found.body);
    CHECK(found.archived);
    CHECK_INT(2, found.rev);
    key.scope = 8;
    CHECK_ERROR(ERROR_NOT_FOUND, document_get(txn, &key, &found, err), err);
    CHECK_STR("IRIS", str_from(err->target));
    CHECK_ERROR(ERROR_NOT_FOUND, document_by_id(txn, 999, &found, err), err);
    CHECK_STR("It was deleted in the meantime.", str_from(err->message));
    return 0;
}

TEST(a_document_is_found_by_name_in_any_case_and_changed_once_per_revision)
{
    CLEANUP(store_close) struct store *store = NULL;
    struct error err = {0};

    CHECK_OK(store_open("memory:", NULL, &store, &err), &err);
    CHECK_OK(WRITE(store, life, &err), &err);
}

static int versions(struct store_txn *txn, struct error *err)
{
    struct document container = {0}, one = {0}, two, found;
    int64_t number;

    CHECK_OK(insert(txn, "models", 0, "m", &container, err), err);
    CHECK_OK(document_next_version(txn, container.doc, &number, err), err);
    CHECK_INT(1, number);
    CHECK_OK(document_saw_version(txn, container.doc, STR("41"), err), err);
    CHECK_OK(document_saw_version(txn, container.doc, STR("7"), err), err);
    CHECK_OK(document_saw_version(txn, container.doc, STR("v99"), err), err);
    CHECK_OK(document_saw_version(txn, container.doc, STR("9223372036854775807"), err), err);
    CHECK_OK(document_next_version(txn, container.doc, &number, err), err);
    CHECK_INT(42, number);
    CHECK_ERROR(ERROR_NOT_FOUND, document_next_version(txn, 999, &number, err), err);

    CHECK_ERROR(ERROR_NOT_FOUND, document_latest(txn, 7, container.doc, &found, err), err);
    CHECK_OK(insert(txn, "models/versions", container.doc, "1", &one, err), err);
    CHECK_OK(insert(txn, "models/versions", container.doc, "2", &two, err), err);
    CHECK_OK(document_latest(txn, 7, container.doc, &found, err), err);
    CHECK_STR("2", found.name);
    CHECK_ERROR(ERROR_NOT_FOUND, document_latest(txn, 8, container.doc, &found, err), err);
    two.archived = true;
    CHECK_OK(document_update(txn, &two, err), err);
    CHECK_OK(document_latest(txn, 7, container.doc, &found, err), err);
    CHECK_STR("1", found.name);

    CHECK_ERROR(ERROR_CONFLICT, document_delete(txn, container.doc, err), err);
    CHECK_OK(document_set_label(txn, container.doc, STR("Prod"), one.doc, err), err);
    CHECK_OK(document_by_label(txn, container.doc, STR("prod"), &found, err), err);
    CHECK_INT(one.doc, found.doc);
    CHECK_OK(document_delete(txn, one.doc, err), err);
    CHECK_ERROR(ERROR_NOT_FOUND, document_by_label(txn, container.doc, STR("prod"), &found, err),
                err);
    CHECK_OK(document_delete(txn, two.doc, err), err);
    CHECK_OK(document_delete(txn, container.doc, err), err);
    CHECK_ERROR(ERROR_NOT_FOUND, document_delete(txn, container.doc, err), err);
    return 0;
}

TEST(version_numbers_never_fall_and_latest_skips_the_archived)
{
    CLEANUP(store_close) struct store *store = NULL;
    struct error err = {0};

    CHECK_OK(store_open("memory:", NULL, &store, &err), &err);
    CHECK_OK(WRITE(store, versions, &err), &err);
}

static int take_label(struct str label, int64_t version_doc, void *context, struct error *)
{
    struct buf *out = context;

    buf_printf(out, "%.*s=%lld ", STR_ARG(label), (long long)version_doc);
    return 0;
}

static int labels(struct store_txn *txn, struct error *err)
{
    CLEANUP(buf_free) struct buf out = buf_make(KIB);

    CHECK_OK(document_set_label(txn, 5, STR("b"), 50, err), err);
    CHECK_OK(document_set_label(txn, 5, STR("a"), 51, err), err);
    CHECK_OK(document_set_label(txn, 5, STR("B"), 52, err), err);
    CHECK_OK(document_set_label(txn, 6, STR("c"), 53, err), err);
    CHECK_OK(document_labels(txn, 5, take_label, &out, err), err);
    CHECK_STR("a=51 B=52 ", buf_str(&out));
    CHECK_OK(document_set_label(txn, 5, STR("A"), 0, err), err);
    CHECK_ERROR(ERROR_NOT_FOUND, document_set_label(txn, 5, STR("A"), 0, err), err);
    return 0;
}

TEST(a_label_moves_and_is_listed_in_its_last_spelling)
{
    CLEANUP(store_close) struct store *store = NULL;
    struct error err = {0};

    CHECK_OK(store_open("memory:", NULL, &store, &err), &err);
    CHECK_OK(WRITE(store, labels, &err), &err);
}

struct names {
    struct buf text;
    size_t count;
    struct document last;
};

static int take_name(const struct document *document, void *context, struct error *)
{
    struct names *names = context;

    buf_printf(&names->text, "%.*s ", STR_ARG(document->name));
    names->count++;
    names->last = *document;
    return 0;
}

static int list_makes(struct store_txn *txn, struct error *err)
{
    struct document made;
    char name[16];

    for (int i = 0; i < 200; i++) {
        snprintf(name, sizeof(name), "d%03d", i);
        CHECK_OK(insert(txn, "data", 0, name, &made, err), err);
        if (i % 50 == 0) {
            made.archived = true;
            CHECK_OK(document_update(txn, &made, err), err);
        }
        if (i % 100 == 3)
            CHECK_OK(document_set_text(txn, &made, "hash", STR("abc"), err), err);
        CHECK_OK(document_set_number(txn, &made, "size", i, err), err);
    }
    /* another type and another scope stay out of sight */
    CHECK_OK(insert(txn, "models", 0, "d", &made, err), err);
    return 0;
}

static int list_reads(struct store_txn *txn, struct error *err)
{
    struct names names = {.text = buf_make(MIB)};
    struct document_query query = {.scope = 7, .type = STR("data"), .limit = 1000};

    CHECK_OK(document_list(txn, &query, take_name, &names, err), err);
    CHECK_INT(196, names.count);
    CHECK(str_starts(buf_str(&names.text), STR("d199 d198 d197 ")));
    CHECK(str_ends(buf_str(&names.text), STR("d002 d001 ")));
    query.view = VIEW_ARCHIVED;
    buf_clear(&names.text);
    CHECK_OK(document_list(txn, &query, take_name, &names, err), err);
    CHECK_STR("d150 d100 d050 d000 ", buf_str(&names.text));
    query.view = VIEW_ALL;
    names.count = 0;
    query.limit = 70;
    CHECK_OK(document_list(txn, &query, take_name, &names, err), err);
    CHECK_INT(70, names.count);
    CHECK_STR("d130", names.last.name);
    query.before_us = names.last.created_us;
    query.before_doc = names.last.doc;
    query.limit = 2;
    buf_clear(&names.text);
    CHECK_OK(document_list(txn, &query, take_name, &names, err), err);
    CHECK_STR("d129 d128 ", buf_str(&names.text));
    query = (struct document_query){
        .scope = 7, .type = STR("data"), .limit = 9, .field = "hash", .text = STR("abc")};
    buf_clear(&names.text);
    CHECK_OK(document_list(txn, &query, take_name, &names, err), err);
    CHECK_STR("d103 d003 ", buf_str(&names.text));
    query.view = VIEW_ALL;
    query.text = STR("abd");
    buf_clear(&names.text);
    CHECK_OK(document_list(txn, &query, take_name, &names, err), err);
    CHECK_STR("", buf_str(&names.text));
    buf_free(&names.text);
    return 0;
}

TEST(lists_go_from_new_to_old_by_pages_views_and_attributes)
{
    CLEANUP(store_close) struct store *store = NULL;
    struct error err = {0};

    CHECK_OK(store_open("memory:", NULL, &store, &err), &err);
    CHECK_OK(WRITE(store, list_makes, &err), &err);
    CHECK_OK(WRITE(store, list_reads, &err), &err);
}

static int attributes(struct store_txn *txn, struct error *err)
{
    struct document made;
    struct names names = {.text = buf_make(KIB)};
    struct document_query query = {
        .scope = 7, .type = STR("codes"), .limit = 9, .field = "hash", .text = STR("new")};

    CHECK_OK(insert(txn, "codes", 0, "c", &made, err), err);
    CHECK_OK(document_set_text(txn, &made, "hash", STR("old"), err), err);
    CHECK_OK(document_set_text(txn, &made, "hash", STR("new"), err), err);
    CHECK_OK(document_list(txn, &query, take_name, &names, err), err);
    CHECK_STR("c ", buf_str(&names.text));
    CHECK_OK(document_set_text(txn, &made, "hash", (struct str){0}, err), err);
    buf_clear(&names.text);
    CHECK_OK(document_list(txn, &query, take_name, &names, err), err);
    CHECK_STR("", buf_str(&names.text));
    buf_free(&names.text);
    return 0;
}

TEST(an_attribute_is_replaced_and_removed)
{
    CLEANUP(store_close) struct store *store = NULL;
    struct error err = {0};

    CHECK_OK(store_open("memory:", NULL, &store, &err), &err);
    CHECK_OK(WRITE(store, attributes, &err), &err);
}

static int take_event(const struct event *event, void *context, struct error *)
{
    buf_printf(context, "%lld:%.*s ", (long long)event->seq, STR_ARG(event->subject));
    return 0;
}

static int events(struct store_txn *txn, struct error *err)
{
    CLEANUP(buf_free) struct buf out = buf_make(64 * KIB);
    int64_t position = 9;
    char subject[16];

    CHECK_INT(0, event_last(txn));
    for (int i = 1; i <= 150; i++) {
        snprintf(subject, sizeof(subject), "j%d", i);
        struct event event = {.scope = 1 + i % 2,
                              .type = STR("job.submitted"),
                              .subject_kind = STR("job"),
                              .subject = str_from(subject),
                              .body = STR("{}")};
        CHECK_OK(event_append(txn, &event, err), err);
        CHECK_INT(i, event.seq);
        CHECK(event.at_us > 0);
    }
    CHECK_INT(150, event_last(txn));
    CHECK_OK(
        event_read(txn, &(struct event_range){.after = 147, .limit = 9}, take_event, &out, err),
        err);
    CHECK_STR("148:j148 149:j149 150:j150 ", buf_str(&out));
    buf_clear(&out);
    CHECK_OK(event_read(txn, &(struct event_range){.scope = 2, .after = 2, .limit = 2}, take_event,
                        &out, err),
             err);
    CHECK_STR("3:j3 5:j5 ", buf_str(&out));
    buf_clear(&out);
    CHECK_OK(event_read(txn, &(struct event_range){.limit = 140}, take_event, &out, err), err);
    CHECK(str_ends(buf_str(&out), STR(" 139:j139 140:j140 ")));

    CHECK_OK(event_cursor(txn, STR("f"), &position, err), err);
    CHECK_INT(0, position);
    CHECK_OK(event_cursor_set(txn, STR("f"), 5, err), err);
    CHECK_OK(event_cursor_set(txn, STR("f"), 6, err), err);
    CHECK_OK(event_cursor(txn, STR("f"), &position, err), err);
    CHECK_INT(6, position);
    return 0;
}

TEST(events_are_read_in_order_from_a_position)
{
    CLEANUP(store_close) struct store *store = NULL;
    struct error err = {0};

    CHECK_OK(store_open("memory:", NULL, &store, &err), &err);
    CHECK_OK(WRITE(store, events, &err), &err);
}

static int leases(struct store_txn *txn, struct error *err)
{
    int64_t a = 0, b = 0;

    CHECK_OK(lease_take(txn, STR("scheduler"), STR("a"), &a, err), err);
    CHECK_INT(1, a);
    CHECK_ERROR(ERROR_CONFLICT, lease_take(txn, STR("scheduler"), STR("b"), &b, err), err);
    clock_test_advance(LEASE_US - 1);
    CHECK_ERROR(ERROR_CONFLICT, lease_take(txn, STR("scheduler"), STR("b"), &b, err), err);
    CHECK_OK(lease_renew(txn, STR("scheduler"), a, err), err);
    clock_test_advance(LEASE_US - 1);
    CHECK_ERROR(ERROR_CONFLICT, lease_take(txn, STR("scheduler"), STR("b"), &b, err), err);
    clock_test_advance(1);
    CHECK_OK(lease_take(txn, STR("scheduler"), STR("b"), &b, err), err);
    CHECK_INT(2, b);
    CHECK_ERROR(ERROR_FENCED, lease_check(txn, STR("scheduler"), a, err), err);
    CHECK_ERROR(ERROR_FENCED, lease_renew(txn, STR("scheduler"), a, err), err);
    CHECK_ERROR(ERROR_FENCED, lease_release(txn, STR("scheduler"), a, err), err);
    CHECK_OK(lease_check(txn, STR("scheduler"), b, err), err);
    CHECK_OK(lease_release(txn, STR("scheduler"), b, err), err);
    CHECK_ERROR(ERROR_FENCED, lease_check(txn, STR("scheduler"), b, err), err);
    CHECK_OK(lease_take(txn, STR("scheduler"), STR("a"), &a, err), err);
    CHECK_INT(3, a);
    return 0;
}

TEST(a_lease_ends_with_its_time_and_fences_who_had_it)
{
    CLEANUP(store_close) struct store *store = NULL;
    struct error err = {0};

    CHECK_OK(store_open("memory:", NULL, &store, &err), &err);
    clock_test_set(1000 * US_PER_S);
    int result = WRITE(store, leases, &err);
    clock_test_end();
    CHECK_OK(result, &err);
}

static int insert_scope(struct store_txn *txn, void *context, struct error *err)
{
    return scope_insert(txn, context, err);
}

static int count_scope(const struct scope *scope, void *context)
{
    *(int64_t *)context += scope->number;
    return 0;
}

TEST(a_scope_is_found_in_any_case_as_first_spelled)
{
    CLEANUP(store_close) struct store *store = NULL;
    CLEANUP(store_read_end) struct store_txn *txn = NULL;
    struct error err = {0};
    int64_t sum = 0;
    struct scope found, scope = {
                            .kind = SCOPE_WORKSPACE,
                            .subscription = STR("s1"),
                            .group = STR("Group"),
                            .name = STR("Work"),
                            .guid = STR("0000-1"),
                            .data_key = STR("k\0y"),
                        };
    struct scope registry = {.kind = SCOPE_REGISTRY, .name = STR("azureml"), .guid = STR("2")};

    CHECK_OK(store_open("memory:", NULL, &store, &err), &err);
    CHECK_OK(store_write(store, insert_scope, &scope, &err), &err);
    CHECK_INT(1, scope.number);
    CHECK_ERROR(ERROR_EXISTS, store_write(store, insert_scope, &scope, &err), &err);
    CHECK_OK(store_write(store, insert_scope, &registry, &err), &err);
    registry.subscription = registry.group = STR("elsewhere");
    CHECK_ERROR(ERROR_EXISTS, store_write(store, insert_scope, &registry, &err), &err);
    txn = store_read_begin(store, &err);
    CHECK(txn);
    const struct scope_name any_case = {STR("S1"), STR("gROUP"), STR("WORK")};
    const struct scope_name alone = {.name = STR("AzureML")};
    const struct scope_name elsewhere = {STR("S1"), STR("other"), STR("WORK")};
    CHECK_OK(scope_find(txn, &any_case, &found, &err), &err);
    CHECK_STR("Group", found.group);
    CHECK_INT(3, found.data_key.len);
    CHECK_STR("/subscriptions/s1/resourceGroups/Group/providers/Microsoft.MachineLearningServices/"
              "workspaces/Work",
              scope_arm_id(store_arena(txn), &found));
    CHECK_OK(scope_by_guid(txn, STR("0000-1"), &found, &err), &err);
    CHECK_OK(scope_by_number(txn, 2, &found, &err), &err);
    CHECK_STR("azureml", found.name);
    CHECK_ERROR(ERROR_NOT_FOUND, scope_by_number(txn, 3, &found, &err), &err);
    CHECK_OK(scope_find(txn, &alone, &found, &err), &err);
    CHECK_ERROR(ERROR_NOT_FOUND, scope_find(txn, &elsewhere, &found, &err), &err);
    CHECK_OK(scope_by_guid_head(txn, STR("0000"), &found, &err), &err);
    CHECK_STR("Work", found.name);
    CHECK_ERROR(ERROR_NOT_FOUND, scope_by_guid_head(txn, STR("000"), &found, &err), &err);
    CHECK_ERROR(ERROR_NOT_FOUND, scope_by_guid_head(txn, STR("0000-1"), &found, &err), &err);
    CHECK_ERROR(ERROR_NOT_FOUND, scope_by_guid_head(txn, STR("2"), &found, &err), &err);
    CHECK_OK(scope_each(txn, count_scope, &sum, &err), &err);
    CHECK_INT(3, sum);
}

static int add_scope(struct store_txn *txn, const char *name, int64_t *out, struct error *err)
{
    struct scope scope = {.kind = SCOPE_WORKSPACE,
                          .subscription = STR("s"),
                          .group = STR("g"),
                          .name = str_from(name),
                          .guid = str_from(name)};

    if (scope_insert(txn, &scope, err) < 0)
        return -1;
    *out = scope.number;
    return 0;
}

/* What guards remember of a number must not become true of another workspace. */
static int reuse(struct store_txn *txn, struct error *err)
{
    int64_t first = 0, second = 0, third = 0, fourth = 0;

    CHECK_OK(add_scope(txn, "a", &first, err), err);
    CHECK_OK(add_scope(txn, "b", &second, err), err);
    CHECK_OK(scope_remove(txn, second, err), err); /* one in use stays */
    CHECK_ERROR(ERROR_EXISTS, add_scope(txn, "b", &third, err), err);
    CHECK_OK(scope_retire(txn, second, err), err);
    CHECK_OK(scope_remove(txn, second, err), err);
    CHECK_OK(add_scope(txn, "b", &third, err), err);
    CHECK_INT(second + 1, third);
    CHECK_OK(scope_retire(txn, third, err), err);
    CHECK_OK(scope_retire(txn, first, err), err);
    CHECK_OK(scope_remove(txn, third, err), err);
    CHECK_OK(scope_remove(txn, first, err), err); /* the smaller one last */
    CHECK_OK(add_scope(txn, "c", &fourth, err), err);
    CHECK_INT(third + 1, fourth);
    return 0;
}

TEST(a_scopes_number_is_never_given_again)
{
    CLEANUP(store_close) struct store *store = NULL;
    struct error err = {0};

    CHECK_OK(store_open("memory:", NULL, &store, &err), &err);
    CHECK_OK(WRITE(store, reuse, &err), &err);
}
