/* tests/bench/bench_as2.c: what AS2 costs, beside what its RSA operations alone cost (`openssl speed`, same run).
 *
 * Receive path: decrypt, verify, sign the receipt; send path: sign, encrypt, verify the receipt; both as a courier does
 * them, one core. A large message through one side, and through pack and unpack joined by a pipe: MB/s and memory. Two
 * appliances that exchange 2 KiB files with signed receipts, every one of them durable before it is answered.
 * Usage: bench_as2 [MIB of the large message; 0: none] [DIRECTORY] [SECONDS]
 */
#include "tests/bench/load.h"

#include "adapters/as2/as2.h"
#include "core/crypto/keypair.h"

#include <sys/resource.h>

enum { SMALL_BYTES = 2048, BLOCK = 256 * 1024, ROUNDS = 5, GROWTH_MAX_KIB = 64 * 1024, CLIENTS = 32 };

typedef struct party {
    char *key, *certificate;
} party;

static party us, them;
static double slice_seconds = 0.6;

static party new_party(const char *name) {
    party p;
    const certificate_request request = {.common_name = name, .days = 30};
    bench_stop_on(key_new(KEY_RSA_2048, &p.key));
    bench_stop_on(certificate_new(span_of(p.key), &request, &p.certificate));
    return p;
}

static json_t *trust_of(const party *own, const party *other) {
    return json_pack("{s:{s:[{s:s, s:s, s:s}], s:[{s:s, s:s}]}}", "trust", "keys", "name", "own", "certificate",
        own->certificate, "private_key", own->key, "certificates", "name", "other", "certificate", other->certificate);
}

/* ---- a side, as a courier has it ---- */

typedef struct side {
    json_t *settings, *secrets;
    adapter_session *session;
} side;

static side open_side(const party *own, const party *other, json_t *take_settings) {
    side s = {.settings = take_settings, .secrets = trust_of(own, other)};
    const adapter_open_options options = {.settings = s.settings, .secrets = s.secrets, .connection = "bench"};
    bench_stop_on(adapter_as2.open(&options, &s.session));
    return s;
}

static void close_side(side *s) {
    adapter_as2.close(s->session);
    json_decref(s->settings);
    json_decref(s->secrets);
}

static error *take_bytes(void *context, span bytes) {
    buf_add(context, bytes);
    return buf_check(context, "the result");
}

typedef struct memory_source {
    span bytes;
    size_t at;
} memory_source;

static error *give_bytes(void *context, char *into, size_t room, size_t *len) {
    memory_source *m = context;
    *len = m->bytes.len - m->at < room ? m->bytes.len - m->at : room;
    memcpy(into, m->bytes.data + m->at, *len);
    m->at += *len;
    return NULL;
}

static error *give_again(void *context) {
    ((memory_source *)context)->at = 0;
    return NULL;
}

static json_t *pack(side *s, span payload, buf *body) {
    memory_source from = {.bytes = payload};
    const adapter_source source = {.read = give_bytes, .rewind = give_again, .context = &from, .size = payload.len};
    const adapter_sink into = {.write = take_bytes, .context = body};
    json_t *order = json_pack("{s:s, s:s, s:s, s:s}", "message_id", "<bench@bench>", "from", "US", "to", "THEM",
               "filename", "bench.edi"),
           *outcome = NULL;
    buf_clear(body);
    bench_stop_on(adapter_as2.pack(s->session, order, &source, &into, &outcome));
    json_decref(order);
    return outcome;
}

static json_t *unpack(side *s, const json_t *headers, span body, bool answer, buf *documents) {
    memory_source from = {.bytes = body};
    const adapter_source source = {.read = give_bytes, .rewind = give_again, .context = &from, .size = body.len};
    const adapter_sink into = {.write = take_bytes, .context = documents};
    json_t *order = json_pack("{s:s, s:s, s:O, s:b}", "from", answer ? "THEM" : "US", "to", answer ? "US" : "THEM",
               "headers", headers, "answer", answer),
           *outcome = NULL;
    buf_clear(documents);
    bench_stop_on(adapter_as2.unpack(s->session, order, &source, &into, &outcome));
    if (strcmp(json_get_text(outcome, "outcome", ""), "processed") != 0) bench_stop(json_get_text(outcome, "text", ""));
    json_decref(order);
    return outcome;
}

/* ---- small messages ---- */

