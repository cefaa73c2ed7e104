/* core/app/desk.c: see desk.h. */
#include "core/app/desk.h"

#include "core/admin/admin.h"
#include "core/app/bootstrap.h"
#include "core/app/check_schemas.h"
#include "core/app/configuration.h"
#include "core/base/io.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/crypto/digest.h"
#include "core/facade/facade.h"
#include "core/facade/waiting.h"
#include "core/flow/notify.h"
#include "core/flow/retention.h"
#include "core/flow/tracing.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
    BLOCKING_THREADS = 4,
    EXCHANGE_THREADS = 16,
    DESCRIPTORS = 65536,
    PUBLIC_CONNECTIONS = 10000,
    ADMIN_CONNECTIONS = 1000, /* each may keep the memory of a head: people and tools, not the crowd */
    STOP_MS = 10000,
    EXIT_STORE_FAILED = 70,
    PEM_BYTES_MAX = 256 * 1024
};

/* What a listener shows its clients, by names in the key store. */
typedef struct shown {
    http_server *server;                 /* NULL: not yet, or plain HTTP */
    const char *certificate, *authority; /* of the configuration; NULL: none */
    const char *named_by;                /* the setting */
    char *in_force;                      /* as the configuration had them when they were taken */
} shown;

struct desk {
    store *store;
    worker_pool *pool;
    accounts *accounts;
    control_numbers *numbers;
    config *config;
    blocking *blocking, *exchanges;
    /* Told of commits and configurations by other threads as soon as they are there. */
    _Atomic(engine *) engine;
    _Atomic(facade *) facade;
    _Atomic(admin *) admin;
    switches *switches;
    http_loop *loop; /* the public listener, what goes out, and the workers */
    http_server *public_server, *admin_server;
    pthread_mutex_t shown_lock;
    shown shown[2]; /* of the public listener and of the admin's */
    char *public_address;
    json_t *settings; /* for the admin to show */
    retention *retention;
    notifier *notifier;
    map *good_schemas;     /* of check_schemas.h */
    tracing *tracing;      /* NULL: traces are not told */
    bootstrap *first_user; /* on its way, at the very first start */
};

/* ---- what one room tells another ---- */

static void store_failed(const error *err) {
    log_error("the store failed, the appliance stops rather than lie: %s", error_text(err));
    _exit(EXIT_STORE_FAILED);
}

static void committed(void *context, const store_news *news, size_t count) {
    desk *d = context;
    engine *e = atomic_load(&d->engine);
    admin *a = atomic_load(&d->admin);
    bool ready = false;
    for (size_t i = 0; i < count && !ready; i++)
        ready = strcmp(news[i].kind, "job") == 0 && news[i].status && strcmp(news[i].status, "ready") == 0;
    if (e && ready) engine_wake(e);
    if (a) admin_tell(a, news, count);
    waiting_tell(news, count);
}

static void nursery_lost(void *context) {
    (void)context;
    log_error("the parent of the workers ended; the appliance stops to be started anew");
    _exit(EXIT_STORE_FAILED);
}

static error *check_script(void *context, const char *name, span source) {
    desk *d = context;
    json_t *head = json_object(), *answer = NULL;
    frame reply;
    json_put_text(head, "name", name);
    json_put_span(head, "source", source);
    error *err = call_translator(d->pool, NULL, OPERATION_CHECK_SCRIPT, head, NULL, &reply, &answer);
    if (!err) frame_clear(&reply);
    json_decref(answer);
    return err;
}

static void check_estate(void *context, const estate *candidate, fault_list *faults) {
    desk *d = context;
    facade_check(candidate, faults);
    check_schemas(d->pool, d->good_schemas, candidate, faults);
}

static void renew_certificates(desk *d, const estate *now);

static void reconfigured(void *context, estate *now) {
    desk *d = context;
    renew_certificates(d, now);
    facade *f = atomic_load(&d->facade);
    engine *e = atomic_load(&d->engine);
    if (f) facade_reconfigured(f, now);
    if (e) engine_reconfigured(e);
}

