/* core/http/framing.h: is the head of this request unambiguous, and how long is its body (RFC 9112 §5, §6)?
 *
 * The server library is older than its own framing fixes and lenient besides: it takes bare LF, folds continued lines
 * into the name of a field, stops at NUL and uses the first of two Content-Lengths. Its parser works in place, so the
 * pieces that it reports lie in the order and at the distances at which they were sent: when every piece ends where
 * the next one must begin, nothing was folded, cut or hidden. Whatever does not fit is refused before a handler sees
 * the request.
 */
#ifndef BANYAN_HTTP_FRAMING_H
#define BANYAN_HTTP_FRAMING_H

#include "core/http/field.h"

enum { HTTP_FIELDS_MAX = 128, HTTP_METHOD_BYTES_MAX = 32 };

/* A head as the library reports it: all pointers lead into one buffer that it parsed in place. */
typedef struct http_head {
    span method, target; /* as they lie in the buffer; the target's bytes may be clobbered since, its length is true */
    const char *version; /* terminated */
    size_t size;         /* bytes from the method to behind the empty line */
    const http_field *fields;
    size_t field_count;
} http_head;

typedef struct http_framing {
    bool chunked;
    bool expects_continue;
    uint64_t length; /* declared by Content-Length; 0 without */
    span host;       /* {NULL, 0} in HTTP/1.0 without one */
} http_framing;

/* Joins the lines of folded fields (RFC 9112 §5.2), for the one route whose clients fold: `fields`, those of the head,
 * are put as they would have come on one line, the ends of lines in the buffer become blanks. What cannot be joined
 * with certainty stays as it is, and is refused by http_framing_check; so is a folded field that tells how long the
 * body is or whom the request is for. */
void http_framing_unfold(const http_head *head, http_field *fields);

/* 0 and *out filled, or the status to refuse the request with and *why, a sentence; the connection must then close. */
must_check int http_framing_check(const http_head *head, http_framing *out, const char **why);

/* Are the trailers of a chunked body harmless: few, with proper names and values, each on a line of its own? */
must_check bool http_trailers_fit(const http_field *fields, size_t count);

/* The bytes of a chunked body between `base` and `data` that the library skipped as framing, `data` being the start of
 * a chunk's bytes when it is not `base`: does the chunk-size line keep RFC 9112 §7.1 (digits, a bounded extension,
 * CRLF)? */
must_check bool http_chunk_line_fits(const char *base, const char *data);

#endif
