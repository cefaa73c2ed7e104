/* tests/unit/test_adapter_sftp_hostile.c: what the SFTP adapter does with servers that lie, flood, stall or babble.
 *
 * Two kinds of peers: this program itself as the "sftp" subsystem of a real sshd (so that the lies come through a real
 * SSH connection), and children that listen on a port and are no SSH servers at all. Rows SF-02, SF-03, SF-06, SF-08.
 */
#include "tests/unit/sftp_fixture.h"

/* ---- the hostile subsystem, in a process of its own ---- */

enum { LARGE_FILE = 32768 * 5 + 100, MILLION = 1000000 };

typedef struct evil {
    const char *mode;
    buf out;
    unsigned listed; /* READDIRs answered */
    uint32_t held;   /* a READ whose answer waits for that of the next one; 0: none */
    uint64_t held_from;
} evil;

static bool is(const evil *e, const char *mode) {
    return strcmp(e->mode, mode) == 0;
}

static void u32(buf *b, uint32_t value) {
    char bytes[4] = {(char)(value >> 24), (char)(value >> 16), (char)(value >> 8), (char)value};
    buf_add(b, span_make(bytes, 4));
}

static void text(buf *b, span bytes) {
    u32(b, (uint32_t)bytes.len);
    buf_add(b, bytes);
}

static void say(span bytes) {
    error *err = io_write_all(1, bytes, "the client");
    if (err) _exit(0);
}

/* Sends the body in `out` as a packet of this type. */
static void answer(evil *e, int type, uint32_t id) {
    buf head = BUF_MAX(16);
    u32(&head, (uint32_t)(e->out.len + 5));
    buf_add_char(&head, (char)type);
    u32(&head, id);
    say(buf_span(&head));
    say(buf_span(&e->out));
    buf_clear(&e->out);
    buf_free(&head);
}

static void status(evil *e, uint32_t id, uint32_t code, const char *words) {
    u32(&e->out, code);
    text(&e->out, span_of(words));
    text(&e->out, SPAN("en"));
    answer(e, 101, id);
}

static void attributes(buf *b, uint32_t mode, uint64_t size, uint32_t modified) {
    u32(b, 1 | 4 | 8);
    u32(b, (uint32_t)(size >> 32));
    u32(b, (uint32_t)size);
    u32(b, mode);
    u32(b, modified);
    u32(b, modified);
}

static void name(buf *b, span bytes, uint32_t mode) {
    text(b, bytes);
    text(b, SPAN("-rw-r--r-- 1 x x 10 Jan 1 1970 x"));
    attributes(b, mode, 10, 1000000000);
}

static void list_names(evil *e, uint32_t id) {
    char longest[300], *huge = xmalloc(200000);
    memset(longest, 'x', sizeof longest);
    memset(huge, 'y', 200000);
    const span names[] = {SPAN("good.edi"), SPAN("../escape"), SPAN("a/b"), SPAN(".."), SPAN("."), SPAN("nul\0byte"),
        SPAN("new\nline"), SPAN("good.edi"), SPAN(""), SPAN("/etc/passwd"), SPAN("back\\slash"), SPAN("\x1b[2J"),
        span_make(longest, sizeof longest), span_make(huge, 200000), SPAN("second.edi")};
    u32(&e->out, sizeof names / sizeof *names);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        name(&e->out, names[i], 0100644);
    answer(e, 104, id);
    free(huge);
}

static void list_kinds(evil *e, uint32_t id) {
    static const uint32_t modes[] = {0120777, 0010644, 0040755, 0020644, 0060644, 0140644, 0, 0170000};
    char entry[32];
    u32(&e->out, 10);
    for (uint32_t i = 0; i < 8; i++) {
        snprintf(entry, sizeof entry, "kind-%u", i);
        name(&e->out, span_of(entry), modes[i]);
    }
    text(&e->out, SPAN("unknown")); /* neither size nor kind nor time */
    text(&e->out, SPAN(""));
    u32(&e->out, 0);
    text(&e->out, SPAN("far-future"));
    text(&e->out, SPAN(""));
    attributes(&e->out, 0100644, UINT64_C(0xFFFFFFFFFFFFFFFF), 0xFFFFFFFF);
    answer(e, 104, id);
}

