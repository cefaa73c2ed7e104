/* edi/writer.h: builds interchanges.
 *
 * The caller says values; delimiters, padding, escaping, trimming, counts and the trailers are the writer's business.
 * Control numbers come from a callback, because they belong to the store. A value that cannot be written (a delimiter
 * in X12 data, a character outside the set) is an error that names its place; nothing is ever written that would read
 * back as something else. Used in translator processes and by `banyan edi`; not thread-safe.
 */
#ifndef BANYAN_EDI_WRITER_H
#define BANYAN_EDI_WRITER_H

#include "core/base/buf.h"
#include "edi/reader.h"

typedef struct edi_writer edi_writer;

/* What stands on the outside. Texts are borrowed while the writer lives. */
typedef struct edi_envelope {
    edi_delimiters delimiters;  /* standard EDI_NONE: must be set; the rest 0: that standard's defaults */
    bool una;                   /* EDIFACT: write UNA even when the delimiters are the defaults */
    const char *suffix;         /* behind each terminator: NULL, "\n", "\r\n" */
    edi_party sender, receiver; /* of the interchange; X12 without qualifier: ZZ */
    const char *group_sender;   /* GS02 and GS03; NULL: the interchange's ids */
    const char *group_receiver;
    const char *version; /* ISA12 ("00401"), UNB syntax identifier ("UNOA"); NULL: by the document, UNOC */
    int syntax;          /* EDIFACT syntax version; 0: 3 */
    const char *usage;   /* "P" or "T"; EDIFACT "1" for a test; NULL: P, none */
    bool wants_acknowledgement;
    const char *date, *time; /* CCYYMMDD and HHMM or HHMMSS */
} edi_envelope;

/* Gives the control number for a new interchange, group or document (`kind`: GS01 or the type) in `number`. */
typedef error *(*edi_control)(void *context, edi_level level, const char *kind, char number[EDI_ID_SIZE]);

/* Writes behind what `out` holds. */
edi_writer *edi_writer_new(buf *out, const edi_envelope *envelope, edi_control control, void *context);

/* Opens the interchange; opening a group or document opens it too when it is not yet. */
must_check error *edi_writer_interchange(edi_writer *writer);

/* Opens a group, closing the one before: GS01 and GS08, or UNG 0038 and the version "D96A". X12 opens it by itself with
 * the document when the kind is known to the caller. */
must_check error *edi_writer_group(edi_writer *writer, const char *kind, const char *version);

/* Whom the groups opened from now on name (GS02, GS03); borrowed. */
void edi_writer_group_parties(edi_writer *writer, const char *sender, const char *receiver);

/* Opens a document, closing the one before. X12: ST01 and the version for ST03 (NULL: none). EDIFACT: type, version
 * "D96A", agency NULL for UN, association code or NULL. */
must_check error *edi_writer_document(
    edi_writer *writer, const char *type, const char *version, const char *agency, const char *association);

/* Begins a segment; the values follow in order. Errors are kept and come from edi_writer_end. */
void edi_writer_segment(edi_writer *writer, const char *tag);
void edi_writer_element(edi_writer *writer, span value);     /* the next element */
void edi_writer_component(edi_writer *writer, span value);   /* one more component of the element in hand */
void edi_writer_repetition(edi_writer *writer, span value);  /* one more repetition of it */
void edi_writer_text(edi_writer *writer, const char *value); /* edi_writer_element of a text; NULL: empty */

/* Ends the segment: trailing empty elements and components are left out, and so is a segment without any value. */
must_check error *edi_writer_end(edi_writer *writer);

/* Writes the trailers of what is open, down to this level: EDI_LEVEL_DOCUMENT closes the document only. */
must_check error *edi_writer_close(edi_writer *writer, edi_level level);

uint64_t edi_writer_segments(const edi_writer *writer); /* of the open document, so far */

void edi_writer_free(edi_writer *writer);

/* The group code (GS01) of a transaction set ("PO" for "850"); NULL for one that is not known. */
const char *edi_group_kind(const char *type);

#endif
