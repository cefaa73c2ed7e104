/* edi/check_structure.c: which place of its schema each segment of a document takes. See check.h.
 *
 * A segment may fit at several places: the innermost open loop comes first, and in a loop what lies ahead; a place
 * whose qualifiers name the segment's value is the only one it can take; a place that costs no missing mandatory
 * segment is better than one that does. Only when no place has room is one taken that is full, and only when there is
 * none at all is the segment out of order, unexpected or unknown. One cause, one fault: after a segment without place
 * the next ones without place are not told.
 */
#include "core/base/memory.h"
#include "edi/check_internal.h"

#include <stdio.h>
#include <stdlib.h>

edi_checker *edi_checker_new(edi_reader *reader, edi_faults *faults) {
    edi_checker *c = xcalloc(1, sizeof *c);
    c->reader = reader;
    c->faults = faults;
    for (size_t i = 0; i < PLAN_HINTS; i++)
        c->hints[i] = &c->plans[0];
    return c;
}

void edi_checker_free(edi_checker *c) {
    if (!c) return;
    free(c->counts);
    free(c->pending);
    free(c->scratch);
    free(c->steps);
    free(c);
}

void edi_checker_be_thorough(edi_checker *c) {
    c->thorough = true;
}

void edi_check_begin(edi_checker *c, const edi_schema *schema) {
    c->schema = schema;
    c->depth = 0;
    c->pending_count = 0;
    c->lost = c->trailing_told = false;
    c->unit[0] = c->unit_value[0] = '\0';
    if (!schema) return;
    if (c->count_room < schema->node_count) {
        c->count_room = schema->node_count;
        c->counts = xreallocarray(c->counts, c->count_room, sizeof *c->counts);
    }
    memset(c->counts, 0, schema->node_count * sizeof *c->counts);
    if (c->steps_of != schema) {
        if (!c->steps) c->steps = xmalloc(STEPS * sizeof *c->steps);
        memset(c->steps, 0, STEPS * sizeof *c->steps);
        c->steps_of = schema;
    }
    c->frames[0] = (check_frame){.loop = &schema->root};
    c->here = schema->root.children;
    c->depth = 1;
}

/* ------------------------------------------------------------------------------------------------ missing segments */

static size_t count_missing(const edi_checker *c, const check_frame *frame, size_t to) {
    size_t missing = 0;
    to = check_run_of(frame->loop, to);
    if (to > frame->loop->last_mandatory) to = frame->loop->last_mandatory;
    for (size_t i = check_run_of(frame->loop, frame->at); i < to; i++)
        missing += c->counts[frame->loop->children[i].id] < frame->loop->children[i].min;
    return missing;
}

/* "REF with 01 = DP (reference)" */
static const char *node_label(const edi_node *node, char room[96]) {
    char which[40] = "";
    if (node->qualifier && node->qualifiers.count > 0) {
        const edi_code *first = &node->qualifiers.list[0];
        snprintf(which, sizeof which, " with %02u = %.*s%s", node->qualifier,
            (int)(first->code.len < 20 ? first->code.len : 20), first->code.data,
            node->qualifiers.count > 1 ? " or the like" : "");
    }
    snprintf(room, 96, "%s%s%s%.36s%s", node->segment->tag, which, node->segment->name[0] ? " (" : "",
        node->segment->name, node->segment->name[0] ? ")" : "");
    return room;
}

static void add_pending(edi_checker *c, const edi_node *node) {
    /* The fault is made like any other, then taken out of the list again until its loop ends. */
    edi_fault_code code = node->children ? EDI_FAULT_LOOP_MISSING : EDI_FAULT_SEGMENT_MISSING;
    size_t before = c->faults->count;
    edi_fault *fault = edi_checker_fault(c, code, 0, 0, 0, (span){NULL, 0});
    char found[8];
    memcpy(found, fault->tag, sizeof found);
    snprintf(fault->tag, sizeof fault->tag, "%s", node->segment->tag);
    unsigned have = c->counts[node->id];
    if (have == 0) {
        char label[96];
        snprintf(fault->text, sizeof fault->text, "%s is mandatory and missing before %s", node_label(node, label),
            found[0] ? found : "the end");
    } else {
        snprintf(fault->text, sizeof fault->text, "%s stands %u times before %s, at least %u are needed",
            node->segment->tag, have, found, node->min);
    }
    if (node->reason) {
        size_t len = strlen(fault->text);
        snprintf(fault->text + len, sizeof fault->text - len, ": %s", node->reason);
    }
    if (c->pending_count == c->pending_room) {
        c->pending_room = c->pending_room ? c->pending_room * 2 : 8;
        c->pending = xreallocarray(c->pending, c->pending_room, sizeof *c->pending);
    }
    c->pending[c->pending_count++] = (check_pending){.node = node, .fault = *fault};
    c->faults->count = before;
}

