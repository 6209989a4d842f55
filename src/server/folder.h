/* folder.h - the data folder: where it is, whose it is, who serves it (decisions 31) */
#pragma once

#include "base/json.h"
#include "os/process.h"

struct folder {
    int dir;         /* open */
    int lock;        /* open while we serve it */
    struct str path; /* absolute */
};

/* Finds (flag, LAZURITE_HOME, ~/.lazurite), makes and opens the folder and what is in it. It must
 * be ours and closed to writing by others. Errors: ERROR_FORBIDDEN, ERROR_INVALID for a path that
 * is too long for sockets, ERROR_IO. */
int folder_open(struct arena *arena, struct str flag, struct folder *out, struct error *err);

/* Takes the lock. Errors: ERROR_CONFLICT naming the process that serves the folder. */
int folder_lock(struct folder *folder, struct error *err);

/* Unlocks and closes. For CLEANUP. */
void folder_close(struct folder *folder);

/* The addresses of run/server.json. */
struct folder_ports {
    uint16_t tls, plain, scoring;
};
/* What an earlier server had; zeros when it cannot be told. */
struct folder_ports folder_read_ports(struct arena *arena, const struct folder *folder);
/* Says who serves the folder, and where. */
int folder_write_server(struct arena *arena, const struct folder *folder,
                        const struct folder_ports *ports, struct error *err);

/* Adds to an error that a TCP port is taken who has it: "… by process 12 (python3)". */
void folder_blame_port(uint16_t port, struct error *err);
