/* core/flow/switches.c: see switches.h: shares, their history and their keeping; the numbers are in switch_figures.c,
 * the differences in switch_differences.c. */
#include "core/flow/switches.h"

#include "core/base/log.h"
#include "core/flow/switch_inside.h"

#include <stdlib.h>

enum { HISTORY_MAX = 200, KEEP_EVERY_MS = 5000, JUDGE_EVERY_MS = 1000, REASON_ROOM = 256 };

struct switches {
    store *store;
    pthread_mutex_t lock; /* guards the table */
    map *table;           /* route → route_switch */
};

/* ---- which side ---- */

/* FNV-1a and a last mix: the same on every machine and after every restart. */
static uint64_t hash_of(const char *salt, span key) {
    uint64_t h = 0xcbf29ce484222325u;
    for (const char *c = salt; *c; c++)
        h = (h ^ (unsigned char)*c) * 0x100000001b3u;
    h = (h ^ 0xFF) * 0x100000001b3u;
    for (size_t i = 0; i < key.len; i++)
        h = (h ^ (unsigned char)key.data[i]) * 0x100000001b3u;
    h ^= h >> 33;
    h *= 0xff51afd7ed558ccdu;
    h ^= h >> 33;
    h *= 0xc4ceb9fe1a85ec53u;
    return h ^ h >> 33;
}

traffic_side route_switch_side(const route_switch *w, span key) {
    int share = atomic_load(&w->share);
    if (share <= 0) return SIDE_LEGACY;
    return (int)(hash_of(w->route, key) % TRAFFIC_WHOLE) < share ? SIDE_MODERN : SIDE_LEGACY;
}

/* ---- keeping ---- */

static json_t *share_json(int share) {
    char text[24];
    if (share % 100 == 0)
        snprintf(text, sizeof text, "%d%%", share / 100);
    else
        snprintf(text, sizeof text, "%d.%02d%%", share / 100, share % 100);
    return json_string(text);
}

/* What the store keeps of a switch. With its lock. */
static json_t *state_of(const route_switch *w) {
    json_t *body = json_pack("{s:i, s:i, s:b, s:O, s:O}", "share", atomic_load(&w->share), "configured", w->configured,
        "held", w->held, "history", w->history, "figures", w->totals);
    json_object_set_new(body, "differences", differences_keep(&w->differences));
    return body;
}

static void kept(void *context, error *failure, const store_commit_result *result) {
    (void)context, (void)result;
    log_failure(LOG_WARNING, "the figures of a switch were not kept", failure);
}

/* With its lock: everything that is to survive, without waiting. */
static void keep(route_switch *w) {
    store_change *change = store_change_new();
    json_t *body = state_of(w);
    store_put_object(change, "switch", w->route, -1, body, "appliance");
    store_submit(w->all->store, change, kept, NULL);
    json_decref(body);
    w->changed = false;
    w->kept_ms = clock_monotonic_ms();
}

static void load(route_switch *w, const json_t *body) {
    atomic_store(&w->share, (int)json_get_integer(body, "share", 0));
    w->configured = (int)json_get_integer(body, "configured", 0);
    w->held = json_get_bool(body, "held", false);
    json_t *history = json_get_array(body, "history"), *figures = json_get_object(body, "figures");
    if (history) json_array_extend(w->history, history);
    if (figures) json_object_update(w->totals, figures);
    differences_load(&w->differences, json_get_object(body, "differences"));
}

/* ---- the table ---- */

static route_switch *add(switches *all, const char *route) {
    route_switch *w = xcalloc(1, sizeof *w);
    w->all = all;
    w->route = xstrdup(route);
    w->history = json_array();
    w->totals = json_object();
    w->kept_ms = w->judged_ms = w->turned_ms = clock_monotonic_ms();
    pthread_mutex_init(&w->lock, NULL);
    differences_init(&w->differences);
    map_put(all->table, span_of(route), w);
    return w;
}