static double openssl_signs_a_second(void) {
    double best = 0;
    FILE *speed = popen("openssl speed -seconds 1 rsa2048 2>/dev/null", "r");
    char line[512];
    while (speed && fgets(line, sizeof line, speed)) {
        double sign = 0, verify = 0, sign_rate = 0;
        if (sscanf(line, "rsa 2048 bits %lfs %lfs %lf", &sign, &verify, &sign_rate) == 3) best = sign_rate;
    }
    if (speed) pclose(speed);
    return best;
}

/* Processor time, as `openssl speed` counts it: other programs on the machine do not count. */
static double cpu_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double best_rate(void (*once)(void *), void *context) {
    double best = 0;
    for (int round = 0; round < ROUNDS; round++) {
        double begun = cpu_now(), took;
        int count = 0;
        do {
            once(context);
            count++;
            took = cpu_now() - begun;
        } while (took < slice_seconds);
        if (count / took > best) best = count / took;
    }
    return best;
}

typedef struct small {
    side ours, theirs;
    json_t *packed, *received;
    buf body, documents, again;
    char payload[SMALL_BYTES];
} small;

static void receive_once(void *context) {
    small *s = context;
    json_decref(unpack(&s->theirs, json_object_get(s->packed, "headers"), buf_span(&s->body), false, &s->documents));
}

static void send_once(void *context) {
    small *s = context;
    const json_t *receipt = json_object_get(s->received, "receipt");
    json_decref(pack(&s->ours, span_make(s->payload, SMALL_BYTES), &s->again));
    json_decref(
        unpack(&s->ours, json_object_get(receipt, "headers"), json_get_span(receipt, "body"), true, &s->documents));
}

static double measure_small(void) {
    small s = {.body = BUF_MAX(1 << 20), .documents = BUF_MAX(1 << 20), .again = BUF_MAX(1 << 20)};
    for (size_t i = 0; i < sizeof s.payload; i++)
        s.payload[i] = "ISA*00*PO1*BEG~\n"[i % 16];
    s.ours = open_side(&us, &them, json_pack("{s:s, s:s}", "sign", "sha256", "encrypt", "aes256-cbc"));
    s.theirs = open_side(&them, &us, json_object());
    s.packed = pack(&s.ours, span_make(s.payload, SMALL_BYTES), &s.body);
    s.received = unpack(&s.theirs, json_object_get(s.packed, "headers"), buf_span(&s.body), false, &s.documents);
    double rsa = openssl_signs_a_second();
    double receive = best_rate(receive_once, &s), send = best_rate(send_once, &s);
    double later = openssl_signs_a_second();
    if (later > rsa) rsa = later;
    printf("openssl speed rsa2048: %.0f private operations a second, one core\n", rsa);
    printf("  receive (decrypt, verify, sign receipt), 2 KiB %8.0f /s  %3.0f %% of what two private operations allow\n",
        receive, 200 * receive / rsa);
    printf("  send (sign, encrypt, verify receipt), 2 KiB    %8.0f /s  %3.0f %% of what one private operation allows\n",
        send, 100 * send / rsa);
    close_side(&s.ours);
    close_side(&s.theirs);
    json_decref(s.packed);
    json_decref(s.received);
    buf_free(&s.body);
    buf_free(&s.documents);
    buf_free(&s.again);
    return rsa;
}

/* ---- a large one, which never stands anywhere whole ---- */

static char block[BLOCK];

typedef struct stream {
    uint64_t size, done;
    int fd; /* -1: nowhere */
} stream;

static error *give_block(void *context, char *into, size_t room, size_t *len) {
    stream *s = context;
    *len = s->size - s->done < room ? (size_t)(s->size - s->done) : room;
    if (*len > BLOCK) *len = BLOCK;
    memcpy(into, block, *len);
    s->done += *len;
    return NULL;
}

static error *restart(void *context) {
    ((stream *)context)->done = 0;
    return NULL;
}

static error *read_pipe(void *context, char *into, size_t room, size_t *len) {
    ssize_t n = read(((stream *)context)->fd, into, room);
    if (n < 0) return error_from_errno(errno, "the pipe");
    *len = (size_t)n;
    return NULL;
}

static error *no_restart(void *context) {
    (void)context;
    return error_new(ERROR_UNSUPPORTED, "a pipe cannot be read twice");
}

