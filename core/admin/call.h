/* core/admin/call.h: one request of the admin API in the hands of its handler. Private to core/admin. */
#ifndef BANYAN_CORE_ADMIN_CALL_H
#define BANYAN_CORE_ADMIN_CALL_H

#include "core/admin/admin.h"

struct admin {
    admin_options options;
    int64_t started_ms; /* monotonic */
    struct streams *streams;
};

typedef struct call {
    admin *admin;
    http_request *request;
    principal caller; /* role ROLE_COUNT: nobody (public routes) */
    bool by_session;
    char csrf[SESSION_TOKEN_ROOM];
    char *parts[4]; /* what the path's variables stand for, in order; owned */
    const struct route *route;
    payload_writer *spill; /* of a large payload that came; taken by the handler */
} call;

/* A handler answers by what it returns: a response, or an error that becomes a problem. Exactly one is set. */
typedef error *handler(call *c, http_response **response);

/* A pattern's "*" takes one part of the path, "**" all that is left, but for what the pattern
 * names behind it. A table of routes ends with a NULL method. */
typedef struct route {
    const char *method, *pattern;
    role least;      /* ROLE_COUNT: public */
    handler *handle; /* NULL: server-sent events */
    const char *summary;
} route;

/* What a route takes besides its path, and what it answers. Names of schemas are those of openapi_schemas.c; "any" is
 * JSON without a schema, "bytes" a payload, "page NAME" a list of them with a Link to the next. */
typedef struct shape {
    const char *method, *pattern; /* those of the route */
    const char *query;            /* names of parameters, separated by blanks; NULL: none */
    const char *takes;            /* the body; NULL: none is needed */
    const char *gives;            /* the answer; NULL: any JSON */
    int status;                   /* of a good answer; 0: 200 */
    bool tagged;                  /* the object has an ETag, and If-Match is held */
    bool bytes;                   /* the body is a payload of any type, not JSON */
    bool large;                   /* … as large as any payload may be: it goes to a file */
} shape;

const shape *admin_shape(const route *r);

enum { HISTORY_HOURS_MAX = 24 * 366 }; /* of /stats/history */
/* {"message": {...}, "stations": {...}}: new reference. */
json_t *openapi_schemas(void);

const route *admin_routes(void);

/* Responses and readers that handlers share. */
http_response *call_json(int status, json_t *take);
/* {"items": …, "next": …} with its Link header for the next page. */
http_response *call_page(call *c, json_t *take);
/* NULL when absent; copied to `text`, as much of it as has room. */
const char *call_parameter(call *c, const char *name, char *text, size_t room);
must_check error *call_flag(call *c, const char *name, bool *flag); /* ?name=true or false; as it was when absent */
must_check error *call_limit(call *c, int *limit);                  /* ?limit=, 1 to 1000, 50 when absent */
must_check error *call_body_json(call *c, json_t **body);
/* What If-Match and If-None-Match: * say of the revision to be changed, as store_put_object takes it. */
int64_t call_expected(call *c);
/* An object with its revision as ETag; 304 when a reader's If-None-Match names it (RFC 9110 §13.1.2). */
http_response *call_tagged(call *c, int status, int64_t revision, json_t *take);
/* A member of `body` that `known` (ended by a NULL) does not list: ERROR_REJECTED, with the nearest one. */
must_check error *call_members(const json_t *body, const char *const *known);
/* ERROR_REJECTED when the body names another object than the path does. */
must_check error *call_name(call *c, const json_t *body);
/* The session token of the cookie, copied to `token`; false when there is none. */
bool call_cookie(call *c, char *token, size_t room);
/* A list of faults as one 422 problem with "errors": [{"pointer","detail"}]. */
http_response *call_faults(const fault_list *faults);

/* The handlers, by file. */
handler session_create, session_show, session_end;                                                     /* session.c */
handler message_list, message_show, message_payload, message_events, message_resend, message_evidence; /* messages.c */
handler document_list, job_list, acknowledgement_list, audit_list, stats_show;                         /* messages.c */
handler object_list, object_show, object_put, object_remove, estate_apply, estate_describe;            /* objects.c */
handler connection_send, connection_probe, connection_test, connection_call;                  /* connections.c */
handler user_list, user_show, user_put, user_remove, key_list, key_show, key_add, key_revoke; /* users.c */
handler health_show, ready_show, metrics_show, backup_make, restore_release, openapi_show;    /* probes.c */
handler history_show, partners_show, message_explain, certificate_inspect, connection_list;   /* insight.c */
handler appliance_show;                                                                       /* insight.c */
handler offer_list, offer_send, offer_accept, offer_refuse;                                   /* offers.c */
handler alert_list, notification_test;                                                        /* alerts.c */
handler preferences_show, preferences_put;                                                    /* insight.c */
handler switch_list, switch_show, switch_put, switch_back, switch_history, switch_differences,
    switch_forget; /* switches.c */
handler ui_show;   /* ui.c */

handler draft_show, draft_put, draft_remove, version_list, version_show;                      /* scripts.c */
handler script_publish, script_rollback, sample_list, sample_show, sample_put, sample_remove; /* scripts.c */
handler script_check_source, script_run_once, script_test_now, script_replay;                 /* workbench.c */
handler script_structure, library_show, template_list;                                        /* workbench.c */

/* The users of an estate: what is done with each goes to `changes`, as config_apply tells it. */
void users_apply(call *c, const json_t *users, bool dry_run, json_t *changes, fault_list *faults);

/* /api/v1/events keeps its request: it answers by itself. */
void streams_open(struct streams *s, http_request *request);
struct streams *streams_new(void);
void streams_free(struct streams *s);
void streams_tell(struct streams *s, const store_news *news, size_t count);
void streams_close(struct streams *s);

#endif
