/* core/worker/courier.c: see courier.h. Runs in courier processes, single-threaded; may block, the desk watches the
 * clock.
 */
#include "core/worker/courier.h"

#include "adapters/adapter.h"
#include "core/base/io.h"
#include "core/base/memory.h"
#include "core/worker/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    PATH_ROOM = 4096,
    LIST_LIMIT = 1000,
    LIST_LIMIT_MAX = 50000,
    INLINE_LIMIT = 1024 * 1024,
    INLINE_LIMIT_MAX = FRAME_BYTES_MAX / 2,
    EXCHANGE_INLINE_MAX = FRAME_BYTES_MAX / 4 * 3,
    TIMEOUT_MS = 30000,
};

/* The session that is open, and what it was opened with. */
typedef struct courier {
    const adapter *kind;
    adapter_session *session; /* NULL: none */
    json_t *head;             /* lends settings and secrets to the session */
    bool reused;              /* it was opened for an earlier request */
} courier;

/* One request, while it is done. */
typedef struct errand {
    courier *self;
    const json_t *head;
    frame *request, *reply;
    bool again; /* the second try */
} errand;

static void close_session(courier *c) {
    if (c->session) c->kind->close(c->session);
    json_decref(c->head); /* wiped as it is freed, see nursery.c */
    *c = (courier){0};
}

static bool is_current(const courier *c, const json_t *head) {
    static const char *const keys[] = {"connection", "kind", "revision"};
    if (!c->session) return false;
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (!json_equal(json_object_get(c->head, keys[i]), json_object_get(head, keys[i]))) return false;
    return true;
}

static error *open_session(courier *c, json_t *head) {
    const char *kind = json_get_text(head, "kind", "");
    c->reused = is_current(c, head);
    if (c->reused) return NULL;
    close_session(c);
    const adapter *found = adapter_find(kind);
    if (!found) return error_new(ERROR_UNSUPPORTED, "there is no adapter of kind %s", kind);
    adapter_open_options options = {.settings = json_object_get(head, "settings"),
        .secrets = json_object_get(head, "secrets"),
        .connection = json_get_text(head, "connection", ""),
        .timeout_ms = json_get_integer(head, "timeout_ms", TIMEOUT_MS)};
    adapter_session *session = NULL;
    error *err = found->open(&options, &session);
    if (err) return err;
    *c = (courier){.kind = found, .session = session, .head = json_incref(head)};
    return NULL;
}

static error *cannot(const errand *e, const char *what) {
    return error_new(ERROR_UNSUPPORTED, "a connection of kind %s cannot %s", e->self->kind->kind, what);
}

/* File names are bytes, and old systems write them in Latin-1; JSON is UTF-8. A byte 80 to FF that belongs to no
 * character travels as U+F780 to U+F7FF, which are for private use, and becomes the byte again here. */
static void put_name(json_t *object, const char *name) {
    size_t len = strlen(name);
    if (span_is_utf8(span_make(name, len))) {
        json_put_text(object, "name", name);
        return;
    }
    buf shown = BUF_MAX(PATH_ROOM * 3);
    for (size_t i = 0; i < len;) {
        size_t taken = 0;
        for (size_t n = 1; n <= 4 && i + n <= len && !taken; n++)
            if (span_is_utf8(span_make(name + i, n))) taken = n;
        if (taken) {
            buf_add(&shown, span_make(name + i, taken));
        } else {
            unsigned char b = (unsigned char)name[i];
            const char coded[] = {(char)0xEF, (char)(0x9E + (b - 0x80) / 64), (char)(0x80 + b % 64)};
            buf_add(&shown, span_make(coded, sizeof coded));
        }
        i += taken ? taken : 1;
    }
    json_put_span(object, "name", buf_span(&shown));
    buf_free(&shown);
}

static void restore_bytes(char *path) {
    char *to = path;
    for (const char *from = path; *from;) {
        const unsigned char *u = (const unsigned char *)from;
        if (u[0] == 0xEF && (u[1] == 0x9E || u[1] == 0x9F) && u[2] >= 0x80 && u[2] <= 0xBF) {
            *to++ = (char)(0x80 + (u[1] - 0x9E) * 64 + (u[2] - 0x80));
            from += 3;
        } else {
            *to++ = *from++;
        }
    }
    *to = '\0';
}