static error *count_or_write(void *context, span bytes) {
    stream *s = context;
    s->done += bytes.len;
    return s->fd < 0 ? NULL : io_write_all(s->fd, bytes, "the pipe");
}

static long peak_kib(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

static json_t *pack_large(side *s, uint64_t size, int fd) {
    stream in = {.size = size, .fd = -1}, out = {.fd = fd};
    const adapter_source source = {.read = give_block, .rewind = restart, .context = &in, .size = size};
    const adapter_sink into = {.write = count_or_write, .context = &out};
    json_t *order = json_pack("{s:s, s:s, s:s}", "message_id", "<large@bench>", "from", "US", "to", "THEM"),
           *outcome = NULL;
    bench_stop_on(adapter_as2.pack(s->session, order, &source, &into, &outcome));
    json_decref(order);
    return outcome;
}

/* In a process of its own, so that its memory is its own; the exit status says whether it went well. */
static void unpack_large(side *s, const char *type, int fd, uint64_t size) {
    stream in = {.fd = fd}, out = {.fd = -1};
    const adapter_source source = {.read = read_pipe, .rewind = no_restart, .context = &in, .size = size};
    const adapter_sink into = {.write = count_or_write, .context = &out};
    json_t *headers = json_pack("[[s, s], [s, s]]", "Content-Type", type, "Message-ID", "<large@bench>"),
           *outcome = NULL;
    json_t *order = json_pack("{s:s, s:s, s:o}", "from", "US", "to", "THEM", "headers", headers);
    long before = peak_kib();
    double begun = cpu_now();
    bench_stop_on(adapter_as2.unpack(s->session, order, &source, &into, &outcome));
    double took = cpu_now() - begun;
    bool good = strcmp(json_get_text(outcome, "outcome", ""), "processed") == 0 && out.done == size;
    printf("    received %s (%llu bytes): %.0f MB/s, memory grew by %ld KiB\n",
        good ? "whole" : json_get_text(outcome, "text", "not"), (unsigned long long)out.done, (double)size / 1e6 / took,
        peak_kib() - before);
    fflush(stdout);
    _exit(good && peak_kib() - before < GROWTH_MAX_KIB ? 0 : 1);
}

static void measure_large(const char *what, const char *compress, uint64_t size) {
    side ours = open_side(&us, &them,
        json_pack(
            "{s:s, s:s, s:s, s:s}", "sign", "sha256", "encrypt", "aes256-cbc", "compress", compress, "mdn", "none"));
    side theirs = open_side(&them, &us, json_object());
    int ends[2], status;
    long before = peak_kib();
    double begun = cpu_now();
    json_t *outcome = pack_large(&ours, size, -1);
    double took = cpu_now() - begun;
    const char *type = "";
    const json_t *headers = json_object_get(outcome, "headers");
    for (size_t i = 0; i < json_array_size(headers); i++) {
        const json_t *pair = json_array_get(headers, i);
        if (strcmp(json_string_value(json_array_get(pair, 0)), "Content-Type") == 0)
            type = json_string_value(json_array_get(pair, 1));
    }
    printf("  %s, %llu MiB, one side: %.0f MB/s; then to the other through a pipe\n", what,
        (unsigned long long)(size >> 20), (double)size / 1e6 / took);
    fflush(stdout);
    if (pipe(ends) < 0) bench_stop("pipe");
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[1]);
        unpack_large(&theirs, type, ends[0], size);
    }
    close(ends[0]);
    json_decref(pack_large(&ours, size, ends[1]));
    close(ends[1]);
    waitpid(pid, &status, 0);
    printf("    sent: memory grew by %ld KiB\n", peak_kib() - before);
    if (status != 0 || peak_kib() - before > GROWTH_MAX_KIB) bench_stop("the large message");
    json_decref(outcome);
    close_side(&ours);
    close_side(&theirs);
}

/* ---- two appliances ---- */

static json_t *estate_of(
    const char *name, const party *own, const char *other_name, const party *other, uint16_t port) {
    char *url = xasprintf("http://127.0.0.1:%u/as2", port);
    json_t *estate = json_pack("{s:[{s:s, s:s, s:s}, {s:s, s:s}], s:[{s:s, s:s, s:s}], s:[{s:s, s:s, s:[s]}], "
                               "s:[{s:s, s:s, s:s, s:s, s:s}]}",
        "certificates", "name", name, "certificate", own->certificate, "private_key", own->key, "name", other_name,
        "certificate", other->certificate, "stations", "name", name, "as2_id", name, "key", name, "partners", "name",
        other_name, "as2_id", other_name, "certificates", other_name, "connections", "name", "peer", "kind", "as2",
        "station", name, "partner", other_name, "url", url);
    free(url);
    return estate;
}

