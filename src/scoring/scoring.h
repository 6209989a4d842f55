/* scoring.h - `lazurite score`: the program beside one replica of one deployment */
#pragma once

/* Runs until SIGTERM or until its engine ends; the exit status of the process.
 *     lazurite score FOLDER --engine onnx|python|mlflow [--environment DIR] [--script FILE]
 *                    [--workers N]
 * It listens on FOLDER/r.sock and keeps FOLDER/score.json up to date. */
int score_main(int argc, char **argv);
