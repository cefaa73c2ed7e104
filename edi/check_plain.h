/* edi/check_plain.h: the quick look at a segment, to be inlined where every segment passes (validate.c): is it plainly
 * right? See check_plain.c.
 */
#ifndef BANYAN_EDI_CHECK_PLAIN_H
#define BANYAN_EDI_CHECK_PLAIN_H

#include "edi/check_internal.h"

/* The parts of a segment that has tokens: number `part` stands between two of them. */
typedef struct plain_parts {
    const edi_tokens *tokens;
    unsigned token, count;          /* of its tag; of the parts */
    uint32_t seconds, empty, mixed; /* as in edi_tokens, one bit a part */
} plain_parts;

/* The plan for segments of this place and shape; made when there is none. */
const check_plan *check_plan_find(edi_checker *checker, const edi_node *node, const plain_parts *parts);

/* What a plan asks besides presence and lengths. */
bool check_plan_values(const edi_checker *checker, const check_plan *plan, const plain_parts *parts);

/* No value is shorter or longer than its place allows. Eight at once, in what every machine has for that. */
static inline bool check_lengths_right(const check_plan *plan, const uint16_t *ends, unsigned count) {
    typedef uint16_t eight __attribute__((vector_size(16)));
    eight right, from, to, min, range;
    uint64_t both[2], all = UINT64_MAX;
    for (unsigned i = 0; i < count; i += 8) {
        memcpy(&from, ends + i, sizeof from);
        memcpy(&to, ends + i + 1, sizeof to);
        memcpy(&min, plan->min + i, sizeof min);
        memcpy(&range, plan->range + i, sizeof range);
        right = (eight)(to - from - 1 - min <= range); /* one that is too short is far above */
        memcpy(both, &right, sizeof both);
        all &= both[0] & both[1];
    }
    return all == UINT64_MAX;
}

/* Nothing is wrong with the segment whose tag ends with this token, at its place `node`. False says nothing. */
static inline __attribute__((always_inline)) bool check_plainly_right(
    edi_checker *c, const edi_node *node, const edi_tokens *tokens, unsigned token, unsigned count) {
    if (!tokens || count > PLAN_PARTS) return false;
    uint32_t all = (uint32_t)edi_lowest(count);
    plain_parts parts = {.tokens = tokens,
        .token = token,
        .count = count,
        .seconds = (uint32_t)edi_window(tokens->second, token + 1) & all,
        .empty = (uint32_t)edi_window(tokens->empty, token + 1) & all,
        .mixed = (uint32_t)edi_window(tokens->mixed, token + 1) & all};
    const check_plan *plan = c->hints[node->id % PLAN_HINTS];
    if (plan->type != node->segment || plan->seconds != parts.seconds || plan->empty != parts.empty ||
        plan->parts != count)
        plan = check_plan_find(c, node, &parts);
    if (!plan->possible || !check_lengths_right(plan, tokens->at + token, count)) return false;
    return !(plan->more || parts.mixed & plan->digits) || check_plan_values(c, plan, &parts);
}

#endif
