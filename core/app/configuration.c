/* core/app/configuration.c: see configuration.h. */
#include "core/app/configuration.h"

#include "core/app/yaml.h"
#include "core/base/io.h"
#include "core/base/memory.h"
#include "core/http/server.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILE_BYTES_MAX = 1024 * 1024, NAME_COLUMN = 22, VARIABLE_COLUMN = 30, NAMES_MAX = 64 };

static const setting listen_settings[] = {
    {.name = "public",
        .type = SETTING_TEXT,
        .fallback = "127.0.0.1:8080",
        .min = 1,
        .max = 255,
        .help = "Where the facade, /as2 and /docs listen, host:port; port 0 picks a free one and prints it."},
    {.name = "public_url",
        .type = SETTING_TEXT,
        .min = 8,
        .max = 255,
        .help = "How partners reach the public listener, without a path: https://b2b.example; its own address if not."},
    {.name = "admin",
        .type = SETTING_TEXT,
        .fallback = "127.0.0.1:8081",
        .min = 1,
        .max = 255,
        .help = "Where the admin UI and API, health and metrics listen, host:port."},
    {.name = NULL},
};

static const setting tls_settings[] = {
    {.name = "certificate",
        .type = SETTING_NAME,
        .help = "The certificate (and key) of the public listener, by its name in the key store; none: plain HTTP. "
                "Renewed under its name, it is shown without a restart."},
    {.name = "client_ca",
        .type = SETTING_NAME,
        .help = "Clients of the public listener must show a certificate that this authority signed."},
    {.name = "client_certificates",
        .type = SETTING_CHOICE,
        .choices = "required optional",
        .fallback = "required",
        .help = "optional: clients may have none, and endpoints ask for one by their setting certificate."},
    {.name = "admin_certificate",
        .type = SETTING_NAME,
        .help = "The certificate of the admin listener; none: plain HTTP."},
    {.name = NULL},
};

static const setting log_settings[] = {
    {.name = "level",
        .type = SETTING_CHOICE,
        .choices = "debug info warning error",
        .fallback = "info",
        .help = "The least important lines that are written."},
    {.name = "format",
        .type = SETTING_CHOICE,
        .choices = "text json",
        .fallback = "text",
        .help = "How a line of the log is written."},
    {.name = NULL},
};

static const setting workers_settings[] = {
    {.name = "translators",
        .type = SETTING_INTEGER,
        .fallback = "0",
        .min = 0,
        .max = 256,
        .help = "Processes that read EDI and run scripts; 0: one a processor."},
    {.name = "couriers",
        .type = SETTING_INTEGER,
        .fallback = "16",
        .min = 1,
        .max = 256,
        .help = "The most processes that talk to partners and file systems at one time."},
    {.name = NULL},
};

static const setting limits_settings[] = {
    {.name = "body",
        .type = SETTING_SIZE,
        .fallback = "10MiB",
        .min = 1024,
        .max = INT64_MAX,
        .help = "The largest request body that an endpoint takes, unless it says otherwise."},
    {.name = "payload",
        .type = SETTING_SIZE,
        .fallback = "2GiB",
        .min = 1024,
        .max = INT64_MAX,
        .help = "The largest payload that is taken from a connection."},
    {.name = "free",
        .type = SETTING_SIZE,
        .fallback = "1GiB",
        .min = 1024 * 1024,
        .max = INT64_MAX,
        .help = "Space that is left free on the disk of the data; with less, nothing is taken in."},
    {.name = NULL},
};

static const setting retention_settings[] = {
    {.name = "payloads",
        .type = SETTING_DURATION,
        .fallback = "90d",
        .help = "How long payloads are kept; 0: for ever."},
    {.name = "messages",
        .type = SETTING_DURATION,
        .fallback = "400d",
        .help = "How long messages, events and what keeps duplicates out are kept; 0: for ever."},
    {.name = NULL},
};

