/* core/script/charset.h: character sets of one byte a character, to and from UTF-8: what files of old systems are in.
 *
 * Own tables rather than iconv(3), which reads its own from the file system; translators have none. UTF-8, US-ASCII
 * and ISO 8859-1 need no table.
 */
#ifndef BANYAN_CORE_SCRIPT_CHARSET_H
#define BANYAN_CORE_SCRIPT_CHARSET_H

#include <lua.h>
#include <stdint.h>

typedef struct charset {
    const char *name;         /* "ibm037" */
    uint16_t characters[256]; /* by byte; 0: none, but for byte 0 */
} charset;

extern const charset charsets[]; /* ended by one without name */

/* The module `charset.core`, under lib/text.lua: decode(bytes, name) and encode(text, name, substitute), both → text;
 * names in any case. Raises on an unknown name, on a byte or character that the set has not got (encode: when there is
 * no substitute) with its position, and on text that is not UTF-8. */
int library_charset(lua_State *L);

#endif
