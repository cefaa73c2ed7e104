/* core/store/payload.c: payloads on their way in and out (store.h). Called on any thread.
 *
 * In: bytes gather in memory up to the inline limit; then a spool file is made and everything goes there. The file is
 * made durable in the order write, fdatasync, close, fsync of its directory, and only then is its name handed out for a
 * row (reliability §6.1 rule 4). Out: nothing is handed out before its SHA-256 was held against the row.
 */
#include "core/base/crash.h"
#include "core/base/io.h"
#include "core/base/memory.h"
#include "core/store/inside.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { CHUNK_SIZE = 64 * 1024 };

struct payload_writer {
    store *s;
    buf memory;
    int fd; /* -1 while everything is in memory */
    char name[40];
    void *digest;
    bool foreign; /* written by somebody else through the descriptor: read again at the end */
    uint64_t size;
};

error *payload_begin(store *s, payload_writer **out) {
    payload_writer *writer = xcalloc(1, sizeof *writer);
    writer->s = s;
    writer->fd = -1;
    writer->memory = BUF_MAX(s->options.inline_limit);
    writer->digest = s->options.digest->begin();
    *out = writer;
    return NULL;
}

error *payload_begin_file(store *s, payload_writer **out, int *fd) {
    error *err = payload_begin(s, out);
    if (err) return err;
    err = spool_create(s, (*out)->name, &(*out)->fd);
    (*out)->foreign = true;
    *fd = (*out)->fd;
    if (!err) return NULL;
    payload_abandon(*out);
    *out = NULL;
    return err;
}

static error *move_to_file(payload_writer *writer) {
    error *err = spool_create(writer->s, writer->name, &writer->fd);
    if (!err) err = io_write_all(writer->fd, buf_span(&writer->memory), "a spool file");
    buf_free(&writer->memory);
    return err;
}

error *payload_write(payload_writer *writer, span bytes) {
    error *err = NULL;
    writer->s->options.digest->update(writer->digest, bytes);
    writer->size += bytes.len;
    if (writer->fd < 0 && writer->size > writer->s->options.inline_limit) err = move_to_file(writer);
    if (err) return err;
    if (writer->fd >= 0) return io_write_all(writer->fd, bytes, "a spool file");
    buf_add(&writer->memory, bytes);
    return NULL;
}

/* The file's bytes through the digest, and, while they are few, into memory. */
static error *read_again(payload_writer *writer) {
    char *chunk = xmalloc(CHUNK_SIZE);
    error *err = lseek(writer->fd, 0, SEEK_SET) < 0 ? error_from_errno(errno, "cannot rewind a spool file") : NULL;
    while (!err) {
        ssize_t n = read(writer->fd, chunk, CHUNK_SIZE);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) err = error_from_errno(errno, "cannot read a spool file");
        if (n <= 0) break;
        writer->size += (uint64_t)n;
        writer->s->options.digest->update(writer->digest, span_make(chunk, (size_t)n));
        if (writer->size <= writer->s->options.inline_limit) buf_add(&writer->memory, span_make(chunk, (size_t)n));
    }
    free(chunk);
    return err;
}

/* A failed sync leaves the file's content unknown, and a second sync may lie: only "no space" is an answer that the
 * sender may get, everything else stops the appliance. */
static error *judge_sync(payload_writer *writer, error *err) {
    if (err && error_code_of(err) != ERROR_FULL) store_fatal(writer->s, err);
    return err;
}

static error *make_durable(payload_writer *writer) {
    crash_point("payload.written");
    error *err = judge_sync(writer, io_sync_file(writer->fd, "a spool file"));
    if (err) return err;
    crash_point("payload.synced");
    int closed = close(writer->fd);
    writer->fd = -1;
    if (closed < 0) return judge_sync(writer, error_from_errno(errno, "cannot close a spool file"));
    err = judge_sync(writer, spool_sync_directory(writer->s, writer->name));
    if (!err) crash_point("payload.directory.synced");
    return err;
}

error *payload_finish(payload_writer *writer, payload *out) {
    unsigned char digest[DIGEST_SIZE];
    *out = (payload){.size = 0};
    error *err = writer->foreign ? read_again(writer) : NULL;
    bool inline_bytes = writer->size <= writer->s->options.inline_limit;
    if (!err && !inline_bytes) err = make_durable(writer);
    if (!err) {
        writer->s->options.digest->finish(writer->digest, digest);
        writer->digest = NULL;
        digest_hex(digest, out->sha256);
        out->size = writer->size;
        if (inline_bytes) {
            out->bytes = buf_take(&writer->memory, NULL);
        } else {
            memcpy(out->spool, writer->name, sizeof out->spool);
            writer->name[0] = '\0';
        }
    }
    payload_abandon(writer);
    return err;
}