/* ---- opening, in order ---- */

static error *open_store(desk *d, const json_t *configuration, const char *directory) {
    const store_options options = {
        .directory = directory,
        .free_minimum = (uint64_t)configuration_integer(configuration, "limits.free"),
        .digest = &crypto_sha256,
        .node = "desk",
        .fatal = store_failed,
        .committed = committed,
        .context = d,
    };
    return store_open(&options, &d->store);
}

static error *open_config(desk *d, const char *directory) {
    unsigned char key[CONFIG_KEY_SIZE];
    buf record = BUF_MAX(PEM_BYTES_MAX);
    error *none = store_secret(d->store, CONFIG_KEY_RECORD, &record);
    error *err = bootstrap_master_key(directory, !none, key);
    error_free(none);
    buf_free(&record);
    const config_options options = {
        .store = d->store,
        .key = key,
        .check_script = check_script,
        .check_estate = check_estate,
        .changed = reconfigured,
        .context = d,
    };
    if (!err) err = config_open(&options, &d->config);
    explicit_bzero(key, sizeof key);
    return err;
}

static error *start_workers(desk *d, nursery *n, const json_t *configuration) {
    const worker_pool_options options = {
        .loop = d->loop,
        .translators = (int)configuration_integer(configuration, "workers.translators"),
        .couriers_max = (int)configuration_integer(configuration, "workers.couriers"),
        .lost = nursery_lost,
        .context = d,
    };
    return worker_pool_start(n, &options, &d->pool);
}

static error *start_engine(desk *d, const json_t *configuration) {
    const engine_options options = {
        .store = d->store,
        .config = d->config,
        .pool = d->pool,
        .numbers = d->numbers,
        .public_url = configuration_text(configuration, "listen.public_url"),
        .payload_limit = (uint64_t)configuration_integer(configuration, "limits.payload"),
        .others = facade_call_others,
        .others_context = atomic_load(&d->facade),
        .tracing = d->tracing,
    };
    engine *e = NULL;
    error *err = engine_start(&options, &e);
    facade_attach(atomic_load(&d->facade), e);
    atomic_store(&d->engine, e);
    return err;
}

static error *start_tracing(desk *d, const json_t *configuration) {
    const tracing_options options = {
        .url = configuration_text(configuration, "tracing.url"),
        .service = configuration_text(configuration, "tracing.service"),
        .version = BANYAN_VERSION,
        .header = configuration_text(configuration, "tracing.header"),
        .share = (int)configuration_integer(configuration, "tracing.share") * (TRAFFIC_WHOLE / 100),
    };
    return options.url ? tracing_start(&options, &d->tracing) : NULL;
}

static error *make_facade(desk *d, const json_t *configuration) {
    facade *f = NULL;
    const facade_options options = {
        .services = {.store = d->store,
            .config = d->config,
            .pool = d->pool,
            .numbers = d->numbers,
            .blocking = d->blocking,
            .accounts = d->accounts,
            .loop = d->loop,
            .switches = d->switches,
            .tracing = d->tracing,
            .body_bytes_max = configuration_integer(configuration, "limits.body")},
        .exchanges = d->exchanges,
        .version = BANYAN_VERSION,
    };
    error *err = facade_new(&options, &f);
    if (err) return err;
    estate *now = config_estate(d->config);
    facade_reconfigured(f, now);
    estate_release(now);
    atomic_store(&d->facade, f);
    return NULL;
}

/* The text of a certificate by its name in the key store. */
static error *certificate_text(desk *d, const char *name, char **text) {
    json_t *body = NULL;
    int64_t revision;
    error *err = store_object(d->store, "certificates", name, &body, &revision);
    if (!err) *text = xstrdup(json_get_text(body, "certificate", ""));
    json_decref(body);
    return err;
}

