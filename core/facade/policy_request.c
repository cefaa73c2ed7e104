/* core/facade/policy_request.c: what a request must be like: parameters, media type, and the body by a JSON Schema.
 *
 * Parameters are short texts and are judged here; bodies are parsed and judged in a translator.
 */
#include "core/base/json_schema.h"
#include "core/base/memory.h"
#include "core/facade/answer.h"
#include "core/facade/exchange_inside.h"
#include "core/facade/policies.h"
#include "core/flow/estate_policy_settings.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum { NUMBER_BYTES_MAX = 64 };

/* ---- parameters ---- */

typedef struct parameter {
    const char *name, *in;
    bool required;
    json_schema *schema; /* NULL: anything */
    const json_t *document;
} parameter;

typedef struct parameters {
    pthread_mutex_t lock; /* a schema serves one thread at a time */
    size_t count;
    parameter all[];
} parameters;

/* The place inside the schema goes into the words: the fault's own place is the endpoint's. */
static void schema_fault(fault_list *faults, const estate_endpoint *endpoint, const char *member, error *take) {
    if (!take) return;
    policy_fault(
        faults, endpoint, member, error_new(ERROR_INVALID, "schema%s: %s", error_where(take), error_text(take)));
    error_free(take);
}

static void *prepare_parameters(const estate_endpoint *endpoint, fault_list *faults) {
    const json_t *list = json_get_array(endpoint->body, "parameters");
    if (json_array_size(list) == 0) return NULL;
    parameters *p = xcalloc(1, sizeof *p + json_array_size(list) * sizeof *p->all);
    pthread_mutex_init(&p->lock, NULL);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *object = json_array_get(list, i);
        parameter *one = &p->all[p->count++];
        one->name = json_get_text(object, "name", "");
        one->in = settings_text(estate_parameter_settings, object, "in");
        one->required = settings_boolean(estate_parameter_settings, object, "required");
        one->document = json_object_get(object, "schema");
        error *err = one->document ? json_schema_new(one->document, &one->schema) : NULL;
        schema_fault(faults, endpoint, "parameters", error_wrap(err, "%s", one->name));
        char *place = xasprintf("{%s", one->name);
        if (strcmp(one->in, "path") == 0 && !strstr(endpoint->path, place))
            policy_fault(faults, endpoint, "parameters",
                error_new(ERROR_INVALID, "%s: the route has no {%s}", one->name, one->name));
        free(place);
    }
    return p;
}

