/* core/worker/workbench.h: what a translator does for somebody who works on a script: tests, replay, and what a sample
 * is made of. The operations are described in translator.h.
 */
#ifndef BANYAN_CORE_WORKER_WORKBENCH_H
#define BANYAN_CORE_WORKER_WORKBENCH_H

#include "core/script/host.h"
#include "core/worker/frame.h"
#include "edi/schema.h"

must_check error *workbench_test(script_host *host, frame *request, frame *reply);
must_check error *workbench_replay(const script_services *services, edi_library *library, frame *request, frame *reply);
must_check error *workbench_structure(edi_library *library, frame *request, frame *reply);

#endif
