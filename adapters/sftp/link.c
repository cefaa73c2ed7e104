/* adapters/sftp/link.c: see link.h. */
#include "adapters/sftp/link_private.h"

#include "core/base/clock.h"
#include "core/base/io.h"
#include "core/base/memory.h"

#include <errno.h>
#include <malloc.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <resolv.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    MEMORY_MAX = 64 * 1024 * 1024,
    WINDOW = 4 * 1024 * 1024,
    HOST_KEY_TRIES = 6,
    SEEN_ROOM = 512,
    METHODS_ROOM = 1024
};

/* What we speak. libssh2 leaves out what it does not know (1.10 knows no rsa-sha2). */
#define KEX_STRONG                                                                                                     \
    "curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,ecdh-sha2-nistp384,ecdh-sha2-nistp521,"         \
    "diffie-hellman-group16-sha512,diffie-hellman-group18-sha512,diffie-hellman-group14-sha256,"                       \
    "diffie-hellman-group-exchange-sha256"
#define KEX_WEAK ",diffie-hellman-group-exchange-sha1,diffie-hellman-group14-sha1,diffie-hellman-group1-sha1"
#define CIPHERS_STRONG "aes256-ctr,aes192-ctr,aes128-ctr"
#define CIPHERS_WEAK ",aes256-cbc,aes192-cbc,aes128-cbc,3des-cbc"
#define MACS_STRONG "hmac-sha2-256,hmac-sha2-512"
#define MACS_WEAK ",hmac-sha1"

/* Host keys in the order we like them; the RSA signatures are those of the last column. */
static const struct {
    const char *type;   /* as it stands in the key */
    const char *strong; /* signature algorithms of that type, NULL: none */
    const char *weak;
} host_key_algorithms[] = {
    {"ssh-ed25519", "ssh-ed25519", NULL},
    {"ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256", NULL},
    {"ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384", NULL},
    {"ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521", NULL},
    {"ssh-rsa", "rsa-sha2-512,rsa-sha2-256", "ssh-rsa"},
    {"ssh-dss", NULL, "ssh-dss"},
};

#define HOST_KEY_TYPES (sizeof host_key_algorithms / sizeof *host_key_algorithms)

#define RSA_WORDS "libssh2 " LIBSSH2_VERSION " knows RSA with SHA-1 only, which servers since OpenSSH 8.8 do not accept"

void link_start(sftp_link *link) {
    link->deadline_ms = clock_monotonic_ms() + link->timeout_ms;
}

static bool is_late(const sftp_link *link) {
    return clock_monotonic_ms() >= link->deadline_ms;
}

static bool wait_for(int fd, short events, int64_t deadline_ms) {
    struct pollfd waiting = {.fd = fd, .events = events};
    for (;;) {
        int64_t left = deadline_ms - clock_monotonic_ms();
        if (left <= 0) return false;
        int ready = poll(&waiting, 1, left > INT32_MAX ? INT32_MAX : (int)left);
        if (ready > 0) return true;
        if (ready < 0 && errno != EINTR) return false;
    }
}

bool link_wait(sftp_link *link) {
    int directions = libssh2_session_block_directions(link->session);
    short events = 0;
    if (directions & LIBSSH2_SESSION_BLOCK_INBOUND) events |= POLLIN;
    if (directions & LIBSSH2_SESSION_BLOCK_OUTBOUND) events |= POLLOUT;
    return wait_for(link->fd, events ? events : POLLIN, link->deadline_ms);
}

/* A peer that floods us would keep libssh2 busy for ever without its ever asking to wait: so the deadline is held here
 * too. Errors are negative errno values, as libssh2 wants them. */
static ssize_t receive(int fd, void *into, size_t len, int flags, void **context) {
    sftp_link *link = *context;
    if (link->dead || is_late(link)) return -ECONNABORTED;
    ssize_t n = recv(fd, into, len, flags);
    if (n < 0 && errno != EAGAIN && errno != EINTR) link->lost = true;
    if (n < 0) return -errno;
    if (n == 0) link->lost = true;
    if (link->greeting) {
        size_t room = LINK_GREETING_MAX - link->greeting_len, kept = (size_t)n < room ? (size_t)n : room;
        memcpy(link->greeting + link->greeting_len, into, kept);
        link->greeting_len += kept;
    }
    return n;
}

