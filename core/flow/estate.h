/* core/flow/estate.h: the configuration as it is in force: stations, partners, connections, flows, endpoints, scripts,
 * tables.
 *
 * A snapshot is built whole from the store's objects, checked, and never changes; a new one replaces it. Whoever works
 * with it holds a reference for as long as the work takes, so that one message or request sees one configuration from
 * its first step to its last. Every text in it lives as long as the snapshot.
 */
#ifndef BANYAN_CORE_FLOW_ESTATE_H
#define BANYAN_CORE_FLOW_ESTATE_H

#include "adapters/adapter.h"
#include "core/base/map.h"
#include "core/base/settings.h"
#include "core/flow/estate_route.h"
#include "core/flow/estate_traffic.h"

typedef struct estate_station {
    const char *name, *as2_id, *x12_id, *edifact_id, *key; /* ids "" when not set */
    const json_t *keys;                                    /* further ones: array of names, may be NULL */
} estate_station;

typedef struct estate_partner {
    const char *name, *as2_id, *x12_id, *edifact_id;
    const json_t *certificates; /* array of names, may be NULL */
    const json_t *schemas;      /* array of names; NULL: what is built in holds as it is */
    bool once;                  /* an interchange number that comes again with another content is refused */
    const char *schemas_key;    /* names and hashes of them: the same key, the same definitions; NULL without */
} estate_partner;

typedef struct estate_connection {
    const char *name;
    const adapter *adapter;
    const json_t *settings;        /* what the adapter sees: without the common settings, secrets as marks */
    const json_t *body;            /* the whole object as the REST API shows it */
    const json_t *trust;           /* of a kind that exchanges: as in adapter_open_options, without private keys */
    const char *path;              /* where a put without a path goes, a template */
    const estate_station *station; /* NULL: none */
    const estate_partner *partner; /* NULL: none */
    int64_t revision, timeout_ms, poll_ms;
    int64_t quiet_after_ms; /* 0: nobody minds when nothing comes in */
    int64_t changed_ms;     /* when it became what it is; 0: not known */
    bool enabled;
    bool source; /* some flow takes messages from it */
} estate_connection;

/* One more try after `first_ms`, doubling up to `maximum_ms`, `attempts` in all. */
typedef struct estate_retry {
    int64_t first_ms, maximum_ms;
    int attempts;
} estate_retry;

/* A call of a back-end that is made again: `times` 0 never; the budget in parts of 10,000 of the requests. */
typedef struct estate_repeat {
    int times, budget;
    int64_t first_ms;
} estate_repeat;

/* Where a result goes. */
typedef struct estate_destination {
    const estate_connection *connection;
    const char *path; /* template; NULL: the connection's own */
    bool replace;     /* an existing file of that name is replaced */
} estate_destination;

/* What a delivered document waits for. */
typedef struct estate_expectation {
    const char *acknowledgement; /* "997" …; NULL: nothing */
    int64_t within_ms;
} estate_expectation;

typedef struct estate_flow {
    const char *name;
    const estate_connection *from;
    const char *pattern;                    /* of names at the source; NULL: all */
    const char *standard, *type, *filename; /* `when`; NULL: any */
    bool filtered;                          /* has a `when` */
    const char *script;                     /* NULL: the bytes pass as they are */
    const json_t *calls;                    /* names of connections that the script may call; NULL: none */
    int64_t timeout_ms;                     /* for all of those */
    estate_destination *to;
    size_t to_count;
    const char *acknowledge; /* "997" …; NULL: none is sent */
    estate_destination acknowledge_to;
    estate_expectation expect;
    const char *answers_type, *answers_key; /* an incoming document must answer one that we sent; NULL: need not */
    estate_retry retry;
    bool enabled;
} estate_flow;

/* Where whoever handed a request over is told how it fared. */
typedef struct estate_callback {
    estate_destination target; /* its connection NULL: nobody is told */
    const json_t *on;          /* the states that are told of; NULL: all that are final */
    estate_retry retry;
} estate_callback;

typedef enum estate_access { ACCESS_LOCAL, ACCESS_PUBLIC, ACCESS_KEY } estate_access;
typedef enum estate_track { TRACK_ALL, TRACK_ERRORS, TRACK_NONE } estate_track;

