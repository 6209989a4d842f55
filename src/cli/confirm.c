#include "cli/confirm.h"

#include <assert.h>
#include <stdio.h>

int confirm_delete(struct cli *cli, const char *kind, struct str name, struct error *err)
{
    char answer[16] = {0};

    assert(name.len > 0);
    if (cli_has(cli, "yes"))
        return 0;
    if (!cli->terminal_in || !cli->terminal_err) {
        error_set(err, ERROR_INVALID, "",
                  "Deleting %s '%.*s' wants a yes, and nobody is here to ask.", kind,
                  STR_ARG(name));
        return error_hint(err, "Add -y.");
    }
    fprintf(stderr, "Delete %s '%.*s'? [y/N] ", kind, STR_ARG(name));
    fflush(stderr);
    if (fgets(answer, sizeof answer, stdin) && (answer[0] == 'y' || answer[0] == 'Y'))
        return 0;
    return error_set(err, ERROR_CANCELED, "", "Nothing was deleted.");
}
