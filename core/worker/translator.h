/* core/worker/translator.h: what the desk asks of a translator, and the translator's main loop.
 *
 * Pure work: bytes in, bytes and a result out. The payload comes as TAG_PAYLOAD or as a descriptor (mapped, never
 * copied). Payloads of a reply come the same way: results up to 64 KiB as TAG_PAYLOAD fields, larger ones as sealed
 * memory files; "payload": {"field": n} or
 * {"descriptor": n} in the JSON says which.
 *
 *   INSPECT      {"filename","content_type"}
 *                →  {"standard": "X12"|"EDIFACT"|null, "valid": bool, "errors": [as `banyan edi check --json`],
 *                    "documents":
 * [{"standard","type","version","control","group_control","interchange_control","sender","receiver","keys":{},
 *                                   "offset","length","valid"}],
 *                    "acknowledges":
 * [{"kind":"997","interchange_control","group_control","type","control","outcome":"accepted"|"rejected","text"}]}
 *   ACKNOWLEDGE  {"kind":"997", "control"…} + payload  →  {"payload": …, "document": {…}}; numbers come by
 * QUESTION_CONTROL SCRIPT       core/script/host.h's call as JSON + payload  →  its outcome as JSON + payloads EXPLAIN
 * payload  →  {"text"}; CHECK_SCRIPT {"name","source"} → {} or the error with its line
 */
#ifndef BANYAN_CORE_WORKER_TRANSLATOR_H
#define BANYAN_CORE_WORKER_TRANSLATOR_H

#include "core/worker/frame.h"

int translator_main(frame_channel *channel);

#endif
