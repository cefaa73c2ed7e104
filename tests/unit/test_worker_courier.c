/* Couriers: what they make of a request, their sessions, and whose turn it is. R16, LU-17.
 *
 * The adapter is the test's own, told by its settings how to behave; real ones have their own tests.
 */
#include "tests/unit/worker_fixture.h"

#include "adapters/adapter.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

enum { STORED_MAX = 1 << 20 };

/* What the adapter saw, in memory that the test sees too. */
typedef struct record {
    _Atomic int opened, closed, staged;
    _Atomic int allowed; /* uses of a session with a gate */
    char path[256], identity[64], password[64], pattern[64];
    bool replace, again;
    uint64_t size;
    int64_t modified_ms;
    char stored[STORED_MAX];
    size_t stored_len;
} record;

static record *seen;

struct adapter_session {
    const json_t *settings;
    int uses;
};

static void copy(char *into, size_t room, const char *text) {
    snprintf(into, room, "%s", text ? text : "");
}

static error *test_open(const adapter_open_options *options, adapter_session **out) {
    if (json_get_bool(options->settings, "refuses", false)) return error_new(ERROR_DENIED, "wrong password");
    seen->opened++;
    copy(seen->password, sizeof seen->password, json_get_text(options->secrets, "password", ""));
    *out = xcalloc(1, sizeof **out);
    (*out)->settings = options->settings;
    return NULL;
}

static void test_close(adapter_session *session) {
    seen->closed++;
    free(session);
}

/* A peer that hangs up on sessions that were not used for a while. */
static error *use(adapter_session *session) {
    if (session->uses++ > 0 && json_get_bool(session->settings, "stale", false))
        return error_new(ERROR_UNREACHABLE, "the peer has closed the connection");
    if (json_get_bool(session->settings, "down", false)) return error_new(ERROR_UNREACHABLE, "the peer is down");
    while (json_get_bool(session->settings, "gate", false) && session->uses > seen->allowed)
        poll(NULL, 0, 1);
    poll(NULL, 0, (int)json_get_integer(session->settings, "sleep_ms", 0));
    if (json_get_bool(session->settings, "crash", false)) _exit(7);
    return NULL;
}

static error *test_probe(adapter_session *session) {
    return use(session);
}

static error *test_list(adapter_session *session, const char *pattern,
    error *(*found)(void *context, const adapter_entry *entry), void *context) {
    error *err = use(session);
    copy(seen->pattern, sizeof seen->pattern, pattern);
    for (int64_t i = 0; !err && i < json_get_integer(session->settings, "count", 3); i++) {
        char name[32];
        snprintf(name, sizeof name, "file%d", (int)i);
        adapter_entry entry = {.name = name, .size = (uint64_t)i, .modified_ms = 1000 + i};
        err = found(context, &entry);
    }
    return err;
}

static error *test_get(adapter_session *session, const char *name, const adapter_sink *sink, adapter_entry *got) {
    int64_t size = json_get_integer(session->settings, "size", 5);
    for (int64_t left = size; left > 0;) {
        char chunk[1000];
        size_t part = left < (int64_t)sizeof chunk ? (size_t)left : sizeof chunk;
        memset(chunk, 'g', part);
        error *err = sink->write(sink->context, span_make(chunk, part));
        if (err) return err;
        left -= (int64_t)part;
    }
    *got = (adapter_entry){.name = name, .size = (uint64_t)size, .modified_ms = 77};
    return use(session); /* at the end, so that a second try finds half a file */
}

static error *test_done(adapter_session *session, const adapter_entry *got) {
    copy(seen->path, sizeof seen->path, got->name);
    seen->size = got->size;
    seen->modified_ms = got->modified_ms;
    return use(session);
}

static error *test_release(adapter_session *session, const char *name) {
    copy(seen->path, sizeof seen->path, name);
    return use(session);
}

