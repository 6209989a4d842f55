/* rest_command.h - any request, as one is signed in */
#pragma once

#include "cli/command.h"

/* rest --method --url --body --headers --uri-parameters --output-file. */
int rest_run(struct cli *cli, struct error *err);
