/* core/admin/admin.c: the routes of the admin listener, who may use them, and how a request reaches its handler. */
#include "core/admin/admin.h"

#include "core/admin/call.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/flow/estate_settings.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    BODY_BYTES_MAX = 64 * 1024 * 1024,
    PAYLOAD_IN_MEMORY = 1024 * 1024,
    PUBLIC_BODY_BYTES_MAX = 64 * 1024,
    PARTS_MAX = 4,
    ALLOWED_ROOM = 128,
    PARAMETERS_MAX = 16,
    NAME_ROOM = 64
};

/* The first that fits counts. Public: the probes, signing in, and the UI's files, which hold no data. */
static const route routes[] = {
    {"GET", "/healthz", ROLE_COUNT, health_show, "Is the process alive?"},
    {"GET", "/readyz", ROLE_COUNT, ready_show, "Can it take work?"},
    {"GET", "/metrics", ROLE_COUNT, metrics_show, "Figures in the OpenMetrics text format"},
    {"POST", "/api/v1/session", ROLE_COUNT, session_create, "Sign in"},
    {"GET", "/api/v1/session", ROLE_VIEWER, session_show, "Who is signed in"},
    {"DELETE", "/api/v1/session", ROLE_VIEWER, session_end, "Sign out"},
    {"GET", "/api/v1/openapi.json", ROLE_VIEWER, openapi_show, "This document"},
    {"GET", "/api/v1/settings", ROLE_VIEWER, estate_describe, "The settings of every kind of object, as JSON Schemas"},
    {"GET", "/api/v1/stats", ROLE_VIEWER, stats_show, "Counts and health at a glance"},
    {"GET", "/api/v1/stats/history", ROLE_VIEWER, history_show, "Traffic and latency over time"},
    {"GET", "/api/v1/stats/partners", ROLE_VIEWER, partners_show, "How each partner fares"},
    {"GET", "/api/v1/preferences", ROLE_VIEWER, preferences_show, "What the caller has set up for themselves"},
    {"PUT", "/api/v1/preferences", ROLE_VIEWER, preferences_put, "Keep what the caller has set up for themselves"},
    {"GET", "/api/v1/events", ROLE_VIEWER, NULL, "What changes, as server-sent events"},
    {"GET", "/api/v1/messages", ROLE_VIEWER, message_list, "Tracked messages, newest first"},
    {"GET", "/api/v1/messages/*", ROLE_VIEWER, message_show, "One message"},
    {"GET", "/api/v1/messages/*/payload", ROLE_OPERATOR, message_payload, "The bytes of a message"},
    {"GET", "/api/v1/messages/*/explain", ROLE_OPERATOR, message_explain, "The payload of a message, explained"},
    {"GET", "/api/v1/messages/*/evidence", ROLE_VIEWER, message_evidence,
        "What was exchanged: header fields, layers, digests, the receipt"},
    {"GET", "/api/v1/messages/*/events", ROLE_VIEWER, message_events, "The timeline of a message"},
    {"POST", "/api/v1/messages/*/resend", ROLE_OPERATOR, message_resend, "Send or process a message again"},
    {"GET", "/api/v1/appliance", ROLE_VIEWER, appliance_show, "The program's own settings, as they are in force"},
    {"GET", "/api/v1/documents", ROLE_VIEWER, document_list, "Business documents"},
    {"GET", "/api/v1/jobs", ROLE_VIEWER, job_list, "The queue"},
    {"GET", "/api/v1/acknowledgements", ROLE_VIEWER, acknowledgement_list,
        "What waits for an acknowledgement, and what got one"},
    {"GET", "/api/v1/alerts", ROLE_VIEWER, alert_list,
        "What somebody should look at now: what is overdue, ends soon, waits for approval, or fails"},
    {"GET", "/api/v1/audit", ROLE_ADMIN, audit_list, "Who did what"},
    {"POST", "/api/v1/apply", ROLE_ADMIN, estate_apply, "Make the configuration equal to an estate"},
    {"GET", "/api/v1/backup", ROLE_ADMIN, backup_make, "A consistent copy of everything"},
    {"POST", "/api/v1/restore/release", ROLE_ADMIN, restore_release, "Let a restored appliance deliver again"},
    {"GET", "/api/v1/users", ROLE_ADMIN, user_list, "Users"},
    {"GET", "/api/v1/users/*", ROLE_ADMIN, user_show, "One user"},
    {"PUT", "/api/v1/users/*", ROLE_ADMIN, user_put, "Create or change a user"},
    {"DELETE", "/api/v1/users/*", ROLE_ADMIN, user_remove, "Remove a user"},
    {"GET", "/api/v1/keys", ROLE_ADMIN, key_list, "API keys"},
    {"GET", "/api/v1/keys/*", ROLE_ADMIN, key_show, "One API key, without the key"},
    {"POST", "/api/v1/keys", ROLE_ADMIN, key_add, "Make an API key; it is shown once"},
    {"PUT", "/api/v1/keys/*", ROLE_ADMIN, key_add, "Make an API key; it is shown once"},
    {"DELETE", "/api/v1/keys/*", ROLE_ADMIN, key_revoke, "Revoke an API key"},
    {"POST", "/api/v1/connections/*/send", ROLE_OPERATOR, connection_send, "Put a payload through a connection"},
    {"POST", "/api/v1/connections/*/probe", ROLE_OPERATOR, connection_probe, "Test a connection"},
    {"POST", "/api/v1/connections/*/test", ROLE_OPERATOR, connection_test,
        "Examine a connection, and say in words what does not work"},
    {"POST", "/api/v1/connections/*/call", ROLE_OPERATOR, connection_call,
        "One call of a back-end, or one file, and its answer"},
    {"POST", "/api/v1/notifications/*/test", ROLE_OPERATOR, notification_test,
        "Send what a notification would tell now, to see that it arrives"},
    {"POST", "/api/v1/connections/*/list", ROLE_OPERATOR, connection_list, "What a connection could pick up"},
    {"POST", "/api/v1/connections/*/offer", ROLE_DEVELOPER, offer_send,
        "Offer the partner a certificate of ours over AS2"},
    {"GET", "/api/v1/certificate-offers", ROLE_VIEWER, offer_list,
        "Certificates offered to partners and by them, newest first"},
    {"POST", "/api/v1/certificate-offers/*/accept", ROLE_DEVELOPER, offer_accept,
        "Take a certificate that a partner offers, and tell him"},
    {"POST", "/api/v1/certificate-offers/*/refuse", ROLE_DEVELOPER, offer_refuse,
        "Refuse a certificate that a partner offers, and tell him why"},
    {"POST", "/api/v1/certificates/inspect", ROLE_VIEWER, certificate_inspect, "What a certificate or a key is"},
    {"GET", "/api/v1/library", ROLE_VIEWER, library_show, "What scripts may use: modules and functions"},
    {"GET", "/api/v1/templates", ROLE_VIEWER, template_list, "Beginnings of new scripts"},
    {"GET", "/api/v1/scripts/*/draft", ROLE_DEVELOPER, draft_show, "The caller's draft of a script"},
    {"PUT", "/api/v1/scripts/*/draft", ROLE_DEVELOPER, draft_put, "Keep a draft: source, tests, note"},
    {"DELETE", "/api/v1/scripts/*/draft", ROLE_DEVELOPER, draft_remove, "Throw a draft away"},
    {"GET", "/api/v1/scripts/*/versions", ROLE_VIEWER, version_list, "The versions of a script, newest first"},
    {"GET", "/api/v1/scripts/*/versions/*", ROLE_VIEWER, version_show, "One version, with its source and tests"},
    {"POST", "/api/v1/scripts/*/publish", ROLE_DEVELOPER, script_publish,
        "Publish the caller's draft, when its tests hold"},
    {"POST", "/api/v1/scripts/*/rollback", ROLE_DEVELOPER, script_rollback, "Go back to an earlier version"},
    {"POST", "/api/v1/scripts/*/check", ROLE_DEVELOPER, script_check_source, "What is wrong with a source"},
    {"POST", "/api/v1/scripts/*/run", ROLE_DEVELOPER, script_run_once,
        "Run a script on a sample or a message; nothing is kept"},
    {"POST", "/api/v1/scripts/*/test", ROLE_DEVELOPER, script_test_now, "Run the tests of a script"},
    {"POST", "/api/v1/scripts/*/replay", ROLE_DEVELOPER, script_replay,
        "What a draft would change on the messages received last"},
    {"GET", "/api/v1/scripts/*/structure", ROLE_DEVELOPER, script_structure, "What a sample or a message is made of"},
    {"GET", "/api/v1/scripts/*/samples", ROLE_VIEWER, sample_list, "The samples of a script"},
    {"GET", "/api/v1/scripts/*/samples/*", ROLE_DEVELOPER, sample_show, "The bytes of a sample"},
    {"PUT", "/api/v1/scripts/*/samples/*", ROLE_DEVELOPER, sample_put, "Keep a sample"},
    {"DELETE", "/api/v1/scripts/*/samples/*", ROLE_DEVELOPER, sample_remove, "Remove a sample"},
    {"GET", "/api/v1/switches", ROLE_VIEWER, switch_list, "The strangler switches of all endpoints"},
    {"GET", "/api/v1/endpoints/**/switch", ROLE_VIEWER, switch_show, "How both sides of an endpoint fare"},
    {"PUT", "/api/v1/endpoints/**/switch", ROLE_OPERATOR, switch_put, "Change the share of the modern side"},
    {"POST", "/api/v1/endpoints/**/switch/back", ROLE_OPERATOR, switch_back, "Go back to before the last change"},
    {"GET", "/api/v1/endpoints/**/switch/history", ROLE_VIEWER, switch_history, "Who turned the switch, when and why"},
    {"GET", "/api/v1/endpoints/**/switch/differences", ROLE_OPERATOR, switch_differences,
        "What differs between the two sides, by field, with samples"},
    {"DELETE", "/api/v1/endpoints/**/switch/differences", ROLE_OPERATOR, switch_forget,
        "Forget the differences and what was learned"},
    {"GET", "/api/v1/*", ROLE_VIEWER, object_list, "All objects of a kind"},
    {"GET", "/api/v1/*/**", ROLE_VIEWER, object_show, "One object"},
    {"PUT", "/api/v1/*/**", ROLE_DEVELOPER, object_put, "Create or change an object"},
    {"DELETE", "/api/v1/*/**", ROLE_DEVELOPER, object_remove, "Remove an object"},
    {"GET", "/**", ROLE_COUNT, ui_show, "The files of the UI"},
    {NULL, NULL, ROLE_COUNT, NULL, NULL},
};