static error *store(const adapter_source *source) {
    size_t len = 1;
    error *err = NULL;
    seen->stored_len = 0;
    while (!err && len > 0) {
        err = source->read(source->context, seen->stored + seen->stored_len, STORED_MAX - seen->stored_len, &len);
        if (!err) seen->stored_len += len;
    }
    return err;
}

static error *test_stage(
    adapter_session *session, const char *path, const char *identity, const adapter_source *source) {
    copy(seen->path, sizeof seen->path, path);
    copy(seen->identity, sizeof seen->identity, identity);
    seen->size = source->size;
    error *err = store(source);
    if (!err) err = source->rewind(source->context);
    if (!err) err = store(source);
    seen->staged++;
    return err ? err : use(session);
}

static error *test_publish(
    adapter_session *session, const char *path, const char *identity, adapter_if_exists if_exists, bool again) {
    copy(seen->path, sizeof seen->path, path);
    copy(seen->identity, sizeof seen->identity, identity);
    seen->replace = if_exists == ADAPTER_EXISTS_REPLACE;
    seen->again = again;
    return use(session);
}

static error *test_remove(adapter_session *session, const char *path) {
    error *err = use(session);
    copy(seen->path, sizeof seen->path, path);
    return err ? err : error_new(ERROR_NOT_FOUND, "no such file");
}

static const setting no_settings[] = {{.name = NULL}};

static const adapter test_adapter = {.kind = "test",
    .help = "for tests",
    .settings = no_settings,
    .open = test_open,
    .close = test_close,
    .probe = test_probe,
    .list = test_list,
    .get = test_get,
    .done = test_done,
    .release = test_release,
    .stage = test_stage,
    .publish = test_publish,
    .read = test_get,
    .remove = test_remove};

static const adapter bare_adapter = {
    .kind = "bare", .help = "can nothing", .settings = no_settings, .open = test_open, .close = test_close};

const adapter *adapter_find(const char *kind) {
    return strcmp(kind, "test") == 0 ? &test_adapter : strcmp(kind, "bare") == 0 ? &bare_adapter : NULL;
}

/* ---- requests ---- */

typedef struct rig {
    fixture f;
} rig;

