/* core/app/cmd_message.c: `banyan status`, `banyan message ...` and `banyan send`: what the operator asks. */
#include "core/app/client.h"
#include "core/app/commands.h"
#include "core/app/print.h"
#include "core/base/clock.h"
#include "core/base/io.h"
#include "core/base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

enum { PATH_MAX_BYTES = 8192, LIST_LIMIT = 20, ASK_AGAIN_MS = 200 };

static const print_column message_columns[] = {{"RECEIVED", "received_at"}, {"DIR", "direction"}, {"STATUS", "status"},
    {"CONNECTION", "connection"}, {"PARTNER", "partner"}, {"DOCUMENT", "documents/0/type"},
    {"CONTROL", "documents/0/control"}, {"FILE", "filename"}, {"ID", "id"}, {NULL, NULL}};

/* ---- status ---- */

static void put_fact(const char *title, const json_t *object, const char *path) {
    char *cell = print_cell(object, path);
    if (*cell) printf("  %-22s %s\n", title, cell);
    free(cell);
}

static void put_counts(const char *title, const json_t *counts) {
    const char *name;
    json_t *value;
    if (json_object_size(counts) == 0) return;
    printf("  %-22s", title);
    json_object_foreach((json_t *)counts, name, value) {
        char *cell = print_cell(counts, name);
        printf(" %s %s", name, cell);
        free(cell);
    }
    putchar('\n');
}

static void print_status(const client *c, const json_t *stats, const json_t *overdue) {
    static const print_column overdue_columns[] = {{"DUE", "due_at"}, {"KIND", "kind"}, {"PARTNER", "partner"},
        {"TYPE", "type"}, {"CONTROL", "control"}, {"MESSAGE", "message"}, {NULL, NULL}};
    static const print_column worker_columns[] = {{"WORKER", "kind"}, {"PID", "pid"}, {"BUSY", "busy"},
        {"QUEUED", "queued"}, {"RESTARTS", "restarts"}, {"CONNECTION", "connection"}, {NULL, NULL}};
    char *version = print_cell(stats, "version");
    printf("Banyan %s at %s\n", version, client_url(c));
    free(version);
    put_fact("up for seconds", stats, "uptime_s");
    put_fact("public listener", stats, "public");
    put_counts("messages", json_get_object(json_get_object(stats, "messages"), "by_status"));
    put_counts("last 24 hours", json_get_object(json_get_object(stats, "messages"), "last_24h"));
    put_counts("queue", json_get_object(stats, "jobs"));
    put_counts("acknowledgements", json_get_object(stats, "acknowledgements"));
    const json_t *workers = json_get_array(stats, "workers");
    if (json_array_size(workers)) {
        putchar('\n');
        print_table(stdout, worker_columns, workers);
    }
    const char *held_since = json_get_text(stats, "held_since", NULL);
    if (held_since)
        printf("\nDeliveries are held: restored from a backup at %s. What waits may have been sent before;\n"
               "look at `banyan message list --status processing`, then `banyan restore --release`.\n",
            held_since);
    printf("\nOverdue acknowledgements: ");
    if (json_array_size(overdue)) putchar('\n');
    print_table(stdout, overdue_columns, overdue);
}

static int run_status(const command_line *line) {
    client *c = NULL;
    json_t *stats = NULL, *overdue = NULL;
    error *err = client_open(&c);
    if (!err) err = client_call(c, "GET", "/api/v1/stats", NULL, &stats);
    if (!err) err = client_collect(c, "/api/v1/acknowledgements?overdue=true", 50, &overdue);
    if (!err && command_flag(line, "json")) {
        json_object_set(stats, "overdue", overdue);
        print_json(stats);
    } else if (!err) {
        print_status(c, stats, overdue);
    }
    json_decref(stats);
    json_decref(overdue);
    client_close(c);
    return err ? command_failed(err) : EXIT_DONE;
}

/* ---- message ---- */

static void add_query(buf *path, const char *name, const char *value) {
    if (!value) return;
    buf_add_char(path, strchr(buf_text(path), '?') ? '&' : '?');
    buf_printf(path, "%s=", name);
    client_path_add(path, value);
}

