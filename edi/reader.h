/* edi/reader.h: events of an interchange, pulled one at a time.
 *
 * The reader walks a buffer that the caller keeps alive (or a stream through a window of its own) and hands out spans
 * into it: nothing is copied. It knows syntax only: delimiters, segments, elements, envelopes and their counts; what a
 * document may hold is validate.h's business. After a fault it goes on with the next segment, so that one pass reports
 * every fault of a file. Used in translator processes and by `banyan edi`; not thread-safe.
 *
 * Events nest: every INTERCHANGE, GROUP and DOCUMENT has its END, also when its trailer is missing (then that event has
 * no segment). A fault of a header comes after the header's event, a fault of a trailer before it, so that a fault
 * always lies inside what it is about.
 */
#ifndef BANYAN_EDI_READER_H
#define BANYAN_EDI_READER_H

#include "edi/fault.h"
#include "edi/tokens.h"

typedef struct edi_reader edi_reader;

typedef enum edi_event {
    EDI_END,             /* of the input */
    EDI_INTERCHANGE,     /* ISA, UNB, UIB, STX */
    EDI_SERVICE,         /* a segment that belongs to no document: TA1, ISB, UNO, a stray one */
    EDI_GROUP,           /* GS, UNG, BAT */
    EDI_DOCUMENT,        /* ST, UNH, UIH, MHD */
    EDI_SEGMENT,         /* inside a document */
    EDI_DOCUMENT_END,    /* SE, UNT, UIT, MTR */
    EDI_GROUP_END,       /* GE, UNE, EOB */
    EDI_INTERCHANGE_END, /* IEA, UNZ, UIZ, END */
    EDI_FAULT,
} edi_event;

typedef struct edi_segment {
    span tag;
    uint32_t key;      /* edi_tag_of it */
    span raw;          /* from the tag to before the terminator */
    span after;        /* the line breaks (and blanks) behind the terminator */
    span object;       /* the octets of a package that follow UNO; empty else */
    uint64_t offset;   /* of the tag, in the file */
    uint64_t number;   /* in the file, from 1 */
    uint64_t position; /* in the document, its header being 1; 0 outside */
    bool terminated;   /* false for a last segment without terminator */
    bool wrapped;      /* line breaks stand inside: values are to be decoded */
    bool binary;       /* BIN or BDS: the last element is octets of the stated length */
    /* Where its delimiters stand, when somebody looks (edi_reader_look), it has a terminator and nothing else of the
     * above, there are EDI_TOKENS_MARGIN readable bytes behind it, and all of its parts are plain; NULL else. */
    const edi_tokens *tokens;
    unsigned token; /* the one that ends its tag; the parts behind the tag end at the next ones, */
    unsigned parts; /* of which there are so many, EDI_WINDOW at most */
} edi_segment;

enum { EDI_ID_SIZE = 40 };

typedef struct edi_party {
    char qualifier[8];
    char id[EDI_ID_SIZE]; /* without the filler at its end */
} edi_party;

/* A party as people write it and settings name it: "ZZ:BANYAN" in X12, where the qualifier stands first, "BANYAN:14" in
 * EDIFACT, where it stands last; the bare id when there is no qualifier. */
void edi_party_text(const edi_party *party, edi_standard standard, char *room, size_t size);

/* What the open interchange, group and document say of themselves. Values too long for their place are cut; the reader
 * compares control numbers before cutting. */
typedef struct edi_interchange {
    edi_delimiters delimiters;
    bool una;         /* a UNA stood in front */
    bool interactive; /* UIB */
    bool headless;    /* no header was found: the delimiters are guessed */
    uint64_t offset;  /* of ISA, or of UNA */
    uint64_t number;  /* in the file, from 1 */
    span prefix;      /* the bytes from there up to the header segment: UNA and what follows it */
    char control[EDI_ID_SIZE];
    char version[16]; /* "00401"; "UNOA" */
    int syntax;       /* EDIFACT: 1 to 4; 0 unknown */
    edi_party sender, receiver;
    char date[16], time[16];
    bool wants_acknowledgement; /* ISA14 = 1, UNB 0031 = 1 */
    char usage[4];              /* ISA15: P, T, I; UNB 0035 */
} edi_interchange;

