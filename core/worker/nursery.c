/* core/worker/nursery.c: see nursery.h. The desk's side first, then the nursery's own loop, then the first steps of a
 * worker.
 */
#include "core/worker/nursery.h"

#include "core/base/io.h"
#include "core/base/json_schema.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/worker/courier.h"
#include "core/worker/sandbox.h"
#include "core/worker/translator.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { CHANNEL_FD = 3, OUT_OF_MEMORY_SCORE = 300 };

struct nursery {
    pid_t pid;
    frame_channel *channel;
};

static _Noreturn void nursery_main(int desk_fd, pid_t desk);

error *nursery_start(nursery **out) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return error_from_errno(errno, "cannot make a channel to the nursery");
    pid_t desk = getpid(), pid = fork();
    if (pid < 0) {
        error *err = error_from_errno(errno, "cannot fork the nursery");
        close(ends[0]);
        close(ends[1]);
        return err;
    }
    if (pid == 0) {
        close(ends[0]);
        nursery_main(ends[1], desk);
    }
    close(ends[1]);
    nursery *n = xcalloc(1, sizeof *n);
    n->pid = pid;
    n->channel = frame_channel_new(ends[0]);
    *out = n;
    return NULL;
}

void nursery_stop(nursery *n) {
    if (!n) return;
    frame_channel_free(n->channel); /* it kills and reaps its workers, and ends */
    while (waitpid(n->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    free(n);
}

int nursery_fd(const nursery *n) {
    return frame_channel_fd(n->channel);
}

error *nursery_order_worker(nursery *n, uint64_t id, const nursery_order *order) {
    frame f;
    frame_init(&f, FRAME_REQUEST, NURSERY_SPAWN, id);
    json_t *head = json_pack("{s:b,s:I,s:I,s:I,s:i,s:b}", "courier", order->kind == WORKER_COURIER, "memory_bytes",
        (json_int_t)order->memory_bytes, "user", (json_int_t)order->user, "group", (json_int_t)order->group,
        "log_threshold", (int)log_threshold(), "log_json", log_is_json());
    frame_put_json(&f, head);
    json_decref(head);
    return error_wrap(frame_channel_send_now(n->channel, &f), "nursery");
}

error *nursery_listen(nursery *n) {
    return error_wrap(frame_channel_fill(n->channel), "nursery");
}

bool nursery_take_event(nursery *n, nursery_event *event) {
    frame f;
    json_t *head = NULL;
    if (!frame_channel_take(n->channel, &f)) return false;
    *event = (nursery_event){.spawned = f.operation == NURSERY_SPAWN, .id = f.id, .channel_fd = -1, .process_fd = -1};
    event->failure = frame_get_error(&f);
    if (!event->failure) event->failure = frame_get_json(&f, &head);
    if (!event->failure) {
        event->pid = (pid_t)json_get_integer(head, "pid", 0);
        event->status = (int)json_get_integer(head, "status", 0);
        event->channel_fd = frame_take_descriptor(&f, 0);
        event->process_fd = frame_take_descriptor(&f, 1);
    }
    json_decref(head);
    frame_clear(&f);
    return true;
}

/* ---- the nursery's process ---- */

/* The strings themselves: they stay in the memory of every fork, and an administrator's password may be among them. */
static void forget_environment(void) {
    for (char **entry = environ; entry && *entry; entry++)
        explicit_bzero(*entry, strlen(*entry));
    clearenv();
    json_schema_prepare();
    /* Local time is UTC here. With a zone named, the C library does not look for /etc/localtime behind a sandbox. */
    setenv("TZ", "UTC0", 1);
    tzset();
}

/* A worker is the first to go when memory is short: it costs one attempt of one message. Not everywhere allowed. */
static void volunteer_for_the_memory_killer(void) {
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd >= 0 && dprintf(fd, "%d", OUT_OF_MEMORY_SCORE) < 0) log_debug("the nursery keeps its place in memory");
    io_close(&fd);
}

/* Nothing of the desk but standard error, for the log. Returns the descriptor that takes the place of `fd`. */
static int keep_only(int fd) {
    if (fd < CHANNEL_FD) fd = fcntl(fd, F_DUPFD_CLOEXEC, CHANNEL_FD);
    int null = open("/dev/null", O_RDWR);
    if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0) _exit(WORKER_EXIT_SANDBOX);
    if (fd != CHANNEL_FD && dup2(fd, CHANNEL_FD) < 0) _exit(WORKER_EXIT_SANDBOX);
    fcntl(CHANNEL_FD, F_SETFD, FD_CLOEXEC);
    if (close_range(CHANNEL_FD + 1, ~0u, 0) < 0) _exit(WORKER_EXIT_SANDBOX);
    return CHANNEL_FD;
}

