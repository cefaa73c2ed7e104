/* Frames and channels, both ends in one process. */
#include "core/base/memory.h"
#include "core/worker/attachment.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

typedef struct pair {
    frame_channel *a, *b;
} pair;

static void open_pair(pair *p) {
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    p->a = frame_channel_new(ends[0]);
    p->b = frame_channel_new(ends[1]);
}

static void close_pair(pair *p) {
    frame_channel_free(p->a);
    frame_channel_free(p->b);
}

static size_t count_descriptors(void) {
    size_t count = 0;
    DIR *directory = opendir("/proc/self/fd");
    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

static void assert_no_error(error *err) {
    if (err) fail_msg("%s", error_text(err));
}

static void expect_error(error *err, error_code code) {
    assert_non_null(err);
    assert_int_equal(error_code_of(err), code);
    error_free(err);
}

/* A descriptor whose content is `text`. */
static int file_of(const char *text) {
    int fd = memfd_create("test", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    return fd;
}

static void expect_file(int fd, const char *text) {
    char content[64] = {0};
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, content, sizeof content - 1, 0), (ssize_t)strlen(text));
    assert_string_equal(content, text);
    close(fd);
}

static void flush_all(frame_channel *channel) {
    bool all_written;
    assert_no_error(frame_channel_flush(channel, &all_written));
}

static void fields_come_back_by_tag_and_index(void **state) {
    (void)state;
    frame f;
    frame_init(&f, FRAME_REQUEST, OPERATION_SCRIPT, 7);
    frame_put(&f, TAG_PAYLOAD, SPAN("one"));
    json_t *put = json_pack("{s:i}", "a", 1), *head;
    frame_put_json(&f, put);
    json_decref(put);
    frame_put(&f, TAG_PAYLOAD, SPAN(""));
    frame_put(&f, TAG_PAYLOAD, span_make("th\0ree", 6));
    assert_true(span_is(frame_get(&f, TAG_PAYLOAD, 0), "one"));
    assert_int_equal(frame_get(&f, TAG_PAYLOAD, 1).len, 0);
    assert_non_null(frame_get(&f, TAG_PAYLOAD, 1).data);
    assert_true(span_equal(frame_get(&f, TAG_PAYLOAD, 2), span_make("th\0ree", 6)));
    assert_null(frame_get(&f, TAG_PAYLOAD, 3).data);
    assert_no_error(frame_get_json(&f, &head));
    assert_int_equal(json_get_integer(head, "a", 0), 1);
    json_decref(head);
    frame_clear(&f);
}

static void an_error_replaces_what_was_put_and_arrives_with_its_place(void **state) {
    (void)state;
    pair p;
    frame f, got;
    open_pair(&p);
    size_t before = count_descriptors();
    error *sent = error_at(error_new(ERROR_REJECTED, "an order without lines"), "PO1"), *received;
    frame_init(&f, FRAME_REPLY, OPERATION_SCRIPT, 1);
    frame_put(&f, TAG_PAYLOAD, SPAN("half a result"));
    frame_put_descriptor(&f, file_of("other half"));
    frame_put_error(&f, sent);
    error_free(sent);
    assert_int_equal(count_descriptors(), before);
    frame_channel_send(p.a, &f);
    flush_all(p.a);
    assert_no_error(frame_channel_receive(p.b, &got));
    assert_null(frame_get(&got, TAG_PAYLOAD, 0).data);
    received = frame_get_error(&got);
    assert_int_equal(error_code_of(received), ERROR_REJECTED);
    assert_string_equal(error_text(received), "an order without lines");
    assert_string_equal(error_where(received), "PO1");
    error_free(received);
    frame_clear(&got);
    close_pair(&p);
}

/* Written at once, read at once: each descriptor reaches its own frame. */
static void descriptors_of_coalesced_frames_are_assigned_rightly(void **state) {
    (void)state;
    enum { FRAMES = 40 };
    pair p;
    size_t before = count_descriptors();
    open_pair(&p);
    for (unsigned i = 0; i < FRAMES; i++) {
        frame f;
        char text[16];
        frame_init(&f, FRAME_REQUEST, OPERATION_GET, i);
        frame_put(&f, TAG_PAYLOAD, SPAN("x"));
        for (unsigned k = 0; k < i % 4; k++) {
            snprintf(text, sizeof text, "%u.%u", i, k);
            frame_put_descriptor(&f, file_of(text));
        }
        frame_channel_send(p.a, &f);
    }
    flush_all(p.a);
    for (unsigned i = 0; i < FRAMES; i++) {
        frame f;
        char text[16];
        assert_no_error(frame_channel_receive(p.b, &f));
        assert_int_equal(f.id, i);
        assert_int_equal(f.descriptor_count, i % 4);
        for (unsigned k = 0; k < i % 4; k++) {
            snprintf(text, sizeof text, "%u.%u", i, k);
            int fd = frame_take_descriptor(&f, k);
            assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
            expect_file(fd, text);
        }
        frame_clear(&f);
    }
    close_pair(&p);
    assert_int_equal(count_descriptors(), before);
}

