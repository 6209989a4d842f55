/* identity_commands.c - user, service-principal, role and token: who there is, and who may what.
 * The first two are rows below /lazurite/v1, roles are those of Azure's own authorization. */
#include "cli/confirm.h"
#include "cli/listing.h"
#include "cli/scope.h"
#include "cli/session.h"
#include "http/text.h"
#include "os/file.h"
#include "os/random.h"

#include <assert.h>
#include <fcntl.h>

#define AUTHORIZATION "providers/Microsoft.Authorization"

static const char *const COLUMNS[] = {"name",     "Name",      "displayName", "Display name",
                                      "kind",     "Kind",      "disabled",    "Disabled",
                                      "objectId", "Object id", NULL};

/* "users" or "servicePrincipals": the group of the command says which. */
static const char *collection(const struct cli *cli)
{
    return cli->arguments.group == &user_group ? "users" : "servicePrincipals";
}

/* A path below the principal that --name names. */
static struct str principal(struct cli *cli, const char *rest)
{
    assert(rest);
    return arena_printf(cli->arena, "/lazurite/v1/%s/%.*s%s", collection(cli),
                        STR_ARG(http_encode(cli->arena, cli_text(cli, "name"), false)), rest);
}

static struct json *as_it_is(struct cli *cli, const struct json *rest)
{
    return json_copy(cli->arena, rest);
}

/* By name, as the server has them. */
static int run_list(struct cli *cli, struct error *err)
{
    struct str path = arena_printf(cli->arena, "/lazurite/v1/%s", collection(cli));
    struct listing listing = {path, listing_most(cli), as_it_is, COLUMNS, NULL};

    return listing_print(cli, &listing, err);
}

/* Without credentials: those have a list of their own. */
static int run_show(struct cli *cli, struct error *err)
{
    struct json *reply;

    if (session_get(cli, principal(cli, ""), &reply, err) < 0)
        return -1;
    return cli_result(cli, reply, err);
}

/* A flag of the line as a member of the body, where it was given. */
struct body_row {
    const char *flag, *rest;
    bool number;
};

/* A flag that was not given is not sent: the server's default is the server's. */
static void put_flags(struct cli *cli, const struct body_row *rows, size_t count, struct json *body)
{
    assert(body);
    for (size_t i = 0; i < count; i++) {
        if (!cli_has(cli, rows[i].flag))
            continue;
        if (rows[i].number)
            json_set_int(cli->arena, body, rows[i].rest, cli_number(cli, rows[i].flag, 0));
        else
            json_set_str(cli->arena, body, rows[i].rest, cli_text(cli, rows[i].flag));
    }
}

/* What is shown once is printed once: a password or secret that the server made. */
static int post(struct cli *cli, struct str path, const struct json *body, struct error *err)
{
    struct json *reply;

    if (session_post(cli, path, body, &reply, err) < 0)
        return -1;
    return reply && json_count(reply) ? cli_result(cli, reply, err) : 0;
}

/* A password or secret that the server makes is in the reply, once: it is printed and nowhere
 * kept. */
static int run_create(struct cli *cli, struct error *err)
{
    static const struct body_row ROWS[] = {
        {"name", "name", false},         {"display-name", "displayName", false},
        {"password", "password", false}, {"role", "role", false},
        {"scope", "scope", false},       {"expires-in-days", "expiresInDays", true}};
    struct json *body = json_object(cli->arena);

    put_flags(cli, ROWS, COUNT(ROWS), body);
    if (cli_has(cli, "no-secret"))
        json_set_bool(cli->arena, body, "secret", false);
    return post(cli, arena_printf(cli->arena, "/lazurite/v1/%s", collection(cli)), body, err);
}

/* Roles and tokens go with the name: nothing of it may open anything afterwards. */
static int run_delete(struct cli *cli, struct error *err)
{
    const char *word = cli->arguments.group == &user_group ? "user" : "service principal";

    if (confirm_delete(cli, word, cli_text(cli, "name"), err) < 0)
        return -1;
    return session_delete(cli, principal(cli, ""), NULL, err);
}

/* disable, enable and revoke: the command's name is the verb on the wire. */
static int run_action(struct cli *cli, struct error *err)
{
    const char *rest = arena_printf(cli->arena, "/%s", cli->arguments.command->name).ptr;

    return post(cli, principal(cli, rest), json_object(cli->arena), err);
}

