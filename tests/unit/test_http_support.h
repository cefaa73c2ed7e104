/* tests/unit/test_http_support.h: a server to test against and a client that sends exactly the bytes it is told. */
#ifndef BANYAN_TEST_HTTP_SUPPORT_H
#define BANYAN_TEST_HTTP_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/buf.h"
#include "core/base/clock.h"
#include "core/base/memory.h"
#include "core/http/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { WAIT_MS = 10000 };

static inline void must(error *err) {
    if (err) fail_msg("%s", error_text(err));
}

static inline int raw_connect(unsigned port) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_true(fd >= 0);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

/* Sends all; a peer that has closed is no failure. */
static inline void raw_send(int fd, span bytes) {
    while (bytes.len > 0) {
        ssize_t sent = send(fd, bytes.data, bytes.len, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent <= 0) return;
        bytes = span_make(bytes.data + sent, bytes.len - (size_t)sent);
    }
}

/* Reads until `marker` (NULL: the end) has come, the peer closed, or time is up. True when the peer closed. */
static inline bool raw_read(int fd, buf *into, const char *marker) {
    int64_t deadline = clock_monotonic_ms() + WAIT_MS;
    for (;;) {
        if (marker && strstr(buf_text(into), marker)) return false;
        int64_t left = deadline - clock_monotonic_ms();
        struct pollfd poller = {.fd = fd, .events = POLLIN};
        if (left <= 0 || poll(&poller, 1, (int)left) <= 0) fail_msg("no answer in time; so far: %s", buf_text(into));
        char chunk[65536];
        ssize_t len = recv(fd, chunk, sizeof chunk, 0);
        if (len <= 0) return true;
        buf_add(into, span_make(chunk, (size_t)len));
    }
}

/* One connection: sends, reads to the end. The caller frees the answer. */
static inline char *raw_exchange(unsigned port, span bytes) {
    buf answer = BUF_MAX(64 << 20);
    int fd = raw_connect(port);
    raw_send(fd, bytes);
    raw_read(fd, &answer, NULL);
    close(fd);
    return buf_take(&answer, NULL);
}

/* Until the counter, which other threads move, has reached `value`. */
static inline void await(const _Atomic unsigned *counter, unsigned value) {
    int64_t deadline = clock_monotonic_ms() + WAIT_MS;
    while (atomic_load(counter) < value) {
        if (clock_monotonic_ms() > deadline) fail_msg("waited in vain: %u of %u", atomic_load(counter), value);
        poll(NULL, 0, 1);
    }
}

static inline size_t count_of(const char *text, const char *word) {
    size_t count = 0;
    for (const char *at = text; (at = strstr(at, word)); at++)
        count++;
    return count;
}

#endif
