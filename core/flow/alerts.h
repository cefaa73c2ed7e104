/* core/flow/alerts.h: what somebody should look at now, in one list: for people's eyes, for what watches appliances,
 * and for notifications.
 *
 * Nothing is kept: each alert is true at the moment of the question, and gone when its cause is. Kinds:
 *
 *   acknowledgement-overdue   an answer has not come in time
 *   certificate-expiring      one in use by an exchange ends within 60 days; certificate-expired: it has ended
 *   certificate-offered       a partner's new certificate waits for approval
 *   connection-failing        the last attempt at it failed
 *   files-left                a source has files that are not picked up: too large, or of a name that cannot be
 *   connection-quiet          nothing has come in by it for longer than its setting `quiet_after`
 *   messages-failed           of one flow, endpoint or connection, within the last day: failed or put in quarantine
 *   messages-rejected         likewise: judged bad by us or by the partner
 *   space-short               the disk of the data is nearly full: nothing is taken in
 */
#ifndef BANYAN_CORE_FLOW_ALERTS_H
#define BANYAN_CORE_FLOW_ALERTS_H

#include "core/flow/engine.h"

/* [{"key": the same for as long as the cause is, "kind", "what": a sentence, "path": where to look in the REST API,
 * "at": since or until when, "partner", "connection": when it concerns one, "count": of messages}]. New reference. */
must_check error *alerts_list(engine *e, json_t **items);

#endif