static void pass_by(edi_checker *c, check_frame *frame, size_t to) {
    to = check_run_of(frame->loop, to);
    if (to > frame->loop->last_mandatory) to = frame->loop->last_mandatory;
    for (size_t i = check_run_of(frame->loop, frame->at); i < to; i++) {
        const edi_node *node = &frame->loop->children[i];
        if (c->counts[node->id] < node->min) add_pending(c, node);
    }
}

/* Tells what a loop that ends still lacks. */
static void tell_pending(edi_checker *c, size_t mark) {
    for (size_t i = mark; i < c->pending_count; i++) {
        edi_fault *fault = edi_checker_fault(c, c->pending[i].fault.code, 0, 0, 0, (span){NULL, 0});
        *fault = c->pending[i].fault;
    }
    if (c->pending_count > mark) c->pending_count = mark;
}

/* A segment that came too late was not missing. */
static bool forget_pending(edi_checker *c, const edi_node *node) {
    for (size_t i = c->pending_count; i > 0; i--) {
        if (c->pending[i - 1].node != node) continue;
        memmove(&c->pending[i - 1], &c->pending[i], (c->pending_count - i) * sizeof *c->pending);
        c->pending_count--;
        return true;
    }
    return false;
}

static void close_frame(edi_checker *c, bool broken) {
    check_frame *frame = &c->frames[c->depth - 1];
    if (!broken) pass_by(c, frame, frame->loop->child_count);
    tell_pending(c, frame->mark);
    c->depth--;
}

/* --------------------------------------------------------------------------------------------------- finding a place
 */

bool check_qualifies(edi_checker *c, const edi_node *node) {
    if (!node->qualifier) return true;
    size_t count;
    const span *values = edi_reader_elements(c->reader, &count);
    if (node->qualifier > count) return false;
    const edi_delimiters *d = &edi_reader_interchange(c->reader)->delimiters;
    span value = edi_component(d, values[node->qualifier - 1], 0, node->qualifier_component - 1);
    return edi_codes_find(&node->qualifiers, edi_trim_right(value)) != NULL;
}

typedef struct candidate {
    size_t level, index, missing;
    const edi_node *node;
} candidate;

/* A place without qualifiers takes what none of its neighbours is made for. */
static bool is_meant(edi_checker *c, const edi_node *loop, size_t index) {
    const edi_node *node = &loop->children[index];
    if (node->qualifier || node->run == index) return check_qualifies(c, node);
    for (size_t i = node->run; i < index; i++) {
        if (check_qualifies(c, &loop->children[i])) return false;
    }
    return true;
}

/* The first child from `from` on that begins with this tag and may be meant. */
static const edi_node *next_match(edi_checker *c, const edi_node *loop, size_t from, size_t to, uint32_t key) {
    for (size_t i = from; i < to; i++) {
        if (loop->child_keys[i] == key && is_meant(c, loop, i)) return &loop->children[i];
    }
    return NULL;
}

/* The best place ahead: *full gets the first that has no room left. */
static bool find_ahead(edi_checker *c, uint32_t key, candidate *best, candidate *full) {
    size_t behind = 0;
    best->node = full->node = NULL;
    for (size_t level = c->depth; level-- > 0;) {
        const check_frame *frame = &c->frames[level];
        size_t from = check_first_child(c, level);
        const edi_node *node;
        while ((node = next_match(c, frame->loop, from, frame->loop->child_count, key))) {
            from = node->index + 1;
            candidate found = {.level = level, .index = node->index, .node = node};
            if (c->counts[node->id] >= node->max) {
                if (!full->node) *full = found;
                continue;
            }
            found.missing = behind + count_missing(c, frame, node->index);
            if (!best->node || found.missing < best->missing) *best = found;
            if (best->missing == 0) return true;
        }
        behind += count_missing(c, frame, frame->loop->child_count);
    }
    return best->node != NULL;
}