static void list_million(evil *e, uint32_t id) {
    enum { AT_ONCE = 1000 };
    char entry[32];
    u32(&e->out, AT_ONCE);
    for (unsigned i = 0; i < AT_ONCE; i++) {
        snprintf(entry, sizeof entry, "%u", e->listed * AT_ONCE + i);
        name(&e->out, span_of(entry), 0100644);
    }
    answer(e, 104, id);
}

static void read_directory(evil *e, uint32_t id) {
    bool million = is(e, "million");
    if (e->listed >= (million ? MILLION / 1000 : 1)) {
        status(e, id, 1, "end");
    } else if (million) {
        list_million(e, id);
    } else if (is(e, "names")) {
        list_names(e, id);
    } else if (is(e, "kinds")) {
        list_kinds(e, id);
    } else if (is(e, "no-names")) {
        u32(&e->out, 0);
        answer(e, 104, id);
    } else if (is(e, "count-lies")) {
        u32(&e->out, 0xFFFFFFFF);
        name(&e->out, SPAN("a"), 0100644);
        answer(e, 104, id);
    } else {
        u32(&e->out, 1);
        name(&e->out, SPAN("a"), 0100644);
        answer(e, 104, id);
    }
    e->listed++;
}

static void send_range(evil *e, uint32_t id, uint64_t from, uint32_t len) {
    static char zeros[32768];
    uint64_t size = is(e, "reversed") ? LARGE_FILE : 10;
    if (is(e, "endless")) size = UINT64_MAX;
    if (from >= size) {
        status(e, id, 1, "end");
        return;
    }
    uint64_t left = size - from;
    uint32_t n = left < len ? (uint32_t)left : len;
    if (is(e, "one-byte")) n = 1;
    if (size > 10)
        text(&e->out, span_make(zeros, n < sizeof zeros ? n : sizeof zeros));
    else
        text(&e->out, span_make("0123456789" + from, n));
    answer(e, 103, id);
}

static void read_file(evil *e, uint32_t id, uint64_t from, uint32_t len) {
    if (!is(e, "reversed")) {
        if (is(e, "too-much")) {
            u32(&e->out, 40000);
            for (int i = 0; i < 40000; i++)
                buf_add_char(&e->out, 'x');
            answer(e, 103, id);
            return;
        }
        send_range(e, id, from, len);
        return;
    }
    uint32_t held = e->held;
    e->held = 0;
    if (held) {
        send_range(e, id, from, len);
        send_range(e, held, e->held_from, len);
    } else {
        e->held = id;
        e->held_from = from;
    }
}