/* A member of the head as a clean path; nothing else reaches an adapter. */
static error *get_path(const errand *e, const char *key, char *clean) {
    span raw = json_get_span(e->head, key);
    if (!raw.data) return error_new(ERROR_INVALID, "the request has no %s", key);
    error *err = io_path_clean(raw, clean, PATH_ROOM);
    if (!err) restore_bytes(clean);
    return err;
}

/* ---- reading from the peer ---- */

/* Where bytes go: to the desk's file, else into the reply. */
typedef struct receiver {
    int fd;
    off_t offset;
    buf inline_bytes;
} receiver;

static error *receive_bytes(void *context, span bytes) {
    receiver *r = context;
    if (r->fd < 0) {
        buf_add(&r->inline_bytes, bytes);
        return buf_check(&r->inline_bytes, "the content");
    }
    while (bytes.len > 0) {
        ssize_t n = pwrite(r->fd, bytes.data, bytes.len, r->offset);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return error_from_errno(errno, "cannot write to the spool");
        r->offset += n;
        bytes = span_make(bytes.data + n, bytes.len - (size_t)n);
    }
    return NULL;
}

static error *receive_again(void *context) {
    receiver *r = context;
    r->offset = 0;
    if (r->fd < 0) buf_clear(&r->inline_bytes);
    return r->fd >= 0 && ftruncate(r->fd, 0) < 0 ? error_from_errno(errno, "cannot empty the spool file") : NULL;
}

typedef error *(*reader_function)(adapter_session *, const char *, const adapter_sink *, adapter_entry *);

static json_t *entry_in_json(const adapter_entry *entry) {
    json_t *object = json_object();
    put_name(object, entry->name);
    json_object_set_new(object, "size", json_integer((json_int_t)entry->size));
    json_object_set_new(object, "modified_ms", json_integer(entry->modified_ms));
    return object;
}

static error *read_entry(errand *e, const char *key, reader_function read) {
    char path[PATH_ROOM];
    adapter_entry got = {0};
    int64_t inline_limit = json_get_integer(e->head, "inline_limit", INLINE_LIMIT);
    if (inline_limit < 0 || inline_limit > INLINE_LIMIT_MAX) inline_limit = INLINE_LIMIT_MAX;
    receiver to = {.fd = e->request->descriptors[0], .inline_bytes = BUF_MAX((size_t)inline_limit)};
    adapter_sink sink = {.write = receive_bytes, .context = &to};
    error *err = get_path(e, key, path);
    if (!err && to.fd >= 0 && ftruncate(to.fd, 0) < 0) err = error_from_errno(errno, "cannot empty the spool file");
    if (!err) err = read(e->self->session, path, &sink, &got);
    if (!err) {
        got.name = path;
        json_t *head = entry_in_json(&got);
        frame_put_json(e->reply, head);
        if (to.fd < 0) frame_put(e->reply, TAG_PAYLOAD, buf_span(&to.inline_bytes));
        json_decref(head);
    }
    buf_free(&to.inline_bytes);
    return err;
}

static error *do_get(errand *e) {
    const adapter *kind = e->self->kind;
    return kind->get ? read_entry(e, "name", kind->get) : cannot(e, "pick up files");
}

static error *do_read(errand *e) {
    const adapter *kind = e->self->kind;
    return kind->read ? read_entry(e, "path", kind->read) : cannot(e, "be read");
}

typedef struct listing {
    json_t *entries;
    size_t limit;
    bool more;
} listing;

static error *list_entry(void *context, const adapter_entry *entry) {
    listing *l = context;
    if (json_array_size(l->entries) == l->limit) {
        l->more = true;
        return error_new(ERROR_LIMIT, "the listing is cut"); /* stops the adapter; it is not told to anybody */
    }
    json_array_append_new(l->entries, entry_in_json(entry));
    return NULL;
}

static error *do_list(errand *e) {
    if (!e->self->kind->list) return cannot(e, "be listed");
    int64_t limit = json_get_integer(e->head, "limit", LIST_LIMIT);
    if (limit < 1 || limit > LIST_LIMIT_MAX) limit = LIST_LIMIT_MAX;
    listing l = {.entries = json_array(), .limit = (size_t)limit};
    error *err = e->self->kind->list(e->self->session, json_get_text(e->head, "pattern", NULL), list_entry, &l);
    if (l.more) {
        error_free(err);
        err = NULL;
    }
    if (!err) {
        json_t *head = json_pack("{s:O,s:b}", "entries", l.entries, "more", l.more);
        json_put_text(head, "left", e->self->kind->left ? e->self->kind->left(e->self->session) : NULL);
        frame_put_json(e->reply, head);
        json_decref(head);
    }
    json_decref(l.entries);
    return err;
}

