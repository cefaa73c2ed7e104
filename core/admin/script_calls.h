/* core/admin/script_calls.h: what scripts.c and workbench.c share. Private to core/admin. */
#ifndef BANYAN_CORE_ADMIN_SCRIPT_CALLS_H
#define BANYAN_CORE_ADMIN_SCRIPT_CALLS_H

#include "core/admin/call.h"
#include "core/base/base64.h"
#include "core/base/io.h"

/* The stored object of a script; ERROR_NOT_FOUND in words. New reference. */
must_check error *script_body(const call *c, const char *name, json_t **body, int64_t *revision);

/* The bytes of one of its samples. */
must_check error *script_sample(const call *c, const char *name, const char *file, buf *bytes);

/* Runs the tests of a script in a translator: of `source` and `tests`, each the published one when NULL. The report as
 * TEST_SCRIPT gives it; without any tests an empty one. New reference. */
must_check error *script_tests(
    const call *c, const char *name, const json_t *source, const json_t *tests, json_t **report);

#endif