static size_t post_document(void *context, uint64_t number, char into[LOAD_REQUEST_ROOM]) {
    int head = snprintf(into, LOAD_REQUEST_ROOM,
        "POST /drop HTTP/1.1\r\nHost: bench\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%-20llu",
        SMALL_BYTES, (unsigned long long)number);
    (void)context;
    memset(into + head, 'x', SMALL_BYTES - 20);
    return (size_t)head + SMALL_BYTES - 20;
}

static uint64_t count_status(const appliance *a, const char *status) {
    static char answer[ANSWER_ROOM];
    json_t *stats = NULL;
    if (appliance_call(a, "GET", "/api/v1/stats", NULL, answer) != 200) bench_stop(answer);
    bench_stop_on(json_parse(span_of(answer), &stats));
    uint64_t count =
        (uint64_t)json_get_integer(json_object_get(json_object_get(stats, "messages"), "by_status"), status, 0);
    json_decref(stats);
    return count;
}

static void measure_appliances(const char *parent, double seconds, double rsa) {
    appliance a, b;
    appliance_new(&a, parent);
    appliance_new(&b, parent);
    appliance_start(&a);
    appliance_start(&b);
    json_t *ours = estate_of("US", &us, "THEM", &them, b.public_port);
    json_object_set_new(ours, "endpoints",
        json_pack("[{s:s, s:{s:s}, s:s}]", "route", "POST /drop", "legacy", "connection", "peer", "access", "public"));
    appliance_configure(&a, ours);
    appliance_configure(&b, estate_of("THEM", &them, "US", &us, a.public_port));
    const load_plan plan = {
        .port = a.public_port, .clients = CLIENTS, .seconds = seconds, .status = 202, .request = post_document};
    double begun = bench_now(), before = appliance_cpu(&a) + appliance_cpu(&b);
    load_result got = load_drive(&plan);
    double feeding = bench_now() - begun;
    uint64_t posted = got.good, done = 0;
    while (done < posted && bench_now() - begun < seconds + 120) {
        usleep(50000);
        done = count_status(&a, "completed");
    }
    double took = bench_now() - begun, limit = 2 * rsa / 3;
    printf("two appliances, 2 KiB signed and encrypted, synchronous signed receipt, durable at both ends:\n"
           "  %llu messages in %.1f s: %.0f /s, %.0f %% of the %.0f /s that three private operations allow two cores\n",
        (unsigned long long)done, took, (double)done / took, 100 * (double)done / took / limit, limit);
    if (done < posted)
        printf("  %llu were posted in %.1f s, NOT ALL WENT THROUGH\n", (unsigned long long)posted, feeding);
    double each = (appliance_cpu(&a) + appliance_cpu(&b) - before) / (double)(done ? done : 1);
    printf("  %.2f ms of processor time a message at both ends together: without anybody else on the machine no more "
           "than %.0f /s, %.0f %%\n",
        1000 * each, 2 / each, 100 * 2 / each / limit);
    appliance_end(&a);
    appliance_end(&b);
    appliance_remove(&a);
    appliance_remove(&b);
}

int main(int argc, char **argv) {
    uint64_t mib = argc > 1 ? (uint64_t)atoll(argv[1]) : 1024;
    const char *parent = argc > 2 ? argv[2] : "/tmp";
    double seconds = argc > 3 ? atof(argv[3]) : 4;
    for (size_t i = 0; i < BLOCK; i++)
        block[i] = i % 8 < 5 ? "PO1*1*EA*UP*"[i % 12] : (char)('0' + (i * 2654435761u >> 13) % 10);
    us = new_party("US");
    them = new_party("THEM");
    double rsa = measure_small();
    if (mib > 0) measure_large("signed, encrypted", "none", mib << 20);
    if (mib > 0) measure_large("compressed, signed, encrypted", "before-signing", mib << 20);
    if (seconds > 0) measure_appliances(parent, seconds, rsa);
    return 0;
}
