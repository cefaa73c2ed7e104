/* tests/unit/store_help.h: what the tests of the store share: a store in a directory of its own, and short ways to say
 * what is written. */
#ifndef BANYAN_TESTS_STORE_HELP_H
#define BANYAN_TESTS_STORE_HELP_H

#include "core/base/io.h"
#include "core/base/memory.h"
#include "core/store/store.h"

#include <dirent.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static void *evp_begin(void) {
    EVP_MD_CTX *state = EVP_MD_CTX_new();
    if (!state || EVP_DigestInit_ex(state, EVP_sha256(), NULL) != 1) abort();
    return state;
}

static void evp_update(void *state, span bytes) {
    if (EVP_DigestUpdate(state, bytes.data, bytes.len) != 1) abort();
}

static void evp_finish(void *state, unsigned char out[DIGEST_SIZE]) {
    if (EVP_DigestFinal_ex(state, out, NULL) != 1) abort();
    EVP_MD_CTX_free(state);
}

static void evp_abandon(void *state) {
    EVP_MD_CTX_free(state);
}

static const digest_functions evp_sha256 = {evp_begin, evp_update, evp_finish, evp_abandon};

/* The exit status by which a child tells that the store stopped it. */
enum { EXIT_FATAL = 42 };

static void stop_process(const error *err) {
    (void)err;
    _exit(EXIT_FATAL);
}

static inline store_options options_for(const char *directory) {
    return (store_options){
        .directory = directory,
        .digest = &evp_sha256,
        .node = "test",
        .free_minimum = 1,
        .reserve = 1 << 20,
        .fatal = stop_process,
    };
}

static inline char *make_directory(void) {
    char path[] = "/tmp/banyan-store-XXXXXX";
    if (!mkdtemp(path)) abort();
    return xstrdup(path);
}

/* The same in memory where there is such a place: for tests that need no disk and many runs. */
static inline char *make_directory_in_memory(void) {
    char path[] = "/dev/shm/banyan-store-XXXXXX";
    return mkdtemp(path) ? xstrdup(path) : make_directory();
}

static inline void remove_tree(int at, const char *name) {
    int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    if (directory) {
        for (struct dirent *entry; (entry = readdir(directory));)
            if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
                remove_tree(dirfd(directory), entry->d_name);
        closedir(directory);
        unlinkat(at, name, AT_REMOVEDIR);
    } else {
        unlinkat(at, name, 0);
    }
}

static inline void remove_directory(char *take_path) {
    remove_tree(AT_FDCWD, take_path);
    free(take_path);
}

/* Fails the test with the error's words. */
#define must(call)                                                                                                     \
    do {                                                                                                               \
        error *must_error = (call);                                                                                    \
        if (must_error) fail_msg("%s: %s", #call, error_text(must_error));                                             \
    } while (0)

/* The call is refused with this code. */
#define must_refuse(call, code)                                                                                        \
    do {                                                                                                               \
        error *refusal = (call);                                                                                       \
        if (!refusal) fail_msg("%s was not refused", #call);                                                           \
        if (error_code_of(refusal) != (code))                                                                          \
            fail_msg("%s: %s (%s)", #call, error_text(refusal), error_code_name(error_code_of(refusal)));              \
        error_free(refusal);                                                                                           \
    } while (0)

static inline store_message a_message(void) {
    store_message message = {.status = MESSAGE_RECEIVED, .connection = "acme-sftp", .received_at = clock_wall_ms()};
    id_new(message.id);
    return message;
}

static inline store_document a_document(const char *message) {
    store_document document = {.message = message, .standard = "X12", .type = "850", .control = "0001"};
    id_new(document.id);
    return document;
}

static inline store_job a_job(const char *message) {
    store_job job = {.kind = "process", .message = message};
    id_new(job.id);
    return job;
}

/* A committed message with these bytes (NULL: none); its id in `id`. */
static inline void put_message(store *s, const char *bytes, char id[ID_SIZE]) {
    store_message message = a_message();
    store_change *change = store_change_new();
    payload p = {.size = 0};
    if (bytes) must(payload_of(s, span_of(bytes), &p));
    store_add_message(change, &message, bytes ? &p : NULL);
    must(store_commit(s, change, NULL));
    memcpy(id, message.id, ID_SIZE);
}

static inline char *status_of(store *s, const char *id) {
    json_t *json = NULL;
    must(store_message_json(s, id, &json));
    char *status = xstrdup(json_get_text(json, "status", ""));
    json_decref(json);
    return status;
}

static inline void must_have_status(store *s, const char *id, const char *wanted) {
    char *status = status_of(s, id);
    assert_string_equal(status, wanted);
    free(status);
}

#endif
