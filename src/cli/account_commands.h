/* account_commands.h - handlers of commands without a group that stand by az's account and config
 */
#pragma once

#include "cli/command.h"

/* configure --defaults group=… workspace=…, and --list-defaults. */
int account_run_configure(struct cli *cli, struct error *err);
