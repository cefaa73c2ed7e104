/* tests/unit/test_edi_samples.c: every schema that is shipped holds against itself: for each of its places a document
 * is made that has what is mandatory and that place; it must be valid, and the place must be the one that its segment
 * takes. Then single faults are put in. Matrix rows EX30, EF20, ES03. */
#include "edi/check.h"
#include "edi/writer.h"
#include "tests/unit/edi_test.h"

typedef struct maker {
    buf out;
    const edi_schema *schema;
    const edi_node *chain[EDI_DEPTH_MAX + 2]; /* from the root to the place that is wanted */
    size_t chain_len;
    unsigned segments, levels;
    unsigned level_of[EDI_DEPTH_MAX + 2]; /* HL01 of the open loops */
    char tag, element, component, terminator;
} maker;

static void put_value(maker *m, const edi_slot *slot) {
    const edi_codes *codes = edi_slot_codes(slot);
    unsigned min = slot->min ? slot->min : slot->element->min, max = slot->max ? slot->max : slot->element->max;
    char letter = 'A';
    if (codes->count > 0) {
        buf_add(&m->out, codes->list[0].code);
        for (size_t i = codes->list[0].code.len; i < min; i++)
            buf_add_char(&m->out, ' ');
        return;
    }
    switch (slot->element->type) {
    case EDI_TYPE_DATE: buf_add_text(&m->out, max >= 8 ? "20260101" : "260101"); return;
    case EDI_TYPE_TIME: buf_add_text(&m->out, "1200"); return;
    case EDI_TYPE_INTEGER: letter = '1'; break;
    case EDI_TYPE_DECIMAL: letter = '0'; break; /* so that sums hold */
    case EDI_TYPE_TEXT:
    case EDI_TYPE_ID:
    case EDI_TYPE_ALPHA:
    case EDI_TYPE_BINARY: break;
    }
    for (unsigned i = 0; i < (min ? min : 1); i++)
        buf_add_char(&m->out, letter);
}

/* A date in the format that the place before it will have. */
static void put_period(maker *m, const edi_slot *before, const edi_slot *slot) {
    static const char *const samples[][2] = {{"D8", "20260101"}, {"RD8", "20260101-20260102"}, {"D6", "260101"},
        {"DT", "202601011200"}, {"TM", "1200"}, {"RTM", "1200-1300"}};
    const edi_codes *codes = edi_slot_codes(before);
    for (size_t i = 0; codes->count > 0 && i < sizeof samples / sizeof samples[0]; i++) {
        if (!span_is(codes->list[0].code, samples[i][0])) continue;
        buf_add_text(&m->out, samples[i][1]);
        return;
    }
    put_value(m, slot);
}

/* Which places must be there: the mandatory ones, `extra`, and what the notes make of them. */
static uint64_t wanted_places(const edi_slots *slots, uint64_t extra) {
    uint64_t want = slots->mandatory | extra;
    for (int round = 0; round < 8; round++) {
        for (size_t i = 0; i < slots->note_count; i++) {
            const edi_note *note = &slots->notes[i];
            uint64_t first = UINT64_C(1) << note->first, have = want & note->members;
            uint64_t usable = note->members;
            for (size_t k = 0; k < slots->count; k++)
                if (slots->list[k].unused) usable &= ~(UINT64_C(2) << k);
            if (note->kind == 'P' && have) want |= note->members;
            if (note->kind == 'C' && (want & first)) want |= note->members;
            if ((note->kind == 'R' || note->kind == '1') && !have) want |= usable & (~usable + 1);
            if (note->kind == 'L' && (want & first) && have == first)
                want |= (usable & ~first) & (~(usable & ~first) + 1);
        }
    }
    return want;
}

static uint64_t first_usable(const edi_slots *slots) {
    size_t i = 0;
    while (i + 1 < slots->count && slots->list[i].unused)
        i++;
    return UINT64_C(2) << i;
}

