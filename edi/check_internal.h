/* edi/check_internal.h: the state that the check_*.c share, and the short way to a place, for validate.c. */
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

enum { PLAN_BITS = 6, PLAN_PARTS = 32, PLAN_CODES = 8, PLAN_HINTS = 64, STEPS = 256, STEP_NEEDS = 4 };

typedef struct check_plan_code {
    const struct edi_code_keys *keys;
    unsigned part;
} check_plan_code;

/* What a shape of segments asks of the values in it (check_plain.c). Parts count from 1; bit n - 1 is part n's. */
typedef struct check_plan {
    const edi_segment_type *type;
    uint32_t seconds, empty; /* the shape: parts that end with a component separator, parts with nothing in them */
    unsigned parts;
    bool possible; /* else nothing of this shape is plainly right */

    uint32_t digits, decimal, alpha, moments,
        times;       /* parts by kind: digits are the usual case of numbers and moments */
    bool more;       /* more is asked than presence, lengths and digits */
    unsigned dated;  /* the date in a composite (2380), its format behind it; 0: none */
    unsigned period; /* the date of an element (1251), its format before it; 0: none */
    unsigned coded;
    check_plan_code codes[PLAN_CODES];
    uint16_t min[PLAN_PARTS], range[PLAN_PARTS]; /* lengths: the shortest, and how much longer it may be */
} check_plan;

/* From one place to the next (check_steps.c): what was found once is remembered, in one line of the cache. */
typedef struct check_step {
    const edi_node *from, *to, *place; /* place: of the loop's first segment, when `to` is a loop; else `to` */
    uint64_t code;
    uint32_t key, id, max;              /* id, max: of `to` */
    unsigned char qualifier, component; /* where the code stands that chose among places; 0: the tag alone did */
    unsigned char up, needs;            /* loops that end; places that must have been taken before */
    struct {
        uint16_t id, count;
    } need[STEP_NEEDS];
} check_step;

_Static_assert(sizeof(check_step) == 64, "a step is a line of the cache");

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
    const edi_node *here; /* the place taken last: the frames' */
    const edi_schema *steps_of;
    check_step *steps;
    bool lost; /* the last segment had no place: what follows from that is not told again */
    bool trailing_told;

    /* of the interchange in hand */
    edi_delimiters delimiters;
    const edi_charset *charset; /* NULL: none named, or a character outside it was told already */
    bool both_marks;            /* comma and point are decimal marks */
    edi_look look;              /* for its values */
    check_plan plans[1 << PLAN_BITS];
    const check_plan *hints[PLAN_HINTS]; /* the plan that was used last, by the id of the place */
    bool thorough;                       /* no quick looks, no remembered steps */
    char text[EDI_FAULT_TEXT];           /* the sentence of a value's fault */

    char unit[28], unit_value[40]; /* see edi_fault */

    char *scratch; /* a decoded value */
    size_t scratch_room;
};

/* Does the note hold when these places are there (bit n: place n)? */
bool edi_note_holds(const edi_note *note, uint64_t present);

/* Segments of one tag that lie side by side, told apart by qualifiers, come in any order: the first of them. */
static inline size_t check_run_of(const edi_node *loop, size_t at) {
    return at < loop->child_count ? loop->children[at].run : at;
}

/* The first child of an open loop that a segment may take: its trigger never repeats inside it. */
static inline size_t check_first_child(const edi_checker *c, size_t level) {
    size_t at = check_run_of(c->frames[level].loop, c->frames[level].at);
    return level > 0 && at == 0 ? 1 : at;
}

/* Is the node's place the one that the code of the segment in hand chooses? */
bool check_qualifies(edi_checker *checker, const edi_node *node);

/* A loop begins with the segment in hand. */
static inline void check_enter(edi_checker *c, const edi_node *loop) {
    uint32_t *counts = &c->counts[loop->children[0].id];
    c->frames[c->depth++] = (check_frame){.loop = loop, .mark = c->pending_count};
    memset(counts, 0, loop->child_count * sizeof *counts);
    counts[0] = 1;
}

/* check_steps.c: where a step is remembered. */
static inline size_t check_step_place(const edi_node *from, uint32_t key, uint64_t code) {
    uint64_t mixed =
        (((uint64_t)from->id << 32 | key) ^ code * UINT64_C(0xD6E8FEB86659FD93)) * UINT64_C(0x9E3779B97F4A7C15);
    return (size_t)(mixed >> 56);
}

_Static_assert(STEPS == 256, "the highest eight bits are the place of a step");

/* The one among the steps of this tag that the code in the segment chooses. */
const check_step *check_step_by_code(const edi_checker *checker, const check_step *head, span raw, size_t tag_len);

/* A step for this segment (not a wrapped one) that was taken before, when all that it depends on holds; NULL: look for
 * one (edi_check_segment). For the validator, inlined: every segment passes here. */
static inline const check_step *check_step_find(const edi_checker *c, uint32_t key, span raw, size_t tag_len) {
    const edi_node *from = c->here;
    if (c->depth == 0 || c->pending_count > 0 || c->thorough) return NULL;
    const check_step *step = &c->steps[check_step_place(from, key, 0)];
    if (step->from != from || step->key != key) return NULL;
    if (step->qualifier && !(step = check_step_by_code(c, step, raw, tag_len))) return NULL;
    if (c->counts[step->id] >= step->max) return NULL;
    for (unsigned i = 0; i < step->needs; i++)
        if (c->counts[step->need[i].id] < step->need[i].count) return NULL;
    return step;
}

/* Takes it. *entered: a loop began. */
static inline void check_step_take(edi_checker *c, const check_step *step, size_t *entered) {
    c->counts[step->id]++;
    c->depth -= step->up;
    c->frames[c->depth - 1].at = step->to->index;
    c->lost = false;
    if (step->to != step->place) {
        check_enter(c, step->to);
        *entered = 1;
    }
    c->here = step->place;
}

/* check_steps.c: remembers the step to a place that was found and costs nothing, before it is taken. */
void check_step_remember(edi_checker *checker, uint32_t key, size_t level, const edi_node *node);

#endif
