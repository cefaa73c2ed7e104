/* tests/unit/test_as2_mime.c: MIME in streams: headers, parts, encodings, file names (MI-01 to MI-07, C01, C02, E13,
 * E16, E19, F01, F02).
 */
#include "tests/unit/cms_fixture.h"

#include "core/base/base64.h"
#include "core/base/mime_multipart.h"

static span text_of(const buf *b) {
    return buf_span(b);
}

/* ---- headers */

static mime_headers *headers_of(const char *block) {
    mime_headers *headers = mime_headers_new();
    for (const char *c = block; *c; c++) { /* one byte at a time */
        span piece = span_make(c, 1);
        bool complete = false;
        must(mime_headers_take(headers, &piece, &complete));
        if (complete) {
            assert_string_equal(c + 1, "");
            return headers;
        }
    }
    fail_msg("the header is not complete");
    return NULL;
}

static void fields_are_unfolded_and_found_in_any_case(void **state) {
    (void)state;
    mime_headers *h =
        headers_of("Content-Type: multipart/signed;\r\n\tboundary=\"a b\";\r\n micalg=sha1\r\nX : 1\r\nx: 2\n\n");
    assert_true(span_is(mime_headers_get(h, "content-TYPE"), "multipart/signed;\tboundary=\"a b\"; micalg=sha1"));
    assert_true(span_is(mime_headers_get(h, "X"), "1")); /* MI-06: the first counts */
    assert_int_equal(mime_headers_count(h, "x"), 2);
    assert_null(mime_headers_get(h, "Y").data);
    mime_headers_free(h);
}

static void what_stands_behind_the_empty_line_is_left(void **state) {
    (void)state;
    mime_headers *h = mime_headers_new();
    span input = SPAN("A: b\r\n\r\nbody");
    bool complete = false;
    must(mime_headers_take(h, &input, &complete));
    assert_true(complete);
    assert_true(span_is(input, "body"));
    assert_true(span_is(mime_headers_raw(h), "A: b\r\n\r\n"));
    mime_headers_free(h);
}

static void a_header_over_the_limits_is_refused_MI_02(void **state) {
    (void)state;
    for (int kind = 0; kind < 3; kind++) {
        mime_headers *h = mime_headers_new();
        error *err = NULL;
        bool complete = false;
        for (int i = 0; i < 100000 && !err; i++) {
            span piece = kind == 0 ? SPAN("A: b\r\n") : kind == 1 ? SPAN("aaaaaaaa") : SPAN("A: b\r\n c\r\n");
            err = mime_headers_take(h, &piece, &complete);
            if (i == 1000 && kind != 1 && !err) {
                span end = SPAN("\r\n");
                err = mime_headers_take(h, &end, &complete);
            }
        }
        assert_non_null(err);
        assert_int_equal(error_code_of(err), ERROR_LIMIT);
        error_free(err);
        mime_headers_free(h);
    }
}

