/* confirm.c - A question before something goes; without a person to ask it is an error, never a
 * hang. */
#include "cli/confirm.h"

#include <assert.h>
#include <stdio.h>

/* Both streams must be a terminal: a prompt that nobody sees or answers would hang. */
int confirm_ask(struct cli *cli, const char *what, struct str name, struct error *err)
{
    char answer[16] = {0};

    assert(what[0]);
    if (cli_has(cli, "yes"))
        return 0;
    if (!cli->terminal_in || !cli->terminal_err) {
        error_set(err, ERROR_INVALID, "", "%s '%.*s'? That wants a yes, and nobody is here to ask.",
                  what, STR_ARG(name));
        return error_hint(err, "Add -y.");
    }
    fprintf(stderr, "%s '%.*s'? [y/N] ", what, STR_ARG(name));
    fflush(stderr);
    if (fgets(answer, sizeof answer, stdin) && (answer[0] == 'y' || answer[0] == 'Y'))
        return 0;
    return error_set(err, ERROR_CANCELED, "", "Nothing was changed.");
}

/* The word of the kind stands in the question: names alone are easily mixed up. */
int confirm_delete(struct cli *cli, const char *kind, struct str name, struct error *err)
{
    struct str what = arena_printf(cli->arena, "Delete %s", kind);

    assert(kind[0]);
    return confirm_ask(cli, what.ptr, name, err);
}