/* The certificate of a listener and its key; both NULL when none is configured. */
static error *load_certificate(desk *d, const char *name, const char *named_by, char **certificate, char **key) {
    buf plain = BUF_MAX(PEM_BYTES_MAX);
    *certificate = *key = NULL;
    if (!name) return NULL;
    char *record = xasprintf("certificates/%s/private_key", name);
    error *err = certificate_text(d, name, certificate);
    if (!err) err = config_unseal(d->config, record, &plain);
    if (!err) *key = buf_take(&plain, NULL);
    free(record);
    buf_free(&plain);
    if (err && error_code_of(err) == ERROR_NOT_FOUND) {
        error_free(err);
        err = error_new(ERROR_NOT_FOUND,
            "there is no certificate \"%s\" with a key: start without it and make or import it with `banyan cert`",
            name);
    }
    return error_at(error_wrap(err, "the listener's certificate"), "%s", named_by);
}

/* The authority whose certificates clients must show; NULL when none is configured. */
static error *load_authority(desk *d, const char *name, char **certificate) {
    *certificate = NULL;
    if (!name) return NULL;
    error *err = certificate_text(d, name, certificate);
    return error_at(error_wrap(err, "the authority of the clients, %s", name), "tls.client_ca");
}

/* Both as the configuration has them, secrets by their fingerprints: the same text, the same certificates. */
static char *identity_text(const estate *e, const shown *s) {
    char *own = json_text(estate_find_object(e, "certificates", s->certificate), true);
    char *authority = s->authority ? json_text(estate_find_object(e, "certificates", s->authority), true) : xstrdup("");
    char *both = xasprintf("%s %s", own, authority);
    free(own);
    free(authority);
    return both;
}

static void renew(desk *d, shown *s) {
    char *certificate = NULL, *key = NULL, *authority = NULL;
    error *err = load_certificate(d, s->certificate, s->named_by, &certificate, &key);
    if (!err) err = load_authority(d, s->authority, &authority);
    if (!err) err = http_server_renew(s->server, certificate, key, authority);
    if (err)
        log_failure(LOG_ERROR, "the listener keeps the certificate that it has", err);
    else
        log_info("%s: new connections are shown the renewed certificate %s", s->named_by, s->certificate);
    if (key) explicit_bzero(key, strlen(key));
    free(key);
    free(certificate);
    free(authority);
}

/* A certificate is renewed under its name: what is served goes on, and needs no restart. */
static void renew_certificates(desk *d, const estate *now) {
    pthread_mutex_lock(&d->shown_lock);
    for (size_t i = 0; i < sizeof d->shown / sizeof *d->shown; i++) {
        shown *s = &d->shown[i];
        char *text = s->server ? identity_text(now, s) : NULL;
        if (text && strcmp(text, s->in_force) != 0) {
            free(s->in_force);
            s->in_force = text;
            text = NULL;
            renew(d, s);
        }
        free(text);
    }
    pthread_mutex_unlock(&d->shown_lock);
}

static void note_shown(desk *d, shown *s, http_server *server) {
    estate *now = config_estate(d->config);
    pthread_mutex_lock(&d->shown_lock);
    s->in_force = identity_text(now, s);
    s->server = server;
    pthread_mutex_unlock(&d->shown_lock);
    estate_release(now);
}

/* Half of the descriptors that this process may have is for clients, an eighth for the admin side; the rest is for
 * files, workers and back-ends. Many systems give 1,024 until one asks for more. */
static unsigned connections_within(bool of_admin) {
    struct rlimit limit = {.rlim_cur = 1024};
    unsigned wanted = of_admin ? ADMIN_CONNECTIONS : PUBLIC_CONNECTIONS;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < DESCRIPTORS) {
        limit.rlim_cur = limit.rlim_max < DESCRIPTORS ? limit.rlim_max : DESCRIPTORS;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    rlim_t share = limit.rlim_cur / (of_admin ? 8 : 2);
    if (share >= wanted) return wanted;
    log_warning("the %s listener takes %u connections instead of %u: the process may have %llu open files (ulimit -n)",
        of_admin ? "admin" : "public", (unsigned)share, wanted, (unsigned long long)limit.rlim_cur);
    return (unsigned)share;
}