/* The end is the desk's to decide: a terminal's interrupt or the service manager's SIGTERM goes to the whole group, and
 * the desk still needs its workers to finish in order. */
static void set_signals(void) {
    static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGXFSZ, SIGUSR1, SIGUSR2};
    struct sigaction usual = {.sa_handler = SIG_DFL}, ignore = {.sa_handler = SIG_IGN};
    for (int number = 1; number < NSIG; number++)
        sigaction(number, &usual, NULL); /* handlers of the desk's are not for here; some numbers cannot be set */
    for (size_t i = 0; i < sizeof ignored / sizeof ignored[0]; i++)
        sigaction(ignored[i], &ignore, NULL);
}

static _Noreturn void worker_process(int channel_fd, pid_t parent, const json_t *order);

/* The workers that live. */
typedef struct brood {
    pid_t *pids;
    size_t count, room;
} brood;

static void remember(brood *workers, pid_t pid) {
    if (workers->count == workers->room) {
        workers->room = workers->room ? workers->room * 2 : 16;
        workers->pids = xreallocarray(workers->pids, workers->room, sizeof *workers->pids);
    }
    workers->pids[workers->count++] = pid;
}

static void forget(brood *workers, pid_t pid) {
    for (size_t i = 0; i < workers->count; i++)
        if (workers->pids[i] == pid) workers->pids[i] = workers->pids[--workers->count];
}

static error *spawn(const json_t *order, brood *workers, frame *reply) {
    int ends[2] = {-1, -1}, process_fd = -1;
    error *err = NULL;
    pid_t self = getpid(), pid = -1;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
        err = error_from_errno(errno, "cannot make a worker's channel");
    } else if ((pid = fork()) < 0) {
        err = error_from_errno(errno, "cannot fork a worker");
    } else if (pid == 0) {
        worker_process(ends[1], self, order);
    }
    if (pid > 0) remember(workers, pid);
    if (pid > 0 && (process_fd = pidfd_open(pid, 0)) < 0) {
        err = error_from_errno(errno, "cannot watch a worker");
        kill(pid, SIGKILL);
    } else if (pid > 0) {
        json_t *head = json_pack("{s:i}", "pid", (int)pid);
        frame_put_json(reply, head);
        frame_put_descriptor(reply, ends[0]);
        frame_put_descriptor(reply, process_fd);
        json_decref(head);
        ends[0] = -1;
    }
    io_close(&ends[0]);
    io_close(&ends[1]);
    return err;
}

static error *obey(frame_channel *desk, brood *workers) {
    frame order, reply;
    error *err = frame_channel_fill(desk);
    while (!err && frame_channel_take(desk, &order)) {
        json_t *head = NULL;
        frame_init(&reply, FRAME_REPLY, NURSERY_SPAWN, order.id);
        error *failure = frame_get_json(&order, &head);
        if (!failure) failure = spawn(head, workers, &reply);
        if (failure) frame_put_error(&reply, failure);
        error_free(failure);
        err = frame_channel_send_now(desk, &reply);
        json_decref(head);
        frame_clear(&order);
    }
    return err;
}