static void free_switch(void *value) {
    route_switch *w = value;
    differences_free(&w->differences);
    json_decref(w->history);
    json_decref(w->totals);
    pthread_mutex_destroy(&w->lock);
    free(w->route);
    free(w->steps);
    free(w);
}

error *switches_open(store *s, switches **out) {
    json_t *objects = NULL;
    error *err = store_objects(s, "switch", &objects);
    if (err) return err;
    switches *all = xcalloc(1, sizeof *all);
    all->store = s;
    all->table = map_new();
    pthread_mutex_init(&all->lock, NULL);
    for (size_t i = 0; i < json_array_size(objects); i++) {
        const json_t *object = json_array_get(objects, i);
        route_switch *w = add(all, json_get_text(object, "name", ""));
        w->known = true;
        load(w, json_get_object(object, "body"));
    }
    json_decref(objects);
    *out = all;
    return NULL;
}

void switches_close(switches *all) {
    size_t cursor = 0;
    span key;
    void *value;
    if (!all) return;
    while (map_next(all->table, &cursor, &key, &value)) {
        route_switch *w = value;
        pthread_mutex_lock(&w->lock);
        if (w->changed && w->active) {
            json_t *body = state_of(w);
            store_change *change = store_change_new();
            store_put_object(change, "switch", w->route, -1, body, "appliance");
            log_failure(LOG_WARNING, "the figures of a switch were not kept", store_commit(all->store, change, NULL));
            json_decref(body);
        }
        pthread_mutex_unlock(&w->lock);
    }
    map_free(all->table, free_switch);
    pthread_mutex_destroy(&all->lock);
    free(all);
}

route_switch *switches_find(switches *all, const char *route) {
    pthread_mutex_lock(&all->lock);
    route_switch *w = map_get(all->table, span_of(route));
    pthread_mutex_unlock(&all->lock);
    return w && w->active ? w : NULL;
}

/* ---- turning ---- */

/* With its lock. The line that the history and the audit get; `undoes` marks a way back. */
static json_t *turn(route_switch *w, int share, const char *who, const char *reason, bool undoes) {
    char at[CLOCK_TEXT_SIZE];
    int before = atomic_exchange(&w->share, share);
    json_t *line = json_pack("{s:s, s:s?, s:s?, s:o, s:o}", "at", clock_format(clock_wall_ms(), at), "who", who,
        "reason", reason, "from", share_json(before), "to", share_json(share));
    json_object_set_new(line, "from_share", json_integer(before));
    if (undoes) json_object_set_new(line, "back", json_true());
    json_object_set_new(line, "figures", figures_recent(&w->figures, FIGURES_WINDOW_MS));
    json_array_append(w->history, line);
    if (json_array_size(w->history) > HISTORY_MAX) json_array_remove(w->history, 0);
    w->turned_ms = clock_monotonic_ms();
    figures_clear(&w->figures); /* what is judged from now on is judged by the new share */
    w->changed = true;
    return line;
}

/* Durably, and waits for it. With its lock. */
static error *commit_turn(route_switch *w, int share, const char *who, const char *reason, bool undoes) {
    json_t *line = turn(w, share, who, reason, undoes), *body = state_of(w);
    store_change *change = store_change_new();
    store_put_object(change, "switch", w->route, -1, body, who);
    store_audit(change, who, "switch", w->route, line);
    error *err = store_commit(w->all->store, change, NULL);
    json_decref(body);
    json_decref(line);
    return err;
}

/* The automation's: goes to the store without waiting, as it happens among requests. With its lock. */
static void turn_by_itself(route_switch *w, int share, const char *reason) {
    json_t *line = turn(w, share, "automation", reason, share == 0), *body = state_of(w);
    store_change *change = store_change_new();
    store_put_object(change, "switch", w->route, -1, body, "automation");
    store_audit(change, "automation", "switch", w->route, line);
    store_submit(w->all->store, change, kept, NULL);
    log_warning("endpoint %s: %s", w->route, reason);
    json_decref(body);
    json_decref(line);
}

