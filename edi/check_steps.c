/* edi/check_steps.c: steps from one place of a schema to the next, remembered.
 *
 * Which place a segment takes follows from the place taken last (the loops around it come with it), its tag, the code
 * that chooses among places of one tag, and from counts: is there room, and was what is mandatory before it there? So
 * a step that cost nothing is kept with the few counts that it depends on, and taken again when they hold. Everything
 * else, and every fault, is check_structure.c's.
 */
#include "core/base/memory.h"
#include "edi/check_internal.h"

/* The code at a place of a segment, as a number; false when it is longer than that or not plain. */
static __attribute__((noinline)) bool code_at(
    const edi_checker *c, span raw, size_t tag_len, unsigned element, unsigned component, uint64_t *code) {
    const edi_delimiters *d = &c->delimiters;
    const char *at = raw.data + tag_len, *end = raw.data + raw.len;
    size_t len = 0;
    *code = 0;
    if (at >= end || *at != d->element) return false;
    while (element > 0 && at < end)
        element -= *at++ == d->element;
    for (; component > 1 && at < end && *at != d->element; at++)
        component -= d->component && *at == d->component;
    for (; at < end && *at != d->element; at++) {
        if ((d->component && *at == d->component) || (d->repetition && *at == d->repetition)) break;
        if ((d->release && *at == d->release) || !*at || len == sizeof *code) return false;
        *code |= (uint64_t)(unsigned char)*at << 8 * len++;
    }
    return element == 0 && component == 1 && len > 0;
}

const check_step *check_step_by_code(const edi_checker *c, const check_step *head, span raw, size_t tag_len) {
    uint64_t code;
    if (!code_at(c, raw, tag_len, head->qualifier, head->component, &code)) return NULL;
    const check_step *step = &c->steps[check_step_place(head->from, head->key, code)];
    bool same = step->from == head->from && step->key == head->key && step->code == code && step->to &&
                step->qualifier == head->qualifier && step->component == head->component;
    return same ? step : NULL;
}

/* What must have been taken between the place of a loop and `to`: check_structure.c counts it as missing else. */
static bool add_needs(const edi_checker *c, size_t level, size_t to, check_step *step) {
    const check_frame *frame = &c->frames[level];
    to = check_run_of(frame->loop, to);
    if (to > frame->loop->last_mandatory) to = frame->loop->last_mandatory;
    for (size_t i = check_run_of(frame->loop, frame->at); i < to; i++) {
        const edi_node *node = &frame->loop->children[i];
        bool taken = level > 0 && i == frame->at && node->min == 1; /* it is where we stand */
        if (node->min == 0 || taken) continue;
        if (step->needs == STEP_NEEDS || node->id > UINT16_MAX || node->min > UINT16_MAX) return false;
        step->need[step->needs].id = (uint16_t)node->id;
        step->need[step->needs++].count = (uint16_t)node->min;
    }
    return true;
}

/* Places of the tag that were asked on the way: either none has a code that chooses, or all look at the same one. */
static bool note_qualifier(const edi_node *node, check_step *step) {
    if (!node->qualifier) return true;
    if (node->qualifier > UINT8_MAX || node->qualifier_component > UINT8_MAX) return false;
    if (step->qualifier && (step->qualifier != node->qualifier || step->component != node->qualifier_component))
        return false;
    step->qualifier = (unsigned char)node->qualifier;
    step->component = (unsigned char)node->qualifier_component;
    return true;
}

/* Was `to` the first place that was meant, and what did that depend on? */
static bool fill(edi_checker *c, uint32_t key, size_t level, const edi_node *to, check_step *step) {
    for (size_t l = c->depth; l-- > level;) {
        const edi_node *loop = c->frames[l].loop;
        size_t end = l == level ? to->index : loop->child_count;
        for (size_t i = check_run_of(loop, check_first_child(c, l)); i < end; i++) {
            if (loop->child_keys[i] != key) continue;
            const edi_node *other = &loop->children[i];
            if (!note_qualifier(other, step) || !other->qualifier || check_qualifies(c, other)) return false;
        }
        if (!add_needs(c, l, end, step)) return false;
    }
    return note_qualifier(to, step);
}

void check_step_remember(edi_checker *c, uint32_t key, size_t level, const edi_node *to) {
    const edi_node *from = c->here;
    check_step step = {.from = from,
        .to = to,
        .place = to->children ? to->children : to,
        .key = key,
        .id = to->id,
        .max = to->max,
        .up = (unsigned char)(c->depth - 1 - level)};
    if (to->forbidden || !fill(c, key, level, to, &step)) return;
    check_step *head = &c->steps[check_step_place(from, key, 0)];
    if (step.qualifier) { /* the head tells where the code stands */
        const edi_segment *segment = edi_reader_segment(c->reader);
        if (segment->wrapped) return;
        if (!code_at(c, segment->raw, segment->tag.len, step.qualifier, step.component, &step.code)) return;
        *head = (check_step){.from = from, .key = key, .qualifier = step.qualifier, .component = step.component};
        head = &c->steps[check_step_place(from, key, step.code)];
    }
    *head = step;
}
