/* edi/schema_quick.c: see schema_quick.h. What is compiled is only added to here, while its library compiles it. */
#include "edi/schema_quick.h"

static const edi_code_keys *make_keys(arena *memory, const edi_codes *codes) {
    unsigned bits = 2;
    while ((size_t)1 << bits < 2 * codes->count)
        bits++;
    size_t room = (size_t)1 << bits;
    edi_code_keys *keys = arena_alloc(memory, sizeof *keys + room * sizeof keys->slots[0]);
    keys->shift = 64 - bits;
    for (size_t i = 0; i < codes->count; i++) {
        char padded[8] = {0};
        span code = codes->list[i].code;
        if (code.len > sizeof padded) continue; /* found the long way */
        memcpy(padded, code.data, code.len);
        uint64_t key = edi_pack(padded, sizeof padded);
        size_t at = (size_t)(key * UINT64_C(0x9E3779B97F4A7C15) >> keys->shift);
        while (keys->slots[at])
            at = (at + 1) & (room - 1);
        keys->slots[at] = key;
    }
    return keys;
}

static edi_quick_kind kind_of(edi_standard standard, const edi_element_type *element) {
    /* dates and times of EDIFACT's service segments are numbers by type */
    if (standard == EDI_EDIFACT && (element->number == 17 || element->number == 19)) return EDI_QUICK_NEVER;
    switch (element->type) {
    case EDI_TYPE_TEXT:
    case EDI_TYPE_ID: return EDI_QUICK_TEXT;
    case EDI_TYPE_ALPHA: return EDI_QUICK_ALPHA;
    case EDI_TYPE_INTEGER: return EDI_QUICK_DIGITS;
    case EDI_TYPE_DECIMAL: return EDI_QUICK_DECIMAL;
    case EDI_TYPE_DATE: return EDI_QUICK_DATE;
    case EDI_TYPE_TIME: return EDI_QUICK_TIME;
    case EDI_TYPE_BINARY: break;
    }
    return EDI_QUICK_NEVER;
}

static void make_slots(arena *memory, edi_standard standard, edi_slots *slots);

static void make_quick(arena *memory, edi_standard standard, const edi_slot *slot, edi_quick *quick) {
    const edi_element_type *element = slot->element;
    *quick = (edi_quick){.kind = EDI_QUICK_NEVER, .min = UINT32_MAX};
    if (slot->unused) return;
    if (slot->composite) { /* ours to add to: see above */
        edi_slots *inside = &((edi_composite_type *)(uintptr_t)slot->composite)->slots;
        make_slots(memory, standard, inside);
        const edi_element_type *second = inside->count >= 3 ? inside->list[1].element : NULL;
        quick->kind = EDI_QUICK_COMPOSITE;
        quick->composite = inside;
        quick->dated = second && second->number == 2380;
        return;
    }
    unsigned max = slot->max ? slot->max : element->max;
    unsigned min = slot->min ? slot->min : element->min;
    edi_quick_kind kind = kind_of(standard, element);
    if (min > max || kind == EDI_QUICK_NEVER) return;
    quick->min = min;
    quick->range = max - min;
    quick->kind = (unsigned char)kind;
    quick->digits = kind != EDI_QUICK_TEXT;
    quick->moment = kind == EDI_QUICK_DATE || kind == EDI_QUICK_TIME;
    edi_codes *codes = (edi_codes *)(uintptr_t)edi_slot_codes(slot);
    if (!codes->closed || codes->count == 0) return;
    if (!codes->keys) codes->keys = make_keys(memory, codes);
    quick->codes = codes->keys;
}

static void make_slots(arena *memory, edi_standard standard, edi_slots *slots) {
    if (slots->quick_of == slots->list || slots->count == 0) return;
    edi_quick *quick = arena_alloc(memory, slots->count * sizeof *quick);
    for (size_t i = 0; i < slots->count; i++)
        make_quick(memory, standard, &slots->list[i], &quick[i]);
    slots->quick = quick;
    slots->quick_of = slots->list;
}

void schema_quicken(arena *memory, edi_standard standard, const edi_node *root) {
    if (root->segment) make_slots(memory, standard, &((edi_segment_type *)(uintptr_t)root->segment)->slots);
    for (size_t i = 0; i < root->child_count; i++)
        schema_quicken(memory, standard, &root->children[i]);
}