static void set_up(rig *r, int couriers_max) {
    seen = mmap(NULL, sizeof *seen, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(seen, MAP_FAILED);
    begin(&r->f, &(worker_pool_options){.translators = 1, .couriers_max = couriers_max});
}

static void tear_down(rig *r) {
    end(&r->f);
    assert_int_equal(seen->opened, seen->closed);
    munmap(seen, sizeof *seen);
}

static worker_request courier_request(frame_operation operation, const char *lane) {
    worker_request request = {.kind = WORKER_COURIER, .lane = lane, .deadline_ms = 20000};
    frame_init(&request.call, FRAME_REQUEST, operation, 0);
    request.call.secret = true;
    return request;
}

/* `more` are members of the head besides the usual, or instead of them. */
static json_t *head_of(const char *lane, const char *settings, const char *more) {
    json_t *head = NULL, *other = NULL, *nested = NULL;
    assert_no_error(json_parse(span_of(more), &other));
    assert_no_error(json_parse(span_of(settings), &nested));
    head = json_pack("{s:s,s:s,s:i,s:o,s:{s:s},s:i}", "connection", lane, "kind", "test", "revision", 1, "settings",
        nested, "secrets", "password", "hunter2", "timeout_ms", 1000);
    json_object_update(head, other);
    json_decref(other);
    return head;
}

static void call(
    rig *r, pending *p, frame_operation operation, const char *lane, const char *settings, const char *more) {
    submit(&r->f, p, courier_request(operation, lane), head_of(lane, settings, more));
    pending_wait(p);
}

static void a_listing_comes_with_its_entries_and_is_cut_at_the_limit(void **state) {
    (void)state;
    rig r;
    pending p;
    set_up(&r, 1);
    call(&r, &p, OPERATION_LIST, "a", "{\"count\":3}", "{\"pattern\":\"*.edi\"}");
    assert_done(&p);
    json_t *entries = json_get_array(p.head, "entries");
    assert_int_equal(json_array_size(entries), 3);
    assert_string_equal(json_get_text(json_array_get(entries, 2), "name", ""), "file2");
    assert_int_equal(json_get_integer(json_array_get(entries, 2), "size", 0), 2);
    assert_int_equal(json_get_integer(json_array_get(entries, 2), "modified_ms", 0), 1002);
    assert_false(json_get_bool(p.head, "more", true));
    assert_string_equal(seen->pattern, "*.edi");
    pending_clear(&p);
    call(&r, &p, OPERATION_LIST, "b", "{\"count\":100000}", "{\"limit\":10}");
    assert_done(&p);
    assert_int_equal(json_array_size(json_get_array(p.head, "entries")), 10);
    assert_true(json_get_bool(p.head, "more", false));
    pending_clear(&p);
    tear_down(&r);
}

static void a_file_comes_inline_or_into_the_spool(void **state) {
    (void)state;
    rig r;
    pending p;
    set_up(&r, 1);
    call(&r, &p, OPERATION_GET, "a", "{\"size\":5000}", "{\"name\":\"in/x.edi\",\"inline_limit\":5000}");
    assert_done(&p);
    assert_int_equal(p.payload.len, 5000);
    assert_int_equal(json_get_integer(p.head, "size", 0), 5000);
    assert_int_equal(json_get_integer(p.head, "modified_ms", 0), 77);
    assert_string_equal(json_get_text(p.head, "name", ""), "in/x.edi");
    pending_clear(&p);

    call(&r, &p, OPERATION_READ, "a", "{\"size\":5000}", "{\"path\":\"in/x.edi\",\"inline_limit\":4999}");
    assert_failed(&p, ERROR_LIMIT, "4999");
    pending_clear(&p);

    int fd = memfd_create("spool", MFD_CLOEXEC);
    assert_int_equal(write(fd, "old content that is longer than the new", 39), 39);
    worker_request request = courier_request(OPERATION_GET, "a");
    frame_put_descriptor(&request.call, fcntl(fd, F_DUPFD_CLOEXEC, 0));
    submit(&r.f, &p, request, head_of("a", "{\"size\":7}", "{\"name\":\"x\",\"revision\":2}"));
    pending_wait(&p);
    assert_done(&p);
    char content[64] = {0};
    assert_int_equal(pread(fd, content, sizeof content, 0), 7);
    assert_string_equal(content, "ggggggg");
    assert_int_equal(p.payload.len, 0);
    pending_clear(&p);
    close(fd);
    tear_down(&r);
}

static void a_payload_is_staged_and_published(void **state) {
    (void)state;
    rig r;
    pending p;
    worker_request request = courier_request(OPERATION_STAGE, "a");
    set_up(&r, 1);
    frame_put(&request.call, TAG_PAYLOAD, SPAN("the order"));
    submit(&r.f, &p, request, head_of("a", "{}", "{\"path\":\"out/1.csv\",\"identity\":\"id-1\"}"));
    pending_wait(&p);
    assert_done(&p);
    assert_true(span_is(span_make(seen->stored, seen->stored_len), "the order"));
    assert_string_equal(seen->path, "out/1.csv");
    assert_string_equal(seen->identity, "id-1");
    assert_int_equal(seen->size, 9);
    pending_clear(&p);

    int fd = memfd_create("spool", MFD_CLOEXEC);
    assert_int_equal(write(fd, "from a file", 11), 11); /* its position is at the end now, which must not matter */
    request = courier_request(OPERATION_STAGE, "a");
    frame_put_descriptor(&request.call, fd);
    submit(&r.f, &p, request, head_of("a", "{}", "{\"path\":\"out/2.csv\",\"identity\":\"id-2\"}"));
    pending_wait(&p);
    assert_done(&p);
    assert_true(span_is(span_make(seen->stored, seen->stored_len), "from a file"));
    assert_int_equal(seen->size, 11);
    pending_clear(&p);

    call(&r, &p, OPERATION_PUBLISH, "a", "{}",
        "{\"path\":\"out/2.csv\",\"identity\":\"id-2\",\"if_exists\":\"replace\",\"again\":true}");
    assert_done(&p);
    assert_true(seen->replace && seen->again);
    pending_clear(&p);
    call(&r, &p, OPERATION_PUBLISH, "a", "{}", "{\"path\":\"out/2.csv\",\"identity\":\"id-2\"}");
    assert_done(&p);
    assert_false(seen->replace || seen->again);
    pending_clear(&p);
    tear_down(&r);
}

/* Asked without settings: the courier says that it wants them, or goes by the session that it has. */
static bool wants_settings(rig *r, const char *more) {
    pending p;
    json_t *head = head_of("a", "{}", more);
    json_object_del(head, "settings");
    json_object_del(head, "secrets");
    submit(&r->f, &p, courier_request(OPERATION_PROBE, "a"), head);
    pending_wait(&p);
    assert_done(&p);
    bool wants = json_get_bool(p.head, "wants_settings", false);
    pending_clear(&p);
    return wants;
}

static void settings_and_secrets_are_needed_once_for_each_revision(void **state) {
    (void)state;
    rig r;
    pending p;
    set_up(&r, 1);
    assert_true(wants_settings(&r, "{}"));
    assert_int_equal(seen->opened, 0);
    call(&r, &p, OPERATION_PROBE, "a", "{}", "{}");
    assert_done(&p);
    pending_clear(&p);
    assert_false(wants_settings(&r, "{}"));
    assert_int_equal(seen->opened, 1);
    assert_true(wants_settings(&r, "{\"revision\": 2}")); /* the session of an older configuration is not used */
    assert_int_equal(seen->opened, 1);
    tear_down(&r);
}

static void without_settings_a_session_that_broke_is_not_opened_anew(void **state) {
    (void)state;
    rig r;
    pending p;
    set_up(&r, 1);
    call(&r, &p, OPERATION_PROBE, "a", "{\"stale\": true}", "{}");
    assert_done(&p);
    pending_clear(&p);
    json_t *head = head_of("a", "{}", "{}");
    json_object_del(head, "settings");
    submit(&r.f, &p, courier_request(OPERATION_PROBE, "a"), head);
    pending_wait(&p);
    assert_failed(&p, ERROR_UNREACHABLE, "closed");
    pending_clear(&p);
    assert_true(wants_settings(&r, "{}"));
    tear_down(&r);
}

static void an_entry_is_done_with_what_get_told(void **state) {
    (void)state;
    rig r;
    pending p;
    set_up(&r, 1);
    call(&r, &p, OPERATION_DONE, "a", "{}", "{\"name\":\"x.edi\",\"size\":12,\"modified_ms\":34}");
    assert_done(&p);
    assert_string_equal(seen->path, "x.edi");
    assert_int_equal(seen->size, 12);
    assert_int_equal(seen->modified_ms, 34);
    pending_clear(&p);
    call(&r, &p, OPERATION_RELEASE, "a", "{}", "{\"name\":\"y.edi\"}");
    assert_done(&p);
    assert_string_equal(seen->path, "y.edi");
    pending_clear(&p);
    tear_down(&r);
}

static void bad_requests_are_refused_with_the_connection_s_name(void **state) {
    (void)state;
    static const struct {
        frame_operation operation;
        const char *settings, *more, *words;
        error_code code;
    } cases[] = {
        {OPERATION_GET, "{}", "{}", "has no name", ERROR_INVALID},
        {OPERATION_GET, "{}", "{\"name\":\"../etc/passwd\"}", "..", ERROR_INVALID},
        {OPERATION_GET, "{}", "{\"name\":\"/etc/passwd\"}", "empty part", ERROR_INVALID},
        {OPERATION_READ, "{}", "{\"path\":\"a\\u0001b\"}", "control character", ERROR_INVALID},
        {OPERATION_STAGE, "{}", "{\"path\":\"a\"}", "no identity", ERROR_INVALID},
        {OPERATION_PUBLISH, "{}", "{\"path\":\"a/../b\",\"identity\":\"i\"}", "..", ERROR_INVALID},
        {OPERATION_PROBE, "{}", "{\"kind\":\"telegraph\"}", "no adapter of kind telegraph", ERROR_UNSUPPORTED},
        {OPERATION_LIST, "{}", "{\"kind\":\"bare\"}", "cannot be listed", ERROR_UNSUPPORTED},
        {OPERATION_GET, "{}", "{\"kind\":\"bare\",\"name\":\"a\"}", "cannot pick up", ERROR_UNSUPPORTED},
        {OPERATION_STAGE, "{}", "{\"kind\":\"bare\",\"path\":\"a\"}", "cannot be written", ERROR_UNSUPPORTED},
        {OPERATION_REMOVE, "{}", "{\"kind\":\"bare\",\"path\":\"a\"}", "cannot remove", ERROR_UNSUPPORTED},
        {OPERATION_SCRIPT, "{}", "{}", "does not do that", ERROR_UNSUPPORTED},
        {OPERATION_PROBE, "{\"refuses\":true}", "{}", "wrong password", ERROR_DENIED},
        {OPERATION_REMOVE, "{}", "{\"path\":\"gone\"}", "no such file", ERROR_NOT_FOUND},
    };
    rig r;
    set_up(&r, 1);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        pending p;
        call(&r, &p, cases[i].operation, "acme", cases[i].settings, cases[i].more);
        assert_failed(&p, cases[i].code, cases[i].words);
        pending_clear(&p);
    }
    tear_down(&r);
}