/* ---- the rest ---- */

static error *do_probe(errand *e) {
    return e->self->kind->probe ? e->self->kind->probe(e->self->session) : NULL; /* it opened: that is all we can say */
}

static error *do_done(errand *e) {
    char name[PATH_ROOM];
    if (!e->self->kind->done) return cannot(e, "pick up files");
    error *err = get_path(e, "name", name);
    adapter_entry got = {.name = name,
        .size = (uint64_t)json_get_integer(e->head, "size", 0),
        .modified_ms = json_get_integer(e->head, "modified_ms", 0)};
    return err ? err : e->self->kind->done(e->self->session, &got);
}

static error *do_release(errand *e) {
    char name[PATH_ROOM];
    if (!e->self->kind->release) return cannot(e, "pick up files");
    error *err = get_path(e, "name", name);
    return err ? err : e->self->kind->release(e->self->session, name);
}

/* Bytes for the peer: from the request itself, or from the desk's file, whose own position is left alone. */
typedef struct sender {
    span bytes;
    int fd;
    uint64_t offset;
} sender;

static error *send_bytes(void *context, char *into, size_t room, size_t *len) {
    sender *from = context;
    if (from->fd < 0) {
        *len = from->bytes.len - from->offset < room ? from->bytes.len - from->offset : room;
        if (*len) memcpy(into, from->bytes.data + from->offset, *len);
    } else {
        ssize_t n;
        do
            n = pread(from->fd, into, room, (off_t)from->offset);
        while (n < 0 && errno == EINTR);
        if (n < 0) return error_from_errno(errno, "cannot read the payload");
        *len = (size_t)n;
    }
    from->offset += *len;
    return NULL;
}

static error *send_again(void *context) {
    ((sender *)context)->offset = 0;
    return NULL;
}

/* What the request brings, inline or as its first descriptor; `from` lives as long as the source. */
static error *open_source(const errand *e, sender *from, adapter_source *source) {
    struct stat status;
    *from = (sender){.bytes = frame_get(e->request, TAG_PAYLOAD, 0), .fd = e->request->descriptors[0]};
    *source = (adapter_source){.read = send_bytes, .rewind = send_again, .context = from, .size = from->bytes.len};
    if (from->bytes.data || e->request->descriptor_count == 0) from->fd = -1;
    if (from->fd >= 0 && fstat(from->fd, &status) < 0) return error_from_errno(errno, "cannot measure the payload");
    if (from->fd >= 0) source->size = (uint64_t)status.st_size;
    return NULL;
}

static error *do_stage(errand *e) {
    char path[PATH_ROOM];
    sender from;
    adapter_source source;
    const char *identity = json_get_text(e->head, "identity", NULL);
    if (!e->self->kind->stage) return cannot(e, "be written to");
    if (!identity) return error_new(ERROR_INVALID, "the request has no identity");
    error *err = open_source(e, &from, &source);
    source.content_type = json_get_text(e->head, "content_type", NULL);
    source.traceparent = json_get_text(e->head, "traceparent", NULL);
    if (!err) err = get_path(e, "path", path);
    return err ? err : e->self->kind->stage(e->self->session, path, identity, &source);
}

typedef error *(*packing_function)(
    adapter_session *, const json_t *, const adapter_source *, const adapter_sink *, json_t **);

static error *exchange(errand *e, packing_function work) {
    sender from;
    adapter_source source;
    json_t *outcome = NULL;
    int64_t into = json_get_integer(e->head, "into", -1);
    receiver to = {.fd = -1, .inline_bytes = BUF_MAX(EXCHANGE_INLINE_MAX)};
    const adapter_sink sink = {.write = receive_bytes, .rewind = receive_again, .context = &to};
    if (into >= 0 && into < (int64_t)e->request->descriptor_count) to.fd = e->request->descriptors[into];
    error *err = open_source(e, &from, &source);
    if (!err && to.fd >= 0 && ftruncate(to.fd, 0) < 0) err = error_from_errno(errno, "cannot empty the spool file");
    if (!err) err = work(e->self->session, json_get_object(e->head, "order"), &source, &sink, &outcome);
    if (!err) {
        frame_put_json(e->reply, outcome);
        if (to.fd < 0) frame_put(e->reply, TAG_PAYLOAD, buf_span(&to.inline_bytes));
    }
    buf_free(&to.inline_bytes);
    json_decref(outcome);
    return err;
}

