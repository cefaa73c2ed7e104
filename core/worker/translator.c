/* core/worker/translator.c: see translator.h. Runs in translator processes: no file, no network, nothing to keep
 * between requests.
 */
#include "core/worker/translator.h"

#include "core/worker/serve.h"

static error *translate(worker *w, void *context, frame *request, frame *reply) {
    (void)w;
    (void)context;
    (void)reply;
    return error_new(ERROR_UNSUPPORTED, "a translator does not do operation %d", (int)request->operation);
}

int translator_main(frame_channel *channel) {
    return worker_serve(channel, translate, NULL);
}
