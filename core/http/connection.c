/* core/http/connection.c: the life of a connection beside its requests: its record, its deadlines, its end.
 *
 * The library's own time-out only sees silence, which a trickle of bytes defeats; so the deadlines are ours. One
 * housekeeping thread a server looks at all connections a few times a second.
 */
#include "core/http/internal.h"

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/memory.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    TICK_MS = 250,
    LINGER_TICK_MS = 20,
    LINGER_MS = 2000,
    LINGERING_MAX = 256,
    LOST_CLIENT_TICKS = 4, /* every so many ticks clients that went are looked for */
};

connection *connection_of(struct MHD_Connection *handle) {
    return MHD_get_connection_info(handle, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

void connection_enter(connection *c, connection_phase phase) {
    atomic_store(&c->phase_bytes, 0);
    atomic_store(&c->phase_since_ms, clock_monotonic_ms());
    atomic_store(&c->phase, (int)phase);
}

static void write_peer(connection *c, struct MHD_Connection *handle) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(handle, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const struct sockaddr *address = info ? info->client_addr : NULL;
    const void *bytes = NULL;
    if (address && address->sa_family == AF_INET)
        bytes = &((const struct sockaddr_in *)(const void *)address)->sin_addr;
    if (address && address->sa_family == AF_INET6)
        bytes = &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
    if (!bytes || !inet_ntop(address->sa_family, bytes, c->peer, sizeof c->peer)) c->peer[0] = '\0';
}

static void open_connection(http_server *server, struct MHD_Connection *handle, void **state) {
    connection *c = xcalloc(1, sizeof *c);
    c->server = server;
    c->fd = MHD_get_connection_info(handle, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    write_peer(c, handle);
    pthread_mutex_init(&c->lock, NULL);
    connection_enter(c, PHASE_HEAD);
    *state = c;
    atomic_fetch_add(&server->open, 1);
    pthread_mutex_lock(&server->lock);
    c->identity = tls_identity_hold(server->identity);
    c->next = server->connections;
    if (c->next) c->next->previous = c;
    server->connections = c;
    pthread_mutex_unlock(&server->lock);
    if (c->identity) tls_identity_show(c->identity, handle);
}

/* Closing a socket with unread bytes resets it, and the reset may overtake the answer that says why. A second
 * descriptor keeps it open until the client has read it and gone. With server->lock held. */
static void keep_lingering(http_server *server, int fd) {
    if (server->lingering_count == LINGERING_MAX) return;
    int second = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (second < 0) return;
    lingering *item = xcalloc(1, sizeof *item);
    item->fd = second;
    item->until_ms = clock_monotonic_ms() + LINGER_MS;
    item->next = server->lingering;
    server->lingering = item;
    server->lingering_count++;
    pthread_cond_broadcast(&server->changed);
}

static void close_connection(connection *c) {
    http_server *server = c->server;
    pthread_mutex_lock(&server->lock);
    if (c->previous)
        c->previous->next = c->next;
    else
        server->connections = c->next;
    if (c->next) c->next->previous = c->previous;
    if (c->linger) keep_lingering(server, c->fd);
    pthread_mutex_unlock(&server->lock);
    atomic_fetch_sub(&server->open, 1);
    pthread_mutex_destroy(&c->lock);
    free(c->target);
    identity_forget(c);
    tls_identity_release(c->identity);
    free(c);
}

/* Called by the library when a connection was accepted and, while its socket is still open, when it ended. */
void connection_notice(
    void *context, struct MHD_Connection *handle, void **state, enum MHD_ConnectionNotificationCode code) {
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        open_connection(context, handle, state);
        return;
    }
    close_connection(*state);
    /* When there were as many as may be, or no descriptor was left, the library has stopped to accept, and begins again
     * when it is run the next time. */
    server_look_again(context);
}

void connection_answer_raw(connection *c, int status) {
    if (c->server->options.tls_certificate) return;
    char body[256], head[512];
    int len = snprintf(body, sizeof body, "{\"type\":\"/problems/%s\",\"title\":\"%s\",\"status\":%d}",
        http_problem_name(status), http_status_title(status), status);
    int head_len = snprintf(head, sizeof head,
        "HTTP/1.1 %d %s\r\nServer: banyan\r\nConnection: close\r\nContent-Type: application/problem+json\r\n"
        "Content-Length: %d\r\n\r\n%s",
        status, http_status_title(status), len, body);
    ssize_t ignored = send(c->fd, head, (size_t)head_len, MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)ignored;
}

static void cut_off(connection *c, const char *why) {
    log_debug("http: cut off %s: %s", c->peer, why);
    atomic_fetch_add(&c->server->timeouts, 1);
    shutdown(c->fd, SHUT_RDWR);
    connection_enter(c, (connection_phase)atomic_load(&c->phase));
}

static bool read_tcp_info(int fd, struct tcp_info *info) {
    socklen_t len = sizeof *info;
    memset(info, 0, sizeof *info);
    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, info, &len) == 0;
}

static void check_head(connection *c, int64_t elapsed_ms) {
    const http_server_options *options = &c->server->options;
    bool first = atomic_load(&c->served) == 0, crowded = atomic_load(&c->server->open) > options->connections / 4 * 3;
    unsigned idle_ms = crowded ? options->idle_timeout_ms / 10 : options->idle_timeout_ms;
    if (elapsed_ms < (int64_t)(first ? options->head_timeout_ms : idle_ms)) return;
    struct tcp_info info;
    /* A browser's spare connection that has said nothing is not told anything either. */
    if (first && read_tcp_info(c->fd, &info) && info.tcpi_bytes_received > 0) connection_answer_raw(c, 408);
    cut_off(c, first ? "no complete head in time" : "idle");
}

static bool too_slow(const http_server_options *options, uint64_t bytes, int64_t elapsed_ms) {
    return elapsed_ms >= (int64_t)options->transfer_timeout_ms &&
           bytes < (uint64_t)options->transfer_minimum * (uint64_t)elapsed_ms / 1000;
}

static void check_body(connection *c, int64_t elapsed_ms) {
    if (!too_slow(&c->server->options, atomic_load(&c->phase_bytes), elapsed_ms)) return;
    connection_answer_raw(c, 408);
    cut_off(c, "the body comes too slowly");
}

static void check_sending(connection *c, int64_t now_ms) {
    struct tcp_info info;
    if (!read_tcp_info(c->fd, &info)) return;
    unsigned serial = atomic_load(&c->served);
    int64_t elapsed_ms = now_ms - c->acknowledged_ms;
    bool fresh = c->acknowledged_serial != serial;
    if (!fresh && too_slow(&c->server->options, info.tcpi_bytes_acked - c->acknowledged, elapsed_ms))
        cut_off(c, "the answer is read too slowly");
    if (fresh || elapsed_ms >= (int64_t)c->server->options.transfer_timeout_ms) {
        c->acknowledged_serial = serial;
        c->acknowledged = info.tcpi_bytes_acked;
        c->acknowledged_ms = now_ms;
    }
}

/* Has the client closed its side, with nothing left to read? One that has closed its sending side only counts as gone,
 * as it cannot be told from one that is gone altogether. */
static bool client_gone(const connection *c) {
    int unread = 0;
    struct pollfd poller = {.fd = c->fd, .events = POLLRDHUP};
    if (poll(&poller, 1, 0) <= 0 || !(poller.revents & (POLLRDHUP | POLLHUP | POLLERR))) return false;
    return ioctl(c->fd, FIONREAD, &unread) == 0 && unread == 0;
}

/* While a request is worked on nobody reads its connection. */
static void check_working(connection *c) {
    if (!client_gone(c)) return;
    pthread_mutex_lock(&c->lock);
    if (c->request) request_give_up(c->request);
    pthread_mutex_unlock(&c->lock);
}

/* The library waits for the next edge after a short read, and misses an end that came together with the last bytes:
 * shutting the socket down makes another edge. */
static void check_missed_end(connection *c) {
    if (client_gone(c)) shutdown(c->fd, SHUT_RDWR);
}

static void check(connection *c, int64_t now_ms, bool look_for_clients) {
    int64_t elapsed_ms = now_ms - atomic_load(&c->phase_since_ms);
    look_for_clients = look_for_clients && elapsed_ms >= TICK_MS;
    switch ((connection_phase)atomic_load(&c->phase)) {
    case PHASE_HEAD:
        /* Later an idle client's end comes alone and is seen. */
        if (look_for_clients && elapsed_ms < 2 * LOST_CLIENT_TICKS * TICK_MS) check_missed_end(c);
        check_head(c, elapsed_ms);
        break;
    case PHASE_BODY:
        if (look_for_clients) check_missed_end(c);
        check_body(c, elapsed_ms);
        break;
    case PHASE_SENDING: check_sending(c, now_ms); break;
    case PHASE_WORKING:
    case PHASE_STREAMING:
        if (look_for_clients) check_working(c);
        break;
    }
}

/* Reads and drops what a lingering client still sends; true when it is through. */
static bool drained(int fd) {
    char waste[16384];
    for (;;) {
        ssize_t len = recv(fd, waste, sizeof waste, MSG_DONTWAIT);
        if (len < 0 && errno == EINTR) continue;
        if (len <= 0) return len == 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
    }
}

static void drain_lingering(http_server *server, int64_t now_ms) {
    lingering **link = &server->lingering;
    while (*link) {
        lingering *item = *link;
        if (now_ms < item->until_ms && !drained(item->fd)) {
            link = &item->next;
            continue;
        }
        *link = item->next;
        server->lingering_count--;
        close(item->fd);
        free(item);
    }
}

void housekeeper_drop_lingering(http_server *server) {
    drain_lingering(server, INT64_MAX);
}

static void wait_tick(http_server *server) {
    const struct timespec until = clock_monotonic_in(server->lingering ? LINGER_TICK_MS : TICK_MS);
    pthread_cond_timedwait(&server->changed, &server->lock, &until);
}

void *housekeeper_run(void *context) {
    http_server *server = context;
    int64_t checked_ms = 0;
    pthread_mutex_lock(&server->lock);
    for (unsigned tick = 0; !server->housekeeper_stops;) {
        wait_tick(server);
        int64_t now_ms = clock_monotonic_ms();
        drain_lingering(server, now_ms);
        if (now_ms - checked_ms < TICK_MS) continue;
        checked_ms = now_ms;
        tick++;
        for (connection *c = server->connections; c; c = c->next)
            check(c, now_ms, tick % LOST_CLIENT_TICKS == 0);
        idle_look(server, now_ms);
    }
    pthread_mutex_unlock(&server->lock);
    return NULL;
}
