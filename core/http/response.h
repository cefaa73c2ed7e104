/* core/http/response.h: an answer: status, header fields, and a body from memory, from a file or as a stream.
 *
 * Made in any thread by whoever answers a request, then given away with http_respond (request.h). Names and values are
 * checked as they are added: one that could break the framing (CR, LF, NUL) turns the whole response into a 500, so
 * that no caller has to check and nothing is smuggled (HT-31). Date, Connection, Content-Length and Transfer-Encoding
 * are the server's own; Server is always "banyan".
 */
#ifndef BANYAN_HTTP_RESPONSE_H
#define BANYAN_HTTP_RESPONSE_H

#include "core/base/buf.h"
#include "core/base/json.h"
#include "core/http/field.h"

typedef struct http_response http_response;
typedef struct http_stream http_stream;

http_response *http_response_new(int status);
int http_response_status(const http_response *response);
void http_response_free(http_response *response); /* one that was not given away; NULL is fine */

/* Adds a field; a second one of the same name stands beside the first. */
void http_response_header(http_response *response, const char *name, const char *value);
void http_response_header_span(http_response *response, const char *name, span value);

/* The body; at most one of these, none is an empty body. */
void http_response_body_copy(http_response *response, span body);
void http_response_body_take(http_response *response, char *data, size_t len); /* from malloc */
void http_response_body_static(http_response *response, span body);            /* lives for ever */
/* `size` bytes of the file from `offset` on; the descriptor is closed when they were sent. Ranges are the caller's
 * business: 206 with Content-Range and the part here. */
void http_response_body_file(http_response *response, int take_fd, uint64_t offset, uint64_t size);

/* What was added so far: the first field of that name in any case of letters, {NULL, 0} when there is none; the fields
 * one after the other (*cursor 0 starts, false is the end); the body when it lies in memory, else {NULL, 0}. All live
 * until the next change. */
span http_response_find(const http_response *response, const char *name);
bool http_response_next(const http_response *response, size_t *cursor, span *name, span *value);
span http_response_content(const http_response *response);

/* How long the body is, in memory or in a file; false for a stream. And what is left of it: `len` bytes from `first`
 * on, within its length. */
must_check bool http_response_length(const http_response *response, uint64_t *len);
void http_response_cut(http_response *response, uint64_t first, uint64_t len);

/* Adds the body to `out`, from memory or from a file, which may take a read. False: it is a stream, or more than fits.
 */
must_check bool http_response_copy_body(const http_response *response, buf *out);

void http_response_drop(http_response *response, const char *name); /* every field of that name */
void http_response_set_status(http_response *response, int status);
/* In place of status and body; the fields stay, but for those that told of the body. */
void http_response_turn_into_problem(
    http_response *response, int status, const char *name, const char *title, const char *detail);

/* In place of the body that was there; takes `data`, from malloc; NULL: none. */
void http_response_replace_body(http_response *response, char *data, size_t len);

/* The body is what is written to the stream, until it is closed: server-sent events, long exports. The stream belongs
 * to the caller until http_stream_close, also when the client goes before. At most `pending_maximum` bytes wait for a
 * slow reader; beyond that the connection is dropped. */
http_stream *http_response_body_stream(http_response *response, size_t pending_maximum);

/* The same for a body whose size is known before: it is announced, and written exactly. */
http_stream *http_response_body_stream_sized(http_response *response, size_t pending_maximum, uint64_t size);

/* An answer to HEAD: no body, but the size that GET would have; 304 likewise. */
void http_response_body_size_only(http_response *response, uint64_t size);

/* Asks to be told when a full stream has room again (half of `pending_maximum`), or its client went: `drained` is
 * called from the server's thread, perhaps more than once, until http_stream_close. Before the first write. */
void http_stream_on_drained(http_stream *stream, void (*drained)(void *context), void *context);

/* As write, but when that would pass `pending_maximum` nothing is written, *full is set and `drained` follows. What is
 * larger than `pending_maximum` itself passes when nothing else waits. */
bool http_stream_offer(http_stream *stream, span bytes, bool *full);

/* The body cannot be completed: the connection is broken off, so that the client does not take a part for the whole.
 * The stream must not be used again. */
void http_stream_abort(http_stream *stream);

/* From any thread. False when the client is gone or was dropped for reading too slowly. */
bool http_stream_write(http_stream *stream, span bytes);
bool http_stream_is_open(http_stream *stream);
/* Ends the body after what was written; the stream must not be used again. */
void http_stream_close(http_stream *stream);

/* A response with that content type; takes the text (from malloc, as json_text makes it). */
http_response *http_response_take_text(int status, const char *content_type, char *text);

/* The security fields that every reply of an API carries: nosniff, no-store, no-referrer, a Content-Security-Policy
 * that allows nothing. Pages bring their own policy in `content_policy`; NULL is the strict one. */
void http_response_secure(http_response *response, const char *content_policy);

/* RFC 9457 application/problem+json. The type is "/problems/NAME", a relative reference that stays the same for ever
 * and is served as documentation: "not-found", "method-not-allowed", "invalid", "limit" ... `detail` says what to do;
 * it and `instance` may be NULL. */
http_response *http_problem(int status, const char *name, const char *title, const char *detail, const char *instance);

/* The same with a list of what is wrong, each with a JSON pointer: [{"pointer","detail"}]. */
http_response *http_problem_list(
    int status, const char *name, const char *title, const char *detail, const char *instance, json_t *take_errors);

/* The same for an error of the program: status, name and title follow from its code, the detail is its text. Faults of
 * ours do not show their text: they say "internal" and the log has the rest. Takes the error. */
http_response *http_problem_from_error(error *take, const char *instance);

/* The name and title that stand for a status in problems: "not-found" for 404. */
const char *http_problem_name(int status);
const char *http_status_title(int status);

#endif
