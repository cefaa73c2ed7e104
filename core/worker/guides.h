/* core/worker/guides.h: the EDI definitions that hold for a partner, in a translator: the built-in ones with schemas of
 * the estate laid over them.
 *
 * A request names them in its head: "schemas": {"key": …, "names": [..]}; the same key means the same texts. What was
 * compiled last is kept. Libraries live until others push them out, which is never while a request is done.
 */
#ifndef BANYAN_CORE_WORKER_GUIDES_H
#define BANYAN_CORE_WORKER_GUIDES_H

#include "core/script/host.h"
#include "edi/schema.h"

typedef struct guides guides;

/* Gives the text of a schema of the estate, owned by the caller as a buffer. */
typedef error *(*guides_source)(void *context, const char *name, buf *text);

/* `host` runs scripts on these libraries; both it and `context` outlive the guides. */
guides *guides_new(script_host *host, guides_source source, void *context);
void guides_free(guides *g);

/* The library that the head of a request asks for, and the one that scripts see from now on. */
must_check error *guides_choose(guides *g, const json_t *head, edi_library **library);

/* Do these compile one after the other: [{"name","source"}]? The error says in which and where: "acme.schema:3". */
must_check error *guides_check(const json_t *sources);

#endif
