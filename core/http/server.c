/* core/http/server.c: see server.h: the listener, its options, starting and stopping. */
#include "core/http/internal.h"

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/memory.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { LISTEN_BACKLOG = 4096, OPTIONS_ROOM = 20 };

/* TLS 1.2 and 1.3 with forward secrecy and authenticated encryption, nothing else (GnuTLS priority string). */
static const char tls_priorities[] =
    "NONE:+VERS-TLS1.3:+VERS-TLS1.2:+ECDHE-ECDSA:+ECDHE-RSA:+AES-128-GCM:+AES-256-GCM:+CHACHA20-POLY1305:+AEAD:"
    "+COMP-NULL:+SIGN-ALL:-SIGN-RSA-SHA1:-SIGN-ECDSA-SHA1:+GROUP-X25519:+GROUP-SECP256R1:+GROUP-SECP384R1:+CTYPE-X509:"
    "%SERVER_PRECEDENCE";

static unsigned or_default(unsigned value, unsigned fallback) {
    return value ? value : fallback;
}

static void apply_defaults(http_server_options *options) {
    options->threads = or_default(options->threads, 2);
    options->connections = or_default(options->connections, 10000);
    options->head_bytes = options->head_bytes ? options->head_bytes : 16384;
    options->head_timeout_ms = or_default(options->head_timeout_ms, 10000);
    options->idle_timeout_ms = or_default(options->idle_timeout_ms, 60000);
    options->transfer_timeout_ms = or_default(options->transfer_timeout_ms, 30000);
    options->transfer_minimum = or_default(options->transfer_minimum, 500);
}

/* "host:port" or "[address]:port" into its two parts. */
static error *split_address(const char *address, char **host, char **port) {
    const char *colon = strrchr(address, ':');
    span name = span_make(address, colon ? (size_t)(colon - address) : 0);
    uint64_t number;
    if (!colon || name.len == 0 || !span_to_u64(span_of(colon + 1), 0, 65535, &number))
        return error_new(ERROR_INVALID, "\"%s\" is not an address to listen on: write host:port", address);
    if (name.data[0] == '[' && name.data[name.len - 1] == ']') name = span_make(name.data + 1, name.len - 2);
    *host = xspandup(name);
    *port = xstrdup(colon + 1);
    return NULL;
}

error *http_server_check_address(const char *address) {
    char *host = NULL, *port = NULL;
    error *err = split_address(address, &host, &port);
    free(host);
    free(port);
    return err;
}

static error *bind_error(const char *address, int number) {
    if (number == EADDRINUSE)
        return error_new(ERROR_CONFLICT, "cannot listen on %s: another program already does", address);
    if (number == EACCES)
        return error_new(ERROR_DENIED, "cannot listen on %s: ports below 1024 need the right to bind them", address);
    return error_from_errno(number, "cannot listen on %s", address);
}

