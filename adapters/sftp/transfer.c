/* adapters/sftp/transfer.c: many requests under way at once: reading, writing, listing.
 *
 * Servers may answer in any order, and may give fewer bytes than were asked; the sink gets them in order all the same.
 * When something fails, the answers still under way are taken out of the stream before the error is returned, so that
 * the session stays usable.
 */
#include "adapters/sftp/protocol_private.h"

#include "core/base/memory.h"

#include <inttypes.h>
#include <stdlib.h>

enum { CHUNK = 32768, DEPTH = 64, DEPTH_AT_FIRST = 2, LIST_DEPTH = 4, LIST_MAX = 4 * 1000 * 1000 };

typedef struct slot {
    uint32_t id;
    uint64_t offset;
    size_t wanted, filled;
    bool answered;
    char *data;
} slot;

/* Slots in the order of their offsets: a ring that begins at `head`. */
typedef struct transfer {
    sftp_protocol *p;
    const sftp_handle *handle;
    const char *path;
    slot slots[DEPTH];
    size_t head, count, depth;
    uint64_t next_offset;
    bool ended; /* no new requests */
    error *err; /* the first that went wrong */
} transfer;

static slot *slot_at(transfer *t, size_t index) {
    return &t->slots[(t->head + index) % DEPTH];
}

static slot *slot_of(transfer *t, uint32_t id) {
    for (size_t i = 0; i < t->count; i++) {
        slot *s = slot_at(t, i);
        if (!s->answered && s->id == id) return s;
    }
    return NULL;
}

static void fail(transfer *t, error *take) {
    t->ended = true;
    if (t->err)
        error_free(take);
    else
        t->err = take;
}

static void request_read(transfer *t, slot *s) {
    s->id = fxp_begin(t->p, FXP_READ);
    fxp_put_string(&t->p->out, span_make(t->handle->bytes, t->handle->len));
    fxp_put_u64(&t->p->out, s->offset + s->filled);
    fxp_put_u32(&t->p->out, (uint32_t)(s->wanted - s->filled));
    fxp_end(t->p);
}

static void request_more(transfer *t) {
    while (!t->ended && t->count < t->depth) {
        slot *s = slot_at(t, t->count++);
        if (!s->data) s->data = xmalloc(CHUNK);
        *s = (slot){.offset = t->next_offset, .wanted = CHUNK, .data = s->data};
        t->next_offset += CHUNK;
        request_read(t, s);
    }
}

/* One answer. An error breaks the session; what the server refuses is kept in t->err. */
static error *take_read(transfer *t) {
    reply r = {.type = 0};
    error *err = fxp_flush(t->p);
    if (!err) err = fxp_receive_reply(t->p, &r);
    if (err) return err;
    slot *s = slot_of(t, r.id);
    if (!s) return fxp_nonsense(t->p, "an answer to what was not asked");
    if (r.type == FXP_STATUS) {
        uint32_t code = fxp_take_u32(&r);
        s->answered = t->ended = true;
        if (r.bad || code == FX_OK) return fxp_nonsense(t->p, "a status instead of data");
        if (code != FX_EOF) fail(t, fxp_status_error(code, fxp_take_string(&r), "read", t->path));
        return NULL;
    }
    span data = fxp_take_string(&r);
    if (r.type != FXP_DATA || r.bad || data.len == 0 || data.len > s->wanted - s->filled)
        return fxp_nonsense(t->p, "data that was not asked");
    memcpy(s->data + s->filled, data.data, data.len);
    s->filled += data.len;
    if (s->filled == s->wanted || t->err)
        s->answered = true;
    else
        request_read(t, s); /* fewer bytes than asked: the rest, or the end */
    return NULL;
}

/* What lies complete at the front goes to the sink. A slot that is not full is the end of the file; what comes behind
 * it was written later, and the caller sees that by the size. */
static void deliver(transfer *t, const adapter_sink *sink, uint64_t *total, bool *at_end) {
    while (t->count > 0 && slot_at(t, 0)->answered) {
        slot *s = slot_at(t, 0);
        if (!t->err && !*at_end && s->filled > 0) {
            error *err = sink->write(sink->context, span_make(s->data, s->filled));
            if (err) fail(t, err);
            *total += s->filled;
        }
        if (s->filled < s->wanted) *at_end = true;
        t->head = (t->head + 1) % DEPTH;
        t->count--;
        if (t->depth < DEPTH) t->depth *= 2; /* small files need no more than two requests */
    }
}

error *sftp_read_all(
    sftp_protocol *p, const sftp_handle *handle, const char *path, const adapter_sink *sink, uint64_t *total) {
    transfer *t = xcalloc(1, sizeof *t);
    *t = (transfer){.p = p, .handle = handle, .path = path, .depth = DEPTH_AT_FIRST};
    error *err = NULL;
    bool at_end = false;
    *total = 0;
    request_more(t);
    while (!err && t->count > 0) {
        err = take_read(t);
        if (err) break;
        deliver(t, sink, total, &at_end);
        request_more(t);
    }
    for (size_t i = 0; i < DEPTH; i++)
        free(t->slots[i].data);
    if (err)
        error_free(t->err);
    else
        err = t->err;
    free(t);
    return p->broken ? error_wrap(err, "cannot read %s", path) : err;
}

