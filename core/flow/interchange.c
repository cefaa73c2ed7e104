/* core/flow/interchange.c: see interchange.h. */
#include "core/flow/interchange.h"

#include "core/base/json.h"
#include "core/base/memory.h"

#include <stdlib.h>

/* "X12|01:123456789|ZZ:BANYAN|000000001|", behind which stands the digest of what came; NULL: it has no number. */
static char *number_of(const json_t *first) {
    const char *control = first ? json_get_text(first, "interchange_control", NULL) : NULL;
    if (!control) return NULL;
    return xasprintf("%s|%s|%s|%s|", json_get_text(first, "standard", ""), json_get_text(first, "sender", ""),
        json_get_text(first, "receiver", ""), control);
}

static error *find(store *s, const char *below, char id[ID_SIZE]) {
    id[0] = '\0';
    error *err = store_claimed_below(s, "interchange", below, id);
    if (!err || error_code_of(err) != ERROR_NOT_FOUND) return err;
    error_free(err);
    id[0] = '\0';
    return NULL;
}

error *interchange_find_other(store *s, const json_t *first, const json_t *message, char other[ID_SIZE]) {
    char *number = number_of(first);
    other[0] = '\0';
    if (!number) return NULL;
    error *err = find(s, number, other);
    free(number);
    if (strcmp(other, json_get_text(message, "id", "")) == 0) other[0] = '\0';
    return err;
}

error *interchange_find_repeated(store *s, const json_t *first, const json_t *message, char other[ID_SIZE]) {
    char same[ID_SIZE];
    error *err = interchange_find_other(s, first, message, other);
    if (err || !other[0]) return err;
    char *number = number_of(first), *key = xasprintf("%s%s", number, json_get_text(message, "sha256", ""));
    err = find(s, key, same);
    if (same[0]) other[0] = '\0';
    free(number);
    free(key);
    return err;
}

void interchange_claim(store_change *change, const json_t *first, const json_t *message, bool once) {
    char *number = number_of(first);
    if (!number) return;
    char *key = xasprintf("%s%s", number, json_get_text(message, "sha256", ""));
    store_claim_key(change, "interchange", key, json_get_text(message, "id", ""));
    if (once) store_claim_key(change, "interchange-number", number, json_get_text(message, "id", ""));
    free(number);
    free(key);
}
