/* core/http/idle.c: gives back the memory of connections that wait for their next request.
 *
 * The library gives each connection a pool of memory of one size, and after each request fills it with zeroes: all of
 * it stays resident. The pool of a listener on a loop is large enough that the library maps it (from 32 KiB on), page
 * by page; pages that hold nothing but zeroes are given back to the kernel, which brings zeroes again when they are
 * touched. So nothing is assumed of what the library keeps there, only where the pool lies.
 *
 * That is known from the first request: its method stands at the start of the pool, unless empty lines came before it
 * (RFC 9112 §2.2), which then were whole pages. What the kernel has received tells that they were not: with TLS, too,
 * which adds to what is said and takes nothing away (nothing is compressed), as long as the handshake is below a page.
 */
#include "core/http/internal.h"

#include "core/base/clock.h"

#include <linux/tcp.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    IDLE_MS = 1000,
    AT_ONCE = 256,        /* connections in one turn of the loop, some microseconds each */
    LOOKS_MAX = 4,        /* at the kernel's counter, a connection */
    SMALLEST_PAGE = 4096, /* of any machine */
    MAPPED_FROM = 32 * 1024 + 1,
};

size_t idle_pool_size(size_t wanted) {
    return wanted < MAPPED_FROM ? MAPPED_FROM : wanted;
}

static bool has_received(int fd, uint64_t *bytes) {
    struct tcp_info info;
    socklen_t len = sizeof info;
    memset(&info, 0, sizeof info);
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0) return false;
    *bytes = info.tcpi_bytes_received;
    return true;
}

void idle_note_head(connection *c, const char *head, size_t size, uint64_t body) {
    const http_server_options *options = &c->server->options;
    uint64_t received, before = c->accounted;
    c->accounted += size + body;
    if (atomic_load(&c->pool) || !options->loop || c->looks == LOOKS_MAX) return;
    c->looks++;
    if ((uintptr_t)head % (uintptr_t)sysconf(_SC_PAGESIZE) != 0 || !has_received(c->fd, &received)) return;
    if (received >= before + size && received - before - size < SMALLEST_PAGE)
        atomic_store(&c->pool, (char *)(uintptr_t)head);
}

static bool is_zero(const char *page, size_t size) {
    return page[0] == 0 && memcmp(page, page + 1, size - 1) == 0;
}

static void give_back(char *pool, size_t size, size_t page) {
    size_t from = 0;
    for (size_t at = 0; at <= size; at += page) {
        if (at < size && is_zero(pool + at, page)) continue;
        if (at > from) madvise(pool + from, at - from, MADV_DONTNEED);
        from = at + page;
    }
}

static bool is_idle(connection *c, int64_t now_ms) {
    return atomic_load(&c->pool) && atomic_load(&c->phase) == (int)PHASE_HEAD &&
           atomic_load(&c->served) != atomic_load(&c->trimmed) && now_ms - atomic_load(&c->phase_since_ms) >= IDLE_MS;
}

/* On the loop, where the library runs: it frees a pool and tells of the connection's end in one go. */
static void trim(void *context) {
    http_server *server = context;
    size_t page = (size_t)sysconf(_SC_PAGESIZE), left = AT_ONCE;
    size_t size = (idle_pool_size(2 * server->options.head_bytes) + page - 1) / page * page;
    int64_t now_ms = clock_monotonic_ms();
    pthread_mutex_lock(&server->lock);
    for (connection *c = server->connections; c && left; c = c->next) {
        if (!is_idle(c, now_ms)) continue;
        give_back(atomic_load(&c->pool), size, page);
        atomic_store(&c->trimmed, atomic_load(&c->served));
        left--;
    }
    pthread_mutex_unlock(&server->lock);
    if (left == 0) http_loop_post(server->options.loop, trim, server);
}

void idle_look(http_server *server, int64_t now_ms) {
    if (!server->options.loop) return;
    for (connection *c = server->connections; c; c = c->next) {
        if (!is_idle(c, now_ms)) continue;
        http_loop_post(server->options.loop, trim, server);
        return;
    }
}