static const setting alerts_settings[] = {
    {.name = "every",
        .type = SETTING_DURATION,
        .fallback = "30s",
        .min = 100,
        .max = 24 * 3600 * 1000,
        .help = "How often it is looked whether somebody must be told (notifications of the estate)."},
    {.name = NULL},
};

static const setting tracing_settings[] = {
    {.name = "url",
        .type = SETTING_TEXT,
        .min = 8,
        .max = 1024,
        .help = "A collector of OpenTelemetry that takes OTLP/HTTP, without /v1/traces: http://127.0.0.1:4318; none: "
                "traces are passed on, but not told. Calls of back-ends, deliveries by HTTP and webhooks carry "
                "them as traceparent."},
    {.name = "service", .type = SETTING_TEXT, .min = 1, .max = 128, .fallback = "banyan", .help = "Our name there."},
    {.name = "header",
        .type = SETTING_TEXT,
        .min = 3,
        .max = 4096,
        .secret = true,
        .help = "A header field for the collector: Authorization: Bearer ..."},
    {.name = "share",
        .type = SETTING_INTEGER,
        .min = 0,
        .max = 100,
        .fallback = "100",
        .help = "Of a hundred requests and messages that come without a trace of their own, so many are told."},
    {.name = NULL},
};

const setting configuration_settings[] = {
    {.name = "data",
        .type = SETTING_TEXT,
        .min = 1,
        .max = 4000,
        .help = "The directory of all state; /var/lib/banyan as a service, else ./banyan-data."},
    {.name = "listen", .type = SETTING_OBJECT, .nested = listen_settings, .help = "The two listeners."},
    {.name = "tls", .type = SETTING_OBJECT, .nested = tls_settings, .help = "Certificates of the listeners."},
    {.name = "log", .type = SETTING_OBJECT, .nested = log_settings, .help = "The log on standard error."},
    {.name = "workers", .type = SETTING_OBJECT, .nested = workers_settings, .help = "The worker processes."},
    {.name = "limits", .type = SETTING_OBJECT, .nested = limits_settings, .help = "Sizes that are refused."},
    {.name = "tracing",
        .type = SETTING_OBJECT,
        .nested = tracing_settings,
        .help = "Traces of requests (OpenTelemetry)."},
    {.name = "alerts", .type = SETTING_OBJECT, .nested = alerts_settings, .help = "What people are told of."},
    {.name = "retention", .type = SETTING_OBJECT, .nested = retention_settings, .help = "How long things are kept."},
    {.name = NULL},
};

char *configuration_variable(const char *group, const char *name) {
    bool bare = !group || strcmp(group, "listen") == 0;
    char *variable = xasprintf("BANYAN_%s%s%s", bare ? "" : group, bare ? "" : "_", name);
    for (char *c = variable; *c; c++)
        *c = (char)toupper((unsigned char)*c);
    return variable;
}

/* The text of a variable as the type of its setting. What does not fit stays text, so that the check names it. */
static json_t *value_of(const setting *s, const char *text) {
    int64_t number;
    if (s->type == SETTING_INTEGER && span_to_i64(span_of(text), INT64_MIN, INT64_MAX, &number))
        return json_integer((json_int_t)number);
    if (s->type == SETTING_BOOLEAN && strcmp(text, "true") == 0) return json_true();
    if (s->type == SETTING_BOOLEAN && strcmp(text, "false") == 0) return json_false();
    return json_from_span(span_of(text));
}

static json_t *group_object(json_t *configuration, const char *group) {
    if (!group) return configuration;
    json_t *object = json_object_get(configuration, group);
    if (!object) json_object_set_new(configuration, group, object = json_object());
    return object;
}

