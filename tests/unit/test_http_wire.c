/* tests/unit/test_http_wire.c: the answer of a back-end, whole and in every possible cut; what is odd is refused. */
#include "core/http/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

typedef struct outcome {
    wire_event last;
    int status;
    int64_t length;
    bool keeps;
    char body[256];
    size_t body_len, left; /* bytes behind the end */
} outcome;

/* Reads it in pieces of `step` bytes; `closes`: the server closes behind it. */
static outcome read_it(span bytes, bool answers_head, size_t step, bool closes) {
    outcome o = {.last = WIRE_MORE};
    wire w;
    span piece;
    wire_begin(&w, answers_head, 4096);
    for (size_t at = 0; at < bytes.len && o.last == WIRE_MORE; at += step) {
        span part = span_make(bytes.data + at, bytes.len - at < step ? bytes.len - at : step);
        do {
            size_t done = wire_read(&w, part, &o.last, &piece);
            part = span_make(part.data + done, part.len - done);
            if (o.last == WIRE_BODY) {
                assert_true(o.body_len + piece.len < sizeof o.body);
                memcpy(o.body + o.body_len, piece.data, piece.len);
                o.body_len += piece.len;
            }
        } while (o.last == WIRE_HEAD || o.last == WIRE_BODY);
        o.left = part.len + (bytes.len - at < step ? 0 : bytes.len - at - step);
    }
    if (o.last == WIRE_MORE && closes) o.last = wire_close(&w);
    o.status = w.status;
    o.length = w.length;
    o.keeps = w.keeps;
    assert_true((o.last == WIRE_BAD) == (w.why != NULL));
    wire_free(&w);
    return o;
}

typedef struct row {
    const char *answer, *body;
    int status;
    int64_t length;
    bool keeps, to_head, closes;
    size_t left;
} row;

static void every_framing_is_understood_in_every_cut(void **state) {
    static const row rows[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello", 200, 5, true, false, false, 0},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP", "hello", 200, 5, true, false, false, 4},
        {"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", "", 200, 0, true, false, false, 0},
        {"HTTP/1.1 204 No Content\r\n\r\n", "", 204, -1, true, false, false, 0},
        {"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", "", 304, 9, true, false, false, 0},
        {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", "", 200, 9, true, true, false, 0},
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok", "ok", 200, 2, true, false, false, 0},
        {"HTTP/1.1 200 OK\r\nConnection: keep-alive, Close\r\nContent-Length: 2\r\n\r\nok", "ok", 200, 2, false, false,
            false, 0},
        {"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", "ok", 200, 2, false, false, false, 0},
        {"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok", "ok", 200, 2, true, false, false,
            0},
        {"HTTP/1.1 200 OK\r\n\r\nuntil the end", "until the end", 200, -1, false, false, true, 0},
        {"HTTP/1.1 200 OK\nContent-Length: 2\n\nok", "ok", 200, 2, true, false, false, 0},
        {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: </a>\r\n\r\nHTTP/1.1 201 Made\r\nContent-Length: "
         "1\r\n\r\nx",
            "x", 201, 1, true, false, false, 0},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n1;x=y\r\n!\r\n0\r\n\r\n", "hello!", 200,
            -1, true, false, false, 0},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nA \r\n0123456789\r\n0\r\nX-Sum: 1\r\n\r\n", "0123456789",
            200, -1, true, false, false, 0},
        /* Both: the coding counts, and the connection is not trusted again (RFC 9112 §6.3). */
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n2\r\nok\r\n0\r\n\r\n", "ok", 200,
            -1, false, false, false, 0},
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nno colon\r\n\r\nok", "ok", 200, 2, true, false, false, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        span bytes = span_of(rows[i].answer);
        for (size_t step = 1; step <= bytes.len; step++) {
            outcome o = read_it(bytes, rows[i].to_head, step, rows[i].closes);
            if (o.last != WIRE_END) fail_msg("row %zu in steps of %zu: event %d", i, step, (int)o.last);
            assert_int_equal(o.status, rows[i].status);
            assert_true(o.length == rows[i].length);
            assert_int_equal(o.keeps, rows[i].keeps);
            assert_true(o.left <= rows[i].left && (step < bytes.len || o.left == rows[i].left));
            assert_int_equal(o.body_len, strlen(rows[i].body));
            assert_memory_equal(o.body, rows[i].body, o.body_len);
        }
    }
}

static void what_can_be_read_in_two_ways_is_refused(void **state) {
    static const char *const answers[] = {
        "HTTP/2 200 OK\r\n\r\n",
        "HTTP/1.2 200 OK\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1 600 OK\r\n\r\n",
        "ICY 200 OK\r\n\r\n",
        "\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5x\r\nhello\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello!\r\n",
    };
    (void)state;
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        span bytes = span_of(answers[i]);
        for (size_t step = 1; step <= bytes.len; step++) {
            outcome o = read_it(bytes, false, step, false);
            if (o.last != WIRE_BAD) fail_msg("answer %zu in steps of %zu: event %d", i, step, (int)o.last);
            assert_false(o.keeps);
        }
    }
}

static void an_answer_that_breaks_off_is_none(void **state) {
    static const char *const answers[] = {
        "",
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
    };
    (void)state;
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++)
        assert_int_equal(read_it(span_of(answers[i]), false, 1, true).last, WIRE_BAD);
}

static void nothing_grows_without_bound(void **state) {
    static const char *const fills[] = {
        "HTTP/1.1 200 OK\r\nX: ", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: "};
    char block[1000];
    (void)state;
    memset(block, 'a', sizeof block);
    for (size_t i = 0; i < sizeof fills / sizeof *fills; i++) {
        wire w;
        wire_event event;
        span piece, rest = span_of(fills[i]);
        wire_begin(&w, false, 4096);
        do {
            size_t done = wire_read(&w, rest, &event, &piece);
            rest = span_make(rest.data + done, rest.len - done);
        } while (event == WIRE_HEAD);
        for (int k = 0; k < 100 && event == WIRE_MORE; k++)
            wire_read(&w, span_make(block, sizeof block), &event, &piece);
        assert_int_equal(event, WIRE_BAD);
        assert_true(w.beyond);
        wire_free(&w);
    }
    buf interim = BUF_MAX(65536);
    for (int i = 0; i < 20; i++)
        buf_add_text(&interim, "HTTP/1.1 100 Continue\r\n\r\n");
    assert_int_equal(read_it(buf_span(&interim), false, 7, false).last, WIRE_BAD);
    buf_free(&interim);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_framing_is_understood_in_every_cut),
        cmocka_unit_test(what_can_be_read_in_two_ways_is_refused),
        cmocka_unit_test(an_answer_that_breaks_off_is_none),
        cmocka_unit_test(nothing_grows_without_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
