/* core/script/host.h: runs the functions of a Lua module on a message, inside limits.
 *
 * Lives in translator processes and in `banyan script`. A fresh environment per call: nothing a script leaves behind is
 * seen by the next. Scripts reach nothing but what they are given; modules, control numbers and tables come through the
 * services of the caller.
 *
 * The call (JSON), for a flow:
 *   {"script": "order_850_to_csv", "hash": of its version (when it is compiled already, its text is not asked for),
 *    "function": "translate",
 *    "message": {"id","filename","content_type","partner","connection","headers":{},"vars":{},
 *                "document": which of the payload's documents message.edi is, from 0; absent: the only one},
 *    "destinations": [{"connection","partner",
 *                      "envelopes": {"X12": {"sender": "ZZ:BANYAN", "receiver": "01:123456789"},
 *                                    "EDIFACT": {"sender": "BANYAN:14", "receiver": "5412345000013:14"}}}],
 *    "limits": {"time_ms","memory_bytes","output_bytes","log_lines"}}
 * and for an endpoint "function": "request" | "response" with "message":
 * {"method","path","params":{},"query":{},"headers":{}, "caller","status" …} and the back-end as the destination. The
 * payload is the body.
 *
 * A script may call back-ends: "connections": [names that it may call], "answers": [{"connection","method",
 * "path","status","content_type","headers":{},"body": base64} or with "error" instead of the status] to the calls that
 * earlier runs of the same message asked for, in order. Where nothing may be sent the call has "mocks" (mocks.h), which
 * answer instead, for any connection when "connections" is left out: the script runs to its end here, and the outcome
 * tells "called":
 * [{"connection","method","path","body"?: base64,"status" or "error"}].
 *
 * An envelope may say more: "usage" ("P", "T"), "acknowledge" (bool), "version" (ISA12, UNB syntax identifier),
 * "syntax", "group_sender", "group_receiver", "suffix" (behind each terminator), "una" (bool), and the delimiters
 * "element", "component", "repetition", "terminator", "release".
 *
 * The outcome (JSON):
 *   {"results": [{"payload": index into payloads (absent: an endpoint's body goes on unchanged),
 *                 "content_type","filename","status","headers":{},"to","vars":{},"keys":{},
 *                 "documents": [as INSPECT, for EDI results]}],
 *    "respond": true when req:respond was called (then results[0] is the answer),
 *    "rejected": {"reason","place": "script.lua:12","code"?,"where"?,"segment"? …} when reject() was called or the
 * payload could not be parsed ("code": "malformed", "where": "line 3, column 7"), "passed": true when the function is
 * absent or gave nil (request/response: the body goes on unchanged), "absent": true when the module has none, "log":
 * [{"level","text","line"}], "script": "NAME@hash", "calls":
 * [{"connection","method","path","headers":{},"content_type"?,"body"?: base64}] when the script waits for answers: then
 * nothing else counts, and it is to be run again with "answers" longer by these} All texts of vars, keys and headers
 * are texts. A script error is an `error` whose text is "script.lua:12: message" and whose place is "script.lua:12";
 * the outcome then still holds "log" and "script".
 */
#ifndef BANYAN_CORE_SCRIPT_HOST_H
#define BANYAN_CORE_SCRIPT_HOST_H

#include "core/base/buf.h"
#include "core/base/json.h"

#include <stdio.h>

typedef struct script_services {
    /* The text of script `name` of the estate; *hash names its version (NULL: it is not kept compiled). Borrowed until
     * the next call. ERROR_NOT_FOUND when there is none. Modules of scripts-lua/lib are the host's and never asked for.
     */
    error *(*source)(void *context, const char *name, span *text, const char **hash);
    /* The next number of a sequence such as "X12/interchange/ZZ:BANYAN/01:123456789". */
    error *(*control)(void *context, const char *sequence, uint64_t *number);
    /* One code of a table; *found false when there is none. */
    error *(*table)(void *context, const char *table, const char *code, bool reverse, buf *value, bool *found);
    int64_t (*now_ms)(void *context); /* wall time, so that tests can fix it */
    void *context;
} script_services;

typedef struct script_host script_host;
struct edi_library;

must_check error *script_host_new(const script_services *services, script_host **out);
void script_host_free(script_host *host);

/* Scripts that are run from now on read EDI by these definitions; NULL: by the built-in ones. Lent for as long as runs
 * follow, and until script_host_cool() when they were run on it. */
void script_host_use_schemas(script_host *host, struct edi_library *library);

/* Throws away the states that are kept warm: what they still hold of documents is gone. */
void script_host_cool(script_host *host);

typedef struct script_outcome {
    json_t *result; /* owned */
    buf *payloads;  /* owned array */
    size_t payload_count;
} script_outcome;

/* `out` is set in any case, also when an error is returned, and is freed by script_outcome_free. */
must_check error *script_run(script_host *host, const json_t *call, span payload, script_outcome *out);
void script_outcome_free(script_outcome *outcome);

/* Compiles without running; the error names the line. */
must_check error *script_check(const char *name, span source);

/* How tests are run. */
typedef struct script_test_options {
    const char *directory; /* where NAME.lua, NAME_test.lua and the samples lie; NULL: they are in `files` */
    const json_t *files;   /* {"NAME_test.lua": text, "NAME_samples/order.edi": text or {"base64": …}}; borrowed */
    bool update;           /* expected files are written, not compared; with a directory only */
    FILE *tap;      /* one line a test, "ok 1 - NAME: what must hold", with what went wrong below it; may be NULL */
    json_t *report; /* an array that gets {"name","ok","text","elapsed_ms"} a test; may be NULL */
    json_t **lines; /* gets {"12": 3, "13": 0}, how often each line of the script ran; may be NULL */
} script_test_options;

/* Runs NAME_test.lua and adds to the counts; TAP numbers go on from them. Tests see a fixed clock, control
 * numbers from 1 and tables of their own, so that they say the same on every machine. `host` gives the sources. An
 * error only when the tests could not be run at all. */
must_check error *script_test(
    script_host *host, const char *name, const script_test_options *options, size_t *passed, size_t *failed);

#endif
