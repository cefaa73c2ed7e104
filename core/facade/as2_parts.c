/* core/facade/as2_parts.c: see as2_parts.h. */
#include "core/facade/as2_parts.h"

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/crypto/digest.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { PARTS_MAX = 32, PARTS_OF_ONE_MAX = 8, OWNER_DIGITS = 16, TAG_DIGITS = 32 };
enum { NAME_SIZE = OWNER_DIGITS + 1 + TAG_DIGITS + 1 };
static const int64_t kept_ms = 24 * 60 * 60 * 1000;

/* The name that a transfer is put aside by: digests of the connection's name and of the tag, which are the partner's
 * words. */
struct as2_part {
    char name[NAME_SIZE];   /* empty: the place is free */
    payload_writer *writer; /* while it is in somebody's hand */
    int fd;
    uint64_t received; /* while it is in nobody's */
    int64_t left_at;   /* wall ms, likewise */
    bool busy;
};

struct as2_parts {
    pthread_mutex_t lock;
    store *s;
    as2_part all[PARTS_MAX];
};

static void forget(as2_parts *parts, as2_part *part) {
    payload_abandon(part->writer);
    if (part->name[0] && !part->busy) payload_drop_aside(parts->s, part->name);
    *part = (as2_part){.fd = -1};
}

static bool is_old(int64_t left_at) {
    int64_t age = clock_wall_ms() - left_at;
    return age > kept_ms || age < -kept_ms;
}

/* What an earlier start of the appliance put aside. */
static void seen(void *context, const char *name, uint64_t size, int64_t changed_at) {
    as2_parts *parts = context;
    as2_part *room = NULL;
    for (size_t i = 0; i < PARTS_MAX && !room; i++)
        if (!parts->all[i].name[0]) room = &parts->all[i];
    if (!room || strlen(name) != NAME_SIZE - 1 || size == 0 || is_old(changed_at)) {
        payload_drop_aside(parts->s, name);
        return;
    }
    *room = (as2_part){.fd = -1, .received = size, .left_at = changed_at};
    memcpy(room->name, name, NAME_SIZE);
}

as2_parts *as2_parts_new(store *s) {
    as2_parts *parts = xcalloc(1, sizeof *parts);
    pthread_mutex_init(&parts->lock, NULL);
    parts->s = s;
    log_failure(LOG_WARNING, "messages that broke off are forgotten", payload_list_aside(s, seen, parts));
    return parts;
}

void as2_parts_free(as2_parts *parts) {
    if (!parts) return;
    for (size_t i = 0; i < PARTS_MAX; i++)
        if (parts->all[i].busy) payload_abandon(parts->all[i].writer);
    pthread_mutex_destroy(&parts->lock);
    free(parts);
}

static void forget_old(as2_parts *parts) {
    for (size_t i = 0; i < PARTS_MAX; i++) {
        as2_part *part = &parts->all[i];
        if (part->name[0] && !part->busy && is_old(part->left_at)) forget(parts, part);
    }
}

bool as2_parts_give_up(as2_parts *parts) {
    bool any = false;
    pthread_mutex_lock(&parts->lock);
    for (size_t i = 0; i < PARTS_MAX; i++) {
        if (!parts->all[i].name[0] || parts->all[i].busy) continue;
        forget(parts, &parts->all[i]);
        any = true;
    }
    pthread_mutex_unlock(&parts->lock);
    if (any) log_warning("messages that broke off are given up, because the disk is full; they come again whole");
    return any;
}

/* `connection` NULL: the end of the name alone, which says the tag. */
static void name_part(const char *connection, span tag, char name[NAME_SIZE]) {
    char owner[DIGEST_HEX_SIZE] = "", what[DIGEST_HEX_SIZE];
    if (connection) digest_sha256_hex(span_of(connection), owner);
    snprintf(name, NAME_SIZE, "%.*s-%.*s", OWNER_DIGITS, owner, TAG_DIGITS, digest_sha256_hex(tag, what));
}

static as2_part *find(as2_parts *parts, const char *connection, span tag) {
    char name[NAME_SIZE];
    name_part(connection, tag, name);
    for (size_t i = 0; i < PARTS_MAX; i++) {
        as2_part *part = &parts->all[i];
        if (part->name[0] && strcmp(connection ? part->name : part->name + OWNER_DIGITS, name) == 0) return part;
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
static as2_part *make_room(as2_parts *parts, const char *name) {
    as2_part *oldest = NULL, *oldest_own = NULL;
    size_t own = 0;
    for (size_t i = 0; i < PARTS_MAX; i++) {
        as2_part *part = &parts->all[i];
        bool same = part->name[0] && strncmp(part->name, name, OWNER_DIGITS) == 0;
        own += same;
        if (part->busy) continue;
        if (!oldest || (oldest->name[0] && (!part->name[0] || part->left_at < oldest->left_at))) oldest = part;
        if (same && (!oldest_own || part->left_at < oldest_own->left_at)) oldest_own = part;
    }
    as2_part *room = own >= PARTS_OF_ONE_MAX ? oldest_own : oldest;
    if (room) forget(parts, room);
    return room;
}

static error *begin(as2_parts *parts, const char *connection, span tag, as2_part **out) {
    char name[NAME_SIZE];
    name_part(connection, tag, name);
    as2_part *part = make_room(parts, name);
    *out = NULL;
    if (!part) return NULL;
    error *err = payload_begin_file(parts->s, &part->writer, &part->fd);
    if (err) return err;
    memcpy(part->name, name, NAME_SIZE);
    *out = part;
    return NULL;
}

/* Whoever goes on behind fewer bytes than there are knows better which of them are good. */
static error *go_on(as2_parts *parts, as2_part *part, uint64_t offset) {
    error *err = payload_take_up(parts->s, part->name, &part->writer, &part->fd);
    if (!err && (ftruncate(part->fd, (off_t)offset) < 0 || lseek(part->fd, (off_t)offset, SEEK_SET) < 0))
        err = error_from_errno(errno, "cannot go on with a body that broke off");
    if (err) forget(parts, part);
    return err;
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
        err = go_on(parts, part, offset);
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
    forget(parts, take);
    pthread_mutex_unlock(&parts->lock);
    return writer;
}

void as2_part_leave(as2_parts *parts, as2_part *take) {
    pthread_mutex_lock(&parts->lock);
    off_t end = lseek(take->fd, 0, SEEK_CUR);
    error *err = NULL;
    if (end > 0) {
        err = payload_put_aside(take->writer, take->name);
        take->writer = NULL;
        take->fd = -1;
    }
    take->received = end > 0 ? (uint64_t)end : 0;
    take->left_at = clock_wall_ms();
    if (end > 0 && !err)
        log_info("an AS2 message broke off after %llu bytes, which are kept for the partner to go on",
            (unsigned long long)take->received);
    else
        forget(parts, take);
    take->busy = false;
    pthread_mutex_unlock(&parts->lock);
    log_failure(LOG_WARNING, "a message that broke off is not kept", err);
}