static void a_session_is_kept_until_the_connection_changes(void **state) {
    (void)state;
    rig r;
    pending p;
    set_up(&r, 1);
    for (int i = 0; i < 5; i++) {
        call(&r, &p, OPERATION_PROBE, "a", "{}", "{}");
        assert_done(&p);
        pending_clear(&p);
    }
    assert_int_equal(seen->opened, 1);
    assert_string_equal(seen->password, "hunter2");
    call(&r, &p, OPERATION_PROBE, "a", "{}", "{\"revision\":2}");
    assert_done(&p);
    pending_clear(&p);
    assert_int_equal(seen->opened, 2);
    assert_int_equal(seen->closed, 1);
    call(&r, &p, OPERATION_PROBE, "b", "{}", "{\"revision\":2}");
    assert_done(&p);
    pending_clear(&p);
    assert_int_equal(seen->opened, 3);
    tear_down(&r);
}

static void a_session_that_went_stale_is_opened_anew_and_nothing_is_lost(void **state) {
    (void)state;
    rig r;
    pending p;
    set_up(&r, 1);
    for (int i = 1; i <= 3; i++) {
        call(&r, &p, OPERATION_GET, "a", "{\"stale\":true,\"size\":5}", "{\"name\":\"x\"}");
        assert_done(&p);
        assert_int_equal(p.payload.len, 5); /* not the first try's bytes besides */
        pending_clear(&p);
        assert_int_equal(seen->opened, i);
    }
    call(&r, &p, OPERATION_PUBLISH, "a", "{\"stale\":true}", "{\"path\":\"x\",\"identity\":\"i\"}");
    assert_done(&p);
    assert_true(seen->again); /* the first try may have done it */
    pending_clear(&p);
    call(&r, &p, OPERATION_REMOVE, "a", "{\"stale\":true}", "{\"path\":\"x\"}");
    assert_done(&p);
    pending_clear(&p);
    call(&r, &p, OPERATION_PROBE, "b", "{\"down\":true}", "{}");
    assert_failed(&p, ERROR_UNREACHABLE, "down");
    pending_clear(&p);
    tear_down(&r);
}

