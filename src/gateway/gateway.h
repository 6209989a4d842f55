/* gateway.h - `lazurite gateway`: the scoring port
 *
 * It outlives `serve`, which tells it by run/gateway.sock who may call whom; what it was told last
 * is kept in run/gateway.json, so that it also outlives itself.
 */
#pragma once

/* Runs until SIGTERM or POST /stop; the exit status of the process.
 *     lazurite gateway --data-dir DIR [--listen HOST:PORT] */
int gateway_main(int argc, char **argv);
