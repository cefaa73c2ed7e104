/* core/flow/estate_traffic.h: the strangler switch of an endpoint as it is configured: which side answers which
 * request, and what the other side is asked besides.
 */
#ifndef BANYAN_CORE_FLOW_ESTATE_TRAFFIC_H
#define BANYAN_CORE_FLOW_ESTATE_TRAFFIC_H

#include "core/base/memory.h"
#include "core/base/settings.h"

enum { TRAFFIC_WHOLE = 10000 }; /* shares are counted in 1/100 % */

typedef enum traffic_side { SIDE_LEGACY, SIDE_MODERN, SIDES } traffic_side;

/* What a request is told apart by, for the split and for rules. */
typedef enum traffic_key { KEY_CALLER, KEY_ADDRESS, KEY_HEADER, KEY_COOKIE, KEY_CLAIM, KEY_PARAMETER } traffic_key;

/* The first rule that fits decides. */
typedef struct traffic_rule {
    traffic_side to;
    const json_t *methods, *callers; /* arrays, NULL: any */
    bool keyed;                      /* a header, cookie, claim or parameter must be there, */
    traffic_key key;
    const char *name;
    const json_t *values; /* with one of these values; NULL: any */
} traffic_rule;

typedef struct estate_traffic {
    bool split; /* there is a modern side */
    int share;  /* of it, as configured */
    traffic_key key;
    const char *key_name;
    traffic_rule *rules;
    size_t rule_count;
    int reads, writes; /* a traffic_side; -1: by the split */
    /* By itself up: to the next of `steps` after `every_ms` in which at least `minimum` requests went well. */
    int *steps;
    size_t step_count;
    int64_t every_ms, minimum;
    /* By itself back to legacy; negative: not watched. In parts of 10,000; latency of modern in % of legacy's. */
    bool guarded;
    int error_rate, mismatch_rate, latency;
    int64_t guard_window_ms, guard_minimum;
} estate_traffic;

typedef struct estate_shadow {
    bool on, compare, learn, writes;
    int share;
    json_t *options; /* what comparing is told: {"ignore": [], "unordered": [], "tolerance": "0.01"}; borrowed */
    int64_t concurrency, timeout_ms, bytes_max;
} estate_shadow;

extern const setting estate_traffic_settings[], estate_shadow_settings[];

/* "10%", "0.01 %", 10 or 12.5 into parts of 10,000. */
must_check error *traffic_parse_share(const json_t *value, int *share);

/* Reads what passed the tables; arrays come from `memory`. Faults name the place below `path`. */
void estate_traffic_read(
    const json_t *endpoint, const char *path, arena *memory, fault_list *faults, estate_traffic *traffic);
void estate_shadow_read(const json_t *endpoint, const char *path, fault_list *faults, estate_shadow *shadow);

#endif