/* For somebody else; one's own is changed knowing the old one. */
static int run_password(struct cli *cli, struct error *err)
{
    static const struct body_row ROWS[] = {{"password", "password", false}};
    struct json *body = json_object(cli->arena);

    put_flags(cli, ROWS, COUNT(ROWS), body);
    return post(cli, principal(cli, "/password"), body, err);
}

/* What can be taken away, by id; what it is cannot be read back. */
static int run_credentials(struct cli *cli, struct error *err)
{
    static const char *const CREDENTIAL_COLUMNS[] = {"id",        "Id",      "kind",      "Kind",
                                                     "label",     "Label",   "createdOn", "Created",
                                                     "expiresOn", "Expires", NULL};
    struct listing listing = {principal(cli, "/credentials"), 0, as_it_is, CREDENTIAL_COLUMNS,
                              NULL};

    return listing_print(cli, &listing, err);
}

/* At once: whoever still uses it is refused from the next request on. */
static int run_credential_delete(struct cli *cli, struct error *err)
{
    struct str id = cli_text(cli, "id");

    if (confirm_delete(cli, "credential", id, err) < 0)
        return -1;
    const char *rest =
        arena_printf(cli->arena, "/credentials/%.*s", STR_ARG(http_encode(cli->arena, id, false)))
            .ptr;
    return session_delete(cli, principal(cli, rest), NULL, err);
}

static const struct body_row TOKEN_ROWS[] = {{"label", "label", false},
                                             {"expires-in-days", "expiresInDays", true}};

/* A second secret, so that one can be replaced without a pause. */
static int run_secret(struct cli *cli, struct error *err)
{
    struct json *body = json_object(cli->arena);

    put_flags(cli, TOKEN_ROWS, COUNT(TOKEN_ROWS), body);
    return post(cli, principal(cli, "/secrets"), body, err);
}

/* A certificate alone: its key stays where it is. */
static int run_certificate(struct cli *cli, struct error *err)
{
    struct json *body = json_object(cli->arena);
    struct str path = cli_text(cli, "file");
    CLEANUP(fd_close) int fd = open(arena_cstr(cli->arena, path), O_RDONLY | O_CLOEXEC);
    char *pem = arena_alloc(cli->arena, 64 * KIB);
    ssize_t got = fd < 0 ? -1 : fd_read_all(fd, pem, 64 * KIB, err);

    if (got < 0)
        return error_set(err, ERROR_NOT_FOUND, "--file", "The file '%.*s' cannot be read.",
                         STR_ARG(path));
    put_flags(cli, TOKEN_ROWS, COUNT(TOKEN_ROWS), body);
    json_set_str(cli->arena, body, "pem", (struct str){pem, (size_t)got});
    return post(cli, principal(cli, "/certificates"), body, err);
}

/* A personal token of one's own, or with --name of somebody else. */
static int run_token_create(struct cli *cli, struct error *err)
{
    struct json *body = json_object(cli->arena);
    struct str name = cli_text(cli, "name");
    struct str path = STR("/lazurite/v1/me/tokens");

    put_flags(cli, TOKEN_ROWS, COUNT(TOKEN_ROWS), body);
    if (name.len)
        path = arena_printf(cli->arena, "/lazurite/v1/users/%.*s/tokens",
                            STR_ARG(http_encode(cli->arena, name, false)));
    return post(cli, path, body, err);
}

/* --- roles --------------------------------------------------------------------------------------
 */

/* --scope, else the workspace of the session: what one most likely means. */
static struct str role_scope(struct cli *cli)
{
    struct str scope = cli_text(cli, "scope");

    if (str_eq(scope, STR("/")))
        return STR("");
    return scope.len ? scope : session_workspace(cli);
}

/* az's flat form: scripts read roleName, not properties.roleName. */
static struct json *shape_definition(struct cli *cli, const struct json *rest)
{
    struct json *out = json_object(cli->arena);

    json_set_str(cli->arena, out, "id", json_str_at(rest, "id"));
    json_set_str(cli->arena, out, "name", json_str_at(rest, "name"));
    json_set_str(cli->arena, out, "roleName", json_str_at(rest, "properties.roleName"));
    json_set_str(cli->arena, out, "roleType", json_str_at(rest, "properties.type"));
    json_set_str(cli->arena, out, "description", json_str_at(rest, "properties.description"));
    return out;
}

