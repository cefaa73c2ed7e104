/* edi/schema.h: what a document may hold, as data, and the library that finds it.
 *
 * Schemas are text files (edi/schemas/README.md describes the format): dictionaries of elements, composites and
 * segments by release, and document types made of segments and loops. The ones that we ship are embedded in the
 * program; users add their own. A release or document type is compiled when it is first asked for and kept by its
 * library. Compiled structures are plain, immutable data. A library belongs to one thread.
 */
#ifndef BANYAN_EDI_SCHEMA_H
#define BANYAN_EDI_SCHEMA_H

#include "core/base/error.h"
#include "edi/syntax.h"

typedef enum edi_type {
    EDI_TYPE_TEXT,    /* AN, an: any character */
    EDI_TYPE_ID,      /* ID: text from a list of codes */
    EDI_TYPE_ALPHA,   /* a: no digits */
    EDI_TYPE_INTEGER, /* N0 to N9: digits with implied decimals */
    EDI_TYPE_DECIMAL, /* R, n: a decimal mark only where a fraction follows */
    EDI_TYPE_DATE,    /* DT */
    EDI_TYPE_TIME,    /* TM */
    EDI_TYPE_BINARY,  /* B */
} edi_type;

typedef struct edi_code {
    span code, gloss;
} edi_code;

typedef struct edi_codes {
    const edi_code *list; /* sorted by code */
    size_t count;
    bool closed;                      /* no other code is valid */
    const struct edi_code_keys *keys; /* for the quick look at values (schema_quick.h); NULL: not made */
} edi_codes;

typedef struct edi_element_type {
    unsigned number; /* data element number of the standard; 0: of nobody's */
    edi_type type;
    unsigned decimals; /* implied, of EDI_TYPE_INTEGER */
    unsigned min, max; /* characters; sign and decimal mark do not count */
    const char *name;
    edi_codes codes;
} edi_element_type;

/* Syntax notes: P R E C L of X12, D1 to D7 of EDIFACT as far as they differ: '1' one and only one, 'N' if first then
 * none of the others. */
typedef struct edi_note {
    char kind;
    unsigned char first;
    uint64_t members; /* bit n: element n (from 1), the first included */
    const char *text; /* as written: "P0304" */
} edi_note;

typedef struct edi_composite_type edi_composite_type;

/* One place of a segment or composite. */
typedef struct edi_slot {
    const edi_element_type *element; /* one of the two is set */
    const edi_composite_type *composite;
    const char *name;
    bool mandatory, unused;
    bool guided;        /* its codes are a guide's choice of the standard's */
    unsigned repeat;    /* how often it may stand here; 1 without repetition */
    edi_codes codes;    /* narrower than the element's, when count > 0 */
    unsigned min, max;  /* narrower lengths; 0: the element's */
    const char *reason; /* what a guide says about it; NULL */
} edi_slot;

typedef struct edi_slots {
    const edi_slot *list;
    size_t count;
    const edi_note *notes;
    size_t note_count;
    uint64_t mandatory;            /* bit n: slot n from 1 */
    bool open;                     /* there are more places, of which nothing is known */
    const struct edi_quick *quick; /* the same places for the quick look (schema_quick.h); NULL: not made */
    const edi_slot *quick_of;      /* the list that they were made of: copies of the slots may get another one */
} edi_slots;

struct edi_composite_type {
    const char *code; /* "C040" */
    const char *name;
    edi_slots slots;
};

typedef struct edi_segment_type {
    char tag[4];
    uint32_t key; /* EDI_TAG of it */
    const char *name;
    edi_slots slots;
    unsigned period; /* the place of a date's format (element 1250), the date (1251) standing behind it; 0: none */
} edi_segment_type;

enum { EDI_DEPTH_MAX = 32, EDI_UNLIMITED = 0x7FFFFFFF };

/* A place in a document: a segment, or a loop that begins with its first segment. */
typedef struct edi_node edi_node;
struct edi_node {
    const edi_segment_type *segment; /* of the segment, or of the one that opens the loop */
    const edi_node *parent;
    const edi_node *children; /* of a loop; NULL for a segment */
    size_t child_count;
    size_t last_mandatory; /* behind the last child that must occur: what lies further need not be looked through */
    const uint32_t *child_keys; /* the children's keys side by side, for the search */
    size_t index;               /* among its siblings */
    size_t run;  /* the first of those before it that have its tag: they stand in any order, told apart by qualifiers */
    unsigned id; /* in the schema, from 0 */
    unsigned min, max;
    uint32_t key;                            /* the tag that it begins with */
    const char *name;                        /* of a loop: "items"; its tag when no name is given */
    unsigned qualifier, qualifier_component; /* element that chooses it, from 1; 0: the tag alone */
    edi_codes qualifiers;
    unsigned depth;
    bool forbidden;     /* a guide does not use it */
    const char *reason; /* what a guide says about it; NULL */
    unsigned line;      /* in its source */
};

typedef struct edi_schema {
    edi_standard standard;
    const char *version, *type, *title;
    const char *group;   /* GS01; NULL */
    const char *source;  /* where it is written: a file name */
    const char *checked; /* how it was checked, in words; "" */
    edi_node root;       /* a loop without trigger: the document between header and trailer */
    size_t node_count;
    const struct edi_release *release;
    const char *overlay; /* the name of the guide laid over it; NULL */
} edi_schema;

typedef struct edi_release edi_release;
typedef struct edi_library edi_library;

/* A library that knows what is embedded. */
edi_library *edi_library_new(void);
void edi_library_free(edi_library *library);

/* Adds the definitions of a text (copied), which hide earlier ones of the same name. `source` names it in errors.
 * Everything in it is compiled at once; an error leaves the library as it was. */
must_check error *edi_library_add(edi_library *library, span text, const char *source);

/* The document type of this version: X12 by guide ("005010X222A1") or by its first six characters, EDIFACT "D96A". NULL
 * when there is none; *exact says whether the version is the one asked for. */
const edi_schema *edi_library_find(
    edi_library *library, edi_standard standard, const char *type, const char *version, bool *exact);

/* A segment of a release: "004010", "D96A", or of the envelopes, "envelope" and "envelope4" (EDIFACT syntax 4). NULL
 * when unknown. */
const edi_segment_type *edi_library_segment(edi_library *library, edi_standard standard, const char *release, span tag);

const edi_segment_type *edi_release_segment(const edi_release *release, span tag);

/* Walks what is there (start with *cursor = 0): document types and guides, not yet compiled ones too. */
typedef struct edi_listed {
    edi_standard standard;
    const char *version, *type, *source, *overlay;
    span title;
} edi_listed;
bool edi_library_next(const edi_library *library, size_t *cursor, edi_listed *listed);

/* The gloss of a code, or {NULL,0}. */
const edi_code *edi_codes_find(const edi_codes *codes, span code);

/* The codes that hold at a slot: its own, or its element's. */
const edi_codes *edi_slot_codes(const edi_slot *slot);

#endif