static void forget_parameters(void *prepared) {
    parameters *p = prepared;
    for (size_t i = 0; i < p->count; i++)
        json_schema_free(p->all[i].schema);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

static bool has_type(const json_t *document, const char *type) {
    const json_t *types = json_object_get(document, "type");
    if (json_is_string(types)) return strcmp(json_string_value(types), type) == 0;
    for (size_t i = 0; i < json_array_size(types); i++) {
        const char *one = json_string_value(json_array_get(types, i));
        if (one && strcmp(one, type) == 0) return true;
    }
    return false;
}

/* The text as the type that the schema wants; text when it is none of that. */
static json_t *value_of(const json_t *document, span text) {
    json_t *number = NULL;
    if (has_type(document, "boolean") && (span_is(text, "true") || span_is(text, "false")))
        return json_boolean(span_is(text, "true"));
    bool numeric = has_type(document, "integer") || has_type(document, "number");
    if (numeric && text.len > 0 && text.len <= NUMBER_BYTES_MAX && strchr("-0123456789", text.data[0])) {
        number = json_loadb(text.data, text.len, JSON_DECODE_ANY, NULL);
        if (json_is_number(number)) return number;
        json_decref(number);
    }
    return json_from_span(text);
}

static span find_parameter(const exchange *x, const parameter *p) {
    if (strcmp(p->in, "header") == 0) return http_request_header(x->request, p->name);
    if (strcmp(p->in, "query") == 0) return http_request_parameter(x->request, p->name);
    return json_get_span(x->parameters, p->name);
}

static void add_fault(json_t *errors, const parameter *p, const char *detail) {
    json_t *one = json_object();
    json_put_text(one, "parameter", p->name);
    json_put_text(one, "in", p->in);
    json_put_text(one, "detail", detail);
    json_array_append_new(errors, one);
}

static void judge(const exchange *x, const parameter *p, json_t *errors) {
    json_t *faults = NULL;
    span text = find_parameter(x, p);
    if (!text.data) {
        if (p->required) add_fault(errors, p, "is missing");
        return;
    }
    if (!p->schema) return;
    json_t *value = value_of(p->document, text);
    error *err = json_schema_check(p->schema, value, &faults);
    if (err) add_fault(errors, p, error_text(err));
    for (size_t i = 0; i < json_array_size(faults); i++)
        add_fault(errors, p, json_get_text(json_array_get(faults, i), "detail", ""));
    error_free(err);
    json_decref(faults);
    json_decref(value);
}

static policy_verdict judge_parameters(exchange *x, void *prepared) {
    parameters *p = prepared;
    json_t *errors = json_array();
    pthread_mutex_lock(&p->lock);
    for (size_t i = 0; i < p->count; i++)
        judge(x, &p->all[i], errors);
    pthread_mutex_unlock(&p->lock);
    if (json_array_size(errors) == 0) {
        json_decref(errors);
        return POLICY_GO_ON;
    }
    exchange_respond(x, http_problem_list(400, "parameters", "A parameter does not fit",
                            "errors tells which and why; /openapi.json describes them.", NULL, errors));
    return POLICY_OVER;
}

const policy parameters_policy = {
    .name = "parameters", .prepare = prepare_parameters, .forget = forget_parameters, .on_head = judge_parameters};

/* ---- the body ---- */

typedef struct body_plan {
    const json_t *schema; /* NULL: none */
    const json_t *types;  /* NULL: any, or JSON when there is a schema */
    char *accepted;       /* for people */
} body_plan;

static void *prepare_body(const estate_endpoint *endpoint, fault_list *faults) {
    const json_t *object = json_get_object(endpoint->body, "request");
    const json_t *schema = json_object_get(object, "schema"), *types = json_get_array(object, "content_types");
    json_schema *compiled = NULL;
    buf accepted = BUF_MAX(4096);
    if (!schema && !types) return NULL;
    error *err = schema ? json_schema_new(schema, &compiled) : NULL;
    schema_fault(faults, endpoint, "request/schema", err);
    json_schema_free(compiled);
    body_plan *p = xcalloc(1, sizeof *p);
    p->schema = schema;
    p->types = types;
    for (size_t i = 0; i < json_array_size(types); i++)
        buf_printf(&accepted, "%s%s", i ? ", " : "", json_string_value(json_array_get(types, i)));
    if (!types) buf_add_text(&accepted, "application/json");
    p->accepted = buf_take(&accepted, NULL);
    return p;
}

static void forget_body(void *prepared) {
    body_plan *p = prepared;
    free(p->accepted);
    free(p);
}

/* "application/json; charset=utf-8" without what follows the semicolon. */
static span media_type(span field) {
    span rest = field, type = {NULL, 0};
    if (field.data) span_split(&rest, ';', &type);
    return span_trim(type);
}

static bool same_type(span type, const char *wanted) {
    size_t len = strlen(wanted);
    if (strcmp(wanted, "*/*") == 0) return true;
    if (len > 1 && strcmp(wanted + len - 2, "/*") == 0)
        return type.len > len - 1 && strncasecmp(type.data, wanted, len - 1) == 0;
    return type.len == len && strncasecmp(type.data, wanted, len) == 0;
}

static bool is_json(span type) {
    return same_type(type, "application/json") ||
           (type.len > 5 && strncasecmp(type.data + type.len - 5, "+json", 5) == 0);
}

static bool takes(const body_plan *p, span type) {
    if (!p->types) return is_json(type);
    for (size_t i = 0; i < json_array_size(p->types); i++) {
        const char *wanted = json_string_value(json_array_get(p->types, i));
        if (wanted && same_type(type, wanted)) return true;
    }
    return false;
}

static policy_verdict judge_type(exchange *x, void *prepared) {
    const body_plan *p = prepared;
    span type = media_type(http_request_header(x->request, "Content-Type"));
    if (exchange_keeps_nothing(x) || (type.data && takes(p, type))) return POLICY_GO_ON;
    char *detail = xasprintf("Send one of these as Content-Type: %s.", p->accepted);
    http_response *response =
        answer_problem(415, "unsupported-content", "The body is of a type that is not taken", detail, NULL);
    http_response_header(response, exchange_is(x, "PATCH") ? "Accept-Patch" : "Accept-Post", p->accepted);
    free(detail);
    exchange_respond(x, response);
    return POLICY_OVER;
}

static void refuse(exchange *x, json_t *answer, const char *malformed) {
    json_t *faults = json_get_array(answer, "faults");
    const json_t *first = json_array_get(faults, 0);
    char *reason = malformed
                       ? xstrdup(malformed)
                       : xasprintf("%s: %s", json_get_text(first, "pointer", ""), json_get_text(first, "detail", ""));
    exchange_track_refusal(x, MESSAGE_REJECTED, reason);
    http_response *response;
    if (malformed)
        response = answer_problem(400, "malformed", "The body is not well-formed JSON", malformed, x->id);
    else
        response = http_problem_list(422, "schema", "The body does not fit its schema",
            "errors tells where and why; /openapi.json has the schema.", NULL, json_incref(faults));
    free(reason);
    exchange_respond(x, response);
}

static void after_judging(void *owner, frame *reply, error *failure) {
    exchange *x = owner;
    json_t *answer = NULL;
    error *err = failure ? failure : frame_get_error(reply);
    if (!err) err = frame_get_json(reply, &answer);
    const char *malformed = json_get_text(answer, "malformed", NULL);
    if (err)
        exchange_fail(x, error_wrap(err, "the request's schema"));
    else if (malformed || json_array_size(json_get_array(answer, "faults")) > 0)
        refuse(x, answer, malformed);
    else
        exchange_go_on(x);
    json_decref(answer);
}

static policy_verdict judge_body(exchange *x, void *prepared) {
    const body_plan *p = prepared;
    span type = media_type(http_request_header(x->request, "Content-Type"));
    if (!p->schema || exchange_keeps_nothing(x) || !is_json(type)) return POLICY_GO_ON;
    payload_view view = {.size = x->body.size, .bytes = x->body.bytes, .fd = -1};
    char empty[1] = "";
    error *err = NULL;
    if (!view.bytes && x->body.spool[0])
        err = payload_view_of(x->services->store, &x->body, &view);
    else if (!view.bytes)
        view.bytes = empty;
    if (err) {
        exchange_fail(x, err);
        return POLICY_OVER;
    }
    worker_request request = {
        .kind = WORKER_TRANSLATOR,
        .deadline_ms = CALL_TRANSLATOR_DEADLINE_MS,
        .done = after_judging,
        .context = x,
    };
    call_prepare(&request.call, OPERATION_VALIDATE, json_pack("{s:O}", "schema", p->schema), &view);
    worker_pool_submit(x->services->pool, &request);
    if (x->body.spool[0]) payload_view_close(&view);
    return POLICY_LATER;
}

const policy request_policy = {
    .name = "request", .prepare = prepare_body, .forget = forget_body, .on_head = judge_type, .on_body = judge_body};