/* Those that may be given at the scope, custom ones too. */
static int run_definitions(struct cli *cli, struct error *err)
{
    static const char *const DEFINITION_COLUMNS[] = {
        "roleName", "Role", "roleType", "Type", "description", "Description", NULL};

    if (session_open(cli, err) < 0)
        return -1;
    struct str path = arena_printf(cli->arena, "%.*s/" AUTHORIZATION "/roleDefinitions",
                                   STR_ARG(role_scope(cli)));
    struct listing listing = {path, 0, shape_definition, DEFINITION_COLUMNS, NULL};
    return listing_print(cli, &listing, err);
}

/* The definition's id by the role's name, which az takes too. */
static int find_role(struct cli *cli, struct str role, struct str *out, struct error *err)
{
    struct json *found;

    *out = role;
    if (str_find_char(role, '/') >= 0)
        return 0;
    struct str filter = arena_printf(cli->arena, "roleName eq '%.*s'", STR_ARG(role));
    struct str path =
        arena_printf(cli->arena, "%.*s/" AUTHORIZATION "/roleDefinitions?$filter=%.*s",
                     STR_ARG(role_scope(cli)), STR_ARG(http_encode(cli->arena, filter, false)));
    if (session_get(cli, path, &found, err) < 0)
        return -1;
    *out = json_str_at(found, "value[0].id");
    if (out->len)
        return 0;
    cli->missing = true;
    error_set(err, ERROR_NOT_FOUND, "", "There is no role '%.*s'.", STR_ARG(role));
    return error_hint(err, "lazurite role definition-list -o table");
}

/* The object id of a user, service principal or group, by its name. */
static int find_principal(struct cli *cli, struct str name, struct str *out, struct error *err)
{
    static const char *const KINDS[] = {"users", "servicePrincipals", "groups"};
    struct json *found;

    for (size_t i = 0; i < COUNT(KINDS); i++) {
        struct str path = arena_printf(cli->arena, "/lazurite/v1/%s/%.*s", KINDS[i],
                                       STR_ARG(http_encode(cli->arena, name, false)));
        if (session_get(cli, path, &found, err) == 0) {
            *out = json_str_at(found, "objectId");
            cli->missing = false;
            cli->wire_code = STR("");
            return 0;
        }
        if (!cli->missing)
            return -1;
    }
    return error_set(err, ERROR_NOT_FOUND, "",
                     "There is no user, service principal or group '%.*s'.", STR_ARG(name));
}

/* Flat as az shows it. */
static struct json *shape_assignment(struct cli *cli, const struct json *rest)
{
    struct json *out = json_object(cli->arena);
    struct str role = json_str_at(rest, "properties.roleDefinitionId");
    struct str name = json_str_at(rest, "properties.roleDefinitionName");
    struct str who = json_str_at(rest, "properties.principalName");

    json_set_str(cli->arena, out, "id", json_str_at(rest, "id"));
    json_set_str(cli->arena, out, "name", json_str_at(rest, "name"));
    json_set_str(cli->arena, out, "principalId", json_str_at(rest, "properties.principalId"));
    if (who.len)
        json_set_str(cli->arena, out, "principalName", who);
    json_set_str(cli->arena, out, "principalType", json_str_at(rest, "properties.principalType"));
    json_set_str(cli->arena, out, "roleDefinitionId", role);
    if (name.len)
        json_set_str(cli->arena, out, "roleDefinitionName", name);
    json_set_str(cli->arena, out, "scope", json_str_at(rest, "properties.scope"));
    return out;
}

/* Names are looked up first: an assignment that names nobody would be refused with an id. */
static int run_assign(struct cli *cli, struct error *err)
{
    struct json *body = json_object(cli->arena), *reply;
    struct str role, who;

    if (session_open(cli, err) < 0 || find_role(cli, cli_text(cli, "role"), &role, err) < 0 ||
        find_principal(cli, cli_text(cli, "assignee"), &who, err) < 0)
        return -1;
    if (json_put(cli->arena, body, "properties.roleDefinitionId", json_text(cli->arena, role),
                 err) < 0 ||
        json_put(cli->arena, body, "properties.principalId", json_text(cli->arena, who), err) < 0)
        return -1;
    struct str path = arena_printf(cli->arena, "%.*s/" AUTHORIZATION "/roleAssignments/%.*s",
                                   STR_ARG(role_scope(cli)), STR_ARG(random_uuid(cli->arena)));
    if (session_put(cli, path, body, &reply, err) < 0)
        return -1;
    return cli_result(cli, shape_assignment(cli, reply), err);
}

/* The role's name by the definitions of the scope: an assignment names its id alone. */
static struct json *shape_named_assignment(struct cli *cli, const struct json *rest)
{
    struct json *out = shape_assignment(cli, rest);
    struct str id = json_str_at(out, "roleDefinitionId");
    struct json_iter it = json_iter(cli->extra);
    ssize_t slash = str_find_last(id, '/');

