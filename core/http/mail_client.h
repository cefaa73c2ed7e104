/* core/http/mail_client.h: hands messages over to a mail server (SMTP, RFC 5321), by libcurl.
 *
 * For couriers: calls block, up to the time-outs. A client keeps its connection for the next call.
 */
#ifndef BANYAN_HTTP_MAIL_CLIENT_H
#define BANYAN_HTTP_MAIL_CLIENT_H

#include "core/http/client.h"

/* One message (RFC 5322): text is shown as its body, anything else is an attachment. */
typedef struct mail_letter {
    const char *from;         /* an address */
    const char *const *to;    /* addresses, ended by a NULL */
    const char *subject;      /* UTF-8 */
    const char *identity;     /* makes its Message-ID: the same letter sent again has the same */
    const char *filename;     /* of what is attached */
    const char *content_type; /* NULL: not known */
    uint64_t size;
    error *(*read)(void *context, char *into, size_t room, size_t *len); /* *len 0: the end */
    error *(*rewind)(void *context);
    void *context;
} mail_letter;

typedef struct mail_client mail_client;

mail_client *mail_client_new(const server_options *options);
void mail_client_free(mail_client *c); /* NULL is fine */

/* Done once the server has taken responsibility for it. ERROR_REJECTED: it never will (5xx); ERROR_DENIED (login,
 * certificate), ERROR_UNREACHABLE, ERROR_TIMEOUT, with the server's words. */
must_check error *mail_send(mail_client *c, const mail_letter *letter);

must_check error *mail_probe(mail_client *c); /* connects, logs in */

/* Can that be one (RFC 5321 §4.1.2, without quoted local parts)? */
must_check error *mail_check_address(const char *text);

#endif
