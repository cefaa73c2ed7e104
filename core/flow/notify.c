/* core/flow/notify.c: see notify.h. */
#include "core/flow/notify.h"

#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/base/pulse.h"
#include "core/flow/alerts.h"
#include "core/flow/outgoing.h"
#include "core/flow/work.h"

#include <stdlib.h>

enum { TEXT_MAX = 256 * 1024 };

/* What grows is told again after this, and not with every message. */
static const int64_t growth_ms = 15 * 60 * 1000;
static const char state_kind[] = "notification_state";

struct notifier {
    engine *engine;
    pulse *pulse;
};

/* What one look sees. */
typedef struct sight {
    const estate *estate;
    json_t *alerts, *health; /* as of alerts_list and engine_health */
} sight;

/* What it means for one notification. */
typedef struct news {
    json_t *raised, *standing, *resolved; /* arrays of alerts */
    json_t *told;                         /* what is standing now: the state to keep */
    bool changed;
} news;

static news news_new(void) {
    return (news){json_array(), json_array(), json_array(), json_object(), false};
}

static void news_free(news *n) {
    json_decref(n->raised);
    json_decref(n->standing);
    json_decref(n->resolved);
    json_decref(n->told);
}

/* ---- which alerts concern whom */

static bool lasted(const json_t *alert, int64_t after_ms, int64_t now) {
    int64_t at = 0;
    const char *since = json_get_text(alert, "at", NULL);
    if (!after_ms || !since) return true;
    error *err = clock_parse(span_of(since), &at);
    bool known = !err;
    error_free(err);
    return !known || at > now || now - at >= after_ms; /* what ends in future is told in time */
}

/* What fails on the way of the notification itself would be told by the way that fails. */
static bool concerns(const estate_notification *notification, const json_t *alert, int64_t now) {
    const char *connection = json_get_text(alert, "connection", "");
    const json_t *kinds = notification->on, *partners = notification->partners;
    return (!kinds || json_lists(kinds, json_get_text(alert, "kind", ""))) &&
           (!partners || json_lists(partners, json_get_text(alert, "partner", NULL))) &&
           strcmp(connection, notification->to.connection->name) != 0 && lasted(alert, notification->after_ms, now);
}

/* ---- what is new */

static void tell(news *n, json_t *list, json_t *alert, int64_t raised_ms, int64_t now) {
    json_array_append(list, alert);
    json_object_set_new(n->told, json_get_text(alert, "key", ""),
        json_pack("{s:O, s:I, s:I}", "alert", alert, "told_ms", (json_int_t)now, "raised_ms", (json_int_t)raised_ms));
    n->changed = true;
}

static void compare(const estate_notification *notification, json_t *alert, json_t *before, int64_t now, news *n) {
    if (!before) {
        tell(n, n->raised, alert, now, now);
        return;
    }
    int64_t told_ms = json_get_integer(before, "told_ms", 0), raised_ms = json_get_integer(before, "raised_ms", now);
    int64_t count = json_get_integer(alert, "count", 0);
    bool grew = count > json_get_integer(json_get_object(before, "alert"), "count", 0);
    if (now - told_ms >= notification->again_ms || (grew && now - told_ms >= growth_ms))
        tell(n, n->standing, alert, raised_ms, now);
    else
        json_object_set(n->told, json_get_text(alert, "key", ""), before);
}

/* After a start nobody knows yet how a connection fares: what failed before is not over until it has been tried. */
static bool may_stand(const sight *seen, const json_t *alert) {
    const estate_connection *connection =
        estate_find_connection(seen->estate, json_get_text(alert, "connection", NULL));
    return connection && connection->enabled && strcmp(json_get_text(alert, "kind", ""), "connection-failing") == 0 &&
           !json_object_get(seen->health, connection->name);
}

static void find_news(
    const estate_notification *notification, const sight *seen, const json_t *state, int64_t now, news *n) {
    json_t *before = json_get_object(state, "standing"), *entry;
    const char *key;
    for (size_t i = 0; i < json_array_size(seen->alerts); i++) {
        json_t *alert = json_array_get(seen->alerts, i);
        if (concerns(notification, alert, now))
            compare(notification, alert, json_get_object(before, json_get_text(alert, "key", "")), now, n);
    }
    json_object_foreach(before, key, entry) {
        if (json_object_get(n->told, key)) continue;
        if (may_stand(seen, json_object_get(entry, "alert"))) {
            json_object_set(n->told, key, entry);
            continue;
        }
        json_array_append(n->resolved, json_object_get(entry, "alert"));
        n->changed = true;
    }
}

/* ---- telling */

static void add_lines(buf *text, const char *word, const json_t *alerts) {
    for (size_t i = 0; i < json_array_size(alerts); i++)
        buf_printf(text, "%s%s: %s", text->len ? "\n" : "", word, json_get_text(json_array_get(alerts, i), "what", ""));
}

static json_t *lines_of(const news *n) {
    buf text = BUF_MAX(TEXT_MAX);
    add_lines(&text, "alert", n->raised);
    add_lines(&text, "still", n->standing);
    add_lines(&text, "over", n->resolved);
    json_t *lines = json_from_span(text.len ? buf_span(&text) : span_of("no alerts"));
    buf_free(&text);
    return lines;
}

