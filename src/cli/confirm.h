/* confirm.h - asking before something goes */
#pragma once

#include "cli/command.h"

/* 0 when -y was given or the person on the terminal says yes. Errors: ERROR_INVALID without a
 * terminal (never hangs), ERROR_CANCELED for a no. */
int confirm_delete(struct cli *cli, const char *kind, struct str name, struct error *err);
/* The same for any other question: "Replace the key of endpoint". */
int confirm_ask(struct cli *cli, const char *what, struct str name, struct error *err);
