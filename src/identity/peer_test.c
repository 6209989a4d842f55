#include "base/test.h"
#include "identity/peer.h"
#include "os/file.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

/* A connection over loopback: the server's end, the client's end, the listener. */
struct pair {
    int listener, client, server;
    struct sockaddr_storage local, remote; /* as the server sees them */
    uint16_t port;
};

static struct pair connected(int family)
{
    struct pair pair = {0};
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    struct sockaddr *at = family == AF_INET ? (struct sockaddr *)&four : (struct sockaddr *)&six;
    socklen_t len = family == AF_INET ? sizeof(four) : sizeof(six);

    pair.listener = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK_INT(0, bind(pair.listener, at, len));
    CHECK_INT(0, listen(pair.listener, 1));
    CHECK_INT(0, getsockname(pair.listener, at, &len));
    pair.port = ntohs(family == AF_INET ? four.sin_port : six.sin6_port);
    pair.client = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK_INT(0, connect(pair.client, at, len));
    pair.server = accept(pair.listener, NULL, NULL);
    len = sizeof(pair.local);
    CHECK_INT(0, getsockname(pair.server, (struct sockaddr *)&pair.local, &len));
    len = sizeof(pair.remote);
    CHECK_INT(0, getpeername(pair.server, (struct sockaddr *)&pair.remote, &len));
    return pair;
}

static void ended(struct pair *pair)
{
    fd_close(&pair->client);
    fd_close(&pair->server);
    fd_close(&pair->listener);
}

TEST(the_kernel_names_the_user_of_a_loopback_peer)
{
    struct error err = {0};
    uid_t user = (uid_t)-1;
    struct pair pair = connected(AF_INET);

    CHECK_OK(peer_user(&pair.local, &pair.remote, &user, &err), &err);
    CHECK_INT(geteuid(), user);
    ended(&pair);
}

TEST(a_peer_that_closed_is_nobody)
{
    struct error err = {0};
    uid_t user = (uid_t)-1;
    struct pair pair = connected(AF_INET);

    /* The kernel shows a socket without a process as root's; it must not pass for the owner. */
    fd_close(&pair.client);
    CHECK_ERROR(ERROR_NOT_FOUND, peer_user(&pair.local, &pair.remote, &user, &err), &err);
    CHECK(user == (uid_t)-1);
    ended(&pair);
}

TEST(an_address_within_ipv6_is_ipv4)
{
    struct error err = {0};
    uid_t user = (uid_t)-1;
    struct pair pair = connected(AF_INET);
    struct sockaddr_storage *ends[] = {&pair.local, &pair.remote};

    for (size_t i = 0; i < COUNT(ends); i++) {
        struct sockaddr_in four = *(struct sockaddr_in *)ends[i];
        struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = four.sin_port};
        six.sin6_addr.s6_addr[10] = six.sin6_addr.s6_addr[11] = 0xff;
        memcpy(six.sin6_addr.s6_addr + 12, &four.sin_addr, 4);
        memcpy(ends[i], &six, sizeof(six));
    }
    CHECK_OK(peer_user(&pair.local, &pair.remote, &user, &err), &err);
    CHECK_INT(geteuid(), user);
    ended(&pair);
}

TEST(a_connection_that_is_not_there_is_nobody)
{
    struct error err = {0};
    uid_t user;
    struct pair pair = connected(AF_INET);

    ((struct sockaddr_in *)&pair.remote)->sin_port = htons(1);
    CHECK_ERROR(ERROR_NOT_FOUND, peer_user(&pair.local, &pair.remote, &user, &err), &err);
    ended(&pair);
}

TEST(other_than_loopback_is_not_asked)
{
    struct error err = {0};
    uid_t user;
    struct pair pair = connected(AF_INET);

    ((struct sockaddr_in *)&pair.remote)->sin_addr.s_addr = htonl(0x0a000001);
    CHECK_ERROR(ERROR_INVALID, peer_user(&pair.local, &pair.remote, &user, &err), &err);
    pair.remote.ss_family = AF_UNIX;
    CHECK_ERROR(ERROR_INVALID, peer_user(&pair.local, &pair.remote, &user, &err), &err);
    ended(&pair);
}

TEST(the_listener_of_a_port_is_found)
{
    struct pair pair = connected(AF_INET);
    struct stat status;

    CHECK_INT(0, fstat(pair.listener, &status));
    CHECK_INT(status.st_ino, peer_listener_inode(pair.port));
    uint16_t port = pair.port;
    ended(&pair);
    CHECK_INT(0, peer_listener_inode(port));
}