static void a_frame_larger_than_the_socket_passes_in_pieces(void **state) {
    (void)state;
    enum { SIZE = 8 * 1024 * 1024 };
    pair p;
    frame f, got;
    char *bytes = xmalloc(SIZE);
    for (size_t i = 0; i < SIZE; i++)
        bytes[i] = (char)(i * 31 % 251);
    open_pair(&p);
    frame_init(&f, FRAME_REPLY, OPERATION_GET, 9);
    frame_put(&f, TAG_PAYLOAD, span_make(bytes, SIZE));
    frame_put_descriptor(&f, file_of("beside"));
    uint64_t ticket = frame_channel_lend(p.a, &f);
    bool all_written = false, taken = false;
    size_t rounds = 0;
    while (!taken) {
        rounds++;
        assert_no_error(frame_channel_flush(p.a, &all_written));
        assert_int_equal(frame_channel_written(p.a, ticket), all_written);
        assert_no_error(frame_channel_fill(p.b));
        taken = frame_channel_take(p.b, &got);
    }
    assert_true(rounds > 2);
    assert_true(span_equal(frame_get(&got, TAG_PAYLOAD, 0), span_make(bytes, SIZE)));
    expect_file(frame_take_descriptor(&got, 0), "beside");
    frame_clear(&got);
    frame_clear(&f);
    free(bytes);
    close_pair(&p);
}

/* Whatever the cut, one byte at a time included. */
static void frames_are_read_however_the_bytes_arrive(void **state) {
    (void)state;
    frame f;
    buf wire = BUF_MAX(1 << 20);
    pair p;
    open_pair(&p);
    for (unsigned i = 0; i < 3; i++) {
        frame_init(&f, FRAME_QUESTION, QUESTION_TABLE, i);
        for (unsigned k = 0; k < i; k++)
            frame_put(&f, TAG_PAYLOAD, SPAN("payload"));
        frame_channel_send(p.a, &f);
    }
    flush_all(p.a);
    char *room = buf_reserve(&wire, 4096);
    ssize_t n = recv(frame_channel_fd(p.b), room, 4096, 0);
    buf_grew(&wire, (size_t)n);
    for (size_t step = 1; step <= wire.len; step++) {
        unsigned expected = 0;
        for (size_t at = 0; at < wire.len; at += step) {
            size_t part = wire.len - at < step ? wire.len - at : step;
            assert_int_equal(send(frame_channel_fd(p.a), wire.data + at, part, 0), (ssize_t)part);
            assert_no_error(frame_channel_fill(p.b));
            while (frame_channel_take(p.b, &f)) {
                assert_int_equal(f.id, expected++);
                frame_clear(&f);
            }
        }
        assert_int_equal(expected, 3);
    }
    buf_free(&wire);
    close_pair(&p);
}

