/* core/base/mailbox.c: see mailbox.h. */
#include "core/base/mailbox.h"

#include "core/base/memory.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct mailbox {
    pthread_mutex_t lock;
    mail *first, *last;
    int event_fd;
};

error *mailbox_new(mailbox **out) {
    int event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (event_fd < 0) return error_from_errno(errno, "cannot make a mailbox");
    mailbox *box = xcalloc(1, sizeof *box);
    pthread_mutex_init(&box->lock, NULL);
    box->event_fd = event_fd;
    *out = box;
    return NULL;
}

int mailbox_fd(const mailbox *box) {
    return box->event_fd;
}

void mailbox_post(mailbox *box, mail *item) {
    item->next = NULL;
    pthread_mutex_lock(&box->lock);
    bool was_empty = !box->first;
    if (was_empty)
        box->first = item;
    else
        box->last->next = item;
    box->last = item;
    /* The owner takes everything at once, so only the first item has to wake it. */
    if (was_empty) {
        uint64_t one = 1;
        ssize_t ignored = write(box->event_fd, &one, sizeof one);
        (void)ignored;
    }
    pthread_mutex_unlock(&box->lock);
}

mail *mailbox_take(mailbox *box) {
    uint64_t count;
    pthread_mutex_lock(&box->lock);
    mail *items = box->first;
    box->first = box->last = NULL;
    ssize_t ignored = read(box->event_fd, &count, sizeof count);
    (void)ignored;
    pthread_mutex_unlock(&box->lock);
    return items;
}

void mailbox_free(mailbox *box) {
    if (!box) return;
    close(box->event_fd);
    pthread_mutex_destroy(&box->lock);
    free(box);
}
