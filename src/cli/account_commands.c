/* account_commands.c - account, config: who one is and what is the default. Their words are az's;
 * login, logout and configure stand in the group without a name. */
#include "cli/account_commands.h"
#include "cli/login.h"
#include "cli/session.h"
#include "cli/settings.h"

#include <assert.h>

#define KEY_SECTION "defaults"

/* One KEY=VALUE, or KEY alone, as section and key: "defaults.group", and "group" for the former. */
static int cut_key(struct cli *cli, struct str word, struct str *out_section, struct str *out_key,
                   struct error *err)
{
    if (!str_cut(word, '.', out_section, out_key)) {
        *out_section = STR(KEY_SECTION);
        *out_key = word;
    }
    if (out_section->len && out_key->len && !str_eq(*out_section, STR("profiles")))
        return 0;
    cli->usage = true;
    return error_set(err, ERROR_INVALID, "", "'%.*s' is no key; expected SECTION.KEY.",
                     STR_ARG(word));
}

/* Sets one value; an empty one takes it away. */
static int set_one(struct cli *cli, struct json *place, struct str word, struct error *err)
{
    struct str key, value, section, name;

    if (!str_cut(word, '=', &key, &value)) {
        cli->usage = true;
        return error_set(err, ERROR_INVALID, "", "'%.*s' wants KEY=VALUE.", STR_ARG(word));
    }
    if (cut_key(cli, key, &section, &name, err) < 0)
        return -1;
    struct json *values = json_get(place, section);
    if (json_kind(values) != JSON_OBJECT) {
        values = json_object(cli->arena);
        json_set(cli->arena, place, section, values);
    }
    json_remove(values, name);
    if (value.len)
        json_set(cli->arena, values, name, json_text(cli->arena, value));
    return 0;
}

/* All words or none: the file is written once, after the last of them was understood. */
static int set_words(struct cli *cli, const struct cli_given *words, struct error *err)
{
    struct json *config = settings_read(cli), *place = settings_place(cli, config);

    for (size_t i = 0; i < words->count; i++)
        if (set_one(cli, place, words->values[i], err) < 0)
            return -1;
    return settings_write(cli, config, err);
}

/* az's own spelling of what `config set` does for one section; with --list-defaults it only
 * looks. */
int account_run_configure(struct cli *cli, struct error *err)
{
    if (cli_has(cli, "list-defaults"))
        return cli_result(cli, json_get(settings_place(cli, settings_read(cli)), STR(KEY_SECTION)),
                          err);
    return set_words(cli, cli_words(cli, "defaults"), err);
}

static int run_set(struct cli *cli, struct error *err)
{
    return set_words(cli, cli_words(cli, "pairs"), err);
}

/* Taking away what is not there is no error: afterwards it is as it was asked for. */
static int run_unset(struct cli *cli, struct error *err)
{
    struct json *config = settings_read(cli), *place = settings_place(cli, config);
    const struct cli_given *words = cli_words(cli, "keys");
    struct str section, key;

    for (size_t i = 0; i < words->count; i++) {
        if (cut_key(cli, words->values[i], &section, &key, err) < 0)
            return -1;
        json_remove(json_get(place, section), key);
    }
    return settings_write(cli, config, err);
}

/* The whole, or one value with where it comes from; a value that is not there is code 3. */
static int run_get(struct cli *cli, struct error *err)
{
    struct str word = cli_text(cli, "key"), section, key;
    struct json *out = json_object(cli->arena);

    if (!word.len)
        return cli_result(cli, settings_place(cli, settings_read(cli)), err);
    if (cut_key(cli, word, &section, &key, err) < 0)
        return -1;
    struct str value =
        settings_value(cli, arena_cstr(cli->arena, section), arena_cstr(cli->arena, key));
    if (!value.len) {
        cli->missing = true;
        return error_set(err, ERROR_NOT_FOUND, "", "'%.*s' is not set.", STR_ARG(word));
    }
    json_set_str(cli->arena, out, "name", word);
    json_set_str(cli->arena, out, "source",
                 arena_printf(cli->arena, "%.*s/config.json", STR_ARG(settings_folder(cli))));
    json_set_str(cli->arena, out, "value", value);
    return cli_result(cli, out, err);
}

/* There is one subscription a server; which it is called by is the person's choice. */
static int run_account_set(struct cli *cli, struct error *err)
{
    struct json *config = settings_read(cli), *place = settings_place(cli, config);
    struct str word = arena_printf(cli->arena, KEY_SECTION ".subscription=%.*s",
                                   STR_ARG(cli_text(cli, "subscription")));

    if (!cli_text(cli, "subscription").len) {
        cli->usage = true;
        return error_set(err, ERROR_INVALID, "", "--subscription is missing: which one?");
    }
    if (set_one(cli, place, word, err) < 0)
        return -1;
    return settings_write(cli, config, err);
}

static const struct cli_flag PAIRS[] = {
    {"pairs", 0, CLI_LIST, true, .help = "SECTION.KEY=VALUE…; an empty value takes it away"}};
static const struct cli_flag KEYS[] = {{"keys", 0, CLI_LIST, true, .help = "SECTION.KEY…"}};
static const struct cli_flag KEY[] = {{"key", 0, CLI_VALUE, .help = "SECTION.KEY; all without"}};
static const struct cli_flag ACCOUNT_SET[] = {
    {"name", 'n', CLI_VALUE, .help = "for scripts of az; changes nothing",
     .idle = "give --subscription"},
};
static const struct cli_flag TOKEN[] = {
    {"resource", 0, CLI_VALUE, .help = "for scripts of az; changes nothing",
     .idle = "the server has one audience, its own address"},
};

static const struct cli_command CONFIG_COMMANDS[] = {
    {"get", "one value, or all", KEY, COUNT(KEY), 0, run_get, .positional = "key",
     .examples = {"lazurite config get", "lazurite config get defaults.group"}},
    {"set", "set values", PAIRS, COUNT(PAIRS), 0, run_set, .positional = "pairs", .text = true,
     .examples = {"lazurite config set defaults.workspace=lab",
                  "lazurite config set defaults.group=team defaults.workspace=lab --profile ci"}},
    {"unset", "take values away", KEYS, COUNT(KEYS), 0, run_unset, .positional = "keys",
     .text = true,
     .examples = {"lazurite config unset defaults.workspace",
                  "lazurite config unset defaults.server --profile ci"}},
};
const struct cli_group config_group = {"config", "what is the default", CONFIG_COMMANDS,
                                       COUNT(CONFIG_COMMANDS)};

static const struct cli_command ACCOUNT_COMMANDS[] = {
    {"get-access-token", "a token for other programs", TOKEN, COUNT(TOKEN), 0, login_run_token,
     .examples = {"lazurite account get-access-token",
                  "lazurite account get-access-token --query accessToken -o tsv"}},
    {"list", "subscriptions that are open", NULL, 0, 0, login_run_list,
     .examples = {"lazurite account list", "lazurite account list -o table"}},
    {"set", "the subscription that is the default", ACCOUNT_SET, COUNT(ACCOUNT_SET), 0,
     run_account_set, .text = true,
     .examples = {"lazurite account set --subscription ID",
                  "lazurite account set --subscription ID --profile ci"}},
    {"show", "who one is, and where", NULL, 0, 0, login_run_show,
     .examples = {"lazurite account show", "lazurite account show --query user.name -o tsv"}},
};
const struct cli_group account_group = {"account", "who one is", ACCOUNT_COMMANDS,
                                        COUNT(ACCOUNT_COMMANDS)};