static void parameters_are_read_in_every_form(void **state) {
    (void)state;
    static const struct {
        const char *value, *text, *name, *expected;
    } cases[] = {
        {"Multipart/Signed; boundary=abc", "multipart/signed", "boundary", "abc"},
        {"multipart/signed; BOUNDARY = \"a=b?c_d \\\" e\" ; x=y", "multipart/signed", "boundary", "a=b?c_d \" e"},
        {"\"multipart/signed; micalg=\\\"sha1\\\"; boundary=\\\"b\\\"\"", "multipart/signed", "boundary", "b"},
        {"text/plain (a; comment=1); charset=utf-8", "text/plain", "charset", "utf-8"},
        {"attachment; filename*=UTF-8''%e2%82%ac%20rates", "attachment", "filename", "\xe2\x82\xac rates"},
        {"attachment; filename*=iso-8859-1'en'%A3%20rates; filename=x", "attachment", "filename", "\xc2\xa3 rates"},
        {"attachment; filename*1=\"b.edi\"; filename*0=\"a\"", "attachment", "filename", "ab.edi"},
        {"attachment; filename*0*=UTF-8''%41; filename*1=B; filename*3=D", "attachment", "filename", "AB"},
        {"attachment;;;filename=a.edi;", "attachment", "filename", "a.edi"},
        {"x; a=\"unterminated", "x", "a", "unterminated"},
        {"", "", "a", NULL},
        {"=;=;==", "=", "a", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mime_value value;
        mime_value_read(span_of(cases[i].value), &value);
        assert_string_equal(value.text, cases[i].text);
        const char *found = mime_value_get(&value, cases[i].name);
        if (cases[i].expected) {
            if (!found) fail_msg("%s", cases[i].value);
            assert_string_equal(found, cases[i].expected);
        } else {
            assert_null(found);
        }
        mime_value_free(&value);
    }
}

static void a_boundary_is_one_and_right_MI_03(void **state) {
    (void)state;
    static const struct {
        const char *value, *boundary; /* NULL: refused */
    } cases[] = {{"multipart/mixed; boundary=a", "a"}, {"multipart/mixed; boundary=\"=_? x\"", "=_? x"},
        {"multipart/mixed", NULL}, {"multipart/mixed; boundary=\"\"", NULL}, {"multipart/mixed; boundary=\"a \"", NULL},
        {"multipart/mixed; boundary=a; boundary=b", NULL}, {"multipart/mixed; boundary=\"a\tb\"", NULL},
        {"multipart/mixed; boundary=\"1234567890123456789012345678901234567890123456789012345678901234567890\"",
            "1234567890123456789012345678901234567890123456789012345678901234567890"},
        {"multipart/mixed; boundary=\"12345678901234567890123456789012345678901234567890123456789012345678901\"",
            NULL}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mime_value value;
        span boundary = {0};
        mime_value_read(span_of(cases[i].value), &value);
        error *err = mime_boundary(&value, &boundary);
        if (!err != (cases[i].boundary != NULL)) fail_msg("%s", cases[i].value);
        if (!err) assert_true(span_is(boundary, cases[i].boundary));
        error_free(err);
        mime_value_free(&value);
    }
}

/* ---- file names */

static void file_names_are_kept_or_made_safe_F01_F02(void **state) {
    (void)state;
    static const struct {
        const char *header, *name; /* NULL: none */
    } cases[] = {
        {"Content-Disposition: attachment; filename=\"850 order.edi\"", "850 order.edi"},
        {"Content-Disposition: Attachment; FileName=plain.edi", "plain.edi"},
        {"Content-Disposition: attachment; filename*=UTF-8''Stra%C3%9Fe.edi; filename=Strasse.edi", "Stra\xc3\x9f"
                                                                                                    "e.edi"},
        {"Content-Disposition: attachment; filename=\"=?UTF-8?B?U3RyYcOfZS5lZGk=?=\"", "Stra\xc3\x9f"
                                                                                       "e.edi"},
        {"Content-Disposition: attachment; filename=\"=?iso-8859-1?Q?Stra=DFe?= =?utf-8?q?_x.edi?=\"", "Stra\xc3\x9f"
                                                                                                       "e x.edi"},
        {"Content-Type: application/edi-x12; name=order.x12", "order.x12"},
        {"Content-Disposition: attachment; filename=\"../../etc/passwd\"", "passwd"},
        {"Content-Disposition: attachment; filename=\"C:\\\\temp\\\\x.edi\"", "x.edi"},
        {"Content-Disposition: attachment; filename=\"C:\\temp\\x.edi\"", "x.edi"},
        {"Content-Disposition: attachment; filename*=UTF-8''..%2F..%2Fx", "x"},
        {"Content-Disposition: attachment; filename*=UTF-8''a%00b%0D%0Ac.edi", "a_b__c.edi"},
        {"Content-Disposition: attachment; filename=\"a:b|c*.edi\"", "a_b_c_.edi"},
        {"Content-Disposition: attachment; filename=\".hidden\"", "hidden"},
        {"Content-Disposition: attachment; filename=\"..\"", NULL},
        {"Content-Disposition: attachment; filename=\"*\"", NULL},
        {"Content-Disposition: attachment; filename=\"\"", NULL},
        {"Content-Disposition: attachment", NULL},
        {"Content-Disposition: attachment; filename=\"a\xff.edi\"", "a_.edi"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char name[MIME_FILE_NAME_ROOM];
        char *block = xasprintf("%s\r\n\r\n", cases[i].header);
        mime_headers *h = headers_of(block);
        bool found = mime_file_name(h, name);
        if (found != (cases[i].name != NULL)) fail_msg("%s", cases[i].header);
        if (found) assert_string_equal(name, cases[i].name);
        mime_headers_free(h);
        free(block);
    }
}

static void a_long_file_name_is_cut_between_characters_and_keeps_its_extension_F02(void **state) {
    (void)state;
    buf block = BUF_MAX(4096);
    char name[MIME_FILE_NAME_ROOM];
    buf_add_text(&block, "Content-Disposition: attachment; filename=\"a");
    for (int i = 0; i < 300; i++)
        buf_add_text(&block, "\xc3\x9f");
    buf_add_text(&block, ".edi\"\r\n\r\n");
    mime_headers *h = headers_of(buf_text(&block));
    assert_true(mime_file_name(h, name));
    assert_true(strlen(name) <= 200 && strlen(name) > 196);
    assert_true(span_is_utf8(span_of(name)));
    assert_string_equal(name + strlen(name) - 4, ".edi");
    mime_headers_free(h);
    buf_free(&block);
}

static void a_file_name_that_we_write_is_read_back(void **state) {
    (void)state;
    static const char *const names[] = {"order.edi", "a \"b\".edi",
        "Stra\xc3\x9f"
        "e 100%.edi"};
    for (size_t i = 0; i < 3; i++) {
        buf block = BUF_MAX(4096);
        buf_add_text(&block, "Content-Disposition: attachment; ");
        mime_file_name_parameter(span_of(names[i]), &block);
        mime_value value;
        mime_value_read(text_of(&block), &value);
        const char *found = mime_value_get(&value, "filename");
        mime_value_free(&value);
        assert_non_null(found);
        buf_add_text(&block, "\r\n\r\n");
        char name[MIME_FILE_NAME_ROOM];
        mime_headers *h = headers_of(buf_text(&block));
        assert_true(mime_file_name(h, name));
        assert_string_equal(name, i == 1 ? "a _b_.edi" : names[i]); /* quotes are not safe everywhere */
        mime_headers_free(h);
        buf_free(&block);
    }
}

/* ---- encodings */

static error *decode(mime_encoding encoding, mime_care care, span text, size_t step, buf *out) {
    mime_decoder *decoder = mime_decoder_new(encoding, care, &(sink){.write = to_buf, .context = out});
    error *err = NULL;
    for (size_t at = 0; !err && at < text.len; at += step)
        err = mime_decoder_write(decoder, span_make(text.data + at, text.len - at < step ? text.len - at : step));
    if (!err) err = mime_decoder_finish(decoder);
    mime_decoder_free(decoder);
    return err;
}

static void base64_is_read_in_pieces_of_any_size(void **state) {
    (void)state;
    for (size_t len = 0; len < 200; len += 1) {
        buf text = BUF_MAX(1024);
        mime_base64_lines(sample(len), &text);
        for (size_t step = 1; step < 90; step += 11) {
            buf out = BUF_MAX(1024);
            must(decode(MIME_BASE64, MIME_STRICT, text_of(&text), step, &out));
            assert_true(span_equal(text_of(&out), sample(len)));
            buf_free(&out);
        }
        buf_free(&text);
    }
}

/* Longer than the decoder's own room, in pieces that end inside groups and lines, with line ends and without. */
static void long_base64_is_read_with_and_without_line_ends(void **state) {
    (void)state;
    static const size_t lengths[] = {12287, 12288, 16381, 16382, 16383, 16384, 16385, 32768, 40000};
    static const size_t steps[] = {3, 1000, 16384, SIZE_MAX / 2};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        buf lines = BUF_MAX(100000), line = BUF_MAX(100000);
        mime_base64_lines(sample(lengths[i]), &lines);
        base64_write(sample(lengths[i]), &line);
        for (size_t j = 0; j < 2 * sizeof steps / sizeof *steps; j++) {
            buf out = BUF_MAX(100000);
            must(decode(MIME_BASE64, MIME_STRICT, text_of(j % 2 ? &lines : &line), steps[j / 2], &out));
            assert_true(span_equal(text_of(&out), sample(lengths[i])));
            buf_free(&out);
        }
        buf_free(&lines);
        buf_free(&line);
    }
}

static void broken_encodings_are_refused_or_read_leniently_MI_05_E13(void **state) {
    (void)state;
    static const struct {
        mime_encoding encoding;
        const char *text, *strict, *lenient; /* NULL: refused */
    } cases[] = {
        {MIME_BASE64, "QUJD", "ABC", "ABC"},
        {MIME_BASE64, "QU JD\r\n", "ABC", "ABC"},
        {MIME_BASE64, "QUI=", "AB", "AB"},
        {MIME_BASE64, "QUI", NULL, "AB"},
        {MIME_BASE64, "QUI==", NULL, "AB"},
        {MIME_BASE64, "QUJ=", NULL, "AB"},
        {MIME_BASE64, "QQ==QQ==", NULL, "AA"},
        {MIME_BASE64, "QU!JD", NULL, "ABC"},
        {MIME_BASE64, "Q", NULL, ""},
        {MIME_BASE64, "====", NULL, ""},
        {MIME_QUOTED_PRINTABLE, "a=3Db=\r\nc =\nd", "a=bc d", "a=bc d"},
        {MIME_QUOTED_PRINTABLE, "a  \r\nb", "a\r\nb", "a\r\nb"},
        {MIME_QUOTED_PRINTABLE, "a=XYb", NULL, "a=XYb"},
        {MIME_QUOTED_PRINTABLE, "a=4", NULL, "a"},
        {MIME_QUOTED_PRINTABLE, "a=4Gb", NULL, "a=4Gb"},
        {MIME_QUOTED_PRINTABLE, "=e2=82=AC", "\xe2\x82\xac", "\xe2\x82\xac"},
        {MIME_IDENTITY, "a=3D\n", "a=3D\n", "a=3D\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (int lenient = 0; lenient < 2; lenient++) {
            for (size_t step = 1; step < 9; step++) { /* also whole groups and whole texts in a piece */
                const char *expected = lenient ? cases[i].lenient : cases[i].strict;
                buf out = BUF_MAX(1024);
                error *err =
                    decode(cases[i].encoding, lenient ? MIME_LENIENT : MIME_STRICT, span_of(cases[i].text), step, &out);
                if (!err != (expected != NULL)) fail_msg("%s, lenient %d", cases[i].text, lenient);
                if (!err && !span_is(text_of(&out), expected)) fail_msg("%s: %s", cases[i].text, buf_text(&out));
                error_free(err);
                buf_free(&out);
            }
        }
    }
}

/* ---- multipart */

typedef struct parts {
    buf text; /* "[part][part]" */
} parts;

static error *begins(void *context, size_t index) {
    (void)index;
    buf_add(&((parts *)context)->text, SPAN("["));
    return NULL;
}

static error *bytes(void *context, span piece) {
    buf_add(&((parts *)context)->text, piece);
    return NULL;
}

static error *ends(void *context, size_t index) {
    (void)index;
    buf_add(&((parts *)context)->text, SPAN("]"));
    return NULL;
}

static error *split(const char *boundary, span body, size_t step, parts *out) {
    mime_part_handler handler = {.begins = begins, .bytes = bytes, .ends = ends, .context = out};
    mime_multipart *m = NULL;
    *out = (parts){.text = BUF_MAX(CONTENT_MAX)};
    error *err = mime_multipart_new(span_of(boundary), 0, &handler, &m);
    for (size_t at = 0; !err && at < body.len; at += step)
        err = mime_multipart_write(m, span_make(body.data + at, body.len - at < step ? body.len - at : step));
    if (!err) err = mime_multipart_finish(m);
    mime_multipart_free(m);
    return err;
}

static void parts_are_handed_out_verbatim_C01_C02_MI_03(void **state) {
    (void)state;
    static const struct {
        const char *body, *expected; /* NULL: refused */
    } cases[] = {
        {"--b\r\none\r\n--b\r\ntwo\r\n--b--\r\n", "[one][two]"},
        {"\r\n\r\npreamble --b\r\n--b\r\none\r\n--b--\r\nepilogue\r\n--b\r\nmore", "[one]"},
        {"--b\none\n--b\ntwo\n--b--", "[one][two]"},
        {"--b\r\none\r\n\r\n--b--", "[one\r\n]"}, /* one line end belongs to the delimiter, one only */
        {"--b\r\none\n\r\n--b--", "[one\n]"},
        {"--b\r\none\r\r\n--b--", "[one\r]"},
        {"--b \t\r\none\r\n--b-- \r\n", "[one]"}, /* padding */
        {"--b\r\n--bx\r\n--b-\r\n--b -\r\nx--b\r\n--b--", "[--bx\r\n--b-\r\n--b -\r\nx--b]"},
        {"--b\r\n--b-inner\r\n--\r\n-\r\n--b--", "[--b-inner\r\n--\r\n-]"},
        {"--b\r\n--b\r\n--b--", "[][]"},
        {"--b\r\n\r\n--b--", "[]"},
        {"--b\r\n\r\n\r\n--b--", "[\r\n]"},
        {"--b\r\na\r--b\r\n\r\n--b--", "[a\r--b\r\n]"}, /* a bare CR ends no line */
        {"--b\r\none\r\n--b", NULL},
        {"--b\r\none\r\n", NULL}, /* MI-04 */
        {"--B\r\none\r\n--B--", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (size_t step = 1; step < 40; step++) {
            parts p;
            error *err = split("b", span_of(cases[i].body), step, &p);
            if (!err != (cases[i].expected != NULL)) fail_msg("%s (pieces of %zu)", cases[i].body, step);
            if (!err && !span_is(text_of(&p.text), cases[i].expected))
                fail_msg("%s (pieces of %zu): %s", cases[i].body, step, buf_text(&p.text));
            error_free(err);
            buf_free(&p.text);
        }
    }
}

static void any_bytes_pass_through_a_part_unchanged_C01(void **state) {
    (void)state;
    static const size_t sizes[] = {1, 13, 4096, 65536};
    span content = sample(70000);
    buf body = BUF_MAX(CONTENT_MAX);
    buf_add(&body, SPAN("--=_b?\r\n"));
    buf_add(&body, content);
    buf_add(&body, SPAN("\r\n--=_b?--\r\n"));
    for (size_t i = 0; i < 4; i++) {
        parts p;
        must(split("=_b?", text_of(&body), sizes[i], &p));
        assert_int_equal(p.text.len, content.len + 2);
        assert_memory_equal(p.text.data + 1, content.data, content.len);
        buf_free(&p.text);
    }
    buf_free(&body);
}

static void too_many_and_too_deep_parts_are_refused_MI_01_MI_02_E16(void **state) {
    (void)state;
    buf body = BUF_MAX(CONTENT_MAX);
    parts p;
    mime_multipart *m = NULL;
    for (int i = 0; i < 1000; i++)
        buf_add(&body, SPAN("--b\r\n"));
    error *err = split("b", text_of(&body), 4096, &p);
    assert_non_null(err);
    assert_int_equal(error_code_of(err), ERROR_LIMIT);
    error_free(err);
    err = mime_multipart_new(SPAN("b"), MIME_DEPTH_MAX, &(mime_part_handler){0}, &m);
    assert_non_null(err);
    error_free(err);
    buf_free(&p.text);
    buf_free(&body);
}

/* ---- multipart/signed of OpenSSL */

typedef struct smime {
    buf content;
    mime_value type;
    mime_signed *reader;
} smime;

static error *smime_headers(void *context, const mime_headers *headers) {
    smime *s = context;
    span boundary;
    mime_value_read(mime_headers_get(headers, "Content-Type"), &s->type);
    error *err = mime_boundary(&s->type, &boundary);
    return err ? err : mime_signed_new(boundary, 0, &(sink){.write = to_buf, .context = &s->content}, &s->reader);
}

static error *smime_body(void *context, span piece) {
    return mime_signed_write(((smime *)context)->reader, piece);
}

static void a_multipart_signed_of_openssl_is_split_and_verified_MI_07(void **state) {
    (void)state;
    static const size_t sizes[] = {1, 100, 65536};
    buf message = BUF_MAX(CONTENT_MAX), part = BUF_MAX(CONTENT_MAX);
    buf_add(&part, SPAN("Content-Type: application/octet-stream\r\n\r\n"));
    buf_add(&part, sample(20000));
    put("part", text_of(&part));
    command("openssl cms -sign -binary -in part -md sha384 -outform SMIME -out message -signer theirs.pem -inkey "
            "theirs.key");
    get("message", &message);
    for (size_t i = 0; i < 3; i++) {
        smime s = {.content = BUF_MAX(CONTENT_MAX)};
        mime_entity_handler handler = {.headers = smime_headers, .body = smime_body, .context = &s};
        mime_entity *entity = mime_entity_new(MIME_STRICT, &handler);
        reading unused = {.content = BUF_MAX(1)};
        cms_read_options options = reader_options(&unused);
        cms_digests digests;
        cms_facts facts;
        span signature;
        digest_kind announced;
        for (size_t at = 0; at < message.len; at += sizes[i])
            must(mime_entity_write(
                entity, span_make(message.data + at, message.len - at < sizes[i] ? message.len - at : sizes[i])));
        must(mime_entity_finish(entity));
        must(mime_signed_finish(s.reader, &signature));
        assert_true(span_equal(text_of(&s.content), text_of(&part)));
        assert_true(digest_from_micalg(span_of(mime_value_get(&s.type, "micalg")), &announced));
        assert_int_equal(announced, DIGEST_SHA384);
        digest_of(text_of(&s.content), &digests);
        must(cms_verify_detached(signature, &digests, &options, &facts));
        assert_int_equal(facts.digest, DIGEST_SHA384);
        mime_signed_free(s.reader);
        mime_entity_free(entity);
        mime_value_free(&s.type);
        buf_free(&s.content);
    }
    buf_free(&message);
    buf_free(&part);
}

static void line_ends_are_made_canonical_MI_07(void **state) {
    (void)state;
    static const span pieces[] = {SPAN("a\nb\r"), SPAN("\nc\n"), SPAN("\n\r"), SPAN("d\r\n")};
    buf out = BUF_MAX(100);
    mime_crlf filter = {.to = {.write = to_buf, .context = &out}};
    for (size_t i = 0; i < 4; i++)
        must(mime_crlf_write(&filter, pieces[i]));
    assert_true(span_is(text_of(&out), "a\r\nb\r\nc\r\n\r\n\rd\r\n"));
    buf_free(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_unfolded_and_found_in_any_case),
        cmocka_unit_test(what_stands_behind_the_empty_line_is_left),
        cmocka_unit_test(a_header_over_the_limits_is_refused_MI_02),
        cmocka_unit_test(parameters_are_read_in_every_form),
        cmocka_unit_test(a_boundary_is_one_and_right_MI_03),
        cmocka_unit_test(file_names_are_kept_or_made_safe_F01_F02),
        cmocka_unit_test(a_long_file_name_is_cut_between_characters_and_keeps_its_extension_F02),
        cmocka_unit_test(a_file_name_that_we_write_is_read_back),
        cmocka_unit_test(base64_is_read_in_pieces_of_any_size),
        cmocka_unit_test(long_base64_is_read_with_and_without_line_ends),
        cmocka_unit_test(broken_encodings_are_refused_or_read_leniently_MI_05_E13),
        cmocka_unit_test(parts_are_handed_out_verbatim_C01_C02_MI_03),
        cmocka_unit_test(any_bytes_pass_through_a_part_unchanged_C01),
        cmocka_unit_test(too_many_and_too_deep_parts_are_refused_MI_01_MI_02_E16),
        cmocka_unit_test(a_multipart_signed_of_openssl_is_split_and_verified_MI_07),
        cmocka_unit_test(line_ends_are_made_canonical_MI_07),
    };
    return cmocka_run_group_tests(tests, make_parties, drop_parties);
}
