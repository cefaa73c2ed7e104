/* core/facade/as2_parts.c: see as2_parts.h. */
#include "core/facade/as2_parts.h"

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/memory.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

enum { PARTS_MAX = 32, PARTS_OF_ONE_MAX = 8 };
static const int64_t kept_ms = 24 * 60 * 60 * 1000;

struct as2_part {
    char *connection, *tag; /* NULL: the place is free */
    payload_writer *writer;
    int fd;
    uint64_t received; /* while nobody has it in hand */
    int64_t left_at_ms;
    bool busy;
};

struct as2_parts {
    pthread_mutex_t lock;
    store *s;
    as2_part all[PARTS_MAX];
};

as2_parts *as2_parts_new(store *s) {
    as2_parts *parts = xcalloc(1, sizeof *parts);
    pthread_mutex_init(&parts->lock, NULL);
    parts->s = s;
    return parts;
}

static void forget(as2_part *part) {
    payload_abandon(part->writer);
    free(part->connection);
    free(part->tag);
    *part = (as2_part){.fd = -1};
}

void as2_parts_free(as2_parts *parts) {
    if (!parts) return;
    for (size_t i = 0; i < PARTS_MAX; i++)
        forget(&parts->all[i]);
    pthread_mutex_destroy(&parts->lock);
    free(parts);
}

static void forget_old(as2_parts *parts) {
    int64_t now = clock_monotonic_ms();
    for (size_t i = 0; i < PARTS_MAX; i++) {
        as2_part *part = &parts->all[i];
        if (part->tag && !part->busy && now - part->left_at_ms > kept_ms) forget(part);
    }
}

bool as2_parts_give_up(as2_parts *parts) {
    bool any = false;
    pthread_mutex_lock(&parts->lock);
    for (size_t i = 0; i < PARTS_MAX; i++) {
        if (!parts->all[i].tag || parts->all[i].busy) continue;
        forget(&parts->all[i]);
        any = true;
    }
    pthread_mutex_unlock(&parts->lock);
    if (any) log_warning("messages that broke off are given up, because the disk is full; they come again whole");
    return any;
}

static as2_part *find(as2_parts *parts, const char *connection, span tag) {
    for (size_t i = 0; i < PARTS_MAX; i++) {
        as2_part *part = &parts->all[i];
        if (!part->tag || !span_is(tag, part->tag)) continue;
        if (!connection || strcmp(connection, part->connection) == 0) return part;
    }
    return NULL;
}

uint64_t as2_parts_received(as2_parts *parts, const char *connection, span tag) {
    pthread_mutex_lock(&parts->lock);
    forget_old(parts);
    const as2_part *part = find(parts, connection, tag);
    uint64_t received = part && !part->busy ? part->received : 0;
    pthread_mutex_unlock(&parts->lock);
    return received;
}

/* The longest idle goes: of the same connection when it has its share, else of all. */
static as2_part *make_room(as2_parts *parts, const char *connection) {
    as2_part *oldest = NULL, *oldest_own = NULL;
    size_t own = 0;
    for (size_t i = 0; i < PARTS_MAX; i++) {
        as2_part *part = &parts->all[i];
        bool same = part->tag && strcmp(part->connection, connection) == 0;
        own += same;
        if (part->busy) continue;
        if (!oldest || (oldest->tag && (!part->tag || part->left_at_ms < oldest->left_at_ms))) oldest = part;
        if (same && (!oldest_own || part->left_at_ms < oldest_own->left_at_ms)) oldest_own = part;
    }
    as2_part *room = own >= PARTS_OF_ONE_MAX ? oldest_own : oldest;
    if (room) forget(room);
    return room;
}

static error *begin(as2_parts *parts, const char *connection, span tag, as2_part **out) {
    as2_part *part = make_room(parts, connection);
    *out = NULL;
    if (!part) return NULL;
    error *err = payload_begin_file(parts->s, &part->writer, &part->fd);
    if (err) return err;
    part->connection = xstrdup(connection);
    part->tag = xspandup(tag);
    *out = part;
    return NULL;
}

/* Whoever goes on behind fewer bytes than there are knows better which of them are good. */
static error *cut(as2_part *part, uint64_t offset) {
    if (ftruncate(part->fd, (off_t)offset) < 0 || lseek(part->fd, (off_t)offset, SEEK_SET) < 0)
        return error_from_errno(errno, "cannot go on with a body that broke off");
    return NULL;
}

error *as2_parts_take(as2_parts *parts, const char *connection, span tag, uint64_t offset, as2_part **out) {
    error *err = NULL;
    *out = NULL;
    pthread_mutex_lock(&parts->lock);
    forget_old(parts);
    as2_part *part = find(parts, connection, tag);
    if (part && part->busy)
        err = error_new(ERROR_CONFLICT, "this transfer is coming already, on another connection");
    else if (offset > 0 && (!part || part->received < offset))
        err = error_new(ERROR_NOT_FOUND, "there are not so many bytes of this transfer");
    else if (!part)
        err = begin(parts, connection, tag, &part);
    else
        err = cut(part, offset);
    if (!err && part) part->busy = true;
    pthread_mutex_unlock(&parts->lock);
    if (!err) *out = part;
    return err;
}

int as2_part_file(const as2_part *part) {
    return part->fd;
}

payload_writer *as2_part_complete(as2_parts *parts, as2_part *take, int *fd) {
    pthread_mutex_lock(&parts->lock);
    payload_writer *writer = take->writer;
    *fd = take->fd;
    take->writer = NULL;
    forget(take);
    pthread_mutex_unlock(&parts->lock);
    return writer;
}

void as2_part_leave(as2_parts *parts, as2_part *take) {
    pthread_mutex_lock(&parts->lock);
    off_t end = lseek(take->fd, 0, SEEK_CUR);
    take->busy = false;
    take->received = end > 0 ? (uint64_t)end : 0;
    take->left_at_ms = clock_monotonic_ms();
    if (take->received > 0)
        log_info("connection %s: a message broke off after %llu bytes, which are kept for the partner to go on",
            take->connection, (unsigned long long)take->received);
    else
        forget(take);
    pthread_mutex_unlock(&parts->lock);
}
