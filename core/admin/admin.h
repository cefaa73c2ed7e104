/* core/admin/admin.h: the admin listener: REST API under /api/v1, server-sent events, probes, metrics, and the embedded
 * UI.
 *
 * Every route stands in one table with the role that it needs; what is public is said there too. Handlers run on
 * blocking threads, since they read the store. A changing call by a session needs its CSRF token in X-CSRF-Token; API
 * keys need none.
 */
#ifndef BANYAN_CORE_ADMIN_ADMIN_H
#define BANYAN_CORE_ADMIN_ADMIN_H

#include "core/base/blocking.h"
#include "core/flow/accounts.h"
#include "core/flow/engine.h"
#include "core/flow/switches.h"
#include "core/http/server.h"

typedef struct admin admin;

typedef struct admin_options {
    store *store;
    config *config;
    worker_pool *pool;
    engine *engine;
    accounts *accounts;
    control_numbers *numbers;
    blocking *blocking;
    switches *switches;
    uint64_t payload_bytes_max; /* the largest that may be put through a connection by hand */
    const char *version;
    const json_t *settings;     /* of the program, as GET /api/v1/appliance shows them; lives as long as the admin */
    const char *public_address; /* of the facade, for the UI to show; lives as long as the admin */
} admin_options;

must_check error *admin_new(const admin_options *options, admin **out);
void admin_free(admin *a);

/* The handler for http_server_options; the context is the admin. */
void admin_handle(void *context, http_request *request);

/* What a commit changed, for those who listen to /api/v1/events. From the store's writer thread. */
void admin_tell(admin *a, const store_news *news, size_t count);

/* Ends the event streams, so that the server can stop. */
void admin_close_streams(admin *a);

#endif
