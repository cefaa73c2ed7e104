/* core/script/hint.h: what was probably meant, behind the words of an error that Lua raised.
 *
 * For people who write Lua once a month: the mistakes that they make are few, and Lua names each by its cause in the
 * machine. Asked only when a run has failed. Pure.
 */
#ifndef BANYAN_CORE_SCRIPT_HINT_H
#define BANYAN_CORE_SCRIPT_HINT_H

#include "core/base/buf.h"

/* Adds "; …" to `out` when the error's text, and the message in hand, tell what was meant; nothing else. `missing`
 * names what a script asked a document for last and did not get ("segment N1 ST", "BEG04"); "" when there is nothing.
 */
void hint_add(span text, span payload, const char *missing, buf *out);

#endif
