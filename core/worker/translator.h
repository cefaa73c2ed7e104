/* core/worker/translator.h: what the desk asks of a translator, and the translator's main loop.
 *
 * Pure work: bytes in, bytes and a result out. The payload comes as TAG_PAYLOAD or as a descriptor (mapped, never
 * copied). Payloads of a reply come the same way; "payload" in the JSON says where (core/worker/attachment.h).
 *
 *   INSPECT      payload + {"filename","content_type"}
 *                ->  {"standard": "X12"|"EDIFACT"|null, "valid": bool, "errors": [as `banyan edi check --json`],
 *                     "documents": [{"standard","type","version","control","group_control","interchange_control",
 *                                    "sender","receiver","keys":{},"offset","length","valid"}],
 *                     "acknowledges": [{"standard","kind":"997","interchange_control","group_control","type","control",
 *                                       "outcome":"accepted"|"rejected"|"received","text"}]}
 *   ACKNOWLEDGE  payload + {"kind":"997"}  ->  {"payload": where, "document": {as of INSPECT}}; numbers come by
 *                QUESTION_CONTROL
 *   EXPLAIN      payload  ->  {"text", "cut": bool}
 *   SCRIPT       payload + core/script/host.h's call  ->  its outcome, each result's "payload" saying where. A script's
 *                failure comes with the outcome's "log" beside it.
 *                A "source" in the call stands in the place of the script's published text.
 *   CHECK_SCRIPT {"name","source"}  ->  {} or the error with its line
 *   CHECK_SCHEMAS {"sources": [{"name","source"}]}  ->  {} or the error, at "NAME.schema:LINE"
 *   TEST_SCRIPT  {"name","source"?,"files": as script_test_options}
 *                ->  {"tests": [{"name","ok","text"?,"elapsed_ms"}], "coverage": {"lines": {"12": 3}},
 * "passed","failed"} REPLAY_SCRIPT  payload + {"call","source"}: the published script and that source, on the same
 * bytes
 *                ->  {"same": bool, "before","after": {"results": n, "error"?,"rejected"?},
 *                     "differences": [{"kind","path","before"?,"after"?}]}
 *   STRUCTURE    payload  ->  {"standard","type","version","segments": [{"tag","name","loop"?,"elements":
 *                [{"position","name","example"}]}]}, or "paths": [{"path","type","example"}], or "columns": [..]
 *
 * Where EDI is read the head may have "schemas": {"key","names"}: those of a partner (core/worker/guides.h).
 *
 * Questions: SOURCE {"name"} -> {"hash"} + TAG_PAYLOAD; CONTROL {"sequence"} -> {"number"}; TABLE
 * {"table","code","reverse"} -> {"found"} + TAG_PAYLOAD; SCHEMA {"name"} -> {} + TAG_PAYLOAD.
 */
#ifndef BANYAN_CORE_WORKER_TRANSLATOR_H
#define BANYAN_CORE_WORKER_TRANSLATOR_H

#include "core/worker/frame.h"

/* What must be done before the sandbox closes: libraries that read files when they are first used. */
void translator_prepare(void);

/* Serves requests until the desk closes the channel; called in a fresh worker process, in its sandbox. Returns the exit
 * status. */
int translator_main(frame_channel *channel);

#endif
