/* From an environment's resource to the description that says all its making depends on. Equal
 * descriptions have equal keys, whoever wrote them and under whatever name, and so share one
 * folder. */
#include "environment/environment.h"

#include "environment/conda.h"
#include "environment/curated.h"

#include <assert.h>
#include <openssl/evp.h>
#include <stdio.h>

/* Notes are for whoever asks for them: a job's log shows them, a check does not. */
static void add_note(struct arena *arena, struct json *notes, struct str sentence)
{
    assert(sentence.len);
    if (notes)
        json_append(arena, notes, json_text(arena, sentence));
}

/* An image is only a name to us: no container engine is used yet. */
static int note_image(struct arena *arena, const struct environment_describe *what,
                      bool has_packages, struct json *notes, struct error *err)
{
    struct str image = json_str_at(what->properties, "image");

    if (!image.len)
        return 0;
    if (what->images_missing == IMAGES_FAIL) {
        error_set(err, ERROR_INVALID, "image",
                  "The image '%.*s' cannot be run: this host runs no containers.", STR_ARG(image));
        return error_hint(err, "Set images.missing = \"host\" to use this host's Python instead.");
    }
    assert(what->images_missing == IMAGES_HOST);
    add_note(
        arena, notes,
        arena_printf(arena, "The image '%.*s' is not used, since this host runs no containers; %s.",
                     STR_ARG(image),
                     has_packages ? "the conda file's packages are installed for this host's Python"
                                  : "the command runs with this host's Python"));
    return 0;
}

/* The lock stands for the list of packages: it was resolved when the environment was made. */
static int describe_curated(struct arena *arena, struct str name, struct json *environment,
                            struct error *err)
{
    struct str lock, python;

    if (environment_curated_lock(arena, name, &lock, &python, err) < 0)
        return -1;
    assert(lock.len && python.len);
    json_set_str(arena, environment, "kind", STR("python"));
    json_set_str(arena, environment, "python", python);
    json_set(arena, environment, STR("packages"), json_array(arena));
    json_set_str(arena, environment, "lock", lock);
    return 0;
}

/* What a conda file asks of conda itself (channels, compilers) cannot be had from pip: it is told
 * in a note, and what remains is done. */
static int describe_conda(struct arena *arena, struct str text, struct json *environment,
                          struct json *notes, struct error *err)
{
    struct conda conda;

    if (conda_read(arena, text, &conda, err) < 0)
        return -1;
    json_set_str(arena, environment, "kind", STR("python"));
    json_set_str(arena, environment, "python", conda.python);
    json_set(arena, environment, STR("packages"), conda.packages);
    struct json_iter it = json_iter(conda.notes);
    while (json_next(&it))
        add_note(arena, notes, json_as_str(it.value));
    assert(json_str_at(environment, "kind").len);
    return 0;
}

/* What comes out is all that the making of it depends on, so it is what the key is made of: nothing
 * of the host or of the moment may be put in. */
int environment_describe(struct arena *arena, const struct environment_describe *what,
                         struct json **out_environment, struct json *out_notes, struct error *err)
{
    struct json *environment = json_object(arena);
    struct str conda = json_str_at(what->properties, "condaFile");
    const struct json *marks = json_at(what->properties, "properties");
    struct str curated = json_as_str(json_get(marks, STR("lazurite.curated")));

    assert(out_environment);
    if (json_str_at(what->properties, "build.contextUri").len)
        return error_set(err, ERROR_NOT_IMPLEMENTED, "build",
                         "Environments built from a folder with a Dockerfile are not there yet.");
    if (curated.len) {
        if (describe_curated(arena, curated, environment, err) < 0)
            return -1;
    } else if (conda.len) {
        if (note_image(arena, what, true, out_notes, err) < 0 ||
            describe_conda(arena, conda, environment, out_notes, err) < 0)
            return -1;
    } else {
        if (note_image(arena, what, false, out_notes, err) < 0)
            return -1;
        json_set_str(arena, environment, "kind", STR("host"));
    }
    if (what->overlay_count) {
        struct json *overlay = json_array(arena);
        for (size_t i = 0; i < what->overlay_count; i++)
            json_append(arena, overlay, json_text(arena, what->overlay[i]));
        json_set(arena, environment, STR("overlay"), overlay);
    }
    *out_environment = environment;
    return 0;
}

/* A digest of what would be installed: equal environments are built once, whatever they are
 * called. */
struct str environment_key(struct arena *arena, const struct json *environment)
{
    struct str text = json_write(arena, json_sorted(arena, environment));
    unsigned char digest[EVP_MAX_MD_SIZE];
    char hex[2 * EVP_MAX_MD_SIZE + 1];
    unsigned len = 0;
    int done = EVP_Digest(text.ptr, text.len, digest, &len, EVP_sha256(), NULL);

    assert(done == 1 && len == 32);
    for (unsigned i = 0; i < len; i++)
        snprintf(hex + (size_t)2 * i, 3, "%02x", digest[i]);
    return arena_str(arena, (struct str){hex, (size_t)2 * len});
}