static error *add_message(
    engine *e, store_change *change, const estate_notification *notification, const news *n, char id[ID_SIZE]) {
    char now[CLOCK_TEXT_SIZE];
    json_t *body = json_pack("{s:s, s:s, s:o, s:{s:s, s:O, s:O, s:O}}", "type", "alerts", "timestamp",
        clock_format(clock_wall_ms(), now), "text", lines_of(n), "data", "notification", notification->name, "raised",
        n->raised, "standing", n->standing, "resolved", n->resolved);
    bool in_words = notification->to.connection->adapter->for_people;
    char *text = in_words ? xstrdup(json_get_text(body, "text", "")) : json_pretty(body);
    json_t *result = json_pack("{s:s, s:{s:s}}", "content_type", in_words ? "text/plain" : "application/json", "vars",
        "notification", notification->name);
    const outgoing o = {
        .destination = &notification->to,
        .result = result,
        .retry = notification->retry,
        .why = "tells of alerts",
    };
    error *err = outgoing_add_text(change, &o, e->options.store, span_of(text), id);
    json_decref(result);
    json_decref(body);
    free(text);
    return err;
}

static error *look_for(engine *e, const estate_notification *notification, const sight *seen) {
    char id[ID_SIZE];
    json_t *state = NULL;
    int64_t revision = 0;
    store *kept = e->options.store;
    news n = news_new();
    error *err = store_object(kept, state_kind, notification->name, &state, &revision);
    if (err && error_code_of(err) == ERROR_NOT_FOUND) {
        error_free(err);
        err = NULL;
    }
    if (!err) find_news(notification, seen, state, clock_wall_ms(), &n);
    if (!err && n.changed) {
        store_change *change = store_change_new();
        err = add_message(e, change, notification, &n, id);
        json_t *told = json_pack("{s:O}", "standing", n.told);
        store_put_object(change, state_kind, notification->name, revision, told, "notifications");
        json_decref(told);
        if (!err)
            err = store_commit(kept, change, NULL);
        else
            store_change_free(change);
    }
    news_free(&n);
    json_decref(state);
    return error_wrap(err, "notification %s", notification->name);
}

/* What was told for one that is gone, or tells nobody for now, is told anew when it is back. */
static error *forget_others(engine *e, const estate *snapshot) {
    json_t *states = NULL;
    error *err = store_objects(e->options.store, state_kind, &states);
    for (size_t i = 0; i < json_array_size(states) && !err; i++) {
        const char *name = json_get_text(json_array_get(states, i), "name", "");
        const estate_notification *notification = estate_find_notification(snapshot, name);
        if (notification && notification->enabled) continue;
        store_change *change = store_change_new();
        store_remove_object(change, state_kind, name, REVISION_ANY, "notifications");
        err = store_commit(e->options.store, change, NULL);
    }
    json_decref(states);
    return err;
}

static void look(pulse *p, void *context) {
    notifier *n = context;
    estate *snapshot = config_estate(n->engine->options.config);
    sight seen = {.estate = snapshot};
    error *err = forget_others(n->engine, snapshot);
    if (!err && snapshot->notification_count > 0) {
        seen.health = engine_health(n->engine);
        err = alerts_list(n->engine, &seen.alerts);
    }
    for (size_t i = 0; i < snapshot->notification_count && !err && pulse_pause(p, 0); i++) {
        if (snapshot->notifications[i].enabled) err = look_for(n->engine, &snapshot->notifications[i], &seen);
    }
    if (err) log_failure(LOG_WARNING, "cannot tell of alerts", err);
    json_decref(seen.alerts);
    json_decref(seen.health);
    estate_release(snapshot);
}

error *notify_test(engine *e, const char *notification_name, const char *who, char id[ID_SIZE]) {
    estate *snapshot = config_estate(e->options.config);
    const estate_notification *notification = estate_find_notification(snapshot, notification_name);
    news n = news_new();
    json_t *alerts = NULL;
    store_change *change = store_change_new();
    error *err = notification ? NULL : error_new(ERROR_NOT_FOUND, "no notification \"%s\"", notification_name);
    if (!err) err = alerts_list(e, &alerts);
    for (size_t i = 0; i < json_array_size(alerts); i++) {
        json_t *alert = json_array_get(alerts, i);
        if (concerns(notification, alert, clock_wall_ms())) json_array_append(n.standing, alert);
    }
    if (!err) err = add_message(e, change, notification, &n, id);
    if (!err) {
        store_audit(change, who, "notification tested", notification_name, NULL);
        err = store_commit(e->options.store, change, NULL);
    } else {
        store_change_free(change);
    }
    json_decref(alerts);
    news_free(&n);
    estate_release(snapshot);
    return err;
}

error *notifier_start(engine *e, int64_t every_ms, notifier **out) {
    notifier *n = xcalloc(1, sizeof *n);
    n->engine = e;
    *out = NULL;
    error *err = pulse_start("notifier", every_ms, look, n, &n->pulse);
    if (err)
        free(n);
    else
        *out = n;
    return err;
}

void notifier_stop(notifier *n) {
    if (!n) return;
    pulse_stop(n->pulse);
    free(n);
}