typedef struct edi_group {
    uint64_t offset;
    char kind[16]; /* GS01: "PO"; UNG 0038: "ORDERS" */
    char control[EDI_ID_SIZE];
    char version[16]; /* GS08 */
    edi_party sender, receiver;
} edi_group;

typedef struct edi_transaction {
    uint64_t offset;
    char type[12];        /* "850", "ORDERS" */
    char version[40];     /* "004010", "005010X222A1", "D96A" */
    char release[12];     /* EDIFACT: what of it is 0054, "96A"; before it stands 0052 */
    char association[16]; /* UNH 0057: "EAN008" */
    char agency[8];       /* UNH 0051: "UN" */
    char control[EDI_ID_SIZE];
} edi_transaction;

/* Limits and tolerances; zeros are the defaults. */
typedef struct edi_reader_options {
    size_t segment_max;              /* bytes of a segment outside binary data; default 1 MiB */
    size_t element_max;              /* bytes of an element outside binary data; default 64 KiB */
    size_t elements_max;             /* elements of a segment; default 65,536 */
    bool strict;                     /* tolerated customs are errors */
    const edi_interchange *fragment; /* the input begins inside this interchange: no header is looked for */
    uint64_t tolerate, refuse;       /* bits by edi_fault_code of tolerated faults: switch single ones on or off */
    /* Told every few megabytes how far a buffer was read. What lies before may leave the memory: it is seldom asked for
     * again, as a mapped file is that comes back by itself. NULL: the buffer is looked at as a whole. */
    void (*passed)(void *context, uint64_t offset);
    void *passed_context;
} edi_reader_options;

/* Reads `file`, which outlives the reader. `options` may be NULL. */
edi_reader *edi_reader_new(span file, const edi_reader_options *options);

/* Reads a stream: `source` fills at most `room` bytes and returns how many, 0 at the end. Spans live until the next
 * call of edi_reader_next only. */
typedef size_t (*edi_source)(void *context, char *into, size_t room);
edi_reader *edi_reader_open(edi_source source, void *context, const edi_reader_options *options);

/* Next event, or EDI_END (again and again). Source: X12.5 §3, ISO 9735-1 §7. */
edi_event edi_reader_next(edi_reader *reader);

/* Look for tokens in segments of this interchange from now on; `look` outlives it. For whoever wants them, when the
 * interchange begins: the first character is its element separator, the second its component separator. */
void edi_reader_look(edi_reader *reader, const edi_look *look);

/* The segment of the event in hand; NULL for a missing header or trailer and at the end. After EDI_FAULT: the segment
 * that was being read. */
const edi_segment *edi_reader_segment(const edi_reader *reader);

/* The fault of EDI_FAULT. */
const edi_fault *edi_reader_fault(const edi_reader *reader);

/* The elements of the segment in hand, without its tag, raw; lives until the next event. What stands before the first
 * of them, elements[-1], is the tag with its nesting indication (LIN:1 of EDIFACT syntax 1). */
const span *edi_reader_elements(edi_reader *reader, size_t *count);

/* Two or three capital letters and digits, a letter first; EDIFACT and TRADACOMS: three. */
bool edi_reader_is_tag(edi_standard standard, span tag);

/* Where `part` of an element (as handed out) stands in the file. */
uint64_t edi_reader_offset(const edi_reader *reader, span part);

/* What is open; zeroed when nothing is. After an END event still what just ended. */
const edi_interchange *edi_reader_interchange(const edi_reader *reader);
const edi_group *edi_reader_group(const edi_reader *reader);
const edi_transaction *edi_reader_document(const edi_reader *reader);
bool edi_reader_in_group(const edi_reader *reader);

/* Counts so far. */
typedef struct edi_totals {
    uint64_t interchanges, groups, documents, segments;
} edi_totals;
edi_totals edi_reader_totals(const edi_reader *reader);

/* Where reading stands, in bytes from the start of the file. */
uint64_t edi_reader_position(const edi_reader *reader);

/* A fault found by a layer above, at the segment in hand, filled with its place. `part` is the value concerned (or an
 * empty span); the text is the caller's to print into. */
void edi_reader_place(edi_reader *reader, edi_fault_code code, unsigned element, unsigned component,
    unsigned repetition, span part, edi_fault *fault);

void edi_reader_free(edi_reader *reader);

#endif
