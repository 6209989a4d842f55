/* server.h - `lazurite serve`: the control plane, its faces and its engines */
#pragma once

/* Runs in the foreground until SIGTERM; the exit status of the process.
 *     lazurite serve [--data-dir DIR] [--listen HOST:PORT] [--plain-listen HOST:PORT]
 *                    [--scoring-listen HOST:PORT] */
int server_main(int argc, char **argv);
