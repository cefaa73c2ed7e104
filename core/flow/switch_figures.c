/* core/flow/switch_figures.c: see switch_inside.h. */
#include "core/flow/switch_inside.h"

static const char *const outcome_names[SHADOW_OUTCOMES] = {
    "matched", "differed", "failed", "uncompared", "skipped_busy", "skipped_size", "skipped_write"};

static figures_slot *slot_now(switch_figures *f) {
    int64_t number = clock_monotonic_ms() / FIGURES_SLOT_MS;
    figures_slot *slot = &f->slots[number % FIGURES_SLOTS];
    if (slot->number != number) *slot = (figures_slot){.number = number};
    return slot;
}

/* Classes grow by a quarter of a doubling: a percentile is told to within a fifth. */
static int class_of(int64_t latency_ms) {
    int64_t bound = 4, value = latency_ms * 4;
    int class = 0;
    while (class < LATENCY_CLASSES - 1 && value > bound) {
        class ++;
        bound = (int64_t)4 << (class / 4);
        bound += bound * (class % 4) / 4;
    }
    return class;
}

static int64_t upper_bound(int class) {
    int64_t bound = (int64_t)4 << (class / 4);
    return (bound + bound * (class % 4) / 4 + 3) / 4;
}

static void raise_count(json_t *object, const char *member) {
    json_object_set_new(object, member, json_integer(json_get_integer(object, member, 0) + 1));
}

static json_t *member_object(json_t *object, const char *member) {
    json_t *found = json_get_object(object, member);
    if (!found) json_object_set_new(object, member, found = json_object());
    return found;
}

void figures_total(json_t *totals, const char *side, bool failed) {
    json_t *counts = member_object(totals, side);
    raise_count(counts, "requests");
    if (failed) raise_count(counts, "errors");
}

void figures_add(switch_figures *f, traffic_side side, bool failed, int64_t latency_ms) {
    side_slot *slot = &slot_now(f)->sides[side];
    slot->count++;
    slot->failed += failed;
    slot->latencies[class_of(latency_ms)]++;
}

void figures_add_shadow(switch_figures *f, json_t *totals, shadow_outcome outcome, int64_t latency_ms) {
    (void)latency_ms;
    slot_now(f)->shadows[outcome]++;
    raise_count(member_object(totals, "shadow"), outcome_names[outcome]);
}

void figures_clear(switch_figures *f) {
    memset(f, 0, sizeof *f);
}

static bool is_within(const figures_slot *slot, int64_t window_ms) {
    int64_t now = clock_monotonic_ms() / FIGURES_SLOT_MS;
    int64_t slots = window_ms > FIGURES_WINDOW_MS ? FIGURES_SLOTS : (window_ms + FIGURES_SLOT_MS - 1) / FIGURES_SLOT_MS;
    return slot->number > now - slots && slot->number <= now && slot->number > 0;
}

static int64_t percentile(const uint64_t latencies[LATENCY_CLASSES], int64_t count, int64_t percent) {
    uint64_t wanted = (uint64_t)((count * percent + 99) / 100), seen = 0;
    for (int i = 0; i < LATENCY_CLASSES; i++) {
        seen += latencies[i];
        if (seen >= wanted && seen > 0) return upper_bound(i);
    }
    return 0;
}

figures_summary figures_sum(const switch_figures *f, traffic_side side, int64_t window_ms) {
    figures_summary sum = {.count = 0};
    uint64_t latencies[LATENCY_CLASSES] = {0};
    for (size_t i = 0; i < FIGURES_SLOTS; i++) {
        const side_slot *slot = &f->slots[i].sides[side];
        if (!is_within(&f->slots[i], window_ms)) continue;
        sum.count += slot->count;
        sum.failed += slot->failed;
        for (int k = 0; k < LATENCY_CLASSES; k++)
            latencies[k] += slot->latencies[k];
    }
    sum.p50_ms = percentile(latencies, sum.count, 50);
    sum.p95_ms = percentile(latencies, sum.count, 95);
    sum.p99_ms = percentile(latencies, sum.count, 99);
    return sum;
}

shadow_summary figures_shadow(const switch_figures *f, int64_t window_ms) {
    shadow_summary sum = {.compared = 0};
    for (size_t i = 0; i < FIGURES_SLOTS; i++) {
        if (!is_within(&f->slots[i], window_ms)) continue;
        for (size_t k = 0; k < SHADOW_OUTCOMES; k++)
            sum.outcomes[k] += f->slots[i].shadows[k];
    }
    sum.differed = sum.outcomes[SHADOW_DIFFERED];
    sum.compared = sum.differed + sum.outcomes[SHADOW_MATCHED];
    return sum;
}

static json_t *side_json(const figures_summary *sum, int64_t both) {
    json_t *object =
        json_pack("{s:I, s:I, s:I, s:I, s:I}", "requests", (json_int_t)sum->count, "errors", (json_int_t)sum->failed,
            "p50_ms", (json_int_t)sum->p50_ms, "p95_ms", (json_int_t)sum->p95_ms, "p99_ms", (json_int_t)sum->p99_ms);
    if (sum->count) json_object_set_new(object, "error_rate", json_real((double)sum->failed / (double)sum->count));
    if (both) json_object_set_new(object, "share", json_real((double)sum->count / (double)both));
    return object;
}

json_t *figures_recent(const switch_figures *f, int64_t window_ms) {
    figures_summary legacy = figures_sum(f, SIDE_LEGACY, window_ms), modern = figures_sum(f, SIDE_MODERN, window_ms);
    shadow_summary shadow = figures_shadow(f, window_ms);
    json_t *object = json_pack("{s:I, s:o, s:o}", "window_ms", (json_int_t)window_ms, "legacy",
        side_json(&legacy, legacy.count + modern.count), "modern", side_json(&modern, legacy.count + modern.count));
    json_t *compared = json_object();
    for (size_t k = 0; k < SHADOW_OUTCOMES; k++)
        json_object_set_new(compared, outcome_names[k], json_integer(shadow.outcomes[k]));
    json_object_set_new(compared, "compared", json_integer(shadow.compared));
    if (shadow.compared)
        json_object_set_new(
            compared, "match_rate", json_real((double)(shadow.compared - shadow.differed) / (double)shadow.compared));
    json_object_set_new(object, "shadow", compared);
    return object;
}
