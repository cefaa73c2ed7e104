/* tests/unit/edi_test.h: what the tests of edi/ share: building interchanges around segments, and collecting what the
 * validator says.
 */
#ifndef BANYAN_TEST_EDI_H
#define BANYAN_TEST_EDI_H

#include "core/base/buf.h"
#include "edi/json.h"
#include "edi/validate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define ISA_FIXED                                                                                                      \
    "ISA*00*          *00*          *ZZ*SENDER         *ZZ*RECEIVER       *260101*1200*U*00401*000000001*0*P*:~"
#define GS_ORDERS "GS*PO*SENDER*RECEIVER*20260101*1200*1*X*004010~"
#define UNB_PLAIN "UNB+UNOC:3+SENDER:14+RECEIVER:14+260101:1200+REF1'"

static char test_room[256 << 10];

static inline unsigned count_char(const char *text, char c) {
    unsigned count = 0;
    for (; *text; text++)
        count += *text == c;
    return count;
}

/* The body (between ST and SE) in an interchange whose counts are right. */
static inline const char *x12_around(const char *type, const char *kind, const char *body) {
    snprintf(test_room, sizeof test_room,
        "%sGS*%s*SENDER*RECEIVER*20260101*1200*1*X*004010~ST*%s*0001~%sSE*%u*0001~GE*1*1~IEA*1*000000001~", ISA_FIXED,
        kind, type, body, count_char(body, '~') + 2);
    return test_room;
}

static inline const char *edifact_around(const char *type, const char *body) {
    snprintf(test_room, sizeof test_room, "%sUNH+1+%s'%sUNT+%u+1'UNZ+1+REF1'", UNB_PLAIN, type, body,
        count_char(body, '\'') + 2);
    return test_room;
}

static inline edi_library *test_library(void) {
    static edi_library *library;
    if (!library) library = edi_library_new();
    return library;
}

/* Every fault as "name@TAGee-cc" (element and component when there are any), blank-separated; "?" before warnings. */
static inline const char *faults_with(span file, const edi_validate_options *options, edi_totals *totals) {
    static char room[32 << 10];
    size_t len = 0;
    room[0] = '\0';
    edi_validator *v = edi_validator_new(file, test_library(), options);
    edi_event event;
    while ((event = edi_validator_next(v)) != EDI_END) {
        if (event != EDI_FAULT || len + 100 > sizeof room) continue;
        const edi_fault *f = edi_validator_fault(v);
        assert_true(f->text[0] != '\0');
        assert_true(f->offset <= file.len);
        len += (size_t)snprintf(room + len, sizeof room - len, "%s%s%s@%s", len ? " " : "", f->warning ? "?" : "",
            edi_fault_kind_of(f->code)->name, f->tag);
        if (f->element) len += (size_t)snprintf(room + len, sizeof room - len, "%02u", f->element);
        if (f->component) len += (size_t)snprintf(room + len, sizeof room - len, "-%u", f->component);
    }
    if (totals) *totals = edi_reader_totals(edi_validator_reader(v));
    edi_validator_free(v);
    return room;
}

/* Segments left out, the same events come. */
static inline void expect_same_told(edi_validator *told, edi_event event, const edi_fault *fault) {
    if (event == EDI_SEGMENT) return;
    assert_int_equal(edi_validator_next_told(told), event);
    if (event == EDI_FAULT) assert_memory_equal(edi_validator_fault(told), fault, sizeof *fault);
}

/* The JSON is the same without short cuts, or refused alike. */
static inline void expect_same_json(span file, edi_library *library) {
    buf quick = BUF_MAX(1 << 26), slow = BUF_MAX(1 << 26);
    edi_json_options options = {.compact = file.len % 2};
    error *a = edi_to_json(file, library, &options, edi_sink_buf, &quick);
    options.validate.thorough = true;
    error *b = edi_to_json(file, library, &options, edi_sink_buf, &slow);
    assert_true(!a == !b);
    if (a) assert_string_equal(error_text(a), error_text(b));
    if (!a) assert_true(span_equal(buf_span(&quick), buf_span(&slow)));
    error_free(a);
    error_free(b);
    buf_free(&quick);
    buf_free(&slow);
}

/* The short cuts of validation say what the long way says, fault by fault. The file comes twice, so that the steps of
 * its documents are remembered ones; line breaks behind it let the short cuts work up to its end. */
static inline void expect_short_cuts_agree(span file, edi_library *library) {
    buf padded = BUF_MAX(1 << 24);
    edi_validate_options thorough = {.thorough = true};
    edi_event event;
    buf_add(&padded, file);
    buf_add(&padded, file);
    for (int i = 0; i < 128; i++)
        buf_add_char(&padded, '\n');
    edi_validator *quick = edi_validator_new(buf_span(&padded), library, NULL);
    edi_validator *slow = edi_validator_new(buf_span(&padded), library, &thorough);
    edi_validator *told = edi_validator_new(buf_span(&padded), library, NULL);
    do {
        event = edi_validator_next(quick);
        assert_int_equal(edi_validator_next(slow), event);
        size_t counts[4];
        assert_ptr_equal(
            edi_validator_node(quick, &counts[0], &counts[1]), edi_validator_node(slow, &counts[2], &counts[3]));
        assert_int_equal(counts[0], counts[2]);
        assert_int_equal(counts[1], counts[3]);
        expect_same_told(told, event, edi_validator_fault(slow));
        if (event != EDI_FAULT) continue;
        assert_memory_equal(edi_validator_fault(quick), edi_validator_fault(slow), sizeof(edi_fault));
    } while (event != EDI_END);
    edi_totals all = edi_reader_totals(edi_validator_reader(slow)),
               passed = edi_reader_totals(edi_validator_reader(told));
    assert_memory_equal(&passed, &all, sizeof all);
    edi_validator_free(quick);
    edi_validator_free(slow);
    edi_validator_free(told);
    expect_same_json(buf_span(&padded), library);
    buf_free(&padded);
}

static inline const char *faults_of(const char *file) {
    return faults_with(span_of(file), NULL, NULL);
}

#endif
