/* core/script/lua_xml.h: what the parts of the module `xml.core` share. */
#ifndef BANYAN_CORE_SCRIPT_LUA_XML_H
#define BANYAN_CORE_SCRIPT_LUA_XML_H

#include <libxml/tree.h>
#include <lua.h>
#include <stdbool.h>

/* Parses the text at `index`; the tree lives as long as the value that is left on the stack for it. A fault rejects the
 * message when `reject`, else it is an error. */
xmlDocPtr xml_parse(lua_State *L, int index, bool reject);

/* Pushes the table of an element with all below it. */
void xml_push_tree(lua_State *L, const xmlNode *root);

/* Functions of the module, in lua_xml_query.c. */
int xml_query(lua_State *L);
int xml_validate(lua_State *L);

#endif
