/* sqlite_vfs.h - the file system that SQLite sees: the usual one, with the seam of os/fault.h
 *
 * So the n-th write or sync of the database can be made to fail, in a unit test or, by
 * LAZURITE_FAULT, in a whole server.
 */
#pragma once

/* Registers it once per process and returns its name; "" when SQLite refuses. Threads: any. */
const char *sqlite_vfs_name(void);
