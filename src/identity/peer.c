/* The question is one netlink message that names both ends of the connection; the answer holds the
 * owner's user id as of our user namespace. A socket whose process has closed it has no inode and
 * is shown as root's, so such an answer counts as nobody. */
#include "identity/peer.h"

#include "os/file.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#define ANSWER_BYTES 8192

struct question {
    struct nlmsghdr header;
    struct inet_diag_req_v2 ask;
};

/* An end of a connection as the kernel files it: an IPv4 address within IPv6 is IPv4. */
static bool set_end(const struct sockaddr_storage *address, int *out_family, __be32 *out_ip,
                    __be16 *out_port)
{
    const struct sockaddr_in *four = (const struct sockaddr_in *)address;
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)address;

    assert(address);
    if (address->ss_family == AF_INET) {
        *out_family = AF_INET;
        *out_ip = four->sin_addr.s_addr;
        *out_port = four->sin_port;
        return ntohl(four->sin_addr.s_addr) >> 24 == 127;
    }
    if (address->ss_family != AF_INET6)
        return false;
    *out_port = six->sin6_port;
    if (IN6_IS_ADDR_V4MAPPED(&six->sin6_addr)) {
        *out_family = AF_INET;
        memcpy(out_ip, six->sin6_addr.s6_addr + 12, 4);
        return six->sin6_addr.s6_addr[12] == 127;
    }
    *out_family = AF_INET6;
    memcpy(out_ip, &six->sin6_addr, 16);
    return IN6_IS_ADDR_LOOPBACK(&six->sin6_addr);
}

/* A socket per question: there are few, one per connection, and none outlives its answer. */
static int diag_open(struct error *err)
{
    int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    struct timeval limit = {.tv_sec = 1};

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0) {
        int number = errno;
        fd_close(&fd);
        return error_errno(err, number, "The kernel cannot be asked about sockets");
    }
    return fd;
}

/* One question; short of all its bytes it is none. */
static bool diag_send(int fd, const struct question *question)
{
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    ssize_t sent;

    assert(fd >= 0);
    do
        sent =
            sendto(fd, question, sizeof(*question), 0, (struct sockaddr *)&kernel, sizeof(kernel));
    while (sent < 0 && errno == EINTR);
    return sent == (ssize_t)sizeof(*question);
}

/* One datagram of the answer, from the kernel itself. */
static ssize_t diag_receive(int fd, void *out, size_t size)
{
    struct sockaddr_nl from = {0};
    socklen_t from_len = sizeof(from);
    ssize_t got;

    assert(fd >= 0 && out);
    do
        got = recvfrom(fd, out, size, 0, (struct sockaddr *)&from, &from_len);
    while (got < 0 && errno == EINTR);
    return from.nl_pid == 0 ? got : -1;
}

/* Asked with both ends, so the kernel looks up one socket and lists none. */
int peer_user(const struct sockaddr_storage *local, const struct sockaddr_storage *remote,
              uid_t *out, struct error *err)
{
    struct question question = {
        .header = {.nlmsg_len = sizeof(question),
                   .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                   .nlmsg_flags = NLM_F_REQUEST},
        .ask = {.sdiag_protocol = IPPROTO_TCP,
                .idiag_states = ~0u,
                .id = {.idiag_cookie = {INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE}}},
    };
    struct inet_diag_sockid *id = &question.ask.id;
    _Alignas(struct nlmsghdr) char answer[ANSWER_BYTES];
    int family = 0, other = 0;

    assert(local && remote && out);
    /* Their source is our remote end. */
    if (!set_end(remote, &family, id->idiag_src, &id->idiag_sport) ||
        !set_end(local, &other, id->idiag_dst, &id->idiag_dport) || family != other)
        return error_set(err, ERROR_INVALID, "", "The connection does not come from this host.");
    question.ask.sdiag_family = (uint8_t)family;
    CLEANUP(fd_close) int fd = diag_open(err);
    if (fd < 0)
        return -1;
    ssize_t got = diag_send(fd, &question) ? diag_receive(fd, answer, sizeof(answer)) : -1;
    const struct nlmsghdr *header = (const struct nlmsghdr *)answer;
    if (got < 0)
        return error_errno(err, errno, "The kernel did not say whose a socket is");
    if (got < (ssize_t)sizeof(*header) || header->nlmsg_len > (size_t)got)
        return error_set(err, ERROR_IO, "", "The kernel did not say whose a socket is.");
    if (header->nlmsg_type != SOCK_DIAG_BY_FAMILY ||
        header->nlmsg_len < NLMSG_LENGTH(sizeof(struct inet_diag_msg)))
        return error_set(err, ERROR_NOT_FOUND, "", "No process of this host holds the connection.");
    const struct inet_diag_msg *found = NLMSG_DATA(header);
    if (found->idiag_inode == 0)
        return error_set(err, ERROR_NOT_FOUND, "", "No process of this host holds the connection.");
    *out = found->idiag_uid;
    return 0;
}

/* Walks one datagram of a dump; 1 found, 0 go on, -1 the end. */
static int listener_in(const char *answer, size_t size, uint16_t port, uint32_t *out)
{
    const struct nlmsghdr *header = (const struct nlmsghdr *)answer;

    assert(out && port > 0);
    for (; NLMSG_OK(header, size); header = NLMSG_NEXT(header, size)) {
        if (header->nlmsg_type != SOCK_DIAG_BY_FAMILY)
            return -1;
        const struct inet_diag_msg *found = NLMSG_DATA(header);
        if (ntohs(found->id.idiag_sport) != port)
            continue;
        *out = found->idiag_inode;
        return 1;
    }
    return 0;
}

/* A dump of all listening sockets, for the one message that needs it. */
uint32_t peer_listener_inode(uint16_t port)
{
    static const uint8_t FAMILIES[] = {AF_INET, AF_INET6};
    enum { TCP_LISTENING = 10 };
    uint32_t inode = 0;

    assert(port > 0);
    for (size_t i = 0; i < COUNT(FAMILIES) && inode == 0; i++) {
        _Alignas(struct nlmsghdr) char answer[ANSWER_BYTES];
        struct question question = {
            .header = {.nlmsg_len = sizeof(question),
                       .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                       .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
            .ask = {.sdiag_family = FAMILIES[i],
                    .sdiag_protocol = IPPROTO_TCP,
                    .idiag_states = 1u << TCP_LISTENING},
        };
        CLEANUP(fd_close) int fd = diag_open(NULL);
        int end = fd >= 0 && diag_send(fd, &question) ? 0 : -1;
        while (end == 0) {
            ssize_t got = diag_receive(fd, answer, sizeof(answer));
            end = got <= 0 ? -1 : listener_in(answer, (size_t)got, port, &inode);
        }
    }
    return inode;
}
