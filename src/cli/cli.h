/* cli.h - the command line of the one executable */
#pragma once

/* Runs one command; the exit code: 0 done, 1 refused or failed, 2 bad command line, 3 not there,
 * 130 interrupted. */
int cli_main(int argc, char **argv);