static error *do_pack(errand *e) {
    return e->self->kind->pack ? exchange(e, e->self->kind->pack) : cannot(e, "pack what is exchanged");
}

static error *do_unpack(errand *e) {
    return e->self->kind->unpack ? exchange(e, e->self->kind->unpack) : cannot(e, "unpack what is exchanged");
}

static error *do_publish(errand *e) {
    char path[PATH_ROOM];
    const char *identity = json_get_text(e->head, "identity", NULL);
    bool replace = strcmp(json_get_text(e->head, "if_exists", "fail"), "replace") == 0;
    if (!e->self->kind->publish) return cannot(e, "be written to");
    if (!identity) return error_new(ERROR_INVALID, "the request has no identity");
    error *err = get_path(e, "path", path);
    if (err) return err;
    return e->self->kind->publish(e->self->session, path, identity,
        replace ? ADAPTER_EXISTS_REPLACE : ADAPTER_EXISTS_FAIL, e->again || json_get_bool(e->head, "again", false));
}

static error *do_remove(errand *e) {
    char path[PATH_ROOM];
    if (!e->self->kind->remove) return cannot(e, "remove files");
    error *err = get_path(e, "path", path);
    if (!err) err = e->self->kind->remove(e->self->session, path);
    /* The first try may have removed it before the connection broke. */
    if (!e->again || !err || error_code_of(err) != ERROR_NOT_FOUND) return err;
    error_free(err);
    return NULL;
}

/* The desk only waits on the descriptor; what it holds is read here, by the next LIST. */
static error *do_watch(errand *e) {
    int fd = e->self->kind->watch ? e->self->kind->watch(e->self->session) : -1;
    if (fd >= 0) fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (fd >= 0) frame_put_descriptor(e->reply, fd);
    return NULL;
}

static error *(*const operations[])(errand *) = {
    [OPERATION_PROBE] = do_probe,
    [OPERATION_LIST] = do_list,
    [OPERATION_GET] = do_get,
    [OPERATION_DONE] = do_done,
    [OPERATION_RELEASE] = do_release,
    [OPERATION_STAGE] = do_stage,
    [OPERATION_PUBLISH] = do_publish,
    [OPERATION_READ] = do_read,
    [OPERATION_REMOVE] = do_remove,
    [OPERATION_WATCH] = do_watch,
    [OPERATION_PACK] = do_pack,
    [OPERATION_UNPACK] = do_unpack,
};

static const size_t operation_count = sizeof operations / sizeof operations[0];

/* What may be wrong with the session itself: the next request gets a new one. */
static bool spoils_session(const error *err) {
    error_code code = error_code_of(err);
    return code == ERROR_UNREACHABLE || code == ERROR_TIMEOUT || code == ERROR_INTERNAL;
}

static error *attempt(errand *e, json_t *head) {
    error *err = open_session(e->self, head);
    return err ? err : operations[e->request->operation](e);
}

static bool has_settings(const json_t *head) {
    return json_object_get(head, "settings") != NULL;
}

static error *run_errand(worker *w, void *context, frame *request, frame *reply) {
    courier *self = context;
    json_t *head = NULL;
    (void)w;
    if ((size_t)request->operation >= operation_count || !operations[request->operation])
        return error_new(ERROR_UNSUPPORTED, "a courier does not do that");
    error *err = frame_get_json(request, &head);
    if (err) return err;
    if (!has_settings(head) && !is_current(self, head)) {
        json_t *wish = json_pack("{s:b}", "wants_settings", true);
        frame_put_json(reply, wish);
        json_decref(wish);
        json_decref(head);
        return NULL;
    }
    errand e = {.self = self, .head = head, .request = request, .reply = reply};
    err = attempt(&e, head);
    bool broken = err && error_code_of(err) == ERROR_UNREACHABLE && error_wait_ms(err) == 0;
    if (broken && self->reused && has_settings(head)) {
        error_free(err);
        close_session(self);
        e.again = true;
        err = attempt(&e, head);
    }
    if (err && spoils_session(err)) close_session(self);
    if (!err && !frame_get(reply, TAG_HEAD, 0).data) frame_put_empty(reply);
    json_decref(head);
    return err;
}

int courier_main(frame_channel *channel) {
    courier self = {0};
    frame_channel_set_secret(channel);
    int status = worker_serve(channel, run_errand, &self);
    close_session(&self);
    return status;
}
