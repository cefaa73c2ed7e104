/* core/flow/estate_traffic.c: see estate_traffic.h. */
#include "core/flow/estate_traffic.h"

static const setting rule_settings[] = {
    {.name = "to", .type = SETTING_CHOICE, .required = true, .choices = "legacy modern", .help = "Which side answers."},
    {.name = "methods", .type = SETTING_TEXTS, .help = "Only these methods."},
    {.name = "callers", .type = SETTING_TEXTS, .help = "Only these callers (names of keys, subjects of tokens)."},
    {.name = "key",
        .type = SETTING_TEXT,
        .min = 1,
        .max = 256,
        .help = "Only requests with this: header NAME, cookie NAME, claim NAME, parameter NAME."},
    {.name = "values", .type = SETTING_TEXTS, .help = "And with one of these values of the key."},
    {.name = NULL},
};

static const setting progress_settings[] = {
    {.name = "steps", .type = SETTING_TEXTS, .required = true, .help = "Shares one after the other: 1%, 10%, 100%."},
    {.name = "every",
        .type = SETTING_DURATION,
        .fallback = "15m",
        .min = 1000,
        .max = 2592000000,
        .help = "How long a step must go well."},
    {.name = "minimum",
        .type = SETTING_INTEGER,
        .fallback = "100",
        .min = 1,
        .max = 100000000,
        .help = "How many requests modern must have answered in that time."},
    {.name = NULL},
};

static const setting back_settings[] = {
    {.name = "error_rate", .type = SETTING_ANY, .help = "Back when modern fails more often: 2%."},
    {.name = "mismatch_rate", .type = SETTING_ANY, .help = "Back when compared answers differ more often: 1%."},
    {.name = "latency",
        .type = SETTING_ANY,
        .help = "Back when modern's 95th percentile is over this part of legacy's: 200%."},
    {.name = "window",
        .type = SETTING_DURATION,
        .fallback = "1m",
        .min = 1000,
        .max = 600000,
        .help = "Over which time it is looked at."},
    {.name = "minimum",
        .type = SETTING_INTEGER,
        .fallback = "20",
        .min = 1,
        .max = 100000000,
        .help = "How many requests there must be in the window."},
    {.name = NULL},
};

const setting estate_traffic_settings[] = {
    {.name = "modern", .type = SETTING_ANY, .help = "Share of requests that the modern back-end answers: 10%."},
    {.name = "sticky",
        .type = SETTING_TEXT,
        .min = 1,
        .max = 256,
        .fallback = "caller",
        .help = "What a request is told apart by, so that one caller stays on one side: caller, address, header NAME, "
                "cookie NAME, claim NAME, parameter NAME."},
    {.name = "rules",
        .type = SETTING_OBJECTS,
        .nested = rule_settings,
        .help = "Exceptions; the first that fits decides."},
    {.name = "reads",
        .type = SETTING_CHOICE,
        .choices = "split legacy modern",
        .fallback = "split",
        .help = "Who answers GET and HEAD."},
    {.name = "writes",
        .type = SETTING_CHOICE,
        .choices = "split legacy modern",
        .fallback = "split",
        .help = "Who answers other methods."},
    {.name = "progress",
        .type = SETTING_OBJECT,
        .nested = progress_settings,
        .help = "Raises the share by itself while all goes well."},
    {.name = "back",
        .type = SETTING_OBJECT,
        .nested = back_settings,
        .help = "Sends everything to legacy by itself when it does not."},
    {.name = NULL},
};

const setting estate_shadow_settings[] = {
    {.name = "compare", .type = SETTING_BOOLEAN, .fallback = "true", .help = "Compare the two answers."},
    {.name = "share",
        .type = SETTING_ANY,
        .help = "Share of requests that the other side is asked too; all when left out."},
    {.name = "ignore",
        .type = SETTING_TEXTS,
        .help = "Places that may differ: $.servedBy, $.lines[*].id, $..updatedAt; header NAME."},
    {.name = "unordered", .type = SETTING_TEXTS, .help = "Arrays whose order means nothing: $.lines; * for all."},
    {.name = "tolerance", .type = SETTING_TEXT, .max = 32, .help = "By how much numbers may differ: 0.01."},
    {.name = "headers",
        .type = SETTING_TEXTS,
        .help = "Header fields that are compared too, where no script makes the answer."},
    {.name = "learn",
        .type = SETTING_BOOLEAN,
        .fallback = "false",
        .help = "Ask the answering side twice and take what differs for noise; reads only."},
    {.name = "writes",
        .type = SETTING_BOOLEAN,
        .fallback = "false",
        .help = "Other methods than GET and HEAD are safe to be sent to both sides."},
    {.name = "concurrency",
        .type = SETTING_INTEGER,
        .fallback = "8",
        .min = 1,
        .max = 1000,
        .help = "How many at once; further ones are left out."},
    {.name = "timeout",
        .type = SETTING_DURATION,
        .fallback = "10s",
        .min = 10,
        .max = 600000,
        .help = "For the other side to answer."},
    {.name = "limit", .type = SETTING_SIZE, .fallback = "1MiB", .help = "Larger bodies are not shadowed."},
    {.name = NULL},
};