/* What a table of settings cannot tell: addresses. The place of a fault is the pointer of its setting. */
static void check_addresses(const json_t *configuration, fault_list *faults) {
    const json_t *listen = json_get_object(configuration, "listen");
    const char *const addresses[] = {"public", "admin"}, *url = json_get_text(listen, "public_url", NULL);
    for (size_t i = 0; i < 2; i++) {
        const char *address = json_get_text(listen, addresses[i], NULL);
        error *err = address ? http_server_check_address(address) : NULL;
        fault_list_add(faults, error_at(error_wrap(err, "%s", addresses[i]), "/listen/%s", addresses[i]));
    }
    const char *host = !url                               ? NULL
                       : strncmp(url, "https://", 8) == 0 ? url + 8
                       : strncmp(url, "http://", 7) == 0  ? url + 7
                                                          : "";
    const char *path = host ? strchr(host, '/') : NULL;
    if (host && (!*host || *host == '/' || (path && path[1]) || strpbrk(host, " ?#@")))
        fault_list_add(faults,
            error_at(error_new(ERROR_INVALID, "public_url: \"%s\" is not an address such as https://b2b.example", url),
                "/listen/public_url"));
}

/* "log.level: must be ..." of what "/log/level" is told. */
static char *full_text(const error *fault) {
    const char *where = error_where(fault), *text = error_text(fault), *leaf = strrchr(where, '/');
    if (!leaf || leaf == where) return xstrdup(text);
    size_t group = (size_t)(leaf - where) - 1, name = strlen(leaf + 1);
    bool named = strncmp(text, leaf + 1, name) == 0 && text[name] == ':';
    return xasprintf("%.*s%s%s", (int)group, where + 1, named ? "." : ": ", text);
}

/* What does not come from the file is checked alone first, so that its fault names where it does come from. */
static void take_text(json_t *configuration, const char *group, const setting *s, const char *text, const char *source,
    fault_list *faults) {
    setting alone[] = {*s, {.name = NULL}};
    fault_list found = {NULL, 0};
    json_t *object = json_object();
    json_object_set_new(object, s->name, value_of(s, text));
    settings_check(alone, object, "", &found);
    json_t *grouped = group && found.count == 0 ? json_pack("{s:O}", group, object) : NULL;
    if (grouped) check_addresses(grouped, &found);
    json_decref(grouped);
    for (size_t i = 0; i < found.count; i++)
        fault_list_add(faults, error_at(error_new(ERROR_INVALID, "%s", error_text(found.faults[i])), "%s", source));
    json_object_update(group_object(configuration, group), object);
    fault_list_free(&found);
    json_decref(object);
}

static void take_variable(json_t *configuration, const char *group, const setting *s, fault_list *faults) {
    char *variable = configuration_variable(group, s->name);
    const char *text = getenv(variable);
    if (text && *text) take_text(configuration, group, s, text, variable, faults);
    free(variable);
}

void configuration_set(
    json_t *configuration, const char *name, const char *text, const char *source, fault_list *faults) {
    span rest = span_of(name), group = {NULL, 0};
    if (strchr(name, '.')) span_split(&rest, '.', &group);
    for (const setting *s = configuration_settings; s->name; s++) {
        if (!group.data && !s->nested && strcmp(s->name, name) == 0)
            take_text(configuration, NULL, s, text, source, faults);
        for (const setting *inner = s->nested; group.data && inner && inner->name; inner++) {
            if (span_is(group, s->name) && span_is(rest, inner->name))
                take_text(configuration, s->name, inner, text, source, faults);
        }
    }
}

static void take_environment(json_t *configuration, fault_list *faults) {
    for (const setting *s = configuration_settings; s->name; s++) {
        if (!s->nested) take_variable(configuration, NULL, s, faults);
        for (const setting *inner = s->nested; inner && inner->name; inner++)
            take_variable(configuration, s->name, inner, faults);
    }
}