static uint32_t number(const char *at) {
    const unsigned char *b = (const unsigned char *)at;
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

/* One of the ways to break the protocol. False: this request is answered properly. */
static bool misbehave(evil *e, int type, uint32_t id) {
    if (is(e, "wrong-id")) {
        status(e, id + 1000, 0, "fine");
    } else if (is(e, "oversize")) {
        u32(&e->out, 0x7FFFFFFF);
        say(buf_span(&e->out));
    } else if (is(e, "undersize")) {
        u32(&e->out, 3);
        say(buf_span(&e->out));
        say(SPAN("abc"));
    } else if (is(e, "cut-short")) {
        u32(&e->out, 1 | 4 | 8);
        answer(e, 105, id);
    } else if (is(e, "long-handle") && (type == 3 || type == 11)) {
        for (int i = 0; i < 300; i++)
            buf_add_char(&e->out, 'h');
        buf handle = e->out;
        e->out = BUF_MAX(1 << 20);
        text(&e->out, buf_span(&handle));
        buf_free(&handle);
        answer(e, 102, id);
    } else if (is(e, "fine-for-open") && (type == 3 || type == 11)) {
        status(e, id, 0, "fine");
    } else if (is(e, "silent-later")) {
        return true;
    } else if (is(e, "full") && type == 6) {
        status(e, id, 14, "disk full");
    } else if (is(e, "quota") && type == 6) {
        status(e, id, 15, "quota exceeded");
    } else if (is(e, "failure") && (type == 6 || type == 18)) {
        status(e, id, 4, "");
    } else if (is(e, "exit-on-remove") && type == 13) {
        _exit(0);
    } else {
        return false;
    }
    buf_clear(&e->out);
    return true;
}

static void serve(evil *e, const char *packet) {
    int type = packet[0];
    uint32_t id = number(packet + 1), handle_len;
    if (misbehave(e, type, id)) return;
    switch (type) {
    case 3:
    case 11:
        text(&e->out, SPAN("h"));
        answer(e, 102, id);
        break;
    case 5:
        handle_len = number(packet + 5);
        read_file(e, id, (uint64_t)number(packet + 9 + handle_len) << 32 | number(packet + 13 + handle_len),
            number(packet + 17 + handle_len));
        break;
    case 7:
        if (memmem(packet, 64, "new", 3))
            status(e, id, 2, "none");
        else {
            attributes(&e->out, 0100644, is(e, "reversed") ? LARGE_FILE : is(e, "size-lies") ? 5 : 10, 1000000000);
            answer(e, 105, id);
        }
        break;
    case 8:
        attributes(&e->out, 0100644, is(e, "reversed") ? LARGE_FILE : is(e, "size-lies") ? 5 : 10, 1000000000);
        answer(e, 105, id);
        break;
    case 12: read_directory(e, id); break;
    default: status(e, id, 0, "fine"); break;
    }
}

static void release_held(evil *e) {
    struct pollfd waiting = {.fd = 0, .events = POLLIN};
    if (!e->held || poll(&waiting, 1, 20) != 0) return;
    send_range(e, e->held, e->held_from, 32768);
    e->held = 0;
}

static bool read_exactly(char *into, size_t len) {
    while (len > 0) {
        ssize_t n = read(0, into, len);
        if (n <= 0) return false;
        into += n;
        len -= (size_t)n;
    }
    return true;
}

static int evil_main(const char *mode) {
    static char packet[1 << 20];
    char head[4];
    evil e = {.mode = mode, .out = BUF_MAX(1 << 20)};
    alarm(120); /* whatever becomes of the session, nothing stays behind */
    while (is(&e, "silent") && read(0, head, sizeof head) > 0)
        continue; /* reads, and never says a word; ends with the connection */
    if (is(&e, "silent")) return 0;
    if (is(&e, "stderr-flood")) {
        for (int i = 0; i < 1000; i++)
            (void)!write(2, packet, 8192);
    }
    if (!read_exactly(packet, 9)) return 0;
    u32(&e.out, 5);
    buf_add_char(&e.out, 2);
    u32(&e.out, is(&e, "old-version") ? 2 : 3);
    say(buf_span(&e.out));
    buf_clear(&e.out);
    for (;;) {
        release_held(&e);
        if (!read_exactly(head, 4) || number(head) > sizeof packet) return 0;
        if (!read_exactly(packet, number(head))) return 0;
        serve(&e, packet);
    }
}

/* ---- the tests ---- */

typedef struct lair {
    sshd server;
    client client;
} lair;

static lair lair_open(const char *mode, const char *members) {
    char self[4096];
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    assert_true(len > 0);
    self[len] = '\0';
    char *configuration = xasprintf("Subsystem sftp %s --evil %s", self, mode);
    lair l = {.server = sshd_start(keys, "host_ed25519", configuration)};
    l.client = client_open(l.server.port, members);
    free(configuration);
    return l;
}

static void lair_close(lair *l) {
    client_close(&l->client);
    sshd_stop(&l->server);
}

/* SF-02 */
static void names_that_cannot_be_are_skipped_and_the_others_listed(void **state UNUSED) {
    lair l = lair_open("names", "");
    assert_listed(sftp, l.client.session, NULL, "good.edi second.edi");
    lair_close(&l);
}

/* SF-03 */
static void only_what_may_be_a_file_is_listed(void **state UNUSED) {
    lair l = lair_open("kinds", "");
    assert_listed(sftp, l.client.session, NULL, "unknown");
    lair_close(&l);
}

static size_t resident_kib(void) {
    size_t pages = 0, resident = 0;
    FILE *statm = fopen("/proc/self/statm", "re");
    assert_int_equal(fscanf(statm, "%zu %zu", &pages, &resident), 2);
    fclose(statm);
    return resident * 4;
}

static error *count_entry(void *context, const adapter_entry *entry UNUSED) {
    (*(size_t *)context)++;
    return NULL;
}

/* SF-02 */
static void a_million_names_are_listed_in_bounded_memory(void **state UNUSED) {
    lair l = lair_open("million", "");
    size_t before = resident_kib(), count = 0;
    int64_t start = clock_monotonic_ms();
    assert_ok(sftp->list(l.client.session, NULL, count_entry, &count));
    print_message("1,000,000 names in %lld ms, %zu KiB more memory, %zu told\n",
        (long long)(clock_monotonic_ms() - start), resident_kib() - before, count);
    assert_int_equal(count, 200000);
    lair_close(&l);
}

static void legal_but_odd_answers_give_the_right_bytes(void **state UNUSED) {
    static const char *const modes[] = {"plain", "one-byte", "stderr-flood"};
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        lair l = lair_open(modes[i], "");
        adapter_entry got = assert_get(sftp, l.client.session, "a", "0123456789");
        assert_ok(sftp->done(l.client.session, &got));
        lair_close(&l);
    }
    lair l = lair_open("reversed", "");
    adapter_entry got;
    assert_ok(try_get(sftp, l.client.session, "a", &got));
    assert_int_equal(got.size, LARGE_FILE);
    lair_close(&l);
}