static int run_list(const command_line *line) {
    static const char *const filters[] = {
        "status", "direction", "connection", "partner", "flow", "type", "since", "until"};
    buf path = BUF_MAX(PATH_MAX_BYTES);
    client *c = NULL;
    json_t *items = NULL;
    int64_t limit = LIST_LIMIT;
    buf_add_text(&path, "/api/v1/messages");
    for (size_t i = 0; i < sizeof filters / sizeof *filters; i++)
        add_query(&path, filters[i], command_text(line, filters[i], NULL));
    add_query(&path, "q", command_text(line, "text", NULL));
    error *err = command_integer(line, "limit", 1, 100000, &limit);
    char page[24];
    snprintf(page, sizeof page, "%lld", (long long)(limit < 200 ? limit : 200));
    add_query(&path, "limit", page);
    if (!err) err = client_open(&c);
    if (!err) err = client_collect(c, buf_text(&path), (size_t)limit, &items);
    if (!err && command_flag(line, "json"))
        print_json(items);
    else if (!err)
        print_table(stdout, message_columns, items);
    json_decref(items);
    client_close(c);
    buf_free(&path);
    return err ? command_failed(err) : EXIT_DONE;
}

/* "/api/v1/KIND/NAME/TAIL" with the name encoded; owned by the caller. */
static char *path_of(const char *kind, const char *name, const char *tail) {
    buf path = BUF_MAX(PATH_MAX_BYTES);
    buf_printf(&path, "/api/v1/%s/", kind);
    client_path_add(&path, name);
    buf_add_text(&path, tail);
    return buf_take(&path, NULL);
}

static void print_message(const json_t *message, const json_t *events) {
    static const char *const facts[] = {"id", "direction", "status", "reason", "connection", "partner", "flow",
        "received_at", "filename", "content_type", "size", "sha256", "parent", "children"};
    static const print_column document_columns[] = {{"STANDARD", "standard"}, {"TYPE", "type"}, {"CONTROL", "control"},
        {"KEYS", "keys"}, {"ACKNOWLEDGEMENT", "acknowledgement"}, {NULL, NULL}};
    static const print_column event_columns[] = {{"AT", "at"}, {"EVENT", "kind"}, {"TEXT", "text"}, {NULL, NULL}};
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++)
        put_fact(facts[i], message, facts[i]);
    if (json_array_size(json_get_array(message, "documents"))) {
        printf("\nDocuments:\n");
        print_table(stdout, document_columns, json_get_array(message, "documents"));
    }
    printf("\nTimeline:\n");
    print_table(stdout, event_columns, events);
}

static int run_show(const command_line *line) {
    char *path = path_of("messages", command_argument(line, 0), "");
    char *events_path = path_of("messages", command_argument(line, 0), "/events");
    client *c = NULL;
    json_t *message = NULL, *events = NULL;
    error *err = client_open(&c);
    if (!err) err = client_call(c, "GET", path, NULL, &message);
    if (!err) err = client_collect(c, events_path, 0, &events);
    if (!err && command_flag(line, "json")) {
        json_object_set(message, "events", events);
        print_json(message);
    } else if (!err) {
        print_message(message, events);
    }
    json_decref(message);
    json_decref(events);
    client_close(c);
    free(path);
    free(events_path);
    return err ? command_failed(err) : EXIT_DONE;
}

static int run_payload(const command_line *line) {
    char *path = path_of("messages", command_argument(line, 0), "/payload");
    const char *to = command_text(line, "output", "-");
    bool to_stdout = strcmp(to, "-") == 0;
    client *c = NULL;
    client_answer answer = {.status = 0};
    error *err = client_open(&c);
    int fd = to_stdout || err ? STDOUT_FILENO : open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) err = error_from_errno(errno, "cannot write %s", to);
    client_transfer transfer = {.send_fd = -1, .receive_fd = fd};
    if (!err) err = client_transfer_request(c, "GET", path, &transfer, &answer);
    if (!err) err = client_problem(&answer);
    if (!to_stdout) io_close(&fd);
    client_answer_free(&answer);
    client_close(c);
    free(path);
    return err ? command_failed(err) : EXIT_DONE;
}