static ssize_t transmit(int fd, const void *bytes, size_t len, int flags, void **context) {
    sftp_link *link = *context;
    if (link->dead || is_late(link)) return -ECONNABORTED;
    ssize_t n = send(fd, bytes, len, flags | MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN && errno != EINTR) link->lost = true;
    return n < 0 ? -errno : n;
}

void *link_allocate(size_t size, void **context) {
    sftp_link *link = *context;
    if (size > MEMORY_MAX - link->allocated) return NULL;
    void *memory = malloc(size);
    if (memory) link->allocated += malloc_usable_size(memory);
    return memory;
}

static void release(void *memory, void **context) {
    sftp_link *link = *context;
    if (memory) link->allocated -= malloc_usable_size(memory);
    free(memory);
}

static void *reallocate(void *memory, size_t size, void **context) {
    sftp_link *link = *context;
    size_t before = memory ? malloc_usable_size(memory) : 0;
    if (size > MEMORY_MAX - link->allocated) return NULL;
    void *moved = realloc(memory, size);
    if (moved) link->allocated += malloc_usable_size(moved) - before;
    return moved;
}

static void on_disconnect(LIBSSH2_SESSION *session, int code, const char *message, int len, const char *language,
    int language_len, void **context) {
    sftp_link *link = *context;
    (void)session, (void)code, (void)language, (void)language_len;
    snprintf(link->reason, sizeof link->reason, "%.*s", len > 0 ? len : 0, message ? message : "");
}

error *link_failure(sftp_link *link, const char *doing) {
    char *words = NULL;
    int number = libssh2_session_last_error(link->session, &words, NULL, 0);
    link->dead = true;
    if (is_late(link)) return error_new(ERROR_TIMEOUT, "%s: no answer in %lld ms", doing, (long long)link->timeout_ms);
    if (link->reason[0]) return error_new(ERROR_UNREACHABLE, "%s: the server ended it: %s", doing, link->reason);
    if (link->lost && number != LIBSSH2_ERROR_BANNER_RECV)
        return error_new(ERROR_UNREACHABLE, "%s: the connection was lost", doing);
    switch (number) {
    case LIBSSH2_ERROR_ALLOC: return error_new(ERROR_LIMIT, "%s: the server sent more than is reasonable", doing);
    case LIBSSH2_ERROR_BANNER_RECV:
        return error_new(ERROR_UNREACHABLE, "%s: what answers there does not speak SSH", doing);
    case LIBSSH2_ERROR_SOCKET_DISCONNECT:
    case LIBSSH2_ERROR_SOCKET_RECV:
    case LIBSSH2_ERROR_SOCKET_SEND:
    case LIBSSH2_ERROR_CHANNEL_CLOSED:
    case LIBSSH2_ERROR_CHANNEL_EOF_SENT: return error_new(ERROR_UNREACHABLE, "%s: the connection was lost", doing);
    default: return error_new(ERROR_UNREACHABLE, "%s: %s", doing, words && *words ? words : "the connection failed");
    }
}

static error *connect_address(const struct addrinfo *address, int64_t deadline_ms, int *fd) {
    error *err = NULL;
    int failed = 0;
    socklen_t len = sizeof failed;
    *fd = socket(address->ai_family, address->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, address->ai_protocol);
    if (*fd < 0) return error_from_errno(errno, "cannot make a socket");
    if (connect(*fd, address->ai_addr, address->ai_addrlen) < 0) {
        if (errno != EINPROGRESS)
            failed = errno;
        else if (!wait_for(*fd, POLLOUT, deadline_ms))
            failed = ETIMEDOUT;
        else if (getsockopt(*fd, SOL_SOCKET, SO_ERROR, &failed, &len) < 0)
            failed = errno;
    }
    if (failed) {
        err = error_from_errno(failed, "no connection");
        io_close(fd);
    }
    return err;
}

/* The resolver blocks: it gets one try a name server, and a third of the time. */
static error *resolve(const sftp_link_options *options, struct addrinfo **addresses) {
    char port[8];
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    int64_t seconds = options->timeout_ms / 3000;
    snprintf(port, sizeof port, "%u", (unsigned)options->port);
    if (res_init() == 0) {
        _res.retry = 1;
        _res.retrans = seconds < 1 ? 1 : (int)seconds;
    }
    int failed = getaddrinfo(options->host, port, &hints, addresses);
    if (!failed) return NULL;
    return error_new(ERROR_UNREACHABLE, "the name %s has no address: %s", options->host, gai_strerror(failed));
}

