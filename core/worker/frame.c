/* core/worker/frame.c: see frame.h. Fields first, then the channel.
 *
 * A descriptor travels with the first byte of its frame's header, and the kernel hands it over with the read that takes
 * that byte. Reads may coalesce several frames, so descriptors wait in a queue until the header that announces them is
 * parsed; whatever no frame announces is a fault of the sender.
 */
#include "core/worker/frame.h"

#include "core/base/io.h"
#include "core/base/memory.h"
#include "core/worker/head.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    HEADER_SIZE = 16,
    FIELD_HEADER_SIZE = 8,
    STAGE_SIZE = 64 * 1024,
    READS_PER_FILL = 16,   /* a talkative worker must not keep the desk's thread from the others */
    FRAMES_PER_WRITE = 16, /* frames that one sendmsg carries */
    ERROR_TEXT_MAX = 8 * 1024,
};

static uint16_t load16(const char *at) {
    uint16_t value;
    memcpy(&value, at, sizeof value);
    return le16toh(value);
}

static uint32_t load32(const char *at) {
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return le32toh(value);
}

static uint64_t load64(const char *at) {
    uint64_t value;
    memcpy(&value, at, sizeof value);
    return le64toh(value);
}

static void store16(char *at, uint16_t value) {
    value = htole16(value);
    memcpy(at, &value, sizeof value);
}

static void store32(char *at, uint32_t value) {
    value = htole32(value);
    memcpy(at, &value, sizeof value);
}

static void store64(char *at, uint64_t value) {
    value = htole64(value);
    memcpy(at, &value, sizeof value);
}

/* ---- frames and their fields ---- */

void frame_init(frame *f, frame_kind kind, frame_operation operation, uint64_t id) {
    *f = (frame){.kind = kind, .operation = operation, .id = id, .fields = BUF_MAX(FRAME_BYTES_MAX)};
    for (size_t i = 0; i < FRAME_DESCRIPTORS_MAX; i++)
        f->descriptors[i] = -1;
}

static void clear_content(frame *f) {
    if (f->secret && f->fields.data) explicit_bzero(f->fields.data, f->fields.capacity);
    buf_free(&f->fields);
    for (size_t i = 0; i < f->descriptor_count; i++)
        io_close(&f->descriptors[i]);
    f->descriptor_count = 0;
    f->overflow = false;
}

void frame_clear(frame *f) {
    clear_content(f);
    frame_init(f, f->kind, f->operation, f->id);
}

/* Room for a field's bytes; NULL when the frame overflows. */
static char *put_field(frame *f, frame_tag tag, size_t len) {
    char header[FIELD_HEADER_SIZE] = {0};
    if (f->overflow || len > FRAME_BYTES_MAX - FIELD_HEADER_SIZE || !buf_reserve(&f->fields, FIELD_HEADER_SIZE + len)) {
        f->overflow = true;
        return NULL;
    }
    store16(header, (uint16_t)tag);
    store32(header + 4, (uint32_t)len);
    buf_add(&f->fields, span_make(header, sizeof header));
    char *at = buf_reserve(&f->fields, len);
    buf_grew(&f->fields, len);
    return at;
}

void frame_put(frame *f, frame_tag tag, span bytes) {
    char *at = put_field(f, tag, bytes.len);
    if (at && bytes.len) memcpy(at, bytes.data, bytes.len);
}

void frame_put_json(frame *f, const json_t *value) {
    char *at = put_field(f, TAG_HEAD, head_size(value));
    if (at) head_write(at, value);
}

void frame_put_empty(frame *f) {
    json_t *nothing = json_object();
    frame_put_json(f, nothing);
    json_decref(nothing);
}

