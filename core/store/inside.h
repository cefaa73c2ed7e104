/* core/store/inside.h: what the files of this room share about an open store.
 *
 * Thread rule: options, paths and descriptors are set before the first thread starts and never change; the writer has
 * its own connection and its own lock; readers come from the pool; `full` and `stopping` are atomic.
 */
#ifndef BANYAN_CORE_STORE_INSIDE_H
#define BANYAN_CORE_STORE_INSIDE_H

#include "core/store/change.h"

#include <pthread.h>
#include <stdatomic.h>

enum { SPOOL_NAME_RANDOM = 32, READERS_MAX = 16 };

typedef struct store_writer store_writer;

struct store {
    store_options options;
    char *directory, *node; /* owned copies of the options' texts */
    char *database_path;
    int directory_fd, spool_fd, aside_fd, lock_fd;
    atomic_bool shard_durable[256]; /* the spool's directory xx is named in it for good */
    int64_t epoch;                  /* the row of this start in epochs */
    char nothing_sha256[65];        /* of a payload without bytes; "" while the store opens */
    store_writer *writer;

    pthread_mutex_t readers_lock;
    pthread_cond_t reader_back;
    database *idle_readers[READERS_MAX];
    size_t idle_count, reader_count;

    pthread_t sweeper;
    bool sweeper_runs;
    atomic_bool stopping;
    atomic_bool refusing; /* store_admit said no the last time */
    atomic_bool full;     /* the reserve was given up: nothing is admitted until it is back */
    /* What may be admitted, in bytes, without asking the file system again before a monotonic time. */
    _Atomic int64_t plenty, plenty_until_ms;
};

/* An error after which the store would lie if it went on. Does not return. */
_Noreturn void store_fatal(store *s, error *take);

/* writer.c: the one thread that writes. */
must_check error *store_writer_start(store *s, database *take, store_writer **out);
void store_writer_stop(store_writer *writer); /* finishes what was submitted, checkpoints, closes the connection */
void store_writer_submit(store_writer *writer, store_change *take);

/* reader.c: a read-only connection in a read transaction: all statements until the return see one state. */
must_check error *store_reader_take(store *s, database **out);
void store_reader_return(store *s, database *reader);
void store_readers_close(store *s);

/* spool.c: the directory of the payload files. A name is 32 random hexadecimal digits, a hyphen and the epoch. */
must_check error *spool_open(store *s);
must_check error *spool_create(store *s, char name[40], int *fd);
must_check error *spool_sync_directory(store *s, const char *name);
int spool_open_file(store *s, const char *name); /* read-only; -1 with errno */
void spool_remove(store *s, const char *name);
must_check error *spool_put_aside(store *s, const char *name, const char *aside);
must_check error *spool_take_up(store *s, const char *aside, char name[40], int *fd); /* ERROR_NOT_FOUND */
must_check error *spool_sweep_start(store *s); /* removes, in the background, what no row names */
void spool_sweep_stop(store *s);
void spool_give_up_reserve(store *s);

#endif
