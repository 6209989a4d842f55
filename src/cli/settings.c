/* settings.c - Two small JSON files in a folder of the person's own. Both are written whole and
 * atomically: a run that is killed leaves the old one. */
#include "cli/settings.h"
#include "os/file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#define CONFIG_FILE "config.json"
#define TOKENS_FILE "tokens.json"
#define SIGNED_IN "signedIn" /* beside hosts with their ports, none of which it can be */
#define CONFIG_MAX MIB

/* Beside the settings of other programs, unless a test or a person says otherwise. */
struct str settings_folder(const struct cli *cli)
{
    const char *own = getenv("LAZURITE_CONFIG_DIR"), *base = getenv("XDG_CONFIG_HOME");
    const char *home = getenv("HOME");

    assert(cli->arena);
    if (own && own[0])
        return str_from(own);
    if (base && base[0] == '/')
        return arena_printf(cli->arena, "%s/lazurite", base);
    return arena_printf(cli->arena, "%s/.config/lazurite", home ? home : "");
}

/* A file of the folder as an object; an empty one for whatever is not that. */
static struct json *read_object(struct cli *cli, const char *name)
{
    struct error ignored;
    struct str text;
    CLEANUP(fd_close) int dir = dir_open(arena_cstr(cli->arena, settings_folder(cli)), &ignored);

    assert(name[0]);
    if (dir < 0 || file_read(cli->arena, dir, name, CONFIG_MAX, &text, &ignored) < 0)
        return json_object(cli->arena);
    struct json *read = json_parse(cli->arena, text, &ignored);
    return json_kind(read) == JSON_OBJECT ? read : json_object(cli->arena);
}

/* The folder is made on the first write, for its owner alone. */
static int write_object(struct cli *cli, const char *name, const struct json *object, mode_t mode,
                        struct error *err)
{
    struct str folder = settings_folder(cli);
    CLEANUP(fd_close) int root = dir_open("/", err);

    assert(json_kind(object) == JSON_OBJECT);
    if (root < 0)
        return -1;
    if (!str_starts(folder, STR("/")))
        return error_set(err, ERROR_INVALID, "LAZURITE_CONFIG_DIR",
                         "The folder of the configuration must be an absolute path.");
    struct str below = str_slice(folder, 1, folder.len);
    CLEANUP(fd_close) int dir = dir_open_at(root, arena_cstr(cli->arena, below), 0700, err);
    if (dir < 0)
        return -1;
    struct str text =
        arena_printf(cli->arena, "%.*s\n", STR_ARG(json_write_pretty(cli->arena, object)));
    return file_write_atomic(dir, name, text, mode, err);
}

struct json *settings_read(struct cli *cli)
{
    assert(cli->arena);
    return read_object(cli, CONFIG_FILE);
}

int settings_write(struct cli *cli, const struct json *config, struct error *err)
{
    assert(config);
    return write_object(cli, CONFIG_FILE, config, 0600, err);
}

/* A flag for one command, the variable for a shell. */
struct str settings_profile(const struct cli *cli)
{
    struct str given = cli_text(cli, "profile");

    assert(cli->arena);
    return given.len ? given : str_from(getenv("LAZURITE_PROFILE"));
}

/* Names of sections and keys are the person's: they are looked up as they are, not as paths. */
static struct str text_of(const struct json *place, const char *section, const char *key)
{
    assert(section && key);
    return json_as_str(json_get(json_get(place, str_from(section)), str_from(key)));
}

/* A profile need not repeat what is the same for all. */
struct str settings_value(struct cli *cli, const char *section, const char *key)
{
    const struct json *config = settings_read(cli);
    struct str profile = settings_profile(cli), value = STR("");

    assert(section[0] && key[0]);
    if (profile.len)
        value = text_of(json_get(json_get(config, STR("profiles")), profile), section, key);
    return value.len ? value : text_of(config, section, key);
}

/* An object under a key, made when it is not there. */
static struct json *below(struct cli *cli, struct json *object, struct str key)
{
    struct json *found = json_get(object, key);

    assert(key.len > 0);
    if (json_kind(found) == JSON_OBJECT)
        return found;
    found = json_object(cli->arena);
    json_set(cli->arena, object, key, found);
    return found;
}

/* Reading and writing agree on where a profile's values are. */
struct json *settings_place(struct cli *cli, struct json *config)
{
    struct str profile = settings_profile(cli);

    assert(json_kind(config) == JSON_OBJECT);
    return profile.len ? below(cli, below(cli, config, STR("profiles")), profile) : config;
}

/* Two profiles may know the same server as two people. */
static struct str token_key(struct cli *cli, struct str server)
{
    struct str profile = settings_profile(cli);

    assert(server.len > 0);
    return profile.len ? arena_printf(cli->arena, "%.*s %.*s", STR_ARG(profile), STR_ARG(server))
                       : server;
}

struct json *settings_token(struct cli *cli, struct str server)
{
    assert(cli->arena);
    return json_get(read_object(cli, TOKENS_FILE), token_key(cli, server));
}

/* Under what a place is kept: "profile ci", or the path of a data folder. */
static struct str place_key(struct cli *cli, struct str folder)
{
    struct str profile = settings_profile(cli);

    assert(folder.len > 0);
    return profile.len ? arena_printf(cli->arena, "profile %.*s", STR_ARG(profile)) : folder;
}

struct settings_sign_in settings_signed_in(struct cli *cli, struct str folder)
{
    const struct json *places = json_get(read_object(cli, TOKENS_FILE), STR(SIGNED_IN));
    const struct json *place = json_get(places, place_key(cli, folder));

    return (struct settings_sign_in){json_str_at(place, "server"), json_str_at(place, "caFile")};
}

int settings_sign_in(struct cli *cli, struct str folder, const struct settings_sign_in *place,
                     struct error *err)
{
    struct json *tokens = read_object(cli, TOKENS_FILE), *kept = json_object(cli->arena);

    assert(place->server.len > 0);
    json_set_str(cli->arena, kept, "server", place->server);
    if (place->ca_file.len)
        json_set_str(cli->arena, kept, "caFile", place->ca_file);
    json_set(cli->arena, below(cli, tokens, STR(SIGNED_IN)), place_key(cli, folder), kept);
    return write_object(cli, TOKENS_FILE, tokens, 0600, err);
}

/* Written before it is used: a token that cannot be kept is said so at once. */
int settings_keep(struct cli *cli, struct str server, struct json *token, struct error *err)
{
    struct json *tokens = read_object(cli, TOKENS_FILE);

    assert(server.len || !token);
    if (!server.len)
        tokens = json_object(cli->arena);
    else if (token)
        json_set(cli->arena, tokens, token_key(cli, server), token);
    else
        json_remove(tokens, token_key(cli, server));
    return write_object(cli, TOKENS_FILE, tokens, 0600, err);
}