const route *admin_routes(void) {
    return routes;
}

/* What "**" takes: all that is left but for the end that the pattern still names. */
static bool take_most(span *rest, span tail) {
    if (!rest->data) return false;
    if (!tail.data) return true;
    if (rest->len <= tail.len + 1) return false;
    size_t most = rest->len - tail.len - 1;
    if (rest->data[most] != '/' || memcmp(rest->data + most + 1, tail.data, tail.len) != 0) return false;
    rest->len = most;
    return true;
}

/* Does the path fit the pattern? The parts that stars took go to `parts`. */
static bool fits(const char *pattern, span path, char *parts[PARTS_MAX]) {
    span wanted = span_of(pattern), rest = path, w, p;
    size_t count = 0;
    while (span_split(&wanted, '/', &w)) {
        if (span_is(w, "**")) {
            if (!take_most(&rest, wanted)) return false;
            if (count < PARTS_MAX) parts[count++] = xspandup(rest);
            return true;
        }
        if (!span_split(&rest, '/', &p)) return false;
        if (span_is(w, "*") && p.len > 0 && count < PARTS_MAX)
            parts[count++] = xspandup(p);
        else if (!span_equal(w, p))
            return false;
    }
    return rest.data == NULL;
}

static void free_parts(char *parts[PARTS_MAX]) {
    for (size_t i = 0; i < PARTS_MAX; i++) {
        free(parts[i]);
        parts[i] = NULL;
    }
}