static void a_lane_is_served_in_order_by_one_courier(void **state) {
    (void)state;
    enum { COUNT = 40 };
    rig r;
    pending p[COUNT];
    set_up(&r, 4);
    for (int i = 0; i < COUNT; i++)
        submit(&r.f, &p[i], courier_request(OPERATION_PROBE, "a"), head_of("a", "{}", "{}"));
    for (int i = 0; i < COUNT; i++) {
        pending_wait(&p[i]);
        assert_done(&p[i]);
        if (i) assert_int_equal(p[i].order, p[i - 1].order + 1);
    }
    assert_int_equal(seen->opened, 1);
    for (int i = 0; i < COUNT; i++)
        pending_clear(&p[i]);
    tear_down(&r);
}

/* How many requests were sent to the lane's courier and are not answered. */
static int in_flight(const rig *r) {
    int count = 0;
    size_t i;
    json_t *one, *status = worker_pool_status(r->f.pool);
    json_array_foreach(status, i, one) if (json_get_text(one, "connection", NULL)) count +=
        json_get_bool(one, "busy", false) ? 1 + (int)json_get_integer(one, "queued", 0) : 0;
    json_decref(status);
    return count;
}

static void what_only_reads_is_sent_without_waiting_and_a_write_is_not(void **state) {
    (void)state;
    enum { COUNT = 5 };
    static const bool reads[COUNT] = {false, true, true, false, true};
    rig r;
    pending p[COUNT];
    set_up(&r, 1);
    for (int i = 0; i < COUNT; i++) {
        worker_request request = courier_request(OPERATION_READ, "a");
        request.reads_only = reads[i];
        submit(&r.f, &p[i], request, head_of("a", "{\"gate\":true}", "{\"path\":\"x\"}"));
    }
    while (worker_pool_waiting(r.f.pool) != COUNT - 1 || in_flight(&r) == 0)
        poll(NULL, 0, 1);
    assert_int_equal(in_flight(&r), 1);
    seen->allowed = 1; /* what writes is answered, and both that read go together */
    while (worker_pool_waiting(r.f.pool) > 2 || in_flight(&r) < 2)
        poll(NULL, 0, 1);
    assert_int_equal(worker_pool_waiting(r.f.pool), 2);
    assert_int_equal(in_flight(&r), 2);
    seen->allowed = COUNT;
    for (int i = 0; i < COUNT; i++) {
        pending_wait(&p[i]);
        assert_done(&p[i]);
        if (i) assert_int_equal(p[i].order, p[i - 1].order + 1);
        pending_clear(&p[i]);
    }
    tear_down(&r);
}

