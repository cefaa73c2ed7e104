/* core/store/reader.c: the pool of read-only connections (inside.h).
 *
 * Made when first needed, at most READERS_MAX; a thread that finds none waits for one to come back. Reads are short (a
 * progress handler ends them after READ_TIMEOUT_MS), so that no reader keeps the write-ahead log from being reset.
 */
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/store/inside.h"

static database *take_idle(store *s, bool *make) {
    database *reader = NULL;
    pthread_mutex_lock(&s->readers_lock);
    while (s->idle_count == 0 && s->reader_count == READERS_MAX)
        pthread_cond_wait(&s->reader_back, &s->readers_lock);
    *make = s->idle_count == 0;
    if (*make)
        s->reader_count++;
    else
        reader = s->idle_readers[--s->idle_count];
    pthread_mutex_unlock(&s->readers_lock);
    return reader;
}

static void give_back(store *s, database *reader) {
    pthread_mutex_lock(&s->readers_lock);
    if (reader)
        s->idle_readers[s->idle_count++] = reader;
    else
        s->reader_count--;
    pthread_cond_signal(&s->reader_back);
    pthread_mutex_unlock(&s->readers_lock);
}

error *store_reader_take(store *s, database **out) {
    bool make;
    error *err = NULL;
    database *reader = take_idle(s, &make);
    if (make) err = database_open_reader(s->database_path, &reader);
    if (!err) {
        reader->deadline_ms = clock_monotonic_ms() + READ_TIMEOUT_MS;
        err = database_execute(reader, "begin", "begin to read");
    }
    if (!err) {
        *out = reader;
        return NULL;
    }
    give_back(s, reader);
    return err;
}

/* A connection whose transaction cannot be ended is not used again. */
void store_reader_return(store *s, database *reader) {
    reader->deadline_ms = 0;
    error *err = database_execute(reader, "commit", "end a read");
    if (err) {
        log_failure(LOG_ERROR, "store", err);
        database_close(reader);
        reader = NULL;
    }
    give_back(s, reader);
}

void store_readers_close(store *s) {
    pthread_mutex_lock(&s->readers_lock);
    while (s->idle_count > 0) {
        database_close(s->idle_readers[--s->idle_count]);
        s->reader_count--;
    }
    pthread_mutex_unlock(&s->readers_lock);
}
