/* core/base/mailbox.h: hands items from any thread to one loop.
 *
 * State inside the desk is handed over, not locked: threads post items, the loop that owns the mailbox polls its
 * descriptor and takes them all, in the order posted. The mailbox never owns the items.
 */
#ifndef BANYAN_BASE_MAILBOX_H
#define BANYAN_BASE_MAILBOX_H

#include "core/base/error.h"

/* The first member of an item that travels. */
typedef struct mail {
    struct mail *next;
} mail;

typedef struct mailbox mailbox;

must_check error *mailbox_new(mailbox **out);
int mailbox_fd(const mailbox *box);          /* readable while items wait; for poll and epoll */
void mailbox_post(mailbox *box, mail *item); /* from any thread */
mail *mailbox_take(mailbox *box);            /* all that wait, linked in order; NULL when none; from the owner only */
void mailbox_free(mailbox *box);             /* items still inside are the caller's loss */

#endif