/* "GET, HEAD, PUT": what Allow says, each method once. */
static void add_allowed(buf *allowed, const char *method) {
    if (allowed->len && strstr(buf_text(allowed), method)) return;
    buf_printf(allowed, "%s%s%s", allowed->len ? ", " : "", method, strcmp(method, "GET") == 0 ? ", HEAD" : "");
}

/* NULL: there is none. `allowed` then tells the methods of those that have the path; the UI's page, which has every
 * path, does not count. */
static const route *find_route(span method, span path, char *parts[PARTS_MAX], buf *allowed) {
    bool head = span_is(method, "HEAD"), named = false;
    for (size_t i = 0; routes[i].method; i++) {
        /* What an address of its own has not, the objects have neither: there is no kind "apply". */
        bool is_page = strcmp(routes[i].pattern, "/**") == 0;
        bool generic = is_page || strncmp(routes[i].pattern, "/api/v1/*", 9) == 0;
        if ((generic && named) || !fits(routes[i].pattern, path, parts)) {
            free_parts(parts);
            continue;
        }
        if (span_is(method, routes[i].method) || (head && strcmp(routes[i].method, "GET") == 0)) return &routes[i];
        if (!is_page) add_allowed(allowed, routes[i].method);
        named |= !strstr(routes[i].pattern, "**");
        free_parts(parts);
    }
    return NULL;
}

/* ---- who is calling ---- */

