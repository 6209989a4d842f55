#include "base/test.h"
#include "os/file.h"
#include "server/folder.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static struct str beneath(struct arena *arena, const char *name)
{
    return arena_printf(arena, "%s/%s", test_folder(), name);
}

TEST(a_new_folder_has_all_its_parts_for_us_alone)
{
    static const char *const PARTS[] = {"state", "content", "cache",   "runs",
                                        "keys",  "run",     "backups", "envs"};
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct folder folder;
    struct error err = {0};
    struct stat status;

    CHECK_OK(folder_open(arena, beneath(arena, "new"), &folder, &err), &err);
    CHECK_INT(0, fstat(folder.dir, &status));
    CHECK_INT(0700, status.st_mode & 0777);
    for (size_t i = 0; i < COUNT(PARTS); i++) {
        CHECK_INT(0, fstatat(folder.dir, PARTS[i], &status, 0));
        CHECK_INT(0700, status.st_mode & 0777);
    }
    CHECK_INT('/', folder.path.ptr[0]);
    folder_close(&folder);
    CHECK_OK(folder_open(arena, beneath(arena, "new"), &folder, &err), &err);
    folder_close(&folder);
}

TEST(the_flag_wins_over_the_variable)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct folder folder;
    struct error err = {0};

    setenv("LAZURITE_HOME", arena_cstr(arena, beneath(arena, "variable")), 1);
    CHECK_OK(folder_open(arena, beneath(arena, "flag"), &folder, &err), &err);
    CHECK(str_ends(folder.path, STR("/flag")));
    folder_close(&folder);
    CHECK_OK(folder_open(arena, STR(""), &folder, &err), &err);
    CHECK(str_ends(folder.path, STR("/variable")));
    folder_close(&folder);
    unsetenv("LAZURITE_HOME");
}

TEST(a_folder_that_others_can_write_is_refused_with_the_way_out)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct folder folder;
    struct error err = {0};
    struct str path = beneath(arena, "open");

    CHECK_INT(0, mkdir(path.ptr, 0700));
    CHECK_INT(0, chmod(path.ptr, 0770));
    CHECK_ERROR(ERROR_FORBIDDEN, folder_open(arena, path, &folder, &err), &err);
    CHECK(strstr(err.hint, "chmod go-w") != NULL);
    CHECK_INT(0, chmod(path.ptr, 0755)); /* reading is no harm: what is in it is 0700 */
    CHECK_OK(folder_open(arena, path, &folder, &err), &err);
    folder_close(&folder);
}

TEST(a_folder_of_another_user_is_refused)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct folder folder;
    struct error err = {0};

    /* Root may give folders away; others have / to look at, which is root's. */
    struct str path = geteuid() == 0 ? beneath(arena, "foreign") : STR("/");
    if (geteuid() == 0) {
        CHECK_INT(0, mkdir(path.ptr, 0755));
        CHECK_INT(0, chown(path.ptr, 12345, 12345));
    }
    CHECK_ERROR(ERROR_FORBIDDEN, folder_open(arena, path, &folder, &err), &err);
    CHECK(strstr(err.message, "belongs to user") != NULL);
}

TEST(a_path_too_long_for_sockets_is_refused)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct folder folder;
    struct error err = {0};
    struct str path = beneath(
        arena, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
               "aaaaaaaaaaaaaaaa");

    CHECK_ERROR(ERROR_INVALID, folder_open(arena, path, &folder, &err), &err);
    CHECK(strstr(err.message, "sockets") != NULL);
}

TEST(a_folder_that_is_a_file_is_refused)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct folder folder;
    struct error err = {0};
    CLEANUP(fd_close) int root = dir_open(test_folder(), &err);

    CHECK_OK(file_write_atomic(root, "file", STR("x"), 0600, &err), &err);
    CHECK(folder_open(arena, beneath(arena, "file"), &folder, &err) < 0);
}

TEST(the_second_server_is_told_who_has_the_folder)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct folder folder;
    struct error err = {0};
    int told[2], status;
    char answer[600] = {0}, wanted[32];

    CHECK_OK(folder_open(arena, beneath(arena, "locked"), &folder, &err), &err);
    CHECK_OK(folder_lock(&folder, &err), &err);
    CHECK_INT(0, pipe2(told, O_CLOEXEC));
    pid_t child = fork();
    if (child == 0) {
        struct folder other;
        struct error why = {0};
        int result = folder_open(arena, beneath(arena, "locked"), &other, &why);
        result = result == 0 ? folder_lock(&other, &why) : 0;
        ssize_t sent = write(told[1], why.message, strlen(why.message));
        _exit(result < 0 && why.code == ERROR_CONFLICT && sent > 0 ? 0 : 1);
    }
    CHECK_INT(child, waitpid(child, &status, 0));
    CHECK_INT(0, status);
    CHECK(read(told[0], answer, sizeof(answer) - 1) > 0);
    snprintf(wanted, sizeof(wanted), "process %d", (int)getpid());
    CHECK(strstr(answer, wanted) != NULL);
    close(told[0]);
    close(told[1]);
    folder_close(&folder);
}

TEST(ports_are_kept_and_read_back)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct folder folder;
    struct error err = {0};
    struct str text;

    CHECK_OK(folder_open(arena, beneath(arena, "ports"), &folder, &err), &err);
    CHECK_INT(0, folder_read_ports(arena, &folder).tls);
    struct folder_ports ports = {.tls = 10443, .plain = 5000, .scoring = 10444};
    CHECK_OK(folder_write_server(arena, &folder, &ports, &err), &err);
    struct folder_ports read = folder_read_ports(arena, &folder);
    CHECK(read.tls == 10443 && read.plain == 5000 && read.scoring == 10444);
    CHECK_OK(file_read(arena, folder.dir, "run/server.json", 64 * KIB, &text, &err), &err);
    struct json *server = json_parse(arena, text, &err);
    CHECK_INT(getpid(), json_int_at(server, "pid", 0));
    CHECK_STR("https://localhost:10443", json_str_at(server, "endpoint"));
    CHECK_OK(file_write_atomic(folder.dir, "run/server.json", STR("{\"ports\":{\"tls\":70000}"),
                               0600, &err),
             &err);
    CHECK_INT(0, folder_read_ports(arena, &folder).tls);
    folder_close(&folder);
}

TEST(a_taken_port_names_its_process)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    struct error err = {0};
    char wanted[64];
    CLEANUP(fd_close) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    CHECK_INT(0, bind(fd, (struct sockaddr *)&at, len));
    CHECK_INT(0, listen(fd, 1));
    CHECK_INT(0, getsockname(fd, (struct sockaddr *)&at, &len));
    folder_blame_port(ntohs(at.sin_port), &err);
    CHECK_INT(ERROR_CONFLICT, err.code);
    snprintf(wanted, sizeof(wanted), "Port %u is taken by process %d (server_test",
             ntohs(at.sin_port), (int)getpid());
    CHECK(strncmp(err.message, wanted, strlen(wanted)) == 0);
}

TEST(a_port_that_nobody_has_any_more_names_nobody)
{
    struct error err = {0};

    folder_blame_port(1, &err);
    CHECK_INT(ERROR_CONFLICT, err.code);
    CHECK_STR("Port 1 is taken by another process.", str_from(err.message));
}