typedef struct estate_endpoint {
    const char *route;                 /* as configured, its name */
    const char *method;                /* NULL: any */
    const char *path;                  /* template, without types */
    const route_condition *conditions; /* what else must hold, types of parameters included */
    size_t condition_count;
    const char *description;
    const json_t *body;              /* the whole object, with what its groups add: for policies */
    const estate_connection *legacy; /* NULL: the script answers by itself, or there is a modern side alone */
    estate_destination target;       /* the legacy side */
    estate_destination modern;       /* its connection NULL: none */
    const char *modern_script;       /* NULL: that side's requests and answers pass as they are */
    estate_traffic traffic;
    estate_shadow shadow;
    const char *script; /* NULL: bodies pass as they are */
    int respond_status; /* 0: by what was done */
    estate_access access;
    estate_track track;
    estate_expectation expect;
    estate_retry retry;
    estate_repeat repeat;
    estate_callback callback;
    int64_t timeout_ms;
    int64_t body_bytes_max; /* 0: what limits.body says */
} estate_endpoint;

/* Who is told of alerts. */
typedef struct estate_notification {
    const char *name;
    estate_destination to;
    const json_t *on, *partners; /* arrays of kinds and names; NULL: of all */
    int64_t after_ms, again_ms;
    estate_retry retry;
    bool enabled;
} estate_notification;

typedef struct estate_script {
    const char *name, *hash; /* hash: 12 hex digits of the SHA-256 of the source */
    span source;
} estate_script;

typedef struct estate_schema {
    const char *name, *hash; /* hash: as of a script */
    span source;
} estate_schema;

typedef struct estate {
    int64_t generation; /* grows with every snapshot */
    estate_station *stations;
    estate_partner *partners;
    estate_connection *connections;
    estate_flow *flows;
    estate_endpoint *endpoints;
    estate_script *scripts;
    estate_schema *schemas;
    estate_notification *notifications;
    size_t station_count, partner_count, connection_count, flow_count, endpoint_count, script_count, schema_count;
    size_t notification_count;
    map *tables;     /* name → json_t object of rows */
    json_t *objects; /* what it was built from */
    struct estate_memory *memory;
} estate;

/* The kinds in the order in which they refer to each other, NULL at the end: "stations", "partners", … */
extern const char *const estate_kind_names[];

/* The table of settings of a kind; a connection's depends on its adapter and is the common part here. NULL: unknown
 * kind. */
const setting *estate_settings(const char *kind);

/* Which member names an object of that kind: "name", or "route" for endpoints. */
const char *estate_name_member(const char *kind);

/* Builds a snapshot from objects as store_objects gives them: [{"kind","name","revision","body"}]. Faults name the
 * place as
 * "/connections/acme/host"; with any fault *out is NULL. */
void estate_build(const json_t *objects, estate **out, fault_list *faults);

/* The value of a secret setting as it stands in a stored object: an object with the member "sealed". */
bool estate_is_sealed(const json_t *value);

estate *estate_hold(estate *e);
void estate_release(estate *e); /* NULL is fine; the last one frees it */

const estate_station *estate_find_station(const estate *e, const char *name);
const estate_connection *estate_find_connection(const estate *e, const char *name); /* NULL: none */
/* The connection of that kind between these AS2 names; NULL: none. `to` alone: any of that station. */
const estate_connection *estate_find_exchange(const estate *e, const char *kind, const char *from, const char *to);
/* The body of a configured object ("certificates", "us-2026"); NULL: none. */
const json_t *estate_find_object(const estate *e, const char *kind, const char *name);
const estate_partner *estate_find_partner(const estate *e, const char *name);
const estate_flow *estate_find_flow(const estate *e, const char *name);
const estate_endpoint *estate_find_endpoint(const estate *e, const char *route);
const estate_script *estate_find_script(const estate *e, const char *name);
const estate_schema *estate_find_schema(const estate *e, const char *name);
const estate_notification *estate_find_notification(const estate *e, const char *name);
/* The partner with this identity in that standard ("X12", "EDIFACT"); NULL: nobody. */
const estate_partner *estate_partner_by_id(const estate *e, const char *standard, const char *id);

/* The identity a station or partner has in that standard; "" when none. */
const char *estate_station_id(const estate_station *station, const char *standard);
const char *estate_partner_id(const estate_partner *partner, const char *standard);
/* Is that the partner's identity, as an envelope gives it? False when the partner has none in that standard. */
bool estate_is_partner_id(const estate_partner *partner, const char *standard, const char *id);
/* Is that the identity of none of our stations, as an envelope gives it? False when none has one in that standard: then
 * nothing can be told. */
bool estate_is_nobody_of_us(const estate *e, const char *standard, const char *id);

#endif