static void a_slow_lane_does_not_hold_up_another(void **state) {
    (void)state;
    rig r;
    pending slow, quick;
    set_up(&r, 2);
    submit(&r.f, &slow, courier_request(OPERATION_PROBE, "slow"), head_of("slow", "{\"sleep_ms\":300}", "{}"));
    submit(&r.f, &quick, courier_request(OPERATION_PROBE, "quick"), head_of("quick", "{}", "{}"));
    pending_wait(&slow);
    pending_wait(&quick);
    assert_done(&slow);
    assert_done(&quick);
    assert_true(quick.order < slow.order);
    pending_clear(&slow);
    pending_clear(&quick);
    tear_down(&r);
}

static void more_lanes_than_couriers_are_all_served(void **state) {
    (void)state;
    enum { LANES = 6, EACH = 5 };
    rig r;
    pending p[LANES][EACH];
    set_up(&r, 2);
    for (int k = 0; k < EACH; k++)
        for (int i = 0; i < LANES; i++) {
            char lane[16];
            snprintf(lane, sizeof lane, "lane%d", i);
            submit(&r.f, &p[i][k], courier_request(OPERATION_PROBE, lane), head_of(lane, "{}", "{}"));
        }
    for (int i = 0; i < LANES; i++)
        for (int k = 0; k < EACH; k++) {
            pending_wait(&p[i][k]);
            assert_done(&p[i][k]);
            if (k) assert_true(p[i][k].order > p[i][k - 1].order);
        }
    for (int i = 0; i < LANES; i++)
        for (int k = 0; k < EACH; k++)
            pending_clear(&p[i][k]);
    json_t *status = worker_pool_status(r.f.pool);
    assert_int_equal(json_array_size(status), 3); /* a translator and two couriers */
    json_decref(status);
    tear_down(&r);
}

