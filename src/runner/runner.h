/* runner.h - `lazurite runner FOLDER`: the program beside one attempt of a job, or one replica */
#pragma once

/* Runs the attempt whose spec.json lies in FOLDER (docs/run-folder.md) and stays until the server
 * has been told everything. The exit status of the process: 0 also when the job failed, 1 when the
 * folder cannot be worked with. */
int runner_main(int argc, char **argv);
