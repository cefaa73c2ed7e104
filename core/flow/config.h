/* core/flow/config.h: the configuration's one owner: loads it, changes it, hands out snapshots.
 *
 * A change is checked whole (tables, references, scripts, routes) before anything of it is stored; then objects,
 * secrets and the audit line are one store transaction, and the new snapshot replaces the old one. Secrets are sealed
 * here: in stored objects they stand as
 * {"sealed": fingerprint}, in the store's secrets as AES-256-GCM records, in clear only in what a courier is given for
 * its connection.
 */
#ifndef BANYAN_CORE_FLOW_CONFIG_H
#define BANYAN_CORE_FLOW_CONFIG_H

#include "core/flow/estate.h"
#include "core/store/store.h"

typedef struct config config;

enum { CONFIG_KEY_SIZE = 32 };

typedef struct config_options {
    store *store;
    const unsigned char *key; /* CONFIG_KEY_SIZE bytes that seal secrets; copied */
    /* Does a script compile? Asked for each new source; may be NULL. */
    error *(*check_script)(void *context, const char *name, span source);
    /* More faults of a whole configuration, such as routes that clash; may be NULL. */
    void (*check_estate)(void *context, const estate *candidate, fault_list *faults);
    /* A new snapshot is in force (also at start). Called one at a time. May be NULL. */
    void (*changed)(void *context, estate *now);
    void *context;
} config_options;

must_check error *config_open(const config_options *options, config **out);
void config_close(config *c);

/* The snapshot in force, held for the caller. */
estate *config_estate(config *c);

typedef struct config_request {
    const char *who; /* for the audit */
    bool dry_run;    /* only tell what would change */
    bool prune;      /* objects that the estate does not name are removed */
} config_request;

/* Makes the configuration equal to `objects` ({"stations": [{...}], ...}). *changes:
 * [{"action","kind","name","fields"}], new reference. With faults nothing is changed. */
must_check error *config_apply(
    config *c, const json_t *objects, const config_request *request, json_t **changes, fault_list *faults);

/* One object; `expected` as in store_put_object. */
must_check error *config_put(config *c, const char *kind, const char *name, const json_t *body, int64_t expected,
    const char *who, fault_list *faults);
must_check error *config_remove(
    config *c, const char *kind, const char *name, int64_t expected, const char *who, fault_list *faults);

/* What the secret settings and key references of a connection resolve to: {"password": "...", "key": "PEM"}; new
 * reference. */
must_check error *config_secrets(config *c, const estate_connection *connection, json_t **secrets);

/* The sealed record that tells whether the key is the one that sealed the others; there as soon as there are any. */
#define CONFIG_KEY_RECORD "master.key"

/* A sealed value by the name of its record ("certificates/us-2026/private_key"). */
must_check error *config_unseal(config *c, const char *record, buf *plain);

#endif
