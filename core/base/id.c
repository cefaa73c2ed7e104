/* core/base/id.c: see id.h. */
#include "core/base/id.h"

#include "core/base/clock.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/random.h>

enum { HANDFUL = 256 };

void id_random(void *bytes, size_t size) {
    for (size_t done = 0; done < size;) {
        ssize_t n = getrandom((char *)bytes + done, size - done, 0);
        if (n > 0) done += (size_t)n;
    }
}

/* Random bytes for ids, which the kernel is asked for by the handful: one call an id costs more than the id. A child
 * process draws its own. */
typedef struct handful {
    unsigned char bytes[HANDFUL];
    size_t left;
    unsigned process;
} handful;

static atomic_uint process_number = 1; /* raised in a child */

static void note_fork(void) {
    atomic_fetch_add(&process_number, 1);
}

static void watch_forks(void) {
    pthread_atfork(NULL, NULL, note_fork);
}

static void draw(unsigned char *bytes, size_t size) {
    static pthread_once_t watched = PTHREAD_ONCE_INIT;
    static _Thread_local handful mine;
    pthread_once(&watched, watch_forks);
    unsigned process = atomic_load(&process_number);
    if (mine.left < size || mine.process != process) {
        id_random(mine.bytes, sizeof mine.bytes);
        mine.left = sizeof mine.bytes;
        mine.process = process;
    }
    mine.left -= size;
    memcpy(bytes, mine.bytes + mine.left, size);
    explicit_bzero(mine.bytes + mine.left, size);
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

char *id_format(const unsigned char uuid[16], char *text) {
    static const char digits[] = "0123456789abcdef";
    char *at = text;
    for (size_t i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) *at++ = '-';
        *at++ = digits[uuid[i] >> 4];
        *at++ = digits[uuid[i] & 15];
    }
    *at = '\0';
    return text;
}

char *id_new(char *text) {
    uint64_t ms;
    unsigned counter;
    unsigned char id[16];
    next_tick(&ms, &counter);
    for (int i = 0; i < 6; i++)
        id[i] = (unsigned char)(ms >> (40 - 8 * i));
    id[6] = (unsigned char)(0x70u | counter >> 8);
    id[7] = (unsigned char)counter;
    draw(id + 8, 8);
    id[8] = (unsigned char)(0x80u | (id[8] & 0x3Fu));
    return id_format(id, text);
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
