/* A reference is read piece by piece, left to right; every form ends in one of a few tails
 * (type/name/versions/v, datastores/d/paths/p, jobs/j/outputs/o/paths/p) which are read once for
 * all. */
#include "route/reference.h"

#include <assert.h>

#define PROVIDER "Microsoft.MachineLearningServices"
#define REFERENCE_BYTES 4096

/* One sentence for every refusal: what was read, and which form would have been right. */
static int expected(struct str text, const char *form, struct error *err)
{
    assert(form);
    struct str shown = str_slice(text, 0, 120);
    return error_set(err, ERROR_INVALID, "", "'%.*s' is no valid reference: expected %s.",
                     STR_ARG(shown), form);
}

/* Takes the next piece; false when there is none or it is empty. */
static bool take(struct str *rest, struct str *out)
{
    struct str left = *rest, piece;

    assert(rest && out);
    if (left.len == 0 || !str_split(&left, '/', &piece) || piece.len == 0)
        return false;
    *rest = left;
    *out = piece;
    return true;
}

/* Takes the next piece when it is this word, in any case. */
static bool take_word(struct str *rest, const char *word)
{
    struct str left = *rest, piece;

    assert(word);
    if (!take(&left, &piece) || !str_eq_fold(piece, str_from(word)))
        return false;
    *rest = left;
    return true;
}

/* A path beneath something: relative, no empty, "." or ".." piece (a final slash is fine), no
 * backslash. Empty is the thing itself. */
static bool path_is_clean(struct str path)
{
    struct str rest = path, piece;

    if (path.len == 0)
        return true;
    if (str_find_char(path, '\\') >= 0)
        return false;
    while (str_split(&rest, '/', &piece)) {
        bool last = piece.ptr + piece.len == path.ptr + path.len;
        if (piece.len == 0 && !last)
            return false;
        if (str_eq(piece, STR(".")) || str_eq(piece, STR("..")))
            return false;
    }
    return path.ptr[0] != '/';
}

/* "{name}[/paths/{path}]" or "{name}/{path}". */
static int read_datastore(struct str text, struct str rest, struct reference *out,
                          struct error *err)
{
    assert(out->kind == REFERENCE_ASSET);
    if (!take(&rest, &out->name))
        return expected(text, "datastores/NAME/paths/PATH", err);
    take_word(&rest, "paths");
    if (!path_is_clean(rest))
        return expected(text, "a path without empty, '.' and '..' pieces", err);
    out->kind = REFERENCE_DATASTORE;
    out->type = STR("datastores");
    out->path = rest;
    return 0;
}

/* "{job}[/outputs/{output}[/paths/{path}]]". */
static int read_job(struct str text, struct str rest, struct reference *out, struct error *err)
{
    assert(out->kind == REFERENCE_ASSET);
    if (!take(&rest, &out->name))
        return expected(text, "jobs/JOB/outputs/OUTPUT/paths/PATH", err);
    out->kind = REFERENCE_JOB;
    out->type = STR("jobs");
    if (rest.len == 0)
        return 0;
    if (!take_word(&rest, "outputs") || !take(&rest, &out->output))
        return expected(text, "jobs/JOB/outputs/OUTPUT/paths/PATH", err);
    if (rest.len > 0 && !take_word(&rest, "paths"))
        return expected(text, "jobs/JOB/outputs/OUTPUT/paths/PATH", err);
    if (!path_is_clean(rest))
        return expected(text, "a path without empty, '.' and '..' pieces", err);
    out->path = rest;
    return 0;
}

/* "{type}/{name}[/versions/{v}|/labels/{l}]", and the two tails above. `rest` may be empty: then
 * the workspace or registry itself is meant. */
static int read_tail(struct str text, struct str rest, struct reference *out, struct error *err)
{
    assert(out->kind == REFERENCE_ASSET);
    if (rest.len == 0) {
        out->type = out->registry.len > 0 ? STR("registries") : STR("workspaces");
        out->name = out->registry.len > 0 ? out->registry : out->workspace;
        return 0;
    }
    if (take_word(&rest, "datastores"))
        return read_datastore(text, rest, out, err);
    if (take_word(&rest, "jobs"))
        return read_job(text, rest, out, err);
    if (!take(&rest, &out->type) || !take(&rest, &out->name))
        return expected(text, "TYPE/NAME/versions/VERSION", err);
    if (rest.len == 0)
        return 0;
    bool label = take_word(&rest, "labels");
    if (!label && !take_word(&rest, "versions"))
        return expected(text, "TYPE/NAME/versions/VERSION or TYPE/NAME/labels/LABEL", err);
    if (!take(&rest, label ? &out->label : &out->version) || rest.len > 0)
        return expected(text, "TYPE/NAME/versions/VERSION or TYPE/NAME/labels/LABEL", err);
    return 0;
}

