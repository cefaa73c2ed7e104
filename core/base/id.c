/* core/base/id.c: see id.h. */
#include "core/base/id.h"

#include "core/base/clock.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

void id_random(void *bytes, size_t size) {
    for (size_t done = 0; done < size;) {
        ssize_t n = getrandom((char *)bytes + done, size - done, 0);
        if (n > 0) done += (size_t)n;
    }
}

/* Milliseconds and a 12-bit counter that breaks ties within one (RFC 9562 §6.2, method 1). */
static void next_tick(uint64_t *ms, unsigned *counter) {
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static uint64_t last_ms;
    static unsigned last_counter;
    uint64_t now = (uint64_t)clock_wall_ms();
    pthread_mutex_lock(&lock);
    if (now > last_ms) {
        last_ms = now;
        last_counter = 0;
    } else if (++last_counter > 0xFFF) {
        last_ms++;
        last_counter = 0;
    }
    *ms = last_ms;
    *counter = last_counter;
    pthread_mutex_unlock(&lock);
}

char *id_new(char *text) {
    uint64_t ms;
    unsigned counter;
    unsigned char r[8];
    next_tick(&ms, &counter);
    id_random(r, sizeof r);
    snprintf(text, ID_SIZE, "%08x-%04x-7%03x-%02x%02x-%02x%02x%02x%02x%02x%02x", (unsigned)(ms >> 16 & 0xFFFFFFFFu),
        (unsigned)(ms & 0xFFFF), counter, 0x80u | (r[0] & 0x3Fu), r[1], r[2], r[3], r[4], r[5], r[6], r[7]);
    return text;
}

bool id_is_valid(span text) {
    if (text.len != ID_SIZE - 1) return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        bool hyphen = i == 8 || i == 13 || i == 18 || i == 23;
        if (hyphen ? c != '-' : !((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) return false;
    }
    return true;
}