static error *listen_on(desk *d, const char *address, const char *certificate_name, const char *authority_name,
    bool certificates_optional, void (*handler)(void *, http_request *), void *context, http_server **out) {
    char *certificate = NULL, *key = NULL, *authority = NULL;
    shown *s = &d->shown[handler == admin_handle];
    s->certificate = certificate_name;
    s->authority = authority_name;
    s->named_by = handler == admin_handle ? "tls.admin_certificate" : "tls.certificate";
    error *err = load_certificate(d, certificate_name, s->named_by, &certificate, &key);
    if (!err) err = load_authority(d, authority_name, &authority);
    const http_server_options options = {
        .address = address,
        .threads = 1,
        .connections = connections_within(handler == admin_handle),
        /* One loop serves tens of thousands a second; the processors are for the writer and the workers. */
        .loop = handler == facade_handle ? d->loop : NULL,
        .encoded_slash = handler == admin_handle,            /* an endpoint's name holds slashes */
        .folds_at = handler == admin_handle ? NULL : "/as2", /* products of AS2 fold */
        .tls_certificate = certificate,
        .tls_key = key,
        .tls_client_ca = authority,
        .tls_client_optional = certificates_optional,
        .handler = handler,
        .context = context,
    };
    if (!err) err = http_server_start(&options, out);
    if (!err && certificate) note_shown(d, s, *out);
    if (key) explicit_bzero(key, strlen(key));
    free(key);
    free(certificate);
    free(authority);
    return err;
}

static error *start_public(desk *d, const json_t *configuration) {
    error *err = listen_on(d, configuration_text(configuration, "listen.public"),
        configuration_text(configuration, "tls.certificate"), configuration_text(configuration, "tls.client_ca"),
        strcmp(configuration_text(configuration, "tls.client_certificates"), "optional") == 0, facade_handle,
        atomic_load(&d->facade), &d->public_server);
    if (err) return error_at(err, "listen.public");
    d->public_address = xstrdup(http_server_address(d->public_server));
    bool tls = configuration_text(configuration, "tls.certificate") != NULL;
    char *url = xasprintf("%s://%s", tls ? "https" : "http", d->public_address);
    engine_reached_at(atomic_load(&d->engine), url);
    free(url);
    return NULL;
}

static bool is_loopback(const char *address) {
    return strncmp(address, "127.", 4) == 0 || strncmp(address, "localhost:", 10) == 0 ||
           strncmp(address, "[::1]", 5) == 0;
}

/* The admin side beyond this machine only with TLS (reliability research R10). */
static error *start_admin(desk *d, const json_t *configuration) {
    admin *a = NULL;
    const char *address = configuration_text(configuration, "listen.admin");
    const char *certificate = configuration_text(configuration, "tls.admin_certificate");
    if (!is_loopback(address) && !certificate)
        return error_at(error_new(ERROR_INVALID,
                            "the admin listener at %s would be reachable from other machines without TLS; "
                            "listen on 127.0.0.1, or set tls.admin_certificate",
                            address),
            "listen.admin");
    d->settings = configuration_list(configuration);
    const admin_options options = {
        .store = d->store,
        .config = d->config,
        .pool = d->pool,
        .engine = atomic_load(&d->engine),
        .accounts = d->accounts,
        .numbers = d->numbers,
        .blocking = d->blocking,
        .switches = d->switches,
        .payload_bytes_max = (uint64_t)configuration_integer(configuration, "limits.payload"),
        .version = BANYAN_VERSION,
        .public_address = d->public_address,
        .settings = d->settings,
    };
    error *err = admin_new(&options, &a);
    atomic_store(&d->admin, a);
    if (!err) err = listen_on(d, address, certificate, NULL, false, admin_handle, a, &d->admin_server);
    return error_at(err, "listen.admin");
}

static error *announce(desk *d, const json_t *configuration, const char *directory) {
    const char *scheme = configuration_text(configuration, "tls.admin_certificate") ? "https" : "http";
    const char *public_scheme = configuration_text(configuration, "tls.certificate") ? "https" : "http";
    char *url = xasprintf("%s://%s", scheme, http_server_address(d->admin_server));
    char *path = xasprintf("%s/admin.url", directory);
    error *err = io_write_file(path, span_of(url));
    if (!err) {
        printf("banyan %s\n  public  %s://%s\n  admin   %s\n", BANYAN_VERSION, public_scheme, d->public_address, url);
        fflush(stdout);
    }
    free(path);
    free(url);
    return err;
}