/* "{s}/resourceGroups/{g}[/providers/…]/workspaces/{w}…" or "…/registries/{r}…"; the word
 * subscriptions has been taken. */
static int read_arm(struct str text, struct str rest, struct reference *out, struct error *err)
{
    static const char FORM[] =
        "/subscriptions/S/resourceGroups/G/providers/" PROVIDER "/workspaces/W/TYPE/NAME";

    assert(out);
    if (!take(&rest, &out->subscription) || !take_word(&rest, "resourceGroups") ||
        !take(&rest, &out->group))
        return expected(text, FORM, err);
    if (take_word(&rest, "providers") && !take_word(&rest, PROVIDER))
        return expected(text, FORM, err);
    if (take_word(&rest, "registries")) {
        if (!take(&rest, &out->registry))
            return expected(text, FORM, err);
    } else if (!take_word(&rest, "workspaces") || !take(&rest, &out->workspace)) {
        return expected(text, FORM, err);
    }
    return read_tail(text, rest, out, err);
}

/* What follows "azureml://". */
static int read_uri(struct str text, struct str rest, struct reference *out, struct error *err)
{
    struct str location;

    assert(out);
    if (str_find_char(rest, '?') >= 0 || str_find_char(rest, '#') >= 0)
        return expected(text, "no query and no fragment", err);
    if (take_word(&rest, "subscriptions"))
        return read_arm(text, rest, out, err);
    if (take_word(&rest, "registries") || take_word(&rest, "feeds")) {
        if (!take(&rest, &out->registry))
            return expected(text, "azureml://registries/REGISTRY/TYPE/NAME/versions/VERSION", err);
        return read_tail(text, rest, out, err);
    }
    if (take_word(&rest, "locations")) {
        if (!take(&rest, &location) || !take_word(&rest, "workspaces") ||
            !take(&rest, &out->workspace))
            return expected(text, "azureml://locations/L/workspaces/ID/TYPE/NAME/versions/VERSION",
                            err);
        return read_tail(text, rest, out, err);
    }
    if (take_word(&rest, "datastores"))
        return read_datastore(text, rest, out, err);
    if (take_word(&rest, "jobs"))
        return read_job(text, rest, out, err);
    return expected(
        text, "azureml:// with subscriptions, locations, registries, feeds, datastores or jobs",
        err);
}

/* "n", "n:v" or "n@label"; what follows "azureml:". */
static int read_short(struct str text, struct str rest, struct reference *out, struct error *err)
{
    static const char FORM[] = "azureml:NAME:VERSION, azureml:NAME@LABEL or azureml:NAME";

    assert(out);
    if (rest.len == 0 || str_find_char(rest, '/') >= 0)
        return expected(text, FORM, err);
    if (!str_cut(rest, ':', &out->name, &out->version) &&
        !str_cut(rest, '@', &out->name, &out->label))
        out->name = rest;
    else if (out->version.len + out->label.len == 0 || str_find_char(out->version, ':') >= 0)
        return expected(text, FORM, err);
    return out->name.len > 0 ? 0 : expected(text, FORM, err);
}

/* "runs:/{run}[/{path}]". */
static int read_run(struct str text, struct str rest, struct reference *out, struct error *err)
{
    assert(out);
    while (str_starts(rest, STR("/")))
        rest = str_slice(rest, 1, rest.len);
    if (str_find_char(rest, '?') >= 0 || str_find_char(rest, '#') >= 0)
        return expected(text, "runs:/RUN/PATH without query and fragment", err);
    if (!take(&rest, &out->name) || !path_is_clean(rest))
        return expected(text, "runs:/RUN/PATH", err);
    out->kind = REFERENCE_RUN;
    out->path = rest;
    return 0;
}

