/* The one executable: the first word picks the program. */
#include "server/server.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *word;
    int (*main)(int argc, char **argv);
} PROGRAMS[] = {
    {"serve", server_main},
};

int main(int argc, char **argv)
{
    for (size_t i = 0; argc > 1 && i < sizeof(PROGRAMS) / sizeof(PROGRAMS[0]); i++)
        if (strcmp(argv[1], PROGRAMS[i].word) == 0)
            return PROGRAMS[i].main(argc - 1, argv + 1);
    fprintf(stderr, "lazurite: %s is not a program of this build\n", argc > 1 ? argv[1] : "nothing");
    return 2;
}
