/* core/flow/exchange_restart.c: a large message that broke off goes on where it stopped
 * (draft-harding-as2-restart-02 §3).
 *
 * The transfer is named by an ETag, which is the message's own id, so that it stays the same whenever it is tried. At a
 * later attempt the partner is asked with HEAD how many bytes came; the rest is posted, with Content-Range. Who says in
 * EDIINT-Features that he can (RFC 6017) is remembered as long as this process lives. */
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/flow/exchange_parts.h"

#include "adapters/as2/as2.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

static const char feature[] = "AS2-Restart";

struct peers {
    pthread_mutex_t lock;
    map *can; /* names of connections */
};

struct peers *peers_new(void) {
    struct peers *p = xcalloc(1, sizeof *p);
    pthread_mutex_init(&p->lock, NULL);
    p->can = map_new();
    return p;
}

void peers_free(struct peers *p) {
    if (!p) return;
    map_free(p->can, NULL);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

/* The last word counts: an upgrade can be undone. */
void peers_note(engine *e, const estate_connection *connection, span features) {
    if (!features.data) return;
    bool can = memmem(features.data, features.len, feature, sizeof feature - 1) != NULL;
    pthread_mutex_lock(&e->peers->lock);
    if (can)
        map_put(e->peers->can, span_of(connection->name), e->peers);
    else
        map_remove(e->peers->can, span_of(connection->name));
    pthread_mutex_unlock(&e->peers->lock);
}

static bool peer_can(engine *e, const estate_connection *connection) {
    pthread_mutex_lock(&e->peers->lock);
    bool can = map_get(e->peers->can, span_of(connection->name)) != NULL;
    pthread_mutex_unlock(&e->peers->lock);
    return can;
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