void payload_abandon(payload_writer *writer) {
    if (!writer) return;
    if (writer->digest) writer->s->options.digest->abandon(writer->digest);
    io_close(&writer->fd);
    if (writer->name[0]) spool_remove(writer->s, writer->name);
    buf_free(&writer->memory);
    free(writer);
}

error *payload_put_aside(payload_writer *take, const char *name) {
    error *err = spool_put_aside(take->s, take->name, name);
    if (!err) take->name[0] = '\0';
    payload_abandon(take);
    return err;
}

error *payload_take_up(store *s, const char *name, payload_writer **out, int *fd) {
    error *err = payload_begin(s, out);
    if (!err) err = spool_take_up(s, name, (*out)->name, &(*out)->fd);
    (*out)->foreign = true;
    *fd = (*out)->fd;
    if (!err) return NULL;
    payload_abandon(*out);
    *out = NULL;
    return err;
}

void payload_free(payload *p) {
    free(p->bytes);
    *p = (payload){.size = 0};
}

error *payload_of(store *s, span bytes, payload *out) {
    payload_writer *writer = NULL;
    *out = (payload){.size = 0};
    if (bytes.len == 0 && s->nothing_sha256[0]) {
        memcpy(out->sha256, s->nothing_sha256, sizeof out->sha256);
        out->bytes = xstrdup("");
        return NULL;
    }
    error *err = payload_begin(s, &writer);
    if (!err) err = payload_write(writer, bytes);
    if (!err) return payload_finish(writer, out);
    payload_abandon(writer);
    return err;
}

/* What a row says of its payload. */
typedef struct stored {
    int64_t seq, size;
    unsigned char sha256[DIGEST_SIZE];
    char spool[40];
} stored;

static const char FIND_PAYLOAD[] = "select seq, size, sha256, spool, payload_removed_at from messages where id = ?1";
static const char READ_PAYLOAD[] = "select bytes from payloads where message = ?1";

static const char FIND_ARTIFACT[] = "select a.seq, a.size, a.sha256, a.spool from artifacts a "
                                    "join messages m on m.seq = a.message where m.id = ?1 and a.kind = ?2";
static const char READ_ARTIFACT[] = "select bytes from artifacts where seq = ?1";

/* `kind` NULL: the payload, else what belongs to the message beside it. */
static error *find_stored(database *db, const char *message_id, const char *kind, stored *found) {
    unsigned char uuid[UUID_SIZE];
    error *err = NULL;
    *found = (stored){.seq = 0};
    if (!uuid_parse(span_of(message_id), uuid)) return error_new(ERROR_NOT_FOUND, "no message %s", message_id);
    sqlite3_stmt *statement = database_statement(db, kind ? FIND_ARTIFACT : FIND_PAYLOAD, &err);
    if (err) return err;
    bind_uuid(statement, 1, uuid);
    if (kind) bind_text(statement, 2, kind);
    if (!database_next(db, statement, "find a payload", &err) && !err)
        err = kind ? error_new(ERROR_NOT_FOUND, "message %s has no %s", message_id, kind)
                   : error_new(ERROR_NOT_FOUND, "no message %s", message_id);
    if (err) return err;
    if (column_is_null(statement, 1)) {
        err = error_new(ERROR_NOT_FOUND, "message %s has no payload", message_id);
    } else if (!column_is_null(statement, 4)) {
        char when[CLOCK_TEXT_SIZE];
        err = error_new(ERROR_NOT_FOUND,
            "the payload of message %s was removed on %s: it was kept as long as retention.payloads says", message_id,
            clock_format(column_integer(statement, 4), when));
    } else if (sqlite3_column_bytes(statement, 2) != DIGEST_SIZE) {
        err = error_new(ERROR_CORRUPT, "message %s has no digest", message_id);
    } else {
        const char *spool = column_text(statement, 3);
        found->seq = column_integer(statement, 0);
        found->size = column_integer(statement, 1);
        memcpy(found->sha256, sqlite3_column_blob(statement, 2), DIGEST_SIZE);
        if (spool && strlen(spool) < sizeof found->spool) memcpy(found->spool, spool, strlen(spool) + 1);
    }
    database_reset(statement);
    return err;
}

static error *verify(const stored *found, const unsigned char digest[DIGEST_SIZE], uint64_t size, const char *id) {
    if (size == (uint64_t)found->size && memcmp(digest, found->sha256, DIGEST_SIZE) == 0) return NULL;
    return error_new(ERROR_CORRUPT,
        "the payload of message %s is not what was stored (%llu of %lld bytes): restore it from a backup", id,
        (unsigned long long)size, (long long)found->size);
}