/* "models:/m-{id}", "models:/{name}/{version|latest|stage}", "models:/{name}@{alias}". */
static int read_model(struct str text, struct str rest, struct reference *out, struct error *err)
{
    static const char FORM[] = "models:/NAME/VERSION, models:/NAME@ALIAS or models:/m-ID";
    int64_t number;

    assert(out);
    while (str_starts(rest, STR("/")))
        rest = str_slice(rest, 1, rest.len);
    if (str_find_char(rest, '?') >= 0 || str_find_char(rest, '#') >= 0)
        return expected(text, FORM, err);
    out->type = STR("models");
    if (str_cut(rest, '/', &out->name, &out->label)) {
        if (out->name.len == 0 || out->label.len == 0 || str_find_char(out->label, '/') >= 0)
            return expected(text, FORM, err);
        if (str_to_int64(out->label, &number)) {
            out->version = out->label;
            out->label = STR("");
        }
        return 0;
    }
    ssize_t at = str_find_last(rest, '@');
    if (at > 0 && (size_t)at + 1 < rest.len) {
        out->name = str_slice(rest, 0, (size_t)at);
        out->label = str_slice(rest, (size_t)at + 1, rest.len);
        return 0;
    }
    if (!str_starts(rest, STR("m-")) || rest.len < 3)
        return expected(text, FORM, err);
    out->kind = REFERENCE_MODEL_ID;
    out->name = rest;
    return 0;
}

/* Whether the text begins "letters+.-://": some address. */
static bool has_scheme(struct str text)
{
    ssize_t at = str_find(text, STR("://"));

    for (ssize_t i = 0; i < at; i++) {
        char c = text.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        bool more = (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
        if (!letter && !(more && i > 0))
            return false;
    }
    return at > 0;
}

/* Known schemes are told by name; another "word://" is a mistake, everything else a path on the
 * client's side. */
static int read_address(struct str text, struct reference *out, struct error *err)
{
    static const char *const SCHEMES[] = {"http://",  "https://", "wasb://", "wasbs://", "abfs://",
                                          "abfss://", "adl://",   "s3://",   "gs://",    "git://",
                                          "git+",     "hdfs://",  "dbfs://"};

    assert(text.len > 0);
    out->path = text;
    out->kind = REFERENCE_URL;
    for (size_t i = 0; i < COUNT(SCHEMES); i++)
        if (str_starts_fold(text, str_from(SCHEMES[i])))
            return 0;
    out->kind = REFERENCE_LOCAL;
    if (str_starts_fold(text, STR("file:"))) {
        out->path = str_slice(text, 5, text.len);
        if (str_starts(out->path, STR("//")))
            out->path = str_slice(out->path, 2, out->path.len);
        return out->path.len > 0 ? 0 : expected(text, "file:PATH", err);
    }
    return has_scheme(text) ? expected(text, "an address of a known kind", err) : 0;
}

/* The first letters pick the form; no form is a beginning of another. */
static int read_any(struct str text, struct reference *out, struct error *err)
{
    assert(out->kind == REFERENCE_ASSET);
    if (str_starts_fold(text, STR("azureml://")))
        return read_uri(text, str_slice(text, 10, text.len), out, err);
    if (str_starts_fold(text, STR("azureml:/subscriptions/")))
        return read_arm(text, str_slice(text, 23, text.len), out, err);
    if (str_starts_fold(text, STR("/subscriptions/")))
        return read_arm(text, str_slice(text, 15, text.len), out, err);
    if (str_starts_fold(text, STR("azureml:")))
        return read_short(text, str_slice(text, 8, text.len), out, err);
    if (str_starts(text, STR("runs:/")))
        return read_run(text, str_slice(text, 6, text.len), out, err);
    if (str_starts(text, STR("models:/")))
        return read_model(text, str_slice(text, 8, text.len), out, err);
    return read_address(text, out, err);
}

/* Length and control characters are checked before anything looks at the text's inside. */
int reference_parse(struct arena *arena, struct str text, struct reference *out, struct error *err)
{
    struct reference read = {.kind = REFERENCE_ASSET};

    assert(arena && out);
    if (text.len == 0)
        return error_set(err, ERROR_INVALID, "", "A reference must not be empty.");
    if (text.len > REFERENCE_BYTES)
        return error_set(err, ERROR_INVALID, "", "A reference has at most %d bytes.",
                         REFERENCE_BYTES);
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] < 0x20 || text.ptr[i] == 0x7f)
            return error_set(err, ERROR_INVALID, "",
                             "A reference must not hold control characters.");
    if (read_any(text, &read, err) < 0)
        return -1;
    *out = read;
    return 0;
}

/* The short form: the workspace is the reader's own. */
struct str reference_datastore(struct arena *arena, struct str datastore, struct str path)
{
    assert(arena && datastore.len > 0);
    return arena_printf(arena, "azureml://datastores/%.*s/paths/%.*s", STR_ARG(datastore),
                        STR_ARG(path));
}