static bool identify(call *c) {
    char token[SESSION_TOKEN_ROOM];
    session opened;
    span authorization = http_request_header(c->request, "Authorization");
    if (authorization.data) {
        if (!span_starts(authorization, SPAN("Bearer "))) return false;
        return accounts_by_key(c->admin->options.accounts,
            span_trim(span_make(authorization.data + 7, authorization.len - 7)), &c->caller);
    }
    if (!call_cookie(c, token, sizeof token) ||
        !accounts_by_session(c->admin->options.accounts, span_of(token), &opened))
        return false;
    c->caller = opened.principal;
    c->by_session = true;
    memcpy(c->csrf, opened.csrf, sizeof c->csrf);
    return true;
}

/* A page of somebody else can make a browser send our cookie, but can neither read nor guess the token (AU-04). */
static bool is_forged(const call *c) {
    span method = http_request_method(c->request);
    if (!c->by_session || span_is(method, "GET") || span_is(method, "HEAD")) return false;
    return !span_is(http_request_header(c->request, "X-CSRF-Token"), c->csrf);
}

static http_response *refuse_caller(call *c) {
    if (c->route->least == ROLE_COUNT) return NULL;
    if (!identify(c)) {
        http_response *response = http_problem(401, "unauthenticated", "Who is calling?",
            "Sign in, or send an API key as \"Authorization: Bearer KEY\"; DATA/admin.key holds one.", NULL);
        http_response_header(response, "WWW-Authenticate", "Bearer");
        return response;
    }
    if (c->caller.role < c->route->least || c->caller.role == ROLE_CLIENT)
        return http_problem(403, "forbidden", "Your role does not allow this",
            "Ask an administrator for the role that this needs.", NULL);
    if (is_forged(c))
        return http_problem(
            403, "csrf", "The call does not come from the UI", "Send the session's token in X-CSRF-Token.", NULL);
    return NULL;
}

/* ---- the way of a request ---- */

static void call_free(void *owner, http_outcome outcome) {
    call *c = owner;
    (void)outcome;
    free_parts(c->parts);
    payload_abandon(c->spill);
    free(c);
}

/* The collection that a path names something of, "" when it is none. */
static span collection_of(const call *c) {
    span rest = span_of(c->route->pattern), name;
    if (!span_starts(rest, SPAN("/api/v1/"))) return SPAN("");
    rest = span_make(rest.data + 8, rest.len - 8);
    if (!memchr(rest.data, '*', rest.len)) return SPAN("");
    span_split(&rest, '/', &name);
    if (!span_is(name, "*")) return name;
    return estate_settings(c->parts[0]) ? span_of(c->parts[0]) : SPAN("");
}

/* Whoever names what is not there is told where the names are. */
static error *tell_names(const call *c, error *take) {
    span collection = collection_of(c);
    if (!take || error_code_of(take) != ERROR_NOT_FOUND || !collection.len || strchr(error_text(take), ';'))
        return take;
    error *err = error_new(ERROR_NOT_FOUND, "%s; GET /api/v1/%.*s lists what there is", error_text(take),
        (int)collection.len, collection.data);
    error_free(take);
    return err;
}

static void run(void *context) {
    call *c = context;
    http_response *response = NULL;
    error *err = tell_names(c, c->route->handle(c, &response));
    if (err && error_code_of(err) == ERROR_INTERNAL) log_error("admin API: %s", error_text(err));
    if (err) response = http_problem_from_error(err, NULL);
    http_respond(c->request, response);
}

static void after_body(http_request *request, void *owner) {
    call *c = owner;
    (void)request;
    blocking_run(c->admin->options.blocking, run, c);
}

static int open_spill(void *owner) {
    call *c = owner;
    int fd = -1;
    error *err = payload_begin_file(c->admin->options.store, &c->spill, &fd);
    log_failure(LOG_ERROR, "a payload cannot be kept", err);
    return fd;
}

/* A payload may be as large as one that a connection takes, where there is room for it; nothing else comes near. */
static http_response *plan_body(call *c, http_body_plan *plan) {
    size_t most = c->route->least == ROLE_COUNT ? PUBLIC_BODY_BYTES_MAX : BODY_BYTES_MAX;
    *plan = (http_body_plan){.maximum = most, .memory = most, .complete = after_body};
    if (!admin_shape(c->route)->large) return NULL;
    int64_t announced = http_request_body_length(c->request);
    plan->maximum = c->admin->options.payload_bytes_max;
    plan->memory = PAYLOAD_IN_MEMORY;
    plan->spill = open_spill;
    error *err = store_admit(c->admin->options.store, announced > 0 ? (uint64_t)announced : plan->maximum);
    return err ? http_problem_from_error(err, NULL) : NULL;
}

