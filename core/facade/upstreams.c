/* core/facade/upstreams.c: see upstreams.h. */
#include "core/facade/upstreams.h"

#include "core/base/log.h"
#include "core/base/memory.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { SHADOW_CONNECTIONS = 8 };

/* Held by the table, by who found it, and by both of its upstreams for as long as flights use them. */
typedef struct entry {
    upstream_pair pair; /* first: a pair is its entry */
    http_peer *peer;
    int64_t revision;
    atomic_int references; /* of the pair */
    atomic_int users;      /* of the peer */
} entry;

struct upstreams {
    http_loop *loop;
    config *config;
    pthread_mutex_t lock; /* guards the table */
    map *table;           /* connection → entry */
};

static void forget_peer(void *context) {
    entry *e = context;
    if (atomic_fetch_sub(&e->users, 1) > 1) return;
    http_peer_free(e->peer);
    free(e);
}

void upstreams_let_go(upstream_pair *pair) {
    entry *e = (entry *)(void *)pair;
    if (!e || atomic_fetch_sub(&e->references, 1) > 1) return;
    http_upstream_release(e->pair.calls);
    http_upstream_release(e->pair.shadows);
}

static http_upstream *make_upstream(const upstreams *u, entry *e, unsigned connections) {
    const http_upstream_options options = {
        .loop = u->loop,
        .connections = connections,
        .keep_alive_ms = e->peer->keep_alive_ms,
        .connect_timeout_ms = e->peer->connect_timeout_ms,
        .stall_timeout_ms = e->peer->stall_timeout_ms,
        .version = e->peer->version,
        .tls = e->peer->tls,
        .may_connect = http_peer_may_connect,
        .peer = e->peer,
        .forget = forget_peer,
        .context = e,
    };
    return http_upstream_new(&options);
}

static entry *make_entry(const upstreams *u, const estate_connection *connection) {
    json_t *secrets = NULL;
    entry *e = xcalloc(1, sizeof *e);
    error *err = config_secrets(u->config, connection, &secrets);
    if (!err) err = http_peer_new(connection->settings, secrets, &e->peer);
    json_decref(secrets);
    if (err) {
        log_error("connection %s: %s", connection->name, error_text(err));
        error_free(err);
        free(e);
        return NULL;
    }
    e->revision = connection->revision;
    atomic_init(&e->references, 1);
    atomic_init(&e->users, 2);
    e->pair.peer = e->peer;
    e->pair.calls = make_upstream(u, e, e->peer->connections);
    e->pair.shadows =
        make_upstream(u, e, e->peer->connections < SHADOW_CONNECTIONS ? e->peer->connections : SHADOW_CONNECTIONS);
    return e;
}

upstreams *upstreams_new(http_loop *loop, config *c) {
    upstreams *u = xcalloc(1, sizeof *u);
    u->loop = loop;
    u->config = c;
    u->table = map_new();
    pthread_mutex_init(&u->lock, NULL);
    return u;
}

static void let_go_value(void *value) {
    upstreams_let_go(value);
}

void upstreams_free(upstreams *u) {
    if (!u) return;
    map_free(u->table, let_go_value);
    pthread_mutex_destroy(&u->lock);
    free(u);
}

void upstreams_refresh(upstreams *u, const estate *now) {
    map *next = map_new();
    for (size_t i = 0; i < now->connection_count; i++) {
        const estate_connection *connection = &now->connections[i];
        if (strcmp(connection->adapter->kind, "http") != 0) continue;
        entry *known = map_get(u->table, span_of(connection->name)); /* only refreshes change it, one at a time */
        if (known && known->revision == connection->revision)
            atomic_fetch_add(&known->references, 1);
        else
            known = make_entry(u, connection);
        if (known) map_put(next, span_of(connection->name), known);
    }
    pthread_mutex_lock(&u->lock);
    map *before = u->table;
    u->table = next;
    pthread_mutex_unlock(&u->lock);
    map_free(before, let_go_value);
}

upstream_pair *upstreams_find(upstreams *u, const char *connection) {
    pthread_mutex_lock(&u->lock);
    entry *e = map_get(u->table, span_of(connection));
    if (e) atomic_fetch_add(&e->references, 1);
    pthread_mutex_unlock(&u->lock);
    return e ? &e->pair : NULL;
}
