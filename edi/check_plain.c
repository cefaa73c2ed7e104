/* edi/check_plain.c: the quick look at a segment: is it plainly right?
 *
 * Nearly all segments are, and nearly all have a shape that was there before: the same places filled, cut by the same
 * separators. What a shape asks of the values that stand in it is worked out once, as a plan: whether all that must be
 * there is, whether the syntax notes hold, which value belongs to which place. A segment is then held against its plan
 * by the bits of its tokens (tokens.h). A "yes" says what check_elements.c would say after its long look: nothing to
 * tell. A "no" says nothing; the long look follows. So no rule stands here alone, and none is weaker than there.
 */
#include "edi/check_plain.h"
#include "edi/schema_quick.h"
#include "edi/value.h"

/* No value that has tokens is longer. */
enum { LONGEST = EDI_TOKENS_BYTES };

/* The values of a segment. */
typedef struct values {
    const char *base;
    const uint16_t *ends; /* of the tag, then of the parts from 1 on */
    const edi_tokens *tokens;
    char mark;
} values;

static inline span value_of(const values *v, unsigned part) {
    unsigned from = v->ends[part - 1] + 1U;
    return span_make(v->base + from, v->ends[part] - from);
}

/* -------------------------------------------------------------------------------------------------------------- plans
 */

static bool presence_right(const edi_slots *slots, uint64_t present) {
    if (slots->mandatory & ~present) return false;
    for (size_t i = 0; i < slots->note_count; i++)
        if (!edi_note_holds(&slots->notes[i], present)) return false;
    return true;
}

static bool plan_value(check_plan *plan, const edi_quick *quick, unsigned part) {
    uint32_t bit = UINT32_C(1) << (part - 1);
    if (quick->kind == EDI_QUICK_NEVER || quick->kind == EDI_QUICK_COMPOSITE || quick->min > LONGEST) return false;
    plan->min[part - 1] = (uint16_t)quick->min;
    plan->range[part - 1] = quick->range < LONGEST ? (uint16_t)quick->range : LONGEST;
    if (quick->kind == EDI_QUICK_ALPHA) plan->alpha |= bit;
    if (quick->kind == EDI_QUICK_DECIMAL) plan->decimal |= bit;
    if (quick->kind == EDI_QUICK_DATE || quick->kind == EDI_QUICK_TIME) plan->moments |= bit;
    if (quick->kind == EDI_QUICK_TIME) plan->times |= bit;
    if (quick->digits && quick->kind != EDI_QUICK_ALPHA) plan->digits |= bit;
    if (!quick->codes) return true;
    if (plan->coded == PLAN_CODES) return false;
    plan->codes[plan->coded++] = (check_plan_code){.keys = quick->codes, .part = part};
    return true;
}

/* The parts `from` to `to` of a composite. */
static bool plan_composite(check_plan *plan, const edi_quick *quick, unsigned from, unsigned to) {
    const edi_slots *slots = quick->composite;
    uint64_t present = 0;
    if (to - from >= slots->count || plan->empty >> (to - 1) & 1) return false; /* an empty component at the end */
    for (unsigned part = from; part <= to; part++) {
        if (plan->empty >> (part - 1) & 1) continue;
        if (!plan_value(plan, &slots->quick[part - from], part)) return false;
        present |= UINT64_C(2) << (part - from);
    }
    if (quick->dated && (present & 0xC) == 0xC) {
        if (plan->dated) return false; /* there is one at most */
        plan->dated = from + 1;
    }
    return presence_right(slots, present);
}

/* The shape is in the plan already. */
static bool plan_parts(check_plan *plan) {
    const edi_slots *slots = &plan->type->slots;
    const edi_quick *quick = slots->quick, *last = quick + slots->count;
    unsigned period = plan->type->period;
    uint64_t present = 0, bit = 2;
    if (plan->empty >> (plan->parts - 1) & 1) return false; /* an empty element at the end */
    for (unsigned part = 1, to; part <= plan->parts; part = to + 1, quick++, bit <<= 1) {
        if (quick == last) return false;
        for (to = part; plan->seconds >> (to - 1) & 1;)
            to++;
        if (to == part && plan->empty >> (part - 1) & 1) continue;
        bool composite = quick->kind == EDI_QUICK_COMPOSITE;
        if (!composite && to > part) return false;
        if (composite ? !plan_composite(plan, quick, part, to) : !plan_value(plan, quick, part)) return false;
        if (period && bit == UINT64_C(2) << period) plan->period = part; /* the date stands behind its format */
        present |= bit;
    }
    if (!period || (present >> period & 3) != 3) plan->period = 0;
    return presence_right(slots, present);
}

static void make_plan(check_plan *plan, const edi_segment_type *type, const plain_parts *parts) {
    *plan = (check_plan){.type = type, .seconds = parts->seconds, .empty = parts->empty, .parts = parts->count};
    for (unsigned i = 0; i < PLAN_PARTS; i++)
        plan->range[i] = UINT16_MAX;
    plan->possible = type->slots.quick && plan_parts(plan);
    plan->more = plan->moments || plan->alpha || plan->coded || plan->dated || plan->period;
}