static http_response *refuse_path(const buf *allowed) {
    if (!allowed->len)
        return http_problem(
            404, "not-found", "There is no such address", "/api/v1/openapi.json tells what there is.", NULL);
    char *detail = xasprintf("Here is %s.", buf_text(allowed));
    http_response *response = http_problem(405, "method-not-allowed", "Not with this method", detail, NULL);
    http_response_header(response, "Allow", buf_text(allowed));
    free(detail);
    return response;
}

/* Bytes that are not JSON are taken where a payload is meant; everywhere else a body that calls itself something else
 * is no body of this API, and no page of somebody else can send one that does without being asked first. */
static http_response *refuse_content(const call *c) {
    span type = http_request_header(c->request, "Content-Type"), media = type;
    if (admin_shape(c->route)->bytes || !type.data || http_request_body_length(c->request) == 0) return NULL;
    span_split(&type, ';', &media);
    media = span_trim(media);
    bool is_json = http_name_equal(media, SPAN("application/json")) ||
                   (media.len > 5 && http_name_equal(span_make(media.data + media.len - 5, 5), SPAN("+json")));
    if (is_json) return NULL;
    http_response *response = http_problem(
        415, "unsupported-content", "The body is not JSON", "Send it with Content-Type: application/json.", NULL);
    http_response_header(response, "Accept", "application/json");
    return response;
}

/* A filter that is misspelt would show everything, and what was meant to be tried would be done. */
static http_response *refuse_parameters(const call *c) {
    size_t count, known_count = 0;
    const char *known[PARAMETERS_MAX];
    char names[PARAMETERS_MAX][NAME_ROOM];
    const http_field *given = http_request_parameters(c->request, &count);
    const char *query = admin_shape(c->route)->query;
    span rest = span_of(query ? query : ""), name;
    if (strcmp(c->route->pattern, "/**") == 0) return NULL;
    while (span_split(&rest, ' ', &name) && known_count < PARAMETERS_MAX) {
        snprintf(names[known_count], NAME_ROOM, "%.*s", (int)name.len, name.data);
        known[known_count] = names[known_count];
        known_count++;
    }
    for (size_t i = 0; i < count; i++) {
        char asked[NAME_ROOM];
        bool found = false;
        snprintf(asked, sizeof asked, "%.*s", (int)given[i].name.len, given[i].name.data);
        for (size_t k = 0; k < known_count && !found; k++)
            found = span_is(given[i].name, known[k]);
        if (found) continue;
        const char *near = settings_nearest(asked, known, known_count);
        error *err = near ? error_new(ERROR_INVALID, "there is no parameter \"%s\"; did you mean \"%s\"?", asked, near)
                     : *(query ? query : "")
                         ? error_new(ERROR_INVALID, "there is no parameter \"%s\"; there are: %s", asked, query)
                         : error_new(ERROR_INVALID, "there is no parameter \"%s\"; it takes none", asked);
        return http_problem_from_error(error_at(err, "?%s", asked), NULL);
    }
    return NULL;
}

void admin_handle(void *context, http_request *request) {
    call *c = xcalloc(1, sizeof *c);
    buf allowed = BUF_MAX(ALLOWED_ROOM);
    c->admin = context;
    c->request = request;
    c->caller.role = ROLE_COUNT;
    c->route = find_route(http_request_method(request), http_request_path(request), c->parts, &allowed);
    http_own(request, c, call_free, NULL);
    http_response *refusal = c->route ? NULL : refuse_path(&allowed);
    buf_free(&allowed);
    if (refusal) {
        http_respond(request, refusal);
        return;
    }
    /* Nobody's bytes are read before it is known whose they are (reliability research R7). */
    refusal = refuse_caller(c);
    if (!refusal) refusal = refuse_content(c);
    if (!refusal) refusal = refuse_parameters(c);
    http_body_plan plan;
    if (!refusal) refusal = plan_body(c, &plan);
    if (refusal)
        http_respond(request, refusal);
    else if (!c->route->handle)
        streams_open(c->admin->streams, request);
    else
        http_take_body(request, &plan);
}

error *admin_new(const admin_options *options, admin **out) {
    admin *a = xcalloc(1, sizeof *a);
    a->options = *options;
    a->started_ms = clock_monotonic_ms();
    a->streams = streams_new();
    *out = a;
    return NULL;
}

void admin_free(admin *a) {
    if (!a) return;
    streams_free(a->streams);
    free(a);
}

void admin_tell(admin *a, const store_news *news, size_t count) {
    streams_tell(a->streams, news, count);
}

void admin_close_streams(admin *a) {
    streams_close(a->streams);
}
