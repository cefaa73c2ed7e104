/* tests/unit/adapter_fixture.h: what the tests of all adapters need: a directory, a session, sinks, sources, lists. */
#ifndef BANYAN_TESTS_ADAPTER_FIXTURE_H
#define BANYAN_TESTS_ADAPTER_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "adapters/adapter.h"
#include "core/base/clock.h"
#include "core/base/io.h"
#include "core/base/memory.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define UNUSED __attribute__((unused))

static void assert_ok(error *err) {
    if (err) fail_msg("%s", error_text(err));
}

/* The call fails with this code, and its text holds `words` (NULL: any). */
static UNUSED void assert_error(error *err, error_code code, const char *words) {
    if (!err) fail_msg("no error, where %s was expected", error_code_name(code));
    if (error_code_of(err) != code)
        fail_msg("%s instead of %s: %s", error_code_name(error_code_of(err)), error_code_name(code), error_text(err));
    if (words && !strstr(error_text(err), words)) fail_msg("\"%s\" does not say \"%s\"", error_text(err), words);
    error_free(err);
}

static UNUSED char *make_directory(void) {
    char name[] = "/tmp/banyan-test-XXXXXX";
    assert_non_null(mkdtemp(name));
    return xstrdup(name);
}

static int remove_one(const char *path, const struct stat *status UNUSED, int type UNUSED, struct FTW *at UNUSED) {
    return remove(path);
}

static UNUSED void remove_directory(char *take) {
    nftw(take, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(take);
}

/* Lives until the next call but seven. */
static UNUSED const char *in(const char *directory, const char *name) {
    static char paths[8][4096];
    static unsigned next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", directory, name);
    return path;
}

static UNUSED void write_file(const char *path, const char *text) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_ok(io_write_all(fd, span_of(text), path));
    close(fd);
}

static UNUSED void assert_file(const char *path, const char *text) {
    buf content = BUF_MAX(1 << 20);
    assert_ok(io_read_file(path, &content));
    assert_string_equal(buf_text(&content), text);
    buf_free(&content);
}

static UNUSED bool exists(const char *path) {
    struct stat status;
    return lstat(path, &status) == 0;
}

/* Names in the directory but those that begin with a dot. */
static UNUSED size_t count_visible(const char *path) {
    size_t count = 0;
    DIR *directory = opendir(path);
    assert_non_null(directory);
    for (const struct dirent *entry; (entry = readdir(directory));)
        count += entry->d_name[0] != '.';
    closedir(directory);
    return count;
}

static error *sink_to_buf(void *context, span bytes) {
    buf *into = context;
    buf_add(into, bytes);
    return buf_check(into, "the test's buffer");
}

static adapter_sink buf_sink(buf *into) {
    return (adapter_sink){.write = sink_to_buf, .context = into};
}

typedef struct text_source {
    span text;
    size_t at;
} text_source;

static error *read_text(void *context, char *into, size_t room, size_t *len) {
    text_source *source = context;
    *len = source->text.len - source->at < room ? source->text.len - source->at : room;
    if (*len) memcpy(into, source->text.data + source->at, *len);
    source->at += *len;
    return NULL;
}

static error *rewind_text(void *context) {
    ((text_source *)context)->at = 0;
    return NULL;
}

static adapter_source source_of(text_source *text) {
    return (adapter_source){.read = read_text, .rewind = rewind_text, .context = text, .size = text->text.len};
}

typedef struct listing {
    char **names;
    adapter_entry *entries;
    size_t count;
} listing;

static error *collect(void *context, const adapter_entry *entry) {
    listing *list = context;
    list->names = xreallocarray(list->names, list->count + 1, sizeof *list->names);
    list->entries = xreallocarray(list->entries, list->count + 1, sizeof *list->entries);
    list->names[list->count] = xstrdup(entry->name);
    list->entries[list->count] = *entry;
    list->entries[list->count].name = list->names[list->count];
    list->count++;
    return NULL;
}

static void listing_free(listing *list) {
    for (size_t i = 0; i < list->count; i++)
        free(list->names[i]);
    free(list->names);
    free(list->entries);
    *list = (listing){.count = 0};
}

static const adapter_entry *listing_find(const listing *list, const char *name) {
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->names[i], name) == 0) return &list->entries[i];
    }
    return NULL;
}

static UNUSED listing list_all(const adapter *kind, adapter_session *session, const char *pattern) {
    listing list = {.count = 0};
    assert_ok(kind->list(session, pattern, collect, &list));
    return list;
}

/* Is exactly this listed? Names separated by blanks, in any order. */
static UNUSED void assert_listed(
    const adapter *kind, adapter_session *session, const char *pattern, const char *names) {
    listing list = list_all(kind, session, pattern);
    span rest = span_of(names), name;
    size_t expected = 0;
    while (*names && span_split(&rest, ' ', &name)) {
        char *text = xspandup(name);
        if (!listing_find(&list, text)) fail_msg("%s is not listed", text);
        free(text);
        expected++;
    }
    if (list.count != expected) fail_msg("%zu entries are listed instead of \"%s\"", list.count, names);
    listing_free(&list);
}

static UNUSED error *try_get(const adapter *kind, adapter_session *session, const char *name, adapter_entry *got) {
    buf content = BUF_MAX(64 << 20);
    adapter_sink sink = buf_sink(&content);
    error *err = kind->get(session, name, &sink, got);
    buf_free(&content);
    return err;
}

static UNUSED adapter_entry assert_get(
    const adapter *kind, adapter_session *session, const char *name, const char *text) {
    buf content = BUF_MAX(1 << 20);
    adapter_sink sink = buf_sink(&content);
    adapter_entry got;
    assert_ok(kind->get(session, name, &sink, &got));
    assert_string_equal(buf_text(&content), text);
    assert_int_equal(got.size, strlen(text));
    assert_string_equal(got.name, name);
    buf_free(&content);
    return got;
}

static UNUSED void get_and_done(const adapter *kind, adapter_session *session, const char *name) {
    adapter_entry got;
    assert_ok(try_get(kind, session, name, &got));
    assert_ok(kind->done(session, &got));
}

static UNUSED error *stage_text(
    const adapter *kind, adapter_session *session, const char *path, const char *identity, const char *text) {
    text_source state = {.text = span_of(text)};
    adapter_source source = source_of(&state);
    return kind->stage(session, path, identity, &source);
}

static UNUSED void put_text(const adapter *kind, adapter_session *session, const char *path, const char *text) {
    assert_ok(stage_text(kind, session, path, "put-text", text));
    assert_ok(kind->publish(session, path, "put-text", ADAPTER_EXISTS_REPLACE, false));
}

#endif