static void malformed_bytes_are_refused_for_good(void **state) {
    (void)state;
    static const struct {
        const char *name;
        unsigned char bytes[32];
        size_t len;
    } cases[] = {
        {"length beyond the limit", {1, 0, 0, 1, 1, 0, 0, 1}, 16},
        {"largest length", {255, 255, 255, 255, 1, 0, 0, 1}, 16},
        {"kind 0", {0, 0, 0, 0, 1, 0, 0, 0}, 16},
        {"kind 5", {0, 0, 0, 0, 1, 0, 0, 5}, 16},
        {"operation unknown", {0, 0, 0, 0, 255, 255, 0, 1}, 16},
        {"files announced, none came", {0, 0, 0, 0, 1, 0, 1, 1}, 16},
        {"half a field", {4, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0}, 20},
        {"field beyond the frame", {9, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 'x'}, 25},
        {"field of 4 GiB", {8, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 255, 255, 255, 255}, 24},
        {"field of tag 0", {8, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 24},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        pair p;
        frame f;
        open_pair(&p);
        print_message("             %s\n", cases[i].name);
        assert_int_equal(send(frame_channel_fd(p.a), cases[i].bytes, cases[i].len, 0), (ssize_t)cases[i].len);
        expect_error(frame_channel_fill(p.b), ERROR_INVALID);
        assert_false(frame_channel_take(p.b, &f));
        expect_error(frame_channel_fill(p.b), ERROR_INVALID);
        close_pair(&p);
    }
}

static void send_with_files(int fd, const void *bytes, size_t len, int file, size_t count) {
    char room[CMSG_SPACE(sizeof(int) * 64)] __attribute__((aligned(8))) = {0};
    int files[64];
    struct iovec piece = {(void *)bytes, len};
    struct msghdr message = {
        .msg_iov = &piece, .msg_iovlen = 1, .msg_control = room, .msg_controllen = CMSG_SPACE(sizeof(int) * count)};
    struct cmsghdr *control = CMSG_FIRSTHDR(&message);
    for (size_t i = 0; i < count; i++)
        files[i] = file;
    control->cmsg_level = SOL_SOCKET;
    control->cmsg_type = SCM_RIGHTS;
    control->cmsg_len = CMSG_LEN(sizeof(int) * count);
    memcpy(CMSG_DATA(control), files, sizeof(int) * count);
    assert_int_equal(sendmsg(fd, &message, 0), (ssize_t)len);
}

static void files_that_nobody_announced_are_closed_and_refused(void **state) {
    (void)state;
    static const unsigned char header[16] = {0, 0, 0, 0, 1, 0, 0, 1}, one[16] = {0, 0, 0, 0, 1, 0, 1, 1};
    static const struct {
        const unsigned char *header;
        size_t files;
    } cases[] = {{header, 1}, {header, 16}, {header, 17}, {header, 64}, {one, 2}, {one, 64}};
    size_t before = count_descriptors();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        pair p;
        frame f;
        open_pair(&p);
        send_with_files(frame_channel_fd(p.a), cases[i].header, 16, 2, cases[i].files);
        expect_error(frame_channel_fill(p.b), ERROR_INVALID);
        while (frame_channel_take(p.b, &f))
            frame_clear(&f);
        close_pair(&p);
    }
    assert_int_equal(count_descriptors(), before);
}

static void the_end_of_the_stream_is_told_after_the_last_frame(void **state) {
    (void)state;
    pair p;
    frame f;
    open_pair(&p);
    frame_init(&f, FRAME_REPLY, OPERATION_LIST, 3);
    frame_channel_send(p.a, &f);
    flush_all(p.a);
    frame_channel_free(p.a);
    assert_no_error(frame_channel_receive(p.b, &f));
    assert_int_equal(f.id, 3);
    frame_clear(&f);
    expect_error(frame_channel_receive(p.b, &f), ERROR_UNREACHABLE);
    frame_init(&f, FRAME_REPLY, OPERATION_LIST, 4);
    expect_error(frame_channel_send_now(p.b, &f), ERROR_UNREACHABLE);
    frame_channel_free(p.b);
}

static void too_much_for_a_frame_arrives_as_an_error(void **state) {
    (void)state;
    pair p;
    frame f, got;
    char *bytes = xcalloc(1, FRAME_BYTES_MAX);
    open_pair(&p);
    frame_init(&f, FRAME_REPLY, OPERATION_READ, 1);
    frame_put(&f, TAG_PAYLOAD, span_make(bytes, FRAME_BYTES_MAX));
    frame_channel_send(p.a, &f);
    frame_init(&f, FRAME_REPLY, OPERATION_READ, 2);
    for (int i = 0; i <= FRAME_DESCRIPTORS_MAX; i++)
        frame_put_descriptor(&f, file_of("x"));
    frame_channel_send(p.a, &f);
    flush_all(p.a);
    for (int i = 0; i < 2; i++) {
        assert_no_error(frame_channel_receive(p.b, &got));
        expect_error(frame_get_error(&got), ERROR_LIMIT);
        assert_int_equal(got.descriptor_count, 0);
        frame_clear(&got);
    }
    free(bytes);
    close_pair(&p);
}

