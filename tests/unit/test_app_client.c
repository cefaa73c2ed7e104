/* The client commands against a scripted responder on a real socket: what they ask, what they print, how they exit. */
#include "core/app/commands.h"
#include "core/base/io.h"
#include "core/base/memory.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { CALLS_MAX = 12 };

/* One call that the responder expects and its answer. */
typedef struct call {
    const char *request; /* "GET /api/v1/stats" */
    int status;
    const char *headers; /* more lines of the answer's head, each ended by CRLF; NULL: none */
    const char *body;
} call;

typedef struct responder {
    pthread_t thread;
    int listener;
    const call *calls; /* ended by a NULL request */
    char *requests[CALLS_MAX];
    char *heads[CALLS_MAX];
    char *bodies[CALLS_MAX];
    size_t served;
} responder;

static char *directory;

/* ---- the responder ---- */

static size_t content_length(const char *head) {
    const char *field = strcasestr(head, "\r\ncontent-length:");
    return field ? strtoul(field + 17, NULL, 10) : 0;
}

static bool is_complete(const buf *in) {
    const char *end = strstr(buf_text(in), "\r\n\r\n");
    if (!end) return false;
    if (strcasestr(buf_text(in), "transfer-encoding: chunked")) return strstr(end, "\r\n0\r\n\r\n") != NULL;
    return in->len >= (size_t)(end + 4 - in->data) + content_length(buf_text(in));
}

static void serve_one(responder *r, int peer) {
    buf in = BUF_MAX(1024 * 1024);
    char chunk[4096];
    ssize_t n;
    while (!is_complete(&in) && (n = read(peer, chunk, sizeof chunk)) > 0)
        buf_add(&in, span_make(chunk, (size_t)n));
    const call *c = &r->calls[r->served];
    const char *version = strstr(buf_text(&in), " HTTP/1.1"), *end = strstr(buf_text(&in), "\r\n\r\n");
    r->requests[r->served] = xspandup(span_make(buf_text(&in), version ? (size_t)(version - in.data) : 0));
    r->heads[r->served] = xspandup(span_make(buf_text(&in), end ? (size_t)(end - in.data) + 2 : 0));
    r->bodies[r->served++] = xstrdup(end ? end + 4 : "");
    char *length = xasprintf("Content-Length: %zu\r\n", strlen(c->body));
    bool has_length = c->headers && strstr(c->headers, "Content-Length");
    char *answer = xasprintf("HTTP/1.1 %d X\r\nConnection: close\r\n%s%s\r\n%s", c->status, has_length ? "" : length,
        c->headers ? c->headers : "", c->body);
    free(length);
    error_free(io_write_all(peer, span_of(answer), "the answer"));
    free(answer);
    buf_free(&in);
}

static void *serve(void *context) {
    responder *r = context;
    while (r->calls[r->served].request) {
        int peer = accept(r->listener, NULL, NULL);
        if (peer < 0) break;
        serve_one(r, peer);
        close(peer);
    }
    return NULL;
}

