/* tests/unit/test_adapter_sftp_random.c: the SFTP adapter against random answers, many thousands a second.
 *
 * Here the link below the protocol is this file instead of an SSH connection (its functions take the place of
 * adapters/sftp/link.c): it answers each request as a server would, and then damages the answer: bytes changed, cut
 * off, answers exchanged, repeated, left out. Row SF-08. Nothing may crash, hang, or give bytes that were not sent.
 * Each seed replays. */
#include "tests/unit/adapter_fixture.h"

#include "adapters/sftp/link.h"
#include "adapters/sftp/sftp.h"
#include "core/base/log.h"

enum { ROUNDS = 3000, STEPS_MAX = 10000, FILE_SIZE = 100000 };

struct sftp_link {
    buf requests, answers;
    size_t steps;
};

static uint64_t seed;
static unsigned damage; /* one answer in so many is damaged; 0: none */
static size_t answered, spoilt;

static uint32_t below(uint32_t limit) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed >> 33) % limit;
}

static void u32(buf *b, uint32_t value) {
    char bytes[4] = {(char)(value >> 24), (char)(value >> 16), (char)(value >> 8), (char)value};
    buf_add(b, span_make(bytes, 4));
}

static uint32_t number(const char *at) {
    const unsigned char *b = (const unsigned char *)at;
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static void text(buf *b, span bytes) {
    u32(b, (uint32_t)bytes.len);
    buf_add(b, bytes);
}

static void attributes(buf *b) {
    u32(b, 1 | 4 | 8);
    u32(b, 0);
    u32(b, FILE_SIZE);
    u32(b, 0100644);
    u32(b, 1000000000);
    u32(b, 1000000000);
}

static int status(buf *body, uint32_t code) {
    u32(body, code);
    text(body, SPAN("words"));
    text(body, SPAN("en"));
    return 101;
}

static int data(buf *body, uint64_t from, uint32_t len) {
    if (from >= FILE_SIZE) return status(body, 1);
    uint32_t n = FILE_SIZE - from < len ? (uint32_t)(FILE_SIZE - from) : len;
    if (below(8) == 0) n = 1 + below(n); /* fewer than asked, which is legal */
    u32(body, n);
    for (uint32_t i = 0; i < n; i++)
        buf_add_char(body, (char)((from + i) % 251));
    return 103;
}

/* What a well-behaved server would say; the type of the answer. */
static int proper(const char *packet, size_t len, buf *body) {
    size_t handle = len > 9 ? number(packet + 5) : 0;
    switch (packet[0]) {
    case 3:
    case 11: text(body, SPAN("handle")); return 102;
    case 5:
        return data(body, (uint64_t)number(packet + 9 + handle) << 32 | number(packet + 13 + handle),
            number(packet + 17 + handle));
    case 7:
        if (memmem(packet, len, "new", 3)) return status(body, 2);
        attributes(body);
        return 105;
    case 8: attributes(body); return 105;
    case 12:
        if (below(2)) return status(body, 1);
        u32(body, 3);
        for (uint32_t i = 0; i < 3; i++) {
            char entry[16];
            snprintf(entry, sizeof entry, "file-%u", below(100));
            text(body, span_of(entry));
            text(body, SPAN("-rw-r--r--"));
            attributes(body);
        }
        return 104;
    default: return status(body, 0);
    }
}

static void spoil(buf *answer) {
    char *half;
    spoilt++;
    switch (below(6)) {
    case 0: answer->len = below((uint32_t)answer->len + 1); break;
    case 1: buf_clear(answer); break;
    case 2: /* some of it twice */
        half = xspandup(span_make(answer->data, answer->len / 2));
        buf_add(answer, span_make(half, answer->len / 2));
        free(half);
        break;
    case 3: answer->data[below(4)] ^= (char)(1 << below(8)); break;
    case 4: /* a length or count somewhere in it */
        if (answer->len > 16) memset(answer->data + 5 + below((uint32_t)answer->len - 10), below(2) ? 0xFF : 0, 4);
        break;
    default:
        for (uint32_t i = 0; i < 1 + below(4); i++)
            answer->data[below((uint32_t)answer->len)] = (char)below(256);
    }
}

static void respond(sftp_link *link, const char *packet, size_t len) {
    buf body = BUF_MAX(1 << 20), answer = BUF_MAX(1 << 21);
    int type = 2;
    if (packet[0] == 1)
        u32(&body, 3);
    else
        type = proper(packet, len, &body);
    u32(&answer, (uint32_t)(body.len + (type == 2 ? 1 : 5)));
    buf_add_char(&answer, (char)type);
    if (type != 2) u32(&answer, number(packet + 1));
    buf_add(&answer, buf_span(&body));
    answered++;
    if (damage && below(damage) == 0) spoil(&answer);
    buf_add(&link->answers, buf_span(&answer));
    buf_free(&body);
    buf_free(&answer);
}

error *sftp_link_open(const sftp_link_options *options, sftp_link **out) {
    (void)options;
    *out = xcalloc(1, sizeof **out);
    **out = (sftp_link){.requests = BUF_MAX(1 << 22), .answers = BUF_MAX(1 << 24)};
    return NULL;
}

error *sftp_link_write(sftp_link *link, span bytes) {
    buf_add(&link->requests, bytes);
    while (link->requests.len >= 4 && link->requests.len - 4 >= number(link->requests.data)) {
        size_t len = number(link->requests.data);
        respond(link, link->requests.data + 4, len);
        buf_consume(&link->requests, len + 4);
    }
    return NULL;
}

error *sftp_link_read(sftp_link *link, char *into, size_t len) {
    if (++link->steps > STEPS_MAX) fail_msg("it never ends");
    if (link->answers.len < len) return error_new(ERROR_TIMEOUT, "no answer");
    memcpy(into, link->answers.data, len);
    buf_consume(&link->answers, len);
    return NULL;
}

void sftp_link_close(sftp_link *link) {
    if (!link) return;
    buf_free(&link->requests);
    buf_free(&link->answers);
    free(link);
}

static json_t *settings;

static adapter_session *open_session(void) {
    adapter_open_options options = {.settings = settings, .secrets = settings, .connection = "test", .timeout_ms = 100};
    adapter_session *session;
    assert_ok(adapter_sftp.open(&options, &session));
    return session;
}

/* List, read, remove, deliver; how many of the steps succeeded. */
static size_t all_steps(adapter_session *session) {
    listing list = {.count = 0};
    buf content = BUF_MAX(1 << 20);
    adapter_sink sink = buf_sink(&content);
    adapter_entry got = {.name = "a"};
    size_t good = 0;
    error *err = adapter_sftp.list(session, "*", collect, &list);
    good += !err;
    error_free(err);
    err = adapter_sftp.get(session, "a", &sink, &got);
    good += !err;
    if (!err) assert_int_equal(got.size, content.len);
    error_free(err);
    err = adapter_sftp.done(session, &got);
    good += !err;
    error_free(err);
    err = stage_text(&adapter_sftp, session, "new", "id", "text");
    good += !err;
    error_free(err);
    err = adapter_sftp.publish(session, "new", "id", ADAPTER_EXISTS_FAIL, below(2));
    good += !err;
    error_free(err);
    listing_free(&list);
    buf_free(&content);
    return good;
}

static void without_damage_the_bytes_are_right(void **state UNUSED) {
    buf content = BUF_MAX(1 << 20);
    adapter_sink sink = buf_sink(&content);
    adapter_session *session = open_session();
    damage = 0;
    for (unsigned round = 1; round <= 200; round++) {
        adapter_entry got;
        seed = round;
        buf_clear(&content);
        assert_ok(adapter_sftp.get(session, "a", &sink, &got));
        assert_int_equal(content.len, FILE_SIZE);
        for (size_t i = 0; i < content.len; i++)
            assert_true((unsigned char)content.data[i] == i % 251);
        adapter_sftp.close(session);
        session = open_session();
    }
    adapter_sftp.close(session);
    buf_free(&content);
}

/* SF-08 */
static void damaged_answers_never_crash_nor_hang(void **state UNUSED) {
    size_t good = 0;
    log_setup("test", LOG_ERROR, false);
    for (unsigned round = 1; round <= ROUNDS; round++) {
        seed = round * UINT64_C(0x9E3779B97F4A7C15);
        damage = 1 + round % 20;
        adapter_session *session = open_session();
        good += all_steps(session);
        good += all_steps(session);
        adapter_sftp.close(session);
    }
    print_message("%zu answers, %zu damaged, %zu of %d steps succeeded\n", answered, spoilt, good, ROUNDS * 10);
    assert_true(good > ROUNDS);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_damage_the_bytes_are_right),
        cmocka_unit_test(damaged_answers_never_crash_nor_hang),
    };
    settings = json_pack("{s:s, s:s, s:s, s:i, s:s}", "host", "h", "user", "u", "host_key",
        "SHA256:uNiVztksCsDhcc0u9e8BrrJXVGDPxdrBkDKeNZVnUYQ", "stable", 0, "password", "p");
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    json_decref(settings);
    return failed;
}
