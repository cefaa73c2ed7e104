/* core/flow/expiry.h: tells in time that a certificate of an exchange will end. */
#ifndef BANYAN_CORE_FLOW_EXPIRY_H
#define BANYAN_CORE_FLOW_EXPIRY_H

#include "core/flow/estate.h"

/* Warns in the log of certificates and keys in use by exchanges that end within 60, 30, 7 or 1 days, or have ended;
 * each once a day, and once at the start. `told` is what was told: name → day, owned by the caller (map_free(m, free)).
 */
void expiry_look(const estate *e, map *told);

/* Days until the certificate ends, rounded down; negative once it has. False when its end is not known. */
bool expiry_days(const estate *e, const char *certificate, int64_t now_ms, int64_t *days);

#endif