static void tune(int fd, int64_t keepalive_ms) {
    int on = 1, seconds = (int)(keepalive_ms / 1000);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (seconds < 1) return;
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &seconds, sizeof seconds);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &seconds, sizeof seconds);
}

static error *connect_host(sftp_link *link) {
    struct addrinfo *addresses = NULL;
    error *err = resolve(link->options, &addresses);
    for (const struct addrinfo *a = addresses; a && link->fd < 0; a = a->ai_next) {
        error_free(err);
        err = connect_address(a, link->deadline_ms, &link->fd);
    }
    if (addresses) freeaddrinfo(addresses);
    if (!err) tune(link->fd, link->options->keepalive_ms);
    return err;
}

static void append_algorithm(char *list, const char *algorithm) {
    size_t used = strlen(list);
    if (algorithm) snprintf(list + used, HOST_KEY_ALGORITHMS_SIZE - used, "%s%s", used ? "," : "", algorithm);
}

static bool holds_type(const char *types, const char *type) {
    span rest = span_of(types), one;
    while (span_split(&rest, ',', &one)) {
        if (span_is(one, type)) return true;
    }
    return false;
}

/* The types that the accepted keys can have, less those that the server has shown to be others. */
static void choose_host_keys(const sftp_link_options *options, const char *shown, char *list) {
    char types[HOST_KEY_ALGORITHMS_SIZE];
    bool known = host_keys_types(options->host_keys, types);
    *list = '\0';
    for (size_t i = 0; i < HOST_KEY_TYPES; i++) {
        const char *type = host_key_algorithms[i].type;
        if ((known && !holds_type(types, type)) || holds_type(shown, type)) continue;
        append_algorithm(list, host_key_algorithms[i].strong);
        if (options->weak) append_algorithm(list, host_key_algorithms[i].weak);
    }
}

/* Only what libssh2 knows: it would leave out the others itself, but copies over overlapping memory when it does
 * (1.10). */
static bool set_method(sftp_link *link, int method, const char *wanted) {
    char list[METHODS_ROOM] = "";
    const char **known = NULL;
    int count = libssh2_session_supported_algs(link->session, method, &known);
    span rest = span_of(wanted), one;
    while (span_split(&rest, ',', &one)) {
        for (int i = 0; i < count; i++) {
            size_t used = strlen(list);
            if (span_is(one, known[i])) snprintf(list + used, sizeof list - used, "%s%s", used ? "," : "", known[i]);
        }
    }
    if (count > 0) libssh2_free(link->session, known);
    return *list && libssh2_session_method_pref(link->session, method, list) == 0;
}

static bool set_methods(sftp_link *link, const char *host_key_list) {
    bool weak = link->options->weak;
    const char *ciphers = weak ? CIPHERS_STRONG CIPHERS_WEAK : CIPHERS_STRONG;
    const char *macs = weak ? MACS_STRONG MACS_WEAK : MACS_STRONG;
    return set_method(link, LIBSSH2_METHOD_KEX, weak ? KEX_STRONG KEX_WEAK : KEX_STRONG) &&
           set_method(link, LIBSSH2_METHOD_CRYPT_CS, ciphers) && set_method(link, LIBSSH2_METHOD_CRYPT_SC, ciphers) &&
           set_method(link, LIBSSH2_METHOD_MAC_CS, macs) && set_method(link, LIBSSH2_METHOD_MAC_SC, macs) &&
           set_method(link, LIBSSH2_METHOD_HOSTKEY, host_key_list);
}