static void responder_start(responder *r, const call *calls) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    *r = (responder){.calls = calls, .listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    assert_int_equal(bind(r->listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(r->listener, 8), 0);
    assert_int_equal(getsockname(r->listener, (struct sockaddr *)&address, &size), 0);
    char *url = xasprintf("http://127.0.0.1:%d\n", ntohs(address.sin_port));
    assert_null(io_write_file("banyan-data/admin.url", span_of(url)));
    free(url);
    assert_int_equal(pthread_create(&r->thread, NULL, serve, r), 0);
}

/* All expected calls came, and no other. */
static void responder_stop(responder *r) {
    shutdown(r->listener, SHUT_RDWR);
    close(r->listener);
    pthread_join(r->thread, NULL);
    size_t expected = 0;
    for (; r->calls[expected].request; expected++) {
        if (expected >= r->served) fail_msg("%s was not asked", r->calls[expected].request);
        assert_string_equal(r->requests[expected], r->calls[expected].request);
    }
    assert_int_equal(r->served, expected);
}

static void responder_free(responder *r) {
    for (size_t i = 0; i < r->served; i++) {
        free(r->requests[i]);
        free(r->heads[i]);
        free(r->bodies[i]);
    }
}

/* ---- a run of the program in this process ---- */

typedef struct outcome {
    int code;
    char *out, *err;
} outcome;

static char *whole(const char *path) {
    buf text = BUF_MAX(1024 * 1024);
    assert_null(io_read_file(path, &text));
    return buf_take(&text, NULL);
}

static outcome run(const char *line) {
    char *copy = xstrdup(line), *argv[32] = {(char *)"banyan"}, *rest = NULL;
    int argc = 1;
    for (char *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
        argv[argc++] = word;
    fflush(stdout);
    fflush(stderr);
    int out = dup(1), err = dup(2);
    assert_non_null(freopen("out", "w", stdout));
    assert_non_null(freopen("err", "w", stderr));
    outcome o = {.code = commands_main(argc, argv)};
    fflush(stdout);
    fflush(stderr);
    dup2(out, 1);
    dup2(err, 2);
    close(out);
    close(err);
    o.out = whole("out");
    o.err = whole("err");
    free(copy);
    return o;
}

static void outcome_free(outcome *o) {
    free(o->out);
    free(o->err);
}

static void expect(const outcome *o, int code, const char *out, const char *err) {
    if (o->code != code || !strstr(o->out, out) || !strstr(o->err, err))
        fail_msg("exit %d\nout: %s\nerr: %s", o->code, o->out, o->err);
}

static int begin(void **state) {
    (void)state;
    directory = xstrdup("/tmp/banyan-client-XXXXXX");
    if (!mkdtemp(directory) || chdir(directory) < 0) return -1;
    unsetenv("BANYAN_URL");
    unsetenv("BANYAN_API_KEY");
    unsetenv("BANYAN_DATA");
    error *err = io_make_directories("banyan-data");
    if (!err) err = io_write_file("banyan-data/admin.key", SPAN("bnyn_test\n"));
    return err ? -1 : 0;
}

static int end(void **state) {
    (void)state;
    char *removal = xasprintf("rm -rf %s", directory);
    int code = chdir("/") == 0 ? system(removal) : -1;
    free(removal);
    free(directory);
    return code;
}

/* ---- the rows ---- */

#define MESSAGE "{\"id\":\"m1\",\"direction\":\"out\",\"status\":\"%s\"}"

typedef struct row {
    const char *line;
    call calls[CALLS_MAX];
    int code;
    const char *out, *err;
} row;

static const row rows[] = {
    {"status",
        {{"GET /api/v1/stats", 200, NULL, "{\"version\":\"1.2\",\"jobs\":{\"ready\":7}}"},
            {"GET /api/v1/acknowledgements?overdue=true", 200, NULL, "{\"items\":[{\"kind\":\"997\"}]}"}},
        0, "ready 7", ""},
    {"message list --status failed --text 4711,x -n 3 --json",
        {{"GET /api/v1/messages?status=failed&q=4711%2Cx&limit=3", 200,
             "Link: </api/v1/messages?after=a&limit=3>; rel=\"next\"\r\n",
             "{\"items\":[{\"id\":\"a\"},{\"id\":\"b\"}]}"},
            {"GET /api/v1/messages?after=a&limit=3", 200,
                "Link: <http://elsewhere.example/api/v1/messages?after=c>; rel=\"next\"\r\n",
                "{\"items\":[{\"id\":\"c\"},{\"id\":\"d\"}]}"}},
        0, "\"c\"\n  }\n]", ""},
    {"message list", {{"GET /api/v1/messages?limit=20", 200, NULL, "{\"items\":[]}"}}, 0, "none\n", ""},
    {"message list",
        {{"GET /api/v1/messages?limit=20", 200, NULL, "{\"items\":[{\"filename\":\"\\u001b]0;x\\u0007\"}]}"}}, 0,
        "\\x1B]0;x\\x07", ""},
    {"message show m1",
        {{"GET /api/v1/messages/m1", 200, NULL, "{\"id\":\"m1\",\"status\":\"failed\",\"reason\":\"no route\"}"},
            {"GET /api/v1/messages/m1/events", 200, NULL, "{\"events\":[{\"kind\":\"received\",\"text\":\"here\"}]}"}},
        0, "no route", ""},
    {"message show ../users",
        {{"GET /api/v1/messages/..%2Fusers", 404, NULL, "{\"title\":\"Not found\",\"detail\":\"there is none\"}"}}, 3,
        "", "banyan: Not found: there is none\n"},
    {"message payload m1", {{"GET /api/v1/messages/m1/payload", 200, NULL, "ISA*00~"}}, 0, "ISA*00~", ""},
    {"message payload m1", {{"GET /api/v1/messages/m1/payload", 500, NULL, "{\"detail\":\"lost\"}"}}, 3, "", "lost"},
    {"message resend m1", {{"POST /api/v1/messages/m1/resend", 202, NULL, "{\"id\":\"m2\"}"}}, 0, "sent again as m2",
        ""},
    {"send acme-sftp order.edi",
        {{"POST /api/v1/connections/acme-sftp/send?filename=order.edi", 202, NULL,
             "{\"id\":\"m1\",\"status\":\"processing\"}"},
            {"GET /api/v1/messages/m1", 200, NULL, "{\"id\":\"m1\",\"status\":\"completed\"}"}},
        0, "m1 completed", ""},
    {"send a order.edi --filename PO1",
        {{"POST /api/v1/connections/a/send?filename=PO1", 200, NULL,
            "{\"id\":\"m1\",\"status\":\"rejected\",\"reason\":\"no lines\"}"}},
        1, "m1 rejected: no lines", ""},
    {"send a order.edi",
        {{"POST /api/v1/connections/a/send?filename=order.edi", 200, NULL, "{\"id\":\"m1\",\"status\":\"failed\"}"}}, 3,
        "m1 failed", ""},
    {"send a order.edi --wait 0",
        {{"POST /api/v1/connections/a/send?filename=order.edi", 200, NULL, "{\"id\":\"m1\",\"status\":\"received\"}"}},
        3, "m1 received", ""},
    {"cert new us --kind rsa --days 10",
        {{"PUT /api/v1/certificates/us", 200, NULL, "{\"name\":\"us\",\"fingerprint\":\"ab:cd\"}"}}, 0, "ab:cd", ""},
    {"cert new us", {{"PUT /api/v1/certificates/us", 412, NULL, "{\"detail\":\"there\"}"}}, 3, "", "--replace"},
    {"cert import acme cert.pem", {{"PUT /api/v1/certificates/acme", 200, NULL, "{}"}}, 0, "", ""},
    {"cert import acme order.edi", {{NULL, 0, NULL, NULL}}, 3, "", "order.edi is not PEM"},
    {"cert list", {{"GET /api/v1/certificates", 200, NULL, "{\"items\":[{\"name\":\"us\",\"has_private_key\":true}]}"}},
        0, "us    -    -        -      yes", ""},
    {"cert export us", {{"GET /api/v1/certificates/us", 200, NULL, "{\"certificate\":\"PEM\"}"}}, 0, "PEM\n", ""},
    {"user add ann --role operator --password-file password",
        {{"GET /api/v1/users", 200, NULL, "{\"items\":[]}"}, {"PUT /api/v1/users/ann", 201, NULL, "{}"}}, 0,
        "added ann", ""},
    {"user add ann --password-file password", {{"GET /api/v1/users", 200, NULL, "{\"items\":[{\"name\":\"ann\"}]}"}}, 3,
        "", "already"},
    {"user passwd ann --password-file password",
        {{"GET /api/v1/users", 200, NULL, "{\"items\":[{\"name\":\"bob\"},{\"name\":\"ann\",\"roles\":[\"admin\"]}]}"},
            {"PUT /api/v1/users/ann", 200, NULL, "{}"}},
        0, "changed", ""},
    {"user remove ann", {{"DELETE /api/v1/users/ann", 204, NULL, ""}}, 0, "removed ann", ""},
    {"key add app --role facade", {{"POST /api/v1/keys", 201, NULL, "{\"key\":\"bnyn_new\"}"}}, 0, "bnyn_new\n", ""},
    {"key revoke app", {{"DELETE /api/v1/keys/app", 204, NULL, ""}}, 0, "revoked app", ""},
    {"key list", {{"GET /api/v1/keys", 401, NULL, "{\"detail\":\"unknown key\"}"}}, 3, "", "BANYAN_API_KEY"},
    {"backup copy", {{"GET /api/v1/backup", 200, NULL, "BYTES"}}, 0, "", ""},
    {"backup copy", {{"GET /api/v1/backup", 403, NULL, "{\"detail\":\"not for this role\"}"}}, 3, "",
        "not for this role"},
    {"backup -", {{"GET /api/v1/backup", 200, NULL, "BYTES"}}, 0, "BYTES", ""},
    {"backup /none/copy", {{NULL, 0, NULL, NULL}}, 3, "", "/none/copy.part: No such file"},
    {"apply t.yaml",
        {{"POST /api/v1/apply?dry_run=false&prune=false", 200, NULL,
            "{\"changes\":[{\"action\":\"create\",\"kind\":\"connections\",\"name\":\"a\"},{\"action\":\"update\","
            "\"kind\":"
            "\"flows\",\"name\":\"f\",\"fields\":[\"to\",\"script\"]},{\"action\":\"unchanged\"}]}"}},
        0, "+ connections/a\n~ flows/f (to, script)\n1 created, 1 changed, 0 deleted, 1 unchanged\n", ""},
    {"apply --dry-run --prune t.yaml",
        {{"POST /api/v1/apply?dry_run=true&prune=true", 200, NULL,
            "{\"changes\":[{\"action\":\"delete\",\"kind\":\"flows\",\"name\":\"f\"}]}"}},
        1, "- flows/f\n", ""},
    {"apply -n t.yaml",
        {{"POST /api/v1/apply?dry_run=true&prune=false", 200, NULL, "{\"changes\":[{\"action\":\"unchanged\"}]}"}}, 0,
        "1 unchanged", ""},
    {"apply t.yaml",
        {{"POST /api/v1/apply?dry_run=false&prune=false", 422, NULL,
            "{\"detail\":\"x\",\"errors\":[{\"pointer\":\"/connections/a/host\",\"detail\":\"must be text\"},"
            "{\"pointer\":\"/flows/other\",\"detail\":\"unknown connection\"}]}"}},
        1, "", "t.yaml:3: connections/a/host: must be text\nflows/other: unknown connection\n"},
    {"apply bad.yaml", {{NULL, 0, NULL, NULL}}, 1, "", "bad.yaml:1:13: unknown kind \"conections\""},
    {"apply none.yaml", {{NULL, 0, NULL, NULL}}, 3, "", "cannot read none.yaml"},
    {"user passwd ann --password-file password", {{"GET /api/v1/users", 200, NULL, "{\"items\":[]}"}}, 3, "",
        "there is no user ann"},
    {"export --json",
        {{"GET /api/v1/certificates", 200, NULL, "{\"items\":[]}"},
            {"GET /api/v1/schemas", 200, NULL, "{\"items\":[]}"},
            {"GET /api/v1/stations", 200, NULL, "{\"items\":[{\"name\":\"us\",\"revision\":1}]}"},
            {"GET /api/v1/partners", 403, NULL, "{}"}},
        3, "", "status 403"},
    {"export",
        {{"GET /api/v1/certificates", 200, NULL, "{\"items\":[]}"},
            {"GET /api/v1/schemas", 200, NULL, "{\"items\":[]}"},
            {"GET /api/v1/stations", 200, NULL, "{\"items\":[{\"name\":\"us\",\"revision\":1}]}"},
            {"GET /api/v1/partners", 200, NULL, "{\"items\":[]}"},
            {"GET /api/v1/connections", 200, NULL,
                "{\"items\":[{\"name\":\"a\",\"password\":{\"sealed\":\"12ab\"},\"health\":{}}]}"},
            {"GET /api/v1/scripts", 200, NULL, "{\"items\":[]}"}, {"GET /api/v1/tables", 200, NULL, "{\"items\":[]}"},
            {"GET /api/v1/flows", 200, NULL, "{\"items\":[]}"}, {"GET /api/v1/policies", 200, NULL, "{\"items\":[]}"},
            {"GET /api/v1/endpoints", 200, NULL, "{\"items\":[]}"},
            {"GET /api/v1/notifications", 200, NULL, "{\"items\":[]}"}},
        0, "connections:\n- name: a\n  password:\n    sealed: \"12ab\"\n", ""},
    {"restore none", {{NULL, 0, NULL, NULL}}, 3, "", "cannot open none"},
    {"restore order.edi", {{NULL, 0, NULL, NULL}}, 3, "", "banyan-data"},
};

static void each_command_asks_and_prints_what_its_row_says(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        responder r;
        assert_null(io_write_file("order.edi", SPAN("ISA*00~")));
        assert_null(io_write_file("cert.pem", SPAN("-----BEGIN CERTIFICATE-----\n")));
        assert_null(io_write_file("password", SPAN("correct horse\n")));
        assert_null(io_write_file("t.yaml", SPAN("connections:\n  - name: a\n    host: 1\n")));
        assert_null(io_write_file("bad.yaml", SPAN("conections: []\n")));
        responder_start(&r, rows[i].calls);
        outcome o = run(rows[i].line);
        responder_stop(&r);
        expect(&o, rows[i].code, rows[i].out, rows[i].err);
        for (size_t k = 0; k < r.served; k++)
            assert_non_null(strstr(r.heads[k], "Authorization: Bearer bnyn_test\r\n"));
        responder_free(&r);
        outcome_free(&o);
    }
}

static void bodies_are_what_the_admin_api_expects(void **state) {
    (void)state;
    static const struct {
        const char *line;
        call calls[CALLS_MAX];
        const char *body; /* of the last call */
    } bodies[] = {
        {"cert new us --kind ssh --common-name X --days 10", {{"PUT /api/v1/certificates/us", 200, NULL, "{}"}},
            "{\"generate\":{\"kind\":\"ssh\",\"common_name\":\"X\",\"days\":10}}"},
        {"cert import a cert.pem --key key.pem", {{"PUT /api/v1/certificates/a", 200, NULL, "{}"}},
            "{\"certificate\":\"-----BEGIN C\\n\",\"private_key\":\"-----BEGIN K\\n\"}"},
        {"user passwd ann --password-file password",
            {{"GET /api/v1/users", 200, NULL,
                 "{\"items\":[{\"name\":\"bob\"},{\"name\":\"ann\",\"roles\":[\"admin\"]}]}"},
                {"PUT /api/v1/users/ann", 200, NULL, "{}"}},
            "{\"roles\":[\"admin\"],\"password\":\"correct horse\"}"},
        {"key add app --role viewer --role operator", {{"POST /api/v1/keys", 201, NULL, "{\"key\":\"k\"}"}},
            "{\"name\":\"app\",\"roles\":[\"viewer\",\"operator\"]}"},
        {"apply t.yaml", {{"POST /api/v1/apply?dry_run=false&prune=false", 200, NULL, "{\"changes\":[]}"}},
            "{\"connections\":[{\"name\":\"a\"}]}"},
        {"send a order.edi",
            {{"POST /api/v1/connections/a/send?filename=order.edi", 200, NULL, "{\"status\":\"completed\"}"}},
            "ISA*00~"},
    };
    assert_null(io_write_file("cert.pem", SPAN("-----BEGIN C\n")));
    assert_null(io_write_file("key.pem", SPAN("-----BEGIN K\n")));
    assert_null(io_write_file("password", SPAN("correct horse\n")));
    assert_null(io_write_file("t.yaml", SPAN("connections: [{name: a}]\n")));
    assert_null(io_write_file("order.edi", SPAN("ISA*00~")));
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        responder r;
        responder_start(&r, bodies[i].calls);
        outcome o = run(bodies[i].line);
        responder_stop(&r);
        expect(&o, 0, "", "");
        assert_string_equal(r.bodies[r.served - 1], bodies[i].body);
        responder_free(&r);
        outcome_free(&o);
    }
}

