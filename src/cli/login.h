/* login.h - tokens: got from the server's token service, kept, renewed
 *
 * The same service and the same grants that azure-identity uses; nothing here is a private door.
 */
#pragma once

#include "cli/command.h"

/* The bearer of a token that was kept; a new one when it is about to end and may be renewed.
 * Errors: ERROR_UNAUTHENTICATED, its hint how to sign in again. */
int login_bearer(struct cli *cli, const struct json *kept, struct str *out, struct error *err);

/* The commands: account, login, logout. */
int login_run(struct cli *cli, struct error *err);
int login_run_out(struct cli *cli, struct error *err);
int login_run_show(struct cli *cli, struct error *err);
int login_run_list(struct cli *cli, struct error *err);
int login_run_token(struct cli *cli, struct error *err);