    while (json_next(&it))
        if (str_eq_fold(json_str_at(it.value, "name"), str_slice(id, (size_t)(slash + 1), id.len)))
            json_set_str(cli->arena, out, "roleDefinitionName",
                         json_str_at(it.value, "properties.roleName"));
    return out;
}

/* At the scope and above it: what holds there, not only what was given there. */
static int run_assignments(struct cli *cli, struct error *err)
{
    struct json *definitions;
    static const char *const ASSIGNMENT_COLUMNS[] = {
        "name", "Name",  "principalId", "Principal", "roleDefinitionName",
        "Role", "scope", "Scope",       NULL};
    struct str who = cli_text(cli, "assignee"), filter = STR("");

    if (session_open(cli, err) < 0)
        return -1;
    if (who.len) {
        if (find_principal(cli, who, &who, err) < 0)
            return -1;
        filter = arena_printf(cli->arena, "principalId eq '%.*s'", STR_ARG(who));
        filter = arena_printf(cli->arena, "?$filter=%.*s",
                              STR_ARG(http_encode(cli->arena, filter, false)));
    }
    struct str path = arena_printf(cli->arena, "%.*s/" AUTHORIZATION "/roleAssignments%.*s",
                                   STR_ARG(role_scope(cli)), STR_ARG(filter));
    struct str roles = arena_printf(cli->arena, "%.*s/" AUTHORIZATION "/roleDefinitions",
                                    STR_ARG(role_scope(cli)));
    if (session_get(cli, roles, &definitions, err) < 0)
        return -1;
    cli->extra = json_get(definitions, STR("value"));
    struct listing listing = {path, 0, shape_named_assignment, ASSIGNMENT_COLUMNS, NULL};
    return listing_print(cli, &listing, err);
}

/* An id is enough: it says its scope itself. */
static int run_unassign(struct cli *cli, struct error *err)
{
    struct str name = cli_text(cli, "name");

    if (confirm_delete(cli, "role assignment", name, err) < 0 || session_open(cli, err) < 0)
        return -1;
    /* An id says where it stands; a name is looked for in the scope. */
    struct str path = str_starts(name, STR("/"))
                          ? name
                          : arena_printf(cli->arena, "%.*s/" AUTHORIZATION "/roleAssignments/%.*s",
                                         STR_ARG(role_scope(cli)), STR_ARG(name));
    return session_delete(cli, path, NULL, err);
}

#define WHO {"name", 'n', CLI_VALUE, true, .help = "name, or object id"}
#define DAYS {"expires-in-days", 0, CLI_NUMBER, .help = "days until it ends"}
#define LABEL {"label", 0, CLI_VALUE, .help = "what it is for"}
#define GRANT                                                                    \
    {"role", 0, CLI_VALUE, .help = "role to give at once, such as Contributor"}, \
        {"scope", 0, CLI_VALUE, .help = "where the role holds: an id, or / for all"}
static const struct cli_flag USER_CREATE[] = {
    WHO,
    GRANT,
    {"display-name", 0, CLI_VALUE, .help = "name shown to people"},
    {"password", 0, CLI_VALUE, .help = "12 characters at least; one is made without"},
};
static const struct cli_flag PRINCIPAL_CREATE[] = {
    WHO,
    GRANT,
    DAYS,
    {"display-name", 0, CLI_VALUE, .help = "name shown to people"},
    {"no-secret", 0, CLI_SWITCH, .help = "without a secret"},
};
static const struct cli_flag NAME[] = {WHO};
static const struct cli_flag LIST[] = {{"max-results", 'r', CLI_NUMBER, .help = "at most so many"}};
static const struct cli_flag PASSWORD[] = {
    WHO, {"password", 0, CLI_VALUE, .help = "12 characters at least; one is made without"}};
static const struct cli_flag SECRET[] = {WHO, LABEL, DAYS};
static const struct cli_flag CERTIFICATE[] = {
    WHO, LABEL, {"file", 'f', CLI_VALUE, true, .help = "the certificate, PEM"}};
static const struct cli_flag CREDENTIAL[] = {
    WHO, {"id", 0, CLI_VALUE, true, .help = "id of the credential"}};
static const struct cli_flag TOKEN[] = {
    {"name", 'n', CLI_VALUE, .help = "for this user, not for oneself"}, LABEL, DAYS};