void frame_put_error(frame *f, const error *err) {
    span head = f->overflow ? span_make(NULL, 0) : frame_get(f, TAG_HEAD, 0);
    char *kept = head.data ? xspandup(head) : NULL;
    span text = span_of(error_text(err)), where = span_of(error_where(err));
    clear_content(f);
    if (text.len > ERROR_TEXT_MAX) text.len = ERROR_TEXT_MAX;
    if (where.len > ERROR_TEXT_MAX) where.len = ERROR_TEXT_MAX;
    frame_put(f, TAG_ERROR_CODE, span_of(error_code_name(error_code_of(err))));
    frame_put(f, TAG_ERROR_TEXT, text);
    if (where.len) frame_put(f, TAG_ERROR_WHERE, where);
    if (error_wait_ms(err) > 0) {
        char wait[24];
        snprintf(wait, sizeof wait, "%lld", (long long)error_wait_ms(err));
        frame_put(f, TAG_ERROR_WAIT, span_of(wait));
    }
    if (kept) frame_put(f, TAG_HEAD, span_make(kept, head.len));
    free(kept);
}

void frame_put_descriptor(frame *f, int take_fd) {
    if (f->descriptor_count == FRAME_DESCRIPTORS_MAX) {
        f->overflow = true;
        close(take_fd);
        return;
    }
    f->descriptors[f->descriptor_count++] = take_fd;
}

/* One field off the front of `rest`; false at its end or when the lengths do not fit. */
static bool next_field(span *rest, unsigned *tag, span *bytes) {
    if (rest->len < FIELD_HEADER_SIZE) return false;
    uint32_t length = load32(rest->data + 4);
    if (length > rest->len - FIELD_HEADER_SIZE) return false;
    *tag = load16(rest->data);
    *bytes = span_make(rest->data + FIELD_HEADER_SIZE, length);
    *rest = span_make(bytes->data + length, rest->len - FIELD_HEADER_SIZE - length);
    return true;
}

span frame_get(const frame *f, frame_tag tag, size_t index) {
    span rest = buf_span(&f->fields), bytes;
    unsigned found;
    while (next_field(&rest, &found, &bytes))
        if (found == (unsigned)tag && index-- == 0) return bytes;
    return span_make(NULL, 0);
}

error *frame_get_json(const frame *f, json_t **value) {
    span bytes = frame_get(f, TAG_HEAD, 0);
    *value = NULL;
    if (!bytes.data) return error_new(ERROR_INVALID, "a frame lacks its head");
    error *err = head_read(bytes, value);
    if (!err && !json_is_object(*value)) {
        json_decref(*value);
        *value = NULL;
        err = error_new(ERROR_INVALID, "it is not an object");
    }
    return error_wrap(err, "head of a frame");
}

error *frame_get_error(const frame *f) {
    span code = frame_get(f, TAG_ERROR_CODE, 0);
    if (!code.data) return NULL;
    span text = frame_get(f, TAG_ERROR_TEXT, 0), where = frame_get(f, TAG_ERROR_WHERE, 0);
    if (text.len > ERROR_TEXT_MAX) text.len = ERROR_TEXT_MAX;
    if (where.len > ERROR_TEXT_MAX) where.len = ERROR_TEXT_MAX;
    error *err =
        error_new(error_code_named(code), "%.*s", (int)text.len, text.len ? text.data : "failed without a reason");
    uint64_t wait_ms;
    if (span_to_u64(frame_get(f, TAG_ERROR_WAIT, 0), 1, INT64_MAX, &wait_ms))
        err = error_not_before(err, (int64_t)wait_ms);
    return where.len ? error_at(err, "%.*s", (int)where.len, where.data) : err;
}

int frame_take_descriptor(frame *f, size_t index) {
    if (index >= f->descriptor_count) return -1;
    int fd = f->descriptors[index];
    f->descriptors[index] = -1;
    return fd;
}

/* ---- the channel ---- */

typedef struct outgoing {
    struct outgoing *next;
    const frame *content; /* &own, or lent */
    frame own;
    char header[HEADER_SIZE];
    size_t written;
} outgoing;

typedef struct incoming {
    struct incoming *next;
    frame content;
} incoming;

struct frame_channel {
    int fd;
    bool secret;
    bool broken; /* a malformed frame came: nothing after it can be believed */
    outgoing *out_first, *out_last;
    uint64_t queued, written; /* frames, since the channel began */
    incoming *in_first, *in_last;
    incoming *partial; /* its header is read, its fields are not complete; NULL between frames */
    size_t missing;
    char header[HEADER_SIZE];
    size_t header_len;
    int descriptors[FRAME_DESCRIPTORS_MAX]; /* arrived, not yet claimed by a frame */
    size_t descriptor_count;
    char stage[STAGE_SIZE];
};

