/* core/facade/answer.h: the answers an endpoint gives. All return a response that the caller gives away. */
#ifndef BANYAN_CORE_FACADE_ANSWER_H
#define BANYAN_CORE_FACADE_ANSWER_H

#include "core/base/json.h"
#include "core/facade/back_end.h"
#include "core/http/response.h"
#include "core/worker/frame.h"

/* RFC 9457; `id` is the tracked message, as the problem's instance; NULL: none. */
http_response *answer_problem(int status, const char *name, const char *title, const char *detail, const char *id);

/* A step that failed: 502 and 504 for the back-end, 500 for us and for scripts, 503 when there is no room. */
http_response *answer_failure(error *take, const char *id);

/* The answer that stands in the endpoint's `respond`, with this body, which lives until it was sent. */
http_response *answer_fixed(const estate_endpoint *endpoint, span body);

/* 202 (or `status`) with the address where the rest is told. */
http_response *answer_accepted(const char *id, int status);

/* What a back-end gave, as it is. */
http_response *answer_back_end(back_end_answer *answer);
const char *answer_content_type(const char *path); /* by the path's ending; static */

/* A script's result with its payload inside `reply`; `fallback_status` when it names none (0: 200). NULL result: 204.
 */
http_response *answer_result(const json_t *result, frame *reply, int fallback_status);
span answer_result_bytes(const json_t *result, frame *reply); /* lives as long as the frame */

char *answer_lower(span text); /* owned copy in lower case */

#endif
