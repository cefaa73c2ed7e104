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
    int fd;
    unsigned holders;
    bool suspended;
    bool closed; /* by the owner: ends after what is pending */
    bool dead;   /* the client is gone, or must go */
};

http_stream *stream_new(size_t pending_maximum) {
    http_stream *stream = xcalloc(1, sizeof *stream);
    pthread_mutex_init(&stream->lock, NULL);
    stream->pending = BUF_MAX(pending_maximum);
    stream->fd = -1;
    stream->holders = 2;
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
    MHD_resume_connection(stream->handle);
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
    release(stream);
}

/* The library asks for up to `room` bytes more. */
static ssize_t read_pending(void *context, uint64_t position, char *out, size_t room) {
    (void)position;
    http_stream *stream = context;
    ssize_t result = 0;
    pthread_mutex_lock(&stream->lock);
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

struct MHD_Response *stream_response(http_stream *stream, struct MHD_Connection *handle, int fd) {
    pthread_mutex_lock(&stream->lock);
    stream->handle = handle;
    stream->fd = fd;
    pthread_mutex_unlock(&stream->lock);
    return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_BYTES, read_pending, stream, response_freed);
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