static const struct cli_flag ASSIGN[] = {
    {"assignee", 0, CLI_VALUE, true, .help = "user, service principal or group"},
    {"role", 0, CLI_VALUE, true, .help = "name of the role, or id of its definition"},
    {"scope", 0, CLI_VALUE, .help = "an id, or / for all (default: the workspace)"}};
static const struct cli_flag ASSIGNMENTS[] = {
    {"assignee", 0, CLI_VALUE, .help = "only of this one"},
    {"scope", 0, CLI_VALUE, .help = "an id, or / for all (default: the workspace)"}};
static const struct cli_flag UNASSIGN[] = {
    {"name", 'n', CLI_VALUE, true, .help = "name or id of the assignment"},
    {"scope", 0, CLI_VALUE, .help = "an id, or / for all (default: the workspace)"}};

#define ROW(verb, words, flag_rows, share, handler, group, line) \
    {verb,                                                       \
     words,                                                      \
     flag_rows,                                                  \
     COUNT(flag_rows),                                           \
     share,                                                      \
     handler,                                                    \
     .examples = {"lazurite " group " " verb line, "lazurite " group " " verb " -h"}}
#define OF_PRINCIPAL(group)                                                                      \
    ROW("delete", "remove, with its roles", NAME, CLI_YES, run_delete, group, " -n NAME -y"),    \
        ROW("disable", "no token is given out, none is taken", NAME, 0, run_action, group,       \
            " -n NAME"),                                                                         \
        ROW("enable", "lift a disable", NAME, 0, run_action, group, " -n NAME"),                 \
        ROW("list", "all of them", LIST, 0, run_list, group, " -o table"),                       \
        ROW("revoke", "every token so far is refused", NAME, 0, run_action, group, " -n NAME"),  \
        ROW("show", "one", NAME, 0, run_show, group, " -n NAME"),                                \
        ROW("credential-list", "what it signs in by, without secrets", NAME, 0, run_credentials, \
            group, " -n NAME -o table"),                                                         \
        ROW("credential-delete", "take one away", CREDENTIAL, CLI_YES, run_credential_delete,    \
            group, " -n NAME --id ID -y")

static const struct cli_command USER_COMMANDS[] = {
    ROW("create", "a person; a password that is made is shown once", USER_CREATE, 0, run_create,
        "user", " -n ana@example.org --role Reader"),
    OF_PRINCIPAL("user"),
    ROW("set-password", "a new password", PASSWORD, 0, run_password, "user", " -n ana@example.org"),
};
const struct cli_group user_group = {"user", "people", USER_COMMANDS, COUNT(USER_COMMANDS)};

static const struct cli_command PRINCIPAL_COMMANDS[] = {
    ROW("create", "a program; its secret is shown once", PRINCIPAL_CREATE, 0, run_create,
        "service-principal", " -n ci --role Contributor"),
    OF_PRINCIPAL("service-principal"),
    ROW("add-secret", "one more secret, shown once", SECRET, 0, run_secret, "service-principal",
        " -n ci --expires-in-days 90"),
    ROW("add-certificate", "sign in by a certificate", CERTIFICATE, 0, run_certificate,
        "service-principal", " -n ci -f ci.pem"),
};
const struct cli_group service_principal_group = {"service-principal", "programs that sign in",
                                                  PRINCIPAL_COMMANDS, COUNT(PRINCIPAL_COMMANDS)};

static const struct cli_command ROLE_COMMANDS[] = {
    ROW("assign", "give a role", ASSIGN, CLI_SCOPE, run_assign, "role",
        " --assignee ana@example.org --role Reader"),
    ROW("definition-list", "which roles there are", ASSIGNMENTS, CLI_SCOPE, run_definitions, "role",
        " -o table"),
    ROW("list", "who has which role", ASSIGNMENTS, CLI_SCOPE, run_assignments, "role",
        " --assignee ci -o table"),
    ROW("unassign", "take a role away", UNASSIGN, CLI_SCOPE | CLI_YES, run_unassign, "role",
        " -n ID -y"),
};
const struct cli_group role_group = {"role", "who may what", ROLE_COMMANDS, COUNT(ROLE_COMMANDS)};

static const struct cli_command TOKEN_COMMANDS[] = {
    ROW("create", "a personal token, shown once", TOKEN, 0, run_token_create, "token",
        " --label laptop --expires-in-days 30"),
};
const struct cli_group token_group = {"token", "personal tokens", TOKEN_COMMANDS,
                                      COUNT(TOKEN_COMMANDS)};