/* Names the line of each fault in place of the pointer. */
static void check_file(const json_t *configuration, const char *path, const yaml_places *places, fault_list *faults) {
    fault_list found = {NULL, 0};
    settings_check(configuration_settings, configuration, "", &found);
    if (found.count == 0) check_addresses(configuration, &found);
    for (size_t i = 0; i < found.count; i++) {
        yaml_place place = {1, 1};
        char *pointer = xasprintf("/0%s", error_where(found.faults[i]));
        (void)yaml_find_place(places, pointer, &place);
        char *text = full_text(found.faults[i]);
        fault_list_add(
            faults, error_at(error_new(ERROR_INVALID, "%s", text), "%s:%u:%u", path, place.line, place.column));
        free(text);
        free(pointer);
    }
    fault_list_free(&found);
}

static error *read_file(const char *path, json_t **configuration, fault_list *faults) {
    buf text = BUF_MAX(FILE_BYTES_MAX);
    json_t *documents = NULL;
    yaml_places *places = NULL;
    error *err = io_read_file(path, &text);
    if (!err) err = yaml_parse(buf_span(&text), path, &documents, &places);
    json_t *first = json_array_get(documents, 0);
    if (!err && (json_array_size(documents) > 1 || (first && !json_is_object(first))))
        err = error_at(error_new(ERROR_INVALID, "the file must hold one object of settings"), "%s", path);
    if (!err && first) {
        check_file(first, path, places, faults);
        json_decref(*configuration);
        *configuration = json_incref(first);
    }
    json_decref(documents);
    yaml_places_free(places);
    buf_free(&text);
    return err;
}

void configuration_load(const char *path, json_t **configuration, fault_list *faults) {
    static const char *const usual[] = {"banyan.yaml", "/etc/banyan/banyan.yaml"};
    size_t before = faults->count;
    *configuration = json_object();
    for (size_t i = 0; !path && i < sizeof usual / sizeof *usual; i++) {
        if (access(usual[i], F_OK) == 0) path = usual[i];
    }
    if (path) fault_list_add(faults, read_file(path, configuration, faults));
    /* A file that is wrong may hold anything where a group should be: the environment needs sound objects. */
    if (faults->count == before) take_environment(*configuration, faults);
    if (faults->count == before) return;
    json_decref(*configuration);
    *configuration = NULL;
}

/* What the program and its tests read besides the settings. */
static const char *const other_variables[] = {
    "BANYAN_ADMIN_PASSWORD", "BANYAN_URL", "BANYAN_API_KEY", "BANYAN_CA", "BANYAN_CRASH"};

typedef struct variable_names {
    char *names[NAMES_MAX];
    size_t count;
} variable_names;

static void known_variables(variable_names *known) {
    known->count = 0;
    for (size_t i = 0; i < sizeof other_variables / sizeof *other_variables; i++)
        known->names[known->count++] = xstrdup(other_variables[i]);
    for (const setting *s = configuration_settings; s->name; s++) {
        if (!s->nested) known->names[known->count++] = configuration_variable(NULL, s->name);
        for (const setting *inner = s->nested; inner && inner->name && known->count < NAMES_MAX - 1; inner++)
            known->names[known->count++] = configuration_variable(s->name, inner->name);
    }
}

static error *unknown_variable(const variable_names *known, span name) {
    char *text = xspandup(name);
    const char *const *names = (const char *const *)known->names, *near = NULL;
    bool is_known = span_starts(name, SPAN("BANYAN_SERVICE_")) || span_starts(name, SPAN("BANYAN_PORT_")) ||
                    span_is(name, "BANYAN_PORT");
    for (size_t i = 0; i < known->count; i++)
        is_known = is_known || span_is(name, names[i]);
    if (!is_known) near = settings_nearest(text, names, known->count);
    error *told =
        is_known ? NULL
        : near   ? error_new(ERROR_INVALID, "%s is no setting and does nothing; did you mean %s?", text, near)
               : error_new(ERROR_INVALID, "%s is no setting and does nothing; `banyan help settings` lists them", text);
    free(text);
    return told;
}