static uint32_t number_at(const char *at) {
    const unsigned char *b = (const unsigned char *)at;
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

/* The `index`th list of names in the server's KEXINIT (RFC 4253 §7.1), from what it sent in clear; empty when it is not
 * there. */
static span offered(const sftp_link *link, size_t index) {
    const char *at = memmem(link->greeting, link->greeting_len, "SSH-", 4), *end = link->greeting + link->greeting_len;
    at = at ? memchr(at, '\n', (size_t)(end - at)) : NULL;
    if (!at || end - at < 1 + 5 + 1 + 16 + 4 || at[6] != 20) return SPAN("");
    for (at += 1 + 5 + 1 + 16; end - at >= 4; index--) { /* line end; lengths; message number; cookie */
        size_t len = number_at(at);
        if (len > (size_t)(end - at - 4)) break;
        if (index == 0) return span_make(at + 4, len);
        at += 4 + len;
    }
    return SPAN("");
}

static error *no_common_algorithm(const sftp_link *link) {
    span kex = offered(link, 0), keys = offered(link, 1), ciphers = offered(link, 2), macs = offered(link, 4);
    return error_new(ERROR_UNSUPPORTED,
        "no algorithms in common. The server offers host keys %.*s; key exchange %.*s; ciphers %.*s; MACs %.*s. "
        "(" RSA_WORDS ": ask for an Ed25519 or ECDSA host key. For an old server, weak_until accepts its algorithms.)",
        (int)keys.len, keys.data, (int)kex.len, kex.data, (int)ciphers.len, ciphers.data, (int)macs.len, macs.data);
}

static error *handshake(sftp_link *link, const char *host_key_list) {
    int result;
    link->session = libssh2_session_init_ex(link_allocate, release, reallocate, link);
    if (!link->session) return error_new(ERROR_LIMIT, "no memory for an SSH session");
    libssh2_session_set_blocking(link->session, 0);
    libssh2_session_callback_set(link->session, LIBSSH2_CALLBACK_RECV, (void *)receive);
    libssh2_session_callback_set(link->session, LIBSSH2_CALLBACK_SEND, (void *)transmit);
    libssh2_session_callback_set(link->session, LIBSSH2_CALLBACK_DISCONNECT, (void *)on_disconnect);
    if (!set_methods(link, host_key_list))
        return error_new(ERROR_UNSUPPORTED,
            "the accepted host key is of a type that is not usable here: " RSA_WORDS
            ". Ask for the server's Ed25519 or ECDSA host key, or set weak_until for an old server");
    while ((result = libssh2_session_handshake(link->session, link->fd)) == LIBSSH2_ERROR_EAGAIN) {
        if (!link_wait(link)) break;
    }
    if (result == 0) return NULL;
    if ((result == LIBSSH2_ERROR_KEX_FAILURE || result == LIBSSH2_ERROR_METHOD_NONE) && !is_late(link) &&
        offered(link, 1).len > 0) {
        link->dead = true;
        return no_common_algorithm(link);
    }
    return link_failure(link, "greeting");
}

/* Appends "SHA256:... (type)" of the key that the server showed, and its type. */
static void note_key(char *seen, char *shown, span blob, const unsigned char *digest) {
    char text[HOST_KEY_FINGERPRINT_SIZE], type[64];
    size_t used = strlen(seen), shown_used = strlen(shown);
    span name = host_key_type(blob);
    snprintf(type, sizeof type, "%.*s", (int)name.len, name.data);
    snprintf(seen + used, SEEN_ROOM - used, "%s%s (%s)", used ? " and " : "", host_key_fingerprint(digest, text), type);
    snprintf(shown + shown_used, HOST_KEY_ALGORITHMS_SIZE - shown_used, "%s%s", shown_used ? "," : "", type);
}

static void end_session(sftp_link *link) {
    if (link->session) {
        if (!link->dead) libssh2_session_disconnect(link->session, "done");
        link->dead = true; /* what is freed now must not wait for the peer */
        libssh2_session_free(link->session);
    }
    io_close(&link->fd);
    link->session = NULL;
    link->channel = NULL;
    link->dead = link->lost = false;
    link->greeting_len = 0;
}

/* A server has keys of several types and shows one of those we ask for. A fingerprint does not tell its type, so we ask
 * again for the other types before we say that the key is another one. Nothing secret is sent before it matches. */
static error *connect_verified(sftp_link *link) {
    char shown[HOST_KEY_ALGORITHMS_SIZE] = "", list[HOST_KEY_ALGORITHMS_SIZE], seen[SEEN_ROOM] = "";
    for (int attempt = 0; attempt < HOST_KEY_TRIES; attempt++) {
        size_t len = 0;
        int type;
        choose_host_keys(link->options, shown, list);
        if (!*list && *seen) break;
        error *err = connect_host(link);
        if (!err) err = handshake(link, list);
        if (err && *seen && error_code_of(err) == ERROR_UNSUPPORTED) { /* no key of another type */
            error_free(err);
            break;
        }
        if (err) return err;
        const char *blob = libssh2_session_hostkey(link->session, &len, &type);
        const char *digest = libssh2_hostkey_hash(link->session, LIBSSH2_HOSTKEY_HASH_SHA256);
        if (!blob || !digest) return error_new(ERROR_UNREACHABLE, "the server showed no host key");
        if (host_keys_match(link->options->host_keys, span_make(blob, len), (const unsigned char *)digest)) return NULL;
        note_key(seen, shown, span_make(blob, len), (const unsigned char *)digest);
        end_session(link);
    }
    return error_new(ERROR_DENIED,
        "the server's host key is not the accepted one; nothing was sent to it. It showed %s; accepted is %s. Ask the "
        "owner of the server whether the key was changed, and only then write the new one into host_key",
        seen, host_keys_text(link->options->host_keys));
}

static error *open_channel(sftp_link *link) {
    int result;
    while (!(link->channel = libssh2_channel_open_ex(
                 link->session, "session", 7, WINDOW, LIBSSH2_CHANNEL_PACKET_DEFAULT, NULL, 0))) {
        if (libssh2_session_last_errno(link->session) != LIBSSH2_ERROR_EAGAIN || !link_wait(link))
            return link_failure(link, "opening a channel");
    }
    /* Words on standard error would fill the window. */
    while (libssh2_channel_handle_extended_data2(link->channel, LIBSSH2_CHANNEL_EXTENDED_DATA_IGNORE) ==
           LIBSSH2_ERROR_EAGAIN) {
        if (!link_wait(link)) return link_failure(link, "opening a channel");
    }
    while ((result = libssh2_channel_process_startup(link->channel, "subsystem", 9, "sftp", 4)) != 0) {
        if (result == LIBSSH2_ERROR_CHANNEL_REQUEST_DENIED)
            return error_new(ERROR_DENIED, "the server offers this user no SFTP");
        if (result != LIBSSH2_ERROR_EAGAIN || !link_wait(link)) return link_failure(link, "starting SFTP");
    }
    return NULL;
}

error *sftp_link_open(const sftp_link_options *options, sftp_link **out) {
    sftp_link *link = xcalloc(1, sizeof *link);
    *link = (sftp_link){.fd = -1, .options = options, .timeout_ms = options->timeout_ms};
    link->greeting = xmalloc(LINK_GREETING_MAX);
    link_start(link);
    error *err = connect_verified(link);
    free(link->greeting);
    link->greeting = NULL;
    if (!err) {
        link_start(link);
        err = link_login(link);
    }
    if (!err) {
        link_start(link);
        err = open_channel(link);
    }
    link->options = NULL;
    if (err) {
        sftp_link_close(link);
        return error_wrap(err, "%s:%u", options->host, (unsigned)options->port);
    }
    *out = link;
    return NULL;
}

error *sftp_link_write(sftp_link *link, span bytes) {
    link_start(link);
    while (bytes.len > 0) {
        ssize_t n = libssh2_channel_write(link->channel, bytes.data, bytes.len);
        if (n > 0)
            bytes = span_make(bytes.data + n, bytes.len - (size_t)n);
        else if ((n < 0 && n != LIBSSH2_ERROR_EAGAIN) || !link_wait(link))
            return link_failure(link, "sending");
    }
    return NULL;
}

error *sftp_link_read(sftp_link *link, char *into, size_t len) {
    link_start(link);
    while (len > 0) {
        ssize_t n = libssh2_channel_read(link->channel, into, len);
        if (n > 0) {
            into += n;
            len -= (size_t)n;
            continue;
        }
        if (n == 0 && libssh2_channel_eof(link->channel)) {
            link->dead = true;
            return error_new(ERROR_UNREACHABLE, "the server ended the SFTP session");
        }
        if ((n < 0 && n != LIBSSH2_ERROR_EAGAIN) || !link_wait(link)) return link_failure(link, "receiving");
    }
    return NULL;
}

void sftp_link_close(sftp_link *link) {
    if (!link) return;
    link->deadline_ms = clock_monotonic_ms() + 100;
    end_session(link);
    free(link->greeting);
    free(link);
}