static error *do_list(adapter_session *session) {
    listing list = {.count = 0};
    error *err = sftp->list(session, NULL, collect, &list);
    listing_free(&list);
    return err;
}

static error *do_get(adapter_session *session) {
    adapter_entry got;
    return try_get(sftp, session, "a", &got);
}

static error *do_put(adapter_session *session) {
    error *err = stage_text(sftp, session, "new", "id", "0123456789");
    return err ? err : sftp->publish(session, "new", "id", ADAPTER_EXISTS_FAIL, false);
}

static error *do_done(adapter_session *session) {
    adapter_entry got = {.name = "a", .size = 10, .modified_ms = 1000000000000};
    return sftp->done(session, &got);
}

/* SF-03, SF-06, SF-08 */
static void each_lie_ends_in_an_error_that_fits_and_in_time(void **state UNUSED) {
    static const struct {
        const char *mode;
        error *(*act)(adapter_session *session);
        error_code code;
        const char *words;
    } cases[] = {
        {"wrong-id", do_list, ERROR_UNREACHABLE, "an answer to what was not asked"},
        {"wrong-id", do_get, ERROR_UNREACHABLE, "an answer to what was not asked"},
        {"oversize", do_list, ERROR_UNREACHABLE, "a size that cannot be"},
        {"undersize", do_list, ERROR_UNREACHABLE, "a size that cannot be"},
        {"cut-short", do_get, ERROR_UNREACHABLE, "end early"},
        {"cut-short", do_list, ERROR_UNREACHABLE, "of another kind"},
        {"long-handle", do_list, ERROR_UNREACHABLE, "a handle that cannot be"},
        {"fine-for-open", do_get, ERROR_UNREACHABLE, "of another kind"},
        {"no-names", do_list, ERROR_UNREACHABLE, "a list without names"},
        {"count-lies", do_list, ERROR_UNREACHABLE, "end early"},
        {"too-much", do_get, ERROR_UNREACHABLE, "data that was not asked"},
        {"size-lies", do_get, ERROR_CONFLICT, "changed while it was read"},
        {"endless", do_get, ERROR_LIMIT, "max_size"},
        {"old-version", do_list, ERROR_UNREACHABLE, "version 3"},
        {"silent", do_list, ERROR_TIMEOUT, "no answer in 500 ms"},
        {"silent-later", do_list, ERROR_TIMEOUT, "no answer in 500 ms"},
        {"silent-later", do_put, ERROR_TIMEOUT, "no answer in 500 ms"},
        {"full", do_put, ERROR_FULL, "disk full"},
        {"quota", do_put, ERROR_FULL, "quota"},
        {"failure", do_put, ERROR_IO, "does not say why"},
        {"exit-on-remove", do_done, ERROR_UNREACHABLE, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool silent = cases[i].code == ERROR_TIMEOUT;
        lair l = lair_open(cases[i].mode, silent ? "\"timeout\": \"500ms\"" : "\"max_size\": \"1MiB\"");
        int64_t start = clock_monotonic_ms();
        error *err = cases[i].act(l.client.session);
        if (!err) fail_msg("%s gave no error", cases[i].mode);
        assert_error(err, cases[i].code, cases[i].words);
        assert_true(clock_monotonic_ms() - start < 10000);
        lair_close(&l);
    }
}

/* ---- peers that are no SSH servers ---- */

static void send_random(int fd, size_t bytes) {
    char chunk[4096];
    for (size_t sent = 0; sent < bytes; sent += sizeof chunk) {
        for (size_t i = 0; i < sizeof chunk; i++)
            chunk[i] = (char)(rand() >> 8);
        if (write(fd, chunk, sizeof chunk) <= 0) return;
    }
}

static void send_for_ever(int fd, span bytes) {
    for (;;) {
        if (write(fd, bytes.data, bytes.len) <= 0) return;
    }
}

static const char ignore_packet[] = "\0\0\0\x0c\x06\x02\0\0\0\0\0\0\0\0\0\0"; /* SSH_MSG_IGNORE, in clear */

static void answer_like(const char *manner, int fd) {
    static const char banner[] = "SSH-2.0-OpenSSH_9.2\r\n";
    if (strcmp(manner, "closes") == 0) return;
    if (strcmp(manner, "random") == 0) send_random(fd, 1 << 16);
    if (strcmp(manner, "endless lines") == 0) send_for_ever(fd, SPAN("welcome to this fine server\r\n"));
    if (strcmp(manner, "endless line") == 0) send_for_ever(fd, SPAN("welcome to this fine server "));
    if (strcmp(manner, "web") == 0) (void)!write(fd, "HTTP/1.1 400 Bad Request\r\n\r\n", 28);
    if (strcmp(manner, "ssh 1") == 0) (void)!write(fd, "SSH-1.5-old\r\n", 13);
    if (strcmp(manner, "banner only") == 0) (void)!write(fd, banner, sizeof banner - 1);
    if (strcmp(manner, "banner and random") == 0) {
        (void)!write(fd, banner, sizeof banner - 1);
        send_random(fd, 1 << 16);
    }
    if (strcmp(manner, "banner and flood") == 0) {
        (void)!write(fd, banner, sizeof banner - 1);
        send_for_ever(fd, span_make(ignore_packet, 16));
    }
    if (strcmp(manner, "web") != 0 && strcmp(manner, "random") != 0) pause();
}

static pid_t start_peer(const char *manner, uint16_t *port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(listener, 16), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &len), 0);
    *port = ntohs(address.sin_port);
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        signal(SIGPIPE, SIG_IGN);
        for (;;) {
            int fd = accept(listener, NULL, NULL);
            answer_like(manner, fd);
            close(fd);
        }
    }
    close(listener);
    return child;
}

