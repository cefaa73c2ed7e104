/* core/flow/exchange_restart.c: a large message that broke off goes on where it stopped
 * (draft-harding-as2-restart-02 §3).
 *
 * The transfer is named by an ETag, which is the message's own id, so that it stays the same whenever it is tried. At a
 * later attempt the partner is asked with HEAD how many bytes came; the rest is posted, with Content-Range. Who says in
 * EDIINT-Features that he can (RFC 6017) is remembered, until he says otherwise. */
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/flow/exchange_parts.h"

#include "adapters/as2/as2.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

static const char feature[] = "AS2-Restart", scope[] = "as2-restart";
static const int64_t kept_ms = INT64_C(366) * 24 * 60 * 60 * 1000;

struct peers {
    pthread_mutex_t lock;
    map *known; /* names of connections; yes or no */
};

static char yes, no;

struct peers *peers_new(void) {
    struct peers *p = xcalloc(1, sizeof *p);
    pthread_mutex_init(&p->lock, NULL);
    p->known = map_new();
    return p;
}

void peers_free(struct peers *p) {
    if (!p) return;
    map_free(p->known, NULL);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

static void remember(struct peers *p, const char *name, bool can) {
    pthread_mutex_lock(&p->lock);
    map_put(p->known, span_of(name), can ? &yes : &no);
    pthread_mutex_unlock(&p->lock);
}

/* What he said in an earlier life of this process is asked of the store once. */
static bool peer_can(engine *e, const estate_connection *connection) {
    pthread_mutex_lock(&e->peers->lock);
    const char *known = map_get(e->peers->known, span_of(connection->name));
    pthread_mutex_unlock(&e->peers->lock);
    if (known) return known == &yes;
    store_answer kept;
    error *err = store_kept_answer(e->options.store, scope, connection->name, &kept);
    bool can = !err && json_get_bool(kept.head, "can", false);
    if (!err) store_answer_clear(&kept);
    if (err && error_code_of(err) != ERROR_NOT_FOUND)
        log_failure(LOG_WARNING, "what partners can is not known", err);
    else
        error_free(err);
    remember(e->peers, connection->name, can);
    return can;
}

/* The last word counts: an upgrade can be undone. Kept for others to come, and not waited for: he will say it again. */
void peers_note(engine *e, const estate_connection *connection, span features) {
    if (!features.data) return;
    bool can = memmem(features.data, features.len, feature, sizeof feature - 1) != NULL;
    if (can == peer_can(e, connection)) return;
    remember(e->peers, connection->name, can);
    const store_answer kept = {.until = clock_wall_ms() + kept_ms, .head = json_pack("{s:b}", "can", can)};
    store_change *change = store_change_new();
    store_keep_answer(change, scope, connection->name, &kept);
    store_submit(e->options.store, change, NULL, NULL);
    json_decref(kept.head);
}

static void add(json_t *headers, const char *name, const char *value) {
    json_array_append_new(headers, json_pack("[s, s]", name, value));
}

bool restart_is_on(engine *e, const estate_connection *connection) {
    const char *when = as2_text(connection->settings, "restart");
    return strcmp(when, "always") == 0 || (strcmp(when, "never") != 0 && peer_can(e, connection));
}

char *restart_tag(const char *message) {
    return xasprintf("\"%s\"", message);
}

/* The bytes that the partner has; 0 when he does not say, or has all, and only the answer was lost: then the whole
 * comes again, which he knows by its Message-ID. */
uint64_t restart_offset(engine *e, const post_order *whole, const char *tag) {
    static const char *const names[] = {"AS2-From", "AS2-To", "AS2-Version"};
    http_answer answer;
    uint64_t offset = 0;
    json_t *headers = json_array();
    add(headers, "ETag", tag);
    for (size_t i = 0; i < json_array_size(whole->headers); i++) {
        json_t *pair = json_array_get(whole->headers, i);
        const char *name = json_string_value(json_array_get(pair, 0));
        for (size_t k = 0; name && k < sizeof names / sizeof *names; k++)
            if (strcasecmp(name, names[k]) == 0) json_array_append(headers, pair);
    }
    const post_order ask = {.connection = whole->connection,
        .url = whole->url,
        .headers = headers,
        .fd = -1,
        .own_server = true,
        .method = "HEAD"};
    error *err = post(e, &ask, &answer);
    json_decref(headers);
    if (err) {
        log_failure(LOG_WARNING, "the partner cannot be asked how much of a message came", err);
        return 0;
    }
    span length = span_trim(http_answer_header(&answer, "Content-Length"));
    if (answer.status != 200 || !span_to_u64(length, 1, whole->size - 1, &offset)) offset = 0;
    http_answer_free(&answer);
    return offset;
}

json_t *restart_headers(const json_t *headers, const char *tag, uint64_t offset, uint64_t size) {
    char range[96];
    json_t *all = json_copy((json_t *)(uintptr_t)headers);
    add(all, "ETag", tag);
    snprintf(range, sizeof range, "bytes %llu-%llu/%llu", (unsigned long long)offset, (unsigned long long)(size - 1),
        (unsigned long long)size);
    if (offset > 0) add(all, "Content-Range", range);
    return all;
}