error *traffic_parse_share(const json_t *value, int *share) {
    char text[32];
    if (json_is_integer(value) && json_integer_value(value) >= 0 && json_integer_value(value) <= 100) {
        *share = (int)json_integer_value(value) * 100;
        return NULL;
    }
    if (json_is_real(value) && json_real_value(value) >= 0 && json_real_value(value) <= 100) {
        *share = (int)(json_real_value(value) * 100 + 0.5);
        return NULL;
    }
    span number = json_is_string(value) ? span_trim(span_of(json_string_value(value))) : SPAN("");
    if (number.len && number.data[number.len - 1] == '%') number = span_trim(span_make(number.data, number.len - 1));
    const char *dot = number.len ? memchr(number.data, '.', number.len) : NULL;
    size_t whole_len = dot ? (size_t)(dot - number.data) : number.len;
    size_t fraction_len = dot ? number.len - whole_len - 1 : 0;
    uint64_t whole = 0, fraction = 0;
    bool good = fraction_len <= 2 && number.len < sizeof text &&
                span_to_u64(span_make(number.data, whole_len), 0, 100000, &whole) &&
                (!dot || span_to_u64(span_make(dot + 1, fraction_len), 0, 99, &fraction));
    if (!good)
        return error_new(ERROR_INVALID, "must be a share such as 10%%, 0.5%% or 100%%, with at most two decimals");
    *share = (int)(whole * 100 + (fraction_len == 1 ? fraction * 10 : fraction));
    return NULL;
}

static void read_share(
    const json_t *object, const char *member, const char *path, int most, fault_list *faults, int *share) {
    const json_t *value = json_object_get(object, member);
    if (!value) return;
    error *err = traffic_parse_share(value, share);
    if (!err && *share > most) err = error_new(ERROR_INVALID, "must not be over %d%%", most / 100);
    fault_list_add(faults, error_at(error_wrap(err, "%s", member), "%s/%s", path, member));
}

/* "header X-Customer" into its two parts. */
static error *read_key(const char *text, traffic_key *key, const char **name) {
    static const struct {
        const char *word;
        traffic_key key;
        bool named;
    } words[] = {{"caller", KEY_CALLER, false}, {"address", KEY_ADDRESS, false}, {"header ", KEY_HEADER, true},
        {"cookie ", KEY_COOKIE, true}, {"claim ", KEY_CLAIM, true}, {"parameter ", KEY_PARAMETER, true}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t len = strlen(words[i].word);
        bool fits =
            words[i].named ? strncmp(text, words[i].word, len) == 0 && text[len] : strcmp(text, words[i].word) == 0;
        if (!fits) continue;
        *key = words[i].key;
        *name = words[i].named ? text + len : NULL;
        return NULL;
    }
    return error_new(ERROR_INVALID,
        "\"%s\" is none of: caller, address, header NAME, cookie NAME, claim NAME, parameter NAME", text);
}

static int read_side(const json_t *traffic, const char *member) {
    const char *text = settings_text(estate_traffic_settings, traffic, member);
    return strcmp(text, "legacy") == 0 ? SIDE_LEGACY : strcmp(text, "modern") == 0 ? SIDE_MODERN : -1;
}

static void read_rules(const json_t *list, const char *path, arena *memory, fault_list *faults, estate_traffic *t) {
    t->rule_count = json_array_size(list);
    t->rules = arena_alloc(memory, (t->rule_count + 1) * sizeof *t->rules);
    for (size_t i = 0; i < t->rule_count; i++) {
        const json_t *object = json_array_get(list, i);
        const char *key = json_get_text(object, "key", NULL);
        traffic_rule *rule = &t->rules[i];
        *rule = (traffic_rule){
            .to = strcmp(json_get_text(object, "to", ""), "modern") == 0 ? SIDE_MODERN : SIDE_LEGACY,
            .methods = json_get_array(object, "methods"),
            .callers = json_get_array(object, "callers"),
            .values = json_get_array(object, "values"),
            .keyed = key != NULL,
        };
        error *err = key ? read_key(key, &rule->key, &rule->name) : NULL;
        if (!err && !key && rule->values) err = error_new(ERROR_INVALID, "values: of which key?");
        fault_list_add(faults, error_at(error_wrap(err, "rules"), "%s/rules/%zu", path, i));
    }
}