static void take_rules(route_switch *w, const estate_traffic *t) {
    free(w->steps);
    w->traffic = *t;
    w->steps = xcalloc(t->step_count + 1, sizeof *w->steps);
    if (t->step_count) memcpy(w->steps, t->steps, t->step_count * sizeof *w->steps);
    w->traffic.steps = w->steps;
    w->traffic.rules = NULL; /* those are looked up in the snapshot */
}

/* The endpoint is gone, or has one side only. Whoever applies one of that route again means what he writes then: the
 * share, what was counted and what was learned end here; the history stays. */
static void retire(route_switch *w) {
    pthread_mutex_lock(&w->lock);
    if (w->active || atomic_load(&w->share) != w->configured) {
        json_t *line = turn(w, w->configured, "configuration", "the endpoint has no two sides any more", false);
        json_object_set_new(line, "ends", json_true()); /* no way back leads behind this */
        json_decref(line);
        w->held = false;
        json_object_clear(w->totals);
        differences_free(&w->differences);
        differences_init(&w->differences);
        keep(w);
    }
    pthread_mutex_unlock(&w->lock);
    w->active = false;
}

void switches_reconfigured(switches *all, const estate *now) {
    size_t cursor = 0;
    span key;
    void *value;
    pthread_mutex_lock(&all->lock);
    while (map_next(all->table, &cursor, &key, &value))
        ((route_switch *)value)->stays = false;
    for (size_t i = 0; i < now->endpoint_count; i++) {
        const estate_endpoint *endpoint = &now->endpoints[i];
        if (!endpoint->traffic.split) continue;
        route_switch *w = map_get(all->table, span_of(endpoint->route));
        if (!w) w = add(all, endpoint->route);
        /* Without a legacy side there is nothing to split. */
        int share = endpoint->legacy ? endpoint->traffic.share : TRAFFIC_WHOLE;
        w->stays = true;
        pthread_mutex_lock(&w->lock);
        take_rules(w, &endpoint->traffic);
        if (!w->known) {
            atomic_store(&w->share, share);
        } else if (share != w->configured) {
            json_decref(turn(w, share, "configuration", "the configured share changed", false));
            w->held = false;
        }
        bool fresh = !w->known || share != w->configured;
        w->configured = share;
        w->known = true;
        if (fresh) keep(w);
        pthread_mutex_unlock(&w->lock);
        w->active = true;
    }
    cursor = 0;
    while (map_next(all->table, &cursor, &key, &value)) {
        if (!((route_switch *)value)->stays) retire(value);
    }
    pthread_mutex_unlock(&all->lock);
}

/* ---- the automation ---- */

/* Why everything goes back to legacy; false: all is well. */
static bool breaches(route_switch *w, char reason[REASON_ROOM]) {
    const estate_traffic *t = &w->traffic;
    figures_summary modern = figures_sum(&w->figures, SIDE_MODERN, t->guard_window_ms);
    figures_summary legacy = figures_sum(&w->figures, SIDE_LEGACY, t->guard_window_ms);
    shadow_summary shadow = figures_shadow(&w->figures, t->guard_window_ms);
    if (t->mismatch_rate >= 0 && shadow.compared >= t->guard_minimum &&
        shadow.differed * TRAFFIC_WHOLE > shadow.compared * t->mismatch_rate) {
        snprintf(reason, REASON_ROOM, "%lld of %lld compared answers differed", (long long)shadow.differed,
            (long long)shadow.compared);
        return true;
    }
    if (modern.count < t->guard_minimum) return false;
    if (t->error_rate >= 0 && modern.failed * TRAFFIC_WHOLE > modern.count * t->error_rate) {
        snprintf(reason, REASON_ROOM, "%lld of %lld requests to modern failed", (long long)modern.failed,
            (long long)modern.count);
        return true;
    }
    if (t->latency >= 0 && legacy.count >= t->guard_minimum &&
        modern.p95_ms * TRAFFIC_WHOLE > (legacy.p95_ms > 0 ? legacy.p95_ms : 1) * t->latency) {
        snprintf(reason, REASON_ROOM, "95 of 100 requests took modern %lld ms, legacy %lld ms",
            (long long)modern.p95_ms, (long long)legacy.p95_ms);
        return true;
    }
    return false;
}

