/* adapters/sftp/protocol.c: see protocol.h. The pipelined transfers are in transfer.c. */
#include "adapters/sftp/protocol_private.h"

#include "core/base/memory.h"

#include <stdlib.h>
#include <sys/stat.h>

enum {
    FXP_INIT = 1,
    FXP_VERSION = 2,
    FXP_OPEN = 3,
    FXP_CLOSE = 4,
    FXP_LSTAT = 7,
    FXP_FSTAT = 8,
    FXP_SETSTAT = 9,
    FXP_OPENDIR = 11,
    FXP_REMOVE = 13,
    FXP_MKDIR = 14,
    FXP_REALPATH = 16,
    FXP_RENAME = 18,
    FXP_HANDLE = 102,
    FXP_ATTRS = 105,
    FXP_EXTENDED = 200,
    FXP_EXTENDED_REPLY = 201,
    VERSION = 3,
    ATTR_SIZE = 1,
    ATTR_OWNER = 2,
    ATTR_PERMISSIONS = 4,
    ATTR_TIMES = 8,
    WORDS_MAX = 300,
};
#define ATTR_EXTENDED 0x80000000U

void fxp_put_u32(buf *b, uint32_t value) {
    char bytes[4] = {(char)(value >> 24), (char)(value >> 16), (char)(value >> 8), (char)value};
    buf_add(b, span_make(bytes, sizeof bytes));
}

void fxp_put_u64(buf *b, uint64_t value) {
    fxp_put_u32(b, (uint32_t)(value >> 32));
    fxp_put_u32(b, (uint32_t)value);
}

void fxp_put_string(buf *b, span text) {
    fxp_put_u32(b, (uint32_t)text.len);
    buf_add(b, text);
}