void configuration_unknown_variables(fault_list *told) {
    variable_names known;
    known_variables(&known);
    for (char **variable = environ; *variable; variable++) {
        span rest = span_of(*variable), name;
        if (!span_split(&rest, '=', &name) || !span_starts(name, SPAN("BANYAN_"))) continue;
        fault_list_add(told, unknown_variable(&known, name));
    }
    for (size_t i = 0; i < known.count; i++)
        free(known.names[i]);
}

/* The table and the object that hold the setting of this dotted name; *name moves to its last part. */
static const setting *locate(const json_t **object, const char **name) {
    const char *dot = strchr(*name, '.');
    if (!dot) return configuration_settings;
    char group[32];
    snprintf(group, sizeof group, "%.*s", (int)(dot - *name), *name);
    *object = json_object_get(*object, group);
    *name = dot + 1;
    return settings_find(configuration_settings, group)->nested;
}

const char *configuration_text(const json_t *configuration, const char *name) {
    const setting *table = locate(&configuration, &name);
    return settings_text(table, configuration, name);
}

int64_t configuration_integer(const json_t *configuration, const char *name) {
    const setting *table = locate(&configuration, &name);
    return settings_integer(table, configuration, name);
}

const char *configuration_data(const json_t *configuration) {
    const char *data = configuration_text(configuration, "data");
    if (data) return data;
    const char *service = getenv("STATE_DIRECTORY");
    return service && *service ? service : "banyan-data";
}

static void add_listed(json_t *list, const json_t *object, const char *group, const setting *s) {
    json_t *value = json_object_get(object, s->name), *one = json_object();
    char *variable = configuration_variable(group, s->name);
    char *name = xasprintf("%s%s%s", group ? group : "", group ? "." : "", s->name);
    json_put_text(one, "name", name);
    json_put_text(one, "variable", variable);
    json_put_text(one, "help", s->help);
    json_object_set_new(one, "set", json_boolean(value));
    json_object_set_new(one, "value",
        value && s->secret ? json_string("set, and not shown")
        : value            ? json_incref(value)
        : s->fallback      ? json_string(s->fallback)
                           : json_null());
    json_array_append_new(list, one);
    free(variable);
    free(name);
}

json_t *configuration_list(const json_t *configuration) {
    json_t *list = json_array();
    for (const setting *s = configuration_settings; s->name; s++) {
        if (!s->nested) add_listed(list, configuration, NULL, s);
        for (const setting *inner = s->nested; inner && inner->name; inner++)
            add_listed(list, json_object_get(configuration, s->name), s->name, inner);
    }
    return list;
}

static void help_row(FILE *out, const char *group, const setting *s) {
    char *variable = configuration_variable(group, s->name);
    char *name = xasprintf("%s%s%s", group ? group : "", group ? "." : "", s->name);
    fprintf(out, "%-*s %-*s %s\n", NAME_COLUMN, name, VARIABLE_COLUMN, variable, s->fallback ? s->fallback : "");
    fprintf(out, "    %s%s%s\n", s->help, s->choices ? " One of: " : "", s->choices ? s->choices : "");
    free(variable);
    free(name);
}

void configuration_help(FILE *out) {
    fprintf(out, "The settings of the appliance stand in banyan.yaml; the environment overrides them.\n\n");
    fprintf(out, "%-*s %-*s %s\n", NAME_COLUMN, "SETTING", VARIABLE_COLUMN, "ENVIRONMENT", "DEFAULT");
    for (const setting *s = configuration_settings; s->name; s++) {
        if (!s->nested) help_row(out, NULL, s);
        for (const setting *inner = s->nested; inner && inner->name; inner++)
            help_row(out, s->name, inner);
    }
    fprintf(out,
        "\nThe first administrator's password comes from BANYAN_ADMIN_PASSWORD, or is made at the first start and\n"
        "shown once. The command line finds the appliance by BANYAN_URL and BANYAN_API_KEY, or by what lies in\n"
        "its data directory. Any other variable that begins with BANYAN_ does nothing; the start of the log names "
        "it.\n");
}
