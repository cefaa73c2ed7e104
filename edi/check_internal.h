/* edi/check_internal.h: the state that check_elements.c and check_structure.c share. */
#ifndef BANYAN_EDI_CHECK_INTERNAL_H
#define BANYAN_EDI_CHECK_INTERNAL_H

#include "edi/charset.h"
#include "edi/check.h"

typedef struct check_frame {
    const edi_node *loop;
    size_t at;   /* the child that the last segment took */
    size_t mark; /* pending faults that lay there when the loop began */
} check_frame;

/* A mandatory place that was passed by: told when its loop ends, unless the segment comes too late after all. */
typedef struct check_pending {
    const edi_node *node;
    edi_fault fault;
} check_pending;

struct edi_checker {
    edi_reader *reader;
    edi_faults *faults;
    const edi_schema *schema;

    check_frame frames[EDI_DEPTH_MAX + 2];
    size_t depth;     /* frames in use; 0 without schema */
    uint32_t *counts; /* by node id: how often it occurred in the loop in hand */
    size_t count_room;
    check_pending *pending;
    size_t pending_count, pending_room;
    bool lost; /* the last segment had no place: what follows from that is not told again */
    bool trailing_told;

    /* of the interchange in hand */
    edi_delimiters delimiters;
    const edi_charset *charset; /* NULL: none named, or a character outside it was told already */
    bool both_marks;            /* comma and point are decimal marks */
    unsigned char classes[256]; /* what each byte is, in bits */
    char text[EDI_FAULT_TEXT];  /* the sentence of a value's fault */

    char unit[28], unit_value[40]; /* see edi_fault */

    char *scratch; /* a decoded value */
    size_t scratch_room;
};

#endif
