/* Content that comes: where it may go, and what is left of it when it breaks. */
#include "cli/download.h"
#include "cli/fake_test.h"

#define FAKE                                                        \
    CLEANUP(arena_free) struct arena *arena = arena_new(256 * MIB); \
    CLEANUP(fake_stop) struct fake *fake = fake_start(arena)
#define HAS(part, text) CHECK(str_find(text, STR(part)) >= 0)
#define BLOB(name) "<Blob><Name>" name "</Name></Blob>"
#define LIST(blobs, marker) \
    "<?xml?><E><Blobs>" blobs "</Blobs><NextMarker>" marker "</NextMarker></E>"

/* A model whose files lie under "m/" of the usual store. */
static void offer(struct fake *fake, const char *list)
{
    fake_reply(
        fake, "GET", "/models/m/", 200,
        "{\"properties\":{\"modelUri\":\"azureml://datastores/workspaceblobstore/paths/m\"}}");
    fake_reply(
        fake, "GET", "/datastores/workspaceblobstore?", 200,
        "{\"properties\":{\"datastoreType\":\"AzureBlob\",\"accountName\":\"localhost:10443/a\","
        "\"endpoint\":\"x\",\"containerName\":\"c\",\"protocol\":\"https\"}}");
    fake_reply(fake, "POST", "/listSecrets", 200, "{\"sasToken\":\"sig=x\"}");
    fake_reply(fake, "GET", "comp=list", 200, list);
}

static struct fake_run download(struct fake *fake, struct arena *arena)
{
    return fake_run(fake,
                    arena_printf(arena, "model download -n m -v 1 -p %s", fake_folder(fake)).ptr);
}

TEST(addresses_are_split_in_both_forms)
{
    struct str store = STR("s"), prefix = STR("p");

    CHECK(download_place(STR("azureml://datastores/d/paths/a/b"), &store, &prefix));
    CHECK_STR("d", store);
    CHECK_STR("a/b", prefix);
    CHECK(download_place(STR("azureml://subscriptions/s/datastores/e/x"), &store, &prefix));
    CHECK_STR("e", store);
    CHECK_STR("x", prefix);
    CHECK(!download_place(STR("https://host/x"), &store, &prefix));
    CHECK(!download_place(STR("azureml://datastores/alone"), &store, &prefix));
}

TEST(a_store_that_is_no_blob_store_is_named)
{
    FAKE;
    fake_reply(fake, "GET", "/jobs/j?", 200, "{\"properties\":{\"status\":\"Completed\"}}");
    fake_reply(fake, "GET", "/datastores/workspaceartifactstore?", 200,
               "{\"properties\":{\"datastoreType\":\"AzureFile\"}}");
    fake_reply(fake, "POST", "/listSecrets", 200, "{}");
    struct fake_run run =
        fake_run(fake, arena_printf(arena, "job download j -p %s", fake_folder(fake)).ptr);

    CHECK_INT(1, run.code);
    HAS("AzureFile", run.err);
}

TEST(a_job_that_runs_has_no_outputs_yet)
{
    FAKE;
    fake_reply(fake, "GET", "/jobs/j?", 200, "{\"properties\":{\"status\":\"Running\"}}");
    struct fake_run run = fake_run(fake, "job download j");

    CHECK_INT(1, run.code);
    HAS("is Running; its outputs are there when it has ended", run.err);
    HAS("lazurite job stream -n j", run.err);
}

TEST(a_model_that_lies_elsewhere_is_not_fetched)
{
    FAKE;
    fake_reply(fake, "GET", "/models/m/", 200,
               "{\"properties\":{\"modelUri\":\"https://other/x\"}}");
    struct fake_run run = download(fake, arena);
    CHECK_INT(1, run.code);
    HAS("https://other/x", run.err);
}

TEST(files_come_page_by_page_to_their_places)
{
    FAKE;
    offer(fake, LIST(BLOB("m/a&amp;b.txt") BLOB("m/deep/er/w.bin"), "more"));
    fake_reply(fake, "GET", "marker=more", 200, LIST(BLOB("m/last"), ""));
    fake_reply(fake, "GET", "/m/a%26b.txt", 200, "first");
    fake_reply(fake, "GET", "/m/deep/er/w.bin", 200, "second");
    fake_reply(fake, "GET", "/m/last", 200, "third");
    struct fake_run run = download(fake, arena);

    CHECK_STR("first", fake_read(fake, "m/m/a&b.txt"));
    CHECK_STR("second", fake_read(fake, "m/m/deep/er/w.bin"));
    CHECK_STR("third", fake_read(fake, "m/m/last"));
    CHECK_INT(0, run.code);
    HAS("Downloaded 3 files, 16 B", run.err);
    HAS("?sig=x", fake_asked(fake));
}

TEST(a_neighbour_of_the_same_beginning_stays)
{
    FAKE;
    offer(fake, LIST(BLOB("m-2/x") BLOB("m/y"), ""));
    fake_reply(fake, "GET", "/m/y", 200, "y");
    CHECK_INT(0, download(fake, arena).code);
    CHECK_STR("y", fake_read(fake, "m/m/y"));
    CHECK(str_find(fake_asked(fake), STR("m-2")) < 0);
}