static void a_backup_that_broke_off_leaves_no_file(void **state) {
    (void)state;
    static const call calls[] = {{"GET /api/v1/backup", 200, "Content-Length: 99\r\n", "SHORT"}, {NULL, 0, NULL, NULL}};
    responder r;
    responder_start(&r, calls);
    outcome o = run("backup copy");
    responder_stop(&r);
    assert_int_equal(o.code, 3);
    assert_int_equal(access("copy", F_OK), -1);
    assert_int_equal(access("copy.part", F_OK), -1);
    responder_free(&r);
    outcome_free(&o);
}

static void an_appliance_that_is_not_there_is_exit_3_with_what_to_do(void **state) {
    (void)state;
    static const call none[] = {{NULL, 0, NULL, NULL}};
    responder r;
    responder_start(&r, none);
    responder_stop(&r);
    outcome o = run("status");
    expect(&o, 3, "", "start it with `banyan serve`");
    outcome_free(&o);
}

static void the_local_key_is_never_sent_to_another_machine(void **state) {
    (void)state;
    static const struct {
        const char *host;
        bool local;
    } hosts[] = {
        {"127.0.0.1", true}, {"localhost", true}, {"0.0.0.0", false} /* leads here as well, but does not say so */};
    static const call calls[] = {{"GET /api/v1/keys", 200, NULL, "{\"items\":[]}"}, {NULL, 0, NULL, NULL}};
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        responder r;
        responder_start(&r, calls);
        char *written = whole("banyan-data/admin.url"), *url;
        url = xasprintf("http://%s:%s", hosts[i].host, strrchr(written, ':') + 1);
        setenv("BANYAN_URL", url, 1);
        outcome o = run("key list");
        responder_stop(&r);
        assert_int_equal(strstr(r.heads[0], "bnyn_test") != NULL, hosts[i].local);
        unsetenv("BANYAN_URL");
        responder_free(&r);
        outcome_free(&o);
        free(written);
        free(url);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_command_asks_and_prints_what_its_row_says, begin, end),
        cmocka_unit_test_setup_teardown(bodies_are_what_the_admin_api_expects, begin, end),
        cmocka_unit_test_setup_teardown(a_backup_that_broke_off_leaves_no_file, begin, end),
        cmocka_unit_test_setup_teardown(an_appliance_that_is_not_there_is_exit_3_with_what_to_do, begin, end),
        cmocka_unit_test_setup_teardown(the_local_key_is_never_sent_to_another_machine, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
