/* The one executable: the first word picks the program. */
#include "cli/cli.h"
#include "gateway/gateway.h"
#include "runner/runner.h"
#include "scoring/scoring.h"
#include "server/server.h"

#include <stdbool.h>
#include <string.h>

struct program {
    const char *word;
    int (*main)(int argc, char **argv);
};

static const struct program PROGRAMS[] = {
    {"serve", server_main},
    {"runner", runner_main},
    {"gateway", gateway_main},
    {"score", score_main},
};

int main(int argc, char **argv)
{
    bool help = argc > 2 && (!strcmp(argv[2], "--help") || !strcmp(argv[2], "-h"));

    for (size_t i = 0; argc > 1 && !help && i < sizeof(PROGRAMS) / sizeof(PROGRAMS[0]); i++)
        if (strcmp(argv[1], PROGRAMS[i].word) == 0)
            return PROGRAMS[i].main(argc - 1, argv + 1);
    return cli_main(argc, argv);
}