uint32_t fxp_take_u32(reply *r) {
    if (r->rest.len < 4) {
        r->bad = true;
        r->rest.len = 0;
        return 0;
    }
    const unsigned char *b = (const unsigned char *)r->rest.data;
    r->rest = span_make(r->rest.data + 4, r->rest.len - 4);
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

uint64_t fxp_take_u64(reply *r) {
    uint64_t high = fxp_take_u32(r);
    return high << 32 | fxp_take_u32(r);
}

span fxp_take_string(reply *r) {
    uint32_t len = fxp_take_u32(r);
    if (len > r->rest.len) {
        r->bad = true;
        r->rest.len = 0;
        return SPAN("");
    }
    span text = span_make(r->rest.data, len);
    r->rest = span_make(r->rest.data + len, r->rest.len - len);
    return text;
}

void fxp_take_attributes(reply *r, sftp_attributes *attributes) {
    uint32_t flags = fxp_take_u32(r);
    *attributes = (sftp_attributes){
        .has_size = flags & ATTR_SIZE, .has_mode = flags & ATTR_PERMISSIONS, .has_times = flags & ATTR_TIMES};
    if (flags & ATTR_SIZE) attributes->size = fxp_take_u64(r);
    if (flags & ATTR_OWNER) (void)fxp_take_u64(r);
    if (flags & ATTR_PERMISSIONS) attributes->mode = fxp_take_u32(r);
    if (flags & ATTR_TIMES) {
        (void)fxp_take_u32(r);
        attributes->modified_s = fxp_take_u32(r);
    }
    if (!(flags & ATTR_EXTENDED)) return;
    for (uint32_t pairs = fxp_take_u32(r); pairs > 0 && !r->bad; pairs--) {
        (void)fxp_take_string(r);
        (void)fxp_take_string(r);
    }
}

error *fxp_broken(sftp_protocol *p, error *take) {
    p->broken = true;
    return take;
}

error *fxp_nonsense(sftp_protocol *p, const char *what) {
    return fxp_broken(p, error_new(ERROR_UNREACHABLE, "the server breaks the SFTP protocol: %s", what));
}

uint32_t fxp_begin(sftp_protocol *p, int type) {
    p->begun = p->out.len;
    fxp_put_u32(&p->out, 0); /* the length, known at the end */
    buf_add_char(&p->out, (char)type);
    fxp_put_u32(&p->out, ++p->last_id);
    return p->last_id;
}

void fxp_end(sftp_protocol *p) {
    size_t len = p->out.len - p->begun - 4;
    unsigned char *at = (unsigned char *)p->out.data + p->begun;
    for (int i = 0; i < 4; i++)
        at[i] = (unsigned char)(len >> (24 - 8 * i));
}

error *fxp_flush(sftp_protocol *p) {
    if (p->broken) return error_new(ERROR_UNREACHABLE, "the connection was lost");
    error *err = buf_check(&p->out, "a request");
    if (!err) err = sftp_link_write(p->link, buf_span(&p->out));
    buf_clear(&p->out);
    p->out.overflow = false;
    return err ? fxp_broken(p, err) : NULL;
}

static error *receive_packet(sftp_protocol *p, uint32_t *len) {
    char head[4];
    if (p->broken) return error_new(ERROR_UNREACHABLE, "the connection was lost");
    error *err = sftp_link_read(p->link, head, sizeof head);
    if (err) return fxp_broken(p, err);
    reply number = {.rest = span_make(head, sizeof head)};
    *len = fxp_take_u32(&number);
    if (*len < 5 || *len > PACKET_MAX) return fxp_nonsense(p, "a packet of a size that cannot be");
    err = sftp_link_read(p->link, p->in, *len);
    return err ? fxp_broken(p, err) : NULL;
}

error *fxp_receive_reply(sftp_protocol *p, reply *r) {
    for (;;) {
        uint32_t len = 0;
        error *err = receive_packet(p, &len);
        if (err) return err;
        *r = (reply){.type = (unsigned char)p->in[0], .rest = span_make(p->in + 1, len - 1)};
        r->id = fxp_take_u32(r);
        if (p->forgotten == 0 || r->id != p->forgotten) return NULL;
        p->forgotten = 0;
    }
}

error *fxp_status_error(uint32_t code, span words, const char *doing, const char *path) {
    static const struct {
        error_code code;
        const char *words;
    } meanings[] = {
        [FX_NO_SUCH_FILE] = {ERROR_NOT_FOUND, "there is no such file"},
        [FX_PERMISSION_DENIED] = {ERROR_DENIED, "permission denied"},
        [FX_FAILURE] = {ERROR_IO, "the server failed, it does not say why"},
        [5] = {ERROR_INTERNAL, "the server did not understand the request"},
        [6] = {ERROR_UNREACHABLE, "the server has no connection"},
        [7] = {ERROR_UNREACHABLE, "the server lost its connection"},
        [8] = {ERROR_UNSUPPORTED, "the server cannot do that"},
        [9] = {ERROR_INTERNAL, "the handle is not valid"},
        [10] = {ERROR_NOT_FOUND, "there is no such path"},
        [11] = {ERROR_CONFLICT, "it exists already"},
        [12] = {ERROR_DENIED, "it is write-protected"},
        [14] = {ERROR_FULL, "no space is left on the server"},
        [15] = {ERROR_FULL, "the quota is used up"},
        [17] = {ERROR_CONFLICT, "another program has locked it"},
        [18] = {ERROR_CONFLICT, "the directory is not empty"},
        [19] = {ERROR_NOT_FOUND, "it is no directory"},
        [20] = {ERROR_INVALID, "the server does not take this name"},
    };
    size_t count = sizeof meanings / sizeof *meanings;
    bool known = code < count && meanings[code].words;
    int len = words.len > WORDS_MAX ? WORDS_MAX : (int)words.len;
    return error_new(known ? meanings[code].code : ERROR_IO, "cannot %s %s: %s%s%.*s%s", doing, path,
        known ? meanings[code].words : "an unknown status", len ? " (the server says: " : "", len,
        len ? words.data : "", len ? ")" : "");
}

error *fxp_take_status(sftp_protocol *p, reply *r, const char *doing, const char *path) {
    uint32_t code = fxp_take_u32(r);
    if (r->bad) return fxp_nonsense(p, "a status without a code");
    if (code == FX_OK) return NULL;
    span words = r->rest.len >= 4 ? fxp_take_string(r) : SPAN(""); /* version 2 has none */
    return fxp_status_error(code, words, doing, path);
}

/* Sends what was built and waits for its answer: `type`, or a status that says why not. */
static error *ask(sftp_protocol *p, uint32_t id, int type, const char *doing, const char *path, reply *r) {
    fxp_end(p);
    error *err = fxp_flush(p);
    if (!err) err = fxp_receive_reply(p, r);
    if (err) return error_wrap(err, "cannot %s %s", doing, path);
    if (r->id != id) return fxp_nonsense(p, "an answer to what was not asked");
    if (r->type == FXP_STATUS) {
        err = fxp_take_status(p, r, doing, path);
        if (err || type == FXP_STATUS) return err;
    }
    return r->type == type ? NULL : fxp_nonsense(p, "an answer of another kind");
}

static error *ask_status(sftp_protocol *p, uint32_t id, const char *doing, const char *path) {
    reply r = {.type = 0};
    return ask(p, id, FXP_STATUS, doing, path, &r);
}

static error *ask_attributes(sftp_protocol *p, uint32_t id, const char *path, sftp_attributes *attributes) {
    reply r = {.type = 0};
    error *err = ask(p, id, FXP_ATTRS, "look at", path, &r);
    if (err) return err;
    fxp_take_attributes(&r, attributes);
    return r.bad ? fxp_nonsense(p, "attributes that end early") : NULL;
}

static error *ask_handle(sftp_protocol *p, uint32_t id, const char *path, sftp_handle *handle) {
    reply r = {.type = 0};
    error *err = ask(p, id, FXP_HANDLE, "open", path, &r);
    if (err) return err;
    span bytes = fxp_take_string(&r);
    if (r.bad || bytes.len > sizeof handle->bytes) return fxp_nonsense(p, "a handle that cannot be");
    memcpy(handle->bytes, bytes.data, bytes.len);
    handle->len = bytes.len;
    return NULL;
}

static void note_extension(sftp_protocol *p, span name) {
    if (span_is(name, "posix-rename@openssh.com")) p->has_posix_rename = true;
    if (span_is(name, "fsync@openssh.com")) p->has_fsync = true;
    if (span_is(name, "statvfs@openssh.com")) p->has_statvfs = true;
}

static error *greet(sftp_protocol *p) {
    uint32_t len = 0;
    fxp_put_u32(&p->out, 5);
    buf_add_char(&p->out, FXP_INIT);
    fxp_put_u32(&p->out, VERSION);
    error *err = fxp_flush(p);
    if (!err) err = receive_packet(p, &len);
    if (err) return error_wrap(err, "starting SFTP");
    reply r = {.type = (unsigned char)p->in[0], .rest = span_make(p->in + 1, len - 1)};
    if (r.type != FXP_VERSION || fxp_take_u32(&r) < VERSION) return fxp_nonsense(p, "it does not speak version 3");
    while (r.rest.len > 0 && !r.bad) {
        span name = fxp_take_string(&r);
        (void)fxp_take_string(&r);
        if (!r.bad) note_extension(p, name);
    }
    return r.bad ? fxp_nonsense(p, "extensions that end early") : NULL;
}

error *sftp_protocol_new(sftp_link *take, sftp_protocol **out) {
    sftp_protocol *p = xcalloc(1, sizeof *p);
    *p = (sftp_protocol){.link = take, .out = BUF_MAX(REQUESTS_MAX)};
    p->in = xmalloc(PACKET_MAX);
    error *err = greet(p);
    if (err) {
        sftp_protocol_free(p);
        return err;
    }
    *out = p;
    return NULL;
}

void sftp_protocol_free(sftp_protocol *p) {
    if (!p) return;
    sftp_link_close(p->link);
    buf_free(&p->out);
    free(p->in);
    free(p);
}

bool sftp_protocol_is_broken(const sftp_protocol *p) {
    return p->broken;
}

error *sftp_lstat(sftp_protocol *p, const char *path, sftp_attributes *attributes) {
    uint32_t id = fxp_begin(p, FXP_LSTAT);
    fxp_put_string(&p->out, span_of(path));
    return ask_attributes(p, id, path, attributes);
}

error *sftp_fstat(sftp_protocol *p, const sftp_handle *handle, const char *path, sftp_attributes *attributes) {
    uint32_t id = fxp_begin(p, FXP_FSTAT);
    fxp_put_string(&p->out, span_make(handle->bytes, handle->len));
    return ask_attributes(p, id, path, attributes);
}

error *sftp_set_time(sftp_protocol *p, const char *path, uint32_t modified_s) {
    uint32_t id = fxp_begin(p, FXP_SETSTAT);
    fxp_put_string(&p->out, span_of(path));
    fxp_put_u32(&p->out, ATTR_TIMES);
    fxp_put_u32(&p->out, modified_s);
    fxp_put_u32(&p->out, modified_s);
    return ask_status(p, id, "set the time of", path);
}

error *sftp_realpath(sftp_protocol *p, const char *path) {
    reply r = {.type = 0};
    uint32_t id = fxp_begin(p, FXP_REALPATH);
    fxp_put_string(&p->out, span_of(path));
    return ask(p, id, FXP_NAME, "find", path, &r);
}

error *sftp_make_directory(sftp_protocol *p, const char *path) {
    uint32_t id = fxp_begin(p, FXP_MKDIR);
    fxp_put_string(&p->out, span_of(path));
    fxp_put_u32(&p->out, 0);
    return ask_status(p, id, "make the directory", path);
}

error *sftp_delete(sftp_protocol *p, const char *path) {
    uint32_t id = fxp_begin(p, FXP_REMOVE);
    fxp_put_string(&p->out, span_of(path));
    return ask_status(p, id, "remove", path);
}

error *sftp_rename(sftp_protocol *p, const char *from, const char *to) {
    uint32_t id = fxp_begin(p, FXP_RENAME);
    fxp_put_string(&p->out, span_of(from));
    fxp_put_string(&p->out, span_of(to));
    return ask_status(p, id, "rename to", to);
}

error *sftp_replace(sftp_protocol *p, const char *from, const char *to) {
    if (!p->has_posix_rename) {
        error *err = sftp_delete(p, to);
        if (err && error_code_of(err) != ERROR_NOT_FOUND) return err;
        error_free(err);
        return sftp_rename(p, from, to);
    }
    uint32_t id = fxp_begin(p, FXP_EXTENDED);
    fxp_put_string(&p->out, SPAN("posix-rename@openssh.com"));
    fxp_put_string(&p->out, span_of(from));
    fxp_put_string(&p->out, span_of(to));
    return ask_status(p, id, "rename to", to);
}

error *sftp_open(sftp_protocol *p, const char *path, sftp_open_flags flags, sftp_handle *handle) {
    uint32_t id = fxp_begin(p, FXP_OPEN);
    fxp_put_string(&p->out, span_of(path));
    fxp_put_u32(&p->out, (uint32_t)flags);
    fxp_put_u32(&p->out, 0);
    return ask_handle(p, id, path, handle);
}

error *fxp_open_directory(sftp_protocol *p, const char *path, sftp_handle *handle) {
    uint32_t id = fxp_begin(p, FXP_OPENDIR);
    fxp_put_string(&p->out, span_of(path));
    return ask_handle(p, id, path, handle);
}

error *sftp_close(sftp_protocol *p, const sftp_handle *handle, const char *path) {
    uint32_t id = fxp_begin(p, FXP_CLOSE);
    fxp_put_string(&p->out, span_make(handle->bytes, handle->len));
    return ask_status(p, id, "close", path);
}

/* One answer can be forgotten at a time: the next request takes the one before out of the stream. */
void sftp_forget(sftp_protocol *p, const sftp_handle *handle) {
    if (p->broken) return;
    if (p->forgotten != 0) {
        error_free(sftp_close(p, handle, ""));
        return;
    }
    uint32_t id = fxp_begin(p, FXP_CLOSE);
    fxp_put_string(&p->out, span_make(handle->bytes, handle->len));
    fxp_end(p);
    error_free(fxp_flush(p));
    p->forgotten = id;
}

error *sftp_sync(sftp_protocol *p, const sftp_handle *handle, const char *path) {
    if (!p->has_fsync) return NULL;
    uint32_t id = fxp_begin(p, FXP_EXTENDED);
    fxp_put_string(&p->out, SPAN("fsync@openssh.com"));
    fxp_put_string(&p->out, span_make(handle->bytes, handle->len));
    return ask_status(p, id, "make durable", path);
}

bool sftp_is_full(sftp_protocol *p, const char *path) {
    reply r = {.type = 0};
    if (!p->has_statvfs || p->broken) return false;
    uint32_t id = fxp_begin(p, FXP_EXTENDED);
    fxp_put_string(&p->out, SPAN("statvfs@openssh.com"));
    fxp_put_string(&p->out, span_of(path));
    error *err = ask(p, id, FXP_EXTENDED_REPLY, "look at the space of", path, &r);
    if (err) {
        error_free(err);
        return false;
    }
    for (int i = 0; i < 4; i++) /* block size, fragment size, blocks, free blocks */
        (void)fxp_take_u64(&r);
    uint64_t available = fxp_take_u64(&r);
    return !r.bad && available == 0;
}