static int try_bind(const struct addrinfo *candidate) {
    int fd = socket(candidate->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;
    if (fd < 0) return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (candidate->ai_family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (bind(fd, candidate->ai_addr, candidate->ai_addrlen) == 0 && listen(fd, LISTEN_BACKLOG) == 0) return fd;
    int number = errno;
    close(fd);
    errno = number;
    return -1;
}

static error *open_listener(const char *address, int *fd) {
    char *host = NULL, *port = NULL;
    struct addrinfo *candidates = NULL;
    error *err = split_address(address, &host, &port);
    if (err) return err;
    struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
    int failed = getaddrinfo(host, port, &hints, &candidates);
    if (failed) err = error_new(ERROR_INVALID, "cannot listen on %s: %s", address, gai_strerror(failed));
    *fd = -1;
    int number = EADDRNOTAVAIL;
    for (const struct addrinfo *c = candidates; c && *fd < 0; c = c->ai_next) {
        *fd = try_bind(c);
        if (*fd < 0) number = errno;
    }
    if (!err && *fd < 0) err = bind_error(address, number);
    if (candidates) freeaddrinfo(candidates);
    free(host);
    free(port);
    return err;
}

static void note_address(http_server *server, int fd) {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } bound;
    char text[INET6_ADDRSTRLEN] = "";
    socklen_t len = sizeof bound;
    memset(&bound, 0, sizeof bound);
    getsockname(fd, &bound.any, &len);
    bool six = bound.any.sa_family == AF_INET6;
    inet_ntop(bound.any.sa_family, six ? (const void *)&bound.v6.sin6_addr : &bound.v4.sin_addr, text, sizeof text);
    server->port = ntohs(six ? bound.v6.sin6_port : bound.v4.sin_port);
    server->address = xasprintf(six ? "[%s]:%u" : "%s:%u", text, server->port);
}

__attribute__((format(printf, 2, 0))) static void library_logs(void *context, const char *format, va_list args) {
    (void)context;
    char *text = xvasprintf(format, args);
    log_debug("http: library: %.*s", (int)strcspn(text, "\n"), text);
    free(text);
}

/* Decoding is ours (target.h): the library must leave the target as it is. */
static size_t leave_as_is(void *context, struct MHD_Connection *handle, char *text) {
    (void)context, (void)handle;
    return strlen(text);
}

static enum MHD_Result admit(void *context, const struct sockaddr *address, socklen_t len) {
    (void)address, (void)len;
    const http_server *server = context;
    return atomic_load(&server->stopping) ? MHD_NO : MHD_YES;
}

typedef struct option_list {
    struct MHD_OptionItem items[OPTIONS_ROOM];
    size_t count;
} option_list;

static void add_option(option_list *list, enum MHD_OPTION option, intptr_t value, const void *pointer) {
    list->items[list->count++] = (struct MHD_OptionItem){option, value, (void *)pointer};
}

static struct MHD_Daemon *start_library(http_server *server, int listen_fd) {
    const http_server_options *options = &server->options;
    option_list list = {.count = 0};
    add_option(&list, MHD_OPTION_LISTEN_SOCKET, listen_fd, NULL);
    add_option(&list, MHD_OPTION_CONNECTION_LIMIT, (intptr_t)options->connections, NULL);
    add_option(&list, MHD_OPTION_PER_IP_CONNECTION_LIMIT, (intptr_t)options->connections_per_ip, NULL);
    /* Half of it is the first read buffer; the other half holds the records of the header fields. */
    size_t pool = options->loop ? idle_pool_size(2 * options->head_bytes) : 2 * options->head_bytes;
    add_option(&list, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (intptr_t)pool, NULL);
    add_option(&list, MHD_OPTION_CONNECTION_TIMEOUT, 0, NULL);
    add_option(&list, MHD_OPTION_STRICT_FOR_CLIENT, 0, NULL); /* framing.c is stricter, and answers better */
    add_option(&list, MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)request_completed, server);
    add_option(&list, MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)connection_notice, server);
    add_option(&list, MHD_OPTION_URI_LOG_CALLBACK, (intptr_t)request_note_target, server);
    add_option(&list, MHD_OPTION_UNESCAPE_CALLBACK, (intptr_t)leave_as_is, NULL);
    if (options->threads > 1 && !options->loop)
        add_option(&list, MHD_OPTION_THREAD_POOL_SIZE, (intptr_t)options->threads, NULL);
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
    /* Our loop knows by itself when something was resumed: it needs no write to a descriptor for each. */
    if (options->loop) flags = MHD_USE_EPOLL | (MHD_ALLOW_SUSPEND_RESUME & ~MHD_USE_ITC) | MHD_USE_ERROR_LOG;
    if (options->tls_certificate) {
        flags |= MHD_USE_TLS;
        add_option(&list, MHD_OPTION_HTTPS_PRIORITIES, 0, tls_priorities);
        add_option(&list, MHD_OPTION_HTTPS_MEM_CERT, 0, options->tls_certificate);
        add_option(&list, MHD_OPTION_HTTPS_MEM_KEY, 0, options->tls_key);
        if (options->tls_client_ca) add_option(&list, MHD_OPTION_HTTPS_MEM_TRUST, 0, options->tls_client_ca);
    }
    add_option(&list, MHD_OPTION_END, 0, NULL);
    return MHD_start_daemon(flags, 0, admit, server, request_serve, server, MHD_OPTION_EXTERNAL_LOGGER, library_logs,
        NULL, MHD_OPTION_ARRAY, list.items, MHD_OPTION_END);
}

/* ---- on a loop ---- */

static void daemon_ready(void *context, uint32_t events) {
    http_server *server = context;
    (void)events;
    MHD_run(server->daemon);
}

/* What the library has still to do without a socket telling: resumed connections, pipelined requests. */
static int daemon_turn(void *context) {
    http_server *server = context;
    MHD_UNSIGNED_LONG_LONG left_ms;
    for (int rounds = 0; rounds < 4; rounds++) {
        bool resumed = atomic_exchange(&server->resumed, false); /* of these the time-out below knows nothing */
        if (!resumed && MHD_get_timeout(server->daemon, &left_ms) != MHD_YES) return -1;
        if (!resumed && left_ms > 0) return left_ms > INT32_MAX ? INT32_MAX : (int)left_ms;
        MHD_run(server->daemon);
    }
    return 0;
}

static void nothing(void *context) {
    (void)context;
}

void server_resume(http_server *server, struct MHD_Connection *handle) {
    MHD_resume_connection(handle);
    server_look_again(server);
}

void server_look_again(http_server *server) {
    http_loop *loop = server->options.loop;
    if (atomic_exchange(&server->resumed, true)) return; /* the loop is about to look */
    if (loop && http_loop_is_here(loop))
        http_loop_hurry(loop);
    else if (loop)
        http_loop_post(loop, nothing, NULL); /* the end of the turn asks the library what there is to do */
}

