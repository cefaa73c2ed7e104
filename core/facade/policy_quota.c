/* core/facade/policy_quota.c: how often in an hour, a day or a month (the setting `quota`, and a key's own daily
 * requests).
 *
 * Periods are those of the calendar, by UTC. Counts lie in memory and are kept in the store as objects of kind "usage":
 * within a second of a request, and when the appliance stops; a crash forgets the last second. They are read when they
 * are first needed, on the blocking threads.
 */
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/map.h"
#include "core/base/memory.h"
#include "core/facade/answer.h"
#include "core/facade/exchange_inside.h"
#include "core/facade/policies.h"
#include "core/flow/estate_policy_settings.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { KEYS_MAX = 100000, SAVE_EVERY_MS = 1000, NAME_ROOM = 1100, FIELD_ROOM = 160 };

typedef enum period { PERIOD_HOUR, PERIOD_DAY, PERIOD_MONTH } period;

static const char *const period_names[] = {"hour", "day", "month"};

typedef struct usage {
    char *name;
    bool loaded, dirty;
    int64_t began_ms, saved_ms;
    json_t *counts; /* key → number */
} usage;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static map *all; /* name → usage; never freed: there are as many as quotas */

static usage *find(const char *name) {
    pthread_mutex_lock(&lock);
    if (!all) all = map_new();
    usage *u = map_get(all, span_of(name));
    if (!u) {
        u = xcalloc(1, sizeof *u);
        u->name = xstrdup(name);
        u->counts = json_object();
        map_put(all, span_of(name), u);
    }
    pthread_mutex_unlock(&lock);
    return u;
}

/* ---- periods ---- */

static int64_t begin_of(period p, int64_t now_ms, int64_t *end_ms) {
    time_t now = (time_t)(now_ms / 1000);
    struct tm t;
    gmtime_r(&now, &t);
    t.tm_min = t.tm_sec = 0;
    if (p != PERIOD_HOUR) t.tm_hour = 0;
    if (p == PERIOD_MONTH) t.tm_mday = 1;
    struct tm next = t;
    if (p == PERIOD_HOUR)
        next.tm_hour++;
    else if (p == PERIOD_DAY)
        next.tm_mday++;
    else
        next.tm_mon++;
    *end_ms = (int64_t)timegm(&next) * 1000;
    return (int64_t)timegm(&t) * 1000;
}

/* ---- counting ---- */

typedef struct quota_state {
    bool allowed;
    int64_t remaining, reset_ms;
} quota_state;

static quota_state count(usage *u, period p, int64_t limit, const char *key) {
    int64_t now = clock_wall_ms(), end_ms;
    int64_t begin = begin_of(p, now, &end_ms);
    pthread_mutex_lock(&lock);
    if (u->began_ms != begin) {
        json_object_clear(u->counts);
        u->began_ms = begin;
    }
    int64_t used = json_get_integer(u->counts, key, 0);
    quota_state state = {.allowed = used < limit, .reset_ms = end_ms - now};
    if (state.allowed && (used > 0 || json_object_size(u->counts) < KEYS_MAX)) {
        json_object_set_new(u->counts, key, json_integer(++used));
        u->dirty = true;
    }
    state.remaining = limit > used ? limit - used : 0;
    pthread_mutex_unlock(&lock);
    return state;
}

/* ---- keeping ---- */

static void save(usage *u, store *s, int64_t now) {
    pthread_mutex_lock(&lock);
    bool due = u->dirty && now - u->saved_ms >= SAVE_EVERY_MS;
    json_t *body =
        due ? json_pack("{s:I, s:o}", "began", (json_int_t)u->began_ms, "counts", json_deep_copy(u->counts)) : NULL;
    if (due) {
        u->dirty = false;
        u->saved_ms = now;
    }
    pthread_mutex_unlock(&lock);
    if (!due) return;
    store_change *change = store_change_new();
    store_put_object(change, "usage", u->name, -1, body, "appliance");
    store_submit(s, change, NULL, NULL);
    json_decref(body);
}

void quota_save_all(store *s) {
    size_t cursor = 0;
    span name;
    void *value;
    /* Nobody adds any more: the listener has stopped. */
    while (all && map_next(all, &cursor, &name, &value))
        save(value, s, INT64_MAX);
}

static void load(usage *u, store *s) {
    json_t *body = NULL;
    int64_t revision;
    error *err = store_object(s, "usage", u->name, &body, &revision);
    if (err && error_code_of(err) != ERROR_NOT_FOUND)
        log_warning("what was used of the quota %s is not known: %s", u->name, error_text(err));
    error_free(err);
    pthread_mutex_lock(&lock);
    if (!u->loaded) {
        json_t *counts = json_get_object(body, "counts");
        u->began_ms = json_get_integer(body, "began", 0);
        if (counts) {
            json_decref(u->counts);
            u->counts = json_deep_copy(counts);
        }
        u->loaded = true;
    }
    pthread_mutex_unlock(&lock);
    json_decref(body);
}

