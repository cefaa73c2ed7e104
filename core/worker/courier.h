/* core/worker/courier.h: what the desk asks of a courier, and the courier's main loop.
 *
 * Every request's TAG_HEAD has {"connection": name, "kind": adapter, "revision": n, "settings": {...}, "secrets":
 * {...}, "timeout_ms": n}; a courier keeps the adapter's session open until connection or revision change. The call's
 * frame is marked `secret` when there are any. A request may leave settings and secrets out, for they are as long as
 * the work is short: when no session of that connection and revision is open, the reply is {"wants_settings": true},
 * nothing has been done, and the request comes again with them. Besides:
 *
 *   PROBE                                            ->  {}
 *   LIST     "pattern", "limit"                      ->  {"entries": [{"name","size","modified_ms"}], "more": bool}
 *   GET      "name" + descriptor to write to         ->  {"name","size","modified_ms"}; without a descriptor: the bytes
 *                                                        besides, as TAG_PAYLOAD; ERROR_LIMIT when they are more than
 *                                                        "inline_limit"
 *   DONE     "name", "size", "modified_ms" (of GET)  ->  {}
 *   RELEASE  "name"                                  ->  {}
 *   STAGE    "path", "identity", "content_type", "traceparent" + TAG_PAYLOAD or descriptor  ->  {}
 *   PUBLISH  "path", "identity", "if_exists": "fail"|"replace", "again": bool  ->  {}
 *   READ     "path", "inline_limit" [+ descriptor]   ->  as GET
 *   REMOVE   "path"                                  ->  {}
 *   PACK     "order" + TAG_PAYLOAD or descriptor [+ descriptor to write to, "into": its index]
 *                                                    ->  what the adapter tells; the bytes as TAG_PAYLOAD when there is
 *                                                        no "into"
 *   UNPACK   as PACK                                 ->  likewise
 *   WATCH                                            ->  {} + a descriptor that becomes readable when a LIST may find
 *                                                        something new; without one, time alone tells
 *
 * A peer may have closed a session while nobody used it: when the first use of a kept session finds the peer
 * unreachable, the courier opens a new one and tries once more.
 */
#ifndef BANYAN_CORE_WORKER_COURIER_H
#define BANYAN_CORE_WORKER_COURIER_H

#include "core/worker/frame.h"

/* Serves requests until the desk closes the channel; called in a fresh worker process, in its sandbox. Returns the exit
 * status. */
int courier_main(frame_channel *channel);

#endif