static bool find_behind(edi_checker *c, uint32_t key, candidate *found) {
    for (size_t level = c->depth; level-- > 0;) {
        const check_frame *frame = &c->frames[level];
        const edi_node *node = next_match(c, frame->loop, level > 0 ? 1 : 0, frame->at, key);
        if (!node) continue;
        *found = (candidate){.level = level, .index = node->index, .node = node};
        return true;
    }
    return false;
}

/* A mandatory loop whose trigger is missing, but whose children are there. */
static bool find_orphan(edi_checker *c, uint32_t key, candidate *found) {
    for (size_t level = c->depth; level-- > 0;) {
        const check_frame *frame = &c->frames[level];
        for (size_t i = check_first_child(c, level); i < frame->loop->child_count; i++) {
            const edi_node *loop = &frame->loop->children[i];
            if (!loop->children || loop->min == 0 || c->counts[loop->id] > 0) continue;
            const edi_node *node = next_match(c, loop, 1, loop->child_count, key);
            if (!node) continue;
            *found = (candidate){.level = level, .index = i, .node = loop};
            return true;
        }
    }
    return false;
}

static bool occurs_below(const edi_node *loop, uint32_t key) {
    for (size_t i = 0; i < loop->child_count; i++) {
        if (loop->child_keys[i] == key) return true;
        if (loop->children[i].children && occurs_below(&loop->children[i], key)) return true;
    }
    return false;
}

/* ------------------------------------------------------------------------------------------------------- taking it */

/* Closes inner loops, tells what was passed by, and opens the loop that the segment begins. Returns the node of the
 * segment itself. */
static const edi_node *take(edi_checker *c, const candidate *place, size_t *left, size_t *entered) {
    while (c->depth > place->level + 1) {
        close_frame(c, false);
        ++*left;
    }
    check_frame *frame = &c->frames[place->level];
    if (place->index > frame->at) pass_by(c, frame, place->index);
    frame->at = place->index;
    c->counts[place->node->id]++;
    if (!place->node->children) return place->node;
    check_enter(c, place->node);
    ++*entered;
    return &place->node->children[0];
}

static void fault_forbidden(edi_checker *c, const edi_node *node) {
    edi_fault *fault = edi_checker_fault(c, EDI_FAULT_SEGMENT_NOT_USED, 0, 0, 0, (span){NULL, 0});
    snprintf(fault->text, sizeof fault->text, "%s is not used here%s%s", node->segment->tag, node->reason ? ": " : "",
        node->reason ? node->reason : "");
}

/* Told for the first that is too many; the ones that follow have the same cause. */
static void fault_full(edi_checker *c, const edi_node *node) {
    if (c->counts[node->id] > node->max) return;
    edi_fault *fault = edi_checker_fault(
        c, node->children ? EDI_FAULT_LOOP_REPEATED : EDI_FAULT_SEGMENT_REPEATED, 0, 0, 0, (span){NULL, 0});
    snprintf(fault->text, sizeof fault->text, "%s%s may stand %u times here at most (told once)",
        node->children ? "the loop " : "", node->segment->tag, node->max);
}

/* The tag would have a place here, were it not for the code that chooses it. */
static bool fault_qualifier(edi_checker *c, uint32_t key) {
    const edi_node *node = NULL;
    for (size_t level = c->depth; level-- > 0 && !node;) {
        const edi_node *loop = c->frames[level].loop;
        for (size_t i = check_first_child(c, level); i < loop->child_count && !node; i++) {
            if (loop->child_keys[i] == key) node = &loop->children[i];
        }
    }
    if (!node || !node->qualifier) return false;
    size_t count;
    const span *values = edi_reader_elements(c->reader, &count);
    span value = node->qualifier <= count ? values[node->qualifier - 1] : (span){NULL, 0};
    edi_fault *fault = edi_checker_fault(c, EDI_FAULT_SEGMENT_UNEXPECTED, 0, 0, 0, value);
    size_t len = (size_t)snprintf(fault->text, sizeof fault->text,
        "%s has no place here with %02u = \"%s\"; expected:", fault->tag, node->qualifier, fault->value);
    for (; node && node->key == key && len + 48 < sizeof fault->text; node = node + 1) {
        for (size_t i = 0; i < node->qualifiers.count && len + 24 < sizeof fault->text; i++)
            len += (size_t)snprintf(fault->text + len, sizeof fault->text - len, " %.*s",
                (int)(node->qualifiers.list[i].code.len < 20 ? node->qualifiers.list[i].code.len : 20),
                node->qualifiers.list[i].code.data);
        if (node->index + 1 == node->parent->child_count) break;
    }
    return true;
}

