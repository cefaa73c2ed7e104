/* core/base/map.c: open addressing with linear probing and backward-shift removal; SipHash-1-3 (Aumasson and Bernstein)
 * for the hash. */
#include "core/base/map.h"

#include "core/base/memory.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/random.h>

typedef struct slot {
    char *key; /* NULL: free */
    size_t key_len;
    uint64_t hash;
    void *value;
} slot;

struct map {
    slot *slots;
    size_t capacity, count; /* capacity is a power of two */
};

static uint64_t hash_key[2];
static pthread_once_t hash_key_once = PTHREAD_ONCE_INIT;

static void make_hash_key(void) {
    if (getrandom(hash_key, sizeof hash_key, 0) != sizeof hash_key) abort();
}

static uint64_t rotate(uint64_t x, int bits) {
    return x << bits | x >> (64 - bits);
}

static void sip_round(uint64_t v[4]) {
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] = rotate(v[2], 32);
}

static uint64_t sip_hash(span key) {
    uint64_t v[4] = {hash_key[0] ^ 0x736f6d6570736575u, hash_key[1] ^ 0x646f72616e646f6du,
        hash_key[0] ^ 0x6c7967656e657261u, hash_key[1] ^ 0x7465646279746573u};
    size_t i = 0;
    for (; i + 8 <= key.len; i += 8) {
        uint64_t word;
        memcpy(&word, key.data + i, 8);
        v[3] ^= word;
        sip_round(v);
        v[0] ^= word;
    }
    uint64_t last = (uint64_t)key.len << 56;
    if (i < key.len) memcpy(&last, key.data + i, key.len - i);
    last |= (uint64_t)key.len << 56;
    v[3] ^= last;
    sip_round(v);
    v[0] ^= last;
    v[2] ^= 0xff;
    for (int round = 0; round < 3; round++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t map_hash(span key) {
    pthread_once(&hash_key_once, make_hash_key);
    return sip_hash(key);
}

map *map_new(void) {
    pthread_once(&hash_key_once, make_hash_key);
    return xcalloc(1, sizeof(map));
}

/* The slot that holds `key`, or the free one where it would go. */
static slot *find(const map *m, span key, uint64_t hash) {
    size_t mask = m->capacity - 1;
    for (size_t i = hash & mask;; i = (i + 1) & mask) {
        slot *s = &m->slots[i];
        if (!s->key) return s;
        if (s->hash == hash && span_equal(span_make(s->key, s->key_len), key)) return s;
    }
}

void *map_get(const map *m, span key) {
    return m->count ? find(m, key, sip_hash(key))->value : NULL;
}

static void grow(map *m) {
    map old = *m;
    m->capacity = old.capacity ? old.capacity * 2 : 8;
    m->slots = xcalloc(m->capacity, sizeof *m->slots);
    for (size_t i = 0; i < old.capacity; i++) {
        slot *s = &old.slots[i];
        if (s->key) *find(m, span_make(s->key, s->key_len), s->hash) = *s;
    }
    free(old.slots);
}

void *map_put(map *m, span key, void *value) {
    if (m->count * 4 >= m->capacity * 3) grow(m);
    uint64_t hash = sip_hash(key);
    slot *s = find(m, key, hash);
    void *before = s->value;
    if (!s->key) {
        *s = (slot){.key = xspandup(key), .key_len = key.len, .hash = hash, .value = NULL};
        m->count++;
    }
    s->value = value;
    return before;
}

void *map_remove(map *m, span key) {
    if (!m->count) return NULL;
    slot *s = find(m, key, sip_hash(key));
    if (!s->key) return NULL;
    void *value = s->value;
    free(s->key);
    m->count--;
    size_t mask = m->capacity - 1, hole = (size_t)(s - m->slots);
    for (size_t i = (hole + 1) & mask; m->slots[i].key; i = (i + 1) & mask) {
        size_t home = m->slots[i].hash & mask;
        if (((i - home) & mask) < ((i - hole) & mask)) continue;
        m->slots[hole] = m->slots[i];
        hole = i;
    }
    m->slots[hole] = (slot){.key = NULL};
    return value;
}

size_t map_count(const map *m) {
    return m->count;
}

bool map_next(const map *m, size_t *cursor, span *key, void **value) {
    for (; *cursor < m->capacity; (*cursor)++) {
        const slot *s = &m->slots[*cursor];
        if (!s->key) continue;
        *key = span_make(s->key, s->key_len);
        *value = s->value;
        (*cursor)++;
        return true;
    }
    return false;
}

void map_free(map *m, void (*free_value)(void *value)) {
    if (!m) return;
    for (size_t i = 0; i < m->capacity; i++) {
        if (!m->slots[i].key) continue;
        if (free_value) free_value(m->slots[i].value);
        free(m->slots[i].key);
    }
    free(m->slots);
    free(m);
}