const check_plan *check_plan_find(edi_checker *c, const edi_node *node, const plain_parts *parts) {
    uint64_t mixed =
        ((uint64_t)(uintptr_t)node->segment >> 4 ^ (uint64_t)parts->seconds << 40 ^ (uint64_t)parts->empty << 32) *
        UINT64_C(0x9E3779B97F4A7C15);
    check_plan *plan = &c->plans[mixed >> (64 - PLAN_BITS)];
    if (plan->type != node->segment || plan->seconds != parts->seconds || plan->empty != parts->empty ||
        plan->parts != parts->count)
        make_plan(plan, node->segment, parts);
    c->hints[node->id % PLAN_HINTS] = plan;
    return plan;
}

/* ------------------------------------------------------------------------------------------------------------- values
 */

static bool is_date(span v) {
    if (v.len == 8) {
        unsigned month = (unsigned)(v.data[4] - '0') * 10 + (unsigned)(v.data[5] - '0');
        unsigned day = (unsigned)(v.data[6] - '0') * 10 + (unsigned)(v.data[7] - '0');
        if (v.data[0] != '0' && month - 1 < 12 && day - 1 < 28) return true;
    }
    return edi_is_date(v);
}

/* Numbers that are not digits alone: a decimal mark with digits on both sides of it, a leading minus. Neither counts in
 * the length. */
static bool number_right(const values *v, const check_plan *plan, unsigned part) {
    unsigned from = v->ends[part - 1] + 1U, to = v->ends[part];
    if (plan->moments >> (part - 1) & 1 || to - from > EDI_WINDOW) return false;
    if (v->base[from] == '-' && ++from == to) return false;
    uint64_t others = ~edi_window(v->tokens->digit, from) & edi_lowest(to - from);
    unsigned len = to - from - (others != 0);
    if (len < plan->min[part - 1] || len - plan->min[part - 1] > plan->range[part - 1]) return false;
    if (!others) return true;
    unsigned at = edi_first_bit(others);
    return plan->decimal >> (part - 1) & 1 && (others & (others - 1)) == 0 && v->base[from + at] == v->mark && at > 0 &&
           at + 1 < to - from;
}

static inline bool numbers_right(const values *v, const check_plan *plan, uint32_t which) {
    for (; which; which &= which - 1)
        if (!number_right(v, plan, edi_first_bit(which) + 1U)) return false;
    return true;
}

static __attribute__((noinline)) EDI_HOT bool moments_right(const values *v, const check_plan *plan) {
    for (uint32_t which = plan->moments; which; which &= which - 1) {
        unsigned part = edi_first_bit(which) + 1U;
        span value = value_of(v, part);
        if (plan->times >> (part - 1) & 1 ? !edi_is_time(value) : !is_date(value)) return false;
    }
    return true;
}

/* Values of letters hold no digit. */
static __attribute__((noinline)) EDI_HOT bool letters_right(const values *v, const check_plan *plan) {
    for (uint32_t which = plan->alpha; which; which &= which - 1) {
        unsigned part = edi_first_bit(which) + 1U, from = v->ends[part - 1] + 1U, len = v->ends[part] - from;
        if (len > EDI_WINDOW || edi_window(v->tokens->digit, from) & edi_lowest(len)) return false;
    }
    return true;
}

/* The date in the second part of a composite, by the format in its third. */
static __attribute__((noinline)) EDI_HOT bool dated_right(const values *v, unsigned part, uint32_t mixed) {
    char iso[EDI_DATE_SIZE];
    span value = value_of(v, part), format = value_of(v, part + 1);
    if (format.len == 3 && value.len == 8 && memcmp(format.data, "102", 3) == 0 && !(mixed >> (part - 1) & 1))
        return is_date(value);
    return edi_formatted_date(value, format, iso);
}

static inline bool codes_right(const values *v, const check_plan *plan) {
    for (unsigned i = 0; i < plan->coded; i++) {
        span value = value_of(v, plan->codes[i].part);
        if (value.len > 8 || !edi_code_keys_have(plan->codes[i].keys, edi_pack(value.data, value.len))) return false;
    }
    return true;
}

EDI_HOT bool check_plan_values(const edi_checker *c, const check_plan *plan, const plain_parts *parts) {
    const edi_tokens *t = parts->tokens;
    values v = {.base = t->base, .ends = t->at + parts->token, .tokens = t, .mark = c->delimiters.decimal};
    uint32_t numbers = parts->mixed & plan->digits;
    if (numbers && !numbers_right(&v, plan, numbers)) return false;
    if (!plan->more) return true;
    if (plan->coded && !codes_right(&v, plan)) return false;
    if (plan->moments && !moments_right(&v, plan)) return false;
    if (plan->alpha && !letters_right(&v, plan)) return false;
    if (plan->dated && !dated_right(&v, plan->dated, parts->mixed)) return false;
    return !plan->period || edi_period_exists(value_of(&v, plan->period), value_of(&v, plan->period - 1));
}