static void put_composite(maker *m, const edi_composite_type *type, span code, unsigned at) {
    uint64_t want = wanted_places(&type->slots, at ? UINT64_C(1) << at : 0);
    if (!want) want = wanted_places(&type->slots, first_usable(&type->slots));
    for (size_t i = 0; i < type->slots.count && want >> (i + 1); i++) {
        if (i > 0) buf_add_char(&m->out, m->component);
        if (!(want >> (i + 1) & 1)) continue;
        if (i + 1 == at && code.data) {
            buf_add(&m->out, code);
        } else {
            put_value(m, &type->slots.list[i]);
        }
    }
}

static void put_segment(maker *m, const edi_node *node) {
    const edi_slots *slots = &node->segment->slots;
    const edi_node *chooser = node->qualifier                                  ? node
                              : node->parent && node == node->parent->children ? node->parent
                                                                               : node;
    bool level = strcmp(node->segment->tag, "HL") == 0,
         bracket = strcmp(node->segment->tag, "LS") == 0 || strcmp(node->segment->tag, "LE") == 0;
    uint64_t want = wanted_places(slots, chooser->qualifier ? UINT64_C(1) << chooser->qualifier : 0);
    if (!want) want = wanted_places(slots, first_usable(slots));
    buf_add_text(&m->out, node->segment->tag);
    for (size_t i = 0; i < slots->count && want >> (i + 1); i++) {
        const edi_slot *slot = &slots->list[i];
        span code = chooser->qualifier == i + 1 ? chooser->qualifiers.list[0].code : (span){NULL, 0};
        buf_add_char(&m->out, i == 0 ? m->tag : m->element);
        if (!(want >> (i + 1) & 1)) continue;
        if (level && i == 0) {
            buf_printf(&m->out, "%u", m->level_of[node->depth] = ++m->levels);
        } else if (level && i == 1) {
            unsigned parent = 0;
            for (size_t k = 0; k < node->depth; k++)
                parent = m->level_of[k] ? m->level_of[k] : parent;
            buf_printf(&m->out, "%u", parent);
        } else if (bracket && i == 0 && !code.data && edi_slot_codes(slot)->count == 0) {
            buf_add_text(&m->out, "2700");
        } else if (slot->composite) {
            put_composite(m, slot->composite, code, code.data ? chooser->qualifier_component : 0);
        } else if (code.data) {
            buf_add(&m->out, code);
        } else if (i > 0 && slot->element->number == 1251) {
            put_period(m, &slots->list[i - 1], slot);
        } else {
            put_value(m, slot);
        }
    }
    buf_add_char(&m->out, m->terminator);
    m->segments++;
}

static bool is_wanted(const maker *m, const edi_node *node) {
    return node->depth < m->chain_len && m->chain[node->depth] == node;
}

/* What is mandatory in a loop, in order, and what leads to the place that is wanted. Depth is that of our schemas. */
static void put_loop(maker *m, const edi_node *loop) {
    bool open = false; /* LS wants its LE */
    for (size_t i = 0; i < loop->child_count; i++) {
        const edi_node *child = &loop->children[i];
        bool end = open && strcmp(child->segment->tag, "LE") == 0;
        bool begin = strcmp(child->segment->tag, "LS") == 0 && i + 1 < loop->child_count;
        for (size_t k = i + 1; begin && k < loop->child_count && strcmp(loop->children[k].segment->tag, "LE") != 0; k++)
            end |= is_wanted(m, &loop->children[k]); /* what it brackets is wanted */
        for (size_t k = i + 1; begin && k < loop->child_count; k++)
            end |= strcmp(loop->children[k].segment->tag, "LE") == 0 && is_wanted(m, &loop->children[k]);
        unsigned times = child->min > 0 ? child->min : is_wanted(m, child) || end ? 1 : 0;
        for (unsigned k = 0; k < times; k++) {
            if (child->children) {
                put_loop(m, child);
            } else {
                put_segment(m, child);
            }
        }
        open |= begin && times > 0;
    }
    m->level_of[loop->depth + 1] = 0;
}

