/* core/flow/notify.h: tells people of alerts, as the estate's notifications say: once when one is raised, again while
 * it stands, and once when it is over.
 *
 * One look after another compares what is there with what was told. What a notification has to say is an outgoing
 * message with a delivery of its own; it is made in the transaction that keeps what was told, so that a crash tells
 * nothing twice and forgets nothing. What was told is named state of the store: kind "notification_state", one object a
 * notification: {"standing": {KEY: {"alert": as alerts_list has it, "told_ms", "raised_ms"}}}.
 *
 * The message: {"type": "alerts", "timestamp", "data": {"notification", "raised": [alert…], "standing": [alert…],
 * "resolved": [alert…]}, "text": the same in lines}, where `standing` are those told again, because their time has come
 * or more messages are concerned. `text` is what chat services show of a webhook.
 */
#ifndef BANYAN_CORE_FLOW_NOTIFY_H
#define BANYAN_CORE_FLOW_NOTIFY_H

#include "core/flow/engine.h"

typedef struct notifier notifier;

/* `every_ms`: between two looks. */
must_check error *notifier_start(engine *e, int64_t every_ms, notifier **out);
void notifier_stop(notifier *n); /* NULL is fine */

/* Sends what stands now, whether or not it was told, so that somebody can see that it arrives; the id of the message.
 */
must_check error *notify_test(engine *e, const char *notification, const char *who, char id[ID_SIZE]);

#endif
