/* core/http/stream.c: a response body that its owner writes piece by piece, from any thread.
 *
 * Two hold a stream: its owner until http_stream_close, and the response that sends it. While nothing waits to be sent
 * the connection is suspended; a write resumes it.
 */
#include "core/http/internal.h"

#include "core/base/memory.h"

#include <stdlib.h>
#include <sys/socket.h>

enum { BLOCK_BYTES = 32768 };

struct http_stream {
    pthread_mutex_t lock;
    buf pending;
    size_t sent; /* of `pending` */
    struct MHD_Connection *handle;
    http_server *server;
    int fd;
    unsigned holders;
    bool suspended;
    bool closed;   /* by the owner: ends after what is pending */
    bool dead;     /* the client is gone, or must go */
    bool cut;      /* what was written goes out, then the connection is broken off */
    bool full;     /* something was offered and not taken */
    uint64_t size; /* announced, or MHD_SIZE_UNKNOWN */
    void (*drained)(void *context);
    void *context;
};

http_stream *stream_new(size_t pending_maximum, int64_t size) {
    http_stream *stream = xcalloc(1, sizeof *stream);
    pthread_mutex_init(&stream->lock, NULL);
    stream->pending = BUF_MAX(pending_maximum);
    stream->fd = -1;
    stream->holders = 2;
    stream->size = size < 0 ? MHD_SIZE_UNKNOWN : (uint64_t)size;
    return stream;
}

/* With the lock held, which it releases. */
static void release(http_stream *stream) {
    bool last = --stream->holders == 0;
    pthread_mutex_unlock(&stream->lock);
    if (!last) return;
    buf_free(&stream->pending);
    pthread_mutex_destroy(&stream->lock);
    free(stream);
}

static void wake(http_stream *stream) {
    if (!stream->suspended) return;
    stream->suspended = false;
    server_resume(stream->server, stream->handle);
}

/* Tells the owner once that there is room, or no need for any. With the lock held, which it gives up meanwhile: the
 * owner may write. */
static void tell_drained(http_stream *stream) {
    bool due = stream->full && !stream->closed &&
               (stream->dead || stream->pending.len - stream->sent <= stream->pending.maximum / 2);
    if (!due) return;
    stream->full = false;
    stream->holders++; /* the owner may close it */
    void (*drained)(void *) = stream->drained;
    void *context = stream->context;
    pthread_mutex_unlock(&stream->lock);
    drained(context);
    pthread_mutex_lock(&stream->lock);
    stream->holders--;
}

static void kill_locked(http_stream *stream) {
    stream->dead = true;
    /* A connection that waits for its reader is not asked for more bytes: only this wakes it. */
    if (stream->fd >= 0) shutdown(stream->fd, SHUT_RDWR);
    wake(stream);
}

void stream_kill(http_stream *stream) {
    pthread_mutex_lock(&stream->lock);
    kill_locked(stream);
    pthread_mutex_unlock(&stream->lock);
}

void stream_orphan(http_stream *stream) {
    pthread_mutex_lock(&stream->lock);
    stream->dead = true;
    stream->fd = -1;
    tell_drained(stream);
    release(stream);
}

/* The library asks for up to `room` bytes more. */
static ssize_t read_pending(void *context, uint64_t position, char *out, size_t room) {
    (void)position;
    http_stream *stream = context;
    ssize_t result = 0;
    pthread_mutex_lock(&stream->lock);
    if (stream->pending.len == stream->sent) tell_drained(stream); /* it may write before we have to wait */
    size_t waiting = stream->pending.len - stream->sent;
    if (stream->dead) {
        result = MHD_CONTENT_READER_END_WITH_ERROR;
    } else if (waiting > 0) {
        size_t len = waiting < room ? waiting : room;
        memcpy(out, stream->pending.data + stream->sent, len);
        stream->sent += len;
        if (stream->sent == stream->pending.len) {
            buf_clear(&stream->pending);
            stream->sent = 0;
        }
        result = (ssize_t)len;
        tell_drained(stream);
    } else if (stream->cut) {
        result = MHD_CONTENT_READER_END_WITH_ERROR;
    } else if (stream->closed) {
        result = MHD_CONTENT_READER_END_OF_STREAM;
    } else {
        stream->suspended = true;
        MHD_suspend_connection(stream->handle);
    }
    pthread_mutex_unlock(&stream->lock);
    return result;
}

static void response_freed(void *context) {
    stream_orphan(context);
}

struct MHD_Response *stream_response(http_stream *stream, const http_request *request) {
    pthread_mutex_lock(&stream->lock);
    stream->handle = request->handle;
    stream->server = request->connection->server;
    stream->fd = request->connection->fd;
    pthread_mutex_unlock(&stream->lock);
    return MHD_create_response_from_callback(stream->size, BLOCK_BYTES, read_pending, stream, response_freed);
}

bool http_stream_write(http_stream *stream, span bytes) {
    pthread_mutex_lock(&stream->lock);
    if (!stream->dead) {
        buf_consume(&stream->pending, stream->sent);
        stream->sent = 0;
        buf_add(&stream->pending, bytes);
        if (stream->pending.overflow)
            kill_locked(stream);
        else if (bytes.len)
            wake(stream);
    }
    bool open = !stream->dead;
    pthread_mutex_unlock(&stream->lock);
    return open;
}

void http_stream_on_drained(http_stream *stream, void (*drained)(void *context), void *context) {
    pthread_mutex_lock(&stream->lock);
    stream->drained = drained;
    stream->context = context;
    pthread_mutex_unlock(&stream->lock);
}

bool http_stream_offer(http_stream *stream, span bytes, bool *full) {
    pthread_mutex_lock(&stream->lock);
    buf_consume(&stream->pending, stream->sent);
    stream->sent = 0;
    size_t maximum = stream->pending.maximum;
    *full = !stream->dead && stream->pending.len > 0 && bytes.len > maximum - stream->pending.len;
    stream->full |= *full;
    if (!stream->dead && !*full) {
        if (bytes.len > maximum) stream->pending.maximum = bytes.len; /* the one piece that is larger */
        buf_add(&stream->pending, bytes);
        if (bytes.len) wake(stream);
    }
    bool open = !stream->dead;
    pthread_mutex_unlock(&stream->lock);
    return open;
}

void http_stream_abort(http_stream *stream) {
    pthread_mutex_lock(&stream->lock);
    stream->closed = true; /* it is not told any more */
    stream->drained = NULL;
    if (!stream->dead) {
        stream->cut = true;
        wake(stream);
    }
    release(stream);
}

bool http_stream_is_open(http_stream *stream) {
    pthread_mutex_lock(&stream->lock);
    bool open = !stream->dead;
    pthread_mutex_unlock(&stream->lock);
    return open;
}

void http_stream_close(http_stream *stream) {
    pthread_mutex_lock(&stream->lock);
    stream->closed = true;
    if (!stream->dead) wake(stream);
    release(stream);
}
