/* core/app/cmd_serve.c: `banyan serve`: the appliance in the foreground, until it is told to stop. */
#include "core/app/commands.h"
#include "core/app/configuration.h"
#include "core/app/desk.h"
#include "core/base/log.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { KEPT_BYTES = 8 * 1024 * 1024, GROWTH_BYTES = 256 * 1024 };

/* Tells the service manager, when there is one (sd_notify(3): a datagram to the socket that NOTIFY_SOCKET names). */
static void notify(const char *state) {
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (!path || strlen(path) >= sizeof address.sun_path || (path[0] != '/' && path[0] != '@')) return;
    memcpy(address.sun_path, path, strlen(path) + 1);
    if (path[0] == '@') address.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return;
    socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&address, length);
    close(fd);
}

static void block_signals(sigset_t *stopping) {
    sigemptyset(stopping);
    sigaddset(stopping, SIGTERM);
    sigaddset(stopping, SIGINT);
    pthread_sigmask(SIG_BLOCK, stopping, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static log_level level_named(const char *name) {
    static const char *const names[] = {"debug", "info", "warning", "error"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(names[i], name) == 0) return (log_level)i;
    }
    return LOG_INFO;
}

static int faulty_settings(const fault_list *faults) {
    for (size_t i = 0; i < faults->count; i++) {
        const char *where = error_where(faults->faults[i]);
        fprintf(stderr, "banyan: %s%s%s\n", where, *where ? ": " : "", error_text(faults->faults[i]));
    }
    return EXIT_IMPOSSIBLE;
}

/* Memory that one request gives back is wanted by the next: handing it to the system in between costs calls that stop
 * all threads. */
static void keep_freed_memory(void) {
    mallopt(M_TRIM_THRESHOLD, KEPT_BYTES);
    mallopt(M_TOP_PAD, GROWTH_BYTES);
}

static int serve_until_stopped(nursery *n, const json_t *configuration) {
    sigset_t stopping;
    desk *d = NULL;
    int received;
    block_signals(&stopping);
    keep_freed_memory();
    error *err = desk_start(n, configuration, &d);
    if (err) return command_failed(err);
    notify("READY=1");
    log_info("ready");
    sigwait(&stopping, &received);
    notify("STOPPING=1");
    log_info("stopping");
    desk_stop(d);
    return EXIT_DONE;
}

/* A slip in a variable's name would leave the default in force, and nobody would notice. */
static void warn_of_variables(void) {
    fault_list told = {.faults = NULL, .count = 0};
    configuration_unknown_variables(&told);
    for (size_t i = 0; i < told.count; i++)
        log_warning("%s", error_text(told.faults[i]));
    fault_list_free(&told);
}

/* The flags, and the settings that they go before. */
static const struct {
    const char *flag, *setting;
} flags[] = {{"data", "data"}, {"public", "listen.public"}, {"admin", "listen.admin"}, {"log-level", "log.level"},
    {"log-format", "log.format"}};

static void take_flags(const command_line *line, json_t *configuration, fault_list *faults) {
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        const char *text = command_text(line, flags[i].flag, NULL);
        char source[32];
        snprintf(source, sizeof source, "--%s", flags[i].flag);
        if (text) configuration_set(configuration, flags[i].setting, text, source, faults);
    }
}

static int run_serve(const command_line *line) {
    nursery *n = NULL;
    json_t *configuration = NULL;
    fault_list faults = {.faults = NULL, .count = 0};
    /* What the appliance writes is its own: the database, the spool, the keys. */
    umask(077);
    /* Workers are forked from a process that has seen nothing yet: no thread, no secret, no file. */
    error *err = nursery_start(&n);
    if (err) return command_failed(err);
    configuration_load(command_text(line, "config", NULL), &configuration, &faults);
    if (configuration) take_flags(line, configuration, &faults);
    int code = EXIT_IMPOSSIBLE;
    if (faults.count > 0) {
        code = faulty_settings(&faults);
    } else {
        log_setup("desk", level_named(configuration_text(configuration, "log.level")),
            strcmp(configuration_text(configuration, "log.format"), "json") == 0);
        warn_of_variables();
        code = serve_until_stopped(n, configuration);
    }
    nursery_stop(n);
    json_decref(configuration);
    fault_list_free(&faults);
    return code;
}

static const option_spec serve_options[] = {
    {"config", 'c', "FILE", "Settings file; without it banyan.yaml here or /etc/banyan/banyan.yaml"},
    {"data", 0, "DIR", "The data directory; clients on this machine find it by BANYAN_DATA"},
    {"public", 0, "HOST:PORT", "Where the facade, /as2 and /docs listen (127.0.0.1:8080)"},
    {"admin", 0, "HOST:PORT", "Where the admin UI and API listen (127.0.0.1:8081)"},
    {"log-level", 0, "LEVEL", "debug, info, warning or error (info)"},
    {"log-format", 0, "FORMAT", "text or json (text)"}, {.name = NULL}};

const command serve_commands[] = {
    {.name = "serve",
        .arguments = "",
        .summary = "Run the appliance in the foreground",
        .details =
            "Opens the data directory (made when missing), starts the workers and both listeners, and runs until "
            "SIGTERM or SIGINT. The first start makes an administrator and shows the password once. "
            "`banyan help settings` lists what can be set; options go before the environment, that before the file.",
        .options = serve_options,
        .run = run_serve},
    {.name = NULL},
};
