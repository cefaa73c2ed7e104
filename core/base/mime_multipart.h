/* core/base/mime_multipart.h: multipart bodies and entities in streams (RFC 2046 §5.1, RFC 1847, RFC 8551 §3.5).
 *
 * The splitter hands out each part verbatim, header and all, as the digest of a signature needs it: the line end before
 * a delimiter belongs to the delimiter, every other byte to the part. Only whole lines are delimiters, so that neither
 * a longer boundary nor the text in the middle of a line is taken for one. An entity is a header and a decoded body;
 * feed a part to it, or a whole message. Nothing recurses: who meets a multipart inside a part makes another splitter
 * and counts the depth. Used in couriers; not thread-safe.
 */
#ifndef BANYAN_BASE_MIME_MULTIPART_H
#define BANYAN_BASE_MIME_MULTIPART_H

#include "core/base/mime_decode.h"
#include "core/base/mime_header.h"

enum { MIME_PARTS_MAX = 64, MIME_DEPTH_MAX = 8, MIME_SIGNATURE_MAX = 256 * 1024 };

typedef struct mime_part_handler {
    error *(*begins)(void *context, size_t index); /* from 0 */
    error *(*bytes)(void *context, span piece);
    error *(*ends)(void *context, size_t index);
    void *context;
} mime_part_handler;

typedef struct mime_multipart mime_multipart;

/* `depth` is 0 for a multipart that is in no other. ERROR_LIMIT from MIME_DEPTH_MAX on (MI-01). */
must_check error *mime_multipart_new(
    span boundary, unsigned depth, const mime_part_handler *handler, mime_multipart **out);
must_check error *mime_multipart_write(mime_multipart *multipart, span piece);

/* ERROR_INVALID when no part or no final delimiter was seen (MI-04). What stands before and after is passed over. */
must_check error *mime_multipart_finish(mime_multipart *multipart);
size_t mime_multipart_count(const mime_multipart *multipart); /* parts so far */
void mime_multipart_free(mime_multipart *multipart);          /* NULL is fine */

/* ---- an entity: header, then the body with its transfer encoding taken off */
typedef struct mime_entity_handler {
    /* The header is complete. May be NULL. */
    error *(*headers)(void *context, const mime_headers *headers);
    error *(*body)(void *context, span piece);
    void *context;
} mime_entity_handler;

typedef struct mime_entity mime_entity;

/* An unknown transfer encoding is ERROR_UNSUPPORTED. */
mime_entity *mime_entity_new(mime_care care, const mime_entity_handler *handler);
must_check error *mime_entity_write(mime_entity *entity, span piece);
must_check error *mime_entity_finish(mime_entity *entity);          /* ERROR_INVALID when the header was not complete */
const mime_headers *mime_entity_headers(const mime_entity *entity); /* lives as long as the entity */
void mime_entity_free(mime_entity *entity);                         /* NULL is fine */

/* ---- multipart/signed (RFC 1847 §2.1): what was signed, verbatim, and the signature, decoded */
typedef struct mime_signed mime_signed;

must_check error *mime_signed_new(span boundary, unsigned depth, const sink *content, mime_signed **out);
must_check error *mime_signed_write(mime_signed *reader, span piece);

/* ERROR_INVALID unless there are exactly two parts and the second could be decoded. The signature lives as long as
 * the reader. */
must_check error *mime_signed_finish(mime_signed *reader, span *signature);
void mime_signed_free(mime_signed *reader); /* NULL is fine */

/* ---- canonical text: every bare LF becomes CR LF (RFC 8551 §3.1.1), for the MIC of peers that sign that form; with
 * `header_only` up to the empty line alone, for those whose bodies are binary */
typedef struct mime_crlf {
    sink to;
    bool header_only;
    char last;
    bool in_line; /* the line in hand has something in it */
    bool passed;  /* the header is over */
} mime_crlf;

must_check error *mime_crlf_write(mime_crlf *filter, span piece);

#endif
