/* core/script/mocks.h: what other systems answer where nothing may be sent: in tests, in the workbench, in a replay.
 *
 * The answers stand in a file beside the script, by habit the sample `calls.json`: a JSON list of
 *   {"connection": "warehouse", "method"?: "GET", "path"?: "/stock/" and a star, "status"?: 200, "headers"?: {},
 *    "content_type"?, "json": anything | "body": text | "base64": bytes | "error": why it does not answer}
 * The first one whose connection, method and path (with * and ?; left out, any) are those of a call is its answer.
 */
#ifndef BANYAN_CORE_SCRIPT_MOCKS_H
#define BANYAN_CORE_SCRIPT_MOCKS_H

#include "core/base/json.h"

/* From the text of such a file, or from the list itself; new reference. ERROR_INVALID says what is wrong where. */
must_check error *mocks_read(const json_t *given, json_t **mocks);

/* The answers to these requests of a script, as core/script/host.h has them; a request that none of them answers gets
 * an "error" that says so. New reference. */
json_t *mocks_answers(const json_t *mocks, const json_t *requests);

#endif