/* Fills one request from the source; at its end, or after an error, none. */
static void request_write(transfer *t, const adapter_source *source, char *chunk) {
    size_t len = 0;
    error *err = source->read(source->context, chunk, CHUNK, &len);
    if (err) fail(t, err);
    if (err || len == 0) {
        t->ended = true;
        return;
    }
    slot *s = slot_at(t, t->count++);
    *s = (slot){.id = fxp_begin(t->p, FXP_WRITE)};
    fxp_put_string(&t->p->out, span_make(t->handle->bytes, t->handle->len));
    fxp_put_u64(&t->p->out, t->next_offset);
    fxp_put_string(&t->p->out, span_make(chunk, len));
    fxp_end(t->p);
    t->next_offset += len;
}

static error *take_written(transfer *t) {
    reply r = {.type = 0};
    error *err = fxp_receive_reply(t->p, &r);
    if (err) return err;
    slot *s = slot_of(t, r.id);
    if (!s || r.type != FXP_STATUS) return fxp_nonsense(t->p, "an answer to what was not asked");
    s->answered = true;
    err = fxp_take_status(t->p, &r, "write", t->path);
    if (t->p->broken) return err;
    if (err) fail(t, err);
    while (t->count > 0 && slot_at(t, 0)->answered) {
        t->head = (t->head + 1) % DEPTH;
        t->count--;
    }
    return NULL;
}

error *sftp_write_all(
    sftp_protocol *p, const sftp_handle *handle, const char *path, const adapter_source *source, uint64_t *total) {
    transfer *t = xcalloc(1, sizeof *t);
    char *chunk = xmalloc(CHUNK);
    *t = (transfer){.p = p, .handle = handle, .path = path};
    error *err = NULL;
    error *at_first = source->rewind(source->context);
    if (at_first) fail(t, at_first);
    while (!err && (!t->ended || t->count > 0)) {
        if (!t->ended && t->count < DEPTH) {
            request_write(t, source, chunk);
            err = fxp_flush(p);
        } else {
            err = take_written(t);
        }
    }
    *total = t->next_offset;
    if (err)
        error_free(t->err);
    else
        err = t->err;
    free(chunk);
    free(t);
    return p->broken ? error_wrap(err, "cannot write %s", path) : err;
}

typedef struct lister {
    error *(*found)(void *context, span name, const sftp_attributes *attributes);
    void *context;
    const char *path;
    uint64_t seen;
    bool ended;
    error *err;
} lister;

static error *take_names(sftp_protocol *p, lister *l, reply *r) {
    uint32_t count = fxp_take_u32(r);
    if (r->bad || count == 0) return fxp_nonsense(p, "a list without names");
    for (; count > 0; count--) {
        sftp_attributes attributes;
        span name = fxp_take_string(r);
        (void)fxp_take_string(r); /* the line of "ls -l", for people */
        fxp_take_attributes(r, &attributes);
        if (r->bad) return fxp_nonsense(p, "names that end early");
        if (span_is(name, ".") || span_is(name, "..") || l->err) continue;
        if (++l->seen > LIST_MAX)
            l->err = error_new(ERROR_LIMIT, "%s has more than %d entries", l->path, LIST_MAX);
        else
            l->err = l->found(l->context, name, &attributes);
    }
    return NULL;
}

/* One answer to one of the READDIRs `first`..`last`, which differ in nothing. */
static error *take_list(sftp_protocol *p, lister *l, uint32_t first, uint32_t last) {
    reply r = {.type = 0};
    error *err = fxp_receive_reply(p, &r);
    if (err) return err;
    if (r.id - first > last - first) return fxp_nonsense(p, "an answer to what was not asked");
    if (r.type == FXP_NAME) return take_names(p, l, &r);
    uint32_t code = fxp_take_u32(&r);
    if (r.type != FXP_STATUS || r.bad || code == FX_OK) return fxp_nonsense(p, "a status instead of names");
    if (code != FX_EOF && !l->err) l->err = fxp_status_error(code, fxp_take_string(&r), "list", l->path);
    l->ended = true;
    return NULL;
}

error *sftp_list_directory(sftp_protocol *p, const char *path,
    error *(*found)(void *context, span name, const sftp_attributes *attributes), void *context) {
    sftp_handle handle;
    lister l = {.found = found, .context = context, .path = path};
    error *err = fxp_open_directory(p, path, &handle);
    if (err) return err;
    uint32_t first = p->last_id + 1, asked = 0, answered = 0;
    while (!err && (asked != answered || !(l.ended || l.err))) {
        while (!l.ended && !l.err && asked - answered < LIST_DEPTH) {
            (void)fxp_begin(p, FXP_READDIR);
            fxp_put_string(&p->out, span_make(handle.bytes, handle.len));
            fxp_end(p);
            asked++;
        }
        err = fxp_flush(p);
        if (!err) err = take_list(p, &l, first, p->last_id);
        answered++;
    }
    if (err) {
        error_free(l.err);
        return error_wrap(err, "cannot list %s", path);
    }
    sftp_forget(p, &handle);
    return l.err;
}