/* A lane that never runs dry gives its courier up after its turn. */
static void a_busy_lane_lets_others_have_their_turn(void **state) {
    (void)state;
    enum { COUNT = 30 };
    rig r;
    pending busy[COUNT], other;
    set_up(&r, 1);
    for (int i = 0; i < COUNT; i++)
        submit(&r.f, &busy[i], courier_request(OPERATION_PROBE, "busy"), head_of("busy", "{\"sleep_ms\":80}", "{}"));
    submit(&r.f, &other, courier_request(OPERATION_PROBE, "other"), head_of("other", "{}", "{}"));
    pending_wait(&other);
    assert_done(&other);
    for (int i = 0; i < COUNT; i++) {
        pending_wait(&busy[i]);
        assert_done(&busy[i]);
    }
    assert_true(other.order < busy[COUNT - 1].order);
    for (int i = 0; i < COUNT; i++)
        pending_clear(&busy[i]);
    pending_clear(&other);
    tear_down(&r);
}

static void a_courier_that_dies_costs_one_request_of_its_lane(void **state) {
    (void)state;
    rig r;
    pending crash, next[3];
    set_up(&r, 1);
    worker_request dies = courier_request(OPERATION_PROBE, "a");
    dies.reads_only = true; /* what follows may have been sent to the one that dies, and is given to another */
    submit(&r.f, &crash, dies, head_of("a", "{\"crash\":true}", "{}"));
    for (int i = 0; i < 3; i++) {
        worker_request follows = courier_request(OPERATION_PROBE, "a");
        follows.reads_only = i < 2;
        submit(&r.f, &next[i], follows, head_of("a", "{}", "{\"revision\":2}"));
    }
    pending_wait(&crash);
    assert_failed(&crash, ERROR_CRASHED, "status 7");
    for (int i = 0; i < 3; i++) {
        pending_wait(&next[i]);
        assert_done(&next[i]);
        pending_clear(&next[i]);
    }
    pending_clear(&crash);
    seen->closed++; /* the session of the dead one */
    tear_down(&r);
}

/* ---- secrets ---- */

enum { NEEDLE_LEN = 24, MASK = 0x55 };

/* Masked, so that the search finds everything but itself. */
static const char needle_masked[NEEDLE_LEN] = {'!' ^ MASK, 'c' ^ MASK, 'a' ^ MASK, 'n' ^ MASK, 'a' ^ MASK, 'r' ^ MASK,
    'y' ^ MASK, '-' ^ MASK, 'o' ^ MASK, 'f' ^ MASK, '-' ^ MASK, 't' ^ MASK, 'h' ^ MASK, 'e' ^ MASK, '-' ^ MASK,
    'p' ^ MASK, 'a' ^ MASK, 's' ^ MASK, 's' ^ MASK, 'w' ^ MASK, 'o' ^ MASK, 'r' ^ MASK, 'd' ^ MASK, '!' ^ MASK};

static bool is_needle(const volatile char *at) {
    for (size_t i = 0; i < NEEDLE_LEN; i++)
        if ((char)(at[i] ^ MASK) != needle_masked[i]) return false;
    return true;
}

