/* core/app/client.h: the command line's way to a running appliance: its admin API.
 *
 * Where it is: BANYAN_URL, else DATA/admin.url, else http://127.0.0.1:8081. Who asks: BANYAN_API_KEY, else
 * DATA/admin.key. DATA is BANYAN_DATA, else ./banyan-data, else /var/lib/banyan. The key of the data directory is only
 * ever sent to this machine. BANYAN_CA names the PEM file of an authority of one's own, for https. One request at a
 * time, blocking; used by the cmd_*.c files alone.
 */
#ifndef BANYAN_CORE_APP_CLIENT_H
#define BANYAN_CORE_APP_CLIENT_H

#include "core/base/json.h"

typedef struct client client;

must_check error *client_open(client **out);
void client_close(client *c); /* NULL is fine */
const char *client_url(const client *c);

#define CLIENT_SIZE_UNKNOWN UINT64_MAX

/* Bytes that are sent or received besides JSON. */
typedef struct client_transfer {
    int send_fd;    /* the body comes from here when >= 0; `send` is used otherwise */
    span send;      /* {NULL, 0}: no body */
    uint64_t size;  /* of what send_fd gives, or CLIENT_SIZE_UNKNOWN */
    int receive_fd; /* a 2xx body goes here when >= 0 (a file open for reading too takes it directly), else
                        it is kept in the answer */
    const char *content_type;
    bool only_new; /* refused with ERROR_CONFLICT when there is such an object already (If-None-Match: *) */
} client_transfer;

typedef struct client_answer {
    int status;
    json_t *body; /* the JSON of the answer or of its problem; NULL when it had none */
    char *next;   /* path and query of the next page (Link: rel="next"), NULL: none */
} client_answer;

/* One request: `path` begins with "/". An error only when there is no answer: ERROR_UNREACHABLE and what to do about
 * it. */
must_check error *client_request(
    client *c, const char *method, const char *path, const json_t *body, client_answer *answer);
must_check error *client_transfer_request(
    client *c, const char *method, const char *path, const client_transfer *transfer, client_answer *answer);
void client_answer_free(client_answer *answer);

/* NULL for a 2xx status; else the problem as an error: its detail (RFC 9457), the place it names, and for a refused key
 * what to do. */
must_check error *client_problem(const client_answer *answer);

/* A request whose answer must be a success; *reply is its JSON, a new reference (NULL when it had none). `reply` may be
 * NULL. */
must_check error *client_call(client *c, const char *method, const char *path, const json_t *body, json_t **reply);

/* PUT of an object that must not be there yet: ERROR_CONFLICT when it is. */
must_check error *client_create(client *c, const char *path, const json_t *body, json_t **reply);

/* All pages of a collection, at most `maximum` items (0: all), as one array. */
must_check error *client_collect(client *c, const char *path, size_t maximum, json_t **items);

/* `text` percent-encoded as one segment of a path (RFC 3986 §2.3), appended. */
void client_path_add(buf *path, const char *text);

#endif
