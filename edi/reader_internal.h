/* edi/reader_internal.h: what reader.c (bytes and segments) and envelope.c (nesting, counts, references) share. For
 * these two only, and reader_plain.h.
 */
#ifndef BANYAN_EDI_READER_INTERNAL_H
#define BANYAN_EDI_READER_INTERNAL_H

#include "edi/header.h"
#include "edi/reader.h"
#include "edi/scan.h"

/* Control numbers are compared whole; a header keeps as much of its own as any standard allows. */
typedef struct open_level {
    bool open;
    bool bare;         /* its header is missing, which has been told */
    uint64_t count;    /* what its trailer counts */
    uint64_t beheaded; /* trailers in it whose header is missing: its own trailer may count them */
    char reference[64];
    size_t reference_len; /* of the original: longer than what is kept never compares equal */
} open_level;

enum { QUEUE = 48, PLAIN_TAGS = 64 };

typedef struct queued {
    edi_event event;
    bool bare;    /* without segment */
    size_t fault; /* index into `faults`, for EDI_FAULT */
} queued;

struct edi_reader {
    /* the window: for a buffer all of it, for a stream what is kept */
    const char *data;
    size_t len, cursor; /* the cursor stands at the next unread byte */
    uint64_t base;      /* of data[0] in the file */
    bool ended;         /* nothing follows the window */
    size_t whole;       /* of a buffer that is shown piece by piece: its length */
    edi_source source;
    void *source_context;
    char *window;
    size_t capacity;

    edi_reader_options options;
    size_t plain_max;   /* longer segments may pass a limit of elements */
    bool plain_allowed; /* allows_plain */
    edi_scan scan;
    bool in_interchange, seen_any;
    bool document_ends; /* the event in hand is the end of a document */
    size_t header_end;  /* where the terminator of an ISA stands: its data may hold that character */
    edi_delimiters delimiters;
    uint32_t plain_tags[PLAIN_TAGS]; /* some that were found to be plain, each at its place */

    edi_header late; /* the fault of a header that waits for the event of its segment */
    bool late_fault;
    edi_segment segment;
    bool has_segment;
    span *elements;
    size_t element_count, element_room;
    uint64_t elements_of; /* number of the segment they belong to */
    char *clean;          /* the segment in hand without line breaks, when it is wrapped */
    size_t clean_room, clean_len;

    open_level levels[3]; /* interchange, group, document */
    bool group_seen, service_seen, loose_seen, mixed_told, break_told, blank_told, outside_told;
    char group_type[12];

    edi_interchange interchange;
    edi_group group;
    edi_transaction document;
    bool package_open, package_broken; /* UNO was read, its UNP not yet; what it announced is not there */
    uint64_t package_octets;
    char package_reference[EDI_ID_SIZE];
    edi_totals totals;

    queued queue[QUEUE];
    size_t queue_first, queue_count;
    edi_fault faults[QUEUE];
    size_t fault_count;
    edi_fault overflow; /* written to when the queue is full */
    const edi_fault *fault;
};

enum { INTERCHANGE = 0, GROUP = 1, DOCUMENT = 2 };

/* Puts an event or a fault at the end of the queue. A fault is given its place by edi_reader_place. */
void reader_push(edi_reader *reader, edi_event event, bool bare);
edi_fault *reader_fault(edi_reader *reader, edi_fault_code code, unsigned element, span part);

/* Element number `index` (from 1) of the segment in hand, and its component (from 1). */
span reader_element(edi_reader *reader, size_t index);
span reader_component(edi_reader *reader, size_t index, size_t component);

/* envelope.c: what the segment in hand means. Pushes at least one event, or sets the reader back before the segment
 * (a new interchange begins). */
void envelope_segment(edi_reader *reader);

/* Closes what is open, down to `level`, with a fault for each missing trailer. */
void envelope_close(edi_reader *reader, int level);

/* Opens the interchange whose header could not be read. */
void envelope_open_bare(edi_reader *reader);

#endif
