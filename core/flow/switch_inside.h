/* core/flow/switch_inside.h: what the files of the switches share; included by core/flow/switch*.c only. All of it is
 * guarded by the lock of its route_switch. */
#ifndef BANYAN_CORE_FLOW_SWITCH_INSIDE_H
#define BANYAN_CORE_FLOW_SWITCH_INSIDE_H

#include "core/base/clock.h"
#include "core/base/memory.h"
#include "core/flow/switches.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

/* ---- switch_figures.c: counts by side over the last ten minutes ---- */

enum {
    FIGURES_SLOT_MS = 5000,
    FIGURES_SLOTS = 120,
    FIGURES_WINDOW_MS = FIGURES_SLOT_MS * FIGURES_SLOTS,
    LATENCY_CLASSES = 48, /* a quarter of a doubling each, from 1 ms on */
};

typedef struct side_slot {
    uint32_t count, failed;
    uint32_t latencies[LATENCY_CLASSES];
} side_slot;

typedef struct figures_slot {
    int64_t number; /* of the slot's time; another one: its content is old */
    side_slot sides[SIDES];
    uint32_t shadows[SHADOW_OUTCOMES];
} figures_slot;

typedef struct switch_figures {
    figures_slot slots[FIGURES_SLOTS];
} switch_figures;

typedef struct figures_summary {
    int64_t count, failed, p50_ms, p95_ms, p99_ms;
} figures_summary;

typedef struct shadow_summary {
    int64_t outcomes[SHADOW_OUTCOMES], compared, differed;
} shadow_summary;

void figures_add(switch_figures *f, traffic_side side, bool failed, int64_t latency_ms);
void figures_add_shadow(switch_figures *f, json_t *totals, shadow_outcome outcome, int64_t latency_ms);
void figures_total(json_t *totals, const char *side, bool failed); /* raises the counts since the beginning */
void figures_clear(switch_figures *f);
figures_summary figures_sum(const switch_figures *f, traffic_side side, int64_t window_ms);
shadow_summary figures_shadow(const switch_figures *f, int64_t window_ms);
json_t *figures_recent(const switch_figures *f, int64_t window_ms); /* as people see it */

/* ---- switch_differences.c: what differs, by field, with samples ---- */

typedef struct switch_differences {
    json_t *fields;  /* "path kind" → {"path","kind","count","noise","first","last"} */
    json_t *samples; /* the newest, oldest first */
} switch_differences;

void differences_init(switch_differences *d);
void differences_free(switch_differences *d);
/* False when all of it is what was learned as noise. */
bool differences_add(switch_differences *d, const json_t *found, const char *message);
void differences_learn(switch_differences *d, const json_t *found);
json_t *differences_noise(const switch_differences *d);  /* paths */
json_t *differences_fields(const switch_differences *d); /* most frequent first */
json_t *differences_keep(const switch_differences *d);   /* {"fields","samples"}, for the store and for people */
void differences_load(switch_differences *d, const json_t *kept);

struct route_switch {
    switches *all;
    char *route;
    pthread_mutex_t lock;
    _Atomic int share;
    _Atomic int64_t shadows;
    _Atomic bool active; /* in the configuration in force */
    bool stays;          /* while a configuration is taken */
    bool known;          /* has stood in some configuration */
    bool held;           /* went back: the automation waits for a person */
    bool changed;        /* since it was kept */
    int configured;
    int64_t kept_ms, judged_ms, turned_ms; /* monotonic */
    estate_traffic traffic;                /* with its own steps and without rules */
    int *steps;
    json_t *history, *totals;
    switch_figures figures;
    switch_differences differences;
};

#endif