frame_channel *frame_channel_new(int take_socket) {
    frame_channel *channel = xcalloc(1, sizeof *channel);
    channel->fd = take_socket;
    return channel;
}

static void free_incoming(incoming *in) {
    if (!in) return;
    frame_clear(&in->content);
    free(in);
}

static void pop_outgoing(frame_channel *channel) {
    outgoing *out = channel->out_first;
    channel->out_first = out->next;
    if (!channel->out_first) channel->out_last = NULL;
    if (out->content == &out->own) frame_clear(&out->own);
    free(out);
}

void frame_channel_free(frame_channel *channel) {
    if (!channel) return;
    while (channel->out_first)
        pop_outgoing(channel);
    for (incoming *in = channel->in_first, *next; in; in = next) {
        next = in->next;
        free_incoming(in);
    }
    free_incoming(channel->partial);
    for (size_t i = 0; i < channel->descriptor_count; i++)
        close(channel->descriptors[i]);
    close(channel->fd);
    if (channel->secret) explicit_bzero(channel->stage, sizeof channel->stage);
    free(channel);
}

int frame_channel_fd(const frame_channel *channel) {
    return channel->fd;
}

void frame_channel_set_secret(frame_channel *channel) {
    channel->secret = true;
}

static outgoing *queue(frame_channel *channel) {
    outgoing *out = xcalloc(1, sizeof *out);
    if (channel->out_last)
        channel->out_last->next = out;
    else
        channel->out_first = out;
    channel->out_last = out;
    channel->queued++;
    return out;
}

static void write_header(outgoing *out) {
    const frame *f = out->content;
    store32(out->header, (uint32_t)f->fields.len);
    store16(out->header + 4, (uint16_t)f->operation);
    out->header[6] = (char)f->descriptor_count;
    out->header[7] = (char)f->kind;
    store64(out->header + 8, f->id);
}

void frame_channel_send(frame_channel *channel, frame *take) {
    if (take->overflow) {
        error *err = error_new(ERROR_LIMIT,
            "a frame between desk and worker is larger than %d bytes or carries more "
            "than %d files",
            FRAME_BYTES_MAX, FRAME_DESCRIPTORS_MAX);
        frame_put_error(take, err);
        error_free(err);
    }
    outgoing *out = queue(channel);
    out->own = *take;
    out->content = &out->own;
    write_header(out);
    frame_init(take, take->kind, take->operation, take->id);
}

uint64_t frame_channel_lend(frame_channel *channel, const frame *borrowed) {
    outgoing *out = queue(channel);
    out->content = borrowed;
    write_header(out);
    return channel->queued;
}

bool frame_channel_written(const frame_channel *channel, uint64_t ticket) {
    return channel->written >= ticket;
}

typedef union control_room {
    struct cmsghdr alignment;
    char bytes[CMSG_SPACE(sizeof(int) * FRAME_DESCRIPTORS_MAX)];
} control_room;

static void attach_descriptors(struct msghdr *message, control_room *room, const frame *f) {
    size_t size = sizeof(int) * f->descriptor_count;
    message->msg_control = room->bytes;
    message->msg_controllen = CMSG_SPACE(size);
    struct cmsghdr *control = CMSG_FIRSTHDR(message);
    control->cmsg_level = SOL_SOCKET;
    control->cmsg_type = SCM_RIGHTS;
    control->cmsg_len = CMSG_LEN(size);
    memcpy(CMSG_DATA(control), f->descriptors, size);
}

/* The unwritten rest of the first frame, and whole frames after it as long as they bring no descriptors of their own.
 */