static void start_daemon(void *context) {
    http_server *server = context;
    server->daemon = start_library(server, server->listen_fd);
    if (!server->daemon || !server->options.loop) return;
    int fd = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
    server->watch = http_loop_watch(server->options.loop, fd, EPOLLIN, daemon_ready, server);
    server->turn = http_loop_add_turn(server->options.loop, daemon_turn, server);
}

static void stop_daemon(void *context) {
    http_server *server = context;
    if (server->turn) http_loop_remove_turn(server->options.loop, server->turn);
    if (server->watch) http_loop_drop(server->watch);
    MHD_stop_daemon(server->daemon);
}

/* The library's calls belong to the thread that runs it. */
static void on_own_thread(http_server *server, void (*step)(void *context)) {
    if (server->options.loop)
        http_loop_call(server->options.loop, step, server);
    else
        step(server);
}

static void free_server(http_server *server) {
    tls_identity_release(server->identity);
    pthread_cond_destroy(&server->changed);
    pthread_mutex_destroy(&server->lock);
    free(server->address);
    free(server);
}

static http_server *new_server(const http_server_options *options) {
    http_server *server = xcalloc(1, sizeof *server);
    server->options = *options;
    apply_defaults(&server->options);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&server->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&server->lock, NULL);
    return server;
}

error *http_server_start(const http_server_options *options, http_server **out) {
    int listen_fd = -1;
    if (!options->tls_certificate != !options->tls_key)
        return error_new(ERROR_INVALID, "TLS needs both a certificate and its key");
    if (options->tls_client_ca && !options->tls_certificate)
        return error_new(ERROR_INVALID, "clients show certificates only over TLS: give the listener its own first");
    error *err = open_listener(options->address, &listen_fd);
    if (err) return err;
    http_server *server = new_server(options);
    note_address(server, listen_fd);
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are for the main thread */
    server->listen_fd = listen_fd;
    on_own_thread(server, start_daemon);
    int failed = server->daemon ? pthread_create(&server->housekeeper, NULL, housekeeper_run, server) : 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!server->daemon) {
        close(listen_fd);
        free_server(server);
        return error_new(ERROR_INVALID, "cannot serve on %s%s", options->address,
            options->tls_certificate ? ": the TLS certificate or its key is not usable" : "");
    }
    if (failed) {
        on_own_thread(server, stop_daemon);
        free_server(server);
        return error_new(ERROR_LIMIT, "cannot start a thread for %s", options->address);
    }
    *out = server;
    return NULL;
}

error *http_server_renew(http_server *server, const char *certificate, const char *key, const char *client_ca) {
    tls_identity *fresh = NULL, *before;
    error *err = tls_identity_new(certificate, key, client_ca, &fresh);
    if (err) return err;
    pthread_mutex_lock(&server->lock);
    before = server->identity;
    server->identity = fresh;
    pthread_mutex_unlock(&server->lock);
    tls_identity_release(before);
    return NULL;
}

const char *http_server_address(const http_server *server) {
    return server->address;
}

unsigned http_server_port(const http_server *server) {
    return server->port;
}

void http_server_read_counts(const http_server *server, http_server_counts *counts) {
    counts->connections = atomic_load(&server->open);
    counts->requests = atomic_load(&server->requests);
    counts->requests_running = atomic_load(&server->running);
    counts->refused = atomic_load(&server->refused);
    counts->timeouts = atomic_load(&server->timeouts);
}

/* With server->lock held: connections without a request end, streams end, and when `hard` everything that waits. */
static void end_connections(http_server *server, bool hard) {
    for (connection *c = server->connections; c; c = c->next) {
        connection_phase phase = (connection_phase)atomic_load(&c->phase);
        if (phase == PHASE_HEAD) shutdown(c->fd, SHUT_RDWR);
        if (!hard && phase != PHASE_STREAMING) continue;
        pthread_mutex_lock(&c->lock);
        if (c->request) request_give_up(c->request);
        pthread_mutex_unlock(&c->lock);
    }
}

static void wait_for_requests(http_server *server, unsigned deadline_ms) {
    const struct timespec until = clock_monotonic_in(deadline_ms);
    int waited = 0;
    while (waited == 0 && atomic_load(&server->running) > 0)
        waited = pthread_cond_timedwait(&server->changed, &server->lock, &until);
}

void http_server_stop(http_server *server, unsigned deadline_ms) {
    if (!server) return;
    atomic_store(&server->stopping, true);
    pthread_mutex_lock(&server->lock);
    end_connections(server, false);
    wait_for_requests(server, deadline_ms);
    atomic_store(&server->aborting, true);
    end_connections(server, true);
    server->housekeeper_stops = true;
    pthread_cond_broadcast(&server->changed);
    pthread_mutex_unlock(&server->lock);
    pthread_join(server->housekeeper, NULL);
    on_own_thread(server, stop_daemon);
    housekeeper_drop_lingering(server);
    free_server(server);
}