static error *report_the_dead(frame_channel *desk, brood *workers) {
    error *err = NULL;
    int status;
    pid_t pid;
    while (!err && (pid = waitpid(-1, &status, WNOHANG)) > 0) {
        forget(workers, pid);
        frame report;
        frame_init(&report, FRAME_REPLY, NURSERY_ENDED, 0);
        json_t *head = json_pack("{s:i,s:i}", "pid", (int)pid, "status", status);
        frame_put_json(&report, head);
        json_decref(head);
        err = frame_channel_send_now(desk, &report);
    }
    return err;
}

/* Workers are not left to whoever adopts orphans: the desk may be process 1 of a container, which reaps nobody. */
static _Noreturn void end_nursery(const brood *workers) {
    for (size_t i = 0; i < workers->count; i++)
        kill(workers->pids[i], SIGKILL);
    while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
        continue;
    _exit(WORKER_EXIT_DONE);
}

static _Noreturn void nursery_main(int desk_fd, pid_t desk) {
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != desk) _exit(WORKER_EXIT_SANDBOX);
    prctl(PR_SET_NAME, "banyan-nursery");
    setsid(); /* no terminal to push characters into */
    volunteer_for_the_memory_killer();
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    prctl(PR_SET_DUMPABLE, 0);
    forget_environment();
    frame_channel *channel = frame_channel_new(keep_only(desk_fd));
    set_signals();
    sigset_t children;
    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    sigprocmask(SIG_SETMASK, &children, NULL);
    int signals = signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK);
    struct pollfd watched[2] = {{.fd = frame_channel_fd(channel), .events = POLLIN}, {.fd = signals, .events = POLLIN}};
    brood workers = {0};
    error *err = signals < 0 ? error_from_errno(errno, "cannot watch for signals") : NULL;
    while (!err) {
        struct signalfd_siginfo ignored;
        if (poll(watched, 2, -1) < 0 && errno != EINTR) break;
        if (watched[1].revents && read(signals, &ignored, sizeof ignored) > 0) err = report_the_dead(channel, &workers);
        if (!err && watched[0].revents) err = obey(channel, &workers);
    }
    if (err && error_code_of(err) != ERROR_UNREACHABLE) log_failure(LOG_ERROR, "nursery", err);
    end_nursery(&workers);
}

/* ---- a worker's first steps ---- */

/* Text that the JSON library lets go of may have been a secret. */
static void wipe_and_free(void *memory) {
    if (memory) explicit_bzero(memory, malloc_usable_size(memory));
    free(memory);
}

static _Noreturn void worker_process(int channel_fd, pid_t parent, const json_t *order) {
    worker_kind kind = json_get_bool(order, "courier", false) ? WORKER_COURIER : WORKER_TRANSLATOR;
    const char *name = kind == WORKER_COURIER ? "courier" : "translator";
    sigset_t none;
    sandbox_options options = {.memory_bytes = (uint64_t)json_get_integer(order, "memory_bytes", 0),
        .user = (uid_t)json_get_integer(order, "user", 0),
        .group = (gid_t)json_get_integer(order, "group", 0)};
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    frame_channel *channel = frame_channel_new(keep_only(channel_fd));
    log_setup(
        name, (log_level)json_get_integer(order, "log_threshold", LOG_INFO), json_get_bool(order, "log_json", false));
    memory_set_exit_status(WORKER_EXIT_MEMORY);
    json_set_alloc_funcs(xmalloc, kind == WORKER_COURIER ? wipe_and_free : free);
    prctl(PR_SET_NAME, kind == WORKER_COURIER ? "banyan-courier" : "banyan-translator"); /* cut at 15 characters */
    if (kind == WORKER_TRANSLATOR) translator_prepare();
    error *err = sandbox_enter(kind, parent, &options);
    if (err) {
        log_failure(LOG_ERROR, "a worker could not be locked in", err);
        _exit(WORKER_EXIT_SANDBOX);
    }
    _exit(kind == WORKER_COURIER ? courier_main(channel) : translator_main(channel));
}