static size_t gather(const frame_channel *channel, struct iovec *pieces) {
    size_t count = 0;
    for (const outgoing *out = channel->out_first; out && count < (size_t)2 * FRAMES_PER_WRITE; out = out->next) {
        if (out != channel->out_first && out->content->descriptor_count) break;
        size_t skip = out->written, body = out->content->fields.len;
        if (skip < HEADER_SIZE) {
            pieces[count++] = (struct iovec){(char *)out->header + skip, HEADER_SIZE - skip};
            skip = HEADER_SIZE;
        }
        if (body > skip - HEADER_SIZE)
            pieces[count++] =
                (struct iovec){out->content->fields.data + skip - HEADER_SIZE, body - (skip - HEADER_SIZE)};
    }
    return count;
}

static void note_written(frame_channel *channel, size_t bytes) {
    while (bytes > 0) {
        outgoing *out = channel->out_first;
        size_t rest = HEADER_SIZE + out->content->fields.len - out->written;
        if (bytes < rest) {
            out->written += bytes;
            return;
        }
        bytes -= rest;
        channel->written++;
        pop_outgoing(channel);
    }
}

static error *write_queue(frame_channel *channel, int flags) {
    while (channel->out_first) {
        struct iovec pieces[2 * FRAMES_PER_WRITE + 2];
        control_room room = {0};
        struct msghdr message = {.msg_iov = pieces, .msg_iovlen = gather(channel, pieces)};
        const outgoing *first = channel->out_first;
        if (first->written == 0 && first->content->descriptor_count)
            attach_descriptors(&message, &room, first->content);
        ssize_t n = sendmsg(channel->fd, &message, MSG_NOSIGNAL | flags);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return NULL;
        if (n < 0 && (errno == EPIPE || errno == ECONNRESET))
            return error_new(ERROR_UNREACHABLE, "the other end of a worker's channel is closed");
        if (n < 0) return error_from_errno(errno, "cannot write to a worker's channel");
        note_written(channel, (size_t)n);
    }
    return NULL;
}

error *frame_channel_flush(frame_channel *channel, bool *all_written) {
    error *err = write_queue(channel, MSG_DONTWAIT);
    *all_written = !channel->out_first;
    return err;
}

error *frame_channel_send_now(frame_channel *channel, frame *take) {
    frame_channel_send(channel, take);
    return write_queue(channel, 0);
}

/* ---- reading ---- */

static error *malformed(frame_channel *channel, const char *why) {
    channel->broken = true;
    return error_new(ERROR_INVALID, "malformed frame: %s", why);
}

static error *begin_frame(frame_channel *channel) {
    const char *header = channel->header;
    uint32_t length = load32(header);
    unsigned operation = load16(header + 4), announced = (unsigned char)header[6], kind = (unsigned char)header[7];
    if (length > FRAME_BYTES_MAX) return malformed(channel, "its length is beyond the limit");
    if (kind < FRAME_REQUEST || kind > FRAME_ANSWER) return malformed(channel, "unknown kind");
    if (operation > OPERATION_LAST) return malformed(channel, "unknown operation");
    if (announced > channel->descriptor_count) return malformed(channel, "it announces files that did not come");
    channel->partial = xcalloc(1, sizeof *channel->partial);
    frame *f = &channel->partial->content;
    frame_init(f, (frame_kind)kind, (frame_operation)operation, load64(header + 8));
    f->secret = channel->secret;
    memcpy(f->descriptors, channel->descriptors, sizeof(int) * announced);
    f->descriptor_count = announced;
    channel->descriptor_count -= announced;
    memmove(channel->descriptors, channel->descriptors + announced, sizeof(int) * channel->descriptor_count);
    if (length) buf_reserve(&f->fields, length);
    channel->missing = length;
    channel->header_len = 0;
    return NULL;
}

static error *end_frame(frame_channel *channel) {
    incoming *in = channel->partial;
    span rest = buf_span(&in->content.fields), bytes;
    unsigned tag;
    while (next_field(&rest, &tag, &bytes))
        if (tag < TAG_HEAD || tag > TAG_ERROR_WAIT) return malformed(channel, "unknown field");
    if (rest.len) return malformed(channel, "the lengths of its fields do not add up");
    channel->partial = NULL;
    if (channel->in_last)
        channel->in_last->next = in;
    else
        channel->in_first = in;
    channel->in_last = in;
    return NULL;
}