static int run_resend(const command_line *line) {
    char *path = path_of("messages", command_argument(line, 0), "/resend");
    client *c = NULL;
    json_t *reply = NULL;
    error *err = client_open(&c);
    if (!err) err = client_call(c, "POST", path, NULL, &reply);
    if (!err && command_flag(line, "json")) {
        print_json(reply);
    } else if (!err) {
        char *id = print_cell(reply, "id");
        printf("sent again%s%s\n", *id ? " as " : "", id);
        free(id);
    }
    json_decref(reply);
    client_close(c);
    free(path);
    return err ? command_failed(err) : EXIT_DONE;
}

/* ---- send ---- */

static bool is_settled(const json_t *message) {
    const char *status = json_get_text(message, "status", "received");
    return strcmp(status, "received") != 0 && strcmp(status, "processing") != 0;
}

/* Asks until the message is settled or `deadline` (monotonic ms) has passed. */
static error *await_outcome(client *c, json_t **message, int64_t deadline) {
    error *err = NULL;
    char *path = path_of("messages", json_get_text(*message, "id", ""), "");
    while (!err && !is_settled(*message) && clock_monotonic_ms() < deadline) {
        poll(NULL, 0, ASK_AGAIN_MS);
        json_t *fresh = NULL;
        err = client_call(c, "GET", path, NULL, &fresh);
        if (!fresh) continue;
        json_decref(*message);
        *message = fresh;
    }
    free(path);
    return err;
}

/* PRODUCT: what could not be done has one line on standard error. */
static int tell_failure(const json_t *message) {
    char *id = print_cell(message, "id"), *reason = print_cell(message, "reason");
    const char *colon = *reason ? ": " : "";
    if (is_settled(message))
        fprintf(stderr, "banyan: it failed%s%s; `banyan message resend %s` sends it again\n", colon, reason, id);
    else
        fprintf(stderr,
            "banyan: it is not through yet and is tried further%s%s; `banyan message show %s` tells how it stands\n",
            colon, reason, id);
    free(id);
    free(reason);
    return EXIT_IMPOSSIBLE;
}

static int tell_outcome(const command_line *line, const json_t *message) {
    const char *status = json_get_text(message, "status", "received");
    bool rejected = strcmp(status, "rejected") == 0 || strcmp(status, "quarantined") == 0;
    bool failed = strcmp(status, "failed") == 0 || !is_settled(message);
    if (command_flag(line, "json")) {
        print_json(message);
    } else {
        char *id = print_cell(message, "id"), *reason = print_cell(message, "reason");
        printf("%s %s%s%s\n", id, status, *reason ? ": " : "", reason);
        free(id);
        free(reason);
    }
    if (failed) return tell_failure(message);
    return rejected ? EXIT_BAD : EXIT_DONE;
}

static error *open_payload(const char *name, client_transfer *transfer) {
    struct stat status;
    transfer->size = CLIENT_SIZE_UNKNOWN;
    transfer->send_fd = strcmp(name, "-") == 0 ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC);
    if (transfer->send_fd < 0) return error_from_errno(errno, "cannot open %s", name);
    if (fstat(transfer->send_fd, &status) == 0 && S_ISREG(status.st_mode)) transfer->size = (uint64_t)status.st_size;
    if (fstat(transfer->send_fd, &status) == 0 && S_ISDIR(status.st_mode))
        return error_new(ERROR_INVALID, "%s is a directory", name);
    return NULL;
}

