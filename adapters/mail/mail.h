/* adapters/mail/mail.h: messages to people, by a mail server. */
#ifndef BANYAN_ADAPTERS_MAIL_MAIL_H
#define BANYAN_ADAPTERS_MAIL_MAIL_H

#include "adapters/adapter.h"

extern const adapter adapter_mail;

#endif
