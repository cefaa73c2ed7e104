/* core/admin/streams.c: server-sent events: every listener hears what each commit changed (WHATWG HTML §9.2).
 *
 * The store's writer thread only writes into the streams' buffers; a listener that reads too slowly is dropped and
 * comes back by itself. */
#include "core/admin/call.h"

#include "core/base/memory.h"

#include <pthread.h>
#include <stdlib.h>

enum { LISTENERS_MAX = 64, PENDING_BYTES_MAX = 256 * 1024, EVENT_BYTES_MAX = 1024 };

struct streams {
    pthread_mutex_t lock;
    http_stream *open[LISTENERS_MAX];
    size_t count;
    bool closed;
};

struct streams *streams_new(void) {
    struct streams *s = xcalloc(1, sizeof *s);
    pthread_mutex_init(&s->lock, NULL);
    return s;
}

void streams_free(struct streams *s) {
    streams_close(s);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

void streams_open(struct streams *s, http_request *request) {
    http_response *response = http_response_new(200);
    http_response_header(response, "Content-Type", "text/event-stream");
    http_response_secure(response, NULL);
    http_stream *stream = http_response_body_stream(response, PENDING_BYTES_MAX);
    http_stream_write(stream, SPAN("retry: 2000\n\n: connected\n\n"));
    pthread_mutex_lock(&s->lock);
    bool room = s->count < LISTENERS_MAX && !s->closed;
    if (room) s->open[s->count++] = stream;
    pthread_mutex_unlock(&s->lock);
    if (!room) http_stream_close(stream);
    http_respond(request, response);
}

static void write_all(struct streams *s, span text) {
    for (size_t i = 0; i < s->count;) {
        if (http_stream_write(s->open[i], text)) {
            i++;
            continue;
        }
        http_stream_close(s->open[i]);
        s->open[i] = s->open[--s->count];
    }
}

void streams_tell(struct streams *s, const store_news *news, size_t count) {
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < count && s->count > 0; i++) {
        buf text = BUF_MAX(EVENT_BYTES_MAX);
        json_t *data = json_pack("{s:s, s:s?}", "id", news[i].id, "status", news[i].status);
        char *line = json_text(data, false);
        buf_printf(&text, "event: %s\ndata: %s\n\n", news[i].kind, line);
        write_all(s, buf_span(&text));
        free(line);
        json_decref(data);
        buf_free(&text);
    }
    pthread_mutex_unlock(&s->lock);
}

void streams_close(struct streams *s) {
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < s->count; i++)
        http_stream_close(s->open[i]);
    s->count = 0;
    s->closed = true;
    pthread_mutex_unlock(&s->lock);
}
