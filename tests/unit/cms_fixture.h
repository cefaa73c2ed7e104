/* tests/unit/cms_fixture.h: keys, files and OpenSSL's command line for the tests of CMS.
 *
 * `ours` and `theirs` hold RSA keys, `curve` a P-256 one; each is NAME.pem (certificate) and NAME.key in a temporary
 * directory in which commands run.
 */
#ifndef BANYAN_TESTS_CMS_FIXTURE_H
#define BANYAN_TESTS_CMS_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/clock.h"
#include "core/base/io.h"
#include "core/base/memory.h"
#include "core/crypto/cms_read.h"
#include "core/crypto/cms_write.h"
#include "core/crypto/keypair.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { CONTENT_MAX = 64 * 1024 * 1024 };

static char directory[] = "/tmp/banyan-cms-XXXXXX";

typedef struct party {
    const char *name;
    key_kind kind;
    cms_identity *identity;
    cms_certificate *certificate;
} party;

static party ours = {.name = "ours", .kind = KEY_RSA_2048}, theirs = {.name = "theirs", .kind = KEY_RSA_2048},
             curve = {.name = "curve", .kind = KEY_P256};

static inline void must(error *err) {
    if (err) fail_msg("%s", error_text(err));
}

static inline void put(const char *name, span bytes) {
    char *path = xasprintf("%s/%s", directory, name);
    must(io_write_file(path, bytes));
    free(path);
}

static inline void get(const char *name, buf *into) {
    char *path = xasprintf("%s/%s", directory, name);
    must(io_read_file(path, into));
    free(path);
}

/* Runs a shell command in the directory; its exit status, and what it said in *said unless that is NULL. */
static inline int attempt(char **said, const char *format, ...) {
    va_list args;
    va_start(args, format);
    char *command = xvasprintf(format, args);
    va_end(args);
    char *line = xasprintf("cd %s && { %s; } 2>&1", directory, command);
    FILE *pipe = popen(line, "r");
    buf text = BUF_MAX(1 << 20);
    assert_non_null(pipe);
    must(io_read_all(fileno(pipe), &text, command));
    int status = pclose(pipe);
    if (said) *said = buf_take(&text, NULL);
    buf_free(&text);
    free(line);
    free(command);
    return status;
}

#define command(...)                                                                                                   \
    do {                                                                                                               \
        char *said_ = NULL;                                                                                            \
        if (attempt(&said_, __VA_ARGS__) != 0) fail_msg("%s", said_);                                                  \
        free(said_);                                                                                                   \
    } while (0)

static inline void make_party(party *p) {
    char *key = NULL, *pem = NULL;
    char name[32];
    must(key_new(p->kind, &key));
    must(certificate_new(span_of(key), &(certificate_request){.common_name = p->name, .days = 30}, &pem));
    snprintf(name, sizeof name, "%s.key", p->name);
    put(name, span_of(key));
    snprintf(name, sizeof name, "%s.pem", p->name);
    put(name, span_of(pem));
    must(cms_identity_new(span_of(pem), span_of(key), &p->identity));
    must(cms_certificate_new(span_of(pem), &p->certificate));
    key_text_free(key);
    free(pem);
}

static inline int make_parties(void **state) {
    (void)state;
    if (!mkdtemp(directory)) return -1;
    make_party(&ours);
    make_party(&theirs);
    make_party(&curve);
    return 0;
}

static inline int drop_parties(void **state) {
    (void)state;
    party *all[] = {&ours, &theirs, &curve};
    for (size_t i = 0; i < 3; i++) {
        cms_identity_free(all[i]->identity);
        cms_certificate_free(all[i]->certificate);
    }
    char *line = xasprintf("rm -rf %s", directory);
    int status = system(line);
    free(line);
    return status;
}

static inline error *to_buf(void *context, span piece) {
    buf_add(context, piece);
    return buf_check(context, "content");
}

/* Bytes of every value, not compressible to nothing, with line ends of each kind. */
static inline span sample(size_t len) {
    static char *bytes;
    static size_t have;
    if (len > have) {
        uint32_t x = 2463534242u;
        bytes = xrealloc(bytes, len);
        for (size_t i = 0; i < len; i++) {
            x ^= x << 13, x ^= x >> 17, x ^= x << 5;
            bytes[i] = i % 3 ? (char)(x & 0xff) : "\r\n~"[x % 3];
        }
        have = len;
    }
    return span_make(len ? bytes : "", len);
}

/* What a reader makes of a message that comes in pieces of `step` bytes. */
typedef struct reading {
    buf content;
    cms_facts facts;
    error *err;
} reading;

static inline cms_read_options reader_options(reading *into) {
    static const cms_identity *identities[2];
    static const cms_certificate *signers[2];
    identities[0] = ours.identity;
    identities[1] = curve.identity;
    signers[0] = theirs.certificate;
    signers[1] = curve.certificate;
    return (cms_read_options){.identities = identities,
        .identity_count = 2,
        .signers = signers,
        .signer_count = 2,
        .now_ms = clock_wall_ms(),
        .content = {.write = to_buf, .context = &into->content}};
}

static inline void read_with(reading *into, const cms_read_options *options, span message, size_t step) {
    cms_reader *reader = cms_reader_new(options);
    into->err = NULL;
    for (size_t at = 0; !into->err && at < message.len; at += step) {
        size_t len = message.len - at < step ? message.len - at : step;
        into->err = cms_reader_write(reader, span_make(message.data + at, len));
    }
    if (!into->err) into->err = cms_reader_finish(reader);
    into->facts = *cms_reader_facts(reader);
    cms_reader_free(reader);
}

static inline void read_message(reading *into, span message, size_t step) {
    *into = (reading){.content = BUF_MAX(CONTENT_MAX)};
    cms_read_options options = reader_options(into);
    read_with(into, &options, message, step);
}

static inline void reading_free(reading *r) {
    buf_free(&r->content);
    error_free(r->err);
    r->err = NULL;
}

static inline void assert_fault(const reading *r, cms_fault fault) {
    if (!r->err) fail_msg("taken although %s was expected", cms_fault_name(fault));
    if (r->facts.fault != fault)
        fail_msg(
            "%s (%s) where %s was expected", cms_fault_name(r->facts.fault), error_text(r->err), cms_fault_name(fault));
}

static inline void digest_of(span bytes, cms_digests *out) {
    digest_set *set = digest_set_new(DIGEST_ALL);
    digest_set_update(set, bytes);
    digest_set_finish(set, out);
}

#endif
