/* core/flow/interchange.h: which interchanges came before, known by who sent them to whom under what number.
 *
 * For process.c. The same bytes are processed once; another content under the same number is a slip of its sender,
 * which people see, or which is refused (`duplicate_interchanges` of the partner). `first` is the first document that
 * was found in a message, NULL when there is none; without a control number nothing is known and nothing claimed.
 */
#ifndef BANYAN_CORE_FLOW_INTERCHANGE_H
#define BANYAN_CORE_FLOW_INTERCHANGE_H

#include "core/store/store.h"

/* The message that brought the number of `first` before, with any content; "" when none but `message` itself did. */
must_check error *interchange_find_other(store *s, const json_t *first, const json_t *message, char other[ID_SIZE]);

/* The same, but "" also when the bytes of `message` came before: they are a duplicate, whatever came besides. */
must_check error *interchange_find_repeated(store *s, const json_t *first, const json_t *message, char other[ID_SIZE]);

/* Claims the bytes under their number; with `once` the number too, so that of two contents that come at the same time
 * one finds it taken. */
void interchange_claim(store_change *change, const json_t *first, const json_t *message, bool once);

#endif