/* The document around what put_loop() makes. */
static void make_document(maker *m, const edi_node *target) {
    const edi_schema *s = m->schema;
    bool x12 = s->standard == EDI_X12;
    m->element = x12 ? '*' : '+';
    m->tag = s->standard == EDI_TRADACOMS ? '=' : m->element;
    m->component = ':';
    m->terminator = x12 ? '~' : '\'';
    m->segments = m->levels = 0;
    memset(m->level_of, 0, sizeof m->level_of);
    m->chain_len = target->depth + 1;
    for (const edi_node *n = target; n; n = n->parent)
        m->chain[n->depth] = n;
    buf_clear(&m->out);
    if (x12) {
        buf_printf(&m->out,
            "ISA*00*          *00*          *ZZ*SENDER         *ZZ*RECEIVER       *260101*1200*^*00501*000000001*0*P*:~"
            "GS*%s*SENDER*RECEIVER*20260101*1200*1*X*%s~ST*%s*0001~",
            s->group ? s->group : "ZZ", s->version, s->type);
    } else if (s->standard == EDI_TRADACOMS) {
        buf_printf(&m->out, "STX=ANA:1+1:SENDER+2:RECEIVER+260101:120000+1'MHD=1+%s:%s'", s->type, s->version);
    } else {
        buf_printf(&m->out, "UNB+UNOC:3+SENDER+RECEIVER+260101:1200+1'UNH+1+%s:%.1s:%s:UN'", s->type, s->version,
            s->version + 1);
    }
    put_loop(m, &s->root);
    if (x12) {
        buf_printf(&m->out, "SE*%u*0001~GE*1*1~IEA*1*000000001~", m->segments + 2);
    } else if (s->standard == EDI_TRADACOMS) {
        buf_printf(&m->out, "MTR=%u'END=1'", m->segments + 2);
    } else {
        buf_printf(&m->out, "UNT+%u+1'UNZ+1+1'", m->segments + 2);
    }
}

static bool judge(maker *m, const edi_node *target, char *room, size_t size) {
    edi_validator *v = edi_validator_new(buf_span(&m->out), test_library(), NULL);
    expect_short_cuts_agree(buf_span(&m->out), test_library());
    edi_event event;
    bool reached = false;
    room[0] = '\0';
    while ((event = edi_validator_next(v)) != EDI_END) {
        const edi_node *node = event == EDI_SEGMENT ? edi_validator_node(v, NULL, NULL) : NULL;
        reached |= node && (node == target || (node->parent == target && node == target->children));
        if (event == EDI_FAULT && !edi_validator_fault(v)->warning && !room[0])
            snprintf(room, size, "%s %s%02u: %s", edi_fault_kind_of(edi_validator_fault(v)->code)->name,
                edi_validator_fault(v)->tag, edi_validator_fault(v)->element, edi_validator_fault(v)->text);
    }
    edi_validator_free(v);
    return reached;
}

static size_t check_below(maker *m, const edi_node *loop) {
    size_t wrong = 0;
    char fault[400];
    for (size_t i = 0; i < loop->child_count; i++) {
        const edi_node *node = &loop->children[i];
        make_document(m, node);
        bool reached = judge(m, node, fault, sizeof fault);
        if (fault[0] || !reached) {
            wrong++;
            print_message("%s %s line %u, %s: %s\n", m->schema->version, m->schema->type, node->line,
                node->segment->tag, fault[0] ? fault : "its segment takes another place");
            print_message("    %.*s\n", (int)(m->out.len < 900 ? m->out.len : 900), m->out.data);
        }
        if (node->children) wrong += check_below(m, node);
    }
    return wrong;
}

static void every_place_of_every_schema_can_be_reached_by_a_valid_document(void **state) {
    (void)state;
    edi_library *library = test_library();
    size_t cursor = 0, wrong = 0, count = 0;
    edi_listed one;
    while (edi_library_next(library, &cursor, &one)) {
        bool exact;
        maker m = {
            .schema = edi_library_find(library, one.standard, one.type, one.version, &exact), .out = BUF_MAX(1 << 20)};
        if (strncmp(one.version, "envelope", 8) == 0) continue; /* CONTRL: its version is written otherwise */
        assert_non_null(m.schema);
        wrong += check_below(&m, &m.schema->root);
        buf_free(&m.out);
        count++;
    }
    assert_true(count > 60);
    assert_int_equal(wrong, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_place_of_every_schema_can_be_reached_by_a_valid_document),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