/* Copies of the secret in the courier's own writable memory. */
static int64_t count_needles(void) {
    unsigned long from, to;
    char rights[8], line[512];
    int64_t count = 0;
    FILE *maps = fopen("/proc/self/maps", "re");
    while (maps && fgets(line, sizeof line, maps)) {
        if (sscanf(line, "%lx-%lx %7s", &from, &to, rights) != 3 || rights[0] != 'r' || rights[3] != 'p') continue;
        if (strstr(line, "[v")) continue; /* the kernel's own pages */
        for (const char *at = (const char *)from; at + NEEDLE_LEN <= (const char *)to; at++)
            if (is_needle(at)) count++;
    }
    if (maps) fclose(maps);
    return maps ? count : -1;
}

static error *test_operation(worker *w, frame *request, frame *reply) {
    (void)w;
    (void)request;
    json_t *head = json_pack("{s:I}", "count", (json_int_t)count_needles());
    frame_put_json(reply, head);
    json_decref(head);
    return NULL;
}

static int64_t needles_in_courier(rig *r) {
    pending p;
    submit(&r->f, &p, courier_request(OPERATION_TEST, "a"), json_object());
    pending_wait(&p);
    assert_done(&p);
    int64_t count = json_get_integer(p.head, "count", -1);
    pending_clear(&p);
    return count;
}

static void a_courier_forgets_the_secrets_of_a_session_that_it_closed(void **state) {
    (void)state;
    rig r;
    pending p;
    char password[NEEDLE_LEN + 1] = {0};
    if (SANITIZED) skip();
    set_up(&r, 1);
    for (size_t i = 0; i < NEEDLE_LEN; i++)
        password[i] = (char)(needle_masked[i] ^ MASK);
    json_t *head = head_of("a", "{}", "{}");
    json_object_set_new(head, "secrets", json_pack("{s:s}", "password", password));
    assert_int_equal(needles_in_courier(&r), 0);
    submit(&r.f, &p, courier_request(OPERATION_PROBE, "a"), head);
    pending_wait(&p);
    assert_done(&p);
    pending_clear(&p);
    assert_string_equal(seen->password, password);
    memset(seen->password, 0, sizeof seen->password);
    assert_in_range((uintmax_t)needles_in_courier(&r), 1, 1); /* the session's own: also, the search finds it */
    call(&r, &p, OPERATION_PROBE, "a", "{}", "{\"revision\":2}");
    assert_done(&p);
    pending_clear(&p);
    assert_int_equal(needles_in_courier(&r), 0);
    tear_down(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_listing_comes_with_its_entries_and_is_cut_at_the_limit),
        cmocka_unit_test(a_file_comes_inline_or_into_the_spool),
        cmocka_unit_test(settings_and_secrets_are_needed_once_for_each_revision),
        cmocka_unit_test(without_settings_a_session_that_broke_is_not_opened_anew),
        cmocka_unit_test(a_payload_is_staged_and_published),
        cmocka_unit_test(an_entry_is_done_with_what_get_told),
        cmocka_unit_test(bad_requests_are_refused_with_the_connection_s_name),
        cmocka_unit_test(a_session_is_kept_until_the_connection_changes),
        cmocka_unit_test(a_session_that_went_stale_is_opened_anew_and_nothing_is_lost),
        cmocka_unit_test(a_lane_is_served_in_order_by_one_courier),
        cmocka_unit_test(what_only_reads_is_sent_without_waiting_and_a_write_is_not),
        cmocka_unit_test(a_slow_lane_does_not_hold_up_another),
        cmocka_unit_test(more_lanes_than_couriers_are_all_served),
        cmocka_unit_test(a_busy_lane_lets_others_have_their_turn),
        cmocka_unit_test(a_courier_that_dies_costs_one_request_of_its_lane),
        cmocka_unit_test(a_courier_forgets_the_secrets_of_a_session_that_it_closed),
    };
    worker_test_operation = test_operation;
    alarm(240);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