static error *read_inline(
    store *s, database *db, const stored *found, const char *id, const char *kind, payload_view *out) {
    unsigned char digest[DIGEST_SIZE];
    error *err = NULL;
    sqlite3_stmt *statement = database_statement(db, kind ? READ_ARTIFACT : READ_PAYLOAD, &err);
    if (err) return err;
    bind_integer(statement, 1, found->seq);
    if (!database_next(db, statement, "read a payload", &err))
        return err ? err : error_new(ERROR_CORRUPT, "the payload of message %s is missing", id);
    span bytes = span_make(sqlite3_column_blob(statement, 0), (size_t)sqlite3_column_bytes(statement, 0));
    void *state = s->options.digest->begin();
    s->options.digest->update(state, bytes);
    s->options.digest->finish(state, digest);
    err = verify(found, digest, bytes.len, id);
    if (!err) {
        out->bytes = xspandup(bytes);
        out->size = bytes.len;
    }
    database_reset(statement);
    return err;
}

static error *digest_file(store *s, int fd, unsigned char digest[DIGEST_SIZE], uint64_t *size) {
    char *chunk = xmalloc(CHUNK_SIZE);
    void *state = s->options.digest->begin();
    error *err = NULL;
    for (;;) {
        ssize_t n = read(fd, chunk, CHUNK_SIZE);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) err = error_from_errno(errno, "cannot read a spool file");
        if (n <= 0) break;
        *size += (uint64_t)n;
        s->options.digest->update(state, span_make(chunk, (size_t)n));
    }
    s->options.digest->finish(state, digest);
    free(chunk);
    if (!err && lseek(fd, 0, SEEK_SET) < 0) err = error_from_errno(errno, "cannot rewind a spool file");
    return err;
}

static error *open_spooled(store *s, const stored *found, const char *id, payload_view *out) {
    unsigned char digest[DIGEST_SIZE];
    int fd = spool_open_file(s, found->spool);
    if (fd < 0) {
        error *cause = error_from_errno(errno, "cannot open it");
        error *err = error_new(ERROR_CORRUPT, "the payload of message %s is missing: %s", id, error_text(cause));
        error_free(cause);
        return err;
    }
    error *err = digest_file(s, fd, digest, &out->size);
    if (!err) err = verify(found, digest, out->size, id);
    if (!err)
        out->fd = fd;
    else
        close(fd);
    return err;
}

static error *open_stored(store *s, const char *message_id, const char *kind, payload_view *out) {
    stored found;
    database *db = NULL;
    *out = (payload_view){.fd = -1};
    error *err = store_reader_take(s, &db);
    if (err) return err;
    err = find_stored(db, message_id, kind, &found);
    if (!err && !found.spool[0]) err = read_inline(s, db, &found, message_id, kind, out);
    store_reader_return(s, db);
    if (!err && found.spool[0]) err = open_spooled(s, &found, message_id, out);
    return err;
}

error *store_payload_open(store *s, const char *message_id, payload_view *out) {
    return open_stored(s, message_id, NULL, out);
}

error *store_artifact_open(store *s, const char *message_id, const char *kind, payload_view *out) {
    return open_stored(s, message_id, kind, out);
}

void payload_view_close(payload_view *view) {
    free(view->bytes);
    io_close(&view->fd);
    *view = (payload_view){.fd = -1};
}

/* ---- from one to another ------------------------------------------------------------------------------------------
 */

static error *copy_file(store *s, int fd, payload *out) {
    char *chunk = xmalloc(CHUNK_SIZE);
    payload_writer *writer = NULL;
    error *err = payload_begin(s, &writer);
    for (off_t at = 0; !err;) {
        ssize_t n = pread(fd, chunk, CHUNK_SIZE, at);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) err = error_from_errno(errno, "cannot read a spool file");
        if (n <= 0) break;
        err = payload_write(writer, span_make(chunk, (size_t)n));
        at += n;
    }
    free(chunk);
    if (!err) return payload_finish(writer, out);
    payload_abandon(writer);
    return err;
}

error *payload_of_view(store *s, const payload_view *view, payload *out) {
    if (view->bytes) return payload_of(s, span_make(view->bytes, (size_t)view->size), out);
    return copy_file(s, view->fd, out);
}

error *payload_view_of(store *s, const payload *p, payload_view *out) {
    *out = (payload_view){.size = p->size, .bytes = NULL, .fd = -1};
    if (!p->spool[0]) {
        out->bytes = xspandup(span_make(p->bytes, (size_t)p->size));
        return NULL;
    }
    out->fd = spool_open_file(s, p->spool);
    return out->fd < 0 ? error_from_errno(errno, "cannot open a spool file") : NULL;
}

error *payload_copy(store *s, const payload *from, payload *out) {
    payload_view view;
    *out = (payload){.size = 0};
    error *err = payload_view_of(s, from, &view);
    if (err) return err;
    err = payload_of_view(s, &view, out);
    payload_view_close(&view);
    return err;
}