static int run_send(const command_line *line) {
    const char *name = command_argument(line, 1), *slash = strrchr(name, '/');
    const char *filename = command_text(line, "filename", slash ? slash + 1 : name);
    client_transfer transfer = {.send_fd = -1, .receive_fd = -1};
    transfer.content_type = command_text(line, "content-type", "application/octet-stream");
    client *c = NULL;
    client_answer answer = {.status = 0};
    int64_t wait_s = 60;
    buf path = BUF_MAX(PATH_MAX_BYTES);
    buf_add_text(&path, "/api/v1/connections/");
    client_path_add(&path, command_argument(line, 0));
    buf_add_text(&path, "/send");
    if (strcmp(filename, "-") != 0) add_query(&path, "filename", filename);
    error *err = command_integer(line, "wait", 0, 86400, &wait_s);
    if (!err) err = open_payload(name, &transfer);
    if (!err) err = client_open(&c);
    if (!err) err = client_transfer_request(c, "POST", buf_text(&path), &transfer, &answer);
    if (!err) err = client_problem(&answer);
    if (!err && !json_is_object(answer.body)) err = error_new(ERROR_INTERNAL, "the appliance sent no message back");
    if (!err) err = await_outcome(c, &answer.body, clock_monotonic_ms() + wait_s * 1000);
    int code = err ? command_failed(err) : tell_outcome(line, answer.body);
    if (transfer.send_fd > STDIN_FILENO) io_close(&transfer.send_fd);
    client_answer_free(&answer);
    client_close(c);
    buf_free(&path);
    return code;
}

/* ---- the table ---- */

static const option_spec json_option[] = {{"json", 0, NULL, "Print JSON"}, {.name = NULL}};

static const option_spec list_options[] = {
    {"status", 0, "STATUS",
        "Only received, processing, waiting, completed, failed, rejected, duplicate or quarantined"},
    {"direction", 0, "in|out", "Only what came in, or went out"},
    {"connection", 0, "NAME", "Only of this connection"},
    {"partner", 0, "NAME", "Only of this partner"},
    {"flow", 0, "NAME", "Only of this flow"},
    {"type", 0, "TYPE", "Only with a document of this type, such as 850 or ORDERS"},
    {"text", 't', "WORDS", "Only with these words in keys, control numbers, file names or reasons"},
    {"since", 0, "TIME", "Only from this time on, such as 2026-11-23 or 2026-11-23T16:00:00Z"},
    {"until", 0, "TIME", "Only before this time"},
    {"limit", 'n', "NUMBER", "How many at most (20)"},
    {"json", 0, NULL, "Print JSON"},
    {.name = NULL},
};

static const option_spec payload_options[] = {
    {"output", 'o', "FILE", "Write to this file in place of standard output"},
    {.name = NULL},
};

static const option_spec send_options[] = {
    {"filename", 0, "NAME", "The name the partner sees, in place of the file's own"},
    {"content-type", 0, "TYPE", "The media type that travels with it (application/octet-stream)"},
    {"wait", 0, "SECONDS", "How long to wait for the outcome (60)"},
    {"json", 0, NULL, "Print the message as JSON"},
    {.name = NULL},
};

const command message_commands[] = {
    {.name = "status",
        .arguments = "",
        .summary = "One screen: listeners, queue, workers, what is overdue",
        .options = json_option,
        .run = run_status},
    {.name = "message list",
        .arguments = "",
        .summary = "List tracked messages, newest first",
        .options = list_options,
        .run = run_list},
    {.name = "message show",
        .arguments = "ID",
        .least = 1,
        .most = 1,
        .summary = "Show one message, its documents and its timeline",
        .options = json_option,
        .run = run_show},
    {.name = "message payload",
        .arguments = "ID",
        .least = 1,
        .most = 1,
        .summary = "Write out the bytes of a message",
        .options = payload_options,
        .run = run_payload},
    {.name = "message resend",
        .arguments = "ID",
        .least = 1,
        .most = 1,
        .summary = "Send a message once more",
        .options = json_option,
        .run = run_resend},
    {.name = "send",
        .arguments = "CONNECTION FILE",
        .least = 2,
        .most = 2,
        .summary = "Put one payload through a connection and wait for its outcome",
        .details =
            "FILE may be - for standard input. Exit 1: the payload was rejected; 3: it failed, or the outcome was\n"
            "not known in time.",
        .options = send_options,
        .run = run_send},
    {.name = NULL},
};