TEST(no_name_leaves_the_folder)
{
    static const char *const NAMES[] = {LIST(BLOB("m/../../escape"), ""), LIST(BLOB("m/a//b"), ""),
                                        LIST(BLOB("m/./a"), ""), LIST(BLOB("m/a\\b"), "")};

    for (size_t i = 0; i < COUNT(NAMES); i++) {
        FAKE;
        offer(fake, NAMES[i]);
        fake_reply(fake, "GET", "/c/m/", 200, "bytes");
        struct fake_run run = download(fake, arena);
        CHECK_INT(1, run.code);
        HAS("cannot be a file here", run.err);
        CHECK(!fake_read(fake, "escape").ptr && !fake_read(fake, "m/escape").ptr);
    }
}

TEST(a_file_that_breaks_off_leaves_nothing)
{
    FAKE;
    offer(fake, LIST(BLOB("m/whole") BLOB("m/half"), ""));
    fake_reply(fake, "GET", "/c/m/whole", 200, "whole");
    fake_break(fake, "GET", "/c/m/half", "0123456789", 4);
    fake_break(fake, "GET", "/c/m/half", "0123456789", 4);
    struct fake_run run = download(fake, arena);

    CHECK_INT(1, run.code);
    CHECK_STR("whole", fake_read(fake, "m/m/whole"));
    CHECK(!fake_read(fake, "m/m/half").ptr && !fake_read(fake, "m/m/half.part").ptr);
}

TEST(what_storage_refuses_is_said)
{
    FAKE;
    offer(fake, LIST(BLOB("m/x"), ""));
    fake_reply(fake, "GET", "/c/m/x", 403,
               "<Error><Code>AuthenticationFailed</Code><Message>Too old.</Message></Error>");
    struct fake_run run = download(fake, arena);

    CHECK_INT(1, run.code);
    HAS("AuthenticationFailed  Too old.", run.err);
    CHECK(!fake_read(fake, "m/m/x.part").ptr);
}

TEST(a_prefix_without_files_is_an_error)
{
    FAKE;
    offer(fake, LIST("", ""));
    struct fake_run run = download(fake, arena);
    CHECK_INT(1, run.code);
    HAS("has no files at", run.err);
}

#define STORE                                                                                 \
    "{\"properties\":{\"datastoreType\":\"AzureBlob\",\"accountName\":\"localhost:10443/a\"," \
    "\"endpoint\":\"x\",\"containerName\":\"c\"}}"
#define MODEL(name, id)                                                                  \
    "{\"info\":{\"name\":\"" name "\",\"artifact_uri\":\"mlflow-artifacts:/3/models/" id \
    "/artifacts\"}}"

/* A job that ended, with nothing of its own, which logged the given models. */
static void offer_run(struct fake *fake, const char *models)
{
    fake_reply(fake, "GET", "/jobs/j?", 200, "{\"properties\":{\"status\":\"Completed\"}}");
    fake_reply(fake, "GET", "/datastores/workspaceartifactstore?", 200, STORE);
    fake_reply(fake, "POST", "/listSecrets", 200, "{}");
    fake_reply(fake, "GET", "comp=list", 200, LIST("", ""));
    fake_reply(fake, "GET", "runs/get?run_id=j", 200,
               "{\"run\":{\"info\":{\"experiment_id\":\"3\"}}}");
    fake_reply(fake, "POST", "logged-models/search", 200, models);
}

static struct fake_run download_run(struct fake *fake, struct arena *arena)
{
    return fake_run(fake, arena_printf(arena, "job download j -p %s", fake_folder(fake)).ptr);
}

TEST(models_of_a_run_come_with_their_folders_and_the_newest_wins)
{
    FAKE;
    offer_run(fake, "{\"models\":[" MODEL("model", "new") "," MODEL("model", "old") "]}");
    fake_reply(fake, "GET", "artifacts?path=3%2Fmodels%2Fnew%2Fartifacts&", 200,
               "{\"files\":[{\"path\":\"MLmodel\",\"is_dir\":false},"
               "{\"path\":\"deep\",\"is_dir\":true}]}");
    fake_reply(fake, "GET", "/3/models/new/artifacts/MLmodel", 200, "flavors");
    fake_reply(fake, "GET", "artifacts%2Fdeep", 200,
               "{\"files\":[{\"path\":\"w x\",\"is_dir\":false}]}");
    fake_reply(fake, "GET", "/3/models/new/artifacts/deep/w%20x", 200, "weights");
    struct fake_run run = download_run(fake, arena);

    CHECK_INT(0, run.code);
    CHECK_STR("flavors", fake_read(fake, "j/artifacts/model/MLmodel"));
    CHECK_STR("weights", fake_read(fake, "j/artifacts/model/deep/w x"));
    HAS("source_run_id = 'j'", fake_asked(fake));
    CHECK(str_find(fake_asked(fake), STR("old")) < 0);
}

TEST(models_past_the_first_page_are_asked_for)
{
    FAKE;
    offer_run(fake, "{\"models\":[],\"next_page_token\":\"p2\"}");
    fake_reply(fake, "POST", "logged-models/search", 200, "{\"models\":[" MODEL("m", "x") "]}");
    fake_reply(fake, "GET", "artifacts?path=3%2Fmodels%2Fx", 200, "{\"files\":[{\"path\":\"f\"}]}");
    fake_reply(fake, "GET", "/models/x/artifacts/f", 200, "F");
    CHECK_INT(0, download_run(fake, arena).code);
    CHECK_STR("F", fake_read(fake, "j/artifacts/m/f"));
    HAS("\"page_token\":\"p2\"", fake_asked(fake));
}

TEST(a_model_that_names_no_folder_of_its_own_is_refused)
{
    FAKE;
    offer_run(fake, "{\"models\":[" MODEL("../x", "x") "]}");
    CHECK_INT(1, download_run(fake, arena).code);
}
