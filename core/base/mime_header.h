/* core/base/mime_header.h: blocks of header fields (RFC 5322 §2.2, RFC 2045 §5), read in streams and kept within
 * limits.
 *
 * A block is pushed in pieces until its empty line; then fields are asked by name. Values are unfolded, otherwise as
 * they stood. Of a field that stands twice the first counts, and mime_headers_count tells (MI-06). Bare LF ends a line
 * as CR LF does: peers send it. Used by readers of MIME in couriers and of multipart/related and MDN; not thread-safe.
 */
#ifndef BANYAN_BASE_MIME_HEADER_H
#define BANYAN_BASE_MIME_HEADER_H

#include "core/base/buf.h"

enum {
    MIME_HEADERS_MAX = 256,             /* fields (MI-02) */
    MIME_HEADERS_BYTES_MAX = 64 * 1024, /* of one block */
    MIME_PARAMETERS_MAX = 32,
    MIME_PARAMETER_BYTES_MAX = 4096,
    MIME_BOUNDARY_MAX = 70 /* RFC 2046 §5.1.1 */
};

typedef struct mime_headers mime_headers;

mime_headers *mime_headers_new(void);

/* Takes from the front of `input` what belongs to the block and moves it on; *complete once the empty line was taken.
 * A block may be empty. ERROR_LIMIT over the limits, ERROR_INVALID for a line that is no field. */
must_check error *mime_headers_take(mime_headers *headers, span *input, bool *complete);

/* Adds a field as a transport that has parsed it already gives it (HTTP). */
must_check error *mime_headers_add(mime_headers *headers, span name, span value);

/* The value of the first field of that name, in any case; NULL data when there is none. Lives as long as `headers`. */
span mime_headers_get(const mime_headers *headers, const char *name);
size_t mime_headers_count(const mime_headers *headers, const char *name);
size_t mime_headers_total(const mime_headers *headers);
void mime_headers_at(const mime_headers *headers, size_t index, span *name, span *value);

/* The block as it came, empty line included; nothing for fields that were added. */
span mime_headers_raw(const mime_headers *headers);
void mime_headers_free(mime_headers *headers); /* NULL is fine */

/* ---- a value with parameters: Content-Type, Content-Disposition, Disposition-Notification-Options */

typedef struct mime_parameter {
    char *name;  /* lower case, without the star and number of RFC 2231 */
    char *value; /* unquoted; decoded and joined from the pieces of RFC 2231, in UTF-8 */
    size_t len;
    bool extended; /* was in the form of RFC 2231 */
} mime_parameter;

typedef struct mime_value {
    char *text; /* before the first semicolon, lower case, without blanks and comments: "multipart/signed" */
    mime_parameter parameters[MIME_PARAMETERS_MAX];
    size_t count;
    bool repeated; /* a parameter stands twice: the first counts */
} mime_value;

/* Lenient: what is not a parameter is skipped; a whole value in quotes is seen through (quirk 35). */
void mime_value_read(span text, mime_value *value);
const char *mime_value_get(const mime_value *value, const char *name); /* NULL: absent */
void mime_value_free(mime_value *value);

/* The boundary of a multipart type; ERROR_INVALID unless there is one parameter of 1 to 70 characters of RFC 2046
 * §5.1.1 that does not end with a blank (MI-03). It lives as long as `value`. */
must_check error *mime_boundary(const mime_value *value, span *boundary);

/* ---- file names */

enum { MIME_FILE_NAME_ROOM = 204 };

/* The name that a sender gave a file, reduced to what is safe to show and to be the last part of a path: from
 * Content-Disposition (RFC 6266, RFC 2231, RFC 2047 words) or else the name of Content-Type. No folders, control
 * characters, leading dots or characters that some file system forbids; valid UTF-8 of at most 200 bytes, the extension
 * kept. False when nothing is left. */
must_check bool mime_file_name(const mime_headers *headers, char name[MIME_FILE_NAME_ROOM]);

/* `filename="..."` for Content-Disposition, and `; filename*=UTF-8''...` behind it when the name is not plain ASCII. */
void mime_file_name_parameter(span name, buf *text);

#endif