/* SF-08 */
static void what_does_not_speak_ssh_is_told_in_words_and_in_time(void **state UNUSED) {
    static const struct {
        const char *manner;
        error_code code;
        const char *words;
    } cases[] = {
        {"black hole", ERROR_TIMEOUT, "no answer in 500 ms"},
        {"closes", ERROR_UNREACHABLE, NULL},
        {"random", ERROR_UNREACHABLE, NULL},
        {"endless lines", ERROR_TIMEOUT, NULL},
        {"endless line", ERROR_TIMEOUT, NULL},
        {"web", ERROR_UNREACHABLE, "does not speak SSH"},
        {"ssh 1", ERROR_TIMEOUT, NULL},
        {"banner only", ERROR_TIMEOUT, "no answer in 500 ms"},
        {"banner and random", ERROR_UNREACHABLE, NULL},
        {"banner and flood", ERROR_TIMEOUT, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint16_t port;
        pid_t peer = start_peer(cases[i].manner, &port);
        client c = client_open(port, "\"timeout\": \"500ms\"");
        int64_t start = clock_monotonic_ms();
        error *err = sftp->probe(c.session);
        int64_t took = clock_monotonic_ms() - start;
        if (!err) fail_msg("%s gave no error", cases[i].manner);
        print_message("%s: %s\n", cases[i].manner, error_text(err));
        assert_true(error_is_temporary(err));
        assert_error(err, cases[i].code, cases[i].words);
        assert_true(took < 10000);
        client_close(&c);
        kill(peer, SIGKILL);
        waitpid(peer, NULL, 0);
    }
}

int main(int argc, char **argv) {
    if (argc == 3 && strcmp(argv[1], "--evil") == 0) return evil_main(argv[2]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_that_cannot_be_are_skipped_and_the_others_listed),
        cmocka_unit_test(only_what_may_be_a_file_is_listed),
        cmocka_unit_test(a_million_names_are_listed_in_bounded_memory),
        cmocka_unit_test(legal_but_odd_answers_give_the_right_bytes),
        cmocka_unit_test(each_lie_ends_in_an_error_that_fits_and_in_time),
        cmocka_unit_test(what_does_not_speak_ssh_is_told_in_words_and_in_time),
    };
    return cmocka_run_group_tests(tests, make_all_keys, remove_all_keys);
}