static void payloads_are_inline_up_to_a_limit_and_in_one_sealed_file_beyond(void **state) {
    (void)state;
    enum { COUNT = 200, LARGE = 300000 };
    static const size_t sizes[] = {0, 1, ATTACHMENT_INLINE_MAX, ATTACHMENT_INLINE_MAX + 1, LARGE};
    frame f;
    json_t *places[COUNT];
    span payloads[COUNT];
    char *bytes = xmalloc(LARGE + COUNT);
    for (size_t i = 0; i < LARGE + COUNT; i++)
        bytes[i] = (char)(i % 251);
    for (size_t i = 0; i < COUNT; i++)
        payloads[i] = span_make(bytes + i, sizes[i % 5]);
    frame_init(&f, FRAME_REPLY, OPERATION_SCRIPT, 1);
    assert_no_error(attachment_put_all(&f, payloads, COUNT, places));
    assert_false(f.overflow);
    assert_int_equal(f.descriptor_count, 1);
    for (int round = 0; round < 2; round++)
        for (size_t i = 0; i < COUNT; i++) {
            attachment p;
            assert_no_error(attachment_of_reply(&f, places[i], &p));
            assert_true(span_equal(p.bytes, payloads[i]));
            attachment_close(&p);
        }
    for (size_t i = 0; i < COUNT; i++)
        json_decref(places[i]);
    free(bytes);
    frame_clear(&f);
}

static void a_payload_that_is_not_there_is_an_error(void **state) {
    (void)state;
    static const char *const cases[] = {"{\"field\":1}", "{\"field\":-1}",
        "{\"descriptor\":1,\"offset\":0,\"length\":1}", "{\"descriptor\":99,\"offset\":0,\"length\":1}", "{}",
        "{\"field\":\"0\"}", "{\"descriptor\":0}", "{\"descriptor\":0,\"offset\":0,\"length\":65539}",
        "{\"descriptor\":0,\"offset\":65539,\"length\":0}", "{\"descriptor\":0,\"offset\":-1,\"length\":1}",
        "{\"descriptor\":0,\"offset\":9223372036854775807,\"length\":9223372036854775807}"};
    static const char zeros[ATTACHMENT_INLINE_MAX + 2];
    frame f;
    json_t *place;
    span large = span_make(zeros, sizeof zeros);
    frame_init(&f, FRAME_REPLY, OPERATION_SCRIPT, 1);
    assert_no_error(attachment_put_all(&f, &large, 1, &place));
    json_decref(place);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        attachment p;
        json_t *where;
        assert_no_error(json_parse(span_of(cases[i]), &where));
        expect_error(attachment_of_reply(&f, where, &p), ERROR_INVALID);
        json_decref(where);
    }
    frame_clear(&f);
}

/* Random bytes, and frames with bytes flipped: an error or a frame, never more. Run under AddressSanitizer too. */
static void no_bytes_upset_a_channel(void **state) {
    (void)state;
    enum { ROUNDS = 20000 };
    srand(20261123);
    for (int round = 0; round < ROUNDS; round++) {
        pair p;
        frame f;
        char bytes[80] = {0};
        size_t len = (size_t)rand() % sizeof bytes;
        open_pair(&p);
        for (size_t i = 0; i < len; i++)
            if (i < 4 || i % 8 >= 3 || rand() % 8 == 0) bytes[i] = (char)(rand() % (i % 8 == 0 || i > 16 ? 48 : 2));
        if (len > 7) bytes[7] = (char)(1 + rand() % 4);
        if (len > 3) bytes[1] = bytes[2] = bytes[3] = 0;
        assert_int_equal(send(frame_channel_fd(p.a), bytes, len, 0), (ssize_t)len);
        error_free(frame_channel_fill(p.b));
        while (frame_channel_take(p.b, &f)) {
            json_t *head;
            error_free(frame_get_json(&f, &head));
            error_free(frame_get_error(&f));
            json_decref(head);
            frame_clear(&f);
        }
        close_pair(&p);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_come_back_by_tag_and_index),
        cmocka_unit_test(an_error_replaces_what_was_put_and_arrives_with_its_place),
        cmocka_unit_test(descriptors_of_coalesced_frames_are_assigned_rightly),
        cmocka_unit_test(a_frame_larger_than_the_socket_passes_in_pieces),
        cmocka_unit_test(frames_are_read_however_the_bytes_arrive),
        cmocka_unit_test(malformed_bytes_are_refused_for_good),
        cmocka_unit_test(files_that_nobody_announced_are_closed_and_refused),
        cmocka_unit_test(the_end_of_the_stream_is_told_after_the_last_frame),
        cmocka_unit_test(too_much_for_a_frame_arrives_as_an_error),
        cmocka_unit_test(payloads_are_inline_up_to_a_limit_and_in_one_sealed_file_beyond),
        cmocka_unit_test(a_payload_that_is_not_there_is_an_error),
        cmocka_unit_test(no_bytes_upset_a_channel),
    };
    alarm(120);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
