/* `lazurite serve`: flags, the folder, the order of the start, and the wait for the end. */
#include "server/server.h"

#include "base/log.h"
#include "os/fault.h"
#include "os/file.h"
#include "server/wire.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

static const char USAGE[] =
    "lazurite serve: the server, in the foreground until SIGTERM\n"
    "\n"
    "  --data-dir DIR              data folder; else LAZURITE_HOME, else ~/.lazurite\n"
    "  --listen HOST:PORT          TLS, every face but scoring (127.0.0.1:10443)\n"
    "  --plain-listen HOST:PORT    HTTP on loopback for MLflow and browsers (127.0.0.1:5000)\n"
    "  --scoring-listen HOST:PORT  TLS, the gateway's scoring port (127.0.0.1:10444)\n"
    "\n"
    "Port 0 picks one; run/server.json tells which. Everything else is set in DIR/lazurite.toml, "
    "which\n"
    "the first start makes. When it answers it prints one line beginning with `ready`.\n";

struct flags {
    struct str data_dir, listen, plain_listen, scoring_listen;
    bool help;
};

/* "--flag VALUE" or "--flag=VALUE"; -1 for what is neither. */
static int read_flags(int argc, char **argv, struct flags *out, struct error *err)
{
    const struct {
        const char *name;
        struct str *to;
    } FLAGS[] = {{"--data-dir", &out->data_dir},
                 {"--listen", &out->listen},
                 {"--plain-listen", &out->plain_listen},
                 {"--scoring-listen", &out->scoring_listen}};

    assert(argc > 0 && argv);
    *out = (struct flags){0};
    for (int i = 1; i < argc; i++) {
        struct str name = str_from(argv[i]), value = STR("");
        bool joined = str_cut(str_from(argv[i]), '=', &name, &value);
        struct str *to = NULL;
        for (size_t j = 0; j < COUNT(FLAGS); j++)
            if (str_eq(name, str_from(FLAGS[j].name)))
                to = FLAGS[j].to;
        out->help |= str_eq(name, STR("--help")) || str_eq(name, STR("-h"));
        if (out->help)
            return 0;
        if (!to)
            return error_set(err, ERROR_INVALID, "",
                             "There is no flag '%.*s'; see lazurite serve --help.", STR_ARG(name));
        if (!joined && i + 1 < argc)
            value = str_from(argv[++i]);
        if (value.len == 0)
            return error_set(err, ERROR_INVALID, "", "The flag '%.*s' needs a value.",
                             STR_ARG(name));
        *to = value;
    }
    return 0;
}

/* Flags win over the file, for this run only. */
static void override(struct config *config, const struct flags *flags)
{
    assert(config && flags);
    if (flags->listen.len > 0)
        config->listen = flags->listen;
    if (flags->plain_listen.len > 0)
        config->plain_listen = flags->plain_listen;
    if (flags->scoring_listen.len > 0)
        config->scoring_listen = flags->scoring_listen;
}

/* Every address can be read; whether it may be listened on is asked when people are known. */
static int check_addresses(const struct config *config, struct error *err)
{
    const struct {
        const char *flag;
        struct str text;
    } ALL[] = {{"--listen", config->listen},
               {"--plain-listen", config->plain_listen},
               {"--scoring-listen", config->scoring_listen}};
    struct config_address address;

    assert(config->listen.len > 0);
    for (size_t i = 0; i < COUNT(ALL); i++)
        if (config_address_read(ALL[i].text, ALL[i].flag, &address, err) < 0)
            return -1;
    if (config->separate_users && geteuid() != 0)
        return error_set(err, ERROR_FORBIDDEN, "jobs.users",
                         "jobs.users = \"separate\" needs a server that was started as root.");
    return 0;
}

/* What the kernel must know before there are threads and secrets. */
static int prepare_process(void)
{
    struct rlimit files;
    sigset_t set;

    fault_from_environment();
    prctl(PR_SET_DUMPABLE, 0);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    int fd = signalfd(-1, &set, SFD_CLOEXEC);
    assert(fd >= 0);
    return fd;
}

/* Sleeps until a signal, or a stop that came by HTTP. */
static void wait_for_end(const struct server *server, int signals)
{
    struct pollfd fds[] = {{.fd = signals, .events = POLLIN},
                           {.fd = server->stop_fd, .events = POLLIN}};
    struct signalfd_siginfo info = {0};

    assert(signals >= 0 && server->stop_fd >= 0);
    while (poll(fds, COUNT(fds), -1) < 0 && errno == EINTR)
        continue;
    if (fds[0].revents && read(signals, &info, sizeof(info)) == (ssize_t)sizeof(info))
        LOG(LOG_INFO, "server.stop", LOG_INT("signal", info.ssi_signo));
    else
        LOG(LOG_INFO, "server.stop", LOG_TEXT("by", "request"));
}

/* The lock before the configuration: whoever holds it is the one that may change the folder. */
static int open_folder(struct server *server, const struct flags *flags, struct error *err)
{
    struct folder *folder = &server->folder;

    assert(flags);
    if (folder_open(server->arena, flags->data_dir, folder, err) < 0 ||
        folder_lock(folder, err) < 0)
        return -1;
    server->config = config_default();
    if (config_load(server->arena, folder->dir, &server->config, err) < 0)
        return -1;
    override(&server->config, flags);
    log_set_level(server->config.log_level);
    return check_addresses(&server->config, err);
}

/* Scripts of ours and of users wait for this line: its words are an interface. */
static void print_ready(const struct server *server)
{
    const struct engines *engines = &server->engines;

    assert(engines->arm_endpoint.len > 0);
    printf("ready %.*s %.*s scoring %.*s pid %d\n", STR_ARG(engines->arm_endpoint),
           STR_ARG(engines->plain_endpoint), STR_ARG(engines->scoring_endpoint), (int)getpid());
    fflush(stdout);
}

/* Ready means that every address in the line answers, scoring included. */
static int serve(struct server *server, const struct flags *flags, int signals, struct error *err)
{
    assert(server && flags);
    if (open_folder(server, flags, err) < 0 || wire_open(server, err) < 0 ||
        wire_listen(server, err) < 0 || wire_start(server, err) < 0)
        return -1;
    print_ready(server);
    wait_for_end(server, signals);
    return 0;
}

/* Errors of the start go to standard error in two lines: what is wrong, and what to do. */
int server_main(int argc, char **argv)
{
    struct flags flags;
    struct error err = {0};
    struct server server = {.folder = {.dir = -1, .lock = -1}};

    assert(argv);
    if (read_flags(argc, argv, &flags, &err) < 0) {
        fprintf(stderr, "error: %s\n", err.message);
        return 2;
    }
    if (flags.help) {
        fputs(USAGE, stdout);
        return 0;
    }
    int signals = prepare_process();
    CLEANUP(arena_free) struct arena *arena = server.arena = arena_new(16 * MIB);
    server.stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int result = serve(&server, &flags, signals, &err);
    wire_close(&server);
    fd_close(&server.stop_fd);
    fd_close(&signals);
    if (result == 0)
        return 0;
    fprintf(stderr, "error: %s\n", err.message);
    if (err.hint[0])
        fprintf(stderr, "next: %s\n", err.hint);
    return 1;
}