static const edi_node *misplaced(edi_checker *c, uint32_t key, size_t *left, size_t *entered) {
    candidate found;
    span tag = edi_reader_segment(c->reader)->tag;
    edi_fault_code code;
    const char *why;
    if (find_behind(c, key, &found)) {
        bool full = c->counts[found.node->id] >= found.node->max;
        forget_pending(c, found.node);
        if (full) {
            fault_full(c, found.node);
        } else {
            edi_fault *fault = edi_checker_fault(c, EDI_FAULT_SEGMENT_ORDER, 0, 0, 0, (span){NULL, 0});
            const edi_node *now = &c->frames[found.level].loop->children[c->frames[found.level].at];
            snprintf(fault->text, sizeof fault->text, "%s stands before %s, not behind it", found.node->segment->tag,
                now->segment->tag);
        }
        if (!found.node->children) {
            c->counts[found.node->id]++;
            return found.node;
        }
        while (c->depth > found.level + 1) {
            close_frame(c, false);
            ++*left;
        }
        c->frames[found.level].at = found.index; /* what belongs into the loop is judged there */
        return take(c, &found, left, entered);
    }
    if (find_orphan(c, key, &found)) {
        take(c, &found, left, entered);
        const edi_node *loop = found.node, *node = next_match(c, loop, 1, loop->child_count, key);
        edi_fault *fault = edi_checker_fault(c, EDI_FAULT_SEGMENT_MISSING, 0, 0, 0, (span){NULL, 0});
        snprintf(fault->tag, sizeof fault->tag, "%s", loop->segment->tag);
        snprintf(fault->text, sizeof fault->text, "%s, which begins a loop, is missing before %s", loop->segment->tag,
            node->segment->tag);
        check_frame *frame = &c->frames[c->depth - 1];
        if (!node->children) {
            frame->at = node->index;
            c->counts[node->id]++;
            return node;
        }
        candidate inner = {.level = c->depth - 1, .index = node->index, .node = node};
        return take(c, &inner, left, entered);
    }
    bool in_set = occurs_below(&c->schema->root, key);
    if (in_set) {
        if (c->lost) return NULL;
        c->lost = true;
        if (fault_qualifier(c, key)) return NULL;
        code = EDI_FAULT_SEGMENT_UNEXPECTED;
        why = "has no place here (further ones without place are not told)";
    } else if (edi_release_segment(c->schema->release, tag)) {
        code = EDI_FAULT_SEGMENT_NOT_IN_SET;
        why = "does not belong to this document type";
    } else if (!edi_reader_is_tag(c->delimiters.standard, tag)) {
        return NULL; /* the reader said so */
    } else {
        code = EDI_FAULT_SEGMENT_UNKNOWN;
        why = "is no segment that this version knows";
    }
    edi_fault *fault = edi_checker_fault(c, code, 0, 0, 0, (span){NULL, 0});
    snprintf(fault->text, sizeof fault->text, "%s %s", fault->tag, why);
    return NULL;
}

static const edi_node *find_place(edi_checker *c, size_t *left, size_t *entered) {
    uint32_t key = edi_reader_segment(c->reader)->key;
    candidate best, full;
    if (!find_ahead(c, key, &best, &full)) {
        if (!full.node) return misplaced(c, key, left, entered);
        fault_full(c, full.node);
        best = full;
    } else if (best.missing == 0 && !full.node && c->pending_count == 0) {
        check_step_remember(c, key, best.level, best.node);
    }
    c->lost = false;
    if (best.node->forbidden) fault_forbidden(c, best.node);
    return take(c, &best, left, entered);
}

const edi_node *edi_check_segment(edi_checker *c, size_t *left, size_t *entered) {
    *left = *entered = 0;
    if (c->depth == 0) return NULL;
    const edi_node *node = find_place(c, left, entered);
    const check_frame *frame = &c->frames[c->depth - 1];
    c->here = &frame->loop->children[frame->at];
    return node;
}

void edi_check_end(edi_checker *c, bool broken) {
    while (c->depth > 0)
        close_frame(c, broken);
    c->schema = NULL;
}
