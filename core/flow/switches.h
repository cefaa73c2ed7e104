/* core/flow/switches.h: the strangler switches at work: which share of an endpoint's requests its modern side answers
 * now, how both sides fare, what differs between their answers, and who turned the switch when and why.
 *
 * The share in force begins as configured and is then the appliance's own: an unchanged configuration does not undo
 * what an operator or the automation has set; a changed one wins, and an endpoint that goes takes its share with it, so
 * that one of the same route begins as configured. It survives restarts, with its history (the store's
 * objects of kind "switch"); counts and samples are kept every few seconds while they change.
 *
 * Thread-safe. A route_switch lives as long as the switches.
 */
#ifndef BANYAN_CORE_FLOW_SWITCHES_H
#define BANYAN_CORE_FLOW_SWITCHES_H

#include "core/flow/estate.h"
#include "core/store/store.h"

typedef struct switches switches;
typedef struct route_switch route_switch;

must_check error *switches_open(store *s, switches **out);
void switches_close(switches *all); /* keeps what is not kept yet; before the store closes. NULL is fine */

/* A new configuration: switches of new endpoints are made, changed shares take effect. May block. */
void switches_reconfigured(switches *all, const estate *now);

/* NULL when the endpoint has no modern side. */
route_switch *switches_find(switches *all, const char *route);

/* ---- for requests ---- */

/* The side of this key: deterministic, and once modern, modern at every higher share. */
traffic_side route_switch_side(const route_switch *w, span key);

/* A side has answered a caller (or not: `failed` is a 5xx or worse). */
void route_switch_answered(route_switch *w, traffic_side side, bool failed, int64_t latency_ms);

/* What became of a request that the other side could have been asked too. */
typedef enum shadow_outcome {
    SHADOW_MATCHED,
    SHADOW_DIFFERED,
    SHADOW_FAILED,       /* the other side did not answer */
    SHADOW_UNCOMPARED,   /* asked, as told, without comparing */
    SHADOW_SKIPPED_BUSY, /* too many at once */
    SHADOW_SKIPPED_SIZE, /* a body over the limit, or one that passed by unseen */
    SHADOW_SKIPPED_WRITE,
    SHADOW_OUTCOMES
} shadow_outcome;

/* May one more be under way? Then route_switch_shadow_done follows. */
bool route_switch_shadow_begin(route_switch *w, int64_t concurrency);
void route_switch_shadow_done(route_switch *w);
/* `differences` [{"path","kind","legacy","modern"}] with `message` the tracked id of the request; both may be NULL. */
void route_switch_shadowed(
    route_switch *w, shadow_outcome outcome, int64_t latency_ms, const json_t *differences, const char *message);
/* Paths that differ between two answers of the same side. */
void route_switch_learn(route_switch *w, const json_t *differences);
/* The paths learned as noise, a new array. */
json_t *route_switch_noise(route_switch *w);

/* ---- for people; ERROR_NOT_FOUND: there is no such switch. New references ---- */

must_check error *switches_report(switches *all, const char *route, json_t **out);
must_check error *switches_history(switches *all, const char *route, json_t **out);
must_check error *switches_differences(switches *all, const char *route, json_t **out);
json_t *switches_list(switches *all); /* the reports of all */

/* Turns the switch, durably; `who` and `reason` go to its history and to the audit. */
must_check error *switches_set(switches *all, const char *route, int share, const char *who, const char *reason);
/* To where it stood before the last turn. ERROR_CONFLICT: it was never turned. */
must_check error *switches_back(switches *all, const char *route, const char *who, const char *reason);
/* Forgets the differences and what was learned. */
must_check error *switches_forget(switches *all, const char *route, const char *who);

#endif