/* With its lock: forward, back, or nothing. After a way back nothing goes forward until a person says so. */
static void judge(route_switch *w, int64_t now) {
    char reason[REASON_ROOM];
    const estate_traffic *t = &w->traffic;
    int share = atomic_load(&w->share);
    w->judged_ms = now;
    if (share > 0 && t->guarded && breaches(w, reason)) {
        char text[REASON_ROOM + 64];
        snprintf(text, sizeof text, "went back to legacy by itself: %s", reason);
        w->held = true;
        turn_by_itself(w, 0, text);
        return;
    }
    if (w->held || t->step_count == 0 || now - w->turned_ms < t->every_ms) return;
    figures_summary modern = figures_sum(&w->figures, SIDE_MODERN, INT64_MAX);
    shadow_summary shadow = figures_shadow(&w->figures, INT64_MAX);
    if (share > 0 && modern.count < t->minimum) return;
    if (share == 0 && shadow.compared < t->minimum && modern.count < t->minimum) return;
    for (size_t i = 0; i < t->step_count; i++) {
        if (t->steps[i] <= share) continue;
        turn_by_itself(w, t->steps[i], "went on by itself: the step before went well");
        return;
    }
}

/* With its lock, after every number. */
static void look(route_switch *w) {
    int64_t now = clock_monotonic_ms();
    w->changed = true;
    if (now - w->judged_ms >= JUDGE_EVERY_MS) judge(w, now);
    if (now - w->kept_ms >= KEEP_EVERY_MS) keep(w);
}

void route_switch_answered(route_switch *w, traffic_side side, bool failed, int64_t latency_ms) {
    pthread_mutex_lock(&w->lock);
    figures_add(&w->figures, side, failed, latency_ms);
    figures_total(w->totals, side == SIDE_MODERN ? "modern" : "legacy", failed);
    look(w);
    pthread_mutex_unlock(&w->lock);
}

bool route_switch_shadow_begin(route_switch *w, int64_t concurrency) {
    if (atomic_fetch_add(&w->shadows, 1) < concurrency) return true;
    atomic_fetch_sub(&w->shadows, 1);
    return false;
}

void route_switch_shadow_done(route_switch *w) {
    atomic_fetch_sub(&w->shadows, 1);
}

void route_switch_shadowed(
    route_switch *w, shadow_outcome outcome, int64_t latency_ms, const json_t *differences, const char *message) {
    pthread_mutex_lock(&w->lock);
    bool only_noise = outcome == SHADOW_DIFFERED && !differences_add(&w->differences, differences, message);
    if (only_noise) outcome = SHADOW_MATCHED;
    figures_add_shadow(&w->figures, w->totals, outcome, latency_ms);
    look(w);
    pthread_mutex_unlock(&w->lock);
}

void route_switch_learn(route_switch *w, const json_t *differences) {
    pthread_mutex_lock(&w->lock);
    differences_learn(&w->differences, differences);
    w->changed = true;
    pthread_mutex_unlock(&w->lock);
}

json_t *route_switch_noise(route_switch *w) {
    pthread_mutex_lock(&w->lock);
    json_t *noise = differences_noise(&w->differences);
    pthread_mutex_unlock(&w->lock);
    return noise;
}

/* ---- for people ---- */

static error *find(switches *all, const char *route, route_switch **w) {
    *w = switches_find(all, route);
    return *w ? NULL
              : error_new(ERROR_NOT_FOUND, "the endpoint %s has no modern side, so there is nothing to switch", route);
}