static error *parse(frame_channel *channel, span bytes) {
    error *err = NULL;
    for (;;) {
        if (!channel->partial) {
            size_t part = HEADER_SIZE - channel->header_len;
            if (part > bytes.len) part = bytes.len;
            memcpy(channel->header + channel->header_len, bytes.data, part);
            channel->header_len += part;
            bytes = span_make(bytes.data + part, bytes.len - part);
            if (channel->header_len < HEADER_SIZE) break;
            if ((err = begin_frame(channel))) return err;
        }
        size_t part = bytes.len < channel->missing ? bytes.len : channel->missing;
        if (part) buf_add(&channel->partial->content.fields, span_make(bytes.data, part));
        channel->missing -= part;
        bytes = span_make(bytes.data + part, bytes.len - part);
        if (channel->missing) break;
        if ((err = end_frame(channel))) return err;
    }
    /* Descriptors may only wait for a header that has begun to arrive. */
    if (channel->descriptor_count && (channel->partial || channel->header_len == 0))
        return malformed(channel, "files came that it does not announce");
    return NULL;
}

static error *collect_descriptors(frame_channel *channel, struct msghdr *message) {
    error *err = NULL;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
        size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
            if (channel->descriptor_count < FRAME_DESCRIPTORS_MAX) {
                channel->descriptors[channel->descriptor_count++] = fd;
            } else {
                close(fd);
                if (!err) err = malformed(channel, "too many files");
            }
        }
    }
    if (!err && (message->msg_flags & MSG_CTRUNC)) err = malformed(channel, "too many files");
    return err;
}

/* One recvmsg: what is missing of the partial frame goes straight to its place, what follows to the stage. `full` tells
 * that more may be waiting. */
static error *read_once(frame_channel *channel, int flags, bool *full) {
    frame *partial = channel->partial ? &channel->partial->content : NULL;
    size_t missing = partial ? channel->missing : 0;
    control_room room;
    struct iovec pieces[2] = {
        {missing ? partial->fields.data + partial->fields.len : NULL, missing}, {channel->stage, STAGE_SIZE}};
    struct msghdr message = {.msg_iov = pieces + (missing ? 0 : 1),
        .msg_iovlen = missing ? 2 : 1,
        .msg_control = room.bytes,
        .msg_controllen = sizeof room.bytes};
    *full = false;
    ssize_t n;
    do
        n = recvmsg(channel->fd, &message, MSG_CMSG_CLOEXEC | flags);
    while (n < 0 && errno == EINTR);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return NULL;
    if (n == 0 || (n < 0 && errno == ECONNRESET))
        return error_new(ERROR_UNREACHABLE, "the other end of a worker's channel is closed");
    if (n < 0) return error_from_errno(errno, "cannot read from a worker's channel");
    *full = (size_t)n == missing + STAGE_SIZE;
    error *err = collect_descriptors(channel, &message);
    if (err) return err;
    size_t direct = (size_t)n < missing ? (size_t)n : missing;
    if (direct) buf_grew(&partial->fields, direct);
    channel->missing -= direct;
    if (partial && channel->missing == 0) err = end_frame(channel);
    if (!err) err = parse(channel, span_make(channel->stage, (size_t)n - direct));
    if (channel->secret) explicit_bzero(channel->stage, (size_t)n - direct);
    return err;
}

error *frame_channel_fill(frame_channel *channel) {
    bool full = true;
    for (int i = 0; full && i < READS_PER_FILL; i++) {
        if (channel->broken) return malformed(channel, "an earlier frame was malformed");
        error *err = read_once(channel, MSG_DONTWAIT, &full);
        if (err) return err;
    }
    return NULL;
}

bool frame_channel_take(frame_channel *channel, frame *out) {
    incoming *in = channel->in_first;
    if (!in) return false;
    channel->in_first = in->next;
    if (!channel->in_first) channel->in_last = NULL;
    *out = in->content;
    free(in);
    return true;
}

error *frame_channel_receive(frame_channel *channel, frame *out) {
    bool full;
    while (!frame_channel_take(channel, out)) {
        if (channel->broken) return malformed(channel, "an earlier frame was malformed");
        error *err = read_once(channel, 0, &full);
        if (err) return err;
    }
    return NULL;
}