/* ---- the policy ---- */

typedef struct quota_plan {
    const estate_endpoint *endpoint;
    usage *usage; /* NULL: only keys have quotas */
    int64_t requests;
    period period;
    bool by_caller;
} quota_plan;

typedef struct told {
    quota_state state;
    int64_t requests;
    period period;
} told;

static usage *usage_of_keys(void) {
    return find("keys");
}

static void *prepare(const estate_endpoint *endpoint, fault_list *faults) {
    (void)faults;
    const json_t *object = json_get_object(endpoint->body, "quota");
    quota_plan *p = xcalloc(1, sizeof *p);
    p->endpoint = endpoint;
    if (!object) return p;
    char name[NAME_ROOM];
    const char *share = json_get_text(object, "share", NULL);
    const char *per = settings_text(estate_quota_settings, object, "per");
    for (size_t i = 0; i < sizeof period_names / sizeof *period_names; i++)
        if (strcmp(period_names[i], per) == 0) p->period = (period)i;
    snprintf(name, sizeof name, "%s/%s/%s", share ? "share" : "endpoint", share ? share : endpoint->route, per);
    p->usage = find(name);
    p->requests = settings_integer(estate_quota_settings, object, "requests");
    p->by_caller = strcmp(settings_text(estate_quota_settings, object, "by"), "caller") == 0;
    return p;
}

static void forget(void *prepared) {
    free(prepared);
}

/* False: it was refused. */
static bool charge(exchange *x, usage *u, period p, int64_t limit, const char *key) {
    told *t = xcalloc(1, sizeof *t);
    *t = (told){.state = count(u, p, limit, key), .requests = limit, .period = p};
    save(u, x->services->store, clock_monotonic_ms());
    void **memory = exchange_memory(x, &quota_policy);
    free(*memory);
    *memory = t;
    if (t->state.allowed) return true;
    char wait[24];
    http_response *response = answer_problem(429, "quota-exceeded", "The quota is used up",
        "Wait as long as Retry-After says, or ask the operator for more.", NULL);
    snprintf(wait, sizeof wait, "%lld", (long long)(t->state.reset_ms + 999) / 1000);
    http_response_header(response, "Retry-After", wait);
    exchange_respond(x, response);
    return false;
}

static bool judge(exchange *x, const quota_plan *p) {
    char key[FIELD_ROOM] = "";
    if (p->usage) {
        if (p->by_caller)
            snprintf(key, sizeof key, "%s %s", x->caller ? "caller" : "address", x->caller ? x->caller : x->address);
        if (!charge(x, p->usage, p->period, p->requests, key)) return false;
    }
    return x->daily_requests == 0 || charge(x, usage_of_keys(), PERIOD_DAY, x->daily_requests, x->caller);
}

static void load_and_judge(void *context) {
    exchange *x = context;
    const quota_plan *p = policy_prepared(&x->plan->policies, &quota_policy);
    if (p->usage && !p->usage->loaded) load(p->usage, x->services->store);
    if (!usage_of_keys()->loaded) load(usage_of_keys(), x->services->store);
    if (judge(x, p)) exchange_go_on(x);
}

static bool is_loaded(usage *u) {
    pthread_mutex_lock(&lock);
    bool loaded = u->loaded;
    pthread_mutex_unlock(&lock);
    return loaded;
}

static policy_verdict on_head(exchange *x, void *prepared) {
    const quota_plan *p = prepared;
    if (!p->usage && x->daily_requests == 0) return POLICY_GO_ON;
    if ((p->usage && !is_loaded(p->usage)) || (x->daily_requests && !is_loaded(usage_of_keys()))) {
        blocking_run(x->services->blocking, load_and_judge, x);
        return POLICY_LATER;
    }
    return judge(x, p) ? POLICY_GO_ON : POLICY_OVER;
}

static void on_answer(exchange *x, void *prepared, http_response *response) {
    static const int64_t seconds[] = {3600, 86400, 30 * 86400};
    char text[FIELD_ROOM];
    const told *t = *exchange_memory(x, &quota_policy);
    (void)prepared;
    if (!t) return;
    const char *name = period_names[t->period];
    snprintf(text, sizeof text, "\"%s\";q=%lld;w=%lld", name, (long long)t->requests, (long long)seconds[t->period]);
    http_response_header(response, "RateLimit-Policy", text);
    snprintf(text, sizeof text, "\"%s\";r=%lld;t=%lld", name, (long long)t->state.remaining,
        (long long)(t->state.reset_ms + 999) / 1000);
    http_response_header(response, "RateLimit", text);
}

static void on_end(exchange *x, void *prepared) {
    (void)prepared;
    free(*exchange_memory(x, &quota_policy));
}

const policy quota_policy = {.name = "quota",
    .prepare = prepare,
    .forget = forget,
    .on_head = on_head,
    .on_answer = on_answer,
    .on_end = on_end};