error *desk_start(nursery *n, const json_t *configuration, desk **out) {
    desk *d = xcalloc(1, sizeof *d);
    pthread_mutex_init(&d->shown_lock, NULL);
    d->good_schemas = map_new();
    const char *directory = configuration_data(configuration);
    error *err = io_make_directories(directory);
    *out = d;
    if (!err) err = open_store(d, configuration, directory);
    if (!err) err = accounts_open(d->store, &d->accounts);
    if (!err) err = bootstrap_begin(d->accounts, &d->first_user);
    if (!err) err = bootstrap_local_key(d->accounts, directory);
    if (!err) err = http_loop_start(&d->loop);
    if (!err) err = start_workers(d, n, configuration);
    if (!err) d->numbers = control_numbers_new(d->store);
    if (!err) err = open_config(d, directory);
    if (!err) err = blocking_start(BLOCKING_THREADS, &d->blocking);
    if (!err) err = blocking_start(EXCHANGE_THREADS, &d->exchanges);
    if (!err)
        err = retention_start(d->store, configuration_integer(configuration, "retention.payloads"),
            configuration_integer(configuration, "retention.messages"), &d->retention);
    if (!err) err = switches_open(d->store, &d->switches);
    if (!err) err = start_tracing(d, configuration);
    if (!err) err = make_facade(d, configuration);
    if (!err) err = start_engine(d, configuration); /* its scripts call through the facade */
    if (!err) err = start_public(d, configuration);
    if (!err) err = start_admin(d, configuration);
    if (!err)
        err =
            notifier_start(atomic_load(&d->engine), configuration_integer(configuration, "alerts.every"), &d->notifier);
    if (!err) err = announce(d, configuration, directory);
    if (!err) return NULL;
    desk_stop(d);
    *out = NULL;
    return err;
}

static void forget_shown(desk *d) {
    pthread_mutex_lock(&d->shown_lock);
    for (size_t i = 0; i < sizeof d->shown / sizeof *d->shown; i++)
        d->shown[i].server = NULL;
    pthread_mutex_unlock(&d->shown_lock);
}

void desk_stop(desk *d) {
    if (!d) return;
    forget_shown(d);
    bootstrap_end(d->first_user);
    retention_stop(d->retention);
    notifier_stop(d->notifier);
    admin *a = atomic_load(&d->admin);
    facade_let_go(atomic_load(&d->facade));
    http_server_stop(d->public_server, STOP_MS);
    facade_settle(atomic_load(&d->facade));
    if (a) admin_close_streams(a);
    http_server_stop(d->admin_server, STOP_MS);
    engine *e = atomic_exchange(&d->engine, NULL); /* commits wake it no more */
    engine_stop(e);
    if (d->pool) worker_pool_abandon(d->pool); /* whatever an exchange still waits for */
    blocking_stop(d->exchanges);
    if (d->pool) worker_pool_stop(d->pool);
    blocking_stop(d->blocking);
    engine_free(e);
    atomic_store(&d->admin, NULL);
    /* Shadow traffic ends with the loop; it counts for the switches, which keep their figures in the store. */
    facade_free(atomic_exchange(&d->facade, NULL));
    http_loop_stop(d->loop);
    tracing_stop(d->tracing);
    switches_close(d->switches);
    if (d->store) store_close(d->store);
    admin_free(a);
    config_close(d->config);
    control_numbers_free(d->numbers);
    accounts_close(d->accounts);
    free(d->public_address);
    json_decref(d->settings);
    map_free(d->good_schemas, NULL);
    for (size_t i = 0; i < sizeof d->shown / sizeof *d->shown; i++)
        free(d->shown[i].in_force);
    pthread_mutex_destroy(&d->shown_lock);
    free(d);
}