static void read_progress(
    const json_t *object, const char *path, arena *memory, fault_list *faults, estate_traffic *t) {
    const json_t *steps = json_get_array(object, "steps");
    if (!object) return;
    t->step_count = json_array_size(steps);
    t->steps = arena_alloc(memory, (t->step_count + 1) * sizeof *t->steps);
    for (size_t i = 0; i < t->step_count; i++) {
        error *err = traffic_parse_share(json_array_get(steps, i), &t->steps[i]);
        if (!err && (t->steps[i] > TRAFFIC_WHOLE || (i > 0 && t->steps[i] <= t->steps[i - 1])))
            err = error_new(ERROR_INVALID, "each share must be larger than the one before, and at most 100%%");
        fault_list_add(faults, error_at(error_wrap(err, "steps"), "%s/progress/steps/%zu", path, i));
    }
    t->every_ms = settings_integer(progress_settings, object, "every");
    t->minimum = settings_integer(progress_settings, object, "minimum");
}

static void read_back(const json_t *object, const char *path, fault_list *faults, estate_traffic *t) {
    t->error_rate = t->mismatch_rate = t->latency = -1;
    if (!object) return;
    t->guarded = true;
    read_share(object, "error_rate", path, TRAFFIC_WHOLE, faults, &t->error_rate);
    read_share(object, "mismatch_rate", path, TRAFFIC_WHOLE, faults, &t->mismatch_rate);
    read_share(object, "latency", path, 1000 * TRAFFIC_WHOLE, faults, &t->latency);
    t->guard_window_ms = settings_integer(back_settings, object, "window");
    t->guard_minimum = settings_integer(back_settings, object, "minimum");
}

void estate_traffic_read(
    const json_t *endpoint, const char *path, arena *memory, fault_list *faults, estate_traffic *t) {
    const json_t *object = json_get_object(endpoint, "traffic");
    buf at = BUF_MAX(1023);
    buf_printf(&at, "%s/traffic", path);
    *t = (estate_traffic){.split = json_get_object(endpoint, "modern") != NULL, .reads = -1, .writes = -1};
    if (object && !t->split)
        fault_list_add(
            faults, error_at(error_new(ERROR_INVALID, "traffic needs a modern back-end"), "%s", buf_text(&at)));
    read_share(object, "modern", buf_text(&at), TRAFFIC_WHOLE, faults, &t->share);
    error *err = read_key(settings_text(estate_traffic_settings, object, "sticky"), &t->key, &t->key_name);
    fault_list_add(faults, error_at(error_wrap(err, "sticky"), "%s/sticky", buf_text(&at)));
    t->reads = read_side(object, "reads");
    t->writes = read_side(object, "writes");
    read_rules(json_get_array(object, "rules"), buf_text(&at), memory, faults, t);
    read_progress(json_get_object(object, "progress"), buf_text(&at), memory, faults, t);
    buf_printf(&at, "/back");
    read_back(json_get_object(object, "back"), buf_text(&at), faults, t);
    buf_free(&at);
}

void estate_shadow_read(const json_t *endpoint, const char *path, fault_list *faults, estate_shadow *s) {
    json_t *object = json_get_object(endpoint, "shadow");
    buf at = BUF_MAX(1023);
    buf_printf(&at, "%s/shadow", path);
    *s = (estate_shadow){.on = object != NULL, .share = TRAFFIC_WHOLE, .options = object};
    if (object && (!json_get_object(endpoint, "modern") || !json_get_object(endpoint, "legacy")))
        fault_list_add(faults,
            error_at(error_new(ERROR_INVALID, "shadow needs a legacy and a modern back-end"), "%s", buf_text(&at)));
    if (object) {
        read_share(object, "share", buf_text(&at), TRAFFIC_WHOLE, faults, &s->share);
        s->compare = settings_boolean(estate_shadow_settings, object, "compare");
        s->learn = settings_boolean(estate_shadow_settings, object, "learn");
        s->writes = settings_boolean(estate_shadow_settings, object, "writes");
        s->concurrency = settings_integer(estate_shadow_settings, object, "concurrency");
        s->timeout_ms = settings_integer(estate_shadow_settings, object, "timeout");
        s->bytes_max = settings_integer(estate_shadow_settings, object, "limit");
    }
    buf_free(&at);
}