static json_t *report_of(route_switch *w) {
    pthread_mutex_lock(&w->lock);
    int share = atomic_load(&w->share);
    const char *state = share == 0 ? "legacy" : share == TRAFFIC_WHOLE ? "modern" : "split";
    json_t *report =
        json_pack("{s:s, s:s, s:o, s:o, s:b, s:o}", "route", w->route, "state", state, "modern", share_json(share),
            "configured", share_json(w->configured), "held", w->held, "totals", json_deep_copy(w->totals));
    json_object_set_new(report, "recent", figures_recent(&w->figures, FIGURES_WINDOW_MS));
    json_object_set_new(report, "fields", differences_fields(&w->differences));
    json_t *last = json_array_get(w->history, json_array_size(w->history) - 1);
    if (json_array_size(w->history)) json_object_set_new(report, "last", json_deep_copy(last));
    pthread_mutex_unlock(&w->lock);
    return report;
}

error *switches_report(switches *all, const char *route, json_t **out) {
    route_switch *w;
    error *err = find(all, route, &w);
    *out = err ? NULL : report_of(w);
    return err;
}

json_t *switches_list(switches *all) {
    json_t *list = json_array();
    size_t cursor = 0;
    span key;
    void *value;
    pthread_mutex_lock(&all->lock);
    while (map_next(all->table, &cursor, &key, &value))
        if (((route_switch *)value)->active) json_array_append_new(list, report_of(value));
    pthread_mutex_unlock(&all->lock);
    return list;
}

error *switches_history(switches *all, const char *route, json_t **out) {
    route_switch *w;
    error *err = find(all, route, &w);
    if (err) return err;
    pthread_mutex_lock(&w->lock);
    *out = json_array();
    for (size_t i = json_array_size(w->history); i > 0; i--)
        json_array_append_new(*out, json_deep_copy(json_array_get(w->history, i - 1)));
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

error *switches_differences(switches *all, const char *route, json_t **out) {
    route_switch *w;
    error *err = find(all, route, &w);
    if (err) return err;
    pthread_mutex_lock(&w->lock);
    *out = differences_keep(&w->differences);
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

error *switches_set(switches *all, const char *route, int share, const char *who, const char *reason) {
    route_switch *w;
    error *err = find(all, route, &w);
    if (err) return err;
    pthread_mutex_lock(&w->lock);
    w->held = false;
    err = share == atomic_load(&w->share) ? NULL : commit_turn(w, share, who, reason, false);
    pthread_mutex_unlock(&w->lock);
    return err;
}

/* Where it stood before the last turn that was not taken back yet; -1: there is none. With its lock. */
static int earlier_share(const route_switch *w) {
    int undone = 0;
    for (size_t i = json_array_size(w->history); i > 0; i--) {
        const json_t *line = json_array_get(w->history, i - 1);
        bool back = json_get_bool(line, "back", false);
        if (json_get_bool(line, "ends", false)) return -1;
        if (!back && undone == 0) return (int)json_get_integer(line, "from_share", 0);
        undone += back ? 1 : -1;
    }
    return -1;
}

error *switches_back(switches *all, const char *route, const char *who, const char *reason) {
    route_switch *w;
    error *err = find(all, route, &w);
    if (err) return err;
    pthread_mutex_lock(&w->lock);
    int share = earlier_share(w);
    if (share < 0)
        err = error_new(ERROR_CONFLICT, "the switch of %s stands where it began", route);
    else
        err = commit_turn(w, share, who, reason ? reason : "one step back", true);
    if (!err) w->held = true; /* whoever goes back does not want the automation to go forward again */
    pthread_mutex_unlock(&w->lock);
    return err;
}

error *switches_forget(switches *all, const char *route, const char *who) {
    route_switch *w;
    error *err = find(all, route, &w);
    if (err) return err;
    pthread_mutex_lock(&w->lock);
    differences_free(&w->differences);
    differences_init(&w->differences);
    json_t *body = state_of(w);
    store_change *change = store_change_new();
    store_put_object(change, "switch", route, -1, body, who);
    store_audit(change, who, "switch differences forgotten", route, NULL);
    err = store_commit(all->store, change, NULL);
    json_decref(body);
    pthread_mutex_unlock(&w->lock);
    return err;
}
